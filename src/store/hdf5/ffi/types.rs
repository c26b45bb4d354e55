//! Datatypes and dataspaces of libhdf5.

use super::{Id, Res, checked, own, owned_text};
use crate::dtype::DType;
use hdf5::sync::sync;
use hdf5_sys::h5::hsize_t;
use hdf5_sys::h5t::{H5T_class_t, H5T_cset_t, H5T_direction_t, H5T_order_t, H5T_sign_t, H5T_str_t};
use hdf5_sys::{h5a, h5d, h5s, h5t};
use std::ffi::{CStr, c_int, c_uint};
use std::ptr::null;

/// The family of a datatype.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Class {
    Integer,
    Float,
    String,
    Bitfield,
    Opaque,
    Compound,
    Reference,
    Enum,
    Vlen,
    Array,
    Complex,
    Time,
    Unknown,
}

/// How the fields of a floating-point type lie in its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct FloatFields {
    pub sign: usize,
    pub exponent: (usize, usize),
    pub mantissa: (usize, usize),
    pub bias: usize,
}

/// The byte order of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Order {
    Little,
    Big,
    /// Of no meaning (one byte), mixed or VAX.
    Other,
}

pub(in super::super) fn of_dataset(dataset: &Id) -> Res<Id> {
    own(|| h5!(h5d::H5Dget_type(dataset.0)))
}

pub(in super::super) fn of_attribute(attribute: &Id) -> Res<Id> {
    own(|| h5!(h5a::H5Aget_type(attribute.0)))
}

pub(in super::super) fn class(of: &Id) -> Class {
    match h5!(h5t::H5Tget_class(of.0)) {
        H5T_class_t::H5T_INTEGER => Class::Integer,
        H5T_class_t::H5T_FLOAT => Class::Float,
        H5T_class_t::H5T_TIME => Class::Time,
        H5T_class_t::H5T_STRING => Class::String,
        H5T_class_t::H5T_BITFIELD => Class::Bitfield,
        H5T_class_t::H5T_OPAQUE => Class::Opaque,
        H5T_class_t::H5T_COMPOUND => Class::Compound,
        H5T_class_t::H5T_REFERENCE => Class::Reference,
        H5T_class_t::H5T_ENUM => Class::Enum,
        H5T_class_t::H5T_VLEN => Class::Vlen,
        H5T_class_t::H5T_ARRAY => Class::Array,
        H5T_class_t::H5T_COMPLEX => Class::Complex,
        _ => Class::Unknown,
    }
}

pub(in super::super) fn size(of: &Id) -> usize {
    h5!(h5t::H5Tget_size(of.0))
}

pub(in super::super) fn order(of: &Id) -> Order {
    match h5!(h5t::H5Tget_order(of.0)) {
        H5T_order_t::H5T_ORDER_LE => Order::Little,
        H5T_order_t::H5T_ORDER_BE => Order::Big,
        _ => Order::Other,
    }
}

pub(in super::super) fn is_signed(of: &Id) -> bool {
    h5!(h5t::H5Tget_sign(of.0)) == H5T_sign_t::H5T_SGN_2
}

/// Whether the bits of a number fill its bytes.
pub(in super::super) fn is_full(of: &Id) -> bool {
    h5!(h5t::H5Tget_precision(of.0)) == 8 * size(of) && h5!(h5t::H5Tget_offset(of.0)) == 0
}

pub(in super::super) fn float_fields(of: &Id) -> Res<FloatFields> {
    let (mut s, mut e, mut el, mut m, mut ml) = (0, 0, 0, 0, 0);
    checked(|| h5!(h5t::H5Tget_fields(of.0, &raw mut s, &raw mut e, &raw mut el, &raw mut m, &raw mut ml)))?;
    let bias = h5!(h5t::H5Tget_ebias(of.0));
    Ok(FloatFields { sign: s, exponent: (e, el), mantissa: (m, ml), bias })
}

/// The base type of an enumeration, an array, a variable-length or a complex type.
pub(in super::super) fn base(of: &Id) -> Res<Id> {
    own(|| h5!(h5t::H5Tget_super(of.0)))
}

/// A member of a compound type.
#[derive(Debug)]
pub(in super::super) struct Member {
    pub name: Vec<u8>,
    pub offset: usize,
    pub of: Id,
}

/// The number of members of a compound type or an enumeration.
pub(in super::super) fn member_count(of: &Id) -> Res<usize> {
    checked(|| h5!(h5t::H5Tget_nmembers(of.0)))
}

pub(in super::super) fn member_name(of: &Id, i: c_uint) -> Vec<u8> {
    sync(|| owned_text(h5!(h5t::H5Tget_member_name(of.0, i)))).unwrap_or_default()
}

/// A member of a compound type.
pub(in super::super) fn member(of: &Id, i: c_uint) -> Res<Member> {
    let offset = h5!(h5t::H5Tget_member_offset(of.0, i));
    Ok(Member { name: member_name(of, i), offset, of: own(|| h5!(h5t::H5Tget_member_type(of.0, i)))? })
}

/// The value of a member of an enumeration of one byte.
pub(in super::super) fn small_member_value(of: &Id, i: c_uint) -> Res<u8> {
    if size(of) != 1 {
        return Err("the enumeration is not of one byte".to_owned());
    }
    let mut value = [0u8; 1];
    checked(|| h5!(h5t::H5Tget_member_value(of.0, i, value.as_mut_ptr().cast())))?;
    Ok(value[0])
}

pub(in super::super) fn is_variable_string(of: &Id) -> bool {
    h5!(h5t::H5Tis_variable_str(of.0)) > 0
}

/// Whether a fixed-length string is padded with spaces.
pub(in super::super) fn is_space_padded(of: &Id) -> bool {
    h5!(h5t::H5Tget_strpad(of.0)) == H5T_str_t::H5T_STR_SPACEPAD
}

fn copy_of(id: impl FnOnce() -> hdf5_sys::h5i::hid_t) -> Res<Id> {
    own(|| h5!(h5t::H5Tcopy(id())))
}

/// The type of elements of `dtype` in memory; also how new arrays are stored.
pub(in super::super) fn native(dtype: DType) -> Res<Id> {
    match dtype {
        DType::I8 => copy_of(|| *h5t::H5T_NATIVE_INT8),
        DType::I16 => copy_of(|| *h5t::H5T_NATIVE_INT16),
        DType::I32 => copy_of(|| *h5t::H5T_NATIVE_INT32),
        DType::I64 => copy_of(|| *h5t::H5T_NATIVE_INT64),
        DType::U8 => copy_of(|| *h5t::H5T_NATIVE_UINT8),
        DType::U16 => copy_of(|| *h5t::H5T_NATIVE_UINT16),
        DType::U32 => copy_of(|| *h5t::H5T_NATIVE_UINT32),
        DType::U64 => copy_of(|| *h5t::H5T_NATIVE_UINT64),
        DType::F32 => copy_of(|| *h5t::H5T_NATIVE_FLOAT),
        DType::F64 => copy_of(|| *h5t::H5T_NATIVE_DOUBLE),
        DType::F16 => small_float(10, 5, 15),
        DType::BF16 => small_float(7, 8, 127),
        DType::Bool => boolean(),
        DType::C64 | DType::C128 => complex(dtype, [c"r", c"i"]),
    }
}

/// A floating-point type of two bytes.
fn small_float(mantissa: usize, exponent: usize, bias: usize) -> Res<Id> {
    let new = copy_of(|| *h5t::H5T_NATIVE_FLOAT)?;
    checked(|| h5!(h5t::H5Tset_fields(new.0, 15, mantissa, exponent, 0, mantissa)))?;
    checked(|| h5!(h5t::H5Tset_precision(new.0, 16)))?;
    checked(|| h5!(h5t::H5Tset_size(new.0, 2)))?;
    checked(|| h5!(h5t::H5Tset_ebias(new.0, bias)))?;
    Ok(new)
}

/// The enumeration that h5py reads as `bool`.
fn boolean() -> Res<Id> {
    let new = own(|| h5!(h5t::H5Tenum_create(*h5t::H5T_NATIVE_INT8)))?;
    for (name, value) in [(c"FALSE", 0i8), (c"TRUE", 1)] {
        checked(|| h5!(h5t::H5Tenum_insert(new.0, name.as_ptr(), (&raw const value).cast())))?;
    }
    Ok(new)
}

/// A compound of two numbers, as h5py stores complex ones.
pub(in super::super) fn complex(dtype: DType, names: [&CStr; 2]) -> Res<Id> {
    let part = native(dtype.real())?;
    let width = dtype.size() / 2;
    let new = own(|| h5!(h5t::H5Tcreate(H5T_class_t::H5T_COMPOUND, 2 * width)))?;
    for (name, offset) in names.into_iter().zip([0, width]) {
        checked(|| h5!(h5t::H5Tinsert(new.0, name.as_ptr(), offset, part.0)))?;
    }
    Ok(new)
}

/// The library's own complex type of elements in memory (HDF5 2.0).
pub(in super::super) fn native_complex(dtype: DType) -> Res<Id> {
    let part = native(dtype.real())?;
    own(|| h5!(h5t::H5Tcomplex_create(part.0)))
}

/// Unsigned bits in memory.
pub(in super::super) fn native_bits(size: usize) -> Res<Id> {
    match size {
        1 => copy_of(|| *h5t::H5T_NATIVE_B8),
        2 => copy_of(|| *h5t::H5T_NATIVE_B16),
        4 => copy_of(|| *h5t::H5T_NATIVE_B32),
        _ => copy_of(|| *h5t::H5T_NATIVE_B64),
    }
}

/// The same type in the byte order of this machine.
pub(in super::super) fn to_native(of: &Id) -> Res<Id> {
    own(|| h5!(h5t::H5Tget_native_type(of.0, H5T_direction_t::H5T_DIR_ASCEND)))
}

/// Strings of any length.
pub(in super::super) fn variable_string(utf8: bool) -> Res<Id> {
    let new = copy_of(|| *h5t::H5T_C_S1)?;
    checked(|| h5!(h5t::H5Tset_size(new.0, h5t::H5T_VARIABLE)))?;
    let set = if utf8 { H5T_cset_t::H5T_CSET_UTF8 } else { H5T_cset_t::H5T_CSET_ASCII };
    checked(|| h5!(h5t::H5Tset_cset(new.0, set)))?;
    Ok(new)
}

/// Whether the strings of a type are UTF-8.
pub(in super::super) fn is_utf8(of: &Id) -> bool {
    h5!(h5t::H5Tget_cset(of.0)) == H5T_cset_t::H5T_CSET_UTF8
}

/// The lengths of a dataspace now, and as far as it may grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Extent {
    pub dims: Vec<u64>,
    /// `None` where there is no limit.
    pub max: Vec<Option<u64>>,
}

/// The extent of a dataspace; `None` for one that holds nothing at all.
pub(in super::super) fn extent(space: &Id) -> Res<Option<Extent>> {
    if h5!(h5s::H5Sget_simple_extent_type(space.0)) == h5s::H5S_class_t::H5S_NULL {
        return Ok(None);
    }
    sync(|| {
        let rank = checked(|| h5!(h5s::H5Sget_simple_extent_ndims(space.0)))?;
        let (mut dims, mut max): (Vec<hsize_t>, Vec<hsize_t>) = (vec![0; rank], vec![0; rank]);
        checked(|| h5!(h5s::H5Sget_simple_extent_dims(space.0, dims.as_mut_ptr(), max.as_mut_ptr())))?;
        Ok(Some(Extent { dims, max: max.into_iter().map(|m| (m != h5s::H5S_UNLIMITED).then_some(m)).collect() }))
    })
}

pub(in super::super) fn space_of_dataset(dataset: &Id) -> Res<Id> {
    own(|| h5!(h5d::H5Dget_space(dataset.0)))
}

pub(in super::super) fn space_of_attribute(attribute: &Id) -> Res<Id> {
    own(|| h5!(h5a::H5Aget_space(attribute.0)))
}

/// A dataspace of these lengths.
pub(in super::super) fn space(dims: &[u64]) -> Res<Id> {
    if dims.is_empty() {
        return own(|| h5!(h5s::H5Screate(h5s::H5S_class_t::H5S_SCALAR)));
    }
    let rank = c_int::try_from(dims.len()).map_err(|_| "too many axes".to_owned())?;
    own(|| h5!(h5s::H5Screate_simple(rank, dims.as_ptr(), null())))
}

/// A dataspace of these lengths, of which those of some axes may grow without limit.
pub(in super::super) fn growing_space(dims: &[u64], unlimited: &[usize]) -> Res<Id> {
    if dims.is_empty() || unlimited.is_empty() {
        return space(dims);
    }
    let rank = c_int::try_from(dims.len()).map_err(|_| "too many axes".to_owned())?;
    let most = |(axis, &n): (usize, &u64)| if unlimited.contains(&axis) { h5s::H5S_UNLIMITED } else { n };
    let most: Vec<hsize_t> = dims.iter().enumerate().map(most).collect();
    own(|| h5!(h5s::H5Screate_simple(rank, dims.as_ptr(), most.as_ptr())))
}

/// Narrows a dataspace to a box of it.
pub(super) fn select(space: &Id, start: &[u64], count: &[u64]) -> Res<()> {
    let extent = extent(space)?.ok_or("the dataspace is empty")?;
    if extent.dims.len() != start.len() || start.len() != count.len() {
        return Err("the box has another rank than the dataspace".to_owned());
    }
    if start.is_empty() {
        return Ok(());
    }
    let set = h5s::H5S_seloper_t::H5S_SELECT_SET;
    checked(|| h5!(h5s::H5Sselect_hyperslab(space.0, set, start.as_ptr(), null(), count.as_ptr(), null()))).map(drop)
}
