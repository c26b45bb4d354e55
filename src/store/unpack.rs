//! What unpacks chunks, of whatever format: decoders that a thread keeps from one to the next.
//!
//! Sizes are known before; what holds another number of bytes is damaged.

use super::raw;
use libdeflater::{DecompressionError, Decompressor};

pub(super) mod blosc;
#[cfg(feature = "hdf5")]
pub(super) mod blosc2;
pub(super) mod zfp;

/// Bytes that a thread keeps between reads.
pub(in crate::store) const KEPT: usize = 64 << 20;

/// Decoders that are costly to make.
#[derive(Default)]
pub(in crate::store) struct Tools {
    deflate: Option<Decompressor>,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    /// Room for one block of a filter that works in blocks.
    pub block: Vec<u8>,
}

impl Tools {
    /// Without the room.
    pub(in crate::store) fn trimmed(self) -> Self {
        Self { block: Vec::new(), ..self }
    }

    /// A zlib stream, its checksum verified.
    pub(in crate::store) fn zlib(&mut self, from: &[u8], out: &mut [u8]) -> Result<(), String> {
        let found = self.inflate(from, out)?;
        exactly("deflate", found, out)
    }

    /// One gzip member, its checksum verified.
    #[cfg(feature = "zarr")]
    pub(in crate::store) fn gzip(&mut self, from: &[u8], out: &mut [u8]) -> Result<(), String> {
        let tool = self.deflate.get_or_insert_with(Decompressor::new);
        let found = tool.gzip_decompress(from, out).map_err(|e| format!("gzip: {e}"))?;
        exactly("gzip", found, out)
    }

    /// A zlib stream of no more bytes than `out` has; how many.
    pub(in crate::store) fn inflate(&mut self, from: &[u8], out: &mut [u8]) -> Result<usize, String> {
        let tool = self.deflate.get_or_insert_with(Decompressor::new);
        tool.zlib_decompress(from, out).map_err(|e| match e {
            DecompressionError::BadData => "deflate: the data or its checksum is damaged".to_owned(),
            DecompressionError::InsufficientSpace => format!("deflate: more than {} bytes", out.len()),
        })
    }

    /// A Zstandard frame.
    pub(in crate::store) fn zstd(&mut self, from: &[u8], out: &mut [u8]) -> Result<(), String> {
        let found = self.unpack_zstd(from, out)?;
        exactly("zstd", found, out)
    }

    /// Zstandard frames of no more bytes than `out` has; how many.
    pub(in crate::store) fn unpack_zstd(&mut self, from: &[u8], out: &mut [u8]) -> Result<usize, String> {
        if self.zstd.is_none() {
            self.zstd = Some(zstd::bulk::Decompressor::new().map_err(|e| format!("zstd: {e}"))?);
        }
        let Some(tool) = self.zstd.as_mut() else { return Err("zstd: no decoder".to_owned()) };
        tool.decompress_to_buffer(from, out).map_err(|e| format!("zstd: {e}"))
    }
}

/// Refuses another number of bytes than fill `out`.
pub(in crate::store) fn exactly(name: &str, found: usize, out: &[u8]) -> Result<(), String> {
    if found == out.len() { Ok(()) } else { Err(format!("{name}: {found} bytes instead of {}", out.len())) }
}

/// One LZ4 block that must fill `out`.
pub(in crate::store) fn lz4(from: &[u8], out: &mut [u8]) -> Result<(), String> {
    exactly("lz4", raw::decode_lz4(from, out).ok_or("lz4: the data is damaged")?, out)
}

/// Copies `len` bytes from `start` to `to`; where they overlap, the bytes just written are read again.
pub(in crate::store) fn repeat(out: &mut [u8], start: usize, to: usize, len: usize) {
    if start + len <= to {
        out.copy_within(start..start + len, to);
    } else {
        for k in 0..len {
            out[to + k] = out[start + k];
        }
    }
}

/// Verifies the checksum at the end and returns the number of bytes before it.
pub(in crate::store) fn check_fletcher32(data: &[u8]) -> Result<usize, String> {
    let Some((body, sum)) = data.split_last_chunk::<4>() else {
        return Err("fletcher32: the chunk is shorter than its checksum".to_owned());
    };
    let (stored, found) = (u32::from_le_bytes(*sum), fletcher32(body));
    // Before 1.6.3 the library stored the bytes of each half in the other order.
    let old = (found & 0x00ff_00ff) << 8 | (found >> 8) & 0x00ff_00ff;
    if stored == found || stored == old {
        Ok(body.len())
    } else {
        Err(format!("fletcher32: the checksum is {stored:08x} and the data has {found:08x}"))
    }
}

/// The checksum of HDF5: big-endian words of 16 bits, an odd byte at the end counting as the upper half of one.
pub(in crate::store) fn fletcher32(data: &[u8]) -> u32 {
    let fold = |sum: u32| (sum & 0xffff) + (sum >> 16);
    let (mut a, mut b) = (0u32, 0u32);
    let (words, odd) = data.as_chunks::<2>();
    for run in words.chunks(360) {
        for word in run {
            a += u32::from(u16::from_be_bytes(*word));
            b += a;
        }
        (a, b) = (fold(a), fold(b));
    }
    if let [last] = odd {
        a += u32::from(*last) << 8;
        b += a;
        (a, b) = (fold(a), fold(b));
    }
    fold(b) << 16 | fold(a)
}

/// Big-endian numbers and runs of bytes, taken from the front of a slice.
pub(in crate::store) struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    /// The next `n` bytes.
    pub(in crate::store) fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let (head, rest) = self.0.split_at_checked(n).ok_or("the chunk ends too early")?;
        self.0 = rest;
        Ok(head)
    }

    /// A number of so many bytes.
    pub(in crate::store) fn number(&mut self, width: usize) -> Result<usize, String> {
        let value = self.take(width)?.iter().fold(0u64, |n, &b| n << 8 | u64::from(b));
        usize::try_from(value).map_err(|_| "a length is too large".to_owned())
    }
}
