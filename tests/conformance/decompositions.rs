//! Orthogonal factors and spectra: factors give matrices back, whatever the threads, blocks and memory, and with the
//! same bits; matrices larger than memory are factored in tiles of rows.

use super::elements;
use hyperslab::dtype::DType;
use hyperslab::dtype::scalar::Scalar;
use hyperslab::runtime::pipeline::Stage;
use hyperslab::store::Create;
use hyperslab::{Array, Context, ErrorKind, lang};
use std::collections::BTreeMap;
use std::path::Path;

/// Contexts that must agree: usual blocks, and small ones.
fn contexts() -> [Context; 2] {
    let build = |threads: usize| Context::builder().threads(threads).memory("256MiB").device("cpu");
    [build(2).build().unwrap(), build(3).block_bytes(1 << 14).build().unwrap()]
}

/// The values of expressions of `x`, which is `made` of numbers that follow no pattern.
fn program(made: &str, texts: &[&str]) -> Vec<Array> {
    let x = lang::evaluate(&format!("r = random.default_rng(7); {made}"), &BTreeMap::new()).unwrap().remove(0);
    let inputs = BTreeMap::from([("x".to_owned(), Context::default().persist(&x).unwrap())]);
    texts.iter().map(|text| lang::evaluate(text, &inputs).unwrap().remove(0)).collect()
}

/// The largest element of each expression; all of them are differences of what must be equal.
fn differences(cx: &Context, made: &str, texts: &[String]) -> Vec<f64> {
    let largest: Vec<String> = texts.iter().map(|t| format!("max(abs({t}), initial=0)")).collect();
    let parts = program(made, &largest.iter().map(String::as_str).collect::<Vec<_>>());
    parts.into_iter().map(|part| elements(&cx.compute(part).unwrap())[0].re).collect()
}

const FACTORS: &[&str] = &[
    "linalg.qr(x).Q @ linalg.qr(x).R - x",
    "linalg.qr(x).Q.mT.conj() @ linalg.qr(x).Q - eye(linalg.qr(x).R.shape[-2])",
    "triu(linalg.qr(x)[1]) - linalg.qr(x)[1]",
    "abs(linalg.qr(x, mode='r')) - abs(linalg.qr(x)[1])",
    "(linalg.svd(x, False).U * linalg.svd(x, False).S[..., None, :]) @ linalg.svd(x, False).Vh - x",
    "linalg.svd(x, False)[0].mT.conj() @ linalg.svd(x, False)[0] - eye(linalg.qr(x).R.shape[-2])",
    "linalg.svdvals(x) - linalg.svd(x, False).S",
    "linalg.pinv(x) @ x @ linalg.pinv(x) - linalg.pinv(x)",
];

#[test]
fn factors_give_matrices_back() {
    let complex = "(r.normal(size=(2, 17, 33)) + 1j * r.normal(size=(2, 17, 33)))";
    let cases = [
        ("r.normal(size=(40, 7))", 1.0),
        ("r.normal(size=(3, 2, 5, 9)).rechunk((2, 1, 3, 4))", 1.0),
        ("r.normal(size=(33, 33)).astype(float32)", 5e8),
        (complex, 1.0),
        ("r.normal(size=(60, 4)) @ r.normal(size=(4, 50))", 100.0),
        ("r.normal(size=(2, 0, 3))", 1.0),
    ];
    let texts: Vec<String> = FACTORS.iter().map(ToString::to_string).collect();
    for (made, looser) in cases {
        for cx in contexts() {
            for (text, off) in texts.iter().zip(differences(&cx, made, &texts)) {
                assert!(off <= 1e-13 * looser, "{made}: {text}: off by {off}");
            }
        }
    }
    // Tall, in stacks too, and wide: by tiles, and by a square and the rest.
    let few = [0, 1, 4].map(|i| texts[i].clone());
    let large = [
        ("r.normal(size=(7000, 40))", 10.0),
        ("r.normal(size=(2, 2700, 100)) * (1 + arange(100))", 1e4),
        ("r.normal(size=(30, 9000)).astype(complex64)", 5e9),
    ];
    for (made, looser) in large {
        for (text, off) in few.iter().zip(differences(&contexts()[0], made, &few)) {
            assert!(off <= 1e-13 * looser, "{made}: {text}: off by {off}");
        }
    }
}

#[test]
fn eigenvectors_are_turned_by_no_matrix() {
    let texts = [
        "H @ linalg.eigh(H)[1] - linalg.eigh(H)[1] * linalg.eigh(H)[0][..., None, :]",
        "linalg.eigh(H).eigenvectors.mT.conj() @ linalg.eigh(H).eigenvectors - eye(x.shape[-1])",
        "linalg.eigvalsh(H, 'U') - linalg.eigh(H)[0]",
        "x @ linalg.eig(x)[1] - linalg.eig(x)[1] * linalg.eig(x)[0][..., None, :]",
        "sum(linalg.eigvals(x), axis=-1) - trace(x, axis1=-2, axis2=-1)",
    ];
    let texts = texts.map(|text| text.replace('H', "(x + x.mT.conj())"));
    for made in ["r.normal(size=(3, 31, 31))", "r.normal(size=(20, 20)) + 1j * r.normal(size=(20, 20))"] {
        for cx in contexts() {
            for (text, off) in texts.iter().zip(differences(&cx, made, &texts)) {
                assert!(off < 1e-12, "{made}: {text}: off by {off}");
            }
        }
    }
}

#[test]
fn the_same_bits_whatever_the_blocks() {
    let texts = [FACTORS, &["linalg.eig(x @ x.mT)[1]", "linalg.lstsq(x, x[:, :2] + 1)[0]"]].concat();
    for made in ["r.normal(size=(7000, 40))", "r.normal(size=(31, 20)).rechunk((7, 3))"] {
        let few = if made.contains("7000") { &texts[..2] } else { &texts[..] };
        let bytes = |cx: &Context| -> Vec<Vec<u8>> {
            let parts = program(made, few);
            parts.into_iter().map(|part| cx.compute(part).unwrap().block().bytes().to_vec()).collect()
        };
        let all: Vec<_> = contexts().iter().map(bytes).collect();
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{made}");
    }
}

/// Numbers in a store, `(rows, 16)`, whose columns get smaller.
fn stored(folder: &Path, rows: usize) {
    let made = "r = random.default_rng(3); r.normal(size=(ROWS, 16)) / 3.0 ** arange(16) + r.normal(size=(ROWS, 1))";
    let x = lang::evaluate(&made.replace("ROWS", &rows.to_string()), &BTreeMap::new()).unwrap().remove(0);
    let create = Create::new().chunks(vec![5000, 16]).codec("none");
    Context::default().compute(x.store(folder.join("x.zarr"), create)).unwrap();
}

fn within(bytes: usize) -> Context {
    Context::builder().threads(2).memory(bytes.to_string()).device("cpu").build().unwrap()
}

#[test]
fn a_tall_matrix_larger_than_memory() {
    let folder = tempfile::tempdir().unwrap();
    stored(folder.path(), 160_000);
    // The matrix takes 20 MiB.
    let (tight, large) = (within(17 << 20), within(1 << 30));
    let of = |cx: &Context, text: &str| {
        let x = cx.open(folder.path().join("x.zarr")).unwrap();
        let part = lang::evaluate(text, &BTreeMap::from([("x".to_owned(), x)])).unwrap().remove(0);
        let value = cx.compute(part).unwrap();
        assert!(cx.report().peak_bytes <= cx.memory().budget());
        elements(&value)
    };
    for text in [
        "linalg.qr(x, mode='r')",
        "linalg.svdvals(x)",
        "linalg.lstsq(x, x[:, 3] * 2 - x[:, 1])[0]",
        "linalg.svd_compressed(x, 3, n_power_iter=1)[1]",
        "u, s, vh = linalg.svd(x, full_matrices=False); max(abs((u * s) @ vh - x))",
    ] {
        let (small, wide) = (of(&tight, text), of(&large, text));
        assert_eq!(small, wide, "{text}");
        if text.contains(';') {
            assert!(small.iter().all(|v| v.norm() < 1e-13), "{text}: {small:?}");
        }
    }
    let x = of(&tight, "linalg.lstsq(x, x[:, 3] * 2 - x[:, 1])[0]");
    for (j, got) in x.iter().enumerate() {
        let want = [0.0, -1.0, 0.0, 2.0].get(j).copied().unwrap_or(0.0);
        assert!((got.re - want).abs() < 1e-6, "{j}: {got}");
    }
}

#[test]
fn the_plan_of_a_tall_matrix() {
    let folder = tempfile::tempdir().unwrap();
    stored(folder.path(), 20_000);
    let cx = within(64 << 20);
    let x = cx.open(folder.path().join("x.zarr")).unwrap();
    let plan = cx.explain(x.qr().unwrap()[0].clone(), Stage::Fused).unwrap();
    let plan = plan.replace(folder.path().to_str().unwrap(), "data");
    insta::assert_snapshot!(plan, @r"
    0: blockwise 0  over (4576, 16) in (4576, 16) (on demand)
    1: reshape (24576, 16) -> (3, 8192, 16)  over (3, 8192, 16) in (1, 5000, 16) (on demand)
       a <- data/x.zarr at [0:20000, 0:16] + stage 0 [i0-20000, i1] of rank 2 at [20000:24576, 0:16]  float64
    2: qr of matrices of 8192 by 16  over (3, 8208, 16) in (1, 8208, 16) -> kept
       a <- stage 1  float64
    3: reshape (3, 16, 16) -> (48, 16)  over (48, 16) in (16, 16) (on demand)
       a <- stage 2 [i0, i1+8192, i2] of rank 3  float64
    4: qr of matrices of 48 by 16  over (64, 16) in (64, 16) -> kept
       a <- stage 3  float64
    5: reshape (48, 16) -> (3, 16, 16)  over (3, 16, 16) in (3, 16, 16) (on demand)
       a <- stage 4  float64
    6: matrix product a @ b in cells and panels (512, 16, 16)  over (1, 3, 8192, 16) in (1, 1, 8192, 16) (on demand)
       a <- stage 2 [i1, i2, i4] of rank 5  float64
       b <- stage 5 [i1, i4, i3] of rank 5  float64
    7: reshape (3, 8192, 16) -> (24576, 16)  over (24576, 16) in (8192, 16) (on demand)
       a <- stage 6 [0, i0, i1, i2] of rank 3  float64
    8: copy  over (20000, 16) in (8192, 16) -> answer
       a <- stage 7  float64
    ");
}

#[test]
fn a_few_singular_values_by_random_products() {
    let texts = [
        "linalg.svd_compressed(x, 5, n_power_iter=2)[1][:4] - linalg.svdvals(x)[:4]".to_owned(),
        "(linalg.svd_compressed(x, 4, seed=2)[0] * linalg.svd_compressed(x, 4, seed=2)[1]) @ \
         linalg.svd_compressed(x, 4, seed=2)[2] - x"
            .to_owned(),
    ];
    let made = "r.normal(size=(300, 4)) @ r.normal(size=(4, 200)) + 1e-9 * r.normal(size=(300, 200))";
    let off = differences(&contexts()[0], made, &texts);
    assert!(off[0] < 1e-10 && off[1] < 1e-7, "{off:?}");
}

#[test]
fn least_squares_leave_what_their_rank_says() {
    let cx = &contexts()[0];
    let shapes = |made: &str, text: &str| -> Vec<usize> {
        cx.compute(program(made, &[text]).remove(0)).unwrap().block().shape().to_vec()
    };
    let tall = "r.normal(size=(9, 4))";
    let low = "r.normal(size=(9, 2)) @ r.normal(size=(2, 4))";
    for (made, want) in [(tall, vec![2]), (low, vec![0]), ("r.normal(size=(4, 9))", vec![0])] {
        assert_eq!(shapes(made, "linalg.lstsq(x, ones((x.shape[0], 2)))[1]"), want, "{made}");
    }
    let ranks = [(tall, 4.0), (low, 2.0)];
    for (made, want) in ranks {
        for text in ["linalg.lstsq(x, ones(9))[2]", "linalg.matrix_rank(x)"] {
            assert_eq!(elements(&cx.compute(program(made, &[text]).remove(0)).unwrap())[0].re, want, "{made}");
        }
    }
}

#[test]
fn matrices_without_factors_are_named() {
    let cx = &contexts()[0];
    let made = "where((arange(3) == 2)[:, None, None], nan, r.normal(size=(3, 4, 4)))";
    for (text, name) in [("linalg.svd(x)[1]", "svd"), ("linalg.eigh(x)[0]", "eigh"), ("linalg.eigvals(x)", "eigvals")] {
        let fault = cx.compute(program(made, &[text]).remove(0)).unwrap_err();
        assert!(matches!(fault.kind(), ErrorKind::Numerical { .. }), "{fault}");
        let told = fault.to_string();
        assert!(
            told.contains(name) && told.contains("not finite") && told.contains("matrix (2,) of the stack"),
            "{told}"
        );
    }
    // As in NumPy, triangles of what is not a number are none either.
    let r = elements(&cx.compute(program(made, &["linalg.qr(x)[1]"]).remove(0)).unwrap());
    assert!(r[..32].iter().all(|v| v.re.is_finite()) && r[32].re.is_nan());
    let half = Array::filled(&[3, 3], Scalar::Int(1), DType::F16, None).unwrap();
    assert!(matches!(half.svdvals().unwrap_err().kind(), ErrorKind::DType { .. }));
    let wide = Array::filled(&[3, 4], Scalar::Int(1), DType::F64, None).unwrap();
    assert!(matches!(wide.eigh(false).unwrap_err().kind(), ErrorKind::Shape { .. }));
    assert!(wide.matrix_norm(2.0).is_ok());
}

#[test]
fn what_does_not_fit_is_refused_with_what_would() {
    let cx = within(4 << 20);
    let x = Array::filled(&[1000, 1000], Scalar::Int(1), DType::F64, None).unwrap();
    let fault = cx.compute(x.svdvals().unwrap()).unwrap_err().to_string();
    assert!(fault.contains("svdvals") && fault.contains("MiB"), "{fault}");
}
