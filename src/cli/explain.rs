//! `hyperslab explain`: how an expression would be computed.

use super::args::Explain;
use super::graph::Graph;
use super::output::{Failure, save, say};
use super::program;
use super::session::Session;
use crate::blockwise::lower::Request;
use crate::error::Result;
use crate::runtime::pipeline::{Stage, prepare};

/// Runs `hyperslab explain`.
///
/// # Errors
/// What is wrong with the expression, and what keeps it from being planned.
pub fn explain(args: &Explain) -> Result<(), Failure> {
    let source = program::source(&args.program.expr)?;
    let session = Session::start(&args.running)?;
    let arrays = program::arrays(session.cx(), &source, &args.program.inputs)?;
    if args.dot || args.svg.is_some() {
        let requests: Vec<Request> = arrays.iter().map(|a| Request { expr: a.expr().clone(), stored: None }).collect();
        let graph = Graph::new(&prepare(session.cx(), &requests)?.0);
        if let Some(path) = &args.svg {
            save(path, &graph.svg())?;
        }
        return if args.dot { say(&graph.dot()) } else { Ok(()) };
    }
    if args.stage != "all" {
        return say(session.cx().explain(arrays, args.stage.parse()?)?.trim_end());
    }
    for stage in Stage::ALL {
        let text = session.cx().explain(arrays.clone(), stage)?;
        say(&format!("{}{}:\n{}", if stage == Stage::Expr { "" } else { "\n" }, stage.name(), indented(&text)))?;
    }
    Ok(())
}

fn indented(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("  {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
