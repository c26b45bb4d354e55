//! What the table's expressions call on their arguments, by class: integers with NumPy's division and shifts, reals
//! with vectorizable elementary functions, complex numbers with NumPy's order.

use super::math;
use num_complex::Complex;
use num_traits::{Float, PrimInt, WrappingAdd, WrappingMul, WrappingNeg, WrappingSub};

/// Integers of any width and sign. Division by 0 gives 0, as NumPy's does.
pub(crate) trait Integers: PrimInt + WrappingAdd + WrappingSub + WrappingMul + WrappingNeg {
    /// Width in bits.
    const BITS: u32;
    /// `|x|`, wrapping at the most negative number.
    fn magnitude(self) -> Self;
    /// `x / y` towards 0, wrapping.
    fn trunc_over(self, y: Self) -> Self;
    /// `x - trunc(x / y) * y`.
    fn trunc_rem(self, y: Self) -> Self;

    /// -1, 0 or 1.
    #[inline(always)]
    #[expect(clippy::comparison_chain, reason = "two comparisons vectorise")]
    fn sign(self) -> Self {
        if self > Self::zero() {
            Self::one()
        } else if self < Self::zero() {
            Self::zero().wrapping_sub(&Self::one())
        } else {
            self
        }
    }

    /// `floor(x / y)`.
    #[inline(always)]
    fn floor_over(self, y: Self) -> Self {
        let q = self.trunc_over(y);
        let below = self.trunc_rem(y) != Self::zero() && ((self < Self::zero()) != (y < Self::zero()));
        if below { q.wrapping_sub(&Self::one()) } else { q }
    }

    /// `x - floor(x / y) * y`.
    #[inline(always)]
    fn floor_rem(self, y: Self) -> Self {
        let r = self.trunc_rem(y);
        if r != Self::zero() && ((r < Self::zero()) != (y < Self::zero())) { r.wrapping_add(&y) } else { r }
    }

    /// `1 / x`.
    #[inline(always)]
    fn reciprocal(self) -> Self {
        Self::one().trunc_over(self)
    }

    /// `x^y` by squaring, wrapping; 0 for a negative exponent, except of 1 and -1.
    #[inline(always)]
    fn to_the(self, y: Self) -> Self {
        if y < Self::zero() {
            let odd = y & Self::one() == Self::one();
            let minus_one = Self::zero().wrapping_sub(&Self::one());
            return match self {
                x if x == Self::one() => x,
                x if x == minus_one => {
                    if odd {
                        x
                    } else {
                        Self::one()
                    }
                }
                _ => Self::zero(),
            };
        }
        let (mut base, mut left, mut out) = (self, y, Self::one());
        while left != Self::zero() {
            if left & Self::one() == Self::one() {
                out = out.wrapping_mul(&base);
            }
            base = base.wrapping_mul(&base);
            left = left >> 1;
        }
        out
    }

    /// `x << y`, 0 where `y` is not a bit position.
    #[inline(always)]
    fn shift_left(self, y: Self) -> Self {
        match y.to_u32() {
            Some(n) if n < Self::BITS => self << (n as usize),
            _ => Self::zero(),
        }
    }

    /// `x >> y`, the sign alone where `y` is not a bit position.
    #[inline(always)]
    fn shift_right(self, y: Self) -> Self {
        match y.to_u32() {
            Some(n) if n < Self::BITS => self >> (n as usize),
            _ if self < Self::zero() => Self::zero().wrapping_sub(&Self::one()),
            _ => Self::zero(),
        }
    }

    /// Greatest common divisor of the magnitudes.
    #[inline(always)]
    fn gcd(self, y: Self) -> Self {
        let (mut a, mut b) = (self.magnitude(), y.magnitude());
        while b != Self::zero() {
            (a, b) = (b, a % b);
        }
        a.magnitude()
    }

    /// How many bits of the magnitude are set.
    #[inline(always)]
    fn bit_count(self) -> u8 {
        u8::try_from(self.magnitude().count_ones()).unwrap_or(u8::MAX)
    }

    /// Least common multiple of the magnitudes.
    #[inline(always)]
    fn lcm(self, y: Self) -> Self {
        let d = self.gcd(y);
        self.trunc_over(d).wrapping_mul(&y).magnitude()
    }
}

macro_rules! integers {
    ($($T:ty, |$x:ident| $abs:expr, |$a:ident, $b:ident| $over:expr);*) => { $(impl Integers for $T {
        const BITS: u32 = <$T>::BITS;
        #[inline(always)]
        fn magnitude(self) -> Self { let $x = self; $abs }
        #[inline(always)]
        fn trunc_over(self, y: Self) -> Self { let ($a, $b) = (self, y); if y == 0 { 0 } else { $over } }
        #[inline(always)]
        fn trunc_rem(self, y: Self) -> Self {
            if y == 0 { 0 } else { self.wrapping_sub(self.trunc_over(y).wrapping_mul(y)) }
        }
    })* };
}

/// The quotient of short integers towards 0 through floats, for which processors have vectors: between a quotient that
/// is no integer and the next integer there are floats, so that it is not rounded to that.
macro_rules! through {
    ($F:ty, $T:ty, $x:ident, $y:ident) => {{
        #[expect(clippy::cast_possible_truncation, reason = "quotients are no larger than what is divided")]
        #[allow(clippy::cast_sign_loss, reason = "nor are they of another sign")]
        let quotient = (<$F>::from($x) / <$F>::from($y)) as $T;
        quotient
    }};
    // The lowest number over -1 wraps.
    (signed $F:ty, $T:ty, $x:ident, $y:ident) => {
        if $y == -1 { $x.wrapping_neg() } else { through!($F, $T, $x, $y) }
    };
}
integers!(i8, |x| x.wrapping_abs(), |x, y| through!(signed f32, i8, x, y);
          i16, |x| x.wrapping_abs(), |x, y| through!(signed f32, i16, x, y);
          i32, |x| x.wrapping_abs(), |x, y| through!(signed f64, i32, x, y);
          i64, |x| x.wrapping_abs(), |x, y| x.wrapping_div(y);
          u8, |x| x, |x, y| through!(f32, u8, x, y);
          u16, |x| x, |x, y| through!(f32, u16, x, y);
          u32, |x| x, |x, y| x.wrapping_div(y);
          u64, |x| x, |x, y| x.wrapping_div(y));

macro_rules! elementary {
    ($($method:ident = $f32:ident, $f64:ident;)*) => {
        /// Real numbers with the elementary functions, each branch-free where `op/math` has it so.
        pub(crate) trait Reals: Float {
            $(#[doc = concat!("`math::", stringify!($f64), "` for this width.")]
            fn $method<const FMA: bool>(self) -> Self;)*
            /// The angle of the point `(x, self)`.
            fn arc_tangent2<const FMA: bool>(self, x: Self) -> Self;
            /// `sqrt(self^2 + y^2)`.
            fn hypotenuse<const FMA: bool>(self, y: Self) -> Self;
            /// `self^y`.
            fn power<const FMA: bool>(self, y: Self) -> Self;
            /// `self` times 2 to the power of the whole number `y`.
            fn times_power_of_two(self, y: Self) -> Self;
            /// The `e` for which `|self| / 2^e` lies in `[0.5, 1)`; 0 where there is none.
            fn exponent(self) -> i32;
            /// `self * (pi / 180)`.
            fn degrees_to_radians(self) -> Self;
            /// `self * (180 / pi)`.
            fn radians_to_degrees(self) -> Self;

            /// 0 of this type.
            #[inline(always)]
            fn zero(self) -> Self { <Self as num_traits::Zero>::zero() }

            /// -1, 0 or 1; NaN stays.
            #[inline(always)]
            fn sign(self) -> Self {
                let zero = self.zero();
                let one = Self::one();
                if self > zero { one } else if self < zero { -one } else if self == zero { zero } else { self }
            }

            /// `floor(x / y)` by NumPy's steps: the remainder first, so that the quotient is exact.
            #[inline(always)]
            fn floor_over(self, y: Self) -> Self {
                let zero = self.zero();
                if y == zero { return self / y; }
                let r = self % y;
                let mut q = (self - r) / y;
                if r != zero && ((r < zero) != (y < zero)) { q = q - Self::one(); }
                if q == zero { return zero.copysign(self / y); }
                let f = q.floor();
                if q - f > (Self::one() + Self::one()).recip() { f + Self::one() } else { f }
            }

            /// `x - floor(x / y) * y`, with the sign of `y`.
            #[inline(always)]
            fn floor_rem(self, y: Self) -> Self {
                let zero = self.zero();
                let r = self % y;
                if r == zero { zero.copysign(y) } else if (r < zero) != (y < zero) { r + y } else { r }
            }

            /// 0 below zero, `y` at zero, 1 above; NaN stays.
            #[inline(always)]
            fn heaviside(self, y: Self) -> Self {
                let zero = self.zero();
                if self < zero { zero } else if self > zero { Self::one() } else if self == zero { y } else { self }
            }

            /// `log(exp(x) + exp(y))`.
            #[inline(always)]
            fn log_add_exp<const FMA: bool>(self, y: Self) -> Self {
                let high = if self > y { self } else { y };
                let low = if self > y { y } else { self };
                let gap = low - high;
                let sum = high + gap.exponential::<FMA>().logarithm_1_plus::<FMA>();
                if self == y { self + Self::one().exponential2::<FMA>().logarithm::<FMA>() } else if gap.is_nan() { self + y } else { sum }
            }

            /// `log2(2^x + 2^y)`.
            #[inline(always)]
            fn log_add_exp2<const FMA: bool>(self, y: Self) -> Self {
                let high = if self > y { self } else { y };
                let low = if self > y { y } else { self };
                let gap = low - high;
                let excess = gap.exponential2::<FMA>().logarithm_1_plus::<FMA>();
                let sum = high + excess / Self::one().exponential2::<FMA>().logarithm::<FMA>();
                if self == y { self + Self::one() } else if gap.is_nan() { self + y } else { sum }
            }
        }

        impl Reals for f32 {
            $(#[inline(always)] fn $method<const FMA: bool>(self) -> Self { math::$f32::<FMA>(self) })*
            #[inline(always)]
            fn arc_tangent2<const FMA: bool>(self, x: Self) -> Self { math::arctan2_f32::<FMA>(self, x) }
            #[inline(always)]
            fn hypotenuse<const FMA: bool>(self, y: Self) -> Self { math::hypot_f32::<FMA>(self, y) }
            #[inline(always)]
            fn power<const FMA: bool>(self, y: Self) -> Self { math::pow_f32::<FMA>(self, y) }
            #[inline(always)]
            fn times_power_of_two(self, y: Self) -> Self { math::ldexp_f32(self, y) }
            #[inline(always)]
            fn exponent(self) -> i32 { math::exponent_f32(self) }
            #[inline(always)]
            fn degrees_to_radians(self) -> Self { self * (std::f32::consts::PI / 180.0) }
            #[inline(always)]
            fn radians_to_degrees(self) -> Self { self * (180.0 / std::f32::consts::PI) }
        }

        impl Reals for f64 {
            $(#[inline(always)] fn $method<const FMA: bool>(self) -> Self { math::$f64::<FMA>(self) })*
            #[inline(always)]
            fn arc_tangent2<const FMA: bool>(self, x: Self) -> Self { math::arctan2_f64::<FMA>(self, x) }
            #[inline(always)]
            fn hypotenuse<const FMA: bool>(self, y: Self) -> Self { math::hypot_f64::<FMA>(self, y) }
            #[inline(always)]
            fn power<const FMA: bool>(self, y: Self) -> Self { math::pow_f64::<FMA>(self, y) }
            #[inline(always)]
            fn times_power_of_two(self, y: Self) -> Self { math::ldexp_f64(self, y) }
            #[inline(always)]
            fn exponent(self) -> i32 { math::exponent_f64(self) }
            #[inline(always)]
            fn degrees_to_radians(self) -> Self { self * (std::f64::consts::PI / 180.0) }
            #[inline(always)]
            fn radians_to_degrees(self) -> Self { self * (180.0 / std::f64::consts::PI) }
        }
    };
}
elementary! {
    exponential = exp_f32, exp_f64;
    exponential2 = exp2_f32, exp2_f64;
    exponential_minus_1 = expm1_f32, expm1_f64;
    logarithm = log_f32, log_f64;
    logarithm2 = log2_f32, log2_f64;
    logarithm10 = log10_f32, log10_f64;
    logarithm_1_plus = log1p_f32, log1p_f64;
    sine = sin_f32, sin_f64;
    cosine = cos_f32, cos_f64;
    tangent = tan_f32, tan_f64;
    arc_sine = arcsin_f32, arcsin_f64;
    arc_cosine = arccos_f32, arccos_f64;
    arc_tangent = arctan_f32, arctan_f64;
    hyperbolic_sine = sinh_f32, sinh_f64;
    hyperbolic_cosine = cosh_f32, cosh_f64;
    hyperbolic_tangent = tanh_f32, tanh_f64;
    arc_hyperbolic_sine = arcsinh_f32, arcsinh_f64;
    arc_hyperbolic_cosine = arccosh_f32, arccosh_f64;
    arc_hyperbolic_tangent = arctanh_f32, arctanh_f64;
    cube_root = cbrt_f32, cbrt_f64;
    bessel = i0_f32, i0_f64;
}

/// Elementary functions of complex numbers, computed in `f64`.
pub(crate) trait Waves: Copy {
    /// The value of `f`.
    fn by(self, f: fn(Complex<f64>) -> Complex<f64>) -> Self;
    /// `log(self) / log(base)`, given `1 / log(base)`.
    fn log_over(self, scale: f64) -> Self;
}

impl Waves for Complex<f64> {
    #[inline(always)]
    fn by(self, f: fn(Self) -> Self) -> Self {
        f(self)
    }

    #[inline(always)]
    fn log_over(self, scale: f64) -> Self {
        self.ln() * scale
    }
}

impl Waves for Complex<f32> {
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "rounds to the width of the element")]
    fn by(self, f: fn(Complex<f64>) -> Complex<f64>) -> Self {
        let wide = f(Complex::new(self.re.into(), self.im.into()));
        Self::new(wide.re as f32, wide.im as f32)
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "rounds to the width of the element")]
    fn log_over(self, scale: f64) -> Self {
        self.ln() * (scale as f32)
    }
}

/// Complex numbers with NumPy's order: by real part, then by imaginary part.
pub(crate) trait Complexes: Copy {
    /// The type of the parts.
    type Part;
    /// Whether `self` stands before `y`.
    fn below(self, y: Self) -> bool;
    /// Whether a part is NaN.
    fn any_nan(self) -> bool;
    /// `self / y` by Smith's method, which does not overflow.
    fn over(self, y: Self) -> Self;
    /// `1 / self`.
    fn inverse(self) -> Self;
    /// `self^y`, exactly for 0 and small whole exponents.
    fn to_the(self, y: Self) -> Self;
    /// `self`, or 0 where `x` is 0.
    fn or_zero(self, x: Self) -> Self;
}

impl<R: Float> Complexes for Complex<R> {
    type Part = R;

    #[inline(always)]
    fn below(self, y: Self) -> bool {
        self.re < y.re || (self.re == y.re && self.im < y.im)
    }

    #[inline(always)]
    fn any_nan(self) -> bool {
        self.re.is_nan() | self.im.is_nan()
    }

    #[inline(always)]
    fn over(self, y: Self) -> Self {
        if y.re.abs() >= y.im.abs() {
            if y.re == R::zero() && y.im == R::zero() {
                return Self::new(self.re / y.re.abs(), self.im / y.re.abs());
            }
            let ratio = y.im / y.re;
            let scale = R::one() / (y.re + y.im * ratio);
            Self::new((self.re + self.im * ratio) * scale, (self.im - self.re * ratio) * scale)
        } else {
            let ratio = y.re / y.im;
            let scale = R::one() / (y.im + y.re * ratio);
            Self::new((self.re * ratio + self.im) * scale, (self.im * ratio - self.re) * scale)
        }
    }

    #[inline(always)]
    fn inverse(self) -> Self {
        Self::new(R::one(), R::zero()).over(self)
    }

    #[inline(always)]
    fn to_the(self, y: Self) -> Self {
        let (zero, one) = (R::zero(), R::one());
        if y.re == zero && y.im == zero {
            return Self::new(one, zero);
        }
        if self.re == zero && self.im == zero {
            return if y.re > zero && y.im == zero { Self::new(zero, zero) } else { Self::new(R::nan(), R::nan()) };
        }
        if y.im == zero && y.re.fract() == zero && y.re.abs() <= R::from(100).unwrap_or(one) {
            return self.powi(y.re.to_i32().unwrap_or(0));
        }
        self.powc(y)
    }

    #[inline(always)]
    fn or_zero(self, x: Self) -> Self {
        let zero = R::zero();
        if x.re == zero && x.im == zero { Self::new(zero, zero) } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::Integers;

    /// Quotients and remainders of `x` by `y` as the wide integers have them.
    macro_rules! check {
        ($T:ty, $x:expr, $y:expr) => {{
            let (x, y): ($T, $T) = ($x, $y);
            let (wide, by) = (i128::from(x), i128::from(y));
            let (over, left) = if y == 0 { (0, 0) } else { (wide / by, wide % by) };
            let below = left != 0 && (left < 0) != (by < 0);
            assert_eq!(x.trunc_over(y), over as $T, "{x} / {y}");
            assert_eq!(x.trunc_rem(y), left as $T, "{x} % {y}");
            assert_eq!(x.floor_over(y), (over - i128::from(below)) as $T, "{x} // {y}");
            assert_eq!(x.floor_rem(y), (left + if below { by } else { 0 }) as $T, "{x} mod {y}");
        }};
    }

    #[test]
    fn quotients_through_floats_are_exact() {
        for (x, y) in (0..=u8::MAX).flat_map(|x| (0..=u8::MAX).map(move |y| (x, y))) {
            check!(u8, x, y);
            check!(i8, x.cast_signed(), y.cast_signed());
        }
        // Multiples of a divisor and their neighbours, at both ends and between.
        for y in [1u16, 2, 3, 7, 255, 256, 257, 9973, 32_767, 32_768, 65_534, 65_535, 0] {
            for x in (0..=u16::MAX).filter(|x| *x < 300 || *x > 65_000 || x % y.max(1) < 2 || x % 97 == 0) {
                check!(u16, x, y);
                check!(i16, x.cast_signed(), y.cast_signed());
            }
        }
        let ends = [0u32, 1, 2, 3, 7, 10, 65_535, 65_537, 0x7fff_fffe, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, u32::MAX];
        for y in ends {
            for k in ends.into_iter().chain((1..200).map(|k: u32| k.wrapping_mul(0x9e37_79b9))) {
                let multiple = k / y.max(1) * y.max(1);
                for x in [k, multiple, multiple.wrapping_sub(1), multiple.wrapping_add(1)] {
                    check!(i32, x.cast_signed(), y.cast_signed());
                    check!(u32, x, y);
                }
            }
        }
    }
}
