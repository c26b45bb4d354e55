#!/usr/bin/env python3
"""Dates and lengths of time, judged by NumPy, and those of CF conventions by xarray.

    python tests/judges/dates.py target/debug/hyperslab 200 [--seed 1]

Draws arrays of datetime64 and timedelta64 in any units, with NaT among them, stored as .npy or Zarr, and evaluates the same
text by NumPy and by the command: shape, dtype and values must agree, and what NumPy refuses is refused.  Results are written
as .npy, Zarr or NetCDF and read back by NumPy, zarr or xarray.  Needs numpy>=2.4, zarr>=3 and xarray.
"""
import os
import random
import warnings

import numpy as np
import xarray
import zarr

from judging import judged

warnings.simplefilter("ignore")
UNITS = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns"]

# d and e are dates, h and k lengths of time, n integers, f floats, b truth values; all of one shape.
TEXTS = """
d + h | h + d | d - h | d - e | h + k | h - k | -h | abs(h) | sign(h) | +h | d + n | n + d | d - n | h + n | n - h | d + 3
h * n | n * h | h * f | f * h | 2.5 * h | h * 3 | h / k | h // k | h % k | h / n | h // n | h / f | h // 2 | h / 2.5 | divmod(h, k)
d == e | d != e | d < e | d <= e | d > e | d >= e | h == k | h < k | h > 0 | h <= n | h != h | d == d
minimum(d, e) | maximum(d, e) | fmin(d, e) | fmax(d, e) | maximum(h, k) | fmin(h, k) | clip(d, min(d), max(e)) | minimum(h, 5)
isnat(d) | isnat(h) | isnan(d) | isfinite(h) | isinf(d) | logical_and(h, k) | where(b, d, e) | where(d > e, h, k)
where(b, d, datetime64("NaT")) | where(b, h, timedelta64("NaT"))
d.min() | d.max() | nanmin(d) | nanmax(d) | h.sum() | h.mean() | nansum(h) | h.min(axis=0) | d.max(axis=0) | ptp(d) | ptp(h, axis=0)
d.argmin() | d.argmax() | nanargmax(d) | h.argmax(axis=0) | any(h) | all(h, axis=0) | count_nonzero(h) | h.mean(axis=0)
sort(d, axis=0) | argsort(d, axis=0, kind="stable") | sort(h.ravel()) | cumsum(h, axis=0) | maximum.accumulate(d, axis=0)
minimum.accumulate(h) | fmax.accumulate(d) | diff(d, axis=0) | diff(h) | unique(d) | unique(h) | isin(d, e) | isin(d, e, invert=True)
searchsorted(sort(d.ravel()), e) | searchsorted(sort(d.ravel()), e, side="right")
d.T | d[::-1] | d.reshape(-1) | d[b] | d[..., 0] | concatenate([d, e]) | concatenate([h, k, h]) | stack([d, e]) | roll(d, 1) | flip(h)
take(d, [0, -1], axis=0) | repeat(d, 2, axis=0) | tile(h, 2) | broadcast_to(d[0], d.shape) | expand_dims(d, 0) | d[nonzero(b)]
take_along_axis(d, argsort(d, axis=0, kind="stable"), axis=0) | d.astype("int64") | d.astype("float64") | h.astype(float) | h.astype(bool)
d.astype("datetime64[D]") | d.astype("datetime64[M]") | d.astype("M8[Y]") | d.astype("M8[W]") | d.astype("M8[s]") | d.astype("M8[us]")
h.astype("timedelta64[s]") | n.astype("datetime64[D]") | n.astype("m8[h]") | f.astype("m8[s]") | b.astype("m8[D]") | d.astype("m8[s]")
d + datetime64("2000-01-01") | d - datetime64("2000-01-01") | d > datetime64("2000-02-01T12:30") | d + timedelta64(90, "m")
datetime64("2000-01-01T12:30:05.25") - datetime64("1999") | datetime64("2000-03") + timedelta64(1, "D") | datetime64(5, "D")
arange(datetime64("2000-01-01"), datetime64("2000-03-01")) | arange("2000-01", "2001-01", dtype="datetime64[M]")
arange(datetime64("2000-01-01"), datetime64("2000-01-05"), timedelta64(6, "h")) | array(["2000-01-01", "NaT"], dtype="datetime64[D]")
array([[1, 2], [3, 4]], dtype="timedelta64[s]") | full((2, 3), datetime64("1969-12-31T23")) | zeros_like(d) | ones_like(h) | full_like(d, e.ravel()[0]) | piecewise(d, [b], [d[0], d[1]])[0] | h * k | d * 2 | d + e | h - d | sqrt(h)
sum(d) | mean(d) | std(h) | prod(h) | d > 0 | where(b, d, 0) | concatenate([d, n]) | exp(d) | h ** 2 | d % e | h & k | ~h | cumprod(h)
cumsum(d) | d @ d | floor(h) | d / 2 | sin(h) | h % 3 | f + h | round(h) | abs(d) | -d | bitwise_or(h, k) | arctan2(h, k) | power(h, 2)
"""


def ticks(draw, generator, unit, date, size):
    year = {"Y": 1, "M": 12, "W": 52, "D": 365, "h": 8760, "m": 525600, "s": 31536000}
    scale = {"ms": 10**3, "us": 10**6, "ns": 10**9}
    span = year.get(unit) or year["s"] * scale[unit]
    reach = draw.choice([3, 40, 200]) if date else draw.choice([1, 1, 10])
    out = generator.integers(-span * reach, span * reach, size) if draw.random() < 0.7 else generator.integers(-9, 9, size)
    if draw.random() < 0.6:
        out[generator.random(size) < 0.2] = np.iinfo("i8").min
    return out


def inputs(draw):
    generator = np.random.default_rng(draw.getrandbits(32))
    shape = draw.choice([(5,), (12,), (3, 4), (1, 6), (40,), (7, 5)])
    size = int(np.prod(shape))
    out = {}
    dates = draw.choice([UNITS, ["D", "h", "s"], ["ns"]])
    deltas = draw.choice([UNITS[2:], ["D", "h", "s"], ["ns"], UNITS])
    for name, units, kind in [("d", dates, "M8"), ("e", dates, "M8"), ("h", deltas, "m8"), ("k", deltas, "m8")]:
        unit = draw.choice(units)
        out[name] = ticks(draw, generator, unit, kind == "M8", size).view(f"{kind}[{unit}]").reshape(shape)
    out["n"] = generator.integers(-4, 5, shape).astype(draw.choice(["i8", "i4", "u1", "i2"]))
    out["f"] = np.where(generator.random(shape) < 0.1, np.nan, np.round(generator.normal(size=shape), 2)).astype(draw.choice(["f8", "f4"]))
    out["b"] = generator.random(shape) < 0.5
    return out


def reference(text, given):
    """NumPy's value, or None where it refuses."""
    names = {name: getattr(np, name) for name in np.__all__ if not name.startswith("_")}
    try:
        return eval(text, {**names, "float": float, "bool": bool, **given})
    except (TypeError, ValueError, np.exceptions.DTypePromotionError):
        return None


def store(draw, folder, name, x):
    if draw.random() < 0.5:
        np.save(folder / f"{name}.npy", x)
        return folder / f"{name}.npy"
    path = folder / f"{name}.zarr"
    chunks = tuple(draw.choice([1, 2, n, n]) if n > 1 else 1 for n in x.shape)
    zarr.create_array(path, data=x, chunks=chunks, zarr_format=draw.choice([2, 3]), overwrite=True)
    return path


def numpy(judge, draw, folder, count):
    texts = [text.strip() for line in TEXTS.strip().splitlines() for text in line.split(" | ")]
    for i in range(count):
        text = texts[i % len(texts)] if i < len(texts) else draw.choice(texts)
        given = inputs(draw)
        used = {name: x for name, x in given.items() if name in text}
        want = reference(text, used)
        if isinstance(want, tuple):
            want = want[1]
            text = f"{text}[1]"
        # A month is 30.4 days for NumPy's lengths of time; here it is none.
        calendar = [x for name, x in used.items() if x.dtype.kind == "m" and np.datetime_data(x.dtype)[0] in "YM"]
        how = [f"{name}={store(draw, folder, name, x)}" for name, x in used.items()]
        os.environ["HYPERSLAB_BLOCK_BYTES"] = str(draw.choice([64, 1024, 1 << 20]))
        got = judge.eval(f"({text})", *how, "--threads", draw.choice([1, 2]))
        if calendar and got[0] is None and "not all of one length" in got[1]:
            judge.right += 1
            continue
        judge.check(f"{text} of {({name: x.dtype.str for name, x in used.items()})}", got, want)


def files(judge, draw, folder, count):
    """What is written is read by others as the dates that they are."""
    for i in range(count):
        unit = draw.choice(UNITS[3:])
        x = ticks(draw, np.random.default_rng(draw.getrandbits(32)), unit, True, 30)
        x = x.view(f"M8[{unit}]").reshape(5, 6)
        np.save(folder / "x.npy", x)
        kind = draw.choice(["zarr2", "zarr3", "nc", "sharded"])
        out = folder / f"out{i}.{'nc' if kind == 'nc' else 'zarr'}"
        options = {"zarr2": ["--zarr-version", "2"], "sharded": ["--chunks", "1,3", "--shards", "5,6"]}.get(kind, [])
        code, error = judge.run("eval", "x", f"x={folder / 'x.npy'}", "-o", out, *options)
        if code:
            judge.check(f"{kind} of {x.dtype}", (None, error), x)
            continue
        if kind == "nc":
            got = xarray.open_dataset(out, mask_and_scale=False)["data"].values
            judge.check(f"{kind} of {x.dtype}", (got.astype(x.dtype), ""), x)
            continue
        judge.check(f"{kind} of {x.dtype}", (zarr.open_array(out, mode="r")[:], ""), x)
        judge.check(f"{kind} of {x.dtype} again", judge.eval("x", f"x={out}"), x)


def cf(judge, draw, folder, count):
    """Dates from numbers of CF conventions, and their parts."""
    for i in range(count):
        unit = draw.choice(["days", "hours", "minutes", "seconds"])
        calendar = draw.choice(["standard", "proleptic_gregorian", "noleap"])
        values = np.random.default_rng(i).integers(0, 40_000, 20).astype(draw.choice(["f8", "i4", "i8", "f4"]))
        set_ = xarray.Dataset({"x": (("time",), np.zeros(20))}, {"time": ("time", values)})
        set_.time.attrs = {"units": f"{unit} since 1950-03-01", "calendar": calendar}
        path = folder / f"cf{i}.nc"
        set_.to_netcdf(path)
        wanted = draw.choice(["s", "ns", "D", "M"])
        want = None if calendar == "noleap" else xarray.decode_cf(set_).time.values.astype(f"M8[{wanted}]")
        judge.check(f"to_datetime of {values.dtype} {unit} {calendar}", judge.eval(f"to_datetime(x.time, '{wanted}')", f"x={path}/x"), want)
        dates = np.arange("1890-01-01", "2100-01-01", 97, dtype="M8[D]").astype(f"M8[{draw.choice(['D', 'h', 's', 'ns', 'M'])}]")
        np.save(folder / "t.npy", dates)
        for part in ["year", "month", "day", "dayofyear", "hour", "dayofweek"]:
            want = getattr(xarray.DataArray(dates.astype("M8[ns]")).dt, part).values.astype("i8")
            judge.check(f"{part} of {dates.dtype}", judge.eval(f"{part}(t)", f"t={folder / 't.npy'}"), want)


def main(args, judge):
    draw = random.Random(args.seed)
    numpy(judge, draw, judge.folder, 5 * args.count)
    files(judge, draw, judge.folder, args.count // 2)
    cf(judge, draw, judge.folder, args.count // 10)


if __name__ == "__main__":
    judged(__doc__, 50, main)
