//! The header of a `.npy` file: a magic string, a version, and a Python dictionary.

use crate::dtype::DType;
use crate::dtype::time::TimeType;
use crate::error::{Error, Result};
use crate::shape;
use crate::store::input::Input;

/// What every `.npy` file begins with.
pub(super) const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// No header of an array of numbers is longer.
const LONGEST: usize = 1 << 20;

/// Where and how the elements lie.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::store) struct Header {
    /// Element type.
    pub(in crate::store) dtype: DType,
    /// Whether the bytes of a number are in the order that this machine does not use.
    pub(in crate::store) swapped: bool,
    /// Whether the first axis is the fastest.
    pub(in crate::store) fortran: bool,
    /// Lengths of the axes.
    pub(in crate::store) shape: Vec<usize>,
    /// Where the elements begin.
    pub(in crate::store) offset: u64,
    /// What the elements are where they are dates or lengths of time.
    pub(in crate::store) time: Option<TimeType>,
}

impl Header {
    /// Reads the header of a file of `length` bytes and checks that the elements are there.
    pub(super) fn read(file: &Input) -> Result<Self> {
        let (path, length) = (file.path(), file.length());
        let bad = |why: &str| Error::store(path, why);
        let mut start = [0; 12];
        if length < 10 {
            return Err(bad("is too short to be a .npy file"));
        }
        file.describe(0, &mut start[..10])?;
        if start[..6] != MAGIC {
            return Err(bad("does not begin as a .npy file does"));
        }
        let (text_at, text_len) = match start[6] {
            1 => (10, usize::from(u16::from_le_bytes([start[8], start[9]]))),
            2 | 3 => {
                if length < 12 {
                    return Err(bad("ends within its header"));
                }
                file.describe(0, &mut start)?;
                (12, u32::from_le_bytes([start[8], start[9], start[10], start[11]]) as usize)
            }
            version => return Err(bad(&format!("has version {version} of the .npy format; 1 to 3 are known"))),
        };
        let offset = text_at + text_len as u64;
        if text_len > LONGEST || offset > length {
            return Err(bad(&format!("declares a header of {text_len} bytes in a file of {length}")));
        }
        let mut text = vec![0; text_len];
        file.describe(text_at, &mut text)?;
        let text = String::from_utf8_lossy(&text);
        let header = Self::from_text(&text, offset).map_err(|why| match why {
            Refusal::Damaged(why) => bad(&format!("has a header that cannot be read: {why}")),
            Refusal::Unsupported(descr) => {
                Error::unsupported(format!("{}: element type {descr} is not supported", path.display()))
            }
        })?;
        header.check(length).map_err(|why| bad(&why))?;
        Ok(header)
    }

    /// Whether the elements are in a file of `length` bytes.
    pub(in crate::store) fn check(&self, length: u64) -> Result<(), String> {
        let bytes = shape::checked_size(&self.shape).and_then(|n| n.checked_mul(self.dtype.size()));
        if bytes.and_then(|b| self.offset.checked_add(b as u64)).is_none_or(|end| end > length) {
            let (shape, dtype) = (shape::tuple(&self.shape), self.dtype);
            return Err(format!("is cut short: {dtype} of shape {shape} does not fit in {length} bytes"));
        }
        Ok(())
    }

    fn from_text(text: &str, offset: u64) -> Result<Self, Refusal> {
        let mut parser = Parser { text: text.as_bytes(), at: 0 };
        let Literal::Dict(entries) = parser.literal(0)? else { return Err(damaged("it is not a dictionary")) };
        let find = |key: &str| {
            let found = entries.iter().find(|(k, _)| *k == Literal::Text(key.to_owned()));
            found.map(|(_, v)| v).ok_or_else(|| damaged(&format!("`{key}` is missing")))
        };
        let (dtype, swapped, time) = match find("descr")? {
            Literal::Text(descr) => dtype_of(descr)?,
            _ => return Err(Refusal::Unsupported("with fields".to_owned())),
        };
        let Literal::Bool(fortran) = *find("fortran_order")? else {
            return Err(damaged("`fortran_order` is not a truth value"));
        };
        let Literal::Sequence(lengths) = find("shape")? else { return Err(damaged("`shape` is not a tuple")) };
        let shape = lengths
            .iter()
            .map(|n| if let Literal::Int(n) = n { usize::try_from(*n).ok() } else { None })
            .collect::<Option<Vec<usize>>>()
            .filter(|s| s.len() <= 64)
            .ok_or_else(|| damaged("`shape` is not a tuple of lengths"))?;
        Ok(Self { dtype, swapped, fortran: fortran && shape.len() > 1, shape, offset, time })
    }

    /// Order and endianness, where they are not the usual ones.
    pub(super) fn describe(&self) -> String {
        let parts = [(self.fortran, "Fortran order"), (self.swapped, "bytes swapped")];
        parts.iter().filter(|p| p.0).map(|p| p.1).collect::<Vec<_>>().join(", ")
    }
}

/// Digits of the length of the slowest axis for which a header has room, so that it may grow; NumPy's are the same.
const GROWING: usize = 21;

/// The dictionary of a header.
fn dictionary(of: &Header) -> String {
    let (dtype, time) = (of.dtype, of.time);
    let order = if cfg!(target_endian = "big") == of.swapped { '<' } else { '>' };
    let descr = match dtype {
        _ if let Some(time) = time => format!("{order}{}", time.code()),
        DType::BF16 => format!("{order}V2"),
        DType::Bool => "|b1".to_owned(),
        DType::I8 => "|i1".to_owned(),
        DType::U8 => "|u1".to_owned(),
        other => format!("{order}{}{}", kind_code(other), other.size()),
    };
    let (order, shape) = (if of.fortran { "True" } else { "False" }, shape::tuple(&of.shape));
    format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}")
}

impl Header {
    /// The axis along which the array grows by elements behind the last, where it has any.
    pub(super) fn growing(&self) -> Option<usize> {
        let last = self.shape.len().checked_sub(1)?;
        Some(if self.fortran { last } else { 0 })
    }

    /// What stands in front of the elements from `at` on when the array has another shape; `None` where there is no
    /// room for it.
    pub(super) fn grown(&self, at: u64, after: &[usize]) -> Option<Vec<u8>> {
        let room = usize::try_from(self.offset.checked_sub(at)?).ok()?;
        let mut text = dictionary(&Self { shape: after.to_vec(), ..self.clone() }).into_bytes();
        if text.len() >= room {
            return None;
        }
        text.resize(room - 1, b' ');
        text.push(b'\n');
        Some(text)
    }
}

/// The whole header of a new file in C order: the elements follow at once.
pub(super) fn print(dtype: DType, time: Option<TimeType>, lengths: &[usize]) -> Vec<u8> {
    print_whole(&Header { dtype, swapped: false, fortran: false, shape: lengths.to_vec(), offset: 0, time })
}

/// As [`print`], for any header.
pub(super) fn print_whole(of: &Header) -> Vec<u8> {
    let mut text = dictionary(of);
    if let Some(slowest) = of.growing().and_then(|axis| of.shape.get(axis)) {
        text.extend(std::iter::repeat_n(' ', GROWING.saturating_sub(slowest.to_string().len())));
    }
    // Padded with blanks and closed by a line feed, so that the elements are aligned to 64 bytes.
    let long = text.len() + 11 > usize::from(u16::MAX) - 64;
    let before = if long { 12 } else { 10 };
    let text_len = (before + text.len() + 1).next_multiple_of(64) - before;
    let mut out = MAGIC.to_vec();
    if long {
        out.extend([2, 0]);
        out.extend(u32::try_from(text_len).unwrap_or(u32::MAX).to_le_bytes());
    } else {
        out.extend([1, 0]);
        out.extend(u16::try_from(text_len).unwrap_or(u16::MAX).to_le_bytes());
    }
    out.extend(text.bytes());
    out.resize(before + text_len - 1, b' ');
    out.push(b'\n');
    out
}

fn kind_code(dtype: DType) -> char {
    use crate::dtype::Kind;
    match dtype.kind() {
        Kind::Bool => 'b',
        Kind::Unsigned => 'u',
        Kind::Signed => 'i',
        Kind::Float => 'f',
        Kind::Complex => 'c',
    }
}

/// The element type that NumPy writes so, and whether its bytes must be swapped; `None` where there is none, and for
/// what counts time.
pub(in crate::store) fn element(descr: &str) -> Option<(DType, bool)> {
    let numbers = |(dtype, swapped, time): (DType, bool, Option<TimeType>)| time.is_none().then_some((dtype, swapped));
    dtype_of(descr).ok().and_then(numbers).or_else(|| descr.parse().ok().map(|dtype| (dtype, false)))
}

/// The element type behind `descr`, whether its bytes must be swapped, and what it is where it counts time.
fn dtype_of(descr: &str) -> Result<(DType, bool, Option<TimeType>), Refusal> {
    let unsupported = || Refusal::Unsupported(format!("`{descr}`"));
    let order = descr.chars().next().filter(|c| matches!(c, '<' | '>' | '=' | '|'));
    let code = order.map_or(descr, |c| &descr[c.len_utf8()..]);
    let time: Option<TimeType> = code.parse().ok();
    let dtype = match (code, order) {
        _ if time.is_some() => DType::I64,
        // ml_dtypes stores bfloat16 so; real void data of two bytes is `|V2`.
        ("V2", Some('<' | '>')) | ("bfloat16", _) => DType::BF16,
        _ if code.starts_with(['b', 'i', 'u', 'f', 'c']) && code[1..].bytes().all(|b| b.is_ascii_digit()) => {
            code.parse().map_err(|_| unsupported())?
        }
        _ => return Err(unsupported()),
    };
    let swapped = match order {
        Some('<') => cfg!(target_endian = "big"),
        Some('>') => cfg!(target_endian = "little"),
        _ => false,
    };
    Ok((dtype, swapped && dtype.real().size() > 1, time))
}

/// Why a header is not accepted.
#[derive(Debug)]
enum Refusal {
    Damaged(String),
    Unsupported(String),
}

fn damaged(why: &str) -> Refusal {
    Refusal::Damaged(why.to_owned())
}

/// The Python literals that occur in headers.
#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Text(String),
    Int(u64),
    Bool(bool),
    None,
    Sequence(Vec<Literal>),
    Dict(Vec<(Literal, Literal)>),
}

/// A parser of Python literals; nesting and length are bounded.
struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    /// Takes `byte` if it comes next.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn literal(&mut self, depth: usize) -> Result<Literal, Refusal> {
        if depth > 8 {
            return Err(damaged("it is nested too deeply"));
        }
        match self.peek() {
            Some(quote @ (b'\'' | b'"')) => self.text(quote),
            Some(b'0'..=b'9') => self.int(),
            Some(b'(') => self.sequence(b')', depth),
            Some(b'[') => self.sequence(b']', depth),
            Some(b'{') => self.dict(depth),
            Some(b'A'..=b'Z') => self.word(),
            _ => Err(damaged(&format!("byte {} is not understood", self.at))),
        }
    }

    fn text(&mut self, quote: u8) -> Result<Literal, Refusal> {
        let start = self.at + 1;
        let rest = &self.text[start..];
        let end = rest.iter().position(|&b| b == quote).ok_or_else(|| damaged("a text does not end"))?;
        self.at = start + end + 1;
        Ok(Literal::Text(String::from_utf8_lossy(&rest[..end]).into_owned()))
    }

    fn int(&mut self) -> Result<Literal, Refusal> {
        let mut value = 0u64;
        while let Some(digit) = self.text.get(self.at).filter(|b| b.is_ascii_digit()) {
            value = value
                .checked_mul(10)
                .and_then(|v| v.checked_add(u64::from(digit - b'0')))
                .ok_or_else(|| damaged("a number is too large"))?;
            self.at += 1;
        }
        // Python 2 wrote long integers so.
        self.take(b'L');
        Ok(Literal::Int(value))
    }

    fn word(&mut self) -> Result<Literal, Refusal> {
        let rest = &self.text[self.at..];
        let words: [(&[u8], Literal); 3] =
            [(b"True", Literal::Bool(true)), (b"False", Literal::Bool(false)), (b"None", Literal::None)];
        let found = words.into_iter().find(|(word, _)| rest.starts_with(word));
        let (word, value) = found.ok_or_else(|| damaged("an unknown word"))?;
        self.at += word.len();
        Ok(value)
    }

    fn sequence(&mut self, close: u8, depth: usize) -> Result<Literal, Refusal> {
        self.at += 1;
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.literal(depth + 1)?);
            if !self.take(b',') && self.peek() != Some(close) {
                return Err(damaged("a tuple does not end"));
            }
        }
        Ok(Literal::Sequence(items))
    }

    fn dict(&mut self, depth: usize) -> Result<Literal, Refusal> {
        self.at += 1;
        let mut entries = Vec::new();
        while !self.take(b'}') {
            let key = self.literal(depth + 1)?;
            if !self.take(b':') {
                return Err(damaged("a key has no value"));
            }
            entries.push((key, self.literal(depth + 1)?));
            if !self.take(b',') && self.peek() != Some(b'}') {
                return Err(damaged("a dictionary does not end"));
            }
        }
        Ok(Literal::Dict(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_headers_are_understood() {
        for dtype in DType::ALL {
            for shape in [vec![], vec![3], vec![0, 7, 2]] {
                let bytes = print(dtype, None, &shape);
                assert_eq!(bytes.len() % 64, 0);
                let text = String::from_utf8(bytes[10..].to_vec()).unwrap();
                let header = Header::from_text(&text, 0).unwrap();
                assert_eq!((header.dtype, header.shape, header.swapped), (dtype, shape, false));
            }
        }
    }

    #[test]
    fn odd_headers() {
        let check = |text: &str, expect: &str| {
            let got = match Header::from_text(text, 0) {
                Ok(h) => format!("{} {} {} {}", h.dtype, shape::tuple(&h.shape), h.fortran, h.swapped),
                Err(Refusal::Damaged(why)) => format!("damaged: {why}"),
                Err(Refusal::Unsupported(what)) => format!("unsupported: {what}"),
            };
            assert_eq!(got, expect, "{text}");
        };
        let with =
            |descr: &str, shape: &str| format!("{{\"descr\": {descr}, 'fortran_order': True, 'shape': {shape}}}  \n");
        check(&with("'>c16'", "(3L, 4L)"), "complex128 (3, 4) true true");
        check(&with("'<V2'", "(3,)"), "bfloat16 (3,) false false");
        check(&with("'|V2'", "(3,)"), "unsupported: `|V2`");
        check(&with("'|O'", "(3,)"), "unsupported: `|O`");
        check(&with("'<U5'", "(3,)"), "unsupported: `<U5`");
        check(&with("'<f16'", "(3,)"), "unsupported: `<f16`");
        check(&with("[('a', '<i4')]", "(3,)"), "unsupported: with fields");
        check(&with("'<f4'", "(-3,)"), "damaged: byte 50 is not understood");
        check(&with("'<f4'", "(99999999999999999999,)"), "damaged: a number is too large");
        check(&with("'<f4'", "((((((((((((("), "damaged: it is nested too deeply");
        check(&with("'é'", "(1,)"), "unsupported: `é`");
        check("{'descr': '<f4'}", "damaged: `fortran_order` is missing");
        check("{'descr': '<f4", "damaged: a text does not end");
        check("", "damaged: byte 0 is not understood");
    }
}
