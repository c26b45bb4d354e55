#!/usr/bin/env python3
"""Systems of equations, inverses, determinants and LU factors of random matrices, judged by NumPy and SciPy.

    python tests/judges/systems.py target/debug/hyperslab 100 --seed 1

Draws matrices of every dtype, alone and in stacks, of sides around those of tiles: of noise, of small whole numbers (ties
among pivots), triangular, permuted, of no full rank; in random chunks.  Shapes, dtypes and refusals must be NumPy's, the
residuals of solutions no larger than a few units in the last place, exchanges of rows exactly SciPy's, and two runs with
other threads, memory and block sizes the same bytes.  Needs numpy>=2.4, scipy>=1.17 and zarr>=3.
"""
import os
import random
import subprocess
import warnings

import numpy as np
import scipy.linalg
import zarr
from judging import asserted

DTYPES = ["f8", "f8", "c16", "f4", "c8", "i4", "u1", "?"]
SIDES = [0, 1, 2, 3, 5, 8, 15, 16, 17, 31, 40, 100, 127, 200, 256, 257, 258, 300, 385]
STACKS = [(), (), (3,), (2, 1), (0,)]


def matrix(draw, shape, dtype):
    generator = np.random.default_rng(draw.getrandbits(32))
    kind, n = draw.choice(["noise", "noise", "whole", "triangle", "exchanged", "dependent"]), shape[-1]
    noise = lambda: generator.normal(size=shape) * (10 if dtype in ("i4", "u1") else 1)
    values = noise() + 1j * noise() if dtype.startswith("c") else noise()
    if kind == "whole":
        values = np.round(values * 2)
    elif kind == "triangle" and len(shape) > 1:
        values = np.triu(values)[..., ::-1]
    elif kind == "exchanged" and shape[-2:] == (n, n) and n:
        values = np.broadcast_to(np.eye(n)[generator.permutation(n)] * generator.integers(1, 5), shape)
    elif kind == "dependent" and n > 1 and len(shape) > 1:
        values = np.round(values)
        values[..., draw.randrange(n)] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return (np.abs(values) if dtype == "u1" else values).astype(dtype)


def run(args, draw, text, arrays, folder):
    """The results of a program, computed twice with the same bytes; None where it is refused."""
    found = []
    for _ in range(2):
        env = {**os.environ, "HYPERSLAB_BLOCK_BYTES": str(draw.choice([256, 65536, 1 << 24]))}
        how = ["--threads", str(draw.choice([1, 2, 4])), "--memory", draw.choice(["12MiB", "64MiB", "1GiB"])]
        count = text.count(",", text.rfind("; ")) + 1 if "; " in text else 1
        outs = [folder / f"out{i}.npy" for i in range(count)]
        named = [f"{name}={path}" for name, path in arrays.items()]
        command = [args.command, "eval", text, *named, "--quiet", "--overwrite", *how]
        command += [part for out in outs for part in ("-o", str(out))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)
        if done.returncode:
            assert "panicked" not in done.stderr and done.stderr, f"{text}: {done.stderr[:300]}"
            return None, done.stderr.strip()
        found.append([np.load(out) for out in outs])
    same = all(a.tobytes() == b.tobytes() for a, b in zip(*found))
    assert same, f"{text}: two runs differ in their bytes"
    return found[0], ""


def theirs(body):
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return body()
    except (np.linalg.LinAlgError, ValueError, TypeError):
        return None


def alike(what, mine, want):
    assert mine.shape == want.shape and mine.dtype == want.dtype, f"{what}: {mine.dtype}{mine.shape} for {want.dtype}{want.shape}"


def unit(x):
    return np.finfo(x.dtype).eps


def is_regular(a, dtype):
    """Which matrices are so far from singular ones that rounding does not decide whether a pivot is 0."""
    return np.linalg.cond(a * 1.0) < 0.01 / np.finfo(dtype).eps / (a.shape[-1] + 1) if a.size else np.full(a.shape[:-2], True)


def by_chance(a):
    """Whether rounding decides if one of these matrices is singular; it is another one's on another processor."""
    return a.shape[-1] == a.shape[-2] and not is_regular(a, np.result_type(a, np.float32)).all()


def solved(args, draw, what, a, b, arrays, folder):
    (mine, error), want = run(args, draw, "linalg.solve(a, b)", arrays, folder), theirs(lambda: np.linalg.solve(a, b))
    if want is None and mine is not None and b.size == 0:
        return  # a singular matrix, and nothing to solve for
    if (want is None) != (mine is None) and by_chance(a):
        return
    if want is None or mine is None:
        assert want is None and mine is None, f"{what}: solve gives {error or 'an answer'}, NumPy {want is not None}"
        return
    alike(f"{what}: solve", mine[0], want)
    x, rhs = (mine[0][..., None], b[..., None]) if b.ndim == 1 else (mine[0], b)
    wide = lambda v: v.astype(np.result_type(x, np.float64))
    rest = np.abs(wide(a) @ wide(x) - wide(rhs))
    bound = 10 * np.sqrt(a.shape[-1] + 1) * unit(x) * (np.abs(wide(a)) @ np.abs(wide(x)))
    # A growth that is NumPy's, too.
    other = np.abs(wide(a) @ wide(want[..., None] if b.ndim == 1 else want) - wide(rhs))
    good = rest.max(initial=0) <= max(bound.max(initial=0), 10 * other.max(initial=0))
    assert good or not np.isfinite(want).all(), f"{what}: solve leaves {rest.max()} of {bound.max()}"


def judge(args, number, folder):
    draw = random.Random(f"{args.seed}/{number}")
    n, stack, dtype = draw.choice(SIDES), draw.choice(STACKS), draw.choice(DTYPES)
    stack = stack if n < 50 else stack[:1] and (2,)
    shape = (*stack, n, n + (draw.random() < 0.05))
    a = matrix(draw, shape, dtype)
    m = draw.choice([0, 1, 2, 7, 130])
    right = draw.choice([(n,), (n, m), (n, m), (*stack, n, m), (n + 1, 2), (3, 1, n, 1)])
    b = matrix(draw, right, draw.choice([dtype, *DTYPES]))
    arrays = {}
    for name, x in [("a", a), ("b", b)]:
        path = folder / f"{name}{number}.zarr"
        chunks = tuple(draw.randint(1, max(1, k)) if draw.random() < 0.3 else max(1, k) for k in x.shape)
        zarr.create_array(str(path), shape=x.shape, dtype=x.dtype, chunks=chunks)[...] = x
        arrays[name] = path
    what = f"{number}: {a.dtype}{a.shape}, {b.dtype}{b.shape}"
    solved(args, draw, what, a, b, arrays, folder)
    (mine, error), want = run(args, draw, "linalg.inv(a)", arrays, folder), theirs(lambda: np.linalg.inv(a))
    assert (mine is None) == (want is None) or by_chance(a), f"{what}: inv gives {error or 'an answer'}"
    if want is not None and mine is not None:
        alike(f"{what}: inv", mine[0], want)
    (mine, error) = run(args, draw, "s, d = linalg.slogdet(a); linalg.det(a), s, d", arrays, folder)
    want = theirs(lambda: (np.linalg.det(a), *np.linalg.slogdet(a)))
    assert (mine is None) == (want is None), f"{what}: det gives {error or 'an answer'}"
    if want is None:
        return
    for name, have, other in zip(["det", "sign", "logabsdet"], mine, map(np.asarray, want)):
        alike(f"{what}: {name}", have, other)
        size = 1 + np.abs(other).max(initial=0, where=np.isfinite(other))
        # What rounding makes of a matrix that is singular is anything.
        regular = is_regular(a, other.dtype) if n else np.full(stack, True)
        near = np.isclose(have, other, rtol=1e3 * (n + 1) * unit(other), atol=1e3 * (n + 1) * unit(other) * size)
        assert (near | ~regular).all(), f"{what}: {name} is {have[~near]} for {other[~near]}"
    if not n or 0 in stack or dtype in ("i4", "u1", "?"):
        return
    (mine, error), (p, l, u) = run(args, draw, "p, l, u = linalg.lu(a); p, l, u", arrays, folder), scipy.linalg.lu(a)
    assert mine is not None, f"{what}: lu: {error}"
    regular = is_regular(a, a.dtype)
    assert (mine[0] == p)[regular].all(), f"{what}: other rows are exchanged"
    product = np.abs(mine[0] @ mine[1] @ mine[2] - a)
    bound = 4 * (n + 1) * unit(a) * (np.abs(mine[1]) @ np.abs(mine[2])).max()
    assert product.max() <= bound, f"{what}: lu is off by {product.max()} of {bound}"


if __name__ == "__main__":
    asserted(__doc__, 50, judge)
