//! Nodes of the lazy graph.

use super::names::{Name, scalars, scalars_of_store};
use crate::chunk::groups::Groups;
use crate::chunk::reshape::Reshape;
use crate::chunk::{AxisChunks, Chunks, IndexMap};
use crate::device::block::Block;
use crate::dtype::DType;
use crate::dtype::time::TimeType;
use crate::error::Result;
use crate::op::contraction::Contraction;
use crate::op::function::BlockFunction;
use crate::op::kernel::Lanes;
use crate::op::program::Program;
use crate::op::reduction::Reducer;
use crate::op::regional::Regional;
use crate::op::scan::Scanner;
use crate::op::tiles::{Substitution, TileProgram};
use crate::shape::Shape;
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// Where an expression was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Site {
    /// In a program.
    Code(&'static Location<'static>),
    /// In a text of the expression language: `column 5`.
    Text(Arc<str>),
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(location) => write!(f, "{location}"),
            Self::Text(place) => write!(f, "{place}"),
        }
    }
}

/// A handle on an immutable expression; cloning is free.
#[derive(Clone)]
pub struct Expr(Arc<Node>);

/// An expression: what it is, and what is known of its value.
#[derive(Debug)]
pub struct Node {
    /// What it is.
    pub kind: ExprKind,
    /// Element type.
    pub dtype: DType,
    /// What elements are that are dates or lengths of time; they are `i64` then.
    pub time: Option<TimeType>,
    /// Lengths of the axes.
    pub shape: Shape,
    /// Logical chunks: what storage has, what block functions see, what reductions are tiled by.
    pub chunks: Chunks,
    /// Dimension names; empty, or one per axis.
    pub names: Vec<Option<Name>>,
    /// Scalar coordinates: of axes of which one position was taken.
    pub scalars: Vec<Name>,
    /// Where the user built it.
    pub site: Site,
}

/// The kinds of expression.
#[derive(Debug, Clone)]
pub enum ExprKind {
    /// A stored array.
    Source(Arc<dyn Store>),
    /// `0, 1, 2, ...` along one axis, `i64`.
    Iota,
    /// A fused or single elementwise operation over broadcast arguments; no arguments make a constant.
    Elementwise {
        /// What is computed.
        program: Program,
        /// Its inputs.
        args: Vec<Expr>,
    },
    /// Another look at the same elements.
    View {
        /// What is looked at.
        input: Expr,
        /// From this node's indices to the input's.
        map: IndexMap,
    },
    /// Arrays joined along an axis.
    Concat {
        /// The axis.
        axis: usize,
        /// The arrays.
        inputs: Vec<Expr>,
    },
    /// The same elements in other logical chunks.
    Rechunk {
        /// The array.
        input: Expr,
    },
    /// The same elements in C order under another shape.
    Reshape {
        /// The array.
        input: Expr,
        /// How the axes correspond.
        reshape: Reshape,
    },
    /// A reduction; reduced axes stay, with length 1.
    Reduce {
        /// What is reduced.
        input: Expr,
        /// How.
        reducer: Arc<Reducer>,
        /// Which axes.
        reduced: Vec<bool>,
        /// What the lanes of a vector hold.
        lanes: Lanes,
        /// Where partial results are cut.
        tiling: Chunks,
        /// Groups along one of the axes, which stays with a result for each.
        groups: Option<Groups>,
    },
    /// Positions of an axis, in any order, any number of times.
    Take {
        /// The array.
        input: Expr,
        /// The axis.
        axis: usize,
        /// Which position of the input is at each of this node's.
        positions: Arc<[u32]>,
    },
    /// A scan along an axis.
    Scan {
        /// What is scanned.
        input: Expr,
        /// How.
        scanner: Scanner,
        /// Along which axis.
        axis: usize,
        /// What the lanes of a vector hold.
        lanes: Lanes,
        /// Where the axis is cut into tiles that are scanned by themselves.
        tiles: AxisChunks,
    },
    /// Products of matrices, the last two axes of both; the first axis of the result counts segments of the sums.
    Contract {
        /// The two factors.
        factors: [Expr; 2],
        /// How they are multiplied.
        contraction: Contraction,
    },
    /// A tile program over the matrices of the last two axes.
    Tiles {
        /// The matrices.
        input: Expr,
        /// What is done with each.
        program: TileProgram,
    },
    /// Systems of equations.
    Substitute {
        /// The right-hand sides, and the factors of the matrices.
        sides: [Expr; 2],
        /// How.
        substitution: Substitution,
    },
    /// What needs boxes of its inputs that no map gives.
    Regional {
        /// The arrays it reads.
        inputs: Vec<Expr>,
        /// What is computed.
        op: Regional,
    },
    /// What can be built only once facts are known.
    Pending {
        /// What it will be built of.
        inputs: Vec<Expr>,
        /// Small arrays that are computed first.
        facts: Vec<Expr>,
        /// How it is built.
        resume: Resume,
    },
    /// A user's function over whole logical chunks.
    Blocks {
        /// The arrays it sees.
        inputs: Vec<Expr>,
        /// The function.
        function: BlockFunction,
    },
}

/// What a node of kind `$kind` reads, by references as `$iter` gives them: `iter` or `iter_mut`.
macro_rules! inputs {
    ($kind:expr, $iter:ident) => {
        match $kind {
            ExprKind::Source(_) | ExprKind::Iota => Vec::new(),
            ExprKind::View { input, .. }
            | ExprKind::Rechunk { input }
            | ExprKind::Take { input, .. }
            | ExprKind::Reshape { input, .. }
            | ExprKind::Reduce { input, .. }
            | ExprKind::Tiles { input, .. }
            | ExprKind::Scan { input, .. } => vec![input],
            ExprKind::Contract { factors: both, .. } | ExprKind::Substitute { sides: both, .. } => {
                both.$iter().collect()
            }
            ExprKind::Pending { inputs, facts, .. } => inputs.$iter().chain(facts.$iter()).collect(),
            ExprKind::Elementwise { args: inputs, .. }
            | ExprKind::Concat { inputs, .. }
            | ExprKind::Regional { inputs, .. }
            | ExprKind::Blocks { inputs, .. } => inputs.$iter().collect(),
        }
    };
}

/// What builds an expression of facts and inputs.
type Body = dyn Fn(&[Block], &[Expr]) -> Result<Expr> + Send + Sync;

/// How an expression goes on when what it waits for is known.
#[derive(Clone)]
pub struct Resume {
    /// The operation.
    pub name: Arc<str>,
    body: Arc<Body>,
}

impl Resume {
    /// Goes on with `body`, which gets the facts and the inputs.
    pub fn new(name: &str, body: impl Fn(&[Block], &[Expr]) -> Result<Expr> + Send + Sync + 'static) -> Self {
        Self { name: name.into(), body: Arc::new(body) }
    }

    /// Goes on.
    pub(super) fn run(&self, facts: &[Block], inputs: &[Expr]) -> Result<Expr> {
        (self.body)(facts, inputs)
    }
}

impl fmt::Debug for Resume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resume({})", self.name)
    }
}

/// An expression that the caller of the caller builds.
#[track_caller]
pub(super) fn node(kind: ExprKind, dtype: DType, shape: Shape, chunks: Chunks, names: Vec<Option<Name>>) -> Expr {
    let fits =
        |(axis, name): (usize, Option<Name>)| name.map(|n| n.of_length(shape.dims().get(axis).and_then(|d| d.known())));
    let names: Vec<Option<Name>> = names.into_iter().enumerate().map(fits).collect();
    let scalars = match &kind {
        ExprKind::Source(store) => scalars_of_store(&**store),
        kind => {
            let inputs: Vec<&Expr> = inputs!(kind, iter);
            scalars(inputs.into_iter().map(|e| e.scalars.as_slice()), &names)
        }
    };
    let time = carried(&kind);
    Expr::new(Node { kind, dtype, time, shape, chunks, names, scalars, site: Site::Code(Location::caller()) })
}

/// What elements are that only moved.
fn carried(kind: &ExprKind) -> Option<TimeType> {
    match kind {
        ExprKind::Source(store) => store.info().time,
        ExprKind::View { input, .. }
        | ExprKind::Rechunk { input }
        | ExprKind::Take { input, .. }
        | ExprKind::Reshape { input, .. } => input.time,
        ExprKind::Concat { inputs, .. } => inputs.first()?.time,
        ExprKind::Regional { inputs, op } if op.moves() => inputs.first()?.time,
        _ => None,
    }
}

/// Visits `exprs` and all that they are made of, each node once, inputs first. Deep expressions do not take stack.
pub(crate) fn walk(exprs: &[Expr], visit: &mut dyn FnMut(&Expr)) {
    let mut seen = BTreeSet::new();
    let mut left: Vec<Expr> = exprs.iter().rev().cloned().collect();
    while let Some(next) = left.last().cloned() {
        let missing: Vec<Expr> = next.inputs().into_iter().filter(|e| !seen.contains(&e.id())).cloned().collect();
        if missing.is_empty() || seen.contains(&next.id()) {
            left.pop();
            if seen.insert(next.id()) {
                visit(&next);
            }
        } else {
            left.extend(missing);
        }
    }
}

impl Expr {
    /// A handle on `node`.
    #[must_use]
    pub fn new(node: Node) -> Self {
        Self(Arc::new(node))
    }

    /// An identity: equal for handles on the same node.
    #[must_use]
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// The expressions this one is made of.
    #[must_use]
    pub fn inputs(&self) -> Vec<&Self> {
        inputs!(&self.kind, iter)
    }

    /// The same node over other inputs.
    #[must_use]
    pub fn with_inputs(&self, new: &[Self]) -> Self {
        let mut kind = self.kind.clone();
        let inputs: Vec<&mut Self> = inputs!(&mut kind, iter_mut);
        inputs.into_iter().zip(new).for_each(|(old, new)| old.clone_from(new));
        self.with_kind(kind)
    }

    /// A node of another kind with the same value.
    #[must_use]
    pub fn with_kind(&self, kind: ExprKind) -> Self {
        Self::new(Node { kind, ..self.parts() })
    }

    /// The same value, built at `site`: this node and those that it is made of, down to stored arrays, to the nodes
    /// that `known` says are older, and to what stands in a text already. Deep expressions do not take stack.
    #[must_use]
    pub fn placed(&self, site: &Site, known: &dyn Fn(&Self) -> bool) -> Self {
        let older = |e: &Self| matches!(e.kind, ExprKind::Source(_)) || matches!(e.site, Site::Text(_)) || known(e);
        let mut done: BTreeMap<usize, Self> = BTreeMap::new();
        let mut left = vec![self.clone()];
        while let Some(next) = left.last().cloned() {
            let of_next = if older(&next) { Vec::new() } else { next.inputs() };
            let missing: Vec<Self> = of_next.into_iter().filter(|e| !done.contains_key(&e.id())).cloned().collect();
            if !missing.is_empty() {
                left.extend(missing);
                continue;
            }
            left.pop();
            if done.contains_key(&next.id()) {
                continue;
            }
            let new = if older(&next) {
                next.clone()
            } else {
                let inputs: Vec<Self> = next.inputs().iter().filter_map(|e| done.get(&e.id()).cloned()).collect();
                let moved = next.with_inputs(&inputs);
                Self::new(Node { site: site.clone(), ..moved.parts() })
            };
            done.insert(next.id(), new);
        }
        done.remove(&self.id()).unwrap_or_else(|| self.clone())
    }

    /// The same value under other names of its dimensions.
    #[must_use]
    pub fn with_names(&self, names: Vec<Option<Name>>) -> Self {
        let scalars = scalars(std::iter::once(self.scalars.as_slice()), &names);
        Self::new(Node { names, scalars, ..self.parts() })
    }

    /// The same integers, as dates or lengths of time, or as numbers.
    #[must_use]
    pub fn with_time(&self, time: Option<TimeType>) -> Self {
        if self.time == time { self.clone() } else { Self::new(Node { time, ..self.parts() }) }
    }

    /// The name of the element type: `float32`, `datetime64[ns]`.
    #[must_use]
    pub fn type_name(&self) -> String {
        self.time.map_or_else(|| self.dtype.to_string(), |time| time.to_string())
    }

    /// The same node, with these scalar coordinates too.
    #[must_use]
    pub fn with_scalars(&self, more: &[Name]) -> Self {
        if more.is_empty() {
            return self.clone();
        }
        let scalars = scalars([self.scalars.as_slice(), more].into_iter(), &self.names);
        Self::new(Node { scalars, ..self.parts() })
    }

    fn parts(&self) -> Node {
        Node {
            kind: self.kind.clone(),
            dtype: self.dtype,
            time: self.time,
            shape: self.shape.clone(),
            chunks: self.chunks.clone(),
            names: self.names.clone(),
            scalars: self.scalars.clone(),
            site: self.site.clone(),
        }
    }

    /// The lengths of the axes; data-dependent ones at their largest.
    #[must_use]
    pub fn lengths(&self) -> Vec<usize> {
        self.shape.max()
    }
}

impl std::ops::Deref for Expr {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.0
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
