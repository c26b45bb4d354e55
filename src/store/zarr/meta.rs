//! The metadata of one array, of either version, checked.

use super::pipeline::numcodecs;
use super::pipeline::{LARGEST_CHUNK, Named, Outcome, Pipeline, codecs_v3, data_type_of, dtype_named};
use super::source::Source;
use super::{join, json};
use crate::chunk::{AxisChunks, Chunks};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::dtype::time::{NAT, TimeType, Unit};
use crate::error::{Error, Result};
use crate::shape;
use crate::store::{Attributes, Info};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;
use zarrs::array::{ArrayMetadataV3, ChunkGrid, ChunkKeyEncoding, FillValueMetadata};

/// What stands at a path of the hierarchy.
pub(super) enum Found {
    /// An array.
    Array(Box<Array>),
    /// A group.
    Group(Attributes),
    /// No metadata.
    Nothing,
}

/// Everything that is needed to read an array.
#[derive(Debug)]
pub(super) struct Array {
    /// What users see.
    pub(super) info: Info,
    /// The codecs.
    pub(super) pipeline: Pipeline,
    /// The codecs as metadata names them.
    pub(super) codecs: Vec<Named>,
    /// Whether version 2 says that elements are big-endian.
    pub(super) big: bool,
    /// One element of the fill value.
    pub(super) fill: Vec<u8>,
    /// Chunks as they are stored: shards where there are some.
    pub(super) grid: Chunks,
    /// Shape of a stored chunk where all are alike; those at the edge are stored whole too.
    pub(super) stored_shape: Option<Vec<usize>>,
    keys: Keys,
    /// Its path inside of the container.
    pub(super) prefix: String,
}

#[derive(Debug)]
enum Keys {
    V2 { separator: char },
    V3(ChunkKeyEncoding),
}

impl Array {
    /// The key of a stored chunk.
    pub(super) fn key(&self, index: &[usize]) -> String {
        let name = match &self.keys {
            Keys::V2 { .. } if index.is_empty() => "0".to_owned(),
            Keys::V2 { separator } => {
                index.iter().map(ToString::to_string).collect::<Vec<_>>().join(&separator.to_string())
            }
            Keys::V3(encoding) => {
                let index: Vec<u64> = index.iter().map(|&i| i as u64).collect();
                encoding.encode(&index).to_string()
            }
        };
        join(&self.prefix, &name)
    }

    /// The shape in which chunk `index` is stored.
    pub(super) fn stored_shape(&self, index: &[usize]) -> Vec<usize> {
        self.stored_shape.clone().unwrap_or_else(|| self.grid.region(index).shape)
    }
}

/// Looks at what stands at `inner`.
pub(super) fn find(source: &Source, inner: &str) -> Result<Found> {
    let key = join(inner, "zarr.json");
    if let Some(text) = source.document(&key)? {
        let path = source.name(&key);
        let document = json::parse(&path, &text)?;
        return match document.get("node_type").and_then(Value::as_str) {
            Some("array") => Ok(Found::Array(Box::new(array_v3(source, inner, document, &path)?))),
            Some("group") => Ok(Found::Group(object(document.get("attributes")))),
            _ => Err(Error::store(path, "has no node type `array` or `group`")),
        };
    }
    let key = join(inner, ".zarray");
    if let Some(text) = source.document(&key)? {
        let path = source.name(&key);
        let document = json::parse(&path, &text)?;
        let attributes = attributes_v2(source, inner)?;
        return Ok(Found::Array(Box::new(array_v2(source, inner, &document, attributes, &path)?)));
    }
    if source.document(&join(inner, ".zgroup"))?.is_some() {
        return Ok(Found::Group(attributes_v2(source, inner)?));
    }
    Ok(Found::Nothing)
}

fn attributes_v2(source: &Source, inner: &str) -> Result<Attributes> {
    let key = join(inner, ".zattrs");
    let Some(text) = source.document(&key)? else { return Ok(Attributes::new()) };
    Ok(object(Some(&json::parse(&source.name(&key), &text)?)))
}

fn object(value: Option<&Value>) -> Map<String, Value> {
    value.and_then(Value::as_object).cloned().unwrap_or_default()
}

fn array_v3(source: &Source, inner: &str, mut document: Value, path: &Path) -> Result<Array> {
    let bad = |why: String| Error::store(path, why);
    let unsupported = |why: String| Error::unsupported(format!("{}: {why}", path.display()));
    let codec_list = document.get("codecs").and_then(Value::as_array).cloned().unwrap_or_default();
    let time = document.get("data_type").and_then(time_v3);
    if time.is_some() && document.get("fill_value") == Some(&Value::from("NaT")) {
        document["fill_value"] = NAT.into();
    }
    let meta: ArrayMetadataV3 =
        serde_json::from_value(document).map_err(|e| bad(format!("is not the metadata of an array: {e}")))?;
    if let Some((name, _)) = meta.additional_fields.iter().find(|(_, field)| field.must_understand()) {
        return Err(unsupported(format!("extension `{name}` must be understood and is not known")));
    }
    if let Some(transformer) = meta.storage_transformers.iter().find(|t| t.must_understand()) {
        return Err(unsupported(format!("storage transformer `{}` is not supported", transformer.name())));
    }
    let dtype = if time.is_some() { DType::I64 } else { dtype_v3(meta.data_type.name()).map_err(unsupported)? };
    let lengths = lengths(&meta.shape, dtype).map_err(bad)?;
    if meta.dimension_names.as_ref().is_some_and(|names| names.len() != lengths.len()) {
        return Err(bad(format!("has another number of dimension names than its shape {}", shape::tuple(&lengths))));
    }
    let (grid, stored_shape) = grid_v3(&meta, &lengths).map_err(bad)?;
    let fill = data_type_of(dtype).fill_value_v3(&meta.fill_value);
    let fill = fill.map_err(|e| bad(format!("has a fill value that does not fit {dtype}: {e}")))?;
    let keys = ChunkKeyEncoding::from_metadata(&meta.chunk_key_encoding).map_err(|e| unsupported(e.to_string()))?;
    let codecs = codecs_v3(&codec_list).map_err(unsupported)?;
    let pipeline = Pipeline::new(dtype, &codecs, None).map_err(unsupported)?;
    let head = Head {
        version: 3,
        dtype,
        time,
        lengths,
        names: meta.dimension_names.unwrap_or_default(),
        attributes: meta.attributes,
        fill: Some(fill.as_ne_bytes().to_vec()),
        missing: None,
        codecs: describe(&codecs, None),
        named: codecs,
        big: false,
    };
    assemble(source, inner, head, pipeline, (grid, stored_shape), Keys::V3(keys)).map_err(bad)
}

fn array_v2(source: &Source, inner: &str, document: &Value, attributes: Attributes, path: &Path) -> Result<Array> {
    let bad = |why: String| Error::store(path, why);
    let unsupported = |why: String| Error::unsupported(format!("{}: {why}", path.display()));
    let Some(Value::String(code)) = document.get("dtype") else {
        let other = document.get("dtype").map(ToString::to_string).unwrap_or_default();
        return Err(unsupported(format!("element type {other} is not supported")));
    };
    let time: Option<TimeType> = code.parse().ok();
    // Integers count time.
    let own = if time.is_some() {
        format!("{}i8", &code[..code.len() - code.trim_start_matches(['<', '>']).len()])
    } else {
        code.clone()
    };
    let (dtype, mut swapped) = dtype_v2(&own).map_err(unsupported)?;
    let list = |key: &str| -> Result<Vec<u64>> {
        let items = document.get(key).and_then(Value::as_array);
        let items = items.and_then(|v| v.iter().map(Value::as_u64).collect());
        items.ok_or_else(|| bad(format!("`{key}` is not a list of lengths")))
    };
    let (lengths, chunks) = (lengths(&list("shape")?, dtype).map_err(bad)?, list("chunks")?);
    let (grid, stored_shape) = regular(&lengths, &chunks).map_err(bad)?;
    let mut codecs = codecs_v2(document).map_err(bad)?;
    match document.get("order").and_then(Value::as_str) {
        Some("F") if lengths.len() > 1 => codecs.insert(0, transpose(lengths.len())),
        Some("C" | "F") | None => {}
        Some(other) => return Err(bad(format!("order `{other}` is neither C nor F"))),
    }
    // Some filters name the byte order of what they store themselves.
    swapped = numcodecs::order(&codecs).map_err(unsupported)?.unwrap_or(swapped);
    let pipeline = Pipeline::new(dtype, &codecs, Some(swapped)).map_err(unsupported)?;
    let fill = match document.get("fill_value") {
        None | Some(Value::Null) => None,
        Some(value) => Some(fill_v2(value, dtype).map_err(bad)?),
    };
    let separator = match document.get("dimension_separator").and_then(Value::as_str) {
        Some("/") => '/',
        Some(".") | None => '.',
        Some(other) => return Err(bad(format!("dimension separator `{other}` is neither `.` nor `/`"))),
    };
    let (names, attributes) = names_v2(attributes, document, lengths.len());
    // For whoever names dimensions, version 2's fill value is the `_FillValue` of NetCDF; others write 0 there and mean
    // 0.
    let missing =
        fill.as_deref().filter(|_| !names.is_empty() && time.is_none()).map(|bytes| Scalar::from_bytes(dtype, bytes));
    let (named, codecs) = (codecs.clone(), describe(&codecs, Some(code)));
    let big = code.starts_with('>') && dtype.size() > 1;
    let head = Head { version: 2, dtype, time, names, attributes, fill, missing, codecs, lengths, named, big };
    assemble(source, inner, head, pipeline, (grid, stored_shape), Keys::V2 { separator }).map_err(bad)
}

/// What both versions say of an array.
struct Head {
    version: u8,
    dtype: DType,
    time: Option<TimeType>,
    lengths: Vec<usize>,
    names: Vec<Option<String>>,
    attributes: Attributes,
    fill: Option<Vec<u8>>,
    missing: Option<Scalar>,
    codecs: String,
    named: Vec<Named>,
    big: bool,
}

type Grid = (Chunks, Option<Vec<usize>>);

fn assemble(
    source: &Source,
    inner: &str,
    head: Head,
    mut pipeline: Pipeline,
    (grid, stored_shape): Grid,
    keys: Keys,
) -> Outcome<Array> {
    let itemsize = head.dtype.size();
    let fill = head.fill.clone().unwrap_or_else(|| vec![0; itemsize]);
    pipeline.set_fill(&fill);
    let largest = stored_shape.clone().unwrap_or_else(|| grid.longest());
    let bytes = shape::checked_size(&largest).and_then(|n| n.checked_mul(itemsize));
    if bytes.is_none_or(|n| n as u64 > LARGEST_CHUNK) {
        return Err(format!("chunks of shape {} are too large", shape::tuple(&largest)));
    }
    let mut chunks = grid.clone();
    let mut shards = None;
    if let Some(sharding) = pipeline.sharding() {
        match &stored_shape {
            Some(shard) => sharding.check(shard)?,
            None => grid_pieces(&grid).try_for_each(|shard| sharding.check(&shard))?,
        }
        chunks = Chunks::regular(&head.lengths, &sharding.inner_shape).map_err(|e| e.to_string())?;
        shards = Some(grid.clone());
    }
    let info = Info {
        path: source.name(inner).display().to_string(),
        format: format!("zarr v{}", head.version),
        dtype: head.dtype,
        time: head.time,
        shape: head.lengths,
        chunks,
        shards,
        codecs: head.codecs,
        names: head.names,
        attributes: head.attributes,
        types: BTreeMap::new(),
        missing: head.missing,
        fill: head.fill.map(|bytes| Scalar::from_bytes(head.dtype, &bytes)),
        stored: None,
    };
    let (codecs, big) = (head.named, head.big);
    Ok(Array { info, pipeline, codecs, big, fill, grid, stored_shape, keys, prefix: inner.to_owned() })
}

/// The shapes that occur in an irregular grid, axis by axis.
fn grid_pieces(grid: &Chunks) -> impl Iterator<Item = Vec<usize>> + '_ {
    let first: Vec<usize> = grid.axes().iter().map(|a| a.length(0)).collect();
    grid.axes().iter().enumerate().flat_map(move |(axis, cuts)| {
        let first = first.clone();
        (0..cuts.count()).map(move |i| {
            let mut piece = first.clone();
            piece[axis] = cuts.length(i);
            piece
        })
    })
}

/// The lengths of the axes; the whole array must be countable in bytes.
fn lengths(stored: &[u64], dtype: DType) -> Outcome<Vec<usize>> {
    let lengths: Option<Vec<usize>> = stored.iter().map(|&n| usize::try_from(n).ok()).collect();
    let countable = |l: &Vec<usize>| {
        // Axes of length 0 must not hide the others.
        let bytes = l.iter().filter(|&&n| n > 0).try_fold(dtype.size(), |b, &n| b.checked_mul(n));
        bytes.is_some_and(|b| isize::try_from(b).is_ok()) && l.len() <= 64
    };
    lengths.filter(countable).ok_or_else(|| format!("shape {} of {dtype} is too large", shape::tuple(stored)))
}

fn regular(lengths: &[usize], chunk: &[u64]) -> Outcome<Grid> {
    let chunk: Option<Vec<usize>> = chunk.iter().map(|&n| usize::try_from(n).ok().filter(|&n| n > 0)).collect();
    let chunk = chunk.ok_or("a chunk length is 0 or too large")?;
    let grid = Chunks::regular(lengths, &chunk).map_err(|e| e.to_string())?;
    Ok((grid, Some(chunk)))
}

fn grid_v3(meta: &ArrayMetadataV3, lengths: &[usize]) -> Outcome<Grid> {
    if meta.chunk_grid.name() == "regular" {
        let chunk = meta.chunk_grid.configuration().and_then(|c| c.get("chunk_shape")).and_then(Value::as_array);
        let chunk: Option<Vec<u64>> = chunk.and_then(|c| c.iter().map(Value::as_u64).collect());
        return regular(lengths, &chunk.ok_or("the chunk grid has no chunk shape")?);
    }
    let grid = ChunkGrid::from_metadata(&meta.chunk_grid, &meta.shape).map_err(|e| e.to_string())?;
    let counts = grid.grid_shape().to_vec();
    let mut axes = Vec::with_capacity(lengths.len());
    for axis in 0..lengths.len() {
        let mut bounds = vec![0];
        let mut index = vec![0; lengths.len()];
        for i in 0..counts.get(axis).copied().unwrap_or(0).min(1 << 24) {
            index[axis] = i;
            let piece = grid.chunk_shape_u64(&index).ok().flatten().and_then(|s| usize::try_from(s[axis]).ok());
            let piece = piece.filter(|&n| n > 0).ok_or("the chunk grid cannot be read")?;
            bounds.push(bounds.last().copied().unwrap_or(0usize).saturating_add(piece));
        }
        if bounds.last() != Some(&lengths[axis]) {
            return Err(format!("the chunk grid does not end with the array along axis {axis}"));
        }
        axes.push(AxisChunks::from_bounds(&bounds));
    }
    Ok((Chunks::new(axes), None))
}

pub(super) fn codecs_v2(document: &Value) -> Outcome<Vec<Named>> {
    let filters = document.get("filters").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let compressor = document.get("compressor").filter(|c| !c.is_null());
    let mut out = Vec::new();
    for entry in filters.iter().chain(compressor) {
        let mut config = object(Some(entry));
        let id = config.remove("id");
        let name = id.as_ref().and_then(Value::as_str).ok_or("a filter has no id")?.to_owned();
        out.push(Named { version: 2, name, config });
    }
    Ok(out)
}

/// Fortran order as a codec of version 3.
pub(super) fn transpose(rank: usize) -> Named {
    let order: Vec<Value> = (0..rank).rev().map(Value::from).collect();
    let config = Map::from_iter([("order".to_owned(), Value::Array(order))]);
    Named { version: 3, name: "transpose".to_owned(), config }
}

/// What the elements are, where they are dates or lengths of time.
fn time_v3(data_type: &Value) -> Option<TimeType> {
    let is_date = match data_type.get("name")?.as_str()? {
        "numpy.datetime64" => true,
        "numpy.timedelta64" => false,
        _ => return None,
    };
    let configuration = data_type.get("configuration")?;
    let counts = |key: &str| configuration.get(key).is_none_or(|factor| factor.as_u64() == Some(1));
    let unit = configuration.get("unit")?.as_str().filter(|_| counts("scale_factor"))?;
    Some(TimeType { is_date, unit: Unit::of_code(unit)? })
}

fn dtype_v3(name: &str) -> Outcome<DType> {
    let ours = match name {
        "complex_float32" => "complex64",
        "complex_float64" => "complex128",
        other => other,
    };
    let found = DType::ALL.into_iter().find(|d| d.name() == ours);
    found.ok_or_else(|| format!("element type `{name}` is not supported"))
}

fn dtype_v2(code: &str) -> Outcome<(DType, bool)> {
    let bare = code.trim_start_matches(['<', '>', '|', '=']);
    let plain = bare.starts_with(['b', 'i', 'u', 'f', 'c']) && bare[1..].bytes().all(|b| b.is_ascii_digit());
    if !plain && bare != "bfloat16" {
        return Err(format!("element type `{code}` is not supported"));
    }
    dtype_named(code)
}

fn fill_v2(value: &Value, dtype: DType) -> Outcome<Vec<u8>> {
    let bad = |e: String| format!("has a fill value {value} that does not fit {dtype}: {e}");
    let meta: FillValueMetadata = serde_json::from_value(value.clone()).map_err(|e| bad(e.to_string()))?;
    let fill = data_type_of(dtype).fill_value_v2(&meta).map_err(|e| bad(e.to_string()))?;
    Ok(fill.as_ne_bytes().to_vec())
}

/// Dimension names as `xarray` and `NCZarr` write them, and the other attributes.
fn names_v2(mut attributes: Attributes, document: &Value, rank: usize) -> (Vec<Option<String>>, Attributes) {
    let texts = |value: &Value| -> Option<Vec<Option<String>>> {
        let names: Option<Vec<_>> = value.as_array()?.iter().map(|n| n.as_str().map(|s| Some(s.to_owned()))).collect();
        names.filter(|n| n.len() == rank)
    };
    if let Some(names) = attributes.get("_ARRAY_DIMENSIONS").and_then(texts) {
        attributes.remove("_ARRAY_DIMENSIONS");
        return (names, attributes);
    }
    let places = [attributes.get("_nczarr_array"), attributes.get("_NCZARR_ARRAY"), document.get("_nczarr_array")];
    let refs = places.into_iter().flatten().find_map(|v| v.get("dimension_references").or(v.get("dimrefs")));
    let names = refs.and_then(texts).unwrap_or_default();
    let last = |n: String| n.rsplit('/').next().unwrap_or_default().to_owned();
    (names.into_iter().map(|n| n.map(last)).collect(), attributes)
}

/// The codecs, for people: `shuffle, zstd 3`.
fn describe(codecs: &[Named], code: Option<&str>) -> String {
    let mut words: Vec<String> =
        code.filter(|c| c.starts_with('>')).map(|_| "big-endian".to_owned()).into_iter().collect();
    for codec in codecs {
        let text = |key: &str| codec.config.get(key).and_then(Value::as_str);
        let number = |key: &str| codec.config.get(key).and_then(Value::as_i64);
        match codec.short() {
            "bytes" | "endian" if text("endian") == Some("big") => words.push("big-endian".to_owned()),
            "bytes" | "endian" => {}
            "sharding_indexed" => {
                let inner = codec.config.get("codecs").and_then(Value::as_array);
                let inner = inner.and_then(|list| codecs_v3(list).ok()).map(|c| describe(&c, None));
                words.extend(inner.filter(|i| !i.is_empty()));
            }
            name => {
                let mut word = name.to_owned();
                if let Some(inner) = text("cname") {
                    word = format!("{word} {inner}");
                }
                if let Some(level) = number("level").or(number("clevel")) {
                    word = format!("{word} {level}");
                }
                words.push(word);
            }
        }
    }
    words.join(", ")
}
