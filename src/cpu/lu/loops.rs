//! Loops over columns and over small matrices, compiled for each instruction set.

use super::super::factor::for_every_isa;
use super::super::isa::{self, Isa};
use super::number::Number;
use crate::op::tiles::FEW_COLUMNS;

#[inline(always)]
fn less_four_body<T: Number, const FMA: bool>(row: &mut [T], others: &[&[T]; 4], by: &[T; 4]) {
    let n = row.len();
    let [a, b, c, d] = [&others[0][..n], &others[1][..n], &others[2][..n], &others[3][..n]];
    for i in 0..n {
        let x = T::less::<FMA>(row[i], a[i], by[0]);
        let x = T::less::<FMA>(x, b[i], by[1]);
        let x = T::less::<FMA>(x, c[i], by[2]);
        row[i] = T::less::<FMA>(x, d[i], by[3]);
    }
}

#[inline(always)]
fn less_one_body<T: Number, const FMA: bool>(row: &mut [T], other: &[T], by: T) {
    for (x, y) in row.iter_mut().zip(other) {
        *x = T::less::<FMA>(*x, *y, by);
    }
}

/// Vectors side by side that look for the largest element of a column.
const LOOKERS: usize = 16;

/// The first of the largest elements; one that is no number only where there is nothing but it and 0.
#[inline(always)]
fn largest<T: Number>(column: &[T]) -> usize {
    let mut most = [0.0; LOOKERS];
    let chunks = column.chunks_exact(LOOKERS);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (most, x) in most.iter_mut().zip(chunk) {
            let size = x.magnitude();
            *most = if size > *most { size } else { *most };
        }
    }
    for (most, x) in most.iter_mut().zip(rest) {
        *most = if x.magnitude() > *most { x.magnitude() } else { *most };
    }
    let most = most.iter().fold(0.0, |m: f64, &x| if x > m { x } else { m });
    let is = |x: &T| if most > 0.0 { x.magnitude() == most } else { x.magnitude().is_nan() };
    column.iter().position(is).unwrap_or(0)
}

/// The factors of few columns, each contiguous, and their exchanges.
#[inline(always)]
fn pivot_few_body<T: Number, const FMA: bool>(columns: &mut [T], rows: usize, pivots: &mut [usize]) {
    for (k, pivot) in pivots.iter_mut().enumerate() {
        let (before, rest) = columns.split_at_mut(k * rows);
        let column = &mut rest[..rows];
        let mut by = [T::zeroed(); FEW_COLUMNS];
        for p in 0..k {
            by[p] = column[p];
            less_one_body::<T, FMA>(&mut column[p + 1..k], &before[p * rows + p + 1..][..k - p - 1], by[p]);
        }
        let below = &mut column[k..];
        let other = |p: usize| &before[p * rows + k..(p + 1) * rows];
        for p in (0..k / 4).map(|p| 4 * p) {
            let four = [other(p), other(p + 1), other(p + 2), other(p + 3)];
            less_four_body::<T, FMA>(below, &four, &[by[p], by[p + 1], by[p + 2], by[p + 3]]);
        }
        for (p, &by) in by.iter().enumerate().take(k).skip(k / 4 * 4) {
            less_one_body::<T, FMA>(below, other(p), by);
        }
        let found = k + largest(below);
        *pivot = found;
        for column in columns.chunks_exact_mut(rows) {
            column.swap(k, found);
        }
        let column = &mut columns[k * rows..(k + 1) * rows];
        let largest = column[k];
        if largest != T::zeroed() {
            column[k + 1..].iter_mut().for_each(|x| *x = x.over(largest));
        }
    }
}

/// The factors of small matrices, one after another, each with a row for exchanges.
#[inline(always)]
fn factor_small_body<T: Number, const FMA: bool>(matrices: &mut [T], n: usize) {
    for matrix in matrices.chunks_exact_mut((n + 1) * n) {
        let (a, exchanges) = matrix.split_at_mut(n * n);
        for k in 0..n {
            let (mut found, mut most) = (k, 0.0);
            for i in k..n {
                let size = a[i * n + k].magnitude();
                if size > most || most == 0.0 && size.is_nan() {
                    (found, most) = (i, size);
                }
            }
            exchanges[k] = T::of_row(found);
            if found != k {
                let (top, bottom) = a.split_at_mut(found * n);
                top[k * n..(k + 1) * n].swap_with_slice(&mut bottom[..n]);
            }
            let (top, below) = a.split_at_mut((k + 1) * n);
            let row = &top[k * n..];
            if row[k] == T::zeroed() {
                continue;
            }
            for other in below.chunks_exact_mut(n) {
                let by = other[k].over(row[k]);
                other[k] = by;
                less_one_body::<T, FMA>(&mut other[k + 1..], &row[k + 1..], by);
            }
        }
    }
}

/// As [`forward`], of a small matrix and `m` right-hand sides.
#[inline(always)]
fn forward_small_body<T: Number, const FMA: bool>(l: &[T], pivots: &[usize], x: &mut [T], m: usize) {
    let n = pivots.len();
    for (i, &pivot) in pivots.iter().enumerate().filter(|(i, pivot)| *i != **pivot) {
        let (top, bottom) = x.split_at_mut(pivot * m);
        top[i * m..(i + 1) * m].swap_with_slice(&mut bottom[..m]);
    }
    for i in 1..n {
        let (before, rest) = x.split_at_mut(i * m);
        for (row, &by) in before.chunks_exact(m).zip(&l[i * n..]) {
            less_one_body::<T, FMA>(&mut rest[..m], row, by);
        }
    }
}

/// As [`backward`].
#[inline(always)]
fn backward_small_body<T: Number, const FMA: bool>(u: &[T], n: usize, x: &mut [T], m: usize) {
    for i in (0..n).rev() {
        let (before, after) = x.split_at_mut((i + 1) * m);
        let own = &mut before[i * m..];
        for (row, &by) in after.chunks_exact(m).zip(&u[i * n + i + 1..]) {
            less_one_body::<T, FMA>(own, row, by);
        }
        for x in own {
            *x = x.over(u[i * n + i]);
        }
    }
}

for_every_isa!(pub(super) less_four, less_four_body, Number, (row: &mut [T], others: &[&[T]; 4], by: &[T; 4]));
for_every_isa!(pub(super) less_one, less_one_body, Number, (row: &mut [T], other: &[T], by: T));
for_every_isa!(pub(super) pivot_few, pivot_few_body, Number, (columns: &mut [T], rows: usize, pivots: &mut [usize]));
for_every_isa!(pub(super) factor_small, factor_small_body, Number, (matrices: &mut [T], n: usize));
for_every_isa!(
    pub(super) forward_small, forward_small_body, Number, (l: &[T], pivots: &[usize], x: &mut [T], m: usize));
for_every_isa!(pub(super) backward_small, backward_small_body, Number, (u: &[T], n: usize, x: &mut [T], m: usize));
