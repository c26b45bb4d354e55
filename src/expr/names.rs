//! Names of dimensions, and the coordinates that go with them.
//!
//! A [`Name`] is carried wherever the axis that it names is: views cut its [`Coordinate`] as they cut the axis,
//! whatever changes an axis otherwise drops it ([`Name::bare`]). Of an axis of which one position was taken, the name
//! stays with the array beside those of its axes: a scalar coordinate. Names are equal when their texts are, and print
//! as their texts, so that coordinates decide neither plans nor fingerprints. A coordinate that is stored is looked for
//! when it is asked for.

use crate::error::Result;
use crate::store::{self, Container, Store};
use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of a dimension, and where along it the positions are.
#[derive(Clone)]
pub struct Name {
    text: Arc<str>,
    coordinate: Option<Coordinate>,
}

/// Where the positions of an axis are: some of the values of a one-dimensional array.
#[derive(Debug, Clone)]
pub struct Coordinate {
    origin: Origin,
    picks: Picks,
}

#[derive(Debug, Clone)]
enum Origin {
    /// An array of this name and length (a scalar, where there is none) beside the one at `array`, or in a group above
    /// that.
    Beside { array: Arc<Path>, within: Option<Within>, name: Arc<str>, len: Option<usize> },
    /// This array.
    Given(Arc<dyn Store>),
    /// The values of these, one after the other, of so many arrays.
    Joined { parts: Arc<[Coordinate]>, arrays: usize },
}

/// The container of an array, as far as it is known, and its path inside.
type Within = (Arc<dyn Container>, Arc<Path>);

/// A coordinate is joined of the values of no more arrays than these: joins of joins may repeat them without end.
const MOST_JOINED: usize = 1 << 16;

/// Where the values of a coordinate are.
#[derive(Debug, Clone)]
pub enum Values {
    /// In an array, which has one axis, or none for a single value.
    Stored(Arc<dyn Store>),
    /// In these, one after the other.
    Joined(Arc<[Coordinate]>),
}

/// Which values an axis has of its coordinate.
#[derive(Debug, Clone, PartialEq)]
pub enum Picks {
    /// `len` of them, from `offset` on, `stride` apart.
    Steps {
        /// The first.
        offset: usize,
        /// From one to the next.
        stride: isize,
        /// How many.
        len: usize,
    },
    /// Those at these places.
    Places(Arc<[u32]>),
}

impl Picks {
    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Steps { len, .. } => *len,
            Self::Places(places) => places.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn at(&self, position: usize) -> usize {
        match self {
            Self::Steps { offset, stride, .. } => {
                offset.wrapping_add_signed(stride.wrapping_mul(position.cast_signed()))
            }
            Self::Places(places) => places.get(position).map_or(0, |&p| p as usize),
        }
    }

    /// `len` of these, from `first` on, `step` apart.
    fn steps(&self, first: usize, step: isize, len: usize) -> Self {
        match self {
            // Of one, the stride says nothing.
            Self::Steps { .. } if len == 1 => Self::Steps { offset: self.at(first), stride: 1, len },
            Self::Steps { stride, .. } => {
                Self::Steps { offset: self.at(first), stride: stride.wrapping_mul(step), len }
            }
            Self::Places(places) => {
                let of = |k: usize| places.get(first.wrapping_add_signed(step.wrapping_mul(k.cast_signed()))).copied();
                Self::Places((0..len).filter_map(of).collect())
            }
        }
    }

    /// Those of these that are at `places`.
    fn places(&self, places: &[u32]) -> Option<Self> {
        places.iter().map(|&p| u32::try_from(self.at(p as usize)).ok()).collect::<Option<_>>().map(Self::Places)
    }
}

impl Coordinate {
    /// All values of `array`, which has one axis.
    #[must_use]
    pub fn given(array: Arc<dyn Store>) -> Self {
        let len = array.info().shape.first().copied().unwrap_or(0);
        Self { origin: Origin::Given(array), picks: Picks::Steps { offset: 0, stride: 1, len } }
    }

    /// The values of all of `parts`, one after the other.
    fn joined(parts: Vec<Self>) -> Option<Self> {
        let arrays = parts.iter().map(|p| if let Origin::Joined { arrays, .. } = p.origin { arrays } else { 1 }).sum();
        let len = parts.iter().map(|p| p.picks.len()).sum();
        let origin = Origin::Joined { parts: parts.into(), arrays };
        (arrays <= MOST_JOINED).then_some(Self { origin, picks: Picks::Steps { offset: 0, stride: 1, len } })
    }

    /// What the values are taken from; `None` where it is not there.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) when it is there and cannot be read.
    pub fn values(&self) -> Result<Option<Values>> {
        let (array, within, name, len) = match &self.origin {
            Origin::Given(array) => return Ok(Some(Values::Stored(Arc::clone(array)))),
            Origin::Joined { parts, .. } => return Ok(Some(Values::Joined(Arc::clone(parts)))),
            Origin::Beside { array, within, name, len } => (array, within, name, *len),
        };
        if name.contains('/') {
            return Ok(None);
        }
        if let Some((container, inner)) = within {
            for place in places(inner, name) {
                let found = container.array(&place)?.filter(|array| array.info().shape == len.as_slice());
                if let Some(array) = found {
                    return Ok(Some(Values::Stored(array)));
                }
            }
            return Ok(None);
        }
        let Ok((container, inner)) = store::container(array) else { return Ok(None) };
        for place in places(Path::new(&inner), name) {
            let own: PathBuf = container.join(place);
            let nodes = store::tree(&own).unwrap_or_default();
            if matches!(nodes.as_slice(), [store::Node { kind: store::NodeKind::Array(info), .. }]
                if info.shape == len.as_slice())
            {
                return store::open(&own).map(|array| Some(Values::Stored(array)));
            }
        }
        Ok(None)
    }

    /// Which of the values the axis has.
    #[must_use]
    pub fn picks(&self) -> &Picks {
        &self.picks
    }

    /// Whether both are known to have the same values.
    fn same(&self, other: &Self) -> bool {
        let origin = match (&self.origin, &other.origin) {
            (Origin::Beside { array: a, name: n, len: l, .. }, Origin::Beside { array: b, name: m, len: k, .. }) => {
                a.parent() == b.parent() && n == m && l == k
            }
            (Origin::Given(a), Origin::Given(b)) => Arc::ptr_eq(a, b),
            (Origin::Joined { parts: a, .. }, Origin::Joined { parts: b, .. }) => {
                Arc::ptr_eq(a, b) || a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.same(b))
            }
            _ => false,
        };
        origin && self.picks == other.picks
    }
}

impl Name {
    /// This name, without a coordinate.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.into(), coordinate: None }
    }

    /// The same name with these coordinates.
    #[must_use]
    pub fn with(&self, coordinate: Coordinate) -> Self {
        Self { text: Arc::clone(&self.text), coordinate: Some(coordinate) }
    }

    /// The same name without coordinates.
    #[must_use]
    pub fn bare(&self) -> Self {
        Self { text: Arc::clone(&self.text), coordinate: None }
    }

    /// Another name with the same coordinates.
    #[must_use]
    pub fn renamed(&self, text: &str) -> Self {
        Self { text: text.into(), coordinate: self.coordinate.clone() }
    }

    /// The coordinate, which may turn out not to be there when it is looked for.
    #[must_use]
    pub fn coordinate(&self) -> Option<&Coordinate> {
        self.coordinate.as_ref()
    }

    /// Whether both are called the same and are known to have the same coordinates.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let coordinates = match (&self.coordinate, &other.coordinate) {
            (Some(a), Some(b)) => a.same(b),
            (a, b) => a.is_none() && b.is_none(),
        };
        self == other && coordinates
    }

    fn map(&self, change: impl FnOnce(&Coordinate) -> Option<Picks>) -> Self {
        let coordinate = self.coordinate.as_ref();
        let changed = coordinate.and_then(|c| Some(Coordinate { origin: c.origin.clone(), picks: change(c)? }));
        Self { text: Arc::clone(&self.text), coordinate: changed }
    }

    /// The name of `len` positions of the axis, from `first` on, `step` apart; one that is stretched has no coordinate.
    pub(super) fn steps(&self, first: usize, step: isize, len: usize) -> Self {
        self.map(|c| Some(c.picks.steps(first, step, len)).filter(|_| step != 0 || len < 2))
    }

    /// The name of an axis of these positions.
    pub(super) fn places(&self, places: &[u32]) -> Self {
        self.map(|c| c.picks.places(places))
    }

    /// The name of an axis of this length: what has another number of coordinates has none.
    pub(super) fn of_length(self, len: Option<usize>) -> Self {
        match &self.coordinate {
            Some(c) if len != Some(c.picks.len()) => self.bare(),
            _ => self,
        }
    }

    /// The name of an axis of two arrays that meet position by position: coordinates stay where they are the same.
    pub(super) fn meet(&mut self, other: &Self) {
        let same = match (&self.coordinate, &other.coordinate) {
            (Some(a), Some(b)) => self.text != other.text || a.same(b),
            _ => true,
        };
        if !same {
            self.coordinate = None;
        } else if self.coordinate.is_none() && self.text == other.text {
            self.coordinate.clone_from(&other.coordinate);
        }
    }
}

/// The same names, those of some axes without coordinates: what they name is no longer where it was.
pub(super) fn without_coordinate(names: &[Option<Name>], gone: impl Fn(usize) -> bool) -> Vec<Option<Name>> {
    let one =
        |(axis, name): (usize, &Option<Name>)| name.as_ref().map(|n| if gone(axis) { n.bare() } else { n.clone() });
    names.iter().enumerate().map(one).collect()
}

/// The names of what arrays of these names, scalar coordinates and shapes are when they are joined along an axis: that
/// has the coordinates of all parts, one after the other; of a new axis, on which each has one place, those scalars in
/// which they differ.
pub(super) fn joined(parts: &[(&[Option<Name>], &[Name])], axis: usize, shapes: &[Vec<usize>]) -> Vec<Option<Name>> {
    let Some(((first, _), shape)) = parts.first().zip(shapes.first()) else { return Vec::new() };
    let mut names = without_coordinate(first, |a| a == axis);
    for (a, name) in
        names.iter_mut().enumerate().filter_map(|(a, n)| Some((a, n.as_mut()?))).filter(|(a, _)| *a != axis)
    {
        parts.iter().filter_map(|(names, _)| names.get(a)?.as_ref()).for_each(|other| name.meet(other));
    }
    let along = match names.get(axis).cloned().flatten() {
        Some(_) => along(&parts.iter().map(|(names, _)| names.get(axis).cloned().flatten()).collect::<Vec<_>>()),
        None if shapes.iter().all(|s| s[axis] == 1) => differing(&parts.iter().map(|(_, s)| *s).collect::<Vec<_>>()),
        None => None,
    };
    if along.as_ref().is_some_and(|own| !names.iter().enumerate().any(|(a, n)| a != axis && n.as_ref() == Some(own))) {
        names.resize(shape.len(), None);
        names[axis] = along;
    }
    names
}

/// The name of the axis along which arrays are joined, where they call it `names`: with their coordinates, where all
/// have one.
fn along(names: &[Option<Name>]) -> Option<Name> {
    let first = names.first()?.as_ref()?;
    let part = |n: &Option<Name>| n.as_ref().filter(|n| *n == first)?.coordinate.clone();
    let parts: Option<Vec<Coordinate>> = names.iter().map(part).collect();
    Some(parts.and_then(Coordinate::joined).map_or_else(|| first.bare(), |joined| first.with(joined)))
}

/// The scalar coordinates of what is made of `inputs`: those of all of them, but for those that differ, and those that
/// are called as an axis is.
pub(super) fn scalars<'a>(inputs: impl Iterator<Item = &'a [Name]>, axes: &[Option<Name>]) -> Vec<Name> {
    let mut out: Vec<(Name, bool)> = Vec::new();
    for name in inputs.flatten() {
        match out.iter_mut().find(|(have, _)| have == name) {
            Some((have, agrees)) => *agrees &= have.is_same(name),
            None => out.push((name.clone(), true)),
        }
    }
    out.retain(|(name, agrees)| *agrees && !axes.iter().flatten().any(|axis| axis == name));
    out.into_iter().map(|(name, _)| name).collect()
}

/// The name that an axis of length 1 which is joined with others gets: that of the only scalar coordinate in which they
/// differ.
fn differing(scalars: &[&[Name]]) -> Option<Name> {
    let (first, others) = scalars.split_first()?;
    let of = |name: &Name| -> Option<Vec<Option<Name>>> {
        let all = std::iter::once(first).chain(others);
        all.map(|list| list.iter().find(|n| *n == name).cloned().map(Some)).collect()
    };
    let differs = |all: &Vec<Option<Name>>| all.windows(2).any(|w| !matches!(w, [Some(a), Some(b)] if a.is_same(b)));
    let mut found = first.iter().filter_map(of).filter(differs);
    let names = found.next().filter(|_| found.next().is_none())?;
    along(&names)
}

/// Where coordinates of this name may be of the array `inner` of a container: in its group, and in those above.
fn places(inner: &Path, name: &str) -> impl Iterator<Item = String> {
    let groups = inner.ancestors().skip(1).map(|group| group.join(name).to_string_lossy().into_owned());
    groups.collect::<Vec<_>>().into_iter()
}

/// The names of the dimensions of a stored array, whose coordinates stand beside it.
pub(super) fn of_store(store: &dyn Store) -> Vec<Option<Name>> {
    let info = store.info();
    let length = |axis: usize| info.shape.get(axis).copied().unwrap_or(0);
    let named = info.names.iter().enumerate().filter_map(|(axis, name)| Some((name.as_deref()?, Some(length(axis)))));
    let mut found = beside(store, named.collect()).into_iter();
    info.names.iter().map(|name| name.as_ref().and_then(|_| found.next())).collect()
}

/// The scalar coordinates of a stored array: those that its attribute `coordinates` lists and that turn out to be
/// there.
pub(super) fn scalars_of_store(store: &dyn Store) -> Vec<Name> {
    let info = store.info();
    let Some(serde_json::Value::String(list)) = info.attributes.get("coordinates") else { return Vec::new() };
    let others = list.split_whitespace().filter(|n| !info.names.iter().flatten().any(|axis| axis == n));
    let found = beside(store, others.map(|name| (name, None)).collect());
    found.into_iter().filter(|name| name.coordinate.is_some()).collect()
}

/// Names of which coordinates of these lengths stand beside a stored array.
fn beside(store: &dyn Store, names: Vec<(&str, Option<usize>)>) -> Vec<Name> {
    if store.in_memory() {
        return names.into_iter().map(|(name, _)| Name::new(name)).collect();
    }
    let within = store.within().map(|(container, inner)| {
        let first = |(name, _): &(&str, _)| places(Path::new(&inner), name).next();
        container.announce(&names.iter().filter_map(first).collect::<Vec<_>>());
        (container, PathBuf::from(inner).into())
    });
    let array: Arc<Path> = PathBuf::from(&store.info().path).into();
    let one = |(name, len): (&str, Option<usize>)| {
        let name = Name::new(name);
        let (array, within) = (Arc::clone(&array), within.clone());
        let origin = Origin::Beside { array, within, name: Arc::clone(&name.text), len };
        name.with(Coordinate { origin, picks: Picks::Steps { offset: 0, stride: 1, len: len.unwrap_or(1) } })
    };
    names.into_iter().map(one).collect()
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Name {}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values that picks take of `0, 1, 2, ...`.
    fn listed(picks: &Picks) -> Vec<usize> {
        (0..picks.len()).map(|i| picks.at(i)).collect()
    }

    #[test]
    fn picks_of_picks() {
        let all = Picks::Steps { offset: 0, stride: 1, len: 10 };
        let odd = all.steps(1, 2, 5);
        assert_eq!(listed(&odd), [1, 3, 5, 7, 9]);
        let back = odd.steps(4, -2, 3);
        assert_eq!(listed(&back), [9, 5, 1]);
        let some = back.places(&[2, 0, 2]).unwrap();
        assert_eq!(listed(&some), [1, 9, 1]);
        assert_eq!(listed(&some.steps(2, -1, 3)), [1, 9, 1]);
        assert_eq!(listed(&some.places(&[1]).unwrap()), [9]);
        assert!(odd.steps(5, 1, 0).is_empty());
    }

    #[test]
    fn what_has_another_length_has_no_coordinate() {
        let origin = Origin::Beside { array: Path::new("x").into(), within: None, name: "lat".into(), len: Some(3) };
        let name = Name::new("lat").with(Coordinate { origin, picks: Picks::Steps { offset: 0, stride: 1, len: 3 } });
        assert!(name.clone().of_length(Some(3)).coordinate().is_some());
        assert!(
            name.clone().of_length(Some(1)).coordinate().is_none()
                && name.clone().of_length(None).coordinate().is_none()
        );
        let (mut same, mut other) = (name.clone(), name.clone());
        same.meet(&name);
        other.meet(&name.steps(1, 1, 2));
        assert!(same.coordinate().is_some() && other.coordinate().is_none());
        assert_eq!((format!("{:?}", Some(&name)), name == Name::new("lat")), ("Some(\"lat\")".to_owned(), true));
    }
}
