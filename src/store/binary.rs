//! Files that hold the elements of an array and do not say so: what they are is given beside the path.
//!
//! [`Raw`] says it in a program, and a path such as `field.bin?dtype=>f4&shape=100,200&offset=16&order=F` anywhere
//! else. The rest is what `.npy` files do.

use super::input::Input;
use super::npy::NpyStore;
use super::npy::header::{Header, element};
use super::remote::is_url;
use super::{Format, Layout, Node, NodeKind, Sink, Store};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a file without a header holds.
///
/// ```
/// use hyperslab::{Context, dtype::DType, store::binary::Raw};
/// let cx = Context::default();
/// let path = std::env::temp_dir().join(format!("field-{}.bin", std::process::id()));
/// std::fs::write(&path, [9, 9, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6])?; // two bytes of something else
/// let raw = Raw::new(DType::I16, [2, 3]).offset(2).big_endian(true);
/// assert_eq!(cx.compute(cx.open_raw(&path, &raw)?.sum(0))?.to_ndarray::<i64>()?.as_slice(), Some(&[5, 7, 9][..]));
/// // The same by a path, as in the command; a length of -1 is what the file has room for.
/// let x = cx.open(format!("{}?dtype=>i2&shape=-1,3&offset=2", path.display()))?;
/// assert_eq!(x.shape().to_string(), "(2, 3)");
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    dtype: DType,
    swapped: bool,
    shape: Vec<isize>,
    offset: u64,
    fortran: bool,
}

impl Raw {
    /// Elements of this type, in the byte order of this machine, in C order from the begin of the file. One length may
    /// be -1: as much as the file holds.
    #[must_use]
    pub fn new(dtype: DType, shape: impl Into<Vec<isize>>) -> Self {
        Self { dtype, swapped: false, shape: shape.into(), offset: 0, fortran: false }
    }

    /// The first element stands at this byte.
    #[must_use]
    pub fn offset(mut self, bytes: u64) -> Self {
        self.offset = bytes;
        self
    }

    /// Whether the most significant byte of a number comes first.
    #[must_use]
    pub fn big_endian(mut self, yes: bool) -> Self {
        self.swapped = yes == cfg!(target_endian = "little") && self.dtype.real().size() > 1;
        self
    }

    /// Whether the first axis is the one whose elements lie side by side.
    #[must_use]
    pub fn fortran(mut self, yes: bool) -> Self {
        self.fortran = yes;
        self
    }

    /// What the part of a path after `?` says.
    fn parse(text: &str) -> std::result::Result<Self, String> {
        let (mut dtype, mut raw) = (None, Self::new(DType::U8, [-1]));
        for option in text.split('&') {
            let (key, value) = option.split_once('=').ok_or_else(|| format!("`{option}` is not KEY=VALUE"))?;
            let bad = || format!("`{value}` is not {key}");
            match key {
                "dtype" => dtype = Some(element(value).ok_or_else(bad)?),
                "shape" => {
                    let lengths = value.trim_matches(['(', ')', '[', ']']).split(',').map(str::trim);
                    let lengths = lengths.filter(|n| !n.is_empty()).map(str::parse);
                    raw.shape = lengths.collect::<std::result::Result<_, _>>().map_err(|_| bad())?;
                }
                "offset" => raw.offset = value.parse().map_err(|_| bad())?,
                "order" => {
                    raw.fortran = match value {
                        "F" | "f" => true,
                        "C" | "c" => false,
                        _ => return Err(format!("order is C or F, not `{value}`")),
                    }
                }
                _ => return Err(format!("`{key}` is none of dtype, shape, offset and order")),
            }
        }
        let (dtype, swapped) = dtype.ok_or("it has no dtype, as in ?dtype=<f4&shape=100,200")?;
        Ok(Self { dtype, swapped, ..raw })
    }

    /// What that is in a file of `length` bytes.
    fn header(&self, length: u64) -> std::result::Result<Header, String> {
        let shown = || format!("{} of shape {:?}", self.dtype, self.shape);
        let open = self.shape.iter().filter(|&&n| n == -1).count();
        if self.shape.len() > 64 || open > 1 || self.shape.iter().any(|&n| n < -1) {
            return Err(format!("cannot hold {}: lengths are not negative, but one can be -1", shown()));
        }
        let known: Vec<usize> = self.shape.iter().filter_map(|&n| usize::try_from(n).ok()).collect();
        let step = shape::checked_size(&known).and_then(|n| n.checked_mul(self.dtype.size())).map(|n| n as u64);
        let rest = match (open, step, length.checked_sub(self.offset)) {
            (0, ..) => 0,
            (_, Some(step), Some(bytes)) if step > 0 && bytes % step == 0 => bytes / step,
            _ => return Err(format!("does not hold a whole number of {}: it has {length} bytes", shown())),
        };
        let rest = usize::try_from(rest).map_err(|e| e.to_string())?;
        let lengths: Vec<usize> = self.shape.iter().map(|&n| usize::try_from(n).unwrap_or(rest)).collect();
        let fortran = self.fortran && lengths.len() > 1;
        let (dtype, swapped, offset) = (self.dtype, self.swapped, self.offset);
        let header = Header { dtype, swapped, fortran, shape: lengths, offset, time: None };
        header.check(length)?;
        Ok(header)
    }
}

/// The array in the file at `path`, which has no header.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store) when it is not there, or cannot hold what is said of it.
pub fn open(path: impl AsRef<Path>, raw: &Raw) -> Result<Arc<dyn Store>> {
    Ok(Arc::new(opened(path.as_ref(), raw)?))
}

fn opened(path: &Path, raw: &Raw) -> Result<NpyStore> {
    let file = Input::open(path)?;
    let header = raw.header(file.length()).map_err(|why| Error::store(path, why))?;
    Ok(NpyStore::described(file, header, "raw"))
}

/// Files without a header, whose paths end in what they hold: `field.bin?dtype=<f4&shape=100,200`.
#[derive(Debug)]
pub struct Binary;

/// The file and the description in a path.
fn split(path: &Path) -> Option<(PathBuf, &str)> {
    let (file, text) = path.file_name()?.to_str()?.split_once('?')?;
    Some((path.with_file_name(file), text))
}

impl Format for Binary {
    fn name(&self) -> &'static str {
        "raw"
    }

    fn recognises(&self, path: &Path) -> bool {
        split(path).is_some_and(|(file, text)| if is_url(path) { text.contains("dtype=") } else { file.is_file() })
            && !path.exists()
    }

    fn creates(&self, _path: &Path) -> bool {
        false
    }

    fn open(&self, path: &Path, _inner: &str) -> Result<Arc<dyn Store>> {
        let (file, text) = split(path).ok_or_else(|| Error::bug("a path without a description"))?;
        let raw = Raw::parse(text).map_err(|why| Error::store(path, why))?;
        Ok(Arc::new(opened(&file, &raw)?.named(path.display().to_string())))
    }

    fn tree(&self, path: &Path, inner: &str) -> Result<Vec<Node>> {
        let kind = NodeKind::Array(Box::new(self.open(path, inner)?.info().clone()));
        Ok(vec![Node { path: String::new(), kind }])
    }

    fn create(&self, path: &Path, _inner: &str, _layout: &Layout) -> Result<Box<dyn Sink>> {
        Err(Error::unsupported(format!("{}: files without a header are read, not written", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::Suite;

    #[test]
    fn described_files() {
        let folder = tempfile::tempdir().unwrap();
        let numbers: Vec<u16> = (0..60).map(|i| i * 1021).collect();
        let mut bytes = vec![7; 5];
        bytes.extend(numbers.iter().flat_map(|n| n.to_be_bytes()));
        std::fs::write(folder.path().join("x.bin"), bytes).unwrap();
        let suite = Suite::new(&Binary, folder.path(), "bin");
        let check = |text: &str, lengths: &[usize], place: &dyn Fn(usize) -> usize| {
            let path = folder.path().join(format!("x.bin?{text}"));
            let data: Vec<u8> = (0..shape::size(lengths)).flat_map(|i| numbers[place(i)].to_ne_bytes()).collect();
            suite.reads(&path, DType::U16, lengths, &data).unwrap();
        };
        check("dtype=>u2&shape=4,-1,5&offset=5", &[4, 3, 5], &|i| i);
        check("dtype=>u2&offset=15&shape=(10,)", &[10], &|i| i + 5);
        check("dtype=>u2&offset=5", &[60], &|i| i);
        check("dtype=>u2&offset=5&order=F&shape=6,10", &[6, 10], &|i| i / 10 + 6 * (i % 10));
        check("dtype=>u2&offset=7&shape=", &[], &|_| 1);
    }

    #[test]
    fn refusals() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.bin"), [0; 10]).unwrap();
        let check = |text: &str, expect: &str| {
            let path = folder.path().join(format!("x.bin?{text}"));
            let error = Binary.open(&path, "").unwrap_err().to_string();
            assert!(error.ends_with(expect), "{error}");
        };
        check("shape=3", "it has no dtype, as in ?dtype=<f4&shape=100,200");
        check("dtype=f5", "`f5` is not dtype");
        check("dtype=f4&shape=a", "`a` is not shape");
        check("dtype=f4&size=3", "`size` is none of dtype, shape, offset and order");
        check("dtype=f4&order=K", "order is C or F, not `K`");
        check("dtype=f4", "does not hold a whole number of float32 of shape [-1]: it has 10 bytes");
        check("dtype=f4&offset=11", "does not hold a whole number of float32 of shape [-1]: it has 10 bytes");
        check("dtype=f4&shape=3", "is cut short: float32 of shape (3,) does not fit in 10 bytes");
        check(
            "dtype=i1&shape=-1,-1",
            "cannot hold int8 of shape [-1, -1]: lengths are not negative, but one can be -1",
        );
        check("dtype=i1&shape=9999999999,9999999999999", "does not fit in 10 bytes");
    }
}
