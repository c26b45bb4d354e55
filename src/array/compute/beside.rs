//! Coordinates, which are stored beside the arrays that they belong to.

use super::layout::texts;
use super::{Wanted, answer, run_known};
use crate::array::{cf, coordinates};
use crate::error::{Error, Result};
use crate::expr::{Expr, Name, build};
use crate::runtime::context::Context;
use crate::store::{self, Create};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The scalar coordinates that are to be stored beside arrays, each once, where nothing else has their place: CF names
/// them in the attribute `coordinates`.
pub(super) fn scalars(cx: &Context, wanted: &mut [Wanted]) -> Result<Vec<Wanted>> {
    let mut places: BTreeMap<PathBuf, Option<Name>> = BTreeMap::new();
    for w in wanted.iter() {
        let Some((path, how)) = &w.stored else { continue };
        places.insert(path.clone(), None);
        for name in w.expr.names.iter().flatten().filter(|_| how.coordinates) {
            store::beside(path, name)?.map(|place| places.insert(place, None));
        }
    }
    // Those that differ within a group are left out: readers take a scalar for that of all arrays beside it.
    for w in wanted.iter() {
        let Some((path, _)) = w.stored.as_ref().filter(|(_, how)| how.coordinates) else { continue };
        for name in &w.expr.scalars {
            let Some(place) = store::beside(path, name)? else { continue };
            let kept = places.entry(place).or_insert_with(|| Some(name.clone()));
            *kept = kept.take().filter(|other| other.is_same(name));
        }
    }
    let (mut out, mut written) = (Vec::new(), BTreeSet::new());
    for w in wanted {
        let Some((path, how)) = w.stored.as_mut().filter(|(_, how)| how.coordinates) else { continue };
        let mut named: Vec<&str> = Vec::new();
        for name in &w.expr.scalars {
            let Some(place) = store::beside(&*path, name)? else { continue };
            if places.get(&place).is_none_or(Option::is_none) {
                continue;
            }
            let Some(value) = coordinates::scalar(&w.expr, name)? else { continue };
            let stands = match store::open(&place) {
                Ok(there) if is_same(cx, &value, build::source(Arc::clone(&there)))? => true,
                Ok(there) if !how.overwrite || !there.info().shape.is_empty() => continue,
                _ => false,
            };
            named.push(name);
            if !stands && written.insert(place.clone()) {
                let (zarr_version, format) = (how.zarr_version, how.format.clone());
                let how = Create { zarr_version, format, overwrite: how.overwrite, ..Create::new() };
                out.push(Wanted::stored(value, place, how));
            }
        }
        if named.is_empty() {
            continue;
        }
        if how.attributes.is_empty() {
            how.attributes = cf::attributes(&w.expr).unwrap_or_default();
        }
        let own = how.attributes.get("coordinates").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let stays = |other: &&str| {
            let place = store::beside(&*path, other).ok().flatten();
            !named.contains(other) && place.is_some_and(|place| store::open(place).is_ok())
        };
        let all: Vec<&str> = own.split_whitespace().filter(stays).chain(named.iter().copied()).collect();
        how.attributes.insert("coordinates".to_owned(), all.join(" ").into());
    }
    Ok(out)
}

/// Stores the coordinates of an array beside it, where they are not there yet.
pub(super) fn accompany(cx: &Context, expr: &Expr, path: &Path, how: &Create) -> Result<()> {
    let mut linked = false;
    for (axis, name) in expr.names.iter().enumerate() {
        let Some(place) = name.as_ref().map_or(Ok(None), |name| store::beside(path, name))? else { continue };
        let Some(coordinate) = coordinates::of_axis(expr, axis)? else { continue };
        linked = true;
        let (zarr_version, format) = (how.zarr_version, how.format.clone());
        let unlimited =
            how.unlimited.iter().filter(|axis| axis.as_str() == name.as_deref().unwrap_or_default()).cloned();
        let unlimited = unlimited.collect();
        let mut how = Create { zarr_version, format, unlimited, overwrite: how.overwrite, ..Create::new() };
        match store::open(&place) {
            Ok(there) if is_same(cx, &coordinate, build::source(Arc::clone(&there)))? => continue,
            Ok(_) if !how.overwrite => {
                let why = "holds another coordinate than the array beside it; store that in a group of its own";
                return Err(Error::store(place, why));
            }
            _ => {}
        }
        how.names = texts(&expr.names[axis..=axis]);
        let wanted = Wanted::stored(coordinate, place, how);
        let before = cx.report();
        run_known(cx, &[wanted])?;
        cx.set_report(before.then(cx.report()));
    }
    if linked { store::link(path) } else { Ok(()) }
}

/// Whether a stored array has the elements of `expr`.
fn is_same(cx: &Context, expr: &Expr, there: Expr) -> Result<bool> {
    // Where a file has no dates, they are integers.
    let other_time = there.time.is_some() && there.time != expr.time;
    if there.shape != expr.shape || there.dtype != expr.dtype || other_time {
        return Ok(false);
    }
    let all: Vec<Wanted> = [expr.clone(), there].into_iter().map(Wanted::shown).collect();
    let mut answers = run_known(cx, &all)?.into_iter();
    Ok(answer(&mut answers)?.bytes() == answer(&mut answers)?.bytes())
}
