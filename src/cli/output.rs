//! Standard output, standard error, and the ways in which a command ends early.

use crate::error::{Error, ErrorKind, Result};
use std::io::{self, IsTerminal, Write};
use std::path::Path;

/// Why a command ends early.
#[derive(Debug)]
pub enum Failure {
    /// An error of the library.
    Error(Error),
    /// An error in an expression, rendered with the place it is at.
    Pointed(String),
    /// Several faults, each a sentence.
    Faults(Vec<String>),
    /// Nobody reads the output any more, as after `| head`: not a fault.
    Closed,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Failure {
    /// The exit code: 0 done, 1 the run failed, 2 the request was wrong, 130 it was interrupted.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Error(error) if error.is_request() => 2,
            Self::Error(error) if *error.kind() == ErrorKind::Cancelled => 130,
            Self::Pointed(_) => 2,
            Self::Error(_) | Self::Faults(_) => 1,
            Self::Closed => 0,
        }
    }

    /// The paragraphs for standard error.
    #[must_use]
    pub fn paragraphs(&self) -> Vec<String> {
        match self {
            Self::Error(error) => vec![error.to_string().replace('\n', " ")],
            Self::Pointed(text) => vec![text.clone()],
            Self::Faults(list) => list.iter().map(|f| f.replace('\n', " ")).collect(),
            Self::Closed => Vec::new(),
        }
    }
}

/// Prints text and a line break to standard output.
///
/// # Errors
/// [`Failure::Closed`] when nobody reads it, an error when it cannot be written for another reason.
pub fn say(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let done = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    done.map_err(|e| match e.kind() {
        io::ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::Error(Error::store("standard output", e)),
    })
}

/// Prints a line to standard error; that nobody reads it is no reason to stop.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether standard error is a terminal.
#[must_use]
pub fn on_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Writes a small file whole or not at all.
///
/// # Errors
/// [`Store`](crate::ErrorKind::Store), naming the file.
pub fn save(path: &Path, text: &str) -> Result<()> {
    let part = crate::store::raw::temporary_beside(path);
    std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, path)).map_err(|e| {
        // What is left of a failed write is of no use; that it cannot be removed either is not the news.
        let _ = std::fs::remove_file(&part);
        Error::store(path, format!("cannot be written: {e}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes() {
        assert_eq!(Failure::from(Error::shape("add", "no")).code(), 2);
        assert_eq!(Failure::from(Error::store("a", "no")).code(), 1);
        assert_eq!(Failure::from(Error::from(ErrorKind::Cancelled)).code(), 130);
        assert_eq!(Failure::Pointed(String::new()).code(), 2);
        assert_eq!(Failure::Faults(vec!["a\nb".into()]).paragraphs(), ["a b"]);
        assert_eq!(Failure::Closed.code(), 0);
    }
}
