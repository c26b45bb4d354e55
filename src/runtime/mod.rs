//! Running plans: the only place with threads.
//!
//! [`context::Context`] carries threads, budget, devices (`devices.rs`) and observers; `pipeline.rs` goes from requests
//! to a task graph, every stage printable, and `choice.rs` to a GPU where that is left to it; `executor.rs` admits
//! tasks against the byte budget and runs them on the context's pool, or where `enqueue.rs` finds that they only
//! enqueue, by itself; `launch.rs` keeps kernels ready; `fetch.rs` and `rows.rs` read what a block needs, put together
//! in `collage.rs`, through `cache.rs` where chunks are shared; `calls.rs` calls user functions, `product.rs`
//! multiplies matrices panel by panel, `substitute.rs` solves triangular systems; `fold.rs` combines tiles in a fixed
//! tree, `gathered.rs` all at once on the device that has them, `carry.rs` joins the blocks of scans in order,
//! `tiles.rs` runs factorisations; `running.rs` sets up where the results of a sweep go, `gate.rs` holds tasks back,
//! `target.rs` takes them, `spill.rs` those that go to disk for a while; `retry.rs` makes requests again that failed
//! for a moment; `trace.rs` counts and times, into a `report.rs`, and where a run is profiled, `recorder.rs` fills a
//! `profile.rs` made of what `record.rs` has; `interrupt.rs` stops a run when the process is interrupted.

pub mod knobs;
pub mod record;
pub mod profile;
pub mod report;
pub mod cache;
pub(crate) mod spill;
pub(crate) mod runs;
pub(crate) mod devices;
pub mod context;
pub(crate) mod recorder;
pub mod trace;
pub(crate) mod each;
pub(crate) mod retry;
pub(crate) mod copy;
pub mod interrupt;
pub(crate) mod launch;
pub(crate) mod collage;
pub(crate) mod fetch;
mod stored;
mod ahead;
pub(crate) mod enqueue;
pub(crate) mod rows;
pub(crate) mod gather;
pub(crate) mod calls;
pub(crate) mod product;
pub(crate) mod substitute;
pub(crate) mod merged;
pub(crate) mod target;
pub(crate) mod fold;
pub(crate) mod gathered;
pub(crate) mod carry;
pub(crate) mod tiles;
pub(crate) mod running;
pub(crate) mod gate;
mod choice;
pub mod pipeline;
pub mod executor;
