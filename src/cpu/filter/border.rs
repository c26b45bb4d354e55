//! Elements and what stands beyond the array, side by side.

use super::cells::Cell;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::regional::filter::{Edge, Span};
use crate::shape;

/// The elements of a box, seen through strides.
pub(super) struct Field<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) dtype: DType,
    /// The element at the first index of every axis.
    pub(super) offset: usize,
    /// Elements between neighbours along each axis.
    pub(super) strides: Vec<isize>,
    /// The box.
    pub(super) span: Span,
}

impl<'a> Field<'a> {
    /// Elements in C order.
    pub(super) fn dense(bytes: &'a [u8], dtype: DType, span: Span) -> Self {
        let strides = shape::strides(&span.shape).into_iter().map(usize::cast_signed).collect();
        Self { bytes, dtype, offset: 0, strides, span }
    }
}

/// For each index of `reach` along `axis`, how far its element is from the first of the field; none where the constant
/// is.
fn steps(field: &Field, reach: &Span, axis: usize, edge: Edge, n: usize) -> Vec<Option<isize>> {
    let first = field.span.start[axis];
    let step = |at: isize| {
        let index = if edge == Edge::Open { Some(at) } else { edge.index(at, n).map(usize::cast_signed) };
        index.map(|i| (i - first) * field.strides[axis])
    };
    (0..reach.shape[axis].cast_signed()).map(|i| step(reach.start[axis] + i)).collect()
}

/// Copies the elements of `reach` to `out` in C order, each as `to` has it.
pub(super) fn fill<T: Cell, W: Copy>(
    field: &Field,
    reach: &Span,
    (edges, lengths): (&[Edge], &[usize]),
    to: impl Fn(T) -> W + Copy,
    constant: W,
    out: &mut [W],
) -> Result<()> {
    let from: &[T] =
        bytemuck::try_cast_slice(field.bytes).map_err(|e| Error::bug(format!("elements are aligned: {e}")))?;
    let rank = reach.shape.len();
    let mut axes: Vec<Vec<Option<isize>>> = (0..rank).map(|a| steps(field, reach, a, edges[a], lengths[a])).collect();
    let row = axes.pop().unwrap_or_else(|| vec![Some(0)]);
    // Where neighbours in a row are neighbours in the array.
    let (inside, stride) = match rank.checked_sub(1) {
        None => (0..1, 1),
        Some(last) => {
            let first = (-reach.start[last]).max(0).cast_unsigned();
            let end = (lengths[last].cast_signed() - reach.start[last]).max(0).cast_unsigned();
            let open = edges[last] == Edge::Open;
            let range = if open { 0..row.len() } else { first.min(row.len())..end.min(row.len()) };
            (range.start..range.end.max(range.start), field.strides[last])
        }
    };
    let mut index = vec![0; axes.len()];
    for line in out.chunks_exact_mut(row.len().max(1)) {
        let base = axes.iter().zip(&index).map(|(axis, &i)| axis[i]).sum::<Option<isize>>();
        match base.map(|b| field.offset.wrapping_add_signed(b)) {
            None => line.fill(constant),
            Some(base) => {
                let at = |step: Option<isize>| step.map_or(constant, |s| to(from[base.wrapping_add_signed(s)]));
                let (low, high) = (&row[..inside.start], &row[inside.end..]);
                line[..inside.start].iter_mut().zip(low).for_each(|(x, s)| *x = at(*s));
                line[inside.end..].iter_mut().zip(high).for_each(|(x, s)| *x = at(*s));
                if let Some(Some(first)) = row.get(inside.start).filter(|_| !inside.is_empty()) {
                    let first = base.wrapping_add_signed(*first);
                    let middle = &mut line[inside.clone()];
                    if stride == 1 {
                        let from = &from[first..first + middle.len()];
                        middle.iter_mut().zip(from).for_each(|(x, y)| *x = to(*y));
                    } else {
                        let places = (0..).map(|i: isize| first.wrapping_add_signed(i * stride));
                        middle.iter_mut().zip(places).for_each(|(x, i)| *x = to(from[i]));
                    }
                }
            }
        }
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            if index[axis] < reach.shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    Ok(())
}
