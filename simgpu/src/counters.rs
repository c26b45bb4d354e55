//! What happened, for tests to assert.

use crate::sim;
use std::ffi::c_char;

/// Counters since the start or the last reset. The order is that of [`simgpuStats`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Counters {
    /// Kernel launches.
    pub launches: u64,
    /// Copies from host to device, and their bytes.
    pub h2d: u64,
    pub h2d_bytes: u64,
    /// Copies from device to host, and their bytes.
    pub d2h: u64,
    pub d2h_bytes: u64,
    /// Copies from device to device (peers included), and their bytes.
    pub d2d: u64,
    pub d2d_bytes: u64,
    /// Allocations of device memory.
    pub allocations: u64,
    /// Bytes allocated now on all devices, and the most there were.
    pub bytes: u64,
    pub peak_bytes: u64,
    /// Calls of cuBLAS that compute.
    pub gemms: u64,
    pub memsets: u64,
    /// PTX instructions of threads that ran.
    pub instructions: u64,
    /// Modules loaded.
    pub modules: u64,
    /// Waits of the host for a device.
    pub synchronizations: u64,
    /// Bytes of pinned host memory allocated now.
    pub pinned_bytes: u64,
    /// Calls of the driver, whatever they ask for.
    pub calls: u64,
}

/// Fields of [`Counters`].
const FIELDS: usize = 17;

impl Counters {
    fn fields(&self) -> [u64; FIELDS] {
        [
            self.launches,
            self.h2d,
            self.h2d_bytes,
            self.d2h,
            self.d2h_bytes,
            self.d2d,
            self.d2d_bytes,
            self.allocations,
            self.bytes,
            self.peak_bytes,
            self.gemms,
            self.memsets,
            self.instructions,
            self.modules,
            self.synchronizations,
            self.pinned_bytes,
            self.calls,
        ]
    }
}

/// The version of the stand-in; a driver without this symbol is a real one.
#[unsafe(no_mangle)]
pub extern "C" fn simgpuVersion() -> u32 {
    1
}

/// Writes the first `n` counters to `out`, in the order of [`Counters`]; gives how many there are.
///
/// # Safety
/// `out` points to `n` writable words, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn simgpuStats(out: *mut u64, n: usize) -> usize {
    let fields = sim::lock().counters.fields();
    if !out.is_null() {
        for (i, value) in fields.iter().enumerate().take(n) {
            // SAFETY: the caller's promise.
            unsafe { out.add(i).write(*value) };
        }
    }
    FIELDS
}

/// Kernel launches on one device; 0 for one that there is not.
#[unsafe(no_mangle)]
pub extern "C" fn simgpuLaunchesOf(device: usize) -> u64 {
    sim::lock().devices.get(device).map_or(0, |device| device.launches)
}

/// Sets the counters back to 0; the peak to the bytes allocated now.
#[unsafe(no_mangle)]
pub extern "C" fn simgpuReset() {
    let mut sim = sim::lock();
    sim.devices.iter_mut().for_each(|device| device.launches = 0);
    let counters = &mut sim.counters;
    let (bytes, pinned_bytes) = (counters.bytes, counters.pinned_bytes);
    *counters = Counters { bytes, peak_bytes: bytes, pinned_bytes, ..Counters::default() };
}

/// Copies the description of the last fault to `out`, at most `n` bytes with the zero at the end; gives its length.
///
/// # Safety
/// `out` points to `n` writable bytes, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn simgpuLastError(out: *mut c_char, n: usize) -> usize {
    let text = sim::lock().last_error.clone();
    if !out.is_null() && n > 0 {
        let length = text.len().min(n - 1);
        // SAFETY: the caller's promise; `length` bytes and a zero fit.
        unsafe {
            std::ptr::copy_nonoverlapping(text.as_ptr(), out.cast(), length);
            out.add(length).write(0);
        }
    }
    text.len()
}
