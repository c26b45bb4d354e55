//! User functions over blocks.

use super::{Array, Kind, done};
use crate::dtype::Element;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::build;
use crate::op::function::{BlockFunction, CudaSource, RawBlock};
use bytemuck::Pod;
use ndarray::{ArrayD, ArrayViewD};
use std::marker::PhantomData;
use std::sync::Arc;

/// A pure function from a block of `T` to a block of `U` of the same shape.
pub struct BlockFn<T, U> {
    function: BlockFunction,
    kind: PhantomData<fn(T) -> U>,
}

impl<T: Element + Pod, U: Element + Pod> BlockFn<T, U> {
    /// The function `body`, called `block function` in errors and plans.
    pub fn new(body: impl Fn(ArrayViewD<'_, T>) -> ArrayD<U> + Send + Sync + 'static) -> Self {
        Self::named("block function", body)
    }

    /// The function `body` under a name.
    pub fn named(
        name: impl Into<String>,
        body: impl Fn(ArrayViewD<'_, T>) -> ArrayD<U> + Send + Sync + 'static,
    ) -> Self {
        let name = name.into();
        let called = name.clone();
        let raw = move |inputs: &[RawBlock<'_>], shape: &[usize], out: &mut [u8]| -> Result<()> {
            let refuse = |why: String| Error::from(ErrorKind::Function { name: called.clone(), why });
            let input = inputs.first().ok_or_else(|| Error::bug("a block function has an input"))?;
            let values = bytemuck::try_cast_slice::<u8, T>(input.bytes).map_err(|e| refuse(e.to_string()))?;
            let view = ArrayViewD::from_shape(input.shape, values).map_err(|e| refuse(e.to_string()))?;
            let result = body(view);
            if result.shape() != shape {
                let (have, want) = (crate::shape::tuple(result.shape()), crate::shape::tuple(shape));
                return Err(refuse(format!("returned a block of shape {have} where {want} was expected")));
            }
            let result = result.as_standard_layout();
            let values =
                result.as_slice().ok_or_else(|| refuse("returned a block that is not contiguous".to_owned()))?;
            out.copy_from_slice(bytemuck::cast_slice(values));
            Ok(())
        };
        Self { function: BlockFunction { name, output: U::DTYPE, body: Arc::new(raw), cuda: None }, kind: PhantomData }
    }

    /// The function that does the same to every element.
    ///
    /// ```
    /// use hyperslab::{Context, array::blocks::BlockFn};
    /// let cx = Context::default();
    /// let softplus = BlockFn::of_elements(|x: f64| x.exp().ln_1p()).cuda_element("log1p(exp(x))");
    /// let y = cx.compute(cx.linspace(0.0, 1.0, 2)?.map_blocks(&softplus))?;
    /// assert_eq!(y[0], 2f64.ln());
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    pub fn of_elements(body: impl Fn(T) -> U + Send + Sync + 'static) -> Self {
        Self::named("element function", move |block: ArrayViewD<'_, T>| block.mapv(&body))
    }

    /// The same function, for which a GPU evaluates `expression`, CUDA C of the element `x`, at each element: its value
    /// is converted to the element type of the result. It is for the caller to see that both compute the same.
    #[must_use]
    pub fn cuda_element(mut self, expression: impl Into<String>) -> Self {
        self.function.cuda = Some(CudaSource::Element(expression.into()));
        self
    }

    /// The same function, for which a GPU launches the kernel `entry` of this CUDA C once a block:
    ///
    /// ```cuda
    /// extern "C" __global__ void entry(const T* in, U* out, unsigned long long n, unsigned long long length0, ...)
    /// ```
    ///
    /// with the dense block of `n` elements, the block to fill, and the lengths of its axes. The grid has a thread for each
    /// element, but for very large blocks, so elements are walked in strides of the grid. It is for the caller to see that
    /// the kernel computes what the function does and stays inside its blocks.
    ///
    /// ```
    /// use hyperslab::array::blocks::BlockFn;
    /// let code = r#"extern "C" __global__ void twice(const float* in, float* out, unsigned long long n, unsigned long long) {
    ///     for (unsigned long long i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    ///         out[i] = 2 * in[i];
    /// }"#;
    /// let twice = BlockFn::<f32, f32>::new(|block| &block * 2.0).cuda_kernel("twice", code);
    /// ```
    #[must_use]
    pub fn cuda_kernel(mut self, entry: impl Into<String>, code: impl Into<String>) -> Self {
        self.function.cuda = Some(CudaSource::Kernel { entry: entry.into(), code: code.into() });
        self
    }
}

impl<T, U> std::fmt::Debug for BlockFn<T, U> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlockFn({})", self.function.name)
    }
}

impl<T: Element + Pod + Kind> Array<T> {
    /// A pure function over every logical chunk, exactly as [`Array::chunks`] cuts them.
    ///
    /// ```
    /// use hyperslab::{Context, array::blocks::BlockFn};
    /// let cx = Context::default();
    /// let x = cx.linspace(0.0, 1.0, 6)?.rechunk(&[3]);
    /// let centred = x.map_blocks(&BlockFn::new(|b| &b - b.mean().unwrap_or(0.0)));
    /// let answer = cx.compute(centred)?;
    /// assert!((answer[0] + 0.2).abs() < 1e-15 && answer[1].abs() < 1e-15);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn map_blocks<U: Element + Pod + Kind>(&self, function: &BlockFn<T, U>) -> Array<U> {
        Array::of(done(build::blocks(&[self.expr().clone()], function.function.clone())))
    }
}
