//! Expressions as an indented tree, one node a line.

use super::node::{Expr, ExprKind, Node};
use std::fmt;

impl Node {
    /// The node itself, without its inputs: `mean axes (0,)`, `view`, `subtract`.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.kind {
            ExprKind::Source(store) => format!("read {}", store.info().path),
            ExprKind::Iota => "iota".to_owned(),
            ExprKind::Elementwise { program, .. } => program.to_string(),
            ExprKind::View { map, .. } => format!("view {}", view_text(map, self.shape.rank())),
            ExprKind::Concat { axis, .. } => format!("concatenate axis {axis}"),
            ExprKind::Reshape { reshape, .. } => {
                format!("reshape {} -> {}", crate::shape::tuple(reshape.input()), self.shape)
            }
            ExprKind::Rechunk { .. } => format!("rechunk {}", self.chunks),
            ExprKind::Reduce { reducer, reduced, groups, .. } => {
                let axes: Vec<usize> = (0..reduced.len()).filter(|&a| reduced[a]).collect();
                let by = groups.as_ref().map_or_else(String::new, |g| format!(" in {} groups", g.count));
                format!("{} over axes {}{by}", reducer.name, crate::shape::tuple(&axes))
            }
            ExprKind::Take { axis, .. } => format!("take along axis {axis}"),
            ExprKind::Scan { scanner, axis, .. } => format!("{} along axis {axis}", scanner.name),
            ExprKind::Contract { .. } => "matmul".to_owned(),
            ExprKind::Tiles { program, .. } => program.factorisation.name().to_owned(),
            ExprKind::Substitute { substitution, .. } => substitution.name().to_owned(),
            ExprKind::Regional { op, .. } => op.to_string(),
            ExprKind::Pending { resume, .. } => format!("{}, once its shape is known", resume.name),
            ExprKind::Blocks { function, .. } => format!("map_blocks {}", function.name),
        }
    }
}

/// A map as index text: `[3:, ::-1, ., new]`.
pub(crate) fn view_text(map: &crate::chunk::IndexMap, rank: usize) -> String {
    let axes: Vec<String> = map
        .axes
        .iter()
        .map(|a| match a.out {
            None => a.offset.to_string(),
            Some(o) => match (a.offset, a.stride) {
                (0, 1) => format!("i{o}"),
                (offset, 1) => format!("i{o}{:+}", offset.cast_signed()),
                (0, stride) => format!("{stride}*i{o}"),
                (offset, stride) => format!("{stride}*i{o}{:+}", offset.cast_signed()),
            },
        })
        .collect();
    format!("[{}] of rank {rank}", axes.join(", "))
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_tree(f, self, 0, &mut Vec::new())
    }
}

fn write_tree(f: &mut fmt::Formatter<'_>, expr: &Expr, depth: usize, seen: &mut Vec<usize>) -> fmt::Result {
    let indent = "  ".repeat(depth);
    let known = seen.iter().position(|&id| id == expr.id());
    if let Some(at) = known.filter(|_| !expr.inputs().is_empty()) {
        return writeln!(f, "{indent}#{at} again");
    }
    seen.push(expr.id());
    let at = seen.len() - 1;
    writeln!(f, "{indent}#{at} {}  {} {} chunks {}", expr.label(), expr.type_name(), expr.shape, expr.chunks)?;
    for input in expr.inputs() {
        write_tree(f, input, depth + 1, seen)?;
    }
    Ok(())
}
