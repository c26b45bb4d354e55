//! How what is computed is stored.

use crate::array::cf;
use crate::chunk::{Chunks, auto};
use crate::error::Result;
use crate::expr::{Expr, Name};
use crate::shape;
use crate::store::{self, Create, Layout};
use std::path::Path;

/// How an expression is stored: chunks as asked for, or as it has them where that is a regular grid of sensible size.
pub(super) fn layout(expr: &Expr, path: &Path, how: &Create) -> Result<Layout> {
    let lengths = expr.shape.known()?;
    let chunks = match &how.chunks {
        Some(chunks) => Chunks::regular(&lengths, chunks)
            .map(|_| chunks.clone())
            .map_err(|e| e.at(format!("for {}", path.display())))?,
        None => store::pieces(path, how, &lengths, natural_chunks(expr, &lengths), expr.dtype.size()),
    };
    // That is about arrays that are copied.
    let mut how = Create { encoding: None, ..how.clone() };
    if how.coordinates && how.attributes.is_empty() {
        how.attributes = cf::attributes(expr).unwrap_or_default();
    }
    if how.names.is_empty() {
        how.names = texts(&expr.names);
    }
    Ok(Layout { dtype: expr.dtype, time: expr.time, shape: lengths, chunks, how, run: None })
}

/// The names alone.
pub(super) fn texts(names: &[Option<Name>]) -> Vec<Option<String>> {
    names.iter().map(|n| n.as_ref().map(ToString::to_string)).collect()
}

/// Everything in a layout that decides what is stored.
pub(super) fn described(layout: &Layout) -> String {
    let Layout { dtype, time, shape, chunks, how, .. } = layout;
    let dtype = time.map_or_else(|| dtype.to_string(), |time| time.to_string());
    let metadata = format!(
        "{:?} {:?} {:?}{}",
        how.names,
        how.attributes,
        how.fill,
        how.encoding.as_ref().map_or_else(String::new, |e| format!(" {e:?}"))
    );
    format!("{dtype} {shape:?} {chunks:?} {:?} {:?} {:?} {metadata}", how.shards, how.codec, how.zarr_version)
}

fn natural_chunks(expr: &Expr, lengths: &[usize]) -> Vec<usize> {
    const LARGEST: usize = 64 << 20;
    const SMALLEST: usize = 16 << 10;
    let own = expr.chunks.longest();
    let bytes = shape::size(&own) * expr.dtype.size();
    let whole = own == lengths;
    let fits = bytes <= LARGEST && (bytes >= SMALLEST || whole);
    let chosen = if fits { own } else { auto::auto(lengths, expr.dtype.size()).longest() };
    chosen.iter().map(|&c| c.max(1)).collect()
}
