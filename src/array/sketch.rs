//! The chunk grid of an array, drawn as text.

use crate::chunk::{AxisChunks, Chunks};

/// Pieces of an axis that are drawn; of more, the first and the last.
const DRAWN: usize = 6;

/// The last two axes as a table with the lengths of their pieces, those before them as a line each.
pub(super) fn sketch(chunks: &Chunks) -> String {
    let one = AxisChunks::regular(1, 1);
    let (outer, rows, columns) = match chunks.axes() {
        [] => return String::new(),
        [columns] => (&[][..], &one, columns),
        [outer @ .., rows, columns] => (outer, rows, columns),
    };
    let mut lines: Vec<String> =
        outer.iter().enumerate().map(|(a, cuts)| format!("axis {a}: {}", lengths(cuts).join(" + "))).collect();
    let has_rows = chunks.rank() > 1;
    let (rows, columns) = (lengths(rows), lengths(columns));
    let widest = |list: &[String]| list.iter().map(|n| n.chars().count()).max().unwrap_or(0);
    let cell = widest(&columns) + 2;
    let margin = if has_rows { widest(&rows) + 1 } else { 0 };
    let pad = " ".repeat(margin);
    let line = |left: &str, inner: &str, right: &str| {
        let cells = vec!["─".repeat(cell); columns.len()];
        format!("{pad}{left}{}{right}", cells.join(inner))
    };
    let heads: Vec<String> = columns.iter().map(|n| format!("{n:^cell$}")).collect();
    lines.push(format!("{pad} {}", heads.join(" ")).trim_end().to_owned());
    lines.push(line("┌", "┬", "┐"));
    for (i, row) in rows.iter().enumerate() {
        if i > 0 {
            lines.push(line("├", "┼", "┤"));
        }
        let head = if has_rows { format!("{row:>0$} ", margin - 1) } else { String::new() };
        lines.push(format!("{head}│{}", format!("{}│", " ".repeat(cell)).repeat(columns.len())));
    }
    lines.push(line("└", "┴", "┘"));
    lines.join("\n")
}

/// The lengths of the pieces; `…` for those in the middle of many.
fn lengths(cuts: &AxisChunks) -> Vec<String> {
    let length = |i: usize| cuts.length(i).to_string();
    let n = cuts.count();
    if n <= DRAWN {
        return (0..n).map(length).collect();
    }
    let first = (0..DRAWN / 2).map(length);
    first.chain(["…".to_owned()]).chain((n - DRAWN / 2..n).map(length)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn of(shape: &[usize], chunk: &[usize]) -> String {
        sketch(&Chunks::regular(shape, chunk).unwrap())
    }

    #[test]
    fn the_last_two_axes_are_a_table() {
        assert_snapshot!(of(&[24, 181, 360], &[6, 100, 90]), @r"
        axis 0: 6 + 6 + 6 + 6
              90   90   90   90
            ┌────┬────┬────┬────┐
        100 │    │    │    │    │
            ├────┼────┼────┼────┤
         81 │    │    │    │    │
            └────┴────┴────┴────┘
        ");
    }

    #[test]
    fn many_pieces_and_few_axes() {
        assert_snapshot!(of(&[1000], &[7]), @r"
          7   7   7   …   7   7   6
        ┌───┬───┬───┬───┬───┬───┬───┐
        │   │   │   │   │   │   │   │
        └───┴───┴───┴───┴───┴───┴───┘
        ");
        assert_eq!(of(&[], &[]), "");
        assert_eq!(of(&[0, 2], &[1, 2]).lines().count(), 3);
    }
}
