//! LZMA streams made, as Python's `lzma.compress` makes them of the same configuration.

use super::{Named, Outcome};
use liblzma::stream::{Check, Filters, LzmaOptions, MatchFinder, Mode, Stream};
use liblzma::write::XzEncoder;
use serde_json::Value;
use std::io::Write;

/// What makes LZMA streams.
#[derive(Debug)]
pub(in crate::store::zarr) struct LzmaEncoder {
    wrapping: Wrapping,
    chain: Vec<Link>,
}

#[derive(Debug, Clone, Copy)]
enum Wrapping {
    Xz(Check),
    Alone,
    Raw,
}

/// One filter of a chain.
#[derive(Debug)]
enum Link {
    /// Differences of bytes this far apart, less one.
    Delta(u8),
    Lzma1(Effort),
    Lzma2(Effort),
}

/// How hard an encoder tries: a preset, and what is said besides.
#[derive(Debug)]
struct Effort {
    preset: u32,
    others: Vec<(Setting, u32)>,
}

#[derive(Debug, Clone, Copy)]
enum Setting {
    Dictionary,
    LiteralContext,
    LiteralPosition,
    Position,
    Mode(Mode),
    NiceLength,
    Finder(MatchFinder),
    Depth,
}

impl LzmaEncoder {
    /// From the configuration of the codec.
    pub(in crate::store::zarr) fn new(codec: &Named) -> Outcome<Self> {
        let key = |key: &str| codec.config.get(key).filter(|v| !v.is_null());
        let wrong = |key: &str| format!("codec `{}`: {key} {} is not known", codec.name, codec.config[key]);
        let filters = match key("filters").map(|v| v.as_array().ok_or_else(|| wrong("filters"))).transpose()? {
            Some(list) => Some(list.iter().map(Link::new).collect::<Outcome<Vec<_>>>()?),
            None => None,
        };
        let preset = key("preset").map_or(Some(6), Value::as_u64).and_then(|n| u32::try_from(n).ok());
        let effort = || preset.map(|preset| Effort { preset, others: Vec::new() }).ok_or_else(|| wrong("preset"));
        let check = match key("check").map_or(Some(-1), Value::as_i64) {
            Some(-1 | 4) => Check::Crc64,
            Some(0) => Check::None,
            Some(1) => Check::Crc32,
            Some(10) => Check::Sha256,
            _ => return Err(wrong("check")),
        };
        let (wrapping, usual): (_, fn(Effort) -> Link) = match key("format").map_or(Some(1), Value::as_u64) {
            // What is read whatever it is, is written as `.xz`.
            Some(0 | 1) => (Wrapping::Xz(check), Link::Lzma2),
            Some(2) => (Wrapping::Alone, Link::Lzma1),
            Some(3) if filters.is_some() => (Wrapping::Raw, Link::Lzma2),
            Some(3) => return Err(format!("codec `{}` does not name its filters", codec.name)),
            _ => return Err(wrong("format")),
        };
        let chain = match filters {
            Some(chain) => chain,
            None => vec![usual(effort()?)],
        };
        let made = Self { wrapping, chain };
        made.stream(0).map(|_| made)
    }

    /// The stream of these bytes.
    pub(in crate::store::zarr) fn encode(&self, data: &[u8]) -> Outcome<Vec<u8>> {
        let mut encoder = XzEncoder::new_stream(Vec::new(), self.stream(data.len())?);
        let done = encoder.write_all(data).and_then(|()| encoder.finish());
        done.map_err(|e| format!("lzma: {e}"))
    }

    /// An encoder of so many bytes: none is found further back, so that a longer dictionary is memory for nothing.
    fn stream(&self, bytes: usize) -> Outcome<Stream> {
        let most = u32::try_from(bytes).unwrap_or(u32::MAX).max(4096);
        let failed = |e: liblzma::stream::Error| format!("lzma: {e}");
        if let (Wrapping::Alone, [Link::Lzma1(effort)]) = (self.wrapping, self.chain.as_slice()) {
            return Stream::new_lzma_encoder(&effort.options(most)?).map_err(failed);
        }
        let mut filters = Filters::new();
        for link in &self.chain {
            match link {
                Link::Delta(distance) => drop(filters.delta_properties(&[*distance]).map_err(failed)?),
                Link::Lzma1(effort) => drop(filters.lzma1(&effort.options(most)?)),
                Link::Lzma2(effort) => drop(filters.lzma2(&effort.options(most)?)),
            }
        }
        match self.wrapping {
            Wrapping::Xz(check) => Stream::new_stream_encoder(&filters, check).map_err(failed),
            Wrapping::Raw => Stream::new_raw_encoder(&filters).map_err(failed),
            Wrapping::Alone => Err("lzma: a `.lzma` file has one filter, LZMA1".to_owned()),
        }
    }
}

impl Link {
    fn new(entry: &Value) -> Outcome<Self> {
        let id = entry.get("id").and_then(Value::as_u64);
        match id {
            Some(3) => {
                let distance = entry.get("dist").map_or(Some(1), Value::as_u64).and_then(|n| n.checked_sub(1));
                let distance = distance.and_then(|n| u8::try_from(n).ok());
                distance.map(Self::Delta).ok_or_else(|| format!("lzma: no distance of bytes in {entry}"))
            }
            Some(0x21) => Effort::new(entry).map(Self::Lzma2),
            Some(0x4000_0000_0000_0001) => Effort::new(entry).map(Self::Lzma1),
            _ => Err(format!("lzma: filter {entry} is not supported")),
        }
    }
}

impl Effort {
    fn new(entry: &Value) -> Outcome<Self> {
        let wrong = |key: &str| format!("lzma: `{key}` of {entry} is out of range");
        let number = |key: &str| match entry.get(key).filter(|v| !v.is_null()) {
            Some(v) => v.as_u64().and_then(|n| u32::try_from(n).ok()).map(Some).ok_or_else(|| wrong(key)),
            None => Ok(None),
        };
        let mut others = Vec::new();
        let plain = [
            ("dict_size", Setting::Dictionary),
            ("lc", Setting::LiteralContext),
            ("lp", Setting::LiteralPosition),
            ("pb", Setting::Position),
            ("nice_len", Setting::NiceLength),
            ("depth", Setting::Depth),
        ];
        for (key, setting) in plain {
            others.extend(number(key)?.map(|n| (setting, n)));
        }
        others.extend(match number("mode")? {
            None => None,
            Some(1) => Some((Setting::Mode(Mode::Fast), 0)),
            Some(2) => Some((Setting::Mode(Mode::Normal), 0)),
            Some(_) => return Err(wrong("mode")),
        });
        others.extend(match number("mf")? {
            None => None,
            Some(n) => {
                let finders = [
                    (0x03, MatchFinder::HashChain3),
                    (0x04, MatchFinder::HashChain4),
                    (0x12, MatchFinder::BinaryTree2),
                    (0x13, MatchFinder::BinaryTree3),
                    (0x14, MatchFinder::BinaryTree4),
                ];
                let found = finders.into_iter().find(|(number, _)| *number == n);
                Some((Setting::Finder(found.ok_or_else(|| wrong("mf"))?.1), 0))
            }
        });
        Ok(Self { preset: number("preset")?.unwrap_or(6), others })
    }

    /// With a dictionary of at most so many bytes.
    fn options(&self, most: u32) -> Outcome<LzmaOptions> {
        let made = LzmaOptions::new_preset(self.preset);
        let mut options = made.map_err(|_| format!("lzma: there is no preset {}", self.preset))?;
        let level = self.preset & 31;
        let mut dictionary =
            if level == 0 { 1 << 18 } else { 1 << [20, 21, 22, 22, 23, 23, 24, 25, 26][level as usize - 1] };
        for &(setting, n) in &self.others {
            match setting {
                Setting::Dictionary => dictionary = n,
                Setting::LiteralContext => drop(options.literal_context_bits(n)),
                Setting::LiteralPosition => drop(options.literal_position_bits(n)),
                Setting::Position => drop(options.position_bits(n)),
                Setting::Mode(mode) => drop(options.mode(mode)),
                Setting::NiceLength => drop(options.nice_len(n)),
                Setting::Finder(finder) => drop(options.match_finder(finder)),
                Setting::Depth => drop(options.depth(n)),
            }
        }
        options.dict_size(dictionary.min(most));
        Ok(options)
    }
}
