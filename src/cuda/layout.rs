//! Which kernel fits the views of a launch.
//!
//! Neighbouring axes merge where every operand allows it. When each operand is then contiguous or one element, the
//! launch has the [`Form::Vector`]; otherwise [`Form::Strided`], with 32-bit indices where they suffice.

use crate::error::{Error, Result};
use crate::shape;

/// How the vector kernel reads an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Element `i` at index `i`.
    Whole,
    /// The same element at every index.
    One,
}

/// The form of a kernel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Form {
    /// Contiguous operands and scalars, several elements at a time.
    Vector(Vec<Access>),
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

/// An index space with merged axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Number of elements.
    pub count: usize,
    dims: Vec<usize>,
    /// Per operand, the strides of the merged axes.
    strides: Vec<Vec<isize>>,
    /// The kernel that fits.
    pub form: Form,
}

/// The most axes that a strided kernel takes after merging.
pub const MAX_RANK: usize = 16;

impl Layout {
    /// The space of shape `dims` over these operands; vector kernels move `width` elements at a time.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for more than [`MAX_RANK`] axes that do not merge.
    pub fn new(dims: &[usize], operands: &[Operand<'_>], width: usize) -> Result<Self> {
        let count = shape::size(dims);
        let (dims, strides) = merge(dims, operands);
        let whole = |s: &[isize]| s.is_empty() || s == [1];
        let access: Option<Vec<Access>> = operands
            .iter()
            .zip(&strides)
            .map(|(o, s)| match s {
                s if s.iter().all(|&d| d == 0) => Some(Access::One),
                s if whole(s) && o.address % (width * o.size).clamp(1, 16) as u64 == 0 => Some(Access::Whole),
                _ => None,
            })
            .collect();
        let form = match access {
            Some(access) => Form::Vector(access),
            None => Form::Strided { rank: dims.len().max(1), wide: is_wide(count, &dims, &strides) },
        };
        if dims.len() > MAX_RANK {
            return Err(Error::unsupported(format!("views of {} axes that do not merge on a GPU", dims.len())));
        }
        Ok(Self { count, dims, strides, form })
    }

    /// The bytes of the kernel's space parameter, as 16-byte words.
    #[must_use]
    pub fn space(&self) -> Vec<u128> {
        let wide = matches!(self.form, Form::Strided { wide: true, .. });
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
}

/// Merges axes along which every operand continues, and drops those of length 1.
fn merge(dims: &[usize], operands: &[Operand<'_>]) -> (Vec<usize>, Vec<Vec<isize>>) {
    let mut merged: Vec<usize> = Vec::new();
    let mut strides: Vec<Vec<isize>> = vec![Vec::new(); operands.len()];
    for axis in (0..dims.len()).filter(|&a| dims[a] != 1) {
        let n = dims[axis].cast_signed();
        let joins = !merged.is_empty()
            && operands.iter().zip(&strides).all(|(o, have)| have.last() == Some(&(o.strides[axis] * n)));
        match merged.last_mut() {
            Some(last) if joins => *last *= dims[axis],
            _ => merged.push(dims[axis]),
        }
        for (operand, have) in operands.iter().zip(&mut strides) {
            if joins {
                have.pop();
            }
            have.push(operand.strides[axis]);
        }
    }
    (merged, strides)
}

/// Whether an index or an offset needs more than 31 bits.
fn is_wide(count: usize, dims: &[usize], strides: &[Vec<isize>]) -> bool {
    let limit = 1usize << 31;
    let reach = |s: &Vec<isize>| -> usize {
        dims.iter().zip(s).map(|(&n, d)| n.saturating_sub(1).saturating_mul(d.unsigned_abs())).sum()
    };
    count >= limit || strides.iter().any(|s| reach(s) >= limit)
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
        assert_eq!(rows.form, Form::Strided { rank: 2, wide: false });
        let misaligned = Operand { strides: &[1], size: 4, address: 260 };
        assert_eq!(Layout::new(&[8], &[misaligned], 4).unwrap().form, Form::Strided { rank: 1, wide: false });
        let huge = Layout::new(&[1 << 16, 1 << 16], &[operand(&[1, 1 << 16])], 4).unwrap();
        assert_eq!(huge.form, Form::Strided { rank: 2, wide: true });
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
