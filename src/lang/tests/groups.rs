//! `groupby` and what it gives.

use crate::lang::evaluate;
use crate::runtime::context::Context;
use std::collections::BTreeMap;

fn values(source: &str) -> Vec<f64> {
    let cx = Context::default();
    let x = ndarray::ArrayD::from_shape_vec(vec![4, 2], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 9.0]).unwrap();
    let inputs = BTreeMap::from([("x".to_owned(), cx.from_ndarray::<f64>(x).unwrap().into_dyn())]);
    let out = evaluate(source, &inputs).unwrap().remove(0).astype(crate::dtype::DType::F64);
    cx.compute(out).unwrap().to_ndarray::<f64>().unwrap().into_raw_vec_and_offset().0
}

fn error(source: &str) -> String {
    let inputs = BTreeMap::from([("x".to_owned(), Context::default().zeros::<f64>(&[4, 2]).unwrap().into_dyn())]);
    evaluate(source, &inputs).unwrap_err().to_string()
}

#[test]
fn labels_are_a_list_or_an_array() {
    assert_eq!(values("groupby(x, [0, 1, 0, 1]).sum()"), [6.0, 8.0, 10.0, 13.0]);
    assert_eq!(values("groupby(x, arange(4) // 2).mean()"), [2.0, 3.0, 6.0, 7.5]);
    assert_eq!(values("groupby(x, arange(4) % 2 == 1).max()"), [5.0, 6.0, 7.0, 9.0]);
    assert_eq!(values("groupby(x, [1, 0], axis=1).min()"), [2.0, 1.0, 4.0, 3.0, 6.0, 5.0, 9.0, 7.0]);
    assert_eq!(values("groupby(x, [0, 0, 2, 2], axis=-2).count()"), [2.0, 2.0]);
    assert_eq!(values("groupby(x, [0, 0, 2, 2], groups=3).count()"), [2.0, 0.0, 2.0]);
    assert_eq!(values("groupby(x, [0, 0, 2, 2], groups=3).min()[:, 0]")[..1], [1.0]);
    assert_eq!(values("groupby(x, [9, 5, 9, 5], groups=[9, 5]).sum()"), [6.0, 8.0, 10.0, 13.0]);
    assert_eq!(values("groupby(x, [2.5, nan, 0.5, 2.5]).keys()"), [0.5, 2.5]);
    assert_eq!(values("groupby(x, [-1, 3, 3, -1]).sum()"), [8.0, 10.0]);
    assert_eq!(values("groupby(x, x > 4).mean()"), [2.5, 6.75]);
    assert_eq!(values("groupby(x, [1, 0, 1, 0]).last()"), [7.0, 9.0, 5.0, 6.0]);
}

#[test]
fn what_is_expanded_lines_up() {
    assert_eq!(
        values("g = groupby(x, [0, 1, 0, 1]); x - g.expand(g.mean())"),
        values("groupby(x, [0, 1, 0, 1]) - groupby(x, [0, 1, 0, 1]).mean()")
    );
    assert_eq!(
        values("g = groupby(x, [0, 1, 0, 1]); x - g.expand(g.mean())"),
        [-2.0, -2.0, -2.0, -2.5, 2.0, 2.0, 2.0, 2.5]
    );
    assert_eq!(values("g = groupby(x, [0, 1, 0, 1]); std(x - g.expand(g.mean()), axis=0)"), [2.0, 5.125f64.sqrt()]);
    assert_eq!(values("groupby(x, [0, 1, 1, 1]).var(ddof=1)[1, 0]"), [4.0]);
}

#[test]
fn errors_say_what_groups_have() {
    assert!(error("groupby(x, [0, 1])").contains("2 labels for the 4 positions along axis 0"));
    assert!(error("groupby(x, [1j, 1, 1, 1]).sum()").contains("labels have an order"));
    assert!(error("groupby(x, [0, 0, 0, 0]).men()").contains("did you mean `mean`?"));
    assert!(error("groupby(x, [0, 0, 0, 0])").contains("the result is an array in groups"));
    assert!(error("groupby(x > 0, [0, 0, 2, 0], groups=3).max()").contains("group 1 of 3"));
}
