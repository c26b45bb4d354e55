//! Products of matrices, as data.

use crate::chunk::AxisChunks;
use crate::dtype::DType;

/// How stacks of matrices are multiplied: `(.., m, k)` and `(.., k, n)` to `(segments, .., m, n)`.
///
/// All cuts are part of the meaning: each *cell* of the product is computed by itself, *panel* after panel of the axis
/// that is summed over, so that no block decides how anything is rounded. Long sums for few outputs are cut into
/// *segments*, whose products are added up later.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Contraction {
    /// The dtype of the factors and of the product.
    pub dtype: DType,
    /// Where the rows of the product are cut into cells.
    pub rows: AxisChunks,
    /// Where its columns are.
    pub columns: AxisChunks,
    /// Where the axis that is summed over is cut into panels.
    pub panels: AxisChunks,
    /// Where it is cut into segments; each is a union of panels.
    pub segments: AxisChunks,
}

impl Contraction {
    /// Whether each segment is one panel, so that nothing is added to a product.
    #[must_use]
    pub fn adds_nothing(&self) -> bool {
        self.panels.count() <= self.segments.count()
    }

    /// The dtype in which products are added up.
    #[must_use]
    pub fn work(&self) -> DType {
        match self.dtype {
            DType::F16 | DType::BF16 => DType::F32,
            other => other,
        }
    }
}
