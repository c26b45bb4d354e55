//! Stored chunks of a new array: from elements to bytes.

use super::create::Plan;
use super::pipeline::{LARGEST_CHUNK, data_type_of, options};
use crate::chunk::region::Indices;
use crate::chunk::{Chunks, Region};
use crate::cpu::copy::copy_box;
use crate::error::{Error, Result};
use crate::shape;
use crate::store::Layout;
use std::borrow::Cow;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use zarrs::array::{ArrayBytes, ArrayToBytesCodecTraits, DataType, FillValue};

/// What makes stored chunks.
#[derive(Debug)]
pub(super) struct Encoder {
    /// What the array will look like.
    pub(super) plan: Plan,
    /// Its stored chunks.
    pub(super) grid: Chunks,
    itemsize: usize,
    data_type: DataType,
    shape: Vec<NonZeroU64>,
    /// How errors name the array.
    target: PathBuf,
}

impl Encoder {
    /// For an array of this version at `target`.
    pub(super) fn new(target: &Path, version: u8, layout: &Layout) -> Result<Self> {
        let plan = Plan::new(target, version, layout)?;
        let grid = Chunks::regular(&layout.shape, &plan.stored_shape)?;
        let shape = plan.stored_shape.iter().map(|&n| NonZeroU64::new(n as u64)).collect::<Option<_>>();
        let shape = shape.ok_or_else(|| Error::chunks("a chunk of length 0"))?;
        let itemsize = layout.dtype.size();
        let bytes = shape::checked_size(&plan.stored_shape).and_then(|n| n.checked_mul(itemsize));
        if bytes.is_none_or(|n| n as u64 > LARGEST_CHUNK) {
            return Err(Error::chunks(format!("chunks of shape {} are too large", shape::tuple(&plan.stored_shape))));
        }
        let data_type = data_type_of(layout.dtype);
        Ok(Self { plan, grid, itemsize, data_type, shape, target: target.to_owned() })
    }

    /// Calls `store` with the bytes of each chunk of `region`, a union of whole ones, whose elements `data` holds.
    pub(super) fn each(
        &self,
        region: &Region,
        data: &[u8],
        store: impl Fn(&[usize], Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let array = || format!("array {}", self.target.display());
        if !self.grid.aligned(region) || data.len() != shape::size(&region.shape) * self.itemsize {
            let why = format!("region {region} with {} bytes is written to chunks of {}", data.len(), self.grid);
            return Err(Error::bug(why).at(array()));
        }
        self.chunks(region).try_for_each(|index| {
            let done = self.encode(&index, region, data).and_then(|encoded| store(&index, encoded));
            done.map_err(|e| e.at(format!("chunk {}", shape::tuple(&index))).at(array()))
        })
    }

    fn encode(&self, index: &[usize], region: &Region, data: &[u8]) -> Result<Vec<u8>> {
        let chunk = self.grid.region(index);
        let whole = chunk == *region && chunk.shape == self.plan.stored_shape;
        let elements: Cow<'_, [u8]> =
            if whole { Cow::Borrowed(data) } else { Cow::Owned(self.padded(&chunk, region, data)) };
        let fill = FillValue::from(self.plan.fill.as_slice());
        let chain = self.plan.chain.as_ref();
        let chain = chain.ok_or_else(|| Error::unsupported("chunks of these codecs are copied and not made"))?;
        chain
            .encode(ArrayBytes::new_flen(elements), &self.shape, &self.data_type, &fill, &options())
            .map(Cow::into_owned)
            .map_err(|e| Error::store(&self.target, format!("cannot be encoded: {e}")))
    }

    /// The chunks of a region.
    pub(super) fn chunks(&self, region: &Region) -> impl Iterator<Item = Vec<usize>> {
        let touched = self.grid.touching(region);
        Indices::new(&touched.shape).map(move |step| step.iter().zip(&touched.start).map(|(a, b)| a + b).collect())
    }

    /// The stored chunk in full: at the edge, the fill value lies beyond the array.
    fn padded(&self, chunk: &Region, region: &Region, data: &[u8]) -> Vec<u8> {
        let stored = &self.plan.stored_shape;
        let mut out = self.plan.fill.repeat(shape::size(stored));
        let from = chunk.relative_to(region);
        copy_box(
            data,
            &region.shape,
            &from.start,
            &mut out,
            stored,
            &vec![0; stored.len()],
            &chunk.shape,
            self.itemsize,
        );
        out
    }
}
