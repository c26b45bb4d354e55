//! NVRTC compiles the corpus, and what the assembler made of it is looked at.
//!
//! Skipped, saying so, where NVRTC is missing; with `HYPERSLAB_REQUIRE_NVRTC` set that is a failure.
//! `scripts/nvrtc-check` fetches NVRTC and cuobjdump and runs this.

use super::corpus::{self, Entry, entries, fused, of_op, of_reduction, preludes};
use hyperslab::cuda::compile::{self, Target};
use hyperslab::cuda::layout::{Access, Form, ReduceForm};
use hyperslab::cuda::{dealing, elementwise, reduce};
use hyperslab::dtype::DType;
use hyperslab::op::elementwise::ElementOp;
use hyperslab::op::program::Program;
use hyperslab::op::reduction::REDUCTIONS;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Hopper, for which every kernel is compiled.
const MAIN: i32 = 90;

/// Turing, Ampere and Blackwell, for which some of each kind are.
const OTHERS: [i32; 3] = [75, 80, 100];

/// Kernels of one NVRTC program. The prelude costs as much as one kernel; larger programs gain nothing.
const BATCH: usize = 32;

/// The most registers of a thread: two blocks of 256 threads fit into a multiprocessor.
const REGISTERS: usize = 128;

/// The most static shared memory of a block, in bytes.
const SHARED: usize = 48 << 10;

fn required() -> bool {
    std::env::var_os("HYPERSLAB_REQUIRE_NVRTC").is_some()
}

/// Whether NVRTC is there; says so where it is not, and fails where it must be.
fn is_available() -> bool {
    let found = compile::is_available();
    assert!(found || !required(), "NVRTC is required and not on the library path");
    if !found {
        eprintln!("skipped: no NVRTC on the library path; scripts/nvrtc-check fetches it");
    }
    found
}

/// The number before or after a word of the assembler's log.
fn number(line: &str, before: &str, after: &str) -> usize {
    let Some((_, rest)) = line.split_once(before) else { return 0 };
    rest.split(after).next().and_then(|n| n.trim().parse().ok()).unwrap_or(0)
}

/// What kernels need, as the assembler says.
#[derive(Default)]
struct Needs {
    registers: AtomicUsize,
    shared: AtomicUsize,
    compiled: AtomicUsize,
}

impl Needs {
    /// Kernels of a batch that need too much, with what the assembler said; how many kernels it told of.
    fn look(&self, batch: &[&Entry], log: &str) -> (Vec<String>, usize) {
        let (mut function, mut found, mut told) = ("", Vec::new(), 0);
        for line in log.lines() {
            if let Some((_, name)) = line.split_once("Function properties for ") {
                function = name.trim();
            }
            let spills = line.contains("bytes spill") && !line.contains(", 0 bytes spill stores, 0 bytes spill loads");
            let used = line.contains("Used ") && line.contains(" registers");
            let (mut registers, mut shared) = (0, 0);
            if used {
                registers = number(line, "Used ", " registers");
                shared =
                    line.split(',').find(|part| part.contains(" bytes smem")).map_or(0, |p| number(p, " ", " bytes"));
                self.registers.fetch_max(registers, Ordering::Relaxed);
                self.shared.fetch_max(shared, Ordering::Relaxed);
                told += 1;
            }
            if spills || registers > REGISTERS || shared > SHARED || (used && registers == 0) {
                let entry = batch.iter().find(|e| function.starts_with(&e.name));
                let label = entry.map_or(function, |e| e.label.as_str());
                found.push(format!("{label}: {}", line.trim()));
            }
        }
        (found, told)
    }

    /// Compiles one batch; a failure names the kernels and the message.
    fn check(&self, batch: &[&Entry], architecture: i32) -> Result<(), String> {
        let text: String = batch.iter().map(|e| e.text.as_str()).collect();
        let labels = || batch.iter().map(|e| e.label.as_str()).collect::<Vec<_>>().join("; ");
        let done = compile::compile(&(preludes() + &text), Target::Sm(architecture), &["--ptxas-options=-v"])
            .map_err(|e| format!("sm_{architecture}: {e}\nin a batch of {}", labels()))?;
        let (wrong, told) = self.look(batch, &done.log);
        if !wrong.is_empty() {
            return Err(format!("sm_{architecture}: spills, registers or shared memory: {}", wrong.join("; ")));
        }
        if told != batch.len() {
            return Err(format!("sm_{architecture}: the log tells of {told} of {} kernels: {}", batch.len(), labels()));
        }
        if !done.image.starts_with(b"\x7fELF") {
            return Err(format!("sm_{architecture}: no cubin for {}", labels()));
        }
        self.compiled.fetch_add(batch.len(), Ordering::Relaxed);
        Ok(())
    }
}

#[test]
fn kernels_compile_for_every_architecture_without_spills() {
    if !is_available() {
        return;
    }
    let begin = Instant::now();
    let entries = entries();
    let known = compile::architectures().unwrap();
    assert!(OTHERS.iter().chain([&MAIN]).all(|a| known.contains(a)), "this NVRTC compiles for {known:?}");
    let mut lists: Vec<(i32, Vec<&Entry>)> = vec![(MAIN, entries.iter().collect())];
    lists.extend(OTHERS.iter().enumerate().map(|(i, &a)| (a, entries.iter().filter(|e| e.others[i]).collect())));
    let work: Vec<(i32, &[&Entry])> =
        lists.iter().flat_map(|(a, list)| list.chunks(BATCH).map(move |batch| (*a, batch))).collect();
    let (next, needs, failures) = (AtomicUsize::new(0), Needs::default(), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(&(architecture, batch)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = needs.check(batch, architecture) {
                        failures.lock().unwrap().push(why);
                    }
                }
            });
        }
    });
    let version = compile::version().unwrap();
    let counts: Vec<String> = lists.iter().map(|(a, list)| format!("{} for sm_{a}", list.len())).collect();
    eprintln!(
        "NVRTC {}.{}: {} kernels, {}, in {:.1} s; at most {} registers and {} bytes of shared memory",
        version.0,
        version.1,
        needs.compiled.into_inner(),
        counts.join(", "),
        begin.elapsed().as_secs_f64(),
        needs.registers.into_inner(),
        needs.shared.into_inner(),
    );
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} batches failed:\n{}", failures.len(), failures.join("\n\n"));
}

/// The machine code of a kernel as text, by name.
fn disassemble(image: &[u8]) -> Option<Vec<(String, String)>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), image).unwrap();
    let output = match Command::new("cuobjdump").arg("-sass").arg(file.path()).output() {
        Ok(output) => output,
        Err(why) => {
            assert!(!required(), "cuobjdump is required: {why}");
            eprintln!("skipped: no cuobjdump on the path ({why}); scripts/nvrtc-check fetches it");
            return None;
        }
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "cuobjdump: {text} {}", String::from_utf8_lossy(&output.stderr));
    let parts = text.split("Function : ").skip(1);
    Some(parts.map(|p| p.split_once('\n').unwrap_or((p, ""))).map(|(n, c)| (n.trim().into(), c.into())).collect())
}

/// A kernel whose accesses must be wide.
struct Wide {
    entry: Entry,
    /// Bits of an access.
    bits: usize,
    /// How many there must at least be.
    loads: usize,
    stores: usize,
}

/// Kernels whose accesses must be wide.
fn wide() -> Vec<Wide> {
    let mut out = Vec::new();
    let mut add = |label: String, bits: usize, [loads, stores]: [usize; 2], print: &dyn Fn(&str) -> String| {
        let name = format!("w{}_", out.len());
        let text = print(&name);
        out.push(Wide { entry: Entry { label, name, text, others: [false; 3] }, bits, loads, stores });
    };
    let mut programs: Vec<(String, Program)> = fused().into_iter().take(4).collect();
    for dtype in [DType::U8, DType::F16, DType::F32, DType::F64, DType::C64, DType::C128] {
        programs.push((format!("copy {dtype}"), Program::identity(dtype)));
    }
    for (op, dtype) in [
        (ElementOp::Add, DType::I8),
        (ElementOp::Add, DType::BF16),
        (ElementOp::Multiply, DType::F32),
        (ElementOp::Maximum, DType::I64),
        (ElementOp::Sqrt, DType::F64),
        (ElementOp::Exp, DType::F32),
    ] {
        programs.push((format!("{} {dtype}", op.name()), of_op(op, dtype).unwrap()));
    }
    for (label, program) in &programs {
        let n = program.inputs.len();
        let access = vec![Access::Whole; n];
        let width = elementwise::width(program);
        // As much code as a hyperbolic tangent is printed for half as many elements of 16 bits.
        let bits = if label.starts_with("tanh") && program.inputs[0].size() == 2 { 64 } else { 128 };
        let rows = Form::Rows { rank: 2, wide: false, width, access: access.clone() };
        for (form, how) in [(Form::Vector(access), "vector"), (rows, "rows")] {
            if how == "vector" || width > 1 {
                let print = |name: &str| elementwise::print(program, name, &form, false).unwrap().text;
                add(format!("{label}, {how}"), bits, [n, 1], &print);
            }
        }
    }
    for (name, dtype) in [("sum", DType::F32), ("max", DType::F64), ("mean", DType::F16), ("var", DType::F32)] {
        let reduction = *REDUCTIONS.iter().find(|r| r.name() == name).unwrap();
        let tile = of_reduction(reduction, Program::identity(dtype), &[1 << 16]).unwrap();
        let form = ReduceForm { access: vec![Access::Whole], columns: 1, batch: 8, kept: 1, reduced: 1, wide: false };
        add(format!("{name} {dtype}"), 128, [1, 0], &|name| reduce::print(&tile, name, &form, false).unwrap().text);
    }
    out
}

#[test]
fn fast_paths_move_16_bytes_at_a_time() {
    if !is_available() {
        return;
    }
    let kernels = wide();
    let text: String = kernels.iter().map(|w| w.entry.text.as_str()).collect();
    for architecture in [MAIN, OTHERS[1]] {
        let image = compile::compile(&(preludes() + &text), Target::Sm(architecture), &[]).unwrap().image;
        let Some(functions) = disassemble(&image) else { return };
        let mut failures = Vec::new();
        for Wide { entry, bits, loads, stores } in &kernels {
            let code = functions.iter().find(|(n, _)| *n == entry.name).map_or("", |(_, code)| code.as_str());
            let count = |what: &str| code.matches(what).count();
            let (loaded, stored) = (count(&format!("LDG.E.{bits}")), count(&format!("STG.E.{bits}")));
            let local = count(" LDL") + count(" STL");
            if loaded < *loads || stored < *stores || local > 0 {
                failures.push(format!(
                    "sm_{architecture} {}: {loaded} loads and {stored} stores of {bits} bits, {local} of local memory",
                    entry.label
                ));
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }
}

/// The machine code of a kernel.
fn code_of(text: &str, name: &str) -> Option<String> {
    let image = compile::compile(&(preludes() + text), Target::Sm(MAIN), &[]).unwrap().image;
    disassemble(&image)?.into_iter().find(|(n, _)| n == name).map(|(_, code)| code)
}

#[test]
fn transposed_bytes_move_four_at_a_time() {
    if !is_available() {
        return;
    }
    for (dtype, width) in [(DType::U8, 4), (DType::Bool, 4), (DType::I16, 2), (DType::F16, 2)] {
        let form = Form::Turned { rank: 2, wide: false, turned: vec![true], side: 32 * width, width };
        let text = elementwise::print(&Program::identity(dtype), "turned", &form, false).unwrap().text;
        let Some(code) = code_of(&text, "turned") else { return };
        let narrow = [".U8", ".S8", ".U16", ".S16", " LDL", " STL"].iter().filter(|what| code.contains(**what));
        assert_eq!(narrow.count(), 0, "{dtype}: {code}");
        // Whole tiles and others, by squares of words that are turned in registers.
        for what in ["LDG.E", "STG.E", "LDS", "STS", "PRMT"] {
            assert!(code.matches(what).count() >= 8, "{dtype}: {what}");
        }
    }
}

#[test]
fn threads_read_ahead_in_long_reductions() {
    if !is_available() {
        return;
    }
    let cases = [
        ("sum", DType::F32, 1),
        ("max", DType::F32, 1),
        ("sum", DType::F32, 2),
        ("max", DType::F32, 4),
        ("var", DType::F32, 1),
    ];
    for (name, dtype, columns) in cases {
        let reduction = *REDUCTIONS.iter().find(|r| r.name() == name).unwrap();
        let tile = of_reduction(reduction, Program::identity(dtype), &[1 << 20, 4]).unwrap();
        let mut form = ReduceForm { access: vec![Access::Whole], columns, batch: 1, kept: 1, reduced: 1, wide: false };
        form.batch = dealing::batch(&tile, &form, usize::MAX);
        let text = reduce::print(&tile, "ahead", &form, false).unwrap().text;
        let Some(code) = code_of(&text, "ahead") else { return };
        // Loads that no branch parts are on their way together.
        let bytes = |line: &str| match line {
            l if l.contains("LDG.E.128") => 16,
            l if l.contains("LDG.E.64") => 8,
            l if l.contains("LDG.E") => 4,
            _ => 0,
        };
        let together = code.split("BRA").map(|stretch| stretch.lines().map(bytes).sum::<usize>()).max();
        assert_eq!(together, Some(128), "{name} {dtype}, {columns} columns, {} groups", form.batch);
    }
}

#[test]
fn the_corpus_has_every_form_on_every_architecture() {
    let entries = corpus::entries();
    for form in ["Vector", "Rows", "Turned", "Strided", "ReduceForm", "fold"] {
        for (i, architecture) in OTHERS.into_iter().enumerate() {
            let found = entries.iter().filter(|e| e.others[i] && e.label.contains(form)).count();
            assert!(found >= 4, "{found} of {form} for sm_{architecture}");
        }
    }
    for op in ElementOp::ALL {
        let found = |e: &&Entry| e.label.starts_with(&format!("{} ", op.name()));
        let compiled = entries.iter().filter(found).count();
        let other = entries.iter().filter(found).filter(|e| e.others.contains(&true)).count();
        assert!(compiled > 0 && other > 0, "{} is printed {compiled} times, {other} for others", op.name());
    }
}
