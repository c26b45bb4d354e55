//! Writing an array: chunk by chunk into a folder that takes the array's name last of all.

use super::encode::Encoder;
use super::nodes::{self, node, refuse_existing, settle_groups};
use super::source::Source;
use crate::chunk::{Chunks, Region};
use crate::error::{Error, Result};
use crate::shape;
use crate::store::manifest::Seal;
use crate::store::staging::Staging;
use crate::store::{Layout, Sink, raw};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// An array being written.
///
/// Its chunks collect in a hidden folder, which takes the array's name in [`Sink::finish`]; see [`Staging`].
#[derive(Debug)]
pub(super) struct ZarrSink {
    encoder: Encoder,
    source: Source,
    inner: String,
    staging: Staging,
}

impl ZarrSink {
    pub(super) fn new(container: &Path, inner: &str, layout: &Layout) -> Result<Self> {
        let source = Source::Directory(container.to_owned());
        let target = source.name(inner);
        let version = nodes::version(&source, inner, layout.how.zarr_version)?;
        let encoder = Encoder::new(&target, version, layout)?;
        let mut staging = Staging::begin_deep(container, inner, &layout.how, layout.run.as_ref())?;
        if !staging.is_placed() {
            let empty = || !target.exists() || std::fs::read_dir(&target).is_ok_and(|mut d| d.next().is_none());
            refuse_existing(&target, node(&source, inner)?.as_ref(), layout.how.overwrite, || Ok(!empty()))?;
            if !staging.open()? {
                let part = staging.part();
                std::fs::create_dir(part).map_err(|e| Error::store(&target, format!("cannot be created: {e}")))?;
            }
        }
        Ok(Self { encoder, source, inner: inner.to_owned(), staging })
    }

    /// Where a chunk is written.
    fn path(&self, index: &[usize]) -> PathBuf {
        self.staging.part().join(self.encoder.plan.key(index))
    }

    /// The number of a chunk, in row-major order.
    fn number(&self, index: &[usize]) -> usize {
        index.iter().zip(shape::strides(&self.encoder.grid.counts())).map(|(i, step)| i * step).sum()
    }

    /// Whether an earlier run wrote a chunk.
    fn has_chunk(&self, index: &[usize]) -> bool {
        self.staging.has(self.number(index), |len| {
            let path = self.path(index);
            std::fs::metadata(&path).is_ok_and(|m| m.len() == len).then(|| std::fs::read(&path).ok()).flatten()
        })
    }
}

impl Sink for ZarrSink {
    fn grid(&self) -> &Chunks {
        &self.encoder.grid
    }

    fn write(&self, region: &Region, data: &[u8]) -> Result<()> {
        self.encoder.each(region, data, |index, encoded| {
            // Nobody reads it before the manifest says that it is done, so it needs no name of its own until then.
            raw::write_file(&self.path(index), &encoded)?;
            self.staging.note(self.number(index), || Ok(Seal::of(&encoded)))
        })
    }

    fn write_coded(&self, index: &[usize], bytes: Vec<u8>) -> Result<()> {
        raw::write_file(&self.path(index), &bytes)?;
        self.staging.note(self.number(index), || Ok(Seal::of(&bytes)))
    }

    fn has(&self, region: &Region) -> bool {
        self.encoder.chunks(region).all(|index| self.has_chunk(&index))
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if !self.staging.is_placed() {
            // Nobody sees the array yet, so no other name is needed, which a killed run would leave behind.
            for (name, document) in &self.encoder.plan.documents {
                let path = self.staging.part().join(name);
                raw::write_file(&path, &text(&path, document)?)?;
            }
            settle_groups(&self.source, &self.inner, self.encoder.plan.version)?;
        }
        self.staging.place()
    }
}

fn text(path: &Path, document: &Value) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(document).map_err(|e| Error::store(path, e))
}
