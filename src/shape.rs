//! Shapes: how long the axes of an array are, and how shapes combine.
//!
//! A [`Dim`] is known, or unknown until the data it depends on has been computed; unknown dimensions carry an identity,
//! so that two arrays cut by the same mask are known to align. [`Shape`] is a list of them. `shape/axes.rs` names axes,
//! `shape/broadcast.rs` combines shapes, `shape/slice.rs` describes basic indexing.

use std::fmt;

pub mod axes;
pub mod broadcast;
pub mod slice;

use crate::error::{Error, Result};

/// The length of one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dim {
    /// A length known when the expression is built.
    Known(usize),
    /// A length that depends on data. Equal identities are equal lengths.
    Unknown {
        /// Which unknown it is.
        id: u64,
        /// The largest length it can have.
        max: usize,
    },
}

impl Dim {
    /// The length, where it is known.
    #[must_use]
    pub fn known(self) -> Option<usize> {
        match self {
            Self::Known(n) => Some(n),
            Self::Unknown { .. } => None,
        }
    }

    /// The largest length this axis can have.
    #[must_use]
    pub fn max(self) -> usize {
        match self {
            Self::Known(n) | Self::Unknown { max: n, .. } => n,
        }
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(n) => write!(f, "{n}"),
            Self::Unknown { max, .. } => write!(f, "?≤{max}"),
        }
    }
}

impl From<usize> for Dim {
    fn from(n: usize) -> Self {
        Self::Known(n)
    }
}

/// The lengths of all axes of an array, outermost first.
///
/// ```
/// use hyperslab::shape::Shape;
/// let shape = Shape::from([3, 4]);
/// assert_eq!(shape.known().unwrap(), vec![3, 4]);
/// assert_eq!(shape.to_string(), "(3, 4)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(Vec<Dim>);

impl Shape {
    /// A shape of known lengths.
    #[must_use]
    pub fn new(lengths: &[usize]) -> Self {
        Self(lengths.iter().copied().map(Dim::Known).collect())
    }

    /// The axes.
    #[must_use]
    pub fn dims(&self) -> &[Dim] {
        &self.0
    }

    /// The number of axes.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Whether all lengths are known.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.0.iter().all(|d| d.known().is_some())
    }

    /// The lengths, where all are known.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when a length depends on data.
    pub fn known(&self) -> Result<Vec<usize>> {
        self.0
            .iter()
            .map(|d| d.known())
            .collect::<Option<_>>()
            .ok_or_else(|| Error::unsupported(format!("shape {self} is not known until it is computed")))
    }

    /// The largest lengths.
    #[must_use]
    pub fn max(&self) -> Vec<usize> {
        self.0.iter().map(|d| d.max()).collect()
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(lengths: [usize; N]) -> Self {
        Self::new(&lengths)
    }
}

impl From<Vec<Dim>> for Shape {
    fn from(dims: Vec<Dim>) -> Self {
        Self(dims)
    }
}

impl From<&[usize]> for Shape {
    fn from(lengths: &[usize]) -> Self {
        Self::new(lengths)
    }
}

impl From<Vec<usize>> for Shape {
    fn from(lengths: Vec<usize>) -> Self {
        Self::new(&lengths)
    }
}

impl fmt::Display for Shape {
    /// As Python prints a tuple: `()`, `(3,)`, `(3, 4)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&tuple(&self.0))
    }
}

/// A list as Python prints a tuple.
pub(crate) fn tuple<T: fmt::Display>(items: &[T]) -> String {
    let inner: Vec<String> = items.iter().map(ToString::to_string).collect();
    if let [one] = inner.as_slice() { format!("({one},)") } else { format!("({})", inner.join(", ")) }
}

/// The number of elements of a box of these lengths; `None` when it overflows `usize`.
#[must_use]
pub fn checked_size(lengths: &[usize]) -> Option<usize> {
    if lengths.contains(&0) {
        return Some(0);
    }
    lengths.iter().try_fold(1usize, |n, &d| n.checked_mul(d))
}

/// The shape that `wanted` means for the elements of `have`; one length may be -1, for what is left.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when the elements do not fit.
pub fn reshaped(have: &[usize], wanted: &[isize]) -> Result<Vec<usize>> {
    let fail = || {
        let total = checked_size(have).unwrap_or(usize::MAX);
        Error::shape("reshape", format!("an array of {total} elements cannot have shape {}", tuple(wanted)))
    };
    let open = wanted.iter().filter(|&&n| n == -1).count();
    if open > 1 {
        return Err(Error::shape("reshape", "only one length can be -1"));
    }
    let total = checked_size(have).ok_or_else(fail)?;
    let known: Vec<usize> =
        wanted.iter().filter(|&&n| n != -1).map(|&n| usize::try_from(n).map_err(|_| fail())).collect::<Result<_>>()?;
    let product = checked_size(&known).ok_or_else(fail)?;
    let rest = match open {
        0 if product == total => 1,
        1 if product > 0 && total % product == 0 => total / product,
        _ => return Err(fail()),
    };
    Ok(wanted.iter().map(|&n| usize::try_from(n).unwrap_or(rest)).collect())
}

/// Refuses lengths whose bytes cannot be counted, of whatever element type.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape), naming `op` and the lengths.
pub fn fits_memory(op: &str, lengths: &[usize]) -> Result<()> {
    // The largest elements take 16 bytes, and addresses are signed.
    let bytes = checked_size(lengths).and_then(|n| n.checked_mul(16)).filter(|&n| isize::try_from(n).is_ok());
    bytes.map(drop).ok_or_else(|| Error::shape(op, format!("shape {} is too large", tuple(lengths))))
}

/// The number of elements of a box whose size is known not to overflow.
#[must_use]
pub fn size(lengths: &[usize]) -> usize {
    lengths.iter().product()
}

/// Row-major strides, in elements, of a box of these lengths.
#[must_use]
pub fn strides(lengths: &[usize]) -> Vec<usize> {
    let mut out = vec![1; lengths.len()];
    for axis in (1..lengths.len()).rev() {
        out[axis - 1] = out[axis] * lengths[axis];
    }
    out
}
