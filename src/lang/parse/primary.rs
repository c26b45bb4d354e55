//! Operands: atoms and the calls, subscripts and attributes after them.

use std::collections::BTreeSet;

use super::super::ast::{Argument, Expr, ExprKind, Index, Span};
use super::SyntaxError;
use super::grammar::{Level, Parser};
use super::token::TokenKind;

impl Parser<'_> {
    /// An atom with the calls, subscripts and attributes after it.
    pub(super) fn primary(&mut self) -> Result<Expr, SyntaxError> {
        let mut value = self.atom()?;
        loop {
            let start = value.span.start;
            let kind = match self.symbol() {
                "(" => self.call(value)?,
                "[" => self.subscript(value)?,
                "." => self.attribute(value)?,
                _ => return Ok(value),
            };
            value = self.node(kind, start)?;
        }
    }

    fn atom(&mut self) -> Result<Expr, SyntaxError> {
        let start = self.start();
        let kind = match self.peek().kind.clone() {
            TokenKind::Int(value) => ExprKind::Int(value),
            TokenKind::Float(value) => ExprKind::Float(value),
            TokenKind::Imaginary(value) => ExprKind::Imaginary(value),
            TokenKind::Name(name) => ExprKind::Name(name),
            TokenKind::Str(_) => return self.string(),
            TokenKind::Symbol("True") => ExprKind::Bool(true),
            TokenKind::Symbol("False") => ExprKind::Bool(false),
            TokenKind::Symbol("None") => ExprKind::None,
            TokenKind::Symbol("...") => ExprKind::Ellipsis,
            TokenKind::Symbol("(") => return self.parenthesised(),
            TokenKind::Symbol("[") => return self.list(),
            TokenKind::Symbol("{") => return self.dict(),
            TokenKind::Symbol("*" | "**") => {
                return Err(self.unexpected("unpacking with `*` is not supported"));
            }
            _ => return Err(self.unexpected("expected an expression")),
        };
        self.skip();
        self.node(kind, start)
    }

    /// One string literal, or several side by side, which Python joins.
    fn string(&mut self) -> Result<Expr, SyntaxError> {
        let start = self.start();
        let mut text = String::new();
        while let TokenKind::Str(part) = &self.peek().kind {
            text.push_str(part);
            self.skip();
        }
        self.node(ExprKind::Str(text), start)
    }

    fn parenthesised(&mut self) -> Result<Expr, SyntaxError> {
        let open = self.skip_bracket();
        let (mut items, comma) = self.elements()?;
        self.close(")", "parenthesis", open)?;
        match items.pop() {
            Some(mut only) if items.is_empty() && !comma => {
                // Parentheses leave no node, but carets should take them in.
                only.span = Span { start: open.start, end: self.last_end };
                Ok(only)
            }
            last => {
                items.extend(last);
                self.node(ExprKind::Tuple(items), open.start)
            }
        }
    }

    fn list(&mut self) -> Result<Expr, SyntaxError> {
        let open = self.skip_bracket();
        let (items, _) = self.elements()?;
        self.close("]", "list", open)?;
        self.node(ExprKind::List(items), open.start)
    }

    fn dict(&mut self) -> Result<Expr, SyntaxError> {
        let open = self.skip_bracket();
        let mut entries = Vec::new();
        while self.symbol() != "}" && self.peek().kind != TokenKind::End {
            let key = self.expression(Level::IfElse)?;
            if !self.eat(":") {
                return Err(self.unexpected("expected `:` and a value; sets are not supported"));
            }
            entries.push((key, self.expression(Level::IfElse)?));
            if !self.eat(",") {
                break;
            }
        }
        self.close("}", "dictionary", open)?;
        self.node(ExprKind::Dict(entries), open.start)
    }

    fn attribute(&mut self, value: Expr) -> Result<ExprKind, SyntaxError> {
        self.skip();
        let token = self.peek();
        let name_span = token.span;
        let TokenKind::Name(name) = token.kind.clone() else {
            return Err(self.unexpected("expected an attribute name after `.`"));
        };
        self.skip();
        let value = Box::new(value);
        Ok(ExprKind::Attribute { value, name, name_span })
    }

    fn call(&mut self, function: Expr) -> Result<ExprKind, SyntaxError> {
        let open = self.skip_bracket();
        let mut args = Vec::new();
        let mut keywords = BTreeSet::new();
        while self.symbol() != ")" && self.peek().kind != TokenKind::End {
            let argument = self.argument()?;
            if let Some((name, span)) = &argument.name {
                if !keywords.insert(name.clone()) {
                    let message = format!("keyword argument `{name}` is repeated");
                    return Err(SyntaxError::new(message, *span));
                }
            } else if !keywords.is_empty() {
                let message = "positional argument follows keyword argument";
                return Err(SyntaxError::new(message, argument.value.span));
            }
            args.push(argument);
            if !self.eat(",") {
                break;
            }
        }
        self.close(")", "call", open)?;
        let function = Box::new(function);
        Ok(ExprKind::Call { function, args })
    }

    fn argument(&mut self) -> Result<Argument, SyntaxError> {
        let token = self.peek();
        let name = match &token.kind {
            TokenKind::Name(name) if self.symbol_at(1) == "=" => Some((name.clone(), token.span)),
            _ => None,
        };
        if name.is_some() {
            self.skip();
            self.skip();
        }
        let value = self.expression(Level::IfElse)?;
        Ok(Argument { name, value })
    }

    fn subscript(&mut self, value: Expr) -> Result<ExprKind, SyntaxError> {
        let open = self.skip_bracket();
        if self.symbol() == "]" {
            return Err(self.unexpected("expected an index"));
        }
        let mut index = Vec::new();
        let mut tuple = false;
        while self.symbol() != "]" && self.peek().kind != TokenKind::End {
            index.push(self.index_item()?);
            if !self.eat(",") {
                break;
            }
            tuple = true;
        }
        self.close("]", "subscript", open)?;
        if !tuple && let [Index::Expr(only)] = index.as_mut_slice() {
            // `x[(a, b)]` is `x[a, b]`: Python cannot tell them apart either.
            if let ExprKind::Tuple(items) = &mut only.kind {
                let items = std::mem::take(items);
                index = items.into_iter().map(Index::Expr).collect();
                tuple = true;
            }
        }
        let value = Box::new(value);
        Ok(ExprKind::Subscript { value, index, tuple })
    }

    fn index_item(&mut self) -> Result<Index, SyntaxError> {
        if self.symbol() != ":" {
            let first = self.expression(Level::IfElse)?;
            if self.symbol() != ":" {
                return Ok(Index::Expr(first));
            }
            return self.slice(Some(Box::new(first)));
        }
        self.slice(None)
    }

    /// The rest of a slice, from its first `:`.
    fn slice(&mut self, start: Option<Box<Expr>>) -> Result<Index, SyntaxError> {
        self.skip();
        let stop = self.slice_part()?;
        let stride = self.eat(":").then(|| self.slice_part()).transpose()?;
        Ok(Index::Slice { start, stop, step: stride.flatten() })
    }

    fn slice_part(&mut self) -> Result<Option<Box<Expr>>, SyntaxError> {
        if matches!(self.symbol(), ":" | "," | "]") {
            return Ok(None);
        }
        let part = self.expression(Level::IfElse)?;
        Ok(Some(Box::new(part)))
    }
}
