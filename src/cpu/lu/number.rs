//! The elements of matrices of which rows are exchanged.

use super::super::factor::Entry;
use ndarray::{ArrayView2, ArrayViewMut2};
use num_complex::{Complex32, Complex64};

/// Elements of matrices of which rows are exchanged.
pub(super) trait Number: Entry {
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
            let one: Self = num_traits::One::one();
            super::super::gemm::accumulate(out.view_mut(), (one, -one), left, right, [false; 2]);
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
