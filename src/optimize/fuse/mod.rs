//! Rules on plans.

pub mod keep;
pub mod elementwise;
pub mod reductions;
