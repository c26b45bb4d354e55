//! Vectors of keys: what quicksort does with them, for each instruction set.

#![allow(clippy::inline_always, reason = "what vectors do is compiled for the instruction set of the caller")]
#![allow(clippy::undocumented_unsafe_blocks, reason = "each is the instructions of a method, which its caller has")]

/// Keys in a vector register.
///
/// # Safety
/// Methods need the instruction set of the type, and pointers to as many keys as a register has lanes.
pub(super) unsafe trait Vector: Copy {
    /// What a lane holds.
    type Key: Copy + Ord;
    /// Keys of a register, 16 at most.
    const LANES: usize;
    /// The largest key.
    const LAST: Self::Key;

    /// The key before; none before the first.
    fn before(key: Self::Key) -> Option<Self::Key>;
    /// Keys from memory, wherever they begin.
    unsafe fn load(from: *const Self::Key) -> Self;
    /// And back.
    unsafe fn store(self, to: *mut Self::Key);
    /// A key in all lanes.
    unsafe fn splat(key: Self::Key) -> Self;
    /// The smaller key in each lane.
    unsafe fn min(self, other: Self) -> Self;
    /// The larger one.
    unsafe fn max(self, other: Self) -> Self;
    /// Lane `i` is that of `i ^ BY`.
    unsafe fn swapped<const BY: usize>(self) -> Self;
    /// The lanes of `other` whose number has the bit `BIT`.
    unsafe fn or<const BIT: usize>(self, other: Self) -> Self;
    /// Writes the lanes that are not greater than `pivot` to `low`, and those that are so that they end at `high`; how
    /// many the former are. What is in a vector's length after `low` may be lost, and before `high`.
    unsafe fn part(self, pivot: Self, low: *mut Self::Key, high: *mut Self::Key) -> usize;
    /// All lanes, from behind.
    unsafe fn turned(self) -> Self;
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use super::Vector;
    #[allow(clippy::wildcard_imports, reason = "names of instructions")]
    use std::arch::x86_64::*;

    /// Numbers of `N` times 32 bits: lane `i` of `WIDE` of these is lane `i ^ BY`.
    const fn lanes<const N: usize, const WIDE: usize, const BY: usize>() -> [u32; N] {
        let mut out = [0; N];
        let mut i = 0;
        while i < N {
            out[i] = (i ^ (BY * WIDE)) as u32;
            i += 1;
        }
        out
    }

    /// The lanes whose number has the bit `BIT`.
    const fn with_bit<const BIT: usize>() -> u16 {
        match BIT {
            1 => 0xaaaa,
            2 => 0xcccc,
            4 => 0xf0f0,
            _ => 0xff00,
        }
    }

    /// For every set of lanes that are greater, the others and then these; `WIDE` numbers of 32 bits for a lane.
    const fn orders<const N: usize, const WIDE: usize>() -> [[u32; 8]; N] {
        let mut out = [[0; 8]; N];
        let lanes = 8 / WIDE;
        let mut set = 0;
        while set < N {
            let (mut to, mut i) = (0, 0);
            while i < 2 * lanes {
                let lane = i % lanes;
                if (set >> lane) & 1 == i / lanes {
                    let mut w = 0;
                    while w < WIDE {
                        out[set][to * WIDE + w] = (lane * WIDE + w) as u32;
                        w += 1;
                    }
                    to += 1;
                }
                i += 1;
            }
            set += 1;
        }
        out
    }

    macro_rules! avx512 {
        ($($Name:ident of $K:ident, $lanes:literal, $mask:ident;
           $splat:ident $min:ident $max:ident $permute:ident $index:ident $blend:ident $greater:ident $compress:ident $store:ident;)*) => {
            $(#[derive(Clone, Copy)]
            pub(in super::super) struct $Name(__m512i);

            // SAFETY: every method is the instruction that it names, on whole registers.
            unsafe impl Vector for $Name {
                type Key = $K;
                const LANES: usize = $lanes;
                const LAST: $K = $K::MAX;

                fn before(key: $K) -> Option<$K> {
                    key.checked_sub(1)
                }

                #[inline(always)]
                unsafe fn load(from: *const $K) -> Self {
                    Self(unsafe { _mm512_loadu_si512(from.cast()) })
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut $K) {
                    unsafe { _mm512_storeu_si512(to.cast(), self.0) };
                }

                #[inline(always)]
                unsafe fn splat(key: $K) -> Self {
                    Self(unsafe { $splat(key.cast_signed()) })
                }

                #[inline(always)]
                unsafe fn min(self, other: Self) -> Self {
                    Self(unsafe { $min(self.0, other.0) })
                }

                #[inline(always)]
                unsafe fn max(self, other: Self) -> Self {
                    Self(unsafe { $max(self.0, other.0) })
                }

                #[inline(always)]
                unsafe fn swapped<const BY: usize>(self) -> Self {
                    unsafe {
                        let index = $index(_mm512_loadu_si512(const { &lanes::<16, 1, BY>() }.as_ptr().cast()));
                        Self($permute(index, self.0))
                    }
                }

                #[inline(always)]
                unsafe fn or<const BIT: usize>(self, other: Self) -> Self {
                    Self(unsafe { $blend(with_bit::<BIT>() as $mask, self.0, other.0) })
                }

                #[inline(always)]
                unsafe fn part(self, pivot: Self, low: *mut $K, high: *mut $K) -> usize {
                    unsafe {
                        let greater = $greater(self.0, pivot.0);
                        let more = greater.count_ones() as usize;
                        _mm512_storeu_si512(low.cast(), $compress(!greater, self.0));
                        $store(high.sub(more).cast(), ((1u32 << more) - 1) as $mask, $compress(greater, self.0));
                        $lanes - more
                    }
                }

                #[inline(always)]
                unsafe fn turned(self) -> Self {
                    unsafe { self.swapped::<{ $lanes - 1 }>() }
                }
            })*
        };
    }

    /// Indices of eight lanes of 64 bits, of which the first eight of 32 bits are given.
    #[inline(always)]
    unsafe fn widened(index: __m512i) -> __m512i {
        unsafe { _mm512_cvtepu32_epi64(_mm512_castsi512_si256(index)) }
    }

    #[inline(always)]
    unsafe fn same(index: __m512i) -> __m512i {
        index
    }

    avx512! {
        U32x16 of u32, 16, u16;
        _mm512_set1_epi32 _mm512_min_epu32 _mm512_max_epu32 _mm512_permutexvar_epi32 same _mm512_mask_blend_epi32 _mm512_cmpgt_epu32_mask _mm512_maskz_compress_epi32 _mm512_mask_storeu_epi32;
        U64x8 of u64, 8, u8;
        _mm512_set1_epi64 _mm512_min_epu64 _mm512_max_epu64 _mm512_permutexvar_epi64 widened _mm512_mask_blend_epi64 _mm512_cmpgt_epu64_mask _mm512_maskz_compress_epi64 _mm512_mask_storeu_epi64;
    }

    /// Keys with their highest bit turned over, which compare as signed numbers.
    #[derive(Clone, Copy)]
    pub(in super::super) struct U32x8(__m256i);

    /// As [`U32x8`].
    #[derive(Clone, Copy)]
    pub(in super::super) struct U64x4(__m256i);

    macro_rules! avx2 {
        ($($Name:ident of $K:ident, $lanes:literal, $wide:literal, $sets:literal; $splat:ident $greater:ident $signs:ident as $float:ident;
          $min:expr, $max:expr;)*) => {
            $(impl $Name {
                #[inline(always)]
                unsafe fn flipped(v: __m256i) -> __m256i {
                    unsafe { _mm256_xor_si256(v, $splat(1 << ($K::BITS - 1))) }
                }
            }

            // SAFETY: as above.
            unsafe impl Vector for $Name {
                type Key = $K;
                const LANES: usize = $lanes;
                const LAST: $K = $K::MAX;

                fn before(key: $K) -> Option<$K> {
                    key.checked_sub(1)
                }

                #[inline(always)]
                unsafe fn load(from: *const $K) -> Self {
                    Self(unsafe { Self::flipped(_mm256_loadu_si256(from.cast())) })
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut $K) {
                    unsafe { _mm256_storeu_si256(to.cast(), Self::flipped(self.0)) };
                }

                #[inline(always)]
                unsafe fn splat(key: $K) -> Self {
                    Self(unsafe { Self::flipped($splat(key.cast_signed())) })
                }

                #[inline(always)]
                unsafe fn min(self, other: Self) -> Self {
                    Self(unsafe { $min(self.0, other.0) })
                }

                #[inline(always)]
                unsafe fn max(self, other: Self) -> Self {
                    Self(unsafe { $max(self.0, other.0) })
                }

                #[inline(always)]
                unsafe fn swapped<const BY: usize>(self) -> Self {
                    unsafe {
                        let index = _mm256_loadu_si256(const { &lanes::<8, $wide, BY>() }.as_ptr().cast());
                        Self(_mm256_permutevar8x32_epi32(self.0, index))
                    }
                }

                #[inline(always)]
                unsafe fn or<const BIT: usize>(self, other: Self) -> Self {
                    unsafe {
                        Self(match BIT * $wide {
                            1 => _mm256_blend_epi32::<0xaa>(self.0, other.0),
                            2 => _mm256_blend_epi32::<0xcc>(self.0, other.0),
                            _ => _mm256_blend_epi32::<0xf0>(self.0, other.0),
                        })
                    }
                }

                #[inline(always)]
                unsafe fn part(self, pivot: Self, low: *mut $K, high: *mut $K) -> usize {
                    static ORDERS: [[u32; 8]; $sets] = orders::<$sets, $wide>();
                    unsafe {
                        let greater = $signs($float($greater(self.0, pivot.0))).cast_unsigned() as usize;
                        let order = _mm256_loadu_si256(ORDERS[greater].as_ptr().cast());
                        let parted = Self(_mm256_permutevar8x32_epi32(self.0, order));
                        parted.store(low);
                        parted.store(high.sub($lanes));
                        $lanes - greater.count_ones() as usize
                    }
                }

                #[inline(always)]
                unsafe fn turned(self) -> Self {
                    unsafe { self.swapped::<{ $lanes - 1 }>() }
                }
            })*
        };
    }

    #[inline(always)]
    unsafe fn lower(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_blendv_epi8(a, b, _mm256_cmpgt_epi64(a, b)) }
    }

    #[inline(always)]
    unsafe fn higher(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_blendv_epi8(b, a, _mm256_cmpgt_epi64(a, b)) }
    }

    avx2! {
        U32x8 of u32, 8, 1, 256; _mm256_set1_epi32 _mm256_cmpgt_epi32 _mm256_movemask_ps as _mm256_castsi256_ps;
        _mm256_min_epi32, _mm256_max_epi32;
        U64x4 of u64, 4, 2, 16; _mm256_set1_epi64x _mm256_cmpgt_epi64 _mm256_movemask_pd as _mm256_castsi256_pd;
        lower, higher;
    }
}
