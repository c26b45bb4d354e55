//! Parts of chunks that are decoded without the rest: those of Blosc frames in files.

use super::meta::Array;
use super::piece::{Piece, grown};
use super::pipeline::direct::Scratch;
use super::window::Window;
use crate::chunk::Region;
use crate::error::{Error, Result};
use crate::shape;
use crate::store::Trail;
use crate::store::unpack::blosc::Frame;

/// A chunk of which some was read, and more may be.
#[derive(Debug)]
pub(super) struct Opened {
    index: Vec<usize>,
    bytes: Bytes,
}

#[derive(Debug)]
enum Bytes {
    /// Decoded part by part.
    Frame(Piece, Frame),
    /// Decoded whole, since parts cannot be.
    Decoded(Vec<u8>),
}

impl Opened {
    /// What was left of chunk `index`.
    pub(super) fn left(trail: &mut Trail, index: &[usize]) -> Option<Self> {
        trail.take::<Self>().filter(|opened| opened.index == index)
    }

    /// Chunk `index` of `array`, which is `piece`, where a part of it can be decoded alone; the piece otherwise. A
    /// checksum of all of it is verified first.
    pub(super) fn new(array: &Array, index: &[usize], mut piece: Piece) -> Result<std::result::Result<Self, Piece>> {
        let bytes = shape::size(&array.stored_shape(index)) * array.info.dtype.size();
        let len = array.pipeline.verified(&mut piece)?;
        match array.pipeline.frame(&piece, (len, bytes), false) {
            Some(frame) => frame.map(|frame| Ok(Self { index: index.to_vec(), bytes: Bytes::Frame(piece, frame) })),
            None => Ok(Err(piece)),
        }
    }

    /// Chunk `index`, decoded.
    pub(super) fn decoded(index: &[usize], bytes: Vec<u8>) -> Self {
        Self { index: index.to_vec(), bytes: Bytes::Decoded(bytes) }
    }

    /// Puts `part` of the chunk in the window, and leaves in `trail` what the next part may go on with.
    pub(super) fn read(
        mut self,
        array: &Array,
        part: &Region,
        (window, trail): (&mut Window<'_>, Option<&mut Trail>),
        scratch: &mut Scratch,
    ) -> Result<()> {
        let (lengths, itemsize) = (array.stored_shape(&self.index), array.info.dtype.size());
        let mut end = 0;
        for (place, part) in apart(part, &lengths) {
            let run = run_around(&part, &lengths);
            let at = run.start.iter().zip(shape::strides(&lengths)).map(|(a, s)| a * s).sum::<usize>() * itemsize;
            end = at + run.size() * itemsize;
            let start = part.relative_to(&run).start;
            match &mut self.bytes {
                Bytes::Decoded(bytes) => window.put(&place, &bytes[at..end], &run.shape, &start),
                Bytes::Frame(piece, frame) => {
                    let direct = if run == part { window.contiguous(&place) } else { None };
                    if let Some(out) = direct {
                        array.pipeline.read_part(piece, (frame, at), out, scratch)?;
                        continue;
                    }
                    let mut room = std::mem::take(&mut scratch.chunk);
                    let out = grown(&mut room, end - at).map_err(|why| Error::store(&piece.path, why))?;
                    array.pipeline.read_part(piece, (frame, at), out, scratch)?;
                    window.put(&place, out, &run.shape, &start);
                    scratch.chunk = room;
                }
            }
        }
        if let Some(trail) = trail.filter(|_| end < shape::size(&lengths) * itemsize) {
            trail.leave(self);
        }
        Ok(())
    }
}

/// A part of an array of these lengths as it is, where its elements lie side by side, or else index by index of its
/// first axis that has several: each with its place in the part.
fn apart(part: &Region, lengths: &[usize]) -> impl Iterator<Item = (Region, Region)> {
    let cut = part.shape.iter().position(|&n| n != 1).filter(|_| run_around(part, lengths) != *part);
    let count = cut.map_or(1, |axis| part.shape[axis]);
    (0..count).map(move |k| {
        let (mut place, mut part) = (Region::full(&part.shape), part.clone());
        if let Some(axis) = cut {
            (place.start[axis], part.start[axis]) = (k, part.start[axis] + k);
            (place.shape[axis], part.shape[axis]) = (1, 1);
        }
        (place, part)
    })
}

/// The smallest box around `part` whose elements lie side by side in an array of these lengths.
fn run_around(part: &Region, lengths: &[usize]) -> Region {
    let cut = part.shape.iter().position(|&n| n != 1).unwrap_or(lengths.len());
    let mut run = part.clone();
    for axis in (cut + 1..lengths.len()).filter(|&a| part.shape[a] != lengths[a]) {
        (run.start[axis], run.shape[axis]) = (0, lengths[axis]);
    }
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_lie_side_by_side() {
        let run = |start: &[usize], shape: &[usize]| {
            let run = run_around(&Region::new(start.to_vec(), shape.to_vec()), &[4, 5, 6]);
            (run.start, run.shape)
        };
        assert_eq!(run(&[1, 0, 0], &[2, 5, 6]), (vec![1, 0, 0], vec![2, 5, 6]));
        assert_eq!(run(&[1, 2, 3], &[2, 2, 1]), (vec![1, 0, 0], vec![2, 5, 6]));
        assert_eq!(run(&[1, 2, 3], &[1, 2, 1]), (vec![1, 2, 0], vec![1, 2, 6]));
        assert_eq!(run(&[1, 2, 3], &[1, 1, 2]), (vec![1, 2, 3], vec![1, 1, 2]));
        let boxes = |start: &[usize], shape: &[usize]| {
            let part = Region::new(start.to_vec(), shape.to_vec());
            apart(&part, &[4, 5, 6]).map(|(place, part)| (place.start, part.start, part.shape)).collect::<Vec<_>>()
        };
        assert_eq!(boxes(&[1, 0, 0], &[2, 5, 6]), [(vec![0; 3], vec![1, 0, 0], vec![2, 5, 6])]);
        let rows = |k: usize| (vec![k, 0, 0], vec![1 + k, 2, 3], vec![1, 2, 1]);
        assert_eq!(boxes(&[1, 2, 3], &[2, 2, 1]), [rows(0), rows(1)]);
    }
}
