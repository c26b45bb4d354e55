//! The word that was meant by a mistyped one.

/// The nearest of `candidates` to `name`, if one is near.
pub(super) fn suggestion<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = match name.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=64 => 2,
        _ => return None,
    };
    let swapped = |c: &str| name.len() == c.len() && distance(name, c) == 2 && sorted(name) == sorted(c);
    candidates
        .filter(|c| *c != name)
        .map(|c| (if swapped(c) { 1 } else { distance(name, c) }, c))
        .filter(|(d, c)| *d <= allowed || (allowed == 0 && c.eq_ignore_ascii_case(name)))
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

fn sorted(text: &str) -> Vec<char> {
    let mut out: Vec<char> = text.chars().collect();
    out.sort_unstable();
    out
}

/// Letters to insert, delete or replace to get from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::suggestion;

    #[test]
    fn near_misses_are_found_and_far_ones_are_not() {
        let words = ["mean", "median", "max", "sum", "sqrt"];
        let near = |w: &str| suggestion(w, words.into_iter());
        assert_eq!(near("maen"), Some("mean"));
        assert_eq!(near("medain"), Some("median"));
        assert_eq!(near("summ"), Some("sum"));
        assert_eq!(near("frobnicate"), None);
        assert_eq!(near("x"), None);
    }
}
