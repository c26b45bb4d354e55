//! Names of dimensions, and the coordinates that go with them.
//!
//! A [`Name`] is carried wherever the axis that it names is: views cut its [`Coordinate`] as they cut the axis, whatever
//! changes an axis otherwise drops it ([`Name::bare`]). Names are equal when their texts are, and print as their texts, so
//! that coordinates decide neither plans nor fingerprints. A coordinate that is stored is looked for when it is asked for.

use crate::error::Result;
use crate::store::{self, Store};
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
    /// An array of this name beside the one at `array`, or in a group above that.
    Beside { array: Arc<Path>, name: Arc<str>, len: usize },
    /// This array.
    Given(Arc<dyn Store>),
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

    /// The array that the values are in, which has one axis; `None` where there is none.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) when it is there and cannot be read.
    pub fn store(&self) -> Result<Option<Arc<dyn Store>>> {
        let (array, name, len) = match &self.origin {
            Origin::Given(array) => return Ok(Some(Arc::clone(array))),
            Origin::Beside { array, name, len } => (array, name, *len),
        };
        let Ok((container, inner)) = store::container(array) else { return Ok(None) };
        if inner.is_empty() || name.contains('/') {
            return Ok(None);
        }
        for group in Path::new(&inner).ancestors().skip(1) {
            let own: PathBuf = container.join(group).join(&**name);
            let nodes = store::tree(&own).unwrap_or_default();
            if matches!(nodes.as_slice(), [store::Node { kind: store::NodeKind::Array(info), .. }] if info.shape == [len])
            {
                return store::open(&own).map(Some);
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
            (Origin::Beside { array: a, name: n, len: l }, Origin::Beside { array: b, name: m, len: k }) => {
                a.parent() == b.parent() && n == m && l == k
            }
            (Origin::Given(a), Origin::Given(b)) => Arc::ptr_eq(a, b),
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

/// The names of the dimensions of a stored array, whose coordinates stand beside it.
pub(super) fn of_store(store: &dyn Store) -> Vec<Option<Name>> {
    let info = store.info();
    let array: Arc<Path> = PathBuf::from(&info.path).into();
    let one = |(axis, name): (usize, &Option<String>)| {
        let name = Name::new(name.as_ref()?);
        if store.in_memory() {
            return Some(name);
        }
        let len = info.shape.get(axis).copied().unwrap_or(0);
        let origin = Origin::Beside { array: Arc::clone(&array), name: Arc::clone(&name.text), len };
        Some(name.with(Coordinate { origin, picks: Picks::Steps { offset: 0, stride: 1, len } }))
    };
    info.names.iter().enumerate().map(one).collect()
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
        let origin = Origin::Beside { array: Path::new("x").into(), name: "lat".into(), len: 3 };
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
