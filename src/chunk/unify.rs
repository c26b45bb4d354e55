//! One grid for arrays that are combined element by element.

use super::grid::{AxisChunks, Chunks};

/// The coarsest grid whose boundaries include those of every grid in `grids`, each aligned with the last axes of
/// `shape`; axes that are broadcast (length 1 against more) have no say. Axes nobody cuts stay whole.
///
/// Where the common refinement would be much finer than any of its parts (cuts that never meet), the finest part
/// wins instead: a grid is a hint for planning, never a matter of meaning.
#[must_use]
pub fn unify(shape: &[usize], grids: &[&Chunks]) -> Chunks {
    let axes = (0..shape.len()).map(|axis| {
        let cuts: Vec<&AxisChunks> = grids
            .iter()
            .filter_map(|g| {
                let at = (axis + g.rank()).checked_sub(shape.len())?;
                g.axes().get(at).filter(|cuts| cuts.len() == shape[axis])
            })
            .collect();
        one_axis(shape[axis], &cuts)
    });
    Chunks::new(axes.collect())
}

fn one_axis(len: usize, cuts: &[&AxisChunks]) -> AxisChunks {
    let Some(finest) = cuts.iter().max_by_key(|c| c.count()) else {
        return AxisChunks::regular(len, len);
    };
    if cuts.iter().all(|c| *c == *finest || refines(finest, c)) {
        return (*finest).clone();
    }
    let mut bounds: Vec<usize> = cuts.iter().flat_map(|c| c.bounds()).collect();
    bounds.sort_unstable();
    bounds.dedup();
    if bounds.len() > 2 * finest.count() + 2 { (*finest).clone() } else { AxisChunks::from_bounds(&bounds) }
}

/// Whether every boundary of `coarse` is one of `fine`, where that can be told without listing them.
fn refines(fine: &AxisChunks, coarse: &AxisChunks) -> bool {
    match (fine, coarse) {
        (AxisChunks::Regular { chunk: f, .. }, AxisChunks::Regular { chunk: c, len }) => c % f == 0 || c >= len,
        _ => coarse.bounds().iter().all(|&b| fine.is_boundary(b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refinement_where_it_stays_small() {
        let grid = |c: usize| Chunks::regular(&[12], &[c]).unwrap();
        assert_eq!(unify(&[12], &[&grid(4), &grid(2)]), grid(2));
        assert_eq!(unify(&[12], &[&grid(4), &grid(6)]).axes()[0].bounds(), vec![0, 4, 6, 8, 12]);
        assert_eq!(unify(&[3, 12], &[&grid(4)]).to_string(), "(3, 4)");
    }
}
