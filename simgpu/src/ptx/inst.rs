//! Decoded instructions: names are indices, branch targets are positions, constants are registers.

use super::ast::Space;
use super::lanes::Exec;
use super::types::Ty;

/// No register.
pub const NONE: u32 = u32::MAX;

/// One instruction.
#[derive(Debug, Clone, Copy)]
pub struct Inst {
    pub op: Op,
    /// Registers: rows, or predicates where the operation says so.
    pub d: u32,
    pub a: u32,
    pub b: u32,
    pub c: u32,
    /// A fourth source.
    pub e: u32,
    /// A predicate that must hold, or [`NONE`].
    pub guard: u32,
    /// Whether the guard must be false instead.
    pub negated: bool,
    pub line: u32,
}

/// What an instruction does.
#[derive(Debug, Clone, Copy)]
pub enum Op {
    /// Lanes of registers by themselves.
    Alu(Exec),
    /// A jump.
    Branch(u32),
    Exit,
    Trap,
    /// A failed `assert`: its arguments stand in local memory.
    Assert,
    /// An access of memory: an index into [`Code::accesses`].
    Load(u32),
    Store(u32),
    /// Kernel arguments into every lane.
    Argument(u32),
    /// An atomic operation: an index into [`Code::atomics`].
    Atomic(u32),
    /// A block-wide barrier: an index into [`Code::barriers`].
    Barrier(u32),
    /// `bar.warp.sync`; `a` is the mask.
    WarpBarrier,
    /// A collective of a warp: an index into [`Code::collectives`].
    Collective(u32),
    /// Active lanes into `d`.
    ActiveMask,
    /// A running clock into `d`, 64-bit where `a` is not 0.
    Clock,
    /// Which space a generic address is in, into the predicate `d`.
    IsSpace(Space),
    /// Nothing to do here: fences.
    Nothing,
}

/// An access of memory.
#[derive(Debug, Clone)]
pub struct Access {
    pub space: Space,
    /// The address's register, or [`NONE`] where the offset is all of it.
    pub base: u32,
    pub wide: bool,
    pub offset: i64,
    pub ty: Ty,
    /// Registers loaded or stored, [`NONE`] for a sink.
    pub regs: Vec<u32>,
    /// Whether each is a wide register.
    pub regs_wide: bool,
    pub volatile: bool,
}

impl Access {
    /// Bytes of one lane.
    pub fn bytes(&self) -> usize {
        self.ty.bytes() * self.regs.len()
    }
}

/// Kinds of atomic operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtomicOp {
    Add,
    Min,
    Max,
    And,
    Or,
    Xor,
    Exchange,
    CompareSwap,
    Increment,
    Decrement,
}

/// An atomic operation; its operands are rows.
#[derive(Debug, Clone)]
pub struct Atomic {
    pub access: Access,
    pub op: AtomicOp,
    /// The result's row, or [`NONE`].
    pub result: u32,
    pub value: u32,
    /// The new value of a compare-and-swap.
    pub swap: u32,
}

/// What a barrier combines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduce {
    Nothing,
    Popc,
    And,
    Or,
}

/// A barrier of a block.
#[derive(Debug, Clone, Copy)]
pub struct Barrier {
    /// The row that holds its number.
    pub id: u32,
    /// The row that holds the number of threads, or [`NONE`] for all.
    pub count: u32,
    /// Whether whole warps must arrive together.
    pub aligned: bool,
    /// `bar.arrive`: does not wait.
    pub arrive: bool,
    pub reduce: Reduce,
    /// The predicate that is combined.
    pub source: u32,
    pub source_negated: bool,
}

/// Directions of a shuffle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shuffle {
    Up,
    Down,
    Butterfly,
    Index,
}

/// Kinds of collectives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectiveOp {
    /// `d` gets `a` of lane `b`, clamped by `c`; the second result is a predicate.
    Shuffle(Shuffle),
    Ballot,
    All,
    Any,
    Uniform,
    MatchAny {
        wide: bool,
    },
    MatchAll {
        wide: bool,
    },
    ReduceAdd,
    ReduceMin {
        signed: bool,
    },
    ReduceMax {
        signed: bool,
    },
    ReduceAnd,
    ReduceOr,
    ReduceXor,
}

/// A collective of a warp. The instruction's `d`, `a`, `b` and `c` are its operands.
#[derive(Debug, Clone, Copy)]
pub struct Collective {
    pub op: CollectiveOp,
    /// The row of the mask of members.
    pub mask: u32,
    /// A second result, a predicate, or [`NONE`].
    pub flag: u32,
    pub negated: bool,
}

/// Registers that the machine fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Special {
    Tid(u8),
    Ntid(u8),
    Ctaid(u8),
    Nctaid(u8),
    Lane,
    Warp,
    Warps,
    /// Masks of lanes compared with the own one: equal, less, less or equal, greater, greater or equal.
    LaneMask(u8),
    GridId,
    SmId,
    DynamicShared,
    TotalShared,
}

/// A kernel's code.
#[derive(Debug, Default)]
pub struct Code {
    pub insts: Vec<Inst>,
    pub accesses: Vec<Access>,
    pub atomics: Vec<Atomic>,
    pub barriers: Vec<Barrier>,
    pub collectives: Vec<Collective>,
    /// Rows of registers of a warp.
    pub rows: u32,
    pub preds: u32,
    /// Registers that hold constants: row, whether it is wide, value.
    pub constants: Vec<(u32, bool, u64)>,
    /// Predicates that always hold.
    pub true_pred: Option<u32>,
    pub specials: Vec<(u32, Special)>,
    /// Bytes of static shared memory; dynamic memory follows at `dynamic`.
    pub shared: usize,
    pub dynamic: usize,
    /// Bytes of local memory of a thread.
    pub local: usize,
    /// Bytes of the smallest access of shared memory: the grain at which races are looked for.
    pub grain: usize,
}
