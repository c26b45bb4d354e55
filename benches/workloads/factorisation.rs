//! Factorisations of matrices, in memory and stored.

use crate::common::{Outcome, Settings, Work};
use hyperslab::array::Kind;
use hyperslab::array::compute::FromBlock;
use hyperslab::dtype::Element;
use hyperslab::{Array, Error};
use ndarray::{ArrayD, Axis, arr0};
use num_traits::Float;

/// The Cholesky factor of `(i j + i + j) mod 97 / 97`, with `n` on the diagonal.
pub struct Cholesky<T: Kind> {
    matrix: Array<T>,
    n: usize,
}

impl<T: Element + bytemuck::Pod + Float + Kind> Cholesky<T> {
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let n = settings.pick(1024, 4096, 8192);
        let number = |x: f64| T::from(x).unwrap_or_else(T::zero);
        let element = |i: usize, j: usize| match i == j {
            true => number(n as f64),
            false => number(((i * j + i + j) % 97) as f64 / 97.0),
        };
        let values = (0..n * n).map(|at| element(at / n, at % n)).collect();
        let values = ArrayD::from_shape_vec(vec![n, n], values).unwrap_or_default();
        Ok(Self { matrix: settings.context()?.from_ndarray(values)?, n })
    }
}

impl<T> Work for Cholesky<T>
where
    T: Element + bytemuck::Pod + Float + FromBlock + Into<f64> + Kind<Quotient = T>,
{
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let factor = settings.context()?.compute(self.matrix.cholesky())?;
        Ok(vec![Outcome::new("last_row", factor.index_axis(Axis(0), self.n - 1).to_owned())])
    }

    fn bytes(&self, _settings: &Settings) -> usize {
        self.n * self.n * std::mem::size_of::<T>()
    }
}

/// w09qr: both QR factors of a stored table of 64 columns.
pub struct TallQr;

impl TallQr {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

impl Work for TallQr {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let cx = settings.context()?;
        let [q, r] = cx.open(settings.path("tall", &settings.fmt))?.try_typed::<f64>()?.qr()?;
        let (q, r) = cx.compute((q, r))?;
        let norm = q.iter().map(|x| x * x).sum::<f64>().sqrt();
        let sizes = r.diag().mapv(f64::abs).into_dyn();
        Ok(vec![Outcome::new("rdiag", sizes), Outcome::new("qnorm", arr0(norm).into_dyn())])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        8 * 64 * settings.pick(131_072, 1_000_000, 1_000_000)
    }
}

/// w09rsvd: the twenty largest singular values of a stored square, by random products.
pub struct RandomisedSvd;

impl RandomisedSvd {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

impl Work for RandomisedSvd {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let cx = settings.context()?;
        let x = cx.open(settings.path("lowr", &settings.fmt))?.try_typed::<f32>()?;
        let (_, s, _) = x.svd_compressed(20, 2, 10, 0)?;
        Ok(vec![Outcome::new("s", cx.compute(s)?)])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        let n = settings.pick(4_000, 20_000, 20_000);
        4 * n * n
    }
}
