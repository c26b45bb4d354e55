//! Elements counted in bins, and the edges of bins.
//!
//! A tile is taken in strips: the bins of a strip's elements are found without a branch, then counted. Few bins are
//! counted in several tables in turns, so that neighbours in one bin do not wait for each other.

use super::copy::copy_region;
use super::tables::{Dense, Key, output, search};
use crate::chunk::Region;
use crate::device::View;
use crate::device::block::Buffer;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::op::regional::{BinRule, Binning, Edges, Tallied, Tally};
use crate::shape;
use half::{bf16, f16};

/// Elements whose bins are found before they are counted.
const STRIP: usize = 1024;

/// Tables that are counted in in turns.
const TURNS: usize = 4;

/// Bins up to which there are several tables: all of them are in the first cache.
const FEW: usize = 2048;

/// Values of which the least and the largest are found.
trait Value: Key {
    /// What every other comes after, or is equal to.
    const FIRST: Self;
    /// What every other comes before, or is equal to.
    const LAST: Self;
}

macro_rules! values {
    ($($T:ty: $first:expr, $last:expr;)*) => { $(impl Value for $T {
        const FIRST: Self = $first;
        const LAST: Self = $last;
    })* };
}
values! {
    u8: Self::MIN, Self::MAX;
    u16: Self::MIN, Self::MAX;
    u32: Self::MIN, Self::MAX;
    u64: Self::MIN, Self::MAX;
    i8: Self::MIN, Self::MAX;
    i16: Self::MIN, Self::MAX;
    i32: Self::MIN, Self::MAX;
    i64: Self::MIN, Self::MAX;
    f32: Self::NEG_INFINITY, Self::NAN;
    f64: Self::NEG_INFINITY, Self::NAN;
}

/// Evaluates an expression for the element type of values, called `V` there.
macro_rules! by_value {
    ($dtype:expr, $V:ident => $e:expr) => {{
        macro_rules! one {
            ($U:ty) => {{
                type $V = $U;
                $e
            }};
        }
        match $dtype {
            DType::U8 => one!(u8),
            DType::U16 => one!(u16),
            DType::U32 => one!(u32),
            DType::U64 => one!(u64),
            DType::I8 => one!(i8),
            DType::I16 => one!(i16),
            DType::I32 => one!(i32),
            DType::I64 => one!(i64),
            DType::F32 => one!(f32),
            DType::F64 => one!(f64),
            other => Err(Error::bug(format!("values of {other} are widened before they are compared"))),
        }
    }};
}

/// Computes the row of a tile.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for a negative position.
pub(super) fn run(op: &Tally, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let [out] = outputs else { return Err(Error::bug("a tally has a result")) };
    let counts = op.counts();
    if region.shape[1..] == counts[..] {
        return tile(op, region, inputs, out);
    }
    // A block cuts the bins: the tile is counted again for each.
    let size = op.what.output().size();
    let mut all = Buffer::zeroed(shape::size(&counts) * size);
    tile(op, region, inputs, all.bytes_mut())?;
    let part = Region::new(region.start[1..].to_vec(), region.shape[1..].to_vec());
    copy_region(all.bytes(), &counts, &part, out, size);
    Ok(())
}

fn tile(op: &Tally, region: &Region, inputs: &[View], out: &mut [u8]) -> Result<()> {
    macro_rules! by_dtype {
        ($($D:ident => $T:ty),*) => {
            match op.dtype {
                $(DType::$D => tile_of::<$T>(op, region, inputs, out),)*
                DType::C64 | DType::C128 => Err(Error::bug("bins are along the real numbers")),
            }
        };
    }
    by_dtype!(Bool => u8, I8 => i8, I16 => i16, I32 => i32, I64 => i64, U8 => u8, U16 => u16, U32 => u32, U64 => u64,
              F16 => f16, BF16 => bf16, F32 => f32, F64 => f64)
}

fn tile_of<T: Element>(op: &Tally, region: &Region, inputs: &[View], out: &mut [u8]) -> Result<()> {
    let tile = op.tile(region.start[0]);
    let axes = op.bins.len();
    let missing = || Error::bug("a tally has elements, edges and weights");
    let samples = inputs.get(..axes).ok_or_else(missing)?.iter();
    let samples: Vec<Dense> = samples.map(|view| Dense::of(view, &tile.shape)).collect();
    let samples: Vec<&[T]> = samples.iter().map(Dense::elements).collect::<Result<_>>()?;
    let table = if op.edges() > 0 { Some(inputs.get(axes).ok_or_else(missing)?) } else { None };
    let table = table.map(|v| View { strides: v.strides[tile.rank()..].to_vec(), ..v.clone() });
    let table = table.as_ref().map(|view| Dense::of(view, &[op.edges()]));
    let mut table: &[T] = table.as_ref().map_or(Ok(&[][..]), Dense::elements)?;
    let values = op.what.values().and_then(|_| inputs.last()).map(|view| Dense::of(view, &tile.shape));
    let mut axes: Vec<Axis<T>> = Vec::with_capacity(op.bins.len());
    for (binning, elements) in op.bins.iter().zip(samples) {
        let (edges, rest) = table.split_at(binning.edges().min(table.len()));
        axes.push(Axis { binning: *binning, edges, elements });
        table = rest;
    }
    match (op.what, values) {
        (Tallied::Count, _) => count(op, &axes, tile.size(), output(out)?),
        (Tallied::Sum, Some(weights)) => weigh(op, &axes, weights.elements()?, output(out)?),
        (Tallied::Least(dtype) | Tallied::Largest(dtype), Some(values)) => {
            let mut one = [0u32; STRIP];
            let bins = &mut |first: usize, all: &mut [usize]| {
                let n = all.len();
                bins_of(op, &axes, first, all, &mut one[..n])
            };
            let least = matches!(op.what, Tallied::Least(_));
            by_value!(dtype, V => extreme::<V>(least, bins, values.elements()?, output(out)?))
        }
        (_, None) => Err(missing()),
    }
}

/// Elements of a dtype, and the bins along one axis.
struct Axis<'a, T> {
    binning: Binning,
    edges: &'a [T],
    elements: &'a [T],
}

impl<T: Element> Axis<'_, T> {
    /// The bins of the elements from `first` on; their number for an element that is in none.
    fn bins(&self, name: &'static str, first: usize, bins: &mut [u32]) -> Result<()> {
        let elements = &self.elements[first..first + bins.len()];
        match self.binning.rule {
            BinRule::Positions => T::positions(name, self.binning.count, elements, bins),
            BinRule::Even => {
                T::even(self.edges, elements, bins);
                Ok(())
            }
            BinRule::Edges => {
                between(self.edges, elements, bins);
                Ok(())
            }
        }
    }
}

/// Bins of elements between edges that ascend.
#[expect(clippy::cast_possible_truncation, reason = "there are fewer bins")]
fn between<T: Key>(edges: &[T], elements: &[T], bins: &mut [u32]) {
    let Some(&last) = edges.last() else { return };
    let outside = edges.len() - 1;
    search(edges, elements, true, |i, after| {
        // The last bin holds its right end too.
        let end = usize::from(after > outside) & usize::from(!last.before(elements[i]));
        bins[i] = if after == 0 { outside as u32 } else { (after - 1 - end) as u32 };
    });
}

/// The bin of each element of a strip, over all axes, in row-major order; behind the last for one that is in none.
fn bins_of<T: Element>(op: &Tally, axes: &[Axis<T>], first: usize, all: &mut [usize], one: &mut [u32]) -> Result<()> {
    let total: usize = shape::size(&op.counts());
    let [axis] = axes else {
        all.fill(0);
        for axis in axes {
            axis.bins(op.name, first, one)?;
            let count = axis.binning.count;
            for (place, &bin) in all.iter_mut().zip(&*one) {
                let inside = *place < total && (bin as usize) < count;
                *place = if inside { *place * count + bin as usize } else { usize::MAX };
            }
        }
        for place in all {
            *place = (*place).min(total);
        }
        return Ok(());
    };
    axis.bins(op.name, first, one)?;
    all.iter_mut().zip(&*one).for_each(|(place, &bin)| *place = bin as usize);
    Ok(())
}

/// Counts the elements of a tile.
fn count<T: Element>(op: &Tally, axes: &[Axis<T>], size: usize, out: &mut [i64]) -> Result<()> {
    let (bins, turns) = (out.len() + 1, if out.len() < FEW { TURNS } else { 1 });
    let mut tables = vec![0u32; bins * turns];
    let (mut all, mut one) = ([0usize; STRIP], [0u32; STRIP]);
    for first in (0..size).step_by(STRIP) {
        let n = STRIP.min(size - first);
        let all = &mut all[..n];
        bins_of(op, axes, first, all, &mut one[..n])?;
        if turns == TURNS {
            let (a, rest) = tables.split_at_mut(bins);
            let (b, rest) = rest.split_at_mut(bins);
            let (c, d) = rest.split_at_mut(bins);
            let (fours, left) = all.as_chunks::<TURNS>();
            for &[i, j, k, l] in fours {
                a[i] += 1;
                b[j] += 1;
                c[k] += 1;
                d[l] += 1;
            }
            for &i in left {
                a[i] += 1;
            }
        } else {
            for &i in all.iter() {
                tables[i] += 1;
            }
        }
    }
    for (i, sum) in out.iter_mut().enumerate() {
        *sum = (0..turns).map(|turn| i64::from(tables[turn * bins + i])).sum();
    }
    Ok(())
}

/// Adds up the weights of the elements of a tile. Which table an element goes to follows from its place alone.
fn weigh<T: Element>(op: &Tally, axes: &[Axis<T>], weights: &[f64], out: &mut [f64]) -> Result<()> {
    let (bins, turns) = (out.len() + 1, if out.len() < FEW { TURNS } else { 1 });
    let mut tables = vec![0f64; bins * turns];
    let (mut all, mut one) = ([0usize; STRIP], [0u32; STRIP]);
    for (strip, weights) in weights.chunks(STRIP).enumerate() {
        let all = &mut all[..weights.len()];
        bins_of(op, axes, strip * STRIP, all, &mut one[..weights.len()])?;
        for (k, (&i, &w)) in all.iter().zip(weights).enumerate() {
            tables[(k % turns) * bins + i] += w;
        }
    }
    for (i, sum) in out.iter_mut().enumerate() {
        *sum = (1..turns).fold(tables[i], |sum, turn| sum + tables[turn * bins + i]);
    }
    Ok(())
}

/// Finds the bins of a strip of elements from the first of them.
type Bins<'a> = &'a mut dyn FnMut(usize, &mut [usize]) -> Result<()>;

/// The least or largest value of the elements of a tile in each bin.
fn extreme<V: Value>(least: bool, bins: Bins<'_>, values: &[V], out: &mut [V]) -> Result<()> {
    let mut table = vec![if least { V::LAST } else { V::FIRST }; out.len() + 1];
    let mut all = [0usize; STRIP];
    for (strip, values) in values.chunks(STRIP).enumerate() {
        let all = &mut all[..values.len()];
        bins(strip * STRIP, all)?;
        for (&i, &value) in all.iter().zip(values) {
            // NaN is the last in order.
            let better = if least { value.before(table[i]) } else { table[i].before(value) };
            if better {
                table[i] = value;
            }
        }
    }
    out.copy_from_slice(&table[..out.len()]);
    Ok(())
}

/// What elements are counted by.
trait Element: Key {
    /// Bins that are the elements themselves.
    fn positions(name: &'static str, count: usize, elements: &[Self], bins: &mut [u32]) -> Result<()> {
        let _ = (count, elements, bins);
        Err(Error::bug(format!("{name} has positions of 64 bits")))
    }

    /// Bins between edges at equal distances.
    fn even(edges: &[Self], elements: &[Self], bins: &mut [u32]) {
        between(edges, elements, bins);
    }
}

macro_rules! elements {
    ($($T:ty),*) => { $(impl Element for $T {})* };
}
elements!(u8, u16, u32, u64, i8, i16, i32, f16, bf16);

impl Element for i64 {
    fn positions(name: &'static str, count: usize, elements: &[Self], bins: &mut [u32]) -> Result<()> {
        let (mut negative, most) = (false, count.cast_signed() as i64);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "there are fewer bins")]
        for (bin, &element) in bins.iter_mut().zip(elements) {
            negative |= element < 0;
            *bin = element.clamp(0, most) as u32;
        }
        if negative {
            return Err(Error::argument(name, "the array must have no negative elements"));
        }
        Ok(())
    }
}

macro_rules! floats {
    ($($T:ty),*) => {
        $(impl Element for $T {
            /// A guess by the distance from the first edge is right but for rounding; the edges at both sides decide.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "casts saturate; there are fewer bins"
            )]
            #[allow(clippy::cast_lossless, reason = "one of the types is the wider one")]
            fn even(edges: &[Self], elements: &[Self], bins: &mut [u32]) {
                let [first, .., last] = *edges else { return };
                let count = (edges.len() - 1) as u32;
                let (start, scale) = (first as f64, count as f64 / (last as f64 - first as f64));
                for (bin, &x) in bins.iter_mut().zip(elements) {
                    *bin = (((x as f64 - start) * scale) as u32).min(count - 1);
                }
                for (bin, &x) in bins.iter_mut().zip(elements) {
                    let at = *bin as usize;
                    let less = u32::from(x < edges[at]);
                    let more = u32::from((x >= edges[at + 1]) & (*bin != count - 1));
                    let inside = (x >= first) & (x <= last);
                    *bin = if inside { bin.wrapping_sub(less).wrapping_add(more) } else { count };
                }
            }
        })*
    };
}
floats!(f32, f64);

/// Computes the edges in `region`.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for ends that are not finite, and edges that do not ascend.
pub(super) fn edges(op: &Edges, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let [out] = outputs else { return Err(Error::bug("edges are a result")) };
    macro_rules! by_dtype {
        ($dtype:expr, $f:ident $args:tt: $($D:ident => $T:ty),*) => {
            match $dtype {
                $(DType::$D => $f::<$T> $args,)*
                _ => Err(Error::bug("edges are real numbers")),
            }
        };
    }
    match inputs {
        [first, last] if op.even => by_dtype!(
            first.block.dtype(), even_edges(op, region, first, last, out):
            F16 => f16, BF16 => bf16, F32 => f32, F64 => f64),
        [given] if !op.even => by_dtype!(
            op.dtype, checked_edges(op, region, given, out):
            Bool => u8, I8 => i8, I16 => i16, I32 => i32, I64 => i64, U8 => u8, U16 => u16, U32 => u32, U64 => u64,
            F16 => f16, BF16 => bf16, F32 => f32, F64 => f64),
        _ => Err(Error::bug("edges have two ends")),
    }
}

fn checked_edges<T: Key>(op: &Edges, region: &Region, given: &View, out: &mut [u8]) -> Result<()> {
    let dense = Dense::of(given, &[op.count]);
    let edges: &[T] = dense.elements()?;
    if edges.windows(2).any(|w| w[0].above(w[1])) {
        return Err(Error::argument(op.name, "`bins` must increase monotonically, when an array"));
    }
    output::<T>(out)?.copy_from_slice(&edges[region.start[0]..region.end(0)]);
    Ok(())
}

/// NumPy's `linspace` between the ends of the data, or of a range, moved apart where they are one.
fn even_edges<T: num_traits::Float>(
    op: &Edges,
    region: &Region,
    first: &View,
    last: &View,
    out: &mut [u8],
) -> Result<()> {
    let number = |x: f64| <T as num_traits::NumCast>::from(x).ok_or_else(|| Error::bug("a number"));
    let end = |view: &View| {
        let (dtype, at) = (view.block.dtype(), view.offset * view.block.dtype().size());
        number(Scalar::from_bytes(dtype, &view.block.bytes()[at..]).to_f64())
    };
    let (mut start, mut stop) = (end(first)?, end(last)?);
    let float = |x: T| x.to_f64().unwrap_or(f64::NAN);
    if !(start.is_finite() && stop.is_finite()) {
        let why = format!("autodetected range of [{}, {}] is not finite", float(start), float(stop));
        return Err(Error::argument(op.name, why));
    }
    if start == stop {
        (start, stop) = (start - number(0.5)?, stop + number(0.5)?);
    }
    #[expect(clippy::cast_precision_loss, reason = "NumPy rounds here too")]
    let index = |i: usize| number(i as f64);
    let (gaps, delta) = (index(op.count - 1)?, stop - start);
    let step = delta / gaps;
    for (slot, i) in out.chunks_exact_mut(op.dtype.size()).zip(region.start[0]..) {
        let along = if step == T::zero() { index(i)? / gaps * delta } else { index(i)? * step };
        let edge = if i + 1 == op.count { stop } else { along + start };
        slot.copy_from_slice(&Scalar::Float(float(edge)).to_bytes(op.dtype)[..op.dtype.size()]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_bins_are_those_between_their_edges() {
        // Edges that rounding has moved, at which guesses fail.
        let edges: Vec<f32> = (0..=49).map(|i| 0.1 + i as f32 * 0.7 / 49.0).collect();
        let mut elements: Vec<f32> = edges.iter().flat_map(|e| [e.next_down(), *e, e.next_up()]).collect();
        elements.extend([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, 9.0, 0.3]);
        let (mut guessed, mut searched) = (vec![7; elements.len()], vec![8; elements.len()]);
        f32::even(&edges, &elements, &mut guessed);
        between(&edges, &elements, &mut searched);
        assert_eq!(guessed, searched);
        assert_eq!((searched[1], searched[0], searched[148], searched[149]), (0, 49, 48, 49));
    }
}
