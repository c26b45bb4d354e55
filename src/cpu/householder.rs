//! QR factors by Householder's reflections, in LAPACK's conventions: panels of columns one by one, and what they do to
//! the columns behind them as products of matrices.

use super::gemm::accumulate;
use bytemuck::Pod;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, ShapeBuilder, s};
use num_complex::Complex64;

/// Columns of a panel.
const PANEL: usize = 32;

/// Sums that run side by side.
const LANES: usize = 8;

/// Norms below this have squares that are out of range, so that elements are made larger first.
const TINY: f64 = 1e-140;

/// Elements of matrices that are reflected.
pub(super) trait Number: Pod + num_traits::NumAssign + std::ops::Neg<Output = Self> {
    /// Whether conjugates are other elements.
    const CONJUGATES: bool;
    /// The element with these parts.
    fn of(re: f64, im: f64) -> Self;
    /// Its parts.
    fn parts(self) -> (f64, f64);
    /// The complex conjugate.
    fn conjugate(self) -> Self;
    /// The product with a real number.
    fn scaled(self, by: f64) -> Self;
    /// The quotient by a number of any size.
    fn over(self, divisor: Self) -> Self;
}

impl Number for f64 {
    const CONJUGATES: bool = false;

    #[inline(always)]
    fn of(re: f64, _: f64) -> Self {
        re
    }

    #[inline(always)]
    fn parts(self) -> (f64, f64) {
        (self, 0.0)
    }

    #[inline(always)]
    fn conjugate(self) -> Self {
        self
    }

    #[inline(always)]
    fn scaled(self, by: f64) -> Self {
        self * by
    }

    #[inline(always)]
    fn over(self, divisor: Self) -> Self {
        self / divisor
    }
}

impl Number for Complex64 {
    const CONJUGATES: bool = true;

    #[inline(always)]
    fn of(re: f64, im: f64) -> Self {
        Self::new(re, im)
    }

    #[inline(always)]
    fn parts(self) -> (f64, f64) {
        (self.re, self.im)
    }

    #[inline(always)]
    fn conjugate(self) -> Self {
        self.conj()
    }

    #[inline(always)]
    fn scaled(self, by: f64) -> Self {
        self * by
    }

    /// Without the square of the divisor, which may be out of range.
    #[inline(always)]
    fn over(self, divisor: Self) -> Self {
        let size = divisor.re.hypot(divisor.im);
        self * (divisor.conj() / size) / size
    }
}

/// Reflections that make a matrix a triangle, each the identity less `tau v vᴴ`. Those of a panel together are the
/// identity less `v t vᴴ`, with the vectors as columns and a small triangle.
#[derive(Debug)]
pub(super) struct Reflected<T> {
    /// The triangle in the upper one, and the vectors below without their first element, which is 1; columns are
    /// contiguous.
    pub(super) matrix: Array2<T>,
    /// The small triangle of each panel.
    panels: Vec<Array2<T>>,
}

impl<T: Number> Reflected<T> {
    /// Reflects the columns of a matrix in which they are contiguous.
    pub(super) fn new(matrix: Array2<T>) -> Self {
        let mut out = Self { matrix, panels: Vec::new() };
        let (rows, columns) = out.matrix.dim();
        let count = rows.min(columns);
        for first in (0..count).step_by(PANEL) {
            let end = count.min(first + PANEL);
            let taus = reflect_panel(out.matrix.slice_mut(s![first.., first..end]));
            let vectors = out.vectors(first, end);
            let triangle = joined(&vectors, &taus);
            let behind = out.matrix.slice_mut(s![first.., end..]);
            apply(behind, vectors.view(), triangle.view(), true);
            out.panels.push(triangle);
        }
        out
    }

    /// The first columns of the product of all reflections.
    pub(super) fn product(&self, columns: usize) -> Array2<T> {
        let rows = self.matrix.nrows();
        let mut out = Array2::from_elem((rows, columns).f(), T::zero());
        out.diag_mut().fill(T::one());
        let count = rows.min(self.matrix.ncols());
        for (panel, triangle) in self.panels.iter().enumerate().rev() {
            let first = panel * PANEL;
            let vectors = self.vectors(first, count.min(first + PANEL));
            apply(out.slice_mut(s![first.., first..]), vectors.view(), triangle.view(), false);
        }
        out
    }

    /// The vectors of the panel between two columns.
    fn vectors(&self, first: usize, end: usize) -> Array2<T> {
        let panel = self.matrix.slice(s![first.., first..end]);
        Array2::from_shape_fn(panel.raw_dim().f(), |(i, j)| match i.cmp(&j) {
            std::cmp::Ordering::Less => T::zero(),
            std::cmp::Ordering::Equal => T::one(),
            std::cmp::Ordering::Greater => panel[(i, j)],
        })
    }
}

/// Reflects the columns of a panel one by one, and gives the factor of each reflection.
fn reflect_panel<T: Number>(mut panel: ArrayViewMut2<'_, T>) -> Vec<T> {
    let mut taus = Vec::with_capacity(panel.ncols());
    for j in 0..panel.ncols() {
        let (mut done, mut behind) = panel.view_mut().split_at(Axis(1), j + 1);
        let mut column = done.slice_mut(s![j.., j]);
        let Some(column) = column.as_slice_mut() else { break };
        let tau = reflect(column);
        taus.push(tau);
        let vector = &column[1..];
        for mut other in behind.slice_mut(s![j.., ..]).columns_mut() {
            let Some([head, tail @ ..]) = other.as_slice_mut() else { break };
            let product = (*head + dot(vector, tail)) * tau.conjugate();
            *head -= product;
            for (x, v) in tail.iter_mut().zip(vector) {
                *x -= product * *v;
            }
        }
    }
    taus
}

/// The reflection that leaves of `x` its first element alone, which is real then; `x` becomes that and the rest of the
/// vector whose first element is 1.
fn reflect<T: Number>(x: &mut [T]) -> T {
    let Some((head, tail)) = x.split_first_mut() else { return T::zero() };
    let mut up = 0;
    loop {
        let (re, im) = head.parts();
        let rest = norm(tail);
        if rest == 0.0 && im == 0.0 {
            return T::zero();
        }
        let beta = -rest.hypot(re.hypot(im)).copysign(re);
        if beta.abs() < TINY && up < 8 {
            up += 1;
            *head = head.scaled(1.0 / TINY);
            for x in tail.iter_mut() {
                *x = x.scaled(1.0 / TINY);
            }
            continue;
        }
        let tau = T::of((beta - re) / beta, -im / beta);
        let divisor = *head - T::of(beta, 0.0);
        for x in tail.iter_mut() {
            *x = x.over(divisor);
        }
        *head = T::of((0..up).fold(beta, |x, _| x * TINY), 0.0);
        return tau;
    }
}

/// The root of the sum of squares, of numbers of any size.
fn norm<T: Number>(x: &[T]) -> f64 {
    let squares = |by: f64| {
        let mut sums = [0.0; LANES];
        for some in x.chunks(LANES) {
            for (sum, x) in sums.iter_mut().zip(some) {
                let (re, im) = x.parts();
                *sum += (re * by) * (re * by) + (im * by) * (im * by);
            }
        }
        sums.iter().sum::<f64>()
    };
    let direct = squares(1.0);
    if direct.is_nan() || (direct.is_finite() && direct > TINY) {
        return direct.sqrt();
    }
    let largest = x.iter().map(|x| x.parts()).fold(0.0, |most: f64, (re, im)| most.max(re.abs()).max(im.abs()));
    if largest == 0.0 || largest.is_infinite() {
        return largest;
    }
    // Powers of two round nothing; of the smallest numbers the reciprocal is out of range.
    let by = largest.log2().floor().clamp(-1000.0, 1000.0).exp2().recip();
    squares(by).sqrt() / by
}

/// The sum of products with the conjugates of `x`.
fn dot<T: Number>(x: &[T], y: &[T]) -> T {
    let mut sums = [T::zero(); LANES];
    for (x, y) in x.chunks(LANES).zip(y.chunks(LANES)) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x.conjugate() * *y;
        }
    }
    sums.into_iter().fold(T::zero(), |a, b| a + b)
}

/// The small triangle that joins the reflections of a panel.
fn joined<T: Number>(vectors: &Array2<T>, taus: &[T]) -> Array2<T> {
    let n = taus.len();
    let mut products = Array2::from_elem((n, n).f(), T::zero());
    accumulate(products.view_mut(), (T::zero(), T::one()), vectors.t(), vectors.view(), [T::CONJUGATES, false]);
    let mut out = Array2::from_elem((n, n).f(), T::zero());
    for (j, &tau) in taus.iter().enumerate() {
        for i in 0..j {
            let sum = (i..j).fold(T::zero(), |sum, k| sum + out[(i, k)] * products[(k, j)]);
            out[(i, j)] = -tau * sum;
        }
        out[(j, j)] = tau;
    }
    out
}

/// The identity less `v t vᴴ`, or the adjoint of that, times `x`, in its place.
fn apply<T: Number>(x: ArrayViewMut2<'_, T>, v: ArrayView2<'_, T>, t: ArrayView2<'_, T>, adjoint: bool) {
    if x.is_empty() || v.ncols() == 0 {
        return;
    }
    let only = (T::zero(), T::one());
    let mut inner = Array2::from_elem((v.ncols(), x.ncols()).f(), T::zero());
    accumulate(inner.view_mut(), only, v.t(), x.view(), [T::CONJUGATES, false]);
    let mut turned = Array2::from_elem(inner.raw_dim().f(), T::zero());
    let (t, conjugate) = if adjoint { (t.reversed_axes(), T::CONJUGATES) } else { (t, false) };
    accumulate(turned.view_mut(), only, t, inner.view(), [conjugate, false]);
    accumulate(x, (T::one(), -T::one()), v, turned.view(), [false; 2]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(m: usize, n: usize) -> Array2<Complex64> {
        let mut state = (m * 1000 + n) as u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / f64::from(1 << 24) - 0.5
        };
        Array2::from_shape_simple_fn((m, n).f(), || Complex64::new(next(), next()))
    }

    fn check<T: Number>(a: Array2<T>) {
        let ((m, n), wide) = (a.dim(), |x: &Array2<T>| x.mapv(|x| Complex64::new(x.parts().0, x.parts().1)));
        let reflected = Reflected::new(a.clone());
        for columns in [m.min(n), m] {
            let q = wide(&reflected.product(columns));
            let mut r = wide(&reflected.matrix).slice(s![..columns, ..]).to_owned();
            r.indexed_iter_mut().filter(|((i, j), _)| i > j).for_each(|(_, x)| *x = Complex64::default());
            assert!(r.diag().iter().all(|x| x.im == 0.0), "LAPACK's triangles have real diagonals");
            let bound = 4.0 * f64::EPSILON * (m.max(n) as f64);
            let off = (wide(&a) - q.dot(&r)).iter().map(|x| x.norm()).fold(0.0, f64::max);
            let grams = q.t().mapv(|x| x.conj()).dot(&q) - Array2::<Complex64>::eye(columns);
            let apart = grams.iter().map(|x| x.norm()).fold(0.0, f64::max);
            assert!(off < bound && apart < bound, "{m} by {n}: {off}, {apart}");
        }
    }

    #[test]
    fn factors_give_the_matrix_back() {
        for (m, n) in [(1, 1), (1, 4), (4, 1), (5, 3), (31, 33), (33, 31), (64, 64), (100, 37), (40, 130), (97, 96)] {
            let a = noise(m, n);
            check(a.mapv(|x| x.re));
            check(a);
        }
    }

    #[test]
    fn sizes_out_of_the_range_of_squares() {
        let a = noise(20, 7);
        let (real, complex) = (Reflected::new(a.mapv(|x| x.re)), Reflected::new(a.clone()));
        for size in [1e-310, 1e-200, 1e-160, 1e200, 1e300] {
            let near = if size < 1e-300 { 1e-2 } else { 1e-12 };
            let far = Reflected::new(a.mapv(|x| x.re * size));
            let wide = Reflected::new(a.mapv(|x| x * size));
            for at in (0..7).map(|j| (j, j)) {
                assert!((far.matrix[at] / size / real.matrix[at] - 1.0).abs() < near, "{size}");
                assert!((wide.matrix[at].re / size / complex.matrix[at].re - 1.0).abs() < near, "{size}");
            }
        }
    }
}
