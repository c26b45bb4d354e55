//! cuBLAS.

use super::harness::{counters, passes};
use cudarc::cublas::{CudaBlas, sys};
use cudarc::driver::{CudaContext, CudaStream, DevicePtr};
use half::{bf16, f16};
use std::ffi::c_void;
use std::sync::Arc;

#[test]
fn matrices_multiply_in_every_type() {
    for schedule in ["eager", "lazy"] {
        passes("products::products", &[("SIMGPU_SCHED", schedule)]);
        passes("products::solves_and_updates", &[("SIMGPU_SCHED", schedule)]);
    }
}

fn setup() -> (Arc<CudaStream>, CudaBlas) {
    let stream = CudaContext::new(0).unwrap().new_stream().unwrap();
    let blas = CudaBlas::new(stream.clone()).unwrap();
    (stream, blas)
}

/// 2 x 2 products by `cublasGemmEx`: (1 2; 3 4) transposed times (1 1; 0 1), plus the old C, which is 10 everywhere.
fn product<T, C>(
    ty: sys::cudaDataType,
    out: sys::cudaDataType,
    compute: sys::cublasComputeType_t,
    one: *const c_void,
    of: impl Fn(f32) -> T,
    value: impl Fn(f32) -> C,
) -> Vec<C>
where
    T: cudarc::driver::DeviceRepr + Clone,
    C: cudarc::driver::DeviceRepr + Clone,
{
    let (stream, blas) = setup();
    // Columns of A are (1, 3) and (2, 4).
    let a = stream.clone_htod(&[1.0, 3.0, 2.0, 4.0].map(&of)).unwrap();
    let b = stream.clone_htod(&[1.0, 0.0, 1.0, 1.0].map(&of)).unwrap();
    let c = stream.clone_htod(&[10.0; 4].map(&value)).unwrap();
    let [pa, pb, pc] = [a.device_ptr(&stream).0, b.device_ptr(&stream).0, c.device_ptr(&stream).0];
    use sys::cublasOperation_t::{CUBLAS_OP_N, CUBLAS_OP_T};
    let algorithm = sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT;
    let done = unsafe {
        sys::cublasGemmEx(
            *blas.handle(),
            CUBLAS_OP_T,
            CUBLAS_OP_N,
            2,
            2,
            2,
            one,
            pa as _,
            ty,
            2,
            pb as _,
            ty,
            2,
            one,
            pc as _,
            out,
            2,
            compute,
            algorithm,
        )
    };
    done.result().unwrap();
    stream.clone_dtoh(&c).unwrap()
}

#[test]
#[ignore = "run in a process of its own"]
fn products() {
    use sys::cublasComputeType_t::*;
    use sys::cudaDataType::*;
    let (single, double, integer) = (1f32, 1f64, 1i32);
    let (single, double, integer) =
        ((&raw const single).cast(), (&raw const double).cast(), (&raw const integer).cast());
    // A^T B = (1 4; 2 6), column after column 1, 2, 4, 6.
    let wanted = [11.0, 12.0, 14.0, 16.0];
    assert_eq!(product(CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F, single, |x| x, |x| x), wanted);
    assert_eq!(product(CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32, single, |x| x, |x| x), wanted);
    assert_eq!(
        product(CUDA_R_64F, CUDA_R_64F, CUBLAS_COMPUTE_64F, double, f64::from, f64::from),
        wanted.map(f64::from)
    );
    let half = |x: f32| f16::from_f32(x).to_bits();
    assert_eq!(product(CUDA_R_16F, CUDA_R_16F, CUBLAS_COMPUTE_32F, single, half, half), wanted.map(half));
    assert_eq!(product(CUDA_R_16F, CUDA_R_32F, CUBLAS_COMPUTE_32F, single, half, |x| x), wanted);
    let brain = |x: f32| bf16::from_f32(x).to_bits();
    assert_eq!(product(CUDA_R_16BF, CUDA_R_16BF, CUBLAS_COMPUTE_32F, single, brain, brain), wanted.map(brain));
    let (byte, word) = (|x: f32| x as i8, |x: f32| x as i32);
    assert_eq!(product(CUDA_R_8I, CUDA_R_32I, CUBLAS_COMPUTE_32I, integer, byte, word), wanted.map(word));
    assert_eq!(counters().gemms, 7);
    let (stream, blas) = setup();
    let one = [1f64, 0.0];
    let x = stream.clone_htod(&[0.0, 1.0]).unwrap();
    let y = stream.alloc_zeros::<f64>(2).unwrap();
    let [px, py] = [x.device_ptr(&stream).0, y.device_ptr(&stream).0];
    use sys::cublasOperation_t::{CUBLAS_OP_C, CUBLAS_OP_N};
    let (one, zero) = (one.as_ptr().cast(), [0f64; 2].as_ptr().cast());
    unsafe {
        sys::cublasZgemm_v2(
            *blas.handle(),
            CUBLAS_OP_C,
            CUBLAS_OP_N,
            1,
            1,
            1,
            one,
            px as _,
            1,
            px as _,
            1,
            zero,
            py as _,
            1,
        )
    }
    .result()
    .unwrap();
    assert_eq!(stream.clone_dtoh(&y).unwrap(), [1.0, 0.0], "conj(i) i");
    let refused = unsafe {
        sys::cublasZgemm_v2(
            *blas.handle(),
            CUBLAS_OP_N,
            CUBLAS_OP_N,
            2,
            1,
            1,
            one,
            px as _,
            1,
            px as _,
            1,
            zero,
            py as _,
            2,
        )
    };
    assert_eq!(refused, sys::cublasStatus_t::CUBLAS_STATUS_INVALID_VALUE, "a leading dimension below the rows");
}

#[test]
#[ignore = "run in a process of its own"]
fn solves_and_updates() {
    use sys::{cublasDiagType_t::*, cublasFillMode_t::*, cublasOperation_t::*, cublasSideMode_t::*};
    let (stream, blas) = setup();
    // L = (2 0; 1 4); its upper half holds what must not be read.
    let l = stream.clone_htod(&[2.0, 1.0, f64::NAN, 4.0]).unwrap();
    let pl = l.device_ptr(&stream).0;
    let (one, zero) = (1f64, 0f64);
    let solve = |side, op, b: [f64; 2], m, n| {
        let b = stream.clone_htod(&b).unwrap();
        let pb = b.device_ptr(&stream).0;
        unsafe {
            sys::cublasDtrsm_v2(
                *blas.handle(),
                side,
                CUBLAS_FILL_MODE_LOWER,
                op,
                CUBLAS_DIAG_NON_UNIT,
                m,
                n,
                &raw const one,
                pl as _,
                2,
                pb as _,
                m,
            )
        }
        .result()
        .unwrap();
        stream.clone_dtoh(&b).unwrap()
    };
    assert_eq!(solve(CUBLAS_SIDE_LEFT, CUBLAS_OP_N, [2.0, 9.0], 2, 1), [1.0, 2.0]);
    assert_eq!(solve(CUBLAS_SIDE_LEFT, CUBLAS_OP_T, [4.0, 8.0], 2, 1), [1.0, 2.0]);
    assert_eq!(solve(CUBLAS_SIDE_RIGHT, CUBLAS_OP_N, [4.0, 8.0], 1, 2), [1.0, 2.0]);
    assert_eq!(solve(CUBLAS_SIDE_RIGHT, CUBLAS_OP_T, [2.0, 9.0], 1, 2), [1.0, 2.0]);
    let a = stream.clone_htod(&[1.0, 2.0, 3.0, 4.0]).unwrap();
    let c = stream.alloc_zeros::<f64>(4).unwrap();
    let [pa, pc] = [a.device_ptr(&stream).0, c.device_ptr(&stream).0];
    unsafe {
        sys::cublasDsyrk_v2(
            *blas.handle(),
            CUBLAS_FILL_MODE_UPPER,
            CUBLAS_OP_T,
            2,
            2,
            &raw const one,
            pa as _,
            2,
            &raw const zero,
            pc as _,
            2,
        )
    }
    .result()
    .unwrap();
    assert_eq!(stream.clone_dtoh(&c).unwrap(), [5.0, 0.0, 11.0, 25.0]);
    let y = stream.alloc_zeros::<f64>(2).unwrap();
    let py = y.device_ptr(&stream).0;
    unsafe {
        sys::cublasDgemv_v2(
            *blas.handle(),
            CUBLAS_OP_N,
            2,
            2,
            &raw const one,
            pa as _,
            2,
            pa as _,
            2,
            &raw const zero,
            py as _,
            1,
        )
    }
    .result()
    .unwrap();
    assert_eq!(stream.clone_dtoh(&y).unwrap(), [10.0, 14.0]);
}
