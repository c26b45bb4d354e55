//! The state behind the library: one lock over all of it.

use crate::config::{Config, Schedule, config};
use crate::counters::Counters;
use crate::device::Device;
use crate::exec::{Memory, Span};
use crate::ptx::{Kernel, Module};
use crate::queue::{Event, Stream};
use crate::status::{Result, Status};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

/// Host memory that devices can copy from and to by themselves.
#[derive(Debug)]
pub struct Pinned {
    pub bytes: usize,
    /// The allocation, or None for memory that the caller registered.
    pub owner: Option<std::alloc::Layout>,
}

/// A kernel of a module on a device.
#[derive(Debug, Clone)]
pub struct Function {
    pub kernel: Arc<Kernel>,
    pub device: usize,
    pub module: usize,
    /// Dynamic shared memory that a launch may ask for.
    pub max_dynamic: usize,
}

/// A loaded module.
#[derive(Debug)]
pub struct Loaded {
    pub device: usize,
    pub module: Module,
    pub functions: HashMap<String, usize>,
}

/// A memory pool.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    pub device: usize,
    pub threshold: u64,
    pub used: u64,
    pub used_high: u64,
}

/// Everything.
#[derive(Debug)]
pub struct Sim {
    pub config: &'static Config,
    pub devices: Vec<Device>,
    pub streams: BTreeMap<usize, Stream>,
    pub events: HashMap<usize, Event>,
    pub pinned: BTreeMap<usize, Pinned>,
    pub modules: HashMap<usize, Loaded>,
    pub functions: HashMap<usize, Function>,
    pub pools: HashMap<usize, Pool>,
    /// The pool of each allocation that came from one.
    pub pool_of: HashMap<u64, usize>,
    pub counters: Counters,
    pub last_error: String,
    /// Allocations so far, for those that are to fail.
    pub attempts: u64,
    handle: usize,
    random: u64,
}

fn state() -> &'static Mutex<Sim> {
    static STATE: OnceLock<Mutex<Sim>> = OnceLock::new();
    STATE.get_or_init(|| {
        let config = config();
        let mut devices = Vec::new();
        for id in 0..config.devices {
            match Device::new(id, config.memory) {
                Ok(device) => devices.push(device),
                Err(why) => eprintln!("simgpu: {why}"),
            }
        }
        let seed = if let Schedule::Random(seed) = config.schedule { seed } else { 1 };
        let mut sim = Sim {
            config,
            streams: BTreeMap::new(),
            events: HashMap::new(),
            pinned: BTreeMap::new(),
            modules: HashMap::new(),
            functions: HashMap::new(),
            pools: HashMap::new(),
            pool_of: HashMap::new(),
            counters: Counters::default(),
            last_error: String::new(),
            attempts: 0,
            handle: 0x10_0000,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            devices,
        };
        for device in 0..sim.devices.len() {
            sim.streams.insert(Sim::null_stream(device), Stream::new(device, true));
            sim.pools.insert(Sim::default_pool(device), Pool { device, ..Pool::default() });
        }
        if config.leaks {
            // SAFETY: the function is a plain one that stays loaded as long as the library is.
            unsafe { libc::atexit(report_leaks) };
        }
        Mutex::new(sim)
    })
}

/// The state, locked.
pub fn lock() -> MutexGuard<'static, Sim> {
    state().lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

extern "C" fn report_leaks() {
    let sim = lock();
    let mut found = 0;
    for device in &sim.devices {
        for (at, allocation) in device.allocations.iter().filter(|(_, a)| !a.module && !a.freeing) {
            eprintln!("simgpu: leak: {} bytes at {at:#x} of device {}", allocation.bytes, device.id);
            found += 1;
        }
    }
    for (at, pinned) in sim.pinned.iter().filter(|(_, p)| p.owner.is_some()) {
        eprintln!("simgpu: leak: {} bytes of pinned host memory at {at:#x}", pinned.bytes);
        found += 1;
    }
    if found > 0 {
        // SAFETY: ends the process, which is ending, with a code that says so.
        unsafe { libc::_exit(86) };
    }
}

impl Sim {
    /// The handle of a device's default stream; callers write 0.
    pub fn null_stream(device: usize) -> usize {
        0x1000 + device
    }

    pub fn default_pool(device: usize) -> usize {
        0x2000 + device
    }

    /// A new handle.
    pub fn handle(&mut self) -> usize {
        self.handle += 16;
        self.handle
    }

    /// A number below `n`.
    pub fn draw(&mut self, n: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 33) as usize % n.max(1)
    }

    /// Says what went wrong, and keeps it for [`simgpuLastError`](crate::counters::simgpuLastError).
    pub fn report(&mut self, why: &str) {
        eprintln!("simgpu: {why}");
        why.clone_into(&mut self.last_error);
    }

    /// Reports a fault and gives its status.
    pub fn refuse<T>(&mut self, status: Status, why: &str) -> Result<T> {
        self.report(why);
        Err(status)
    }

    pub fn device_of(&self, address: u64) -> Option<usize> {
        self.devices.iter().position(|d| d.owns(address))
    }

    /// Where a range of device memory lies, which must be in one live allocation.
    pub fn device_range(&mut self, address: u64, bytes: usize, what: &str) -> Result<*mut u8> {
        let Some(device) = self.device_of(address) else {
            let pinned = if self.is_pinned(address as usize, 1) { " (it is pinned host memory)" } else { "" };
            return self.refuse(Status::InvalidValue, &format!("{what}: {address:#x} is no device pointer{pinned}"));
        };
        match self.devices[device].span(address, bytes) {
            Some(span) => Ok(span.at(address)),
            None => {
                let there = self.devices[device].describe(address);
                self.refuse(Status::IllegalAddress, &format!("{what}: {bytes} bytes at {address:#x}: {there}"))
            }
        }
    }

    /// Whether a range of host memory is pinned.
    pub fn is_pinned(&self, at: usize, bytes: usize) -> bool {
        let below = self.pinned.range(..=at).next_back();
        below.is_some_and(|(begin, p)| at.saturating_add(bytes) <= begin + p.bytes)
    }

    /// Memory as kernels on `device` see it.
    pub fn memory(&self, device: usize) -> View<'_> {
        View { sim: self, device }
    }

    pub fn note_memory(&mut self) {
        let bytes: usize = self.devices.iter().map(|d| d.used).sum();
        self.counters.bytes = bytes as u64;
        self.counters.peak_bytes = self.counters.peak_bytes.max(bytes as u64);
    }
}

/// Memory as a device sees it: its own and that of peers.
#[derive(Debug)]
pub struct View<'a> {
    sim: &'a Sim,
    device: usize,
}

impl Memory for View<'_> {
    fn span(&mut self, address: u64, bytes: usize) -> std::result::Result<Span, String> {
        let Some(owner) = self.sim.device_of(address) else {
            let host = usize::try_from(address).is_ok_and(|a| self.sim.is_pinned(a, 1));
            return Err(if host {
                "this is pinned host memory".to_owned()
            } else {
                "this is no device memory (a host pointer?)".to_owned()
            });
        };
        let device = &self.sim.devices[owner];
        if owner != self.device && !self.sim.devices[self.device].peers.contains(&owner) {
            let there = device.describe(address);
            return Err(format!(
                "this is memory of another device, to which device {} has no access: {there}",
                self.device
            ));
        }
        device.span(address, bytes).ok_or_else(|| device.describe(address))
    }
}
