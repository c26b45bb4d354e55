//! Modules and functions.

use super::device::{MAX_SHARED, MULTIPROCESSORS};
use super::{Out, Text, current, driver};
use crate::ptx;
use crate::sim::{Function, Loaded, Sim};
use crate::status::{Result, Status};
use std::collections::HashMap;
use std::ffi::{CStr, c_int, c_uint, c_void};

fn load(sim: &mut Sim, text: &str) -> Result<usize> {
    let device = current()?;
    sim.healthy(device)?;
    let devices = &mut sim.devices;
    let place = |bytes: usize, _align: usize| {
        let at = devices[device].reserve(bytes, true).map_err(|_| "no memory for a variable".to_owned())?;
        devices[device].activate(at);
        Ok(at)
    };
    let module = match ptx::load(text, place) {
        Ok(module) => module,
        Err(why) => return sim.refuse(Status::InvalidPtx, &format!("PTX: {why}")),
    };
    for (at, image) in &module.images {
        let to = sim.device_range(*at, image.len(), "a module's variable")?;
        // SAFETY: `device_range` checked so many bytes.
        unsafe { std::ptr::copy_nonoverlapping(image.as_ptr(), to, image.len()) };
    }
    let handle = sim.handle();
    let mut functions = HashMap::new();
    for kernel in &module.kernels {
        let function = sim.handle();
        functions.insert(kernel.name.clone(), function);
        let kernel = std::sync::Arc::clone(kernel);
        sim.functions.insert(function, Function { kernel, device, module: handle, max_dynamic: 49152 });
    }
    sim.modules.insert(handle, Loaded { device, module, functions });
    sim.counters.modules += 1;
    Ok(handle)
}

/// The text of an image: PTX that ends with a zero.
fn image(sim: &mut Sim, image: *const c_void) -> Result<String> {
    if image.is_null() {
        return Err(Status::InvalidValue);
    }
    // SAFETY: the caller gave an image; each kind is longer than four bytes or ends with a zero before.
    let text = unsafe { CStr::from_ptr(image.cast()) }.to_bytes();
    if text.starts_with(b"\x7fELF") || text.starts_with(b"\x50\xed\x55\xba") {
        return sim.refuse(
            Status::NoBinaryForGpu,
            "this is machine code, and the stand-in runs PTX: compile for compute_90, not sm_90, where the device is \
             called simgpu",
        );
    }
    Ok(String::from_utf8_lossy(text).into_owned())
}

fn function(sim: &Sim, handle: usize) -> Result<&Function> {
    sim.functions.get(&handle).ok_or(Status::InvalidHandle)
}

/// Registers of a thread, as rows are counted here: an upper bound of what a real compiler takes.
fn registers(function: &Function) -> i32 {
    i32::try_from(function.kernel.code.rows).unwrap_or(255).clamp(16, 64)
}

fn blocks(function: &Function, threads: c_int, dynamic: usize) -> i32 {
    let threads = usize::try_from(threads).unwrap_or(1).max(1);
    let shared = function.kernel.code.shared + dynamic + 1024;
    let by_threads = 2048 / threads.next_multiple_of(32);
    let by_shared = 233_472 / shared;
    i32::try_from(by_threads.min(by_shared).min(32)).unwrap_or(0)
}

driver! {
    fn cuModuleLoadData(module: Out<usize>, data: *const c_void) |sim| {
        let text = image(sim, data)?;
        let loaded = load(sim, &text)?;
        module.set(loaded)
    }
    fn cuModuleLoadDataEx(
        module: Out<usize>, data: *const c_void, _n: c_uint, _options: *mut c_void, _values: *mut c_void,
    ) |sim| {
        let text = image(sim, data)?;
        let loaded = load(sim, &text)?;
        module.set(loaded)
    }
    fn cuModuleLoad(module: Out<usize>, path: Text) |sim| {
        let bytes = std::fs::read(path.get()?).map_err(|_| Status::FileNotFound)?;
        if bytes.starts_with(b"\x7fELF") {
            return sim.refuse(Status::NoBinaryForGpu, "this file is machine code, and the stand-in runs PTX");
        }
        let loaded = load(sim, &String::from_utf8_lossy(&bytes))?;
        module.set(loaded)
    }
    fn cuModuleUnload(module: usize) |sim| {
        let loaded = sim.modules.get(&module).ok_or(Status::InvalidHandle)?;
        let device = loaded.device;
        let done = sim.drain_device(device);
        if let Some(loaded) = sim.modules.remove(&module) {
            for (at, _) in loaded.module.variables.values() {
                sim.devices[device].release(*at);
            }
        }
        sim.functions.retain(|_, f| f.module != module);
        sim.note_memory();
        done
    }
    fn cuModuleGetFunction(handle: Out<usize>, module: usize, name: Text) |sim| {
        let loaded = sim.modules.get(&module).ok_or(Status::InvalidHandle)?;
        handle.set(*loaded.functions.get(&name.get()?).ok_or(Status::NotFound)?)
    }
    fn cuModuleGetGlobal_v2(at: Out<u64>, bytes: Out<usize>, module: usize, name: Text) |sim| {
        let loaded = sim.modules.get(&module).ok_or(Status::InvalidHandle)?;
        let (address, size) = *loaded.module.variables.get(&name.get()?).ok_or(Status::NotFound)?;
        at.set_if_wanted(address);
        bytes.set_if_wanted(size);
        Ok(())
    }
    fn cuFuncGetModule(module: Out<usize>, handle: usize) |sim| {
        module.set(function(sim, handle)?.module)
    }
    fn cuFuncGetAttribute(value: Out<c_int>, which: c_uint, handle: usize) |sim| {
        let f = function(sim, handle)?;
        let code = &f.kernel.code;
        let size = |bytes: usize| c_int::try_from(bytes).unwrap_or(c_int::MAX);
        value.set(match which {
            0 => c_int::try_from(f.kernel.max_threads).unwrap_or(1024),
            1 => size(code.shared),
            3 => size(code.local),
            4 => registers(f),
            5 | 6 => 90,
            8 => size(f.max_dynamic),
            9 => -1,
            _ => 0,
        })
    }
    fn cuFuncSetAttribute(handle: usize, which: c_uint, value: c_int) |sim| {
        let f = sim.functions.get_mut(&handle).ok_or(Status::InvalidHandle)?;
        if which == 8 {
            let fixed = c_int::try_from(f.kernel.code.shared).unwrap_or(0);
            if value < 0 || value > MAX_SHARED - fixed {
                return Err(Status::InvalidValue);
            }
            f.max_dynamic = usize::try_from(value).unwrap_or(0);
        }
        Ok(())
    }
    fn cuFuncSetCacheConfig(handle: usize, _config: c_uint) |sim| { function(sim, handle).map(|_| ()) }
    fn cuOccupancyMaxActiveBlocksPerMultiprocessor(
        count: Out<c_int>, handle: usize, threads: c_int, dynamic: usize,
    ) |sim| {
        count.set(blocks(function(sim, handle)?, threads, dynamic))
    }
    fn cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
        count: Out<c_int>, handle: usize, threads: c_int, dynamic: usize, _flags: c_uint,
    ) |sim| {
        count.set(blocks(function(sim, handle)?, threads, dynamic))
    }
    fn cuOccupancyMaxPotentialBlockSize(
        grid: Out<c_int>, block: Out<c_int>, handle: usize, _size: usize, dynamic: usize, limit: c_int,
    ) |sim| {
        let f = function(sim, handle)?;
        let most = c_int::try_from(f.kernel.max_threads).unwrap_or(1024);
        let threads = if limit > 0 { most.min(limit) } else { most };
        block.set(threads)?;
        grid.set(MULTIPROCESSORS * blocks(f, threads, dynamic))
    }
    fn cuOccupancyAvailableDynamicSMemPerBlock(bytes: Out<usize>, handle: usize, count: c_int, _threads: c_int) |sim| {
        let f = function(sim, handle)?;
        let share = 233_472 / usize::try_from(count).unwrap_or(1).max(1);
        bytes.set(share.saturating_sub(f.kernel.code.shared + 1024).min(232_448))
    }
}
