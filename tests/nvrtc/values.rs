//! Elements to try, and how results compare.

use half::{bf16, f16};
use hyperslab::device::block::{Block, Buffer};
use hyperslab::dtype::scalar::Scalar;
use hyperslab::dtype::{DType, Kind};
use hyperslab::op::elementwise::Agreement;
use num_complex::Complex64;

const REALS: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    3.0,
    -3.0,
    0.75,
    7.25,
    -9.5,
    100.0,
    127.5,
    -128.6,
    255.9,
    300.0,
    1e-3,
    6e-8,
    1e-40,
    65504.0,
    65519.0,
    -32768.9,
    70000.0,
    2_147_483_648.0,
    -2_147_483_649.0,
    9.3e18,
    1.9e19,
    -1e20,
    3e38,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

/// Integers near every boundary, wrapped to the width.
const INTEGERS: &[i128] = &[
    0,
    1,
    2,
    3,
    5,
    7,
    8,
    12,
    15,
    16,
    31,
    32,
    33,
    63,
    64,
    100,
    127,
    128,
    255,
    256,
    32767,
    65535,
    1 << 31,
    (1 << 31) - 1,
    (1 << 32) - 1,
    (1 << 63) - 1,
    1 << 63,
    -1,
    -2,
    -3,
    -7,
    -8,
    -100,
    -128,
    -(1 << 31),
    -(1 << 53) - 1,
    (1 << 53) + 1,
];

/// The special values of a dtype.
fn specials(dtype: DType) -> Vec<Scalar> {
    match dtype.kind() {
        Kind::Bool => vec![Scalar::Bool(false), Scalar::Bool(true)],
        Kind::Signed | Kind::Unsigned => INTEGERS.iter().map(|&v| Scalar::Int(v)).collect(),
        Kind::Float => REALS.iter().map(|&v| Scalar::Float(v)).collect(),
        Kind::Complex => {
            let parts = [0.0, -0.0, 1.0, -2.5, 0.3, 40.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
            let pairs = parts.iter().flat_map(|&re| parts.iter().map(move |&im| Complex64::new(re, im)));
            pairs.map(Scalar::Complex).collect()
        }
    }
}

fn block(dtype: DType, shape: &[usize], mut value: impl FnMut(usize) -> Scalar) -> Block {
    let n = shape.iter().product::<usize>();
    let mut buffer = Buffer::zeroed(n * dtype.size());
    for (i, slot) in buffer.bytes_mut().chunks_exact_mut(dtype.size()).enumerate() {
        slot.copy_from_slice(&value(i).to_bytes(dtype)[..dtype.size()]);
    }
    Block::new(dtype, shape, buffer).unwrap()
}

/// Blocks of equal length that hold every pair of special values of the first two inputs, and some triples.
pub(crate) fn special(dtypes: &[DType]) -> Vec<Block> {
    let lists: Vec<Vec<Scalar>> = dtypes.iter().map(|&d| specials(d)).collect();
    let n: usize = lists.iter().take(2).map(Vec::len).product();
    let mut period = 1;
    let mut out = Vec::new();
    for (list, &dtype) in lists.iter().zip(dtypes) {
        out.push(block(dtype, &[n], |i| list[i / period % list.len()]));
        period *= list.len();
        if period >= n {
            period = 3;
        }
    }
    out
}

/// Reproducible values of moderate size, a few of them NaN or equal.
pub(crate) fn ordinary(dtype: DType, shape: &[usize], seed: u64) -> Block {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % 1000) as f64 / 50.0
    };
    block(dtype, shape, |i| match dtype.kind() {
        Kind::Bool => Scalar::Bool(draw() > 10.0),
        Kind::Signed | Kind::Unsigned => Scalar::Int(draw() as i128),
        Kind::Float if i % 997 == 996 => Scalar::Float(f64::NAN),
        Kind::Float => Scalar::Float(draw() - 10.0),
        Kind::Complex => Scalar::Complex(Complex64::new(draw() - 10.0, draw() - 10.0)),
    })
}

/// The parts of an element as numbers, with the distance from 1 to the next of their type.
fn parts(dtype: DType, bytes: &[u8]) -> (Vec<f64>, f64, f64) {
    let value = Scalar::from_bytes(dtype, bytes).to_c64();
    match dtype {
        DType::F16 => (vec![value.re], f16::EPSILON.to_f64(), f16::MIN_POSITIVE.to_f64()),
        DType::BF16 => (vec![value.re], bf16::EPSILON.to_f64(), bf16::MIN_POSITIVE.to_f64()),
        DType::F32 => (vec![value.re], f32::EPSILON.into(), f32::MIN_POSITIVE.into()),
        DType::C64 => (vec![value.re, value.im], f32::EPSILON.into(), f32::MIN_POSITIVE.into()),
        DType::C128 => (vec![value.re, value.im], f64::EPSILON, f64::MIN_POSITIVE),
        _ => (vec![value.re], f64::EPSILON, f64::MIN_POSITIVE),
    }
}

/// Whether two elements agree; NaN is NaN whatever its bits.
fn agree(dtype: DType, a: &[u8], b: &[u8], agreement: Agreement) -> bool {
    if a == b {
        return true;
    }
    if !dtype.is_inexact() {
        return false;
    }
    let ((x, epsilon, tiny), (y, ..)) = (parts(dtype, a), parts(dtype, b));
    let size = y.iter().filter(|v| v.is_finite()).fold(tiny, |m, v| m.max(v.abs()));
    let one = |(p, q): (&f64, &f64)| match agreement {
        _ if p.is_nan() && q.is_nan() => true,
        Agreement::Exact => p.to_bits() == q.to_bits(),
        Agreement::Ulp(n) => p == q || (p - q).abs() <= f64::from(n) * epsilon * size,
    };
    x.iter().zip(&y).all(one)
}

/// The elements that differ, as text, if any do.
pub(crate) fn difference(dtype: DType, given: &[u8], wanted: &[u8], agreement: Agreement) -> Option<String> {
    let size = dtype.size();
    let pairs = given.chunks_exact(size).zip(wanted.chunks_exact(size)).enumerate();
    let wrong: Vec<String> = pairs
        .filter(|(_, (a, b))| !agree(dtype, a, b, agreement))
        .map(|(i, (a, b))| format!("[{i}] {} for {}", Scalar::from_bytes(dtype, a), Scalar::from_bytes(dtype, b)))
        .collect();
    let shown = wrong.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
    (!wrong.is_empty()).then(|| format!("{} of {} {dtype}: {shown}", wrong.len(), given.len() / size))
}
