#!/usr/bin/env python3
"""Labels of random images, and what is measured of them, judged by scikit-image.

    python tests/judges/labels.py target/debug/hyperslab 100 --seed 1

Draws images of rank 1 to 3 of noise, blobs and stripes, in random chunks.  `ndimage.label` must give the labels of
`skimage.measure.label` for every connectivity, and sums, centers, boxes and extremes those of `regionprops_table`, twice with
other threads, memory and block sizes and the same bytes.  Needs numpy>=2, scipy>=1.17, scikit-image>=0.26 and zarr>=3.
"""
import os
import random
import subprocess

import numpy as np
import scipy.ndimage
import zarr
from judging import asserted
from skimage.measure import label, regionprops_table

SHAPES = [(1,), (50,), (400,), (1, 1), (9, 31), (64, 64), (120, 7), (200, 150), (3, 4, 5), (20, 24, 28), (40, 1, 30)]
PROPERTIES = ("area", "centroid", "bbox", "intensity_min", "intensity_max", "intensity_mean", "intensity_std")
MEASURES = ("sum_labels(m, l, k)", "center_of_mass(m, l, k)", "find_objects(l)", "minimum(x, l, k)", "maximum(x, l, k)",
            "mean(x, l, k)", "standard_deviation(x, l, k)")


def image(draw, shape):
    generator = np.random.default_rng(draw.getrandbits(32))
    noise = generator.normal(size=shape)
    kind = draw.choice(["noise", "blobs", "stripes", "full"])
    if kind == "blobs":
        noise = scipy.ndimage.gaussian_filter(noise, draw.choice([1, 2, 3])) * 5
    elif kind == "stripes":
        places = np.indices(shape).sum(axis=0)
        noise = np.sin(places / draw.choice([1, 2, 5])) + noise * draw.choice([0, 0.3])
    elif kind == "full":
        noise = noise * 0 + draw.choice([-1, 1])
    return (noise * 100).round().astype(draw.choice(["i2", "i4", "f4", "f8"]))


def run(args, draw, text, path, out):
    env = {**os.environ, "HYPERSLAB_BLOCK_BYTES": str(draw.choice([256, 4096, 1 << 20]))}
    how = ["--threads", str(draw.choice([1, 2, 4])), "--memory", draw.choice(["64MiB", "1GiB"])]
    command = [args.command, "eval", text, f"x={path}", "-o", str(out), "--quiet", "--overwrite", *how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
    if done.returncode:
        raise AssertionError(f"{text}: {done.stderr.strip()[:300]}")
    return np.load(out)


def judge(args, number, folder):
    draw = random.Random(f"{args.seed}/{number}")
    shape = draw.choice(SHAPES)
    x, above, rank = image(draw, shape), draw.choice([-50, 0, 30, 80]), len(shape)
    connectivity = draw.randint(1, rank)
    path, out = folder / f"x{number}.zarr", folder / "out.npy"
    chunks = tuple(draw.randint(1, n) if draw.random() < 0.5 else n for n in shape)
    zarr.create_array(str(path), shape=shape, dtype=x.dtype, chunks=chunks)[...] = x
    want = label(x > above, connectivity=connectivity)
    what = f"{number}: {x.dtype}{shape} in {chunks}, above {above}, connectivity {connectivity}"
    start = f"m = x > {above}; l, n = ndimage.label(m, ndimage.generate_binary_structure({rank}, {connectivity}));"
    first, second = (run(args, draw, f"{start} l", path, out) for _ in range(2))
    assert first.tobytes() == second.tobytes(), f"{what}: two runs differ in their bytes"
    assert np.array_equal(first, want), f"{what}: labels differ at {np.argwhere(first != want)[:3].tolist()}"
    if not want.any() or rank == 1:
        return  # scikit-image measures images and volumes
    table = regionprops_table(want, intensity_image=x.astype(float), properties=PROPERTIES)
    columns = lambda name: np.stack([v for k, v in table.items() if k == name or k.startswith(f"{name}-")], axis=-1)
    for name, measure in zip(PROPERTIES, MEASURES):
        have = run(args, draw, f"{start} k = unique(l[m]); ndimage.{measure}", path, out)
        mine = np.asarray(have, float).reshape(want.max(), -1)
        theirs = np.asarray(columns(name), float)
        if name == "bbox":
            theirs = theirs.reshape(-1, 2, rank).swapaxes(1, 2).reshape(-1, 2 * rank)
        near = np.isclose(mine, theirs, rtol=1e-6, atol=1e-6 * np.abs(theirs).max())
        assert near.all(), f"{what}: {measure} is {mine[~near][:3]} for {theirs[~near][:3]}"


if __name__ == "__main__":
    asserted(__doc__, 50, judge)
