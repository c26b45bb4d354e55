//! Filters over windows around elements, as `scipy.ndimage` names and defines them: [`Array::ndimage`].
//!
//! `weigh.rs` has sums with weights, `gaussian.rs` Gaussian filters and derivatives, `extremes.rs` smallest, largest
//! and ranked elements, `morphology.rs` erosion and dilation, `label.rs` connected elements, `measure.rs` what is
//! measured of elements under a label (`labelled.rs`), `objects.rs` boxes around them, `geometry.rs` arrays at other
//! places, `coordinates.rs` at places that are data, `distance.rs` how far elements are from the next that is 0.

use super::padding::{Border, pad};
use super::{Array, Kind};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::compose::{binary, unary};
use crate::expr::filters::filter;
use crate::expr::known::known_numbers;
use crate::expr::node::Resume;
use crate::expr::pending::{likely, pending};
use crate::op::elementwise::ElementOp as Op;
use crate::op::regional::Filter;
use crate::op::regional::filter::{Edge, Join, Number, Pass, PassOp, more};
use crate::shape::axes::position;
use std::marker::PhantomData;

pub mod weigh;
pub mod gaussian;
pub mod extremes;
pub mod morphology;
pub mod label;
mod labelled;
pub mod measure;
pub mod objects;
pub mod geometry;
pub mod coordinates;
pub mod distance;

/// What stands beyond the ends of an axis, here for `a b c d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The array mirrored, with the last element: `d c b a | a b c d | d c b a`.
    Reflect,
    /// A constant.
    Constant,
    /// The last element: `a a a a | a b c d | d d d d`.
    Nearest,
    /// The array mirrored about the last element: `d c b | a b c d | c b a`.
    Mirror,
    /// The array again.
    Wrap,
}

impl Mode {
    /// The mode of this SciPy name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "reflect" | "grid-mirror" => Self::Reflect,
            "constant" | "grid-constant" => Self::Constant,
            "nearest" => Self::Nearest,
            "mirror" => Self::Mirror,
            "wrap" | "grid-wrap" => Self::Wrap,
            _ => return None,
        })
    }

    fn edge(self) -> Edge {
        match self {
            Self::Reflect => Edge::Reflect,
            Self::Constant => Edge::Constant,
            Self::Nearest => Edge::Nearest,
            Self::Mirror => Edge::Mirror,
            Self::Wrap => Edge::Wrap,
        }
    }
}

/// How filters go over an array.
#[derive(Debug, Clone)]
pub struct Around {
    /// What stands beyond axes: one mode, or one for each axis.
    pub modes: Vec<Mode>,
    /// Whether the modes were given as a list, which not every filter takes.
    pub listed: bool,
    /// The constant of [`Mode::Constant`].
    pub cval: f64,
    /// By how much windows begin further in front: one number, or one for each axis.
    pub origins: Vec<isize>,
    /// The axes that the filter goes along; all without.
    pub axes: Option<Vec<isize>>,
    /// The dtype of the result; that of the array without.
    pub output: Option<DType>,
}

impl Default for Around {
    fn default() -> Self {
        Self { modes: vec![Mode::Reflect], listed: false, cval: 0.0, origins: vec![0], axes: None, output: None }
    }
}

impl Around {
    /// The axes, checked.
    fn axes(&self, name: &str, rank: usize) -> Result<Vec<usize>> {
        let Some(axes) = &self.axes else { return Ok((0..rank).collect()) };
        let axes = axes.iter().map(|&a| position(name, a, rank)).collect::<Result<Vec<_>>>()?;
        match (0..axes.len()).find(|&i| axes[..i].contains(&axes[i])) {
            None => Ok(axes),
            Some(i) => Err(Error::axis(name, format!("axis {} is named twice", axes[i]))),
        }
    }

    /// The edges of all axes, where the filter goes along `axes`.
    fn edges(&self, name: &str, axes: &[usize], rank: usize) -> Result<Vec<Edge>> {
        let modes = per_axis(name, "modes", &self.modes, axes.len())?;
        let mut out = vec![Edge::Nearest; rank];
        axes.iter().zip(modes).for_each(|(&a, mode)| out[a] = mode.edge());
        Ok(out)
    }

    /// The same, where there is one mode for all axes.
    fn edge(&self, name: &str, rank: usize) -> Result<Vec<Edge>> {
        match self.modes.as_slice() {
            [mode] if !self.listed => Ok(vec![mode.edge(); rank]),
            _ => Err(Error::argument(name, "has one mode for all axes")),
        }
    }
}

/// One item for all of `count` axes, or one for each.
fn per_axis<V: Clone>(name: &str, what: &str, list: &[V], count: usize) -> Result<Vec<V>> {
    match list {
        [one] => Ok(vec![one.clone(); count]),
        many if many.len() == count => Ok(many.to_vec()),
        many => Err(Error::argument(name, format!("{} {what} for {count} axes", many.len()))),
    }
}

/// How far a window of `size` begins before its element.
fn before(name: &str, size: usize, origin: isize) -> Result<usize> {
    match (size / 2).checked_add_signed(origin) {
        Some(before) if before < size => Ok(before),
        _ => Err(Error::argument(name, format!("an origin of {origin} leaves no element in a window of {size}"))),
    }
}

/// A pass along one axis.
fn along(
    name: &str,
    (axis, size, origin): (usize, usize, isize),
    edges: &[Edge],
    cval: f64,
    op: PassOp,
) -> Result<Pass> {
    let mut pass = Pass {
        op,
        window: vec![1; edges.len()],
        before: vec![0; edges.len()],
        edges: edges.to_vec(),
        constant: Number::from(cval),
    };
    pass.window[axis] = size;
    pass.before[axis] = before(name, size, origin)?;
    Ok(pass)
}

/// Origins for all axes of an array. As in SciPy, those of some axes belong to them as they are named, those of all to
/// axes in order.
fn spread_origins(name: &str, axes: &[usize], rank: usize, origins: &[isize]) -> Result<Vec<isize>> {
    let origins = per_axis(name, "origins", origins, axes.len())?;
    if axes.len() == rank {
        return Ok(origins);
    }
    let mut out = vec![0; rank];
    axes.iter().zip(origins).for_each(|(&axis, origin)| out[axis] = origin);
    Ok(out)
}

/// The lengths of a window along `axes` for all axes of an array. As in SciPy, it lies along them in order, however
/// they are named.
fn spread(name: &str, axes: &[usize], rank: usize, window: &[usize]) -> Result<Vec<usize>> {
    if window.len() != axes.len() {
        return Err(Error::argument(name, format!("a window of rank {} for {} axes", window.len(), axes.len())));
    }
    let mut lengths = vec![1; rank];
    let ordered = (0..rank).filter(|a| axes.contains(a));
    ordered.zip(window).for_each(|(axis, &size)| lengths[axis] = size);
    Ok(lengths)
}

/// How far a window begins before its element along each axis.
fn starts(name: &str, lengths: &[usize], origins: &[isize]) -> Result<Vec<usize>> {
    lengths.iter().zip(origins).map(|(&size, &origin)| before(name, size, origin)).collect()
}

/// An axis that is no longer than so many times what windows reach is short: all of it is read at its ends where it
/// wraps around. A longer one is continued before it is filtered.
const SHORT: usize = 4;

/// Chains of passes over `x`, and their results as one.
fn run(name: &'static str, x: &Expr, chains: Vec<Vec<Pass>>, join: Join, output: DType) -> Result<Expr> {
    let lengths = x.shape.known()?;
    let rank = lengths.len();
    if lengths.contains(&0) {
        return build::full(&lengths, Scalar::Int(0), output, None);
    }
    let mut chains: Vec<Vec<Pass>> = chains.into_iter().filter(|c| !c.is_empty()).collect();
    if chains.is_empty() {
        return build::cast(x, output);
    }
    for (axis, &length) in lengths.iter().enumerate() {
        let reach = chains.iter().map(|c| c.iter().map(|p| p.window[axis] - 1).sum::<usize>()).max().unwrap_or(0);
        if length > SHORT * reach {
            let wrapping = chains.iter_mut().flatten().filter(|p| p.edges[axis] == Edge::Wrap);
            wrapping.for_each(|p| p.edges[axis] = Edge::Open);
        }
    }
    let open = |chain: &Vec<Pass>| -> Vec<bool> {
        (0..rank).map(|a| chain.iter().any(|p| p.edges[a] == Edge::Open && p.window[a] > 1)).collect()
    };
    // Squares of complex numbers are no business of a filter, and what wraps around has an input of its own.
    let apart = join == Join::Norm && output.is_complex() || chains.iter().any(|c| open(c) != open(&chains[0]));
    if apart && (chains.len() > 1 || join == Join::Norm) {
        let terms = chains.into_iter().map(|chain| {
            let term = run(name, x, vec![chain], Join::Sum, output)?;
            if join == Join::Norm { binary(Op::Multiply, &term, &term) } else { Ok(term) }
        });
        let sum = terms.reduce(|a, b| binary(Op::Add, &a?, &b?)).ok_or_else(|| Error::bug("a filter has chains"))??;
        return if join == Join::Norm { build::cast(&unary(Op::Sqrt, &sum)?, output) } else { Ok(sum) };
    }
    let more = more(&chains, rank);
    let padded = pad(x, &more, &Border::Wrap)?;
    let filtered = Filter { name, chains, join, lengths, more, input: x.dtype, output };
    filter(&padded, filtered, x.chunks.clone())
}

/// What `body` makes of `x` and the numbers of `table`: at once where these are known, or when they have been computed.
fn with_numbers(
    name: &'static str,
    x: &Expr,
    table: &Expr,
    body: impl Fn(&Expr, &[usize], &[f64]) -> Result<Expr> + Send + Sync + 'static,
) -> Result<Expr> {
    let window = table.shape.known()?;
    if x.shape.is_known()
        && let Some(numbers) = known_numbers(table)
    {
        return body(x, &window, &numbers);
    }
    let table = build::cast(table, DType::F64)?;
    let made =
        likely(std::slice::from_ref(x), |e| Ok(vec![body(&e[0], &window, &vec![1.0; crate::shape::size(&window)])?]))?;
    let [one] = made.as_slice() else { return Err(Error::bug("one expression is built")) };
    let resume = Resume::new(name, move |facts, inputs| match (facts, inputs) {
        ([numbers], [x]) => body(x, &window, numbers.values::<f64>()?),
        _ => Err(Error::bug("a filter has an input and numbers")),
    });
    Ok(pending(std::slice::from_ref(x), &[table], one.clone(), resume))
}

/// The filters of an array, by their SciPy names. Modes, origins and the like are set before.
///
/// ```
/// use hyperslab::{Context, array::ndimage::Mode};
/// let cx = Context::default();
/// let x = cx.linspace(0.0, 4.0, 5)?;
/// let smooth = x.ndimage().mode(Mode::Nearest).uniform_filter(&[3])?;
/// assert_eq!(cx.compute(smooth)?.as_slice().unwrap(), &[1.0 / 3.0, 1.0, 2.0, 3.0, 11.0 / 3.0]);
/// # Ok::<(), hyperslab::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ndimage<T: Kind> {
    x: Expr,
    around: Around,
    kind: PhantomData<fn() -> T>,
}

impl<T: Kind> Array<T> {
    /// The filters of `scipy.ndimage`, under its names. Beyond its ends the array is mirrored until another mode is
    /// chosen.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.arange(5)?;
    /// let edges = cx.compute(x.ndimage().correlate1d(&[-1.0, 0.0, 1.0], 0)?)?;
    /// assert_eq!(edges.as_slice().unwrap(), &[1, 2, 2, 2, 1]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[must_use]
    pub fn ndimage(&self) -> Ndimage<T> {
        Ndimage { x: self.expr().clone(), around: Around::default(), kind: PhantomData }
    }
}

impl<T: Kind> Ndimage<T> {
    /// What stands beyond all axes.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        (self.around.modes, self.around.listed) = (vec![mode], false);
        self
    }

    /// What stands beyond each axis.
    #[must_use]
    pub fn modes(mut self, modes: &[Mode]) -> Self {
        (self.around.modes, self.around.listed) = (modes.to_vec(), true);
        self
    }

    /// The constant of [`Mode::Constant`], 0 at first.
    #[must_use]
    pub fn cval(mut self, cval: f64) -> Self {
        self.around.cval = cval;
        self
    }

    /// By how much windows begin further in front: one number, or one for each axis.
    #[must_use]
    pub fn origin(mut self, origins: &[isize]) -> Self {
        self.around.origins = origins.to_vec();
        self
    }

    /// The axes that filters go along, all at first.
    #[must_use]
    pub fn axes(mut self, axes: &[isize]) -> Self {
        self.around.axes = Some(axes.to_vec());
        self
    }

    /// The same filters with results of another dtype, in which sums of integers keep what is behind the point.
    #[must_use]
    pub fn output<U: Kind>(mut self) -> Ndimage<U> {
        self.around.output = U::KNOWN.or(self.around.output);
        Ndimage { x: self.x, around: self.around, kind: PhantomData }
    }

    fn array(expr: Expr) -> Array<T> {
        Array::of(expr)
    }
}
