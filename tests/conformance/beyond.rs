//! A computation of each family over an array that is several times the budget: the same bytes as with all the memory
//! that it wants, and never more than the budget.

use hyperslab::array::blocks::{BlockFn, Boundary};
use hyperslab::array::functions::Gufunc;
use hyperslab::array::pyramid::Downscale;
use hyperslab::store::Create;
use hyperslab::{Array, Context, lang};
use ndarray::{ArrayD, ArrayViewD, Axis};
use std::collections::BTreeMap;
use std::path::Path;

/// Bytes of the budget. The array `x` takes four times as many.
const BUDGET: usize = 4 << 20;

/// Bytes of the budget of families that count by label, whose tiles take more. Labels of `x` take three times as many.
const LABELS: usize = 10 << 20;

/// What there is to read, by name.
type Inputs = BTreeMap<String, Array>;

fn context(memory: usize) -> Context {
    Context::builder().threads(2).memory(memory.to_string()).device("cpu").build().unwrap()
}

/// Writes the inputs: waves with gaps, the same as packed integers, and the coordinates of their axes.
fn write(folder: &Path) {
    let wave = "t, y, z = arange(64)[:, None, None], arange(256)[:, None], arange(256); \
                v = 40 * sin(t / 5 + y / 11) * cos(z / 7) + (t * 37 + y * 11 + z * 5) % 9;";
    let made = |text: &str| lang::evaluate(&format!("{wave} {text}"), &Inputs::new()).unwrap().remove(0);
    let create = || Create {
        names: ["time", "lat", "lon"].map(|name| Some(name.to_owned())).to_vec(),
        ..Create::new().chunks(vec![8, 32, 64])
    };
    let mut scaled = create();
    for (name, value) in [("scale_factor", 0.01.into()), ("add_offset", 3.0.into()), ("_FillValue", 0.into())] {
        scaled.attributes.insert(name.to_owned(), value);
    }
    let cx = context(1 << 30);
    let at = |name: &str| folder.join("in.zarr").join(name);
    let x = made("where((y + z) % 50 == 3, nan, v).astype(float32)");
    cx.compute((x.store(at("x"), create()), made("(v * 100).astype(int16)").store(at("packed"), scaled))).unwrap();
    for name in ["lat", "lon"] {
        let axis = Create { names: vec![Some(name.to_owned())], ..Create::new() };
        cx.compute(cx.linspace(-80.0, 80.0, 256).unwrap().store(at(name), axis)).unwrap();
    }
}

fn read(cx: &Context, folder: &Path) -> Inputs {
    let at = |name: &str| folder.join("in.zarr").join(name);
    let x = cx.open(at("x")).unwrap();
    let decoded = cx.open_decoded(at("packed")).unwrap();
    BTreeMap::from([("x".to_owned(), x), ("decoded".to_owned(), decoded)])
}

/// Expressions by family.
const EXPRESSIONS: &[(&str, &str)] = &[
    ("elementwise", "sqrt(abs(x)) + 1"),
    ("reductions", "concatenate([ravel(nanstd(x, axis=2)), ravel(nanmax(x, axis=(1, 2)))])"),
    ("scans", "cumsum(nan_to_num(x), axis=0)"),
    ("sorts", "sort(x, axis=0)"),
    ("quantiles", "nanquantile(x, 0.3, axis=0)"),
    ("anomalies", "x - nanmean(x, axis=0)"),
    ("weighted", "weighted(x, ones((64, 1)) * cos(arange(256) / 200), (0, 1)).mean()"),
    ("weighted variances", "weighted(x, 1 + arange(64) % 3, 0).var()"),
    ("masked", "ma.masked_where((x < 0) | isnan(x), x).std(axis=0).filled(-1)"),
    ("statistics", "stats.skew(nan_to_num(x), axis=0)"),
    ("tests", "stats.ttest_ind(nan_to_num(x[:32]), nan_to_num(x[32:]), axis=0)[1]"),
    ("groups", "groupby(x, arange(64) % 12).mean()"),
    ("groups and back", "g = groupby(x, arange(64) // 8); g - g.mean()"),
    ("windows that roll", "rolling(x, 7, min_periods=2).mean()"),
    ("blocks", "coarsen(x, {1: 4, 2: 4}).mean()"),
    ("histograms", "histogram(x[~isnan(x)], bins=64, range=(-50, 50))[0]"),
    ("spectra", "abs(fft.rfft(nan_to_num(x), axis=0))"),
    ("spectra and back", "fft.irfft(fft.rfft(nan_to_num(x), axis=2), axis=2)"),
    ("filters", "ndimage.gaussian_filter(nan_to_num(x), 1.5)"),
    ("medians of windows", "ndimage.median_filter(x, size=(1, 3, 3))"),
    ("morphology", "ndimage.binary_opening(x > 10, iterations=2)"),
    ("labels", "ndimage.label(x[:24] > 20)[0]"),
    ("labels that are measured", "ndimage.maximum(nan_to_num(x), (x > 0) + 2 * (x > 20), [1, 3, 7])"),
    ("boxes of labels", "ndimage.find_objects((x > 0) + 2 * (x > 20), 3)"),
    ("zoom", "ndimage.zoom(nan_to_num(x), (1, 0.5, 1.5), order=1)"),
    ("splines", "ndimage.shift(nan_to_num(x)[0], (1.25, -2.5), order=3)"),
    ("affine maps", "ndimage.affine_transform(nan_to_num(x), [[1, 0, 0], [0, 0.9, 0.1], [0, -0.1, 0.9]], order=1)"),
    ("coordinates", "decoded.sel(lat=slice(-40, 40)).mean('lon')"),
    ("decoded", "decoded * 2"),
    ("grids", "regrid(decoded, lat=arange(-70, 71, 4.), lon=arange(-70, 71, 4.), method='conservative')"),
    ("linear grids", "regrid(decoded, lat=arange(-70, 71, 1.5), lon=arange(-70, 71, 1.5))"),
    ("transposes", "x.transpose(2, 0, 1)"),
    ("reshapes", "nan_to_num(x).reshape(256, 64, 256)"),
    ("selections", "x[:, arange(255, 0, -3)]"),
    ("products", "nan_to_num(x[:, 0]).T @ nan_to_num(x).reshape(64, 65536)[:, :4096]"),
    ("random", "random.default_rng(7).normal(size=(64, 256, 256)).astype(float32)"),
];

/// What expressions do not say, by family.
fn others(inputs: &Inputs) -> Vec<(&'static str, Array)> {
    let x = inputs["x"].clone().try_typed::<f32>().unwrap();
    let twice = BlockFn::new(|block: ArrayViewD<'_, f32>| block.mapv(|v| 2.0 * v));
    let sums = BlockFn::new(|block: ArrayViewD<'_, f32>| {
        let mut out = block.to_owned();
        for i in 1..block.shape()[1] - 1 {
            let around = &block.index_axis(Axis(1), i - 1) + &block.index_axis(Axis(1), i + 1);
            out.index_axis_mut(Axis(1), i).assign(&around);
        }
        out
    });
    let ranges =
        Gufunc::new("(t)->()").unwrap().apply(&x.transpose(&[1, 2, 0]), |lines: ArrayViewD<'_, f32>| -> ArrayD<f32> {
            let last = Axis(lines.ndim() - 1);
            lines.map_axis(last, |line| line[line.len() - 1] - line[0])
        });
    let coarsest = x.pyramid(&[1, 2, 2], 3, Downscale::Mean).unwrap().remove(3);
    vec![
        ("functions of blocks", x.map_blocks(&twice).into_dyn()),
        ("functions of blocks and what is around", {
            x.map_overlap(&[(0, 0), (1, 1), (0, 0)], Boundary::Reflect, &sums).unwrap().into_dyn()
        }),
        ("generalised functions", ranges.unwrap().into_dyn()),
        ("pyramids", coarsest.into_dyn()),
    ]
}

/// The bytes of an array that is stored, in small chunks.
fn stored(cx: &Context, what: &Array, path: &Path) -> Result<Vec<u8>, hyperslab::Error> {
    let lengths = what.shape().max();
    let chunks: Vec<usize> = lengths.iter().rev().zip([64, 32, 8]).map(|(&n, most)| n.clamp(1, most)).rev().collect();
    cx.compute(what.store(path, Create::new().chunks(chunks).codec("none").overwrite(true)))?;
    let all = context(1 << 30);
    Ok(all.compute(all.open(path)?)?.block().bytes().to_vec())
}

#[test]
fn every_family_works_beyond_the_budget() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let (tight, roomier, large) = (context(BUDGET), context(LABELS), context(1 << 30));
    let all = |cx: &Context| -> Vec<(&str, Result<Array, hyperslab::Error>)> {
        let inputs = read(cx, folder.path());
        let written =
            EXPRESSIONS.iter().map(|(name, text)| (*name, lang::evaluate(text, &inputs).map(|mut e| e.remove(0))));
        written.chain(others(&inputs).into_iter().map(|(name, array)| (name, Ok(array)))).collect()
    };
    let path = folder.path().join("out.zarr");
    let mut failures = Vec::new();
    for ((name, within), (_, wide)) in all(&tight).into_iter().zip(all(&large)) {
        let small = if name.contains("labels") { &roomier } else { &tight };
        let expected = wide.and_then(|wide| stored(&large, &wide, &path));
        match (within.and_then(|within| stored(small, &within, &path)), expected) {
            (Err(error), _) | (_, Err(error)) => failures.push(format!("{name}: {error}")),
            (Ok(bytes), Ok(expected)) if bytes != expected => failures.push(format!("{name}: other bytes")),
            _ => {}
        }
        let (report, budget) = (small.report(), small.memory().budget());
        if report.peak_bytes > budget || report.projected_bytes > budget {
            failures.push(format!("{name}: {} bytes, {} projected", report.peak_bytes, report.projected_bytes));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
