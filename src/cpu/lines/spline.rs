//! The coefficients of the splines through lines: recursions forwards and backwards, neighbouring lines side by side.

use super::scratch::Scratch;
use super::unaligned;
use super::walk::Walk;
use crate::error::Result;
use crate::op::regional::lines::{Around, Coefficients, LANES};

/// The coefficients of the lines of a walk.
///
/// # Errors
/// [`Bug`](crate::ErrorKind::Bug) for memory that is not aligned.
pub(super) fn over(walk: &Walk, of: &Coefficients, from: &[f64], out: &mut [f64]) -> Result<()> {
    if walk.longest() == 1 { lanes::<1>(walk, of, from, out) } else { lanes::<LANES>(walk, of, from, out) }
}

fn lanes<const N: usize>(walk: &Walk, of: &Coefficients, from: &[f64], out: &mut [f64]) -> Result<()>
where
    [f64; N]: bytemuck::Pod,
{
    let len = walk.op.len;
    let mut panel = Scratch::<f64>::new(len * N);
    for group in walk.groups(N) {
        group.side_by_side(from, &mut panel, N, |_, x| x);
        let rows: &mut [[f64; N]] = bytemuck::try_cast_slice_mut(&mut panel).map_err(unaligned)?;
        if len > 1 {
            let poles = || of.poles.iter().map(|z| z.value());
            let gain: f64 = poles().map(|z| (1.0 - z) * (1.0 - 1.0 / z)).fold(1.0, |all, one| all * one);
            for row in rows.iter_mut() {
                *row = row.map(|x| x * gain);
            }
            poles().for_each(|z| recursion(rows, z, of.around));
        }
        for (j, row) in rows.iter().enumerate() {
            for (w, &x) in row[..group.count].iter().enumerate() {
                out[group.place(j, w)] = x;
            }
        }
    }
    Ok(())
}

/// `z` to the power of `n`.
fn power(z: f64, n: usize) -> f64 {
    let (mut out, mut square, mut left) = (1.0, z, n);
    while left > 0 {
        if left % 2 == 1 {
            out *= square;
        }
        square *= square;
        left /= 2;
    }
    out
}

/// Powers of a pole below this count for nothing.
const NOTHING: f64 = 1e-300;

/// Adds `f` times `row` to `sum`.
#[inline(always)]
fn add<const N: usize>(sum: &mut [f64; N], f: f64, row: [f64; N]) {
    sum.iter_mut().zip(row).for_each(|(s, x)| *s += f * x);
}

/// One recursion in both directions. How it begins at either end follows from what stands beyond it, as SciPy has it:
/// of a mirrored line of few elements, the last term of the first sum is not exact there.
fn recursion<const N: usize>(c: &mut [[f64; N]], z: f64, around: Around) {
    let n = c.len();
    let whole = power(z, if around == Around::Mirror { n - 1 } else { n });
    let mut first = c[0];
    let mut z_i = z;
    match around {
        Around::Mirror => {
            add(&mut first, whole, c[n - 1]);
            for i in 1..n - 1 {
                let mut both = c[i];
                add(&mut both, whole, c[n - 1 - i]);
                add(&mut first, z_i, both);
                z_i *= z;
                if z_i.abs() < NOTHING {
                    break;
                }
            }
            first = first.map(|x| x / (1.0 - whole * whole));
        }
        Around::Reflect => {
            let kept = first;
            add(&mut first, whole, c[n - 1]);
            for i in 1..n {
                let mut both = c[i];
                add(&mut both, whole, if i == n - 1 { first } else { c[n - 1 - i] });
                add(&mut first, z_i, both);
                z_i *= z;
                if z_i.abs() < NOTHING {
                    break;
                }
            }
            first = first.map(|x| x * (z / (1.0 - whole * whole)));
            add(&mut first, 1.0, kept);
        }
        Around::Wrap => {
            for i in 1..n {
                add(&mut first, z_i, c[n - i]);
                z_i *= z;
                if z_i.abs() < NOTHING {
                    break;
                }
            }
            first = first.map(|x| x / (1.0 - whole));
        }
    }
    c[0] = first;
    for i in 1..n {
        let before = c[i - 1];
        add(&mut c[i], z, before);
    }
    let mut last = c[n - 1];
    match around {
        Around::Mirror => {
            add(&mut last, z, c[n - 2]);
            last = last.map(|x| x * z / (z * z - 1.0));
        }
        Around::Reflect => last = last.map(|x| x * (z / (z - 1.0))),
        Around::Wrap => {
            let mut z_i = z;
            for row in &c[..n - 1] {
                add(&mut last, z_i, *row);
                z_i *= z;
                if z_i.abs() < NOTHING {
                    break;
                }
            }
            last = last.map(|x| x * (z / (whole - 1.0)));
        }
    }
    c[n - 1] = last;
    for i in (0..n - 1).rev() {
        let after = c[i + 1];
        c[i].iter_mut().zip(after).for_each(|(x, next)| *x = z * (next - *x));
    }
}
