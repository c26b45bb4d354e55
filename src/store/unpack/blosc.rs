//! Blosc (version 1): blocks, each shuffled and cut into one stream per byte of an element, each stream compressed.

use super::{Cursor, Tools, exactly, lz4, repeat};
use crate::cpu::shuffle;
#[cfg(feature = "zarr")]
use crate::store::raw;

/// Bytes of the header.
const HEADER: usize = 16;
/// The version of the format.
#[cfg(feature = "zarr")]
const VERSION: u8 = 2;
/// Bytes of packed blocks that are read at once, unless one block is more.
#[cfg(feature = "zarr")]
const SOME: usize = 256 << 10;

/// The facts of the header.
struct Header {
    version: u8,
    flags: u8,
    width: usize,
    bytes: usize,
    block: usize,
    stored: usize,
}

impl Header {
    fn of(from: &[u8], wanted: usize) -> Result<Self, String> {
        let Some((head, _)) = from.split_first_chunk::<HEADER>() else {
            return Err("blosc: the chunk is shorter than its header".to_owned());
        };
        let number = |at: usize| little(&head[at..at + 4]);
        let found = Self {
            version: head[0],
            flags: head[2],
            width: usize::from(head[3]).max(1),
            bytes: number(4),
            block: number(8),
            stored: number(12),
        };
        if found.bytes != wanted {
            return Err(format!("blosc: {} bytes instead of {wanted}", found.bytes));
        }
        if found.block == 0 && wanted > 0 {
            return Err("blosc: the header is damaged".to_owned());
        }
        Ok(found)
    }

    /// Whether nothing is packed.
    fn is_copied(&self) -> bool {
        self.flags & 2 != 0
    }

    /// Whether bytes are sorted.
    fn is_shuffled(&self) -> bool {
        self.flags & 1 != 0 && self.width > 1
    }

    /// Whether bits are.
    fn is_bitshuffled(&self) -> bool {
        self.flags & 1 == 0 && self.flags & 4 != 0
    }

    /// Whether the library would do no better: it has vectors for elements of other widths, and for bits.
    #[cfg(feature = "zarr")]
    fn is_ours(&self) -> bool {
        let is_known = self.version == VERSION && self.flags & 8 == 0 && self.block <= self.bytes;
        let is_quick = matches!(self.flags >> 5, 1 | 4) && (!self.is_shuffled() || [2, 4, 8].contains(&self.width));
        is_known && is_quick && !self.is_copied() && !self.is_bitshuffled()
    }

    /// Streams of a block; the last block, where it is short, is one.
    fn streams(&self, len: usize) -> usize {
        let split = self.flags & 0x10 == 0 && self.width <= 16 && self.block / self.width >= 128 && len == self.block;
        if split { self.width } else { 1 }
    }

    /// Decodes a block that begins with `data`, by way of `room`.
    fn piece(&self, data: &[u8], piece: &mut [u8], room: &mut Vec<u8>, tools: &mut Tools) -> Result<(), String> {
        if !self.is_shuffled() && !self.is_bitshuffled() {
            return block(self, data, piece, tools);
        }
        if room.len() < piece.len() {
            room.resize(piece.len(), 0);
        }
        block(self, data, &mut room[..piece.len()], tools)?;
        unshuffle(self, &room[..piece.len()], piece);
        Ok(())
    }
}

/// A number of a few bytes, the lowest first.
fn little(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |n, &b| n << 8 | usize::from(b))
}

/// Decodes a frame that must fill `out`, or has the library do it where that is as fast or knows better.
///
/// # Errors
/// Why the frame is not valid.
#[cfg(feature = "zarr")]
pub(in crate::store) fn decode_frame(from: &[u8], out: &mut [u8], tools: &mut Tools) -> Result<(), String> {
    raw::check_blosc(from, out.len())?;
    let ours = Header::of(from, out.len()).is_ok_and(|header| header.is_ours());
    if ours { decode(from, out, tools) } else { raw::decode_blosc(from, out) }
}

/// Decodes a frame of `len` bytes that must fill `out`, a few blocks at a time, so that what is read of them is still
/// in a near cache; `read` gives bytes from a place on. `None` where that has to be [`decode_frame`].
///
/// # Errors
/// Those of `read`; why the frame is not valid.
#[cfg(feature = "zarr")]
pub(in crate::store) fn decode_stored<E>(
    len: u64,
    out: &mut [u8],
    (packed, tools): (&mut Vec<u8>, &mut Tools),
    mut read: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    fail: impl Fn(String) -> E,
) -> Option<Result<(), E>> {
    let mut head = [0; HEADER];
    let len = usize::try_from(len).ok().filter(|&len| len > SOME)?;
    read(0, &mut head).ok()?;
    let header = Header::of(&head, out.len()).ok().filter(|header| header.is_ours() && header.stored == len)?;
    let blocks = out.len().div_ceil(header.block);
    let first = HEADER.checked_add(blocks.checked_mul(4)?).filter(|&first| first <= len)?;
    let mut table = vec![0; first - HEADER];
    read(HEADER as u64, &mut table).ok()?;
    // Blocks lie in whatever order the threads of the encoder were done with them; the last entry is where they end.
    let mut places: Vec<(usize, usize)> = table.chunks_exact(4).map(little).zip(0..).collect();
    places.sort_unstable();
    if places.iter().any(|&(begin, _)| begin < first || begin > len) {
        return Some(Err(fail("blosc: a block outside the chunk".to_owned())));
    }
    places.push((len, blocks));
    let mut room = std::mem::take(&mut tools.block);
    let mut decode = || {
        let mut rest = places.as_slice();
        while let [(begin, _), _, ..] = *rest {
            let more = rest[1..].iter().take_while(|(end, _)| *end <= begin.saturating_add(SOME)).count().max(1);
            let (now, end) = (&rest[..=more], rest[more].0);
            if packed.len() < end - begin {
                packed.resize(end - begin, 0);
            }
            read(begin as u64, &mut packed[..end - begin])?;
            for pair in now.windows(2) {
                let data = &packed[pair[0].0 - begin..pair[1].0 - begin];
                let at = pair[0].1 * header.block;
                let piece = &mut out[at..][..header.block.min(header.bytes - at)];
                header.piece(data, piece, &mut room, tools).map_err(&fail)?;
            }
            rest = &rest[more..];
        }
        Ok(())
    };
    let done = decode();
    tools.block = room;
    Some(done)
}

/// Decodes a frame that must fill `out`.
pub(in crate::store) fn decode(from: &[u8], out: &mut [u8], tools: &mut Tools) -> Result<(), String> {
    let header = Header::of(from, out.len())?;
    if header.stored > from.len() {
        return Err("blosc: the header is damaged".to_owned());
    }
    if header.is_copied() {
        let data = from.get(HEADER..HEADER + out.len()).ok_or("blosc: the chunk ends too early")?;
        out.copy_from_slice(data);
        return Ok(());
    }
    let mut starts = Cursor(&from[HEADER..]);
    let mut room = std::mem::take(&mut tools.block);
    let result = out.chunks_mut(header.block.max(1)).try_for_each(|piece| {
        let data = from.get(little(starts.take(4)?)..).ok_or("blosc: a block outside the chunk")?;
        header.piece(data, piece, &mut room, tools)
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
        let size = little(data.take(4)?);
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
    if header.is_shuffled() {
        shuffle::undo(from, out, header.width);
    } else if header.is_bitshuffled() && elements > 0 && elements.is_multiple_of(8) {
        let body = elements * header.width;
        shuffle::undo_bits(&from[..body], &mut out[..body], header.width);
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
    exactly("blosclz", end, out)
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
    exactly("snappy", end, out)
}

fn snappy_steps(from: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut from = Cursor(from);
    // The length, in groups of seven bits; the caller knows it.
    while from.number(1).ok()? >= 128 {}
    let next = |from: &mut Cursor<'_>, n: usize| -> Option<usize> { Some(little(from.take(n).ok()?)) };
    let mut at = 0;
    while !from.0.is_empty() {
        let tag = from.number(1).ok()?;
        at = match tag & 3 {
            0 if tag >> 2 < 60 => literals(&mut from, out, at, (tag >> 2) + 1)?,
            0 => {
                let len = next(&mut from, (tag >> 2) - 59)? + 1;
                literals(&mut from, out, at, len)?
            }
            1 => {
                let back = (tag >> 5) * 256 + from.number(1).ok()?;
                copy(out, at, back, (tag >> 2 & 7) + 4)?
            }
            kind => {
                let back = next(&mut from, if kind == 2 { 2 } else { 4 })?;
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

    /// A frame as the C library makes it; `shuffle` is 0, 1 for bytes or 2 for bits.
    #[cfg(feature = "zarr")]
    fn frame(data: &[u8], width: usize, shuffle: i32, block: usize, (codec, level): (&str, i32)) -> Vec<u8> {
        let mut out = vec![0; data.len() + 16];
        let name = std::ffi::CString::new(codec).unwrap();
        let (from, to) = (data.as_ptr().cast(), out.as_mut_ptr().cast());
        // SAFETY: `data` is read and `out` written within their lengths, which are given; one thread.
        let len = unsafe {
            let (n, room) = (data.len(), out.len());
            blosc_src::blosc_compress_ctx(level, shuffle, width, n, from, to, room, name.as_ptr(), block, 1)
        };
        out.truncate(usize::try_from(len).unwrap());
        assert!(len > 0, "{codec} {level}: {} bytes", data.len());
        out
    }

    /// Bytes that shrink in some places and not in others.
    #[cfg(feature = "zarr")]
    fn bytes(n: usize, seed: u64) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let next = |i: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            if (i / 700).is_multiple_of(3) { state.to_le_bytes()[0] } else { (i / 9 % 251).to_le_bytes()[0] & 0x3f }
        };
        (0..n).map(next).collect()
    }

    #[cfg(feature = "zarr")]
    #[test]
    fn frames_hold_what_the_library_put_in() {
        let mut tools = Tools::default();
        for codec in ["lz4", "lz4hc", "zstd", "zlib", "snappy", "blosclz"] {
            for width in (1..=17).chain([24, 255]) {
                for (n, block) in
                    [(1, 0), (17, 0), (130, 0), (8192, 1024), (30_011, 4096), (40_000, 8192), (9000, 3000)]
                {
                    for (shuffle, level) in [(0, 1), (1, 5), (2, 5), (1, 9), (1, 0)] {
                        let data = bytes(n, (n + width) as u64);
                        let packed = frame(&data, width, shuffle, block, (codec, level));
                        let what = format!("{codec} {level}, width {width}, shuffle {shuffle}, {n} in {block}");
                        let (mut ours, mut theirs, mut either) = (vec![1; n], vec![2; n], vec![3; n]);
                        raw::decode_blosc(&packed, &mut theirs).expect(&what);
                        decode_frame(&packed, &mut either, &mut tools).expect(&what);
                        assert!(theirs == data && either == data, "{what}");
                        // What is left to the library may be beyond us, but not wrong.
                        if decode(&packed, &mut ours, &mut tools).is_ok() && shuffle < 2 {
                            assert!(ours == data, "{what}");
                        }
                    }
                }
            }
        }
    }

    /// What is read a few blocks at a time.
    #[cfg(feature = "zarr")]
    fn stored(packed: &[u8], out: &mut [u8], tools: &mut Tools) -> Option<Result<(), String>> {
        let read = |at: u64, to: &mut [u8]| {
            let at = usize::try_from(at).unwrap();
            to.copy_from_slice(packed.get(at..at + to.len()).ok_or("reads past the end")?);
            Ok(())
        };
        decode_stored(packed.len() as u64, out, (&mut Vec::new(), tools), read, |why| why)
    }

    #[cfg(feature = "zarr")]
    #[test]
    fn frames_are_read_a_few_blocks_at_a_time() {
        let mut tools = Tools::default();
        for (codec, block, n) in [("lz4", 8192, 1_500_001), ("zstd", 300_000, 2_000_000), ("lz4", 1 << 20, 3_000_000)] {
            let data = bytes(n, 7);
            let mut packed = frame(&data, 4, 1, block, (codec, 5));
            let mut out = vec![0; n];
            assert_eq!(stored(&packed, &mut out, &mut tools), Some(Ok(())));
            assert!(out == data, "{codec} in blocks of {block}");
            // Every start of a block, damaged: nothing is read outside the frame, and nothing panics.
            let blocks = n.div_ceil(little(&packed[8..12]));
            for at in (0..HEADER + 4 * blocks).take(200) {
                for value in [0, 0x7f, 0xff] {
                    let before = std::mem::replace(&mut packed[at], value);
                    let done = stored(&packed, &mut out, &mut tools);
                    assert!(
                        done.as_ref().is_none_or(|done| done.as_ref().err().is_none_or(|e| e != "reads past the end"))
                    );
                    packed[at] = before;
                }
            }
        }
    }

    #[cfg(feature = "zarr")]
    #[test]
    fn damaged_frames_are_errors_or_other_bytes() {
        let mut tools = Tools::default();
        for (codec, width) in [("lz4", 4), ("lz4", 1), ("lz4", 3), ("zstd", 8), ("zstd", 2), ("blosclz", 4)] {
            let data = bytes(3000, 5);
            let packed = frame(&data, width, 1, 1024, (codec, 5));
            let mut out = vec![0; data.len()];
            for len in 0..packed.len() {
                assert!(decode_frame(&packed[..len], &mut out, &mut tools).is_err(), "{codec}: {len} bytes");
                // A header that claims to know.
                let mut short = packed[..len].to_vec();
                if len >= HEADER {
                    short[12..16].copy_from_slice(&u32::try_from(len).unwrap().to_le_bytes());
                }
                assert!(decode_frame(&short, &mut out, &mut tools).is_err(), "{codec}: {len} bytes of a frame");
            }
            for bit in 0..8 * packed.len() {
                let mut bad = packed.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                // Nothing is written outside `out`, whatever comes; there is no checksum.
                let _ = decode(&bad, &mut out, &mut tools);
                let _ = decode_frame(&bad, &mut out, &mut tools);
            }
            assert!(decode_frame(&packed, &mut out[1..], &mut tools).is_err());
            decode_frame(&packed, &mut out, &mut tools).unwrap();
            assert_eq!(out, data);
        }
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
