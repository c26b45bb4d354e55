//! Streams and host functions.

use super::{IN_CALLBACK, Out, call, context_of, current, driver, stream};
use crate::queue::{Stream, Task};
use crate::sim::Sim;
use crate::status::{Result, Status};
use std::ffi::{c_int, c_uint, c_void};

fn create(sim: &mut Sim, flags: c_uint, priority: c_int) -> Result<usize> {
    let device = current()?;
    sim.healthy(device)?;
    let handle = sim.handle();
    sim.streams.insert(handle, Stream { priority, ..Stream::new(device, flags & 1 == 0) });
    Ok(handle)
}

/// A caller's pointer that travels with its function.
struct User(*mut c_void);

// SAFETY: the caller gives it to the driver, which may call the function on any thread.
unsafe impl Send for User {}

impl User {
    /// The pointer; a method, so that closures capture the whole.
    fn get(&self) -> *mut c_void {
        self.0
    }
}

type HostFunction = unsafe extern "C" fn(*mut c_void);

driver! {
    fn cuStreamCreate(handle: Out<usize>, flags: c_uint) |sim| {
        let created = create(sim, flags, 0)?;
        handle.set(created)
    }
    fn cuStreamCreateWithPriority(handle: Out<usize>, flags: c_uint, priority: c_int) |sim| {
        let created = create(sim, flags, priority.clamp(-5, 0))?;
        handle.set(created)
    }
    fn cuStreamDestroy_v2(handle: usize) |sim| {
        if handle <= 2 || !sim.streams.contains_key(&handle) {
            return Err(Status::InvalidHandle);
        }
        // What is queued still runs.
        let done = sim.drain(handle);
        sim.streams.remove(&handle);
        done
    }
    fn cuStreamSynchronize(handle: usize) |sim| {
        let stream = stream(sim, handle)?;
        sim.counters.synchronizations += 1;
        sim.drain(stream)
    }
    fn cuStreamQuery(handle: usize) |sim| {
        let stream = stream(sim, handle)?;
        if sim.query_stream(stream)? { Ok(()) } else { Err(Status::NotReady) }
    }
    fn cuStreamWaitEvent(handle: usize, event: usize, _flags: c_uint) |sim| {
        let stream = stream(sim, handle)?;
        let generation = sim.events.get(&event).ok_or(Status::InvalidHandle)?.generation;
        if generation == 0 {
            // An event that was never recorded holds nobody up.
            return Ok(());
        }
        sim.push(stream, Task::Wait(event, generation))
    }
    fn cuStreamGetPriority(handle: usize, priority: Out<c_int>) |sim| {
        let stream = stream(sim, handle)?;
        priority.set(sim.streams.get(&stream).map_or(0, |s| s.priority))
    }
    fn cuStreamGetFlags(handle: usize, flags: Out<c_uint>) |sim| {
        let stream = stream(sim, handle)?;
        flags.set(u32::from(!sim.streams.get(&stream).is_some_and(|s| s.blocking)))
    }
    fn cuStreamGetCtx(handle: usize, context: Out<usize>) |sim| {
        let stream = stream(sim, handle)?;
        context.set(context_of(sim.streams.get(&stream).map_or(0, |s| s.device)))
    }
    fn cuStreamIsCapturing(handle: usize, status: Out<c_uint>) |sim| {
        stream(sim, handle)?;
        status.set(0)
    }
}

/// `cuLaunchHostFunc`.
///
/// # Safety
/// `function` may be called once with `data`, on any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuLaunchHostFunc(handle: usize, function: Option<HostFunction>, data: *mut c_void) -> u32 {
    let data = User(data);
    call(move |sim| {
        let stream = stream(sim, handle)?;
        let function = function.ok_or(Status::InvalidValue)?;
        sim.push(
            stream,
            Task::Run(Box::new(move |_| {
                IN_CALLBACK.set(true);
                // SAFETY: the caller's promise.
                unsafe { function(data.get()) };
                IN_CALLBACK.set(false);
                Ok(())
            })),
        )
    })
}
