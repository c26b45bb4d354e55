//! Words that may stand in some places only, and the shape of files.

use super::source::{Source, names_test};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A word, how it is called in messages, and where it may stand; an entry that ends in `/` is a folder.
struct Ban {
    word: fn(&[TokenTree]) -> bool,
    name: &'static str,
    allowed: &'static [&'static str],
}

const UNSAFE: &[&str] = &[
    "device/block.rs",
    "device/assembly.rs",
    "cpu/",
    "cuda/",
    "store/raw.rs",
    "store/hdf5/ffi",
    "runtime/interrupt.rs",
];
const FILES: &[&str] = &["store/", "cuda/cache.rs", "runtime/spill.rs", "runtime/knobs.rs", "cli/"];

/// Where requests are made, and whom they are made to.
const REQUESTS: &[&str] = &["store/remote/client.rs", "store/remote/services.rs"];

const BANS: &[Ban] = &[
    Ban { word: |t| ident(t, "unsafe"), name: "`unsafe`", allowed: UNSAFE },
    Ban { word: |t| of_std(t, "thread"), name: "`std::thread`", allowed: &["runtime/"] },
    Ban { word: |t| ident(t, "rayon"), name: "`rayon`", allowed: &["runtime/"] },
    Ban { word: |t| ident(t, "tokio"), name: "`tokio`", allowed: REQUESTS },
    Ban { word: |t| ident(t, "object_store"), name: "`object_store`", allowed: REQUESTS },
    Ban { word: |t| of_std(t, "fs"), name: "`std::fs`", allowed: FILES },
    Ban { word: |t| ident(t, "File"), name: "`File`", allowed: FILES },
    Ban { word: |t| ident(t, "todo") && punct(t.get(1), '!'), name: "`todo!`", allowed: &[] },
    Ban { word: |t| ident(t, "unimplemented") && punct(t.get(1), '!'), name: "`unimplemented!`", allowed: &[] },
    Ban { word: |t| method(t, "unwrap", true), name: "`.unwrap()`", allowed: TESTS },
    Ban { word: |t| method(t, "expect", false), name: "`.expect(..)`", allowed: TESTS },
];

/// Test suites that are part of the library, so that stores of others can run them.
const TESTS: &[&str] = &["store/conformance.rs"];

/// Every banned word in library code, as `file:line: what`.
pub fn violations(source: &Source) -> Vec<String> {
    let mut out = Vec::new();
    for (file, text) in source.library_files() {
        let Ok(tokens) = text.parse::<TokenStream>() else {
            out.push(format!("{file}: cannot be read"));
            continue;
        };
        scan(file, tokens, &mut out);
    }
    out
}

fn scan(file: &str, stream: TokenStream, out: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        if let Some(end) = test_item(&tokens[at..]) {
            at += end;
            continue;
        }
        if let TokenTree::Group(group) = &tokens[at] {
            scan(file, group.stream(), out);
        }
        for ban in BANS.iter().filter(|b| (b.word)(&tokens[at..])) {
            let allowed = ban.allowed.iter().any(|place| {
                file == *place || place.ends_with('/') && file.starts_with(place) || in_module(file, place)
            });
            if !allowed {
                let of_file = ban.allowed == TESTS || ban.allowed.is_empty();
                let place = if of_file { "in library code".to_owned() } else { outside(ban.allowed) };
                out.push(format!("{file}:{}: {} stands {place}", tokens[at].span().start().line, ban.name));
            }
        }
        at += 1;
    }
}

/// Whether `file` is the module `place`: its own file, or one of its folder.
fn in_module(file: &str, place: &str) -> bool {
    file == format!("{place}.rs") || file.starts_with(&format!("{place}/"))
}

fn outside(places: &[&str]) -> String {
    format!("outside {}", places.join(", "))
}

/// The tokens of an item under `#[cfg(test)]` or `#[test]` that starts here.
fn test_item(tokens: &[TokenTree]) -> Option<usize> {
    let (TokenTree::Punct(hash), TokenTree::Group(attribute)) = (tokens.first()?, tokens.get(1)?) else { return None };
    if hash.as_char() != '#' || !is_test(attribute) {
        return None;
    }
    let ends = |t: &TokenTree| match t {
        TokenTree::Punct(p) => p.as_char() == ';',
        TokenTree::Group(g) => g.delimiter() == Delimiter::Brace,
        _ => false,
    };
    let body = tokens[2..].iter().position(ends)?;
    Some(2 + body + 1)
}

fn is_test(attribute: &Group) -> bool {
    let words: Vec<TokenTree> = attribute.stream().into_iter().collect();
    match words.as_slice() {
        [TokenTree::Ident(word)] => word == "test",
        [TokenTree::Ident(word), TokenTree::Group(inner)] if word == "cfg" => names_test(inner.stream()),
        _ => false,
    }
}

fn ident(tokens: &[TokenTree], name: &str) -> bool {
    matches!(tokens.first(), Some(TokenTree::Ident(word)) if word == name)
}

fn punct(token: Option<&TokenTree>, c: char) -> bool {
    matches!(token, Some(TokenTree::Punct(p)) if p.as_char() == c)
}

/// `std::name`, or `name` inside `std::{...}`.
fn of_std(tokens: &[TokenTree], name: &str) -> bool {
    if !(ident(tokens, "std") && punct(tokens.get(1), ':') && punct(tokens.get(2), ':')) {
        return false;
    }
    match tokens.get(3) {
        Some(TokenTree::Ident(word)) => word == name,
        Some(TokenTree::Group(list)) => {
            list.stream().into_iter().any(|t| matches!(t, TokenTree::Ident(word) if word == name))
        }
        _ => false,
    }
}

/// `.name(...)`, without arguments where `empty`.
fn method(tokens: &[TokenTree], name: &str, empty: bool) -> bool {
    let arguments = matches!(tokens.get(2), Some(TokenTree::Group(g))
        if g.delimiter() == Delimiter::Parenthesis && (!empty || g.stream().is_empty()));
    punct(tokens.first(), '.') && ident(tokens.get(1..).unwrap_or_default(), name) && arguments
}

/// Lines beyond which a file is too long.
const LONGEST: usize = 600;

/// Columns beyond which a line of a comment is too wide; rustfmt sees to code.
const WIDEST: usize = 120;

/// Files without a header, or too long, or with comments too wide, but for rows of tables.
pub fn shapeless(source: &Source) -> Vec<String> {
    let mut out = Vec::new();
    for (file, text) in &source.files {
        if !text.starts_with("//!") {
            out.push(format!("{file}: has no `//!` header"));
        }
        let lines = text.lines().count();
        if lines >= LONGEST {
            out.push(format!("{file}: {lines} lines, at most {} are read in one go", LONGEST - 1));
        }
        let comment = |line: &str| line.trim_start().strip_prefix("//").is_some_and(|rest| !rest.contains(" | "));
        let wide = |line: &str| comment(line) && line.chars().count() > WIDEST;
        out.extend(
            text.lines().zip(1..).filter(|(line, _)| wide(line)).map(|(_, at)| format!("{file}:{at}: too wide")),
        );
    }
    out
}
