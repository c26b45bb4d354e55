//! Index spaces walked in strips: strided, broadcast and flipped views as contiguous runs of elements.

use super::strip::STRIP;
use crate::device::View;
use crate::device::block::Buffer;
use crate::error::{Error, Result};
use crate::shape;

/// A view's data, checked to lie inside its block for every index of a shape.
#[derive(Clone)]
pub(crate) struct Source {
    ptr: *const u8,
    size: usize,
    /// Strides in bytes.
    strides: Vec<isize>,
    contiguous: bool,
}

/// Several views over one index space, with neighbouring axes merged where all of them allow it.
pub(crate) struct Space {
    dims: Vec<usize>,
    sources: Vec<Source>,
    scratch: Vec<Buffer>,
    len: usize,
}

impl Space {
    /// The space of shape `dims` over these views.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) when a view reaches outside its block.
    pub(crate) fn new(dims: &[usize], views: &[View]) -> Result<Self> {
        let sources = views.iter().map(|v| source(dims, v)).collect::<Result<Vec<_>>>()?;
        Ok(Self::over(dims, sources))
    }

    /// The space of shape `dims` over sources that are known to be valid for it.
    pub(crate) fn over(dims: &[usize], mut sources: Vec<Source>) -> Self {
        let mut merged: Vec<usize> = Vec::new();
        let mut strides: Vec<Vec<isize>> = vec![Vec::new(); sources.len()];
        for axis in (0..dims.len()).filter(|&a| dims[a] != 1) {
            let n = dims[axis].cast_signed();
            let joins = !merged.is_empty()
                && sources.iter().zip(&strides).all(|(s, have)| have.last() == Some(&(s.strides[axis] * n)));
            if joins {
                if let Some(last) = merged.last_mut() {
                    *last *= dims[axis];
                }
            } else {
                merged.push(dims[axis]);
            }
            for (source, have) in sources.iter().zip(&mut strides) {
                if joins {
                    have.pop();
                }
                have.push(source.strides[axis]);
            }
        }
        let len = shape::size(dims);
        for (source, strides) in sources.iter_mut().zip(strides) {
            source.contiguous = strides.is_empty() || (strides.len() == 1 && strides[0] == source.size.cast_signed());
            source.strides = strides;
        }
        let scratch = sources.iter().map(|s| Buffer::zeroed(STRIP * s.size)).collect();
        Self { dims: merged, sources, scratch, len }
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

    /// The address of elements `at .. at + n` of source `i` in row-major order, shifted by `shift` bytes: in place where
    /// they are contiguous, copied otherwise (valid until the next call for this source).
    pub(crate) fn load(&mut self, i: usize, shift: isize, at: usize, n: usize) -> *const u8 {
        if let Some(address) = self.in_place(i, shift, at, n) {
            return address;
        }
        let source = &self.sources[i];
        let base = source.ptr.wrapping_offset(shift);
        let to = self.scratch[i].bytes_mut().as_mut_ptr();
        let walk = Walk { dims: &self.dims, strides: &source.strides, base, at, n };
        // SAFETY: every address lies inside the source's block (checked in `source`, and `shift` moves between indices
        // of the caller's larger space); the scratch holds STRIP elements and no other reference to it is live.
        unsafe {
            match source.size {
                1 => walk.gather::<u8>(to.cast()),
                2 => walk.gather::<u16>(to.cast()),
                4 => walk.gather::<u32>(to.cast()),
                8 => walk.gather::<u64>(to.cast()),
                _ => walk.gather::<[u64; 2]>(to.cast()),
            }
        }
        to.cast_const()
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
    for axis in (0..dims.len().saturating_sub(1)).rev() {
        offset += (row % dims[axis]).cast_signed() * strides[axis];
        row /= dims[axis];
    }
    offset
}

struct Walk<'a> {
    dims: &'a [usize],
    strides: &'a [isize],
    base: *const u8,
    at: usize,
    n: usize,
}

impl Walk<'_> {
    /// Copies the elements to `to`, row by row.
    ///
    /// # Safety
    /// The walk stays inside one block; `to` is valid for `n` elements.
    unsafe fn gather<T: Copy>(&self, to: *mut T) {
        let last = self.dims.len() - 1;
        let (inner, stride) = (self.dims[last], self.strides[last]);
        let (mut done, mut at) = (0, self.at);
        while done < self.n {
            let column = at % inner;
            let run = (inner - column).min(self.n - done);
            let offset = row_offset(self.dims, self.strides, at / inner) + column.cast_signed() * stride;
            let from = self.base.wrapping_offset(offset);
            // SAFETY: by contract of this function; blocks are aligned for their elements and so are strides.
            unsafe {
                let out = std::slice::from_raw_parts_mut(to.add(done), run);
                if stride == 0 {
                    out.fill(from.cast::<T>().read_unaligned());
                } else {
                    for (k, o) in out.iter_mut().enumerate() {
                        *o = from.wrapping_offset(k.cast_signed() * stride).cast::<T>().read_unaligned();
                    }
                }
            }
            done += run;
            at += run;
        }
    }

    /// Copies `from` to the elements, row by row.
    ///
    /// # Safety
    /// The walk stays inside memory that the caller may write; `from` is valid for `n` elements.
    unsafe fn scatter<T: Copy>(&self, from: *const T) {
        let last = self.dims.len() - 1;
        let (inner, stride) = (self.dims[last], self.strides[last]);
        let (mut done, mut at) = (0, self.at);
        while done < self.n {
            let column = at % inner;
            let run = (inner - column).min(self.n - done);
            let offset = row_offset(self.dims, self.strides, at / inner) + column.cast_signed() * stride;
            let to = self.base.wrapping_offset(offset).cast_mut();
            // SAFETY: by contract of this function.
            unsafe {
                for (k, &value) in std::slice::from_raw_parts(from.add(done), run).iter().enumerate() {
                    to.wrapping_offset(k.cast_signed() * stride).cast::<T>().write_unaligned(value);
                }
            }
            done += run;
            at += run;
        }
    }
}

/// A C-ordered array of shape `dims` that is written, as a source: what [`Space::in_place`] gives of it may be written too.
pub(crate) fn target(dims: &[usize], bytes: &mut [u8], size: usize) -> Source {
    debug_assert_eq!(bytes.len(), shape::size(dims) * size);
    let strides = shape::strides(dims).iter().map(|s| (s * size).cast_signed()).collect();
    Source { ptr: bytes.as_mut_ptr().cast_const(), size, strides, contiguous: false }
}

/// Checks that `view` stays inside its block for every index of `dims`.
pub(crate) fn source(dims: &[usize], view: &View) -> Result<Source> {
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
    Ok(Source {
        ptr: view.block.bytes().as_ptr().wrapping_add(view.offset * size),
        size,
        strides: view.strides.iter().map(|s| s * size.cast_signed()).collect(),
        contiguous: false,
    })
}

impl Source {
    /// Stride in bytes along `axis`.
    pub(crate) fn stride(&self, axis: usize) -> isize {
        self.strides[axis]
    }

    /// The source seen along `axes` alone.
    pub(crate) fn along(&self, axes: &[usize]) -> Self {
        Self { strides: axes.iter().map(|&a| self.strides[a]).collect(), ..self.clone() }
    }
}
