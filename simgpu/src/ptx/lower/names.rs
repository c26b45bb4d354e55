//! Names: registers, variables and labels in their scopes, and operands to registers.

use super::super::ast::{Operand, Space};
use super::super::inst::{NONE, Special};
use super::super::lanes::{self, un};
use super::super::types::Class;
use super::{Lower, Lowered};
use std::collections::HashMap;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symbol {
    Register(Class, u32),
    /// A variable at an address of its space.
    Variable(Space, u64),
    /// Dynamic shared memory.
    Dynamic,
}

/// The names of a function that is being lowered.
#[derive(Debug)]
pub struct Frame {
    /// Scopes with their parents; the first is the function's own.
    scopes: Vec<(usize, HashMap<String, Symbol>)>,
    current: usize,
    labels: HashMap<(usize, String), u32>,
    /// Jumps to be resolved: position, scope and label; no label for the end of the function.
    jumps: Vec<(usize, usize, Option<String>)>,
}

impl Default for Frame {
    fn default() -> Self {
        Self { scopes: vec![(0, HashMap::new())], current: 0, labels: HashMap::new(), jumps: Vec::new() }
    }
}

impl Frame {
    pub fn open(&mut self) {
        self.scopes.push((self.current, HashMap::new()));
        self.current = self.scopes.len() - 1;
    }

    pub fn close(&mut self) {
        self.current = self.scopes[self.current].0;
    }

    pub fn declare(&mut self, name: &str, symbol: Symbol) {
        self.scopes[self.current].1.insert(name.to_owned(), symbol);
    }

    pub fn label(&mut self, name: &str, at: u32) {
        self.labels.insert((self.current, name.to_owned()), at);
    }

    /// Notes that the instruction at `at` jumps to `label`, or to the end.
    pub fn jump(&mut self, at: usize, label: Option<&str>) {
        self.jumps.push((at, self.current, label.map(str::to_owned)));
    }

    /// Walks from a scope outwards.
    fn outwards<T>(&self, from: usize, found: impl Fn(usize) -> Option<T>) -> Option<T> {
        let mut scope = from;
        loop {
            if let Some(value) = found(scope) {
                return Some(value);
            }
            if scope == 0 {
                return None;
            }
            scope = self.scopes[scope].0;
        }
    }

    pub fn find(&self, name: &str) -> Option<Symbol> {
        self.outwards(self.current, |s| self.scopes[s].1.get(name).copied())
    }

    /// The jumps with their targets.
    pub fn resolve(&mut self, end: u32) -> Lowered<Vec<(usize, u32)>> {
        let jumps = std::mem::take(&mut self.jumps);
        let target = |scope: usize, label: &Option<String>| match label {
            None => Some(end),
            Some(label) => self.outwards(scope, |s| self.labels.get(&(s, label.clone())).copied()),
        };
        jumps
            .iter()
            .map(|(at, scope, label)| match target(*scope, label) {
                Some(to) => Ok((*at, to)),
                None => Err(format!("no label {}", label.as_deref().unwrap_or_default())),
            })
            .collect()
    }
}

impl Lower<'_> {
    /// What `name` stands for, in the function or the module.
    pub(super) fn symbol(&mut self, name: &str) -> Lowered<Symbol> {
        if let Some(symbol) = self.frame().find(name) {
            return Ok(symbol);
        }
        if let Some((address, _)) = self.variables.get(name) {
            return Ok(Symbol::Variable(Space::Global, *address));
        }
        let ast = self.ast;
        let Some(variable) = ast.variables.iter().find(|v| v.name == name) else {
            return Err(format!("name `{name}` is not known"));
        };
        match (variable.space, variable.count) {
            (Space::Shared, 0) => Ok(Symbol::Dynamic),
            (Space::Shared, _) => {
                let at = match self.shared.get(name) {
                    Some(at) => *at,
                    None => {
                        let at = self.code.shared.next_multiple_of(variable.align.max(1));
                        self.code.shared = at + variable.bytes();
                        self.shared.insert(name.to_owned(), at);
                        at
                    }
                };
                Ok(Symbol::Variable(Space::Shared, at as u64))
            }
            (space, _) => Err(format!("variable {name} in {space:?} space has no size")),
        }
    }

    /// The register that holds a constant.
    pub(super) fn constant(&mut self, class: Class, value: u64) -> u32 {
        let wide = class == Class::Wide;
        let value = if wide { value } else { value & 0xffff_ffff };
        if let Some(row) = self.constants.get(&(wide, value)) {
            return *row;
        }
        let row = self.allocate(class);
        self.constants.insert((wide, value), row);
        self.code.constants.push((row, wide, value));
        row
    }

    /// The register of a special name, such as `%tid.x`.
    pub(super) fn special(&mut self, special: Special) -> u32 {
        if let Some(row) = self.specials.get(&special) {
            return *row;
        }
        let row = self.allocate(Class::Narrow);
        self.specials.insert(special, row);
        self.code.specials.push((row, special));
        row
    }

    /// The address of a variable, in its own space, as a register.
    pub(super) fn address(&mut self, symbol: Symbol, offset: i64, class: Class) -> Lowered<u32> {
        match symbol {
            Symbol::Variable(_, address) => Ok(self.constant(class, address.wrapping_add_signed(offset))),
            Symbol::Dynamic => {
                let row = self.allocate(class);
                self.dynamic.push((row, class == Class::Wide, offset.cast_unsigned()));
                Ok(row)
            }
            Symbol::Register(..) => Err("a register has no address".to_owned()),
        }
    }

    /// The register of class `class` that holds `operand`'s value.
    pub(super) fn source(&mut self, operand: &Operand, class: Class) -> Lowered<u32> {
        if class == Class::Pred {
            return self.predicate(operand);
        }
        match operand {
            Operand::Int(value) => Ok(self.constant(class, *value)),
            Operand::Single(bits) if class == Class::Wide => {
                Ok(self.constant(class, f64::from(f32::from_bits(*bits)).to_bits()))
            }
            Operand::Single(bits) => Ok(self.constant(class, u64::from(*bits))),
            #[expect(clippy::cast_possible_truncation, reason = "a constant of a single-precision instruction")]
            Operand::Double(bits) if class == Class::Narrow => {
                Ok(self.constant(class, u64::from((f64::from_bits(*bits) as f32).to_bits())))
            }
            Operand::Double(bits) => Ok(self.constant(class, *bits)),
            Operand::Name(name) => {
                let register = match special(name) {
                    Some(special) => Symbol::Register(Class::Narrow, self.special(special)),
                    None => self.symbol(name)?,
                };
                match register {
                    Symbol::Register(found, row) if found == class => Ok(row),
                    Symbol::Register(Class::Wide, row) => Ok(self.compute(narrowed(), &[row])),
                    Symbol::Register(Class::Narrow, row) => Ok(self.compute(widened(), &[row])),
                    Symbol::Register(Class::Pred, _) => Err(format!("{name} is a predicate")),
                    variable => self.address(variable, 0, class),
                }
            }
            Operand::Sum(name, offset) => {
                let symbol = self.symbol(name)?;
                self.address(symbol, *offset, class)
            }
            other => Err(format!("operand {other:?} is not expected")),
        }
    }

    /// The predicate that holds `operand`'s value.
    pub(super) fn predicate(&mut self, operand: &Operand) -> Lowered<u32> {
        match operand {
            Operand::Name(name) => match self.symbol(name)? {
                Symbol::Register(Class::Pred, index) => Ok(index),
                _ => Err(format!("{name} is no predicate")),
            },
            Operand::Not(inner) => {
                let index = self.predicate(inner)?;
                Ok(self.compute(lanes::pred_not(), &[index]))
            }
            Operand::Int(0) => Ok(self.allocate(Class::Pred)),
            Operand::Int(_) => {
                if self.code.true_pred.is_none() {
                    self.code.true_pred = Some(self.allocate(Class::Pred));
                }
                Ok(self.code.true_pred.unwrap_or(NONE))
            }
            other => Err(format!("operand {other:?} is no predicate")),
        }
    }

    /// The register that `operand` names as a destination, and its class; a new one of `class` for `_`.
    pub(super) fn destination(&mut self, operand: &Operand, class: Class) -> Lowered<(Class, u32)> {
        match operand {
            Operand::Sink => Ok((class, self.allocate(class))),
            Operand::Name(name) => match self.symbol(name)? {
                Symbol::Register(class, index) => Ok((class, index)),
                _ => Err(format!("{name} is no register")),
            },
            other => Err(format!("destination {other:?} is not expected")),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
pub fn narrowed() -> lanes::Alu {
    un::<u64, u32>(|a| a as u32)
}

pub fn widened() -> lanes::Alu {
    un::<u32, u64>(u64::from)
}

/// The special register of this name.
pub fn special(name: &str) -> Option<Special> {
    let axis = |s: &str| match s {
        "x" => Some(0),
        "y" => Some(1),
        "z" => Some(2),
        _ => None,
    };
    let (base, part) = name.strip_prefix('%')?.split_once('.').unwrap_or((&name[1..], ""));
    Some(match base {
        "tid" => Special::Tid(axis(part)?),
        "ntid" => Special::Ntid(axis(part)?),
        "ctaid" => Special::Ctaid(axis(part)?),
        "nctaid" => Special::Nctaid(axis(part)?),
        "laneid" => Special::Lane,
        "warpid" => Special::Warp,
        "nwarpid" => Special::Warps,
        "lanemask_eq" => Special::LaneMask(0),
        "lanemask_lt" => Special::LaneMask(1),
        "lanemask_le" => Special::LaneMask(2),
        "lanemask_gt" => Special::LaneMask(3),
        "lanemask_ge" => Special::LaneMask(4),
        "gridid" => Special::GridId,
        "smid" | "nsmid" => Special::SmId,
        "dynamic_smem_size" => Special::DynamicShared,
        "total_smem_size" => Special::TotalShared,
        _ => return None,
    })
}
