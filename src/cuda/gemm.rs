//! Matrix products by cuBLAS.
//!
//! cuBLAS counts columns first: the row-major `C = A B` is its `C^T = B^T A^T`, which needs no transposition at all.
//! 16-bit floats are added up in `f32`, and rounded to their own dtype at the end where that is asked for; `f32` rounds
//! to TF32 on the way only where that was asked for.

use super::stream::Streams;
use crate::device::Stream;
use crate::dtype::DType;
use crate::error::{Error, Result};
use cudarc::cublas::{CudaBlas, result, sys};
use num_complex::{Complex32, Complex64};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::c_void;
use std::sync::{Arc, OnceLock};

/// cuBLAS handles, one per stream: a workspace each keeps results reproducible.
#[derive(Default)]
pub(crate) struct Handles(Mutex<BTreeMap<Stream, Handle>>);

struct Handle(CudaBlas);

// SAFETY: a handle may be used from any thread, by one at a time, which the mutex around all of them sees to.
unsafe impl Send for Handle {}

/// A row-major product `C = A B`, or `C += A B`, of dense matrices at these addresses, or a stack of them.
pub(crate) struct Product {
    /// The dtype of the factors.
    pub(crate) dtype: DType,
    /// The dtype of the product: that of the factors, or `f32` for 16-bit floats.
    pub(crate) result: DType,
    /// Products in the stack; none for one by itself, which cuBLAS knows best.
    pub(crate) stack: Option<usize>,
    /// Rows, columns and depth of each.
    pub(crate) sides: [usize; 3],
    /// Where both factors and the product lie.
    pub(crate) addresses: [u64; 3],
    /// Whether the product is added to what is there.
    pub(crate) onto: bool,
    /// Whether `f32` may round to TF32.
    pub(crate) tf32: bool,
}

/// What cuBLAS calls the dtype of the factors, and how it computes.
fn types(dtype: DType, tf32: bool) -> Option<(sys::cudaDataType, sys::cublasComputeType_t)> {
    use sys::cublasComputeType_t as Compute;
    use sys::cudaDataType as Type;
    let single = if tf32 { Compute::CUBLAS_COMPUTE_32F_FAST_TF32 } else { Compute::CUBLAS_COMPUTE_32F };
    Some(match dtype {
        DType::F16 => (Type::CUDA_R_16F, Compute::CUBLAS_COMPUTE_32F),
        DType::BF16 => (Type::CUDA_R_16BF, Compute::CUBLAS_COMPUTE_32F),
        DType::F32 => (Type::CUDA_R_32F, single),
        DType::F64 => (Type::CUDA_R_64F, Compute::CUBLAS_COMPUTE_64F),
        DType::C64 => (Type::CUDA_C_32F, single),
        DType::C128 => (Type::CUDA_C_64F, Compute::CUBLAS_COMPUTE_64F),
        _ => return None,
    })
}

/// Whether factors of `dtype` multiply here.
pub(crate) fn supports(dtype: DType) -> bool {
    types(dtype, false).is_some() && is_present()
}

/// Whether there is a cuBLAS on this machine, which is looked for once.
fn is_present() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    // SAFETY: only looks for the library by its usual names.
    *FOUND.get_or_init(|| unsafe { sys::is_culib_present() })
}

/// 0 and 1 in the dtype that products are scaled in, wide enough for each.
fn scale(dtype: DType, one: bool) -> [u8; 16] {
    let mut bytes = [0; 16];
    let value = f64::from(u8::from(one));
    match dtype {
        DType::F64 => bytes[..8].copy_from_slice(&value.to_ne_bytes()),
        DType::C128 => bytes.copy_from_slice(bytemuck::bytes_of(&Complex64::new(value, 0.0))),
        DType::C64 => bytes[..8].copy_from_slice(bytemuck::bytes_of(&Complex32::new(f32::from(u8::from(one)), 0.0))),
        _ => bytes[..4].copy_from_slice(&f32::from(u8::from(one)).to_ne_bytes()),
    }
    bytes
}

impl Handles {
    /// Enqueues a product, or a stack of them, on `stream`. The addresses hold as many elements as the sides say.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) for what cuBLAS does not multiply, [`Device`](crate::ErrorKind::Device) where
    /// it is missing or fails.
    pub(crate) fn multiply(&self, streams: &Streams, stream: Stream, product: &Product) -> Result<()> {
        let (Some((factor, compute)), Some((result_type, _))) =
            (types(product.dtype, product.tf32), types(product.result, false))
        else {
            return Err(Error::dtype("matmul", format!("is not defined for {} on a GPU", product.dtype)));
        };
        let side =
            |v: usize| i32::try_from(v).map_err(|_| Error::unsupported("a matrix side of 2^31 or more on a GPU"));
        let [m, n, k] = product.sides;
        let stride = |rows: usize, columns: usize| (rows * columns).cast_signed() as i64;
        let (strides, stack) = ([stride(m, k), stride(k, n), stride(m, n)], product.stack.map(side).transpose()?);
        let (m, n, k) = (side(m)?, side(n)?, side(k)?);
        let [a, b, c] = product.addresses;
        let (alpha, beta) = (scale(product.dtype, true), scale(product.dtype, product.onto));
        let mut known = self.0.lock();
        let handle = match known.entry(stream) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Handle(open(streams, stream)?)),
        };
        let none = sys::cublasOperation_t::CUBLAS_OP_N;
        let context = streams.context();
        context.bind_to_thread().map_err(|e| streams.fault(e))?;
        let algorithm = sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT;
        let (alpha, beta) = (alpha.as_ptr().cast(), beta.as_ptr().cast());
        let (left, right, product) = (b as *const c_void, a as *const c_void, c as *mut c_void);
        let (row, inner) = (n.max(1), k.max(1));
        // SAFETY: the caller vouches for the extents behind the addresses; leading dimensions and strides are those of
        // dense row-major matrices, seen column-major; both scales are as wide as the computation needs.
        let done = unsafe {
            let handle = *handle.0.handle();
            if let Some(stack) = stack {
                result::gemm_strided_batched_ex(
                    handle,
                    none,
                    none,
                    n,
                    m,
                    k,
                    alpha,
                    left,
                    factor,
                    row,
                    strides[1],
                    right,
                    factor,
                    inner,
                    strides[0],
                    beta,
                    product,
                    result_type,
                    row,
                    strides[2],
                    stack,
                    compute,
                    algorithm,
                )
            } else {
                result::gemm_ex(
                    handle,
                    none,
                    none,
                    n,
                    m,
                    k,
                    alpha,
                    left,
                    factor,
                    row,
                    right,
                    factor,
                    inner,
                    beta,
                    product,
                    result_type,
                    row,
                    compute,
                    algorithm,
                )
            }
        };
        done.map_err(|e| streams.fault(e))?;
        streams.issued(stream);
        Ok(())
    }
}

/// A handle whose work goes to `stream`.
fn open(streams: &Streams, stream: Stream) -> Result<CudaBlas> {
    if !is_present() {
        return Err(streams.fault("no cuBLAS (libcublas) on this machine"));
    }
    CudaBlas::new(Arc::clone(streams.get(stream)?)).map_err(|e| streams.fault(e))
}
