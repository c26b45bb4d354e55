#!/usr/bin/env python3
"""Random coarsenings, rollings and groupings, judged by NumPy, pandas and xarray.

    python tests/judges/groups.py target/debug/hyperslab 200 --seed 1 [--only coarsen,rolling]

Draws small arrays of every dtype, stored as zarr in random chunks, and what is to be done with them.  The command runs
twice, with other threads, budgets and block sizes: both results must agree in every byte, and with the reference in
shape, dtype and values.  Needs numpy>=2.4 and zarr>=3; families whose reference library is missing are left out.
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import random
import subprocess
import tempfile
import warnings

import numpy as np
import zarr

try:
    import xarray
except ImportError:
    xarray = None

DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "i8", "f4", "f8"]
AXES = ["t", "y", "x", "w"]


def array(draw, shape, dtypes=DTYPES, nan=0.3):
    generator = np.random.default_rng(draw.getrandbits(32))
    dtype = np.dtype(draw.choice(dtypes))
    values = generator.normal(size=shape) * 4
    if dtype.kind == "b":
        return values > 0
    if dtype.kind in "iu":
        return np.round(np.abs(values) if dtype.kind == "u" else values).astype(dtype)
    out = np.round(values, draw.choice([0, 3])).astype(dtype)
    if out.size and draw.random() < nan:
        out[generator.random(shape) < draw.choice([0.1, 0.6])] = np.nan
    return out


def shape(draw, rank=None, longest=20):
    rank = rank or draw.choice([1, 1, 2, 2, 3])
    return tuple(draw.choice([1, 2, 3, 5, 8, draw.randint(1, longest)]) for _ in range(rank))


NAN = {"sum": "nansum", "prod": "nanprod", "mean": "nanmean", "median": "nanmedian", "var": "nanvar", "std": "nanstd",
       "min": "nanmin", "max": "nanmax"}


def blocks(x, sizes, boundary, name, **how):
    """Every block by itself."""
    counts = [n // k if boundary == "trim" else -(-n // k) for n, k in zip(x.shape, sizes)]
    of = lambda at: getattr(np, name)(x[tuple(slice(i * k, (i + 1) * k) for i, k in zip(at, sizes))], **how)
    parts = [of(at) for at in np.ndindex(*counts)]
    dtype = np.asarray(parts[0]).dtype if parts else getattr(np, name)(np.ones(1, x.dtype), **how).dtype
    return np.array(parts, dtype).reshape(counts)


def coarsen(draw):
    x = array(draw, shape(draw, longest=draw.choice([20, 20, 90])))
    sizes = [draw.choice([1, 2, 3, n, draw.randint(1, n)]) for n in x.shape]
    boundary = draw.choice(["exact", "trim", "pad"])
    if boundary == "exact":
        sizes = [draw.choice([k for k in range(1, n + 1) if n % k == 0]) for n in x.shape]
    name = draw.choice([*NAN, *NAN.values(), "any", "all", "count_nonzero", "ptp"])
    if x.dtype == bool and name in ("ptp", "nanmedian", "median", "nanmin", "nanmax"):
        name = "any"
    how = {"ddof": draw.choice([0, 1])} if name.endswith(("var", "std")) else {}
    given = "{" + ", ".join(f"{a}: {k}" for a, k in enumerate(sizes) if k > 1) + "}"
    given = draw.choice([given, str(tuple(sizes))])
    extra = "".join(f", {k}={v}" for k, v in how.items())
    text = draw.choice([
        f"coarsen(x, {given}, boundary='{boundary}').{name}({extra[2:]})",
        f"coarsen(x, {given}, {name}, boundary='{boundary}'{extra})",
        f"coarsen({name}, x, {given}, boundary='{boundary}'{extra})",
    ])
    return text, {"x": x}, blocks(x, sizes, boundary, name, **how)


FAMILIES = {"coarsen": coarsen}


def agrees(got, want):
    want = np.asarray(want)
    if got.shape != want.shape:
        return f"shape {got.shape}, not {want.shape}"
    if got.dtype != want.dtype:
        return f"dtype {got.dtype}, not {want.dtype}"
    if want.dtype.kind in "biu":
        return None if np.array_equal(got, want) else f"{got}\nnot\n{want}"
    tight = 2e-3 if want.dtype == np.float16 else 2e-5 if want.dtype == np.float32 else 1e-10
    if np.allclose(got, want, rtol=tight, atol=tight, equal_nan=True):
        return None
    return f"{got}\nnot\n{want}"


def run(command, folder, number, case, seed):
    draw = random.Random(f"{seed} {number}")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        text, arrays, want = case(draw)
    inputs = []
    for name, values in arrays.items():
        path = folder / f"{number}_{name}.zarr"
        chunks = tuple(draw.randint(1, max(1, n)) for n in values.shape)
        zarr.create_array(str(path), data=values, chunks=chunks, overwrite=True)
        inputs.append(f"{name}={path}")
    results = []
    for attempt in range(2):
        out = folder / f"{number}_{attempt}.npy"
        how = ["--threads", str(draw.randint(1, 4)), "--memory", draw.choice(["64MiB", "256MiB"]), "-q"]
        env = dict(os.environ, HYPERSLAB_BLOCK_BYTES=str(draw.choice([16, 64, 1024, 1 << 20])))
        done = subprocess.run([command, "eval", text, *inputs, "-o", str(out), *how], env=env, capture_output=True, text=True)
        if done.returncode:
            return f"{text}\n{[(n, a.dtype, a.shape) for n, a in arrays.items()]}: {done.stderr.strip()}"
        results.append(np.load(out))
    if results[0].tobytes() != results[1].tobytes():
        return f"{text}: blocks decide bits"
    why = agrees(results[0], want)
    return why and f"{text}\n{[(n, a.dtype, a.shape) for n, a in arrays.items()]}: {why}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command")
    parser.add_argument("count", type=int, nargs="?", default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(FAMILIES))
    parser.add_argument("--fails", type=int, default=10)
    args = parser.parse_args()
    names = args.only.split(",")
    failed = collections.Counter()
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(4) as pool:
        cases = [(number, names[number % len(names)]) for number in range(args.count)]
        job = lambda c: run(args.command, pathlib.Path(folder), c[0], FAMILIES[c[1]], args.seed)
        for (number, name), why in zip(cases, pool.map(job, cases)):
            if why:
                failed[name] += 1
                if sum(failed.values()) <= args.fails:
                    print(f"--- {number} {name}: {why}")
    print(f"{args.count - sum(failed.values())} of {args.count} agree", dict(failed) or "")
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main())
