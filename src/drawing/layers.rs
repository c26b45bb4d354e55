//! Places boxes of a directed graph in layers, from the top down: few crossings, short arrows, no overlaps.
//!
//! What Sugiyama and others do, in its simplest form: every box lies below what it needs, an arrow that passes a layer
//! has a place of its own there, layers are ordered by the middle of their neighbours, and moved to where these are.

/// Space between neighbours in a layer, and between layers.
const ACROSS: f64 = 28.0;
const DOWN: f64 = 62.0;
/// The width that an arrow takes where it passes a layer.
const PASSING: f64 = 18.0;
/// How often layers are ordered and moved.
const ROUNDS: usize = 12;

/// Where everything is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    /// The left upper corner of each box.
    pub corners: Vec<(f64, f64)>,
    /// For each arrow the points between its ends: where it enters and leaves the layers that it passes.
    pub between: Vec<Vec<(f64, f64)>>,
    /// The size of all.
    pub size: (f64, f64),
}

/// A box, or an arrow that passes a layer.
struct Node {
    layer: usize,
    size: (f64, f64),
    above: Vec<usize>,
    below: Vec<usize>,
    middle: f64,
}

/// Places boxes of these sizes; an arrow goes from the first to the second, which comes later in the list.
pub(super) fn layout(sizes: &[(f64, f64)], arrows: &[(usize, usize)]) -> Layout {
    let layers = layers(sizes.len(), arrows);
    let mut nodes: Vec<Node> = sizes
        .iter()
        .zip(&layers)
        .map(|(&size, &layer)| Node { layer, size, above: Vec::new(), below: Vec::new(), middle: 0.0 })
        .collect();
    let mut passed: Vec<Vec<usize>> = Vec::new();
    for &(from, to) in arrows {
        let (mut last, mut through) = (from, Vec::new());
        for layer in layers[from] + 1..layers[to] {
            let node = Node { layer, size: (PASSING, 0.0), above: vec![last], below: Vec::new(), middle: 0.0 };
            nodes.push(node);
            let new = nodes.len() - 1;
            nodes[last].below.push(new);
            through.push(new);
            last = new;
        }
        nodes[last].below.push(to);
        nodes[to].above.push(last);
        passed.push(through);
    }
    let mut rows = vec![Vec::new(); nodes.iter().map(|n| n.layer + 1).max().unwrap_or(0)];
    (0..nodes.len()).for_each(|n| rows[nodes[n].layer].push(n));
    order(&nodes, &mut rows);
    spread(&mut nodes, &rows);
    placed(&nodes, &rows, sizes.len(), &passed)
}

/// The layer of each box: below all that it needs, and what needs nothing right above who needs it.
fn layers(boxes: usize, arrows: &[(usize, usize)]) -> Vec<usize> {
    let mut layers = vec![0; boxes];
    for to in 0..boxes {
        let needs = arrows.iter().filter(|a| a.1 == to).map(|a| layers[a.0] + 1);
        layers[to] = needs.max().unwrap_or(0);
    }
    for from in 0..boxes {
        if !arrows.iter().any(|a| a.1 == from) {
            let users = arrows.iter().filter(|a| a.0 == from).map(|a| layers[a.1] - 1);
            layers[from] = users.min().unwrap_or(0);
        }
    }
    layers
}

/// Orders the layers so that few arrows cross.
fn order(nodes: &[Node], rows: &mut [Vec<usize>]) {
    let mut best: Option<(usize, Vec<Vec<usize>>)> = None;
    for round in 0..ROUNDS {
        let down = round % 2 == 0;
        let order: Vec<usize> = if down { (0..rows.len()).collect() } else { (0..rows.len()).rev().collect() };
        for row in order {
            let mut place = vec![0.0; nodes.len()];
            for (k, &n) in rows.iter().flat_map(|row| row.iter().enumerate()) {
                place[n] = real(k);
            }
            let key = |n: usize| {
                let near = if down { &nodes[n].above } else { &nodes[n].below };
                mean(near.iter().map(|&m| place[m])).unwrap_or(place[n])
            };
            rows[row].sort_by(|&a, &b| key(a).total_cmp(&key(b)));
        }
        let now = crossings(nodes, rows);
        if best.as_ref().is_none_or(|(least, _)| now < *least) {
            best = Some((now, rows.to_vec()));
        }
    }
    if let Some((_, found)) = best {
        rows.clone_from_slice(&found);
    }
}

/// How many pairs of arrows between neighbouring layers cross.
fn crossings(nodes: &[Node], rows: &[Vec<usize>]) -> usize {
    let mut place = vec![0; nodes.len()];
    for (k, &n) in rows.iter().flat_map(|row| row.iter().enumerate()) {
        place[n] = k;
    }
    let of_row = |row: &Vec<usize>| {
        let ends = row.iter().flat_map(|&n| nodes[n].below.iter().map(move |&m| (n, m)));
        let ends: Vec<(usize, usize)> = ends.map(|(n, m)| (place[n], place[m])).collect();
        let cross = |k: usize| ends[k + 1..].iter().filter(|e| e.0 > ends[k].0 && e.1 < ends[k].1).count();
        (0..ends.len()).map(cross).sum::<usize>()
    };
    rows.iter().map(of_row).sum()
}

/// Moves the middles of all to where their neighbours are, without overlaps.
fn spread(nodes: &mut [Node], rows: &[Vec<usize>]) {
    for row in rows {
        let wanted = vec![0.0; row.len()];
        settle(nodes, row, &wanted);
    }
    for round in 0..ROUNDS {
        let down = round % 2 == 0;
        let order: Vec<usize> = if down { (0..rows.len()).collect() } else { (0..rows.len()).rev().collect() };
        for row in order.into_iter().map(|r| &rows[r]) {
            let want = |&n: &usize| {
                let (first, second) =
                    if down { (&nodes[n].above, &nodes[n].below) } else { (&nodes[n].below, &nodes[n].above) };
                let near = if first.is_empty() { second } else { first };
                mean(near.iter().map(|&m| nodes[m].middle)).unwrap_or(nodes[n].middle)
            };
            let wanted: Vec<f64> = row.iter().map(want).collect();
            settle(nodes, row, &wanted);
        }
    }
}

/// Puts the middles of a layer as near to where they are wanted as its order and the sizes allow: those that would
/// overlap stand side by side around the middle of what they want.
fn settle(nodes: &mut [Node], row: &[usize], wanted: &[f64]) {
    let mut offset = 0.0;
    let mut offsets = Vec::new();
    for (k, &n) in row.iter().enumerate() {
        if let Some(before) = k.checked_sub(1).map(|b| &nodes[row[b]]) {
            offset += before.size.0.midpoint(nodes[n].size.0) + ACROSS;
        }
        offsets.push(offset);
    }
    let mut groups: Vec<(f64, usize)> = Vec::new();
    for (want, offset) in wanted.iter().zip(&offsets) {
        let mut group = (want - offset, 1);
        while let Some(&(sum, n)) = groups.last() {
            if sum / real(n) <= group.0 / real(group.1) {
                break;
            }
            groups.pop();
            group = (group.0 + sum, group.1 + n);
        }
        groups.push(group);
    }
    let places = groups.iter().flat_map(|&(sum, n)| std::iter::repeat_n(sum / real(n), n));
    for ((&n, place), offset) in row.iter().zip(places).zip(&offsets) {
        nodes[n].middle = place + offset;
    }
}

fn placed(nodes: &[Node], rows: &[Vec<usize>], boxes: usize, passed: &[Vec<usize>]) -> Layout {
    let left = nodes.iter().map(|n| n.middle - n.size.0 / 2.0).fold(f64::INFINITY, f64::min).min(f64::MAX);
    let right = nodes.iter().map(|n| n.middle + n.size.0 / 2.0).fold(f64::NEG_INFINITY, f64::max).max(left);
    let mut tops = Vec::new();
    let mut y = 0.0;
    for row in rows {
        let height = row.iter().map(|&n| nodes[n].size.1).fold(0.0, f64::max);
        tops.push((y, height));
        y += height + DOWN;
    }
    let corner = |n: &Node| (n.middle - n.size.0 / 2.0 - left, tops[n.layer].0);
    let ends = |&n: &usize| {
        let (x, (top, height)) = (nodes[n].middle - left, tops[nodes[n].layer]);
        [(x, top), (x, top + height)]
    };
    Layout {
        corners: nodes[..boxes].iter().map(corner).collect(),
        between: passed.iter().map(|through| through.iter().flat_map(ends).collect()).collect(),
        size: if boxes == 0 { (0.0, 0.0) } else { (right - left, y - DOWN) },
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0);
    for value in values {
        (sum, n) = (sum + value, n + 1);
    }
    (n > 0).then(|| sum / real(n))
}

#[expect(clippy::cast_precision_loss, reason = "boxes on a page")]
pub(super) fn real(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sizes: &[(f64, f64)], arrows: &[(usize, usize)]) -> Layout {
        let layout = layout(sizes, arrows);
        for (a, (ca, sa)) in layout.corners.iter().zip(sizes).enumerate() {
            assert!(
                ca.0 >= 0.0
                    && ca.1 >= 0.0
                    && ca.0 + sa.0 <= layout.size.0 + 1e-6
                    && ca.1 + sa.1 <= layout.size.1 + 1e-6
            );
            for (cb, sb) in layout.corners.iter().zip(sizes).skip(a + 1) {
                let apart = |p: f64, n: f64, q: f64, m: f64| p + n <= q + 1e-6 || q + m <= p + 1e-6;
                assert!(apart(ca.0, sa.0, cb.0, sb.0) || apart(ca.1, sa.1, cb.1, sb.1), "{ca:?} {cb:?}");
            }
        }
        for &(from, to) in arrows {
            assert!(layout.corners[from].1 + sizes[from].1 < layout.corners[to].1);
        }
        layout
    }

    #[test]
    fn boxes_do_not_overlap_and_arrows_point_down() {
        let mut state = 7u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        for boxes in [1usize, 2, 5, 12, 30, 60] {
            let sizes: Vec<(f64, f64)> =
                (0..boxes).map(|_| (real(next(300) as usize + 40), real(next(90) as usize + 20))).collect();
            let arrows: Vec<(usize, usize)> =
                (1..boxes).flat_map(|to| [(next(to as u64) as usize, to), (next(to as u64) as usize, to)]).collect();
            check(&sizes, &arrows);
        }
        assert_eq!(layout(&[], &[]).size, (0.0, 0.0));
    }

    #[test]
    fn what_needs_not_cross_does_not() {
        // Two chains whose boxes come mixed.
        let sizes = vec![(100.0, 40.0); 8];
        let arrows = [(0, 3), (1, 2), (2, 5), (3, 4), (4, 7), (5, 6)];
        let found = check(&sizes, &arrows);
        for chain in [[0, 3, 4, 7], [1, 2, 5, 6]] {
            let x = chain.map(|n| found.corners[n].0);
            assert!(x.iter().all(|v| (v - x[0]).abs() < 1.0), "{x:?}");
        }
        // A source is next to who reads it.
        let found = check(&[(50.0, 20.0); 4], &[(0, 1), (1, 3), (2, 3)]);
        assert_eq!(found.corners[2].1, found.corners[1].1);
    }
}
