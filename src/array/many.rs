//! Many stored arrays opened as one: files side by side along an axis, or stacked along a new one.

use super::Array;
use super::cf::{self, Packing};
use super::columns::{self, Column};
use crate::chunk::{AxisChunks, Chunks};
use crate::dtype::time::TimeType;
use crate::error::{Error, Result};
use crate::expr::names::Coordinate;
use crate::expr::{Expr, Name, build};
use crate::runtime::context::Context;
use crate::shape;
use crate::shape::axes::Axes;
use crate::store::joined::{Joined, is_pattern, matching};
use crate::store::remote::is_url;
use crate::store::{self, Info, Store};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The arrays that [`Context::open_many`] opens: those whose paths a pattern matches, in the order of their names, or a
/// list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paths {
    /// `data/*.nc/t2m`: `t2m` in each of the files.
    Pattern(PathBuf),
    /// These.
    List(Vec<PathBuf>),
}

impl From<&str> for Paths {
    fn from(pattern: &str) -> Self {
        Self::Pattern(pattern.into())
    }
}

impl From<&Path> for Paths {
    fn from(pattern: &Path) -> Self {
        Self::Pattern(pattern.into())
    }
}

impl From<PathBuf> for Paths {
    fn from(pattern: PathBuf) -> Self {
        Self::Pattern(pattern)
    }
}

impl<P: AsRef<Path>> From<&[P]> for Paths {
    fn from(paths: &[P]) -> Self {
        Self::List(paths.iter().map(|p| p.as_ref().to_path_buf()).collect())
    }
}

impl<P: AsRef<Path>> From<Vec<P>> for Paths {
    fn from(paths: Vec<P>) -> Self {
        Self::from(paths.as_slice())
    }
}

/// How many arrays are put together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenMany {
    along: Along,
    nested: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Along {
    /// The one axis along which the first two differ.
    #[default]
    Found,
    Axis(String),
    New(String),
}

impl OpenMany {
    /// Side by side along the one axis in whose coordinates or length the arrays differ.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Side by side along the axis of this name, or of this number.
    #[must_use]
    pub fn along(axis: impl ToString) -> Self {
        Self { along: Along::Axis(axis.to_string()), nested: false }
    }

    /// Stacked along a new first axis of this name, in the order in which they are given.
    #[must_use]
    pub fn stack(name: impl ToString) -> Self {
        Self { along: Along::New(name.to_string()), nested: true }
    }

    /// In the order in which they are given, whatever their coordinates; without this, in the order of the coordinate
    /// of the axis, where it has one.
    #[must_use]
    pub fn nested(mut self) -> Self {
        self.nested = true;
        self
    }
}

/// What is kept of a file once it has been looked at.
#[derive(Debug)]
struct Part {
    path: PathBuf,
    len: usize,
    cuts: AxisChunks,
    packing: Packing,
    dtype: crate::dtype::DType,
    time: Option<TimeType>,
    column: Option<Column>,
    random_access: bool,
    stored: Option<u64>,
    /// Where opening it takes requests, the open array.
    store: Option<Arc<dyn Store>>,
}

/// The array that all others must agree with.
struct First {
    path: PathBuf,
    info: Info,
    names: Vec<Option<Name>>,
    columns: Vec<Option<Column>>,
}

impl First {
    fn open(path: &Path) -> Result<Self> {
        let store = store::open(path)?;
        let info = store.info().clone();
        let expr = build::source(store);
        let columns = (0..info.shape.len()).map(|axis| Column::of(&expr, axis, path)).collect::<Result<_>>()?;
        Ok(Self { path: path.to_path_buf(), info, names: expr.names.clone(), columns })
    }

    fn differs(&self, path: &Path, why: String) -> Error {
        Error::argument("open_many", format!("{} and {} {why}", self.path.display(), path.display()))
    }

    /// Looks at another array, and refuses what does not fit beside this one along `axis` (at none where they are
    /// stacked).
    fn look(&self, path: &Path, axis: Option<usize>) -> Result<Part> {
        let store = store::open(path)?;
        let random_access = store.random_access();
        let info = store.info().clone();
        let kept = store.is_remote().then(|| Arc::clone(&store));
        let packing = Packing::of(&info)?;
        self.check(&info, path, axis)?;
        let expr = build::source(store);
        let mut column = None;
        for other in 0..info.shape.len() {
            let found = Column::of(&expr, other, path)?;
            if axis == Some(other) {
                column = found;
            } else if let (Some(found), Some(Some(own))) = (found, self.columns.get(other)) {
                found.agrees(own)?;
            }
        }
        let along = axis.and_then(|a| info.chunks.axes().get(a));
        Ok(Part {
            path: path.to_path_buf(),
            len: along.map_or(1, AxisChunks::len),
            cuts: along.cloned().unwrap_or(AxisChunks::regular(1, 1)),
            packing,
            dtype: info.dtype,
            time: info.time,
            column,
            random_access,
            stored: info.stored,
            store: kept,
        })
    }

    fn check(&self, info: &Info, path: &Path, axis: Option<usize>) -> Result<()> {
        let (a, b) = (&self.info.shape, &info.shape);
        if a.len() != b.len() || (0..a.len()).any(|i| axis != Some(i) && a[i] != b[i]) {
            let where_else =
                axis.map_or(String::new(), |_| " outside of the axis that they are joined along".to_owned());
            let why = format!("have shapes {} and {}, which differ{where_else}", shape::tuple(a), shape::tuple(b));
            return Err(self.differs(path, why));
        }
        if info.names != self.info.names {
            let names = |n: &[Option<String>]| {
                n.iter().map(|n| n.clone().unwrap_or_else(|| "?".to_owned())).collect::<Vec<_>>().join(", ")
            };
            let why = format!("name their axes ({}) and ({})", names(&self.info.names), names(&info.names));
            return Err(self.differs(path, why));
        }
        for key in ["units", "calendar"].into_iter().filter(|_| !self.is_coordinate(axis)) {
            let (a, b) = (self.info.attributes.get(key), info.attributes.get(key));
            if a != b {
                let text = |v: Option<&Value>| v.map_or("none".to_owned(), Value::to_string);
                return Err(self.differs(path, format!("have {key} {} and {}", text(a), text(b))));
            }
        }
        Ok(())
    }

    /// Whether the array is the coordinate of this axis itself, whose units are converted.
    fn is_coordinate(&self, axis: Option<usize>) -> bool {
        let own = self.path.file_name().and_then(|n| n.to_str());
        axis == Some(0) && matches!(self.info.names.as_slice(), [Some(name)] if Some(name.as_str()) == own)
    }

    /// The axis of this name or number.
    fn axis(&self, text: &str) -> Result<usize> {
        let names = &self.info.names;
        let axes = match text.parse::<isize>() {
            Ok(number) if !names.iter().flatten().any(|n| n == text) => Axes::from(number),
            _ => Axes::from(text),
        };
        let found = axes.resolve("open_many", self.info.shape.len(), names).map_err(|e| e.at(self.path.display()))?;
        found.first().copied().ok_or_else(|| Error::bug("a name names an axis"))
    }

    /// The one axis in which another array differs.
    fn differing(&self, other: &Self) -> Result<usize> {
        let differs = |&axis: &usize| {
            let same = match (&self.columns[axis], &other.columns[axis]) {
                (Some(a), Some(b)) => b.equals(a),
                _ => true,
            };
            !same || self.info.shape[axis] != other.info.shape[axis]
        };
        let rank = self.info.shape.len();
        let axes: Vec<usize> =
            if rank == other.info.shape.len() { (0..rank).filter(differs).collect() } else { vec![] };
        match axes.as_slice() {
            [one] => Ok(*one),
            [] => Err(self.differs(
                &other.path,
                "differ in no coordinate, so the axis to join them along has to be named".to_owned(),
            )),
            _ => {
                Err(self.differs(&other.path, "differ along several axes; name the one to join them along".to_owned()))
            }
        }
    }
}

impl Context {
    /// The arrays at many paths as one, lazily: `data/*.nc/t2m` along `time`, for example. Numbers are those that are
    /// stored, as with [`Context::open`]; see [`Context::open_many_decoded`].
    ///
    /// All of them must have the same element type, units, calendar and names of axes, and the same lengths and
    /// coordinates along the other axes. They are put in the order of the coordinate of the axis, which must not
    /// overlap, as xarray's `combine="by_coords"` does, unless [`OpenMany::nested`] says otherwise; without a
    /// coordinate they stay in their order. Times in different units become those of the first. Metadata and
    /// coordinates are read at once, on the context's threads; at most 64 of the files are open at a time.
    ///
    /// ```
    /// use hyperslab::{Context, array::many::OpenMany, store::Create};
    /// # let folder = std::env::temp_dir().join(format!("many-{}", std::process::id()));
    /// let cx = Context::default();
    /// let t2m = cx.open("data/era5_surface_v3.zarr/t2m")?;
    /// for (i, day) in [0..8, 8..16, 16..24].into_iter().enumerate() {
    ///     let part = t2m.slice(ndarray::s![day, .., ..]);
    ///     cx.compute(part.store(folder.join(format!("day{i}.zarr/t2m")), Create::new()))?;
    /// }
    /// let pattern = folder.join("day*.zarr/t2m");
    /// let all = cx.open_many(pattern.as_path(), &OpenMany::along("time"))?;
    /// assert_eq!(all.shape(), t2m.shape());
    /// let largest = cx.compute((all - t2m).abs().max(..))?;
    /// assert_eq!(largest.to_ndarray::<f32>()?[[]], 0.0);
    /// # std::fs::remove_dir_all(folder).unwrap();
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument), naming two files that do not fit; as [`Context::open`].
    #[track_caller]
    pub fn open_many(&self, paths: impl Into<Paths>, how: &OpenMany) -> Result<Array> {
        open_many(self, &paths.into(), how, false)
    }

    /// As [`Context::open_many`], with each file decoded as [`Context::open_decoded`] does; their scales and offsets
    /// may differ.
    ///
    /// ```
    /// use hyperslab::{Context, array::many::OpenMany};
    /// let cx = Context::default();
    /// let sst = cx.open_many_decoded(vec!["data/oisst_packed.nc/sst"; 2], &OpenMany::stack("copy"))?;
    /// assert_eq!((sst.dtype().name(), sst.shape().dims()[0].known()), ("float32", Some(2)));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Context::open_many`] and [`Context::open_decoded`].
    #[track_caller]
    pub fn open_many_decoded(&self, paths: impl Into<Paths>, how: &OpenMany) -> Result<Array> {
        open_many(self, &paths.into(), how, true)
    }
}

/// Whether a path is a pattern for many: it has wildcards and is nothing by itself.
#[must_use]
pub fn is_many(path: &Path) -> bool {
    is_pattern(path)
}

#[track_caller]
fn open_many(cx: &Context, from: &Paths, how: &OpenMany, decoded: bool) -> Result<Array> {
    let (shown, paths) = match from {
        Paths::Pattern(pattern) if is_pattern(pattern) => (pattern.display().to_string(), matching(pattern)?),
        Paths::Pattern(path) => (path.display().to_string(), vec![path.clone()]),
        Paths::List(list) => {
            let first = list.first().ok_or_else(|| Error::argument("open_many", "there are no paths"))?;
            (format!("{} and {} more", first.display(), list.len() - 1), list.clone())
        }
    };
    let first = First::open(&paths[0])?;
    let axis = match (&how.along, paths.get(1)) {
        (Along::New(_), _) => None,
        (Along::Axis(text), _) => Some(first.axis(text)?),
        (Along::Found, None) => {
            return if decoded { cx.open_decoded(&paths[0]) } else { cx.open(&paths[0]) };
        }
        (Along::Found, Some(second)) => Some(first.differing(&First::open(second)?)?),
    };
    let mut parts = cx.each(paths.len(), paths.iter().any(|path| is_url(path)), |i| first.look(&paths[i], axis))?;
    let columns: Vec<&Column> = parts.iter().filter_map(|p| p.column.as_ref()).collect();
    if !columns.is_empty() && columns.len() < parts.len() {
        let (has, not) = (parts.iter().find(|p| p.column.is_some()), parts.iter().find(|p| p.column.is_none()));
        let path = |p: Option<&Part>| p.map(|p| p.path.display().to_string()).unwrap_or_default();
        let why = format!("{} has a coordinate along the axis to join along and {} has none", path(has), path(not));
        return Err(Error::argument("open_many", why));
    }
    if !how.nested && !columns.is_empty() {
        let order = columns::order(&columns)?;
        let mut slots: Vec<Option<Part>> = parts.into_iter().map(Some).collect();
        parts = order.iter().filter_map(|&i| slots.get_mut(i).and_then(Option::take)).collect();
    }
    let columns: Vec<&Column> = parts.iter().filter_map(|p| p.column.as_ref()).collect();
    let coordinate = columns::joined(&columns)?;
    let is_coordinate = first.is_coordinate(axis);
    // The first in order gives the attributes.
    let first = if parts[0].path == first.path { first } else { First::open(&parts[0].path)? };
    if let Some(coordinate) = coordinate.as_ref().filter(|_| is_coordinate) {
        return Ok(Array::of(columns::as_array(Arc::clone(coordinate))));
    }
    let mut names = first.names.clone();
    match (axis, &how.along) {
        (Some(axis), _) => {
            if let Some(Some(name)) = names.get_mut(axis) {
                *name = coordinate.map_or(name.bare(), |c| name.with(Coordinate::given(c)));
            }
        }
        (None, Along::New(text)) => {
            names.resize(first.info.shape.len(), None);
            names.insert(0, Some(Name::new(text)));
        }
        (None, _) => {}
    }
    Ok(Array::of(assemble(&first, &shown, axis, parts, decoded)?.with_names(names)))
}

/// The parts as one expression: a store for each run of files that are packed alike.
#[track_caller]
fn assemble(first: &First, shown: &str, axis: Option<usize>, parts: Vec<Part>, decoded: bool) -> Result<Expr> {
    let some = parts.iter().any(|p| p.len > 0);
    let mut runs: Vec<Vec<Part>> = Vec::new();
    for part in parts.into_iter().filter(|p| p.len > 0 || !some) {
        match runs.last_mut() {
            Some(run) if run[0].packing == part.packing && (run[0].dtype, run[0].time) == (part.dtype, part.time) => {
                run.push(part);
            }
            _ => runs.push(vec![part]),
        }
    }
    let mut sources: Vec<(PathBuf, Expr)> = Vec::new();
    for run in runs {
        let (path, packing) = (run[0].path.clone(), run[0].packing.clone());
        let store = run[0].store.clone().map_or_else(|| store::open(&path), Ok)?;
        let source = build::source(Arc::new(one_store(store.info(), shown, axis, run)?));
        let source = if decoded { cf::decode(&source, &packing)? } else { source };
        if let Some((other, before)) = sources.first() {
            let differ = |what: &str, a: &dyn std::fmt::Display, b: &dyn std::fmt::Display| {
                let why = format!("{} holds {what}{a} and {} {what}{b}", other.display(), path.display());
                Err(Error::argument("open_many", why))
            };
            if (before.dtype, before.time) != (source.dtype, source.time) {
                return differ("", &before.type_name(), &source.type_name());
            }
            if !decoded {
                let (a, b) = (Packing::of(&first.info)?.describe(first.info.dtype), packing.describe(source.dtype));
                return differ("numbers that are stored otherwise, which only decoding makes one: ", &a, &b);
            }
        }
        sources.push((path, source));
    }
    let all: Vec<Expr> = sources.into_iter().map(|(_, source)| source).collect();
    match all.as_slice() {
        [one] => Ok(one.clone()),
        _ => build::concatenate(&all, axis.unwrap_or(0)),
    }
}

/// One store over parts that are packed alike.
fn one_store(info: &Info, shown: &str, axis: Option<usize>, parts: Vec<Part>) -> Result<Joined> {
    let mut info = Info { path: shown.to_owned(), shards: None, ..info.clone() };
    let mut axes = info.chunks.axes().to_vec();
    let at = axis.unwrap_or(0);
    let lengths: Vec<usize> =
        parts.iter().flat_map(|p| (0..p.cuts.count()).map(|i| p.cuts.length(i))).filter(|&n| n > 0).collect();
    let total = parts.iter().try_fold(0usize, |n, p| n.checked_add(p.len));
    let total = total.filter(|&n| {
        let mut others = info.shape.iter().enumerate().filter(|(a, _)| axis != Some(*a)).map(|(_, &n)| n);
        let bytes = others.try_fold(info.dtype.size(), |b, n| b.checked_mul(n.max(1)));
        bytes.and_then(|b| b.checked_mul(n)).is_some_and(|b| isize::try_from(b).is_ok())
    });
    let total = total.ok_or_else(|| Error::argument("open_many", "the arrays are too large together"))?;
    let cuts = AxisChunks::from_lengths(&lengths);
    if axis.is_some() {
        (axes[at], info.shape[at]) = (cuts, total);
    } else {
        axes.insert(at, cuts);
        info.shape.insert(at, total);
        info.names.resize(info.shape.len() - 1, None);
        info.names.insert(at, None);
    }
    info.chunks = Chunks::new(axes);
    info.stored = parts.iter().map(|p| p.stored).sum();
    let random_access = parts.iter().all(|p| p.random_access);
    let open: Vec<_> = parts.iter().enumerate().filter_map(|(i, p)| Some((i, p.store.clone()?))).collect();
    let parts = parts.into_iter().map(|p| (p.path, p.len)).collect();
    Ok(Joined::new(info, (at, axis.is_none()), parts, random_access)?.with_open(open))
}
