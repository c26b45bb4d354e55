//! Running what was asked for: one array, or several at once.

use super::update::{self, Written};
use super::{Array, Dyn, Kind};
use crate::blockwise::lower::Request;
use crate::blockwise::plan::Plan;
use crate::chunk::Chunks;
use crate::device::block::Block;
use crate::dtype::Element;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::build;
use crate::expr::canonical::fingerprint;
use crate::expr::pending::{first_facts, resolve};
use crate::expr::{Expr, ExprKind};
use crate::runtime::context::Context;
use crate::runtime::copy::copy;
use crate::runtime::executor::{self, Answer};
use crate::runtime::pipeline::{Stage, explain, placed};
use crate::runtime::report::Report;
use crate::shape;
use crate::store::memory::MemoryStore;
use crate::store::{self, Change, Create, Layout, Store, Update};
use bytemuck::Pod;
use ndarray::ArrayD;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

mod layout;
mod beside;
mod changed;

use beside::{accompany, scalars};
use changed::{changed, changes, planned};
use layout::{described, layout, texts};

/// Something that can be computed: an array, an array to be stored, or a tuple or vector of these. All of one call
/// share their reads.
pub trait Compute {
    /// What it is once it has been computed.
    type Output;

    /// Adds what is asked for.
    fn collect(&self, wanted: &mut Vec<Wanted>);

    /// Takes its answers, in the order in which they were asked for.
    ///
    /// # Errors
    /// Only for broken invariants.
    fn take(answers: &mut dyn Iterator<Item = Answer>) -> Result<Self::Output>;
}

/// One thing asked for: an expression, and where it is to be stored.
#[derive(Debug, Clone)]
pub struct Wanted {
    expr: crate::expr::Expr,
    stored: Option<(PathBuf, Create)>,
    changed: Option<Changed>,
    persists: bool,
}

/// An array that exists, and what becomes of it.
#[derive(Debug, Clone)]
enum Changed {
    /// As asked for.
    Asked(PathBuf, Update),
    /// As found to fit.
    Found(PathBuf, Box<Change>),
}

impl Wanted {
    /// An answer in memory.
    fn shown(expr: Expr) -> Self {
        Self { expr, stored: None, changed: None, persists: false }
    }

    /// An array to be created.
    fn stored(expr: Expr, path: PathBuf, how: Create) -> Self {
        Self { stored: Some((path, how)), ..Self::shown(expr) }
    }

    /// A change of one that exists.
    fn found(written: Written) -> Self {
        let changed = Changed::Found(written.path, Box::new(written.change));
        Self { changed: Some(changed), ..Self::shown(written.expr) }
    }

    /// Where it is written to.
    fn target(&self) -> Option<&Path> {
        let changed = self.changed.as_ref().map(|(Changed::Asked(path, _) | Changed::Found(path, _))| path);
        self.stored.as_ref().map(|(path, _)| path).or(changed).map(PathBuf::as_path)
    }

    /// The expression.
    #[must_use]
    pub fn expr(&self) -> &crate::expr::Expr {
        &self.expr
    }
}

/// An array to be written to a path; nothing runs until it is computed.
#[derive(Debug, Clone)]
pub struct Stored {
    wanted: Wanted,
}

/// A computed array whose element type is known at run time.
#[derive(Debug, Clone)]
pub struct Computed(Block);

impl Computed {
    /// The block.
    #[must_use]
    pub fn block(&self) -> &Block {
        &self.0
    }

    /// The elements as an ndarray of `T`.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) when they are of another type.
    pub fn to_ndarray<T: Element + FromBlock>(self) -> Result<ArrayD<T>> {
        T::from_block(self.0)
    }
}

/// Element types that come out of a block as vectors.
pub trait FromBlock: Element {
    /// The elements of `block`, moved out where nobody else holds it.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) when they are of another type.
    fn from_block(block: Block) -> Result<ArrayD<Self>>;
}

fn values_of<T: Element + Pod>(block: Block) -> Result<ArrayD<T>> {
    let shape = block.shape().to_vec();
    block.values::<T>()?;
    let values = match block.into_buffer() {
        Ok(buffer) => match buffer.into_vec::<T>() {
            Ok(values) => values,
            Err(buffer) => bytemuck::cast_slice(buffer.bytes()).to_vec(),
        },
        Err(block) => block.values::<T>()?.to_vec(),
    };
    ArrayD::from_shape_vec(shape, values).map_err(|e| Error::bug(format!("a block has its shape: {e}")))
}

macro_rules! from_block {
    ($($T:ty),*) => { $(impl FromBlock for $T {
        fn from_block(block: Block) -> Result<ArrayD<Self>> { values_of(block) }
    })* };
}
from_block!(
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
    half::f16,
    half::bf16,
    f32,
    f64,
    num_complex::Complex32,
    num_complex::Complex64
);

impl FromBlock for bool {
    fn from_block(block: Block) -> Result<ArrayD<Self>> {
        if block.dtype() != crate::dtype::DType::Bool {
            return Err(Error::dtype("block", format!("holds {}, not bool", block.dtype())));
        }
        let values = block.bytes().iter().map(|&b| b != 0).collect();
        ArrayD::from_shape_vec(block.shape(), values).map_err(|e| Error::bug(format!("a block has its shape: {e}")))
    }
}

impl<T: Kind + FromBlock> Compute for Array<T> {
    type Output = ArrayD<T>;

    fn collect(&self, wanted: &mut Vec<Wanted>) {
        wanted.push(Wanted::shown(self.expr().clone()));
    }

    fn take(answers: &mut dyn Iterator<Item = Answer>) -> Result<ArrayD<T>> {
        T::from_block(answer(answers)?)
    }
}

impl Compute for Array<Dyn> {
    type Output = Computed;

    fn collect(&self, wanted: &mut Vec<Wanted>) {
        wanted.push(Wanted::shown(self.expr().clone()));
    }

    fn take(answers: &mut dyn Iterator<Item = Answer>) -> Result<Computed> {
        answer(answers).map(Computed)
    }
}

impl Compute for Stored {
    type Output = ();

    fn collect(&self, wanted: &mut Vec<Wanted>) {
        wanted.push(self.wanted.clone());
    }

    fn take(answers: &mut dyn Iterator<Item = Answer>) -> Result<()> {
        answers.next().map(|_| ()).ok_or_else(|| Error::bug("an answer for each request"))
    }
}

impl<C: Compute> Compute for Vec<C> {
    type Output = Vec<C::Output>;

    fn collect(&self, wanted: &mut Vec<Wanted>) {
        for c in self {
            c.collect(wanted);
        }
    }

    fn take(answers: &mut dyn Iterator<Item = Answer>) -> Result<Self::Output> {
        let mut left = answers.peekable();
        let mut out = Vec::new();
        while left.peek().is_some() {
            out.push(C::take(&mut left)?);
        }
        Ok(out)
    }
}

macro_rules! tuples {
    ($($($C:ident $i:tt),*;)*) => { $(
        impl<$($C: Compute),*> Compute for ($($C,)*) {
            type Output = ($($C::Output,)*);
            fn collect(&self, wanted: &mut Vec<Wanted>) {
                $(self.$i.collect(wanted);)*
            }
            fn take(answers: &mut dyn Iterator<Item = Answer>) -> Result<Self::Output> {
                Ok(($($C::take(answers)?,)*))
            }
        }
    )* };
}
tuples! {
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
}

fn answer(answers: &mut dyn Iterator<Item = Answer>) -> Result<Block> {
    match answers.next() {
        Some(Answer::Block(block)) => Ok(block),
        Some(Answer::Written | Answer::Blocks(_)) | None => Err(Error::bug("an answer for each request")),
    }
}

impl<T: Kind> Array<T> {
    /// The array as an output: written to `path` when it is computed, chunked and compressed as `how` says. The array
    /// appears under its name when it is whole.
    #[must_use]
    pub fn store(&self, path: impl Into<PathBuf>, how: Create) -> Stored {
        Stored { wanted: Wanted::stored(self.expr().clone(), path.into(), how) }
    }

    /// The array as a change of one that exists: written into a region of the array at `path`, or behind its end, when
    /// it is computed. Chunks that the region covers in part keep the rest of what they hold.
    ///
    /// Its shape is that of the region, its element type one that the stored array holds without loss
    /// ([`Update::packed`] packs values first), and names and coordinates of its axes agree with those there. Along an
    /// axis that grows, the coordinate beside the array grows along, in the units that it has and, where it rises or
    /// falls throughout, in its order. In NetCDF-3 all arrays along that axis grow, those that nothing is written to by
    /// fill values.
    ///
    /// In Zarr, everything is made beside the array and put into its place at the end, so that a run that fails changes
    /// nothing, and the array itself may be read for what is written. A process that is killed while pieces take their
    /// places leaves that to the next one to change the array; one that grows has its old shape until then. Behind a
    /// network, every chunk is replaced when it is made, and an array that grows gets its new shape last. HDF5 files
    /// are changed in place at the end of the run: what fails before that changes nothing, and a crash at that moment
    /// may damage the file.
    ///
    /// ```
    /// use hyperslab::{Context, store::{Create, Update}};
    /// let cx = Context::default();
    /// let path = std::env::temp_dir().join(format!("grows-{}.zarr", std::process::id()));
    /// cx.compute(cx.arange(10)?.store(&path, Create::new().chunks([4])))?;
    /// cx.compute(cx.arange(3)?.update(&path, Update::append(0)))?;
    /// cx.compute((cx.open(&path)?.try_slice(..4)? * -1).update(&path, Update::region(2..6)))?;
    /// let x = cx.compute(cx.open(&path)?)?.to_ndarray::<i64>()?;
    /// assert_eq!(x.as_slice().unwrap(), &[0, 1, 0, -1, -2, -3, 6, 7, 8, 9, 0, 1, 2]);
    /// # std::fs::remove_dir_all(path).unwrap();
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// What does not fit is an error when it is computed, before anything runs where that can be told.
    #[must_use]
    pub fn update(&self, path: impl Into<PathBuf>, how: Update) -> Stored {
        let changed = Some(Changed::Asked(path.into(), how));
        Stored { wanted: Wanted { changed, ..Wanted::shown(self.expr().clone()) } }
    }
}

impl Context {
    /// Computes everything asked for, sharing what can be shared.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// let cx = Context::default();
    /// let x = cx.arange(100)?;
    /// let (mean, largest) = cx.compute((x.mean(..), x.max(..)))?;
    /// assert_eq!((mean[[]], largest[[]]), (49.5, 99));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Memory`](crate::ErrorKind::Memory) before anything runs, when it cannot stay within the budget; otherwise the
    /// first fault of the run. Arrays that were being written are not there then.
    pub fn compute<C: Compute>(&self, what: C) -> Result<C::Output> {
        let mut wanted = Vec::new();
        what.collect(&mut wanted);
        let answers = run(self, &wanted)?;
        C::take(&mut answers.into_iter())
    }

    /// Computes an array and keeps it: the array that is given back holds the answer, in blocks that stay where they
    /// were computed. On a GPU that is its memory, as long as there is room, so what is computed from it next moves
    /// nothing.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// let cx = Context::default();
    /// let x = cx.persist(&(cx.arange(100)? * 2))?;
    /// assert_eq!(cx.compute(x.sum(..))?[[]], 9900);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Context::compute`].
    #[track_caller]
    pub fn persist<T: Kind>(&self, array: &Array<T>) -> Result<Array<T>> {
        let kept = self.persist_all(&[Array::from_expr(array.expr().clone())])?;
        kept.into_iter()
            .next()
            .map(|a| Array::of(a.expr().clone()))
            .ok_or_else(|| Error::bug("an answer for each request"))
    }

    /// As [`Context::persist`], for several that share their reads.
    #[track_caller]
    pub(super) fn persist_all(&self, arrays: &[Array]) -> Result<Vec<Array>> {
        let wanted = |a: &Array| Wanted { persists: true, ..Wanted::shown(a.expr().clone()) };
        let answers = run(self, &arrays.iter().map(wanted).collect::<Vec<_>>())?;
        let kept = |(answer, array): (Answer, &Array)| match answer {
            Answer::Blocks(blocks) => Ok(named(array, Arc::new(blocks.named(&texts(&array.expr().names))))),
            Answer::Block(block) => {
                let chunks = Chunks::whole(block.shape());
                let store = MemoryStore::new(self.data(block), chunks).named(&texts(&array.expr().names));
                Ok(named(array, Arc::new(store)))
            }
            Answer::Written => Err(Error::bug("an answer for each request")),
        };
        answers.into_iter().zip(arrays).map(kept).collect()
    }

    /// How it would be computed, at one of the pipeline's stages.
    ///
    /// ```
    /// # use hyperslab::{Context, runtime::pipeline::Stage};
    /// # let cx = Context::default();
    /// let x = cx.arange(1000)?;
    /// let plan = cx.explain((&x * 2).sum(..), Stage::Fused)?;
    /// assert!(plan.starts_with("0: reduce sum((a * 2))"));
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Context::compute`] before anything runs.
    pub fn explain<C: Compute>(&self, what: C, stage: Stage) -> Result<String> {
        let mut wanted = Vec::new();
        what.collect(&mut wanted);
        let exprs: Vec<Expr> = wanted.iter().map(|w| w.expr.clone()).collect();
        let facts = first_facts(&exprs);
        if facts.is_empty() {
            return explain(self, &requests(&planned(&wanted)?)?.0, stage);
        }
        if stage == Stage::Expr {
            return Ok(exprs.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
        }
        let facts: Vec<Wanted> = facts.into_iter().map(Wanted::shown).collect();
        let text = explain(self, &requests(&facts)?.0, stage)?;
        Ok(format!("{}\nthe rest is planned when these numbers, on which lengths depend, are known", text.trim_end()))
    }
}

impl Context {
    /// The fused plan of everything asked for.
    ///
    /// # Errors
    /// As [`Context::compute`] before anything runs.
    pub fn plan<C: Compute>(&self, what: &C) -> Result<Plan> {
        let mut wanted = Vec::new();
        what.collect(&mut wanted);
        Ok(placed(self, &requests(&planned(&settled(self, &wanted)?.0)?)?.0)?.1)
    }
}

/// Requests, and the layouts of the arrays that will be created.
fn requests(wanted: &[Wanted]) -> Result<(Vec<Request>, Vec<Option<Layout>>)> {
    let mut requests = Vec::new();
    let mut layouts = Vec::new();
    for (i, w) in wanted.iter().enumerate() {
        if let Some(path) = w.target()
            && wanted[..i].iter().filter_map(Wanted::target).any(|p| p == path)
        {
            return Err(Error::argument("store", format!("{} is asked for twice", path.display())));
        }
        let layout = w.stored.as_ref().map(|(path, how)| layout(&w.expr, path, how)).transpose()?;
        let grid = layout.as_ref().map(|l| Chunks::regular(&l.shape, l.how.shards.as_ref().unwrap_or(&l.chunks)));
        let grid = match &w.changed {
            Some(Changed::Found(path, change)) => Some(update::grid(path, change)?),
            _ => grid.transpose()?,
        };
        requests.push(Request { expr: w.expr.clone(), stored: grid, persists: w.persists });
        layouts.push(layout);
    }
    Ok((requests, layouts))
}

/// A stored copy of an array, which has its names and coordinates.
fn named(array: &Array, store: Arc<dyn Store>) -> Array {
    let copy = build::source(store).with_names(array.expr().names.clone()).with_time(array.expr().time);
    Array::of(copy.with_scalars(&array.expr().scalars))
}

/// The same with all shapes known: what they depend on is computed first.
fn settled(cx: &Context, wanted: &[Wanted]) -> Result<(Vec<Wanted>, Option<Report>)> {
    let mut spent: Option<Report> = None;
    let exprs: Vec<Expr> = wanted.iter().map(|w| w.expr.clone()).collect();
    let exprs = resolve(&exprs, &mut |facts| {
        let facts: Vec<Wanted> = facts.iter().cloned().map(Wanted::shown).collect();
        let answers = run_known(cx, &facts)?;
        let now = cx.report();
        spent = Some(spent.take().map_or(now.clone(), |before| before.then(now)));
        let mut answers = answers.into_iter();
        facts.iter().map(|_| answer(&mut answers)).collect()
    })?;
    Ok((wanted.iter().zip(exprs).map(|(w, expr)| Wanted { expr, ..w.clone() }).collect(), spent))
}

fn run(cx: &Context, wanted: &[Wanted]) -> Result<Vec<Answer>> {
    let (wanted, spent) = settled(cx, wanted)?;
    let (mut wanted, places) = changes(cx, wanted)?;
    let scalars = scalars(cx, &mut wanted)?;
    let mut answers: Vec<Option<Answer>> = run_known(cx, &wanted)?.into_iter().map(Some).collect();
    if let Some(before) = spent {
        cx.set_report(before.then(cx.report()));
    }
    if !scalars.is_empty() {
        let before = cx.report();
        run_known(cx, &scalars)?;
        cx.set_report(before.then(cx.report()));
    }
    for w in &wanted {
        if let Some((path, how)) = w.stored.as_ref().filter(|(_, how)| how.coordinates) {
            accompany(cx, &w.expr, path, how)?;
        }
    }
    // What an interrupted run had done is written too.
    let answer = |place: Option<usize>| {
        place.map_or(Ok(Answer::Written), |at| {
            answers[at].take().ok_or_else(|| Error::bug("an answer for each request"))
        })
    };
    places.into_iter().map(answer).collect()
}

/// Copies the chunks of a stored array, where that is all that is asked for; `None` where they are not stored as they
/// are to be.
fn copied(cx: &Context, wanted: &Wanted) -> Result<Option<Answer>> {
    let Some((path, how)) = &wanted.stored else { return Ok(None) };
    let (ExprKind::Source(store), Some(encoding)) = (&wanted.expr.kind, &how.encoding) else { return Ok(None) };
    if store.coding().as_ref() != Some(encoding) {
        return Ok(None);
    }
    let mut layout = layout(&wanted.expr, path, &Create { chunks: Some(encoding.chunk.clone()), ..how.clone() })?;
    layout.chunks.clone_from(&encoding.chunk);
    layout.how.encoding = Some(encoding.clone());
    layout.how.shards = None;
    if !store::keeps(path, encoding, &layout) {
        return Ok(None);
    }
    let fill = |fill: Option<Scalar>| fill.map(|f| f.to_bytes(layout.dtype));
    let named = layout.how.fill.is_some() || !layout.how.attributes.contains_key("_FillValue");
    let keeps_missing = named && fill(layout.how.fill) == fill(store.info().fill);
    if store::resumes(path)? {
        layout.run = Some(fingerprint(&wanted.expr, described(&layout)));
    }
    let report = copy(cx, store.as_ref(), store::create(path, &layout)?, keeps_missing)?;
    cx.set_report(report);
    Ok(Some(Answer::Written))
}

/// Computes what has known shapes.
fn run_known(cx: &Context, wanted: &[Wanted]) -> Result<Vec<Answer>> {
    if let [one] = wanted
        && let Some(answer) = copied(cx, one)?
    {
        return Ok(vec![answer]);
    }
    let start = Instant::now();
    let (requests, layouts) = requests(wanted)?;
    let (cx, plan, graph) = &placed(cx, &requests)?;
    let planning = start.elapsed();
    let several = layouts.iter().flatten().count() > 1;
    let mut settled = Vec::new();
    let mut sinks = Vec::new();
    let mut changed = changed(wanted)?.into_iter();
    for (w, layout) in wanted.iter().zip(layouts) {
        if matches!(w.changed, Some(Changed::Found(..))) {
            sinks.push(changed.next());
            continue;
        }
        let (Some((path, _)), Some(mut layout)) = (&w.stored, layout) else {
            sinks.push(None);
            continue;
        };
        if store::resumes(path)? {
            layout.run = Some(fingerprint(&w.expr, described(&layout)));
        }
        if several && !layout.how.receipt {
            // Killed between two arrays that become visible, the run finds the first again.
            layout.how.receipt = true;
            settled.push(path);
        }
        sinks.push(Some(store::create(path, &layout)?));
    }
    let (answers, mut report) = executor::run(cx, plan, graph, sinks)?;
    settled.into_iter().try_for_each(store::settle)?;
    report.set_planning(planning);
    cx.set_report(report);
    Ok(answers)
}

impl fmt::Display for Computed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Computed({}, {})", self.0.dtype(), shape::tuple(self.0.shape()))
    }
}
