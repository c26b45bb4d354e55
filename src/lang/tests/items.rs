//! Items of arrays: assigned to, and named by `r_`, `mgrid` and their like.

use crate::lang::evaluate;
use crate::runtime::context::Context;
use std::collections::BTreeMap;

fn values(source: &str) -> Vec<f64> {
    let cx = Context::default();
    let inputs = BTreeMap::from([("x".to_owned(), cx.arange(6).unwrap().reshape(&[2, 3]).into_dyn())]);
    let out = evaluate(source, &inputs).unwrap().remove(0).astype(crate::dtype::DType::F64);
    cx.compute(out).unwrap().to_ndarray::<f64>().unwrap().into_raw_vec_and_offset().0
}

fn error(source: &str) -> String {
    let inputs = BTreeMap::from([("x".to_owned(), Context::default().arange(6).unwrap().into_dyn())]);
    evaluate(source, &inputs).unwrap_err().to_string()
}

#[test]
fn a_name_stands_for_what_was_assigned_to_its_items() {
    assert_eq!(values("x[1, ::2] = 9; x"), [0.0, 1.0, 2.0, 9.0, 4.0, 9.0]);
    assert_eq!(values("y = x; y[:, [0, -1]] = [7, 8]; x + y"), [7.0, 2.0, 10.0, 10.0, 8.0, 13.0]);
    assert_eq!(values("x[x > 3] *= 10; x"), [0.0, 1.0, 2.0, 3.0, 40.0, 50.0]);
    assert_eq!(values("x[where(x % 2)] = 0; x"), [0.0, 0.0, 2.0, 0.0, 4.0, 0.0]);
    assert!(error("x[9] = 1; x").contains("9 is out of bounds for axis 0"));
    assert!(error("x[[0, 9]] = 1; x").contains("index 9 is out of bounds for axis 0 with size 6"));
    assert!(error("x[0] = nan; x").contains("does not fit int64"));
}

#[test]
fn grids_are_made_by_subscripts() {
    assert_eq!(values("mgrid[0:2, 1:2:3j]"), [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.5, 2.0, 1.0, 1.5, 2.0]);
    assert_eq!(values("r_[1:3, 7, x[0]]"), [1.0, 2.0, 7.0, 0.0, 1.0, 2.0]);
    assert_eq!(values("c_[x[0], 4:7]"), [0.0, 4.0, 1.0, 5.0, 2.0, 6.0]);
    assert_eq!(values("x[s_[1, :2]]"), [3.0, 4.0]);
    assert!(error("mgrid[3]").contains("takes slices"));
}

#[test]
fn sequences_between_arrays_have_a_new_axis() {
    assert_eq!(values("linspace([0, 1], [4, 9], 3)"), [0.0, 1.0, 2.0, 5.0, 4.0, 9.0]);
    assert_eq!(values("linspace(0, [4, 8], 4, endpoint=False, axis=-1)"), [0.0, 1.0, 2.0, 3.0, 0.0, 2.0, 4.0, 6.0]);
    assert_eq!(values("linspace([1, 2], [1, 5], 4, retstep=True)[1]"), [0.0, 1.0]);
    assert_eq!(values("logspace([0, 1], 2, 2, base=2.0)"), [1.0, 2.0, 4.0, 4.0]);
    assert!(error("linspace([0, 1], 3, 4, axis=2)").contains("axis 2"));
}
