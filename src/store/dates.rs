//! NumPy's `datetime64` and `timedelta64`, which files hold as integers: read as such, with the attributes that say in CF's
//! words what they count. What NumPy calls `NaT` is the least integer.

use super::Attributes;

/// Units of fixed names, and those of CF.
const UNITS: [(&str, &str); 10] = [
    ("Y", "years"),
    ("M", "months"),
    ("W", "weeks"),
    ("D", "days"),
    ("h", "hours"),
    ("m", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
];

/// What `M8[ns]` and `m8[s]` stand for, without a byte order; `None` for other element types, and for units that CF has no
/// word for.
pub(super) fn of_code(code: &str) -> Option<Attributes> {
    let (is_date, rest) = match (code.strip_prefix("M8["), code.strip_prefix("m8[")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return None,
    };
    of_unit(is_date, rest.strip_suffix(']')?)
}

/// What integers that count `unit` are: since 1970, where they are dates.
pub(super) fn of_unit(is_date: bool, unit: &str) -> Option<Attributes> {
    let (_, name) = UNITS.iter().find(|(code, _)| *code == unit)?;
    let list = if is_date {
        vec![("units", format!("{name} since 1970-01-01")), ("calendar", "proleptic_gregorian".to_owned())]
    } else {
        vec![("units", (*name).to_owned())]
    };
    Some(list.into_iter().map(|(key, text)| (key.to_owned(), text.into())).collect())
}

/// The attributes of an array, and what else is known of its elements.
#[cfg(feature = "zarr")]
pub(super) fn beside(mut attributes: Attributes, dates: Option<Attributes>) -> Attributes {
    for (key, value) in dates.into_iter().flatten() {
        attributes.entry(key).or_insert(value);
    }
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        let units = |code: &str| of_code(code).map(|a| a["units"].as_str().unwrap_or_default().to_owned());
        assert_eq!(units("M8[ns]").as_deref(), Some("nanoseconds since 1970-01-01"));
        assert_eq!(units("m8[D]").as_deref(), Some("days"));
        for code in ["M8", "M8[10us]", "m8[ps]", "M8[", "i8"] {
            assert_eq!(of_code(code), None, "{code}");
        }
    }
}
