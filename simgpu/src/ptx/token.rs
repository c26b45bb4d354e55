//! PTX text to tokens.

/// One token and the line it stands on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Token<'a> {
    pub kind: Kind<'a>,
    pub line: u32,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind<'a> {
    /// Names, directives, mnemonics with all their suffixes, registers and numbers.
    Word(&'a str),
    /// A quoted string, without its quotes.
    Text(&'a str),
    /// Everything else, one character each.
    Mark(char),
}

fn is_word(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'_' | b'$' | b'%' | b'.')
}

/// Splits `text`; comments vanish.
///
/// # Errors
/// A comment or a string without end.
pub fn tokens(text: &str) -> Result<Vec<Token<'_>>, String> {
    let bytes = text.as_bytes();
    let (mut out, mut at, mut line) = (Vec::with_capacity(text.len() / 4), 0, 1);
    while let Some(&c) = bytes.get(at) {
        let begin = at;
        match c {
            b'\n' => {
                line += 1;
                at += 1;
            }
            _ if c.is_ascii_whitespace() || c == 0 => at += 1,
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                while bytes.get(at).is_some_and(|&c| c != b'\n') {
                    at += 1;
                }
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                let end = text[at..].find("*/").ok_or_else(|| format!("line {line}: a comment has no end"))?;
                line += count_lines(&bytes[at..at + end]);
                at += end + 2;
            }
            b'"' => {
                let end = text[at + 1..].find('"').ok_or_else(|| format!("line {line}: a string has no end"))?;
                out.push(Token { kind: Kind::Text(&text[at + 1..at + 1 + end]), line });
                line += count_lines(&bytes[at..at + end]);
                at += end + 2;
            }
            _ if is_word(c) => {
                while let Some(&c) = bytes.get(at) {
                    if is_word(c) {
                        at += 1;
                    } else if bytes[at..].starts_with(b"::") {
                        at += 2;
                    } else {
                        break;
                    }
                }
                out.push(Token { kind: Kind::Word(&text[begin..at]), line });
            }
            _ => {
                let c = text[at..].chars().next().unwrap_or(' ');
                out.push(Token { kind: Kind::Mark(c), line });
                at += c.len_utf8();
            }
        }
    }
    Ok(out)
}

fn count_lines(bytes: &[u8]) -> u32 {
    bytes.iter().map(|&c| u32::from(c == b'\n')).sum()
}
