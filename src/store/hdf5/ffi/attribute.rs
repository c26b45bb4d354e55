//! Attributes of libhdf5: numbers, strings, references to objects.

use super::types::{self, variable_string};
use super::{Id, Res, checked, own, push_name, text};
use hdf5::sync::sync;
use hdf5_sys::h5::{H5_index_t, H5_iter_order_t, herr_t, hsize_t};
use hdf5_sys::h5i::hid_t;
use hdf5_sys::h5p::H5P_DEFAULT;
use hdf5_sys::h5t::hvl_t;
use hdf5_sys::{h5a, h5r, h5t};
use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::null_mut;

/// The names of an object's attributes, sorted.
pub(in super::super) fn names(object: &Id) -> Res<Vec<CString>> {
    unsafe extern "C" fn visit(_: hid_t, name: *const c_char, _: *const h5a::H5A_info_t, data: *mut c_void) -> herr_t {
        // SAFETY: called by the iteration below with its own `data`.
        unsafe { push_name(name, data) }
    }
    let mut names: Vec<CString> = Vec::new();
    let data = (&raw mut names).cast();
    let (by, order) = (H5_index_t::H5_INDEX_NAME, H5_iter_order_t::H5_ITER_INC);
    let mut from: hsize_t = 0;
    checked(|| h5!(h5a::H5Aiterate2(object.0, by, order, &raw mut from, Some(visit), data)))?;
    Ok(names)
}

pub(in super::super) fn open(object: &Id, name: &CStr) -> Res<Id> {
    own(|| h5!(h5a::H5Aopen(object.0, name.as_ptr(), H5P_DEFAULT)))
}

pub(in super::super) fn exists(object: &Id, name: &CStr) -> bool {
    h5!(h5a::H5Aexists(object.0, name.as_ptr())) > 0
}

/// The number of elements of an attribute; `None` when it holds nothing at all.
fn count(attribute: &Id) -> Res<Option<usize>> {
    let extent = types::extent(&types::space_of_attribute(attribute)?)?;
    extent.map_or(Ok(None), |e| {
        let n = e.dims.iter().try_fold(1usize, |n, &d| n.checked_mul(usize::try_from(d).ok()?));
        n.filter(|&n| n <= 1 << 20).map(Some).ok_or_else(|| "the attribute is too large".to_owned())
    })
}

/// The elements of an attribute as the type `memory`, which holds no pointers.
pub(in super::super) fn read(attribute: &Id, memory: &Id) -> Res<Vec<u8>> {
    let bytes = count(attribute)?.unwrap_or(0).saturating_mul(types::size(memory));
    if bytes > 1 << 24 {
        return Err("the attribute is too large".to_owned());
    }
    let mut out = vec![0u8; bytes];
    if bytes > 0 {
        checked(|| h5!(h5a::H5Aread(attribute.0, memory.0, out.as_mut_ptr().cast())))?;
    }
    Ok(out)
}

/// As [`count`], for elements that lie elsewhere in the file, each of which takes its time.
fn count_scattered(attribute: &Id) -> Res<usize> {
    match count(attribute)?.unwrap_or(0) {
        n if n <= 1 << 14 => Ok(n),
        _ => Err("the attribute is too large".to_owned()),
    }
}

/// The strings of an attribute of variable-length strings.
pub(in super::super) fn read_strings(attribute: &Id) -> Res<Vec<String>> {
    let of = types::of_attribute(attribute)?;
    if !types::is_variable_string(&of) {
        return Err("the attribute does not hold strings of variable length".to_owned());
    }
    let memory = variable_string(types::is_utf8(&of))?;
    let mut pointers: Vec<*mut c_char> = vec![null_mut(); count_scattered(attribute)?];
    if pointers.is_empty() {
        return Ok(Vec::new());
    }
    sync(|| {
        checked(|| h5!(h5a::H5Aread(attribute.0, memory.0, pointers.as_mut_ptr().cast())))?;
        let texts = pointers.iter().map(|&p| text(p)).collect();
        let space = types::space_of_attribute(attribute)?;
        h5!(h5t::H5Treclaim(memory.0, space.0, H5P_DEFAULT, pointers.as_mut_ptr().cast()));
        Ok(texts)
    })
}

/// For each element of an attribute of lists of object references, the object that the first of them names.
pub(in super::super) fn read_first_references(object: &Id, attribute: &Id) -> Res<Vec<Option<Id>>> {
    sync(|| {
        let of = types::of_attribute(attribute)?;
        let lists = types::class(&of) == types::Class::Vlen;
        let base = if lists { Some(types::base(&of)?) } else { None };
        if base.is_none_or(|b| h5!(h5t::H5Tequal(b.0, *h5t::H5T_STD_REF_OBJ)) <= 0) {
            return Err("the attribute does not hold lists of object references".to_owned());
        }
        let memory = own(|| h5!(h5t::H5Tvlen_create(*h5t::H5T_STD_REF_OBJ)))?;
        let mut lists = vec![hvl_t { len: 0, p: null_mut() }; count_scattered(attribute)?];
        if lists.is_empty() {
            return Ok(Vec::new());
        }
        checked(|| h5!(h5a::H5Aread(attribute.0, memory.0, lists.as_mut_ptr().cast())))?;
        let kind = h5r::H5R_type_t::H5R_OBJECT1;
        let objects = lists
            .iter()
            .map(|list| {
                if list.len == 0 || list.p.is_null() {
                    return None;
                }
                own(|| h5!(h5r::H5Rdereference2(object.0, H5P_DEFAULT, kind, list.p))).ok()
            })
            .collect();
        let space = types::space_of_attribute(attribute)?;
        h5!(h5t::H5Treclaim(memory.0, space.0, H5P_DEFAULT, lists.as_mut_ptr().cast()));
        Ok(objects)
    })
}

/// Takes an attribute away.
pub(in super::super) fn remove(object: &Id, name: &CStr) -> Res<()> {
    checked(|| h5!(h5a::H5Adelete(object.0, name.as_ptr()))).map(drop)
}

fn create(object: &Id, name: &CStr, of: &Id, dims: &[u64]) -> Res<Id> {
    let space = types::space(dims)?;
    own(|| h5!(h5a::H5Acreate2(object.0, name.as_ptr(), of.0, space.0, H5P_DEFAULT, H5P_DEFAULT)))
}

/// Adds an attribute of numbers, given as their bytes in memory.
pub(in super::super) fn write(object: &Id, name: &CStr, of: &Id, dims: &[u64], data: &[u8]) -> Res<()> {
    let wanted = dims.iter().try_fold(types::size(of) as u64, |n, &d| n.checked_mul(d));
    if wanted != Some(data.len() as u64) {
        return Err("the attribute's bytes do not fit its shape".to_owned());
    }
    let attribute = create(object, name, of, dims)?;
    if data.is_empty() {
        return Ok(());
    }
    checked(|| h5!(h5a::H5Awrite(attribute.0, of.0, data.as_ptr().cast()))).map(drop)
}

/// Adds an attribute of strings.
pub(in super::super) fn write_strings(object: &Id, name: &CStr, dims: &[u64], values: &[CString]) -> Res<()> {
    if dims.iter().product::<u64>() != values.len() as u64 {
        return Err("the attribute's strings do not fit its shape".to_owned());
    }
    let of = variable_string(true)?;
    let attribute = create(object, name, &of, dims)?;
    let pointers: Vec<*const c_char> = values.iter().map(|v| v.as_ptr()).collect();
    if pointers.is_empty() {
        return Ok(());
    }
    checked(|| h5!(h5a::H5Awrite(attribute.0, of.0, pointers.as_ptr().cast()))).map(drop)
}

/// Adds an attribute of text of a fixed length, with a zero byte at its end, as the books of HDF5 are kept.
pub(in super::super) fn write_fixed_text(object: &Id, name: &CStr, value: &str) -> Res<()> {
    let mut bytes = value.as_bytes().to_vec();
    bytes.push(0);
    let of = own(|| h5!(h5t::H5Tcopy(*h5t::H5T_C_S1)))?;
    checked(|| h5!(h5t::H5Tset_size(of.0, bytes.len())))?;
    let attribute = create(object, name, &of, &[])?;
    checked(|| h5!(h5a::H5Awrite(attribute.0, of.0, bytes.as_ptr().cast()))).map(drop)
}

/// Adds an attribute of lists of object references, each of one object or of none, given by their paths.
pub(in super::super) fn write_references(object: &Id, name: &CStr, targets: &[Option<CString>]) -> Res<()> {
    sync(|| {
        let memory = own(|| h5!(h5t::H5Tvlen_create(*h5t::H5T_STD_REF_OBJ)))?;
        let mut references: Vec<h5r::hobj_ref_t> = vec![0; targets.len()];
        for (reference, target) in references.iter_mut().zip(targets) {
            if let Some(target) = target {
                let (to, kind) = ((&raw mut *reference).cast::<c_void>(), h5r::H5R_type_t::H5R_OBJECT1);
                checked(|| h5!(h5r::H5Rcreate(to, object.0, target.as_ptr(), kind, -1)))?;
            }
        }
        let lists: Vec<hvl_t> = references
            .iter_mut()
            .zip(targets)
            .map(|(reference, target)| hvl_t { len: usize::from(target.is_some()), p: (&raw mut *reference).cast() })
            .collect();
        let attribute = create(object, name, &memory, &[targets.len() as u64])?;
        checked(|| h5!(h5a::H5Awrite(attribute.0, memory.0, lists.as_ptr().cast()))).map(drop)
    })
}
