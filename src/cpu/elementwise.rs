//! Elementwise programs over blocks.

use super::space::Space;
use super::strip::Machine;
use crate::device::View;
use crate::error::Result;
use crate::op::program::Program;

/// Runs `program` over views of shape `dims` into C-ordered bytes, one slice per output.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for a view outside its block or a missing loop.
pub(crate) fn run(program: &Program, dims: &[usize], inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let mut machine = Machine::new(program)?;
    let mut space = Space::new(dims, inputs)?;
    let sizes: Vec<usize> = (0..outputs.len()).map(|i| program.output_dtype(i).size()).collect();
    let starts: Vec<*mut u8> = outputs.iter_mut().map(|b| b.as_mut_ptr()).collect();
    debug_assert!(outputs.iter().zip(&sizes).all(|(b, s)| b.len() == s * space.len()));
    for (at, n) in space.strips() {
        for i in 0..inputs.len() {
            machine.set_input(i, space.load(i, 0, at, n));
        }
        for (i, (&start, &size)) in starts.iter().zip(&sizes).enumerate() {
            machine.set_output(i, start.wrapping_add(at * size));
        }
        // SAFETY: inputs come from `load`; each output holds the whole space and belongs to this call alone.
        unsafe { machine.run(n) };
    }
    Ok(())
}
