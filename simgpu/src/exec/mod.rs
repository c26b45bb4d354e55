//! Runs decoded kernels.
//!
//! A warp's 32 lanes run in lockstep while they are together; where they part, the group at the lowest position runs
//! first and joins others where it reaches them. Warps of a block run in turn, each up to its next barrier; blocks run
//! one after another.

mod access;
mod atomic;
mod barrier;
mod block;
mod collective;
mod races;
mod warp;

pub use block::{Launch, run};

use crate::status::Status;

/// Device memory as a kernel sees it.
pub trait Memory {
    /// The live allocation around `bytes` bytes at `address`.
    ///
    /// # Errors
    /// What is there instead.
    fn span(&mut self, address: u64, bytes: usize) -> Result<Span, String>;
}

/// A range of device addresses and where it lies in the host's memory.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub low: u64,
    pub high: u64,
    pub host: *mut u8,
}

impl Span {
    /// A range that holds nothing.
    pub const EMPTY: Self = Self { low: u64::MAX, high: 0, host: std::ptr::null_mut() };

    pub fn holds(&self, address: u64, bytes: usize) -> bool {
        address >= self.low && address.saturating_add(bytes as u64) <= self.high
    }

    /// Where `address`, which the span holds, lies.
    pub fn at(&self, address: u64) -> *mut u8 {
        self.host.wrapping_add((address - self.low) as usize)
    }
}

/// Why a kernel stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub status: Status,
    pub why: String,
}
