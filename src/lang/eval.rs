//! Walks the tree: statements in order, expressions inside out, errors with their place.

use super::ast::{Argument, BinaryOp, BoolOp, CompareOp, Expr, ExprKind, Index, Program, Span, Statement, Target};
use super::attribute::{Missing, attribute, of_random};
use super::call::{Given, bind};
use super::value::{Callable, Generator, Parts, Value};
use super::{deferred, functions, grids, index, names, operators, parse, syntax};
use crate::array::Array;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Expr as Lazy, Site};
use num_complex::Complex64;
use std::collections::BTreeMap;

/// The longest program, in statements: each may deepen the graph of what is computed.
const MAX_STATEMENTS: usize = 256;

/// Evaluates one program.
#[derive(Debug)]
pub(super) struct Evaluator<'a> {
    source: &'a str,
    inputs: &'a BTreeMap<String, Array>,
    assigned: BTreeMap<&'a str, Value>,
    /// That of the functions of the module `random`.
    generator: Generator,
}

impl<'a> Evaluator<'a> {
    /// An evaluator of `source`, which is needed for the places of errors.
    pub(super) fn new(source: &'a str, inputs: &'a BTreeMap<String, Array>) -> Self {
        Self { source, inputs, assigned: BTreeMap::new(), generator: Generator::new(0) }
    }

    /// The arrays of the last statement.
    pub(super) fn run(mut self, program: &'a Program) -> Result<Vec<Array>> {
        if let Some(statement) = program.statements.get(MAX_STATEMENTS) {
            return Err(self.syntax(statement.span.start, format!("more than {MAX_STATEMENTS} statements")));
        }
        let mut last = (Value::None, 0);
        for statement in &program.statements {
            last = (self.statement(statement)?, statement.value.span.start);
        }
        let (value, start) = last;
        let arrays = match &value {
            Value::Tuple(items) if value.holds_array() => items.iter().map(Value::to_array).collect(),
            Value::Array(_) | Value::Scalar(_) | Value::Tuple(_) | Value::List(_) => value.to_array().map(|a| vec![a]),
            Value::Parts(parts) if matches!(**parts, Parts::Masked(_)) => value.to_array().map(|a| vec![a]),
            other => return Err(self.syntax(start, format!("the result is {}, not an array", other.describe()))),
        };
        arrays.map_err(|e| self.at(start, e))
    }

    fn syntax(&self, offset: usize, why: impl Into<String>) -> Error {
        syntax(self.source, offset, why)
    }

    /// The error with its place, unless it has one.
    fn at(&self, offset: usize, error: Error) -> Error {
        let placed = error.frames().iter().any(|f| f.starts_with("at column") || f.starts_with("at line"));
        if placed || matches!(error.kind(), ErrorKind::Syntax { .. }) {
            return error;
        }
        error.at(format!("at {}", parse::place(self.source, offset)))
    }

    /// The first offset from `offset` on that is not white space: where an operator stands after its left operand.
    fn skip_space(&self, offset: usize) -> usize {
        let rest = self.source.get(offset..).unwrap_or_default();
        offset + (rest.len() - rest.trim_start().len())
    }

    fn statement(&mut self, statement: &'a Statement) -> Result<Value> {
        let value = self.expr(&statement.value)?;
        match &statement.target {
            None => {}
            Some(Target::Name(name, _)) => {
                self.assigned.insert(name, value.clone());
            }
            Some(Target::Tuple(names)) => {
                let start = statement.value.span.start;
                let items = value.to_sequence().map_err(|e| self.at(start, e))?;
                if items.len() != names.len() {
                    let why = format!("{} values for {} names", items.len(), names.len());
                    return Err(self.syntax(statement.span.start, why));
                }
                self.assigned.extend(names.iter().map(|(name, _)| name.as_str()).zip(items));
            }
            Some(Target::Item { name, subscript }) => {
                let changed = self.assign(subscript, &value)?;
                self.assigned.insert(name, changed.clone());
                return Ok(changed);
            }
        }
        Ok(value)
    }

    /// The value of an expression; what it builds knows where in the text it stands.
    fn expr(&self, expr: &'a Expr) -> Result<Value> {
        let value = self.value(expr)?;
        let at = match &expr.kind {
            ExprKind::Unary { .. } => expr.span.start,
            ExprKind::Binary { left, .. } => self.skip_space(left.span.end),
            ExprKind::Compare { first, .. } => self.skip_space(first.span.end),
            ExprKind::Subscript { value, .. } => self.skip_space(value.span.end),
            ExprKind::Attribute { name_span, .. } => name_span.start,
            ExprKind::Call { function, .. } => called_at(function),
            _ => return Ok(value),
        };
        Ok(self.placed(value, at))
    }

    /// The value, whose new arrays were built at this offset.
    fn placed(&self, value: Value, offset: usize) -> Value {
        match value {
            Value::Array(array) => {
                let site = Site::Text(parse::place(self.source, offset).into());
                let known = |e: &Lazy| self.inputs.values().any(|input| input.expr().id() == e.id());
                Value::Array(Array::from_expr(array.expr().placed(&site, &known)))
            }
            Value::Tuple(items) => Value::Tuple(items.into_iter().map(|item| self.placed(item, offset)).collect()),
            Value::List(items) => Value::List(items.into_iter().map(|item| self.placed(item, offset)).collect()),
            other => other,
        }
    }

    fn value(&self, expr: &'a Expr) -> Result<Value> {
        let start = expr.span.start;
        match &expr.kind {
            ExprKind::Int(v) => Ok(Value::Scalar(Scalar::Int(*v))),
            ExprKind::Float(v) => Ok(Value::Scalar(Scalar::Float(*v))),
            ExprKind::Imaginary(v) => Ok(Value::Scalar(Scalar::Complex(Complex64::new(0.0, *v)))),
            ExprKind::Bool(v) => Ok(Value::bool(*v)),
            ExprKind::Str(text) => Ok(Value::Str(text.clone())),
            ExprKind::None => Ok(Value::None),
            ExprKind::Ellipsis => Ok(Value::Ellipsis),
            ExprKind::Name(name) => self.name(name, start),
            ExprKind::Unary { op, operand } => {
                let operand = self.expr(operand)?;
                operators::unary(*op, &operand).map_err(|e| self.at(start, e))
            }
            ExprKind::Binary { op, left, right } => self.binary(*op, left, right),
            ExprKind::Compare { first, rest } => self.compare(first, rest),
            ExprKind::BoolOp { op, values } => self.bool_op(*op, values),
            ExprKind::Not(operand) => Ok(Value::bool(!self.truth(operand)?)),
            ExprKind::IfElse { then, condition, otherwise } => {
                if self.truth(condition)? {
                    self.expr(then)
                } else {
                    self.expr(otherwise)
                }
            }
            ExprKind::Call { function, args } => self.call(function, args),
            ExprKind::Attribute { value, name, name_span } => self.attribute(value, name, *name_span),
            ExprKind::Subscript { value, index, tuple } => self.subscript(value, index, *tuple),
            ExprKind::List(items) => Ok(Value::List(self.all(items)?)),
            ExprKind::Tuple(items) => Ok(Value::Tuple(self.all(items)?)),
            ExprKind::Dict(entries) => {
                let entry = |(key, value): &'a (Expr, Expr)| Ok((self.expr(key)?, self.expr(value)?));
                Ok(Value::Dict(entries.iter().map(entry).collect::<Result<_>>()?))
            }
        }
    }

    fn all(&self, items: &'a [Expr]) -> Result<Vec<Value>> {
        items.iter().map(|item| self.expr(item)).collect()
    }

    fn truth(&self, expr: &'a Expr) -> Result<bool> {
        self.expr(expr)?.truth().map_err(|e| self.at(expr.span.start, e))
    }

    fn name(&self, name: &str, start: usize) -> Result<Value> {
        if let Some(value) = self.assigned.get(name) {
            return Ok(value.clone());
        }
        if let Some(array) = self.inputs.get(name) {
            return Ok(Value::Array(array.clone()));
        }
        names::builtin(name).ok_or_else(|| {
            let near = self.inputs.keys().map(String::as_str).chain(self.assigned.keys().copied());
            self.missing(name, near, start)
        })
    }

    fn missing<'n>(&'n self, name: &'n str, near: impl Iterator<Item = &'n str>, start: usize) -> Error {
        match names::missing(name, near) {
            (true, why) => self.at(start, Error::unsupported(why)),
            (false, why) => self.syntax(start, why),
        }
    }

    fn binary(&self, op: BinaryOp, left: &'a Expr, right: &'a Expr) -> Result<Value> {
        let at = left.span.end;
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        operators::binary(op, &left, &right).map_err(|e| self.at(self.skip_space(at), e))
    }

    /// A comparison, or a chain of them: `a < b < c` is `a < b and b < c`.
    fn compare(&self, first: &'a Expr, rest: &'a [(CompareOp, Expr)]) -> Result<Value> {
        let mut end = first.span.end;
        let mut left = self.expr(first)?;
        let mut result = Value::None;
        for (i, (op, operand)) in rest.iter().enumerate() {
            let right = self.expr(operand)?;
            let at = self.skip_space(end);
            result = operators::compare(*op, &left, &right).map_err(|e| self.at(at, e))?;
            let more = i + 1 < rest.len();
            if more && !result.truth().map_err(|e| self.at(at, e))? {
                break;
            }
            end = operand.span.end;
            left = right;
        }
        Ok(result)
    }

    fn bool_op(&self, op: BoolOp, values: &'a [Expr]) -> Result<Value> {
        let mut result = Value::None;
        for (i, operand) in values.iter().enumerate() {
            result = self.expr(operand)?;
            if i + 1 == values.len() {
                break;
            }
            let truth = result.truth().map_err(|e| self.at(operand.span.start, e))?;
            if truth == (op == BoolOp::Or) {
                break;
            }
        }
        Ok(result)
    }

    fn attribute(&self, value: &'a Expr, name: &str, span: Span) -> Result<Value> {
        let value = self.expr(value)?;
        if let Value::Module(prefix) = value {
            let drawn = if prefix == "random" { of_random(&self.generator, name) } else { None };
            return drawn.or_else(|| names::member(prefix, name)).ok_or_else(|| {
                let full = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
                self.missing(&full, std::iter::empty(), span.start)
            });
        }
        attribute(&value, name).map_err(|missing| match missing {
            Missing::Unknown(why) => self.syntax(span.start, why),
            Missing::Later(why) => self.at(span.start, Error::unsupported(why)),
            Missing::Failed(error) => self.at(span.start, error),
        })
    }

    fn subscript(&self, value: &'a Expr, items: &'a [Index], tuple: bool) -> Result<Value> {
        let at = value.span.end;
        let value = self.expr(value)?;
        if let Value::Grid(name) = value {
            let parts = items.iter().map(|item| self.grid_part(item)).collect::<Result<Vec<_>>>()?;
            return grids::subscript(name, &parts, tuple).map_err(|e| self.at(self.skip_space(at), e));
        }
        let items = items.iter().map(|item| self.index_item(item)).collect::<Result<Vec<_>>>()?;
        let all: Vec<Value> = std::iter::once(value).chain(items).collect();
        let run = move |all: &[Value]| index::subscript(&all[0], &all[1..], tuple);
        deferred::run("index", &all, run).map_err(|e| self.at(self.skip_space(at), e))
    }

    fn grid_part(&self, item: &'a Index) -> Result<grids::Part> {
        let bound = |expr: &'a Option<Box<Expr>>| expr.as_ref().map_or(Ok(Value::None), |expr| self.expr(expr));
        Ok(match item {
            Index::Expr(expr) => grids::Part::Value(self.expr(expr)?),
            Index::Slice { start, stop, step } => grids::Part::Slice([bound(start)?, bound(stop)?, bound(step)?]),
        })
    }

    /// `subscript = value`: what is indexed, with these values there.
    fn assign(&self, subscript: &'a Expr, value: &Value) -> Result<Value> {
        let ExprKind::Subscript { value: array, index: items, tuple } = &subscript.kind else {
            return Err(self.syntax(subscript.span.start, "is no subscript"));
        };
        let (at, tuple) = (self.skip_space(array.span.end), *tuple);
        let array = self.expr(array)?;
        let items = items.iter().map(|item| self.index_item(item)).collect::<Result<Vec<_>>>()?;
        let all: Vec<Value> = [array, value.clone()].into_iter().chain(items).collect();
        let run = move |all: &[Value]| index::assign(&all[0], &all[1], &all[2..], tuple);
        let changed = deferred::run("setitem", &all, run).map_err(|e| self.at(at, e))?;
        Ok(self.placed(changed, at))
    }

    fn index_item(&self, item: &'a Index) -> Result<Value> {
        let part = |expr: &'a Option<Box<Expr>>| -> Result<Option<i128>> {
            let Some(expr) = expr else { return Ok(None) };
            match self.expr(expr)? {
                Value::None => Ok(None),
                value => match value.as_integer() {
                    Some(v) => Ok(Some(v)),
                    None => {
                        Err(self.syntax(expr.span.start, format!("a slice needs integers, not {}", value.describe())))
                    }
                },
            }
        };
        match item {
            Index::Expr(expr) => self.expr(expr),
            Index::Slice { start, stop, step } => Ok(Value::Slice([part(start)?, part(stop)?, part(step)?])),
        }
    }

    fn call(&self, function: &'a Expr, args: &'a [Argument]) -> Result<Value> {
        let start = called_at(function);
        let mut given = Vec::with_capacity(args.len() + 1);
        let callee = match self.expr(function)? {
            Value::Callable(callable) => callable,
            Value::Method(receiver, callable) => {
                let column = parse::column(self.source, start);
                given.push(Given { keyword: None, column, value: *receiver });
                callable
            }
            Value::Type { dtype, python, time: None } => {
                let args = self.given(args)?;
                return self.convert(dtype, python, &args, start);
            }
            other => return Err(self.syntax(start, format!("{} cannot be called", other.describe()))),
        };
        given.extend(self.given(args)?);
        self.invoke(callee, given, start)
    }

    fn given(&self, args: &'a [Argument]) -> Result<Vec<Given>> {
        args.iter()
            .map(|argument| {
                let (keyword, offset) = match &argument.name {
                    Some((name, span)) => (Some(name.clone()), span.start),
                    None => (None, argument.value.span.start),
                };
                let column = parse::column(self.source, offset);
                Ok(Given { keyword, column, value: self.expr(&argument.value)? })
            })
            .collect()
    }

    fn invoke(&self, callee: Callable, given: Vec<Given>, start: usize) -> Result<Value> {
        let column = parse::column(self.source, start);
        let line = parse::line(self.source, start);
        let call = bind(callee.name(), functions::parameters(callee), given, column).map_err(|e| match line {
            Some(line) => e.at(format!("line {line}")),
            None => e,
        })?;
        let named = call.named.iter().map(|(_, v)| v);
        let all: Vec<Value> = call.bound.iter().map(|(_, v)| v).chain(&call.rest).chain(named).cloned().collect();
        let run = move |all: &[Value]| functions::run(callee, &call.with_values(all));
        deferred::run(callee.name(), &all, run).map_err(|e| self.at(start, e))
    }

    /// A call of an element type: `float32(x)`, or Python's `float(2)`.
    fn convert(&self, dtype: DType, python: bool, args: &[Given], start: usize) -> Result<Value> {
        let fail = |why: String| Err(self.syntax(start, why));
        let [Given { keyword: None, value, .. }] = args else {
            return fail(format!("{dtype} takes one value"));
        };
        if !python {
            return operators::cast(value, dtype).map(Value::Array).map_err(|e| self.at(start, e));
        }
        let Value::Scalar(scalar) = value else {
            let error = match value {
                Value::Array(_) => Error::unsupported(format!(
                    "an array is not computed yet, so it cannot become a Python number; use .astype({dtype})"
                )),
                other => Error::argument("conversion", format!("{} is not a number", other.describe())),
            };
            return Err(self.at(start, error));
        };
        Ok(Value::Scalar(match dtype {
            DType::Bool => Scalar::Bool(scalar.to_bool()),
            DType::C128 => Scalar::Complex(scalar.to_c64()),
            _ if matches!(scalar, Scalar::Complex(_)) => return fail("a complex number has no real value".to_owned()),
            DType::I64 if !scalar.to_f64().is_finite() => return fail(format!("{scalar} is no integer")),
            DType::I64 => Scalar::Int(scalar.to_i128()),
            _ => Scalar::Float(scalar.to_f64()),
        }))
    }
}

/// Where a call stands: at the name of what is called.
fn called_at(function: &Expr) -> usize {
    match &function.kind {
        ExprKind::Attribute { name_span, .. } => name_span.start,
        _ => function.span.start,
    }
}
