//! Arrays in memory as stores: ndarray in, and the result of an earlier computation.

use super::{Attributes, Info, Store};
use crate::chunk::{Chunks, Region};
use crate::cpu::copy::copy_region;
use crate::device::block::Block;
use crate::error::Result;

/// A block that is read like a file; whoever can uses it in place, through [`Store::block`].
#[derive(Debug)]
pub struct MemoryStore {
    info: Info,
    block: Block,
}

impl MemoryStore {
    /// A store over `block`, cut into `chunks`.
    #[must_use]
    pub fn new(block: Block, chunks: Chunks) -> Self {
        let info = Info {
            path: "memory".to_owned(),
            format: "memory".to_owned(),
            dtype: block.dtype(),
            shape: block.shape().to_vec(),
            chunks,
            shards: None,
            codecs: String::new(),
            names: Vec::new(),
            attributes: Attributes::new(),
            fill: None,
            stored: None,
        };
        Self { info, block }
    }
}

impl Store for MemoryStore {
    fn info(&self) -> &Info {
        &self.info
    }

    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        copy_region(self.block.bytes(), self.block.shape(), region, out, self.block.dtype().size());
        Ok(())
    }

    fn random_access(&self) -> bool {
        true
    }

    fn stamp(&self) -> Option<String> {
        let bytes = self.block.bytes();
        Some(format!("{} bytes, checksum {:08x}", bytes.len(), libdeflater::crc32(bytes)))
    }

    fn block(&self) -> Option<&Block> {
        Some(&self.block)
    }
}
