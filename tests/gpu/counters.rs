//! The counters of the stand-in for the driver.

use std::ffi::{CStr, c_void};

/// What happened since the last reset, in the order of the stand-in's counters.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct Counters {
    pub launches: u64,
    pub h2d: u64,
    pub h2d_bytes: u64,
    pub d2h: u64,
    pub d2h_bytes: u64,
    pub d2d: u64,
    pub d2d_bytes: u64,
    pub allocations: u64,
    pub bytes: u64,
    pub peak_bytes: u64,
    pub gemms: u64,
    pub memsets: u64,
    pub instructions: u64,
    pub modules: u64,
    pub synchronizations: u64,
    pub pinned_bytes: u64,
    pub calls: u64,
}

const FIELDS: usize = std::mem::size_of::<Counters>() / 8;

/// The stand-in's own functions.
#[derive(Clone, Copy)]
pub struct Simulator {
    stats: unsafe extern "C" fn(*mut u64, usize) -> usize,
    reset: extern "C" fn(),
    launches_of: extern "C" fn(usize) -> u64,
}

fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the library is looked for among those that are loaded already, and stays loaded.
    let found = unsafe {
        let library = libc::dlopen(c"libcuda.so".as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD);
        if library.is_null() { library } else { libc::dlsym(library, name.as_ptr()) }
    };
    (!found.is_null()).then_some(found)
}

impl Simulator {
    /// The driver, where it is the stand-in; says so where it is a real one. It has been loaded by then.
    pub fn find() -> Option<Self> {
        let (Some(stats), Some(reset), Some(launches_of)) =
            (symbol(c"simgpuStats"), symbol(c"simgpuReset"), symbol(c"simgpuLaunchesOf"))
        else {
            eprintln!("skipped: a real driver counts nothing");
            return None;
        };
        // SAFETY: these are the types of the stand-in's symbols.
        unsafe {
            Some(Self {
                stats: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut u64, usize) -> usize>(stats),
                reset: std::mem::transmute::<*mut c_void, extern "C" fn()>(reset),
                launches_of: std::mem::transmute::<*mut c_void, extern "C" fn(usize) -> u64>(launches_of),
            })
        }
    }

    /// The counters now.
    pub fn counters(self) -> Counters {
        let mut out = Counters::default();
        // SAFETY: the structure is as many words as are asked for.
        let known = unsafe { (self.stats)((&raw mut out).cast(), FIELDS) };
        assert!(known >= FIELDS);
        out
    }

    /// What `work` does.
    pub fn during<T>(self, work: impl FnOnce() -> T) -> (T, Counters) {
        (self.reset)();
        let done = work();
        (done, self.counters())
    }

    /// Launches on one GPU since the last reset.
    pub fn launches_of(self, device: usize) -> u64 {
        (self.launches_of)(device)
    }
}
