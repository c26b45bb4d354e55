//! Pyramids: an image at several resolutions, each made of the one before it.

use super::{Array, Kind};
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind as Family};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::windows::Boundary;
use crate::op::elementwise::ElementOp;
use crate::op::reduction::Params;
use crate::shape::slice::Item;
use std::str::FromStr;

/// What an element of a coarser level is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Downscale {
    /// The mean of the elements below it; of integers, rounded to the nearest, halves up.
    #[default]
    Mean,
    /// Their median, of integers rounded in the same way.
    Median,
    /// The smallest of them.
    Min,
    /// The largest of them.
    Max,
    /// The first of them: for labels, which have no means.
    Nearest,
}

impl FromStr for Downscale {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "mean" => Self::Mean,
            "median" => Self::Median,
            "min" => Self::Min,
            "max" => Self::Max,
            "nearest" => Self::Nearest,
            _ => {
                let why = format!("`{text}` is none of mean, median, min, max and nearest");
                return Err(Error::argument("pyramid", why));
            }
        })
    }
}

impl<T: Kind> Array<T> {
    /// This array and `more` coarser ones, each made of blocks of `sizes` neighbours of the one before it; blocks at
    /// the end of an axis may be shorter. The dtype stays. Stored together, they are made in one pass over this one.
    ///
    /// ```
    /// use hyperslab::{Context, array::pyramid::Downscale};
    /// let cx = Context::default();
    /// let x = cx.arange(10)?.cast::<u16>();
    /// let levels = x.pyramid(&[2], 2, Downscale::Mean)?;
    /// assert_eq!(cx.compute(levels[1].clone())?.as_slice().unwrap(), &[1, 3, 5, 7, 9]);
    /// assert_eq!(cx.compute(levels[2].clone())?.as_slice().unwrap(), &[2, 6, 9]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Array::coarsen`], and what the reduction refuses.
    #[track_caller]
    pub fn pyramid(&self, sizes: &[usize], more: usize, how: Downscale) -> Result<Vec<Self>> {
        let mut levels = vec![self.clone()];
        for _ in 0..more {
            let finer = &levels[levels.len() - 1];
            levels.push(Self::of(finer.coarser(sizes, how)?));
        }
        Ok(levels)
    }

    /// The next level.
    fn coarser(&self, sizes: &[usize], how: Downscale) -> Result<Expr> {
        let blocks = self.coarsen(sizes, Boundary::Pad)?;
        let name = match how {
            Downscale::Mean => "mean",
            Downscale::Median => "median",
            Downscale::Min => "min",
            Downscale::Max => "max",
            Downscale::Nearest => {
                let step = |&k: &usize| Item::Slice { start: None, stop: None, step: k.cast_signed() };
                return build::index(self.expr(), &sizes.iter().map(step).collect::<Vec<_>>());
            }
        };
        rounded(blocks.reduce(name, Params::default())?.expr(), self.dtype())
    }
}

/// `x` in `dtype`, of integers and truth values the nearest.
fn rounded(x: &Expr, dtype: DType) -> Result<Expr> {
    if x.dtype == dtype || matches!(dtype.kind(), Family::Float | Family::Complex) {
        return build::cast(x, dtype);
    }
    let up = build::element(ElementOp::Add, &[Arg::from(x), Arg::Scalar(Scalar::Float(0.5))])?;
    build::cast(&build::element(ElementOp::Floor, &[Arg::Array(up)])?, dtype)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::context::Context;

    #[test]
    fn levels_keep_the_type_and_the_last_elements() {
        let cx = Context::default();
        let x = cx.from_ndarray(ndarray::arr2(&[[1_i32, 2, 9], [4, 8, -3], [-5, -4, 7]]).into_dyn()).unwrap();
        let of = |how| {
            let level = x.pyramid(&[2, 2], 1, how).unwrap().remove(1);
            cx.compute(level).unwrap().iter().copied().collect::<Vec<i32>>()
        };
        // 15 / 4, 6 / 2, -9 / 2, 7.
        assert_eq!(of(Downscale::Mean), [4, 3, -4, 7]);
        assert_eq!(of(Downscale::Median), [3, 3, -4, 7]);
        assert_eq!(of(Downscale::Min), [1, -3, -5, 7]);
        assert_eq!(of(Downscale::Max), [8, 9, -4, 7]);
        assert_eq!(of(Downscale::Nearest), [1, 9, -5, 7]);
        let truth = x.greater(0).pyramid(&[3, 3], 1, Downscale::Mean).unwrap().remove(1);
        assert!(cx.compute(truth).unwrap()[[0, 0]]);
        assert!(x.pyramid(&[2], 1, Downscale::Mean).is_err() && "mode".parse::<Downscale>().is_err());
    }
}
