//! CUDA C to machine code, by NVRTC at run time.
//!
//! Products and sums are never contracted (`--fmad=false`), so that `+ - * /` give the CPU's bits.

use super::cache;
use crate::error::{Error, Result};
use cudarc::nvrtc::{result, sys};
use std::ffi::{CStr, CString};
use std::path::Path;

/// What code is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Machine code of this architecture (`90` for compute capability 9.0).
    Sm(i32),
    /// PTX that newer architectures run, too.
    Ptx(i32),
}

impl Target {
    /// The best target that this NVRTC has for a device of this compute capability.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) where NVRTC knows no architecture that the device runs.
    pub fn of(capability: i32) -> Result<Self> {
        let known = architectures()?;
        if known.contains(&capability) {
            return Ok(Self::Sm(capability));
        }
        let older = known.iter().copied().filter(|&a| a < capability).max();
        older
            .map(Self::Ptx)
            .ok_or_else(|| fault(format!("NVRTC compiles for {known:?}, the device is sm_{capability}")))
    }

    /// The options that compile for it.
    #[must_use]
    pub fn options(self) -> Vec<String> {
        let architecture = match self {
            Self::Sm(a) => format!("--gpu-architecture=sm_{a}"),
            Self::Ptx(a) => format!("--gpu-architecture=compute_{a}"),
        };
        vec![architecture, "--std=c++17".to_owned(), "--fmad=false".to_owned()]
    }
}

/// What the compiler gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// A cubin, or PTX text that ends with a zero byte.
    pub image: Vec<u8>,
    /// What the compiler said.
    pub log: String,
}

fn fault(why: impl Into<String>) -> Error {
    Error::device("cuda", why)
}

/// Whether NVRTC is on this machine.
#[must_use]
pub fn is_available() -> bool {
    // SAFETY: only looks for the library by its usual names.
    unsafe { sys::is_culib_present() }
}

fn require() -> Result<()> {
    if is_available() { Ok(()) } else { Err(fault("no NVRTC (libnvrtc) on this machine: kernels cannot be compiled")) }
}

/// The architectures that NVRTC compiles for, ascending.
///
/// # Errors
/// [`Device`](crate::ErrorKind::Device) where NVRTC is missing.
pub fn architectures() -> Result<Vec<i32>> {
    require()?;
    let mut count = 0;
    // SAFETY: the library is present; `count` is written.
    unsafe { sys::nvrtcGetNumSupportedArchs(&raw mut count) }.result().map_err(|e| fault(e.to_string()))?;
    let mut list = vec![0; usize::try_from(count).unwrap_or(0)];
    // SAFETY: the list has room for the number of architectures just asked for.
    unsafe { sys::nvrtcGetSupportedArchs(list.as_mut_ptr()) }.result().map_err(|e| fault(e.to_string()))?;
    Ok(list)
}

/// The version of NVRTC.
///
/// # Errors
/// As [`architectures`].
pub fn version() -> Result<(i32, i32)> {
    require()?;
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the library is present; both numbers are written.
    unsafe { sys::nvrtcVersion(&raw mut major, &raw mut minor) }.result().map_err(|e| fault(e.to_string()))?;
    Ok((major, minor))
}

/// An NVRTC program, destroyed when dropped.
struct Source(sys::nvrtcProgram);

impl Drop for Source {
    fn drop(&mut self) {
        // SAFETY: created in `compile`, which is its only owner.
        let _ = unsafe { result::destroy_program(self.0) };
    }
}

/// Compiles `source` (prelude included) with the target's options and `more`.
///
/// # Errors
/// [`Device`](crate::ErrorKind::Device) where NVRTC is missing or refuses the code, with its log.
pub fn compile(source: &str, target: Target, more: &[&str]) -> Result<Compiled> {
    require()?;
    let text = CString::new(source).map_err(|_| Error::bug("generated code has no zero byte"))?;
    let program = result::create_program(&text, Some(c"hyperslab.cu")).map_err(|e| fault(e.to_string()))?;
    let program = Source(program);
    let mut options = target.options();
    options.extend(more.iter().map(ToString::to_string));
    // SAFETY: the program was created above and is not destroyed yet; so for the calls below.
    let done = unsafe { result::compile_program(program.0, &options) };
    // SAFETY: as above.
    let log = unsafe { result::get_program_log(program.0) }.map(|log| {
        // SAFETY: NVRTC ends its log with a zero byte.
        unsafe { CStr::from_ptr(log.as_ptr()) }.to_string_lossy().into_owned()
    });
    let log = log.unwrap_or_default();
    done.map_err(|e| fault(format!("NVRTC refused a generated kernel ({e}):\n{log}")))?;
    let mut size = 0usize;
    let mut image;
    // SAFETY: the sizes are those that the library reports for this program.
    let copied = unsafe {
        match target {
            Target::Sm(_) => {
                sys::nvrtcGetCUBINSize(program.0, &raw mut size).result().map_err(|e| fault(e.to_string()))?;
                image = vec![0u8; size];
                sys::nvrtcGetCUBIN(program.0, image.as_mut_ptr().cast())
            }
            Target::Ptx(_) => {
                sys::nvrtcGetPTXSize(program.0, &raw mut size).result().map_err(|e| fault(e.to_string()))?;
                image = vec![0u8; size];
                sys::nvrtcGetPTX(program.0, image.as_mut_ptr().cast())
            }
        }
    };
    copied.result().map_err(|e| fault(e.to_string()))?;
    Ok(Compiled { image, log })
}

/// As [`compile`], through the cache in `folder`.
///
/// # Errors
/// As [`compile`].
pub fn compile_cached(source: &str, target: Target, folder: Option<&Path>) -> Result<Vec<u8>> {
    let Some(folder) = folder else { return Ok(compile(source, target, &[])?.image) };
    let version = format!("{:?}", version()?);
    let options = target.options().join(" ");
    let key = cache::hash([source.as_bytes(), options.as_bytes(), version.as_bytes()]);
    if let Some(image) = cache::read(folder, key) {
        return Ok(image);
    }
    let image = compile(source, target, &[])?.image;
    cache::write(folder, key, &image);
    Ok(image)
}
