//! Filters.

use crate::common::{Outcome, Settings, Work};
use hyperslab::Error;

/// w10: the Laplacian of a smoothed volume.
pub struct Smoothed;

impl Smoothed {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

impl Work for Smoothed {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let cx = settings.context()?;
        let x = cx.open(settings.path("vol", &settings.fmt))?.try_typed::<f32>()?;
        let smooth = x.ndimage().gaussian_filter(&[2.0])?;
        Ok(vec![Outcome::new("out", cx.compute(smooth.ndimage().laplace()?)?)])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        4 * settings.pick(256usize, 512, 512).pow(3)
    }
}
