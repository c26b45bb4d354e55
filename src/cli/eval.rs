//! `hyperslab eval`: an expression computed, then printed, stored or drawn. `hyperslab plot`: an array drawn.

use super::args::{Eval, Pack, Plot};
use super::labels::{histogram_labels, labels, upright};
use super::output::{Failure, note, say};
use super::plot::{is_histogram, save, save_histogram};
use super::print;
use super::program;
use super::session::{Goal, Session};
use super::staging::{Fresh, Staged};
use crate::array::Array;
use crate::array::histogram::Options;
use crate::array::many::OpenMany;
use crate::device::block::Block;
use crate::error::{Error, Result};
use crate::lang;
use crate::shape::slice::{Index, Item};
use crate::store::remote::is_url;
use crate::store::{self, Create};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Runs `hyperslab eval`.
///
/// # Errors
/// What is wrong with the request, or the first fault of the run; no output is left behind then.
pub fn eval(args: &Eval) -> Result<(), Failure> {
    // Read before signals are caught: there is nothing to tidy up yet.
    let source = program::source(&args.program.expr)?;
    if args.running.resume && args.outputs.is_empty() {
        return Err(Error::argument("resume", "there is no output, so there is nothing to go on with").into());
    }
    if args.pack.is_some() && args.outputs.is_empty() {
        return Err(Error::argument("pack", "there is no output to be packed").into());
    }
    if args.outputs.is_empty() && args.updating.how(&args.running)?.is_some() {
        return Err(Error::argument("update", "there is no output, so there is nothing to be changed").into());
    }
    if args.pack.is_some() && args.updating.how(&args.running)?.is_some() {
        return Err(Error::argument("pack", "an array that exists says itself how its values are packed").into());
    }
    let mut session = Session::start(&args.running)?;
    let arrays = program::arrays(session.cx(), &source, &args.program, args.running.raw)?;
    if let (Some(_), Some(first)) = (&args.plot, arrays.first()) {
        check_drawable(first)?;
    }
    if !args.outputs.is_empty() && !args.storage.expand {
        let inputs = super::args::bindings(&args.program.inputs)?;
        let paths: Vec<&Path> = inputs.iter().map(|i| Path::new(&i.path)).collect();
        super::expansion::check(&arrays, &paths)?;
    }
    session.writes_to(&args.outputs);
    let outputs = Outputs::of(args, source.trim(), &arrays)?;
    if outputs.are_done() {
        return Ok(outputs.finish()?);
    }
    let mut goals = outputs.goals(args, &arrays)?;
    let printed = args.outputs.is_empty() && args.plot.is_none();
    let shown = if printed { arrays.iter().map(edges).collect::<Result<Vec<_>>>()? } else { Vec::new() };
    goals.extend(shown.iter().map(|(_, array)| Goal::Show(array.clone())));
    let drawn = arrays.first().filter(|_| args.plot.is_some()).map(upright).transpose()?;
    goals.extend(drawn.iter().map(|array| Goal::Show(array.clone())));
    let edges = arrays.get(1).filter(|edges| drawn.is_some() && arrays.len() == 2 && edges.ndim() == 1);
    goals.extend(edges.map(|array| Goal::Show(array.clone())));
    let answers = session.compute(goals)?;
    let mut blocks = answers.into_iter().flatten();
    let texts = shown
        .iter()
        .zip(&mut blocks)
        .map(|((shape, array), block)| match shape {
            Some(shape) => print::summarised(shape, &block, array.expr().time),
            None => print::times(&block, array.expr().time),
        })
        .collect::<Result<Vec<_>>>()?;
    if let (Some(path), Some(block), Some(drawn)) = (&args.plot, blocks.next(), &drawn) {
        match edges.and_then(|_| blocks.next()) {
            Some(edges) if is_histogram([block.shape(), edges.shape()]) => {
                save_histogram(path, &block, &edges, &histogram_labels(source.trim(), "", block.dtype()))?;
            }
            _ => save(path, &block, &labels(source.trim(), drawn)?)?,
        }
    }
    outputs.finish()?;
    texts.iter().try_for_each(|text| say(text))?;
    Ok(session.finish(source.trim())?)
}

/// Runs `hyperslab plot`.
///
/// # Errors
/// When the array cannot be read or drawn.
pub fn plot(args: &Plot) -> Result<(), Failure> {
    let mut session = Session::start(&args.running)?;
    let array = program::open(session.cx(), &args.path, &OpenMany::new(), args.running.raw)?;
    if let Some(bins) = args.histogram {
        return histogram(args, session, &array, bins);
    }
    check_drawable(&array)?;
    let array = upright(&array)?;
    let title = args.path.display().to_string();
    let block: Option<Block> = session.compute(vec![Goal::Show(array.clone())])?.into_iter().flatten().next();
    let block = block.ok_or_else(|| Error::bug("an answer for each request"))?;
    save(&args.output, &block, &labels(&title, &array)?)?;
    Ok(session.finish(&title)?)
}

/// Draws how often the elements of an array occur; those that are not finite are passed over.
fn histogram(args: &Plot, mut session: Session, array: &Array, bins: usize) -> Result<(), Failure> {
    let title = args.path.display().to_string();
    let ends = "y = where(isfinite(x), x, nan); nanmin(y).astype(float64), nanmax(y).astype(float64)";
    let ends = lang::evaluate(ends, &BTreeMap::from([("x".to_owned(), array.clone())]))?;
    let mut found = [0.0; 2];
    for (end, block) in found.iter_mut().zip(session.compute(ends.into_iter().map(Goal::Show).collect())?) {
        let block = block.ok_or_else(|| Error::bug("an answer for each request"))?;
        *end = block.values::<f64>()?.first().copied().filter(|v| v.is_finite()).ok_or_else(|| {
            Error::argument("plot", format!("{title} has no finite elements, so that there is nothing to draw"))
        })?;
    }
    let options = Options { range: vec![Some(found)], ..Options::default() };
    let (counts, edges) = array.histogram(bins, &options)?;
    let mut blocks = session.compute(vec![Goal::Show(counts), Goal::Show(edges)])?.into_iter().flatten();
    let (Some(counts), Some(edges)) = (blocks.next(), blocks.next()) else {
        return Err(Error::bug("an answer for each request").into());
    };
    let values = labels(&title, array)?.values;
    save_histogram(&args.output, &counts, &edges, &histogram_labels(&title, &values, counts.dtype()))?;
    Ok(session.finish(&title)?)
}

/// Where results go.
struct Outputs {
    paths: Vec<PathBuf>,
    staged: Option<Staged>,
    fresh: Fresh,
}

impl Outputs {
    /// One path for each result, or a container for all of them; none where there are no outputs.
    fn of(args: &Eval, source: &str, arrays: &[Array]) -> Result<Self> {
        let (given, results) = (args.outputs.as_slice(), arrays.len());
        let unique: BTreeSet<_> = given.iter().collect();
        if unique.len() < given.len() {
            return Err(Error::argument("output", "the same output is given twice"));
        }
        for path in given {
            let resumes = store::resumes(path).map_err(|e| Error::argument("output", e.to_string()))?;
            if args.running.resume && !resumes {
                note(&format!("note: {} starts over; only Zarr and .npy are resumed", path.display()));
            }
        }
        let (paths, staged) = match given {
            [container] if results > 1 && args.updating.how(&args.running)?.is_some() => {
                let why = format!("{} is one array, and there are {results} results", container.display());
                return Err(Error::argument("update", why));
            }
            [container] if results > 1 => within(container, results, args, source)?,
            _ if given.is_empty() || given.len() == results => (given.to_vec(), None),
            _ => {
                let (n, plural) = (given.len(), if results == 1 { "" } else { "s" });
                let why = format!("{results} result{plural} and {n} outputs; give one for each, or one container");
                return Err(Error::argument("output", why));
            }
        };
        // What is done stays for the next run where that is wanted.
        let fresh = Fresh::of(paths.iter().map(PathBuf::as_path).filter(|_| !args.running.resume));
        Ok(Self { paths, staged, fresh })
    }

    fn goals(&self, args: &Eval, arrays: &[Array]) -> Result<Vec<Goal>> {
        let update = args.updating.how(&args.running)?;
        self.paths
            .iter()
            .zip(arrays)
            .map(|(path, array)| {
                if let Some(how) = &update {
                    return Ok(Goal::Store(Box::new(array.update(path, how.clone()))));
                }
                let how = args.storage.create(&array.shape().max(), array.dtype())?.resume(args.running.resume);
                let how = if let Some(staged) = &self.staged { staged.within(how) } else { how };
                let Some(Pack { dtype, low, high }) = args.pack else {
                    return Ok(Goal::Store(Box::new(array.store(path, how))));
                };
                let (packed, attributes) = array.packed(dtype, low, high)?;
                Ok(Goal::Store(Box::new(packed.store(path, Create { attributes, ..how }))))
            })
            .collect()
    }

    /// Whether a run that was killed at its very end has left nothing to do.
    fn are_done(&self) -> bool {
        self.staged.as_ref().is_some_and(Staged::is_done)
    }

    /// The run has succeeded.
    fn finish(self) -> Result<()> {
        if let Some(staged) = self.staged {
            staged.commit()?;
        }
        self.fresh.keep();
        Ok(())
    }
}

/// Paths for `results` arrays inside of a container: one that exists is added to, one that does not appears whole.
fn within(container: &Path, results: usize, args: &Eval, source: &str) -> Result<(Vec<PathBuf>, Option<Staged>)> {
    let (file, _) = store::destination(container)?;
    if file.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy")) {
        let why = format!("{} holds one array, and there are {results} results", container.display());
        return Err(Error::argument("output", why));
    }
    let how = Create::new().resume(args.running.resume);
    let contents = format!("{source} {:?} {:?} {:?}", args.program.inputs, args.storage, args.pack);
    let staged = match file.exists() {
        // Added to, whether it is there or not.
        false if is_url(&file) => None,
        false => Some(Staged::new(&file, &how, &contents)?),
        // Killed after the container had got its name, a run finds it there.
        true if args.running.resume => Staged::new(&file, &how, &contents).ok().filter(Staged::is_done),
        true => None,
    };
    let inside = container.strip_prefix(&file).unwrap_or(Path::new(""));
    let base = staged.as_ref().map_or(file.clone(), Staged::path).join(inside);
    Ok(((0..results).map(|i| base.join(format!("out{i}"))).collect(), staged))
}

/// An array's shape and the elements of it that its text shows; all of it where the shape is not known yet.
fn edges(array: &Array) -> Result<(Option<Vec<usize>>, Array)> {
    let Ok(shape) = array.shape().known() else { return Ok((None, array.clone())) };
    let mut ends = array.clone();
    for (axis, parts) in print::edges(&shape).iter().enumerate().filter(|(_, parts)| parts.len() > 1) {
        let parts = parts.iter().map(|part| along(&ends, axis, part)).collect::<Result<Vec<_>>>()?;
        ends = Array::concatenate(&parts, axis.cast_signed())?;
    }
    Ok((Some(shape), ends))
}

/// The elements of `array` with these positions along `axis`.
fn along(array: &Array, axis: usize, part: &Range<usize>) -> Result<Array> {
    let part = Item::from(part.start.cast_signed()..part.end.cast_signed());
    let items: Vec<Item> = (0..axis).map(|_| Item::from(..)).chain(std::iter::once(part)).collect();
    array.try_slice(Index::from(items))
}

/// Refuses what cannot be drawn before it is computed.
fn check_drawable(array: &Array) -> Result<()> {
    match array.ndim() {
        1 | 2 => Ok(()),
        0 => Err(Error::argument("plot", "a single number is no picture; print it instead")),
        rank => {
            Err(Error::argument("plot", format!("a picture has at most 2 axes and the array {rank}; index it down")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::context::Context;

    #[test]
    fn only_the_edges_of_large_arrays_are_computed() {
        let cx = Context::builder().threads(1).build().unwrap();
        let large = cx.arange(1 << 40).unwrap().into_dyn();
        let (shape, ends) = edges(&large).unwrap();
        assert_eq!(shape, Some(vec![1 << 40]));
        let block = cx.compute(ends).unwrap().block().clone();
        assert_eq!(block.values::<i64>().unwrap()[..4], [0, 1, 2, (1 << 40) - 3]);
        let small = cx.arange(10).unwrap().into_dyn();
        assert_eq!(edges(&small).unwrap().1.shape().to_string(), "(10,)");
    }

    #[test]
    fn edges_of_several_axes() {
        let cx = Context::builder().threads(1).build().unwrap();
        let (rows, columns) = (cx.arange(100).unwrap().into_dyn(), cx.arange(20).unwrap().into_dyn());
        let table = &(&rows.expand_dims(1).unwrap() * 100) + &columns;
        let block = cx.compute(edges(&table).unwrap().1).unwrap().block().clone();
        assert_eq!(block.shape(), &[6, 6]);
        assert_eq!(block.values::<i64>().unwrap()[18..24], [9700, 9701, 9702, 9717, 9718, 9719]);
    }

    #[test]
    fn pictures_have_one_or_two_axes() {
        let cx = Context::default();
        let cube = cx.zeros::<f32>(&[2, 2, 2]).unwrap().into_dyn();
        assert!(check_drawable(&cube).unwrap_err().to_string().contains("index it down"));
        check_drawable(&cx.arange(3).unwrap().into_dyn()).unwrap();
    }
}
