//! The command from its arguments to its exit code.

use super::args::{Args, Command, protect};
use super::output::{Failure, note};
use super::{convert, eval, explain, index, info, pyramid};
use crate::error::{Error, ErrorKind};
use clap::Parser;
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::process::ExitCode;

/// The first panic of the process: what it said and where.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Runs the command with the arguments of the process. The exit code is 0 when it did what was asked, 1 when the run
/// failed, 2 when the request was wrong, 130 when it was interrupted.
#[must_use]
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(remember));
    let args = match Args::try_parse_from(protect(std::env::args_os().collect())) {
        Ok(args) => args,
        Err(error) => {
            // Help for `| head` need not be read to its end.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let failure = match catch_unwind(AssertUnwindSafe(|| run(&args.command))) {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(failure)) => failure,
        Err(_) => Failure::Error(Error::bug("no panic reaches the command")),
    };
    for paragraph in failure.paragraphs() {
        note(&format!("error: {paragraph}{}", said(&failure)));
    }
    ExitCode::from(failure.code())
}

/// What a panic said, for an error that is due to one.
fn said(failure: &Failure) -> String {
    let ours = matches!(failure, Failure::Error(error) if matches!(error.kind(), ErrorKind::Bug { .. }));
    let text = if ours { PANIC.lock().take() } else { None };
    text.map(|text| format!("; {text}")).unwrap_or_default()
}

fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Info(args) => info::info(args),
        Command::Eval(args) => eval::eval(args),
        Command::Explain(args) => explain::explain(args),
        Command::Convert(args) => convert::convert(args),
        Command::Rechunk(args) => convert::rechunk(args),
        Command::Plot(args) => eval::plot(args),
        Command::Pyramid(args) => pyramid::pyramid(args),
        Command::Index(args) => index::index(args),
    }
}

/// Keeps the first panic for the end, in place of the text that the standard hook prints at once.
fn remember(info: &PanicHookInfo<'_>) {
    let said = info.payload_as_str().unwrap_or("no message").replace('\n', " ");
    let place = info.location().map(|l| format!(" ({}:{})", l.file(), l.line())).unwrap_or_default();
    PANIC.lock().get_or_insert_with(|| format!("{said}{place}"));
}
