//! What the printer must be able to emit: each operation, conversion, choice and reduction over each dtype, and some
//! fused programs. Every form is printed of every eleventh program and of all fused ones; `HYPERSLAB_NVRTC_ALL` prints
//! every form of every program for every architecture.

use hyperslab::cuda::layout::{Access, Form, ReduceForm};
use hyperslab::cuda::{dealing, elementwise, fold, reduce, source};
use hyperslab::dtype::DType;
use hyperslab::op::elementwise::ElementOp;
use hyperslab::op::kernel::{Lanes, TilePart, TileReduce};
use hyperslab::op::program::{Inst, Program};
use hyperslab::op::random::Sampler;
use hyperslab::op::reduction::{Params, REDUCTIONS, Reduction};

/// Kernels compiled together: a label and the code.
pub(crate) struct Entry {
    pub label: String,
    /// What the names of its functions begin with.
    pub name: String,
    pub text: String,
    /// Which of the other architectures it is compiled for, too.
    pub others: [bool; 3],
}

/// One operation over arguments of one dtype, where it is defined.
pub(crate) fn of_op(op: ElementOp, dtype: DType) -> Option<Program> {
    let mut p = Program::default();
    let args: Vec<usize> = (0..op.arity()).map(|_| p.input(dtype)).collect();
    let y = p.op(op, &args).ok()?;
    p.outputs.push(y);
    Some(p)
}

/// One conversion.
pub(crate) fn of_cast(from: DType, to: DType) -> Program {
    let mut p = Program::default();
    let x = p.input(from);
    let y = p.cast(x, to);
    p.outputs.push(y);
    p
}

/// One choice.
pub(crate) fn of_select(dtype: DType) -> Program {
    let mut p = Program::default();
    let (c, x, y) = (p.input(DType::Bool), p.input(dtype), p.input(dtype));
    let z = p.select(c, x, y);
    p.outputs.push(z);
    p
}

/// One random draw, of positions and parameters.
pub(crate) fn of_draw(sampler: Sampler) -> Program {
    let mut p = Program::default();
    let position = p.input(DType::U64);
    let params: Vec<usize> = (0..sampler.arity()).map(|_| p.input(sampler.param())).collect();
    let y = p.draw(sampler, position, 0x0123_4567_89ab_cdef, &params);
    p.outputs.push(y);
    p
}

/// Several inputs, dtypes, constants and outputs in one kernel.
pub(crate) fn fused() -> Vec<(String, Program)> {
    let mut out = Vec::new();
    for dtype in [DType::F16, DType::BF16, DType::F32, DType::F64] {
        let mut p = Program::default();
        let (a, b, c) = (p.input(dtype), p.input(dtype), p.input(dtype));
        let two = p.constant(2, dtype);
        let ab = p.op(ElementOp::Multiply, &[a, b]).unwrap();
        let sum = p.op(ElementOp::Add, &[ab, c]).unwrap();
        let t = p.op(ElementOp::Tanh, &[sum]).unwrap();
        let y = p.op(ElementOp::Multiply, &[t, two]).unwrap();
        p.outputs.push(y);
        out.push((format!("tanh(a b + c) 2 {dtype}"), p));
    }
    let mut p = Program::default();
    let (a, b) = (p.input(DType::U8), p.input(DType::F64));
    let limit = p.constant(127, DType::U8);
    let bright = p.op(ElementOp::Greater, &[a, limit]).unwrap();
    let wide = p.cast(a, DType::F64);
    let root = p.op(ElementOp::Sqrt, &[b]).unwrap();
    let chosen = p.select(bright, wide, root);
    let back = p.cast(chosen, DType::I16);
    p.outputs = vec![bright, chosen, back];
    out.push(("three outputs".to_owned(), p));
    let mut p = Program::default();
    let x = p.constant(f64::NAN, DType::F32);
    p.outputs.push(x);
    out.push(("a constant".to_owned(), p));
    let mut p = Program::identity(DType::C64);
    let i = p.constant(num_complex::Complex64::new(0.0, 1.0), DType::C64);
    let y = p.op(ElementOp::Multiply, &[0, i]).unwrap();
    p.outputs = vec![y, 0];
    out.push(("times i".to_owned(), p));
    out
}

/// All elementwise programs.
pub(crate) fn programs() -> Vec<(String, Program)> {
    let mut out = fused();
    for &op in ElementOp::ALL {
        let each = DType::ALL.into_iter().filter_map(|d| Some((format!("{} {d}", op.name()), of_op(op, d)?)));
        out.extend(each);
    }
    let draws = Sampler::ALL.iter().filter(|s| s.on_cuda());
    out.extend(draws.map(|&s| (format!("random {}", s.name()), of_draw(s))));
    for from in DType::ALL {
        let others = DType::ALL.into_iter().filter(|&to| to != from);
        out.extend(others.map(|to| (format!("{from} to {to}"), of_cast(from, to))));
        out.push((format!("select {from}"), of_select(from)));
        out.push((format!("copy {from}"), Program::identity(from)));
    }
    out
}

/// The full reduction `reduction` of `dtype`, mapped by `map` or read as it is.
pub(crate) fn of_reduction(reduction: &dyn Reduction, map: Program, space: &[usize]) -> Option<TileReduce> {
    let params = Params { count: space.iter().product(), ..Params::default() };
    let reducer = reduction.reducer(map.output_dtype(0), &params).ok()?;
    let part = TilePart { value: 0, reducer: reducer.into(), reduced: vec![true; space.len()], lanes: Lanes::Elements };
    let tile = TileReduce { map, space: space.to_vec(), parts: vec![part] };
    reduce::supports(&tile).then_some(tile)
}

/// All reductions that the device takes, plus one of several parts over a fused map.
pub(crate) fn reductions() -> Vec<(String, TileReduce)> {
    let mut out = Vec::new();
    for reduction in REDUCTIONS {
        for dtype in DType::ALL {
            if let Some(tile) = of_reduction(*reduction, Program::identity(dtype), &[64]) {
                out.push((format!("{} {dtype}", reduction.name()), tile));
            }
        }
    }
    let (_, map) = fused().swap_remove(2);
    let find = |name| *REDUCTIONS.iter().find(|r| r.name() == name).unwrap();
    let mut tile = of_reduction(find("argmax"), map.clone(), &[64]).unwrap();
    tile.parts.extend(of_reduction(find("sum"), map.clone(), &[64]).unwrap().parts);
    tile.parts.extend(of_reduction(find("any"), map, &[64]).unwrap().parts);
    out.push(("argmax, sum and any of a map".to_owned(), tile));
    out
}

/// The forms in which program number `serial` is printed: all of them, or the vector form alone.
fn forms(program: &Program, serial: usize, all: bool) -> Vec<Form> {
    let n = program.inputs.len();
    let mut forms = vec![Form::Vector(vec![Access::Whole; n])];
    if !all {
        return forms;
    }
    // Neighbours in this list have neighbouring numbers, or numbers that differ by 11.
    let turn = serial / 11 + serial % 11;
    let (rank, wide) = (1 + turn % 4, turn % 3 == 2);
    forms.push(Form::Strided { rank, wide });
    if let Some(&last) = program.inputs.last() {
        let mut access = vec![Access::Whole; n];
        access[n - 1] = Access::One;
        forms.push(Form::Vector(access.clone()));
        let width = (elementwise::width(program) >> (turn / 2 % 2)).max(2);
        if turn.is_multiple_of(2) {
            forms.push(Form::Rows { rank, wide, width, access });
        } else {
            let mut turned = vec![false; n];
            turned[n - 1] = last.size() <= 8;
            let side = if serial.is_multiple_of(2) && last.size() <= 4 { 64 } else { 32 };
            forms.push(Form::Turned { rank: rank + 1, wide, turned: turned.clone(), side, width: 1 });
            if last.size() < 4 {
                let width = 4 / last.size();
                forms.push(Form::Turned { rank: rank + 1, wide, turned, side: 32 * width, width });
            }
        }
    }
    forms
}

/// The forms in which reduction number `serial` is printed.
fn reduce_forms(tile: &TileReduce, serial: usize) -> Vec<ReduceForm> {
    let n = tile.map.inputs.len();
    let form = |access: Access, kept: usize, reduced: usize, wide: bool| {
        let mut access = vec![access; n];
        if serial % 4 == 3 && n > 1 {
            access[0] = Access::One;
        }
        let form = ReduceForm { access, columns: 1, batch: 1, kept, reduced, wide };
        // As long reductions are printed.
        ReduceForm { batch: dealing::batch(tile, &form, usize::MAX), ..form }
    };
    let wide = serial % 5 == 4;
    let mut beside = ReduceForm {
        access: vec![Access::Whole; n],
        columns: dealing::columns(tile, wide),
        ..form(Access::Whole, 1 + serial % 2, 1 + serial % 2, wide)
    };
    beside.batch = dealing::batch(tile, &beside, if serial.is_multiple_of(3) { 1 } else { usize::MAX });
    vec![form(Access::Whole, 1, 1, false), form(Access::Any, 1 + serial % 3, 1 + serial % 2, serial % 3 == 2), beside]
}

/// The other architectures for which kernel number `serial` of a kind is compiled: each takes one in `share`.
fn others(serial: usize, share: usize) -> [bool; 3] {
    [0, 1, 2].map(|a| serial % share == a)
}

/// The whole corpus as code.
pub(crate) fn entries() -> Vec<Entry> {
    let everything = std::env::var_os("HYPERSLAB_NVRTC_ALL").is_some();
    let mut out = Vec::new();
    for (serial, (label, program)) in programs().into_iter().enumerate() {
        let is_fused = program.insts.iter().filter(|i| matches!(i, Inst::Op(..))).count() != 1;
        let is_cast = label.contains(" to ");
        let all = everything || (is_fused && !is_cast) || serial % 11 == 0;
        for (k, form) in forms(&program, serial, all).iter().enumerate() {
            let name = format!("e{serial}_{k}_");
            let text = elementwise::print(&program, &name, form, false).unwrap().text;
            let always = everything || serial < fused().len();
            let others = if always { [true; 3] } else { others(serial + serial / 11 + k, if k == 0 { 9 } else { 5 }) };
            out.push(Entry { label: format!("{label} {form:?}"), name, text, others });
        }
    }
    // Copies whose output lies anywhere.
    for (serial, dtype) in DType::ALL.into_iter().enumerate() {
        let (program, rank, wide) = (Program::identity(dtype), 1 + serial % 3, serial % 4 == 3);
        let width = elementwise::width(&program);
        let rows = Form::Rows { rank, wide, width: width.max(2), access: vec![Access::Whole; 2] };
        for (k, form) in [rows, Form::Strided { rank, wide }].iter().enumerate() {
            let name = format!("p{serial}_{k}_");
            let text = elementwise::print(&program, &name, form, true).unwrap().text;
            let others = if everything { [true; 3] } else { others(serial + k, 7) };
            out.push(Entry { label: format!("place {dtype} {form:?}"), name, text, others });
        }
    }
    for (serial, (label, tile)) in reductions().into_iter().enumerate() {
        for (k, form) in reduce_forms(&tile, serial).iter().enumerate() {
            if !everything && k != serial % 3 && serial % 7 != 0 {
                continue;
            }
            let name = format!("r{serial}_{k}_");
            let text = reduce::print(&tile, &name, form, (serial / 2 + k) % 2 == 0).unwrap().text;
            let others = if everything { [true; 3] } else { others(serial, 9) };
            out.push(Entry { label: format!("{label} {form:?}"), name, text, others });
        }
        for (p, part) in tile.parts.iter().enumerate().filter(|_| everything || serial % 6 == 0) {
            let name = format!("f{serial}_{p}_");
            let text = fold::print(&part.reducer.combine, &name).unwrap().text;
            let others = if everything { [true; 3] } else { others(serial / 6, 9) };
            out.push(Entry { label: format!("fold {label}"), name, text, others });
        }
    }
    out
}

/// What stands before a batch of the corpus.
pub(crate) fn preludes() -> String {
    format!("{}\n", source::PRELUDE)
}
