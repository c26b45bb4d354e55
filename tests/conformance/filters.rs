//! Filters against sums and sorted windows by hand, at every edge, in small and in usual blocks.

use super::{contexts, elements};
use hyperslab::array::blocks::{BlockFn, Boundary};
use hyperslab::array::ndimage::distance::{Nowhere, distance_transform};
use hyperslab::array::ndimage::geometry::Spline;
use hyperslab::array::ndimage::label::{label, until_unchanged};
use hyperslab::array::ndimage::morphology::{Binary, Change, Grey, binary, generate_binary_structure, grey};
use hyperslab::array::ndimage::{Around, Mode};
use hyperslab::dtype::DType;
use hyperslab::op::regional::nearest::Metric;
use hyperslab::op::regional::resample::Rim;
use hyperslab::{Array, Context};
use ndarray::{ArrayD, Dimension};

const MODES: [Mode; 5] = [Mode::Reflect, Mode::Constant, Mode::Nearest, Mode::Mirror, Mode::Wrap];

/// The index that stands at `at` beyond an axis of length `n`, found step by step.
fn beyond(mode: Mode, at: isize, n: isize) -> Option<usize> {
    let mut at = at;
    while !(0..n).contains(&at) {
        at = match mode {
            Mode::Constant => return None,
            Mode::Nearest => at.clamp(0, n - 1),
            Mode::Wrap => at + if at < 0 { n } else { -n },
            Mode::Reflect => (if at < 0 { -1 } else { 2 * n - 1 }) - at,
            Mode::Mirror if n == 1 => 0,
            Mode::Mirror => (if at < 0 { 0 } else { 2 * n - 2 }) - at,
        };
    }
    Some(at.cast_unsigned())
}

/// What `make` gives for the window of each element, which begins `before` it.
fn by_hand(
    x: &ArrayD<f64>,
    window: &[usize],
    before: &[isize],
    (mode, cval): (Mode, f64),
    make: impl Fn(&mut [f64]) -> f64,
) -> Vec<f64> {
    let places: Vec<Vec<usize>> = ndarray::indices(window.to_vec()).into_iter().map(|i| i.slice().to_vec()).collect();
    let at = |index: &[usize]| {
        let mut found: Vec<f64> = Vec::new();
        for place in &places {
            let index: Option<Vec<usize>> = (0..index.len())
                .map(|a| {
                    let at = index[a].cast_signed() - before[a] + place[a].cast_signed();
                    beyond(mode, at, x.shape()[a].cast_signed())
                })
                .collect();
            found.push(index.map_or(cval, |i| x[i.as_slice()]));
        }
        make(&mut found)
    };
    ndarray::indices(x.shape().to_vec()).into_iter().map(|i| at(i.slice())).collect()
}

/// Integers as floating point numbers, of which sums are exact.
fn values(shape: &[usize]) -> ArrayD<f64> {
    let mut state = 5u64;
    ArrayD::from_shape_fn(shape.to_vec(), |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) % 100) as f64
    })
}

fn same(have: &Array, want: &[f64], what: &str) {
    for cx in contexts() {
        let have: Vec<f64> = elements(&cx.compute(have.clone()).unwrap()).iter().map(|z| z.re).collect();
        assert_eq!(have, want, "{what}");
    }
}

#[test]
fn windows_at_every_edge() {
    let cases: [(&[usize], &[isize], &[usize]); 5] = [
        (&[11, 9], &[4, 3], &[3, 4]),
        (&[5, 1, 6], &[2, 1, 6], &[4, 3, 1]),
        (&[2, 300], &[1, 70], &[5, 7]),
        (&[3, 300], &[2, 50], &[7, 1]),
        (&[20], &[6], &[45]),
    ];
    let dtypes = [DType::F64, DType::F32, DType::F16, DType::I32, DType::U8];
    for ((shape, chunk, window), mode) in cases.into_iter().flat_map(|c| MODES.map(|m| (c, m))) {
        let x = values(shape);
        for dtype in dtypes {
            let array = Context::default().from_ndarray(x.clone()).unwrap().into_dyn().rechunk(chunk).astype(dtype);
            let filters = array.ndimage().mode(mode).cval(7.0);
            let before: Vec<isize> = window.iter().map(|n| (n / 2).cast_signed()).collect();
            let hand = |make: &dyn Fn(&mut [f64]) -> f64| by_hand(&x, window, &before, (mode, 7.0), make);
            let what = format!("{dtype} {shape:?} windows {window:?} {mode:?}");
            let largest = |w: &mut [f64]| w.iter().copied().fold(f64::MIN, f64::max);
            same(&filters.maximum_filter(window).unwrap(), &hand(&largest), &what);
            let median = |w: &mut [f64]| {
                w.sort_by(f64::total_cmp);
                w[w.len() / 2]
            };
            same(&filters.median_filter(window).unwrap(), &hand(&median), &what);
            if dtype == DType::F64 || dtype == DType::I32 {
                let ones = Context::default().ones::<f64>(window).unwrap();
                same(&filters.correlate(&ones).unwrap(), &hand(&|w| w.iter().sum()), &what);
            }
        }
    }
}

#[test]
fn an_origin_moves_the_window() {
    let x = values(&[6, 13]);
    let array = Context::default().from_ndarray(x.clone()).unwrap().into_dyn().rechunk(&[4, 5]);
    for (mode, origin) in MODES.into_iter().flat_map(|m| [-2isize, -1, 1].map(|o| (m, o))) {
        let filters = array.ndimage().mode(mode).origin(&[origin]);
        let have = filters.correlate1d(&[1.0, 10.0, 100.0, 1000.0], -1).unwrap();
        let sum = |w: &mut [f64]| w.iter().rev().fold(0.0, |a, x| 10.0 * a + x);
        same(&have, &by_hand(&x, &[1, 4], &[0, 2 + origin], (mode, 0.0), sum), &format!("{mode:?} {origin}"));
    }
}

#[test]
fn sums_of_integers_are_cut() {
    let cx = Context::default();
    let x = cx.arange(5).unwrap().cast::<u8>();
    let filtered = cx.compute(x.ndimage().correlate1d(&[-1.0, 0.0, 0.6], 0).unwrap()).unwrap();
    // 0.6, 1.2, 0.8, 0.4 and -0.6, which have no more of a point.
    assert_eq!(filtered.as_slice().unwrap(), &[0, 1, 0, 0, 0]);
    let wide = cx.compute(x.ndimage().output::<f64>().correlate1d(&[-1.0, 0.0, 0.6], 0).unwrap()).unwrap();
    assert!((wide[1] - 1.2).abs() < 1e-12);
}

#[test]
fn windows_without_elements_and_false_axes_are_refused() {
    let x = Context::default().ones::<f64>(&[4, 5]).unwrap();
    let text = |e: hyperslab::Result<Array<f64>>| e.unwrap_err().to_string();
    assert!(text(x.ndimage().origin(&[2]).uniform_filter(&[3])).contains("an origin of 2"));
    assert!(text(x.ndimage().gaussian_filter(&[1.0, 2.0, 3.0])).contains("3 standard deviations for 2 axes"));
    assert!(text(x.ndimage().sobel(2)).contains("axis 2"));
    assert!(text(x.ndimage().rank_filter(9, &[3])).contains("no rank 9"));
}

/// A volume four times the memory is filtered within it, along all axes.
#[test]
fn more_than_memory_is_filtered_within_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("x.zarr"), folder.path().join("y.zarr"));
    let create = || hyperslab::store::Create::new().chunks(vec![32, 64, 64]);
    let writing = Context::builder().threads(2).memory("64MiB").build().unwrap();
    let ramp = writing.arange(256 * 256 * 256).unwrap().cast::<f32>().reshape(&[256, 256, 256]);
    writing.compute(ramp.store(&path, create())).unwrap();
    let cx = Context::builder().threads(2).memory("16MiB").build().unwrap();
    let x = cx.open(&path).unwrap().try_typed::<f32>().unwrap();
    let y = x.ndimage().uniform_filter(&[5, 3, 7]).unwrap().ndimage().mode(Mode::Nearest).maximum_filter(&[3]).unwrap();
    cx.compute(y.store(&out, create())).unwrap();
    let report = cx.report();
    let (peak, projected, budget) = (report.peak_bytes, report.projected_bytes, cx.memory().budget());
    assert!(peak <= projected, "{peak} bytes lived, {projected} were projected");
    assert!(projected <= budget, "{projected} bytes projected, the budget is {budget}");
    let y = writing.open(&out).unwrap().try_typed::<f32>().unwrap();
    // Means of a ramp are its middle, and the largest neighbour is the last.
    let inner = writing.compute(y.slice(ndarray::s![100, 100, 100])).unwrap();
    let want = (101 * 256 * 256 + 101 * 256 + 101) as f32;
    assert!((inner[[]] - want).abs() <= want * 1e-6, "{} for {want}", inner[[]]);
}

/// Whatever the boundary, a function that looks around sees what a filter sees.
#[test]
fn functions_see_what_lies_around_their_blocks() {
    let x = values(&[7, 10]);
    let cx = Context::default();
    let array = cx.from_ndarray(x.clone()).unwrap().rechunk(&[3, 4]);
    let sums = BlockFn::new(|block: ndarray::ArrayViewD<f64>| {
        let mut out = block.to_owned();
        let (rows, columns) = (block.shape()[0], block.shape()[1]);
        for (i, j) in (2..rows).flat_map(|i| (0..columns - 1).map(move |j| (i, j))) {
            out[[i, j]] = block[[i - 2, j]] + 10.0 * block[[i, j + 1]];
        }
        out
    });
    let boundaries = [
        (Boundary::Reflect, Mode::Reflect),
        (Boundary::Periodic, Mode::Wrap),
        (Boundary::Nearest, Mode::Nearest),
        (Boundary::Constant(3.0.into()), Mode::Constant),
    ];
    for (boundary, mode) in boundaries {
        let have = array.map_overlap(&[(2, 0), (0, 1)], boundary, &sums).unwrap().into_dyn();
        let want = by_hand(&x, &[3, 2], &[2, 0], (mode, 3.0), |w| w[0] + 10.0 * w[5]);
        same(&have, &want, &format!("{boundary:?}"));
    }
    // Without one, blocks end where the array does.
    let shapes = BlockFn::new(|block: ndarray::ArrayViewD<f64>| {
        ArrayD::from_elem(block.raw_dim(), (10 * block.shape()[0] + block.shape()[1]) as f64)
    });
    let have = array.map_overlap(&[(2, 1), (0, 1)], Boundary::None, &shapes).unwrap().into_dyn();
    let want = |i: usize, j: usize| 10 * [4, 6, 3][i / 3] + [5, 5, 2][j / 4];
    let want: Vec<f64> = (0..70).map(|k| want(k / 10, k % 10) as f64).collect();
    same(&have, &want, "none");
}

/// The labels of connected elements by walking from each that has none yet.
fn flooded(x: &ArrayD<f64>, diagonals: bool) -> Vec<f64> {
    let shape = x.shape().to_vec();
    let mut labels = ArrayD::<f64>::zeros(shape.clone());
    let mut count = 0.0;
    for start in ndarray::indices(shape.clone()) {
        let start = start.as_array_view().to_vec();
        if x[start.as_slice()] == 0.0 || labels[start.as_slice()] != 0.0 {
            continue;
        }
        count += 1.0;
        labels[start.as_slice()] = count;
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            for step in ndarray::indices(vec![3; shape.len()]) {
                let step: Vec<isize> = step.as_array_view().iter().map(|s| s.cast_signed() - 1).collect();
                let next: Vec<isize> = at.iter().zip(&step).map(|(a, s)| a.cast_signed() + s).collect();
                let inside = next.iter().zip(&shape).all(|(i, n)| (0..n.cast_signed()).contains(i));
                if !inside || !diagonals && step.iter().filter(|s| **s != 0).count() > 1 {
                    continue;
                }
                let next: Vec<usize> = next.into_iter().map(isize::cast_unsigned).collect();
                if x[next.as_slice()] != 0.0 && labels[next.as_slice()] == 0.0 {
                    labels[next.as_slice()] = count;
                    open.push(next);
                }
            }
        }
    }
    labels.iter().copied().collect()
}

#[test]
fn labels_go_over_chunks() {
    let cases: [(&[usize], &[isize], f64); 4] =
        [(&[23, 31], &[5, 7], 45.0), (&[23, 31], &[1, 4], 60.0), (&[9, 8, 7], &[4, 3, 7], 30.0), (&[40], &[9], 70.0)];
    for (shape, chunk, share) in cases {
        let x = values(shape).mapv(|v| f64::from(u8::from(v < share)));
        let array = Context::default().from_ndarray(x.clone()).unwrap().into_dyn().rechunk(chunk);
        for diagonals in [false, true] {
            let structure = generate_binary_structure(shape.len(), if diagonals { shape.len() } else { 1 }).unwrap();
            let [labels, count] = label(array.expr(), Some(&structure)).unwrap().map(Array::from_expr);
            let want = flooded(&x, diagonals);
            same(&labels, &want, &format!("{shape:?} in {chunk:?}"));
            same(&count, &[want.iter().copied().fold(0.0, f64::max)], "how many");
            let index: Vec<i64> = vec![1, 3, 2];
            let sizes = array.ndimage().sum_labels(&labels, &index).unwrap().into_dyn();
            let size = |l: &i64| want.iter().filter(|w| **w == *l as f64).count() as f64;
            same(&sizes, &index.iter().map(size).collect::<Vec<_>>(), "sizes");
            measured(shape, chunk, &labels, &want);
        }
    }
}

/// Elements under a label, with their positions.
type Members = [(usize, f64)];

/// What is measured of elements under labels, some of which nothing has, against each of them by hand.
fn measured(shape: &[usize], chunk: &[isize], labels: &Array, of: &[f64]) {
    let x = values(shape).mapv(|v| (v * 37.0) % 101.0 - 50.0);
    let filters = Context::default().from_ndarray(x.clone()).unwrap().into_dyn().rechunk(chunk);
    let index: Vec<i64> = vec![2, 9999, 1, 3];
    let members =
        |l: i64| -> Vec<(usize, f64)> { x.iter().copied().enumerate().filter(|(i, _)| of[*i] == l as f64).collect() };
    let each =
        |make: &dyn Fn(&Members) -> Vec<f64>| -> Vec<f64> { index.iter().flat_map(|&l| make(&members(l))).collect() };
    let best =
        |m: &[(usize, f64)], sign: f64| m.iter().copied().reduce(|a, b| if sign * b.1 > sign * a.1 { b } else { a });
    let filters = filters.ndimage();
    let least = each(&|m| vec![best(m, -1.0).map_or(0.0, |b| b.1)]);
    same(&filters.minimum(labels, &index).unwrap().into_dyn(), &least, "least");
    let largest = each(&|m| vec![best(m, 1.0).map_or(0.0, |b| b.1)]);
    same(&filters.maximum(labels, &index).unwrap().into_dyn(), &largest, "largest");
    let place = |at: usize| -> Vec<f64> {
        (0..shape.len()).map(|a| (at / shape[a + 1..].iter().product::<usize>() % shape[a]) as f64).collect()
    };
    let places = each(&|m| place(best(m, -1.0).map_or(0, |b| b.0)));
    same(&filters.minimum_position(labels, &index).unwrap().into_dyn(), &places, "places");
    let count = of.iter().copied().fold(0.0, f64::max) as i64;
    let there: Vec<i64> = [2, 1, 3].into_iter().filter(|l| *l <= count).collect();
    let medians = filters.median(labels, &there).unwrap();
    let middle = |l: &i64| {
        let mut m: Vec<f64> = members(*l).iter().map(|m| m.1).collect();
        m.sort_by(f64::total_cmp);
        (m[(m.len() - 1) / 2] + m[m.len() / 2]) / 2.0
    };
    same(&medians, &there.iter().map(middle).collect::<Vec<_>>(), "medians");
    let boxes = labels.ndimage().find_objects().unwrap().into_dyn();
    let ends = |l: i64| {
        let places: Vec<Vec<f64>> = members(l).iter().map(|m| place(m.0)).collect();
        let along = |a: usize| {
            let all = places.iter().map(|p| p[a]);
            [all.clone().fold(f64::INFINITY, f64::min), all.fold(0.0, f64::max) + 1.0]
        };
        (0..shape.len()).flat_map(along).collect::<Vec<_>>()
    };
    same(&boxes, &(1..=count).flat_map(ends).collect::<Vec<_>>(), "boxes");
}

/// Heights of integers are integers, but for that of the first element of a window; what becomes of it is cut.
#[test]
fn heights_of_integers_are_cut() {
    let cx = Context::default();
    let x = cx.from_ndarray(ndarray::array![-1i32, -4, -9, -16].into_dyn()).unwrap().into_dyn();
    let heights = cx.from_ndarray(ndarray::array![0.0, -1.5].into_dyn()).unwrap().into_dyn();
    let how = Grey { footprint: None, structure: Some(heights.expr().clone()) };
    for (change, want) in [(Change::Erosion, [-1.0, -3.0, -8.0, -15.0]), (Change::Dilation, [-2.0, -5.0, -10.0, -16.0])]
    {
        let have = grey("grey", x.expr(), change, &how, &Around::default()).unwrap();
        same(&Array::from_expr(have), &want, &format!("{change:?}"));
    }
}

/// What is connected with a true element within a mask is what dilations in it come to.
#[test]
fn dilations_come_to_an_end() {
    let x = values(&[23, 31]);
    let cx = Context::default();
    let array = cx.from_ndarray(x).unwrap().into_dyn().rechunk(&[5, 7]);
    let (seeds, mask) = (array.greater(90.0), array.greater(40.0));
    for (change, border) in [Change::Erosion, Change::Dilation].into_iter().flat_map(|c| [(c, false), (c, true)]) {
        let how = Binary { mask: Some(mask.expr().clone()), border, ..Binary::default() };
        let mut want = Vec::new();
        let mut steps = cx.compute(seeds.clone().into_dyn()).unwrap().to_ndarray::<bool>().unwrap();
        while want != steps.iter().map(|&set| f64::from(u8::from(set))).collect::<Vec<_>>() {
            want = steps.iter().map(|&set| f64::from(u8::from(set))).collect();
            let now = cx.from_ndarray(steps).unwrap().into_dyn();
            let next = Array::from_expr(binary("steps", now.expr(), change, &how).unwrap());
            steps = cx.compute(next).unwrap().to_ndarray::<bool>().unwrap();
        }
        let have = until_unchanged("binary_propagation", seeds.expr(), change, &how).unwrap();
        same(&Array::from_expr(have), &want, &format!("{change:?} {border}"));
    }
}

fn near(have: &Array, want: &[f64], what: &str) {
    for cx in contexts() {
        let have: Vec<f64> = elements(&cx.compute(have.clone()).unwrap()).iter().map(|z| z.re).collect();
        assert_eq!(have.len(), want.len(), "{what}");
        for (a, b) in have.iter().zip(want) {
            assert!((a - b).abs() < 1e-9 * (1.0 + b.abs()), "{what}: {have:?} for {want:?}");
        }
    }
}

/// Splines go through the elements, and straight lines through places between them.
#[test]
fn places_between_elements_are_interpolated() {
    let x = values(&[9, 14]);
    let array = Context::default().from_ndarray(x.clone()).unwrap().into_dyn().rechunk(&[4, 5]);
    for order in 0..=5 {
        let spline = |rim| Spline { order, rim, cval: -1.0, ..Spline::default() };
        let moved = array.ndimage().shift(&[2.0, -3.0], &spline(Rim::Constant)).unwrap();
        let at = |i: usize, j: usize| if i >= 2 && j < 11 { x[[i - 2, j + 3]] } else { -1.0 };
        near(&moved, &(0..126).map(|k| at(k / 14, k % 14)).collect::<Vec<_>>(), "shift");
        let wrapped = array.ndimage().shift(&[-20.0, 5.0], &spline(Rim::GridWrap)).unwrap();
        let at = |i: usize, j: usize| x[[(i + 20) % 9, (j + 9) % 14]];
        near(&wrapped, &(0..126).map(|k| at(k / 14, k % 14)).collect::<Vec<_>>(), "shift around");
        let turned = array.ndimage().rotate(90.0, [1, 0], true, &spline(Rim::Constant)).unwrap();
        near(&turned, &(0..126).map(|k| x[[k % 9, 13 - k / 9]]).collect::<Vec<_>>(), "rotate");
    }
    let ramp = Context::default().linspace(0.0, 20.0, 21).unwrap().into_dyn().rechunk(&[6]);
    let linear = Spline { order: 1, ..Spline::default() };
    let finer = ramp.ndimage().zoom(&[61.0 / 21.0], &linear).unwrap();
    near(&finer, &(0..61).map(|k| f64::from(k) / 3.0).collect::<Vec<_>>(), "zoom");
}

/// Steps of a dilation within a mask, of which each goes to the neighbours alone.
#[test]
fn a_mask_holds_many_steps() {
    let cx = &contexts()[1];
    let line = cx.arange(60).unwrap().into_dyn().rechunk(&[7]);
    let (seed, mask) = (line.equal(20.0), line.less(25.0));
    let how = Binary { mask: Some(mask.expr().clone()), iterations: 16, ..Binary::default() };
    let made = binary("binary_dilation", seed.expr(), Change::Dilation, &how).unwrap();
    let have = elements(&cx.compute(Array::from_expr(made)).unwrap());
    assert!(have.iter().enumerate().all(|(i, z)| (z.re > 0.0) == (4..25).contains(&i)), "{have:?}");
}

/// Splines go through a few elements as SciPy has them, and what is not a number is in all of a line.
#[test]
fn short_lines_and_lines_with_nan() {
    let cx = Context::default();
    let of = |x: &[f64]| cx.from_ndarray(ndarray::arr1(x).into_dyn()).unwrap().into_dyn();
    let spline = Spline { order: 5, rim: Rim::Reflect, ..Spline::default() };
    // scipy.ndimage.shift([3, 1, 4], 0.25, order=5, mode="reflect") and the next, of SciPy 1.17.1.
    let short = [3.507_652_747_603_347_4, 1.082_478_778_771_143_6, 3.100_694_605_730_415_4];
    near(&of(&[3.0, 1.0, 4.0]).ndimage().shift(&[0.25], &spline).unwrap(), &short, "three elements");
    let beyond = Spline { order: 3, rim: Rim::Nearest, prefilter: false, ..Spline::default() };
    near(
        &of(&[3.0, 1.0, 4.0]).ndimage().shift(&[1.5], &beyond).unwrap(),
        &[3.0, 2.958_333_333_333_333, 2.0625],
        "without a filter",
    );
    for chunk in [5, 2] {
        let line = of(&[1.0, f64::NAN, 2.0, 3.0, 5.0]).rechunk(&[chunk]);
        let made = line.ndimage().shift(&[0.5], &Spline { rim: Rim::Mirror, ..Spline::default() }).unwrap();
        assert!(elements(&cx.compute(made).unwrap()).iter().all(|z| z.re.is_nan()));
    }
}

/// The nearest element that is 0 is found among all of them, by hand, whatever the chunks.
#[test]
fn distances_are_those_of_the_nearest() {
    let cut = values(&[7, 5, 11]).mapv(|v| f64::from(u8::from(v.rem_euclid(7.0) > 0.5)));
    let zeros: Vec<_> = cut.indexed_iter().filter(|(_, v)| **v == 0.0).map(|(i, _)| i.slice().to_vec()).collect();
    assert!(zeros.len() > 3, "some are 0");
    let steps = [1.0, 0.3, 2.5];
    let apart = |i: &[usize], j: &[usize], a: usize| (i[a].abs_diff(j[a])) as f64;
    let euclidean = |i: &[usize], j: &[usize]| (0..3).map(|a| (apart(i, j, a) * steps[a]).powi(2)).sum::<f64>().sqrt();
    let taxicab = |i: &[usize], j: &[usize]| (0..3).map(|a| apart(i, j, a)).sum::<f64>();
    let chessboard = |i: &[usize], j: &[usize]| (0..3).map(|a| apart(i, j, a)).fold(0.0, f64::max);
    type Far<'a> = &'a dyn Fn(&[usize], &[usize]) -> f64;
    let metrics: [(Metric, Far); 3] =
        [(Metric::Euclidean, &euclidean), (Metric::Taxicab, &taxicab), (Metric::Chessboard, &chessboard)];
    let mut bytes = Vec::new();
    for chunks in [[7, 5, 11], [2, 5, 3], [1, 1, 1]] {
        let array = Context::default().from_ndarray(cut.clone()).unwrap().into_dyn().rechunk(&chunks);
        for (metric, far) in metrics {
            let [have, which] = distance_transform(array.expr(), metric, &steps, Nowhere::Largest).unwrap();
            let each = |i: &[usize]| zeros.iter().map(|z| far(i, z)).fold(f64::INFINITY, f64::min);
            let want: Vec<f64> = cut.indexed_iter().map(|(i, _)| each(i.slice())).collect();
            near(&Array::from_expr(have), &want, &format!("{metric:?} in chunks {chunks:?}"));
            let which = elements(&contexts()[1].compute(Array::from_expr(which)).unwrap());
            for (n, (i, _)) in cut.indexed_iter().enumerate() {
                let place: Vec<usize> = (0..3).map(|a| which[a * cut.len() + n].re as usize).collect();
                assert!((far(i.slice(), &place) - want[n]).abs() < 1e-9, "{metric:?}: {place:?} for {i:?}");
            }
            bytes.push(which);
        }
    }
    assert!(bytes.chunks(3).all(|same| same == &bytes[..3]), "chunks change which is found");
}

/// Coordinates that are data give what the map that they are of gives, whatever the chunks of both.
#[test]
fn places_that_are_data_are_interpolated() {
    let x = values(&[9, 14]);
    let rims = [Rim::Constant, Rim::GridConstant, Rim::Nearest, Rim::Mirror, Rim::Reflect, Rim::Wrap, Rim::GridWrap];
    for (chunks, pieces) in [([9, 14], [2, 9, 14]), ([4, 5], [1, 2, 14]), ([1, 3], [2, 5, 4])] {
        let array = Context::default().from_ndarray(x.clone()).unwrap().into_dyn().rechunk(&chunks);
        let by = [-2.375, 11.25];
        let place = |i: usize, j: usize, a: usize| [i, j][a] as f64 - by[a];
        let places = ArrayD::from_shape_fn(vec![2, 9, 14], |i| place(i[1], i[2], i[0]));
        let places = Context::default().from_ndarray(places).unwrap().into_dyn().rechunk(&pieces);
        for (rim, order) in rims.into_iter().flat_map(|rim| [0, 1, 3].map(|order| (rim, order))) {
            let spline = Spline { order, rim, cval: -1.0, ..Spline::default() };
            let moved = array.ndimage().shift(&by, &spline).unwrap();
            let want = elements(&Context::default().compute(moved).unwrap()).iter().map(|z| z.re).collect::<Vec<_>>();
            let have = array.ndimage().map_coordinates(&places, &spline).unwrap();
            near(&have, &want, &format!("{rim:?} of order {order}"));
        }
    }
    let line = Context::default().arange(5).unwrap().into_dyn();
    let nowhere = Context::default().from_ndarray(ndarray::arr2(&[[f64::NAN, 4.0, 1e30, -0.5]]).into_dyn()).unwrap();
    let spline = Spline { order: 1, cval: -7.0, ..Spline::default() };
    near(&line.ndimage().map_coordinates(&nowhere, &spline).unwrap(), &[-7.0, 4.0, -7.0, -7.0], "no places");
}
