//! Factors of matrices that are seen whole: one array with all factors of a matrix, of which each is a box.

use super::{Computation, Part};
use crate::chunk::{AxisChunks, Chunks, Region};
use crate::dtype::DType;
use crate::shape;
use std::fmt;

/// The factors of each matrix of the last two axes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decompose {
    /// Which factors.
    pub factors: Factors,
    /// How many axes stand before the matrices.
    pub outer: usize,
    /// The rows of a matrix,
    pub rows: usize,
    /// and its columns.
    pub columns: usize,
    /// The dtype of its elements.
    pub dtype: DType,
}

/// What a matrix is the product of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Factors {
    /// A matrix `q` with orthonormal columns and an upper triangle `r`.
    Qr(Columns),
    /// Matrices with orthonormal columns around its singular values, in descending order.
    Singular(Columns),
    /// Eigenvalues of a Hermitian matrix in ascending order, and orthonormal eigenvectors.
    Hermitian {
        /// Whether the upper triangle is read rather than the lower one.
        upper: bool,
        /// Whether there are eigenvectors.
        vectors: bool,
    },
    /// Eigenvalues of any square matrix, and eigenvectors of length 1.
    Eigen {
        /// Whether there are eigenvectors.
        vectors: bool,
    },
}

/// How many columns factors with orthonormal columns have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Columns {
    /// They are not made.
    None,
    /// As many as rows or columns of the matrix, whichever are fewer.
    Few,
    /// As many as they have rows.
    All,
}

/// A factor as a box of the packed array: where its rows and its columns begin, and how many there are.
pub type Place = [(usize, usize); 2];

impl Decompose {
    /// As many as rows or columns, whichever are fewer.
    #[must_use]
    pub fn fewer(&self) -> usize {
        self.rows.min(self.columns)
    }

    /// Where the factors lie: `q` and `r`; `u`, singular values as a row, and the transpose of `vh`; eigenvalues as a
    /// row and eigenvectors. Those that are not made are left out.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        let (m, n, k) = (self.rows, self.columns, self.fewer());
        match self.factors {
            Factors::Qr(Columns::None) => vec![[(0, k), (0, n)]],
            // A tall matrix has its factors above each other, another one side by side.
            Factors::Qr(Columns::Few) if k == n => vec![[(0, m), (0, n)], [(m, n), (0, n)]],
            Factors::Qr(columns) => {
                let q = if columns == Columns::All { m } else { k };
                vec![[(0, m), (0, q)], [(0, q), (q, n)]]
            }
            Factors::Singular(Columns::None) => vec![[(0, 1), (0, k)]],
            Factors::Singular(Columns::Few) => vec![[(0, m), (0, k)], [(m, 1), (0, k)], [(m + 1, n), (0, k)]],
            Factors::Singular(Columns::All) => vec![[(0, m), (0, m)], [(m, 1), (0, k)], [(m + 1, n), (0, n)]],
            Factors::Hermitian { vectors: true, .. } | Factors::Eigen { vectors: true } => {
                vec![[(0, 1), (0, n)], [(1, n), (0, n)]]
            }
            Factors::Hermitian { .. } | Factors::Eigen { .. } => vec![[(0, 1), (0, n)]],
        }
    }

    /// The rows and columns of all factors together.
    #[must_use]
    pub fn packed(&self) -> [usize; 2] {
        let end = |axis: usize| self.places().iter().map(|p| p[axis].0 + p[axis].1).max().unwrap_or(0);
        [end(0), end(1)]
    }

    /// A region with other lengths along the axes of the matrices.
    fn with_matrices(&self, region: &Region, sides: [usize; 2]) -> Region {
        let mut out = region.clone();
        for (axis, side) in (self.outer..).zip(sides) {
            (out.start[axis], out.shape[axis]) = (0, side);
        }
        out
    }
}

impl Computation for Decompose {
    fn name(&self) -> &'static str {
        match self.factors {
            Factors::Qr(_) => "qr",
            Factors::Singular(Columns::None) => "svdvals",
            Factors::Singular(_) => "svd",
            Factors::Hermitian { vectors: true, .. } => "eigh",
            Factors::Hermitian { .. } => "eigvalsh",
            Factors::Eigen { vectors: true } => "eig",
            Factors::Eigen { .. } => "eigvals",
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of matrices of {} by {}", self.name(), self.rows, self.columns)
    }

    fn output(&self) -> DType {
        match self.factors {
            Factors::Singular(Columns::None) | Factors::Hermitian { vectors: false, .. } => self.dtype.real(),
            Factors::Eigen { .. } if matches!(self.dtype, DType::F32 | DType::C64) => DType::C64,
            Factors::Eigen { .. } => DType::C128,
            _ => self.dtype,
        }
    }

    fn input_space(&self, space: &[usize]) -> Vec<usize> {
        [&space[..self.outer], &[self.rows, self.columns]].concat()
    }

    fn hull(&self, region: &Region) -> Region {
        self.with_matrices(region, [self.rows, self.columns])
    }

    fn parts(&self, region: &Region) -> Vec<Part> {
        vec![Part { output: self.with_matrices(region, self.packed()), input: self.hull(region) }]
    }

    fn largest_part(&self, block: &[usize]) -> Vec<usize> {
        self.input_space(block)
    }

    fn read_in(&self, grid: &Chunks) -> Chunks {
        let whole = [self.rows, self.columns].map(|n| AxisChunks::regular(n, n));
        Chunks::new(grid.axes()[..self.outer].iter().cloned().chain(whole).collect())
    }

    fn is_swept(&self) -> bool {
        true
    }

    fn keeps_chunks(&self, a: usize) -> bool {
        a >= self.outer
    }

    fn walked(&self, block: &[usize]) -> usize {
        shape::size(&self.input_space(block))
    }

    /// Bytes for one matrix at a time: in order, as it is worked on, and its factors; a test beside the kernel holds
    /// that it takes no more.
    fn scratch(&self, block: &[usize]) -> usize {
        if shape::size(block) == 0 {
            return 0;
        }
        let (m, n, k) = (self.rows, self.columns, self.fewer());
        let (size, panel) = (m * n, 128 * (m + n) + (1 << 14));
        let elements = match self.factors {
            // The matrix twice, the vectors of a panel and two products with them; q.
            Factors::Qr(columns) => {
                let q = if columns == Columns::All { m } else { k };
                2 * size + m * q + k.min(32) * (m + 2 * n.max(q)) + 32 * k + (1 << 12)
            }
            Factors::Singular(Columns::None) => 3 * size + 2 * k * k + panel,
            Factors::Singular(Columns::Few) => 4 * size + (m + n) * k + 8 * k * k + panel,
            Factors::Singular(Columns::All) => 4 * size + m * m + n * n + 8 * k * k + panel,
            Factors::Hermitian { .. } => 7 * size + panel,
            Factors::Eigen { .. } => 9 * size + panel,
        };
        // Numbers of single precision are factored in double.
        let complex = self.output().is_complex() || self.dtype.is_complex();
        elements * if complex { 16 } else { 8 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(factors: Factors, rows: usize, columns: usize) -> Decompose {
        Decompose { factors, outer: 1, rows, columns, dtype: DType::C64 }
    }

    #[test]
    fn factors_lie_beside_each_other() {
        let all = [
            Factors::Qr(Columns::None),
            Factors::Qr(Columns::Few),
            Factors::Qr(Columns::All),
            Factors::Singular(Columns::Few),
            Factors::Singular(Columns::All),
        ];
        for factors in all {
            for (m, n) in [(5, 3), (3, 5), (4, 4), (0, 3), (3, 0)] {
                let of = of(factors, m, n);
                let mut seen = vec![0; shape::size(&of.packed())];
                for [rows, columns] in of.places() {
                    for i in rows.0..rows.0 + rows.1 {
                        (columns.0..columns.0 + columns.1).for_each(|j| seen[i * of.packed()[1] + j] += 1);
                    }
                }
                assert!(seen.iter().all(|&times| times <= 1), "{factors:?} of {m} by {n}");
            }
        }
        assert_eq!(of(Factors::Qr(Columns::Few), 9, 4).packed(), [13, 4]);
        assert_eq!(of(Factors::Qr(Columns::Few), 4, 9).packed(), [4, 13]);
    }

    #[test]
    fn whole_matrices_are_read() {
        let of = of(Factors::Hermitian { upper: false, vectors: true }, 6, 6);
        let part = of.parts(&Region::new(vec![2, 1, 0], vec![3, 2, 6])).remove(0);
        assert_eq!(part.output, Region::new(vec![2, 0, 0], vec![3, 7, 6]));
        assert_eq!(part.input, Region::new(vec![2, 0, 0], vec![3, 6, 6]));
    }
}
