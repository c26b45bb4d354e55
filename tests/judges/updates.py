#!/usr/bin/env python3
"""Changes of arrays that exist, judged by NumPy, zarr, h5py, netCDF4 and xarray.

    python tests/judges/updates.py target/debug/hyperslab 50 --seed 1

Others write random arrays, in every version of Zarr, in shards, in HDF5 and NetCDF-4 with random filters, in NetCDF-3
among the records of others, and in .npy of both orders, with room in its header and without; `hyperslab eval` writes
into random regions of them and appends to them, with packed values and times in other units; what others read
afterwards is compared with what NumPy makes of the same, and records of NetCDF-3 with what netCDF4 makes of them, byte
by byte; some changes are killed, leave what was there or all of it, and are run again.  Needs xarray, netCDF4, h5py and
zarr>=3.
"""
import os
import random
import shutil
import subprocess
import time
import warnings

import h5py
import netCDF4
import numpy as np
import pandas as pd
import xarray as xr
import zarr
from judging import judged

warnings.simplefilter("ignore")
UNITS = ["hours since 1999-12-31", "days since 1970-01-01", "seconds since 2000-01-01 06:00", "minutes since 1850-01-01"]
DTYPES = ["?", "i1", "u2", "i4", "i8", "f2", "f4", "f8", "c8", ">i2", ">f4"]


def values(rng, shape, dtype, whole=False):
    """Random elements, or numbers that every filter keeps as they are."""
    dtype = np.dtype(dtype)
    if whole and dtype.kind == "f":
        return rng.integers(0, 100, shape).astype(dtype)
    if dtype.kind == "c":
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    if dtype.kind == "f":
        out = rng.normal(size=shape).astype(dtype)
        out[rng.random(shape) < 0.05] = np.nan
        return out
    return rng.integers(0, 2 if dtype.kind == "b" else 100, shape).astype(dtype)


def filters_of(draw, dtype):
    """Filters of numcodecs that keep whole numbers below 100, perhaps several."""
    import numcodecs
    narrow, wide = [draw.choice("<>") + code for code in ("i2", "i4")]
    found = [numcodecs.Shuffle(dtype.itemsize)]
    if dtype.kind in "iu":
        found += [numcodecs.Delta(dtype), numcodecs.Delta(dtype, narrow), numcodecs.AsType(wide, dtype)]
    if dtype.kind == "f":
        found += [numcodecs.Quantize(2, dtype), numcodecs.FixedScaleOffset(draw.choice([0, 2.5]), 10, dtype, wide)]
        if dtype.byteorder != ">":
            found.append(numcodecs.BitRound(7))
    if dtype.kind == "b":
        found.append(numcodecs.PackBits())
    picked = [draw.choice(found)] if draw.random() < 0.6 else []
    if picked and picked[0].codec_id == "fixedscaleoffset":
        picked += draw.choice([[], [numcodecs.Delta(wide, narrow)]])
    if draw.random() < 0.2:
        picked.append(draw.choice([numcodecs.CRC32(location=draw.choice(["start", "end"])), numcodecs.Fletcher32()]))
    return picked


def filters_of_version_3(draw, dtype):
    """As `filters_of`, one of those that zarr wraps for version 3."""
    from zarr.codecs import numcodecs
    name = dtype.name
    match dtype.kind:
        case "b":
            return [numcodecs.PackBits()]
        case "i" | "u" if dtype.itemsize > 1:
            return [draw.choice([numcodecs.Delta(dtype=name), numcodecs.AsType(encode_dtype="int64", decode_dtype=name)])]
        case "f":
            scaled = numcodecs.FixedScaleOffset(offset=0, scale=10, dtype=name, astype="int32")
            return [draw.choice([scaled, numcodecs.Quantize(digits=2, dtype=name), numcodecs.BitRound(keepbits=7)])]
    return []


def create_zarr(draw, path, data, chunks, version, whole):
    """An array, perhaps in shards, of which some chunks may be missing, and perhaps through filters where it is `whole`."""
    from zarr import codecs
    how = {}
    if version == 3:
        if draw.random() < 0.5:
            how["shards"] = tuple(c * draw.randint(1, 3) for c in chunks)
        packed = draw.choice([codecs.ZstdCodec(level=1), codecs.GzipCodec(), codecs.BloscCodec(cname="lz4"), None])
        how["compressors"] = packed if packed is not None else None
        if draw.random() < 0.3:
            how["filters"] = [codecs.TransposeCodec(order=tuple(reversed(range(data.ndim))))]
        elif whole and (filters := filters_of_version_3(draw, data.dtype)):
            how["filters"] = filters
        if draw.random() < 0.2:
            how["compressors"] = codecs.numcodecs.LZMA()
    else:
        import numcodecs
        how["compressors"] = draw.choice([
            numcodecs.Blosc(cname="zstd", shuffle=draw.choice([0, 1, 2, -1])), numcodecs.Zlib(3), numcodecs.Zstd(2),
            numcodecs.GZip(2), numcodecs.BZ2(1), numcodecs.LZ4(), numcodecs.LZMA(preset=draw.choice([None, 0, 9])),
            numcodecs.LZMA(format=2), numcodecs.LZMA(format=3, filters=[{"id": 33, "preset": 1}]), None])
        filters = filters_of(draw, data.dtype) if whole else []
        how["filters"] = filters or None
        how["order"] = draw.choice("CF") if not any(f.codec_id == "bitround" for f in filters) else "C"
    if version == 3 and data.dtype.byteorder == ">":
        data = data.astype(data.dtype.newbyteorder("="))
    root = zarr.open_group(path, mode="w", zarr_format=version)
    fill = draw.choice([0, 1])
    x = root.create_array("g/x", shape=data.shape, dtype=data.dtype, chunks=chunks, fill_value=fill, **how)
    x[...] = data
    if draw.random() < 0.5:
        zarr.consolidate_metadata(path)
    return data


def create_hdf5(draw, path, data, chunks):
    """A dataset that may grow, with random filters."""
    how = draw.choice([{}, {"compression": "gzip"}, {"compression": "lzf"}, {"compression": "gzip", "compression_opts": 9}])
    how = {**how, "shuffle": draw.random() < 0.5, "fletcher32": draw.random() < 0.3}
    with h5py.File(path, "w", libver=draw.choice(["earliest", "latest"])) as f:
        f.create_group("g").create_dataset("x", data=data, chunks=chunks, maxshape=(None,) * data.ndim, **how)


def create_npy(draw, path, data):
    """In C or Fortran order, with a header of any version, or one that has no room for a longer shape."""
    data = np.asarray(data, order=draw.choice("CF"))
    if draw.random() < 0.3:
        text = f"{{'descr': '{data.dtype.str}', 'fortran_order': {np.isfortran(data)}, 'shape': {data.shape}}}\n".encode()
        path.write_bytes(b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text + data.tobytes("A"))
        return
    with open(path, "wb") as f:
        np.lib.format.write_array(f, data, version=draw.choice([(1, 0), (2, 0), (3, 0)]))


def create_netcdf3(draw, path, data):
    """A variable of fixed size or of records, among others; whether it has records."""
    kind = "NETCDF3_64BIT_DATA" if data.dtype.kind in "iu" and data.dtype not in ("i1", "i2", "i4") else draw.choice(
        ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"])
    records = data.size == 0 or draw.random() < 0.6
    with netCDF4.Dataset(path, "w", format=kind) as d:
        for i, n in enumerate(data.shape):
            d.createDimension(f"d{i}", None if records and i == 0 else n)
        d.createDimension("text", 3)
        names = [f"d{i}" for i in range(data.ndim)]
        variables = [("x", data.dtype.newbyteorder("="), names)]
        if draw.random() < 0.8:
            fill = {"fill_value": draw.choice([None, 7])}
            variables += [("before", "i2", names[:1], fill), ("after", "f8", names), ("text", "S1", [names[0], "text"])]
            draw.shuffle(variables)
        for name, dtype, of, *how in variables:
            d.createVariable(name, dtype, of, **(how[0] if how else {}))
        if data.size:
            d["x"][...] = data
            for name in set(d.variables) - {"x"}:
                shape = d[name].shape
                d[name][...] = np.arange(np.prod(shape)).reshape(shape) if name != "text" else np.full(shape, b"t")
    return records


def append_netcdf3(path, part):
    """What netCDF4 makes of a file when one of its variables gets more records."""
    with netCDF4.Dataset(path, "a") as d:
        n = d["x"].shape[0]
        d["x"][n : n + len(part)] = part


def stored(path, ending):
    """All elements, as others read them."""
    if ending == "npy":
        return np.load(path)
    if ending == "nc3":
        with netCDF4.Dataset(path) as d:
            d.set_auto_mask(False)
            return d["x"][...]
    if ending == "h5":
        with h5py.File(path) as f:
            return f["g/x"][...]
    return zarr.open_group(path, mode="r")["g/x"][...]


def same(judge, name, got, want):
    good = got.shape == want.shape and np.array_equal(got, want, equal_nan=want.dtype.kind in "fc")
    if good:
        judge.right += 1
    else:
        judge.wrong.append(name)
        print(f"WRONG {name}: {got.shape} {got.ravel()[:6]} for {want.shape} {want.ravel()[:6]}")
    return good


def equal(got, want):
    return got.shape == want.shape and np.array_equal(got, want, equal_nan=want.dtype.kind in "fc")


def killed(judge, draw, words, ending, read, old, new):
    """A run of the same that is killed somewhere: whether all of it was done by then."""
    if ending in ("h5", "nc") or draw.random() < 0.5:
        return False
    run = subprocess.Popen([str(w) for w in [judge.binary, *words, "-q"]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(draw.random() * 0.06)
    run.kill()
    run.wait()
    if any(p.name.startswith((".commit.", ".token.")) for p in judge.folder.iterdir()):
        # It is on its way; run again, that is gone on with.
        return False
    got = read()
    if equal(got, new) and not equal(old, new):
        for left in [*judge.folder.glob(".lock.*"), *judge.folder.glob(".merge.*")]:
            left.unlink()
        return True
    if not equal(got, old):
        judge.wrong.append(f"{words[-4]}: a killed run leaves neither what was there nor what was to be")
        print(f"WRONG {judge.wrong[-1]}")
    return False


def changes(judge, draw, rng, number):
    """A run of changes of one array."""
    ending = draw.choice(["v2.zarr", "v3.zarr", "h5", "npy", "nc3"])
    rank = draw.randint(1, 3)
    shape = [draw.choice([0, 1, 5, 9, 14]) if draw.random() < 0.2 else draw.randint(1, 14) for _ in range(rank)]
    chunks = tuple(draw.randint(1, 6) for _ in shape)
    dtype = draw.choice(DTYPES if ending != "nc3" else ["i1", "u2", "i4", "i8", "f4", "f8"])
    if ending == "nc3" and 0 in shape:
        # Records alone may be none.
        shape = [n if i == 0 else max(n, 1) for i, n in enumerate(shape)]
    path = judge.folder / f"x{number}.{ending}"
    whole = ending.endswith("zarr") and draw.random() < 0.7
    want = values(rng, shape, dtype, whole)
    if ending == "npy":
        create_npy(draw, path, want)
    elif ending == "nc3":
        records = create_netcdf3(draw, path, want)
    elif ending == "h5":
        create_hdf5(draw, path, want, chunks)
    else:
        want = create_zarr(draw, path, want, chunks, int(ending[1]), whole)
    target = {"npy": path, "nc3": path / "x"}.get(ending, path / "g/x")
    twin = judge.folder / "twin.nc3"
    for step in range(4):
        new = judge.folder / "new.npy"
        if draw.random() < 0.5 and (ending != "nc3" or records):
            # The slowest axis of a file alone grows.
            slowest = rank - 1 if ending == "npy" and np.isfortran(np.load(path)) else 0
            axis = slowest if ending in ("npy", "nc3") else draw.randrange(rank)
            more = list(want.shape)
            more[axis] = draw.randint(0, 9)
            part = values(rng, more, want.dtype, whole)
            np.save(new, part)
            words = ["eval", "x", f"x={new}", "-o", target, "--append", axis - draw.choice([0, rank]), "--raw"]
            old, want = want, np.concatenate([want, part], axis)
            if ending == "nc3":
                shutil.copy(path, twin)
                append_netcdf3(twin, part)
            code, error = 0, ""
            if not killed(judge, draw, words, ending, lambda: stored(path, ending), old, want):
                code, error = judge.run(*words)
            if ending == "nc3" and not code and path.read_bytes() != twin.read_bytes():
                code, error = 1, "netCDF4 makes other bytes of it"
        else:
            index, text = [], []
            for n in want.shape:
                a, b = sorted([draw.randint(0, n), draw.randint(0, n)])
                if n and draw.random() < 0.2:
                    index.append(draw.randrange(n))
                    text.append(str(index[-1] - draw.choice([0, n])))
                else:
                    index.append(slice(a, b))
                    text.append(draw.choice([f"{a}:{b}", f"{a - n}:{b}" if a < n else f"{a}:{b}"]))
            index = tuple(index)
            if draw.random() < 0.3 and want.dtype.kind in "fc" and not whole:
                # Of the very array that it changes.
                reads = ",".join(f"{i}" if isinstance(i, int) else f"{i.start}:{i.stop}" for i in index)
                words = ["eval", f"x[{reads}] * 2", f"x={target}"]
                part = want[index] * 2
            else:
                part = values(rng, want[index].shape, want.dtype, whole)
                np.save(new, part)
                words = ["eval", "x", f"x={new}"]
            words += ["-o", target, "--region", ",".join(text), "--raw"]
            old, want = want, want.copy()
            want[index] = part
            code, error = 0, ""
            if not killed(judge, draw, words, ending, lambda: stored(path, ending), old, want):
                code, error = judge.run(*words)
        name = f"{number} {ending} {dtype} {shape} {chunks} step {step}"
        if code:
            judge.wrong.append(name)
            print(f"WRONG {name}: {error}")
            return
        try:
            got = stored(path, ending)
        except Exception as unreadable:  # noqa: BLE001, whatever a reader says is a fault of what was written
            judge.wrong.append(name)
            print(f"WRONG {name}: {unreadable}")
            return
        if not same(judge, name, got, want):
            return
    left = [p.name for p in judge.folder.iterdir() if p.name.startswith(".")]
    if left:
        judge.wrong.append(f"{number} leaves {left}")
        print(f"WRONG {judge.wrong[-1]}")
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def dataset(draw, rng):
    """An array over time, latitude and longitude."""
    shape = [draw.randint(3, 24), draw.randint(1, 5), draw.randint(1, 6)]
    time = pd.date_range("2000-01-01", periods=shape[0], freq=draw.choice(["6h", "D", "45min"]))
    data = rng.normal(280, 9, shape).round(2)
    data[rng.random(shape) < 0.1] = np.nan
    lat, lon = np.linspace(50, 40, shape[1]), np.arange(shape[2]) * 0.5
    return xr.Dataset({"t": (("time", "lat", "lon"), data, {"units": "K"})}, {"time": time, "lat": lat, "lon": lon})


def write(draw, ds, path, ending):
    """Written by xarray with random packing and units."""
    t = {}
    if draw.random() < 0.5:
        t = {"dtype": "i2", "scale_factor": 0.01, "add_offset": 280.0, "_FillValue": -32768}
    time = {"units": draw.choice(UNITS), "dtype": "f8"}
    if ending in ("nc", "nc3"):
        kind = "NETCDF4" if ending == "nc" else draw.choice(["NETCDF3_CLASSIC", "NETCDF3_64BIT"])
        encoding = {"t": t, "time": time}
        ds.to_netcdf(path, engine="netcdf4", format=kind, encoding=encoding, unlimited_dims=["time"])
    else:
        ds.to_zarr(path, zarr_format=int(ending[1]), encoding={"t": t, "time": time}, consolidated=draw.random() < 0.5)


def append(judge, draw, rng, number):
    """A data set cut in two along time, each with its own packing and units, and put together again."""
    endings = [draw.choice(["v2.zarr", "v3.zarr", "nc", "nc3"]) for _ in range(2)]
    ds = dataset(draw, rng)
    cut = draw.randint(1, ds.sizes["time"] - 1)
    paths = [judge.folder / f"t{number}{part}.{ending}" for part, ending in zip("ab", endings)]
    for part, path, ending in zip([ds.isel(time=slice(0, cut)), ds.isel(time=slice(cut, None))], paths, endings):
        write(draw, part, path, ending)
    name = f"append {number} {endings} {ds.sizes}"
    words = ["eval", "x", f"x={paths[1]}/t", "-o", f"{paths[0]}/t", "--append", "time"]
    engine = "netcdf4" if endings[0].startswith("nc") else "zarr"

    def read():
        # The coordinate of an array in Zarr may have grown by itself.
        with xr.open_dataset(paths[0], engine=engine, drop_variables="time" if engine == "zarr" else None) as got:
            return got.t.values.round(2)

    code, error = 0, ""
    if not killed(judge, draw, words, endings[0], read, ds.t.values[:cut], ds.t.values):
        code, error = judge.run(*words)
    if code:
        judge.wrong.append(name)
        print(f"WRONG {name}: {error}")
        return
    with xr.open_dataset(paths[0], engine=engine) as got:
        same(judge, name + " times", got.time.values.astype("M8[ms]"), ds.time.values.astype("M8[ms]"))
        same(judge, name, got.t.values.round(2), ds.t.values)
    # What is there already is not appended again, and a part of it that lies elsewhere along time is refused.
    code, error = judge.run(*words)
    if code == 0 or "does not go on so" not in error:
        judge.wrong.append(name)
        print(f"WRONG {name}: an append of the same is {code} {error}")
    code, error = judge.run("eval", "x", f"x={paths[1]}/t", "-o", f"{paths[0]}/t", "--region", f"time=0:{ds.sizes['time'] - cut}")
    if code == 0 or "other values along `time`" not in error:
        judge.wrong.append(name)
        print(f"WRONG {name}: coordinates that differ are {code} {error}")
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def main(args, judge):
    # So that tiny arrays are many blocks.
    os.environ["HYPERSLAB_BLOCK_BYTES"] = "256"
    for number in range(args.count):
        draw, rng = random.Random(f"{args.seed} {number}"), np.random.default_rng([args.seed, number])
        changes(judge, draw, rng, number)
        append(judge, draw, rng, number)


if __name__ == "__main__":
    judged(__doc__, 50, main)
