//! Times of CF conventions as labels: the year, month, day of the week... of each, as integers, computed where they are
//! needed like any other elements.

use super::cf::attributes;
use super::{Array, Kind, done};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::dtype::time::{NAT, TimeType, Unit};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::compose::binary;
use crate::expr::times;
use crate::op::calendar::{Calendar, Clock, DAY, Whole};
use crate::op::dates::{Elements, is_nat};
use crate::op::elementwise::ElementOp;
use crate::op::program::{Program, Value as Register};
use crate::store::Attributes;
use serde_json::Value;

/// A part of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The year.
    Year,
    /// The month, from 1.
    Month,
    /// The day of the month, from 1.
    Day,
    /// The hour.
    Hour,
    /// The minute.
    Minute,
    /// The second.
    Second,
    /// The day of the year, from 1.
    DayOfYear,
    /// The day of the week, from 0 for Monday.
    DayOfWeek,
    /// 0 for December to February, 1 for March to May, 2 for June to August, 3 for September to November.
    Season,
}

impl Part {
    /// All of them with the names that they have in the expression language.
    pub const ALL: [(&'static str, Self); 9] = [
        ("year", Self::Year),
        ("month", Self::Month),
        ("day", Self::Day),
        ("hour", Self::Hour),
        ("minute", Self::Minute),
        ("second", Self::Second),
        ("dayofyear", Self::DayOfYear),
        ("dayofweek", Self::DayOfWeek),
        ("season", Self::Season),
    ];
}

/// The clock of an array of times: of dates, that of their unit; of numbers, by their attributes `units` and
/// `calendar`. `None` where it holds none.
///
/// # Errors
/// As [`Clock::parse`].
pub fn clock(x: &Expr) -> Result<Option<Clock>> {
    if let Some(time) = x.time {
        return if time.is_date { Clock::parse(&time.units(), Some("proleptic_gregorian")) } else { Ok(None) };
    }
    attributes(x).map_or(Ok(None), |attributes| clock_of(&attributes))
}

/// The clock that the attributes `units` and `calendar` name; `None` where they name none.
///
/// # Errors
/// As [`Clock::parse`].
pub(super) fn clock_of(attributes: &Attributes) -> Result<Option<Clock>> {
    let text = |key: &str| attributes.get(key).and_then(Value::as_str);
    text("units").map_or(Ok(None), |units| Clock::parse(units, text("calendar")))
}

/// A part of each of the times in `x`, `int64`; -1 where a time is NaN or `NaT`, the least `int64`.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for an array without units of time.
#[track_caller]
pub fn part(x: &Expr, part: Part) -> Result<Expr> {
    // Years and months have no fixed length.
    let days = x.time.filter(|time| time.is_date && time.unit.is_of_calendar());
    let x = &days.map_or(Ok(x.clone()), |_| times::astype(x, TimeType::date(Unit::Day)))?;
    match clock(x)? {
        Some(clock) => part_by(&times::ticks(x), part, &clock),
        None => {
            let why = "needs an array with units such as `days since 2000-01-01`, as a time coordinate has";
            Err(Error::argument("time", why))
        }
    }
}

/// As [`part`], by this clock.
#[track_caller]
fn part_by(x: &Expr, part: Part, clock: &Clock) -> Result<Expr> {
    if x.dtype.is_complex() || x.dtype == DType::Bool {
        return Err(Error::dtype("time", format!("times are real numbers, not {}", x.dtype)));
    }
    build::compose_typed("time", &[Arg::Array(x.clone())], &[None], |p, v| {
        let instant = instant(p, v[0], x.dtype, clock)?;
        let w = &mut Elements(p);
        let days = w.div(instant, DAY)?;
        let label = match part {
            Part::DayOfWeek => clock.calendar.weekday(w, days)?,
            Part::Hour | Part::Minute | Part::Second => {
                let (unit, cycle) = match part {
                    Part::Hour => (3_600_000_000, 24),
                    Part::Minute => (60_000_000, 60),
                    _ => (1_000_000, 60),
                };
                let whole = w.div(instant, unit)?;
                w.rem(whole, cycle)?
            }
            _ => {
                let date = clock.calendar.date(w, days)?;
                match part {
                    Part::Year => date.year,
                    Part::Day => date.day,
                    Part::DayOfYear => date.day_of_year,
                    Part::Season => {
                        let from_winter = w.rem(date.month, 12)?;
                        w.div(from_winter, 3)?
                    }
                    _ => date.month,
                }
            }
        };
        let missing = match x.dtype {
            DType::I64 => is_nat(p, v[0])?,
            dtype if dtype.is_integer() => return Ok(label),
            _ => p.op(ElementOp::Isnan, &[v[0]])?,
        };
        let none = p.constant(Scalar::Int(-1), DType::I64);
        Ok(p.select(missing, none, label))
    })
}

/// Microseconds from 1 March of the year 0: exact of integers, rounded of floats.
#[expect(clippy::cast_precision_loss, reason = "a unit of time is a power of ten times a small number")]
fn instant(p: &mut Program, value: Register, dtype: DType, clock: &Clock) -> Result<Register> {
    if dtype.is_integer() {
        let whole = p.cast(value, DType::I64);
        let w = &mut Elements(p);
        let scaled =
            if clock.unit < 1000 { w.div(whole, 1000 / clock.unit)? } else { w.times(whole, clock.unit / 1000)? };
        return w.plus(scaled, clock.start);
    }
    let (wide, unit) = (p.cast(value, DType::F64), p.constant(clock.unit as f64 / 1000.0, DType::F64));
    let scaled = p.op(ElementOp::Multiply, &[wide, unit])?;
    let rounded = p.op(ElementOp::Rint, &[scaled])?;
    let whole = p.cast(rounded, DType::I64);
    Elements(p).plus(whole, clock.start)
}

/// The times in `x`, numbers of the clock `from`, as numbers of `to`, in floats.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for what is no real number.
#[track_caller]
#[expect(clippy::cast_precision_loss, reason = "times are far smaller")]
pub(super) fn on_clock(x: &Expr, from: &Clock, to: &Clock) -> Result<Expr> {
    let (x, later) = (build::cast(&times::ticks(x), DType::F64)?, (from.start - to.start) as f64);
    if to.unit % from.unit == 0 {
        // The division alone rounds, so that an hour of a day is the number that others make of it.
        let moved = binary(ElementOp::Add, &x, later / from.microseconds())?;
        return binary(ElementOp::Divide, &moved, (to.unit / from.unit) as f64);
    }
    let scaled = binary(ElementOp::Multiply, &x, from.unit as f64 / to.unit as f64)?;
    binary(ElementOp::Add, &scaled, later / to.microseconds())
}

/// The times in `x`, by their clock, as dates counted in `unit`, rounded down; NaN as `NaT`.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for an array without units of time, and for calendars whose dates are not
/// those of the Gregorian one.
#[track_caller]
pub fn to_datetime(x: &Expr, unit: Unit) -> Result<Expr> {
    let refuse = |why: &str| Err(Error::argument("to_datetime", why));
    if x.time.is_some() {
        return times::astype(x, TimeType::date(unit));
    }
    let Some(clock) = clock(x)? else {
        return refuse("needs an array with units such as `days since 2000-01-01`, as a time coordinate has");
    };
    if !matches!(clock.calendar, Calendar::Standard | Calendar::Proleptic) {
        return refuse("needs the Gregorian calendar; dates of other calendars are parts of times: year(t), month(t)");
    }
    if x.dtype.is_complex() || x.dtype == DType::Bool {
        return Err(Error::dtype("to_datetime", format!("times are real numbers, not {}", x.dtype)));
    }
    let from = if clock.unit < 1000 { Unit::Nano } else { Unit::Micro };
    let epoch = Calendar::Proleptic.days(1970, 1, 1) * DAY;
    let since = build::compose_typed("to_datetime", &[Arg::Array(x.clone())], &[None], |p, v| {
        let missing = match x.dtype {
            DType::I64 => is_nat(p, v[0])?,
            dtype if dtype.is_integer() => p.constant(false, DType::Bool),
            _ => p.op(ElementOp::Isnan, &[v[0]])?,
        };
        let ticks = if from == Unit::Nano && x.dtype.is_integer() {
            // As exact as they are stored.
            let whole = p.cast(v[0], DType::I64);
            let w = &mut Elements(p);
            let scaled = w.times(whole, clock.unit)?;
            w.plus(scaled, (clock.start - epoch).saturating_mul(1000))?
        } else {
            let micros = instant(p, v[0], x.dtype, &clock)?;
            let w = &mut Elements(p);
            let micros = w.plus(micros, -epoch)?;
            if from == Unit::Nano { w.times(micros, 1000)? } else { micros }
        };
        let nat = p.constant(NAT, DType::I64);
        Ok(p.select(missing, nat, ticks))
    })?;
    times::astype(&since.with_time(Some(TimeType::date(from))), TimeType::date(unit))
}

/// A time of a clock as text: `2000-03-01T12:00`.
#[must_use]
pub fn text(clock: &Clock, value: f64) -> String {
    if value.is_finite() { clock.text(clock.instant(value)) } else { "missing".to_owned() }
}

impl<T: Kind> Array<T> {
    /// A part of each of these times, which have units such as `hours since 1900-01-01` and perhaps a calendar among
    /// their attributes, as the time coordinates of files have. Every calendar of CF is known. The labels are integers,
    /// which [`Array::group_by`] takes; where a float time is NaN, -1.
    ///
    /// ```
    /// use hyperslab::{Context, array::time::Part};
    /// let cx = Context::default();
    /// let t2m = cx.open("data/era5_surface_v3.zarr/t2m")?;
    /// let days = cx.compute(t2m.coordinate("time")?.time(Part::Day))?;
    /// assert_eq!((days[0], days[23]), (25, 31));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn time(&self, part: Part) -> Array<i64> {
        Array::of(done(self::part(self.expr(), part)))
    }

    /// These times, which have units such as `hours since 1900-01-01`, as dates: NumPy's `datetime64` of this unit.
    /// Dates of the Gregorian calendar only.
    ///
    /// ```
    /// use hyperslab::{Context, dtype::time::{TimeType, Unit}};
    /// let cx = Context::default();
    /// let t2m = cx.open("data/era5_surface_v3.zarr/t2m")?;
    /// let hours = t2m.coordinate("time")?.to_datetime(Unit::Hour)?;
    /// assert_eq!(hours.time_type(), Some(TimeType::date(Unit::Hour)));
    /// let between = hours.try_slice(1..)? - hours.try_slice(..-1)?;
    /// assert_eq!(between.time_type(), Some(TimeType::delta(Unit::Hour)));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`to_datetime`].
    #[track_caller]
    pub fn to_datetime(&self, unit: Unit) -> Result<Array> {
        Ok(Array::of(to_datetime(self.expr(), unit)?))
    }

    /// What the elements are, where they are dates or lengths of time. The dtype is `int64` then, and blocks hold what
    /// they count.
    #[must_use]
    pub fn time_type(&self) -> Option<TimeType> {
        self.expr().time
    }

    /// These as dates or lengths of time: numbers are so many of the unit since 1970, or so many; other dates and
    /// lengths are converted, rounded down where the unit is longer. [`cast`](Array::cast) makes numbers of them again.
    ///
    /// ```
    /// use hyperslab::{Context, dtype::time::{TimeType, Unit}};
    /// let cx = Context::default();
    /// let days = cx.arange(60)?.as_times(TimeType::date(Unit::Day))?;
    /// let months = days.as_times(TimeType::date(Unit::Month))?;
    /// assert_eq!(cx.compute(months.cast::<i64>().max(..))?.as_slice().unwrap(), &[2]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) for complex numbers, and for lengths of time between years or months and
    /// other units.
    #[track_caller]
    pub fn as_times(&self, time: TimeType) -> Result<Array> {
        Ok(Array::of(times::astype(self.expr(), time)?))
    }
}
