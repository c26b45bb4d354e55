//! Random arrays: the distributions against SciPy's, and that numbers depend on seed, draw and position alone.

use super::contexts;
use hyperslab::array::compute::Computed;
use hyperslab::{Array, Context, lang};
use std::collections::BTreeMap;

/// Calls, and points of the distribution function.
const DISTRIBUTIONS: &str = include_str!("random/distributions.txt");

fn evaluate(text: &str) -> Vec<Array> {
    lang::evaluate(text, &BTreeMap::new()).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn refused(text: &str) -> String {
    lang::evaluate(text, &BTreeMap::new()).err().unwrap_or_else(|| panic!("{text} is refused")).to_string()
}

/// A call without the parenthesis that closes it, ready for one more argument.
fn open(call: &str) -> String {
    let open = call.trim().strip_suffix(')').unwrap();
    if open.ends_with('(') { open.to_owned() } else { format!("{open}, ") }
}

fn bytes(cx: &Context, array: &Array) -> Vec<u8> {
    let computed: Computed = cx.compute(array.clone()).unwrap();
    computed.block().bytes().to_vec()
}

fn floats(array: &Array) -> Vec<f64> {
    let array = array.astype(hyperslab::dtype::DType::F64).try_typed::<f64>().unwrap();
    contexts()[0].compute(array).unwrap().into_raw_vec_and_offset().0
}

#[test]
fn distributions_are_scipys() {
    const N: usize = 20_000;
    let mut bad = Vec::new();
    for line in DISTRIBUTIONS.lines().filter(|l| !l.starts_with('#')) {
        let (call, points) = line.split_once('|').unwrap();
        let points: Vec<f64> = points.split_whitespace().map(|x| x.parse().unwrap()).collect();
        let mut drawn = floats(&evaluate(&format!("random.default_rng(2011).{}size={N})", open(call)))[0]);
        assert!(drawn.iter().all(|x| x.is_finite()), "{call}");
        drawn.sort_by(f64::total_cmp);
        // Chi-square over what lies between the points.
        let (mut sum, mut bins, mut below, mut probability) = (0.0, 0, 0, 0.0);
        let last = [f64::INFINITY, 1.0];
        for point in points.chunks(2).chain([&last[..]]) {
            let count = drawn.partition_point(|&x| x <= point[0]);
            let expected = (point[1] - probability) * N as f64;
            let gap = (count - below) as f64 - expected;
            if expected > 0.5 {
                sum += gap * gap / expected;
                bins += 1;
            }
            (below, probability) = (count, point[1]);
        }
        let degrees = f64::from(bins - 1);
        if sum > degrees + 4.0 * (2.0 * degrees).sqrt() + 4.0 {
            bad.push(format!("{call}: chi-square {sum:.1} over {bins} bins"));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn numbers_depend_on_seed_draw_and_position_alone() {
    for line in DISTRIBUTIONS.lines().filter(|l| !l.starts_with('#')) {
        let call = open(line.split_once('|').unwrap().0);
        let draw = |size: &str| evaluate(&format!("random.default_rng(5).{call}size={size})"))[0].clone();
        let whole = draw("(7, 5, 11)");
        let want = bytes(&contexts()[0], &whole);
        let size = whole.dtype().size();
        for cx in contexts() {
            assert_eq!(bytes(&cx, &draw("(7, 5, 11), chunks=(3, 2, 4)")), want, "{call} in chunks");
            // The shape does not matter, and a part is drawn as it is in the whole.
            assert_eq!(bytes(&cx, &draw("385")), want, "{call} in one row");
            let part = evaluate(&format!("random.default_rng(5).{call}size=(7, 5, 11))[4, 2, 3:9]"));
            let at = (4 * 5 + 2) * 11 + 3;
            assert_eq!(bytes(&cx, &part[0]), want[at * size..(at + 6) * size], "{call} in part");
        }
    }
}

#[test]
fn draws_differ_and_programs_repeat() {
    let text = "r = random.default_rng(3); s = random.default_rng(3); (r.normal(size=50), r.normal(size=50), s.normal(size=50), \
                s.random(50), random.normal(size=50), random.default_rng().normal(size=50))";
    let draws: Vec<Vec<f64>> = evaluate(text).iter().map(floats).collect();
    assert_eq!(draws[0], draws[2]);
    for (i, a) in draws.iter().enumerate() {
        let again = floats(&evaluate(text)[i]);
        assert_eq!(*a, again);
        for (j, b) in draws.iter().enumerate().skip(i + 1) {
            assert!((i, j) == (0, 2) || a.iter().zip(b).all(|(x, y)| x != y), "draws {i} and {j} share numbers");
        }
    }
    let rng = hyperslab::array::Rng::new(3);
    let normal = rng.normal(0.0, 1.0, &[50]).unwrap().into_dyn();
    assert_eq!(floats(&normal), draws[0], "the library's numbers are the language's");
}

#[test]
fn parameters_broadcast() {
    let text = "m = array([0.0, 100.0, 200.0]); (random.normal(m, [[1], [0]]), random.normal(m, 0, size=(2, 3)), \
                random.integers([0, 10], [[5], [20]], size=(1000, 2, 2)), random.random((2, 0)), random.poisson(4))";
    let drawn = evaluate(text);
    let shapes: Vec<String> = drawn.iter().map(|a| a.shape().to_string()).collect();
    assert_eq!(shapes, ["(2, 3)", "(2, 3)", "(1000, 2, 2)", "(2, 0)", "()"]);
    assert_eq!(floats(&drawn[0])[3..], [0.0, 100.0, 200.0]);
    assert_eq!(floats(&drawn[1]), [0.0, 100.0, 200.0].repeat(2));
    let last: Vec<f64> = floats(&drawn[2]).chunks(4).map(|c| c[3]).collect();
    assert!(last.iter().all(|&x| (10.0..20.0).contains(&x)) && last.contains(&10.0) && last.contains(&19.0));
    // What is checked only when it is computed gives no number.
    let bad = evaluate("s = zeros(2) - 1; (random.gamma(s), random.poisson(s))");
    assert!(floats(&bad[0]).iter().all(|x| x.is_nan()));
    assert_eq!(floats(&bad[1]), [i64::MIN as f64; 2]);
}

#[test]
fn integers_take_every_value_of_their_range() {
    for (call, least, most) in [
        ("integers(0, 256, 20000, dtype='u1')", 0.0, 255.0),
        ("integers(-128, 127, 20000, dtype='i1', endpoint=True)", -128.0, 127.0),
        ("integers(0, 2, 20000, dtype=bool)", 0.0, 1.0),
        ("integers(-3, 4, 20000)", -3.0, 3.0),
        ("randint(7, size=20000)", 0.0, 6.0),
    ] {
        let drawn = floats(&evaluate(&format!("random.default_rng(1).{call}"))[0]);
        let mut counts = BTreeMap::new();
        drawn.iter().for_each(|&x| *counts.entry(x as i64).or_insert(0) += 1);
        assert_eq!(
            (drawn.iter().copied().fold(f64::MAX, f64::min), drawn.iter().copied().fold(f64::MIN, f64::max)),
            (least, most)
        );
        let expected = 20_000.0 / (most - least + 1.0);
        let sum: f64 = counts.values().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum();
        let degrees = most - least;
        assert!(sum < degrees + 4.0 * (2.0 * degrees).sqrt() + 4.0, "{call}: {sum}");
    }
    let wide = floats(&evaluate("random.integers(0, 2**64, 1000, dtype='u8')")[0]);
    assert!(wide.iter().any(|&x| x > 1.8e19) && wide.iter().any(|&x| x < 1e17));
}

#[test]
fn what_is_no_parameter_is_refused() {
    for text in [
        "random.normal(0, -1)",
        "random.normal([0, 1], [1, -1])",
        "random.normal(1j)",
        "random.normal(zeros(2), size=3)",
        "random.normal(zeros(2), size=(2, 1))",
        "random.normal(size=-1)",
        "random.normal(size=2.5)",
        "random.random(dtype=int)",
        "random.uniform(2, 1)",
        "random.uniform(0, inf)",
        "random.gamma(-1)",
        "random.beta(0, 1)",
        "random.poisson(-1)",
        "random.poisson(nan)",
        "random.poisson(1e19)",
        "random.binomial(5, 1.1)",
        "random.binomial(-1, 0.5)",
        "random.geometric(0)",
        "random.zipf(1)",
        "random.logseries(1)",
        "random.triangular(1, 0, 2)",
        "random.triangular(1, 1, 1)",
        "random.hypergeometric(1, 2, 4)",
        "random.integers(5, 5)",
        "random.integers(0)",
        "random.integers(0, 300, dtype='u1')",
        "random.integers(-1, 3, dtype='u8')",
        "random.integers(0, 5, dtype=float)",
        "random.default_rng(-1)",
        "random.default_rng(0).default_rng(1)",
        "random.default_rng(0)",
    ] {
        assert!(!refused(text).contains("internal"), "{text}");
    }
    assert_eq!(
        refused("random.poisson(-1)"),
        "poisson: `lam` must be 0 or above, and below 2^63, not -1 (at column 8)"
    );
}

#[test]
fn orders_and_samples() {
    let sorted = |text: &str| {
        let mut drawn = floats(&evaluate(text)[0]);
        drawn.sort_by(f64::total_cmp);
        drawn
    };
    let ramp: Vec<f64> = (0..500).map(f64::from).collect();
    assert_eq!(sorted("random.permutation(500)"), ramp);
    assert_ne!(floats(&evaluate("random.permutation(500)")[0]), ramp);
    assert_eq!(sorted("random.permutation(arange(500))"), ramp);
    assert_eq!(sorted("random.choice(500, (20, 25), replace=False)"), ramp);
    // Whole rows or columns change places.
    let columns = evaluate("x = random.permutation(arange(40).reshape(8, 5), axis=1); (x - x[0], x[0].sum(), x)");
    assert_eq!(floats(&columns[0]), floats(&evaluate("(arange(8) * 5).reshape(8, 1) + zeros(5)")[0]));
    assert_eq!(floats(&columns[1]), [10.0]);
    let picked = evaluate("random.choice(arange(24).reshape(2, 3, 4), (5, 2), axis=1)");
    assert_eq!(picked[0].shape().to_string(), "(2, 5, 2, 4)");
    assert!(floats(&evaluate("isnan(random.choice([nan, inf, 1.0], 99)).any()")[0]) == [1.0]);
    for cx in contexts() {
        let text = "p = array([0.1, 0.0, 0.3, 0.6]); r = random.default_rng(4); \
                    (r.choice(4, 20000, p=p), r.choice(4, (2,), replace=False, p=p), r.choice([2.5, 7, 7, 7], 30, p=p))";
        let drawn = evaluate(text);
        assert_eq!(bytes(&cx, &drawn[0]), bytes(&contexts()[0], &drawn[0]));
        let found = floats(&drawn[0]);
        for (item, p) in [(0.0, 0.1), (1.0, 0.0), (2.0, 0.3), (3.0, 0.6)] {
            let share = found.iter().filter(|&&x| x == item).count() as f64 / 20_000.0;
            assert!((share - p).abs() < 0.015, "item {item}: {share}");
        }
        let two = floats(&drawn[1]);
        assert!(two[0] != two[1] && !two.contains(&1.0));
        assert!(floats(&drawn[2]).iter().all(|x| [2.5, 7.0].contains(x)));
    }
    for text in [
        "random.choice(5, 6, replace=False)",
        "random.choice(0)",
        "random.choice(3, p=[0.5, 0.5])",
        "random.choice(3, p=[0.5, 0.5, 0.1])",
        "random.choice(3, 2, replace=False, p=[1, 0, 0])",
        "random.permutation(2.5)",
        "random.multinomial(10, [0.2, 0.9, 0.2])",
        "random.multivariate_normal([1, 2], eye(3))",
        "random.dirichlet([1, -1])",
    ] {
        refused(text);
    }
}

#[test]
fn vectors_have_their_moments() {
    let text = "r = random.default_rng(2); m = r.multinomial([20, 30], [0.2, 0.3, 0.5], size=(20000, 2)); \
                d = r.dirichlet([1, 2, 5], size=20000); y = r.multivariate_normal([1, 2], [[2, 0.5], [0.5, 1]], size=20000); \
                c = y - y.mean(0); (m.mean(0), m[:, 1].var(0), m.sum(-1).min(0), d.mean(0), d.var(0), y.mean(0), c.T @ c / 20000)";
    let wanted: [&[f64]; 7] = [
        &[4.0, 6.0, 10.0, 6.0, 9.0, 15.0],
        &[4.8, 6.3, 7.5],
        &[20.0, 30.0],
        &[0.125, 0.25, 0.625],
        &[7.0 / 576.0, 12.0 / 576.0, 15.0 / 576.0],
        &[1.0, 2.0],
        &[2.0, 0.5, 0.5, 1.0],
    ];
    for (i, (array, wanted)) in evaluate(text).iter().zip(wanted).enumerate() {
        let found = floats(array);
        assert_eq!(found.len(), wanted.len());
        assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 0.04 * b), "{i}: {found:?} and {wanted:?}");
    }
}
