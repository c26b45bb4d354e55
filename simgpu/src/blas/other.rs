//! Triangular solves, symmetric updates, products with vectors.

use super::handle::{Done, Handle, Matrix, cublas, handle, refuse};
use super::types::{Element, Number};
use std::ffi::{c_int, c_uint, c_void};

fn real(re: f64) -> Number {
    Number { re, im: 0.0 }
}

/// `op(A) X = alpha B` or `X op(A) = alpha B`, with X over B.
#[allow(clippy::too_many_arguments, reason = "cuBLAS' interface")]
fn trsm(
    at: *mut Handle,
    e: Element,
    [side, uplo, trans, diag]: [c_uint; 4],
    [m, n]: [c_int; 2],
    alpha: *const c_void,
    (a, lda): (u64, c_int),
    (b, ldb): (u64, c_int),
) -> Done {
    let handle = handle(at)?;
    let left = side == 0;
    let order = if left { m } else { n };
    let a = Matrix::new("trsm: A", a, e, order.into(), order.into(), lda.into())?;
    let b = Matrix::new("trsm: B", b, e, m.into(), n.into(), ldb.into())?;
    let alpha = handle.scalar(alpha, e)?;
    handle.push(move |sim| {
        let alpha = alpha.get(sim)?.re;
        let (t, given) = (a.read(sim, "trsm: A")?, b.read(sim, "trsm: B")?);
        let order = a.rows;
        // Element (i, j) of op(A); a right-hand solve is a left-hand one with op(A) transposed.
        let swap = (trans != 0) == left;
        let of = |i: usize, j: usize| if swap { t[i * order + j].re } else { t[j * order + i].re };
        // Whether op(A), so arranged, is lower.
        let lower = (uplo == 0) != swap;
        let mut x: Vec<f64> = given.iter().map(|v| alpha * v.re).collect();
        let place = |i: usize, column: usize| if left { column * b.rows + i } else { i * b.rows + column };
        for column in 0..if left { b.columns } else { b.rows } {
            for step in 0..order {
                let i = if lower { step } else { order - 1 - step };
                let known = if lower { 0..i } else { i + 1..order };
                let sum: f64 = known.map(|j| of(i, j) * x[place(j, column)]).sum();
                let value = x[place(i, column)] - sum;
                x[place(i, column)] = if diag == 1 { value } else { value / of(i, i) };
            }
        }
        b.write(sim, "trsm: B", |row, column| Some(real(x[column * b.rows + row])))
    })
}

/// `C = alpha op(A) op(A)^T + beta C` on one triangle of C.
#[allow(clippy::too_many_arguments, reason = "cuBLAS' interface")]
fn syrk(
    at: *mut Handle,
    e: Element,
    [uplo, trans]: [c_uint; 2],
    [n, k]: [c_int; 2],
    [alpha, beta]: [*const c_void; 2],
    (a, lda): (u64, c_int),
    (c, ldc): (u64, c_int),
) -> Done {
    let handle = handle(at)?;
    let (rows, columns) = if trans == 0 { (n, k) } else { (k, n) };
    let a = Matrix::new("syrk: A", a, e, rows.into(), columns.into(), lda.into())?;
    let c = Matrix::new("syrk: C", c, e, n.into(), n.into(), ldc.into())?;
    let (alpha, beta) = (handle.scalar(alpha, e)?, handle.scalar(beta, e)?);
    handle.push(move |sim| {
        let (alpha, beta) = (alpha.get(sim)?.re, beta.get(sim)?.re);
        let x = a.read(sim, "syrk: A")?;
        let old = if beta == 0.0 { Vec::new() } else { c.read(sim, "syrk: C")? };
        let (inner, of) = if trans == 0 { (a.columns, (1, a.rows)) } else { (a.rows, (a.rows, 1)) };
        c.write(sim, "syrk: C", |row, column| {
            let inside = if uplo == 0 { row >= column } else { row <= column };
            let sum = || (0..inner).map(|l| x[row * of.0 + l * of.1].re * x[column * of.0 + l * of.1].re).sum::<f64>();
            inside.then(|| {
                let scaled = alpha * sum();
                real(if beta == 0.0 { scaled } else { scaled + beta * old[column * c.rows + row].re })
            })
        })
    })
}

/// `y = alpha op(A) x + beta y`.
#[allow(clippy::too_many_arguments, reason = "cuBLAS' interface")]
fn gemv(
    at: *mut Handle,
    e: Element,
    trans: c_uint,
    [m, n]: [c_int; 2],
    [alpha, beta]: [*const c_void; 2],
    (a, lda): (u64, c_int),
    (x, step_x): (u64, c_int),
    (y, step_y): (u64, c_int),
) -> Done {
    let handle = handle(at)?;
    if step_x <= 0 || step_y <= 0 {
        return refuse("cuBLAS: gemv: steps that are not positive are not known");
    }
    let (from, to) = if trans == 0 { (n, m) } else { (m, n) };
    let a = Matrix::new("gemv: A", a, e, m.into(), n.into(), lda.into())?;
    // A vector is a matrix of one row.
    let x = Matrix::new("gemv: x", x, e, 1, from.into(), step_x.into())?;
    let y = Matrix::new("gemv: y", y, e, 1, to.into(), step_y.into())?;
    let (alpha, beta) = (handle.scalar(alpha, e)?, handle.scalar(beta, e)?);
    handle.push(move |sim| {
        let (alpha, beta) = (alpha.get(sim)?.re, beta.get(sim)?.re);
        let (matrix, vector) = (a.read(sim, "gemv: A")?, x.read(sim, "gemv: x")?);
        let old = if beta == 0.0 { Vec::new() } else { y.read(sim, "gemv: y")? };
        let of = if trans == 0 { (1, a.rows) } else { (a.rows, 1) };
        y.write(sim, "gemv: y", |_, i| {
            let sum: f64 = vector.iter().enumerate().map(|(j, v)| matrix[i * of.0 + j * of.1].re * v.re).sum();
            Some(real(if beta == 0.0 { alpha * sum } else { alpha * sum + beta * old[i].re }))
        })
    })
}

macro_rules! typed {
    ($($trsm:ident, $syrk:ident, $gemv:ident, $element:ident;)*) => {
        cublas! {$(
            fn $trsm(
                h: *mut Handle, side: c_uint, uplo: c_uint, trans: c_uint, diag: c_uint, m: c_int, n: c_int,
                alpha: *const c_void, a: u64, lda: c_int, b: u64, ldb: c_int,
            ) {
                trsm(h, Element::$element, [side, uplo, trans, diag], [m, n], alpha, (a, lda), (b, ldb))
            }
            fn $syrk(
                h: *mut Handle, uplo: c_uint, trans: c_uint, n: c_int, k: c_int, alpha: *const c_void, a: u64,
                lda: c_int, beta: *const c_void, c: u64, ldc: c_int,
            ) {
                syrk(h, Element::$element, [uplo, trans], [n, k], [alpha, beta], (a, lda), (c, ldc))
            }
            fn $gemv(
                h: *mut Handle, trans: c_uint, m: c_int, n: c_int, alpha: *const c_void, a: u64, lda: c_int, x: u64,
                step_x: c_int, beta: *const c_void, y: u64, step_y: c_int,
            ) {
                gemv(h, Element::$element, trans, [m, n], [alpha, beta], (a, lda), (x, step_x), (y, step_y))
            }
        )*}
    };
}

typed! {
    cublasStrsm_v2, cublasSsyrk_v2, cublasSgemv_v2, F32;
    cublasDtrsm_v2, cublasDsyrk_v2, cublasDgemv_v2, F64;
}
