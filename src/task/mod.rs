//! The implicit task graph: a task is a sweep and a block index, and what it needs is arithmetic.
//!
//! Nothing is stored per task: ten million chunks make a graph of a few numbers. Tasks of a sweep run in row-major
//! order of their blocks, or those of a stored chunk one after another; a sweep begins when those before it are done.

use crate::blockwise::draft::Draft;
use crate::blockwise::plan::Plan;
use crate::blockwise::sweep::{Sweep, decoded};
use crate::chunk::Region;
use crate::error::Result;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What is held from one sweep to others is read again at least for this part. To fill new memory costs about as much
/// as to decode half as much.
const WORTH_HOLDING: u64 = 2;

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
    pub sweeps: Arc<[Sweep]>,
    /// The stores that more than one sweep reads.
    pub shared: Vec<SharedStore>,
    budget: u64,
}

/// A store that several sweeps read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedStore {
    /// Its number in the plan.
    pub store: usize,
    /// How many sweeps read it.
    pub sweeps: usize,
    /// Bytes of its chunks, decoded.
    pub bytes: u64,
    /// Whether they stay in the cache from the first sweep on.
    pub cached: bool,
}

impl TaskGraph {
    /// The tasks of `plan` on its machine.
    ///
    /// # Errors
    /// [`Memory`](crate::ErrorKind::Memory) when a sweep cannot stay within the budget.
    pub fn new(plan: &Draft) -> Result<Self> {
        let mut graph = Self { sweeps: plan.sweeps()?, shared: Vec::new(), budget: plan.machine().budget };
        graph.share(plan);
        Ok(graph)
    }

    /// Decides which stores that several sweeps read are decoded once: those that decode slowly and fit, small ones
    /// first, and of which enough is read again to be worth the memory.
    fn share(&mut self, plan: &Plan) {
        let mut of_store: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for sweep in self.sweeps.iter() {
            for (store, bytes) in decoded(plan, &sweep.stages) {
                of_store.entry(store).or_default().push(bytes);
            }
        }
        let mut shared: Vec<(SharedStore, u64)> = of_store
            .into_iter()
            .filter(|(_, reads)| reads.len() > 1)
            .map(|(store, reads)| {
                let bytes = reads.iter().copied().max().unwrap_or(0);
                let again = reads.iter().sum::<u64>() - bytes;
                (SharedStore { store, sweeps: reads.len(), bytes, cached: false }, again)
            })
            .collect();
        shared.sort_by_key(|(s, _)| s.bytes);
        let mut room = self.cache_room().saturating_sub(self.cache_bytes());
        for (one, again) in shared.iter_mut().filter(|(s, _)| plan.stores[s.store].info().decodes_slowly()) {
            one.cached = one.bytes <= room && *again >= one.bytes / WORTH_HOLDING;
            room -= if one.cached { one.bytes } else { 0 };
        }
        self.shared = shared.into_iter().map(|(s, _)| s).collect();
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
        let block = self.sweeps[sweep].block(number);
        let region = self.sweeps[sweep].grid.region(&block);
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
        let within = self.sweeps.iter().map(|s| s.shared_bytes).max().unwrap_or(0);
        let between: u64 = self.shared.iter().filter(|s| s.cached).map(|s| s.bytes).sum();
        (within + between).min(self.cache_room())
    }

    fn cache_room(&self) -> u64 {
        self.budget.saturating_sub(self.of_sweeps()).min(self.budget / 2)
    }

    fn of_sweeps(&self) -> u64 {
        self.sweeps.iter().map(|s| s.projected_bytes(self.budget)).max().unwrap_or(0)
    }
}

impl fmt::Display for TaskGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for sweep in self.sweeps.iter() {
            writeln!(f, "{sweep}")?;
        }
        write!(f, "{} task{}", self.len(), if self.len() == 1 { "" } else { "s" })
    }
}
