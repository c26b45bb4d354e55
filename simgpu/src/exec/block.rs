//! A launch: its blocks one after another, each block's warps in turn.

use super::races::{self, Kind, Touch};
use super::warp::{Warp, lanes_of};
use super::{Fault, Memory, Span};
use crate::ptx::Kernel;
use crate::ptx::inst::Special;
use crate::ptx::regs::{LANES, Regs};
use crate::status::Status;

/// What a launch runs.
pub struct Launch<'a> {
    pub kernel: &'a Kernel,
    pub grid: [u32; 3],
    pub block: [u32; 3],
    /// Bytes of dynamic shared memory.
    pub dynamic: usize,
    pub args: &'a [u8],
    /// Instructions of lanes after which the kernel is taken to run forever.
    pub limit: u64,
    /// Whether races on global memory are looked for.
    pub races: bool,
    /// Whether blocks and warps run in descending order.
    pub reverse: bool,
}

/// What the warps of a launch share.
pub struct Context<'a> {
    pub kernel: &'a Kernel,
    pub args: &'a [u8],
    pub memory: &'a mut dyn Memory,
    pub shared: Vec<u8>,
    pub cells: races::Shared,
    pub global: Option<races::Global>,
    /// Per access and per atomic operation, the allocation it touched last.
    pub spans: Vec<Span>,
    pub dims: [u32; 3],
    pub cta: [u32; 3],
    /// The block's number in the grid.
    pub block: u32,
    /// Barriers of the block so far.
    pub interval: u32,
    /// Threads that arrived at a barrier without waiting.
    pub arrived: [u32; 16],
    pub steps: u64,
    limit: u64,
}

impl Context<'_> {
    pub fn thread(warp: &Warp, lane: usize) -> usize {
        warp.index * LANES + lane
    }

    /// A fault at the warp's last instruction, by the first lane of `mask`.
    pub fn fault(&self, status: Status, warp: &Warp, mask: u32, why: String) -> Fault {
        let lane = lanes_of(mask).next().unwrap_or(0);
        self.fault_at(status, warp, lane, warp.pc.saturating_sub(1), &why)
    }

    pub fn fault_at(&self, status: Status, warp: &Warp, lane: usize, at: u32, why: &str) -> Fault {
        let line = self.kernel.code.insts.get(at as usize).map_or(0, |i| i.line);
        let [x, y, z] = self.cta;
        let [tx, ty, tz] = position(Self::thread(warp, lane), self.dims);
        let name = &self.kernel.name;
        let why = format!("kernel {name}, PTX line {line}, block ({x}, {y}, {z}), thread ({tx}, {ty}, {tz}): {why}");
        Fault { status, why }
    }

    pub fn check_limit(&self, warp: &Warp) -> Result<(), Fault> {
        if self.steps <= self.limit {
            return Ok(());
        }
        let why = format!("the kernel ran {} instructions and does not end (SIMGPU_LIMIT)", self.steps);
        Err(self.fault(Status::LaunchTimeout, warp, warp.active, why))
    }

    /// Notes an access of shared memory; a race is a fault.
    pub fn touch_shared(&mut self, warp: &Warp, lane: usize, at: usize, bytes: usize, kind: Kind) -> Result<(), Fault> {
        let now = self.now(warp, lane);
        match self.cells.touch(at, bytes, kind, now) {
            None => Ok(()),
            Some(race) => {
                let why = format!(
                    "race on shared memory at offset {at}: {} and no barrier is in between",
                    races::describe(race)
                );
                Err(self.fault(Status::LaunchFailed, warp, 1 << lane, why))
            }
        }
    }

    /// As [`Context::touch_shared`], for global memory where that is asked for.
    pub fn touch_global(&mut self, warp: &Warp, lane: usize, at: u64, bytes: usize, kind: Kind) -> Result<(), Fault> {
        let now = self.now(warp, lane);
        let Some(race) = self.global.as_mut().and_then(|g| g.touch(at, bytes, kind, now)) else { return Ok(()) };
        let why = format!("race on global memory at {at:#x}: {} and nothing orders that", races::describe(race));
        Err(self.fault(Status::LaunchFailed, warp, 1 << lane, why))
    }

    #[expect(clippy::cast_possible_truncation, reason = "at most 1024 threads")]
    fn now(&self, warp: &Warp, lane: usize) -> Touch {
        Touch {
            block: self.block,
            thread: Self::thread(warp, lane) as u32,
            interval: self.interval,
            warp_interval: warp.interval,
        }
    }
}

/// The coordinates of number `i` in a box.
#[expect(clippy::cast_possible_truncation, reason = "coordinates of a grid are 32-bit")]
fn position(i: usize, dims: [u32; 3]) -> [u32; 3] {
    let [x, y, _] = dims.map(|d| d.max(1) as usize);
    [(i % x) as u32, (i / x % y) as u32, (i / x / y) as u32]
}

/// Runs a launch; gives the instructions of lanes it took.
///
/// # Errors
/// The first fault.
pub fn run(launch: &Launch<'_>, memory: &mut dyn Memory) -> Result<u64, Fault> {
    let code = &launch.kernel.code;
    let [x, y, z] = launch.block.map(|d| d as usize);
    let threads = x * y * z;
    let bytes = if launch.dynamic > 0 { code.dynamic + launch.dynamic } else { code.shared };
    let mut cx = Context {
        kernel: launch.kernel,
        args: launch.args,
        memory,
        shared: vec![0xff; bytes],
        cells: races::Shared::new(bytes, code.grain),
        global: launch.races.then(races::Global::default),
        spans: vec![Span::EMPTY; code.accesses.len() + code.atomics.len()],
        dims: launch.block,
        cta: [0; 3],
        block: 0,
        interval: 0,
        arrived: [0; 16],
        steps: 0,
        limit: launch.limit,
    };
    let mut warps: Vec<Warp> = (0..threads.div_ceil(LANES))
        .map(|w| {
            let mut regs = Regs::new(code.rows, code.preds);
            fill(&mut regs, launch, w);
            Warp::new(w, threads - w * LANES, regs, code.local)
        })
        .collect();
    let [gx, gy, gz] = launch.grid.map(u64::from);
    let blocks = gx * gy * gz;
    for i in 0..blocks {
        let i = if launch.reverse { blocks - 1 - i } else { i };
        cx.cta = [(i % gx) as u32, (i / gx % gy) as u32, (i / gx / gy) as u32];
        cx.block = u32::try_from(i).unwrap_or(u32::MAX);
        for warp in &mut warps {
            warp.restart(threads - warp.index * LANES);
            for (row, special) in &code.specials {
                if let Special::Ctaid(axis) = special {
                    warp.regs.fill(*row, false, u64::from(cx.cta[*axis as usize]));
                }
            }
        }
        if i != 0 || launch.reverse {
            cx.shared.fill(0xff);
            cx.cells.clear();
        }
        block(&mut cx, &mut warps, launch.reverse)?;
        cx.interval += 1;
    }
    Ok(cx.steps)
}

/// Fills constants and special registers of warp `w`.
fn fill(regs: &mut Regs, launch: &Launch<'_>, w: usize) {
    let code = &launch.kernel.code;
    for (row, wide, value) in &code.constants {
        regs.fill(*row, *wide, *value);
    }
    if let Some(pred) = code.true_pred {
        regs.preds[pred as usize] = u32::MAX;
    }
    let threads: u32 = launch.block.iter().product();
    for (row, special) in &code.specials {
        for lane in 0..LANES {
            let tid = position(w * LANES + lane, launch.block);
            let value = match special {
                Special::Tid(axis) => tid[*axis as usize],
                Special::Ntid(axis) => launch.block[*axis as usize],
                Special::Nctaid(axis) => launch.grid[*axis as usize],
                Special::Lane => lane as u32,
                Special::Warp => w as u32,
                Special::Warps => threads.div_ceil(32),
                Special::LaneMask(kind) => {
                    let own = 1u32 << lane;
                    [own, own - 1, own | (own - 1), !(own | (own - 1)), !(own - 1)][*kind as usize]
                }
                Special::DynamicShared => launch.dynamic as u32,
                Special::TotalShared => (code.dynamic + launch.dynamic) as u32,
                Special::Ctaid(_) | Special::GridId | Special::SmId => 0,
            };
            regs.set(*row, false, lane, u64::from(value));
        }
    }
}

/// Runs a block to its end.
fn block(cx: &mut Context<'_>, warps: &mut [Warp], reverse: bool) -> Result<(), Fault> {
    loop {
        let mut moved = false;
        for i in 0..warps.len() {
            let i = if reverse { warps.len() - 1 - i } else { i };
            if warps[i].can_run() {
                warps[i].run(cx)?;
                cx.check_limit(&warps[i])?;
                moved = true;
            }
        }
        if warps.iter().any(Warp::can_run) {
            continue;
        }
        if warps.iter().all(Warp::is_done) {
            return Ok(());
        }
        for warp in warps.iter_mut() {
            moved |= warp.retry(cx)?;
        }
        moved |= super::barrier::release(cx, warps)?;
        if !moved || !warps.iter().any(Warp::can_run) {
            return Err(super::barrier::deadlock(cx, warps));
        }
    }
}
