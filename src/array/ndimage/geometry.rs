//! Arrays at other places: shifted, zoomed, rotated, under an affine map.

use super::{Ndimage, per_axis, run};
use crate::array::padding::{Border, pad};
use crate::array::{Array, Kind};
use crate::chunk::auto;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::filters::resample;
use crate::expr::regions::lines;
use crate::op::regional::Resample;
use crate::op::regional::filter::{Edge, Join, Number, Pass, PassOp};
use crate::op::regional::lines::{Around, Coefficients, LineOp};
use crate::op::regional::resample::{HIGHEST, Knots, Rim};
use crate::shape::axes::position;

/// How places between elements are interpolated.
#[derive(Debug, Clone)]
pub struct Spline {
    /// The order, from 0 to 5.
    pub order: usize,
    /// What stands beyond the array.
    pub rim: Rim,
    /// The constant there.
    pub cval: f64,
    /// Whether the array holds elements that the spline goes through, and not its coefficients.
    pub prefilter: bool,
    /// The dtype of the result; that of the array without.
    pub output: Option<DType>,
}

impl Default for Spline {
    fn default() -> Self {
        Self { order: 3, rim: Rim::Constant, cval: 0.0, prefilter: true, output: None }
    }
}

/// The poles of the recursions that find the coefficients of a spline.
fn poles(order: usize) -> Vec<f64> {
    match order {
        2 => vec![8f64.sqrt() - 3.0],
        3 => vec![3f64.sqrt() - 2.0],
        4 => {
            let (inner, outer) = (438_976f64.sqrt(), 304f64.sqrt());
            vec![(664.0 - inner).sqrt() + outer - 19.0, (664.0 + inner).sqrt() - outer - 19.0]
        }
        5 => {
            let (inner, outer) = (4436.25f64.sqrt(), 26.25f64.sqrt());
            vec![(67.5 - inner).sqrt() + outer - 6.5, (67.5 + inner).sqrt() - outer - 6.5]
        }
        _ => Vec::new(),
    }
}

/// What a coefficient is made of around its element, for one pole, until the next would be below rounding.
fn response(pole: f64) -> Vec<Number> {
    #[expect(clippy::cast_possible_truncation, reason = "it is short")]
    let reach = (f64::EPSILON.ln() / pole.abs().ln()).ceil() as i32 + 1;
    let scale = (1.0 - pole) * (1.0 - 1.0 / pole) * -pole / (1.0 - pole * pole);
    (-reach..=reach).map(|k| Number::from(scale * pole.powi(k.abs()))).collect()
}

/// How many elements are put around an array that does not go on beyond its ends, before its coefficients are found.
const AROUND: usize = 12;

/// Lines up to this length are gone over by recursions; the coefficients of longer ones are weighted sums of
/// neighbours, so that a region needs a border alone.
const RECURSIVE: usize = 1 << 16;

/// The coefficients of the spline through `x` along some axes, by recursions over whole lines, as SciPy has them. What
/// is far away counts for nothing, so that in long lines they are weighted sums of neighbours.
fn coefficients(name: &'static str, x: &Expr, axes: &[usize], order: usize, rim: Rim) -> Result<Expr> {
    let lengths = x.shape.known()?;
    let around = match rim {
        Rim::Reflect | Rim::Nearest => Around::Reflect,
        Rim::GridWrap => Around::Wrap,
        Rim::Constant | Rim::GridConstant | Rim::Mirror | Rim::Wrap => Around::Mirror,
    };
    let mut out = build::cast(x, DType::F64)?;
    for &axis in axes.iter().filter(|&&axis| lengths[axis] > 1) {
        let poles = poles(order);
        if lengths[axis] <= RECURSIVE {
            let op = LineOp::Spline(Coefficients { poles: poles.into_iter().map(Number::from).collect(), around });
            out = lines(&[out], op, axis, lengths[axis])?;
        } else {
            out = sums(name, &out, axis, (poles, around))?;
        }
    }
    Ok(out)
}

/// The same as weighted sums of neighbours along one axis.
fn sums(name: &'static str, x: &Expr, axis: usize, (poles, around): (Vec<f64>, Around)) -> Result<Expr> {
    let lengths = x.shape.known()?;
    let rank = lengths.len();
    let edge = match around {
        Around::Mirror => Edge::Mirror,
        Around::Reflect => Edge::Reflect,
        Around::Wrap => Edge::Wrap,
    };
    let along = |pole: f64| {
        let weights = response(pole);
        let (mut window, mut before) = (vec![1; rank], vec![0; rank]);
        (window[axis], before[axis]) = (weights.len(), weights.len() / 2);
        let op = PassOp::Weighted { axis, weights };
        Pass { op, window, before, edges: vec![edge; rank], constant: Number::from(0.0) }
    };
    run(name, x, vec![poles.into_iter().map(along).collect()], Join::Sum, DType::F64)
}

/// An affine map: what is added to places of the result, times a matrix, and what is added then.
struct Map {
    matrix: Vec<Vec<f64>>,
    before: Vec<f64>,
    after: Vec<f64>,
}

impl Map {
    /// Each axis by itself.
    fn diagonal(scales: &[f64], before: Vec<f64>, after: Vec<f64>) -> Self {
        let row = |(i, &scale): (usize, &f64)| (0..scales.len()).map(|j| if i == j { scale } else { 0.0 }).collect();
        Self { matrix: scales.iter().enumerate().map(row).collect(), before, after }
    }
}

/// The splines through the elements of `x` along `axes`, and what they are made of.
pub(super) fn splines(name: &'static str, x: &Expr, axes: &[usize], spline: &Spline) -> Result<(Expr, Knots)> {
    let lengths = x.shape.known()?;
    let (mut source, mut pad_by) = (x.clone(), 0);
    if spline.prefilter && spline.order > 1 {
        let border = match spline.rim {
            Rim::Nearest => Some(Border::Edge),
            Rim::GridConstant => {
                // The constant is one of the elements.
                let constant = Scalar::Float(if x.dtype.is_inexact() { spline.cval } else { spline.cval.trunc() });
                Some(Border::Constant(vec![(constant, constant); lengths.len()]))
            }
            _ => None,
        };
        if let Some(border) = border {
            pad_by = AROUND;
            source = pad(&source, &vec![(AROUND, AROUND); lengths.len()], &border)?;
        }
        source = coefficients(name, &source, axes, spline.order, spline.rim)?;
    }
    let knots = Knots {
        orders: (0..lengths.len()).map(|a| if axes.contains(&a) { spline.order } else { 0 }).collect(),
        rim: spline.rim,
        constant: Number::from(spline.cval),
        lengths,
        pad: pad_by,
        around: 0,
    };
    Ok((source, knots))
}

/// Refuses what no spline goes through.
pub(super) fn refuse(name: &'static str, x: &Expr, spline: &Spline) -> Result<()> {
    if x.dtype.is_complex() || spline.output.is_some_and(DType::is_complex) {
        return Err(Error::dtype(name, "complex numbers are not offered; take their parts"));
    }
    if spline.order > HIGHEST {
        return Err(Error::argument(name, format!("there is no spline of order {}, above {HIGHEST}", spline.order)));
    }
    Ok(())
}

/// What there is where nothing is asked for, or where there is nothing but what stands beyond.
pub(super) fn of_nothing(
    name: &'static str,
    empty: bool,
    out: &[usize],
    (output, spline): (DType, &Spline),
) -> Result<Expr> {
    if empty && spline.rim == Rim::Nearest && spline.prefilter && spline.order > 1 {
        return Err(Error::argument(name, "an array of no elements has no nearest one"));
    }
    // As of any place, it is the nearest integer.
    let constant = if output.is_integer() { spline.cval.round() } else { spline.cval };
    build::full(out, Scalar::Float(if out.contains(&0) { 0.0 } else { constant }), output, None)
}

/// `x` at the places of a map, in the shape `out`; only `axes` are interpolated.
fn sampled(name: &'static str, x: &Expr, map: Map, out: &[usize], axes: &[usize], spline: &Spline) -> Result<Expr> {
    refuse(name, x, spline)?;
    let lengths = x.shape.known()?;
    let output = spline.output.unwrap_or(x.dtype);
    if lengths.contains(&0) || out.contains(&0) {
        return of_nothing(name, lengths.contains(&0), out, (output, spline));
    }
    let (source, knots) = splines(name, x, axes, spline)?;
    let numbers = |list: Vec<f64>| list.into_iter().map(Number::from).collect::<Vec<_>>();
    let op = Resample {
        name,
        matrix: map.matrix.into_iter().map(numbers).collect(),
        before: numbers(map.before),
        after: numbers(map.after),
        knots,
        input: source.dtype,
        output,
    };
    let chunks = if out == lengths { x.chunks.clone() } else { auto::auto(out, output.size()) };
    resample(&source, op, out, chunks)
}

pub(super) fn all(rank: usize) -> Vec<usize> {
    (0..rank).collect()
}

pub(super) fn refuse_numbers(name: &str, x: &Expr) -> Result<usize> {
    match x.shape.rank() {
        0 => Err(Error::shape(name, "a number has no axes")),
        rank => Ok(rank),
    }
}

/// `x` moved by this many elements, one number or one for each axis.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for complex numbers, [`Argument`](crate::ErrorKind::Argument) for an order above
/// 5, [`Unsupported`](crate::ErrorKind::Unsupported) when a length depends on data.
#[track_caller]
pub fn shift(x: &Expr, by: &[f64], spline: &Spline) -> Result<Expr> {
    let rank = refuse_numbers("shift", x)?;
    let by = per_axis("shift", "shifts", by, rank)?;
    let map = Map::diagonal(&vec![1.0; rank], by.into_iter().map(|s| -s).collect(), vec![0.0; rank]);
    sampled("shift", x, map, &x.shape.known()?, &all(rank), spline)
}

/// `x` with axes that are longer by these factors. The first and last elements stay where they are, or, in `grid` mode,
/// the ends of the elements as areas.
///
/// # Errors
/// As [`shift`]; [`Argument`](crate::ErrorKind::Argument) for a factor that is no number or negative.
#[track_caller]
pub fn zoom(x: &Expr, factors: &[f64], grid: bool, spline: &Spline) -> Result<Expr> {
    let rank = refuse_numbers("zoom", x)?;
    let factors = per_axis("zoom", "factors", factors, rank)?;
    let lengths = x.shape.known()?;
    let mut out = Vec::new();
    for (factor, &n) in factors.iter().zip(&lengths) {
        #[expect(clippy::cast_precision_loss, reason = "lengths are exact")]
        let length = (n as f64 * factor).round_ties_even();
        if !(0.0..1e15).contains(&length) {
            return Err(Error::argument("zoom", format!("a factor of {factor}")));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
        out.push(length as usize);
    }
    if spline.prefilter && factors.iter().all(|f| *f == 1.0) {
        return build::cast(x, spline.output.unwrap_or(x.dtype));
    }
    let scale = |(&n, &m): (&usize, &usize)| {
        let less = usize::from(!grid);
        #[expect(clippy::cast_precision_loss, reason = "lengths are exact")]
        let scale = n.saturating_sub(less) as f64 / m.saturating_sub(less) as f64;
        if m == less { 1.0 } else { scale }
    };
    let scales: Vec<f64> = lengths.iter().zip(&out).map(scale).collect();
    let half = if grid { 0.5 } else { 0.0 };
    let map = Map::diagonal(&scales, vec![half; rank], vec![-half; rank]);
    sampled("zoom", x, map, &out, &all(rank), spline)
}

/// `x` at `matrix` times places of the result plus `offset`; a matrix of one row has a scale for each axis.
///
/// # Errors
/// As [`shift`]; [`Argument`](crate::ErrorKind::Argument) for a matrix that does not fit.
#[track_caller]
pub fn affine_transform(
    x: &Expr,
    (shape, matrix): (&[usize], &[f64]),
    offset: &[f64],
    out: Option<&[usize]>,
    spline: &Spline,
) -> Result<Expr> {
    const NAME: &str = "affine_transform";
    let rank = refuse_numbers(NAME, x)?;
    let lengths = x.shape.known()?;
    let out = out.unwrap_or(&lengths);
    let refuse = |why: String| Err(Error::argument(NAME, why));
    let mut offset = per_axis(NAME, "offsets", offset, rank)?;
    let map = match *shape {
        [n] if n == rank && out.len() == rank => {
            let before = offset.iter().zip(matrix).map(|(o, m)| o / m).collect();
            Map::diagonal(matrix, before, vec![0.0; rank])
        }
        [rows, columns] => {
            let row = |i: usize| &matrix[i * columns..(i + 1) * columns];
            let homogeneous = columns == rank + 1 && (rows == rank || rows == rank + 1);
            if homogeneous {
                if rows > rank && (row(rank)[rank] != 1.0 || row(rank)[..rank].iter().any(|m| *m != 0.0)) {
                    return refuse("the last row of a homogeneous matrix is 0 and 1".to_owned());
                }
                offset = (0..rank).map(|i| row(i)[rank]).collect();
            } else if rows != rank || columns != out.len() {
                return refuse(format!(
                    "a matrix of shape ({rows}, {columns}) for {rank} axes and {} of the result",
                    out.len()
                ));
            }
            if out.len() != rank {
                return Err(Error::unsupported("a result of another rank is not offered"));
            }
            let matrix = (0..rank).map(|i| row(i)[..rank].to_vec()).collect();
            Map { matrix, before: vec![0.0; rank], after: offset }
        }
        _ => return refuse(format!("a matrix of shape {} for {rank} axes", crate::shape::tuple(shape))),
    };
    sampled(NAME, x, map, out, &all(rank), spline)
}

/// The cosine and sine of degrees, exact for right angles.
fn turn(degrees: f64) -> (f64, f64) {
    let whole = degrees.rem_euclid(360.0);
    let right = [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)];
    for (i, &pair) in right.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "small")]
        if whole == 90.0 * i as f64 {
            return pair;
        }
    }
    (whole.to_radians().cos(), whole.to_radians().sin())
}

/// `x` rotated by an angle in degrees in the plane of two axes; with `reshape` the result holds all of it.
///
/// # Errors
/// As [`shift`]; [`Axis`](crate::ErrorKind::Axis) for axes that are no plane.
#[track_caller]
pub fn rotate(x: &Expr, degrees: f64, axes: [isize; 2], reshape: bool, spline: &Spline) -> Result<Expr> {
    const NAME: &str = "rotate";
    let rank = x.shape.rank();
    let (a, b) = (position(NAME, axes[0], rank)?, position(NAME, axes[1], rank)?);
    if a == b {
        return Err(Error::axis(NAME, format!("axis {a} is no plane")));
    }
    let plane = [a.min(b), a.max(b)];
    let lengths = x.shape.known()?;
    let (c, s) = turn(degrees);
    let turned = |v: [f64; 2]| [c * v[0] + s * v[1], -s * v[0] + c * v[1]];
    #[expect(clippy::cast_precision_loss, reason = "lengths are exact")]
    let inner = plane.map(|p| lengths[p] as f64);
    let mut out = lengths.clone();
    if reshape {
        let corners = [[0.0, 0.0], [0.0, inner[1]], [inner[0], 0.0], inner].map(turned);
        for (i, &p) in plane.iter().enumerate() {
            let (low, high) =
                corners.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v[i]), h.max(v[i])));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "lengths are")]
            let length = (high - low + 0.5) as usize;
            out[p] = length;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "lengths are exact")]
    let middle = turned(plane.map(|p| (out[p] as f64 - 1.0) / 2.0));
    let mut map = Map::diagonal(&vec![1.0; rank], vec![0.0; rank], vec![0.0; rank]);
    let turns = [[c, s], [-s, c]];
    for (i, &p) in plane.iter().enumerate() {
        for (j, &q) in plane.iter().enumerate() {
            map.matrix[p][q] = turns[i][j];
        }
        map.after[p] = (inner[i] - 1.0) / 2.0 - middle[i];
    }
    sampled(NAME, x, map, &out, &plane, spline)
}

impl<T: Kind> Ndimage<T> {
    /// The array moved by this many elements, one number or one for each axis, interpolated by cubic splines.
    ///
    /// # Errors
    /// As [`shift`].
    #[track_caller]
    pub fn shift(&self, by: &[f64], spline: &Spline) -> Result<Array<T>> {
        Ok(Self::array(shift(&self.x, by, &self.typed(spline))?))
    }

    /// The array with axes that are longer by these factors.
    ///
    /// ```
    /// use hyperslab::array::ndimage::geometry::Spline;
    /// let cx = hyperslab::Context::default();
    /// let x = cx.linspace(0.0, 3.0, 4)?;
    /// let finer = x.ndimage().zoom(&[1.75], &Spline { order: 1, ..Spline::default() })?;
    /// assert_eq!(cx.compute(finer)?.as_slice().unwrap(), &[0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`zoom`].
    #[track_caller]
    pub fn zoom(&self, factors: &[f64], spline: &Spline) -> Result<Array<T>> {
        Ok(Self::array(zoom(&self.x, factors, false, &self.typed(spline))?))
    }

    /// The array rotated by an angle in degrees in the plane of two axes.
    ///
    /// # Errors
    /// As [`rotate`].
    #[track_caller]
    pub fn rotate(&self, degrees: f64, axes: [isize; 2], reshape: bool, spline: &Spline) -> Result<Array<T>> {
        Ok(Self::array(rotate(&self.x, degrees, axes, reshape, &self.typed(spline))?))
    }

    pub(super) fn typed(&self, spline: &Spline) -> Spline {
        Spline { output: self.around.output.or(spline.output), ..spline.clone() }
    }
}
