//! What the loops find, against a search that looks at one element after the other.

use super::loops::{Best, MOST, Positions};
use crate::chunk::tiling::FAN_IN;
use crate::cpu::isa::{self, Isa};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::op::reduction::Extreme;

const ORDERED: [DType; 11] = [
    DType::Bool,
    DType::I8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::U8,
    DType::U16,
    DType::U32,
    DType::U64,
    DType::F32,
    DType::F64,
];

const LENGTHS: [usize; 30] = [
    0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20, 31, 32, 33, 47, 48, 49, 60, 63, 64, 65, 200, 255, 256, 257, 4095,
    MOST,
];

/// The first of the best, by definition.
fn search(line: &[f64], extreme: Extreme) -> Option<usize> {
    if let Some(at) = line.iter().position(|x| x.is_nan()).filter(|_| !extreme.skip_nan) {
        return Some(at);
    }
    let mut best: Option<usize> = None;
    for (at, &x) in line.iter().enumerate().filter(|(_, x)| !x.is_nan()) {
        let beats = |before: usize| if extreme.largest { x > line[before] } else { x < line[before] };
        if best.is_none_or(beats) {
            best = Some(at);
        }
    }
    best
}

/// Elements of a line as a block has them, aligned.
fn stored(line: &[f64], dtype: DType) -> Vec<u64> {
    let size = dtype.size();
    let mut words = vec![0u64; (line.len() * size).div_ceil(8)];
    let bytes = bytemuck::cast_slice_mut::<u64, u8>(&mut words);
    for (&x, slot) in line.iter().zip(bytes.chunks_exact_mut(size)) {
        let scalar = match dtype {
            DType::Bool => Scalar::Bool(x > 0.0),
            _ if dtype.is_inexact() => Scalar::Float(x),
            _ => Scalar::Int(x as i128),
        };
        slot.copy_from_slice(&scalar.to_bytes(dtype)[..size]);
    }
    words
}

/// Lines of `n` elements that `dtype` has: without an order, with ties, with the extreme at every place, and the like.
fn lines(n: usize, dtype: DType) -> Vec<Vec<f64>> {
    let (low, high) = match dtype {
        DType::Bool => (0.0, 1.0),
        DType::I8 => (-128.0, 127.0),
        DType::U8 => (0.0, 255.0),
        DType::U16 | DType::U32 | DType::U64 => (0.0, 60_000.0),
        _ => (-30_000.0, 30_000.0),
    };
    let any = |i: usize, salt: usize| low + ((i * 7919 + salt * 104_729) % 1009) as f64 / 1008.0 * (high - low);
    let line = |f: &dyn Fn(usize) -> f64| (0..n).map(f).map(f64::round).collect::<Vec<f64>>();
    let few = |i: usize| if dtype == DType::Bool { f64::from(u8::from(i % 7 == 3)) } else { (i * 7 % 3) as f64 };
    let mut all = vec![
        line(&|i| any(i, 1)),
        line(&|i| if dtype == DType::Bool { few(i) } else { any(n - i, 2) }),
        line(&few),
        line(&|_| low),
        line(&|_| high),
    ];
    let places = (0..n).step_by((n / 24).max(1)).chain(n.checked_sub(1));
    for at in places {
        let (mut peak, mut pit) = (line(&|i| any(i, 3).min(high - 1.0).max(low)), line(&|_| high));
        (peak[at], pit[at]) = (high, low);
        all.extend([peak, pit]);
        if dtype.is_inexact() {
            let (mut one, mut two, mut only) = (line(&|i| any(i, 4)), line(&|i| any(i, 5)), vec![f64::NAN; n]);
            one[at] = f64::NAN;
            (two[at], two[n / 2], two[n - 1]) = (f64::NEG_INFINITY, f64::INFINITY, f64::INFINITY);
            only[at] = f64::NEG_INFINITY;
            let mut both = two.clone();
            (both[n / 3], both[n / 2]) = (f64::NAN, f64::NAN);
            all.extend([one, two, only, both]);
        }
    }
    if dtype.is_inexact() {
        all.extend([vec![f64::NAN; n], line(&|i| if i % 3 == 1 { -0.0 } else { 0.0 })]);
        all.extend([vec![f64::INFINITY; n], vec![f64::NEG_INFINITY; n]]);
    }
    all
}

fn loops(dtype: DType) -> impl Iterator<Item = (Extreme, Isa, Positions)> {
    let kinds = [(false, false), (true, false), (false, true), (true, true)];
    let kinds = kinds.map(|(largest, skip_nan)| Extreme { largest, skip_nan });
    let sets = [Isa::Baseline, Isa::Avx2, Isa::Avx512].into_iter().filter(|&isa| isa <= isa::best());
    sets.flat_map(move |isa| kinds.map(|extreme| (extreme, isa, Positions::of(extreme, dtype, isa).unwrap())))
}

#[test]
fn lines_of_any_length_have_the_first_of_the_best() {
    for (dtype, n) in ORDERED.into_iter().flat_map(|dtype| LENGTHS.map(|n| (dtype, n))) {
        for line in lines(n, dtype) {
            let words = stored(&line, dtype);
            for (extreme, isa, loops) in loops(dtype) {
                let mut best = Best::default();
                // SAFETY: there are `n` elements.
                unsafe { (loops.along)(words.as_ptr().cast(), n, 0, &mut best) };
                assert_eq!(best.at, search(&line, extreme), "{extreme:?} of {n} {dtype} with {isa:?}: {line:?}");
                if let Some(at) = best.at {
                    let size = dtype.size();
                    let element = &bytemuck::cast_slice::<u64, u8>(&words)[at * size..][..size];
                    assert_eq!(&best.element[..size], element, "{extreme:?} of {n} {dtype} with {isa:?}: {line:?}");
                }
            }
        }
    }
}

#[test]
fn a_line_in_pieces_is_the_line() {
    for (dtype, n) in ORDERED.into_iter().flat_map(|dtype| [2, 33, 200, 1000].map(|n| (dtype, n))) {
        for line in lines(n, dtype) {
            for (extreme, isa, loops) in loops(dtype) {
                for piece in [1, 16, 37] {
                    let mut best = Best::default();
                    for at in (0..n).step_by(piece) {
                        let words = stored(&line[at..n.min(at + piece)], dtype);
                        // SAFETY: there are so many elements.
                        unsafe { (loops.along)(words.as_ptr().cast(), piece.min(n - at), at, &mut best) };
                    }
                    assert_eq!(best.at, search(&line, extreme), "{extreme:?} of {n} {dtype} with {isa:?}: {line:?}");
                }
            }
        }
    }
}

#[test]
fn lines_side_by_side_have_the_first_of_the_best() {
    for (dtype, n) in ORDERED.into_iter().flat_map(|dtype| [1, 2, 15, 16, 17, 60].map(|n| (dtype, n))) {
        let lines = lines(n, dtype);
        for count in [1, 15, 16, 17, 31, 32, 33, 64, 65, 250] {
            let side: Vec<&Vec<f64>> = lines.iter().cycle().take(count).collect();
            let rows: Vec<Vec<u64>> =
                (0..n).map(|k| stored(&side.iter().map(|line| line[k]).collect::<Vec<f64>>(), dtype)).collect();
            for (extreme, isa, loops) in loops(dtype) {
                let (mut best, mut places) = (vec![0u64; count], vec![0i64; count]);
                let to = best.as_mut_ptr().cast::<u8>();
                for (group, rows) in rows.chunks(FAN_IN).enumerate() {
                    let rows: Vec<*const u8> = rows.iter().map(|row| row.as_ptr().cast()).collect();
                    // SAFETY: every row has `count` elements, and there is room for as many.
                    unsafe { (loops.across)(&rows, group * FAN_IN, to, places.as_mut_ptr(), count) };
                }
                for (k, line) in side.iter().enumerate() {
                    // SAFETY: it has `count` elements.
                    let nothing = unsafe { (loops.is_nothing)(to.add(k * dtype.size())) };
                    let found = (!nothing).then(|| usize::try_from(places[k]).unwrap());
                    assert_eq!(found, search(line, extreme), "{extreme:?} of {n} {dtype} with {isa:?}: {line:?}");
                }
            }
        }
    }
}

#[test]
fn the_ends_of_wide_integers_are_told_apart() {
    let signed = [i64::MIN + 1, i64::MIN, i64::MAX - 1, i64::MAX, 0, i64::MAX, i64::MIN];
    let unsigned = [1, 0, u64::MAX - 1, u64::MAX, 7, u64::MAX, 0];
    let find = |dtype: DType, from: *const u8, largest: bool| {
        let loops = Positions::new(Extreme { largest, skip_nan: false }, dtype).unwrap();
        let mut best = Best::default();
        // SAFETY: there are seven elements.
        unsafe { (loops.along)(from, 7, 0, &mut best) };
        best.at
    };
    for (largest, place) in [(true, 3), (false, 1)] {
        assert_eq!(find(DType::I64, signed.as_ptr().cast(), largest), Some(place));
        assert_eq!(find(DType::U64, unsigned.as_ptr().cast(), largest), Some(place));
    }
}
