//! From expressions to stages: one per node. Nothing is clever here; the rules of `optimize/` fuse what belongs
//! together.

use super::plan::{Input, Origin, Output, Part, Piece, Placement, Plan, Reason, Stage, StageKind};
use crate::chunk::index_map::AxisMap;
use crate::chunk::{AxisChunks, Chunks, IndexMap, Region};
use crate::error::{Error, Result};
use crate::expr::{Expr, ExprKind};
use crate::op::program::Program;
use crate::op::regional::{Gather, Regional};
use crate::op::tiles::{Substitution, System};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something to compute: an expression, and the grid of the array it is written to, if any.
#[derive(Debug, Clone)]
pub struct Request {
    /// The expression.
    pub expr: Expr,
    /// The grid of the stored array.
    pub stored: Option<Chunks>,
    /// Whether the answer stays in blocks, where they are.
    pub persists: bool,
}

/// The plan of these requests, before any rule.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported) when a shape depends on data.
pub fn lower(requests: &[Request]) -> Result<Plan> {
    let mut lowering = Lowering { plan: Plan::default(), known: BTreeMap::new() };
    for request in requests {
        let shape = request.expr.shape.known()?;
        let (stage, result) = lowering.output(&request.expr)?;
        lowering.plan.outputs.push(Output {
            stage,
            result,
            shape,
            stored: request.stored.clone(),
            persists: request.persists,
        });
    }
    lowering.plan.remove_dead();
    keep_whole(&mut lowering.plan);
    Ok(lowering.plan)
}

/// A scan runs over its space once, in order, and whole lines are computed once: what others read of them is kept. So
/// is what positions are taken of, which is read one by one, and what every block reads all of.
fn keep_whole(plan: &mut Plan) {
    let taken: Vec<usize> = plan.stages.iter().flat_map(shared_stages).collect();
    for id in 0..plan.stages.len() {
        let whole = match plan.stages[id].kind {
            StageKind::Scan { .. } => true,
            StageKind::Regional(ref op) => op.is_swept() || taken.contains(&id),
            StageKind::Reduce { .. } => false,
            StageKind::Tiles(_) => {
                plan.stages[id].placement = Placement::Memory(Reason::Tiles);
                false
            }
            StageKind::Substitute(_) => {
                plan.stages[id].placement = Placement::Memory(Reason::Rows);
                false
            }
            StageKind::Blockwise(_)
            | StageKind::Exchange { .. }
            | StageKind::Reshape(_)
            | StageKind::Take { .. }
            | StageKind::Contract(_)
            | StageKind::Runs(_)
            | StageKind::Function(_) => taken.contains(&id),
        };
        let readers = if whole { plan.consumers(id).0 } else { 0 };
        if readers > 0 {
            plan.stages[id].placement = Placement::Memory(Reason::Readers(readers));
        }
    }
}

/// The stages that `stage` takes elements of in any order, or has read whole for everything it computes.
fn shared_stages(stage: &Stage) -> Vec<usize> {
    let shared = |&(n, _): &(usize, &Input)| match &stage.kind {
        StageKind::Take { .. } => true,
        StageKind::Regional(Regional::Gather(_)) => n == 0,
        StageKind::Regional(op) => op.shares(n),
        _ => false,
    };
    let pieces = stage.inputs.iter().enumerate().filter(shared).flat_map(|(_, input)| &input.pieces);
    pieces.filter_map(|p| if let Origin::Stage(id, _) = p.origin { Some(id) } else { None }).collect()
}

struct Lowering {
    plan: Plan,
    known: BTreeMap<usize, Origin>,
}

impl Lowering {
    /// The stage that computes `expr`; an array that is read as it is goes through a copying stage, and axes of length
    /// 1 around a reduction are left to the answer's shape.
    fn output(&mut self, expr: &Expr) -> Result<(usize, usize)> {
        if let ExprKind::View { input, map } = &expr.kind
            && matches!(input.kind, ExprKind::Reduce { .. })
            && only_drops_ones(map, &input.lengths(), &expr.lengths())
        {
            return self.output(input);
        }
        self.inputs_first(expr)?;
        match self.lower(expr)? {
            Origin::Stage(id, result) => Ok((id, result)),
            origin => {
                let rank = expr.shape.rank();
                let id = self.copy(expr, origin, IndexMap::identity(rank))?;
                Ok((id, 0))
            }
        }
    }

    /// Lowers what `root` is made of, inputs before the nodes that use them: deep expressions do not take stack.
    fn inputs_first(&mut self, root: &Expr) -> Result<()> {
        let mut open = vec![(root.clone(), false)];
        while let Some((expr, ready)) = open.pop() {
            if ready {
                self.lower(&expr)?;
            } else if !self.known.contains_key(&expr.id()) {
                open.push((expr.clone(), true));
                open.extend(expr.inputs().into_iter().rev().map(|input| (input.clone(), false)));
            }
        }
        Ok(())
    }

    fn lower(&mut self, expr: &Expr) -> Result<Origin> {
        if let Some(origin) = self.known.get(&expr.id()) {
            return Ok(*origin);
        }
        let space = expr.shape.known()?;
        let origin = match &expr.kind {
            ExprKind::Source(store) => self.store(store),
            ExprKind::Iota => Origin::Iota(space[0]),
            ExprKind::Elementwise { program, args } => {
                let inputs = args
                    .iter()
                    .map(|arg| {
                        let map = IndexMap::broadcast(&arg.lengths(), &space);
                        Ok(Input::whole(&space, self.lower(arg)?, map, arg.dtype))
                    })
                    .collect::<Result<Vec<_>>>()?;
                self.push(expr, space, expr.chunks.clone(), StageKind::Blockwise(program.clone()), inputs)
            }
            ExprKind::View { input, map } => {
                let origin = self.lower(input)?;
                Origin::Stage(self.copy(expr, origin, map.clone())?, 0)
            }
            ExprKind::Concat { axis, inputs } => self.concat(expr, *axis, inputs)?,
            ExprKind::Reshape { input, reshape } => {
                let origin = self.lower(input)?;
                let from = reshape.input();
                let whole = Input::whole(from, origin, IndexMap::identity(from.len()), expr.dtype);
                self.push(expr, space, expr.chunks.clone(), StageKind::Reshape(reshape.clone()), vec![whole])
            }
            ExprKind::Rechunk { input } => {
                let origin = self.lower(input)?;
                let whole = Input::whole(&space, origin, IndexMap::identity(space.len()), expr.dtype);
                let kind = StageKind::Exchange { from: input.chunks.clone() };
                self.push(expr, space, expr.chunks.clone(), kind, vec![whole])
            }
            ExprKind::Reduce { input, reducer, reduced, lanes, tiling, groups } => {
                let space = input.shape.known()?;
                let origin = self.lower(input)?;
                let whole = Input::whole(&space, origin, IndexMap::identity(space.len()), input.dtype);
                let part = Part {
                    value: 0,
                    reducer: reducer.clone(),
                    reduced: reduced.clone(),
                    lanes: *lanes,
                    tiling: tiling.clone(),
                    groups: groups.clone(),
                };
                let kind = StageKind::Reduce { map: Program::identity(input.dtype), parts: vec![part] };
                self.push(expr, space, input.chunks.clone(), kind, vec![whole])
            }
            ExprKind::Take { input, axis, positions } => {
                let origin = self.held(input)?;
                let mut map = IndexMap::identity(space.len());
                map.axes[*axis] = AxisMap { out: None, offset: 0, stride: 0 };
                let kind = StageKind::Take { axis: *axis, positions: Arc::clone(positions) };
                self.push(
                    expr,
                    space.clone(),
                    expr.chunks.clone(),
                    kind,
                    vec![Input::whole(&space, origin, map, expr.dtype)],
                )
            }
            ExprKind::Scan { input, scanner, axis, lanes, tiles } => {
                let origin = self.lower(input)?;
                let whole = Input::whole(&space, origin, IndexMap::identity(space.len()), input.dtype);
                let kind = StageKind::Scan {
                    map: Program::identity(input.dtype),
                    scanner: scanner.clone(),
                    axis: *axis,
                    lanes: *lanes,
                    tiles: tiles.clone(),
                };
                self.push(expr, space, input.chunks.clone(), kind, vec![whole])
            }
            ExprKind::Substitute { sides, substitution } => {
                let inputs = self.sides(&space, sides, substitution)?;
                self.push(expr, space, expr.chunks.clone(), StageKind::Substitute(substitution.clone()), inputs)
            }
            ExprKind::Contract { factors, contraction } => {
                let inputs = (0..2).map(|i| self.factor(&space, factors, i)).collect::<Result<Vec<_>>>()?;
                self.push(expr, space, expr.chunks.clone(), StageKind::Contract(contraction.clone()), inputs)
            }
            ExprKind::Tiles { input, program } => {
                let (space, kind) = (input.lengths(), StageKind::Tiles(program.clone()));
                let inputs = vec![self.same(&space, input)?];
                self.push(expr, space, input.chunks.clone(), kind, inputs)
            }
            ExprKind::Regional { inputs, op } => {
                let inputs = self.regional(&space, op, inputs)?;
                let chunks = whole_along(&expr.chunks, op.whole_axis());
                self.push(expr, space, chunks, StageKind::Regional(op.clone()), inputs)
            }
            ExprKind::Pending { .. } => return Err(Error::bug("nothing is pending when it is planned")),
            ExprKind::Blocks { inputs, function } => {
                let wholes = inputs.iter().map(|i| self.same(&space, i)).collect::<Result<Vec<_>>>()?;
                self.push(expr, space, expr.chunks.clone(), StageKind::Function(function.clone()), wholes)
            }
        };
        self.known.insert(expr.id(), origin);
        Ok(origin)
    }

    /// An array that is held whole: one in memory, or a stage.
    fn held(&mut self, input: &Expr) -> Result<Origin> {
        Ok(match self.lower(input)? {
            Origin::Store(s) if self.plan.stores[s].in_memory() => Origin::Store(s),
            Origin::Stage(id, result) => Origin::Stage(id, result),
            origin => Origin::Stage(self.copy(input, origin, IndexMap::identity(input.shape.rank()))?, 0),
        })
    }

    fn store(&mut self, store: &Arc<dyn crate::store::Store>) -> Origin {
        let at = self.plan.stores.iter().position(|s| Arc::ptr_eq(s, store));
        Origin::Store(at.unwrap_or_else(|| {
            self.plan.stores.push(Arc::clone(store));
            self.plan.stores.len() - 1
        }))
    }

    /// An input with the same elements in the same places.
    fn same(&mut self, space: &[usize], input: &Expr) -> Result<Input> {
        Ok(Input::whole(space, self.lower(input)?, IndexMap::identity(space.len()), input.dtype))
    }

    /// Factor `i` of a product over `space`: its outer axes are broadcast, one of its last two is summed over, the
    /// other is the product's.
    fn factor(&mut self, space: &[usize], factors: &[Expr; 2], i: usize) -> Result<Input> {
        let factor = &factors[i];
        let (lengths, rank) = (factor.shape.known()?, space.len());
        let outer = lengths.len() - 2;
        let mut map = IndexMap::broadcast(&lengths[..outer], &space[..rank - 2]);
        let along = |out| AxisMap { out: Some(out), offset: 0, stride: 1 };
        map.axes.extend(if i == 0 { [along(rank - 2), along(rank)] } else { [along(rank), along(rank - 1)] });
        let mut seen = space.to_vec();
        seen.push(lengths[outer + 1 - i]);
        Ok(Input::whole(&seen, self.lower(factor)?, map, factor.dtype))
    }

    /// What a regional computation over `space` reads, seen from the space of its inputs: as the computation says, or
    /// elements and their places.
    fn regional(&mut self, space: &[usize], op: &Regional, inputs: &[Expr]) -> Result<Vec<Input>> {
        let (seen, rank) = (op.input_space(space), space.len());
        let Regional::Gather(Gather { rank: places, .. }) = op else {
            let whole = |(n, i): (usize, &Expr)| {
                let origin = if op.shares(n) { self.held(i)? } else { self.lower(i)? };
                Ok(Input::whole(&seen, origin, op.map(n, &i.lengths(), &seen), i.dtype))
            };
            return inputs.iter().enumerate().map(whole).collect();
        };
        let along = |out| AxisMap { out: Some(out), offset: 0, stride: 1 };
        let (source, indices) = inputs.split_first().ok_or_else(|| Error::bug("a gather has a source"))?;
        let map = IndexMap { axes: (rank..seen.len()).chain(*places..rank).map(along).collect() };
        let (origin, map) = self.anywhere(source, map)?;
        let mut out = vec![Input::whole(&seen, origin, map, source.dtype)];
        for index in indices {
            let map = IndexMap::broadcast(&index.lengths(), &space[..*places]);
            out.push(Input::whole(&seen, self.lower(index)?, map, index.dtype));
        }
        Ok(out)
    }

    /// What elements of `expr` are taken from in any order, and `map` through the views before it: a stored array, or
    /// what is computed and can be held.
    fn anywhere(&mut self, expr: &Expr, mut map: IndexMap) -> Result<(Origin, IndexMap)> {
        let mut at = expr;
        while let ExprKind::View { input, map: inner } = &at.kind {
            map = map.compose(inner);
            at = input;
        }
        let origin = match self.lower(at)? {
            Origin::Iota(n) => Origin::Stage(self.copy(at, Origin::Iota(n), IndexMap::identity(1))?, 0),
            origin => origin,
        };
        Ok((origin, map))
    }

    /// The rows and the triangles of triangular systems over `space`, seen from that and the columns of the triangles.
    fn sides(&mut self, space: &[usize], [b, l]: &[Expr; 2], substitution: &Substitution) -> Result<Vec<Input>> {
        let rank = space.len();
        let mut seen = space.to_vec();
        seen.push(substitution.depth());
        let along = |out| AxisMap { out: Some(out), offset: 0, stride: 1 };
        let stacked = |of: &Expr, inner: [usize; 2]| {
            let lengths = of.lengths();
            let mut map = IndexMap::broadcast(&lengths[..lengths.len() - 2], &space[..rank - 2]);
            map.axes.extend(inner.map(along));
            map
        };
        let factors = match substitution.system {
            System::Triangle => [rank - 1, rank],
            System::Factors { .. } | System::Exchanges { .. } => [rank, rank - 2],
        };
        let (rows, factors) = (stacked(b, [rank - 2, rank - 1]), stacked(l, factors));
        Ok(vec![
            Input::whole(&seen, self.lower(b)?, rows, b.dtype),
            Input::whole(&seen, self.lower(l)?, factors, l.dtype),
        ])
    }

    /// A stage that gives the elements of `origin` through `map`.
    fn copy(&mut self, expr: &Expr, origin: Origin, map: IndexMap) -> Result<usize> {
        let space = expr.shape.known()?;
        let input = Input::whole(&space, origin, map, expr.dtype);
        let kind = StageKind::Blockwise(Program::identity(expr.dtype));
        self.push(expr, space, expr.chunks.clone(), kind, vec![input]);
        Ok(self.plan.stages.len() - 1)
    }

    fn concat(&mut self, expr: &Expr, axis: usize, inputs: &[Expr]) -> Result<Origin> {
        let space = expr.shape.known()?;
        let mut pieces = Vec::new();
        let mut start = 0;
        for input in inputs {
            let shape = input.shape.known()?;
            let mut out = Region::full(&shape);
            out.start[axis] = start;
            let mut map = IndexMap::identity(space.len());
            map.axes[axis].offset = 0usize.wrapping_sub(start);
            let origin = self.lower(input)?;
            start += shape[axis];
            if out.size() > 0 {
                pieces.push(Piece { out, origin, map });
            }
        }
        let kind = StageKind::Blockwise(Program::identity(expr.dtype));
        Ok(self.push(expr, space, expr.chunks.clone(), kind, vec![Input { pieces, dtype: expr.dtype }]))
    }

    fn push(&mut self, expr: &Expr, space: Vec<usize>, chunks: Chunks, kind: StageKind, inputs: Vec<Input>) -> Origin {
        let placement = Placement::OnDemand;
        let (label, site, blocks) = (expr.label(), expr.site.clone(), None);
        self.plan.stages.push(Stage { label, site, space, chunks, kind, inputs, placement, blocks });
        Origin::Stage(self.plan.stages.len() - 1, 0)
    }
}

/// The chunks joined along an axis, where there is one.
fn whole_along(chunks: &Chunks, axis: Option<usize>) -> Chunks {
    let mut axes = chunks.axes().to_vec();
    if let Some(a) = axis {
        axes[a] = AxisChunks::regular(axes[a].len(), axes[a].len());
    }
    Chunks::new(axes)
}

/// Whether a view only leaves out or puts in axes of length 1, so that the elements and their order are the same.
fn only_drops_ones(map: &IndexMap, input: &[usize], output: &[usize]) -> bool {
    let long = |shape: &[usize]| (0..shape.len()).filter(|&a| shape[a] != 1).collect::<Vec<_>>();
    let (from, to) = (long(input), long(output));
    from.len() == to.len()
        && from.iter().zip(&to).all(|(&i, &o)| {
            let axis = map.axes[i];
            axis.out == Some(o) && axis.offset == 0 && axis.stride == 1 && input[i] == output[o]
        })
}
