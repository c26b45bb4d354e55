//! One vector loop per operation, element type and instruction set, generated from the elementwise table.

use super::isa::Isa;
use crate::dtype::DType;
use crate::op::elementwise::{Apply, ElementOp, Truth, elementwise_table, for_class, marker};
use crate::op::math::{trig_in_range_f32, trig_in_range_f64};

/// The most arguments of an instruction.
pub(crate) const ARGS: usize = 5;

/// A loop over one strip: its arguments, a result, and the number of elements.
///
/// # Safety
/// The pointers are aligned for their element types and valid for `n` elements; the result does not overlap an
/// argument.
pub(crate) type StripLoop = unsafe fn(args: [*const u8; ARGS], out: *mut u8, n: usize);

#[inline(always)]
unsafe fn body1<O: Apply<A, 1>, A: Copy, const FMA: bool>(args: [*const u8; ARGS], out: *mut u8, n: usize) {
    // SAFETY: the caller upholds `StripLoop`: aligned, valid for `n`, disjoint.
    let (x, out) = unsafe {
        (std::slice::from_raw_parts(args[0].cast::<A>(), n), std::slice::from_raw_parts_mut(out.cast::<O::Out>(), n))
    };
    for (o, &x) in out.iter_mut().zip(x) {
        *o = O::apply::<FMA>([x]);
    }
}

#[inline(always)]
unsafe fn body2<O: Apply<A, 2>, A: Copy, const FMA: bool>(args: [*const u8; ARGS], out: *mut u8, n: usize) {
    // SAFETY: as in `body1`.
    let (x, y, out) = unsafe {
        (
            std::slice::from_raw_parts(args[0].cast::<A>(), n),
            std::slice::from_raw_parts(args[1].cast::<A>(), n),
            std::slice::from_raw_parts_mut(out.cast::<O::Out>(), n),
        )
    };
    for ((o, &x), &y) in out.iter_mut().zip(x).zip(y) {
        *o = O::apply::<FMA>([x, y]);
    }
}

/// Instances of a generic loop body for the instruction sets, and the one for `isa`.
macro_rules! instances {
    ($pick:ident, $body:ident, $n:literal, $baseline:ident, $avx2:ident, $avx512:ident) => {
        unsafe fn $baseline<O: Apply<A, $n>, A: Copy>(args: [*const u8; ARGS], out: *mut u8, n: usize) {
            // SAFETY: passed on unchanged.
            unsafe { $body::<O, A, false>(args, out, n) }
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn $avx2<O: Apply<A, $n>, A: Copy>(args: [*const u8; ARGS], out: *mut u8, n: usize) {
            // SAFETY: passed on unchanged.
            unsafe { $body::<O, A, true>(args, out, n) }
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
        unsafe fn $avx512<O: Apply<A, $n>, A: Copy>(args: [*const u8; ARGS], out: *mut u8, n: usize) {
            // SAFETY: passed on unchanged.
            unsafe { $body::<O, A, true>(args, out, n) }
        }

        fn $pick<O: Apply<A, $n>, A: Copy>(isa: Isa, heavy: bool) -> StripLoop {
            match isa {
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 if heavy => $avx512::<O, A>,
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 | Isa::Avx2 => $avx2::<O, A>,
                _ => $baseline::<O, A>,
            }
        }
    };
}
instances!(pick1, body1, 1, baseline1, avx2_1, avx512_1);
instances!(pick2, body2, 2, baseline2, avx2_2, avx512_2);

macro_rules! pick {
    ($Op:ident, $T:ty, $isa:expr, $heavy:expr, ($x:ident)) => {
        pick1::<marker::$Op, $T>($isa, $heavy)
    };
    ($Op:ident, $T:ty, $isa:expr, $heavy:expr, ($x:ident, $y:ident)) => {
        pick2::<marker::$Op, $T>($isa, $heavy)
    };
}

macro_rules! look_up {
    ($D:ident, $T:ty, $Op:ident, $dtype:expr, $isa:expr, $heavy:expr, $args:tt) => {
        if $dtype == DType::$D {
            return Some(pick!($Op, $T, $isa, $heavy, $args));
        }
    };
}

macro_rules! define_lookup {
    ($($(#[doc = $doc:literal])+ $Op:ident, $name:ident, $typing:ident, $args:tt, $domain:expr, $agree:ident $(($ulp:literal))? {
        $($class:ident => $out:ident: $e:expr, $cuda:literal;)*
    })*) => {
        $(#[allow(non_snake_case, reason = "one function per variant")]
        fn $Op(dtype: DType, isa: Isa) -> Option<StripLoop> {
            let heavy = dtype.is_inexact() && ElementOp::$Op.typing() == crate::op::elementwise::Typing::Inexact;
            $(for_class!($class, look_up, $Op, dtype, isa, heavy, $args);)*
            None
        })*

        fn table_loop(op: ElementOp, dtype: DType, isa: Isa) -> Option<StripLoop> {
            match op { $(ElementOp::$Op => $Op(dtype, isa)),* }
        }
    };
}
elementwise_table!(define_lookup);

/// The loop of `op` over elements of `dtype`, where the table has one.
pub(crate) fn element_loop(op: ElementOp, dtype: DType, isa: Isa) -> Option<StripLoop> {
    periodic(op, dtype, isa).or_else(|| table_loop(op, dtype, isa))
}

/// Sine, cosine and tangent: the vector loop, then the few elements too large for its argument reduction.
macro_rules! periodic_loops {
    ($($name:ident, $Op:ident, $T:ty, $in_range:ident, $exact:expr;)*) => { $(
        #[expect(clippy::cast_ptr_alignment, reason = "registers are aligned for every element type")]
        unsafe fn $name(args: [*const u8; ARGS], out: *mut u8, n: usize) {
            let fast = pick1::<marker::$Op, $T>(super::isa::best(), true);
            // SAFETY: the caller upholds `StripLoop`, for this loop as for the one it calls first.
            let (x, out) = unsafe {
                fast(args, out, n);
                (std::slice::from_raw_parts(args[0].cast::<$T>(), n), std::slice::from_raw_parts_mut(out.cast::<$T>(), n))
            };
            if x.iter().fold(true, |all, &x| all & $in_range(x)) { return; }
            for (o, &x) in out.iter_mut().zip(x) {
                if !$in_range(x) { *o = $exact(x); }
            }
        }
    )* };
}
periodic_loops! {
    sin_f32, Sin, f32, trig_in_range_f32, f32::sin;
    sin_f64, Sin, f64, trig_in_range_f64, f64::sin;
    cos_f32, Cos, f32, trig_in_range_f32, f32::cos;
    cos_f64, Cos, f64, trig_in_range_f64, f64::cos;
    tan_f32, Tan, f32, trig_in_range_f32, f32::tan;
    tan_f64, Tan, f64, trig_in_range_f64, f64::tan;
}

fn periodic(op: ElementOp, dtype: DType, _isa: Isa) -> Option<StripLoop> {
    Some(match (op, dtype) {
        (ElementOp::Sin, DType::F32) => sin_f32,
        (ElementOp::Sin, DType::F64) => sin_f64,
        (ElementOp::Cos, DType::F32) => cos_f32,
        (ElementOp::Cos, DType::F64) => cos_f64,
        (ElementOp::Tan, DType::F32) => tan_f32,
        (ElementOp::Tan, DType::F64) => tan_f64,
        _ => return None,
    })
}

/// Bits of an element, one of which is chosen by arithmetic: a compiler may make a branch of a condition.
trait Bits: Copy {
    fn choose(first: bool, x: Self, y: Self) -> Self;
}

macro_rules! bits {
    ($($T:ty),*) => { $(
        impl Bits for $T {
            #[inline(always)]
            fn choose(first: bool, x: Self, y: Self) -> Self {
                y ^ ((x ^ y) & <$T>::from(first).wrapping_neg())
            }
        }
    )* };
}
bits!(u8, u16, u32, u64);

impl Bits for u128 {
    #[inline(always)]
    fn choose(first: bool, x: Self, y: Self) -> Self {
        if first { x } else { y }
    }
}

#[inline(always)]
unsafe fn select_body<T: Bits>(args: [*const u8; ARGS], out: *mut u8, n: usize) {
    // SAFETY: as in `body1`; the first argument holds truth values.
    let (c, x, y, out) = unsafe {
        (
            std::slice::from_raw_parts(args[0].cast::<Truth>(), n),
            std::slice::from_raw_parts(args[1].cast::<T>(), n),
            std::slice::from_raw_parts(args[2].cast::<T>(), n),
            std::slice::from_raw_parts_mut(out.cast::<T>(), n),
        )
    };
    for (((o, &c), &x), &y) in out.iter_mut().zip(c).zip(x).zip(y) {
        *o = T::choose(c.get(), x, y);
    }
}

unsafe fn select_baseline<T: Bits>(args: [*const u8; ARGS], out: *mut u8, n: usize) {
    // SAFETY: passed on unchanged.
    unsafe { select_body::<T>(args, out, n) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn select_avx2<T: Bits>(args: [*const u8; ARGS], out: *mut u8, n: usize) {
    // SAFETY: passed on unchanged.
    unsafe { select_body::<T>(args, out, n) }
}

/// The loop that chooses between elements of `size` bytes by a truth value.
pub(crate) fn select_loop(size: usize, isa: Isa) -> StripLoop {
    macro_rules! pick {
        ($T:ty) => {
            match isa {
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 | Isa::Avx2 => select_avx2::<$T>,
                _ => select_baseline::<$T>,
            }
        };
    }
    match size {
        1 => pick!(u8),
        2 => pick!(u16),
        4 => pick!(u32),
        8 => pick!(u64),
        _ => pick!(u128),
    }
}
