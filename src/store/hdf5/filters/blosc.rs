//! Blosc (version 1): blocks, each shuffled and cut into one stream per byte of an element, each stream compressed.

use super::lzf::repeat;
use super::{Cursor, Tools, bitshuffle, lz4, shuffle};

/// Bytes of the header.
const HEADER: usize = 16;

/// The facts of the header.
struct Header {
    flags: u8,
    width: usize,
    bytes: usize,
    block: usize,
}

impl Header {
    fn of(from: &[u8], wanted: usize) -> Result<Self, String> {
        let Some((head, _)) = from.split_first_chunk::<HEADER>() else {
            return Err("blosc: the chunk is shorter than its header".to_owned());
        };
        let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
        let found = Self { flags: head[2], width: usize::from(head[3]).max(1), bytes: number(4), block: number(8) };
        if found.bytes != wanted {
            return Err(format!("blosc: {} bytes instead of {wanted}", found.bytes));
        }
        if number(12) > from.len() || (found.block == 0 && wanted > 0) {
            return Err("blosc: the header is damaged".to_owned());
        }
        Ok(found)
    }

    /// Streams of a block; the last block, where it is short, is one.
    fn streams(&self, len: usize) -> usize {
        let split = self.flags & 0x10 == 0 && self.width <= 16 && self.block / self.width >= 128 && len == self.block;
        if split { self.width } else { 1 }
    }
}

/// Decodes a buffer that must fill `out`.
pub(in super::super) fn decode(from: &[u8], out: &mut [u8], tools: &mut Tools) -> Result<(), String> {
    let header = Header::of(from, out.len())?;
    if header.flags & 2 != 0 {
        let data = from.get(HEADER..HEADER + out.len()).ok_or("blosc: the chunk ends too early")?;
        out.copy_from_slice(data);
        return Ok(());
    }
    let mut starts = Cursor(&from[HEADER..]);
    let mut room = std::mem::take(&mut tools.block);
    let result = out.chunks_mut(header.block).try_for_each(|piece| {
        let start = starts.take(4)?.iter().rev().fold(0usize, |n, &b| n << 8 | usize::from(b));
        let data = from.get(start..).ok_or("blosc: a block outside the chunk")?;
        if room.len() < piece.len() {
            room.resize(piece.len(), 0);
        }
        block(&header, data, &mut room[..piece.len()], tools)?;
        unshuffle(&header, &room[..piece.len()], piece);
        Ok(())
    });
    tools.block = room;
    result
}

/// Decompresses the streams of one block.
fn block(header: &Header, data: &[u8], out: &mut [u8], tools: &mut Tools) -> Result<(), String> {
    let mut data = Cursor(data);
    let streams = header.streams(out.len());
    let each = out.len() / streams;
    if each * streams != out.len() || each == 0 {
        return Err("blosc: a block that its elements do not divide".to_owned());
    }
    for stream in out.chunks_mut(each) {
        let size = data.take(4)?.iter().rev().fold(0usize, |n, &b| n << 8 | usize::from(b));
        let packed = data.take(size)?;
        if size == stream.len() {
            stream.copy_from_slice(packed);
            continue;
        }
        match header.flags >> 5 {
            0 => blosclz(packed, stream)?,
            1 => lz4(packed, stream)?,
            2 => snappy(packed, stream)?,
            3 => tools.zlib(packed, stream)?,
            4 => tools.zstd(packed, stream)?,
            other => return Err(format!("blosc: compression {other} is not known")),
        }
    }
    Ok(())
}

fn unshuffle(header: &Header, from: &[u8], out: &mut [u8]) {
    let elements = from.len() / header.width;
    if header.flags & 1 != 0 {
        shuffle::undo(from, out, header.width);
    } else if header.flags & 4 != 0 && elements > 0 && elements.is_multiple_of(8) {
        let body = elements * header.width;
        bitshuffle::undo(&from[..body], &mut out[..body], header.width);
        out[body..].copy_from_slice(&from[body..]);
    } else {
        out.copy_from_slice(from);
    }
}

/// Copies a repeat of `len` bytes from `back` before `at`.
fn copy(out: &mut [u8], at: usize, back: usize, len: usize) -> Option<usize> {
    let start = at.checked_sub(back).filter(|_| back > 0)?;
    if at.checked_add(len)? > out.len() {
        return None;
    }
    repeat(out, start, at, len);
    Some(at + len)
}

/// Copies a run of literals.
fn literals(from: &mut Cursor<'_>, out: &mut [u8], at: usize, len: usize) -> Option<usize> {
    out.get_mut(at..at.checked_add(len)?)?.copy_from_slice(from.take(len).ok()?);
    Some(at + len)
}

fn blosclz(from: &[u8], out: &mut [u8]) -> Result<(), String> {
    let end = blosclz_steps(from, out).ok_or("blosclz: the data is damaged")?;
    super::exactly("blosclz", end, out)
}

fn blosclz_steps(from: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut from = Cursor(from);
    let mut at = 0;
    let mut first = true;
    while !from.0.is_empty() {
        let mut control = from.number(1).ok()?;
        if std::mem::take(&mut first) {
            control &= 31;
        }
        if control < 32 {
            at = literals(&mut from, out, at, control + 1)?;
            continue;
        }
        let (mut len, high) = ((control >> 5) + 2, control & 31);
        if len == 9 {
            loop {
                let more = from.number(1).ok()?;
                len += more;
                if more != 255 {
                    break;
                }
            }
        }
        let low = from.number(1).ok()?;
        let far = low == 255 && high == 31;
        let back = if far { from.number(2).ok()? + 8192 } else { high * 256 + low + 1 };
        at = copy(out, at, back, len)?;
    }
    Some(at)
}

fn snappy(from: &[u8], out: &mut [u8]) -> Result<(), String> {
    let end = snappy_steps(from, out).ok_or("snappy: the data is damaged")?;
    super::exactly("snappy", end, out)
}

fn snappy_steps(from: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut from = Cursor(from);
    // The length, in groups of seven bits; the caller knows it.
    while from.number(1).ok()? >= 128 {}
    let little = |from: &mut Cursor<'_>, n: usize| -> Option<usize> {
        Some(from.take(n).ok()?.iter().rev().fold(0usize, |v, &b| v << 8 | usize::from(b)))
    };
    let mut at = 0;
    while !from.0.is_empty() {
        let tag = from.number(1).ok()?;
        at = match tag & 3 {
            0 if tag >> 2 < 60 => literals(&mut from, out, at, (tag >> 2) + 1)?,
            0 => {
                let len = little(&mut from, (tag >> 2) - 59)? + 1;
                literals(&mut from, out, at, len)?
            }
            1 => {
                let back = (tag >> 5) * 256 + from.number(1).ok()?;
                copy(out, at, back, (tag >> 2 & 7) + 4)?
            }
            kind => {
                let back = little(&mut from, if kind == 2 { 2 } else { 4 })?;
                copy(out, at, back, (tag >> 2) + 1)?
            }
        };
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blosclz_repeats() {
        let mut out = [0; 12];
        blosclz(&[2, b'a', b'b', b'c', 7 << 5, 0, 2], &mut out).unwrap();
        assert_eq!(&out, b"abcabcabcabc");
        assert!(blosclz(&[2, b'a', b'b', b'c', 7 << 5, 0, 9], &mut out).is_err());
    }

    #[test]
    fn snappy_repeats() {
        let mut out = [0; 12];
        snappy(&[12, 2 << 2, b'a', b'b', b'c', 5 << 2 | 1, 3], &mut out).unwrap();
        assert_eq!(&out, b"abcabcabcabc");
        assert!(snappy(&[12, 2 << 2, b'a', b'b', b'c', 5 << 2 | 1, 0], &mut out).is_err());
    }

    #[test]
    fn damaged_headers_are_errors() {
        let mut out = [0; 64];
        for len in 0..20 {
            assert!(decode(&vec![0; len], &mut out, &mut Tools::default()).is_err());
        }
        let mut stored = vec![2, 1, 1, 4, 64, 0, 0, 0, 64, 0, 0, 0, 24, 0, 0, 0];
        stored.extend([255, 255, 255, 255, 0, 0, 0, 0]);
        assert!(decode(&stored, &mut out, &mut Tools::default()).is_err());
    }
}
