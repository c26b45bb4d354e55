#!/usr/bin/env python3
"""Random factors of matrices and what is made of them, judged by NumPy.

    python tests/judges/factors.py target/debug/hyperslab 500 --seed 1

Draws functions of `numpy.linalg` over small stacks of matrices of every dtype: tall, wide, without elements, of low rank, with
singular values over many orders of magnitude.  What is unique up to signs is compared by products in which signs do not
matter.  Each expression is evaluated by NumPy and by the command, twice with other threads, memory and block sizes.  Results
agree within rounding, both runs in every byte, and what NumPy refuses must be refused.  Needs numpy>=2 and zarr>=3.
"""
import concurrent.futures
import pathlib
import random
import subprocess
import tempfile
import warnings

import numpy as np
import zarr
from judging import arguments

DTYPES = ["?", "i2", "u1", "i8", "f4", "f4", "f8", "f8", "f8", "c8", "c16", "c16", "f2"]
SIDES = [0, 1, 2, 3, 4, 5, 7, 8, 16, 31, 33, 40, 65]
STACKS = [(), (), (), (), (2,), (3, 2), (0,), (1, 4)]

ANY = [
    "abs(linalg.qr(x{mode})[1])",
    "linalg.qr(x{mode}).R.mT.conj() @ linalg.qr(x{mode}).R",
    "linalg.qr(x)[0] @ linalg.qr(x)[1]",
    "linalg.qr(x, mode='complete')[0] @ linalg.qr(x, mode='complete')[1]",
    "linalg.qr(x, mode='complete').Q.mT.conj() @ linalg.qr(x, mode='complete')[0]",
    "linalg.qr(x).Q.mT.conj() @ linalg.qr(x).Q",
    "abs(linalg.qr(x, mode='r'))",
    "linalg.svd(x, compute_uv=False)",
    "linalg.svdvals(x)",
    "linalg.svd(x).S",
    "U = linalg.svd(x, full_matrices=False); (U[0] * U[1][..., None, :]) @ U[2]",
    "U = linalg.svd(x, full_matrices=False); U.U.mT.conj() @ U.U",
    "U = linalg.svd(x); U[0].mT.conj() @ U[0]",
    "U = linalg.svd(x); U.Vh @ U.Vh.mT.conj()",
    "linalg.svd(x)[1].shape",
    "linalg.svd(x).U.shape",
    "linalg.svd(x, full_matrices=False).Vh.shape",
    "linalg.pinv(x{cut})",
    "linalg.pinv(x, rtol={tolerance}) @ x",
    "linalg.pinv(x, {by_matrix})",
    "linalg.matrix_rank(x)",
    "linalg.matrix_rank(x, {tolerance})",
    "linalg.matrix_rank(x, rtol={by_matrix})",
    "linalg.matrix_rank(x, tol={by_matrix})",
    "linalg.norm(x, {order}, axis=(-2, -1), keepdims={truth})",
    "linalg.norm(x, {order}, axis=(-1, -2))",
    "linalg.norm(x, {order}, axis=(0, -1), keepdims={truth})",
    "linalg.matrix_norm(x, ord={order}, keepdims={truth})",
    "1 / linalg.cond(x)",
    "linalg.cond(x, -2)",
    "linalg.lstsq(x, {right}{cut})[0]",
    "linalg.lstsq(x, {right}{cut})[0]",
    "linalg.lstsq(x, {right}, -1)[1]",
    "linalg.lstsq(x, {right}{cut})[1] > -1",
    "linalg.lstsq(x, {right}{cut})[2]",
    "linalg.lstsq(x, {right})[3]",
]
SQUARE = [
    "linalg.eigvalsh(x{uplo})",
    "linalg.eigh(x{uplo}).eigenvalues",
    "W = linalg.eigh(x{uplo}); (W[1] * W[0][..., None, :]) @ W[1].mT.conj()",
    "W = linalg.eigh(x{uplo}); W[1].mT.conj() @ W[1]",
    "linalg.svd(x * 1 + (x * 1).mT.conj(), hermitian=True, compute_uv=False)",
    "U = linalg.svd(x * 1 + (x * 1).mT.conj(), hermitian=True); (U[0] * U[1][..., None, :]) @ U[2]",
    "W = linalg.eig(x); x @ W[1] - W[1] * W[0][..., None, :]",
    "sort(abs(linalg.eigvals(x)), axis=-1)",
    "sum(linalg.eigvals(x), axis=-1)",
    "sum(abs(linalg.eig(x).eigenvectors) ** 2, axis=-2)",
    "linalg.pinv(x * 1 + (x * 1).mT.conj(), 1e-9, True)",
    "linalg.matrix_rank(x * 1 + (x * 1).mT.conj(), hermitian=True)",
    "1 / linalg.cond(x, 2)",
]


class Case:
    """Draws one expression, and the matrices."""

    def __init__(self, draw):
        square = draw.random() < 0.4
        m, n = draw.choice(SIDES), draw.choice(SIDES)
        self.shape = draw.choice(STACKS) + (m, m if square else n)
        if draw.random() < 0.03:
            self.shape = self.shape[-1:]
        self.dtype = np.dtype(draw.choice(DTYPES))
        generator = np.random.default_rng(draw.getrandbits(32))
        self.x = self.matrices(draw, generator)
        # The triangle of a matrix of low rank is not unique.
        texts = [text for text in ANY if not (self.low and text.startswith("abs(linalg.qr"))]
        self.text = draw.choice(SQUARE if square or draw.random() < 0.05 else texts)
        self.text = self.text.format(
            mode=draw.choice(["", ", 'reduced'", ", mode='complete'"]),
            uplo=draw.choice(["", ", 'U'", ", UPLO='l'"]),
            cut=draw.choice(["", "", ", 1e-3", ", 1e-12", ", None", ", rcond=0.1"]),
            tolerance=draw.choice(["1e-3", "1e-9", "0.2", "None" if draw.random() < 0.3 else "1e-2"]),
            by_matrix=draw.choice(["[1e-3, 1e-2]", "full(x.shape[:-2], 1e-3)", "1e-6"]),
            order=draw.choice(["2", "-2", "'nuc'", "2.0", "1", "'fro'", "inf"]),
            truth=draw.choice(["True", "False"]),
            right=draw.choice(["x[:, 0] * 2 + 1", "x[:, :2] * 3 + 1", "ones(x.shape[:1])", "x[:, :0]", "arange(12).reshape(6, 2)",
                               "1j * ones((x.shape[0], 3))", "ones(x.shape[:1]).astype('f4')"]),
        )

    def matrices(self, draw, generator):
        def noise(shape):
            values = generator.normal(size=shape)
            return values + 1j * generator.normal(size=shape) if self.dtype.kind == "c" else values

        kind, shape = draw.random(), self.shape
        values = noise(shape)
        self.low = self.dtype.kind in "biu" or kind < 0.25
        if len(shape) > 1 and kind < 0.25:
            rank = draw.randint(0, max(1, min(shape[-2:]) // 2))
            values = noise(shape[:-1] + (rank,)) @ noise(shape[:-2] + (rank, shape[-1]))
        elif len(shape) > 1 and kind < 0.4:
            values = values * np.logspace(0, -draw.choice([3, 10]), shape[-1])
        elif kind < 0.5:
            values = values * draw.choice([0, 1e-30, 1e30, 1e-200, 1e200] if self.dtype.itemsize > 4 else [0, 1e-6])
            if self.dtype.char in "F":
                values = np.clip(values.real, -1e30, 1e30).astype("c16")
        if self.dtype.kind in "biu":
            values = np.round(np.abs(np.clip(values.real, -9, 9)) * 3)
        return np.asarray(values).astype(self.dtype)



def expected(case):
    names = ("linalg", "sort", "sum", "abs", "ones", "arange", "full", "inf")
    space = {name: getattr(np, name) for name in names}
    *before, last = case.text.split("; ")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        space["x"] = case.x
        for line in before:
            name, value = line.split(" = ", 1)
            space[name] = eval(value, space)
        return np.asarray(eval(last, space))


def run(command, case, folder, number, extra):
    out = folder / f"out{number}.npy"
    arguments = [command, "eval", case.text, f"x={folder / 'x.zarr'}", "-o", str(out), "--overwrite", "-q", *extra]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    if done.returncode:
        return None, done.stderr.strip()
    return np.load(out), ""


def check(command, seed):
    draw = random.Random(seed)
    case = Case(draw)
    label = f"seed {seed}: {case.text}  x: {case.dtype}{case.shape}"
    try:
        want, refused = expected(case), None
    except Exception as error:
        want, refused = None, error
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        chunks = tuple(max(1, draw.choice([n, (n + 1) // 2, 3])) for n in case.shape)
        zarr.create_array(folder / "x.zarr", data=case.x, chunks=chunks)
        one = run(command, case, folder, 0, ["--threads", "1"])
        two = run(command, case, folder, 1, ["--threads", "3", "--memory", "64MiB"])
    if refused is not None:
        if one[0] is not None:
            return f"{label}\n  NumPy refuses: {refused}"
        return None
    if one[0] is None or two[0] is None:
        return f"{label}\n  {one[1] or two[1]}"
    if one[0].tobytes() != two[0].tobytes():
        return f"{label}\n  bytes differ between runs"
    got = one[0]
    # Eigenvalues of any matrix are complex here, and real in NumPy where they all happen to be.
    eig = "eig(" in case.text or "eigvals(" in case.text
    if got.shape != want.shape or (got.dtype != want.dtype and not (eig and got.dtype.kind == "c")):
        return f"{label}\n  {got.dtype}{got.shape}, NumPy has {want.dtype}{want.shape}"
    if got.dtype.kind not in "fc":
        return None if np.array_equal(got, want) else f"{label}\n  {got} and {want}"
    single = got.dtype.char in "fF"
    unit = np.finfo(got.dtype).eps
    size = max(case.shape[-2:], default=1) + 8
    scale = 0.0
    if want.size:
        scale = max(float(np.max(np.abs(want))), 1e-300)
    if any(name in case.text for name in ("pinv", "lstsq", "cond")) and case.x.size:
        # As far as the data decide it: by the condition of what counts.
        scale = max(scale * condition(case), 0.0 if "pinv" in case.text else 1.0)
    if "norm" in case.text and case.x.size:
        # The smallest singular value may be rounding.
        scale = max(scale, float(np.max(np.abs(case.x.astype("c16")))))
    if eig and case.x.size:
        scale = max(scale, float(np.max(np.abs(case.x.astype("c16")))))
        size *= 1e5 if "eigvals(x)" in case.text else 10
    with np.errstate(all="ignore"):
        off = float(np.max(np.abs(got.astype("c16") - want), initial=0.0))
    if not off <= 20 * unit * size * scale:
        return f"{label}\n  off by {off:.3g} of {scale:.3g}{' in single precision' if single else ''}"
    return None


def condition(case):
    """The largest singular value over the smallest that is no rounding."""
    s = np.linalg.svd(case.x.astype("c16"), compute_uv=False)
    most = s[..., :1]
    least = np.where(s > 1e-14 * most, s, most).min(axis=-1, initial=np.inf)
    return float(np.max(np.where(most[..., 0] > 0, most[..., 0] / np.where(least > 0, least, 1), 1), initial=1))


def main():
    options = arguments(__doc__, 200)
    seeds = range(options.seed, options.seed + options.count)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        faults = [fault for fault in pool.map(lambda seed: check(options.command, seed), seeds) if fault]
    for fault in faults[:40]:
        print(fault)
    print(f"{len(seeds) - len(faults)} of {len(seeds)} expressions agree with NumPy {np.__version__}")
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
