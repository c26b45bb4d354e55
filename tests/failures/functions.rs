//! Block functions that panic or give back the wrong thing.

use super::context;
use hyperslab::array::blocks::BlockFn;
use hyperslab::store::Create;
use hyperslab::{Array, ErrorKind};
use ndarray::{ArrayD, ArrayViewD};

fn x() -> Array<f64> {
    context().linspace(0.0, 11.0, 12).unwrap().rechunk(&[4])
}

/// Runs `body` over every chunk of `0, 1, ..., 11`; the error.
fn error_of(body: impl Fn(ArrayViewD<'_, f64>) -> ArrayD<f64> + Send + Sync + 'static) -> (hyperslab::Error, u32) {
    let (y, line) = (x().map_blocks(&BlockFn::named("smooth", body)), line!());
    (context().compute(y).unwrap_err(), line)
}

#[test]
fn a_panic_is_an_error_with_its_text() {
    let (err, line) = error_of(|b| if b[[0]] > 3.0 { panic!("no {} here", b[[0]]) } else { b.to_owned() });
    assert!(matches!(err.kind(), ErrorKind::Function { name, .. } if name == "smooth"));
    let site = format!("{}:{line}:26", file!());
    let text = err.to_string();
    let head = "block function smooth: panicked: no ";
    assert!(text.starts_with(head), "{text}");
    assert!(text.contains(&format!("(in map_blocks smooth built at {site}, block (")), "{text}");
}

#[test]
fn a_wrong_shape_is_an_error_with_both_shapes() {
    let (err, _) = error_of(|_| ArrayD::zeros(vec![3, 1]));
    let text = err.to_string();
    let head = "block function smooth: returned a block of shape (3, 1) where (4,) was expected (in map_blocks smooth";
    assert!(text.starts_with(head), "{text}");
}

#[test]
fn a_failing_function_leaves_no_array() {
    let folder = tempfile::tempdir().unwrap();
    let f = BlockFn::new(|b: ArrayViewD<'_, f64>| if b[[0]] > 7.0 { panic!() } else { b.to_owned() });
    let stored = x().map_blocks(&f).store(folder.path().join("o.zarr"), Create::new());
    let err = context().compute(stored).unwrap_err();
    assert!(
        err.to_string().starts_with("block function block function: panicked: explicit panic (in map_blocks"),
        "{err}"
    );
    assert!(super::names(folder.path()).is_empty());
}

#[test]
fn a_function_that_refuses_the_dtype_is_caught_when_it_is_built() {
    let y = context().arange(4).unwrap().into_dyn();
    let err = y.try_typed::<f64>().unwrap_err();
    assert_eq!(err.to_string(), "try_typed: the array holds int64, not float64");
}
