//! Random words: Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).
//!
//! A word is a function of a key and a counter, so any element of any array can be drawn by itself. The key stands for
//! a draw of a generator, the low half of the counter is the element's position, the high half counts the blocks of
//! words that one element takes.

use super::straight;

const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u64; 2] = [0x9E37_79B9, 0xBB67_AE85];
const LOW: u64 = 0xFFFF_FFFF;

/// The block of two words at a counter (low half first), for a key.
///
/// Numbers of 32 bits stand in 64, so that the products are what a vector instruction multiplies.
#[inline(always)]
#[must_use]
pub fn philox(counter: [u64; 2], key: u64) -> [u64; 2] {
    let [mut a, mut b, mut c, mut d] = [counter[0] & LOW, counter[0] >> 32, counter[1] & LOW, counter[1] >> 32];
    let (mut k0, mut k1) = (key & LOW, key >> 32);
    for _ in 0..10 {
        let (left, right) = (MULTIPLIERS[0] * a, MULTIPLIERS[1] * c);
        (a, b, c, d) = ((right >> 32) ^ b ^ k0, right & LOW, (left >> 32) ^ d ^ k1, left & LOW);
        (k0, k1) = ((k0 + WEYL[0]) & LOW, (k1 + WEYL[1]) & LOW);
    }
    [a | b << 32, c | d << 32]
}

/// The key of draw `stream` of the generator seeded by `seed`: no two draws of a generator share one.
#[must_use]
pub fn key(seed: u64, stream: u64) -> u64 {
    mix(mix(seed).wrapping_add(stream))
}

/// The finaliser of `SplitMix64`, a permutation of the numbers of 64 bits; moved by a constant, so that 0 is not fixed.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ x >> 31
}

/// The words of one element, as many as it takes.
#[derive(Debug, Clone)]
pub struct Words {
    index: u64,
    key: u64,
    block: u64,
    left: Option<u64>,
}

impl Words {
    /// Those of element `index`.
    #[must_use]
    pub fn new(index: u64, key: u64) -> Self {
        Self { index, key, block: 0, left: None }
    }

    /// The next word.
    #[inline]
    pub fn word(&mut self) -> u64 {
        if let Some(word) = self.left.take() {
            return word;
        }
        let [first, second] = philox([self.index, self.block], self.key);
        self.block += 1;
        self.left = Some(second);
        first
    }

    /// Uniform in `(0, 1)`, see [`straight::open`].
    #[inline]
    pub fn unit(&mut self) -> f64 {
        straight::open(self.word())
    }

    /// Of the standard normal distribution.
    #[inline]
    pub fn normal(&mut self) -> f64 {
        straight::normal_at(self.unit())
    }

    /// Of the standard exponential distribution.
    #[inline]
    pub fn exponential(&mut self) -> f64 {
        straight::exponential_at(self.unit())
    }

    /// An integer from 0 to `top`, both included, see [`straight::scaled`].
    #[inline]
    pub fn below(&mut self, top: u64) -> u64 {
        let words = [self.word(), self.word()];
        straight::scaled(words, top)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `kat_vectors` of Random123, `philox4x32 10`: counter and key, then the block.
    #[test]
    fn known_answers() {
        let join = |w: [u32; 2]| u64::from(w[0]) | u64::from(w[1]) << 32;
        let of = |c: [u32; 4], k: [u32; 2]| philox([join([c[0], c[1]]), join([c[2], c[3]])], join(k));
        let block = |w: [u32; 4]| [join([w[0], w[1]]), join([w[2], w[3]])];
        assert_eq!(of([0; 4], [0; 2]), block([0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]));
        assert_eq!(of([!0; 4], [!0; 2]), block([0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]));
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let answer = [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1];
        assert_eq!(of(pi, [0xa409_3822, 0x299f_31d0]), block(answer));
    }

    #[test]
    fn elements_have_words_of_their_own() {
        let key = key(7, 3);
        let mut words = Words::new(5, key);
        let given: Vec<u64> = (0..4).map(|_| words.word()).collect();
        assert_eq!(given, [philox([5, 0], key), philox([5, 1], key)].concat());
        let mut keys: Vec<u64> = (0..1000).map(|i| super::key(i / 100, i % 100)).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 1000);
    }
}
