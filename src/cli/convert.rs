//! `hyperslab convert` and `hyperslab rechunk`: arrays and whole containers in another form.

use super::args::Convert;
use super::output::{Failure, note};
use super::session::{Goal, Session};
use super::staging::Staged;
use crate::array::Array;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, Result};
use crate::expr::build;
use crate::store::remote::{is_marked, is_url, mark};
use crate::store::{self, Create, Info, Listing, Node, NodeKind};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Runs `hyperslab rechunk`.
///
/// # Errors
/// As [`convert`], and without `--chunks`.
pub fn rechunk(args: &Convert) -> Result<(), Failure> {
    if args.storage.chunks.is_none() {
        return Err(Error::argument("rechunk", "--chunks is missing").into());
    }
    convert(args)
}

/// Runs `hyperslab convert`.
///
/// # Errors
/// What is wrong with the request, or the first fault of the run; no output is left behind then.
pub fn convert(args: &Convert) -> Result<(), Failure> {
    let dtype = args.dtype.as_deref().map(DType::from_str).transpose()?;
    let mut session = Session::start(&args.running)?;
    session.writes_to(std::slice::from_ref(&args.target));
    let listing = Listing::of(&args.source)?;
    let nodes = listing.nodes();
    let arrays: Vec<(&Node, &Info)> = nodes
        .iter()
        .filter_map(|n| if let NodeKind::Array(info) = &n.kind { Some((n, info.as_ref())) } else { None })
        .collect();
    let job = Job { args, dtype, listing: &listing };
    if args.running.resume && !store::resumes(&args.target)? {
        note(&format!("note: {} starts over; only Zarr and .npy are resumed", args.target.display()));
    }
    let to_npy = args.target.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy"));
    match (arrays.as_slice(), nodes) {
        ([(node, info)], [_]) => job.single(&mut session, node, info)?,
        ([(node, info)], _) if to_npy => job.single(&mut session, node, info)?,
        (_, _) if to_npy => {
            let (n, path) = (arrays.len(), args.source.display());
            let why = format!("a .npy file holds one array and {path} has {n}; name one of them");
            return Err(Error::argument("convert", why).into());
        }
        _ => job.tree(&mut session, nodes)?,
    }
    Ok(session.finish(&format!("{} to {}", args.source.display(), args.target.display()))?)
}

struct Job<'a> {
    args: &'a Convert,
    dtype: Option<DType>,
    /// What there is to be converted.
    listing: &'a Listing,
}

impl Job<'_> {
    /// The element type of the copy.
    fn becomes(&self, info: &Info) -> DType {
        self.dtype.unwrap_or(info.dtype)
    }

    /// Copies the only array there is.
    fn single(&self, session: &mut Session, node: &Node, info: &Info) -> Result<()> {
        self.array(session, node, info, (&self.args.target, self.args.storage.create(&info.shape, self.becomes(info))?))
    }

    /// Copies one array.
    fn array(&self, session: &mut Session, node: &Node, info: &Info, to: (&Path, Create)) -> Result<()> {
        let store = self.listing.open(node)?;
        let coding = store.coding();
        let source = Array::from_expr(build::source(store));
        let array = match self.dtype {
            Some(dtype) => Array::from_expr(build::cast(source.expr(), dtype)?),
            None => source,
        };
        let (target, how) = to;
        // Without a word about how it is stored, it is stored as it was.
        let (storage, same) = (&self.args.storage, array.dtype() == info.dtype);
        let asked = storage.chunks.is_some() || storage.shards.is_some() || storage.codec.is_some();
        let encoding = coding.filter(|_| same && !asked);
        // Stored as asked for, and otherwise as it was.
        let fill = info.fill.filter(|fill| keeps(*fill, array.dtype()));
        let (names, attributes, resume) = (info.names.clone(), info.attributes.clone(), self.args.running.resume);
        let types = info.types.clone();
        let how = Create { names, attributes, types, fill, resume, encoding, coordinates: false, ..how };
        session.compute(vec![Goal::Store(Box::new(array.store(target, how)))])?;
        Ok(())
    }

    /// Copies a group and everything below it, as a whole container unless the target lies inside of one, or behind a
    /// network, where nothing can be renamed.
    fn tree(&self, session: &mut Session, nodes: &[Node]) -> Result<()> {
        let (container, inside) = store::destination(&self.args.target)?;
        let resume = self.args.running.resume;
        let paths: Vec<&str> = nodes.iter().map(|n| n.path.as_str()).collect();
        let contents = format!("{} {:?} {:?} {paths:?}", self.args.source.display(), self.dtype, self.args.storage);
        if !inside.is_empty() || is_url(&container) {
            return self.tree_in_place(session, nodes, &format!("all of {contents}"));
        }
        if container.exists() && store::container(&container).is_err() {
            return Err(Error::store(container, "exists and is no container, so it is not replaced"));
        }
        let how = Create::new().overwrite(self.args.storage.overwrite).resume(resume);
        let staged = Staged::new(&container, &how, &contents)?;
        if !staged.is_done() {
            self.tree_into(session, nodes, &staged.path(), Some(&staged))?;
        }
        staged.commit()
    }

    /// Copies a group and everything below it to where it belongs, array after array. Behind a network, a note says
    /// when all of them are there, so that a run which is killed after that is not taken for one that finds arrays of
    /// others.
    fn tree_in_place(&self, session: &mut Session, nodes: &[Node], contents: &str) -> Result<()> {
        let (target, resume) = (&self.args.target, self.args.running.resume);
        let remote = is_url(target);
        let mut done = Ok(());
        if !(remote && resume && is_marked(target, contents)?) {
            done = self.tree_into(session, nodes, target, None);
            if done.is_err() && resume {
                return done;
            }
            if done.is_ok() && remote {
                mark(target, contents)?;
            }
        }
        // The group that has the note comes last.
        let all: Vec<PathBuf> = self.targets(nodes, target).map(|(_, path)| path).collect();
        done.and(all.iter().rev().try_for_each(store::settle))
    }

    /// The nodes and where they go.
    fn targets<'b>(&self, nodes: &'b [Node], target: &Path) -> impl Iterator<Item = (&'b Node, PathBuf)> {
        nodes.iter().map(move |node| {
            let own = node.path.trim_matches('/');
            let below = own.strip_prefix(self.listing.inner()).unwrap_or(own).trim_start_matches('/');
            (node, if below.is_empty() { target.to_path_buf() } else { target.join(below) })
        })
    }

    /// Copies everything to below `target`; arrays keep their receipts, so that a resumed run passes over them.
    fn tree_into(&self, session: &mut Session, nodes: &[Node], target: &Path, staged: Option<&Staged>) -> Result<()> {
        self.check_chunks(nodes)?;
        for (node, path) in self.targets(nodes, target) {
            let own = node.path.trim_matches('/');
            match &node.kind {
                NodeKind::Group(attributes) => {
                    let zarr_version = self.args.storage.zarr_version;
                    let format = self.args.storage.format.clone();
                    let how = Create { attributes: attributes.clone(), zarr_version, format, ..Create::new() };
                    store::group(&path, &how)?;
                }
                NodeKind::Array(info) => {
                    let how =
                        Create { receipt: true, ..self.args.storage.create_fitting(&info.shape, self.becomes(info))? };
                    let how = if let Some(staged) = staged { staged.within(how) } else { how };
                    self.array(session, node, info, (&path, how))?;
                }
                NodeKind::Other(why) => note(&format!("warning: left out {own}: {}", why.replace('\n', " "))),
            }
        }
        Ok(())
    }

    fn check_chunks(&self, nodes: &[Node]) -> Result<()> {
        let Some(chunks) = &self.args.storage.chunks else { return Ok(()) };
        let fits = |n: &Node| matches!(&n.kind, NodeKind::Array(info) if info.shape.len() == chunks.0.len());
        if nodes.iter().any(fits) {
            return Ok(());
        }
        Err(Error::chunks(format!("no array of {} has {} axes", self.args.source.display(), chunks.0.len())))
    }
}

/// Whether a fill value means the same as `dtype`.
fn keeps(fill: Scalar, dtype: DType) -> bool {
    match fill {
        Scalar::Float(v) if dtype.is_integer() => v.fract() == 0.0 && Scalar::Int(fill.to_i128()).fits(dtype),
        Scalar::Complex(_) => dtype.is_complex(),
        other => other.fits(dtype),
    }
}
