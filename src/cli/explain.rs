//! `hyperslab explain`: how an expression would be computed.

use super::args::Explain;
use super::output::{Failure, save, say};
use super::program;
use super::session::{Goal, Session};
use crate::array::Array;
use crate::drawing::plan::Drawing;
use crate::error::{Error, Result};
use crate::runtime::pipeline::Stage;
use std::path::PathBuf;

/// Runs `hyperslab explain`.
///
/// # Errors
/// What is wrong with the expression, and what keeps it from being planned.
pub fn explain(args: &Explain) -> Result<(), Failure> {
    let source = program::source(&args.program.expr)?;
    let session = Session::start(&args.running)?;
    let arrays = program::arrays(session.cx(), &source, &args.program, args.running.raw)?;
    let goals = goals(args, &arrays)?;
    if args.dot || args.svg.is_some() {
        let drawing = Drawing::new(&session.cx().plan(&goals)?, &session.cx().machine())?;
        if let Some(path) = &args.svg {
            save(path, &drawing.svg())?;
        }
        return if args.dot { say(&drawing.dot()) } else { Ok(()) };
    }
    if args.stage != "all" {
        return say(session.cx().explain(goals, args.stage.parse()?)?.trim_end());
    }
    for stage in Stage::ALL {
        let text = session.cx().explain(goals.clone(), stage)?;
        say(&format!("{}{}:\n{}", if stage == Stage::Expr { "" } else { "\n" }, stage.name(), indented(&text)))?;
    }
    Ok(())
}

/// The results as they would be asked for.
fn goals(args: &Explain, arrays: &[Array]) -> Result<Vec<Goal>> {
    if args.outputs.is_empty() {
        return Ok(arrays.iter().cloned().map(Goal::Show).collect());
    }
    let (outputs, results) = (args.outputs.len(), arrays.len());
    if outputs != results {
        let why = format!("{results} results and {outputs} outputs; give one for each");
        return Err(Error::argument("output", why));
    }
    let update = args.updating.how(&args.running)?;
    let goal = |(path, array): (&PathBuf, &Array)| {
        if let Some(how) = &update {
            return Ok(Goal::Store(Box::new(array.update(path, how.clone()))));
        }
        let how = args.storage.create(&array.shape().max(), array.dtype())?;
        Ok(Goal::Store(Box::new(array.store(path, how))))
    };
    args.outputs.iter().zip(arrays).map(goal).collect()
}

fn indented(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("  {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
