//! Reductions of periods of time: daily means, monthly sums, seasons.

use super::coordinates::{given_like, named_axis, values};
use super::groups::GroupBy;
use super::periods::{FARTHEST, Origin, Periods};
use super::time::clock;
use super::{Array, Kind};
use crate::device::block::Block;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::op::calendar::Clock;
use crate::shape::axes::Axes;

impl<T: Kind> Array<T> {
    /// The array in groups of the positions whose times are in one period: days, months, seasons, as xarray's
    /// `resample` has them, in the calendar of the times. The coordinate of the axis says when each period begins or
    /// ends, as it is named. A period may be empty: its sum is 0, and what has no value, such as its mean, is NaN, for
    /// which integers become `f64`.
    ///
    /// ```
    /// use hyperslab::Context;
    /// let cx = Context::default();
    /// let t2m = cx.open("data/era5_surface_v3.zarr/t2m")?;
    /// let daily = t2m.resample_by("time", &"D".parse()?)?.reduce("mean", Default::default())?;
    /// assert_eq!(daily.shape().to_string(), "(7, 181, 360)");
    /// assert_eq!(daily.sel("time", "2026-03-26")?.shape().to_string(), "(181, 360)");
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Axis`](crate::ErrorKind::Axis) unless there is one such axis, and it has a coordinate;
    /// [`Argument`](crate::ErrorKind::Argument) unless that holds times, in periods not much shorter than what is
    /// between them.
    #[track_caller]
    pub fn resample_by(&self, axis: impl Into<Axes>, periods: &Periods) -> Result<GroupBy<T>> {
        let axes = axis.into().resolve("resample", self.ndim(), self.names())?;
        let [axis] = axes.as_slice() else {
            let why = format!("periods along one axis, not {} of {}", axes.len(), self.shape());
            return Err(Error::axis("resample", why));
        };
        let (name, coordinate) = named_axis("resample", self.expr(), *axis)?;
        let Some(clock) = clock(&coordinate)? else {
            let why = format!("`{}` has no units such as `days since 2000-01-01`, so it holds no times", &*name);
            return Err(Error::argument("resample", why));
        };
        let times: Vec<Option<i64>> =
            values(&coordinate)?.into_iter().map(|v| v.is_finite().then(|| clock.instant(v))).collect();
        let there = || times.iter().flatten().copied();
        if let Some(far) = there().find(|t| t.checked_abs().is_none_or(|t| t >= FARTHEST)) {
            let why = format!("`{}` holds {}, which is too far away", &*name, clock.text(far));
            return Err(Error::argument("resample", why));
        }
        let (codes, labels): (Vec<Option<usize>>, _) = match (there().min(), there().max()) {
            (Some(first), Some(last)) => {
                let origin = if let Origin::At(text) = &periods.origin { clock.span(text)?.0 } else { 0 };
                let most = times.len().saturating_mul(64).max(1 << 16);
                let spans = periods.spans(clock.calendar, (first, last), origin, most)?;
                (times.iter().map(|t| t.and_then(|t| spans.place(t))).collect(), spans.labels)
            }
            _ => (vec![None; times.len()], Vec::new()),
        };
        let labels = numbers(&coordinate, &clock, &labels)?;
        let period = given_like(&name, labels.clone(), &coordinate);
        GroupBy::of_periods(self, *axis, &codes, (period, labels))
    }
}

/// Instants as numbers of a clock: of the type of the coordinate, where that has them.
#[expect(clippy::cast_precision_loss, reason = "times are far smaller")]
fn numbers(coordinate: &Expr, clock: &Clock, instants: &[i64]) -> Result<Block> {
    let shape = [instants.len()];
    let whole = |t: &i64| {
        let nanoseconds = i128::from(t - clock.start) * 1000;
        let unit = i128::from(clock.unit);
        i64::try_from(nanoseconds / unit).ok().filter(|_| nanoseconds % unit == 0)
    };
    match instants.iter().map(whole).collect::<Option<Vec<i64>>>() {
        Some(whole) if coordinate.dtype.is_integer() => Block::from_vec(whole, &shape),
        _ => {
            Block::from_vec(instants.iter().map(|t| (t - clock.start) as f64 / clock.microseconds()).collect(), &shape)
        }
    }
}
