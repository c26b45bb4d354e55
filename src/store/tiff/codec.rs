//! What strips and tiles are packed by: compression, then differences between neighbours.

use crate::cpu::copy::swap_bytes;

/// A compression that can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Lzw,
    Deflate,
    PackBits,
    Zstd,
}

impl Compression {
    /// The compression of this number, or what it is called where it is not known here.
    pub(super) fn of(number: u64) -> Result<Self, String> {
        Ok(match number {
            1 => Self::None,
            5 => Self::Lzw,
            8 | 32946 => Self::Deflate,
            32773 => Self::PackBits,
            34926 | 50000 => Self::Zstd,
            6 | 7 => return Err("JPEG".to_owned()),
            33003..=33005 | 34712 => return Err("JPEG 2000".to_owned()),
            34925 => return Err("LZMA".to_owned()),
            34887 => return Err("LERC".to_owned()),
            2..=4 => return Err("CCITT".to_owned()),
            other => return Err(format!("compression {other}")),
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Lzw => "lzw",
            Self::Deflate => "deflate",
            Self::PackBits => "packbits",
            Self::Zstd => "zstd",
        }
    }

    /// Unpacks `data` into `out`; how many bytes that gives. What is packed beyond the room is left.
    pub(super) fn decode(self, data: &[u8], out: &mut [u8]) -> Result<usize, String> {
        match self {
            Self::None => {
                let count = data.len().min(out.len());
                out[..count].copy_from_slice(&data[..count]);
                Ok(count)
            }
            Self::Lzw => lzw(data, out),
            Self::Deflate => libdeflater::Decompressor::new().zlib_decompress(data, out).map_err(|e| e.to_string()),
            Self::PackBits => packbits(data, out),
            Self::Zstd => zstd::bulk::decompress_to_buffer(data, out).map_err(|e| e.to_string()),
        }
    }
}

fn lzw(data: &[u8], out: &mut [u8]) -> Result<usize, String> {
    if let [0, second, ..] = data
        && second & 1 == 1
    {
        return Err("is packed by LZW as before TIFF 6, which is not read".to_owned());
    }
    let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
    let (mut from, mut at) = (0, 0);
    loop {
        let step = decoder.decode_bytes(&data[from..], &mut out[at..]);
        (from, at) = (from + step.consumed_in, at + step.consumed_out);
        match step.status {
            Ok(weezl::LzwStatus::Ok) if at < out.len() && step.consumed_in + step.consumed_out > 0 => {}
            Ok(_) => return Ok(at),
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Runs of equal bytes, and of others.
fn packbits(mut data: &[u8], out: &mut [u8]) -> Result<usize, String> {
    let mut at = 0;
    while let [head, rest @ ..] = data {
        if at == out.len() {
            break;
        }
        let room = out.len() - at;
        let head = usize::from(*head);
        data = match head {
            0..128 => {
                let run = rest.get(..=head).ok_or("a run of bytes is cut short")?;
                let count = run.len().min(room);
                out[at..at + count].copy_from_slice(&run[..count]);
                at += count;
                &rest[head + 1..]
            }
            128 => rest,
            _ => {
                let (byte, rest) = rest.split_first().ok_or("a run of bytes is cut short")?;
                let count = (257 - head).min(room);
                out[at..at + count].fill(*byte);
                at += count;
                rest
            }
        };
    }
    Ok(at)
}

/// How the numbers of a row stand for those of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Predictor {
    /// As they are.
    None,
    /// Differences from the number before.
    Horizontal,
    /// The first bytes of all numbers, then the second ones, as differences from the byte before.
    Float,
}

/// The rows of a strip or tile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    /// Bytes of a row.
    pub(super) bytes: usize,
    /// Numbers of a pixel that lie side by side.
    pub(super) samples: usize,
    /// Bytes of a number.
    pub(super) width: usize,
    /// Whether numbers are in the byte order that this machine does not use.
    pub(super) swapped: bool,
}

impl Rows {
    /// Makes numbers in native byte order of what was unpacked.
    pub(super) fn restore(self, predictor: Predictor, data: &mut [u8]) {
        if predictor == Predictor::Float {
            let mut row_of_planes = vec![0; self.bytes];
            for row in data.chunks_exact_mut(self.bytes.max(1)) {
                add_up(row, self.samples);
                row_of_planes.copy_from_slice(row);
                self.interleave(&row_of_planes, row);
            }
            return;
        }
        if self.swapped {
            swap_bytes(data, self.width);
        }
        if predictor == Predictor::Horizontal {
            for row in data.chunks_exact_mut(self.bytes.max(1)) {
                match self.width {
                    1 => add_up(row, self.samples),
                    2 => add_words(row, self.samples, |a: [u8; 2], b| {
                        u16::from_ne_bytes(a).wrapping_add(u16::from_ne_bytes(b)).to_ne_bytes()
                    }),
                    4 => add_words(row, self.samples, |a: [u8; 4], b| {
                        u32::from_ne_bytes(a).wrapping_add(u32::from_ne_bytes(b)).to_ne_bytes()
                    }),
                    _ => add_words(row, self.samples, |a: [u8; 8], b| {
                        u64::from_ne_bytes(a).wrapping_add(u64::from_ne_bytes(b)).to_ne_bytes()
                    }),
                }
            }
        }
    }

    /// Puts the bytes of each number side by side; the most significant ones come first in `planes`.
    fn interleave(self, planes: &[u8], row: &mut [u8]) {
        let count = self.bytes / self.width.max(1);
        for (i, number) in row.chunks_exact_mut(self.width).enumerate() {
            for (k, byte) in number.iter_mut().enumerate() {
                let plane = if cfg!(target_endian = "little") { self.width - 1 - k } else { k };
                *byte = planes[plane * count + i];
            }
        }
    }
}

/// Adds to each byte the one `apart` before it.
fn add_up(row: &mut [u8], apart: usize) {
    for i in apart..row.len() {
        row[i] = row[i].wrapping_add(row[i - apart]);
    }
}

fn add_words<const N: usize>(row: &mut [u8], apart: usize, add: impl Fn([u8; N], [u8; N]) -> [u8; N]) {
    let (words, _) = row.as_chunks_mut::<N>();
    for i in apart..words.len() {
        words[i] = add(words[i], words[i - apart]);
    }
}

/// A byte for each of the `width` bits of every row, whose bits are filled up to whole bytes.
pub(super) fn unpack_bits(packed: &[u8], width: usize, low_first: bool) -> Vec<u8> {
    let bit = |row: &[u8], i: usize| row[i / 8] >> (if low_first { i % 8 } else { 7 - i % 8 }) & 1;
    packed.chunks_exact(width.div_ceil(8).max(1)).flat_map(|row| (0..width).map(move |i| bit(row, i))).collect()
}
