//! Refuses outputs that are absurdly larger than the files they come from.
//!
//! A file of a few kilobytes can declare terabytes of fill value. Reading it is bounded by the memory budget, but
//! writing it out is not, so whoever means it says so.

use crate::array::Array;
use crate::error::{Bytes, Error, Result};
use crate::shape::Dim;
use crate::store;
use crate::store::remote::is_url;
use std::path::Path;

/// Outputs below this are never refused.
const LARGE: u64 = 8 << 30;

/// How many times larger than its inputs an output may be.
const RATIO: u64 = 1000;

/// Lengths that depend on data and may be this large, as the number of bins that data ask for, say nothing.
const UNBOUNDED: usize = 1 << 30;

/// Checks the bytes of `outputs` against those of the files behind `inputs`; folders count as large enough.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument), naming both sizes.
pub fn check(outputs: &[Array], inputs: &[&Path]) -> Result<()> {
    let bytes = |a: &Array| {
        if a.shape().dims().iter().any(|d| matches!(d, Dim::Unknown { max, .. } if *max >= UNBOUNDED)) {
            return 0;
        }
        let size = crate::shape::checked_size(&a.shape().max()).unwrap_or(usize::MAX);
        (size as u64).saturating_mul(a.dtype().size() as u64)
    };
    let written = outputs.iter().map(bytes).fold(0, u64::saturating_add);
    if written < LARGE || inputs.is_empty() {
        return Ok(());
    }
    let read = inputs.iter().map(|p| stored(p)).fold(0, u64::saturating_add);
    if written / RATIO <= read {
        return Ok(());
    }
    let why =
        format!("{} would be written from files of {}; give --expand if that is meant", Bytes(written), Bytes(read));
    Err(Error::argument("output", why))
}

/// Bytes of the file that a path leads into.
fn stored(path: &Path) -> u64 {
    if is_url(path) {
        return store::file_length(path).unwrap_or(u64::MAX);
    }
    let existing = path.ancestors().find_map(|p| p.metadata().ok());
    existing.filter(std::fs::Metadata::is_file).map_or(u64::MAX, |m| m.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::dtype::scalar::Scalar;

    #[test]
    fn terabytes_from_kilobytes_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.h5");
        std::fs::write(&file, [0; 2048]).unwrap();
        let huge = Array::filled(&[1 << 40], Scalar::Int(0), DType::U8, None).unwrap();
        let err = check(std::slice::from_ref(&huge), &[&file.join("x")]).unwrap_err();
        let want = "output: 1 TiB would be written from files of 2 KiB; give --expand if that is meant";
        assert_eq!(err.to_string(), want);
        assert!(check(&[huge], &[folder.path()]).is_ok());
    }
}
