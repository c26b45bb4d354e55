//! Polynomials as vectors of coefficients, the highest power first: values, sums, products, derivatives, integrals, and
//! those that fit data.

use super::manipulation::flip;
use super::signal::{Mode, convolve};
use super::{Array, Kind};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::check::where_all;
use crate::expr::compose::{along, as_axis, binary, constant_along, joined, moved, range, reduce_away, thick, unary};
use crate::linalg::diagonal::vander;
use crate::linalg::least::lstsq;
use crate::linalg::matmul::matmul;
use crate::linalg::solve::inv;
use crate::op::elementwise::ElementOp as Op;
use crate::shape::axes::Axes;

/// How many coefficients a polynomial may have that is evaluated or made of its zeros: each is a layer of the
/// expression.
const MOST_COEFFICIENTS: usize = 1024;

impl<T: Kind> Array<T> {
    /// The coefficients, the highest power first, of the polynomials of `degree` whose values at `x` are nearest to
    /// those of this vector, or of each column of this matrix, in the sense of least squares.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.linspace(0.0, 9.0, 10)?;
    /// let line = cx.compute((&x * 3.0 + 1.0).polyfit(&x, 1)?)?;
    /// let line = line.to_ndarray::<f64>()?;
    /// assert!((line[[0]] - 3.0).abs() < 1e-12 && (line[[1]] - 1.0).abs() < 1e-12);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`polyfit`].
    #[track_caller]
    pub fn polyfit<X: Kind>(&self, x: &Array<X>, degree: usize) -> Result<Array> {
        Ok(Array::of(polyfit(x.expr(), self.expr(), degree, &Fitting::default())?.coefficients))
    }
}

/// How polynomials are fitted.
#[derive(Debug, Clone, Default)]
pub struct Fitting {
    /// Singular values up to this times the largest count as zero; by default the unit of the dtype of `x` times how
    /// many there are.
    pub rcond: Option<f64>,
    /// What the distances are multiplied with.
    pub weights: Option<Expr>,
}

/// Polynomials that fit data.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// Their coefficients along the first axis.
    pub coefficients: Expr,
    /// The sums of squares of what is left, the rank, the singular values, of the matrix of powers with columns of
    /// length 1.
    pub rest: [Expr; 3],
    /// What singular values were compared with.
    pub rcond: f64,
    /// The matrix of powers, whose columns have length 1,
    powers: Expr,
    /// and their lengths before.
    lengths: Expr,
}

/// The polynomials of `degree` that are nearest to `y`, a vector or columns, at `x`, as NumPy finds them: by singular
/// values of the matrix of powers, whose columns are made to have length 1.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for an `x` that is no vector or empty, and a `y` of another length,
/// [`DType`](crate::ErrorKind::DType) for floats of 16 bits.
#[track_caller]
pub fn polyfit(x: &Expr, y: &Expr, degree: usize, how: &Fitting) -> Result<Fitted> {
    let (places, values) = (x.shape.known()?, y.shape.known()?);
    let (&[n], [rows, ..]) = (places.as_slice(), values.as_slice()) else {
        return Err(Error::shape(
            "polyfit",
            format!("shapes {} and {} are no vector and its values", x.shape, y.shape),
        ));
    };
    if n == 0 || n != *rows || values.len() > 2 {
        return Err(Error::shape("polyfit", format!("shapes {} and {} do not fit each other", x.shape, y.shape)));
    }
    let (x, mut y) = (inexact(x)?, inexact(y)?);
    let mut powers = vander(&x, degree + 1, false)?;
    if let Some(weights) = &how.weights {
        let weights = inexact(weights)?;
        if weights.shape != x.shape {
            let why = format!("weights of shape {} for values at {}", weights.shape, x.shape);
            return Err(Error::shape("polyfit", why));
        }
        let columns = as_axis(&weights, 0, 2)?;
        powers = binary(Op::Multiply, &powers, &columns)?;
        y = binary(Op::Multiply, &y, if y.shape.rank() == 1 { &weights } else { &columns })?;
    }
    let lengths = unary(Op::Sqrt, &reduce_away(&binary(Op::Multiply, &powers, &powers)?, "sum", &[0], None)?)?;
    powers = binary(Op::Divide, &powers, &lengths)?;
    let unit = if x.dtype.real() == DType::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
    let rcond = how.rcond.unwrap_or_else(|| f64::from(u32::try_from(n).unwrap_or(u32::MAX)) * unit);
    let found = lstsq(&powers, &y, Some(rcond))?;
    let scale = if y.shape.rank() == 1 { lengths.clone() } else { as_axis(&lengths, 0, 2)? };
    Ok(Fitted {
        coefficients: binary(Op::Divide, &found.x, &scale)?,
        rest: [found.residuals, found.rank, found.s],
        rcond,
        powers,
        lengths,
    })
}

impl Fitted {
    /// The covariance of coefficients: the inverse of the products of powers with each other, times what is left over
    /// the number of values beyond that of coefficients, unless `unscaled`. Of several polynomials, along the last
    /// axis.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) for too few values.
    #[track_caller]
    pub fn covariance(&self, unscaled: bool) -> Result<Expr> {
        let [n, order] = <[usize; 2]>::try_from(self.powers.shape.known()?)
            .map_err(|shape| Error::bug(format!("a matrix of powers has two axes, not {}", shape.len())))?;
        let squares = inv(&matmul(&moved(&self.powers, 0, 1)?, &self.powers)?)?;
        let scales = binary(Op::Multiply, &as_axis(&self.lengths, 0, 2)?, &as_axis(&self.lengths, 1, 2)?)?;
        let base = binary(Op::Divide, &squares, &scales)?;
        let several = self.coefficients.shape.rank() == 2;
        let base = if several { thick_behind(&base)? } else { base };
        if unscaled {
            return Ok(base);
        }
        if n <= order {
            let why = format!("{n} values do not suffice to scale the covariance of {order} coefficients");
            return Err(Error::shape("polyfit", why));
        }
        let free = i64::try_from(n - order).unwrap_or(i64::MAX);
        binary(Op::Multiply, &base, &binary(Op::Divide, &self.rest[0], free)?)
    }
}

/// With an axis of length 1 behind the others.
fn thick_behind(x: &Expr) -> Result<Expr> {
    let shape = [x.shape.known()?, vec![1]].concat();
    build::reshape(x, &shape)
}

/// Integers as `f64`.
fn inexact(x: &Expr) -> Result<Expr> {
    build::cast(x, if x.dtype.is_inexact() { x.dtype } else { DType::F64 })
}

/// The polynomial with these zeros, whose highest coefficient is 1.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for what is no vector; [`DType`](crate::ErrorKind::DType) for complex zeros:
/// whether the coefficients are real depends on them; [`Unsupported`](crate::ErrorKind::Unsupported) for more than
/// 1024.
#[track_caller]
pub fn poly(zeros: &Expr) -> Result<Expr> {
    let zeros = inexact(&coefficients(zeros)?)?;
    let n = zeros.lengths()[0];
    if zeros.dtype.is_complex() {
        return Err(Error::dtype("poly", "zeros must be real: whether coefficients are depends on complex ones"));
    }
    if n > MOST_COEFFICIENTS {
        return Err(Error::unsupported(format!("a polynomial of {n}, above {MOST_COEFFICIENTS}, zeros")));
    }
    if n == 0 {
        // NumPy's is a number then.
        return build::full(&[], 1.into(), DType::F64, None);
    }
    let none = build::full(&[1], 0.into(), zeros.dtype, None)?;
    let mut product = build::full(&[1], 1.into(), zeros.dtype, None)?;
    for k in 0..n {
        let less = joined(&[none.clone(), product.clone()], 0)?;
        let raised = joined(&[product, none.clone()], 0)?;
        product = binary(Op::Subtract, &raised, &binary(Op::Multiply, &range(&zeros, 0, k, k + 1)?, &less)?)?;
    }
    Ok(product)
}

/// The value at `x` of the polynomial with these coefficients, the highest power first, by Horner's rule. What `p`
/// holds along its first axis may be arrays.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for a number in place of coefficients, and arrays that do not broadcast;
/// [`Unsupported`](crate::ErrorKind::Unsupported) for more than 1024.
#[track_caller]
pub fn polyval(p: &Expr, x: &Expr) -> Result<Expr> {
    let n = *p.shape.known()?.first().ok_or_else(|| Error::shape("polyval", "a number is no list of coefficients"))?;
    if n > MOST_COEFFICIENTS {
        return Err(Error::unsupported(format!("a polynomial of {n}, above {MOST_COEFFICIENTS}, coefficients")));
    }
    let mut y = build::full(&x.shape.known()?, 0.into(), x.dtype, None)?;
    for k in 0..n.cast_signed() {
        y = binary(Op::Add, &binary(Op::Multiply, &y, x)?, &along(p, 0, k)?)?;
    }
    Ok(y)
}

/// The sum, or another operation, of two polynomials: the shorter has zeros in front.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for what is no vector of coefficients.
#[track_caller]
pub fn poly_binary(op: Op, a: &Expr, b: &Expr) -> Result<Expr> {
    let (a, b) = (coefficients(a)?, coefficients(b)?);
    let (n, m) = (a.lengths()[0], b.lengths()[0]);
    let longer = |x: Expr, more: usize| match more {
        0 => Ok(x),
        more => joined(&[constant_along(&x, 0, more, 0, x.dtype)?, x], 0),
    };
    binary(op, &longer(a, m.saturating_sub(n))?, &longer(b, n.saturating_sub(m))?)
}

/// The product of two polynomials. How long it is depends on leading coefficients: the run fails where one is 0.
///
/// # Errors
/// As [`convolve`].
#[track_caller]
pub fn polymul(a: &Expr, b: &Expr) -> Result<Expr> {
    let led = |x: &Expr| {
        let x = coefficients(x)?;
        // The polynomial 0 is one 0, which stays.
        if x.lengths()[0] < 2 {
            return Ok(x);
        }
        let leads = binary(Op::NotEqual, &along(&x, 0, 0)?, 0)?;
        where_all(&x, &leads, "polymul", "a leading coefficient is 0; cut it off")
    };
    convolve(&led(a)?, &led(b)?, Mode::Full)
}

fn coefficients(x: &Expr) -> Result<Expr> {
    let x = thick(x, 1)?;
    if x.shape.rank() > 1 {
        return Err(Error::shape("polynomial", format!("coefficients stand in a vector, not in {}", x.shape)));
    }
    Ok(x)
}

/// The `m`-th derivative of a polynomial.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for what is no vector of coefficients.
#[track_caller]
pub fn polyder(p: &Expr, m: usize) -> Result<Expr> {
    let mut p = coefficients(p)?;
    for _ in 0..m {
        let n = p.lengths()[0];
        if n == 0 {
            break;
        }
        let powers = flip(&binary(Op::Add, build::iota(n - 1, None), 1)?, &Axes::All)?;
        p = binary(Op::Multiply, &range(&p, 0, 0, n - 1)?, &powers)?;
    }
    Ok(p)
}

/// The `constants.len()`-th integral of a polynomial, with these constants from the first integration on.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for what is no vector of coefficients.
#[track_caller]
pub fn polyint(p: &Expr, constants: &[Expr]) -> Result<Expr> {
    let mut p = coefficients(p)?;
    for constant in constants {
        let n = p.lengths()[0];
        let powers = flip(&binary(Op::Add, build::iota(n, None), 1)?, &Axes::All)?;
        let raised = binary(Op::Divide, &p, &powers)?;
        p = joined(&[raised, thick(constant, 1)?], 0)?;
    }
    Ok(p)
}
