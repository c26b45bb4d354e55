//! Kernels on the CPU.
//!
//! Programs run over *strips* of `strip::STRIP` elements: every instruction is one monomorphic vector loop, chosen once
//! per program for the machine's instruction set (`loops.rs`, `casts.rs`, `random.rs`, and `fused.rs` for instructions
//! that often stand together), and the registers between them stay in the first cache (`strip.rs`). `space.rs` turns
//! strided, broadcast and flipped views into strips (short rows through `transpose.rs`); `elementwise.rs`, `reduce.rs`
//! (with the accumulators of `lanes.rs`, the loops of `folds.rs` that keep them in registers, and those of
//! `positions.rs` that find extremes) and `scan.rs` (`doubling.rs`) walk blocks with them; `gemm.rs` multiplies
//! matrices, `factor.rs` and `lu.rs` factor their tiles; `lines.rs` sorts lines, `select.rs` keeps rows, `lookup.rs`
//! finds elements in tables (`tables.rs`) and `tally.rs` counts them in bins, chosen by `regional.rs`; `gather.rs`
//! copies elements from places that are data, `windows.rs` reduces boxes at regular distances, `regrid.rs` makes grids
//! of others, `filter.rs` computes elements from windows, `resample.rs` what lies between them, `label.rs` connects
//! them; `decompose.rs` factors whole matrices, with the reflections of `householder.rs`; `shuffle.rs` puts the bytes
//! of elements together; `device.rs` is the [`crate::device::Device`].

pub(crate) mod isa;
pub(crate) mod copy;
#[cfg(any(feature = "zarr", feature = "hdf5"))]
#[cfg_attr(not(feature = "hdf5"), allow(dead_code, reason = "its users are left out"))]
pub(crate) mod shuffle;
pub(crate) mod loops;
pub(crate) mod casts;
pub(crate) mod fused;
pub(crate) mod random;
pub(crate) mod strip;
pub(crate) mod transpose;
pub(crate) mod space;
pub(crate) mod elementwise;
pub(crate) mod folds;
pub(crate) mod lanes;
pub(crate) mod positions;
pub(crate) mod reduce;
pub(crate) mod doubling;
pub(crate) mod scan;
pub(crate) mod gemm;
pub(crate) mod factor;
pub(crate) mod lu;
pub(crate) mod lines;
pub(crate) mod select;
pub(crate) mod tables;
pub(crate) mod lookup;
pub(crate) mod tally;
pub(crate) mod gather;
pub(crate) mod windows;
pub(crate) mod regrid;
pub(crate) mod filter;
pub(crate) mod resample;
pub(crate) mod label;
#[cfg(feature = "linalg")]
pub(crate) mod householder;
pub(crate) mod decompose;
pub(crate) mod regional;
pub mod device;
