//! Bitshuffle: the lowest bits of all elements of a block, then the next, with LZ4 or Zstandard after it or without.

use crate::cpu::shuffle::undo_bits;
use crate::store::unpack::{Cursor, Tools, lz4};

/// The parameters of the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Bitshuffle {
    width: usize,
    /// Elements of a block; 0 for the default.
    block: usize,
    codec: Codec,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    None,
    Lz4,
    Zstd,
}

/// Elements of a block where the file does not say: about 8 KiB.
fn default_block(width: usize) -> usize {
    (8192 / width / 8 * 8).max(128)
}

impl Bitshuffle {
    /// From the filter's values: two of version, element size, block size, compression.
    pub(crate) fn new(values: &[u32]) -> Option<Self> {
        let value = |i: usize| values.get(i).and_then(|&v| usize::try_from(v).ok());
        let width = value(2).filter(|w| (1..=1 << 16).contains(w))?;
        let codec = match value(4).unwrap_or(0) {
            0 => Codec::None,
            2 => Codec::Lz4,
            3 => Codec::Zstd,
            _ => return None,
        };
        let block = value(3).unwrap_or(0);
        block.is_multiple_of(8).then_some(Self { width, block, codec })
    }

    pub(crate) fn compresses(&self) -> bool {
        self.codec != Codec::None
    }

    pub(crate) fn decode(&self, from: &[u8], out: &mut [u8], tools: &mut Tools) -> Result<(), String> {
        let mut from = Cursor(from);
        let block = match self.codec {
            Codec::None if self.block > 0 => self.block,
            Codec::None => default_block(self.width),
            _ => self.header(&mut from, out.len())?,
        };
        let elements = out.len() / self.width;
        let (body, rest) = out.split_at_mut(elements / 8 * 8 * self.width);
        let mut room = std::mem::take(&mut tools.block);
        let result = body.chunks_mut(block * self.width).try_for_each(|piece| {
            if self.codec == Codec::None {
                undo_bits(from.take(piece.len())?, piece, self.width);
                return Ok(());
            }
            let size = from.number(4)?;
            let data = from.take(size)?;
            if room.len() < piece.len() {
                room.resize(piece.len(), 0);
            }
            let bits = &mut room[..piece.len()];
            if self.codec == Codec::Lz4 {
                lz4(data, bits)?;
            } else {
                tools.zstd(data, bits)?;
            }
            undo_bits(bits, piece, self.width);
            Ok::<(), String>(())
        });
        tools.block = room;
        result?;
        rest.copy_from_slice(from.take(rest.len())?);
        Ok(())
    }

    /// The sizes before compressed blocks; the elements of a block.
    fn header(&self, from: &mut Cursor<'_>, bytes: usize) -> Result<usize, String> {
        let (total, block) = (from.number(8)?, from.number(4)?);
        if total != bytes {
            return Err(format!("bitshuffle: {total} bytes instead of {bytes}"));
        }
        let block = block / self.width;
        if block == 0 || !block.is_multiple_of(8) {
            return Err(format!("bitshuffle: blocks of {block} elements"));
        }
        Ok(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::shuffle::apply_bits;

    #[test]
    fn blocks_and_the_elements_after_them() {
        let how = Bitshuffle::new(&[0, 4, 2, 8, 0]).unwrap();
        let data: Vec<u8> = (0..2 * 21).map(|i| i * 5).collect();
        let mut stored = apply_bits(&data[..16], 2);
        stored.extend(apply_bits(&data[16..32], 2));
        stored.extend(&data[32..]);
        let mut out = vec![0; data.len()];
        how.decode(&stored, &mut out, &mut Tools::default()).unwrap();
        assert_eq!(out, data);
        assert!(how.decode(&stored[1..], &mut out, &mut Tools::default()).is_err());
    }

    #[test]
    fn damaged_headers_are_errors() {
        let how = Bitshuffle::new(&[0, 4, 2, 0, 2]).unwrap();
        let mut out = vec![0; 64];
        for header in [[0u8, 0, 0, 0, 0, 0, 0, 65, 0, 0, 0, 64], [0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 1]] {
            assert!(how.decode(&header, &mut out, &mut Tools::default()).is_err());
        }
    }
}
