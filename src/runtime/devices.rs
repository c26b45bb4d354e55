//! The devices of a context: found by name, given to threads.

use super::knobs::Knobs;
#[cfg(feature = "cuda")]
use super::knobs::parse_bytes;
use crate::device::{Device, Stream};
use crate::error::{Error, Result};
#[cfg(feature = "cuda")]
use std::path::PathBuf;
use std::sync::Arc;

/// A device and a stream of it.
pub(crate) type Lane<'a> = (&'a Arc<dyn Device>, Stream);

/// `device`, with the stream of the thread that is number `turn` of those that use it.
pub(super) fn stream_of(device: &Arc<dyn Device>, turn: usize) -> Lane<'_> {
    (device, Stream(turn % device.streams().max(1)))
}

/// The devices of this name; none for the CPU itself.
pub(super) fn find_devices(name: &str, knobs: &Knobs) -> Result<Vec<Arc<dyn Device>>> {
    let refuse = |why: &str| Err(Error::argument("device", format!("`{name}` {why}")));
    let (kind, numbers) = name.split_once(':').map_or((name, None), |(kind, numbers)| (kind, Some(numbers)));
    let ordinals: Vec<usize> = match (kind, numbers) {
        ("cpu" | "auto", None) => Vec::new(),
        ("cuda", None) => vec![0],
        // Where there is none, the first says why.
        ("cuda", Some("all")) => (0..gpus().max(1)).collect(),
        ("cuda", Some(list)) => {
            let number = |text: &str| text.trim().trim_start_matches("cuda:").parse().ok();
            match list.split(',').map(number).collect::<Option<Vec<usize>>>() {
                Some(ordinals) => ordinals,
                None => return refuse("is no device: GPUs have numbers, as in cuda:1 or cuda:0,1"),
            }
        }
        _ => return refuse("is no device: write cpu, cuda, cuda:1, cuda:0,1, cuda:all or auto"),
    };
    if let Some(twice) = ordinals.iter().enumerate().find_map(|(i, n)| ordinals[..i].contains(n).then_some(n)) {
        return refuse(&format!("names GPU {twice} twice"));
    }
    ordinals.into_iter().map(|ordinal| cuda(ordinal, knobs)).collect()
}

/// The number of GPUs.
fn gpus() -> usize {
    #[cfg(feature = "cuda")]
    return crate::cuda::device::CudaDevice::count();
    #[cfg(not(feature = "cuda"))]
    return 0;
}

#[cfg(not(feature = "cuda"))]
fn cuda(ordinal: usize, _knobs: &Knobs) -> Result<Arc<dyn Device>> {
    Err(Error::device(format!("cuda:{ordinal}"), "this build has no CUDA; build it with the feature `cuda`"))
}

#[cfg(feature = "cuda")]
fn cuda(ordinal: usize, knobs: &Knobs) -> Result<Arc<dyn Device>> {
    let mut device = crate::cuda::device::CudaDevice::new(ordinal)?;
    if let Some(folder) = knobs.kernel_cache.clone().or_else(cache_folder) {
        device = device.kernel_cache(folder);
    }
    if let Some(size) = &knobs.device_memory {
        let bytes = parse_bytes(size, device.budget().unwrap_or(0))?;
        device = device.memory(bytes)?;
    }
    Ok(Arc::new(device))
}

/// Where users keep what can be made again.
#[cfg(feature = "cuda")]
fn cache_folder() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|v| !v.is_empty()).map(PathBuf::from).or_else(home)?;
    Some(cache.join("hyperslab").join("kernels"))
}
