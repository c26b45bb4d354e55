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
#[derive(Debug)]
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
        let is_quick = matches!(self.flags >> 5, 1 | 3 | 4) && (!self.is_shuffled() || [2, 4, 8].contains(&self.width));
        self.is_in_parts() && is_quick && !self.is_copied()
    }

    /// Whether parts of it can be decoded alone.
    #[cfg(feature = "zarr")]
    fn is_in_parts(&self) -> bool {
        let is_known = self.version == VERSION && self.flags & 8 == 0 && self.block <= self.bytes;
        is_known && !self.is_bitshuffled()
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
pub(super) fn little(bytes: &[u8]) -> usize {
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

/// A frame that is read and decoded a few blocks at a time, so that what is read of them is still in a near cache, and
/// of which a part costs what its blocks cost. Parts that follow each other decode no block twice.
#[cfg(feature = "zarr")]
#[derive(Debug)]
pub(in crate::store) struct Frame {
    header: Header,
    /// Where each block begins and ends.
    places: Vec<(usize, usize)>,
    /// The number of a block of which more may be wanted,
    held: Option<usize>,
    /// and its streams, not shuffled back.
    room: Vec<u8>,
}

#[cfg(feature = "zarr")]
impl Frame {
    /// The frame of `len` bytes that `read` gives from a place on, which holds `bytes` bytes and is wanted `whole` or
    /// in parts. `None` where that has to be left to [`decode_frame`].
    ///
    /// # Errors
    /// Those of `fail`, for a frame that is not valid.
    pub(in crate::store) fn open<E>(
        (len, bytes, whole): (u64, usize, bool),
        mut read: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
        fail: impl Fn(String) -> E,
    ) -> Option<Result<Self, E>> {
        let mut head = [0; HEADER];
        let len = usize::try_from(len).ok().filter(|&len| len > if whole { SOME } else { HEADER })?;
        read(0, &mut head).ok()?;
        let fits = |header: &Header| if whole { header.is_ours() } else { header.is_in_parts() };
        let header = Header::of(&head, bytes).ok().filter(|header| header.stored == len && fits(header))?;
        if header.is_copied() {
            let fits = len - HEADER == bytes;
            return fits.then(|| Ok(Self { header, places: Vec::new(), held: None, room: Vec::new() }));
        }
        let blocks = bytes.div_ceil(header.block);
        let first = HEADER.checked_add(blocks.checked_mul(4)?).filter(|&first| first <= len)?;
        let mut table = vec![0; first - HEADER];
        read(HEADER as u64, &mut table).ok()?;
        // Blocks lie in whatever order the threads of the encoder were done with them.
        let starts: Vec<usize> = table.chunks_exact(4).map(little).collect();
        if starts.iter().any(|&begin| begin < first || begin > len) {
            return Some(Err(fail("blosc: a block outside the chunk".to_owned())));
        }
        let mut sorted = starts.clone();
        sorted.sort_unstable();
        sorted.push(len);
        let end = |begin: usize| sorted[sorted.partition_point(|&other| other <= begin).min(blocks)];
        let places = starts.into_iter().map(|begin| (begin, end(begin))).collect();
        Some(Ok(Self { header, places, held: None, room: Vec::new() }))
    }

    /// Fills `out` with the bytes from `at` on, of a frame that `read` gives.
    ///
    /// # Errors
    /// Those of `read`; those of `fail`, for a frame that is not valid.
    pub(in crate::store) fn decode<E>(
        &mut self,
        at: usize,
        out: &mut [u8],
        (packed, tools): (&mut Vec<u8>, &mut Tools),
        mut read: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
        fail: impl Fn(String) -> E,
    ) -> Result<(), E> {
        let end = at + out.len();
        if out.is_empty() || end > self.header.bytes {
            return if out.is_empty() { Ok(()) } else { Err(fail("blosc: a part outside the chunk".to_owned())) };
        }
        if self.header.is_copied() {
            return read((HEADER + at) as u64, out);
        }
        let (first, last) = (at / self.header.block, (end - 1) / self.header.block);
        if let Some(held) = self.held.filter(|held| (first..=last).contains(held)) {
            self.put(held, &self.room, (at, out));
        }
        let mut wanted: Vec<usize> = (first..=last).filter(|&block| self.held != Some(block)).collect();
        wanted.sort_unstable_by_key(|&block| self.places[block]);
        let mut room = std::mem::take(&mut tools.block);
        let mut rest = wanted.as_slice();
        let mut decode = || {
            while let [next, ..] = *rest {
                let begin = self.places[next].0;
                let near = |block: &&usize| self.places[**block].1 <= begin.saturating_add(SOME);
                let (now, later) = rest.split_at(rest.iter().take_while(near).count().max(1));
                rest = later;
                let stop = now.iter().map(|&block| self.places[block].1).max().unwrap_or(begin);
                if packed.len() < stop - begin {
                    packed.resize(stop - begin, 0);
                }
                read(begin as u64, &mut packed[..stop - begin])?;
                for &block in now {
                    let (from, to) = self.places[block];
                    self.block(block, &packed[from - begin..to - begin], (at, &mut *out), (&mut room, tools))
                        .map_err(&fail)?;
                }
            }
            Ok(())
        };
        let done = decode();
        tools.block = room;
        done
    }

    /// Decodes block `number`, which is `data`, to its place in the bytes from `at` on.
    fn block(
        &mut self,
        number: usize,
        data: &[u8],
        (at, out): (usize, &mut [u8]),
        (room, tools): (&mut Vec<u8>, &mut Tools),
    ) -> Result<(), String> {
        let begin = number * self.header.block;
        let stop = self.header.bytes.min(begin + self.header.block);
        let end = at + out.len();
        if begin >= at && stop <= end {
            return self.header.piece(data, &mut out[begin - at..stop - at], room, tools);
        }
        // More of what is cut at its end is wanted next.
        let held = stop > end;
        let mut own = std::mem::take(if held { &mut self.room } else { &mut *room });
        if own.len() < stop - begin {
            own.resize(stop - begin, 0);
        }
        self.held = self.held.filter(|_| !held);
        let done = block(&self.header, data, &mut own[..stop - begin], tools);
        if done.is_ok() {
            self.put(number, &own, (at, out));
        }
        if held {
            (self.room, self.held) = (own, done.is_ok().then_some(number));
        } else {
            *room = own;
        }
        done
    }

    /// Puts what is wanted of block `number`, whose streams `room` begins with, among the bytes from `at` on.
    fn put(&self, number: usize, room: &[u8], (at, out): (usize, &mut [u8])) {
        let begin = number * self.header.block;
        let stop = self.header.bytes.min(begin + self.header.block);
        let (from, to) = (begin.max(at), stop.min(at + out.len()));
        let (part, first) = (&mut out[from - at..to - at], from - begin);
        let (room, width) = (&room[..stop - begin], self.header.width);
        let elements = room.len() / width;
        let whole = |at: usize| at.is_multiple_of(width) && at <= elements * width;
        if !self.header.is_shuffled() {
            part.copy_from_slice(&room[first..][..part.len()]);
        } else if elements > 1 && whole(first) && whole(first + part.len()) {
            shuffle::undo_part(&room[..elements * width], first / width, part, width);
        } else {
            // A part that begins or ends inside an element, or with what fills none.
            for (byte, at) in part.iter_mut().zip(first..) {
                let sorted = elements > 1 && at < elements * width;
                *byte = room[if sorted { at % width * elements + at / width } else { at }];
            }
        }
    }
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
        } else {
            unpack_stream(header.flags >> 5, packed, stream, tools)?;
        }
    }
    Ok(())
}

/// Decompresses what the compressor of this number made.
pub(super) fn unpack_stream(codec: u8, packed: &[u8], out: &mut [u8], tools: &mut Tools) -> Result<(), String> {
    match codec {
        0 => blosclz(packed, out),
        1 => lz4(packed, out),
        2 => snappy(packed, out),
        3 => tools.zlib(packed, out),
        4 => tools.zstd(packed, out),
        other => Err(format!("blosc: compression {other} is not known")),
    }
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
mod tests;
