//! The codecs of an array: how the bytes of a stored chunk become elements.
//!
//! A [`Pipeline`] has stages on arrays, one step from elements to bytes, and stages on bytes, in the order of encoding.
//! Most are the `zarrs` crate's. Ours are the plain step to bytes, sharding (`shard.rs`), DEFLATE and zstd
//! (`packed.rs`), ZFP (`zfp.rs`), and what Python's numcodecs has and the crate lacks (`numcodecs.rs`, `lzma.rs`). One
//! call decodes one chunk on the calling thread.

use crate::cpu::copy::swap_bytes;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::store::unpack::Tools;
use crate::store::unpack::blosc::Frame;
use crate::store::zarr::piece::{Bytes, Piece, grown, reserve};
use direct::{Direct, Scratch};
use lzma::Lzma;
use numcodecs::{ByteFilter, ElementFilter};
use packed::ByteStage;
use serde_json::{Map, Value, json};
use shard::Sharding;
use std::borrow::Cow;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use zarrs::array::{
    ArrayBytes, ArrayToArrayCodecTraits, ArrayToBytesCodecTraits, BytesRepresentation, Codec, CodecOptions, DataType,
    DataTypeSize, FillValue, data_type,
};
use zarrs::metadata::v2::MetadataV2;
use zarrs::metadata::v3::MetadataV3;
use zfp::Packed;

pub(super) mod numcodecs;
pub(super) mod lzma;
mod packed;
mod zfp;
pub(super) mod direct;
pub(super) mod shard;

/// A chunk that says it is larger is taken for damage.
pub(super) const LARGEST_CHUNK: u64 = 1 << 40;

/// Codecs that add a checksum, and leave the rest as it is.
const CHECKSUMS: [&str; 4] = ["crc32c", "crc32", "adler32", "fletcher32"];

/// Why something could not be decoded; the caller knows file and chunk.
pub(super) type Outcome<T> = std::result::Result<T, String>;

/// How `zarrs` is told to stay on the calling thread.
pub(super) fn options() -> CodecOptions {
    static OPTIONS: OnceLock<CodecOptions> = OnceLock::new();
    *OPTIONS.get_or_init(|| {
        CodecOptions::default().with_concurrent_target(1).with_chunk_concurrent_minimum(1).with_validate_checksums(true)
    })
}

/// A codec as metadata names it, in either version.
#[derive(Debug, Clone)]
pub(super) struct Named {
    /// Zarr version of the metadata, 2 or 3.
    pub(super) version: u8,
    /// `zstd`, `numcodecs.delta`, ...
    pub(super) name: String,
    /// Its parameters.
    pub(super) config: Map<String, Value>,
}

impl Named {
    /// The name without numcodecs' prefix.
    pub(super) fn short(&self) -> &str {
        self.name.strip_prefix("numcodecs.").unwrap_or(&self.name)
    }

    /// With what metadata may leave out, as numcodecs has it, and `zarrs` insists on.
    pub(super) fn completed(&self) -> Self {
        let mut codec = self.clone();
        let others: &[(&str, Value)] = match self.short() {
            "shuffle" => &[("elementsize", json!(4))],
            "zstd" => &[("checksum", json!(false)), ("level", json!(0))],
            "bz2" | "zlib" | "gzip" => &[("level", json!(1))],
            _ => &[],
        };
        for (key, value) in others {
            codec.config.entry(*key).or_insert_with(|| value.clone());
        }
        codec
    }

    /// The codec of the `zarrs` crate.
    pub(super) fn create(&self) -> Outcome<Codec> {
        // As numcodecs has it: behind the bytes, unless it says otherwise.
        let is_sum = self.name == "crc32c" && self.config.get("location").is_none_or(|place| place == "end");
        let made = if self.version == 2 && is_sum {
            Codec::from_metadata(&MetadataV3::new("crc32c"))
        } else if self.version == 2 {
            let mut config = self.config.clone();
            config.insert("id".to_owned(), Value::from(self.name.clone()));
            let metadata: MetadataV2 = serde_json::from_value(Value::Object(config)).map_err(|e| e.to_string())?;
            Codec::from_metadata(&metadata)
        } else {
            let document = json!({"name": self.name, "configuration": self.config});
            let metadata: MetadataV3 = serde_json::from_value(document).map_err(|e| e.to_string())?;
            Codec::from_metadata(&metadata)
        };
        made.map_err(|e| format!("codec `{}`: {e}", self.name))
    }
}

/// Shape, type and fill value of an array on its way through the stages.
#[derive(Debug, Clone)]
pub(super) struct Form {
    pub(super) shape: Vec<NonZeroU64>,
    pub(super) data_type: DataType,
    pub(super) fill: FillValue,
}

impl Form {
    /// The form of a chunk of an array of `dtype`.
    pub(super) fn new(shape: &[usize], dtype: DType) -> Outcome<Self> {
        let shape = shape.iter().map(|&n| NonZeroU64::new(n as u64)).collect::<Option<_>>();
        let shape = shape.ok_or("a chunk has no elements")?;
        Ok(Self { shape, data_type: data_type_of(dtype), fill: FillValue::from(vec![0; dtype.size()]) })
    }

    /// The shape.
    pub(super) fn lengths(&self) -> Vec<usize> {
        self.shape.iter().map(|n| usize::try_from(n.get()).unwrap_or(0)).collect()
    }

    pub(super) fn elements(&self) -> Outcome<u64> {
        let n = self.shape.iter().try_fold(1u64, |n, d| n.checked_mul(d.get()));
        n.filter(|&n| n <= LARGEST_CHUNK).ok_or_else(|| "a chunk is too large".to_owned())
    }

    /// Bytes of all elements, at most [`LARGEST_CHUNK`].
    pub(super) fn bytes(&self) -> Outcome<u64> {
        let DataTypeSize::Fixed(size) = self.data_type.size() else { return Err("elements vary in size".to_owned()) };
        let bytes = self.elements()?.checked_mul(size as u64).filter(|&n| n <= LARGEST_CHUNK);
        bytes.ok_or_else(|| format!("a chunk of more than {LARGEST_CHUNK} bytes is taken for damage"))
    }

    /// The form behind a codec of the `zarrs` crate.
    pub(super) fn after(codec: &dyn ArrayToArrayCodecTraits, form: &Self) -> Outcome<Self> {
        let next = codec.encoded_representation(&form.shape, &form.data_type, &form.fill);
        let (shape, data_type, fill) = next.map_err(|e| e.to_string())?;
        Ok(Self { shape, data_type, fill })
    }

    /// The element type, where it is one of ours.
    pub(super) fn dtype(&self) -> Outcome<DType> {
        let all = DType::ALL.into_iter().find(|&d| data_type_of(d) == self.data_type);
        all.ok_or_else(|| "a codec yields elements of a type that is not supported".to_owned())
    }
}

/// The `zarrs` name of an element type.
pub(super) fn data_type_of(dtype: DType) -> DataType {
    match dtype {
        DType::Bool => data_type::bool(),
        DType::I8 => data_type::int8(),
        DType::I16 => data_type::int16(),
        DType::I32 => data_type::int32(),
        DType::I64 => data_type::int64(),
        DType::U8 => data_type::uint8(),
        DType::U16 => data_type::uint16(),
        DType::U32 => data_type::uint32(),
        DType::U64 => data_type::uint64(),
        DType::F16 => data_type::float16(),
        DType::BF16 => data_type::bfloat16(),
        DType::F32 => data_type::float32(),
        DType::F64 => data_type::float64(),
        DType::C64 => data_type::complex64(),
        DType::C128 => data_type::complex128(),
    }
}

/// A codec from elements to elements.
#[derive(Debug)]
pub(super) enum ArrayStage {
    Zarrs(Arc<dyn ArrayToArrayCodecTraits>),
    Ours(ElementFilter),
}

#[derive(Debug)]
pub(super) enum Core {
    /// Elements one after the other; whether their bytes are reversed on this machine.
    Bytes { swapped: bool },
    /// Inner chunks with an index.
    Sharding(Box<Sharding>),
    /// Another way of `zarrs`.
    Zarrs(Arc<dyn ArrayToBytesCodecTraits>),
    /// Numbers packed by pcodec; the codec of `zarrs` takes as much memory as the data ask for.
    Pco(Arc<dyn ArrayToBytesCodecTraits>),
    /// Numbers packed by ZFP.
    Zfp(Packed),
}

/// All codecs of an array.
#[derive(Debug)]
pub(super) struct Pipeline {
    dtype: DType,
    arrays: Vec<ArrayStage>,
    core: Core,
    packed: Vec<ByteStage>,
    /// The one stage, where that is all there is but for a checksum.
    direct: Option<Direct>,
    /// Whether the last stage is a checksum of what is stored.
    summed: bool,
}

impl Pipeline {
    /// Builds the codecs of an array of `dtype` from its metadata. `otherwise` says whether elements have their bytes
    /// reversed where no codec says it, which is in order in version 2 alone.
    pub(super) fn new(dtype: DType, codecs: &[Named], otherwise: Option<bool>) -> Outcome<Self> {
        let (mut arrays, mut core, mut packed) = (Vec::new(), None, Vec::new());
        for codec in codecs {
            let late = core.is_some() || !packed.is_empty();
            match codec.short() {
                "bytes" | "endian" if core.is_none() => core = Some(Core::Bytes { swapped: endian(codec, dtype)? }),
                "sharding_indexed" if core.is_none() => {
                    core = Some(Core::Sharding(Box::new(Sharding::new(dtype, codec)?)));
                }
                _ if Packed::named(codec).is_some() && core.is_none() => {
                    if otherwise == Some(true) {
                        return Err(format!("codec `{}` of numbers whose bytes are reversed", codec.name));
                    }
                    core = Packed::named(codec).transpose()?.map(Core::Zfp);
                }
                _ => match stage(codec)? {
                    Stage::Array(_) if late => return Err(format!("codec `{}` stands too late", codec.name)),
                    Stage::Array(stage) => arrays.push(stage),
                    Stage::Core(_) if core.is_some() => return Err("two codecs turn elements into bytes".to_owned()),
                    Stage::Core(made) if codec.short() == "pcodec" => core = Some(Core::Pco(made)),
                    Stage::Core(made) => core = Some(Core::Zarrs(made)),
                    Stage::Byte(stage) => packed.push(stage),
                },
            }
        }
        let otherwise = otherwise.map(|swapped| Core::Bytes { swapped });
        let core = core.or(otherwise).ok_or("no codec turns elements into bytes")?;
        let packers: Vec<&Named> = codecs.iter().filter(|c| !["bytes", "endian"].contains(&c.short())).collect();
        let direct = match packers.as_slice() {
            _ if !arrays.is_empty() => None,
            [one] => Direct::new(dtype, &core, one, false),
            [one, sum] if sum.short() == "crc32c" => Direct::new(dtype, &core, one, true),
            _ => None,
        };
        let summed = codecs.last().is_some_and(|last| CHECKSUMS.contains(&last.short())) && !packed.is_empty();
        Ok(Self { dtype, arrays, core, packed, direct, summed })
    }

    /// Whether a codec is one that can be decoded.
    pub(super) fn knows(codec: &Named) -> Outcome<()> {
        match codec.short() {
            "bytes" | "endian" | "sharding_indexed" => Ok(()),
            _ if let Some(known) = Packed::named(codec) => known.map(|_| ()),
            _ => stage(codec).map(|_| ()),
        }
    }

    /// What inner chunks hold that are not stored.
    pub(super) fn set_fill(&mut self, fill: &[u8]) {
        if let Core::Sharding(sharding) = &mut self.core {
            sharding.set_fill(fill);
        }
    }

    /// Whether a stored chunk is its elements and nothing else; `Some(true)` when their bytes are reversed.
    pub(super) fn plain(&self) -> Option<bool> {
        match self.core {
            Core::Bytes { swapped } if self.arrays.is_empty() && self.packed.is_empty() => Some(swapped),
            _ => None,
        }
    }

    /// The shards, where inner chunks can be read alone.
    pub(super) fn sharding(&self) -> Option<&Sharding> {
        match &self.core {
            Core::Sharding(sharding) if self.arrays.is_empty() && self.packed.is_empty() => Some(sharding),
            _ => None,
        }
    }

    /// Bytes that a chunk of this shape has when it is stored; `None` where that depends on its elements.
    pub(super) fn stored_size(&self, shape: &[usize]) -> Outcome<Option<u64>> {
        let forms = self.forms(shape)?;
        match self.sizes(&forms)?.pop() {
            Some(BytesRepresentation::FixedSize(n)) => Ok(Some(n)),
            _ => Ok(None),
        }
    }

    /// Verifies a chunk of this shape as far as that needs no decoding: the checksum of what is stored, the index of a
    /// shard, and so its inner chunks.
    pub(super) fn verify(&self, stored: &[u8], shape: &[usize]) -> Outcome<()> {
        if let (true, Some(sum)) = (self.summed, self.packed.last()) {
            sum.decode(Cow::Borrowed(stored), &BytesRepresentation::BoundedSize(stored.len() as u64))?;
        }
        self.sharding().map_or(Ok(()), |sharding| sharding.verify(stored, shape))
    }

    /// Decodes a chunk straight to where its elements go, where its codecs allow that.
    pub(super) fn decode_into(&self, stored: &[u8], out: &mut [u8], tools: &mut Tools) -> Option<Outcome<()>> {
        let direct = self.direct?;
        let Some(sum) = self.packed.get(1).filter(|_| direct.is_summed()) else {
            return direct.decode(stored, out, tools);
        };
        let most = BytesRepresentation::BoundedSize(stored.len() as u64);
        match sum.decode(Cow::Borrowed(stored), &most) {
            Ok(stored) => direct.decode(&stored, out, tools),
            Err(why) => Some(Err(why)),
        }
    }

    /// Whether parts of a chunk can be decoded without the rest.
    pub(super) fn is_in_parts(&self) -> bool {
        self.direct.is_some_and(Direct::is_in_parts)
    }

    /// The length of a chunk without the checksum behind it, which is verified, where there is one; then the chunk is
    /// in memory.
    pub(super) fn verified(&self, piece: &mut Piece) -> Result<u64> {
        let Some(sum) = self.packed.get(1).filter(|_| self.direct.is_some_and(Direct::is_summed)) else {
            return Ok(piece.len);
        };
        let mut all = reserve(&piece.path, piece.len)?;
        piece.read_at(0, &mut all)?;
        let most = BytesRepresentation::BoundedSize(piece.len);
        let body = sum.decode(Cow::Borrowed(&all), &most).map_err(|why| Error::store(&piece.path, why))?.len();
        piece.bytes = Bytes::Memory(all);
        Ok(body as u64)
    }

    /// The frame of `len` bytes that a chunk of `bytes` bytes begins with, to be decoded bit by bit, `whole` or in
    /// parts, where its codecs allow that.
    pub(super) fn frame(&self, piece: &Piece, (len, bytes): (u64, usize), whole: bool) -> Option<Result<Frame>> {
        let read = |at, to: &mut [u8]| piece.read_at(at, to);
        if !self.direct.is_some_and(Direct::is_frame) {
            return None;
        }
        Frame::open((len, bytes, whole), read, |why| Error::store(&piece.path, why))
    }

    /// Reads the bytes from `at` on that a [frame](Self::frame) of this chunk holds.
    pub(super) fn read_part(
        &self,
        piece: &Piece,
        (frame, at): (&mut Frame, usize),
        out: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let (room, read) = ((&mut scratch.stored, &mut scratch.tools), |at, to: &mut [u8]| piece.read_at(at, to));
        frame.decode(at, out, room, read, |why| Error::store(&piece.path, why))?;
        self.direct.iter().for_each(|direct| direct.finish(out));
        Ok(())
    }

    /// Reads a chunk of a file and decodes it straight to where its elements go, where its codecs allow to do that bit
    /// by bit.
    pub(super) fn read_into(&self, piece: &Piece, out: &mut [u8], scratch: &mut Scratch) -> Option<Result<()>> {
        if self.direct?.is_summed() || !matches!(piece.bytes, Bytes::File { .. }) {
            return None;
        }
        let frame = self.frame(piece, (piece.len, out.len()), true)?;
        Some(frame.and_then(|mut frame| self.read_part(piece, (&mut frame, 0), out, scratch)))
    }

    /// As [`Pipeline::decode`], to `room` where the codecs allow that.
    pub(super) fn decode_within<'a>(
        &self,
        stored: &[u8],
        shape: &[usize],
        room: &'a mut Vec<u8>,
        tools: &mut Tools,
    ) -> Outcome<Cow<'a, [u8]>> {
        let bytes = usize::try_from(Form::new(shape, self.dtype)?.bytes()?).map_err(|e| e.to_string())?;
        if self.direct.is_some_and(|direct| direct.can_hold(stored, bytes))
            && let Some(done) = self.decode_into(stored, grown(room, bytes)?, tools)
        {
            return done.map(|()| Cow::Borrowed(&room[..bytes]));
        }
        self.decode(Cow::Borrowed(stored), shape).map(Cow::Owned)
    }

    /// The elements of a chunk of this shape, in C order and native endianness.
    pub(super) fn decode(&self, stored: Cow<'_, [u8]>, shape: &[usize]) -> Outcome<Vec<u8>> {
        let forms = self.forms(shape)?;
        let expected = forms[0].bytes()?;
        let most = expected.saturating_mul(4).saturating_add(16 << 20);
        if stored.len() as u64 > most {
            return Err(format!("{} bytes are stored for a chunk of {expected}", stored.len()));
        }
        let sizes = self.sizes(&forms)?.into_iter().map(|size| match size {
            BytesRepresentation::UnboundedSize => BytesRepresentation::BoundedSize(most),
            known => known,
        });
        let sizes: Vec<BytesRepresentation> = sizes.collect();
        let mut data = stored;
        for (stage, size) in self.packed.iter().zip(&sizes).rev() {
            data = Cow::Owned(stage.decode(data, size)?);
        }
        let mut data = self.decode_core(data, &forms[forms.len() - 1])?;
        for (stage, form) in self.arrays.iter().zip(&forms).rev() {
            data = stage.decode(data, form)?;
        }
        if data.len() as u64 != expected {
            return Err(format!("decodes to {} bytes instead of {expected}", data.len()));
        }
        Ok(data)
    }

    fn decode_core(&self, data: Cow<'_, [u8]>, form: &Form) -> Outcome<Vec<u8>> {
        let expected = form.bytes()?;
        match &self.core {
            Core::Bytes { swapped } => {
                if data.len() as u64 != expected {
                    return Err(format!("holds {} bytes of elements instead of {expected}", data.len()));
                }
                let mut data = data.into_owned();
                if *swapped {
                    swap_bytes(&mut data, form.dtype()?.real().size());
                }
                Ok(data)
            }
            Core::Sharding(sharding) => sharding.decode_whole(data.into_owned(), &form.lengths()),
            Core::Zfp(how) => how.decode(&data, form),
            Core::Pco(_) => packed::numbers(&data, form.dtype()?, expected),
            Core::Zarrs(codec) => {
                let out = codec
                    .decode(data, &form.shape, &form.data_type, &form.fill, &options())
                    .map_err(|e| e.to_string())?;
                fixed(out)
            }
        }
    }

    /// The form before each array stage, and after the last.
    fn forms(&self, shape: &[usize]) -> Outcome<Vec<Form>> {
        let mut forms = Vec::with_capacity(self.arrays.len() + 1);
        let mut form = Form::new(shape, self.dtype)?;
        form.bytes()?;
        for stage in &self.arrays {
            let next = stage.encoded(&form)?;
            next.bytes()?;
            forms.push(form);
            form = next;
        }
        forms.push(form);
        Ok(forms)
    }

    /// The size of the bytes before each byte stage, and after the last.
    fn sizes(&self, forms: &[Form]) -> Outcome<Vec<BytesRepresentation>> {
        let form = &forms[forms.len() - 1];
        let mut size = match &self.core {
            Core::Bytes { .. } => BytesRepresentation::FixedSize(form.bytes()?),
            Core::Sharding(_) | Core::Zfp(_) => BytesRepresentation::UnboundedSize,
            Core::Zarrs(codec) | Core::Pco(codec) => {
                codec.encoded_representation(&form.shape, &form.data_type, &form.fill).map_err(|e| e.to_string())?
            }
        };
        let mut sizes = Vec::with_capacity(self.packed.len() + 1);
        for stage in &self.packed {
            sizes.push(size);
            size = stage.encoded(&size);
        }
        sizes.push(size);
        Ok(sizes)
    }
}

impl ArrayStage {
    /// What it makes of elements of this form.
    pub(super) fn encoded(&self, form: &Form) -> Outcome<Form> {
        match self {
            Self::Ours(filter) => filter.encoded(form),
            Self::Zarrs(codec) => Form::after(codec.as_ref(), form),
        }
    }

    /// Encodes elements of this form.
    pub(super) fn encode(&self, data: Vec<u8>, form: &Form) -> Outcome<Vec<u8>> {
        let codec = match self {
            Self::Ours(filter) => return filter.encode(data, form),
            Self::Zarrs(codec) => codec,
        };
        let input = ArrayBytes::new_flen(data);
        let done = codec.encode(input, &form.shape, &form.data_type, &form.fill, &options());
        fixed(done.map_err(|e| e.to_string())?)
    }

    /// Decodes what it made of elements of this form.
    pub(super) fn decode(&self, data: Vec<u8>, form: &Form) -> Outcome<Vec<u8>> {
        let codec = match self {
            Self::Ours(filter) => return filter.decode(data, form),
            Self::Zarrs(codec) => codec,
        };
        let input = ArrayBytes::new_flen(data);
        let done = codec.decode(input, &form.shape, &form.data_type, &form.fill, &options());
        fixed(done.map_err(|e| e.to_string())?)
    }
}

/// The bytes of elements of one size.
fn fixed(bytes: ArrayBytes<'_>) -> Outcome<Vec<u8>> {
    bytes.into_fixed().map(Cow::into_owned).map_err(|e| e.to_string())
}

enum Stage {
    Array(ArrayStage),
    Core(Arc<dyn ArrayToBytesCodecTraits>),
    Byte(ByteStage),
}

/// Whether the `bytes` codec stores the bytes of elements in reverse.
pub(super) fn endian(codec: &Named, dtype: DType) -> Outcome<bool> {
    if dtype.size() == 1 {
        return Ok(false);
    }
    match codec.config.get("endian").and_then(Value::as_str) {
        Some("big") => Ok(cfg!(target_endian = "little")),
        Some("little") | None => Ok(cfg!(target_endian = "big")),
        Some(other) => Err(format!("byte order `{other}` is not known")),
    }
}

/// One codec that is neither the step to bytes nor sharding.
fn stage(codec: &Named) -> Outcome<Stage> {
    if let Some(filter) = ElementFilter::new(codec)? {
        return Ok(Stage::Array(ArrayStage::Ours(filter)));
    }
    if let Some(filter) = ByteFilter::new(codec) {
        return Ok(Stage::Byte(ByteStage::Ours(filter)));
    }
    if codec.short() == "lzma" {
        return Ok(Stage::Byte(ByteStage::Lzma(Lzma::new(codec)?)));
    }
    if codec.short() == "shuffle" && codec.config.get("elementsize").is_some_and(|n| *n == 0) {
        let why = "element size 0 means the size of an element to NCZarr, and no shuffling to numcodecs";
        return Err(format!("codec `{}`: {why}", codec.name));
    }
    let mut codec = codec.completed();
    if codec.short() == "blosc" {
        // Version 2 counts the kinds of shuffling. The header of a chunk says how it was packed; nothing else matters.
        let config = json!({"cname": "lz4", "clevel": 5, "shuffle": "noshuffle", "blocksize": 0});
        codec = Named { version: 3, name: "blosc".to_owned(), config: config.as_object().cloned().unwrap_or_default() };
    }
    Ok(match codec.create()? {
        Codec::ArrayToArray(made) => Stage::Array(ArrayStage::Zarrs(made)),
        Codec::ArrayToBytes(made) => Stage::Core(made),
        Codec::BytesToBytes(made) => Stage::Byte(ByteStage::new(codec.short(), made)),
    })
}

/// An element type as either version of Zarr or numcodecs writes it, and whether its bytes are reversed.
pub(super) fn dtype_named(name: &str) -> Outcome<(DType, bool)> {
    let dtype = DType::from_str(name).map_err(|_| format!("element type `{name}` is not supported"))?;
    let reversed = match name.chars().next() {
        Some('<') => cfg!(target_endian = "big"),
        Some('>') => cfg!(target_endian = "little"),
        _ => false,
    };
    Ok((dtype, reversed && dtype.real().size() > 1))
}

/// The codecs of a version 3 list; unknown ones that need not be understood are left out.
pub(super) fn codecs_v3(list: &[Value]) -> Outcome<Vec<Named>> {
    let mut out = Vec::new();
    for entry in list {
        let name = entry.as_str().or_else(|| entry.get("name").and_then(Value::as_str)).ok_or("a codec has no name")?;
        let named = Named {
            version: 3,
            name: name.to_owned(),
            config: entry.get("configuration").and_then(Value::as_object).cloned().unwrap_or_default(),
        };
        let optional = entry.get("must_understand") == Some(&Value::Bool(false));
        if !(optional && Pipeline::knows(&named).is_err()) {
            out.push(named);
        }
    }
    Ok(out)
}
