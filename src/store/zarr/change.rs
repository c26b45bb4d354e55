//! Changing an array that exists: pieces of it, and how long its axes are.
//!
//! Pieces that are changed in part are read, changed and encoded anew. In files, all of them are made beside the array
//! and renamed when the last one is there, metadata at the end; see [`Staging::pour`]. Behind a network, where nothing
//! can be renamed, each is replaced when it is made, and metadata last: an array that grows is what it was until then.

use super::meta::{self, Array, Found};
use super::nodes::{above, node};
use super::objects::Hierarchy;
use super::read::ZarrStore;
use super::recode::Recoder;
use super::source::Source;
use super::upload;
use super::{join, json};
use crate::chunk::{Chunks, Region};
use crate::error::{Error, Result};
use crate::shape;
use crate::store::manifest::Seal;
use crate::store::remote::uploads::Uploads;
use crate::store::staging::Staging;
use crate::store::{Change, Create, Sink, Store, raw, remote};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The documents that say how long the axes are.
const SHAPES: [&str; 2] = ["zarr.json", ".zarray"];

/// An array being changed.
#[derive(Debug)]
pub(super) struct ChangeSink {
    /// The array as it is.
    old: ZarrStore,
    array: Arc<Array>,
    change: Change,
    grid: Chunks,
    recoder: Recoder,
    /// The document of the array and its name, where the array grows.
    grown: Option<(&'static str, Value)>,
    container: PathBuf,
    inner: String,
    place: Place,
}

/// Where pieces go.
#[derive(Debug)]
enum Place {
    Files(Staging),
    Remote(Arc<Hierarchy>, Arc<Uploads>),
}

impl ChangeSink {
    pub(super) fn new(container: &Path, inner: &str, change: &Change) -> Result<Self> {
        let inner = inner.trim_matches('/');
        if !remote::is_url(container) && container.is_file() {
            return Err(Error::store(container, "is a file; only folders are written to"));
        }
        let mut staging = None;
        if remote::is_url(container) {
            upload::refuse_read_only(container)?;
        } else {
            recover(container, inner)?;
            let how = Create { resume: change.resume, ..Create::new() };
            staging = Some(Staging::begin(container, inner, &how, change.run.as_ref())?);
        }
        let source = Source::open(container, inner)?;
        let Found::Array(array) = meta::find(&source, inner)? else {
            return Err(remote::missing(&source.name(inner), "no such array"));
        };
        let array = Arc::new(*array);
        let shown = source.name(inner);
        change.check(&array.info.shape, &shown)?;
        let old = ZarrStore::shared(source.clone(), Arc::clone(&array));
        let Some(piece) = old.piece() else {
            return Err(Error::unsupported(format!("{}: an irregular grid of chunks is not changed", shown.display())));
        };
        let (name, mut document) = document(&source, inner)?;
        let recoder = Recoder::new(&array, &piece)
            .map_err(|why| Error::unsupported(format!("{}: cannot be written to: {why}", shown.display())))?;
        document["shape"] = json!(change.after());
        let place = match (staging, source.remote()) {
            (Some(mut staging), _) => {
                if !staging.open()? {
                    let part = staging.part();
                    std::fs::create_dir(part).map_err(|e| Error::store(&shown, format!("cannot be changed: {e}")))?;
                }
                Place::Files(staging)
            }
            (None, Some(hierarchy)) => Place::Remote(Arc::clone(hierarchy), Arc::default()),
            (None, None) => return Err(Error::bug("what is behind a network is an object")),
        };
        let grid = change.grid(Some(&piece), &array.grid);
        let grown = change.grows().then_some((name, document));
        let (container, inner) = (container.to_owned(), inner.to_owned());
        Ok(Self { old, array, change: change.clone(), grid, recoder, grown, container, inner, place })
    }

    /// The shape of a piece.
    fn piece(&self) -> Vec<usize> {
        self.array.stored_shape.clone().unwrap_or_default()
    }

    /// The name of a piece below the array.
    fn name(&self, index: &[usize]) -> String {
        let key = self.array.key(index);
        key.strip_prefix(&self.inner).unwrap_or(&key).trim_start_matches('/').to_owned()
    }

    /// The number of a piece, in row-major order.
    fn number(&self, index: &[usize], piece: &[usize]) -> usize {
        let counts: Vec<usize> = self.change.after().iter().zip(piece).map(|(n, p)| n.div_ceil(*p)).collect();
        index.iter().zip(shape::strides(&counts)).map(|(i, step)| i * step).sum()
    }

    /// Encodes and stores the piece `index`.
    fn write_piece(&self, index: &[usize], own: &Region, written: &Region, data: &[u8]) -> Result<()> {
        let piece = self.piece();
        let start = index.iter().zip(&piece).map(|(i, n)| i * n).collect();
        let chunk = Region::new(start, piece.clone());
        let elements = self.change.elements((&self.old, &self.array.fill), &chunk, own, written, data)?;
        let fail = |why: String| Error::store(&self.array.info.path, why);
        self.recoder.check(&elements, &own.relative_to(&chunk)).map_err(fail)?;
        let encoded = self.recoder.encode(elements).map_err(fail)?;
        match &self.place {
            Place::Files(staging) => {
                raw::write_file(&staging.part().join(self.name(index)), &encoded)?;
                staging.note(self.number(index, &piece), || Ok(Seal::of(&encoded)))
            }
            Place::Remote(hierarchy, uploads) => {
                uploads.put(hierarchy.place(), &hierarchy.object(&self.array.key(index)), encoded)
            }
        }
    }
}

impl Sink for ChangeSink {
    fn grid(&self) -> &Chunks {
        &self.grid
    }

    fn has(&self, region: &Region) -> bool {
        let Place::Files(staging) = &self.place else { return false };
        let piece = self.piece();
        self.change.pieces(region, &piece).iter().all(|(index, _)| {
            staging.has(self.number(index, &piece), |len| {
                let path = staging.part().join(self.name(index));
                std::fs::metadata(&path).is_ok_and(|m| m.len() == len).then(|| std::fs::read(&path).ok()).flatten()
            })
        })
    }

    fn write(&self, region: &Region, data: &[u8]) -> Result<()> {
        if !self.grid.aligned(region) || data.len() != region.size() * self.array.info.dtype.size() {
            return Err(Error::bug(format!("{region} is a union of pieces {} and its data fit", self.grid)));
        }
        let written = self.change.written(region);
        self.change.pieces(region, &self.piece()).into_iter().try_for_each(|(index, own)| {
            self.write_piece(&index, &own, &written, data).map_err(|e| {
                let named = e.at(format!("changing chunk {}", shape::tuple(&index)));
                named.at(format!("array {}", self.array.info.path))
            })
        })
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self { change, grown, container, inner, place, .. } = *self;
        match place {
            Place::Files(mut staging) => {
                if let Some((name, document)) = &grown {
                    Source::Directory(staging.part().clone()).put(name, document)?;
                }
                let grows = grown.is_some();
                staging.pour(
                    &change.token,
                    &SHAPES,
                    || if grows { renew_copies_of(&container, &inner) } else { Ok(()) },
                )
            }
            Place::Remote(hierarchy, uploads) => {
                uploads.wait()?;
                let Some((name, document)) = grown else { return Ok(()) };
                Source::Remote(hierarchy).put(&join(&inner, name), &document)?;
                // What is there now.
                renew_copies(&Source::of_folder(&container, "")?, &inner, name, &document)
            }
        }
    }
}

/// The document that describes the array at `inner`, and its name.
fn document(source: &Source, inner: &str) -> Result<(&'static str, Value)> {
    for name in SHAPES {
        let key = join(inner, name);
        if let Some(text) = source.document(&key)? {
            return Ok((name, json::parse(&source.name(&key), &text)?));
        }
    }
    Err(remote::missing(&source.name(inner), "no such array"))
}

/// Goes on with a change of an array in files that was interrupted; see [`crate::store::Format::recover`].
pub(super) fn recover(container: &Path, inner: &str) -> Result<Option<String>> {
    let inner = inner.trim_matches('/');
    if remote::is_url(container) || !container.is_dir() {
        return Ok(None);
    }
    Staging::poured(container, inner, &SHAPES, || renew_copies_of(container, inner))
}

/// As [`renew_copies`], in files.
fn renew_copies_of(container: &Path, inner: &str) -> Result<()> {
    let source = Source::Directory(container.to_owned());
    let Some(own) = node(&source, inner)? else { return Ok(()) };
    renew_copies(&source, inner, SHAPES[usize::from(own.version == 2)], &own.document)
}

/// Puts the document of an array, which has this name, into the copies that groups above it have of it.
fn renew_copies(source: &Source, inner: &str, name: &str, document: &Value) -> Result<()> {
    for group in above(inner) {
        let key = join(group, if name == SHAPES[1] { ".zmetadata" } else { "zarr.json" });
        let own = inner.strip_prefix(group).unwrap_or(inner).trim_start_matches('/');
        let Some(text) = source.document(&key)? else { continue };
        let mut copies = json::parse(&source.name(&key), &text)?;
        if renew(&mut copies, own, name, document) {
            source.put(&key, &copies)?;
        }
    }
    Ok(())
}

/// Replaces the copy of the document of the node `below` a group in the group's own, where there is one.
fn renew(group: &mut Value, below: &str, name: &str, document: &Value) -> bool {
    let copy = if name == SHAPES[1] {
        group.get_mut("metadata").and_then(|all| all.get_mut(join(below, name)))
    } else {
        group.get_mut("consolidated_metadata").and_then(|c| c.get_mut("metadata")).and_then(|all| all.get_mut(below))
    };
    let Some(copy) = copy else { return false };
    // What the copy says beside stays.
    copy["shape"] = document["shape"].clone();
    true
}

#[cfg(test)]
mod tests {
    use super::super::Zarr;
    use super::*;
    use crate::dtype::DType;
    use crate::store::update::testing::{change, elements};
    use crate::store::{Format, Layout};

    fn array(path: &Path, shape: &[usize], values: &[u8]) {
        let how = Create { zarr_version: Some(3), ..Create::new() };
        let layout = Layout { dtype: DType::U8, time: None, shape: shape.to_vec(), chunks: vec![4], how, run: None };
        let sink = Zarr.create(path, "x", &layout).unwrap();
        sink.write(&Region::full(shape), values).unwrap();
        sink.finish().unwrap();
    }

    #[test]
    fn what_is_on_its_way_into_its_place_gets_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zarr");
        array(&path, &[6], &[0, 1, 2, 3, 4, 5]);
        // The group has a copy of the metadata of the array.
        let source = Source::Directory(path.clone());
        let mut group = node(&source, "").unwrap().unwrap().document;
        let copy = node(&source, "x").unwrap().unwrap().document;
        group["consolidated_metadata"] = json!({"kind": "inline", "metadata": {"x": copy}});
        source.put("zarr.json", &group).unwrap();
        // All of a change is made, and a part of it in its place, when the process is killed.
        let sink = ChangeSink::new(&path, "x", &change(6, 5, 6)).unwrap();
        sink.write(&Region::full(&[5]), &[6, 7, 8, 9, 10]).unwrap();
        let Place::Files(staging) = &sink.place else { panic!() };
        let part = staging.part();
        let (name, document) = sink.grown.clone().unwrap();
        Source::Directory(part.clone()).put(name, &document).unwrap();
        std::fs::write(part.join(".token"), "mine").unwrap();
        std::fs::rename(&part, folder.path().join(".commit.a.zarr%x")).unwrap();
        std::fs::rename(folder.path().join(".commit.a.zarr%x/c/2"), path.join("x/c/2")).unwrap();
        drop(sink);
        assert_eq!(elements(&Zarr, &path, "x"), [0, 1, 2, 3, 4, 5]);
        assert_eq!(Zarr.recover(&path, "x").unwrap().as_deref(), Some("mine"));
        assert_eq!(elements(&Zarr, &path, "x"), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        let group = node(&source, "").unwrap().unwrap().document;
        assert_eq!(group["consolidated_metadata"]["metadata"]["x"]["shape"], json!([11]));
        assert_eq!(Zarr.recover(&path, "x").unwrap(), None);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_change_that_ends_early_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zarr");
        array(&path, &[6], &[0, 1, 2, 3, 4, 5]);
        let sink = ChangeSink::new(&path, "x", &change(1, 4, 6)).unwrap();
        assert_eq!(sink.grid().axes()[0].bounds(), [0, 3, 4]);
        sink.write(&Region::new(vec![0], vec![3]), &[9, 9, 9]).unwrap();
        let second = ChangeSink::new(&path, "x", &change(1, 4, 6)).unwrap_err().to_string();
        assert!(second.contains("is being written by process"), "{second}");
        drop(sink);
        assert_eq!(elements(&Zarr, &path, "x"), [0, 1, 2, 3, 4, 5]);
        let wrong = ChangeSink::new(&path, "x", &change(7, 4, 7)).unwrap_err().to_string();
        assert!(wrong.ends_with("has the shape (6,) now, and had (7,) when it was opened; run it again"), "{wrong}");
        // A chunk that is changed in part has to be read, and is damaged.
        std::fs::write(path.join("x/c/0"), b"no zstd").unwrap();
        let sink = ChangeSink::new(&path, "x", &change(1, 4, 6)).unwrap();
        let error = sink.write(&Region::new(vec![0], vec![3]), &[9, 9, 9]).unwrap_err().to_string();
        assert!(error.contains("changing chunk (0,)"), "{error}");
        drop(sink);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_filters_have_no_number_for_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zarr/x");
        std::fs::create_dir_all(&path).unwrap();
        let filters = json!([
            {"id": "fixedscaleoffset", "offset": 0, "scale": 10, "dtype": "<f4", "astype": ">i4"},
            {"id": "delta", "dtype": ">i4", "astype": ">i2"},
        ]);
        let document = json!({"zarr_format": 2, "shape": [3], "chunks": [4], "dtype": "<f4", "order": "C",
                              "fill_value": "NaN", "filters": filters, "compressor": {"id": "lzma", "preset": 1}});
        std::fs::write(path.join(".zarray"), document.to_string()).unwrap();
        let write = |values: &[f32]| {
            let sink = ChangeSink::new(&folder.path().join("a.zarr"), "x", &change(0, values.len(), 3)).unwrap();
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
            sink.write(&Region::full(&[values.len()]), &bytes).and_then(|()| Box::new(sink).finish())
        };
        let read = || {
            let mut out = vec![0; 12];
            Zarr.open(&folder.path().join("a.zarr"), "x").unwrap().read(&Region::full(&[3]), &mut out).unwrap();
            out.as_chunks::<4>().0.iter().map(|b| f32::from_ne_bytes(*b)).collect::<Vec<f32>>()
        };
        write(&[1.5, 2.3, -7.0]).unwrap();
        assert_eq!(read(), [1.5, 2.3, -7.0]);
        for (values, number) in [([1.5, f32::NAN, 0.0], "NaN"), ([0.0, 4000.0, 0.0], "4000")] {
            let error = write(&values).unwrap_err().to_string();
            assert!(error.contains(&format!("its filters have no number for {number}: ")), "{error}");
            assert_eq!(read(), [1.5, 2.3, -7.0]);
        }
    }
}
