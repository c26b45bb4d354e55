//! Orthogonal factors of matrices, and their spectra.

use super::super::value::{Call, Function, Value};
use super::norms::order;
use super::row;
use crate::array::Rng;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::Arg;
use crate::linalg::least::{self, Tolerance};
use crate::linalg::norm::Order;
use crate::linalg::{compressed, qr, spectra};

pub(super) static TABLE: &[Function] = &[
    row("linalg.qr", "a, mode='reduced'", |call| {
        let a = call.array("a")?;
        match call.text("mode", "reduced")? {
            "reduced" => Ok(several(qr::qr(a.expr(), false)?)),
            "complete" => Ok(several(qr::qr(a.expr(), true)?)),
            "r" => Ok(qr::triangle(a.expr())?.into()),
            "raw" => Err(Error::unsupported("the mode `raw` of qr is not offered")),
            other => call.refuse(format!("`mode` must be reduced, complete or r, not {other}")),
        }
    }),
    row("linalg.svd", "a, full_matrices=True, compute_uv=True, hermitian=False", |call| {
        let a = call.array("a")?;
        match (call.flag("compute_uv", true)?, call.flag("hermitian", false)?) {
            (true, false) => Ok(several(spectra::svd(a.expr(), call.flag("full_matrices", true)?)?)),
            (true, true) => Ok(several(spectra::svd_of_hermitian(a.expr())?)),
            (false, hermitian) => Ok(spectra::singular_values(a.expr(), hermitian)?.into()),
        }
    }),
    row("linalg.svdvals", "x, /", |call| Ok(spectra::svdvals(call.array("x")?.expr())?.into())),
    row("linalg.eigh", "a, UPLO='L'", |call| Ok(several(spectra::eigh(call.array("a")?.expr(), upper(call)?)?))),
    row("linalg.eigvalsh", "a, UPLO='L'", |call| Ok(spectra::eigvalsh(call.array("a")?.expr(), upper(call)?)?.into())),
    row("linalg.eig", "a", |call| Ok(several(spectra::eig(call.array("a")?.expr())?))),
    row("linalg.svd_compressed", COMPRESSED, |call| {
        let a = call.array("a")?;
        let count = |name: &str, default: usize| Ok::<_, Error>(call.count(name)?.unwrap_or(default));
        let seed = u64::try_from(call.integer("seed")?.unwrap_or(0)).or_else(|_| call.refuse("`seed` is negative"))?;
        let iterations = match call.text("iterator", "power")? {
            "power" | "QR" => count("n_power_iter", 0)?,
            "none" => 0,
            other => return call.refuse(format!("`iterator` must be power, QR or none, not {other}")),
        };
        let (k, oversamples) = (count("k", 0)?, count("n_oversamples", 10)?);
        Ok(several(compressed::svd_compressed(a.expr(), k, iterations, oversamples, Rng::new(seed).key())?))
    }),
    row("linalg.lstsq", "a, b, rcond=None", |call| {
        let rcond = if call.given("rcond").is_some() { Some(call.real("rcond", 0.0)?) } else { None };
        let found = least::lstsq(call.array("a")?.expr(), call.array("b")?.expr(), rcond)?;
        Ok(several([found.x, found.residuals, found.rank, found.s]))
    }),
    row("linalg.pinv", "a, rcond=None, hermitian=False, *, rtol=NoValue", |call| {
        let a = call.array("a")?;
        let cut = match (call.given("rcond"), call.given("rtol"), call.value("rtol")) {
            (Some(_), _, Some(_)) => return call.refuse("`rtol` and `rcond` are not both given"),
            (Some(cut), ..) | (None, Some(cut), _) => strong(cut)?,
            (None, None, Some(_)) if !a.dtype().is_inexact() => {
                return call.refuse(format!("{} has no rounding that `rtol` could follow", a.dtype()));
            }
            (None, None, Some(_)) => Arg::from(least::rounding(&a.shape().known()?, a.dtype())),
            (None, None, None) => Arg::from(1e-15),
        };
        Ok(least::pinv(a.expr(), &cut, call.flag("hermitian", false)?)?.into())
    }),
    row("linalg.matrix_rank", "A, tol=None, hermitian=False, *, rtol=None", |call| {
        let tolerance = match (call.given("tol"), call.given("rtol")) {
            (Some(_), Some(_)) => return call.refuse("`tol` and `rtol` are not both given"),
            (Some(cut), None) => Tolerance::Absolute(strong(cut)?),
            (None, Some(by)) => Tolerance::Relative(strong(by)?),
            (None, None) => Tolerance::Rounding,
        };
        Ok(least::matrix_rank(call.array("A")?.expr(), &tolerance, call.flag("hermitian", false)?)?.into())
    }),
    row("linalg.cond", "x, p=None", |call| {
        Ok(least::cond(call.array("x")?.expr(), order(call, "p", Order::Euclid)?)?.into())
    }),
    row("linalg.eigvals", "a", |call| Ok(spectra::eigvals(call.array("a")?.expr())?.into())),
];

const COMPRESSED: &str = "a, k, iterator='power', n_power_iter=0, n_oversamples=10, seed=None, !compute, !coerce_signs";

/// A tolerance, which is as strong as an array.
fn strong(value: &Value) -> Result<Arg> {
    Ok(match value.to_arg()? {
        Arg::Array(array) if array.shape.rank() == 0 || array.dtype.is_inexact() => Arg::Array(array),
        other => other,
    })
}

/// Whether the upper triangle is read.
fn upper(call: &Call) -> Result<bool> {
    match call.text("UPLO", "L")? {
        "L" | "l" => Ok(false),
        "U" | "u" => Ok(true),
        other => call.refuse(format!("`UPLO` must be L or U, not {other}")),
    }
}

/// Arrays as a tuple.
fn several<const N: usize>(arrays: [Expr; N]) -> Value {
    Value::Tuple(arrays.map(Value::from).to_vec())
}
