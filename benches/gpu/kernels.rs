//! Kernels on resident data.

use super::{case, setting};
use hyperslab::chunk::tiling::{levels, tiling};
use hyperslab::chunk::{Region, auto};
use hyperslab::cuda::device::CudaDevice;
use hyperslab::device::block::{Block, Buffer};
use hyperslab::device::memory::Memory;
use hyperslab::device::{Device, Resident, Stream, View};
use hyperslab::dtype::DType;
use hyperslab::op::elementwise::ElementOp;
use hyperslab::op::kernel::{Kernel, Lanes, ReduceTiles, TilePart, TileReduce, TreeFold};
use hyperslab::op::program::Program;
use hyperslab::op::reduction::{Params, find};
use hyperslab::{ErrorKind, Result};

struct Bench {
    gpu: CudaDevice,
}

impl Bench {
    fn finish(&self) -> Result<()> {
        self.gpu.wait(self.gpu.record(Stream(0)))
    }

    fn case(&self, name: &str, work: (usize, usize), launch: &dyn Fn() -> Result<()>) {
        case(name, work, launch, &|| self.finish());
    }

    /// Resident elements of `dtype`: reproducible, in (-0.5, 0.5) or small integers.
    fn random(&self, dtype: DType, shape: &[usize], seed: u64) -> Result<Resident> {
        let n: usize = shape.iter().product();
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let values: Vec<f32> = (0..n.min(1 << 20))
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 40) as f32 / (1u32 << 24) as f32 - 0.5
            })
            .collect();
        let mut buffer = Buffer::zeroed(4 * n);
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
        for part in buffer.bytes_mut().chunks_mut(bytes.len().max(1)) {
            part.copy_from_slice(&bytes[..part.len()]);
        }
        let raw = self.gpu.upload(Stream(0), &Block::new(DType::F32, shape, buffer)?)?;
        if dtype == DType::F32 {
            return Ok(raw);
        }
        let mut p = Program::default();
        let x = p.input(DType::F32);
        let scale = p.constant(if dtype.is_inexact() { 1.0 } else { 100.0 }, DType::F32);
        let scaled = p.op(ElementOp::Multiply, &[x, scale])?;
        let y = p.cast(scaled, dtype);
        p.outputs.push(y);
        let view = plain(&raw, shape);
        let mut made = self.gpu.launch(Stream(0), &Kernel::Elementwise(p), &Region::full(shape), &[view])?;
        self.finish()?;
        made.pop().ok_or_else(|| ErrorKind::Bug { invariant: "a program has an output".into() }.into())
    }

    fn elementwise(&self, name: &str, bytes: usize, program: Program, shape: &[usize], views: &[View<Resident>]) {
        let kernel = Kernel::Elementwise(program);
        let region = Region::full(shape);
        self.case(name, (bytes, 0), &|| self.gpu.launch(Stream(0), &kernel, &region, views).map(drop));
    }

    /// A reduction of `f32` in the tiles that an array of this shape has, and the folds of their states.
    fn reduction(
        &self,
        name: &str,
        what: &str,
        shape: &[usize],
        reduced: &[bool],
        view: &View<Resident>,
    ) -> Result<()> {
        let n: usize = shape.iter().product();
        let count = shape.iter().zip(reduced).filter(|(_, r)| **r).map(|(n, _)| n).product();
        let known = || ErrorKind::Bug { invariant: "a known reduction".into() };
        let reducer = find(name).ok_or_else(known)?.reducer(DType::F32, &Params { count, ..Params::default() })?;
        let combine = reducer.combine.clone();
        let part = TilePart { value: 0, reducer: reducer.into(), reduced: reduced.to_vec(), lanes: Lanes::Elements };
        let tile = TileReduce { map: Program::identity(DType::F32), space: shape.to_vec(), parts: vec![part] };
        let region = Region::full(shape);
        let mut all = ReduceTiles { tile, tiles: tiling(&auto::auto(shape, 4), reduced), finish: false };
        let (tiles, kept) = (all.count(&region), n / count);
        all.finish = tiles == 1;
        let kernel = Kernel::Tiles(all);
        let join = Kernel::Fold(TreeFold { combine, levels: levels(tiles) });
        let results = kept * tiles * join.outputs().iter().map(|d| d.size()).sum::<usize>();
        let results = if tiles == 1 { 4 * kept } else { results };
        self.case(&format!("{name}_{what}_f32"), (4 * n + results, n), &|| {
            let states = self.gpu.launch(Stream(0), &kernel, &region, std::slice::from_ref(view))?;
            if tiles > 1 {
                let shape = [tiles, kept];
                let views: Vec<View<Resident>> = states.iter().map(|s| plain(s, &shape)).collect();
                self.gpu.launch(Stream(0), &join, &Region::full(&shape), &views)?;
            }
            Ok(())
        });
        Ok(())
    }
}

fn plain(data: &Resident, shape: &[usize]) -> View<Resident> {
    let mut strides = vec![1isize; shape.len()];
    for a in (1..shape.len()).rev() {
        strides[a - 1] = strides[a] * shape[a] as isize;
    }
    View { block: data.clone(), offset: 0, strides }
}

fn unary(op: ElementOp, dtype: DType) -> Result<Program> {
    let mut p = Program::default();
    let x = p.input(dtype);
    let y = p.op(op, &[x])?;
    p.outputs.push(y);
    Ok(p)
}

fn binary(op: ElementOp, dtype: DType) -> Result<Program> {
    let mut p = Program::default();
    let (x, y) = (p.input(dtype), p.input(dtype));
    let z = p.op(op, &[x, y])?;
    p.outputs.push(z);
    Ok(p)
}

/// `a x + y`.
fn axpy(dtype: DType) -> Result<Program> {
    let mut p = Program::default();
    let (x, y, a) = (p.input(dtype), p.input(dtype), p.constant(0.5, dtype));
    let ax = p.op(ElementOp::Multiply, &[a, x])?;
    let z = p.op(ElementOp::Add, &[ax, y])?;
    p.outputs.push(z);
    Ok(p)
}

/// `2 tanh(a b + c)`.
fn fused(dtype: DType) -> Result<Program> {
    let mut p = Program::default();
    let (a, b, c, two) = (p.input(dtype), p.input(dtype), p.input(dtype), p.constant(2.0, dtype));
    let ab = p.op(ElementOp::Multiply, &[a, b])?;
    let sum = p.op(ElementOp::Add, &[ab, c])?;
    let t = p.op(ElementOp::Tanh, &[sum])?;
    let z = p.op(ElementOp::Multiply, &[t, two])?;
    p.outputs.push(z);
    Ok(p)
}

/// Times a product of matrices of side `g`.
fn gemm(bench: &Bench, g: usize, name: &str, dtype: DType) -> Result<()> {
    let (a, b) = (bench.random(dtype, &[g, g], 7)?, bench.random(dtype, &[g, g], 8)?);
    bench.case(&format!("gemm_{name}"), (3 * g * g * dtype.size(), 2 * g * g * g), &|| {
        bench.gpu.gemm(Stream(0), &a, &b).map(drop)
    });
    Ok(())
}

/// Times kernels over `n` elements.
pub(crate) fn run(n: usize) -> Result<()> {
    let bench = &Bench { gpu: CudaDevice::new(0)? };
    let side = 1usize << (n.ilog2() / 2);
    let square = [side, n / side];
    let flat = [n];
    let x = bench.random(DType::F32, &flat, 1)?;
    let y = bench.random(DType::F32, &flat, 2)?;
    let z = bench.random(DType::F32, &flat, 3)?;
    let of = |r: &Resident| plain(r, &flat);
    bench.elementwise("copy_f32", 8 * n, Program::identity(DType::F32), &flat, &[of(&x)]);
    bench.elementwise("exp_f32", 8 * n, unary(ElementOp::Exp, DType::F32)?, &flat, &[of(&x)]);
    bench.elementwise("saxpy_f32", 12 * n, axpy(DType::F32)?, &flat, &[of(&x), of(&y)]);
    bench.elementwise("fused_tanh_f32", 16 * n, fused(DType::F32)?, &flat, &[of(&x), of(&y), of(&z)]);
    let rows = View { block: y.clone(), offset: 0, strides: vec![0, 1] };
    let columns = View { block: y.clone(), offset: 0, strides: vec![1, 0] };
    let grid = plain(&x, &square);
    bench.elementwise("add_row_f32", 8 * n, binary(ElementOp::Add, DType::F32)?, &square, &[grid.clone(), rows]);
    bench.elementwise("add_column_f32", 8 * n, binary(ElementOp::Add, DType::F32)?, &square, &[grid.clone(), columns]);
    let turned = View { block: x.clone(), offset: 0, strides: vec![1, side as isize] };
    bench.elementwise("transpose_f32", 8 * n, Program::identity(DType::F32), &square, std::slice::from_ref(&turned));
    bench.elementwise(
        "add_transposed_f32",
        12 * n,
        binary(ElementOp::Add, DType::F32)?,
        &square,
        &[grid.clone(), turned],
    );
    let reversed = View { block: x.clone(), offset: n - 1, strides: vec![-1] };
    bench.elementwise("flip_f32", 8 * n, Program::identity(DType::F32), &flat, &[reversed]);
    for (name, dtype) in [("bf16", DType::BF16), ("f16", DType::F16)] {
        let half = [bench.random(dtype, &flat, 1)?, bench.random(dtype, &flat, 2)?, bench.random(dtype, &flat, 3)?];
        let views: Vec<_> = half.iter().map(of).collect();
        bench.elementwise(&format!("fused_tanh_{name}"), 8 * n, fused(dtype)?, &flat, &views);
    }
    let bytes = bench.random(DType::U8, &flat, 5)?;
    let turned = View { block: bytes.clone(), offset: 0, strides: vec![1, side as isize] };
    bench.elementwise("transpose_u8", 2 * n, Program::identity(DType::U8), &square, &[turned]);
    bench.elementwise("invert_u8", 2 * n, unary(ElementOp::Invert, DType::U8)?, &flat, &[of(&bytes)]);
    let mut cast = Program::default();
    let v = cast.input(DType::U8);
    let v = cast.cast(v, DType::F32);
    cast.outputs.push(v);
    bench.elementwise("cast_u8_f32", 5 * n, cast, &flat, &[of(&bytes)]);
    let doubles = bench.random(DType::F64, &[n / 2], 6)?;
    bench.elementwise("exp_f64", 8 * n, unary(ElementOp::Exp, DType::F64)?, &[n / 2], &[plain(&doubles, &[n / 2])]);
    for name in ["sum", "max", "argmax", "any", "var"] {
        bench.reduction(name, "all", &flat, &[true], &of(&x))?;
    }
    let stacked = [side / 64, 64 * (n / side / 1024).max(1), (n / side).min(1024)];
    for name in ["sum", "argmax", "var"] {
        bench.reduction(name, "rows", &square, &[false, true], &plain(&x, &square))?;
        bench.reduction(name, "columns", &square, &[true, false], &plain(&x, &square))?;
    }
    bench.reduction("sum", "middle", &stacked, &[false, true, false], &plain(&x, &stacked))?;
    bench.reduction("sum", "outer_inner", &stacked, &[true, false, true], &plain(&x, &stacked))?;
    let (thin, flat4) = ([n / 4, 4], [4, n / 4]);
    bench.reduction("sum", "last_of_4", &thin, &[false, true], &plain(&x, &thin))?;
    bench.reduction("sum", "first_of_4", &flat4, &[true, false], &plain(&x, &flat4))?;
    bench.reduction("sum", "4_columns", &thin, &[true, false], &plain(&x, &thin))?;
    let g = setting("BENCH_GEMM", 8192);
    // In the order of `reference.py`: the clock follows what ran before.
    gemm(bench, g, "f32", DType::F32)?;
    gemm(&Bench { gpu: CudaDevice::new(0)?.tf32(true) }, g, "tf32", DType::F32)?;
    for (name, dtype) in [("bf16", DType::BF16), ("f16", DType::F16), ("f64", DType::F64)] {
        gemm(bench, g, name, dtype)?;
    }
    let m = (n / 4).min(1 << 26);
    let memory = Memory::new(4 << 30);
    bench.gpu.attach(&memory);
    let host = Block::new(DType::F32, &[m], memory.buffer(4 * m))?;
    bench.case("h2d_pinned", (4 * m, 0), &|| bench.gpu.upload(Stream(0), &host).map(drop));
    let there = bench.gpu.upload(Stream(0), &host)?;
    bench.case("d2h_pinned", (4 * m, 0), &|| {
        let pending = bench.gpu.download(Stream(0), &there)?;
        bench.finish()?;
        (pending.0)().map(drop)
    });
    Ok(())
}
