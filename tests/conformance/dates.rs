//! Dates and lengths of time: the same whatever the chunks, in files and back, and refused where they mean nothing.

use hyperslab::dtype::time::{NAT, TimeType, Unit};
use hyperslab::store::Create;
use hyperslab::{Array, Context, array::time::Part};

const DAYS: TimeType = TimeType::date(Unit::Day);

/// 400 days around 1970, every seventh of them `NaT`.
fn days(cx: &Context) -> Array {
    let ticks: Vec<i64> = (-200..200).map(|i| if i % 7 == 0 { NAT } else { i * 13 }).collect();
    let x = cx.from_ndarray(ndarray::Array::from_vec(ticks).into_dyn()).unwrap();
    x.as_times(DAYS).unwrap()
}

fn ticks(cx: &Context, x: &Array) -> Vec<i64> {
    cx.compute(x.cast::<i64>()).unwrap().iter().copied().collect()
}

#[test]
fn chunks_change_nothing() {
    let cx = Context::builder().threads(2).block_bytes(256).build().unwrap();
    let whole = days(&cx);
    for chunk in [1, 7, 64, 400] {
        let x = whole.rechunk(&[chunk]);
        let months = x.as_times(TimeType::date(Unit::Month)).unwrap();
        let wait = x.try_slice(1..).unwrap() - x.try_slice(..-1).unwrap();
        for (x, length) in [(&months, 400), (&wait, 399), (&x.sort(0), 400)] {
            assert_eq!(ticks(&cx, x).len(), length);
        }
        let greatest = cx.compute((x.max(..).cast::<i64>(), x.nanmax(..).cast::<i64>(), x.nanmin(..).cast::<i64>()));
        let (any, last, first) = greatest.unwrap();
        assert_eq!((any[[]], last[[]], first[[]]), (NAT, 199 * 13, -200 * 13));
        let sorted = ticks(&cx, &x.sort(0));
        assert!(sorted[..343].is_sorted() && sorted[343..].iter().all(|&t| t == NAT));
        assert_eq!(wait.time_type(), Some(TimeType::delta(Unit::Day)));
        assert_eq!(ticks(&cx, &wait)[1], 13);
        let years = cx.compute(x.time(Part::Year)).unwrap();
        assert_eq!((years[0], years[4], years[5], years[399]), (1962, NAT_PART, 1963, 1977));
    }
}

/// What parts of `NaT` are.
const NAT_PART: i64 = -1;

#[test]
fn files_keep_them() {
    let cx = Context::default();
    let folder = tempfile::tempdir().unwrap();
    let x = days(&cx).as_times(TimeType::date(Unit::Milli)).unwrap().rechunk(&[64]);
    let wanted = ticks(&cx, &x);
    let version = |n| Create { zarr_version: Some(n), ..Create::new() };
    for (name, how) in [("a.npy", Create::new()), ("a2.zarr", version(2)), ("a3.zarr", version(3))] {
        let path = folder.path().join(name);
        cx.compute(x.store(&path, how)).unwrap();
        let back = cx.open_decoded(&path).unwrap();
        assert_eq!(back.time_type(), Some(TimeType::date(Unit::Milli)), "{name}");
        assert_eq!(ticks(&cx, &back), wanted, "{name}");
    }
    // HDF5 has no dates: integers, and CF's words for what they count.
    let path = folder.path().join("a.nc");
    cx.compute(x.store(&path, Create::new())).unwrap();
    let back = cx.open(&path).unwrap();
    assert_eq!((back.time_type(), ticks(&cx, &back)), (None, wanted.clone()));
    assert_eq!(ticks(&cx, &back.to_datetime(Unit::Milli).unwrap()), wanted);
    let years = x.as_times(TimeType::date(Unit::Year)).unwrap();
    let error = cx.compute(years.store(folder.path().join("b.nc"), Create::new())).unwrap_err().to_string();
    assert!(error.contains("datetime64[Y]") && error.contains("convert"), "{error}");
}

#[test]
fn what_means_nothing_is_refused() {
    let cx = Context::default();
    let x = days(&cx);
    let (sum, typed) = (x.try_reduce("sum", .., Default::default()), x.try_typed::<i64>());
    for error in [sum.unwrap_err(), typed.unwrap_err()] {
        assert!(error.to_string().contains("datetime64[D]"), "{error}");
    }
    let length = x.as_times(TimeType::delta(Unit::Month)).unwrap();
    let error = length.as_times(TimeType::delta(Unit::Day)).unwrap_err().to_string();
    assert!(error.contains("not all of one length"), "{error}");
    for text in ["d * 2", "d + d", "sqrt(d)", "d @ d", "mean(d)", "fft.fft(d)", "histogram(d)", "median(d)", "d < 5"] {
        let inputs = std::collections::BTreeMap::from([("d".to_owned(), x.clone())]);
        let error = hyperslab::lang::evaluate(text, &inputs).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("datetime64[D]"), "{text}: {error}");
    }
}
