//! Sums of elements, each times a weight.
//!
//! Where the result is made of integers, it depends on every rounding, so numbers are added up in the order in which
//! SciPy does, without fused operations. Weights of which none is negative lose nothing in single precision.

use super::cells::{Cell, by_cell};
use super::{STRIP, Scratch, Windows, with_later};
use crate::cpu::isa::{self, Isa};
use crate::cpu::tables::output;
use crate::dtype::DType;
use crate::error::Result;
use crate::op::regional::filter::{Number, PassOp};
use crate::shape;
use bytemuck::Pod;
use std::ops::{Add, Mul, Sub};

/// What sums are made in.
trait Sum: Pod + Add<Output = Self> + Mul<Output = Self> + Sub<Output = Self> {
    /// The sum of nothing.
    const ZERO: Self;

    /// `x * y + z`, rounded once where `FMA` says so.
    fn onto<const FMA: bool>(x: Self, y: Self, z: Self) -> Self;
}

impl Sum for f64 {
    const ZERO: Self = 0.0;

    #[inline(always)]
    fn onto<const FMA: bool>(x: Self, y: Self, z: Self) -> Self {
        z + x * y
    }
}

impl Sum for f32 {
    const ZERO: Self = 0.0;

    #[inline(always)]
    fn onto<const FMA: bool>(x: Self, y: Self, z: Self) -> Self {
        if FMA { x.mul_add(y, z) } else { z + x * y }
    }
}

/// A sum of products as distances from the first element of a window, in order.
struct Taps<W> {
    /// What the sum begins with; 0 without.
    first: Option<(usize, W)>,
    /// Two elements with the same weight, or with one and its negative.
    pairs: Vec<(usize, usize, W)>,
    /// Whether the second of a pair is subtracted.
    odd: bool,
    /// The others.
    singles: Vec<(usize, W)>,
}

/// Weights along an axis as SciPy takes them: by pairs where they mirror each other.
fn taps(weights: &[Number], step: usize) -> Taps<f64> {
    let w: Vec<f64> = weights.iter().map(|n| n.value()).collect();
    let (n, half) = (w.len(), w.len() / 2);
    let mirrors =
        |sign: f64| n % 2 == 1 && (1..=half).all(|i| (w[half + i] - sign * w[half - i]).abs() <= f64::EPSILON);
    let even = mirrors(1.0);
    if even || mirrors(-1.0) {
        let pairs = (0..half).map(|i| (i * step, (n - 1 - i) * step, w[i])).collect();
        return Taps { first: Some((half * step, w[half])), pairs, odd: !even, singles: Vec::new() };
    }
    let singles = (0..n - 1).map(|i| (i * step, w[i])).collect();
    Taps { first: Some(((n - 1) * step, w[n - 1])), pairs: Vec::new(), odd: false, singles }
}

impl Taps<f64> {
    /// Whether single precision does: nothing cancels, and no weight vanishes.
    fn is_mild(&self) -> bool {
        let mild = |w: f64| w == 0.0 || w >= f32::MIN_POSITIVE.into();
        !self.odd
            && self.first.is_none_or(|f| mild(f.1))
            && self.pairs.iter().all(|p| mild(p.2))
            && self.singles.iter().all(|s| mild(s.1))
    }

    #[expect(clippy::cast_possible_truncation, reason = "to single precision")]
    fn single(&self) -> Taps<f32> {
        Taps {
            first: self.first.map(|(i, w)| (i, w as f32)),
            pairs: self.pairs.iter().map(|&(i, j, w)| (i, j, w as f32)).collect(),
            odd: self.odd,
            singles: self.singles.iter().map(|&(i, w)| (i, w as f32)).collect(),
        }
    }
}

/// Whether elements are as precise as single precision, or less.
fn is_single(dtype: DType) -> bool {
    matches!(dtype, DType::F16 | DType::BF16 | DType::F32)
}

/// The sums of all windows, as elements of `dtype`.
pub(super) fn run(windows: &Windows, dtype: DType, out: &mut [u8], border: &mut Scratch) -> Result<()> {
    let target = &windows.target.shape;
    let (taps, axis) = match &windows.pass.op {
        PassOp::Weighted { axis, weights } => (taps(weights, shape::size(&target[axis + 1..])), Some(*axis)),
        PassOp::Correlate { weights } => {
            let distances = windows.distances(weights.iter().map(|w| w.0));
            let singles = distances.into_iter().zip(weights).map(|(d, w)| (d, w.1.value())).collect();
            (Taps { first: None, pairs: Vec::new(), odd: false, singles }, None)
        }
        _ => (Taps { first: None, pairs: Vec::new(), odd: false, singles: Vec::new() }, None),
    };
    let (from, constant) = (windows.field.dtype, windows.pass.constant.value());
    if is_single(from) && is_single(dtype) && taps.is_mild() {
        #[expect(clippy::cast_possible_truncation, reason = "to single precision")]
        let constant = constant as f32;
        let elements = by_cell!(from, T => windows.bordered::<T, f32>(border, T::single, constant)?);
        by_cell!(dtype, T => sums(windows, axis, &taps.single(), elements, output(out)?, T::of_single));
        return Ok(());
    }
    let elements = by_cell!(from, T => windows.bordered::<T, f64>(border, T::wide, constant)?);
    by_cell!(dtype, T => sums(windows, axis, &taps, elements, output(out)?, T::narrow));
    Ok(())
}

/// The sums of all windows.
fn sums<W: Sum, T: Cell>(
    windows: &Windows,
    axis: Option<usize>,
    taps: &Taps<W>,
    from: &[W],
    out: &mut [T],
    narrow: impl Fn(W) -> T + Copy,
) {
    let strip = strip::<W>();
    let mut sums = [W::ZERO; STRIP];
    let each = |from_at: usize, at: usize, n: usize| {
        let sums = &mut sums[..n];
        strip(taps, &from[from_at..], sums);
        out[at..at + n].iter_mut().zip(sums).for_each(|(x, sum)| *x = narrow(*sum));
    };
    match axis {
        Some(axis) => windows.lines(axis, each),
        None => windows.rows(STRIP, each),
    }
}

/// The sums of neighbouring windows.
type Strip<W> = fn(&Taps<W>, &[W], &mut [W]);

/// The function that makes sums with the instructions of this machine.
fn strip<W: Sum>() -> Strip<W> {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn avx2<W: Sum>(taps: &Taps<W>, from: &[W], sums: &mut [W]) {
        body::<W, true>(taps, from, sums);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
    fn avx512<W: Sum>(taps: &Taps<W>, from: &[W], sums: &mut [W]) {
        body::<W, true>(taps, from, sums);
    }

    match isa::best() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `best` found these instructions on this machine.
        Isa::Avx512 => |taps, from, sums| unsafe { avx512(taps, from, sums) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx2 => |taps, from, sums| unsafe { avx2(taps, from, sums) },
        _ => body::<W, false>,
    }
}

/// Products that are added up before a sum is stored.
const ABREAST: usize = 4;

#[inline(always)]
fn body<W: Sum, const FMA: bool>(taps: &Taps<W>, from: &[W], sums: &mut [W]) {
    let n = sums.len();
    match taps.first {
        Some((at, weight)) => sums.iter_mut().zip(&from[at..at + n]).for_each(|(s, x)| *s = *x * weight),
        None => sums.fill(W::ZERO),
    }
    let (groups, rest) = taps.pairs.as_chunks::<ABREAST>();
    for group in groups {
        let (low, high) = (group.map(|t| &from[t.0..t.0 + n]), group.map(|t| &from[t.1..t.1 + n]));
        let weights = group.map(|t| t.2);
        if taps.odd {
            pairs(sums, low, high, |x, y, k, s| W::onto::<FMA>(x - y, weights[k], s));
        } else {
            pairs(sums, low, high, |x, y, k, s| W::onto::<FMA>(x + y, weights[k], s));
        }
    }
    for &(low, high, weight) in rest {
        let products = sums.iter_mut().zip(&from[low..low + n]).zip(&from[high..high + n]);
        if taps.odd {
            products.for_each(|((s, x), y)| *s = W::onto::<FMA>(*x - *y, weight, *s));
        } else {
            products.for_each(|((s, x), y)| *s = W::onto::<FMA>(*x + *y, weight, *s));
        }
    }
    let (groups, rest) = taps.singles.as_chunks::<ABREAST>();
    for group in groups {
        let ([a, b, c, d], weights) = (group.map(|t| &from[t.0..t.0 + n]), group.map(|t| t.1));
        for (i, sum) in sums.iter_mut().enumerate() {
            let first = W::onto::<FMA>(b[i], weights[1], W::onto::<FMA>(a[i], weights[0], *sum));
            *sum = W::onto::<FMA>(d[i], weights[3], W::onto::<FMA>(c[i], weights[2], first));
        }
    }
    for &(at, weight) in rest {
        sums.iter_mut().zip(&from[at..at + n]).for_each(|(s, x)| *s = W::onto::<FMA>(*x, weight, *s));
    }
}

/// Adds what `onto` makes of four pairs, one after another. Loops over strips are left to the compiler, which makes
/// vectors of them where it keeps them.
#[inline(always)]
fn pairs<W: Sum>(
    sums: &mut [W],
    [a, b, c, d]: [&[W]; ABREAST],
    [e, f, g, h]: [&[W]; ABREAST],
    onto: impl Fn(W, W, usize, W) -> W,
) {
    for (i, sum) in sums.iter_mut().enumerate() {
        let first = onto(b[i], f[i], 1, onto(a[i], e[i], 0, *sum));
        *sum = onto(d[i], h[i], 3, onto(c[i], g[i], 2, first));
    }
}

/// The means of windows along `axis`: sums of twice as many elements are made of two such, so that the length of a
/// window costs its logarithm, and no sum depends on where a block begins.
pub(super) fn mean(
    windows: &Windows,
    axis: usize,
    dtype: DType,
    out: &mut [u8],
    border: &mut Scratch,
    sums: &mut Scratch,
) -> Result<()> {
    let (from, constant) = (windows.field.dtype, windows.pass.constant.value());
    let elements = by_cell!(from, T => windows.bordered::<T, f64>(border, T::wide, constant)?);
    let size = windows.pass.window[axis];
    let step = shape::size(&windows.target.shape[axis + 1..]);
    let total = sums.elements::<f64>(elements.len())?;
    let (mut width, mut done) = (1, 0);
    loop {
        if size & width != 0 {
            let ahead = &elements[(done * step).min(elements.len())..];
            if done == 0 {
                total.copy_from_slice(ahead);
            } else {
                total.iter_mut().zip(ahead).for_each(|(t, x)| *t += x);
            }
            done += width;
        }
        if done == size {
            break;
        }
        with_later(elements, width * step, |a, b| a + b);
        width *= 2;
    }
    #[expect(clippy::cast_precision_loss, reason = "windows are short")]
    let size = size as f64;
    by_cell!(dtype, T => {
        let out: &mut [T] = output(out)?;
        windows.lines(axis, |from, at, n| {
            out[at..at + n].iter_mut().zip(&total[from..from + n]).for_each(|(x, sum)| *x = T::narrow(sum / size));
        });
    });
    Ok(())
}
