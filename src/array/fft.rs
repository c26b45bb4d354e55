//! Discrete Fourier transforms over any axes.

use super::{Array, Kind, done};
use crate::error::{Error, Result};
use crate::expr::spectra::{Norm, Transform, frequencies, in_order, shifted, transform, transform_axes};
use crate::runtime::context::Context;
use crate::shape::axes::Axes;

impl Context {
    /// The frequencies of [`Array::fft`] of `n` points that are `d` apart, in cycles per unit of `d`: 0 and the
    /// positive ones, then the negative ones.
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

/// Discrete Fourier transforms, `X[k] = Σ x[j] exp(-2πi jk/n)`, and their inverses, which divide by `n`. Single
/// precision stays single. Any length goes; those without large prime factors are fastest. Lines are whole, so the axes
/// should lie in few chunks: where they do not, the array is copied once through memory or disk. Each method panics on
/// an axis that is not there and on axes of length 0; [`Array::try_transform`] does not, and knows other lengths and
/// norms.
///
/// ```
/// # use hyperslab::Context;
/// # let cx = Context::default();
/// let x = cx.from_ndarray(ndarray::arr1(&[1.0_f64, 2.0, 3.0, 4.0]).into_dyn())?;
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

    /// Any transform along some axes, each of so many points, where a number is given: elements beyond are left out,
    /// and zeros stand for those that are missing.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// use hyperslab::expr::spectra::{Norm, Transform};
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
