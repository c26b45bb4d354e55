//! From requests to a task graph, stage by stage, each of them printable.

use super::context::Context;
use crate::blockwise::lower::{Request, lower};
use crate::blockwise::plan::Plan;
use crate::blockwise::verify::verify;
use crate::error::{Error, Result};
use crate::op::kernel::Kernel;
use crate::optimize;
use crate::task::TaskGraph;
use std::fmt::Write;
use std::str::FromStr;

/// What [`explain`] can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The expression as written.
    Expr,
    /// The expression after the expression rules.
    Simplified,
    /// One stage per node.
    Plan,
    /// After the plan rules.
    Fused,
    /// Sweeps, tasks, bytes.
    Tasks,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 5] = [Self::Expr, Self::Simplified, Self::Plan, Self::Fused, Self::Tasks];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Expr => "expr",
            Self::Simplified => "simplified",
            Self::Plan => "plan",
            Self::Fused => "fused",
            Self::Tasks => "tasks",
        }
    }
}

impl FromStr for Stage {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let names: Vec<&str> = Self::ALL.iter().map(|s| s.name()).collect();
        Self::ALL
            .into_iter()
            .find(|s| s.name() == text)
            .ok_or_else(|| Error::argument("stage", format!("`{text}` is none of {}", names.join(", "))))
    }
}

/// The fused plan of these requests and its tasks.
///
/// # Errors
/// [`Memory`](crate::ErrorKind::Memory) when it cannot stay within the context's budget.
pub fn prepare(cx: &Context, requests: &[Request]) -> Result<(Plan, TaskGraph)> {
    let _span = tracing::debug_span!("plan").entered();
    if !cx.optimizes() {
        let plan = lower(requests)?;
        let graph = TaskGraph::new(&plan, &cx.machine())?;
        return Ok((plan, graph));
    }
    let simplified = optimize::simplify(requests)?;
    let plan = lower(&simplified)?;
    if cfg!(debug_assertions) {
        verify(&plan, "lowering")?;
    }
    let machine = cx.machine();
    let plan = optimize::fuse(plan, machine.budget, &mut |rule, plan| {
        tracing::trace!(rule, stages = plan.stages.len(), "rule applied");
    })?;
    let graph = TaskGraph::new(&plan, &machine)?;
    Ok((plan, graph))
}

/// The requests at `stage`, as text.
///
/// # Errors
/// As [`prepare`].
pub fn explain(cx: &Context, requests: &[Request], stage: Stage) -> Result<String> {
    let print = |list: &[Request]| list.iter().map(|r| r.expr.to_string()).collect::<Vec<_>>().join("\n");
    Ok(match stage {
        Stage::Expr => print(requests),
        Stage::Simplified => print(&optimize::simplify(requests)?),
        Stage::Plan => lower(&optimize::simplify(requests)?)?.to_string(),
        Stage::Fused => prepare(cx, requests)?.0.to_string(),
        Stage::Tasks => {
            let (plan, graph) = prepare(cx, requests)?;
            let mut text = graph.to_string();
            let read: u64 = reads(&plan, &graph);
            let _ = write!(
                text,
                ", {} to read, {} of memory projected, budget {}",
                crate::error::Bytes(read),
                crate::error::Bytes(graph.projected_bytes(cx.threads())),
                crate::error::Bytes(cx.memory().budget())
            );
            for kernel in fallbacks(cx, &plan) {
                let _ = write!(text, "\nnot on {}, so on the CPU: {kernel}", cx.device_name());
            }
            text
        }
    })
}

/// Decoded bytes that the sweeps read from stores, whole arrays assumed.
fn reads(plan: &Plan, graph: &TaskGraph) -> u64 {
    graph
        .sweeps
        .iter()
        .map(|sweep| {
            let mut stores: Vec<_> = sweep.stages.iter().flat_map(|&id| plan.reads(id)).collect();
            stores.sort_unstable();
            stores.dedup();
            let bytes = stores.iter().filter_map(|o| match o {
                crate::blockwise::plan::Origin::Store(s) => {
                    let info = plan.stores[*s].info();
                    Some((crate::shape::size(&info.shape) * info.dtype.size()) as u64)
                }
                _ => None,
            });
            bytes.sum::<u64>()
        })
        .sum()
}

/// The kernels that the context's device has not.
fn fallbacks(cx: &Context, plan: &Plan) -> Vec<String> {
    use crate::blockwise::plan::StageKind;
    let kernels = plan.stages.iter().flat_map(|stage| match &stage.kind {
        StageKind::Blockwise(p) => vec![Kernel::Elementwise(p.clone())],
        StageKind::Function(f) => vec![Kernel::Function(f.clone())],
        StageKind::Reduce { .. } => super::fold::kernels(stage).into_iter().map(|(_, k)| k).collect(),
        StageKind::Exchange { .. } => Vec::new(),
    });
    kernels.filter(|k| !cx.device_supports(k)).map(|k| k.to_string()).collect()
}
