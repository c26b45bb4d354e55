//! Every environment variable that hyperslab reads, once, when a context is built.
//!
//! | variable | default | meaning |
//! |---|---|---|
//! | `HYPERSLAB_THREADS` | all processors | worker threads |
//! | `HYPERSLAB_MEMORY` | 60 % of the machine or its cgroup | byte budget, as `4GiB` or `50%` |
//! | `HYPERSLAB_DEVICE` | `auto` | `cpu`, `cuda`, `cuda:1`, `auto` |
//! | `HYPERSLAB_SPILL` | `TMPDIR`, else `/var/tmp` | folder for intermediate results that do not fit into memory |
//! | `HYPERSLAB_BLOCK_BYTES` | none | cap on the planner's blocks, in bytes |
//! | `HYPERSLAB_DEVICE_MEMORY` | 90 % of what is free | bytes of a GPU for blocks, as `4GiB` or `50%` |
//! | `HYPERSLAB_KERNEL_CACHE` | `hyperslab/kernels` in `XDG_CACHE_HOME`, else in `~/.cache` | folder of compiled kernels |

use crate::error::{Error, Result};
use std::path::PathBuf;

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

/// The bytes that `text` means: `1000`, `512MiB`, `2 GB`, or a share of `total` such as `50%`.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) when it is none of these.
///
/// ```
/// use hyperslab::runtime::knobs::parse_bytes;
/// assert_eq!(parse_bytes("512MiB", 0).unwrap(), 512 << 20);
/// assert_eq!(parse_bytes("25%", 4000).unwrap(), 1000);
/// assert!(parse_bytes("lots", 0).is_err());
/// ```
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "sizes people write"
)]
pub fn parse_bytes(text: &str, total: u64) -> Result<u64> {
    let refuse = || Error::argument("memory", format!("`{text}` is no size: write 512MiB, 4GiB or 50%"));
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let value: f64 = number.parse().map_err(|_| refuse())?;
    let scale = match unit.trim().to_ascii_lowercase().as_str() {
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
    let limit = |path: &str| std::fs::read_to_string(path).ok().and_then(|t| t.trim().parse::<u64>().ok());
    let of_group = limit("/sys/fs/cgroup/memory.max").or_else(|| limit("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
    of_group.map_or(of_machine, |g| g.min(of_machine))
}
