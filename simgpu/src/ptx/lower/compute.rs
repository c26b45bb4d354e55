//! Arithmetic, comparisons, choices, moves and conversions.

use super::super::ast::Operand;
use super::super::inst::{NONE, Op};
use super::super::lanes::{Alu, bin, choose, pred_and, pred_mov, pred_not, pred_or, pred_xor, un};
use super::super::types::{Class, Mnemonic, Ty};
use super::super::{LOCAL_WINDOW, PARAM_WINDOW, SHARED_WINDOW, convert, float, int};
use super::names::{narrowed, widened};
use super::{Lower, Lowered, four};

fn unknown() -> String {
    "instruction is not known".to_owned()
}

/// A copy of a register.
fn copy(class: Class) -> Alu {
    match class {
        Class::Pred => pred_mov(),
        Class::Narrow => un::<u32, u32>(|a| a),
        Class::Wide => un::<u64, u64>(|a| a),
    }
}

impl<'a> Lower<'a> {
    pub(super) fn arithmetic(&mut self, m: &Mnemonic<'_>, operands: &'a [Operand]) -> Lowered<()> {
        match m.base {
            "mov" => return self.mov(m, operands),
            "cvta" => return self.convert_address(m, operands),
            "setp" => return self.compare(m, operands),
            "set" => return self.set(m, operands),
            "slct" => return self.select_by_sign(m, operands),
            _ => {}
        }
        let alu = match (m.base, m.ty()) {
            ("cvt", _) => convert::select(m),
            ("selp", ty) => Some(match ty.class() {
                Class::Wide => choose::<u64>(),
                _ => choose::<u32>(),
            }),
            ("and", Ty::Pred) => Some(pred_and()),
            ("or", Ty::Pred) => Some(pred_or()),
            ("xor", Ty::Pred) => Some(pred_xor()),
            ("not", Ty::Pred) => Some(pred_not()),
            (_, ty) if ty.is_float() => float::select(m),
            _ => int::select(m),
        };
        self.apply(alu.ok_or_else(unknown)?, operands)
    }

    /// An instruction over lanes of `operands[1..]` into `operands[0]`; missing third operands of carrying instructions
    /// are zero.
    fn apply(&mut self, alu: Alu, operands: &[Operand]) -> Lowered<()> {
        let (to, from) = operands.split_first().ok_or_else(unknown)?;
        let mut sources = [NONE; 4];
        for (i, source) in sources.iter_mut().enumerate().take(alu.arity) {
            *source = match from.get(i) {
                Some(operand) => self.source(operand, alu.src[i])?,
                None if i == 2 => self.constant(alu.src[i], 0),
                None => return Err("an operand is missing".to_owned()),
            };
        }
        self.into(alu, to, sources)
    }

    /// Emits `alu` under the guard into the register that `to` names, converting where its width is another.
    fn into(&mut self, alu: Alu, to: &Operand, sources: [u32; 4]) -> Lowered<()> {
        let (class, d) = self.destination(to, alu.dst)?;
        if class == alu.dst {
            self.guarded(Op::Alu(alu.exec), d, sources);
            return Ok(());
        }
        let step = match (alu.dst, class) {
            (Class::Narrow, Class::Wide) => widened(),
            (Class::Wide, Class::Narrow) => narrowed(),
            _ => return Err("a predicate and a register are mixed up".to_owned()),
        };
        let value = self.allocate(alu.dst);
        self.guarded(Op::Alu(alu.exec), value, sources);
        self.guarded(Op::Alu(step.exec), d, four(&[value]));
        Ok(())
    }

    fn mov(&mut self, m: &Mnemonic<'_>, operands: &[Operand]) -> Lowered<()> {
        let [to, from] = operands else { return Err(unknown()) };
        let ty = m.ty();
        match (to, from) {
            (Operand::List(parts), _) => self.unpack(ty, parts, from),
            (_, Operand::List(parts)) => self.pack(ty, to, parts),
            (_, Operand::Name(name))
                if matches!(name.as_str(), "%clock" | "%clock_hi" | "%clock64" | "%globaltimer") =>
            {
                let (class, d) = self.destination(to, ty.class())?;
                self.guarded(Op::Clock, d, [u32::from(class == Class::Wide), NONE, NONE, NONE]);
                Ok(())
            }
            _ => {
                let source = self.source(from, ty.class())?;
                self.into(copy(ty.class()), to, four(&[source]))
            }
        }
    }

    /// `mov.b64 {lo, hi}, value`.
    #[expect(clippy::cast_possible_truncation, reason = "parts of a value")]
    fn unpack(&mut self, ty: Ty, parts: &[Operand], from: &Operand) -> Lowered<()> {
        let source = self.source(from, ty.class())?;
        let bits = 8 * ty.bytes() / parts.len();
        for (i, part) in parts.iter().enumerate().filter(|(_, p)| !matches!(p, Operand::Sink)) {
            let shift = self.constant(Class::Narrow, (i * bits) as u64);
            let alu = match (ty.class(), bits) {
                (Class::Wide, 32) => bin::<u64, u32, u32>(|a, s| (a >> s) as u32),
                (Class::Wide, 16) => bin::<u64, u32, u16>(|a, s| (a >> s) as u16),
                (_, 16) => bin::<u32, u32, u16>(|a, s| (a >> s) as u16),
                (_, 8) => bin::<u32, u32, u8>(|a, s| (a >> s) as u8),
                _ => return Err(unknown()),
            };
            self.into(alu, part, four(&[source, shift]))?;
        }
        Ok(())
    }

    /// `mov.b64 value, {lo, hi}`.
    fn pack(&mut self, ty: Ty, to: &Operand, parts: &[Operand]) -> Lowered<()> {
        let bits = 8 * ty.bytes() / parts.len();
        let mut rows = Vec::new();
        for part in parts {
            rows.push(self.source(part, Class::Narrow)?);
        }
        let pair16 = || bin::<u16, u16, u32>(|lo, hi| u32::from(lo) | u32::from(hi) << 16);
        let pair32 = || bin::<u32, u32, u64>(|lo, hi| u64::from(lo) | u64::from(hi) << 32);
        let pair8 = || bin::<u8, u8, u16>(|lo, hi| u16::from(lo) | u16::from(hi) << 8);
        match (bits, rows[..].len()) {
            (32, 2) => self.into(pair32(), to, four(&rows)),
            (16, 2) => self.into(pair16(), to, four(&rows)),
            (8, 2) => self.into(pair8(), to, four(&rows)),
            (16, 4) => {
                let (lo, hi) = (self.compute(pair16(), &rows[..2]), self.compute(pair16(), &rows[2..]));
                self.into(pair32(), to, four(&[lo, hi]))
            }
            (8, 4) => {
                let (lo, hi) = (self.compute(pair8(), &rows[..2]), self.compute(pair8(), &rows[2..]));
                self.into(pair16(), to, four(&[lo, hi]))
            }
            _ => Err(unknown()),
        }
    }

    /// Between generic addresses and those of a space.
    fn convert_address(&mut self, m: &Mnemonic<'_>, operands: &[Operand]) -> Lowered<()> {
        let [to, from] = operands else { return Err(unknown()) };
        let class = m.ty().class();
        let source = self.source(from, class)?;
        let base = match m.mods.iter().find(|s| **s != "to").map(|s| s.split("::").next().unwrap_or_default()) {
            Some("global" | "const") => return self.into(copy(class), to, four(&[source])),
            Some("shared") => SHARED_WINDOW,
            Some("local") => LOCAL_WINDOW,
            // Parameters of an inlined function are in local memory.
            Some("param") if self.frames.len() > 1 => LOCAL_WINDOW,
            Some("param") => PARAM_WINDOW,
            _ => return Err(unknown()),
        };
        if class != Class::Wide {
            return Err("32-bit addresses are not known".to_owned());
        }
        let base = self.constant(Class::Wide, base);
        let alu = if m.has("to") {
            bin::<u64, u64, u64>(|a, b| a.wrapping_sub(b))
        } else {
            bin::<u64, u64, u64>(|a, b| a.wrapping_add(b))
        };
        self.into(alu, to, four(&[source, base]))
    }

    /// The comparison of `setp` and `set`.
    fn comparison(&self, m: &Mnemonic<'_>, ty: Ty) -> Lowered<Alu> {
        let how = m.mods.first().copied().ok_or_else(unknown)?;
        let found = if ty.is_float() { float::comparison(how, ty, m.has("ftz")) } else { int::comparison(how, ty) };
        found.ok_or_else(|| format!("comparison {how} of {ty:?} is not known"))
    }

    /// How a comparison is combined with a further predicate, if it is.
    fn combination(m: &Mnemonic<'_>) -> Option<Alu> {
        match m.mods.get(1).copied() {
            Some("and") => Some(pred_and()),
            Some("or") => Some(pred_or()),
            Some("xor") => Some(pred_xor()),
            _ => None,
        }
    }

    fn compare(&mut self, m: &Mnemonic<'_>, operands: &[Operand]) -> Lowered<()> {
        let alu = self.comparison(m, m.ty())?;
        let [to, a, b, rest @ ..] = operands else { return Err(unknown()) };
        let (a, b) = (self.source(a, alu.src[0])?, self.source(b, alu.src[1])?);
        let (first, second) = match to {
            Operand::Pair(p, q) => (&**p, Some(&**q)),
            _ => (to, None),
        };
        let combine = Self::combination(m);
        if combine.is_none() && second.is_none() {
            return self.into(alu, first, four(&[a, b]));
        }
        let value = self.compute(alu, &[a, b]);
        let opposite = second.map(|_| self.compute(pred_not(), &[value]));
        let other = match (combine, rest.first()) {
            (Some(_), Some(operand)) => Some(self.predicate(operand)?),
            (Some(_), None) => return Err("a predicate is missing".to_owned()),
            _ => None,
        };
        let targets = [(Some(first), Some(value)), (second, opposite)];
        // Both results are computed before either is written: a target may be the third operand.
        let mut results = Vec::new();
        for (to, value) in targets {
            if let (Some(to), Some(value)) = (to, value) {
                let result = match (combine, other) {
                    (Some(combine), Some(other)) => self.compute(combine, &[value, other]),
                    _ => value,
                };
                results.push((to, result));
            }
        }
        for (to, result) in results {
            self.into(pred_mov(), to, four(&[result]))?;
        }
        Ok(())
    }

    /// `set`: a comparison as a number.
    fn set(&mut self, m: &Mnemonic<'_>, operands: &[Operand]) -> Lowered<()> {
        let [result, ty] = m.types[..] else { return Err(unknown()) };
        let alu = self.comparison(m, ty)?;
        let [to, a, b, rest @ ..] = operands else { return Err(unknown()) };
        let (a, b) = (self.source(a, alu.src[0])?, self.source(b, alu.src[1])?);
        let mut value = self.compute(alu, &[a, b]);
        if let (Some(combine), Some(operand)) = (Self::combination(m), rest.first()) {
            let other = self.predicate(operand)?;
            value = self.compute(combine, &[value, other]);
        }
        let yes = match result {
            Ty::F32 => u64::from(1f32.to_bits()),
            Ty::F16 => 0x3c00,
            Ty::Bf16 => 0x3f80,
            ty if ty.bytes() == 2 => 0xffff,
            _ => 0xffff_ffff,
        };
        let (yes, no) = (self.constant(Class::Narrow, yes), self.constant(Class::Narrow, 0));
        self.into(choose::<u32>(), to, four(&[yes, no, value]))
    }

    /// `slct`: a choice by the sign of the third operand.
    fn select_by_sign(&mut self, m: &Mnemonic<'_>, operands: &[Operand]) -> Lowered<()> {
        let [ty, sign] = m.types[..] else { return Err(unknown()) };
        let [to, a, b, c] = operands else { return Err(unknown()) };
        let c = self.source(c, Class::Narrow)?;
        let zero = self.constant(Class::Narrow, 0);
        let test = if sign.is_float() {
            float::comparison("ge", Ty::F32, m.has("ftz"))
        } else {
            int::comparison("ge", Ty::S32)
        };
        let test = self.compute(test.ok_or_else(unknown)?, &[c, zero]);
        let choice = if ty.class() == Class::Wide { choose::<u64>() } else { choose::<u32>() };
        let (a, b) = (self.source(a, choice.src[0])?, self.source(b, choice.src[1])?);
        self.into(choice, to, four(&[a, b, test]))
    }
}
