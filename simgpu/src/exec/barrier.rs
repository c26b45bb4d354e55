//! Barriers of blocks and warps.

use super::Fault;
use super::block::Context;
use super::warp::{Warp, lanes_of};
use crate::ptx::inst::{Barrier, Inst, NONE, Op, Reduce};
use crate::status::Status;

impl Warp {
    /// Lanes arrive at a barrier of the block.
    pub fn arrive(&mut self, cx: &mut Context<'_>, barrier: &Barrier, mask: u32, at: u32) {
        if barrier.arrive {
            for lane in lanes_of(mask) {
                let id = self.regs.narrow(barrier.id, lane) as usize;
                if let Some(count) = cx.arrived.get_mut(id) {
                    *count += 1;
                }
            }
            return;
        }
        self.park(mask, at);
        self.waiting |= mask;
        self.active &= !mask;
    }

    /// Lanes arrive at `bar.warp.sync`.
    pub fn warp_barrier(&mut self, cx: &mut Context<'_>, inst: &Inst, mask: u32, at: u32) -> Result<(), Fault> {
        self.park(mask, at);
        self.waiting |= mask;
        self.active &= !mask;
        self.pass_warp_barrier(cx, inst, at).map(|_| ())
    }

    /// Lets through the lanes at a warp's barrier whose mask is complete.
    pub fn pass_warp_barrier(&mut self, cx: &Context<'_>, inst: &Inst, at: u32) -> Result<bool, Fault> {
        let here = self.waiting_at(at);
        let mut passed = 0;
        for lane in lanes_of(here) {
            if passed >> lane & 1 == 1 {
                continue;
            }
            let members = self.members(cx, inst.a, lane, at)?;
            // Any barrier of the warp will do for a member: they need not be the same instruction.
            let arrived = lanes_of(self.waiting).filter(|l| is_warp_barrier(cx, self.pcs[*l]));
            let arrived = arrived.fold(0, |all, l| all | 1 << l);
            if members & !arrived == 0 {
                for member in lanes_of(members) {
                    let next = self.pcs[member] + 1;
                    self.resume(1 << member, next);
                }
                passed |= members;
                self.interval += 1;
            }
        }
        Ok(passed != 0)
    }

    /// The lanes that wait at a position.
    pub fn waiting_at(&self, at: u32) -> u32 {
        lanes_of(self.waiting).filter(|l| self.pcs[*l] == at).fold(0, |all, l| all | 1 << l)
    }

    /// The lanes that `lane`'s mask names and that have not exited.
    pub fn members(&self, cx: &Context<'_>, mask: u32, lane: usize, at: u32) -> Result<u32, Fault> {
        let named = self.regs.narrow(mask, lane);
        if named >> lane & 1 == 0 {
            let why = format!("the lane is not in its own mask {named:#010x}");
            return Err(cx.fault_at(Status::LaunchFailed, self, lane, at, &why));
        }
        Ok(named & !self.exited)
    }
}

fn is_warp_barrier(cx: &Context<'_>, at: u32) -> bool {
    cx.kernel.code.insts.get(at as usize).is_some_and(|i| matches!(i.op, Op::WarpBarrier))
}

fn barrier_at<'a>(cx: &Context<'a>, at: u32) -> Option<&'a Barrier> {
    match cx.kernel.code.insts.get(at as usize)?.op {
        Op::Barrier(i) => cx.kernel.code.barriers.get(i as usize),
        _ => None,
    }
}

/// Lets the block through every barrier at which enough threads wait; whether it did.
pub fn release(cx: &mut Context<'_>, warps: &mut [Warp]) -> Result<bool, Fault> {
    // Waiting lanes by barrier: its number, the warp and the lanes.
    let mut at: Vec<(u32, usize, u32, u32)> = Vec::new();
    for (w, warp) in warps.iter().enumerate() {
        for lane in lanes_of(warp.waiting) {
            let pc = warp.pcs[lane];
            let Some(barrier) = barrier_at(cx, pc) else { continue };
            let id = warp.regs.narrow(barrier.id, lane);
            match at.iter_mut().find(|(i, v, p, _)| (*i, *v, *p) == (id, w, pc)) {
                Some((.., lanes)) => *lanes |= 1 << lane,
                None => at.push((id, w, pc, 1 << lane)),
            }
        }
    }
    let mut released = false;
    let mut ids: Vec<u32> = at.iter().map(|g| g.0).collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        let groups: Vec<(usize, u32, u32)> = at.iter().filter(|g| g.0 == id).map(|g| (g.1, g.2, g.3)).collect();
        released |= release_one(cx, warps, id, &groups)?;
    }
    Ok(released)
}

fn release_one(cx: &mut Context<'_>, warps: &mut [Warp], id: u32, groups: &[(usize, u32, u32)]) -> Result<bool, Fault> {
    let Some(&(first_warp, first_at, first_lanes)) = groups.first() else { return Ok(false) };
    let Some(barrier) = barrier_at(cx, first_at) else { return Ok(false) };
    let live: u32 = warps.iter().map(|w| (!w.exited).count_ones()).sum();
    let first_lane = first_lanes.trailing_zeros() as usize;
    let whole = barrier.count == NONE;
    let needed = if whole { live } else { warps[first_warp].regs.narrow(barrier.count, first_lane) };
    let waiting: u32 = groups.iter().map(|g| g.2.count_ones()).sum();
    let arrived = cx.arrived.get(id as usize).copied().unwrap_or(0);
    if waiting + arrived < needed {
        return Ok(false);
    }
    for &(w, at, lanes) in groups {
        let warp = &warps[w];
        let aligned = barrier_at(cx, at).is_some_and(|b| b.aligned);
        if (aligned && lanes != !warp.exited) || (whole && at != first_at) {
            let line = |at: u32| cx.kernel.code.insts.get(at as usize).map_or(0, |i| i.line);
            let other = groups.iter().find(|g| g.1 != at).map_or(at, |g| g.1);
            let why = format!(
                "divergent barrier: threads of the block wait at different barriers (PTX lines {} and {})",
                line(at),
                line(other)
            );
            return Err(cx.fault_at(Status::LaunchFailed, warp, lanes.trailing_zeros() as usize, at, &why));
        }
    }
    combine(warps, groups, cx);
    for &(w, at, lanes) in groups {
        warps[w].resume(lanes, at + 1);
    }
    if let Some(count) = cx.arrived.get_mut(id as usize) {
        *count = 0;
    }
    cx.interval += 1;
    Ok(true)
}

/// What `bar.red` gives.
fn combine(warps: &mut [Warp], groups: &[(usize, u32, u32)], cx: &Context<'_>) {
    let (mut popc, mut all) = (0, true);
    for &(w, at, lanes) in groups {
        let Some(barrier) = barrier_at(cx, at).filter(|b| b.reduce != Reduce::Nothing) else { return };
        let holds = warps[w].regs.preds[barrier.source as usize];
        let holds = if barrier.source_negated { !holds } else { holds } & lanes;
        popc += holds.count_ones();
        all &= holds == lanes;
    }
    for &(w, at, lanes) in groups {
        let Some(barrier) = barrier_at(cx, at) else { return };
        let d = cx.kernel.code.insts[at as usize].d;
        let flag = match barrier.reduce {
            Reduce::Popc => {
                for lane in lanes_of(lanes) {
                    warps[w].regs.set(d, false, lane, u64::from(popc));
                }
                continue;
            }
            Reduce::And => all,
            _ => popc > 0,
        };
        let to = &mut warps[w].regs.preds[d as usize];
        *to = if flag { *to | lanes } else { *to & !lanes };
    }
}

/// Why nothing moves.
pub fn deadlock(cx: &Context<'_>, warps: &[Warp]) -> Fault {
    let mut places: Vec<(u32, u32)> = Vec::new();
    for warp in warps {
        for lane in lanes_of(warp.waiting) {
            let line = cx.kernel.code.insts.get(warp.pcs[lane] as usize).map_or(0, |i| i.line);
            match places.iter_mut().find(|p| p.0 == line) {
                Some(place) => place.1 += 1,
                None => places.push((line, 1)),
            }
        }
    }
    let exited: u32 = warps.iter().map(|w| w.exited.count_ones()).sum();
    let waiting: Vec<String> = places.iter().map(|(line, n)| format!("{n} threads wait at PTX line {line}")).collect();
    let why = format!("deadlock: {}, {exited} lanes have exited", waiting.join(", "));
    match warps.iter().find(|w| w.waiting != 0) {
        Some(warp) => {
            let lane = warp.waiting.trailing_zeros() as usize;
            cx.fault_at(Status::LaunchFailed, warp, lane, warp.pcs[lane], &why)
        }
        None => Fault { status: Status::LaunchFailed, why },
    }
}
