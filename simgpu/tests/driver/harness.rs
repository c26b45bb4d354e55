//! Processes with the stand-in on the library path, and short ways to compile and launch.

use cudarc::driver::{CudaContext, CudaFunction, CudaStream, LaunchConfig};
use cudarc::nvrtc::{CompileOptions, Ptx, compile_ptx_with_opts};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

/// How a case ended.
#[derive(Debug)]
pub struct Outcome {
    pub passed: bool,
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub text: String,
}

/// A folder with the stand-in under the names that bindings look for.
fn libraries() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let exe = std::env::current_exe().unwrap();
        let deps = exe.parent().unwrap();
        let places = [deps.join("libsimgpu.so"), deps.parent().unwrap().join("libsimgpu.so")];
        let library = places.iter().find(|p| p.exists()).unwrap_or_else(|| panic!("none of {places:?} exists"));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libraries");
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["libcuda.so", "libcublas.so"] {
            let _ = std::fs::remove_file(folder.join(name));
            std::os::unix::fs::symlink(library, folder.join(name)).unwrap();
        }
        folder
    })
}

/// The folder of NVRTC, as `scripts/nvrtc-fetch` leaves it; or wherever the library path leads.
fn nvrtc() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cuda/cu13/nvidia/cu13/lib")
}

/// Whether there is an NVRTC.
pub fn has_nvrtc() -> bool {
    let found = nvrtc().join("libnvrtc.so.13").exists() || unsafe { cudarc::nvrtc::sys::is_culib_present() };
    if !found {
        assert!(std::env::var_os("HYPERSLAB_REQUIRE_NVRTC").is_none(), "NVRTC is required and not there");
        eprintln!("skipped: no NVRTC; scripts/nvrtc-fetch fetches it");
    }
    found
}

/// Runs the ignored test `name` in a process of its own.
pub fn case(name: &str, settings: &[(&str, &str)]) -> Outcome {
    let path = std::env::var("LD_LIBRARY_PATH").unwrap_or_default();
    let path = format!("{}:{}:{path}", libraries().display(), nvrtc().display());
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    for variable in simgpu::config::VARIABLES {
        command.env_remove(variable);
    }
    command.env("LD_LIBRARY_PATH", path).env("RUST_BACKTRACE", "0").envs(settings.iter().copied());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains("running 0 tests"), "no test {name}");
    Outcome { passed: output.status.success(), code: output.status.code(), signal: output.status.signal(), text }
}

/// Runs cases that must pass.
#[track_caller]
pub fn passes(name: &str, settings: &[(&str, &str)]) {
    let outcome = case(name, settings);
    assert!(outcome.passed, "{name} with {settings:?}: {outcome:?}\n{}", outcome.text);
}

pub const SAXPY: &str = "extern \"C\" __global__ void saxpy(float a, const float* x, float* y, unsigned long long n) {
  unsigned long long i = blockIdx.x * (unsigned long long)blockDim.x + threadIdx.x;
  if (i < n) y[i] += a * x[i];
}";

pub fn compile(source: &str) -> Ptx {
    let options = vec!["--std=c++17".to_owned(), "--gpu-architecture=compute_90".to_owned()];
    compile_ptx_with_opts(source, CompileOptions { options, ..CompileOptions::default() })
        .unwrap_or_else(|e| panic!("{e}"))
}

/// A context, a stream and the kernel `name` of `source`.
pub fn setup(source: &str, name: &str) -> (Arc<CudaContext>, Arc<CudaStream>, CudaFunction) {
    let context = CudaContext::new(0).unwrap();
    let stream = context.new_stream().unwrap();
    let function = context.load_module(compile(source)).unwrap().load_function(name).unwrap();
    (context, stream, function)
}

pub fn shape(grid: u32, block: u32, shared: u32) -> LaunchConfig {
    LaunchConfig { grid_dim: (grid, 1, 1), block_dim: (block, 1, 1), shared_mem_bytes: shared }
}

/// The counters, by the library's own symbol.
pub fn counters() -> simgpu::counters::Counters {
    type Stats = unsafe extern "C" fn(*mut u64, usize) -> usize;
    let mut out = simgpu::counters::Counters::default();
    unsafe {
        let library = libc::dlopen(c"libcuda.so".as_ptr(), libc::RTLD_NOW);
        let stats: Stats = std::mem::transmute(libc::dlsym(library, c"simgpuStats".as_ptr()));
        let words = size_of_val(&out) / 8;
        assert_eq!(stats((&raw mut out).cast(), words), words);
    }
    out
}
