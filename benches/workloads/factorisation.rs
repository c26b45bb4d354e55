//! Factorisations of matrices in memory.

use crate::common::{Outcome, Settings, Work};
use hyperslab::array::Kind;
use hyperslab::array::compute::FromBlock;
use hyperslab::dtype::Element;
use hyperslab::{Array, Error};
use ndarray::{ArrayD, Axis};
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
