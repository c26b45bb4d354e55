//! Every kernel of the corpus on a GPU, or a stand-in for its driver, against the CPU's kernels. Skipped, saying so,
//! where there is none.

use super::corpus::{fused, of_reduction, of_select, programs, reductions};
use super::device::{expected, gpu};
use super::values;
use hyperslab::chunk::{AxisChunks, Chunks, Region};
use hyperslab::cuda::device::CudaDevice;
use hyperslab::device::block::Block;
use hyperslab::device::{Device, Stream, View, run};
use hyperslab::dtype::{DType, Kind};
use hyperslab::op::elementwise::{Agreement, ElementOp};
use hyperslab::op::kernel::{Kernel, ReduceTiles, TileReduce, TreeFold};
use hyperslab::op::program::{Inst, Program};
use hyperslab::op::reduction::REDUCTIONS;

/// The loosest agreement of the operations of a program.
fn agreement(program: &Program) -> Agreement {
    let ulps = program.insts.iter().filter_map(|i| match i {
        // Their absolute value rounds, and a power multiplies the error of a logarithm by what is raised to.
        Inst::Op(ElementOp::Sign, dtype, _) if dtype.is_complex() => Some(4),
        Inst::Op(ElementOp::Power, dtype, _) if dtype.is_complex() => Some(1 << 8),
        Inst::Op(op, ..) => match op.agreement() {
            Agreement::Ulp(n) => Some(n),
            Agreement::Exact => None,
        },
        _ => None,
    });
    ulps.max().map_or(Agreement::Exact, Agreement::Ulp)
}

/// What differs between the device and the CPU.
fn differences(
    gpu: &CudaDevice,
    kernel: &Kernel,
    region: &Region,
    views: &[View],
    agreement: Agreement,
) -> Option<String> {
    differences_of_each(gpu, kernel, region, views, &[agreement])
}

/// The same, where each output has an agreement of its own; the last one holds for those that follow.
fn differences_of_each(
    gpu: &CudaDevice,
    kernel: &Kernel,
    region: &Region,
    views: &[View],
    agreements: &[Agreement],
) -> Option<String> {
    let given = match run(gpu, Stream(0), kernel, region, views) {
        Ok(blocks) => blocks,
        Err(why) => return Some(format!("{kernel}: {why}")),
    };
    let wanted = expected(kernel, region, views);
    given.iter().zip(&wanted).enumerate().find_map(|(i, (a, b))| {
        assert_eq!((a.dtype(), a.shape()), (b.dtype(), b.shape()), "{kernel}");
        let agreement = agreements[i.min(agreements.len() - 1)];
        let why = values::difference(a.dtype(), a.bytes(), b.bytes(), agreement)?;
        Some(format!("{kernel} output {i} over {region}: {why}"))
    })
}

/// Programs of one output over the same inputs as one of several outputs: a kernel costs more to compile than an
/// operation.
struct Together {
    program: Program,
    labels: Vec<String>,
    agreements: Vec<Agreement>,
}

/// Outputs of one kernel. More of them would narrow its accesses.
const OUTPUTS: usize = 4;

/// All elementwise programs, those of one output with their like.
fn together() -> Vec<Together> {
    let mut out: Vec<Together> = Vec::new();
    for (label, program) in programs() {
        let agreement = agreement(&program);
        let fits = |t: &&mut Together| {
            t.program.inputs == program.inputs && t.program.outputs.len() < OUTPUTS && program.outputs.len() == 1
        };
        let Some(with) = out.iter_mut().skip(fused().len()).find(fits) else {
            let agreements = vec![agreement; program.outputs.len()];
            let labels = vec![label; program.outputs.len()];
            out.push(Together { program, labels, agreements });
            continue;
        };
        let args: Vec<usize> = (0..program.inputs.len()).map(|i| input(&with.program, i)).collect();
        let outputs = with.program.inline(&program, &args);
        with.program.outputs.extend(outputs);
        with.labels.push(label);
        with.agreements.push(agreement);
    }
    out
}

/// The value that is input `i` of `program`.
fn input(program: &Program, i: usize) -> usize {
    program.insts.iter().position(|inst| *inst == Inst::Input(i)).unwrap()
}

#[test]
fn elementwise_kernels_give_what_the_cpu_gives() {
    let Some(gpu) = gpu() else { return };
    let mut failures = Vec::new();
    let (mut ran, all) = (0, programs().len());
    for Together { program, labels, agreements } in together() {
        let views: Vec<View> = values::special(&program.inputs).into_iter().map(View::whole).collect();
        let n = views.first().map_or(5, |v| v.block.size());
        let (kernel, region) = (Kernel::Elementwise(program), Region::full(&[n]));
        assert!(gpu.supports(&kernel), "{kernel}");
        let why = differences_of_each(&gpu, &kernel, &region, &views, &agreements);
        failures.extend(why.map(|why| format!("{}: {why}", labels.join(", "))));
        let mut labels = labels;
        labels.dedup();
        ran += labels.len();
    }
    assert_eq!(ran, all);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn views_are_read_where_the_cpu_reads() {
    let Some(gpu) = gpu() else { return };
    let mut failures = Vec::new();
    for dtype in DType::ALL {
        let program = of_select(dtype);
        let views = |size: usize, strides: [&[isize]; 3], offset: usize| -> Vec<View> {
            let each = program.inputs.iter().zip(strides).enumerate();
            each.map(|(i, (&d, strides))| View {
                block: values::ordinary(d, &[size], i as u64),
                offset,
                strides: strides.to_vec(),
            })
            .collect()
        };
        let sets: [(&[usize], Vec<View>); 8] = [
            (&[4, 6, 10], views(240, [&[60, 10, 1], &[0, 10, 1], &[0, 0, 0]], 0)),
            (&[6, 4, 10], views(240, [&[10, 60, 1], &[10, 60, 1], &[0, 60, 1]], 0)),
            (&[4, 6, 10], views(240, [&[-60, -10, -1], &[-60, -10, -1], &[0, -10, -1]], 239)),
            (&[3, 6, 5], views(240, [&[60, 10, 2], &[60, 10, 2], &[60, 10, 1]], 3)),
            (&[5, 32], views(160, [&[32, 1], &[0, 1], &[1, 0]], 0)),
            (&[70, 45], views(3150, [&[45, 1], &[1, 70], &[1, 70]], 0)),
            (&[33, 3, 40], views(3960, [&[120, 40, 1], &[1, 33, 99], &[0, 0, 1]], 0)),
            (&[3, 40, 50], views(6000, [&[2000, 50, 1], &[2000, 1, 40], &[0, 1, 40]], 0)),
        ];
        for (dims, views) in sets {
            let kernel = Kernel::Elementwise(program.clone());
            failures.extend(differences(&gpu, &kernel, &Region::full(dims), &views, Agreement::Exact));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The tiles of a space of shape `space` where `reduced` axes are cut every `length` elements.
fn tiles(mut tile: TileReduce, space: &[usize], reduced: &[bool], length: usize) -> ReduceTiles {
    tile.space = space.to_vec();
    for part in &mut tile.parts {
        part.reduced = reduced.to_vec();
    }
    let cut = |(&n, &r): (&usize, &bool)| AxisChunks::regular(n, if r { length.min(n) } else { n });
    ReduceTiles { tile, tiles: Chunks::new(space.iter().zip(reduced).map(cut).collect()), finish: false }
}

/// Sums go in another order than the CPU's; states are f64 or exact.
const SUMS: Agreement = Agreement::Ulp(64);

/// Reproducible values whose sums do not cancel.
fn summands(dtype: DType, shape: &[usize], seed: u64) -> Block {
    let block = values::ordinary(dtype, shape, seed);
    if !matches!(dtype.kind(), Kind::Float) {
        return block;
    }
    let mut absolute = Program::default();
    let x = absolute.input(dtype);
    let y = absolute.op(ElementOp::Absolute, &[x]).unwrap();
    absolute.outputs.push(y);
    expected(&Kernel::Elementwise(absolute), &Region::full(shape), &[View::whole(block)]).remove(0)
}

#[test]
fn reductions_of_every_dtype_give_what_the_cpu_gives() {
    let Some(gpu) = gpu() else { return };
    let mut failures = Vec::new();
    for (serial, (label, tile)) in reductions().into_iter().enumerate() {
        // Either axis of a dtype is the reduced one of some reduction; of f32, both of each.
        let both = label.contains("float32") || label.ends_with("a map");
        let axes = [[true, false], [false, true]];
        for reduced in axes.into_iter().enumerate().filter(|(i, _)| both || *i == serial % 2).map(|(_, axes)| axes) {
            let all = tiles(tile.clone(), &[90, 50], &reduced, 40);
            let views: Vec<View> = (all.tile.map.inputs.iter().enumerate())
                .map(|(i, &dtype)| View::whole(summands(dtype, &[90, 50], i as u64)))
                .collect();
            let kernel = Kernel::Tiles(all);
            // Elementary functions agree to some units of their own precision, which is that of f32 here.
            let sums = if label.ends_with("a map") { Agreement::Ulp(1 << 31) } else { SUMS };
            let why = differences(&gpu, &kernel, &Region::full(&[90, 50]), &views, sums);
            failures.extend(why.map(|why| format!("{label}: {why}")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn reductions_over_any_axes_give_what_the_cpu_gives() {
    let Some(gpu) = gpu() else { return };
    let mut failures = Vec::new();
    let space = [37, 6, 300];
    for name in ["sum", "var", "argmax", "nanmean", "any", "ptp"] {
        let reduction = *REDUCTIONS.iter().find(|r| r.name() == name).unwrap();
        let tile = of_reduction(reduction, Program::identity(DType::F32), &space).unwrap();
        for mask in 1..8usize {
            let reduced: Vec<bool> = (0..3).map(|a| mask >> a & 1 == 1).collect();
            if !reduction.many_axes() && reduced.iter().filter(|r| **r).count() != 1 {
                continue;
            }
            for length in [7, 64, 1000] {
                let mut all = tiles(tile.clone(), &space, &reduced, length);
                all.finish = length == 1000;
                let (start, end) = ([0, 2, 0], [37, 5, 300]);
                let region = Region::new(
                    (0..3).map(|a| if reduced[a] { 0 } else { start[a] }).collect(),
                    (0..3).map(|a| if reduced[a] { space[a] } else { end[a] - start[a] }).collect(),
                );
                let block = summands(DType::F32, &region.shape, 3);
                let whole = View::whole(block.clone());
                let kernel = Kernel::Tiles(all);
                failures.extend(differences(&gpu, &kernel, &region, &[whole], SUMS));
                // Backwards along the last axis: no wide loads.
                let mut turned = View::whole(block);
                turned.offset += region.shape[2] - 1;
                turned.strides[2] = -1;
                failures.extend(differences(&gpu, &kernel, &region, &[turned], SUMS));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn bits_depend_on_tiles_and_on_no_block() {
    let Some(gpu) = gpu() else { return };
    let space = [60, 500];
    for name in ["sum", "var"] {
        let reduction = *REDUCTIONS.iter().find(|r| r.name() == name).unwrap();
        let tile = of_reduction(reduction, Program::identity(DType::F32), &space).unwrap();
        for reduced in [vec![true, false], vec![false, true]] {
            let kernel = Kernel::Tiles(tiles(tile.clone(), &space, &reduced, 20));
            let view = View::whole(values::ordinary(DType::F32, &space, 1));
            let all = run(&gpu, Stream(0), &kernel, &Region::full(&space), std::slice::from_ref(&view)).unwrap();
            let part = Region::new(vec![20, 100], vec![20, 200]);
            let some = run(&gpu, Stream(1), &kernel, &part, &[view.shifted(&part.start)]).unwrap();
            for (all, some) in all.iter().zip(&some) {
                let size = all.dtype().size();
                let row = |a: &[usize]| -> usize { a.iter().zip(strides(all.shape())).map(|(i, s)| i * s).sum() };
                let (tiles, kept) = (some.shape()[0], some.size() / some.shape()[0]);
                for t in 0..tiles {
                    for k in 0..kept {
                        let at = if reduced[0] { row(&[1 + t, 0, 100 + k]) } else { row(&[5 + t, 20 + k, 0]) };
                        let (a, b) = (at * size, (t * kept + k) * size);
                        assert_eq!(all.bytes()[a..a + size], some.bytes()[b..b + size], "{name} {reduced:?} {t} {k}");
                    }
                }
            }
        }
    }
}

/// Threads take neighbouring outputs where there are very many, and one each where there are few.
#[test]
fn columns_have_the_bits_of_each_by_itself() {
    let Some(gpu) = gpu() else { return };
    let cases = [
        ("sum", DType::F32, [300, 1 << 16]),
        ("argmax", DType::F32, [300, 1 << 16]),
        ("nanargmin", DType::F16, [70, 1 << 18]),
        ("var", DType::F32, [70, 1 << 18]),
        ("mean", DType::F64, [70, 1 << 17]),
        ("max", DType::U8, [9, 1 << 18]),
        ("argmin", DType::I64, [9, 1 << 17]),
    ];
    for (name, dtype, space) in cases {
        let reduction = *REDUCTIONS.iter().find(|r| r.name() == name).unwrap();
        let tile = of_reduction(reduction, Program::identity(dtype), &space).unwrap();
        let kernel = Kernel::Tiles(tiles(tile, &space, &[true, false], 1000));
        let view = View::whole(summands(dtype, &space, 5));
        let all = run(&gpu, Stream(0), &kernel, &Region::full(&space), std::slice::from_ref(&view)).unwrap();
        let part = Region::new(vec![0, 1003], vec![space[0], 500]);
        let shifted = [view.shifted(&part.start)];
        let some = run(&gpu, Stream(0), &kernel, &part, &shifted).unwrap();
        for (all, some) in all.iter().zip(&some) {
            let size = all.dtype().size();
            assert_eq!(all.bytes()[1003 * size..1503 * size], *some.bytes(), "{name} {dtype}");
        }
        assert_eq!(differences(&gpu, &kernel, &part, &shifted, SUMS), None, "{name} {dtype}");
    }
}

#[test]
fn transposed_blocks_are_read_in_tiles_of_every_size() {
    let Some(gpu) = gpu() else { return };
    for dtype in DType::ALL {
        // Elements of one and two bytes move four bytes at a time where lengths allow it.
        for [height, length] in [[130, 200], [64, 64], [40, 50], [16, 300], [132, 200], [128, 256], [66, 130]] {
            let block = values::ordinary(dtype, &[2 * height * length], 9);
            let strides = vec![(height * length).cast_signed(), 1, height.cast_signed()];
            let view = View { block, offset: 0, strides };
            let kernel = Kernel::Elementwise(Program::identity(dtype));
            let why = differences(&gpu, &kernel, &Region::full(&[2, height, length]), &[view], Agreement::Exact);
            assert_eq!(why, None, "{dtype} {height} by {length}");
        }
    }
}

fn strides(shape: &[usize]) -> Vec<usize> {
    hyperslab::shape::strides(shape)
}

#[test]
fn neighbouring_states_are_joined_in_order() {
    let Some(gpu) = gpu() else { return };
    for name in ["sum", "var", "argmin", "nanmean"] {
        let reduction = *REDUCTIONS.iter().find(|r| r.name() == name).unwrap();
        let tile = of_reduction(reduction, Program::identity(DType::F64), &[100]).unwrap();
        let combine = tile.parts[0].reducer.combine.clone();
        let n = combine.outputs.len();
        // One level; several in one launch, by every way of dealing threads; more than one launch folds.
        let cases = [(1, 1, 7), (5, 1, 7), (33, 1, 300), (100, 2, 7), (256, 2, 70), (300, 2, 17), (300, 3, 1)];
        for (entries, levels, size) in cases.into_iter().chain([(4096, 3, 2), (5000, 4, 3), (5000, 4, 64)]) {
            let shape = [entries, 1, size];
            let views: Vec<View> = combine.inputs[..n]
                .iter()
                .enumerate()
                .map(|(i, &dtype)| View::whole(values::ordinary(dtype, &shape, 20 + i as u64)))
                .collect();
            let kernel = Kernel::Fold(TreeFold { combine: combine.clone(), levels });
            let why = differences(&gpu, &kernel, &Region::full(&shape), &views, Agreement::Exact);
            assert_eq!(why, None, "{name} of {entries} by {size}, {levels} levels");
        }
    }
}
