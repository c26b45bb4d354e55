//! Szip: the adaptive entropy coder of CCSDS 121.0-B, with the framing that HDF5 gives it.
//!
//! A chunk begins with its decoded size, in four bytes. Lines of samples follow, each padded to whole blocks, each with
//! a reference sample of its own where differences of neighbours are coded; each block names one of four ways in which
//! its samples are packed. Numbers of 32 and 64 bits are coded byte by byte, all first bytes before all second ones.
//! Not a crate: those there are reserve what a damaged stream asks for.

use crate::cpu::shuffle;
use crate::store::unpack::{Tools, exactly};

/// Coded are differences of neighbours.
const NEIGHBOURS: u32 = 32;
/// Samples are big-endian.
const BIG: u32 = 16;
/// The longest line that an encoder may ask for.
const LONGEST_LINE: u32 = 4096;
/// Blocks after which a run of zeros ends, whatever its length.
const SEGMENT: usize = 64;
/// The count of zero blocks that means: to the end of the segment.
const TO_THE_END: usize = 5;

/// The parameters of the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Szip {
    /// Bits of a sample, at most 24.
    bits: u32,
    /// Bytes of a number whose bytes are samples of their own; 1 where numbers are.
    split: usize,
    /// Samples of a block, and of a line.
    block: usize,
    line: usize,
    neighbours: bool,
    big: bool,
}

impl Szip {
    /// From the values that the filter keeps in a file; `None` where they make no sense.
    pub(in super::super) fn new(values: &[u32]) -> Option<Self> {
        let [options, block, bits, line, ..] = *values else { return None };
        let (bits, split) = match bits {
            1..=24 => (bits, 1),
            32 | 64 => (8, bits as usize / 8),
            _ => return None,
        };
        let sane = block.is_multiple_of(2) && (2..=32).contains(&block) && (1..=LONGEST_LINE).contains(&line);
        sane.then_some(Self {
            bits,
            split,
            block: block as usize,
            line: line as usize,
            neighbours: options & NEIGHBOURS != 0,
            big: options & BIG != 0,
        })
    }

    /// The decoded size that a chunk declares.
    pub(in super::super) fn declared(from: &[u8]) -> Option<usize> {
        from.first_chunk().map(|n| u32::from_le_bytes(*n) as usize)
    }

    /// Decodes a chunk that must fill `out`.
    pub(in super::super) fn decode(self, from: &[u8], out: &mut [u8], tools: &mut Tools) -> Result<(), String> {
        let declared = Self::declared(from).ok_or("szip: the chunk is shorter than its header")?;
        exactly("szip", declared, out)?;
        let width = self.width();
        if !out.len().is_multiple_of(width * self.split) {
            return Err(format!("szip: {} bytes are no whole samples", out.len()));
        }
        let from = &from[4..];
        if self.split == 1 {
            return self.lines(from, out, width).ok_or_else(damaged);
        }
        let mut room = std::mem::take(&mut tools.block);
        if room.len() < out.len() {
            room.resize(out.len(), 0);
        }
        let done = self.lines(from, &mut room[..out.len()], width);
        shuffle::undo(&room[..out.len()], out, self.split);
        tools.block = room;
        done.ok_or_else(damaged)
    }

    /// Bytes of a sample.
    fn width(self) -> usize {
        match self.bits {
            ..=8 => 1,
            9..=16 => 2,
            _ => 4,
        }
    }

    /// Decodes line by line; `None` where the stream is damaged.
    fn lines(self, from: &[u8], out: &mut [u8], width: usize) -> Option<()> {
        let mut bits = Bits { from, held: 0, count: 0 };
        let mut row = Vec::with_capacity(self.line.next_multiple_of(self.block));
        for to in out.chunks_mut(self.line * width) {
            row.clear();
            while row.len() < to.len() / width {
                self.block(&mut bits, &mut row)?;
            }
            if self.neighbours {
                self.sum_up(&mut row);
            }
            for (to, value) in to.chunks_exact_mut(width).zip(&row) {
                if self.big {
                    to.copy_from_slice(&value.to_be_bytes()[4 - width..]);
                } else {
                    to.copy_from_slice(&value.to_le_bytes()[..width]);
                }
            }
        }
        Some(())
    }

    /// Decodes the next block of a line, or the next run of zero blocks.
    fn block(self, bits: &mut Bits<'_>, row: &mut Vec<u32>) -> Option<()> {
        let (most, start) = (u32::MAX >> (32 - self.bits), row.len());
        let name = match self.bits {
            ..=8 => 3,
            9..=16 => 4,
            _ => 5,
        };
        let way = bits.take(name)?;
        if way == (1 << name) - 1 {
            return (0..self.block).try_for_each(|_| bits.take(self.bits).map(|v| row.push(v)));
        }
        let low = if way == 0 { Some(bits.take(1)? == 1) } else { None };
        if start == 0 && self.neighbours {
            row.push(bits.take(self.bits)?);
        }
        match low {
            Some(true) => pairs(bits, row, start + self.block, most),
            Some(false) => self.zeros(bits, row, start),
            None => {
                let (k, first) = (way - 1, row.len());
                while row.len() < start + self.block {
                    let high = u64::from(bits.zeros()?) << k;
                    row.push(u32::try_from(high).ok().filter(|&v| v <= most)?);
                }
                row[first..].iter_mut().try_for_each(|v| {
                    *v |= bits.take(k)?;
                    (*v <= most).then_some(())
                })
            }
        }
    }

    /// A run of blocks of zeros.
    fn zeros(self, bits: &mut Bits<'_>, row: &mut Vec<u32>, start: usize) -> Option<()> {
        let (done, whole) = (start / self.block, self.line.div_ceil(self.block));
        let blocks = match bits.zeros()? as usize + 1 {
            TO_THE_END => (whole - done).min(SEGMENT - done % SEGMENT),
            more if more > TO_THE_END => more - 1,
            few => few,
        };
        if blocks > whole - done {
            return None;
        }
        row.resize(start + blocks * self.block, 0);
        Some(())
    }

    /// Makes samples of the reference, which stands first, and the differences after it. These alternate in sign, up to
    /// the nearer end of the range; beyond it they go on to the other side.
    fn sum_up(self, row: &mut [u32]) {
        let most = u32::MAX >> (32 - self.bits);
        let middle = most / 2 + 1;
        let Some((&mut first, rest)) = row.split_first_mut() else { return };
        let mut last = first;
        for coded in rest {
            let (half, flip) = (coded.div_ceil(2), if last & middle == 0 { 0 } else { most });
            last = if half > flip ^ last {
                flip ^ *coded
            } else if *coded % 2 == 0 {
                last + half
            } else {
                last - half
            };
            *coded = last;
        }
    }
}

fn damaged() -> String {
    "szip: the data is damaged".to_owned()
}

/// Pairs of small samples, up to `end`: each is the number of a cell in a triangle, the sum of the pair its row. A
/// reference stands for the first of its pair.
fn pairs(bits: &mut Bits<'_>, row: &mut Vec<u32>, end: usize, most: u32) -> Option<()> {
    while row.len() < end {
        let cell = bits.zeros().filter(|&c| c <= 90)?;
        let sum = (1..=12).rev().find(|s| s * (s + 1) / 2 <= cell).unwrap_or(0);
        let second = cell - sum * (sum + 1) / 2;
        if sum > most {
            return None;
        }
        // Blocks begin at even places, so that this tells whether the reference took the first place.
        if row.len().is_multiple_of(2) {
            row.push(sum - second);
        }
        row.push(second);
    }
    Some(())
}

/// Bits from the front of a slice, the highest of a byte first.
struct Bits<'a> {
    from: &'a [u8],
    /// What has been taken from the slice and not been used, from the top.
    held: u64,
    count: u32,
}

impl Bits<'_> {
    fn fill(&mut self) {
        while self.count <= 56
            && let Some((&byte, rest)) = self.from.split_first()
        {
            self.held |= u64::from(byte) << (56 - self.count);
            self.count += 8;
            self.from = rest;
        }
    }

    /// The next `n` bits, at most 32.
    #[expect(clippy::cast_possible_truncation, reason = "at most 32 bits are left after the shift")]
    fn take(&mut self, n: u32) -> Option<u32> {
        if n == 0 {
            return Some(0);
        }
        if self.count < n {
            self.fill();
        }
        self.count = self.count.checked_sub(n)?;
        let value = (self.held >> (64 - n)) as u32;
        self.held <<= n;
        Some(value)
    }

    /// The number of zeros before the next one, which is used up.
    fn zeros(&mut self) -> Option<u32> {
        let mut passed = 0u32;
        loop {
            let zeros = self.held.leading_zeros();
            if zeros < self.count {
                self.held = self.held << zeros << 1;
                self.count -= zeros + 1;
                return passed.checked_add(zeros);
            }
            passed = passed.checked_add(self.count)?;
            (self.held, self.count) = (0, 0);
            self.fill();
            if self.count == 0 {
                return None;
            }
        }
    }
}
