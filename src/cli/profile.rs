//! `--profile`: what a run did, as one page that needs nothing else, or as JSON.

use super::output;
use crate::error::{Error, Result};
use crate::runtime::report::Report;
use std::path::Path;

/// Writes the profile: JSON where the name ends in `.json`, a page otherwise.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store) when the file cannot be written.
pub fn save(path: &Path, title: &str, report: &Report) -> Result<()> {
    let text = if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
        serde_json::to_string(&report.numbers(title)).map_err(|e| Error::bug(format!("JSON can be printed: {e}")))?
    } else {
        report.page(title)
    };
    output::save(path, &text)
}
