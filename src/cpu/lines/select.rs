//! Some places of a line in order, without sorting the rest.

/// Moves to each of `ranks`, which ascend, the element that is there when `line` is sorted; smaller ones end up before
/// it, larger ones after.
pub(crate) fn select<K: Ord>(line: &mut [K], ranks: &[usize]) {
    from(line, 0, ranks);
}

fn from<K: Ord>(line: &mut [K], start: usize, ranks: &[usize]) {
    if line.len() < 2 || ranks.is_empty() {
        return;
    }
    let middle = ranks.len() / 2;
    let rank = ranks[middle];
    let (before, _, after) = line.select_nth_unstable(rank - start);
    from(before, start, &ranks[..middle]);
    from(after, rank + 1, &ranks[middle + 1..]);
}

/// Moves what is less than `bound` to the front; how many that are.
pub(crate) fn below<K: Ord + Copy>(line: &mut [K], bound: K) -> usize {
    let mut count = 0;
    for i in 0..line.len() {
        if line[i] < bound {
            line.swap(i, count);
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selected_places_hold_what_sorting_gives() {
        let line: Vec<u32> = (0..997).map(|i| (i * 7919) % 101).collect();
        let mut sorted = line.clone();
        sorted.sort_unstable();
        for ranks in [&[0][..], &[996], &[3, 4, 500, 501, 990], &[0, 1, 2, 996]] {
            let mut found = line.clone();
            select(&mut found, ranks);
            assert!(ranks.iter().all(|&r| found[r] == sorted[r]), "{ranks:?}");
        }
        let mut some = line;
        let count = below(&mut some, 50);
        assert!(some[..count].iter().all(|&x| x < 50) && some[count..].iter().all(|&x| x >= 50));
    }
}
