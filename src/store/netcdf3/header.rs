//! The header of a NetCDF-3 file: dimensions, attributes, and where each variable begins.
//!
//! The three versions differ in how wide counts and offsets are. Nothing that a header says is believed before it is
//! compared with the length of the file, and memory is taken for what was read, never for what is announced.

use crate::dtype::DType;
use crate::store::input::Input;
use std::ops::Range;

/// What is read of a file at first.
const FIRST: usize = 64 << 10;

/// No header of a file of arrays is longer.
const LONGEST: usize = 64 << 20;

/// The most dimensions that a variable has.
const MOST_AXES: usize = 64;

/// How wide numbers are in a header, and what a file can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Offsets of 32 bits.
    Classic,
    /// Offsets of 64 bits.
    Offset64,
    /// Counts and offsets of 64 bits, and all types of integers.
    Data64,
}

impl Version {
    /// The version that the first four bytes of a file name.
    pub(super) fn of(magic: [u8; 4]) -> Option<Self> {
        match &magic {
            b"CDF\x01" => Some(Self::Classic),
            b"CDF\x02" => Some(Self::Offset64),
            b"CDF\x05" => Some(Self::Data64),
            _ => None,
        }
    }

    /// The number in those bytes.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Classic => 1,
            Self::Offset64 => 2,
            Self::Data64 => 5,
        }
    }

    /// Bytes of a count.
    pub(super) fn width(self) -> usize {
        if self == Self::Data64 { 8 } else { 4 }
    }

    /// As a user reads it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Classic => "netcdf3 classic",
            Self::Offset64 => "netcdf3 64-bit offset",
            Self::Data64 => "netcdf3 64-bit data",
        }
    }
}

/// The type of the elements of a variable or an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Characters.
    Text,
    /// Numbers, big-endian.
    Number(DType),
}

impl Kind {
    fn of(code: u32, version: Version) -> Option<Self> {
        Some(match code {
            1 => Self::Number(DType::I8),
            2 => Self::Text,
            3 => Self::Number(DType::I16),
            4 => Self::Number(DType::I32),
            5 => Self::Number(DType::F32),
            6 => Self::Number(DType::F64),
            7..=11 if version != Version::Data64 => return None,
            7 => Self::Number(DType::U8),
            8 => Self::Number(DType::U16),
            9 => Self::Number(DType::U32),
            10 => Self::Number(DType::I64),
            11 => Self::Number(DType::U64),
            _ => return None,
        })
    }

    pub(super) fn size(self) -> usize {
        match self {
            Self::Text => 1,
            Self::Number(dtype) => dtype.size(),
        }
    }

    /// What stands, big-endian, where nothing was written and no `_FillValue` says otherwise.
    pub(super) fn fill(self) -> Vec<u8> {
        const FLOAT: f32 = f32::from_bits(0x7cf0_0000);
        match self {
            Self::Text => vec![0],
            Self::Number(dtype) => match dtype {
                DType::I8 => vec![0x81],
                DType::I16 => (-32767i16).to_be_bytes().to_vec(),
                DType::I32 => (-2_147_483_647i32).to_be_bytes().to_vec(),
                DType::I64 => (-9_223_372_036_854_775_806i64).to_be_bytes().to_vec(),
                DType::U64 => 18_446_744_073_709_551_614u64.to_be_bytes().to_vec(),
                DType::F32 => FLOAT.to_be_bytes().to_vec(),
                DType::F64 => f64::from(FLOAT).to_be_bytes().to_vec(),
                other => vec![0xff; other.size()],
            },
        }
    }
}

/// An attribute; its values are still where they were read.
#[derive(Debug, Clone)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Where the values are in [`Header::bytes`].
    pub(super) values: Range<usize>,
}

/// A named length; that of the record dimension is 0 in the file, and the number of records here.
#[derive(Debug, Clone)]
pub(super) struct Dimension {
    pub(super) name: String,
    pub(super) length: u64,
    pub(super) is_record: bool,
}

/// An array as the header describes it.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) name: String,
    /// Places in [`Header::dimensions`].
    pub(super) dimensions: Vec<usize>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) kind: Kind,
    /// Where its data, or that of its first record, begins.
    pub(super) begin: u64,
    /// Whether the first axis counts records.
    pub(super) is_record: bool,
    /// Bytes of the data, or of a record's part of it, without padding; `None` when they cannot be counted.
    pub(super) part: Option<u64>,
}

/// What a file says of itself.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) version: Version,
    pub(super) dimensions: Vec<Dimension>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) variables: Vec<Variable>,
    pub(super) records: u64,
    /// Bytes from one record to the next; `None` when they cannot be counted.
    pub(super) record: Option<u64>,
    /// Where the header ends.
    pub(super) end: u64,
    /// The header as it was read.
    pub(super) bytes: Vec<u8>,
}

impl Header {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn read(file: &Input) -> Result<Self, String> {
        let length = file.length();
        let mut reader = Reader { file, version: Version::Classic, bytes: Vec::new(), at: 0 };
        let magic: [u8; 4] = reader.array()?;
        reader.version = Version::of(magic).ok_or("does not begin as a NetCDF-3 file does")?;
        let streamed = match reader.version {
            Version::Data64 => u64::MAX,
            _ => u64::from(u32::MAX),
        };
        let records = reader.unsigned()?;
        let mut dimensions = reader.list(10, "dimensions", Reader::dimension)?;
        let attributes = reader.list(12, "attributes", Reader::attribute)?;
        let mut variables = reader.list(11, "variables", Reader::variable)?;
        for variable in &mut variables {
            measure(variable, &dimensions)?;
        }
        let record = record_bytes(&variables);
        let records = if records == streamed { complete_records(&variables, record, length) } else { records };
        if i64::try_from(records).is_err() {
            return Err(format!("declares {records} records"));
        }
        for dimension in dimensions.iter_mut().filter(|d| d.is_record) {
            dimension.length = records;
        }
        let (end, mut bytes) = (reader.at, reader.bytes);
        bytes.truncate(end);
        let version = reader.version;
        Ok(Self { version, dimensions, attributes, variables, records, record, end: end as u64, bytes })
    }

    /// The number of records as it stands in the file; `None` where its length says it.
    pub(super) fn counted(&self) -> Option<u64> {
        let field = self.bytes.get(4..4 + self.version.width())?;
        (!field.iter().all(|&b| b == 0xff)).then_some(self.records)
    }

    /// The same with another number of records.
    ///
    /// # Errors
    /// Why the file cannot have so many.
    pub(super) fn with_records(&self, records: u64) -> Result<Self, String> {
        let most = if self.version == Version::Data64 { u64::MAX >> 1 } else { u64::from(u32::MAX >> 1) };
        if records > most {
            return Err(format!("counts at most {most} records, not {records}; convert it to NetCDF-4 or Zarr"));
        }
        let mut new = Self { records, ..self.clone() };
        new.dimensions.iter_mut().filter(|d| d.is_record).for_each(|d| d.length = records);
        for variable in new.variables.iter().filter(|v| v.is_record) {
            let end = new.extent(variable).map(|e| e.end).filter(|&end| i64::try_from(end).is_ok());
            if end.is_none() || variable.begin < new.end {
                return Err(format!("has no place for {records} records of `{}`", variable.name));
            }
            if let Some(other) = new.overlaps(variable) {
                return Err(format!("has no place for {records} records: `{}` lies behind them", other.name));
            }
        }
        Ok(new)
    }

    /// The data of a variable as a run of bytes, all records with what lies between them; `None` when that cannot be
    /// counted. An array without elements has none.
    pub(super) fn extent(&self, variable: &Variable) -> Option<Range<u64>> {
        let part = variable.part?;
        let bytes = match (variable.is_record, self.records) {
            (false, _) => part,
            (true, 0) => 0,
            (true, n) => self.record?.checked_mul(n - 1)?.checked_add(part)?,
        };
        Some(variable.begin..variable.begin.checked_add(bytes)?)
    }

    /// A variable other than `own` whose data lies where its own does.
    pub(super) fn overlaps(&self, own: &Variable) -> Option<&Variable> {
        let here = self.extent(own)?;
        self.variables.iter().filter(|v| !std::ptr::eq(*v, own)).find(|other| {
            let Some(there) = self.extent(other) else { return false };
            if here.is_empty() || there.is_empty() || here.start >= there.end || there.start >= here.end {
                return false;
            }
            // Records of both take turns, each with a place of its own in a record.
            let (Some(record), true) = (self.record, own.is_record && other.is_record) else { return true };
            let (first, second) = if own.begin <= other.begin { (own, *other) } else { (*other, own) };
            let apart = second.begin - first.begin;
            let ends = |v: &Variable, at: u64| v.part.and_then(|part| part.checked_add(at));
            ends(first, 0).is_none_or(|end| end > apart) || ends(second, apart).is_none_or(|end| end > record)
        })
    }
}

/// Finds out how many bytes a variable has, and whether it has records.
fn measure(variable: &mut Variable, dimensions: &[Dimension]) -> Result<(), String> {
    let name = &variable.name;
    let mut part = Some(variable.kind.size() as u64);
    for (axis, &dimension) in variable.dimensions.iter().enumerate() {
        let dimension =
            dimensions.get(dimension).ok_or_else(|| format!("variable `{name}` has a dimension that is not there"))?;
        match (dimension.is_record, axis) {
            (true, 0) => variable.is_record = true,
            (true, _) => return Err(format!("variable `{name}` counts records along axis {axis}, not the first")),
            (false, _) => part = part.and_then(|n| n.checked_mul(dimension.length)),
        }
    }
    variable.part = part;
    Ok(())
}

/// Bytes of a record: every variable's part of it begins at a multiple of 4, unless there is only one.
fn record_bytes(variables: &[Variable]) -> Option<u64> {
    let mut parts = variables.iter().filter(|v| v.is_record).map(|v| v.part);
    match (parts.next(), parts.next()) {
        (None, _) => Some(0),
        (Some(only), None) => only,
        (Some(first), Some(second)) => [first, second].into_iter().chain(parts).try_fold(0u64, |sum, part| {
            let padded = part?.checked_next_multiple_of(4)?;
            sum.checked_add(padded)
        }),
    }
}

/// The number of records in a file that was written as a stream, whose header does not say.
fn complete_records(variables: &[Variable], record: Option<u64>, length: u64) -> u64 {
    let begin = variables.iter().filter(|v| v.is_record).map(|v| v.begin).min();
    match (begin, record) {
        (Some(begin), Some(record)) if record > 0 => length.saturating_sub(begin) / record,
        _ => 0,
    }
}

/// The bytes of a header, read as far as they are asked for.
struct Reader<'a> {
    file: &'a Input,
    version: Version,
    bytes: Vec<u8>,
    at: usize,
}

impl Reader<'_> {
    /// The place of the next `count` bytes.
    fn take(&mut self, count: u64) -> Result<Range<usize>, String> {
        let end = (self.at as u64).checked_add(count).filter(|&end| end <= self.file.length());
        let end = end.and_then(|end| usize::try_from(end).ok()).ok_or("ends within its header")?;
        if end > LONGEST {
            return Err(format!("has a header of more than {} MiB", LONGEST >> 20));
        }
        if end > self.bytes.len() {
            let from = self.bytes.len();
            let wanted = (2 * from).max(end).max(FIRST) as u64;
            self.bytes.resize(usize::try_from(wanted.min(self.file.length())).unwrap_or(end), 0);
            self.file.tell(from as u64, &mut self.bytes[from..])?;
        }
        let start = std::mem::replace(&mut self.at, end);
        Ok(start..end)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let place = self.take(N as u64)?;
        self.bytes[place].try_into().map_err(|_| "ends within its header".to_owned())
    }

    fn word(&mut self) -> Result<u32, String> {
        self.array().map(u32::from_be_bytes)
    }

    /// A count, length or place in the width of this version.
    fn unsigned(&mut self) -> Result<u64, String> {
        match self.version {
            Version::Data64 => self.array().map(u64::from_be_bytes),
            _ => self.word().map(u64::from),
        }
    }

    /// A tag, a count and as many items; nothing is taken for them in advance.
    fn list<T>(
        &mut self,
        tag: u32,
        what: &str,
        item: impl Fn(&mut Self) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let (found, count) = (self.word()?, self.unsigned()?);
        if found != tag && (found, count) != (0, 0) {
            return Err(format!("has a header in which no {what} stand where they should"));
        }
        (0..count).map(|_| item(self)).collect()
    }

    /// `count` elements of `size` bytes and what fills them up to a multiple of 4.
    fn padded(&mut self, count: u64, size: usize) -> Result<Range<usize>, String> {
        let bytes = count.checked_mul(size as u64).ok_or("ends within its header")?;
        let place = self.take(bytes.checked_next_multiple_of(4).ok_or("ends within its header")?)?;
        let end = place.start + usize::try_from(bytes).unwrap_or(0);
        Ok(place.start..end)
    }

    fn name(&mut self) -> Result<String, String> {
        let count = self.unsigned()?;
        let place = self.padded(count, 1)?;
        // Some writers count what they fill a name up with.
        let name = self.bytes[place].split(|&b| b == 0).next().unwrap_or_default();
        Ok(String::from_utf8_lossy(name).into_owned())
    }

    fn kind(&mut self, of: &str) -> Result<Kind, String> {
        let code = self.word()?;
        Kind::of(code, self.version).ok_or_else(|| format!("gives `{of}` the type {code}, which there is not"))
    }

    fn dimension(&mut self) -> Result<Dimension, String> {
        let (name, length) = (self.name()?, self.unsigned()?);
        Ok(Dimension { name, length, is_record: length == 0 })
    }

    fn attribute(&mut self) -> Result<Attribute, String> {
        let name = self.name()?;
        let kind = self.kind(&name)?;
        let count = self.unsigned()?;
        let values = self.padded(count, kind.size())?;
        Ok(Attribute { name, kind, values })
    }

    fn variable(&mut self) -> Result<Variable, String> {
        let (name, axes) = (self.name()?, self.unsigned()?);
        if axes > MOST_AXES as u64 {
            return Err(format!("gives variable `{name}` {axes} dimensions; at most {MOST_AXES} can be read"));
        }
        let dimension = |r: &mut Self| r.unsigned().map(|d| usize::try_from(d).unwrap_or(usize::MAX));
        let dimensions = (0..axes).map(|_| dimension(self)).collect::<Result<_, _>>()?;
        let attributes = self.list(12, "attributes", Self::attribute)?;
        let kind = self.kind(&name)?;
        // What a variable takes follows from its dimensions; the field is too narrow for large ones.
        self.unsigned()?;
        let begin = match self.version {
            Version::Classic => u64::from(self.word()?),
            _ => self.array().map(u64::from_be_bytes)?,
        };
        Ok(Variable { name, dimensions, attributes, kind, begin, is_record: false, part: None })
    }
}
