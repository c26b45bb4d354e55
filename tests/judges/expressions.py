#!/usr/bin/env python3
"""Random expressions, judged by NumPy.

    python tests/judges/expressions.py target/debug/hyperslab 500 --seed 1

Draws programs over a pool of small arrays of every dtype, stored as zarr in random chunks: indexing, shape, elementwise
functions, reductions, scans, order and sets, with random axes, keywords and nesting.  Each is evaluated by NumPy and by
the command, twice with other threads and block sizes.  What NumPy refuses must be refused; anything else must agree in
shape, dtype and values, and both runs in every byte.  Functions that the command does not offer yet are counted apart.
Needs numpy>=2.4 and zarr>=3.
"""
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
from judging import arguments

DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16"]
SHAPES = [(), (1,), (7,), (23,), (0,), (3, 4), (5, 1), (1, 6), (6, 5), (0, 3), (4, 3, 5), (2, 1, 3), (2, 3, 2, 4)]


def pool(draw):
    """Arrays of every dtype and many shapes: small numbers, repeated, with NaN, infinities and negative zero."""
    generator = np.random.default_rng(draw.getrandbits(32))
    arrays = {}
    for number, shape in enumerate(SHAPES * 2):
        dtype = np.dtype(draw.choice(DTYPES))
        values = generator.normal(size=shape) * 4
        if dtype.kind == "b":
            array = np.asarray(values > 0)
        elif dtype.kind in "iu":
            array = np.asarray(np.round(np.abs(values) if dtype.kind == "u" else values)).astype(dtype)
        else:
            array = np.asarray(np.round(values, draw.choice([0, 3]))).astype(dtype)
            if array.size and draw.random() < 0.3:
                array[generator.random(shape) < 0.2] = draw.choice([np.nan, np.inf, -np.inf, -0.0])
        arrays[f"x{number}"] = array
    return arrays


class Program:
    """Draws one expression; `shape` and `dtype` of every part are known, since NumPy has evaluated it."""

    def __init__(self, arrays, draw):
        self.arrays, self.draw = arrays, draw

    def value(self, text):
        *statements, last = text.split("; ")
        names = {**vars(np), **{name: array.copy() for name, array in self.arrays.items()}}
        with np.errstate(all="ignore"):
            for statement in statements:
                exec(statement, names)
            return np.asarray(eval(last, names))

    def program(self, depth):
        """An expression, or one with other elements at some places."""
        x = self.expression(depth)
        if self.draw.random() > 0.15:
            return x
        try:
            value = self.value(x)
        except Exception:
            return x
        if self.draw.random() < 0.3:
            where = "q > 0"
        else:
            count = self.draw.randint(0, 3)
            items = [self.item(n, count) for n in value.shape[: self.draw.randint(1, max(1, value.ndim))]]
            where = ", ".join(items) or "..."
        new = self.draw.choice(["1", "0.5", f"q[{where}]", f"q[{where}] + q[{where}]", "[1, 2]", "[[3], [4]]"])
        return f"q = array({x}); q[{where}] = {new}; q"

    def expression(self, depth):
        if depth == 0:
            return self.draw.choice(list(self.arrays))
        inner = self.expression(depth - 1)
        try:
            value = self.value(inner)
        except Exception:
            return inner  # refused already: what stands around it makes no difference
        if value.size > 5000 or value.ndim > 5:
            return inner
        make = self.draw.choice([self.index, self.index, self.shape, self.shape, self.element, self.reduction, self.order, self.joined])
        return make(inner, value)

    def axis(self, rank, also=()):
        """An axis, now and then one that is not there."""
        if self.draw.random() < 0.05:
            return rank + self.draw.randint(0, 1)
        return self.draw.choice([*range(-rank, rank), *also] or [0])

    def places(self, length, count=None):
        count = self.draw.randint(0, 4) if count is None else count
        low, high = (-length, length - 1) if self.draw.random() < 0.95 else (-length - 1, length)
        return [self.draw.randint(low, max(low, high)) for _ in range(count)]

    def slice(self, length):
        bound = lambda: self.draw.choice(["", self.draw.randint(-length - 2, length + 2)])
        step = self.draw.choice(["", "", "", 2, 3, -1, -2])
        return f"{bound()}:{bound()}" + (f":{step}" if step != "" else "")

    def item(self, length, count):
        kind = self.draw.random()
        if kind < 0.35:
            return self.slice(length)
        if kind < 0.55:
            return str(self.places(length, 1)[0])
        if kind < 0.8:
            return str(self.places(length, count))
        if kind < 0.9:
            return f"array({[self.draw.random() < 0.5 for _ in range(length)]}, dtype=bool)"
        return self.draw.choice([":", "None", "..."])

    def index(self, x, value):
        draw, rank = self.draw, value.ndim
        kind = draw.randrange(9)
        axis = self.axis(rank, [None])
        length = value.shape[axis] if axis is not None and -rank <= axis < rank else value.size
        if kind < 4:
            count = draw.randint(0, 3)
            items = [self.item(n, count) for n in value.shape[: draw.randint(1, max(1, rank))]]
            return f"({x})[{', '.join(items) or '...'}]"
        if kind == 4:
            mask = draw.choice([f"({x}) > 0", f"({x}) != ({x})", f"abs({x}) < 2"])
            return draw.choice([f"({x})[{mask}]", f"extract({mask}, {x})", f"where({mask}, {x}, 0)"])
        if kind == 5:
            mode = draw.choice(["raise", "wrap", "clip"])
            places = self.places(length) if mode == "raise" else [draw.randint(-30, 30) for _ in range(draw.randint(0, 4))]
            places = f"array({places}, dtype=int)" if not places else str(places)
            return f"take({x}, {places}, axis={axis}, mode={mode!r})"
        if kind == 6:
            where = draw.choice([self.places(length, 1)[0], self.places(length, 3), f"slice({self.slice(length).split(':')[0] or None}, None, 2)"])
            return draw.choice([f"delete({x}, {where}, axis={axis})", f"insert({x}, {where}, 1, axis={axis})"])
        if kind == 7:
            times = draw.choice([0, 1, 2, 3, [draw.randint(0, 3) for _ in range(length)]])
            return f"repeat({x}, {times}, axis={axis})"
        name = draw.choice(["argwhere({x})", "flatnonzero({x})", "nonzero({x})[-1]", "where({x})[0]", "compress({m}, {x}, axis={a})",
                            "take_along_axis({x}, argsort({x}, axis={a}), axis={a})", "trim_zeros({x})", "resize({x}, (3, 4))"])
        return name.format(x=x, a=axis, m=[draw.random() < 0.5 for _ in range(min(length, 8))])

    def shape(self, x, value):
        draw, rank = self.draw, value.ndim
        a, b = self.axis(rank), self.axis(rank)
        size = value.size
        divisors = [n for n in range(1, size + 1) if size % n == 0] or [0]
        types = ["float32", "bool", "complex64"] + ["int16"] * (value.dtype.kind in "biu")  # others may hold what no integer is
        widths = tuple((draw.randint(0, 3), draw.randint(0, 3)) for _ in range(rank))
        modes = ["constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect", "symmetric", "wrap"]
        shift = draw.choice([draw.randint(-9, 9), (1, -2)])
        return draw.choice([
            f"reshape({x}, ({draw.choice(divisors)}, -1))", f"ravel({x})", f"transpose({x})", f"swapaxes({x}, {a}, {b})",
            f"moveaxis({x}, {a}, {b})", f"expand_dims({x}, {draw.choice([a, (0, -1)])})", f"squeeze({x})", f"flip({x}, {draw.choice([a, None])})",
            f"roll({x}, {shift}, axis={draw.choice([a, None, (a, b)])})", f"rot90({x}, {draw.randint(-2, 5)}, axes=({a}, {b}))",
            f"tile({x}, {draw.choice([0, 2, (2, 1), (1, 3, 1)])})", f"pad({x}, {widths}, mode={draw.choice(modes)!r})",
            f"pad({x}, {widths}, mode={draw.choice(['reflect', 'symmetric'])!r}, reflect_type='odd')",
            f"pad({x}, {draw.randint(0, 9)}, mode={draw.choice(['reflect', 'symmetric', 'wrap', 'constant'])!r})",
            f"array_split({x}, {draw.choice([2, 3, [1, 2]])}, axis={a})[{draw.choice([0, 1, -1])}]", f"atleast_2d({x})", f"atleast_3d({x})",
            f"broadcast_to({x}, {(draw.randint(0, 3), *value.shape)})", f"astype({x}, {draw.choice(types)})",
            f"tril({x})", f"triu({x}, {draw.randint(-2, 2)})", f"diagonal({x}, {draw.randint(-2, 2)}, {a}, {b})", f"rollaxis({x}, {a})",
        ])

    def element(self, x, value):
        draw = self.draw
        other = draw.choice([str(draw.randint(-3, 3)), "0.5", draw.choice(list(self.arrays)), x])
        unary = ["negative", "absolute", "sqrt", "exp", "sign", "floor", "isnan", "logical_not", "square", "tanh", "conjugate", "real", "signbit"]
        binary = ["add", "subtract", "multiply", "divide", "maximum", "fmin", "floor_divide", "remainder", "less", "equal", "logical_or", "hypot", "arctan2"]
        return draw.choice([
            f"{draw.choice(unary)}({x})", f"{draw.choice(binary)}({x}, {other})", f"({x}) {draw.choice('+-*/<')} ({other})",
            f"clip({x}, -1, 2)", f"where(({x}) > 0, {x}, {other})", f"round({x}, {draw.randint(0, 2)})",
        ])

    def reduction(self, x, value):
        draw, rank = self.draw, value.ndim
        axis = draw.choice([None, self.axis(rank), tuple(draw.sample(range(rank), min(rank, 2)))])
        one = self.axis(rank, [None])
        keep = draw.choice(["", ", keepdims=True"])
        many = ["sum", "prod", "mean", "min", "max", "any", "all", "std", "var", "ptp", "nansum", "nanmax", "nanmean", "count_nonzero", "median", "nanmedian"]
        scans = ["cumsum", "cumprod", "nancumsum", "nancumprod", "cumulative_sum"]
        return draw.choice([
            f"{draw.choice(many)}({x}, axis={axis}{keep})", f"{draw.choice(['argmax', 'argmin'])}({x}, axis={one}{keep})",
            f"{draw.choice(scans)}({x}, axis={one})", f"diff({x}, axis={self.axis(rank)})", f"average({x}, axis={axis})",
            f"quantile({x}, {draw.choice([0.5, 0.25, [0.1, 0.9]])}, axis={one})",
        ])

    def order(self, x, value):
        draw = self.draw
        axis = self.axis(value.ndim, [None])
        return draw.choice([
            f"sort({x}, axis={axis})", f"argsort({x}, axis={axis}, kind='stable')", f"unique({x})", f"searchsorted(sort(ravel({x})), {x})",
            f"histogram({x}, bins={draw.randint(1, 6)})[{draw.randint(0, 1)}]", f"isin({x}, [0, 1, 2])", f"unique({x}, return_counts=True)[1]",
            f"digitize({x}, [-2, 0, 1])", f"bincount(ravel(abs({x})))", f"partition({x}, 0, axis={axis})", f"union1d({x}, [1, 2])",
            f"setdiff1d({x}, [0, 1])", f"unique({x}, return_inverse=True)[1]", f"intersect1d({x}, [0, 1, 2])",
        ])

    def joined(self, x, value):
        draw = self.draw
        axis = self.axis(value.ndim)
        return draw.choice([
            f"concatenate([{x}, {x}], axis={axis})", f"stack([{x}, {x}], axis={axis})", f"append({x}, {draw.choice(list(self.arrays))})",
            f"vstack([{x}, {x}])", f"hstack([{x}, {x}])", f"dstack([{x}, {x}])", f"column_stack([{x}, {x}])", f"block([[{x}, {x}], [{x}, {x}]])",
            f"concatenate([{x}, ({x})[:1]], axis=0)", f"outer({x}, [1, 2])",
        ])


def store(arrays, folder, draw):
    """Every array under a folder of zarr arrays, in random chunks."""
    group = zarr.open_group(str(folder), mode="w", zarr_format=draw.choice([2, 3]))
    for name, array in arrays.items():
        chunks = tuple(draw.randint(1, max(1, n)) for n in array.shape)
        group.create_array(name, shape=array.shape, dtype=array.dtype, chunks=chunks)[...] = array


class Judge:
    """Compares the command with NumPy."""

    def __init__(self, command, arrays, folder):
        self.command, self.arrays, self.folder = command, arrays, folder

    def run(self, text, out, draw):
        inputs = [f"{name}={self.folder}/{name}" for name in self.arrays]
        used = [i for i in inputs if i.split("=")[0] in text.replace("(", " ").replace(")", " ").replace("[", " ").replace(",", " ").replace("]", " ").split()]
        environment = {**os.environ, "HYPERSLAB_BLOCK_BYTES": str(draw.choice([32, 256, 4096, 1 << 20]))}
        options = ["--quiet", "--device", "cpu", "--threads", str(draw.choice([1, 2, 4]))]
        return subprocess.run([self.command, "eval", text, *used, "-o", str(out), *options], capture_output=True, text=True, timeout=120, env=environment)

    def verdict(self, number, text, want, seed):
        """None where both agree, `later` where something is not offered, else what differs."""
        draw = random.Random(seed * 1_000_003 + number)
        outs = [self.folder.parent / f"{number}-{i}.npy" for i in range(2)]
        done = [self.run(text, out, draw) for out in outs]
        first = done[0]
        if any(d.returncode not in (0, 1, 2) or "panicked" in d.stderr for d in done):
            return f"a crash: {[d.stderr.strip()[-300:] for d in done]}"
        if first.returncode and ("not offered" in first.stderr or "is not defined" in first.stderr):
            return "later"
        if isinstance(want, Exception):
            return None if first.returncode else f"NumPy refuses it: {want!r}"[:200]
        if first.returncode:
            return f"refused: {first.stderr.strip()[:200]}"
        if done[1].returncode or outs[0].read_bytes() != outs[1].read_bytes():
            return "two runs differ"
        return differs(np.load(outs[0]), want)


def differs(got, want):
    if (got.shape, got.dtype) != (want.shape, want.dtype):
        return f"{got.dtype} {got.shape}, NumPy has {want.dtype} {want.shape}"
    if want.dtype.kind in "biu":
        same = np.array_equal(got, want)
    else:
        size = {"e": 4e-3, "f": 1e-4, "F": 1e-4}.get(want.dtype.char, 1e-9)
        scale = np.nanmax(np.abs(np.where(np.isfinite(want), want, 0)), initial=0)
        with np.errstate(all="ignore"):
            same = np.allclose(got, want, rtol=size, atol=size * (1 + float(scale)), equal_nan=True)
    return None if same else f"values {got.ravel()[:6]}, NumPy has {want.ravel()[:6]}"


def main():
    args = arguments(__doc__, 200, jobs=2)
    warnings.simplefilter("ignore")
    draw = random.Random(args.seed)
    arrays = pool(draw)
    cases = []
    while len(cases) < args.count:
        program = Program(arrays, draw)
        text = program.program(draw.choice([1, 1, 2, 2, 3]))
        if len(text) > 400:
            continue
        try:
            want = program.value(text)
        except Exception as refused:
            want = refused
        if isinstance(want, Exception) or (want.size < 100_000 and want.dtype.kind in "biufc" and want.dtype.itemsize <= 16):
            cases.append((text, want))
    counts = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(str(args.command), arrays, pathlib.Path(folder) / "pool.zarr")
        store(arrays, judge.folder, draw)
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool_of_threads:
            verdicts = pool_of_threads.map(lambda c: judge.verdict(c[0], *c[1], args.seed), enumerate(cases))
            for (text, _), verdict in zip(cases, verdicts):
                counts["agree" if verdict is None else "not offered" if verdict == "later" else "differ"] += 1
                if verdict not in (None, "later"):
                    names = [n for n in arrays if n in text]
                    print(f"{text}   # {verdict}; {', '.join(f'{n}: {arrays[n].dtype} {arrays[n].shape}' for n in names if n + '0' not in text)}", flush=True)
    print(f"seed {args.seed}: {dict(counts)}")
    return 1 if counts["differ"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
