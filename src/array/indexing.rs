//! Slices, places and masks.

use super::{Array, Kind, done};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::build::Arg;
use crate::expr::pending::when_known;
use crate::expr::{Expr, build};
use crate::op::elementwise::ElementOp;
use crate::shape::slice::{Index, Item};

impl<T: Kind> Array<T> {
    /// Basic indexing: integers, ranges, steps, `newaxis` and `...`, or ndarray's `s![]`.
    ///
    /// ```
    /// use hyperslab::{Context, shape::slice::Item};
    /// let cx = Context::default();
    /// let x = cx.arange(10)?;
    /// assert_eq!(cx.compute(x.slice(2..5))?.as_slice().unwrap(), &[2, 3, 4]);
    /// assert_eq!(cx.compute(x.slice((.., -4)))?.as_slice().unwrap(), &[9, 5, 1]);
    /// assert_eq!(cx.compute(x.slice(ndarray::s![7..]))?.as_slice().unwrap(), &[7, 8, 9]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn slice(&self, index: impl Into<Index>) -> Self {
        done(self.try_slice(index))
    }

    /// As [`Array::slice`].
    ///
    /// # Errors
    /// [`Index`](crate::ErrorKind::Index) where NumPy raises `IndexError`.
    #[track_caller]
    pub fn try_slice(&self, index: impl Into<Index>) -> Result<Self> {
        Ok(Self::of(build::index(self.expr(), index.into().items())?))
    }
}

/// One part of an index.
#[derive(Debug, Clone)]
pub enum Selection {
    /// An integer, a slice, a new axis or `...`.
    Basic(Item),
    /// Integers: elements at these places of one axis.
    Places(Expr),
    /// Truth values: elements of as many axes as it has, where they are true.
    Mask(Expr),
}

impl Selection {
    /// How many axes of an array it stands for.
    fn axes(&self) -> usize {
        match self {
            Self::Basic(Item::NewAxis | Item::Ellipsis) => 0,
            Self::Basic(_) | Self::Places(_) => 1,
            Self::Mask(mask) => mask.shape.rank(),
        }
    }
}

/// NumPy's indexing, basic and advanced. Places and masks broadcast; their axes take the place of the first of them where
/// they stand side by side, integers counted, and come first otherwise.
///
/// # Errors
/// [`Index`](crate::ErrorKind::Index) where NumPy raises `IndexError`.
#[track_caller]
pub fn select(x: &Expr, parts: &[Selection]) -> Result<Expr> {
    let basic: Option<Vec<Item>> =
        parts.iter().map(|p| if let Selection::Basic(item) = p { Some(item.clone()) } else { None }).collect();
    if let Some(items) = basic {
        return build::index(x, &items);
    }
    let arrays = parts.iter().filter_map(|p| match p {
        Selection::Places(e) | Selection::Mask(e) => Some(e.clone()),
        Selection::Basic(_) => None,
    });
    let all: Vec<Expr> = std::iter::once(x.clone()).chain(arrays).collect();
    let parts = parts.to_vec();
    when_known("index", &all, move |e| {
        let mut arrays = e[1..].iter().cloned();
        let parts: Option<Vec<Selection>> = parts
            .iter()
            .map(|p| match p {
                Selection::Basic(item) => Some(Selection::Basic(item.clone())),
                Selection::Places(_) => arrays.next().map(Selection::Places),
                Selection::Mask(_) => arrays.next().map(Selection::Mask),
            })
            .collect();
        advanced(&e[0], parts.ok_or_else(|| Error::bug("as many arrays as before"))?)
    })
}

/// As [`select`], for known shapes and at least one array.
fn advanced(x: &Expr, parts: Vec<Selection>) -> Result<Expr> {
    let parts = spelled_out(x.shape.rank(), parts)?;
    if let Some(at) = only_mask(&parts) {
        return masked(x, &parts, at);
    }
    // Everything but places is applied first; what places lie on stays whole.
    let (mut items, mut places, mut seen) = (Vec::new(), Vec::new(), 0);
    let mut axis = 0;
    for part in parts {
        match part {
            Selection::Basic(Item::Index(at)) => {
                places.push((seen, integer(at)?));
                items.push(Item::from(..));
            }
            Selection::Basic(item) => items.push(item),
            Selection::Places(e) => {
                places.push((seen, e));
                items.push(Item::from(..));
            }
            Selection::Mask(mask) => {
                let lengths = x.shape.known()?;
                check_mask(&mask, &lengths, axis)?;
                let found = nonzero(&mask)?;
                axis += found.len();
                for place in found {
                    places.push((seen, place));
                    items.push(Item::from(..));
                    seen += 1;
                }
                continue;
            }
        }
        axis += usize::from(!matches!(items.last(), Some(Item::NewAxis)));
        seen += 1;
    }
    let plain = build::index(x, &items)?;
    let on: Vec<usize> = places.iter().map(|(at, _)| *at).collect();
    let beside = on.windows(2).all(|w| w[0] + 1 == w[1]);
    let rest = (0..plain.shape.rank()).filter(|a| !on.contains(a));
    let order: Vec<usize> = on.iter().copied().chain(rest).collect();
    let lists: Vec<Expr> = places.into_iter().map(|(_, e)| e).collect();
    let out = build::gather(&build::transpose(&plain, &order)?, &lists)?;
    let first = on.first().copied().unwrap_or(0);
    let new = out.shape.rank() + on.len() - plain.shape.rank();
    if !beside || first == 0 {
        return Ok(out);
    }
    // The axes of the places go where the first of them was.
    let order: Vec<usize> = (new..new + first).chain(0..new).chain(new + first..out.shape.rank()).collect();
    build::transpose(&out, &order)
}

/// An integer as an array of rank 0.
fn integer(value: isize) -> Result<Expr> {
    build::full(&[], i64::try_from(value).unwrap_or(i64::MAX).into(), DType::I64, None)
}

/// The parts with `...` written out, one for each axis and new axis.
fn spelled_out(rank: usize, parts: Vec<Selection>) -> Result<Vec<Selection>> {
    let used: usize = parts.iter().map(Selection::axes).sum();
    if used > rank {
        return Err(Error::index(format!("{used} indices for an array of rank {rank}")));
    }
    let dots = |p: &Selection| matches!(p, Selection::Basic(Item::Ellipsis));
    if parts.iter().filter(|p| dots(p)).count() > 1 {
        return Err(Error::index("an index can have one `...` only"));
    }
    let at = parts.iter().position(dots).unwrap_or(parts.len());
    let fill = vec![Selection::Basic(Item::from(..)); rank - used];
    let (before, after) = parts.split_at(at);
    Ok(before.iter().cloned().chain(fill).chain(after.iter().skip(1).cloned()).collect())
}

/// The only array of an index, where that is a mask beside slices.
fn only_mask(parts: &[Selection]) -> Option<usize> {
    let at = parts.iter().position(|p| matches!(p, Selection::Mask(_)))?;
    let slices =
        |(i, p): (usize, &Selection)| i == at || matches!(p, Selection::Basic(Item::Slice { .. } | Item::NewAxis));
    parts.iter().enumerate().all(slices).then_some(at)
}

/// Elements where the only mask of an index is true: its axes are made one, along which rows are kept.
fn masked(x: &Expr, parts: &[Selection], at: usize) -> Result<Expr> {
    let Selection::Mask(mask) = &parts[at] else { return Err(Error::bug("a mask")) };
    let rank = mask.shape.rank();
    let mut items: Vec<Item> = Vec::new();
    let mut place = 0;
    let mut axis = 0;
    for (i, part) in parts.iter().enumerate() {
        if i == at {
            (place, axis) = (items.len(), items.iter().filter(|item| !matches!(item, Item::NewAxis)).count());
            items.extend(vec![Item::from(..); rank]);
        } else if let Selection::Basic(item) = part {
            items.push(item.clone());
        }
    }
    check_mask(mask, &x.shape.known()?, axis)?;
    let plain = build::index(x, &items)?;
    let lengths = plain.shape.known()?;
    let one: usize = lengths[place..place + rank].iter().product();
    let shape: Vec<usize> =
        lengths[..place].iter().copied().chain([one]).chain(lengths[place + rank..].iter().copied()).collect();
    build::compress(&build::reshape(&plain, &shape)?, &build::reshape(mask, &[one])?, place)
}

/// Refuses a mask whose lengths are not those of the axes from `axis` on.
fn check_mask(mask: &Expr, lengths: &[usize], axis: usize) -> Result<()> {
    let have = mask.shape.known()?;
    match have.iter().zip(&lengths[axis..]).position(|(m, n)| m != n) {
        None => Ok(()),
        Some(a) => {
            let (m, n) = (have[a], lengths[axis + a]);
            Err(Error::index(format!("a mask has length {m} where axis {} of the array has {n}", axis + a)))
        }
    }
}

/// The places, along each axis, at which `x` is not zero, in C order.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for an array of rank 0.
#[track_caller]
pub fn nonzero(x: &Expr) -> Result<Vec<Expr>> {
    let lengths = x.shape.known()?;
    if lengths.is_empty() {
        return Err(Error::shape("nonzero", "an array of rank 0 has no places"));
    }
    let size = crate::shape::size(&lengths);
    let mask = build::reshape(&build::cast(x, DType::Bool)?, &[size])?;
    let flat = build::compress(&build::iota(size, None), &mask, 0)?;
    unravelled(&flat, &lengths)
}

/// The indices along each axis of an array of these lengths that lie at places `flat` in C order.
///
/// # Errors
/// None that depends on the data.
pub fn unravelled(flat: &Expr, lengths: &[usize]) -> Result<Vec<Expr>> {
    let number = |n: usize| Arg::Scalar(i64::try_from(n).unwrap_or(i64::MAX).into());
    let strides = crate::shape::strides(lengths);
    (0..lengths.len())
        .map(|a| {
            let mut at = flat.clone();
            if strides[a] != 1 {
                at = build::element(ElementOp::FloorDivide, &[Arg::Array(at), number(strides[a].max(1))])?;
            }
            if a > 0 {
                at = build::element(ElementOp::Remainder, &[Arg::Array(at), number(lengths[a].max(1))])?;
            }
            Ok(at)
        })
        .collect()
}
