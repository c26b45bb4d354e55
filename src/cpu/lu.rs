//! Steps of LU factorisations on whole columns of a matrix, and of systems that these solve: halves, quarters and so on
//! down to a few columns, so that nearly all of the work is products of matrices, which the crate `gemm` does.
//!
//! Pivots are looked for in columns that are copied one after another, some at a time, so that neighbours in a vector
//! are neighbours in a column. Small matrices need none of this: plain loops run over all of a stack.

use super::factor::{Entry, of_stack};
use super::isa::{self, Isa};
use crate::chunk::Region;
use crate::device::View;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::kernel::TileStep;
use crate::op::tiles::{FEW_COLUMNS, TileTask};
use crate::shape;
use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use num_complex::{Complex32, Complex64};

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
    subtract(&mut below, lower, top.view());
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
    subtract(&mut below, rest, top.view());
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
    subtract(&mut above, rest, own.view());
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
    subtract(&mut last, left, first.view());
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
    subtract(&mut first, right, last.view());
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

/// `out` less the product of two matrices.
fn subtract<T: Number>(out: &mut ArrayViewMut2<'_, T>, left: ArrayView2<'_, T>, right: ArrayView2<'_, T>) {
    if !(out.is_empty() || left.ncols() == 0) {
        T::subtract_product(out, left, right);
    }
}

#[inline(always)]
fn less_four_body<T: Number, const FMA: bool>(row: &mut [T], others: &[&[T]; 4], by: &[T; 4]) {
    let n = row.len();
    let [a, b, c, d] = [&others[0][..n], &others[1][..n], &others[2][..n], &others[3][..n]];
    for i in 0..n {
        let x = T::less::<FMA>(row[i], a[i], by[0]);
        let x = T::less::<FMA>(x, b[i], by[1]);
        let x = T::less::<FMA>(x, c[i], by[2]);
        row[i] = T::less::<FMA>(x, d[i], by[3]);
    }
}

#[inline(always)]
fn less_one_body<T: Number, const FMA: bool>(row: &mut [T], other: &[T], by: T) {
    for (x, y) in row.iter_mut().zip(other) {
        *x = T::less::<FMA>(*x, *y, by);
    }
}

/// Vectors side by side that look for the largest element of a column.
const LOOKERS: usize = 16;

/// The first of the largest elements; one that is no number only where there is nothing but it and 0.
#[inline(always)]
fn largest<T: Number>(column: &[T]) -> usize {
    let mut most = [0.0; LOOKERS];
    let chunks = column.chunks_exact(LOOKERS);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (most, x) in most.iter_mut().zip(chunk) {
            let size = x.magnitude();
            *most = if size > *most { size } else { *most };
        }
    }
    for (most, x) in most.iter_mut().zip(rest) {
        *most = if x.magnitude() > *most { x.magnitude() } else { *most };
    }
    let most = most.iter().fold(0.0, |m: f64, &x| if x > m { x } else { m });
    let is = |x: &T| if most > 0.0 { x.magnitude() == most } else { x.magnitude().is_nan() };
    column.iter().position(is).unwrap_or(0)
}

/// The factors of few columns, each contiguous, and their exchanges.
#[inline(always)]
fn pivot_few_body<T: Number, const FMA: bool>(columns: &mut [T], rows: usize, pivots: &mut [usize]) {
    for (k, pivot) in pivots.iter_mut().enumerate() {
        let (before, rest) = columns.split_at_mut(k * rows);
        let column = &mut rest[..rows];
        let mut by = [T::zeroed(); FEW_COLUMNS];
        for p in 0..k {
            by[p] = column[p];
            less_one_body::<T, FMA>(&mut column[p + 1..k], &before[p * rows + p + 1..][..k - p - 1], by[p]);
        }
        let below = &mut column[k..];
        let other = |p: usize| &before[p * rows + k..(p + 1) * rows];
        for p in (0..k / 4).map(|p| 4 * p) {
            let four = [other(p), other(p + 1), other(p + 2), other(p + 3)];
            less_four_body::<T, FMA>(below, &four, &[by[p], by[p + 1], by[p + 2], by[p + 3]]);
        }
        for (p, &by) in by.iter().enumerate().take(k).skip(k / 4 * 4) {
            less_one_body::<T, FMA>(below, other(p), by);
        }
        let found = k + largest(below);
        *pivot = found;
        for column in columns.chunks_exact_mut(rows) {
            column.swap(k, found);
        }
        let column = &mut columns[k * rows..(k + 1) * rows];
        let largest = column[k];
        if largest != T::zeroed() {
            column[k + 1..].iter_mut().for_each(|x| *x = x.over(largest));
        }
    }
}

/// The factors of small matrices, one after another, each with a row for exchanges.
#[inline(always)]
fn factor_small_body<T: Number, const FMA: bool>(matrices: &mut [T], n: usize) {
    for matrix in matrices.chunks_exact_mut((n + 1) * n) {
        let (a, exchanges) = matrix.split_at_mut(n * n);
        for k in 0..n {
            let (mut found, mut most) = (k, 0.0);
            for i in k..n {
                let size = a[i * n + k].magnitude();
                if size > most || most == 0.0 && size.is_nan() {
                    (found, most) = (i, size);
                }
            }
            exchanges[k] = T::of_row(found);
            if found != k {
                let (top, bottom) = a.split_at_mut(found * n);
                top[k * n..(k + 1) * n].swap_with_slice(&mut bottom[..n]);
            }
            let (top, below) = a.split_at_mut((k + 1) * n);
            let row = &top[k * n..];
            if row[k] == T::zeroed() {
                continue;
            }
            for other in below.chunks_exact_mut(n) {
                let by = other[k].over(row[k]);
                other[k] = by;
                less_one_body::<T, FMA>(&mut other[k + 1..], &row[k + 1..], by);
            }
        }
    }
}

/// As [`forward`], of a small matrix and `m` right-hand sides.
#[inline(always)]
fn forward_small_body<T: Number, const FMA: bool>(l: &[T], pivots: &[usize], x: &mut [T], m: usize) {
    let n = pivots.len();
    for (i, &pivot) in pivots.iter().enumerate().filter(|(i, pivot)| *i != **pivot) {
        let (top, bottom) = x.split_at_mut(pivot * m);
        top[i * m..(i + 1) * m].swap_with_slice(&mut bottom[..m]);
    }
    for i in 1..n {
        let (before, rest) = x.split_at_mut(i * m);
        for (row, &by) in before.chunks_exact(m).zip(&l[i * n..]) {
            less_one_body::<T, FMA>(&mut rest[..m], row, by);
        }
    }
}

/// As [`backward`].
#[inline(always)]
fn backward_small_body<T: Number, const FMA: bool>(u: &[T], n: usize, x: &mut [T], m: usize) {
    for i in (0..n).rev() {
        let (before, after) = x.split_at_mut((i + 1) * m);
        let own = &mut before[i * m..];
        for (row, &by) in after.chunks_exact(m).zip(&u[i * n + i + 1..]) {
            less_one_body::<T, FMA>(own, row, by);
        }
        for x in own {
            *x = x.over(u[i * n + i]);
        }
    }
}

super::factor::for_every_isa!(less_four, less_four_body, Number, (row: &mut [T], others: &[&[T]; 4], by: &[T; 4]));
super::factor::for_every_isa!(less_one, less_one_body, Number, (row: &mut [T], other: &[T], by: T));
super::factor::for_every_isa!(pivot_few, pivot_few_body, Number, (columns: &mut [T], rows: usize, pivots: &mut [usize]));
super::factor::for_every_isa!(factor_small, factor_small_body, Number, (matrices: &mut [T], n: usize));
super::factor::for_every_isa!(
    forward_small, forward_small_body, Number, (l: &[T], pivots: &[usize], x: &mut [T], m: usize));
super::factor::for_every_isa!(backward_small, backward_small_body, Number, (u: &[T], n: usize, x: &mut [T], m: usize));

/// Elements of matrices of which rows are exchanged.
trait Number: Entry {
    /// By which pivots are chosen: the modulus of a number, and of a complex one the sum of those of its parts.
    fn magnitude(self) -> f64;
    /// The quotient.
    fn over(self, other: Self) -> Self;
    /// The number of a row.
    fn of_row(row: usize) -> Self;
    /// As it was before [`Number::of_row`].
    fn row(self) -> usize;
    /// `out` less `left` times `right`.
    fn subtract_product(out: &mut ArrayViewMut2<'_, Self>, left: ArrayView2<'_, Self>, right: ArrayView2<'_, Self>);
}

macro_rules! product {
    () => {
        #[cfg(not(feature = "linalg"))]
        fn subtract_product(
            out: &mut ArrayViewMut2<'_, Self>,
            left: ArrayView2<'_, Self>,
            right: ArrayView2<'_, Self>,
        ) {
            for (mut to, from) in out.rows_mut().into_iter().zip(left.rows()) {
                for (&by, row) in from.iter().zip(right.rows()) {
                    to.iter_mut().zip(row).for_each(|(x, &y)| *x = Self::less::<false>(*x, y, by));
                }
            }
        }

        #[cfg(feature = "linalg")]
        fn subtract_product(
            out: &mut ArrayViewMut2<'_, Self>,
            left: ArrayView2<'_, Self>,
            right: ArrayView2<'_, Self>,
        ) {
            let (m, n, depth) = (out.nrows(), out.ncols(), left.ncols());
            assert!(left.nrows() == m && right.dim() == (depth, n), "tiles fit each other");
            let one: Self = num_traits::One::one();
            let [to, from, other] = [out.strides(), left.strides(), right.strides()].map(|s| (s[0], s[1]));
            // SAFETY: pointers, sides and strides are those of three views, `out` borrowed for this call alone.
            unsafe {
                gemm::gemm(
                    m,
                    n,
                    depth,
                    out.as_mut_ptr(),
                    to.1,
                    to.0,
                    true,
                    left.as_ptr(),
                    from.1,
                    from.0,
                    right.as_ptr(),
                    other.1,
                    other.0,
                    one,
                    -one,
                    false,
                    false,
                    false,
                    gemm::Parallelism::None,
                );
            }
        }
    };
}

macro_rules! real {
    ($($T:ty),*) => { $(impl Number for $T {
        #[inline(always)]
        fn magnitude(self) -> f64 {
            f64::from(self.abs())
        }

        #[inline(always)]
        fn over(self, other: Self) -> Self {
            self / other
        }

        #[expect(clippy::cast_precision_loss, reason = "larger matrices are refused")]
        fn of_row(row: usize) -> Self {
            row as Self
        }

        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was a number of a row")]
        fn row(self) -> usize {
            self as usize
        }

        product!();
    })* };
}
real!(f32, f64);

macro_rules! complex {
    ($($T:ty: $R:ty),*) => { $(impl Number for $T {
        #[inline(always)]
        fn magnitude(self) -> f64 {
            f64::from(self.re.abs()) + f64::from(self.im.abs())
        }

        /// By Smith's way, so that squares do not overflow.
        #[inline(always)]
        fn over(self, other: Self) -> Self {
            if other.re.abs() >= other.im.abs() {
                let ratio = other.im / other.re;
                let whole = other.re + other.im * ratio;
                Self::new((self.re + self.im * ratio) / whole, (self.im - self.re * ratio) / whole)
            } else {
                let ratio = other.re / other.im;
                let whole = other.im + other.re * ratio;
                Self::new((self.re * ratio + self.im) / whole, (self.im * ratio - self.re) / whole)
            }
        }

        fn of_row(row: usize) -> Self {
            Self::new(<$R as Number>::of_row(row), 0.0)
        }

        fn row(self) -> usize {
            self.re.row()
        }

        product!();
    })* };
}
complex!(Complex32: f32, Complex64: f64);
