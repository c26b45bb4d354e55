//! The method `outer` of universal functions: every element of one array with every element of another.

use super::super::operators::element;
use super::super::value::{Call, Function, Value};
use super::row;
use crate::error::Result;
use crate::expr::build;
use crate::op::elementwise::{ElementOp, elementwise_table};
use crate::shape::slice::Item;

/// One row for each operation; those of one argument refuse, as NumPy's do.
macro_rules! rows {
    ($($(#[doc = $doc:literal])+ $Op:ident, $name:ident, $typing:ident, $args:tt, $domain:expr, $agree:ident $(($ulp:literal))? {
        $($class:ident => $out:ident: $e:expr, $cuda:literal;)*
    })*) => {
        pub(super) static TABLE: &[Function] = &[$(
            row(concat!(stringify!($name), ".outer"), "A, B, /", |call| outer(ElementOp::$Op, call)),
        )*];
    };
}
elementwise_table!(rows);

fn outer(op: ElementOp, call: &Call) -> Result<Value> {
    if op.arity() != 2 {
        return call.refuse(format!("{} takes one argument", op.name()));
    }
    let (a, b) = (call.array("A")?, call.array("B")?);
    let mut items = vec![Item::Ellipsis];
    items.resize(b.ndim() + 1, Item::NewAxis);
    element(op, &[&build::index(a.expr(), &items)?.into(), &b.into()])
}
