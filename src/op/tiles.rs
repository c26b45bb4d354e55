//! Tile programs, as data: factorisations as sequences of kernels over the tiles of a matrix.
//!
//! A [`TileProgram`] is an index space, not a list: which steps make a tile, what each of them needs, and what waits
//! for a tile is arithmetic. The steps of one tile run in their order; everything else may run in any, so that bits
//! depend on the program alone.

use crate::chunk::AxisChunks;
use crate::dtype::DType;
use std::fmt;

/// The place of a tile: its row and its column of tiles.
pub type Place = (usize, usize);

/// Kernels over the tiles of square matrices, in the order that they depend on each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TileProgram {
    /// What is computed.
    pub factorisation: Factorisation,
    /// The dtype of the matrices and of their factors.
    pub dtype: DType,
    /// Where rows and columns are cut into tiles. Part of the meaning: it decides the order of summation.
    pub tiles: AxisChunks,
}

/// Triangular systems `x lᴴ = b`: rows `b` of matrices `(.., m, n)` by triangles `(.., n, n)`, of which the lower parts
/// are read. The rows need nothing of each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Substitution {
    /// The dtype of the matrices and of their quotients.
    pub dtype: DType,
    /// Where rows are cut into cells, each of which is solved for by itself.
    pub rows: AxisChunks,
    /// Where columns and triangles are cut into tiles.
    pub tiles: AxisChunks,
}

/// What a tile program computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Factorisation {
    /// The lower triangular `l` with `l lᴴ = a`, of which the lower triangle is read.
    Cholesky,
}

/// One step of a tile program: it changes one tile, and reads others that are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Tile `(i, k)` loses the product of `(i, j)` and the adjoint of `(k, j)`.
    Update {
        /// Its row of tiles.
        i: usize,
        /// Its column.
        k: usize,
        /// The column of what is multiplied, before its own.
        j: usize,
    },
    /// Tile `(k, k)` becomes its own factor, and is done.
    Factor {
        /// Where it is on the diagonal.
        k: usize,
    },
    /// Tile `(i, k)` is divided by the adjoint of the factor `(k, k)`, and is done.
    Solve {
        /// Its row.
        i: usize,
        /// Its column.
        k: usize,
    },
}

/// What a device runs for a step, on a tile in memory that the caller has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TileTask {
    /// Less a product: the left tile and the right one, whose adjoint is taken.
    Update,
    /// As `Update` of a tile on the diagonal, where both are the same tile: below the diagonal only.
    UpdateDiagonal,
    /// The factors of a stack of tiles. What is above the diagonal becomes 0.
    Factor,
    /// Divided from the right by the adjoint of a triangle.
    Solve,
}

impl Factorisation {
    /// The NumPy name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cholesky => "cholesky",
        }
    }
}

impl TileProgram {
    /// Rows of tiles, as many as columns.
    #[must_use]
    pub fn side(&self) -> usize {
        self.tiles.count()
    }

    /// Whether the program makes the tile at `place`; what it does not make is 0.
    #[must_use]
    pub fn makes(&self, (i, k): Place) -> bool {
        k <= i && i < self.side()
    }

    /// Step `number` of the tile at `place`; none after the last.
    #[must_use]
    pub fn step(&self, (i, k): Place, number: usize) -> Option<Step> {
        match number.cmp(&k) {
            std::cmp::Ordering::Less => Some(Step::Update { i, k, j: number }),
            std::cmp::Ordering::Equal if i == k => Some(Step::Factor { k }),
            std::cmp::Ordering::Equal => Some(Step::Solve { i, k }),
            std::cmp::Ordering::Greater => None,
        }
    }

    /// How many steps there are for one matrix.
    #[must_use]
    pub fn steps(&self) -> usize {
        let n = self.side();
        n * (n + 1) * (n + 2) / 6
    }

    /// The tiles that may wait for the one at `place`: those in whose steps it is read.
    pub fn readers(&self, (i, k): Place) -> impl Iterator<Item = Place> + use<> {
        let (along, down) = (k + 1..i, i..self.side());
        let both = along.map(move |column| (i, column)).chain(down.map(move |row| (row, i)));
        both.filter(move |&place| place != (i, k))
    }
}

impl Step {
    /// The tiles that it reads, each done before; none twice.
    #[must_use]
    pub fn needs(self) -> Vec<Place> {
        match self {
            Self::Update { i, k, j } if i == k => vec![(i, j)],
            Self::Update { i, k, j } => vec![(i, j), (k, j)],
            Self::Factor { .. } => Vec::new(),
            Self::Solve { k, .. } => vec![(k, k)],
        }
    }

    /// What runs.
    #[must_use]
    pub fn task(self) -> TileTask {
        match self {
            Self::Update { i, k, .. } if i == k => TileTask::UpdateDiagonal,
            Self::Update { .. } => TileTask::Update,
            Self::Factor { .. } => TileTask::Factor,
            Self::Solve { .. } => TileTask::Solve,
        }
    }
}

impl TileTask {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Update, Self::UpdateDiagonal, Self::Factor, Self::Solve];

    /// In a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::UpdateDiagonal => "update of a diagonal tile",
            Self::Factor => "factor",
            Self::Solve => "triangular solve",
        }
    }
}

impl fmt::Display for TileProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, tile) = (self.factorisation.name(), self.tiles.longest());
        match self.side() {
            0 | 1 => write!(f, "{name} of tiles ({tile}, {tile})"),
            n => write!(f, "{name} in tiles ({tile}, {tile}), {n} rows of them, {} steps", self.steps()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn program(n: usize, tile: usize) -> TileProgram {
        let tiles = AxisChunks::regular(n, tile);
        TileProgram { factorisation: Factorisation::Cholesky, dtype: DType::F64, tiles }
    }

    fn all(program: &TileProgram) -> Vec<Place> {
        let n = program.side();
        (0..n).flat_map(|i| (0..n).map(move |k| (i, k))).filter(|&place| program.makes(place)).collect()
    }

    fn steps_of(program: &TileProgram, place: Place) -> Vec<Step> {
        (0..).map_while(|number| program.step(place, number)).collect()
    }

    #[test]
    fn steps_are_counted_and_end_in_a_tile_that_is_done() {
        for n in [0, 1, 2, 5, 9] {
            let program = program(n * 10, 10);
            let lists: Vec<Vec<Step>> = all(&program).into_iter().map(|place| steps_of(&program, place)).collect();
            assert_eq!(lists.iter().map(Vec::len).sum::<usize>(), program.steps());
            assert!(lists.iter().all(|l| matches!(l.last(), Some(Step::Factor { .. } | Step::Solve { .. }))));
        }
    }

    #[test]
    fn readers_are_the_tiles_whose_steps_need_one() {
        let program = program(70, 10);
        let mut readers: BTreeMap<Place, BTreeSet<Place>> = BTreeMap::new();
        for place in all(&program) {
            for need in steps_of(&program, place).into_iter().flat_map(Step::needs) {
                assert!(program.makes(need) && need.1 <= place.1, "{need:?} for {place:?}");
                readers.entry(need).or_default().insert(place);
            }
        }
        for place in all(&program) {
            let have: BTreeSet<Place> = program.readers(place).collect();
            assert_eq!(have.len(), program.readers(place).count(), "{place:?}: none twice");
            assert_eq!(have, readers.remove(&place).unwrap_or_default(), "{place:?}");
        }
    }
}
