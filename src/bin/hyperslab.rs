//! The `hyperslab` command; everything it does is in [`hyperslab::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    hyperslab::cli::command::main()
}
