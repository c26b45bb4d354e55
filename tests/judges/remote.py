#!/usr/bin/env python3
"""Arrays behind a network, judged by NumPy and zarr.

    python tests/judges/remote.py target/debug/hyperslab 40 --seed 1

An S3 server (moto) holds Zarr hierarchies of both versions, sharded or not, with consolidated metadata or without, and files:
HDF5 with every kind of chunk index, NetCDF-4, NetCDF-3, .npy, TIFF, raw numbers, and zip archives of Zarr.  Between it
and the command stands a proxy that answers late, answers 503, drops connections and cuts bodies short.  What the command reads
through s3:// and http:// must be what NumPy has, what it writes must be what zarr reads, a run that fails must leave nothing,
opening must take the same few requests however many chunks there are, and conversions and appends that are killed must be
gone on with.  Needs numpy>=2.4, zarr>=3, moto[server]>=5, h5py, netCDF4, scipy and tifffile.

    python tests/judges/remote.py target/release/hyperslab --latency 50

prints how long a cold read of 200 chunks takes with so many milliseconds a request, beside what computing takes alone.
"""
import argparse
import http.client
import http.server
import logging
import os
import pathlib
import random
import subprocess
import tempfile
import threading
import time
import warnings

import boto3
import h5py
import netCDF4
import numpy as np
import scipy.io
import tifffile
import zarr
from moto.server import ThreadedMotoServer

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
HOP = {"connection", "transfer-encoding", "content-length", "server", "date"}


class Proxy(http.server.ThreadingHTTPServer):
    """Passes requests on, and has faults."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, server):
        super().__init__(("127.0.0.1", 0), Passing)
        self.server_at, self.url = server, f"http://127.0.0.1:{self.server_address[1]}"
        self.lock, self.memory = threading.Lock(), {}
        self.be(None, 0)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def be(self, draw, faults, latency=0.0, broken=None, remember=False):
        """Faulty in this part of all requests; `broken` names keys whose bodies are always cut short."""
        self.draw, self.faults, self.latency, self.broken, self.remember = draw, faults, latency, broken, remember
        self.requests, self.most, self.now = [], 0, 0

    def fault(self):
        with self.lock:
            return self.draw.choice(["503", "drop", "cut", "late"]) if self.faults and self.draw.random() < self.faults else None

    def handle_error(self, request, client_address):
        pass


class Passing(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        proxy, fault = self.server, self.server.fault()
        with proxy.lock:
            proxy.requests.append((self.command, self.path))
            proxy.now += 1
            proxy.most = max(proxy.most, proxy.now)
        try:
            time.sleep(proxy.latency + (0.2 if fault == "late" else 0))
            if fault == "503":
                return self.send(503, [], SLOW_DOWN)
            if fault == "drop":
                self.close_connection = True
                return self.connection.shutdown(2)
            status, headers, text = self.passed_on(body)
            broken = proxy.broken and proxy.broken in self.path
            self.send(status, headers, text, len(text) // 2 if (fault == "cut" or broken) and self.command == "GET" and text else None)
        finally:
            with proxy.lock:
                proxy.now -= 1

    def passed_on(self, body):
        key = (self.command, self.path, self.headers.get("Range"))
        if self.server.remember and key in self.server.memory:
            return self.server.memory[key]
        server = http.client.HTTPConnection(*self.server.server_at)
        server.request(self.command, self.path, body, {k: v for k, v in self.headers.items() if k.lower() not in HOP})
        answer = server.getresponse()
        out = answer.status, [(k, v) for k, v in answer.getheaders() if k.lower() not in HOP], answer.read()
        server.close()
        if self.command == "GET":
            self.server.memory[key] = out
        return out

    def send(self, status, headers, text, cut=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text[:cut])
        self.wfile.flush()
        if cut is not None:
            self.close_connection = True
            self.connection.shutdown(2)

    do_GET = do_PUT = do_POST = do_DELETE = answer

    def do_HEAD(self):
        self.answer()


class Bucket:
    """The objects of the S3 server."""

    def __init__(self, at):
        keys = {"aws_access_key_id": "id", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
        self.client = boto3.client("s3", endpoint_url=f"http://{at[0]}:{at[1]}", **keys)
        self.client.create_bucket(Bucket="bucket", ACL="public-read")

    def keys(self, prefix):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix=prefix)
        return [o["Key"] for page in pages for o in page.get("Contents", [])]

    def upload(self, folder, name):
        for path in folder.rglob("*"):
            if path.is_file():
                key = f"{name}/{path.relative_to(folder)}"
                self.client.put_object(Bucket="bucket", Key=key, Body=path.read_bytes(), ACL="public-read")

    def download(self, name, folder):
        for key in self.keys(name + "/"):
            to = folder / key
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(self.client.get_object(Bucket="bucket", Key=key)["Body"].read())
        return folder / name


def command(args, proxy, *words, anonymous=False):
    keys = {} if anonymous else {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "HTTP", "http"))}
    env |= {"AWS_ENDPOINT_URL": proxy.url, "AWS_REGION": "us-east-1", **keys}
    run = subprocess.run([str(w) for w in (args.bin, *words)], env=env, capture_output=True, text=True, timeout=300)
    return run.returncode, run.stdout + run.stderr


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


def check(args, proxy, bucket, number):
    draw = random.Random(args.seed * 100_003 + number)
    with tempfile.TemporaryDirectory() as name:
        folder, key = pathlib.Path(name), f"case{number}.zarr"
        x = array(draw, folder / "x.zarr")
        bucket.upload(folder / "x.zarr", key)
        scheme = draw.choice(["s3", "s3", "http"])
        url = f"s3://bucket/{key}/group/x" if scheme == "s3" else f"{proxy.url}/bucket/{key}/group/x"
        anonymous = scheme == "s3" and draw.random() < 0.3
        proxy.be(draw, 0)
        code, text = command(args, proxy, "eval", "x[..., :1]", f"x={url}", "-o", folder / "first.npy", anonymous=anonymous)
        chunks = sum(1 for _, path in proxy.requests if path.startswith(f"/bucket/{key}/group/x/"))
        if code or len(proxy.requests) - chunks > 8:
            return f"opening {url} took {proxy.requests}: {text}"

        proxy.be(draw, draw.choice([0, 0.1, 0.25]))
        stop = tuple(slice(draw.randint(0, n - 1), None, draw.choice([1, 1, 2])) for n in x.shape)
        words = ", ".join(f"{s.start}::{s.step}" for s in stop)
        options = ["--threads", draw.choice([1, 3]), "--memory", draw.choice(["64MiB", "1GiB"]), "--overwrite", "--quiet"]
        code, text = command(args, proxy, "eval", f"x[{words}] * 2", f"x={url}", "-o", folder / "read.npy", *options, anonymous=anonymous)
        if code or not np.array_equal(np.load(folder / "read.npy"), x[stop] * x.dtype.type(2)):
            return f"reading {url} [{words}] under {proxy.faults}: {text}"

        out = f"out{number}.zarr"
        storage = ["--zarr-version", "2"] if draw.random() < 0.4 else []
        for again in range(draw.choice([1, 2])):
            code, text = command(args, proxy, "eval", f"x + x[:1] * {again}", f"x={url}", "-o", f"s3://bucket/{out}/a/y", *options, *storage)
            if code:
                return f"writing {out} under {proxy.faults}: {text}"
        y = zarr.open_array(bucket.download(out, folder) / "a/y", mode="r")[...]
        if y.dtype != x.dtype or not np.array_equal(y, x + x[:1] * x.dtype.type(again)):
            return f"writing {out}: {y} for {x}"
        if any("hyperslab" in k for k in bucket.keys(out)):
            return f"writing {out} left {bucket.keys(out)}"

        proxy.be(draw, 0, broken=f"{key}/group/x/")
        code, text = command(args, proxy, "eval", "x + 1", f"x={url}", "-o", f"s3://bucket/bad{number}.zarr/y", *options)
        if code != 1 or f"{key}/group/x" not in text or bucket.keys(f"bad{number}"):
            return f"bodies that break off end in {code} {text} and leave {bucket.keys(f'bad{number}')}"
        proxy.be(draw, 0)
        code, text = command(args, proxy, "eval", "x", f"x=s3://bucket/{key}/group/nothing")
        if code == 0 or "no such array" not in text:
            return f"what is not there is {code} {text}"
    return None


def interrupted(args, proxy, bucket, number):
    """A conversion to the server that is killed, and gone on with, and an append that is killed, and run again."""
    draw = random.Random(args.seed * 7919 + number)
    keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "HTTP", "http"))}
    env |= {"AWS_ENDPOINT_URL": proxy.url, "AWS_REGION": "us-east-1", **keys}

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
        direct, resumed = f"direct{number}.zarr", f"resumed{number}.zarr"
        convert = lambda out: ["convert", folder / "x.zarr", f"s3://bucket/{out}", *how, "--threads", 2, "--quiet"]
        proxy.be(draw, 0, 0.002)
        began = time.monotonic()
        code, text = command(args, proxy, *convert(direct))
        took = time.monotonic() - began
        if code:
            return f"converting to s3 {how}: {text}"
        for _ in range(3):
            kill([*convert(resumed), "--resume"], took)
        code, text = command(args, proxy, *convert(resumed), "--resume")
        if "exists already" in text and not any("hyperslab" in k for k in bucket.keys(resumed)):
            code = 0  # It was done before it was killed.
        have = {k.removeprefix(resumed): bucket.client.get_object(Bucket="bucket", Key=k)["Body"].read() for k in bucket.keys(resumed + "/")}
        want = {k.removeprefix(direct): bucket.client.get_object(Bucket="bucket", Key=k)["Body"].read() for k in bucket.keys(direct + "/")}
        if code or have != want:
            return f"a conversion to s3 that was killed {how}: {text} {have.keys() ^ want.keys()}"
        append = ["eval", "x[:33] + 1", f"x={folder}/x.zarr/a", "-o", f"s3://bucket/{direct}/a", "--append", "0", "--quiet"]
        kill(append, took)
        y = zarr.open_array(bucket.download(direct, folder) / "a", mode="r")[...]
        if len(y) == 120:
            if not np.array_equal(y, x):
                return "an append to s3 that was killed changes what was there"
            code, text = command(args, proxy, *append)
            y = zarr.open_array(bucket.download(direct, folder) / "a", mode="r")[...]
        if code or not np.array_equal(y, np.concatenate([x, x[:33] + 1])):
            return f"an append to s3 that was killed and run again: {y.shape} {text}"
        code, text = command(args, proxy, "eval", "x * 2", f"x=s3://bucket/{direct}/a", "-o", f"s3://bucket/{direct}/a", "--region", ":")
        if code != 2 or "written from what it holds itself" not in text:
            return f"a region of s3 that is written from itself: {code} {text}"
        code, text = command(args, proxy, "eval", "x[:5] * 2", f"x={folder}/x.zarr/a", "-o", f"s3://bucket/{direct}/a", "--region", "2:7")
        y[2:7] = x[:5] * 2
        if code or not np.array_equal(zarr.open_array(bucket.download(direct, folder) / "a", mode="r")[...], y):
            return f"a region of s3: {text}"
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


def check_file(args, proxy, bucket, number):
    """An array in a file, through s3:// and http://."""
    draw = random.Random(args.seed * 200_003 + number)
    write, ending, requests = KINDS[number % len(KINDS)]
    with tempfile.TemporaryDirectory() as name:
        path, key = pathlib.Path(name) / f"x.{ending}", f"file{number}.{ending}"
        shape = tuple(draw.randint(17, n) for n in draw.choice([[300, 200], [9 + 20, 60, 50]]))
        x = np.random.default_rng(number).integers(0, 100, shape).astype(draw.choice(["f4", "i2", "f8"]))
        inner = write(draw, path, x)
        inside = inner if inner.startswith("?") or not inner else f"/{inner}"
        bucket.client.put_object(Bucket="bucket", Key=key, Body=path.read_bytes(), ACL="public-read")
        url = draw.choice([f"s3://bucket/{key}", f"{proxy.url}/bucket/{key}"]) + inside
        proxy.be(draw, 0)
        code, text = command(args, proxy, "info", url)
        if code or len(proxy.requests) > requests:
            return f"opening {url} took {proxy.requests}: {text}"
        proxy.be(draw, draw.choice([0, 0.15, 0.3]))
        parts = tuple(slice(draw.randint(0, n - 1), None, draw.choice([1, 1, 3])) for n in x.shape)
        words = ", ".join(f"{s.start}::{s.step}" for s in parts)
        out, options = pathlib.Path(name) / "out.npy", ["--threads", draw.choice([1, 3]), "--raw", "--quiet"]
        code, text = command(args, proxy, "eval", f"x[{words}]", f"x={url}", "-o", out, *options)
        if code or not np.array_equal(np.load(out), x[parts]):
            return f"reading {url} [{words}] under {proxy.faults}: {text}"
        if draw.random() < 0.7:
            return None
        proxy.be(draw, 0, broken=key)
        code, text = command(args, proxy, "eval", "x + 1", f"x={url}", "-o", out, "--overwrite", *options)
        if code != 1 or key not in text:
            return f"bodies of {url} that break off end in {code} {text}"
    return None


def check_many(args, proxy, bucket, number):
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
            bucket.client.put_object(Bucket="bucket", Key=f"many{number}/part{i}.nc", Body=body, ACL="public-read")
        proxy.be(draw, draw.choice([0, 0.1]))
        out, pattern = folder / "out.npy", f"s3://bucket/many{number}/part?.nc"
        code, text = command(args, proxy, "eval", "x[1:]", f"x={pattern}/x", "-o", out, "--quiet")
        if code or not np.array_equal(np.load(out), x.reshape(-1, 300)[1:]):
            return f"reading {pattern} under {proxy.faults}: {text}"
        code, text = command(args, proxy, "index", folder / "all.json", pattern, "--concat", "time", "--quiet")
        if not code:
            code, text = command(args, proxy, "eval", "x[1:]", f"x={folder}/all.json/x", "-o", out, "--quiet", "--overwrite")
        if code or not np.array_equal(np.load(out), x.reshape(-1, 300)[1:]):
            return f"reading an index of {pattern} under {proxy.faults}: {text}"
    return None


def measure(args, proxy, bucket):
    """A cold read of 200 chunks of a megabyte."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name) / "x.zarr"
        x = np.random.default_rng(0).integers(0, 1000, (200, 512, 512)).astype("f4")
        zarr.create_array(folder, data=x, chunks=(1, 512, 512), compressors=None)
        bucket.upload(folder, "large.zarr")
        for latency in (0, args.latency / 1000):
            for place in (folder, "s3://bucket/large.zarr"):
                for expression in ("mean(x)", "mean(sin(x) * exp(cos(x)) + x ** 1.5)"):
                    proxy.be(None, 0, latency, remember=True)
                    began = time.monotonic()
                    code, text = command(args, proxy, "eval", expression, f"x={place}", "--quiet")
                    took, n = time.monotonic() - began, len(proxy.requests)
                    print(f"{latency * 1000:3.0f} ms {str(place)[-22:]:22} {expression:38} {took:6.2f} s {n} requests,"
                          f" {proxy.most} at once, {n * latency:.1f} s one by one {text.strip() if code else ''}")


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
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    at = server.get_host_and_port()
    proxy, bucket = Proxy(at), Bucket(at)
    if args.latency is not None:
        measure(args, proxy, bucket)
        raise SystemExit
    count = min(args.count, 10)
    problems = [f"case {n}: {problem}" for n in range(count) if (problem := check(args, proxy, bucket, n))]
    problems += [f"interrupted {n}: {problem}" for n in range(count) if (problem := interrupted(args, proxy, bucket, n))]
    wrong = [f"file {n}: {problem}" for n in range(2 * count) if (problem := check_file(args, proxy, bucket, n))]
    wrong += [f"files {n}: {problem}" for n in range(count) if (problem := check_many(args, proxy, bucket, n))]
    print(*problems, *wrong, sep="\n", end="\n" if problems or wrong else "")
    print(f"{2 * count - len(problems)} of {2 * count} hierarchies and {3 * count - len(wrong)} of {3 * count} files agree")
    server.stop()
    raise SystemExit(bool(problems or wrong))


if __name__ == "__main__":
    main()
