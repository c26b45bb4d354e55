//! Filters: passes over windows, one after another, within pieces of a block that stay in cache.
//!
//! `cells.rs` turns elements into the numbers that passes compute with and back, as SciPy does; `border.rs` puts
//! elements and what stands beyond the array side by side, so that no pass knows about edges. `weigh.rs` has sums,
//! `extremes.rs` smallest and largest elements, `rank.rs` elements in order.

use super::tables::output;
use crate::chunk::Region;
use crate::chunk::region::Indices;
use crate::device::View;
use crate::device::block::Buffer;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::regional::filter::{Join, Pass, PassOp, Span};
use crate::op::regional::{Computation, Filter};
use crate::shape;
use border::Field;
use cells::{Cell, by_cell};

pub(super) mod cells;
mod border;
mod weigh;
mod extremes;
mod rank;

/// What passes of one block share: memory for elements with a border, sums, and what is between passes.
#[derive(Default)]
struct Workspace {
    border: Scratch,
    sums: Scratch,
    between: [Scratch; 2],
    chain: Scratch,
}

/// Memory that grows to what is asked for.
#[derive(Default)]
struct Scratch(Option<Buffer>);

impl Scratch {
    fn bytes(&mut self, len: usize) -> &mut [u8] {
        if self.0.as_ref().is_none_or(|b| b.len() < len) {
            self.0 = Some(Buffer::zeroed(len));
        }
        self.0.as_mut().map_or(&mut [][..], |b| &mut b.bytes_mut()[..len])
    }

    fn elements<T: bytemuck::Pod>(&mut self, count: usize) -> Result<&mut [T]> {
        output(self.bytes(count * size_of::<T>()))
    }
}

/// The dtype in which elements are computed with: truth values are numbers until the end.
fn raw(dtype: DType) -> DType {
    if dtype == DType::Bool { DType::U8 } else { dtype }
}

/// Computes `region`.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for inputs of the wrong number or dtype.
pub(super) fn run(op: &Filter, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    let ([input], [out]) = (inputs, outputs) else { return Err(Error::bug("a filter has an input and a result")) };
    if region.size() == 0 {
        return Ok(());
    }
    let hull = op.hull(region);
    // Complex numbers are filtered part by part.
    if op.output.is_complex() {
        let size = op.output.size() / 2;
        let mut part = vec![0; out.len() / 2];
        for p in 0..2 {
            let mut real = Filter { input: real_part(op.input), output: real_part(op.output), ..op.clone() };
            if p == 1 {
                // Constants are real.
                real.chains.iter_mut().flatten().for_each(|pass| pass.constant = 0.0.into());
            }
            let strides = input.strides.iter().map(|s| 2 * s).collect();
            pieces(&real, region, &hull, (input, 2 * input.offset + p, strides), &mut part)?;
            let slots = out.chunks_exact_mut(2 * size).zip(part.chunks_exact(size));
            slots.for_each(|(slot, x)| slot[p * size..][..size].copy_from_slice(x));
        }
        return Ok(());
    }
    pieces(op, region, &hull, (input, input.offset, input.strides.clone()), out)
}

fn real_part(dtype: DType) -> DType {
    if dtype == DType::C64 { DType::F32 } else { DType::F64 }
}

/// Computes a region of real numbers, piece by piece.
fn pieces(
    op: &Filter,
    region: &Region,
    hull: &Region,
    (input, offset, strides): (&View, usize, Vec<isize>),
    out: &mut [u8],
) -> Result<()> {
    let start = hull.start.iter().zip(&op.more).map(|(s, m)| s.cast_signed() - m.0.cast_signed()).collect();
    let given = Field {
        bytes: input.block.bytes(),
        dtype: raw(op.input),
        offset,
        strides,
        span: Span { start, shape: hull.shape.clone() },
    };
    let slab = op.slab(&region.shape);
    let counts: Vec<usize> = region.shape.iter().zip(&slab).map(|(n, s)| n.div_ceil(*s)).collect();
    let (mut rest, mut work) = (out, Workspace::default());
    // Pieces are whole along the axes behind those that are cut, so they follow each other in the result.
    for index in Indices::new(&counts) {
        let first = |a: usize| index[a] * slab[a];
        let span = Span {
            start: (0..slab.len()).map(|a| (region.start[a] + first(a)).cast_signed()).collect(),
            shape: (0..slab.len()).map(|a| slab[a].min(region.shape[a] - first(a))).collect(),
        };
        let (piece, behind) = rest.split_at_mut(shape::size(&span.shape) * op.output.size());
        joined(op, &given, &span, piece, &mut work)?;
        rest = behind;
    }
    Ok(())
}

/// The results of all chains over `span` as one.
fn joined(op: &Filter, given: &Field, span: &Span, out: &mut [u8], work: &mut Workspace) -> Result<()> {
    let dtype = raw(op.output);
    let norm = op.join == Join::Norm;
    for (n, chain) in op.chains.iter().enumerate() {
        if n == 0 {
            passes(op, chain, given, span, out, work)?;
            settle(op.output, out);
            if norm {
                by_cell!(dtype, T => output::<T>(out)?.iter_mut().for_each(|x| *x = x.times(*x)));
            }
            continue;
        }
        let mut other = std::mem::take(&mut work.chain);
        let term = other.bytes(out.len());
        passes(op, chain, given, span, term, work)?;
        settle(op.output, term);
        by_cell!(dtype, T => {
            let term: &[T] = output::<T>(term)?;
            let sums = output::<T>(out)?.iter_mut().zip(term);
            if norm { sums.for_each(|(x, y)| *x = x.plus(y.times(*y))) } else { sums.for_each(|(x, y)| *x = x.plus(*y)) }
        });
        work.chain = other;
    }
    if norm {
        by_cell!(dtype, T => output::<T>(out)?.iter_mut().for_each(|x| *x = T::narrow(x.wide().sqrt())));
    }
    settle(op.output, out);
    Ok(())
}

/// Makes truth values of numbers.
fn settle(dtype: DType, out: &mut [u8]) {
    if dtype == DType::Bool {
        for x in out {
            *x = u8::from(*x != 0);
        }
    }
}

/// The passes of one chain over `span`.
fn passes(op: &Filter, chain: &[Pass], given: &Field, span: &Span, out: &mut [u8], work: &mut Workspace) -> Result<()> {
    let steps = op.steps(chain, span);
    let dtype = raw(op.output);
    let [mut from, mut to] = std::mem::take(&mut work.between);
    for (n, pass) in chain.iter().enumerate() {
        let target = &steps[n + 1];
        let between;
        let field = if n == 0 {
            given
        } else {
            let bytes = from.bytes(shape::size(&steps[n].shape) * dtype.size());
            between = Field::dense(bytes, dtype, steps[n].clone());
            &between
        };
        if n + 1 == chain.len() {
            one(op, pass, field, target, out, work)?;
        } else {
            one(op, pass, field, target, to.bytes(shape::size(&target.shape) * dtype.size()), work)?;
        }
        std::mem::swap(&mut from, &mut to);
    }
    work.between = [from, to];
    Ok(())
}

/// One pass over `target`.
fn one(op: &Filter, pass: &Pass, field: &Field, target: &Span, out: &mut [u8], work: &mut Workspace) -> Result<()> {
    let window = Windows { pass, field, target, lengths: &op.lengths };
    let (border, sums, dtype) = (&mut work.border, &mut work.sums, raw(op.output));
    match &pass.op {
        PassOp::Weighted { .. } | PassOp::Correlate { .. } => weigh::run(&window, dtype, out, border),
        PassOp::Mean { axis } => weigh::mean(&window, *axis, dtype, out, border, sums),
        PassOp::Extreme { axis, largest } => extremes::along(&window, *axis, *largest, dtype, out, border),
        PassOp::Peak { places, largest } => extremes::among(&window, places, *largest, dtype, out, border),
        PassOp::Rank { places, rank } => rank::run(&window, places, *rank, dtype, out, border),
    }
}

/// The windows of a pass around all elements of a box.
struct Windows<'a> {
    pass: &'a Pass,
    /// What they hold, as far as it is there.
    field: &'a Field<'a>,
    /// The elements.
    target: &'a Span,
    /// The lengths of the array.
    lengths: &'a [usize],
}

/// Elements that are computed together.
const STRIP: usize = 256;

/// Makes every element what `of` makes of it and of the one `distance` behind it, which is as it was before.
#[inline(always)]
fn with_later<T: Cell>(elements: &mut [T], distance: usize, of: impl Fn(T, T) -> T) {
    let mut strip = [T::narrow(0.0); STRIP];
    let count = elements.len().saturating_sub(distance);
    for at in (0..count).step_by(STRIP) {
        let strip = &mut strip[..STRIP.min(count - at)];
        let pairs = elements[at..].iter().zip(&elements[at + distance..]);
        strip.iter_mut().zip(pairs).for_each(|(x, (a, b))| *x = of(*a, *b));
        elements[at..at + strip.len()].copy_from_slice(strip);
    }
}

impl Windows<'_> {
    /// The elements with their border in C order: the lengths.
    fn lengths(&self) -> Vec<usize> {
        self.pass.reach(self.target).shape
    }

    /// The elements with their border, as `to` has them.
    fn bordered<'b, T: Cell, W: bytemuck::Pod>(
        &self,
        scratch: &'b mut Scratch,
        to: impl Fn(T) -> W + Copy,
        constant: W,
    ) -> Result<&'b mut [W]> {
        let reach = self.pass.reach(self.target);
        let out = scratch.elements::<W>(shape::size(&reach.shape))?;
        border::fill(self.field, &reach, (&self.pass.edges, self.lengths), to, constant, out)?;
        Ok(out)
    }

    /// Where the window of an element has its places, as distances from the first one in what is bordered.
    fn distances(&self, places: impl Iterator<Item = usize>) -> Vec<usize> {
        let (window, strides) = (shape::strides(&self.pass.window), shape::strides(&self.lengths()));
        let at = |place: usize| -> usize {
            (0..window.len()).map(|a| place / window[a] % self.pass.window[a] * strides[a]).sum()
        };
        places.map(at).collect()
    }

    /// Calls `each` with neighbours along the last axis: the first one's window in what is bordered, the first one, and
    /// how many.
    fn rows(&self, longest: usize, mut each: impl FnMut(usize, usize, usize)) {
        let strides = shape::strides(&self.lengths());
        let (n, outer) = match self.target.shape.split_last() {
            Some((n, outer)) => (*n, outer),
            None => (1, &[][..]),
        };
        for (row, index) in Indices::new(outer).enumerate() {
            let from: usize = index.iter().zip(&strides).map(|(i, s)| i * s).sum();
            for at in (0..n).step_by(longest) {
                each(from + at, row * n + at, longest.min(n - at));
            }
        }
    }

    /// As `rows`, where windows lie along `axis` alone.
    fn lines(&self, axis: usize, mut each: impl FnMut(usize, usize, usize)) {
        let shape = &self.target.shape;
        let (outer, len, inner) = (shape::size(&shape[..axis]), shape[axis], shape::size(&shape[axis + 1..]));
        let reached = len + self.pass.window[axis] - 1;
        for o in 0..outer {
            let (from, to) = (o * reached * inner, o * len * inner);
            if inner <= STRIP {
                for at in (0..len * inner).step_by(STRIP) {
                    each(from + at, to + at, STRIP.min(len * inner - at));
                }
                continue;
            }
            // What windows have in common stays in the first cache.
            for column in (0..inner).step_by(STRIP) {
                let n = STRIP.min(inner - column);
                for i in 0..len {
                    each(from + i * inner + column, to + i * inner + column, n);
                }
            }
        }
    }
}
