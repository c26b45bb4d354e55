//! Statistics of a gridded field on disk.

use crate::common::{Outcome, Settings, Work};
use hyperslab::store::Create;
use hyperslab::{Array, Error};

pub fn field(settings: &Settings, fmt: &str) -> Result<Array<f32>, Error> {
    settings.context()?.open(settings.path("t2m", fmt))?.try_typed::<f32>()
}

pub fn field_bytes(settings: &Settings) -> usize {
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
            Outcome::new("mean", mean),
            Outcome::new("std", std),
            Outcome::new("min", min),
            Outcome::new("max", max),
        ])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        field_bytes(settings)
    }
}

/// w04: the standard deviation over time of the anomaly from the mean of its calendar month, written to Zarr.
pub struct Anomaly;

impl Anomaly {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

/// The month, from 0, of every fifth day from 2000-01-01 on.
fn months(steps: usize) -> Vec<usize> {
    let leap = |y: usize| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    let length = |year: usize, month: usize| match month {
        1 => 28 + usize::from(leap(year)),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    };
    let (mut year, mut month, mut day) = (2000, 0, 0);
    let mut months = Vec::with_capacity(steps);
    for _ in 0..steps {
        months.push(month);
        day += 5;
        if day >= length(year, month) {
            day -= length(year, month);
            (year, month) = if month == 11 { (year + 1, 0) } else { (year, month + 1) };
        }
    }
    months
}

impl Work for Anomaly {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let cx = settings.context()?;
        let x = field(settings, &settings.fmt)?;
        let steps = x.shape().known()?[0];
        let by_month = x.group_by(0, &months(steps))?;
        let anomaly = &x - by_month.expand(&by_month.mean())?;
        let path = settings.out.join(format!("w04.{}.zarr", std::process::id()));
        let how =
            Create { zarr_version: Some(2), ..Create::new().chunks([180, 360]).codec("blosc-lz4:5").overwrite(true) };
        cx.compute(anomaly.std(0).store(&path, how))?;
        Ok(vec![Outcome::stored("std", &path)])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        field_bytes(settings)
    }
}

/// w05: means over longitudes and over time, of one read.
pub struct Profiles;

impl Profiles {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

impl Work for Profiles {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let cx = settings.context()?;
        let x = field(settings, &settings.fmt)?;
        let (zonal, time) = cx.compute((x.mean(2), x.mean(0)))?;
        Ok(vec![Outcome::new("zonal", zonal), Outcome::new("time", time)])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        field_bytes(settings)
    }
}

/// w06: maps of all places become series of all times, written to Zarr.
pub struct Rechunk;

impl Rechunk {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

impl Work for Rechunk {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let cx = settings.context()?;
        let x = field(settings, &settings.fmt)?;
        let chunk = vec![x.shape().known()?[0], 36, 72];
        let path = settings.out.join(format!("w06.{}.zarr", std::process::id()));
        let how = Create { zarr_version: Some(2), ..Create::new().chunks(chunk).codec("blosc-lz4:5").overwrite(true) };
        cx.compute(x.store(&path, how))?;
        Ok(vec![Outcome::stored("out", &path)])
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
        Ok(vec![Outcome::new("mean", mean)])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        field_bytes(settings)
    }
}

/// w18: the mean over time of packed integers, decoded as they are read, without what is missing.
pub struct PackedMean;

impl PackedMean {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

impl Work for PackedMean {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let cx = settings.context()?;
        let values = cx.open_decoded(settings.path("p16", &settings.fmt))?.cast::<f64>();
        Ok(vec![Outcome::new("mean", cx.compute(values.nanmean(0))?)])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        2 * settings.pick(512 * 180 * 360, 2080 * 360 * 720, 2080 * 360 * 720)
    }
}
