//! Products of matrices: every cell of the product by itself, so that no block decides how it is rounded.
//!
//! Floats and complex numbers go through the crate `gemm`, which packs and vectorises; integers wrap and truth values
//! are combined in plain loops over rows.

use crate::chunk::{AxisChunks, Region};
use crate::device::View;
use crate::device::block::{Block, Buffer};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::kernel::PanelProduct;
use crate::shape;
use bytemuck::Pod;
use half::{bf16, f16};
#[cfg(feature = "linalg")]
use ndarray::{ArrayView2, ArrayViewMut2};
use num_complex::{Complex32, Complex64};

/// Multiplies dense stacks of matrices over a region of whole cells into the bytes of the output.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for views that are not dense blocks of the right size.
pub(crate) fn run(product: &PanelProduct, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let ([a, b, before @ ..], [out]) = (inputs, outputs) else {
        return Err(Error::bug("a product has two factors and a result"));
    };
    if product.narrow && product.contraction.dtype != product.contraction.work() {
        return in_single(product, region, inputs, out);
    }
    if let Some(before) = before.first() {
        out.copy_from_slice(before.block.bytes());
    }
    let [stack @ .., m, n] = region.shape.as_slice() else { return Err(Error::bug("a product has matrices")) };
    let stack = shape::size(stack);
    if stack * m * n == 0 {
        return Ok(());
    }
    let depth = a.block.size() / (stack * m);
    if a.offset + b.offset > 0 || a.block.size() != stack * m * depth || b.block.size() != stack * depth * n {
        return Err(Error::bug("the factors of a panel are dense"));
    }
    let rows = pieces(&product.contraction.rows, region.start[region.rank() - 2], *m);
    let columns = pieces(&product.contraction.columns, region.start[region.rank() - 1], *n);
    let walk = Walk { stack, sides: [*m, *n, depth], rows, columns, onto: product.onto };
    let (a, b) = (a.block.bytes(), b.block.bytes());
    macro_rules! by_dtype {
        ($($D:ident => $T:ty),*) => {
            match product.contraction.work() { $(DType::$D => walk.over::<$T>(a, b, out),)*
                other => Err(Error::bug(format!("products are not added up in {other}"))) }
        };
    }
    by_dtype!(Bool => Truth, I8 => i8, I16 => i16, I32 => i32, I64 => i64, U8 => u8, U16 => u16, U32 => u32, U64 => u64,
              F32 => f32, F64 => f64, C64 => Complex32, C128 => Complex64)
}

/// A product of 16-bit floats, which a device had no room for, in `f32`.
fn in_single(product: &PanelProduct, region: &Region, inputs: &[View], out: &mut [u8]) -> Result<()> {
    let mut factors: Vec<View> = inputs.to_vec();
    for view in factors.iter_mut().filter(|view| view.block.dtype().size() == 2) {
        let shape = view.block.shape().to_vec();
        let values: Vec<f32> = match view.block.dtype() {
            DType::F16 => view.block.values::<f16>()?.iter().map(|v| v.to_f32()).collect(),
            _ => view.block.values::<bf16>()?.iter().map(|v| v.to_f32()).collect(),
        };
        view.block = Block::from_vec(values, &shape)?;
    }
    let wide = PanelProduct { narrow: false, rounds: false, ..product.clone() };
    if !product.rounds {
        return run(&wide, region, &factors, &mut [out]);
    }
    let mut sums = Buffer::zeroed(2 * out.len());
    run(&wide, region, &factors, &mut [sums.bytes_mut()])?;
    for (sum, to) in sums.bytes().chunks_exact(4).zip(out.chunks_exact_mut(2)) {
        let sum = f32::from_ne_bytes([sum[0], sum[1], sum[2], sum[3]]);
        let rounded = match product.contraction.dtype {
            DType::F16 => f16::from_f32(sum).to_ne_bytes(),
            _ => bf16::from_f32(sum).to_ne_bytes(),
        };
        to.copy_from_slice(&rounded);
    }
    Ok(())
}

/// The pieces of an axis between `start` and `start + len`, as seen from there.
fn pieces(cuts: &AxisChunks, start: usize, len: usize) -> Vec<std::ops::Range<usize>> {
    let (first, end) = (cuts.find(start), start + len);
    (first..cuts.count())
        .take_while(|&i| cuts.start(i) < end)
        .map(|i| cuts.start(i).max(start) - start..cuts.start(i + 1).min(end) - start)
        .collect()
}

/// The cells of a stack of products.
struct Walk {
    stack: usize,
    /// Rows, columns and depth of each product.
    sides: [usize; 3],
    rows: Vec<std::ops::Range<usize>>,
    columns: Vec<std::ops::Range<usize>>,
    onto: bool,
}

impl Walk {
    fn over<T: Factor>(&self, a: &[u8], b: &[u8], out: &mut [u8]) -> Result<()> {
        let aligned = |e: bytemuck::PodCastError| Error::bug(format!("a block's bytes are aligned: {e}"));
        let a: &[T] = bytemuck::try_cast_slice(a).map_err(aligned)?;
        let b: &[T] = bytemuck::try_cast_slice(b).map_err(aligned)?;
        let out: &mut [T] = bytemuck::try_cast_slice_mut(out).map_err(aligned)?;
        let [m, n, depth] = self.sides;
        if depth == 0 {
            if !self.onto {
                out.fill(T::zeroed());
            }
            return Ok(());
        }
        for i in 0..self.stack {
            let (a, b) = (&a[i * m * depth..(i + 1) * m * depth], &b[i * depth * n..(i + 1) * depth * n]);
            let out = &mut out[i * m * n..(i + 1) * m * n];
            for r in &self.rows {
                for c in &self.columns {
                    T::multiply(Cell {
                        out: &mut out[r.start * n + c.start..(r.end - 1) * n + c.end],
                        left: &a[r.start * depth..r.end * depth],
                        right: &b[c.start..(depth - 1) * n + c.end],
                        sides: [r.len(), c.len(), depth],
                        row: n,
                        onto: self.onto,
                    });
                }
            }
        }
        Ok(())
    }
}

/// One cell: rows of `out` and `right` are `row` apart, those of `left` follow each other.
struct Cell<'a, T> {
    out: &'a mut [T],
    left: &'a [T],
    right: &'a [T],
    sides: [usize; 3],
    row: usize,
    onto: bool,
}

/// Elements of matrices.
trait Factor: Pod {
    /// Computes a cell.
    fn multiply(cell: Cell<'_, Self>);
}

/// Rows of the right factor that are taken together, so that they stay in the second cache.
const TOGETHER: usize = 64;

/// Row by row, each element of the left factor times a row of the right one.
fn by_rows<T: Copy>(cell: Cell<'_, T>, zero: T, step: impl Fn(T, T, T) -> T) {
    let [rows, columns, depth] = cell.sides;
    if !cell.onto {
        (0..rows).for_each(|i| cell.out[i * cell.row..][..columns].fill(zero));
    }
    for first in (0..depth).step_by(TOGETHER) {
        for i in 0..rows {
            let out = &mut cell.out[i * cell.row..][..columns];
            for p in first..(first + TOGETHER).min(depth) {
                let x = cell.left[i * depth + p];
                for (sum, &y) in out.iter_mut().zip(&cell.right[p * cell.row..][..columns]) {
                    *sum = step(*sum, x, y);
                }
            }
        }
    }
}

/// A truth value, 0 or 1.
#[derive(Clone, Copy, bytemuck::Zeroable, Pod)]
#[repr(transparent)]
struct Truth(u8);

impl Factor for Truth {
    fn multiply(cell: Cell<'_, Self>) {
        by_rows(cell, Self(0), |sum, x, y| Self(sum.0 | x.0 & y.0));
    }
}

macro_rules! integers {
    ($($T:ty),*) => { $(impl Factor for $T {
        fn multiply(cell: Cell<'_, Self>) {
            by_rows(cell, 0, |sum, x, y| sum.wrapping_add(x.wrapping_mul(y)));
        }
    })* };
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! inexact {
    ($($T:ty),*) => { $(impl Factor for $T {
        #[cfg(feature = "linalg")]
        fn multiply(cell: Cell<'_, Self>) {
            let [rows, columns, depth] = cell.sides;
            let (row, deep) = (cell.row.cast_signed(), depth.cast_signed());
            assert!(cell.out.len() >= (rows - 1) * cell.row + columns, "a cell lies in its block");
            assert!(cell.left.len() >= rows * depth, "a cell's rows lie in their panel");
            assert!(cell.right.len() >= (depth - 1) * cell.row + columns, "a cell's columns lie in their panel");
            let (zero, one) = (<$T as num_traits::Zero>::zero(), <$T as num_traits::One>::one());
            let seq = gemm::Parallelism::None;
            let alpha = if cell.onto { one } else { zero };
            // SAFETY: the three slices hold every element that sides and strides reach, as was just checked; `out` is
            // borrowed for this call alone.
            unsafe {
                gemm::gemm(
                    rows, columns, depth,
                    cell.out.as_mut_ptr(), 1, row, cell.onto,
                    cell.left.as_ptr(), 1, deep,
                    cell.right.as_ptr(), 1, row,
                    alpha, one, false, false, false, seq,
                );
            }
        }

        #[cfg(not(feature = "linalg"))]
        fn multiply(cell: Cell<'_, Self>) {
            by_rows(cell, <$T as num_traits::Zero>::zero(), |sum, x, y| sum + x * y);
        }
    })* };
}
inexact!(f32, f64, Complex32, Complex64);

/// `out` times the first scale and `left right` times the second, with those of `left` and `right` conjugated of which
/// that is said. Where the first scale is 0, nothing is read of `out`; where there is nothing to add up, it stays.
///
/// # Panics
/// Where the matrices do not fit each other.
#[cfg(feature = "linalg")]
pub(super) fn accumulate<T: Pod + num_traits::Zero>(
    mut out: ArrayViewMut2<'_, T>,
    (before, product): (T, T),
    left: ArrayView2<'_, T>,
    right: ArrayView2<'_, T>,
    [left_conjugate, right_conjugate]: [bool; 2],
) {
    let (m, n, depth) = (out.nrows(), out.ncols(), left.ncols());
    if m * n * depth == 0 {
        return;
    }
    assert!(left.nrows() == m && right.dim() == (depth, n), "matrices fit each other");
    let [to, from, other] = [out.strides(), left.strides(), right.strides()].map(|s| (s[0], s[1]));
    // SAFETY: pointers, sides and strides are those of three views, `out` borrowed for this call alone.
    unsafe {
        gemm::gemm(
            m,
            n,
            depth,
            out.as_mut_ptr(),
            to.1,
            to.0,
            !before.is_zero(),
            left.as_ptr(),
            from.1,
            from.0,
            right.as_ptr(),
            other.1,
            other.0,
            before,
            product,
            false,
            left_conjugate,
            right_conjugate,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::contraction::Contraction;

    #[test]
    fn factors_of_16_bits_are_added_up_in_single() {
        let cuts = || AxisChunks::regular(2, 2);
        let contraction =
            Contraction { dtype: DType::F16, rows: cuts(), columns: cuts(), panels: cuts(), segments: cuts() };
        let product = PanelProduct { contraction, onto: false, narrow: true, rounds: true };
        let values = |list: [f32; 4]| list.map(f16::from_f32).to_vec();
        let factor = View::whole(Block::from_vec(values([1.0, 2.0, 3.0, 4.0]), &[2, 2]).unwrap());
        let mut out = [0; 8];
        run(&product, &Region::full(&[2, 2]), &[factor.clone(), factor], &mut [&mut out]).unwrap();
        let wanted: Vec<u8> = values([7.0, 10.0, 15.0, 22.0]).iter().flat_map(|v| v.to_ne_bytes()).collect();
        assert_eq!(out.to_vec(), wanted);
    }
}
