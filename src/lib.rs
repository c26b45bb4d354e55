//! Chunked n-dimensional arrays, larger than memory: NumPy expressions over Zarr, HDF5 and `.npy`, in bounded memory.
//!
//! An [`Array`] is a handle on an immutable expression. Operators, reductions and views build larger expressions and
//! compute nothing; [`Context::compute`] plans everything that is asked for together, fuses it, and runs it over the
//! stored chunks on the context's threads, within its memory budget, or refuses it before anything has run. The bits of
//! an answer depend on neither threads, budget, blocks nor fusion.
//!
//! ```
//! use hyperslab::Context;
//!
//! let cx = Context::builder().threads(2).memory("256 MiB").build()?;
//! let t2m = cx.open("data/era5_surface_v3.zarr/t2m")?.try_typed::<f32>()?;
//! let anomaly = &t2m - t2m.mean("time");
//! let (spread, warmest) = cx.compute((anomaly.std(0), anomaly.max(..)))?;
//! assert_eq!(spread.shape(), &[181, 360]);
//! assert!((warmest[[]] - 19.8).abs() < 0.1);
//! # Ok::<(), hyperslab::Error>(())
//! ```
//!
//! # Where to look
//!
//! Users need [`Context`] and [`Array`], whose methods [`mod@array`] lists by topic, and [`store::Create`] to say how
//! results are stored. Modules, from the bottom up; each imports only what stands above it here:
//!
//! - [`error`], [`dtype`], [`shape`]: one error type; element types and their promotion; shapes, axes, broadcasting,
//!   slices.
//! - [`chunk`]: where data is. Chunk grids, boxes, index maps, reduction tilings: geometry only.
//! - [`op`]: what is computed, as data. The table of elementwise operations, fused programs, reductions, kernels.
//! - [`device`], [`cpu`], `cuda`: where kernels run, blocks and the memory budget; the kernels.
//! - [`store`]: the formats that arrays are read from and written to.
//! - [`expr`]: the lazy graph. [`linalg`]: what builds expressions of matrices.
//! - [`blockwise`], [`optimize`], [`task`]: the plan, its rules, its tasks.
//! - [`runtime`]: the context, and the only place with threads.
//! - [`mod@array`]: the public face.
//! - `lang`, `cli`: the expression language, and the command.
//!
//! To add a format, implement [`store::Store`] and [`store::Format`] and run [`store::conformance`]; for a function
//! over chunks, see [`array::blocks`]; for another device, [`device::Device`].

#![warn(clippy::pedantic)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::panic))]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "tests make small numbers"
    )
)]
#![deny(clippy::print_stdout)]
#![allow(
    clippy::module_name_repetitions,
    clippy::many_single_char_names,
    clippy::similar_names,
    reason = "names repeat their module where that reads well; mathematics has short names, and similar ones"
)]
#![allow(
    clippy::single_match_else,
    clippy::struct_excessive_bools,
    clippy::large_enum_variant,
    clippy::cast_ptr_alignment,
    reason = "matches read alike; parsed calls have flags; nodes are behind an Arc; registers are aligned for every element"
)]
#![allow(clippy::inline_always, reason = "loops are compiled per instruction set, which needs their bodies inlined")]
#![allow(clippy::float_cmp, reason = "elements compare as NumPy compares them")]
#![allow(clippy::needless_pass_by_value, reason = "operators take arrays by value and by reference alike")]
#![allow(clippy::match_same_arms, reason = "arms stand in the order in which a rule is thought")]

pub mod error;
pub mod dtype;
pub mod shape;
pub mod chunk;
pub mod op;
pub mod device;
pub mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod store;
pub mod expr;
pub mod linalg;
pub mod blockwise;
pub mod optimize;
pub mod task;
pub mod drawing;
pub mod runtime;
pub mod page;
pub mod array;
pub mod lang;
#[cfg(feature = "cli")]
pub mod cli;

pub use array::{Array, Dyn};
pub use error::{Error, ErrorKind, Result};
pub use runtime::context::Context;

/// The examples of README.md, compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
