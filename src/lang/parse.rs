//! The parser: source text to a [`Program`].
//!
//! The grammar is Python's for expressions, with its precedence, plus plain
//! assignment. Loosest binding first:
//!
//! ```text
//! program    = [statement] { (";" | newline) [statement] }
//! statement  = tuple | tuple "=" tuple | name ("+=" | "-=" | ...) tuple
//! tuple      = expression { "," expression } [","]
//! expression = x "if" x "else" x | "or" | "and" | "not" | comparison chain
//!            | "|" | "^" | "&" | "<<" ">>" | "+" "-" | "*" "@" "/" "//" "%"
//!            | unary "-" "+" "~" | "**" | primary
//! primary    = atom { "(" arguments ")" | "[" index "]" | "." name }
//! atom       = number | string { string } | name | "True" | "False" | "None"
//!            | "..." | "(" [tuple] ")" | "[" [tuple] "]"
//! index      = item { "," item } [","]
//! item       = expression | [expression] ":" [expression] [":" [expression]]
//! ```
//!
//! Any input gives a tree or an error in time linear in its length. Both the
//! parser's recursion and the tree's depth are bounded by [`MAX_DEPTH`], so that
//! walking, printing or dropping a tree never exhausts the stack.

mod token;
mod grammar;
mod primary;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use super::ast::{Expr, ExprKind, Program, Span, Target};

/// The longest source accepted, in bytes.
pub const MAX_SOURCE: usize = 1 << 20;

/// The deepest nesting accepted: of brackets and operands while parsing, and of
/// nodes in the tree (each link of a chain like `a + b + c` adds a level there).
///
/// At this depth an unoptimised build needs about 1 MiB of stack, half of what
/// a thread has by default.
pub const MAX_DEPTH: usize = 128;

/// Why a source text is not a program, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong, in one line without the position.
    pub message: String,
    /// The offending text; empty at the end of the source.
    pub span: Span,
}

impl SyntaxError {
    fn new(message: impl Into<String>, span: Span) -> Self {
        let message = message.into();
        Self { message, span }
    }

    /// The error with its position and a caret under the culprit.
    #[must_use]
    pub fn render(&self, source: &str) -> String {
        point(source, self.span, &self.message)
    }
}

impl Display for SyntaxError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SyntaxError {}

/// Parses a source text of one or more statements.
///
/// # Errors
///
/// A [`SyntaxError`] for the first thing that is not in the grammar, or for a
/// source that is empty, too long or too deeply nested.
pub fn parse(source: &str) -> Result<Program, SyntaxError> {
    if source.len() > MAX_SOURCE {
        let message = format!("the source is longer than {MAX_SOURCE} bytes");
        return Err(SyntaxError::new(message, Span::default()));
    }
    grammar::program(source, token::tokenize(source)?)
}

/// The names a program reads before it assigns them: its inputs, functions
/// and modules. Attribute and keyword names are not among them.
#[must_use]
pub fn names(program: &Program) -> BTreeSet<String> {
    let mut assigned = BTreeSet::new();
    let mut free = BTreeSet::new();
    for statement in &program.statements {
        collect_names(&statement.value, &assigned, &mut free);
        match &statement.target {
            Some(Target::Name(name, _)) => assigned.extend([name.as_str()]),
            Some(Target::Tuple(names)) => assigned.extend(names.iter().map(|(n, _)| n.as_str())),
            Some(Target::Item { name, subscript }) => {
                collect_names(subscript, &assigned, &mut free);
                assigned.extend([name.as_str()]);
            }
            None => {}
        }
    }
    free
}

/// The 1-based column of a byte offset within its line, counted in characters.
#[must_use]
pub fn column(source: &str, offset: usize) -> usize {
    let before = source.get(..source.floor_char_boundary(offset));
    let line = before.unwrap_or_default().rsplit('\n').next();
    line.unwrap_or_default().chars().count() + 1
}

/// Renders a message with the source line below it and carets under the span.
/// A source of several lines has its line number named too.
#[must_use]
pub fn point(source: &str, span: Span, message: &str) -> String {
    // Wide enough for most expressions, narrow enough for a terminal.
    const CONTEXT: usize = 60;
    let offset = source.floor_char_boundary(span.start);
    let column = column(source, offset);
    let line_start = source.get(..offset).and_then(|s| s.rfind('\n'));
    let line = source.get(line_start.map_or(0, |newline| newline + 1)..);
    let line = line.and_then(|text| text.lines().next()).unwrap_or_default();

    let skipped = (column - 1).saturating_sub(CONTEXT);
    let shown: String =
        line.chars().skip(skipped).take(2 * CONTEXT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let pad = column - 1 - skipped;
    let marked = source.get(offset..source.floor_char_boundary(span.end));
    let width = marked.map_or(0, |text| text.chars().take_while(|c| *c != '\n').count());
    let carets = "^".repeat(width.min((2 * CONTEXT).saturating_sub(pad)).max(1));
    let place = place(source, offset);
    format!("{place}: {message}\n  {shown}\n  {:pad$}{carets}", "")
}

/// `column 3`, or `line 2, column 3` in a source of several lines.
pub(super) fn place(source: &str, offset: usize) -> String {
    let column = column(source, offset);
    match line(source, offset) {
        None => format!("column {column}"),
        Some(line) => format!("line {line}, column {column}"),
    }
}

/// The 1-based line of a byte offset, in a source of several lines.
pub(super) fn line(source: &str, offset: usize) -> Option<usize> {
    if !source.trim_end().contains('\n') {
        return None;
    }
    let before = source.get(..source.floor_char_boundary(offset));
    Some(before.unwrap_or_default().matches('\n').count() + 1)
}

fn collect_names(expr: &Expr, assigned: &BTreeSet<&str>, free: &mut BTreeSet<String>) {
    if let ExprKind::Name(name) = &expr.kind
        && !assigned.contains(name.as_str())
    {
        free.insert(name.clone());
    }
    expr.kind.for_each_child(&mut |child| collect_names(child, assigned, free));
}
