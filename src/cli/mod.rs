//! The `hyperslab` command: its arguments, what each subcommand does, and arrays as text and pictures.
//!
//! [`command::main`] is where it begins: [`args`] parses, [`storage`] says how outputs are stored, [`session`] sets up
//! threads, budget and observers, and one module per subcommand does the work: [`info`] (with [`stats`]), [`eval`],
//! [`explain`], [`convert`], [`pyramid`], [`index`]. [`program`] turns an expression and its inputs into arrays,
//! [`staging`] keeps unfinished outputs out of sight, [`profile`] writes down what a run did, [`output`] is the only
//! way to standard output.
//!
//! [`mod@print`] writes an array exactly as NumPy 2 does, from the few elements that are shown; [`plot`] draws one
//! as a PNG or an SVG.

pub mod print;
pub mod plot;
pub mod labels;
pub mod storage;
pub mod args;
pub mod output;
pub mod staging;
pub mod profile;
pub mod progress;
pub mod session;
pub mod expansion;
pub mod program;
pub mod stats;
pub mod convert;
pub mod pyramid;
pub mod eval;
pub mod explain;
pub mod info;
pub mod index;
pub mod command;
