//! The tokenizer: source text to a flat list of tokens.
//!
//! Whitespace, comments and `\` line continuations vanish here, as do newlines
//! inside brackets. Numbers and strings are resolved to their values.

use super::super::ast::Span;
use super::SyntaxError;

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    Int(i128),
    Float(f64),
    Imaginary(f64),
    Str(String),
    Name(String),
    /// An operator, a bracket or a keyword.
    Symbol(&'static str),
    /// A line end outside brackets.
    Newline,
    /// The end of the source.
    End,
}

/// A token and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
}

/// Python's keywords that start or join something other than an expression here.
pub(super) const UNSUPPORTED: [&str; 25] = [
    "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "except", "finally", "for",
    "from", "global", "import", "lambda", "nonlocal", "pass", "raise", "return", "try", "while", "with", "yield",
];

const KEYWORDS: [&str; 10] = ["and", "or", "not", "if", "else", "in", "is", "True", "False", "None"];

/// Operators and punctuation. A symbol stands after those it is a prefix of.
const SYMBOLS: [&str; 47] = [
    "...", "**=", "//=", "<<=", ">>=", "**", "//", "<<", ">>", "<=", ">=", "==", "!=", ":=", "+=", "-=", "*=", "/=",
    "%=", "@=", "&=", "|=", "^=", "+", "-", "*", "/", "%", "@", "&", "|", "^", "~", "<", ">", "=", "(", ")", "[", "]",
    "{", "}", ",", ":", ";", ".", "!",
];

/// Splits `source` into tokens. The end of the source is not among them.
pub(super) fn tokenize(source: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut lexer = Lexer { source, position: 0, open: 0 };
    let mut tokens = Vec::new();
    while let Some(next) = lexer.peek() {
        let start = lexer.position;
        if let Some(kind) = lexer.token(next)? {
            let span = lexer.span_from(start);
            tokens.push(Token { kind, span });
        }
    }
    Ok(tokens)
}

struct Lexer<'s> {
    source: &'s str,
    position: usize,
    /// Brackets open so far; newlines only count while there are none.
    open: usize,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        self.source.get(self.position..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek();
        self.position += next.map_or(0, char::len_utf8);
        next
    }

    fn eat(&mut self, set: &[char]) -> bool {
        let found = self.rest().starts_with(set);
        if found {
            self.bump();
        }
        found
    }

    /// Consumes and returns the longest run of characters that satisfy `wanted`.
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.position += length;
        rest.get(..length).unwrap_or_default()
    }

    fn span_from(&self, start: usize) -> Span {
        Span { start, end: self.position }
    }

    fn error_from(&self, start: usize, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(message, self.span_from(start))
    }

    /// Consumes one token, or something between tokens (which gives `None`).
    fn token(&mut self, first: char) -> Result<Option<TokenKind>, SyntaxError> {
        match first {
            '\n' => {
                self.bump();
                Ok((self.open == 0).then_some(TokenKind::Newline))
            }
            '#' => {
                self.take_while(|c| c != '\n');
                Ok(None)
            }
            '\\' => self.continuation().map(|()| None),
            '\'' | '"' => self.string(first).map(Some),
            c if c.is_whitespace() => {
                self.bump();
                Ok(None)
            }
            c if c.is_ascii_digit() || (c == '.' && self.digit_follows(1)) => self.number().map(Some),
            c if is_word(c) => self.word().map(Some),
            _ => self.symbol().map(Some),
        }
    }

    fn digit_follows(&self, offset: usize) -> bool {
        let next = self.rest().as_bytes().get(offset);
        next.is_some_and(u8::is_ascii_digit)
    }

    fn continuation(&mut self) -> Result<(), SyntaxError> {
        let start = self.position;
        self.bump();
        self.eat(&['\r']);
        if self.eat(&['\n']) { Ok(()) } else { Err(self.error_from(start, "`\\` may only stand at the end of a line")) }
    }

    fn symbol(&mut self) -> Result<TokenKind, SyntaxError> {
        let start = self.position;
        let rest = self.rest();
        let Some(symbol) = SYMBOLS.into_iter().find(|s| rest.starts_with(s)) else {
            let shown = self.bump().unwrap_or_default().escape_debug();
            return Err(self.error_from(start, format!("unexpected character `{shown}`")));
        };
        self.position += symbol.len();
        match symbol {
            "(" | "[" | "{" => self.open += 1,
            ")" | "]" | "}" => self.open = self.open.saturating_sub(1),
            _ => {}
        }
        Ok(TokenKind::Symbol(symbol))
    }

    fn word(&mut self) -> Result<TokenKind, SyntaxError> {
        let start = self.position;
        let word = self.take_while(is_word);
        let prefix = word.len() <= 2 && word.chars().all(|c| "bfrtuBFRTU".contains(c));
        if prefix && self.rest().starts_with(['\'', '"']) {
            let message = format!("strings with the prefix `{word}` are not supported");
            return Err(self.error_from(start, message));
        }
        let mut keywords = KEYWORDS.into_iter().chain(UNSUPPORTED);
        Ok(match keywords.find(|keyword| *keyword == word) {
            Some(keyword) => TokenKind::Symbol(keyword),
            None => TokenKind::Name(word.to_owned()),
        })
    }

    fn number(&mut self) -> Result<TokenKind, SyntaxError> {
        let start = self.position;
        let value = match self.rest().as_bytes() {
            [b'0', b'x' | b'X', ..] => self.radix_integer(16)?,
            [b'0', b'o' | b'O', ..] => self.radix_integer(8)?,
            [b'0', b'b' | b'B', ..] => self.radix_integer(2)?,
            _ => self.decimal()?,
        };
        match value {
            Some(value) if !self.peek().is_some_and(is_word) => Ok(value),
            _ => {
                self.take_while(is_word);
                let text = self.source.get(start..self.position).unwrap_or_default();
                Err(self.error_from(start, format!("invalid number `{}`", shorten(text))))
            }
        }
    }

    /// The integer after a `0x`, `0o` or `0b`; `None` if malformed.
    fn radix_integer(&mut self, radix: u32) -> Result<Option<TokenKind>, SyntaxError> {
        let start = self.position;
        self.position += 2;
        let digits = self.take_while(|c| c.is_digit(radix) || c == '_');
        // Python allows one underscore between the prefix and the digits.
        let digits = digits.strip_prefix('_').unwrap_or(digits);
        self.integer(start, digits, radix)
    }

    /// A decimal integer, float or imaginary number; `None` if malformed.
    fn decimal(&mut self) -> Result<Option<TokenKind>, SyntaxError> {
        let start = self.position;
        let digits = |c: char| c.is_ascii_digit() || c == '_';
        let whole = self.take_while(digits);
        let mut float = self.eat(&['.']);
        let fraction = if float { self.take_while(digits) } else { "" };
        let mut exponent = "";
        if self.exponent_follows() {
            float = true;
            self.bump();
            self.eat(&['+', '-']);
            exponent = self.take_while(digits);
        }
        let text = self.source.get(start..self.position).unwrap_or_default();
        let imaginary = self.eat(&['j', 'J']);
        if !float && !imaginary {
            return self.integer(start, text, 10);
        }
        let parts = [whole, fraction, exponent];
        if !parts.iter().all(|part| part.is_empty() || grouped(part)) {
            return Ok(None);
        }
        let value = text.replace('_', "").parse().ok();
        Ok(value.map(if imaginary { TokenKind::Imaginary } else { TokenKind::Float }))
    }

    /// Whether an `e`, an optional sign and a digit come next.
    fn exponent_follows(&self) -> bool {
        let rest = self.rest();
        let signed = rest.strip_prefix(['e', 'E']).unwrap_or_default();
        let digits = signed.strip_prefix(['+', '-']).unwrap_or(signed);
        digits.starts_with(|c: char| c.is_ascii_digit())
    }

    fn integer(&self, start: usize, digits: &str, radix: u32) -> Result<Option<TokenKind>, SyntaxError> {
        if !grouped(digits) {
            return Ok(None);
        }
        let digits = digits.replace('_', "");
        let significant = digits.trim_start_matches('0');
        if radix == 10 && significant.len() < digits.len() && !significant.is_empty() {
            let message = "a decimal integer may not start with `0` (octal is written `0o...`)";
            return Err(self.error_from(start, message));
        }
        match i128::from_str_radix(&digits, radix) {
            Ok(value) => Ok(Some(TokenKind::Int(value))),
            Err(_) => Err(self.error_from(start, "integer does not fit in 128 bits")),
        }
    }

    fn string(&mut self, quote: char) -> Result<TokenKind, SyntaxError> {
        let start = self.position;
        if self.rest().bytes().take(3).filter(|b| char::from(*b) == quote).count() == 3 {
            self.position += 3;
            return Err(self.error_from(start, "triple-quoted strings are not supported"));
        }
        self.bump();
        let mut text = String::new();
        loop {
            let before = self.position;
            match self.bump() {
                Some(c) if c == quote => return Ok(TokenKind::Str(text)),
                Some('\\') => text.extend(self.escape()?),
                Some(c) if c != '\n' => text.push(c),
                _ => {
                    self.position = before;
                    return Err(self.error_from(start, "unterminated string"));
                }
            }
        }
    }

    /// The character a `\` escape stands for; an escaped line end stands for none.
    fn escape(&mut self) -> Result<Option<char>, SyntaxError> {
        let start = self.position.saturating_sub(1);
        let c = match self.bump() {
            // The string ends here: its own error says so.
            None | Some('\n') => return Ok(None),
            Some(c @ ('\\' | '\'' | '"')) => c,
            Some('a') => '\u{7}',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('v') => '\u{b}',
            Some('0'..='7') => return self.octal_escape().map(Some),
            Some('x') => return self.hex_escape(start, 2).map(Some),
            Some('u') => return self.hex_escape(start, 4).map(Some),
            Some('U') => return self.hex_escape(start, 8).map(Some),
            Some(c) => {
                let shown = c.escape_debug();
                let message = format!("unknown escape `\\{shown}`; a backslash is written `\\\\`");
                return Err(self.error_from(start, message));
            }
        };
        Ok(Some(c))
    }

    /// Up to three octal digits, of which the first is already consumed.
    fn octal_escape(&mut self) -> Result<char, SyntaxError> {
        let start = self.position.saturating_sub(1);
        for _ in 0..2 {
            self.eat(&['0', '1', '2', '3', '4', '5', '6', '7']);
        }
        let digits = self.source.get(start..self.position).unwrap_or_default();
        let code = u32::from_str_radix(digits, 8).ok();
        code.and_then(char::from_u32).ok_or_else(|| self.error_from(start, "invalid octal escape"))
    }

    fn hex_escape(&mut self, start: usize, length: usize) -> Result<char, SyntaxError> {
        let digits = self.rest().get(..length).unwrap_or_default();
        let code =
            if digits.bytes().all(|b| b.is_ascii_hexdigit()) { u32::from_str_radix(digits, 16).ok() } else { None };
        let Some(c) = code.and_then(char::from_u32) else {
            let message = format!("this escape needs {length} hex digits that name a character");
            return Err(self.error_from(start, message));
        };
        self.position += length;
        Ok(c)
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether every underscore in a run of digits stands between two of them.
fn grouped(digits: &str) -> bool {
    digits.split('_').all(|group| !group.is_empty())
}

/// The first characters of a text, for quoting in a message.
fn shorten(text: &str) -> String {
    let mut shown: String = text.chars().take(24).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
