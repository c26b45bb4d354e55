//! A file driver of ours, through which the library reads objects behind a network.
//!
//! `H5FD_class_t` and `H5FD_t` are declared as `H5FDdevelop.h` of HDF5 2.2 has them, and used with no other version. A
//! file is opened by its URL; the one that was opened last on this thread by [`open`] is taken as it is, and others,
//! which external links and virtual datasets name, are opened here. What is written is refused.
//!
//! The library may go on after a read that failed, and leave out what it could not read. So the first fault of the
//! network is kept, and ends whatever was [`watched`].
//!
//! Nor does the library wait for the network while it has its lock, which all files share: a read of what is not here
//! yet fails, what is [`watched`] ends, and begins again when that has come. Where many places are looked at one by one
//! (the objects of a group, the attributes of an object), one attempt finds many of them. It is not tried for ever:
//! what came and is missing again was pushed out by others, and is waited for with the lock.

use super::{Id, Res, checked, file_access, own};
use crate::error::{Error, Result};
use crate::store::input::Input;
use crate::store::remote::{self, BLOCK};
use hdf5::sync::sync;
use hdf5_sys::h5::{haddr_t, herr_t, hsize_t};
use hdf5_sys::h5i::hid_t;
use hdf5_sys::{h5, h5f, h5fd, h5p};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, c_char, c_int, c_uint, c_ulong, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::Arc;

/// The version of the library whose structures are declared here.
const VERSION: (c_uint, c_uint) = (2, 2);
/// The version of its structure of drivers.
const CLASS_VERSION: c_uint = 1;
/// A number among those that the library leaves to drivers under test.
const NUMBER: c_int = 300;
/// What it is called in the library.
const NAME: &CStr = c"hyperslab";
/// Memory types: elements, as opposed to metadata.
const DRAW: c_int = 3;
const TYPES: usize = 7;
/// Memory types: nodes of B-trees.
const BTREE: c_int = 2;
/// The children of a node of an index of chunks, and what it takes but for its keys.
const CHILDREN: usize = 64;
const NODE: usize = 24 + 8 * CHILDREN;

/// `H5FD_class_t`. Functions that are never given are pointers to nothing.
#[repr(C)]
struct Class {
    version: c_uint,
    value: c_int,
    name: *const c_char,
    maxaddr: haddr_t,
    fc_degree: c_int,
    terminate: *const c_void,
    sb_size: *const c_void,
    sb_encode: *const c_void,
    sb_decode: *const c_void,
    fapl_size: usize,
    fapl_get: *const c_void,
    fapl_copy: *const c_void,
    fapl_free: *const c_void,
    dxpl_size: usize,
    dxpl_copy: *const c_void,
    dxpl_free: *const c_void,
    open: unsafe extern "C" fn(*const c_char, c_uint, hid_t, haddr_t) -> *mut Opened,
    close: unsafe extern "C" fn(*mut Opened) -> herr_t,
    cmp: unsafe extern "C" fn(*const Opened, *const Opened) -> c_int,
    query: unsafe extern "C" fn(*const Opened, *mut c_ulong) -> herr_t,
    get_type_map: *const c_void,
    alloc: *const c_void,
    free: *const c_void,
    get_eoa: unsafe extern "C" fn(*const Opened, c_int) -> haddr_t,
    set_eoa: unsafe extern "C" fn(*mut Opened, c_int, haddr_t) -> herr_t,
    get_eof: unsafe extern "C" fn(*const Opened, c_int) -> haddr_t,
    get_handle: *const c_void,
    read: unsafe extern "C" fn(*mut Opened, c_int, hid_t, haddr_t, usize, *mut c_void) -> herr_t,
    write: unsafe extern "C" fn(*mut Opened, c_int, hid_t, haddr_t, usize, *const c_void) -> herr_t,
    read_vector: *const c_void,
    write_vector: *const c_void,
    read_selection: *const c_void,
    write_selection: *const c_void,
    flush: *const c_void,
    truncate: *const c_void,
    lock: *const c_void,
    unlock: *const c_void,
    del: *const c_void,
    ctl: *const c_void,
    fl_map: [c_int; TYPES],
}

/// `H5FD_t`, which the library fills in, and what is ours behind it.
#[repr(C)]
struct Opened {
    driver_id: hid_t,
    cls: *const Class,
    fileno: c_ulong,
    access_flags: c_uint,
    feature_flags: c_ulong,
    maxaddr: haddr_t,
    base_addr: haddr_t,
    threshold: hsize_t,
    alignment: hsize_t,
    paged_aggr: bool,
    eoa: haddr_t,
    input: Arc<Input>,
}

/// What is watched is begun again no more often than this.
const ATTEMPTS: usize = 32;
/// Blocks that are brought between two attempts.
const BROUGHT: usize = 256;

/// What happens on a thread.
#[derive(Default)]
struct Now {
    /// The file that is being opened.
    opening: Option<Arc<Input>>,
    /// The first fault since somebody watches.
    fault: Option<Error>,
    /// Whether what is missing is waited for.
    waits: bool,
    /// The blocks that were missing, by the number of the object; with it, the file.
    missing: BTreeMap<u64, (Arc<Input>, BTreeSet<u64>)>,
}

thread_local! {
    static NOW: RefCell<Now> = RefCell::default();
}

/// Runs `work`, which takes the library's lock and in which the library reads files behind a network: again and again,
/// until all is here that it reads. A request that failed is the outcome, whatever the library made of that.
pub(in super::super) fn watched<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    let (mut brought, mut attempts, mut waits) = (BTreeSet::new(), 0, false);
    loop {
        NOW.set(Now { waits, ..Now::default() });
        let done = work();
        let now = NOW.take();
        if let Some(fault) = now.fault {
            return Err(fault);
        }
        if now.missing.is_empty() {
            return done;
        }
        attempts += 1;
        for (number, (input, blocks)) in now.missing {
            let again = blocks.iter().any(|&block| !brought.insert((number, block)));
            waits = waits || again || attempts >= ATTEMPTS;
            if let (Some(object), false) = (input.object(), waits) {
                object.bring_all(&blocks)?;
            }
        }
    }
}

/// Whether bytes from `at` on are here; if not, they are what is missing.
fn is_here(input: &Arc<Input>, at: u64, len: u64) -> bool {
    let Some(object) = input.object() else { return true };
    let missing = object.missing(at, len);
    if missing.is_empty() {
        return true;
    }
    NOW.with_borrow_mut(|now| {
        let (_, blocks) = now.missing.entry(object.number()).or_insert_with(|| (Arc::clone(input), BTreeSet::new()));
        blocks.extend(missing.into_iter().take(BROUGHT.saturating_sub(blocks.len())));
    });
    false
}

/// Reads what describes arrays, or the few elements that lie among that.
fn describe(input: &Arc<Input>, is_node: bool, at: u64, out: &mut [u8], size: usize) -> Result<bool> {
    let waits = NOW.with_borrow(|now| now.waits);
    if !waits && !is_here(input, at, out.len() as u64) {
        return Ok(false);
    }
    input.describe(at, out)?;
    if let (Some(object), true) = (input.object(), is_node) {
        let places = children(out, size);
        if !waits {
            for place in places {
                is_here(input, place, 1);
            }
        } else if places.len() > 1 {
            let blocks = places.iter().flat_map(|&place| object.missing(place, 1)).take(BROUGHT).collect();
            object.bring_all(&blocks)?;
        }
    }
    Ok(true)
}

/// Opens an object as a file.
pub(super) fn open(input: &Arc<Input>) -> Res<Id> {
    let (name, access) = (super::c_path(input.path())?, file_access()?);
    register()?;
    checked(|| h5!(h5p::H5Pset_driver_by_name(access.0, NAME.as_ptr(), null())))?;
    NOW.with_borrow_mut(|now| now.opening = Some(Arc::clone(input)));
    let opened = own(|| h5!(h5f::H5Fopen(name.as_ptr(), h5f::H5F_ACC_RDONLY, access.0)));
    NOW.with_borrow_mut(|now| now.opening = None);
    opened
}

/// Makes the driver known to the library, once.
fn register() -> Res<()> {
    sync(|| {
        if h5!(h5fd::H5FDis_driver_registered_by_name(NAME.as_ptr())) > 0 {
            return Ok(());
        }
        let (mut major, mut minor, mut release) = (0, 0, 0);
        checked(|| h5!(h5::H5get_libversion(&raw mut major, &raw mut minor, &raw mut release)))?;
        if (major, minor) != VERSION {
            let why = "files behind a network are read with HDF5 2.2";
            return Err(format!("{why}, and this program was linked with {major}.{minor}.{release}"));
        }
        let class = Class {
            version: CLASS_VERSION,
            value: NUMBER,
            name: NAME.as_ptr(),
            maxaddr: haddr_t::MAX / 2,
            fc_degree: h5f::H5F_close_degree_t::H5F_CLOSE_WEAK as c_int,
            terminate: null(),
            sb_size: null(),
            sb_encode: null(),
            sb_decode: null(),
            fapl_size: 0,
            fapl_get: null(),
            fapl_copy: null(),
            fapl_free: null(),
            dxpl_size: 0,
            dxpl_copy: null(),
            dxpl_free: null(),
            open: open_file,
            close,
            cmp,
            query,
            get_type_map: null(),
            alloc: null(),
            free: null(),
            get_eoa,
            set_eoa,
            get_eof,
            get_handle: null(),
            read,
            write,
            read_vector: null(),
            write_vector: null(),
            read_selection: null(),
            write_selection: null(),
            flush: null(),
            truncate: null(),
            lock: null(),
            unlock: null(),
            del: null(),
            ctl: null(),
            fl_map: [0; TYPES],
        };
        // The library copies the structure, whose beginning is the same in all versions; it compares the version first.
        let id = h5!(h5fd::H5FDregister((&raw const class).cast()));
        checked(|| c_int::from(id >= 0) - 1).map(drop)
    })
}

/// Where the nodes below a node of an index of chunks (a B-tree of version 1, as files have it by default) may be. The
/// library asks for one after the other, with nothing to wait for but the network; this is a guess for asking at once,
/// and what is wrong about it costs requests, no more.
fn children(node: &[u8], size: usize) -> Vec<u64> {
    let number = |at: usize, n: usize| -> Option<u64> {
        let bytes = node.get(at..at.checked_add(n)?)?;
        Some(bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
    };
    let is_one = node.starts_with(b"TREE\x01") && number(5, 1).is_some_and(|level| level > 0);
    // A node of 64 children, between keys of an axis and more, and addresses of 8 bytes.
    let (Some(count), Some(keys)) = (number(6, 2), size.checked_sub(NODE).filter(|_| is_one)) else {
        return Vec::new();
    };
    let key = keys / (CHILDREN + 1);
    let place = |i: u64| number(24 + key + usize::try_from(i).ok()? * (key + 8), 8);
    (0..count.min(CHILDREN as u64)).filter_map(place).collect()
}

/// The URL in a name that the library has made of one: it puts a folder before those that it takes for relative.
fn url(name: &str) -> Option<&Path> {
    name.match_indices("://").find_map(|(colon, _)| {
        let start = name[..colon].rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |i| i + 1);
        Some(Path::new(&name[start..])).filter(|path| remote::is_url(path))
    })
}

/// Keeps a fault.
fn note(fault: Error) {
    NOW.with_borrow_mut(|now| {
        now.fault.get_or_insert(fault);
    });
}

/// Runs the body of a call by the library, which must not see a panic.
fn guarded<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        let _ = catch_unwind(|| note(Error::bug("reading a file behind a network does not panic")));
        otherwise
    })
}

unsafe extern "C" fn open_file(name: *const c_char, flags: c_uint, _: hid_t, maxaddr: haddr_t) -> *mut Opened {
    guarded(null_mut(), || {
        if name.is_null() || flags & (h5f::H5F_ACC_RDWR | h5f::H5F_ACC_TRUNC | h5f::H5F_ACC_CREAT) != 0 {
            return null_mut();
        }
        // SAFETY: a C string of the library, valid during the call.
        let name = unsafe { CStr::from_ptr(name) };
        let Some(path) = name.to_str().ok().and_then(url) else { return null_mut() };
        let given = NOW.with_borrow(|now| now.opening.clone().filter(|input| input.path() == path));
        let input = match given.map_or_else(|| Input::find(path), |input| Ok(Some(input))) {
            Ok(Some(input)) => input,
            Ok(None) => return null_mut(),
            Err(fault) => {
                note(fault);
                return null_mut();
            }
        };
        Box::into_raw(Box::new(Opened {
            driver_id: 0,
            cls: null(),
            fileno: 0,
            access_flags: 0,
            feature_flags: 0,
            maxaddr,
            base_addr: 0,
            threshold: 0,
            alignment: 0,
            paged_aggr: false,
            eoa: 0,
            input,
        }))
    })
}

unsafe extern "C" fn close(file: *mut Opened) -> herr_t {
    guarded(-1, || {
        // SAFETY: the library closes what `open_file` has made, once.
        drop(unsafe { Box::from_raw(file) });
        0
    })
}

unsafe extern "C" fn cmp(a: *const Opened, b: *const Opened) -> c_int {
    guarded(-1, || {
        // SAFETY: the library compares files that are open.
        let (a, b) = unsafe { (&(*a).input, &(*b).input) };
        let of = |input: &Arc<Input>| input.object().map(|object| (object.name(), object.number()));
        of(a).cmp(&of(b)) as c_int
    })
}

unsafe extern "C" fn query(_: *const Opened, flags: *mut c_ulong) -> herr_t {
    let can = h5fd::H5FD_FEAT_DATA_SIEVE | h5fd::H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    // SAFETY: the library passes a place for the flags.
    if let Some(flags) = unsafe { flags.as_mut() } {
        *flags = c_ulong::from(can);
    }
    0
}

unsafe extern "C" fn get_eoa(file: *const Opened, _: c_int) -> haddr_t {
    // SAFETY: the library asks for files that are open.
    unsafe { (*file).eoa }
}

unsafe extern "C" fn set_eoa(file: *mut Opened, _: c_int, eoa: haddr_t) -> herr_t {
    // SAFETY: as above; nobody else looks at the file while the library's lock is held.
    unsafe { (*file).eoa = eoa };
    0
}

unsafe extern "C" fn get_eof(file: *const Opened, _: c_int) -> haddr_t {
    // SAFETY: the library asks for files that are open.
    unsafe { (*file).input.length() }
}

unsafe extern "C" fn read(
    file: *mut Opened,
    kind: c_int,
    _: hid_t,
    at: haddr_t,
    size: usize,
    buffer: *mut c_void,
) -> herr_t {
    guarded(-1, || {
        if buffer.is_null() {
            return if size == 0 { 0 } else { -1 };
        }
        // SAFETY: the file is open, and the library passes a buffer of its own of `size` bytes.
        let (input, out) = unsafe {
            buffer.cast::<u8>().write_bytes(0, size);
            (&(*file).input, std::slice::from_raw_parts_mut(buffer.cast::<u8>(), size))
        };
        // Beyond the end of a file are zeros, as other drivers have it.
        let there = usize::try_from(input.length().saturating_sub(at)).unwrap_or(size).min(size);
        let out = &mut out[..there];
        let elements = kind == DRAW && there as u64 >= BLOCK;
        let done = if elements {
            input.read_at(at, out).map(|()| true)
        } else {
            describe(input, kind == BTREE, at, out, size)
        };
        match done {
            Ok(here) => c_int::from(here) - 1,
            Err(fault) => {
                note(fault);
                -1
            }
        }
    })
}

unsafe extern "C" fn write(_: *mut Opened, _: c_int, _: hid_t, _: haddr_t, _: usize, _: *const c_void) -> herr_t {
    -1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_of_a_node() {
        let key = 4 + 4 + 8 * 4;
        let mut node = vec![0; NODE + key * (CHILDREN + 1)];
        node[..8].copy_from_slice(b"TREE\x01\x01\x03\0");
        for i in 0..3 {
            let at = 24 + key + i * (key + 8);
            node[at..at + 8].copy_from_slice(&(1000 + i as u64).to_le_bytes());
        }
        assert_eq!(children(&node, node.len()), [1000, 1001, 1002]);
        assert_eq!(children(&node[..30], node.len()), [0; 0]);
        node[5] = 0;
        assert_eq!(children(&node, node.len()), [0; 0]);
    }

    #[test]
    fn urls_in_names() {
        assert_eq!(url("s3://b/x.h5"), Some(Path::new("s3://b/x.h5")));
        assert_eq!(url("/home/me/http://h:80/a/y.h5"), Some(Path::new("http://h:80/a/y.h5")));
        assert_eq!((url("y.h5"), url("/etc/y.h5"), url("file:///y.h5")), (None, None, None));
    }
}
