//! Connected elements under one number each.

use crate::array::creation::in_memory;
use crate::array::indexing::nonzero;
use crate::array::padding::{Border, pad};
use crate::array::places::{Beyond, take};
use crate::array::{Array, Kind};
use crate::chunk::Chunks;
use crate::cpu::label::{Merged, before, block};
use crate::device::block::Block;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::compose::{as_axis, binary, choice, flat, range, unary};
use crate::expr::filters::stretches;
use crate::expr::known::known_numbers;
use crate::expr::lookup::searchsorted;
use crate::expr::node::Resume;
use crate::expr::pending::pending;
use crate::expr::tally::numbered as counted;
use crate::op::elementwise::ElementOp as Op;
use crate::op::function::{BlockFunction, RawBlock};
use crate::op::regional::Stretch;
use crate::shape::{Shape, tuple};
use std::sync::Arc;

use super::Ndimage;
use super::extremes::refuse_complex;
use super::morphology::{Binary, Change, generate_binary_structure};

/// The elements of `x` that are not 0, those that are connected under one number: 1, 2 and so on in the order of their
/// first elements, and how many numbers there are. Connected are neighbours in a structure of 3 elements along each
/// axis, those along axes without.
///
/// Chunks are labelled by themselves, then what touches across their faces is made one.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for complex numbers; [`Argument`](crate::ErrorKind::Argument) for a structure of
/// other lengths, or one that is not the same from both sides; [`Unsupported`](crate::ErrorKind::Unsupported) for one
/// that is computed, and when a length depends on data.
#[track_caller]
pub fn label(x: &Expr, structure: Option<&Expr>) -> Result<[Expr; 2]> {
    const NAME: &str = "label";
    refuse_complex(NAME, x)?;
    let lengths = x.shape.known()?;
    let structure = match structure {
        Some(structure) => structure.clone(),
        None => generate_binary_structure(lengths.len(), 1)?,
    };
    let shape = structure.shape.known()?;
    if shape != vec![3; lengths.len()] {
        return Err(Error::argument(NAME, format!("a structure of shape {} for {}", tuple(&shape), x.shape)));
    }
    let Some(numbers) = known_numbers(&structure) else {
        return Err(Error::unsupported("a structure that is computed is not offered"));
    };
    let set: Vec<bool> = numbers.iter().map(|n| *n != 0.0).collect();
    if !set.iter().eq(set.iter().rev()) {
        return Err(Error::argument(NAME, "a structure is the same from both sides"));
    }
    let mask = build::cast(x, DType::Bool)?;
    let dtype = if crate::shape::size(&lengths) >= (1 << 31) - 2 { DType::I64 } else { DType::I32 };
    if lengths.is_empty() || lengths.contains(&0) {
        let count = if lengths.is_empty() { build::cast(&mask, DType::I64)? } else { number(0)? };
        return Ok([build::cast(&mask, dtype)?, count]);
    }
    connected(&mask, &before(&set, lengths.len()), dtype)
}

/// An integer as an array.
fn number(value: usize) -> Result<Expr> {
    build::full(&[], Scalar::Int(i128::try_from(value).unwrap_or(i128::MAX)), DType::I64, None)
}

/// The place of every element in C order.
pub(super) fn places(lengths: &[usize], chunks: &Chunks) -> Result<Expr> {
    let strides = crate::shape::strides(lengths);
    let mut sum = number(0)?;
    for (axis, &n) in lengths.iter().enumerate() {
        let along = as_axis(&build::iota(n, None), axis, lengths.len())?;
        sum = binary(Op::Add, &sum, binary(Op::Multiply, &along, strides[axis].cast_signed() as i64)?)?;
    }
    build::rechunk(&sum, chunks.clone())
}

/// The pairs of neighbours along `axis` that lie in different chunks.
fn seams(local: &Expr, axis: usize) -> Result<Expr> {
    let whole = |&n: &usize| vec![Stretch { at: 0, from: 0, len: n }];
    let mut axes: Vec<Vec<Stretch>> = local.shape.known()?.iter().map(whole).collect();
    let cuts = &local.chunks.axes()[axis];
    axes[axis] = (1..cuts.count()).map(|i| Stretch { at: 2 * (i - 1), from: cuts.start(i) - 1, len: 2 }).collect();
    stretches(local, "seams", &axes, None)
}

fn connected(mask: &Expr, neighbours: &[Vec<isize>], dtype: DType) -> Result<[Expr; 2]> {
    let lengths = mask.shape.known()?;
    let places = places(&lengths, &mask.chunks)?;
    let within = neighbours.to_vec();
    let body = move |inputs: &[RawBlock<'_>], shape: &[usize], out: &mut [u8]| {
        let [mask, places] = inputs else { return Err(Error::bug("elements and their places are labelled")) };
        let cast = |e: bytemuck::PodCastError| Error::bug(format!("blocks are aligned: {e}"));
        let places = bytemuck::try_cast_slice(places.bytes).map_err(cast)?;
        block(mask.bytes, places, shape, &within, bytemuck::try_cast_slice_mut(out).map_err(cast)?)
    };
    // The name tells functions of one structure from those of another in what is written about a run.
    let name = format!("label by {neighbours:?}");
    let function = BlockFunction { name, output: DType::I64, body: Arc::new(body), cuda: None };
    // Each element has one more than the place of the first that its chunk connects it with.
    let local = build::blocks(&[mask.clone(), places.clone()], function)?;
    let first = binary(Op::Equal, &local, binary(Op::Add, &places, 1)?)?;
    let firsts = binary(Op::Add, &nonzero(&flat(&first)?)?[0], 1)?;
    let axes: Vec<usize> = (0..lengths.len()).filter(|&a| local.chunks.axes()[a].count() > 1).collect();
    let facts = axes.iter().map(|&axis| seams(&local, axis)).collect::<Result<Vec<_>>>()?;
    let merged = {
        let neighbours = neighbours.to_vec();
        move |facts: &[Block]| -> Result<(Vec<i64>, Vec<i64>)> {
            let mut merged = Merged::default();
            for (&axis, seam) in axes.iter().zip(facts) {
                merged.seams(seam.values::<i64>()?, seam.shape(), axis, &neighbours);
            }
            Ok(merged.replaced())
        }
    };
    let numbered = {
        let merged = merged.clone();
        move |facts: &[Block], inputs: &[Expr]| match inputs {
            [local, firsts] => numbered(local, firsts, merged(facts)?, dtype),
            _ => Err(Error::bug("labels are made of what chunks have")),
        }
    };
    let counted = move |facts: &[Block], inputs: &[Expr]| match inputs {
        [_, firsts] => number(firsts.shape.known()?[0] - merged(facts)?.0.len()),
        _ => Err(Error::bug("labels are made of what chunks have")),
    };
    let inputs = [local, firsts];
    Ok([
        pending(&inputs, &facts, (dtype, Shape::new(&lengths)), Resume::new("label", numbered)),
        pending(&inputs, &facts, (DType::I64, Shape::new(&[])), Resume::new("label", counted)),
    ])
}

/// What stands for elements as numbers without gaps: how many of `firsts` come before it, of those that stand for
/// something.
fn numbered(local: &Expr, firsts: &Expr, (gone, instead): (Vec<i64>, Vec<i64>), dtype: DType) -> Result<Expr> {
    let count = gone.len();
    let mut first = local.clone();
    if count > 0 {
        let (gone, instead) =
            (in_memory(Block::from_vec(gone, &[count])?), in_memory(Block::from_vec(instead, &[count])?));
        let at = searchsorted(&gone, local, false, None)?;
        let found = binary(Op::Equal, &take(&gone, &at, Some(0), Beyond::Clip)?, local)?;
        first = choice(&found, &take(&instead, &at, Some(0), Beyond::Clip)?, local)?;
        let number = binary(
            Op::Subtract,
            &searchsorted(firsts, &first, true, None)?,
            &searchsorted(&gone, &first, true, None)?,
        )?;
        return finished(local, &number, dtype);
    }
    finished(local, &searchsorted(firsts, &first, true, None)?, dtype)
}

fn finished(local: &Expr, number: &Expr, dtype: DType) -> Result<Expr> {
    build::cast(&choice(&binary(Op::Greater, local, 0)?, number, 0)?, dtype)
}

/// The elements of `x` that are not 0, and those that nothing connects with what lies outside.
///
/// # Errors
/// As [`label`]; [`Argument`](crate::ErrorKind::Argument) for a structure that does not hold all neighbours along axes,
/// for then outside is not one.
#[track_caller]
pub fn binary_fill_holes(x: &Expr, structure: Option<&Expr>) -> Result<Expr> {
    const NAME: &str = "binary_fill_holes";
    let rank = x.shape.rank();
    let inside = build::cast(x, DType::Bool)?;
    if let Some(numbers) = structure.and_then(known_numbers) {
        let nearest = generate_binary_structure(rank, 1)?;
        let nearest = known_numbers(&nearest).ok_or_else(|| Error::bug("a structure lies in memory"))?;
        if numbers.len() == nearest.len() && numbers.iter().zip(&nearest).any(|(n, near)| *near != 0.0 && *n == 0.0) {
            return Err(Error::argument(NAME, "a structure holds all neighbours along axes"));
        }
    }
    if rank == 0 {
        // Nothing lies outside a number.
        return build::full(&[], Scalar::Bool(true), DType::Bool, None);
    }
    // Outside is a frame, whose first element is the first of all.
    let outside = unary(Op::LogicalNot, &inside)?;
    let frame = Border::Constant(vec![(Scalar::Bool(true), Scalar::Bool(true)); rank]);
    let [labels, count] = label(&pad(&outside, &vec![(1, 1); rank], &frame)?, structure)?;
    let mut within = binary(Op::NotEqual, &labels, 1)?;
    if rank == 1 {
        // The frame of a line is its two ends.
        within = binary(Op::LogicalAnd, &within, &binary(Op::NotEqual, &labels, &count)?)?;
    }
    for (axis, n) in x.shape.known()?.into_iter().enumerate() {
        within = range(&within, axis, 1, n + 1)?;
    }
    Ok(within)
}

/// Truth values eroded or dilated until nothing changes: `how.iterations` does not count.
///
/// Dilation makes all that is connected with a true element true; erosion is the same of what is false.
///
/// # Errors
/// As [`label`]; [`Argument`](crate::ErrorKind::Argument) for a structure without its middle, under which nothing has
/// to come to an end, [`Unsupported`](crate::ErrorKind::Unsupported) for origins and for a structure that does not lie
/// along all axes.
#[track_caller]
pub fn until_unchanged(name: &'static str, x: &Expr, change: Change, how: &Binary) -> Result<Expr> {
    refuse_complex(name, x)?;
    let rank = x.shape.rank();
    if how.axes.as_ref().is_some_and(|axes| axes.len() != rank) || how.origins.iter().any(|o| *o != 0) {
        return Err(Error::unsupported(format!(
            "{name} until nothing changes has no `origin`, and goes along all axes"
        )));
    }
    if let Some(mask) = how.mask.as_ref().filter(|mask| mask.shape != x.shape) {
        return Err(Error::shape(name, format!("a mask of shape {} for {}", mask.shape, x.shape)));
    }
    if let Some(numbers) = how.structure.as_ref().and_then(known_numbers)
        && numbers.get(numbers.len() / 2).is_none_or(|middle| *middle == 0.0)
    {
        return Err(Error::argument(name, "a structure holds its middle"));
    }
    let erodes = change == Change::Erosion;
    let turned = |x: &Expr| if erodes { unary(Op::LogicalNot, x) } else { Ok(x.clone()) };
    let set = turned(&build::cast(x, DType::Bool)?)?;
    let allowed = match &how.mask {
        Some(mask) => build::cast(mask, DType::Bool)?,
        None => build::full(&x.shape.known()?, Scalar::Bool(true), DType::Bool, None)?,
    };
    // What is set where nothing may change stays set, and sets what is around it.
    let room = binary(Op::LogicalOr, &allowed, &set)?;
    if rank == 0 || x.shape.known()?.contains(&0) {
        return turned(&set);
    }
    let frames = how.border != erodes;
    let framed = |x: &Expr| {
        let frame = Border::Constant(vec![(Scalar::Bool(true), Scalar::Bool(true)); rank]);
        if frames { pad(x, &vec![(1, 1); rank], &frame) } else { Ok(x.clone()) }
    };
    let (set, room) = (framed(&set)?, framed(&room)?);
    let [labels, count] = label(&room, how.structure.as_ref())?;
    let shape = labels.shape.clone();
    let resume = Resume::new(name, move |facts, inputs| match (facts, inputs) {
        ([count], [labels, set]) => {
            let count = usize::try_from(count.values::<i64>()?[0]).map_err(|_| Error::bug("labels are counted"))?;
            let hits = counted(name, &choice(set, labels, 0)?, None, count + 1)?;
            let hit = take(&binary(Op::Greater, &hits, 0)?, labels, Some(0), Beyond::Clip)?;
            binary(Op::LogicalAnd, &hit, &binary(Op::Greater, labels, 0)?)
        }
        _ => Err(Error::bug("labels and what is set are there")),
    });
    let mut out = pending(&[labels, set], &[count], (DType::Bool, shape), resume);
    if frames {
        for (axis, n) in x.shape.known()?.into_iter().enumerate() {
            out = range(&out, axis, 1, n + 1)?;
        }
    }
    turned(&out)
}

impl<T: Kind> Ndimage<T> {
    /// Connected elements that are not 0 under one number each, and how many numbers there are. [`label`] takes
    /// structures.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.arange(7)?.rechunk(&[3]);
    /// let (labels, count) = (&x - 3).ndimage().label()?;
    /// let (labels, count) = cx.compute((labels.cast::<i64>(), count))?;
    /// assert_eq!((labels.as_slice().unwrap(), count[[]]), (&[1, 1, 1, 0, 2, 2, 2][..], 2));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`label`].
    #[track_caller]
    pub fn label(&self) -> Result<(Array, Array<i64>)> {
        let [labels, count] = label(&self.x, None)?;
        Ok((Array::of(labels), Array::of(count)))
    }
}
