//! Decoders of ours as filters of the library, for what it reads itself.

use super::{Res, checked, dataset};
use hdf5::sync::sync;
use hdf5_sys::{h5, h5z};
use std::ffi::{c_int, c_uint, c_void};

/// What decodes the chunks of a registered filter.
pub(in super::super) trait Decoder {
    /// The registered number.
    const ID: c_int;

    /// The bytes that `stored` holds, given the filter's values. Does not panic.
    fn decode(values: &[u32], stored: &[u8]) -> Res<Vec<u8>>;
}

/// Gives the library a decoder, where it has none.
pub(in super::super) fn offer<D: Decoder>() -> Res<()> {
    if dataset::filter_available(D::ID) {
        return Ok(());
    }
    let class = h5z::H5Z_class2_t {
        version: h5z::H5Z_CLASS_T_VERS.cast_signed(),
        id: D::ID,
        // Without one, no dataset with this filter could be made, although its chunks come packed.
        encoder_present: 1,
        decoder_present: 1,
        name: c"hyperslab".as_ptr(),
        can_apply: None,
        set_local: None,
        filter: Some(call::<D>),
    };
    checked(|| h5!(h5z::H5Zregister((&raw const class).cast()))).map(drop)
}

/// The library's call: replaces the buffer by what it holds, and answers with the number of bytes, or 0 where it fails.
unsafe extern "C" fn call<D: Decoder>(
    flags: c_uint,
    count: usize,
    values: *const c_uint,
    bytes: usize,
    size: *mut usize,
    buffer: *mut *mut c_void,
) -> usize {
    if flags & h5z::H5Z_FLAG_REVERSE == 0 || size.is_null() || buffer.is_null() || (values.is_null() && count > 0) {
        return 0;
    }
    // SAFETY: the library passes `count` values and a buffer of its own that holds `bytes` bytes; the new one comes
    // from its allocator and has room for what is copied, and the old one is freed once, when nothing refers to it any
    // more.
    unsafe {
        if (*buffer).is_null() {
            return 0;
        }
        let values = if count == 0 { &[] } else { std::slice::from_raw_parts(values, count) };
        let Ok(decoded) = D::decode(values, std::slice::from_raw_parts((*buffer).cast(), bytes)) else { return 0 };
        let new = h5::H5allocate_memory(decoded.len().max(1), 0);
        if new.is_null() {
            return 0;
        }
        std::ptr::copy_nonoverlapping(decoded.as_ptr(), new.cast(), decoded.len());
        h5::H5free_memory(*buffer);
        (*buffer, *size) = (new, decoded.len());
        decoded.len()
    }
}
