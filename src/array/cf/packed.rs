//! The way back: values as the numbers that are stored for them.

use super::{PACKING, Packing, as_read, attributes, constant};
use crate::array::{Array, kinds::Kind as Kinds};
use crate::dtype::promote::promote;
use crate::dtype::scalar::Scalar;
use crate::dtype::{DType, Kind};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::expr::build::{self, Arg};
use crate::expr::check::where_all;
use crate::op::elementwise::ElementOp;
use crate::store::Attributes;

/// The numbers of type `dtype` that stand for the values `x`: [`decode`](super::decode) backwards. Values that no
/// number stands for, and NaN where nothing says what is missing, end the run.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) for complex elements, and for floats that would be stored with fewer digits.
#[track_caller]
pub(in crate::array) fn encode(x: &Expr, packing: &Packing, dtype: DType) -> Result<Expr> {
    let stored = packing.stored(dtype);
    if x.dtype.is_complex() || dtype.is_complex() {
        return Err(Error::dtype("pack", format!("CF conventions say nothing of {} elements", x.dtype)));
    }
    if !packing.is_packed() && promote(x.dtype, stored) == stored && (x.dtype.is_integer() || x.dtype == DType::Bool) {
        return build::cast(&build::cast(x, stored)?, dtype);
    }
    if !packing.is_packed() && stored.is_inexact() && promote(x.dtype, stored) != stored {
        return Err(Error::dtype("pack", format!("{} is not stored as {stored} without losing digits", x.dtype)));
    }
    let fill = packing.missing.iter().find_map(|m| constant(as_read(*m, dtype, stored), stored));
    let wide = build::cast(x, if stored.is_inexact() && !packing.is_packed() { stored } else { DType::F64 })?;
    let (scale, offset) = (packing.scale.map(|n| n.value), packing.offset.map(|n| n.value));
    let code = build::compose_typed("pack", &[Arg::Array(wide.clone())], &[None], |p, v| {
        let mut code = v[0];
        for (op, by) in [(ElementOp::Subtract, offset), (ElementOp::Divide, scale)] {
            let Some(by) = by else { continue };
            let by = p.constant(by, DType::F64);
            code = p.op(op, &[code, by])?;
        }
        if stored.is_integer() && packing.is_packed() { p.op(ElementOp::Rint, &[code]) } else { Ok(code) }
    })?;
    let code = if stored.is_integer() { checked(&code, stored, fill)? } else { code };
    let code_dtype = wide.dtype;
    build::compose_typed("pack", &[Arg::Array(code)], &[None], |p, v| {
        let mut code = v[0];
        if let Some(fill) = fill {
            let missing = p.op(ElementOp::Isnan, &[code])?;
            let fill = p.constant(fill, code_dtype);
            code = p.select(missing, fill, code);
        }
        if stored.is_integer() && stored != DType::U64 {
            code = p.cast(code, DType::I64);
        }
        let code = p.cast(code, stored);
        Ok(p.cast(code, dtype))
    })
}

/// The same numbers, all of which are whole ones of type `stored` and not the one that stands for what is missing, or
/// NaN where there is one; others end the run.
fn checked(code: &Expr, stored: DType, fill: Option<Scalar>) -> Result<Expr> {
    let signed = stored.kind() == Kind::Signed;
    let bits = i32::try_from(8 * stored.size()).unwrap_or(64) - i32::from(signed);
    let (low, end) = (if signed { -(2f64.powi(bits)) } else { 0.0 }, 2f64.powi(bits));
    let valid = build::compose_typed("pack", &[Arg::Array(code.clone())], &[None], |p, v| {
        let (low, end) = (p.constant(low, DType::F64), p.constant(end, DType::F64));
        let whole = p.op(ElementOp::Rint, &[v[0]])?;
        let parts = [
            p.op(ElementOp::GreaterEqual, &[v[0], low])?,
            p.op(ElementOp::Less, &[v[0], end])?,
            p.op(ElementOp::Equal, &[v[0], whole])?,
        ];
        let mut all = p.op(ElementOp::LogicalAnd, &[parts[0], parts[1]])?;
        all = p.op(ElementOp::LogicalAnd, &[all, parts[2]])?;
        let Some(fill) = fill else { return Ok(all) };
        let fill = p.constant(fill, DType::F64);
        let another = p.op(ElementOp::NotEqual, &[v[0], fill])?;
        let missing = p.op(ElementOp::Isnan, &[v[0]])?;
        all = p.op(ElementOp::LogicalAnd, &[all, another])?;
        p.op(ElementOp::LogicalOr, &[all, missing])
    })?;
    where_all(code, &valid, "pack", "a value is none that the numbers of the stored array can stand for")
}

/// `x` as integers that stand for values between `low` and `high`, evenly spaced, and NaN; and the attributes that say
/// so, beside those of `x`.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) unless `dtype` is an integer of at most 32 bits and `x` real;
/// [`Argument`](crate::ErrorKind::Argument) for ends that are no range. Values outside it end the run.
#[track_caller]
pub fn pack(x: &Expr, dtype: DType, low: f64, high: f64) -> Result<(Expr, Attributes)> {
    if !dtype.is_integer() || dtype.size() > 4 || x.dtype.is_complex() {
        return Err(Error::dtype("pack", format!("{} is not packed into {dtype}", x.dtype)));
    }
    if !(low.is_finite() && high.is_finite() && low < high && (high - low).is_finite()) {
        return Err(Error::argument("pack", format!("there is no range from {low} to {high}")));
    }
    let codes = f64::from(2u32.pow(8 * u32::try_from(dtype.size()).unwrap_or(4) - 1)) * 2.0;
    let signed = dtype.kind() == Kind::Signed;
    // One number is for what is missing: the least where there is a sign, the greatest where there is none.
    let scale = (high - low) / (codes - 2.0);
    let (offset, fill) = if signed { (low / 2.0 + high / 2.0, -codes / 2.0) } else { (low, codes - 1.0) };
    let wide = build::cast(x, DType::F64)?;
    let inside = |op, end: f64| build::element(op, &[Arg::Array(wide.clone()), Arg::from(end)]);
    let outside = [inside(ElementOp::Less, low)?, inside(ElementOp::Greater, high)?];
    let outside = build::element(ElementOp::LogicalOr, &outside.map(Arg::Array))?;
    let valid = build::element(ElementOp::LogicalNot, &[Arg::Array(outside)])?;
    let checked = where_all(&wide, &valid, "pack", "a value lies outside the range that it is packed into")?;
    let packed = build::compose_typed("pack", &[Arg::Array(checked)], &[None], |p, v| {
        let (offset, scale) = (p.constant(offset, DType::F64), p.constant(scale, DType::F64));
        let moved = p.op(ElementOp::Subtract, &[v[0], offset])?;
        let scaled = p.op(ElementOp::Divide, &[moved, scale])?;
        let code = p.op(ElementOp::Rint, &[scaled])?;
        let missing = p.op(ElementOp::Isnan, &[v[0]])?;
        let fill = p.constant(fill, DType::F64);
        let code = p.select(missing, fill, code);
        let code = p.cast(code, DType::I64);
        Ok(p.cast(code, dtype))
    })?;
    let mut attributes = attributes(x).unwrap_or_default();
    attributes.retain(|key, _| !PACKING.contains(&key.as_str()));
    attributes.insert("scale_factor".to_owned(), scale.into());
    attributes.insert("add_offset".to_owned(), offset.into());
    #[expect(clippy::cast_possible_truncation, reason = "a whole number of at most 32 bits")]
    attributes.insert("_FillValue".to_owned(), (fill as i64).into());
    Ok((packed, attributes))
}

impl<T: Kinds> Array<T> {
    /// These values as integers of `dtype`, with `scale_factor`, `add_offset` and `_FillValue` chosen so that all of
    /// them between `low` and `high` are kept to half a step, and NaN as such; and the attributes to store them with. A
    /// value outside the range ends the run.
    ///
    /// ```
    /// # use hyperslab::{Context, dtype::DType, store::Create};
    /// # let cx = Context::default();
    /// # let path = std::env::temp_dir().join(format!("packed-{}.zarr", std::process::id()));
    /// let t2m = cx.open("data/era5_surface_v3.zarr/t2m")?;
    /// let (packed, attributes) = t2m.packed(DType::I16, 150.0, 350.0)?;
    /// cx.compute(packed.store(path.join("t2m"), Create { attributes, ..Create::new() }))?;
    /// let error = (cx.open_decoded(path.join("t2m"))? - &t2m).abs().max(..);
    /// assert!(cx.compute(error)?.to_ndarray::<f64>()?[[]] < 0.002);
    /// # std::fs::remove_dir_all(path).unwrap();
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`pack`].
    #[track_caller]
    pub fn packed(&self, dtype: DType, low: f64, high: f64) -> Result<(Array, Attributes)> {
        let (packed, attributes) = pack(self.expr(), dtype, low, high)?;
        Ok((Array::of(packed), attributes))
    }
}
