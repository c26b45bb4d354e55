//! Regridding: fields on one regular grid of latitudes and longitudes from those on another.

use super::coordinates::{axis_of, kept, named, values};
use super::{Array, Kind};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::expr::regions;
use crate::expr::{Expr, build};
use crate::op::regional::regrid::{Missing as Nan, Regrid, Weights};
use std::str::FromStr;
use std::sync::Arc;

/// How an element of the new grid follows from those of the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Between the four points around it, linearly along both axes; NaN outside of the grid.
    #[default]
    Bilinear,
    /// The nearest point along both axes.
    Nearest,
    /// The mean over the cell, weighted by the areas on the sphere that it shares with old cells: integrals are kept
    /// (first order). Cells end half-way between points.
    Conservative,
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "bilinear" => Self::Bilinear,
            "nearest" => Self::Nearest,
            "conservative" => Self::Conservative,
            _ => {
                let why = format!("`{text}` is none of bilinear, nearest and conservative");
                return Err(Error::argument("regrid", why));
            }
        })
    }
}

/// What elements that are NaN do.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Missing {
    /// What they are part of is NaN.
    #[default]
    Spread,
    /// The mean is over the others, where they make up at least this part of it (of a cell: of its area).
    Skip(f64),
}

/// Degrees around the globe.
const CIRCLE: f64 = 360.0;

/// Points of an axis, as they ascend.
struct Points {
    values: Vec<f64>,
    /// Whether they descend along the axis.
    descends: bool,
    /// Whether they go around the globe.
    around: bool,
}

impl Points {
    fn new(name: &str, values: &[f64], is_longitude: bool) -> Result<Self> {
        let mut values = values.to_vec();
        let descends = values.len() > 1 && values[0] > values[1];
        if descends {
            values.reverse();
        }
        if values.is_empty() || values.iter().any(|v| !v.is_finite()) || values.windows(2).any(|w| w[0] >= w[1]) {
            let why = format!("the points along `{name}` neither ascend nor descend throughout");
            return Err(Error::argument("regrid", why));
        }
        if !is_longitude && (values[0] < -90.0 || values[values.len() - 1] > 90.0) {
            return Err(Error::argument("regrid", format!("`{name}` goes beyond the poles: latitudes are degrees")));
        }
        let (first, last) = (values[0], values[values.len() - 1]);
        if is_longitude && last - first > CIRCLE {
            return Err(Error::argument("regrid", format!("`{name}` goes around the globe more than once")));
        }
        // The gap that is left is no wider than the others.
        let widest = values.windows(2).map(|w| w[1] - w[0]).fold(0.0, f64::max);
        let around = is_longitude && values.len() > 1 && CIRCLE - (last - first) <= widest * (1.0 + 1e-6);
        Ok(Self { values, descends, around })
    }

    /// The position along the axis of a point.
    fn place(&self, i: usize) -> usize {
        if self.descends { self.values.len() - 1 - i } else { i }
    }

    /// The bounds of cells: half-way between points, and as far beyond the ends; latitudes end at the poles.
    fn bounds(&self, is_longitude: bool) -> Vec<f64> {
        let (v, n) = (&self.values, self.values.len());
        if n == 1 {
            let half = if is_longitude { CIRCLE / 2.0 } else { 90.0 };
            return vec![v[0] - half, v[0] + half];
        }
        let mut out = vec![v[0] - (v[1] - v[0]) / 2.0];
        out.extend(v.windows(2).map(|w| f64::midpoint(w[0], w[1])));
        out.push(v[n - 1] + (v[n - 1] - v[n - 2]) / 2.0);
        if !is_longitude {
            for bound in &mut out {
                *bound = bound.clamp(-90.0, 90.0);
            }
        }
        out
    }

    /// The weights of `method` for points at `to`, along longitudes or latitudes.
    fn weights(&self, to: &Self, method: Method, is_longitude: bool) -> Weights {
        let n = self.values.len();
        let rows: Vec<Vec<(usize, f64)>> = match method {
            Method::Bilinear => to.values.iter().map(|&t| self.linear(t)).collect(),
            Method::Nearest => to.values.iter().map(|&t| vec![(self.nearest(t, is_longitude), 1.0)]).collect(),
            Method::Conservative => self.shared(&to.bounds(is_longitude), is_longitude),
        };
        let row = |i: usize| rows[to.place(i)].iter().map(|&(place, w)| (self.place(place), w)).collect();
        Weights::new(n, (0..rows.len()).map(row))
    }

    /// `t` on the turn of the globe that begins at the first point.
    fn turned(&self, t: f64) -> f64 {
        if self.around { self.values[0] + (t - self.values[0]).rem_euclid(CIRCLE) } else { t }
    }

    fn linear(&self, t: f64) -> Vec<(usize, f64)> {
        let (v, n) = (&self.values, self.values.len());
        // A longitude may be meant on another turn.
        let turns = [0.0, CIRCLE, -CIRCLE].map(|turn| t + turn);
        let inside = |t: &f64| (v[0]..=v[n - 1]).contains(t);
        let t = if self.around { self.turned(t) } else { turns.into_iter().find(inside).unwrap_or(t) };
        let next = v.partition_point(|&x| x <= t);
        match next {
            0 => Vec::new(),
            _ if v[next - 1] == t => vec![(next - 1, 1.0)],
            _ if next < n => {
                let share = (t - v[next - 1]) / (v[next] - v[next - 1]);
                vec![(next - 1, 1.0 - share), (next, share)]
            }
            _ if self.around => {
                let share = (t - v[n - 1]) / (v[0] + CIRCLE - v[n - 1]);
                vec![(n - 1, 1.0 - share), (0, share)]
            }
            _ => Vec::new(),
        }
    }

    fn nearest(&self, t: f64, is_longitude: bool) -> usize {
        let distance = |x: f64| {
            let d = (x - t).abs();
            if is_longitude { d.rem_euclid(CIRCLE).min(CIRCLE - d.rem_euclid(CIRCLE)) } else { d }
        };
        (0..self.values.len())
            .min_by(|&a, &b| distance(self.values[a]).total_cmp(&distance(self.values[b])))
            .unwrap_or(0)
    }

    /// What part of each cell between neighbouring bounds lies in which of these points' cells.
    fn shared(&self, cells: &[f64], is_longitude: bool) -> Vec<Vec<(usize, f64)>> {
        let size = |from: f64, to: f64| {
            if is_longitude { to - from } else { to.to_radians().sin() - from.to_radians().sin() }
        };
        let own = self.bounds(is_longitude);
        let turns: &[f64] = if is_longitude { &[-CIRCLE, 0.0, CIRCLE] } else { &[0.0] };
        let of_cell = |low: f64, high: f64| {
            let all = size(low, high);
            let mut parts = vec![0.0; self.values.len()];
            for turn in turns {
                let (low, high) = (low + turn, high + turn);
                let first = own.partition_point(|&b| b <= low).saturating_sub(1);
                for i in (first..self.values.len()).take_while(|&i| own[i] < high) {
                    let (from, to) = (own[i].max(low), own[i + 1].min(high));
                    parts[i] += if to > from { size(from, to) / all } else { 0.0 };
                }
            }
            parts.into_iter().enumerate().filter(|(_, w)| *w > 0.0).collect()
        };
        cells.windows(2).map(|w| of_cell(w[0], w[1])).collect()
    }
}

/// `x` at the latitudes and longitudes `to`, which are names of dimensions and points along them in degrees.
///
/// # Errors
/// As [`Array::regrid`].
#[track_caller]
pub fn regrid(x: &Expr, to: [(&str, &[f64]); 2], method: Method, missing: Missing) -> Result<Expr> {
    let mut axes = [0; 2];
    let mut weights = Vec::new();
    for (which, (name, points)) in to.into_iter().enumerate() {
        let is_longitude = which == 1;
        axes[which] = axis_of("regrid", x, name)?;
        let old = Points::new(name, &values(&named(x, name)?)?, is_longitude)?;
        let new = Points::new(name, points, is_longitude)?;
        weights.push(Arc::new(old.weights(&new, method, is_longitude)));
    }
    let [up, along] = [Arc::clone(&weights[0]), Arc::clone(&weights[1])];
    let dtype = if matches!(x.dtype, DType::F16 | DType::BF16 | DType::F32) { DType::F32 } else { DType::F64 };
    if x.dtype.is_complex() || axes[0] == axes[1] {
        return Err(Error::dtype("regrid", format!("goes over real numbers along two axes, not {}", x.dtype)));
    }
    let missing = match missing {
        Missing::Spread => Nan::Spread,
        Missing::Skip(least) => Nan::Skip(least.into()),
    };
    regions::regrid(&build::cast(x, dtype)?, Regrid { axes, weights: [up, along], dtype, missing })
}

impl<T: Kind> Array<T> {
    /// The field at other latitudes and longitudes: `lat` and `lon` are the names of the dimensions, whose coordinates
    /// say where the elements are, and the points of the new grid, in degrees, ascending or descending. Longitudes go
    /// around the globe where the old ones do. The result is `f32` or `f64`, and has the new points as coordinates.
    ///
    /// ```
    /// use hyperslab::array::regrid::{Method, Missing};
    /// # let cx = hyperslab::Context::default();
    /// let t2m = cx.open("data/era5_surface_v3.zarr/t2m")?;
    /// let lat: Vec<f64> = (0..36).map(|i| 87.5 - 5.0 * f64::from(i)).collect();
    /// let lon: Vec<f64> = (0..72).map(|i| 2.5 + 5.0 * f64::from(i)).collect();
    /// let coarse = t2m.regrid(("lat", &lat), ("lon", &lon), Method::Conservative, Missing::Spread)?;
    /// assert_eq!(coarse.shape().to_string(), "(24, 36, 72)");
    /// let near = coarse.sel("lat", 47.5)?.sel("lon", 12.5)?;
    /// assert_eq!(near.shape().to_string(), "(24,)");
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Axis`](crate::ErrorKind::Axis) for a dimension that is not there or has no coordinate,
    /// [`Argument`](crate::ErrorKind::Argument) for points that neither ascend nor descend or lie beyond the poles,
    /// [`DType`](crate::ErrorKind::DType) for complex numbers.
    #[track_caller]
    pub fn regrid(&self, lat: (&str, &[f64]), lon: (&str, &[f64]), method: Method, missing: Missing) -> Result<Array> {
        let mut out = Array::from_expr(regrid(self.expr(), [lat, lon], method, missing)?);
        for ((name, points), units) in [lat, lon].into_iter().zip(["degrees_north", "degrees_east"]) {
            let mut attributes = kept(&named(self.expr(), name)?);
            attributes.entry("units").or_insert_with(|| units.into());
            out = out.with_coordinate(name, points.to_vec(), attributes)?;
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(w: &Weights) -> Vec<Vec<(usize, f64)>> {
        (0..w.count()).map(|i| w.row(i).collect()).collect()
    }

    #[test]
    fn longitudes_go_around_and_latitudes_do_not() {
        let lon = Points::new("lon", &[0.0, 90.0, 180.0, 270.0], true).unwrap();
        let to = Points::new("lon", &[-45.0, 0.0, 315.0], true).unwrap();
        let found = rows(&lon.weights(&to, Method::Bilinear, true));
        assert_eq!(found, [vec![(3, 0.5), (0, 0.5)], vec![(0, 1.0)], vec![(3, 0.5), (0, 0.5)]]);
        assert_eq!(rows(&lon.weights(&to, Method::Nearest, true)), [[(0, 1.0)], [(0, 1.0)], [(0, 1.0)]]);
        let lat = Points::new("lat", &[60.0, 0.0, -60.0], false).unwrap();
        let to = Points::new("lat", &[-75.0, -30.0, 60.0], false).unwrap();
        assert_eq!(
            rows(&lat.weights(&to, Method::Bilinear, false)),
            [vec![], vec![(2, 0.5), (1, 0.5)], vec![(0, 1.0)]]
        );
    }

    #[test]
    fn cells_are_shared_by_area() {
        let lat = Points::new("lat", &[-60.0, 0.0, 60.0], false).unwrap();
        let to = Points::new("lat", &[-45.0, 45.0], false).unwrap();
        let found = rows(&lat.weights(&to, Method::Conservative, false));
        assert!((found[0][0].1 - 0.5).abs() < 1e-12 && (found[0][1].1 - 0.5).abs() < 1e-12, "{found:?}");
        let lon = Points::new("lon", &[10.0, 130.0, 250.0], true).unwrap();
        let to = Points::new("lon", &[0.0, 180.0], true).unwrap();
        for row in rows(&lon.weights(&to, Method::Conservative, true)) {
            assert!((row.iter().map(|(_, w)| w).sum::<f64>() - 1.0).abs() < 1e-12, "{row:?}");
        }
    }

    #[test]
    fn points_are_checked() {
        for (points, lon) in [(&[0.0, 1.0, 1.0][..], true), (&[], true), (&[0.0, 100.0], false), (&[0.0, 400.0], true)]
        {
            assert!(Points::new("x", points, lon).is_err(), "{points:?}");
        }
    }
}
