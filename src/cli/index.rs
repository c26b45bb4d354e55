//! `hyperslab index`: many files as one, in a JSON file that says where their chunks are.

use super::args::Index as Arguments;
use super::output::{Failure, note};
use super::session::Session;
use crate::error::{Error, Result};
use crate::expr::ExprKind;
use crate::runtime::context::Context;
use crate::store::index::Index;
use crate::store::joined::{is_pattern, matching};
use crate::store::{Create, Listing, Node, NodeKind};
use std::path::PathBuf;

/// Runs `hyperslab index`.
///
/// # Errors
/// What is wrong with the request, and arrays whose chunks cannot be referred to.
pub fn index(args: &Arguments) -> Result<(), Failure> {
    let session = Session::start(&args.running)?;
    let mut files = Vec::new();
    for path in &args.files {
        files.extend(if is_pattern(path) { matching(path)? } else { vec![path.clone()] });
    }
    let Some(first) = files.first() else {
        return Err(Error::argument("index", "there are no files").into());
    };
    let mut index = Index::new(&args.output, &Create::new().overwrite(args.overwrite))?;
    let first = Listing::of(first)?;
    let files = Files { paths: files, first };
    for node in files.first.nodes() {
        let path = node.path.trim_matches('/');
        let below = path.strip_prefix(files.first.inner()).unwrap_or(path).trim_start_matches('/').to_owned();
        match &node.kind {
            NodeKind::Group(attributes) => index.group(&below, attributes),
            NodeKind::Array(_) => array(session.cx(), &mut index, &files, node, &below, args)?,
            NodeKind::Other(why) => note(&format!("warning: left out {path}: {}", why.replace('\n', " "))),
        }
    }
    index.finish()?;
    Ok(session.finish(&args.output.display().to_string())?)
}

/// The files that are put together, and what is in the first.
struct Files {
    paths: Vec<PathBuf>,
    first: Listing,
}

/// Adds an array: that of the first file, or all of them where they have the axis to join along.
fn array(cx: &Context, to: &mut Index, files: &Files, node: &Node, below: &str, args: &Arguments) -> Result<()> {
    let NodeKind::Array(info) = &node.kind else { return Ok(()) };
    let Files { paths: files, first } = files;
    let jobs =
        |count: usize, waits: bool, body: &(dyn Fn(usize) -> Result<()> + Sync)| cx.each(count, waits, body).map(drop);
    let many = &args.many;
    let has = |name: &String| info.names.iter().flatten().any(|n| n == name);
    let paths: Vec<PathBuf> = files.iter().map(|f| if below.is_empty() { f.clone() } else { f.join(below) }).collect();
    let joined = many.concat.as_ref().map_or(many.stack.is_some(), has);
    if files.len() > 1 && many.concat.is_none() && many.stack.is_none() {
        return Err(Error::argument("index", "several files need an axis to be joined along: --concat, or --stack"));
    }
    let is_coordinate = info.names.len() == 1 && info.names[0].as_deref() == below.rsplit('/').next();
    if files.len() == 1 || !joined || (many.stack.is_some() && is_coordinate) {
        return to.array(below, first.open(node)?.as_ref(), &info.names, &jobs);
    }
    let array = cx.open_many(paths, &many.how())?;
    let names: Vec<Option<String>> = array.expr().names.iter().map(|n| n.as_ref().map(ToString::to_string)).collect();
    match &array.expr().kind {
        ExprKind::Source(store) => to.array(below, store.as_ref(), &names, &jobs),
        _ => Err(Error::unsupported(format!("{below}: the files store it in different ways"))),
    }
}
