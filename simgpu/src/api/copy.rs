//! Copies and fills.
//!
//! Pinned host memory is read and written when its stream gets there; pageable memory is read before the call returns,
//! and a copy into it is waited for.

use super::{Out, current, driver, stream};
use crate::queue::Task;
use crate::sim::Sim;
use crate::status::{Result, Status};
use std::ffi::{c_uchar, c_uint, c_ushort};

/// One side of a copy.
#[derive(Debug, Clone)]
enum End {
    Device(u64),
    Pinned(usize),
    Pageable(usize),
    /// What pageable memory held at the call.
    Snapshot(Vec<u8>),
}

/// A copy of rows.
#[derive(Debug)]
struct Copy {
    to: End,
    to_pitch: usize,
    from: End,
    from_pitch: usize,
    width: usize,
    height: usize,
}

impl Copy {
    fn line(to: End, from: End, bytes: usize) -> Self {
        Self { to, to_pitch: bytes, from, from_pitch: bytes, width: bytes, height: 1 }
    }

    /// Bytes from the first to the last of one side.
    fn extent(&self, pitch: usize) -> usize {
        if self.height == 0 { 0 } else { (self.height - 1) * pitch + self.width }
    }
}

/// The host memory at an address; a device's is refused.
fn host(sim: &mut Sim, at: usize, bytes: usize, what: &str) -> Result<End> {
    if sim.device_of(at as u64).is_some() {
        return sim.refuse(Status::InvalidValue, &format!("{what} {at:#x} is a device pointer, not host memory"));
    }
    if at == 0 && bytes > 0 {
        return Err(Status::InvalidValue);
    }
    Ok(if sim.is_pinned(at, bytes) { End::Pinned(at) } else { End::Pageable(at) })
}

/// The device memory at an address; anything else is refused at once.
fn device(sim: &mut Sim, at: u64, what: &str) -> Result<End> {
    if sim.device_of(at).is_none() {
        let pinned = if sim.is_pinned(at as usize, 1) { " (it is pinned host memory)" } else { "" };
        return sim.refuse(Status::InvalidValue, &format!("{what} {at:#x} is no device pointer{pinned}"));
    }
    Ok(End::Device(at))
}

/// Where any address points.
fn either(sim: &mut Sim, at: u64, bytes: usize, what: &str) -> Result<End> {
    if sim.device_of(at).is_some() { Ok(End::Device(at)) } else { host(sim, at as usize, bytes, what) }
}

/// Where one side lies when the copy runs.
fn place(sim: &mut Sim, end: &End, bytes: usize, what: &str) -> Result<*mut u8> {
    match end {
        End::Device(at) => sim.device_range(*at, bytes, what),
        End::Pinned(at) if !sim.is_pinned(*at, bytes) => sim
            .refuse(Status::IllegalAddress, &format!("{what}: pinned memory at {at:#x} was freed before its copy ran")),
        End::Pinned(at) | End::Pageable(at) => Ok(*at as *mut u8),
        End::Snapshot(bytes) => Ok(bytes.as_ptr().cast_mut()),
    }
}

fn enqueue(sim: &mut Sim, handle: usize, mut copy: Copy, wait: bool) -> Result<()> {
    let stream = stream(sim, handle)?;
    let device = sim.streams.get(&stream).map_or(0, |s| s.device);
    sim.healthy(device)?;
    if copy.width == 0 || copy.height == 0 {
        return Ok(());
    }
    let bytes = (copy.width * copy.height) as u64;
    let c = &mut sim.counters;
    let (calls, moved) = match (&copy.to, &copy.from) {
        (End::Device(_), End::Device(_)) => (&mut c.d2d, &mut c.d2d_bytes),
        (End::Device(_), _) => (&mut c.h2d, &mut c.h2d_bytes),
        (_, End::Device(_)) => (&mut c.d2h, &mut c.d2h_bytes),
        _ => (&mut 0, &mut 0),
    };
    *calls += 1;
    *moved += bytes;
    if let End::Pageable(at) = copy.from {
        let extent = copy.extent(copy.from_pitch);
        // SAFETY: the caller gave so many readable bytes.
        copy.from = End::Snapshot(unsafe { std::slice::from_raw_parts(at as *const u8, extent) }.to_vec());
    }
    let wait = wait || matches!(copy.to, End::Pageable(_));
    sim.push(
        stream,
        Task::Run(Box::new(move |sim| {
            let to = place(sim, &copy.to, copy.extent(copy.to_pitch), "the destination of a copy")?;
            let from = place(sim, &copy.from, copy.extent(copy.from_pitch), "the source of a copy")?;
            for row in 0..copy.height {
                // SAFETY: `place` checked both sides for their whole extent; pageable destinations are the caller's
                // promise. Ranges may overlap.
                unsafe { std::ptr::copy(from.add(row * copy.from_pitch), to.add(row * copy.to_pitch), copy.width) };
            }
            Ok(())
        })),
    )?;
    if wait { sim.drain(stream) } else { Ok(()) }
}

fn fill(sim: &mut Sim, handle: usize, at: u64, value: &[u8], count: usize) -> Result<()> {
    let stream = stream(sim, handle)?;
    let owner = sim.streams.get(&stream).map_or(0, |s| s.device);
    sim.healthy(owner)?;
    if count == 0 {
        return Ok(());
    }
    device(sim, at, "the destination of a fill")?;
    if !at.is_multiple_of(value.len() as u64) {
        return Err(Status::InvalidValue);
    }
    sim.counters.memsets += 1;
    let value = value.to_vec();
    sim.push(
        stream,
        Task::Run(Box::new(move |sim| {
            let bytes = count * value.len();
            let to = sim.device_range(at, bytes, "the destination of a fill")?;
            // SAFETY: `device_range` checked so many bytes.
            let to = unsafe { std::slice::from_raw_parts_mut(to, bytes) };
            for to in to.chunks_exact_mut(value.len()) {
                to.copy_from_slice(&value);
            }
            Ok(())
        })),
    )
}

/// `CUDA_MEMCPY2D`.
#[derive(Debug)]
#[repr(C)]
pub struct Rows {
    src_x: usize,
    src_y: usize,
    src_type: c_uint,
    src_host: usize,
    src_device: u64,
    src_array: usize,
    src_pitch: usize,
    dst_x: usize,
    dst_y: usize,
    dst_type: c_uint,
    dst_host: usize,
    dst_device: u64,
    dst_array: usize,
    dst_pitch: usize,
    width: usize,
    height: usize,
}

fn rows(sim: &mut Sim, rows: *const Rows, handle: usize, wait: bool) -> Result<()> {
    if rows.is_null() {
        return Err(Status::InvalidValue);
    }
    // SAFETY: the caller gave a description.
    let rows = unsafe { &*rows };
    let (width, height) = (rows.width, rows.height);
    let pitch = |given: usize| if given == 0 { width } else { given };
    let (from_pitch, to_pitch) = (pitch(rows.src_pitch), pitch(rows.dst_pitch));
    if rows.src_x + width > from_pitch || rows.dst_x + width > to_pitch {
        return sim.refuse(Status::InvalidValue, "a copy of rows that are wider than their pitch");
    }
    let mut end = |kind: c_uint, at_host: usize, at_device: u64, offset: usize, pitch: usize, what: &str| {
        let extent = height.saturating_sub(1) * pitch + width;
        match kind {
            1 => host(sim, at_host + offset, extent, what),
            2 => device(sim, at_device + offset as u64, what),
            4 => either(sim, at_device + offset as u64, extent, what),
            _ => Err(Status::NotSupported),
        }
    };
    let from_offset = rows.src_y * from_pitch + rows.src_x;
    let from = end(rows.src_type, rows.src_host, rows.src_device, from_offset, from_pitch, "the source of a copy")?;
    let to_offset = rows.dst_y * to_pitch + rows.dst_x;
    let to = end(rows.dst_type, rows.dst_host, rows.dst_device, to_offset, to_pitch, "the destination of a copy")?;
    enqueue(sim, handle, Copy { to, to_pitch, from, from_pitch, width, height }, wait)
}

fn up(sim: &mut Sim, to: u64, from: usize, bytes: usize, handle: usize, wait: bool) -> Result<()> {
    let (to, from) = (device(sim, to, "the destination of a copy")?, host(sim, from, bytes, "the source of a copy")?);
    enqueue(sim, handle, Copy::line(to, from, bytes), wait)
}

fn down(sim: &mut Sim, to: usize, from: u64, bytes: usize, handle: usize, wait: bool) -> Result<()> {
    let (to, from) = (host(sim, to, bytes, "the destination of a copy")?, device(sim, from, "the source of a copy")?);
    enqueue(sim, handle, Copy::line(to, from, bytes), wait)
}

fn across(sim: &mut Sim, to: u64, from: u64, bytes: usize, handle: usize, wait: bool) -> Result<()> {
    let (to, from) = (device(sim, to, "the destination of a copy")?, device(sim, from, "the source of a copy")?);
    enqueue(sim, handle, Copy::line(to, from, bytes), wait)
}

fn any(sim: &mut Sim, to: u64, from: u64, bytes: usize, handle: usize, wait: bool) -> Result<()> {
    let to = either(sim, to, bytes, "the destination of a copy")?;
    let from = either(sim, from, bytes, "the source of a copy")?;
    enqueue(sim, handle, Copy::line(to, from, bytes), wait)
}

driver! {
    fn cuMemcpyHtoDAsync_v2(
        to: u64, from: usize, bytes: usize, handle: usize,
    ) |sim| {
        up(sim, to, from, bytes, handle, false)
    }
    fn cuMemcpyDtoHAsync_v2(
        to: usize, from: u64, bytes: usize, handle: usize,
    ) |sim| {
        down(sim, to, from, bytes, handle, false)
    }
    fn cuMemcpyDtoDAsync_v2(
        to: u64, from: u64, bytes: usize, handle: usize,
    ) |sim| {
        across(sim, to, from, bytes, handle, false)
    }
    fn cuMemcpyHtoD_v2(to: u64, from: usize, bytes: usize) |sim| { up(sim, to, from, bytes, 0, true) }
    fn cuMemcpyDtoH_v2(to: usize, from: u64, bytes: usize) |sim| { down(sim, to, from, bytes, 0, true) }
    fn cuMemcpyDtoD_v2(to: u64, from: u64, bytes: usize) |sim| { across(sim, to, from, bytes, 0, true) }
    fn cuMemcpy(to: u64, from: u64, bytes: usize) |sim| { any(sim, to, from, bytes, 0, true) }
    fn cuMemcpyAsync(to: u64, from: u64, bytes: usize, handle: usize) |sim| { any(sim, to, from, bytes, handle, false) }
    fn cuMemcpyPeerAsync(
        to: u64, _to_context: usize, from: u64, _from_context: usize, bytes: usize, handle: usize,
    ) |sim| {
        across(sim, to, from, bytes, handle, false)
    }
    fn cuMemcpyPeer(to: u64, _to_context: usize, from: u64, _from_context: usize, bytes: usize) |sim| {
        across(sim, to, from, bytes, 0, true)
    }
    fn cuMemcpy2DAsync_v2(copy: *const Rows, handle: usize) |sim| { rows(sim, copy, handle, false) }
    fn cuMemcpy2D_v2(copy: *const Rows) |sim| { rows(sim, copy, 0, true) }
    fn cuMemcpy2DUnaligned_v2(copy: *const Rows) |sim| { rows(sim, copy, 0, true) }
    fn cuMemsetD8Async(
        at: u64, value: c_uchar, count: usize, handle: usize,
    ) |sim| {
        fill(sim, handle, at, &[value], count)
    }
    fn cuMemsetD16Async(at: u64, value: c_ushort, count: usize, handle: usize) |sim| {
        fill(sim, handle, at, &value.to_le_bytes(), count)
    }
    fn cuMemsetD32Async(at: u64, value: c_uint, count: usize, handle: usize) |sim| {
        fill(sim, handle, at, &value.to_le_bytes(), count)
    }
    fn cuMemsetD8_v2(at: u64, value: c_uchar, count: usize) |sim| { fill(sim, 0, at, &[value], count) }
    fn cuMemsetD16_v2(at: u64, value: c_ushort, count: usize) |sim| { fill(sim, 0, at, &value.to_le_bytes(), count) }
    fn cuMemsetD32_v2(at: u64, value: c_uint, count: usize) |sim| { fill(sim, 0, at, &value.to_le_bytes(), count) }
    fn cuMemGetAddressRange_v2(base: Out<u64>, size: Out<usize>, at: u64) |sim| {
        current()?;
        let device = sim.device_of(at).ok_or(Status::InvalidValue)?;
        let span = sim.devices[device].span(at, 1).ok_or(Status::InvalidValue)?;
        base.set_if_wanted(span.low);
        size.set_if_wanted((span.high - span.low) as usize);
        Ok(())
    }
}
