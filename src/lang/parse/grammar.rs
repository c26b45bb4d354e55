//! Statements and operators: tokens to syntax tree, by precedence climbing.

use super::super::ast::{BinaryOp, BoolOp, CompareOp, Expr, ExprKind, Program, Span, Statement, Target, UnaryOp};
use super::token::{Token, TokenKind, UNSUPPORTED};
use super::{MAX_DEPTH, SyntaxError, place};

/// Parses the tokens of `source` as a program.
pub(super) fn program(source: &str, tokens: Vec<Token>) -> Result<Program, SyntaxError> {
    let end = tokens.last().map_or(0, |token| token.span.end);
    let parser = Parser {
        source,
        tokens,
        position: 0,
        last_end: 0,
        depth: 0,
        end: Token { kind: TokenKind::End, span: Span { start: end, end } },
    };
    parser.program()
}

/// Binding strength, loosest first; the derived order is Python's precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    IfElse,
    Or,
    And,
    Not,
    Compare,
    BitOr,
    BitXor,
    BitAnd,
    Shift,
    Sum,
    Product,
    Unary,
    Power,
}

/// What may follow a complete operand.
#[derive(Debug, Clone, Copy)]
enum Infix {
    IfElse,
    Bool(BoolOp),
    Compare,
    Binary(BinaryOp),
}

impl Infix {
    /// How tightly the operator binds, and how tightly its right operand must.
    fn levels(self) -> (Level, Level) {
        match self {
            Self::IfElse => (Level::IfElse, Level::IfElse),
            Self::Bool(BoolOp::Or) => (Level::Or, Level::And),
            Self::Bool(BoolOp::And) => (Level::And, Level::Not),
            Self::Compare => (Level::Compare, Level::BitOr),
            Self::Binary(op) => match op {
                BinaryOp::BitOr => (Level::BitOr, Level::BitXor),
                BinaryOp::BitXor => (Level::BitXor, Level::BitAnd),
                BinaryOp::BitAnd => (Level::BitAnd, Level::Shift),
                BinaryOp::ShiftLeft | BinaryOp::ShiftRight => (Level::Shift, Level::Sum),
                BinaryOp::Add | BinaryOp::Subtract => (Level::Sum, Level::Product),
                // The exponent may carry a sign, and may be a power itself.
                BinaryOp::Power => (Level::Power, Level::Unary),
                _ => (Level::Product, Level::Unary),
            },
        }
    }
}

pub(super) struct Parser<'s> {
    source: &'s str,
    tokens: Vec<Token>,
    position: usize,
    /// Where the last consumed token ended.
    pub(super) last_end: usize,
    /// Calls of `expression` in progress.
    depth: usize,
    /// What stands after the last token.
    end: Token,
}

impl Parser<'_> {
    fn peek_at(&self, ahead: usize) -> &Token {
        let token = self.tokens.get(self.position + ahead);
        token.unwrap_or(&self.end)
    }

    pub(super) fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    /// The operator, bracket or keyword `ahead` of here; empty for other tokens.
    pub(super) fn symbol_at(&self, ahead: usize) -> &'static str {
        match self.peek_at(ahead).kind {
            TokenKind::Symbol(symbol) => symbol,
            _ => "",
        }
    }

    pub(super) fn symbol(&self) -> &'static str {
        self.symbol_at(0)
    }

    pub(super) fn start(&self) -> usize {
        self.peek().span.start
    }

    /// Consumes the next token.
    pub(super) fn skip(&mut self) {
        self.last_end = self.peek().span.end;
        self.position += 1;
    }

    /// Consumes an opening bracket and says where it stood.
    pub(super) fn skip_bracket(&mut self) -> Span {
        let open = self.peek().span;
        self.skip();
        open
    }

    pub(super) fn eat(&mut self, symbol: &str) -> bool {
        let found = self.symbol() == symbol;
        if found {
            self.skip();
        }
        found
    }

    /// Consumes a closing bracket; the error names what it would have closed.
    pub(super) fn close(&mut self, symbol: &str, what: &str, open: Span) -> Result<(), SyntaxError> {
        if self.eat(symbol) {
            return Ok(());
        }
        let place = place(self.source, open.start);
        Err(self.unexpected(format!("expected `{symbol}` to close the {what} opened at {place}")))
    }

    /// The error for the next token: `expected`, unless the token explains itself.
    pub(super) fn unexpected(&self, expected: impl Into<String>) -> SyntaxError {
        let message = match self.symbol() {
            "=" => "unexpected `=` here; did you mean `==`?".to_owned(),
            "!" => "unexpected `!` here; did you mean `not` or `~`?".to_owned(),
            word if word == ":=" || UNSUPPORTED.contains(&word) => {
                format!("`{word}` is not supported in expressions")
            }
            _ => expected.into(),
        };
        SyntaxError::new(message, self.peek().span)
    }

    /// Builds a node from `start` to the last consumed token.
    pub(super) fn node(&self, kind: ExprKind, start: usize) -> Result<Expr, SyntaxError> {
        let end = self.last_end;
        let expr = Expr::new(kind, Span { start, end });
        if expr.depth() > MAX_DEPTH {
            return Err(too_deep(expr.span));
        }
        Ok(expr)
    }

    fn program(mut self) -> Result<Program, SyntaxError> {
        let mut statements = Vec::new();
        loop {
            while self.symbol() == ";" || self.peek().kind == TokenKind::Newline {
                self.skip();
            }
            if self.peek().kind == TokenKind::End && !statements.is_empty() {
                return Ok(Program { statements });
            }
            statements.push(self.statement()?);
            match (&self.peek().kind, self.symbol()) {
                (TokenKind::End | TokenKind::Newline, _) | (_, ";") => {}
                (_, close @ (")" | "]" | "}")) => {
                    return Err(self.unexpected(format!("unmatched `{close}`")));
                }
                _ => {
                    return Err(self.unexpected("expected an operator, `;` or the end of the line"));
                }
            }
        }
    }

    fn statement(&mut self) -> Result<Statement, SyntaxError> {
        let start = self.start();
        let left = self.tuple()?;
        let symbol = self.symbol();
        let augmented = symbol.strip_suffix('=').and_then(BinaryOp::from_symbol);
        let (target, value) = if symbol == "=" {
            let target = assignment_target(&left)?;
            self.skip();
            (Some(target), self.tuple()?)
        } else if let Some(op) = augmented {
            let Ok(target @ (Target::Name(..) | Target::Item { .. })) = assignment_target(&left) else {
                let message = format!("`{symbol}` assigns to a single name only");
                return Err(SyntaxError::new(message, left.span));
            };
            self.skip();
            let (left, right) = (Box::new(left), Box::new(self.tuple()?));
            let value = self.node(ExprKind::Binary { op, left, right }, start)?;
            (Some(target), value)
        } else {
            (None, left)
        };
        let end = self.last_end;
        let span = Span { start, end };
        Ok(Statement { target, value, span })
    }

    /// One expression, or several separated by commas as a bare tuple.
    fn tuple(&mut self) -> Result<Expr, SyntaxError> {
        let start = self.start();
        let (mut items, comma) = self.elements()?;
        match items.pop() {
            None => Err(self.unexpected("expected an expression")),
            Some(only) if items.is_empty() && !comma => Ok(only),
            last => {
                items.extend(last);
                self.node(ExprKind::Tuple(items), start)
            }
        }
    }

    /// Expressions separated by commas, and whether a comma stood after the last.
    pub(super) fn elements(&mut self) -> Result<(Vec<Expr>, bool), SyntaxError> {
        let mut items = Vec::new();
        let mut comma = false;
        while !self.at_terminator() {
            items.push(self.expression(Level::IfElse)?);
            comma = self.eat(",");
            if !comma {
                break;
            }
        }
        Ok((items, comma))
    }

    fn at_terminator(&self) -> bool {
        match self.peek().kind {
            TokenKind::End | TokenKind::Newline => true,
            TokenKind::Symbol(symbol) => {
                let ends = matches!(symbol, ")" | "]" | "}" | ";" | "=");
                // An augmented assignment such as `+=` ends its left side.
                ends || symbol.strip_suffix('=').and_then(BinaryOp::from_symbol).is_some()
            }
            _ => false,
        }
    }

    /// An expression of operators that bind at least as tightly as `least`.
    pub(super) fn expression(&mut self, least: Level) -> Result<Expr, SyntaxError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(too_deep(self.peek().span));
        }
        let mut left = self.prefix(least)?;
        while let Some(infix) = self.infix()
            && infix.levels().0 >= least
        {
            left = self.infix_tail(left, infix)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    /// The infix operator that comes next, not consumed.
    fn infix(&self) -> Option<Infix> {
        let symbol = self.symbol();
        if symbol == "if" {
            return Some(Infix::IfElse);
        }
        if self.compare_op().is_some() {
            return Some(Infix::Compare);
        }
        let bool_op = BoolOp::from_symbol(symbol).map(Infix::Bool);
        bool_op.or_else(|| BinaryOp::from_symbol(symbol).map(Infix::Binary))
    }

    /// The comparison that comes next, not consumed, and its length in tokens.
    fn compare_op(&self) -> Option<(CompareOp, usize)> {
        match (self.symbol(), self.symbol_at(1)) {
            ("not", "in") => Some((CompareOp::NotIn, 2)),
            ("is", "not") => Some((CompareOp::IsNot, 2)),
            (symbol, _) => CompareOp::from_symbol(symbol).map(|op| (op, 1)),
        }
    }

    /// Extends `left` with the infix operator that comes next.
    fn infix_tail(&mut self, left: Expr, infix: Infix) -> Result<Expr, SyntaxError> {
        let start = left.span.start;
        let operand_level = infix.levels().1;
        let kind = match infix {
            Infix::IfElse => self.if_else(left)?,
            Infix::Bool(op) => {
                let mut values = vec![left];
                while self.eat(op.symbol()) {
                    values.push(self.expression(operand_level)?);
                }
                ExprKind::BoolOp { op, values }
            }
            Infix::Compare => {
                let first = Box::new(left);
                let mut rest = Vec::new();
                while let Some((op, tokens)) = self.compare_op() {
                    (0..tokens).for_each(|_| self.skip());
                    rest.push((op, self.expression(operand_level)?));
                }
                ExprKind::Compare { first, rest }
            }
            Infix::Binary(op) => {
                self.skip();
                let right = Box::new(self.expression(operand_level)?);
                let left = Box::new(left);
                ExprKind::Binary { op, left, right }
            }
        };
        self.node(kind, start)
    }

    fn if_else(&mut self, then: Expr) -> Result<ExprKind, SyntaxError> {
        self.skip();
        let condition = Box::new(self.expression(Level::Or)?);
        if !self.eat("else") {
            return Err(self.unexpected("expected `else` after the condition"));
        }
        let otherwise = Box::new(self.expression(Level::IfElse)?);
        let then = Box::new(then);
        Ok(ExprKind::IfElse { then, condition, otherwise })
    }

    /// An operand with the prefix operators before it.
    fn prefix(&mut self, least: Level) -> Result<Expr, SyntaxError> {
        let start = self.start();
        let symbol = self.symbol();
        if let Some(op) = UnaryOp::from_symbol(symbol) {
            self.skip();
            let operand = Box::new(self.expression(Level::Unary)?);
            return self.node(ExprKind::Unary { op, operand }, start);
        }
        if symbol != "not" {
            return self.primary();
        }
        if least > Level::Not {
            return Err(self.unexpected("`not` needs parentheses around it here"));
        }
        self.skip();
        let operand = self.expression(Level::Not)?;
        self.node(ExprKind::Not(Box::new(operand)), start)
    }
}

/// The names an expression stands for on the left of `=`.
fn assignment_target(left: &Expr) -> Result<Target, SyntaxError> {
    match &left.kind {
        ExprKind::Tuple(items) if !items.is_empty() => {
            items.iter().map(target_name).collect::<Result<_, _>>().map(Target::Tuple)
        }
        ExprKind::Subscript { value, .. } if matches!(value.kind, ExprKind::Name(_)) => {
            let (name, _) = target_name(value)?;
            Ok(Target::Item { name, subscript: left.clone() })
        }
        _ => target_name(left).map(|(name, span)| Target::Name(name, span)),
    }
}

fn target_name(expr: &Expr) -> Result<(String, Span), SyntaxError> {
    if let ExprKind::Name(name) = &expr.kind {
        return Ok((name.clone(), expr.span));
    }
    let message = "only names and their items can be assigned to; did you mean `==`?";
    Err(SyntaxError::new(message, expr.span))
}

fn too_deep(span: Span) -> SyntaxError {
    let message = format!("too deeply nested (more than {MAX_DEPTH} levels); split it into several statements");
    SyntaxError::new(message, span)
}
