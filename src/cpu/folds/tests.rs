//! What several strips at once give, against what one after the other gives.

use crate::chunk::Region;
use crate::chunk::region::Indices;
use crate::cpu::reduce::Reduce;
use crate::device::View;
use crate::device::block::{Block, Buffer};
use crate::device::null::output_shapes;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::op::elementwise::ElementOp;
use crate::op::kernel::{Kernel, Lanes, TilePart, TileReduce};
use crate::op::program::Program;
use crate::op::reduction::{self, Params, REDUCTIONS};
use crate::shape;
use std::sync::Arc;

const FLOATS: [f64; 11] = [0.0, -0.0, 1.0, -2.5, 1e-300, -1e30, f64::INFINITY, f64::NAN, 3.7, 1e-40, 16_777_217.0];

/// Elements of all kinds; NaN and infinities where `wild`.
fn block(dtype: DType, dims: &[usize], wild: bool) -> Block {
    let value = |i: usize| match FLOATS[i * 7 % 11] * (1.0 + (i % 1009) as f64) {
        v if wild && i % 311 < 40 => v,
        _ => ((i * 7919) % 2003) as f64 / 7.0 - 120.0,
    };
    let size = dtype.size();
    let mut data = Buffer::zeroed(shape::size(dims) * size);
    for (i, slot) in data.bytes_mut().chunks_exact_mut(size).enumerate() {
        let scalar = if dtype.is_inexact() { Scalar::Float(value(i)) } else { Scalar::Int(value(i) as i128) };
        slot.copy_from_slice(&scalar.to_bytes(dtype)[..size]);
    }
    Block::new(dtype, dims, data).unwrap()
}

/// The states of a tile, a NaN being like another.
fn states(tile: &TileReduce, view: &View, dims: &[usize], at_once: bool) -> Vec<Vec<Option<Vec<u8>>>> {
    let region = Region::full(dims);
    let kernel = Kernel::Reduce(tile.clone());
    let dtypes: Vec<DType> = tile.parts.iter().flat_map(|p| p.reducer.identity.iter().map(|(d, _)| *d)).collect();
    let shapes = output_shapes(&kernel, &region);
    let mut buffers: Vec<Buffer> =
        shapes.iter().zip(&dtypes).map(|(s, d)| Buffer::zeroed(shape::size(s) * d.size())).collect();
    let mut outputs: Vec<&mut [u8]> = buffers.iter_mut().map(Buffer::bytes_mut).collect();
    let mut reduce = Reduce::new(tile).unwrap();
    if !at_once {
        reduce.strip_by_strip();
    }
    // Twice, so that nothing of the first run is seen in the second.
    for _ in 0..2 {
        reduce.run(&region, std::slice::from_ref(view), &mut outputs).unwrap();
    }
    let is_nan = |dtype: DType, b: &[u8]| match dtype {
        DType::F32 | DType::C64 => b.chunks(4).any(|b| bytemuck::pod_read_unaligned::<f32>(b).is_nan()),
        DType::F64 | DType::C128 => b.chunks(8).any(|b| bytemuck::pod_read_unaligned::<f64>(b).is_nan()),
        _ => false,
    };
    let elements = |(buffer, &dtype): (&Buffer, &DType)| {
        buffer.bytes().chunks(dtype.size()).map(|b| (!is_nan(dtype, b)).then(|| b.to_vec())).collect()
    };
    buffers.iter().zip(&dtypes).map(elements).collect()
}

/// Every way through a tile of shape `dims` gives the same.
fn check(map: &Program, dtype: DType, reducers: &[(usize, reduction::Reducer)], what: &str) {
    for (dims, reduced, lanes) in [
        ([1, 4700], [false, true], Lanes::Elements),
        ([2, 255], [false, true], Lanes::Elements),
        ([19, 300], [true, false], Lanes::Outputs),
        ([17, 31], [true, false], Lanes::Outputs),
        ([261, 60], [false, true], Lanes::Outputs),
        ([35, 7], [false, true], Lanes::Outputs),
        ([130, 9], [true, true], Lanes::Elements),
    ] {
        let parts = reducers.iter().map(|(value, reducer)| TilePart {
            value: *value,
            reducer: Arc::new(reducer.clone()),
            reduced: reduced.to_vec(),
            lanes,
        });
        let tile = TileReduce { map: map.clone(), space: dims.to_vec(), parts: parts.collect() };
        for wild in [false, true].into_iter().filter(|&wild| dtype.is_inexact() || !wild) {
            let whole = block(dtype, &dims, wild);
            let turned = block(dtype, &[dims[1], dims[0]], wild);
            let views = [
                View { block: whole, offset: 0, strides: vec![dims[1].cast_signed(), 1] },
                View { block: turned, offset: 0, strides: vec![1, dims[0].cast_signed()] },
            ];
            for view in &views[usize::from(wild && lanes == Lanes::Outputs)..] {
                let (some, one) = (states(&tile, view, &dims, true), states(&tile, view, &dims, false));
                assert!(some == one, "{what} of {dtype} {dims:?} {lanes:?} wild {wild} strides {:?}", view.strides);
            }
        }
    }
}

#[test]
fn every_reduction_gives_the_bits_of_one_strip_after_the_other() {
    let params = Params { count: 4700, ddof: 1.0, ..Params::default() };
    for reduction in REDUCTIONS {
        for dtype in DType::ALL {
            let Ok(reducer) = reduction.reducer(dtype, &params) else { continue };
            check(&Program::identity(dtype), dtype, &[(0, reducer)], reduction.name());
        }
    }
}

/// A block with the elements of `whole` where `strides` put them, and nothing behind the last one.
fn laid_out(whole: &Block, strides: &[usize]) -> View {
    let (dims, size) = (whole.shape(), whole.dtype().size());
    let offset = |index: &[usize]| index.iter().zip(strides).map(|(i, stride)| i * stride).sum::<usize>();
    let len = offset(&dims.iter().map(|n| n - 1).collect::<Vec<_>>()) + 1;
    let mut data = Buffer::zeroed(len * size);
    for (index, element) in Indices::new(dims).zip(whole.bytes().chunks_exact(size)) {
        data.bytes_mut()[offset(&index) * size..][..size].copy_from_slice(element);
    }
    let block = Block::new(whole.dtype(), &[len], data).unwrap();
    View { block, offset: 0, strides: strides.iter().map(|s| s.cast_signed()).collect() }
}

#[test]
fn rows_of_any_length_give_the_bits_of_columns() {
    let params = Params { count: 5, ddof: 1.0, ..Params::default() };
    let lengths = [("sum", 1..=19), ("std", 16..=17), ("argmax", 59..=60), ("any", 33..=33), ("max", 100..=100)];
    for (name, lengths) in lengths {
        for (dtype, len) in DType::ALL.into_iter().flat_map(|dtype| lengths.clone().map(move |len| (dtype, len))) {
            let Ok(reducer) = reduction::find(name).unwrap().reducer(dtype, &params) else { continue };
            let part =
                TilePart { value: 0, reducer: Arc::new(reducer), reduced: vec![false, true], lanes: Lanes::Outputs };
            // Whole strips, a few outputs, and what is left of a vector.
            for outputs in [1, 19, 261] {
                let dims = [outputs, len];
                let tile =
                    TileReduce { map: Program::identity(dtype), space: dims.to_vec(), parts: vec![part.clone()] };
                let whole = block(dtype, &dims, false);
                let of = |strides: [usize; 2]| states(&tile, &laid_out(&whole, &strides), &dims, true);
                let columns = of([1, outputs]);
                for strides in [[len, 1], [len + 3, 1], [2 * len, 2], [1, outputs + 1]] {
                    assert!(of(strides) == columns, "{name} of {dtype} {dims:?} in strides {strides:?}");
                }
                let mut back = laid_out(&whole, &[len, 1]);
                (back.offset, back.strides) = (len * (outputs - 1), vec![-len.cast_signed(), 1]);
                let turned: Vec<Vec<_>> = columns.into_iter().map(|part| part.into_iter().rev().collect()).collect();
                assert!(states(&tile, &back, &dims, true) == turned, "{name} of {dtype} {dims:?}, the last first");
            }
        }
    }
}

#[test]
fn boxes_of_any_shape_give_the_bits_of_columns() {
    for dtype in DType::ALL {
        let reducer = reduction::find("sum").unwrap().reducer(dtype, &Params::default()).unwrap();
        // Runs that begin at any of sixteen rows, and outputs in runs of their own.
        for (a, b) in [(3, 5), (5, 3), (16, 2), (2, 31), (15, 15)] {
            let dims = [7, a, 5, b];
            let part = TilePart {
                value: 0,
                reducer: Arc::new(reducer.clone()),
                reduced: vec![false, true, false, true],
                lanes: Lanes::Outputs,
            };
            let tile = TileReduce { map: Program::identity(dtype), space: dims.to_vec(), parts: vec![part] };
            let whole = block(dtype, &dims, false);
            let of = |strides: [usize; 4]| states(&tile, &laid_out(&whole, &strides), &dims, true);
            let columns = of([5, 35 * b, 1, 35]);
            for strides in [[a * 5 * b, 5 * b, b, 1], [a * 5 * (b + 1), b + 1, a * (b + 1), 1]] {
                assert!(of(strides) == columns, "{dtype} {dims:?} in strides {strides:?}");
            }
        }
    }
}

#[test]
fn parts_of_one_walk_share_what_they_add_up() {
    for dtype in [DType::F32, DType::I16, DType::F16] {
        let mut map = Program::default();
        let x = map.input(dtype);
        let wide = map.cast(x, DType::F64);
        let one = map.constant(1.5, DType::F64);
        let more = map.op(ElementOp::Multiply, &[wide, one]).unwrap();
        map.outputs = vec![wide, x, more];
        let reducer = |name: &str, dtype: DType| {
            let params = Params { count: 4700, ..Params::default() };
            reduction::find(name).unwrap().reducer(dtype, &params).unwrap()
        };
        let f64_of = |name: &str| reducer(name, DType::F64);
        let parts = [
            (0, f64_of("mean")),
            (0, f64_of("std")),
            (1, reducer("min", dtype)),
            (1, reducer("max", dtype)),
            (0, f64_of("var")),
            (2, f64_of("sum")),
            (2, f64_of("var")),
            (2, f64_of("nanmin")),
        ];
        check(&map, dtype, &parts, "eight parts");
        check(&map, dtype, &parts[..4], "four parts");
    }
}
