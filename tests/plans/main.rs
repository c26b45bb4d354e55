//! What the planner makes of expressions, as text, for a pinned machine: 2 threads, 1 GiB, the CPU.

#![cfg(feature = "zarr")]

mod elementwise;
mod exchange;
mod factorisations;
mod memory;
mod outputs;
mod reductions;
mod scans;
mod size;

use hyperslab::array::compute::Compute;
use hyperslab::dtype::{DType, scalar::Scalar};
use hyperslab::runtime::pipeline::Stage;
use hyperslab::store::Create;
use hyperslab::{Array, Context};
use tempfile::TempDir;

/// A context of that machine with this budget.
fn machine(memory: &str) -> Context {
    Context::builder().threads(2).memory(memory).device("cpu").build().unwrap()
}

/// Arrays on disk, and the pinned machine.
struct Files {
    folder: TempDir,
    cx: Context,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), cx: machine("1GiB") }
    }

    /// A stored array of 32-bit floats.
    fn array(&self, name: &str, shape: &[usize], chunks: &[usize]) -> Array<f32> {
        let path = self.folder.path().join(name);
        let ones = Array::filled(shape, Scalar::Int(1), DType::F32, Some(chunks)).unwrap();
        self.cx.compute(ones.store(&path, Create::new().chunks(chunks))).unwrap();
        self.cx.open(&path).unwrap().try_typed().unwrap()
    }

    /// 1000 by 600 in chunks of 100 by 300.
    fn t(&self) -> Array<f32> {
        self.array("t.zarr", &[1000, 600], &[100, 300])
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// One stage, paths relative to the folder.
    fn show(&self, what: impl Compute, stage: Stage) -> String {
        self.show_on(&self.cx, what, stage)
    }

    /// As `show`, for another machine.
    fn show_on(&self, cx: &Context, what: impl Compute, stage: Stage) -> String {
        let text = cx.explain(what, stage).unwrap();
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }

    /// The fused plan and its tasks.
    fn plan(&self, what: impl Compute + Clone) -> String {
        format!("{}{}", self.show(what.clone(), Stage::Fused), self.show(what, Stage::Tasks))
    }
}
