//! Groups of elements that labels make: what belongs together, wherever it lies along one axis or several.

use super::build;
use super::check::where_all;
use super::compose::{as_axis, binary, choice, moved, range, unary};
use super::node::Expr;
use super::regions::gather;
use crate::chunk::Chunks;
use crate::chunk::groups::Groups;
use crate::device::block::{Block, Buffer};
use crate::device::data::Data;
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::error::{Error, Result};
use crate::op::elementwise::ElementOp;
use crate::op::reduction::{self, Params, Reduction};
use crate::shape::tuple;
use crate::store::memory::MemoryStore;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What labels say: the keys of the groups, and the number of the group of each element, in C order.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The keys, one for each group.
    pub values: Block,
    /// The group of each label; none for those that are dropped: NaN, -1, and keys that were not asked for.
    pub codes: Vec<Option<u32>>,
}

impl Keys {
    /// The groups of equal labels, in ascending order of these; or those of the keys `expected`, in their order, empty
    /// or not.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) for complex labels or keys of another dtype,
    /// [`Argument`](crate::ErrorKind::Argument) for keys that are there twice.
    pub fn of(labels: &Block, expected: Option<&Block>) -> Result<Self> {
        let places = places(labels)?;
        let (values, numbers) = match expected {
            Some(keys) if keys.dtype() != labels.dtype() => {
                let why = format!("keys of {} for labels of {}", keys.dtype(), labels.dtype());
                return Err(Error::dtype("groupby", why));
            }
            Some(keys) => {
                let mut numbers = BTreeMap::new();
                for (number, place) in self::places(keys)?.into_iter().enumerate() {
                    let Some(place) = place else {
                        return Err(Error::argument("groupby", "NaN and -1 are no keys of groups"));
                    };
                    if numbers.insert(place, code(number)?).is_some() {
                        return Err(Error::argument("groupby", format!("key {number} is there twice")));
                    }
                }
                (keys.reshaped(&[keys.size()])?, numbers)
            }
            None => {
                let mut first: BTreeMap<i128, usize> = BTreeMap::new();
                for (at, place) in places.iter().enumerate() {
                    if let Some(place) = place {
                        first.entry(*place).or_insert(at);
                    }
                }
                let size = labels.dtype().size();
                let mut buffer = Buffer::zeroed(first.len() * size);
                for (to, &at) in buffer.bytes_mut().chunks_exact_mut(size).zip(first.values()) {
                    to.copy_from_slice(&labels.bytes()[at * size..(at + 1) * size]);
                }
                let values = Block::new(labels.dtype(), &[first.len()], buffer)?;
                let number = |(n, (place, _)): (usize, (i128, usize))| Ok((place, code(n)?));
                (values, first.into_iter().enumerate().map(number).collect::<Result<_>>()?)
            }
        };
        let codes = places.into_iter().map(|p| p.and_then(|p| numbers.get(&p).copied())).collect();
        Ok(Self { values, codes })
    }
}

fn code(number: usize) -> Result<u32> {
    let fits = u32::try_from(number).ok().filter(|&n| n < u32::MAX);
    fits.ok_or_else(|| Error::argument("groupby", "there are more groups than 32 bits count"))
}

/// Integers in the order of the labels; none for NaN and, among signed integers, -1.
fn places(labels: &Block) -> Result<Vec<Option<i128>>> {
    let (dtype, size) = (labels.dtype(), labels.dtype().size());
    if dtype.kind() == Kind::Complex {
        return Err(Error::dtype("groupby", format!("labels have an order, which {dtype} has not")));
    }
    let place = |bytes: &[u8]| match Scalar::from_bytes(dtype, bytes) {
        Scalar::Float(v) if v.is_nan() => None,
        Scalar::Float(v) => {
            // Zeros are equal; the bits of other floats ascend as they do, those of negative ones descend.
            let bits = (v + 0.0).to_bits().cast_signed();
            Some(i128::from(if bits < 0 { bits ^ i64::MAX } else { bits }))
        }
        Scalar::Int(-1) if dtype.kind() == Kind::Signed => None,
        other => Some(other.to_i128()),
    };
    Ok(labels.bytes().chunks_exact(size).map(place).collect())
}

/// An array whose elements are in groups.
#[derive(Debug, Clone)]
pub struct Grouped {
    /// The array, with the axes that labels lie on joined to one.
    pub input: Expr,
    /// That axis, and how many groups there are. Positions that are dropped have the label after the last group.
    pub groups: Groups,
    /// Whether there are such positions.
    pub drops: bool,
    /// How the axes were before they were joined: which came where, and how long each was.
    apart: Option<(Vec<usize>, Vec<usize>)>,
}

impl Grouped {
    /// The elements of `input` in `count` groups: those at a position of `axes` (ascending) in the group `codes` has
    /// there.
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) unless there is a code for each position;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when a length is not known.
    #[track_caller]
    pub fn new(input: &Expr, axes: &[usize], codes: &[Option<u32>], count: usize) -> Result<Self> {
        let lengths = input.shape.known()?;
        let along: Vec<usize> = axes.iter().map(|&a| lengths[a]).collect();
        let total: usize = along.iter().product();
        let (Some(&first), true) = (axes.first(), codes.len() == total) else {
            let why = match axes {
                [axis] => format!("{} labels for the {total} positions along axis {axis}", codes.len()),
                _ => format!("{} labels for the {total} positions along axes {}", codes.len(), tuple(axes)),
            };
            return Err(Error::argument("group_by", why));
        };
        let after = code(count)?;
        let labels: Vec<u32> = codes.iter().map(|c| c.unwrap_or(after)).collect();
        let drops = labels.contains(&after);
        let groups = Groups::new(first, &labels, count);
        if axes.len() == 1 {
            return Ok(Self { input: input.clone(), groups, drops, apart: None });
        }
        let others: Vec<usize> = (0..lengths.len()).filter(|a| !axes.contains(a)).collect();
        let (before, behind) = others.split_at(first);
        let order: Vec<usize> = [before, axes, behind].concat();
        let apart: Vec<usize> = order.iter().map(|&a| lengths[a]).collect();
        let joined: Vec<usize> =
            before.iter().map(|&a| lengths[a]).chain([total]).chain(behind.iter().map(|&a| lengths[a])).collect();
        let input = build::reshape(&build::transpose(input, &order)?, &joined)?;
        Ok(Self { input, groups, drops, apart: Some((order, apart)) })
    }

    /// The same groups of another array of the shape of the input.
    #[must_use]
    pub fn of(&self, input: Expr) -> Self {
        Self { input, ..self.clone() }
    }

    /// The number of positions in each group.
    #[must_use]
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = Groups { count: self.groups.count + usize::from(self.drops), ..self.groups.clone() }.sizes();
        sizes.truncate(self.groups.count);
        sizes
    }

    /// `reduction` of each group, along the axis of the groups. What has no answer for no elements is NaN for an empty
    /// group, where elements are floats.
    ///
    /// # Errors
    /// As [`build::reduce_groups`].
    #[track_caller]
    pub fn reduce(&self, reduction: &dyn Reduction, params: Params) -> Result<Expr> {
        let (axis, count) = (self.groups.axis, self.groups.count);
        let one = Params { count: 1, uneven: true, ..params };
        if count == 0 {
            return self.none(reduction.reducer(self.input.dtype, &one)?.output());
        }
        let sizes = self.sizes();
        let there: Vec<usize> = (0..count).filter(|&g| sizes[g] > 0).collect();
        let refuses = || reduction.reducer(self.input.dtype, &Params { count: 0, uneven: true, ..params }).is_err();
        if there.len() == count || !self.input.dtype.is_inexact() || !refuses() {
            let all = Groups { count: count + usize::from(self.drops), ..self.groups.clone() };
            let reduced = build::reduce_groups(&self.input, reduction, &all, params)?;
            return if self.drops { range(&reduced, axis, 0, count) } else { Ok(reduced) };
        }
        let found = self.found()?;
        let dtype = reduction.reducer(self.input.dtype, &one)?.output();
        self.beside_missing((!there.is_empty()).then(|| found.reduce(reduction, params)).transpose()?, dtype)
    }

    /// The groups that are not empty, in order.
    fn found(&self) -> Result<Self> {
        let sizes = self.sizes();
        let mut next = 0..;
        let mut there = || code(next.next().unwrap_or(usize::MAX));
        let numbers: Vec<Option<u32>> =
            sizes.iter().map(|&n| (n > 0).then(&mut there).transpose()).collect::<Result<_>>()?;
        let after = there()?;
        let number = |&label: &u32| numbers.get(label as usize).copied().flatten().unwrap_or(after);
        let labels: Vec<u32> = self.groups.labels.iter().map(number).collect();
        Ok(Self { groups: Groups::new(self.groups.axis, &labels, after as usize), ..self.clone() })
    }

    /// Where along the axis of the groups each has its extreme, which `extreme`, a minimum or a maximum, gives: at the
    /// first element that is as good, or the first NaN; with `skips_nan`, at no NaN.
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) where a group is empty, unless elements are floats, and then positions
    /// are. A group of NaN alone that are skipped ends the run.
    #[track_caller]
    pub fn places(&self, op: &'static str, extreme: &dyn Reduction, skips_nan: bool) -> Result<Expr> {
        let found = self.found()?;
        let (axis, count) = (found.groups.axis, found.groups.count);
        let n = self.groups.labels.len();
        if self.groups.count == 0 {
            return self.none(DType::I64);
        }
        if count == 0 {
            return self.beside_missing(None, DType::F64);
        }
        // Elements in no group are one after the last.
        let all = Groups { count: count + usize::from(self.drops), ..found.groups.clone() };
        let extremes = build::reduce_groups(&self.input, extreme, &all, Params::default())?;
        let cuts = self.input.chunks.axes()[axis].clone();
        let own = build::take(&extremes, axis, Arc::clone(&all.labels), cuts)?;
        let mut is_it = binary(ElementOp::Equal, &self.input, &own)?;
        if self.input.dtype.is_inexact() && !skips_nan {
            is_it = binary(ElementOp::LogicalOr, &is_it, &unary(ElementOp::Isnan, &self.input)?)?;
        }
        let places = as_axis(&build::iota(n, None), axis, self.input.shape.rank())?;
        let beyond = i64::try_from(n).unwrap_or(i64::MAX);
        let least = reduction::find("min").ok_or_else(|| Error::bug("there is the reduction min"))?;
        let first = build::reduce_groups(&choice(&is_it, &places, beyond)?, least, &all, Params::default())?;
        let first = range(&first, axis, 0, count)?;
        let there = binary(ElementOp::Less, &first, beyond)?;
        let first = where_all(&first, &there, op, "a group of NaN alone has no such position")?;
        if count == self.groups.count {
            return Ok(first);
        }
        if !self.input.dtype.is_inexact() {
            return Err(Error::argument("group_by", "a group is empty, so there is no position of its extreme"));
        }
        self.beside_missing(Some(build::cast(&first, DType::F64)?), DType::F64)
    }

    /// A position for each group, of `found`, which has one for each that is not empty, in order; NaN for those that
    /// are.
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for a dtype that has none.
    #[track_caller]
    pub fn beside_missing(&self, found: Option<Expr>, dtype: DType) -> Result<Expr> {
        let (axis, sizes) = (self.groups.axis, self.sizes());
        let there = sizes.iter().filter(|&&n| n > 0).count();
        let all = match found {
            Some(found) if there == sizes.len() => return Ok(found),
            Some(found) => build::concatenate(&[found, self.filled(1, dtype)?], axis)?,
            None => self.filled(1, dtype)?,
        };
        let mut next = 0..;
        let missing = code(there)?;
        let number = |&n: &usize| if n > 0 { next.next().unwrap_or(missing) } else { missing };
        let numbers: Vec<u32> = sizes.iter().map(number).collect();
        build::take(&all, axis, numbers.into(), crate::chunk::AxisChunks::regular(sizes.len(), sizes.len()))
    }

    /// What no groups have.
    fn none(&self, dtype: DType) -> Result<Expr> {
        let mut shape = self.input.shape.known()?;
        shape[self.groups.axis] = 0;
        build::full(&shape, Scalar::Int(0), dtype, None)
    }

    /// NaN for so many groups.
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for a dtype that has none.
    #[track_caller]
    pub fn filled(&self, count: usize, dtype: DType) -> Result<Expr> {
        if !dtype.is_inexact() {
            return Err(Error::argument("group_by", format!("a group is empty, and {dtype} has no NaN")));
        }
        let mut shape = self.input.shape.known()?;
        shape[self.groups.axis] = count;
        build::full(&shape, Scalar::Float(f64::NAN), dtype, None)
    }

    /// The positions of each group, ascending.
    #[must_use]
    pub fn positions(&self) -> Vec<Vec<usize>> {
        let mut out = vec![Vec::new(); self.groups.count + 1];
        self.groups.labels.iter().enumerate().for_each(|(at, &label)| out[label as usize].push(at));
        out.truncate(self.groups.count);
        out
    }

    /// The elements at these positions of the axis of the groups.
    ///
    /// # Errors
    /// As [`gather`].
    #[track_caller]
    pub fn rows(&self, positions: &[usize]) -> Result<Expr> {
        let axis = self.groups.axis;
        let first = positions.first().copied().unwrap_or(0);
        if positions.iter().enumerate().all(|(i, &p)| p == first + i) {
            return range(&self.input, axis, first, first + positions.len());
        }
        let places: Vec<i64> = positions.iter().map(|p| p.cast_signed() as i64).collect();
        let places = in_memory(Block::from_vec(places, &[positions.len()])?);
        moved(&gather(&moved(&self.input, axis, 0)?, &[places])?, 0, axis)
    }

    /// At each element what `values`, which has a position for each group along their axis, has for its group; NaN
    /// where it is in none.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) when `values` has another rank or another number of groups;
    /// [`Argument`](crate::ErrorKind::Argument) where something is in no group and the values have no NaN.
    #[track_caller]
    pub fn expand(&self, values: &Expr) -> Result<Expr> {
        let (axis, count) = (self.groups.axis, self.groups.count);
        let lengths = values.shape.known()?;
        if lengths.len() != self.input.shape.rank() || lengths[axis] != count {
            let have = &values.shape;
            return Err(Error::shape("expand", format!("shape {have} does not have {count} groups along axis {axis}")));
        }
        let values = if self.drops {
            let mut shape = lengths;
            shape[axis] = 1;
            if !values.dtype.is_inexact() {
                let why = format!("what is in no group has no value of {}", values.dtype);
                return Err(Error::argument("expand", why));
            }
            let missing = build::full(&shape, Scalar::Float(f64::NAN), values.dtype, None)?;
            build::concatenate(&[values.clone(), missing], axis)?
        } else {
            values.clone()
        };
        let cuts = self.input.chunks.axes()[axis].clone();
        let taken = build::take(&values, axis, Arc::clone(&self.groups.labels), cuts)?;
        let Some((order, apart)) = &self.apart else { return Ok(taken) };
        // Axes that are not joined are those of the values, which may be broadcast.
        let have = taken.shape.known()?;
        let joined = apart.len() + 1 - have.len();
        let shape: Vec<usize> = [&have[..axis], &apart[axis..axis + joined], &have[axis + 1..]].concat();
        let mut inverse = vec![0; order.len()];
        order.iter().enumerate().for_each(|(to, &from)| inverse[from] = to);
        build::transpose(&build::reshape(&taken, &shape)?, &inverse)
    }
}

/// An array of what is there already.
#[must_use]
pub fn in_memory(block: Block) -> Expr {
    let chunks = Chunks::whole(block.shape());
    build::source(Arc::new(MemoryStore::new(Data::shared(block), chunks)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_any_dtype_are_in_ascending_order() {
        let floats = Block::from_vec(vec![2.5, -0.0, f64::NAN, -1.0, 0.0, f64::INFINITY], &[6]).unwrap();
        let keys = Keys::of(&floats, None).unwrap();
        assert_eq!(keys.values.values::<f64>().unwrap(), &[-1.0, -0.0, 2.5, f64::INFINITY]);
        assert_eq!(keys.codes, [Some(2), Some(1), None, Some(0), Some(1), Some(3)]);
        let integers = Block::from_vec(vec![7i64, -1, -3, 7], &[4]).unwrap();
        let keys = Keys::of(&integers, None).unwrap();
        assert_eq!(
            (keys.values.values::<i64>().unwrap(), keys.codes),
            (&[-3, 7][..], vec![Some(1), None, Some(0), Some(1)])
        );
        let asked = Block::from_vec(vec![9i64, 7], &[2]).unwrap();
        assert_eq!(Keys::of(&integers, Some(&asked)).unwrap().codes, [Some(1), None, None, Some(1)]);
    }
}
