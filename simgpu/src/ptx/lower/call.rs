//! Calls: device functions are inlined.
//!
//! Parameters of calls are variables of the caller in local memory; the callee's parameters are other names for them.

use super::super::ast::{Function, Operand, Space};
use super::super::inst::{NONE, Op};
use super::names::{Frame, Symbol};
use super::{Lower, Lowered, MAX_DEPTH};

impl<'a> Lower<'a> {
    pub(super) fn call(&mut self, operands: &'a [Operand]) -> Lowered<()> {
        let (returns, rest) = match operands {
            [Operand::List(returns), rest @ ..] => (returns.as_slice(), rest),
            rest => (&[][..], rest),
        };
        let (name, arguments) = match rest {
            [Operand::Name(name)] => (name, &[][..]),
            [Operand::Name(name), Operand::List(arguments)] => (name, arguments.as_slice()),
            _ => return Err("calls through a register are not known".to_owned()),
        };
        let returns = self.variables_of(returns)?;
        let arguments = self.variables_of(arguments)?;
        let ast = self.ast;
        let Some(function) = ast.functions.iter().find(|f| f.name == *name && f.body.is_some()) else {
            return self.system_call(name, &arguments);
        };
        if self.stack.contains(&function.name.as_str()) || self.stack.len() > MAX_DEPTH {
            return Err(format!("{name} calls itself"));
        }
        if function.params.len() != arguments.len() || function.returns.len() != returns.len() {
            return Err(format!("{name} takes {} arguments", function.params.len()));
        }
        self.inline(function, &arguments, &returns)
    }

    fn inline(&mut self, function: &'a Function, arguments: &[Symbol], returns: &[Symbol]) -> Lowered<()> {
        let mut frame = Frame::default();
        let formal = function.params.iter().chain(&function.returns);
        for (variable, symbol) in formal.zip(arguments.iter().chain(returns)) {
            frame.declare(&variable.name, *symbol);
        }
        // A guarded call jumps over the body where the guard does not hold.
        let skip = self.skip();
        self.frames.push(frame);
        self.stack.push(&function.name);
        let (line, guard) = (self.line, self.guard);
        let done = self.body(function.body.as_deref().unwrap_or_default());
        (self.line, self.guard) = (line, guard);
        self.stack.pop();
        self.frames.pop();
        done.map_err(|why| format!("in {}: {why}", function.name))?;
        if let Some(at) = skip {
            let here = self.here();
            self.code.insts[at].op = Op::Branch(here);
        }
        Ok(())
    }

    /// A jump to be filled in, taken where the current guard does not hold.
    fn skip(&mut self) -> Option<usize> {
        let (guard, negated) = self.guard;
        if guard == NONE {
            return None;
        }
        self.guard = (guard, !negated);
        self.guarded(Op::Branch(0), NONE, [NONE; 4]);
        self.guard = (guard, negated);
        Some(self.code.insts.len() - 1)
    }

    fn variables_of(&mut self, operands: &[Operand]) -> Lowered<Vec<Symbol>> {
        let mut out = Vec::new();
        for operand in operands {
            let Operand::Name(name) = operand else { return Err(format!("argument {operand:?} is not known")) };
            match self.symbol(name)? {
                found @ Symbol::Variable(Space::Local, _) => out.push(found),
                _ => return Err(format!("argument {name} is no parameter")),
            }
        }
        Ok(out)
    }

    /// Functions of the system.
    fn system_call(&mut self, name: &str, arguments: &[Symbol]) -> Lowered<()> {
        #[expect(clippy::cast_possible_truncation, reason = "offsets in a thread's memory")]
        let mut places = arguments.iter().map(|a| match a {
            Symbol::Variable(_, at) => *at as u32,
            _ => NONE,
        });
        match name {
            "__assertfail" => {
                let mut next = || places.next().unwrap_or(NONE);
                let sources = [next(), next(), next(), next()];
                self.guarded(Op::Assert, NONE, sources);
                Ok(())
            }
            // Printed text is not part of what is simulated.
            "vprintf" => Ok(()),
            _ => Err(format!("function {name} has no body")),
        }
    }
}
