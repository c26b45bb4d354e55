//! Arrays at places that are data.

use super::Ndimage;
use super::geometry::{Spline, all, of_nothing, refuse, refuse_numbers, splines};
use crate::array::padding::{Border, pad};
use crate::array::{Array, Kind};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, index};
use crate::expr::pending::when_known;
use crate::expr::regions::interpolate;
use crate::op::regional::gather::Splines;
use crate::op::regional::resample::Rim;
use crate::shape::slice::Item;
use crate::shape::tuple;

/// What splines through the elements of `x` have at `coordinates`: along their first axis one for each axis of `x`; the
/// result has their other axes.
///
/// Which elements a place needs is known when it is computed: a block reads each chunk that holds any of them once.
///
/// # Errors
/// As [`shift`](super::geometry::shift); [`Shape`](crate::ErrorKind::Shape) for coordinates that are not those of an
/// array of this rank, and [`DType`](crate::ErrorKind::DType) for complex ones.
#[track_caller]
pub fn map_coordinates(x: &Expr, coordinates: &Expr, spline: &Spline) -> Result<Expr> {
    const NAME: &str = "map_coordinates";
    let rank = refuse_numbers(NAME, x)?;
    refuse(NAME, x, spline)?;
    if coordinates.dtype.is_complex() {
        return Err(Error::dtype(NAME, format!("coordinates are real numbers, not {}", coordinates.dtype)));
    }
    let spline = spline.clone();
    when_known(NAME, &[x.clone(), coordinates.clone()], move |e| {
        let (x, shape) = (&e[0], e[1].shape.known()?);
        if shape.len() < 2 || shape[0] != rank {
            let why = format!("coordinates of shape {} for an array of rank {rank}", tuple(&shape));
            return Err(Error::shape(
                NAME,
                format!("{why}: along the first of at least two axes there is one for each axis"),
            ));
        }
        let (out, output) = (&shape[1..], spline.output.unwrap_or(x.dtype));
        let empty = x.shape.known()?.contains(&0);
        if empty || out.contains(&0) {
            return of_nothing(NAME, empty, out, (output, &spline));
        }
        let (mut source, mut knots) = splines(NAME, x, &all(rank), &spline)?;
        if spline.rim == Rim::GridWrap && spline.order > 0 {
            // No place needs elements of both ends.
            knots.around = spline.order / 2 + 1;
            source = pad(&source, &vec![(knots.around, knots.around); rank], &Border::Wrap)?;
        }
        let axis = |a: usize| build::cast(&index(&e[1], &[Item::Index(a.cast_signed())])?, DType::F64);
        let coordinates = (0..rank).map(axis).collect::<Result<Vec<_>>>()?;
        interpolate(&source, &coordinates, Splines { name: NAME, knots, output })
    })
}

impl<T: Kind> Ndimage<T> {
    /// The array at places between its elements: along the first axis of `coordinates` there is one for each of its
    /// axes.
    ///
    /// ```
    /// use hyperslab::array::ndimage::geometry::Spline;
    /// let cx = hyperslab::Context::default();
    /// let x = cx.linspace(0.0, 5.0, 6)?.reshape(&[2, 3]);
    /// let places = cx.from_ndarray(ndarray::array![[0.0, 0.5, 1.0], [2.0, 1.0, 0.25]])?;
    /// let y = x.ndimage().map_coordinates(&places, &Spline { order: 1, ..Spline::default() })?;
    /// assert_eq!(cx.compute(y)?.as_slice().unwrap(), &[2.0, 2.5, 3.25]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`map_coordinates`].
    #[track_caller]
    pub fn map_coordinates<U: Kind>(&self, coordinates: &Array<U>, spline: &Spline) -> Result<Array<T>> {
        Ok(Self::array(map_coordinates(&self.x, coordinates.expr(), &self.typed(spline))?))
    }
}
