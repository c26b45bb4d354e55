//! Expressions and plans for the tests of rules.

use super::{ExprRule, PlanRule, simplify};
use crate::blockwise::draft::Draft;
use crate::blockwise::lower::{Request, lower};
use crate::blockwise::sweep::Machine;
use crate::chunk::{Chunks, Region};
use crate::device::block::Block;
use crate::device::data::Data;
use crate::dtype::DType;
use crate::error::Result;
use crate::expr::{Expr, build};
use crate::op::reduction::{self, Params};
use crate::store::memory::MemoryStore;
use crate::store::{Info, Store};
use std::sync::Arc;

/// An array of zeros in memory, cut into chunks.
pub(crate) fn array(shape: &[usize], chunk: &[usize]) -> Expr {
    let block = Block::from_vec(vec![0f32; crate::shape::size(shape)], shape).unwrap();
    build::source(Arc::new(MemoryStore::new(Data::shared(block), Chunks::regular(shape, chunk).unwrap())))
}

/// A stored array of zeros that is read in chunks.
#[derive(Debug)]
struct Chunked(Info);

impl Store for Chunked {
    fn info(&self) -> &Info {
        &self.0
    }

    fn read(&self, _: &Region, out: &mut [u8]) -> Result<()> {
        out.fill(0);
        Ok(())
    }
}

/// A stored array of zeros, read in chunks.
pub(super) fn stored(path: &str, shape: &[usize], chunk: &[usize]) -> Expr {
    let chunks = Chunks::regular(shape, chunk).unwrap();
    build::source(Arc::new(Chunked(Info::new(path, "test", DType::F32, chunks))))
}

/// A reduction with its reduced axes kept.
pub(super) fn reduce(x: &Expr, name: &str, axes: &[usize]) -> Expr {
    build::reduce(x, reduction::find(name).unwrap(), axes, Params::default()).unwrap()
}

/// What an expression rule makes of these expressions.
pub(super) fn rewritten(rule: &dyn ExprRule, exprs: &[Expr]) -> String {
    let out = simplify::walk(rule, exprs).unwrap();
    out.iter().map(ToString::to_string).collect::<Vec<_>>().concat()
}

/// What plan rules make of these expressions, with a budget of 1 MiB.
pub(super) fn planned(rules: &[&dyn PlanRule], exprs: &[Expr]) -> String {
    let requests: Vec<Request> =
        exprs.iter().map(|e| Request { expr: e.clone(), stored: None, persists: false }).collect();
    planned_requests(rules, &requests)
}

/// As [`planned`], for outputs of which some are stored.
pub(super) fn planned_requests(rules: &[&dyn PlanRule], requests: &[Request]) -> String {
    let machine = Machine { threads: 2, budget: 1 << 20, block_bytes: None, device: None };
    let mut plan = Draft::new(lower(requests).unwrap(), &machine);
    for rule in rules {
        rule.apply(&mut plan).unwrap();
        plan.remove_dead();
        crate::blockwise::verify::verify(&plan, rule.name()).unwrap();
    }
    plan.to_string()
}
