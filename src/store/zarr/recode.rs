//! Encoding chunks of an array that exists, by the codecs that its metadata names.

use super::create::parts;
use super::meta::Array;
use super::pipeline::lzma::LzmaEncoder;
use super::pipeline::numcodecs::{self, ByteFilter, ElementFilter};
use super::pipeline::{ArrayStage, Form, Named, Outcome, codecs_v3, endian, options};
use crate::chunk::Region;
use crate::chunk::region::Indices;
use crate::cpu::copy::{copy_region, swap_bytes};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::shape;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::Arc;
use zarrs::array::{ArrayBytes, ArrayToBytesCodecTraits, BytesToBytesCodecTraits};

/// What a shard's index says of a chunk that is not stored.
const ABSENT: u64 = u64::MAX;

/// What encodes the chunks of an array that exists.
#[derive(Debug)]
pub(super) struct Recoder {
    shape: Vec<usize>,
    dtype: DType,
    arrays: Vec<ArrayStage>,
    core: Core,
    /// From bytes to bytes, in order.
    packed: Vec<Pack>,
}

/// From elements to bytes.
#[derive(Debug)]
enum Core {
    /// As they are; whether their bytes are reversed on this machine.
    Bytes(bool),
    Zarrs(Arc<dyn ArrayToBytesCodecTraits>),
    Shards(Box<Shards>),
}

/// A codec from bytes to bytes.
#[derive(Debug)]
enum Pack {
    Zarrs(Arc<dyn BytesToBytesCodecTraits>),
    Ours(ByteFilter),
    Lzma(LzmaEncoder),
}

/// Shards of chunks.
#[derive(Debug)]
struct Shards {
    chunk: Recoder,
    index: Recoder,
    index_at_end: bool,
    /// What a chunk holds that is not stored.
    fill: Vec<u8>,
}

impl Recoder {
    /// For chunks of this shape.
    pub(super) fn new(array: &Array, chunk: &[usize]) -> Outcome<Self> {
        let big = array.info.format == "zarr v2" && array.big;
        Self::of(array.info.dtype, chunk, &array.codecs, big != cfg!(target_endian = "big"), &array.fill)
    }

    /// Of codecs; whether the bytes of elements are reversed where none says so, and the fill value.
    fn of(dtype: DType, chunk: &[usize], codecs: &[Named], otherwise: bool, fill: &[u8]) -> Outcome<Self> {
        let mut form = Form::new(chunk, dtype)?;
        let version2 = codecs.iter().all(|c| c.version == 2 || c.short() == "transpose");
        let reversed = if version2 { numcodecs::order(codecs)? } else { None }.unwrap_or(otherwise);
        let (mut arrays, mut core, mut packed) = (Vec::new(), None, Vec::new());
        // Bytes of an element, as far as they are such.
        let mut itemsize = dtype.size();
        for codec in codecs {
            match codec.short() {
                "bytes" | "endian" => core = Some(Core::Bytes(endian(codec, form.dtype()?)?)),
                "sharding_indexed" => core = Some(Core::Shards(Box::new(Shards::new(&form, codec, fill)?))),
                "lzma" => packed.push(Pack::Lzma(LzmaEncoder::new(codec)?)),
                _ => {
                    if let Some(filter) = ElementFilter::new(codec)?.filter(|f| f.takes(&form)) {
                        form = filter.encoded(&form)?;
                        itemsize = form.dtype()?.size();
                        arrays.push(ArrayStage::Ours(filter));
                        continue;
                    }
                    if let Some(filter) = ByteFilter::new(codec) {
                        packed.push(Pack::Ours(filter));
                        itemsize = 1;
                        continue;
                    }
                    let (own, to_bytes, bytes) = parts(&[written(codec, itemsize)])?;
                    for filter in own {
                        form = Form::after(filter.as_ref(), &form)?;
                        itemsize = form.dtype()?.size();
                        arrays.push(ArrayStage::Zarrs(filter));
                    }
                    core = to_bytes.map(Core::Zarrs).or(core);
                    if !bytes.is_empty() {
                        itemsize = 1;
                    }
                    packed.extend(bytes.into_iter().map(Pack::Zarrs));
                }
            }
        }
        let core = core.unwrap_or(Core::Bytes(reversed && form.dtype()?.real().size() > 1));
        Ok(Self { shape: chunk.to_vec(), dtype, arrays, core, packed })
    }

    /// Refuses elements of a region of a chunk that filters store as integers which do not hold them: numcodecs stores
    /// something else.
    pub(super) fn check(&self, elements: &[u8], own: &Region) -> Outcome<()> {
        let (mut form, mut data) = (Form::new(&self.shape, self.dtype)?, elements.to_vec());
        let (mut steps, mut most) = (Vec::new(), None);
        for filter in &self.arrays {
            if let ArrayStage::Ours(filter) = filter {
                most = filter.tolerance(&form).map(|more| most.unwrap_or(0.0) + more).or(most);
            }
            data = filter.encode(data, &form)?;
            let next = filter.encoded(&form)?;
            steps.push((filter, std::mem::replace(&mut form, next)));
        }
        let Some(most) = most else { return Ok(()) };
        for (filter, form) in steps.into_iter().rev() {
            data = filter.decode(data, &form)?;
        }
        let size = self.dtype.size();
        let part = |of: &[u8]| {
            let mut out = vec![0; own.size() * size];
            copy_region(of, &self.shape, own, &mut out, size);
            out
        };
        let (given, read) = (part(elements), part(&data));
        let values = |of: &'_ [u8]| -> Vec<Scalar> {
            of.chunks_exact(size).map(|one| Scalar::from_bytes(self.dtype, one)).collect()
        };
        let digits = if self.dtype == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
        for (given, read) in values(&given).into_iter().zip(values(&read)) {
            let (a, b) = (given.to_f64(), read.to_f64());
            let near = match (given, read) {
                (Scalar::Int(a), Scalar::Int(b)) if most == 0.0 => a == b,
                _ => (a - b).abs() <= most * 1.001 + 4.0 * digits * a.abs(),
            };
            if !near {
                return Err(format!("its filters have no number for {a}: it would be read as {b}"));
            }
        }
        Ok(())
    }

    /// The bytes of a chunk, whose elements these are, all of them.
    pub(super) fn encode(&self, elements: Cow<'_, [u8]>) -> Outcome<Vec<u8>> {
        let failed = |e: &dyn std::fmt::Display| format!("cannot be encoded: {e}");
        let mut form = Form::new(&self.shape, self.dtype)?;
        let mut data = elements;
        for filter in &self.arrays {
            data = Cow::Owned(filter.encode(data.into_owned(), &form).map_err(|e| failed(&e))?);
            form = filter.encoded(&form)?;
        }
        let mut data = match &self.core {
            Core::Bytes(false) => data,
            Core::Bytes(true) => {
                swap_bytes(data.to_mut(), form.dtype()?.real().size());
                data
            }
            Core::Shards(shards) => Cow::Owned(shards.encode(&data, &form)?),
            Core::Zarrs(codec) => {
                let bytes = ArrayBytes::new_flen(data);
                let encoded = codec.encode(bytes, &form.shape, &form.data_type, &form.fill, &options());
                Cow::Owned(encoded.map_err(|e| failed(&e))?.into_owned())
            }
        };
        for pack in &self.packed {
            data = Cow::Owned(match pack {
                Pack::Zarrs(codec) => codec.encode(data, &options()).map_err(|e| failed(&e))?.into_owned(),
                Pack::Ours(filter) => filter.encode(&data),
                Pack::Lzma(encoder) => encoder.encode(&data)?,
            });
        }
        Ok(data.into_owned())
    }
}

impl Shards {
    fn new(form: &Form, codec: &Named, fill: &[u8]) -> Outcome<Self> {
        let list = |key: &str| codec.config.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let lengths = list("chunk_shape").iter().map(|n| n.as_u64().and_then(|n| usize::try_from(n).ok()));
        let inner: Vec<usize> =
            lengths.collect::<Option<_>>().ok_or("the inner chunk shape of a shard is not a list of lengths")?;
        let chunk = Recoder::of(form.dtype()?, &inner, &codecs_v3(list("codecs"))?, false, fill)?;
        let shard = form.lengths();
        if shard.len() != inner.len() || shard.iter().zip(&inner).any(|(s, i)| s % i > 0) {
            let (inner, shard) = (shape::tuple(&inner), shape::tuple(&shard));
            return Err(format!("inner chunks of shape {inner} do not fill a shard of shape {shard}"));
        }
        let mut counts: Vec<usize> = shard.iter().zip(&inner).map(|(s, i)| s / i).collect();
        counts.push(2);
        let absent = ABSENT.to_ne_bytes();
        let index = Recoder::of(DType::U64, &counts, &codecs_v3(list("index_codecs"))?, false, &absent)?;
        let index_at_end = codec.config.get("index_location").and_then(Value::as_str) != Some("start");
        Ok(Self { chunk, index, index_at_end, fill: fill.to_vec() })
    }

    /// A shard of this form; chunks that hold nothing but the fill value are left out.
    fn encode(&self, data: &[u8], form: &Form) -> Outcome<Vec<u8>> {
        let (inner, itemsize, shard) = (&self.chunk.shape, form.dtype()?.size(), &form.lengths());
        let counts: Vec<usize> = shard.iter().zip(inner).map(|(s, i)| s / i).collect();
        let (mut places, mut out) = (Vec::new(), Vec::new());
        // An index at the start has its place kept; how long it is does not depend on what it says.
        let room = if self.index_at_end { 0 } else { self.index(&vec![ABSENT; 2 * shape::size(&counts)])?.len() };
        for at in Indices::new(&counts) {
            let start = at.iter().zip(inner).map(|(a, n)| a * n).collect();
            let mut elements = vec![0; shape::size(inner) * itemsize];
            copy_region(data, shard, &Region::new(start, inner.clone()), &mut elements, itemsize);
            if elements.chunks_exact(itemsize).all(|one| one == self.fill) {
                places.extend([ABSENT, ABSENT]);
                continue;
            }
            let chunk = self.chunk.encode(Cow::Owned(elements))?;
            places.extend([(room + out.len()) as u64, chunk.len() as u64]);
            out.extend_from_slice(&chunk);
        }
        let index = self.index(&places)?;
        Ok(if self.index_at_end { [out, index].concat() } else { [index, out].concat() })
    }

    fn index(&self, places: &[u64]) -> Outcome<Vec<u8>> {
        self.index.encode(Cow::Owned(places.iter().flat_map(|n| n.to_ne_bytes()).collect()))
    }
}

fn named(version: u8, name: &str, config: &Value) -> Named {
    Named { version, name: name.to_owned(), config: config.as_object().cloned().unwrap_or_default() }
}

/// The codec in words in which `zarrs` writes it.
fn written(codec: &Named, itemsize: usize) -> Named {
    if codec.short() != "blosc" || codec.config.get("shuffle").is_some_and(|v| !v.is_number()) {
        return codec.completed();
    }
    // Version 2 counts the kinds of shuffling; -1 is by bits for single bytes and by bytes otherwise.
    let shuffle = match codec.config.get("shuffle").and_then(Value::as_i64).unwrap_or(1) {
        0 => "noshuffle",
        2 => "bitshuffle",
        -1 if itemsize == 1 => "bitshuffle",
        _ => "shuffle",
    };
    let text = |key: &str, other: Value| codec.config.get(key).cloned().unwrap_or(other);
    let config = json!({
        "cname": text("cname", "lz4".into()), "clevel": text("clevel", 5.into()), "shuffle": shuffle,
        "typesize": itemsize, "blocksize": text("blocksize", 0.into()),
    });
    named(3, "blosc", &config)
}
