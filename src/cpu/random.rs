//! One loop per random draw and instruction set, generated from the table of draws.

use super::isa::Isa;
use super::loops::{ARGS, StripLoop};
use crate::op::random::{Sample, Sampler, marker, random_table};

/// As a [`StripLoop`]; the arguments are positions, the key (once for all elements) and parameters.
#[inline(always)]
unsafe fn body<S: Sample<N>, const N: usize>(args: [*const u8; ARGS], out: *mut u8, n: usize) {
    // SAFETY: the caller upholds `StripLoop`: aligned, valid for `n`, disjoint.
    let (index, key, params, out) = unsafe {
        (
            std::slice::from_raw_parts(args[0].cast::<u64>(), n),
            std::slice::from_raw_parts(args[1].cast::<u64>(), n),
            std::array::from_fn::<&[S::Param], N, _>(|i| std::slice::from_raw_parts(args[2 + i].cast(), n)),
            std::slice::from_raw_parts_mut(out.cast::<S::Out>(), n),
        )
    };
    let Some(&key) = key.first() else { return };
    for (i, o) in out.iter_mut().enumerate() {
        *o = S::sample(index[i], key, params.map(|p| p[i]));
    }
}

unsafe fn baseline<S: Sample<N>, const N: usize>(args: [*const u8; ARGS], out: *mut u8, n: usize) {
    // SAFETY: passed on unchanged.
    unsafe { body::<S, N>(args, out, n) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<S: Sample<N>, const N: usize>(args: [*const u8; ARGS], out: *mut u8, n: usize) {
    // SAFETY: passed on unchanged.
    unsafe { body::<S, N>(args, out, n) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn avx512<S: Sample<N>, const N: usize>(args: [*const u8; ARGS], out: *mut u8, n: usize) {
    // SAFETY: passed on unchanged.
    unsafe { body::<S, N>(args, out, n) }
}

fn pick<S: Sample<N>, const N: usize>(isa: Isa) -> StripLoop {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::<S, N>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::<S, N>,
        _ => baseline::<S, N>,
    }
}

macro_rules! define_lookup {
    ($($(#[doc = $doc:literal])+ $Op:ident, $name:ident, $P:ident; $n:literal => $D:ident $Out:ty, $f:path, $where:ident;)*) => {
        /// The loop of a draw.
        pub(crate) fn draw_loop(sampler: Sampler, isa: Isa) -> StripLoop {
            match sampler { $(Sampler::$Op => pick::<marker::$Op, $n>(isa)),* }
        }
    };
}
random_table!(define_lookup);
