//! The driver's functions.
//!
//! Each is a thin wrapper: [`call`] locks the state, turns results into codes and stops panics at the border.

mod context;
mod copy;
mod device;
mod error;
mod event;
mod launch;
mod memory;
mod module;
mod pool;
mod stream;

use crate::sim::{self, Sim};
use crate::status::{Result, Status};
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Where a caller wants a result.
#[derive(Debug)]
#[repr(transparent)]
pub struct Out<T>(*mut T);

impl<T> Out<T> {
    /// Writes the result.
    ///
    /// # Errors
    /// The caller gave no place.
    pub fn set(&self, value: T) -> Result<()> {
        if self.0.is_null() {
            return Err(Status::InvalidValue);
        }
        // SAFETY: the driver's interface obliges callers to pass a place for a `T`.
        unsafe { self.0.write(value) };
        Ok(())
    }

    /// As [`Out::set`], nothing where the caller wants none.
    pub fn set_if_wanted(&self, value: T) {
        let _ = self.set(value);
    }

    pub fn pointer(&self) -> *mut T {
        self.0
    }
}

/// A caller's string.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct Text(*const c_char);

impl Text {
    pub fn get(&self) -> Result<String> {
        if self.0.is_null() {
            return Err(Status::InvalidValue);
        }
        // SAFETY: the driver's interface obliges callers to pass a string that ends with a zero.
        Ok(unsafe { CStr::from_ptr(self.0) }.to_string_lossy().into_owned())
    }
}

thread_local! {
    /// Contexts that are current to the thread; the last is the one in use.
    static CONTEXTS: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    /// Whether the thread runs a host function of a stream, which may not call the driver.
    static IN_CALLBACK: Cell<bool> = const { Cell::new(false) };
}

/// Contexts are numbered from here.
const CONTEXT: usize = 0xc0de_0000;

/// The handle of a device's context.
pub fn context_of(device: usize) -> usize {
    CONTEXT + 16 * (device + 1)
}

/// The device of a context.
pub fn device_of(context: usize) -> Result<usize> {
    let device = context.checked_sub(CONTEXT + 16).ok_or(Status::InvalidContext)? / 16;
    if device < 16 { Ok(device) } else { Err(Status::InvalidContext) }
}

/// The device of the current context.
pub fn current() -> Result<usize> {
    CONTEXTS.with_borrow(|all| all.last().copied()).ok_or(Status::InvalidContext).and_then(device_of)
}

/// The stream that a handle means: 0, 1 and 2 are the default stream of the current context.
pub fn stream(sim: &Sim, handle: usize) -> Result<usize> {
    if handle <= 2 {
        return Ok(Sim::null_stream(current()?));
    }
    if sim.streams.contains_key(&handle) { Ok(handle) } else { Err(Status::InvalidHandle) }
}

/// Runs the body of a driver function.
pub fn call(body: impl FnOnce(&mut Sim) -> Result<()>) -> u32 {
    if IN_CALLBACK.get() {
        eprintln!("simgpu: a host function of a stream calls the driver");
        return Status::NotPermitted as u32;
    }
    let counted = |mut sim: std::sync::MutexGuard<'_, Sim>| {
        sim.counters.calls += 1;
        body(&mut sim)
    };
    match catch_unwind(AssertUnwindSafe(|| counted(sim::lock()))) {
        Ok(Ok(())) => 0,
        Ok(Err(status)) => status as u32,
        Err(_) => {
            eprintln!("simgpu: a fault of the stand-in itself");
            Status::Unknown as u32
        }
    }
}

/// Declares driver functions.
macro_rules! driver {
    ($(fn $name:ident($($arg:ident: $ty:ty),* $(,)?) |$sim:pat_param| $body:block)*) => {$(
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($arg: $ty),*) -> u32 {
            $crate::api::call(|$sim| $body)
        }
    )*};
}
use driver;
