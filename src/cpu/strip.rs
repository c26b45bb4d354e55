//! A program made ready to run: registers in the first cache, one vector loop per instruction or for a few that often
//! stand together.

use super::casts::cast_loop;
use super::fused::fused_loop;
use super::isa::{self, Isa};
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

// SAFETY: registers of constants and temporaries point into `_scratch`, which the machine owns; those of inputs and
// outputs are set before each run, whose caller answers for them.
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
        Self::compile(program, true)
    }

    /// As [`Machine::new`], with a loop for each instruction.
    #[cfg(test)]
    pub(crate) fn unfused(program: &Program) -> Result<Self> {
        Self::compile(program, false)
    }

    fn compile(program: &Program, fuse: bool) -> Result<Self> {
        let chosen = choose(program, fuse)?;
        let allocation = allocate(program, &chosen);
        let steps = chosen.iter().map(|Chosen { value, run, args }| {
            let mut registers = [0; ARGS];
            registers.iter_mut().zip(args).for_each(|(r, &v)| *r = allocation.of[v]);
            Step { run: *run, args: registers, out: allocation.of[*value] }
        });
        Ok(Self::assemble(program, &allocation, steps.collect()))
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

    /// The number of loops.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.steps.len()
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

/// A value that is computed, the loop that does it, and the values which that reads.
struct Chosen {
    value: Value,
    run: StripLoop,
    args: Vec<Value>,
}

/// The loops that compute what is asked for, from the outputs down: each takes with it what it alone reads, where there
/// is a loop for both.
fn choose(program: &Program, fuse: bool) -> Result<Vec<Chosen>> {
    let isa = isa::best();
    let mut uses = vec![0; program.insts.len()];
    for v in (0..program.insts.len()).flat_map(|v| program.operands(v)).chain(program.outputs.iter().copied()) {
        uses[v] += 1;
    }
    let mut wanted = vec![false; program.insts.len()];
    for &v in &program.outputs {
        wanted[v] = true;
    }
    let mut chosen = Vec::new();
    for value in (0..program.insts.len()).rev() {
        if !wanted[value] || matches!(program.insts[value], Inst::Input(_) | Inst::Const(..)) {
            continue;
        }
        let (run, args) = match fuse.then(|| fused_loop(program, value, &uses, isa)).flatten() {
            Some(fused) => fused,
            None => (single_loop(program, value, isa)?, program.operands(value).collect()),
        };
        for &v in &args {
            wanted[v] = true;
        }
        chosen.push(Chosen { value, run, args });
    }
    chosen.reverse();
    Ok(chosen)
}

/// The loop of one instruction.
fn single_loop(program: &Program, value: Value, isa: Isa) -> Result<StripLoop> {
    Ok(match program.insts[value] {
        Inst::Op(op, dtype, _) => {
            element_loop(op, dtype, isa).ok_or_else(|| Error::bug(format!("{} has a loop over {dtype}", op.name())))?
        }
        Inst::Cast(from, to, _) => cast_loop(from, to, isa),
        Inst::Select(dtype, ..) => select_loop(dtype.size(), isa),
        Inst::Draw(sampler, _) => draw_loop(sampler, isa),
        Inst::Input(_) | Inst::Const(..) => return Err(Error::bug("inputs and constants are not computed")),
    })
}

/// Gives each value that is read or computed a register; temporaries share them once nobody reads them any more.
fn allocate(program: &Program, chosen: &[Chosen]) -> Allocation {
    let inputs = program.inputs.len();
    let first = inputs + program.outputs.len();
    let mut last_use = vec![0; program.insts.len()];
    for step in chosen {
        for &v in &step.args {
            last_use[v] = step.value;
        }
    }
    let mut of = vec![usize::MAX; program.insts.len()];
    let mut sizes: Vec<usize> = Vec::new();
    for (value, inst) in program.insts.iter().enumerate() {
        match *inst {
            Inst::Input(i) => of[value] = i,
            Inst::Const(_, dtype) => {
                sizes.push(STRIP * dtype.size());
                of[value] = first + sizes.len() - 1;
            }
            _ => {}
        }
    }
    for (i, &value) in program.outputs.iter().enumerate() {
        if of[value] == usize::MAX {
            of[value] = inputs + i;
        }
    }
    let mut free: Vec<usize> = Vec::new();
    for step in chosen {
        if of[step.value] == usize::MAX {
            let slot = free.pop().unwrap_or_else(|| {
                sizes.push(0);
                sizes.len() - 1
            });
            sizes[slot] = sizes[slot].max(STRIP * program.dtypes[step.value].size());
            of[step.value] = first + slot;
        }
        // The registers of temporaries that this step reads last.
        let mut args = step.args.clone();
        args.sort_unstable();
        args.dedup();
        for arg in args {
            let temporary = !matches!(program.insts[arg], Inst::Input(_) | Inst::Const(..));
            if temporary && last_use[arg] == step.value && of[arg] >= first {
                free.push(of[arg] - first);
            }
        }
    }
    Allocation { of, sizes, first }
}
