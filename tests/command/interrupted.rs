//! Runs that are killed, stopped and interrupted at any moment. `KILL_SEED` draws other moments.

use super::Bench;
use hyperslab::Context;
use hyperslab::store::Create;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The longest that a child is waited for: far more than it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command that runs; killed when it is dropped, so that a test that fails leaves none.
struct Running(Child);

impl Running {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    fn signal(&self, name: &str) {
        let done = Command::new("kill").args([format!("-{name}"), self.0.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// The exit code and what it said, once it has ended by itself.
    fn end(&mut self) -> (Option<i32>, String) {
        let begin = Instant::now();
        while self.0.try_wait().unwrap().is_none() {
            assert!(begin.elapsed() < PATIENCE, "it does not stop");
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut said = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.0.wait().unwrap().code(), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// Moments that look random, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

impl Bench {
    /// A bench with a larger array: `big.zarr/a` and `big.zarr/g/b`.
    fn with_much() -> Self {
        let bench = Self::new();
        let cx = Context::builder().threads(2).build().unwrap();
        let x = cx.arange(1000 * 1200).unwrap().cast::<f64>();
        let x = cx.compute(&x * 1.25).unwrap().into_shape_with_order(vec![1000, 1200]).unwrap();
        let x = cx.from_ndarray(x).unwrap();
        for inner in ["a", "g/b"] {
            cx.compute(x.store(bench.path("big.zarr").join(inner), Create::new().chunks([40, 1200]))).unwrap();
        }
        bench
    }

    fn start(&self, args: &[&str]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hyperslab"));
        command.args(args).args(["--threads", "2"]).current_dir(self.folder.path());
        Running(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Everything that begins with a dot.
    fn hidden(&self) -> Vec<String> {
        self.names().into_iter().filter(|name| name.starts_with('.')).collect()
    }

    fn wait_for(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !holds() {
            assert!(begin.elapsed() < PATIENCE, "{what} did not come about: {:?}", self.names());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Every file at or below a path, with its bytes.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut out, mut left) = (BTreeMap::new(), vec![root.to_path_buf()]);
    while let Some(at) = left.pop() {
        if at.is_dir() {
            left.extend(std::fs::read_dir(&at).unwrap().map(|e| e.unwrap().path()));
        } else {
            out.insert(at.strip_prefix(root).unwrap().to_path_buf(), std::fs::read(&at).unwrap());
        }
    }
    out
}

fn remove(path: &Path) {
    if path.is_dir() {
        std::fs::remove_dir_all(path).unwrap();
    } else if path.exists() {
        std::fs::remove_file(path).unwrap();
    }
}

/// Kills `args`, which writes `out`, at so many moments; goes on with each, and compares with a run that nobody killed.
fn kill_and_resume(args: &[&str], out: &str, kills: u64) {
    let bench = Bench::with_much();
    let path = bench.path(out);
    let begin = Instant::now();
    bench.says(args);
    let mut took = u64::try_from(begin.elapsed().as_micros()).unwrap();
    let whole = files(&path);
    let resumed: Vec<&str> = args.iter().copied().chain(["--resume"]).collect();
    let seed = std::env::var("KILL_SEED").map_or(20, |seed| seed.parse().unwrap());
    let (mut random, midway) = (Random(seed), Cell::new(0));
    // More where the machine was so fast or slow that none was in time.
    for round in (0..20 * kills).take_while(|&round| round < kills || midway.get() == 0) {
        remove(&path);
        // Every third is killed near the end, where things get their names, and every other once more when it resumes.
        for step in 0..1 + round % 2 {
            let moment = if round % 3 == 0 { took * 4 / 5 + random.below(took / 3) } else { random.below(took) };
            let mut child = bench.start(if step == 0 { args } else { &resumed });
            std::thread::sleep(Duration::from_micros(moment));
            child.kill();
            if path.exists() {
                let have = files(&path);
                let differ = |name: &&PathBuf| have.get(*name) != whole.get(*name);
                let differing: Vec<&PathBuf> = have.keys().chain(whole.keys()).filter(differ).collect();
                assert!(differing.is_empty(), "round {round}: what is visible is whole, not {differing:?}");
                took = (took - took / 8).max(1000);
            } else if !bench.hidden().is_empty() {
                midway.set(midway.get() + 1);
            }
        }
        if path.exists() && bench.hidden().iter().all(|name| !name.starts_with(".manifest.")) {
            // It was done before it was killed, or as good as done.
            continue;
        }
        bench.says(&resumed);
        let have = files(&path);
        let differ = |name: &&PathBuf| have.get(*name) != whole.get(*name);
        let differing: Vec<&PathBuf> = have.keys().chain(whole.keys()).filter(differ).collect();
        assert!(differing.is_empty(), "round {round}: {differing:?}");
        assert!(bench.hidden().is_empty(), "round {round}: {:?}", bench.hidden());
    }
    assert!(midway.get() > 0, "no run was killed before its end");
}

#[test]
fn a_killed_rechunk_resumes_to_the_same_bytes() {
    kill_and_resume(&["rechunk", "big.zarr/a", "out.zarr/x", "--chunks", "50,50"], "out.zarr", 20);
}

#[test]
fn killed_runs_of_other_kinds_resume_to_the_same_bytes() {
    kill_and_resume(&["convert", "big.zarr", "out.zarr", "--chunks", "100,100"], "out.zarr", 6);
    kill_and_resume(&["convert", "big.zarr/a", "out.npy", "--chunks", "10,1200"], "out.npy", 4);
    let both = ["eval", "x - mean(x, axis=0), x * 2", "x=big.zarr/a", "-o", "out.zarr", "--chunks", "100,100"];
    kill_and_resume(&both, "out.zarr", 6);
}

/// The elements of an array that others do not see half of.
fn elements(path: &Path) -> (Vec<usize>, Vec<f64>) {
    let cx = Context::builder().threads(1).build().unwrap();
    let x = cx.compute(cx.open(path).unwrap()).unwrap().to_ndarray::<f64>().unwrap();
    (x.shape().to_vec(), x.into_raw_vec_and_offset().0)
}

#[test]
fn a_killed_append_leaves_the_array_as_it_was_and_runs_again() {
    let bench = Bench::with_much();
    let (out, part) = (bench.path("out.zarr"), ["--chunks", "30,500"]);
    let make = || {
        remove(&out);
        bench.says(&[&["eval", "x[:110]", "x=big.zarr/a", "-o", "out.zarr"][..], &part].concat());
    };
    make();
    let old = elements(&out);
    let append = ["eval", "x[110:]", "x=big.zarr/a", "-o", "out.zarr", "--append", "0"];
    let begin = Instant::now();
    bench.says(&append);
    let took = u64::try_from(begin.elapsed().as_micros()).unwrap();
    let (shape, all) = elements(&bench.path("big.zarr/a"));
    assert!(elements(&out) == (shape.clone(), all.clone()));
    let (mut random, mut midway) = (Random(7), 0);
    for round in 0..40 {
        make();
        let mut child = bench.start(&append);
        let moment = if round % 2 == 0 { took / 2 + random.below(took / 2) } else { random.below(took) };
        std::thread::sleep(Duration::from_micros(moment));
        child.kill();
        let there = elements(&out);
        let done = there.0 == shape;
        // Locks go with their process, whatever is left of their files.
        let left = bench.hidden().iter().any(|name| !name.starts_with(".lock."));
        assert!(there.0 == old.0 && there.1 == old.1 || done && there.1 == all, "round {round}");
        midway += usize::from(left);
        if !done || left {
            let again: Vec<&str> = append.into_iter().chain((round % 4 == 0).then_some("--resume")).collect();
            bench.says(&again);
        }
        assert!(elements(&out) == (shape.clone(), all.clone()), "round {round}");
        if midway > 8 {
            break;
        }
    }
    assert!(midway > 0, "no run was killed before its end");
}

#[test]
fn a_run_without_resume_clears_up_after_a_killed_one() {
    for out in ["out.zarr", "out.npy", "out.h5"] {
        let bench = Bench::with_much();
        let args = ["convert", "big.zarr/a", out, "--chunks", "20,20"];
        let mut child = bench.start(&args);
        bench.wait_for("a hidden output", || bench.hidden().iter().any(|name| name.starts_with(".partial.")));
        child.kill();
        assert!(!bench.path(out).exists() && !bench.hidden().is_empty());
        bench.says(&args);
        assert!(bench.path(out).exists() && bench.hidden().is_empty(), "{:?}", bench.names());
    }
}

#[test]
fn an_output_has_one_writer_and_a_killed_one_leaves_no_lock() {
    let bench = Bench::with_much();
    let args = ["rechunk", "big.zarr/a", "out.zarr", "--chunks", "20,20"];
    let mut child = bench.start(&args);
    bench.wait_for("a hidden output", || bench.hidden().iter().any(|name| name.starts_with(".partial.")));
    child.signal("STOP");
    let (code, why) = bench.fails(&args);
    let start = format!("error: out.zarr: is being written by process {}; wait until that is done", child.0.id());
    assert!(code == 1 && why.starts_with(&start), "{why}");
    child.kill();
    bench.says(&args);
    assert!(bench.hidden().is_empty());
}

/// Interrupts a run that would write 16 GB; its exit code, what it says, and how long it took to end.
fn interrupted(bench: &Bench, more: &[&str]) -> (Option<i32>, String, Duration) {
    let args = ["eval", "sin(arange(2000000000.0))", "-o", "out.zarr", "--chunks", "1000000", "--expand"];
    let mut child = bench.start(&[&args[..], more].concat());
    bench.wait_for("a chunk", || bench.path(".partial.out.zarr/c/0").exists());
    child.signal("INT");
    let begin = Instant::now();
    let (code, said) = child.end();
    (code, said, begin.elapsed())
}

#[test]
fn an_interrupted_run_stops_and_leaves_nothing() {
    let bench = Bench::new();
    let before = bench.names();
    let (code, why, took) = interrupted(&bench, &[]);
    assert_eq!((code, why.as_str()), (Some(130), "error: cancelled\n"));
    assert!(took < PATIENCE / 4, "it took {took:?} to stop");
    assert_eq!(bench.names(), before);
}

#[test]
fn an_interrupted_run_that_may_resume_keeps_what_is_done() {
    let bench = Bench::new();
    let (code, ..) = interrupted(&bench, &["--resume"]);
    assert_eq!(code, Some(130));
    assert_eq!(bench.hidden(), [".manifest.out.zarr", ".partial.out.zarr"]);
    let (code, why) = bench.fails(&["eval", "sin(arange(10.0))", "-o", "out.zarr", "--resume"]);
    assert!(code == 1 && why.contains("the run that was interrupted is not this one"), "{why}");
    bench.says(&["eval", "sin(arange(10.0))", "-o", "out.zarr"]);
    assert!(bench.hidden().is_empty());
}

#[test]
fn a_run_in_the_middle_of_a_huge_chunk_stops_all_the_same() {
    // One task, which takes many seconds.
    let program = format!("x = arange(16000000.0){}; x", "; x = sin(x)".repeat(200));
    for (more, left) in [(&[][..], &[][..]), (&["--resume"][..], &[".manifest.", ".partial."][..])] {
        let bench = Bench::new();
        let before = bench.names();
        let args = ["eval", &program, "-o", "new/out.zarr", "--chunks", "16000000", "--expand"];
        let mut child = bench.start(&[&args[..], more].concat());
        bench.wait_for("a hidden output", || bench.path("new/.partial.out.zarr").exists());
        std::thread::sleep(Duration::from_millis(300));
        child.signal("INT");
        let begin = Instant::now();
        let (code, why) = child.end();
        assert_eq!((code, why.as_str()), (Some(130), "error: cancelled\n"));
        // A second, on a machine that does nothing else.
        assert!(begin.elapsed() < Duration::from_secs(4), "it took {:?} to stop", begin.elapsed());
        if more.is_empty() {
            assert_eq!(bench.names(), before);
        } else {
            let kept: Vec<String> = left.iter().map(|kind| format!("{kind}out.zarr")).collect();
            assert_eq!(bench.names_in("new"), kept);
        }
    }
}

#[test]
fn a_full_disk_ends_a_run_tidily() {
    // A file system of 2 MiB, seen by this command alone, where the system lets us have one.
    let bench = Bench::with_much();
    std::fs::create_dir(bench.path("disk")).unwrap();
    let binary = env!("CARGO_BIN_EXE_hyperslab");
    for (out, args) in
        [("out.zarr", "--chunks 50,50 --codec none"), ("out.npy", ""), ("out.h5", "--chunks 50,50 --codec none")]
    {
        let script = format!(
            "mount -t tmpfs -o size=2m none disk || exit 77; {binary} convert big.zarr/a disk/{out} {args}; \
             code=$?; ls -A disk >left; exit $code"
        );
        let mut command = Command::new("unshare");
        let Ok(output) = command.args(["-rm", "sh", "-c", &script]).current_dir(bench.folder.path()).output() else {
            return;
        };
        let (code, why) = (output.status.code(), super::text(&output.stderr));
        if !bench.path("left").exists() {
            eprintln!("no file system of our own here: {why}");
            return;
        }
        assert_eq!(code, Some(1), "{why}");
        assert!(why.starts_with("error: ") && why.contains(&format!("disk/{out}")), "{why}");
        assert!(why.contains("No space left on device") || out == "out.h5", "{why}");
        assert_eq!(std::fs::read_to_string(bench.path("left")).unwrap(), "", "{out}");
    }
}
