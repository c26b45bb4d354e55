//! Where data is: chunk grids and boxes, geometry only.
//!
//! [`Chunks`] cuts an array into chunks, axis by axis; [`Region`] is a box of indices. `unify.rs` finds one grid for
//! several arrays, `auto.rs` picks one where none is given, `rechunk.rs` counts what moving between two grids costs.

pub mod auto;
pub mod grid;
pub mod region;
pub mod unify;

pub use grid::{AxisChunks, Chunks};
pub use region::Region;
