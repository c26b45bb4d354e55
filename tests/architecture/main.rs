//! The house rules that a parser can check: layers, and what may stand where.

mod bans;
mod layers;
mod source;

use source::Source;
use std::path::Path;

fn library() -> Source {
    Source::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap()
}

fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

#[test]
fn modules_import_only_what_is_listed_above_them() {
    assert_none(&layers::violations(&library()));
}

#[test]
fn unsafe_threads_files_and_panics_stay_where_they_belong() {
    assert_none(&bans::violations(&library()));
}

#[test]
fn every_file_has_a_header_and_a_sensible_length() {
    assert_none(&bans::shapeless(&library()));
}

/// A small crate in a scratch folder.
fn planted(files: &[(&str, &str)]) -> Source {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    Source::read(folder.path()).unwrap()
}

const LIB: (&str, &str) = ("lib.rs", "pub mod low; pub mod mid; pub mod top; pub use top::Roof;");

#[test]
fn a_planted_upward_import_is_found() {
    let crate_with = |mid: &str| {
        let files = [LIB, ("low.rs", "pub struct Floor;"), ("mid/mod.rs", mid), ("top.rs", "pub struct Roof;")];
        layers::violations(&planted(&files))
    };
    assert_none(&crate_with("use crate::low::Floor; pub fn f() { let _ = crate::low::Floor; }"));
    assert_eq!(crate_with("use crate::top::Roof;"), ["mid/mod.rs:1: mid imports top, which is listed below it"]);
    let inside = "use crate::low::{Floor};\npub fn f() {\n    use crate::{low, top as t};\n}";
    assert_eq!(crate_with(inside), ["mid/mod.rs:3: mid imports top, which is listed below it"]);
    let path = "pub fn f() -> Option<crate::top::Roof> { None }";
    assert_eq!(crate_with(path), ["mid/mod.rs:1: mid imports top, which is listed below it"]);
    let in_macro = "macro_rules! m { () => { $crate::top::Roof } }\nfn f() { println!(\"{:?}\", super::top::Roof); }";
    assert_eq!(
        crate_with(in_macro),
        [
            "mid/mod.rs:1: mid imports top, which is listed below it",
            "mid/mod.rs:2: mid imports top, which is listed below it"
        ]
    );
    let through_root = "use crate::Roof;";
    assert_eq!(crate_with(through_root), ["mid/mod.rs:1: mid imports Roof from the root, not where it is defined"]);
    assert_none(&crate_with("#[cfg(test)]\nmod tests { use crate::top::Roof; }\n#[cfg(test)]\nuse crate::top;"));
}

#[test]
fn siblings_follow_the_order_of_their_folder() {
    let crate_with = |first: &str, second: &str| {
        let list = "mod first; mod second; pub use second::Second; pub trait Shared {}";
        let files = [
            LIB,
            ("low.rs", ""),
            ("mid/mod.rs", list),
            ("mid/first.rs", first),
            ("mid/second.rs", second),
            ("top.rs", ""),
        ];
        layers::violations(&planted(&files))
    };
    assert_none(&crate_with("use super::Shared;", "use super::{first, Shared};\npub struct Second;"));
    let found = ["mid/first.rs:1: mid::first imports mid::second, which is listed below it"];
    assert_eq!(crate_with("use super::second::Second;", ""), found);
    assert_eq!(crate_with("use super::Second;", ""), found, "a re-export hides nothing");
}

#[test]
fn planted_bans_are_found() {
    let text = "//! Header.\n/// x.unwrap()\nfn f(p: *const u8) { let _ = unsafe { *p }; }\n\
                fn g() { std::thread::yield_now(); todo!() }\nuse std::{fs, thread};\nfn h() { let _ = Some(1).unwrap(); }\n\
                #[cfg(test)]\nmod tests { fn i() { unsafe { std::thread::park() } } }\n";
    let text = format!("{text}// {}\n", "x".repeat(118));
    let files = [("lib.rs", "//! Root.\npub mod low; pub mod runtime;"), ("low.rs", &text), ("runtime.rs", "")];
    let source = planted(&files);
    let want = [
        "low.rs:3: `unsafe` stands outside device/block.rs, device/assembly.rs, cpu/, cuda/, store/raw.rs, store/hdf5/ffi, runtime/interrupt.rs",
        "low.rs:4: `std::thread` stands outside runtime/",
        "low.rs:4: `todo!` stands in library code",
        "low.rs:5: `std::thread` stands outside runtime/",
        "low.rs:5: `std::fs` stands outside store/, cuda/cache.rs, runtime/spill.rs, runtime/knobs.rs, cli/",
        "low.rs:6: `.unwrap()` stands in library code",
    ];
    assert_eq!(bans::violations(&source), want);
    assert_eq!(bans::shapeless(&source), ["low.rs:9: too wide", "runtime.rs: has no `//!` header"]);
}
