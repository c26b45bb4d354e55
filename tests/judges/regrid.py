#!/usr/bin/env python3
"""Regridding, judged by SciPy and by the definition of first-order conservative means.

    python tests/judges/regrid.py target/debug/hyperslab 40 --seed 1

Draws fields on random grids of latitudes and longitudes, global and regional, ascending and descending, with missing
values, and target grids.  Bilinear values must be those of scipy.interpolate.RegularGridInterpolator, conservative ones the
sums over shared areas of cells; integrals over the globe must stay.  The command runs twice, with other threads, budgets and
block sizes, and must give the same bytes.  Needs numpy>=2, scipy, xarray and zarr>=3.
"""
import os
import random
import subprocess

import numpy as np
import xarray as xr
from judging import each
from scipy.interpolate import RegularGridInterpolator


def grid(draw, is_lon, whole):
    """Points of a grid: the whole globe or a part of it, evenly spaced or not."""
    n = draw.randint(2, 14)
    if is_lon and whole:
        points = draw.choice([0.0, -180.0, 3.5]) + np.arange(n) * 360 / n if n > 2 else np.array([0.0, 120.0, 240.0])
    elif whole:
        points = -90 + (np.arange(n) + 0.5) * 180 / n
    else:
        low, high = sorted(draw.sample(range(0, 350) if is_lon else range(-85, 86), 2))
        points = np.linspace(low, max(high, low + 1), n)
        points = np.unique(points + np.array([draw.uniform(-0.3, 0.3) for _ in points]) * (high - low) / n)
        points = points if is_lon else points[abs(points) <= 90]
        points = points if len(points) > 1 else np.array([10.0, 20.0])
    return points[::-1].copy() if not is_lon and draw.random() < 0.5 else points


def bounds(points, is_lon):
    edges = np.concatenate([[points[0] - (points[1] - points[0]) / 2], (points[1:] + points[:-1]) / 2,
                            [points[-1] + (points[-1] - points[-2]) / 2]])
    return edges if is_lon else edges.clip(-90, 90)


def shares(old, new, is_lon):
    """Which part of the cells of `new` lies in which of `old`."""
    up, down = old.argsort(), new.argsort()
    a, b = bounds(old[up], is_lon), bounds(new[down], is_lon)
    size = (lambda x: x) if is_lon else (lambda x: np.sin(np.radians(x)))
    out = np.zeros((len(new), len(old)))
    for turn in (-360, 0, 360) if is_lon else (0,):
        low, high = np.maximum(a[None, :-1], b[:-1, None] + turn), np.minimum(a[None, 1:], b[1:, None] + turn)
        part = np.where(high > low, size(high) - size(low), 0) / (size(b[1:]) - size(b[:-1]))[:, None]
        out[np.ix_(down, up)] += part
    return out


def bilinear(x, lat, lon, to_lat, to_lon):
    up = lat.argsort()
    x, lat = x[..., up, :], lat[up]
    around = 360 - (lon[-1] - lon[0]) <= np.diff(lon).max() * (1 + 1e-6)
    if around:
        x, lon = np.concatenate([x, x[..., :1]], -1), np.append(lon, lon[0] + 360)
    turned = np.array([next((t for t in (t, t + 360, t - 360) if lon[0] <= t <= lon[-1]), t) for t in to_lon])
    at = np.stack(np.meshgrid(to_lat, turned, indexing="ij"), -1)
    of = [RegularGridInterpolator((lat, lon), field, bounds_error=False)(at) for field in x.reshape(-1, *x.shape[-2:])]
    return np.array(of).reshape(*x.shape[:-2], len(to_lat), len(to_lon))


def check(args, folder, draw, _):
    generator = np.random.default_rng(draw.getrandbits(32))
    lat, lon = grid(draw, False, draw.random() < 0.5), grid(draw, True, draw.random() < 0.6)
    to_lat, to_lon = grid(draw, False, draw.random() < 0.5), grid(draw, True, draw.random() < 0.5)
    times, dtype = draw.randint(1, 4), draw.choice(["f4", "f8"])
    x = generator.normal(size=(times, len(lat), len(lon))).astype(dtype)
    holes = draw.random() < 0.5
    if holes:
        x[generator.random(x.shape) < 0.2] = np.nan
    data = xr.DataArray(x, dims=("time", "lat", "lon"), coords={"lat": lat, "lon": lon}, name="x")
    chunks = {"chunks": tuple(draw.randint(1, n) for n in x.shape)}
    data.to_dataset().to_zarr(folder / "x.zarr", encoding={"x": chunks}, consolidated=False)
    method, skips = draw.choice(["bilinear", "conservative"]), draw.random() < 0.5
    least = draw.choice([0.0, 0.5])
    text = f"regrid(x, method='{method}', skipna={skips}, min_valid={least}, lat={to_lat.tolist()}, lon={to_lon.tolist()})"
    answers = []
    for run in range(2):
        out = folder / f"{run}.npy"
        environment = {**os.environ, "HYPERSLAB_BLOCK_BYTES": str(draw.choice([64, 1024, 1 << 20]))}
        command = [args.command, "eval", text, f"x={folder / 'x.zarr/x'}", "-o", out, "--quiet", "--threads", draw.choice([1, 2, 4])]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment)
        if done.returncode:
            return f"{text}: exit {done.returncode}: {done.stderr.strip()}"
        answers.append(np.load(out))
    if answers[0].tobytes() != answers[1].tobytes():
        return f"{text}: two runs differ"
    got, wide = answers[0], x.astype("f8")
    if method == "bilinear" and not skips:
        want = bilinear(wide, lat, lon, to_lat, to_lon)
        # On a point, SciPy has what is NaN beside it with a weight of zero.
        loose = np.isnan(want) if holes else np.zeros(want.shape, bool)
    elif method == "conservative":
        up, along = shares(lat, to_lat, False), shares(lon, to_lon, True)
        there = ~np.isnan(wide)
        sums = np.einsum("ij,tjk,lk->til", up, np.where(there, wide, 0), along)
        weights = np.einsum("ij,tjk,lk->til", up, there.astype("f8"), along)
        touched = np.einsum("ij,tjk,lk->til", (up > 0) * 1.0, (~there) * 1.0, (along > 0) * 1.0) > 0
        good = (weights > 1e-12) & (weights >= least) if skips else (weights > 1e-12) & ~touched
        want = np.where(good, sums / np.where(good, weights, 1), np.nan)
        loose = (np.abs(weights - least) < 1e-9) | (weights < 1e-9)
    else:
        return None
    ok = np.isclose(got, want, rtol=2e-6, atol=2e-6, equal_nan=True) | loose
    if got.shape != want.shape or got.dtype != x.dtype or not ok.all():
        return f"{text} from {lat.tolist()} {lon.tolist()}: {np.abs(got - want)[~ok][:5]} {got[~ok][:5]} for {want[~ok][:5]}"
    return None


if __name__ == "__main__":
    each(__doc__, 40, "field", check)
