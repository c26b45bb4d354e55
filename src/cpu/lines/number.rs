//! What quantiles do with the elements around a level, in the arithmetic of NumPy.

use super::keys::Ordered;
use half::{bf16, f16};
use num_complex::{Complex, Complex32, Complex64};

/// Elements of which there are quantiles. Where elements of a dtype have no use for a method, it gives the first
/// argument.
pub(crate) trait Number: Ordered {
    /// NaN, where there is one.
    fn nan() -> Self;

    /// The place `t` between two elements, in their own dtype.
    fn between(a: Self, b: Self, t: f64) -> Self;

    /// The mean of two elements, in their own dtype.
    fn mean(a: Self, b: Self) -> Self;

    /// The element itself as a mean: of one.
    fn alone(self) -> Self {
        self
    }

    /// As `f64`.
    fn wide(self) -> f64;

    /// The difference to `b`, in the elements' own dtype, where it may wrap; then as `f64`.
    fn distance(self, b: Self) -> f64;

    /// As `i64`.
    fn whole(self) -> i64;
}

/// The place `t` between two elements, in `f64`.
pub(crate) fn between<T: Number>(a: T, b: T, t: f64) -> f64 {
    let distance = a.distance(b);
    if t >= 0.5 { b.wide() - distance * (1.0 - t) } else { a.wide() + distance * t }
}

macro_rules! integers {
    ($($T:ty),*) => {
        $(impl Number for $T {
            fn nan() -> Self {
                0
            }

            fn between(a: Self, _: Self, _: f64) -> Self {
                a
            }

            fn mean(a: Self, _: Self) -> Self {
                a
            }

            fn wide(self) -> f64 {
                self as f64
            }

            fn distance(self, b: Self) -> f64 {
                b.wrapping_sub(self) as f64
            }

            fn whole(self) -> i64 {
                self as i64
            }
        })*
    };
}
integers!(u8, u16, u32, u64, i8, i16, i32, i64);

macro_rules! floats {
    ($($T:ty, $from:expr, $wide:expr, $mean:expr;)*) => {
        $(impl Number for $T {
            fn nan() -> Self {
                Self::NAN
            }

            fn between(a: Self, b: Self, t: f64) -> Self {
                let distance = b - a;
                if t >= 0.5 { b - distance * $from(1.0 - t) } else { a + distance * $from(t) }
            }

            fn mean(a: Self, b: Self) -> Self {
                $mean(a, b)
            }

            fn wide(self) -> f64 {
                $wide(self)
            }

            fn distance(self, b: Self) -> f64 {
                $wide(b - self)
            }

            fn whole(self) -> i64 {
                $wide(self) as i64
            }
        })*
    };
}
floats! {
    f16, f16::from_f64, f64::from, |a: f16, b: f16| f16::from_f32((a.to_f32() + b.to_f32()) / 2.0);
    bf16, bf16::from_f64, f64::from, |a: bf16, b: bf16| bf16::from_f32((a.to_f32() + b.to_f32()) / 2.0);
    f32, |t: f64| t as f32, f64::from, |a: f32, b: f32| (a + b) / 2.0;
    f64, |t: f64| t, |x: f64| x, |a: f64, b: f64| (a + b) / 2.0;
}

macro_rules! complexes {
    ($($Z:ty, $T:ty;)*) => {
        $(impl Number for $Z {
            fn nan() -> Self {
                Self::new(<$T>::NAN, 0.0)
            }

            fn between(a: Self, _: Self, _: f64) -> Self {
                a
            }

            fn mean(a: Self, b: Self) -> Self {
                divided(a + b, 0.5)
            }

            fn alone(self) -> Self {
                divided(self, 1.0)
            }

            fn wide(self) -> f64 {
                f64::from(self.re)
            }

            fn distance(self, b: Self) -> f64 {
                b.wide() - self.wide()
            }

            fn whole(self) -> i64 {
                self.wide() as i64
            }
        })*
    };
}
complexes! {
    Complex32, f32;
    Complex64, f64;
}

/// A quotient by a real number, as that of complex numbers is computed: an infinite part makes the other NaN.
fn divided<T: num_traits::Float>(z: Complex<T>, by: T) -> Complex<T> {
    let none = T::zero();
    Complex { re: (z.re + z.im * none) * by, im: (z.im - z.re * none) * by }
}
