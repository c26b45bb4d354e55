//! Computations whose result over a region needs a box of the inputs that no affine map gives: whole lines of an axis,
//! tiles of which little is left, values to look up.
//!
//! A [`Regional`] says, as arithmetic, which *parts* a region of the result is made of, and which region of the inputs each
//! of them needs. Its kernel runs part by part, so that memory holds one part's inputs at a time. How a region is cut into
//! parts may depend on the region, so no kernel lets it decide a bit.
//!
//! `lines.rs` has what is done to whole lines of an axis (`quantile.rs`, `fourier.rs`, `nearest.rs`), `select.rs` what keeps some rows of an
//! axis, `lookup.rs` what finds elements in a table that they share, `tally.rs` what counts them in bins, `gather.rs`
//! elements whose places are data, `windows.rs` reductions of boxes at regular distances, `slide.rs` such boxes as axes of
//! their own, `filter.rs` what is computed from windows around elements, `stretches.rs` blocks with what they share,
//! `resample.rs` what lies between elements, `regrid.rs` grids made of others, `call.rs` user functions that see more than
//! their own place.

use crate::chunk::{AxisChunks, Chunks, IndexMap, Region};
use crate::dtype::DType;
use std::fmt;

pub mod filter;
pub mod quantile;
pub mod fourier;
pub mod nearest;
pub mod lines;
pub mod resample;
pub mod gather;
pub mod runs;
pub mod select;
pub mod stretches;
pub mod lookup;
pub mod tally;
pub mod windows;
pub mod regrid;
pub mod call;
pub mod slide;

pub use call::Call;
pub use filter::Filter;
pub use fourier::Fourier;
pub use gather::Gather;
pub use lines::{End, LineOp, Lines};
pub use lookup::{Lookup, LookupOp};
pub use quantile::{Between, Levels, Method, Quantiles};
pub use regrid::Regrid;
pub use resample::Resample;
pub use runs::{Merged, Runs};
pub use select::{Count, Select};
pub use slide::Slide;
pub use stretches::{Stretch, Stretches};
pub use tally::{BinRule, Binning, Edges, Tallied, Tally};
pub use windows::{Way, Window, Windows};

/// A part of a region of the result, and what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it is in the result.
    pub output: Region,
    /// What it reads of the space that the inputs are seen from.
    pub input: Region,
}

/// What is computed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Regional {
    /// Whole lines along an axis, each by itself.
    Lines(Lines),
    /// The same of lines that are there as sorted runs.
    Merged(Merged),
    /// The rows of an axis at which a mask is true.
    Select(Select),
    /// How often a mask is true in each tile of its axis.
    Count(Count),
    /// Elements found in a table.
    Lookup(Lookup),
    /// How often elements fall into bins, for each of their tiles.
    Tally(Tally),
    /// The edges of bins.
    Edges(Edges),
    /// Elements whose places are data. What it reads is known when it runs, so that it has no kernel.
    Gather(Gather),
    /// Reductions of windows.
    Windows(Windows),
    /// Elements computed from windows around them.
    Filter(Filter),
    /// Stretches one after another.
    Stretches(Stretches),
    /// One grid from another.
    Regrid(Regrid),
    /// What a user function makes of more than its own place.
    Call(Call),
    /// Windows as axes of their own.
    Slide(Slide),
    /// Elements at places that an affine map gives.
    Resample(Resample),
}

impl Regional {
    /// The name that `explain` and errors give it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Lines(lines) | Self::Merged(Merged { lines, .. }) => lines.op.name(),
            Self::Select(_) => "compress",
            Self::Count(_) => "count",
            Self::Lookup(lookup) => lookup.op.name(),
            Self::Tally(tally) => tally.name,
            Self::Edges(edges) => edges.name,
            Self::Gather(gather) => gather.name(),
            Self::Windows(windows) => windows.reducer.name,
            Self::Filter(filter) => filter.name,
            Self::Stretches(stretches) => stretches.name,
            Self::Regrid(_) => "regrid",
            Self::Call(call) => call.kind,
            Self::Slide(_) => "sliding_window_view",
            Self::Resample(resample) => resample.name,
        }
    }

    /// The dtype of the result.
    #[must_use]
    pub fn output(&self) -> DType {
        match self {
            Self::Lines(lines) | Self::Merged(Merged { lines, .. }) => lines.output(),
            Self::Select(select) => select.dtype,
            Self::Count(_) => DType::I64,
            Self::Lookup(lookup) => lookup.output(),
            Self::Tally(tally) => tally.output(),
            Self::Edges(edges) => edges.dtype,
            Self::Gather(gather) => gather.output(),
            Self::Filter(filter) => filter.output,
            Self::Stretches(stretches) => stretches.dtype,
            Self::Regrid(regrid) => regrid.dtype,
            Self::Call(call) => call.function.output,
            Self::Windows(windows) => windows.output(),
            Self::Slide(slide) => slide.dtype,
            Self::Resample(resample) => resample.output,
        }
    }

    /// The index space that the inputs are seen from, for a result of shape `space`.
    #[must_use]
    pub fn input_space(&self, space: &[usize]) -> Vec<usize> {
        let mut out = space.to_vec();
        match self {
            Self::Lines(lines) | Self::Merged(Merged { lines, .. }) => out[lines.axis] = lines.len,
            Self::Select(select) => out[select.axis] = select.tiles.len(),
            Self::Count(count) => out[0] = count.tiles.len(),
            Self::Lookup(lookup) => out.push(lookup.len),
            Self::Tally(tally) => return tally.input_space(),
            Self::Edges(_) => {}
            Self::Gather(gather) => out = gather.input_space(space),
            Self::Windows(windows) => return windows.lengths.clone(),
            Self::Filter(filter) => return filter.input_space(),
            Self::Stretches(stretches) => return stretches.input.clone(),
            Self::Regrid(regrid) => out = regrid.input_space(space),
            Self::Call(call) => return call.input_space(space),
            Self::Slide(slide) => return slide.lengths.clone(),
            Self::Resample(resample) => return resample.input_space(),
        }
        out
    }

    /// How an input of these lengths is seen from a space of shape `seen`.
    #[must_use]
    pub fn map(&self, input: usize, lengths: &[usize], seen: &[usize]) -> IndexMap {
        match self {
            Self::Lookup(_) => Lookup::map(input, seen.len()),
            Self::Tally(tally) => tally.map(input),
            Self::Lines(_)
            | Self::Merged(_)
            | Self::Select(_)
            | Self::Count(_)
            | Self::Edges(_)
            | Self::Gather(_)
            | Self::Windows(_)
            | Self::Filter(_)
            | Self::Stretches(_)
            | Self::Regrid(_)
            | Self::Resample(_)
            | Self::Slide(_) => IndexMap::broadcast(lengths, seen),
            Self::Call(call) => call.map(input),
        }
    }

    /// Whether an element of the result needs those at its own place alone, beside what is shared, which is seen along an
    /// axis more.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Lookup(_))
    }

    /// Whether an element of the result needs those around its own place, so that blocks follow the chunks behind it and read
    /// parts of the next ones.
    #[must_use]
    pub fn is_near(&self) -> bool {
        matches!(self, Self::Filter(filter) if filter.is_near())
    }

    /// Whether it reads along axes that the result does not have, or at places that have nothing to do with its own.
    #[must_use]
    pub fn has_more_axes(&self) -> bool {
        matches!(self, Self::Tally(_) | Self::Gather(_) | Self::Resample(_))
    }

    /// Whether every part reads all of an input, which is computed once and held.
    #[must_use]
    pub fn shares(&self, input: usize) -> bool {
        match self {
            Self::Lookup(_) => input > 0,
            Self::Tally(tally) => tally.shares(input),
            Self::Lines(_)
            | Self::Merged(_)
            | Self::Select(_)
            | Self::Count(_)
            | Self::Edges(_)
            | Self::Gather(_)
            | Self::Windows(_)
            | Self::Filter(_)
            | Self::Stretches(_)
            | Self::Regrid(_)
            | Self::Resample(_)
            | Self::Call(_)
            | Self::Slide(_) => false,
        }
    }

    /// The parts that `region` of the result is made of, in order. Of whole lines, they may hold more than was asked for.
    #[must_use]
    pub fn parts(&self, region: &Region) -> Vec<Part> {
        match self {
            Self::Lines(lines) => vec![Part { output: lines.made(region), input: lines.whole(region) }],
            Self::Merged(Merged { lines, .. }) => vec![Part { output: region.clone(), input: lines.whole(region) }],
            Self::Select(select) => select.parts(region),
            Self::Count(count) => count.parts(region),
            Self::Lookup(lookup) => vec![lookup.part(region)],
            Self::Tally(tally) => tally.parts(region),
            Self::Edges(edges) => vec![edges.part(region)],
            Self::Gather(gather) => vec![Part { output: region.clone(), input: gather.hull(region) }],
            Self::Windows(windows) => windows.parts(region),
            Self::Filter(filter) => vec![filter.part(region)],
            Self::Stretches(stretches) => stretches.parts(region),
            Self::Regrid(regrid) => vec![regrid.part(region)],
            Self::Call(call) => {
                call.calls(region).into_iter().map(|(_, output)| Part { input: call.seen(&output), output }).collect()
            }
            Self::Slide(slide) => vec![slide.part(region)],
            Self::Resample(resample) => vec![resample.part(region)],
        }
    }

    /// The box that holds what all parts of `region` need.
    #[must_use]
    pub fn hull(&self, region: &Region) -> Region {
        match self {
            Self::Lines(lines) | Self::Merged(Merged { lines, .. }) => lines.whole(region),
            Self::Select(select) => select.hull(region),
            Self::Count(count) => count.hull(region),
            Self::Lookup(lookup) => lookup.hull(region),
            Self::Tally(tally) => tally.hull(region),
            Self::Edges(edges) => edges.hull(region),
            Self::Gather(gather) => gather.hull(region),
            Self::Windows(windows) => windows.hull(region),
            Self::Filter(filter) => filter.hull(region),
            Self::Stretches(stretches) => stretches.hull(region),
            Self::Regrid(regrid) => regrid.hull(region),
            Self::Call(call) => call.hull(region),
            Self::Slide(slide) => slide.hull(region),
            Self::Resample(resample) => resample.hull(region),
        }
    }

    /// The lengths of the largest input of a part, for a block of shape `block` of the result.
    #[must_use]
    pub fn largest_part(&self, block: &[usize]) -> Vec<usize> {
        let mut out = block.to_vec();
        match self {
            Self::Lines(lines) => out[lines.axis] = lines.len,
            // Of runs, as much is read as is asked for.
            Self::Merged(_) => {}
            Self::Select(select) => out[select.axis] = select.tiles.longest(),
            Self::Count(count) => out[0] = count.tiles.longest(),
            Self::Lookup(lookup) => out.push(lookup.len),
            Self::Tally(tally) => return tally.largest_part(),
            Self::Edges(edges) if edges.even => {}
            Self::Edges(edges) => out[0] = edges.count,
            Self::Gather(gather) => out = gather.largest_part(block),
            Self::Filter(filter) => return filter.largest_part(block),
            Self::Stretches(stretches) => return stretches.largest_part(block),
            Self::Regrid(regrid) => return regrid.largest_part(block),
            Self::Call(call) => return call.largest_part(block),
            Self::Windows(windows) => out = windows.largest_part(block),
            Self::Slide(slide) => out = slide.largest_part(block),
            Self::Resample(resample) => return resample.largest_part(block),
        }
        out
    }

    /// The grid in which the inputs are read, for a result in the blocks of `grid`; without what is shared where it is local.
    #[must_use]
    pub fn read_in(&self, grid: &Chunks) -> Chunks {
        let mut axes = grid.axes().to_vec();
        match self {
            Self::Lines(lines) | Self::Merged(Merged { lines, .. }) => {
                axes[lines.axis] = AxisChunks::regular(lines.len, lines.len);
            }
            Self::Select(select) => axes[select.axis] = select.tiles.clone(),
            Self::Count(count) => axes[0] = count.tiles.clone(),
            Self::Lookup(_) => {}
            Self::Tally(tally) => return tally.read_in(),
            Self::Edges(edges) => return edges.read_in(grid),
            Self::Windows(windows) => return windows.read_in(grid),
            Self::Filter(filter) => return filter.read_in(grid),
            Self::Stretches(stretches) => return stretches.read_in(),
            Self::Regrid(regrid) => return regrid.read_in(grid),
            Self::Call(call) => return call.read_in(grid),
            Self::Slide(slide) => return slide.read_in(grid),
            Self::Resample(resample) => return Chunks::whole(&resample.input_space()),
            Self::Gather(gather) => {
                axes.extend(gather.cuts.iter().map(|c| AxisChunks::regular(c.len(), c.len())));
            }
        }
        Chunks::new(axes)
    }

    /// The axis along which blocks of the result are whole, if there is one.
    #[must_use]
    pub fn whole_axis(&self) -> Option<usize> {
        match self {
            Self::Lines(lines) => Some(lines.axis),
            Self::Merged(_)
            | Self::Select(_)
            | Self::Count(_)
            | Self::Lookup(_)
            | Self::Tally(_)
            | Self::Edges(_)
            | Self::Gather(_)
            | Self::Windows(_)
            | Self::Filter(_)
            | Self::Stretches(_)
            | Self::Regrid(_)
            | Self::Resample(_)
            | Self::Call(_)
            | Self::Slide(_) => None,
        }
    }

    /// Whether it is swept: once over its space, whoever reads it. What leaves lines in order is evaluated with whoever reads whole
    /// ones; to put them in order is not worth doing twice. So are the states of pieces, which are few.
    #[must_use]
    pub fn is_swept(&self) -> bool {
        match self {
            Self::Lines(lines) => !lines.op.keeps_order(),
            Self::Call(call) => call.has_pieces(),
            Self::Merged(_)
            | Self::Select(_)
            | Self::Count(_)
            | Self::Lookup(_)
            | Self::Tally(_)
            | Self::Edges(_)
            | Self::Gather(_)
            | Self::Windows(_)
            | Self::Filter(_)
            | Self::Stretches(_)
            | Self::Regrid(_)
            | Self::Resample(_)
            | Self::Slide(_) => false,
        }
    }

    /// Whether blocks of the result must not cut its chunks along axis `a`, or more would be computed than is asked for.
    #[must_use]
    pub fn keeps_chunks(&self, a: usize) -> bool {
        match self {
            Self::Call(call) => !call.is_cut(a),
            _ => self.whole_axis() == Some(a),
        }
    }

    /// Elements of the inputs that are walked for a block of shape `block`.
    #[must_use]
    pub fn walked(&self, block: &[usize]) -> usize {
        if let Self::Call(call) = self { call.walked(block) } else { crate::shape::size(block) }
    }

    /// Whether regions that other parts read are read again, so that decoded chunks are worth keeping.
    #[must_use]
    pub fn reads_again(&self) -> bool {
        match self {
            Self::Select(_)
            | Self::Count(_)
            | Self::Filter(_)
            | Self::Stretches(_)
            | Self::Regrid(_)
            | Self::Resample(_)
            | Self::Slide(_) => true,
            Self::Lines(_) => self.is_swept(),
            Self::Windows(windows) => windows.overlap(),
            _ => false,
        }
    }

    /// Bytes that the kernel takes beside inputs and results, for a block of shape `block` of the result.
    #[must_use]
    pub fn scratch(&self, block: &[usize]) -> usize {
        match self {
            Self::Lines(lines) => lines.scratch(block),
            Self::Gather(gather) => gather.scratch(block),
            Self::Filter(filter) => filter.scratch(block),
            Self::Call(call) => call.scratch(block),
            Self::Merged(merged) => merged.scratch(block),
            Self::Select(_) | Self::Count(_) | Self::Stretches(_) | Self::Slide(_) | Self::Resample(_) => 0,
            Self::Lookup(lookup) => lookup.scratch(block),
            Self::Tally(tally) => tally.scratch(),
            Self::Edges(edges) => edges.count * edges.dtype.size(),
            Self::Windows(windows) => windows.scratch(block),
            Self::Regrid(regrid) => regrid.scratch(),
        }
    }
}

impl fmt::Display for Regional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lines(lines) => write!(f, "{} along axis {}", lines.op.name(), lines.axis),
            Self::Merged(Merged { lines, .. }) => {
                write!(f, "{} of sorted runs along axis {}", lines.op.name(), lines.axis)
            }
            Self::Select(select) => write!(f, "rows of axis {} where a mask is true", select.axis),
            Self::Count(_) => write!(f, "true elements of each tile"),
            Self::Lookup(lookup) => write!(f, "{} in a table of {}", lookup.op.name(), lookup.len),
            Self::Tally(tally) => {
                let (counts, tiles) = (crate::shape::tuple(&tally.counts()), &tally.tiles);
                let what = match tally.what {
                    Tallied::Count => "counts",
                    Tallied::Sum => "weights",
                    Tallied::Least(_) => "least values",
                    Tallied::Largest(_) => "largest values",
                };
                write!(f, "{what} of tiles {tiles} in {counts} bins")
            }
            Self::Edges(edges) => write!(f, "{} edges of bins", edges.count),
            Self::Gather(gather) => write!(f, "{} along {} axes", gather.name(), gather.cuts.len()),
            Self::Slide(slide) => {
                let (sizes, along) = (crate::shape::tuple(&slide.sizes), crate::shape::tuple(&slide.along));
                write!(f, "windows {sizes} that slide along axes {along}")
            }
            Self::Windows(windows) => {
                let (lens, steps): (Vec<usize>, Vec<usize>) = windows.axes.iter().map(|w| (w.len, w.step)).unzip();
                let (name, lens, steps) =
                    (windows.reducer.name, crate::shape::tuple(&lens), crate::shape::tuple(&steps));
                write!(f, "{name} of windows {lens} in steps {steps}")?;
                if let Some(then) = &windows.then {
                    write!(f, ", then {then}")?;
                }
                Ok(())
            }
            Self::Stretches(stretches) => write!(f, "{}", stretches.name),
            Self::Regrid(Regrid { axes: [a, b], .. }) => write!(f, "regrid along axes ({a}, {b})"),
            Self::Resample(resample) => write!(f, "{} by splines", resample.name),
            Self::Filter(filter) => {
                let passes: usize = filter.chains.iter().map(Vec::len).sum();
                write!(f, "{} in {passes} pass{}", filter.name, if passes == 1 { "" } else { "es" })
            }
            Self::Call(call) => write!(f, "{} {}", call.kind, call.function.name),
        }
    }
}
