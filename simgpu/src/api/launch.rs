//! Launches.

use super::device::MAX_SHARED;
use super::{current, driver, stream};
use crate::exec::{self, Launch};
use crate::queue::Task;
use crate::sim::{Function, Sim};
use crate::status::{Result, Status};
use std::ffi::{c_uint, c_void};

/// The shape of a launch.
#[derive(Debug, Clone, Copy)]
struct Shape {
    grid: [c_uint; 3],
    block: [c_uint; 3],
    dynamic: usize,
}

/// What is wrong with a shape.
fn check(function: &Function, shape: Shape) -> Option<(Status, String)> {
    let Shape { grid, block, dynamic } = shape;
    let threads: u64 = block.iter().map(|b| u64::from(*b)).product();
    let [gx, gy, gz] = grid;
    if grid.contains(&0) || block.contains(&0) || gx > 0x7fff_ffff || gy > 65535 || gz > 65535 || block[2] > 64 {
        return Some((Status::InvalidValue, format!("grid {grid:?} of blocks {block:?} is none")));
    }
    if threads > 1024 || block[0] > 1024 || block[1] > 1024 {
        return Some((Status::InvalidValue, format!("a block of {threads} threads: 1024 is the most")));
    }
    if threads > u64::from(function.kernel.max_threads) {
        let why = format!("a block of {threads} threads: the kernel was compiled for {}", function.kernel.max_threads);
        return Some((Status::LaunchOutOfResources, why));
    }
    let fixed = function.kernel.code.shared;
    if dynamic > function.max_dynamic || dynamic + fixed > MAX_SHARED.unsigned_abs() as usize {
        let why = format!("{dynamic} bytes of dynamic shared memory: {} is the most", function.max_dynamic);
        return Some((Status::InvalidValue, why));
    }
    if fixed + dynamic > 49152 && function.max_dynamic <= 49152 {
        return Some((
            Status::InvalidValue,
            format!("{} bytes of shared memory without cuFuncSetAttribute", fixed + dynamic),
        ));
    }
    None
}

/// Copies the arguments' values: the caller's memory is read before the call returns.
fn arguments(function: &Function, values: *const *const c_void, extra: *const *const c_void) -> Result<Vec<u8>> {
    let mut args = vec![0; function.kernel.param_bytes];
    if !extra.is_null() {
        return Err(Status::NotSupported);
    }
    if values.is_null() && !function.kernel.params.is_empty() {
        return Err(Status::InvalidValue);
    }
    for (i, (offset, bytes)) in function.kernel.params.iter().enumerate() {
        // SAFETY: the caller gave a pointer for each of the kernel's parameters.
        let value = unsafe { values.add(i).read() };
        if value.is_null() {
            return Err(Status::InvalidValue);
        }
        // SAFETY: the caller gave a value of the parameter's size.
        let value = unsafe { std::slice::from_raw_parts(value.cast::<u8>(), *bytes) };
        args[*offset..offset + bytes].copy_from_slice(value);
    }
    Ok(args)
}

fn launch(
    sim: &mut Sim,
    handle: usize,
    shape: Shape,
    on: usize,
    values: *const *const c_void,
    extra: *const *const c_void,
) -> Result<()> {
    let stream = stream(sim, on)?;
    let device = sim.streams.get(&stream).map_or(0, |s| s.device);
    sim.healthy(device)?;
    let function = sim.functions.get(&handle).ok_or(Status::InvalidHandle)?.clone();
    let name = function.kernel.name.clone();
    if function.device != device || current()? != device {
        return sim.refuse(
            Status::InvalidHandle,
            &format!(
                "launch of {name}: its module is of device {}, the stream of {device}, the context of {}",
                function.device,
                current()?
            ),
        );
    }
    if let Some((status, why)) = check(&function, shape) {
        return sim.refuse(status, &format!("launch of {name}: {why}"));
    }
    let args = arguments(&function, values, extra)?;
    sim.counters.launches += 1;
    sim.devices[device].launches += 1;
    sim.push(
        stream,
        Task::Run(Box::new(move |sim| {
            let config = sim.config;
            if config.dry {
                return Ok(());
            }
            let launch = Launch {
                kernel: &function.kernel,
                grid: shape.grid,
                block: shape.block,
                dynamic: shape.dynamic,
                args: &args,
                limit: config.limit,
                races: config.races,
                reverse: config.reverse,
            };
            let begin = std::time::Instant::now();
            match exec::run(&launch, &mut sim.memory(device)) {
                Ok(instructions) => {
                    sim.counters.instructions += instructions;
                    if config.trace {
                        let seconds = begin.elapsed().as_secs_f64();
                        let rate = 1e-6 * instructions as f64 / seconds.max(1e-9);
                        eprintln!(
                            "simgpu: {}: {instructions} instructions in {:.3} ms, {rate:.0} M/s",
                            function.kernel.name,
                            1e3 * seconds
                        );
                    }
                    Ok(())
                }
                Err(fault) => sim.refuse(fault.status, &fault.why),
            }
        })),
    )
}

driver! {
    fn cuLaunchKernel(
        function: usize,
        gx: c_uint, gy: c_uint, gz: c_uint,
        bx: c_uint, by: c_uint, bz: c_uint,
        dynamic: c_uint,
        on: usize,
        values: *const *const c_void,
        extra: *const *const c_void,
    ) |sim| {
        let shape = Shape { grid: [gx, gy, gz], block: [bx, by, bz], dynamic: dynamic as usize };
        launch(sim, function, shape, on, values, extra)
    }
    fn cuLaunchCooperativeKernel(
        function: usize,
        gx: c_uint, gy: c_uint, gz: c_uint,
        bx: c_uint, by: c_uint, bz: c_uint,
        dynamic: c_uint,
        on: usize,
        values: *const *const c_void,
    ) |sim| {
        let shape = Shape { grid: [gx, gy, gz], block: [bx, by, bz], dynamic: dynamic as usize };
        launch(sim, function, shape, on, values, std::ptr::null())
    }
}
