//! Bugs planted in kernels and in their callers: each is found.

use super::harness::{SAXPY, case, compile, has_nvrtc, setup, shape};
use cudarc::cublas::{CudaBlas, Gemm, GemmConfig, sys as blas};
use cudarc::driver::{CudaContext, DevicePtr, PushKernelArg, sys};

/// What shows that a bug was found.
enum Found {
    /// The stand-in said this, and the case failed.
    Said(&'static str),
    /// The case saw wrong values.
    Values,
    Signal(i32),
    Code(i32),
}

macro_rules! bugs {
    ($($name:ident, $settings:expr, $found:expr, $body:block)*) => {
        #[test]
        fn every_planted_bug_is_found() {
            if !has_nvrtc() {
                return;
            }
            let cases: &[(&str, &[(&str, &str)], Found)] = &[$((stringify!($name), &$settings, $found),)*];
            let mut missed = Vec::new();
            for (name, settings, found) in cases {
                let outcome = case(&format!("bugs::{name}"), settings);
                let seen = match found {
                    Found::Said(text) => !outcome.passed && outcome.text.contains(text),
                    Found::Values => !outcome.passed && outcome.text.contains("wrong values") && outcome.signal.is_none(),
                    Found::Signal(signal) => outcome.signal == Some(*signal),
                    Found::Code(code) => outcome.code == Some(*code),
                };
                if !seen {
                    missed.push(format!("{name}: {outcome:?}"));
                }
            }
            assert!(missed.is_empty(), "missed {} of {}:\n{}", missed.len(), cases.len(), missed.join("\n\n"));
        }
        $(
            #[test]
            #[ignore = "run in a process of its own by every_planted_bug_is_found"]
            fn $name() $body
        )*
    };
}

/// Launches `source`'s kernel k over one array of floats, and waits.
fn run(source: &str, elements: usize, threads: u32, shared: u32) {
    let (_context, stream, k) = setup(source, "k");
    let mut y = stream.alloc_zeros::<f32>(elements).unwrap();
    unsafe { stream.launch_builder(&k).arg(&mut y).launch(shape(1, threads, shared)) }.unwrap();
    stream.synchronize().unwrap();
}

const EAGER: [(&str, &str); 0] = [];

bugs! {
    a_write_one_element_past_the_end, EAGER, Found::Said("offset 1020 of a allocation of 1020 bytes"), {
        run("extern \"C\" __global__ void k(float* y) { y[threadIdx.x] = 1; }", 255, 256, 0);
    }
    an_access_beyond_static_shared_memory, EAGER, Found::Said("there are 252"), {
        run("extern \"C\" __global__ void k(float* y) { __shared__ float t[63]; t[threadIdx.x] = 1; __syncthreads(); y[threadIdx.x] = t[62 - threadIdx.x % 63]; }", 64, 64, 0);
    }
    an_access_beyond_dynamic_shared_memory, EAGER, Found::Said("there are 252"), {
        run("extern \"C\" __global__ void k(float* y) { extern __shared__ float t[]; t[threadIdx.x] = 1; __syncthreads(); y[threadIdx.x] = t[threadIdx.x]; }", 64, 64, 252);
    }
    a_wide_access_that_is_not_aligned, EAGER, Found::Said("a 16-byte access"), {
        let (_context, stream, k) = setup("extern \"C\" __global__ void k(const float4* x, float4* y) { y[threadIdx.x] = x[threadIdx.x]; }", "k");
        let x = stream.alloc_zeros::<f32>(257).unwrap();
        let mut y = stream.alloc_zeros::<f32>(256).unwrap();
        unsafe { stream.launch_builder(&k).arg(&x.slice(1..)).arg(&mut y).launch(shape(1, 64, 0)) }.unwrap();
        stream.synchronize().unwrap();
    }
    a_barrier_that_is_missing, EAGER, Found::Said("race on shared memory"), {
        run("extern \"C\" __global__ void k(float* y) { __shared__ float t[256]; t[threadIdx.x] = y[threadIdx.x]; y[threadIdx.x] = t[(threadIdx.x + 1) % 256]; }", 256, 256, 0);
    }
    a_barrier_of_a_warp_that_is_missing, EAGER, Found::Said("race on shared memory"), {
        run("extern \"C\" __global__ void k(float* y) { __shared__ float t[32]; t[threadIdx.x] = y[threadIdx.x]; if (threadIdx.x < 16) t[threadIdx.x] += t[threadIdx.x + 16]; __syncthreads(); y[threadIdx.x] = t[threadIdx.x]; }", 32, 32, 0);
    }
    a_barrier_that_some_threads_miss, EAGER, Found::Said("divergent barrier"), {
        run("extern \"C\" __global__ void k(float* y) { if (threadIdx.x < 100) { y[threadIdx.x] = 2; __syncthreads(); y[threadIdx.x] += 1; } else { y[threadIdx.x] = 1; __syncthreads(); y[threadIdx.x] *= 7; } }", 256, 256, 0);
    }
    a_shuffle_whose_mask_names_absent_lanes, EAGER, Found::Said("deadlock"), {
        run("extern \"C\" __global__ void k(float* y) { float v = threadIdx.x; if (threadIdx.x < 16) v += __shfl_down_sync(0xffffffffu, v, 1); else __syncthreads(); y[threadIdx.x] = v; }", 32, 32, 0);
    }
    an_increment_of_shared_memory_that_is_not_atomic, EAGER, Found::Said("race on shared memory"), {
        run("extern \"C\" __global__ void k(float* y) { extern __shared__ unsigned t[]; if (threadIdx.x < 4) t[threadIdx.x] = 0; __syncthreads(); t[threadIdx.x & 3]++; __syncthreads(); if (threadIdx.x < 4) y[threadIdx.x] = t[threadIdx.x]; }", 64, 64, 16);
    }
    an_increment_of_global_memory_that_is_not_atomic, [("SIMGPU_RACES", "1")], Found::Said("race on global memory"), {
        run("extern \"C\" __global__ void k(unsigned* y) { y[0] += threadIdx.x; }", 64, 64, 0);
    }
    blocks_that_write_one_place, [("SIMGPU_RACES", "1")], Found::Said("race on global memory"), {
        let (_context, stream, k) = setup("extern \"C\" __global__ void k(unsigned* y) { if (threadIdx.x == 0) y[0] = blockIdx.x; }", "k");
        let mut y = stream.alloc_zeros::<u32>(4).unwrap();
        unsafe { stream.launch_builder(&k).arg(&mut y).launch(shape(2, 32, 0)) }.unwrap();
        stream.synchronize().unwrap();
    }
    a_kernel_that_does_not_end, [("SIMGPU_LIMIT", "1000000")], Found::Said("does not end"), {
        run("extern \"C\" __global__ void k(volatile float* y) { while (y[0] == 0) {} }", 64, 64, 0);
    }
    an_assertion_that_fails, EAGER, Found::Said("k.cu:7: assertion `y[0] == 1` failed"), {
        run("extern \"C\" __global__ void k(float* y) { if (y[0] != 1) __assertfail(\"y[0] == 1\", \"k.cu\", 7, \"k\", 1); }", 64, 64, 0);
    }
    a_host_pointer_given_to_a_kernel, EAGER, Found::Said("no device memory"), {
        let (_context, stream, k) = setup(SAXPY, "saxpy");
        let x = vec![0f32; 64];
        let mut y = stream.alloc_zeros::<f32>(64).unwrap();
        unsafe { stream.launch_builder(&k).arg(&2f32).arg(&(x.as_ptr() as u64)).arg(&mut y).arg(&64u64).launch(shape(1, 64, 0)) }.unwrap();
        stream.synchronize().unwrap();
    }
    a_device_pointer_read_by_the_host, EAGER, Found::Signal(libc::SIGSEGV), {
        let stream = CudaContext::new(0).unwrap().new_stream().unwrap();
        let x = stream.alloc_zeros::<f32>(8).unwrap();
        let (at, _guard) = x.device_ptr(&stream);
        println!("{}", unsafe { (at as *const f32).read_volatile() });
    }
    memory_used_after_it_was_freed, EAGER, Found::Said("that was freed"), {
        let (_context, stream, k) = setup(SAXPY, "saxpy");
        let mut y = stream.alloc_zeros::<f32>(64).unwrap();
        let x = stream.alloc_zeros::<f32>(64).unwrap();
        let at = x.device_ptr(&stream).0;
        drop(x);
        unsafe { stream.launch_builder(&k).arg(&2f32).arg(&at).arg(&mut y).arg(&64u64).launch(shape(1, 64, 0)) }.unwrap();
        stream.synchronize().unwrap();
    }
    memory_read_before_it_was_written, EAGER, Found::Values, {
        let (_context, stream, k) = setup(SAXPY, "saxpy");
        let x = unsafe { stream.alloc::<f32>(64) }.unwrap();
        let mut y = stream.alloc_zeros::<f32>(64).unwrap();
        unsafe { stream.launch_builder(&k).arg(&2f32).arg(&x).arg(&mut y).arg(&64u64).launch(shape(1, 64, 0)) }.unwrap();
        let y = stream.clone_dtoh(&y).unwrap();
        assert!(y.iter().all(|v| v.is_finite()), "wrong values: {}", y[0]);
    }
    memory_freed_twice, EAGER, Found::Said("free of what is not allocated"), {
        let context = CudaContext::new(0).unwrap();
        let stream = context.new_stream().unwrap();
        let at = stream.alloc_zeros::<f32>(1000).unwrap().leak();
        drop(unsafe { stream.upgrade_device_ptr::<f32>(at, 1000) });
        drop(unsafe { stream.upgrade_device_ptr::<f32>(at, 1000) });
        stream.synchronize().unwrap();
        context.check_err().unwrap();
    }
    memory_that_is_never_freed, [("SIMGPU_LEAKS", "1")], Found::Code(86), {
        let stream = CudaContext::new(0).unwrap().new_stream().unwrap();
        let _ = stream.alloc_zeros::<f32>(1000).unwrap().leak();
    }
    a_matrix_smaller_than_it_is_said_to_be, EAGER, Found::Said("gemm: A: 256 bytes"), {
        let stream = CudaContext::new(0).unwrap().new_stream().unwrap();
        let cublas = CudaBlas::new(stream.clone()).unwrap();
        let x = stream.alloc_zeros::<f32>(8 * 8 - 1).unwrap();
        let mut y = stream.alloc_zeros::<f32>(64).unwrap();
        let plain = blas::cublasOperation_t::CUBLAS_OP_N;
        let config = GemmConfig { transa: plain, transb: plain, m: 8, n: 8, k: 8, alpha: 1f32, lda: 8, ldb: 8, beta: 0f32, ldc: 8 };
        unsafe { cublas.gemm(config, &x, &x, &mut y) }.unwrap();
        stream.synchronize().unwrap();
    }
    a_pointer_of_another_device, [("SIMGPU_DEVICES", "2")], Found::Said("memory of another device"), {
        let (context, stream, k) = setup(SAXPY, "saxpy");
        let other = CudaContext::new(1).unwrap().new_stream().unwrap();
        let x = other.alloc_zeros::<f32>(64).unwrap();
        other.synchronize().unwrap();
        context.bind_to_thread().unwrap();
        let mut y = stream.alloc_zeros::<f32>(64).unwrap();
        let at = x.device_ptr(&other).0;
        context.bind_to_thread().unwrap();
        unsafe { stream.launch_builder(&k).arg(&2f32).arg(&at).arg(&mut y).arg(&64u64).launch(shape(1, 64, 0)) }.unwrap();
        stream.synchronize().unwrap();
    }
    a_stream_that_does_not_wait_for_a_copy, [("SIMGPU_SCHED", "lazy")], Found::Values, {
        let (context, stream, k) = setup(SAXPY, "saxpy");
        unsafe { context.disable_event_tracking() };
        let copies = context.new_stream().unwrap();
        let mut host = unsafe { context.alloc_pinned_with_flags::<f32>(1000, 0) }.unwrap();
        host.as_mut_slice().unwrap().fill(1.0);
        let mut x = stream.alloc_zeros::<f32>(1000).unwrap();
        let mut y = stream.alloc_zeros::<f32>(1000).unwrap();
        stream.synchronize().unwrap();
        copies.memcpy_htod(&host, &mut x).unwrap();
        unsafe { stream.launch_builder(&k).arg(&2f32).arg(&x).arg(&mut y).arg(&1000u64).launch(shape(4, 256, 0)) }.unwrap();
        let y = stream.clone_dtoh(&y).unwrap();
        copies.synchronize().unwrap();
        assert!(y.iter().all(|v| *v == 2.0), "wrong values: {}", y[0]);
    }
    a_staging_buffer_reused_before_its_copy_ran, [("SIMGPU_SCHED", "lazy")], Found::Values, {
        let stream = CudaContext::new(0).unwrap().new_stream().unwrap();
        let (a, b) = unsafe { (stream.alloc::<f32>(64).unwrap(), stream.alloc::<f32>(64).unwrap()) };
        let mut at = std::ptr::null_mut();
        unsafe { sys::cuMemHostAlloc(&raw mut at, 256, 0) }.result().unwrap();
        let host = unsafe { std::slice::from_raw_parts_mut(at.cast::<f32>(), 64) };
        for (value, to) in [(1f32, &a), (2f32, &b)] {
            host.fill(value);
            unsafe { sys::cuMemcpyHtoDAsync_v2(to.device_ptr(&stream).0, at, 256, stream.cu_stream()) }.result().unwrap();
        }
        let found = stream.clone_dtoh(&a).unwrap()[0];
        assert_eq!(found, 1.0, "wrong values");
    }
    a_staging_buffer_freed_before_its_copy_ran, [("SIMGPU_SCHED", "lazy")], Found::Said("was freed before its copy ran"), {
        let stream = CudaContext::new(0).unwrap().new_stream().unwrap();
        let a = unsafe { stream.alloc::<f32>(64) }.unwrap();
        let mut at = std::ptr::null_mut();
        unsafe { sys::cuMemHostAlloc(&raw mut at, 256, 0) }.result().unwrap();
        unsafe { sys::cuMemcpyHtoDAsync_v2(a.device_ptr(&stream).0, at, 256, stream.cu_stream()) }.result().unwrap();
        unsafe { sys::cuMemFreeHost(at) }.result().unwrap();
        stream.synchronize().unwrap();
    }
    machine_code, EAGER, Found::Said("compile for compute_90, not sm_90"), {
        let context = CudaContext::new(0).unwrap();
        let _ = compile;
        context.load_module(cudarc::nvrtc::Ptx::from_binary(b"\x7fELF\x02\x01\x01\0".to_vec())).unwrap();
    }
}
