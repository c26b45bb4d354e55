//! Random expressions over three stored arrays.

use crate::faults::Fault;
use hyperslab::array::blocks::BlockFn;
use hyperslab::array::reduction::keep;
use hyperslab::op::elementwise::ElementOp;
use hyperslab::op::reduction::Params;
use hyperslab::store::Create;
use hyperslab::{Array, Context, Error};
use std::fmt;
use std::path::Path;

/// The shape of every input: 32 MiB as 32-bit floats.
const SHAPE: [usize; 3] = [128, 256, 256];

/// Name, chunks and compression of the inputs.
const INPUTS: [(&str, [usize; 3], &str); 3] =
    [("slabs", [2, 256, 256], "zstd"), ("columns", [128, 16, 32], "blosc-lz4"), ("cubes", [32, 48, 40], "none")];

/// A small deterministic generator (splitmix64).
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x5851_f42d))
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % n as u64).unwrap()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Unary(ElementOp),
    With(usize, ElementOp),
    Anomaly(usize),
    Score(usize),
    ByGroup(usize),
    Scan(usize),
    Order(usize),
    Flip(usize),
    Half(usize),
    Rechunk(Vec<isize>),
    Merge,
    Blocks,
    Reduce(&'static str, usize),
}

/// An expression and what goes wrong while it is computed.
#[derive(Debug, Clone)]
pub struct Case {
    pub seed: u64,
    pub fault: Fault,
    first: usize,
    steps: Vec<Step>,
}

impl Case {
    pub fn random(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let fault = [Fault::None, Fault::None, Fault::Passing, Fault::Unreadable, Fault::Panicking][rng.below(5)];
        let first = rng.below(3);
        let mut steps: Vec<Step> = (0..1 + rng.below(4)).map(|_| step(&mut rng)).collect();
        if rng.below(3) == 0 {
            let name = ["sum", "mean", "std", "max", "argmin", "count_nonzero"][rng.below(6)];
            steps.push(Step::Reduce(name, rng.below(3)));
        }
        Self { seed, fault, first, steps }
    }

    /// The expression, over inputs in `folder`.
    pub fn build(&self, cx: &Context, folder: &Path) -> Result<Array, Error> {
        let input = |i: usize| cx.open(folder.join("inputs.zarr").join(INPUTS[i].0));
        let mut x = input(self.first)?;
        for step in &self.steps {
            x = apply(&x, step, &input)?;
        }
        Ok(x)
    }

    /// Chunks of about 128 KiB for the answer, long along a random axis.
    pub fn chunks(&self, shape: &[usize], itemsize: usize) -> Vec<usize> {
        let mut rng = Rng::new(self.seed ^ 0xc0ff_ee00);
        let mut room = (128 << 10) / itemsize;
        let mut chunk = vec![1; shape.len()];
        let first = rng.below(shape.len().max(1));
        for a in (first..shape.len()).chain(0..first) {
            chunk[a] = shape[a].clamp(1, room.max(1));
            room /= chunk[a];
        }
        chunk
    }
}

fn step(rng: &mut Rng) -> Step {
    match rng.below(13) {
        0 => Step::Unary([ElementOp::Sqrt, ElementOp::Tanh, ElementOp::Negative, ElementOp::Floor][rng.below(4)]),
        1 => Step::With(rng.below(3), [ElementOp::Add, ElementOp::Multiply, ElementOp::Maximum][rng.below(3)]),
        2 => Step::Anomaly(rng.below(3)),
        3 => Step::Score(rng.below(3)),
        4 => Step::ByGroup(rng.below(3)),
        5 => Step::Scan(rng.below(3)),
        6 | 7 => Step::Order(rng.below(6)),
        8 => Step::Flip(rng.below(3)),
        9 => Step::Half(rng.below(3)),
        10 => Step::Rechunk((0..3).map(|_| [-1, 7, 16, 64][rng.below(4)]).collect()),
        11 => Step::Merge,
        _ => Step::Blocks,
    }
}

/// One step; what does not fit the array leaves it as it is.
fn apply(x: &Array, step: &Step, input: &dyn Fn(usize) -> Result<Array, Error>) -> Result<Array, Error> {
    let axis = |a: &usize| (a % x.ndim().max(1)).cast_signed();
    Ok(match step {
        Step::Unary(op) => x.try_unary(*op)?,
        Step::With(i, op) => x.try_binary(*op, &input(*i)?).unwrap_or_else(|_| x.clone()),
        Step::Anomaly(a) => x - &x.try_reduce("mean", keep(axis(a)), Params::default())?,
        Step::Score(a) => {
            let reduce = |name| x.try_reduce(name, keep(axis(a)), Params::default());
            &(x - &reduce("mean")?) / &reduce("std")?
        }
        Step::ByGroup(a) => {
            let length = x.shape().known()?[axis(a).unsigned_abs()];
            let labels: Vec<u32> = (0..length).map(|i| u32::try_from(i % 4).unwrap()).collect();
            let groups = x.group_by(axis(a), &labels)?;
            x - &groups.expand(&groups.reduce("mean", Params::default())?)?
        }
        Step::Scan(a) => x.try_scan("cumsum", axis(a), None)?,
        Step::Order(k) if x.ndim() == 3 => {
            let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
            x.try_transpose(&orders[*k])?
        }
        Step::Flip(a) => x.flip(axis(a)),
        Step::Half(a) => {
            let half = x.shape().known()?[axis(a).unsigned_abs()].cast_signed() / 2;
            let mut items: Vec<hyperslab::shape::slice::Item> = vec![(..).into(); x.ndim()];
            items[axis(a).unsigned_abs()] = (0..half.max(1)).into();
            x.try_slice(items)?
        }
        Step::Rechunk(chunk) if x.ndim() == 3 => x.try_rechunk(chunk)?,
        Step::Merge if x.ndim() == 3 => {
            let shape = x.shape().known()?;
            x.try_reshape(&[shape[0].cast_signed(), -1])?
        }
        Step::Blocks => {
            let chunk: Vec<isize> = x.shape().known()?.iter().map(|n| (n / 4).max(1).cast_signed()).collect();
            let x = x.astype(hyperslab::dtype::DType::F32).try_typed::<f32>()?.try_rechunk(&chunk)?;
            x.map_blocks::<f32>(&BlockFn::named("halves", |b| &b * 0.5)).into_dyn()
        }
        Step::Reduce(name, a) => x.try_reduce(name, axis(a), Params::default())?,
        Step::Order(_) | Step::Rechunk(_) | Step::Merge => x.clone(),
    })
}

/// Writes the inputs.
pub fn write_inputs(cx: &Context, folder: &Path) {
    let n = SHAPE.iter().product();
    for (i, (name, chunk, codec)) in INPUTS.iter().enumerate() {
        let factor = [2_654_435_761_i64, 40_503, 97][i];
        let noise = &(&cx.arange(n).unwrap().into_dyn() * factor) % 1009;
        let field = (&noise.astype(hyperslab::dtype::DType::F32) / 64.0_f32).reshape(&[128, 256, 256]);
        let how = Create::new().chunks(*chunk).codec(*codec);
        cx.compute(field.store(folder.join("inputs.zarr").join(name), how)).unwrap();
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} then {:?}", INPUTS[self.first].0, self.steps)
    }
}
