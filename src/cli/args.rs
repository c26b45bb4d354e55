//! Arguments of the command, and the small languages in them: `NAME=PATH`, `1,180,360`.

use super::storage::Storage;
use crate::array::many::OpenMany;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::store::Update;
use clap::{Args as Group, CommandFactory, Parser, Subcommand};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::str::FromStr;

/// NumPy expressions over Zarr, HDF5, NetCDF, TIFF and .npy arrays of any size, in bounded memory.
#[derive(Debug, Parser)]
#[command(name = "hyperslab", version)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what is at a path: groups, arrays, shapes, chunks, compression, attributes
    Info(Info),
    /// Compute an expression in NumPy syntax, and print or store the result
    Eval(Eval),
    /// Show how an expression would be computed, without computing it
    Explain(Explain),
    /// Copy an array or a whole container to another format, chunking or compression
    Convert(Convert),
    /// Copy with other chunks
    Rechunk(Convert),
    /// Draw an array of one or two axes
    Plot(Plot),
    /// Write an image at several resolutions, as OME-Zarr
    Pyramid(Pyramid),
    /// Write a JSON file that makes the chunks of HDF5 files or Zarr hierarchies, which stay where they are, a Zarr
    /// hierarchy (kerchunk's format)
    Index(Index),
}

/// `hyperslab info`
#[derive(Debug, Group)]
pub struct Info {
    /// A file, a container, or something inside of one: x.npy, data.zarr, data.h5/group/array; or a pattern of them
    pub path: PathBuf,
    /// Read every byte: smallest, largest and mean element and number of NaNs of each array; damage is reported
    #[arg(long)]
    pub stats: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// How to run.
    #[command(flatten)]
    pub running: Running,
}

/// `hyperslab eval`
#[derive(Debug, Group)]
pub struct Eval {
    /// What to compute.
    #[command(flatten)]
    pub program: Program,
    /// Where the result goes, by its ending: .zarr, .h5, .nc or .npy, with a path inside if wanted
    /// (out.h5/group/array). For several results, one -o each, or one container that takes them as out0, out1, ...
    /// Without it, the result is printed, shortened as NumPy does; only the elements that are shown are computed
    #[arg(short, long = "output", value_name = "OUT")]
    pub outputs: Vec<PathBuf>,
    /// Draw the first result, of one or two axes, as a picture: PNG, or SVG where the name ends in .svg. Counts and
    /// edges, as histogram gives them, are drawn as bars
    #[arg(long, value_name = "OUT.png|svg")]
    pub plot: Option<PathBuf>,
    /// Store results as integers, with a scale and an offset for this range: int16:200:330. NaN is kept; a value
    /// outside of the range ends the run
    #[arg(long, value_name = "TYPE:LOW:HIGH", allow_hyphen_values = true)]
    pub pack: Option<Pack>,
    /// How arrays that exist are changed.
    #[command(flatten)]
    pub updating: Updating,
    /// How results are stored.
    #[command(flatten)]
    pub storage: Storage,
    /// How to run.
    #[command(flatten)]
    pub running: Running,
}

/// How arrays that exist are changed.
#[derive(Debug, Default, Group)]
pub struct Updating {
    /// Write into this region of an array that exists, by names of axes, time=0:10,lat=5:7, or by position, 0:10,:,3.
    /// Its scale, offset and fill value are applied, unless --raw
    #[arg(long, value_name = "SLICES", allow_hyphen_values = true,
          conflicts_with_all = ["append", "chunks", "shards", "codec", "zarr_version", "overwrite"])]
    pub region: Option<String>,
    /// Append to an array that exists, along this axis (a name or a number), which gets longer; so does its coordinate
    #[arg(long, value_name = "AXIS", allow_hyphen_values = true,
          conflicts_with_all = ["chunks", "shards", "codec", "zarr_version", "overwrite"])]
    pub append: Option<String>,
    /// With --region or --append, leave coordinates alone: they need not agree, and none is appended
    #[arg(long)]
    pub ignore_coordinates: bool,
}

impl Updating {
    /// The same for the library; `None` where results are arrays of their own. `running` says whether elements are
    /// values and whether an interrupted run is gone on with.
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for texts that are no slices.
    pub fn how(&self, running: &Running) -> Result<Option<Update>> {
        let how = match (&self.region, &self.append) {
            (Some(region), _) => region.parse::<Update>()?,
            (None, Some(axis)) => Update::append_along(axis),
            (None, None) if self.ignore_coordinates => {
                return Err(Error::argument("ignore-coordinates", "it is about --region and --append"));
            }
            (None, None) => return Ok(None),
        };
        let coordinates = !self.ignore_coordinates;
        Ok(Some(how.packed(!running.raw).coordinates(coordinates).resume(running.resume)))
    }
}

/// `hyperslab explain`
#[derive(Debug, Group)]
pub struct Explain {
    /// What to explain.
    #[command(flatten)]
    pub program: Program,
    /// Explain how the result would be written there, rather than shown; one -o for each result
    #[arg(short, long = "output", value_name = "OUT")]
    pub outputs: Vec<PathBuf>,
    /// How arrays that exist would be changed.
    #[command(flatten)]
    pub updating: Updating,
    /// How results would be stored.
    #[command(flatten)]
    pub storage: Storage,
    /// Which stage to show
    #[arg(long, default_value = "all", value_parser = ["expr", "simplified", "plan", "fused", "tasks", "all"])]
    pub stage: String,
    /// Print the fused plan as a graph in Graphviz' DOT language instead
    #[arg(long)]
    pub dot: bool,
    /// Draw the fused plan
    #[arg(long, value_name = "OUT.svg")]
    pub svg: Option<PathBuf>,
    /// How it would run.
    #[command(flatten)]
    pub running: Running,
}

/// `hyperslab convert` and `hyperslab rechunk`
#[derive(Debug, Group)]
pub struct Convert {
    /// An array or a container
    pub source: PathBuf,
    /// What to write, by its ending: .zarr, .h5, .nc or .npy
    pub target: PathBuf,
    /// The element type to convert to: float32, int16, ...
    #[arg(long, value_name = "TYPE")]
    pub dtype: Option<String>,
    /// How arrays are stored.
    #[command(flatten)]
    pub storage: Storage,
    /// How to run.
    #[command(flatten)]
    pub running: Running,
}

/// `hyperslab index`
#[derive(Debug, Group)]
pub struct Index {
    /// The index to write: all.json. Its arrays are read as all.json/group/array
    #[arg(value_name = "OUT.json")]
    pub output: PathBuf,
    /// The files, or patterns of them
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// How several are put together.
    #[command(flatten)]
    pub many: Many,
    /// Replace what is there
    #[arg(long)]
    pub overwrite: bool,
    /// How to run.
    #[command(flatten)]
    pub running: Running,
}

/// `hyperslab plot`
#[derive(Debug, Group)]
pub struct Plot {
    /// An array of one or two axes, or with --histogram of any number
    pub path: PathBuf,
    /// The picture: PNG, or SVG where the name ends in .svg
    #[arg(short, long = "output", value_name = "OUT.png|svg")]
    pub output: PathBuf,
    /// Draw how often values occur instead, in so many bins from the smallest to the largest [default: 100]
    #[arg(long, value_name = "BINS", num_args = 0..=1, require_equals = true, default_missing_value = "100")]
    pub histogram: Option<usize>,
    /// How to run.
    #[command(flatten)]
    pub running: Running,
}

/// `hyperslab pyramid`
#[derive(Debug, Group)]
pub struct Pyramid {
    /// An array, or an OME-Zarr image
    pub source: PathBuf,
    /// The container to write: image.ome.zarr
    pub target: PathBuf,
    /// Levels, the finest included [default: until no axis of space is longer than 128]
    #[arg(long, value_name = "N")]
    pub levels: Option<usize>,
    /// Neighbours that become one along axes of space
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub factor: usize,
    /// The same for each axis: 1,1,2,2
    #[arg(long, value_name = "N,N,..", value_delimiter = ',')]
    pub sizes: Option<Vec<usize>>,
    /// What they become: mean, median, min, max, or nearest for labels
    #[arg(long, value_name = "NAME", default_value = "mean")]
    pub reduction: String,
    /// Names of the axes: c,z,y,x [default: those of the source, or t,c,z,y,x from the end]
    #[arg(long, value_name = "A,A,..")]
    pub axes: Option<String>,
    /// Distance of neighbours along each axis: 1,0.5,0.2,0.2 [default: that of the source, or 1]
    #[arg(long, value_name = "X,X,..", value_delimiter = ',')]
    pub scale: Vec<f64>,
    /// Unit of the axes of space: micrometer
    #[arg(long)]
    pub unit: Option<String>,
    /// Name of the image [default: that of the container]
    #[arg(long)]
    pub name: Option<String>,
    /// Version of the metadata: 0.4 (Zarr v2) or 0.5 (Zarr v3) [default: 0.5]
    #[arg(long, value_name = "0.4|0.5")]
    pub ome_version: Option<String>,
    /// How arrays are stored.
    #[command(flatten)]
    pub storage: Storage,
    /// How to run.
    #[command(flatten)]
    pub running: Running,
}

/// An expression and its inputs.
#[derive(Debug, Group)]
pub struct Program {
    /// The expression, or a program: `m = mean(x, axis=0); x - m`; `-` reads it from standard input
    #[arg(allow_hyphen_values = true)]
    pub expr: String,
    /// Inputs by name: x=data.zarr/x. Those that the expression does not use are not opened. A file without a header is
    /// described behind its name: 'x=field.bin?dtype=<f4&shape=100,200&offset=16&order=F'. A pattern stands for many
    /// files that are one array: t="data/*.nc/t2m"
    #[arg(value_name = "NAME=PATH")]
    pub inputs: Vec<OsString>,
    /// How the files of a pattern are put together.
    #[command(flatten)]
    pub many: Many,
}

/// How the files of a pattern are put together.
#[derive(Debug, Default, Group)]
pub struct Many {
    /// Axis along which the files of a pattern are joined, in the order of its coordinate [default: the one in which
    /// the first two differ]
    #[arg(long, value_name = "AXIS")]
    pub concat: Option<String>,
    /// Name of a new first axis along which they are stacked instead
    #[arg(long, value_name = "NAME", conflicts_with = "concat")]
    pub stack: Option<String>,
    /// Join them in the order of their names, whatever their coordinates
    #[arg(long)]
    pub nested: bool,
}

impl Many {
    /// The same for the library.
    #[must_use]
    pub fn how(&self) -> OpenMany {
        let how = match (&self.concat, &self.stack) {
            (Some(axis), _) => OpenMany::along(axis),
            (None, Some(name)) => OpenMany::stack(name),
            (None, None) => OpenMany::new(),
        };
        if self.nested { how.nested() } else { how }
    }
}

/// How to run.
#[derive(Debug, Default, Clone, Group)]
pub struct Running {
    /// Worker threads [default: all processors]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Memory budget: 2GiB, 50% or 0.5 [default: 60% of the machine or its cgroup]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Folder for intermediate results that do not fit into memory [default: $TMPDIR or /var/tmp]
    #[arg(long, value_name = "DIR")]
    pub spill: Option<PathBuf>,
    /// auto (a GPU where that takes half the time), cpu, cuda, cuda:1; for several GPUs cuda:0,1 or cuda:all
    #[arg(long)]
    pub device: Option<String>,
    /// Numbers as they are stored, without CF decoding: no scale, offset, missing values, valid range. Copies
    /// (convert, rechunk) are always raw
    #[arg(long)]
    pub raw: bool,
    /// No progress and no summary on the terminal
    #[arg(short, long)]
    pub quiet: bool,
    /// Write what the run did: a page, or the numbers alone where the name ends in .json
    #[arg(long, value_name = "OUT.html")]
    pub profile: Option<PathBuf>,
    /// Go on with an interrupted run of the same command, and keep what is done when this one is interrupted or fails.
    /// Refused when inputs or expression have changed; HDF5 outputs start over
    #[arg(long)]
    pub resume: bool,
}

/// A packing: `int16:200:330`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pack {
    /// The integer.
    pub dtype: DType,
    /// The smallest value.
    pub low: f64,
    /// The largest value.
    pub high: f64,
}

impl FromStr for Pack {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no packing; write a type and the ends of a range, as in int16:200:330");
        let [dtype, low, high] = text.split(':').collect::<Vec<_>>()[..] else { return Err(wrong()) };
        let number = |part: &str| part.trim().parse::<f64>().map_err(|_| wrong());
        Ok(Self { dtype: dtype.trim().parse().map_err(|_| wrong())?, low: number(low)?, high: number(high)? })
    }
}

/// An input: a name of the expression, and the path that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The name.
    pub name: String,
    /// The path.
    pub path: PathBuf,
}

/// The inputs in `NAME=PATH` arguments; a path may hold further equals signs.
///
/// # Errors
/// [`Argument`](crate::ErrorKind::Argument) for an argument without a name, and for a name given twice.
pub fn bindings(inputs: &[OsString]) -> Result<Vec<Binding>> {
    let mut seen = BTreeSet::new();
    inputs
        .iter()
        .map(|text| {
            let binding = binding(text).ok_or_else(|| {
                let text = text.to_string_lossy();
                Error::argument("input", format!("`{text}` is not of the form NAME=PATH, such as x=data.zarr/x"))
            })?;
            if !seen.insert(binding.name.clone()) {
                return Err(Error::argument("input", format!("`{}` is given twice", binding.name)));
            }
            Ok(binding)
        })
        .collect()
}

fn binding(text: &OsStr) -> Option<Binding> {
    let bytes = text.as_bytes();
    let at = bytes.iter().position(|&b| b == b'=')?;
    let (name, path) = (std::str::from_utf8(&bytes[..at]).ok()?.trim(), &bytes[at + 1..]);
    let begins = name.starts_with(|c: char| c == '_' || c.is_alphabetic());
    let named = begins && name.chars().all(|c| c == '_' || c.is_alphanumeric());
    (named && !path.is_empty()).then(|| Binding { name: name.to_owned(), path: OsStr::from_bytes(path).into() })
}

/// Marks an expression that begins with a minus sign (`hyperslab eval "-x" ...`) as one, with a space in front of it,
/// which means nothing in an expression; what is the name of an option stays one.
#[must_use]
pub fn protect(mut args: Vec<OsString>) -> Vec<OsString> {
    let command = Args::command();
    let Some(sub) = args.get(1).and_then(|name| command.find_subcommand(name)) else { return args };
    if !matches!(sub.get_name(), "eval" | "explain") {
        return args;
    }
    let Some(first) = args.get_mut(2) else { return args };
    let Some(text) = first.to_str().filter(|t| t.starts_with('-') && t.len() > 1) else { return args };
    let option = if let Some(long) = text.strip_prefix("--") {
        let name = long.split('=').next().unwrap_or(long);
        name.is_empty() || name == "help" || sub.get_arguments().any(|a| a.get_long() == Some(name))
    } else {
        let name = text.chars().nth(1).filter(|_| text.chars().count() == 2);
        name.is_some_and(|c| c == 'h' || sub.get_arguments().any(|a| a.get_short() == Some(c)))
    };
    if !option {
        *first = OsString::from(format!(" {text}"));
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Args, clap::Error> {
        let all = std::iter::once(&"hyperslab").chain(args).map(OsString::from).collect();
        Args::try_parse_from(protect(all))
    }

    fn eval(args: &[&str]) -> Eval {
        match parse(args).unwrap().command {
            Command::Eval(eval) => eval,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_holds() {
        Args::command().debug_assert();
    }

    #[test]
    fn expressions_may_begin_with_a_minus_sign() {
        for text in ["-x", "-out.T", "--x", "-1 + x", "-h * 2", "- x"] {
            let eval = eval(&["eval", text, "x=a.npy", "-o", "out.npy", "--quiet"]);
            assert_eq!(eval.program.expr.trim_start(), text);
            assert_eq!(eval.outputs, [PathBuf::from("out.npy")]);
            assert!(eval.running.quiet);
        }
        assert_eq!(eval(&["eval", "-o", "out.npy", "-x", "x=a.npy"]).program.expr, "-x");
        assert_eq!(eval(&["eval", "--quiet", "x", "x=a.npy"]).program.expr, "x");
        assert_eq!(eval(&["eval", "-", "x=a.npy"]).program.expr, "-");
    }

    #[test]
    fn inputs_and_options_mix() {
        let eval = eval(&["eval", "a + b", "a=1.npy", "-o", "p", "b=2=3.npy", "-o", "q", "--memory", "2GiB"]);
        let inputs = bindings(&eval.program.inputs).unwrap();
        assert_eq!(inputs[1], Binding { name: "b".into(), path: "2=3.npy".into() });
        assert_eq!(eval.outputs.len(), 2);
    }

    #[test]
    fn bad_inputs_are_named() {
        let refuse = |list: &[&str]| bindings(&list.iter().map(OsString::from).collect::<Vec<_>>()).unwrap_err();
        for text in ["x", "=a.npy", "x=", "1x=a.npy", "a b=c"] {
            assert!(refuse(&[text]).to_string().contains(&format!("`{text}` is not of the form NAME=PATH")));
        }
        assert_eq!(refuse(&["x=a", "x=b"]).to_string(), "input: `x` is given twice");
    }

    #[test]
    fn negative_chunks_are_values() {
        let args = parse(&["convert", "a.npy", "b.zarr", "--chunks", "-1,5", "--shards=10,10"]).unwrap();
        let Command::Convert(convert) = args.command else { panic!() };
        let how = convert.storage.create(&[7, 20], DType::F64).unwrap();
        assert_eq!((how.chunks, how.shards), (Some(vec![7, 5]), Some(vec![10, 10])));
    }
}
