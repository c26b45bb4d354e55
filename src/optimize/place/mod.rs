//! Rules that decide what is computed once, and whether memory or disk holds it until it has been read.

pub mod cells;
pub mod lines;
pub mod results;
pub mod chains;
pub mod exchange;
pub mod overflow;
