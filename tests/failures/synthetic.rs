//! A stored array that computes its elements, counts its reads and fails on demand.

use hyperslab::Array;
use hyperslab::chunk::{Chunks, Region, region::Indices};
use hyperslab::dtype::DType;
use hyperslab::error::{Error, ErrorKind, Result};
use hyperslab::expr::build;
use hyperslab::store::{Info, Store};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What a chunk does instead of being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Error,
    Panic,
    /// Is read late: after this many other chunks.
    Slow(usize),
}

#[derive(Debug)]
pub struct Synthetic {
    info: Info,
    reads: Mutex<BTreeMap<Vec<usize>, usize>>,
    fault: Option<(Vec<usize>, Fault)>,
}

/// The element at row `i` and column `j`.
pub fn value(i: usize, j: usize) -> f32 {
    ((i * 31 + j * 17) % 101) as f32
}

impl Synthetic {
    pub fn new(rows: usize, columns: usize, chunk: [usize; 2]) -> Self {
        let chunks = Chunks::regular(&[rows, columns], &chunk).unwrap();
        let info = Info::new("synthetic", "synthetic", DType::F32, chunks);
        Self { info, reads: Mutex::default(), fault: None }
    }

    /// The same with a chunk that misbehaves.
    pub fn with(mut self, chunk: [usize; 2], fault: Fault) -> Self {
        self.fault = Some((chunk.to_vec(), fault));
        self
    }

    pub fn into_array(self) -> (Array<f32>, Arc<Self>) {
        let store = Arc::new(self);
        let shared: Arc<dyn Store> = Arc::<Self>::clone(&store);
        (Array::from_expr(build::source(shared)).try_typed().unwrap(), store)
    }

    /// How often chunks were read: the least and the most over all chunks.
    pub fn reads(&self) -> (usize, usize) {
        let reads = self.reads.lock().unwrap();
        let least = if reads.len() < self.info.chunks.count() { 0 } else { *reads.values().min().unwrap() };
        (least, reads.values().max().copied().unwrap_or(0))
    }

    /// How many reads of chunks there were.
    pub fn total_reads(&self) -> usize {
        self.reads.lock().unwrap().values().sum()
    }

    fn misbehave(&self, chunk: &[usize]) -> Result<()> {
        match &self.fault {
            Some((bad, fault)) if bad == chunk => match fault {
                Fault::Error => {
                    let why = format!("chunk {} cannot be decoded", hyperslab::shape::Shape::new(chunk));
                    return Err(Error::from(ErrorKind::Store { path: self.info.path.clone(), why }));
                }
                Fault::Panic => panic!("the decoder is broken"),
                Fault::Slow(others) => {
                    // A bounded wait: a run that holds others back until this chunk has been read goes on all the same.
                    for _ in 0..100 {
                        if self.total_reads() > *others {
                            break;
                        }
                        std::thread::sleep(std::time::Duration::from_millis(5));
                    }
                }
            },
            _ => {}
        }
        Ok(())
    }
}

impl Store for Synthetic {
    fn info(&self) -> &Info {
        &self.info
    }

    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        let touching = self.info.chunks.touching(region);
        for step in Indices::new(&touching.shape) {
            let chunk: Vec<usize> = step.iter().zip(&touching.start).map(|(a, b)| a + b).collect();
            *self.reads.lock().unwrap().entry(chunk.clone()).or_default() += 1;
            self.misbehave(&chunk)?;
        }
        let columns = region.shape[1];
        for (i, row) in out.chunks_exact_mut(columns * 4).enumerate() {
            for (j, element) in row.chunks_exact_mut(4).enumerate() {
                element.copy_from_slice(&value(region.start[0] + i, region.start[1] + j).to_ne_bytes());
            }
        }
        Ok(())
    }
}
