//! The lazy graph: what the user wrote, as immutable values.
//!
//! [`Expr`] is a shared handle on a [`Node`]: its kind, and the dtype, shape, chunks and dimension names that were
//! inferred when it was built. `build.rs` holds the constructors, one per kind, `known.rs` what their arguments are, `pending.rs` what
//! waits for lengths that depend on data, `matrices.rs` those of
//! what is done to matrices tile by tile, `deviation.rs` those that see more than one node; nothing here reads data.

pub mod node;
pub mod display;
pub mod canonical;
pub mod known;
pub mod pending;
pub mod build;
pub mod matrices;
pub mod deviation;

pub use node::{Expr, ExprKind, Node, Resume, Site};
