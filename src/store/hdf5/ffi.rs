//! Calls into libhdf5: this module (and its folder) is the only part of the format with `unsafe`.
//!
//! libhdf5 is not thread-safe. Every call goes through [`h5`], which takes the library's (re-entrant) lock, initialises
//! the library and silences its printing of errors; [`locked`] holds the lock over several calls. An [`Id`] owns one
//! reference to an object of the library. Failures are texts from the library's error stack.

use crate::store::input::Input;
use hdf5::sync::sync;
use hdf5_sys::h5::{H5_index_t, H5_iter_order_t, herr_t};
use hdf5_sys::h5i::{H5I_type_t, hid_t};
use hdf5_sys::h5p::H5P_DEFAULT;
use hdf5_sys::h5t::H5T_cset_t;
use hdf5_sys::{h5d, h5e, h5f, h5g, h5i, h5l, h5o, h5p};
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::null_mut;
use std::sync::Arc;

/// One call under the lock.
///
/// SAFETY, of each use: ids come from [`Id`]s (or the library's constants) that outlive the call; pointers come from
/// slices, C strings and locals that do, with their lengths beside them or checked in the calling function.
macro_rules! h5 {
    ($call:expr) => {
        sync(|| {
            // SAFETY: as the macro's documentation says.
            unsafe { $call }
        })
    };
}

pub(super) mod types;
pub(super) mod attribute;
pub(super) mod dataset;
pub(super) mod filter;
mod driver;

pub(super) use driver::watched;

/// What a call yields, or the library's words.
pub(super) type Res<T> = Result<T, String>;

/// Runs `work` with the lock of the library held.
pub(super) fn locked<T>(work: impl FnOnce() -> T) -> T {
    sync(work)
}

/// An object of the library: a file, group, dataset, type, ...
#[derive(Debug)]
pub(super) struct Id(hid_t);

impl Drop for Id {
    fn drop(&mut self) {
        h5!(h5i::H5Idec_ref(self.0));
    }
}

fn own(raw: impl FnOnce() -> hid_t) -> Res<Id> {
    sync(|| {
        let raw = raw();
        if raw < 0 { Err(last_error()) } else { Ok(Id(raw)) }
    })
}

/// A non-negative status or count, or the error.
fn checked(raw: impl FnOnce() -> c_int) -> Res<usize> {
    sync(|| usize::try_from(raw()).map_err(|_| last_error()))
}

/// The innermost and the outermost message of the error stack.
fn last_error() -> String {
    unsafe extern "C" fn collect(_: c_uint, frame: *const h5e::H5E_error2_t, data: *mut c_void) -> herr_t {
        // SAFETY: the library passes a valid frame; `data` is the vector below, alive during the walk.
        unsafe {
            let texts = &mut *data.cast::<Vec<String>>();
            if let Some(frame) = frame.as_ref() {
                texts.push(text(frame.desc));
            }
        }
        0
    }
    let mut texts: Vec<String> = Vec::new();
    let data = (&raw mut texts).cast();
    h5!(h5e::H5Ewalk2(h5e::H5E_DEFAULT, h5e::H5E_direction_t::H5E_WALK_UPWARD, Some(collect), data));
    match texts.as_slice() {
        [] => "libhdf5 gives no reason".to_owned(),
        [one] => one.clone(),
        [first, .., last] => format!("{last}: {first}"),
    }
}

fn text(from: *const c_char) -> String {
    if from.is_null() {
        return String::new();
    }
    // SAFETY: a C string of the library, valid while the lock is held.
    unsafe { CStr::from_ptr(from) }.to_string_lossy().into_owned()
}

/// A C string of the library that the caller must free.
fn owned_text(from: *mut c_char) -> Option<Vec<u8>> {
    if from.is_null() {
        return None;
    }
    sync(|| {
        // SAFETY: a C string allocated by the library; freed once, after the copy.
        unsafe {
            let bytes = CStr::from_ptr(from).to_bytes().to_vec();
            hdf5_sys::h5::H5free_memory(from.cast());
            Some(bytes)
        }
    })
}

/// Calls a function that fills a buffer with a name and returns its length.
fn name_of(get: impl Fn(*mut c_char, usize) -> isize) -> Option<Vec<u8>> {
    sync(|| {
        let len = usize::try_from(get(null_mut(), 0)).ok().filter(|&n| n > 0 && n < 1 << 16)?;
        let mut bytes = vec![0u8; len + 1];
        get(bytes.as_mut_ptr().cast(), bytes.len());
        bytes.truncate(len);
        Some(bytes)
    })
}

/// A name as the library takes it.
pub(super) fn c_name(name: &str) -> Res<CString> {
    CString::new(name).map_err(|_| format!("the name `{}` holds a zero byte", name.escape_default()))
}

fn c_path(path: &Path) -> Res<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| "the path holds a zero byte".to_owned())
}

fn file_access() -> Res<Id> {
    let list = own(|| h5!(h5p::H5Pcreate(*h5p::H5P_CLS_FILE_ACCESS)))?;
    checked(|| h5!(h5p::H5Pset_file_locking(list.0, 0, 1)))?;
    Ok(list)
}

/// Opens a file without locking it; where somebody else in this process has it open with locks, as they do.
pub(super) fn open_file(path: &Path, write: bool) -> Res<Id> {
    let (name, access) = (c_path(path)?, file_access()?);
    let flags = if write { h5f::H5F_ACC_RDWR } else { h5f::H5F_ACC_RDONLY };
    own(|| h5!(h5f::H5Fopen(name.as_ptr(), flags, access.0))).or_else(|e| {
        if e.contains("locking flag") { own(|| h5!(h5f::H5Fopen(name.as_ptr(), flags, H5P_DEFAULT))) } else { Err(e) }
    })
}

/// Opens a file to read it, on this machine or behind a network.
pub(super) fn open_input(input: &Arc<Input>) -> Res<Id> {
    if input.is_remote() { driver::open(input) } else { open_file(input.path(), false) }
}

/// Creates a file that must not exist, readable by every library since 1.10.
pub(super) fn create_file(path: &Path) -> Res<Id> {
    let (name, access) = (c_path(path)?, file_access()?);
    own(|| h5!(h5f::H5Fcreate(name.as_ptr(), h5f::H5F_ACC_EXCL, H5P_DEFAULT, access.0)))
}

/// Closes a file, writing what is still in memory; nothing of it may be open.
pub(super) fn close_file(file: Id) -> Res<()> {
    let file = ManuallyDrop::new(file);
    checked(|| h5!(h5f::H5Fclose(file.0))).map(drop)
}

/// The file that an object lies in, which external links may change.
pub(super) fn file_of(object: &Id) -> Option<PathBuf> {
    let name = name_of(|buf, n| h5!(h5f::H5Fget_name(object.0, buf, n)))?;
    Some(PathBuf::from(std::ffi::OsString::from(std::ffi::OsStr::from_bytes(&name))))
}

/// What an opened object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ObjectKind {
    Group,
    Dataset,
    Type,
    Other,
}

/// Opens the object at `name`, through links of every kind.
pub(super) fn open_object(at: &Id, name: &CStr) -> Res<Id> {
    own(|| h5!(h5o::H5Oopen(at.0, name.as_ptr(), H5P_DEFAULT)))
}

/// Opens a dataset; its external data, where it has any, is looked for beside the file.
pub(super) fn open_dataset(at: &Id, name: &CStr) -> Res<Id> {
    let plain = own(|| h5!(h5d::H5Dopen2(at.0, name.as_ptr(), H5P_DEFAULT)))?;
    if !dataset::is_external(&dataset::creation(&plain)?) {
        return Ok(plain);
    }
    // The library keeps the prefix of the first opening for as long as the dataset is open.
    drop(plain);
    let access = own(|| h5!(h5p::H5Pcreate(*h5p::H5P_CLS_DATASET_ACCESS)))?;
    checked(|| h5!(h5p::H5Pset_efile_prefix(access.0, c"${ORIGIN}".as_ptr())))?;
    own(|| h5!(h5d::H5Dopen2(at.0, name.as_ptr(), access.0)))
}

pub(super) fn kind(object: &Id) -> ObjectKind {
    match h5!(h5i::H5Iget_type(object.0)) {
        H5I_type_t::H5I_GROUP => ObjectKind::Group,
        H5I_type_t::H5I_DATASET => ObjectKind::Dataset,
        H5I_type_t::H5I_DATATYPE => ObjectKind::Type,
        _ => ObjectKind::Other,
    }
}

/// The group at `name`, made with those above it where it is missing.
pub(super) fn make_group(at: &Id, name: &CStr) -> Res<Id> {
    if let Ok(object) = open_object(at, name) {
        return match kind(&object) {
            ObjectKind::Group => Ok(object),
            _ => Err("is no group".to_owned()),
        };
    }
    let links = with_groups()?;
    own(|| h5!(h5g::H5Gcreate2(at.0, name.as_ptr(), links.0, H5P_DEFAULT, H5P_DEFAULT)))
}

/// What tells objects apart, whatever their names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Identity(u64, h5o::H5O_token_t);

pub(super) fn identity(object: &Id) -> Res<Identity> {
    let mut info = std::mem::MaybeUninit::<h5o::H5O_info2_t>::zeroed();
    checked(|| h5!(h5o::H5Oget_info3(object.0, info.as_mut_ptr(), h5o::H5O_INFO_BASIC)))?;
    // SAFETY: zero bytes are valid for every field, and the call has filled the struct.
    let info = unsafe { info.assume_init() };
    Ok(Identity(info.fileno, info.token))
}

/// The path of an object in its file, where the library knows one.
pub(super) fn object_name(object: &Id) -> Option<String> {
    let name = name_of(|buf, n| h5!(h5i::H5Iget_name(object.0, buf, n)))?;
    String::from_utf8(name).ok()
}

/// Adds a C string to the `Vec<CString>` behind `data`.
///
/// SAFETY: `name` is a C string or null, `data` the vector that the caller passed to the iteration.
unsafe fn push_name(name: *const c_char, data: *mut c_void) -> herr_t {
    if name.is_null() || data.is_null() {
        return -1;
    }
    // SAFETY: as above.
    unsafe { (*data.cast::<Vec<CString>>()).push(CStr::from_ptr(name).to_owned()) };
    0
}

/// The names of the links of a group, sorted.
pub(super) fn children(group: &Id) -> Res<Vec<CString>> {
    unsafe extern "C" fn visit(_: hid_t, name: *const c_char, _: *const h5l::H5L_info2_t, data: *mut c_void) -> herr_t {
        // SAFETY: called by the iteration below with its own `data`.
        unsafe { push_name(name, data) }
    }
    let mut names: Vec<CString> = Vec::new();
    let data = (&raw mut names).cast();
    let (by, order) = (H5_index_t::H5_INDEX_NAME, H5_iter_order_t::H5_ITER_INC);
    checked(|| h5!(h5l::H5Literate2(group.0, by, order, null_mut(), Some(visit), data)))?;
    names.sort_unstable();
    Ok(names)
}

pub(super) fn unlink(at: &Id, name: &CStr) -> Res<()> {
    checked(|| h5!(h5l::H5Ldelete(at.0, name.as_ptr(), H5P_DEFAULT))).map(drop)
}

/// Copies an object with its attributes; groups on the way are created.
pub(super) fn copy(from: &Id, name: &CStr, to: &Id, as_name: &CStr) -> Res<()> {
    let links = with_groups()?;
    checked(|| h5!(h5o::H5Ocopy(from.0, name.as_ptr(), to.0, as_name.as_ptr(), H5P_DEFAULT, links.0))).map(drop)
}

fn with_groups() -> Res<Id> {
    let links = own(|| h5!(h5p::H5Pcreate(*h5p::H5P_CLS_LINK_CREATE)))?;
    checked(|| h5!(h5p::H5Pset_create_intermediate_group(links.0, 1)))?;
    checked(|| h5!(h5p::H5Pset_char_encoding(links.0, H5T_cset_t::H5T_CSET_UTF8)))?;
    Ok(links)
}
