//! Work on arrays that are generated or in memory.

use crate::common::{Outcome, Settings, Work};
use bytemuck::Pod;
use hyperslab::array::Kind;
use hyperslab::array::compute::FromBlock;
use hyperslab::dtype::scalar::Scalar;
use hyperslab::dtype::{DType, Element};
use hyperslab::{Array, Error};
use ndarray::ArrayD;
use num_traits::Float;

/// w01: the sum of ones in chunks of ten.
pub struct TinyChunks;

impl TinyChunks {
    pub fn new(_settings: &Settings) -> Self {
        Self
    }
}

impl Work for TinyChunks {
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let n = self.bytes(settings) / 8;
        let ones = Array::filled(&[n], Scalar::Int(1), DType::F64, Some(&[10]))?.try_typed::<f64>()?;
        Ok(vec![Outcome::new("sum", settings.context()?.compute(ones.sum(..))?)])
    }

    fn bytes(&self, settings: &Settings) -> usize {
        settings.pick(10_000, 100_000, 100_000) * 80
    }
}

/// w02: the Black-Scholes price of calls, materialised.
pub struct BlackScholes<T: Kind> {
    price: Array<T>,
    strike: Array<T>,
    time: Array<T>,
    bytes: usize,
}

impl<T: Element + Pod + Float + Kind> BlackScholes<T> {
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let cx = settings.context()?;
        let n = settings.pick(4 << 20, 16 << 20, 16 << 20);
        let number = |v: f64| T::from(v).unwrap_or_else(T::zero);
        let uniform =
            |i: u64, m: u64| number(((i.wrapping_mul(m) >> 11) & ((1 << 20) - 1)) as f64) / number(1_048_576.0);
        let draw = |m: u64, low: f64, width: f64| {
            let values = (0..n as u64).map(|i| number(low) + number(width) * uniform(i, m)).collect();
            cx.from_ndarray(ArrayD::from_shape_vec(vec![n], values).unwrap_or_default())
        };
        Ok(Self {
            price: draw(2_654_435_761, 5.0, 25.0)?,
            strike: draw(40_503 * 65_537, 1.0, 99.0)?,
            time: draw(2_246_822_519, 0.25, 9.75)?,
            bytes: 4 * n * std::mem::size_of::<T>(),
        })
    }
}

/// The standard normal distribution by the polynomial of Abramowitz and Stegun, 26.2.17.
fn normal<T>(x: &Array<T>) -> Array<T>
where
    T: Kind<Float = T, Quotient = T, Real = T, Truth = bool>,
{
    let k = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let inner = -1.821_255_978 + &k * 1.330_274_429;
    let inner = 1.781_477_937 + &k * inner;
    let inner = -0.356_563_782 + &k * inner;
    let p = &k * (0.319_381_530 + &k * inner);
    let w = 0.398_942_280_4 * (-0.5 * x * x).exp() * p;
    x.less(0.0).where_(&w, 1.0 - &w)
}

impl<T> Work for BlackScholes<T>
where
    T: Element + Pod + Float + FromBlock + Into<f64> + Kind<Float = T, Quotient = T, Real = T, Truth = bool>,
{
    fn run(&self, settings: &Settings) -> Result<Vec<Outcome>, Error> {
        let cx = settings.context()?;
        let (rate, volatility) = (0.02, 0.3);
        let (s, k, t) = (&self.price, &self.strike, &self.time);
        let spread = volatility * t.sqrt();
        let d1 = ((s / k).log() + (rate + 0.5 * volatility * volatility) * t) / &spread;
        let d2 = &d1 - &spread;
        let call = s * normal(&d1) - k * (-rate * t).exp() * normal(&d2);
        Ok(vec![Outcome::new("call", cx.compute(call)?)])
    }

    fn bytes(&self, _settings: &Settings) -> usize {
        self.bytes
    }
}
