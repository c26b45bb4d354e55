//! What goes wrong in a case: stores that fail, for a moment or for good, and a function that panics.

use crate::expressions::{Case, Rng};
use hyperslab::chunk::Region;
use hyperslab::expr::{Expr, ExprKind};
use hyperslab::store::{Info, Store};
use hyperslab::{Array, Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Every tenth read fails, and works when it is made again.
    Passing,
    /// From some read on, nothing can be read.
    Unreadable,
    /// Some read panics.
    Panicking,
}

/// Whether anything has gone wrong in this process: a case may be done before its fault comes.
pub static STRUCK: AtomicBool = AtomicBool::new(false);

/// A store that reads another, and fails.
#[derive(Debug)]
struct Faulty {
    inner: Arc<dyn Store>,
    fault: Fault,
    at: usize,
    reads: AtomicUsize,
}

impl Store for Faulty {
    fn info(&self) -> &Info {
        self.inner.info()
    }

    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        let n = self.reads.fetch_add(1, Ordering::Relaxed);
        let path = self.info().path.clone();
        if self.fault != Fault::Passing && n >= self.at {
            STRUCK.store(true, Ordering::Relaxed);
        }
        match self.fault {
            Fault::Passing if n % 10 == 9 => {
                let why = "the connection was reset".to_owned();
                Err(Error::from(ErrorKind::Store { path, why }).transient())
            }
            Fault::Unreadable if n >= self.at => {
                let index = self.info().chunks.touching(region).start;
                let why = format!("chunk {} is damaged", hyperslab::shape::Shape::new(&index));
                Err(ErrorKind::Store { path, why }.into())
            }
            Fault::Panicking if n >= self.at => std::panic::panic_any("reading fails at random"),
            _ => self.inner.read(region, out),
        }
    }
}

/// The expression of `answer` over stores with the fault of `case`.
pub fn injected(answer: &Array, case: &Case) -> Array {
    if case.fault == Fault::None {
        return answer.clone();
    }
    let at = Rng::new(case.seed ^ 0xfa_17).below(24);
    let mut known = Vec::new();
    Array::from_expr(replaced(answer.expr(), case.fault, at, &mut known))
}

fn replaced(expr: &Expr, fault: Fault, at: usize, known: &mut Vec<(usize, Expr)>) -> Expr {
    if let Some((_, new)) = known.iter().find(|(id, _)| *id == expr.id()) {
        return new.clone();
    }
    let new = if let ExprKind::Source(inner) = &expr.kind {
        let store = Faulty { inner: Arc::clone(inner), fault, at, reads: AtomicUsize::new(0) };
        expr.with_kind(ExprKind::Source(Arc::new(store)))
    } else {
        let inputs: Vec<Expr> = expr.inputs().into_iter().map(|i| replaced(i, fault, at, known)).collect();
        expr.with_inputs(&inputs)
    };
    known.push((expr.id(), new.clone()));
    new
}
