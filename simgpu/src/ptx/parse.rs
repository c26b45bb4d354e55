//! Tokens to the module's declarations and bodies.

use super::ast::{Ast, Function, Init, Instruction, Operand, Space, Statement, Variable};
use super::token::{Kind, Token, tokens};
use super::types::Ty;

/// Parses a module.
///
/// # Errors
/// What could not be read, with its line.
pub fn parse(text: &str) -> Result<Ast, String> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0 };
    let mut ast = Ast::default();
    while let Some(token) = parser.peek() {
        parser.item(&mut ast).map_err(|why| format!("line {}: {why}", parser.line().max(token.line)))?;
    }
    Ok(ast)
}

struct Parser<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
}

type Parsed<T> = Result<T, String>;

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }

    fn line(&self) -> u32 {
        self.tokens.get(self.at.saturating_sub(1)).map_or(0, |t| t.line)
    }

    fn next(&mut self) -> Parsed<Kind<'a>> {
        let token = self.peek().ok_or("the text ends early")?;
        self.at += 1;
        Ok(token.kind)
    }

    fn is(&self, mark: char) -> bool {
        self.peek().is_some_and(|t| t.kind == Kind::Mark(mark))
    }

    fn take(&mut self, mark: char) -> bool {
        let found = self.is(mark);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, mark: char) -> Parsed<()> {
        if self.take(mark) {
            Ok(())
        } else {
            Err(format!("`{mark}` expected, {:?} found", self.peek().map(|t| t.kind)))
        }
    }

    fn word(&mut self) -> Parsed<&'a str> {
        match self.next()? {
            Kind::Word(word) => Ok(word),
            other => Err(format!("a name expected, {other:?} found")),
        }
    }

    fn peek_word(&self) -> Option<&'a str> {
        match self.peek()?.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    fn skip_line(&mut self) {
        let line = self.peek().map(|t| t.line);
        while self.peek().map(|t| t.line) == line && line.is_some() {
            self.at += 1;
        }
    }

    fn skip_braces(&mut self) -> Parsed<()> {
        let mut depth = 0;
        loop {
            match self.next()? {
                Kind::Mark('{') => depth += 1,
                Kind::Mark('}') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn item(&mut self, ast: &mut Ast) -> Parsed<()> {
        let begin = self.at;
        match self.word()? {
            ".version" | ".target" | ".address_size" | ".file" => {
                self.at = begin;
                self.skip_line();
            }
            ".section" => {
                self.word()?;
                self.skip_braces()?;
            }
            ".pragma" | ".alias" => {
                while !self.take(';') {
                    self.next()?;
                }
            }
            ".visible" | ".weak" | ".extern" | ".common" => {}
            ".entry" => ast.functions.push(self.function(true)?),
            ".func" => ast.functions.push(self.function(false)?),
            word if space(word).is_some() => {
                self.at = begin;
                ast.variables.extend(self.variables()?);
            }
            other => return Err(format!("directive `{other}` is not known")),
        }
        Ok(())
    }

    fn function(&mut self, entry: bool) -> Parsed<Function> {
        while self.peek_word() == Some(".noreturn") {
            self.at += 1;
        }
        let returns = if self.is('(') { self.params()? } else { Vec::new() };
        let name = self.word()?.to_owned();
        let params = if self.is('(') { self.params()? } else { Vec::new() };
        let mut max_threads = None;
        let body = loop {
            match self.next()? {
                Kind::Mark(';') => break None,
                Kind::Mark('{') => break Some(self.body()?),
                Kind::Word(".maxntid") => {
                    let mut product = self.number()?;
                    while self.take(',') {
                        product *= self.number()?;
                    }
                    max_threads = u32::try_from(product).ok();
                }
                // Other performance directives and their numbers.
                Kind::Word(_) | Kind::Mark(',') => {}
                other => return Err(format!("function {name}: {other:?} is not expected")),
            }
        };
        Ok(Function { name, entry, params, returns, body, max_threads })
    }

    fn number(&mut self) -> Parsed<u64> {
        let word = self.word()?;
        integer(word).ok_or_else(|| format!("`{word}` is no number"))
    }

    fn params(&mut self) -> Parsed<Vec<Variable>> {
        self.expect('(')?;
        let mut out = Vec::new();
        while !self.take(')') {
            out.push(self.variable(None)?);
            self.take(',');
        }
        Ok(out)
    }

    fn variables(&mut self) -> Parsed<Vec<Variable>> {
        let mut out = vec![self.variable(None)?];
        while self.take(',') {
            let like = out[0].clone();
            out.push(self.variable(Some(like))?);
        }
        self.expect(';')?;
        Ok(out)
    }

    /// One variable; `like` gives space and type of the second and later ones of a list.
    fn variable(&mut self, like: Option<Variable>) -> Parsed<Variable> {
        let (mut found, mut align, mut ty, mut vector) = (Space::Param, None, None, 1);
        if let Some(like) = like {
            (found, align, ty) = (like.space, Some(like.align), Some(like.ty));
        }
        let name = loop {
            let word = self.word()?;
            if let Some(s) = space(word) {
                found = s;
            } else if word == ".align" {
                align = Some(usize::try_from(self.number()?).map_err(|e| e.to_string())?);
            } else if word == ".v2" || word == ".v4" {
                vector = usize::from(word.as_bytes()[2] - b'0');
            } else if let Some(t) = word.strip_prefix('.').and_then(Ty::parse) {
                ty = Some(t);
            } else if word == ".ptr" || word == ".reg" {
                // `.param .u64 .ptr .global .align 8 name`: what it points to does not matter here.
                if word == ".ptr" {
                    while self.peek_word().is_some_and(|w| w.starts_with('.')) {
                        if self.word()? == ".align" {
                            self.number()?;
                        }
                    }
                }
            } else if word.starts_with('.') {
                return Err(format!("`{word}` of a variable is not known"));
            } else {
                break word.to_owned();
            }
        };
        let ty = ty.ok_or_else(|| format!("variable {name} has no type"))?;
        let (mut count, mut sized) = (vector, true);
        while self.take('[') {
            if self.take(']') {
                sized = false;
                continue;
            }
            count *= usize::try_from(self.number()?).map_err(|e| e.to_string())?;
            self.expect(']')?;
        }
        let mut init = Vec::new();
        if self.take('=') {
            self.initialiser(&mut init)?;
        }
        if !sized {
            count = init.len();
        }
        let align = align.unwrap_or(ty.bytes() * vector);
        Ok(Variable { name, space: found, align, ty, count, init })
    }

    fn initialiser(&mut self, out: &mut Vec<Init>) -> Parsed<()> {
        if self.take('{') {
            while !self.take('}') {
                self.initialiser(out)?;
                self.take(',');
            }
            return Ok(());
        }
        out.push(match self.operand()? {
            Operand::Int(bits) | Operand::Double(bits) => Init::Bits(bits),
            Operand::Single(bits) => Init::Bits(u64::from(bits)),
            Operand::Name(name) if name == "generic" => {
                self.expect('(')?;
                let name = self.word()?.to_owned();
                self.expect(')')?;
                let offset = if self.take('+') { self.signed()? } else { 0 };
                Init::Address(name, offset)
            }
            Operand::Name(name) => Init::Address(name, 0),
            Operand::Sum(name, offset) => Init::Address(name, offset),
            other => return Err(format!("initialiser {other:?} is not known")),
        });
        Ok(())
    }

    fn body(&mut self) -> Parsed<Vec<Statement>> {
        let (mut out, mut depth) = (Vec::new(), 0);
        loop {
            if self.take('{') {
                depth += 1;
                out.push(Statement::Open);
            } else if self.take('}') {
                if depth == 0 {
                    return Ok(out);
                }
                depth -= 1;
                out.push(Statement::Close);
            } else if !self.take(';') {
                self.statement(&mut out)?;
            }
        }
    }

    fn statement(&mut self, out: &mut Vec<Statement>) -> Parsed<()> {
        let guard = if self.take('@') {
            let negated = self.take('!');
            Some((self.word()?.to_owned(), negated))
        } else {
            None
        };
        let line = self.peek().map_or(0, |t| t.line);
        let begin = self.at;
        let word = self.word()?;
        if self.take(':') {
            out.push(Statement::Label(word.to_owned()));
            return Ok(());
        }
        match word {
            ".loc" => self.skip_line(),
            ".pragma" => {
                while !self.take(';') {
                    self.next()?;
                }
            }
            ".reg" => out.push(self.registers()?),
            _ if space(word).is_some() => {
                self.at = begin;
                out.extend(self.variables()?.into_iter().map(Statement::Variable));
            }
            _ if word.starts_with('.') => return Err(format!("directive `{word}` of a body is not known")),
            _ => {
                let mut operands = Vec::new();
                while !self.take(';') {
                    operands.push(self.operand()?);
                    if !self.take(',') {
                        self.expect(';')?;
                        break;
                    }
                }
                out.push(Statement::Instruction(Instruction { line, guard, mnemonic: word.to_owned(), operands }));
            }
        }
        Ok(())
    }

    fn registers(&mut self) -> Parsed<Statement> {
        let mut ty = None;
        let mut names = Vec::new();
        while !self.take(';') {
            let word = self.word()?;
            if let Some(t) = word.strip_prefix('.') {
                ty = Some(Ty::parse(t).ok_or_else(|| format!("registers of type `{word}` are not known"))?);
                continue;
            }
            let mut count = None;
            if self.take('<') {
                count = Some(u32::try_from(self.number()?).map_err(|e| e.to_string())?);
                self.expect('>')?;
            }
            names.push((word.to_owned(), count));
            self.take(',');
        }
        Ok(Statement::Registers(ty.ok_or("registers without a type")?, names))
    }

    fn signed(&mut self) -> Parsed<i64> {
        let negative = self.take('-');
        let value = self.number()?.cast_signed();
        Ok(if negative { value.wrapping_neg() } else { value })
    }

    fn list(&mut self, close: char) -> Parsed<Operand> {
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.operand()?);
            self.take(',');
        }
        Ok(Operand::List(items))
    }

    fn operand(&mut self) -> Parsed<Operand> {
        if self.take('{') {
            return self.list('}');
        }
        if self.take('(') {
            return self.list(')');
        }
        if self.take('!') {
            return Ok(Operand::Not(Box::new(self.operand()?)));
        }
        if self.take('-') {
            return Ok(Operand::Int(self.number()?.wrapping_neg()));
        }
        if self.take('[') {
            let base = self.operand()?;
            let (base, mut offset) = match base {
                Operand::Sum(name, offset) => (Operand::Name(name), offset),
                other => (other, 0),
            };
            if self.take('+') {
                offset += self.signed()?;
            }
            self.expect(']')?;
            return Ok(Operand::Memory(Box::new(base), offset));
        }
        let word = self.word()?;
        if word == "_" {
            return Ok(Operand::Sink);
        }
        if let Some(number) = constant(word) {
            return Ok(number);
        }
        let name = word.to_owned();
        if self.take('|') {
            return Ok(Operand::Pair(Box::new(Operand::Name(name)), Box::new(self.operand()?)));
        }
        if self.is('+') {
            self.at += 1;
            return Ok(Operand::Sum(name, self.signed()?));
        }
        Ok(Operand::Name(name))
    }
}

fn space(word: &str) -> Option<Space> {
    Some(match word {
        ".global" => Space::Global,
        ".shared" => Space::Shared,
        ".local" => Space::Local,
        ".param" => Space::Param,
        ".const" => Space::Const,
        _ => return None,
    })
}

fn integer(word: &str) -> Option<u64> {
    let word = word.trim_end_matches(['U', 'u']);
    let radix = |prefix: [&str; 2], radix| {
        let digits = prefix.iter().find_map(|p| word.strip_prefix(p))?;
        u64::from_str_radix(digits, radix).ok()
    };
    radix(["0x", "0X"], 16).or_else(|| radix(["0b", "0B"], 2)).or_else(|| word.parse().ok())
}

fn constant(word: &str) -> Option<Operand> {
    if !word.as_bytes().first()?.is_ascii_digit() {
        return None;
    }
    if let Some(hex) = word.strip_prefix("0f").or_else(|| word.strip_prefix("0F")) {
        return u32::from_str_radix(hex, 16).ok().map(Operand::Single);
    }
    if let Some(hex) = word.strip_prefix("0d").or_else(|| word.strip_prefix("0D")) {
        return u64::from_str_radix(hex, 16).ok().map(Operand::Double);
    }
    integer(word).map(Operand::Int).or_else(|| word.parse::<f64>().ok().map(|x| Operand::Double(x.to_bits())))
}
