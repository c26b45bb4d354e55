//! Groups of positions along an axis: those of one label, wherever they lie.

use super::grid::AxisChunks;
use std::ops::Range;
use std::sync::Arc;

/// Which group every position along an axis is in.
///
/// ```
/// use hyperslab::chunk::groups::Groups;
/// let seasons = Groups::new(0, &[0, 0, 1, 1, 3, 0], 4);
/// assert_eq!(seasons.sizes(), vec![3, 2, 0, 1]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Groups {
    /// The axis.
    pub axis: usize,
    /// The group of each position, below `count`.
    pub labels: Arc<[u32]>,
    /// Number of groups; some may be empty.
    pub count: usize,
}

impl Groups {
    /// The groups of these labels.
    #[must_use]
    pub fn new(axis: usize, labels: &[u32], count: usize) -> Self {
        Self { axis, labels: labels.into(), count }
    }

    /// Positions in each group.
    #[must_use]
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.count];
        self.labels.iter().for_each(|&label| sizes[label as usize] += 1);
        sizes
    }

    /// The groups that have a share of the tile with the most of them.
    #[must_use]
    pub fn most(&self, tiles: &AxisChunks) -> usize {
        let mut last_seen = vec![usize::MAX; self.count];
        let mut most = 0;
        for tile in 0..tiles.count() {
            let mut here = 0;
            for &label in &self.labels[tiles.start(tile)..tiles.start(tile + 1)] {
                here += usize::from(last_seen[label as usize] != tile);
                last_seen[label as usize] = tile;
            }
            most = most.max(here);
        }
        most
    }
}

/// What groups have of the tiles along their axis.
#[derive(Debug)]
pub struct Shares {
    /// Positions by tile, then by group, ascending.
    positions: Vec<u32>,
    list: Vec<Share>,
    /// The shares in each tile.
    tiles: Vec<Range<usize>>,
    /// The tiles that each group has a share of.
    counts: Vec<usize>,
}

/// What one group has of one tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The group.
    pub group: usize,
    /// How many tiles with a share of the group come before.
    pub place: usize,
    range: Range<usize>,
}

impl Shares {
    /// What `groups` have of `tiles`.
    #[must_use]
    pub fn of(groups: &Groups, tiles: &AxisChunks) -> Self {
        let mut out =
            Self { positions: Vec::new(), list: Vec::new(), tiles: Vec::new(), counts: vec![0; groups.count] };
        for tile in 0..tiles.count() {
            let (first_share, base) = (out.list.len(), out.positions.len());
            #[expect(clippy::cast_possible_truncation, reason = "there are labels for fewer than 2^32 positions")]
            out.positions.extend((tiles.start(tile)..tiles.start(tile + 1)).map(|p| p as u32));
            out.positions[base..].sort_by_key(|&p| groups.labels[p as usize]);
            let mut at = base;
            while at < out.positions.len() {
                let label = groups.labels[out.positions[at] as usize];
                let end = at + out.positions[at..].partition_point(|&p| groups.labels[p as usize] <= label);
                let place = &mut out.counts[label as usize];
                out.list.push(Share { group: label as usize, place: *place, range: at..end });
                *place += 1;
                at = end;
            }
            out.tiles.push(first_share..out.list.len());
        }
        out
    }

    /// The shares of a tile, by group.
    #[must_use]
    pub fn in_tile(&self, tile: usize) -> &[Share] {
        &self.list[self.tiles[tile].clone()]
    }

    /// The positions of a share, ascending.
    #[must_use]
    pub fn positions(&self, share: &Share) -> &[u32] {
        &self.positions[share.range.clone()]
    }

    /// How many tiles have a share of `group`.
    #[must_use]
    pub fn tiles_of(&self, group: usize) -> usize {
        self.counts[group]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_cover_every_position_once() {
        let groups = Groups::new(0, &[0, 2, 0, 1, 1, 0, 2, 0], 4);
        let tiles = AxisChunks::regular(8, 3);
        let shares = Shares::of(&groups, &tiles);
        let list: Vec<(usize, usize, Vec<u32>)> = (0..3)
            .flat_map(|t| shares.in_tile(t).iter().map(|s| (s.group, s.place, shares.positions(s).to_vec())))
            .collect();
        let expected = [
            (0, 0, vec![0, 2]),
            (2, 0, vec![1]),
            (0, 1, vec![5]),
            (1, 0, vec![3, 4]),
            (0, 2, vec![7]),
            (2, 1, vec![6]),
        ];
        assert_eq!(list, expected);
        assert_eq!((0..4).map(|g| shares.tiles_of(g)).collect::<Vec<_>>(), vec![3, 1, 2, 0]);
        assert_eq!((groups.sizes(), groups.most(&tiles)), (vec![4, 2, 2, 0], 2));
    }
}
