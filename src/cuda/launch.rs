//! Launching generated kernels: arguments in the order of their parameters, modules loaded once per source.

use super::cache;
use super::compile::{Target, compile_cached};
use super::layout::{Form, ReduceForm};
use super::source::{KernelSource, PRELUDE, Param};
use super::stream::Streams;
use crate::device::Stream;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::function::CudaSource;
use crate::op::kernel::TileReduce;
use crate::op::program::Program;
use cudarc::driver::{CudaContext, CudaFunction, CudaModule};
use cudarc::nvrtc::Ptx;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

/// What decides a kernel's code.
#[derive(Clone, Copy, Hash)]
pub(crate) enum Key<'a> {
    Elementwise(&'a Program, &'a Form, bool),
    Reduce(&'a TileReduce, &'a ReduceForm, bool),
    Fold(&'a Program),
    Function(&'a CudaSource, DType, DType, usize),
}

/// A [`Key`] that is kept.
#[derive(Hash)]
enum Kept {
    Elementwise(Program, Form, bool),
    Reduce(TileReduce, ReduceForm, bool),
    Fold(Program),
    Function(CudaSource, DType, DType, usize),
}

impl Key<'_> {
    fn keep(self) -> Kept {
        match self {
            Self::Elementwise(program, form, placed) => Kept::Elementwise(program.clone(), form.clone(), placed),
            Self::Reduce(tile, form, finish) => Kept::Reduce(tile.clone(), form.clone(), finish),
            Self::Fold(combine) => Kept::Fold(combine.clone()),
            Self::Function(source, input, output, rank) => Kept::Function(source.clone(), input, output, rank),
        }
    }

    fn is(self, kept: &Kept) -> bool {
        match (self, kept) {
            (Self::Elementwise(a, f, p), Kept::Elementwise(b, g, q)) => a == b && f == g && p == *q,
            (Self::Reduce(a, f, e), Kept::Reduce(b, g, d)) => a == b && f == g && e == *d,
            (Self::Fold(a), Kept::Fold(b)) => a == b,
            (Self::Function(a, i, o, r), Kept::Function(b, j, p, s)) => a == b && (i, o, r) == (*j, *p, *s),
            _ => false,
        }
    }

    fn digest(self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

/// A kernel that is loaded: what it is called with, and its function.
pub(crate) struct Ready {
    source: KernelSource,
    function: CudaFunction,
}

/// Kernels whose keys have the same hash.
type Printed = Vec<(Kept, Arc<Ready>)>;

/// Compiled and loaded kernels, by what they were printed from and by their code.
pub(crate) struct Kernels {
    context: Arc<CudaContext>,
    target: Target,
    pub(crate) folder: Option<PathBuf>,
    ready: Mutex<BTreeMap<u64, Printed>>,
    modules: Mutex<BTreeMap<u128, Arc<CudaModule>>>,
}

impl Kernels {
    pub(crate) fn new(context: Arc<CudaContext>, target: Target) -> Self {
        Self { context, target, folder: None, ready: Mutex::default(), modules: Mutex::default() }
    }

    /// The kernel for `key`, printed by `print` where it is not here yet.
    pub(crate) fn get(
        &self,
        key: Key<'_>,
        streams: &Streams,
        print: impl FnOnce() -> Result<KernelSource>,
    ) -> Result<Arc<Ready>> {
        let digest = key.digest();
        if let Some(list) = self.ready.lock().get(&digest)
            && let Some((_, found)) = list.iter().find(|(kept, _)| key.is(kept))
        {
            return Ok(Arc::clone(found));
        }
        let source = print()?;
        let module = self.module(&source.text, streams)?;
        let function = module.load_function(&source.name).map_err(|e| streams.fault(e))?;
        let ready = Arc::new(Ready { source, function });
        self.ready.lock().entry(digest).or_default().push((key.keep(), Arc::clone(&ready)));
        Ok(ready)
    }

    /// The module of this code, which follows the prelude.
    fn module(&self, text: &str, streams: &Streams) -> Result<Arc<CudaModule>> {
        let key = cache::hash([text.as_bytes()]);
        if let Some(module) = self.modules.lock().get(&key) {
            return Ok(Arc::clone(module));
        }
        let image = compile_cached(&format!("{PRELUDE}\n{text}"), self.target, self.folder.as_deref())?;
        let module = self.context.load_module(Ptx::from_binary(image)).map_err(|e| streams.fault(e))?;
        Ok(Arc::clone(self.modules.lock().entry(key).or_insert(module)))
    }
}

/// The bytes of one argument, in 16-byte words.
pub(crate) type Argument = Vec<u128>;

/// An argument of up to 8 bytes.
pub(crate) fn number(value: u64) -> Argument {
    vec![u128::from(value)]
}

/// Enqueues a kernel on `grid` blocks of `threads`; `argument` gives what a parameter stands for, constants
/// left out.
///
/// # Errors
/// What the driver reports.
pub(crate) fn launch(
    (streams, stream): (&Streams, Stream),
    kernel: &Ready,
    (grid, threads): (u32, u32),
    argument: impl Fn(Param) -> Option<Argument>,
) -> Result<()> {
    let given = |&param: &Param| match param {
        Param::Const(value, dtype) => Ok(vec![u128::from_ne_bytes(value.to_bytes(dtype))]),
        other => argument(other).ok_or_else(|| Error::bug("a launch has an argument for each parameter")),
    };
    let mut arguments = kernel.source.params.iter().map(given).collect::<Result<Vec<_>>>()?;
    let mut pointers: Vec<*mut c_void> = arguments.iter_mut().map(|a| a.as_mut_ptr().cast()).collect();
    let queue = streams.get(stream)?;
    queue.context().bind_to_thread().map_err(|e| streams.fault(e))?;
    // SAFETY: the function belongs to this context; there is one pointer per parameter of its printed signature, each
    // to at least as many initialised bytes as the parameter has, and the driver copies them before it returns.
    // Addresses are those of live buffers that the views were checked against, released in stream order.
    let launched = unsafe {
        cudarc::driver::result::launch_kernel(
            kernel.function.cu_function(),
            (grid, 1, 1),
            (threads, 1, 1),
            0,
            queue.cu_stream(),
            &mut pointers,
        )
    };
    launched.map_err(|e| streams.fault(e))?;
    streams.issued(stream);
    Ok(())
}
