//! Orthogonal factors of matrices, and their spectra.

use super::super::value::{Call, Function, Value};
use super::row;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::linalg::{qr, spectra};

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
    row("linalg.eigvals", "a", |call| Ok(spectra::eigvals(call.array("a")?.expr())?.into())),
];

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

/// What NumPy calls the items of such tuples: the names that belong together.
pub(in super::super) static FIELDS: &[&[&str]] = &[&["Q", "R"], &["U", "S", "Vh"], &["eigenvalues", "eigenvectors"]];
