//! The lazy graph: what the user wrote, as immutable values.
//!
//! [`Expr`] is a shared handle on a [`Node`]: its kind, and the dtype, shape, chunks and dimension names that were
//! inferred when it was built. `names.rs` has the names, and the coordinates that they bring along. `build.rs` holds
//! the constructors, one per kind (`programs.rs` those of elementwise functions, `times.rs` of dates and lengths of
//! time), `regions.rs` those of what needs boxes of its inputs, `windows.rs` reductions of windows, `groups.rs` groups
//! that labels make, `filters.rs` filters, `pending.rs` what waits for lengths that depend on data, `random.rs` has
//! random arrays, `matrices.rs` what is done to matrices tile by tile, `deviation.rs` what sees more than one node,
//! `calls.rs` user functions that see whole axes, `spectra.rs` Fourier transforms; nothing here reads data.

pub mod names;
pub mod node;
pub mod display;
pub mod canonical;
pub mod known;
pub mod pending;
pub mod programs;
pub mod times;
pub mod build;
pub mod regions;
pub mod filters;
pub mod random;
pub mod matrices;
pub mod lookup;
pub mod tally;
pub mod bins;
pub mod trim;
pub mod deviation;
pub mod compose;
pub mod sets;
pub mod windows;
pub mod calls;
pub mod spectra;
pub mod check;
pub mod groups;

pub use names::Name;
pub(crate) use node::walk;
pub use node::{Expr, ExprKind, Node, Resume, Site};
