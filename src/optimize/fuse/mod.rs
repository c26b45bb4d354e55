//! Rules on plans.

pub mod elementwise;
pub mod reductions;
