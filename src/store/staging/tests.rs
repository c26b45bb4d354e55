//! What is left behind, and gone on with.

use super::*;
use std::fs;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn run() -> Fingerprint {
    Fingerprint { expression: "x".into(), ..Fingerprint::default() }
}

fn resume() -> Create {
    Create::new().resume(true)
}

/// Writes a piece and ends as a killed process does: nothing is dropped.
fn killed(container: &Path, inner: &str) {
    let mut staging = Staging::begin(container, inner, &Create::new(), Some(&run())).unwrap();
    assert!(!staging.open().unwrap());
    fs::create_dir(staging.part()).unwrap();
    fs::write(staging.part().join("0"), "abc").unwrap();
    staging.note(0, || Ok(Seal::of(b"abc"))).unwrap();
    // The kernel gives the lock back.
    staging.place.lock = None;
    std::mem::forget(staging);
}

#[cfg(feature = "cli")]
#[test]
fn a_process_that_ends_early_clears_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("new");
    let target = below.join("o.zarr");
    let traces = Traces::of(&target);
    let mut staging = Staging::of_container(&target, &resume(), Some(&run())).unwrap();
    staging.open().unwrap();
    let nested = staging.part();
    let mut inner = Staging::begin_deep(&nested, "x", &resume(), Some(&run())).unwrap();
    inner.open().unwrap();
    fs::create_dir_all(inner.part().join("c")).unwrap();
    fs::create_dir_all(nested.join("y")).unwrap();
    // Another process works beside it.
    fs::create_dir(below.join(".partial.other.zarr")).unwrap();
    fs::write(below.join(".lock.other.zarr"), "1").unwrap();
    traces.clear(false);
    assert_eq!(names(&below), [".lock.other.zarr", ".partial.other.zarr"]);
    fs::remove_dir_all(&below).unwrap();
    fs::create_dir(&below).unwrap();
    traces.clear(true);
    assert!(!below.exists());
}

#[test]
fn an_output_appears_whole() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("o.zarr");
    for (inner, old) in [("", false), ("", true), ("g/x", false), ("g/x", true)] {
        let own = target.join(inner);
        if old {
            fs::create_dir_all(own.join("old")).unwrap();
        }
        let mut staging = Staging::begin(&target, inner, &Create::new(), Some(&run())).unwrap();
        assert!(!staging.open().unwrap() && staging.notes());
        fs::create_dir(staging.part()).unwrap();
        fs::write(staging.part().join("new"), "").unwrap();
        if !inner.is_empty() {
            fs::create_dir_all(own.parent().unwrap()).unwrap();
        }
        assert_eq!(own.join("old").exists(), old);
        staging.place().unwrap();
        drop(staging);
        assert_eq!(names(&own), ["new"]);
        assert_eq!(names(folder.path()), ["o.zarr"]);
        fs::remove_dir_all(&target).unwrap();
    }
}

#[test]
fn what_a_killed_run_left_is_resumed_or_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("o.zarr");
    killed(&target, "x");
    assert_eq!(names(folder.path()), [".manifest.o.zarr%x", ".partial.o.zarr%x"]);
    let mut again = Staging::begin(&target, "x", &resume(), Some(&run())).unwrap();
    assert!(again.open().unwrap());
    let abc = |_| Some(b"abc".to_vec());
    assert!(again.has(0, abc) && !again.has(1, abc));
    again.note(1, || Ok(Seal::of(b"d"))).unwrap();
    drop(again);
    let mut again = Staging::begin(&target, "x", &resume(), Some(&run())).unwrap();
    assert!(again.open().unwrap() && again.has(1, |_| Some(b"d".to_vec())));
    drop(again);
    // Another run is refused, and changes nothing.
    let other = Fingerprint::default();
    let text = Staging::begin(&target, "x", &resume(), Some(&other)).unwrap_err().to_string();
    assert!(text.contains("o.zarr/x: the run that was interrupted is not this one"), "{text}");
    assert_eq!(names(folder.path()), [".manifest.o.zarr%x", ".partial.o.zarr%x"]);
    // Without being asked to resume, it starts over and leaves nothing.
    let mut fresh = Staging::begin(&target, "x", &Create::new(), Some(&other)).unwrap();
    assert!(!fresh.open().unwrap() && !fresh.has(0, abc));
    drop(fresh);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_run_that_was_killed_after_its_end_has_nothing_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("o.zarr");
    let how = Create { receipt: true, ..resume() };
    let mut staging = Staging::begin(&target, "", &how, Some(&run())).unwrap();
    staging.open().unwrap();
    fs::create_dir(staging.part()).unwrap();
    staging.place().unwrap();
    drop(staging);
    assert_eq!(names(folder.path()), [".manifest.o.zarr", "o.zarr"]);
    let mut again = Staging::begin(&target, "", &how, Some(&run())).unwrap();
    assert!(again.is_placed());
    again.place().unwrap();
    drop(again);
    // Another array of that name is not what the receipt is for.
    fs::rename(&target, folder.path().join("away")).unwrap();
    fs::create_dir(&target).unwrap();
    assert!(!Staging::begin(&target, "", &how, Some(&run())).unwrap().is_placed());
    settle(&target, "").unwrap();
    assert_eq!(names(folder.path()), ["away", "o.zarr"]);
}

#[test]
fn containers_clear_what_is_staged_for_their_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("o.zarr");
    let mut outer = Staging::of_container(&target, &resume(), Some(&run())).unwrap();
    outer.open().unwrap();
    killed(&outer.part(), "x");
    fs::create_dir(outer.part()).unwrap();
    assert_eq!(names(folder.path()).len(), 5);
    outer.place().unwrap();
    drop(outer);
    assert_eq!(names(folder.path()), ["o.zarr"]);
}

#[test]
fn folders_that_were_made_go_again() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("a/b/o.zarr");
    drop(Staging::begin_deep(&target, "x", &Create::new(), None).unwrap());
    assert!(names(folder.path()).is_empty());
    let long = "y".repeat(250);
    let staging = Staging::begin_deep(&target, &long, &Create::new(), None).unwrap();
    assert!(staging.part().file_name().unwrap().len() < 255);
}

#[test]
fn one_writer_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("o.zarr");
    let _first = Staging::begin(&target, "x", &Create::new(), None).unwrap();
    let text = Staging::begin(&target, "x", &Create::new(), None).unwrap_err().to_string();
    assert!(text.contains("o.zarr/x: is being written by process"), "{text}");
    let _other = Staging::begin(&target, "y", &Create::new(), None).unwrap();
    // The same place by another name.
    std::os::unix::fs::symlink(folder.path(), folder.path().join("link")).unwrap();
    assert!(Staging::begin(&folder.path().join("link/o.zarr"), "x", &Create::new(), None).is_err());
}
