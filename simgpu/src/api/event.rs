//! Events.

use super::{Out, current, driver, stream};
use crate::queue::{Event, Task};
use crate::sim::Sim;
use crate::status::{Result, Status};
use std::ffi::c_uint;

/// Events without a time.
const DISABLE_TIMING: c_uint = 2;

fn record(sim: &mut Sim, event: usize, handle: usize) -> Result<()> {
    let stream = stream(sim, handle)?;
    let device = sim.streams.get(&stream).map(|s| s.device);
    let found = sim.events.get_mut(&event).ok_or(Status::InvalidHandle)?;
    if Some(found.device) != device {
        return sim.refuse(Status::InvalidHandle, "an event is recorded on a stream of another device");
    }
    found.generation += 1;
    let generation = found.generation;
    sim.push(stream, Task::Record(event, generation))
}

fn elapsed(sim: &Sim, begin: usize, end: usize) -> Result<f32> {
    let event = |handle| sim.events.get(&handle).filter(|e: &&Event| e.timing).ok_or(Status::InvalidHandle);
    let (begin, end) = (event(begin)?, event(end)?);
    if begin.generation == 0 || end.generation == 0 {
        return Err(Status::InvalidHandle);
    }
    if begin.done < begin.generation || end.done < end.generation {
        return Err(Status::NotReady);
    }
    let (Some(from), Some(to)) = (begin.at, end.at) else { return Err(Status::NotReady) };
    let milliseconds = 1e3 * to.saturating_duration_since(from).as_secs_f32();
    Ok(milliseconds)
}

driver! {
    fn cuEventCreate(handle: Out<usize>, flags: c_uint) |sim| {
        let device = current()?;
        sim.healthy(device)?;
        let created = sim.handle();
        let timing = flags & DISABLE_TIMING == 0;
        sim.events.insert(created, Event { device, generation: 0, done: 0, at: None, timing, polls: 0 });
        handle.set(created)
    }
    fn cuEventDestroy_v2(handle: usize) |sim| {
        let event = sim.events.get(&handle).ok_or(Status::InvalidHandle)?;
        if event.done < event.generation {
            // Streams that wait for it still do: it is kept until it has happened.
            let (device, generation) = (event.device, event.generation);
            let waits = |t: &Task| matches!(t, Task::Wait(e, _) | Task::Record(e, _) if *e == handle);
            let healthy = sim.devices[device].failed.is_none();
            if generation > 0 && healthy && sim.streams.values().any(|s| s.queue.iter().any(waits)) {
                return Ok(());
            }
        }
        sim.events.remove(&handle);
        Ok(())
    }
    fn cuEventRecord(event: usize, handle: usize) |sim| { record(sim, event, handle) }
    fn cuEventRecordWithFlags(event: usize, handle: usize, _flags: c_uint) |sim| { record(sim, event, handle) }
    fn cuEventQuery(event: usize) |sim| {
        if sim.query_event(event)? { Ok(()) } else { Err(Status::NotReady) }
    }
    fn cuEventSynchronize(event: usize) |sim| {
        sim.counters.synchronizations += 1;
        sim.wait_event(event)
    }
    fn cuEventElapsedTime(milliseconds: Out<f32>, begin: usize, end: usize) |sim| {
        milliseconds.set(elapsed(sim, begin, end)?)
    }
    fn cuEventElapsedTime_v2(milliseconds: Out<f32>, begin: usize, end: usize) |sim| {
        milliseconds.set(elapsed(sim, begin, end)?)
    }
}
