//! JSON as Python writes it: `NaN` and `Infinity` stand where the standard has no word for them.

use crate::error::{Error, Result};
use serde_json::Value;
use std::path::Path;

/// Parses a metadata document. Bare `NaN`, `Infinity` and `-Infinity` become texts.
pub(super) fn parse(path: &Path, text: &[u8]) -> Result<Value> {
    serde_json::from_slice(text)
        .or_else(|e| serde_json::from_slice(&quote_specials(text)).map_err(|_| e))
        .map_err(|e| Error::store(path, format!("is not JSON: {e}")))
}

/// The text with quotation marks around the numbers that JSON lacks.
fn quote_specials(text: &[u8]) -> Vec<u8> {
    const WORDS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
    let mut out = Vec::with_capacity(text.len() + 16);
    let (mut at, mut quoted) = (0, false);
    while let Some(&byte) = text.get(at) {
        if !quoted && let Some(word) = WORDS.into_iter().find(|w| text[at..].starts_with(w)) {
            out.push(b'"');
            out.extend(word);
            out.push(b'"');
            at += word.len();
            continue;
        }
        if quoted && byte == b'\\' {
            out.extend(text[at..].iter().take(2));
            at += 2;
            continue;
        }
        quoted ^= byte == b'"';
        out.push(byte);
        at += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_numbers() {
        let text = br#"{"a": NaN, "b\"NaN": [-Infinity, Infinity], "c": "NaN"}"#;
        let value = parse(Path::new("x"), text).unwrap();
        assert_eq!(value.to_string(), r#"{"a":"NaN","b\"NaN":["-Infinity","Infinity"],"c":"NaN"}"#);
        let error = parse(Path::new("x/zarr.json"), b"{,").unwrap_err().to_string();
        assert!(error.starts_with("x/zarr.json: is not JSON: "), "{error}");
    }
}
