//! A program made ready to run: registers in the first cache, one vector loop per instruction.

use super::casts::cast_loop;
use super::isa;
use super::loops::{ARGS, StripLoop, element_loop, select_loop};
use super::random::draw_loop;
use crate::device::block::Buffer;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::program::{Inst, Program, Value};

/// Elements of a strip. Registers of 0.25 to 4 KiB measured best; the number is part of the meaning of reductions.
pub(crate) const STRIP: usize = 256;

struct Step {
    run: StripLoop,
    args: [usize; ARGS],
    out: usize,
}

/// A program compiled for this machine. Registers are numbered: inputs first, then outputs, constants and temporaries.
pub(crate) struct Machine {
    steps: Vec<Step>,
    registers: Vec<*mut u8>,
    inputs: usize,
    /// Per output, its register and, where it is an input or a constant, the register it is copied from.
    outputs: Vec<(usize, Option<usize>, DType)>,
    /// Holds what the registers of constants and temporaries point to.
    _scratch: Buffer,
}

// SAFETY: registers of constants and temporaries point into `_scratch`, which the machine owns; those of inputs and outputs
// are set before each run, whose caller answers for them.
unsafe impl Send for Machine {}

/// Where values live.
struct Allocation {
    /// Register of each value.
    of: Vec<usize>,
    /// Bytes of each register beyond inputs and outputs, from `first` on.
    sizes: Vec<usize>,
    first: usize,
}

impl Machine {
    /// Compiles `program`.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) for an instruction without a loop, which typing should have refused.
    pub(crate) fn new(program: &Program) -> Result<Self> {
        let isa = isa::best();
        let allocation = allocate(program);
        let mut steps = Vec::new();
        for (value, inst) in program.insts.iter().enumerate() {
            let at = |v: Value| allocation.of[v];
            let (run, args) = match *inst {
                Inst::Input(_) | Inst::Const(..) => continue,
                Inst::Op(op, dtype, [a, b]) => {
                    let run = element_loop(op, dtype, isa)
                        .ok_or_else(|| Error::bug(format!("{} has a loop over {dtype}", op.name())))?;
                    (run, [at(a), at(b), 0, 0, 0])
                }
                Inst::Cast(from, to, v) => (cast_loop(from, to, isa), [at(v), 0, 0, 0, 0]),
                Inst::Select(dtype, c, a, b) => (select_loop(dtype.size(), isa), [at(c), at(a), at(b), 0, 0]),
                Inst::Draw(sampler, args) => (draw_loop(sampler, isa), args.map(at)),
            };
            steps.push(Step { run, args, out: allocation.of[value] });
        }
        Ok(Self::assemble(program, &allocation, steps))
    }

    fn assemble(program: &Program, allocation: &Allocation, steps: Vec<Step>) -> Self {
        let total: usize = allocation.sizes.iter().sum();
        let mut scratch = Buffer::zeroed(total);
        let mut registers = vec![std::ptr::NonNull::<u128>::dangling().as_ptr().cast::<u8>(); allocation.first];
        let mut offset = 0;
        for &size in &allocation.sizes {
            registers.push(scratch.bytes_mut()[offset..].as_mut_ptr());
            offset += size;
        }
        for (value, inst) in program.insts.iter().enumerate() {
            if let Inst::Const(scalar, dtype) = inst {
                let start: usize = allocation.sizes[..allocation.of[value] - allocation.first].iter().sum();
                let element = scalar.to_bytes(*dtype);
                let size = dtype.size();
                for slot in scratch.bytes_mut()[start..start + STRIP * size].chunks_exact_mut(size) {
                    slot.copy_from_slice(&element[..size]);
                }
            }
        }
        let inputs = program.inputs.len();
        let outputs = (0..program.outputs.len())
            .map(|i| {
                let value = program.outputs[i];
                let own = inputs + i;
                let from = (allocation.of[value] != own).then_some(allocation.of[value]);
                (own, from, program.dtypes[value])
            })
            .collect();
        Self { steps, registers, inputs, outputs, _scratch: scratch }
    }

    /// Points input `i` at a strip.
    pub(crate) fn set_input(&mut self, i: usize, from: *const u8) {
        self.registers[i] = from.cast_mut();
    }

    /// Points output `i` at where its strip goes.
    pub(crate) fn set_output(&mut self, i: usize, to: *mut u8) {
        self.registers[self.inputs + i] = to;
    }

    /// Runs one strip of `n` elements.
    ///
    /// # Safety
    /// Every input points at `n` readable and every output at `n` writable elements of its dtype, aligned; outputs
    /// overlap neither inputs nor each other; `n` is at most [`STRIP`].
    pub(crate) unsafe fn run(&self, n: usize) {
        debug_assert!(n <= STRIP);
        for step in &self.steps {
            let args = step.args.map(|r| self.registers[r].cast_const());
            // SAFETY: inputs and outputs are valid by contract, temporaries hold STRIP elements, and `allocate` never
            // gives an instruction's result a register that one of its arguments occupies.
            unsafe { (step.run)(args, self.registers[step.out], n) };
        }
        for &(to, from, dtype) in &self.outputs {
            if let Some(from) = from {
                // SAFETY: as above; the two registers are distinct.
                unsafe {
                    std::ptr::copy_nonoverlapping(self.registers[from], self.registers[to], n * dtype.size());
                }
            }
        }
    }
}

/// Gives each value a register; temporaries share them once nobody reads them any more.
fn allocate(program: &Program) -> Allocation {
    let inputs = program.inputs.len();
    let first = inputs + program.outputs.len();
    let mut last_use = vec![0; program.insts.len()];
    for value in 0..program.insts.len() {
        for operand in program.operands(value) {
            last_use[operand] = value;
        }
    }
    let mut of = vec![usize::MAX; program.insts.len()];
    for (i, &value) in program.outputs.iter().enumerate() {
        let computed = !matches!(program.insts[value], Inst::Input(_) | Inst::Const(..));
        if computed && of[value] == usize::MAX {
            of[value] = inputs + i;
        }
    }
    let mut sizes: Vec<usize> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    for value in 0..program.insts.len() {
        let bytes = STRIP * program.dtypes[value].size();
        match program.insts[value] {
            Inst::Input(i) => of[value] = i,
            Inst::Const(..) => {
                sizes.push(bytes);
                of[value] = first + sizes.len() - 1;
            }
            _ if of[value] == usize::MAX => {
                let slot = free.pop().unwrap_or_else(|| {
                    sizes.push(0);
                    sizes.len() - 1
                });
                sizes[slot] = sizes[slot].max(bytes);
                of[value] = first + slot;
            }
            _ => {}
        }
        release(program, value, &last_use, &of, first, &mut free);
    }
    Allocation { of, sizes, first }
}

/// Frees the registers of temporaries that `value` reads last.
fn release(program: &Program, value: Value, last_use: &[usize], of: &[usize], first: usize, free: &mut Vec<usize>) {
    let mut operands = program.operands(value);
    operands.sort_unstable();
    operands.dedup();
    for operand in operands {
        let temporary = !matches!(program.insts[operand], Inst::Input(_) | Inst::Const(..));
        if temporary && last_use[operand] == value && of[operand] >= first {
            free.push(of[operand] - first);
        }
    }
}
