//! Reductions of groups against a plain loop: labels in runs, in turns, scattered, with groups that are empty.

use super::{contexts, elements};
use hyperslab::dtype::DType;
use hyperslab::op::reduction::{Params, REDUCTIONS};
use hyperslab::{Array, Context};
use ndarray::{ArrayD, Axis};

fn values(shape: &[usize]) -> ArrayD<f64> {
    let mut state = 11u64;
    ArrayD::from_shape_fn(shape.to_vec(), |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from((state >> 33) % 640).unwrap()) / 4.0 - 60.0
    })
}

/// Labels of `n` positions: in runs, in turns, scattered, all alike, with groups that nothing is in.
fn labels(n: usize) -> Vec<Vec<usize>> {
    vec![
        (0..n).map(|i| i / 5 % 4).collect(),
        (0..n).map(|i| i % 3).collect(),
        (0..n).map(|i| (i * i + 3 * i) % 7 % 5).collect(),
        vec![0; n],
        (0..n).map(|i| if i % 2 == 0 { 1 } else { 4 }).collect(),
    ]
}

/// Each group by itself, its rows picked and reduced as an array of their own.
fn by_hand(cx: &Context, x: &ArrayD<f64>, axis: usize, labels: &[usize], name: &str, params: Params) -> ArrayD<f64> {
    let groups = labels.iter().max().map_or(0, |m| m + 1);
    let parts: Vec<ArrayD<f64>> = (0..groups)
        .map(|g| {
            let rows: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == g).collect();
            let picked = cx.from_ndarray(x.select(Axis(axis), &rows)).unwrap().into_dyn();
            let over = hyperslab::array::reduction::keep(axis.cast_signed());
            let result = cx.compute(picked.try_reduce(name, over, params).unwrap()).unwrap();
            let shape = result.block().shape().to_vec();
            // Positions count along the whole axis.
            let place = |v: f64| if name.contains("arg") { rows[v as usize] as f64 } else { v };
            ArrayD::from_shape_vec(shape, elements(&result).iter().map(|z| place(z.re)).collect()).unwrap()
        })
        .collect();
    ndarray::concatenate(Axis(axis), &parts.iter().map(|p| p.view()).collect::<Vec<_>>()).unwrap()
}

fn close(got: &Array, want: &ArrayD<f64>, cx: &Context, what: &str) {
    let got = cx.compute(got.clone()).unwrap();
    assert_eq!(got.block().shape(), want.shape(), "{what}");
    for (g, w) in elements(&got).iter().zip(want.iter()) {
        let near = (g.re - w).abs() <= 1e-12 * (1.0 + w.abs());
        assert!(near || g.re.is_nan() && w.is_nan() || g.re == *w, "{what}: {g} for {w}");
    }
}

#[test]
fn every_axis_in_every_chunking() {
    let shapes: [(&[usize], &[&[isize]]); 3] = [
        (&[700], &[&[-1], &[1], &[256]]),
        (&[40, 3], &[&[-1, -1], &[7, 2]]),
        (&[6, 70, 5], &[&[-1, -1, -1], &[4, 33, 2], &[1, 1, 5]]),
    ];
    for (shape, chunkings) in shapes {
        let x = values(shape);
        for axis in 0..shape.len() {
            for labels in labels(shape[axis]) {
                for (name, params) in [("mean", Params::default()), ("std", Params { ddof: 1.0, ..Params::default() })]
                {
                    let want = by_hand(&contexts()[0], &x, axis, &labels, name, params);
                    for chunk in chunkings {
                        for cx in contexts() {
                            let array = cx.from_ndarray(x.clone()).unwrap().into_dyn().try_rechunk(chunk).unwrap();
                            let groups = array.group_by(axis.cast_signed(), &labels).unwrap();
                            let what = format!("{name} of {shape:?} in {chunk:?} along {axis} by {:?}", &labels[..3]);
                            close(&groups.reduce(name, params).unwrap(), &want, &cx, &what);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn every_reduction() {
    let x = values(&[30, 4]);
    let labels: Vec<usize> = (0..30).map(|i| i * 7 % 4).collect();
    // Bits are of integers.
    for reduction in REDUCTIONS.iter().filter(|r| !r.name().starts_with("bitwise")) {
        for cx in contexts() {
            let array = cx.from_ndarray(x.clone()).unwrap().into_dyn().try_rechunk(&[8, 3]).unwrap();
            let groups = array.group_by(0, &labels).unwrap();
            let got = groups.reduce(reduction.name(), Params::default()).unwrap();
            let want = by_hand(&cx, &x, 0, &labels, reduction.name(), Params::default());
            close(&got, &want, &cx, reduction.name());
        }
    }
}

#[test]
fn groups_are_what_labels_say_along_several_axes_and_back() {
    let cx = &contexts()[0];
    let x = cx.from_ndarray(values(&[4, 5, 6])).unwrap().rechunk(&[3, 2, 4]);
    let region = ArrayD::from_shape_fn(vec![4, 6], |at| match (at[0] * 6 + at[1]) % 5 {
        0 => f64::NAN,
        k => 10.0 - k as f64,
    });
    let groups = x.group_by_values([0, 2], &cx.from_ndarray(region.clone()).unwrap()).unwrap();
    let x = cx.compute(x).unwrap();
    for cx in &contexts() {
        let (means, back) = cx.compute((groups.mean(), groups.expand(&groups.mean()).unwrap())).unwrap();
        assert_eq!((means.shape(), back.shape()), (&[4, 5][..], &[4, 5, 6][..]));
        for at in ndarray::indices((4, 5, 6)) {
            let (t, y, l) = (at.0, at.1, at.2);
            let label = region[[t, l]];
            if label.is_nan() {
                assert!(back[[t, y, l]].is_nan());
                continue;
            }
            let members = region.indexed_iter().filter(|(_, v)| **v == label).map(|(at, _)| x[[at[0], y, at[1]]]);
            let members: Vec<f64> = members.collect();
            let mean = members.iter().sum::<f64>() / members.len() as f64;
            let group = (label - 6.0) as usize;
            assert!((means[[group, y]] - mean).abs() < 1e-12 && back[[t, y, l]] == means[[group, y]]);
        }
    }
}

#[test]
fn empty_groups_give_the_reduction_of_nothing() {
    let cx = &contexts()[0];
    let x = cx.from_ndarray(values(&[6, 2])).unwrap();
    let groups = x.group_by(0, &[0, 3, 3, 0, 0, 3]).unwrap();
    assert_eq!(cx.compute(groups.count()).unwrap().as_slice().unwrap(), &[3, 0, 0, 3]);
    assert_eq!(cx.compute(groups.sum()).unwrap().sum_of_row(1), 0.0);
    assert!(cx.compute(groups.mean()).unwrap().sum_of_row(2).is_nan());
    assert!(cx.compute(groups.var(0.0)).unwrap().sum_of_row(1).is_nan());
    let most = cx.compute(groups.max()).unwrap();
    assert!(most.sum_of_row(1).is_nan() && most.sum_of_row(3).is_finite());
    let integers = x.cast::<i64>().group_by(0, &[0, 3, 3, 0, 0, 3]).unwrap();
    let error = integers.reduce("max", Params::default()).unwrap_err().to_string();
    assert!(error.contains("group 1 of 4") && error.contains("max"), "{error}");
    let none = cx.from_ndarray(values(&[0, 2])).unwrap().group_by::<usize>(0, &[]).unwrap();
    assert_eq!(cx.compute(none.sum()).unwrap().shape(), &[0, 2]);
}

/// The sum of a row, to look at one.
trait SumOfRow {
    fn sum_of_row(&self, row: usize) -> f64;
}

impl SumOfRow for ArrayD<f64> {
    fn sum_of_row(&self, row: usize) -> f64 {
        self.index_axis(Axis(0), row).sum()
    }
}

#[test]
fn positions_of_extremes_meet_nan_and_what_is_in_no_group() {
    let cx = &contexts()[0];
    let nan = f64::NAN;
    let x = cx.from_ndarray(ndarray::array![5.0, nan, 2.0, 9.0, 9.0, nan, -1.0]).unwrap().into_dyn();
    let labels = cx.from_ndarray(ndarray::array![0i64, 0, 1, 1, 1, -1, -1]).unwrap();
    let groups = x.group_by_values(0, &labels).unwrap();
    let of = |name: &str| elements(&cx.compute(groups.reduce(name, Params::default()).unwrap()).unwrap());
    let places = |name: &str| of(name).iter().map(|z| z.re).collect::<Vec<_>>();
    assert_eq!((places("argmax"), places("nanargmax")), (vec![1.0, 3.0], vec![0.0, 3.0]));
    assert_eq!(places("argmin"), [1.0, 2.0]);
    let all_nan = x.group_by(0, &[0, 1, 0, 0, 0, 1, 0]).unwrap();
    let error = cx.compute(all_nan.reduce("nanargmin", Params::default()).unwrap()).unwrap_err().to_string();
    assert!(error.contains("nanargmin") && error.contains("NaN alone"), "{error}");
    let empty = x.astype(DType::I64).group_by(0, &[0, 2, 2, 0, 0, 0, 0]).unwrap();
    assert!(empty.reduce("argmax", Params::default()).unwrap_err().to_string().contains("empty"));
}

#[test]
fn what_is_expanded_stands_at_every_position_of_its_group() {
    for labels in labels(50) {
        for cx in contexts() {
            let x = cx.from_ndarray(values(&[50, 3])).unwrap().try_rechunk(&[8, 2]).unwrap();
            let groups = x.group_by(0, &labels).unwrap();
            let means = groups.mean();
            let (means, wide, anomaly) = cx
                .compute((means.clone(), groups.expand(&means).unwrap(), &x - groups.expand(&means).unwrap()))
                .unwrap();
            let x = cx.compute(x.clone()).unwrap();
            for (i, &label) in labels.iter().enumerate() {
                let row = means.index_axis(Axis(0), label).to_owned();
                assert_eq!(wide.index_axis(Axis(0), i), row);
                assert_eq!(anomaly.index_axis(Axis(0), i), &x.index_axis(Axis(0), i) - &row);
            }
            // Something that is computed, and along another axis.
            let turned = cx.from_ndarray(values(&[2, 50])).unwrap();
            let columns = turned.group_by(1, &labels).unwrap();
            let doubled = columns.sum() * 2.0;
            let (narrow, wide) = cx.compute((doubled.clone(), columns.expand(&doubled).unwrap())).unwrap();
            for (i, &label) in labels.iter().enumerate() {
                assert_eq!(wide.index_axis(Axis(1), i), narrow.index_axis(Axis(1), label));
            }
        }
    }
}

#[test]
fn labels_that_are_none_are_refused() {
    let cx = &contexts()[0];
    let x = cx.from_ndarray(values(&[3, 2])).unwrap();
    let text = |labels: &[i64]| x.group_by(0, labels).unwrap_err().to_string();
    assert!(text(&[0, 1]).contains("2 labels for the 3 positions along axis 0"));
    assert!(text(&[0, -1, 1]).contains("position 1"));
    assert!(text(&[0, 1 << 31, 1]).contains("groups of 3 positions"));
    let groups = x.group_by(0, &[0, 1, 1]).unwrap();
    let error = groups.expand(&x).unwrap_err().to_string();
    assert!(error.contains("does not have 2 groups along axis 0"), "{error}");
}

#[test]
fn many_scattered_groups_take_time_by_their_number_alone() {
    // 100 000 positions of 50 000 groups in turns: anything that looks at all of them for each would not end.
    let n = 100_000;
    let cx = &contexts()[0];
    let x = cx.from_ndarray(values(&[n])).unwrap();
    let labels: Vec<usize> = (0..n).map(|i| i * 7919 % 50_000).collect();
    let groups = x.group_by(0, &labels).unwrap();
    let sums = groups.sum();
    let (sums, total, wide) = cx.compute((sums.clone(), x.sum(0), groups.expand(&sums).unwrap())).unwrap();
    assert_eq!((sums.len(), wide.len()), (50_000, n));
    assert!((sums.sum() - total[[]]).abs() < 1e-6);
    assert_eq!(wide[[12_345]], sums[[labels[12_345]]]);
}

#[test]
fn deviations_of_anomalies_are_those_of_the_difference_as_written() {
    // A second copy of the array stands in for it, so that the difference is computed as written.
    let labels: Vec<usize> = (0..60).map(|i| i * i % 7 % 4).collect();
    let mut data = values(&[60, 6]);
    data[[7, 1]] = f64::NAN;
    data[[8, 2]] = f64::INFINITY;
    (data[[1, 3]], data[[2, 3]]) = (f64::INFINITY, f64::NEG_INFINITY);
    for dtype in [DType::F64, DType::F32, DType::F16, DType::I32, DType::C128] {
        for cx in contexts() {
            let copy = || {
                let x = cx.from_ndarray(data.clone()).unwrap().into_dyn();
                let x = if dtype == DType::I32 { x.try_slice([(..).into(), (4..).into()]).unwrap() } else { x };
                x.try_rechunk(&[8, 2]).unwrap().astype(dtype)
            };
            let (x, other) = (copy(), copy());
            let groups = x.group_by(0, &labels).unwrap();
            let mean = |x: &Array| x.try_reduce("mean", 0, Params::default()).unwrap();
            let pairs = [
                (&x - mean(&x), &x - mean(&other)),
                (&x - groups.expand(&groups.mean()).unwrap(), &other - groups.expand(&groups.mean()).unwrap()),
            ];
            for (rewritten, written) in pairs {
                for (name, ddof) in [("std", 0.0), ("var", 1.0), ("var", 100.0)] {
                    let params = Params { ddof, ..Params::default() };
                    let (a, b) =
                        (rewritten.try_reduce(name, 0, params).unwrap(), written.try_reduce(name, 0, params).unwrap());
                    assert_eq!((a.dtype(), a.shape()), (b.dtype(), b.shape()));
                    let (a, b) = cx.compute((a, b)).unwrap();
                    let tolerance = match dtype {
                        DType::F16 => 2e-2,
                        DType::F32 => 1e-5,
                        _ => 1e-12,
                    };
                    for (column, (p, q)) in elements(&a).iter().zip(elements(&b)).enumerate() {
                        let near = (p.re - q.re).abs() <= tolerance * (1.0 + q.re.abs());
                        let same = p.re == q.re || p.re.is_nan() && q.re.is_nan();
                        assert!(near || same, "{name} of {dtype} in column {column}: {p} for {q}");
                    }
                }
            }
        }
    }
}

#[test]
fn regions_of_a_map_are_reduced_within_a_budget_that_does_not_hold_the_array() {
    let cx = Context::builder().threads(2).memory("32MiB").device("cpu").build().unwrap();
    let x = cx.arange(96 * 256 * 256).unwrap().cast::<f64>().reshape(&[96, 256, 256]).rechunk(&[8, 64, 128]);
    let rows = cx.arange(256).unwrap().reshape(&[256, 1]).floor_divide(100);
    let columns = cx.arange(256).unwrap().floor_divide(128);
    let region = rows * 2 + columns;
    let groups = x.group_by_values([1, 2], &region).unwrap();
    let means = cx.compute(groups.mean()).unwrap();
    assert_eq!(means.shape(), &[96, 6]);
    assert!(cx.report().peak_bytes <= cx.memory().budget());
    for t in [0, 95] {
        for (group, mean) in means.index_axis(Axis(0), t).iter().enumerate() {
            let (first, last) = (group / 2 * 100, (group / 2 * 100 + 100).min(256) - 1);
            let row = (first + last) as f64 / 2.0;
            let want = (t * 65536) as f64 + row * 256.0 + (group % 2) as f64 * 128.0 + 63.5;
            assert!((mean - want).abs() < 1e-6, "{mean} for {want}");
        }
    }
}
