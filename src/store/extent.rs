//! Regions of what lies in a file uncompressed, in C order.

use super::input::{Input, parts};
use super::raw::{read_at, write_at};
use super::remote::ahead::Ahead;
use crate::chunk::region::Indices;
use crate::chunk::{Chunks, Region};
use crate::error::{Error, Result};
use crate::shape;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Where a C-ordered array lies in a file, uncompressed.
#[derive(Debug, Clone, Copy)]
pub struct Extent<'a, F = Input> {
    /// The open file.
    pub file: &'a F,
    /// Its name, for errors.
    pub path: &'a Path,
    /// Where the first element lies.
    pub offset: u64,
    /// The lengths of the array's axes.
    pub shape: &'a [usize],
    /// Bytes of an element.
    pub itemsize: usize,
}

/// What of a file is worth being read at once.
#[derive(Debug, Clone, Copy)]
struct Reach {
    /// Runs up to this long are read together with what lies between them.
    short: usize,
    /// The most that is read at once to gather short runs.
    gather: usize,
    /// To skip less than this costs more than to read it.
    near: usize,
}

const OF_FILES: Reach = Reach { short: 32 << 10, gather: 1 << 20, near: 4 << 10 };
const OF_OBJECTS: Reach = Reach { short: 32 << 10, gather: 4 << 20, near: 32 << 10 };

/// Bytes of a run below which it is not written by itself. They are few: longer pieces may cut across chunks that are
/// read, which are read again then.
const SHORT: usize = 512;

/// The pieces in which an array of this shape is written: those of `chunks`, but longer along inner axes where these
/// would leave short runs, and as much shorter along outer ones.
#[must_use]
pub fn pieces(shape: &[usize], chunks: &[usize], itemsize: usize) -> Vec<usize> {
    let mut lengths = chunks.to_vec();
    // Bytes of a run as far as axes are whole, and by how much the pieces have grown.
    let (mut run, mut grown) = (itemsize.max(1), 1usize);
    for (length, &whole) in lengths.iter_mut().zip(shape).rev() {
        let before = (*length).max(1);
        let least = SHORT.div_ceil(run).min(whole);
        if before < least {
            *length = (before * least.div_ceil(before)).min(whole);
            grown = grown.saturating_mul(length.div_ceil(before));
        } else {
            *length = before.div_ceil(grown).max(least).max(1);
            grown = grown.div_ceil(before / *length);
        }
        run = if *length < whole { SHORT } else { run.saturating_mul((*length).max(1)) };
    }
    lengths
}

/// Calls `body` with the bytes of each run of a box in `data`, which has this shape.
///
/// # Errors
/// What `body` reports.
pub fn each_run(
    data: &[u8],
    (shape, itemsize): (&[usize], usize),
    region: &Region,
    mut body: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let runs = Runs::new(shape, region, itemsize, None);
    runs.each_row(|first| {
        let mut rows = data.get(usize::try_from(first).unwrap_or(usize::MAX)..).unwrap_or(&[]);
        for i in 0..runs.row {
            body(&rows[..runs.run])?;
            rows = if i + 1 < runs.row { &rows[runs.step..] } else { rows };
        }
        Ok(())
    })
}

impl Extent<'_> {
    /// Reads `region` into `out`, which has the region's shape. Short runs that lie near each other are read at once.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the file, when the bytes are not there.
    pub fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        self.read_runs(&Runs::new(self.shape, region, self.itemsize, None), out)
    }

    /// [`Extent::read`] where `step` bytes lie from one index of the first axis to the next, rather than those of what
    /// is behind it: records, among which there are others.
    ///
    /// # Errors
    /// As [`Extent::read`].
    pub fn read_records(&self, step: usize, region: &Region, out: &mut [u8]) -> Result<()> {
        self.read_runs(&Runs::new(self.shape, region, self.itemsize, Some(step)), out)
    }

    fn read_runs(&self, runs: &Runs, out: &mut [u8]) -> Result<()> {
        let (mut at, mut scratch) = (0, Vec::new());
        let mut coming = self.file.coming(|| self.parts(runs));
        runs.each_span(self.reach(), |first, count| {
            let place = self.offset + first;
            if count == 1 {
                coming.read(self.path, place, &mut out[at..at + runs.run])?;
                at += runs.run;
                return Ok(());
            }
            scratch.resize(runs.span(count), 0);
            coming.read(self.path, place, &mut scratch)?;
            for i in 0..count {
                let from = i * runs.step;
                out[at..at + runs.run].copy_from_slice(&scratch[from..from + runs.run]);
                at += runs.run;
            }
            Ok(())
        })
    }

    fn reach(&self) -> Reach {
        if self.file.is_remote() { OF_OBJECTS } else { OF_FILES }
    }

    /// The ranges of an object that runs are read by.
    fn parts(&self, runs: &Runs) -> Vec<(u64, u64)> {
        let mut out = Vec::new();
        let _ = runs.each_span(self.reach(), |first, count| {
            out.extend(parts(self.offset + first, runs.span(count) as u64));
            Ok(())
        });
        out
    }

    /// Asks the kernel to start reading `region`; at most a few hundred requests are made.
    pub fn prefetch(&self, region: &Region) {
        self.prefetch_runs(&Runs::new(self.shape, region, self.itemsize, None));
    }

    /// [`Extent::prefetch`] for [`Extent::read_records`].
    pub fn prefetch_records(&self, step: usize, region: &Region) {
        self.prefetch_runs(&Runs::new(self.shape, region, self.itemsize, Some(step)));
    }

    fn prefetch_runs(&self, runs: &Runs) {
        // Whole rows, unless most of a row is something else.
        let count = if runs.are_near(OF_FILES) || runs.step < 2 * runs.run { runs.row } else { 1 };
        let mut left = 256;
        let _ = runs.each_row(|first| {
            for begin in (0..runs.row).step_by(count.max(1)) {
                self.file.prefetch(self.offset + first + (begin * runs.step) as u64, runs.span(count) as u64);
                left -= 1;
                if left == 0 {
                    return Err(Error::bug("enough was asked for"));
                }
            }
            Ok(())
        });
    }

    /// The ranges of an object that [`Extent::read`] reads a region by.
    pub fn ranges(&self, region: &Region) -> Vec<(u64, u64)> {
        self.parts(&Runs::new(self.shape, region, self.itemsize, None))
    }

    /// [`Extent::ranges`] for [`Extent::read_records`].
    pub fn ranges_of_records(&self, step: usize, region: &Region) -> Vec<(u64, u64)> {
        self.parts(&Runs::new(self.shape, region, self.itemsize, Some(step)))
    }
}

/// Begins to get the chunks of an array that `region` touches, for `ahead`, by the ranges that `of` names for each.
/// Whether that has room for them. Behind a network chunks are read whole, like those that are compressed.
pub fn fetch_chunks(
    file: &Input,
    chunks: &Chunks,
    region: &Region,
    ahead: &Arc<Ahead>,
    of: impl Fn(&Region) -> Vec<(u64, u64)>,
) -> bool {
    if region.shape.contains(&0) {
        return true;
    }
    let touched = chunks.touching(region);
    let place = |step: Vec<usize>| -> Vec<usize> { step.iter().zip(&touched.start).map(|(a, b)| a + b).collect() };
    let all = Indices::new(&touched.shape).flat_map(|step| of(&chunks.region(&place(step))));
    file.fetch(ahead, &all.collect::<Vec<_>>())
}

impl Extent<'_, File> {
    /// Writes `data`, which has the region's shape, into `region`.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the file.
    pub fn write(&self, region: &Region, data: &[u8]) -> Result<()> {
        self.each_run(region, None, |place, run| write_at(self.file, self.path, place, &data[run]))
    }

    /// As [`Extent::write`], for what [`Extent::read_records`] reads.
    ///
    /// # Errors
    /// As [`Extent::write`].
    pub fn write_records(&self, step: usize, region: &Region, data: &[u8]) -> Result<()> {
        self.each_run(region, Some(step), |place, run| write_at(self.file, self.path, place, &data[run]))
    }

    /// Reads `region` of what was written.
    ///
    /// # Errors
    /// As [`Extent::write`].
    pub fn read_back(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        self.each_run(region, None, |place, run| read_at(self.file, self.path, place, &mut out[run]))
    }

    /// Calls `body` with the place in the file of each run, and that in the region.
    fn each_run(
        &self,
        region: &Region,
        step: Option<usize>,
        mut body: impl FnMut(u64, Range<usize>) -> Result<()>,
    ) -> Result<()> {
        let runs = Runs::new(self.shape, region, self.itemsize, step);
        let mut at = 0;
        runs.each_row(|first| {
            for i in 0..runs.row {
                body(self.offset + first + (i * runs.step) as u64, at..at + runs.run)?;
                at += runs.run;
            }
            Ok(())
        })
    }
}

/// The contiguous runs of a box in a C-ordered array, in rows of equally spaced ones.
struct Runs {
    /// Bytes of a run.
    run: usize,
    /// Runs of a row.
    row: usize,
    /// Bytes from one run of a row to the next.
    step: usize,
    /// Lengths and byte strides of the axes outside the row.
    outer: Vec<(usize, usize)>,
    /// Where the first run begins.
    start: u64,
}

impl Runs {
    /// Those of a dense array, or of one whose first axis takes steps of so many bytes.
    fn new(shape: &[usize], region: &Region, itemsize: usize, step: Option<usize>) -> Self {
        if region.shape.contains(&0) {
            // The lengths of the other axes may be beyond all arithmetic.
            return Self { run: 0, row: 0, step: 0, outer: Vec::new(), start: 0 };
        }
        let mut strides: Vec<usize> = shape::strides(shape).iter().map(|s| s * itemsize).collect();
        let dense = strides.first().is_none_or(|&dense| step.is_none_or(|step| step == dense));
        if let (Some(first), Some(step)) = (strides.first_mut(), step) {
            *first = step;
        }
        let start = region.start.iter().zip(&strides).map(|(a, b)| (a * b) as u64).sum();
        let (mut run, mut axis) = (itemsize, shape.len());
        while axis > usize::from(!dense) {
            axis -= 1;
            run *= region.shape[axis];
            if region.shape[axis] != shape[axis] {
                break;
            }
        }
        let mut outer: Vec<(usize, usize)> = (0..axis).map(|a| (region.shape[a], strides[a])).collect();
        let (row, step) = outer.pop().unwrap_or((1, 0));
        Self { run, row, step, outer, start }
    }

    /// Bytes from the begin of a run to the end of the last of `count`.
    fn span(&self, count: usize) -> usize {
        count.saturating_sub(1) * self.step + self.run
    }

    /// Whether to read what lies between the runs of a row costs no more than to skip it.
    fn are_near(&self, reach: Reach) -> bool {
        self.row > 1 && self.run < reach.short && self.step <= (8 * self.run).max(reach.near)
    }

    /// Calls `body` with the offset of the first of so many runs that are read at once, in order.
    fn each_span(&self, reach: Reach, mut body: impl FnMut(u64, usize) -> Result<()>) -> Result<()> {
        let together = if self.are_near(reach) { (reach.gather / self.step.max(1)).clamp(1, self.row) } else { 1 };
        self.each_row(|first| {
            let mut spans = (0..self.row).step_by(together);
            spans.try_for_each(|begin| body(first + (begin * self.step) as u64, together.min(self.row - begin)))
        })
    }

    /// Calls `body` with the offset of the first run of each row, in order.
    fn each_row(&self, mut body: impl FnMut(u64) -> Result<()>) -> Result<()> {
        if self.run == 0 || self.row == 0 {
            return Ok(());
        }
        let lengths: Vec<usize> = self.outer.iter().map(|o| o.0).collect();
        for index in Indices::new(&lengths) {
            let offset: usize = index.iter().zip(&self.outer).map(|(i, o)| i * o.1).sum();
            body(self.start + offset as u64)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::copy::copy_region;

    #[test]
    fn pieces_have_no_short_runs() {
        let check = |shape: &[usize], chunks: &[usize], itemsize: usize, expect: &[usize]| {
            assert_eq!(pieces(shape, chunks, itemsize), expect, "{shape:?} in {chunks:?} of {itemsize} bytes");
        };
        check(&[139_810, 120], &[17_476, 60], 4, &[8738, 120]);
        check(&[139_810, 60, 2], &[17_476, 60, 1], 4, &[8738, 60, 2]);
        check(&[4096, 2048], &[4096, 512], 4, &[4096, 512]);
        check(&[4096, 2048], &[64, 2048], 4, &[64, 2048]);
        check(&[100, 2048], &[10, 1024], 8, &[10, 1024]);
        check(&[10_000, 3, 3], &[5, 3, 1], 1, &[60, 3, 3]);
        check(&[1 << 20, 1, 1], &[1 << 10, 1, 1], 1, &[1 << 10, 1, 1]);
        check(&[1000], &[10], 8, &[70]);
        check(&[0, 7], &[1, 3], 8, &[1, 7]);
        check(&[], &[], 8, &[]);
    }

    #[test]
    fn boxes_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let shape = [5, 7, 3000];
        let data: Vec<u8> = (0..shape::size(&shape) * 2).map(|i| (i * 7 % 251).to_le_bytes()[0]).collect();
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        let written = Extent { file: &file, path: &path, offset: 11, shape: &shape, itemsize: 2 };
        let halves = [Region::new(vec![0, 0, 0], vec![5, 7, 900]), Region::new(vec![0, 0, 900], vec![5, 7, 2100])];
        for half in &halves {
            let mut part = vec![0; half.size() * 2];
            copy_region(&data, &shape, half, &mut part, 2);
            written.write(half, &part).unwrap();
        }
        let input = Input::open(&path).unwrap();
        let extent = Extent { file: input.as_ref(), path: &path, offset: 11, shape: &shape, itemsize: 2 };
        // Whole, rows, short runs gathered, single elements far apart.
        let joined = |region: &Region| {
            let mut bytes: Vec<u8> = Vec::new();
            each_run(&data, (&shape, 2), region, |run| {
                bytes.extend(run);
                Ok(())
            })
            .unwrap();
            bytes
        };
        for (start, lengths) in
            [([0, 0, 0], [5, 7, 3000]), ([1, 2, 0], [3, 4, 3000]), ([0, 0, 5], [5, 7, 2990]), ([2, 1, 2999], [2, 5, 1])]
        {
            let region = Region::new(start.to_vec(), lengths.to_vec());
            let (mut got, mut expect) = (vec![0; region.size() * 2], vec![0; region.size() * 2]);
            extent.prefetch(&region);
            extent.read(&region, &mut got).unwrap();
            copy_region(&data, &shape, &region, &mut expect, 2);
            assert!(got == expect && joined(&region) == expect, "{region}");
        }
        let beyond = Extent { shape: &[6, 7, 3000], ..extent };
        let error = beyond.read(&Region::new(vec![5, 0, 0], vec![1, 7, 3000]), &mut vec![0; 42_000]).unwrap_err();
        assert!(error.to_string().contains("x: reading 42000 bytes at offset 210011 failed: "), "{error}");
    }
}
