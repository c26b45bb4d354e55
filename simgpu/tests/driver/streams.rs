//! Order of streams and events, under every schedule.

use super::harness::{SAXPY, counters, has_nvrtc, passes, setup, shape};
use cudarc::driver::{CudaContext, CudaStream, DevicePtr, PushKernelArg, sys};
use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const SCHEDULES: [&str; 5] = ["eager", "lazy", "random:1", "random:2", "random:3"];

#[test]
fn right_programs_are_right_under_every_schedule() {
    if !has_nvrtc() {
        return;
    }
    for schedule in SCHEDULES {
        for name in ["copies_and_kernels_on_three_streams", "host_functions_run_in_order", "events_can_be_polled"] {
            passes(&format!("streams::{name}"), &[("SIMGPU_SCHED", schedule), ("SIMGPU_LEAKS", "1")]);
        }
    }
    passes("streams::devices_exchange_memory", &[("SIMGPU_DEVICES", "2"), ("SIMGPU_SCHED", "lazy")]);
}

#[test]
#[ignore = "run in a process of its own"]
fn copies_and_kernels_on_three_streams() {
    let (context, compute, k) = setup(SAXPY, "saxpy");
    unsafe { context.disable_event_tracking() };
    let (up, down) = (context.new_stream().unwrap(), context.new_stream().unwrap());
    let before = counters();
    for round in 0..4u8 {
        let value = f32::from(round);
        let mut host = unsafe { context.alloc_pinned_with_flags::<f32>(1000, 0) }.unwrap();
        host.as_mut_slice().unwrap().fill(value);
        let mut x = unsafe { up.alloc::<f32>(1000) }.unwrap();
        up.memcpy_htod(&host, &mut x).unwrap();
        let mut y = compute.alloc_zeros::<f32>(1000).unwrap();
        compute.wait(&up.record_event(None).unwrap()).unwrap();
        unsafe { compute.launch_builder(&k).arg(&3f32).arg(&x).arg(&mut y).arg(&1000u64).launch(shape(4, 256, 0)) }
            .unwrap();
        let done = compute.record_event(None).unwrap();
        down.wait(&done).unwrap();
        up.wait(&done).unwrap();
        let found = down.clone_dtoh(&y).unwrap();
        down.synchronize().unwrap();
        assert!(found.iter().all(|v| *v == 3.0 * value), "{}", found[0]);
        drop(x);
        up.synchronize().unwrap();
    }
    compute.synchronize().unwrap();
    let after = counters();
    assert_eq!(after.launches - before.launches, 4);
    assert_eq!((after.h2d - before.h2d, after.h2d_bytes - before.h2d_bytes), (4, 16000));
    assert_eq!((after.d2h - before.d2h, after.d2h_bytes - before.d2h_bytes), (4, 16000));
    assert!(after.peak_bytes >= 8000 && after.instructions > before.instructions);
}

/// Has `stream` call a function.
fn call(stream: &CudaStream, function: impl FnOnce() + Send + 'static) {
    unsafe extern "C" fn run(data: *mut c_void) {
        let function: Box<Box<dyn FnOnce() + Send>> = unsafe { Box::from_raw(data.cast()) };
        function();
    }
    let function: Box<Box<dyn FnOnce() + Send>> = Box::new(Box::new(function));
    unsafe { sys::cuLaunchHostFunc(stream.cu_stream(), Some(run), Box::into_raw(function).cast()) }.result().unwrap();
}

#[test]
#[ignore = "run in a process of its own"]
fn host_functions_run_in_order() {
    let context = CudaContext::new(0).unwrap();
    let (a, b) = (context.new_stream().unwrap(), context.new_stream().unwrap());
    let first = Arc::new(AtomicBool::new(false));
    let seen = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&first);
    call(&a, move || flag.store(true, Ordering::SeqCst));
    b.wait(&a.record_event(None).unwrap()).unwrap();
    let (flag, result) = (Arc::clone(&first), Arc::clone(&seen));
    call(&b, move || result.store(flag.load(Ordering::SeqCst), Ordering::SeqCst));
    b.synchronize().unwrap();
    assert!(seen.load(Ordering::SeqCst));
}

#[test]
#[ignore = "run in a process of its own"]
fn events_can_be_polled() {
    let context = CudaContext::new(0).unwrap();
    let stream = context.new_stream().unwrap();
    let x = stream.alloc_zeros::<f32>(100).unwrap();
    let timing = Some(sys::CUevent_flags::CU_EVENT_DEFAULT);
    let begin = stream.record_event(timing).unwrap();
    drop(x);
    let end = stream.record_event(timing).unwrap();
    while !end.is_complete() {}
    assert!(begin.elapsed_ms(&end).unwrap() >= 0.0);
    let unrecorded = context.new_event(None).unwrap();
    assert!(unrecorded.is_complete());
}

#[test]
#[ignore = "run in a process of its own"]
fn devices_exchange_memory() {
    let (zero, one) = (CudaContext::new(0).unwrap(), CudaContext::new(1).unwrap());
    let (a, b) = (zero.new_stream().unwrap(), one.new_stream().unwrap());
    let x = a.clone_htod(&[1f32, 2.0, 3.0]).unwrap();
    a.synchronize().unwrap();
    let y = b.alloc_zeros::<f32>(3).unwrap();
    let (to, from) = (y.device_ptr(&b).0, x.device_ptr(&a).0);
    one.bind_to_thread().unwrap();
    unsafe { sys::cuMemcpyPeerAsync(to, one.cu_ctx(), from, zero.cu_ctx(), 12, b.cu_stream()) }.result().unwrap();
    assert_eq!(b.clone_dtoh(&y).unwrap(), [1.0, 2.0, 3.0]);
    let mut can = 0;
    unsafe { sys::cuDeviceCanAccessPeer(&raw mut can, 1, 0) }.result().unwrap();
    assert_eq!(can, 1);
}
