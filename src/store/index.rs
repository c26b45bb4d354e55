//! Writing a virtual index: a JSON file that makes stored arrays of other files those of one Zarr v2 hierarchy, as
//! `kerchunk` does. The chunks stay where they are; `zarr/references.rs` reads such files.

use super::remote::is_url;
use super::{Attributes, Create, Encoding, Place, Store, raw};
use crate::chunk::{Chunks, Region};
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::error::{Error, Result};
use crate::shape;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Arrays of at most so many bytes are held in the index itself.
const INLINE: usize = 4096;

/// What is looked at of a store before where its chunks are is written down.
const LOOKED_AT: usize = 512;

/// Does small jobs, by their numbers: so many, which may wait for a network, side by side or one after the other.
pub type Jobs<'a> = &'a dyn Fn(usize, bool, &(dyn Fn(usize) -> Result<()> + Sync)) -> Result<()>;

/// An index in the making.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    refs: Map<String, Value>,
}

impl Index {
    /// An index that [`Index::finish`] will write to `path`.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store) when there is something that `how` does not replace.
    pub fn new(path: &Path, how: &Create) -> Result<Self> {
        if !path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
            return Err(Error::store(path, "the name of an index ends in .json"));
        }
        if path.exists() && !how.overwrite {
            return Err(Error::store(path, "exists already and is not to be replaced"));
        }
        Ok(Self { path: path.to_path_buf(), refs: Map::new() })
    }

    /// Adds a group.
    pub fn group(&mut self, path: &str, attributes: &Attributes) {
        self.document(path, ".zgroup", &json!({"zarr_format": 2}));
        if !attributes.is_empty() {
            self.document(path, ".zattrs", &Value::Object(attributes.clone()));
        }
    }

    fn document(&mut self, path: &str, name: &str, document: &Value) {
        self.refs.insert(key(path, name), document.to_string().into());
    }

    /// Adds an array under a path inside of the index, with these names of its axes. Small ones, and those in memory,
    /// are held in the index; of the others it says where each chunk is, which is found out by `jobs`.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where the chunks are stored as Zarr v2 has no codecs for.
    pub fn array(&mut self, path: &str, store: &dyn Store, names: &[Option<String>], jobs: Jobs<'_>) -> Result<()> {
        let info = store.info();
        let size = shape::size(&info.shape) * info.dtype.size();
        if size <= INLINE || store.in_memory() {
            let mut bytes = vec![0; size];
            store.read(&Region::full(&info.shape), &mut bytes)?;
            let chunk: Vec<usize> = info.shape.iter().map(|&n| n.max(1)).collect();
            let dtype = code(info.dtype, cfg!(target_endian = "big"))?;
            let dtype = info.time.map_or_else(|| dtype.clone(), |time| dtype.replace("i8", &time.code()));
            let encoding = Encoding { dtype, chunk, codecs: Vec::new(), filters: None };
            self.describe(path, (store, names), &encoding, false)?;
            if size > 0 {
                let first = vec![0; info.shape.len()];
                self.refs.insert(key(path, &name(&first)), format!("base64:{}", base64(&bytes)).into());
            }
            return Ok(());
        }
        let encoding = store.encoding()?;
        let grid = Chunks::regular(&info.shape, &encoding.chunk)?;
        let found = self.places(path, store, &grid, &Region::full(&info.shape), jobs)?;
        self.describe(path, (store, names), &encoding, found < grid.count())
    }

    /// Adds where the chunks are that `region` touches, and says how many there are. What has to be looked at is looked
    /// at for all of them at once, but for so much at a time as stays open.
    fn places(
        &mut self,
        path: &str,
        store: &dyn Store,
        grid: &Chunks,
        region: &Region,
        jobs: Jobs<'_>,
    ) -> Result<usize> {
        let unseen = store.unseen(region);
        if unseen.len() > LOOKED_AT
            && let Some(halves) = halves(store, grid, region, unseen.len())
        {
            return halves.iter().try_fold(0, |n, half| Ok(n + self.places(path, store, grid, half, jobs)?));
        }
        jobs(unseen.len(), store.is_remote(), &|i| store.look(unseen[i]))?;
        // Chunks of one piece are found in one place.
        let chunk = grid.longest();
        let whole = |piece: &Vec<usize>| piece.iter().zip(&chunk).all(|(p, c)| p % (*c).max(1) == 0);
        let pieces = store.piece().filter(whole).map(|piece| Chunks::regular(&grid.shape(), &piece));
        let pieces = pieces.unwrap_or_else(|| Ok(grid.clone()))?;
        let touched = pieces.touching(region);
        let found: Mutex<Vec<(Vec<usize>, Place)>> = Mutex::default();
        let piece = |number: usize| -> Result<()> {
            let Some(chunks) = pieces.region(&unravel(number, &touched)).intersect(region) else { return Ok(()) };
            let inside = grid.touching(&chunks);
            for number in 0..inside.size() {
                let index = unravel(number, &inside);
                let at = |e: Error| {
                    e.at(format!("chunk {}", shape::tuple(&index))).at(format!("array {}", store.info().path))
                };
                let place = store.place(&index).map_err(at)?;
                found.lock().extend(place.map(|place| (index, place)));
            }
            Ok(())
        };
        jobs(touched.size(), store.is_remote(), &piece)?;
        let found = found.into_inner();
        let count = found.len();
        let mut files = BTreeMap::new();
        for (index, place) in found {
            let reference = match place {
                Place::Held(bytes) => format!("base64:{}", base64(&bytes)).into(),
                Place::File { path, offset, length } => {
                    if !files.contains_key(&path) {
                        files.insert(path.clone(), named(&path)?);
                    }
                    json!([files[&path], offset, length])
                }
            };
            self.refs.insert(key(path, &name(&index)), reference);
        }
        Ok(count)
    }

    fn describe(
        &mut self,
        path: &str,
        (store, names): (&dyn Store, &[Option<String>]),
        encoding: &Encoding,
        missing: bool,
    ) -> Result<()> {
        let info = store.info();
        let refused =
            |codec: String| Error::unsupported(format!("{}: Zarr v2 has no codec `{codec}`", store.info().path));
        let words = encoding.v2().map_err(refused)?;
        // Readers take the fill value of an array whose dimensions have names for its `_FillValue`, which it is for
        // arrays of Zarr v2.
        let coded = |value: &Value| value.as_str().and_then(base64_float).map(|v| number(Scalar::Float(v)));
        let fill = match info.attributes.get("_FillValue") {
            Some(Value::Array(list)) if list.len() == 1 => list[0].clone(),
            Some(value) if coded(value).is_some() => coded(value).unwrap_or_default(),
            Some(value @ (Value::Number(_) | Value::String(_))) => value.clone(),
            _ => info.fill.filter(|_| missing || info.missing.is_some()).map_or(Value::Null, number),
        };
        let document = json!({
            "zarr_format": 2,
            "shape": info.shape,
            "chunks": encoding.chunk,
            "dtype": words.dtype,
            "compressor": words.compressor,
            "filters": words.filters,
            "order": words.order,
            "fill_value": &fill,
        });
        self.document(path, ".zarray", &document);
        let mut attributes = info.attributes.clone();
        attributes.entry("_FillValue").and_modify(|value| value.clone_from(&fill));
        // Readers such as xarray want a name for each axis.
        let name = |i| names.get(i).cloned().flatten().unwrap_or_else(|| format!("{}_dim_{i}", path.replace('/', "_")));
        let names: Vec<String> = (0..info.shape.len()).map(name).collect();
        attributes.insert("_ARRAY_DIMENSIONS".to_owned(), names.into());
        self.document(path, ".zattrs", &Value::Object(attributes));
        Ok(())
    }

    /// Writes the index.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the file.
    pub fn finish(self) -> Result<()> {
        let document = json!({"version": 1, "refs": self.refs});
        raw::write_whole(&self.path, document.to_string().as_bytes())
    }
}

fn key(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

/// The name of a chunk.
fn name(index: &[usize]) -> String {
    if index.is_empty() {
        return "0".to_owned();
    }
    index.iter().map(ToString::to_string).collect::<Vec<_>>().join(".")
}

/// The index of a cell of a grid, of so many cells from `of.start` on, by its number.
fn unravel(mut number: usize, of: &Region) -> Vec<usize> {
    let mut index = of.start.clone();
    for (at, &count) in index.iter_mut().zip(&of.shape).rev() {
        *at += number % count;
        number /= count;
    }
    index
}

/// The halves of a region along the axis in which there is less to look at for the first of them, if there is one.
fn halves(store: &dyn Store, grid: &Chunks, region: &Region, unseen: usize) -> Option<[Region; 2]> {
    let touched = grid.touching(region);
    (0..region.rank()).filter(|&axis| touched.shape[axis] > 1).find_map(|axis| {
        let cells = touched.start[axis] + touched.shape[axis] / 2;
        let (from, end) = (region.start[axis], region.end(axis));
        let middle = grid.axes()[axis].start(cells);
        let part = |from: usize, to: usize| {
            let mut part = region.clone();
            (part.start[axis], part.shape[axis]) = (from, to - from);
            part
        };
        let first = part(from, middle);
        (store.unseen(&first).len() < unseen).then(|| [first, part(middle, end)])
    })
}

/// The name by which an index refers to a file.
fn named(path: &Path) -> Result<String> {
    let whole = if is_url(path) {
        path.to_path_buf()
    } else {
        path.canonicalize().map_err(|e| Error::store(path, format!("cannot be found: {e}")))?
    };
    let text = whole.to_str().ok_or_else(|| Error::store(&whole, "has no name in UTF-8, as an index needs"))?;
    Ok(text.to_owned())
}

/// A fill value in JSON.
fn number(value: Scalar) -> Value {
    match value {
        Scalar::Bool(v) => v.into(),
        Scalar::Int(v) => {
            i64::try_from(v).map(Value::from).or_else(|_| u64::try_from(v).map(Value::from)).unwrap_or_default()
        }
        Scalar::Float(v) if v.is_nan() => "NaN".into(),
        Scalar::Float(v) if v.is_infinite() => {
            if v > 0.0 {
                "Infinity".into()
            } else {
                "-Infinity".into()
            }
        }
        Scalar::Float(v) => v.into(),
        Scalar::Complex(v) => json!([number(Scalar::Float(v.re)), number(Scalar::Float(v.im))]),
    }
}

/// An element type in the notation of version 2: `<f4`.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported) for `bfloat16`, which it does not have.
pub(super) fn code(dtype: DType, big: bool) -> Result<String> {
    let kind = match dtype.kind() {
        Kind::Bool => 'b',
        Kind::Signed => 'i',
        Kind::Unsigned => 'u',
        Kind::Float if dtype != DType::BF16 => 'f',
        Kind::Complex => 'c',
        Kind::Float => return Err(Error::unsupported(format!("Zarr v2 has no element type {dtype}"))),
    };
    let order = match (dtype.size(), big) {
        (1, _) => '|',
        (_, true) => '>',
        (_, false) => '<',
    };
    Ok(format!("{order}{kind}{}", dtype.size()))
}

/// What xarray writes for a float among attributes: its eight bytes of a float, least significant first, in base 64.
pub(crate) fn base64_float(text: &str) -> Option<f64> {
    let digits = text.strip_suffix('=').filter(|digits| digits.len() == 11)?;
    let digit = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let bits = digits.bytes().try_fold(0u128, |bits, c| Some(bits << 6 | u128::from(digit(c)?)))?;
    // Eleven digits are 66 bits, of which the last two are padding.
    let bytes = u64::try_from(bits >> 2).ok()?.to_be_bytes();
    Some(f64::from_le_bytes(bytes))
}

/// Bytes in base 64.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= group.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64() {
        for (bytes, text) in [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes), text);
        }
    }

    #[test]
    fn floats_in_base_64() {
        assert_eq!(base64_float("AAAAAAAA+H8=").map(f64::is_nan), Some(true));
        assert_eq!(base64_float("AAAAAAAAJEA="), Some(10.0));
        assert_eq!(base64_float("AAAAAAAAJEA"), None);
        assert_eq!(base64_float("NaN"), None);
    }

    #[test]
    fn element_types() {
        let codes = [DType::Bool, DType::I16, DType::U64, DType::F16, DType::C64].map(|d| code(d, false).unwrap());
        assert_eq!(codes, ["|b1", "<i2", "<u8", "<f2", "<c8"]);
        assert_eq!(code(DType::F32, true).unwrap(), ">f4");
        assert!(code(DType::BF16, false).is_err());
    }
}
