//! Weights that fall off towards both ends, and bits of bytes.

use super::super::value::{Call, Function, Value};
use super::row;
use crate::array::bits::{packbits, unpackbits};
use crate::array::tapers::Taper;
use crate::error::Result;

pub(super) static TABLE: &[Function] = &[
    row("bartlett", "M", |call| weights(call, Taper::Bartlett)),
    row("blackman", "M", |call| weights(call, Taper::Blackman)),
    row("hamming", "M", |call| weights(call, Taper::Hamming)),
    row("hanning", "M", |call| weights(call, Taper::Hanning)),
    row("kaiser", "M, beta", |call| weights(call, Taper::Kaiser(call.real("beta", 0.0)?))),
    row("packbits", "a, /, axis=None, bitorder='big'", |call| {
        let x = call.array("a")?;
        Ok(packbits(x.expr(), call.axis("axis", x.ndim())?, little(call)?)?.into())
    }),
    row("unpackbits", "a, /, axis=None, count=None, bitorder='big'", |call| {
        let x = call.array("a")?;
        Ok(unpackbits(x.expr(), call.axis("axis", x.ndim())?, call.integer("count")?, little(call)?)?.into())
    }),
];

/// As many as asked for; none where that is less.
fn weights(call: &Call, taper: Taper) -> Result<Value> {
    let Some(n) = call.integer("M")? else { return call.refuse("`M` must be an integer") };
    Ok(taper.weights(usize::try_from(n).unwrap_or(0))?.into())
}

fn little(call: &Call) -> Result<bool> {
    match call.text("bitorder", "big")? {
        "big" => Ok(false),
        "little" => Ok(true),
        other => call.refuse(format!("`bitorder` is big or little, not {other}")),
    }
}
