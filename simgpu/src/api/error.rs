//! Names of errors.

use super::Out;
use crate::status::{Status, describe};
use std::ffi::{c_char, c_int};

/// `cuGetErrorName`, without the lock: it is called while an error is reported.
#[unsafe(no_mangle)]
pub extern "C" fn cuGetErrorName(code: u32, name: Out<*const c_char>) -> u32 {
    match describe(code) {
        Some((symbol, _)) => {
            name.set_if_wanted(symbol.as_ptr());
            0
        }
        None => Status::InvalidValue as u32,
    }
}

/// `cuGetErrorString`.
#[unsafe(no_mangle)]
pub extern "C" fn cuGetErrorString(code: u32, text: Out<*const c_char>) -> u32 {
    match describe(code) {
        Some((_, found)) => {
            text.set_if_wanted(found.as_ptr());
            0
        }
        None => Status::InvalidValue as u32,
    }
}

/// `cuDriverGetVersion`: that of the bindings the project is built with.
#[unsafe(no_mangle)]
pub extern "C" fn cuDriverGetVersion(version: Out<c_int>) -> u32 {
    version.set(13000).map_or_else(|s| s as u32, |()| 0)
}
