//! NumPy's broadcasting of shapes that may hold unknown dimensions.

use super::{Dim, Shape, fits_memory};
use crate::error::{Error, Result};

/// The shape of an elementwise operation over arrays of these shapes: aligned at the end, axes of length 1 stretched.
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) when two lengths differ and neither is 1, or are unknown and not the same, or
/// when the result has more elements than can be counted.
pub fn broadcast(op: &str, shapes: &[&Shape]) -> Result<Shape> {
    let rank = shapes.iter().map(|s| s.rank()).max().unwrap_or(0);
    let mut out = vec![Dim::Known(1); rank];
    for shape in shapes {
        for (have, &new) in out[rank - shape.rank()..].iter_mut().zip(shape.dims()) {
            *have = one(*have, new).ok_or_else(|| refuse(op, shapes))?;
        }
    }
    let out = Shape::from(out);
    fits_memory(op, &out.max())?;
    Ok(out)
}

fn one(a: Dim, b: Dim) -> Option<Dim> {
    match (a, b) {
        (a, Dim::Known(1)) => Some(a),
        (Dim::Known(1), b) => Some(b),
        (a, b) if a == b => Some(a),
        _ => None,
    }
}

fn refuse(op: &str, shapes: &[&Shape]) -> Error {
    let list: Vec<String> = shapes.iter().map(ToString::to_string).collect();
    Error::shape(op, format!("shapes {} do not broadcast", list.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_lengths_align_by_identity_only() {
        let (a, b) = (Dim::Unknown { id: 1, max: 9 }, Dim::Unknown { id: 2, max: 9 });
        let row = |d: Dim| Shape::from(vec![d]);
        assert_eq!(broadcast("add", &[&row(a), &row(a)]).unwrap(), row(a));
        assert_eq!(broadcast("add", &[&row(a), &Shape::from([1])]).unwrap(), row(a));
        let err = broadcast("add", &[&row(a), &row(b)]).unwrap_err();
        assert_eq!(err.to_string(), "add: shapes (?≤9,) and (?≤9,) do not broadcast");
    }
}
