//! Loads, stores and atomic operations.

use super::super::ast::{Operand, Space};
use super::super::inst::{Access, Atomic, AtomicOp, NONE, Op};
use super::super::types::{Class, Mnemonic, Ty};
use super::names::Symbol;
use super::{Lower, Lowered};

/// The space that a mnemonic names; generic where it names none.
fn space(m: &Mnemonic<'_>) -> Space {
    let named = m.mods.iter().find_map(|s| match s.split("::").next() {
        Some("global") => Some(Space::Global),
        Some("shared") => Some(Space::Shared),
        Some("local") => Some(Space::Local),
        Some("param") => Some(Space::Param),
        Some("const") => Some(Space::Const),
        _ => None,
    });
    named.unwrap_or(Space::Generic)
}

impl Lower<'_> {
    /// The place that `[operand]` names in `space`.
    pub(super) fn place(&mut self, operand: &Operand, mut space: Space, ty: Ty, count: usize) -> Lowered<Access> {
        let Operand::Memory(base, offset) = operand else {
            return Err(format!("{operand:?} is no address"));
        };
        let mut offset = *offset;
        let (mut row, mut wide) = (NONE, true);
        match &**base {
            Operand::Int(address) => offset = address.wrapping_add_signed(offset).cast_signed(),
            Operand::Name(name) => match self.symbol(name)? {
                Symbol::Register(Class::Pred, _) => return Err(format!("{name} is a predicate")),
                Symbol::Register(class, index) => (row, wide) = (index, class == Class::Wide),
                Symbol::Variable(found, address) => {
                    // Parameters of calls are in local memory, whatever the instruction says.
                    if space == Space::Param || space == Space::Generic {
                        space = found;
                    }
                    offset = address.wrapping_add_signed(offset).cast_signed();
                }
                dynamic @ Symbol::Dynamic => {
                    space = Space::Shared;
                    (row, offset) = (self.address(dynamic, offset, Class::Wide)?, 0);
                }
            },
            other => return Err(format!("{other:?} is no address")),
        }
        // A parameter's address in a register, within an inlined function.
        if space == Space::Param && row != NONE && self.frames.len() > 1 {
            space = Space::Local;
        }
        if matches!(space, Space::Shared | Space::Generic) {
            self.code.grain = self.code.grain.min(ty.bytes());
        }
        Ok(Access {
            space,
            base: row,
            wide,
            offset,
            ty,
            regs: Vec::with_capacity(count),
            regs_wide: false,
            volatile: false,
        })
    }

    #[expect(clippy::cast_possible_truncation, reason = "far fewer than 2^32 accesses")]
    pub(super) fn access(&mut self, access: Access) -> u32 {
        self.code.accesses.push(access);
        (self.code.accesses.len() - 1) as u32
    }

    pub(super) fn load(&mut self, m: &Mnemonic<'_>, operands: &[Operand]) -> Lowered<()> {
        let [to, from] = operands
            .get(..2)
            .and_then(|o| o.try_into().ok())
            .map(|o: &[Operand; 2]| o)
            .ok_or("two operands expected")?;
        let to = match to {
            Operand::List(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        if to.len() != m.vector() {
            return Err(format!("{} registers for {} elements", to.len(), m.vector()));
        }
        let ty = m.ty();
        let mut access = self.place(from, space(m), ty, to.len())?;
        access.volatile = m.has("volatile") || m.has("relaxed") || m.has("acquire");
        let mut classes = Vec::new();
        for operand in to {
            let (class, index) = self.destination(operand, ty.class())?;
            if class == Class::Pred {
                return Err("a load into a predicate".to_owned());
            }
            classes.push(class);
            access.regs.push(index);
        }
        if classes.iter().any(|c| *c != classes[0]) {
            return Err("registers of different widths".to_owned());
        }
        access.regs_wide = classes[0] == Class::Wide;
        let argument = access.space == Space::Param;
        if argument && access.base == NONE {
            let end = usize::try_from(access.offset).ok().and_then(|at| at.checked_add(access.bytes()));
            if end.is_none_or(|end| end > self.param_bytes) {
                return Err("a load beyond the kernel's parameters".to_owned());
            }
        }
        let at = self.access(access);
        self.guarded(if argument { Op::Argument(at) } else { Op::Load(at) }, NONE, [NONE; 4]);
        Ok(())
    }

    pub(super) fn store(&mut self, m: &Mnemonic<'_>, operands: &[Operand]) -> Lowered<()> {
        let [to, from, ..] = operands else { return Err("two operands expected".to_owned()) };
        let from = match from {
            Operand::List(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        if from.len() != m.vector() {
            return Err(format!("{} registers for {} elements", from.len(), m.vector()));
        }
        let ty = m.ty();
        let mut access = self.place(to, space(m), ty, from.len())?;
        if access.space == Space::Param {
            return Err("a store into the kernel's parameters".to_owned());
        }
        access.volatile = m.has("volatile") || m.has("relaxed") || m.has("release");
        access.regs_wide = ty.class() == Class::Wide;
        for operand in from {
            let row = self.source(operand, ty.class())?;
            access.regs.push(row);
        }
        let at = self.access(access);
        self.guarded(Op::Store(at), NONE, [NONE; 4]);
        Ok(())
    }

    pub(super) fn atomic(&mut self, m: &Mnemonic<'_>, operands: &[Operand]) -> Lowered<()> {
        let ty = m.ty();
        let op = m.mods.iter().find_map(|s| {
            Some(match *s {
                "add" => AtomicOp::Add,
                "min" => AtomicOp::Min,
                "max" => AtomicOp::Max,
                "and" => AtomicOp::And,
                "or" => AtomicOp::Or,
                "xor" => AtomicOp::Xor,
                "exch" => AtomicOp::Exchange,
                "cas" => AtomicOp::CompareSwap,
                "inc" => AtomicOp::Increment,
                "dec" => AtomicOp::Decrement,
                _ => return None,
            })
        });
        let op = op.ok_or("operation is not known")?;
        if m.vector() > 1 {
            return Err("vectors are not known".to_owned());
        }
        let returns = m.base == "atom";
        let (to, rest) = if returns {
            let (to, rest) = operands.split_first().ok_or("operands expected")?;
            (Some(to), rest)
        } else {
            (None, operands)
        };
        let [place, values @ ..] = rest else { return Err("an address expected".to_owned()) };
        let mut access = self.place(place, space(m), ty, 1)?;
        let class = ty.class();
        let result = match to {
            None => NONE,
            Some(to) => {
                let (found, row) = self.destination(to, class)?;
                if found != class {
                    return Err("the result is of another width".to_owned());
                }
                row
            }
        };
        let value = self.source(values.first().ok_or("a value expected")?, class)?;
        access.regs.push(value);
        let swap = match (op, values.get(1)) {
            (AtomicOp::CompareSwap, Some(operand)) => self.source(operand, class)?,
            (AtomicOp::CompareSwap, None) => return Err("a second value expected".to_owned()),
            _ => NONE,
        };
        self.code.atomics.push(Atomic { access, op, result, value, swap });
        let at = u32::try_from(self.code.atomics.len() - 1).map_err(|e| e.to_string())?;
        self.guarded(Op::Atomic(at), NONE, [NONE; 4]);
        Ok(())
    }
}
