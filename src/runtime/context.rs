//! The context: threads, budget, device and observers of everything that is computed through it.

use super::devices::{Lane, find_devices, stream_of};
use super::knobs::{Knobs, machine_memory, parse_bytes};
use super::report::Report;
use crate::blockwise::sweep::Machine;
use crate::chunk::Region;
use crate::cpu::device::CpuDevice;
use crate::device::block::Block;
use crate::device::data::Data;
use crate::device::memory::Memory;
use crate::device::{Device, View};
use crate::error::{Error, ErrorKind, Result};
use crate::op::kernel::Kernel;
use parking_lot::{Mutex, RwLock};
use std::cell::Cell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Tasks done.
    pub done: usize,
    /// Tasks in all.
    pub total: usize,
    /// Bytes read from stores so far, decoded.
    pub bytes_read: u64,
    /// Bytes written to stores so far, before they are encoded.
    pub bytes_written: u64,
    /// Bytes of buffers in use now.
    pub live_bytes: u64,
}

/// What is told of progress.
pub type ProgressSink = dyn Fn(Progress) + Send + Sync;

/// Stops a run from another thread.
///
/// ```
/// use hyperslab::Context;
/// let cx = Context::default();
/// cx.cancel_token().cancel();
/// let err = cx.compute(cx.arange(10).unwrap().sum(..)).unwrap_err();
/// assert_eq!(err.to_string(), "cancelled");
/// ```
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Stops at the next task boundary.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`CancelToken::cancel`] was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Threads, memory budget, device and observers. Cloning is free; clones share everything.
///
/// ```
/// use hyperslab::Context;
/// let cx = Context::builder().threads(2).memory("256 MiB").build().unwrap();
/// let total = cx.compute(cx.arange(1000).unwrap().sum(..)).unwrap();
/// assert_eq!(total.to_string(), "499500");
/// ```
#[derive(Clone)]
pub struct Context(Arc<Inner>, Kernels);

/// Where the kernels of a context run.
#[derive(Clone, Copy)]
enum Kernels {
    /// On the devices that it was made with, or the CPU.
    Named,
    /// On the GPU that was found for a run.
    Found,
}

struct Inner {
    threads: usize,
    memory: Arc<Memory>,
    block_bytes: Option<u64>,
    spill: PathBuf,
    cpu: CpuDevice,
    /// The devices that kernels run on, where that is not the CPU.
    devices: Vec<Arc<dyn Device>>,
    /// Where a run may have a GPU if that pays: how that is set up, and the one there is once one was looked for.
    auto: Option<Knobs>,
    found: OnceLock<Vec<Arc<dyn Device>>>,
    /// Shared by those who launch, and one's own where there is no room for all of them.
    crowd: RwLock<()>,
    pool: OnceLock<rayon::ThreadPool>,
    cancel: CancelToken,
    progress: Option<Box<ProgressSink>>,
    profile: bool,
    optimize: bool,
    last: Mutex<Report>,
}

/// Settings of a [`Context`]; what is not set comes from the environment (see [`knobs`](super::knobs)) or the machine.
#[derive(Default)]
pub struct Builder {
    threads: Option<usize>,
    memory: Option<String>,
    device: Option<String>,
    custom: Vec<Arc<dyn Device>>,
    block_bytes: Option<u64>,
    spill: Option<PathBuf>,
    progress: Option<Box<ProgressSink>>,
    profile: bool,
    unoptimized: bool,
}

impl Builder {
    /// Worker threads; all processors where not set.
    #[must_use]
    pub fn threads(mut self, n: usize) -> Self {
        self.threads = Some(n);
        self
    }

    /// The memory budget: `512MiB`, `4 GiB`, `50%`; 60 % of the machine or its cgroup where not set.
    #[must_use]
    pub fn memory(mut self, size: impl Into<String>) -> Self {
        self.memory = Some(size.into());
        self
    }

    /// `cpu`, `cuda`, `cuda:1` or `auto`; `cuda:0,1` or `cuda:all` for several GPUs, which share the blocks. `auto`,
    /// which stands where nothing is said, takes the CPU, and `cuda` for runs that are expected to take half the time
    /// there: those that compute much for each byte that crosses the bus, or whose arrays are there
    /// ([`Context::persist`]).
    #[must_use]
    pub fn device(mut self, name: impl Into<String>) -> Self {
        self.device = Some(name.into());
        self
    }

    /// A device of one's own, and another one for each further call; kernels that one of them does not support run on
    /// the CPU.
    #[must_use]
    pub fn custom_device(mut self, device: Arc<dyn Device>) -> Self {
        self.custom.push(device);
        self
    }

    /// A cap on the bytes of a block.
    #[must_use]
    pub fn block_bytes(mut self, bytes: u64) -> Self {
        self.block_bytes = Some(bytes);
        self
    }

    /// Where intermediate results go that do not fit into memory. The folder exists; nothing is left in it, not even by
    /// a process that is killed. `HYPERSLAB_SPILL`, `TMPDIR` or `/var/tmp` where not set.
    #[must_use]
    pub fn spill_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spill = Some(folder.into());
        self
    }

    /// Is called after each task, from any thread.
    #[must_use]
    pub fn progress(mut self, sink: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Box::new(sink));
        self
    }

    /// Whether the [`Report`] says who did what when: what threads spent their time on, what stages took, what was
    /// read, and what lived in memory. It costs little, and its size does not grow with the run.
    ///
    /// ```
    /// use hyperslab::Context;
    /// let cx = Context::builder().profile(true).build().unwrap();
    /// cx.compute(cx.arange(1000).unwrap().sum(..)).unwrap();
    /// let page = cx.report().page("sum(arange(1000))"); // for a browser
    /// assert!(page.starts_with("<!doctype html>"));
    /// ```
    #[must_use]
    pub fn profile(mut self, yes: bool) -> Self {
        self.profile = yes;
        self
    }

    /// Runs plans as they are lowered, without the optimizer. The answers are the same bit for bit; tests hold it.
    #[must_use]
    pub fn unoptimized(mut self) -> Self {
        self.unoptimized = true;
        self
    }

    /// The context.
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for a setting that means nothing, [`Device`](crate::ErrorKind::Device)
    /// for a device that is not there.
    pub fn build(self) -> Result<Context> {
        let knobs = Knobs::from_environment()?;
        let threads = self.threads.or(knobs.threads).unwrap_or_else(processors);
        if threads == 0 {
            return Err(Error::argument("threads", "at least one thread is needed"));
        }
        let total = machine_memory();
        let budget = match self.memory.or_else(|| knobs.memory.clone()) {
            Some(text) => parse_bytes(&text, total)?,
            None => total / 10 * 6,
        };
        let named = self.device.or_else(|| knobs.device.clone());
        let named = named.as_deref().unwrap_or(AUTO);
        let auto = (self.custom.is_empty() && named == AUTO).then(|| knobs.clone());
        let devices = match self.custom {
            own if own.is_empty() => find_devices(named, &knobs)?,
            own => own,
        };
        let memory = Memory::new(budget);
        for device in &devices {
            device.attach(&memory);
        }
        let inner = Inner {
            threads,
            cpu: CpuDevice::new(Arc::clone(&memory)),
            memory,
            block_bytes: self.block_bytes.or(knobs.block_bytes),
            spill: self.spill.or(knobs.spill).unwrap_or_else(temporary_folder),
            devices,
            auto,
            found: OnceLock::new(),
            crowd: RwLock::default(),
            pool: OnceLock::new(),
            cancel: CancelToken::default(),
            progress: self.progress,
            profile: self.profile,
            optimize: !self.unoptimized,
            last: Mutex::default(),
        };
        Ok(Context(Arc::new(inner), Kernels::Named))
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A folder for large files that nobody misses: `/tmp` is often in memory, `/var/tmp` is not.
fn temporary_folder() -> PathBuf {
    let on_disk = PathBuf::from("/var/tmp");
    if std::env::var_os("TMPDIR").is_none() && on_disk.is_dir() { on_disk } else { std::env::temp_dir() }
}

/// The device of contexts that name none.
const AUTO: &str = "auto";

/// An array in memory takes at most this part of a device.
const PARTS: u64 = 8;

/// How long a launch that has the device to itself waits for the rest to leave.
const LEAVING: Duration = Duration::from_secs(2);

/// Bytes by which the blocks of a launch may be rounded up.
const ROUNDING: u64 = 64 << 10;

/// The bytes that a device would have needed, where it had no room for them.
fn needed<T>(done: &Result<T>) -> Option<u64> {
    match done.as_ref().err().map(Error::kind) {
        Some(ErrorKind::Memory { needed, .. }) => Some(*needed),
        _ => None,
    }
}

impl Context {
    /// Settings to start from.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Worker threads.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.0.threads
    }

    /// The budget and its pool of buffers.
    #[must_use]
    pub fn memory(&self) -> &Arc<Memory> {
        &self.0.memory
    }

    /// The devices that kernels run on, where that is not the CPU.
    fn devices(&self) -> &[Arc<dyn Device>] {
        match self.1 {
            Kernels::Named => &self.0.devices,
            Kernels::Found => self.0.found.get().map_or(&[], Vec::as_slice),
        }
    }

    /// Whether runs go to the CPU or to a GPU as they are.
    pub(super) fn is_auto(&self) -> bool {
        self.0.auto.is_some() && matches!(self.1, Kernels::Named)
    }

    /// Whether it has a GPU that was chosen for a run.
    pub(super) fn is_chosen(&self) -> bool {
        matches!(self.1, Kernels::Found)
    }

    /// This context with the GPU that was opened for a run before.
    pub(super) fn opened_gpu(&self) -> Option<Self> {
        let there = self.is_auto() && self.0.found.get().is_some_and(|found| !found.is_empty());
        there.then(|| Self(Arc::clone(&self.0), Kernels::Found))
    }

    /// This context with the machine's GPU, which is looked for once.
    pub(super) fn open_gpu(&self) -> Option<Self> {
        let knobs = self.0.auto.as_ref()?;
        self.0.found.get_or_init(|| {
            let found = find_devices("cuda", knobs).unwrap_or_default();
            for device in &found {
                device.attach(&self.0.memory);
            }
            found
        });
        self.opened_gpu()
    }

    /// The name of the device that kernels run on; where there are several, all of them: `cuda:0,cuda:1`.
    #[must_use]
    pub fn device_name(&self) -> String {
        let names: Vec<String> = self.devices().iter().map(|d| d.name()).collect();
        if names.is_empty() { self.0.cpu.name() } else { names.join(",") }
    }

    /// Stops what this context computes.
    #[must_use]
    pub fn cancel_token(&self) -> CancelToken {
        self.0.cancel.clone()
    }

    /// What the last run of this context did.
    #[must_use]
    pub fn report(&self) -> Report {
        self.0.last.lock().clone()
    }

    /// Where intermediate results go that do not fit into memory.
    #[must_use]
    pub fn spill_folder(&self) -> &Path {
        &self.0.spill
    }

    /// What plans are made for.
    #[must_use]
    pub fn machine(&self) -> Machine {
        Machine {
            threads: self.0.threads,
            budget: self.0.memory.budget(),
            block_bytes: self.0.block_bytes,
            device: self.device_bytes(),
        }
    }

    /// Bytes that devices have for blocks: as much on each that has a thread as the smallest has, since tasks are
    /// spread evenly.
    fn device_bytes(&self) -> Option<u64> {
        let smallest = self.devices().iter().filter_map(|d| d.budget()).min()?;
        Some(smallest.saturating_mul(self.devices().len().min(self.0.threads) as u64))
    }

    /// Whether the context's device runs `kernel`, rather than the CPU in its place. Of several devices all or none do,
    /// so that it does not matter which one a block comes to.
    #[must_use]
    pub fn device_supports(&self, kernel: &Kernel) -> bool {
        self.devices().iter().all(|d| d.supports(kernel))
    }

    /// The device that the calling thread's kernels run on, where that is not the CPU, and its stream there. Threads
    /// take turns: blocks are spread over devices as they are over threads.
    pub(crate) fn lane(&self) -> Option<Lane<'_>> {
        let (thread, count) = (turn(), self.devices().len());
        self.devices().get(thread % count.max(1)).map(|device| stream_of(device, thread / count))
    }

    /// As [`Context::lane`], for a kernel over `region`: where another device has more than half of the bytes that it
    /// reads, it runs there. Data that blocks have in common (larger than what one reads of it) is copied to each
    /// device.
    pub(crate) fn lane_for(&self, region: &Region, views: &[View<Data>]) -> Option<Lane<'_>> {
        let own = self.lane()?;
        if self.devices().len() == 1 {
            return Some(own);
        }
        let mine = || views.iter().map(|v| &v.block).filter(|data| data.size() / 2 <= region.size());
        let on = |device: &Arc<dyn Device>| mine().filter(|d| d.is_on(device.as_ref())).map(Data::len).sum::<usize>();
        let half = mine().map(Data::len).sum::<usize>() / 2;
        if on(own.0) >= half {
            return Some(own);
        }
        let (thread, count) = (turn(), self.devices().len());
        let there = self.devices().iter().find(|device| on(device) > half);
        Some(there.map_or(own, |device| stream_of(device, thread / count)))
    }

    /// Whether kernels run on one device, rather than on the CPU or on several.
    pub(crate) fn has_one_device(&self) -> bool {
        self.devices().len() == 1
    }

    /// Whether a device has a copy of `data`.
    pub(crate) fn is_resident(&self, data: &Data) -> bool {
        self.devices().iter().any(|device| data.is_on(device.as_ref()))
    }

    /// Whether an array on the host goes to a device in parts, because it would take too much of it.
    pub(crate) fn streams(&self, data: &Data) -> bool {
        let large = |device: &Arc<dyn Device>| device.budget().is_some_and(|bytes| data.len() as u64 > bytes / PARTS);
        self.lane().is_some_and(|(device, _)| large(device) && !data.is_on(device.as_ref()))
    }

    /// Runs `launch`, which holds `bytes` of `device` at once, beside others, and where there is no room left, again
    /// with the device to itself: what others hold while they launch is free then, and everything else may leave,
    /// though that may take a moment. So what fits depends on `bytes`, not on chance.
    pub(crate) fn admit<T>(
        &self,
        device: &dyn Device,
        bytes: impl FnOnce() -> u64,
        launch: impl Fn() -> Result<T>,
    ) -> Result<T> {
        let mut done = self.beside(&launch);
        if needed(&done).is_some() {
            let bytes = bytes();
            if let Some(budget) = device.budget().filter(|&budget| bytes > budget) {
                return Err(Error::memory(device.name(), bytes, budget));
            }
            let (_alone, began) = (self.0.crowd.write(), Instant::now());
            done = launch();
            // Where nothing else is counted, the driver has no more to give.
            while needed(&done).is_some_and(|needed| needed > bytes + ROUNDING) && began.elapsed() < LEAVING {
                std::thread::sleep(Duration::from_millis(1));
                done = launch();
            }
        }
        done
    }

    /// Runs `use_device` beside others that allocate on devices, which nobody else may.
    pub(crate) fn beside<T>(&self, use_device: impl FnOnce() -> T) -> T {
        let _shared = self.0.crowd.read();
        use_device()
    }

    /// A block, which the device may get copies of.
    pub(crate) fn data(&self, block: Block) -> Data {
        if self.devices().is_empty() { Data::Host(block) } else { Data::shared(block) }
    }

    /// Whether the CPU runs `kernel`.
    pub(crate) fn on_cpu(&self, kernel: &Kernel) -> bool {
        self.devices().is_empty() || !self.device_supports(kernel)
    }

    pub(crate) fn optimizes(&self) -> bool {
        self.0.optimize
    }

    pub(crate) fn is_profiled(&self) -> bool {
        self.0.profile
    }

    /// What worker `k` is called, with its device where that is not the CPU.
    pub(crate) fn worker_name(&self, k: usize) -> String {
        match self.devices() {
            [] => format!("thread {k}"),
            devices => format!("thread {k}, {}", devices[k % devices.len()].name()),
        }
    }

    pub(crate) fn set_report(&self, report: Report) {
        *self.0.last.lock() = report;
    }

    /// Tells who watches how far the run is.
    pub(crate) fn progress(&self, now: impl FnOnce(&Memory) -> Progress) {
        if let Some(sink) = &self.0.progress {
            sink(now(&self.0.memory));
        }
    }

    /// The worker threads, started at first use.
    pub(crate) fn pool(&self) -> Result<&rayon::ThreadPool> {
        if let Some(pool) = self.0.pool.get() {
            return Ok(pool);
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.0.threads)
            .thread_name(|i| format!("hyperslab-{i}"))
            .build()
            .map_err(|e| Error::argument("threads", format!("{} threads cannot be started: {e}", self.0.threads)))?;
        Ok(self.0.pool.get_or_init(|| pool))
    }
}

thread_local! {
    /// Whose turn it is where one thread does the work of several.
    static TURN: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Runs `body` on the device and the stream of the worker of this number.
pub(crate) fn in_turn<T>(number: usize, body: impl FnOnce() -> T) -> T {
    let before = TURN.replace(Some(number));
    let done = body();
    TURN.set(before);
    done
}

/// The number of the worker that the calling thread is, or stands for.
pub(crate) fn turn() -> usize {
    TURN.get().or_else(rayon::current_thread_index).unwrap_or(0)
}

impl Default for Context {
    /// The machine's processors, 60 % of its memory, and `auto` for the device. Environment variables that mean nothing
    /// are ignored.
    fn default() -> Self {
        Self::builder().build().unwrap_or_else(|_| {
            let memory = Memory::new(machine_memory() / 10 * 6);
            let inner = Inner {
                threads: processors(),
                cpu: CpuDevice::new(Arc::clone(&memory)),
                memory,
                block_bytes: None,
                spill: temporary_folder(),
                devices: Vec::new(),
                auto: None,
                found: OnceLock::new(),
                crowd: RwLock::default(),
                pool: OnceLock::new(),
                cancel: CancelToken::default(),
                progress: None,
                profile: false,
                optimize: true,
                last: Mutex::default(),
            };
            Self(Arc::new(inner), Kernels::Named)
        })
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let budget = crate::error::Bytes(self.0.memory.budget());
        write!(f, "Context({} threads, {budget}, {})", self.0.threads, self.device_name())
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Builder(threads {:?}, memory {:?}, device {:?})", self.threads, self.memory, self.device)
    }
}
