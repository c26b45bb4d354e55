//! Imaging: a brain volume normalised, thresholded and projected.
//!
//! Opens the full-resolution level of an OME-Zarr volume, brings it to mean 0 and deviation 1, blanks what is dark, and
//! projects the brightest voxel along the last axis. The picture is written as `.npy`, a thumbnail of it is printed.
//!
//! Run from the root of the repository: `cargo run --release --example image_pipeline`

use hyperslab::shape::slice::Item;
use hyperslab::store::Create;
use hyperslab::{Context, Result};

fn main() -> Result<()> {
    let cx = Context::default();
    let volume = cx.open("data/mni152_t1.ome.zarr/0")?.try_typed::<u8>()?;
    println!("volume: {volume}");

    let voxels = volume.cast::<f32>();
    let normal = (&voxels - voxels.mean(..)) / voxels.std(..);
    let tissue = normal.greater(0.5);
    let kept = tissue.where_(&normal, 0.0);
    let projection = kept.max(-1);

    let path = std::env::temp_dir().join(format!("hyperslab-projection-{}.npy", std::process::id()));
    let every = |step| Item::Slice { start: None, stop: None, step };
    let thumbnail = projection.slice([every(10), every(4)]);
    let (mean, std, share, brightest, (), small) = cx.compute((
        voxels.mean(..),
        voxels.std(..),
        tissue.mean(..),
        normal.max(..),
        projection.store(&path, Create::new().overwrite(true)),
        thumbnail,
    ))?;

    println!("voxels: mean {:.2}, standard deviation {:.2}", mean[[]], std[[]]);
    println!("tissue: {:.1} % of the volume, up to {:.2} deviations bright", 100.0 * share[[]], brightest[[]]);
    println!("projection: {}", cx.open(&path)?);
    let shades = [' ', '.', ':', '-', '=', '+', '*', '#', '@'];
    for row in small.rows() {
        let shade = |v: &f32| shades[((v / brightest[[]]) * 8.0).clamp(0.0, 8.0) as usize];
        println!("  {}", row.iter().map(shade).collect::<String>());
    }
    std::fs::remove_file(&path).ok();
    Ok(())
}
