//! LZF, h5py's fast compression.

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
    super::exactly("lzf", o, out)
}

/// Copies `len` bytes from `start` to `to`; where they overlap, the bytes just written are read again.
pub(super) fn repeat(out: &mut [u8], start: usize, to: usize, len: usize) {
    if start + len <= to {
        out.copy_within(start..start + len, to);
    } else {
        for k in 0..len {
            out[to + k] = out[start + k];
        }
    }
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
    fn damage_is_an_error() {
        let mut out = [0; 12];
        for bad in [&[2, b'a'][..], &[0, b'a', 1 << 5, 9], &[31], &[2, b'a', b'b', b'c', 7 << 5, 9, 2], &[0, b'a']] {
            assert!(decode(bad, &mut out).is_err(), "{bad:?}");
        }
    }
}
