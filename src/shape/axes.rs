//! Axes of a reduction or a permutation, as users write them.

use crate::error::{Error, Result};

/// The dimensions of an array without names.
pub const UNNAMED: &[Option<String>] = &[];

/// A set of axes: `..` for all, `0`, `-1`, `[0, 2]`, `ndarray::Axis(0)`, or dimension names.
///
/// ```
/// use hyperslab::shape::axes::{Axes, UNNAMED};
/// let axes = Axes::from([0, -1]);
/// assert_eq!(axes.resolve("sum", 3, UNNAMED).unwrap(), vec![0, 2]);
/// assert!(Axes::from(3).resolve("sum", 3, UNNAMED).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Axes {
    /// All of them.
    All,
    /// By position; negative counts from the end.
    Positions(Vec<isize>),
    /// By dimension name.
    Names(Vec<String>),
}

impl Axes {
    /// The positions, ascending, in an array of rank `rank` whose dimensions are called `names` (none when empty).
    ///
    /// # Errors
    /// [`Axis`](crate::ErrorKind::Axis) for an axis outside the rank, named twice, or of a name the array has not.
    pub fn resolve(&self, op: &str, rank: usize, names: &[Option<impl AsRef<str>>]) -> Result<Vec<usize>> {
        let mut out = match self {
            Self::All => (0..rank).collect(),
            Self::Positions(list) => list.iter().map(|&a| position(op, a, rank)).collect::<Result<Vec<_>>>()?,
            Self::Names(list) => list.iter().map(|n| named(op, n, names)).collect::<Result<Vec<_>>>()?,
        };
        out.sort_unstable();
        if let Some(twice) = out.windows(2).find(|w| w[0] == w[1]).and_then(|w| w.first()) {
            return Err(Error::axis(op, format!("axis {twice} is named twice")));
        }
        Ok(out)
    }
}

/// The axis that `axis` means in an array of rank `rank`; negative counts from the end.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) when there is no such axis.
pub fn position(op: &str, axis: isize, rank: usize) -> Result<usize> {
    let found = if axis < 0 { rank.checked_sub(axis.unsigned_abs()) } else { Some(axis.unsigned_abs()) };
    found
        .filter(|&a| a < rank)
        .ok_or_else(|| Error::axis(op, format!("axis {axis} is out of bounds for an array of rank {rank}")))
}

fn named(op: &str, name: &str, names: &[Option<impl AsRef<str>>]) -> Result<usize> {
    names.iter().position(|n| n.as_ref().is_some_and(|n| n.as_ref() == name)).ok_or_else(|| {
        let have: Vec<&str> = names.iter().flatten().map(AsRef::as_ref).collect();
        Error::axis(op, format!("no dimension is called `{name}`; the array has {have:?}"))
    })
}

impl From<std::ops::RangeFull> for Axes {
    fn from(_: std::ops::RangeFull) -> Self {
        Self::All
    }
}

impl From<isize> for Axes {
    fn from(axis: isize) -> Self {
        Self::Positions(vec![axis])
    }
}

impl From<ndarray::Axis> for Axes {
    fn from(axis: ndarray::Axis) -> Self {
        Self::Positions(vec![axis.0.cast_signed()])
    }
}

impl<const N: usize> From<[isize; N]> for Axes {
    fn from(axes: [isize; N]) -> Self {
        Self::Positions(axes.to_vec())
    }
}

impl From<&[isize]> for Axes {
    fn from(axes: &[isize]) -> Self {
        Self::Positions(axes.to_vec())
    }
}

impl From<Vec<isize>> for Axes {
    fn from(axes: Vec<isize>) -> Self {
        Self::Positions(axes)
    }
}

impl From<&str> for Axes {
    fn from(name: &str) -> Self {
        Self::Names(vec![name.to_owned()])
    }
}

impl<const N: usize> From<[&str; N]> for Axes {
    fn from(names: [&str; N]) -> Self {
        Self::Names(names.iter().map(|&n| n.to_owned()).collect())
    }
}
