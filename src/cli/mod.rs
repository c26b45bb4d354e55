//! What the `hyperslab` command shows: arrays as text, arrays as pictures.
//!
//! [`mod@print`] writes an array exactly as NumPy 2 does, from the few elements that are shown; [`plot`] draws one
//! as a PNG.

pub mod print;
pub mod plot;
