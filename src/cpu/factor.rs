//! Steps of factorisations on one tile of a matrix: halves, quarters and so on down to a few columns, so that nearly
//! all of the work is products of matrices, which the crate `gemm` does.
//!
//! What is left, triangles of `SMALL` columns, runs over copies in which neighbours in a vector are neighbours in a
//! column.

use super::isa::{self, Isa};
use crate::chunk::Region;
use crate::device::View;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::kernel::TileStep;
use crate::op::tiles::TileTask;
use crate::shape;
use bytemuck::Pod;
use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use num_complex::{Complex32, Complex64};

/// Columns of a triangle that is not divided any further.
const SMALL: usize = 32;

/// Rows that are solved side by side.
const LANES: usize = 32;

/// Runs one step on the tile of `region`, whose bytes are `outputs`, given dense tiles.
///
/// # Errors
/// [`Numerical`](crate::ErrorKind::Numerical) for a matrix that has no factors; [`Bug`](crate::ErrorKind::Bug) for
/// tiles of the wrong size.
pub(crate) fn run(step: TileStep, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let [tile] = outputs else { return Err(Error::bug("a step changes one tile")) };
    macro_rules! by_dtype {
        ($($D:ident => $T:ty),*) => {
            match step.dtype { $(DType::$D => on_tile::<$T>(step, region, inputs, tile),)*
                other => Err(Error::bug(format!("matrices of {other} are not factored"))) }
        };
    }
    by_dtype!(F32 => f32, F64 => f64, C64 => Complex32, C128 => Complex64)
}

fn on_tile<T: Entry>(step: TileStep, region: &Region, inputs: &[View], tile: &mut [u8]) -> Result<()> {
    let tile: &mut [T] =
        bytemuck::try_cast_slice_mut(tile).map_err(|e| Error::bug(format!("a tile is aligned: {e}")))?;
    let [stack @ .., m, n] = region.shape.as_slice() else { return Err(Error::bug("a tile is a matrix")) };
    let (m, n) = (*m, *n);
    if step.task == TileTask::Factor {
        for (number, matrix) in tile.chunks_exact_mut((m * n).max(1)).enumerate() {
            let mut matrix = square(matrix, m, n)?;
            factor(matrix.view_mut()).map_err(|pivot| refused(step, region, stack, number, pivot))?;
            clear_above(&mut matrix);
        }
        return Ok(());
    }
    let mut out = square(tile, m, n)?;
    match (step.task, inputs) {
        (TileTask::Update, [left, right]) => {
            let (left, right) = (dense::<T>(left, m)?, dense::<T>(right, n)?);
            T::subtract(&mut out, left, right);
        }
        (TileTask::UpdateDiagonal, [left]) => subtract_below(out, dense::<T>(left, m)?),
        (TileTask::Solve, [factor]) => solve(dense::<T>(factor, n)?, out).map_err(|k| {
            let at = region.start[region.rank() - 1] + k;
            Error::numerical(step.op, format!("the triangle is singular: element ({at}, {at}) of its diagonal is 0"))
        })?,
        (task, _) => return Err(Error::bug(format!("{} has its tiles", task.name()))),
    }
    Ok(())
}

/// Why matrix `number` of a tile's stack has no factors.
fn refused(step: TileStep, region: &Region, stack: &[usize], number: usize, pivot: usize) -> Error {
    let order = region.start[region.rank() - 1] + pivot + 1;
    let why = format!("the matrix is not positive definite: its leading minor of order {order} is not positive");
    of_stack(Error::numerical(step.op, why), region, stack, number)
}

/// A fault of matrix `number` of a tile's stack.
pub(super) fn of_stack(fault: Error, region: &Region, stack: &[usize], number: usize) -> Error {
    if stack.is_empty() {
        return fault;
    }
    let strides = shape::strides(stack);
    let at = |a: usize| region.start[a] + number / strides[a] % stack[a].max(1);
    fault.at(format!("matrix {} of the stack", shape::tuple(&(0..stack.len()).map(at).collect::<Vec<_>>())))
}

fn square<T>(elements: &mut [T], rows: usize, columns: usize) -> Result<ArrayViewMut2<'_, T>> {
    ArrayViewMut2::from_shape((rows, columns), elements).map_err(|e| Error::bug(format!("a tile has its size: {e}")))
}

/// The elements of a dense tile with this many rows.
fn dense<T: Entry>(view: &View, rows: usize) -> Result<ArrayView2<'_, T>> {
    let elements: &[T] =
        bytemuck::try_cast_slice(view.block.bytes()).map_err(|e| Error::bug(format!("a tile is aligned: {e}")))?;
    let columns = elements.len() / rows.max(1);
    ArrayView2::from_shape((rows, columns), elements).map_err(|e| Error::bug(format!("a tile has its size: {e}")))
}

fn clear_above<T: Entry>(matrix: &mut ArrayViewMut2<'_, T>) {
    for (i, mut row) in matrix.rows_mut().into_iter().enumerate() {
        row.iter_mut().skip(i + 1).for_each(|x| *x = T::zeroed());
    }
}

/// Where a triangle with this many columns is divided: near the middle, whole `SMALL` triangles on the left.
fn middle(n: usize) -> usize {
    n.div_ceil(2).div_ceil(SMALL) * SMALL
}

/// The four quarters of a square, those in the upper right left out.
fn quarters<T>(a: ArrayViewMut2<'_, T>, at: usize) -> [ArrayViewMut2<'_, T>; 3] {
    let (top, bottom) = a.split_at(Axis(0), at);
    let (first, _) = top.split_at(Axis(1), at);
    let (left, last) = bottom.split_at(Axis(1), at);
    [first, left, last]
}

/// The lower factor of `a` in its place, or the column in which there is none. What is above the diagonal is not read.
fn factor<T: Entry>(a: ArrayViewMut2<'_, T>) -> Result<(), usize> {
    if a.nrows() <= SMALL {
        return factor_small(a);
    }
    let at = middle(a.nrows());
    let [mut first, mut left, last] = quarters(a, at);
    let mut last = last;
    factor(first.view_mut())?;
    solve(first.view(), left.view_mut())?;
    subtract_below(last.view_mut(), left.view());
    factor(last).map_err(|column| at + column)
}

/// `x` divided from the right by the adjoint of the lower triangle `l`, in its place; or the place of a zero on its
/// diagonal.
fn solve<T: Entry>(l: ArrayView2<'_, T>, x: ArrayViewMut2<'_, T>) -> Result<(), usize> {
    if l.nrows() <= SMALL {
        return solve_small(l, x);
    }
    let at = middle(l.nrows());
    let (top, bottom) = l.split_at(Axis(0), at);
    let (left, right) = (bottom.split_at(Axis(1), at).0, bottom.split_at(Axis(1), at).1);
    let (mut first, mut last) = x.split_at(Axis(1), at);
    solve(top.split_at(Axis(1), at).0, first.view_mut())?;
    T::subtract(&mut last, first.view(), left);
    solve(right, last).map_err(|k| at + k)
}

/// `out` less the product of `left` and its adjoint, below the diagonal; above it, arbitrary.
fn subtract_below<T: Entry>(out: ArrayViewMut2<'_, T>, left: ArrayView2<'_, T>) {
    let mut out = out;
    if out.nrows() <= 2 * SMALL {
        return T::subtract(&mut out, left, left);
    }
    let at = middle(out.nrows());
    let (top, bottom) = left.split_at(Axis(0), at);
    let [first, mut below, last] = quarters(out, at);
    subtract_below(first, top);
    T::subtract(&mut below, bottom, top);
    subtract_below(last, bottom);
}

/// Columns of a triangle, each contiguous.
type Small<T> = [[T; SMALL]; SMALL];

fn factor_small<T: Entry>(a: ArrayViewMut2<'_, T>) -> Result<(), usize> {
    let mut a = a;
    let n = a.nrows();
    let mut columns: Small<T> = [[T::zeroed(); SMALL]; SMALL];
    for i in 0..n {
        for k in 0..=i {
            columns[k][i] = a[(i, k)];
        }
    }
    factor_columns(&mut columns, n)?;
    for i in 0..n {
        for k in 0..=i {
            a[(i, k)] = columns[k][i];
        }
    }
    Ok(())
}

fn solve_small<T: Entry>(l: ArrayView2<'_, T>, x: ArrayViewMut2<'_, T>) -> Result<(), usize> {
    let (mut x, n) = (x, l.nrows());
    let mut triangle: Small<T> = [[T::zeroed(); SMALL]; SMALL];
    for k in 0..n {
        for j in 0..k {
            triangle[k][j] = l[(k, j)].conjugate();
        }
        if l[(k, k)] == T::zeroed() {
            return Err(k);
        }
        triangle[k][k] = l[(k, k)].conjugate().reciprocal();
    }
    let mut columns = [[T::zeroed(); LANES]; SMALL];
    for first in (0..x.nrows()).step_by(LANES) {
        let rows = LANES.min(x.nrows() - first);
        for r in 0..rows {
            if let Some(row) = x.row(first + r).to_slice() {
                columns.iter_mut().zip(row).for_each(|(column, value)| column[r] = *value);
            }
        }
        solve_columns(&triangle, &mut columns, n);
        for r in 0..rows {
            if let Some(row) = x.row_mut(first + r).into_slice() {
                columns.iter().zip(row).for_each(|(column, value)| *value = column[r]);
            }
        }
    }
    Ok(())
}

/// The first `n` columns of a matrix, column after column; the column with a pivot that is not positive.
#[inline(always)]
fn factor_body<T: Entry, const FMA: bool>(columns: &mut Small<T>, n: usize) -> Result<(), usize> {
    for k in 0..n {
        let (before, rest) = columns.split_at_mut(k);
        let column = &mut rest[0];
        for earlier in before {
            let factor = earlier[k].conjugate();
            for (x, y) in column.iter_mut().zip(earlier.iter()) {
                *x = T::less::<FMA>(*x, *y, factor);
            }
        }
        let root = column[k].root().ok_or(k)?;
        let reciprocal = root.reciprocal();
        for x in column.iter_mut() {
            *x = x.times(reciprocal);
        }
        column[k] = root;
    }
    Ok(())
}

/// Solves for the first `n` columns; the triangle has the reciprocals of its diagonal.
#[inline(always)]
fn solve_body<T: Entry, const FMA: bool>(triangle: &Small<T>, columns: &mut [[T; LANES]; SMALL], n: usize) {
    for (k, row) in triangle.iter().enumerate().take(n) {
        let (before, rest) = columns.split_at_mut(k);
        let mut column = rest[0];
        for (earlier, &factor) in before.iter().zip(row) {
            for (x, y) in column.iter_mut().zip(earlier) {
                *x = T::less::<FMA>(*x, *y, factor);
            }
        }
        for x in &mut column {
            *x = x.times(row[k]);
        }
        rest[0] = column;
    }
}

/// A function over columns, compiled for each instruction set.
macro_rules! for_every_isa {
    ($(#[$doc:meta])* $vis:vis $name:ident, $body:ident, $bound:ident, ($($arg:ident: $type:ty),*) $(-> $out:ty)?) => {
        $(#[$doc])*
        $vis fn $name<T: $bound>($($arg: $type),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2<T: $bound>($($arg: $type),*) $(-> $out)? {
                $body::<T, true>($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512<T: $bound>($($arg: $type),*) $(-> $out)? {
                $body::<T, true>($($arg),*)
            }

            match isa::best() {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `best` found these instructions on this machine.
                Isa::Avx512 => unsafe { avx512::<T>($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Isa::Avx2 => unsafe { avx2::<T>($($arg),*) },
                _ => $body::<T, false>($($arg),*),
            }
        }
    };
}

pub(super) use for_every_isa;

for_every_isa!(factor_columns, factor_body, Entry, (columns: &mut Small<T>, n: usize) -> Result<(), usize>);
for_every_isa!(solve_columns, solve_body, Entry, (triangle: &Small<T>, columns: &mut [[T; LANES]; SMALL], n: usize));

/// Elements of matrices that have factors.
pub(super) trait Entry: Pod + PartialEq {
    /// Whether conjugates are other elements.
    #[cfg(feature = "linalg")]
    const CONJUGATES: bool;
    /// `x - y * factor`.
    fn less<const FMA: bool>(x: Self, y: Self, factor: Self) -> Self;
    /// The product.
    fn times(self, other: Self) -> Self;
    /// The complex conjugate.
    fn conjugate(self) -> Self;
    /// One over an element.
    fn reciprocal(self) -> Self;
    /// The root of a positive real part.
    fn root(self) -> Option<Self>;
    /// `out` less `left` times the adjoint of `right`.
    fn subtract(out: &mut ArrayViewMut2<'_, Self>, left: ArrayView2<'_, Self>, right: ArrayView2<'_, Self>);
}

/// The product where there is no crate for it.
#[cfg(not(feature = "linalg"))]
fn subtract_by_rows<T: Entry>(out: &mut ArrayViewMut2<'_, T>, left: ArrayView2<'_, T>, right: ArrayView2<'_, T>) {
    for (mut to, from) in out.rows_mut().into_iter().zip(left.rows()) {
        for (x, other) in to.iter_mut().zip(right.rows()) {
            *x = from.iter().zip(other).fold(*x, |x, (&y, z)| T::less::<false>(x, y, z.conjugate()));
        }
    }
}

macro_rules! product {
    () => {
        #[cfg(not(feature = "linalg"))]
        fn subtract(out: &mut ArrayViewMut2<'_, Self>, left: ArrayView2<'_, Self>, right: ArrayView2<'_, Self>) {
            subtract_by_rows(out, left, right);
        }

        #[cfg(feature = "linalg")]
        fn subtract(out: &mut ArrayViewMut2<'_, Self>, left: ArrayView2<'_, Self>, right: ArrayView2<'_, Self>) {
            let one: Self = num_traits::One::one();
            super::gemm::accumulate(
                out.view_mut(),
                (one, -one),
                left,
                right.reversed_axes(),
                [false, Self::CONJUGATES],
            );
        }
    };
}

macro_rules! real {
    ($($T:ty),*) => { $(impl Entry for $T {
        #[cfg(feature = "linalg")]
        const CONJUGATES: bool = false;

        #[inline(always)]
        fn less<const FMA: bool>(x: Self, y: Self, factor: Self) -> Self {
            if FMA { (-y).mul_add(factor, x) } else { x - y * factor }
        }

        #[inline(always)]
        fn times(self, other: Self) -> Self {
            self * other
        }

        #[inline(always)]
        fn conjugate(self) -> Self {
            self
        }

        #[inline(always)]
        fn reciprocal(self) -> Self {
            self.recip()
        }

        #[inline(always)]
        fn root(self) -> Option<Self> {
            (self > 0.0).then(|| self.sqrt())
        }

        product!();
    })* };
}
real!(f32, f64);

macro_rules! complex {
    ($($T:ty),*) => { $(impl Entry for $T {
        #[cfg(feature = "linalg")]
        const CONJUGATES: bool = true;

        #[inline(always)]
        fn less<const FMA: bool>(x: Self, y: Self, factor: Self) -> Self {
            if FMA {
                let re = y.im.mul_add(factor.im, (-y.re).mul_add(factor.re, x.re));
                let im = (-y.im).mul_add(factor.re, (-y.re).mul_add(factor.im, x.im));
                Self::new(re, im)
            } else {
                x - y * factor
            }
        }

        #[inline(always)]
        fn times(self, other: Self) -> Self {
            self * other
        }

        #[inline(always)]
        fn conjugate(self) -> Self {
            self.conj()
        }

        #[inline(always)]
        fn reciprocal(self) -> Self {
            self.inv()
        }

        #[inline(always)]
        fn root(self) -> Option<Self> {
            (self.re > 0.0).then(|| Self::new(self.re.sqrt(), 0.0))
        }

        product!();
    })* };
}
complex!(Complex32, Complex64);

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Zip};

    /// A Hermitian matrix whose diagonal outweighs the rest; above the diagonal is NaN.
    fn definite(n: usize) -> Array2<Complex64> {
        let mut state = n as u64 + 7;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / f64::from(1 << 24) - 0.5
        };
        Array2::from_shape_fn((n, n), |(i, j)| match i.cmp(&j) {
            std::cmp::Ordering::Less => Complex64::new(f64::NAN, f64::NAN),
            std::cmp::Ordering::Equal => Complex64::new(n as f64, 0.0),
            std::cmp::Ordering::Greater => Complex64::new(next(), next()),
        })
    }

    fn lower(a: &Array2<Complex64>) -> Array2<Complex64> {
        let mut a = a.clone();
        clear_above(&mut a.view_mut());
        a
    }

    fn adjoint(a: &Array2<Complex64>) -> Array2<Complex64> {
        a.t().mapv(|x| x.conj())
    }

    /// The largest difference of elements.
    fn difference(a: &Array2<Complex64>, b: &Array2<Complex64>) -> f64 {
        Zip::from(a).and(b).fold(0.0, |worst, x, y| f64::max(worst, (x - y).norm()))
    }

    /// Plain loops from row to row.
    fn by_hand(a: &Array2<Complex64>) -> Array2<Complex64> {
        let mut l = Array2::zeros(a.raw_dim());
        for i in 0..a.nrows() {
            for j in 0..=i {
                let sum: Complex64 = (0..j).map(|k| l[(i, k)] * Complex64::conj(&l[(j, k)])).sum();
                let rest = a[(i, j)] - sum;
                l[(i, j)] = if i == j { Complex64::new(rest.re.sqrt(), 0.0) } else { rest / l[(j, j)] };
            }
        }
        l
    }

    #[test]
    fn triangles_of_every_size() {
        for n in [1, 2, 7, 31, 32, 33, 63, 64, 65, 96, 100, 130, 256] {
            let a = definite(n);
            let mut l = a.clone();
            factor(l.view_mut()).unwrap();
            assert!(difference(&lower(&l), &by_hand(&a)) < 1e-13 * n as f64, "{n}");
        }
    }

    #[test]
    fn real_and_complex_agree() {
        for n in [5, 40, 129] {
            let real = definite(n).mapv(|x| x.re);
            let (mut wide, mut narrow) = (real.clone(), real.mapv(|x| x as f32));
            let (mut c128, mut c64) = (real.mapv(Complex64::from), real.mapv(|x| Complex32::from(x as f32)));
            factor(wide.view_mut()).unwrap();
            factor(narrow.view_mut()).unwrap();
            factor(c128.view_mut()).unwrap();
            factor(c64.view_mut()).unwrap();
            let want = lower(&wide.mapv(Complex64::from));
            assert!(difference(&lower(&c128), &want) < 1e-13);
            assert!(difference(&lower(&narrow.mapv(|x| Complex64::from(f64::from(x)))), &want) < 1e-4);
            assert!(difference(&lower(&c64.mapv(|x| Complex64::from(f64::from(x.re)))), &want) < 1e-4);
        }
    }

    #[test]
    fn solving_undoes_a_product_with_the_adjoint() {
        for (rows, n) in [(1, 1), (3, 32), (40, 33), (100, 70), (33, 200)] {
            let l = by_hand(&definite(n));
            let x = Array2::from_shape_fn((rows, n), |(i, j)| Complex64::new(i as f64 - 2.0, j as f64 / 3.0));
            let mut y = x.dot(&adjoint(&l));
            solve(l.view(), y.view_mut()).unwrap();
            assert!(difference(&x, &y) < 1e-11 * n as f64, "{rows} by {n}");
        }
    }

    #[test]
    fn a_product_is_subtracted_below_the_diagonal() {
        for (n, depth) in [(1, 1), (65, 3), (200, 40)] {
            let left = Array2::from_shape_fn((n, depth), |(i, j)| Complex64::new(i as f64 / 9.0, j as f64));
            let mut out = Array2::from_elem((n, n), Complex64::new(1.0, 0.0));
            let want = lower(&(&out - &left.dot(&adjoint(&left))));
            subtract_below(out.view_mut(), left.view());
            assert!(difference(&lower(&out), &want) < 1e-8, "{n} by {depth}");
        }
    }

    #[test]
    fn the_first_column_without_a_pivot_is_named() {
        for n in [1, 32, 33, 100] {
            for bad in [0, n / 2, n - 1] {
                for value in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
                    let mut a = definite(n);
                    a[(bad, bad)] = Complex64::new(value, 0.0);
                    assert_eq!(factor(a.view_mut()), Err(bad), "{n}");
                }
            }
        }
    }
}
