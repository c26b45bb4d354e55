#!/usr/bin/env python3
"""CF conventions, judged by xarray.

    python tests/judges/climate.py target/debug/hyperslab 200 --seed 1

Opens the files of data/ and files that xarray, netCDF4 and zarr write with random packings, and compares the values of
`hyperslab eval` with xarray's: element types, bits and NaN.  Valid ranges, which xarray does not know, are judged by what
CF says of them.  Needs xarray, netCDF4, cftime, pandas and zarr>=3.
"""
import pathlib
import random
import subprocess
import warnings

import cftime
import netCDF4
import numpy as np
import xarray as xr
import zarr
from judging import judged

DATA = pathlib.Path(__file__).resolve().parents[2] / "data"
warnings.simplefilter("ignore")


def files(judge):
    """Every variable of the files in data/."""
    for path in ["oisst_packed.nc", "coads_climatology_v2.zarr", "era5_surface_v3.zarr", "etopo40.nc", "a1b_air_temperature.h5"]:
        engine = {"engine": "h5netcdf"} if path.endswith(".h5") and False else {}
        try:
            data = xr.open_dataset(DATA / path, decode_times=False, **engine)
        except Exception as why:
            print(f"xarray does not open {path}: {str(why)[:90]}")
            continue
        for name, variable in data.variables.items():
            if variable.dtype.kind in "iufb" and variable.size < 1 << 22:
                judge.check(f"{path}/{name}", judge.eval("x", f"x={DATA / path}/{name}"), variable.values)


def packing(draw, generator):
    """Stored numbers, and attributes that say what they stand for, each of a type that files have."""
    kind = draw.choice(["i1", "i2", "i4", "i8", "u1", "u2", "u4", "f4", "f8"])
    dtype = np.dtype(kind)
    shape = draw.choice([(7,), (4, 5), (3, 2, 6), (0, 3), (1,)])
    values = generator.normal(size=shape) * 40
    values = (np.abs(values) if dtype.kind == "u" else values).astype(dtype)
    attrs, real = {}, lambda v: draw.choice([np.float32, np.float64, np.float64])(v)
    if draw.random() < 0.7:
        attrs["scale_factor"] = real(draw.choice([0.01, 0.5, 1.5259e-05, 3.0, -0.25]))
    if draw.random() < 0.5:
        attrs["add_offset"] = (type(attrs["scale_factor"]) if "scale_factor" in attrs and draw.random() < 0.6 else real)(
            draw.choice([273.15, 0.0, -5.5, 100.0]))
    if values.size and draw.random() < 0.6:
        attrs["_FillValue"] = dtype.type(draw.choice([values.ravel()[0], np.iinfo(dtype).max if dtype.kind in "iu" else 1e20]))
        if dtype.kind == "f" and draw.random() < 0.3:
            attrs["_FillValue"] = dtype.type(np.nan)
    if values.size and draw.random() < 0.4:
        attrs["missing_value"] = dtype.type(values.ravel()[-1])
        if draw.random() < 0.3:
            attrs["missing_value"] = np.array([values.ravel()[-1], values.ravel()[0]], dtype)
    if kind == "f8" and isinstance(attrs.get("scale_factor"), np.float32):
        attrs.pop("missing_value", None)  # xarray rounds to float32 before it looks for what is missing
        attrs.pop("_FillValue", None)
    if dtype.kind in "iu" and draw.random() < 0.25:
        attrs["_Unsigned"] = "true" if dtype.kind == "i" else "false"
        attrs.pop("missing_value", None)
    return values, attrs


def plain(value):
    """As JSON has it."""
    return value.tolist() if hasattr(value, "tolist") else value


def write(where, values, attrs, form):
    """One variable `x` of a file in one of the forms that are read, by the reference software of that form."""
    names = tuple("xyz"[: values.ndim])
    if form == "nc":
        with netCDF4.Dataset(where, "w") as file:
            for name, length in zip(names, values.shape):
                file.createDimension(f"d{name}", length)
            fill = attrs.get("_FillValue")
            variable = file.createVariable("x", values.dtype, [f"d{n}" for n in names], fill_value=fill if fill is not None else False)
            variable.set_auto_maskandscale(False)
            variable.setncatts({k: v for k, v in attrs.items() if k != "_FillValue"})
            if values.size:
                variable[...] = values
        return
    version = int(form[-1])
    attrs = {k: plain(v) for k, v in attrs.items()}
    if version == 3 and isinstance(attrs.get("_FillValue"), float):
        attrs["_FillValue"] = xr.backends.zarr.FillValueCoder.encode(attrs["_FillValue"], values.dtype)
    names = [f"d{n}" for n in names]
    group = zarr.open_group(where, mode="w", zarr_format=version)
    extra = {"dimension_names": names} if version == 3 else {"attributes": {"_ARRAY_DIMENSIONS": names}}
    if version == 2:
        extra["fill_value"] = attrs.pop("_FillValue", None)
    array = group.create_array("x", shape=values.shape, dtype=values.dtype, chunks=tuple(max(1, n // 2) for n in values.shape), **extra)
    array.attrs.update(attrs)
    array[...] = values


def packings(judge, draw, count):
    """Random packings in every form."""
    generator = np.random.default_rng(draw.getrandbits(32))
    for number in range(count):
        values, attrs = packing(draw, generator)
        form = draw.choice(["nc", "zarr2", "zarr3"])
        path = judge.folder / f"p{number}.{'nc' if form == 'nc' else 'zarr'}"
        write(path, values, attrs, form)
        try:
            with xr.open_dataset(path, decode_times=False, engine="netcdf4" if form == "nc" else "zarr", consolidated=False) if form != "nc" else xr.open_dataset(path, decode_times=False) as data:
                want = data["x"].values
        except Exception as why:
            print(f"xarray refuses {form} {values.dtype} {attrs}: {str(why)[:80]}")
            continue
        judge.check(f"{form} {values.dtype} {values.shape} {attrs}", judge.eval("x", f"x={path}/x"), want)


def ranges(judge, draw, count):
    """Valid ranges: what lies outside is missing."""
    for number in range(count):
        values = np.random.default_rng(draw.getrandbits(32)).integers(-20, 20, 40).astype(draw.choice(["i1", "i2", "f4"]))
        low, high, scale = draw.randint(-20, 0), draw.randint(0, 20), np.float64(0.5)
        of_values = draw.random() < 0.5 and values.dtype.kind == "i"
        kind = np.float64 if of_values else values.dtype.type
        attrs = {"scale_factor": scale}
        attrs |= draw.choice([{"valid_range": np.array([low, high], kind)}, {"valid_min": kind(low)}, {"valid_max": kind(high)},
                              {"valid_min": kind(low), "valid_max": kind(high)}])
        path = judge.folder / f"r{number}.nc"
        write(path, values, attrs, "nc")
        want = values.astype(np.float64) * scale
        compared = want if of_values else values
        low, high = ("valid_range" in attrs or "valid_min" in attrs) * 1, ("valid_range" in attrs or "valid_max" in attrs) * 1
        bounds = attrs.get("valid_range", [attrs.get("valid_min"), attrs.get("valid_max")])
        if low:
            want = np.where(compared < bounds[0], np.nan, want)
        if high:
            want = np.where(compared > bounds[1], np.nan, want)
        judge.check(f"range {values.dtype} {attrs}", judge.eval("x", f"x={path}/x"), want)


def malformed(judge):
    """What cannot be understood is refused, and read raw."""
    values = np.arange(4, dtype="i2")
    for number, attrs in enumerate([{"scale_factor": "a"}, {"scale_factor": np.array([1.0, 2.0])}, {"valid_range": np.int16(3)},
                                    {"add_offset": ""}, {"missing_value": "none"}]):
        path = judge.folder / f"m{number}.nc"
        write(path, values, attrs, "nc")
        judge.check(f"malformed {attrs}", judge.eval("x", f"x={path}/x"), None)
        judge.check(f"malformed raw {attrs}", judge.eval("x", f"x={path}/x", "--raw"), values)


def dates(judge, draw, count):
    """NumPy's datetime64 and timedelta64, in .npy and Zarr."""
    for number in range(count):
        unit = draw.choice(["W", "D", "h", "m", "s", "ms", "us", "ns"])
        days = np.array([draw.randint(-60_000, 60_000) for _ in range(9)], "M8[D]")
        values = (days.astype("M8[s]") + draw.randint(0, 86_399)).astype(f"M8[{unit}]")
        if draw.random() < 0.5:
            values[draw.randrange(9)] = "NaT"
        lengths = values - values[0]
        for form in ["npy", "zarr2", "zarr3"]:
            for name, array in {"date": values, "length": lengths}.items():
                path = judge.folder / f"{name}{number}.{form}"
                if form == "npy":
                    np.save(path, array.astype(array.dtype.newbyteorder(draw.choice("<>"))))
                else:
                    zarr.create_array(path, data=array, chunks=(4,), zarr_format=int(form[-1]))
                judge.check(f"{form} {array.dtype}", judge.eval("x", f"x={path}"), array)
            path, there = judge.folder / f"date{number}.{form}", ~np.isnat(values)
            for part, want in {"year": values.astype("M8[Y]").astype("i8") + 1970, "month": values.astype("M8[M]").astype("i8") % 12 + 1,
                               "second": values.astype("M8[s]").astype("i8") % 60}.items():
                judge.check(f"{form} {part} {values.dtype}", judge.eval(f"{part}(x)", f"x={path}"), np.where(there, want, -1))


CALENDARS = ["standard", "gregorian", "proleptic_gregorian", "noleap", "365_day", "all_leap", "366_day", "360_day", "julian"]
PARTS = {"year": "year", "month": "month", "day": "day", "hour": "hour", "minute": "minute", "second": "second",
         "dayofyear": "dayofyr", "dayofweek": "dayofwk"}


def calendars(judge, draw, count):
    """Parts of times, as cftime has them."""
    for number in range(count):
        calendar = draw.choice(CALENDARS)
        unit, most = draw.choice([("days", 400_000), ("hours", 9_000_000), ("minutes", 500_000_000), ("seconds", 30_000_000_000)])
        year = draw.choice([1, 850, 1582, 1583, 1900, 2000, 2023])
        day = draw.randint(1, 28)
        units = f"{unit} since {year:04d}-{draw.randint(1, 12):02d}-{day if (year, calendar) != (1582, 'standard') else 1:02d} {draw.choice(['', '06:30:00', '12:00'])}".strip()
        times = np.sort(np.array([draw.randint(0, most) for _ in range(40)]))
        if draw.random() < 0.4:
            times = times + draw.choice([0.25, 0.5, 0.125])
        try:
            dates = cftime.num2date(times, units, calendar=calendar)
        except Exception as why:
            print(f"cftime refuses {units} {calendar}: {str(why)[:60]}")
            continue
        path = judge.folder / f"c{number}.nc"
        with netCDF4.Dataset(path, "w") as file:
            file.createDimension("time", times.size)
            variable = file.createVariable("time", times.dtype, ["time"])
            variable.units, variable.calendar = units, calendar
            variable[:] = times
            file.createVariable("x", "f8", ["time"])[:] = np.arange(times.size)
        for name, attribute in PARTS.items():
            if name == "dayofyear" and calendar in ("standard", "gregorian"):
                continue
            want = np.array([getattr(d, attribute) for d in dates], "i8")
            judge.check(f"{name} {units} {calendar} {times.dtype}", judge.eval(f"{name}(x.time)", f"x={path}/x"), want)
        want = np.array([d.month % 12 // 3 for d in dates], "i8")
        judge.check(f"season {units} {calendar}", judge.eval("season(x.time)", f"x={path}/x"), want)


def selections(judge, draw, count):
    """Selections by value, range, nearest value and time, in grids that rise and fall."""
    for number in range(count):
        lat = np.sort(np.array([draw.randint(-180, 180) / 2 for _ in range(9)]))
        lat = np.unique(lat)[:: draw.choice([1, -1])]
        freq = draw.choice(["D", "6h", "MS", "h", "12D"])
        calendar = draw.choice(["standard", "standard", "noleap", "360_day"])
        times = xr.date_range(f"20{draw.randint(0, 30):02d}-{draw.randint(1, 12):02d}-01", periods=60, freq=freq, calendar=calendar,
                              use_cftime=calendar != "standard")
        data = xr.Dataset({"x": (("time", "lat"), np.random.default_rng(number).normal(size=(60, lat.size)))}, {"time": times, "lat": lat})
        form = draw.choice(["nc", "zarr2", "zarr3"])
        path = judge.folder / f"s{number}.{'nc' if form == 'nc' else 'zarr'}"
        if form == "nc":
            data.to_netcdf(path)
        else:
            data.to_zarr(path, zarr_format=int(form[-1]), consolidated=False)
        x = data["x"]
        stamp = lambda i, width: str(times[i].isoformat() if hasattr(times[i], "isoformat") else times[i])[:width]
        i, j = sorted(draw.sample(range(60), 2))
        a, b = draw.sample(list(lat), 2) if lat.size > 1 else (lat[0], lat[0])
        low, high = (a, b) if (a < b) == (lat[0] < lat[-1]) else (b, a)
        off, near = draw.randint(-900, 900) / 10, draw.choice(["nearest", "pad", "backfill"])
        texts = [
            (f"x.sel(lat={a})", lambda: x.sel(lat=a)),
            (f"x.sel(lat={off})", lambda: x.sel(lat=off)),
            (f"x.sel(lat=slice({low}, {high}))", lambda: x.sel(lat=slice(low, high))),
            (f"x.sel(lat=slice({low - 0.2}, None))", lambda: x.sel(lat=slice(low - 0.2, None))),
            (f"x.sel(lat=[{a}, {b}, {a}])", lambda: x.sel(lat=[a, b, a])),
            (f"x.sel(lat={off}, method='{near}')", lambda: x.sel(lat=off, method=near)),
            (f"x.sel(lat={off}, method='nearest', tolerance=5)", lambda: x.sel(lat=off, method="nearest", tolerance=5)),
            (f"x.sel(lat=[{off}, {a}], method='nearest')", lambda: x.sel(lat=[off, a], method="nearest")),
            ("x * x.lat - x.lat", lambda: x * x.lat - x.lat),
            (f"x.isel(time={i}, lat=-1)", lambda: x.isel(time=i, lat=-1)),
            (f"x.isel(time=[{j}, {i}, -1])", lambda: x.isel(time=[j, i, -1])),
            (f"x.isel(time=slice({i}, {j}, 3))", lambda: x.isel(time=slice(i, j, 3))),
            ("(x.rename(lat='a').isel(time=slice(0, 9)) * arange(9)[:, None]).a", lambda: x.lat),
            (f"x.mean('time').sel(lat={a})", lambda: x.mean("time").sel(lat=a)),
            (f"x[::-2].isel(lat=slice(None, None, -1)).sel(lat=slice({high}, {low}))",
             lambda: x[::-2].isel(lat=slice(None, None, -1)).sel(lat=slice(high, low))),
        ]
        for width in (4, 7, 10, 13, 16):
            texts.append((f"x.sel(time='{stamp(i, width)}')", lambda w=width: x.sel(time=stamp(i, w))))
            texts.append((f"x.sel(time=slice('{stamp(i, width)}', '{stamp(j, 7)}'))", lambda w=width: x.sel(time=slice(stamp(i, w), stamp(j, 7)))))
        for text, want in texts:
            try:
                expected = want().values
            except Exception:
                expected = None
            if expected is not None and "mean" in text:
                got = judge.eval(text, f"x={path}/x")
                judge.check(f"{form} {freq} {calendar}: {text}", got, got[0] if got[0] is not None and np.allclose(got[0], expected) else expected)
                continue
            judge.check(f"{form} {freq} {calendar} {lat}: {text}", judge.eval(text, f"x={path}/x"), expected)


PERIODS = ["h", "3h", "7h", "90min", "D", "5D", "1D12h", "W", "W-WED", "2W", "MS", "2MS", "ME", "3ME", "QS", "QS-DEC", "2QS-FEB", "QE",
           "QE-NOV", "YS", "YS-JUL", "2YS", "YE", "YE-JUN"]
NEUTRAL = {"sum": 0, "prod": 1, "count": 0}


def resamples(judge, draw, count):
    """Periods of time: values, and the coordinate of the result. Where xarray has NaN for the sum of no elements, it is 0."""
    for number in range(count):
        calendar = draw.choice(["standard", "standard", "proleptic_gregorian", "noleap", "360_day", "all_leap", "julian"])
        step, shortest = draw.choice([("30min", 0), ("h", 0), ("6h", 2), ("D", 4), ("7h", 2), ("5D", 7), ("MS", 10), ("ME", 10)])
        start = f"{draw.choice([1582 if calendar != 'standard' else 1900, 1970, 1999, 2000, 2023])}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}T{draw.choice([0, 0, 3, 23]):02d}"
        times = xr.date_range(start, periods=draw.choice([1, 2, 60, 200]), freq=step, calendar=calendar, use_cftime=calendar != "standard")
        if draw.random() < 0.4:
            times = times[np.sort(draw.sample(range(len(times)), max(1, len(times) // draw.choice([2, 10]))))]
        generator = np.random.default_rng(number)
        values = generator.normal(size=(len(times), 3)).astype("f4") if draw.random() < 0.6 else generator.integers(-9, 9, (len(times), 3)).astype("i4")
        x = xr.DataArray(values, dims=("time", "y"), coords={"time": times}, name="x")
        form = draw.choice(["nc", "zarr3"])
        path = judge.folder / f"t{number}.{'nc' if form == 'nc' else 'zarr'}"
        encoding = {"time": {"dtype": "f8", "units": "days since 1990-01-01 06:00"}} if draw.random() < 0.4 else {}
        if form == "nc":
            x.to_dataset().to_netcdf(path, encoding=encoding)
        else:
            x.to_dataset().to_zarr(path, zarr_format=3, consolidated=False, encoding=encoding)
        with xr.open_dataset(path, decode_times=False, **({} if form == "nc" else {"engine": "zarr", "consolidated": False})) as raw:
            units, kind = raw.time.attrs["units"], raw.time.attrs.get("calendar", "standard")
        for period in draw.sample(PERIODS[shortest:], 4):
            if period[-1:] == "W" or period[:2] == "W-":
                if calendar != "standard":
                    continue
            options = {} if draw.random() < 0.6 else {"closed": draw.choice(["left", "right"]), "label": draw.choice(["left", "right"])}
            if period[-1] in "hnD" and draw.random() < 0.3:
                options["origin"] = draw.choice(["start", "start_day", "epoch", "end", "end_day"])
            try:
                groups = x.resample(time=period, **options)
                counted = groups.count()
            except Exception as why:
                print(f"xarray refuses {period} {options}: {str(why)[:80]}")
                continue
            text = f"x.resample(time='{period}'{''.join(f', {k}={v!r}' for k, v in options.items())})"
            name = f"{form} {calendar} {start} {step} {len(times)} {values.dtype} {units}: {text}"
            if counted.sizes["time"] > 65536:
                continue
            want = xr.coding.times.encode_cf_datetime(counted.time.values, units, kind)[0]
            got = judge.eval(f"{text}.sum().time", f"x={path}/x")
            judge.check(f"{name} labels", (got[0] * 1.0 if got[0] is not None else None, got[1]), near(got[0], want * 1.0))
            for reduction in draw.sample(["mean", "sum", "prod", "min", "max", "median", "std", "first", "last", "count"], 4):
                want = getattr(groups, reduction)().astype("f8").where(counted > 0)
                if reduction in NEUTRAL:
                    want = want.fillna(NEUTRAL[reduction])
                want = want.transpose("time", "y").values.astype("f8")
                call = "valid" if reduction == "count" else reduction
                got = judge.eval(f"{text}.{call}()", f"x={path}/x")
                judge.check(f"{name}.{call}", (got[0].astype("f8") if got[0] is not None else None, got[1]), near(got[0], want))


def near(value, want):
    """What is wanted, as it was computed where that is near enough."""
    same = value is not None and value.shape == want.shape and np.allclose(value, want, rtol=3e-5, atol=1e-5, equal_nan=True)
    return value.astype(want.dtype) if same else want


def outputs(judge):
    """What is stored is opened by xarray, with coordinates, units and calendars."""
    source = DATA / "era5_surface_v3.zarr"
    with xr.open_dataset(source) as data:
        for target in ["a.nc/t2m", "b.zarr/t2m", "c.zarr/t2m", "d.nc"]:
            path = judge.folder / target
            version = ["--zarr-version", "2"] if target[0] == "b" else []
            text = "t.sel(lat=slice(60, 30), time='2026-03-26')[:, ::2]"
            done = subprocess.run([judge.binary, "eval", text, f"t={source}/t2m", "-o", str(path), "--quiet", *version], capture_output=True, text=True)
            if done.returncode:
                judge.check(f"output {target}", (None, done.stderr), 0)
                continue
            want = data["t2m"].sel(lat=slice(60, 30), time="2026-03-26")[:, ::2]
            file = judge.folder / target.split("/")[0]
            with xr.open_dataset(file, **({"engine": "zarr", "consolidated": False} if file.suffix == ".zarr" else {})) as back:
                got = back["t2m" if "/" in target else "data"]
                judge.check(f"output {target} values", (got.values, ""), want.values)
                judge.check(f"output {target} dims", (np.array(got.dims), ""), np.array(want.dims))
                judge.check(f"output {target} units", (np.array(str(got.attrs.get("units"))), ""), np.array("K"))
                for name in want.dims:
                    have = got[name].values if name in got.coords else np.array(0)
                    judge.check(f"output {target} {name}", (have.astype("M8[s]") if have.dtype.kind == "M" else have, ""),
                                want[name].values.astype("M8[s]") if name == "time" else want[name].values)
        alone = data["t2m"]
        for number, (text, want) in enumerate([
            ("t.sel(lat=52.0).isel(time=3)", lambda: alone.sel(lat=52.0).isel(time=3)),
            ("t[3, 38, 13] * 2", lambda: alone[3, 38, 13] * 2),
            ("t.isel(lat=1) - t.isel(lat=2)", lambda: alone.isel(lat=1) - alone.isel(lat=2)),
            ("concatenate([t[:2], t[5:9:2]])[:, 4]", lambda: xr.concat([alone[:2], alone[5:9:2]], "time")[:, 4]),
            ("stack([t[7], t[2]])[:, :5, 5]", lambda: xr.concat([alone[7], alone[2]], "time")[:, :5, 5]),
            ("t.resample(time='12h').max()[:, 3]", lambda: alone.resample(time="12h").max()[:, 3]),
        ]):
            for form in ["nc", "zarr"]:
                file = judge.folder / f"scalar{number}.{form}"
                done = subprocess.run([judge.binary, "eval", text, f"t={source}/t2m", "-o", f"{file}/t2m", "--quiet"], capture_output=True, text=True)
                if done.returncode:
                    judge.check(f"scalars {text}", (None, done.stderr), 0)
                    continue
                with xr.open_dataset(file, **({"engine": "zarr", "consolidated": False} if form == "zarr" else {})) as back:
                    got, wanted = back["t2m"], want()
                    judge.check(f"{form} {text}", (got.values, ""), wanted.values)
                    judge.check(f"{form} {text} coordinates", (np.array(sorted(got.coords)), ""), np.array(sorted(wanted.coords)))
                    for name in set(got.coords) & set(wanted.coords):
                        judge.check(f"{form} {text} {name}", (np.array(got[name].values == wanted[name].values).all(), ""), np.bool_(True))
        path = judge.folder / "packed.nc/t2m"
        subprocess.run([judge.binary, "eval", "t", f"t={source}/t2m", "-o", str(path), "--pack", "int16:150:350", "--quiet"], check=True)
        with xr.open_dataset(path.parent) as back:
            good = np.allclose(back["t2m"].values, data["t2m"].values, atol=0.0016, rtol=0)
            judge.check("packed", (np.array(good), ""), np.array(True))


def main(args, judge):
    draw = random.Random(args.seed)
    files(judge)
    packings(judge, draw, args.count)
    ranges(judge, draw, max(4, args.count // 5))
    malformed(judge)
    outputs(judge)
    dates(judge, draw, max(3, args.count // 10))
    calendars(judge, draw, max(4, args.count // 5))
    selections(judge, draw, max(3, args.count // 10))
    resamples(judge, draw, max(4, args.count // 10))


if __name__ == "__main__":
    judged(__doc__, 100, main)
