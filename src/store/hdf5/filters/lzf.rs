//! LZF, h5py's fast compression.

use crate::store::unpack::{exactly, repeat};

/// Decodes a stream that must fill `out`.
pub(in super::super) fn decode(from: &[u8], out: &mut [u8]) -> Result<(), String> {
    let (mut i, mut o) = (0, 0);
    let damaged = || "lzf: the data is damaged".to_owned();
    while let Some(&control) = from.get(i) {
        i += 1;
        let control = usize::from(control);
        if control < 32 {
            let len = control + 1;
            let run = from.get(i..i + len).ok_or_else(damaged)?;
            out.get_mut(o..o + len).ok_or_else(damaged)?.copy_from_slice(run);
            (i, o) = (i + len, o + len);
            continue;
        }
        let mut len = (control >> 5) + 2;
        if len == 9 {
            len += usize::from(*from.get(i).ok_or_else(damaged)?);
            i += 1;
        }
        let back = ((control & 31) << 8 | usize::from(*from.get(i).ok_or_else(damaged)?)) + 1;
        i += 1;
        let start = o.checked_sub(back).ok_or_else(damaged)?;
        if o + len > out.len() {
            return Err(damaged());
        }
        repeat(out, start, o, len);
        o += len;
    }
    exactly("lzf", o, out)
}

/// Where three bytes were seen last.
#[derive(Debug, Default)]
pub(in super::super) struct Table(Vec<u32>);

impl Table {
    /// Bits of a hash.
    const BITS: u32 = 15;
    /// How far back a repeat may begin, and the longest one.
    const FAR: usize = 1 << 13;
    const LONGEST: usize = 264;

    /// Encodes `from`; `None` where it does not fit in `out`.
    pub(in super::super) fn encode(&mut self, from: &[u8], out: &mut [u8]) -> Option<usize> {
        self.0.clear();
        self.0.resize(1 << Self::BITS, u32::MAX);
        let (mut i, mut o, mut literals) = (0, 0, 0);
        while let Some(three) = from.get(i..).and_then(<[u8]>::first_chunk::<3>) {
            let word = u32::from_le_bytes([three[0], three[1], three[2], 0]);
            let seen = &mut self.0[(word.wrapping_mul(0x9e37_79b1) >> (32 - Self::BITS)) as usize];
            let start = std::mem::replace(seen, u32::try_from(i).ok()?) as usize;
            if start >= i || i - start > Self::FAR || from[start..start + 3] != *three {
                i += 1;
                continue;
            }
            let alike =
                from[start + 3..].iter().zip(&from[i + 3..]).take(Self::LONGEST - 3).take_while(|(a, b)| a == b);
            let len = 3 + alike.count();
            o = put(&from[literals..i], out, o)?;
            let [low, high] = u16::try_from(i - start - 1).ok()?.to_le_bytes();
            let coded = if len < 9 {
                &[u8::try_from(len - 2).ok()? << 5 | high, low][..]
            } else {
                &[7 << 5 | high, u8::try_from(len - 9).ok()?, low]
            };
            out.get_mut(o..o + coded.len())?.copy_from_slice(coded);
            o += coded.len();
            i += len;
            literals = i;
        }
        put(&from[literals..], out, o)
    }
}

/// Adds literals at `o`, in runs of up to 32, and says where they end.
fn put(literals: &[u8], out: &mut [u8], mut o: usize) -> Option<usize> {
    for run in literals.chunks(32) {
        let to = out.get_mut(o..=o + run.len())?;
        to[0] = u8::try_from(run.len() - 1).ok()?;
        to[1..].copy_from_slice(run);
        o += run.len() + 1;
    }
    Some(o)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_repeats() {
        let mut out = [0; 12];
        // "abc", then nine bytes from three back.
        decode(&[2, b'a', b'b', b'c', 7 << 5, 0, 2], &mut out).unwrap();
        assert_eq!(&out, b"abcabcabcabc");
    }

    #[test]
    fn encoded_data_comes_back() {
        let mut table = Table::default();
        let kinds: [fn(usize) -> u8; 4] =
            [|_| 7, |i| (i % 251) as u8, |i| (i / 700) as u8, |i| ((i * i) >> 7) as u8 & 3];
        for (len, kind) in [1, 2, 3, 9, 12, 40, 300, 20_000].into_iter().flat_map(|n| kinds.map(|k| (n, k))) {
            let data: Vec<u8> = (0..len).map(kind).collect();
            let mut packed = vec![0; len + len / 32 + 1];
            let size = table.encode(&data, &mut packed).unwrap();
            let mut out = vec![0; len];
            decode(&packed[..size], &mut out).unwrap();
            assert_eq!(out, data);
            assert!(size == 0 || table.encode(&data, &mut packed[..size - 1]).is_none());
        }
    }

    #[test]
    fn damage_is_an_error() {
        let mut out = [0; 12];
        for bad in [&[2, b'a'][..], &[0, b'a', 1 << 5, 9], &[31], &[2, b'a', b'b', b'c', 7 << 5, 9, 2], &[0, b'a']] {
            assert!(decode(bad, &mut out).is_err(), "{bad:?}");
        }
    }
}
