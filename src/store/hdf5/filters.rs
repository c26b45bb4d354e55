//! The filters of chunks, decoded without the library.
//!
//! A [`Pipeline`] lists the filters in the order in which they were applied; decoding runs it backwards. The size of
//! the data before the first that compresses follows from the size of the chunk; what others made of that is no larger
//! than a sane encoder makes it, so nothing much larger than a chunk is ever allocated, whatever a damaged file says.
//! Every step checks what it is given: lengths, checksums, ends.

use super::ffi::dataset::FilterInfo;
use super::ffi::filter::{Decoder, offer};
use crate::cpu::copy::swap_bytes;
use crate::cpu::shuffle;
use crate::store::unpack::{Cursor, KEPT, Tools, blosc, blosc2, check_fletcher32, exactly, lz4, zfp};
use serde_json::{Value, json};
use std::io::Read;

pub(super) mod bitshuffle;
pub(super) mod lzf;
pub(super) mod szip;

use bitshuffle::Bitshuffle;
use szip::Szip;

/// One filter of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Bytes of elements of this size, sorted by significance.
    Shuffle(usize),
    Deflate,
    Fletcher32,
    Lzf,
    Lz4,
    Zstd,
    Bzip2,
    Bitshuffle(Bitshuffle),
    Blosc,
    Blosc2,
    Szip(Szip),
    /// Whether bytes of numbers are reversed.
    Zfp(zfp::Zfp, bool),
    /// A filter that has nothing to do for the type of the elements.
    Idle,
}

/// The filters of a dataset, all of which we decode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pipeline {
    steps: Vec<Step>,
    /// Bytes of a decoded chunk.
    bytes: usize,
}

/// Memory and decoders that a thread uses again for every chunk.
#[derive(Default)]
pub(super) struct Scratch {
    /// Bytes as they are in the file.
    pub stored: Vec<u8>,
    /// A decoded chunk.
    pub chunk: Vec<u8>,
    steps: [Vec<u8>; 2],
    pub(super) tools: Tools,
}

impl Scratch {
    /// Gives memory back after unusually large chunks, so that idle threads do not hold it.
    pub(super) fn trimmed(self) -> Self {
        let held = self.stored.capacity() + self.chunk.capacity() + self.tools.block.capacity();
        let held = held + self.steps.iter().map(Vec::capacity).sum::<usize>();
        if held <= KEPT { self } else { Self { tools: self.tools.trimmed(), ..Self::default() } }
    }
}

impl Pipeline {
    /// The pipeline of a dataset with chunks of `bytes`; `None` where the library must decode it.
    pub(super) fn new(filters: &[FilterInfo], bytes: usize, itemsize: usize) -> Option<Self> {
        let steps: Vec<Step> = filters.iter().map(|f| step(f, itemsize)).collect::<Option<_>>()?;
        let mut later = steps.iter().filter(|s| s.compresses()).skip(1);
        later.all(Step::decodes_unknown).then_some(Self { steps, bytes })
    }

    /// The filters as `numcodecs` has them; or the name of one that it has not.
    pub(super) fn codecs(&self) -> Result<Vec<Value>, &'static str> {
        self.steps.iter().map(Step::codec).collect()
    }

    /// Whether chunks are stored as they are.
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Verifies what is stored of a chunk, as far as that needs no decoding: the checksum, where that is the last
    /// filter.
    pub(super) fn verify(&self, stored: &[u8]) -> Result<(), String> {
        if self.steps.last() == Some(&Step::Fletcher32) { check_fletcher32(stored).map(drop) } else { Ok(()) }
    }

    /// The most bytes that a sane encoder makes of a chunk.
    pub(super) fn most_stored(&self) -> u64 {
        self.bytes as u64 * 2 + (64 << 10)
    }

    /// Decodes `stored` into `out`, a whole chunk, leaving out the filters of `mask`.
    pub(super) fn decode(&self, mask: u32, scratch: &mut Scratch, out: &mut [u8]) -> Result<(), String> {
        let skipped = |i: usize| i < 32 && mask & (1 << i) != 0;
        let active: Vec<&Step> = self.steps.iter().enumerate().filter(|(i, _)| !skipped(*i)).map(|(_, s)| s).collect();
        let Scratch { stored, steps, tools, .. } = scratch;
        let [mut next, mut spare] = steps.each_mut().map(std::mem::take);
        let most = usize::try_from(self.most_stored()).unwrap_or(usize::MAX);
        let result = run(&active, (stored, most), &mut next, &mut spare, tools, out);
        *steps = [next, spare];
        result
    }
}

/// The registered numbers of filters that the library lacks and is given.
pub(super) const OFFERED: [i32; 6] = [307, 32004, 32008, 32013, 32015, 32026];

/// Gives the library the decoders that it lacks: for virtual datasets, and for numbers that it converts.
pub(super) fn offer_all() -> Result<(), String> {
    offer::<Offered<{ OFFERED[0] }>>()?;
    offer::<Offered<{ OFFERED[1] }>>()?;
    offer::<Offered<{ OFFERED[2] }>>()?;
    offer::<Offered<{ OFFERED[3] }>>()?;
    offer::<Offered<{ OFFERED[4] }>>()?;
    offer::<Offered<{ OFFERED[5] }>>()
}

/// The most bytes that the library is given at once.
const LARGEST: usize = 1 << 30;

/// A filter of ours in the library's hands, which does not say how much a chunk holds.
struct Offered<const ID: i32>;

impl<const ID: i32> Decoder for Offered<ID> {
    const ID: i32 = ID;

    fn decode(values: &[u32], stored: &[u8]) -> Result<Vec<u8>, String> {
        let filter = FilterInfo { id: ID, name: String::new(), values: values.to_vec() };
        let step = step(&filter, 1).ok_or("the filter's values make no sense")?;
        let (mut out, mut tools) = (Vec::new(), Tools::default());
        if !step.compresses() {
            out.resize(stored.len(), 0);
            return step.decode(stored, &mut out, &mut tools).map(|()| out);
        }
        let most = stored.len().saturating_mul(1 << 15).min(LARGEST);
        let len = match step {
            Step::Bzip2 => {
                let more = bzip2::read::BzDecoder::new(stored).take(most as u64 + 1).read_to_end(&mut out);
                more.map_err(|e| format!("bzip2: {e}"))?
            }
            Step::Zstd => {
                let declared = zstd::zstd_safe::get_frame_content_size(stored).ok().flatten();
                let declared = declared.and_then(|n| usize::try_from(n).ok()).filter(|&n| n <= most);
                step.decode_unknown(stored, declared.ok_or("zstd: a frame without its size")?, &mut out, &mut tools)?
            }
            _ => step.decode_unknown(stored, most, &mut out, &mut tools)?,
        };
        if len > most {
            return Err(format!("more than {most} bytes"));
        }
        out.truncate(len);
        Ok(out)
    }
}

/// Runs the steps backwards from `stored` to `out`, by way of two buffers, which take `most` bytes at most.
fn run(
    active: &[&Step],
    (stored, most): (&[u8], usize),
    next: &mut Vec<u8>,
    spare: &mut Vec<u8>,
    tools: &mut Tools,
    out: &mut [u8],
) -> Result<(), String> {
    let moves = |s: &Step| !matches!(s, Step::Fletcher32 | Step::Idle);
    let last_move = active.iter().position(|s| moves(s));
    let mut at: Option<usize> = None;
    let mut len = stored.len();
    for (i, step) in active.iter().enumerate().rev() {
        let from: &[u8] = if at.is_some() { &spare[..len] } else { &stored[..len] };
        if **step == Step::Fletcher32 {
            len = check_fletcher32(from)?;
            continue;
        }
        if !moves(step) {
            continue;
        }
        if step.compresses() && active[..i].iter().any(|s| s.compresses()) {
            len = step.decode_unknown(from, most, next, tools)?;
            at = Some(i);
            std::mem::swap(next, spare);
            continue;
        }
        let sums = active[..i].iter().filter(|s| ***s == Step::Fletcher32).count();
        let wanted = if step.compresses() { out.len() + 4 * sums } else { len };
        if last_move == Some(i) && wanted == out.len() {
            step.decode(from, out, tools)?;
            return Ok(());
        }
        if next.len() < wanted {
            next.resize(wanted, 0);
        }
        step.decode(from, &mut next[..wanted], tools)?;
        (at, len) = (Some(i), wanted);
        std::mem::swap(next, spare);
    }
    let from: &[u8] = if at.is_some() { &spare[..len] } else { &stored[..len] };
    match from.get(..out.len()) {
        Some(whole) => {
            out.copy_from_slice(whole);
            Ok(())
        }
        None => Err(format!("holds {len} bytes instead of {}", out.len())),
    }
}

fn step(filter: &FilterInfo, itemsize: usize) -> Option<Step> {
    let value = |i: usize| filter.values.get(i).and_then(|&v| usize::try_from(v).ok());
    Some(match filter.id {
        1 => Step::Deflate,
        2 => Step::Shuffle(value(0).unwrap_or(itemsize)),
        3 => Step::Fletcher32,
        307 => Step::Bzip2,
        32000 => Step::Lzf,
        32001 => Step::Blosc,
        32004 => Step::Lz4,
        32008 => Step::Bitshuffle(Bitshuffle::new(&filter.values)?),
        32013 => zfp_step(&filter.values)?,
        32015 => Step::Zstd,
        32026 => Step::Blosc2,
        4 => Step::Szip(Szip::new(&filter.values)?),
        // Its second value says that there is nothing to do.
        5 if value(1) == Some(1) => Step::Idle,
        _ => return None,
    })
}

/// ZFP, from the version and the header of the streams that the filter keeps as its values. A machine whose bytes stand
/// the other way round has written those of the values so, and the numbers.
fn zfp_step(values: &[u32]) -> Option<Step> {
    let (_version, header) = values.split_first()?;
    let read = |bytes: Vec<u8>| zfp::Zfp::read(&mut zfp::bits(&bytes).ok()?, bytes.len()).ok();
    let little: Vec<u8> = header.iter().flat_map(|v| v.to_le_bytes()).collect();
    let big = || header.iter().flat_map(|v| v.to_be_bytes()).collect();
    let native = cfg!(target_endian = "little");
    read(little).map(|how| Step::Zfp(how, !native)).or_else(|| read(big()).map(|how| Step::Zfp(how, native)))
}

impl Step {
    fn codec(&self) -> Result<Value, &'static str> {
        Ok(match self {
            Self::Shuffle(width) => json!({"id": "shuffle", "elementsize": width}),
            Self::Fletcher32 => json!({"id": "fletcher32"}),
            // Levels do not matter to those who decode.
            Self::Deflate => json!({"id": "zlib", "level": 4}),
            Self::Zstd => json!({"id": "zstd", "level": 3}),
            Self::Bzip2 => json!({"id": "bz2", "level": 9}),
            Self::Blosc => json!({"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}),
            Self::Lzf => return Err("lzf"),
            Self::Lz4 => return Err("lz4"),
            Self::Bitshuffle(_) => return Err("bitshuffle"),
            Self::Szip(_) => return Err("szip"),
            Self::Blosc2 => return Err("blosc2"),
            Self::Zfp(..) => return Err("zfp"),
            Self::Idle => return Err("nbit"),
        })
    }

    /// Whether the size of the data changes in a way that only the data knows.
    fn compresses(&self) -> bool {
        match self {
            Self::Shuffle(_) | Self::Fletcher32 | Self::Idle => false,
            Self::Bitshuffle(how) => how.compresses(),
            _ => true,
        }
    }

    /// Whether what it yields may be packed itself, so that its size is not known before.
    fn decodes_unknown(&self) -> bool {
        !matches!(self, Self::Lzf)
    }

    /// Decodes to as many bytes as there are, at most `most`, and says how many.
    fn decode_unknown(&self, from: &[u8], most: usize, out: &mut Vec<u8>, tools: &mut Tools) -> Result<usize, String> {
        let mut head = Cursor(from);
        let size = match self {
            Self::Szip(_) => Szip::declared(from).unwrap_or(0),
            Self::Blosc2 => blosc2::declared(from).unwrap_or(0),
            Self::Zfp(how, _) => how.bytes().unwrap_or(usize::MAX),
            Self::Blosc => head.take(8).map_or(0, |h| u32::from_le_bytes([h[4], h[5], h[6], h[7]]) as usize),
            Self::Lz4 | Self::Bitshuffle(_) => head.number(8)?,
            _ => most,
        };
        if size > most {
            return Err(format!("{size} bytes, though they are packed"));
        }
        if out.len() < size {
            out.resize(size, 0);
        }
        let out = &mut out[..size];
        match self {
            Self::Deflate => tools.inflate(from, out),
            Self::Zstd => tools.unpack_zstd(from, out),
            Self::Bzip2 => unpack_bzip2(from, out),
            _ => self.decode(from, out, tools).map(|()| size),
        }
    }

    fn decode(&self, from: &[u8], out: &mut [u8], tools: &mut Tools) -> Result<(), String> {
        match self {
            Self::Shuffle(width) => {
                shuffle::undo(from, out, *width);
                Ok(())
            }
            Self::Deflate => tools.zlib(from, out),
            Self::Fletcher32 | Self::Idle => Ok(()),
            Self::Szip(how) => how.decode(from, out, tools),
            Self::Lzf => lzf::decode(from, out),
            Self::Lz4 => lz4_blocks(from, out),
            Self::Zstd => tools.zstd(from, out),
            Self::Bzip2 => bzip2(from, out),
            Self::Bitshuffle(how) => how.decode(from, out, tools),
            Self::Blosc => blosc::decode(from, out, tools),
            Self::Blosc2 => blosc2::decode(from, out, tools),
            Self::Zfp(how, reversed) => {
                how.decode(&mut zfp::bits(from)?, out)?;
                if *reversed {
                    swap_bytes(out, how.dtype().size());
                }
                Ok(())
            }
        }
    }
}

/// The framing of the registered LZ4 filter: sizes, then blocks, each stored as it is where LZ4 gains nothing.
fn lz4_blocks(from: &[u8], out: &mut [u8]) -> Result<(), String> {
    let mut from = Cursor(from);
    exactly("lz4", from.number(8)?, out)?;
    let block = from.number(4)?;
    if block == 0 && !out.is_empty() {
        return Err("lz4: blocks of no length".to_owned());
    }
    for piece in out.chunks_mut(block.max(1)) {
        let size = from.number(4)?;
        let data = from.take(size)?;
        if size == piece.len() {
            piece.copy_from_slice(data);
        } else {
            lz4(data, piece)?;
        }
    }
    Ok(())
}

fn bzip2(from: &[u8], out: &mut [u8]) -> Result<(), String> {
    let found = unpack_bzip2(from, out)?;
    exactly("bzip2", found, out)
}

fn unpack_bzip2(from: &[u8], out: &mut [u8]) -> Result<usize, String> {
    let mut tool = bzip2::Decompress::new(false);
    let (mut read, mut wrote) = (0, 0);
    loop {
        let status = tool.decompress(&from[read..], &mut out[wrote..]).map_err(|e| format!("bzip2: {e}"))?;
        let now = (usize::try_from(tool.total_in()).unwrap_or(0), usize::try_from(tool.total_out()).unwrap_or(0));
        if status == bzip2::Status::StreamEnd {
            return Ok(now.1);
        }
        if now == (read, wrote) {
            return Err(format!("bzip2: the stream does not end after {wrote} bytes"));
        }
        (read, wrote) = (now.0.min(from.len()), now.1.min(out.len()));
    }
}
