//! Jumps, barriers, collectives of a warp and fences.

use super::super::ast::{Operand, Space};
use super::super::inst::{Barrier, Collective, CollectiveOp, NONE, Op, Reduce, Shuffle};
use super::super::types::{Class, Mnemonic, Ty};
use super::{Lower, Lowered, four};

fn unknown() -> String {
    "instruction is not known".to_owned()
}

impl<'a> Lower<'a> {
    pub(super) fn control(&mut self, m: &Mnemonic<'_>, operands: &'a [Operand]) -> Lowered<()> {
        match m.base {
            "bra" => {
                let [Operand::Name(label)] = operands else { return Err(unknown()) };
                self.jump(Some(label));
            }
            "ret" if self.frames.len() > 1 => self.jump(None),
            "ret" | "exit" => self.guarded(Op::Exit, NONE, [NONE; 4]),
            "trap" => self.guarded(Op::Trap, NONE, [NONE; 4]),
            "bar" | "barrier" if m.has("warp") => {
                let mask = self.source(operands.first().ok_or_else(unknown)?, Class::Narrow)?;
                self.guarded(Op::WarpBarrier, NONE, four(&[mask]));
            }
            "bar" | "barrier" => return self.barrier(m, operands),
            "shfl" | "vote" | "match" | "redux" => return self.collective(m, operands),
            "activemask" => {
                let (_, d) = self.destination(operands.first().ok_or_else(unknown)?, Class::Narrow)?;
                self.guarded(Op::ActiveMask, d, [NONE; 4]);
            }
            "cp" if m.has("async") => return self.copy_async(m, operands),
            "isspacep" => return self.is_space(m, operands),
            "membar" | "fence" | "nanosleep" | "brkpt" | "griddepcontrol" | "prefetch" | "prefetchu"
            | "applypriority" | "discard" => self.guarded(Op::Nothing, NONE, [NONE; 4]),
            _ => return Err(unknown()),
        }
        Ok(())
    }

    fn jump(&mut self, label: Option<&str>) {
        self.guarded(Op::Branch(0), NONE, [NONE; 4]);
        let at = self.code.insts.len() - 1;
        self.frame().jump(at, label);
    }

    fn barrier(&mut self, m: &Mnemonic<'_>, operands: &[Operand]) -> Lowered<()> {
        if m.has("cluster") {
            // A cluster is one block here.
            self.guarded(Op::Nothing, NONE, [NONE; 4]);
            return Ok(());
        }
        let reduce = match (m.has("red"), m.has("popc"), m.has("and")) {
            (false, ..) => Reduce::Nothing,
            (_, true, _) => Reduce::Popc,
            (_, _, true) => Reduce::And,
            _ => Reduce::Or,
        };
        // `bar.red.op.type d, id{, count}, {!}p`.
        let (mut rest, mut d, mut source, mut source_negated) = (operands, NONE, NONE, false);
        if reduce != Reduce::Nothing {
            let [to, middle @ .., last] = operands else { return Err(unknown()) };
            let class = if reduce == Reduce::Popc { Class::Narrow } else { Class::Pred };
            d = self.destination(to, class)?.1;
            let (inner, negated) = match last {
                Operand::Not(inner) => (&**inner, true),
                other => (other, false),
            };
            (source, source_negated) = (self.predicate(inner)?, negated);
            rest = middle;
        }
        let id = self.source(rest.first().ok_or_else(unknown)?, Class::Narrow)?;
        let count = match rest.get(1) {
            Some(operand) => self.source(operand, Class::Narrow)?,
            None => NONE,
        };
        let aligned = m.base == "bar" || m.has("aligned");
        let arrive = m.has("arrive");
        self.code.barriers.push(Barrier { id, count, aligned, arrive, reduce, source, source_negated });
        let at = u32::try_from(self.code.barriers.len() - 1).map_err(|e| e.to_string())?;
        self.guarded(Op::Barrier(at), d, [NONE; 4]);
        Ok(())
    }

    fn collective(&mut self, m: &Mnemonic<'_>, operands: &[Operand]) -> Lowered<()> {
        let wide = m.ty().class() == Class::Wide;
        let signed = m.ty().is_signed();
        let op = match (m.base, m.mods.iter().find(|s| **s != "sync").copied().unwrap_or_default()) {
            ("shfl", "up") => CollectiveOp::Shuffle(Shuffle::Up),
            ("shfl", "down") => CollectiveOp::Shuffle(Shuffle::Down),
            ("shfl", "bfly") => CollectiveOp::Shuffle(Shuffle::Butterfly),
            ("shfl", "idx") => CollectiveOp::Shuffle(Shuffle::Index),
            ("vote", "ballot") => CollectiveOp::Ballot,
            ("vote", "all") => CollectiveOp::All,
            ("vote", "any") => CollectiveOp::Any,
            ("vote", "uni") => CollectiveOp::Uniform,
            ("match", "any") => CollectiveOp::MatchAny { wide },
            ("match", "all") => CollectiveOp::MatchAll { wide },
            ("redux", "add") => CollectiveOp::ReduceAdd,
            ("redux", "min") => CollectiveOp::ReduceMin { signed },
            ("redux", "max") => CollectiveOp::ReduceMax { signed },
            ("redux", "and") => CollectiveOp::ReduceAnd,
            ("redux", "or") => CollectiveOp::ReduceOr,
            ("redux", "xor") => CollectiveOp::ReduceXor,
            _ => return Err(unknown()),
        };
        if !m.has("sync") {
            return Err("only the .sync form is known".to_owned());
        }
        let [to, sources @ .., mask] = operands else { return Err(unknown()) };
        let mask = self.source(mask, Class::Narrow)?;
        let vote = matches!(op, CollectiveOp::Ballot | CollectiveOp::All | CollectiveOp::Any | CollectiveOp::Uniform);
        let class = if vote && op != CollectiveOp::Ballot { Class::Pred } else { Class::Narrow };
        let (to, flag) = match to {
            Operand::Pair(to, flag) => (&**to, self.destination(flag, Class::Pred)?.1),
            to => (to, NONE),
        };
        let (found, d) = self.destination(to, class)?;
        if found != class {
            return Err("the result is of another class".to_owned());
        }
        let (mut rows, mut negated) = ([NONE; 3], false);
        for (row, operand) in rows.iter_mut().zip(sources) {
            *row = match operand {
                Operand::Not(inner) if vote => {
                    negated = true;
                    self.predicate(inner)?
                }
                operand if vote => self.predicate(operand)?,
                operand
                    if matches!(op, CollectiveOp::MatchAny { wide: true } | CollectiveOp::MatchAll { wide: true }) =>
                {
                    self.source(operand, Class::Wide)?
                }
                operand => self.source(operand, Class::Narrow)?,
            };
        }
        self.code.collectives.push(Collective { op, mask, flag, negated });
        let at = u32::try_from(self.code.collectives.len() - 1).map_err(|e| e.to_string())?;
        self.guarded(Op::Collective(at), d, four(&rows));
        Ok(())
    }

    /// `cp.async.ca.shared.global [to], [from], bytes{, source bytes}`; done at once, so that waiting is nothing.
    fn copy_async(&mut self, m: &Mnemonic<'_>, operands: &[Operand]) -> Lowered<()> {
        if m.has("commit_group") || m.has("wait_group") || m.has("wait_all") {
            self.guarded(Op::Nothing, NONE, [NONE; 4]);
            return Ok(());
        }
        let [to, from, Operand::Int(bytes)] = operands else {
            return Err("only plain asynchronous copies are known".to_owned());
        };
        let (ty, count) = match bytes {
            4 => (Ty::B32, 1),
            8 => (Ty::B32, 2),
            16 => (Ty::B32, 4),
            _ => return Err(format!("{bytes} bytes")),
        };
        let rows: Vec<u32> = (0..count).map(|_| self.allocate(Class::Narrow)).collect();
        for (operand, space) in [(from, Space::Global), (to, Space::Shared)] {
            let mut access = self.place(operand, space, ty, count)?;
            access.regs.clone_from(&rows);
            let at = self.access(access);
            let op = if space == Space::Global { Op::Load(at) } else { Op::Store(at) };
            self.guarded(op, NONE, [NONE; 4]);
        }
        Ok(())
    }

    fn is_space(&mut self, m: &Mnemonic<'_>, operands: &[Operand]) -> Lowered<()> {
        let [to, address] = operands else { return Err(unknown()) };
        let space = match m.mods.first().and_then(|s| s.split("::").next()) {
            Some("global") => Space::Global,
            Some("shared") => Space::Shared,
            Some("local") => Space::Local,
            Some("param") => Space::Param,
            Some("const") => Space::Const,
            _ => return Err(unknown()),
        };
        let address = self.source(address, Class::Wide)?;
        let (_, d) = self.destination(to, Class::Pred)?;
        self.guarded(Op::IsSpace(space), d, four(&[address]));
        Ok(())
    }
}
