//! User functions over blocks, with or without a border of what lies around them.

use super::padding::{Border, pad};
use super::{Array, Kind, done};
use crate::chunk::Chunks;
use crate::dtype::Element;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::filters::stretches;
use crate::expr::pending::when_known;
use crate::op::function::{BlockFunction, CudaSource, RawBlock};
use crate::op::regional::Stretch;
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
            fill(&body(view(input).map_err(refuse)?), shape, out).map_err(refuse)
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
    /// with the dense block of `n` elements, the block to fill, and the lengths of its axes. The grid has a thread for
    /// each element, but for very large blocks, so elements are walked in strides of the grid. It is for the caller to
    /// see that the kernel computes what the function does and stays inside its blocks.
    ///
    /// ```
    /// use hyperslab::array::blocks::BlockFn;
    /// let code = r#"
    /// extern "C" __global__ void twice(const float* in, float* out, unsigned long long n, unsigned long long) {
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

/// The elements of a block, or why they are no such.
pub(super) fn view<'a, T: Element + Pod>(block: &'a RawBlock<'a>) -> Result<ArrayViewD<'a, T>, String> {
    if block.dtype != T::DTYPE {
        return Err(format!("is called with {} where {} was expected", block.dtype, T::DTYPE));
    }
    let values = bytemuck::try_cast_slice::<u8, T>(block.bytes).map_err(|e| e.to_string())?;
    ArrayViewD::from_shape(block.shape, values).map_err(|e| e.to_string())
}

/// Fills `out` with a result that must have this shape.
pub(super) fn fill<U: Pod>(result: &ArrayD<U>, shape: &[usize], out: &mut [u8]) -> Result<(), String> {
    if result.shape() != shape {
        let (have, want) = (crate::shape::tuple(result.shape()), crate::shape::tuple(shape));
        return Err(format!("returned a block of shape {have} where {want} was expected"));
    }
    let result = result.as_standard_layout();
    let values = result.as_slice().ok_or("returned a block that is not contiguous")?;
    out.copy_from_slice(bytemuck::cast_slice(values));
    Ok(())
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

    /// A pure function over every logical chunk and a border around it, a pair of widths for each axis, which is cut
    /// off what comes of it. Blocks read the border where it is stored; nothing is copied to neighbours.
    ///
    /// ```
    /// use hyperslab::array::blocks::{BlockFn, Boundary};
    /// let cx = hyperslab::Context::default();
    /// let x = cx.linspace(0.0, 5.0, 6)?.rechunk(&[2]);
    /// // The sum of an element and its neighbours, which are 0 beyond the ends.
    /// let sums = BlockFn::new(|block: ndarray::ArrayViewD<f64>| {
    ///     let mut out = block.to_owned();
    ///     for i in 1..block.len() - 1 {
    ///         out[i] = block[i - 1] + block[i] + block[i + 1];
    ///     }
    ///     out
    /// });
    /// let y = cx.compute(x.map_overlap(&[(1, 1)], Boundary::Constant(0.0.into()), &sums)?)?;
    /// assert_eq!(y.as_slice().unwrap(), &[1.0, 3.0, 6.0, 9.0, 12.0, 9.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) unless there is a pair for each axis.
    #[track_caller]
    pub fn map_overlap<U: Element + Pod + Kind>(
        &self,
        depth: &[(usize, usize)],
        boundary: Boundary,
        function: &BlockFn<T, U>,
    ) -> Result<Array<U>> {
        Ok(Array::of(map_overlap(self.expr(), depth, boundary, &function.function)?))
    }
}

/// What blocks see beyond the ends of an array.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Boundary {
    /// Nothing: the border of a block ends there.
    None,
    /// The array mirrored, with the last element.
    Reflect,
    /// The array again.
    Periodic,
    /// The last element.
    Nearest,
    /// A constant.
    Constant(Scalar),
}

/// The result of `function` on every chunk of `x` with a border of these widths, without the border.
///
/// # Errors
/// As [`Array::map_overlap`].
#[track_caller]
pub fn map_overlap(x: &Expr, depth: &[(usize, usize)], boundary: Boundary, function: &BlockFunction) -> Result<Expr> {
    let (depth, function) = (depth.to_vec(), function.clone());
    when_known("map_overlap", std::slice::from_ref(x), move |e| {
        let (x, lengths) = (&e[0], e[0].shape.known()?);
        if depth.len() != lengths.len() {
            let why = format!("{} pairs of widths for {} axes", depth.len(), lengths.len());
            return Err(Error::argument("map_overlap", why));
        }
        if lengths.contains(&0) {
            return build::full(&lengths, Scalar::Int(0), function.output, None);
        }
        let border = match boundary {
            Boundary::None => None,
            Boundary::Reflect => Some(Border::Reflect { symmetric: true, odd: false }),
            Boundary::Periodic => Some(Border::Wrap),
            Boundary::Nearest => Some(Border::Edge),
            Boundary::Constant(value) => Some(Border::Constant(vec![(value, value); lengths.len()])),
        };
        let padded = border.as_ref().map_or_else(|| Ok(x.clone()), |border| pad(x, &depth, border))?;
        let (with, without) = borders(&x.chunks, &depth, border.is_some());
        let overlapping = stretches(&padded, "overlap", &with, None)?;
        let mapped = build::blocks(std::slice::from_ref(&overlapping), function.clone())?;
        stretches(&mapped, "trim", &without, Some(x.chunks.clone()))
    })
}

/// Where chunks with their borders are taken from, and chunks from what comes of those.
fn borders(chunks: &Chunks, depth: &[(usize, usize)], padded: bool) -> (Vec<Vec<Stretch>>, Vec<Vec<Stretch>>) {
    let mut out = (Vec::new(), Vec::new());
    for (cuts, &(before, after)) in chunks.axes().iter().zip(depth) {
        let (mut with, mut without, mut at) = (Vec::new(), Vec::new(), 0);
        for i in 0..cuts.count() {
            let (start, len) = (cuts.start(i), cuts.length(i));
            // Where nothing was put around the array, borders end with it.
            let low = if padded { before } else { before.min(start) };
            let high = if padded { after } else { after.min(cuts.len() - start - len) };
            let from = if padded { start } else { start - low };
            with.push(Stretch { at, from, len: low + len + high });
            without.push(Stretch { at: start, from: at + low, len });
            at += low + len + high;
        }
        out.0.push(with);
        out.1.push(without);
    }
    out
}
