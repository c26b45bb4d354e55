//! Limits of memory, pools, copies of rows, variables of modules.

use super::harness::{compile, counters, has_nvrtc, passes};
use cudarc::driver::{CudaContext, DevicePtr, sys};

#[test]
fn memory_is_limited_as_asked() {
    passes("memory::allocations_fail_beyond_the_limit", &[("SIMGPU_MEM", "1000000")]);
    passes("memory::large_allocations_fail", &[("SIMGPU_OOM_OVER", "1000")]);
    passes("memory::the_third_allocation_fails", &[("SIMGPU_OOM_AT", "3"), ("SIMGPU_SCHED", "lazy")]);
    passes("memory::frees_that_are_queued_make_room", &[("SIMGPU_MEM", "1000000"), ("SIMGPU_SCHED", "lazy")]);
    passes("memory::rows_are_copied", &[("SIMGPU_SCHED", "lazy")]);
    passes("memory::pools_count", &[]);
    if has_nvrtc() {
        passes("memory::variables_of_modules_have_addresses", &[]);
    }
}

fn is_oom<T>(result: Result<T, cudarc::driver::DriverError>) -> bool {
    result.is_err_and(|e| e.0 == sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY)
}

#[test]
#[ignore = "run in a process of its own"]
fn allocations_fail_beyond_the_limit() {
    let context = CudaContext::new(0).unwrap();
    let stream = context.new_stream().unwrap();
    let x = stream.alloc_zeros::<u8>(600_000).unwrap();
    assert!(is_oom(stream.alloc_zeros::<u8>(600_000)));
    assert_eq!(context.mem_get_info().unwrap(), (400_000, 1_000_000));
    drop(x);
    let y = stream.alloc_zeros::<u8>(600_000).unwrap();
    assert_eq!((counters().bytes, counters().peak_bytes), (600_000, 600_000));
    drop(y);
}

#[test]
#[ignore = "run in a process of its own"]
fn large_allocations_fail() {
    let stream = CudaContext::new(0).unwrap().new_stream().unwrap();
    assert!(is_oom(stream.alloc_zeros::<u8>(1001)));
    stream.alloc_zeros::<u8>(1000).unwrap();
}

#[test]
#[ignore = "run in a process of its own"]
fn the_third_allocation_fails() {
    let stream = CudaContext::new(0).unwrap().new_stream().unwrap();
    let each: Vec<bool> = (0..5).map(|_| is_oom(stream.alloc_zeros::<u8>(10))).collect();
    assert_eq!(each, [false, false, true, false, false]);
}

#[test]
#[ignore = "run in a process of its own"]
fn frees_that_are_queued_make_room() {
    let stream = CudaContext::new(0).unwrap().new_stream().unwrap();
    for _ in 0..5 {
        drop(stream.alloc_zeros::<u8>(900_000).unwrap());
    }
}

#[test]
#[ignore = "run in a process of its own"]
fn rows_are_copied() {
    let stream = CudaContext::new(0).unwrap().new_stream().unwrap();
    let host: Vec<u8> = (0..60).collect();
    let x = stream.alloc_zeros::<u8>(64).unwrap();
    // Two columns of each of 6 rows of 10, to rows of 8.
    let copy = sys::CUDA_MEMCPY2D_st {
        srcXInBytes: 3,
        srcY: 1,
        srcMemoryType: sys::CUmemorytype::CU_MEMORYTYPE_HOST,
        srcHost: host.as_ptr().cast(),
        srcDevice: 0,
        srcArray: std::ptr::null_mut(),
        srcPitch: 10,
        dstXInBytes: 4,
        dstY: 0,
        dstMemoryType: sys::CUmemorytype::CU_MEMORYTYPE_DEVICE,
        dstHost: std::ptr::null_mut(),
        dstDevice: x.device_ptr(&stream).0,
        dstArray: std::ptr::null_mut(),
        dstPitch: 8,
        WidthInBytes: 2,
        Height: 5,
    };
    unsafe { sys::cuMemcpy2DAsync_v2(&raw const copy, stream.cu_stream()) }.result().unwrap();
    let found = stream.clone_dtoh(&x).unwrap();
    assert_eq!(found[..14], [0, 0, 0, 0, 13, 14, 0, 0, 0, 0, 0, 0, 23, 24]);
    unsafe { sys::cuMemsetD32Async(x.device_ptr(&stream).0, 0x0102_0304, 16, stream.cu_stream()) }.result().unwrap();
    assert_eq!(stream.clone_dtoh(&x).unwrap()[..5], [4, 3, 2, 1, 4]);
}

#[test]
#[ignore = "run in a process of its own"]
fn pools_count() {
    let context = CudaContext::new(0).unwrap();
    let stream = context.new_stream().unwrap();
    let mut pool = std::ptr::null_mut();
    unsafe { sys::cuDeviceGetDefaultMemPool(&raw mut pool, 0) }.result().unwrap();
    let mut threshold = u64::MAX;
    let attribute = sys::CUmemPool_attribute_enum::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    unsafe { sys::cuMemPoolSetAttribute(pool, attribute, (&raw mut threshold).cast()) }.result().unwrap();
    let x = stream.alloc_zeros::<u8>(1000).unwrap();
    let mut used = 0u64;
    let attribute = sys::CUmemPool_attribute_enum::CU_MEMPOOL_ATTR_USED_MEM_CURRENT;
    unsafe { sys::cuMemPoolGetAttribute(pool, attribute, (&raw mut used).cast()) }.result().unwrap();
    assert_eq!(used, 1000);
    drop(x);
    unsafe { sys::cuMemPoolGetAttribute(pool, attribute, (&raw mut used).cast()) }.result().unwrap();
    assert_eq!(used, 0);
    unsafe { sys::cuMemPoolTrimTo(pool, 0) }.result().unwrap();
}

#[test]
#[ignore = "run in a process of its own"]
fn variables_of_modules_have_addresses() {
    let context = CudaContext::new(0).unwrap();
    let source = "__device__ int table[4] = {1, 2, 3, 4}; extern \"C\" __global__ void k(int* y) { y[0] = table[2]; }";
    let text = std::ffi::CString::new(compile(source).to_src()).unwrap();
    let (mut module, mut at, mut bytes) = (std::ptr::null_mut(), 0, 0);
    context.bind_to_thread().unwrap();
    unsafe {
        sys::cuModuleLoadData(&raw mut module, text.as_ptr().cast()).result().unwrap();
        sys::cuModuleGetGlobal_v2(&raw mut at, &raw mut bytes, module, c"table".as_ptr()).result().unwrap();
    }
    let mut host = [0i32; 4];
    unsafe { sys::cuMemcpyDtoH_v2(host.as_mut_ptr().cast(), at, bytes) }.result().unwrap();
    assert_eq!((host, bytes), ([1, 2, 3, 4], 16));
    assert_eq!(counters().bytes, 0, "variables of modules are not counted");
    unsafe { sys::cuModuleUnload(module) }.result().unwrap();
    let late = unsafe { sys::cuMemcpyDtoH_v2(host.as_mut_ptr().cast(), at, bytes) };
    assert_ne!(late, sys::CUresult::CUDA_SUCCESS);
}
