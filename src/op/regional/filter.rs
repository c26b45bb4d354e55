//! Filters: elements computed from those in a window around them, in one pass or several.
//!
//! A region of the result needs the same region of the input and a border around it, which ends where the array does;
//! what stands beyond is said by a rule, and put there by the kernel. Passes run one after another within a block, each
//! over what the next one needs, so that nothing between them is stored.

use super::Computation;
use crate::chunk::{AxisChunks, Chunks, Region};
use crate::dtype::DType;
use crate::shape;
use std::fmt;

/// A real number, by its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number(u64);

impl Number {
    /// The number.
    #[must_use]
    pub fn value(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self(value.to_bits())
    }
}

/// What stands beyond the end of an axis, here for `a b c d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Edge {
    /// `b a | a b c d | d c`.
    Reflect,
    /// `c b | a b c d | c b`.
    Mirror,
    /// `a a | a b c d | d d`.
    Nearest,
    /// The pass's constant.
    Constant,
    /// `c d | a b c d | a b`: the array again, for axes that are short beside windows.
    Wrap,
    /// Nothing that anybody asks for: the input is longer than the result.
    Open,
}

impl Edge {
    /// The index that stands at `at` beyond an axis of length `n`; none where that is the constant.
    #[must_use]
    pub fn index(self, at: isize, n: usize) -> Option<usize> {
        let len = n.cast_signed();
        if (0..len).contains(&at) {
            return Some(at.cast_unsigned());
        }
        match self {
            Self::Nearest => Some(at.clamp(0, len - 1).cast_unsigned()),
            Self::Wrap => Some(at.rem_euclid(len).cast_unsigned()),
            Self::Reflect => {
                let i = at.rem_euclid(2 * len);
                Some(i.min(2 * len - 1 - i).cast_unsigned())
            }
            Self::Mirror if n == 1 => Some(0),
            Self::Mirror => {
                let i = at.rem_euclid(2 * len - 2);
                Some(i.min(2 * len - 2 - i).cast_unsigned())
            }
            Self::Constant | Self::Open => None,
        }
    }

    /// The indices behind `from..to`, which overlaps an axis of length `n`.
    fn behind(self, (from, to): (isize, isize), n: usize) -> (isize, isize) {
        let len = n.cast_signed();
        let (mut low, mut high) = (from.max(0), to.min(len));
        let (before, after) = ((-from).max(0), (to - len).max(0));
        match self {
            Self::Open => return (from, to),
            Self::Constant => {}
            Self::Wrap if before > 0 || after > 0 => (low, high) = (0, len),
            Self::Wrap => {}
            Self::Nearest => {
                low = if before > 0 { 0 } else { low };
                high = if after > 0 { len } else { high };
            }
            Self::Reflect | Self::Mirror => {
                let one = isize::from(self == Self::Mirror);
                if before > 0 {
                    high = high.max(before + one).min(len);
                }
                if after > 0 {
                    low = low.min(len - after - one).max(0);
                }
            }
        }
        (low, high)
    }
}

/// What a pass computes of the elements in its window.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PassOp {
    /// Their sum along one axis, each times a weight.
    Weighted {
        /// The axis.
        axis: usize,
        /// One weight for each element.
        weights: Vec<Number>,
    },
    /// Their mean along one axis.
    Mean {
        /// The axis.
        axis: usize,
    },
    /// The smallest or largest along one axis.
    Extreme {
        /// The axis.
        axis: usize,
        /// Whether the largest.
        largest: bool,
    },
    /// The sum of some of them, each times a weight. Places count in C order within the window.
    Correlate {
        /// The places and weights.
        weights: Vec<(usize, Number)>,
    },
    /// The smallest or largest of some of them, from which, or to which, heights are taken first.
    Peak {
        /// The places and heights; no heights where they are as they are.
        places: Vec<(usize, Option<Number>)>,
        /// Whether the largest.
        largest: bool,
    },
    /// The one of this rank among some of them in order.
    Rank {
        /// The places.
        places: Vec<usize>,
        /// The rank.
        rank: usize,
    },
}

/// One pass: what is computed of the elements in a window.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pass {
    /// What is computed.
    pub op: PassOp,
    /// The lengths of the window.
    pub window: Vec<usize>,
    /// How far it begins before the element that it belongs to.
    pub before: Vec<usize>,
    /// What stands beyond each axis.
    pub edges: Vec<Edge>,
    /// The constant beyond axes.
    pub constant: Number,
}

/// A box of indices that may begin before 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The first index along each axis.
    pub start: Vec<isize>,
    /// The lengths.
    pub shape: Vec<usize>,
}

impl Span {
    /// The smallest box that holds both.
    fn union(&self, other: &Self) -> Self {
        let rank = self.start.len();
        let start: Vec<isize> = (0..rank).map(|a| self.start[a].min(other.start[a])).collect();
        let end = |s: &Self, a: usize| s.start[a] + s.shape[a].cast_signed();
        let shape = (0..rank).map(|a| (end(self, a).max(end(other, a)) - start[a]).cast_unsigned()).collect();
        Self { start, shape }
    }
}

impl Pass {
    /// All that the windows of `span` hold, whether it is there or not.
    #[must_use]
    pub fn reach(&self, span: &Span) -> Span {
        let rank = span.start.len();
        Span {
            start: (0..rank).map(|a| span.start[a] - self.before[a].cast_signed()).collect(),
            shape: (0..rank).map(|a| span.shape[a] + self.window[a] - 1).collect(),
        }
    }

    /// What is needed of an array of shape `lengths` for `span`.
    #[must_use]
    pub fn needs(&self, span: &Span, lengths: &[usize]) -> Span {
        let reach = self.reach(span);
        let mut out = reach.clone();
        for (a, &n) in lengths.iter().enumerate() {
            let ends = (reach.start[a], reach.start[a] + reach.shape[a].cast_signed());
            let (from, to) = self.edges[a].behind(ends, n);
            (out.start[a], out.shape[a]) = (from, (to - from).cast_unsigned());
        }
        out
    }
}

/// How the results of several chains become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Join {
    /// Their sum.
    Sum,
    /// The root of the sum of their squares.
    Norm,
}

/// Chains of passes over the same input, and how their results become one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Filter {
    /// The SciPy name, for messages.
    pub name: &'static str,
    /// The chains, each of one pass or more.
    pub chains: Vec<Vec<Pass>>,
    /// How they become one.
    pub join: Join,
    /// The lengths of the result.
    pub lengths: Vec<usize>,
    /// By how much the input is longer, before and after.
    pub more: Vec<(usize, usize)>,
    /// The dtype of the input.
    pub input: DType,
    /// The dtype of the result, and of what is between passes.
    pub output: DType,
}

/// Bytes of the elements that passes should go over at once: what a second cache holds beside what comes of it.
const SLAB: usize = 512 << 10;

/// By how much an input is longer than the result along axes that are open, so that passes have all they reach.
#[must_use]
pub fn more(chains: &[Vec<Pass>], rank: usize) -> Vec<(usize, usize)> {
    let along = |a: usize| {
        let open = |chain: &Vec<Pass>| {
            let passes = chain.iter().filter(|p| p.edges[a] == Edge::Open);
            passes.fold((0, 0), |(b, e), p| (b + p.before[a], e + p.window[a] - 1 - p.before[a]))
        };
        chains.iter().map(open).fold((0, 0), |x, y| (x.0.max(y.0), x.1.max(y.1)))
    };
    (0..rank).map(along).collect()
}

impl Filter {
    /// The lengths of the input.
    fn space(&self) -> Vec<usize> {
        self.lengths.iter().zip(&self.more).map(|(n, m)| m.0 + n + m.1).collect()
    }

    /// How far a chain reaches along `axis`, before and after.
    fn halo(&self, axis: usize) -> usize {
        let of = |chain: &Vec<Pass>| chain.iter().map(|p| p.window[axis] - 1).sum();
        self.chains.iter().map(of).max().unwrap_or(0)
    }

    /// What the first pass of a chain needs, and what each pass computes, for `span` of the result.
    #[must_use]
    pub fn steps(&self, chain: &[Pass], span: &Span) -> Vec<Span> {
        let mut steps = vec![span.clone()];
        for pass in chain.iter().rev() {
            let next = pass.needs(&steps[steps.len() - 1], &self.lengths);
            steps.push(next);
        }
        steps.reverse();
        steps
    }

    /// The lengths of the pieces that a block of this shape is computed in, so that what is between passes stays in
    /// cache: the first axes are cut, but not to less than what a pass reads around a piece.
    #[must_use]
    pub fn slab(&self, block: &[usize]) -> Vec<usize> {
        let mut out = block.to_vec();
        for axis in 0..out.len() {
            let row = shape::size(&out[axis + 1..]) * self.output.size().max(self.input.size());
            let fit = (SLAB / row.max(1)).max(1);
            if fit >= out[axis] {
                break;
            }
            let halo = self.halo(axis);
            out[axis] = fit.max(halo).min(out[axis]);
            if halo > 0 {
                break;
            }
        }
        out
    }
}

impl Computation for Filter {
    fn name(&self) -> &'static str {
        self.name
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let passes: usize = self.chains.iter().map(Vec::len).sum();
        write!(f, "{} in {passes} pass{}", self.name, if passes == 1 { "" } else { "es" })
    }

    fn output(&self) -> DType {
        self.output
    }

    fn input_space(&self, _: &[usize]) -> Vec<usize> {
        self.space()
    }

    fn is_near(&self) -> bool {
        self.more.iter().all(|m| *m == (0, 0))
    }

    fn hull(&self, region: &Region) -> Region {
        let span = Span { start: region.start.iter().map(|s| s.cast_signed()).collect(), shape: region.shape.clone() };
        let first = |chain: &Vec<Pass>| self.steps(chain, &span).swap_remove(0);
        let needed = self.chains.iter().map(first).reduce(|a, b| a.union(&b)).unwrap_or(span);
        let start = needed.start.iter().zip(&self.more).map(|(s, m)| s.saturating_add_unsigned(m.0).max(0));
        Region::new(start.map(isize::cast_unsigned).collect(), needed.shape)
    }

    fn largest_part(&self, block: &[usize]) -> Vec<usize> {
        let space = self.space();
        (0..block.len()).map(|a| (block[a] + self.halo(a)).min(space[a])).collect()
    }

    /// The blocks of the result with the border at the ends of what is longer.
    fn read_in(&self, grid: &Chunks) -> Chunks {
        let axis = |(cuts, &(before, after)): (&AxisChunks, &(usize, usize))| {
            if (before, after) == (0, 0) {
                return cuts.clone();
            }
            let inner = (1..cuts.count()).map(|i| cuts.start(i) + before);
            let bounds: Vec<usize> = std::iter::once(0).chain(inner).chain([before + cuts.len() + after]).collect();
            AxisChunks::from_bounds(&bounds)
        };
        Chunks::new(grid.axes().iter().zip(&self.more).map(axis).collect())
    }

    fn reads_again(&self) -> bool {
        true
    }

    /// Elements with a border as the widest numbers, sums of them, what is between passes, and the results of two
    /// chains.
    fn scratch(&self, block: &[usize]) -> usize {
        let (slab, space) = (self.slab(block), self.space());
        let (mut most, mut between) = (0, shape::size(&slab));
        for chain in &self.chains {
            let mut target = slab.clone();
            for pass in chain.iter().rev() {
                let reach: Vec<usize> = (0..target.len()).map(|a| target[a] + pass.window[a] - 1).collect();
                most = most.max(shape::size(&reach));
                between = between.max(shape::size(&target));
                target = (0..target.len()).map(|a| reach[a].min(space[a])).collect();
            }
        }
        most * 2 * size_of::<f64>() + between * 3 * self.output.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beyond_an_axis_is_read() {
        let indices = |edge: Edge, n: usize| -> String {
            (-5..n.cast_signed() + 5).map(|at| edge.index(at, n).map_or("-".to_owned(), |i| i.to_string())).collect()
        };
        assert_eq!(indices(Edge::Reflect, 3), "1221001221001");
        assert_eq!(indices(Edge::Mirror, 3), "1012101210121");
        assert_eq!(indices(Edge::Nearest, 3), "0000001222222");
        assert_eq!(indices(Edge::Wrap, 3), "1201201201201");
        assert_eq!(indices(Edge::Constant, 3), "-----012-----");
        // What a region needs holds every index behind it.
        for edge in [Edge::Reflect, Edge::Mirror, Edge::Nearest, Edge::Wrap, Edge::Constant] {
            for n in 1..6usize {
                let len = n.cast_signed();
                for (from, to) in (-7..len).flat_map(|f| (f.max(0) + 1..len + 7).map(move |t| (f, t))) {
                    let (low, high) = edge.behind((from, to), n);
                    assert!(0 <= low && high <= len, "{edge:?} {from}..{to} of {n}");
                    let inside =
                        (from..to).filter_map(|at| edge.index(at, n)).all(|i| (low..high).contains(&i.cast_signed()));
                    assert!(inside, "{edge:?} {from}..{to} of {n}: {low}..{high}");
                }
            }
        }
    }
}
