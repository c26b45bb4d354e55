//! `NUMPY.md`: NumPy's and Dask's names against those of the language and the library, from the tables.

use crate::lang::functions;
use crate::lang::names::{LATER, all, callable, member};
use crate::lang::value::Value;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The public names of Dask Array 2026 by topic; a topic in parentheses is a module.
const DASK: &[(&str, &str)] = &[
    (
        "Constants and element types",
        "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128 e euler_gamma inf nan \
         newaxis pi",
    ),
    (
        "Creation",
        "arange linspace empty empty_like full full_like ones ones_like zeros zeros_like eye diag diagonal tri tril triu \
         tril_indices tril_indices_from triu_indices triu_indices_from indices meshgrid fromfunction array asarray \
         asanyarray pad tile repeat",
    ),
    (
        "Storage",
        "from_array from_delayed from_zarr from_npy_stack from_tiledb store to_zarr to_hdf5 to_npy_stack to_tiledb",
    ),
    (
        "Elementwise",
        "abs absolute add angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_not bitwise_or \
         bitwise_xor cbrt ceil clip conj copysign cos cosh deg2rad degrees divide divmod equal exp exp2 expm1 fabs fix \
         float_power floor floor_divide fmax fmin fmod frexp frompyfunc greater greater_equal hypot i0 imag invert iscomplex \
         isfinite isinf isnan isneginf isposinf isreal ldexp left_shift less less_equal log log1p log2 log10 logaddexp \
         logaddexp2 logical_and logical_not logical_or logical_xor maximum minimum mod modf multiply nan_to_num negative \
         nextafter not_equal positive power rad2deg radians real reciprocal remainder right_shift rint sign signbit sin sinc \
         sinh spacing sqrt square subtract tan tanh true_divide trunc around round isclose isnull notnull",
    ),
    (
        "Reductions and scans",
        "all any max min sum prod mean std var moment median quantile percentile ptp average count_nonzero trace allclose \
         reduction nanmax nanmin nansum nanprod nanmean nanstd nanvar nanmedian nanquantile nanpercentile argmax argmin \
         nanargmax nanargmin topk argtopk cumsum cumprod nancumsum nancumprod push",
    ),
    (
        "Selection",
        "take compress extract choose select where piecewise nonzero flatnonzero argwhere insert delete append \
         unravel_index ravel_multi_index shuffle",
    ),
    (
        "Shape",
        "reshape reshape_blockwise ravel transpose swapaxes moveaxis rollaxis expand_dims squeeze flip fliplr flipud rot90 \
         roll atleast_1d atleast_2d atleast_3d broadcast_to broadcast_arrays concatenate stack vstack hstack dstack block \
         shape ndim result_type",
    ),
    (
        "Chunks and blocks",
        "rechunk unify_chunks coarsen blockwise map_blocks map_overlap apply_gufunc as_gufunc gufunc apply_along_axis \
         apply_over_axes",
    ),
    ("Products, calculus, statistics", "dot vdot matmul tensordot einsum outer diff ediff1d gradient cov corrcoef"),
    (
        "Sets, search, histograms",
        "unique union1d isin searchsorted digitize bincount histogram histogram2d histogramdd",
    ),
    ("(linalg)", "cholesky inv lstsq lu norm qr tsqr sfqr solve solve_triangular svd svd_compressed"),
    (
        "(fft)",
        "fft fft2 fftn ifft ifft2 ifftn rfft rfft2 rfftn irfft irfft2 irfftn hfft ihfft fftfreq rfftfreq fftshift ifftshift",
    ),
    (
        "(random)",
        "default_rng seed beta binomial chisquare choice exponential f gamma geometric gumbel hypergeometric laplace \
         logistic lognormal logseries multinomial negative_binomial noncentral_chisquare noncentral_f normal pareto \
         permutation poisson power randint random random_integers random_sample rayleigh standard_cauchy \
         standard_exponential standard_gamma standard_normal standard_t triangular uniform vonmises wald weibull zipf",
    ),
    (
        "(ma)",
        "average count empty_like filled fix_invalid getdata getmaskarray masked_array masked_equal masked_greater \
         masked_greater_equal masked_inside masked_invalid masked_less masked_less_equal masked_not_equal masked_outside \
         masked_values masked_where nonzero ones_like set_fill_value where zeros_like",
    ),
    (
        "(stats)",
        "ttest_ind ttest_1samp ttest_rel chisquare power_divergence skew skewtest kurtosis kurtosistest normaltest f_oneway \
         moment",
    ),
    ("(overlap)", "overlap map_overlap trim_internal trim_overlap"),
    (
        "Arrays themselves",
        "T astype chunks chunksize compute copy dtype flatten itemsize name nbytes npartitions numblocks persist size view",
    ),
];

/// What differs beyond parameters that are not there.
const DIFFERS: &[(&str, &str)] = &[
    ("empty", "holds zeros"),
    ("empty_like", "holds zeros"),
    ("einsum", "the order of products is found by cost, whatever `optimize` says"),
    ("diagonal", "a view that reads the chunks it goes through"),
    ("linalg.cholesky", "of matrices larger than memory too, through disk"),
    ("linalg.lu", "the pivot is the largest of the whole column, as in SciPy, where Dask's are those of a block"),
    ("linalg.solve", "of matrices larger than memory too, through disk"),
    ("linalg.qr", "of tall or wide matrices larger than memory too; no mode `raw`"),
    ("linalg.tsqr", "`linalg.qr`, which cuts tall matrices by itself"),
    ("linalg.svd", "of tall or wide matrices larger than memory too"),
    ("linalg.eig", "always complex"),
    ("linalg.eigvals", "always complex"),
    ("linalg.svd_compressed", "orthonormal columns after each iteration; signs as they come"),
    ("linalg.cond", "the inverse that other norms need comes from singular values"),
    ("store", "`Array::store`, computed with everything else that is asked for"),
    ("from_array", "`Context::open` for files, `Context::from_ndarray` for memory"),
    ("from_zarr", "`Context::open`"),
    ("to_zarr", "`Array::store` to a path that ends in `.zarr`"),
    ("to_hdf5", "`Array::store` to a path that runs through an `.h5`"),
    ("apply_gufunc", "`array::functions::Gufunc`"),
    ("blockwise", "`array::functions::Blockwise`, blocks along an axis that the result has not joined"),
    ("reduction", "`Array::reduce_blocks`"),
    ("T", "`Array::t`"),
    ("numblocks", "`Array::chunks` counts them"),
    ("chunksize", "`chunks` in expressions"),
    ("view", "arrays are immutable: a cast, or a slice, is an array of its own"),
];

/// How the file is written again.
const COMMAND: &str = "HYPERSLAB_WRITE=1 cargo test --lib correspondence";

#[test]
fn numpy_md_is_what_the_tables_say() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let methods = methods(&root.join("src"));
    let (path, page) = (root.join("NUMPY.md"), page(&methods));
    if std::env::var_os("HYPERSLAB_WRITE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let have = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(have == page, "NUMPY.md is stale; write it again with\n\n    {COMMAND}\n");
}

fn page(methods: &BTreeSet<String>) -> String {
    let mut out = format!(
        "# NumPy, Dask and hyperslab\n\n\
         What NumPy and Dask Array have by name, and what it is called here: in expressions (`hyperslab eval`, \
         `lang::evaluate`) and as a method of `Array` or `Context`. A dash means that there is none yet. The last column \
         lists parameters that are not offered (they may be `None`), and what else differs. This page is made from the \
         tables by a test; `{COMMAND}` writes it again.\n"
    );
    let mut told = BTreeSet::new();
    for (topic, names) in DASK {
        let module = topic.strip_prefix('(').and_then(|t| t.strip_suffix(')'));
        let prefix = module.map(|m| format!("{m}.")).unwrap_or_default();
        let names: Vec<String> = names.split_whitespace().map(|n| format!("{prefix}{n}")).collect();
        table(&mut out, module.unwrap_or(topic), &names, methods);
        told.extend(names);
    }
    let more: BTreeSet<String> = all().chain(LATER.iter().copied()).map(str::to_owned).collect();
    let more: Vec<String> = more.difference(&told).cloned().collect();
    table(&mut out, "Beyond Dask Array", &more, methods);
    out
}

fn table(out: &mut String, topic: &str, names: &[String], methods: &BTreeSet<String>) {
    let _ = write!(out, "\n## {topic}\n\n| Name | Expressions | Library | Differs |\n|---|---|---|---|\n");
    for name in names {
        let last = name.rsplit('.').next().unwrap_or(name);
        let inside = ["ma.", "stats.", "overlap.", "random.", "fft."].iter().any(|m| name.starts_with(m));
        let method = match name.strip_prefix("ndimage.") {
            Some(last) if methods.contains(name) => format!("`ndimage().{last}`"),
            None if !inside && methods.contains(last) => format!("`{last}`"),
            _ => "–".to_owned(),
        };
        let mut differs: Vec<String> = lacks(name).into_iter().collect();
        differs.extend(DIFFERS.iter().filter(|(of, _)| of == name).map(|(_, why)| (*why).to_owned()));
        let _ = writeln!(out, "| `{name}` | {} | {method} | {} |", in_expressions(name), differs.join("; "));
    }
}

/// What `name` is in the language.
fn in_expressions(name: &str) -> String {
    let attribute = ["T", "chunks", "dtype", "itemsize", "nbytes", "size", "shape", "ndim"].contains(&name);
    match (callable(name), name.contains('.')) {
        (Some(found), _) => format!("`{}`", found.name()),
        (None, false) if member("", name).is_some() => format!("`{name}`"),
        (None, false) if functions::METHOD_NAMES.contains(&name) || attribute => format!("`.{name}`"),
        _ => "–".to_owned(),
    }
}

/// The parameters that a function has in NumPy and not here.
fn lacks(name: &str) -> Option<String> {
    let params = match member("", name) {
        Some(Value::Callable(found)) => functions::parameters(found),
        _ => functions::parameters(callable(name)?),
    };
    let bare = |p: &str| p.strip_prefix('!').map(|p| format!("`{}`", p.split('=').next().unwrap_or(p)));
    let lacking: Vec<String> = params.split(", ").filter_map(bare).collect();
    (!lacking.is_empty()).then(|| format!("no {}", lacking.join(", ")))
}

/// The names of the methods of arrays and contexts: written out, and rows of the tables that methods are made from.
/// Those of filters have the name of their module before them.
fn methods(src: &std::path::Path) -> BTreeSet<String> {
    let operations = crate::op::elementwise::ElementOp::ALL.iter().map(|op| op.name().to_owned());
    let filters = written(&src.join("array/ndimage")).into_iter().map(|name| format!("ndimage.{name}"));
    operations.chain(written(&src.join("array"))).chain(filters).collect()
}

/// The names of the methods in the files of a folder.
fn written(folder: &std::path::Path) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for path in files.filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(path).unwrap();
        for line in text.lines().map(str::trim_start) {
            let written = line.strip_prefix("pub fn ").and_then(|rest| rest.split(['(', '<']).next());
            // `"documentation" name -> kind;`, or with a name in quotes between.
            let row = line.strip_prefix('"').and_then(|rest| rest.rsplit_once("\" ")).filter(|_| line.contains(" -> "));
            let row = row.map(
                |(doc, rest)| if rest.starts_with("->") { doc.rsplit_once("\" ").map_or(doc, |d| d.1) } else { rest },
            );
            out.extend(written.or(row.and_then(|r| r.split([' ', '"']).next())).map(str::to_owned));
        }
    }
    out
}
