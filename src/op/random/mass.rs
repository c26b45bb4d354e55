//! Logarithms of probabilities of counts, accurate for large ones: the saddle-point expansion of Loader, "Fast and
//! accurate computation of binomial probabilities" (2000).

use super::straight::log;

/// `log(2 pi) / 2`.
const HALF_LOG_TWO_PI: f64 = 0.918_938_533_204_672_8;

/// [`stirling`] of 0 (which nothing asks for) to 15.
const SMALL: [f64; 16] = [
    0.0,
    0.081_061_466_795_327_26,
    0.041_340_695_955_409_3,
    0.027_677_925_684_998_34,
    0.020_790_672_103_765_093,
    0.016_644_691_189_821_193,
    0.013_876_128_823_070_748,
    0.011_896_709_945_891_77,
    0.010_411_265_261_972_096,
    0.009_255_462_182_712_733,
    0.008_330_563_433_362_87,
    0.007_573_675_487_951_841,
    0.006_942_840_107_209_53,
    0.006_408_994_188_004_207,
    0.005_951_370_112_758_847_5,
    0.005_554_733_551_962_801,
];

/// `log(n!)` less Stirling's formula, for a whole number above 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number below 16")]
fn stirling(n: f64) -> f64 {
    if n < 16.0 {
        return SMALL[n as usize];
    }
    let square = n * n;
    (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / square) / square) / square) / square)
        / n
}

/// `log(n!)` of a whole number.
pub(super) fn log_factorial(n: f64) -> f64 {
    if n < 1.0 {
        return 0.0;
    }
    (n + 0.5) * log(n) - n + HALF_LOG_TWO_PI + stirling(n)
}

/// `x log(x / mean) + mean - x`, without cancellation where the two are close.
fn deviance(x: f64, mean: f64) -> f64 {
    let gap = x - mean;
    if gap.abs() >= 0.1 * (x + mean) {
        return x * log(x / mean) + mean - x;
    }
    let v = gap / (x + mean);
    let square = v * v;
    let (mut sum, mut term) = (gap * v, 2.0 * x * v);
    // Terms shrink a hundredfold, so a few of them are enough.
    for odd in [3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0, 17.0] {
        term *= square;
        sum += term / odd;
    }
    sum
}

/// The logarithm of the probability of `k` where `mean` is expected, of a Poisson distribution.
pub(super) fn poisson(k: f64, mean: f64) -> f64 {
    if k < 1.0 {
        return -mean;
    }
    -stirling(k) - deviance(k, mean) - HALF_LOG_TWO_PI - 0.5 * log(k)
}

/// The logarithm of the probability of `k` successes of `n`, each of probability `p`; `q` is `1 - p`.
pub(super) fn binomial(k: f64, n: f64, p: f64, q: f64) -> f64 {
    let rest = n - k;
    if k < 1.0 {
        return -deviance(n, n * q) - n * p;
    }
    if rest < 1.0 {
        return -deviance(n, n * p) - n * q;
    }
    let correction = stirling(n) - stirling(k) - stirling(rest);
    correction - deviance(k, n * p) - deviance(rest, n * q) - HALF_LOG_TWO_PI + 0.5 * log(n / k / rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_add_up() {
        let total: f64 = (0..200).map(|k| poisson(f64::from(k), 41.5).exp()).sum();
        assert!((total - 1.0).abs() < 1e-13, "{total}");
        let total: f64 = (0..=60).map(|k| binomial(f64::from(k), 60.0, 0.3, 0.7).exp()).sum();
        assert!((total - 1.0).abs() < 1e-13, "{total}");
        assert!((log_factorial(20.0) - 2_432_902_008_176_640_000f64.ln()).abs() < 1e-13);
        // The peak of a wide distribution, where logarithms of factorials would keep no digit.
        let peak = poisson(1e15, 1e15) + 0.5 * (2.0 * std::f64::consts::PI * 1e15).ln();
        assert!(peak.abs() < 1e-12, "{peak}");
    }
}
