//! User functions that see whole axes of several arrays, lines, or chunks that they reduce.

use super::blocks::{fill, view};
use super::{Array, Kind, done};
use crate::dtype::Element;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::Expr;
use crate::expr::calls::{self, Reducing, Signature};
use crate::op::function::{BlockFunction, RawBlock};
use crate::shape::axes::Axes;
use bytemuck::Pod;
use ndarray::{Array1, ArrayD, ArrayView1, ArrayViewD, Axis};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

/// The element types of some arrays.
pub trait Elements: 'static {
    /// Their blocks, as a function sees them.
    type Views<'a>;

    /// The blocks.
    ///
    /// # Errors
    /// Why they are not there.
    fn views<'a>(raw: &'a [RawBlock<'a>]) -> Result<Self::Views<'a>, String>;
}

/// What a function is called with: an array, up to four arrays in a tuple, each of its own type, or a slice of some of
/// one type.
pub trait Operands {
    /// Their element types.
    type Elements: Elements;

    /// The expressions behind them.
    fn exprs(&self) -> Vec<Expr>;
}

/// One element type of several arrays.
#[derive(Debug)]
pub struct Many<T>(PhantomData<T>);

impl<T: Element + Pod> Elements for T {
    type Views<'a> = ArrayViewD<'a, T>;

    fn views<'a>(raw: &'a [RawBlock<'a>]) -> Result<Self::Views<'a>, String> {
        view(raw.first().ok_or("is called with nothing")?)
    }
}

impl<T: Element + Pod> Elements for Many<T> {
    type Views<'a> = Vec<ArrayViewD<'a, T>>;

    fn views<'a>(raw: &'a [RawBlock<'a>]) -> Result<Self::Views<'a>, String> {
        raw.iter().map(view).collect()
    }
}

impl<T: Element + Pod + Kind> Operands for &Array<T> {
    type Elements = T;

    fn exprs(&self) -> Vec<Expr> {
        vec![self.expr().clone()]
    }
}

impl<T: Element + Pod + Kind> Operands for &[Array<T>] {
    type Elements = Many<T>;

    fn exprs(&self) -> Vec<Expr> {
        self.iter().map(|x| x.expr().clone()).collect()
    }
}

macro_rules! tuples {
    ($(($($T:ident $x:ident $i:tt),*);)*) => { $(
        impl<$($T: Element + Pod),*> Elements for ($($T,)*) {
            type Views<'a> = ($(ArrayViewD<'a, $T>,)*);

            fn views<'a>(raw: &'a [RawBlock<'a>]) -> Result<Self::Views<'a>, String> {
                let [$($x),*] = raw else { return Err(format!("is called with {} arrays", raw.len())) };
                Ok(($(view($x)?,)*))
            }
        }

        impl<$($T: Element + Pod + Kind),*> Operands for ($(&Array<$T>,)*) {
            type Elements = ($($T,)*);

            fn exprs(&self) -> Vec<Expr> {
                vec![$(self.$i.expr().clone()),*]
            }
        }
    )* };
}
tuples! {
    (A a 0);
    (A a 0, B b 1);
    (A a 0, B b 1, C c 2);
    (A a 0, B b 1, C c 2, D d 3);
}

/// A function of blocks of `E` under a name.
fn named<E: Elements, U: Element + Pod>(
    name: &str,
    body: impl for<'a> Fn(E::Views<'a>) -> ArrayD<U> + Send + Sync + 'static,
) -> BlockFunction {
    let called = name.to_owned();
    let raw = move |inputs: &[RawBlock<'_>], shape: &[usize], out: &mut [u8]| -> Result<()> {
        let refuse = |why: String| Error::from(ErrorKind::Function { name: called.clone(), why });
        let result = body(E::views(inputs).map_err(refuse)?);
        fill(&result, shape, out).map_err(refuse)
    };
    BlockFunction { name: name.to_owned(), output: U::DTYPE, body: Arc::new(raw), cuda: None }
}

/// A generalised function, as NumPy's `vectorize` with a signature and Dask's `apply_gufunc` have it: `(i,j),(j)->(i)`
/// says which of the last axes of its arrays it sees whole, and which its result has. The axes before them are
/// broadcast and cut in chunks; the function is called with a block of each array, with those of these axes that the
/// array has, and gives the block of all.
///
/// ```
/// use hyperslab::{Context, array::functions::Gufunc};
/// use ndarray::{ArrayD, ArrayViewD, Axis};
/// let cx = Context::default();
/// let x = cx.linspace(0.0, 11.0, 12)?.reshape(&[4, 3]).rechunk(&[2, 2]);
/// // The distance between the largest and the smallest element of each row.
/// let range = Gufunc::new("(i)->()")?.named("range").apply(&x, |rows: ArrayViewD<'_, f64>| -> ArrayD<f64> {
///     let last = Axis(rows.ndim() - 1);
///     let (max, min) = (|a: f64, b: &f64| a.max(*b), |a: f64, b: &f64| a.min(*b));
///     rows.map_axis(last, |row| row.iter().fold(f64::MIN, max) - row.iter().fold(f64::MAX, min))
/// })?;
/// assert_eq!(cx.compute(range)?.as_slice().unwrap(), &[2.0; 4]);
/// # Ok::<(), hyperslab::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Gufunc {
    signature: Signature,
    name: String,
    sizes: BTreeMap<String, usize>,
}

impl Gufunc {
    /// A function of this signature.
    ///
    /// # Errors
    /// As [`Signature::parse`].
    pub fn new(signature: &str) -> Result<Self> {
        let name = "generalised function".to_owned();
        Ok(Self { signature: Signature::parse(signature)?, name, sizes: BTreeMap::new() })
    }

    /// The same under a name, for plans and errors.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The same, with the length of a dimension that the result has and no array.
    #[must_use]
    pub fn size(mut self, dimension: impl Into<String>, length: usize) -> Self {
        self.sizes.insert(dimension.into(), length);
        self
    }

    /// What `body` makes of `arrays`.
    ///
    /// ```
    /// use hyperslab::{Context, array::functions::Gufunc};
    /// use ndarray::{ArrayD, ArrayViewD, Ix1, Ix2};
    /// let cx = Context::default();
    /// let (m, v) = (cx.linspace(0.0, 5.0, 6)?.reshape(&[2, 3]), cx.linspace(1.0, 3.0, 3)?);
    /// let body = |(m, v): (ArrayViewD<'_, f64>, ArrayViewD<'_, f64>)| -> ArrayD<f64> {
    ///     let product = m.into_dimensionality::<Ix2>().unwrap().dot(&v.into_dimensionality::<Ix1>().unwrap());
    ///     product.into_dyn()
    /// };
    /// let y = Gufunc::new("(i,j),(j)->(i)")?.apply((&m, &v), body)?;
    /// assert_eq!(cx.compute(y)?.as_slice().unwrap(), &[8.0, 26.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`calls::gufunc`]. What `body` does wrong is an error when it runs.
    #[track_caller]
    pub fn apply<I: Operands, U: Element + Pod + Kind>(
        &self,
        arrays: I,
        body: impl for<'a> Fn(<I::Elements as Elements>::Views<'a>) -> ArrayD<U> + Send + Sync + 'static,
    ) -> Result<Array<U>> {
        let function = named::<I::Elements, U>(&self.name, body);
        Ok(Array::of(calls::gufunc(&self.signature, &arrays.exprs(), &self.sizes, &function)?))
    }
}

/// A function of blocks by the labels of axes, as Dask's `blockwise` has it where blocks along an axis that the result
/// has not are joined: `ij,jk->ik`. A label that the result shares with arrays is cut as their chunks are; one that
/// only arrays have is whole in every call; one that only the result has is made by the function.
///
/// ```
/// use hyperslab::{Context, array::functions::Blockwise};
/// use ndarray::{ArrayD, ArrayViewD, Ix1};
/// let cx = Context::default();
/// let (x, y) = (cx.linspace(1.0, 4.0, 4)?.rechunk(&[2]), cx.linspace(1.0, 3.0, 3)?.rechunk(&[2]));
/// type View<'a> = ArrayViewD<'a, f64>;
/// let outer = Blockwise::new("i,j->ij").apply((&x, &y), |(x, y): (View<'_>, View<'_>)| -> ArrayD<f64> {
///     ArrayD::from_shape_fn(vec![x.len(), y.len()], |at| x[[at[0]]] * y[[at[1]]])
/// })?;
/// assert_eq!(cx.compute(outer)?.as_slice().unwrap()[9..], [4.0, 8.0, 12.0]);
/// # Ok::<(), hyperslab::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Blockwise {
    notation: String,
    name: String,
    sizes: BTreeMap<char, usize>,
}

impl Blockwise {
    /// A function by this notation.
    #[must_use]
    pub fn new(notation: impl Into<String>) -> Self {
        Self { notation: notation.into(), name: "block function".to_owned(), sizes: BTreeMap::new() }
    }

    /// The same under a name, for plans and errors.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The same, with the length of an axis that the result has and no array.
    #[must_use]
    pub fn size(mut self, label: char, length: usize) -> Self {
        self.sizes.insert(label, length);
        self
    }

    /// What `body` makes of `arrays`.
    ///
    /// # Errors
    /// As [`calls::blockwise`]. What `body` does wrong is an error when it runs.
    #[track_caller]
    pub fn apply<I: Operands, U: Element + Pod + Kind>(
        &self,
        arrays: I,
        body: impl for<'a> Fn(<I::Elements as Elements>::Views<'a>) -> ArrayD<U> + Send + Sync + 'static,
    ) -> Result<Array<U>> {
        let function = named::<I::Elements, U>(&self.name, body);
        Ok(Array::of(calls::blockwise(&self.notation, &arrays.exprs(), &self.sizes, &function)?))
    }
}

/// A reduction of one's own: *map* makes the state of a chunk, *combine* one state of neighbouring ones, *finish* the
/// result of a state. Reduced axes stay, with length 1, in what `map` and `combine` give; they are told which these
/// are. Where a state is more than a number, it has a last axis (see [`BlockReduction::states`]), which `finish` takes
/// away.
///
/// ```
/// use hyperslab::{Context, array::functions::BlockReduction};
/// use ndarray::{ArrayD, ArrayViewD, Axis};
/// let cx = Context::default();
/// let product = |x: &ArrayViewD<'_, f64>, axes: &[Axis]| -> ArrayD<f64> {
///     axes.iter().fold(x.to_owned(), |x, &a| x.map_axis(a, |line| line.product()).insert_axis(a))
/// };
/// // The geometric mean of an array whose products do not overflow.
/// let mean = BlockReduction::new(
///     "geometric mean",
///     move |x: ArrayViewD<'_, f64>, axes: &[Axis]| product(&x, axes),
///     move |states: ArrayViewD<'_, f64>, axes: &[Axis]| product(&states, axes),
///     |state: ArrayViewD<'_, f64>| state.mapv(|p| p.powf(0.25)),
/// );
/// let x = cx.from_ndarray(ndarray::arr1(&[1.0, 2.0, 4.0, 8.0]).into_dyn())?.rechunk(&[3]);
/// assert!((cx.compute(x.reduce_blocks(.., &mean))?[[]] - 64f64.powf(0.25)).abs() < 1e-12);
/// # Ok::<(), hyperslab::Error>(())
/// ```
pub struct BlockReduction<T, S, U> {
    name: String,
    states: Option<usize>,
    map: Arc<Step<T, S>>,
    combine: Arc<Step<S, S>>,
    finish: Arc<Finish<S, U>>,
}

/// The last step of a reduction.
type Finish<S, U> = dyn Fn(ArrayViewD<'_, S>) -> ArrayD<U> + Send + Sync;

/// A step of a reduction, which is told the axes.
type Step<T, S> = dyn Fn(ArrayViewD<'_, T>, &[Axis]) -> ArrayD<S> + Send + Sync;

impl<T: Element + Pod, S: Element + Pod, U: Element + Pod> BlockReduction<T, S, U> {
    /// The reduction of these three functions under a name.
    pub fn new(
        name: impl Into<String>,
        map: impl Fn(ArrayViewD<'_, T>, &[Axis]) -> ArrayD<S> + Send + Sync + 'static,
        combine: impl Fn(ArrayViewD<'_, S>, &[Axis]) -> ArrayD<S> + Send + Sync + 'static,
        finish: impl Fn(ArrayViewD<'_, S>) -> ArrayD<U> + Send + Sync + 'static,
    ) -> Self {
        let (map, combine, finish) = (Arc::new(map), Arc::new(combine), Arc::new(finish));
        Self { name: name.into(), states: None, map, combine, finish }
    }

    /// The same, whose states have a last axis of this length.
    #[must_use]
    pub fn states(mut self, count: usize) -> Self {
        self.states = Some(count);
        self
    }

    /// The functions over blocks, for a reduction over `axes`.
    fn over(&self, axes: &[usize]) -> Reducing {
        let step = |which: &str| format!("{} ({which})", self.name);
        let axes: Vec<Axis> = axes.iter().map(|&a| Axis(a)).collect();
        let (map, combine, finish) = (Arc::clone(&self.map), Arc::clone(&self.combine), Arc::clone(&self.finish));
        let own = axes.clone();
        Reducing {
            map: named::<T, S>(&step("map"), move |block: ArrayViewD<'_, T>| map(block, &own)),
            combine: named::<S, S>(&step("combine"), move |states: ArrayViewD<'_, S>| combine(states, &axes)),
            finish: named::<S, U>(&step("finish"), move |state: ArrayViewD<'_, S>| finish(state)),
            states: self.states,
        }
    }
}

impl<T, S, U> std::fmt::Debug for BlockReduction<T, S, U> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlockReduction({})", self.name)
    }
}

impl<T: Element + Pod + Kind> Array<T> {
    /// What `body` makes of every line along an axis: lines of `len` elements.
    ///
    /// ```
    /// use hyperslab::Context;
    /// use ndarray::{Array1, ArrayView1};
    /// let cx = Context::default();
    /// let x = cx.linspace(0.0, 5.0, 6)?.reshape(&[3, 2]);
    /// let ends = |line: ArrayView1<'_, f64>| -> Array1<f64> { ndarray::arr1(&[line[0], line[line.len() - 1]]) };
    /// let y = x.apply_along_axis(0, 2, ends)?;
    /// assert_eq!(cx.compute(y)?.as_slice().unwrap(), &[0.0, 1.0, 4.0, 5.0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Axis`](crate::ErrorKind::Axis) unless there is one such axis. What `body` does wrong is an error when it runs.
    #[track_caller]
    pub fn apply_along_axis<U: Element + Pod + Kind>(
        &self,
        axis: impl Into<Axes>,
        len: usize,
        body: impl Fn(ArrayView1<'_, T>) -> Array1<U> + Send + Sync + 'static,
    ) -> Result<Array<U>> {
        let axes = axis.into().resolve("apply_along_axis", self.ndim(), self.names())?;
        let [axis] = axes[..] else {
            let why = format!("goes along one axis, not {} of {}", axes.len(), self.shape());
            return Err(Error::axis("apply_along_axis", why));
        };
        let name = "function of lines";
        let raw = move |inputs: &[RawBlock<'_>], shape: &[usize], out: &mut [u8]| -> Result<()> {
            let refuse = |why: String| Error::from(ErrorKind::Function { name: name.to_owned(), why });
            let block = T::views(inputs).map_err(refuse)?;
            let lines = block.lanes(Axis(block.ndim() - 1));
            let room = out.chunks_exact_mut((shape[shape.len() - 1] * size_of::<U>()).max(1));
            for (line, out) in lines.into_iter().zip(room) {
                fill(&body(line).into_dyn(), &shape[shape.len() - 1..], out).map_err(refuse)?;
            }
            Ok(())
        };
        let function = BlockFunction { name: name.to_owned(), output: U::DTYPE, body: Arc::new(raw), cuda: None };
        Ok(Array::of(calls::along_axis(self.expr(), axis, len, &function)?))
    }

    /// A reduction of one's own over some axes, chunk by chunk exactly as [`Array::chunks`] cuts them. States are
    /// combined in a tree that the chunks decide, whatever the threads.
    #[track_caller]
    #[must_use]
    pub fn reduce_blocks<S: Element + Pod + Kind, U: Element + Pod + Kind>(
        &self,
        axes: impl Into<Axes>,
        reduction: &BlockReduction<T, S, U>,
    ) -> Array<U> {
        let axes = done(axes.into().resolve("reduce_blocks", self.ndim(), self.names()));
        Array::of(done(calls::reduce(self.expr(), &axes, &reduction.over(&axes))))
    }
}
