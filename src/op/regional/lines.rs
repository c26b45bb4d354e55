//! What is done to whole lines of an axis.

use crate::chunk::Region;
use crate::dtype::DType;

/// An operation on every line along an axis by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lines {
    /// What is done.
    pub op: LineOp,
    /// The axis.
    pub axis: usize,
    /// The length of a line,
    pub len: usize,
    /// and of what it becomes.
    pub out: usize,
    /// The dtype of its elements.
    pub dtype: DType,
}

/// What a line becomes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LineOp {
    /// Its elements in ascending order, NaN last, equal ones in the order they come in.
    Sort,
    /// The positions of its elements in that order.
    Argsort,
}

impl LineOp {
    /// The NumPy name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sort => "sort",
            Self::Argsort => "argsort",
        }
    }
}

impl Lines {
    /// The dtype of the result.
    #[must_use]
    pub fn output(&self) -> DType {
        match self.op {
            LineOp::Sort => self.dtype,
            LineOp::Argsort => DType::I64,
        }
    }

    /// The whole lines behind `region` of the result.
    #[must_use]
    pub fn whole(&self, region: &Region) -> Region {
        let mut out = region.clone();
        (out.start[self.axis], out.shape[self.axis]) = (0, self.len);
        out
    }

    /// Bytes beside a line and its result: the line in order, each element with its position.
    #[must_use]
    pub fn scratch(&self, _block: &[usize]) -> usize {
        self.len * (self.dtype.size() + size_of::<u64>())
    }
}
