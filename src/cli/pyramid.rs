//! `hyperslab pyramid`: an image at several resolutions, as OME-Zarr.

use super::args::Pyramid;
use super::output::Failure;
use super::session::{Goal, Session};
use super::staging::Staged;
use crate::array::Array;
use crate::array::pyramid::Downscale;
use crate::error::{Error, Result};
use crate::store::ome::{Axis, Level, Multiscale, Version};
use crate::store::{self, Attributes, Create, NodeKind};
use std::path::{Path, PathBuf};

/// Levels are added until no axis of space is longer than this.
const SMALL: usize = 128;

/// Axes of images of two to five axes, where nothing says what they are.
const USUAL: [&str; 5] = ["t", "c", "z", "y", "x"];

/// Runs `hyperslab pyramid`.
///
/// # Errors
/// What is wrong with the request, or the first fault of the run; no output is left behind then.
pub fn pyramid(args: &Pyramid) -> Result<(), Failure> {
    let how: Downscale = args.reduction.parse()?;
    let version = version(args)?;
    let mut session = Session::start(&args.running)?;
    session.writes_to(std::slice::from_ref(&args.target));
    let (path, known) = image(&args.source)?;
    let array = session.cx().open(&path)?;
    let lengths = array.shape().known()?;
    let (axes, scale, translation) = described(args, &array, known)?;
    let sizes = sizes(args, &axes)?;
    let more = args.levels.map_or_else(|| depth(&lengths, &sizes, &axes), |n| n.saturating_sub(1));
    let levels = array.pyramid(&sizes, more, how)?;
    let image = Multiscale {
        name: args.name.clone().unwrap_or_else(|| name(&args.target)),
        levels: (0..levels.len()).map(|n| level(n, (&sizes, how), &scale, &translation)).collect(),
        axes,
    };
    let attributes = image.attributes(version)?;

    let (container, inside) = store::destination(&args.target)?;
    if !inside.is_empty() || container.extension().is_none_or(|e| !e.eq_ignore_ascii_case("zarr")) {
        let why = format!("{} is no Zarr container of its own, such as image.ome.zarr", args.target.display());
        return Err(Error::argument("pyramid", why).into());
    }
    let outer = Create::new().overwrite(args.storage.overwrite).resume(args.running.resume);
    let contents = format!("{} {sizes:?} {how:?} {:?} {attributes:?}", args.source.display(), args.storage);
    let staged = Staged::new(&container, &outer, &contents)?;
    if !staged.is_done() {
        let group = Create { attributes, zarr_version: Some(version.zarr()), ..Create::new() };
        store::group(staged.path(), &group)?;
        let goals = levels.into_iter().zip(&image.levels).map(|(array, level)| {
            let names = image.axes.iter().map(|a| Some(a.name.clone())).collect();
            let how = args.storage.create_fitting(&array.shape().known()?, array.dtype())?;
            let (zarr_version, resume) = (Some(version.zarr()), args.running.resume);
            let how = Create { names, nested: true, zarr_version, resume, ..staged.within(how) };
            Ok(Goal::Store(Box::new(array.store(staged.path().join(&level.path), how))))
        });
        session.compute(goals.collect::<Result<_>>()?)?;
    }
    staged.commit()?;
    Ok(session.finish(&format!("{} to {}", args.source.display(), args.target.display()))?)
}

fn version(args: &Pyramid) -> Result<Version> {
    let zarr = args.storage.zarr_version;
    match (args.ome_version.as_deref(), zarr) {
        (None | Some("0.4"), Some(2)) | (Some("0.4"), None) => Ok(Version::V04),
        (None | Some("0.5"), Some(3) | None) => Ok(Version::V05),
        (Some(ome @ ("0.4" | "0.5")), Some(zarr)) => {
            Err(Error::argument("pyramid", format!("OME-Zarr {ome} is not of Zarr v{zarr}")))
        }
        (Some(other), _) => Err(Error::argument("pyramid", format!("OME-Zarr {other}; there are 0.4 and 0.5"))),
        (None, Some(other)) => Err(Error::unsupported(format!("Zarr v{other}; there are v2 and v3"))),
    }
}

/// The array at `source`, which may be the finest level of an image, and what that is known to be.
fn image(source: &Path) -> Result<(PathBuf, Option<(Multiscale, usize)>)> {
    let attributes = |path: &Path| -> Result<Option<Attributes>> {
        let nodes = store::tree(path)?;
        Ok(nodes.into_iter().next().and_then(|node| match node.kind {
            NodeKind::Group(attributes) => Some(attributes),
            _ => None,
        }))
    };
    if let Some(of_group) = attributes(source)? {
        let image = Multiscale::read(&of_group)?.filter(|i| !i.levels.is_empty());
        let Some(image) = image else {
            let why = format!("{} is a group without an image; name one of its arrays", source.display());
            return Err(Error::argument("pyramid", why));
        };
        return Ok((source.join(&image.levels[0].path), Some((image, 0))));
    }
    // One level of an image, perhaps.
    let above = source.parent().filter(|p| store::container(p).is_ok());
    let of_group = above.map(attributes).transpose()?.flatten();
    let found = of_group.and_then(|a| Multiscale::read(&a).ok().flatten()).and_then(|image| {
        let own = source.file_name()?.to_str()?;
        let level = image.levels.iter().position(|l| l.path == own)?;
        Some((image, level))
    });
    Ok((source.to_path_buf(), found))
}

/// The axes of the image, and of its finest level scale and translation: as the arguments say, or else the source.
fn described(
    args: &Pyramid,
    array: &Array,
    known: Option<(Multiscale, usize)>,
) -> Result<(Vec<Axis>, Vec<f64>, Vec<f64>)> {
    let rank = array.ndim();
    let (mut axes, mut scale, translation) = match known {
        Some((image, level)) if image.axes.len() == rank => {
            let Level { scale, translation, .. } = image.levels[level].clone();
            (image.axes, scale, translation)
        }
        _ => {
            let names = array.names().iter().flatten();
            let names: Vec<&str> = names.map(|name| &**name).collect();
            let usual = || USUAL[USUAL.len().saturating_sub(rank)..].to_vec();
            let names = if names.len() == rank { names } else { usual() };
            (names.into_iter().map(Axis::named).collect(), vec![1.0; rank], vec![0.0; rank])
        }
    };
    let fits = |what: &str, n: usize| {
        let why = || format!("{n} {what} for an image of {rank} axes");
        if n == rank { Ok(()) } else { Err(Error::argument("pyramid", why())) }
    };
    if let Some(names) = &args.axes {
        let names: Vec<&str> = names.split(',').map(str::trim).collect();
        fits("names", names.len())?;
        axes = names.into_iter().map(Axis::named).collect();
    }
    if !args.scale.is_empty() {
        fits("scales", args.scale.len())?;
        scale.clone_from(&args.scale);
    }
    if let Some(unit) = &args.unit {
        axes.iter_mut().filter(|a| a.is_space()).for_each(|a| a.unit.clone_from(unit));
    }
    fits("axes", axes.len())?;
    Ok((axes, scale, translation))
}

/// How many neighbours become one along each axis.
fn sizes(args: &Pyramid, axes: &[Axis]) -> Result<Vec<usize>> {
    if args.factor == 0 || args.sizes.as_ref().is_some_and(|sizes| sizes.contains(&0)) {
        return Err(Error::argument("pyramid", "blocks of no elements"));
    }
    match &args.sizes {
        Some(sizes) if sizes.len() == axes.len() => Ok(sizes.clone()),
        Some(sizes) => {
            Err(Error::argument("pyramid", format!("{} sizes for an image of {} axes", sizes.len(), axes.len())))
        }
        None => Ok(axes.iter().map(|a| if a.is_space() { args.factor } else { 1 }).collect()),
    }
}

/// How many coarser levels there are until the image is small.
fn depth(lengths: &[usize], sizes: &[usize], axes: &[Axis]) -> usize {
    let mut lengths = lengths.to_vec();
    let large = |lengths: &[usize]| {
        let shrinks = |a: usize| axes[a].is_space() && sizes[a] > 1 && lengths[a] > SMALL;
        (0..lengths.len()).any(shrinks)
    };
    let mut more = 0;
    while large(&lengths) {
        lengths.iter_mut().zip(sizes).for_each(|(n, &k)| *n = n.div_ceil(k));
        more += 1;
    }
    more
}

/// Where the elements of level `number` are: each in the middle of those that it is made of, or where the one is that
/// it is.
fn level(number: usize, (sizes, how): (&[usize], Downscale), scale: &[f64], translation: &[f64]) -> Level {
    #[expect(clippy::cast_precision_loss, reason = "blocks are small")]
    let times: Vec<f64> = sizes.iter().map(|&k| (k as f64).powi(i32::try_from(number).unwrap_or(i32::MAX))).collect();
    let middle = |k: f64| if how == Downscale::Nearest { 0.0 } else { (k - 1.0) / 2.0 };
    let place = |((t, s), k): ((&f64, &f64), &f64)| t + s * middle(*k);
    Level {
        path: number.to_string(),
        scale: scale.iter().zip(&times).map(|(s, k)| s * k).collect(),
        translation: translation.iter().zip(scale).zip(&times).map(place).collect(),
    }
}

/// The name of the image: that of its file, without endings.
fn name(target: &Path) -> String {
    let file = target.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let plain = file.trim_end_matches(".zarr");
    plain.strip_suffix(".ome").unwrap_or(plain).to_owned()
}
