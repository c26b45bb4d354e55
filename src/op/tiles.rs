//! Tile programs, as data: factorisations as sequences of kernels over the tiles of a matrix.
//!
//! A [`TileProgram`] is an index space, not a list: which steps make a tile, what each of them needs, and what waits
//! for a tile is arithmetic. The steps of one tile run in their order; everything else may run in any, so that bits
//! depend on the program alone.

use crate::chunk::AxisChunks;
use crate::dtype::DType;
use std::fmt;
use std::ops::Range;

/// Columns that exchange their rows one after another; more are halved until they are so few.
pub const FEW_COLUMNS: usize = 16;

/// The place of a tile: its row and its column of tiles.
pub type Place = (usize, usize);

/// Kernels over the tiles of square matrices, in the order that they depend on each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TileProgram {
    /// What is computed.
    pub factorisation: Factorisation,
    /// The dtype of the matrices and of their factors.
    pub dtype: DType,
    /// Where rows and columns are cut into tiles; those of an LU factorisation are whole columns. Part of the meaning:
    /// it decides the order of summation.
    pub tiles: AxisChunks,
}

/// Systems of linear equations for which there are factors. Right-hand sides need nothing of each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Substitution {
    /// What is solved.
    pub system: System,
    /// The dtype of both sides and of the solutions.
    pub dtype: DType,
    /// Where right-hand sides are cut into cells, each of which is solved for by itself.
    pub rows: AxisChunks,
    /// Where the factors are cut into tiles.
    pub tiles: AxisChunks,
}

/// What is solved, by which factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum System {
    /// `x lᴴ = b`: rows `b` of matrices `(.., m, n)` by triangles `(.., n, n)`, of which the lower parts are read.
    Triangle,
    /// `a x = b`: columns `b` of matrices `(.., n, m)` by the factors `(.., n + 1, n)` of [`Factorisation::Lu`].
    Factors {
        /// What asks for it, for messages.
        op: &'static str,
    },
    /// No system: rows of matrices `(.., n, m)` exchanged as those of the factors were.
    Exchanges {
        /// Columns of the factors themselves, as those after them were.
        later: bool,
    },
}

impl Substitution {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.system {
            System::Triangle => "solve_triangular",
            System::Factors { op } => op,
            System::Exchanges { .. } => "lu",
        }
    }

    /// What its steps run.
    #[must_use]
    pub fn tasks(&self) -> &'static [TileTask] {
        match self.system {
            System::Triangle => &[TileTask::Update, TileTask::Solve],
            System::Factors { .. } => &[TileTask::Forward, TileTask::Backward],
            System::Exchanges { later: true } => &[TileTask::ExchangeLater],
            System::Exchanges { later: false } => &[TileTask::Exchange],
        }
    }

    /// The length of the axis that inputs are seen from beside those of the result.
    #[must_use]
    pub fn depth(&self) -> usize {
        match self.system {
            System::Triangle => self.tiles.len(),
            System::Factors { .. } | System::Exchanges { .. } => self.tiles.len() + 1,
        }
    }

    /// Which of the last two axes of the result right-hand sides lie side by side along, and which the unknowns.
    #[must_use]
    pub fn axes(&self, rank: usize) -> (usize, usize) {
        match self.system {
            System::Triangle => (rank - 2, rank - 1),
            System::Factors { .. } | System::Exchanges { .. } => (rank - 1, rank - 2),
        }
    }

    /// Whether matrices of a stack are solved for several at a time.
    #[must_use]
    pub fn joins(&self) -> bool {
        self.system != System::Triangle && self.tiles.count() <= 1
    }
}

/// What a tile program computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Factorisation {
    /// The lower triangular `l` with `l lᴴ = a`, of which the lower triangle is read.
    Cholesky,
    /// Unit lower triangular `l` and upper triangular `u` with `p l u = a`, where `p` puts the largest element of what
    /// is left of a column onto the diagonal. All in one array with a row more: `u` on and above the diagonal, `l`
    /// below it, and in the last row the row that each was exchanged with. Rows of `l` stand as they did when its tile
    /// was done; whoever reads a tile makes the exchanges in its order, so that no tile is written twice.
    Lu,
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
    /// The columns `k` have their rows exchanged as those of `j` did, and lose the product of `l` in `j` with their
    /// `u`.
    Eliminate {
        /// Which columns.
        k: usize,
        /// Those of `l`, before them.
        j: usize,
    },
    /// The columns `k` become their own factors with exchanges of rows, and are done.
    Pivot {
        /// Which columns.
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
    /// Columns by the factors of earlier ones, given from the diagonal on.
    Eliminate,
    /// The factors of columns, with the rows that were exchanged in the last row. Of a stack of matrices, where they
    /// have one tile.
    Pivot,
    /// As `Eliminate`, of right-hand sides, which have no last row; a zero on the diagonal is refused. Of a stack of
    /// matrices, where they have one tile.
    Forward,
    /// Right-hand sides, after `Forward`, by the upper factor of columns, given up to the diagonal.
    Backward,
    /// Rows of columns exchanged as all those of the factors were, whose last row is given.
    Exchange,
    /// Rows of columns of the factors exchanged as those after them were.
    ExchangeLater,
}

impl Factorisation {
    /// The NumPy name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cholesky => "cholesky",
            Self::Lu => "lu",
        }
    }

    /// What its steps run.
    #[must_use]
    pub fn tasks(self) -> &'static [TileTask] {
        match self {
            Self::Cholesky => &[TileTask::Update, TileTask::UpdateDiagonal, TileTask::Factor, TileTask::Solve],
            Self::Lu => &[TileTask::Eliminate, TileTask::Pivot],
        }
    }
}

impl TileProgram {
    /// Columns of tiles.
    #[must_use]
    pub fn side(&self) -> usize {
        self.tiles.count()
    }

    /// Rows of tiles from the first that the program makes in column `k` on.
    #[must_use]
    pub fn rows(&self, k: usize) -> Range<usize> {
        match self.factorisation {
            Factorisation::Cholesky => k..self.side(),
            Factorisation::Lu => 0..1,
        }
    }

    /// Where the rows of the factors are cut into tiles.
    #[must_use]
    pub fn row_tiles(&self) -> AxisChunks {
        match self.factorisation {
            Factorisation::Cholesky => self.tiles.clone(),
            Factorisation::Lu => AxisChunks::regular(self.tiles.len() + 1, self.tiles.len() + 1),
        }
    }

    /// Where rows are cut for whoever reads parts of tiles.
    #[must_use]
    pub fn row_cells(&self) -> AxisChunks {
        match self.factorisation {
            Factorisation::Cholesky => self.tiles.clone(),
            Factorisation::Lu => AxisChunks::regular(self.tiles.len() + 1, self.tiles.longest()),
        }
    }

    /// Rows of a tile that no step of another reads: those above the diagonal.
    #[must_use]
    pub fn skipped(&self, (_, k): Place) -> usize {
        match self.factorisation {
            Factorisation::Cholesky => 0,
            Factorisation::Lu => self.tiles.start(k),
        }
    }

    /// Columns of a tile that a step copies.
    #[must_use]
    pub fn scratch(&self) -> usize {
        match self.factorisation {
            Factorisation::Cholesky => 0,
            Factorisation::Lu => FEW_COLUMNS.min(self.tiles.longest()),
        }
    }

    /// The shape of the factors of matrices of this shape.
    #[must_use]
    pub fn shape(&self, matrices: &[usize]) -> Vec<usize> {
        let mut shape = matrices.to_vec();
        if let (Factorisation::Lu, [.., rows, _]) = (self.factorisation, shape.as_mut_slice()) {
            *rows += 1;
        }
        shape
    }

    /// Whether the program makes the tile at `place`; what it does not make is 0.
    #[must_use]
    pub fn makes(&self, (i, k): Place) -> bool {
        k < self.side() && self.rows(k).contains(&i)
    }

    /// Step `number` of the tile at `place`; none after the last.
    #[must_use]
    pub fn step(&self, (i, k): Place, number: usize) -> Option<Step> {
        use std::cmp::Ordering::{Equal, Greater, Less};
        match (self.factorisation, number.cmp(&k)) {
            (Factorisation::Cholesky, Less) => Some(Step::Update { i, k, j: number }),
            (Factorisation::Cholesky, Equal) if i == k => Some(Step::Factor { k }),
            (Factorisation::Cholesky, Equal) => Some(Step::Solve { i, k }),
            (Factorisation::Lu, Less) => Some(Step::Eliminate { k, j: number }),
            (Factorisation::Lu, Equal) => Some(Step::Pivot { k }),
            (_, Greater) => None,
        }
    }

    /// How many steps there are for one matrix.
    #[must_use]
    pub fn steps(&self) -> usize {
        let n = self.side();
        match self.factorisation {
            Factorisation::Cholesky => n * (n + 1) * (n + 2) / 6,
            Factorisation::Lu => n * (n + 1) / 2,
        }
    }

    /// The tiles that may wait for the one at `place`: those in whose steps it is read.
    pub fn readers(&self, (i, k): Place) -> impl Iterator<Item = Place> + use<> {
        let (along, down) = match self.factorisation {
            Factorisation::Cholesky => (k + 1..i, i..self.side()),
            Factorisation::Lu => (k + 1..self.side(), 0..0),
        };
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
            Self::Factor { .. } | Self::Pivot { .. } => Vec::new(),
            Self::Solve { k, .. } => vec![(k, k)],
            Self::Eliminate { j, .. } => vec![(0, j)],
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
            Self::Eliminate { .. } => TileTask::Eliminate,
            Self::Pivot { .. } => TileTask::Pivot,
        }
    }
}

impl TileTask {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Update,
        Self::UpdateDiagonal,
        Self::Factor,
        Self::Solve,
        Self::Eliminate,
        Self::Pivot,
        Self::Forward,
        Self::Backward,
        Self::Exchange,
        Self::ExchangeLater,
    ];

    /// Whether its tiles are whole columns, with exchanges of rows.
    #[must_use]
    pub fn by_columns(self) -> bool {
        match self {
            Self::Update | Self::UpdateDiagonal | Self::Factor | Self::Solve => false,
            Self::Eliminate | Self::Pivot | Self::Forward | Self::Backward | Self::Exchange | Self::ExchangeLater => {
                true
            }
        }
    }

    /// In a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::UpdateDiagonal => "update of a diagonal tile",
            Self::Factor => "factor",
            Self::Solve => "triangular solve",
            Self::Eliminate => "elimination",
            Self::Pivot => "factor with pivots",
            Self::Forward => "forward substitution",
            Self::Backward => "back substitution",
            Self::Exchange | Self::ExchangeLater => "exchange of rows",
        }
    }
}

impl fmt::Display for TileProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, tile) = (self.factorisation.name(), self.tiles.longest());
        match self.side() {
            n if self.factorisation == Factorisation::Lu && n > 1 => {
                write!(f, "{name} in {n} tiles of {tile} columns, {} steps", self.steps())
            }
            0 | 1 => write!(f, "{name} of tiles ({tile}, {tile})"),
            n => write!(f, "{name} in tiles ({tile}, {tile}), {n} rows of them, {} steps", self.steps()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    const BOTH: [Factorisation; 2] = [Factorisation::Cholesky, Factorisation::Lu];

    fn program(factorisation: Factorisation, n: usize, tile: usize) -> TileProgram {
        TileProgram { factorisation, dtype: DType::F64, tiles: AxisChunks::regular(n, tile) }
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
        for (n, factorisation) in [0, 1, 2, 5, 9].into_iter().flat_map(|n| BOTH.map(|f| (n, f))) {
            let program = program(factorisation, n * 10, 10);
            let lists: Vec<Vec<Step>> = all(&program).into_iter().map(|place| steps_of(&program, place)).collect();
            assert_eq!(lists.iter().map(Vec::len).sum::<usize>(), program.steps());
            assert!(lists.iter().all(|l| {
                l.last().is_some_and(|s| matches!(s, Step::Factor { .. } | Step::Solve { .. } | Step::Pivot { .. }))
            }));
        }
    }

    #[test]
    fn readers_are_the_tiles_whose_steps_need_one() {
        BOTH.into_iter().for_each(readers_of);
    }

    fn readers_of(factorisation: Factorisation) {
        let program = program(factorisation, 70, 10);
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
