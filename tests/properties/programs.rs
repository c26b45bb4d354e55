//! Random programs: a few inputs, a few operations, drawn from the tables.

use hyperslab::device::block::Block;
use hyperslab::dtype::DType;
use hyperslab::dtype::scalar::Scalar;
use hyperslab::op::elementwise::{ElementOp, Typing};
use hyperslab::op::reduction::{Params, REDUCTIONS};
use hyperslab::op::scan::SCANS;
use hyperslab::shape::slice::Item;
use hyperslab::{Array, Context, Error};
use std::fmt;

/// A small deterministic generator (splitmix64).
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }
}

/// What is done to the array so far.
#[derive(Debug, Clone)]
enum Step {
    Unary(ElementOp),
    Scalar(ElementOp, i64),
    WithSelf(ElementOp),
    WithMean(ElementOp, usize),
    Reduce(usize, usize, bool),
    Scan(usize, usize),
    Groups(usize, usize, u64),
    Anomaly(usize, u64),
    Gram,
    Slice(u64),
    Transpose,
    Flip(usize),
    Stack(usize),
    Rechunk(usize),
    Reshape(u64),
    NewAxis,
}

#[derive(Debug, Clone)]
pub struct Program {
    shape: Vec<usize>,
    dtype: DType,
    seed: u64,
    steps: Vec<Step>,
}

const DTYPES: [DType; 5] = [DType::F64, DType::F32, DType::I32, DType::U8, DType::F16];

fn safe_ops(arity: usize) -> Vec<ElementOp> {
    let exact = |op: &ElementOp| {
        op.arity() == arity
            && !matches!(op.typing(), Typing::Logical)
            && op.signature(&[DType::F64, DType::F64][..arity]).is_ok_and(|s| s.output != DType::Bool)
    };
    ElementOp::ALL.iter().copied().filter(exact).collect()
}

impl Program {
    pub fn random(rng: &mut Rng) -> Self {
        let rank = 1 + rng.below(3);
        let shape = (0..rank).map(|_| [1, 2, 3, 5, 8, 13, 40, 300][rng.below(8)]).collect::<Vec<_>>();
        let (unary, binary) = (safe_ops(1), safe_ops(2));
        let steps = (0..=rng.below(5))
            .map(|_| match rng.below(17) {
                0 | 1 => Step::Unary(unary[rng.below(unary.len())]),
                2 => Step::Scalar(binary[rng.below(binary.len())], 1 + rng.below(3) as i64),
                3 => Step::WithSelf(binary[rng.below(binary.len())]),
                4 => Step::WithMean(ElementOp::Subtract, rng.below(3)),
                5 => Step::Reduce(rng.below(REDUCTIONS.len()), rng.below(4), rng.below(2) == 0),
                6 => Step::Slice(rng.next()),
                7 => Step::Transpose,
                8 => Step::Flip(rng.below(3)),
                9 => Step::Stack(rng.below(3)),
                10 => Step::Rechunk(1 + rng.below(6)),
                11 => Step::Scan(rng.below(SCANS.len()), rng.below(3)),
                12 => Step::Groups(rng.below(REDUCTIONS.len()), rng.below(3), rng.next()),
                13 => Step::Anomaly(rng.below(3), rng.next()),
                14 => Step::Reshape(rng.next()),
                15 => Step::Gram,
                _ => Step::NewAxis,
            })
            .collect();
        Self { shape, dtype: DTYPES[rng.below(DTYPES.len())], seed: rng.next(), steps }
    }

    fn input(&self) -> Result<Array, Error> {
        let n: usize = self.shape.iter().product();
        let mut rng = Rng::new(self.seed);
        let values: Vec<f64> = (0..n).map(|_| (rng.below(2000) as f64 - 700.0) / 128.0).collect();
        let data = ndarray::ArrayD::from_shape_vec(self.shape.clone(), values).unwrap();
        Ok(Context::default().from_ndarray(data)?.into_dyn().astype(self.dtype))
    }

    /// The program over randomly chunked input.
    pub fn build(&self, rng: &mut Rng) -> Result<Array, Error> {
        let chunk: Vec<isize> = self.shape.iter().map(|&n| 1 + rng.below(n) as isize).collect();
        let mut x = self.input()?.try_rechunk(&chunk)?;
        for step in &self.steps {
            x = apply(&x, step, true)?;
        }
        Ok(x)
    }

    /// The program over one chunk.
    pub fn build_whole(&self) -> Result<Array, Error> {
        let mut x = self.input()?.try_rechunk(&vec![-1; self.shape.len()])?;
        for step in &self.steps {
            x = apply(&x, step, false)?;
        }
        Ok(x)
    }
}

/// One step; what does not fit the array leaves it as it is.
fn apply(x: &Array, step: &Step, chunked: bool) -> Result<Array, Error> {
    let rank = x.ndim();
    let axis = |a: usize| (rank > 0).then(|| isize::try_from(a % rank.max(1)).unwrap());
    Ok(match step {
        Step::Unary(op) => x.try_unary(*op).unwrap_or_else(|_| x.clone()),
        Step::Scalar(op, v) => x.try_binary(*op, Scalar::Int((*v).into())).unwrap_or_else(|_| x.clone()),
        Step::WithSelf(op) => x.try_binary(*op, x.flip(..)).unwrap_or_else(|_| x.clone()),
        Step::WithMean(op, a) => match axis(*a) {
            Some(a) => {
                let mean = x.try_reduce("mean", hyperslab::array::reduction::keep(a), Params::default())?;
                x.try_binary(*op, &mean).unwrap_or_else(|_| x.clone())
            }
            None => x.clone(),
        },
        Step::Reduce(which, a, keep) => {
            let name = REDUCTIONS[*which].name();
            let over: hyperslab::array::reduction::Over = match (axis(*a), *a) {
                (_, 3) | (None, _) => {
                    if *keep {
                        hyperslab::array::reduction::keep(..)
                    } else {
                        (..).into()
                    }
                }
                (Some(a), _) => {
                    if *keep {
                        hyperslab::array::reduction::keep(a)
                    } else {
                        a.into()
                    }
                }
            };
            if name.starts_with("nanarg") {
                return Ok(x.clone());
            }
            x.try_reduce(name, over, Params::default()).unwrap_or_else(|_| x.clone())
        }
        Step::Scan(which, a) => match axis(*a) {
            // Long products of what grows overflow in one order and not in another.
            Some(a) if !SCANS[*which].name.contains("prod") || !x.dtype().is_inexact() => {
                // Bits are of integers.
                x.try_scan(SCANS[*which].name, a, None).unwrap_or_else(|_| x.clone())
            }
            _ => x.clone(),
        },
        Step::Groups(which, a, seed) => match axis(*a) {
            Some(a) => {
                let groups = x.group_by(a, &labels(x.shape().known()?[a.unsigned_abs()], *seed))?;
                groups.reduce(REDUCTIONS[*which].name(), Params::default()).unwrap_or_else(|_| x.clone())
            }
            None => x.clone(),
        },
        Step::Anomaly(a, seed) => match axis(*a) {
            Some(a) => {
                let groups = x.group_by(a, &labels(x.shape().known()?[a.unsigned_abs()], *seed))?;
                let wide = groups.expand(&groups.mean())?;
                x.try_binary(ElementOp::Subtract, &wide).unwrap_or_else(|_| x.clone())
            }
            None => x.clone(),
        },
        // Squares of squares leave what narrow floats hold.
        Step::Gram if rank >= 2 && !matches!(x.dtype(), DType::F16 | DType::F32) => {
            let order: Vec<isize> = (0..rank - 2).chain([rank - 1, rank - 2]).map(usize::cast_signed).collect();
            x.try_matmul(&x.try_transpose(&order)?)?
        }
        Step::Gram => x.clone(),
        Step::Slice(bits) => {
            let mut rng = Rng::new(*bits);
            let items: Vec<Item> = (0..rank)
                .map(|_| match rng.below(4) {
                    0 => Item::from((.., -1)),
                    1 => Item::from((.., 2)),
                    2 => Item::from(1..),
                    _ => Item::from(..),
                })
                .collect();
            x.try_slice(items)?
        }
        Step::Transpose => x.t(),
        Step::Flip(a) => axis(*a).map_or_else(|| x.clone(), |a| x.flip(a)),
        Step::Stack(a) => axis(*a).map_or(Ok(x.clone()), |a| Array::concatenate(&[x.clone(), x * 2, x.clone()], a))?,
        Step::Rechunk(c) if chunked && x.shape().known()?.iter().all(|&n| n > 0) => {
            x.try_rechunk(&vec![isize::try_from(*c).unwrap(); rank])?
        }
        Step::Rechunk(_) => x.clone(),
        Step::Reshape(bits) => {
            let mut rng = Rng::new(*bits);
            let mut left: usize = x.shape().known()?.iter().product();
            let mut shape = Vec::new();
            for factor in [2, 3, 5, 4, 13].into_iter().filter(|_| rng.below(2) == 0) {
                if left > 0 && left.is_multiple_of(factor) {
                    left /= factor;
                    shape.push(isize::try_from(factor).unwrap());
                }
            }
            shape.insert(rng.below(shape.len() + 1), isize::try_from(left).unwrap());
            x.try_reshape(&shape)?
        }
        Step::NewAxis => x.expand_dims(0)?,
    })
}

/// Labels in runs, in turns or scattered.
fn labels(n: usize, seed: u64) -> Vec<usize> {
    let mut rng = Rng::new(seed);
    let (kind, groups) = (rng.below(3), 1 + rng.below(6));
    let mut label = |i: usize| match kind {
        0 => i / (1 + n / groups),
        1 => i % groups,
        _ => rng.below(groups),
    };
    (0..n).map(&mut label).collect()
}

/// Floats within a tolerance of the dtype, everything else exactly.
pub fn assert_close(a: &Block, b: &Block, what: &str) {
    assert_eq!((a.dtype(), a.shape()), (b.dtype(), b.shape()), "{what}");
    let (tolerance, half) = match a.dtype() {
        DType::F64 => (1e-9, false),
        DType::F32 => (1e-3, false),
        DType::F16 => (2e-2, true),
        _ => {
            assert_eq!(a.bytes(), b.bytes(), "{what}");
            return;
        }
    };
    let size = a.dtype().size();
    let value = |block: &Block, i: usize| Scalar::from_bytes(block.dtype(), &block.bytes()[i * size..]).to_f64();
    let scale = (0..a.size()).map(|i| value(b, i)).filter(|v| v.is_finite()).fold(0.0f64, |m, v| m.max(v.abs()));
    for i in 0..a.size() {
        let (x, y) = (value(a, i), value(b, i));
        let same = x == y || (x.is_nan() && y.is_nan());
        let near = (x - y).abs() <= tolerance * (1.0 + scale);
        assert!(same || near || half && !x.is_finite(), "{what}: element {i}: {x} and {y}");
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:?}", self.dtype, self.shape, self.steps)
    }
}
