//! Constructors of calls of user functions whose blocks see more than their own place.

use super::compose::{moved, without};
use super::names::Name;
use super::node::{Expr, ExprKind, node};
use super::pending::when_known;
use super::regions::limit;
use crate::chunk::unify::unify;
use crate::chunk::{AxisChunks, Chunks};
use crate::error::{Error, Result};
use crate::op::function::BlockFunction;
use crate::op::regional::Regional;
use crate::op::regional::call::{Along, Call, Seen};
use crate::shape::broadcast::broadcast;
use crate::shape::{Shape, fits_memory};
use std::collections::BTreeMap;

/// Bytes of an array that a generalised function sees at once, at most, where it sees no whole axes that take more.
const LARGEST: usize = 4 << 20;

/// The core dimensions of a generalised function: `(i,j),(j)->(i)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Of each argument.
    pub inputs: Vec<Vec<String>>,
    /// Of the result.
    pub output: Vec<String>,
}

impl Signature {
    /// The signature that `text` writes as NumPy does.
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for what is no signature, and for several results.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |why: &str| Error::argument("apply_gufunc", format!("the signature `{text}` {why}"));
        let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let (inputs, output) = bare.split_once("->").ok_or_else(|| refuse("has no `->`"))?;
        let (inputs, output) = (lists(inputs), lists(output));
        let inputs = inputs.ok_or_else(|| refuse("has arguments that are not names in parentheses"))?;
        match output.ok_or_else(|| refuse("has a result that is not names in parentheses"))?.as_slice() {
            [one] => Ok(Self { inputs, output: one.clone() }),
            many => Err(refuse(&format!("has {} results; one is offered", many.len()))),
        }
    }
}

/// `(i,j),(j),()` as lists of names.
fn lists(text: &str) -> Option<Vec<Vec<String>>> {
    let mut out = Vec::new();
    let mut left = text;
    loop {
        let (inside, rest) = left.strip_prefix('(')?.split_once(')')?;
        let names: Vec<&str> = if inside.is_empty() { Vec::new() } else { inside.split(',').collect() };
        let first = |n: &str| n.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if !names.iter().all(|n| first(n) && n.chars().all(|c| c.is_alphanumeric() || c == '_')) {
            return None;
        }
        out.push(names.into_iter().map(ToOwned::to_owned).collect());
        if rest.is_empty() {
            return Some(out);
        }
        left = rest.strip_prefix(',')?;
    }
}

/// A generalised function: its core dimensions are the last axes of its arguments and of its result, and whole in every
/// call; the axes before them are broadcast, and cut as their chunks are, or smaller where calls would see too much.
/// `sizes` are the lengths of core dimensions that the function makes.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for another number of arguments than the signature has and for dimensions
/// of unknown length, [`Shape`](crate::ErrorKind::Shape) where lengths do not fit.
#[track_caller]
pub fn gufunc(
    signature: &Signature,
    inputs: &[Expr],
    sizes: &BTreeMap<String, usize>,
    function: &BlockFunction,
) -> Result<Expr> {
    let kind = "apply_gufunc";
    if inputs.len() != signature.inputs.len() {
        let why = format!("{} takes {} arrays, not {}", function.name, signature.inputs.len(), inputs.len());
        return Err(Error::argument(kind, why));
    }
    if inputs.iter().all(|e| e.shape.is_known()) {
        return of_signature((kind, false), signature, inputs, sizes, function);
    }
    let (signature, sizes, function) = (signature.clone(), sizes.clone(), function.clone());
    when_known(kind, inputs, move |e| of_signature((kind, false), &signature, e, &sizes, &function))
}

#[track_caller]
fn of_signature(
    (kind, everywhere): (&'static str, bool),
    signature: &Signature,
    inputs: &[Expr],
    sizes: &BTreeMap<String, usize>,
    function: &BlockFunction,
) -> Result<Expr> {
    let mut lengths: BTreeMap<&str, usize> = sizes.iter().map(|(name, &n)| (name.as_str(), n)).collect();
    let mut loops = Vec::new();
    for (n, (input, cores)) in inputs.iter().zip(&signature.inputs).enumerate() {
        let shape = input.shape.known()?;
        let Some(split) = shape.len().checked_sub(cores.len()) else {
            let why =
                format!("array {n} of {} has shape {} and needs {} axes", function.name, input.shape, cores.len());
            return Err(Error::shape(kind, why));
        };
        for (name, &length) in cores.iter().zip(&shape[split..]) {
            let known = *lengths.entry(name).or_insert(length);
            if known != length {
                let why =
                    format!("dimension {name} of {} has length {length} in array {n}, and {known}", function.name);
                return Err(Error::shape(kind, why));
            }
        }
        loops.push((Shape::new(&shape[..split]), Chunks::new(input.chunks.axes()[..split].to_vec())));
    }
    let outer = broadcast(kind, &loops.iter().map(|(shape, _)| shape).collect::<Vec<_>>())?.known()?;
    let made = signature.output.iter().map(|name| {
        let why = || Error::argument(kind, format!("the length of dimension {name} of {} is not known", function.name));
        lengths.get(name.as_str()).copied().ok_or_else(why)
    });
    let made = made.collect::<Result<Vec<_>>>()?;
    // A core dimension twice in one array is two axes of one length.
    let mut whole: Vec<((&str, usize), usize)> = Vec::new();
    let rank = outer.len() + made.len();
    let mut seen = Vec::new();
    for ((input, cores), (own, _)) in inputs.iter().zip(&signature.inputs).zip(&loops) {
        let shape = own.known()?;
        let shift = outer.len() - shape.len();
        let mut axes: Vec<Option<usize>> =
            shape.iter().enumerate().map(|(a, &n)| (n == outer[a + shift]).then_some(a + shift)).collect();
        for (at, name) in cores.iter().enumerate() {
            let key = (name.as_str(), cores[..at].iter().filter(|n| *n == name).count());
            let place = whole.iter().position(|(k, _)| *k == key).unwrap_or(whole.len());
            if place == whole.len() {
                whole.push((key, lengths[name.as_str()]));
            }
            axes.push(Some(rank + place));
        }
        seen.push(Seen { dtype: input.dtype, axes });
    }
    let mut chunks = unify(&outer, &loops.iter().map(|(_, grid)| grid).collect::<Vec<_>>()).axes().to_vec();
    let most = |cores: &[String], size: usize| cores.iter().map(|c| lengths[c.as_str()]).product::<usize>() * size;
    let read = inputs.iter().zip(&signature.inputs).map(|(e, cores)| most(cores, e.dtype.size())).max();
    let cell = most(&signature.output, function.output.size()).max(read.unwrap_or(0));
    if !everywhere {
        limit(&mut chunks, LARGEST / cell.max(1));
    }
    chunks.extend(made.iter().map(|&n| AxisChunks::regular(n, n)));
    let axes = outer.iter().map(|_| Along::Same).chain(made.iter().map(|_| Along::Made)).collect();
    let whole = whole.into_iter().map(|(_, n)| n).collect();
    let (function, chunks) = (function.clone(), Chunks::new(chunks));
    let call = Call { kind, function, chunks, axes, whole, inputs: seen, everywhere };
    build(call, inputs, &[outer, made].concat(), Vec::new())
}

/// A function of lines along `axis` of length `out` then. It is called with blocks of them, the line last.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where the result overflows.
#[track_caller]
pub fn along_axis(input: &Expr, axis: usize, out: usize, function: &BlockFunction) -> Result<Expr> {
    if input.shape.is_known() {
        return of_lines(input, axis, out, function);
    }
    let function = function.clone();
    when_known("apply_along_axis", std::slice::from_ref(input), move |e| of_lines(&e[0], axis, out, &function))
}

#[track_caller]
fn of_lines(input: &Expr, axis: usize, out: usize, function: &BlockFunction) -> Result<Expr> {
    let last = input.shape.rank() - 1;
    let signature = Signature { inputs: vec![vec!["line".to_owned()]], output: vec!["made".to_owned()] };
    let sizes = BTreeMap::from([("made".to_owned(), out)]);
    let line = moved(input, axis, last)?;
    let made = of_signature(("apply_along_axis", true), &signature, &[line], &sizes, function)?;
    moved(&made, last, axis)
}

/// A function of blocks by the labels of axes: `ij,jk->ik`. A label of the result that arrays have is cut as their
/// chunks are; what only arrays have is whole in every call; what only the result has is made, of the length in
/// `sizes`.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for what is no notation for these arrays,
/// [`Shape`](crate::ErrorKind::Shape) where lengths do not fit.
#[track_caller]
pub fn blockwise(
    notation: &str,
    inputs: &[Expr],
    sizes: &BTreeMap<char, usize>,
    function: &BlockFunction,
) -> Result<Expr> {
    let (labels, output) = labels(notation, inputs)?;
    if inputs.iter().all(|e| e.shape.is_known()) {
        return of_labels(&labels, &output, inputs, sizes, function);
    }
    let (sizes, function) = (sizes.clone(), function.clone());
    when_known("blockwise", inputs, move |e| of_labels(&labels, &output, e, &sizes, &function))
}

/// The labels of each array, and of the result.
fn labels(notation: &str, inputs: &[Expr]) -> Result<(Vec<Vec<char>>, Vec<char>)> {
    let refuse = |why: String| Error::argument("blockwise", format!("`{notation}` {why}"));
    let bare: String = notation.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, right) = bare.split_once("->").ok_or_else(|| refuse("has no `->`".to_owned()))?;
    let lists: Vec<Vec<char>> = left.split(',').map(|l| l.chars().collect()).collect();
    let output: Vec<char> = right.chars().collect();
    for list in lists.iter().chain([&output]) {
        if let Some(other) = list.iter().find(|c| !c.is_alphabetic()) {
            return Err(refuse(format!("has the label `{other}`, which is no letter")));
        }
        if let Some(twice) = list.iter().find(|c| list.iter().filter(|o| o == c).count() > 1) {
            return Err(refuse(format!("has `{twice}` twice in one array")));
        }
    }
    if lists.len() != inputs.len() {
        return Err(refuse(format!("is about {} arrays, not {}", lists.len(), inputs.len())));
    }
    for (n, (list, input)) in lists.iter().zip(inputs).enumerate() {
        if list.len() != input.shape.rank() {
            return Err(refuse(format!("has {} labels for array {n} of shape {}", list.len(), input.shape)));
        }
    }
    Ok((lists, output))
}

#[track_caller]
fn of_labels(
    labels: &[Vec<char>],
    output: &[char],
    inputs: &[Expr],
    sizes: &BTreeMap<char, usize>,
    function: &BlockFunction,
) -> Result<Expr> {
    let kind = "blockwise";
    // Of every label the length, and the cuts of the axes that have it.
    let mut known: BTreeMap<char, (usize, Vec<Chunks>)> = BTreeMap::new();
    for (list, input) in labels.iter().zip(inputs) {
        for ((label, n), cuts) in list.iter().zip(input.shape.known()?).zip(input.chunks.axes()) {
            let entry = known.entry(*label).or_insert((n, Vec::new()));
            if entry.0 != n && entry.0 != 1 && n != 1 {
                let why = format!("axis {label} of {} has lengths {} and {n}", function.name, entry.0);
                return Err(Error::shape(kind, why));
            }
            entry.0 = if entry.0 == 1 { n } else { entry.0 };
            entry.1.push(Chunks::new(vec![cuts.clone()]));
        }
    }
    let (mut shape, mut chunks, mut axes) = (Vec::new(), Vec::new(), Vec::new());
    for label in output {
        let (n, cuts, along) = match (known.get(label), sizes.get(label)) {
            (Some((n, grids)), _) => {
                let cuts = unify(&[*n], &grids.iter().collect::<Vec<_>>()).axes()[0].clone();
                (*n, cuts, Along::Same)
            }
            (None, Some(&n)) => (n, AxisChunks::regular(n, n), Along::Made),
            (None, None) => {
                let why = format!("the length of axis {label}, which no array has, is not known");
                return Err(Error::argument(kind, why));
            }
        };
        shape.push(n);
        chunks.push(cuts);
        axes.push(along);
    }
    let inner: Vec<char> = known.keys().copied().filter(|label| !output.contains(label)).collect();
    let order: Vec<char> = output.iter().chain(&inner).copied().collect();
    let seen = labels.iter().zip(inputs).map(|(list, input)| {
        let follows = |(label, n): (&char, usize)| {
            let place = order.iter().position(|o| o == label);
            place.filter(|_| n == known.get(label).map_or(n, |k| k.0))
        };
        Ok(Seen { dtype: input.dtype, axes: list.iter().zip(input.shape.known()?).map(follows).collect() })
    });
    let seen = seen.collect::<Result<Vec<_>>>()?;
    let whole = inner.iter().filter_map(|label| known.get(label)).map(|(n, _)| *n).collect();
    let (function, chunks) = (function.clone(), Chunks::new(chunks));
    let call = Call { kind, function, chunks, axes, whole, inputs: seen, everywhere: false };
    build(call, inputs, &shape, Vec::new())
}

/// The functions of a reduction.
#[derive(Debug, Clone)]
pub struct Reducing {
    /// From a chunk to its state: reduced axes have length 1, and where there are several states a last axis counts
    /// them.
    pub map: BlockFunction,
    /// From neighbouring states to one.
    pub combine: BlockFunction,
    /// From a state to the result.
    pub finish: BlockFunction,
    /// How many states there are, where they have an axis.
    pub states: Option<usize>,
}

/// States that are combined at once.
const TOGETHER: usize = 16;

/// A reduction of `input` over `axes` (ascending), which are gone, chunk by chunk. States are combined in a tree that
/// the chunks decide.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) where there is nothing to reduce.
#[track_caller]
pub fn reduce(input: &Expr, axes: &[usize], how: &Reducing) -> Result<Expr> {
    if input.shape.is_known() {
        return reduce_chunks(input, axes, how);
    }
    let (axes, how) = (axes.to_vec(), how.clone());
    when_known("reduction", std::slice::from_ref(input), move |e| reduce_chunks(&e[0], &axes, &how))
}

#[track_caller]
fn reduce_chunks(input: &Expr, axes: &[usize], how: &Reducing) -> Result<Expr> {
    let shape = input.shape.known()?;
    if let Some(a) = axes.iter().find(|&&a| shape[a] == 0) {
        let why = format!("axis {a} of shape {} has no chunk that {} could reduce", input.shape, how.map.name);
        return Err(Error::shape("reduction", why));
    }
    let mut states = pieces(input, axes, &input.chunks, &how.map, how.states)?;
    // As many along each axis as give so many together.
    let each = (1..=TOGETHER).rev().find(|n: &usize| n.checked_pow(cast(axes.len())).is_some_and(|m| m <= TOGETHER));
    let each = each.unwrap_or(1).max(2);
    while axes.iter().any(|&a| states.lengths()[a] > 1) {
        let lengths = states.lengths();
        let cut = |(a, cuts): (usize, &AxisChunks)| {
            if axes.contains(&a) { AxisChunks::regular(lengths[a], each) } else { cuts.clone() }
        };
        let cuts = Chunks::new(states.chunks.axes().iter().enumerate().map(cut).collect());
        states = pieces(&states, axes, &cuts, &how.combine, None)?;
    }
    let rank = shape.len();
    let lengths = states.lengths();
    let call = Call {
        kind: "reduction",
        function: how.finish.clone(),
        chunks: Chunks::new(states.chunks.axes()[..rank].to_vec()),
        axes: vec![Along::Same; rank],
        whole: lengths[rank..].to_vec(),
        inputs: vec![Seen { dtype: states.dtype, axes: (0..lengths.len()).map(Some).collect() }],
        everywhere: false,
    };
    without(&build(call, &[states], &lengths[..rank], input.names.clone())?, axes)
}

/// One state for each of the pieces of `axes`, with another axis of states where that is asked for.
#[track_caller]
fn pieces(
    input: &Expr,
    axes: &[usize],
    cuts: &Chunks,
    function: &BlockFunction,
    states: Option<usize>,
) -> Result<Expr> {
    let lengths = input.lengths();
    let (mut shape, mut chunks, mut along) = (Vec::new(), Vec::new(), Vec::new());
    for (a, own) in cuts.axes().iter().enumerate() {
        if axes.contains(&a) {
            shape.push(own.count());
            chunks.push(AxisChunks::regular(own.count(), 1));
            along.push(Along::Piece(own.clone()));
        } else {
            shape.push(lengths[a]);
            chunks.push(own.clone());
            along.push(Along::Same);
        }
    }
    if let Some(n) = states {
        shape.push(n);
        chunks.push(AxisChunks::regular(n, n));
        along.push(Along::Made);
    }
    let seen = Seen { dtype: input.dtype, axes: (0..lengths.len()).map(Some).collect() };
    let call = Call {
        kind: "reduction",
        function: function.clone(),
        chunks: Chunks::new(chunks),
        axes: along,
        whole: Vec::new(),
        inputs: vec![seen],
        everywhere: false,
    };
    build(call, std::slice::from_ref(input), &shape, Vec::new())
}

fn cast(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The call of `inputs` that gives this shape.
#[track_caller]
fn build(call: Call, inputs: &[Expr], shape: &[usize], names: Vec<Option<Name>>) -> Result<Expr> {
    fits_memory(call.kind, shape)?;
    let (dtype, chunks) = (call.function.output, call.chunks.clone());
    let kind = ExprKind::Regional { inputs: inputs.to_vec(), op: Regional::Call(call) };
    Ok(node(kind, dtype, Shape::new(shape), chunks, names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures() {
        let parsed = Signature::parse("(i, j),(j),()->(i)").unwrap();
        assert_eq!(parsed.inputs, [vec!["i", "j"], vec!["j"], vec![]]);
        assert_eq!(parsed.output, ["i"]);
        for wrong in ["", "(i)", "i->i", "(i)->", "(i),->()", "(i->()", "(i,)->()", "(2)->()", "(i)->(),()", "()()->()"]
        {
            assert!(Signature::parse(wrong).is_err(), "{wrong}");
        }
    }
}
