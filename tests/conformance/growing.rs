//! Arrays that grow with their coordinates, in every format that can. `tests/judges/updates.py` asks others about many
//! more, and kills runs.

use super::contexts;
use hyperslab::store::{Attributes, Create, Update};
use hyperslab::{Array, Context, Error};
use serde_json::json;
use std::path::{Path, PathBuf};

const FORMATS: [&str; 4] = ["nc3", "nc", "h5", "zarr"];

/// Days from `first` on, with a time in these units, beside a coordinate that does not grow.
fn days(cx: &Context, (first, n): (i32, usize), units: &str, scale: f64) -> Array {
    let values = ndarray::Array2::from_shape_fn((n, 3), |(i, j)| f64::from(first) + i as f64 + j as f64 / 4.0);
    let x = cx.from_ndarray(values).unwrap().with_names(&["time", "x"]).unwrap();
    let time: Vec<f64> = (0..n).map(|i| (f64::from(first) + i as f64) * scale).collect();
    let attributes = Attributes::from_iter([("units".to_owned(), json!(units))]);
    let x = x.with_coordinate("time", time, attributes).unwrap();
    x.with_coordinate("x", vec![0.0, 0.5, 1.0], Attributes::new()).unwrap().into_dyn()
}

fn elements(cx: &Context, x: &Array) -> Vec<f64> {
    cx.compute(x.cast::<f64>()).unwrap().into_iter().collect()
}

/// Two arrays of four days that share their coordinates, and the paths of both.
fn two(cx: &Context, folder: &Path, format: &str) -> [PathBuf; 2] {
    let paths = ["u", "v"].map(|name| folder.join(format!("a.{format}")).join(name));
    let x = days(cx, (0, 4), "days since 2000-01-01", 1.0);
    for path in &paths {
        let mut how = Create::new();
        if format != "zarr" {
            how.unlimited = vec!["time".to_owned()];
        }
        cx.compute(x.store(path, how)).unwrap();
    }
    paths
}

#[test]
fn several_arrays_grow_with_a_time_that_they_share() {
    for cx in contexts() {
        for format in FORMATS {
            let folder = tempfile::tempdir().unwrap();
            let [u, v] = two(&cx, folder.path(), format);
            let more = days(&cx, (4, 2), "hours since 2000-01-01", 24.0);
            let append = || Update::append("time");
            cx.compute((more.update(&u, append()), (&more * 2.0).update(&v, append()))).unwrap();
            let time: Vec<f64> = (0..6).map(f64::from).collect();
            for (path, factor) in [(&u, 1.0), (&v, 2.0)] {
                let all = cx.open(path).unwrap();
                assert_eq!(all.shape().to_string(), "(6, 3)", "{format}");
                assert_eq!(elements(&cx, &all)[12..], [4.0, 4.25, 4.5, 5.0, 5.25, 5.5].map(|x| x * factor), "{format}");
                assert_eq!(elements(&cx, &all.coordinate("time").unwrap()), time, "{format}");
            }
            // One alone: in NetCDF-3 the other grows by fill values, which are written over.
            let last = days(&cx, (6, 1), "days since 2000-01-01", 1.0);
            cx.compute(last.update(&u, append())).unwrap();
            if format == "nc3" {
                let fill = elements(&cx, &cx.open(&v).unwrap())[18];
                assert!(fill > 9.9e36, "{fill}");
                let error = cx.compute(last.update(&v, append())).unwrap_err().to_string();
                assert!(
                    error.contains("a.nc3/time: rises to 6 days since 2000-01-01, and what is appended, from 6 on")
                );
            }
            let rest = if format == "nc3" { Update::along([("time", 6..7)]) } else { append() };
            cx.compute(last.update(&v, rest)).unwrap();
            assert_eq!(elements(&cx, &cx.open(&v).unwrap())[18..], [6.0, 6.25, 6.5], "{format}");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }
}

#[test]
fn what_does_not_go_on_changes_nothing() {
    let cx = &contexts()[0];
    for format in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let [u, _] = two(cx, folder.path(), format);
        let refused = |x: &Array, how: Update, expect: &str| {
            let error: Error = cx.compute(x.update(&u, how)).unwrap_err();
            assert!(error.to_string().contains(expect), "{format}: {error}");
            assert_eq!(cx.open(&u).unwrap().shape().to_string(), "(4, 3)");
            assert_eq!(cx.open(u.with_file_name("time")).unwrap().shape().to_string(), "(4,)");
        };
        let units = "days since 2000-01-01";
        let append = || Update::append("time");
        refused(
            &days(cx, (3, 2), units, 1.0),
            append(),
            "rises to 3 days since 2000-01-01, and what is appended, from 3",
        );
        refused(&days(cx, (4, 2), units, -1.0), append(), "from -4 on, does not go on so");
        refused(
            &days(cx, (4, 2), "metres", 1.0),
            append(),
            "values in `metres` are written among values in `days since",
        );
        let bare = cx.from_ndarray(ndarray::Array2::<f64>::zeros((2, 3))).unwrap().into_dyn();
        refused(&bare, append(), "has 4 values, and ");
        let wide = cx.from_ndarray(ndarray::Array2::<f64>::zeros((4, 1))).unwrap().into_dyn();
        if format != "zarr" {
            refused(&wide, Update::append(1).coordinates(false), "axis 1");
        }
        // None at all is no change, and left alone, coordinates say nothing.
        let none = days(cx, (4, 0), units, 1.0);
        cx.compute(none.update(&u, append())).unwrap();
        let again = days(cx, (0, 1), units, 1.0);
        cx.compute(again.update(&u, append().coordinates(false))).unwrap();
        assert_eq!(cx.open(&u).unwrap().shape().to_string(), "(5, 3)");
    }
}
