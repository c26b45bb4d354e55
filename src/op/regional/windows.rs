//! Reductions of windows: boxes of the input at regular distances, side by side (coarsening) or over each other
//! (rolling).
//!
//! How a window is reduced follows from the lengths and steps of windows alone, and an output depends on its own window
//! alone, so that no block decides a bit.

use super::{Computation, Part};
use crate::chunk::region::Indices;
use crate::chunk::{AxisChunks, Chunks, Region};
use crate::dtype::DType;
use crate::op::program::{Program, Value};
use crate::op::reduction::Reducer;
use crate::shape;
use std::fmt;
use std::sync::Arc;

/// Elements of a window that is one straight program, at most.
const UNROLLED: usize = 16;

/// Bytes that a piece reads below which neighbours are joined, and beyond which it is cut.
const SMALL_PIECE: usize = 8 << 20;
const LARGE_PIECE: usize = 16 << 20;

/// The windows along one axis: the first begins at 0, each is `len` long, and begins `step` after the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// How many positions it holds, at least 1.
    pub len: usize,
    /// The distance between neighbours, at least 1.
    pub step: usize,
}

impl Window {
    /// One position at a time.
    pub const ONE: Self = Self { len: 1, step: 1 };

    /// How many windows lie in `n` positions.
    #[must_use]
    pub fn count(&self, n: usize) -> usize {
        if n < self.len { 0 } else { (n - self.len) / self.step + 1 }
    }

    /// The positions that `count` neighbouring windows cover.
    fn covered(&self, count: usize) -> usize {
        if count == 0 { 0 } else { (count - 1) * self.step + self.len }
    }
}

/// The reduction of each window of the only input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Windows {
    /// The windows along each axis.
    pub axes: Vec<Window>,
    /// The lengths of the input.
    pub lengths: Vec<usize>,
    /// Its dtype.
    pub dtype: DType,
    /// What is done with each.
    pub reducer: Arc<Reducer>,
    /// What becomes of the results, where that is something.
    pub then: Option<Program>,
    /// The pieces of the result that are computed one after another, so that what they read does not have to be there
    /// at once.
    pub pieces: Chunks,
}

/// How windows are reduced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// One program of all elements of a window.
    Unrolled(Program),
    /// As a tile: an axis for the windows and one for what is in them, for each axis.
    Tile,
    /// States of single elements, which are joined with others at distances that double, axis after axis: the work for
    /// a window grows with the logarithm of its length.
    Doubling {
        /// The state of an element.
        leaf: Program,
    },
}

impl Windows {
    /// The windows of an array of dtype `dtype` in these chunks.
    #[must_use]
    pub fn new(axes: Vec<Window>, dtype: DType, chunks: &Chunks, reducer: Reducer) -> Self {
        let lengths = chunks.shape();
        let reducer = Arc::new(reducer);
        let mut op = Self { axes, lengths, dtype, reducer, then: None, pieces: chunks.clone() };
        let mut cuts = op.chunks(chunks).axes().to_vec();
        let bytes = |cuts: &[AxisChunks]| {
            let longest: Vec<usize> = cuts.iter().map(AxisChunks::longest).collect();
            op.covered(&longest).iter().fold(dtype.size(), |n, &k| n.saturating_mul(k.max(1)))
        };
        for a in (0..cuts.len()).rev() {
            let join = (SMALL_PIECE / bytes(&cuts)).min(cuts[a].count());
            if join > 1 {
                cuts[a] = cuts[a].grouped(join);
            }
        }
        for a in 0..cuts.len() {
            while bytes(&cuts) > LARGE_PIECE && cuts[a].longest() > 1 {
                cuts[a] = AxisChunks::regular(cuts[a].len(), cuts[a].longest().div_ceil(2));
            }
        }
        op.pieces = Chunks::new(cuts);
        op
    }

    /// How each window is reduced.
    #[must_use]
    pub fn way(&self) -> Way {
        let elements: usize = self.axes.iter().map(|w| w.len).product();
        if elements <= UNROLLED {
            return Way::Unrolled(self.unrolled(elements));
        }
        if self.axes.iter().all(|w| w.step >= w.len) { Way::Tile } else { Way::Doubling { leaf: self.leaf() } }
    }

    /// The phases of the reduction over elements that are inputs each.
    fn unrolled(&self, elements: usize) -> Program {
        let mut p = Program::default();
        let inputs: Vec<Value> = (0..elements).map(|_| p.input(self.dtype)).collect();
        let inputs: Vec<Value> = inputs.into_iter().map(|x| p.cast(x, self.reducer.input)).collect();
        let state = self.state(&mut p, &inputs);
        p.outputs = p.inline(&self.finish(), &state);
        p
    }

    /// From states to what is given in the end.
    #[must_use]
    pub fn finish(&self) -> Program {
        let Some(then) = &self.then else { return self.reducer.finish.clone() };
        let mut p = Program::default();
        let state: Vec<Value> = self.reducer.finish.inputs.iter().map(|&d| p.input(d)).collect();
        let result = p.inline(&self.reducer.finish, &state);
        p.outputs = p.inline(then, &result);
        p
    }

    /// The state of one element.
    fn leaf(&self) -> Program {
        let mut p = Program::default();
        let x = p.input(self.dtype);
        let x = p.cast(x, self.reducer.input);
        p.outputs = self.state(&mut p, &[x]);
        p
    }

    /// The state of these elements.
    fn state(&self, p: &mut Program, elements: &[Value]) -> Vec<Value> {
        #[expect(clippy::cast_precision_loss, reason = "few elements")]
        let count = p.constant(elements.len() as f64, DType::F64);
        let position = p.constant(0, DType::I64);
        let mut results: Vec<Value> = Vec::new();
        for phase in &self.reducer.phases {
            let mut sums: Vec<Value> = phase.init.iter().map(|(d, s)| p.constant(*s, *d)).collect();
            for &x in elements {
                let args: Vec<Value> =
                    sums.iter().copied().chain([x, position]).chain(results.iter().copied()).collect();
                sums = p.inline(&phase.step, &args);
            }
            sums.push(count);
            results.extend(p.inline(&phase.result, &sums));
        }
        results.push(count);
        p.inline(&self.reducer.leaf, &results)
    }

    /// The lengths of a tile of so many windows.
    #[must_use]
    pub fn tile_shape(&self, counts: &[usize]) -> Vec<usize> {
        counts.iter().copied().chain(self.axes.iter().map(|w| w.len)).collect()
    }

    /// How many windows there are along each axis.
    #[must_use]
    pub fn counts(&self) -> Vec<usize> {
        self.axes.iter().zip(&self.lengths).map(|(w, &n)| w.count(n)).collect()
    }

    /// The lengths that windows in a box of this shape cover.
    #[must_use]
    pub fn covered(&self, shape: &[usize]) -> Vec<usize> {
        shape.iter().zip(&self.axes).map(|(&n, w)| w.covered(n)).collect()
    }

    /// The lengths of the largest part of a block.
    fn longest(&self, block: &[usize]) -> Vec<usize> {
        block.iter().zip(self.pieces.longest()).map(|(&n, p)| n.min(p)).collect()
    }

    /// The grid of the result that follows that of the input.
    #[must_use]
    pub fn chunks(&self, input: &Chunks) -> Chunks {
        let along = |(cuts, w): (&AxisChunks, &Window)| {
            let n = w.count(cuts.len());
            match cuts {
                _ if n == 0 => AxisChunks::regular(0, 0),
                AxisChunks::Regular { chunk, .. } if chunk.is_multiple_of(w.step) => {
                    AxisChunks::regular(n, chunk / w.step)
                }
                _ if cuts.count() <= 1 => AxisChunks::regular(n, n),
                _ => {
                    let mut bounds: Vec<usize> = cuts.bounds().into_iter().map(|b| b.div_ceil(w.step).min(n)).collect();
                    bounds.push(n);
                    bounds.dedup();
                    AxisChunks::from_bounds(&bounds)
                }
            }
        };
        Chunks::new(input.axes().iter().zip(&self.axes).map(along).collect())
    }

    /// Whether neighbours share elements.
    #[must_use]
    pub fn overlap(&self) -> bool {
        self.axes.iter().any(|w| w.len > w.step)
    }
}

impl Computation for Windows {
    fn name(&self) -> &'static str {
        self.reducer.name
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lens, steps): (Vec<usize>, Vec<usize>) = self.axes.iter().map(|w| (w.len, w.step)).unzip();
        let (lens, steps) = (shape::tuple(&lens), shape::tuple(&steps));
        write!(f, "{} of windows {lens} in steps {steps}", self.reducer.name)?;
        self.then.as_ref().map_or(Ok(()), |then| write!(f, ", then {then}"))
    }

    fn output(&self) -> DType {
        self.then.as_ref().map_or_else(|| self.reducer.output(), |then| then.output_dtype(0))
    }

    fn input_space(&self, _: &[usize]) -> Vec<usize> {
        self.lengths.clone()
    }

    fn hull(&self, region: &Region) -> Region {
        let start = region.start.iter().zip(&self.axes).map(|(&s, w)| s * w.step).collect();
        Region::new(start, self.covered(&region.shape))
    }

    /// What of `region` lies in each of the pieces.
    fn parts(&self, region: &Region) -> Vec<Part> {
        let touching = self.pieces.touching(region);
        let piece = |step: Vec<usize>| {
            let index: Vec<usize> = step.iter().zip(&touching.start).map(|(a, b)| a + b).collect();
            let output = self.pieces.region(&index).intersect(region)?;
            Some(Part { input: self.hull(&output), output })
        };
        Indices::new(&touching.shape).filter_map(piece).collect()
    }

    fn largest_part(&self, block: &[usize]) -> Vec<usize> {
        self.covered(&self.longest(block))
    }

    fn read_in(&self, grid: &Chunks) -> Chunks {
        let along = |((cuts, w), &n): ((&AxisChunks, &Window), &usize)| {
            if cuts.count() <= 1 {
                return AxisChunks::regular(n, n);
            }
            let mut bounds: Vec<usize> = cuts.bounds().into_iter().map(|b| (b * w.step).min(n)).collect();
            if let Some(last) = bounds.last_mut() {
                *last = n;
            }
            bounds.dedup();
            AxisChunks::from_bounds(&bounds)
        };
        Chunks::new(grid.axes().iter().zip(&self.axes).zip(&self.lengths).map(along).collect())
    }

    fn reads_again(&self) -> bool {
        self.overlap()
    }

    fn scratch(&self, block: &[usize]) -> usize {
        let block = &self.longest(block);
        let elements: usize = self.axes.iter().map(|w| w.len).product();
        let state = self.reducer.state_bytes();
        if elements <= UNROLLED {
            return 0;
        }
        if !self.overlap() {
            return shape::size(block) * state;
        }
        // Two levels of states and the result so far.
        3 * shape::size(&self.covered(block)) * state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::reduction::{Params, find};

    #[test]
    fn windows_read_what_they_cover() {
        let reducer = find("sum").unwrap().reducer(DType::F32, &Params { count: 6, ..Params::default() }).unwrap();
        let axes = vec![Window { len: 2, step: 2 }, Window { len: 3, step: 1 }];
        let grid = Chunks::regular(&[9, 7], &[4, 2]).unwrap();
        let windows = Windows::new(axes, DType::F32, &grid, reducer);
        assert_eq!((windows.counts(), windows.overlap()), (vec![4, 5], true));
        assert_eq!(windows.hull(&Region::new(vec![1, 2], vec![2, 3])).to_string(), "[2:6, 2:7]");
        assert_eq!(windows.hull(&Region::new(vec![1, 2], vec![0, 3])).shape, [0, 5]);
        assert_eq!(windows.chunks(&grid).to_string(), "(2, 2)");
        assert_eq!(windows.read_in(&windows.chunks(&grid)).axes()[0].bounds(), vec![0, 4, 9]);
        let Way::Unrolled(program) = windows.way() else { panic!("six elements are one program") };
        assert_eq!(program.inputs.len(), 6);
    }
}
