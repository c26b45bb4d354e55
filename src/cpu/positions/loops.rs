//! Loops that find extremes, over vectors of elements with vectors of places, which are counted in as many bits.

use crate::cpu::isa::{self, Isa};
use crate::dtype::DType;
use crate::op::elementwise::Truth;
use crate::op::reduction::Extreme;

/// Elements of a line that are looked at together, at most: their vectors are counted in eight bits.
pub(in crate::cpu) const MOST: usize = 4096;

/// Elements of a line from which on it is looked at by itself, rather than beside its neighbours.
pub(in crate::cpu) const LONG: usize = 16;

/// The best of the elements of a line so far: the first bytes of a number, and where in the line it is.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::cpu) struct Best {
    pub(in crate::cpu) element: [u8; 8],
    pub(in crate::cpu) at: Option<usize>,
}

/// A loop over elements of a line: where they are, how many, at most [`MOST`], the place of the first in the line, and
/// the best of those before them, which becomes the best of all.
///
/// # Safety
/// The pointer is aligned and valid for so many elements.
type AlongLoop = unsafe fn(from: *const u8, n: usize, first: usize, best: &mut Best);

/// A loop over rows of elements, one of each of `n` lines, of up to 255 rows: where they begin, the place of the first
/// in the lines, the best of each line so far, and their places. These are set anew where the place is 0.
///
/// # Safety
/// All pointers are aligned and valid for `n` elements; what is written overlaps nothing else.
type AcrossLoop = unsafe fn(rows: &[*const u8], first: usize, best: *mut u8, places: *mut i64, n: usize);

/// The loops of a reduction to positions.
#[derive(Clone, Copy)]
pub(super) struct Positions {
    pub(super) along: AlongLoop,
    pub(super) across: AcrossLoop,
    /// Whether the best element of a line is NaN to skip: there is nothing else.
    pub(super) is_nothing: unsafe fn(best: *const u8) -> bool,
}

impl Positions {
    /// Those for elements of `dtype`, which are ordered.
    pub(super) fn new(extreme: Extreme, dtype: DType) -> Option<Self> {
        Self::of(extreme, dtype, isa::best())
    }

    pub(super) fn of(extreme: Extreme, dtype: DType, isa: Isa) -> Option<Self> {
        Some(match dtype {
            DType::Bool => pick::<Truth>(extreme, isa),
            DType::I8 => pick::<i8>(extreme, isa),
            DType::I16 => pick::<i16>(extreme, isa),
            DType::I32 => pick::<i32>(extreme, isa),
            DType::I64 => pick::<i64>(extreme, isa),
            DType::U8 => pick::<u8>(extreme, isa),
            DType::U16 => pick::<u16>(extreme, isa),
            DType::U32 => pick::<u32>(extreme, isa),
            DType::U64 => pick::<u64>(extreme, isa),
            DType::F32 => pick::<f32>(extreme, isa),
            DType::F64 => pick::<f64>(extreme, isa),
            _ => return None,
        })
    }
}

/// An ordered element.
trait Ordered: Copy {
    /// Counts vectors of a line.
    type Count: Counter;
    /// Counts elements of a line, up to [`MOST`] and a vector.
    type Index: Counter;
    const LOWEST: Self;
    const HIGHEST: Self;
    const ZERO: Self;
    const HAS_NAN: bool = false;
    /// The number that counts.
    #[inline(always)]
    fn number(self) -> Self {
        self
    }
    fn below(self, other: Self) -> bool;
    fn no_higher(self, other: Self) -> bool;
    #[inline(always)]
    fn is_nan(self) -> bool {
        false
    }
    /// What is NaN where one of the terms is, and may be otherwise.
    fn sum(self, other: Self) -> Self;
}

/// An unsigned number of few bits.
trait Counter: Copy + Ord {
    const NONE: Self;
    fn new(n: usize) -> Self;
    fn get(self) -> usize;
}

macro_rules! counters {
    ($($T:ty),*) => { $(
        impl Counter for $T {
            const NONE: Self = <$T>::MAX;
            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, reason = "numbers of vectors and elements are small")]
            fn new(n: usize) -> Self { n as $T }
            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, reason = "it was made of one")]
            fn get(self) -> usize { self as usize }
        }
    )* };
}
counters!(u8, u16, u32, u64);

macro_rules! integers {
    ($($T:ty, $Count:ty, $Index:ty;)*) => { $(
        impl Ordered for $T {
            type Count = $Count;
            type Index = $Index;
            const LOWEST: Self = <$T>::MIN;
            const HIGHEST: Self = <$T>::MAX;
            const ZERO: Self = 0;
            #[inline(always)]
            fn below(self, other: Self) -> bool { self < other }
            #[inline(always)]
            fn no_higher(self, other: Self) -> bool { self <= other }
            #[inline(always)]
            fn sum(self, _: Self) -> Self { 0 }
        }
    )* };
}
integers! {
    i8, u8, u16; i16, u16, u16; i32, u32, u32; i64, u64, u64;
    u8, u8, u16; u16, u16, u16; u32, u32, u32; u64, u64, u64;
}

macro_rules! floats {
    ($($T:ty, $Count:ty;)*) => { $(
        impl Ordered for $T {
            type Count = $Count;
            type Index = $Count;
            const LOWEST: Self = <$T>::NEG_INFINITY;
            const HIGHEST: Self = <$T>::INFINITY;
            const ZERO: Self = 0.0;
            const HAS_NAN: bool = true;
            #[inline(always)]
            fn below(self, other: Self) -> bool { self < other }
            #[inline(always)]
            fn no_higher(self, other: Self) -> bool { self <= other }
            #[inline(always)]
            fn is_nan(self) -> bool { self.is_nan() }
            #[inline(always)]
            fn sum(self, other: Self) -> Self { self + other }
        }
    )* };
}
floats! { f32, u32; f64, u64; }

impl Ordered for Truth {
    type Count = u8;
    type Index = u16;
    const LOWEST: Self = Self(0);
    const HIGHEST: Self = Self(1);
    const ZERO: Self = Self(0);
    #[inline(always)]
    fn number(self) -> Self {
        Self(u8::from(self.get()))
    }
    #[inline(always)]
    fn below(self, other: Self) -> bool {
        self.0 < other.0
    }
    #[inline(always)]
    fn no_higher(self, other: Self) -> bool {
        self.0 <= other.0
    }
    #[inline(always)]
    fn sum(self, _: Self) -> Self {
        self
    }
}

/// Which element is looked for.
trait Aim {
    const LARGEST: bool;
    const SKIP_NAN: bool;

    /// Whether `x` is better than `y`, both being numbers.
    #[inline(always)]
    fn beats<T: Ordered>(x: T, y: T) -> bool {
        if Self::LARGEST { y.below(x) } else { x.below(y) }
    }

    /// What no number is worse than.
    #[inline(always)]
    fn worst<T: Ordered>() -> T {
        if Self::LARGEST { T::LOWEST } else { T::HIGHEST }
    }

    /// Whether `x` replaces `best`, which came before it.
    #[inline(always)]
    fn replaces<T: Ordered>(x: T, best: T) -> bool {
        if !T::HAS_NAN {
            return Self::beats(x, best);
        }
        // True as well where one of them is NaN.
        let no_worse = if Self::LARGEST { !x.no_higher(best) } else { !best.no_higher(x) };
        no_worse & !(if Self::SKIP_NAN { x } else { best }).is_nan()
    }
}

macro_rules! aims {
    ($($Name:ident, $largest:literal, $skip:literal;)*) => { $(
        struct $Name;
        impl Aim for $Name {
            const LARGEST: bool = $largest;
            const SKIP_NAN: bool = $skip;
        }
    )* };
}
aims! { Smallest, false, false; Largest, true, false; SmallestNumber, false, true; LargestNumber, true, true; }

#[inline(always)]
unsafe fn along_body<T: Ordered, A: Aim>(from: *const u8, n: usize, first: usize, best: &mut Best) {
    let x = from.cast::<T>();
    // SAFETY: the best is as wide as any element; the caller upholds the rest.
    unsafe {
        let before = best.element.as_ptr().cast::<T>().read_unaligned();
        if best.at.is_some() && before.is_nan() {
            return;
        }
        let found = match size_of::<T>() {
            8 if n >= 8 => extreme::<T, A, 8>(x, n),
            1..=4 if n >= 16 => extreme::<T, A, 16>(x, n),
            _ if n >= 4 => extreme::<T, A, 4>(x, n),
            _ => extreme::<T, A, 1>(x, n),
        };
        let Some(at) = found else { return };
        let element = x.add(at).read().number();
        if best.at.is_none() || element.is_nan() || A::beats(element, before) {
            best.element.as_mut_ptr().cast::<T>().write_unaligned(element);
            best.at = Some(first + at);
        }
    }
}

/// Where the best of `n` elements is, `LANES` or more; none where all are NaN to skip.
///
/// # Safety
/// The pointer is valid for so many elements.
#[inline(always)]
unsafe fn extreme<T: Ordered, A: Aim, const LANES: usize>(x: *const T, n: usize) -> Option<usize> {
    let mut best = [A::worst::<T>(); LANES];
    let mut count = [T::Count::NONE; LANES];
    let mut sum = [T::ZERO; LANES];
    let steps = n.div_ceil(LANES);
    for k in 0..steps {
        // The last are taken with some of those before them, which are nothing new and come first nowhere.
        let start = (k * LANES).min(n - LANES);
        // SAFETY: `LANES` of the caller's elements are there.
        let x = unsafe { x.add(start).cast::<[T; LANES]>().read() };
        let number = T::Count::new(k);
        for lane in 0..LANES {
            let x = x[lane].number();
            let better = A::beats(x, best[lane]);
            best[lane] = if better { x } else { best[lane] };
            count[lane] = if better { number } else { count[lane] };
            if T::HAS_NAN && !A::SKIP_NAN {
                sum[lane] = sum[lane].sum(x);
            }
        }
    }
    // SAFETY: as the caller promises.
    let elements = unsafe { std::slice::from_raw_parts(x, n) };
    if T::HAS_NAN && !A::SKIP_NAN && sum.iter().fold(false, |any, s| any | s.is_nan()) {
        // Infinities that cancel out look like it.
        if let Some(at) = elements.iter().position(|x| x.is_nan()) {
            return Some(at);
        }
    }
    let mut halves = best;
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            let (a, b) = (halves[lane], halves[lane + half]);
            halves[lane] = if A::beats(b, a) { b } else { a };
        }
        half /= 2;
    }
    let most = halves[0];
    if !A::beats(most, A::worst()) {
        return elements.iter().position(|x| !x.is_nan());
    }
    let mut places = [T::Index::NONE; LANES];
    for lane in 0..LANES {
        let number = count[lane].get();
        let is_best = !A::beats(most, best[lane]);
        let place = T::Index::new(number.wrapping_mul(LANES).min(n - LANES) + lane);
        places[lane] = if is_best { place } else { T::Index::NONE };
    }
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            places[lane] = places[lane].min(places[lane + half]);
        }
        half /= 2;
    }
    Some(places[0].get())
}

#[inline(always)]
unsafe fn across_body<T: Ordered, A: Aim>(rows: &[*const u8], first: usize, best: *mut u8, places: *mut i64, n: usize) {
    let lanes = if size_of::<T>() < 4 { 16 } else { 32 };
    let (many, few) = (n - n % lanes, n - n % FEW);
    let to = (best.cast::<T>(), places);
    // SAFETY: so many lanes from each of these on are among the `n` elements of every row.
    unsafe {
        for at in (0..many).step_by(lanes) {
            match lanes {
                16 => across_lanes::<T, A, 16>(rows, first, to, at),
                _ => across_lanes::<T, A, 32>(rows, first, to, at),
            }
        }
        for at in (many..few).step_by(FEW) {
            across_lanes::<T, A, FEW>(rows, first, to, at);
        }
        for at in few..n {
            across_lanes::<T, A, 1>(rows, first, to, at);
        }
    }
}

/// Lanes at a time of those that are left.
const FEW: usize = 8;

#[inline(always)]
unsafe fn across_lanes<T: Ordered, A: Aim, const N: usize>(
    rows: &[*const u8],
    first: usize,
    (to, places): (*mut T, *mut i64),
    at: usize,
) {
    let (to, places) = (to.wrapping_add(at), places.wrapping_add(at));
    // SAFETY: the caller of an `AcrossLoop` has `N` elements from `at` on in every row, and of what is written.
    unsafe {
        let row = |k: usize| rows[k].cast::<T>().add(at).cast::<[T; N]>().read();
        let begins = first == 0;
        let mut best = if begins { row(0).map(T::number) } else { to.cast::<[T; N]>().read() };
        let mut count = [if begins { T::Count::new(0) } else { T::Count::NONE }; N];
        for k in usize::from(begins)..rows.len() {
            let (x, number) = (row(k), T::Count::new(k));
            for lane in 0..N {
                let x = x[lane].number();
                let better = A::replaces(x, best[lane]);
                best[lane] = if better { x } else { best[lane] };
                count[lane] = if better { number } else { count[lane] };
            }
        }
        to.cast::<[T; N]>().write(best);
        for (lane, count) in count.into_iter().enumerate() {
            let place = places.add(lane);
            *place = if count == T::Count::NONE { *place } else { (first + count.get()).cast_signed() as i64 };
        }
    }
}

/// Whether the element there is NaN to skip.
///
/// # Safety
/// There is one.
unsafe fn is_nothing<T: Ordered, A: Aim>(best: *const u8) -> bool {
    // SAFETY: as the caller promises.
    A::SKIP_NAN && unsafe { best.cast::<T>().read() }.is_nan()
}

/// The loops for each instruction set.
macro_rules! instances {
    ($along:ident, $across:ident $(, $features:literal)?) => {
        $(#[cfg(target_arch = "x86_64")] #[target_feature(enable = $features)])?
        unsafe fn $along<T: Ordered, A: Aim>(from: *const u8, n: usize, first: usize, best: &mut Best) {
            // SAFETY: passed on unchanged.
            unsafe { along_body::<T, A>(from, n, first, best) }
        }

        $(#[cfg(target_arch = "x86_64")] #[target_feature(enable = $features)])?
        unsafe fn $across<T: Ordered, A: Aim>(rows: &[*const u8], first: usize, best: *mut u8, to: *mut i64, n: usize) {
            // SAFETY: passed on unchanged.
            unsafe { across_body::<T, A>(rows, first, best, to, n) }
        }
    };
}
instances!(along_baseline, across_baseline);
instances!(along_avx2, across_avx2, "avx2,fma");
instances!(along_avx512, across_avx512, "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl");

fn pick<T: Ordered>(extreme: Extreme, isa: Isa) -> Positions {
    match (extreme.largest, extreme.skip_nan && T::HAS_NAN) {
        (false, false) => pick_aim::<T, Smallest>(isa),
        (true, false) => pick_aim::<T, Largest>(isa),
        (false, true) => pick_aim::<T, SmallestNumber>(isa),
        (true, true) => pick_aim::<T, LargestNumber>(isa),
    }
}

fn pick_aim<T: Ordered, A: Aim>(isa: Isa) -> Positions {
    let (along, across): (AlongLoop, AcrossLoop) = match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => (along_avx512::<T, A>, across_avx512::<T, A>),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => (along_avx2::<T, A>, across_avx2::<T, A>),
        _ => (along_baseline::<T, A>, across_baseline::<T, A>),
    };
    Positions { along, across, is_nothing: is_nothing::<T, A> }
}
