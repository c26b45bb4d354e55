//! A kernel's statements to decoded instructions.

mod call;
mod compute;
mod control;
mod memory;
mod names;

use super::Kernel;
use super::ast::{Ast, Function, Instruction, Space, Statement, Variable};
use super::inst::{Code, Inst, NONE, Op, Special};
use super::lanes::Alu;
use super::types::{Class, Mnemonic};
use names::{Frame, Symbol};
use std::collections::HashMap;

/// Inlined functions within each other.
const MAX_DEPTH: usize = 32;

/// The state of lowering one kernel.
struct Lower<'a> {
    ast: &'a Ast,
    /// Module variables by name: address and size.
    variables: &'a HashMap<String, (u64, usize)>,
    code: Code,
    constants: HashMap<(bool, u64), u32>,
    specials: HashMap<Special, u32>,
    /// Static shared variables of the module that the kernel uses.
    shared: HashMap<String, usize>,
    /// Constants that hold the offset of dynamic shared memory, to be filled at the end.
    dynamic: Vec<(u32, bool, u64)>,
    frames: Vec<Frame>,
    /// Names of the functions being inlined.
    stack: Vec<&'a str>,
    /// The guard of the current instruction.
    guard: (u32, bool),
    line: u32,
    param_bytes: usize,
}

/// Lowers one kernel.
///
/// # Errors
/// The instruction or name that is not known, with its line.
pub fn kernel(ast: &Ast, variables: &HashMap<String, (u64, usize)>, function: &Function) -> Result<Kernel, String> {
    let mut lower = Lower {
        ast,
        variables,
        code: Code { grain: 8, ..Code::default() },
        constants: HashMap::new(),
        specials: HashMap::new(),
        shared: HashMap::new(),
        dynamic: Vec::new(),
        frames: vec![Frame::default()],
        stack: vec![&function.name],
        guard: (NONE, false),
        line: 0,
        param_bytes: 0,
    };
    let mut params = Vec::new();
    for param in &function.params {
        let at = lower.param_bytes.next_multiple_of(param.align.max(1));
        params.push((at, param.bytes()));
        lower.param_bytes = at + param.bytes();
        lower.frame().declare(&param.name, Symbol::Variable(Space::Param, at as u64));
    }
    lower.body(function.body.as_deref().unwrap_or_default())?;
    lower.push(Op::Exit, NONE, [NONE; 4]);
    let mut code = lower.code;
    code.dynamic = code.shared.next_multiple_of(16);
    for (row, wide, offset) in lower.dynamic {
        code.constants.push((row, wide, code.dynamic as u64 + offset));
    }
    Ok(Kernel {
        name: function.name.clone(),
        params,
        param_bytes: lower.param_bytes,
        max_threads: function.max_threads.unwrap_or(1024),
        code,
    })
}

type Lowered<T> = Result<T, String>;

impl<'a> Lower<'a> {
    fn frame(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    fn body(&mut self, statements: &'a [Statement]) -> Lowered<()> {
        for statement in statements {
            match statement {
                Statement::Open => self.frame().open(),
                Statement::Close => self.frame().close(),
                Statement::Label(name) => {
                    let here = self.here();
                    self.frame().label(name, here);
                }
                Statement::Registers(ty, names) => {
                    for (name, count) in names {
                        self.registers(name, *count, ty.class());
                    }
                }
                Statement::Variable(variable) => self.declare(variable)?,
                Statement::Instruction(instruction) => {
                    self.line = instruction.line;
                    self.instruction(instruction)
                        .map_err(|why| format!("line {}: {}: {why}", instruction.line, instruction.mnemonic))?;
                }
            }
        }
        let end = self.here();
        let jumps = self.frame().resolve(end)?;
        for (at, target) in jumps {
            self.code.insts[at].op = Op::Branch(target);
        }
        Ok(())
    }

    #[expect(clippy::cast_possible_truncation, reason = "far fewer than 2^32 instructions")]
    fn here(&self) -> u32 {
        self.code.insts.len() as u32
    }

    fn registers(&mut self, name: &str, count: Option<u32>, class: Class) {
        match count {
            None => {
                let index = self.allocate(class);
                self.frame().declare(name, Symbol::Register(class, index));
            }
            Some(count) => {
                for i in 0..count {
                    let index = self.allocate(class);
                    self.frame().declare(&format!("{name}{i}"), Symbol::Register(class, index));
                }
            }
        }
    }

    /// A new register.
    fn allocate(&mut self, class: Class) -> u32 {
        let (counter, size) = match class {
            Class::Pred => (&mut self.code.preds, 1),
            Class::Narrow => (&mut self.code.rows, 1),
            Class::Wide => (&mut self.code.rows, 2),
        };
        let index = *counter;
        *counter += size;
        index
    }

    fn declare(&mut self, variable: &Variable) -> Lowered<()> {
        let (space, area) = match variable.space {
            Space::Shared => (Space::Shared, &mut self.code.shared),
            // Parameters of calls live in the thread's memory.
            Space::Local | Space::Param => (Space::Local, &mut self.code.local),
            other => return Err(format!("variable {} in {other:?} space within a body", variable.name)),
        };
        let at = area.next_multiple_of(variable.align.max(1));
        *area = at + variable.bytes();
        self.frame().declare(&variable.name, Symbol::Variable(space, at as u64));
        Ok(())
    }

    /// Appends an instruction without a guard.
    fn push(&mut self, op: Op, d: u32, [a, b, c, e]: [u32; 4]) {
        self.code.insts.push(Inst { op, d, a, b, c, e, guard: NONE, negated: false, line: self.line });
    }

    /// Appends an instruction under the current guard.
    fn guarded(&mut self, op: Op, d: u32, [a, b, c, e]: [u32; 4]) {
        let (guard, negated) = self.guard;
        self.code.insts.push(Inst { op, d, a, b, c, e, guard, negated, line: self.line });
    }

    /// Appends an instruction over lanes, without a guard, into a new register.
    fn compute(&mut self, alu: Alu, sources: &[u32]) -> u32 {
        let d = self.allocate(alu.dst);
        self.push(Op::Alu(alu.exec), d, four(sources));
        d
    }

    fn instruction(&mut self, instruction: &'a Instruction) -> Lowered<()> {
        self.guard = match &instruction.guard {
            None => (NONE, false),
            Some((name, negated)) => match self.symbol(name)? {
                Symbol::Register(Class::Pred, index) => (index, *negated),
                _ => return Err(format!("{name} is no predicate")),
            },
        };
        let m = Mnemonic::parse(&instruction.mnemonic);
        let operands = &instruction.operands;
        match m.base {
            "ld" | "ldu" => self.load(&m, operands),
            "st" => self.store(&m, operands),
            "atom" | "red" => self.atomic(&m, operands),
            "call" => self.call(operands),
            "bra" | "brx" | "ret" | "exit" | "trap" | "bar" | "barrier" | "shfl" | "vote" | "match" | "redux"
            | "activemask" | "membar" | "fence" | "nanosleep" | "brkpt" | "griddepcontrol" | "cp" | "prefetch"
            | "prefetchu" | "applypriority" | "discard" | "createpolicy" | "isspacep" => self.control(&m, operands),
            _ => self.arithmetic(&m, operands),
        }
    }
}

/// Up to four sources.
fn four(sources: &[u32]) -> [u32; 4] {
    let mut all = [NONE; 4];
    for (to, from) in all.iter_mut().zip(sources) {
        *to = *from;
    }
    all
}
