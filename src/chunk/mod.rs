//! Where data is: chunk grids and boxes, geometry only.
//!
//! [`Chunks`] cuts an array into chunks, axis by axis; [`Region`] is a box of indices. `unify.rs` finds one grid for
//! several arrays, `auto.rs` picks lengths where none are given, `index_map.rs` maps indices through slices, transposes
//! and broadcasts, `reshape.rs` through reshapes, `tiling.rs` cuts what reductions combine, `groups.rs` says which
//! positions belong together.

pub mod region;
pub mod grid;
pub mod auto;
pub mod unify;
pub mod index_map;
pub mod reshape;
pub mod tiling;
pub mod groups;

pub use auto::AUTO;
pub use grid::{AxisChunks, Chunks};
pub use index_map::IndexMap;
pub use region::Region;
