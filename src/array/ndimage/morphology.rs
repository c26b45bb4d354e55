//! Mathematical morphology: erosion and dilation of truth values and of numbers, and what is made of them.

use super::extremes::{Footprint, Place, placed, refuse_complex};
use super::{Around, Ndimage, per_axis, run, spread, spread_origins, starts, with_numbers};
use crate::array::creation::in_memory;
use crate::array::manipulation::flip;
use crate::array::padding::{Border, pad};
use crate::array::{Array, Kind, done};
use crate::device::block::Block;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build;
use crate::expr::compose::{binary as of_two, choice, unary as of_one};
use crate::op::elementwise::ElementOp as Op;
use crate::op::regional::filter::{Edge, Join, Number, Pass, PassOp};
use crate::shape::axes::Axes;
use crate::shape::tuple;

/// How truth values are eroded or dilated.
#[derive(Debug, Clone)]
pub struct Binary {
    /// The neighbours that count; the nearest along each axis without.
    pub structure: Option<Expr>,
    /// How often.
    pub iterations: usize,
    /// Where elements may change; everywhere without.
    pub mask: Option<Expr>,
    /// What stands beyond the array.
    pub border: bool,
    /// By how much windows begin further in front: one number, or one for each axis.
    pub origins: Vec<isize>,
    /// The axes that the structure lies along; all without.
    pub axes: Option<Vec<isize>>,
}

impl Default for Binary {
    fn default() -> Self {
        Self { structure: None, iterations: 1, mask: None, border: false, origins: vec![0], axes: None }
    }
}

/// Whether regions of true elements shrink or grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// They shrink: the smallest of a window.
    Erosion,
    /// They grow: the largest of a window in reverse.
    Dilation,
}

/// Elements at a distance of at most `connectivity` steps from the middle of a cube of 3 elements along each of `rank`
/// axes.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) for a rank whose cube is too large.
#[track_caller]
pub fn generate_binary_structure(rank: usize, connectivity: usize) -> Result<Expr> {
    const MOST: usize = 12;
    if rank > MOST {
        return Err(Error::shape("generate_binary_structure", format!("a rank of {rank}, above {MOST}")));
    }
    let shape = vec![3; rank];
    let mut out = Block::from_vec(vec![true; 3usize.pow(u32::try_from(rank).unwrap_or(0))], &shape)?;
    if rank > 0 {
        let steps = |mut place: usize| {
            let mut steps = 0;
            for _ in 0..rank {
                steps += usize::from(place % 3 != 1);
                place /= 3;
            }
            steps <= connectivity.max(1)
        };
        out = Block::from_vec((0..out.size()).map(steps).collect(), &shape)?;
    }
    Ok(in_memory(out))
}

/// A structure dilated by itself, until it has been there `iterations` times.
///
/// # Errors
/// Those of [`binary`].
#[track_caller]
pub fn iterate_structure(structure: &Expr, iterations: usize) -> Result<Expr> {
    if iterations < 2 {
        return Ok(structure.clone());
    }
    let more = iterations - 1;
    let lengths = structure.shape.known()?;
    let widths: Vec<(usize, usize)> = lengths
        .iter()
        .map(|&n| {
            let before = more * (n / 2);
            (before, (more * n.saturating_sub(1)).saturating_sub(before))
        })
        .collect();
    let nothing = (Scalar::Bool(false), Scalar::Bool(false));
    let structure = build::cast(structure, DType::Bool)?;
    let padded = pad(&structure, &widths, &Border::Constant(vec![nothing; lengths.len()]))?;
    let how = Binary { structure: Some(structure), iterations: more, ..Binary::default() };
    binary("iterate_structure", &padded, Change::Dilation, &how)
}

/// Truth values eroded or dilated.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for complex numbers; [`Argument`](crate::ErrorKind::Argument) for a structure of
/// another rank and an origin outside it.
#[track_caller]
pub fn binary(name: &'static str, x: &Expr, change: Change, how: &Binary) -> Result<Expr> {
    refuse_complex(name, x)?;
    let rank = x.shape.rank();
    let around = Around { origins: how.origins.clone(), axes: how.axes.clone(), ..Around::default() };
    let axes = around.axes(name, rank)?;
    let structure = match &how.structure {
        Some(structure) => build::cast(structure, DType::Bool)?,
        None => generate_binary_structure(axes.len(), 1)?,
    };
    if let Some(mask) = how.mask.as_ref().filter(|mask| mask.shape != x.shape) {
        return Err(Error::shape(name, format!("a mask of shape {} for {}", mask.shape, x.shape)));
    }
    let passes = if how.mask.is_some() { 1 } else { how.iterations };
    let border = if how.border { 1.0 } else { 0.0 };
    let step = |x: &Expr| {
        let around = around.clone();
        with_numbers(name, x, &structure, move |x, window, structure| {
            let pass = binary_pass(name, x, window, structure, change, (&around, Number::from(border)))?;
            if structure.iter().all(|s| *s == 0.0) {
                // Of no elements all are true, and none is.
                return build::full(&x.shape.known()?, Scalar::Bool(change == Change::Erosion), DType::Bool, None);
            }
            run(name, x, vec![vec![pass; passes]], Join::Sum, DType::Bool)
        })
    };
    let mut out = build::cast(x, DType::Bool)?;
    match &how.mask {
        None => out = step(&out)?,
        Some(mask) => {
            let (mask, first) = (build::cast(mask, DType::Bool)?, out.clone());
            for _ in 0..how.iterations {
                // Outside the mask all steps have what is there at first, so that each is read by one alone.
                out = choice(&mask, step(&out)?, &first)?;
            }
        }
    }
    Ok(out)
}

/// Where the elements of `hit` are all true and those of `miss`, without it all others, all false: two structures with
/// origins of their own.
///
/// # Errors
/// As [`binary`].
#[track_caller]
pub fn hit_or_miss(
    x: &Expr,
    [hit, miss]: [Option<&Expr>; 2],
    [first, second]: [&[isize]; 2],
    axes: Option<&[isize]>,
) -> Result<Expr> {
    const NAME: &str = "binary_hit_or_miss";
    let hit = match hit {
        Some(hit) => build::cast(hit, DType::Bool)?,
        None => generate_binary_structure(axes.map_or(x.shape.rank(), <[isize]>::len), 1)?,
    };
    let miss = match miss {
        Some(miss) => build::cast(miss, DType::Bool)?,
        None => of_one(Op::LogicalNot, &hit)?,
    };
    let how = |structure: Expr, origins: &[isize], border: bool| Binary {
        structure: Some(structure),
        origins: origins.to_vec(),
        border,
        axes: axes.map(<[isize]>::to_vec),
        ..Binary::default()
    };
    let x = build::cast(x, DType::Bool)?;
    let hits = binary(NAME, &x, Change::Erosion, &how(hit, first, false))?;
    let misses = binary(NAME, &of_one(Op::LogicalNot, &x)?, Change::Erosion, &how(miss, second, true))?;
    of_two(Op::LogicalAnd, &hits, &misses)
}

/// One erosion or dilation.
fn binary_pass(
    name: &'static str,
    x: &Expr,
    window: &[usize],
    structure: &[f64],
    change: Change,
    (around, constant): (&Around, Number),
) -> Result<Pass> {
    let rank = x.shape.rank();
    let axes = around.axes(name, rank)?;
    let lengths = spread(name, &axes, rank, window)?;
    let origins = spread_origins(name, &axes, rank, &turned(name, change, window, &axes, &around.origins)?)?;
    let dilates = change == Change::Dilation;
    if structure.is_empty() {
        return Err(Error::argument(name, "a structure has elements"));
    }
    let counts = |i: usize| structure[if dilates { structure.len() - 1 - i } else { i }] != 0.0;
    let places = (0..structure.len()).filter(|&i| counts(i)).map(|i| (i, None)).collect();
    let before = starts(name, &lengths, &origins)?;
    let op = PassOp::Peak { places, largest: dilates };
    Ok(Pass { op, window: lengths, before, edges: vec![Edge::Constant; rank], constant })
}

/// Origins for windows in reverse, where regions grow.
fn turned(name: &str, change: Change, window: &[usize], axes: &[usize], origins: &[isize]) -> Result<Vec<isize>> {
    if change == Change::Erosion || window.len() != axes.len() {
        return Ok(origins.to_vec());
    }
    let origins = per_axis(name, "origins", origins, axes.len())?;
    Ok(origins.iter().zip(window).map(|(o, n)| -o - isize::from(n % 2 == 0)).collect())
}

/// The window of a grey erosion or dilation.
#[derive(Debug, Clone)]
pub struct Grey {
    /// The elements that count; those of the structure without.
    pub footprint: Option<Footprint>,
    /// Heights that are taken from elements, or added to them.
    pub structure: Option<Expr>,
}

/// Numbers eroded, that is the smallest in a window, or dilated, the largest in the window in reverse.
///
/// # Errors
/// As [`placed`]; [`Argument`](crate::ErrorKind::Argument) where nothing says which elements count.
#[track_caller]
pub fn grey(name: &'static str, x: &Expr, change: Change, how: &Grey, around: &Around) -> Result<Expr> {
    refuse_complex(name, x)?;
    let dilates = change == Change::Dilation;
    let place = if dilates { Place::Largest } else { Place::Smallest };
    let axes = around.axes(name, x.shape.rank())?;
    let mut around = around.clone();
    let turn = |e: &Expr| if dilates { flip(e, &Axes::All) } else { Ok(e.clone()) };
    if let Some(structure) = &how.structure {
        let table = match &how.footprint {
            Some(Footprint::Mask(mask)) => {
                if mask.shape != structure.shape {
                    let why = format!("a footprint of shape {} for heights of {}", mask.shape, structure.shape);
                    return Err(Error::shape(name, why));
                }
                choice(&build::cast(mask, DType::Bool)?, &build::cast(structure, DType::F64)?, f64::NAN)?
            }
            _ => structure.clone(),
        };
        around.origins = turned(name, change, &structure.shape.known()?, &axes, &around.origins)?;
        return with_numbers(name, x, &turn(&table)?, move |x, window, heights| {
            raised(name, x, window, heights, dilates, &around)
        });
    }
    let footprint = match &how.footprint {
        None => return Err(Error::argument(name, "needs a size, a footprint or a structure")),
        Some(Footprint::Size(size)) => {
            let size = per_axis(name, "sizes", size, axes.len())?;
            around.origins = turned(name, change, &size, &axes, &around.origins)?;
            Footprint::Size(size)
        }
        Some(Footprint::Mask(mask)) => {
            around.origins = turned(name, change, &mask.shape.known()?, &axes, &around.origins)?;
            Footprint::Mask(turn(mask)?)
        }
    };
    placed(name, x, &footprint, place, &around)
}

/// Windows with heights; an element whose height is NaN does not count.
fn raised(
    name: &'static str,
    x: &Expr,
    window: &[usize],
    heights: &[f64],
    largest: bool,
    around: &Around,
) -> Result<Expr> {
    let rank = x.shape.rank();
    let axes = around.axes(name, rank)?;
    let lengths = spread(name, &axes, rank, window)?;
    let before = starts(name, &lengths, &spread_origins(name, &axes, rank, &around.origins)?)?;
    let places: Vec<(usize, Option<Number>)> =
        (0..heights.len()).filter(|&i| !heights[i].is_nan()).map(|i| (i, Some(Number::from(heights[i])))).collect();
    if places.is_empty() {
        return Err(Error::argument(name, format!("a structure of shape {} without elements", tuple(window))));
    }
    let (edges, constant) = (around.edge(name, rank)?, Number::from(around.cval));
    let pass = Pass { op: PassOp::Peak { places, largest }, window: lengths, before, edges, constant };
    run(name, x, vec![vec![pass]], Join::Sum, around.output.unwrap_or(x.dtype))
}

/// What is made of erosions and dilations of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// An erosion, then a dilation.
    Opening,
    /// A dilation, then an erosion.
    Closing,
    /// A dilation less an erosion.
    Gradient,
    /// A dilation and an erosion, less the array twice.
    Laplace,
    /// The array less its opening.
    WhiteTophat,
    /// The closing less the array.
    BlackTophat,
}

/// Numbers eroded and dilated.
///
/// # Errors
/// As [`grey`].
#[track_caller]
pub fn made(name: &'static str, x: &Expr, what: Made, how: &Grey, around: &Around) -> Result<Expr> {
    let plain = Around { output: None, ..around.clone() };
    let erode = |x: &Expr, around: &Around| grey(name, x, Change::Erosion, how, around);
    let dilate = |x: &Expr, around: &Around| grey(name, x, Change::Dilation, how, around);
    let less = |a: &Expr, b: &Expr| match (a.dtype, b.dtype) {
        (DType::Bool, DType::Bool) => of_two(Op::BitwiseXor, a, b),
        _ => of_two(Op::Subtract, a, b),
    };
    match what {
        Made::Opening => dilate(&erode(x, &plain)?, around),
        Made::Closing => erode(&dilate(x, &plain)?, around),
        Made::Gradient => of_two(Op::Subtract, &dilate(x, &plain)?, &erode(x, &plain)?),
        Made::Laplace => {
            let sum = of_two(Op::Add, &dilate(x, &plain)?, &erode(x, &plain)?)?;
            of_two(Op::Subtract, &of_two(Op::Subtract, &sum, x)?, x)
        }
        Made::WhiteTophat => {
            let opened = dilate(&erode(x, &plain)?, around)?;
            build::cast(&less(x, &opened)?, opened.dtype)
        }
        Made::BlackTophat => {
            let closed = erode(&dilate(x, &plain)?, around)?;
            build::cast(&less(&closed, x)?, closed.dtype)
        }
    }
}

impl<T: Kind> Ndimage<T> {
    fn grey_sized(&self, name: &'static str, change: Change, size: &[usize]) -> Result<Array<T>> {
        let how = Grey { footprint: Some(Footprint::Size(size.to_vec())), structure: None };
        Ok(Self::array(grey(name, &self.x, change, &how, &self.around)?))
    }

    fn made_sized(&self, name: &'static str, what: Made, size: &[usize]) -> Result<Array<T>> {
        let how = Grey { footprint: Some(Footprint::Size(size.to_vec())), structure: None };
        Ok(Self::array(made(name, &self.x, what, &how, &self.around)?))
    }

    /// The smallest elements of windows of this size. [`grey`] takes footprints and heights.
    ///
    /// # Errors
    /// As [`grey`].
    #[track_caller]
    pub fn grey_erosion(&self, size: &[usize]) -> Result<Array<T>> {
        self.grey_sized("grey_erosion", Change::Erosion, size)
    }

    /// The largest elements of windows of this size.
    ///
    /// # Errors
    /// As [`grey`].
    #[track_caller]
    pub fn grey_dilation(&self, size: &[usize]) -> Result<Array<T>> {
        self.grey_sized("grey_dilation", Change::Dilation, size)
    }

    /// An erosion, then a dilation: what is smaller than a window and stands out is gone.
    ///
    /// # Errors
    /// As [`grey`].
    #[track_caller]
    pub fn grey_opening(&self, size: &[usize]) -> Result<Array<T>> {
        self.made_sized("grey_opening", Made::Opening, size)
    }

    /// A dilation, then an erosion: gaps that are smaller than a window are filled.
    ///
    /// # Errors
    /// As [`grey`].
    #[track_caller]
    pub fn grey_closing(&self, size: &[usize]) -> Result<Array<T>> {
        self.made_sized("grey_closing", Made::Closing, size)
    }

    /// A dilation less an erosion.
    ///
    /// # Errors
    /// As [`grey`].
    #[track_caller]
    pub fn morphological_gradient(&self, size: &[usize]) -> Result<Array<T>> {
        self.made_sized("morphological_gradient", Made::Gradient, size)
    }

    /// The array less its opening: what is smaller than a window and stands out.
    ///
    /// # Errors
    /// As [`grey`].
    #[track_caller]
    pub fn white_tophat(&self, size: &[usize]) -> Result<Array<T>> {
        self.made_sized("white_tophat", Made::WhiteTophat, size)
    }

    /// The closing less the array: gaps that are smaller than a window.
    ///
    /// # Errors
    /// As [`grey`].
    #[track_caller]
    pub fn black_tophat(&self, size: &[usize]) -> Result<Array<T>> {
        self.made_sized("black_tophat", Made::BlackTophat, size)
    }

    /// Whether all neighbours along axes are true, this many times. [`binary`] takes structures, masks and borders.
    ///
    /// ```
    /// # use hyperslab::Context;
    /// # let cx = Context::default();
    /// let x = cx.ones::<f32>(&[7])?;
    /// let inner = cx.compute(x.ndimage().binary_erosion(2).cast::<u8>())?;
    /// assert_eq!(inner.as_slice().unwrap(), &[0, 0, 1, 1, 1, 0, 0]);
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn binary_erosion(&self, iterations: usize) -> Array<bool> {
        self.binary("binary_erosion", Change::Erosion, iterations)
    }

    /// Whether any neighbour along axes is true, this many times.
    #[track_caller]
    #[must_use]
    pub fn binary_dilation(&self, iterations: usize) -> Array<bool> {
        self.binary("binary_dilation", Change::Dilation, iterations)
    }

    #[track_caller]
    fn binary(&self, name: &'static str, change: Change, iterations: usize) -> Array<bool> {
        let how = Binary { iterations, axes: self.around.axes.clone(), ..Binary::default() };
        Array::of(done(binary(name, &self.x, change, &how)))
    }
}
