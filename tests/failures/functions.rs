//! Block functions that panic or give back the wrong thing.

use super::context;
use hyperslab::array::blocks::BlockFn;
use hyperslab::array::functions::{BlockReduction, Blockwise, Gufunc};
use hyperslab::store::Create;
use hyperslab::{Array, ErrorKind};
use ndarray::{Array1, ArrayD, ArrayView1, ArrayViewD, Axis};

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

/// Three rows of four, in chunks of two.
fn rows() -> Array<f64> {
    x().reshape(&[3, 4]).rechunk(&[2, 2])
}

#[test]
fn wrong_blocks_of_generalised_functions_name_function_block_and_shapes() {
    let wrong = |x: ArrayViewD<'_, f64>| -> ArrayD<f64> { x.to_owned() };
    let sum = Gufunc::new("(i)->()").unwrap().named("total").apply(&rows(), wrong).unwrap();
    let text = context().compute(sum).unwrap_err().to_string();
    let shape =
        |n: usize| format!("block function total: returned a block of shape ({n}, 4) where ({n},) was expected");
    assert!(text.starts_with(&shape(2)) || text.starts_with(&shape(1)), "{text}");
    assert!(text.contains("(in apply_gufunc total built at") && text.contains(", block ("), "{text}");
    let turned = Blockwise::new("ij->ji").named("turn").apply(&rows(), wrong).unwrap();
    let text = context().compute(turned).unwrap_err().to_string();
    assert!(text.contains("(in blockwise turn built at") && text.contains(", block ("), "{text}");
    let short = |line: ArrayView1<'_, f64>| -> Array1<f64> { line.to_owned() };
    let text = context().compute(rows().apply_along_axis(1, 3, short).unwrap()).unwrap_err().to_string();
    assert!(text.contains("returned a block of shape (4,) where (3,) was expected (in apply_along_axis"), "{text}");
}

#[test]
fn wrong_steps_of_a_reduction_are_told_apart() {
    let keep = |x: &ArrayViewD<'_, f64>| x.sum_axis(Axis(1)).insert_axis(Axis(1));
    let right = move |x: ArrayViewD<'_, f64>, _: &[Axis]| keep(&x);
    let wrong = |x: ArrayViewD<'_, f64>, _: &[Axis]| x.to_owned();
    let end = |x: ArrayViewD<'_, f64>| x.to_owned();
    let text =
        |r: &BlockReduction<f64, f64, f64>| context().compute(rows().reduce_blocks(1, r)).unwrap_err().to_string();
    let map = text(&BlockReduction::new("spread", wrong, right, end));
    assert!(map.starts_with("block function spread (map): returned a block of shape"), "{map}");
    let combine = text(&BlockReduction::new("spread", right, wrong, end));
    assert!(combine.starts_with("block function spread (combine): returned a block of shape"), "{combine}");
    let finish = text(&BlockReduction::new("spread", right, right, |x: ArrayViewD<'_, f64>| -> ArrayD<f64> {
        panic!("no {}", x.ndim())
    }));
    assert!(finish.starts_with("block function spread (finish): panicked: no 2 (in reduction spread"), "{finish}");
}

#[test]
fn what_does_not_fit_a_signature_is_refused_when_it_is_built() {
    let body = |x: ArrayViewD<'_, f64>| -> ArrayD<f64> { x.to_owned() };
    let two = |(x, _): (ArrayViewD<'_, f64>, ArrayViewD<'_, f64>)| -> ArrayD<f64> { x.to_owned() };
    let of = |signature: &str| Gufunc::new(signature).and_then(|g| g.named("f").apply(&rows(), body)).unwrap_err();
    let both = |signature: &str, y: &Array<f64>| {
        Gufunc::new(signature).and_then(|g| g.named("f").apply((&rows(), y), two)).unwrap_err().to_string()
    };
    assert_eq!(of("(i)").to_string(), "apply_gufunc: the signature `(i)` has no `->`");
    assert_eq!(
        of("(i)->(i),()").to_string(),
        "apply_gufunc: the signature `(i)->(i),()` has 2 results; one is offered"
    );
    assert_eq!(of("(i),(j)->()").to_string(), "apply_gufunc: f takes 2 arrays, not 1");
    assert_eq!(of("(i,j,k)->()").to_string(), "apply_gufunc: array 0 of f has shape (3, 4) and needs 3 axes");
    assert_eq!(of("(i)->(k)").to_string(), "apply_gufunc: the length of dimension k of f is not known");
    let text = both("(i,j),(j)->(i)", &x());
    assert_eq!(text, "apply_gufunc: dimension j of f has length 12 in array 1, and 4");
    assert!(both("(),()->()", &x()).contains("(3, 4)"), "shapes that do not broadcast");
    let labels = |notation: &str| Blockwise::new(notation).apply(&rows(), body).unwrap_err().to_string();
    assert_eq!(labels("ij"), "blockwise: `ij` has no `->`");
    assert_eq!(labels("ii->i"), "blockwise: `ii->i` has `i` twice in one array");
    assert_eq!(labels("ijk->i"), "blockwise: `ijk->i` has 3 labels for array 0 of shape (3, 4)");
    assert_eq!(labels("ij->ijn"), "blockwise: the length of axis n, which no array has, is not known");
    assert_eq!(labels("ij,j->i"), "blockwise: `ij,j->i` is about 2 arrays, not 1");
}
