//! Collectives of a warp: shuffles, votes, matches and integer reductions.

use super::Fault;
use super::block::Context;
use super::warp::{Warp, lanes_of};
use crate::ptx::inst::{Collective, CollectiveOp, Inst, NONE, Op, Shuffle};
use crate::ptx::regs::LANES;

impl Warp {
    /// Lanes arrive at a collective; those whose mask is complete go on.
    pub fn collective(
        &mut self,
        cx: &mut Context<'_>,
        inst: &Inst,
        what: &Collective,
        mask: u32,
        at: u32,
    ) -> Result<(), Fault> {
        let first = mask.trailing_zeros() as usize;
        if self.regs.narrow(what.mask, first) & !self.exited == mask
            && lanes_of(mask).all(|l| self.regs.narrow(what.mask, l) & !self.exited == mask)
        {
            self.perform(inst, what, mask);
            return Ok(());
        }
        self.park(mask, at);
        self.waiting |= mask;
        self.active &= !mask;
        self.pass_collective(cx, inst, what, at).map(|_| ())
    }

    /// Performs the collective at a position for each complete set of members; whether there was one.
    fn pass_collective(&mut self, cx: &Context<'_>, inst: &Inst, what: &Collective, at: u32) -> Result<bool, Fault> {
        let here = self.waiting_at(at);
        let mut done = 0u32;
        for lane in lanes_of(here) {
            if done >> lane & 1 == 1 {
                continue;
            }
            let members = self.members(cx, what.mask, lane, at)?;
            let agree = |l: usize| self.regs.narrow(what.mask, l) & !self.exited == members;
            if members & !here == 0 && lanes_of(members).all(agree) {
                self.perform(inst, what, members);
                self.resume(members, at + 1);
                done |= members;
            }
        }
        Ok(done != 0)
    }

    /// Tries again what waits: lanes may have arrived or exited since.
    pub fn retry(&mut self, cx: &mut Context<'_>) -> Result<bool, Fault> {
        let kernel = cx.kernel;
        let mut moved = false;
        let mut rest = self.waiting;
        while rest != 0 {
            let at = self.pcs[rest.trailing_zeros() as usize];
            rest &= !self.waiting_at(at);
            let Some(inst) = kernel.code.insts.get(at as usize) else { break };
            match inst.op {
                Op::WarpBarrier => moved |= self.pass_warp_barrier(cx, inst, at)?,
                Op::Collective(i) => {
                    moved |= self.pass_collective(cx, inst, &kernel.code.collectives[i as usize], at)?;
                }
                _ => {}
            }
            rest &= self.waiting;
        }
        Ok(moved)
    }

    fn perform(&mut self, inst: &Inst, what: &Collective, members: u32) {
        match what.op {
            CollectiveOp::Shuffle(how) => self.shuffle(inst, what, how, members),
            CollectiveOp::Ballot | CollectiveOp::All | CollectiveOp::Any | CollectiveOp::Uniform => {
                self.vote(inst, what, members);
            }
            CollectiveOp::MatchAny { wide } => {
                for lane in lanes_of(members) {
                    let own = self.regs.get(inst.a, wide, lane);
                    let equal = lanes_of(members).filter(|l| self.regs.get(inst.a, wide, *l) == own);
                    let found = equal.fold(0u32, |all, l| all | 1 << l);
                    self.regs.set(inst.d, false, lane, u64::from(found));
                }
            }
            CollectiveOp::MatchAll { wide } => {
                let first = self.regs.get(inst.a, wide, members.trailing_zeros() as usize);
                let all = lanes_of(members).all(|l| self.regs.get(inst.a, wide, l) == first);
                for lane in lanes_of(members) {
                    self.regs.set(inst.d, false, lane, if all { u64::from(members) } else { 0 });
                }
                self.flag(what.flag, members, if all { members } else { 0 });
            }
            _ => self.reduce(inst, what.op, members),
        }
    }

    fn flag(&mut self, pred: u32, members: u32, value: u32) {
        if pred != NONE {
            let to = &mut self.regs.preds[pred as usize];
            *to = *to & !members | value & members;
        }
    }

    #[expect(clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "lane numbers")]
    fn shuffle(&mut self, inst: &Inst, what: &Collective, how: Shuffle, members: u32) {
        let values: [u32; LANES] = std::array::from_fn(|l| self.regs.narrow(inst.a, l));
        let mut flags = 0;
        let mut out = values;
        for lane in lanes_of(members) {
            let b = (self.regs.narrow(inst.b, lane) & 31) as i32;
            let c = self.regs.narrow(inst.c, lane);
            let (segment, clamp) = ((c >> 8 & 31) as i32, (c & 31) as i32);
            let l = lane as i32;
            let highest = l & segment | clamp & !segment;
            let lowest = l & segment;
            let (from, inside) = match how {
                Shuffle::Up => (l - b, l - b >= highest),
                Shuffle::Down => (l + b, l + b <= highest),
                Shuffle::Butterfly => (l ^ b, l ^ b <= highest),
                Shuffle::Index => (lowest | b & !segment, (lowest | b & !segment) <= highest),
            };
            let from = if inside { from as usize & 31 } else { lane };
            // What a lane outside the members holds is not defined.
            out[lane] = if members >> from & 1 == 1 { values[from] } else { u32::MAX };
            flags |= u32::from(inside) << lane;
        }
        for lane in lanes_of(members) {
            self.regs.set(inst.d, false, lane, u64::from(out[lane]));
        }
        self.flag(what.flag, members, flags);
    }

    fn vote(&mut self, inst: &Inst, what: &Collective, members: u32) {
        let holds = self.regs.preds[inst.a as usize];
        let votes = if what.negated { !holds } else { holds } & members;
        let result = match what.op {
            CollectiveOp::Ballot => {
                for lane in lanes_of(members) {
                    self.regs.set(inst.d, false, lane, u64::from(votes));
                }
                return;
            }
            CollectiveOp::All => votes == members,
            CollectiveOp::Any => votes != 0,
            _ => votes == 0 || votes == members,
        };
        self.flag(inst.d, members, if result { members } else { 0 });
    }

    fn reduce(&mut self, inst: &Inst, op: CollectiveOp, members: u32) {
        let values = lanes_of(members).map(|l| self.regs.narrow(inst.a, l));
        let result = values.reduce(|a, b| match op {
            CollectiveOp::ReduceAdd => a.wrapping_add(b),
            CollectiveOp::ReduceMin { signed: true } => a.cast_signed().min(b.cast_signed()).cast_unsigned(),
            CollectiveOp::ReduceMin { .. } => a.min(b),
            CollectiveOp::ReduceMax { signed: true } => a.cast_signed().max(b.cast_signed()).cast_unsigned(),
            CollectiveOp::ReduceMax { .. } => a.max(b),
            CollectiveOp::ReduceAnd => a & b,
            CollectiveOp::ReduceOr => a | b,
            _ => a ^ b,
        });
        for lane in lanes_of(members) {
            self.regs.set(inst.d, false, lane, u64::from(result.unwrap_or(0)));
        }
    }
}
