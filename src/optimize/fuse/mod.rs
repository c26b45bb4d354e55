//! Rules on plans.

pub mod elementwise;
pub mod keep;
pub mod reductions;
