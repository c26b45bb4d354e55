//! What every plan must satisfy. Run after lowering and after each rule, in debug builds and tests.

use super::plan::{Origin, Placement, Plan, Stage, StageKind};
use crate::chunk::groups::Groups;
use crate::error::{Error, Result};
use crate::shape;

/// Checks `plan`; `after` names the step that made it.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug), naming the step, the stage and the invariant.
pub fn verify(plan: &Plan, after: &str) -> Result<()> {
    for (id, stage) in plan.stages.iter().enumerate() {
        check(plan, id, stage).map_err(|e| e.at(format!("stage {id} `{}` after {after}", stage.label)))?;
    }
    for output in &plan.outputs {
        let stage = plan.stages.get(output.stage).ok_or_else(|| Error::bug("an output's stage exists"))?;
        require(output.result < stage.result_dtypes().len(), "an output is a result of its stage")?;
        let shape = stage.result_shape(output.result);
        require(shape::size(&shape) == shape::size(&output.shape), "an output has its stage's size")?;
    }
    Ok(())
}

fn require(holds: bool, invariant: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::bug(invariant)) }
}

fn check(plan: &Plan, id: usize, stage: &Stage) -> Result<()> {
    require(stage.chunks.shape() == stage.space, "chunks cover the index space")?;
    let programs = match &stage.kind {
        StageKind::Blockwise(p) => {
            require(p.outputs.len() == 1, "a blockwise stage has one result")?;
            Some(p)
        }
        StageKind::Reduce { map, parts } => {
            require(parts.iter().all(|p| p.value < map.outputs.len()), "a part reduces an output of the map")?;
            require(
                parts.iter().all(|p| p.reduced.len() == stage.space.len() && p.tiling.shape() == stage.space),
                "a part's axes and tiling are those of the space",
            )?;
            let fit = |g: &Groups| parts_axis(g, &stage.space);
            require(parts.iter().filter_map(|p| p.groups.as_ref()).all(fit), "groups have a label for each position")?;
            Some(map)
        }
        StageKind::Scan { map, axis, tiles, .. } => {
            require(map.outputs.len() == 1, "a scan has one result")?;
            require(stage.space.get(*axis) == Some(&tiles.len()), "a scan's tiles are those of its axis")?;
            Some(map)
        }
        StageKind::Take { axis, positions } => {
            require(stage.inputs.len() == 1, "a take has one input")?;
            require(positions.len() == stage.space[*axis], "a take has a position for each of its own")?;
            None
        }
        StageKind::Exchange { .. } => {
            require(stage.inputs.len() == 1, "an exchange has one input")?;
            None
        }
        StageKind::Reshape(reshape) => {
            require(stage.inputs.len() == 1, "a reshape has one input")?;
            let elements = shape::size(reshape.input());
            require(elements == shape::size(&stage.space), "a reshape keeps the number of elements")?;
            None
        }
        StageKind::Contract(contraction) => {
            require(stage.inputs.len() == 2, "a product has two factors")?;
            let [.., m, n] = stage.space[..] else { return Err(Error::bug("a product has matrices")) };
            let cells = (contraction.rows.len(), contraction.columns.len());
            require(cells == (m, n), "a product's cells are those of its matrices")?;
            None
        }
        StageKind::Tiles(program) => {
            require(stage.inputs.len() == 1, "a tile program has one input")?;
            let [.., m, n] = stage.space[..] else { return Err(Error::bug("a tile program has matrices")) };
            require(m == n && program.tiles.len() == n, "a program's tiles are those of its square matrices")?;
            require(program.dtype == stage.inputs[0].dtype, "a program has its input's dtype")?;
            require(stage.placement != Placement::OnDemand, "a tile program is computed once")?;
            None
        }
        StageKind::Substitute(substitution) => {
            require(stage.inputs.len() == 2, "a system of equations has two sides")?;
            require(stage.space.len() >= 2, "a system of equations has matrices")?;
            let (across, along) = substitution.axes(stage.space.len());
            let sides = (substitution.rows.len(), substitution.tiles.len());
            let have = (stage.space[across], stage.space[along]);
            require(sides == have, "a system's tiles are those of its matrices")?;
            require(stage.placement != Placement::OnDemand, "a system of equations is solved once")?;
            None
        }
        StageKind::Regional(op) => {
            let axis = op.whole_axis().filter(|&a| stage.chunks.axes()[a].count() > 1);
            require(axis.is_none(), "lines are whole in the chunks of their stage")?;
            None
        }
        StageKind::Runs(runs) => {
            require(stage.inputs.len() == 1, "runs have one input")?;
            require(runs.along.len() == stage.space.len(), "runs lie along axes of their space")?;
            require(stage.is_spilled(), "runs are on disk")?;
            None
        }
        StageKind::Function(_) => None,
    };
    if let Some(p) = programs {
        let dtypes: Vec<_> = stage.inputs.iter().map(|i| i.dtype).collect();
        require(p.inputs == dtypes, "the program's inputs are the stage's")?;
        require(p.outputs.iter().all(|&v| v < p.insts.len()), "the program's outputs are defined")?;
    }
    for input in &stage.inputs {
        let covered: usize = input.pieces.iter().map(|p| p.out.size()).sum();
        require(covered == shape::size(&stage.input_space()), "pieces cover the index space once")?;
        for piece in &input.pieces {
            check_piece(plan, id, piece, input.dtype)?;
        }
    }
    Ok(())
}

fn parts_axis(groups: &Groups, space: &[usize]) -> bool {
    groups.labels.len() == space[groups.axis] && groups.labels.iter().all(|&l| (l as usize) < groups.count)
}

fn check_piece(plan: &Plan, id: usize, piece: &super::plan::Piece, dtype: crate::dtype::DType) -> Result<()> {
    let (shape, have) = match piece.origin {
        Origin::Store(s) => {
            let store = plan.stores.get(s).ok_or_else(|| Error::bug("a store exists"))?;
            (store.info().shape.clone(), store.info().dtype)
        }
        Origin::Stage(s, result) => {
            require(s < id, "stages come after their inputs")?;
            let dtypes = plan.stages[s].result_dtypes();
            require(result < dtypes.len(), "a result exists")?;
            (plan.stages[s].result_shape(result), dtypes[result])
        }
        Origin::Iota(n) => (vec![n], crate::dtype::DType::I64),
    };
    require(have == dtype, "an input has its origin's dtype")?;
    require(piece.map.axes.len() == shape.len(), "a map has the origin's rank")?;
    if piece.out.size() > 0 {
        let positions = piece.map.positions(&piece.out);
        require(positions.iter().zip(&shape).all(|(p, &n)| p.end() <= n), "a piece stays inside its origin")?;
    }
    Ok(())
}
