//! What is written into arrays that exist: as it fits those, and where it goes.

use super::{Changed, Wanted};
use crate::array::update::{self, Written};
use crate::error::Result;
use crate::expr::Expr;
use crate::expr::canonical::fingerprint;
use crate::runtime::context::Context;
use crate::store::{self, Change, Sink};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What is asked for, with the changes of arrays that exist as they fit those; and the place of each that was asked for
/// among them, unless there is nothing left to do.
pub(super) fn changes(cx: &Context, wanted: Vec<Wanted>) -> Result<(Vec<Wanted>, Vec<Option<usize>>)> {
    let (mut all, mut places) = (Vec::with_capacity(wanted.len()), Vec::with_capacity(wanted.len()));
    let mut over = BTreeSet::new();
    for w in &wanted {
        if let Some(Changed::Asked(path, _)) = &w.changed {
            over.extend(update::recovered(path)?);
        }
    }
    for w in wanted {
        if let Some(Changed::Asked(path, how)) = &w.changed {
            let parts = update::changes(cx, &w.expr, path, how, &over)?;
            let done = parts.is_empty();
            // A coordinate that several arrays share grows once.
            let again = |part: &Written| all.iter().filter_map(Wanted::target).any(|p| p == part.path);
            let (last, others) = parts.split_last().map_or((None, &[][..]), |(last, others)| (Some(last), others));
            let new: Vec<Wanted> = others.iter().filter(|p| !again(p)).cloned().map(Wanted::found).collect();
            all.extend(new.into_iter().chain(last.cloned().map(Wanted::found)));
            places.push(if done { None } else { Some(all.len() - 1) });
        } else {
            all.push(w);
            places.push(Some(all.len() - 1));
        }
    }
    Ok((all, places))
}

/// The same, for a plan alone.
pub(super) fn planned(wanted: &[Wanted]) -> Result<Vec<Wanted>> {
    let one = |w: &Wanted| match &w.changed {
        Some(Changed::Asked(path, how)) => update::plain(&w.expr, path, how).map(Wanted::found),
        _ => Ok(w.clone()),
    };
    wanted.iter().map(one).collect()
}

/// What the changes of arrays that exist are written to, in order.
pub(super) fn changed(wanted: &[Wanted]) -> Result<Vec<Box<dyn Sink>>> {
    let found = wanted.iter().filter_map(|w| match &w.changed {
        Some(Changed::Found(path, change)) => Some((&w.expr, path, &**change)),
        _ => None,
    });
    let run = |(expr, path, change): (&Expr, &PathBuf, &Change)| -> Result<(PathBuf, Change)> {
        let run = fingerprint(expr, change.described(store::open(path)?.info()));
        Ok((path.clone(), Change { run: Some(run), ..change.clone() }))
    };
    let changes = found.map(run).collect::<Result<Vec<_>>>()?;
    store::change_all(&changes.iter().map(|(path, change)| (path.as_path(), change)).collect::<Vec<_>>())
}
