//! Every environment variable that hyperslab reads, once, when a context is built.
//!
//! | variable | default | meaning |
//! |---|---|---|
//! | `HYPERSLAB_THREADS` | all processors | worker threads |
//! | `HYPERSLAB_MEMORY` | 60 % of the machine or its cgroup | byte budget, as `4GiB` or `50%` |
//! | `HYPERSLAB_DEVICE` | `auto` | `cpu`, `cuda`, `cuda:1`, `cuda:0,1`, `cuda:all`, `auto` |
//! | `HYPERSLAB_SPILL` | `TMPDIR`, else `/var/tmp` | folder for intermediate results that do not fit into memory |
//! | `HYPERSLAB_BLOCK_BYTES` | none | cap on the planner's blocks, in bytes |
//! | `HYPERSLAB_DEVICE_MEMORY` | 90 % of what is free | bytes of a GPU for blocks, as `4GiB` or `50%` |
//! | `HYPERSLAB_KERNEL_CACHE` | `hyperslab/kernels` in `XDG_CACHE_HOME`, else in `~/.cache` | folder of compiled kernels |

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// What the environment asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Knobs {
    /// `HYPERSLAB_THREADS`
    pub threads: Option<usize>,
    /// `HYPERSLAB_MEMORY`
    pub memory: Option<String>,
    /// `HYPERSLAB_DEVICE`
    pub device: Option<String>,
    /// `HYPERSLAB_BLOCK_BYTES`
    pub block_bytes: Option<u64>,
    /// `HYPERSLAB_SPILL`
    pub spill: Option<PathBuf>,
    /// `HYPERSLAB_DEVICE_MEMORY`
    pub device_memory: Option<String>,
    /// `HYPERSLAB_KERNEL_CACHE`
    pub kernel_cache: Option<PathBuf>,
}

impl Knobs {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument), naming the variable, when a value is no number.
    pub fn from_environment() -> Result<Self> {
        Ok(Self {
            threads: number("HYPERSLAB_THREADS")?,
            memory: text("HYPERSLAB_MEMORY"),
            device: text("HYPERSLAB_DEVICE"),
            block_bytes: number("HYPERSLAB_BLOCK_BYTES")?,
            spill: text("HYPERSLAB_SPILL").map(PathBuf::from),
            device_memory: text("HYPERSLAB_DEVICE_MEMORY"),
            kernel_cache: text("HYPERSLAB_KERNEL_CACHE").map(PathBuf::from),
        })
    }
}

fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

fn number<T: std::str::FromStr>(name: &str) -> Result<Option<T>> {
    let Some(value) = text(name) else { return Ok(None) };
    value.parse().map(Some).map_err(|_| Error::argument(name, format!("`{value}` is not a whole number")))
}

/// The memory that this process has now, where the system tells.
pub(crate) fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok().map(|kib: u64| kib << 10)
}

/// The bytes that `text` means: `1000`, `512MiB`, `2 GB`, or a share of `total` such as `50%` or `0.5`.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) when it is none of these.
///
/// ```
/// use hyperslab::runtime::knobs::parse_bytes;
/// assert_eq!(parse_bytes("512MiB", 0).unwrap(), 512 << 20);
/// assert_eq!(parse_bytes("25%", 4000).unwrap(), 1000);
/// assert_eq!(parse_bytes("0.25", 4000).unwrap(), 1000);
/// assert!(parse_bytes("lots", 0).is_err());
/// ```
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "sizes people write"
)]
pub fn parse_bytes(text: &str, total: u64) -> Result<u64> {
    let refuse = || Error::argument("memory", format!("`{text}` is no size: write 512MiB, 4GiB, 50% or 0.5"));
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let value: f64 = number.parse().map_err(|_| refuse())?;
    let scale = match unit.trim().to_ascii_lowercase().as_str() {
        // Nobody means a part of a byte.
        "" if value < 1.0 => total as f64,
        "" | "b" => 1.0,
        "k" | "kib" => 1024.0,
        "m" | "mib" => 1024.0 * 1024.0,
        "g" | "gib" => 1024.0 * 1024.0 * 1024.0,
        "t" | "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "%" => total as f64 / 100.0,
        _ => return Err(refuse()),
    };
    let bytes = value * scale;
    if (1.0..1e18).contains(&bytes) { Ok(bytes as u64) } else { Err(refuse()) }
}

/// Bytes of memory of this machine, or of the cgroup that holds the process if that is less.
#[must_use]
pub fn machine_memory() -> u64 {
    let of_machine = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|t| {
            t.lines().find_map(|l| l.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse().ok())
        })
        .map_or(4 << 30, |kib: u64| kib << 10);
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    group_limit(Path::new("/sys/fs/cgroup"), &groups).map_or(of_machine, |g| g.min(of_machine))
}

/// The least limit on the memory of a process in `groups`, as `/proc/self/cgroup` lists them, or of what holds those.
/// In a container, the process's own group may be the root of what is mounted.
fn group_limit(mounted: &Path, groups: &str) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let (root, file) = match controllers {
            "" => (mounted.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|c| c == "memory") => (mounted.join("memory"), "memory.limit_in_bytes"),
            _ => return None,
        };
        let own = root.join(path.trim_start_matches('/'));
        let above = own.ancestors().take_while(|folder| folder.starts_with(&root));
        above.filter_map(|folder| std::fs::read_to_string(folder.join(file)).ok()?.trim().parse::<u64>().ok()).min()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_shares() {
        let bytes = |text: &str| parse_bytes(text, 1000);
        assert_eq!(bytes("0.5").unwrap(), 500);
        assert_eq!(bytes(" 12.5 % ").unwrap(), 125);
        assert_eq!(bytes("1").unwrap(), 1);
        assert_eq!(bytes("1.5KiB").unwrap(), 1536);
        for text in ["", "0", "0%", "-1", "half", "1 MiBs", "1e5000"] {
            let error = bytes(text).unwrap_err().to_string();
            assert!(error.contains("is no size: write 512MiB, 4GiB, 50% or 0.5"), "{error}");
        }
    }

    #[test]
    fn the_tightest_group_decides() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let limit = |groups: &str| group_limit(folder.path(), groups);
        write("memory.max", "max\n");
        assert_eq!(limit("0::/user.slice/job.scope\n"), None);
        write("user.slice/memory.max", "3000\n");
        write("user.slice/job.scope/memory.max", "max\n");
        assert_eq!(limit("0::/user.slice/job.scope\n"), Some(3000));
        write("user.slice/job.scope/memory.max", "2000\n");
        assert_eq!(limit("0::/user.slice/job.scope\n"), Some(2000));
        write("memory/memory.limit_in_bytes", "9223372036854771712\n");
        write("memory/batch/7/memory.limit_in_bytes", "1000\n");
        assert_eq!(limit("12:cpu,cpuacct:/x\n4:memory:/batch/7\n0::/\n"), Some(1000));
        // The path is that of the host; what is mounted is the group itself.
        write("memory/memory.limit_in_bytes", "500\n");
        assert_eq!(limit("4:memory:/docker/abc\n"), Some(500));
    }
}
