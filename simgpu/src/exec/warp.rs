//! A warp: registers, positions of lanes, and the loop over instructions.

use super::Fault;
use super::block::Context;
use crate::ptx::inst::{NONE, Op};
use crate::ptx::regs::{LANES, Regs};
use crate::ptx::{LOCAL_WINDOW, PARAM_WINDOW, SHARED_WINDOW, ast::Space};
use crate::status::Status;

/// Instructions of lanes before other warps have a turn.
const SLICE: u64 = 50_000_000;

/// 32 threads.
pub struct Warp {
    pub index: usize,
    pub regs: Regs,
    /// Local memory, lane after lane.
    pub local: Vec<u8>,
    /// Position of the lanes that run now.
    pub pc: u32,
    pub active: u32,
    /// The lowest position of `ready` lanes.
    limit: u32,
    /// Positions of lanes that do not run now.
    pub pcs: [u32; LANES],
    /// Lanes that could run.
    pub ready: u32,
    /// Lanes that wait for others.
    pub waiting: u32,
    pub exited: u32,
    /// Barriers of the warp so far.
    pub interval: u32,
}

impl Warp {
    /// A warp with `threads` threads.
    pub fn new(index: usize, threads: usize, regs: Regs, local: usize) -> Self {
        let mut warp = Self {
            index,
            regs,
            local: vec![0xff; local * LANES],
            pc: 0,
            active: 0,
            limit: u32::MAX,
            pcs: [0; LANES],
            ready: 0,
            waiting: 0,
            exited: 0,
            interval: 0,
        };
        warp.restart(threads);
        warp
    }

    /// Back to the kernel's begin.
    pub fn restart(&mut self, threads: usize) {
        let all = if threads >= LANES { u32::MAX } else { (1 << threads) - 1 };
        (self.pc, self.active, self.limit) = (0, all, u32::MAX);
        (self.pcs, self.ready, self.waiting, self.exited) = ([0; LANES], 0, 0, !all);
    }

    pub fn is_done(&self) -> bool {
        self.exited == u32::MAX
    }

    pub fn can_run(&self) -> bool {
        self.active | self.ready != 0
    }

    /// The lowest position of a set of lanes, and the lanes there.
    fn lowest(&self, of: u32) -> (u32, u32) {
        let (mut at, mut lanes) = (u32::MAX, 0);
        for lane in lanes_of(of) {
            let pc = self.pcs[lane];
            if pc < at {
                (at, lanes) = (pc, 0);
            }
            if pc == at {
                lanes |= 1 << lane;
            }
        }
        (at, lanes)
    }

    /// Sets lanes aside at a position.
    pub fn park(&mut self, lanes: u32, at: u32) {
        for lane in lanes_of(lanes) {
            self.pcs[lane] = at;
        }
    }

    /// Makes lanes ready to run from a position on.
    pub fn resume(&mut self, lanes: u32, at: u32) {
        self.park(lanes, at);
        self.waiting &= !lanes;
        self.ready |= lanes;
        if lanes != 0 {
            self.limit = self.limit.min(at);
        }
    }

    /// Runs the ready lanes at the lowest position.
    fn select(&mut self) {
        let (at, lanes) = self.lowest(self.ready);
        self.ready &= !lanes;
        (self.pc, self.active) = (at, lanes);
        self.limit = self.lowest(self.ready).0;
    }

    /// The running lanes reached or passed others that are ready.
    fn meet(&mut self) {
        if self.active != 0 {
            self.park(self.active, self.pc);
            self.ready |= self.active;
        }
        self.select();
    }

    /// Runs until every lane waits or has exited, or other warps should have a turn.
    pub fn run(&mut self, cx: &mut Context<'_>) -> Result<(), Fault> {
        let kernel = cx.kernel;
        let insts = kernel.code.insts.as_slice();
        let turn = cx.steps + SLICE;
        if self.active == 0 {
            self.select();
        }
        let (mut counted, mut lanes) = (0, 0);
        while self.active != 0 {
            if self.pc >= self.limit {
                self.meet();
            }
            if self.active != counted {
                (counted, lanes) = (self.active, u64::from(self.active.count_ones()));
            }
            let at = self.pc;
            let Some(inst) = insts.get(at as usize) else {
                return Err(cx.fault(Status::LaunchFailed, self, self.active, "the code ends here".to_owned()));
            };
            let mut mask = self.active;
            if inst.guard != NONE {
                let holds = self.regs.preds[inst.guard as usize];
                mask &= if inst.negated { !holds } else { holds };
            }
            cx.steps += lanes;
            if let Op::Alu(exec) = inst.op {
                if mask != 0 {
                    // SAFETY: lowering chose registers of the classes that the function takes, within this kernel's.
                    unsafe { exec(&mut self.regs, inst, mask) };
                }
                self.pc = at + 1;
                continue;
            }
            if let Op::Branch(target) = inst.op {
                if mask == self.active {
                    self.pc = target;
                } else if mask == 0 {
                    self.pc = at + 1;
                } else {
                    self.part(mask, target, at + 1);
                }
                if target <= at && cx.steps > turn {
                    cx.check_limit(self)?;
                    return Ok(());
                }
                continue;
            }
            self.pc = at + 1;
            if mask == 0 {
                continue;
            }
            match inst.op {
                Op::Load(access) => self.load(cx, &kernel.code.accesses[access as usize], access, mask)?,
                Op::Store(access) => self.store(cx, &kernel.code.accesses[access as usize], access, mask)?,
                Op::Argument(access) => self.argument(cx, &kernel.code.accesses[access as usize], mask)?,
                Op::Atomic(i) => {
                    let span = kernel.code.accesses.len() as u32 + i;
                    self.atomic(cx, &kernel.code.atomics[i as usize], span, mask)?;
                }
                Op::Exit => {
                    self.exited |= mask;
                    self.active &= !mask;
                }
                Op::Barrier(barrier) => {
                    self.arrive(cx, &kernel.code.barriers[barrier as usize], mask, at);
                }
                Op::WarpBarrier => self.warp_barrier(cx, inst, mask, at)?,
                Op::Collective(i) => self.collective(cx, inst, &kernel.code.collectives[i as usize], mask, at)?,
                Op::ActiveMask => {
                    for lane in lanes_of(mask) {
                        self.regs.set(inst.d, false, lane, u64::from(mask));
                    }
                }
                Op::Clock => {
                    for lane in lanes_of(mask) {
                        self.regs.set(inst.d, inst.a != 0, lane, cx.steps);
                    }
                }
                Op::IsSpace(space) => self.is_space(inst.d, inst.a, space, mask),
                Op::Trap => return Err(cx.fault(Status::LaunchFailed, self, mask, "trap".to_owned())),
                Op::Assert => return Err(self.failed_assertion(cx, inst, mask)),
                Op::Nothing | Op::Alu(_) | Op::Branch(_) => {}
            }
            if self.active == 0 && self.ready != 0 {
                self.select();
            }
        }
        Ok(())
    }

    /// Lanes of `taken` go to one position, the other active ones to another; those at the lower run on.
    fn part(&mut self, taken: u32, target: u32, next: u32) {
        let stay = self.active & !taken;
        let (low, low_at, high, high_at) =
            if target < next { (taken, target, stay, next) } else { (stay, next, taken, target) };
        self.park(high, high_at);
        self.ready |= high;
        self.limit = self.limit.min(high_at);
        (self.active, self.pc) = (low, low_at);
    }

    fn is_space(&mut self, pred: u32, row: u32, space: Space, mask: u32) {
        for lane in lanes_of(mask) {
            let window = self.regs.wide(row, lane) & !(SHARED_WINDOW - 1);
            let is = match space {
                Space::Shared => window == SHARED_WINDOW,
                Space::Local => window == LOCAL_WINDOW,
                Space::Param => window == PARAM_WINDOW,
                Space::Global | Space::Const | Space::Generic => window == 0,
            };
            let to = &mut self.regs.preds[pred as usize];
            *to = *to & !(1 << lane) | u32::from(is) << lane;
        }
    }
}

/// The lanes of a mask, ascending.
pub fn lanes_of(mask: u32) -> impl Iterator<Item = usize> {
    let mut rest = mask;
    std::iter::from_fn(move || {
        let lane = rest.trailing_zeros();
        rest &= rest.wrapping_sub(1);
        (lane < 32).then_some(lane as usize)
    })
}
