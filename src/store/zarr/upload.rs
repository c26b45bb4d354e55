//! Writing an array behind a network.
//!
//! An object is stored at once or not at all, but none can be renamed. So chunks go where they belong, and the array is
//! there when its metadata is, which is stored last. Until then an object beside the chunks says that a run is under
//! way, and which one: what that has stored is continued or thrown away, and nothing else is.

use super::encode::Encoder;
use super::join;
use super::nodes::{node, refuse_existing, settle_groups, version};
use super::objects::Hierarchy;
use super::source::Source;
use crate::chunk::{Chunks, Region};
use crate::error::{Error, Result};
use crate::store::manifest::Fingerprint;
use crate::store::remote::uploads::{Uploads, put_now};
use crate::store::remote::{Listing, RUN, is_read_only};
use crate::store::{Layout, Sink};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An array being written.
#[derive(Debug)]
pub(super) struct RemoteSink {
    encoder: Encoder,
    hierarchy: Arc<Hierarchy>,
    container: PathBuf,
    inner: String,
    run: Option<Fingerprint>,
    /// Whether what is done stays when this is dropped.
    resume: bool,
    /// Whether the run stays known after the end.
    receipt: bool,
    /// Chunks that an earlier run stored.
    stored: BTreeSet<String>,
    uploads: Arc<Uploads>,
    stage: Mutex<Stage>,
}

/// How far a sink is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing was touched.
    New,
    /// An earlier run had finished the array.
    Placed,
    /// Chunks are being stored.
    Begun,
    /// The array is there.
    Done,
}

impl RemoteSink {
    pub(super) fn new(container: &Path, inner: &str, layout: &Layout) -> Result<Self> {
        let inner = inner.trim_matches('/');
        refuse_read_only(container)?;
        let hierarchy = Arc::new(Hierarchy::open(container, inner)?);
        let target = hierarchy.name(inner);
        let version = version(&Source::Remote(Arc::clone(&hierarchy)), inner, layout.how.zarr_version)?;
        let encoder = Encoder::new(&target, version, layout)?;
        let how = &layout.how;
        let mut new = Self {
            encoder,
            hierarchy,
            container: container.to_owned(),
            inner: inner.to_owned(),
            run: layout.run.clone(),
            resume: how.resume,
            receipt: how.receipt,
            stored: BTreeSet::new(),
            uploads: Arc::default(),
            stage: Mutex::new(Stage::New),
        };
        let stage = new.look(&target, how.overwrite)?;
        new.stage = Mutex::new(stage);
        Ok(new)
    }

    /// Looks at what is there: an array to be replaced, or what an earlier run has left.
    fn look(&mut self, target: &Path, overwrite: bool) -> Result<Stage> {
        let there = self.hierarchy.text(&self.key(RUN))?;
        let wanted = self.run.as_ref().filter(|_| self.resume);
        let same = match (&there, wanted) {
            (Some(text), Some(run)) => run.continues(text, target)?,
            _ => false,
        };
        let node = node(&Source::Remote(Arc::clone(&self.hierarchy)), &self.inner)?;
        if same && node.as_ref().is_some_and(|node| node.array) {
            return Ok(Stage::Placed);
        }
        // Empty objects stand for folders, where somebody has made these by hand.
        let is_taken = || Ok(there.is_none() && self.listing()?.objects.iter().any(|&(_, length)| length > 0));
        refuse_existing(target, node.as_ref(), overwrite, is_taken)?;
        if same {
            self.stored = self.objects()?.into_iter().collect();
            return Ok(Stage::Begun);
        }
        Ok(Stage::New)
    }

    /// A key of the array.
    fn key(&self, name: &str) -> String {
        join(&self.inner, name)
    }

    /// The objects that are stored below the array.
    fn objects(&self) -> Result<Vec<String>> {
        Ok(self.listing()?.objects.into_iter().map(|(key, _)| key).collect())
    }

    fn listing(&self) -> Result<Listing> {
        self.hierarchy.place().list(&self.hierarchy.object(&self.inner), true)
    }

    /// Makes room, and says that a run is under way, before the first chunk is stored.
    fn begin(&self) -> Result<()> {
        let mut stage = self.stage.lock();
        if *stage != Stage::New {
            return Ok(());
        }
        let place = self.hierarchy.place();
        // Metadata goes first, so that nobody takes what is left for the array.
        let is_chunk = |key: &String| !key.rsplit('/').next().is_some_and(|n| n.starts_with(".z") || n == "zarr.json");
        let (chunks, documents): (Vec<String>, Vec<String>) = self.objects()?.into_iter().partition(is_chunk);
        place.delete(&documents)?;
        place.delete(&chunks)?;
        let text = self.run.as_ref().map_or_else(Vec::new, Fingerprint::text);
        put_now(place, &self.hierarchy.object(&self.key(RUN)), text)?;
        *stage = Stage::Begun;
        Ok(())
    }
}

impl Sink for RemoteSink {
    fn grid(&self) -> &Chunks {
        &self.encoder.grid
    }

    fn has(&self, region: &Region) -> bool {
        if *self.stage.lock() == Stage::Placed {
            return true;
        }
        let key = |index: Vec<usize>| self.hierarchy.object(&self.key(&self.encoder.plan.key(&index)));
        !self.stored.is_empty() && self.encoder.chunks(region).all(|index| self.stored.contains(&key(index)))
    }

    fn write(&self, region: &Region, data: &[u8]) -> Result<()> {
        self.begin()?;
        self.encoder.each(region, data, |index, encoded| {
            let object = self.hierarchy.object(&self.key(&self.encoder.plan.key(index)));
            self.uploads.put(self.hierarchy.place(), &object, encoded)
        })
    }

    fn write_coded(&self, index: &[usize], bytes: Vec<u8>) -> Result<()> {
        self.begin()?;
        let object = self.hierarchy.object(&self.key(&self.encoder.plan.key(index)));
        self.uploads.put(self.hierarchy.place(), &object, bytes)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        if *self.stage.lock() != Stage::Placed {
            self.begin()?;
            self.uploads.wait()?;
            // What is there now, which may be more than there was at the beginning.
            let source = Source::Remote(Arc::new(Hierarchy::open(&self.container, "")?));
            settle_groups(&source, &self.inner, self.encoder.plan.version)?;
            // The attributes before what makes it an array.
            for (name, document) in self.encoder.plan.documents.iter().rev() {
                source.put(&self.key(name), document)?;
            }
        }
        *self.stage.lock() = Stage::Done;
        if self.receipt {
            return Ok(());
        }
        self.hierarchy.place().delete(&[self.hierarchy.object(&self.key(RUN))])
    }
}

impl Drop for RemoteSink {
    fn drop(&mut self) {
        // What fails here is there for the next run to throw away.
        let _ = self.uploads.wait();
        if *self.stage.lock() == Stage::Begun && !self.resume {
            let run = self.hierarchy.object(&self.key(RUN));
            let objects: Vec<String> = self.objects().unwrap_or_default().into_iter().filter(|k| *k != run).collect();
            let gone = self.hierarchy.place().delete(&objects);
            let _ = gone.and_then(|()| self.hierarchy.place().delete(&[run]));
        }
    }
}

pub(super) fn refuse_read_only(container: &Path) -> Result<()> {
    if is_read_only(container) {
        return Err(Error::unsupported(format!("{}: HTTP servers are read, not written to", container.display())));
    }
    Ok(())
}
