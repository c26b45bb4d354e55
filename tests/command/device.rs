//! Expressions with a GPU chosen, or a stand-in for its driver: what the CPU gives, and the same bytes however it is
//! run. Skipped, saying so, where there is none; with `HYPERSLAB_REQUIRE_GPU` set that is a failure.
#![cfg(feature = "cuda")]

use hyperslab::cuda::device::CudaDevice;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Whether there is a GPU; says so where there is none, and fails where there must be.
fn gpu() -> bool {
    let Err(why) = CudaDevice::new(0) else { return true };
    assert!(std::env::var_os("HYPERSLAB_REQUIRE_GPU").is_none(), "a GPU is required: {why}");
    eprintln!("skipped: {why}");
    false
}

/// Name, dtype as in `.npy` files, shape, chunks; without chunks it stays an `.npy` file.
type Input = (&'static str, &'static str, &'static [usize], Option<&'static str>);

const INPUTS: &[Input] = &[
    ("a", "<f8", &[7, 11, 5], Some("3,4,5")),
    ("b", "<f8", &[7, 11, 5], Some("7,2,2")),
    ("f", "<f4", &[13, 9], Some("5,4")),
    ("g", "<f4", &[9, 13], None),
    ("h", "<f2", &[6, 10], Some("2,10")),
    ("n", "<f8", &[8, 12], Some("3,12")),
    ("i", "<i4", &[10, 6], Some("4,4")),
    ("j", "<i8", &[10, 6], None),
    ("k", "|u1", &[9, 7], Some("9,3")),
    ("m", "|b1", &[10, 6], Some("3,2")),
    ("c", "<c8", &[6, 5], Some("4,3")),
    ("v", "<f8", &[37], Some("10")),
    ("w", "<i8", &[37], None),
];

/// What must agree: elementwise, reductions, indexing, shapes, programs, and what has no kernel yet.
const EXPRESSIONS: &[&str] = &[
    "a + b * 2",
    "sqrt(abs(a)) - exp(b) / 3",
    "tanh(f * 2.5) + 1",
    "f.astype('float64') / 3",
    "h * h + 1",
    "i // j, i % j",
    "i * 3 - j",
    "k + k, k // 2, k ^ 3",
    "i << 2",
    "where(m, i, j)",
    "(i > 3) & m | (j == 2)",
    "c * c - conj(c), abs(c)",
    "isnan(n), maximum(n, 0.25)",
    "a + b[:, :1]",
    "f + g.T",
    "sum(a), sum(a, axis=0), sum(a, axis=(0, 2))",
    "sum(f, axis=1, keepdims=True)",
    "mean(h, axis=0), mean(k)",
    "std(a, axis=1), var(f)",
    "min(i, axis=0), max(i), ptp(j, axis=1)",
    "argmax(f, axis=0), argmin(a, axis=2)",
    "nansum(n, axis=1), nanmean(n), nanmax(n)",
    "nanargmin(n, axis=0)",
    "any(m, axis=0), all(m), count_nonzero(m)",
    "prod(i % 3 + 1, axis=1)",
    "sum(c, axis=0)",
    "sum(k, axis=0)",
    "a[1:6:2, ::3, ::-1]",
    "a[-1], a[:, 3], a[..., None]",
    "f[::-1, ::-2] * 2",
    "a[0, 0, 0], a[3:3], v[10:30][::2][3:] + 1",
    "v[::-1] - v, v[-5:] * w[:5]",
    "clip(i, -5, 5), round(f, 1)",
    "transpose(a, (2, 0, 1)) + 1",
    "reshape(a, (77, 5)) * 2",
    "concatenate([i, j], axis=0) + 1",
    "stack([f, f * 2], axis=1)",
    "pad(i, 2)",
    "broadcast_to(v[:6], (4, 6)) + 1",
    "roll(f, 3, axis=0), flip(i, axis=1)",
    "moveaxis(a, 0, -1) * 2, swapaxes(a, 0, 2) - b.T",
    "m = mean(a, axis=0); s = std(a, axis=0); (a - m) / s",
    "d = f - mean(f); sum(d * d, axis=0), max(d)",
    "f @ g",
    "diagonal(a, 1, 2, 0) * 2, diagonal(f[::-1]) + diagonal(g)",
    "trace(f), diag(v, -2), tril(f @ g, 1)",
    "einsum('ijk,ljk->il', a, b), einsum('iji->j', a[:5]), einsum('ij,kj,kl->il', f, f, f)",
    "cumsum(a, axis=0)",
    "cumprod(f, axis=1) + 1",
    "d = f.astype('float64'); linalg.cholesky(d @ d.T + 5000 * eye(13))",
    "e = f.astype('float64'); d = e @ e.T + 5000 * eye(13); linalg.solve(d, d[:4].T), linalg.inv(d)[0], linalg.slogdet(d / 5000)[1]",
];

/// What must be refused with the words in which the CPU refuses it.
const REFUSED: &[&str] = &["a + f", "a[9]", "a[:, [11]]", "sum(a, axis=3)", "a + missing", "bitwise_and(f, f)", "a +"];

/// The folder that inputs and results lie in.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        for &(name, descr, shape, chunks) in INPUTS {
            let file = format!("{name}.npy");
            std::fs::write(bench.path(&file), npy(descr, shape)).unwrap();
            if let Some(chunks) = chunks {
                bench.says(&["convert", &file, &format!("{name}.zarr"), "--chunks", chunks], &[]).unwrap();
            }
        }
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, args: &[&str], environment: &[(&str, &str)]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_hyperslab"))
            .args(args)
            .current_dir(self.0.path())
            .env("HYPERSLAB_KERNEL_CACHE", self.path("kernels"))
            .env_remove("HYPERSLAB_DEVICE")
            .envs(environment.iter().copied())
            .output()
            .unwrap()
    }

    /// What a command prints, or what it says when it fails.
    fn says(&self, args: &[&str], environment: &[(&str, &str)]) -> Result<String, String> {
        let output = self.run(args, environment);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim_end().to_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// The inputs as arguments.
    fn inputs() -> Vec<String> {
        let path = |&(name, _, _, chunks): &Input| format!("{name}={name}.{}", chunks.map_or("npy", |_| "zarr"));
        INPUTS.iter().map(path).collect()
    }

    /// `eval` of an expression of so many results into `.npy` files.
    fn eval(&self, expression: &str, results: usize, how: &[&str], block_bytes: &str) -> Result<Vec<Vec<u8>>, String> {
        let (inputs, outputs) = (Self::inputs(), (0..results).map(|i| format!("out{i}.npy")).collect::<Vec<_>>());
        let mut args = vec!["eval", expression, "--quiet", "--overwrite"];
        args.extend(inputs.iter().map(String::as_str));
        args.extend(outputs.iter().flat_map(|name| ["-o", name.as_str()]));
        args.extend(how);
        self.says(&args, &[("HYPERSLAB_BLOCK_BYTES", block_bytes)]).map_err(|why| format!("{how:?}: {why}"))?;
        Ok(outputs.iter().map(|name| std::fs::read(self.path(name)).unwrap()).collect())
    }
}

/// Reproducible elements: of moderate size, every thirteenth of `n`'s dtype and shape a NaN.
fn npy(descr: &str, shape: &[usize]) -> Vec<u8> {
    let count: usize = shape.iter().product();
    let list: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({list}), }}");
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    out.extend(u16::try_from(padded).unwrap().to_le_bytes());
    out.extend(format!("{header:<width$}\n", width = padded - 1).bytes());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ count as u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i32::try_from((state >> 33) % 1000).unwrap() - 500
    };
    for at in 0..count {
        let (x, y) = (draw(), f64::from(draw()) / 100.0);
        let real = f64::from(x) / 100.0;
        match descr {
            "<f8" if shape == [8, 12] && at % 13 == 5 => out.extend(f64::NAN.to_le_bytes()),
            "<f8" => out.extend(real.to_le_bytes()),
            "<f4" => out.extend((real as f32).to_le_bytes()),
            "<f2" => out.extend(half::f16::from_f64(real).to_le_bytes()),
            "<c8" => out.extend([real as f32, y as f32].iter().flat_map(|v| v.to_le_bytes())),
            "<i4" => out.extend((x % 50).to_le_bytes()),
            "<i8" => out.extend(i64::from(x % 9).to_le_bytes()),
            "|u1" => out.push(x.to_le_bytes()[0]),
            "|b1" => out.push(u8::from(x > 100)),
            other => unreachable!("{other}"),
        }
    }
    out
}

/// The header of an `.npy` file and its elements.
fn parse(file: &[u8]) -> (String, Vec<u8>) {
    let length = usize::from(u16::from_le_bytes([file[8], file[9]]));
    let (header, data) = file[10..].split_at(length);
    (String::from_utf8(header.to_vec()).unwrap(), data.to_vec())
}

/// The real numbers among the elements, with the distance from 1 to the next of their type; nothing for other dtypes.
fn reals(header: &str, data: &[u8]) -> Option<(Vec<f64>, f64)> {
    let four = |c: &[u8]| f64::from(f32::from_le_bytes(c.try_into().unwrap()));
    let eight = |c: &[u8]| f64::from_le_bytes(c.try_into().unwrap());
    let two = |c: &[u8]| half::f16::from_le_bytes(c.try_into().unwrap()).to_f64();
    let has = |d: &str| header.contains(&format!("'{d}'"));
    Some(match () {
        () if has("<f8") || has("<c16") => (data.chunks(8).map(eight).collect(), f64::EPSILON),
        () if has("<f4") || has("<c8") => (data.chunks(4).map(four).collect(), f32::EPSILON.into()),
        () if has("<f2") => (data.chunks(2).map(two).collect(), half::f16::EPSILON.to_f64()),
        () => return None,
    })
}

/// How the GPU's result differs from the CPU's: in anything for integers, by 16 units of the largest for other numbers.
fn difference(gpu: &[u8], cpu: &[u8]) -> Option<String> {
    let ((given, x), (wanted, y)) = (parse(gpu), parse(cpu));
    if given != wanted {
        return Some(format!("{given} for {wanted}"));
    }
    let (Some((x, epsilon)), Some((y, _))) = (reals(&given, &x), reals(&wanted, &y)) else {
        return (x != y).then(|| format!("{x:?} for {y:?}"));
    };
    let size = y.iter().filter(|v| v.is_finite()).fold(1.0_f64, |m, v| m.max(v.abs()));
    let agree = |p: f64, q: f64| p == q || (p.is_nan() && q.is_nan()) || (p - q).abs() <= 16.0 * epsilon * size;
    let at = x.iter().zip(&y).position(|(&p, &q)| !agree(p, q))?;
    Some(format!("[{at}] {} for {}", x[at], y[at]))
}

/// The results of an expression: those after the last semicolon that no bracket holds.
fn results(expression: &str) -> usize {
    let last = expression.rsplit(';').next().unwrap_or("");
    let (mut depth, mut n) = (0, 1);
    for c in last.chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ',' if depth == 0 => n += 1,
            _ => {}
        }
    }
    n
}

/// What is wrong with an expression on the GPU, which draws by `turn` how it is run.
fn check(bench: &Bench, expression: &str, turn: usize) -> Result<(), String> {
    let n = results(expression);
    let cpu = bench.eval(expression, n, &["--device", "cpu", "--threads", "2"], "100000")?;
    let ways = [("1", "64MiB", "64"), ("2", "256MiB", "256"), ("4", "1GiB", "1024"), ("3", "2GiB", "1000000")];
    let run = |way: usize| {
        let (threads, memory, block_bytes) = ways[way % ways.len()];
        bench.eval(expression, n, &["--device", "cuda", "--threads", threads, "--memory", memory], block_bytes)
    };
    let first = run(turn)?;
    for (i, (given, wanted)) in first.iter().zip(&cpu).enumerate() {
        if let Some(why) = difference(given, wanted) {
            return Err(format!("result {i}: {why}"));
        }
    }
    if first != run(turn + 1 + turn / 4 % 3)? {
        return Err("a second run with other threads, memory and block size gave other bytes".to_owned());
    }
    Ok(())
}

#[test]
fn the_gpu_gives_what_the_cpu_gives_however_it_is_run() {
    if !gpu() {
        return;
    }
    let bench = Bench::new();
    let wrong = |(turn, expression): (usize, &&str)| {
        check(&bench, expression, turn).err().map(|why| format!("{expression}: {why}"))
    };
    let failures: Vec<String> = EXPRESSIONS.iter().enumerate().filter_map(wrong).collect();
    assert!(failures.is_empty(), "{} expressions:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_gpu_refuses_what_the_cpu_refuses() {
    if !gpu() {
        return;
    }
    let bench = Bench::new();
    let inputs = Bench::inputs();
    for expression in REFUSED {
        let refused = |device: &str| {
            let mut args = vec!["eval", expression, "--quiet", "--device", device, "-o", "refused.npy"];
            args.extend(inputs.iter().map(String::as_str));
            let output = bench.run(&args, &[]);
            let text = String::from_utf8(output.stderr).unwrap();
            assert!(matches!(output.status.code(), Some(1 | 2)) && !text.contains("panicked"), "{expression}: {text}");
            assert!(!Path::new(&bench.path("refused.npy")).exists(), "{expression}");
            (output.status.code(), text)
        };
        assert_eq!(refused("cuda"), refused("cpu"), "{expression}");
    }
}

#[test]
fn explain_names_what_the_gpu_has_not() {
    if !gpu() {
        return;
    }
    let bench = Bench::new();
    let explain = |expression: &str, device: &str| {
        bench.says(&["explain", expression, "a=a.zarr", "--device", device, "--stage", "tasks"], &[]).unwrap()
    };
    let line = "not on cuda:0, so on the CPU: ";
    let text = explain("cumsum(a * 2, axis=0)", "cuda");
    let fell: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix(line)).collect();
    assert!(fell.len() == 1 && fell[0].contains("cumsum"), "{text}");
    for (expression, device) in [("sum(a * 2 + 1, axis=0)", "cuda"), ("cumsum(a, axis=0)", "cpu")] {
        let text = explain(expression, device);
        assert!(!text.contains("so on the CPU"), "{text}");
    }
}
