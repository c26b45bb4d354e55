//! ZFP: numbers in boxes of four along every axis, bit plane by bit plane, as many as the encoder kept.

use super::exactly;
use crate::dtype::DType;
use crate::shape;
use bytemuck::Pod;
use zfp_rs::{ZfpBitStream, ZfpConfig, ZfpFieldMut, ZfpHeaderMask, ZfpScalar, ZfpScalarType};

/// What a stream holds: numbers of a type, in a box, under the parameters of the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Zfp {
    number: ZfpScalarType,
    /// Lengths, of the axis that varies fastest first; 0 where there is none.
    lengths: [usize; 4],
    config: ZfpConfig,
}

/// The bits of a stream.
///
/// # Errors
/// Where memory has not the room.
pub(in crate::store) fn bits(stream: &[u8]) -> Result<ZfpBitStream, String> {
    ZfpBitStream::from_bytes(stream).map_err(|e| format!("zfp: {e}"))
}

impl Zfp {
    /// Numbers of this type in a box of this shape; `None` where a stream holds no such.
    #[cfg(feature = "zarr")]
    pub(in crate::store) fn new(dtype: DType, shape: &[usize], config: ZfpConfig) -> Option<Self> {
        let number = match dtype {
            DType::I32 => ZfpScalarType::I32,
            DType::I64 => ZfpScalarType::I64,
            DType::F32 => ZfpScalarType::F32,
            DType::F64 => ZfpScalarType::F64,
            _ => return None,
        };
        let mut lengths = [0; 4];
        let axes = lengths.get_mut(..shape.len()).filter(|axes| !axes.is_empty())?;
        axes.iter_mut().zip(shape.iter().rev()).for_each(|(to, n)| *to = *n);
        Some(Self { number, lengths, config })
    }

    /// What a header says that stands before a stream, or in a place of its own; so many bytes there are in all.
    ///
    /// # Errors
    /// Where it is none.
    pub(in crate::store) fn read(bits: &mut ZfpBitStream, bytes: usize) -> Result<Self, String> {
        let header = bits.read_header(ZfpHeaderMask::FULL).map_err(|e| format!("zfp: {e}"))?;
        if header.bits_read > bytes.saturating_mul(8) {
            return Err("zfp: the header is cut short".to_owned());
        }
        let (Some(field), Some(config)) = (header.metadata, header.config) else {
            return Err("zfp: the header is not whole".to_owned());
        };
        Ok(Self { number: field.scalar_type, lengths: field.dims, config })
    }

    /// The type of the numbers.
    pub(in crate::store) fn dtype(&self) -> DType {
        match self.number {
            ZfpScalarType::I32 => DType::I32,
            ZfpScalarType::I64 => DType::I64,
            ZfpScalarType::F32 => DType::F32,
            ZfpScalarType::F64 => DType::F64,
        }
    }

    /// Lengths, of the axis that varies slowest first.
    pub(in crate::store) fn shape(&self) -> Vec<usize> {
        let axes = self.lengths.iter().take_while(|&&n| n > 0).count();
        self.lengths[..axes].iter().rev().copied().collect()
    }

    /// Bytes of all numbers, where they can be counted.
    pub(in crate::store) fn bytes(&self) -> Option<usize> {
        shape::checked_size(&self.shape())?.checked_mul(self.dtype().size())
    }

    /// Decodes a stream, from where its header ends, to numbers that must fill `out`.
    ///
    /// # Errors
    /// Where it ends too early, or `out` has another size. A damaged stream has other numbers; there is no checksum.
    pub(in crate::store) fn decode(&self, bits: &mut ZfpBitStream, out: &mut [u8]) -> Result<(), String> {
        exactly("zfp", self.bytes().unwrap_or(usize::MAX), out)?;
        match self.number {
            ZfpScalarType::I32 => self.fill::<i32>(bits, out),
            ZfpScalarType::I64 => self.fill::<i64>(bits, out),
            ZfpScalarType::F32 => self.fill::<f32>(bits, out),
            ZfpScalarType::F64 => self.fill::<f64>(bits, out),
        }
    }

    fn fill<T: ZfpScalar + Pod>(&self, bits: &mut ZfpBitStream, out: &mut [u8]) -> Result<(), String> {
        // Memory of chunks need not begin where numbers may.
        let mut room = Vec::new();
        let is_aligned = bytemuck::try_cast_slice_mut::<u8, T>(out).is_ok();
        if !is_aligned {
            room.resize(out.len() / size_of::<T>(), T::zeroed());
        }
        let numbers = if is_aligned { bytemuck::cast_slice_mut(out) } else { room.as_mut_slice() };
        let mut field = ZfpFieldMut::new::<T, _>(numbers, self.lengths).map_err(|e| format!("zfp: {e}"))?;
        bits.decompress(&self.config, &mut field).map_err(|e| format!("zfp: {e}"))?;
        if !is_aligned {
            out.copy_from_slice(bytemuck::cast_slice(&room));
        }
        Ok(())
    }
}
