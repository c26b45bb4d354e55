//! The CUDA device against the CPU, where there is a driver: round trips, streams, faults of the arguments, matrix
//! products. Skipped, saying so, where there is none; the same tests run on a GPU and on a stand-in for its driver.

use super::corpus::{fused, of_reduction, of_select};
use super::values;
use hyperslab::chunk::Region;
use hyperslab::cpu::device::CpuDevice;
use hyperslab::cuda::device::CudaDevice;
use hyperslab::device::block::Block;
use hyperslab::device::memory::Memory;
use hyperslab::device::{Device, Resident, Stream, View, run};
use hyperslab::dtype::DType;
use hyperslab::op::elementwise::Agreement;
use hyperslab::op::kernel::Kernel;
use hyperslab::op::program::Program;
use hyperslab::op::reduction::REDUCTIONS;

pub(crate) fn gpu() -> Option<CudaDevice> {
    let found = CudaDevice::new(0).map_err(|why| eprintln!("skipped: {why}"));
    found.ok()
}

/// What the CPU gives.
pub(crate) fn expected(kernel: &Kernel, region: &Region, views: &[View]) -> Vec<Block> {
    CpuDevice::new(Memory::new(1 << 30)).execute(kernel, region, views).unwrap()
}

fn same(kernel: &Kernel, given: &[Block], wanted: &[Block]) {
    for (a, b) in given.iter().zip(wanted) {
        assert_eq!((a.dtype(), a.shape()), (b.dtype(), b.shape()), "{kernel}");
        let difference = values::difference(a.dtype(), a.bytes(), b.bytes(), Agreement::Ulp(16));
        assert_eq!(difference, None, "{kernel}");
    }
}

#[test]
fn fused_programs_and_views_give_what_the_cpu_gives() {
    let Some(gpu) = gpu() else { return };
    for (_, program) in fused() {
        let dtypes = program.inputs.clone();
        let kernel = Kernel::Elementwise(program);
        assert!(gpu.supports(&kernel));
        let blocks = |shape: &[usize]| -> Vec<Block> {
            dtypes.iter().enumerate().map(|(i, &d)| values::ordinary(d, shape, i as u64)).collect()
        };
        let whole: Vec<View> = blocks(&[7, 31]).into_iter().map(View::whole).collect();
        let shape = Region::full(&[7, 31]);
        same(&kernel, &run(&gpu, Stream(0), &kernel, &shape, &whole).unwrap(), &expected(&kernel, &shape, &whole));
        let flipped: Vec<View> =
            blocks(&[7, 31]).into_iter().map(|block| View { block, offset: 30, strides: vec![31, -1] }).collect();
        same(&kernel, &run(&gpu, Stream(1), &kernel, &shape, &flipped).unwrap(), &expected(&kernel, &shape, &flipped));
        let empty = Region::full(&[0, 3]);
        let none: Vec<View> = blocks(&[0, 3]).into_iter().map(View::whole).collect();
        assert_eq!(run(&gpu, Stream(0), &kernel, &empty, &none).unwrap()[0].size(), 0);
    }
}

#[test]
fn reductions_give_what_the_cpu_gives_twice_the_same() {
    let Some(gpu) = gpu() else { return };
    for name in ["sum", "min", "nanmax", "any", "count_nonzero", "mean", "argmax", "nanargmin"] {
        let reduction = *REDUCTIONS.iter().find(|r| r.name() == name).unwrap();
        for dtype in [DType::U8, DType::F32, DType::F16] {
            let tile = of_reduction(reduction, Program::identity(dtype), &[9000]).unwrap();
            let kernel = Kernel::Reduce(tile);
            let region = Region::new(vec![11], vec![8500]);
            let views = [View::whole(values::ordinary(dtype, &[8500], 5))];
            let first =
                run(&gpu, Stream(0), &kernel, &region, &views).unwrap_or_else(|e| panic!("{name} {dtype}: {e}"));
            same(&kernel, &first, &expected(&kernel, &region, &views));
            let again = run(&gpu, Stream(1), &kernel, &region, &views).unwrap();
            assert_eq!(first[0].bytes(), again[0].bytes());
        }
    }
}

#[test]
fn data_travels_between_streams_in_order_and_is_freed_after_its_last_use() {
    let Some(gpu) = gpu() else { return };
    let program = of_select(DType::F64);
    let kernel = Kernel::Elementwise(program.clone());
    let region = Region::full(&[1000]);
    let host: Vec<Block> = program.inputs.iter().map(|&d| values::ordinary(d, &[1000], 9)).collect();
    let views: Vec<View> = host.iter().cloned().map(View::whole).collect();
    let wanted = expected(&kernel, &region, &views);
    for _ in 0..5 {
        let resident: Vec<Resident> = host.iter().map(|b| gpu.upload(Stream(2), b).unwrap()).collect();
        gpu.order(Stream(0), gpu.record(Stream(2)));
        let inputs: Vec<View<Resident>> =
            resident.iter().map(|r| View { block: r.clone(), offset: 0, strides: vec![1] }).collect();
        let outputs = gpu.launch(Stream(0), &kernel, &region, &inputs).unwrap();
        drop((resident, inputs));
        gpu.order(Stream(3), gpu.record(Stream(0)));
        let pending = gpu.download(Stream(3), &outputs[0]).unwrap();
        drop(outputs);
        gpu.wait(gpu.record(Stream(3))).unwrap();
        same(&kernel, &[(pending.0)().unwrap()], &wanted);
    }
    let outside = View { block: gpu.upload(Stream(0), &host[1]).unwrap(), offset: 1, strides: vec![1] };
    let copy = Kernel::Elementwise(Program::identity(DType::F64));
    assert!(gpu.launch(Stream(0), &copy, &region, &[outside]).is_err());
}

#[test]
fn matrices_multiply() {
    let Some(gpu) = gpu() else { return };
    let (m, n, k) = (13, 7, 19);
    let a: Vec<f64> = (0..m * k).map(|i| (i % 11) as f64 - 5.0).collect();
    let b: Vec<f64> = (0..k * n).map(|i| (i % 7) as f64 - 3.0).collect();
    let wanted: Vec<f64> =
        (0..m * n).map(|i| (0..k).map(|l| a[i / n * k + l] * b[l * n + i % n]).sum::<f64>()).collect();
    let (a, b) = (Block::from_vec(a, &[m, k]).unwrap(), Block::from_vec(b, &[k, n]).unwrap());
    match gpu.matmul(&a, &b) {
        Ok(c) => assert_eq!((c.shape(), c.values::<f64>().unwrap()), ([m, n].as_slice(), wanted.as_slice())),
        Err(why) => assert!(why.to_string().contains("no cuBLAS"), "{why}"),
    }
    let refused = gpu.matmul(&b, &b).unwrap_err().to_string();
    assert_eq!(refused, "matmul: (19, 7) and (19, 7) do not multiply");
}

#[test]
fn blocks_are_put_together_on_the_device() {
    let Some(gpu) = gpu() else { return };
    for dtype in [DType::U8, DType::F16, DType::F32, DType::C128] {
        let (left, right) = (values::ordinary(dtype, &[6, 8], 1), values::ordinary(dtype, &[7, 6], 2));
        let canvas = gpu.canvas(Stream(1), dtype, &[6, 15]).unwrap().unwrap();
        let [a, b] = [&left, &right].map(|block| gpu.upload(Stream(1), block).unwrap());
        let to = |offset: usize| View { block: canvas.clone(), offset, strides: vec![15, 1] };
        let from =
            |block: &Resident, strides: [isize; 2]| View { block: block.clone(), offset: 0, strides: strides.to_vec() };
        gpu.place(Stream(1), &from(&a, [8, 1]), &to(0), &[6, 8]).unwrap();
        gpu.place(Stream(1), &from(&b, [1, 6]), &to(8), &[6, 7]).unwrap();
        let outside = gpu.place(Stream(1), &from(&a, [8, 1]), &to(8), &[6, 8]).unwrap_err().to_string();
        assert!(outside.contains("stays inside its block"), "{outside}");
        let pending = gpu.download(Stream(1), &canvas).unwrap();
        gpu.wait(gpu.record(Stream(1))).unwrap();
        let (given, size) = ((pending.0)().unwrap(), dtype.size());
        for (row, line) in given.bytes().chunks(15 * size).enumerate() {
            assert_eq!(line[..8 * size], left.bytes()[8 * row * size..][..8 * size]);
            for (k, element) in line[8 * size..].chunks(size).enumerate() {
                assert_eq!(*element, right.bytes()[(6 * k + row) * size..][..size]);
            }
        }
    }
}
