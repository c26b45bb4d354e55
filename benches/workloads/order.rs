//! Places, order, histograms, running sums, covariances and spectra.

use crate::climate::{field, field_bytes};
use crate::common::{Outcome, Settings, Work};
use hyperslab::array::histogram::Options;
use hyperslab::op::regional::Method;
use hyperslab::store::Create;
use hyperslab::{Array, Error};
use ndarray::Array1;

/// w07: the mean of some times, of a coarse grid, and of times at places that follow no rule.
pub struct Selections;

impl Selections {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

/// The fractional parts of multiples of the golden ratio, spread over `steps`, in ascending order and each once.
fn scattered(steps: usize) -> Vec<i64> {
    let count = (steps / 100).max(4);
    let mut out: Vec<i64> =
        (0..count).map(|k| (k as f64 * 0.618_033_988_7 * steps as f64 % steps as f64) as i64).collect();
    out.sort_unstable();
    out.dedup();
    out
}

impl Work for Selections {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let cx = settings.context()?;
        let x = field(settings, &settings.fmt)?;
        let places = scattered(x.shape().known()?[0]);
        let places = cx.from_ndarray(Array1::from_vec(places).into_dyn())?;
        let mean = |x: Array<f32>| x.cast::<f64>().mean(..);
        let (a, b, c) = cx.compute((
            mean(x.slice((.., 100))),
            mean(x.slice(ndarray::s![.., ..;10, ..;10])),
            mean(x.take(&places, 0)),
        ))?;
        Ok(vec![Outcome::new("a", a), Outcome::new("b", b), Outcome::new("c", c)])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        field_bytes(settings)
    }
}

/// w13h: a histogram of 256 bins.
pub struct Histogram;

impl Histogram {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

impl Work for Histogram {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let options = Options { range: vec![Some([200.0, 330.0])], ..Options::default() };
        let (counts, _) = field(settings, &settings.fmt)?.histogram(256, &options)?;
        Ok(vec![Outcome::new("h", settings.context()?.compute(counts.cast::<f64>())?)])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        field_bytes(settings)
    }
}

/// w13q: three quantiles over time.
pub struct Quantiles;

impl Quantiles {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

impl Work for Quantiles {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let x = field(settings, &settings.fmt)?;
        let found = x.try_quantiles([0.1, 0.5, 0.9], 0, Method::Linear, false)?;
        Ok(vec![Outcome::new("q", settings.context()?.compute(found)?.to_ndarray::<f64>()?)])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        field_bytes(settings)
    }
}

/// w14: running sums of the departure from freezing, written to Zarr, and the mean change from time to time.
pub struct RunningSums;

impl RunningSums {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

impl Work for RunningSums {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let cx = settings.context()?;
        let x = field(settings, &settings.fmt)?;
        let chunk: Vec<usize> = x.chunks().longest();
        let path = settings.out.join(format!("w14.{}.zarr", std::process::id()));
        let how = Create { zarr_version: Some(2), ..Create::new().chunks(chunk).codec("blosc-lz4:5").overwrite(true) };
        let sums = (&x - 273.15).cumsum(0).store(&path, how);
        let change = x.diff(1, 0).abs().cast::<f64>().mean(..);
        let ((), change) = cx.compute((sums, change))?;
        Ok(vec![Outcome::stored("cumsum", &path), Outcome::new("mad", change)])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        field_bytes(settings)
    }
}

/// w15: the covariance of the columns of a long table.
pub struct Covariance;

impl Covariance {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

impl Work for Covariance {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let cx = settings.context()?;
        let x = cx.open(settings.path("cov", &settings.fmt))?.try_typed::<f32>()?;
        let centred = &x - x.mean(0);
        let rows = x.shape().known()?[0];
        let cov = centred.t().matmul(&centred) / (rows as f32 - 1.0);
        Ok(vec![Outcome::new("cov", cx.compute(cov)?)])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        4 * 200 * settings.pick(80_000, 1_000_000, 1_000_000)
    }
}

/// A long vector.
fn vector(settings: &Settings) -> Result<Array<f32>, Error> {
    settings.context()?.open(settings.path("vec", &settings.fmt))?.try_typed::<f32>()
}

fn vector_length(settings: &Settings) -> usize {
    settings.pick(16 << 20, 256 << 20, 256 << 20)
}

/// w16: the hundred largest elements of a vector, and where the largest is.
pub struct Largest;

impl Largest {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

impl Work for Largest {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let x = vector(settings)?;
        let (top, at) = settings.context()?.compute((x.topk(100, 0), x.argmax(..).cast::<f64>()))?;
        Ok(vec![Outcome::new("topk", top), Outcome::new("argmax", at)])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        4 * vector_length(settings)
    }
}

/// w16s: a vector in order.
pub struct Sorted;

impl Sorted {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

impl Work for Sorted {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let sorted = settings.context()?.compute(vector(settings)?.sort(0))?;
        let step = vector_length(settings) / 16;
        Ok(vec![Outcome::new("q", sorted.iter().copied().step_by(step).collect::<Array1<f32>>().into_dyn())])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        4 * vector_length(settings)
    }
}

/// w17: the mean power over time of the spectrum along circles of latitude.
pub struct Spectrum;

impl Spectrum {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

impl Work for Spectrum {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let spectrum = field(settings, &settings.fmt)?.rfft(2);
        let (re, im) = (spectrum.real(), spectrum.imag());
        let power = (&re * &re + &im * &im).mean(0);
        Ok(vec![Outcome::new("power", settings.context()?.compute(power)?)])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        field_bytes(settings)
    }
}
