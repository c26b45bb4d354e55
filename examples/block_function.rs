//! A function of one's own over chunks: local contrast.
//!
//! `map_blocks` hands a closure every logical chunk of an array, exactly as the array is cut, as an ndarray view. Here
//! the chunks are tiles of 30 by 30 cells of the Earth's relief, and each cell becomes its height above the tile's
//! mean, in deviations of the tile: a hill on a plain stands out as much as a peak in a mountain range. Everything
//! before and after the function fuses as usual.
//!
//! Run from the root of the repository: `cargo run --release --example block_function`

use hyperslab::array::blocks::BlockFn;
use hyperslab::{Context, Result};
use ndarray::{ArrayD, ArrayViewD};

/// Each element's distance from the block's mean, in standard deviations of the block; 0 where a block is flat.
fn contrast(block: ArrayViewD<'_, f64>) -> ArrayD<f64> {
    let mean = block.mean().unwrap_or(0.0);
    let deviation = block.std(0.0);
    block.mapv(|v| if deviation > 0.0 { (v - mean) / deviation } else { 0.0 })
}

fn main() -> Result<()> {
    let cx = Context::default();
    let relief = cx.open("data/etopo40.nc/rose")?;
    println!("relief: {relief}");

    let tiles = relief.cast::<f64>().rechunk(&[30, 30]);
    println!("tiles: {tiles}");
    let local = tiles.map_blocks(&BlockFn::named("local contrast", contrast));

    let whole = (&tiles - tiles.mean(..)) / tiles.std(..);
    let (global, local, at) = cx.compute((
        whole.abs().greater(3.0).count_nonzero(..),
        local.abs().greater(3.0).count_nonzero(..),
        local.argmax(..),
    ))?;
    println!("cells beyond 3 deviations of the whole Earth: {global}");
    println!("cells beyond 3 deviations of their own tile:  {local}");

    let width = i64::try_from(tiles.shape().max()[1]).unwrap_or(1);
    let (row, column) = (at[[]] / width, at[[]] % width);
    println!("what stands out most is at row {row}, column {column}");
    Ok(())
}
