//! Launching generated kernels: arguments in the order of their parameters, modules loaded once per source.

use super::buffer::DeviceBuffer;
use super::cache;
use super::compile::{Target, compile_cached};
use super::layout::Layout;
use super::source::{BLOCK, KernelSource, PRELUDE, Param};
use super::stream::Streams;
use crate::device::Stream;
use crate::error::{Error, Result};
use cudarc::driver::{CudaContext, CudaFunction, CudaModule};
use cudarc::nvrtc::Ptx;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::path::PathBuf;
use std::sync::Arc;

/// Compiled and loaded kernels.
pub(crate) struct Modules {
    context: Arc<CudaContext>,
    target: Target,
    pub(crate) folder: Option<PathBuf>,
    loaded: Mutex<BTreeMap<u128, Arc<CudaModule>>>,
}

impl Modules {
    pub(crate) fn new(context: Arc<CudaContext>, target: Target) -> Self {
        Self { context, target, folder: None, loaded: Mutex::default() }
    }

    /// The module of this code, which follows the prelude.
    pub(crate) fn load(&self, text: &str, streams: &Streams) -> Result<Arc<CudaModule>> {
        let key = cache::hash([text.as_bytes()]);
        if let Some(module) = self.loaded.lock().get(&key) {
            return Ok(Arc::clone(module));
        }
        let image = compile_cached(&format!("{PRELUDE}\n{text}"), self.target, self.folder.as_deref())?;
        let module = self.context.load_module(Ptx::from_binary(image)).map_err(|e| streams.fault(e))?;
        Ok(Arc::clone(self.loaded.lock().entry(key).or_insert(module)))
    }
}

/// What the parameters of one launch stand for.
pub(crate) struct Values<'a> {
    /// Address of the first element of each input's view.
    pub(crate) inputs: &'a [u64],
    pub(crate) outputs: &'a [Arc<DeviceBuffer>],
    pub(crate) layout: &'a Layout,
    /// Position of the first element, for reductions.
    pub(crate) position: i64,
    /// Partial states, elements per block, number of blocks, for reductions.
    pub(crate) partials: u64,
    pub(crate) chunk: u64,
    pub(crate) blocks: u32,
}

impl Values<'_> {
    /// The bytes of one argument, in 16-byte words.
    fn argument(&self, param: Param) -> Result<Vec<u128>> {
        let one = |v: u64| vec![u128::from(v)];
        let missing = || Error::bug("a launch has a buffer for each parameter");
        Ok(match param {
            Param::Input(i) => one(*self.inputs.get(i).ok_or_else(missing)?),
            Param::Output(i) => one(self.outputs.get(i).ok_or_else(missing)?.address),
            Param::Const(value, dtype) => vec![u128::from_ne_bytes(value.to_bytes(dtype))],
            Param::Space => self.layout.space(),
            Param::Count => one(self.layout.count as u64),
            Param::Position => one(self.position.cast_unsigned()),
            Param::Partials => one(self.partials),
            Param::Chunk => one(self.chunk),
            Param::Blocks => one(self.blocks.into()),
            #[expect(clippy::cast_precision_loss, reason = "blocks are far smaller than 2^53 elements")]
            Param::CountReal => one((self.layout.count as f64).to_bits()),
        })
    }
}

/// Enqueues a kernel of `module` on `grid` blocks.
///
/// # Errors
/// What the driver reports.
pub(crate) fn launch(
    streams: &Streams,
    stream: Stream,
    module: &Arc<CudaModule>,
    kernel: &KernelSource,
    grid: u32,
    values: &Values<'_>,
) -> Result<()> {
    let function: CudaFunction = module.load_function(&kernel.name).map_err(|e| streams.fault(e))?;
    let mut arguments = kernel.params.iter().map(|&p| values.argument(p)).collect::<Result<Vec<_>>>()?;
    let mut pointers: Vec<*mut c_void> = arguments.iter_mut().map(|a| a.as_mut_ptr().cast()).collect();
    let queue = streams.get(stream)?;
    queue.context().bind_to_thread().map_err(|e| streams.fault(e))?;
    // SAFETY: the function belongs to this context; there is one pointer per parameter of its printed signature, each to
    // at least as many initialised bytes as the parameter has, and the driver copies them before it returns. Addresses
    // are those of live buffers that the views were checked against, released in stream order.
    let launched = unsafe {
        cudarc::driver::result::launch_kernel(
            function.cu_function(),
            (grid, 1, 1),
            (BLOCK, 1, 1),
            0,
            queue.cu_stream(),
            &mut pointers,
        )
    };
    launched.map_err(|e| streams.fault(e))?;
    streams.issued(stream);
    Ok(())
}
