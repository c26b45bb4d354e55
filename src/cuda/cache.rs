//! Compiled kernels on disk.
//!
//! A file per kernel, named by a hash of everything that decides its content. The file carries a checksum: one that
//! does not match, like one that cannot be read, is as good as absent. Writes go to a temporary name first, so that
//! several processes may share a folder. A cache that cannot be written is not an error.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What files begin with; the digit is the version of the format.
const MAGIC: &[u8; 8] = b"hslbcub1";

/// A 128-bit hash (FNV-1a) of some parts, each with its length.
#[must_use]
pub fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u128 {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let mut state: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    let mut take = |bytes: &[u8]| {
        for &b in bytes {
            state = (state ^ u128::from(b)).wrapping_mul(PRIME);
        }
    };
    for part in parts {
        take(&(part.len() as u64).to_le_bytes());
        take(part);
    }
    state
}

fn path(folder: &Path, key: u128) -> PathBuf {
    let name = format!("{key:032x}");
    folder.join(&name[..2]).join(format!("{}.cubin", &name[2..]))
}

/// The image stored under `key`, if it is there and undamaged.
#[must_use]
pub fn read(folder: &Path, key: u128) -> Option<Vec<u8>> {
    let file = fs::read(path(folder, key)).ok()?;
    let (magic, rest) = file.split_at_checked(MAGIC.len())?;
    let (sum, image) = rest.split_at_checked(16)?;
    let intact = magic == MAGIC && sum == hash([image]).to_le_bytes();
    intact.then(|| image.to_vec())
}

/// Stores `image` under `key`; a failure only means that the kernel is compiled again next time.
pub fn write(folder: &Path, key: u128, image: &[u8]) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let target = path(folder, key);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = target.with_extension(format!("tmp-{}-{number}", std::process::id()));
    let mut bytes = MAGIC.to_vec();
    bytes.extend(hash([image]).to_le_bytes());
    bytes.extend(image);
    let stored = target
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&temporary, &bytes))
        .and_then(|()| fs::rename(&temporary, &target));
    if let Err(error) = stored {
        tracing::debug!(path = %target.display(), %error, "a compiled kernel was not cached");
        let _ = fs::remove_file(&temporary);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_come_back_and_damage_is_absence() {
        let folder = tempfile::tempdir().unwrap();
        let key = hash([b"source".as_slice(), b"sm_90"]);
        assert_ne!(key, hash([b"sources".as_slice(), b"m_90"]));
        assert_eq!(read(folder.path(), key), None);
        write(folder.path(), key, b"image");
        assert_eq!(read(folder.path(), key).as_deref(), Some(b"image".as_slice()));
        let file = path(folder.path(), key);
        let mut bytes = fs::read(&file).unwrap();
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        fs::write(&file, bytes).unwrap();
        assert_eq!(read(folder.path(), key), None);
        fs::write(&file, b"short").unwrap();
        assert_eq!(read(folder.path(), key), None);
    }
}
