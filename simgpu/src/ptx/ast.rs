//! What a PTX module says, before names are resolved.

use super::types::Ty;

/// A state space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Space {
    Generic,
    Global,
    Shared,
    Local,
    Param,
    Const,
}

/// A whole module.
#[derive(Debug, Default)]
pub struct Ast {
    pub functions: Vec<Function>,
    /// Variables at module scope.
    pub variables: Vec<Variable>,
}

/// A variable or a parameter.
#[derive(Debug, Clone)]
pub struct Variable {
    pub name: String,
    pub space: Space,
    pub align: usize,
    pub ty: Ty,
    /// Elements; 0 where the size is given at launch.
    pub count: usize,
    pub init: Vec<Init>,
}

impl Variable {
    pub fn bytes(&self) -> usize {
        self.ty.bytes() * self.count
    }
}

/// An element of an initialiser.
#[derive(Debug, Clone)]
pub enum Init {
    Bits(u64),
    /// The address of a variable, and whether it is a generic address.
    Address(String, i64),
}

/// A kernel or a device function.
#[derive(Debug)]
pub struct Function {
    pub name: String,
    pub entry: bool,
    pub params: Vec<Variable>,
    pub returns: Vec<Variable>,
    /// None for a declaration.
    pub body: Option<Vec<Statement>>,
    /// `.maxntid`, as a product.
    pub max_threads: Option<u32>,
}

/// A statement of a body.
#[derive(Debug)]
pub enum Statement {
    Open,
    Close,
    Label(String),
    Registers(Ty, Vec<(String, Option<u32>)>),
    Variable(Variable),
    Instruction(Instruction),
}

/// An instruction.
#[derive(Debug)]
pub struct Instruction {
    pub line: u32,
    /// The predicate's name and whether it is negated.
    pub guard: Option<(String, bool)>,
    pub mnemonic: String,
    pub operands: Vec<Operand>,
}

/// An operand.
#[derive(Debug, Clone)]
pub enum Operand {
    /// A register, a variable, a label or a function.
    Name(String),
    Int(u64),
    /// Bits of a float constant: 32 or 64 of them.
    Single(u32),
    Double(u64),
    /// `[base+offset]`.
    Memory(Box<Operand>, i64),
    /// A name and an offset without brackets.
    Sum(String, i64),
    /// `{a, b}`, or the parenthesised lists of a call.
    List(Vec<Operand>),
    /// `a|b`.
    Pair(Box<Operand>, Box<Operand>),
    /// `!a`.
    Not(Box<Operand>),
    /// `_`.
    Sink,
}
