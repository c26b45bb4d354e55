//! The plan: stages over index spaces, what each needs of its inputs, and how it is cut into blocks.
//!
//! A [`plan::Stage`] computes an index space from its inputs. What an output block needs of an input is a list of
//! *pieces* (output box <- affine map of an input), so slices, transposes, broadcasts and concatenations cost nothing
//! until a block is read. Blockwise stages can be evaluated for any region, on demand; reductions are swept. `lower.rs`
//! turns expressions into one stage per node, the rules of `optimize/` fuse them, `sweep.rs` decides what is walked
//! together and in which blocks (`cuts.rs` joins and divides them, `panels.rs` is for what is done to matrices tile by
//! tile), `readers.rs` who asks whom for which blocks, `demand.rs` which boxes a block has evaluated, `memory.rs` what
//! that needs, `diagonals.rs` how diagonals are read, `draft.rs` is a plan while rules change it, `verify.rs` checks
//! every plan, `display.rs` prints it.
//!
//! Invariants: a plan is a value without buffers; its size follows the expression, never the data.

pub mod plan;
pub mod lower;
pub mod diagonals;
pub mod demand;
pub mod verify;
pub mod memory;
mod sources;
mod panels;
mod cuts;
pub mod sweep;
pub mod draft;
pub mod readers;
pub mod display;
