//! Statistics of a gridded field on disk.

use crate::common::{Outcome, Settings, Work};
use hyperslab::{Array, Error};

fn field(settings: &Settings, fmt: &str) -> Result<Array<f32>, Error> {
    settings.context()?.open(settings.path("t2m", fmt))?.try_typed::<f32>()
}

fn field_bytes(settings: &Settings) -> usize {
    4 * settings.pick(256 * 180 * 360, 1040 * 360 * 720, 1824 * 720 * 1440)
}

/// w03: mean, standard deviation, minimum and maximum of everything, in one pass.
pub struct Statistics;

impl Statistics {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

impl Work for Statistics {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let cx = settings.context()?;
        let x = field(settings, &settings.fmt)?;
        let wide = x.cast::<f64>();
        let (mean, std, min, max) = cx.compute((wide.mean(..), wide.std(..), x.min(..), x.max(..)))?;
        Ok(vec![
            Outcome::new("mean", &mean),
            Outcome::new("std", &std),
            Outcome::new("min", &min),
            Outcome::new("max", &max),
        ])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        field_bytes(settings)
    }
}

/// w12: the mean over time of a NetCDF-4 variable.
pub struct TimeMean;

impl TimeMean {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

impl Work for TimeMean {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let cx = settings.context()?;
        let mean = cx.compute(field(settings, "h5")?.cast::<f64>().mean(0))?;
        Ok(vec![Outcome::new("mean", &mean)])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        field_bytes(settings)
    }
}
