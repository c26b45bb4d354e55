//! The table of elementwise operations.
//!
//! One row is one operation, and the only place that knows it: its documentation, NumPy name, typing rule, arguments,
//! test domain, the agreement demanded between devices, and per class of dtypes the result, the Rust expression and the
//! CUDA C expression. The enum, the CPU loops, the CUDA source, the property tests and the expression language all read
//! it. Grammar of a row:
//!
//! ```text
//! /// Documentation.
//! Variant, numpy_name, Typing, (arguments), low..high, Agreement {
//!     class => result: Rust expression, "CUDA expression";
//! }
//! ```
//!
//! Classes: `bool` (as `Truth`), `int` (all widths, both signs), `float` (`f32`, `f64`; the 16-bit floats compute in
//! `f32`), `complex`. Results: `same`, `bool`, `real` (the real type of a complex one), `uint8` or `int32`. The Rust
//! expression sees the arguments by name and `FMA`, true where fused multiply-add is an instruction.

/// Calls `$callback` with the whole table.
macro_rules! elementwise_table {
    ($callback:ident) => {
        $callback! {
            /// `x + y`.
            Add, add, Same, (x, y), -100.0..100.0, Exact {
                bool => same: Truth(u8::from(x.get() | y.get())), "x | y";
                int => same: x.wrapping_add(y), "i_add(x, y)";
                float => same: x + y, "x + y";
                complex => same: x + y, "c_add(x, y)";
            }
            /// `x - y`.
            Subtract, subtract, Number, (x, y), -100.0..100.0, Exact {
                int => same: x.wrapping_sub(y), "i_sub(x, y)";
                float => same: x - y, "x - y";
                complex => same: x - y, "c_sub(x, y)";
            }
            /// `x * y`.
            Multiply, multiply, Same, (x, y), -100.0..100.0, Exact {
                bool => same: Truth(u8::from(x.get() & y.get())), "x & y";
                int => same: x.wrapping_mul(y), "i_mul(x, y)";
                float => same: x * y, "x * y";
                complex => same: x * y, "c_mul(x, y)";
            }
            /// `x / y`, always inexact.
            Divide, divide, Division, (x, y), -100.0..100.0, Ulp(4) {
                float => same: x / y, "x / y";
                complex => same: x.over(y), "c_div(x, y)";
            }
            /// The largest integer not above `x / y`; 0 where an integer is divided by 0.
            FloorDivide, floor_divide, Same, (x, y), -100.0..100.0, Exact {
                int => same: x.floor_over(y), "i_floor_div(x, y)";
                float => same: x.floor_over(y), "f_floor_div(x, y)";
            }
            /// `x - y * floor(x / y)`, with the sign of `y`; 0 where an integer is divided by 0.
            Remainder, remainder, Same, (x, y), -100.0..100.0, Exact {
                int => same: x.floor_rem(y), "i_floor_rem(x, y)";
                float => same: x.floor_rem(y), "f_floor_rem(x, y)";
            }
            /// The remainder of the truncated division, with the sign of `x`.
            Fmod, fmod, Same, (x, y), -100.0..100.0, Exact {
                int => same: x.trunc_rem(y), "i_trunc_rem(x, y)";
                float => same: x % y, "f_fmod(x, y)";
            }
            /// `x` to the power of `y`.
            Power, power, Same, (x, y), 0.1..4.0, Ulp(8) {
                int => same: x.to_the(y), "i_pow(x, y)";
                float => same: x.power::<FMA>(y), "f_pow(x, y)";
                complex => same: x.to_the(y), "c_pow(x, y)";
            }
            /// `-x`.
            Negative, negative, Number, (x), -100.0..100.0, Exact {
                int => same: x.wrapping_neg(), "i_neg(x)";
                float => same: -x, "-x";
                complex => same: -x, "c_neg(x)";
            }
            /// `x` itself.
            Positive, positive, Number, (x), -100.0..100.0, Exact {
                int => same: x, "x";
                float => same: x, "x";
                complex => same: x, "x";
            }
            /// The absolute value.
            Absolute, absolute, Same, (x), -100.0..100.0, Ulp(2) {
                bool => same: x, "x";
                int => same: x.magnitude(), "i_abs(x)";
                float => same: x.abs(), "f_abs(x)";
                complex => real: x.re.hypotenuse::<FMA>(x.im), "c_abs(x)";
            }
            /// -1, 0 or 1 by the sign of `x`; NaN stays.
            Sign, sign, Number, (x), -100.0..100.0, Exact {
                int => same: x.sign(), "i_sign(x)";
                float => same: x.sign(), "f_sign(x)";
                complex => same: x.over(num_complex::Complex::new(x.re.hypotenuse::<FMA>(x.im), Reals::zero(x.re))).or_zero(x), "c_sign(x)";
            }
            /// `x * x`.
            Square, square, Same, (x), -100.0..100.0, Exact {
                int => same: x.wrapping_mul(x), "i_mul(x, x)";
                float => same: x * x, "x * x";
                complex => same: x * x, "c_mul(x, x)";
            }
            /// `1 / x`.
            Reciprocal, reciprocal, Same, (x), 0.5..100.0, Ulp(4) {
                int => same: x.reciprocal(), "i_recip(x)";
                float => same: x.recip(), "1 / x";
                complex => same: x.inverse(), "c_inv(x)";
            }
            /// The square root.
            Sqrt, sqrt, Inexact, (x), 0.0..100.0, Ulp(4) {
                float => same: x.sqrt(), "f_sqrt(x)";
                complex => same: x.by(complex::sqrt), "c_sqrt(x)";
            }
            /// The cube root.
            Cbrt, cbrt, Inexact, (x), -100.0..100.0, Ulp(4) {
                float => same: x.cube_root::<FMA>(), "f_cbrt(x)";
            }
            /// `e` to the power of `x`.
            Exp, exp, Inexact, (x), -30.0..30.0, Ulp(4) {
                float => same: x.exponential::<FMA>(), "f_exp(x)";
                complex => same: x.exp(), "c_exp(x)";
            }
            /// 2 to the power of `x`.
            Exp2, exp2, Inexact, (x), -30.0..30.0, Ulp(4) {
                float => same: x.exponential2::<FMA>(), "f_exp2(x)";
                complex => same: x.by(complex::exp2), "c_exp2(x)";
            }
            /// `exp(x) - 1`, accurate near 0.
            Expm1, expm1, Inexact, (x), -10.0..10.0, Ulp(4) {
                float => same: x.exponential_minus_1::<FMA>(), "f_expm1(x)";
                complex => same: x.by(complex::expm1), "c_expm1(x)";
            }
            /// The natural logarithm.
            Log, log, Inexact, (x), 0.001..1000.0, Ulp(4) {
                float => same: x.logarithm::<FMA>(), "f_log(x)";
                complex => same: x.ln(), "c_log(x)";
            }
            /// The binary logarithm.
            Log2, log2, Inexact, (x), 0.001..1000.0, Ulp(4) {
                float => same: x.logarithm2::<FMA>(), "f_log2(x)";
                complex => same: x.log_over(std::f64::consts::LOG2_E), "c_log2(x)";
            }
            /// The decimal logarithm.
            Log10, log10, Inexact, (x), 0.001..1000.0, Ulp(4) {
                float => same: x.logarithm10::<FMA>(), "f_log10(x)";
                complex => same: x.log_over(std::f64::consts::LOG10_E), "c_log10(x)";
            }
            /// `log(1 + x)`, accurate near 0.
            Log1p, log1p, Inexact, (x), -0.9..100.0, Ulp(4) {
                float => same: x.logarithm_1_plus::<FMA>(), "f_log1p(x)";
                complex => same: x.by(complex::log1p), "c_log1p(x)";
            }
            /// `log(exp(x) + exp(y))` without overflow.
            Logaddexp, logaddexp, Inexact, (x, y), -30.0..30.0, Ulp(8) {
                float => same: x.log_add_exp::<FMA>(y), "f_logaddexp(x, y)";
            }
            /// `log2(2^x + 2^y)` without overflow.
            Logaddexp2, logaddexp2, Inexact, (x, y), -30.0..30.0, Ulp(8) {
                float => same: x.log_add_exp2::<FMA>(y), "f_logaddexp2(x, y)";
            }
            /// The sine of an angle in radians.
            Sin, sin, Inexact, (x), -100.0..100.0, Ulp(4) {
                float => same: x.sine::<FMA>(), "f_sin(x)";
                complex => same: x.by(complex::sin), "c_sin(x)";
            }
            /// The cosine of an angle in radians.
            Cos, cos, Inexact, (x), -100.0..100.0, Ulp(4) {
                float => same: x.cosine::<FMA>(), "f_cos(x)";
                complex => same: x.by(complex::cos), "c_cos(x)";
            }
            /// The tangent of an angle in radians.
            Tan, tan, Inexact, (x), -1.5..1.5, Ulp(8) {
                float => same: x.tangent::<FMA>(), "f_tan(x)";
                complex => same: x.by(complex::tan), "c_tan(x)";
            }
            /// The inverse sine, in `[-pi/2, pi/2]`.
            Arcsin, arcsin, Inexact, (x), -1.0..1.0, Ulp(4) {
                float => same: x.arc_sine::<FMA>(), "f_asin(x)";
                complex => same: x.by(complex::arcsin), "c_asin(x)";
            }
            /// The inverse cosine, in `[0, pi]`.
            Arccos, arccos, Inexact, (x), -1.0..1.0, Ulp(4) {
                float => same: x.arc_cosine::<FMA>(), "f_acos(x)";
                complex => same: x.by(complex::arccos), "c_acos(x)";
            }
            /// The inverse tangent, in `[-pi/2, pi/2]`.
            Arctan, arctan, Inexact, (x), -100.0..100.0, Ulp(4) {
                float => same: x.arc_tangent::<FMA>(), "f_atan(x)";
                complex => same: x.by(complex::arctan), "c_atan(x)";
            }
            /// The angle of the point `(y, x)`, in `[-pi, pi]`; the arguments are `arctan2(x1, x2)` as NumPy has them.
            Arctan2, arctan2, Inexact, (x, y), -100.0..100.0, Ulp(4) {
                float => same: x.arc_tangent2::<FMA>(y), "f_atan2(x, y)";
            }
            /// The hyperbolic sine.
            Sinh, sinh, Inexact, (x), -10.0..10.0, Ulp(8) {
                float => same: x.hyperbolic_sine::<FMA>(), "f_sinh(x)";
                complex => same: x.by(complex::sinh), "c_sinh(x)";
            }
            /// The hyperbolic cosine.
            Cosh, cosh, Inexact, (x), -10.0..10.0, Ulp(8) {
                float => same: x.hyperbolic_cosine::<FMA>(), "f_cosh(x)";
                complex => same: x.by(complex::cosh), "c_cosh(x)";
            }
            /// The hyperbolic tangent.
            Tanh, tanh, Inexact, (x), -10.0..10.0, Ulp(8) {
                float => same: x.hyperbolic_tangent::<FMA>(), "f_tanh(x)";
                complex => same: x.by(complex::tanh), "c_tanh(x)";
            }
            /// The inverse hyperbolic sine.
            Arcsinh, arcsinh, Inexact, (x), -100.0..100.0, Ulp(8) {
                float => same: x.arc_hyperbolic_sine::<FMA>(), "f_asinh(x)";
                complex => same: x.by(complex::arcsinh), "c_asinh(x)";
            }
            /// The inverse hyperbolic cosine.
            Arccosh, arccosh, Inexact, (x), 1.0..100.0, Ulp(8) {
                float => same: x.arc_hyperbolic_cosine::<FMA>(), "f_acosh(x)";
                complex => same: x.by(complex::arccosh), "c_acosh(x)";
            }
            /// The inverse hyperbolic tangent.
            Arctanh, arctanh, Inexact, (x), -0.99..0.99, Ulp(8) {
                float => same: x.arc_hyperbolic_tangent::<FMA>(), "f_atanh(x)";
                complex => same: x.by(complex::arctanh), "c_atanh(x)";
            }
            /// `sqrt(x^2 + y^2)` without overflow.
            Hypot, hypot, Inexact, (x, y), -100.0..100.0, Ulp(4) {
                float => same: x.hypotenuse::<FMA>(y), "f_hypot(x, y)";
            }
            /// The logistic function `1 / (1 + exp(-x))`.
            Expit, expit, Inexact, (x), -30.0..30.0, Ulp(8) {
                float => same: 1.0 / (1.0 + (-x).exponential::<FMA>()), "1 / (1 + f_exp(-x))";
            }
            /// The modified Bessel function of the first kind, order 0.
            I0, i0, Division, (x), -20.0..20.0, Ulp(32) {
                float => same: x.bessel::<FMA>(), "f_i0(x)";
            }
            /// `x * 2^y` for a whole number `y`, rounded once.
            Ldexp, ldexp, Inexact, (x, y), -20.0..20.0, Exact {
                float => same: x.times_power_of_two(y), "f_ldexp(x, y)";
            }
            /// The exponent `e` for which `|x| / 2^e` lies in `[0.5, 1)`; 0 of 0, the infinities and NaN.
            FrexpExponent, frexp_exponent, Inexact, (x), -100.0..100.0, Exact {
                float => int32: x.exponent(), "f_exponent(x)";
            }
            /// Degrees to radians: `x * (pi / 180)`.
            Deg2rad, deg2rad, Inexact, (x), -360.0..360.0, Ulp(2) {
                float => same: x.degrees_to_radians(), "f_deg2rad(x)";
            }
            /// Radians to degrees: `x * (180 / pi)`.
            Rad2deg, rad2deg, Inexact, (x), -6.3..6.3, Ulp(2) {
                float => same: x.radians_to_degrees(), "f_rad2deg(x)";
            }
            /// The largest integer not above `x`.
            Floor, floor, Same, (x), -100.0..100.0, Exact {
                bool => same: x, "x";
                int => same: x, "x";
                float => same: x.floor(), "f_floor(x)";
            }
            /// The smallest integer not below `x`.
            Ceil, ceil, Same, (x), -100.0..100.0, Exact {
                bool => same: x, "x";
                int => same: x, "x";
                float => same: x.ceil(), "f_ceil(x)";
            }
            /// The integer nearest to `x` towards 0.
            Trunc, trunc, Same, (x), -100.0..100.0, Exact {
                bool => same: x, "x";
                int => same: x, "x";
                float => same: x.trunc(), "f_trunc(x)";
            }
            /// The nearest integer, halves to even.
            Rint, rint, Inexact, (x), -100.0..100.0, Exact {
                float => same: x.round_ties_even(), "f_rint(x)";
                complex => same: num_complex::Complex::new(x.re.round_ties_even(), x.im.round_ties_even()), "c_rint(x)";
            }
            /// The magnitude of `x` with the sign of `y`.
            Copysign, copysign, Inexact, (x, y), -100.0..100.0, Exact {
                float => same: x.copysign(y), "f_copysign(x, y)";
            }
            /// 0 below zero, `y` at zero, 1 above.
            Heaviside, heaviside, Inexact, (x, y), -100.0..100.0, Exact {
                float => same: x.heaviside(y), "f_heaviside(x, y)";
            }
            /// The larger; NaN if either is.
            Maximum, maximum, Same, (x, y), -100.0..100.0, Exact {
                bool => same: Truth(u8::from(x.get() | y.get())), "x | y";
                int => same: if x > y { x } else { y }, "x > y ? x : y";
                float => same: if x > y || x.is_nan() { x } else { y }, "(x > y || x != x) ? x : y";
                complex => same: if y.below(x) || x.any_nan() { x } else { y }, "c_max(x, y)";
            }
            /// The smaller; NaN if either is.
            Minimum, minimum, Same, (x, y), -100.0..100.0, Exact {
                bool => same: Truth(u8::from(x.get() & y.get())), "x & y";
                int => same: if x < y { x } else { y }, "x < y ? x : y";
                float => same: if x < y || x.is_nan() { x } else { y }, "(x < y || x != x) ? x : y";
                complex => same: if x.below(y) || x.any_nan() { x } else { y }, "c_min(x, y)";
            }
            /// The larger; the other where one is NaN.
            Fmax, fmax, Same, (x, y), -100.0..100.0, Exact {
                bool => same: Truth(u8::from(x.get() | y.get())), "x | y";
                int => same: if x > y { x } else { y }, "x > y ? x : y";
                float => same: if x >= y || y.is_nan() { x } else { y }, "(x >= y || y != y) ? x : y";
                complex => same: if !x.below(y) && !x.any_nan() || y.any_nan() { x } else { y }, "c_fmax(x, y)";
            }
            /// The smaller; the other where one is NaN.
            Fmin, fmin, Same, (x, y), -100.0..100.0, Exact {
                bool => same: Truth(u8::from(x.get() & y.get())), "x & y";
                int => same: if x < y { x } else { y }, "x < y ? x : y";
                float => same: if x <= y || y.is_nan() { x } else { y }, "(x <= y || y != y) ? x : y";
                complex => same: if !y.below(x) && !x.any_nan() || y.any_nan() { x } else { y }, "c_fmin(x, y)";
            }
            /// The greatest common divisor, never negative.
            Gcd, gcd, Number, (x, y), 0.0..100.0, Exact {
                int => same: x.gcd(y), "i_gcd(x, y)";
            }
            /// The least common multiple, never negative.
            Lcm, lcm, Number, (x, y), 0.0..100.0, Exact {
                int => same: x.lcm(y), "i_lcm(x, y)";
            }
            /// Bits set in both.
            BitwiseAnd, bitwise_and, Same, (x, y), 0.0..100.0, Exact {
                bool => same: Truth(u8::from(x.get() & y.get())), "x & y";
                int => same: x & y, "x & y";
            }
            /// Bits set in either.
            BitwiseOr, bitwise_or, Same, (x, y), 0.0..100.0, Exact {
                bool => same: Truth(u8::from(x.get() | y.get())), "x | y";
                int => same: x | y, "x | y";
            }
            /// Bits set in one alone.
            BitwiseXor, bitwise_xor, Same, (x, y), 0.0..100.0, Exact {
                bool => same: Truth(u8::from(x.get() ^ y.get())), "x ^ y";
                int => same: x ^ y, "x ^ y";
            }
            /// All bits flipped.
            Invert, invert, Same, (x), 0.0..100.0, Exact {
                bool => same: Truth(u8::from(!x.get())), "!x";
                int => same: !x, "~x";
            }
            /// How many bits of the magnitude are set.
            BitwiseCount, bitwise_count, Same, (x), 0.0..100.0, Exact {
                int => uint8: x.bit_count(), "i_count(x)";
            }
            /// `x * 2^y`; 0 where `y` is the width or more.
            LeftShift, left_shift, Same, (x, y), 0.0..7.0, Exact {
                int => same: x.shift_left(y), "i_shl(x, y)";
            }
            /// `floor(x / 2^y)`; the sign alone where `y` is the width or more.
            RightShift, right_shift, Same, (x, y), 0.0..7.0, Exact {
                int => same: x.shift_right(y), "i_shr(x, y)";
            }
            /// Whether both are true.
            LogicalAnd, logical_and, Logical, (x, y), 0.0..2.0, Exact {
                bool => same: Truth(u8::from(x.get() & y.get())), "x & y";
            }
            /// Whether either is true.
            LogicalOr, logical_or, Logical, (x, y), 0.0..2.0, Exact {
                bool => same: Truth(u8::from(x.get() | y.get())), "x | y";
            }
            /// Whether one alone is true.
            LogicalXor, logical_xor, Logical, (x, y), 0.0..2.0, Exact {
                bool => same: Truth(u8::from(x.get() ^ y.get())), "x ^ y";
            }
            /// Whether `x` is not true.
            LogicalNot, logical_not, Logical, (x), 0.0..2.0, Exact {
                bool => same: Truth(u8::from(!x.get())), "!x";
            }
            /// `x == y`.
            Equal, equal, Same, (x, y), 0.0..3.0, Exact {
                bool => bool: x.get() == y.get(), "x == y";
                int => bool: x == y, "x == y";
                float => bool: x == y, "x == y";
                complex => bool: x == y, "c_eq(x, y)";
            }
            /// `x != y`.
            NotEqual, not_equal, Same, (x, y), 0.0..3.0, Exact {
                bool => bool: x.get() != y.get(), "x != y";
                int => bool: x != y, "x != y";
                float => bool: x != y, "x != y";
                complex => bool: x != y, "!c_eq(x, y)";
            }
            /// `x < y`; complex numbers compare by real, then imaginary part.
            Less, less, Same, (x, y), 0.0..3.0, Exact {
                bool => bool: !x.get() & y.get(), "x < y";
                int => bool: x < y, "x < y";
                float => bool: x < y, "x < y";
                complex => bool: x.below(y), "c_lt(x, y)";
            }
            /// `x <= y`.
            LessEqual, less_equal, Same, (x, y), 0.0..3.0, Exact {
                bool => bool: !x.get() | y.get(), "x <= y";
                int => bool: x <= y, "x <= y";
                float => bool: x <= y, "x <= y";
                complex => bool: x.below(y) || x == y, "c_lt(x, y) || c_eq(x, y)";
            }
            /// `x > y`.
            Greater, greater, Same, (x, y), 0.0..3.0, Exact {
                bool => bool: x.get() & !y.get(), "x > y";
                int => bool: x > y, "x > y";
                float => bool: x > y, "x > y";
                complex => bool: y.below(x), "c_lt(y, x)";
            }
            /// `x >= y`.
            GreaterEqual, greater_equal, Same, (x, y), 0.0..3.0, Exact {
                bool => bool: x.get() | !y.get(), "x >= y";
                int => bool: x >= y, "x >= y";
                float => bool: x >= y, "x >= y";
                complex => bool: y.below(x) || x == y, "c_lt(y, x) || c_eq(x, y)";
            }
            /// Whether `x` is not a number.
            Isnan, isnan, Same, (x), -1.0..1.0, Exact {
                bool => bool: x.get() != x.get(), "false";
                int => bool: x != x, "false";
                float => bool: x.is_nan(), "x != x";
                complex => bool: x.any_nan(), "c_isnan(x)";
            }
            /// Whether `x` is neither infinite nor NaN.
            Isfinite, isfinite, Same, (x), -1.0..1.0, Exact {
                bool => bool: x.get() == x.get(), "true";
                int => bool: x == x, "true";
                float => bool: x.is_finite(), "f_isfinite(x)";
                complex => bool: x.re.is_finite() & x.im.is_finite(), "c_isfinite(x)";
            }
            /// Whether `x` is infinite.
            Isinf, isinf, Same, (x), -1.0..1.0, Exact {
                bool => bool: x.get() != x.get(), "false";
                int => bool: x != x, "false";
                float => bool: x.is_infinite(), "f_isinf(x)";
                complex => bool: x.re.is_infinite() | x.im.is_infinite(), "c_isinf(x)";
            }
            /// Whether the sign bit is set.
            Signbit, signbit, Inexact, (x), -1.0..1.0, Exact {
                float => bool: x.is_sign_negative(), "f_signbit(x)";
            }
            /// The complex conjugate.
            Conjugate, conjugate, Same, (x), -100.0..100.0, Exact {
                int => same: x, "x";
                float => same: x, "x";
                complex => same: x.conj(), "c_conj(x)";
            }
            /// The real part.
            Real, real, Same, (x), -100.0..100.0, Exact {
                bool => same: x, "x";
                int => same: x, "x";
                float => same: x, "x";
                complex => real: x.re, "x.re";
            }
            /// The imaginary part; 0 for real types.
            Imag, imag, Same, (x), -100.0..100.0, Exact {
                bool => same: Truth(x.0 ^ x.0), "0";
                int => same: x ^ x, "0";
                float => same: x.zero(), "0";
                complex => real: x.im, "x.im";
            }
            /// The angle of the point `x` of the complex plane, in radians.
            Angle, angle, Inexact, (x), -100.0..100.0, Ulp(4) {
                float => same: x.zero().arc_tangent2::<FMA>(x), "f_atan2(0, x)";
                complex => real: x.im.arc_tangent2::<FMA>(x.re), "f_atan2(x.im, x.re)";
            }
        }
    };
}
pub(crate) use elementwise_table;
