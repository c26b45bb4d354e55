//! Writing over the elements of a `.npy` file, and behind them.

use super::header::{self, Header};
use super::{NpyStore, reversed};
use crate::chunk::Region;
use crate::cpu::copy::{reverse_axes, swap_bytes};
use crate::error::{Error, Result};
use crate::shape;
use crate::store::extent::Extent;
use crate::store::patches::Target;
use crate::store::{Info, raw};
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

/// A file whose elements are written over.
#[derive(Debug)]
struct Opened {
    array: NpyStore,
    /// Where elements go, at its name and by its header: the file, or another that takes its place.
    file: File,
    path: PathBuf,
    header: Header,
    /// Where the dictionary of the header begins.
    text_at: u64,
}

/// Opens a file to be changed.
pub(super) fn open(path: &Path, _: &[&str]) -> Result<Box<dyn Target>> {
    let array = NpyStore::open(path)?;
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(|e| Error::store(path, e))?;
    let version = array.file.magic::<8>().map_or(1, |start| start[6]);
    let (header, path) = (array.header.clone(), path.to_owned());
    Ok(Box::new(Opened { array, file, path, header, text_at: if version == 1 { 10 } else { 12 } }))
}

impl Opened {
    /// The name that the array has, or gets.
    fn target(&self) -> &Path {
        self.array.file.path()
    }

    fn bytes(&self, lengths: &[usize]) -> Option<u64> {
        let bytes = shape::checked_size(lengths)?.checked_mul(self.header.dtype.size())?;
        u64::try_from(bytes).ok()?.checked_add(self.header.offset).filter(|&n| i64::try_from(n).is_ok())
    }

    /// Why the array cannot get this shape, which it does not have.
    fn refuses(&self, after: &[usize]) -> Option<String> {
        let before = &self.array.info.shape;
        let axis = (0..before.len()).find(|&a| before[a] != after[a])?;
        if Some(axis) != self.header.growing() || before[axis + 1..] != after[axis + 1..] {
            let order = if self.header.fortran { "last one, being in Fortran order" } else { "first one" };
            return Some(format!("a .npy file grows along one axis alone, its {order}; write it to Zarr or HDF5"));
        }
        let Some(end) = self.bytes(before).filter(|_| self.bytes(after).is_some()) else {
            return Some(format!("a shape of {} is too large", shape::tuple(after)));
        };
        let behind = self.array.file.length().saturating_sub(end);
        let why = format!("{behind} bytes lie behind its elements, which more of them would take the place of");
        (behind > 0).then_some(why)
    }
}

impl Target for Opened {
    fn info(&self, _: usize) -> &Info {
        &self.array.info
    }

    fn check(&self, after: &[Vec<usize>]) -> Result<()> {
        let why = after.iter().find_map(|after| self.refuses(after));
        why.map_or(Ok(()), |why| Err(Error::unsupported(format!("{}: {why}", self.array.info.path))))
    }

    /// A header that has no room for a longer shape stands in front of a copy that has.
    fn make_room(&mut self, after: &[Vec<usize>], beside: &Path) -> Result<()> {
        let Some(after) = after.first().filter(|after| self.header.grown(self.text_at, after).is_none()) else {
            return Ok(());
        };
        let failed = |e: std::io::Error| Error::store(self.target(), format!("cannot be written anew: {e}"));
        let bytes = self.bytes(&self.array.info.shape).unwrap_or_default() - self.header.offset;
        let new = Header { shape: after.clone(), ..self.header.clone() };
        let text = header::print_whole(&new);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(beside).map_err(failed)?;
        file.set_permissions(self.file.metadata().map_err(failed)?.permissions()).map_err(failed)?;
        raw::write_at(&file, beside, 0, &text)?;
        raw::copy((&self.file, self.target(), self.header.offset), (&file, beside, text.len() as u64), bytes)?;
        (self.file, self.path) = (file, beside.to_owned());
        self.header.offset = text.len() as u64;
        Ok(())
    }

    fn put(&self, _: usize, region: &Region, data: &mut [u8]) -> Result<()> {
        let Header { dtype, fortran, swapped, offset, .. } = self.header;
        if swapped {
            swap_bytes(data, dtype.real().size());
        }
        let (path, itemsize) = (&self.path, dtype.size());
        if !fortran {
            return Extent { file: &self.file, path, offset, shape: &self.array.info.shape, itemsize }
                .write(region, data);
        }
        let shape: Vec<usize> = self.array.info.shape.iter().rev().copied().collect();
        let (region, mut turned) = (reversed(region), vec![0; data.len()]);
        reverse_axes(data, &region.shape, &mut turned, itemsize);
        Extent { file: &self.file, path, offset, shape: &shape, itemsize }.write(&region, &turned)
    }

    fn reshape(&self, after: &[Vec<usize>]) -> Result<()> {
        let target = self.target();
        let Some(after) = after.first() else { return Err(Error::bug("a file holds one array")) };
        let length = self.file.metadata().map_err(|e| Error::store(target, e))?.len();
        if self.bytes(after).is_none_or(|end| length < end) {
            return Err(Error::bug("what was appended is there"));
        }
        if self.path == target {
            let text = self.header.grown(self.text_at, after);
            let text = text.ok_or_else(|| Error::bug("there is room for a longer shape"))?;
            return raw::write_at(&self.file, target, self.text_at, &text);
        }
        // A link stays one, to the new file.
        let real = target.canonicalize().unwrap_or_else(|_| target.to_owned());
        self.file.sync_data().and_then(|()| fs::rename(&self.path, real)).map_err(|e| Error::store(target, e))
    }
}
