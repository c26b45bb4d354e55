//! Settings, from environment variables.

use std::sync::OnceLock;

/// When operations of streams run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// At once.
    Eager,
    /// When a call waits for them; other streams as late as events allow.
    Lazy,
    /// As lazy, with other streams' operations drawn in between.
    Random(u64),
}

/// All settings.
#[derive(Debug, Clone)]
pub struct Config {
    pub schedule: Schedule,
    pub devices: usize,
    /// Bytes of memory per device.
    pub memory: usize,
    /// Allocations above this many bytes fail.
    pub oom_over: Option<usize>,
    /// The allocation of this number, counted from 1, fails.
    pub oom_at: Option<u64>,
    /// Whether memory that is still allocated at exit is reported, with exit code 86.
    pub leaks: bool,
    /// Whether races on global memory are looked for.
    pub races: bool,
    /// Instructions of threads after which a launch is taken to run forever.
    pub limit: u64,
    /// Whether blocks and warps run in descending order.
    pub reverse: bool,
    /// Whether each launch is reported.
    pub trace: bool,
    /// Whether kernels, products and fills of fresh memory are left out: what is left is the time that the host takes.
    pub dry: bool,
}

/// Every variable and what it does, as the README lists them.
pub const VARIABLES: &[&str] = &[
    "SIMGPU_SCHED",
    "SIMGPU_DEVICES",
    "SIMGPU_MEM",
    "SIMGPU_OOM_OVER",
    "SIMGPU_OOM_AT",
    "SIMGPU_LEAKS",
    "SIMGPU_RACES",
    "SIMGPU_LIMIT",
    "SIMGPU_ORDER",
    "SIMGPU_TRACE",
    "SIMGPU_DRY",
];

fn read(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = read(name)?;
    let value = text.parse().ok();
    if value.is_none() {
        eprintln!("simgpu: {name}={text} is no number and has no effect");
    }
    value
}

fn flag(name: &str) -> bool {
    read(name).is_some_and(|v| v != "0")
}

/// The settings, read once.
pub fn config() -> &'static Config {
    static CONFIG: OnceLock<Config> = OnceLock::new();
    CONFIG.get_or_init(|| Config {
        schedule: schedule(&read("SIMGPU_SCHED").unwrap_or_default()),
        devices: number("SIMGPU_DEVICES").unwrap_or(1).clamp(1, 16),
        memory: number("SIMGPU_MEM").unwrap_or(1 << 30),
        oom_over: number("SIMGPU_OOM_OVER"),
        oom_at: number("SIMGPU_OOM_AT"),
        leaks: flag("SIMGPU_LEAKS"),
        races: flag("SIMGPU_RACES"),
        limit: number("SIMGPU_LIMIT").unwrap_or(20_000_000_000),
        reverse: read("SIMGPU_ORDER").as_deref() == Some("reverse"),
        trace: flag("SIMGPU_TRACE"),
        dry: flag("SIMGPU_DRY"),
    })
}

fn schedule(text: &str) -> Schedule {
    match text.split_once(':').unwrap_or((text, "1")) {
        ("" | "eager", _) => Schedule::Eager,
        ("lazy", _) => Schedule::Lazy,
        ("random", seed) => Schedule::Random(seed.parse().unwrap_or(1)),
        _ => {
            eprintln!("simgpu: SIMGPU_SCHED={text} is not eager, lazy or random:SEED; eager is taken");
            Schedule::Eager
        }
    }
}
