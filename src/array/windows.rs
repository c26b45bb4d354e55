//! Reductions of blocks of neighbours: coarser arrays; and of windows that roll over an array.

use super::quantile::{Asked, median, quantile};
use super::reduction::Over;
use super::{Array, Kind, done};
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::compose::{binary, choice};
use crate::expr::windows::{Boundary, Rolling, apart, coarsen, divided, slide};
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
    /// [`reshape`](Self::reshape) it reads nothing twice and holds nothing, so that it runs inside of whatever reads
    /// it.
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
    /// [`Shape`](crate::ErrorKind::Shape) unless there is a size for each axis, and it divides that where the boundary
    /// is exact; [`Argument`](crate::ErrorKind::Argument) for sizes of 0.
    pub fn coarsen(&self, sizes: &[usize], boundary: Boundary) -> Result<Coarse<T>> {
        let same = |part: &Expr, _: &[usize]| Ok(part.clone());
        divided(self.expr(), sizes, boundary, Arc::new(same))?;
        Ok(Coarse { array: self.clone(), sizes: sizes.to_vec(), boundary })
    }
}

/// Windows that roll over an array. Made by [`Array::rolling`].
#[derive(Debug, Clone)]
pub struct Rolled<T: Kind> {
    array: Array<T>,
    how: Rolling,
}

impl<T: Kind> Array<T> {
    /// Blocks of `n` neighbours along one axis, of which the last may be shorter.
    ///
    /// ```
    /// use hyperslab::Context;
    /// let cx = Context::default();
    /// let week = cx.arange(10)?.cast::<f64>().resample(0, 7)?.max();
    /// assert_eq!(cx.compute(week)?.as_slice().unwrap(), &[6.0, 9.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Axis`](crate::ErrorKind::Axis) unless there is one such axis, [`Argument`](crate::ErrorKind::Argument) for
    /// blocks of none.
    pub fn resample(&self, axis: impl Into<Axes>, n: usize) -> Result<Coarse<T>> {
        let axes = axis.into().resolve("resample", self.ndim(), self.names())?;
        let [axis] = axes.as_slice() else {
            return Err(Error::axis(
                "resample",
                format!("blocks along one axis, not {} of {}", axes.len(), self.shape()),
            ));
        };
        let mut sizes = vec![1; self.ndim()];
        sizes[*axis] = n;
        self.coarsen(&sizes, Boundary::Pad)
    }

    /// Windows of these sizes along each axis that roll over the array, one for each element, which ends there.
    /// Elements are floats then; NaN and what lies beyond the array is left out, and where fewer than `least` elements
    /// are there, all of the window where that is not said, the result is NaN. Windows that share elements share the
    /// work, and the result at a position depends on its own window alone: no running sum loses digits.
    ///
    /// ```
    /// use hyperslab::Context;
    /// let cx = Context::default();
    /// let x = cx.arange(4)?.cast::<f64>();
    /// let means = cx.compute(x.rolling(&[3], None, false)?.mean())?;
    /// assert!(means[[0]].is_nan() && means[[1]].is_nan());
    /// assert_eq!((means[[2]], means[[3]]), (1.0, 2.0));
    /// let centred = cx.compute(x.rolling(&[3], Some(1), true)?.sum())?;
    /// assert_eq!(centred.as_slice().unwrap(), &[1.0, 3.0, 6.0, 5.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) unless there is a window for each axis.
    pub fn rolling(&self, sizes: &[usize], least: Option<usize>, center: bool) -> Result<Rolled<T>> {
        if sizes.len() != self.ndim() || sizes.contains(&0) {
            let (have, want) = (crate::shape::tuple(sizes), self.shape());
            return Err(Error::shape("rolling", format!("windows {have} over an array of shape {want}")));
        }
        let least = least.unwrap_or_else(|| sizes.iter().product());
        Ok(Rolled { array: self.clone(), how: Rolling { sizes: sizes.to_vec(), least, center } })
    }

    /// Windows of `sizes` that slide along `axes`, as axes of their own after those of the array: NumPy's
    /// `sliding_window_view`. A reduction over these axes reads each element once.
    ///
    /// ```
    /// use hyperslab::Context;
    /// let cx = Context::default();
    /// let pairs = cx.arange(4)?.sliding_window_view(&[2], 0)?;
    /// assert_eq!(cx.compute(pairs.clone())?.as_slice().unwrap(), &[0, 1, 1, 2, 2, 3]);
    /// assert_eq!(cx.compute(pairs.sum(1))?.as_slice().unwrap(), &[1, 3, 5]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Axis`](crate::ErrorKind::Axis) for axes that are not there, [`Shape`](crate::ErrorKind::Shape) unless there is
    /// a size for each, and no window is longer than its axis.
    pub fn sliding_window_view(&self, sizes: &[usize], axes: impl Into<Axes>) -> Result<Self> {
        let name = "sliding_window_view";
        let axes: Vec<usize> = match axes.into() {
            Axes::Positions(list) => {
                list.iter().map(|&a| crate::shape::axes::position(name, a, self.ndim())).collect::<Result<_>>()?
            }
            other => other.resolve(name, self.ndim(), self.names())?,
        };
        if axes.len() != sizes.len() {
            return Err(Error::shape(name, format!("{} windows along {} axes", sizes.len(), axes.len())));
        }
        Ok(Self::of(slide(self.expr(), sizes, &axes)?))
    }
}

macro_rules! rolled {
    ($($doc:literal $name:ident $reduction:literal;)*) => {
        /// Reductions of each window. Each panics where [`Rolled::reduce`] gives an error.
        impl<T: Kind> Rolled<T> {
            $(#[doc = $doc]
            #[track_caller]
            #[must_use]
            pub fn $name(&self) -> Array<T::Mean> {
                Array::of(done(self.reduce($reduction, Params::default())).expr)
            })*
        }
    };
}
rolled! {
    "The sums." sum "sum";
    "The products." prod "prod";
    "The means." mean "mean";
    "The medians." median "median";
    "The smallest elements." min "min";
    "The largest elements." max "max";
}

impl<T: Kind> Rolled<T> {
    /// `sum`, `prod`, `mean`, `median`, `var`, `std`, `min`, `max` or `count` of what is not NaN in each window.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) or [`Argument`](crate::ErrorKind::Argument), as NumPy refuses;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for others.
    #[track_caller]
    pub fn reduce(&self, name: &str, params: Params) -> Result<Array> {
        let x = self.array.expr();
        let expr = match name {
            "median" => self.how.apply(x, |windows, axes| {
                let axes = Axes::Positions(axes.iter().map(|a| a.cast_signed()).collect());
                median(windows, &axes.into(), true)
            })?,
            // Of ones where there is an element and NaN elsewhere, the sum is the number.
            "count" => {
                let there = binary(ElementOp::Equal, x, x)?;
                self.how.reduce(&choice(&there, 1.0, f64::NAN)?, found("nansum")?, params)?
            }
            "sum" | "prod" | "mean" | "var" | "std" | "min" | "max" => {
                self.how.reduce(x, found(&format!("nan{name}"))?, params)?
            }
            other => return Err(Error::unsupported(format!("there is no reduction `{other}` of windows that roll"))),
        };
        Ok(Array::of(expr))
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
            let over = |part: &Expr| {
                let (apart, axes) = apart(part, sizes)?;
                of(&apart, &Axes::Positions(axes.iter().map(|a| a.cast_signed()).collect()).into())
            };
            let counts: Vec<usize> = part.shape.known()?.iter().zip(sizes).map(|(n, k)| n / k).collect();
            if !counts.contains(&0) {
                return over(part);
            }
            // Of no blocks nothing is left, of the dtype that one would have.
            let dtype = over(&build::full(sizes, Scalar::Int(0), part.dtype, None)?)?.dtype;
            build::full(&counts, Scalar::Int(0), dtype, None)
        };
        Ok(Array::of(divided(self.array.expr(), &self.sizes, self.boundary, Arc::new(blocks))?))
    }
}

fn found(name: &str) -> Result<&'static dyn Reduction> {
    reduction::find(name).ok_or_else(|| Error::unsupported(format!("there is no reduction `{name}`")))
}
