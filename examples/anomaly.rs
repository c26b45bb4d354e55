//! Climate: how far a temperature field strays from its mean over time.
//!
//! Opens ERA5's temperature at two metres, subtracts the mean over time, and asks for four things at once: the anomaly
//! as a new Zarr array, its standard deviation at every place, and its extremes. The field is read twice, once for the
//! mean and once for everything that needs it; neither the field nor the anomaly is ever held whole.
//!
//! Run from the root of the repository: `cargo run --release --example anomaly`

use hyperslab::store::Create;
use hyperslab::{Context, Result};

fn main() -> Result<()> {
    let cx = Context::builder().memory("256 MiB").build()?;
    let t2m = cx.open("data/era5_surface_v3.zarr/t2m")?.try_typed::<f32>()?;
    println!("t2m: {t2m}");

    let anomaly = &t2m - t2m.mean("time");
    let folder = std::env::temp_dir().join(format!("hyperslab-anomaly-{}.zarr", std::process::id()));
    let how = Create::new().chunks([6, 181, 360]).codec("zstd").overwrite(true);
    let stored = anomaly.store(folder.join("t2m"), how);
    let ((), spread, coldest, warmest) = cx.compute((stored, anomaly.std("time"), anomaly.min(..), anomaly.max(..)))?;

    println!("anomaly: from {:.1} K to {:+.1} K", coldest[[]], warmest[[]]);
    println!("standard deviation over the week, in bands of 30 degrees from north to south:");
    for (band, rows) in spread.axis_chunks_iter(ndarray::Axis(0), 30).enumerate().take(6) {
        let mean = rows.mean().unwrap_or(f32::NAN);
        let north = 90 - 30 * i32::try_from(band).unwrap_or(0);
        println!("  {north:+4} to {:+4}  {mean:5.2} K  {}", north - 30, "#".repeat((4.0 * mean) as usize));
    }

    // What was written reads back as the same numbers.
    let again = cx.open(folder.join("t2m"))?.try_typed::<f32>()?;
    println!("stored: {again}");
    assert_eq!(cx.compute(again.std(0))?, spread);
    std::fs::remove_dir_all(&folder).ok();
    Ok(())
}
