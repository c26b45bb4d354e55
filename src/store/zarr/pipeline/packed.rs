//! Stages from bytes to bytes: decompression and checksums.
//!
//! DEFLATE goes through libdeflate, which is faster, and zstd through contexts that are kept, which matters for small
//! chunks. Every decompressor is held to the size that the metadata implies, whatever the data say.

use super::lzma::Lzma;
use super::numcodecs::ByteFilter;
use super::{Outcome, options};
use crate::dtype::DType;
use parking_lot::Mutex;
use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::sync::Arc;
use zarrs::array::{BytesRepresentation, BytesToBytesCodecTraits};

/// One stage from bytes to bytes.
#[derive(Debug)]
pub(super) enum ByteStage {
    /// A codec of the `zarrs` crate.
    Zarrs(Arc<dyn BytesToBytesCodecTraits>),
    /// A filter of ours.
    Ours(ByteFilter),
    /// DEFLATE in a wrapper.
    Deflate { gzip: bool, other: Arc<dyn BytesToBytesCodecTraits> },
    /// LZMA.
    Lzma(Lzma),
    /// bzip2.
    Bzip2(Arc<dyn BytesToBytesCodecTraits>),
    /// Zstandard.
    Zstd { contexts: Contexts, other: Arc<dyn BytesToBytesCodecTraits> },
    /// Blosc.
    Blosc(Arc<dyn BytesToBytesCodecTraits>),
}

impl ByteStage {
    /// The stage of a codec that `zarrs` made.
    pub(super) fn new(name: &str, made: Arc<dyn BytesToBytesCodecTraits>) -> Self {
        match name {
            "gzip" => Self::Deflate { gzip: true, other: made },
            "zlib" => Self::Deflate { gzip: false, other: made },
            "zstd" => Self::Zstd { contexts: Contexts::default(), other: made },
            "blosc" => Self::Blosc(made),
            "bz2" => Self::Bzip2(made),
            _ => Self::Zarrs(made),
        }
    }

    /// The size after the stage.
    pub(super) fn encoded(&self, size: &BytesRepresentation) -> BytesRepresentation {
        match self {
            Self::Ours(filter) => filter.encoded(size),
            Self::Lzma(_) => BytesRepresentation::UnboundedSize,
            Self::Zarrs(codec)
            | Self::Blosc(codec)
            | Self::Bzip2(codec)
            | Self::Deflate { other: codec, .. }
            | Self::Zstd { other: codec, .. } => codec.encoded_representation(size),
        }
    }

    /// Undoes the stage; `size` is that of the result.
    pub(super) fn decode(&self, data: Cow<'_, [u8]>, size: &BytesRepresentation) -> Outcome<Vec<u8>> {
        match self {
            Self::Ours(filter) => filter.decode(&data, size),
            Self::Zarrs(codec) => run(codec.as_ref(), data, size),
            Self::Blosc(codec) => {
                if let BytesRepresentation::FixedSize(n) = size {
                    check_blosc(&data, *n)?;
                }
                run(codec.as_ref(), data, size)
            }
            // Several members, and sizes that are not known before, are inflated as a stream.
            Self::Deflate { gzip, .. } => match (inflate(&data, *gzip, size), gzip) {
                (Some(out), _) => Ok(out),
                (None, true) => stream("gzip", flate2::bufread::MultiGzDecoder::new(&*data), size),
                (None, false) => stream("zlib", flate2::bufread::ZlibDecoder::new(&*data), size),
            },
            Self::Lzma(how) => stream("lzma", how.reader(&data, limit(size))?, size),
            Self::Bzip2(_) => stream("bz2", bzip2::bufread::MultiBzDecoder::new(&*data), size),
            Self::Zstd { contexts, .. } => contexts.decode(&data, size),
        }
    }
}

fn run(codec: &dyn BytesToBytesCodecTraits, data: Cow<'_, [u8]>, size: &BytesRepresentation) -> Outcome<Vec<u8>> {
    codec.decode(data, size, &options()).map(Cow::into_owned).map_err(|e| e.to_string())
}

/// The most bytes of a size.
fn limit(size: &BytesRepresentation) -> u64 {
    match size {
        BytesRepresentation::FixedSize(n) | BytesRepresentation::BoundedSize(n) => *n,
        BytesRepresentation::UnboundedSize => super::LARGEST_CHUNK,
    }
}

/// Decodes a stream that must end within the expected size.
fn stream(name: &str, from: impl Read, size: &BytesRepresentation) -> Outcome<Vec<u8>> {
    let limit = limit(size);
    let mut out = Vec::new();
    from.take(limit.saturating_add(1)).read_to_end(&mut out).map_err(|e| format!("{name}: {e}"))?;
    if out.len() as u64 > limit {
        return Err(format!("{name}: holds more than the {limit} bytes of a chunk"));
    }
    Ok(out)
}

/// Inflates to exactly the expected size; `None` when that fails, for whatever reason.
fn inflate(data: &[u8], gzip: bool, size: &BytesRepresentation) -> Option<Vec<u8>> {
    let BytesRepresentation::FixedSize(n) = size else { return None };
    // DEFLATE cannot shrink more than this, so that a small file cannot ask for much memory.
    if *n > (data.len() as u64).saturating_mul(1032) {
        return None;
    }
    let mut out = vec![0; usize::try_from(*n).ok()?];
    let mut decoder = libdeflater::Decompressor::new();
    let done = if gzip { decoder.gzip_decompress(data, &mut out) } else { decoder.zlib_decompress(data, &mut out) };
    done.ok().filter(|&got| got == out.len()).map(|_| out)
}

/// Refuses a blosc chunk whose header declares another size than `expected`, or more bytes than there are.
fn check_blosc(data: &[u8], expected: u64) -> Outcome<()> {
    let number = |at: usize| Some(u64::from(u32::from_le_bytes(*data.get(at..)?.first_chunk()?)));
    let (Some(decoded), Some(encoded)) = (number(4), number(12)) else {
        return Err("is too short for a blosc header".to_owned());
    };
    if decoded != expected {
        return Err(format!("blosc declares {decoded} bytes for a chunk of {expected}"));
    }
    if encoded > data.len() as u64 {
        return Err(format!("blosc declares {encoded} stored bytes and there are {}", data.len()));
    }
    Ok(())
}

/// The numbers of a pcodec file: as many as `bytes` hold, no more.
pub(super) fn numbers(data: &[u8], dtype: DType, bytes: u64) -> Outcome<Vec<u8>> {
    match dtype.real() {
        DType::U16 => unpack::<u16>(data, bytes),
        DType::U32 => unpack::<u32>(data, bytes),
        DType::U64 => unpack::<u64>(data, bytes),
        DType::I16 => unpack::<i16>(data, bytes),
        DType::I32 => unpack::<i32>(data, bytes),
        DType::I64 => unpack::<i64>(data, bytes),
        DType::F16 => unpack::<half::f16>(data, bytes),
        DType::F32 => unpack::<f32>(data, bytes),
        DType::F64 => unpack::<f64>(data, bytes),
        other => Err(format!("pcodec does not hold {other}")),
    }
}

fn unpack<T: pco::data_types::Number + bytemuck::Pod>(data: &[u8], bytes: u64) -> Outcome<Vec<u8>> {
    // A batch of equal numbers takes a byte or more, so that a small file cannot ask for much memory.
    if bytes / 256 > (data.len() as u64).saturating_mul(1 << 10) {
        return Err(format!("pcodec: {} bytes do not hold {bytes}", data.len()));
    }
    let mut out = crate::store::zarr::piece::reserve_exact(bytes)?;
    out.resize(usize::try_from(bytes).map_err(|e| e.to_string())?, 0);
    let mut values = vec![T::zeroed(); out.len() / size_of::<T>()];
    let done = pco::standalone::simple_decompress_into(data, &mut values).map_err(|e| format!("pcodec: {e}"))?;
    if !done.finished || done.n_processed != values.len() {
        return Err(format!("pcodec: holds other than {} numbers", values.len()));
    }
    out.copy_from_slice(bytemuck::cast_slice(&values));
    Ok(out)
}

/// Zstandard contexts that wait for their next use: as many as threads have decoded at once.
#[derive(Default)]
pub(super) struct Contexts(Mutex<Vec<zstd::bulk::Decompressor<'static>>>);

impl Contexts {
    fn decode(&self, data: &[u8], size: &BytesRepresentation) -> Outcome<Vec<u8>> {
        let capacity = match size {
            BytesRepresentation::FixedSize(n) => *n,
            BytesRepresentation::BoundedSize(_) | BytesRepresentation::UnboundedSize => {
                let most = if let BytesRepresentation::BoundedSize(n) = size { *n } else { u64::MAX };
                let declared = zstd::bulk::Decompressor::upper_bound(data).map_or(u64::MAX, |n| n as u64);
                // Frames of one repeated byte shrink this much.
                declared.min((data.len() as u64).saturating_mul(1 << 15)).min(most)
            }
        };
        let mut out = crate::store::zarr::piece::reserve_exact(capacity)?;
        let waiting = self.0.lock().pop();
        let mut context = match waiting {
            Some(context) => context,
            None => zstd::bulk::Decompressor::new().map_err(|e| e.to_string())?,
        };
        let done = context.decompress_to_buffer(data, &mut out);
        self.0.lock().push(context);
        done.map(|_| out).map_err(|e| format!("zstd: {e}"))
    }
}

impl fmt::Debug for Contexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} contexts", self.0.lock().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_sizes() {
        // A frame that declares 2^60 bytes and has one empty last block.
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
        frame.extend((1u64 << 60).to_le_bytes());
        frame.extend([1, 0, 0]);
        let error = Contexts::default().decode(&frame, &BytesRepresentation::FixedSize(100)).unwrap_err();
        assert!(error.starts_with("zstd: "), "{error}");
        let mut header = [0u8; 16];
        header[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(check_blosc(&header, 8).unwrap_err(), "blosc declares 4294967295 bytes for a chunk of 8");
        assert_eq!(check_blosc(&header[..9], 8).unwrap_err(), "is too short for a blosc header");
    }
}
