//! Dates and lengths of time: NumPy's `datetime64` and `timedelta64`, which are integers of 64 bits and what they
//! count.

use crate::error::Error;
use serde_json::{Map, Value};
use std::fmt;
use std::str::FromStr;

/// What NumPy calls `NaT`, not a time: the least integer.
pub const NAT: i64 = i64::MIN;

/// What is counted, from the longest to the shortest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// Years.
    Year,
    /// Months.
    Month,
    /// Weeks.
    Week,
    /// Days.
    Day,
    /// Hours.
    Hour,
    /// Minutes.
    Minute,
    /// Seconds.
    Second,
    /// Milliseconds.
    Milli,
    /// Microseconds.
    Micro,
    /// Nanoseconds.
    Nano,
    /// Picoseconds.
    Pico,
    /// Femtoseconds.
    Femto,
    /// Attoseconds.
    Atto,
}

/// Units with NumPy's code, the word for several, and how many of the next shorter one each is; none of months, which
/// are not all of one length, and of the shortest.
const UNITS: [(Unit, &str, &str, Option<i64>); 13] = [
    (Unit::Year, "Y", "years", Some(12)),
    (Unit::Month, "M", "months", None),
    (Unit::Week, "W", "weeks", Some(7)),
    (Unit::Day, "D", "days", Some(24)),
    (Unit::Hour, "h", "hours", Some(60)),
    (Unit::Minute, "m", "minutes", Some(60)),
    (Unit::Second, "s", "seconds", Some(1000)),
    (Unit::Milli, "ms", "milliseconds", Some(1000)),
    (Unit::Micro, "us", "microseconds", Some(1000)),
    (Unit::Nano, "ns", "nanoseconds", Some(1000)),
    (Unit::Pico, "ps", "picoseconds", Some(1000)),
    (Unit::Femto, "fs", "femtoseconds", Some(1000)),
    (Unit::Atto, "as", "attoseconds", None),
];

impl Unit {
    fn row(self) -> &'static (Self, &'static str, &'static str, Option<i64>) {
        &UNITS[self as usize]
    }

    /// NumPy's code: `Y`, `M`, `W`, `D`, `h`, `m`, `s`, `ms`, `us`, `ns`, `ps`, `fs` or `as`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.row().1
    }

    /// The English word for several: `days`.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.row().2
    }

    /// The unit of this code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        UNITS.iter().find(|row| row.1 == code).map(|row| row.0)
    }

    /// Whether the unit is one of the calendar, whose lengths differ: years and months.
    #[must_use]
    pub fn is_of_calendar(self) -> bool {
        self <= Self::Month
    }

    /// How many of the shorter unit `fine` one of these is; `None` where that is not always the same number, and for
    /// numbers beyond 64 bits.
    ///
    /// ```
    /// use hyperslab::dtype::time::Unit;
    /// assert_eq!(Unit::Day.times(Unit::Second), Some(86_400));
    /// assert_eq!(Unit::Month.times(Unit::Day), None);
    /// ```
    #[must_use]
    pub fn times(self, fine: Self) -> Option<i64> {
        let steps = UNITS.get(self as usize..fine as usize)?;
        steps.iter().try_fold(1i64, |n, row| n.checked_mul(row.3?))
    }
}

/// What 64-bit integers count.
///
/// ```
/// use hyperslab::dtype::time::{TimeType, Unit};
/// let ns: TimeType = "datetime64[ns]".parse()?;
/// assert_eq!(ns, TimeType::date(Unit::Nano));
/// assert_eq!(TimeType::delta(Unit::Day).to_string(), "timedelta64[D]");
/// # Ok::<(), hyperslab::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeType {
    /// Whether time is counted from the beginning of 1970, in the proleptic Gregorian calendar; otherwise integers are
    /// lengths of time.
    pub is_date: bool,
    /// What is counted.
    pub unit: Unit,
}

impl TimeType {
    /// `datetime64` of this unit.
    #[must_use]
    pub const fn date(unit: Unit) -> Self {
        Self { is_date: true, unit }
    }

    /// `timedelta64` of this unit.
    #[must_use]
    pub const fn delta(unit: Unit) -> Self {
        Self { is_date: false, unit }
    }

    /// NumPy's code, without a byte order: `M8[ns]`.
    #[must_use]
    pub fn code(self) -> String {
        format!("{}8[{}]", if self.is_date { 'M' } else { 'm' }, self.unit.code())
    }

    /// The units of CF conventions: `nanoseconds since 1970-01-01`, `days`.
    #[must_use]
    pub fn units(self) -> String {
        let word = self.unit.word();
        if self.is_date { format!("{word} since 1970-01-01") } else { word.to_owned() }
    }

    /// What integers count, as attributes of CF conventions: `units`, and of dates the `calendar`.
    #[must_use]
    pub fn attributes(self) -> Map<String, Value> {
        let calendar = self.is_date.then_some(("calendar", "proleptic_gregorian".to_owned()));
        let all = [("units", self.units())].into_iter().chain(calendar);
        all.map(|(key, text)| (key.to_owned(), text.into())).collect()
    }
}

impl fmt::Display for TimeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.is_date { "datetime64" } else { "timedelta64" };
        f.pad(&format!("{name}[{}]", self.unit.code()))
    }
}

impl FromStr for TimeType {
    type Err = Error;

    /// NumPy's names and codes: `datetime64[ns]`, `M8[ns]`, `<m8[s]`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = |why: &str| Error::dtype("dtype", format!("`{text}` {why}"));
        let bare = text.trim_start_matches(['<', '>', '=', '|']);
        let kinds = [("datetime64", true), ("M8", true), ("timedelta64", false), ("m8", false)];
        let found = kinds.iter().find_map(|(name, is_date)| Some((bare.strip_prefix(name)?, *is_date)));
        let Some((rest, is_date)) = found else { return Err(refuse("names neither dates nor lengths of time")) };
        let Some(code) = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
            return Err(refuse("needs a unit, such as `[ns]`"));
        };
        let unit = Unit::of_code(code)
            .ok_or_else(|| refuse("has a unit that is not one of Y, M, W, D, h, m, s, ms, us, ns, ps, fs, as"))?;
        Ok(Self { is_date, unit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_where_units_say() {
        for (i, row) in UNITS.iter().enumerate() {
            assert_eq!((row.0 as usize, Unit::of_code(row.1)), (i, Some(row.0)));
        }
        assert_eq!(Unit::Year.times(Unit::Month), Some(12));
        assert_eq!(Unit::Week.times(Unit::Nano), Some(7 * 86_400 * 1_000_000_000));
        assert_eq!((Unit::Day.times(Unit::Day), Unit::Second.times(Unit::Day)), (Some(1), None));
        assert_eq!((Unit::Year.times(Unit::Second), Unit::Week.times(Unit::Atto)), (None, None));
    }

    #[test]
    fn names() {
        for code in ["M8[ns]", "m8[D]", "M8[as]"] {
            let time: TimeType = format!("<{code}").parse().unwrap();
            assert_eq!(time.code(), code);
            assert_eq!(time.to_string().parse::<TimeType>().unwrap(), time);
        }
        for other in ["M8", "M8[10us]", "M8[", "i8", "datetime64[x]"] {
            assert!(other.parse::<TimeType>().is_err(), "{other}");
        }
        assert_eq!(TimeType::date(Unit::Milli).units(), "milliseconds since 1970-01-01");
    }
}
