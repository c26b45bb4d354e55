//! Ticks at round dates and times.

use super::scale::{Scale, Ticks, real};
use crate::op::calendar::Clock;

/// How ticks follow each other.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// So many months.
    Months(i64),
    /// So many days of a month: the 1st and every so manieth that is not near the end.
    Days(i64),
    /// So many microseconds, which days are made of.
    Time(i64),
}

const SECOND: i64 = 1_000_000;

/// Every step, from the shortest.
const STEPS: &[Step] = &[
    Step::Time(SECOND),
    Step::Time(5 * SECOND),
    Step::Time(15 * SECOND),
    Step::Time(60 * SECOND),
    Step::Time(300 * SECOND),
    Step::Time(900 * SECOND),
    Step::Time(3600 * SECOND),
    Step::Time(3 * 3600 * SECOND),
    Step::Time(6 * 3600 * SECOND),
    Step::Time(12 * 3600 * SECOND),
    Step::Days(1),
    Step::Days(2),
    Step::Days(5),
    Step::Days(10),
    Step::Months(1),
    Step::Months(3),
    Step::Months(6),
    Step::Months(12),
    Step::Months(24),
    Step::Months(60),
    Step::Months(120),
    Step::Months(240),
    Step::Months(600),
    Step::Months(1200),
    Step::Months(6000),
    Step::Months(12_000),
];

impl Step {
    /// Its length in microseconds, roughly.
    fn length(self) -> i64 {
        match self {
            Self::Months(n) => n * 30 * Clock::DAY,
            Self::Days(n) => n * Clock::DAY,
            Self::Time(n) => n,
        }
    }
}

/// At most about `most` ticks at round dates; those of a range that is shorter than seconds are its numbers.
pub(super) fn ticks(scale: Scale, most: i32, clock: &Clock) -> Ticks {
    let (from, to) = (clock.instant(scale.lo), clock.instant(scale.hi));
    let most = i64::from(most.max(1));
    let Some(step) = STEPS.iter().find(|s| (to - from) / s.length() <= most).filter(|_| to - from >= SECOND) else {
        return Ticks::new(scale, i32::try_from(most).unwrap_or(1), false);
    };
    let instants = instants(*step, from, to, clock);
    let marks = instants.into_iter().map(|at| (value(clock, at), written(*step, clock, at))).collect();
    Ticks { marks, note: String::new() }
}

/// The instants from `from` to `to` at which ticks stand.
fn instants(step: Step, from: i64, to: i64, clock: &Clock) -> Vec<i64> {
    let mut out = Vec::new();
    if let Step::Time(every) = step {
        let first = (from + every - 1).div_euclid(every);
        return (first..=to.div_euclid(every)).take(100).map(|k| k * every).collect();
    }
    let (year, month) = clock.month_of(from);
    let mut months = match step {
        Step::Months(every) => (year * 12 + month - 1).div_euclid(every) * every,
        _ => year * 12 + month - 1,
    };
    while out.len() < 100 {
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        let start = clock.month_start(year, month);
        if start > to {
            break;
        }
        match step {
            Step::Days(every) => {
                let length = (clock.month_start(year, month + 1) - start) / Clock::DAY;
                let days = (0..length).step_by(usize::try_from(every).unwrap_or(1));
                let apart = |d: &i64| every < 3 || *d == 0 || length - d > every / 2;
                out.extend(days.filter(apart).map(|d| start + d * Clock::DAY));
                months += 1;
            }
            Step::Months(every) => {
                out.push(start);
                months += every;
            }
            Step::Time(_) => break,
        }
    }
    out.retain(|at| (from..=to).contains(at));
    out
}

/// An instant in the units of the coordinate.
fn value(clock: &Clock, instant: i64) -> f64 {
    real(i128::from(instant - clock.start_instant())) / clock.microseconds()
}

/// An instant as it is written at a tick: years alone, months, or days with the time where it is not midnight.
fn written(step: Step, clock: &Clock, instant: i64) -> String {
    let text = clock.text(instant);
    match step {
        Step::Months(every) if every % 12 == 0 => text.get(..text.len().saturating_sub(6)).unwrap_or(&text).to_owned(),
        Step::Months(_) => text.get(..text.len().saturating_sub(3)).unwrap_or(&text).to_owned(),
        Step::Days(_) => text,
        Step::Time(_) => text.replace('T', " "),
    }
}
