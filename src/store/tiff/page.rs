//! One page: its elements, and where they are.

use super::codec::{Compression, Predictor};
use super::directory::{Directory, Reader, tag};
use crate::dtype::DType;
use crate::shape;

/// What pages of one array have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) dtype: DType,
    /// (rows, columns), with the samples of a pixel last, or first where each is a picture of its own.
    pub(super) shape: Vec<usize>,
    /// The shape of a stored strip or tile; it may reach over the edge.
    pub(super) tile: Vec<usize>,
    /// Whether every sample has strips or tiles of its own.
    pub(super) planar: bool,
    pub(super) is_tiled: bool,
    pub(super) compression: Compression,
    pub(super) predictor: Predictor,
    /// Whether elements are bits.
    pub(super) bits: bool,
    /// Whether the first of them is the lowest of its byte.
    pub(super) low_first: bool,
}

/// A page.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) form: Form,
    /// Where each strip or tile begins, and its bytes.
    pub(super) places: Vec<(u64, u64)>,
    pub(super) description: Option<String>,
}

/// Why a page is not read.
#[derive(Debug)]
pub(super) enum Refusal {
    Damaged(String),
    Unsupported(String),
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Self::Damaged(why)
    }
}

impl Form {
    /// Rows and columns.
    pub(super) fn size(&self) -> (usize, usize) {
        let at = usize::from(self.planar);
        (self.shape[at], self.shape[at + 1])
    }

    /// Samples of a pixel that lie side by side.
    pub(super) fn samples(&self) -> usize {
        if self.planar { 1 } else { self.shape.get(2).copied().unwrap_or(1) }
    }

    /// Bytes of a row of a strip or tile, as it is stored.
    pub(super) fn row_bytes(&self) -> usize {
        let numbers = self.tile[usize::from(self.planar) + 1] * self.samples();
        if self.bits { numbers.div_ceil(8) } else { numbers * self.dtype.size() }
    }

    /// Strips or tiles along each axis.
    pub(super) fn counts(&self) -> Vec<usize> {
        self.shape.iter().zip(&self.tile).map(|(n, t)| n.div_ceil((*t).max(1))).collect()
    }

    /// What a user reads of it.
    pub(super) fn describe(&self, swapped: bool) -> String {
        let predictor = match self.predictor {
            Predictor::None => "",
            Predictor::Horizontal => "differences",
            Predictor::Float => "float differences",
        };
        let swapped = if swapped && self.dtype.size() > 1 { "bytes swapped" } else { "" };
        let parts = [self.compression.name(), predictor, swapped];
        parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(", ")
    }
}

impl Page {
    pub(super) fn read(reader: &mut Reader<'_>, of: &Directory) -> Result<Self, Refusal> {
        let damaged = |why: &str| Refusal::Damaged(why.to_owned());
        let (columns, rows) = (reader.one(of, tag::WIDTH)?, reader.one(of, tag::HEIGHT)?);
        let (Some(columns), Some(rows)) = (columns, rows) else { return Err(damaged("has a page without a size")) };
        let samples = reader.one(of, tag::SAMPLES)?.unwrap_or(1);
        let (dtype, bits) = element(reader, of, samples)?;
        let compression = reader.one(of, tag::COMPRESSION)?.unwrap_or(1);
        let compression =
            Compression::of(compression).map_err(|name| Refusal::Unsupported(format!("is packed as {name}")))?;
        let predictor = match reader.one(of, tag::PREDICTOR)?.unwrap_or(1) {
            1 => Predictor::None,
            2 if !bits && !dtype.is_complex() => Predictor::Horizontal,
            3 if dtype.is_inexact() && !dtype.is_complex() => Predictor::Float,
            other => return Err(Refusal::Unsupported(format!("has predictor {other} for {dtype}"))),
        };
        let planar = samples > 1 && reader.one(of, tag::PLANAR)?.unwrap_or(1) == 2;
        let is_tiled = Reader::count(of, tag::TILE_OFFSETS) > 0;
        let tile = if is_tiled {
            [reader.one(of, tag::TILE_HEIGHT)?.unwrap_or(0), reader.one(of, tag::TILE_WIDTH)?.unwrap_or(0)]
        } else {
            [reader.one(of, tag::ROWS_PER_STRIP)?.unwrap_or(rows).min(rows), columns]
        };
        if rows == 0 || columns == 0 || samples == 0 || tile.contains(&0) {
            return Err(damaged("has a page or tiles of no size"));
        }
        let with_samples = |page: [u64; 2], samples: u64, alone: bool| match (alone, planar) {
            (true, _) => page.to_vec(),
            (false, true) => vec![samples, page[0], page[1]],
            (false, false) => vec![page[0], page[1], samples],
        };
        let lengths = |wanted: Vec<u64>| {
            wanted.into_iter().map(|n| usize::try_from(n).ok().filter(|&n| n < 1 << 40)).collect::<Option<Vec<_>>>()
        };
        let page = lengths(with_samples([rows, columns], samples, samples == 1));
        let tile = lengths(with_samples(tile, if planar { 1 } else { samples }, samples == 1));
        let (Some(shape), Some(tile)) = (page, tile) else { return Err(damaged("has a page without end")) };
        let low_first = reader.one(of, tag::FILL_ORDER)?.unwrap_or(1) == 2;
        if low_first && (compression != Compression::None || !bits) {
            return Err(Refusal::Unsupported("has the bits of its bytes in reverse".to_owned()));
        }
        if reader.one(of, tag::PHOTOMETRIC)? == Some(6) && reader.numbers(of, tag::SUBSAMPLING, 2)? != [1, 1] {
            return Err(Refusal::Unsupported("has colours of fewer pixels than its brightness (YCbCr)".to_owned()));
        }
        let form = Form { dtype, shape, tile, planar, is_tiled, compression, predictor, bits, low_first };
        check(&form)?;
        let places = places(reader, of, &form)?;
        let description = reader.text(of, tag::DESCRIPTION)?;
        Ok(Self { form, places, description }.joined())
    }

    /// The page with strips that lie one behind the other, and are not packed, as one strip.
    fn joined(mut self) -> Self {
        let row = usize::from(self.form.planar);
        let together = self.places.windows(2).all(|w| w[0].0.checked_add(w[0].1) == Some(w[1].0));
        let plain = !self.form.is_tiled && self.form.compression == Compression::None;
        if plain && !self.form.planar && together && self.places.len() > 1 {
            let bytes = self.places.iter().map(|p| p.1).fold(0, u64::saturating_add);
            self.form.tile[row] = self.form.shape[row];
            self.places = vec![(self.places[0].0, bytes)];
        }
        self
    }
}

/// The element type, and whether elements are bits.
fn element(reader: &mut Reader<'_>, of: &Directory, samples: u64) -> Result<(DType, bool), Refusal> {
    let most = samples.min(1 << 16);
    let (bits, formats) = (reader.numbers(of, tag::BITS, most)?, reader.numbers(of, tag::SAMPLE_FORMAT, most)?);
    let (bit, format) = (bits.first().copied().unwrap_or(1), formats.first().copied().unwrap_or(1));
    if bits.iter().any(|b| *b != bit) || formats.iter().any(|f| *f != format) {
        return Err(Refusal::Unsupported("has samples of several types".to_owned()));
    }
    let dtype = match (format, bit) {
        (1 | 4, 1) => DType::Bool,
        (1 | 4, 8) => DType::U8,
        (1 | 4, 16) => DType::U16,
        (1 | 4, 32) => DType::U32,
        (1 | 4, 64) => DType::U64,
        (2, 8) => DType::I8,
        (2, 16) => DType::I16,
        (2, 32) => DType::I32,
        (2, 64) => DType::I64,
        (3, 16) => DType::F16,
        (3, 32) => DType::F32,
        (3, 64) => DType::F64,
        (6, 64) => DType::C64,
        (6, 128) => DType::C128,
        _ => return Err(Refusal::Unsupported(format!("has samples of {bit} bits in sample format {format}"))),
    };
    Ok((dtype, bit == 1))
}

/// Whether strips and tiles are of a size that their page explains.
fn check(form: &Form) -> Result<(), Refusal> {
    let bytes = |shape: &[usize]| shape::checked_size(shape).and_then(|n| n.checked_mul(form.dtype.size()));
    let (page, tile) = (bytes(&form.shape), bytes(&form.tile));
    let most = page.and_then(|p| p.checked_mul(8)).map(|p| p.max(16 << 20));
    if tile.zip(most).is_none_or(|(tile, most)| tile > most) {
        let (tile, page) = (shape::tuple(&form.tile), shape::tuple(&form.shape));
        return Err(Refusal::Damaged(format!("has tiles of shape {tile} in a page of shape {page}")));
    }
    Ok(())
}

/// Where the strips or tiles are, in C order, and whether what they hold can be there.
fn places(reader: &mut Reader<'_>, of: &Directory, form: &Form) -> Result<Vec<(u64, u64)>, Refusal> {
    let (at, sizes) =
        if form.is_tiled { (tag::TILE_OFFSETS, tag::TILE_BYTES) } else { (tag::STRIP_OFFSETS, tag::STRIP_BYTES) };
    let count = shape::checked_size(&form.counts()).map_or(u64::MAX, |n| n as u64);
    if Reader::count(of, at) < count {
        let (have, shape) = (Reader::count(of, at), shape::tuple(&form.shape));
        return Err(Refusal::Damaged(format!("has {have} of {count} strips or tiles of a page of shape {shape}")));
    }
    let rows = form.tile[usize::from(form.planar)];
    let whole = (rows as u64).saturating_mul(form.row_bytes() as u64);
    let offsets = reader.numbers(of, at, count)?;
    let mut bytes = reader.numbers(of, sizes, count)?;
    if bytes.is_empty() && form.compression == Compression::None {
        // Old writers leave them out.
        bytes = vec![whole; offsets.len()];
    }
    if bytes.len() < offsets.len() {
        return Err(Refusal::Damaged("does not say how long its strips or tiles are".to_owned()));
    }
    Ok(offsets.into_iter().zip(bytes).collect())
}
