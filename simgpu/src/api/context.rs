//! Contexts: one per device.

use super::device::ordinal;
use super::{CONTEXTS, Out, context_of, current, device_of, driver};
use crate::status::Status;
use std::ffi::{c_int, c_uint};

driver! {
    fn cuDevicePrimaryCtxRetain(context: Out<usize>, device: c_int) |sim| {
        context.set(context_of(ordinal(sim, device)?))
    }
    fn cuDevicePrimaryCtxRelease_v2(device: c_int) |sim| {
        ordinal(sim, device).map(|_| ())
    }
    fn cuDevicePrimaryCtxGetState(device: c_int, flags: Out<c_uint>, active: Out<c_int>) |sim| {
        ordinal(sim, device)?;
        flags.set_if_wanted(0);
        active.set(1)
    }
    fn cuDevicePrimaryCtxSetFlags_v2(device: c_int, _flags: c_uint) |sim| {
        ordinal(sim, device).map(|_| ())
    }
    fn cuCtxGetCurrent(context: Out<usize>) |_| {
        context.set(CONTEXTS.with_borrow(|all| all.last().copied().unwrap_or(0)))
    }
    fn cuCtxSetCurrent(context: usize) |sim| {
        if context != 0 && device_of(context)? >= sim.devices.len() {
            return Err(Status::InvalidContext);
        }
        CONTEXTS.with_borrow_mut(|all| {
            all.pop();
            all.extend((context != 0).then_some(context));
        });
        Ok(())
    }
    fn cuCtxPushCurrent_v2(context: usize) |_| {
        device_of(context)?;
        CONTEXTS.with_borrow_mut(|all| all.push(context));
        Ok(())
    }
    fn cuCtxPopCurrent_v2(context: Out<usize>) |_| {
        let last = CONTEXTS.with_borrow_mut(Vec::pop).ok_or(Status::InvalidContext)?;
        context.set_if_wanted(last);
        Ok(())
    }
    fn cuCtxGetDevice(device: Out<c_int>) |_| {
        device.set(c_int::try_from(current()?).unwrap_or(0))
    }
    fn cuCtxSynchronize() |sim| {
        let device = current()?;
        sim.counters.synchronizations += 1;
        sim.drain_device(device)
    }
    fn cuCtxGetStreamPriorityRange(least: Out<c_int>, greatest: Out<c_int>) |_| {
        least.set_if_wanted(0);
        greatest.set_if_wanted(-5);
        Ok(())
    }
    fn cuCtxSetLimit(_limit: c_uint, _value: usize) |_| { current().map(|_| ()) }
    fn cuCtxGetLimit(value: Out<usize>, _limit: c_uint) |_| { value.set(0) }
    fn cuCtxSetFlags(_flags: c_uint) |_| { current().map(|_| ()) }
    fn cuCtxGetFlags(flags: Out<c_uint>) |_| { flags.set(0) }
    fn cuCtxGetApiVersion(_context: usize, version: Out<c_uint>) |_| { version.set(13000) }
    fn cuCtxEnablePeerAccess(peer: usize, _flags: c_uint) |sim| {
        let (device, peer) = (current()?, device_of(peer)?);
        if peer == device || peer >= sim.devices.len() {
            return Err(Status::InvalidContext);
        }
        if sim.devices[device].peers.insert(peer) { Ok(()) } else { Err(Status::PeerAccessAlreadyEnabled) }
    }
    fn cuCtxDisablePeerAccess(peer: usize) |sim| {
        let (device, peer) = (current()?, device_of(peer)?);
        if sim.devices[device].peers.remove(&peer) { Ok(()) } else { Err(Status::PeerAccessNotEnabled) }
    }
}
