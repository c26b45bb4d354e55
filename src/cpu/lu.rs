//! Steps of LU factorisations on whole columns of a matrix, and of systems that these solve: halves, quarters and so on
//! down to a few columns, so that nearly all of the work is products of matrices, which the crate `gemm` does.
//!
//! Pivots are looked for in columns that are copied one after another, some at a time, so that neighbours in a vector
//! are neighbours in a column. Small matrices need none of this: plain loops run over all of a stack. `lu/number.rs`
//! has the elements, `lu/loops.rs` the loops.

mod number;
mod loops;

use super::factor::of_stack;
use crate::chunk::Region;
use crate::device::View;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::kernel::TileStep;
use crate::op::tiles::{FEW_COLUMNS, TileTask};
use crate::shape;
use loops::{backward_small, factor_small, forward_small, less_four, less_one, pivot_few};
use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use num_complex::{Complex32, Complex64};
use number::Number;

/// Runs one step on the columns or right-hand sides of `region`, whose bytes are `outputs`, given dense tiles.
///
/// # Errors
/// [`Numerical`](crate::ErrorKind::Numerical) for a system without a unique solution; [`Bug`](crate::ErrorKind::Bug)
/// for tiles of the wrong size.
pub(crate) fn run(step: TileStep, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let [tile] = outputs else { return Err(Error::bug("a step changes one tile")) };
    macro_rules! by_dtype {
        ($($D:ident => $T:ty),*) => {
            match step.dtype { $(DType::$D => on_columns::<$T>(step, region, inputs, tile),)*
                other => Err(Error::bug(format!("matrices of {other} are not factored"))) }
        };
    }
    by_dtype!(F32 => f32, F64 => f64, C64 => Complex32, C128 => Complex64)
}

fn on_columns<T: Number>(step: TileStep, region: &Region, inputs: &[View], tile: &mut [u8]) -> Result<()> {
    let tile: &mut [T] =
        bytemuck::try_cast_slice_mut(tile).map_err(|e| Error::bug(format!("a tile is aligned: {e}")))?;
    let [stack @ .., rows, columns] = region.shape.as_slice() else { return Err(Error::bug("a tile is a matrix")) };
    let (rows, columns, count) = (*rows, *columns, shape::size(stack));
    if tile.len() != count * rows * columns {
        return Err(Error::bug("a tile has its size"));
    }
    if tile.is_empty() {
        return Ok(());
    }
    if step.task == TileTask::Pivot {
        return factor(tile, rows, columns, region.start[region.rank() - 1]);
    }
    let [panel] = inputs else { return Err(Error::bug(format!("{} has its tile", step.task.name()))) };
    let panels = Panels::<T>::of(panel, count)?;
    // Those of a factorisation have a last row, where exchanges will be.
    let n = if step.task == TileTask::Eliminate { rows - 1 } else { rows };
    for (number, matrix) in tile.chunks_exact_mut(rows * columns).enumerate() {
        let (panel, x) = (panels.number(number)?, view_mut(&mut matrix[..n * columns], n, columns)?);
        match step.task {
            TileTask::Exchange => exchanged(panel, x, 0)?,
            TileTask::ExchangeLater => exchanged(panel, x, region.end(region.rank() - 1))?,
            TileTask::Backward => backward(panel, x)?,
            TileTask::Eliminate => forward(panel, x)?,
            _ => {
                if let Some(zero) = (0..panel.ncols()).find(|&i| panel.get((i, i)) == Some(&T::zeroed())) {
                    let at = n + 1 - panel.nrows() + zero;
                    let why = format!("Singular matrix: nothing but 0 is left for the pivot of column {at}");
                    return Err(of_stack(Error::numerical(step.op, why), region, stack, number));
                }
                forward(panel, x)?;
            }
        }
    }
    Ok(())
}

/// Tiles of factors, one of each matrix of a stack, or their rows from some row on.
struct Panels<'a, T> {
    elements: &'a [T],
    /// Rows and columns of each.
    sides: (usize, usize),
}

impl<'a, T: Number> Panels<'a, T> {
    fn of(view: &'a View, count: usize) -> Result<Self> {
        let elements: &[T] =
            bytemuck::try_cast_slice(view.block.bytes()).map_err(|e| Error::bug(format!("a tile is aligned: {e}")))?;
        let elements = elements.get(view.offset..).ok_or_else(|| Error::bug("a tile has its rows"))?;
        let columns = view.block.shape().last().copied().unwrap_or(0);
        Ok(Self { elements, sides: (elements.len() / (count * columns).max(1), columns) })
    }

    fn number(&self, number: usize) -> Result<ArrayView2<'a, T>> {
        let size = self.sides.0 * self.sides.1;
        let elements = self.elements.get(number * size..(number + 1) * size);
        let elements = elements.ok_or_else(|| Error::bug("each matrix has its factors"))?;
        ArrayView2::from_shape(self.sides, elements).map_err(|e| Error::bug(format!("a tile has its size: {e}")))
    }
}

fn view_mut<T>(elements: &mut [T], rows: usize, columns: usize) -> Result<ArrayViewMut2<'_, T>> {
    ArrayViewMut2::from_shape((rows, columns), elements).map_err(|e| Error::bug(format!("a tile has its size: {e}")))
}

/// The factors of the columns from `first` on, of each matrix of a stack, whose last row is for exchanges. What is
/// above row `first` is done.
fn factor<T: Number>(tiles: &mut [T], rows: usize, columns: usize, first: usize) -> Result<()> {
    let n = rows - 1;
    if columns > n.saturating_sub(first) {
        return Err(Error::bug("a tile has a row for each of its columns"));
    }
    if n == columns && n <= FEW_COLUMNS {
        factor_small(tiles, n);
        return Ok(());
    }
    let (mut pivots, mut scratch) = (vec![0; columns], vec![T::zeroed(); (n - first) * columns.min(FEW_COLUMNS)]);
    for tile in tiles.chunks_exact_mut(rows * columns) {
        let (elements, last) = tile.split_at_mut(n * columns);
        let tile = view_mut(elements, n, columns)?.split_at(Axis(0), first).1;
        pivot(tile, &mut pivots, &mut scratch);
        last.iter_mut().zip(&pivots).for_each(|(to, &row)| *to = T::of_row(first + row));
    }
    Ok(())
}

/// Where columns are divided: near the middle, whole groups of few on the left.
fn middle(n: usize) -> usize {
    n.div_ceil(2).div_ceil(FEW_COLUMNS) * FEW_COLUMNS
}

/// The factors of `a` in its place, and which row each of the first was exchanged with.
fn pivot<T: Number>(a: ArrayViewMut2<'_, T>, pivots: &mut [usize], scratch: &mut [T]) {
    let (columns, mut a) = (a.ncols(), a);
    if columns <= FEW_COLUMNS {
        let rows = a.nrows();
        let scratch = &mut scratch[..rows * columns];
        for (i, row) in a.rows().into_iter().enumerate() {
            row.iter().enumerate().for_each(|(k, x)| scratch[k * rows + i] = *x);
        }
        pivot_few(scratch, rows, pivots);
        for (i, row) in a.rows_mut().into_iter().enumerate() {
            row.into_iter().enumerate().for_each(|(k, x)| *x = scratch[k * rows + i]);
        }
        return;
    }
    let at = middle(columns);
    let (mut left, mut right) = a.view_mut().split_at(Axis(1), at);
    let (first, last) = pivots.split_at_mut(at);
    pivot(left.view_mut(), first, scratch);
    exchange(&mut right, 0, first);
    let (mut top, mut below) = right.split_at(Axis(0), at);
    let (upper, lower) = left.view().split_at(Axis(0), at);
    solve_lower(upper, top.view_mut());
    T::subtract_product(&mut below, lower, top.view());
    pivot(below, last, scratch);
    exchange(&mut left, at, last);
    for row in last {
        *row += at;
    }
}

/// Rows of `x` exchanged as those of the factors were from column `first` on, given the last row of these.
fn exchanged<T: Number>(panel: ArrayView2<'_, T>, x: ArrayViewMut2<'_, T>, first: usize) -> Result<()> {
    let (n, mut x) = (x.nrows(), x);
    let pivots: Vec<usize> = panel.iter().skip(first).map(|row| row.row().wrapping_sub(first)).collect();
    if panel.len() != n || pivots.iter().enumerate().any(|(i, &row)| row < i || row >= n - first) {
        return Err(Error::bug("exchanges of rows stay in their matrix"));
    }
    exchange(&mut x, first, &pivots);
    Ok(())
}

/// Exchanges row `first + i` with row `first + pivots[i]`, one after another.
fn exchange<T: Copy>(rows: &mut ArrayViewMut2<'_, T>, first: usize, pivots: &[usize]) {
    for (i, &pivot) in pivots.iter().enumerate().filter(|(i, pivot)| *i != **pivot) {
        let (top, bottom) = rows.view_mut().split_at(Axis(0), first + pivot.max(i));
        let (mut one, mut other) = (top, bottom);
        let (one, other) = (one.row_mut(first + pivot.min(i)), other.row_mut(0));
        if let (Some(one), Some(other)) = (one.into_slice(), other.into_slice()) {
            one.swap_with_slice(other);
        }
    }
}

/// Rows of `x`, exchanged as those of the factors were, divided by the unit lower triangle, and what is below less its
/// product with the rest of `l`. The panel begins on the diagonal, and its last row tells what was exchanged.
fn forward<T: Number>(panel: ArrayView2<'_, T>, x: ArrayViewMut2<'_, T>) -> Result<()> {
    let (n, mut x) = (x.nrows(), x);
    let (depth, Some(first)) = (panel.ncols(), (n + 1).checked_sub(panel.nrows())) else {
        return Err(Error::bug("a panel of factors has its rows"));
    };
    let (l, exchanges) = panel.split_at(Axis(0), panel.nrows() - 1);
    let pivots: Vec<usize> = exchanges.iter().map(|row| row.row().wrapping_sub(first)).collect();
    if first + depth > n || pivots.iter().enumerate().any(|(i, &row)| row < i || row >= n - first) {
        return Err(Error::bug("exchanges of rows stay in their matrix"));
    }
    if n <= FEW_COLUMNS {
        let m = x.ncols();
        if let (Some(l), Some(x)) = (l.to_slice(), x.view_mut().into_slice()) {
            forward_small(l, &pivots, x, m);
        }
        return Ok(());
    }
    exchange(&mut x, first, &pivots);
    let (mut top, mut below) = x.split_at(Axis(0), first).1.split_at(Axis(0), depth);
    let (triangle, rest) = l.split_at(Axis(0), depth);
    solve_lower(triangle, top.view_mut());
    T::subtract_product(&mut below, rest, top.view());
    Ok(())
}

/// Rows of `x` divided by the upper triangle at the end of the panel, and what is above less its product with the rest.
fn backward<T: Number>(panel: ArrayView2<'_, T>, x: ArrayViewMut2<'_, T>) -> Result<()> {
    let (end, depth) = panel.dim();
    if end > x.nrows() || depth > end {
        return Err(Error::bug("a panel of factors has its rows"));
    }
    if x.nrows() <= FEW_COLUMNS {
        let m = x.ncols();
        if let (Some(u), Some(x)) = (panel.to_slice(), x.into_slice()) {
            backward_small(u, end, x, m);
        }
        return Ok(());
    }
    let (mut above, mut own) = x.split_at(Axis(0), end).0.split_at(Axis(0), end - depth);
    let (rest, triangle) = panel.split_at(Axis(0), end - depth);
    solve_upper(triangle, own.view_mut());
    T::subtract_product(&mut above, rest, own.view());
    Ok(())
}

/// `x` divided from the left by the lower triangle `l` with ones on its diagonal, in its place.
fn solve_lower<T: Number>(l: ArrayView2<'_, T>, x: ArrayViewMut2<'_, T>) {
    let n = x.nrows();
    if n <= FEW_COLUMNS {
        let mut x = x;
        for i in 1..n {
            let (before, mut rest) = x.view_mut().split_at(Axis(0), i);
            let before = before.view();
            let rows = (0..i).map(|p| (before.row(p), l[(i, p)]));
            less_rows(rest.row_mut(0).into_slice(), rows.filter_map(|(row, by)| Some((row.to_slice()?, by))));
        }
        return;
    }
    let at = middle(n);
    let (mut first, mut last) = x.split_at(Axis(0), at);
    let (top, bottom) = l.split_at(Axis(0), at);
    solve_lower(top, first.view_mut());
    let (left, right) = bottom.split_at(Axis(1), at);
    T::subtract_product(&mut last, left, first.view());
    solve_lower(right, last);
}

/// `x` divided from the left by the upper triangle `u`, in its place.
fn solve_upper<T: Number>(u: ArrayView2<'_, T>, x: ArrayViewMut2<'_, T>) {
    let n = x.nrows();
    if n <= FEW_COLUMNS {
        let mut x = x;
        for i in (0..n).rev() {
            let (mut before, after) = x.view_mut().split_at(Axis(0), i + 1);
            let after = after.view();
            let rows = (i + 1..n).map(|p| (after.row(p - i - 1), u[(i, p)]));
            let mut row = before.row_mut(i);
            less_rows(row.as_slice_mut(), rows.filter_map(|(row, by)| Some((row.to_slice()?, by))));
            for x in &mut row {
                *x = x.over(u[(i, i)]);
            }
        }
        return;
    }
    let at = middle(n);
    let (mut first, mut last) = x.split_at(Axis(0), at);
    let (top, bottom) = u.split_at(Axis(0), at);
    solve_upper(bottom.split_at(Axis(1), at).1, last.view_mut());
    let (left, right) = top.split_at(Axis(1), at);
    T::subtract_product(&mut first, right, last.view());
    solve_upper(left.split_at(Axis(0), at).0, first);
}

/// `row` less multiples of others, one after another.
fn less_rows<'a, T: Number>(row: Option<&mut [T]>, others: impl Iterator<Item = (&'a [T], T)>) {
    let Some(row) = row else { return };
    let (mut four, mut by, mut filled) = ([&[][..]; 4], [T::zeroed(); 4], 0);
    for (other, factor) in others {
        (four[filled], by[filled]) = (other, factor);
        filled += 1;
        if filled == 4 {
            less_four(row, &four, &by);
            filled = 0;
        }
    }
    for (other, &factor) in four.iter().zip(&by).take(filled) {
        less_one(row, other, factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Axis, Zip};

    /// Elements that follow no pattern.
    fn random(rows: usize, columns: usize, seed: u64) -> Array2<Complex64> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / f64::from(1 << 24) - 0.5
        };
        Array2::from_shape_simple_fn((rows, columns), || Complex64::new(next(), next()))
    }

    fn difference(a: &Array2<Complex64>, b: &Array2<Complex64>) -> f64 {
        Zip::from(a).and(b).fold(0.0, |worst, x, y| f64::max(worst, (x - y).norm()))
    }

    /// Column by column: the factors in place, and the exchanges.
    fn by_hand(a: &Array2<Complex64>) -> (Array2<Complex64>, Vec<usize>) {
        let (mut a, mut pivots) = (a.clone(), Vec::new());
        for k in 0..a.ncols() {
            let size = |i: &usize| a[(*i, k)].re.abs() + a[(*i, k)].im.abs();
            let found = (k..a.nrows()).rev().max_by(|i, j| size(i).total_cmp(&size(j))).unwrap();
            pivots.push(found);
            for c in 0..a.ncols() {
                a.swap((k, c), (found, c));
            }
            for i in k + 1..a.nrows() {
                let by = a[(i, k)] / a[(k, k)];
                a[(i, k)] = by;
                for c in k + 1..a.ncols() {
                    let less = by * a[(k, c)];
                    a[(i, c)] -= less;
                }
            }
        }
        (a, pivots)
    }

    /// As [`factor`] leaves it, with the row for exchanges.
    fn factored(a: &Array2<Complex64>) -> Array2<Complex64> {
        let (n, mut rows) = (a.nrows(), a.clone());
        rows.push_row(ndarray::ArrayView1::from(&vec![Complex64::default(); a.ncols()])).unwrap();
        let mut elements: Vec<Complex64> = rows.iter().copied().collect();
        factor(&mut elements, n + 1, a.ncols(), 0).unwrap();
        Array2::from_shape_vec((n + 1, a.ncols()), elements).unwrap()
    }

    #[test]
    fn columns_of_every_size() {
        for (n, columns) in [(1, 1), (2, 2), (15, 15), (16, 16), (17, 17), (33, 33), (100, 100), (40, 7), (200, 70)] {
            let a = random(n, columns, n as u64);
            let (got, (want, pivots)) = (factored(&a), by_hand(&a));
            let rows: Vec<usize> = got.row(n).iter().map(|x| x.row()).collect();
            assert_eq!(rows, pivots, "{n} by {columns}");
            let body = got.slice(ndarray::s![..n, ..]).to_owned();
            assert!(difference(&body, &want) < 1e-11 * n as f64, "{n} by {columns}");
        }
    }

    #[test]
    fn the_first_of_equal_ones_is_the_pivot() {
        for n in [3, 20, 40] {
            // Rows of ones and their negatives, and a larger one below some that are equal.
            let sign = |i: usize| if i.is_multiple_of(2) { -1.0 } else { 1.0 };
            let mut a = Array2::from_shape_fn((n, 1), |(i, _)| Complex64::new(sign(i), 0.0));
            let wide = |a: &Array2<Complex64>| {
                let mut columns = [Complex64::default(); 64];
                columns[..n].copy_from_slice(a.column(0).to_vec().as_slice());
                let mut pivots = [0];
                pivot_few(&mut columns[..n], n, &mut pivots);
                pivots[0]
            };
            assert_eq!(wide(&a), 0);
            a[(n - 2, 0)] = Complex64::new(0.0, 3.0);
            a[(n - 1, 0)] = Complex64::new(-2.0, 1.0);
            assert_eq!(wide(&a), n - 2);
            a.fill(Complex64::default());
            assert_eq!(wide(&a), 0);
            a[(1, 0)] = Complex64::new(f64::NAN, 0.0);
            assert_eq!(wide(&a), 1);
        }
    }

    #[test]
    fn forward_and_back_undo_a_product() {
        for (n, m) in [(1, 1), (16, 3), (17, 1), (60, 33), (200, 40)] {
            let (a, x) = (random(n, n, 3), random(n, m, 4));
            let mut got = a.dot(&x);
            let factors = factored(&a);
            forward(factors.view(), got.view_mut()).unwrap();
            backward(factors.view().split_at(Axis(0), n).0, got.view_mut()).unwrap();
            assert!(difference(&got, &x) < 1e-10, "{n} by {m}: {}", difference(&got, &x));
        }
    }

    #[test]
    fn exchanges_that_leave_their_matrix_are_refused() {
        let mut factors = factored(&random(20, 20, 1));
        let mut x = random(20, 2, 2);
        for wrong in [-1.0, 1.0, 20.0, f64::NAN, 1e300] {
            factors[(20, 5)] = Complex64::new(wrong, 0.0);
            assert!(forward(factors.view(), x.view_mut()).is_err(), "{wrong}");
            assert!(exchanged(factors.view().split_at(Axis(0), 20).1, x.view_mut(), 0).is_err(), "{wrong}");
        }
    }

    #[test]
    fn quotients_of_large_and_small_complex_numbers() {
        for [a, b, c, d] in [[1e300, 1e300, 2e300, 1e300], [1e-300, 2e-300, 1e-300, -1e-300], [3.0, 4.0, 0.0, 2.0]] {
            let (x, y) = (Complex64::new(a, b), Complex64::new(c, d));
            let back = x.over(y) * y;
            assert!((back - x).norm() <= 4.0 * f64::EPSILON * x.norm(), "{x} / {y}");
        }
    }
}
