//! One error type for the whole library.
//!
//! [`Error`] wraps a non-exhaustive [`ErrorKind`] that carries the facts (operation, shapes, bytes, path, ...) and a
//! list of context frames that the layers add on the way out: the call site that built the expression, the block, the
//! chunk, the file. `Display` prints the facts first and the frames after them, in one paragraph.

use std::path::Path;
use std::{fmt, io};

/// The result of everything that touches data, disk or device.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, with the facts a caller may want to match on.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// Shapes that do not fit the operation.
    Shape {
        /// The operation.
        op: String,
        /// What does not fit, naming the shapes.
        why: String,
    },
    /// Element types that do not fit the operation.
    DType {
        /// The operation.
        op: String,
        /// What does not fit, naming the dtypes.
        why: String,
    },
    /// An axis outside the array's rank, or named twice.
    Axis {
        /// The operation.
        op: String,
        /// What is wrong with it.
        why: String,
    },
    /// An index outside the array, or of a kind that does not index.
    Index {
        /// What is wrong with it.
        why: String,
    },
    /// A chunk grid that does not fit the array.
    Chunks {
        /// What does not fit.
        why: String,
    },
    /// Any other argument that the operation refuses.
    Argument {
        /// The operation.
        op: String,
        /// What is wrong.
        why: String,
    },
    /// The expression text cannot be understood; `column` counts characters from 1.
    Syntax {
        /// Where.
        column: usize,
        /// What was expected.
        why: String,
    },
    /// The work cannot be done within the memory budget.
    Memory {
        /// The operation that needs most.
        op: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        budget: u64,
    },
    /// A file, array or chunk that cannot be read or written.
    Store {
        /// The path of the array or file.
        path: String,
        /// What failed.
        why: String,
    },
    /// A device that is missing or failed.
    Device {
        /// The device's name.
        device: String,
        /// What failed.
        why: String,
    },
    /// Something that is well defined but not offered.
    Unsupported {
        /// What was asked for.
        what: String,
    },
    /// Data on which the operation has no answer.
    Numerical {
        /// The operation.
        op: String,
        /// What the data held.
        why: String,
    },
    /// A user's block function panicked or returned the wrong block.
    Function {
        /// The function's name.
        name: String,
        /// What it did.
        why: String,
    },
    /// The run was cancelled.
    Cancelled,
    /// Our own fault: a broken invariant.
    Bug {
        /// The invariant that did not hold.
        invariant: String,
    },
}

/// The error of every fallible call: an [`ErrorKind`] and where it happened.
///
/// ```
/// use hyperslab::{Context, ErrorKind};
/// let cx = Context::default();
/// let err = cx.open("no/such/place.zarr").unwrap_err();
/// assert!(matches!(err.kind(), ErrorKind::Store { .. }));
/// assert!(err.to_string().contains("no/such/place.zarr"));
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    frames: Vec<String>,
    transient: bool,
    refused: bool,
}

impl Error {
    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The context frames, innermost first.
    #[must_use]
    pub fn frames(&self) -> &[String] {
        &self.0.frames
    }

    /// The same error with one more frame of context, such as `block (0, 3)`.
    #[must_use]
    pub fn at(mut self, frame: impl fmt::Display) -> Self {
        let frame = frame.to_string();
        if self.0.frames.last() != Some(&frame) {
            self.0.frames.push(frame);
        }
        self
    }

    /// The same error, as one that may be gone when the request is made again: a time-out, a connection that broke. A
    /// run makes requests to stores again that fail so, a few times.
    ///
    /// ```
    /// use hyperslab::{Error, ErrorKind};
    /// let busy = ErrorKind::Store { path: "bucket/x".into(), why: "timed out".into() };
    /// assert!(Error::from(busy).transient().is_transient());
    /// ```
    #[must_use]
    pub fn transient(mut self) -> Self {
        self.0.transient = true;
        self
    }

    /// Whether the same request may succeed when it is made again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// The same error, as one of somebody who refuses what is asked for, and may not say whether it is there.
    #[must_use]
    #[cfg_attr(not(feature = "remote"), allow(dead_code, reason = "its users are left out"))]
    pub(crate) fn refused(mut self) -> Self {
        self.0.refused = true;
        self
    }

    /// Whether what is asked for was refused.
    #[must_use]
    #[cfg_attr(not(feature = "zarr"), allow(dead_code, reason = "its users are left out"))]
    pub(crate) fn is_refused(&self) -> bool {
        self.0.refused
    }

    /// Whether the request itself was wrong, as opposed to a run that failed.
    #[must_use]
    pub fn is_request(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Shape { .. }
                | ErrorKind::DType { .. }
                | ErrorKind::Axis { .. }
                | ErrorKind::Index { .. }
                | ErrorKind::Chunks { .. }
                | ErrorKind::Argument { .. }
                | ErrorKind::Syntax { .. }
                | ErrorKind::Unsupported { .. }
        )
    }

    pub(crate) fn shape(op: impl Into<String>, why: impl Into<String>) -> Self {
        ErrorKind::Shape { op: op.into(), why: why.into() }.into()
    }

    pub(crate) fn dtype(op: impl Into<String>, why: impl Into<String>) -> Self {
        ErrorKind::DType { op: op.into(), why: why.into() }.into()
    }

    pub(crate) fn axis(op: impl Into<String>, why: impl Into<String>) -> Self {
        ErrorKind::Axis { op: op.into(), why: why.into() }.into()
    }

    pub(crate) fn index(why: impl Into<String>) -> Self {
        ErrorKind::Index { why: why.into() }.into()
    }

    pub(crate) fn chunks(why: impl Into<String>) -> Self {
        ErrorKind::Chunks { why: why.into() }.into()
    }

    pub(crate) fn argument(op: impl Into<String>, why: impl Into<String>) -> Self {
        ErrorKind::Argument { op: op.into(), why: why.into() }.into()
    }

    pub(crate) fn memory(op: impl Into<String>, needed: u64, budget: u64) -> Self {
        ErrorKind::Memory { op: op.into(), needed, budget }.into()
    }

    pub(crate) fn store(path: impl AsRef<Path>, why: impl fmt::Display) -> Self {
        ErrorKind::Store { path: path.as_ref().display().to_string(), why: why.to_string() }.into()
    }

    /// As [`Error::store`], for a request to the operating system that failed with `cause`.
    pub(crate) fn request(path: impl AsRef<Path>, doing: impl fmt::Display, cause: &io::Error) -> Self {
        use io::ErrorKind::{Interrupted, ResourceBusy, TimedOut, WouldBlock};
        let error = Self::store(path, format!("{doing}: {cause}"));
        let passes = matches!(cause.kind(), Interrupted | ResourceBusy | TimedOut | WouldBlock);
        if passes { error.transient() } else { error }
    }

    pub(crate) fn device(device: impl Into<String>, why: impl Into<String>) -> Self {
        ErrorKind::Device { device: device.into(), why: why.into() }.into()
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        ErrorKind::Unsupported { what: what.into() }.into()
    }

    pub(crate) fn numerical(op: impl Into<String>, why: impl Into<String>) -> Self {
        ErrorKind::Numerical { op: op.into(), why: why.into() }.into()
    }

    pub(crate) fn bug(invariant: impl Into<String>) -> Self {
        ErrorKind::Bug { invariant: invariant.into() }.into()
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(Inner { kind, frames: Vec::new(), transient: false, refused: false }))
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { op, why }
            | Self::DType { op, why }
            | Self::Axis { op, why }
            | Self::Argument { op, why }
            | Self::Numerical { op, why } => write!(f, "{op}: {why}"),
            Self::Index { why } => write!(f, "index: {why}"),
            Self::Chunks { why } => write!(f, "chunks: {why}"),
            Self::Syntax { column, why } => write!(f, "column {column}: {why}"),
            Self::Memory { op, needed, budget } => write!(
                f,
                "{op}: needs {} of memory and the budget is {}; raise it to at least {}",
                Bytes(*needed),
                Bytes(*budget),
                Bytes(*needed).rounded_up()
            ),
            Self::Store { path, why } => write!(f, "{path}: {why}"),
            Self::Device { device, why } => write!(f, "device {device}: {why}"),
            Self::Unsupported { what } => write!(f, "{what}"),
            Self::Function { name, why } => write!(f, "block function {name}: {why}"),
            Self::Cancelled => write!(f, "cancelled"),
            Self::Bug { invariant } => write!(f, "a bug in hyperslab, please report it: {invariant}"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.kind)?;
        if !self.0.frames.is_empty() {
            write!(f, " ({})", self.0.frames.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

/// What a caught panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

/// A byte count that prints as people write it: `1.5 MiB`.
///
/// ```
/// assert_eq!(hyperslab::error::Bytes(3 << 19).to_string(), "1.5 MiB");
/// assert_eq!(hyperslab::error::Bytes(12).to_string(), "12 B");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl Bytes {
    /// The least count that is not smaller and that reads back as it prints.
    ///
    /// ```
    /// use hyperslab::error::Bytes;
    /// assert_eq!(Bytes((62 << 20) + 1).to_string(), "62 MiB");
    /// assert_eq!(Bytes((62 << 20) + 1).rounded_up().to_string(), "62.1 MiB");
    /// assert_eq!(Bytes((62 << 20) + 1).rounded_up().rounded_up().to_string(), "62.1 MiB");
    /// ```
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of bytes, a little larger")]
    pub fn rounded_up(self) -> Self {
        let (value, scale, _) = self.scaled();
        let digits = if value >= 100.0 { 1.0 } else { 10.0 };
        Self(((value * digits).ceil() / digits * scale) as u64)
    }

    /// The count in a unit that suits it, the unit in bytes and its name.
    #[expect(clippy::cast_precision_loss, reason = "three digits are printed")]
    fn scaled(self) -> (f64, f64, &'static str) {
        let (mut scale, mut unit) = (1.0, "B");
        for next in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
            if self.0 as f64 / scale < 1024.0 {
                break;
            }
            (scale, unit) = (scale * 1024.0, next);
        }
        (self.0 as f64 / scale, scale, unit)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, _, unit) = self.scaled();
        if value.fract() < 0.05 || value >= 100.0 {
            write!(f, "{value:.0} {unit}")
        } else {
            write!(f, "{value:.1} {unit}")
        }
    }
}
