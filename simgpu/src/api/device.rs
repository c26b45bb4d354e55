//! Devices and their attributes: those of an H100, as far as the simulation has them.

use super::{Out, driver};
use crate::sim::Sim;
use crate::status::{Result, Status};
use std::ffi::{c_char, c_int, c_uint};

/// The number of a device, checked.
pub fn ordinal(sim: &Sim, device: c_int) -> Result<usize> {
    usize::try_from(device).ok().filter(|d| *d < sim.devices.len()).ok_or(Status::InvalidDevice)
}

/// Multiprocessors of each device.
pub const MULTIPROCESSORS: i32 = 132;

/// Dynamic shared memory that a block may have at most.
pub const MAX_SHARED: i32 = 232_448;

fn attribute(which: c_uint, device: usize) -> i32 {
    match which {
        1..=3 => 1024,
        4 => 64,
        5 => i32::MAX,
        6 | 7 => 65535,
        8 => 49152,
        9 => 65536,
        10 => 32,
        11 => i32::MAX,
        12 | 82 => 65536,
        13 => 1_980_000,
        14 => 512,
        16 => MULTIPROCESSORS,
        33 => i32::try_from(device).unwrap_or(0) + 1,
        36 => 2_619_000,
        37 => 5120,
        38 => 50 << 20,
        39 => 2048,
        40 => 3,
        75 => 9,
        81 => 233_472,
        87 => 2,
        97 => MAX_SHARED,
        106 => 32,
        111 => 1024,
        // Overlap, host mapping, concurrent kernels, ECC, unified addresses, priorities, caches, cooperative launches,
        // host registration, memory pools.
        15 | 19 | 31 | 32 | 41 | 78 | 79 | 80 | 90 | 95 | 99 | 115 => 1,
        _ => 0,
    }
}

driver! {
    fn cuInit(_flags: c_uint) |_| { Ok(()) }
    fn cuDeviceGetCount(count: Out<c_int>) |sim| {
        count.set(c_int::try_from(sim.devices.len()).unwrap_or(0))
    }
    fn cuDeviceGet(device: Out<c_int>, number: c_int) |sim| {
        ordinal(sim, number)?;
        device.set(number)
    }
    fn cuDeviceGetName(name: Out<c_char>, length: c_int, device: c_int) |sim| {
        ordinal(sim, device)?;
        let text = c"simgpu".to_bytes_with_nul();
        let room = usize::try_from(length).unwrap_or(0);
        if name.pointer().is_null() || room < text.len() {
            return Err(Status::InvalidValue);
        }
        // SAFETY: the caller gave room for `length` bytes, which is enough.
        unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), name.pointer().cast(), text.len()) };
        Ok(())
    }
    fn cuDeviceGetUuid_v2(uuid: Out<[u8; 16]>, device: c_int) |sim| {
        let mut bytes = *b"simulated GPU  0";
        bytes[15] += u8::try_from(ordinal(sim, device)?).unwrap_or(0);
        uuid.set(bytes)
    }
    fn cuDeviceGetAttribute(value: Out<c_int>, which: c_uint, device: c_int) |sim| {
        let device = ordinal(sim, device)?;
        value.set(attribute(which, device))
    }
    fn cuDeviceTotalMem_v2(bytes: Out<usize>, device: c_int) |sim| {
        let device = ordinal(sim, device)?;
        bytes.set(sim.devices[device].capacity)
    }
    fn cuDeviceCanAccessPeer(can: Out<c_int>, device: c_int, peer: c_int) |sim| {
        let (device, peer) = (ordinal(sim, device)?, ordinal(sim, peer)?);
        can.set(c_int::from(device != peer))
    }
}
