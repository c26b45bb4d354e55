//! Discrete Fourier transforms as NumPy has them: cut or filled lines, norms, several axes.

use super::build::{self, Arg};
use super::compose::{constant_along, range, rolled, unary};
use super::node::Expr;
use super::pending::when_known;
use super::regions;
use crate::dtype::scalar::Scalar;
use crate::dtype::{self, DType};
use crate::error::{Error, Result};
use crate::op::elementwise::ElementOp as Op;
use crate::op::regional::fourier;
use crate::op::regional::{Fourier, LineOp};
use crate::shape::axes::{Axes, position};
use half::{bf16, f16};

/// Which transform; NumPy's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// Complex numbers to their spectrum.
    Fft,
    /// A spectrum to complex numbers.
    Ifft,
    /// Real numbers to the half of their spectrum that says all.
    Rfft,
    /// That half to real numbers.
    Irfft,
    /// The half of a line that mirrors itself to its spectrum, which is real.
    Hfft,
    /// A real spectrum to that half.
    Ihfft,
}

/// Which of a transform and its inverse divides by the number of points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Norm {
    /// The inverse.
    #[default]
    Backward,
    /// Both, by its square root.
    Ortho,
    /// The transform.
    Forward,
}

impl Transform {
    /// The NumPy name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fft => "fft",
            Self::Ifft => "ifft",
            Self::Rfft => "rfft",
            Self::Irfft => "irfft",
            Self::Hfft => "hfft",
            Self::Ihfft => "ihfft",
        }
    }

    /// Whether it takes half of a spectrum to as many points as the whole has.
    fn is_back(self) -> bool {
        matches!(self, Self::Irfft | Self::Hfft)
    }
}

impl Norm {
    /// The norm of this NumPy name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        match name {
            "backward" => Some(Self::Backward),
            "ortho" => Some(Self::Ortho),
            "forward" => Some(Self::Forward),
            _ => None,
        }
    }

    /// The norm under which the inverse is what this makes of the transform.
    fn swapped(self) -> Self {
        match self {
            Self::Backward => Self::Forward,
            Self::Ortho => Self::Ortho,
            Self::Forward => Self::Backward,
        }
    }

    /// The factor of a forward transform of `n` points, rounded to `dtype` at every step, as NumPy's is.
    fn factor(self, n: usize, dtype: DType) -> f64 {
        let rounded = |x: f64| match dtype {
            DType::F16 => f16::from_f64(x).to_f64(),
            DType::BF16 => bf16::from_f64(x).to_f64(),
            #[expect(clippy::cast_possible_truncation, reason = "rounding is what is wanted")]
            DType::F32 => f64::from(x as f32),
            _ => x,
        };
        #[expect(clippy::cast_precision_loss, reason = "a length is exact up to 2^53")]
        let n = rounded(n as f64);
        match self {
            Self::Backward => 1.0,
            Self::Ortho => rounded(1.0 / rounded(n.sqrt())),
            Self::Forward => rounded(1.0 / n),
        }
    }
}

/// The transform of every line along `axis`, of `n` points: lines are cut, or filled with zeros, to as many as it
/// takes. Without `n`, of all elements there are, or for half a spectrum of twice as many less two.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) for an axis that is not there, [`Argument`](crate::ErrorKind::Argument) for less
/// than one point, [`DType`](crate::ErrorKind::DType) where complex numbers should be real.
#[track_caller]
pub fn transform(x: &Expr, of: Transform, n: Option<isize>, axis: isize, norm: Norm) -> Result<Expr> {
    let axis = position(of.name(), axis, x.shape.rank())?;
    if x.shape.is_known() {
        return along(x, of, n, axis, norm);
    }
    when_known(of.name(), std::slice::from_ref(x), move |e| along(&e[0], of, n, axis, norm))
}

#[track_caller]
fn along(x: &Expr, of: Transform, n: Option<isize>, axis: usize, norm: Norm) -> Result<Expr> {
    let length = x.shape.known()?[axis].cast_signed();
    let n = n.unwrap_or(if of.is_back() { 2 * (length - 1) } else { length });
    let points = match usize::try_from(n) {
        Ok(points) if points > 0 => points,
        _ => {
            let why = format!("{n} points along axis {axis} of an array of shape {}; at least one is needed", x.shape);
            return Err(Error::argument(of.name(), why));
        }
    };
    match of {
        Transform::Fft => lines(x, of, points, axis, (false, norm)),
        Transform::Ifft => lines(x, of, points, axis, (true, norm.swapped())),
        Transform::Rfft => lines(x, of, points, axis, (false, norm)),
        Transform::Irfft => lines(x, of, points, axis, (true, norm.swapped())),
        Transform::Hfft => lines(&conjugate(x)?, of, points, axis, (true, norm)),
        Transform::Ihfft => conjugate(&lines(x, of, points, axis, (false, norm.swapped()))?),
    }
}

#[track_caller]
fn conjugate(x: &Expr) -> Result<Expr> {
    if x.dtype.kind() == dtype::Kind::Complex { unary(Op::Conjugate, x) } else { Ok(x.clone()) }
}

/// Transforms lines that are cut or filled to `points`, or to half of them, in the dtype that NumPy computes in.
#[track_caller]
fn lines(x: &Expr, of: Transform, points: usize, axis: usize, (inverse, norm): (bool, Norm)) -> Result<Expr> {
    let complex = x.dtype.kind() == dtype::Kind::Complex;
    // That of the real parts, in which factors are rounded.
    let real = match x.dtype {
        DType::F16 | DType::BF16 | DType::F32 => x.dtype,
        DType::C64 => DType::F32,
        _ => DType::F64,
    };
    let narrow = real != DType::F64;
    let half = points / 2 + 1;
    let (kind, taken, out) = match of {
        Transform::Fft | Transform::Ifft if complex => (fourier::Transform::Complex, points, points),
        Transform::Fft | Transform::Ifft => (fourier::Transform::Whole, points, points),
        Transform::Rfft | Transform::Ihfft if complex => {
            return Err(Error::dtype(of.name(), format!("takes real numbers, not {}", x.dtype)));
        }
        Transform::Rfft | Transform::Ihfft => (fourier::Transform::Half, points, half),
        Transform::Irfft | Transform::Hfft => (fourier::Transform::Back, half, points),
    };
    let complex_lines = matches!(kind, fourier::Transform::Complex | fourier::Transform::Back);
    let work = match (complex_lines, narrow) {
        (true, true) => DType::C64,
        (true, false) => DType::C128,
        (false, true) => DType::F32,
        (false, false) => DType::F64,
    };
    let line = build::cast(&filled(x, axis, taken)?, work)?;
    let op = LineOp::Fourier(Fourier::new(kind, inverse, norm.factor(points, real)));
    let made = regions::lines(&[line], op, axis, out)?;
    // Real numbers are as short as the array's.
    if of.is_back() { build::cast(&made, real) } else { Ok(made) }
}

/// The first `n` elements along `axis`, zeros where there are less.
#[track_caller]
fn filled(x: &Expr, axis: usize, n: usize) -> Result<Expr> {
    let length = x.shape.known()?[axis];
    if length >= n {
        return if length == n { Ok(x.clone()) } else { range(x, axis, 0, n) };
    }
    let zeros = constant_along(x, axis, n - length, 0, x.dtype)?;
    if length == 0 { Ok(zeros) } else { build::concatenate(&[x.clone(), zeros], axis) }
}

/// The transform along several axes, the last one first; of [`Transform::Irfft`], the first one first, and the last one
/// back to real numbers. Lengths are as for [`transform`], of -1 those that the array has.
///
/// # Errors
/// As [`transform`]; [`Argument`](crate::ErrorKind::Argument) where there are not as many lengths as axes, and for no
/// axes where one is needed.
#[track_caller]
pub fn transform_axes(
    x: &Expr,
    of: Transform,
    lengths: Option<&[Option<isize>]>,
    axes: &[isize],
    norm: Norm,
) -> Result<Expr> {
    let axes = axes.iter().map(|&a| position(of.name(), a, x.shape.rank())).collect::<Result<Vec<_>>>()?;
    if let Some(lengths) = lengths.filter(|l| l.len() != axes.len()) {
        return Err(Error::argument(of.name(), format!("{} lengths for {} axes", lengths.len(), axes.len())));
    }
    if x.shape.is_known() {
        return many(x, of, lengths, &axes, norm);
    }
    let lengths = lengths.map(<[_]>::to_vec);
    when_known(of.name(), std::slice::from_ref(x), move |e| many(&e[0], of, lengths.as_deref(), &axes, norm))
}

#[track_caller]
fn many(x: &Expr, of: Transform, lengths: Option<&[Option<isize>]>, axes: &[usize], norm: Norm) -> Result<Expr> {
    let shape = x.shape.known()?;
    let length = |i: usize| shape[axes[i]].cast_signed();
    // As many as the array has before any transform, unless that is asked for otherwise.
    let points = |i: usize| match lengths.map(|l| l[i]) {
        Some(None) => None,
        Some(Some(-1)) => Some(length(i)),
        Some(Some(n)) => Some(n),
        None if of.is_back() && i + 1 == axes.len() => Some(2 * (length(i) - 1)),
        None => Some(length(i)),
    };
    let last = axes.len().checked_sub(1);
    let others = 0..last.unwrap_or(0);
    let (rest, backwards) = match of {
        Transform::Fft | Transform::Ifft => (of, true),
        Transform::Rfft => (Transform::Fft, true),
        Transform::Ihfft => (Transform::Ifft, true),
        Transform::Irfft => (Transform::Ifft, false),
        Transform::Hfft => (Transform::Fft, false),
    };
    let Some(last) = last else {
        return match of {
            Transform::Fft | Transform::Ifft => Ok(x.clone()),
            _ => Err(Error::argument(of.name(), "needs at least one axis")),
        };
    };
    let mut steps: Vec<(Transform, usize)> = others.map(|i| (rest, i)).collect();
    steps.push((of, last));
    if backwards {
        steps.reverse();
    }
    let mut out = x.clone();
    for (of, i) in steps {
        out = along(&out, of, points(i), axes[i], norm)?;
    }
    Ok(out)
}

/// `x` rolled along `axes` so that the frequency 0, which is first, comes to the middle; with `back`, the other way.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) for an axis that is not there, and for an array of none.
#[track_caller]
pub fn shifted(x: &Expr, axes: &[isize], back: bool) -> Result<Expr> {
    let name = if back { "ifftshift" } else { "fftshift" };
    let rank = x.shape.rank();
    if rank == 0 {
        return Err(Error::axis(name, "an array of rank 0 has no axis to shift"));
    }
    let axes = axes.iter().map(|&a| position(name, a, rank)).collect::<Result<Vec<_>>>()?;
    if x.shape.is_known() {
        return halved(x, &axes, back);
    }
    when_known(name, std::slice::from_ref(x), move |e| halved(&e[0], &axes, back))
}

/// `x` rolled by half of its length along `axes`.
#[track_caller]
fn halved(x: &Expr, axes: &[usize], back: bool) -> Result<Expr> {
    let lengths = x.shape.known()?;
    let mut out = x.clone();
    for &axis in axes {
        let half = (lengths[axis] / 2).cast_signed();
        out = rolled(&out, axis, if back { -half } else { half })?;
    }
    Ok(out)
}

/// The numbers of the frequencies of a transform of `n` points, in its order: those from 0 on, then the negative ones;
/// the first `half` of them where only these are there.
///
/// # Errors
/// None for lengths that fit.
#[track_caller]
pub fn frequencies(n: usize, half: bool) -> Result<Expr> {
    if half {
        return Ok(build::iota(n / 2 + 1, None));
    }
    let (first, points) = (n.div_ceil(2), n);
    build::compose_typed("fftfreq", &[Arg::Array(build::iota(n, None))], &[None], |p, v| {
        let [first, points] = [first, points].map(|k| p.constant(Scalar::Int(k as i128), DType::I64));
        let (low, negative) = (p.op(Op::Less, &[v[0], first])?, p.op(Op::Subtract, &[v[0], points])?);
        Ok(p.select(low, v[0], negative))
    })
}

/// Axes in the order in which they are named.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) for one that is not there.
pub fn in_order(name: &str, axes: &Axes, x: &Expr) -> Result<Vec<isize>> {
    let rank = x.shape.rank();
    match axes {
        Axes::All => Ok((0..rank.cast_signed()).collect()),
        Axes::Positions(list) => Ok(list.clone()),
        Axes::Names(list) => {
            let position = |one: &String| Axes::Names(vec![one.clone()]).resolve(name, rank, &x.names);
            let found = list.iter().map(position).collect::<Result<Vec<_>>>()?;
            Ok(found.into_iter().flatten().map(usize::cast_signed).collect())
        }
    }
}
