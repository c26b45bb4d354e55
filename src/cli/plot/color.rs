//! Colours: the scale of images, and those of everything else.

use embedded_graphics::pixelcolor::Rgb888;

/// The ground.
pub(super) const PAPER: Rgb888 = Rgb888::new(255, 255, 255);
/// Text, frames and ticks.
pub(super) const INK: Rgb888 = Rgb888::new(51, 51, 51);
/// Grid lines.
pub(super) const GRID: Rgb888 = Rgb888::new(228, 228, 228);
/// The line of a line plot.
pub(super) const LINE: Rgb888 = Rgb888::new(38, 104, 176);
/// Elements that are not a number.
pub(super) const MISSING: Rgb888 = Rgb888::new(190, 190, 190);

/// Twenty colours along viridis, evenly spaced: dark to bright, equal steps to the eye, safe for the colour-blind.
const VIRIDIS: [u32; 20] = [
    0x44_01_54, 0x48_15_67, 0x48_26_77, 0x45_37_81, 0x40_47_88, 0x39_56_8c, 0x33_63_8d, 0x2d_70_8e, 0x28_7d_8e,
    0x23_8a_8d, 0x1f_96_8b, 0x20_a3_87, 0x29_af_7f, 0x3c_bb_75, 0x55_c6_67, 0x73_d0_55, 0x95_d8_40, 0xb8_de_29,
    0xdc_e3_19, 0xfd_e7_25,
];

/// The colour at `fraction` of the scale, from 0 to 1; grey for NaN.
pub(super) fn viridis(fraction: f64) -> Rgb888 {
    if fraction.is_nan() {
        return MISSING;
    }
    let at = fraction.clamp(0.0, 1.0) * 19.0;
    let step = (0..18).find(|&k| at < f64::from(k + 1)).unwrap_or(18);
    let channel = |shift: u32| {
        let of = |k: usize| f64::from(VIRIDIS[k] >> shift & 0xff);
        let k = usize::try_from(step).unwrap_or(0);
        level(of(k) + (of(k + 1) - of(k)) * (at - f64::from(step)))
    };
    Rgb888::new(channel(16), channel(8), channel(0))
}

/// The nearest of the 256 levels of a channel.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range of u8")]
pub(super) fn level(value: f64) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}
