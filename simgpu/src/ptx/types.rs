//! Types of PTX values.

/// A fundamental type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ty {
    Pred,
    B8,
    B16,
    B32,
    B64,
    U8,
    U16,
    U32,
    U64,
    S8,
    S16,
    S32,
    S64,
    F16,
    F16x2,
    Bf16,
    Bf16x2,
    F32,
    F64,
}

/// Where values of a type are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A bit per lane.
    Pred,
    /// A row of 32-bit lanes; narrower values are kept zero-extended.
    Narrow,
    /// Two rows: 64-bit lanes.
    Wide,
}

impl Ty {
    /// The type of this suffix, without its dot.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "pred" => Self::Pred,
            "b8" => Self::B8,
            "b16" => Self::B16,
            "b32" => Self::B32,
            "b64" => Self::B64,
            "u8" => Self::U8,
            "u16" => Self::U16,
            "u32" => Self::U32,
            "u64" => Self::U64,
            "s8" => Self::S8,
            "s16" => Self::S16,
            "s32" => Self::S32,
            "s64" => Self::S64,
            "f16" => Self::F16,
            "f16x2" => Self::F16x2,
            "bf16" => Self::Bf16,
            "bf16x2" => Self::Bf16x2,
            "f32" => Self::F32,
            "f64" => Self::F64,
            _ => return None,
        })
    }

    pub fn bytes(self) -> usize {
        match self {
            Self::Pred | Self::B8 | Self::U8 | Self::S8 => 1,
            Self::B16 | Self::U16 | Self::S16 | Self::F16 | Self::Bf16 => 2,
            Self::B32 | Self::U32 | Self::S32 | Self::F32 | Self::F16x2 | Self::Bf16x2 => 4,
            Self::B64 | Self::U64 | Self::S64 | Self::F64 => 8,
        }
    }

    pub fn class(self) -> Class {
        match (self, self.bytes()) {
            (Self::Pred, _) => Class::Pred,
            (_, 8) => Class::Wide,
            _ => Class::Narrow,
        }
    }

    pub fn is_signed(self) -> bool {
        matches!(self, Self::S8 | Self::S16 | Self::S32 | Self::S64)
    }

    pub fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::F16x2 | Self::Bf16 | Self::Bf16x2 | Self::F32 | Self::F64)
    }
}

/// A mnemonic in its parts.
#[derive(Debug, Clone)]
pub struct Mnemonic<'a> {
    pub base: &'a str,
    /// Suffixes that are no types, in order.
    pub mods: Vec<&'a str>,
    pub types: Vec<Ty>,
}

impl<'a> Mnemonic<'a> {
    pub fn parse(text: &'a str) -> Self {
        let mut parts = text.split('.');
        let base = parts.next().unwrap_or_default();
        let (mut mods, mut types) = (Vec::new(), Vec::new());
        for part in parts {
            match Ty::parse(part) {
                Some(ty) => types.push(ty),
                None => mods.push(part),
            }
        }
        Self { base, mods, types }
    }

    pub fn has(&self, name: &str) -> bool {
        self.mods.contains(&name)
    }

    /// The last type; bits of 32 where there is none.
    pub fn ty(&self) -> Ty {
        self.types.last().copied().unwrap_or(Ty::B32)
    }

    /// Elements of a vector access.
    pub fn vector(&self) -> usize {
        let named = self.mods.iter().find_map(|m| m.strip_prefix('v')).and_then(|n| n.parse().ok());
        named.filter(|n| matches!(n, 2 | 4 | 8)).unwrap_or(1)
    }

    /// How results are rounded, to the nearest where nothing is said.
    pub fn rounding(&self) -> Rounding {
        match self.mods.iter().find(|m| matches!(**m, "rz" | "rm" | "rp" | "rzi" | "rmi" | "rpi")) {
            Some(&("rz" | "rzi")) => Rounding::Zero,
            Some(&("rm" | "rmi")) => Rounding::Down,
            Some(_) => Rounding::Up,
            None => Rounding::Nearest,
        }
    }
}

/// Directions of rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    Nearest,
    Zero,
    Down,
    Up,
}
