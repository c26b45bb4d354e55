//! Reductions of blocks of neighbours: coarser arrays.

use super::quantile::{Asked, median, quantile};
use super::reduction::Over;
use super::{Array, Kind, done};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::compose::binary;
use crate::expr::windows::{Boundary, apart, coarsen, divided};
use crate::op::elementwise::ElementOp;
use crate::op::reduction::{self, Params, Reduction};
use crate::op::regional::Method;
use crate::shape::axes::Axes;
use std::sync::Arc;

/// An array in blocks of neighbours. Made by [`Array::coarsen`].
#[derive(Debug, Clone)]
pub struct Coarse<T: Kind> {
    array: Array<T>,
    sizes: Vec<usize>,
    boundary: Boundary,
}

impl<T: Kind> Array<T> {
    /// The array in blocks of `sizes` neighbours along each axis, which a reduction makes one element each. Unlike a
    /// [`reshape`](Self::reshape) it reads nothing twice and holds nothing, so that it runs inside of whatever reads it.
    ///
    /// ```
    /// use hyperslab::{Context, expr::windows::Boundary};
    /// let cx = Context::default();
    /// let x = cx.arange(7)?.cast::<f64>();
    /// let means = x.coarsen(&[2], Boundary::Trim)?.mean();
    /// assert_eq!(cx.compute(means)?.as_slice().unwrap(), &[0.5, 2.5, 4.5]);
    /// let sums = x.coarsen(&[3], Boundary::Pad)?.sum();
    /// assert_eq!(cx.compute(sums)?.as_slice().unwrap(), &[3.0, 12.0, 6.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) unless there is a size for each axis, and it divides that where the boundary is
    /// exact; [`Argument`](crate::ErrorKind::Argument) for sizes of 0.
    pub fn coarsen(&self, sizes: &[usize], boundary: Boundary) -> Result<Coarse<T>> {
        let same = |part: &Expr, _: &[usize]| Ok(part.clone());
        divided(self.expr(), sizes, boundary, Arc::new(same))?;
        Ok(Coarse { array: self.clone(), sizes: sizes.to_vec(), boundary })
    }
}

macro_rules! reductions {
    ($($doc:literal $name:ident -> $kind:ty;)*) => {
        /// Reductions of each block. Each panics where [`Coarse::reduce`] gives an error.
        impl<T: Kind> Coarse<T> {
            $(#[doc = $doc]
            #[track_caller]
            #[must_use]
            pub fn $name(&self) -> Array<$kind> {
                Array::of(done(self.reduce(stringify!($name), Params::default())).expr)
            })*
        }
    };
}
reductions! {
    "The sums." sum -> T::Sum;
    "The products." prod -> T::Sum;
    "The means." mean -> T::Mean;
    "The smallest elements; NaN where there is one." min -> T;
    "The largest elements; NaN where there is one." max -> T;
    "Whether any element is true." any -> T::Truth;
    "Whether all elements are true." all -> T::Truth;
    "The numbers of elements that are not zero." count_nonzero -> T::Position;
    "The means of what is not NaN." nanmean -> T::Mean;
    "The sums of what is not NaN." nansum -> T::Sum;
    "The smallest elements that are not NaN." nanmin -> T;
    "The largest elements that are not NaN." nanmax -> T;
}

impl<T: Kind> Coarse<T> {
    /// The variances, over the number of elements less `ddof`.
    #[track_caller]
    #[must_use]
    pub fn var(&self, ddof: f64) -> Array<T::Spread> {
        Array::of(done(self.reduce("var", Params { ddof, ..Params::default() })).expr)
    }

    /// The standard deviations: roots of the variances.
    #[track_caller]
    #[must_use]
    pub fn std(&self, ddof: f64) -> Array<T::Spread> {
        Array::of(done(self.reduce("std", Params { ddof, ..Params::default() })).expr)
    }

    /// Any reduction of the [list](crate::op::reduction::REDUCTIONS) by name; `median` and `nanmedian` too.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) or [`Argument`](crate::ErrorKind::Argument), as NumPy refuses.
    #[track_caller]
    pub fn reduce(&self, name: &str, params: Params) -> Result<Array> {
        if let "median" | "nanmedian" = name {
            let skips = name == "nanmedian";
            return self.over(move |x, over| median(x, over, skips));
        }
        Ok(Array::of(coarsen(self.array.expr(), &self.sizes, found(name)?, params, self.boundary)?))
    }

    /// How many elements of each block are not NaN.
    ///
    /// # Errors
    /// Those of the comparison.
    #[track_caller]
    pub fn count(&self) -> Result<Array> {
        let there = binary(ElementOp::Equal, self.array.expr(), self.array.expr())?;
        Ok(Array::of(coarsen(&there, &self.sizes, found("count_nonzero")?, Params::default(), self.boundary)?))
    }

    /// The quantiles of each block at a level between 0 and 1; with `skips_nan`, of what is not NaN.
    ///
    /// # Errors
    /// As [`quantile`].
    #[track_caller]
    pub fn quantile(&self, level: f64, method: Method, skips_nan: bool) -> Result<Array> {
        self.over(move |x, over| quantile(x, &Asked::from(level), over, method, skips_nan))
    }

    /// What `of` makes of all axes that are inside of blocks.
    #[track_caller]
    fn over(&self, of: impl Fn(&Expr, &Over) -> Result<Expr> + Send + Sync + 'static) -> Result<Array> {
        let blocks = move |part: &Expr, sizes: &[usize]| {
            let (apart, axes) = apart(part, sizes)?;
            of(&apart, &Axes::Positions(axes.iter().map(|a| a.cast_signed()).collect()).into())
        };
        Ok(Array::of(divided(self.array.expr(), &self.sizes, self.boundary, Arc::new(blocks))?))
    }
}

fn found(name: &str) -> Result<&'static dyn Reduction> {
    reduction::find(name).ok_or_else(|| Error::unsupported(format!("there is no reduction `{name}`")))
}
