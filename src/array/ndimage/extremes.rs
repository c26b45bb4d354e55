//! The smallest and largest elements of windows, and those of a rank.

use super::weigh::{sized, sized1d, table};
use super::{Around, Ndimage, per_axis, run, spread, spread_origins, starts, with_numbers};
use crate::array::{Array, Kind};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::pending::when_known;
use crate::op::regional::filter::{Join, Number, Pass, PassOp};
use crate::shape;
use crate::shape::axes::position;

/// The elements of a window that count.
#[derive(Debug, Clone)]
pub enum Footprint {
    /// All of a window of this size: one length, or one for each axis.
    Size(Vec<usize>),
    /// Those at which an array is not 0.
    Mask(Expr),
}

/// Which element of a window, in order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place {
    /// The first.
    Smallest,
    /// The last.
    Largest,
    /// The one of this number, counted from the end where it is negative.
    Rank(isize),
    /// The middle, the second of two.
    Median,
    /// The one below which this many in a hundred lie, counted from the other end where negative.
    Percentile(f64),
}

impl Place {
    /// The rank among `count` elements.
    fn rank(self, name: &str, count: usize) -> Result<usize> {
        let rank = match self {
            Self::Smallest => 0,
            Self::Largest => count.cast_signed() - 1,
            Self::Rank(rank) => rank,
            Self::Median => (count / 2).cast_signed(),
            Self::Percentile(p) => {
                let p = if p < 0.0 { p + 100.0 } else { p };
                if !(0.0..=100.0).contains(&p) {
                    return Err(Error::argument(name, format!("{p} is no percentile")));
                }
                #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "windows are short")]
                let below = (count as f64 * p / 100.0) as isize;
                if p >= 100.0 { count.cast_signed() - 1 } else { below }
            }
        };
        let rank = if rank < 0 { rank + count.cast_signed() } else { rank };
        match usize::try_from(rank) {
            Ok(rank) if rank < count => Ok(rank),
            _ => Err(Error::argument(name, format!("there is no rank {rank} in a window of {count} elements"))),
        }
    }
}

pub(super) fn refuse_complex(name: &str, x: &Expr) -> Result<()> {
    if x.dtype.is_complex() {
        return Err(Error::dtype(name, "complex numbers have no order"));
    }
    Ok(())
}

/// For each element the one of its window that stands at a place in order.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for complex numbers; [`Argument`](crate::ErrorKind::Argument) for windows without
/// elements, a place that is not there, and lists that have not one item for each axis.
#[track_caller]
pub fn placed(name: &'static str, x: &Expr, footprint: &Footprint, place: Place, around: &Around) -> Result<Expr> {
    refuse_complex(name, x)?;
    let around = around.clone();
    match footprint {
        Footprint::Size(size) => {
            let size = size.clone();
            when_known(name, std::slice::from_ref(x), move |e| {
                let axes = around.axes(name, e[0].shape.rank())?;
                let size = per_axis(name, "sizes", &size, axes.len())?;
                filled(name, &e[0], &size, place, &around)
            })
        }
        Footprint::Mask(mask) => {
            let mask = build::cast(mask, DType::Bool)?;
            with_numbers(name, x, &mask, move |x, window, mask| masked(name, x, window, mask, place, &around))
        }
    }
}

/// Windows in which every element counts.
fn filled(name: &'static str, x: &Expr, size: &[usize], place: Place, around: &Around) -> Result<Expr> {
    let extreme = matches!(place, Place::Smallest | Place::Largest);
    let count = shape::checked_size(size).ok_or_else(|| Error::argument(name, "the window is too large"))?;
    // A window without elements is left out of extremes, as one of a single element.
    if count == 0 && !extreme {
        return Err(Error::argument(name, "a window has elements"));
    }
    if extreme {
        let passes = sized(name, x, size, around, &|axis| PassOp::Extreme { axis, largest: place == Place::Largest })?;
        return finished(name, x, passes, around);
    }
    masked(name, x, size, &vec![1.0; count], place, around)
}

/// Windows in which the elements at which `mask` is not 0 count.
fn masked(name: &'static str, x: &Expr, window: &[usize], mask: &[f64], place: Place, around: &Around) -> Result<Expr> {
    let rank = x.shape.rank();
    let axes = around.axes(name, rank)?;
    let counting: Vec<usize> = (0..mask.len()).filter(|&i| mask[i] != 0.0).collect();
    if counting.is_empty() {
        return Err(Error::argument(name, "a footprint has elements"));
    }
    let wanted = place.rank(name, counting.len())?;
    let extreme = wanted == 0 || wanted + 1 == counting.len();
    let named = matches!(place, Place::Smallest | Place::Largest);
    let largest = if named { place == Place::Largest } else { wanted > 0 };
    if !named {
        starts(name, &spread(name, &axes, rank, window)?, &spread_origins(name, &axes, rank, &around.origins)?)?;
    }
    if counting.len() == mask.len() && extreme && window.len() == axes.len() {
        // A window lies along the axes of an extreme as they are named, along those of a rank in order.
        let mut around = around.clone();
        if !named {
            let ordered: Vec<usize> = (0..rank).filter(|a| axes.contains(a)).collect();
            let origins = spread_origins(name, &axes, rank, &around.origins)?;
            around.origins = ordered.iter().map(|&a| origins[a]).collect();
            around.axes = Some(ordered.iter().map(|a| a.cast_signed()).collect());
        }
        let passes = sized(name, x, window, &around, &|axis| PassOp::Extreme { axis, largest })?;
        return finished(name, x, passes, &around);
    }
    let lengths = spread(name, &axes, rank, window)?;
    let before = starts(name, &lengths, &spread_origins(name, &axes, rank, &around.origins)?)?;
    let op = if extreme {
        PassOp::Peak { places: counting.into_iter().map(|p| (p, None)).collect(), largest }
    } else {
        PassOp::Rank { places: counting, rank: wanted }
    };
    let edges = around.edge(name, rank)?;
    let pass = Pass { op, window: lengths, before, edges, constant: Number::from(around.cval) };
    finished(name, x, vec![pass], around)
}

/// In the dtype of the elements, and then in another one.
fn finished(name: &'static str, x: &Expr, passes: Vec<Pass>, around: &Around) -> Result<Expr> {
    build::cast(&run(name, x, vec![passes], Join::Sum, x.dtype)?, around.output.unwrap_or(x.dtype))
}

/// The smallest, or largest, of `size` elements along an axis.
///
/// # Errors
/// As [`placed`].
#[track_caller]
pub fn extreme1d(name: &'static str, x: &Expr, size: usize, axis: isize, around: &Around) -> Result<Expr> {
    refuse_complex(name, x)?;
    let (around, largest) = (around.clone(), name == "maximum_filter1d");
    let axis = position(name, axis, x.shape.rank())?;
    when_known(name, std::slice::from_ref(x), move |e| {
        let pass = sized1d(name, &e[0], (size, axis), &around, PassOp::Extreme { axis, largest })?;
        finished(name, &e[0], vec![pass], &around)
    })
}

impl<T: Kind> Ndimage<T> {
    fn of_windows(&self, name: &'static str, footprint: &Footprint, place: Place) -> Result<Array<T>> {
        Ok(Self::array(placed(name, &self.x, footprint, place, &self.around)?))
    }

    /// The smallest elements of windows of this size.
    ///
    /// # Errors
    /// As [`placed`].
    #[track_caller]
    pub fn minimum_filter(&self, size: &[usize]) -> Result<Array<T>> {
        self.of_windows("minimum_filter", &Footprint::Size(size.to_vec()), Place::Smallest)
    }

    /// The largest elements of windows of this size.
    ///
    /// # Errors
    /// As [`placed`].
    #[track_caller]
    pub fn maximum_filter(&self, size: &[usize]) -> Result<Array<T>> {
        self.of_windows("maximum_filter", &Footprint::Size(size.to_vec()), Place::Largest)
    }

    /// The medians of windows of this size; of an even number of elements, the second in the middle.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr1(&[1, 1, 9, 1, 2]).into_dyn())?;
    /// assert_eq!(cx.compute(x.ndimage().median_filter(&[3])?)?.as_slice().unwrap(), &[1, 1, 1, 2, 2]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`placed`].
    #[track_caller]
    pub fn median_filter(&self, size: &[usize]) -> Result<Array<T>> {
        self.of_windows("median_filter", &Footprint::Size(size.to_vec()), Place::Median)
    }

    /// The elements of this rank in windows of this size, counted from the end where the rank is negative.
    ///
    /// # Errors
    /// As [`placed`].
    #[track_caller]
    pub fn rank_filter(&self, rank: isize, size: &[usize]) -> Result<Array<T>> {
        self.of_windows("rank_filter", &Footprint::Size(size.to_vec()), Place::Rank(rank))
    }

    /// The elements below which so many in a hundred of a window lie.
    ///
    /// # Errors
    /// As [`placed`].
    #[track_caller]
    pub fn percentile_filter(&self, percentile: f64, size: &[usize]) -> Result<Array<T>> {
        self.of_windows("percentile_filter", &Footprint::Size(size.to_vec()), Place::Percentile(percentile))
    }

    /// The element at a place in the order of those of a window at which `footprint`, in C order, is true.
    ///
    /// # Errors
    /// As [`placed`].
    #[track_caller]
    pub fn rank_among(&self, place: Place, window: &[usize], footprint: &[bool]) -> Result<Array<T>> {
        let numbers: Vec<f64> = footprint.iter().map(|&b| f64::from(u8::from(b))).collect();
        self.of_windows("rank_filter", &Footprint::Mask(table(window, &numbers)?), place)
    }
}
