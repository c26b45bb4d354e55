//! Discrete Fourier transforms over any axes.

use super::{Array, Kind, done};
use crate::dtype::scalar::Scalar;
use crate::dtype::{self, DType};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::compose::{constant_along, range, rolled, unary};
use crate::expr::pending::when_known;
use crate::expr::regions;
use crate::op::elementwise::ElementOp as Op;
use crate::op::regional::fourier;
use crate::op::regional::{Fourier, LineOp};
use crate::runtime::context::Context;
use crate::shape::axes::Axes;
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

/// The transform of every line along `axis`, of `n` points: lines are cut, or filled with zeros, to as many as it takes.
/// Without `n`, of all elements there are, or for half a spectrum of twice as many less two.
///
/// # Errors
/// [`Axis`](crate::ErrorKind::Axis) for an axis that is not there, [`Argument`](crate::ErrorKind::Argument) for less than
/// one point, [`DType`](crate::ErrorKind::DType) where complex numbers should be real.
#[track_caller]
pub fn transform(x: &Expr, of: Transform, n: Option<isize>, axis: isize, norm: Norm) -> Result<Expr> {
    let axis = crate::shape::axes::position(of.name(), axis, x.shape.rank())?;
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

fn conjugate(x: &Expr) -> Result<Expr> {
    if x.dtype.kind() == dtype::Kind::Complex { unary(Op::Conjugate, x) } else { Ok(x.clone()) }
}

/// Transforms lines that are cut or filled to `points`, or to half of them, in the dtype that NumPy computes in.
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
fn filled(x: &Expr, axis: usize, n: usize) -> Result<Expr> {
    let length = x.shape.known()?[axis];
    if length >= n {
        return if length == n { Ok(x.clone()) } else { range(x, axis, 0, n) };
    }
    let zeros = constant_along(x, axis, n - length, 0, x.dtype)?;
    if length == 0 { Ok(zeros) } else { build::concatenate(&[x.clone(), zeros], axis) }
}

/// The transform along several axes, the last one first; of [`Transform::Irfft`], the first one first, and the last one back
/// to real numbers. Lengths are as for [`transform`], of -1 those that the array has.
///
/// # Errors
/// As [`transform`]; [`Argument`](crate::ErrorKind::Argument) where there are not as many lengths as axes, and for no axes
/// where one is needed.
#[track_caller]
pub fn transform_axes(
    x: &Expr,
    of: Transform,
    lengths: Option<&[Option<isize>]>,
    axes: &[isize],
    norm: Norm,
) -> Result<Expr> {
    let position = |&axis: &isize| crate::shape::axes::position(of.name(), axis, x.shape.rank());
    let axes = axes.iter().map(position).collect::<Result<Vec<_>>>()?;
    if let Some(lengths) = lengths.filter(|l| l.len() != axes.len()) {
        return Err(Error::argument(of.name(), format!("{} lengths for {} axes", lengths.len(), axes.len())));
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
    let step = |of: Transform| move |out: Expr, i: usize| along(&out, of, points(i), axes[i], norm);
    let others = 0..axes.len().saturating_sub(1);
    let last = || axes.len().checked_sub(1).ok_or_else(|| Error::argument(of.name(), "needs at least one axis"));
    match of {
        Transform::Fft | Transform::Ifft => (0..axes.len()).rev().try_fold(x.clone(), step(of)),
        Transform::Rfft => others.rev().try_fold(step(of)(x.clone(), last()?)?, step(Transform::Fft)),
        Transform::Ihfft => others.rev().try_fold(step(of)(x.clone(), last()?)?, step(Transform::Ifft)),
        Transform::Irfft => step(of)(others.clone().try_fold(x.clone(), step(Transform::Ifft))?, last()?),
        Transform::Hfft => step(of)(others.clone().try_fold(x.clone(), step(Transform::Fft))?, last()?),
    }
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
    let axes = axes.iter().map(|&a| crate::shape::axes::position(name, a, rank)).collect::<Result<Vec<_>>>()?;
    when_known(name, std::slice::from_ref(x), move |e| {
        let lengths = e[0].shape.known()?;
        axes.iter().try_fold(e[0].clone(), |out, &axis| {
            let half = (lengths[axis] / 2).cast_signed();
            rolled(&out, axis, if back { -half } else { half })
        })
    })
}

/// The numbers of the frequencies of a transform of `n` points, in its order: those from 0 on, then the negative ones; the
/// first `half` of them where only these are there.
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

impl Context {
    /// The frequencies of [`Array::fft`] of `n` points that are `d` apart, in cycles per unit of `d`: 0 and the positive
    /// ones, then the negative ones.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// assert_eq!(cx.compute(cx.fftfreq(4, 0.5)?)?.as_slice().unwrap(), &[0.0, 0.5, -1.0, -0.5]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for no points, or points at one place.
    #[track_caller]
    pub fn fftfreq(&self, n: usize, d: f64) -> Result<Array<f64>> {
        spaced("fftfreq", n, d, false)
    }

    /// The frequencies of [`Array::rfft`] of `n` points that are `d` apart, in cycles per unit of `d`.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// assert_eq!(cx.compute(cx.rfftfreq(4, 0.5)?)?.as_slice().unwrap(), &[0.0, 0.5, 1.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for no points, or points at one place.
    #[track_caller]
    pub fn rfftfreq(&self, n: usize, d: f64) -> Result<Array<f64>> {
        spaced("rfftfreq", n, d, true)
    }
}

#[track_caller]
fn spaced(name: &str, n: usize, d: f64, half: bool) -> Result<Array<f64>> {
    #[expect(clippy::cast_precision_loss, reason = "a length is exact up to 2^53")]
    let span = n as f64 * d;
    if span == 0.0 {
        return Err(Error::argument(name, format!("{n} points that are {d} apart span nothing")));
    }
    let found = Array::<i64>::of(frequencies(n, half)?);
    Ok(found.cast::<f64>() * (1.0 / span))
}

macro_rules! along_one {
    ($($doc:literal $name:ident $of:ident $T:ty;)*) => { $(
        #[doc = $doc]
        #[track_caller]
        #[must_use]
        pub fn $name(&self, axis: impl Into<Axes>) -> Array<$T> {
            let axes = done(self.in_order(Transform::$of, &axis.into(), true));
            Array::of(done(transform(self.expr(), Transform::$of, None, axes[0], Norm::Backward)))
        }
    )* };
}

macro_rules! along_many {
    ($($doc:literal $name:ident $of:ident $T:ty;)*) => { $(
        #[doc = $doc]
        #[track_caller]
        #[must_use]
        pub fn $name(&self, axes: impl Into<Axes>) -> Array<$T> {
            let axes = done(self.in_order(Transform::$of, &axes.into(), false));
            Array::of(done(transform_axes(self.expr(), Transform::$of, None, &axes, Norm::Backward)))
        }
    )* };
}

/// Discrete Fourier transforms, `X[k] = Σ x[j] exp(-2πi jk/n)`, and their inverses, which divide by `n`. Single precision
/// stays single. Any length goes; those without large prime factors are fastest. Lines are whole, so the axes should lie in
/// few chunks: where they do not, the array is copied once through memory or disk. Each method panics on an axis that is not
/// there and on axes of length 0; [`Array::try_transform`] does not, and knows other lengths and norms.
///
/// ```
/// # use hyperslab::Context;
/// # let cx = Context::default();
/// let x = cx.from_ndarray(ndarray::arr1(&[1.0, 2.0, 3.0, 4.0]).into_dyn())?;
/// let (spectrum, again) = cx.compute((x.rfft(0), x.rfft(0).irfft(0)))?;
/// assert_eq!(spectrum.iter().map(|z| (z.re, z.im)).collect::<Vec<_>>(), [(10.0, 0.0), (-2.0, 2.0), (-2.0, 0.0)]);
/// assert_eq!(again.as_slice().unwrap(), &[1.0, 2.0, 3.0, 4.0]);
/// # Ok::<(), hyperslab::Error>(())
/// ```
impl<T: Kind> Array<T> {
    along_one! {
        "The spectrum along an axis: 0, the positive frequencies, then the negative ones." fft Fft T::Complex;
        "The inverse of [`Array::fft`]." ifft Ifft T::Complex;
        "The spectrum of real numbers along an axis, without the negative frequencies, which mirror the others."
            rfft Rfft T::Complex;
        "The inverse of [`Array::rfft`], of an even number of points." irfft Irfft <T::Real as Kind>::Mean;
        "The real spectrum of an even number of points along an axis that mirror themselves, of which the first half is given."
            hfft Hfft <T::Real as Kind>::Mean;
        "The inverse of [`Array::hfft`]." ihfft Ihfft T::Complex;
    }
    along_many! {
        "The spectrum along several axes; one that is named twice is transformed twice." fftn Fft T::Complex;
        "The inverse of [`Array::fftn`]." ifftn Ifft T::Complex;
        "The spectrum of real numbers along several axes, without the negative frequencies of the last." rfftn Rfft T::Complex;
        "The inverse of [`Array::rfftn`], of an even number of points along the last of the axes."
            irfftn Irfft <T::Real as Kind>::Mean;
    }

    /// The spectrum along the last two axes.
    #[track_caller]
    #[must_use]
    pub fn fft2(&self) -> Array<T::Complex> {
        self.fftn([-2, -1])
    }

    /// The inverse of [`Array::fft2`].
    #[track_caller]
    #[must_use]
    pub fn ifft2(&self) -> Array<T::Complex> {
        self.ifftn([-2, -1])
    }

    /// The spectrum of real numbers along the last two axes, without the negative frequencies of the last.
    #[track_caller]
    #[must_use]
    pub fn rfft2(&self) -> Array<T::Complex> {
        self.rfftn([-2, -1])
    }

    /// The inverse of [`Array::rfft2`], of an even number of points along the last axis.
    #[track_caller]
    #[must_use]
    pub fn irfft2(&self) -> Array<<T::Real as Kind>::Mean> {
        self.irfftn([-2, -1])
    }

    /// Any transform along some axes, each of so many points, where a number is given: elements beyond are left out, and
    /// zeros stand for those that are missing.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// use hyperslab::array::fft::{Norm, Transform};
    /// # let cx = Context::default();
    /// let x = cx.from_ndarray(ndarray::arr1(&[1.0, 2.0]).into_dyn())?;
    /// let spectrum = x.try_transform(Transform::Rfft, 0, &[Some(4)], Norm::Forward)?;
    /// assert_eq!(cx.compute(spectrum)?.to_ndarray::<num_complex::Complex64>()?[[0]].re, 0.75);
    /// assert!(x.try_transform(Transform::Rfft, 0, &[Some(0)], Norm::Forward).is_err());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`transform_axes`].
    #[track_caller]
    pub fn try_transform(
        &self,
        of: Transform,
        axes: impl Into<Axes>,
        points: &[Option<usize>],
        norm: Norm,
    ) -> Result<Array> {
        let axes = self.in_order(of, &axes.into(), false)?;
        let points: Vec<Option<isize>> = points.iter().map(|n| n.map(usize::cast_signed)).collect();
        let points = (!points.is_empty()).then_some(points.as_slice());
        Ok(Array::of(transform_axes(self.expr(), of, points, &axes, norm)?))
    }

    /// The array rolled along some axes so that the frequency 0, which is first, comes to the middle.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let f = cx.fftfreq(5, 0.2)?;
    /// assert_eq!(cx.compute(f.fftshift(..))?.as_slice().unwrap(), &[-2.0, -1.0, 0.0, 1.0, 2.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn fftshift(&self, axes: impl Into<Axes>) -> Self {
        let axes = done(self.in_order(Transform::Fft, &axes.into(), false));
        Self::of(done(shifted(self.expr(), &axes, false)))
    }

    /// The inverse of [`Array::fftshift`].
    #[track_caller]
    #[must_use]
    pub fn ifftshift(&self, axes: impl Into<Axes>) -> Self {
        let axes = done(self.in_order(Transform::Fft, &axes.into(), false));
        Self::of(done(shifted(self.expr(), &axes, true)))
    }

    /// Axes in the order in which they are named, one of them where that is asked for.
    fn in_order(&self, of: Transform, axes: &Axes, one: bool) -> Result<Vec<isize>> {
        let found = in_order(of.name(), axes, self.expr())?;
        if one && found.len() != 1 {
            let why = format!("goes along one axis, not {} of {}", found.len(), self.shape());
            return Err(Error::axis(of.name(), why));
        }
        Ok(found)
    }
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
