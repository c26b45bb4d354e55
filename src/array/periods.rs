//! Periods of time as pandas and xarray write them, `MS`, `3h`, `QS-DEC`, and where they begin in a calendar.

use crate::error::{Error, Result};
use crate::op::calendar::{Calendar, DAY, Plain};
use std::str::FromStr;

/// An end of a period: where it begins, or where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Where it begins.
    Left,
    /// Where it ends.
    Right,
}

/// From where periods of a fixed length are counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    /// From the midnight before the first time.
    #[default]
    StartDay,
    /// From the first time.
    Start,
    /// From 1 January 1970.
    Epoch,
    /// Back from the last time.
    End,
    /// Back from the midnight after the last time.
    EndDay,
    /// From a date or time.
    At(String),
}

/// What periods are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// So many microseconds.
    Fixed(i64),
    /// Weeks that end on a day of the week, from 0 for Monday.
    Weeks(i64),
    /// So many months, which begin or end with the months whose number leaves this rest.
    Months { length: i64, rest: i64, ends: bool },
}

/// Periods that follow each other. They are parsed from what pandas and xarray call an offset: `min`, `h`, `D`,
/// `W-MON`, `MS`, `ME`, `QS-DEC`, `QE`, `YS-JUL`, `YE` (and `s`, `ms`, `us`), a number of one of these, such as `3h` or
/// `2MS`, or the sum of several of fixed length, such as `1D12h`.
///
/// ```
/// use hyperslab::array::periods::{Periods, Side};
/// let seasons: Periods = "QS-DEC".parse()?;
/// let weeks = "W".parse::<Periods>()?.label(Side::Left);
/// assert!("fortnight".parse::<Periods>().is_err());
/// # let _ = (seasons, weeks);
/// # Ok::<(), hyperslab::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Periods {
    count: i64,
    unit: Unit,
    closed: Option<Side>,
    label: Option<Side>,
    /// From where fixed ones are counted.
    pub(super) origin: Origin,
    offset: i64,
}

const WEEKDAYS: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// Times and lengths are nearer than this, some 18000 years, so that their sums are numbers.
pub(super) const FARTHEST: i64 = 1 << 59;

/// What lengths are called, in microseconds.
const LENGTHS: [(&str, i64); 6] =
    [("D", DAY), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)];

impl FromStr for Periods {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |why: &str| Err(Error::argument("resample", format!("`{text}` {why}")));
        if let Some(length) = fixed(text) {
            return match length {
                1.. => Ok(Self::of(1, Unit::Fixed(length))),
                _ => refuse("is no length of time: a positive number of microseconds is"),
            };
        }
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, name) = text.split_at(digits);
        let count = if number.is_empty() { 1 } else { number.parse().unwrap_or(0) };
        if !(1..=1000).contains(&count) {
            return refuse("is no length of time that times have, nor periods of a number from 1 to 1000");
        }
        let (name, anchor) = name.split_once('-').map_or((name, None), |(name, anchor)| (name, Some(anchor)));
        let among = |list: &[&str], usual: i64| match anchor {
            None => Some(usual),
            Some(anchor) => list.iter().position(|n| *n == anchor).and_then(|n| i64::try_from(n).ok()),
        };
        let months = |length: i64, usual: i64, ends: bool| {
            among(&MONTHS, usual).map(|month| Unit::Months { length, rest: month % length, ends })
        };
        let unit = match name {
            "W" => among(&WEEKDAYS, 6).map(Unit::Weeks),
            "MS" | "ME" if anchor.is_none() => months(1, 0, name == "ME"),
            "QS" => months(3, 0, false),
            "QE" => months(3, 11, true),
            "YS" => months(12, 0, false),
            "YE" => months(12, 11, true),
            _ => None,
        };
        match unit {
            Some(unit) => Ok(Self::of(count, unit)),
            None => refuse("is none of us, ms, s, min, h, D, W, MS, ME, QS, QE, YS and YE, nor a number of them"),
        }
    }
}

/// The microseconds of `90min`, `1.5h`, `1D12h`; `None` for what has another form.
fn fixed(text: &str) -> Option<i64> {
    let (mut rest, mut sum) = (text, 0i128);
    while !rest.is_empty() {
        let number = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let (digits, named) = rest.split_at(number);
        let end = named.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(named.len());
        let (_, unit) = LENGTHS.iter().find(|(name, _)| *name == &named[..end])?;
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let whole: i64 = if digits.is_empty() { 1 } else { format!("0{whole}").parse().ok()? };
        sum += i128::from(whole) * i128::from(*unit);
        if !fraction.is_empty() {
            let scale = 10i128.checked_pow(u32::try_from(fraction.len()).ok().filter(|n| *n < 18)?)?;
            sum += fraction.parse::<i64>().map(i128::from).ok()? * i128::from(*unit) / scale;
        }
        rest = &named[end..];
    }
    i64::try_from(sum).ok().filter(|sum| !text.is_empty() && *sum < FARTHEST)
}

/// Periods along an axis: where they begin and end, and what each is called.
pub(super) struct Spans {
    /// One more than there are periods, ascending.
    edges: Vec<i64>,
    closed: Side,
    /// An instant for each period.
    pub(super) labels: Vec<i64>,
}

impl Spans {
    /// The period that an instant is in.
    pub(super) fn place(&self, instant: i64) -> Option<usize> {
        let before = match self.closed {
            Side::Left => self.edges.partition_point(|&e| e <= instant),
            Side::Right => self.edges.partition_point(|&e| e < instant),
        };
        before.checked_sub(1).filter(|&place| place < self.labels.len())
    }
}

impl Periods {
    fn of(count: i64, unit: Unit) -> Self {
        Self { count, unit, closed: None, label: None, origin: Origin::StartDay, offset: 0 }
    }

    /// The same periods, each with this end and without the other. Where it is not said, the end of those that are
    /// named by their ends, `W`, `ME`, `QE`, `YE`, and the beginning of others.
    #[must_use]
    pub fn closed(self, side: Side) -> Self {
        Self { closed: Some(side), ..self }
    }

    /// The same periods, each called by the instant at which it begins or ends. Where it is not said, by its end where
    /// it is named by that.
    #[must_use]
    pub fn label(self, side: Side) -> Self {
        Self { label: Some(side), ..self }
    }

    /// The same periods, counted from elsewhere, which matters where they have a fixed length.
    #[must_use]
    pub fn from_origin(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// The same periods, counted from so much later: `offset` is a length such as `90min`, or less than nothing, `-6h`.
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for another text.
    pub fn later_by(self, offset: &str) -> Result<Self> {
        let (sign, length) = offset.strip_prefix('-').map_or((1, offset), |rest| (-1, rest));
        match fixed(length) {
            Some(length) => Ok(Self { offset: sign * length, ..self }),
            None => Err(Error::argument("resample", format!("`{offset}` is no length of time, such as 90min"))),
        }
    }

    /// Whether they are named by their ends.
    fn ends(&self) -> bool {
        matches!(self.unit, Unit::Weeks(_) | Unit::Months { ends: true, .. })
    }

    /// The periods that hold the instants from `first` to `last`, no more than `most`; `origin` is the instant that
    /// [`Origin::At`] names.
    pub(super) fn spans(&self, calendar: Calendar, range: (i64, i64), origin: i64, most: usize) -> Result<Spans> {
        let backward = matches!(self.unit, Unit::Fixed(_)) && matches!(self.origin, Origin::End | Origin::EndDay);
        let usual = if self.ends() || backward { Side::Right } else { Side::Left };
        let (closed, label) = (self.closed.unwrap_or(usual), self.label.unwrap_or(usual));
        let names = match self.unit {
            Unit::Fixed(length) => self.fixed(length, calendar, range, (origin, closed), most)?,
            _ => self.anchored(calendar, range, closed, most)?,
        };
        // A day by which a period is named belongs to it until midnight.
        let late = if self.ends() && closed == Side::Right { DAY - 1 } else { 0 };
        let mut edges: Vec<i64> = names.iter().map(|e| e + late).collect();
        if self.ends() && edges.len() > 2 && edges[edges.len() - 2] > range.1 {
            edges.pop();
        }
        let count = edges.len().saturating_sub(1);
        let labels = names.into_iter().skip(usize::from(label == Side::Right)).take(count).collect();
        Ok(Spans { edges, closed, labels })
    }

    /// The edges of periods of one length.
    fn fixed(
        &self,
        length: i64,
        calendar: Calendar,
        (mut first, last): (i64, i64),
        (origin, closed): (i64, Side),
        most: usize,
    ) -> Result<Vec<i64>> {
        let origin = match self.origin {
            Origin::StartDay => first - first.rem_euclid(DAY),
            Origin::Start => first,
            Origin::Epoch => calendar.days(1970, 1, 1) * DAY,
            Origin::At(_) => origin,
            Origin::End | Origin::EndDay => {
                let end = if self.origin == Origin::End { last } else { last + (-last).rem_euclid(DAY) };
                let back = (end - first).div_euclid(length) + i64::from(closed == Side::Left);
                first = end.saturating_sub(back.saturating_mul(length));
                first
            }
        } + self.offset;
        let (before, beyond) = ((first - origin).rem_euclid(length), (last - origin).rem_euclid(length));
        let (from, to) = match closed {
            Side::Left => (first - before, last + length - beyond),
            Side::Right => (
                first - if before > 0 { before } else { length },
                if beyond > 0 { last + length - beyond } else { last },
            ),
        };
        check((to - from) / length, most)?;
        Ok((0..=(to - from) / length).map(|k| from + k * length).collect())
    }

    /// The edges of periods that begin at certain days.
    fn anchored(&self, calendar: Calendar, range: (i64, i64), closed: Side, most: usize) -> Result<Vec<i64>> {
        let (first, last) = (range.0.div_euclid(DAY), range.1.div_euclid(DAY));
        let (from, to) = (self.before(calendar, first)?, self.before(calendar, last)? + self.count);
        let from = match closed {
            Side::Left => from,
            Side::Right if self.anchor(calendar, from) == first => from - self.count,
            Side::Right => from - (self.count - 1),
        };
        check((to - from) / self.count, most)?;
        Ok((0..=(to - from) / self.count).map(|k| self.anchor(calendar, from + k * self.count) * DAY).collect())
    }

    /// The number of the last anchor at a day or before it.
    fn before(&self, calendar: Calendar, day: i64) -> Result<i64> {
        let guess = match self.unit {
            Unit::Months { length, rest, .. } => {
                let date = calendar.date(&mut Plain, day)?;
                (date.year * 12 + date.month - 1 - rest).div_euclid(length)
            }
            _ => day.div_euclid(7),
        };
        Ok((guess - 1..=guess + 1).rev().find(|&k| self.anchor(calendar, k) <= day).unwrap_or(guess - 1))
    }

    /// The day of an anchor.
    fn anchor(&self, calendar: Calendar, number: i64) -> i64 {
        match self.unit {
            Unit::Months { length, rest, ends } => {
                let month = number * length + rest + i64::from(ends);
                calendar.days(month.div_euclid(12), month.rem_euclid(12) + 1, 1) - i64::from(ends)
            }
            Unit::Weeks(weekday) => {
                let monday = calendar.weekday(&mut Plain, 0).unwrap_or(0);
                number * 7 + (weekday - monday).rem_euclid(7)
            }
            Unit::Fixed(length) => number * length / DAY,
        }
    }
}

/// Refuses more than `most` periods.
fn check(count: i64, most: usize) -> Result<()> {
    if usize::try_from(count).is_ok_and(|count| count <= most) {
        return Ok(());
    }
    let why = format!("these times make {count} periods, most of them empty; resample goes to longer periods");
    Err(Error::argument("resample", why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::calendar::Clock;

    fn spans(periods: &str, calendar: &str, from: &str, to: &str) -> Vec<String> {
        let clock = Clock::parse("days since 2000-01-01", Some(calendar)).unwrap().unwrap();
        let at = |text: &str| clock.span(text).unwrap().0;
        let spans = periods.parse::<Periods>().unwrap().spans(clock.calendar, (at(from), at(to)), 0, 1000).unwrap();
        assert_eq!((spans.place(at(from)), spans.place(at(to))), (Some(0), Some(spans.labels.len() - 1)));
        spans.labels.iter().map(|l| clock.text(*l)).collect()
    }

    #[test]
    fn labels() {
        let of = |periods: &str| spans(periods, "standard", "2000-01-31T18", "2000-05-01");
        assert_eq!(of("2MS"), ["2000-01-01", "2000-03-01", "2000-05-01"]);
        assert_eq!(of("ME"), ["2000-01-31", "2000-02-29", "2000-03-31", "2000-04-30", "2000-05-31"]);
        assert_eq!(of("QS-DEC"), ["1999-12-01", "2000-03-01"]);
        assert_eq!(of("YE-JUN"), ["2000-06-30"]);
        assert_eq!(of("60D"), ["2000-01-31", "2000-03-31"]);
        assert_eq!(spans("ME", "360_day", "2000-02-30", "2000-03-01"), ["2000-02-30", "2000-03-30"]);
        assert_eq!(spans("W", "standard", "2000-01-02", "2000-01-03T01"), ["2000-01-02", "2000-01-09"]);
        assert_eq!(spans("1D12h", "noleap", "2000-02-28T06", "2000-03-01T14"), ["2000-02-28", "2000-03-01T12:00"]);
    }

    #[test]
    fn texts() {
        assert_eq!(fixed("1.5h"), Some(5_400_000_000));
        assert_eq!("0.5D".parse::<Periods>().unwrap(), "12h".parse().unwrap());
        for text in ["", "0MS", "-1D", "MS-JAN", "QS-FOO", "1.5MS", "M", "D3", "0h", "99999999999999D", "0.0000001us"] {
            assert!(text.parse::<Periods>().is_err(), "{text}");
        }
    }
}
