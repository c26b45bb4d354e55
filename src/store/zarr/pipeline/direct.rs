//! Chunks that one stage packs, decoded straight to where their elements go, with memory and decoders that a thread
//! keeps.

use super::{Core, Named, Outcome};
use crate::cpu::copy::swap_bytes;
use crate::dtype::DType;
use crate::store::unpack::{KEPT, Tools, blosc};

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
        Some(Self { packing, summed, swapped: swapped.then_some(dtype.real().size()) })
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
