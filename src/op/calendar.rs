//! The calendars of CF conventions: dates from days and days from dates, and what `days since 2000-01-01` means.
//!
//! Years begin in March here, so that the day which some years have comes last, and days count from March of the year
//! 0. The arithmetic is written once (`Whole`), for numbers and for the elements of arrays.

use crate::error::{Error, Result};

/// Microseconds of a day.
pub(crate) const DAY: i64 = 86_400_000_000;

/// Arithmetic on whole numbers; divisors are positive, and quotients are rounded down.
pub(crate) trait Whole {
    /// A number.
    type N: Copy;
    /// A constant.
    fn int(&mut self, value: i64) -> Self::N;
    /// `a + b`.
    fn add(&mut self, a: Self::N, b: Self::N) -> Result<Self::N>;
    /// `a * b`.
    fn times(&mut self, a: Self::N, b: i64) -> Result<Self::N>;
    /// `a // b`.
    fn div(&mut self, a: Self::N, b: i64) -> Result<Self::N>;
    /// `then` where `a < b`, and `otherwise` elsewhere.
    fn below(&mut self, a: Self::N, b: i64, then: Self::N, otherwise: Self::N) -> Result<Self::N>;

    /// `a + b`, of a constant.
    fn plus(&mut self, a: Self::N, b: i64) -> Result<Self::N> {
        let b = self.int(b);
        self.add(a, b)
    }

    /// `a - b`.
    fn less(&mut self, a: Self::N, b: Self::N) -> Result<Self::N> {
        let minus = self.times(b, -1)?;
        self.add(a, minus)
    }

    /// `a % b`.
    fn rem(&mut self, a: Self::N, b: i64) -> Result<Self::N> {
        let whole = self.div(a, b)?;
        let whole = self.times(whole, b)?;
        self.less(a, whole)
    }
}

/// Plain numbers.
pub(crate) struct Plain;

impl Whole for Plain {
    type N = i64;

    fn int(&mut self, value: i64) -> i64 {
        value
    }

    fn add(&mut self, a: i64, b: i64) -> Result<i64> {
        Ok(a.wrapping_add(b))
    }

    fn times(&mut self, a: i64, b: i64) -> Result<i64> {
        Ok(a.wrapping_mul(b))
    }

    fn div(&mut self, a: i64, b: i64) -> Result<i64> {
        Ok(a.div_euclid(b))
    }

    fn below(&mut self, a: i64, b: i64, then: i64, otherwise: i64) -> Result<i64> {
        Ok(if a < b { then } else { otherwise })
    }
}

/// A calendar of CF conventions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calendar {
    /// `standard`, `gregorian`: Julian before 15 October 1582, which follows 4 October.
    Standard,
    /// `proleptic_gregorian`.
    Proleptic,
    /// `julian`.
    Julian,
    /// `noleap`, `365_day`.
    NoLeap,
    /// `all_leap`, `366_day`.
    AllLeap,
    /// `360_day`: twelve months of thirty days.
    Days360,
}

/// A date: year, month from 1, day from 1, day of the year from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date<N> {
    pub(crate) year: N,
    pub(crate) month: N,
    pub(crate) day: N,
    pub(crate) day_of_year: N,
}

/// How years of March follow each other.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Years {
    Gregorian,
    Julian,
    Even(i64),
}

/// 15 October 1582, of the Gregorian calendar, in days from 1 March of its year 0.
const REFORM: i64 = 578_041;

/// How much later the Gregorian year 0 begins than the Julian one.
const LATER: i64 = 2;

impl Calendar {
    /// The calendar of this name, which CF spells in lower case.
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for an unknown one.
    pub fn named(name: &str) -> Result<Self> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "standard" | "gregorian" => Self::Standard,
            "proleptic_gregorian" => Self::Proleptic,
            "julian" => Self::Julian,
            "noleap" | "365_day" => Self::NoLeap,
            "all_leap" | "366_day" => Self::AllLeap,
            "360_day" => Self::Days360,
            _ => return Err(Error::argument("time", format!("the calendar `{name}` is not known"))),
        })
    }

    /// The name that CF gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Proleptic => "proleptic_gregorian",
            Self::Julian => "julian",
            Self::NoLeap => "noleap",
            Self::AllLeap => "all_leap",
            Self::Days360 => "360_day",
        }
    }

    /// The number of days before a date; days that the month has not are those after its end.
    #[must_use]
    pub(crate) fn days(self, year: i64, month: i64, day: i64) -> i64 {
        if self == Self::Days360 {
            return year * 360 + (month - 1) * 30 + day - 1;
        }
        let march = if month > 2 { year } else { year - 1 };
        let in_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let before = |years: Years| match years {
            Years::Gregorian => march * 365 + march.div_euclid(4) - march.div_euclid(100) + march.div_euclid(400),
            Years::Julian => march * 365 + march.div_euclid(4),
            Years::Even(n) => march * n,
        };
        match self {
            Self::Standard => {
                let new = before(Years::Gregorian) + in_year;
                let old = before(Years::Julian) + in_year - LATER;
                if new >= REFORM { new } else { old.min(REFORM - 1) }
            }
            Self::Proleptic => before(Years::Gregorian) + in_year,
            Self::Julian => before(Years::Julian) + in_year,
            Self::NoLeap => before(Years::Even(365)) + in_year,
            Self::AllLeap | Self::Days360 => before(Years::Even(366)) + in_year,
        }
    }

    /// The date of a day.
    pub(crate) fn date<W: Whole>(self, w: &mut W, days: W::N) -> Result<Date<W::N>> {
        match self {
            Self::Standard => {
                let new = of_march(w, days, Years::Gregorian)?;
                let julian = w.plus(days, LATER)?;
                let old = of_march(w, julian, Years::Julian)?;
                let first = of_march(w, days, Years::Gregorian)?.day_of_year;
                // The year of the reform lost ten days.
                let short = w.plus(first, -10)?;
                let in_1582 = w.below(days, REFORM + 78, short, first)?;
                Ok(Date {
                    year: w.below(days, REFORM, old.year, new.year)?,
                    month: w.below(days, REFORM, old.month, new.month)?,
                    day: w.below(days, REFORM, old.day, new.day)?,
                    day_of_year: w.below(days, REFORM, old.day_of_year, in_1582)?,
                })
            }
            Self::Proleptic => of_march(w, days, Years::Gregorian),
            Self::Julian => of_march(w, days, Years::Julian),
            Self::NoLeap => of_march(w, days, Years::Even(365)),
            Self::AllLeap => of_march(w, days, Years::Even(366)),
            Self::Days360 => {
                let (year, rest) = (w.div(days, 360)?, w.rem(days, 360)?);
                let (month, day) = (w.div(rest, 30)?, w.rem(rest, 30)?);
                let (month, day) = (w.plus(month, 1)?, w.plus(day, 1)?);
                Ok(Date { year, month, day, day_of_year: w.plus(rest, 1)? })
            }
        }
    }

    /// The day of the week, from Monday, as cftime counts it.
    pub(crate) fn weekday<W: Whole>(self, w: &mut W, days: W::N) -> Result<W::N> {
        let shift = match self {
            Self::Standard | Self::Proleptic => 2,
            Self::Julian => 0,
            Self::NoLeap => 3,
            Self::AllLeap => 4,
            Self::Days360 => 0,
        };
        let moved = w.plus(days, shift)?;
        w.rem(moved, 7)
    }

    /// How many days a month has.
    #[must_use]
    pub(crate) fn month_length(self, year: i64, month: i64) -> i64 {
        let (next, first) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        if self == Self::Standard && (year, month) == (1582, 10) {
            return 31;
        }
        self.days(next, first, 1) - self.days(year, month, 1)
    }

    /// Whether the calendar has this date.
    #[must_use]
    pub(crate) fn has(self, year: i64, month: i64, day: i64) -> bool {
        let lost = self == Self::Standard && (year, month) == (1582, 10) && (5..15).contains(&day);
        (1..=12).contains(&month) && day >= 1 && day <= self.month_length(year, month) && !lost
    }
}

/// The date of a day, by years of March.
fn of_march<W: Whole>(w: &mut W, days: W::N, years: Years) -> Result<Date<W::N>> {
    let (march, in_year, leap) = match years {
        Years::Even(n) => {
            let leap = w.int(i64::from(n == 366));
            (w.div(days, n)?, w.rem(days, n)?, leap)
        }
        Years::Julian => {
            let (eras, rest) = (w.div(days, 1461)?, w.rem(days, 1461)?);
            let (in_era, in_year) = year_in(w, rest, &[1460])?;
            let before = w.times(eras, 4)?;
            let march = w.add(before, in_era)?;
            let leap = is_leap(w, march, &[4])?;
            (march, in_year, leap)
        }
        Years::Gregorian => {
            let (eras, rest) = (w.div(days, 146_097)?, w.rem(days, 146_097)?);
            let (in_era, in_year) = year_in(w, rest, &[1460, 36_524, 146_096])?;
            let before = w.times(eras, 400)?;
            let march = w.add(before, in_era)?;
            let leap = is_leap(w, march, &[4, 100, 400])?;
            (march, in_year, leap)
        }
    };
    let months = w.times(in_year, 5)?;
    let months = w.plus(months, 2)?;
    let from_march = w.div(months, 153)?;
    let gone = w.times(from_march, 153)?;
    let gone = w.plus(gone, 2)?;
    let gone = w.div(gone, 5)?;
    let day = w.less(in_year, gone)?;
    let (spring, winter) = (w.plus(from_march, 3)?, w.plus(from_march, -9)?);
    let (same, next) = (march, w.plus(march, 1)?);
    // January and February have gone by when a year of March begins.
    let late = w.plus(in_year, -305)?;
    let early = w.plus(in_year, 60)?;
    let early = w.add(early, leap)?;
    Ok(Date {
        year: w.below(from_march, 10, same, next)?,
        month: w.below(from_march, 10, spring, winter)?,
        day: w.plus(day, 1)?,
        day_of_year: w.below(from_march, 10, early, late)?,
    })
}

/// The year and the day in it of a day in an era: leap days come every so many days, in turn one more and one less.
fn year_in<W: Whole>(w: &mut W, day: W::N, leaps: &[i64]) -> Result<(W::N, W::N)> {
    let mut plain = day;
    for (i, &every) in leaps.iter().enumerate() {
        let count = w.div(day, every)?;
        let count = w.times(count, if i % 2 == 0 { -1 } else { 1 })?;
        plain = w.add(plain, count)?;
    }
    let year = w.div(plain, 365)?;
    let mut start = w.times(year, 365)?;
    for (i, every) in leaps.iter().map(|n| n / 365).enumerate() {
        let count = w.div(year, every)?;
        let count = w.times(count, if i % 2 == 0 { 1 } else { -1 })?;
        start = w.add(start, count)?;
    }
    Ok((year, w.less(day, start)?))
}

/// 1 for the years that a cycle makes leap years, 0 for others.
fn is_leap<W: Whole>(w: &mut W, year: W::N, cycles: &[i64]) -> Result<W::N> {
    let (mut leap, one, none) = (w.int(0), w.int(1), w.int(0));
    for (i, &cycle) in cycles.iter().enumerate() {
        let rest = w.rem(year, cycle)?;
        leap = w.below(rest, 1, if i % 2 == 0 { one } else { none }, leap)?;
    }
    Ok(leap)
}

/// What the numbers of a time coordinate are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock {
    /// The calendar.
    pub calendar: Calendar,
    /// How long 1 is, in nanoseconds.
    pub(crate) unit: i64,
    /// When 0 is: microseconds from 1 March of the year 0.
    pub(crate) start: i64,
}

impl Clock {
    /// What `units` such as `hours since 1900-01-01 00:00` mean in a calendar; `None` where they are no units of time
    /// since something.
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for units of varying length (months, years) and for a date that the
    /// calendar has not.
    pub fn parse(units: &str, calendar: Option<&str>) -> Result<Option<Self>> {
        let words: Vec<&str> = units.split_whitespace().collect();
        let [unit, since, date @ ..] = words.as_slice() else { return Ok(None) };
        if !since.eq_ignore_ascii_case("since") || date.is_empty() {
            return Ok(None);
        }
        let refuse = |why: String| Err(Error::argument("time", format!("units `{units}`: {why}")));
        let calendar = Calendar::named(calendar.unwrap_or("standard"))?;
        let unit = match (unit.to_ascii_lowercase().as_str(), calendar) {
            ("nanosecond" | "nanoseconds" | "nsec" | "nsecs" | "ns", _) => 1,
            ("microsecond" | "microseconds" | "microsec" | "microsecs" | "us", _) => 1_000,
            ("millisecond" | "milliseconds" | "millisec" | "millisecs" | "msec" | "msecs" | "ms", _) => 1_000_000,
            ("second" | "seconds" | "sec" | "secs" | "s", _) => 1_000_000_000,
            ("minute" | "minutes" | "min" | "mins", _) => 60 * 1_000_000_000,
            ("hour" | "hours" | "hr" | "hrs" | "h", _) => 3600 * 1_000_000_000,
            ("day" | "days" | "d", _) => DAY * 1000,
            ("week" | "weeks", _) => 7 * DAY * 1000,
            ("month" | "months", Calendar::Days360) => 30 * DAY * 1000,
            ("common_year" | "common_years", Calendar::NoLeap) => 365 * DAY * 1000,
            (other, _) => return refuse(format!("`{other}` has no fixed length")),
        };
        match moment(&date.join(" ")) {
            Some(m) if calendar.has(m.year, m.month.unwrap_or(1), m.day.unwrap_or(1)) => {
                let start = calendar.days(m.year, m.month.unwrap_or(1), m.day.unwrap_or(1)) * DAY + m.time;
                Ok(Some(Self { calendar, unit, start }))
            }
            Some(_) => refuse("the calendar has no such date".to_owned()),
            None => refuse("the date is not understood".to_owned()),
        }
    }

    /// A number of this clock as microseconds from 1 March of the year 0.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "rounded; times are far smaller")]
    pub(crate) fn instant(&self, value: f64) -> i64 {
        self.start.saturating_add((value * (self.unit as f64 / 1000.0)).round() as i64)
    }

    /// The first and the last microsecond of the date or time that a text names: `2000`, `2000-03`, `2000-03-01 12`;
    /// and how long it is named to be, as for a day.
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for another text.
    pub(crate) fn span(&self, text: &str) -> Result<(i64, i64, Resolution)> {
        let refuse = |why: &str| Err(Error::argument("sel", format!("`{text}` {why}")));
        let Some(m) = moment(text) else { return refuse("is no date or time, such as 2000-03-01T12:00") };
        let (month, day) = (m.month.unwrap_or(1), m.day.unwrap_or(1));
        if !self.calendar.has(m.year, month, day) {
            return refuse("is not in the calendar");
        }
        let start = self.calendar.days(m.year, month, day) * DAY + m.time;
        let end = match (m.month, m.day) {
            (None, _) => self.calendar.days(m.year + 1, 1, 1) * DAY,
            (Some(12), None) => self.calendar.days(m.year + 1, 1, 1) * DAY,
            (Some(month), None) => self.calendar.days(m.year, month + 1, 1) * DAY,
            (Some(_), Some(_)) => start + m.resolution.length(),
        };
        Ok((start, end - 1, m.resolution))
    }

    /// Microseconds of a day.
    pub const DAY: i64 = DAY;

    /// The year and month of an instant.
    #[must_use]
    pub fn month_of(&self, instant: i64) -> (i64, i64) {
        self.calendar.date(&mut Plain, instant.div_euclid(DAY)).map_or((0, 1), |d| (d.year, d.month))
    }

    /// When a month begins; the thirteenth is the first of the next year.
    #[must_use]
    pub fn month_start(&self, year: i64, month: i64) -> i64 {
        let (year, month) = if month > 12 { (year + 1, 1) } else { (year, month) };
        self.calendar.days(year, month, 1) * DAY
    }

    /// When 0 is.
    #[must_use]
    pub fn start_instant(&self) -> i64 {
        self.start
    }

    /// How many microseconds 1 is.
    #[expect(clippy::cast_precision_loss, reason = "a unit of time is a power of ten times a small number")]
    #[must_use]
    pub fn microseconds(&self) -> f64 {
        self.unit as f64 / 1000.0
    }

    /// An instant as text: the date, and the time where there is one.
    #[must_use]
    pub(crate) fn text(&self, instant: i64) -> String {
        let (days, time) = (instant.div_euclid(DAY), instant.rem_euclid(DAY));
        let Ok(date) = self.calendar.date(&mut Plain, days) else { return String::new() };
        let (seconds, rest) = (time / 1_000_000, time % 1_000_000);
        let day = format!("{:04}-{:02}-{:02}", date.year, date.month, date.day);
        let hours = format!("T{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
        let exact = format!(":{:02}", seconds % 60);
        match (time > 0, time % 60_000_000 > 0, rest > 0) {
            (false, ..) => day,
            (true, false, _) => day + &hours,
            (true, true, false) => day + &hours + &exact,
            (true, true, true) => day + &hours + &exact + format!(".{rest:06}").trim_end_matches('0'),
        }
    }
}

/// What the shortest part of a date or time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Resolution {
    Fraction,
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Year,
}

impl Resolution {
    /// In microseconds; of months and years, the shortest.
    fn length(self) -> i64 {
        match self {
            Self::Fraction => 1,
            Self::Second => 1_000_000,
            Self::Minute => 60_000_000,
            Self::Hour => 3_600_000_000,
            Self::Day => DAY,
            Self::Month => 28 * DAY,
            Self::Year => 360 * DAY,
        }
    }

    /// That of an instant: the longest in which it is whole.
    pub(crate) fn of(instant: i64) -> Self {
        let all = [Self::Day, Self::Hour, Self::Minute, Self::Second];
        all.into_iter().find(|r| instant.rem_euclid(r.length()) == 0).unwrap_or(Self::Fraction)
    }
}

/// A date and time that a text names.
pub(super) struct Moment {
    pub(super) year: i64,
    pub(super) month: Option<i64>,
    pub(super) day: Option<i64>,
    /// Microseconds of the day; a zone has been taken off, so they may be negative or more than a day.
    pub(super) time: i64,
    pub(super) resolution: Resolution,
}

/// `2000`, `2000-3`, `2000-03-01`, `20000301`, `2000-03-01T12:30:15.5Z`, `2000-03-01 12:30 +1:00`.
pub(super) fn moment(text: &str) -> Option<Moment> {
    let text = text.trim();
    let (sign, body) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let at = body.find(['T', 't', ' ']).unwrap_or(body.len());
    let (date, time) = (&body[..at], body.get(at + 1..).unwrap_or("").trim());
    let whole = |s: &str| s.parse::<i64>().ok().filter(|_| s.bytes().all(|b| b.is_ascii_digit()) && s.len() < 7);
    let compact = date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = if compact { vec![&date[..4], &date[4..6], &date[6..]] } else { date.split('-').collect() };
    let numbers: Vec<i64> = parts.iter().map(|p| whole(p)).collect::<Option<_>>()?;
    let (year, month, day) = match *numbers.as_slice() {
        [y] => (y, None, None),
        [y, m] => (y, Some(m), None),
        [y, m, d] => (y, Some(m), Some(d)),
        _ => return None,
    };
    let resolution = match (month, day) {
        (None, _) => Resolution::Year,
        (_, None) => Resolution::Month,
        _ => Resolution::Day,
    };
    if time.is_empty() {
        return Some(Moment { year: sign * year, month, day, time: 0, resolution });
    }
    day?;
    let (clock, zone) = zone_of(time)?;
    let (micros, resolution) = time_of(clock)?;
    Some(Moment { year: sign * year, month, day, time: micros - zone, resolution })
}

/// A time of day, and the microseconds by which its zone is early.
fn zone_of(time: &str) -> Option<(&str, i64)> {
    let upper = time.trim_end_matches(['Z', 'z']).trim_end_matches("UTC").trim_end_matches("GMT").trim_end();
    let Some(at) = upper.rfind(['+', '-']) else { return Some((upper, 0)) };
    let (clock, zone) = (upper[..at].trim_end(), &upper[at + 1..]);
    let (hours, minutes) = match zone.split_once(':') {
        Some((h, m)) => (h, m),
        None if zone.len() == 4 => zone.split_at(2),
        None => (zone, "0"),
    };
    let early = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
    let sign = if upper[at..].starts_with('-') { -1 } else { 1 };
    Some((clock, sign * early * 60_000_000))
}

/// The microseconds of `12`, `12:30`, `12:30:15`, `12:30:15.25`.
fn time_of(clock: &str) -> Option<(i64, Resolution)> {
    let parts: Vec<&str> = clock.split(':').collect();
    let (seconds, fraction) = match parts.get(2).and_then(|s| s.split_once('.')) {
        Some((s, f)) => (s, f),
        None => (parts.get(2).copied().unwrap_or("0"), ""),
    };
    let number = |s: &str, below: i64| {
        s.parse::<i64>().ok().filter(|n| (0..below).contains(n) && s.bytes().all(|b| b.is_ascii_digit()))
    };
    let hours = number(parts.first()?, 25)?;
    let (minutes, seconds) = (number(parts.get(1).unwrap_or(&"0"), 60)?, number(seconds, 60)?);
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(6).collect();
    let resolution = match (parts.len(), fraction.trim_end_matches('0').is_empty()) {
        (1, _) => Resolution::Hour,
        (2, _) => Resolution::Minute,
        (3, true) => Resolution::Second,
        (3, false) => Resolution::Fraction,
        _ => return None,
    };
    Some((((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + number(&digits, 1_000_000)?, resolution))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Calendar; 6] = [
        Calendar::Standard,
        Calendar::Proleptic,
        Calendar::Julian,
        Calendar::NoLeap,
        Calendar::AllLeap,
        Calendar::Days360,
    ];

    #[test]
    fn days_and_dates_are_inverse() {
        for calendar in ALL {
            let (mut last, mut in_year) = (None, 0);
            for day in (-1000..1500).chain(577_000..579_000).chain(729_000..732_000) {
                let date = calendar.date(&mut Plain, day).unwrap();
                assert_eq!(calendar.days(date.year, date.month, date.day), day, "{calendar:?} {date:?}");
                assert!(calendar.has(date.year, date.month, date.day), "{calendar:?} {date:?}");
                if last == Some(day - 1) {
                    let first = (date.month, date.day) == (1, 1);
                    assert_eq!(date.day_of_year, if first { 1 } else { in_year + 1 }, "{calendar:?} {date:?}");
                }
                (last, in_year) = (Some(day), date.day_of_year);
            }
        }
    }

    #[test]
    fn the_reform() {
        let date = |day| {
            let d = Calendar::Standard.date(&mut Plain, day).unwrap();
            (d.year, d.month, d.day)
        };
        assert_eq!((date(REFORM), date(REFORM - 1)), ((1582, 10, 15), (1582, 10, 4)));
        assert!(!Calendar::Standard.has(1582, 10, 10) && Calendar::Proleptic.has(1582, 10, 10));
        assert_eq!(Calendar::Proleptic.days(1582, 10, 15), REFORM);
    }

    #[test]
    fn texts() {
        let clock = |units: &str, calendar: &str| Clock::parse(units, Some(calendar)).unwrap().unwrap();
        let day = clock("days since 2000-01-01", "noleap");
        assert_eq!(day.text(day.instant(59.0)), "2000-03-01");
        assert_eq!(day.text(day.instant(0.5)), "2000-01-01T12:00");
        let hour = clock("hours since 2000-1-1T06:00:00.5 +1:30", "standard");
        assert_eq!(hour.text(hour.instant(-4.5)), "2000-01-01T00:00:00.5");
        assert_eq!(Clock::parse("K", None).unwrap(), None);
        assert!(Clock::parse("months since 2000-01-01", None).is_err());
        assert!(Clock::parse("days since 2000-02-30", None).is_err());
        assert!(Clock::parse("days since 2000-02-30", Some("360_day")).is_ok());
        let (from, to, resolution) = day.span("2000-02").unwrap();
        assert_eq!((day.text(from), day.text(to + 1)), ("2000-02-01".to_owned(), "2000-03-01".to_owned()));
        assert_eq!(resolution, Resolution::Month);
        assert!(day.span("2000-13").is_err() && day.span("yesterday").is_err());
    }
}
