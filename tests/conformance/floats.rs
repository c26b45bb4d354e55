//! What floating point numbers are made of, for every pattern of bits of the narrow ones, and choices among arrays.

use super::contexts;
use half::f16;
use hyperslab::array::choices::Outside;
use hyperslab::dtype::Element;
use hyperslab::{Array, Context};
use ndarray::ArrayD;

fn array<T: Element + hyperslab::array::Kind + bytemuck::Pod>(cx: &Context, values: &[T]) -> Array<T> {
    cx.from_ndarray(ArrayD::from_shape_vec(vec![values.len()], values.to_vec()).unwrap()).unwrap()
}

/// The next pattern of bits in the direction of an infinity.
fn next_f16(x: f16, up: bool) -> f16 {
    match x.to_bits() {
        _ if x.is_nan() => x,
        0x7c00 if up => x,
        0xfc00 if !up => x,
        0 | 0x8000 => f16::from_bits(if up { 1 } else { 0x8001 }),
        bits if (bits & 0x8000 == 0) == up => f16::from_bits(bits + 1),
        bits => f16::from_bits(bits - 1),
    }
}

#[test]
fn neighbours_of_every_f16() {
    let cx = &contexts()[0];
    let all: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
    let x = array(cx, &all);
    for up in [true, false] {
        let target = if up { f16::INFINITY } else { f16::NEG_INFINITY };
        let got = cx.compute(x.nextafter(target)).unwrap();
        for (&x, &y) in all.iter().zip(got.iter()) {
            let want = next_f16(x, up);
            assert!(y == want || y.is_nan() && want.is_nan(), "{x:e}: {y:e}, not {want:e}");
        }
    }
}

#[test]
fn neighbours_and_parts_of_any_bits() {
    let cx = &contexts()[0];
    let mut state = 3u64;
    let mut bits = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state ^ (state >> 31)
    };
    let edges = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, f64::MIN_POSITIVE, -f64::MIN_POSITIVE, f64::MAX, f64::MIN, 5e-324];
    let doubles: Vec<f64> = edges.into_iter().chain((0..4000).map(|_| f64::from_bits(bits()))).collect();
    let x = array(cx, &doubles);
    let (up, down) =
        (cx.compute(x.nextafter(f64::INFINITY)).unwrap(), cx.compute(x.nextafter(f64::NEG_INFINITY)).unwrap());
    let (mantissa, exponent) = x.frexp();
    let whole = cx.compute(mantissa.ldexp(exponent.cast::<f64>())).unwrap();
    let mantissa = cx.compute(mantissa).unwrap();
    for (i, &x) in doubles.iter().enumerate() {
        let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
        assert!(same(up[[i]], x.next_up()) || x == 0.0 && up[[i]] == 5e-324, "{x:e}: {:e}", up[[i]]);
        assert!(same(down[[i]], x.next_down()) || x == 0.0 && down[[i]] == -5e-324, "{x:e}: {:e}", down[[i]]);
        assert!(same(whole[[i]], x), "{x:e}: {:e}", whole[[i]]);
        let m = mantissa[[i]].abs();
        assert!((0.5..1.0).contains(&m) || x == 0.0 || !x.is_finite(), "{x:e}: {m}");
    }
    let singles: Vec<f32> = (0..4000).map(|_| f32::from_bits(u32::try_from(bits() >> 32).unwrap())).collect();
    let got = cx.compute(array(cx, &singles).nextafter(f32::INFINITY)).unwrap();
    for (&x, &y) in singles.iter().zip(got.iter()) {
        assert!(y == x.next_up() || x.is_nan() && y.is_nan(), "{x:e}: {y:e}");
    }
}

#[test]
fn choices_out_of_bounds() {
    for cx in contexts() {
        let index = array(&cx, &[0i64, 3, -1, 1]).rechunk(&[1]);
        let (x, y) = (array(&cx, &[1.0, 2.0, 3.0, 4.0]), array(&cx, &[10.0, 20.0, 30.0, 40.0]));
        let wrapped = index.choose(&[&x, &y], Outside::Wrap).unwrap();
        assert_eq!(cx.compute(wrapped).unwrap().as_slice().unwrap(), &[1.0, 20.0, 30.0, 40.0]);
        let clipped = index.choose(&[&x, &y], Outside::Clip).unwrap();
        assert_eq!(cx.compute(clipped).unwrap().as_slice().unwrap(), &[1.0, 20.0, 3.0, 40.0]);
        let error = cx.compute(index.choose(&[&x, &y], Outside::Raise).unwrap()).unwrap_err();
        assert!(error.to_string().contains("an index is out of bounds for the choices"), "{error}");
        let error = cx.compute(index.choose(&[&x], Outside::Raise).unwrap()).unwrap_err();
        assert!(error.to_string().contains("an index is out of bounds for the choices"), "{error}");
        let even = cx.compute((index % 2).choose(&[&x, &y], Outside::Raise).unwrap()).unwrap();
        assert_eq!(even.as_slice().unwrap(), &[1.0, 20.0, 30.0, 40.0]);
    }
}
