//! Device memory and pinned host memory.

use super::{Out, current, driver, stream};
use crate::queue::Task;
use crate::sim::{Pinned, Sim};
use crate::status::{Result, Status};
use std::alloc::Layout;
use std::ffi::{c_int, c_uint, c_void};

/// What fresh pinned memory holds.
const FRESH_PINNED: u8 = 0xa5;

/// Finds memory of a device. Where it is short, what is queued runs first: frees may be among it.
fn reserve(sim: &mut Sim, device: usize, bytes: usize) -> Result<u64> {
    if bytes == 0 {
        return Err(Status::InvalidValue);
    }
    sim.healthy(device)?;
    sim.attempts += 1;
    let wanted = sim.config.oom_at == Some(sim.attempts) || sim.config.oom_over.is_some_and(|most| bytes > most);
    if wanted {
        return Err(Status::OutOfMemory);
    }
    let at = match sim.devices[device].reserve(bytes, false) {
        Err(Status::OutOfMemory) => {
            sim.drain_device(device)?;
            sim.devices[device].reserve(bytes, false)?
        }
        other => other?,
    };
    sim.counters.allocations += 1;
    sim.note_memory();
    Ok(at)
}

/// An allocation that its stream makes usable.
pub fn allocate(sim: &mut Sim, handle: usize, bytes: usize, pool: usize) -> Result<u64> {
    let stream = stream(sim, handle)?;
    let device = sim.streams.get(&stream).map(|s| s.device).ok_or(Status::InvalidHandle)?;
    let at = reserve(sim, device, bytes)?;
    if let Some(found) = sim.pools.get_mut(&pool) {
        found.used += bytes as u64;
        found.used_high = found.used_high.max(found.used);
        sim.pool_of.insert(at, pool);
    }
    sim.push(
        stream,
        Task::Run(Box::new(move |sim| {
            sim.devices[device].activate(at);
            Ok(())
        })),
    )?;
    Ok(at)
}

/// The device of an allocation that may be freed, now marked so.
fn free(sim: &mut Sim, at: u64) -> Result<usize> {
    let Some(device) = sim.device_of(at) else {
        return sim.refuse(Status::InvalidValue, &format!("free: {at:#x} is no device pointer"));
    };
    let allocation = sim.devices[device].allocations.get_mut(&at).filter(|a| !a.freeing && !a.module);
    match allocation {
        Some(allocation) => {
            allocation.freeing = true;
            Ok(device)
        }
        None => {
            let twice = sim.devices[device].allocations.get(&at).is_some_and(|a| a.freeing);
            let there = sim.devices[device].describe(at);
            let why = if twice { "double free" } else { "free of what is not allocated" };
            sim.refuse(Status::InvalidValue, &format!("{why} at {at:#x}: {there}"))
        }
    }
}

/// Gives an allocation back.
fn release(sim: &mut Sim, device: usize, at: u64) {
    let bytes = sim.devices[device].release(at).unwrap_or(0);
    if let Some(pool) = sim.pool_of.remove(&at).and_then(|p| sim.pools.get_mut(&p)) {
        pool.used -= bytes as u64;
    }
    sim.note_memory();
}

fn pin(sim: &mut Sim, bytes: usize) -> Result<*mut c_void> {
    let device = current()?;
    sim.healthy(device)?;
    let layout = Layout::from_size_align(bytes.max(1), 4096).map_err(|_| Status::InvalidValue)?;
    // SAFETY: the layout is not empty.
    let at = unsafe { std::alloc::alloc(layout) };
    if at.is_null() {
        return Err(Status::OutOfMemory);
    }
    // SAFETY: just allocated, of this size.
    unsafe { at.write_bytes(FRESH_PINNED, bytes) };
    sim.pinned.insert(at as usize, Pinned { bytes, owner: Some(layout) });
    sim.counters.pinned_bytes += bytes as u64;
    Ok(at.cast())
}

driver! {
    fn cuMemGetInfo_v2(free: Out<usize>, total: Out<usize>) |sim| {
        let device = &sim.devices[current()?];
        free.set_if_wanted(device.capacity - device.used.min(device.capacity));
        total.set_if_wanted(device.capacity);
        Ok(())
    }
    fn cuMemAlloc_v2(at: Out<u64>, bytes: usize) |sim| {
        let device = current()?;
        let found = reserve(sim, device, bytes)?;
        sim.devices[device].activate(found);
        at.set(found)
    }
    fn cuMemFree_v2(at: u64) |sim| {
        if at == 0 {
            return Ok(());
        }
        let device = free(sim, at)?;
        // Freeing waits for the device.
        let done = sim.drain_device(device);
        release(sim, device, at);
        done
    }
    fn cuMemAllocAsync(at: Out<u64>, bytes: usize, handle: usize) |sim| {
        let stream = stream(sim, handle)?;
        let device = sim.streams.get(&stream).map_or(0, |s| s.device);
        at.set(allocate(sim, handle, bytes, Sim::default_pool(device))?)
    }
    fn cuMemFreeAsync(at: u64, handle: usize) |sim| {
        let stream = stream(sim, handle)?;
        let owner = sim.streams.get(&stream).map_or(0, |s| s.device);
        sim.healthy(owner)?;
        let device = free(sim, at)?;
        sim.push(stream, Task::Run(Box::new(move |sim| {
            if sim.devices[device].allocations.get(&at).is_some_and(|a| !a.live) {
                let why = format!("free at {at:#x} before its stream reached the allocation");
                return sim.refuse(Status::IllegalAddress, &why);
            }
            release(sim, device, at);
            Ok(())
        })))?;
        // The pool has back at once what a stream frees that has nothing before it.
        if sim.streams.get(&stream).is_some_and(|s| s.queue.len() == 1) {
            sim.drain(stream)?;
        }
        Ok(())
    }
    fn cuMemHostAlloc(at: Out<*mut c_void>, bytes: usize, _flags: c_uint) |sim| {
        let found = pin(sim, bytes)?;
        at.set(found)
    }
    fn cuMemAllocHost_v2(at: Out<*mut c_void>, bytes: usize) |sim| {
        let found = pin(sim, bytes)?;
        at.set(found)
    }
    fn cuMemFreeHost(at: *mut c_void) |sim| {
        let Some(layout) = sim.pinned.get(&(at as usize)).and_then(|p| p.owner) else {
            return sim.refuse(Status::InvalidValue, &format!("cuMemFreeHost: {at:p} is no pinned allocation"));
        };
        let pinned = sim.pinned.remove(&(at as usize)).map_or(0, |p| p.bytes);
        sim.counters.pinned_bytes -= pinned as u64;
        // SAFETY: allocated with this layout by `pin`, and just forgotten there.
        unsafe { std::alloc::dealloc(at.cast(), layout) };
        Ok(())
    }
    fn cuMemHostRegister_v2(at: *mut c_void, bytes: usize, _flags: c_uint) |sim| {
        if sim.is_pinned(at as usize, 1) {
            return Err(Status::HostMemoryAlreadyRegistered);
        }
        sim.pinned.insert(at as usize, Pinned { bytes, owner: None });
        Ok(())
    }
    fn cuMemHostUnregister(at: *mut c_void) |sim| {
        match sim.pinned.get(&(at as usize)) {
            Some(Pinned { owner: None, .. }) => {
                sim.pinned.remove(&(at as usize));
                Ok(())
            }
            _ => Err(Status::HostMemoryNotRegistered),
        }
    }
    fn cuMemHostGetFlags(flags: Out<c_uint>, at: *mut c_void) |sim| {
        if sim.is_pinned(at as usize, 1) { flags.set(0) } else { Err(Status::InvalidValue) }
    }
    fn cuPointerGetAttribute(data: Out<u64>, which: c_int, at: u64) |sim| {
        let device = sim.device_of(at);
        let pinned = sim.is_pinned(at as usize, 1);
        match which {
            // The kind of memory: 1 for the host's, 2 for a device's.
            2 if device.is_some() || pinned => {
                // SAFETY: the caller gave room for an `unsigned int`.
                unsafe { data.pointer().cast::<c_uint>().write(if device.is_some() { 2 } else { 1 }) };
                Ok(())
            }
            // The device's number.
            9 if device.is_some() => {
                // SAFETY: the caller gave room for an `int`.
                unsafe { data.pointer().cast::<c_int>().write(c_int::try_from(device.unwrap_or(0)).unwrap_or(0)) };
                Ok(())
            }
            _ => Err(Status::InvalidValue),
        }
    }
}
