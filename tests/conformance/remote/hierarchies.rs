//! What opening a hierarchy with all that belongs to an array takes, and that it is as new as the opening.

use super::Server;
use hyperslab::array::many::OpenMany;
use hyperslab::store::{Attributes, Create, Listing, NodeKind, Update};
use hyperslab::{Array, Context};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

const AXES: [&str; 3] = ["time", "lat", "lon"];

/// An array `group/x` over three coordinates and a name without one, with a scalar coordinate, in 24 chunks of 4 rows.
fn write(root: &Path, version: u8, rows: std::ops::Range<usize>) {
    let cx = Context::builder().threads(1).build().unwrap();
    let how = || Create { zarr_version: Some(version), ..Create::new() };
    let mut x = cx.arange(24 * 5 * 6 * 2).unwrap().reshape(&[24, 5, 6, 2]).into_dyn();
    x = x.with_names(&["time", "lat", "lon", "none"]).unwrap();
    for (axis, name) in AXES.iter().enumerate() {
        let n = [24, 5, 6][axis];
        let units = Attributes::from_iter([("units".to_owned(), json!("m"))]);
        x = x.with_coordinate(name, (0..n).map(f64::from).collect(), units).unwrap();
    }
    let level = cx.full(&[], 2.0).unwrap();
    cx.compute(level.store(root.join("group/level"), how())).unwrap();
    let x = x.slice(ndarray::s![rows.start as isize..rows.end as isize, .., .., ..]);
    let attributes = Attributes::from_iter([("coordinates".to_owned(), json!("level"))]);
    let how = Create { attributes, ..how().chunks([4, 5, 6, 2]) };
    cx.compute(x.store(root.join("group/x"), how)).unwrap();
}

/// Writes the copies of all metadata that a hierarchy may have.
fn consolidate(root: &Path, version: u8) {
    let parsed = |path: &Path| -> Option<Value> { serde_json::from_slice(&fs::read(path).ok()?).ok() };
    let nodes = ["group", "group/x", "group/time", "group/lat", "group/lon", "group/level"];
    let mut copies = Map::new();
    if version == 3 {
        copies.extend(nodes.map(|node| (node.to_owned(), parsed(&root.join(node).join("zarr.json")).unwrap())));
        let mut own = parsed(&root.join("zarr.json")).unwrap();
        own["consolidated_metadata"] = json!({"kind": "inline", "must_understand": false, "metadata": copies});
        return fs::write(root.join("zarr.json"), own.to_string()).unwrap();
    }
    for node in std::iter::once("").chain(nodes) {
        for name in [".zarray", ".zgroup", ".zattrs"] {
            let key = if node.is_empty() { name.to_owned() } else { format!("{node}/{name}") };
            copies.extend(parsed(&root.join(&key)).map(|document| (key, document)));
        }
    }
    let all = json!({"zarr_consolidated_format": 1, "metadata": copies});
    fs::write(root.join(".zmetadata"), all.to_string()).unwrap();
}

/// The lengths of the coordinates of an array, and its scalar coordinate.
fn lengths(x: &Array) -> Vec<Option<usize>> {
    let one = |name: &str| x.coordinate(name).ok().map(|c| c.shape().known().unwrap().iter().product());
    AXES.iter().chain(&["none", "level"]).map(|name| one(name)).collect()
}

#[test]
fn one_hierarchy_serves_an_array_and_what_belongs_to_it() {
    let cx = Context::builder().threads(1).build().unwrap();
    // Of a name without a coordinate there is what may describe one; of copies there is nothing more to ask for.
    for (version, copied, most) in [(2, false, 6 + 4 * 2 + 2), (2, true, 6), (3, false, 6 + 4 + 1), (3, true, 6)] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("x.zarr");
        write(&root, version, 0..24);
        if copied {
            consolidate(&root, version);
        }
        let (server, url) = Server::start(folder.path().to_owned(), 20, false);
        let x = cx.open(format!("{url}/x.zarr/group/x")).unwrap();
        server.most.store(0, Ordering::SeqCst);
        assert_eq!(lengths(&x), [Some(24), Some(5), Some(6), None, Some(1)], "version {version}");
        let (asked, at_once) = (server.requests(), server.most.load(Ordering::SeqCst));
        // A name that is not found in the group is looked for above it.
        assert!(asked <= most + usize::from(version), "version {version}: {asked} requests");
        assert!(asked == 6 || at_once >= 5, "version {version}: {at_once} at once");
        let all: Vec<Array> = AXES.iter().map(|name| x.coordinate(name).unwrap()).collect();
        cx.compute(all).unwrap();
        cx.compute(x.sum(..)).unwrap();
        assert_eq!(server.requests() - asked, 3 + 6, "version {version}");
        // Without copies HTTP has no listing.
        let before = server.requests();
        match Listing::of(format!("{url}/x.zarr")) {
            Ok(listing) => {
                let arrays: Vec<_> = listing.nodes().iter().filter(|n| matches!(n.kind, NodeKind::Array(_))).collect();
                arrays.iter().for_each(|node| assert!(listing.open(node).unwrap().is_remote()));
                assert_eq!((copied, arrays.len(), server.requests() - before), (true, 5, 5), "version {version}");
            }
            Err(error) => assert!(!copied && error.to_string().contains("without consolidated metadata"), "{error}"),
        }
    }
}

#[test]
fn whoever_opens_anew_finds_what_is_new() {
    let cx = Context::builder().threads(1).build().unwrap();
    for version in [2, 3] {
        for copied in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("x.zarr");
            write(&root, version, 0..20);
            if copied {
                consolidate(&root, version);
            }
            let (_, url) = Server::start(folder.path().to_owned(), 0, false);
            let path = format!("{url}/x.zarr/group/x");
            let old = cx.open(&path).unwrap();
            assert_eq!(lengths(&old)[0], Some(20));
            let here = cx.open(root.join("group/x")).unwrap();
            let more = here.slice(ndarray::s![..4, .., .., ..]).into_dyn();
            let more = more.with_coordinate("time", vec![20.0, 21.0, 22.0, 23.0], Attributes::new()).unwrap();
            cx.compute(more.update(root.join("group/x"), Update::append("time"))).unwrap();
            let new = cx.open(&path).unwrap();
            assert_eq!((lengths(&new)[0], new.shape().known().unwrap()[0]), (Some(24), 24), "version {version}");
            // What was opened before is what it was.
            assert_eq!(lengths(&old)[0], Some(20));
        }
    }
}

#[test]
fn copies_that_are_old_are_not_believed() {
    let cx = Context::builder().threads(1).build().unwrap();
    for version in [2, 3] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("x.zarr");
        write(&root, version, 0..20);
        consolidate(&root, version);
        let copies = if version == 3 { "zarr.json" } else { ".zmetadata" };
        let old = fs::read(root.join(copies)).unwrap();
        fs::remove_dir_all(&root).unwrap();
        write(&root, version, 0..24);
        fs::write(root.join(copies), old).unwrap();
        let (_, url) = Server::start(folder.path().to_owned(), 0, false);
        let x = cx.open(format!("{url}/x.zarr/group/x")).unwrap();
        assert_eq!(lengths(&x), [Some(24), Some(5), Some(6), None, Some(1)], "version {version}");
    }
}

#[test]
fn many_hierarchies_take_few_requests_each() {
    let cx = Context::builder().threads(1).build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let days = 12;
    for day in 0..days {
        let root = folder.path().join(format!("day{day:02}.zarr"));
        write(&root, 3, day * 2..day * 2 + 2);
        consolidate(&root, 3);
    }
    let (server, url) = Server::start(folder.path().to_owned(), 20, false);
    let paths: Vec<String> = (0..days).map(|day| format!("{url}/day{day:02}.zarr/group/x")).collect();
    let all = cx.open_many(paths, &OpenMany::along("time")).unwrap();
    assert_eq!(all.shape().known().unwrap(), [24, 5, 6, 2]);
    // Metadata and three coordinates of each; of the first once more, to which the others are compared.
    let (asked, most) = (server.requests(), server.most.load(Ordering::SeqCst));
    assert!(asked <= (days + 1) * (6 + 3) && most > days, "{asked} requests, {most} at once");
}

#[test]
fn a_name_without_an_ending_is_found_in_few_steps() {
    let cx = Context::builder().threads(1).build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("x.zarr"), 3, 0..24);
    fs::create_dir_all(folder.path().join("a/b")).unwrap();
    fs::rename(folder.path().join("x.zarr"), folder.path().join("a/b/store")).unwrap();
    cx.compute(cx.arange(9).unwrap().store(folder.path().join("y.h5/x"), Create::new())).unwrap();
    fs::rename(folder.path().join("y.h5"), folder.path().join("a/b/file")).unwrap();
    let (server, url) = Server::start(folder.path().to_owned(), 0, false);
    let x = cx.open(format!("{url}/a/b/store/group/x")).unwrap();
    // Four for each part of the path and the host, then six.
    assert!(server.requests() <= 6 * 4 + 6, "{} requests", server.requests());
    assert_eq!(lengths(&x), [Some(24), Some(5), Some(6), None, Some(1)]);
    let file = cx.open(format!("{url}/a/b/file/x")).unwrap();
    assert_eq!(file.shape().known().unwrap(), [9]);
    let error = cx.open(format!("{url}/a/b/none")).unwrap_err().to_string();
    assert_eq!(error, format!("{url}/a/b/none: no such file or array"));
}
