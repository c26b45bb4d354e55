//! The lazy graph: what the user wrote, as immutable values.
//!
//! [`Expr`] is a shared handle on a [`Node`]: its kind, and the dtype, shape, chunks and dimension names that were
//! inferred when it was built. `build.rs` holds the constructors, one per kind, `matrices.rs` those of
//! what is done to matrices tile by tile, `deviation.rs` those that see more than one node, `compose.rs` shorthands for what
//! is made of several nodes, `check.rs` conditions that are known only when it runs; nothing here reads data.

pub mod node;
pub mod display;
pub mod canonical;
pub mod build;
pub mod matrices;
pub mod deviation;
pub mod compose;
pub mod check;

pub use node::{Expr, ExprKind, Node, Site};
