//! Elements looked up in tables: searched for, put in bins, interpolated.

use super::strip::STRIP;
use super::tables::{Dense, Key, output, search};
use crate::chunk::Region;
use crate::device::View;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::op::regional::{Lookup, LookupOp};
use half::{bf16, f16};
use num_complex::{Complex32, Complex64};

/// Computes the elements of `region`.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for a table that is not what the operation needs.
pub(super) fn run(op: &Lookup, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let ([keys, tables @ ..], [out]) = (inputs, outputs) else { return Err(Error::bug("a lookup has a table")) };
    let keys = Dense::of(keys, &region.shape);
    // Tables are seen along the last axis alone.
    let tables: Vec<View> = tables
        .iter()
        .map(|v| View { strides: v.strides[region.rank()..].to_vec(), block: v.block.clone(), offset: v.offset })
        .collect();
    let tables: Vec<Dense> = tables.iter().map(|v| Dense::of(v, &[op.len])).collect();
    if let LookupOp::Interp { left, right, values, period } = &op.op {
        let period = period.map(Scalar::to_f64);
        return match values {
            DType::C128 => interpolate::<Complex64>(&keys, &tables, [*left, *right], period, out),
            _ => interpolate::<f64>(&keys, &tables, [*left, *right], period, out),
        };
    }
    macro_rules! by_dtype {
        ($($D:ident => $T:ty),*) => {
            match op.dtype { $(DType::$D => find::<$T>(op, &keys, &tables, out)),* }
        };
    }
    by_dtype!(Bool => u8, I8 => i8, I16 => i16, I32 => i32, I64 => i64, U8 => u8, U16 => u16, U32 => u32, U64 => u64,
              F16 => f16, BF16 => bf16, F32 => f32, F64 => f64, C64 => Complex32, C128 => Complex64)
}

/// A place in a table as a number.
#[inline(always)]
fn position(at: usize) -> i64 {
    at.cast_signed() as i64
}

/// Places of elements in a table of their own dtype.
fn find<T: Key>(op: &Lookup, keys: &Dense, tables: &[Dense], out: &mut [u8]) -> Result<()> {
    let keys: &[T] = keys.elements()?;
    let table: &[T] = tables.first().ok_or_else(|| Error::bug("a lookup has a table"))?.elements()?;
    match &op.op {
        LookupOp::Search { right, sorter: false } => places(table, keys, *right, out),
        LookupOp::Search { right, sorter: true } => {
            let order: &[i64] = tables.get(1).ok_or_else(|| Error::bug("a sorter has a table"))?.elements()?;
            places(&in_order(table, order)?, keys, *right, out)
        }
        LookupOp::Digitize { right } => match direction(table) {
            Direction::Ascending => places(table, keys, !right, out),
            Direction::Descending => {
                let reversed: Vec<T> = table.iter().rev().copied().collect();
                let out: &mut [i64] = output(out)?;
                search(&reversed, keys, !right, |i, at| out[i] = position(table.len() - at));
                Ok(())
            }
            Direction::Neither => {
                Err(Error::argument("digitize", "bins must be monotonically increasing or decreasing"))
            }
        },
        LookupOp::Contains { invert } if table.len() <= SHORT => {
            contains(table, keys, out);
            for found in out.iter_mut() {
                *found ^= u8::from(*invert);
            }
            Ok(())
        }
        LookupOp::Contains { invert } => {
            search(table, keys, false, |i, at| {
                let found = table.get(at).is_some_and(|element| *element == keys[i]);
                out[i] = u8::from(found ^ invert);
            });
            Ok(())
        }
        LookupOp::Interp { .. } => Err(Error::bug("an interpolation has points")),
    }
}

/// Tables up to this length are compared with, element by element, rather than searched.
const SHORT: usize = 24;

/// Whether each key is in a short table.
fn contains<T: PartialEq + Copy>(table: &[T], keys: &[T], out: &mut [u8]) {
    for (keys, out) in keys.chunks(STRIP).zip(out.chunks_mut(STRIP)) {
        out.fill(0);
        for &element in table {
            out.iter_mut().zip(keys).for_each(|(found, key)| *found |= u8::from(*key == element));
        }
    }
}

fn places<T: Key>(table: &[T], keys: &[T], right: bool, out: &mut [u8]) -> Result<()> {
    let out: &mut [i64] = output(out)?;
    search(table, keys, right, |i, at| out[i] = position(at));
    Ok(())
}

/// A table in the order that a sorter gives.
fn in_order<T: Copy>(table: &[T], order: &[i64]) -> Result<Vec<T>> {
    let element = |&at: &i64| {
        let from_end = if at < 0 { at + position(table.len()) } else { at };
        usize::try_from(from_end).ok().and_then(|i| table.get(i).copied()).ok_or_else(|| {
            Error::argument("searchsorted", format!("the sorter has {at} for an array of length {}", table.len()))
        })
    };
    order.iter().map(element).collect()
}

enum Direction {
    Ascending,
    Descending,
    Neither,
}

/// How bins follow each other, by NumPy's rule: by the first two that differ.
fn direction<T: Key>(bins: &[T]) -> Direction {
    let start = bins.windows(2).take_while(|w| w[0] == w[1]).count();
    let rest = &bins[start.min(bins.len())..];
    let [first, second, ..] = rest else { return Direction::Ascending };
    let (ascends, breaks) = if second.above(*first) {
        (true, rest.windows(2).any(|w| w[0].above(w[1])))
    } else {
        (false, rest[1..].windows(2).any(|w| w[1].above(w[0])))
    };
    match (ascends, breaks) {
        (_, true) => Direction::Neither,
        (true, false) => Direction::Ascending,
        (false, false) => Direction::Descending,
    }
}

/// A value that is interpolated: a number, or a complex one part by part.
trait Point: bytemuck::Pod {
    fn of(scalar: Scalar) -> Self;

    fn of_nan(x: f64) -> Self;

    /// What lies at `x` between the values here, at `from`, and at `to`.
    fn between(self, other: Self, from: f64, to: f64, x: f64) -> Self;
}

/// As NumPy: where one end gives no number, the other may.
fn line(a: f64, b: f64, slope: f64, [from, to, x]: [f64; 3]) -> f64 {
    let y = slope * (x - from) + a;
    if !y.is_nan() {
        return y;
    }
    let y = slope * (x - to) + b;
    if y.is_nan() && a == b { a } else { y }
}

impl Point for f64 {
    fn of(scalar: Scalar) -> Self {
        scalar.to_f64()
    }

    fn of_nan(x: f64) -> Self {
        x
    }

    #[inline]
    fn between(self, other: Self, from: f64, to: f64, x: f64) -> Self {
        line(self, other, (other - self) / (to - from), [from, to, x])
    }
}

impl Point for Complex64 {
    fn of(scalar: Scalar) -> Self {
        scalar.to_c64()
    }

    fn of_nan(x: f64) -> Self {
        Self::new(x, 0.0)
    }

    fn between(self, other: Self, from: f64, to: f64, x: f64) -> Self {
        let inverse = 1.0 / (to - from);
        let part = |a: f64, b: f64| line(a, b, (b - a) * inverse, [from, to, x]);
        Self::new(part(self.re, other.re), part(self.im, other.im))
    }
}

/// NumPy's `interp`.
fn interpolate<P: Point>(
    keys: &Dense,
    tables: &[Dense],
    ends: [Option<Scalar>; 2],
    period: Option<f64>,
    out: &mut [u8],
) -> Result<()> {
    let keys: &[f64] = keys.elements()?;
    let out: &mut [P] = output(out)?;
    let (wrapped, points, values): (_, &[f64], &[P]) = match (tables, period) {
        ([points, values, order], Some(period)) => {
            let wrapped = wrap::<P>(points.elements()?, values.elements()?, order.elements()?, period)?;
            (Some(wrapped), &[], &[])
        }
        ([points, values], None) => (None, points.elements()?, values.elements()?),
        _ => return Err(Error::bug("an interpolation has points and values")),
    };
    let (points, values) = wrapped.as_ref().map_or((points, values), |(p, v)| (p.as_slice(), v.as_slice()));
    let ([first, .., last] | [first @ last], [from, .., to] | [from @ to]) = (points, values) else {
        return Err(Error::argument("interp", "array of sample points is empty"));
    };
    let (left, right) = (ends[0].map_or(*from, P::of), ends[1].map_or(*to, P::of));
    search(points, keys, true, |i, after| {
        let x = keys[i];
        out[i] = if x.is_nan() {
            P::of_nan(x)
        } else if x < *first {
            left
        } else if x > *last {
            right
        } else {
            let at = after.saturating_sub(1);
            match (points.get(after), values.get(after)) {
                (Some(next), Some(value)) if points[at] != x => values[at].between(*value, points[at], *next, x),
                _ => values[at],
            }
        };
    });
    Ok(())
}

/// Points in order with those before the first and after the last, a period away.
fn wrap<P: Point>(points: &[f64], values: &[P], order: &[i64], period: f64) -> Result<(Vec<f64>, Vec<P>)> {
    let (Some(&first), Some(&last)) = (order.first(), order.last()) else {
        return Err(Error::argument("interp", "array of sample points is empty"));
    };
    let at = |i: i64| usize::try_from(i).ok().filter(|&i| i < points.len());
    let at = |i: i64| at(i).ok_or_else(|| Error::bug("an order is of positions"));
    let (mut x, mut y) = (vec![points[at(last)?] - period], vec![values[at(last)?]]);
    for &i in order {
        x.push(points[at(i)?]);
        y.push(values[at(i)?]);
    }
    x.push(points[at(first)?] + period);
    y.push(values[at(first)?]);
    Ok((x, y))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tables_contain_what_is_equal() {
        let keys: Vec<f64> = (0..600).map(|i| if i % 7 == 0 { f64::NAN } else { f64::from(i % 13) - 6.0 }).collect();
        for table in [&[][..], &[0.0][..], &[-0.0, 3.0][..], &[-6.0, 1.0, 1.0, f64::NAN][..]] {
            for n in [0, 1, 255, 256, 257, 600] {
                let mut out = vec![7; n];
                contains(table, &keys[..n], &mut out);
                let expect: Vec<u8> = keys[..n].iter().map(|key| u8::from(table.contains(key))).collect();
                assert_eq!(out, expect, "{n} in {table:?}");
            }
        }
    }

    #[test]
    fn bins_ascend_or_descend_as_numpy_says() {
        let name = |bins: &[f64]| match direction(bins) {
            Direction::Ascending => 1,
            Direction::Descending => -1,
            Direction::Neither => 0,
        };
        for (bins, want) in [
            (&[][..], 1),
            (&[2.0, 2.0][..], 1),
            (&[1.0, 1.0, 2.0][..], 1),
            (&[3.0, 3.0, 2.0, 2.0][..], -1),
            (&[1.0, 3.0, 2.0][..], 0),
            (&[3.0, 1.0, 2.0][..], 0),
            (&[1.0, f64::NAN][..], -1),
        ] {
            assert_eq!(name(bins), want, "{bins:?}");
        }
    }
}
