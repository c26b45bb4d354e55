#!/usr/bin/env python3
"""Many files as one, judged by xarray.

    python tests/judges/many.py target/debug/hyperslab 50 --seed 1

Cuts random arrays into NetCDF and Zarr files, with random packings, units of time, orders and chunks, and compares what
`hyperslab eval` makes of a pattern of them with what `xarray.open_mfdataset` does: values, times and refusals.  Indexes that
`hyperslab index` writes, of such files and of Zarr hierarchies of both versions, are read by zarr, through fsspec.  Needs xarray, netCDF4, zarr>=3 and fsspec.
"""
import json
import random
import warnings
import zipfile

import fsspec
import numcodecs
import numpy as np
import pandas as pd
import xarray as xr
import zarr
from judging import judged
from zarr import codecs

warnings.simplefilter("ignore")
UNITS = ["hours since 1999-12-31", "days since 1970-01-01", "seconds since 2000-01-01 06:00", "minutes since 1850-01-01"]


def dataset(draw, rng):
    """An array over time, latitude and longitude."""
    shape = [draw.randint(2, 24), draw.randint(1, 5), draw.randint(1, 6)]
    time = pd.date_range("2000-01-01", periods=shape[0], freq=draw.choice(["6h", "D", "45min"]))
    values = rng.normal(280, 9, shape).astype(draw.choice(["f4", "f8"]))
    if draw.random() < 0.3:
        values[rng.random(shape) < 0.1] = np.nan
    lat, lon = np.linspace(50, 40, shape[1]), np.arange(shape[2]) * 0.5
    return xr.Dataset({"t": (("time", "lat", "lon"), values, {"units": "K"})}, {"time": time, "lat": lat, "lon": lon})


def encodings(draw, ds, packed, units, ending):
    """Random chunks, compression, packing and units of one file."""
    t = {}
    if packed:
        low, high = float(ds.t.min()), float(ds.t.max())
        scale = max(high - low, 1.0) / 60000 if draw.random() < 0.7 else 0.01
        t = {"dtype": "i2", "scale_factor": scale, "add_offset": (low + high) / 2, "_FillValue": -32768}
    if ending == "nc":
        t["chunksizes"] = [draw.randint(1, n) for n in ds.t.shape]
        t["zlib"] = draw.random() < 0.7
        t["shuffle"] = draw.random() < 0.5
    return {"t": t, "time": {"units": units, "dtype": draw.choice(["i8", "f8"])}}


def split(draw, ds, dim):
    """The data set cut along a dimension."""
    n = ds.sizes[dim]
    cuts = sorted(draw.sample(range(1, n), min(n - 1, draw.randint(0, 5))))
    return [ds.isel({dim: slice(a, b)}) for a, b in zip([0, *cuts], [*cuts, n])]


def case(judge, draw, rng, number):
    ds = dataset(draw, rng)
    dim = draw.choice(["time", "time", "time", "lat", "lon"])
    parts = split(draw, ds, dim)
    ending = draw.choice(["nc", "nc", "zarr"])
    folder = judge.folder / f"case{number}"
    folder.mkdir()
    order = list(range(len(parts)))
    nested = draw.random() < 0.3
    if not nested:
        draw.shuffle(order)
    packed, same = draw.random() < 0.4, draw.random() < 0.5
    units = draw.choice(UNITS)
    spoilt = draw.choice(["lat", "axis", "overlap", "units"]) if draw.random() < 0.2 and len(parts) > 1 and dim == "time" else None
    for i, name in enumerate(order):
        part = parts[i]
        if spoilt == "lat" and i == 1:
            part = part.assign_coords(lat=part.lat + 0.25)
        if spoilt == "axis" and i == 1:
            part = xr.concat([part, part.isel(lon=[-1]).assign_coords(lon=[99.0])], "lon")
        if spoilt == "overlap" and i == 1:
            part = part.assign_coords(time=parts[0].time.values[0] + (part.time.values - part.time.values[0]))
        if spoilt == "units" and i == 1:
            part = part.assign(t=part.t.assign_attrs(units="degC"))
        kwargs = {"encoding": encodings(draw, part, packed, units if same else draw.choice(UNITS), ending)}
        path = folder / f"f{name:02d}.{ending}"
        if ending == "nc":
            part.to_netcdf(path, engine="netcdf4", **kwargs)
        else:
            part.to_zarr(path, zarr_format=draw.choice([2, 3]), consolidated=False, **kwargs)
    files = sorted(folder.glob(f"f*.{ending}"))
    args = [f"t={folder}/f*.{ending}/t"] + (["--concat", dim] if len(files) > 1 or draw.random() < 0.5 else [])
    if nested:
        args.append("--nested")
    name = f"case {number}: {ending} {dim} {'nested' if nested else 'by_coords'} {spoilt or ''}"
    if spoilt == "overlap" and nested:
        spoilt = None
    if spoilt:
        judge.check(name, judge.eval("t", *args), None)
        return
    how = {"combine": "nested", "concat_dim": dim} if nested else {"combine": "by_coords"}
    engine = {"engine": "zarr", "consolidated": False} if ending == "zarr" else {"engine": "netcdf4"}
    want = xr.open_mfdataset(files, data_vars="all", coords="minimal", compat="override", join="override", **how, **engine)
    values = want.t.values
    judge.check(name, judge.eval("t", *args), values)
    judge.check(f"{name} mean", judge.eval("isnan(mean(t, axis=0))", *args), np.isnan(values.mean(0)))
    at = draw.randrange(values.shape[list(want.t.dims).index(dim)])
    if dim == "time":
        stamp = pd.Timestamp(want.time.values[at]).strftime("%Y-%m-%dT%H:%M:%S")
        judge.check(f"{name} sel", judge.eval(f't.sel(time="{stamp}")', *args), want.t.isel(time=at).values)
        hours = want.time.dt.hour.values.astype("i8")
        judge.check(f"{name} hours", judge.eval('hour(t.coordinate("time"))', *args), hours)
    else:
        judge.check(f"{name} coordinate", judge.eval(f't.coordinate("{dim}")', *args), want[dim].values)
    index(judge, draw, folder, files, name, engine)


def index(judge, draw, folder, files, name, engine):
    """An index of one file or hierarchy, read by others and by ourselves."""
    out = folder / "index.json"
    path = draw.choice(files)
    code, error = judge.run("index", out, path)
    if code:
        judge.check(f"{name} index", (None, error), np.zeros(0))
        return
    whole = xr.open_dataset(path, mask_and_scale=False, decode_times=False, **engine)
    for key in ["t", "time", "lat"]:
        judge.check(f"{name} index {key} by zarr", by_zarr(out, key), whole[key].values)
        judge.check(f"{name} index {key}", judge.eval("x", f"x={out}/{key}", "--raw"), whole[key].values)


def by_zarr(index, key):
    """What zarr reads through the references of an index."""
    mapper = fsspec.filesystem("reference", fo=json.loads(index.read_text()), asynchronous=True, remote_protocol="file")
    try:
        group = zarr.open_group(zarr.storage.FsspecStore(mapper, read_only=True), mode="r", zarr_format=2)
        return group[key][...], ""
    except Exception as e:  # A reader that cannot read it is a finding.
        return None, repr(e)


def referred(judge, draw, rng, number):
    """An index of a Zarr hierarchy of either version, sharded or not, in a folder or in an archive, and an index of that."""
    folder = judge.folder / f"referred{number}"
    folder.mkdir()
    shape = tuple(draw.randint(1, n) for n in draw.choice([[3000], [60, 50], [9, 20, 30], [1100, 1]]))
    chunks = tuple(draw.randint(1, max(1, n // 2)) for n in shape)
    version, dtype = draw.choice([2, 3]), draw.choice(["f4", "f8", "i2", "u1", "i8", "c8", "?", "f2", "M8[s]"])
    x = rng.integers(0, 100, shape).astype("i8").astype(dtype)
    fill = np.datetime64(5, "s") if dtype == "M8[s]" else draw.choice([0, 7])
    how = {"chunks": chunks, "fill_value": fill}
    if version == 2:
        packed = [None, numcodecs.Zlib(3), numcodecs.Zstd(2), numcodecs.Blosc(), numcodecs.LZ4()]
        how |= {"compressors": draw.choice(packed), "order": draw.choice("CF")}
        if dtype[0] == "i" and draw.random() < 0.4:
            how["filters"] = [numcodecs.Delta(dtype=dtype)]
        if draw.random() < 0.3:
            how["chunk_key_encoding"] = {"name": "v2", "separator": "/"}
    else:
        zstd, lz4 = codecs.ZstdCodec(level=3), codecs.BloscCodec(cname="lz4", shuffle="shuffle")
        how["compressors"] = draw.choice([None, [zstd], [codecs.GzipCodec()], [lz4], [zstd, codecs.Crc32cCodec()]])
        if draw.random() < 0.3:
            how["filters"] = [codecs.TransposeCodec(order=tuple(range(len(shape)))[::-1])]
        if x.itemsize > 1 and draw.random() < 0.3:
            how["serializer"] = codecs.BytesCodec(endian="big")
        if draw.random() < 0.5:
            how["shards"] = tuple(c * draw.randint(1, 3) for c in chunks)
    array = zarr.open_group(folder / "x.zarr", mode="w", zarr_format=version).create_array("g/x", shape=shape, dtype=dtype, **how)
    if draw.random() < 0.4:
        x[tuple(slice(0, c) for c in chunks)] = fill  # Nothing is stored of that chunk.
    array[...] = x
    path, out = folder / "x.zarr", folder / "index.json"
    if draw.random() < 0.3:
        with zipfile.ZipFile(folder / "x.zip", "w") as archive:
            for file in sorted(path.rglob("*")):
                archive.write(file, file.relative_to(path))
        path = folder / "x.zip"
    code, error = judge.run("index", out, path)
    if not code and draw.random() < 0.3:
        path, out = out, folder / "again.json"
        code, error = judge.run("index", out, path)
    name = f"index {number}: v{version} {dtype} {shape} {how}"
    if code:
        judge.check(name, (None, error), x)
        return
    value, error = by_zarr(out, "g/x")
    judge.check(f"{name} by zarr", (value if value is None else value.astype(dtype), error), x)
    if dtype != "M8[s]":
        judge.check(name, judge.eval("x", f"x={out}/g/x", "--raw"), x)


def main(args, judge):
    draw, rng = random.Random(args.seed), np.random.default_rng(args.seed)
    for number in range(args.count):
        case(judge, draw, rng, number)
        referred(judge, draw, rng, number)


if __name__ == "__main__":
    judged(__doc__, 50, main)
