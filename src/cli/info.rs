//! `hyperslab info`: what is at a path.

use super::args::Info as Arguments;
use super::output::{Failure, note, say};
use super::session::Session;
use super::stats::{self, Stats};
use crate::array::Array;
use crate::array::cf::{self, Packing};
use crate::array::time;
use crate::error::{Bytes, Error, ErrorKind, Result};
use crate::expr::{Expr, build};
use crate::op::calendar::Clock;
use crate::shape;
use crate::store::joined::{is_pattern, matching};
use crate::store::remote::is_url;
use crate::store::{Attributes, Info, Listing, Node, NodeKind};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Characters of attributes to a line.
const ATTRIBUTES_WIDTH: usize = 100;

/// One group or array, and what was found out about it.
struct Entry {
    node: Node,
    stats: Option<Stats>,
    /// What is wrong with it.
    faults: Vec<String>,
}

/// What is at one path.
struct Found {
    path: PathBuf,
    entries: Vec<Entry>,
}

/// Runs `hyperslab info`.
///
/// # Errors
/// When nothing is at the path, and when something there is damaged.
pub fn info(args: &Arguments) -> Result<(), Failure> {
    let is_many = is_pattern(&args.path);
    let paths = if is_many { matching(&args.path)? } else { vec![args.path.clone()] };
    let mut session = (args.stats || is_many).then(|| Session::start(&args.running)).transpose()?;
    let listings: Vec<Result<Listing>> = match &session {
        Some(session) if is_many => {
            let waits = paths.iter().any(|path| is_url(path));
            session.cx().each(paths.len(), waits, |i| Ok(Listing::of(&paths[i])))?
        }
        _ => vec![Ok(Listing::of(&args.path)?)],
    };
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for (path, listing) in paths.into_iter().zip(listings) {
        // Of many, the others are shown all the same.
        let listing = match listing {
            Ok(listing) => listing,
            Err(error) => {
                faults.push(error.to_string());
                continue;
            }
        };
        let entry = |node: &Node| Entry { node: node.clone(), stats: None, faults: Vec::new() };
        let mut entries: Vec<Entry> = listing.nodes().iter().map(entry).collect();
        for entry in &mut entries {
            examine(&listing, entry, session.as_mut().filter(|_| args.stats), args.running.raw);
        }
        let own = faults.len();
        faults.extend(entries.iter().flat_map(|e| e.faults.iter().cloned()));
        if args.stats && faults.len() == own && nothing_read(&entries) {
            faults.push(format!("{}: nothing in it can be read", path.display()));
        }
        found.push(Found { path, entries });
    }
    let title = args.path.display().to_string();
    match (args.json, found.as_slice()) {
        (true, [one]) if !is_many => say(&pretty(&json(one)?)?)?,
        (true, all) => {
            let all = all.iter().map(json).collect::<Result<Vec<_>>>()?;
            say(&pretty(&json!({"path": title, "matches": all}))?)?;
        }
        (false, [one]) if !is_many => say(&text(&one.path, &one.entries)?)?,
        (false, all) => all.iter().try_for_each(|one| say(&briefly(one)?))?,
    }
    if let Some(session) = session.filter(|_| args.stats) {
        session.finish(&title)?;
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure::Faults(faults)) }
}

/// Tells damage from what is merely not supported, and reads an array through where that is asked for.
fn examine(listing: &Listing, entry: &mut Entry, session: Option<&mut Session>, raw: bool) {
    match &entry.node.kind {
        NodeKind::Group(_) => {}
        NodeKind::Other(_) => match listing.open(&entry.node) {
            Err(error) if !matches!(error.kind(), ErrorKind::Unsupported { .. }) => {
                entry.faults.push(error.to_string());
            }
            _ => {}
        },
        NodeKind::Array(_) => {
            let Some(session) = session else { return };
            let outcome = listing.open(&entry.node).map_err(|e| vec![e.to_string()]).and_then(|store| {
                let array = values(build::source(store.clone()), store.info(), raw);
                stats::of(session, store.as_ref(), &array)
            });
            match outcome {
                Ok(stats) => entry.stats = Some(stats),
                Err(faults) => entry.faults = faults,
            }
        }
    }
}

/// What the elements of a stored array stand for; the elements, where that is asked for or cannot be made out.
fn values(stored: Expr, info: &Info, raw: bool) -> Array {
    let decoded = if raw { Ok(stored.clone()) } else { Packing::of(info).and_then(|p| cf::decode(&stored, &p)) };
    Array::from_expr(decoded.unwrap_or_else(|error| {
        note(&format!("warning: {error}"));
        stored
    }))
}

fn nothing_read(entries: &[Entry]) -> bool {
    let is = |kind: fn(&NodeKind) -> bool| entries.iter().any(|e| kind(&e.node.kind));
    is(|k| matches!(k, NodeKind::Other(_))) && !is(|k| matches!(k, NodeKind::Array(_)))
}

fn text(path: &Path, entries: &[Entry]) -> Result<String> {
    if let [Entry { node: Node { kind: NodeKind::Array(info), .. }, stats, .. }] = entries {
        return details(info, stats.as_ref());
    }
    let arrays: Vec<&Info> = entries
        .iter()
        .filter_map(|e| if let NodeKind::Array(info) = &e.node.kind { Some(info.as_ref()) } else { None })
        .collect();
    let total: u64 = arrays.iter().map(|i| bytes(i)).fold(0, u64::saturating_add);
    let stored: Option<u64> = arrays.iter().map(|i| i.stored).sum();
    let format = arrays.first().map_or(String::new(), |i| format!("{}, ", i.format));
    let plural = if arrays.len() == 1 { "" } else { "s" };
    let mut lines = vec![format!(
        "{}: {format}{} array{plural}, {}",
        path.display(),
        arrays.len(),
        size(total, stored.filter(|_| !arrays.is_empty()))
    )];
    let name = |e: &Entry| format!("/{}", e.node.path.trim_matches('/'));
    let width = entries.iter().map(|e| name(e).chars().count()).max().unwrap_or(0).min(40);
    for entry in entries {
        let (name, what) = (name(entry), describe(&entry.node.kind));
        lines.push(format!("  {name:width$}  {what}").trim_end().to_owned());
        lines.extend(more(entry)?.into_iter().map(|text| format!("  {:width$}    {text}", "")));
    }
    Ok(lines.join("\n"))
}

/// What is told of an entry below its line: attributes, and what it holds.
fn more(entry: &Entry) -> Result<Vec<String>> {
    let attributes = match &entry.node.kind {
        NodeKind::Group(attributes) => attributes,
        NodeKind::Array(info) => &info.attributes,
        NodeKind::Other(_) => return Ok(Vec::new()),
    };
    let attributes = Some(attributes).filter(|a| !a.is_empty()).map(|a| shortened(&short(a), ATTRIBUTES_WIDTH));
    let stats = entry.stats.as_ref().map(Stats::text).transpose()?;
    Ok(attributes.into_iter().chain(stats).collect())
}

/// What is at one of many paths: a line of an array, more of anything else.
fn briefly(found: &Found) -> Result<String> {
    let [entry] = found.entries.as_slice() else { return text(&found.path, &found.entries) };
    let first = format!("{}: {}", found.path.display(), describe(&entry.node.kind));
    Ok(std::iter::once(first).chain(more(entry)?.iter().map(|text| format!("  {text}"))).collect::<Vec<_>>().join("\n"))
}

/// One line about an entry of a tree.
fn describe(kind: &NodeKind) -> String {
    let info = match kind {
        NodeKind::Group(_) => return "group".to_owned(),
        NodeKind::Other(why) => return format!("not readable: {}", why.replace('\n', " ")),
        NodeKind::Array(info) => info,
    };
    let mut parts = vec![format!("{} {}", info.type_name(), shape::tuple(&info.shape))];
    parts.push(format!("chunks {}", info.chunks));
    parts.extend(info.shards.as_ref().map(|s| format!("shards {s}")));
    parts.extend(Some(info.codecs.clone()).filter(|c| !c.is_empty()));
    parts.extend(dimensions(info).map(|d| format!("dims {d}")));
    parts.extend(info.fill_text().map(|f| format!("fill {f}")));
    parts.push(size(bytes(info), info.stored));
    parts.join("  ")
}

/// Everything about one array, a line each.
fn details(info: &Info, stats: Option<&Stats>) -> Result<String> {
    let count = |n: usize| format!("{n} chunk{}", if n == 1 { "" } else { "s" });
    let mut rows = vec![
        ("path", info.path.clone()),
        ("format", info.format.clone()),
        ("dtype", info.type_name()),
        ("shape", shape::tuple(&info.shape)),
    ];
    rows.extend(dimensions(info).map(|d| ("dims", d)));
    rows.push(("chunks", format!("{} ({})", info.chunks, count(info.chunks.count()))));
    rows.extend(info.shards.as_ref().map(|s| ("shards", format!("{s} ({})", s.count()))));
    rows.extend(Some(info.codecs.clone()).filter(|c| !c.is_empty()).map(|c| ("codecs", c)));
    rows.extend(info.fill_text().map(|f| ("fill", f)));
    rows.push(("size", size(bytes(info), info.stored)));
    rows.extend(Packing::of(info).ok().filter(|p| !p.is_plain()).map(|p| ("decoded", p.describe(info.dtype))));
    if let Some(stats) = stats {
        rows.push(("values", stats.text()?));
        rows.extend(span(info, stats).map(|s| ("times", s)));
    }
    let mut lines: Vec<String> = rows.into_iter().map(|(name, value)| format!("{name:10}{value}")).collect();
    if !info.attributes.is_empty() {
        lines.push("attributes".to_owned());
    }
    for (key, value) in &info.attributes {
        lines.push(format!("  {key}: {}", shortened(&value.to_string(), ATTRIBUTES_WIDTH)));
    }
    Ok(lines.join("\n"))
}

/// The first and the last of times, as dates.
fn span(info: &Info, stats: &Stats) -> Option<String> {
    if info.time.is_some() {
        return None;
    }
    let text = |key: &str| info.attributes.get(key).and_then(Value::as_str);
    let clock = Clock::parse(text("units")?, text("calendar")).ok().flatten()?;
    let [first, last] = stats.ends()?;
    Some(format!("{} to {}", time::text(&clock, first), time::text(&clock, last)))
}

fn dimensions(info: &Info) -> Option<String> {
    let names: Vec<&str> = info.names.iter().map(|n| n.as_deref().unwrap_or("-")).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn bytes(info: &Info) -> u64 {
    let elements = shape::checked_size(&info.shape).unwrap_or(usize::MAX) as u64;
    elements.saturating_mul(info.dtype.size() as u64)
}

/// `14.8 MiB, 5.2 MiB stored`
fn size(bytes: u64, stored: Option<u64>) -> String {
    stored.map_or_else(|| Bytes(bytes).to_string(), |s| format!("{}, {} stored", Bytes(bytes), Bytes(s)))
}

fn short(attributes: &Attributes) -> String {
    let one = |(key, value): (&String, &Value)| format!("{key}: {}", shortened(&value.to_string(), 40));
    attributes.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// At most `width` characters of a text.
fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(3)).collect();
    format!("{kept}...")
}

fn json(found: &Found) -> Result<Value> {
    let list = found.entries.iter().map(entry_json).collect::<Result<Vec<_>>>()?;
    Ok(json!({"path": found.path.display().to_string(), "entries": list}))
}

fn pretty(document: &Value) -> Result<String> {
    serde_json::to_string_pretty(document).map_err(|e| Error::bug(format!("JSON can be printed: {e}")))
}

fn entry_json(entry: &Entry) -> Result<Value> {
    let mut out = Map::new();
    out.insert("path".to_owned(), json!(entry.node.path));
    let fields = match &entry.node.kind {
        NodeKind::Group(attributes) => json!({"kind": "group", "attributes": attributes}),
        NodeKind::Other(why) => json!({"kind": "other", "why": why}),
        NodeKind::Array(info) => json!({
            "kind": "array",
            "format": info.format,
            "dtype": info.type_name(),
            "shape": info.shape,
            "chunks": info.chunks.longest(),
            "shards": info.shards.as_ref().map(crate::chunk::Chunks::longest),
            "codecs": info.codecs,
            "names": info.names,
            "fill": info.fill_text(),
            "attributes": info.attributes,
            "bytes": bytes(info),
            "stored": info.stored,
        }),
    };
    if let Value::Object(fields) = fields {
        out.extend(fields);
    }
    if let Some(stats) = &entry.stats {
        out.insert("stats".to_owned(), stats.json()?);
    }
    if !entry.faults.is_empty() {
        out.insert("faults".to_owned(), json!(entry.faults));
    }
    Ok(Value::Object(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_shortened() {
        assert_eq!(shortened("abcdefgh", 6), "abc...");
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(size(2048, Some(1024)), "2 KiB, 1 KiB stored");
    }
}
