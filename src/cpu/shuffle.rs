//! The bytes of elements sorted by their place in the element: the first bytes of all elements, then the second bytes,
//! and so on; and the same with bits.

use super::isa::{self, Isa};

/// Elements put together at a time; the words in between stay in the nearest cache.
const BLOCK: usize = 512;

/// Puts the bytes of elements of `width` bytes together again. What does not fill an element stands at the end as it
/// is.
pub(crate) fn undo(from: &[u8], out: &mut [u8], width: usize) {
    let n = from.len().min(out.len()).checked_div(width).unwrap_or(0);
    if width < 2 || n < 2 {
        let len = from.len().min(out.len());
        out[..len].copy_from_slice(&from[..len]);
        return;
    }
    let (body, rest) = from.split_at(n * width);
    let (to, tail) = out.split_at_mut(n * width);
    undo_part(body, 0, to, width);
    let len = rest.len().min(tail.len());
    tail[..len].copy_from_slice(&rest[..len]);
}

/// As [`undo`], of the whole elements that fill `out`, from element `first` of `from` on.
pub(crate) fn undo_part(from: &[u8], first: usize, out: &mut [u8], width: usize) {
    let planes = Planes { from, n: from.len() / width, first, count: out.len() / width };
    // What vectors of the processor have put together.
    let done = planes.wide(out, width);
    match width {
        _ if out.is_empty() => {}
        2 | 4 | 8 if done == planes.count => {}
        2 => planes.each::<2>(out, done, |p, to| {
            to.as_chunks_mut::<2>().0.iter_mut().zip(p[0]).zip(p[1]).for_each(|((o, a), b)| *o = [*a, *b]);
        }),
        4 => planes.each::<4>(out, done, |p, to| {
            let mut words = [0; BLOCK];
            fours(p, &mut words[..p[0].len()]);
            to.as_chunks_mut::<4>().0.iter_mut().zip(&words).for_each(|(o, w)| *o = w.to_le_bytes());
        }),
        8 => planes.each::<8>(out, done, |p, to| {
            let mut words = [0; BLOCK];
            eights(p, &mut words[..p[0].len()]);
            to.as_chunks_mut::<8>().0.iter_mut().zip(&words).for_each(|(o, w)| *o = w.to_le_bytes());
        }),
        _ => (0..width).for_each(|k| {
            out[k..].iter_mut().step_by(width).zip(planes.plane(k, 0, planes.count)).for_each(|(d, s)| *d = *s);
        }),
    }
}

/// The elements from `first` on of planes of `n` bytes, one for each byte of an element.
#[derive(Clone, Copy)]
struct Planes<'a> {
    from: &'a [u8],
    n: usize,
    first: usize,
    count: usize,
}

impl<'a> Planes<'a> {
    /// Byte `k` of `len` elements from the one at `at` on.
    #[inline]
    fn plane(self, k: usize, at: usize, len: usize) -> &'a [u8] {
        &self.from[k * self.n + self.first + at..][..len]
    }

    /// Puts together as many of the first elements of `width` bytes as it has vectors for, and says how many these are.
    fn wide(self, to: &mut [u8], width: usize) -> usize {
        #[cfg(target_arch = "x86_64")]
        if isa::best() >= Isa::Avx2 {
            // SAFETY: the instructions are there.
            unsafe {
                match width {
                    2 => return avx2::two(self, to),
                    4 => return avx2::four(self, to),
                    8 => return avx2::eight(self, to),
                    _ => {}
                }
            }
        }
        let _ = (to, width, isa::best() > Isa::Baseline);
        0
    }

    /// Hands blocks of the `W` planes to `join`, from element `done` on, with the bytes of the elements they make.
    fn each<const W: usize>(self, to: &mut [u8], done: usize, join: impl Fn(&[&[u8]], &mut [u8])) {
        for (i, block) in to[done * W..].chunks_mut(W * BLOCK).enumerate() {
            let planes: [&[u8]; W] = std::array::from_fn(|k| self.plane(k, done + i * BLOCK, block.len() / W));
            join(&planes, block);
        }
    }
}

/// 32 elements at a time. Unpacking works within the halves of a register, which the last step puts in order.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::Planes;
    use std::arch::x86_64::{
        __m256i, _mm256_loadu_si256, _mm256_permute2x128_si256, _mm256_storeu_si256, _mm256_unpackhi_epi8,
        _mm256_unpackhi_epi16, _mm256_unpackhi_epi32, _mm256_unpacklo_epi8, _mm256_unpacklo_epi16,
        _mm256_unpacklo_epi32,
    };

    /// Elements at a time.
    const N: usize = 32;

    /// `N` bytes of each of `W` planes.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn load<const W: usize>(from: Planes<'_>, at: usize) -> [__m256i; W] {
        std::array::from_fn(|k| {
            let bytes = from.plane(k, at, N);
            // SAFETY: `N` bytes, of whatever alignment.
            unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
        })
    }

    /// The lower halves of both registers beside each other from `low` on, the upper halves from `high` on.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn store(to: &mut [u8], (low, high): (usize, usize), a: __m256i, b: __m256i) {
        let mut put = |at: usize, value| {
            let bytes = &mut to[at..][..N];
            // SAFETY: `N` bytes, of whatever alignment.
            unsafe { _mm256_storeu_si256(bytes.as_mut_ptr().cast(), value) };
        };
        put(low, _mm256_permute2x128_si256::<0x20>(a, b));
        put(high, _mm256_permute2x128_si256::<0x31>(a, b));
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn bytes(a: __m256i, b: __m256i) -> [__m256i; 2] {
        [_mm256_unpacklo_epi8(a, b), _mm256_unpackhi_epi8(a, b)]
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn words(a: __m256i, b: __m256i) -> [__m256i; 2] {
        [_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b)]
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn longs(a: __m256i, b: __m256i) -> [__m256i; 2] {
        [_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b)]
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn two(from: Planes<'_>, to: &mut [u8]) -> usize {
        let n = from.count;
        for at in (0..n - n % N).step_by(N) {
            let [a, b] = load::<2>(from, at);
            let [low, high] = bytes(a, b);
            store(&mut to[2 * at..], (0, N), low, high);
        }
        n - n % N
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn four(from: Planes<'_>, to: &mut [u8]) -> usize {
        let n = from.count;
        for at in (0..n - n % N).step_by(N) {
            let [a, b, c, d] = load::<4>(from, at);
            let (ab, cd) = (bytes(a, b), bytes(c, d));
            let to = &mut to[4 * at..][..4 * N];
            for half in 0..2 {
                let [low, high] = words(ab[half], cd[half]);
                store(to, (half * N, (2 + half) * N), low, high);
            }
        }
        n - n % N
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn eight(from: Planes<'_>, to: &mut [u8]) -> usize {
        let n = from.count;
        for at in (0..n - n % N).step_by(N) {
            let [a, b, c, d, e, f, g, h] = load::<8>(from, at);
            let (ab, cd, ef, gh) = (bytes(a, b), bytes(c, d), bytes(e, f), bytes(g, h));
            let to = &mut to[8 * at..][..8 * N];
            for half in 0..2 {
                let (abcd, efgh) = (words(ab[half], cd[half]), words(ef[half], gh[half]));
                for quarter in 0..2 {
                    let [low, high] = longs(abcd[quarter], efgh[quarter]);
                    let place = 2 * half + quarter;
                    store(to, (place * N, (4 + place) * N), low, high);
                }
            }
        }
        n - n % N
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

/// Puts the bits of a block together again; its elements are a multiple of 8.
pub(crate) fn undo_bits(from: &[u8], out: &mut [u8], width: usize) {
    let row = from.len() / width / 8;
    for byte in 0..width {
        let rows = &from[byte * 8 * row..(byte + 1) * 8 * row];
        for group in 0..row {
            let bits = u64::from_le_bytes(std::array::from_fn(|bit| rows[bit * row + group]));
            let turned = transpose(bits).to_le_bytes();
            let at = group * 8 * width + byte;
            for (k, value) in turned.into_iter().enumerate() {
                out[at + k * width] = value;
            }
        }
    }
}

/// The transpose of a matrix of 8 by 8 bits, a byte to a row.
fn transpose(mut x: u64) -> u64 {
    let t = (x ^ (x >> 7)) & 0x00aa_00aa_00aa_00aa;
    x ^= t ^ (t << 7);
    let t = (x ^ (x >> 14)) & 0x0000_cccc_0000_cccc;
    x ^= t ^ (t << 14);
    let t = (x ^ (x >> 28)) & 0x0000_0000_f0f0_f0f0;
    x ^ t ^ (t << 28)
}

/// Sorts the bytes of elements of `width` bytes by their place in the element.
pub(crate) fn apply(from: &[u8], out: &mut [u8], width: usize) {
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

/// The definition, bit by bit: what tests undo.
#[cfg(test)]
pub(crate) fn apply_bits(from: &[u8], width: usize) -> Vec<u8> {
    let n = from.len() / width;
    let mut out = vec![0; from.len()];
    for element in 0..n {
        for bit in 0..8 * width {
            let value = from[element * width + bit / 8] >> (bit % 8) & 1;
            out[bit * n / 8 + element / 8] |= value << (element % 8);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undo_undoes_apply() {
        for width in 1..=17 {
            for len in (0..200).chain([511, 512, 513, 20_000, 20_001]) {
                let data: Vec<u8> = (0..len).map(|i| ((i * 7 + width) % 256).try_into().unwrap()).collect();
                let (mut there, mut back) = (vec![0; len], vec![0; len]);
                apply(&data, &mut there, width);
                undo(&there, &mut back, width);
                assert_eq!(back, data, "width {width}, {len} bytes");
                let n = len / width;
                for (first, end) in [(0, n), (n / 3, n), (n / 5, n - n / 7), (n, n)] {
                    let mut part = vec![0; (end - first) * width];
                    undo_part(&there[..n * width], first, &mut part, width);
                    let whole = n > 1 && width > 1;
                    assert!(!whole || part == data[first * width..end * width], "{first} to {end} of {n}, {width}");
                }
            }
        }
        let mut out = [0; 7];
        apply(&[1, 2, 3, 4, 5, 6, 7], &mut out, 3);
        assert_eq!(out, [1, 4, 2, 5, 3, 6, 7]);
    }

    #[test]
    fn undo_bits_undoes_the_definition() {
        for width in [1, 2, 4, 8, 3] {
            let data: Vec<u8> = (0..24 * width).map(|i| ((i * 37 + 11) % 256).try_into().unwrap()).collect();
            let mut back = vec![0; data.len()];
            undo_bits(&apply_bits(&data, width), &mut back, width);
            assert_eq!(back, data);
        }
    }
}
