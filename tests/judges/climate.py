#!/usr/bin/env python3
"""CF conventions, judged by xarray.

    python tests/judges/climate.py target/debug/hyperslab 200 --seed 1

Opens the files of data/ and files that xarray, netCDF4 and zarr write with random packings, and compares the values of
`hyperslab eval` with xarray's: element types, bits and NaN.  Valid ranges, which xarray does not know, are judged by what
CF says of them.  Needs xarray, netCDF4, cftime, pandas and zarr>=3.
"""
import argparse
import pathlib
import random
import subprocess
import sys
import tempfile
import warnings

import netCDF4
import numpy as np
import xarray as xr
import zarr

DATA = pathlib.Path(__file__).resolve().parents[2] / "data"
warnings.simplefilter("ignore")


class Judge:
    """Runs the command and keeps count."""

    def __init__(self, binary, folder):
        self.binary, self.folder, self.right, self.wrong = str(pathlib.Path(binary).resolve()), folder, 0, []

    def eval(self, text, *inputs):
        out = self.folder / "out.npy"
        done = subprocess.run([self.binary, "eval", text, *inputs, "-o", str(out), "--quiet"], capture_output=True, text=True)
        if done.returncode:
            return None, done.stderr.strip()
        value = np.load(out)
        out.unlink()
        return value, ""

    def check(self, name, got, want):
        value, error = got
        if want is None:
            good = value is None and "panicked" not in error
        else:
            want = np.asarray(want)
            equal = value is not None and value.shape == want.shape and value.dtype == want.dtype
            good = equal and np.array_equal(value, want, equal_nan=want.dtype.kind in "fc")
        if good:
            self.right += 1
        else:
            self.wrong.append(name)
            shown = error or f"{value.dtype} {value.shape} {value.ravel()[:6]}"
            print(f"WRONG {name}: {shown} for {'a refusal' if want is None else f'{want.dtype} {want.shape} {want.ravel()[:6]}'}")


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("count", nargs="?", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    draw = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(args.binary, pathlib.Path(folder))
        files(judge)
        packings(judge, draw, args.count)
        ranges(judge, draw, max(4, args.count // 5))
        malformed(judge)
    print(f"{judge.right} right, {len(judge.wrong)} wrong")
    return 1 if judge.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
