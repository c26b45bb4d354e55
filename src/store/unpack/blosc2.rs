//! Blosc2: chunks through up to six filters, and the frames that hold chunks, of one axis or of several (B2ND).
//!
//! Not the C library: it defines symbols that the first Blosc's defines too, so that both cannot stand in one program.
//! Blocks are decoded one by one to where their elements belong, so that padding, which a frame of several axes has at
//! its edges, takes no memory. Left out, and refused by name, is what needs code of plugins or of users, and
//! dictionaries.

use super::blosc::{self, little, unpack_stream};
use super::{Tools, exactly};
use crate::chunk::region::Indices;
use crate::cpu::copy::copy_box;
use crate::cpu::shuffle;
use crate::shape;
use std::ops::Range;

/// Bytes of the header of a chunk.
const HEADER: usize = 32;
/// The bits that say that it is that long, and not the first Blosc's.
const EXTENDED: u8 = 5;
/// The first format, in which the last filter was not written.
const ALPHA: u8 = 3;
/// Bytes of the header of a frame that come before the table of its layers.
const FIXED: usize = 0x57;
/// The most axes.
const RANK: usize = 16;

const SHUFFLE: u8 = 1;
const BITSHUFFLE: u8 = 2;
const DELTA: u8 = 3;
const TRUNCATION: u8 = 4;
/// Of the plugins, the one that its library brings: differences of the bytes that another has sorted.
const BYTE_DELTA: u8 = 35;

/// What a chunk is made of where it has no blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run<'a> {
    Zeros,
    Nans,
    Value(&'a [u8]),
}

impl Run<'_> {
    fn fill(self, out: &mut [u8], width: usize) -> Result<(), String> {
        let value: &[u8] = match (self, width) {
            (Self::Zeros, _) => &[0],
            (Self::Nans, 4) => &f32::NAN.to_ne_bytes(),
            (Self::Nans, 8) => &f64::NAN.to_ne_bytes(),
            (Self::Nans, _) => return Err(format!("blosc2: NaNs of {width} bytes")),
            (Self::Value(value), _) => value,
        };
        if value.is_empty() || !out.len().is_multiple_of(value.len()) {
            return Err("blosc2: a run of a value that does not fill its block".to_owned());
        }
        out.chunks_exact_mut(value.len()).for_each(|to| to.copy_from_slice(value));
        Ok(())
    }
}

/// The facts of a chunk.
struct Chunk<'a> {
    from: &'a [u8],
    flags: u8,
    /// Bytes of an element.
    width: usize,
    /// Bytes that the chunk holds, and a block of it.
    bytes: usize,
    block: usize,
    /// Filters that move bytes, with the width that they are given, in the order in which they were applied.
    filters: Vec<(u8, usize)>,
    run: Option<Run<'a>>,
}

impl<'a> Chunk<'a> {
    fn of(from: &'a [u8]) -> Result<Self, String> {
        let Some((head, _)) = from.split_first_chunk::<HEADER>() else {
            return Err("blosc2: the chunk is shorter than its header".to_owned());
        };
        let number = |at: usize| little(&head[at..at + 4]);
        let (flags, width, bytes, stored) = (head[2], usize::from(head[3]), number(4), number(12));
        if flags & EXTENDED != EXTENDED {
            return Err("blosc2: a chunk of the first Blosc".to_owned());
        }
        let damaged = || "blosc2: the header is damaged".to_owned();
        let from = from.get(..stored).filter(|from| from.len() >= HEADER && width > 0).ok_or_else(damaged)?;
        let (more, mut filters) = (head[31], Vec::new());
        for (i, (&filter, &given)) in head[16..22].iter().zip(&head[24..30]).enumerate() {
            let given = if given == 0 { width } else { usize::from(given) };
            match filter {
                _ if i == 5 && head[0] == ALPHA => {}
                0 | TRUNCATION => {}
                SHUFFLE | BYTE_DELTA => filters.push((filter, given)),
                BITSHUFFLE => filters.push((filter, width)),
                // It refers to decoded data, not to what another filter will still change.
                DELTA if filters.is_empty() => filters.push((filter, width)),
                other => return Err(format!("blosc2: the filter {other} is not known here")),
            }
        }
        match more {
            _ if head[23] != 0 => return Err("blosc2: blocks of various lengths".to_owned()),
            _ if more & 1 != 0 => return Err("blosc2: a dictionary".to_owned()),
            _ if more & 0x88 != 0 => return Err("blosc2: a chunk without its data".to_owned()),
            _ => {}
        }
        let run = match more >> 4 & 7 {
            0 => None,
            // What was never written is like zeros.
            1 | 4 => Some(Run::Zeros),
            2 => Some(Run::Nans),
            3 => Some(Run::Value(&from[HEADER..])),
            other => return Err(format!("blosc2: special chunks of kind {other}")),
        };
        let block = number(8).min(bytes);
        if block == 0 && bytes > 0 {
            return Err(damaged());
        }
        Ok(Self { from, flags, width, bytes, block, filters, run })
    }

    /// Whether blocks are differences from the first.
    fn is_delta(&self) -> bool {
        self.filters.first().is_some_and(|(filter, _)| *filter == DELTA)
    }

    /// Decodes block `index` into `out`, which is as long; `first` is the first block, decoded, for the others.
    fn decode(&self, index: usize, first: &[u8], out: &mut [u8], tools: &mut Tools) -> Result<(), String> {
        if let Some(run) = self.run {
            return run.fill(out, self.width);
        }
        if self.flags & 2 != 0 {
            let start = HEADER + index * self.block;
            let plain = self.from.get(start..start + out.len()).ok_or("blosc2: the chunk ends too early")?;
            out.copy_from_slice(plain);
            return Ok(());
        }
        let start = self.from.get(HEADER + 4 * index..HEADER + 4 * index + 4).map(little);
        let data = start.and_then(|start| self.from.get(start..)).ok_or("blosc2: a block outside the chunk")?;
        let mut moves = self.filters.iter().rev().filter(|(filter, _)| *filter != DELTA).peekable();
        if moves.peek().is_none() {
            self.streams(data, out, tools)?;
        } else {
            let (mut room, mut spare) = (std::mem::take(&mut tools.block), Vec::new());
            if room.len() < out.len() {
                room.resize(out.len(), 0);
            }
            let done = self.streams(data, &mut room[..out.len()], tools);
            while let (Ok(()), Some(&(filter, width))) = (&done, moves.next()) {
                undo(filter, &room[..out.len()], out, width);
                if moves.peek().is_some() {
                    spare.resize(out.len(), 0);
                    spare.copy_from_slice(out);
                    std::mem::swap(&mut room, &mut spare);
                }
            }
            tools.block = room;
            done?;
        }
        if self.is_delta() {
            self.sum_up(index, first, out);
        }
        Ok(())
    }

    /// Decompresses the streams of a block: one for every byte of an element, or a single one.
    fn streams(&self, mut data: &[u8], out: &mut [u8], tools: &mut Tools) -> Result<(), String> {
        let split = self.flags & 0x10 == 0 && out.len() == self.block;
        let each = out.len() / if split { self.width } else { 1 };
        if each == 0 || !out.len().is_multiple_of(each) {
            return Err("blosc2: a block that its elements do not divide".to_owned());
        }
        for stream in out.chunks_mut(each) {
            let (size, rest) = data.split_first_chunk::<4>().ok_or("blosc2: the chunk ends too early")?;
            data = rest;
            match i32::from_le_bytes(*size) {
                // Of one byte all through, which the size tells.
                0 => stream.fill(0),
                run @ -255..0 => {
                    let (&token, rest) = data.split_first().ok_or("blosc2: the chunk ends too early")?;
                    data = rest;
                    if token & 1 == 0 {
                        return Err(format!("blosc2: streams of kind {token}"));
                    }
                    stream.fill(run.unsigned_abs().to_le_bytes()[0]);
                }
                size => {
                    let size = usize::try_from(size).map_err(|_| "blosc2: a size that cannot be".to_owned())?;
                    let (packed, rest) = data.split_at_checked(size).ok_or("blosc2: the chunk ends too early")?;
                    data = rest;
                    if size == stream.len() {
                        stream.copy_from_slice(packed);
                    } else {
                        self.unpack(packed, stream, tools)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn unpack(&self, packed: &[u8], out: &mut [u8], tools: &mut Tools) -> Result<(), String> {
        match self.flags >> 5 {
            codec @ (0 | 1 | 3 | 4) => unpack_stream(codec, packed, out, tools),
            6 => Err(format!("blosc2: the compressor {} is a plugin, which is not known here", self.from[22])),
            other => Err(format!("blosc2: compression {other} is not known")),
        }
    }

    /// Undoes the differences from the first block, or within it from the element before.
    fn sum_up(&self, index: usize, first: &[u8], out: &mut [u8]) {
        let unit = match self.width {
            width @ (1 | 2 | 4 | 8) => width,
            width if width.is_multiple_of(8) => 8,
            _ => 1,
        };
        let whole = out.len() / unit * unit;
        if index == 0 {
            (unit..whole).for_each(|i| out[i] ^= out[i - unit]);
        } else {
            out[..whole].iter_mut().zip(first).for_each(|(to, from)| *to ^= from);
        }
    }

    /// Decodes the chunk, which must fill `out`.
    fn fill(&self, out: &mut [u8], tools: &mut Tools) -> Result<(), String> {
        exactly("blosc2", self.bytes, out)?;
        let (first, rest) = out.split_at_mut(self.block);
        if !first.is_empty() {
            self.decode(0, &[], first, tools)?;
        }
        let mut rest = rest.chunks_mut(self.block.max(1)).zip(1..);
        rest.try_for_each(|(piece, index)| self.decode(index, first, piece, tools))
    }
}

/// Undoes a filter; what of `from` makes no whole elements, or groups of eight of them, was left as it was.
fn undo(filter: u8, from: &[u8], out: &mut [u8], width: usize) {
    let elements = from.len() / width;
    match filter {
        BITSHUFFLE => {
            let body = elements / 8 * 8 * width;
            shuffle::undo_bits(&from[..body], &mut out[..body], width);
            out[body..].copy_from_slice(&from[body..]);
        }
        BYTE_DELTA => {
            out.copy_from_slice(from);
            for plane in out.chunks_exact_mut(elements.max(1)).take(width) {
                (1..plane.len()).for_each(|i| plane[i] = plane[i].wrapping_add(plane[i - 1]));
            }
        }
        _ => shuffle::undo(from, out, width),
    }
}

/// Numbers and names of `MessagePack`, taken from the front of a slice.
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    fn big(&mut self, n: usize) -> Option<usize> {
        let value = self.take(n)?.iter().fold(0u64, |n, &b| n << 8 | u64::from(b));
        usize::try_from(value).ok()
    }

    /// A number that is not negative.
    fn number(&mut self) -> Option<usize> {
        match self.big(1)? {
            small @ ..0x80 => Some(small),
            0xcc | 0xd0 => self.big(1),
            0xcd | 0xd1 => self.big(2),
            0xce | 0xd2 => self.big(4),
            0xcf | 0xd3 => self.big(8),
            _ => None,
        }
        .filter(|&n| isize::try_from(n).is_ok())
    }

    /// The length of a list, or of a map.
    fn list(&mut self) -> Option<usize> {
        match self.big(1)? {
            short @ 0x80..=0x9f => Some(short & 15),
            0xdc | 0xde => self.big(2),
            _ => None,
        }
    }

    fn name(&mut self) -> Option<&'a [u8]> {
        let length = self.big(1)?.checked_sub(0xa0).filter(|&n| n < 32)?;
        self.take(length)
    }

    fn numbers(&mut self) -> Option<Vec<usize>> {
        let n = self.list().filter(|&n| n <= RANK)?;
        (0..n).map(|_| self.number()).collect()
    }
}

/// The shape of what a frame holds, of its chunks, and of the blocks of these; chunks and blocks at the edge are
/// padded.
struct Grid {
    shape: Vec<usize>,
    chunk: Vec<usize>,
    block: Vec<usize>,
}

impl Grid {
    fn of(layer: &[u8]) -> Option<Self> {
        let mut words = Words(layer);
        let (parts, _version, rank) = (words.list()?, words.number()?, words.number()?);
        let (shape, chunk, block) = (words.numbers()?, words.numbers()?, words.numbers()?);
        let ranks = [&shape, &chunk, &block].iter().all(|lengths| lengths.len() == rank);
        let sane = chunk.iter().zip(&block).all(|(c, b)| *b > 0 && c >= b) && rank > 0 && parts >= 5;
        (ranks && sane).then_some(Self { shape, chunk, block })
    }

    /// Chunks, and blocks of a chunk, along every axis.
    fn counts(&self) -> (Vec<usize>, Vec<usize>) {
        let per = |all: &[usize], part: &[usize]| all.iter().zip(part).map(|(a, p)| a.div_ceil(*p)).collect();
        (per(&self.shape, &self.chunk), per(&self.chunk, &self.block))
    }
}

/// A frame: chunks one after the other, and where each begins.
struct Frame<'a> {
    from: &'a [u8],
    header: usize,
    /// Bytes of all elements, padding included, of one, and of a chunk.
    bytes: usize,
    width: usize,
    chunk: usize,
    /// Bytes of all chunks as they are stored.
    stored: usize,
    grid: Option<Grid>,
}

impl<'a> Frame<'a> {
    fn of(from: &'a [u8]) -> Result<Self, String> {
        let damaged = || "blosc2: the header of the frame is damaged".to_owned();
        let head = from.get(..FIXED).filter(|head| head[2..10] == *b"b2frame\0");
        let head = head.ok_or("blosc2: the chunk is no frame")?;
        let number = |at: Range<usize>| Words(&head[at]).number().ok_or_else(damaged);
        if head[0x1a] & 15 != 0 {
            return Err("blosc2: a frame in several files".to_owned());
        }
        let (header, bytes, stored) = (number(0xa..0xf)?, number(0x1d..0x26)?, number(0x26..0x2f)?);
        let (width, chunk) = (number(0x2f..0x34)?, number(0x39..0x3e)?);
        let layers = from.get(FIXED..header).ok_or_else(damaged)?;
        let layer = layer(from, layers).map_err(|()| damaged())?;
        let grid = layer.map(|layer| Grid::of(layer).ok_or("blosc2: the shape of the frame is damaged"));
        Ok(Self { from, header, bytes, width, chunk, stored, grid: grid.transpose()? })
    }

    /// Bytes that the frame yields.
    fn yields(&self) -> Option<usize> {
        match &self.grid {
            Some(grid) => shape::checked_size(&grid.shape)?.checked_mul(self.width),
            None => Some(self.bytes),
        }
    }

    /// Where every chunk begins, or which run it is.
    fn places(&self, count: usize, tools: &mut Tools) -> Result<Vec<u8>, String> {
        let index = self.header.checked_add(self.stored).and_then(|at| self.from.get(at..));
        let index = Chunk::of(index.ok_or("blosc2: the frame ends too early")?)?;
        if count.checked_mul(8) != Some(index.bytes) {
            return Err(format!("blosc2: {} bytes say where {count} chunks are", index.bytes));
        }
        let mut places = vec![0; index.bytes];
        index.fill(&mut places, tools)?;
        Ok(places)
    }

    /// The chunk at a place, of this many bytes in blocks of this many, where the frame does not say it itself.
    fn chunk(&self, place: &[u8], bytes: usize, block: usize) -> Result<Chunk<'a>, String> {
        let run = match place[7] {
            0x81 | 0x84 => Run::Zeros,
            0x82 => Run::Nans,
            0x80.. => return Err("blosc2: a special chunk that is not known".to_owned()),
            _ => {
                let from = self.from.get(self.header.saturating_add(little(place))..);
                let chunk = Chunk::of(from.ok_or("blosc2: a chunk outside the frame")?)?;
                return if chunk.bytes == bytes { Ok(chunk) } else { Err(differs("a chunk", chunk.bytes, bytes)) };
            }
        };
        let from = &self.from[..0];
        Ok(Chunk { from, flags: EXTENDED, width: self.width, bytes, block, filters: Vec::new(), run: Some(run) })
    }

    fn line(&self, out: &mut [u8], tools: &mut Tools) -> Result<(), String> {
        exactly("blosc2", self.bytes, out)?;
        if out.is_empty() {
            return Ok(());
        }
        if self.chunk == 0 {
            return Err("blosc2: chunks of various lengths".to_owned());
        }
        let places = self.places(out.len().div_ceil(self.chunk), tools)?;
        out.chunks_mut(self.chunk).zip(places.chunks_exact(8)).try_for_each(|(piece, place)| {
            let bytes = piece.len();
            self.chunk(place, bytes, bytes)?.fill(piece, tools)
        })
    }

    fn boxes(&self, grid: &Grid, out: &mut [u8], tools: &mut Tools) -> Result<(), String> {
        exactly("blosc2", self.yields().unwrap_or(usize::MAX), out)?;
        if out.is_empty() {
            return Ok(());
        }
        let (chunks, blocks) = grid.counts();
        let block = shape::checked_size(&grid.block).and_then(|n| n.checked_mul(self.width));
        let padded = block.and_then(|b| shape::checked_size(&blocks)?.checked_mul(b));
        // A block is no larger than what an encoder makes of arrays that are smaller than a block.
        let (Some(block), Some(padded)) = (block.filter(|&b| b <= out.len() * 8 + (1 << 20)), padded) else {
            return Err("blosc2: blocks much larger than the chunk".to_owned());
        };
        let places = self.places(shape::size(&chunks), tools)?;
        let mut room = [vec![0; block], Vec::new()];
        Indices::new(&chunks).zip(places.chunks_exact(8)).try_for_each(|(at, place)| {
            let chunk = self.chunk(place, padded, block)?;
            if chunk.block != block {
                return Err(differs("a block", chunk.block, block));
            }
            let corner: Vec<usize> = at.iter().zip(&grid.chunk).map(|(i, c)| i * c).collect();
            self.boxes_of(&chunk, (grid, &corner, &blocks), &mut room, out, tools)
        })
    }

    /// Decodes the blocks of the chunk at `corner`, which has `counts` of them, to where they belong in `out`.
    fn boxes_of(
        &self,
        chunk: &Chunk<'_>,
        (grid, corner, counts): (&Grid, &[usize], &[usize]),
        [piece, first]: &mut [Vec<u8>; 2],
        out: &mut [u8],
        tools: &mut Tools,
    ) -> Result<(), String> {
        let ends: Vec<usize> = corner.iter().zip(&grid.chunk).map(|(s, c)| s.saturating_add(*c)).collect();
        let ends: Vec<usize> = ends.iter().zip(&grid.shape).map(|(end, n)| *end.min(n)).collect();
        // What lies in the padding alone is left out.
        let inside: Vec<usize> = (0..corner.len()).map(|a| (ends[a] - corner[a]).div_ceil(grid.block[a])).collect();
        let origin = vec![0; corner.len()];
        for inner in Indices::new(&inside) {
            let start: Vec<usize> = (0..corner.len()).map(|a| corner[a] + inner[a] * grid.block[a]).collect();
            let lengths: Vec<usize> = (0..corner.len()).map(|a| grid.block[a].min(ends[a] - start[a])).collect();
            let index = inner.iter().zip(counts).fold(0, |n, (i, count)| n * count + i);
            chunk.decode(index, first, piece, tools)?;
            copy_box(piece, &grid.block, &origin, out, &grid.shape, &start, &lengths, self.width);
            if index == 0 && chunk.is_delta() {
                first.clone_from(piece);
            }
        }
        Ok(())
    }
}

fn differs(what: &str, found: usize, wanted: usize) -> String {
    format!("blosc2: {what} of {found} bytes instead of {wanted}")
}

/// The layer of a frame that tells shapes, where there is one.
fn layer<'a>(from: &'a [u8], layers: &[u8]) -> Result<Option<&'a [u8]>, ()> {
    let mut words = Words(layers);
    if layers.is_empty() {
        return Ok(None);
    }
    let (_three, _size) = (words.list().ok_or(())?, words.number().ok_or(())?);
    for _ in 0..words.list().ok_or(())? {
        let (name, at) = (words.name().ok_or(())?, words.number().ok_or(())?);
        if name == b"b2nd" || name == b"caterva" {
            let mut content = Words(from.get(at..).ok_or(())?);
            let is_bytes = content.take(1) == Some(&[0xc6]);
            let length = content.big(4).filter(|_| is_bytes).ok_or(())?;
            return content.take(length).map(Some).ok_or(());
        }
    }
    Ok(None)
}

/// The bytes that a frame, or a chunk without one, says that it yields.
pub(in crate::store) fn declared(from: &[u8]) -> Option<usize> {
    if from.get(2..10) == Some(b"b2frame\0") { Frame::of(from).ok()?.yields() } else { from.get(4..8).map(little) }
}

/// Decodes a frame, or a chunk without one, that must fill `out`.
///
/// # Errors
/// Why the frame is not valid, or what of it is not known here.
pub(in crate::store) fn decode(from: &[u8], out: &mut [u8], tools: &mut Tools) -> Result<(), String> {
    if from.get(2..10) == Some(b"b2frame\0") {
        let frame = Frame::of(from)?;
        return match &frame.grid {
            Some(grid) => frame.boxes(grid, out, tools),
            None => frame.line(out, tools),
        };
    }
    match from.get(2) {
        Some(flags) if flags & EXTENDED == EXTENDED => Chunk::of(from)?.fill(out, tools),
        _ => blosc::decode(from, out, tools),
    }
}
