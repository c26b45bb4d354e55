//! Basic indexing: integers, slices, `newaxis` and `...`, with NumPy's rules.

use crate::error::{Error, Result};

/// One item of an index expression.
///
/// ```
/// use hyperslab::shape::slice::Item;
/// let every_other = Item::from((1.., 2));
/// assert_eq!(every_other, Item::Slice { start: Some(1), stop: None, step: 2 });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// One position; the axis disappears.
    Index(isize),
    /// `start:stop:step`, Python's rules for what is left out or negative.
    Slice {
        /// First position.
        start: Option<isize>,
        /// Position before which it stops.
        stop: Option<isize>,
        /// Distance; negative walks backwards, never 0.
        step: isize,
    },
    /// A new axis of length 1.
    NewAxis,
    /// As many full slices as the rank needs.
    Ellipsis,
}

/// What an index does to one axis of the input, or to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resolved {
    /// Keep `len` positions from `start` on, `step` apart.
    Range { axis: usize, start: usize, step: isize, len: usize },
    /// Fix the axis at a position.
    Fixed { axis: usize, at: usize },
    /// Insert an axis of length 1.
    New,
}

/// Resolves `items` against an array of this shape.
///
/// # Errors
/// [`Index`](crate::ErrorKind::Index) for too many indices, a position out of bounds, a step of 0, a second `...`.
pub(crate) fn resolve(items: &[Item], shape: &[usize]) -> Result<Vec<Resolved>> {
    let used = items.iter().filter(|i| matches!(i, Item::Index(_) | Item::Slice { .. })).count();
    if used > shape.len() {
        return Err(Error::index(format!("{used} indices for an array of rank {}", shape.len())));
    }
    if items.iter().filter(|i| **i == Item::Ellipsis).count() > 1 {
        return Err(Error::index("an index can hold only one `...`"));
    }
    let mut fill = shape.len() - used;
    let mut axis = 0;
    let mut out = Vec::new();
    let full = |axis: usize| Resolved::Range { axis, start: 0, step: 1, len: shape[axis] };
    for item in items {
        match item {
            Item::NewAxis => out.push(Resolved::New),
            Item::Ellipsis => {
                out.extend((axis..axis + fill).map(full));
                axis += fill;
                fill = 0;
            }
            Item::Index(at) => {
                out.push(Resolved::Fixed { axis, at: bounded(*at, axis, shape[axis])? });
                axis += 1;
            }
            Item::Slice { start, stop, step } => {
                let (start, len) = range(*start, *stop, *step, shape[axis])?;
                // A step over the whole axis is taken no more than once, so that products with it stay small.
                let step = if step.unsigned_abs() > shape[axis] { step.signum() } else { *step };
                out.push(Resolved::Range { axis, start, step, len });
                axis += 1;
            }
        }
    }
    out.extend((axis..shape.len()).map(full));
    Ok(out)
}

fn bounded(at: isize, axis: usize, len: usize) -> Result<usize> {
    let found = if at < 0 { len.checked_sub(at.unsigned_abs()) } else { Some(at.unsigned_abs()) };
    found
        .filter(|&i| i < len)
        .ok_or_else(|| Error::index(format!("{at} is out of bounds for axis {axis} of length {len}")))
}

/// First position and number of positions of a slice over `len` elements (Python's `slice.indices`).
pub(crate) fn range(start: Option<isize>, stop: Option<isize>, step: isize, len: usize) -> Result<(usize, usize)> {
    if step == 0 {
        return Err(Error::index("the step of a slice cannot be 0"));
    }
    let n = len.cast_signed();
    let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
    let clamp = |v: isize| (if v < 0 { v.saturating_add(n) } else { v }).clamp(low, high);
    let first = start.map_or(if step > 0 { low } else { high }, clamp);
    let last = stop.map_or(if step > 0 { high } else { low }, clamp);
    let span = if step > 0 { last - first } else { first - last };
    if span <= 0 {
        return Ok((0, 0));
    }
    let count = (span.unsigned_abs() - 1) / step.unsigned_abs() + 1;
    Ok((first.unsigned_abs(), count))
}

impl From<isize> for Item {
    fn from(at: isize) -> Self {
        Self::Index(at)
    }
}

impl From<std::ops::RangeFull> for Item {
    fn from(_: std::ops::RangeFull) -> Self {
        Self::Slice { start: None, stop: None, step: 1 }
    }
}

impl From<std::ops::Range<isize>> for Item {
    fn from(r: std::ops::Range<isize>) -> Self {
        Self::Slice { start: Some(r.start), stop: Some(r.end), step: 1 }
    }
}

impl From<std::ops::RangeFrom<isize>> for Item {
    fn from(r: std::ops::RangeFrom<isize>) -> Self {
        Self::Slice { start: Some(r.start), stop: None, step: 1 }
    }
}

impl From<std::ops::RangeTo<isize>> for Item {
    fn from(r: std::ops::RangeTo<isize>) -> Self {
        Self::Slice { start: None, stop: Some(r.end), step: 1 }
    }
}

impl<R> From<(R, isize)> for Item
where
    R: Into<Item>,
{
    /// A range and its step: `(1..9, 2)`, `(.., -1)`.
    fn from((range, step): (R, isize)) -> Self {
        match range.into() {
            Self::Slice { start, stop, .. } => Self::Slice { start, stop, step },
            other => other,
        }
    }
}

/// ndarray's `s![]`: reversed slices keep ndarray's meaning (the range is taken first, then walked backwards).
impl From<ndarray::SliceInfoElem> for Item {
    fn from(elem: ndarray::SliceInfoElem) -> Self {
        match elem {
            ndarray::SliceInfoElem::Index(at) => Self::Index(at),
            ndarray::SliceInfoElem::NewAxis => Self::NewAxis,
            ndarray::SliceInfoElem::Slice { start, end, step } if step > 0 => {
                Self::Slice { start: Some(start), stop: end, step }
            }
            ndarray::SliceInfoElem::Slice { start, end, step } => {
                Self::Slice { start: end.map(|e| e - 1), stop: if start == 0 { None } else { Some(start - 1) }, step }
            }
        }
    }
}

/// Anything that indexes an array: one item, a list of items, or ndarray's `s![..]`.
///
/// ```
/// use hyperslab::shape::slice::{Index, Item};
/// let index = Index::from(ndarray::s![1..3, .., 0]);
/// assert_eq!(index.items().len(), 3);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index(Vec<Item>);

impl Index {
    /// The items, outermost axis first.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.0
    }
}

impl From<Vec<Item>> for Index {
    fn from(items: Vec<Item>) -> Self {
        Self(items)
    }
}

impl<const N: usize> From<[Item; N]> for Index {
    fn from(items: [Item; N]) -> Self {
        Self(items.to_vec())
    }
}

impl<I: Into<Item>> From<I> for Index {
    fn from(item: I) -> Self {
        Self(vec![item.into()])
    }
}

impl<T, I, O> From<ndarray::SliceInfo<T, I, O>> for Index
where
    T: AsRef<[ndarray::SliceInfoElem]>,
    I: ndarray::Dimension,
    O: ndarray::Dimension,
{
    fn from(info: ndarray::SliceInfo<T, I, O>) -> Self {
        Self((*info).as_ref().iter().copied().map(Item::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_follow_python() {
        for len in 0..7usize {
            for start in -9..9isize {
                for stop in -9..9isize {
                    for step in [-3, -2, -1, 1, 2, 3] {
                        let (first, count) = range(Some(start), Some(stop), step, len).unwrap();
                        let picked: Vec<isize> =
                            (0..count.cast_signed()).map(|k| first.cast_signed() + k * step).collect();
                        assert_eq!(picked, reference(start, stop, step, len.cast_signed()));
                    }
                }
            }
        }
    }

    /// Walks from the wrapped start until the wrapped stop, keeping what lies inside.
    fn reference(start: isize, stop: isize, step: isize, len: isize) -> Vec<isize> {
        let wrap = |v: isize| if v < 0 { v + len } else { v };
        let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
        let (mut at, end) = (wrap(start).clamp(low, high), wrap(stop).clamp(low, high));
        let mut out = Vec::new();
        while if step > 0 { at < end } else { at > end } {
            out.push(at);
            at += step;
        }
        out
    }

    #[test]
    fn refusals_name_the_axis() {
        let refuse = |items: &[Item]| resolve(items, &[7, 3]).unwrap_err().to_string();
        assert_eq!(refuse(&[Item::Index(7)]), "index: 7 is out of bounds for axis 0 of length 7");
        assert_eq!(refuse(&[0.into(), 0.into(), 0.into()]), "index: 3 indices for an array of rank 2");
        assert_eq!(refuse(&[(.., 0).into()]), "index: the step of a slice cannot be 0");
    }
}
