//! Fifty random expressions over data eight times the budget, with random faults, each in a process of its own whose
//! resident memory is measured. The answers are those of a run with all the memory it wants, byte for byte.
//! `STRESS_FIRST` and `STRESS_CASES` draw others, and more.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test, and a process that reports")]

mod expressions;
mod faults;

use expressions::Case;
use faults::Fault;
use hyperslab::store::Create;
use hyperslab::{Context, Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;

/// Expressions.
const CASES: u64 = 50;

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |v| v.parse().unwrap())
}

/// Bytes of the budget; each input is eight times as large.
const BUDGET: u64 = 4 << 20;

/// What a process may take beyond its budget: code, stacks, what libraries hold.
const BESIDE: u64 = 128 << 20;

#[test]
fn random_expressions_stay_within_their_budget_whatever_fails() {
    let folder = tempfile::tempdir().unwrap();
    let large = Context::builder().threads(2).memory("2GiB").build().unwrap();
    expressions::write_inputs(&large, folder.path());
    let mut refused = 0;
    let (first, cases) = (from_environment("STRESS_FIRST", 0), from_environment("STRESS_CASES", CASES));
    for seed in first..first + cases {
        let case = Case::random(seed);
        let out = folder.path().join(format!("out{seed}.zarr"));
        let report = in_a_process(folder.path(), &out, seed);
        let what = format!("case {seed}, {:?}: {case}\n{report}", case.fault);
        let figure = |name: &str| -> u64 {
            report
                .lines()
                .find_map(|l| l.strip_prefix(name))
                .unwrap_or_else(|| panic!("{what}"))
                .trim()
                .parse()
                .unwrap()
        };
        let (budget, resident) = (figure("budget "), figure("resident "));
        assert!(resident <= budget + BESIDE, "{what}");
        assert!(figure("projected ") <= budget, "{what}");
        refused += u64::from(budget > BUDGET);
        match case.fault {
            Fault::Unreadable | Fault::Panicking if report.contains("struck") => {
                let named = if case.fault == Fault::Panicking { "fails at random" } else { "chunk" };
                assert!(report.contains("failed: ") && report.contains(named), "{what}");
                assert!(!out.exists(), "{what}");
            }
            _ => {
                assert!(report.contains("done"), "{what}");
                let have = large.compute(large.open(out.join("answer")).unwrap()).unwrap();
                let want = large.compute(case.build(&large, folder.path()).unwrap()).unwrap();
                assert_eq!(have.block().dtype(), want.block().dtype(), "{what}");
                assert_eq!(have.block().shape(), want.block().shape(), "{what}");
                assert!(have.block().bytes() == want.block().bytes(), "{what}");
            }
        }
        let _ = std::fs::remove_dir_all(&out);
    }
    assert!(refused <= cases / 5, "{refused} of {cases} expressions were refused the budget");
}

/// What the process of one case prints.
fn in_a_process(inputs: &Path, out: &Path, seed: u64) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["one_case", "--exact", "--ignored", "--nocapture"])
        .env("STRESS_INPUTS", inputs)
        .env("STRESS_OUT", out)
        .env("STRESS_SEED", seed.to_string())
        // A backtrace reads more debug information than the run has memory.
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "case {seed}: {text}{errors}");
    text.into_owned()
}

#[test]
#[ignore = "runs in a process of its own, for the test above"]
fn one_case() {
    let path = |name: &str| PathBuf::from(std::env::var_os(name).unwrap());
    let (inputs, out) = (path("STRESS_INPUTS"), path("STRESS_OUT"));
    let case = Case::random(std::env::var("STRESS_SEED").unwrap().parse().unwrap());
    let mut budget = BUDGET;
    // A refusal names a budget that suffices.
    for _ in 0..2 {
        match run(&case, &inputs, &out, budget) {
            Err(e) => match e.kind() {
                ErrorKind::Memory { needed, .. } => {
                    println!("refused: {e}");
                    budget = *needed;
                }
                _ => {
                    println!("failed: {e}");
                    break;
                }
            },
            Ok(()) => {
                println!("done");
                break;
            }
        }
    }
    if faults::STRUCK.load(Ordering::Relaxed) {
        println!("struck");
    }
    println!("budget {budget}\nresident {}", resident());
}

fn run(case: &Case, inputs: &Path, out: &Path, budget: u64) -> Result<(), Error> {
    let cx = Context::builder().threads(2).memory(budget.to_string()).spill_folder(inputs).build()?;
    let answer = faults::injected(&case.build(&cx, inputs)?, case);
    let (dtype, shape) = (answer.dtype(), answer.shape().known()?);
    let stored =
        answer.store(out.join("answer"), Create::new().chunks(case.chunks(&shape, dtype.size())).codec("none"));
    let done = cx.compute(stored);
    println!("projected {}", cx.report().projected_bytes);
    println!("spilled {}, read {}", cx.report().bytes_spilled, cx.report().bytes_read);
    done
}

/// The most memory that this process ever held.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap() << 10
}
