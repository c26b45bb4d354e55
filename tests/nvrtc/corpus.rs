//! Every kernel that the printer must be able to emit: each operation, conversion, choice and reduction over each dtype,
//! in each form, and some fused programs.

use hyperslab::cuda::layout::{Access, Form, ReduceForm};
use hyperslab::cuda::{elementwise, reduce, source};
use hyperslab::dtype::DType;
use hyperslab::op::elementwise::ElementOp;
use hyperslab::op::kernel::{Lanes, TilePart, TileReduce};
use hyperslab::op::program::{Inst, Program};
use hyperslab::op::reduction::{Params, REDUCTIONS, Reduction};

/// Kernels compiled together: a label and the code.
pub(crate) struct Entry {
    pub label: String,
    /// What the names of its functions begin with.
    pub name: String,
    pub text: String,
    pub kernels: usize,
    /// Whether it is compiled for every architecture.
    pub core: bool,
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
    let part = TilePart { value: 0, reducer, reduced: vec![true; space.len()], lanes: Lanes::Elements };
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

/// The forms in which kernel number `serial` of `n` operands is printed.
fn forms(program: &Program, serial: usize, strided: bool) -> Vec<Form> {
    let n = program.inputs.len();
    let mut forms = vec![Form::Vector(vec![Access::Whole; n])];
    if strided {
        let (rank, wide) = (1 + serial % 4, serial % 3 == 2);
        forms.push(Form::Strided { rank, wide });
        let mut access = vec![Access::Whole; n];
        if let Some(last) = access.last_mut() {
            *last = Access::One;
        }
        forms.push(Form::Vector(access.clone()));
        let width = elementwise::width(program).max(2);
        let mut turned = vec![false; n];
        if let Some(last) = turned.last_mut() {
            *last = program.inputs[n - 1].size() <= 8;
        }
        if serial % 2 == 0 {
            forms.push(Form::Rows { rank, wide, width, access });
        } else {
            forms.push(Form::Turned { rank: rank + 1, wide, turned });
        }
    }
    forms
}

/// The forms in which reduction number `serial` of `n` operands is printed.
fn reduce_forms(n: usize, serial: usize) -> Vec<ReduceForm> {
    let form = |access: Access, kept: usize, reduced: usize, wide: bool| {
        let mut access = vec![access; n];
        if serial % 4 == 3 && n > 1 {
            access[0] = Access::One;
        }
        ReduceForm { access, kept, reduced, wide }
    };
    vec![form(Access::Whole, 1, 1, false), form(Access::Any, 1 + serial % 3, 1 + serial % 2, serial % 3 == 2)]
}

/// Whether the program is neither another one with conversions around it, nor one of integers of a further width.
fn is_core(program: &Program) -> bool {
    let casts = program.insts.iter().filter(|i| matches!(i, Inst::Cast(..))).count();
    let ops = program.insts.iter().filter(|i| matches!(i, Inst::Op(..))).count();
    let again = [DType::U8, DType::I16, DType::U32, DType::I64]
        .contains(&program.inputs.first().copied().unwrap_or(DType::F32));
    ops != 1 || (casts == 0 && !again)
}

/// The whole corpus as code.
pub(crate) fn entries() -> Vec<Entry> {
    let mut out = Vec::new();
    for (serial, (label, program)) in programs().into_iter().enumerate() {
        let always = program.insts.iter().filter(|i| matches!(i, Inst::Op(..))).count() != 1;
        let strided = always || serial % 8 == 0;
        for (k, form) in forms(&program, serial, strided).iter().enumerate() {
            let name = format!("e{serial}_{k}_");
            let kernel = elementwise::print(&program, &name, form, false).unwrap();
            let core = is_core(&program) && k < 2;
            out.push(Entry { label: format!("{label} {form:?}"), name, text: kernel.text, kernels: 1, core });
        }
    }
    for (serial, (label, tile)) in reductions().into_iter().enumerate() {
        for (k, form) in reduce_forms(tile.map.inputs.len(), serial).iter().enumerate() {
            let name = format!("r{serial}_{k}_");
            let text = reduce::print(&tile, &name, form, serial % 2 == 0).unwrap().text;
            let core = k == serial % 2 && serial % 3 == 0;
            out.push(Entry { label: format!("{label} {form:?}"), name, text, kernels: 1, core });
        }
        for (p, part) in tile.parts.iter().enumerate().filter(|_| serial % 4 == 0) {
            let name = format!("f{serial}_{p}_");
            let text = reduce::print_fold(&part.reducer.combine, &name).unwrap().text;
            out.push(Entry { label: format!("fold {label}"), name, text, kernels: 1, core: serial % 12 == 0 });
        }
    }
    out
}

/// What stands before a batch of the corpus.
pub(crate) fn preludes() -> String {
    format!("{}\n", source::PRELUDE)
}
