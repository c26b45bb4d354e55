//! The implicit task graph: a task is a sweep and a block index, and what it needs is arithmetic.
//!
//! Nothing is stored per task: ten million chunks make a graph of a few numbers. Tasks of a sweep run in row-major order of
//! their blocks; a sweep begins when those before it are done.

use crate::blockwise::plan::Plan;
use crate::blockwise::sweep::{Machine, Sweep, sweeps};
use crate::chunk::Region;
use crate::error::Result;
use std::fmt;

/// One block of one sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Position of the sweep.
    pub sweep: usize,
    /// Index of the block in the sweep's grid.
    pub block: Vec<usize>,
    /// The block.
    pub region: Region,
}

/// All tasks of a plan.
#[derive(Debug, Clone)]
pub struct TaskGraph {
    /// The sweeps, in the order in which they run.
    pub sweeps: Vec<Sweep>,
    budget: u64,
}

impl TaskGraph {
    /// The tasks of `plan` on `machine`.
    ///
    /// # Errors
    /// [`Memory`](crate::ErrorKind::Memory) when a sweep cannot stay within the budget.
    pub fn new(plan: &Plan, machine: &Machine) -> Result<Self> {
        Ok(Self { sweeps: sweeps(plan, machine)?, budget: machine.budget })
    }

    /// Number of tasks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sweeps.iter().map(|s| s.grid.count()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Task `number` of sweep `sweep`, in the order in which they run.
    #[must_use]
    pub fn task(&self, sweep: usize, number: usize) -> Task {
        let grid = &self.sweeps[sweep].grid;
        let block = grid.index(number);
        let region = grid.region(&block);
        Task { sweep, block, region }
    }

    /// The most memory that any moment of the run is projected to take; never more than the budget.
    #[must_use]
    pub fn projected_bytes(&self) -> u64 {
        self.of_sweeps() + self.cache_bytes()
    }

    /// What decoded chunks that several tasks read may take: what no sweep needs, up to half the budget.
    #[must_use]
    pub fn cache_bytes(&self) -> u64 {
        let wanted = self.sweeps.iter().map(|s| s.shared_bytes).max().unwrap_or(0);
        wanted.min(self.budget.saturating_sub(self.of_sweeps())).min(self.budget / 2)
    }

    fn of_sweeps(&self) -> u64 {
        self.sweeps.iter().map(|s| s.projected_bytes(self.budget)).max().unwrap_or(0)
    }
}

impl fmt::Display for TaskGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for sweep in &self.sweeps {
            writeln!(f, "{sweep}")?;
        }
        write!(f, "{} task{}", self.len(), if self.len() == 1 { "" } else { "s" })
    }
}
