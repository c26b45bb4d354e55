//! What a name means when no input bears it, and what may have been meant by a name that means nothing.

use super::call::Callable;
use super::functions;
use super::nearest::suggestion;
use super::value::Value;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::op::elementwise::ElementOp;
use crate::op::reduction;

/// Other names of functions, as NumPy has them.
const ALIASES: &[(&str, &str)] = &[
    ("abs", "absolute"),
    ("conj", "conjugate"),
    ("true_divide", "divide"),
    ("mod", "remainder"),
    ("pow", "power"),
    ("acos", "arccos"),
    ("asin", "arcsin"),
    ("atan", "arctan"),
    ("atan2", "arctan2"),
    ("acosh", "arccosh"),
    ("asinh", "arcsinh"),
    ("atanh", "arctanh"),
    ("bitwise_not", "invert"),
    ("bitwise_invert", "invert"),
    ("bitwise_left_shift", "left_shift"),
    ("bitwise_right_shift", "right_shift"),
    ("degrees", "rad2deg"),
    ("radians", "deg2rad"),
    ("fix", "trunc"),
    ("around", "round"),
    ("concat", "concatenate"),
    ("permute_dims", "transpose"),
    ("asanyarray", "asarray"),
    ("ascontiguousarray", "asarray"),
];

/// Names of element types besides those of [`DType::name`].
const TYPE_NAMES: &[&str] = &[
    "bool_", "int_", "intp", "uint", "uintp", "byte", "ubyte", "short", "ushort", "intc", "uintc", "long", "ulong",
    "longlong", "ulonglong", "half", "single", "double", "csingle", "cdouble",
];

/// Python's own types.
const PYTHON_TYPES: &[(&str, DType)] =
    &[("bool", DType::Bool), ("int", DType::I64), ("float", DType::F64), ("complex", DType::C128)];

const CONSTANTS: &[(&str, f64)] = &[
    ("pi", std::f64::consts::PI),
    ("e", std::f64::consts::E),
    ("inf", f64::INFINITY),
    ("nan", f64::NAN),
    ("euler_gamma", 0.577_215_664_901_532_9),
];

const MODULES: &[&str] = &["linalg", "fft", "random"];

/// The built-in meaning of a name.
pub(super) fn builtin(name: &str) -> Option<Value> {
    if let Some((_, dtype)) = PYTHON_TYPES.iter().find(|(n, _)| *n == name) {
        return Some(Value::Type { dtype: *dtype, python: true });
    }
    match name {
        "np" | "numpy" => Some(Value::Module("")),
        _ => member("", name),
    }
}

/// What `name` means inside the module `prefix`.
pub(super) fn member(prefix: &'static str, name: &str) -> Option<Value> {
    if !prefix.is_empty() {
        return callable(&format!("{prefix}.{name}")).map(Value::Callable);
    }
    if let Some((_, value)) = CONSTANTS.iter().find(|(n, _)| *n == name) {
        return Some(Value::Scalar(Scalar::Float(*value)));
    }
    if name == "newaxis" {
        return Some(Value::None);
    }
    if let Some(module) = MODULES.iter().find(|m| **m == name) {
        return Some(Value::Module(module));
    }
    let named = DType::ALL.into_iter().find(|d| d.name() == name);
    let dtype = named.or_else(|| if TYPE_NAMES.contains(&name) { name.parse().ok() } else { None });
    match dtype {
        Some(dtype) => Some(Value::Type { dtype, python: false }),
        None => callable(name).map(Value::Callable),
    }
}

/// The function of this NumPy name, or of the name that it is an alias of.
pub(super) fn callable(name: &str) -> Option<Callable> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, target)| target);
    functions::find(name)
        .map(Callable::Function)
        .or_else(|| ElementOp::from_name(name).map(Callable::Element))
        .or_else(|| reduction::find(name).map(Callable::Reduction))
}

/// Every name that means something by itself.
fn all() -> impl Iterator<Item = &'static str> {
    let operations = ElementOp::ALL.iter().map(|op| op.name());
    let reductions = reduction::REDUCTIONS.iter().map(|r| r.name());
    let constants = CONSTANTS.iter().map(|(n, _)| *n).filter(|n| n.len() > 1);
    let types = DType::ALL.into_iter().map(DType::name);
    let aliases = ALIASES.iter().map(|(alias, _)| *alias);
    functions::names().chain(operations).chain(reductions).chain(constants).chain(types).chain(aliases)
}

/// Why `name` means nothing: NumPy has it and this library not yet, or nobody has. `near` are further names that may
/// have been meant. The flag tells the first case.
pub(super) fn missing<'a>(name: &'a str, near: impl Iterator<Item = &'a str>) -> (bool, String) {
    if LATER.contains(&name) {
        return (true, format!("`{name}` is not offered yet"));
    }
    let hint = suggestion(name, near.chain(all().map(|n| -> &'a str { n }))).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
    (false, format!("`{name}` is not defined{hint}"))
}

/// Functions that NumPy has. Those that this library has too are found before this list is read, so that it need not
/// change when one is added.
const LATER: &[&str] = &[
    "abs", "absolute", "acos", "acosh", "add", "all", "allclose", "amax", "amin", "angle", "any", "append",
    "apply_along_axis", "apply_over_axes", "arange", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2",
    "arctanh", "argmax", "argmin", "argpartition", "argsort", "argwhere", "around", "array", "array_equal",
    "array_equiv", "array_split", "asanyarray", "asarray", "ascontiguousarray", "asin", "asinh", "atan", "atan2",
    "atanh", "atleast_1d", "atleast_2d", "atleast_3d", "average", "bartlett", "bincount", "bitwise_and",
    "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
    "blackman", "block", "broadcast_arrays", "broadcast_shapes", "broadcast_to", "cbrt", "ceil", "choose", "clip",
    "column_stack", "compress", "concat", "concatenate", "conj", "conjugate", "convolve", "copy", "copysign",
    "corrcoef", "correlate", "cos", "cosh", "count_nonzero", "cov", "cross", "cumprod", "cumsum",
    "cumulative_prod", "cumulative_sum", "deg2rad", "degrees", "delete", "diag", "diag_indices",
    "diag_indices_from", "diagflat", "diagonal", "diff", "digitize", "divide", "divmod", "dot", "dsplit", "dstack",
    "ediff1d", "einsum", "einsum_path", "empty", "empty_like", "equal", "exp", "exp2", "expand_dims", "expm1",
    "extract", "eye", "fabs", "fix", "flatnonzero", "flip", "fliplr", "flipud", "float_power", "floor",
    "floor_divide", "fmax", "fmin", "fmod", "frexp", "fromfunction", "full", "full_like", "gcd", "geomspace",
    "gradient", "greater", "greater_equal", "hamming", "hanning", "heaviside", "histogram", "histogram2d",
    "histogram_bin_edges", "histogramdd", "hsplit", "hstack", "hypot", "i0", "identity", "imag", "indices",
    "inner", "insert", "interp", "intersect1d", "invert", "isclose", "iscomplex", "iscomplexobj", "isfinite",
    "isin", "isinf", "isnan", "isneginf", "isposinf", "isreal", "isrealobj", "isscalar", "ix_", "kaiser", "kron",
    "lcm", "ldexp", "left_shift", "less", "less_equal", "lexsort", "linspace", "log", "log10", "log1p", "log2",
    "logaddexp", "logaddexp2", "logical_and", "logical_not", "logical_or", "logical_xor", "logspace", "matmul",
    "matrix_transpose", "matvec", "max", "maximum", "mean", "median", "meshgrid", "min", "minimum", "mod", "modf",
    "moveaxis", "multiply", "nan_to_num", "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean",
    "nanmedian", "nanmin", "nanpercentile", "nanprod", "nanquantile", "nanstd", "nansum", "nanvar", "ndim",
    "negative", "nextafter", "nonzero", "not_equal", "ones", "ones_like", "outer", "pad", "partition",
    "percentile", "permute_dims", "piecewise", "poly", "polyadd", "polyder", "polydiv", "polyfit", "polyint",
    "polymul", "polysub", "polyval", "positive", "pow", "power", "prod", "ptp", "quantile", "rad2deg", "radians",
    "ravel", "ravel_multi_index", "real", "real_if_close", "reciprocal", "remainder", "repeat", "reshape",
    "resize", "right_shift", "rint", "roll", "rollaxis", "roots", "rot90", "round", "row_stack", "searchsorted",
    "select", "setdiff1d", "setxor1d", "shape", "sign", "signbit", "sin", "sinc", "sinh", "size", "sort",
    "sort_complex", "spacing", "split", "sqrt", "square", "squeeze", "stack", "std", "subtract", "sum", "swapaxes",
    "take", "take_along_axis", "tan", "tanh", "tensordot", "tile", "trace", "transpose", "trapezoid", "tri",
    "tril", "tril_indices", "tril_indices_from", "trim_zeros", "triu", "triu_indices", "triu_indices_from",
    "true_divide", "trunc", "union1d", "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values",
    "unravel_index", "unstack", "unwrap", "vander", "var", "vdot", "vecdot", "vecmat", "vsplit", "vstack", "where",
    "zeros", "zeros_like", "r_", "c_", "mgrid", "ogrid", "bitwise_count", "promote_types", "result_type", "finfo",
    "iinfo", "can_cast", "packbits", "unpackbits", "linalg.cholesky", "linalg.cond", "linalg.cross", "linalg.det",
    "linalg.diagonal", "linalg.eig", "linalg.eigh", "linalg.eigvals", "linalg.eigvalsh", "linalg.inv",
    "linalg.lstsq", "linalg.matmul", "linalg.matrix_norm", "linalg.matrix_power", "linalg.matrix_rank",
    "linalg.matrix_transpose", "linalg.multi_dot", "linalg.norm", "linalg.outer", "linalg.pinv", "linalg.qr",
    "linalg.slogdet", "linalg.solve", "linalg.svd", "linalg.svdvals", "linalg.tensordot", "linalg.tensorinv",
    "linalg.tensorsolve", "linalg.trace", "linalg.vecdot", "linalg.vector_norm", "fft.fft", "fft.fft2",
    "fft.fftfreq", "fft.fftn", "fft.fftshift", "fft.hfft", "fft.ifft", "fft.ifft2", "fft.ifftn", "fft.ifftshift",
    "fft.ihfft", "fft.irfft", "fft.irfft2", "fft.irfftn", "fft.rfft", "fft.rfft2", "fft.rfftfreq", "fft.rfftn",
    "random.random", "random.rand", "random.randn", "random.normal", "random.uniform", "random.integers",
    "random.randint", "random.default_rng", "random.standard_normal", "random.choice", "random.permutation",
    "random.shuffle", "random.poisson", "random.exponential",
];
