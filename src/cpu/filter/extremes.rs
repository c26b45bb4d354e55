//! The smallest and largest elements of windows. NaN is both.

use super::cells::{Cell, by_cell};
use super::{STRIP, Scratch, Windows, with_later};
use crate::cpu::tables::output;
use crate::dtype::DType;
use crate::error::Result;
use crate::op::regional::filter::Number;
use crate::shape;

/// One of two elements.
type Choice<T> = fn(T, T) -> T;

#[inline(always)]
fn smaller<T: Cell>(x: T, y: T) -> T {
    if (y < x) | y.is_nan() { y } else { x }
}

#[inline(always)]
fn larger<T: Cell>(x: T, y: T) -> T {
    if (y > x) | y.is_nan() { y } else { x }
}

/// The extremes of windows along `axis`.
pub(super) fn along(
    windows: &Windows,
    axis: usize,
    largest: bool,
    dtype: DType,
    out: &mut [u8],
    border: &mut Scratch,
) -> Result<()> {
    let (from, constant) = (windows.field.dtype, windows.pass.constant.value());
    by_cell!(from, T => {
        if from == dtype && T::holds(constant) {
            let elements = windows.bordered::<T, T>(border, |x| x, T::narrow(constant))?;
            if largest { doubled(windows, axis, elements, larger, output(out)?, |x: T| x) }
            else { doubled(windows, axis, elements, smaller, output(out)?, |x: T| x) }
        } else {
            let elements = windows.bordered::<T, f64>(border, T::wide, constant)?;
            by_cell!(dtype, U => {
                if largest { doubled(windows, axis, elements, larger, output(out)?, U::narrow) }
                else { doubled(windows, axis, elements, smaller, output(out)?, U::narrow) }
            });
        }
    });
    Ok(())
}

/// Of twice as many elements the extreme is one of two such, until two of them cover a window.
#[inline(always)]
fn doubled<W: Cell, T: Cell>(
    windows: &Windows,
    axis: usize,
    elements: &mut [W],
    choose: impl Fn(W, W) -> W,
    out: &mut [T],
    narrow: impl Fn(W) -> T,
) {
    let size = windows.pass.window[axis];
    let step = shape::size(&windows.target.shape[axis + 1..]);
    let mut width = 1;
    while 2 * width <= size {
        with_later(elements, width * step, &choose);
        width *= 2;
    }
    let rest = (size - width) * step;
    windows.lines(axis, |from, at, n| {
        let (first, second) = (&elements[from..from + n], &elements[from + rest..from + rest + n]);
        let pairs = first.iter().zip(second);
        out[at..at + n].iter_mut().zip(pairs).for_each(|(x, (a, b))| *x = narrow(choose(*a, *b)));
    });
}

/// The extremes among some places of a window. As in SciPy, the constant is an element, heights are too, and so is
/// every element with its height; but the first of a window and its height are numbers.
pub(super) fn among(
    windows: &Windows,
    places: &[(usize, Option<Number>)],
    largest: bool,
    dtype: DType,
    out: &mut [u8],
    border: &mut Scratch,
) -> Result<()> {
    let (from, constant) = (windows.field.dtype, windows.pass.constant.value());
    let flat = places.iter().all(|p| p.1.is_none());
    let distances = windows.distances(places.iter().map(|p| p.0));
    by_cell!(from, T => {
        let elements = windows.bordered::<T, T>(border, |x| x, T::narrow(constant))?;
        if from == dtype && flat {
            let choose: Choice<T> = if largest { larger } else { smaller };
            chosen(windows, &distances, elements, |y| y, |_, x, y| choose(x, y), output(out)?, |x: T| x);
        } else {
            let sign = if largest { 1.0 } else { -1.0 };
            let heights: Vec<f64> = places.iter().map(|p| p.1.map_or(0.0, |h| sign * h.value())).collect();
            let first = heights.first().copied().unwrap_or(0.0);
            let choose: Choice<f64> = if largest { larger } else { smaller };
            let others: Vec<T> = heights.iter().map(|h| T::narrow(*h)).collect();
            let next = |k: usize, x: f64, y: T| choose(x, y.plus(others[k]).wide());
            by_cell!(dtype, U => chosen(windows, &distances, elements, |y: T| y.wide() + first, next, output(out)?, U::narrow));
        }
    });
    Ok(())
}

/// For each window what `first` makes of its first element and `next` of that and the others, one after another.
fn chosen<W: Cell, B: Cell, T: Cell>(
    windows: &Windows,
    distances: &[usize],
    elements: &[W],
    first: impl Fn(W) -> B,
    next: impl Fn(usize, B, W) -> B,
    out: &mut [T],
    narrow: impl Fn(B) -> T,
) {
    let mut best = [B::narrow(0.0); STRIP];
    windows.rows(STRIP, |from, at, n| {
        let best = &mut best[..n];
        for (k, distance) in distances.iter().enumerate() {
            let elements = &elements[from + distance..from + distance + n];
            if k == 0 {
                best.iter_mut().zip(elements).for_each(|(x, y)| *x = first(*y));
            } else {
                best.iter_mut().zip(elements).for_each(|(x, y)| *x = next(k, *x, *y));
            }
        }
        out[at..at + n].iter_mut().zip(best).for_each(|(x, y)| *x = narrow(*y));
    });
}
