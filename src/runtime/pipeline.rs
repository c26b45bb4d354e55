//! From requests to a task graph, stage by stage, each of them printable.

use super::choice::{fallbacks, on_gpu};
use super::context::Context;
use crate::blockwise::diagonals::runs;
use crate::blockwise::draft::Draft;
use crate::blockwise::lower::{Request, lower};
use crate::blockwise::plan::{Origin, Placement, Plan};
use crate::blockwise::sweep::{Machine, Sweep};
use crate::blockwise::verify::verify;
use crate::chunk::Region;
use crate::error::{Bytes, Error, ErrorKind, Result};
use crate::optimize;
use crate::shape;
use crate::task::TaskGraph;
use std::collections::HashSet;
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
/// [`Memory`](crate::ErrorKind::Memory) when it cannot stay within the context's budget, with the smallest that would
/// do.
pub fn prepare(cx: &Context, requests: &[Request]) -> Result<(Plan, TaskGraph)> {
    let _span = tracing::debug_span!("plan").entered();
    let simplified = if cx.optimizes() { &optimize::simplify(requests)? } else { requests };
    let plan = lower(simplified)?;
    if cfg!(debug_assertions) {
        verify(&plan, "lowering")?;
    }
    let machine = cx.machine();
    planned(cx, plan, &machine).map_err(|error| {
        let ErrorKind::Memory { op, needed, budget } = error.kind() else { return error };
        let fits = |budget| planned(cx, lower(simplified)?, &Machine { budget, ..machine }).map(drop);
        Error::memory(op.as_str(), smallest(*needed, *budget, &fits), *budget)
    })
}

/// As [`prepare`], and the context that runs it: where the device is `auto`, the one that takes less time.
///
/// # Errors
/// As [`prepare`].
pub(crate) fn placed(cx: &Context, requests: &[Request]) -> Result<(Context, Plan, TaskGraph)> {
    let (plan, graph) = prepare(cx, requests)?;
    if let Some(gpu) = on_gpu(cx, &plan, &graph)
        && let Ok((plan, graph)) = prepare(&gpu, requests)
    {
        return Ok((gpu, plan, graph));
    }
    Ok((cx.clone(), plan, graph))
}

/// The fused plan and its tasks on `machine`.
fn planned(cx: &Context, plan: Plan, machine: &Machine) -> Result<(Plan, TaskGraph)> {
    let mut plan = Draft::new(plan, machine);
    if cx.optimizes() {
        optimize::fuse(&mut plan, &mut |rule, plan| {
            tracing::trace!(rule, stages = plan.stages.len(), "rule applied");
        })?;
    }
    let graph = TaskGraph::new(&plan)?;
    Ok((plan.finish(), graph))
}

/// Budgets that are tried for a refusal, at most: planning takes milliseconds, and nobody wants to wait for a refusal.
const TRIALS: usize = 16;

/// The smallest budget above `budget` that `fits`, as people write it, within a hundredth; `needed` at least for the
/// plan that was refused, but blocks grow with the budget.
fn smallest(needed: u64, budget: u64, fits: &dyn Fn(u64) -> Result<()>) -> u64 {
    let rounded = |bytes: u64| Bytes(bytes).rounded_up().0;
    let (mut refused, mut enough) = (budget, rounded(needed));
    for _ in 0..TRIALS {
        match fits(enough).as_ref().map_err(Error::kind) {
            Ok(()) => break,
            Err(ErrorKind::Memory { needed, .. }) => {
                refused = enough;
                enough = rounded((*needed).max(enough + enough / 16));
            }
            Err(_) => return rounded(needed),
        }
    }
    for _ in 0..TRIALS {
        let middle = rounded(refused + (enough - refused) / 2);
        if middle <= refused || middle >= enough || enough - refused <= enough / 100 {
            break;
        }
        if fits(middle).is_ok() {
            enough = middle;
        } else {
            refused = middle;
        }
    }
    enough
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
        Stage::Fused => placed(cx, requests)?.1.to_string(),
        Stage::Tasks => {
            let (cx, plan, graph) = placed(cx, requests)?;
            described(&cx, &plan, &graph)
        }
    })
}

/// The sweeps of a plan, and what was decided for them, as text.
pub(crate) fn described(cx: &Context, plan: &Plan, graph: &TaskGraph) -> String {
    let mut text = graph.to_string();
    let read: u64 = reads(plan, graph);
    let _ = write!(
        text,
        ", {} to read, {} of memory projected, budget {}",
        Bytes(read),
        Bytes(graph.projected_bytes()),
        Bytes(cx.memory().budget())
    );
    if cx.is_chosen() {
        let _ = write!(text, "\non {}, which is expected to take less than half of the time", cx.device_name());
    }
    for choice in choices(plan, graph) {
        let _ = write!(text, "\n{choice}");
    }
    for kernel in fallbacks(cx, plan) {
        let _ = write!(text, "\nnot on {}, so on the CPU: {kernel}", cx.device_name());
    }
    text
}

/// What is kept, spilled and read again, and why; a sentence each.
fn choices(plan: &Plan, graph: &TaskGraph) -> Vec<String> {
    let mut out = Vec::new();
    for (id, stage) in plan.stages.iter().enumerate() {
        let results = stage.result_dtypes().into_iter().enumerate();
        let bytes: usize = results.map(|(r, d)| shape::size(&stage.result_shape(r)) * d.size()).sum();
        let bytes = Bytes(bytes as u64);
        match &stage.placement {
            Placement::OnDemand => {}
            Placement::Memory(why) => out.push(format!("stage {id} is computed once and kept ({bytes}): {why}")),
            Placement::Spill(read, why) => {
                out.push(format!("stage {id} is computed once and spilled ({bytes}), to be read in {read}: {why}"));
            }
        }
    }
    for one in &graph.shared {
        let info = plan.stores[one.store].info();
        let (path, n, bytes) = (&info.path, one.sweeps, Bytes(one.bytes));
        out.push(match (one.cached, info.decodes_slowly()) {
            (true, _) => format!("{path} is decoded once for {n} sweeps and held ({bytes})"),
            (false, true) => format!("{path} is read {n} times, once a sweep: holding it would take {bytes}"),
            (false, false) => format!("{path} is read {n} times, once a sweep: that costs less than holding {bytes}"),
        });
    }
    out
}

/// Decoded bytes that the sweeps read from stores: the chunks that they touch, each once a sweep, or once where they
/// are held.
fn reads(plan: &Plan, graph: &TaskGraph) -> u64 {
    let mut held: Vec<usize> = Vec::new();
    let mut of = |sweep: &Sweep| {
        let (mut parts, mut seen) = (Vec::new(), HashSet::new());
        for &id in &sweep.stages {
            collect_reads(plan, id, &Region::full(&plan.stages[id].space), &mut seen, &mut parts);
        }
        let inside = |part: &Read, of: &Read| {
            of.store == part.store && of != part && of.region.contains(&part.region) && of.bytes >= part.bytes
        };
        let once = parts.iter().filter(|part| !parts.iter().any(|of| inside(part, of)) && !held.contains(&part.store));
        let bytes = once.map(|part| part.bytes).sum::<u64>();
        held.extend(parts.iter().map(|p| p.store).filter(|s| graph.shared.iter().any(|g| g.store == *s && g.cached)));
        bytes
    };
    graph.sweeps.iter().map(&mut of).sum()
}

/// What is read of a stored array: a box of it, or what a diagonal needs inside the box.
#[derive(PartialEq)]
struct Read {
    store: usize,
    region: Region,
    bytes: u64,
}

/// What `region` of stage `id` needs of stored arrays, in whole chunks, but for what has been `seen` before.
fn collect_reads(plan: &Plan, id: usize, region: &Region, seen: &mut HashSet<(usize, Region)>, out: &mut Vec<Read>) {
    if !seen.insert((id, region.clone())) {
        return;
    }
    let region = &plan.stages[id].input_region(region);
    for piece in plan.stages[id].inputs.iter().flat_map(|i| &i.pieces) {
        let Some(part) = piece.out.intersect(region) else { continue };
        let spans = || runs(plan, piece, &part).into_iter().map(|run| piece.map.source(&run).0);
        match piece.origin {
            Origin::Store(s) => {
                let store = &plan.stores[s];
                if store.in_memory() {
                    continue;
                }
                let info = store.info();
                let whole = |span| if store.random_access() { span } else { info.chunks.covering(&span) };
                let read = Read {
                    store: s,
                    region: whole(piece.map.source(&part).0),
                    bytes: spans().map(|span| (whole(span).size() * info.dtype.size()) as u64).sum(),
                };
                if !out.contains(&read) {
                    out.push(read);
                }
            }
            Origin::Stage(inner, _) if !plan.stages[inner].is_swept() => {
                spans().for_each(|span| collect_reads(plan, inner, &span, seen, out));
            }
            Origin::Stage(..) | Origin::Iota(_) => {}
        }
    }
}
