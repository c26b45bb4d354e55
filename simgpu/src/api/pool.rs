//! Memory pools. Freed memory goes back at once, so that a pool keeps nothing.

use super::device::ordinal;
use super::memory::allocate;
use super::{Out, driver};
use crate::sim::{Pool, Sim};
use crate::status::Status;
use std::ffi::{c_int, c_uint, c_void};

/// `CUmemPoolProps`, as far as it is read.
#[derive(Debug)]
#[repr(C)]
pub struct PoolProps {
    alloc_type: c_uint,
    handle_types: c_uint,
    location_type: c_uint,
    location_id: c_int,
}

/// Attributes that are flags, then the threshold, then what is reserved and used.
const THRESHOLD: c_uint = 4;
const RESERVED: c_uint = 5;
const RESERVED_HIGH: c_uint = 6;
const USED: c_uint = 7;
const USED_HIGH: c_uint = 8;

driver! {
    fn cuDeviceGetDefaultMemPool(pool: Out<usize>, device: c_int) |sim| {
        pool.set(Sim::default_pool(ordinal(sim, device)?))
    }
    fn cuDeviceGetMemPool(pool: Out<usize>, device: c_int) |sim| {
        pool.set(Sim::default_pool(ordinal(sim, device)?))
    }
    fn cuDeviceSetMemPool(device: c_int, pool: usize) |sim| {
        ordinal(sim, device)?;
        if sim.pools.contains_key(&pool) { Ok(()) } else { Err(Status::InvalidValue) }
    }
    fn cuMemPoolCreate(pool: Out<usize>, props: *const PoolProps) |sim| {
        if props.is_null() {
            return Err(Status::InvalidValue);
        }
        // SAFETY: the caller gave properties.
        let location = unsafe { (*props).location_id };
        let device = ordinal(sim, location)?;
        let handle = sim.handle();
        sim.pools.insert(handle, Pool { device, ..Pool::default() });
        pool.set(handle)
    }
    fn cuMemPoolDestroy(pool: usize) |sim| {
        sim.pools.remove(&pool).map(|_| ()).ok_or(Status::InvalidValue)
    }
    fn cuMemPoolSetAttribute(pool: usize, which: c_uint, value: *mut c_void) |sim| {
        let pool = sim.pools.get_mut(&pool).ok_or(Status::InvalidValue)?;
        if value.is_null() {
            return Err(Status::InvalidValue);
        }
        match which {
            1..THRESHOLD => {}
            // SAFETY: the caller gave a 64-bit number, as these attributes are.
            THRESHOLD => pool.threshold = unsafe { value.cast::<u64>().read_unaligned() },
            RESERVED_HIGH => {}
            USED_HIGH => pool.used_high = pool.used,
            _ => return Err(Status::InvalidValue),
        }
        Ok(())
    }
    fn cuMemPoolGetAttribute(pool: usize, which: c_uint, value: *mut c_void) |sim| {
        let pool = sim.pools.get(&pool).ok_or(Status::InvalidValue)?;
        let found = match which {
            1..THRESHOLD => {
                if !value.is_null() {
                    // SAFETY: the caller gave room for an `int`.
                    unsafe { value.cast::<c_int>().write(1) };
                }
                return Ok(());
            }
            THRESHOLD => pool.threshold,
            RESERVED | USED => pool.used,
            RESERVED_HIGH | USED_HIGH => pool.used_high,
            _ => return Err(Status::InvalidValue),
        };
        Out(value.cast::<u64>()).set(found)
    }
    fn cuMemPoolTrimTo(pool: usize, _keep: usize) |sim| {
        if sim.pools.contains_key(&pool) { Ok(()) } else { Err(Status::InvalidValue) }
    }
    fn cuMemPoolSetAccess(pool: usize, _map: *const c_void, _count: usize) |sim| {
        if sim.pools.contains_key(&pool) { Ok(()) } else { Err(Status::InvalidValue) }
    }
    fn cuMemAllocFromPoolAsync(at: Out<u64>, bytes: usize, pool: usize, stream: usize) |sim| {
        let device = sim.pools.get(&pool).ok_or(Status::InvalidValue)?.device;
        let stream = super::stream(sim, stream)?;
        if sim.streams.get(&stream).map(|s| s.device) != Some(device) {
            return sim.refuse(Status::InvalidValue, "the pool and the stream are of different devices");
        }
        at.set(allocate(sim, stream, bytes, pool)?)
    }
}
