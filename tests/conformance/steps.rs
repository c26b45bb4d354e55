//! Loops that build an expression step by step: the same bits as plain loops, however many steps there are.

use super::contexts;
use hyperslab::{Array, Context};
use ndarray::{ArrayD, Axis, Slice};

fn field(shape: &[usize]) -> ArrayD<f64> {
    let mut state = 11u64;
    ArrayD::from_shape_fn(shape.to_vec(), |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(state >> 40).unwrap()) / f64::from(1 << 24)
    })
}

/// `x` from position `start` on along an axis, then what is before it.
fn rolled(x: &ArrayD<f64>, axis: usize, start: usize) -> ArrayD<f64> {
    let part = |slice: Slice| x.slice_axis(Axis(axis), slice);
    ndarray::concatenate(Axis(axis), &[part(Slice::from(start..)), part(Slice::from(..start))]).unwrap()
}

fn rolled_lazily(x: &Array<f64>, axis: usize, start: usize) -> Array<f64> {
    let n = x.shape().known().unwrap()[axis];
    let part = |from: usize, to: usize| {
        let mut items = vec![hyperslab::shape::slice::Item::from(..); axis];
        items.push(hyperslab::shape::slice::Item::from(from.cast_signed()..to.cast_signed()));
        x.try_slice(items).unwrap()
    };
    Array::concatenate(&[part(start, n), part(0, start)], axis.cast_signed()).unwrap()
}

#[test]
fn a_stencil_again_and_again() {
    for (shape, chunk, steps) in [(vec![300], vec![64], 60), (vec![20, 36], vec![7, 12], 25)] {
        let x = field(&shape);
        let mut want = x.clone();
        for step in 0..steps {
            let (axis, n) = (step % shape.len(), shape[step % shape.len()]);
            want = &want + 0.1 * (rolled(&want, axis, 1) - 2.0 * &want + rolled(&want, axis, n - 1));
        }
        for cx in contexts() {
            let mut u = cx.from_ndarray(x.clone()).unwrap().rechunk(&chunk);
            for step in 0..steps {
                let (axis, n) = (step % shape.len(), shape[step % shape.len()]);
                let around = rolled_lazily(&u, axis, 1) - &u * 2.0 + rolled_lazily(&u, axis, n - 1);
                u = &u + around * 0.1;
            }
            assert_eq!(cx.compute(u).unwrap(), want, "{shape:?}");
        }
    }
}

#[test]
fn an_expression_of_many_thousand_steps_takes_no_stack() {
    let cx = Context::default();
    let (mut u, mut want) = (cx.from_ndarray(field(&[5])).unwrap(), field(&[5]));
    for _ in 0..3000 {
        u = &u * 0.5 + 1.0;
        want = want * 0.5 + 1.0;
    }
    assert_eq!(cx.compute(u).unwrap(), want);
}
