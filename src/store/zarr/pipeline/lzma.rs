//! LZMA, as Python's `lzma` module and `numcodecs` store it: in `.xz` or `.lzma` files, or without a header.

use super::{Named, Outcome};
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Filters, LzmaOptions, Stream};
use serde_json::Value;
use std::io::Read;

mod encode;
pub(in crate::store::zarr) use encode::LzmaEncoder;

/// A decoder that asks for more is refused; level 9 takes a quarter of it.
const MOST_MEMORY: u64 = 256 << 20;

/// How the stream is wrapped, by Python's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lzma {
    /// Whatever its beginning says, 0.
    Any,
    /// `.xz`, 1.
    Xz,
    /// `.lzma`, 2.
    Alone,
    /// No header, 3: the filters are named beside it.
    Raw(Vec<Filter>),
}

/// One filter of a stream without a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    /// Differences of bytes this far apart, less one.
    Delta(u8),
    Lzma1(Parameters),
    Lzma2(Parameters),
}

/// What a decoder needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parameters {
    dictionary: u32,
    /// Bits that the coder looks at: of the byte before, of the position of a literal, of any position.
    bits: [u32; 3],
}

impl Lzma {
    /// From the configuration of the codec.
    pub(super) fn new(codec: &Named) -> Outcome<Self> {
        match codec.config.get("format").map_or(Some(1), Value::as_u64) {
            Some(0) => Ok(Self::Any),
            Some(1) => Ok(Self::Xz),
            Some(2) => Ok(Self::Alone),
            Some(3) => {
                let filters = codec.config.get("filters").and_then(Value::as_array);
                let filters = filters.ok_or_else(|| format!("codec `{}` does not name its filters", codec.name))?;
                filters.iter().map(Filter::new).collect::<Outcome<_>>().map(Self::Raw)
            }
            _ => Err(format!("codec `{}`: format {} is not known", codec.name, codec.config["format"])),
        }
    }

    /// A reader of what `data` holds, of which at most `bytes` are wanted.
    pub(super) fn reader<'a>(&self, data: &'a [u8], bytes: u64) -> Outcome<impl Read + use<'a>> {
        let stream = match self {
            Self::Any => Stream::new_auto_decoder(MOST_MEMORY, CONCATENATED),
            Self::Xz => Stream::new_stream_decoder(MOST_MEMORY, CONCATENATED),
            Self::Alone => Stream::new_lzma_decoder(MOST_MEMORY),
            Self::Raw(chain) => {
                let mut filters = Filters::new();
                for filter in chain {
                    filter.add(&mut filters, bytes).map_err(|e| format!("lzma: {e}"))?;
                }
                Stream::new_raw_decoder(&filters)
            }
        };
        Ok(XzDecoder::new_stream(data, stream.map_err(|e| format!("lzma: {e}"))?))
    }
}

impl Filter {
    fn new(entry: &Value) -> Outcome<Self> {
        let number = |key: &str| entry.get(key).and_then(Value::as_u64);
        match number("id") {
            Some(3) => {
                let distance = number("dist").unwrap_or(1).checked_sub(1).and_then(|n| u8::try_from(n).ok());
                distance.map(Self::Delta).ok_or_else(|| format!("lzma: no distance of bytes in {entry}"))
            }
            Some(0x21) => Parameters::new(entry).map(Self::Lzma2),
            Some(0x4000_0000_0000_0001) => Parameters::new(entry).map(Self::Lzma1),
            _ => Err(format!("lzma: filter {entry} is not supported")),
        }
    }

    fn add(&self, filters: &mut Filters, bytes: u64) -> Result<(), liblzma::stream::Error> {
        // No repeat begins before the data, so that a longer dictionary is memory for nothing.
        let options = |p: &Parameters| {
            let mut options = LzmaOptions::new();
            let most = u32::try_from(bytes).unwrap_or(u32::MAX).max(4096);
            let [literal, position, any] = p.bits;
            options.dict_size(p.dictionary.min(most)).literal_context_bits(literal);
            options.literal_position_bits(position).position_bits(any);
            options
        };
        match self {
            Self::Delta(distance) => filters.delta_properties(&[*distance]).map(|_| ()),
            Self::Lzma1(p) => {
                filters.lzma1(&options(p));
                Ok(())
            }
            Self::Lzma2(p) => {
                filters.lzma2(&options(p));
                Ok(())
            }
        }
    }
}

impl Parameters {
    fn new(entry: &Value) -> Outcome<Self> {
        let number = |key: &str, otherwise: u64, most: u64| {
            let found = entry.get(key).filter(|v| !v.is_null()).map_or(Some(otherwise), Value::as_u64);
            let fits = found.filter(|&n| n <= most).and_then(|n| u32::try_from(n).ok());
            fits.ok_or_else(|| format!("lzma: `{key}` of {entry} is out of range"))
        };
        // The upper bits of a preset change how the encoder searches.
        let preset = number("preset", 6, u64::from(u32::MAX))? & 31;
        let dictionary = match preset {
            0 => 1 << 18,
            1..=6 => [1 << 20, 2 << 20, 4 << 20, 4 << 20, 8 << 20, 8 << 20][preset as usize - 1],
            7..=9 => 1u64 << (preset + 17),
            _ => return Err(format!("lzma: there is no preset {preset}")),
        };
        let bits = [number("lc", 3, 4)?, number("lp", 0, 4)?, number("pb", 2, 4)?];
        Ok(Self { dictionary: number("dict_size", dictionary, u64::from(u32::MAX))?, bits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use liblzma::stream::{Action, Check};
    use serde_json::json;

    fn codec(config: &Value) -> Named {
        Named { version: 2, name: "lzma".to_owned(), config: config.as_object().unwrap().clone() }
    }

    fn decoded(lzma: &Lzma, data: &[u8]) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        lzma.reader(data, 3000)?.read_to_end(&mut out).map(|_| out).map_err(|e| e.to_string())
    }

    #[test]
    fn every_wrapping() {
        let data: Vec<u8> = (0..3000u32).map(|i| (i * i / 500).to_le_bytes()[0]).collect();
        let pack = |mut stream: Stream| {
            let mut out = Vec::with_capacity(8000);
            stream.process_vec(&data, &mut out, Action::Finish).unwrap();
            out
        };
        let mut delta = Filters::new();
        delta.delta_properties(&[3]).unwrap();
        delta.lzma2(&LzmaOptions::new_preset(6).unwrap());
        let mut first = Filters::new();
        first.lzma1(LzmaOptions::new_preset(9).unwrap().literal_context_bits(2).literal_position_bits(1));
        let xz = pack(Stream::new_easy_encoder(6, Check::Crc64).unwrap());
        let alone = pack(Stream::new_lzma_encoder(&LzmaOptions::new_preset(1).unwrap()).unwrap());
        let cases = [
            (json!({"preset": 1}), xz.clone()),
            (json!({"format": 0}), alone.clone()),
            (json!({"format": 2}), alone),
            (
                json!({"format": 3, "filters": [{"id": 3, "dist": 4}, {"id": 33, "preset": 6}]}),
                pack(Stream::new_raw_encoder(&delta).unwrap()),
            ),
            (
                json!({"format": 3, "filters": [{"id": 0x4000_0000_0000_0001u64, "preset": 9, "lc": 2, "lp": 1}]}),
                pack(Stream::new_raw_encoder(&first).unwrap()),
            ),
        ];
        for (config, stored) in cases {
            let lzma = Lzma::new(&codec(&config)).unwrap();
            assert_eq!(decoded(&lzma, &stored).unwrap(), data, "{config}");
            assert!(decoded(&lzma, &stored[..stored.len() / 2]).is_err(), "{config}");
            let made = LzmaEncoder::new(&codec(&config)).unwrap().encode(&data).unwrap();
            assert_eq!(decoded(&lzma, &made).unwrap(), data, "{config}");
        }
        let mut bad = xz;
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        assert!(decoded(&Lzma::Xz, &bad).is_err());
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let error = |config: Value| Lzma::new(&codec(&config)).unwrap_err();
        assert_eq!(error(json!({"format": 7})), "codec `lzma`: format 7 is not known");
        assert_eq!(error(json!({"format": 3})), "codec `lzma` does not name its filters");
        assert!(error(json!({"format": 3, "filters": [{"id": 4}]})).ends_with("is not supported"));
        assert!(error(json!({"format": 3, "filters": [{"id": 33, "lc": 9}]})).ends_with("out of range"));
        let error = |config: Value| LzmaEncoder::new(&codec(&config)).unwrap_err();
        assert_eq!(error(json!({"preset": 10})), "lzma: there is no preset 10");
        assert_eq!(error(json!({"check": 7})), "codec `lzma`: check 7 is not known");
        assert!(error(json!({"format": 1, "filters": [{"id": 33, "mf": 9}]})).ends_with("out of range"));
    }
}
