//! Expressions as text that says all that decides their bytes: by it, an interrupted run knows its own work again.

use super::node::{Expr, ExprKind, Node, walk};
use crate::store::Store;
use crate::store::manifest::{Fingerprint, digest};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The fingerprint of computing `expr` into an array that `layout` describes.
///
/// Every node counts with its kind, dtype, shape, chunks and everything that its kind holds: programs, constants, maps,
/// tilings. Where it was built does not, and of a user's function only the name does.
#[must_use]
pub fn fingerprint(expr: &Expr, layout: String) -> Fingerprint {
    let mut print = Printer::default();
    print.number(expr);
    Fingerprint { expression: digest(print.text.as_bytes()), layout, inputs: print.inputs }
}

/// Prints nodes, each once, after those that it is made of.
#[derive(Default)]
struct Printer {
    text: String,
    numbers: BTreeMap<usize, usize>,
    inputs: BTreeMap<String, String>,
}

impl Printer {
    /// The number of a node, which is printed by then. Deep expressions do not take stack.
    fn number(&mut self, expr: &Expr) -> usize {
        walk(std::slice::from_ref(expr), &mut |next| self.print(next));
        self.numbers.get(&expr.id()).copied().unwrap_or(0)
    }

    fn print(&mut self, expr: &Expr) {
        let kind = match &expr.kind {
            ExprKind::Source(store) => format!("source {}", self.input(store.as_ref())),
            _ => {
                let blanks: Vec<Expr> = expr.inputs().into_iter().map(blank).collect();
                format!("{:?}", expr.with_inputs(&blanks).kind)
            }
        };
        let args: Vec<Option<&usize>> = expr.inputs().iter().map(|e| self.numbers.get(&e.id())).collect();
        let number = self.numbers.len();
        let _ = writeln!(
            self.text,
            "{number}: {kind} of {args:?}: {} {:?} {:?} {:?}",
            expr.dtype, expr.shape, expr.chunks, expr.names
        );
        self.numbers.insert(expr.id(), number);
    }

    /// The name under which a stored array is noted.
    fn input(&mut self, store: &dyn Store) -> String {
        let stamp = store.stamp().unwrap_or_else(|| "trusted".to_owned());
        let path = &store.info().path;
        let mut name = path.clone();
        let mut n = 1;
        // Arrays in memory all have the same path.
        while self.inputs.get(&name).is_some_and(|known| *known != stamp) {
            n += 1;
            name = format!("{path} {n}");
        }
        self.inputs.insert(name.clone(), stamp);
        name
    }
}

/// A node that stands for another where that prints itself.
fn blank(of: &Expr) -> Expr {
    Expr::new(Node {
        kind: ExprKind::Iota,
        dtype: of.dtype,
        time: None,
        shape: of.shape.clone(),
        chunks: of.chunks.clone(),
        names: Vec::new(),
        scalars: Vec::new(),
        site: of.site.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Chunks;
    use crate::device::block::Block;
    use crate::device::data::Data;
    use crate::expr::build::{self, Arg};
    use crate::op::elementwise::ElementOp;
    use crate::store::memory::MemoryStore;
    use std::sync::Arc;

    fn x(values: &[f64]) -> Expr {
        let block = Block::from_vec(values.to_vec(), &[values.len()]).unwrap();
        build::source(Arc::new(MemoryStore::new(Data::shared(block), Chunks::regular(&[values.len()], &[2]).unwrap())))
    }

    fn sum(a: &Expr, b: &Expr) -> Expr {
        build::element(ElementOp::Add, &[Arg::Array(a.clone()), Arg::Array(b.clone())]).unwrap()
    }

    fn of(expr: &Expr) -> Fingerprint {
        fingerprint(expr, String::new())
    }

    #[test]
    fn what_is_built_again_has_the_same_fingerprint() {
        let build = || sum(&x(&[1.0, 2.0, 3.0]), &sum(&x(&[4.0, 5.0, 6.0]), &x(&[1.0, 2.0, 3.0])));
        assert_eq!(of(&build()), of(&build()));
        assert_eq!(of(&build()).inputs.len(), 2);
    }

    #[test]
    fn what_differs_in_anything_has_another() {
        let a = x(&[1.0, 2.0, 3.0]);
        let base = of(&sum(&a, &a));
        let others = [
            of(&build::element(ElementOp::Subtract, &[Arg::Array(a.clone()), Arg::Array(a.clone())]).unwrap()),
            of(&sum(&a, &sum(&a, &a))),
            of(&a),
        ];
        assert!(others.iter().all(|o| o.expression != base.expression && o.inputs == base.inputs));
        let other = x(&[1.0, 2.0, 3.5]);
        let changed = of(&sum(&other, &other));
        assert!(changed.inputs != base.inputs && changed.expression == base.expression);
    }

    #[test]
    fn deep_expressions_do_not_take_stack() {
        let mut deep = x(&[1.0]);
        for _ in 0..20_000 {
            deep = sum(&deep, &deep);
        }
        assert!(!of(&deep).expression.is_empty());
        // Taken apart from the top, so that the drop is not deep either.
        while let Some(next) = deep.inputs().first().map(|e| (*e).clone()) {
            deep = next;
        }
    }
}
