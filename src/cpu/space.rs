//! Index spaces walked in strips: strided, broadcast and flipped views as contiguous runs of elements.

use super::copy::take_every;
use super::strip::STRIP;
use super::transpose::{Lines, rows_of};
use crate::chunk::tiling::FAN_IN;
use crate::device::View;
use crate::device::block::Buffer;
use crate::error::{Error, Result};
use crate::shape;

/// A view's data, checked to lie inside its block for every index of a shape.
pub(crate) struct Source {
    ptr: *const u8,
    /// Where the block ends.
    end: *const u8,
    size: usize,
    /// Strides in bytes.
    strides: Vec<isize>,
    contiguous: bool,
}

/// Several views over one index space, with neighbouring axes merged where all of them allow it. A space is set anew
/// for every block and keeps its memory.
#[derive(Default)]
pub(crate) struct Space {
    dims: Vec<usize>,
    sources: Vec<Source>,
    /// One per source; empty until that source needs it.
    scratch: Vec<Buffer>,
    len: usize,
}

// SAFETY: the pointers of sources are set by `set_views` or `set_along` before each walk, whose caller has the blocks;
// what they point to is shared and not written.
unsafe impl Send for Space {}
// SAFETY: as above; a source alone gives no access to what it points to.
unsafe impl Send for Source {}

impl Space {
    /// Makes it the space of shape `dims` over these views.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when a view reaches outside its block.
    pub(crate) fn set_views(&mut self, dims: &[usize], views: &[View]) -> Result<()> {
        set_sources(&mut self.sources, dims, views)?;
        self.dims.clear();
        self.dims.extend_from_slice(dims);
        self.merge();
        Ok(())
    }

    /// Makes it the space along `axes` of sources that are known to be valid for shape `dims`.
    pub(crate) fn set_along(&mut self, dims: &[usize], axes: &[usize], sources: &[Source]) {
        self.dims.clear();
        self.dims.extend(axes.iter().map(|&a| dims[a]));
        self.sources.resize_with(sources.len(), Source::default);
        for (own, from) in self.sources.iter_mut().zip(sources) {
            (own.ptr, own.end, own.size) = (from.ptr, from.end, from.size);
            own.strides.clear();
            own.strides.extend(axes.iter().map(|&a| from.strides[a]));
        }
        self.merge();
    }

    /// Drops axes of length 1 and joins neighbours that lie side by side in all sources.
    fn merge(&mut self) {
        self.len = shape::size(&self.dims);
        let mut merged = 0;
        for axis in 0..self.dims.len() {
            let n = self.dims[axis];
            if n == 1 {
                continue;
            }
            let beside = |s: &Source| s.strides[merged - 1] == s.strides[axis] * n.cast_signed();
            if merged > 0 && self.sources.iter().all(beside) {
                merged -= 1;
                self.dims[merged] *= n;
            } else {
                self.dims[merged] = n;
            }
            for source in &mut self.sources {
                source.strides[merged] = source.strides[axis];
            }
            merged += 1;
        }
        self.dims.truncate(merged);
        for source in &mut self.sources {
            source.strides.truncate(merged);
            source.contiguous = match source.strides[..] {
                [] => true,
                [stride] => stride == source.size.cast_signed(),
                _ => false,
            };
        }
        self.scratch.resize_with(self.sources.len(), || Buffer::zeroed(0));
    }

    /// Number of indices.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The strips to walk: where each begins, and its length. Rows that are long enough are walked one by one, so that
    /// views which are contiguous along them need no copy; shorter ones together.
    pub(crate) fn strips(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let row = match self.dims.last() {
            Some(&inner) if inner >= STRIP / 2 && !self.sources.iter().all(|s| s.contiguous) => inner,
            _ => self.len.max(1),
        };
        let len = self.len;
        (0..len).step_by(row).flat_map(move |start| {
            let end = (start + row).min(len);
            (start..end).step_by(STRIP).map(move |at| (at, STRIP.min(end - at)))
        })
    }

    /// The address of elements `at .. at + n` of source `i` in row-major order, shifted by `shift` bytes: in place
    /// where they are contiguous, copied otherwise (valid until the next call for this source).
    pub(crate) fn load(&mut self, i: usize, shift: isize, at: usize, n: usize) -> *const u8 {
        self.in_place(i, shift, at, n).unwrap_or_else(|| {
            let to = self.room(i, 1);
            self.gather(i, shift, at, n, to);
            to.cast_const()
        })
    }

    /// As [`Space::load`], for strip `row` of up to `FAN_IN`, each of which is valid until the next call for it.
    pub(crate) fn load_row(&mut self, i: usize, row: usize, shift: isize, at: usize, n: usize) -> *const u8 {
        self.in_place(i, shift, at, n).unwrap_or_else(|| {
            let to = self.room(i, FAN_IN).wrapping_add(row * STRIP * self.sources[i].size);
            self.gather(i, shift, at, n, to);
            to.cast_const()
        })
    }

    /// As [`Space::load`], of all sources, for up to `FAN_IN` rows: each has a shift for every source, and its
    /// addresses are given source by source. Rows that are neighbours in memory are copied together.
    pub(crate) fn load_rows(&mut self, shifts: &[isize], at: usize, n: usize, rows: &mut [[*const u8; FAN_IN]]) {
        let sources = self.sources.len();
        for (i, addresses) in rows.iter_mut().enumerate() {
            let shift = |row: usize| shifts[row * sources + i];
            let count = shifts.len() / sources;
            if let Some(first) = self.in_place(i, shift(0), at, n) {
                for (row, address) in addresses[..count].iter_mut().enumerate() {
                    *address = first.wrapping_offset(shift(row) - shift(0));
                }
                continue;
            }
            let size = self.sources[i].size;
            // What is copied together is rounded up to `FAN_IN` rows, of which the last ones are nothing.
            let room = self.room(i, 2 * FAN_IN);
            let mut row = 0;
            while row < count {
                let beside = |k: &usize| shift(*k) - shift(row) == ((k - row) * size).cast_signed();
                let together = (row..count).take_while(beside).count();
                let to = room.wrapping_add(row * STRIP * size);
                if together > 1 && self.sources[i].strides.iter().any(|&stride| stride != 0) {
                    self.transpose(i, shift(row), (at, n), together, to);
                } else {
                    (row..row + together).for_each(|k| {
                        self.gather(i, shift(k), at, n, room.wrapping_add(k * STRIP * size));
                    });
                }
                (row..row + together).for_each(|k| addresses[k] = room.wrapping_add(k * STRIP * size));
                row += together;
            }
        }
    }

    /// Room for `rows` strips of source `i`.
    fn room(&mut self, i: usize, rows: usize) -> *mut u8 {
        let bytes = rows * STRIP * self.sources[i].size;
        if self.scratch[i].len() < bytes {
            self.scratch[i] = Buffer::zeroed(bytes);
        }
        self.scratch[i].bytes_mut().as_mut_ptr()
    }

    /// Copies elements `at .. at + n` of source `i`, shifted by `shift` bytes, to its room.
    fn gather(&self, i: usize, shift: isize, at: usize, n: usize, to: *mut u8) {
        let source = &self.sources[i];
        let base = source.ptr.wrapping_offset(shift);
        let walk = Walk { dims: &self.dims, strides: &source.strides, base, at, n };
        // SAFETY: every address lies inside the source's block (checked in `source`, and `shift` moves between indices
        // of the caller's larger space); the scratch holds STRIP elements from there on and no other reference to it is
        // live.
        unsafe {
            match source.size {
                1 => walk.gather::<u8>(to.cast()),
                2 => walk.gather::<u16>(to.cast()),
                4 => walk.gather::<u32>(to.cast()),
                8 => walk.gather::<u64>(to.cast()),
                _ => walk.gather::<[u64; 2]>(to.cast()),
            }
        }
    }

    /// Copies elements `at .. at + n` of source `i`, shifted by `shift` bytes, and `rows` elements from each of them on
    /// to as many strips of its room.
    fn transpose(&self, i: usize, shift: isize, (at, n): (usize, usize), rows: usize, to: *mut u8) {
        let source = &self.sources[i];
        let mut offsets = [0; STRIP];
        let walk = Walk { dims: &self.dims, strides: &source.strides, base: source.ptr, at, n };
        walk.runs(|done, run, offset, stride| {
            offsets[done..done + run].iter_mut().enumerate().for_each(|(k, o)| *o = offset + k.cast_signed() * stride);
        });
        let lines = Lines { base: source.ptr.wrapping_offset(shift), offsets: &offsets[..n], end: source.end };
        // SAFETY: as in `gather`; the room holds `FAN_IN` strips from any of the first `FAN_IN` on.
        unsafe { rows_of(&lines, source.size, rows, to) };
    }

    /// The address of elements `at .. at + n` of source `i`, shifted by `shift` bytes, where they are contiguous.
    pub(crate) fn in_place(&self, i: usize, shift: isize, at: usize, n: usize) -> Option<*const u8> {
        let source = &self.sources[i];
        let base = source.ptr.wrapping_offset(shift);
        if source.contiguous {
            return Some(base.wrapping_add(at * source.size));
        }
        let (Some(&inner), Some(&inner_stride)) = (self.dims.last(), source.strides.last()) else { return Some(base) };
        let column = at % inner;
        let offset = row_offset(&self.dims, &source.strides, at / inner) + column.cast_signed() * inner_stride;
        (column + n <= inner && inner_stride == source.size.cast_signed()).then(|| base.wrapping_offset(offset))
    }

    /// Puts the `n` elements at `from` where elements `at .. at + n` of the target `i` are, shifted by `shift` bytes.
    ///
    /// # Safety
    /// Source `i` was made by [`target`], and nobody else looks at these elements; `from` holds `n` elements.
    pub(crate) unsafe fn store(&self, i: usize, shift: isize, at: usize, n: usize, from: *const u8) {
        let source = &self.sources[i];
        let base = source.ptr.wrapping_offset(shift);
        let walk = Walk { dims: &self.dims, strides: &source.strides, base, at, n };
        // SAFETY: as in `load`, in the other direction.
        unsafe {
            match source.size {
                1 => walk.scatter::<u8>(from.cast()),
                2 => walk.scatter::<u16>(from.cast()),
                4 => walk.scatter::<u32>(from.cast()),
                8 => walk.scatter::<u64>(from.cast()),
                _ => walk.scatter::<[u64; 2]>(from.cast()),
            }
        }
    }
}

/// Byte offset of the first element of row `row` of the merged axes.
fn row_offset(dims: &[usize], strides: &[isize], mut row: usize) -> isize {
    let mut offset = 0;
    for axis in (1..dims.len().saturating_sub(1)).rev() {
        offset += (row % dims[axis]).cast_signed() * strides[axis];
        row /= dims[axis];
    }
    if dims.len() > 1 { offset + row.cast_signed() * strides[0] } else { offset }
}

struct Walk<'a> {
    dims: &'a [usize],
    strides: &'a [isize],
    base: *const u8,
    at: usize,
    n: usize,
}

impl Walk<'_> {
    /// Tells of every run of elements along the innermost axis: how many come before it, its length, the offset in
    /// bytes of its first element, and the distance of its elements.
    #[inline(always)]
    fn runs(&self, mut run: impl FnMut(usize, usize, isize, isize)) {
        let last = self.dims.len() - 1;
        let (inner, stride) = (self.dims[last], self.strides[last]);
        let (mut row, mut column) = (self.at / inner, self.at % inner);
        let mut done = 0;
        while done < self.n {
            let len = (inner - column).min(self.n - done);
            let offset = row_offset(self.dims, self.strides, row) + column.cast_signed() * stride;
            run(done, len, offset, stride);
            done += len;
            (row, column) = (row + 1, 0);
        }
    }

    /// Copies the elements to `to`, row by row.
    ///
    /// # Safety
    /// The walk stays inside one block; `to` is valid for `n` elements.
    unsafe fn gather<T: Copy>(&self, to: *mut T) {
        self.runs(|done, run, offset, stride| {
            let from = self.base.wrapping_offset(offset);
            // SAFETY: by contract of this function; blocks are aligned for their elements and so are strides.
            unsafe {
                let out = std::slice::from_raw_parts_mut(to.add(done), run);
                let (step, reach) = (stride / size_of::<T>().cast_signed(), (run - 1).cast_signed() * stride);
                let first = from.wrapping_offset(reach.min(0)).cast::<T>();
                take_every(std::slice::from_raw_parts(first, (run - 1) * step.unsigned_abs() + 1), step, out);
            }
        });
    }

    /// Copies `from` to the elements, row by row.
    ///
    /// # Safety
    /// The walk stays inside memory that the caller may write; `from` is valid for `n` elements.
    unsafe fn scatter<T: Copy>(&self, from: *const T) {
        self.runs(|done, run, offset, stride| {
            let to = self.base.wrapping_offset(offset).cast_mut();
            // SAFETY: by contract of this function.
            unsafe {
                for (k, &value) in std::slice::from_raw_parts(from.add(done), run).iter().enumerate() {
                    to.wrapping_offset(k.cast_signed() * stride).cast::<T>().write_unaligned(value);
                }
            }
        });
    }
}

/// A C-ordered array of shape `dims` that is written, as a source: what [`Space::in_place`] gives of it may be written
/// too.
pub(crate) fn target(dims: &[usize], bytes: &mut [u8], size: usize) -> Source {
    debug_assert_eq!(bytes.len(), shape::size(dims) * size);
    let strides = shape::strides(dims).iter().map(|s| (s * size).cast_signed()).collect();
    let ends = bytes.as_mut_ptr_range();
    Source { ptr: ends.start.cast_const(), end: ends.end.cast_const(), size, strides, contiguous: false }
}

/// Makes `sources` those of `views`, checked to stay inside their blocks for every index of `dims`.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for a view that does not.
pub(crate) fn set_sources(sources: &mut Vec<Source>, dims: &[usize], views: &[View]) -> Result<()> {
    sources.resize_with(views.len(), Source::default);
    sources.iter_mut().zip(views).try_for_each(|(s, v)| s.set(dims, v))
}

impl Default for Source {
    fn default() -> Self {
        Self { ptr: std::ptr::null(), end: std::ptr::null(), size: 1, strides: Vec::new(), contiguous: false }
    }
}

impl Source {
    fn set(&mut self, dims: &[usize], view: &View) -> Result<()> {
        let size = view.block.dtype().size();
        let (mut low, mut high) = (view.offset.cast_signed(), view.offset.cast_signed());
        if dims.len() != view.strides.len() {
            return Err(Error::bug(format!("a view of rank {} over rank {}", view.strides.len(), dims.len())));
        }
        for (&n, &stride) in dims.iter().zip(&view.strides) {
            let reach = n.saturating_sub(1).cast_signed() * stride;
            (low, high) = if reach < 0 { (low + reach, high) } else { (low, high + reach) };
        }
        let empty = dims.contains(&0);
        if !empty && (low < 0 || high >= view.block.size().cast_signed()) {
            let (d, b) = (shape::tuple(dims), shape::tuple(view.block.shape()));
            return Err(Error::bug(format!("a view of shape {d} stays inside its block of shape {b}")));
        }
        let ends = view.block.bytes().as_ptr_range();
        (self.ptr, self.end) = (ends.start.wrapping_add(view.offset * size), ends.end);
        self.size = size;
        self.strides.clear();
        self.strides.extend(view.strides.iter().map(|s| s * size.cast_signed()));
        Ok(())
    }

    /// Stride in bytes along `axis`.
    pub(crate) fn stride(&self, axis: usize) -> isize {
        self.strides[axis]
    }
}
