//! Many files as one. `tests/judges/many.py` asks xarray about many more.

use super::contexts;
use hyperslab::array::many::OpenMany;
use hyperslab::store::{Attributes, Create};
use hyperslab::{Array, Context};
use serde_json::json;
use std::path::Path;

/// Stores days `first..first + n` of a field whose values are those days, with a time in these units.
fn store(cx: &Context, path: &Path, (first, n): (i32, usize), units: &str, scale: f64) {
    let values = ndarray::Array2::from_shape_fn((n, 3), |(i, j)| f64::from(first) + i as f64 + j as f64 / 4.0);
    let x = cx.from_ndarray(values).unwrap().with_names(&["time", "x"]).unwrap();
    let time: Vec<f64> = (0..n).map(|i| (f64::from(first) + i as f64) * scale).collect();
    let attributes = Attributes::from_iter([("units".to_owned(), json!(units))]);
    let x = x.with_coordinate("time", time, attributes).unwrap();
    let x = x.with_coordinate("x", vec![0.0, 0.5, 1.0], Attributes::new()).unwrap();
    cx.compute(x.store(path.join("f"), Create::new())).unwrap();
}

fn elements(cx: &Context, x: &Array) -> Vec<f64> {
    cx.compute(x.cast::<f64>()).unwrap().into_iter().collect()
}

#[test]
fn files_follow_their_times_whatever_their_names_and_units() {
    for (cx, ending) in contexts().iter().zip(["nc", "zarr"]) {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(format!("{name}.{ending}"));
        store(cx, &file("b"), (0, 2), "days since 2000-01-01", 1.0);
        store(cx, &file("a"), (2, 3), "hours since 2000-01-01", 24.0);
        store(cx, &file("c"), (6, 1), "days since 1999-12-31", 1.0);
        let pattern = folder.path().join(format!("*.{ending}/f"));
        let all = cx.open_many(pattern.as_path(), &OpenMany::along("time")).unwrap();
        assert_eq!(all.shape().to_string(), "(6, 3)");
        let want: Vec<f64> =
            [0, 1, 2, 3, 4, 6].iter().flat_map(|d| (0..3).map(move |i| f64::from(*d) + f64::from(i) / 4.0)).collect();
        assert_eq!(elements(cx, &all), want);
        // The last file counts from a day earlier.
        let time = elements(cx, &all.coordinate("time").unwrap());
        assert_eq!(time, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let cx = &contexts()[0];
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(format!("{name}.zarr"));
    store(cx, &file("a"), (0, 3), "days since 2000-01-01", 1.0);
    store(cx, &file("b"), (1, 3), "days since 2000-01-01", 1.0);
    let open = |names: &[&str], how: &OpenMany| {
        let paths: Vec<_> = names.iter().map(|n| file(n).join("f")).collect();
        cx.open_many(paths, how).map_err(|e| e.to_string())
    };
    let refused = open(&["a", "b"], &OpenMany::along("time")).unwrap_err();
    assert!(refused.contains("a.zarr/f and ") && refused.contains("b.zarr/f overlap along `time`"), "{refused}");
    let nested = open(&["a", "b"], &OpenMany::along("time").nested()).unwrap();
    assert_eq!(elements(cx, &nested.coordinate("time").unwrap()), [0.0, 1.0, 2.0, 1.0, 2.0, 3.0]);
    let refused = open(&["a", "b"], &OpenMany::along("x")).unwrap_err();
    assert!(refused.contains("`time` of ") && refused.contains("differ: 0 and 1 at position 0"), "{refused}");
    let refused = open(&["a", "a"], &OpenMany::new()).unwrap_err();
    assert!(refused.contains("differ in no coordinate"), "{refused}");
    let found = open(&["b", "a"], &OpenMany::new().nested()).unwrap();
    assert_eq!(found.shape().to_string(), "(6, 3)");
    let stacked = open(&["a", "a"], &OpenMany::stack("run")).unwrap();
    assert_eq!(stacked.shape().to_string(), "(2, 3, 3)");
    assert_eq!(elements(cx, &stacked.mean("run").into_dyn()), elements(cx, &open(&["a"], &OpenMany::new()).unwrap()));
    store(cx, &file("c"), (5, 2), "m", 1.0);
    let refused = open(&["a", "c"], &OpenMany::along("time")).unwrap_err();
    assert!(refused.contains("has the units `days since 2000-01-01`") && refused.contains("`m` beside"), "{refused}");
}

#[test]
fn bits_of_mantissas() {
    let cx = &contexts()[0];
    let x = vec![1.0f32, 1.5, 1.25, 1.125, -1.375, 0.0, -0.0, f32::NAN, f32::INFINITY, f32::MAX, 1e-45, 3e-39];
    // As numcodecs.BitRound has them, but for NaN, which stays.
    let want = |k: u32| -> Vec<u32> {
        let drop = 23 - k;
        let one = |v: &f32| {
            let b = v.to_bits();
            if v.is_nan() { b } else { (b + ((b >> drop) & 1) + (1 << (drop - 1)) - 1) >> drop << drop }
        };
        x.iter().map(one).collect()
    };
    for keepbits in [0, 1, 2, 7, 22] {
        let rounded = cx.from_ndarray(ndarray::Array1::from_vec(x.clone())).unwrap().bitround(keepbits).unwrap();
        let bits: Vec<u32> = cx.compute(rounded).unwrap().iter().map(|v| v.to_bits()).collect();
        assert_eq!(bits, want(u32::try_from(keepbits).unwrap()), "{keepbits}");
    }
    let whole = cx.arange(3).unwrap();
    assert!(whole.bitround(3).unwrap_err().to_string().contains("int64 has no mantissa to round"));
    assert!(cx.linspace(0.0, 1.0, 2).unwrap().bitround(53).unwrap_err().to_string().contains("has 52"));
}
