//! The workloads that hyperslab is timed by against its peers, through the public API.
//!
//! ```text
//! workloads --workload w03 --size medium --fmt v2 --dtype f8 --reps 1 --data DIR --out DIR --threads 2 [--cap-mib N]
//! ```
//!
//! Prints one JSON line: time of the work alone (median of the repetitions), processor time, peak resident memory,
//! bytes of the inputs, and a fingerprint of each result.

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    unreachable_pub,
    reason = "a program that measures and prints"
)]

mod common;
mod climate;
mod elementwise;
mod factorisation;
mod images;
mod order;
mod pyramid;

use clap::Parser;
use common::{Settings, Work};
use serde_json::json;
use std::time::Instant;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let settings = Settings::parse();
    if let Some(mib) = settings.cap_mib.filter(|&m| m > 0) {
        common::cap_private_memory(mib)?;
    }
    let work: Box<dyn Work> = match settings.workload.as_str() {
        "w01" => Box::new(elementwise::TinyChunks::new(&settings)),
        "w02" if settings.dtype == "f4" => Box::new(elementwise::BlackScholes::<f32>::new(&settings)?),
        "w02" => Box::new(elementwise::BlackScholes::<f64>::new(&settings)?),
        "w03" => Box::new(climate::Statistics::new(&settings)),
        "w04" => Box::new(climate::Anomaly::new(&settings)),
        "w05" => Box::new(climate::Profiles::new(&settings)),
        "w06" => Box::new(climate::Rechunk::new(&settings)),
        "cholesky" if settings.dtype == "f4" => Box::new(factorisation::Cholesky::<f32>::new(&settings)?),
        "cholesky" => Box::new(factorisation::Cholesky::<f64>::new(&settings)?),
        "w07" => Box::new(order::Selections::new(&settings)),
        "w09qr" => Box::new(factorisation::TallQr::new(&settings)),
        "w09rsvd" => Box::new(factorisation::RandomisedSvd::new(&settings)),
        "w10" => Box::new(images::Smoothed::new(&settings)),
        "w13h" => Box::new(order::Histogram::new(&settings)),
        "w13q" => Box::new(order::Quantiles::new(&settings)),
        "w14" => Box::new(order::RunningSums::new(&settings)),
        "w15" => Box::new(order::Covariance::new(&settings)),
        "w16" => Box::new(order::Largest::new(&settings)),
        "w16s" => Box::new(order::Sorted::new(&settings)),
        "w17" => Box::new(order::Spectrum::new(&settings)),
        "w11" => Box::new(pyramid::Pyramid::new(&settings)),
        "w12" => Box::new(climate::TimeMean::new(&settings)),
        "w18" => Box::new(climate::PackedMean::new(&settings)),
        other => return Err(format!("workload {other} is not here yet").into()),
    };
    let (mut walls, mut cpus, mut results) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..settings.reps.max(1) {
        let (cpu, wall) = (common::processor_seconds(), Instant::now());
        results = work.run(&settings)?;
        walls.push(wall.elapsed().as_secs_f64());
        cpus.push(common::processor_seconds() - cpu);
    }
    let prints: serde_json::Map<_, _> = results.iter().map(|r| (r.name.to_owned(), r.fingerprint())).collect();
    let line = json!({
        "workload": settings.workload, "size": settings.size, "peer": "hyperslab", "fmt": settings.fmt,
        "dtype": settings.dtype, "wall_s": common::median(&mut walls), "cpu_s": common::median(&mut cpus),
        "peak_rss_mib": common::peak_resident_mib(), "bytes_logical": work.bytes(&settings), "results": prints,
    });
    println!("{line}");
    Ok(())
}
