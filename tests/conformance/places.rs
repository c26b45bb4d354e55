//! Elements by position: what lists of places read, what is refused when it is built, and assignment.

use crate::{contexts, elements};
use hyperslab::array::edits::Positions;
use hyperslab::shape::slice::Item;
use hyperslab::{Array, Context};

/// `0..rows * columns` as a matrix, in chunks of this shape.
fn counting(cx: &Context, rows: isize, columns: isize, chunk: &[isize]) -> Array<i64> {
    let n = usize::try_from(rows * columns).unwrap();
    cx.arange(n).unwrap().reshape(&[rows, columns]).rechunk(chunk)
}

fn computed(cx: &Context, x: &Array<i64>) -> Vec<i64> {
    cx.compute(x.clone()).unwrap().iter().copied().collect()
}

#[test]
fn places_that_are_known_and_not_there_are_refused_when_built() {
    let cx = &contexts()[0];
    let x = counting(cx, 7, 3, &[2, 2]);
    let refusal = |e: hyperslab::Error| e.to_string();
    let why = refusal(x.try_at(([0, 7], ..)).unwrap_err());
    assert!(why.contains("index 7 is out of bounds for axis 0 with size 7"), "{why}");
    let why = refusal(x.try_at((.., [0, -4])).unwrap_err());
    assert!(why.contains("index -4 is out of bounds for axis 1 with size 3"), "{why}");
    let mask = cx.arange(6).unwrap().less(9);
    let why = refusal(x.try_at((&mask, ..)).unwrap_err());
    assert!(why.contains("a mask has length 6 where axis 0 of the array has 7"), "{why}");
    let floats = cx.linspace(0.0, 1.0, 2).unwrap();
    let why = refusal(x.try_at(&floats).unwrap_err());
    assert!(why.contains("not float64"), "{why}");
}

#[test]
fn the_last_value_of_a_place_stays() {
    for cx in contexts() {
        let x = counting(&cx, 2, 4, &[1, 3]);
        let values = cx.from_ndarray(ndarray::arr1(&[10, 20, 30]).into_dyn()).unwrap();
        let known = x.set((.., [1, -1, 1]), &values);
        assert_eq!(computed(&cx, &known), [0, 30, 2, 20, 4, 30, 6, 20]);
        // The same places, which are known when they are computed.
        let places = &cx.from_ndarray(ndarray::arr1(&[0, -2, 0]).into_dyn()).unwrap() + 1;
        assert_eq!(computed(&cx, &x.set((.., &places), &values)), [0, 30, 2, 20, 4, 30, 6, 20]);
        let beyond = x.set((.., &(&places * 9)), &values);
        assert!(cx.compute(beyond).unwrap_err().to_string().contains("out of bounds"));
    }
}

#[test]
fn values_of_a_mask_must_be_as_many_as_it_keeps() {
    for cx in contexts() {
        let x = counting(&cx, 3, 3, &[2, 2]);
        let mask = (&x % 2).equal(1);
        let odd = x.at(&mask);
        assert_eq!(computed(&cx, &x.set(&mask, &odd * 10)), [0, 10, 2, 30, 4, 50, 6, 70, 8]);
        assert!(cx.compute(x.set(&mask, cx.arange(3).unwrap())).is_err());
        let none = x.greater(100);
        assert_eq!(computed(&cx, &x.set(&none, x.at(&none))), computed(&cx, &x));
    }
}

#[test]
fn boxes_are_set_whatever_the_steps() {
    for cx in contexts() {
        let x = counting(&cx, 4, 5, &[3, 2]);
        let index = (Item::from((3.., -2)), Item::from((1.., 2)));
        let values = counting(&cx, 2, 2, &[1, 1]);
        let set = x.set(index, &(&values + 100));
        let want = [0, 1, 2, 3, 4, 5, 102, 7, 103, 9, 10, 11, 12, 13, 14, 15, 100, 17, 101, 19];
        assert_eq!(computed(&cx, &set), want);
    }
}

#[test]
fn insertions_and_deletions_count_in_the_old_array() {
    for cx in contexts() {
        let x = counting(&cx, 1, 6, &[1, 4]);
        let places = cx.from_ndarray(ndarray::arr1(&[5, 0, -6, 6]).into_dyn()).unwrap();
        let values = cx.from_ndarray(ndarray::arr1(&[50, 60, 70, 80]).into_dyn()).unwrap();
        let more = x.insert(&Positions::Many(places.expr().clone()), &values, 1);
        assert_eq!(computed(&cx, &more), [60, 70, 0, 1, 2, 3, 4, 50, 5, 80]);
        let less = x.delete(&Positions::Slice(None, None, 3), 1);
        assert_eq!(computed(&cx, &less), [1, 2, 4, 5]);
    }
}

#[test]
fn repeats_may_depend_on_data() {
    for cx in contexts() {
        let x = cx.arange(4).unwrap().rechunk(&[3]);
        let times = &x % 3;
        let each = Array::from_expr(hyperslab::array::places::repeat_each(x.expr(), times.expr(), Some(0)).unwrap());
        assert_eq!(elements(&cx.compute(each).unwrap()).iter().map(|c| c.re).collect::<Vec<_>>(), [1.0, 2.0, 2.0]);
    }
}
