//! A plan while it is made.

use super::plan::Plan;
use super::sweep::{Machine, Sweep, sweeps};
use crate::error::Result;
use std::cell::OnceCell;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A plan, and its sweeps on a machine: these are planned when somebody asks, once for as long as the plan stays as it
/// is. Whoever takes the plan to change it has them planned anew.
#[derive(Debug, Clone)]
pub struct Draft {
    plan: Plan,
    machine: Machine,
    sweeps: OnceCell<Result<Arc<[Sweep]>>>,
}

impl Draft {
    /// `plan`, made for `machine`.
    #[must_use]
    pub fn new(plan: Plan, machine: &Machine) -> Self {
        Self { plan, machine: *machine, sweeps: OnceCell::new() }
    }

    /// What it is made for.
    #[must_use]
    pub fn machine(&self) -> Machine {
        self.machine
    }

    /// The sweeps of the plan as it is, in order.
    ///
    /// # Errors
    /// [`Memory`](crate::ErrorKind::Memory), naming the stage, when a sweep cannot stay within the budget.
    pub fn sweeps(&self) -> Result<Arc<[Sweep]>> {
        self.sweeps.get_or_init(|| sweeps(&self.plan, &self.machine).map(Arc::from)).clone()
    }

    /// Drops the stages that no output needs.
    pub fn remove_dead(&mut self) {
        if self.plan.live().contains(&false) {
            self.plan_mut().remove_dead();
        }
    }

    /// The plan as it is.
    #[must_use]
    pub fn finish(self) -> Plan {
        self.plan
    }

    fn plan_mut(&mut self) -> &mut Plan {
        self.sweeps.take();
        &mut self.plan
    }
}

impl Deref for Draft {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plan
    }
}

impl DerefMut for Draft {
    fn deref_mut(&mut self) -> &mut Plan {
        self.plan_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blockwise::lower::{Request, lower};
    use crate::blockwise::plan::{Placement, Reason};
    use crate::optimize::testing::array;

    #[test]
    fn sweeps_are_planned_anew_once_the_plan_changes() {
        let machine = Machine { threads: 2, budget: 1 << 20, block_bytes: None, device: None };
        let request = Request { expr: array(&[64], &[64]), stored: None, persists: false };
        let mut draft = Draft::new(lower(&[request]).unwrap(), &machine);
        let first = draft.sweeps().unwrap();
        assert!(Arc::ptr_eq(&first, &draft.sweeps().unwrap()));
        draft.remove_dead();
        assert!(Arc::ptr_eq(&first, &draft.sweeps().unwrap()));
        draft.stages[0].placement = Placement::Memory(Reason::Size);
        assert!(!Arc::ptr_eq(&first, &draft.sweeps().unwrap()));
    }
}
