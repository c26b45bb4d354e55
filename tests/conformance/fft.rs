//! Fourier transforms against their definition, for every length and axis, in small and in usual blocks.

use super::{contexts, elements};
use hyperslab::dtype::DType;
use hyperslab::expr::spectra::{Norm, Transform};
use hyperslab::store::Create;
use hyperslab::{Array, Context};
use ndarray::{ArrayD, Axis};
use num_complex::Complex64;
use std::f64::consts::TAU;

fn values(shape: &[usize]) -> ArrayD<Complex64> {
    let mut state = 5u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) % 1000) as f64 / 100.0 - 5.0
    };
    ArrayD::from_shape_fn(shape.to_vec(), |_| Complex64::new(draw(), draw()))
}

/// `f Σ x[j] exp(sign 2πi jk/n)` for each line along `axis`, of the first `n` elements or with zeros behind them.
fn dft(x: &ArrayD<Complex64>, axis: usize, n: usize, (sign, factor): (f64, f64)) -> ArrayD<Complex64> {
    let mut shape = x.shape().to_vec();
    shape[axis] = n;
    let mut out = ArrayD::zeros(shape);
    for (from, mut to) in x.lanes(Axis(axis)).into_iter().zip(out.lanes_mut(Axis(axis))) {
        for (k, z) in to.iter_mut().enumerate() {
            let turn = |j: usize| Complex64::cis(sign * TAU * ((j * k) % n) as f64 / n as f64);
            *z = from.iter().take(n).enumerate().map(|(j, &x)| x * turn(j)).sum::<Complex64>() * factor;
        }
    }
    out
}

fn close(have: &Array, want: &ArrayD<Complex64>, tolerance: f64, what: &str) {
    let mut before: Option<Vec<u8>> = None;
    for cx in contexts() {
        let have = cx.compute(have.clone()).unwrap();
        assert_eq!(have.block().shape(), want.shape(), "{what}");
        let bytes = have.block().bytes().to_vec();
        assert!(before.as_ref().is_none_or(|b| *b == bytes), "blocks change bits: {what}");
        before = Some(bytes);
        let scale = want.iter().map(|z| z.norm()).fold(1.0, f64::max);
        for (a, b) in elements(&have).iter().zip(want) {
            assert!((a - b).norm() <= tolerance * scale, "{what}: {a} for {b}");
        }
    }
}

#[test]
fn lines_of_every_length_and_axis() {
    let cases: [(&[usize], &[isize]); 6] = [
        (&[1, 13], &[1, 4]),
        (&[101, 12], &[20, 5]),
        (&[12, 101], &[5, 20]),
        (&[360, 3], &[50, 2]),
        (&[3, 1021], &[1, 100]),
        (&[7, 24, 5], &[2, 7, 5]),
    ];
    for (shape, chunk) in cases {
        let x = values(shape);
        for (dtype, tolerance) in [(DType::C128, 1e-13), (DType::C64, 1e-6), (DType::F64, 1e-13), (DType::F32, 1e-6)] {
            let real = matches!(dtype, DType::F64 | DType::F32);
            let x = if real { x.mapv(|z| z.re.into()) } else { x.clone() };
            let array = contexts()[0].from_ndarray(x.clone()).unwrap().into_dyn().astype(dtype).rechunk(chunk);
            for axis in 0..shape.len() {
                let n = shape[axis];
                let what = format!("{dtype} of {shape:?} along {axis}");
                let (at, whole) = (axis.cast_signed(), dft(&x, axis, n, (-1.0, 1.0)));
                close(&array.fft(at), &whole, tolerance, &what);
                close(&array.ifft(at), &dft(&x, axis, n, (1.0, 1.0 / n as f64)), tolerance, &what);
                for points in [n.div_ceil(3), n + 5] {
                    let root = 1.0 / (points as f64).sqrt();
                    let some = array.try_transform(Transform::Fft, at, &[Some(points)], Norm::Ortho).unwrap();
                    close(&some, &dft(&x, axis, points, (-1.0, root)), tolerance, &what);
                }
                if real {
                    let mut half = whole.clone();
                    half.slice_axis_inplace(Axis(axis), (0..=n / 2).into());
                    close(&array.rfft(at), &half, tolerance, &what);
                    let back = array.rfft(at).try_transform(Transform::Irfft, at, &[Some(n)], Norm::Backward);
                    close(&back.unwrap(), &x, tolerance, &what);
                }
            }
        }
    }
}

#[test]
fn several_axes_are_one_after_another() {
    let x = values(&[6, 5, 8]);
    let array = contexts()[0].from_ndarray(x.clone()).unwrap().into_dyn().rechunk(&[4, 3, 5]);
    let by_hand = |axes: &[usize]| axes.iter().fold(x.clone(), |x, &a| dft(&x, a, x.shape()[a], (-1.0, 1.0)));
    close(&array.fftn(..), &by_hand(&[0, 1, 2]), 1e-13, "all axes");
    close(&array.fftn([2, 0]), &by_hand(&[2, 0]), 1e-13, "two axes");
    close(&array.fftn([1, 1]), &by_hand(&[1, 1]), 1e-13, "one axis twice");
    close(&array.ifftn(..).fftn(..), &x, 1e-13, "back and forth");
    close(&array.fft2().ifft2(), &x, 1e-13, "back and forth");
    let power = array.fft2().abs().mean(0);
    let want = by_hand(&[1, 2]).mapv(|z| Complex64::from(z.norm())).mean_axis(Axis(0)).unwrap();
    close(&power, &want, 1e-13, "with its reader");
}

#[test]
fn parts_of_a_spectrum_and_spectra_of_parts() {
    let x = values(&[9, 40]).mapv(|z| z.re);
    let array = contexts()[0].from_ndarray(x.clone()).unwrap().into_dyn().rechunk(&[4, 11]);
    let whole = dft(&x.mapv(Complex64::from), 1, 40, (-1.0, 1.0));
    let part = array.rfft(1).slice(ndarray::s![1..7, 2..9]);
    close(&part, &whole.slice(ndarray::s![1..7, 2..9]).to_owned().into_dyn(), 1e-13, "a part");
    let turned = array.t().rfft(0).t().fftshift(1);
    let mut want = whole.slice(ndarray::s![.., 11..21]).to_owned();
    want.append(Axis(1), whole.slice(ndarray::s![.., 0..11])).unwrap();
    close(&turned, &want.into_dyn(), 1e-13, "turned");
}

/// 16 MiB of series that each touch every chunk, with 6 MiB of memory.
#[test]
fn series_across_the_chunks_of_an_array_beyond_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (times, places) = (1024, 4096);
    let cx = Context::builder().threads(2).memory("256MiB").device("cpu").build().unwrap();
    // The wave of place `p` has the frequency `p mod 512`, and its number as amplitude.
    let (t, p) = (cx.arange(times).unwrap().into_dyn(), cx.arange(places).unwrap().into_dyn());
    let frequency = &p % 512;
    let phase = &t.reshape(&[times.cast_signed(), 1]) * &frequency % (times as i64);
    let wave = (phase.astype(DType::F64) * (TAU / times as f64)).cos() * &p;
    let path = folder.path().join("waves.zarr");
    let wave = wave.astype(DType::F32);
    cx.compute(wave.store(&path, Create::new().chunks(vec![1, places]))).unwrap();
    let small = Context::builder().threads(2).memory("6MiB").device("cpu").build().unwrap();
    let spectrum = small.open(&path).unwrap().rfft(0);
    // Stored in chunks that no whole line is in.
    let whole = folder.path().join("spectrum.zarr");
    let larger = Context::builder().threads(2).memory("8MiB").device("cpu").build().unwrap();
    larger.compute(spectrum.store(&whole, Create::new().chunks(vec![64, places]))).unwrap();
    let sum = small.compute(small.open(&whole).unwrap().irfft(0).slice(ndarray::s![0, ..]).sum(..)).unwrap();
    let want: f64 = (0..places).map(|p| p as f64).sum();
    assert!((elements(&sum)[0].re / want - 1.0).abs() < 1e-4, "{}", elements(&sum)[0]);
    let (found, power) = small.compute((spectrum.abs().argmax(0), spectrum.abs().max(0))).unwrap();
    let (found, power) = (elements(&found), elements(&power));
    for p in 1..places {
        let expected = (p % 512) as f64;
        assert_eq!(found[p].re, expected, "{p}");
        let amplitude = p as f64 * if p % 512 == 0 { 1024.0 } else { 512.0 };
        assert!((power[p].re / amplitude - 1.0).abs() < 1e-4, "{p}: {} for {amplitude}", power[p].re);
    }
}
