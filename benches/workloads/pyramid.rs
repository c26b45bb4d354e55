//! Coarser and coarser copies of a volume.

use crate::common::{Outcome, Settings, Work};
use hyperslab::expr::windows::Boundary;
use hyperslab::store::Create;
use hyperslab::{Array, Error};

/// w11: four levels of means of 2 by 2 by 2, rounded, each written to Zarr.
pub struct Pyramid;

impl Pyramid {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

/// The names of the levels.
const LEVELS: [&str; 4] = ["l1", "l2", "l3", "l4"];

impl Work for Pyramid {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let cx = settings.context()?;
        let mut x: Array<u16> = cx.open(settings.path("u16", &settings.fmt))?.try_typed()?;
        let (mut writes, mut outcomes) = (Vec::new(), Vec::new());
        for name in LEVELS {
            x = (x.coarsen(&[2, 2, 2], Boundary::Exact)?.mean() + 0.5).floor().cast();
            let path = settings.out.join(format!("w11_{name}.{}.zarr", std::process::id()));
            let chunk: Vec<usize> = x.shape().known()?.iter().map(|&n| n.min(128)).collect();
            let how =
                Create { zarr_version: Some(2), ..Create::new().chunks(chunk).codec("blosc-lz4:5").overwrite(true) };
            writes.push(x.store(&path, how));
            outcomes.push(Outcome::stored(name, &path));
        }
        cx.compute(writes)?;
        Ok(outcomes)
    }

    fn bytes(&self, settings: &Settings) -> usize {
        2 * settings.pick(128 * 512 * 512, 512 * 1024 * 1024, 512 * 1024 * 1024)
    }
}
