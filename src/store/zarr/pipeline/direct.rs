//! Chunks that one stage packs, decoded straight to where their elements go, with memory and decoders that a thread
//! keeps.

use super::{Core, Named, Outcome};
use crate::cpu::copy::swap_bytes;
use crate::dtype::DType;
use crate::store::unpack::{KEPT, Tools, blosc};
use serde_json::Value;

/// Memory and decoders that a thread uses again for every chunk.
#[derive(Default)]
pub(in crate::store::zarr) struct Scratch {
    /// Bytes as they are stored.
    pub(in crate::store::zarr) stored: Vec<u8>,
    /// A decoded chunk.
    pub(in crate::store::zarr) chunk: Vec<u8>,
    pub(in crate::store::zarr) tools: Tools,
}

impl Scratch {
    /// Gives memory back after unusually large chunks, so that idle threads do not hold it.
    pub(in crate::store::zarr) fn trimmed(self) -> Self {
        let held = self.stored.capacity() + self.chunk.capacity() + self.tools.block.capacity();
        if held <= KEPT { self } else { Self { tools: self.tools.trimmed(), ..Self::default() } }
    }
}

/// What packs a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Blosc,
    Zstd,
    Gzip,
    Zlib,
}

/// The one stage that makes elements of a stored chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Direct {
    packing: Packing,
    /// Whether a checksum stands behind it.
    summed: bool,
    /// Bytes of a number, where they are reversed.
    swapped: Option<usize>,
    /// Whether parts can be decoded alone, and no slower than all.
    in_parts: bool,
}

impl Direct {
    /// The codec, which is the only stage, but for a checksum behind it where one is `summed`.
    pub(super) fn new(dtype: DType, core: &Core, codec: &Named, summed: bool) -> Option<Self> {
        let Core::Bytes { swapped } = *core else { return None };
        let packing = match codec.short() {
            "blosc" => Packing::Blosc,
            "zstd" => Packing::Zstd,
            "gzip" => Packing::Gzip,
            "zlib" => Packing::Zlib,
            _ => return None,
        };
        let in_parts = packing == Packing::Blosc && has_quick_parts(codec, dtype);
        Some(Self { packing, summed, swapped: swapped.then_some(dtype.real().size()), in_parts })
    }

    /// Whether `stored` can hold so many bytes: a small file cannot ask for much memory.
    pub(super) fn can_hold(self, stored: &[u8], bytes: usize) -> bool {
        match self.packing {
            // The header says it, and is looked at first.
            Packing::Blosc => stored
                .get(4..8)
                .is_some_and(|size| size.iter().rev().fold(0, |n, &byte| n << 8 | usize::from(byte)) == bytes),
            Packing::Zstd => bytes >> 15 <= stored.len(),
            Packing::Gzip | Packing::Zlib => bytes / 1032 <= stored.len(),
        }
    }

    /// Whether a chunk is a Blosc frame, but for a checksum.
    pub(super) fn is_frame(self) -> bool {
        self.packing == Packing::Blosc
    }

    /// Whether parts of a chunk can be decoded alone, and no slower than all of it.
    pub(super) fn is_in_parts(self) -> bool {
        self.in_parts
    }

    /// Whether a checksum stands behind what is packed.
    pub(super) fn is_summed(self) -> bool {
        self.summed
    }

    /// Puts the bytes of elements in the order of this machine.
    pub(super) fn finish(self, out: &mut [u8]) {
        if let Some(size) = self.swapped {
            swap_bytes(out, size);
        }
    }

    /// Decodes a chunk that fills `out`; `None` where the other way says what is wrong, or knows better.
    pub(super) fn decode(self, stored: &[u8], out: &mut [u8], tools: &mut Tools) -> Option<Outcome<()>> {
        match self.packing {
            Packing::Blosc => {
                if let Err(why) = blosc::decode_frame(stored, out, tools) {
                    return Some(Err(why));
                }
            }
            Packing::Zstd => tools.zstd(stored, out).ok()?,
            Packing::Gzip => tools.gzip(stored, out).ok()?,
            Packing::Zlib => tools.zlib(stored, out).ok()?,
        }
        self.finish(out);
        Some(Ok(()))
    }
}

/// Whether Blosc packs, by its metadata, in a way that is decoded here: of other codecs and of bits the C library is
/// quicker, which decodes whole chunks. The header of a chunk has the last word.
fn has_quick_parts(codec: &Named, dtype: DType) -> bool {
    let packs = codec.config.get("cname").and_then(Value::as_str).unwrap_or("lz4");
    let sorts = match codec.config.get("shuffle") {
        None => true,
        Some(Value::String(how)) => how != "bitshuffle",
        // Bits of bytes, and bytes of others.
        Some(how) if how.as_i64() == Some(-1) => dtype.size() > 1,
        Some(how) => how.as_i64() != Some(2),
    };
    sorts && ["lz4", "lz4hc", "zstd", "zlib"].contains(&packs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_blosc_does_is_known_by_its_metadata() {
        let quick = |config: Value, dtype: DType| {
            let config = config.as_object().unwrap().clone();
            has_quick_parts(&Named { version: 2, name: "blosc".to_owned(), config }, dtype)
        };
        assert!(quick(json!({}), DType::F32));
        assert!(quick(json!({"cname": "zstd", "shuffle": 1}), DType::F32));
        assert!(quick(json!({"cname": "zlib", "shuffle": "noshuffle"}), DType::U8));
        assert!(quick(json!({"cname": "lz4", "shuffle": -1}), DType::F32));
        assert!(!quick(json!({"cname": "lz4", "shuffle": -1}), DType::U8));
        assert!(!quick(json!({"cname": "lz4", "shuffle": 2}), DType::F32));
        assert!(!quick(json!({"cname": "zstd", "shuffle": "bitshuffle"}), DType::F32));
        assert!(!quick(json!({"cname": "blosclz", "shuffle": 1}), DType::F32));
    }
}
