#!/usr/bin/env python3
"""Random coarsenings, rollings and groupings, judged by NumPy, pandas and xarray.

    python tests/judges/groups.py target/debug/hyperslab 200 --seed 1 [--only coarsen,rolling]

Draws small arrays of every dtype, stored as zarr in random chunks, and what is to be done with them.  The command runs
twice, with other threads, budgets and block sizes: both results must agree in every byte, and with the reference in
shape, dtype and values.  Needs numpy>=2.4 and zarr>=3; families whose reference library is missing are left out.
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


def shape(draw, rank=None, longest=20, empty=False):
    rank = rank or draw.choice([1, 1, 2, 2, 3])
    if empty and draw.random() < 0.1:
        return tuple(draw.choice([0, 3, 5]) for _ in range(rank))
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
    x = array(draw, shape(draw, longest=draw.choice([20, 20, 90]), empty=True))
    sizes = [draw.choice([1, 2, 3, max(n, 1), draw.randint(1, max(n, 1))]) for n in x.shape]
    boundary = draw.choice(["exact", "trim", "pad"])
    if boundary == "exact":
        sizes = [draw.choice([k for k in range(1, max(n, 1) + 1) if n % k == 0]) for n in x.shape]
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


def rolling(draw):
    x = array(draw, shape(draw, longest=draw.choice([20, 60])))
    x = x if x.dtype != bool else x.astype("i4")
    axes = draw.sample(range(x.ndim), draw.choice([1, 1, min(2, x.ndim)]))
    if draw.random() < 0.05:
        x = x[..., :0] if x.ndim - 1 not in axes else x
    sizes = {a: draw.choice([1, 2, 3, 5, draw.randint(1, x.shape[a] + 2)]) for a in axes}
    # Windows longer than the axis are refused by xarray.
    sizes = {a: min(k, x.shape[a]) for a, k in sizes.items()}
    least = draw.choice([None, 1, 2, draw.randint(1, 9)])
    center = draw.random() < 0.4
    name = draw.choice(["mean", "sum", "min", "max", "std", "var", "median", "count", "prod"])
    if least is not None:
        least = min(least, int(np.prod(list(sizes.values()))))
    how = f"min_periods={least}, center={center}"
    given = "{" + ", ".join(f"{a}: {k}" for a, k in sizes.items()) + "}"
    text = f"rolling(x, {given}, {how}).{name}()"
    if len(sizes) == 1 and draw.random() < 0.5:
        ((a, k),) = sizes.items()
        text = f"rolling(x, {k}, axis={a}, {how}).{name}()"
    return text, {"x": x}, windows(x, sizes, least, center, name)


def windows(x, sizes, least, center, name):
    """Every window by itself."""
    x = x if x.dtype.kind == "f" else x.astype("f8")
    least = int(np.prod(list(sizes.values()))) if least is None else least
    before = {a: k // 2 if center else k - 1 for a, k in sizes.items()}
    pad = [(before.get(a, 0), sizes.get(a, 1) - 1 - before.get(a, 0)) for a in range(x.ndim)]
    wide = np.pad(x, pad, constant_values=np.nan)
    out = np.full(x.shape, np.nan, "f8" if name == "count" else x.dtype)
    for at in np.ndindex(*x.shape):
        part = wide[tuple(slice(i, i + sizes.get(a, 1)) for a, i in enumerate(at))]
        there = part[~np.isnan(part)]
        if there.size >= least:
            out[at] = there.size if name == "count" else getattr(np, "nan" + name)(part)
    return out


def sliding(draw):
    x = array(draw, shape(draw, longest=20))
    axes = [draw.randrange(x.ndim) for _ in range(draw.choice([1, 1, 2]))]
    left = list(x.shape)
    sizes = []
    for a in axes:
        sizes.append(draw.randint(1, left[a]))
        left[a] -= sizes[-1] - 1
    view = np.lib.stride_tricks.sliding_window_view(x, sizes, axes)
    text = f"sliding_window_view(x, {tuple(sizes)}, {tuple(axes)})"
    if len(axes) == 1 and draw.random() < 0.5:
        text = f"sliding_window_view(x, {sizes[0]}, axis={axes[0] - x.ndim})"
    if draw.random() < 0.3:
        return text, {"x": x}, view
    name = draw.choice(["mean", "sum", "max", "std", "any", "argmax", "median"])
    inner = draw.choice([tuple(range(x.ndim, view.ndim)), -1, None])
    if name == "argmax" and isinstance(inner, tuple):
        inner = -1
    if x.dtype == bool and name == "median":
        name = "sum"
    return f"{text[:-1]}).{name}(axis={inner})" if name != "median" else f"median({text}, axis={inner})", {"x": x}, getattr(np, name)(view, axis=inner)


def resample(draw):
    x = array(draw, shape(draw, longest=60))
    axis = draw.randrange(x.ndim)
    n = draw.randint(1, x.shape[axis] + 2)
    name = draw.choice(["mean", "sum", "max", "std", "nanmean", "any"])
    sizes = [n if a == axis else 1 for a in range(x.ndim)]
    return f"resample(x, {n}, axis={axis}).{name}()", {"x": x}, blocks(x, sizes, "pad", name)


def labels_of(draw, shape):
    generator = np.random.default_rng(draw.getrandbits(32))
    count = draw.choice([1, 2, 5, 12])
    kind = draw.choice(["sorted", "scattered", "runs"])
    codes = generator.integers(0, count, shape)
    if kind == "sorted":
        codes = np.sort(codes, axis=None).reshape(shape)
    if kind == "runs":
        codes = (np.arange(codes.size) // draw.randint(1, 5) % count).reshape(shape)
    dtype = np.dtype(draw.choice(["i8", "i4", "u1", "f8", "f4", "?"]))
    if dtype.kind == "b":
        return codes % 2 == 0
    labels = (codes * draw.choice([1, 3]) + draw.choice([0, 1])).astype(dtype)
    if dtype.kind == "f":
        labels = labels * dtype.type(0.5) - 1
        if draw.random() < 0.3:
            labels[generator.random(shape) < 0.2] = np.nan
    elif dtype.kind == "i" and draw.random() < 0.3:
        labels[generator.random(shape) < 0.2] = -1
    return labels


def groups(draw):
    x = array(draw, shape(draw, longest=40))
    rank = draw.randint(1, x.ndim)
    axes = sorted(draw.sample(range(x.ndim), rank))
    labels = labels_of(draw, tuple(x.shape[a] for a in axes))
    valid = ~np.isnan(labels) if labels.dtype.kind == "f" else labels != -1 if labels.dtype.kind == "i" else np.ones(labels.shape, bool)
    keys = np.unique(labels[valid])
    others = [a for a in range(x.ndim) if a not in axes]
    moved = np.moveaxis(x, axes, range(rank))
    name = draw.choice([*NAN, *NAN.values(), "any", "all", "count", "first", "last", "quantile", "keys", "anomaly", "argmin", "argmax"])
    if x.dtype == bool and name not in ("sum", "mean", "any", "all", "count", "first", "last", "keys", "argmax"):
        name = "sum"
    how = {"ddof": draw.choice([0, 1])} if name.endswith(("var", "std")) else {}
    extra = "".join(f", {k}={v}" for k, v in how.items())
    axis = f", axis={tuple(axes) if rank > 1 or draw.random() < 0.3 else axes[0]}"
    if axes == [0] or axes == list(range(x.ndim - rank, x.ndim)) and rank > 1:
        axis = draw.choice([axis, ""])
    text = f"groupby(x, labels{axis}).{name}({extra[2:]})"
    arrays = {"x": x, "labels": labels}
    members = [moved[(labels == key) & valid] for key in keys]
    if name.startswith("arg"):
        # Positions count along all that is grouped.
        places = np.arange(labels.size).reshape(labels.shape)
        found = [places[(labels == key) & valid][getattr(np, name)(m, axis=0)] for key, m in zip(keys, members)]
        out = np.array(found, "i8").reshape(len(keys), *(x.shape[a] for a in others))
        return text, arrays, np.moveaxis(out, 0, sum(a < axes[0] for a in others))
    if name == "count":
        return text, arrays, np.array([len(m) for m in members], "i8")
    if name == "keys":
        return text, arrays, keys
    if name == "anomaly":
        name, text = "mean", f"g = groupby(x, labels{axis}); g - g.mean()"
    of = {"first": lambda m: m[0], "last": lambda m: m[-1], "quantile": lambda m: np.quantile(m, 0.3, axis=0)}
    text = text.replace("quantile()", "quantile(0.3)")
    f = of.get(name, lambda m: getattr(np, name)(m, axis=0, **how))
    if name in NAN and draw.random() < 0.2 and "anomaly" not in text and "g -" not in text:
        text = text.replace(f"{name}({extra[2:]})", f"{name}({extra[2:]}{', ' if extra else ''}skipna=True)")
        f = lambda m: getattr(np, NAN[name])(m, axis=0, **how)
    rest = tuple(x.shape[a] for a in others)
    found = [np.asarray(f(m)) for m in members]
    dtype = found[0].dtype if found else np.asarray(f(moved.reshape(-1, *rest)[:1])).dtype
    out = np.array(found, dtype).reshape(len(keys), *rest)
    at = sum(a < axes[0] for a in others)
    if "g -" in text:
        back = np.full(labels.shape + rest, np.nan, np.result_type(x.dtype, dtype))
        for key, m, mean in zip(keys, members, out):
            back[(labels == key) & valid] = m - mean
        return text, arrays, np.moveaxis(back, range(rank), axes)
    return text, arrays, np.moveaxis(out, 0, at)


def weighted(draw):
    x = array(draw, shape(draw), dtypes=["i4", "u1", "f4", "f8"])
    axes = sorted(draw.sample(range(x.ndim), draw.randint(1, x.ndim)))
    generator = np.random.default_rng(draw.getrandbits(32))
    lies = draw.choice([None, draw.randrange(x.ndim)])
    w = generator.integers(0, 4, x.shape if lies is None else x.shape[lies]).astype(draw.choice(["f8", "f4", "i8"]))
    wide = w if lies is None else np.expand_dims(w, [a for a in range(x.ndim) if a != lies])
    name = draw.choice(["mean", "sum", "var", "std", "sum_of_weights", "quantile"])
    if xarray is None and name == "quantile":
        name = "mean"
    if name == "quantile" and lies is not None and w.dtype.kind == "i":
        w, wide = w.astype("f8"), wide.astype("f8")
    over = tuple(axes)
    where = "" if lies is None else f", axis={lies}"
    given = "" if len(axes) == x.ndim and draw.random() < 0.5 else f"axis={over}"
    q = draw.choice([0, 0.25, 0.5, 0.9, 1])
    text = f"weighted(x, w{where}).{name}({f'{q}, ' if name == 'quantile' else ''}{given})"
    there = x == x
    each = np.where(there, np.broadcast_to(wide, x.shape), w.dtype.type(0))
    total = each.sum(over)
    total = np.where(total != 0, total, np.array(np.nan, total.dtype) if total.dtype.kind == "f" else np.nan)
    product = lambda v: np.where(there, v * wide, 0).astype((v * wide).dtype).sum(over)
    mean = product(x) / total
    squares = lambda: product((x - np.expand_dims(mean, over)) ** 2)
    if name == "quantile":
        frame = xarray.DataArray(x, dims=AXES[: x.ndim])
        weights = xarray.DataArray(np.broadcast_to(wide, x.shape).astype("f8"), dims=frame.dims)
        want = frame.astype("f8").weighted(weights).quantile(q, dim=[AXES[a] for a in axes]).values
        want = want.reshape([n for a, n in enumerate(x.shape) if a not in axes])
    else:
        want = {"mean": lambda: mean, "sum": lambda: product(x), "sum_of_weights": lambda: total,
                "var": lambda: squares() / total, "std": lambda: np.sqrt(squares() / total)}[name]()
    return text, {"x": x, "w": w}, want


def masked(draw):
    x = array(draw, shape(draw), dtypes=["i4", "u1", "f4", "f8"])
    y = array(draw, x.shape, dtypes=[x.dtype.str], nan=0)
    v = draw.randint(-3, 4) if x.dtype.kind != "u" else draw.randint(0, 4)
    made = draw.choice([f"ma.masked_{how}(x, {v})" for how in
                        ["equal", "not_equal", "greater", "greater_equal", "less", "less_equal", "values"]]
                       + [f"ma.masked_inside(x, {v}, {v + 2})", f"ma.masked_outside(x, {v + 2}, {v})", "ma.masked_invalid(x)",
                          f"ma.masked_where(y > {v}, x)", f"ma.masked_array(x, mask=y > {v})", "ma.masked_where(y > 99, x)"])
    if x.dtype.kind == "f" and "values" in made:
        made = "ma.masked_invalid(x)"
    axis = draw.choice([None, *range(-x.ndim, x.ndim), tuple(range(x.ndim))])
    name = draw.choice(["sum", "prod", "mean", "var", "std", "min", "max", "any", "all", "count", "filled", "getdata",
                        "getmaskarray", "add", "divide", "average", "mask", "fix", "where", "nonzero", "ones", "fill", "returned"])
    if name in ("min", "max") and np.isnan(x).any():
        made = "ma.masked_invalid(x)"
    if name == "count":
        text = draw.choice([f"ma.count({made}, axis={axis})", f"{made}.count(axis={axis})"])
    elif name == "filled":
        text = draw.choice([f"ma.filled({made})", f"{made}.filled(7)"])
    elif name in ("getdata", "getmaskarray"):
        text = f"ma.{name}({made})"
    elif name == "fix":
        text = draw.choice([f"ma.filled(ma.fix_invalid({made}))", f"ma.getdata(ma.fix_invalid({made}, fill_value=6))", f"ma.getmaskarray(ma.fix_invalid({made}))"])
    elif name == "where":
        text = draw.choice([f"ma.filled(ma.where({made} > 0, x, y), 4)", f"ma.filled(ma.where(y > 0, {made}, y), 4)",
                            f"ma.filled(ma.where({made}, {made}, 2), 4)", f"ma.getdata(ma.where({made} > 0, y, {made}))"])
    elif name == "nonzero":
        at = draw.randrange(x.ndim)
        text = draw.choice([f"ma.nonzero({made})[{at}]", f"{made}.nonzero()[{at}]", f"ma.where({made})[{at}]"])
    elif name == "ones":
        text = f"ma.filled(ma.{draw.choice(['ones', 'zeros'])}_like({made}))"
    elif name == "fill":
        text = draw.choice([f"ma.filled({made} + y)", f"ma.masked_array(x, mask=y > {v}, fill_value=3).filled()", f"(-{made}).filled()" if x.dtype.kind != "u" else f"ma.filled(y - {made})"])
    elif name == "returned":
        text = f"ma.filled(ma.average({made}, axis={axis if not isinstance(axis, tuple) else None}, weights=abs(y), returned=True)[1], 5)"
    elif name == "mask":
        text = f"ma.getmaskarray({made}.max(axis={axis}))" if not np.isnan(x).any() else f"ma.getmaskarray({made}.sum(axis={axis}))"
    elif name == "add":
        text = f"ma.filled({made} + y, 3)"
    elif name == "divide":
        text = f"ma.filled({made} / y, 3)"
    elif name == "average":
        text = f"ma.filled(ma.average({made}, axis={axis if not isinstance(axis, tuple) else None}, weights=abs(y)), 5)"
    else:
        text = draw.choice([f"ma.filled(ma.{name}({made}, axis={axis}), 5)", f"ma.filled({made}.{name}(axis={axis}), 5)"])
    want = eval(text, {"ma": np.ma, "x": x.copy(), "y": y, "abs": np.abs})
    return text, {"x": x, "y": y}, np.asarray(want)


def tests(draw):
    from scipy import stats
    x = array(draw, shape(draw, rank=draw.choice([1, 2, 3]), longest=30), dtypes=["i4", "f4", "f8"], nan=0.05)
    axis = draw.randrange(x.ndim)
    more = list(x.shape)
    more[axis] = draw.randint(2, 30)
    if x.shape[axis] < 9:
        x = np.concatenate([x] * 9, axis)
    y, z = (array(draw, tuple(more), dtypes=[x.dtype.str], nan=0) for _ in range(2))
    w = array(draw, x.shape, dtypes=[x.dtype.str], nan=0)
    name = draw.choice(["ttest_ind", "welch", "ttest_1samp", "ttest_rel", "chisquare", "power_divergence", "skew", "skewtest",
                        "kurtosis", "kurtosistest", "normaltest", "f_oneway", "moment"])
    counts = np.abs(np.round(np.nan_to_num(x).astype("f8"))) + 1
    extra, arrays = "", {"x": x}
    if name in ("ttest_ind", "welch"):
        text, arrays = f"stats.ttest_ind(x, y, axis={axis}" + (", equal_var=False" if name == "welch" else "") + ")", {"x": x, "y": y}
    elif name == "ttest_1samp":
        text = f"stats.ttest_1samp(x, 0.25, axis={axis})"
    elif name == "ttest_rel":
        text, arrays = f"stats.ttest_rel(x, w, axis={axis})", {"x": x, "w": w}
    elif name == "chisquare":
        text, arrays = f"stats.chisquare(c, axis={axis}, ddof={draw.choice([0, 1])})", {"c": counts}
    elif name == "power_divergence":
        which = draw.choice(["1", "0", "-1", "0.5", "'cressie-read'", "'neyman'", "'log-likelihood'"])
        text, arrays = f"stats.power_divergence(c, axis={axis}, lambda_={which})", {"c": counts}
    elif name == "moment":
        text = f"stats.moment(x, {draw.choice([0, 1, 2, 3, 4])}, axis={axis})"
    elif name == "skew":
        text = f"stats.skew(x, axis={axis}, bias={draw.choice([True, False])})"
    elif name == "kurtosis":
        text = f"stats.kurtosis(x, axis={axis}, fisher={draw.choice([True, False])}, bias={draw.choice([True, False])})"
    elif name == "f_oneway":
        x = np.moveaxis(x, axis, 0)
        y, z = (np.moveaxis(a, axis, 0) for a in (y, z))
        text, arrays = "stats.f_oneway(x, y, z)", {"x": x, "y": y, "z": z}
    else:
        text = f"stats.{name}(x, axis={axis})"
    want = eval(text, {"stats": stats, **arrays})
    if hasattr(want, "pvalue"):
        field = draw.choice(["statistic", "pvalue"])
        text, want = f"{text}.{field}", getattr(want, field)
    return text, arrays, np.asarray(want)


FAMILIES = {"coarsen": coarsen, "rolling": rolling, "sliding": sliding, "resample": resample, "groups": groups,
            "weighted": weighted, "masked": masked, "tests": tests}


def agrees(got, want, loose, single):
    want = np.asarray(want)
    if got.shape != want.shape:
        return f"shape {got.shape}, not {want.shape}"
    if loose and want.ndim == 0:
        want = want.astype(got.dtype)
    if got.dtype != want.dtype:
        return f"dtype {got.dtype}, not {want.dtype}"
    if want.dtype.kind in "biu":
        return None if np.array_equal(got, want) else f"{got}\nnot\n{want}"
    tight = 2e-3 if want.dtype == np.float16 else 2e-5 if single or want.dtype == np.float32 else 1e-10
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
    # What is left out altogether has no dtype in NumPy, whose masked arrays of float32 add up in that.
    masks = text.startswith("ma.")
    why = agrees(results[0], want, masks, masks and any(a.dtype == "f4" for a in arrays.values()))
    return why and f"{text}\n{[(n, a.dtype, a.shape) for n, a in arrays.items()]}: {why}"


def main():
    args = arguments(__doc__, 100, only=",".join(FAMILIES), fails=10)
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
