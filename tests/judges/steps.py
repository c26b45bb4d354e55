#!/usr/bin/env python3
"""Programs that do one thing to an array again and again, and functions that are made of many others, judged by NumPy.

    python tests/judges/steps.py target/debug/hyperslab 100 --seed 1

Draws arrays of one to three axes in random chunks and runs either a loop of stencils, rolls, flips, reshapes and
convolutions, up to fifty steps of it, or a call of a function that is composed of others: distinct rows, weighted
quantiles, fits of polynomials, tapers, packed bits, sequences between arrays, positions of complex extremes.  Shapes, dtypes and values
must be NumPy's, and two runs with other threads, memory and block sizes must give the same bytes.  Needs numpy>=2.4 and
zarr>=3.
"""
import os
import subprocess

import numpy as np
import zarr
from judging import each

STEPS = [
    "u = u + 0.1 * (roll(u, 1, axis={a}) - 2 * u + roll(u, -1, axis={a}))",
    "u = u + 0.2 * (roll(u, {s}, axis={a}) - roll(u, -{s}, axis={b}))",
    "u = 0.5 * u + 0.25 * (roll(u, (1, {s}), axis=({a}, {b})) + flip(u, {b}))",
    "u = 0.5 * (u + pad(take(u, arange(u.shape[{a}] - 1), axis={a}), {{{a}: (1, 0)}}))",
    "u = concatenate([take(u, [0], axis={a}), 0.9 * diff(u, axis={a})], axis={a})",
    "u = 0.5 * u + 0.25 * reshape(ravel(u, order='F'), u.shape)",
    "u = 0.5 * (u + reshape(roll(reshape(u, -1), {s}), u.shape))",
    "u = u - 0.5 * mean(u, axis={a}, keepdims=True)",
    "u = where(u > 0, 0.9 * u, flip(u, {a}))",
    "u = reshape(convolve(reshape(u, -1), [0.25, 0.5, 0.25], 'same'), u.shape)",
    "u = 0.5 * cumsum(u, axis={a}) / u.shape[{a}] + 0.5 * flip(u, {b})",
    "u = 0.1 * gradient(u, axis={a}) + 0.9 * u",
]

CALLS = [
    "unique(w, axis={a})",
    "unique(w, axis={a}, return_inverse=True)[1]",
    "unique(w, axis={a}, return_index=True)[1]",
    "unique(w, axis={a}, return_counts=True)[1]",
    "quantile(u, {q}, axis={a}, method='inverted_cdf', weights=abs(w))",
    "quantile(u, [{q}, 1.0, 0.0], axis={a}, method='inverted_cdf', weights=arange(u.shape[{a}]) + 1, keepdims=True)",
    "quantile(w, {q}, method='inverted_cdf', weights=abs(u))",
    "percentile(w, [{q}, 100 * {q}], axis={a}, method='inverted_cdf', weights=abs(u))",
    "polyfit(linspace(-1, 1, u.shape[0]), reshape(u, (u.shape[0], -1)), {s})",
    "polyfit(linspace(-1, 1, u.shape[0]), reshape(u, (u.shape[0], -1))[:, 0], 1, w=arange(u.shape[0]) + 1)",
    "u * hanning(u.shape[-1])",
    "u - kaiser(u.shape[-1], {s})",
    "bartlett({n}) + blackman({n}) * hamming({n})",
    "packbits(w > 0, axis={a})",
    "packbits(w, bitorder='little')",
    "unpackbits(packbits(w > 0, axis={a}), axis={a}, count=u.shape[{a}])",
    "unpackbits(w.astype('uint8'), axis={a}, bitorder='little', count={n})",
    "geomspace(abs(u) + 1, abs(w) + 2, {s}, axis={a})",
    "linspace(u, w, {s}, endpoint=False, axis=-1)",
    "reshape(u, (-1, u.shape[{a}]), order='F')",
    "poly(u.ravel()[:{s} * 3])",
    "argmax(w + 1j * u, axis={a})",
    "argmin(where(w > 1, nan, w - 1j * u), axis={a}, keepdims=True)",
    "argmax(w * 1j)",
    "clip(u * 1e6, iinfo(int16).min, iinfo(int16).max).astype(int16)",
    "zeros(3, dtype=result_type(u, w, 1j)) + finfo(u.dtype).eps",
]


def program(draw, rank):
    """A program, and how far its values may be off, as a part of the largest."""
    axes = lambda: {"a": draw.randrange(rank), "b": draw.randrange(rank), "s": draw.randint(1, 3)}
    if draw.random() < 0.5:
        more = {"n": draw.randint(0, 40), "q": round(draw.random(), 2)}
        return draw.choice(CALLS).format(**axes(), **more), 1e-9
    steps = [draw.choice(STEPS).format(**axes()) for _ in range(draw.randint(1, 3))]
    times = draw.choice([1, 3, 8, 20, 50]) // len(steps) + 1
    return "; ".join(steps * times + ["u"]), 1e-9


def one(args, folder, draw, number):
    generator = np.random.default_rng(draw.getrandbits(32))
    rank = draw.randint(1, 3)
    shape = tuple(draw.randint(4, {1: 60, 2: 20, 3: 9}[rank]) for _ in range(rank))
    arrays = {"u": generator.normal(size=shape), "w": generator.integers(-2, 3, size=shape)}
    text, loose = program(draw, rank)
    for name, array in arrays.items():
        chunks = tuple(draw.randint(1, n) for n in shape)
        zarr.create_array(str(folder / f"{name}.zarr"), data=array, chunks=chunks)
    scope = {**{name: getattr(np, name) for name in dir(np)}, **arrays}
    *heads, last = text.split("; ")
    with np.errstate(all="ignore"):
        for head in heads:
            exec(head, scope)
        want = np.asarray(eval(last, scope))
    found = []
    for _ in range(2):
        env = {**os.environ, "HYPERSLAB_BLOCK_BYTES": str(draw.choice([64, 512, 4096, 1 << 20]))}
        how = ["--threads", str(draw.choice([1, 2, 4])), "--memory", draw.choice(["64MiB", "1GiB"])]
        out = folder / "out.npy"
        named = [f"{name}={folder / name}.zarr" for name in arrays if name in text]
        command = [args.command, "eval", text, *named, "-o", out, "--quiet", "--overwrite", *how]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)
        if done.returncode:
            return f"{text}: {done.stderr.strip()[:300]}"
        found.append(out.read_bytes())
        got = np.load(out)
    if found[0] != found[1]:
        return f"{text}: two runs differ"
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{text}: {got.dtype} {got.shape}, NumPy {want.dtype} {want.shape}"
    scale = np.abs(want).max(initial=0) if want.dtype.kind in "fc" else 0
    if not np.allclose(got, want, rtol=loose, atol=loose * (1 + scale)):
        return f"{text}: values are off by {np.abs(got - want).max()} of {scale}"
    return None


each(__doc__, 100, "program", one)
