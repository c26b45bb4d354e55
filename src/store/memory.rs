//! Arrays in memory as stores: ndarray in, and the result of an earlier computation.

use super::{Attributes, Info, Store};
use crate::chunk::{Chunks, Region};
use crate::cpu::copy::copy_region;
use crate::device::data::Data;
use crate::error::Result;

/// Data that is read like a file; whoever can uses it in place, through [`Store::data`].
#[derive(Debug)]
pub struct MemoryStore {
    info: Info,
    data: Data,
}

impl MemoryStore {
    /// A store over `data`, cut into `chunks`.
    #[must_use]
    pub fn new(data: Data, chunks: Chunks) -> Self {
        let info = Info {
            path: "memory".to_owned(),
            format: "memory".to_owned(),
            dtype: data.dtype(),
            shape: data.shape().to_vec(),
            chunks,
            shards: None,
            codecs: String::new(),
            names: Vec::new(),
            attributes: Attributes::new(),
            fill: None,
            stored: None,
        };
        Self { info, data }
    }
}

impl Store for MemoryStore {
    fn info(&self) -> &Info {
        &self.info
    }

    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        let block = self.data.host()?;
        copy_region(block.bytes(), block.shape(), region, out, block.dtype().size());
        Ok(())
    }

    fn random_access(&self) -> bool {
        true
    }

    fn stamp(&self) -> Option<String> {
        let block = self.data.host().ok()?;
        let bytes = block.bytes();
        Some(format!("{} bytes, checksum {:08x}", bytes.len(), libdeflater::crc32(bytes)))
    }

    fn data(&self) -> Option<&Data> {
        Some(&self.data)
    }
}
