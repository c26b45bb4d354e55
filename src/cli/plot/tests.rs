//! Pictures of ordinary and of awkward arrays.

use super::canvas::{Canvas, shortened};
use super::color::{MISSING, PAPER, viridis};
use super::pixels::Pixels;
use super::scale::{Scale, Ticks};
use super::vector::Vector;
use super::{Axis, Labels, save};
use crate::device::block::{Block, Buffer};
use crate::dtype::DType;
use crate::error::ErrorKind;
use embedded_graphics::pixelcolor::Rgb888;

fn block(values: Vec<f64>, shape: &[usize]) -> Block {
    Block::from_vec(values, shape).unwrap()
}

fn draw(block: &Block, labels: &Labels) -> crate::error::Result<Pixels> {
    super::draw(block, labels)
}

fn picture(values: Vec<f64>, shape: &[usize]) -> Pixels {
    draw(&block(values, shape), &Labels::default()).unwrap()
}

fn axis(name: &str, coordinates: &[f64]) -> Axis {
    Axis { name: name.into(), coordinates: coordinates.to_vec(), clock: None }
}

/// The number of pixels of one colour.
fn area(canvas: &Pixels, color: Rgb888) -> usize {
    (0..2000)
        .flat_map(|y| (0..canvas.width()).map(move |x| (x, y)))
        .filter(|&(x, y)| canvas.at(x, y) == Some(color))
        .count()
}

fn refusal(block: &Block, labels: &Labels) -> String {
    draw(block, labels).err().unwrap().to_string()
}

fn texts(lo: f64, hi: f64, most: i32, whole: bool) -> (Vec<String>, String) {
    let ticks = Ticks::new(Scale { lo, hi }, most, whole);
    (ticks.marks.into_iter().map(|(_, text)| text).collect(), ticks.note)
}

#[test]
fn ticks_are_round_and_numbers_short() {
    type Case = (f64, f64, i32, bool, &'static [&'static str], &'static str);
    let cases: &[Case] = &[
        (0.0, 1.0, 5, false, &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"], ""),
        (-1.3, 1.3, 5, false, &["-1", "0", "1"], ""),
        (0.0, 2.0, 9, true, &["0", "1", "2"], ""),
        (0.0, 359.0, 8, true, &["0", "50", "100", "150", "200", "250", "300", "350"], ""),
        (0.0, 3e9, 3, false, &["0", "1", "2", "3"], "1e9"),
        (-1e-7, 1e-7, 4, false, &["-1.0", "-0.5", "0.0", "0.5", "1.0"], "1e-7"),
        (101_325.0, 101_325.000_4, 2, false, &["0", "2", "4"], "1e-4 +101325"),
        (1e12, 1e12 + 10.0, 2, false, &["0", "5", "10"], "+1e12"),
        (4.0, 4.0, 5, false, &["4"], ""),
    ];
    for &(lo, hi, most, whole, want, note) in cases {
        let (have, said) = texts(lo, hi, most, whole);
        assert_eq!((have.join(" "), said.as_str()), (want.join(" "), note), "{lo}..{hi}");
    }
}

#[test]
fn scales_can_be_divided_by() {
    let (tiny, huge, eps) = (f64::from_bits(1), f64::MAX, f64::EPSILON);
    let cases: [&[f64]; 8] =
        [&[], &[f64::NAN, f64::INFINITY], &[0.0], &[5.0; 3], &[-huge, huge], &[0.0, tiny], &[1.0, 1.0 + eps], &[huge]];
    for values in cases {
        let scale = Scale::of(values.iter().copied());
        assert!(scale.lo < scale.hi && (scale.hi - scale.lo).is_finite(), "{values:?} gave {scale:?}");
        assert_eq!([scale.lo, f64::INFINITY].map(|v| scale.fraction(v).to_bits()), [0.0f64, 1.0].map(f64::to_bits));
        assert!(!Ticks::new(scale, 5, false).marks.is_empty(), "{scale:?}");
    }
}

#[test]
fn the_color_scale_runs_from_dark_to_bright() {
    assert_eq!(viridis(0.0), Rgb888::new(0x44, 0x01, 0x54));
    assert_eq!(viridis(1.0), Rgb888::new(0xfd, 0xe7, 0x25));
    assert_eq!(viridis(f64::NAN), MISSING);
    assert_eq!(viridis(7.0 / 19.0), Rgb888::new(0x2d, 0x70, 0x8e));
}

#[test]
fn an_image_has_its_origin_at_the_top_and_whole_cells() {
    let canvas = picture(vec![0.0, 1.0, 2.0, 3.0, 4.0, f64::NAN], &[2, 3]);
    // 253 pixels to an element, counted from the corner of the frame.
    let at = |row: i32, column: i32| canvas.at(40 + 253 * column + 126, 16 + 253 * row + 126);
    assert_eq!(at(0, 0), Some(viridis(0.0)));
    assert_eq!(at(0, 2), Some(viridis(0.5)));
    assert_eq!(at(1, 1), Some(viridis(1.0)));
    assert_eq!(at(1, 2), Some(MISSING));
    assert!(area(&canvas, MISSING) >= 253 * 253);
}

#[test]
fn large_images_show_means_that_pass_over_missing_elements() {
    let mut values: Vec<f64> = (0..2000 * 4).map(|i| f64::from(i % 2)).collect();
    values[0] = f64::NAN;
    let canvas = picture(values, &[4, 2000]);
    // Pairs of 0 and 1 average to one half, but for the first, of which only the 1 counts.
    assert_eq!(area(&canvas, MISSING), 0);
    assert!(area(&canvas, viridis(1.0)) > 50);
    assert!(area(&canvas, viridis(0.0)) > 200_000);
}

#[test]
fn awkward_arrays_are_drawn() {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let rows: [&[f64]; 9] = [
        &[0.0; 12],
        &[nan; 12],
        &[inf; 12],
        &[-inf, inf, nan, 1.0, -inf, inf, nan, 1.0, -inf, inf, nan, 2.0],
        &[f64::MAX, f64::MIN, 0.0, 1.0],
        &[0.0, 5e-324],
        &[1.0, 1.0 + f64::EPSILON],
        &[42.0],
        &[1e-308, -1e-308, 3e-308],
    ];
    for values in rows {
        let n = values.len();
        for shape in [vec![n], vec![1, n], vec![n, 1]] {
            let canvas = picture(values.to_vec(), &shape);
            assert!(canvas.width() > 200, "{values:?}");
        }
    }
}

#[test]
fn every_real_dtype_is_drawn() {
    for dtype in DType::ALL {
        let block = Block::new(dtype, &[2, 2], Buffer::zeroed(4 * dtype.size())).unwrap();
        let line = draw(&block.reshaped(&[4]).unwrap(), &Labels::default());
        let image = draw(&block, &Labels::default());
        assert_eq!((image.is_ok(), line.is_ok()), (!dtype.is_complex(), !dtype.is_complex()), "{dtype}");
    }
}

#[test]
fn long_lines_keep_their_extremes_and_gaps() {
    let mut values = vec![0.0; 100_000];
    values[51_234] = 1.0;
    values[20_000..30_000].fill(f64::NAN);
    let canvas = picture(values, &[100_000]);
    let blue = |x: i32| (0..480).filter(|&y| canvas.at(x, y).is_some_and(|c| c == super::color::LINE)).count();
    let columns: Vec<usize> = (80..900).map(blue).collect();
    assert!(columns.iter().any(|&n| n > 300), "the one high element is seen");
    assert!(columns.iter().filter(|&&n| n == 0).count() > 70, "the gap is seen");
}

#[test]
fn coordinates_place_ticks_and_bad_ones_are_not_used() {
    let labels = |coordinates: &[f64]| Labels { axes: vec![axis("depth (m)", coordinates)], ..Labels::default() };
    let values = block(vec![1.0, 2.0, 4.0], &[3]);
    let png = |coordinates: &[f64]| draw(&values, &labels(coordinates)).unwrap().file().unwrap();
    assert_ne!(png(&[0.0, 10.0, 30.0]), png(&[]));
    assert_eq!(png(&[0.0, 10.0, 5.0]), png(&[f64::NAN, 1.0, 2.0]));
    let error = refusal(&values, &labels(&[1.0]));
    assert_eq!(error, "plot: 1 coordinates for the 3 elements of axis 0");
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let none = Labels::default();
    let zeros = |shape: &[usize]| block(vec![0.0; shape.iter().product()], shape);
    assert!(refusal(&zeros(&[]), &none).contains("print it instead"));
    assert!(refusal(&zeros(&[2, 3, 4]), &none).contains("shape (2, 3, 4) has 3 axes"));
    assert!(refusal(&zeros(&[0, 3]), &none).contains("nothing to draw"));
    let complex = Block::from_vec(vec![num_complex::Complex64::new(1.0, 2.0)], &[1]).unwrap();
    assert!(refusal(&complex, &none).contains("abs()"));
    let labels = Labels { axes: vec![Axis::default(), Axis::default()], ..Labels::default() };
    assert!(refusal(&zeros(&[3]), &labels).contains("labels for 2 axes"));
}

#[test]
fn files_appear_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.png");
    let labels = Labels { title: "a title".into(), values: "K".into(), axes: vec![axis("x", &[])] };
    save(&path, &block(vec![1.0, 3.0], &[2]), &labels).unwrap();
    let decoder = png::Decoder::new(std::io::Cursor::new(std::fs::read(&path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    assert!(pixels.starts_with(&[255; 3]));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let error = save(&folder.path().join("no/such/folder.png"), &block(vec![1.0], &[1]), &labels).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Store { .. }));
}

#[test]
fn long_text_is_shortened() {
    assert_eq!(shortened("temperature", 110, 10), "temperature");
    assert_eq!(shortened("temperature", 100, 10), "tempera...");
    let labels = Labels { title: "x".repeat(5000), values: "y".repeat(5000), axes: vec![axis(&"z".repeat(5000), &[])] };
    assert_eq!(draw(&block(vec![1.0], &[1]), &labels).unwrap().at(0, 0), Some(PAPER));
}

#[test]
fn dates_at_ticks() {
    let clock = |units: &str| crate::op::calendar::Clock::parse(units, Some("standard")).unwrap().unwrap();
    let texts = |units: &str, lo: f64, hi: f64| -> Vec<String> {
        let ticks = super::dates::ticks(super::scale::Scale { lo, hi }, 6, &clock(units));
        ticks.marks.into_iter().map(|(_, text)| text).collect()
    };
    assert_eq!(texts("days since 2000-01-01", 0.0, 3653.0), ["2000", "2002", "2004", "2006", "2008", "2010"]);
    assert_eq!(
        texts("days since 2000-01-01", 10.0, 200.0),
        ["2000-02", "2000-03", "2000-04", "2000-05", "2000-06", "2000-07"]
    );
    assert_eq!(texts("hours since 2026-03-25", 0.0, 95.0), ["2026-03-25", "2026-03-26", "2026-03-27", "2026-03-28"]);
    assert_eq!(texts("seconds since 2026-03-25", 0.0, 10_800.0)[1], "2026-03-25 01:00");
}

fn svg(values: Vec<f64>, shape: &[usize], labels: &Labels) -> String {
    let vector: Vector = super::draw(&block(values, shape), labels).unwrap();
    String::from_utf8(vector.file().unwrap()).unwrap()
}

#[test]
fn vectors_have_text_lines_and_small_images() {
    let labels = Labels {
        title: "a < b & \"c\"".into(),
        values: "heat (K)".into(),
        axes: vec![axis("lat", &[0.0, 30.0, 60.0]), axis("lon", &[])],
    };
    let image = svg((0..12).map(f64::from).collect(), &[3, 4], &labels);
    for text in [">a &lt; b &amp; &quot;c&quot;</text>", ">heat (K)</text>", ">lat</text>", ">60</text>"] {
        assert!(image.contains(text), "{text}: {image}");
    }
    // The cells and the colour bar, a pixel each, whatever their size on the page.
    let pictures: Vec<&str> = image.split("base64,").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(pictures.len() == 2 && pictures.iter().all(|p| p.starts_with("iVBORw0KGgo")), "{pictures:?}");
    assert!(pictures[0].len() < 200);
    let line = svg(vec![0.0, 1.0, f64::NAN, 2.0, f64::NAN, 1.0, 3.0], &[7], &Labels::default());
    assert_eq!((line.matches("<path").count(), line.matches("<circle").count()), (2, 1), "{line}");
    assert!(!line.contains("NaN") && !line.contains("inf"));
    for values in [vec![f64::NAN; 4], vec![f64::INFINITY; 4], vec![f64::MAX, f64::MIN, 0.0, 1e-308]] {
        for shape in [vec![4], vec![2, 2]] {
            let text = svg(values.clone(), &shape, &Labels::default());
            assert!(text.starts_with("<svg") && text.ends_with("</svg>\n"));
        }
    }
}

fn bars(counts: &[f64], edges: &[f64]) -> Pixels {
    let (counts, n) = (block(counts.to_vec(), &[counts.len()]), edges.len());
    assert_eq!(counts.size() + 1, n);
    super::bars::draw(&super::Values::new(&counts).unwrap(), edges, &Labels::default())
}

#[test]
fn histograms_have_bars_as_wide_as_their_bins() {
    let canvas = bars(&[1.0, 4.0, 0.0, 2.0], &[0.0, 1.0, 3.0, 4.0, 5.0]);
    let blue = area(&canvas, super::color::LINE);
    // Areas are as 1 : 8 : 0 : 2, in a frame of 880 by 440 with some room.
    let unit = 880.0 / 1.04 / 5.0 * (440.0 / 1.06 / 4.0);
    let share = f64::from(u32::try_from(blue).unwrap()) / (11.0 * unit);
    assert!((0.95..1.02).contains(&share), "{share}");
    let cases: [(&[f64], &[f64]); 4] = [
        (&[0.0], &[0.0, 1.0]),
        (&[5.0], &[-1e300, 1e300]),
        (&[-1.0, 2.0], &[0.0, 1e-300, 1.0]),
        (&[0.25; 3], &[1.0, 1.0 + 1e-12, 1.0 + 2e-12, 2.0]),
    ];
    for (counts, edges) in cases {
        assert!(bars(counts, edges).width() > 880);
    }
    let many: Vec<f64> = (0..100_000).map(|k| if k == 70_000 { 9.0 } else { 1.0 }).collect();
    let edges: Vec<f64> = (0..=100_000).map(f64::from).collect();
    let canvas = bars(&many, &edges);
    let tall = (0..960).filter(|&x| (0..470).filter(|&y| canvas.at(x, y) == Some(super::color::LINE)).count() > 300);
    assert_eq!(tall.count(), 1, "the one high bin is seen");
}

#[test]
fn what_is_no_histogram_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let save = |counts: &[f64], edges: &[f64]| {
        let (counts, edges) = (block(counts.to_vec(), &[counts.len()]), block(edges.to_vec(), &[edges.len()]));
        super::save_histogram(&folder.path().join("h.png"), &counts, &edges, &Labels::default())
    };
    save(&[1.0, 2.0], &[0.0, 1.0, 2.0]).unwrap();
    for edges in [&[0.0, 1.0][..], &[0.0, 2.0, 1.0], &[0.0, f64::NAN, 1.0], &[1.0, 1.0, 1.0], &[]] {
        let error = save(&[1.0, 2.0], edges).unwrap_err().to_string();
        assert!(error.contains("are no histogram"), "{error}");
    }
}
