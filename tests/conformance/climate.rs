//! CF conventions: what stored numbers stand for. `tests/judges/climate.py` asks xarray about many more.

use super::contexts;
use hyperslab::Context;
use hyperslab::runtime::pipeline::Stage;
use hyperslab::store::Create;
use serde_json::json;

/// Stores `values` with attributes, and opens them decoded: element type and elements.
fn decoded(
    values: Vec<i16>,
    attributes: &[(&str, serde_json::Value)],
    ending: &str,
) -> Result<(String, Vec<f64>), String> {
    let cx = &contexts()[0];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("x.{ending}/x"));
    let mut how = Create::new();
    how.attributes.extend(attributes.iter().map(|(k, v)| ((*k).to_owned(), v.clone())));
    cx.compute(cx.from_ndarray(ndarray::Array1::from_vec(values)).unwrap().store(&path, how)).unwrap();
    let x = cx.open_decoded(&path).map_err(|e| e.to_string())?;
    let dtype = x.dtype().to_string();
    let found = cx.compute(x.cast::<f64>()).unwrap();
    Ok((dtype, found.iter().copied().collect()))
}

#[test]
fn masked_then_scaled_then_moved() {
    for ending in ["zarr", "h5"] {
        let attributes = [
            ("_FillValue", json!(-1)),
            ("missing_value", json!([-2, -3])),
            ("scale_factor", json!(0.5)),
            ("add_offset", json!(10.0)),
        ];
        let (dtype, found) = decoded(vec![4, -1, -2, -3, 0], &attributes, ending).unwrap();
        assert_eq!(dtype, "float64");
        assert_eq!((found[0], found[4]), (12.0, 10.0));
        assert!(found[1..4].iter().all(|v| v.is_nan()), "{found:?}");
    }
}

#[test]
fn valid_ranges_and_signs() {
    let (dtype, found) = decoded(vec![-1, 0, 5, 6], &[("valid_range", json!([0, 5]))], "h5").unwrap();
    assert_eq!(dtype, "float32");
    assert!(found[0].is_nan() && found[3].is_nan() && found[1..3] == [0.0, 5.0]);
    let (dtype, found) = decoded(vec![-1, 7], &[("_Unsigned", json!("true"))], "zarr").unwrap();
    assert_eq!((dtype.as_str(), found.as_slice()), ("uint16", &[65535.0, 7.0][..]));
}

#[test]
fn what_cannot_be_understood_is_refused() {
    let refused = decoded(vec![1], &[("scale_factor", json!("half"))], "zarr").unwrap_err();
    assert!(refused.contains("attribute `scale_factor` is \"half\", which is no number"), "{refused}");
}

#[test]
fn decoding_is_part_of_what_computes() {
    let cx = Context::builder().threads(1).build().unwrap();
    let sst = cx.open_decoded("data/oisst_packed.nc/sst").unwrap();
    let plan = cx.explain(sst.nanmean("lat"), Stage::Fused).unwrap();
    assert_eq!(
        plan.matches("\n0: ").count() + plan.matches("\n1: ").count() + usize::from(plan.starts_with("0: ")),
        1,
        "{plan}"
    );
    assert!(plan.contains("nanmean(((where((a == -999), NaN, float32(a)) * 0.009999999776482582) + 0))"), "{plan}");
}

#[test]
fn coordinates_go_where_their_axes_go() {
    let cx = &contexts()[0];
    let t2m = cx.open("data/era5_surface_v3.zarr/t2m").unwrap();
    let values = |x: &hyperslab::Array, name: &str| -> Vec<f64> {
        cx.compute(x.coordinate(name).unwrap().cast::<f64>()).unwrap().iter().copied().collect()
    };
    let cut = t2m.slice(ndarray::s![0, ..;-45, 10..13]).t();
    assert_eq!(values(&cut, "lat"), [-90.0, -45.0, 0.0, 45.0, 90.0]);
    assert_eq!(values(&cut, "lon"), [10.0, 11.0, 12.0]);
    let anomaly = &t2m - t2m.mean("time");
    assert_eq!(values(&anomaly.slice(ndarray::s![.., 3..5, ..]), "lat"), [87.0, 86.0]);
    assert_eq!(values(&t2m.max("lon").sel("lat", vec![10, -10, 10]).unwrap(), "lat"), [10.0, -10.0, 10.0]);
    // What moves positions along an axis leaves it its name alone.
    for moved in [t2m.sort(1), &t2m.slice(ndarray::s![.., 1.., ..]) - &t2m.slice(ndarray::s![.., ..-1, ..])] {
        assert_eq!(moved.names()[1].as_deref(), Some("lat"));
        assert!(moved.coordinate("lat").unwrap_err().to_string().contains("dimension `lat` has no coordinate here"));
    }
    assert_eq!(values(&cx.persist(&anomaly).unwrap(), "lat").len(), 181);
}

#[test]
fn one_position_leaves_a_scalar_coordinate() {
    let cx = &contexts()[0];
    let t2m = cx.open("data/era5_surface_v3.zarr/t2m").unwrap();
    let one = |x: &hyperslab::Array, name: &str| cx.compute(x.coordinate(name).unwrap().cast::<f64>()).unwrap()[[]];
    let point = t2m.sel("lat", 50.0).unwrap().slice(ndarray::s![7, ..]);
    assert_eq!((one(&point, "lat"), one(&(&point * 2.0), "time")), (50.0, 755_930.0));
    // Coordinates that differ go, those of one array alone stay.
    let south = t2m.sel("lat", -50.0).unwrap();
    assert!((&point - south.slice(ndarray::s![7, ..])).coordinate("lat").is_err());
    assert_eq!(one(&(&point - t2m.mean(["time", "lat"])), "lat"), 50.0);
    let folder = tempfile::tempdir().unwrap();
    for target in ["x.zarr/t2m", "x.nc/t2m"] {
        let path = folder.path().join(target);
        cx.compute(point.store(&path, Create::new())).unwrap();
        let again = cx.open(&path).unwrap();
        assert_eq!((one(&again, "lat"), one(&again.slice(ndarray::s![3..5]), "time")), (50.0, 755_930.0), "{target}");
        assert_eq!(hyperslab::store::open(&path).unwrap().info().attributes["coordinates"], json!("lat time"));
        // One that differs cannot stand there too, and is left out.
        let other = folder.path().join(target.replace("t2m", "other"));
        cx.compute(t2m.slice(ndarray::s![8, 5, ..]).store(&other, Create::new())).unwrap();
        assert!(cx.open(&other).unwrap().coordinate("lat").is_err(), "{target}");
    }
}

#[test]
fn what_is_joined_has_joined_coordinates() {
    let cx = &contexts()[0];
    let t2m = cx.open("data/era5_surface_v3.zarr/t2m").unwrap();
    let values = |x: &hyperslab::Array, name: &str| -> Vec<f64> {
        cx.compute(x.coordinate(name).unwrap().cast::<f64>()).unwrap().iter().copied().collect()
    };
    let (early, late) = (t2m.slice(ndarray::s![..2, .., ..]), t2m.slice(ndarray::s![20..;2, .., ..]));
    let both = hyperslab::Array::concatenate(&[early.clone(), late.clone()], 0).unwrap();
    assert_eq!(values(&both.slice(ndarray::s![..;-1, 3, ..]), "time"), [756_039.0, 756_025.0, 755_887.0, 755_880.0]);
    let rows = [t2m.slice(ndarray::s![3, .., ..]), t2m.slice(ndarray::s![1, .., ..])];
    let stacked = hyperslab::Array::stack(&rows, 1).unwrap();
    assert_eq!(values(&stacked, "time"), [755_901.0, 755_887.0]);
    assert_eq!(values(&stacked, "lat").len(), 181);
    // Where other axes differ, they have no coordinates; where one part has none along it, neither has the whole.
    let north = t2m.slice(ndarray::s![.., ..90, ..]);
    let moved = hyperslab::Array::concatenate(&[north.clone(), t2m.slice(ndarray::s![.., 91.., ..])], 0).unwrap();
    assert!(moved.coordinate("lat").is_err() && moved.coordinate("time").is_ok());
    let bare = hyperslab::Array::concatenate(&[early, late.sort(0)], 0).unwrap();
    assert!(bare.coordinate("time").is_err());
    // Days and hours since other dates become those of the first.
    let clocks = ["days since 2000-01-01", "hours since 2000-02-01"].map(|units| {
        let attributes = [("units".to_owned(), json!(units))].into_iter().collect();
        let x = cx.arange(2).unwrap().with_names(&["time"]).unwrap();
        x.with_coordinate("time", vec![0.0, 12.0], attributes).unwrap().into_dyn()
    });
    assert_eq!(values(&hyperslab::Array::concatenate(&clocks, 0).unwrap(), "time"), [0.0, 12.0, 31.0, 31.5]);
}

#[test]
fn periods_of_time_are_groups() {
    let cx = &contexts()[0];
    let x = cx.arange(6).unwrap().with_names(&["time"]).unwrap();
    let attributes: hyperslab::store::Attributes =
        [("units", "days since 2001-01-31"), ("calendar", "noleap"), ("bounds", "b")]
            .map(|(k, v)| (k.to_owned(), json!(v)))
            .into_iter()
            .collect();
    let x = x.with_coordinate("time", vec![0.0, 0.5, 1.0, 28.0, 29.0, 150.0], attributes).unwrap().into_dyn();
    let months = x.resample_by("time", &"MS".parse().unwrap()).unwrap();
    let of = |name: &str| months.reduce(name, Default::default()).unwrap();
    let list = |x: &hyperslab::Array| {
        super::elements(&cx.compute(x.clone()).unwrap()).iter().map(|z| z.re).collect::<Vec<_>>()
    };
    assert_eq!(list(&of("sum")), [1.0, 5.0, 4.0, 0.0, 0.0, 5.0]);
    assert_eq!(list(&of("sum").coordinate("time").unwrap()), [-30.0, 1.0, 29.0, 60.0, 90.0, 121.0]);
    for (name, third) in [("max", 4.0), ("median", 4.0), ("first", 4.0), ("argmax", 4.0), ("mean", 4.0)] {
        let found = list(&of(name));
        assert!(found[3].is_nan() && found[2] == third, "{name}: {found:?}");
    }
    assert_eq!(
        list(
            &(&x.astype(hyperslab::dtype::DType::F64) - months.expand(&of("mean")).unwrap())
                .coordinate("time")
                .unwrap()
        )[5],
        150.0
    );
    let error = |period: &str| x.resample_by("time", &period.parse().unwrap()).unwrap_err().to_string();
    assert!(error("us").contains("resample goes to longer periods"), "{}", error("us"));
    let bare = cx.arange(3).unwrap().with_names(&["time"]).unwrap();
    let refused = bare.resample_by("time", &"D".parse().unwrap()).unwrap_err().to_string();
    assert!(refused.contains("dimension `time` has no coordinate"), "{refused}");
}

#[test]
fn dates_of_numpy_are_times_of_cf() {
    let cx = &contexts()[0];
    let folder = tempfile::tempdir().unwrap();
    let hours: Vec<i64> = vec![262_974, i64::MIN, 262_974 + 24 * 31 + 6];
    // In a .npy file.
    let path = folder.path().join("t.npy");
    let header = "{'descr': '<M8[h]', 'fortran_order': False, 'shape': (3,), }";
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(format!("{header:<117}\n").bytes());
    bytes.extend(hours.iter().flat_map(|h| h.to_le_bytes()));
    std::fs::write(&path, bytes).unwrap();
    // In Zarr: as the coordinate of an array.
    let x = cx.arange(3).unwrap().with_names(&["time"]).unwrap();
    cx.compute(x.store(folder.path().join("z.zarr/x"), Create::new())).unwrap();
    let place = folder.path().join("z.zarr/time");
    let time = cx.from_ndarray(ndarray::Array1::from_vec(hours)).unwrap();
    let named = Create { names: vec![Some("time".to_owned())], ..Create::new() };
    cx.compute(time.store(&place, named)).unwrap();
    let text = std::fs::read_to_string(place.join("zarr.json")).unwrap();
    let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
    document["data_type"] = json!({"name": "numpy.datetime64", "configuration": {"unit": "h", "scale_factor": 1}});
    document["fill_value"] = json!("NaT");
    std::fs::write(place.join("zarr.json"), document.to_string()).unwrap();
    for at in [&path, &place] {
        let months = cx.compute(cx.open(at).unwrap().time(hyperslab::array::time::Part::Month)).unwrap();
        assert_eq!(months.as_slice().unwrap(), &[1, -1, 2], "{}", at.display());
        let years = cx.compute(cx.open(at).unwrap().time(hyperslab::array::time::Part::Year)).unwrap();
        assert_eq!(years.as_slice().unwrap()[0], 2000);
    }
    let x = cx.open(folder.path().join("z.zarr/x")).unwrap();
    assert_eq!(cx.compute(x.sel("time", "2000-01-01T06").unwrap().cast::<i64>()).unwrap()[[]], 0);
    let days = x.resample_by("time", &"D".parse().unwrap()).unwrap();
    assert_eq!(cx.compute(days.count()).unwrap().iter().sum::<i64>(), 2);
}

#[test]
fn names_that_contradict_each_other_are_refused() {
    let cx = &contexts()[0];
    let x = cx.zeros::<f64>(&[3, 3]).unwrap().with_names(&["lat", "lon"]).unwrap();
    let refused = x.try_binary(hyperslab::op::elementwise::ElementOp::Add, x.t()).unwrap_err().to_string();
    assert!(refused.contains("axis -1 is `lon`") && refused.contains("`lat` of one"), "{refused}");
    // Fewer axes go where their names are.
    let weights = cx.arange(3).unwrap().cast::<f64>().with_names(&["lat"]).unwrap();
    let rows = cx.compute((&x + &weights).mean("lon")).unwrap();
    assert_eq!(rows.as_slice().unwrap(), &[0.0, 1.0, 2.0]);
    assert!(x.with_names(&["lat", "lat"]).is_err() && x.with_names(&["lat"]).is_err());
}

#[test]
fn outputs_have_coordinates_and_attributes() {
    let cx = &contexts()[0];
    let folder = tempfile::tempdir().unwrap();
    let t2m = cx.open("data/era5_surface_v3.zarr/t2m").unwrap();
    let north = t2m.mean("time").sel("lat", 60.0..=50.0).unwrap();
    for target in ["x.zarr/t2m", "y.nc/t2m", "y.nc/again", "z.nc"] {
        let path = folder.path().join(target);
        cx.compute(north.store(&path, Create::new())).unwrap();
        let again = cx.open(&path).unwrap();
        let lat = cx.compute(again.coordinate("lat").unwrap()).unwrap().to_ndarray::<f64>().unwrap();
        assert_eq!((lat[0], lat[10]), (60.0, 50.0), "{target}");
        let info = hyperslab::store::open(&path).unwrap();
        assert_eq!(info.info().attributes["units"], json!("K"));
        assert_eq!(info.info().names, [Some("lat".to_owned()), Some("lon".to_owned())], "{target}");
    }
    // Another latitude cannot stand beside the first one.
    let south = t2m.mean("time").sel("lat", -50.0..=-60.0).unwrap();
    let refused = cx.compute(south.store(folder.path().join("y.nc/south"), Create::new())).unwrap_err().to_string();
    assert!(refused.contains("holds another coordinate"), "{refused}");
    let bare = folder.path().join("bare.zarr/t2m");
    cx.compute(south.store(&bare, Create::new().coordinates(false))).unwrap();
    assert!(!folder.path().join("bare.zarr/lat").exists());
}

#[test]
fn packed_values_come_back_to_half_a_step() {
    let cx = &contexts()[0];
    let x = cx.from_ndarray(ndarray::array![-1.0f64, f64::NAN, 0.25, 1.0]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for dtype in ["int8", "uint8", "int16", "uint16", "int32", "uint32"] {
        let path = folder.path().join(format!("{dtype}.zarr/x"));
        let (packed, attributes) = x.packed(dtype.parse().unwrap(), -1.0, 1.0).unwrap();
        cx.compute(packed.store(&path, Create { attributes, ..Create::new() })).unwrap();
        let back = cx.compute(cx.open_decoded(&path).unwrap()).unwrap().to_ndarray::<f64>().unwrap();
        assert!(back[1].is_nan(), "{dtype}");
        let error = [(0, -1.0), (2, 0.25), (3, 1.0)].map(|(i, v): (usize, f64)| (back[i] - v).abs());
        assert!(error.iter().all(|e| *e <= 1.0 / 253.0), "{dtype} {error:?}");
    }
    let (packed, _) = x.packed("int16".parse().unwrap(), -0.5, 0.5).unwrap();
    let refused = cx.compute(packed).unwrap_err().to_string();
    assert!(refused.contains("a value lies outside the range"), "{refused}");
}
