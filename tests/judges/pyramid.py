#!/usr/bin/env python3
"""Pyramids, judged by NumPy and by the reference models of OME-Zarr.

    python tests/judges/pyramid.py target/debug/hyperslab 40 --seed 1

Draws images of two to five axes of many lengths, dtypes, sizes of blocks and reductions.  Both versions of the metadata must
be valid for ome-zarr-models, every level must be what NumPy makes of the one before it, and with other threads, block sizes
and budgets the same bytes.  Needs numpy>=2.4, zarr>=3 and ome-zarr-models>=1.
"""
import filecmp
import os
import random
import subprocess

import numpy as np
import zarr
from judging import each
from ome_zarr_models.v04.image import Image as Image04
from ome_zarr_models.v05.image import Image as Image05

AXES = {2: "yx", 3: "zyx", 4: "czyx", 5: "tczyx"}


def coarser(x, sizes, how):
    """The next level: blocks at the end of an axis may be shorter."""
    if how == "nearest":
        return x[tuple(slice(None, None, k) for k in sizes)]
    out = np.empty([-(-n // k) for n, k in zip(x.shape, sizes)], x.dtype)
    for at in np.ndindex(*out.shape):
        block = x[tuple(slice(i * k, (i + 1) * k) for i, k in zip(at, sizes))]
        value = getattr(np, how)(block, **({"dtype": "f8"} if how == "mean" and x.dtype.kind in "iub" else {}))
        out[at] = np.floor(value + 0.5) if x.dtype.kind in "iub" and how in ("mean", "median") else value
    return out


def same_tree(a, b):
    names = sorted(p.relative_to(a) for p in a.rglob("*") if p.is_file())
    return names == sorted(p.relative_to(b) for p in b.rglob("*") if p.is_file()) and all(
        filecmp.cmp(a / n, b / n, shallow=False) for n in names)


def check(args, folder, draw, number):
    generator = np.random.default_rng(draw.getrandbits(32))
    rank = draw.choice([2, 3, 3, 4, 5])
    shape = [draw.randint(1, 3) if axis in "tc" else draw.randint(1, 40 if rank < 4 else 12) for axis in AXES[rank]]
    dtype = draw.choice(["u1", "u2", "i2", "i4", "f4", "f8"])
    x = (generator.normal(size=shape) * 50 + (0 if dtype[0] != "u" else 100)).clip(0 if dtype[0] == "u" else -200, 250).astype(dtype)
    source = folder / "x.zarr"
    chunks = tuple(draw.randint(1, n) for n in shape)
    zarr.create_array(source, data=x, chunks=chunks, zarr_format=draw.choice([2, 3]))
    factor, how, levels = draw.choice([2, 2, 3]), draw.choice(["mean", "median", "min", "max", "nearest"]), draw.randint(1, 4)
    version = draw.choice(["0.4", "0.5"])
    scale = [draw.choice([1.0, 0.5, 0.2]) for _ in shape]
    outputs = []
    for run in range(2):
        out = folder / f"out{run}.ome.zarr"
        command = [args.command, "pyramid", source, out, "--levels", levels, "--factor", factor, "--reduction", how, "--quiet",
                   "--ome-version", version, "--scale", ",".join(map(str, scale)), "--unit", "micrometer", "--name", "image",
                   "--threads", draw.choice([1, 2, 4]), "--memory", draw.choice(["64MiB", "1GiB"])]
        environment = {**os.environ, "HYPERSLAB_BLOCK_BYTES": str(draw.choice([64, 1024, 1 << 20]))}
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment)
        if done.returncode:
            return f"exit {done.returncode}: {done.stderr.strip()}"
        outputs.append(out)
    if not same_tree(*outputs):
        return "two runs differ"
    group = zarr.open_group(outputs[0], mode="r")
    try:
        image = (Image04 if version == "0.4" else Image05).from_zarr(group)
    except Exception as error:
        return f"metadata: {error}"
    attributes = image.attributes if version == "0.4" else image.ome_attributes
    image = attributes.multiscales[0]
    if [a.name for a in image.axes] != list(AXES[rank]) or len(image.datasets) != levels:
        return "axes or levels"
    sizes = [factor if axis in "zyx" else 1 for axis in AXES[rank]]
    for level, dataset in enumerate(image.datasets):
        got = group[dataset.path][...]
        close = got.dtype == x.dtype and got.shape == x.shape and np.allclose(got, x, rtol=1e-6, atol=1e-6 * 50)
        if not close:
            return f"level {level} of {dtype} {shape}, {how} of {sizes}: {got.shape} for {x.shape}"
        step, shift = dataset.coordinateTransformations
        want = [s * k ** level for s, k in zip(scale, sizes)]
        middle = [0 if how == "nearest" else s * (k ** level - 1) / 2 for s, k in zip(scale, sizes)]
        if not np.allclose(step.scale, want) or not np.allclose(shift.translation, middle):
            return f"level {level}: {step} {shift}"
        x = coarser(x, sizes, how)
    return None


if __name__ == "__main__":
    each(__doc__, 40, "image", check)
