//! Plans as text: one stage a line, its inputs below. The same inputs give the same text on every machine.

use super::plan::{Input, Origin, Placement, Plan, Stage, StageId, StageKind};
use crate::expr::display::view_text;
use crate::op::tiles::System;
use crate::shape::tuple;
use std::fmt;
use std::fmt::Write;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, stage) in self.stages.iter().enumerate() {
            let role = match role(self, id) {
                "" => String::new(),
                "on demand" => " (on demand)".to_owned(),
                role => format!(" -> {role}"),
            };
            writeln!(f, "{id}: {}  over {} in {}{role}", title(self, stage), tuple(&stage.space), stage.chunks)?;
            for line in inputs(self, stage) {
                writeln!(f, "   {line}")?;
            }
        }
        Ok(())
    }
}

/// What becomes of the result of a stage; nothing is said of those that others read once they are done.
#[must_use]
pub fn role(plan: &Plan, id: StageId) -> &'static str {
    let stage = &plan.stages[id];
    match plan.is_output(id) {
        true if plan.outputs.iter().any(|o| o.stage == id && o.stored.is_some()) => "stored",
        true => "answer",
        false if stage.is_spilled() => "spilled",
        false if stage.placement != Placement::OnDemand => "kept",
        false if !stage.is_swept() => "on demand",
        false => "",
    }
}

/// What a stage reads, a line for each input.
#[must_use]
pub fn inputs(plan: &Plan, stage: &Stage) -> Vec<String> {
    let line = |(i, input)| format!("{} <- {}", crate::op::program::input_name(i), describe(plan, stage, input));
    stage.inputs.iter().enumerate().map(line).collect()
}

/// What a stage does, in one line.
#[must_use]
pub fn title(plan: &Plan, stage: &Stage) -> String {
    let _ = plan;
    match &stage.kind {
        StageKind::Blockwise(program) if program.is_identity() => "copy".to_owned(),
        StageKind::Blockwise(program) => format!("blockwise {program}"),
        StageKind::Reshape(reshape) => format!("reshape {} -> {}", tuple(reshape.input()), tuple(&stage.space)),
        StageKind::Exchange { from } => format!("exchange {from} -> {}", stage.chunks),
        StageKind::Reduce { map, parts } => {
            let names: Vec<String> = (0..map.inputs.len()).map(crate::op::program::input_name).collect();
            let list: Vec<String> = parts
                .iter()
                .map(|p| {
                    let axes: Vec<usize> = (0..p.reduced.len()).filter(|&a| p.reduced[a]).collect();
                    let of = map.render(map.outputs[p.value], &names);
                    let by = p.groups.as_ref().map_or_else(String::new, |g| format!(" in {} groups", g.count));
                    format!("{}({of}) over axes {}{by} in tiles {}", p.reducer.name, tuple(&axes), p.tiling)
                })
                .collect();
            format!("reduce {}", list.join("; "))
        }
        StageKind::Scan { map, scanner, axis, tiles, .. } => {
            let cuts = crate::chunk::Chunks::new(vec![tiles.clone()]);
            format!("scan {}({map}) along axis {axis} in tiles {cuts}", scanner.name)
        }
        StageKind::Take { axis, .. } => format!("take along axis {axis}"),
        StageKind::Contract(c) => {
            let cuts = crate::chunk::Chunks::new(vec![c.rows.clone(), c.columns.clone(), c.panels.clone()]);
            let cells = crate::shape::tuple(&cuts.longest());
            match c.segments.count() {
                0 | 1 => format!("matrix product a @ b in cells and panels {cells}"),
                n => format!("matrix product a @ b in cells and panels {cells}, sums in {n} segments"),
            }
        }
        StageKind::Tiles(program) => program.to_string(),
        StageKind::Substitute(s) => {
            let (rows, tile) = (s.rows.longest(), s.tiles.longest());
            match s.system {
                System::Triangle => format!("triangular system x bᴴ = a by {rows} rows in tiles ({tile}, {tile})"),
                System::Factors { .. } => format!("system b x = a of factors b, {rows} columns of a by {tile} of b"),
                System::Exchanges { .. } => format!("rows of a exchanged as those of b, by {rows} columns of a"),
            }
        }
        StageKind::Regional(op) => op.to_string(),
        StageKind::Runs(runs) => {
            let axes: Vec<usize> = (0..runs.along.len()).filter(|&a| runs.along[a]).collect();
            format!("sorted runs along axes {}", tuple(&axes))
        }
        StageKind::Function(f) => format!("function {}", f.name),
    }
}

fn describe(plan: &Plan, stage: &Stage, input: &Input) -> String {
    let mut text = String::new();
    for (i, piece) in input.pieces.iter().enumerate() {
        if i == 3 && input.pieces.len() > 4 {
            let _ = write!(text, " + {} more", input.pieces.len() - 3);
            break;
        }
        if i > 0 {
            text.push_str(" + ");
        }
        let rank = stage.input_space().len();
        let origin = match piece.origin {
            Origin::Store(s) => plan.stores.get(s).map(|s| s.info().path.clone()).unwrap_or_default(),
            Origin::Stage(id, 0) => format!("stage {id}"),
            Origin::Stage(id, result) => format!("stage {id}.{result}"),
            Origin::Iota(n) => format!("index below {n}"),
        };
        text.push_str(&origin);
        if !piece.map.is_identity(rank) {
            let _ = write!(text, " {}", view_text(&piece.map, rank));
        }
        if input.pieces.len() > 1 {
            let _ = write!(text, " at {}", piece.out);
        }
    }
    let _ = write!(text, "  {}", input.dtype);
    text
}
