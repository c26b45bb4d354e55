//! Frames of the C library, whole, in parts and damaged.

use super::*;

#[test]
fn blosclz_repeats() {
    let mut out = [0; 12];
    blosclz(&[2, b'a', b'b', b'c', 7 << 5, 0, 2], &mut out).unwrap();
    assert_eq!(&out, b"abcabcabcabc");
    assert!(blosclz(&[2, b'a', b'b', b'c', 7 << 5, 0, 9], &mut out).is_err());
}

#[test]
fn snappy_repeats() {
    let mut out = [0; 12];
    snappy(&[12, 2 << 2, b'a', b'b', b'c', 5 << 2 | 1, 3], &mut out).unwrap();
    assert_eq!(&out, b"abcabcabcabc");
    assert!(snappy(&[12, 2 << 2, b'a', b'b', b'c', 5 << 2 | 1, 0], &mut out).is_err());
}

/// A frame as the C library makes it; `shuffle` is 0, 1 for bytes or 2 for bits.
#[cfg(feature = "zarr")]
fn frame(data: &[u8], width: usize, shuffle: i32, block: usize, (codec, level): (&str, i32)) -> Vec<u8> {
    let mut out = vec![0; data.len() + 16];
    let name = std::ffi::CString::new(codec).unwrap();
    let (from, to) = (data.as_ptr().cast(), out.as_mut_ptr().cast());
    // SAFETY: `data` is read and `out` written within their lengths, which are given; one thread.
    let len = unsafe {
        let (n, room) = (data.len(), out.len());
        blosc_src::blosc_compress_ctx(level, shuffle, width, n, from, to, room, name.as_ptr(), block, 1)
    };
    out.truncate(usize::try_from(len).unwrap());
    assert!(len > 0, "{codec} {level}: {} bytes", data.len());
    out
}

/// Bytes that shrink in some places and not in others.
#[cfg(feature = "zarr")]
fn bytes(n: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |i: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if (i / 700).is_multiple_of(3) { state.to_le_bytes()[0] } else { (i / 9 % 251).to_le_bytes()[0] & 0x3f }
    };
    (0..n).map(next).collect()
}

#[cfg(feature = "zarr")]
#[test]
fn frames_hold_what_the_library_put_in() {
    let mut tools = Tools::default();
    for codec in ["lz4", "lz4hc", "zstd", "zlib", "snappy", "blosclz"] {
        for width in (1..=17).chain([24, 255]) {
            for (n, block) in [(1, 0), (17, 0), (130, 0), (8192, 1024), (30_011, 4096), (40_000, 8192), (9000, 3000)] {
                for (shuffle, level) in [(0, 1), (1, 5), (2, 5), (1, 9), (1, 0)] {
                    let data = bytes(n, (n + width) as u64);
                    let packed = frame(&data, width, shuffle, block, (codec, level));
                    let what = format!("{codec} {level}, width {width}, shuffle {shuffle}, {n} in {block}");
                    let (mut ours, mut theirs, mut either) = (vec![1; n], vec![2; n], vec![3; n]);
                    raw::decode_blosc(&packed, &mut theirs).expect(&what);
                    decode_frame(&packed, &mut either, &mut tools).expect(&what);
                    assert!(theirs == data && either == data, "{what}");
                    // What is left to the library may be beyond us, but not wrong.
                    if decode(&packed, &mut ours, &mut tools).is_ok() && shuffle < 2 {
                        assert!(ours == data, "{what}");
                    }
                }
            }
        }
    }
}

/// What is read a few blocks at a time.
#[cfg(feature = "zarr")]
fn stored(packed: &[u8], out: &mut [u8], tools: &mut Tools) -> Option<Result<(), String>> {
    let read = |at: u64, to: &mut [u8]| {
        let at = usize::try_from(at).unwrap();
        to.copy_from_slice(packed.get(at..at + to.len()).ok_or("reads past the end")?);
        Ok(())
    };
    let frame = Frame::open((packed.len() as u64, out.len(), true), read, |why| why)?;
    Some(frame.and_then(|mut frame| frame.decode(0, out, (&mut Vec::new(), tools), read, |why| why)))
}

#[cfg(feature = "zarr")]
#[test]
fn parts_of_a_frame_are_those_of_the_whole() {
    let (mut tools, mut packed_room) = (Tools::default(), Vec::new());
    for (codec, width, shuffle, block, n) in [
        ("lz4", 4, 1, 1 << 16, 1_500_000),
        ("lz4", 4, 1, 1 << 16, 1_500_003),
        ("zstd", 8, 1, 100_000, 2_000_000),
        ("lz4", 2, 0, 1 << 18, 1_000_001),
        ("lz4", 8, 1, 3000 * 8 + 4, 1_000_000),
        ("lz4", 3, 1, 10_000, 1_000_000),
        ("snappy", 4, 1, 1 << 15, 500_001),
        ("blosclz", 4, 0, 1 << 15, 500_001),
    ] {
        let data = bytes(n, 11);
        // Level 0 packs nothing.
        let level = if codec == "blosclz" { 0 } else { 5 };
        let packed = frame(&data, width, shuffle, block, (codec, level));
        let read = |at: u64, to: &mut [u8]| {
            let at = usize::try_from(at).unwrap();
            to.copy_from_slice(packed.get(at..at + to.len()).ok_or("reads past the end")?);
            Ok(())
        };
        let fail = |why: String| why;
        let mut whole = Frame::open((packed.len() as u64, n, false), read, fail).unwrap().unwrap();
        // One after another in steps of all kinds, then here and there.
        let steps = [1, 4, 77_000, 65_536, 300_001, 8, 100_000, 24, 400_000, 3];
        let mut at = 0;
        for step in steps.iter().cycle().take(300) {
            let len = *step.min(&(n - at));
            let mut out = vec![0; len];
            whole.decode(at, &mut out, (&mut packed_room, &mut tools), read, fail).unwrap();
            assert!(out == data[at..at + len], "{codec} {width}: {len} bytes from {at}");
            at = if at + len == n { step * 7 % n } else { at + len };
        }
        assert!(whole.decode(n - 3, &mut [0; 4], (&mut packed_room, &mut tools), read, fail).is_err());
    }
}

#[cfg(feature = "zarr")]
#[test]
fn frames_are_read_a_few_blocks_at_a_time() {
    let mut tools = Tools::default();
    for (codec, block, n) in [("lz4", 8192, 1_500_001), ("zstd", 300_000, 2_000_000), ("lz4", 1 << 20, 3_000_000)] {
        let data = bytes(n, 7);
        let mut packed = frame(&data, 4, 1, block, (codec, 5));
        let mut out = vec![0; n];
        assert_eq!(stored(&packed, &mut out, &mut tools), Some(Ok(())));
        assert!(out == data, "{codec} in blocks of {block}");
        // Every start of a block, damaged: nothing is read outside the frame, and nothing panics.
        let blocks = n.div_ceil(little(&packed[8..12]));
        for at in (0..HEADER + 4 * blocks).take(200) {
            for value in [0, 0x7f, 0xff] {
                let before = std::mem::replace(&mut packed[at], value);
                let done = stored(&packed, &mut out, &mut tools);
                assert!(done.as_ref().is_none_or(|done| done.as_ref().err().is_none_or(|e| e != "reads past the end")));
                packed[at] = before;
            }
        }
    }
}

#[cfg(feature = "zarr")]
#[test]
fn damaged_frames_are_errors_or_other_bytes() {
    let mut tools = Tools::default();
    for (codec, width) in [("lz4", 4), ("lz4", 1), ("lz4", 3), ("zstd", 8), ("zstd", 2), ("blosclz", 4)] {
        let data = bytes(3000, 5);
        let packed = frame(&data, width, 1, 1024, (codec, 5));
        let mut out = vec![0; data.len()];
        for len in 0..packed.len() {
            assert!(decode_frame(&packed[..len], &mut out, &mut tools).is_err(), "{codec}: {len} bytes");
            // A header that claims to know.
            let mut short = packed[..len].to_vec();
            if len >= HEADER {
                short[12..16].copy_from_slice(&u32::try_from(len).unwrap().to_le_bytes());
            }
            assert!(decode_frame(&short, &mut out, &mut tools).is_err(), "{codec}: {len} bytes of a frame");
        }
        for bit in 0..8 * packed.len() {
            let mut bad = packed.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            // Nothing is written outside `out`, whatever comes; there is no checksum.
            let _ = decode(&bad, &mut out, &mut tools);
            let _ = decode_frame(&bad, &mut out, &mut tools);
        }
        assert!(decode_frame(&packed, &mut out[1..], &mut tools).is_err());
        decode_frame(&packed, &mut out, &mut tools).unwrap();
        assert_eq!(out, data);
    }
}

#[test]
fn damaged_headers_are_errors() {
    let mut out = [0; 64];
    for len in 0..20 {
        assert!(decode(&vec![0; len], &mut out, &mut Tools::default()).is_err());
    }
    let mut stored = vec![2, 1, 1, 4, 64, 0, 0, 0, 64, 0, 0, 0, 24, 0, 0, 0];
    stored.extend([255, 255, 255, 255, 0, 0, 0, 0]);
    assert!(decode(&stored, &mut out, &mut Tools::default()).is_err());
}
