//! What is done to whole lines of an axis.

use super::filter::Number;
use super::fourier::Fourier;
use super::nearest::Nearest;
use super::quantile::{Levels, Quantiles};
use super::{Computation, Part, with};
use crate::chunk::{AxisChunks, Chunks, Region};
use crate::dtype::DType;
use crate::shape;
use std::fmt;

/// An operation on every line along an axis by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lines {
    /// What is done.
    pub op: LineOp,
    /// The axis.
    pub axis: usize,
    /// The length of a line,
    pub len: usize,
    /// and of what it becomes.
    pub out: usize,
    /// The dtype of its elements.
    pub dtype: DType,
}

/// What a line becomes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LineOp {
    /// Its elements in ascending order, NaN last, equal ones in the order they come in.
    Sort,
    /// The positions of its elements in that order.
    Argsort,
    /// The first elements of that order, or the last, in reverse.
    Top(End),
    /// Their positions.
    Argtop(End),
    /// The positions of its elements in the order of the last of several keys, of equal ones in that of the key before;
    /// of each key, the dtype.
    Lexsort(Vec<DType>),
    /// Quantiles.
    Quantiles(Quantiles),
    /// Its Fourier transform.
    Fourier(Fourier),
    /// The coefficients of the spline through its elements.
    Spline(Coefficients),
    /// For each of its elements the nearest of some.
    Nearest(Nearest),
}

/// The coefficients of a spline.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Coefficients {
    /// The poles of the recursions that find them.
    pub poles: Vec<Number>,
    /// What stands beyond the line.
    pub around: Around,
}

/// What stands beyond a line that a spline goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Around {
    /// The line mirrored about its last element.
    Mirror,
    /// The line mirrored, with the last element.
    Reflect,
    /// The line again.
    Wrap,
}

/// An end of a line in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// Where the smallest elements are.
    First,
    /// Where the largest are, and NaN.
    Last,
}

impl LineOp {
    /// The NumPy name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sort => "sort",
            Self::Argsort => "argsort",
            Self::Top(_) => "topk",
            Self::Argtop(_) => "argtopk",
            Self::Lexsort(_) => "lexsort",
            Self::Quantiles(of) if of.levels == Levels::Middle => "median",
            Self::Quantiles(_) => "quantile",
            Self::Fourier(fourier) => fourier.name(),
            Self::Spline(_) => "spline_filter",
            Self::Nearest(_) => "distance_transform",
        }
    }

    /// Whether lines stay in order, so that they are made with whoever reads whole ones.
    #[must_use]
    pub fn keeps_order(&self) -> bool {
        matches!(self, Self::Fourier(_) | Self::Spline(_) | Self::Nearest(_))
    }

    /// Whether it gives positions.
    #[must_use]
    pub fn gives_positions(&self) -> bool {
        matches!(self, Self::Argsort | Self::Argtop(_) | Self::Lexsort(_))
    }
}

/// So many elements at one end of a line, found while it is read once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extreme {
    /// How many.
    pub count: usize,
}

impl Extreme {
    /// Elements that are held while the line is read: the best so far, and as many that may be better.
    #[must_use]
    pub fn room(self) -> usize {
        2 * self.count + 1024
    }
}

/// Lines up to this length are sorted side by side, by a network.
pub const SHORT: usize = 1024;

/// Lines that splines go through side by side.
pub const LANES: usize = 8;

/// Bytes of a row of lines side by side, at most.
pub const ROW: usize = 256;

impl Lines {
    /// The whole lines behind `region` of the result.
    #[must_use]
    pub fn whole(&self, region: &Region) -> Region {
        let mut out = region.clone();
        (out.start[self.axis], out.shape[self.axis]) = (0, self.len);
        out
    }

    /// What they become, all of it.
    #[must_use]
    pub fn made(&self, region: &Region) -> Region {
        let mut out = region.clone();
        (out.start[self.axis], out.shape[self.axis]) = (0, self.out);
        out
    }

    /// The axis across which neighbouring lines are taken together: the innermost but their own.
    #[must_use]
    pub fn across(&self, rank: usize) -> Option<usize> {
        (0..rank).rev().find(|&a| a != self.axis)
    }

    /// Long lines of `along` neighbouring ones that are copied together, so that what is read of each row is a cache
    /// line.
    #[must_use]
    pub fn together(&self, along: usize) -> usize {
        (64 / self.dtype.size()).min(16).min(along).max(1)
    }

    /// Whether lines are put in order where they are to be: those of the last axis that are long, and of elements that
    /// fill registers, which are sorted as quickly one line after another as side by side.
    #[must_use]
    pub fn in_place(&self, rank: usize) -> bool {
        self.op == LineOp::Sort && self.axis + 1 == rank && (self.len > SHORT || self.dtype.size() >= 4)
    }

    /// The elements at one end, where that is all that is asked for and lines are so long that few others are held.
    #[must_use]
    pub fn extreme(&self) -> Option<(Extreme, End)> {
        let (LineOp::Top(end) | LineOp::Argtop(end)) = self.op else { return None };
        let of = Extreme { count: self.out };
        (self.out > 0 && self.len > 4 * of.room()).then_some((of, end))
    }
}

impl Computation for Lines {
    fn name(&self) -> &'static str {
        self.op.name()
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} along axis {}", self.op.name(), self.axis)
    }

    fn output(&self) -> DType {
        match &self.op {
            LineOp::Sort | LineOp::Top(_) | LineOp::Spline(_) | LineOp::Nearest(_) => self.dtype,
            LineOp::Argsort | LineOp::Argtop(_) | LineOp::Lexsort(_) => DType::I64,
            LineOp::Quantiles(quantiles) => quantiles.output,
            LineOp::Fourier(fourier) => fourier.output(self.dtype),
        }
    }

    fn input_space(&self, space: &[usize]) -> Vec<usize> {
        with(space, self.axis, self.len)
    }

    fn hull(&self, region: &Region) -> Region {
        self.whole(region)
    }

    fn parts(&self, region: &Region) -> Vec<Part> {
        vec![Part { output: self.made(region), input: self.whole(region) }]
    }

    fn largest_part(&self, block: &[usize]) -> Vec<usize> {
        self.input_space(block)
    }

    fn read_in(&self, grid: &Chunks) -> Chunks {
        Chunks::new(with(grid.axes(), self.axis, AxisChunks::regular(self.len, self.len)))
    }

    fn whole_axis(&self) -> Option<usize> {
        Some(self.axis)
    }

    /// What leaves lines in order is evaluated with whoever reads whole ones; to put them in order is not worth doing
    /// twice.
    fn is_swept(&self) -> bool {
        !self.op.keeps_order()
    }

    fn reads_again(&self) -> bool {
        self.is_swept()
    }

    /// Bytes beside a block of lines and its result: short lines side by side; long ones in order, each element with
    /// its position where that is asked for, and room to move them.
    fn scratch(&self, block: &[usize]) -> usize {
        if shape::size(block) == 0 {
            return 0;
        }
        if let Some((of, _)) = self.extreme() {
            let along = self.across(block.len()).map_or(1, |a| block[a]);
            return self.together(along) * of.room() * 2 * self.dtype.size().max(size_of::<usize>());
        }
        // How often each of 65536 keys is there.
        let counts = if self.dtype.size() == 2 { size_of::<usize>() << 16 } else { 0 };
        if self.in_place(block.len()) {
            return counts;
        }
        let room = match &self.op {
            LineOp::Fourier(fourier) => {
                let along = self.across(block.len()).map_or(1, |a| block[a]);
                return fourier.scratch(self.dtype, (self.len, self.out), along);
            }
            LineOp::Spline(_) => {
                let along = self.across(block.len()).map_or(1, |a| block[a]);
                return self.len * size_of::<f64>() * if along == 1 { 1 } else { LANES };
            }
            LineOp::Nearest(_) => {
                let along = self.across(block.len()).map_or(1, |a| block[a]);
                return self.len * (2 * self.together(along) * size_of::<i64>() + size_of::<(usize, f64, usize)>());
            }
            LineOp::Quantiles(_) | LineOp::Sort | LineOp::Top(_) => 0,
            LineOp::Argsort | LineOp::Argtop(_) => 2 * (self.dtype.size() + size_of::<u64>()),
            LineOp::Lexsort(keys) => {
                let widest = keys.iter().map(|d| d.size()).max().unwrap_or(0);
                widest + 2 * (widest + size_of::<u64>()) + size_of::<i64>()
            }
        };
        if self.len <= SHORT {
            return self.len * (ROW + room);
        }
        let along = self.across(block.len()).map_or(1, |a| block[a]);
        self.len * (self.together(along) * self.dtype.size() + room) + counts
    }
}
