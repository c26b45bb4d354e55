//! Which kernel fits the views of a launch.
//!
//! Neighbouring axes merge where every operand allows it. When each operand of an elementwise launch is then contiguous
//! or one element, the launch has the [`Form::Vector`]; when that holds along the last axis, [`Form::Rows`]; when an
//! operand is contiguous along another axis, [`Form::Turned`]; otherwise [`Form::Strided`]. Reductions have a
//! [`ReduceForm`]. Indices take 32 bits where they suffice.

use crate::error::{Error, Result};
use crate::shape;

/// How a kernel reads an operand in the direction in which it walks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Neighbours are neighbours in memory, and aligned for wide accesses.
    Whole,
    /// The same element for all.
    One,
    /// Any distance between neighbours.
    Any,
}

/// The form of an elementwise kernel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Form {
    /// Contiguous operands and scalars, several elements at a time.
    Vector(Vec<Access>),
    /// Operands that are contiguous or constant along the last axis, several elements of it at a time.
    Rows {
        /// Number of axes after merging, at least 1.
        rank: usize,
        /// Whether indices and offsets need 64 bits.
        wide: bool,
        /// Elements at a time.
        width: usize,
        /// How each operand is read along the last axis.
        access: Vec<Access>,
    },
    /// Some operands are contiguous along another axis than the output: these go through shared memory, tile by tile.
    Turned {
        /// Number of axes after merging, at least 2; the last two are the axes of a tile.
        rank: usize,
        /// Whether indices and offsets need 64 bits.
        wide: bool,
        /// Which operands are contiguous along the last axis but one.
        turned: Vec<bool>,
        /// The side of a tile.
        side: usize,
        /// Elements that move together: those of a word of four bytes, where elements are smaller and everything is
        /// aligned for it, so that other operands are contiguous along the last axis; otherwise one.
        width: usize,
    },
    /// Any strides.
    Strided {
        /// Number of axes after merging, at least 1.
        rank: usize,
        /// Whether indices and offsets need 64 bits.
        wide: bool,
    },
}

/// Strided operands of one launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operand<'a> {
    /// Distance in elements between neighbours, per axis.
    pub strides: &'a [isize],
    /// Bytes of an element.
    pub size: usize,
    /// Address of the first element.
    pub address: u64,
}

/// Merged axes, and how far apart neighbours along them are in each operand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// Lengths of the axes.
    pub dims: Vec<usize>,
    /// Per operand, the strides of the axes.
    pub strides: Vec<Vec<isize>>,
}

impl Space {
    /// The space of shape `dims` over operands with these strides.
    #[must_use]
    pub fn new(dims: &[usize], strides: &[&[isize]]) -> Self {
        let (dims, strides) = merge(dims, strides);
        Self { dims, strides }
    }

    /// Number of axes that a kernel is printed for, at least 1.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.dims.len().max(1)
    }

    /// Whether an index or an offset needs more than 31 bits.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        let limit = 1usize << 31;
        let reach = |s: &Vec<isize>| -> usize {
            self.dims.iter().zip(s).map(|(&n, d)| n.saturating_sub(1).saturating_mul(d.unsigned_abs())).sum()
        };
        let count = self.dims.iter().fold(1usize, |n, &d| n.saturating_mul(d));
        count >= limit || self.strides.iter().any(|s| reach(s) >= limit)
    }

    /// The bytes of a kernel's space parameter, as 16-byte words.
    #[must_use]
    pub fn words(&self, wide: bool) -> Vec<u128> {
        let dims: Vec<u64> = if self.dims.is_empty() { vec![1] } else { self.dims.iter().map(|&d| d as u64).collect() };
        let mut words: Vec<u64> = dims.clone();
        if !wide {
            let magic: Vec<(u64, u64)> = dims.iter().map(|&d| divisor(d)).collect();
            words.extend(magic.iter().map(|m| m.0));
            words.extend(magic.iter().map(|m| m.1));
        }
        for strides in &self.strides {
            let padded = strides.iter().copied().chain(std::iter::repeat(0)).take(dims.len());
            words.extend(padded.map(|s| (s as i64).cast_unsigned()));
        }
        #[expect(clippy::cast_possible_truncation, reason = "32-bit spaces hold 32-bit numbers")]
        let bytes: Vec<u8> = if wide {
            words.iter().flat_map(|w| w.to_ne_bytes()).collect()
        } else {
            words.iter().flat_map(|&w| (w as u32).to_ne_bytes()).collect()
        };
        bytes
            .chunks(16)
            .map(|chunk| {
                let mut word = [0; 16];
                word[..chunk.len()].copy_from_slice(chunk);
                u128::from_ne_bytes(word)
            })
            .collect()
    }

    fn check_rank(&self) -> Result<()> {
        if self.dims.len() > MAX_RANK {
            return Err(Error::unsupported(format!("views of {} axes that do not merge on a GPU", self.dims.len())));
        }
        Ok(())
    }
}

/// An elementwise launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Number of elements.
    pub count: usize,
    /// The axes that the kernel indexes.
    pub space: Space,
    /// The kernel that fits.
    pub form: Form,
}

/// The most axes that a strided kernel takes after merging.
pub const MAX_RANK: usize = 16;

/// Sides of the tiles that turned operands go through, those that move longer runs of memory first.
const SIDES: [usize; 2] = [64, 32];

/// Bytes of shared memory that tiles take, at most: enough blocks share a multiprocessor.
const TILE_BYTES: usize = 36 << 10;

/// Elements by which the rows of a tile are longer than its side: an odd number of 4-byte words, so that neither rows
/// nor columns meet in a bank.
#[must_use]
pub fn padding(size: usize) -> usize {
    (4 / size.max(1)).max(1)
}

/// Bytes of the words in which smaller elements move through tiles.
const WORD: usize = 4;

/// Words in a row of a tile of theirs: each in a bank of its own.
pub const WORDS: usize = 32;

/// Axes shorter than this are not worth a tile.
const SHORTEST: usize = 16;

/// Operands that a kernel can turn: each takes a tile of shared memory.
const MAX_TURNED: usize = 2;

impl Layout {
    /// The space of shape `dims` over these operands; vector kernels move up to `width` elements at a time.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for more than [`MAX_RANK`] axes that do not merge.
    pub fn new(dims: &[usize], operands: &[Operand<'_>], width: usize) -> Result<Self> {
        let count = shape::size(dims);
        let strides: Vec<&[isize]> = operands.iter().map(|o| o.strides).collect();
        let space = Space::new(dims, &strides);
        space.check_rank()?;
        if let Some(access) = vector(&space, operands, width) {
            return Ok(Self { count, space, form: Form::Vector(access) });
        }
        if let Some((space, form)) = rows(&space, operands, width).or_else(|| turned(&space, operands)) {
            return Ok(Self { count, space, form });
        }
        let form = Form::Strided { rank: space.rank(), wide: space.is_wide() };
        Ok(Self { count, space, form })
    }

    /// As [`Layout::new`], where the last operand is the output and lies anywhere.
    ///
    /// # Errors
    /// As [`Layout::new`].
    pub fn placed(dims: &[usize], operands: &[Operand<'_>], width: usize) -> Result<Self> {
        let count = shape::size(dims);
        let strides: Vec<&[isize]> = operands.iter().map(|o| o.strides).collect();
        let space = Space::new(dims, &strides);
        space.check_rank()?;
        let writes_whole = |access: &[Access]| access.last() == Some(&Access::Whole);
        if let Some((space, form)) = rows(&space, operands, width)
            && matches!(&form, Form::Rows { access, .. } if writes_whole(access))
        {
            return Ok(Self { count, space, form });
        }
        let form = Form::Strided { rank: space.rank(), wide: space.is_wide() };
        Ok(Self { count, space, form })
    }

    /// The bytes of the kernel's space parameter, as 16-byte words.
    #[must_use]
    pub fn space(&self) -> Vec<u128> {
        match self.form {
            Form::Rows { wide, .. } | Form::Turned { wide, .. } | Form::Strided { wide, .. } => self.space.words(wide),
            Form::Vector(_) => Vec::new(),
        }
    }

    /// The tiles that turned operands go through, where there are some.
    #[must_use]
    pub fn tiles(&self) -> Option<usize> {
        let (Form::Turned { side, .. }, [stack @ .., height, length]) = (&self.form, self.space.dims.as_slice()) else {
            return None;
        };
        Some(shape::size(stack) * height.div_ceil(*side) * length.div_ceil(*side))
    }

    /// Items of work: what one thread does in one step.
    #[must_use]
    pub fn items(&self, width: usize) -> usize {
        match &self.form {
            Form::Vector(_) => self.count / width,
            Form::Rows { width, .. } => self.count / width,
            Form::Turned { .. } | Form::Strided { .. } => self.count,
        }
    }
}

/// Whether accesses of `width` elements from here on are aligned.
fn is_aligned(operand: &Operand<'_>, width: usize) -> bool {
    operand.address.is_multiple_of((width * operand.size).clamp(1, 16) as u64)
}

/// How each operand is read when all axes merge into one, where that is so.
fn vector(space: &Space, operands: &[Operand<'_>], width: usize) -> Option<Vec<Access>> {
    let access = |(o, s): (&Operand<'_>, &Vec<isize>)| match s.as_slice() {
        s if s.iter().all(|&d| d == 0) => Some(Access::One),
        [] | [1] if is_aligned(o, width) => Some(Access::Whole),
        _ => None,
    };
    operands.iter().zip(&space.strides).map(access).collect()
}

/// The space with its last axis in steps of as many elements as divide it, where every operand is contiguous or
/// constant along it.
fn rows(space: &Space, operands: &[Operand<'_>], width: usize) -> Option<(Space, Form)> {
    let &last = space.dims.last()?;
    let width = (1..=width).rev().find(|w| w.is_power_of_two() && last.is_multiple_of(*w)).filter(|&w| w > 1)?;
    let access = |(o, s): (&Operand<'_>, &Vec<isize>)| {
        let (&step, outer) = s.split_last()?;
        let steps = outer.iter().all(|d| d.unsigned_abs().is_multiple_of(width));
        match step {
            0 => Some(Access::One),
            1 if steps && is_aligned(o, width) => Some(Access::Whole),
            _ => None,
        }
    };
    let access: Vec<Access> = operands.iter().zip(&space.strides).map(access).collect::<Option<_>>()?;
    let mut space = space.clone();
    let axis = space.dims.len() - 1;
    space.dims[axis] /= width;
    for (strides, access) in space.strides.iter_mut().zip(&access) {
        strides[axis] = if *access == Access::Whole { width.cast_signed() } else { 0 };
    }
    let form = Form::Rows { rank: space.rank(), wide: space.is_wide(), width, access };
    Some((space, form))
}

/// The space with the axis along which some operands are contiguous as the last but one, where it is the same for all
/// of them and both axes are long enough to be worth a tile.
fn turned(space: &Space, operands: &[Operand<'_>]) -> Option<(Space, Form)> {
    let rank = space.dims.len();
    let last = rank.checked_sub(1)?;
    let along = |s: &[isize]| (0..last).find(|&a| s[a].unsigned_abs() == 1 && s[last].unsigned_abs() > 1);
    let axes: Vec<Option<usize>> = space.strides.iter().map(|s| along(s)).collect();
    let axis = axes.iter().flatten().copied().next()?;
    let count = axes.iter().flatten().count();
    let same = axes.iter().flatten().all(|&a| a == axis);
    let small = operands.iter().zip(&axes).all(|(o, a)| a.is_none() || o.size <= 8);
    if !same || !small || count > MAX_TURNED || space.dims[axis] < SHORTEST || space.dims[last] < SHORTEST {
        return None;
    }
    let shorter = space.dims[axis].min(space.dims[last]);
    let bytes = |side: usize| -> usize {
        let tile = |(o, _): (&Operand<'_>, _)| side * (side + padding(o.size)) * o.size;
        operands.iter().zip(&axes).filter(|(_, a)| a.is_some()).map(tile).sum()
    };
    let side = SIDES.into_iter().find(|&side| shorter >= side && bytes(side) <= TILE_BYTES).unwrap_or(SIDES[1]);
    // The output stays in its own order: the kernel is told where its elements go by one more operand.
    let mut space = space.clone();
    space.strides.push(shape::strides(&space.dims).iter().map(|s| s.cast_signed()).collect());
    let n = space.dims.remove(axis);
    space.dims.insert(last - 1, n);
    for strides in &mut space.strides {
        let step = strides.remove(axis);
        strides.insert(last - 1, step);
    }
    let turned: Vec<bool> = axes.iter().map(Option::is_some).collect();
    let width = words(&space, operands, &turned);
    let side = if width > 1 { WORDS * width } else { side };
    let form = Form::Turned { rank, wide: space.is_wide(), turned, side, width };
    Some((space, form))
}

/// How many elements of the operands that are `turned` move together through tiles of a space whose last operand is the
/// output.
fn words(space: &Space, operands: &[Operand<'_>], turned: &[bool]) -> usize {
    let mut sizes = operands.iter().zip(turned).filter(|(_, t)| **t).map(|(o, _)| o.size);
    let width = WORD / sizes.next().unwrap_or(WORD).min(WORD);
    let along = space.dims.len() - 1;
    let whole = |(strides, operand): (&Vec<isize>, Option<(&Operand<'_>, &bool)>)| {
        let axis = if operand.is_some_and(|(_, &turned)| turned) { along - 1 } else { along };
        let apart = |(a, d): (usize, &isize)| a == axis || d.unsigned_abs().is_multiple_of(width);
        strides[axis] == 1 && strides.iter().enumerate().all(apart) && operand.is_none_or(|(o, _)| is_aligned(o, width))
    };
    let listed = operands.iter().zip(turned).map(Some).chain(std::iter::once(None));
    let fits = width > 1
        && sizes.all(|size| size * width == WORD)
        && space.dims[along - 1..].iter().all(|n| n.is_multiple_of(width) && *n >= WORDS * width)
        && space.strides.iter().zip(listed).all(whole);
    if fits { width } else { 1 }
}

/// Threads that fill a GPU well enough: sixteen warps on each multiprocessor of an H100.
const ENOUGH_THREADS: usize = 1 << 16;

/// How a reduction reads its operands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReduceForm {
    /// How each operand is read: along the reduced elements, or across the outputs that a thread takes, where it takes
    /// several.
    pub access: Vec<Access>,
    /// Neighbouring outputs that a thread takes.
    pub columns: usize,
    /// Groups of elements that it reads at once.
    pub batch: usize,
    /// Axes of the outputs after merging.
    pub kept: usize,
    /// Reduced axes after merging.
    pub reduced: usize,
    /// Whether indices and offsets need 64 bits.
    pub wide: bool,
}

/// A launch that reduces: outputs, and the elements of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReduceLayout {
    /// Number of outputs.
    pub outputs: usize,
    /// Elements of each.
    pub elements: usize,
    /// The axes of the outputs.
    pub kept: Space,
    /// The axes of the elements.
    pub reduced: Space,
    /// The kernel that fits.
    pub form: ReduceForm,
}

impl ReduceLayout {
    /// A reduction of axes of lengths `reduced` to outputs of shape `kept`. Operands have strides over both: `inputs`
    /// first, where positions are counted if they are, and at last where the results go. A thread takes `width`
    /// elements at a time.
    ///
    /// # Errors
    /// As [`Layout::new`].
    pub fn new(
        kept: &[usize],
        reduced: &[usize],
        operands: &[(Operand<'_>, &[isize])],
        (inputs, width): (usize, usize),
    ) -> Result<Self> {
        let (outputs, elements) = (shape::size(kept), shape::size(reduced));
        let over_kept: Vec<&[isize]> = operands.iter().map(|(o, _)| o.strides).collect();
        let over_reduced: Vec<&[isize]> = operands.iter().map(|(_, s)| *s).collect();
        let (kept, reduced) = (Space::new(kept, &over_kept), Space::new(reduced, &over_reduced));
        kept.check_rank()?;
        reduced.check_rank()?;
        let access = |i: usize| {
            let (operand, along, across) = (&operands[i].0, &reduced.strides[i], &kept.strides[i]);
            let steps = across.iter().all(|d| d.unsigned_abs().is_multiple_of(width));
            match along.as_slice() {
                s if s.iter().all(|&d| d == 0) => Access::One,
                [1] if steps && is_aligned(operand, width) => Access::Whole,
                _ => Access::Any,
            }
        };
        let form = ReduceForm {
            access: (0..inputs).map(access).collect(),
            columns: 1,
            batch: 1,
            kept: kept.rank(),
            reduced: reduced.rank(),
            wide: kept.is_wide() || reduced.is_wide(),
        };
        Ok(Self { outputs, elements, kept, reduced, form })
    }

    /// The same, where a thread takes up to `most` neighbouring outputs, read at once, if they lie side by side: as
    /// many as leave threads enough, of which an output has `lanes`. Changes no bit of a result.
    #[must_use]
    pub fn in_columns(mut self, operands: &[(Operand<'_>, &[isize])], most: usize, lanes: usize) -> Self {
        let inputs = self.form.access.len();
        let last = |s: &[isize]| s.last().copied().unwrap_or(0);
        let beside = |i: usize| last(&self.kept.strides[i]) == 1;
        let fits = |columns: usize| {
            let steps = |s: &[isize]| s.iter().all(|d| d.unsigned_abs().is_multiple_of(columns));
            let apart = |s: &[isize]| s.split_last().is_none_or(|(_, outer)| steps(outer));
            let reads = |i: usize| {
                let (across, along) = (&self.kept.strides[i], &self.reduced.strides[i]);
                let aligned = apart(across) && steps(along) && is_aligned(&operands[i].0, columns);
                last(across) == 0 || beside(i) && aligned
            };
            // After the inputs comes where positions are counted, the same for neighbours, and at last the output,
            // which is written at once, too.
            let output = operands.len() - 1;
            let counts = (inputs..output).all(|i| last(&self.kept.strides[i]) == 0);
            let writes = last(&self.kept.strides[output]) == 1
                && apart(&self.kept.strides[output])
                && is_aligned(&operands[output].0, columns);
            let length = self.kept.dims.last().copied().unwrap_or(1);
            length.is_multiple_of(columns)
                && (self.outputs / columns).saturating_mul(lanes) >= ENOUGH_THREADS
                && (0..inputs).all(reads)
                && counts
                && writes
        };
        if !self.runs_across() || !(0..inputs).any(beside) {
            return self;
        }
        if let Some(columns) = (2..=most).rev().find(|&c| c.is_power_of_two() && fits(c)) {
            self.form.columns = columns;
            self.form.access = (0..inputs).map(|i| if beside(i) { Access::Whole } else { Access::Any }).collect();
        }
        self
    }

    /// Whether neighbouring outputs lie side by side in most of what is read, rather than the elements of one.
    #[must_use]
    pub fn runs_across(&self) -> bool {
        let votes = |s: &Vec<isize>| s.last().is_some_and(|d| d.unsigned_abs() == 1);
        let inputs = self.form.access.len();
        let across = self.kept.strides.iter().take(inputs).filter(|s| votes(s)).count();
        let along = self.reduced.strides.iter().take(inputs).filter(|s| votes(s)).count();
        across > along
    }
}

/// Merges axes along which every operand continues, and drops those of length 1.
fn merge(dims: &[usize], operands: &[&[isize]]) -> (Vec<usize>, Vec<Vec<isize>>) {
    let mut merged: Vec<usize> = Vec::new();
    let mut strides: Vec<Vec<isize>> = vec![Vec::new(); operands.len()];
    for axis in (0..dims.len()).filter(|&a| dims[a] != 1) {
        let n = dims[axis].cast_signed();
        let joins =
            !merged.is_empty() && operands.iter().zip(&strides).all(|(o, have)| have.last() == Some(&(o[axis] * n)));
        match merged.last_mut() {
            Some(last) if joins => *last *= dims[axis],
            _ => merged.push(dims[axis]),
        }
        for (operand, have) in operands.iter().zip(&mut strides) {
            if joins {
                have.pop();
            }
            have.push(operand[axis]);
        }
    }
    (merged, strides)
}

/// Multiplier and shift that divide numbers below `2^31` by `d`, see `kernels/prelude.cu`.
fn divisor(d: u64) -> (u64, u64) {
    let shift = u64::from(d.max(1).next_power_of_two().trailing_zeros());
    ((((1u64 << shift) - d) << 32) / d.max(1) + 1, shift)
}

/// Checks that a view over `dims` stays inside the `size` elements of its block.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) when it does not.
pub fn check(dims: &[usize], offset: usize, strides: &[isize], size: usize) -> Result<()> {
    if dims.len() != strides.len() {
        return Err(Error::bug(format!("a view of rank {} over rank {}", strides.len(), dims.len())));
    }
    let (mut low, mut high) = (offset.cast_signed(), offset.cast_signed());
    for (&n, &stride) in dims.iter().zip(strides) {
        let reach = n.saturating_sub(1).cast_signed().saturating_mul(stride);
        (low, high) = if reach < 0 { (low.saturating_add(reach), high) } else { (low, high.saturating_add(reach)) };
    }
    if !dims.contains(&0) && (low < 0 || high >= size.cast_signed()) {
        return Err(Error::bug(format!("a view of shape {} stays inside its block of {size}", shape::tuple(dims))));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operand(strides: &[isize]) -> Operand<'_> {
        Operand { strides, size: 4, address: 256 }
    }

    #[test]
    fn contiguous_views_and_scalars_are_vectors() {
        let layout = Layout::new(&[4, 1, 6], &[operand(&[6, 6, 1]), operand(&[0, 0, 0])], 4).unwrap();
        assert_eq!(layout.form, Form::Vector(vec![Access::Whole, Access::One]));
        let rows = Layout::new(&[4, 6], &[operand(&[6, 1]), operand(&[0, 1])], 4).unwrap();
        let access = vec![Access::Whole, Access::Whole];
        assert_eq!(rows.form, Form::Rows { rank: 2, wide: false, width: 2, access });
        assert_eq!((rows.space.dims, rows.space.strides), (vec![4, 3], vec![vec![6, 2], vec![0, 2]]));
        let odd = Layout::new(&[4, 7], &[operand(&[7, 1]), operand(&[0, 1])], 4).unwrap();
        assert_eq!(odd.form, Form::Strided { rank: 2, wide: false });
        let misaligned = Operand { strides: &[1], size: 4, address: 260 };
        assert_eq!(Layout::new(&[8], &[misaligned], 4).unwrap().form, Form::Strided { rank: 1, wide: false });
        let huge = Layout::new(&[1 << 16, 1 << 16], &[operand(&[2, 1 << 17])], 4).unwrap();
        assert_eq!(huge.form, Form::Strided { rank: 2, wide: true });
    }

    #[test]
    fn transposed_operands_are_turned() {
        let layout = Layout::new(&[40, 3, 50], &[operand(&[150, 50, 1]), operand(&[1, 40, 120])], 4).unwrap();
        assert_eq!(layout.form, Form::Turned { rank: 3, wide: false, turned: vec![false, true], side: 32, width: 1 });
        assert_eq!(layout.space.dims, vec![3, 40, 50]);
        let strides = vec![vec![50, 150, 1], vec![40, 1, 120], vec![50, 150, 1]];
        assert_eq!(layout.space.strides, strides);
        // Here the last two axes are one.
        let merged = Layout::new(&[40, 3, 50], &[operand(&[150, 50, 1]), operand(&[1, 2000, 40])], 4).unwrap();
        assert_eq!(merged.form, Form::Turned { rank: 2, wide: false, turned: vec![false, true], side: 32, width: 1 });
        assert_eq!((merged.space.dims, merged.space.strides[1].as_slice()), (vec![40, 150], [1, 40].as_slice()));
    }

    #[test]
    fn small_elements_move_in_words_where_they_are_aligned() {
        let width = |size: usize, dims: [usize; 2], strides: &[isize], address: u64| {
            let form = Layout::new(&dims, &[Operand { strides, size, address }], 16 / size).unwrap().form;
            if let Form::Turned { width, .. } = form { width } else { 0 }
        };
        assert_eq!([1, 2, 4].map(|size| width(size, [400, 260], &[1, 400], 256)), [4, 2, 1]);
        assert_eq!((width(1, [402, 260], &[1, 404], 256), width(1, [400, 260], &[1, 402], 256)), (1, 1));
        assert_eq!((width(1, [400, 260], &[-1, 400], 256), width(1, [400, 260], &[1, 400], 258)), (1, 1));
    }

    #[test]
    fn reductions_read_along_or_across() {
        let out = operand(&[1]);
        let along = ReduceLayout::new(&[8], &[1024], &[(operand(&[1024]), &[1]), (out, &[0])], (1, 4)).unwrap();
        assert_eq!((along.form.access.clone(), along.runs_across()), (vec![Access::Whole], false));
        let across = ReduceLayout::new(&[8], &[1024], &[(operand(&[1]), &[8]), (out, &[0])], (1, 4)).unwrap();
        assert_eq!((across.form.access.clone(), across.runs_across()), (vec![Access::Any], true));
        // Positions, which are no input, have no say in it.
        let operands = [(operand(&[1]), &[1 << 20][..]), (operand(&[0]), &[1]), (operand(&[1]), &[0])];
        let counted = ReduceLayout::new(&[1 << 20], &[16], &operands, (1, 4)).unwrap().in_columns(&operands, 4, 1);
        assert_eq!((counted.form.access.clone(), counted.form.columns), (vec![Access::Whole], 4));
    }

    #[test]
    fn multipliers_divide() {
        for d in [1u64, 2, 3, 5, 7, 10, 641, 1000, 65_535, 65_537, (1 << 31) - 1] {
            let (mul, shift) = divisor(d);
            assert!(mul < 1 << 32);
            for n in [0, 1, d - 1, d, d + 1, 2 * d - 1, 123_456_789, (1 << 31) - 1] {
                let n = n.min((1 << 31) - 1);
                assert_eq!((((n * mul) >> 32) + n) >> shift, n / d, "{n} / {d}");
            }
        }
    }

    #[test]
    fn views_outside_their_block_are_found() {
        assert!(check(&[2, 3], 0, &[3, 1], 6).is_ok());
        assert!(check(&[2, 3], 5, &[-3, -1], 6).is_ok());
        assert!(check(&[2, 3], 1, &[3, 1], 6).is_err());
        assert!(check(&[2, 3], 2, &[-3, 1], 6).is_err());
        assert!(check(&[0, 3], 9, &[3, 1], 0).is_ok());
    }
}
