//! Loops that join neighbouring states of a strip over distances 1, 2, 4, ...: the same operations on the same operands
//! as the program that joins two states, run for each distance, so the bits are the same.

use super::isa::{self, Isa};
use crate::dtype::DType;
use crate::op::elementwise::{Apply, ElementOp, marker};
use crate::op::program::{Inst, Program};

/// A loop over `n` states, which go back and forth between two places; they begin in the first. Whether they end in the
/// second.
///
/// # Safety
/// Both places are aligned, valid for `n` states, and apart.
pub(super) type DoublingLoop = unsafe fn(first: *mut u8, second: *mut u8, n: usize) -> bool;

/// The loop for a program that joins two states, where there is one.
pub(super) fn doubling_loop(combine: &Program) -> Option<DoublingLoop> {
    let [output] = combine.outputs[..] else { return None };
    let Inst::Op(op, dtype, [a, b]) = combine.insts[output] else { return None };
    let in_order = matches!((&combine.insts[a], &combine.insts[b]), (Inst::Input(0), Inst::Input(1)));
    (in_order && op.arity() == 2).then(|| of(op, dtype, isa::best())).flatten()
}

fn of(op: ElementOp, dtype: DType, isa: Isa) -> Option<DoublingLoop> {
    macro_rules! loops {
        ($($D:ident $T:ty: $($Op:ident)*;)*) => {
            match (op, dtype) {
                $($((ElementOp::$Op, DType::$D) => Some(pick::<marker::$Op, $T>(isa)),)*)*
                _ => None,
            }
        };
    }
    loops! {
        I64 i64: Add Multiply Maximum Minimum;
        U64 u64: Add Multiply Maximum Minimum;
        F64 f64: Add Multiply Maximum Minimum Fmax Fmin;
        F32 f32: Maximum Minimum Fmax Fmin;
        I32 i32: Maximum Minimum;
        I16 i16: Maximum Minimum;
        U8 u8: Maximum Minimum;
    }
}

/// States that are joined at once.
const LANES: usize = 8;

#[inline(always)]
unsafe fn body<O: Apply<A, 2, Out = A>, A: Copy, const FMA: bool>(first: *mut u8, second: *mut u8, n: usize) -> bool {
    let (mut from, mut to) = (first.cast::<A>(), second.cast::<A>());
    let (mut distance, mut swapped) = (1, false);
    while distance < n {
        // SAFETY: all of this is among the `n` states of either place, as the caller of a `DoublingLoop` upholds.
        unsafe {
            let join = |at: usize| {
                let low = from.add(at - distance).cast::<[A; LANES]>().read();
                let high = from.add(at).cast::<[A; LANES]>().read();
                let mut joined = high;
                for lane in 0..LANES {
                    joined[lane] = O::apply::<FMA>([low[lane], high[lane]]);
                }
                to.add(at).cast::<[A; LANES]>().write(joined);
            };
            std::ptr::copy_nonoverlapping(from, to, distance);
            if n - distance < LANES {
                for at in distance..n {
                    *to.add(at) = O::apply::<FMA>([*from.add(at - distance), *from.add(at)]);
                }
            } else {
                let mut at = distance;
                while at + LANES <= n {
                    join(at);
                    at += LANES;
                }
                // The last ones, some of which were joined already, to the same.
                if at < n {
                    join(n - LANES);
                }
            }
        }
        (from, to, swapped) = (to, from, !swapped);
        distance *= 2;
    }
    swapped
}

unsafe fn baseline<O: Apply<A, 2, Out = A>, A: Copy>(first: *mut u8, second: *mut u8, n: usize) -> bool {
    // SAFETY: passed on unchanged.
    unsafe { body::<O, A, false>(first, second, n) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<O: Apply<A, 2, Out = A>, A: Copy>(first: *mut u8, second: *mut u8, n: usize) -> bool {
    // SAFETY: passed on unchanged.
    unsafe { body::<O, A, true>(first, second, n) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn avx512<O: Apply<A, 2, Out = A>, A: Copy>(first: *mut u8, second: *mut u8, n: usize) -> bool {
    // SAFETY: passed on unchanged.
    unsafe { body::<O, A, true>(first, second, n) }
}

fn pick<O: Apply<A, 2, Out = A>, A: Copy>(isa: Isa) -> DoublingLoop {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::<O, A>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::<O, A>,
        _ => baseline::<O, A>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::strip::{Machine, STRIP};
    use crate::op::scan::SCANS;

    /// The states of `first`, joined by the program over one distance after the other.
    fn joined(combine: &Program, first: &[u8], size: usize) -> Vec<u8> {
        let mut machine = Machine::new(combine).unwrap();
        let (mut states, n) = (first.to_vec(), first.len() / size);
        let mut distance = 1;
        while distance < n {
            // Aligned copies of both sides.
            let wide = |bytes: &[u8]| {
                let mut words = vec![0u64; bytes.len().div_ceil(8)];
                bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
                words
            };
            let (low, high) = (wide(&states[..(n - distance) * size]), wide(&states[distance * size..]));
            let mut out = vec![0u64; high.len()];
            machine.set_input(0, low.as_ptr().cast());
            machine.set_input(1, high.as_ptr().cast());
            machine.set_output(0, out.as_mut_ptr().cast());
            // SAFETY: there are so many states on both sides and in the output.
            unsafe { machine.run(n - distance) };
            let bytes = bytemuck::cast_slice::<u64, u8>(&out);
            states[distance * size..].copy_from_slice(&bytes[..(n - distance) * size]);
            distance *= 2;
        }
        states
    }

    #[test]
    fn strips_of_any_length_have_the_bits_of_the_program() {
        let mut loops = 0;
        for (scan, dtype) in SCANS.iter().flat_map(|scan| DType::ALL.map(|dtype| (scan, dtype))) {
            let Ok(scanner) = scan.scanner(dtype, None) else { continue };
            let (state, combine) = (scanner.state(), &scanner.combine);
            if doubling_loop(combine).is_none() {
                continue;
            }
            loops += 1;
            let Inst::Op(op, ..) = combine.insts[combine.outputs[0]] else { panic!("a loop is of an operation") };
            for n in [1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 33, 60, 64, 127, 200, 255, STRIP] {
                let bytes: Vec<u8> = (0..n)
                    .flat_map(|i| match state {
                        DType::F64 if i % 41 == 40 => f64::NAN.to_ne_bytes().to_vec(),
                        DType::F64 => (if i % 5 == 0 { -0.0 } else { (i as f64 - 30.0) / 7.0 }).to_ne_bytes().to_vec(),
                        DType::F32 if i % 41 == 40 => f32::NAN.to_ne_bytes().to_vec(),
                        DType::F32 => ((i * 37 % 101) as f32 - 50.0).to_ne_bytes().to_vec(),
                        other => (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_ne_bytes()[..other.size()].to_vec(),
                    })
                    .collect();
                let expect = joined(combine, &bytes, state.size());
                for isa in [Isa::Baseline, Isa::Avx2, Isa::Avx512].into_iter().filter(|&isa| isa <= isa::best()) {
                    let run = of(op, state, isa).unwrap();
                    let (mut first, mut second) = (vec![0u64; n], vec![0u64; n]);
                    bytemuck::cast_slice_mut::<u64, u8>(&mut first)[..bytes.len()].copy_from_slice(&bytes);
                    // SAFETY: both have room for `n` states.
                    let swapped = unsafe { run(first.as_mut_ptr().cast(), second.as_mut_ptr().cast(), n) };
                    let got = bytemuck::cast_slice::<u64, u8>(if swapped { &second } else { &first });
                    assert!(got[..bytes.len()] == expect, "{} of {n} {dtype} with {isa:?}", scan.name);
                }
            }
        }
        assert!(loops > 40, "{loops}");
    }
}
