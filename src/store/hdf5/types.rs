//! Which dtype a stored datatype is read as, and whether its bytes can be used without the library.

use super::ffi::Id;
use super::ffi::types::{self, Class, FloatFields, Order};
use crate::dtype::DType;
use std::ffi::CStr;

/// A stored datatype that is read as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    /// What it is read as.
    pub dtype: DType,
    /// How to read it through the library.
    memory: Memory,
    /// Whether the stored bytes are elements already, up to byte order.
    pub direct: bool,
    /// Width of the numbers whose bytes must be reversed; 0 where they need not.
    pub swap: usize,
}

/// The kind of type that the library converts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Memory {
    Number,
    Bits,
    Enumeration,
    Compound([&'static CStr; 2]),
    Complex,
}

const HALF: FloatFields = FloatFields { sign: 15, exponent: (10, 5), mantissa: (0, 10), bias: 15 };
const BRAIN: FloatFields = FloatFields { sign: 15, exponent: (7, 8), mantissa: (0, 7), bias: 127 };
const SINGLE: FloatFields = FloatFields { sign: 31, exponent: (23, 8), mantissa: (0, 23), bias: 127 };
const DOUBLE: FloatFields = FloatFields { sign: 63, exponent: (52, 11), mantissa: (0, 52), bias: 1023 };

/// The names that the two parts of a complex number go by.
const PARTS: [[&CStr; 2]; 3] = [[c"r", c"i"], [c"real", c"imag"], [c"re", c"im"]];

impl Stored {
    /// What a stored datatype is read as, or what it is called where it holds no numbers.
    pub(super) fn of(stored: &Id) -> Result<Self, String> {
        match types::class(stored) {
            Class::Integer => integer(stored, Memory::Number),
            Class::Bitfield => integer(stored, Memory::Bits),
            Class::Float => float(stored),
            Class::Enum => enumeration(stored),
            Class::Compound => compound(stored),
            Class::Complex => complex(stored),
            Class::String => Err("text".to_owned()),
            Class::Opaque => Err(format!("opaque data of {} bytes", types::size(stored))),
            Class::Reference => Err("references".to_owned()),
            Class::Vlen => Err("lists of variable length".to_owned()),
            Class::Array => Err("small arrays".to_owned()),
            Class::Time => Err("HDF5 times".to_owned()),
            Class::Unknown => Err("an unknown datatype".to_owned()),
        }
    }

    /// The type that the library converts to.
    pub(super) fn memory(self, stored: &Id) -> Result<Id, String> {
        let memory = match self.memory {
            Memory::Number => types::native(self.dtype),
            Memory::Bits => types::native_bits(self.dtype.size()),
            Memory::Enumeration => types::to_native(stored),
            Memory::Compound(names) => types::complex(self.dtype, names),
            Memory::Complex => types::native_complex(self.dtype),
        }?;
        if types::size(&memory) == self.dtype.size() {
            Ok(memory)
        } else {
            Err(format!("{} elements do not have the size of their native type", self.dtype))
        }
    }

    /// A number of `width` bytes, stored in full or not, in this byte order.
    fn number(dtype: DType, memory: Memory, width: usize, full: bool, order: Order) -> Self {
        let native = if cfg!(target_endian = "big") { Order::Big } else { Order::Little };
        let known = width == 1 || order != Order::Other;
        let swap = if width > 1 && order != native { width } else { 0 };
        Self { dtype, memory, direct: full && known, swap }
    }
}

fn integer(stored: &Id, memory: Memory) -> Result<Stored, String> {
    let size = types::size(stored);
    let signed = memory == Memory::Number && types::is_signed(stored);
    // Odd sizes are read as the next larger ones, which the library makes of them.
    let dtype = match (size, signed) {
        (1, true) => DType::I8,
        (2, true) => DType::I16,
        (3..=4, true) => DType::I32,
        (5..=8, true) => DType::I64,
        (1, false) => DType::U8,
        (2, false) => DType::U16,
        (3..=4, false) => DType::U32,
        (5..=8, false) => DType::U64,
        _ => return Err(format!("integers of {size} bytes")),
    };
    let full = size == dtype.size() && types::is_full(stored);
    Ok(Stored::number(dtype, memory, size, full, types::order(stored)))
}

fn float(stored: &Id) -> Result<Stored, String> {
    let size = types::size(stored);
    let fields = types::float_fields(stored)?;
    let usual = [(DType::F16, HALF), (DType::BF16, BRAIN), (DType::F32, SINGLE), (DType::F64, DOUBLE)];
    let usual = usual.into_iter().find(|(dtype, of)| dtype.size() == size && *of == fields).map(|(dtype, _)| dtype);
    let dtype = usual
        .or_else(|| {
            [(DType::F16, HALF), (DType::F32, SINGLE), (DType::F64, DOUBLE)]
                .into_iter()
                .find_map(|(dtype, of)| (dtype.size() >= size && fits(&fields, &of)).then_some(dtype))
        })
        .ok_or_else(|| format!("floating-point numbers of {size} bytes"))?;
    Ok(Stored::number(dtype, Memory::Number, size, usual.is_some() && types::is_full(stored), types::order(stored)))
}

/// Whether every number of one layout is one of the other, as h5py has it.
fn fits(fields: &FloatFields, of: &FloatFields) -> bool {
    let highest = |f: &FloatFields| {
        1i128.checked_shl(u32::try_from(f.exponent.1).unwrap_or(u32::MAX)).map(|n| n - 1 - f.bias as i128)
    };
    let lowest = |f: &FloatFields| 1 - f.bias as i128;
    let higher = highest(fields).zip(highest(of)).is_some_and(|(a, b)| a <= b);
    fields.mantissa.1 <= of.mantissa.1 && higher && lowest(fields) >= lowest(of)
}

fn enumeration(stored: &Id) -> Result<Stored, String> {
    let base = types::base(stored)?;
    if types::class(&base) != Class::Integer {
        return Err("an enumeration of something other than integers".to_owned());
    }
    let mut found = integer(&base, Memory::Number)?;
    found.memory = Memory::Enumeration;
    if is_boolean(stored) {
        found.dtype = DType::Bool;
    }
    Ok(found)
}

/// Whether an enumeration is the one that h5py writes for `bool`.
fn is_boolean(stored: &Id) -> bool {
    let value = |name: &[u8]| {
        (0..2).find(|&i| types::member_name(stored, i) == name).and_then(|i| types::small_member_value(stored, i).ok())
    };
    types::size(stored) == 1
        && types::member_count(stored) == Ok(2)
        && value(b"FALSE") == Some(0)
        && value(b"TRUE") == Some(1)
}

fn compound(stored: &Id) -> Result<Stored, String> {
    let count = types::member_count(stored)?;
    let other = || format!("a compound of {count} members");
    if count != 2 {
        return Err(other());
    }
    let (first, second) = (types::member(stored, 0)?, types::member(stored, 1)?);
    let names = PARTS.into_iter().find(|[a, b]| first.name == a.to_bytes() && second.name == b.to_bytes());
    let names = names.ok_or_else(other)?;
    if types::class(&first.of) != Class::Float || types::class(&second.of) != Class::Float {
        return Err(other());
    }
    let (a, b) = (float(&first.of)?, float(&second.of)?);
    let dtype = complex_of(a.dtype).filter(|_| a == b).ok_or_else(other)?;
    let packed = first.offset == 0 && second.offset == a.dtype.size() && types::size(stored) == dtype.size();
    Ok(Stored { dtype, memory: Memory::Compound(names), direct: packed && a.direct, swap: a.swap })
}

fn complex(stored: &Id) -> Result<Stored, String> {
    let part = float(&types::base(stored)?)?;
    let dtype = complex_of(part.dtype).ok_or_else(|| format!("complex numbers of two {}", part.dtype))?;
    Ok(Stored { dtype, memory: Memory::Complex, ..part })
}

fn complex_of(part: DType) -> Option<DType> {
    match part {
        DType::F32 => Some(DType::C64),
        DType::F64 => Some(DType::C128),
        _ => None,
    }
}
