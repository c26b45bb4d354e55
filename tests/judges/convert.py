#!/usr/bin/env python3
"""Conversions between all formats, judged by zarr, h5py, netCDF4, SciPy and xarray.

    python tests/judges/convert.py target/debug/hyperslab 50 --seed 1

Others write an array in every format that is read, `hyperslab convert` writes it in every format that is written, and others
read that.  Conversions without a word about chunks and compression must copy the bytes of chunks where the formats can have the
same ones, which the profile says.  Every fourth is killed at random moments and gone on with, and must end in the bytes of one
that nobody killed.  Needs xarray, netCDF4, h5py, scipy, tifffile and zarr>=3.
"""
import json
import random
import shutil
import subprocess
import time
import warnings
import zipfile

import h5py
import netCDF4
import numcodecs
import numpy as np
import scipy.io
import zarr
from judging import judged
from zarr import codecs

warnings.simplefilter("ignore")


def zarr_array(version, **how):
    def write(path, x, chunks):
        root = zarr.open_group(path, mode="w", zarr_format=version)
        more = {"shards": tuple(2 * c for c in chunks)} if how.get("shards") else {}
        fixed = {k: v for k, v in how.items() if k != "shards"}
        a = root.create_array("x", shape=x.shape, dtype=x.dtype, chunks=chunks, fill_value=0, **fixed, **more)
        a[...] = x
        return f"{path}/x"
    return write


def zipped(write, packed):
    """What `write` writes, in an archive whose entries are packed, stored, or some of each."""
    def write_zip(path, x, chunks):
        folder = path.with_suffix(".zarr")
        write(folder, x, chunks)
        with zipfile.ZipFile(path, "w") as archive:
            for i, file in enumerate(sorted(p for p in folder.rglob("*") if p.is_file())):
                deflated = packed if packed is not None else i % 2
                how = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
                archive.write(file, file.relative_to(folder), how)
        remove(folder)
        return f"{path}/x"
    return write_zip


def hdf5(**how):
    def write(path, x, chunks):
        with h5py.File(path, "w") as f:
            f.create_dataset("x", data=x, chunks=chunks if how else None, **how)
        return f"{path}/x"
    return write


def netcdf(model, zlib=False):
    def write(path, x, chunks):
        with netCDF4.Dataset(path, "w", format=model) as d:
            names = [f"d{i}" for i in range(x.ndim)]
            [d.createDimension(n, l) for n, l in zip(names, x.shape)]
            d.createVariable("x", x.dtype, names, **({"zlib": zlib, "chunksizes": chunks} if zlib else {}))[...] = x
        return f"{path}/x"
    return write


def npy(path, x, chunks):
    np.save(path, x)
    return str(path)


def raw(path, x, chunks):
    x.tofile(path)
    shape = ",".join(map(str, x.shape))
    return f"{path}?dtype={x.dtype.str}&shape={shape}"


# Ending, writer, and the formats to which its chunks go as they are.
SOURCES = {
    "v2 blosc": ("zarr", zarr_array(2, compressors=numcodecs.Blosc("lz4")), {"v2", "v3"}),
    "v2 zlib": ("zarr", zarr_array(2, compressors=numcodecs.Zlib(4)), {"v2", "h5"}),
    "v2 shuffle zlib": ("zarr", zarr_array(2, compressors=numcodecs.Zlib(4), filters=[numcodecs.Shuffle(4)]), {"v2", "h5"}),
    "v2 F": ("zarr", zarr_array(2, compressors=numcodecs.GZip(1), order="F"), {"v2", "v3"}),
    "v2 lz4": ("zarr", zarr_array(2, compressors=numcodecs.LZ4()), {"v2"}),
    "v3 zstd": ("zarr", zarr_array(3), {"v2", "v3"}),
    "v3 plain": ("zarr", zarr_array(3, compressors=None), {"v2", "v3", "h5"}),
    "v3 crc": ("zarr", zarr_array(3, compressors=[codecs.GzipCodec(), codecs.Crc32cCodec()]), {"v3"}),
    "v3 shards": ("zarr", zarr_array(3, shards=True), {"v3"}),
    "zip v2": ("zip", zipped(zarr_array(2, compressors=numcodecs.Zlib(4)), False), {"v2", "h5"}),
    "zip v3": ("zip", zipped(zarr_array(3), None), {"v2", "v3"}),
    "zip packed": ("zip", zipped(zarr_array(3, compressors=None), True), {"v2", "v3", "h5"}),
    "zip shards": ("zip", zipped(zarr_array(3, shards=True), None), {"v3"}),
    "h5": ("h5", hdf5(), set()),
    "h5 gzip": ("h5", hdf5(compression="gzip", shuffle=True), {"v2", "h5"}),
    "h5 lzf": ("h5", hdf5(compression="lzf"), {"h5"}),
    "h5 sums": ("h5", hdf5(compression="gzip", fletcher32=True), {"v2", "h5"}),
    "netcdf4": ("nc", netcdf("NETCDF4", True), {"v2", "h5"}),
    "netcdf3": ("nc", netcdf("NETCDF3_CLASSIC"), set()),
    "netcdf3 64": ("nc", netcdf("NETCDF3_64BIT_OFFSET"), set()),
    "npy": ("npy", npy, set()),
    "raw": ("bin", raw, set()),
}
TARGETS = {
    "v2": ("zarr", ["--zarr-version", "2"]), "v3": ("zarr", ["--zarr-version", "3"]), "h5": ("h5", []), "nc": ("nc", []),
    "shards": ("zarr", ["--chunks", "4,5", "--shards", "8,10"]), "netcdf3": ("nc", ["--format", "netcdf3"]), "npy": ("npy", []),
}
RESUMED = {"v2", "v3", "shards", "npy"}
try:
    import tifffile

    def tiff(path, x, chunks):
        tifffile.imwrite(path, x, tile=(16, 16), compression=None)
        return str(path)

    SOURCES["tiff"] = ("tif", tiff, set())
except ImportError:
    pass


def read(path, target):
    """The array as others read it."""
    if target == "npy":
        return np.load(path)
    if target in ("h5", "nc"):
        with h5py.File(path) as f:
            return f["x"][...]
    if target == "netcdf3":
        with scipy.io.netcdf_file(path, mmap=False) as f:
            old = f.variables["x"].data.copy()
        with netCDF4.Dataset(path) as d:
            d.set_auto_mask(False)
            assert np.array_equal(d["x"][...], old, equal_nan=True) and d.data_model.startswith("NETCDF3")
        return old
    return zarr.open_group(path, mode="r")["x"][...]


def files(path):
    """All bytes below a path."""
    return {str(p.relative_to(path)): p.read_bytes() for p in [path, *path.rglob("*")] if p.is_file()}


def remove(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def check(judge, draw, rng, number, source, target):
    ending, write, same = SOURCES[source]
    shape = (draw.randint(20, 60), draw.randint(20, 60))
    x = rng.normal(0, 9, shape).round(1).astype("f4")
    x[rng.random(shape) < 0.02] = np.nan
    chunks = (draw.randint(3, 9), draw.randint(3, 9))
    origin = write(judge.folder / f"s{number}.{ending}", x, chunks)
    end, how = TARGETS[target]
    out, profile = judge.folder / f"o{number}.{end}", judge.folder / "profile.json"
    into = out if target == "npy" else out / "x"
    began = time.monotonic()
    code, error = judge.run("convert", origin, into, *how, "--profile", profile)
    took = time.monotonic() - began
    problem = error if code else None
    if not problem:
        got, did = read(out, target), json.loads(profile.read_text())
        kind = "h5" if target == "nc" else target
        # Of HDF5, chunks that a filter did not make smaller are made anew.
        copied = did["bytes_copied"] > 0
        if not np.array_equal(got, x, equal_nan=True) or got.dtype.newbyteorder("=") != x.dtype:
            problem = f"{got.dtype} {got.shape} {got.ravel()[:4]} for {x.ravel()[:4]}"
        elif copied != (kind in same):
            problem = f"copied {did['bytes_copied']} and decoded {did['bytes_read']}"
    if not problem and draw.random() < 0.25:
        whole = files(out)
        remove(out)
        for _ in range(3):
            words = [judge.binary, "convert", str(origin), str(into), *how, "--resume", "--quiet"]
            run = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(draw.random() * took)
            run.kill()
            run.wait()
            if out.exists():
                break
        # One that is killed when it is done leaves that to the next.
        hidden = any(p.name.startswith(".") and not p.name.startswith(".lock.") for p in judge.folder.iterdir())
        if not out.exists() or hidden and target in RESUMED:
            code, error = judge.run("convert", origin, into, *how, "--resume")
            if code:
                problem = f"going on: {error}"
        # HDF5 files hold times and addresses; what they hold is compared.
        if not problem and (files(out) != whole if target in RESUMED else not np.array_equal(read(out, target), x, equal_nan=True)):
            problem = "what was killed and gone on with differs"
    left = [p.name for p in judge.folder.iterdir() if p.name.startswith(".") and not p.name.startswith(".lock.")]
    if not problem and left:
        problem = f"leaves {left}"
    if problem:
        judge.wrong.append(f"{source} to {target}")
        print(f"WRONG {number} {source} to {target} {shape} {chunks}: {problem}")
    else:
        judge.right += 1
    for path in list(judge.folder.iterdir()):
        remove(path)


def main(args, judge):
    pairs = [(source, target) for source in SOURCES for target in TARGETS]
    random.Random(args.seed).shuffle(pairs)
    for number in range(max(args.count, len(pairs))):
        source, target = pairs[number % len(pairs)]
        draw, rng = random.Random(f"{args.seed} {number}"), np.random.default_rng([args.seed, number])
        check(judge, draw, rng, number, source, target)


if __name__ == "__main__":
    judged(__doc__, 50, main)
