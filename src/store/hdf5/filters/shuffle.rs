//! The shuffle filter: the first bytes of all elements, then the second bytes, and so on.

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
        2 => planes::<2>(body, to, n),
        4 => planes::<4>(body, to, n),
        8 => planes::<8>(body, to, n),
        _ => body.chunks_exact(n).enumerate().for_each(|(k, plane)| {
            to[k..].iter_mut().step_by(width).zip(plane).for_each(|(d, s)| *d = *s);
        }),
    }
    let len = rest.len().min(tail.len());
    tail[..len].copy_from_slice(&rest[..len]);
}

/// Interleaves `W` planes of `n` bytes. Written so that the compiler makes byte-unpack instructions of it.
fn planes<const W: usize>(from: &[u8], to: &mut [u8], n: usize) {
    const LANE: usize = 16;
    let plane: [&[u8]; W] = std::array::from_fn(|k| &from[k * n..(k + 1) * n]);
    let (whole, rest) = to.split_at_mut(n / LANE * LANE * W);
    for (i, block) in whole.chunks_exact_mut(LANE * W).enumerate() {
        let lanes: [[u8; LANE]; W] = std::array::from_fn(|k| {
            let mut lane = [0; LANE];
            lane.copy_from_slice(&plane[k][i * LANE..(i + 1) * LANE]);
            lane
        });
        for (e, element) in block.as_chunks_mut::<W>().0.iter_mut().enumerate() {
            *element = std::array::from_fn(|k| lanes[k][e]);
        }
    }
    for (i, element) in (n / LANE * LANE..n).zip(rest.as_chunks_mut::<W>().0) {
        *element = std::array::from_fn(|k| plane[k][i]);
    }
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
            for len in 0..200 {
                let data: Vec<u8> = (0..len).map(|i| (i * 7 + width) as u8).collect();
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
