//! Boxes of indices.

use crate::shape;
use std::fmt;

/// A box of indices: `start[k] .. start[k] + shape[k]` along each axis.
///
/// ```
/// use hyperslab::chunk::Region;
/// let a = Region::new(vec![0, 2], vec![4, 4]);
/// let b = Region::new(vec![2, 0], vec![4, 4]);
/// assert_eq!(a.intersect(&b), Some(Region::new(vec![2, 2], vec![2, 2])));
/// assert_eq!(a.to_string(), "[0:4, 2:6]");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region {
    /// First index along each axis.
    pub start: Vec<usize>,
    /// Length along each axis.
    pub shape: Vec<usize>,
}

impl Region {
    /// The box at `start` of this `shape`.
    #[must_use]
    pub fn new(start: Vec<usize>, shape: Vec<usize>) -> Self {
        debug_assert_eq!(start.len(), shape.len());
        Self { start, shape }
    }

    /// The box that covers an array of this shape.
    #[must_use]
    pub fn full(shape: &[usize]) -> Self {
        Self { start: vec![0; shape.len()], shape: shape.to_vec() }
    }

    /// The number of axes.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.start.len()
    }

    /// The number of elements.
    #[must_use]
    pub fn size(&self) -> usize {
        shape::size(&self.shape)
    }

    /// The index after the last along `axis`.
    #[must_use]
    pub fn end(&self, axis: usize) -> usize {
        self.start[axis] + self.shape[axis]
    }

    /// The common box, unless it is empty.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let mut out = self.clone();
        for axis in 0..self.rank() {
            let start = self.start[axis].max(other.start[axis]);
            let end = self.end(axis).min(other.end(axis));
            if start >= end {
                return None;
            }
            out.start[axis] = start;
            out.shape[axis] = end - start;
        }
        Some(out)
    }

    /// The smallest box that holds both.
    #[must_use]
    pub fn hull(&self, other: &Self) -> Self {
        let start: Vec<usize> = self.start.iter().zip(&other.start).map(|(a, b)| *a.min(b)).collect();
        let shape = start.iter().enumerate().map(|(a, first)| self.end(a).max(other.end(a)) - first).collect();
        Self { start, shape }
    }

    /// Whether `other` lies inside.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        (0..self.rank()).all(|a| self.start[a] <= other.start[a] && other.end(a) <= self.end(a))
    }

    /// This box as seen from the corner of `origin`.
    #[must_use]
    pub fn relative_to(&self, origin: &Self) -> Self {
        let start = self.start.iter().zip(&origin.start).map(|(a, b)| a - b).collect();
        Self { start, shape: self.shape.clone() }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let axes: Vec<String> = (0..self.rank()).map(|a| format!("{}:{}", self.start[a], self.end(a))).collect();
        write!(f, "[{}]", axes.join(", "))
    }
}

/// Walks the indices of a box in row-major order.
#[derive(Debug, Clone)]
pub struct Indices {
    lengths: Vec<usize>,
    next: Option<Vec<usize>>,
}

impl Indices {
    /// All indices of a box of these lengths; one empty index for rank 0, none where a length is 0.
    #[must_use]
    pub fn new(lengths: &[usize]) -> Self {
        let next = (!lengths.contains(&0)).then(|| vec![0; lengths.len()]);
        Self { lengths: lengths.to_vec(), next }
    }
}

impl Iterator for Indices {
    type Item = Vec<usize>;

    fn next(&mut self) -> Option<Vec<usize>> {
        let current = self.next.clone()?;
        self.next = advance(&current, &self.lengths);
        Some(current)
    }
}

fn advance(index: &[usize], lengths: &[usize]) -> Option<Vec<usize>> {
    let mut index = index.to_vec();
    for axis in (0..index.len()).rev() {
        index[axis] += 1;
        if index[axis] < lengths[axis] {
            return Some(index);
        }
        index[axis] = 0;
    }
    None
}
