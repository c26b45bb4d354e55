//! Tapers: weights that fall off towards both ends, as spectra of finite signals want them. NumPy calls them windows.

use super::{Array, done};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::Result;
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::compose::{binary, choice, unary};
use crate::op::elementwise::ElementOp as Op;
use crate::runtime::context::Context;
use std::f64::consts::PI;

/// How weights fall off; `x` goes from -1 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Taper {
    /// A triangle, `1 - |x|`.
    Bartlett,
    /// `0.42 + 0.5 cos(π x) + 0.08 cos(2 π x)`.
    Blackman,
    /// `0.54 + 0.46 cos(π x)`.
    Hamming,
    /// `0.5 + 0.5 cos(π x)`.
    Hanning,
    /// `I₀(beta sqrt(1 - x²)) / I₀(beta)`, with the modified Bessel function.
    Kaiser(f64),
}

impl Context {
    /// `n` weights that fall off like this.
    ///
    /// ```
    /// use hyperslab::{Context, array::tapers::Taper};
    /// let cx = Context::default();
    /// assert_eq!(cx.compute(cx.taper(Taper::Bartlett, 5))?.as_slice().unwrap(), &[0.0, 0.5, 1.0, 0.5, 0.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn taper(&self, taper: Taper, n: usize) -> Array<f64> {
        Array::of(done(taper.weights(n)))
    }
}

impl Taper {
    /// `n` weights.
    ///
    /// # Errors
    /// None that depends on data.
    #[track_caller]
    pub fn weights(self, n: usize) -> Result<Expr> {
        if n < 2 {
            return build::full(&[n], Scalar::Float(1.0), DType::F64, None);
        }
        let (places, ends) = (build::iota(n, None), i64::try_from(n - 1).unwrap_or(i64::MAX));
        // Odd or even numbers from -(n - 1) to n - 1.
        let number = binary(Op::Subtract, &binary(Op::Multiply, &places, 2)?, ends)?;
        let cosine =
            |periods: f64| unary(Op::Cos, &binary(Op::Divide, &binary(Op::Multiply, &number, PI * periods)?, ends)?);
        let raised = |share: f64| binary(Op::Add, &binary(Op::Multiply, &cosine(1.0)?, 1.0 - share)?, share);
        match self {
            Self::Bartlett => {
                let slope = binary(Op::Divide, &number, ends)?;
                let (up, down) = (binary(Op::Add, &slope, 1)?, binary(Op::Subtract, 1, &slope)?);
                choice(&binary(Op::LessEqual, &number, 0)?, &up, &down)
            }
            Self::Blackman => {
                let wide = binary(Op::Add, &binary(Op::Multiply, &cosine(1.0)?, 0.5)?, 0.42)?;
                binary(Op::Add, &wide, &binary(Op::Multiply, &cosine(2.0)?, 0.08)?)
            }
            Self::Hamming => raised(0.54),
            Self::Hanning => raised(0.5),
            Self::Kaiser(beta) => {
                let half = binary(Op::Divide, build::full(&[], Scalar::from(ends), DType::I64, None)?, 2)?;
                let x = binary(Op::Divide, &binary(Op::Subtract, &places, &half)?, &half)?;
                let height = unary(Op::Sqrt, &binary(Op::Subtract, 1, &binary(Op::Multiply, &x, &x)?)?)?;
                let beta = build::full(&[], Scalar::Float(beta), DType::F64, None)?;
                let bessel = unary(Op::I0, &binary(Op::Multiply, &height, &beta)?)?;
                binary(Op::Divide, &bessel, &unary(Op::I0, &beta)?)
            }
        }
    }
}
