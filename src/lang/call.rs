//! Calls: signatures as NumPy writes them, arguments bound to parameters, and what functions ask of them.

use super::nearest::suggestion;
use super::value::{Call, Value};
use crate::array::Array;
use crate::array::creation::chunk_lengths;
use crate::chunk::AUTO;
use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::error::{Error, ErrorKind, Result};
use crate::shape::axes::Axes;

/// An argument as it stands in the source.
#[derive(Debug)]
pub(super) struct Given {
    /// The keyword, where there is one.
    pub(super) keyword: Option<String>,
    /// Where the keyword or the value stands.
    pub(super) column: usize,
    /// The value.
    pub(super) value: Value,
}

#[derive(Debug, Clone, Copy)]
struct Param {
    name: &'static str,
    required: bool,
    offered: bool,
    positional: bool,
    keyword: bool,
    rest: bool,
    /// Whether it takes all keywords that are left.
    names: bool,
}

impl Param {
    /// Whether a keyword means it; `dim` is how xarray calls an axis.
    fn is_called(self, keyword: &str) -> bool {
        self.name == keyword || self.name == "axis" && keyword == "dim"
    }
}

fn parameters(text: &'static str) -> Vec<Param> {
    let mut out: Vec<Param> = Vec::new();
    let mut positional = true;
    for word in text.split(", ").filter(|w| !w.is_empty()) {
        match word {
            "/" => out.iter_mut().for_each(|p| p.keyword = false),
            "*" => positional = false,
            _ => {
                let (rest, names) = (word.starts_with('*'), word.starts_with("**"));
                let bare = word.trim_start_matches(['*', '!']);
                let name = bare.split('=').next().unwrap_or(bare);
                let offered = !word.starts_with('!');
                let required = !bare.contains('=') && offered && !rest;
                out.push(Param { name, required, offered, positional, keyword: !rest, rest: rest && !names, names });
                positional = positional && !rest && !names;
            }
        }
    }
    out
}

/// Binds `given` to the parameters `params` of the function called `name` at `column`.
///
/// # Errors
/// [`Syntax`](ErrorKind::Syntax) for arguments that are missing, unknown, too many or given twice;
/// [`Unsupported`](ErrorKind::Unsupported) for those that are not offered yet.
pub(super) fn bind(name: &'static str, params: &'static str, given: Vec<Given>, column: usize) -> Result<Call> {
    let params = parameters(params);
    let mut call = Call { name, bound: Vec::new(), rest: Vec::new(), named: Vec::new() };
    let any = params.iter().any(|p| p.names);
    let positional: Vec<Param> = params.iter().copied().filter(|p| p.positional && !p.rest && !p.names).collect();
    let mut next = 0;
    for argument in given {
        let fail = |why: String| Err(ErrorKind::Syntax { column: argument.column, why }.into());
        let param = match &argument.keyword {
            None => match positional.get(next) {
                Some(param) => *param,
                None if params.iter().any(|p| p.rest) => {
                    call.rest.push(argument.value);
                    continue;
                }
                None => {
                    let most = plural(positional.len());
                    return fail(format!("`{name}` takes at most {most}"));
                }
            },
            Some(keyword) => match params.iter().find(|p| p.keyword && p.is_called(keyword)) {
                Some(param) => *param,
                None if any => {
                    call.named.push((keyword.clone(), argument.value));
                    continue;
                }
                None => return fail(unknown(name, keyword, &params)),
            },
        };
        next += usize::from(argument.keyword.is_none());
        if call.bound.iter().any(|(n, _)| *n == param.name) {
            return fail(format!("`{name}` is given `{}` twice", param.name));
        }
        if !param.offered && !matches!(argument.value, Value::None) {
            let what = format!("`{}` of `{name}` is not offered yet", param.name);
            return Err(Error::unsupported(what).at(format!("at column {}", argument.column)));
        }
        call.bound.push((param.name, argument.value));
    }
    match params.iter().find(|p| p.required && !call.bound.iter().any(|(n, _)| *n == p.name)) {
        Some(missing) => {
            let why = format!("`{name}` needs `{}`", missing.name);
            Err(ErrorKind::Syntax { column, why }.into())
        }
        None => Ok(call),
    }
}

fn plural(n: usize) -> String {
    match n {
        0 => "no argument".to_owned(),
        1 => "1 argument".to_owned(),
        n => format!("{n} arguments"),
    }
}

fn unknown(name: &str, keyword: &str, params: &[Param]) -> String {
    let names: Vec<&str> = params.iter().filter(|p| p.keyword && p.offered).map(|p| p.name).collect();
    let hint = match (suggestion(keyword, names.iter().copied()), names.as_slice()) {
        (Some(near), _) => format!("; did you mean `{near}`?"),
        (None, []) => String::new(),
        (None, names) => format!("; it has {}", names.join(", ")),
    };
    format!("`{name}` has no argument `{keyword}`{hint}")
}

impl Call {
    /// The same call with these values: those of the parameters, those that `*args` took, those of other keywords.
    pub(super) fn with_values(&self, values: &[Value]) -> Self {
        let (bound, rest) = values.split_at(self.bound.len());
        let (rest, named) = rest.split_at(self.rest.len());
        let named = self.named.iter().zip(named).map(|((name, _), value)| (name.clone(), value.clone())).collect();
        let bound = self.bound.iter().zip(bound).map(|((name, _), value)| (*name, value.clone())).collect();
        Self { name: self.name, bound, rest: rest.to_vec(), named }
    }

    /// An error about an argument.
    pub(super) fn refuse<T>(&self, why: impl Into<String>) -> Result<T> {
        Err(Error::argument(self.name, why))
    }

    fn refuse_value<T>(&self, param: &str, want: &str, value: &Value) -> Result<T> {
        self.refuse(format!("`{param}` must be {want}, not {}", value.describe()))
    }

    /// The function's name.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// The argument, where it was given and is not `None`.
    pub(super) fn given(&self, param: &str) -> Option<&Value> {
        self.value(param).filter(|v| !matches!(v, Value::None))
    }

    /// The argument, where it was given.
    pub(super) fn value(&self, param: &str) -> Option<&Value> {
        self.bound.iter().find(|(name, _)| *name == param).map(|(_, value)| value)
    }

    /// The argument of a parameter without a default.
    pub(super) fn required(&self, param: &str) -> Result<&Value> {
        match self.value(param) {
            Some(value) => Ok(value),
            None => self.refuse(format!("needs `{param}`")),
        }
    }

    /// The arguments that `*args` took.
    pub(super) fn rest(&self) -> &[Value] {
        &self.rest
    }

    /// The keywords that `**names` took, with their values.
    pub(super) fn named(&self) -> &[(String, Value)] {
        &self.named
    }

    /// An argument as an array.
    pub(super) fn array(&self, param: &str) -> Result<Array> {
        self.required(param)?.to_array()
    }

    /// An argument as a list of arrays.
    pub(super) fn arrays(&self, param: &str) -> Result<Vec<Array>> {
        let value = self.required(param)?;
        match value.to_sequence() {
            Ok(items) => items.iter().map(Value::to_array).collect(),
            Err(_) if !matches!(value, Value::Array(_)) => self.refuse_value(param, "a sequence of arrays", value),
            Err(error) => Err(error),
        }
    }

    /// An argument as an integer.
    pub(super) fn integer(&self, param: &str) -> Result<Option<isize>> {
        let Some(value) = self.given(param) else { return Ok(None) };
        match value.as_integer().and_then(|v| isize::try_from(v).ok()) {
            Some(v) => Ok(Some(v)),
            None => self.refuse_value(param, "an integer", value),
        }
    }

    /// An argument as a number of things.
    pub(super) fn count(&self, param: &str) -> Result<Option<usize>> {
        match self.integer(param)? {
            None => Ok(None),
            Some(n) => match usize::try_from(n) {
                Ok(n) => Ok(Some(n)),
                Err(_) => self.refuse(format!("`{param}` cannot be negative")),
            },
        }
    }

    /// An argument as one integer or several.
    pub(super) fn integers(&self, param: &str) -> Result<Option<Vec<isize>>> {
        let Some(value) = self.given(param) else { return Ok(None) };
        let list = value.as_integers().map(|l| l.into_iter().map(isize::try_from).collect::<Result<Vec<_>, _>>());
        match list {
            Some(Ok(list)) => Ok(Some(list)),
            _ => self.refuse_value(param, "an integer or a tuple of integers", value),
        }
    }

    /// An argument as a number.
    pub(super) fn scalar(&self, param: &str) -> Result<Option<Scalar>> {
        match self.given(param) {
            None => Ok(None),
            Some(Value::Scalar(scalar)) => Ok(Some(*scalar)),
            Some(other) => self.refuse_value(param, "a number", other),
        }
    }

    /// An argument as a real number.
    pub(super) fn real(&self, param: &str, default: f64) -> Result<f64> {
        match self.scalar(param)? {
            None => Ok(default),
            Some(Scalar::Complex(_)) => self.refuse(format!("`{param}` must be real")),
            Some(scalar) => Ok(scalar.to_f64()),
        }
    }

    /// An argument as a truth value.
    pub(super) fn flag(&self, param: &str, default: bool) -> Result<bool> {
        match self.given(param) {
            None => Ok(default),
            Some(value) => value.truth(),
        }
    }

    /// An argument as a string.
    pub(super) fn text(&self, param: &str, default: &'static str) -> Result<&str> {
        match self.given(param) {
            None => Ok(default),
            Some(Value::Str(text)) => Ok(text),
            Some(other) => self.refuse_value(param, "a string", other),
        }
    }

    /// An argument as an element type.
    pub(super) fn dtype(&self, param: &str) -> Result<Option<DType>> {
        self.given(param).map(Value::to_dtype).transpose()
    }

    /// An argument as one axis.
    pub(super) fn axis(&self, param: &str, rank: usize) -> Result<Option<usize>> {
        self.integer(param)?.map(|axis| crate::shape::axes::position(self.name, axis, rank)).transpose()
    }

    /// An argument as axes: an integer, a dimension's name, or a tuple of either; all where it is absent or `None`.
    pub(super) fn axes(&self, param: &str) -> Result<Axes> {
        let Some(value) = self.given(param) else { return Ok(Axes::All) };
        let name = |v: &Value| if let Value::Str(text) = v { Some(text.clone()) } else { None };
        let names: Option<Vec<String>> = match value {
            Value::Str(text) => Some(vec![text.clone()]),
            other => other.items().filter(|items| !items.is_empty()).and_then(|items| items.iter().map(name).collect()),
        };
        match names {
            Some(names) => Ok(Axes::Names(names)),
            None => Ok(Axes::Positions(self.integers(param)?.unwrap_or_default())),
        }
    }

    /// An argument as a shape.
    pub(super) fn shape(&self, param: &str) -> Result<Vec<usize>> {
        let list = self.integers(param)?;
        let Some(list) = list else {
            return self.refuse(format!("`{param}` must be an integer or a tuple of integers"));
        };
        match list.iter().map(|&n| usize::try_from(n)).collect() {
            Ok(shape) => Ok(shape),
            Err(_) => self.refuse("a length cannot be negative"),
        }
    }

    /// The argument `chunks` for an array of this shape and element type: one length for all axes or one for each, of
    /// which those that [`Call::chunk_lengths`] leaves open are filled in.
    pub(super) fn chunks(&self, shape: &[usize], dtype: DType) -> Result<Option<Vec<usize>>> {
        let Some(mut list) = self.chunk_lengths("chunks")? else { return Ok(None) };
        if self.given("chunks").is_some_and(|v| v.items().is_none()) {
            list = vec![list[0]; shape.len()];
        }
        chunk_lengths(shape, &list, dtype).map(Some)
    }

    /// An argument as lengths of chunks; `None` among them means the whole axis, `'auto'` that the length is to be
    /// chosen.
    pub(super) fn chunk_lengths(&self, param: &str) -> Result<Option<Vec<isize>>> {
        let Some(value) = self.given(param) else { return Ok(None) };
        let one = |v: &Value| match v {
            Value::None => Some(-1),
            Value::Str(text) if text == "auto" => Some(AUTO),
            other => other.as_integer().and_then(|n| isize::try_from(n).ok()),
        };
        let list = match value.items() {
            Some(items) => items.iter().map(one).collect(),
            None => one(value).map(|n| vec![n]),
        };
        match list {
            Some(list) => Ok(Some(list)),
            None => self.refuse_value(param, "an integer, 'auto' or a tuple of these", value),
        }
    }
}
