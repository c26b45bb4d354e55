//! Makes the cells of matrix products as large as a device wants them.

use super::super::PlanRule;
use crate::blockwise::draft::Draft;
use crate::blockwise::plan::StageKind;
use crate::chunk::AxisChunks;
use crate::error::Result;

/// A device computes a cell in one launch, which pays for large ones alone. How it rounds depends on the size of a
/// launch, so cells and panels are joined by a rule that looks at nothing but their lengths: the budget decides no bit.
#[derive(Debug)]
pub struct JoinCells;

/// Rows, and columns, of a cell on a device.
const CELL: usize = 8192;

/// Length of a panel on a device.
const PANEL: usize = 8192;

impl PlanRule for JoinCells {
    fn name(&self) -> &'static str {
        "join cells"
    }

    fn apply(&self, plan: &mut Draft) -> Result<()> {
        if plan.machine().device.is_none() {
            return Ok(());
        }
        for stage in &mut plan.stages {
            let StageKind::Contract(contraction) = &mut stage.kind else { continue };
            if contraction.dtype.is_inexact() {
                contraction.rows = joined(&contraction.rows, CELL);
                contraction.columns = joined(&contraction.columns, CELL);
                contraction.panels = joined(&contraction.panels, PANEL);
            }
        }
        Ok(())
    }
}

/// Neighbours joined while they are no longer than `length` together.
fn joined(axis: &AxisChunks, length: usize) -> AxisChunks {
    axis.grouped((length / axis.longest().max(1)).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_joined_to_the_length() {
        assert_eq!(joined(&AxisChunks::regular(20_000, 512), CELL).longest(), 8192);
        assert_eq!(joined(&AxisChunks::regular(100, 100), CELL).count(), 1);
    }
}
