//! Settings, measurement and fingerprints.

use clap::Parser;
use hyperslab::{Context, Error};
use ndarray::ArrayD;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The command line.
#[derive(Debug, Parser)]
pub struct Settings {
    /// `w01`, `w02`, ...
    #[arg(long)]
    pub workload: String,
    /// `small`, `medium` or `large`.
    #[arg(long, default_value = "small")]
    pub size: String,
    /// Storage format: `v2`, `v3`, `sh` or `h5`.
    #[arg(long, default_value = "v2")]
    pub fmt: String,
    /// Element type of computed inputs: `f4` or `f8`.
    #[arg(long, default_value = "f8")]
    pub dtype: String,
    /// Repetitions.
    #[arg(long, default_value_t = 1)]
    pub reps: usize,
    /// Folder of the data sets.
    #[arg(long)]
    pub data: PathBuf,
    /// Folder for results.
    #[arg(long)]
    pub out: PathBuf,
    /// Worker threads.
    #[arg(long, default_value_t = 2)]
    pub threads: usize,
    /// Limit of private writable memory.
    #[arg(long)]
    pub cap_mib: Option<u64>,
}

impl Settings {
    /// The context that a user with these settings would make.
    pub fn context(&self) -> Result<Context, Error> {
        let builder = Context::builder().threads(self.threads);
        match self.cap_mib.filter(|&m| m > 0) {
            Some(mib) => builder.memory(format!("{}MiB", mib.saturating_sub(256).max(128))),
            None => builder,
        }
        .build()
    }

    /// The path of a data set.
    pub fn path(&self, name: &str, fmt: &str) -> PathBuf {
        let ending = match fmt {
            "h5" => return self.data.join(format!("{name}_{}.nc/{name}", self.size)),
            "v3" => "v3.zarr",
            "sh" => "sh.zarr",
            _ => "v2.zarr",
        };
        self.data.join(format!("{name}_{}_{ending}", self.size))
    }

    /// One of three numbers, by size.
    pub fn pick(&self, small: usize, medium: usize, large: usize) -> usize {
        match self.size.as_str() {
            "small" => small,
            "medium" => medium,
            _ => large,
        }
    }
}

/// A workload: inputs are made before it is timed, `run` is what is timed.
pub trait Work {
    /// Does the work and gives the results.
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error>;
    /// Bytes of the inputs.
    fn bytes(&self, settings: &Settings) -> usize;
}

/// One result.
pub struct Outcome {
    /// What the peers call it.
    pub name: &'static str,
    kept: Kept,
}

/// Where a result is.
enum Kept {
    /// In memory; what is printed of it is found after the time has been taken.
    Memory(Box<dyn Print>),
    /// In a Zarr array, which the harness reads.
    Stored(PathBuf),
}

impl Outcome {
    /// A result from its array.
    pub fn new<T: Copy + Into<f64> + 'static>(name: &'static str, array: ArrayD<T>) -> Self {
        Self { name, kept: Kept::Memory(Box::new(array)) }
    }

    /// A result in a Zarr array, which the harness reads.
    pub fn stored(name: &'static str, path: &Path) -> Self {
        Self { name, kept: Kept::Stored(path.to_owned()) }
    }

    /// Shape, moments, extrema, count of what is not finite, and eight elements.
    pub fn fingerprint(&self) -> Value {
        match &self.kept {
            Kept::Memory(array) => array.print(),
            Kept::Stored(path) => json!(format!("zarr:{}", path.display())),
        }
    }
}

/// What is printed of an array, with no copy of it made.
trait Print {
    fn print(&self) -> Value;
}

impl<T: Copy + Into<f64>> Print for ArrayD<T> {
    fn print(&self) -> Value {
        let values = || self.iter().map(|&v| v.into());
        let finite = || values().filter(|v: &f64| v.is_finite());
        let count = finite().count();
        let n = count as f64;
        let mean = finite().sum::<f64>() / n;
        let variance = finite().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        let step = (self.len() / 7).max(1);
        json!({
            "shape": self.shape(), "mean": mean, "std": variance.sqrt(), "min": finite().fold(f64::INFINITY, f64::min),
            "max": finite().fold(f64::NEG_INFINITY, f64::max), "nan": self.len() - count,
            "probe": values().step_by(step).take(8).collect::<Vec<f64>>(),
        })
    }
}

fn usage() -> libc::rusage {
    // SAFETY: rusage is plain data for which zeros are a value, and getrusage fills the one it is given.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    }
}

/// Processor time of this process so far.
pub fn processor_seconds() -> f64 {
    let usage = usage();
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// The most memory that was ever resident.
pub fn peak_resident_mib() -> f64 {
    usage().ru_maxrss as f64 / 1024.0
}

/// Limits private writable memory.
pub fn cap_private_memory(mib: u64) -> std::io::Result<()> {
    let limit = libc::rlimit { rlim_cur: mib << 20, rlim_max: mib << 20 };
    // SAFETY: the limit is a valid structure for the length of the call.
    if unsafe { libc::setrlimit(libc::RLIMIT_DATA, &raw const limit) } == 0 {
        Ok(())
    } else {
        Err(std::io::Error::last_os_error())
    }
}

/// The middle one.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
