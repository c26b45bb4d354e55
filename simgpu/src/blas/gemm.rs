//! Products of matrices.

use super::handle::{Done, Failure, Handle, Matrix, Scalar, cublas, handle, refuse};
use super::types::{Element, Number};
use crate::sim::Sim;
use crate::status::Status;
use std::ffi::{c_int, c_longlong, c_uint, c_void};

/// An operand as a caller describes it.
#[derive(Debug, Clone, Copy)]
struct Operand {
    at: u64,
    element: Element,
    leading: i64,
    stride: i64,
}

/// `C = alpha op(A) op(B) + beta C`, for each of a batch.
struct Product {
    op_a: c_uint,
    op_b: c_uint,
    a: Matrix,
    b: Matrix,
    c: Matrix,
    strides: [i64; 3],
    batch: i64,
    inner: usize,
    alpha: Scalar,
    beta: Scalar,
}

fn op(code: c_uint) -> Result<(bool, bool), Failure> {
    match code {
        0 => Ok((false, false)),
        1 => Ok((true, false)),
        2 => Ok((true, true)),
        _ => refuse(&format!("cuBLAS: operation {code}")),
    }
}

impl Product {
    fn run(&self, sim: &mut Sim) -> Result<(), Status> {
        let (alpha, beta) = (self.alpha.get(sim)?, self.beta.get(sim)?);
        for i in 0..self.batch {
            let [a, b, c] = [
                self.a.shifted(i * self.strides[0]),
                self.b.shifted(i * self.strides[1]),
                self.c.shifted(i * self.strides[2]),
            ];
            let (left, right) = (a.read(sim, "gemm: A")?, b.read(sim, "gemm: B")?);
            let left = arranged(&left, &a, self.op_a == 0, self.op_a == 2);
            let right = arranged(&right, &b, self.op_b != 0, self.op_b == 2);
            let old = if beta.is_zero() { Vec::new() } else { c.read(sim, "gemm: C")? };
            let integer = c.element == Element::I32;
            c.write(sim, "gemm: C", |row, column| {
                let (x, y) = (&left[row * self.inner..], &right[column * self.inner..]);
                let (x, y) = (&x[..self.inner], &y[..self.inner]);
                let sum = if integer { dot_integers(x, y) } else { dot(x, y, a.element.is_complex()) };
                let scaled = alpha.mul(sum);
                Some(if beta.is_zero() { scaled } else { scaled.add(beta.mul(old[column * c.rows + row])) })
            })?;
        }
        Ok(())
    }
}

/// The values with the summed index innermost: columns as they are, or rows.
fn arranged(values: &[Number], m: &Matrix, transpose: bool, conjugate: bool) -> Vec<Number> {
    if !transpose {
        return values.iter().map(|v| v.conjugate_if(conjugate)).collect();
    }
    let mut out = Vec::with_capacity(values.len());
    for row in 0..m.rows {
        out.extend((0..m.columns).map(|column| values[column * m.rows + row].conjugate_if(conjugate)));
    }
    out
}

fn dot(x: &[Number], y: &[Number], complex: bool) -> Number {
    if complex {
        return x.iter().zip(y).fold(Number::ZERO, |sum, (a, b)| sum.add(a.mul(*b)));
    }
    Number { re: x.iter().zip(y).map(|(a, b)| a.re * b.re).sum(), im: 0.0 }
}

#[expect(clippy::cast_possible_truncation, reason = "values are integers of at most 32 bits, and the sum wraps")]
fn dot_integers(x: &[Number], y: &[Number]) -> Number {
    let sum = x.iter().zip(y).fold(0i32, |sum, (a, b)| sum.wrapping_add((a.re as i32).wrapping_mul(b.re as i32)));
    Number { re: f64::from(sum), im: 0.0 }
}

#[allow(clippy::too_many_arguments, reason = "what a product takes")]
fn gemm(
    at: *mut Handle,
    ops: [c_uint; 2],
    [m, n, k]: [i64; 3],
    scalars: [*const c_void; 2],
    scalar: Element,
    a: Operand,
    b: Operand,
    c: Operand,
    batch: i64,
) -> Done {
    let handle = handle(at)?;
    let ((ta, _), (tb, _)) = (op(ops[0])?, op(ops[1])?);
    if k < 0 || batch < 0 {
        return refuse(&format!("cuBLAS: gemm: k = {k}, {batch} products"));
    }
    let (ra, ca) = if ta { (k, m) } else { (m, k) };
    let (rb, cb) = if tb { (n, k) } else { (k, n) };
    let product = Product {
        op_a: ops[0],
        op_b: ops[1],
        a: Matrix::new("gemm: A", a.at, a.element, ra, ca, a.leading)?,
        b: Matrix::new("gemm: B", b.at, b.element, rb, cb, b.leading)?,
        c: Matrix::new("gemm: C", c.at, c.element, m, n, c.leading)?,
        strides: [a.stride, b.stride, c.stride],
        batch,
        inner: usize::try_from(k).unwrap_or(0),
        alpha: handle.scalar(scalars[0], scalar)?,
        beta: handle.scalar(scalars[1], scalar)?,
    };
    handle.push(move |sim| product.run(sim))
}

/// Scalars of a compute type; the type must go with the matrices'.
fn scalar_of(compute: c_uint, a: Element, b: Element, c: Element) -> Result<Element, Failure> {
    let complex = a.is_complex();
    let scalar = match compute {
        64 | 65 => Element::F16,
        68 | 69 | 74 | 75 | 77 | 78 if complex => Element::C32,
        68 | 69 | 74 | 75 | 77 | 78 => Element::F32,
        70 | 71 | 79 if complex => Element::C64,
        70 | 71 | 79 => Element::F64,
        72 | 73 => Element::I32,
        _ => return Err(Failure::NotSupported),
    };
    let fits = a == b
        && match scalar {
            Element::F16 => a == Element::F16 && c == a,
            Element::F32 => match a {
                Element::F32 => c == Element::F32,
                Element::F16 | Element::Bf16 => c == a || c == Element::F32,
                Element::I8 => c == Element::F32,
                _ => false,
            },
            Element::I32 => a == Element::I8 && c == Element::I32,
            other => a == other && c == other,
        };
    if fits {
        Ok(scalar)
    } else {
        let _ = refuse::<()>(&format!("cuBLAS: {a:?} x {b:?} -> {c:?} with compute type {compute}"));
        Err(Failure::NotSupported)
    }
}

macro_rules! typed {
    ($($gemm:ident, $batched:ident, $gemm64:ident, $element:ident;)*) => {
        cublas! {$(
            fn $gemm(
                h: *mut Handle, ta: c_uint, tb: c_uint, m: c_int, n: c_int, k: c_int, alpha: *const c_void, a: u64,
                lda: c_int, b: u64, ldb: c_int, beta: *const c_void, c: u64, ldc: c_int,
            ) {
                let e = Element::$element;
                let operand = |at, leading: c_int| Operand { at, element: e, leading: leading.into(), stride: 0 };
                gemm(
                    h, [ta, tb], [m.into(), n.into(), k.into()],
                    [alpha, beta], e,
                    operand(a, lda), operand(b, ldb), operand(c, ldc), 1,
                )
            }
            fn $gemm64(
                h: *mut Handle, ta: c_uint, tb: c_uint, m: i64, n: i64, k: i64, alpha: *const c_void, a: u64,
                lda: i64, b: u64, ldb: i64, beta: *const c_void, c: u64, ldc: i64,
            ) {
                let e = Element::$element;
                let operand = |at, leading| Operand { at, element: e, leading, stride: 0 };
                gemm(
                    h, [ta, tb], [m, n, k],
                    [alpha, beta], e,
                    operand(a, lda), operand(b, ldb), operand(c, ldc), 1,
                )
            }
            fn $batched(
                h: *mut Handle, ta: c_uint, tb: c_uint, m: c_int, n: c_int, k: c_int, alpha: *const c_void, a: u64,
                lda: c_int, sa: c_longlong, b: u64, ldb: c_int, sb: c_longlong, beta: *const c_void, c: u64,
                ldc: c_int, sc: c_longlong, batch: c_int,
            ) {
                let e = Element::$element;
                let operand = |at, leading: c_int, stride| Operand { at, element: e, leading: leading.into(), stride };
                gemm(
                    h, [ta, tb], [m.into(), n.into(), k.into()],
                    [alpha, beta], e,
                    operand(a, lda, sa), operand(b, ldb, sb), operand(c, ldc, sc), batch.into(),
                )
            }
        )*}
    };
}

typed! {
    cublasSgemm_v2, cublasSgemmStridedBatched, cublasSgemm_v2_64, F32;
    cublasDgemm_v2, cublasDgemmStridedBatched, cublasDgemm_v2_64, F64;
    cublasCgemm_v2, cublasCgemmStridedBatched, cublasCgemm_v2_64, C32;
    cublasZgemm_v2, cublasZgemmStridedBatched, cublasZgemm_v2_64, C64;
}

fn element(code: c_uint) -> Result<Element, Failure> {
    Element::of(code).ok_or(Failure::NotSupported)
}

cublas! {
    fn cublasGemmEx(
        h: *mut Handle, ta: c_uint, tb: c_uint, m: c_int, n: c_int, k: c_int, alpha: *const c_void, a: u64,
        type_a: c_uint, lda: c_int, b: u64, type_b: c_uint, ldb: c_int, beta: *const c_void, c: u64, type_c: c_uint,
        ldc: c_int, compute: c_uint, _algorithm: c_int,
    ) {
        let (ea, eb, ec) = (element(type_a)?, element(type_b)?, element(type_c)?);
        let scalar = scalar_of(compute, ea, eb, ec)?;
        let operand = |at, element, leading: c_int| Operand { at, element, leading: leading.into(), stride: 0 };
        gemm(
            h, [ta, tb], [m.into(), n.into(), k.into()],
            [alpha, beta], scalar,
            operand(a, ea, lda), operand(b, eb, ldb), operand(c, ec, ldc), 1,
        )
    }
    fn cublasGemmEx_64(
        h: *mut Handle, ta: c_uint, tb: c_uint, m: i64, n: i64, k: i64, alpha: *const c_void, a: u64, type_a: c_uint,
        lda: i64, b: u64, type_b: c_uint, ldb: i64, beta: *const c_void, c: u64, type_c: c_uint, ldc: i64,
        compute: c_uint, _algorithm: c_int,
    ) {
        let (ea, eb, ec) = (element(type_a)?, element(type_b)?, element(type_c)?);
        let scalar = scalar_of(compute, ea, eb, ec)?;
        let operand = |at, element, leading| Operand { at, element, leading, stride: 0 };
        gemm(
            h, [ta, tb], [m, n, k],
            [alpha, beta], scalar,
            operand(a, ea, lda), operand(b, eb, ldb), operand(c, ec, ldc), 1,
        )
    }
    fn cublasGemmStridedBatchedEx(
        h: *mut Handle, ta: c_uint, tb: c_uint, m: c_int, n: c_int, k: c_int, alpha: *const c_void, a: u64,
        type_a: c_uint, lda: c_int, sa: c_longlong, b: u64, type_b: c_uint, ldb: c_int, sb: c_longlong,
        beta: *const c_void, c: u64, type_c: c_uint, ldc: c_int, sc: c_longlong, batch: c_int, compute: c_uint,
        _algorithm: c_int,
    ) {
        let (ea, eb, ec) = (element(type_a)?, element(type_b)?, element(type_c)?);
        let scalar = scalar_of(compute, ea, eb, ec)?;
        let operand = |at, element, leading: c_int, stride| Operand { at, element, leading: leading.into(), stride };
        gemm(
            h, [ta, tb], [m.into(), n.into(), k.into()],
            [alpha, beta], scalar,
            operand(a, ea, lda, sa), operand(b, eb, ldb, sb), operand(c, ec, ldc, sc), batch.into(),
        )
    }
}
