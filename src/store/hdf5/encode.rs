//! How the chunks of new datasets are compressed: on the thread that writes them, so that the library's lock is held
//! for the writing of the result alone.

use super::ffi::Res;
use super::ffi::dataset::FilterInfo;
use super::filters::lzf;
use crate::cpu::shuffle;
use crate::error::{Error, Result};
use crate::store::raw::encode_blosc;
use crate::store::unpack::fletcher32;
use libdeflater::{CompressionLvl, Compressor};
use std::borrow::Cow;
use std::ffi::CStr;

/// The level of deflate where none is asked for.
const DEFLATE_LEVEL: u32 = 4;
/// The level of Zstandard where none is asked for.
const ZSTD_LEVEL: i32 = 3;
/// The level of Blosc where none is asked for.
const BLOSC_LEVEL: u32 = 5;

/// The compressors of Blosc, in the order of their numbers in its HDF5 filter.
const BLOSC: [(&str, &CStr); 6] = [
    ("blosclz", c"blosclz"),
    ("lz4", c"lz4"),
    ("lz4hc", c"lz4hc"),
    ("snappy", c"snappy"),
    ("zlib", c"zlib"),
    ("zstd", c"zstd"),
];

/// How chunks are compressed. All but Blosc, which does it itself, sort bytes by significance before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    None,
    Deflate(u32),
    Lzf,
    Zstd(i32),
    /// A compressor by its number, and its level.
    Blosc(usize, u32),
}

/// Memory and compressors that a thread uses again for every chunk.
#[derive(Default)]
pub(super) struct Tools {
    shuffled: Vec<u8>,
    packed: Vec<u8>,
    deflate: Option<(u32, Compressor)>,
    zstd: Option<(i32, zstd::bulk::Compressor<'static>)>,
    lzf: lzf::Table,
}

impl Tools {
    /// Bytes held for the next chunk.
    pub(super) fn held(&self) -> usize {
        self.shuffled.capacity() + self.packed.capacity()
    }
}

impl Codec {
    /// `gzip`, `gzip:9`, `zstd:3`, `lzf`, `blosc-lz4:5` or `none`.
    pub(super) fn of(text: Option<&str>) -> Result<Self> {
        let text = text.unwrap_or("gzip");
        Self::parse(text).ok_or_else(|| {
            let inner: Vec<&str> = BLOSC.iter().map(|(name, _)| *name).collect();
            let there = format!(
                "gzip (levels 1 to 9), zstd (levels -7 to 22), lzf, blosc-{} (levels 0 to 9) and none",
                inner.join(", blosc-")
            );
            Error::argument("create", format!("`{text}` is no compression for HDF5; there are {there}"))
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let (name, level) = text.split_once(':').map_or((text, None), |(name, level)| (name, Some(level)));
        let number = level.map(str::parse::<i32>).transpose().ok()?;
        let among = |low: u32, high: u32, default: u32| match number {
            None => Some(default),
            Some(n) => u32::try_from(n).ok().filter(|n| (low..=high).contains(n)),
        };
        Some(match name {
            "none" if number.is_none() => Self::None,
            "lzf" if number.is_none() => Self::Lzf,
            "gzip" | "deflate" | "zlib" => Self::Deflate(among(1, 9, DEFLATE_LEVEL)?),
            "zstd" => Self::Zstd(number.map_or(Some(ZSTD_LEVEL), |n| (-7..=22).contains(&n).then_some(n))?),
            _ => {
                let inner = name.strip_prefix("blosc-").or((name == "blosc").then_some("lz4"))?;
                Self::Blosc(BLOSC.iter().position(|(n, _)| *n == inner)?, among(0, 9, BLOSC_LEVEL)?)
            }
        })
    }

    /// The filters of a dataset with chunks of `bytes`: numbers and values.
    pub(super) fn filters(self, itemsize: usize, bytes: usize) -> Vec<(i32, Vec<u32>)> {
        // The library refuses chunks of more bytes than 32 bits count.
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let width = u32::try_from(itemsize).unwrap_or(1);
        let last = match self {
            Self::None => return Vec::new(),
            Self::Deflate(level) => (1, vec![level]),
            // The version of the filter, that of LZF, and the size to decode to.
            Self::Lzf => (32000, vec![4, 0x105, bytes]),
            Self::Zstd(level) => (32015, vec![level.cast_unsigned()]),
            Self::Blosc(inner, level) => {
                // The version of the filter, that of the format, and what the header of each chunk says as well.
                let inner = u32::try_from(inner).unwrap_or(0);
                return vec![(32001, vec![2, 2, width, bytes, level, u32::from(width > 1), inner])];
            }
        };
        vec![(2, Vec::new()), last]
    }

    /// Packs a chunk. Yields its bytes, and which filters were left out: all, where it would not shrink.
    pub(super) fn encode<'a>(self, data: &'a [u8], itemsize: usize, tools: &'a mut Tools) -> Res<(u32, &'a [u8])> {
        let (len, all) = match self {
            Self::None => return Ok((0, data)),
            Self::Blosc(inner, level) => {
                tools.packed.resize(data.len(), 0);
                let name = BLOSC.get(inner).map_or(c"lz4", |(_, name)| *name);
                (encode_blosc(data, &mut tools.packed, itemsize, level, name)?, 0b1)
            }
            _ => {
                tools.shuffled.resize(data.len(), 0);
                shuffle::apply(data, &mut tools.shuffled, itemsize);
                (self.pack(tools)?, 0b11)
            }
        };
        Ok(match len.filter(|&n| n < data.len()) {
            Some(len) => (0, &tools.packed[..len]),
            None => (all, data),
        })
    }

    /// Compresses what has been shuffled; `None` where it does not shrink.
    fn pack(self, tools: &mut Tools) -> Res<Option<usize>> {
        let Tools { shuffled, packed, deflate, zstd, lzf } = tools;
        match self {
            Self::Deflate(level) => {
                let tool = match deflate.take() {
                    Some(made) if made.0 == level => deflate.insert(made),
                    _ => {
                        let level_of_tool = CompressionLvl::new(level.cast_signed()).map_err(|_| "no such level")?;
                        deflate.insert((level, Compressor::new(level_of_tool)))
                    }
                };
                packed.resize(tool.1.zlib_compress_bound(shuffled.len()), 0);
                tool.1.zlib_compress(shuffled, packed).map(Some).map_err(|e| format!("deflate: {e}"))
            }
            Self::Zstd(level) => {
                let tool = match zstd.take() {
                    Some(made) if made.0 == level => zstd.insert(made),
                    _ => {
                        let made = zstd::bulk::Compressor::new(level).map_err(|e| format!("zstd: {e}"))?;
                        zstd.insert((level, made))
                    }
                };
                packed.resize(zstd::zstd_safe::compress_bound(shuffled.len()), 0);
                tool.1.compress_to_buffer(shuffled, packed).map(Some).map_err(|e| format!("zstd: {e}"))
            }
            Self::Lzf => {
                packed.resize(shuffled.len(), 0);
                Ok(lzf.encode(shuffled, packed))
            }
            Self::None | Self::Blosc(..) => Ok(None),
        }
    }
}

/// What encodes the chunks of a dataset that exists, by its own filters.
#[derive(Debug)]
pub(super) struct Repacker {
    filters: Vec<FilterInfo>,
    itemsize: usize,
}

impl Repacker {
    /// For these filters.
    pub(super) fn new(filters: &[FilterInfo], itemsize: usize) -> Self {
        Self { filters: filters.to_vec(), itemsize }
    }

    /// The stored bytes of a chunk, and which filters were left out, one bit each: those that do not make it smaller,
    /// and those that we only decode.
    pub(super) fn encode<'a>(&self, elements: Cow<'a, [u8]>) -> Res<(u32, Cow<'a, [u8]>)> {
        let (mut mask, mut data) = (0, elements);
        for (i, filter) in self.filters.iter().enumerate() {
            match self.apply(filter, &data)? {
                Some(packed) => data = Cow::Owned(packed),
                None if i < 32 => mask |= 1 << i,
                None => return Err(format!("the filter {} is not left out", filter.id)),
            }
        }
        Ok((mask, data))
    }

    fn apply(&self, filter: &FilterInfo, data: &[u8]) -> Res<Option<Vec<u8>>> {
        let value = |i: usize| filter.values.get(i).copied();
        let smaller = |out: Vec<u8>| (out.len() < data.len()).then_some(out);
        let mut tools = Tools::default();
        let codec = match filter.id {
            2 => {
                let mut out = vec![0; data.len()];
                let width = value(0).and_then(|w| usize::try_from(w).ok()).unwrap_or(self.itemsize);
                shuffle::apply(data, &mut out, width);
                return Ok(Some(out));
            }
            3 => {
                let mut out = data.to_vec();
                out.extend_from_slice(&fletcher32(data).to_le_bytes());
                return Ok(Some(out));
            }
            1 => match value(0).unwrap_or(DEFLATE_LEVEL) {
                0 => return Ok(None),
                level => Codec::Deflate(level.min(9)),
            },
            32000 => Codec::Lzf,
            32015 => Codec::Zstd(value(0).map_or(ZSTD_LEVEL, u32::cast_signed).clamp(-7, 22)),
            32001 => {
                let width = value(2).and_then(|w| usize::try_from(w).ok()).unwrap_or(self.itemsize).clamp(1, 255);
                let inner =
                    value(6).and_then(|c| BLOSC.get(usize::try_from(c).ok()?)).map_or(c"lz4", |(_, name)| *name);
                let mut out = vec![0; data.len()];
                let len = encode_blosc(data, &mut out, width, value(4).unwrap_or(BLOSC_LEVEL).min(9), inner)?;
                return Ok(len.map(|len| out[..len].to_vec()));
            }
            _ => return Ok(None),
        };
        tools.shuffled = data.to_vec();
        let len = codec.pack(&mut tools)?;
        Ok(len.and_then(|len| {
            tools.packed.truncate(len);
            smaller(tools.packed)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_levels() {
        let of = |text| Codec::of(Some(text));
        assert_eq!(Codec::of(None).unwrap(), Codec::Deflate(4));
        assert_eq!(of("gzip:9").unwrap(), Codec::Deflate(9));
        assert_eq!(of("zstd:-3").unwrap(), Codec::Zstd(-3));
        assert_eq!(of("blosc").unwrap(), of("blosc-lz4:5").unwrap());
        assert_eq!(of("blosc-zstd:1").unwrap(), Codec::Blosc(5, 1));
        for bad in
            ["gzip:0", "gzip:10", "gzip:x", "zstd:23", "lzf:1", "none:1", "blosc-lzma", "blosc-lz4:10", "lz5", ""]
        {
            let error = of(bad).unwrap_err().to_string();
            assert!(error.contains(&format!("`{bad}` is no compression for HDF5; there are gzip")), "{error}");
        }
    }

    #[test]
    fn what_does_not_shrink_is_stored_as_it_is() {
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_le_bytes()[3]
        };
        let noise: Vec<u8> = (0..4096).map(|_| noise()).collect();
        let mut tools = Tools::default();
        for (text, all) in [("gzip", 0b11), ("zstd", 0b11), ("lzf", 0b11), ("blosc-lz4", 1), ("none", 0)] {
            let (mask, stored) = Codec::of(Some(text)).unwrap().encode(&noise, 1, &mut tools).unwrap();
            assert!(mask == all && stored == noise, "{text}");
        }
    }
}
