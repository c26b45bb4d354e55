//! Calls with arrays whose lengths depend on data: what cannot be built yet is built when they are known.

use super::value::Value;
use crate::array::Array;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::pending::{Outline, likely, pending};
use crate::expr::{Expr, Resume};
use std::sync::Arc;

/// What `run` makes of `values`; where that needs lengths which are not known yet, arrays that wait for them.
///
/// # Errors
/// Those of `run`.
pub(super) fn run(
    name: &str,
    values: &[Value],
    run: impl Fn(&[Value]) -> Result<Value> + Send + Sync + 'static,
) -> Result<Value> {
    let refused = match run(values) {
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported { .. }) => error,
        done => return done,
    };
    let mut inputs: Vec<Expr> = Vec::new();
    for value in values {
        collect(value, &mut inputs);
    }
    if inputs.iter().all(|e| e.shape.is_known()) {
        return Err(refused);
    }
    let (old, values) = (inputs.clone(), values.to_vec());
    let body = Arc::new(move |new: &[Expr]| {
        let values: Vec<Value> = values.iter().map(|v| replaced(v, &old, new)).collect();
        run(&values)
    });
    // How many arrays come, and in what, shows when it is tried.
    let mut form = None;
    let tried = likely(&inputs, |stand_ins| {
        let value = body(stand_ins)?;
        let arrays = arrays(&value)?;
        form.get_or_insert(value);
        Ok(arrays)
    })?;
    let one = |i: usize, known: &Outline| {
        let body = Arc::clone(&body);
        let resume = Resume::new(name, move |_, inputs| {
            arrays(&body(inputs)?)?.into_iter().nth(i).ok_or_else(|| Error::bug("as many arrays as were tried"))
        });
        Value::from(pending(&inputs, &[], known.clone(), resume))
    };
    let waiting = tried.iter().enumerate().map(|(i, known)| one(i, known)).collect::<Vec<_>>();
    match form {
        Some(Value::Tuple(_)) => Ok(Value::Tuple(waiting)),
        Some(Value::List(_)) => Ok(Value::List(waiting)),
        _ => waiting.into_iter().next().ok_or(refused),
    }
}

/// The arrays in `value`, each once.
fn collect(value: &Value, out: &mut Vec<Expr>) {
    match value {
        Value::Array(a) if out.iter().all(|e| e.id() != a.expr().id()) => {
            out.push(a.expr().clone());
        }
        Value::Method(receiver, _) => collect(receiver, out),
        other => other.items().unwrap_or_default().iter().for_each(|v| collect(v, out)),
    }
}

/// `value` with the arrays `new` in the place of `old`.
fn replaced(value: &Value, old: &[Expr], new: &[Expr]) -> Value {
    let all = |items: &[Value]| items.iter().map(|v| replaced(v, old, new)).collect();
    match value {
        Value::Array(a) => match old.iter().position(|e| e.id() == a.expr().id()) {
            Some(i) => Value::Array(Array::from_expr(new[i].clone())),
            None => value.clone(),
        },
        Value::Tuple(items) => Value::Tuple(all(items)),
        Value::List(items) => Value::List(all(items)),
        Value::Method(receiver, callee) => Value::Method(Box::new(replaced(receiver, old, new)), *callee),
        other => other.clone(),
    }
}

/// The arrays that a call gave.
fn arrays(value: &Value) -> Result<Vec<Expr>> {
    match value {
        Value::Array(a) => Ok(vec![a.expr().clone()]),
        Value::Tuple(items) | Value::List(items) => items.iter().map(|v| Ok(v.to_array()?.expr().clone())).collect(),
        other => Err(Error::unsupported(format!("{} of a length that is not known yet", other.describe()))),
    }
}
