//! Elementwise programs over blocks.

use super::space::Space;
use super::strip::Machine;
use crate::device::View;
use crate::error::Result;
use crate::op::program::Program;

/// A program made ready, with what it needs to walk blocks.
pub(crate) struct Elementwise {
    machine: Machine,
    space: Space,
    /// Element sizes of the outputs.
    sizes: Vec<usize>,
}

impl Elementwise {
    /// Compiles `program`.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) for a missing loop.
    pub(crate) fn new(program: &Program) -> Result<Self> {
        let sizes = (0..program.outputs.len()).map(|i| program.output_dtype(i).size()).collect();
        Ok(Self { machine: Machine::new(program)?, space: Space::default(), sizes })
    }

    /// Runs over views of shape `dims` into C-ordered bytes, one slice per output.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) for a view outside its block.
    pub(crate) fn run(&mut self, dims: &[usize], inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
        let (machine, space) = (&mut self.machine, &mut self.space);
        space.set_views(dims, inputs)?;
        debug_assert!(outputs.iter().zip(&self.sizes).all(|(b, s)| b.len() == s * space.len()));
        for (at, n) in space.strips() {
            for i in 0..inputs.len() {
                machine.set_input(i, space.load(i, 0, at, n));
            }
            for (i, (output, &size)) in outputs.iter_mut().zip(&self.sizes).enumerate() {
                machine.set_output(i, output.as_mut_ptr().wrapping_add(at * size));
            }
            // SAFETY: inputs come from `load`; each output holds the whole space and belongs to this call alone.
            unsafe { machine.run(n) };
        }
        Ok(())
    }
}
