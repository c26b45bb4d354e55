//! What compressed chunks say about their size, checked before a decoder allocates that much.

use super::pipeline::Outcome;

/// The largest block of a zstd frame.
const ZSTD_BLOCK: u64 = 128 << 10;

/// Refuses zstd frames that declare more than `expected` bytes. Damage of other kinds is left to the decoder.
pub(super) fn zstd(data: &[u8], expected: u64) -> Outcome<()> {
    let mut rest = data;
    let mut total = 0u64;
    while let Some((declared, after)) = zstd_frame(rest) {
        total = total.saturating_add(declared);
        if total > expected.saturating_add(2 * ZSTD_BLOCK) {
            return Err(format!("zstd declares at least {total} bytes for a chunk of {expected}"));
        }
        rest = after;
    }
    Ok(())
}

/// An upper bound of the content of the first frame, and what follows it; `None` where no whole frame begins.
fn zstd_frame(data: &[u8]) -> Option<(u64, &[u8])> {
    let magic = u32::from_le_bytes(*data.first_chunk()?);
    if magic & 0xffff_fff0 == 0x184d_2a50 {
        let len = u32::from_le_bytes(*data.get(4..)?.first_chunk()?) as usize;
        return Some((0, data.get(8usize.checked_add(len)?..)?));
    }
    if magic != 0xfd2f_b528 {
        return None;
    }
    let descriptor = *data.get(4)?;
    let single = descriptor & 0x20 != 0;
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size_len = match descriptor >> 6 {
        0 => usize::from(single),
        n => 1 << n,
    };
    let mut at = 5 + usize::from(!single) + dictionary;
    let mut bytes = [0; 8];
    bytes[..size_len].copy_from_slice(data.get(at..at + size_len)?);
    let declared = u64::from_le_bytes(bytes) + if size_len == 2 { 256 } else { 0 };
    at += size_len;
    let mut blocks = 0u64;
    loop {
        let header = data.get(at..at + 3)?;
        let header = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        let (last, kind, size) = (header & 1 == 1, (header >> 1) & 3, (header >> 3) as usize);
        at += 3 + if kind == 1 { 1 } else { size };
        blocks += 1;
        if last {
            break;
        }
    }
    at += if descriptor & 4 != 0 { 4 } else { 0 };
    let bound = if size_len == 0 { blocks * ZSTD_BLOCK } else { declared };
    Some((bound, data.get(at..)?))
}

/// Refuses a blosc chunk whose header declares another size than `expected`, or more bytes than there are.
pub(super) fn blosc(data: &[u8], expected: u64) -> Outcome<()> {
    let number = |at: usize| Some(u64::from(u32::from_le_bytes(*data.get(at..)?.first_chunk()?)));
    let (Some(decoded), Some(encoded)) = (number(4), number(12)) else {
        return Err("is too short for a blosc header".to_owned());
    };
    if decoded != expected {
        return Err(format!("blosc declares {decoded} bytes for a chunk of {expected}"));
    }
    if encoded > data.len() as u64 {
        return Err(format!("blosc declares {encoded} stored bytes and there are {}", data.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_sizes() {
        // A frame with an 8-byte content size of 2^60 and one empty last block.
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
        frame.extend((1u64 << 60).to_le_bytes());
        frame.extend([1, 0, 0]);
        assert_eq!(zstd(&frame, 100).unwrap_err(), "zstd declares at least 1152921504606846976 bytes for a chunk of 100");
        assert!(zstd(&frame[..10], 100).is_ok());
        assert!(zstd(b"", 0).is_ok());
        let mut header = [0u8; 16];
        header[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(blosc(&header, 8).unwrap_err(), "blosc declares 4294967295 bytes for a chunk of 8");
        assert_eq!(blosc(&header[..9], 8).unwrap_err(), "is too short for a blosc header");
    }
}
