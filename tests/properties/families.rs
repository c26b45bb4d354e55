//! Every family of the expression language over random arrays, chunks of length 1 and axes of length 0 among them.

use crate::programs::{Rng, assert_close};
use hyperslab::device::block::Block;
use hyperslab::dtype::DType;
use hyperslab::{Array, Context, Error, lang};
use std::collections::{BTreeMap, BTreeSet};

/// Expressions over `x` of any rank, `v` of rank 1, `i` with positions and `m` with truth values of the shape of `x`;
/// `A` is an axis of `x`, `L` its length.
const EXPRESSIONS: &[&str] = &[
    "sort(x, axis=A)",
    "argsort(x, axis=A)",
    "partition(x, 0, axis=A)",
    "topk(x, 3, axis=A)",
    "argtopk(x, -3, axis=A)",
    "median(x, axis=A)",
    "median(x)",
    "nanmedian(x, axis=A, keepdims=True)",
    "quantile(x, [0.1, 0.5, 0.9], axis=A)",
    "percentile(x, 30, method='nearest')",
    "nanquantile(x, 0.25, axis=A)",
    "lexsort((v % 3, v))",
    "sort(ravel(x))",
    "x[x > 0]",
    "x[m].sum()",
    "x[..., x.shape[-1] // 2:]",
    "compress(any(m.reshape((-1, L)), axis=0), moveaxis(x, A, 0), axis=0)",
    "extract(m, x)",
    "argwhere(x > 1)",
    "nonzero(m)[0]",
    "flatnonzero(x > 0)",
    "count_nonzero(m, axis=A)",
    "take(x, i, axis=A, mode='wrap')",
    "take_along_axis(x, argsort(x, axis=A), axis=A)",
    "y = x * 1; y[m] = 9; y",
    "y = x * 1; y[..., :1] += 2; y",
    "moveaxis(x, A, 0)[i % L]",
    "x[::-1, ...]",
    "insert(x, 1, 7, axis=A)",
    "delete(x, [0], axis=A)",
    "append(x, x, axis=A)",
    "repeat(x, 3, axis=A)",
    "repeat(v, abs(i[:1]) % 4)",
    "tile(x, 2)",
    "roll(x, 2, axis=A)",
    "pad(x, 2, mode='reflect')",
    "pad(x, (1, 3), mode='wrap')",
    "pad(x, 1, mode='linear_ramp')",
    "pad(x, 2, mode='median')",
    "pad(x, 1, constant_values=5)",
    "flip(x, axis=A)",
    "rot90(atleast_2d(x))",
    "tril(atleast_2d(x))",
    "triu(atleast_2d(x), 1)",
    "diag(v)",
    "diagonal(atleast_2d(x))",
    "trace(atleast_2d(x))",
    "diff(x, axis=A)",
    "gradient(v)",
    "trapezoid(x, axis=A)",
    "cumsum(x, axis=A)",
    "nancumsum(x)",
    "maximum.accumulate(x, axis=A)",
    "minimum.accumulate(x, axis=A)",
    "cumprod(v % 2)",
    "searchsorted(sort(v), x)",
    "digitize(x, [-2.0, 0.0, 1.5])",
    "isin(x, v)",
    "interp(x, sort(unique(v)), sort(unique(v)) * 2)",
    "histogram(x, bins=7)[0]",
    "histogram(x, bins=5)[1]",
    "histogram(x, bins=4, range=(-2, 2), density=True)[0]",
    "histogram2d(v, v, bins=3)[0]",
    "bincount(abs(i))",
    "bincount(abs(i), weights=i * 0.5)",
    "unique(x)",
    "unique(v, return_counts=True)[1]",
    "unique(v, return_inverse=True)[1]",
    "unique(v, return_index=True)[1]",
    "union1d(x, v)",
    "intersect1d(x, v)",
    "setdiff1d(x, v)",
    "average(x, axis=A)",
    "average(x, axis=A, weights=abs(x) + 1)",
    "ptp(x, axis=A)",
    "cov(v)",
    "convolve(v, [1.0, -2.0, 0.5])",
    "correlate(v, [1.0, -2.0], mode='same')",
    "argmax(x)",
    "argmin(x, axis=A)",
    "nanargmax(x + 0.0)",
    "where(m, x, 0)",
    "select([m, x > 1], [x, -x], 4)",
    "clip(x, -1, 1)",
    "nan_to_num(x)",
    "outer(v, v)",
    "kron(v, [1, 2])",
    "einsum('i,j->ij', v, v)",
    "tensordot(v, v, axes=1)",
    "stack([x, x], axis=A)",
    "concatenate([x, x[..., :1]], axis=-1)",
    "ravel(x)[::2]",
    "reshape(x, -1)",
    "sum(x, axis=A, where=m)",
    "max(x, axis=A, initial=-3, where=m)",
    "x.mean(axis=A)",
    "std(x, axis=A)",
    "random.default_rng(7).normal(size=x.shape)",
    "random.default_rng(7).integers(0, 9, size=x.shape)",
    "random.default_rng(7).permutation(v)",
    "unravel_index(abs(i) % 6, (2, 3))[1]",
    "ravel_multi_index((abs(i) % 2, abs(i) % 3), (2, 3))",
    "trim_zeros(v)",
    "searchsorted(sort(ravel(x)), v, side='right')",
];

/// Arrays of one draw.
struct Inputs {
    shape: Vec<usize>,
    dtype: DType,
    seed: u64,
}

impl Inputs {
    fn random(rng: &mut Rng) -> Self {
        let rank = 1 + rng.below(3);
        let shape = (0..rank).map(|_| [0, 1, 2, 3, 5, 8, 13, 40][rng.below(8)].max(rng.below(8).min(1))).collect();
        let dtype = [DType::F64, DType::F32, DType::I32, DType::U8, DType::F16, DType::I64][rng.below(6)];
        Self { shape, dtype, seed: rng.next() }
    }

    /// The arrays, each in chunks that `rng` draws; in one chunk without it.
    fn arrays(&self, mut rng: Option<&mut Rng>) -> Result<BTreeMap<String, Array>, Error> {
        let cx = Context::default();
        let mut draw = Rng::new(self.seed);
        let mut array = |shape: &[usize], dtype: DType, chunks: Option<&mut Rng>| -> Result<Array, Error> {
            let n: usize = shape.iter().product();
            let values: Vec<f64> = (0..n).map(|_| ((draw.below(40) as f64) - 12.0) / 4.0).collect();
            let data = ndarray::ArrayD::from_shape_vec(shape.to_vec(), values).unwrap();
            let chunk: Vec<isize> = match chunks {
                Some(rng) => shape
                    .iter()
                    .map(|&n| if rng.below(3) == 0 { 1 } else { 1 + rng.below(n.max(1)) as isize })
                    .collect(),
                None => vec![-1; shape.len()],
            };
            let x = cx.from_ndarray(data)?.into_dyn().astype(dtype);
            if shape.contains(&0) { Ok(x) } else { x.try_rechunk(&chunk) }
        };
        let v = [1, 2, 7, 19][self.seed as usize % 4];
        Ok(BTreeMap::from([
            ("x".to_owned(), array(&self.shape, self.dtype, rng.as_deref_mut())?),
            ("v".to_owned(), array(&[v], self.dtype, rng.as_deref_mut())?),
            ("i".to_owned(), array(&[1 + v / 2], DType::I64, rng.as_deref_mut())?),
            ("m".to_owned(), array(&self.shape, DType::Bool, rng)?),
        ]))
    }

    fn text(&self, expression: &str, axis: usize) -> String {
        let axis = axis % self.shape.len();
        expression.replace('A', &axis.to_string()).replace('L', &self.shape[axis].to_string())
    }
}

/// The answer, or why there is none.
fn answer(cx: &Context, x: &Array) -> Result<Block, String> {
    cx.compute(x.clone()).map(|out| out.block().clone()).map_err(|e| e.to_string())
}

#[test]
fn families_give_the_same_bits_however_they_are_computed() {
    let contexts = crate::contexts();
    let mut worked = BTreeSet::new();
    for seed in 0..6 {
        for (number, expression) in EXPRESSIONS.iter().enumerate() {
            let mut rng = Rng::new(seed * 1000 + number as u64);
            let inputs = Inputs::random(&mut rng);
            let text = inputs.text(expression, rng.below(3));
            let what = format!("seed {seed}: {text} over {} {:?}", inputs.dtype, inputs.shape);
            let built = |arrays: &BTreeMap<String, Array>| lang::evaluate(&text, arrays).map(|mut out| out.remove(0));
            let chunked = inputs.arrays(Some(&mut rng)).unwrap();
            let (chunked, whole) = (built(&chunked), built(&inputs.arrays(None).unwrap()));
            let (Ok(chunked), Ok(whole)) = (&chunked, &whole) else {
                assert_eq!(chunked.is_err(), whole.is_err(), "{what}");
                continue;
            };
            let want = answer(&contexts[0].1, chunked);
            for (name, cx) in &contexts[1..] {
                match (&want, answer(cx, chunked)) {
                    (Ok(want), Ok(got)) => assert_eq!(got.bytes(), want.bytes(), "{what}, {name}\n{chunked}"),
                    (want, got) => assert_eq!(want.is_err(), got.is_err(), "{what}, {name}: {want:?} and {got:?}"),
                }
            }
            let of_whole = answer(&contexts[0].1, whole);
            let (Ok(want), Ok(of_whole)) = (want, of_whole) else { continue };
            assert_eq!(chunked.dtype(), want.dtype(), "{what}");
            if let Ok(shape) = chunked.shape().known() {
                assert_eq!(shape, want.shape(), "{what}");
                let of_chunks: Vec<usize> = chunked.chunks().axes().iter().map(|a| a.len()).collect();
                assert_eq!(of_chunks, shape, "{what}");
            }
            assert_close(&want, &of_whole, &what);
            worked.insert(number);
        }
    }
    let never: Vec<&str> = (0..EXPRESSIONS.len()).filter(|n| !worked.contains(n)).map(|n| EXPRESSIONS[n]).collect();
    assert!(never.is_empty(), "refused each time: {never:?}");
}
