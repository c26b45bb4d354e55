//! Constructor of what is left of an array without the zeros around it.

use super::build;
use super::node::{Expr, Resume};
use super::pending::{pending, when_known};
use super::tally::over_all;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::reduction::{self, Params};
use crate::shape::slice::Item;
use crate::shape::{Dim, Shape, size};

/// `x` without zeros at the front, the back, or both, along `axes`: the box that holds all that is not zero, nothing
/// where there is nothing else.
///
/// # Errors
/// None that depends on the data.
#[track_caller]
pub fn trim_zeros(x: &Expr, front: bool, back: bool, axes: &[usize]) -> Result<Expr> {
    let axes = axes.to_vec();
    when_known("trim_zeros", std::slice::from_ref(x), move |e| {
        let (x, lengths) = (&e[0], e[0].shape.known()?);
        if axes.is_empty() {
            return Ok(x.clone());
        }
        let cut = |at: &dyn Fn(usize) -> [usize; 2]| {
            let item = |a: usize| {
                let [from, to] = if axes.contains(&a) { at(a) } else { [0, lengths[a]] };
                Item::from(from.cast_signed()..to.cast_signed())
            };
            (0..lengths.len()).map(item).collect::<Vec<_>>()
        };
        if size(&lengths) == 0 {
            return build::index(x, &cut(&|_| [0, 0]));
        }
        let facts = axes.iter().map(|&a| ends(x, a)).collect::<Result<Vec<_>>>()?.concat();
        let dim = |(a, &n): (usize, &usize)| {
            if axes.contains(&a) { Dim::Unknown { id: (x.id() + a) as u64, max: n } } else { Dim::Known(n) }
        };
        let shape = Shape::from(lengths.iter().enumerate().map(dim).collect::<Vec<_>>());
        let (axes, lengths) = (axes.clone(), lengths.clone());
        let resume = Resume::new("trim_zeros", move |facts, inputs| {
            let values = facts.iter().map(|f| Ok(f.values::<i64>()?[0])).collect::<Result<Vec<_>>>()?;
            let mut items = vec![Item::from(..); lengths.len()];
            for (&a, found) in axes.iter().zip(values.as_chunks::<3>().0) {
                let [some, before, behind] = found.map(i64::cast_unsigned).map(usize::try_from);
                let bug = |_| Error::bug("positions fit");
                let (some, before, behind) = (some.map_err(bug)?, before.map_err(bug)?, behind.map_err(bug)?);
                let (from, to) = match some {
                    0 => (0, 0),
                    _ => (if front { before } else { 0 }, lengths[a] - if back { behind } else { 0 }),
                };
                items[a] = Item::from(from.cast_signed()..to.cast_signed());
            }
            build::index(&inputs[0], &items)
        });
        Ok(pending(std::slice::from_ref(x), &facts, (x.dtype, shape), resume).with_time(x.time))
    })
}

/// Whether anything of `x` is not zero, and how many rows along `axis` are before and behind all that is.
#[track_caller]
fn ends(x: &Expr, axis: usize) -> Result<[Expr; 3]> {
    let find = |name| reduction::find(name).ok_or_else(|| Error::bug(format!("there is a reduction {name}")));
    let some = build::cast(x, DType::Bool)?;
    let others: Vec<usize> = (0..x.shape.rank()).filter(|&a| a != axis).collect();
    let rows = if others.is_empty() { some } else { build::reduce(&some, find("any")?, &others, Params::default())? };
    let items: Vec<Item> =
        (0..x.shape.rank()).map(|a| if a == axis { Item::from(..) } else { Item::Index(0) }).collect();
    let rows = build::index(&rows, &items)?;
    let back = build::index(&rows, &[Item::Slice { start: None, stop: None, step: -1 }])?;
    let fact = |x: &Expr, name| build::cast(&over_all(x, name)?, DType::I64);
    Ok([fact(&rows, "any")?, fact(&rows, "argmax")?, fact(&back, "argmax")?])
}
