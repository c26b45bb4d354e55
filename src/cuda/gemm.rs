//! Matrix products by cuBLAS.
//!
//! cuBLAS counts columns first: the row-major `C = A B` is its `C^T = B^T A^T`, which needs no transposition at all.

use super::buffer::DeviceBuffer;
use super::stream::Streams;
use crate::device::Stream;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape::tuple;
use cudarc::cublas::{CudaBlas, Gemm, GemmConfig, sys};
use cudarc::driver::DeviceRepr;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// cuBLAS handles, one per stream: a workspace each keeps results reproducible.
#[derive(Default)]
pub(crate) struct Handles(Mutex<BTreeMap<Stream, Handle>>);

struct Handle(CudaBlas);

// SAFETY: a handle may be used from any thread, by one at a time, which the mutex around all of them sees to.
unsafe impl Send for Handle {}

/// Enqueues the product of two row-major matrices of `f32` or `f64` on `stream`.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) and [`DType`](crate::ErrorKind::DType) for matrices that do not multiply,
/// [`Device`](crate::ErrorKind::Device) where cuBLAS is missing or fails.
pub(crate) fn gemm(
    handles: &Handles,
    streams: &Streams,
    stream: Stream,
    a: &DeviceBuffer,
    b: &DeviceBuffer,
    allocate: impl FnOnce(DType, &[usize]) -> Result<DeviceBuffer>,
) -> Result<DeviceBuffer> {
    let ([m, k], [inner, n]) = (a.shape.as_slice(), b.shape.as_slice()) else {
        return Err(Error::shape("matmul", format!("{} and {} are not matrices", tuple(&a.shape), tuple(&b.shape))));
    };
    if k != inner {
        return Err(Error::shape("matmul", format!("{} and {} do not multiply", tuple(&a.shape), tuple(&b.shape))));
    }
    if a.dtype != b.dtype {
        return Err(Error::dtype("matmul", format!("{} and {} differ", a.dtype, b.dtype)));
    }
    let mut c = allocate(a.dtype, &[*m, *n])?;
    if c.bytes() > 0 {
        let sides = [*m, *n, *k];
        match a.dtype {
            DType::F32 => handles.multiply::<f32>(streams, stream, sides, [a, b], &mut c)?,
            DType::F64 => handles.multiply::<f64>(streams, stream, sides, [a, b], &mut c)?,
            other => return Err(Error::dtype("matmul", format!("is not defined for {other} on a GPU"))),
        }
    }
    Ok(c)
}

impl Handles {
    fn multiply<T: DeviceRepr + num_traits::Float>(
        &self,
        streams: &Streams,
        stream: Stream,
        [m, n, k]: [usize; 3],
        [a, b]: [&DeviceBuffer; 2],
        c: &mut DeviceBuffer,
    ) -> Result<()>
    where
        CudaBlas: Gemm<T>,
    {
        let side =
            |v: usize| i32::try_from(v).map_err(|_| Error::unsupported("a matrix side of 2^31 or more on a GPU"));
        let (m, n, k) = (side(m)?, side(n)?, side(k)?);
        let config = GemmConfig {
            transa: sys::cublasOperation_t::CUBLAS_OP_N,
            transb: sys::cublasOperation_t::CUBLAS_OP_N,
            m: n,
            n: m,
            k,
            alpha: T::one(),
            lda: n,
            ldb: k.max(1),
            beta: T::zero(),
            ldc: n,
        };
        let short = || Error::bug("a matrix has the bytes of its shape");
        let size = c.size();
        // SAFETY: the buffers hold `size` elements of `T`: the caller matched the dtype.
        let (a, b, c) = unsafe {
            (a.slice().transmute::<T>(a.size()), b.slice().transmute::<T>(b.size()), c.slice_mut().transmute_mut(size))
        };
        let (a, b, mut c) = (a.ok_or_else(short)?, b.ok_or_else(short)?, c.ok_or_else(short)?);
        let mut known = self.0.lock();
        let handle = match known.entry(stream) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Handle(open(streams, stream)?)),
        };
        // SAFETY: extents and leading dimensions are those of the three matrices, checked by the caller.
        unsafe { handle.0.gemm(config, &b, &a, &mut c) }.map_err(|e| streams.fault(e))?;
        streams.issued(stream);
        Ok(())
    }
}

/// A handle whose work goes to `stream`.
fn open(streams: &Streams, stream: Stream) -> Result<CudaBlas> {
    // SAFETY: only looks for the library by its usual names.
    if !unsafe { sys::is_culib_present() } {
        return Err(streams.fault("no cuBLAS (libcublas) on this machine"));
    }
    CudaBlas::new(Arc::clone(streams.get(stream)?)).map_err(|e| streams.fault(e))
}
