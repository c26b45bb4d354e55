//! The built command, run as a user runs it: what it prints, what it leaves behind, its exit codes.
#![cfg(all(feature = "cli", feature = "zarr", feature = "hdf5"))]

mod browser;
mod device;
mod interrupted;

use hyperslab::store::{Create, NodeKind};
use hyperslab::{Context, store};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder with `x.npy` (4 by 6, 0 to 23), `x.h5` (the same as `g/x`, with attributes) and `x.zarr` (the same as `x`).
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cx = Context::builder().threads(2).build().unwrap();
        let values: Vec<f64> = (0..24).map(f64::from).collect();
        let x = cx.from_ndarray(ndarray::ArrayD::from_shape_vec(vec![4, 6], values).unwrap()).unwrap();
        let mut how = Create::new().chunks([2, 3]);
        how.names = vec![Some("lat".to_owned()), Some("lon".to_owned())];
        how.attributes.insert("units".to_owned(), "K".into());
        let at = |name: &str| folder.path().join(name);
        cx.compute(x.store(at("x.npy"), Create::new())).unwrap();
        cx.compute(x.store(at("x.h5/g/x"), how.clone())).unwrap();
        cx.compute(x.store(at("x.zarr/x"), how)).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        let binary = env!("CARGO_BIN_EXE_hyperslab");
        Command::new(binary).args(args).current_dir(self.folder.path()).output().unwrap()
    }

    /// What a command that succeeds prints.
    fn says(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success() && err.is_empty(), "{args:?}: {err}");
        out
    }

    /// What a command that fails prints, and its exit code. It leaves nothing behind.
    fn fails(&self, args: &[&str]) -> (i32, String) {
        let before = self.names();
        let output = self.run(args);
        let err = text(&output.stderr);
        assert!(err.starts_with("error: ") && !err.contains("panicked"), "{args:?}: {err}");
        assert_eq!(self.names(), before, "{args:?}");
        (output.status.code().unwrap(), err)
    }

    /// Everything that lies in the folder.
    fn names(&self) -> Vec<String> {
        self.names_in("")
    }

    /// What is in a folder of it.
    fn names_in(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The elements of the stored array at `path`.
fn elements(path: &Path) -> Vec<f64> {
    let cx = Context::builder().threads(1).build().unwrap();
    let array = cx.open(path).unwrap().cast::<f64>();
    cx.compute(array).unwrap().into_raw_vec_and_offset().0
}

fn counted(n: i32) -> Vec<f64> {
    (0..n).map(f64::from).collect()
}

#[test]
fn results_are_printed() {
    let bench = Bench::new();
    assert_eq!(bench.says(&["eval", "x.mean()", "x=x.npy"]), "11.5\n");
    assert_eq!(bench.says(&["eval", "x.min(), x.max()", "x=x.h5/g/x", "--quiet"]), "0.0\n23.0\n");
    let table = bench.says(&["eval", "x", "x=x.zarr/x", "--threads", "1", "--memory", "64MiB", "--raw"]);
    assert!(table.starts_with("[[ 0.  1.  2.  3.  4.  5.]\n [ 6. "), "{table}");
}

#[test]
fn inputs_that_are_not_used_are_not_opened() {
    let bench = Bench::new();
    assert_eq!(bench.says(&["eval", "x.max()", "y=nowhere.npy", "x=x.npy"]), "23.0\n");
}

#[test]
fn results_are_stored_in_every_format() {
    let bench = Bench::new();
    for out in ["out.npy", "out.zarr", "out.zarr2.zarr/deep/x", "out.h5", "out.nc/a"] {
        assert_eq!(bench.says(&["eval", "x", "x=x.zarr/x", "-o", out]), "");
        assert_eq!(elements(&bench.path(out)), counted(24), "{out}");
        assert_eq!(bench.fails(&["eval", "x", "x=x.npy", "-o", out]).0, 1, "{out}");
        bench.says(&["eval", "x", "x=x.npy", "-o", out, "--overwrite"]);
    }
}

#[test]
fn several_results_in_one_run() {
    let bench = Bench::new();
    bench.says(&["eval", "x.sum(), x", "x=x.npy", "-o", "a.npy", "-o", "b.zarr"]);
    assert_eq!(elements(&bench.path("a.npy")), [276.0]);
    for out in ["c.zarr", "c.h5"] {
        bench.says(&["eval", "x.sum(), x", "x=x.npy", "-o", out]);
        assert_eq!(elements(&bench.path(&format!("{out}/out0"))), [276.0]);
        assert_eq!(elements(&bench.path(&format!("{out}/out1"))), counted(24));
    }
    assert_eq!(bench.fails(&["eval", "x, x", "x=x.npy", "-o", "d.npy"]).0, 2);
    let (code, why) = bench.fails(&["eval", "x", "x=x.npy", "-o", "d.npy", "-o", "e.npy"]);
    assert_eq!(
        (code, why.as_str()),
        (2, "error: output: 1 result and 2 outputs; give one for each, or one container\n")
    );
    // The first output is new, the second one is in the way: neither is touched.
    assert_eq!(bench.fails(&["eval", "x, x", "x=x.npy", "-o", "f.npy", "-o", "x.npy"]).0, 1);
}

#[test]
fn wrong_requests_exit_with_2_and_point() {
    let bench = Bench::new();
    let (code, why) = bench.fails(&["eval", "x +* 2", "x=x.npy", "-o", "out.npy"]);
    assert_eq!(code, 2);
    assert!(why.contains("column 4: ") && why.ends_with("  x +* 2\n     ^\n"), "{why}");
    let requests: &[&[&str]] = &[
        &["eval"],
        &["eval", "y", "x=x.npy"],
        &["eval", "x", "x.npy"],
        &["eval", "x", "x=x.npy", "--threads", "0"],
        &["eval", "x", "x=x.npy", "--memory", "lots"],
        &["eval", "x", "x=x.npy", "--device", "abacus"],
        &["eval", "x", "x=x.npy", "--resume"],
        &["eval", "x", "x=x.npy", "-o", "out.txt"],
        &["eval", "x", "x=x.npy", "-o", "out.zarr", "--chunks", "1,2,3"],
        &["rechunk", "x.npy", "y.zarr"],
        &["frobnicate"],
    ];
    for args in requests {
        assert_eq!(bench.fails(args).0, 2, "{args:?}");
    }
}

#[test]
fn errors_of_runs_name_columns_and_not_our_source() {
    let bench = Bench::new();
    let (code, why) = bench.fails(&["eval", "x + 1 - 2", "x=x.zarr/x", "-o", "o.npy", "--memory", "16"]);
    assert!(code == 1 && why.contains("(built at column 7): needs "), "{why}");
    std::fs::write(bench.path("x.zarr/x/c/1/1"), b"rubbish").unwrap();
    for (text, place) in [
        ("x.std(axis=0)", "column 3"),
        ("2 * mean(x)", "column 5"),
        ("y = x[1:]; y.T", "column 14"),
        ("x > 3", "column 3"),
        ("y = x.T\nz = -y\nz", "line 2, column 5"),
        ("g = groupby(x, [0, 1, 0, 1]); g.expand(g.mean())", "column 42"),
    ] {
        let (code, why) = bench.fails(&["eval", text, "x=x.zarr/x"]);
        assert!(code == 1 && why.contains(&format!("built at {place},")) && !why.contains("src/"), "{text}: {why}");
    }
}

#[test]
fn failed_runs_exit_with_1() {
    let bench = Bench::new();
    for args in [["eval", "x", "x=nowhere.zarr"], ["eval", "x", "x=x.h5/g"], ["info", "nowhere", "--stats"]] {
        assert_eq!(bench.fails(&args).0, 1, "{args:?}");
    }
}

#[test]
fn info_of_arrays_and_containers() {
    let bench = Bench::new();
    let tree = bench.says(&["info", "x.zarr"]);
    assert!(tree.starts_with("x.zarr: zarr v3, 1 array, 192 B"), "{tree}");
    assert!(tree.contains("float64 (4, 6)  chunks (2, 3)") && tree.contains("dims lat, lon"), "{tree}");
    let array = bench.says(&["info", "x.h5/g/x", "--stats"]);
    assert!(array.contains("min 0.0, max 23.0, mean 11.5") && array.contains("units: \"K\""), "{array}");
    let json: serde_json::Value = serde_json::from_str(&bench.says(&["info", "x.npy", "--json", "--stats"])).unwrap();
    let entry = &json["entries"][0];
    assert_eq!(entry["shape"], serde_json::json!([4, 6]));
    assert_eq!((&entry["stats"]["max"], &entry["stats"]["nan"]), (&23.0.into(), &0.into()));
}

#[test]
fn info_of_what_a_pattern_matches() {
    let bench = Bench::new();
    let all = bench.says(&["info", "x.*"]);
    let lines: Vec<&str> = all.lines().filter(|line| line.starts_with("x.")).collect();
    assert_eq!(lines.iter().map(|l| l.split(':').next().unwrap()).collect::<Vec<_>>(), ["x.h5", "x.npy", "x.zarr"]);
    assert!(lines[1].starts_with("x.npy: float64 (4, 6)") && lines[2].starts_with("x.zarr: zarr v3, 1 array"), "{all}");
    let json: serde_json::Value = serde_json::from_str(&bench.says(&["info", "x.n*", "--json", "--stats"])).unwrap();
    assert_eq!((json["path"].as_str(), json["matches"].as_array().map(Vec::len)), (Some("x.n*"), Some(1)));
    let found = &json["matches"][0];
    assert_eq!((found["path"].as_str(), &found["entries"][0]["stats"]["max"]), (Some("x.npy"), &23.0.into()));
    let (code, error) = bench.fails(&["info", "none*.nc"]);
    assert!(code == 1 && error.contains("none*.nc: no file has such a name"), "{error}");
    // What cannot be read is told, and the others are shown all the same.
    std::fs::write(bench.path("x.nc"), "no file of any format").unwrap();
    let output = bench.run(&["info", "x.n*"]);
    assert!(text(&output.stdout).starts_with("x.npy: float64") && output.status.code() == Some(1));
    assert!(text(&output.stderr).contains("x.nc: is in no format that can be read"), "{}", text(&output.stderr));
}

#[test]
fn stats_find_every_damaged_chunk() {
    let bench = Bench::new();
    let mut files = vec![bench.path("x.zarr/x/c")];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()));
        } else if path.ends_with("1") {
            std::fs::write(path, b"rubbish").unwrap();
        }
    }
    assert!(bench.run(&["info", "x.zarr"]).status.success());
    let output = bench.run(&["info", "x.zarr", "--stats"]);
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(err.lines().count(), 2, "{err}");
    assert!(err.contains("(0, 1)") && err.contains("(1, 1)"), "{err}");
}

#[test]
fn explanations() {
    let bench = Bench::new();
    let all = bench.says(&["explain", "x.mean()", "x=x.zarr/x"]);
    for stage in ["expr:\n", "simplified:\n", "plan:\n", "fused:\n", "tasks:\n"] {
        assert!(all.contains(stage), "{all}");
    }
    assert!(bench.says(&["explain", "x", "x=x.npy", "--stage", "tasks"]).contains("to read"));
    let dot = bench.says(&["explain", "x.mean()", "x=x.npy", "--dot", "--svg", "plan.svg"]);
    assert!(dot.starts_with("digraph") && dot.contains("->"), "{dot}");
    assert!(std::fs::read_to_string(bench.path("plan.svg")).unwrap().starts_with("<svg"));
}

#[test]
fn pictures_and_profiles() {
    let bench = Bench::new();
    bench.says(&["eval", "x", "x=x.npy", "--plot", "p.png", "--profile", "p.html", "-o", "p.npy"]);
    assert!(std::fs::read(bench.path("p.png")).unwrap().starts_with(b"\x89PNG"));
    let page = std::fs::read_to_string(bench.path("p.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("\"bytes_read\":192"), "{page}");
    bench.says(&["plot", "x.h5/g/x", "-o", "q.png", "--profile", "q.json"]);
    let text = std::fs::read_to_string(bench.path("q.json")).unwrap();
    let numbers: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&numbers["source_bytes"], &numbers["bytes_read"]), (&192.into(), &192.into()));
    assert_eq!(bench.fails(&["eval", "x.sum()", "x=x.npy", "--plot", "r.png"]).0, 2);
}

#[test]
fn pictures_as_vectors_and_histograms() {
    let bench = Bench::new();
    let picture = |name: &str| std::fs::read_to_string(bench.path(name)).unwrap();
    bench.says(&["eval", "x", "x=x.zarr/x", "--plot", "image.svg"]);
    assert!(picture("image.svg").contains(">lat</text>") && picture("image.svg").contains("base64,"));
    bench.says(&["plot", "x.h5/g/x", "-o", "values.svg", "--histogram=4"]);
    let values = picture("values.svg");
    assert!(values.contains(">K</text>") && values.contains(">count</text>"), "{values}");
    // Four bars of six elements each, beside paper and frame.
    let heights: Vec<&str> = values.split("fill=\"#2668b0\"").collect();
    assert_eq!(heights.len(), 5, "{values}");
    bench.says(&["eval", "histogram(x, bins=3, density=True)", "x=x.npy", "--plot", "bars.svg"]);
    assert!(picture("bars.svg").contains(">density</text>"));
    bench.says(&["eval", "x[0], x[1]", "x=x.npy", "--plot", "line.svg"]);
    assert!(picture("line.svg").contains("<path"));
    bench.says(&["eval", "where(x > 3, x, nan)", "x=x.npy", "-o", "some.npy"]);
    bench.says(&["plot", "some.npy", "-o", "some.png", "--histogram"]);
    assert!(std::fs::read(bench.path("some.png")).unwrap().starts_with(b"\x89PNG"));
    bench.says(&["eval", "x * nan", "x=x.npy", "-o", "none.npy"]);
    let (code, error) = bench.fails(&["plot", "none.npy", "-o", "none.png", "--histogram"]);
    assert!(code == 2 && error.contains("no finite elements"), "{error}");
}

#[test]
fn containers_are_converted_whole() {
    let bench = Bench::new();
    bench.says(&["convert", "x.h5", "a.zarr", "--zarr-version", "2", "--dtype", "float32", "--codec", "gzip:1"]);
    bench.says(&["convert", "a.zarr", "b.h5"]);
    let nodes = store::tree(bench.path("b.h5")).unwrap();
    let paths: Vec<&str> = nodes.iter().map(|n| n.path.as_str()).collect();
    assert_eq!(paths, ["", "g", "g/x"]);
    let NodeKind::Array(info) = &nodes[2].kind else { panic!("{nodes:?}") };
    assert_eq!(info.attributes["units"], "K");
    assert_eq!(info.names, [Some("lat".to_owned()), Some("lon".to_owned())]);
    assert_eq!((info.dtype.name(), elements(&bench.path("b.h5/g/x"))), ("float32", counted(24)));
    assert_eq!(bench.fails(&["convert", "a.zarr", "b.h5"]).0, 1);
    bench.says(&["convert", "x.zarr", "b.h5", "--overwrite"]);
    assert!(store::open(bench.path("b.h5/g/x")).is_err());
    bench.says(&["convert", "x.h5", "only.npy"]);
    assert_eq!(elements(&bench.path("only.npy")), counted(24));
    assert!(bench.names().iter().all(|name| !name.starts_with('.')));
}

#[test]
fn a_conversion_that_fails_leaves_nothing() {
    let bench = Bench::new();
    bench.says(&["convert", "x.zarr", "u.zarr", "--chunks", "2,3", "--codec", "zstd"]);
    for damaged in ["x.zarr/x/c/1/1", "u.zarr/x/c/1/1"] {
        std::fs::write(bench.path(damaged), b"rubbish").unwrap();
    }
    assert_eq!(bench.fails(&["convert", "x.zarr", "y.zarr", "--codec", "gzip"]).0, 1);
    assert_eq!(bench.fails(&["convert", "x.zarr/x", "y.npy"]).0, 1);
    // A checksum behind a chunk is looked at when the chunk is copied.
    let (code, why) = bench.fails(&["convert", "x.zarr", "y.zarr"]);
    assert!(code == 1 && why.contains("checksum") && why.contains("chunk (1, 1)"), "{why}");
    assert!(!bench.path("y.zarr").exists() && !bench.path("y.npy").exists());
    // A copy of what has none is what the array was, and whoever reads it is told.
    bench.says(&["convert", "u.zarr", "y.zarr"]);
    assert_eq!(std::fs::read(bench.path("y.zarr/x/c/1/1")).unwrap(), b"rubbish");
    assert_eq!(bench.fails(&["info", "y.zarr", "--stats"]).0, 1);
    // A folder that is no container is never replaced.
    std::fs::create_dir(bench.path("mine.zarr")).unwrap();
    std::fs::write(bench.path("mine.zarr/notes"), "").unwrap();
    assert_eq!(bench.fails(&["convert", "x.h5", "mine.zarr", "--overwrite"]).0, 1);
    assert!(bench.path("mine.zarr/notes").exists());
}

#[test]
fn other_chunks() {
    let bench = Bench::new();
    bench.says(&["rechunk", "x.npy", "r.zarr", "--chunks", "1,-1"]);
    assert_eq!(store::open(bench.path("r.zarr")).unwrap().info().chunks.longest(), [1, 6]);
    assert_eq!(elements(&bench.path("r.zarr")), counted(24));
}
