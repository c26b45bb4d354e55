//! Slices, places and masks.

use super::{Array, Kind, creation, done};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::known::{check_places, known_integers};
use crate::expr::pending::when_known;
use crate::expr::regions;
use crate::op::elementwise::ElementOp;
use crate::shape::axes::position;
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

    /// Indexing with places and masks beside integers and slices, as NumPy has it. Arrays of places broadcast against
    /// each other; their axes take the place of the first of them where they stand side by side, and come first
    /// otherwise. Lengths that a mask decides are known when they are computed.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.arange(12)?.reshape(&[3, 4]);
    /// assert_eq!(cx.compute(x.at((.., [3, 0])))?, ndarray::array![[3, 0], [7, 4], [11, 8]].into_dyn());
    /// assert_eq!(cx.compute(x.at(([2, 0], [1, 1])))?.as_slice().unwrap(), &[9, 1]);
    /// assert_eq!(cx.compute(x.at(&x.greater(8)))?.as_slice().unwrap(), &[9, 10, 11]);
    /// let rows = x.sum(1).greater(6);
    /// assert_eq!(cx.compute(x.at((&rows, 1)))?.as_slice().unwrap(), &[5, 9]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn at(&self, index: impl Into<Selections>) -> Self {
        done(self.try_at(index))
    }

    /// As [`Array::at`].
    ///
    /// # Errors
    /// [`Index`](crate::ErrorKind::Index) where NumPy raises `IndexError`.
    #[track_caller]
    pub fn try_at(&self, index: impl Into<Selections>) -> Result<Self> {
        Ok(Self::of(select(self.expr(), &index.into().0)?))
    }

    /// Without the rows along `axis` at which `mask` is false, or beyond its end.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.arange(6)?.reshape(&[3, 2]);
    /// let mask = (&cx.arange(3)? % 2).equal(0);
    /// assert_eq!(cx.compute(x.compress(&mask, 0))?, ndarray::array![[0, 1], [4, 5]].into_dyn());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn compress<M: Kind>(&self, mask: &Array<M>, axis: isize) -> Self {
        let axis = position("compress", axis, self.ndim());
        Self::of(done(
            axis.and_then(|axis| regions::compress(self.expr(), &build::cast(mask.expr(), DType::Bool)?, axis)),
        ))
    }

    /// The places at which elements are not zero: for each axis, positions along it, in C order.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::array![[0, 5], [7, 0]].into_dyn())?;
    /// let [rows, columns] = x.nonzero()?.try_into().unwrap();
    /// assert_eq!(cx.compute(rows)?.as_slice().unwrap(), &[0, 1]);
    /// assert_eq!(cx.compute(columns)?.as_slice().unwrap(), &[1, 0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) for an array of rank 0.
    #[track_caller]
    pub fn nonzero(&self) -> Result<Vec<Array<i64>>> {
        Ok(nonzero(self.expr())?.into_iter().map(Array::of).collect())
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
    /// As [`Selection::Places`], in memory.
    List(Vec<i64>),
}

impl PartialEq<Item> for Selection {
    fn eq(&self, other: &Item) -> bool {
        matches!(self, Self::Basic(item) if item == other)
    }
}

impl Selection {
    /// How many axes of an array it stands for.
    pub(super) fn axes(&self) -> usize {
        match self {
            Self::Basic(Item::NewAxis | Item::Ellipsis) => 0,
            Self::Basic(_) | Self::Places(_) | Self::List(_) => 1,
            Self::Mask(mask) => mask.shape.rank(),
        }
    }
}

macro_rules! basic_selections {
    ($($item:ty),*) => {
        $(impl From<$item> for Selection {
            fn from(item: $item) -> Self {
                Self::Basic(item.into())
            }
        })*
    };
}
basic_selections!(
    Item,
    isize,
    std::ops::RangeFull,
    std::ops::Range<isize>,
    std::ops::RangeFrom<isize>,
    std::ops::RangeTo<isize>
);

impl<T: Kind> From<&Array<T>> for Selection {
    /// A mask where the elements are truth values, places otherwise.
    fn from(array: &Array<T>) -> Self {
        if array.dtype() == DType::Bool { Self::Mask(array.expr().clone()) } else { Self::Places(array.expr().clone()) }
    }
}

impl From<Vec<i64>> for Selection {
    fn from(places: Vec<i64>) -> Self {
        Self::List(places)
    }
}

impl<const N: usize> From<[i64; N]> for Selection {
    fn from(places: [i64; N]) -> Self {
        Self::List(places.to_vec())
    }
}

/// The index of an array: one [`Selection`], or a tuple of them.
#[derive(Debug, Clone)]
pub struct Selections(Vec<Selection>);

impl Selections {
    /// The parts, outermost axis first.
    #[must_use]
    pub fn parts(&self) -> &[Selection] {
        &self.0
    }
}

impl<I: Into<Selection>> From<I> for Selections {
    fn from(one: I) -> Self {
        Self(vec![one.into()])
    }
}

impl From<Vec<Selection>> for Selections {
    fn from(parts: Vec<Selection>) -> Self {
        Self(parts)
    }
}

macro_rules! tuples {
    ($($($name:ident)+;)*) => {
        $(impl<$($name: Into<Selection>),+> From<($($name,)+)> for Selections {
            fn from(($($name,)+): ($($name,)+)) -> Self {
                Self(vec![$($name.into()),+])
            }
        })*
    };
}
#[allow(non_snake_case, reason = "the variables of a tuple's items are called like their types")]
mod of_tuples {
    use super::{Selection, Selections};
    tuples! { A B; A B C; A B C D; A B C D E; }
}

/// The items of an index that has no arrays.
pub(super) fn basic(parts: &[Selection]) -> Option<Vec<Item>> {
    parts.iter().map(|p| if let Selection::Basic(item) = p { Some(item.clone()) } else { None }).collect()
}

/// The parts of an index, lists as arrays; refuses arrays of other than integers and truth values.
pub(super) fn checked(parts: &[Selection]) -> Result<Vec<Selection>> {
    parts
        .iter()
        .map(|p| match p {
            Selection::List(list) => Ok(Selection::Places(creation::list(list.clone())?)),
            Selection::Places(e) if !e.dtype.is_integer() => {
                Err(Error::index(format!("arrays that index hold integers or bool, not {}", e.dtype)))
            }
            other => Ok(other.clone()),
        })
        .collect()
}

/// The arrays of an index.
pub(super) fn arrays(parts: &[Selection]) -> impl Iterator<Item = Expr> {
    parts.iter().filter_map(|p| match p {
        Selection::Places(e) | Selection::Mask(e) => Some(e.clone()),
        _ => None,
    })
}

/// The index with other arrays, as many as it has.
pub(super) fn with_arrays(parts: &[Selection], new: &[Expr]) -> Result<Vec<Selection>> {
    let mut arrays = new.iter().cloned();
    let parts: Option<Vec<Selection>> = parts
        .iter()
        .map(|p| match p {
            Selection::Places(_) => arrays.next().map(Selection::Places),
            Selection::Mask(_) => arrays.next().map(Selection::Mask),
            other => Some(other.clone()),
        })
        .collect();
    parts.ok_or_else(|| Error::bug("as many arrays as before"))
}

/// NumPy's indexing, basic and advanced. Places and masks broadcast; their axes take the place of the first of them
/// where they stand side by side, integers counted, and come first otherwise.
///
/// # Errors
/// [`Index`](crate::ErrorKind::Index) where NumPy raises `IndexError`.
#[track_caller]
pub fn select(x: &Expr, parts: &[Selection]) -> Result<Expr> {
    if let Some(items) = basic(parts) {
        return build::index(x, &items);
    }
    let parts = checked(parts)?;
    let all: Vec<Expr> = std::iter::once(x.clone()).chain(arrays(&parts)).collect();
    when_known("index", &all, move |e| advanced(&e[0], with_arrays(&parts, &e[1..])?))
}

/// As [`select`], for known shapes and at least one array.
fn advanced(x: &Expr, parts: Vec<Selection>) -> Result<Expr> {
    let parts = spelled_out(x.shape.rank(), parts)?;
    if let Some(at) = only_mask(&parts) {
        return masked(x, &parts, at);
    }
    let (plain, places) = places(x, parts)?;
    places.gathered(&plain)
}

/// Lists of places, which broadcast, on some axes of an array.
#[derive(Debug, Clone)]
pub(super) struct Places {
    /// The axes.
    pub(super) on: Vec<usize>,
    /// What lies on each.
    pub(super) lists: Vec<Expr>,
}

/// What the basic parts of an index leave of `x`, and the places in it.
pub(super) fn places(x: &Expr, parts: Vec<Selection>) -> Result<(Expr, Places)> {
    let lengths = x.shape.known()?;
    let (mut items, mut places, mut seen) = (Vec::new(), Places { on: Vec::new(), lists: Vec::new() }, 0);
    let mut axis = 0;
    for part in parts {
        let lists = match part {
            Selection::Basic(Item::Index(at)) => vec![integer(at)?],
            Selection::Places(e) => vec![e],
            Selection::List(list) => vec![creation::list(list)?],
            Selection::Mask(mask) => {
                checked_mask(&mask, &lengths, axis)?;
                nonzero(&mask)?
            }
            Selection::Basic(item) => {
                axis += usize::from(item != Item::NewAxis);
                items.push(item);
                seen += 1;
                continue;
            }
        };
        // Everything but places is applied first; what places lie on stays whole.
        for list in lists {
            if let Some(n) = lengths.get(axis) {
                check_places(&list, axis, *n)?;
            }
            places.on.push(seen);
            places.lists.push(list);
            items.push(Item::from(..));
            (axis, seen) = (axis + 1, seen + 1);
        }
    }
    Ok((build::index(x, &items)?, places))
}

impl Places {
    /// The same axes with other lists.
    pub(super) fn with(&self, lists: &[Expr]) -> Self {
        Self { on: self.on.clone(), lists: lists.to_vec() }
    }

    /// The axes that places lie on, then the others, of an array of this rank.
    pub(super) fn order(&self, rank: usize) -> Vec<usize> {
        let rest = (0..rank).filter(|a| !self.on.contains(a));
        self.on.iter().copied().chain(rest).collect()
    }

    /// How many axes stand before those of the places in what they select.
    fn first(&self) -> usize {
        let beside = self.on.windows(2).all(|w| w[0] + 1 == w[1]);
        self.on.first().copied().filter(|_| beside).unwrap_or(0)
    }

    /// The elements at the places.
    pub(super) fn gathered(&self, plain: &Expr) -> Result<Expr> {
        let rank = plain.shape.rank();
        let (on, first) = (self.on.len(), self.first());
        let lists = self.lists.clone();
        let turned = build::transpose(plain, &self.order(rank))?;
        let all: Vec<Expr> = std::iter::once(turned).chain(lists).collect();
        when_known("index", &all, move |e| {
            let out = regions::gather(&e[0], &e[1..])?;
            let new = out.shape.rank() + on - rank;
            // The axes of the places go where the first of them was.
            let order: Vec<usize> = (new..new + first).chain(0..new).chain(new + first..out.shape.rank()).collect();
            build::transpose(&out, &order)
        })
    }

    /// What was selected, with the axes of the places in front.
    pub(super) fn in_front(&self, selected: &Expr) -> Result<Expr> {
        let new = self.lists.iter().map(|e| e.shape.rank()).max().unwrap_or(0);
        let first = self.first();
        let order: Vec<usize> =
            (first..first + new).chain(0..first).chain(first + new..selected.shape.rank()).collect();
        build::transpose(selected, &order)
    }

    /// The places as numbers in C order among the axes that they lie on, `m` of them; one that is not there is an
    /// error.
    pub(super) fn numbers(&self, lengths: &[usize], m: usize) -> Result<Expr> {
        let steps = crate::shape::strides(lengths);
        if let ([list], [n]) = (self.lists.as_slice(), lengths)
            && let Some(known) = known_integers(list)
        {
            let n = i64::try_from(*n).map_err(|_| Error::shape("index", "a length does not fit a place"))?;
            return creation::list(known.into_iter().map(|at| if at < 0 { at + n } else { at }).collect());
        }
        let mut sum: Option<Expr> = None;
        for ((list, &n), &step) in self.lists.iter().zip(lengths).zip(&steps) {
            let step = Arg::Scalar(i64::try_from(step).unwrap_or(i64::MAX).into());
            let at = regions::gather(&build::iota(n, None), std::slice::from_ref(list))?;
            let at = build::element(ElementOp::Multiply, &[Arg::Array(at), step])?;
            sum = Some(match sum {
                None => at,
                Some(sum) => build::element(ElementOp::Add, &[Arg::Array(sum), Arg::Array(at)])?,
            });
        }
        build::reshape(&sum.ok_or_else(|| Error::bug("there are places"))?, &[m])
    }
}

/// An integer as an array of rank 0.
fn integer(value: isize) -> Result<Expr> {
    build::full(&[], i64::try_from(value).unwrap_or(i64::MAX).into(), DType::I64, None)
}

/// The parts with `...` written out, one for each axis and new axis.
pub(super) fn spelled_out(rank: usize, parts: Vec<Selection>) -> Result<Vec<Selection>> {
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
    checked_mask(mask, &x.shape.known()?, axis)?;
    let plain = build::index(x, &items)?;
    let lengths = plain.shape.known()?;
    let one: usize = lengths[place..place + rank].iter().product();
    let shape: Vec<usize> =
        lengths[..place].iter().copied().chain([one]).chain(lengths[place + rank..].iter().copied()).collect();
    regions::compress(&build::reshape(&plain, &shape)?, &build::reshape(mask, &[one])?, place)
}

/// Refuses a mask whose lengths are not those of the axes from `axis` on.
pub(super) fn checked_mask(mask: &Expr, lengths: &[usize], axis: usize) -> Result<()> {
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
    let flat = regions::compress(&build::iota(size, None), &mask, 0)?;
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
