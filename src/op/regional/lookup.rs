//! What is looked up in a table that all elements share, element by element.

use super::Computation;
use crate::chunk::index_map::AxisMap;
use crate::chunk::{Chunks, IndexMap, Region};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::shape;
use std::fmt;

/// The place of every element of the first input in a table, the second one, which has one axis.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lookup {
    /// What is found.
    pub op: LookupOp,
    /// The dtype of elements and table.
    pub dtype: DType,
    /// The length of the table.
    pub len: usize,
}

/// What is found in a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LookupOp {
    /// Before how many elements of a sorted table an element belongs: NaN last, complex numbers by real part, then by
    /// imaginary part.
    Search {
        /// Behind equal ones, rather than before them.
        right: bool,
        /// Whether a third input has the positions of the table in order.
        sorter: bool,
    },
    /// The bin of an element, where the table ascends or descends.
    Digitize {
        /// Whether bins hold their right ends, rather than their left ones.
        right: bool,
    },
    /// Whether a sorted table holds an element.
    Contains {
        /// Whether it is asked if it does not.
        invert: bool,
    },
    /// Linear interpolation between the points of an ascending table and the values that a third input has there.
    Interp {
        /// What is left of the first point, where it is not the first value.
        left: Option<Scalar>,
        /// What is right of the last.
        right: Option<Scalar>,
        /// The dtype of the values.
        values: DType,
        /// The length after which points, which are less, come again; a fourth input has their positions in order.
        period: Option<Scalar>,
    },
}

impl LookupOp {
    /// The NumPy name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Search { .. } => "searchsorted",
            Self::Digitize { .. } => "digitize",
            Self::Contains { .. } => "isin",
            Self::Interp { .. } => "interp",
        }
    }
}

impl Computation for Lookup {
    fn name(&self) -> &'static str {
        self.op.name()
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in a table of {}", self.op.name(), self.len)
    }

    fn output(&self) -> DType {
        match &self.op {
            LookupOp::Search { .. } | LookupOp::Digitize { .. } => DType::I64,
            LookupOp::Contains { .. } => DType::Bool,
            LookupOp::Interp { values, .. } => *values,
        }
    }

    fn input_space(&self, space: &[usize]) -> Vec<usize> {
        [space, &[self.len]].concat()
    }

    /// Elements are seen as they are, tables along an axis more.
    fn map(&self, input: usize, _: &[usize], seen: &[usize]) -> IndexMap {
        let axis = seen.len() - 1;
        if input == 0 { IndexMap::identity(axis) } else { along(axis) }
    }

    fn is_local(&self) -> bool {
        true
    }

    fn shares(&self, input: usize) -> bool {
        input > 0
    }

    fn hull(&self, region: &Region) -> Region {
        let mut out = region.clone();
        out.start.push(0);
        out.shape.push(self.len);
        out
    }

    fn largest_part(&self, block: &[usize]) -> Vec<usize> {
        self.input_space(block)
    }

    fn read_in(&self, grid: &Chunks) -> Chunks {
        grid.clone()
    }

    /// Elements side by side, and the table as it is searched.
    fn scratch(&self, block: &[usize]) -> usize {
        let table = match &self.op {
            LookupOp::Contains { .. } | LookupOp::Search { sorter: false, .. } => 0,
            LookupOp::Search { sorter: true, .. } | LookupOp::Digitize { .. } => self.dtype.size(),
            LookupOp::Interp { values, .. } => self.dtype.size() + values.size(),
        };
        shape::size(block) * self.dtype.size() + (self.len + 2) * table
    }
}

/// The map by which a table of one axis is seen along axis `axis`.
pub(super) fn along(axis: usize) -> IndexMap {
    IndexMap { axes: vec![AxisMap { out: Some(axis), offset: 0, stride: 1 }] }
}
