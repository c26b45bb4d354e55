//! The generated kernels, compiled for the host and run by one thread, against the CPU's kernels.
//!
//! Everything but the 16-bit float instructions is the code that a GPU runs: the printed program, the loads and stores,
//! the index arithmetic, the merging of states. Elementary functions are the host's instead of CUDA's, so they are held
//! to the table's agreement and not to equality. Skipped, saying so, where there is no `c++`.

use super::corpus::{preludes, programs, reductions};
use super::values;
use hyperslab::chunk::Region;
use hyperslab::cpu::device::CpuDevice;
use hyperslab::cuda::layout::{Layout, Operand};
use hyperslab::cuda::source::{KernelSource, Param, stored_type};
use hyperslab::cuda::{elementwise, reduce};
use hyperslab::device::View;
use hyperslab::device::block::Block;
use hyperslab::device::memory::Memory;
use hyperslab::dtype::DType;
use hyperslab::op::elementwise::Agreement;
use hyperslab::op::kernel::Kernel;
use hyperslab::op::program::{Inst, Program};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Command;

/// What a host compiler needs to take CUDA C for C++.
const SHIM: &str = include_str!("shim.h");

/// One kernel run: the C++ that runs it, the bytes it reads, and what the CPU says.
struct Case {
    label: String,
    code: String,
    bytes: Vec<u8>,
    expected: Vec<Block>,
    agreement: Agreement,
}

fn compiler() -> Option<&'static str> {
    ["c++", "g++", "clang++"].into_iter().find(|c| Command::new(c).arg("--version").output().is_ok())
}

/// The loosest agreement of the operations of a program.
fn agreement(program: &Program) -> Agreement {
    let ulps = program.insts.iter().filter_map(|i| match i {
        Inst::Op(op, ..) => match op.agreement() {
            Agreement::Ulp(n) => Some(n),
            Agreement::Exact => None,
        },
        _ => None,
    });
    ulps.max().map_or(Agreement::Exact, Agreement::Ulp)
}

/// Code that reads the arguments of `kernel`, and the list to call it with.
struct Call {
    code: String,
    arguments: Vec<String>,
}

/// What the parameters of a run stand for.
struct Run<'a> {
    views: &'a [View],
    outputs: &'a [(DType, usize)],
    layout: &'a Layout,
    position: i64,
    chunk: usize,
}

impl Run<'_> {
    /// Declares the arguments of `kernel`; what they are read from is appended to `bytes`.
    fn declare(&self, kernel: &KernelSource, prefix: &str, bytes: &mut Vec<u8>) -> Call {
        let mut call = Call { code: String::new(), arguments: Vec::new() };
        for (k, &param) in kernel.params.iter().enumerate() {
            let name = format!("{prefix}{k}");
            let mut put = |code: String| call.code.push_str(&code);
            let argument = match param {
                Param::Input(i) => {
                    let block = &self.views[i].block;
                    let (kind, size) = (stored_type(block.dtype()), block.bytes().len());
                    put(format!("  {kind}* {name} = ({kind}*)take({size});\n"));
                    bytes.extend(block.bytes());
                    format!("{name} + {}", self.views[i].offset)
                }
                Param::Output(i) => format!("out{i}"),
                Param::Const(value, dtype) => {
                    put(format!("  {0} {name} = *({0}*)take(16);\n", stored_type(dtype)));
                    bytes.extend(value.to_bytes(dtype));
                    name
                }
                Param::Space => {
                    let words = self.layout.space();
                    put(format!("  void* {name} = take({});\n", 16 * words.len()));
                    bytes.extend(words.iter().flat_map(|w| w.to_ne_bytes()));
                    format!("any{{{name}}}")
                }
                Param::Count => format!("{}ull", self.layout.count),
                Param::CountReal => format!("(f64){}", self.layout.count),
                Param::Position => format!("{}ll", self.position),
                Param::Chunk => format!("{}ull", self.chunk),
                Param::Partials => "partials".to_owned(),
                Param::Blocks => "blocks".to_owned(),
            };
            call.arguments.push(argument);
        }
        call
    }

    /// Declares the outputs, and writes them after `body` has run.
    fn around(&self, body: &str) -> String {
        let mut code = String::new();
        for (i, (dtype, n)) in self.outputs.iter().enumerate() {
            let kind = stored_type(*dtype);
            let _ = writeln!(code, "  {kind}* out{i} = ({kind}*)room({});", n * dtype.size());
        }
        code.push_str(body);
        for (i, (dtype, n)) in self.outputs.iter().enumerate() {
            let _ = writeln!(code, "  give(out{i}, {});", n * dtype.size());
        }
        code
    }
}

fn layout_of(dims: &[usize], views: &[View], position: Option<&[isize]>, width: usize) -> Layout {
    let mut operands: Vec<Operand<'_>> = views
        .iter()
        .map(|v| {
            let size = v.block.dtype().size();
            Operand { strides: &v.strides, size, address: (v.offset * size) as u64 }
        })
        .collect();
    operands.extend(position.map(|strides| Operand { strides, size: 1, address: 0 }));
    Layout::new(dims, &operands, width).unwrap()
}

fn cpu() -> CpuDevice {
    CpuDevice::new(Memory::new(1 << 30))
}

/// Runs `program` over views of shape `dims`.
fn elementwise_case(serial: usize, label: &str, program: &Program, dims: &[usize], views: &[View]) -> Case {
    let region = Region::full(dims);
    let expected = cpu().execute(&Kernel::Elementwise(program.clone()), &region, views).unwrap();
    let layout = layout_of(dims, views, None, elementwise::width(program));
    let name = format!("e{serial}");
    let kernel = elementwise::print(program, &name, &layout.form).unwrap();
    let outputs: Vec<(DType, usize)> = expected.iter().map(|b| (b.dtype(), b.size())).collect();
    let run = Run { views, outputs: &outputs, layout: &layout, position: 0, chunk: 0 };
    let mut bytes = Vec::new();
    let call = run.declare(&kernel, "p", &mut bytes);
    let body = run.around(&format!("{}  {name}({});\n", call.code, call.arguments.join(", ")));
    let code = format!("{}static void run_{name}() {{\n{body}}}\n", kernel.text);
    let label = format!("{label} {:?}", layout.form);
    Case { label, code, bytes, expected, agreement: agreement(program) }
}

fn reduction_cases(first: usize) -> Vec<Case> {
    let mut out = Vec::new();
    for (label, tile) in reductions() {
        for flipped in [false, true] {
            let serial = first + out.len();
            let (rows, columns) = (90, 50);
            let mut tile = tile.clone();
            tile.space = vec![200, 100];
            for part in &mut tile.parts {
                part.reduced = vec![true, true];
            }
            let region = Region::new(vec![7, 3], vec![rows, columns]);
            let views: Vec<View> = tile
                .map
                .inputs
                .iter()
                .enumerate()
                .map(|(i, &dtype)| {
                    let block = values::ordinary(dtype, &[rows, columns], i as u64);
                    let mut view = View::whole(block);
                    if flipped {
                        view.offset = columns - 1;
                        view.strides[1] = -1;
                    }
                    view
                })
                .collect();
            out.push(reduction_case(serial, &label, &tile, &region, &views));
        }
    }
    out
}

fn reduction_case(
    serial: usize,
    label: &str,
    tile: &hyperslab::op::kernel::TileReduce,
    region: &Region,
    views: &[View],
) -> Case {
    let expected = cpu().execute(&Kernel::Reduce(tile.clone()), region, views).unwrap();
    let along: Vec<isize> = hyperslab::shape::strides(&tile.space).iter().map(|s| s.cast_signed()).collect();
    let position = reduce::uses_position(tile).then_some(along.as_slice());
    let layout = layout_of(&region.shape, views, position, reduce::width(tile));
    let name = format!("r{serial}");
    let printed = reduce::print(tile, &name, &layout.form).unwrap();
    let outputs: Vec<(DType, usize)> = expected.iter().map(|b| (b.dtype(), b.size())).collect();
    let origin: isize = region.start.iter().zip(&along).map(|(&a, b)| a.cast_signed() * b).sum();
    let (blocks, chunk) = reduce::partition(layout.count);
    let run = Run { views, outputs: &outputs, layout: &layout, position: origin as i64, chunk };
    let mut bytes = Vec::new();
    let tiles = run.declare(&printed.tiles, "p", &mut bytes);
    let finish = run.declare(&printed.finish, "q", &mut bytes);
    let body = run.around(&format!(
        "  const u32 blocks = {blocks};\n  {name}_k::State* partials = ({name}_k::State*)room(sizeof(*partials) * blocks);\n\
         {}{}  for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) {name}_tiles({});\n  blockIdx.x = 0;\n  {name}_finish({});\n",
        tiles.code,
        finish.code,
        tiles.arguments.join(", "),
        finish.arguments.join(", ")
    ));
    let code = format!("{}{}static void run_{name}() {{\n{body}}}\n", printed.tiles.text, printed.finish.text);
    // Sums go in another order than the CPU's; states are f64 or exact.
    let agreement = Agreement::Ulp(64);
    Case { label: format!("{label} {:?}", layout.form), code, bytes, expected, agreement }
}

/// Compiles and runs `cases`; what they gave, one list of bytes.
fn run(compiler: &str, cases: &[Case]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let mut source = format!("{SHIM}\n{}", preludes());
    let mut main = String::from("int main() {\n");
    for case in cases {
        source.push_str(&case.code);
        let start = case.code.find("static void run_").unwrap() + "static void ".len();
        let name = &case.code[start..start + case.code[start..].find('(').unwrap()];
        let _ = writeln!(main, "  {name}();");
    }
    source.push_str(&main);
    source.push_str("  return 0;\n}\n");
    let (file, program) = (folder.path().join("kernels.cpp"), folder.path().join("kernels"));
    std::fs::write(&file, source).unwrap();
    let done = Command::new(compiler)
        .args(["-std=c++17", "-O0", "-w", "-ffp-contract=off", "-o"])
        .arg(&program)
        .arg(&file)
        .output()
        .unwrap();
    let said: String = String::from_utf8_lossy(&done.stderr).chars().take(2000).collect();
    assert!(done.status.success(), "{said}");
    let input = folder.path().join("input");
    let mut bytes = std::fs::File::create(&input).unwrap();
    cases.iter().for_each(|c| bytes.write_all(&c.bytes).unwrap());
    let done = Command::new(&program).stdin(std::fs::File::open(&input).unwrap()).output().unwrap();
    assert!(done.status.success(), "the kernels failed: {:?}", done.status);
    done.stdout
}

/// Runs `cases` and lists those whose results differ from the CPU's.
fn check(cases: &[Case]) -> Vec<String> {
    let Some(compiler) = compiler() else {
        eprintln!("skipped: no C++ compiler");
        return Vec::new();
    };
    let given = run(compiler, cases);
    let mut at = 0;
    let mut failures = Vec::new();
    for case in cases {
        for (i, block) in case.expected.iter().enumerate() {
            let bytes = &given[at..at + block.bytes().len()];
            at += bytes.len();
            if let Some(why) = values::difference(block.dtype(), bytes, block.bytes(), case.agreement) {
                failures.push(format!("{} output {i}: {why}", case.label));
            }
        }
    }
    assert_eq!(at, given.len());
    failures
}

#[test]
fn generated_elementwise_kernels_give_what_the_cpu_gives() {
    let mut failures = Vec::new();
    let all = programs();
    for (batch, chunk) in all.chunks(200).enumerate() {
        let cases: Vec<Case> = chunk
            .iter()
            .enumerate()
            .map(|(i, (label, program))| {
                let views: Vec<View> = values::special(&program.inputs).into_iter().map(View::whole).collect();
                let n = views.first().map_or(5, |v| v.block.size());
                elementwise_case(1000 * batch + i, label, program, &[n], &views)
            })
            .collect();
        failures.extend(check(&cases));
    }
    assert!(failures.is_empty(), "{} of {} differ:\n{}", failures.len(), all.len(), failures.join("\n"));
}

#[test]
fn strided_kernels_read_where_the_cpu_reads() {
    let mut cases = Vec::new();
    for dtype in DType::ALL {
        let program = super::corpus::of_select(dtype);
        let views = |a: &[isize], b: &[isize], c: &[isize], offset: usize| {
            let strides = [a, b, c].map(<[isize]>::to_vec);
            let each = program.inputs.iter().zip(strides).enumerate();
            each.map(|(i, (&d, strides))| View { block: values::ordinary(d, &[4, 6, 10], i as u64), offset, strides })
                .collect::<Vec<View>>()
        };
        let sets: [(&[usize], Vec<View>); 4] = [
            (&[4, 6, 10], views(&[60, 10, 1], &[0, 10, 1], &[0, 0, 0], 0)),
            (&[6, 4, 10], views(&[10, 60, 1], &[10, 60, 1], &[0, 60, 1], 0)),
            (&[4, 6, 10], views(&[-60, -10, -1], &[-60, -10, -1], &[0, -10, -1], 239)),
            (&[3, 6, 5], views(&[60, 10, 2], &[60, 10, 2], &[60, 10, 1], 3)),
        ];
        for (dims, views) in sets {
            cases.push(elementwise_case(cases.len(), &format!("select {dtype}"), &program, dims, &views));
        }
    }
    let failures = check(&cases);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn generated_reductions_give_what_the_cpu_gives() {
    let failures = check(&reduction_cases(0));
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
