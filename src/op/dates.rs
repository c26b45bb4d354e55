//! `datetime64` and `timedelta64`: from one unit to another, and texts.
//!
//! Arithmetic on the elements of arrays is that of `calendar.rs`, which is written once for them and for plain numbers.

use super::calendar::{Calendar, DAY, Plain, Resolution, Whole, moment};
use super::elementwise::ElementOp;
use super::program::{Program, Value};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::dtype::time::{NAT, TimeType, Unit};
use crate::error::{Error, Result};

/// 1 January 1970, in days from 1 March of the year 0.
const EPOCH: i64 = 719_468;

/// Whole numbers that are computed element by element.
pub(crate) struct Elements<'a>(pub(crate) &'a mut Program);

impl Whole for Elements<'_> {
    type N = Value;

    fn int(&mut self, value: i64) -> Value {
        self.0.constant(Scalar::Int(value.into()), DType::I64)
    }

    fn add(&mut self, a: Value, b: Value) -> Result<Value> {
        self.0.op(ElementOp::Add, &[a, b])
    }

    fn times(&mut self, a: Value, b: i64) -> Result<Value> {
        let b = self.int(b);
        self.0.op(ElementOp::Multiply, &[a, b])
    }

    fn div(&mut self, a: Value, b: i64) -> Result<Value> {
        let b = self.int(b);
        self.0.op(ElementOp::FloorDivide, &[a, b])
    }

    fn below(&mut self, a: Value, b: i64, then: Value, otherwise: Value) -> Result<Value> {
        let b = self.int(b);
        let condition = self.0.op(ElementOp::Less, &[a, b])?;
        Ok(self.0.select(condition, then, otherwise))
    }
}

/// Whether integers are `NaT`.
///
/// # Errors
/// None, of integers.
pub(crate) fn is_nat(p: &mut Program, ticks: Value) -> Result<Value> {
    let nat = p.constant(NAT, DType::I64);
    p.op(ElementOp::Equal, &[ticks, nat])
}

/// Integers that count `from` as such that count `to`; those of a longer unit are rounded down, and `NaT` stays.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for lengths of time between a unit of the calendar and another, and for units
/// that are too far apart.
pub(crate) fn convert(p: &mut Program, ticks: Value, from: TimeType, to: TimeType) -> Result<Value> {
    if from.unit == to.unit {
        return Ok(ticks);
    }
    check(from, to)?;
    let missing = is_nat(p, ticks)?;
    let moved = between(&mut Elements(p), ticks, from.unit, to.unit)?;
    Ok(p.select(missing, ticks, moved))
}

fn check(from: TimeType, to: TimeType) -> Result<()> {
    if !(from.is_date && to.is_date) && from.unit.is_of_calendar() != to.unit.is_of_calendar() {
        let why = format!("{from} are not {to}: years and months are not all of one length");
        return Err(Error::dtype("astype", why));
    }
    Ok(())
}

/// As [`convert`], of one number.
///
/// # Errors
/// As [`convert`].
pub(crate) fn converted(ticks: i64, from: TimeType, to: TimeType) -> Result<i64> {
    check(from, to)?;
    if ticks == NAT { Ok(NAT) } else { between(&mut Plain, ticks, from.unit, to.unit) }
}

fn between<W: Whole>(w: &mut W, ticks: W::N, from: Unit, to: Unit) -> Result<W::N> {
    match (from.is_of_calendar(), to.is_of_calendar()) {
        (true, false) => {
            let months = scaled(w, ticks, from, Unit::Month)?;
            let days = month_start(w, months)?;
            scaled(w, days, Unit::Day, to)
        }
        (false, true) => {
            let days = scaled(w, ticks, from, Unit::Day)?;
            let days = w.plus(days, EPOCH)?;
            let date = Calendar::Proleptic.date(w, days)?;
            let years = w.plus(date.year, -1970)?;
            let months = w.times(years, 12)?;
            let months = w.add(months, date.month)?;
            let months = w.plus(months, -1)?;
            scaled(w, months, Unit::Month, to)
        }
        _ => scaled(w, ticks, from, to),
    }
}

/// The same in a unit of which a fixed number is one of the other, or the other way about.
fn scaled<W: Whole>(w: &mut W, ticks: W::N, from: Unit, to: Unit) -> Result<W::N> {
    match (from.times(to), to.times(from)) {
        (Some(1), _) => Ok(ticks),
        (Some(n), _) => w.times(ticks, n),
        (_, Some(n)) => w.div(ticks, n),
        _ => Err(Error::dtype("astype", format!("{} and {} are too far apart for 64 bits", from.word(), to.word()))),
    }
}

/// The day from 1970 on with which a month begins, of months from January 1970 on.
fn month_start<W: Whole>(w: &mut W, months: W::N) -> Result<W::N> {
    // From March of the year 0 on.
    let months = w.plus(months, 1970 * 12 - 2)?;
    let (year, month) = (w.div(months, 12)?, w.rem(months, 12)?);
    let days = w.times(month, 153)?;
    let days = w.plus(days, 2)?;
    let mut days = w.div(days, 5)?;
    let common = w.times(year, 365)?;
    days = w.add(days, common)?;
    for (every, sign) in [(4, 1), (100, -1), (400, 1)] {
        let leaps = w.div(year, every)?;
        let leaps = w.times(leaps, sign)?;
        days = w.add(days, leaps)?;
    }
    w.plus(days, -EPOCH)
}

/// The date or time that a text names, and the unit in which NumPy counts it: `2000` in years, `2000-03-01T12:30` in
/// minutes, `NaT` in any.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for another text, and for a date that does not exist.
pub fn parse(text: &str) -> Result<(i64, Option<Unit>)> {
    if text.trim().eq_ignore_ascii_case("nat") {
        return Ok((NAT, None));
    }
    let refuse = |why: &str| Error::argument("datetime64", format!("`{text}` {why}"));
    let named = moment(text).ok_or_else(|| refuse("is no date or time, such as 2000-03-01T12:00"))?;
    let (month, day) = (named.month.unwrap_or(1), named.day.unwrap_or(1));
    if !Calendar::Proleptic.has(named.year, month, day) {
        return Err(refuse("is not in the calendar"));
    }
    let digits: &str = text
        .split_once('.')
        .map_or("", |(_, rest)| &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())]);
    let unit = match (named.resolution, digits.len()) {
        (Resolution::Year, _) => Unit::Year,
        (Resolution::Month, _) => Unit::Month,
        (Resolution::Day, _) => Unit::Day,
        (Resolution::Hour, _) => Unit::Hour,
        (Resolution::Minute, _) => Unit::Minute,
        (_, 0) => Unit::Second,
        (_, 1..=3) => Unit::Milli,
        (_, 4..=6) => Unit::Micro,
        (_, 7..=9) => Unit::Nano,
        (_, 10..=12) => Unit::Pico,
        (_, 13..=15) => Unit::Femto,
        (_, 16..=18) => Unit::Atto,
        _ => return Err(refuse("has more digits than attoseconds")),
    };
    let far = || refuse("is too far from 1970 for 64 bits");
    let days = Calendar::Proleptic.days(named.year, month, day) - EPOCH;
    let micros = days.checked_mul(DAY).and_then(|m| m.checked_add(named.time)).ok_or_else(far)?;
    let ticks = match unit {
        Unit::Year => named.year - 1970,
        Unit::Month => (named.year - 1970) * 12 + month - 1,
        _ if unit <= Unit::Micro => between(&mut Plain, micros, Unit::Micro, unit)?,
        _ => {
            let more = digits.get(6..).unwrap_or_default();
            let width = usize::from(unit as u8 - Unit::Micro as u8) * 3;
            let more: i64 = format!("{more:0<width$}").parse().map_err(|_| far())?;
            let scale = Unit::Micro.times(unit).ok_or_else(far)?;
            i64::try_from(i128::from(micros) * i128::from(scale) + i128::from(more)).map_err(|_| far())?
        }
    };
    Ok((ticks, Some(unit)))
}

/// The date or time that a text names, counted in `unit`.
///
/// # Errors
/// As [`parse`].
pub fn parse_in(text: &str, unit: Unit) -> Result<i64> {
    match parse(text)? {
        (ticks, Some(own)) if own.times(unit).is_some_and(|n| ticks.checked_mul(n).is_none()) => {
            Err(Error::argument("datetime64", format!("`{text}` is too far from 1970 for {} in 64 bits", unit.word())))
        }
        (ticks, Some(own)) => between(&mut Plain, ticks, own, unit),
        (nat, None) => Ok(nat),
    }
}

/// One element as text, as NumPy prints it: `2000-03-01T12:30`, `36 hours`, `NaT`.
#[must_use]
pub fn text(time: TimeType, ticks: i64) -> String {
    if ticks == NAT {
        return "NaT".to_owned();
    }
    if !time.is_date {
        return format!("{ticks} {}", time.unit.word());
    }
    // Seconds, and the digits behind them.
    let (seconds, fraction) = match Unit::Second.times(time.unit) {
        Some(n) => (i128::from(ticks.div_euclid(n)), ticks.rem_euclid(n)),
        None => match time.unit.times(Unit::Second) {
            Some(n) => (i128::from(ticks) * i128::from(n), 0),
            None => {
                let months = scaled(&mut Plain, ticks, time.unit, Unit::Month);
                let days = months.and_then(|m| month_start(&mut Plain, m)).unwrap_or_default();
                (i128::from(days) * 86_400, 0)
            }
        },
    };
    let days = i64::try_from(seconds.div_euclid(86_400)).unwrap_or(i64::MAX);
    let Ok(date) = Calendar::Proleptic.date(&mut Plain, days.saturating_add(EPOCH)) else { return String::new() };
    let year = if date.year < 0 { format!("-{:04}", -date.year) } else { format!("{:04}", date.year) };
    let of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let day = format!("{year}-{:02}-{:02}", date.month, date.day);
    match time.unit {
        Unit::Year => year,
        Unit::Month => format!("{year}-{:02}", date.month),
        Unit::Week | Unit::Day => day,
        Unit::Hour => format!("{day}T{hour:02}"),
        Unit::Minute => format!("{day}T{hour:02}:{minute:02}"),
        Unit::Second => format!("{day}T{hour:02}:{minute:02}:{second:02}"),
        finer => {
            let digits = usize::from(finer as u8 - Unit::Second as u8) * 3;
            format!("{day}T{hour:02}:{minute:02}:{second:02}.{fraction:0digits$}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_back() {
        // What NumPy 2.4 prints.
        for (text, ticks, unit) in [
            ("1969", -1, Unit::Year),
            ("-0044-03", (-44 - 1970) * 12 + 2, Unit::Month),
            ("1969-12-31", -1, Unit::Day),
            ("2000-02-29T23", (11_016 * 24) + 23, Unit::Hour),
            ("1969-12-31T23:59", -1, Unit::Minute),
            ("2000-01-01T12:30:05", 946_729_805, Unit::Second),
            ("2000-01-01T12:30:05.250", 946_729_805_250, Unit::Milli),
            ("1969-12-31T23:59:59.999999", -1, Unit::Micro),
            ("2262-04-11T23:47:16.854775807", i64::MAX, Unit::Nano),
            ("1677-09-21T00:12:43.145224193", -i64::MAX, Unit::Nano),
            ("1970-01-01T00:00:00.000000000000000007", 7, Unit::Atto),
        ] {
            assert_eq!(super::text(TimeType::date(unit), ticks), text);
            assert_eq!(parse(text).unwrap(), (ticks, Some(unit)), "{text}");
        }
        assert_eq!(text(TimeType::date(Unit::Week), 1), "1970-01-08");
        assert_eq!(
            (text(TimeType::delta(Unit::Hour), -36), text(TimeType::delta(Unit::Day), NAT)),
            ("-36 hours".into(), "NaT".into())
        );
        assert_eq!(parse("NaT").unwrap(), (NAT, None));
        for bad in
            ["2000-13", "2001-02-29", "yesterday", "", "2000-01-01T25", "2000-01-01T00:00:00.0000000000000000001"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse_in("9999-01-01", Unit::Nano).is_err());
        assert_eq!(parse_in("2000-03-01T12", Unit::Month).unwrap(), 362);
    }

    #[test]
    fn months_begin_where_the_calendar_says() {
        for months in (-30_000..30_000).step_by(7) {
            let days = month_start(&mut Plain, months).unwrap();
            let date = Calendar::Proleptic.date(&mut Plain, days + EPOCH).unwrap();
            assert_eq!(((date.year - 1970) * 12 + date.month - 1, date.day), (months, 1));
            assert_eq!(between(&mut Plain, days + 27, Unit::Day, Unit::Month).unwrap(), months);
        }
        assert_eq!(between(&mut Plain, -1, Unit::Day, Unit::Week).unwrap(), -1);
        assert_eq!(between(&mut Plain, 30, Unit::Year, Unit::Second).unwrap(), 946_684_800);
        assert!(between(&mut Plain, 1, Unit::Week, Unit::Atto).is_err());
    }
}
