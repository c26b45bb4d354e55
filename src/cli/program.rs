//! From an expression and `NAME=PATH` arguments to arrays.

use super::args::{Program, bindings};
use super::output::Failure;
use crate::array::Array;
use crate::array::many::{OpenMany, is_many};
use crate::error::{Error, ErrorKind, Result};
use crate::lang;
use crate::lang::ast::Span;
use crate::lang::parse::{parse, point};
use crate::runtime::context::Context;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// The text itself, or that of standard input for `-`.
///
/// # Errors
/// When standard input cannot be read.
pub fn source(text: &str) -> Result<String> {
    if text.trim() != "-" {
        return Ok(text.trim_start_matches(' ').to_owned());
    }
    let mut source = String::new();
    std::io::stdin().lock().read_to_string(&mut source).map_err(|e| Error::store("standard input", e))?;
    Ok(source)
}

/// An array as the options have it: decoded, or `raw`; many files as one where the path is a pattern.
///
/// # Errors
/// As [`Context::open_decoded`] and [`Context::open_many_decoded`].
pub fn open(cx: &Context, path: &Path, many: &OpenMany, raw: bool) -> Result<Array> {
    match (is_many(path), raw) {
        (true, true) => cx.open_many(path, many),
        (true, false) => cx.open_many_decoded(path, many),
        (false, true) => cx.open(path),
        (false, false) => cx.open_decoded(path),
    }
}

/// The arrays that the program `source` means. Only the inputs that it names are opened, decoded unless `raw`.
///
/// # Errors
/// What is wrong with the text, pointing at it; inputs that cannot be opened; operations that do not fit.
pub fn arrays(cx: &Context, source: &str, program: &Program, raw: bool) -> Result<Vec<Array>, Failure> {
    let inputs = bindings(&program.inputs)?;
    let many = program.many.how();
    parse(source).map_err(|e| Failure::Pointed(e.render(source)))?;
    let used = lang::names(source).map_err(|e| pointed(source, e))?;
    let mut opened = BTreeMap::new();
    for input in inputs.into_iter().filter(|input| used.contains(&input.name)) {
        opened.insert(input.name, open(cx, &input.path, &many, raw)?);
    }
    let arrays = lang::evaluate(source, &opened).map_err(|e| pointed(source, e))?;
    if arrays.is_empty() {
        return Err(Error::argument("eval", "the program has no result").into());
    }
    Ok(arrays)
}

/// An error that knows its column, with the text and a caret below it.
fn pointed(source: &str, error: Error) -> Failure {
    let ErrorKind::Syntax { column, why } = error.kind() else { return Failure::Error(error) };
    if source.trim_end().contains('\n') {
        return Failure::Error(error);
    }
    let offset = source.char_indices().nth(column.saturating_sub(1)).map_or(source.len(), |(at, _)| at);
    // The error knows where the culprit begins, not where it ends; one caret says as much.
    let why = std::iter::once(why.clone()).chain(error.frames().iter().cloned()).collect::<Vec<_>>().join(", ");
    Failure::Pointed(point(source, Span { start: offset, end: offset }, &why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_point_at_their_column() {
        let error = || Error::from(ErrorKind::Syntax { column: 5, why: "`y` is not defined".to_owned() });
        let Failure::Pointed(text) = pointed("x + y", error()) else { panic!() };
        assert_eq!(text, "column 5: `y` is not defined\n  x + y\n      ^");
        assert!(matches!(pointed("x\ny + z", error()), Failure::Error(_)));
    }
}
