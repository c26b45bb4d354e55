//! The shuffle filter: the first bytes of all elements, then the second bytes, and so on.

/// Elements put together at a time; the words in between stay in the nearest cache.
const BLOCK: usize = 512;

/// Puts the bytes of elements of `width` bytes together again. What does not fill an element stands at the end as it is.
pub(in super::super) fn undo(from: &[u8], out: &mut [u8], width: usize) {
    let n = from.len().min(out.len()).checked_div(width).unwrap_or(0);
    if width < 2 || n < 2 {
        let len = from.len().min(out.len());
        out[..len].copy_from_slice(&from[..len]);
        return;
    }
    let (body, rest) = from.split_at(n * width);
    let (to, tail) = out.split_at_mut(n * width);
    match width {
        2 => planes::<2>(body, to, n, |p, to| {
            to.as_chunks_mut::<2>().0.iter_mut().zip(p[0]).zip(p[1]).for_each(|((o, a), b)| *o = [*a, *b]);
        }),
        4 => planes::<4>(body, to, n, |p, to| {
            let mut words = [0; BLOCK];
            fours(p, &mut words[..p[0].len()]);
            to.as_chunks_mut::<4>().0.iter_mut().zip(&words).for_each(|(o, w)| *o = w.to_le_bytes());
        }),
        8 => planes::<8>(body, to, n, |p, to| {
            let mut words = [0; BLOCK];
            eights(p, &mut words[..p[0].len()]);
            to.as_chunks_mut::<8>().0.iter_mut().zip(&words).for_each(|(o, w)| *o = w.to_le_bytes());
        }),
        _ => body.chunks_exact(n).enumerate().for_each(|(k, plane)| {
            to[k..].iter_mut().step_by(width).zip(plane).for_each(|(d, s)| *d = *s);
        }),
    }
    let len = rest.len().min(tail.len());
    tail[..len].copy_from_slice(&rest[..len]);
}

/// Hands blocks of the `W` planes of `n` bytes to `join`, with the bytes of the elements they make.
fn planes<const W: usize>(from: &[u8], to: &mut [u8], n: usize, join: impl Fn(&[&[u8]], &mut [u8])) {
    for (i, block) in to.chunks_mut(W * BLOCK).enumerate() {
        let (start, len) = (i * BLOCK, block.len() / W);
        let planes: [&[u8]; W] = std::array::from_fn(|k| &from[k * n + start..k * n + start + len]);
        join(&planes, block);
    }
}

// Pairs of bytes, pairs of pairs: the compiler makes unpack instructions of these loops, and of nothing wider.

fn pairs(planes: &[&[u8]], out: &mut [u16]) {
    out.iter_mut().zip(planes[0]).zip(planes[1]).for_each(|((o, a), b)| *o = u16::from_le_bytes([*a, *b]));
}

fn fours(planes: &[&[u8]], out: &mut [u32]) {
    let (mut low, mut high) = ([0; BLOCK], [0; BLOCK]);
    pairs(&planes[..2], &mut low[..out.len()]);
    pairs(&planes[2..], &mut high[..out.len()]);
    out.iter_mut().zip(&low).zip(&high).for_each(|((o, a), b)| *o = u32::from(*a) | u32::from(*b) << 16);
}

fn eights(planes: &[&[u8]], out: &mut [u64]) {
    let (mut low, mut high) = ([0; BLOCK], [0; BLOCK]);
    fours(&planes[..4], &mut low[..out.len()]);
    fours(&planes[4..], &mut high[..out.len()]);
    out.iter_mut().zip(&low).zip(&high).for_each(|((o, a), b)| *o = u64::from(*a) | u64::from(*b) << 32);
}

/// Sorts the bytes of elements of `width` bytes by their place in the element.
pub(in super::super) fn apply(from: &[u8], out: &mut [u8], width: usize) {
    let n = from.len().checked_div(width).unwrap_or(0);
    if width < 2 || n < 2 {
        out.copy_from_slice(from);
        return;
    }
    let (body, rest) = from.split_at(n * width);
    let (to, tail) = out.split_at_mut(n * width);
    match width {
        2 => split::<2>(body, to, n),
        4 => split::<4>(body, to, n),
        8 => split::<8>(body, to, n),
        _ => to.chunks_exact_mut(n).enumerate().for_each(|(k, plane)| {
            plane.iter_mut().zip(body[k..].iter().step_by(width)).for_each(|(d, s)| *d = *s);
        }),
    }
    tail.copy_from_slice(rest);
}

/// Cuts elements of `W` bytes into `W` planes of `n` bytes.
fn split<const W: usize>(from: &[u8], to: &mut [u8], n: usize) {
    let elements = from.as_chunks::<W>().0;
    for (k, plane) in to.chunks_exact_mut(n).enumerate().take(W) {
        plane.iter_mut().zip(elements).for_each(|(d, e)| *d = e[k]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undo_undoes_apply() {
        for width in 1..=17 {
            for len in (0..200).chain([20_000]) {
                let data: Vec<u8> = (0..len).map(|i| ((i * 7 + width) % 256).try_into().unwrap()).collect();
                let (mut there, mut back) = (vec![0; len], vec![0; len]);
                apply(&data, &mut there, width);
                undo(&there, &mut back, width);
                assert_eq!(back, data, "width {width}, {len} bytes");
            }
        }
        let mut out = [0; 7];
        apply(&[1, 2, 3, 4, 5, 6, 7], &mut out, 3);
        assert_eq!(out, [1, 4, 2, 5, 3, 6, 7]);
    }
}
