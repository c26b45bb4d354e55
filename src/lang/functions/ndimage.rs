//! Filters over windows, as `scipy.ndimage` names them.

use super::super::value::{Call, Function, Value};
use super::row;
use crate::array::ndimage::coordinates::map_coordinates;
use crate::array::ndimage::extremes::{Footprint, Place, extreme1d, placed};
use crate::array::ndimage::gaussian::{
    Gaussian, derivative, gaussian_derivatives, gaussian_filter, gaussian_filter1d, laplace,
};
use crate::array::ndimage::geometry::{Spline, affine_transform, rotate, shift, zoom};
use crate::array::ndimage::label::until_unchanged;
use crate::array::ndimage::morphology::{
    Binary, Change, Grey, Made, binary, generate_binary_structure, grey, hit_or_miss, iterate_structure, made,
};
use crate::array::ndimage::weigh::{Product, along_axis, around_elements, uniform_filter, uniform_filter1d};
use crate::array::ndimage::{Around, Mode};
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::known::known_numbers;
use crate::op::regional::resample::Rim;

pub(super) static TABLE: &[Function] = &[
    row("ndimage.correlate1d", ALONG, |call| weighted1d(call, Product::Correlation)),
    row("ndimage.convolve1d", ALONG, |call| weighted1d(call, Product::Convolution)),
    row("ndimage.correlate", AROUND, |call| weighted(call, Product::Correlation)),
    row("ndimage.convolve", AROUND, |call| weighted(call, Product::Convolution)),
    row(
        "ndimage.gaussian_filter",
        "input, sigma, order=0, output=None, mode='reflect', cval=0.0, truncate=4.0, *, radius=None, axes=None",
        |call| Ok(gaussian_filter(&input(call)?, &gaussian(call)?, &around(call)?)?.into()),
    ),
    row(
        "ndimage.gaussian_filter1d",
        "input, sigma, axis=-1, order=0, output=None, mode='reflect', cval=0.0, truncate=4.0, *, radius=None",
        |call| Ok(gaussian_filter1d(&input(call)?, axis(call)?, &gaussian(call)?, &around(call)?)?.into()),
    ),
    row("ndimage.gaussian_laplace", DERIVATIVES, |call| {
        Ok(gaussian_derivatives(&input(call)?, 2, &gaussian(call)?, &around(call)?)?.into())
    }),
    row("ndimage.gaussian_gradient_magnitude", DERIVATIVES, |call| {
        Ok(gaussian_derivatives(&input(call)?, 1, &gaussian(call)?, &around(call)?)?.into())
    }),
    row("ndimage.prewitt", "input, axis=-1, output=None, mode='reflect', cval=0.0", |call| {
        Ok(derivative("prewitt", &input(call)?, axis(call)?, 1.0, &around(call)?)?.into())
    }),
    row("ndimage.sobel", "input, axis=-1, output=None, mode='reflect', cval=0.0", |call| {
        Ok(derivative("sobel", &input(call)?, axis(call)?, 2.0, &around(call)?)?.into())
    }),
    row("ndimage.laplace", "input, output=None, mode='reflect', cval=0.0, *, axes=None", |call| {
        Ok(laplace(&input(call)?, &around(call)?)?.into())
    }),
    row(
        "ndimage.uniform_filter",
        "input, size=3, output=None, mode='reflect', cval=0.0, origin=0, *, axes=None",
        |call| {
            let size = sizes(call)?.unwrap_or_else(|| vec![3]);
            Ok(uniform_filter(&input(call)?, &size, &around(call)?)?.into())
        },
    ),
    row("ndimage.uniform_filter1d", ALONG_SIZE, |call| {
        Ok(uniform_filter1d(&input(call)?, size(call)?, axis(call)?, &around(call)?)?.into())
    }),
    row("ndimage.minimum_filter1d", ALONG_SIZE, |call| extreme_along(call, "minimum_filter1d")),
    row("ndimage.maximum_filter1d", ALONG_SIZE, |call| extreme_along(call, "maximum_filter1d")),
    row("ndimage.minimum_filter", WINDOW, |call| of_windows(call, "minimum_filter", Place::Smallest)),
    row("ndimage.maximum_filter", WINDOW, |call| of_windows(call, "maximum_filter", Place::Largest)),
    row("ndimage.median_filter", WINDOW, |call| of_windows(call, "median_filter", Place::Median)),
    row(
        "ndimage.rank_filter",
        "input, rank, size=None, footprint=None, output=None, mode='reflect', cval=0.0, origin=0, *, axes=None",
        |call| match call.integer("rank")? {
            Some(rank) => of_windows(call, "rank_filter", Place::Rank(rank)),
            None => call.refuse("`rank` must be an integer"),
        },
    ),
    row(
        "ndimage.percentile_filter",
        "input, percentile, size=None, footprint=None, output=None, mode='reflect', cval=0.0, origin=0, *, axes=None",
        |call| of_windows(call, "percentile_filter", Place::Percentile(call.real("percentile", 0.0)?)),
    ),
    row("ndimage.generate_binary_structure", "rank, connectivity", |call| {
        let rank = usize::try_from(call.integer("rank")?.unwrap_or(0)).unwrap_or(0);
        let connectivity = usize::try_from(call.integer("connectivity")?.unwrap_or(0)).unwrap_or(0);
        Ok(generate_binary_structure(rank, connectivity)?.into())
    }),
    row("ndimage.iterate_structure", "structure, iterations, !origin=None", |call| {
        let iterations = usize::try_from(call.integer("iterations")?.unwrap_or(0)).unwrap_or(0);
        Ok(iterate_structure(call.array("structure")?.expr(), iterations)?.into())
    }),
    row("ndimage.binary_erosion", BINARY, |call| changed(call, "binary_erosion", &[Change::Erosion])),
    row("ndimage.binary_dilation", BINARY, |call| changed(call, "binary_dilation", &[Change::Dilation])),
    row("ndimage.binary_opening", BINARY_TWICE, |call| {
        changed(call, "binary_opening", &[Change::Erosion, Change::Dilation])
    }),
    row("ndimage.binary_closing", BINARY_TWICE, |call| {
        changed(call, "binary_closing", &[Change::Dilation, Change::Erosion])
    }),
    row(
        "ndimage.binary_propagation",
        "input, structure=None, mask=None, output=None, border_value=0, origin=0, *, axes=None",
        |call| {
            let how = morphology(call, 0)?;
            Ok(until_unchanged("binary_propagation", &input(call)?, Change::Dilation, &how)?.into())
        },
    ),
    row(
        "ndimage.binary_hit_or_miss",
        "input, structure1=None, structure2=None, output=None, origin1=0, origin2=None, *, axes=None",
        hits_and_misses,
    ),
    row("ndimage.grey_erosion", GREY, |call| grey_changed(call, "grey_erosion", Change::Erosion)),
    row("ndimage.grey_dilation", GREY, |call| grey_changed(call, "grey_dilation", Change::Dilation)),
    row("ndimage.grey_opening", GREY, |call| grey_made(call, "grey_opening", Made::Opening)),
    row("ndimage.grey_closing", GREY, |call| grey_made(call, "grey_closing", Made::Closing)),
    row("ndimage.morphological_gradient", GREY, |call| grey_made(call, "morphological_gradient", Made::Gradient)),
    row("ndimage.morphological_laplace", GREY, |call| grey_made(call, "morphological_laplace", Made::Laplace)),
    row("ndimage.white_tophat", GREY, |call| grey_made(call, "white_tophat", Made::WhiteTophat)),
    row("ndimage.black_tophat", GREY, |call| grey_made(call, "black_tophat", Made::BlackTophat)),
    row("ndimage.shift", "input, shift, output=None, order=3, mode='constant', cval=0.0, prefilter=True", |call| {
        Ok(shift(call.array("input")?.expr(), &one_each(call, "shift")?, &spline(call)?)?.into())
    }),
    row(
        "ndimage.zoom",
        "input, zoom, output=None, order=3, mode='constant', cval=0.0, prefilter=True, *, grid_mode=False",
        |call| {
            let (factors, grid) = (one_each(call, "zoom")?, call.flag("grid_mode", false)?);
            Ok(zoom(call.array("input")?.expr(), &factors, grid, &spline(call)?)?.into())
        },
    ),
    row(
        "ndimage.map_coordinates",
        "input, coordinates, output=None, order=3, mode='constant', cval=0.0, prefilter=True",
        |call| {
            let (x, coordinates) = (call.array("input")?, call.array("coordinates")?);
            Ok(map_coordinates(x.expr(), coordinates.expr(), &spline(call)?)?.into())
        },
    ),
    row(
        "ndimage.affine_transform",
        "input, matrix, offset=0.0, output_shape=None, output=None, order=3, mode='constant', cval=0.0, prefilter=True",
        affine,
    ),
    row(
        "ndimage.rotate",
        "input, angle, axes=(1,0), reshape=True, output=None, order=3, mode='constant', cval=0.0, prefilter=True",
        |call| {
            let axes = call.integers("axes")?.unwrap_or_else(|| vec![1, 0]);
            let [a, b] = axes[..] else { return call.refuse("`axes` must be two axes") };
            let x = call.array("input")?;
            Ok(rotate(x.expr(), call.real("angle", 0.0)?, [a, b], call.flag("reshape", true)?, &spline(call)?)?.into())
        },
    ),
];

const BINARY: &str = "input, structure=None, iterations=1, mask=None, output=None, border_value=0, origin=0, \
                      brute_force=False, *, axes=None";
const BINARY_TWICE: &str = "input, structure=None, iterations=1, output=None, origin=0, mask=None, border_value=0, \
                            brute_force=False, *, axes=None";
const GREY: &str = "input, size=None, footprint=None, structure=None, output=None, mode='reflect', cval=0.0, origin=0, \
                    *, axes=None";

const ALONG: &str = "input, weights, axis=-1, output=None, mode='reflect', cval=0.0, origin=0";
const ALONG_SIZE: &str = "input, size, axis=-1, output=None, mode='reflect', cval=0.0, origin=0";
const AROUND: &str = "input, weights, output=None, mode='reflect', cval=0.0, origin=0, *, axes=None";
const WINDOW: &str = "input, size=None, footprint=None, output=None, mode='reflect', cval=0.0, origin=0, *, axes=None";
const DERIVATIVES: &str =
    "input, sigma, output=None, mode='reflect', cval=0.0, *, axes=None, truncate=4.0, radius=None";

/// The array that is filtered; sequences beside it have one item for each of its axes, or of those that are named.
fn input(call: &Call) -> Result<Expr> {
    let x = call.array("input")?.expr().clone();
    let count = call.integers("axes")?.map_or(x.shape.rank(), |axes| axes.len());
    for param in ["sigma", "order", "radius", "size", "mode", "origin"] {
        if let Some(items) = call.given(param).and_then(Value::items).filter(|items| items.len() != count) {
            return call.refuse(format!("`{param}` has {} items for {count} axes", items.len()));
        }
    }
    Ok(x)
}

/// An argument as one axis, the last where it is absent.
fn axis(call: &Call) -> Result<isize> {
    Ok(call.integer("axis")?.unwrap_or(-1))
}

/// What stands beyond the array, and the like.
fn around(call: &Call) -> Result<Around> {
    let mut around = Around::default();
    if let Some(value) = call.given("mode") {
        let mode = |v: &Value| match v {
            Value::Str(name) => match Mode::from_name(name) {
                Some(mode) => Ok(mode),
                None => call.refuse(format!("there is no mode `{name}`")),
            },
            other => call.refuse(format!("`mode` must be a string or a sequence of some, not {}", other.describe())),
        };
        (around.modes, around.listed) = match value.items() {
            Some(items) => (items.iter().map(mode).collect::<Result<_>>()?, true),
            None => (vec![mode(value)?], false),
        };
    }
    around.cval = call.real("cval", 0.0)?;
    if let Some(origins) = call.integers("origin")? {
        around.origins = origins;
    }
    around.axes = call.integers("axes")?;
    around.output = output(call)?;
    Ok(around)
}

/// The dtype of the result, where one is given.
fn output(call: &Call) -> Result<Option<DType>> {
    match (call.given("output"), call.dtype("output")?) {
        (Some(Value::Str(name)), Some(DType::Bool)) => call.refuse(format!("`{name}` is no dtype of numbers")),
        (Some(Value::Str(name)), Some(dtype)) if input(call)?.dtype.is_complex() && !dtype.is_complex() => {
            call.refuse(format!("the result of complex numbers is not `{name}`"))
        }
        (_, dtype) => Ok(dtype),
    }
}

/// An argument as one number or one for each axis.
pub(super) fn numbers(call: &Call, param: &str) -> Result<Vec<f64>> {
    let one = |v: &Value| match v {
        Value::Scalar(Scalar::Complex(_)) => call.refuse(format!("`{param}` must be real")),
        Value::Scalar(scalar) => Ok(scalar.to_f64()),
        other => call.refuse(format!("`{param}` must be a number or a sequence of some, not {}", other.describe())),
    };
    let value = call.required(param)?;
    match value.items() {
        Some(items) => items.iter().map(one).collect(),
        None => Ok(vec![one(value)?]),
    }
}

/// An argument as counts.
fn counts(call: &Call, param: &str) -> Result<Option<Vec<usize>>> {
    let Some(list) = call.integers(param)? else { return Ok(None) };
    match list.iter().map(|&n| usize::try_from(n)).collect() {
        Ok(list) => Ok(Some(list)),
        Err(_) => call.refuse(format!("`{param}` cannot be negative")),
    }
}

/// The sizes of a window; real numbers are cut.
fn sizes(call: &Call) -> Result<Option<Vec<usize>>> {
    counts(call, "size")
}

fn size(call: &Call) -> Result<usize> {
    match call.count("size")? {
        Some(size) => Ok(size),
        None => call.refuse("`size` must be an integer"),
    }
}

fn gaussian(call: &Call) -> Result<Gaussian> {
    let mut gaussian = Gaussian::new(&numbers(call, "sigma")?);
    if let Some(order) = counts(call, "order")? {
        gaussian.order = order;
    }
    gaussian.truncate = call.real("truncate", 4.0)?;
    gaussian.radius = match call.given("radius").and_then(Value::items) {
        None => vec![call.count("radius")?],
        Some(items) => {
            let one = |v: &Value| match (v, v.as_integer().map(usize::try_from)) {
                (Value::None, _) => Ok(None),
                (_, Some(Ok(n))) => Ok(Some(n)),
                _ => call.refuse("`radius` must be integers that are not negative"),
            };
            items.iter().map(one).collect::<Result<_>>()?
        }
    };
    Ok(gaussian)
}

fn weighted1d(call: &Call, product: Product) -> Result<Value> {
    let weights = call.array("weights")?;
    Ok(along_axis(&input(call)?, weights.expr(), axis(call)?, product, &around(call)?)?.into())
}

fn weighted(call: &Call, product: Product) -> Result<Value> {
    let weights = call.array("weights")?;
    Ok(around_elements(&input(call)?, weights.expr(), product, &around(call)?)?.into())
}

fn extreme_along(call: &Call, name: &'static str) -> Result<Value> {
    Ok(extreme1d(name, &input(call)?, size(call)?, axis(call)?, &around(call)?)?.into())
}

/// The elements of a window that count: a size or a footprint.
fn footprint(call: &Call) -> Result<Option<Footprint>> {
    if call.given("footprint").is_some() {
        return Ok(Some(Footprint::Mask(call.array("footprint")?.expr().clone())));
    }
    Ok(sizes(call)?.map(Footprint::Size))
}

fn of_windows(call: &Call, name: &'static str, place: Place) -> Result<Value> {
    match footprint(call)? {
        Some(footprint) => Ok(placed(name, &input(call)?, &footprint, place, &around(call)?)?.into()),
        None => call.refuse("needs a `size` or a `footprint`"),
    }
}

/// An array that may be absent.
pub(super) fn optional(call: &Call, param: &str) -> Result<Option<Expr>> {
    call.given(param).map(|v| Ok(v.to_array()?.expr().clone())).transpose()
}

/// Erosions and dilations of truth values, one after another.
fn changed(call: &Call, name: &'static str, changes: &[Change]) -> Result<Value> {
    let iterations = match call.integer("iterations")? {
        Some(n @ 1..) => n.unsigned_abs(),
        None => 1,
        Some(_) => 0,
    };
    let how = morphology(call, iterations)?;
    changes.iter().try_fold(input(call)?, |x, &change| step(name, &x, change, &how)).map(Value::from)
}

/// One of them; 0 iterations are as many as change anything.
fn step(name: &'static str, x: &Expr, change: Change, how: &Binary) -> Result<Expr> {
    if how.iterations == 0 { until_unchanged(name, x, change, how) } else { binary(name, x, change, how) }
}

/// How truth values are eroded or dilated.
fn morphology(call: &Call, iterations: usize) -> Result<Binary> {
    let mut how = Binary {
        structure: optional(call, "structure")?,
        iterations,
        mask: optional(call, "mask")?,
        border: call.flag("border_value", false)?,
        axes: call.integers("axes")?,
        ..Binary::default()
    };
    if let Some(origins) = call.integers("origin")? {
        how.origins = origins;
    }
    Ok(how)
}

/// Where one structure is all true and another all false.
fn hits_and_misses(call: &Call) -> Result<Value> {
    let (hit, miss) = (optional(call, "structure1")?, optional(call, "structure2")?);
    let first = call.integers("origin1")?.unwrap_or_else(|| vec![0]);
    let second = call.integers("origin2")?.unwrap_or_else(|| first.clone());
    let axes = call.integers("axes")?;
    Ok(hit_or_miss(&input(call)?, [hit.as_ref(), miss.as_ref()], [&first, &second], axes.as_deref())?.into())
}

fn window(call: &Call) -> Result<Grey> {
    Ok(Grey { footprint: footprint(call)?, structure: optional(call, "structure")? })
}

fn grey_changed(call: &Call, name: &'static str, change: Change) -> Result<Value> {
    Ok(grey(name, &input(call)?, change, &window(call)?, &around(call)?)?.into())
}

fn grey_made(call: &Call, name: &'static str, what: Made) -> Result<Value> {
    Ok(made(name, &input(call)?, what, &window(call)?, &around(call)?)?.into())
}

/// One number, or one for each axis of the input.
fn one_each(call: &Call, param: &str) -> Result<Vec<f64>> {
    let (list, rank) = (numbers(call, param)?, call.array("input")?.ndim());
    if call.given(param).is_some_and(|v| v.items().is_some()) && list.len() != rank {
        return call.refuse(format!("`{param}` has {} items for {rank} axes", list.len()));
    }
    Ok(list)
}

fn spline(call: &Call) -> Result<Spline> {
    let rim = match call.text("mode", "constant")? {
        "constant" => Rim::Constant,
        "grid-constant" => Rim::GridConstant,
        "nearest" => Rim::Nearest,
        "mirror" => Rim::Mirror,
        "reflect" | "grid-mirror" => Rim::Reflect,
        "wrap" => Rim::Wrap,
        "grid-wrap" => Rim::GridWrap,
        other => return call.refuse(format!("there is no mode `{other}`")),
    };
    let (order, cval) = (call.count("order")?.unwrap_or(3), call.real("cval", 0.0)?);
    Ok(Spline { order, rim, cval, prefilter: call.flag("prefilter", true)?, output: output(call)? })
}

fn affine(call: &Call) -> Result<Value> {
    let (x, matrix) = (call.array("input")?, call.array("matrix")?);
    let Some(known) = known_numbers(matrix.expr()) else {
        return Err(Error::unsupported("a `matrix` that is computed is not offered"));
    };
    let offset = if call.given("offset").is_some() { one_each(call, "offset")? } else { vec![0.0] };
    let shape = matrix.shape().known()?;
    let out = if call.given("output_shape").is_some() { Some(call.shape("output_shape")?) } else { None };
    Ok(affine_transform(x.expr(), (&shape, &known), &offset, out.as_deref(), &spline(call)?)?.into())
}
