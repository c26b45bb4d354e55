//! `einsum` and its like against plain loops over every index, for random subscripts, lengths and chunks.

use super::{contexts, elements};
use hyperslab::dtype::DType;
use hyperslab::linalg::einsum::{Subscripts, einsum};
use hyperslab::linalg::products::{kron, multi_dot};
use hyperslab::{Array, Context};
use ndarray::{ArrayD, Dimension, IxDyn};
use num_complex::Complex64;
use std::collections::BTreeMap;

/// A generator of small numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % n as u64).unwrap()
    }
}

/// Whole numbers, as an array in random chunks and as values.
fn operand(shape: &[usize], dtype: DType, dice: &mut Dice) -> (Array, ArrayD<i64>) {
    let top = if dtype == DType::Bool { 2 } else { 5 };
    let values = ArrayD::from_shape_fn(shape.to_vec(), |_| i64::try_from(dice.below(top)).unwrap());
    let x = Context::default().from_ndarray(values.clone()).unwrap().into_dyn().astype(dtype);
    let chunk: Vec<isize> = shape.iter().map(|&n| (1 + dice.below(n.max(1))).cast_signed()).collect();
    (x.try_rechunk(&chunk).unwrap(), values)
}

/// The sum over all values of all labels, term by term.
fn by_hand(labels: &[Vec<char>], values: &[ArrayD<i64>], out: &[char]) -> ArrayD<i64> {
    let mut lengths: BTreeMap<char, usize> = BTreeMap::new();
    for (labels, values) in labels.iter().zip(values) {
        for (&label, &n) in labels.iter().zip(values.shape()) {
            let known = lengths.entry(label).or_insert(n);
            *known = if *known == 1 { n } else { *known };
        }
    }
    let names: Vec<char> = lengths.keys().copied().collect();
    let shape: Vec<usize> = out.iter().map(|l| lengths[l]).collect();
    let mut sum = ArrayD::zeros(shape);
    for index in ndarray::indices(names.iter().map(|l| lengths[l]).collect::<Vec<_>>()) {
        let index = index.as_array_view().to_vec();
        let at = |label: &char| index[names.iter().position(|n| n == label).unwrap()];
        let term: i64 = labels
            .iter()
            .zip(values)
            .map(|(labels, v)| {
                let place: Vec<usize> =
                    labels.iter().zip(v.shape()).map(|(l, &n)| if n == 1 { 0 } else { at(l) }).collect();
                v[IxDyn(&place)]
            })
            .product();
        sum[IxDyn(&out.iter().map(at).collect::<Vec<_>>())] += term;
    }
    sum
}

#[test]
fn random_subscripts_give_what_loops_give() {
    let contexts = contexts();
    for seed in 0..250 {
        let mut dice = Dice(seed);
        let dtype = [DType::I64, DType::F64, DType::I8, DType::Bool, DType::C64][dice.below(5)];
        let lengths: Vec<usize> = (0..5).map(|_| [0, 1, 2, 3, 4, 5, 3, 2][dice.below(8)]).collect();
        let labels: Vec<Vec<char>> = (0..=dice.below(4))
            .map(|_| (0..dice.below(4)).map(|_| ['a', 'b', 'c', 'd', 'e'][dice.below(5)]).collect())
            .collect();
        let (arrays, values): (Vec<Array>, Vec<ArrayD<i64>>) = labels
            .iter()
            .map(|labels| {
                let of = |l: &char| lengths[*l as usize - 'a' as usize];
                // Axes of length 1 broadcast, but not against another one of the same operand.
                let mut shape: Vec<usize> = labels.iter().map(of).collect();
                for i in 0..shape.len() {
                    let alone = labels.iter().filter(|l| **l == labels[i]).count() == 1;
                    shape[i] = if alone && dice.below(6) == 0 { 1 } else { shape[i] };
                }
                operand(&shape, dtype, &mut dice)
            })
            .unzip();
        let mut out: Vec<char> = labels.iter().flatten().copied().filter(|_| dice.below(2) == 0).collect();
        out.sort_unstable();
        out.dedup();
        if dice.below(2) == 0 {
            out.reverse();
        }
        let text = |l: &Vec<char>| l.iter().collect::<String>();
        let inputs: Vec<String> = labels.iter().map(text).collect();
        let subscripts = format!("{}->{}", inputs.join(","), text(&out));
        let want = by_hand(&labels, &values, &out);
        let exprs: Vec<_> = arrays.iter().map(|x| x.expr().clone()).collect();
        let got = Array::from_expr(einsum(&Subscripts::parse(&subscripts).unwrap(), &exprs, None).unwrap());
        for cx in &contexts {
            let got = cx.compute(got.clone()).unwrap();
            assert_eq!((got.block().shape(), got.block().dtype()), (want.shape(), dtype), "{subscripts}");
            let wrapped = |v: &i64| match dtype {
                DType::Bool => i64::from(*v != 0),
                #[expect(clippy::cast_possible_truncation, reason = "bytes wrap")]
                DType::I8 => i64::from(*v as i8),
                _ => *v,
            };
            #[expect(clippy::cast_precision_loss, reason = "small whole numbers")]
            let want: Vec<Complex64> = want.iter().map(|v| Complex64::from(wrapped(v) as f64)).collect();
            assert_eq!(elements(&got), want, "{seed}: {subscripts} of {lengths:?} as {dtype}");
        }
    }
}

#[test]
fn long_axes_become_products_of_matrices() {
    let mut dice = Dice(9);
    let (a, va) = operand(&[3, 70, 4, 5], DType::I64, &mut dice);
    let (b, vb) = operand(&[5, 2, 80, 4], DType::I64, &mut dice);
    let labels = ["xiab", "byja"];
    let want = by_hand(&labels.map(|l| l.chars().collect()), &[va, vb], &['y', 'j', 'i', 'x']);
    let product = Array::einsum("xiab,byja->yjix", &[&a, &b]).unwrap();
    for cx in contexts() {
        let got = cx.compute(product.clone()).unwrap().to_ndarray::<i64>().unwrap();
        assert_eq!(got, want);
    }
    let plan = contexts()[0].explain(product, hyperslab::runtime::pipeline::Stage::Fused).unwrap();
    assert!(plan.contains("matrix product") && !plan.contains("reduce"), "{plan}");
}

#[test]
fn refusals_name_operands_and_labels() {
    let x = Context::default().zeros::<f64>(&[3, 4]).unwrap();
    let refused = |text: &str, n: usize| Array::einsum(text, &vec![&x; n]).unwrap_err().to_string();
    for (text, n, why) in [
        ("ij,jk", 2, "label `j` has length 4 in operand 0 of shape (3, 4) and 3 in operand 1 of shape (3, 4)"),
        ("ii", 1, "label `i` has lengths 3 and 4 in operand 0 of shape (3, 4)"),
        ("ij->k", 1, "label `k` of the result is in no operand"),
        ("ij->ii", 1, "the result names label `i` twice"),
        ("ij,ij", 1, "the subscripts are for 2 operands, and there are 1"),
        ("i", 1, "operand 0 has 2 axes, and its subscripts stand for 1"),
        ("ijk...", 1, "operand 0 has 2 axes, and its subscripts stand for at least 3"),
        ("...j->j", 1, "the ellipsis stands for 1 axes, and the result has none"),
        ("i..j", 1, "`i..j` has a dot that is not part of an ellipsis"),
        ("......", 1, "`......` has two ellipses"),
        ("i1", 1, "`1` in `i1` is no label: labels are letters"),
    ] {
        let have = refused(text, n);
        assert!(have.contains(why), "{text}: {have}");
    }
}

#[test]
fn a_chain_of_products_takes_the_cheapest_order() {
    let cx = Context::default();
    let ones = |shape: &[usize]| cx.ones::<i64>(shape).unwrap().expr().clone();
    let (tall, wide, thin) = (ones(&[200, 3]), ones(&[3, 200]), ones(&[200, 2]));
    let product = Array::from_expr(multi_dot(&[tall.clone(), wide, tall, ones(&[3, 200]), thin]).unwrap());
    // 3 by 3 and 3 by 2 in between: nothing of 200 by 200.
    let plan = cx.explain(product.clone(), hyperslab::runtime::pipeline::Stage::Plan).unwrap();
    assert!(!plan.contains("(1, 200, 200)"), "{plan}");
    let got = cx.compute(product).unwrap().to_ndarray::<i64>().unwrap();
    assert_eq!(got, ArrayD::from_elem(vec![200, 2], 3 * 200 * 3 * 200));
}

#[test]
fn kronecker_products_place_blocks() {
    let mut dice = Dice(4);
    let ((a, va), (b, vb)) = (operand(&[2, 3, 2], DType::I64, &mut dice), operand(&[3, 4], DType::I64, &mut dice));
    let got = Array::from_expr(kron(a.expr(), b.expr()).unwrap());
    for cx in contexts() {
        let got = cx.compute(got.clone()).unwrap().to_ndarray::<i64>().unwrap();
        assert_eq!(got.shape(), [2, 9, 8]);
        for (at, value) in got.indexed_iter() {
            let (i, j, k) = (at[0], at[1], at[2]);
            assert_eq!(*value, va[[i, j / 3, k / 4]] * vb[[j % 3, k % 4]], "{at:?}");
        }
    }
}
