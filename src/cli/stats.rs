//! `hyperslab info --stats`: what an array holds, by reading every byte of it.

use super::print;
use super::session::{Goal, Session};
use crate::array::Array;
use crate::chunk::region::Indices;
use crate::device::block::Block;
use crate::dtype::scalar::Scalar;
use crate::dtype::time::TimeType;
use crate::error::{Error, ErrorKind, Result};
use crate::op::elementwise::ElementOp;
use crate::op::reduction::Params;
use crate::shape;
use crate::store::Store;
use serde_json::{Map, Value, json};

/// Faults of one array that are told one by one.
const MOST_FAULTS: usize = 20;

/// What an array holds. What makes no sense for it (the smallest of no elements, or of complex numbers) is missing.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Name and value, in the order in which they are shown.
    values: Vec<(&'static str, Block)>,
    /// What elements are that are dates or lengths of time.
    time: Option<TimeType>,
    /// How many elements are NaN, or `NaT`.
    nans: u64,
    /// How many elements there are.
    elements: u64,
}

impl Stats {
    /// In words: `min -1.5, max 3, mean 0.2, 7 NaN`.
    ///
    /// # Errors
    /// None that data can cause.
    pub fn text(&self) -> Result<String> {
        let mut parts = Vec::new();
        for (name, block) in &self.values {
            parts.push(format!("{name} {}", print::times(block, self.time)?));
        }
        match (self.elements, self.nans) {
            (0, _) => parts.push("no elements".to_owned()),
            (_, 0) => {}
            (_, n) => parts.push(format!("{n} {}", if self.time.is_some() { "NaT" } else { "NaN" })),
        }
        Ok(parts.join(", "))
    }

    /// The smallest and the largest element.
    #[must_use]
    pub fn ends(&self) -> Option<[f64; 2]> {
        let value = |wanted: &str| {
            let (_, block) = self.values.iter().find(|(name, _)| *name == wanted)?;
            Some(Scalar::from_bytes(block.dtype(), block.bytes()).to_f64())
        };
        Some([value("min")?, value("max")?])
    }

    /// As JSON; numbers that JSON has not, such as NaN, as text.
    ///
    /// # Errors
    /// None that data can cause.
    pub fn json(&self) -> Result<Value> {
        let mut out = Map::new();
        for (name, block) in &self.values {
            let text = print::times(block, self.time)?;
            out.insert((*name).to_owned(), serde_json::from_str(&text).unwrap_or(Value::String(text)));
        }
        out.insert("nan".to_owned(), json!(self.nans));
        Ok(Value::Object(out))
    }
}

/// Reads all of an array. When that fails, its chunks are tried one by one to say which are damaged.
///
/// # Errors
/// What is wrong with the array, a sentence for each damaged chunk.
pub fn of(session: &mut Session, store: &dyn Store, array: &Array) -> Result<Stats, Vec<String>> {
    let fault = match summary(session, array) {
        Ok(stats) => return Ok(stats),
        Err(fault) => fault,
    };
    match fault.kind() {
        ErrorKind::Cancelled | ErrorKind::Memory { .. } | ErrorKind::Bug { .. } => Err(vec![fault.to_string()]),
        _ => {
            let all = faults(session, store);
            Err(if all.is_empty() { vec![fault.to_string()] } else { all })
        }
    }
}

fn summary(session: &mut Session, array: &Array) -> Result<Stats> {
    let dtype = array.dtype();
    let elements = shape::size(&array.shape().known()?) as u64;
    if elements == 0 {
        return Ok(Stats::default());
    }
    let reduce = |x: &Array, name: &str| x.try_reduce(name, .., Params::default());
    let time = array.expr().time;
    let names: &[(&'static str, &str)] = if time.is_some() {
        &[("min", "nanmin"), ("max", "nanmax")]
    } else if dtype.is_complex() {
        &[("mean", "nanmean")]
    } else if dtype.is_inexact() {
        &[("min", "nanmin"), ("max", "nanmax"), ("mean", "nanmean")]
    } else {
        &[("min", "min"), ("max", "max"), ("mean", "mean")]
    };
    let mut goals = Vec::new();
    for (_, name) in names {
        goals.push(Goal::Show(reduce(array, name)?));
    }
    if dtype.is_inexact() || time.is_some() {
        goals.push(Goal::Show(reduce(&array.try_unary(ElementOp::Isnan)?, "count_nonzero")?));
    }
    let mut blocks = session.compute(goals)?.into_iter().flatten();
    let values = names.iter().map(|(shown, _)| *shown).zip(&mut blocks).collect();
    let nans = match blocks.next() {
        Some(block) => block.values::<i64>()?.first().map_or(0, |n| n.unsigned_abs()),
        None => 0,
    };
    Ok(Stats { values, time, nans, elements })
}

/// Reads an array chunk by chunk on this thread, and collects what is wrong.
fn faults(session: &Session, store: &dyn Store) -> Vec<String> {
    let info = store.info();
    let (memory, budget) = (session.cx().memory(), session.cx().memory().budget());
    let cancel = session.cx().cancel_token();
    let (mut told, mut more) = (Vec::new(), 0usize);
    for index in Indices::new(&info.chunks.counts()) {
        if cancel.is_cancelled() {
            told.push("cancelled".to_owned());
            break;
        }
        let region = info.chunks.region(&index);
        let bytes = shape::checked_size(&region.shape).and_then(|n| n.checked_mul(info.dtype.size()));
        let outcome = match bytes.filter(|&n| n as u64 <= budget) {
            Some(bytes) => store.read(&region, memory.buffer(bytes).bytes_mut()),
            None => Err(Error::memory("reading a chunk", bytes.map_or(u64::MAX, |n| n as u64), budget)),
        };
        match outcome {
            Ok(()) => {}
            Err(fault) if told.len() < MOST_FAULTS => told.push(fault.to_string()),
            Err(_) => more += 1,
        }
    }
    if more > 0 {
        told.push(format!("{}: and {more} more chunks that cannot be read", info.path));
    }
    told.dedup();
    told
}
