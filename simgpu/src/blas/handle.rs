//! Handles, and calls over matrices in stream order.

use super::types::{Element, Number};
use crate::api;
use crate::queue::Task;
use crate::sim::{self, Sim};
use crate::status::Status;
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A `cublasStatus_t` other than success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Failure {
    NotInitialized = 1,
    InvalidValue = 7,
    ExecutionFailed = 13,
    InternalError = 14,
    NotSupported = 15,
}

impl From<Status> for Failure {
    fn from(_: Status) -> Self {
        Self::ExecutionFailed
    }
}

pub type Done = Result<(), Failure>;

/// What a handle points to.
#[derive(Debug, Default)]
pub struct Handle {
    stream: usize,
    device_scalars: bool,
    math: c_uint,
}

/// Runs the body of a cuBLAS function.
pub fn call(body: impl FnOnce() -> Done) -> u32 {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => 0,
        Ok(Err(failure)) => failure as u32,
        Err(_) => {
            eprintln!("simgpu: a fault of the stand-in itself");
            Failure::InternalError as u32
        }
    }
}

/// The handle that a caller gave.
pub fn handle<'a>(at: *mut Handle) -> Result<&'a mut Handle, Failure> {
    // SAFETY: callers pass what `cublasCreate_v2` gave, and use a handle on one thread at a time.
    unsafe { at.as_mut() }.ok_or(Failure::NotInitialized)
}

/// A scalar factor: a value, or the device address of one.
#[derive(Debug, Clone, Copy)]
pub enum Scalar {
    Value(Number),
    Device(u64, Element),
}

impl Scalar {
    pub fn get(self, sim: &mut Sim) -> Result<Number, Status> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Device(at, element) => {
                let bytes = element.bytes();
                let from = sim.device_range(at, bytes, "a scalar of cuBLAS")?;
                // SAFETY: `device_range` checked the element.
                Ok(element.get(unsafe { std::slice::from_raw_parts(from, bytes) }, 0))
            }
        }
    }
}

impl Handle {
    /// The scalar that a caller gave.
    pub fn scalar(&self, at: *const c_void, element: Element) -> Result<Scalar, Failure> {
        if at.is_null() {
            return Err(Failure::InvalidValue);
        }
        if self.device_scalars {
            return Ok(Scalar::Device(at as u64, element));
        }
        // SAFETY: in this mode the caller gave a host pointer to a scalar of the type.
        let bytes = unsafe { std::slice::from_raw_parts(at.cast::<u8>(), element.bytes()) };
        Ok(Scalar::Value(element.get(bytes, 0)))
    }

    /// Queues work on the handle's stream.
    pub fn push(&self, work: impl FnOnce(&mut Sim) -> Result<(), Status> + Send + 'static) -> Done {
        let mut sim = sim::lock();
        let stream = api::stream(&sim, self.stream)?;
        sim.counters.gemms += 1;
        if !sim.config.dry {
            sim.push(stream, Task::Run(Box::new(work)))?;
        }
        Ok(())
    }
}

/// Reports a refused call.
pub fn refuse<T>(why: &str) -> Result<T, Failure> {
    sim::lock().report(why);
    Err(Failure::InvalidValue)
}

/// A matrix in device memory, column after column.
#[derive(Debug, Clone, Copy)]
pub struct Matrix {
    pub at: u64,
    pub element: Element,
    pub rows: usize,
    pub columns: usize,
    pub leading: usize,
}

impl Matrix {
    /// A matrix that a caller described, its leading dimension checked.
    pub fn new(what: &str, at: u64, element: Element, rows: i64, columns: i64, leading: i64) -> Result<Self, Failure> {
        let size = |n: i64| usize::try_from(n).ok();
        match (size(rows), size(columns), size(leading)) {
            (Some(rows), Some(columns), Some(leading)) if leading >= rows.max(1) => {
                Ok(Self { at, element, rows, columns, leading })
            }
            _ => refuse(&format!("cuBLAS: {what} of {rows} x {columns} with leading dimension {leading}")),
        }
    }

    /// Elements from the first to the last.
    fn extent(&self) -> usize {
        if self.rows == 0 || self.columns == 0 { 0 } else { (self.columns - 1) * self.leading + self.rows }
    }

    /// The same matrix `elements` elements further.
    pub fn shifted(&self, elements: i64) -> Self {
        Self { at: self.at.wrapping_add_signed(elements.wrapping_mul(self.element.bytes() as i64)), ..*self }
    }

    /// All its values, column after column; each element must lie in one live allocation.
    pub fn read(&self, sim: &mut Sim, what: &str) -> Result<Vec<Number>, Status> {
        let bytes = self.extent() * self.element.bytes();
        if bytes == 0 {
            return Ok(Vec::new());
        }
        let from = sim.device_range(self.at, bytes, what)?;
        // SAFETY: `device_range` checked so many bytes.
        let from = unsafe { std::slice::from_raw_parts(from, bytes) };
        let mut out = Vec::with_capacity(self.rows * self.columns);
        for column in 0..self.columns {
            out.extend((0..self.rows).map(|row| self.element.get(from, column * self.leading + row)));
        }
        Ok(out)
    }

    /// Sets the elements for which `f` gives a value.
    pub fn write(&self, sim: &mut Sim, what: &str, f: impl Fn(usize, usize) -> Option<Number>) -> Result<(), Status> {
        let bytes = self.extent() * self.element.bytes();
        if bytes == 0 {
            return Ok(());
        }
        let to = sim.device_range(self.at, bytes, what)?;
        // SAFETY: `device_range` checked so many bytes.
        let to = unsafe { std::slice::from_raw_parts_mut(to, bytes) };
        for column in 0..self.columns {
            for row in 0..self.rows {
                if let Some(value) = f(row, column) {
                    self.element.put(to, column * self.leading + row, value);
                }
            }
        }
        Ok(())
    }
}

/// Declares cuBLAS functions.
macro_rules! cublas {
    ($(fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $body:block)*) => {$(
        #[unsafe(no_mangle)]
        #[allow(clippy::too_many_arguments, reason = "cuBLAS' interface")]
        pub extern "C" fn $name($($arg: $ty),*) -> u32 {
            $crate::blas::handle::call(|| $body)
        }
    )*};
}
pub(super) use cublas;

cublas! {
    fn cublasCreate_v2(to: *mut *mut Handle) {
        if to.is_null() {
            return Err(Failure::InvalidValue);
        }
        // SAFETY: the caller gave a place for a handle.
        unsafe { to.write(Box::into_raw(Box::default())) };
        Ok(())
    }
    fn cublasDestroy_v2(at: *mut Handle) {
        handle(at)?;
        // SAFETY: made by `cublasCreate_v2`; the caller does not use it again.
        drop(unsafe { Box::from_raw(at) });
        Ok(())
    }
    fn cublasSetStream_v2(at: *mut Handle, stream: usize) {
        handle(at)?.stream = stream;
        Ok(())
    }
    fn cublasGetStream_v2(at: *mut Handle, stream: *mut usize) {
        let found = handle(at)?.stream;
        // SAFETY: the caller gave a place.
        unsafe { stream.write(found) };
        Ok(())
    }
    fn cublasSetWorkspace_v2(at: *mut Handle, workspace: u64, bytes: usize) {
        handle(at)?;
        let mut sim = sim::lock();
        if bytes > 0 {
            sim.device_range(workspace, bytes, "a workspace of cuBLAS").map_err(|_| Failure::InvalidValue)?;
        }
        Ok(())
    }
    fn cublasSetMathMode(at: *mut Handle, mode: c_uint) {
        handle(at)?.math = mode;
        Ok(())
    }
    fn cublasGetMathMode(at: *mut Handle, mode: *mut c_uint) {
        let found = handle(at)?.math;
        // SAFETY: the caller gave a place.
        unsafe { mode.write(found) };
        Ok(())
    }
    fn cublasSetPointerMode_v2(at: *mut Handle, mode: c_uint) {
        handle(at)?.device_scalars = mode == 1;
        Ok(())
    }
    fn cublasGetPointerMode_v2(at: *mut Handle, mode: *mut c_uint) {
        let found = c_uint::from(handle(at)?.device_scalars);
        // SAFETY: the caller gave a place.
        unsafe { mode.write(found) };
        Ok(())
    }
    fn cublasSetAtomicsMode(at: *mut Handle, _mode: c_uint) { handle(at).map(|_| ()) }
    fn cublasGetVersion_v2(_at: *mut Handle, version: *mut c_int) {
        // SAFETY: the caller gave a place.
        unsafe { version.write(130_000) };
        Ok(())
    }
}

/// `cublasGetStatusString` and its like.
fn status_text(status: c_uint) -> *const c_char {
    match status {
        0 => c"CUBLAS_STATUS_SUCCESS",
        1 => c"CUBLAS_STATUS_NOT_INITIALIZED",
        7 => c"CUBLAS_STATUS_INVALID_VALUE",
        13 => c"CUBLAS_STATUS_EXECUTION_FAILED",
        15 => c"CUBLAS_STATUS_NOT_SUPPORTED",
        _ => c"CUBLAS_STATUS_INTERNAL_ERROR",
    }
    .as_ptr()
}

#[unsafe(no_mangle)]
pub extern "C" fn cublasGetStatusName(status: c_uint) -> *const c_char {
    status_text(status)
}

#[unsafe(no_mangle)]
pub extern "C" fn cublasGetStatusString(status: c_uint) -> *const c_char {
    status_text(status)
}
