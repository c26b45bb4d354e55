#!/usr/bin/env python3
"""Random filters, judged by SciPy.

    python tests/judges/filters.py target/debug/hyperslab 500 --seed 1

Draws functions of `scipy.ndimage` with random arguments over small arrays of every dtype, axes of length 1 and shorter than
windows among them.  Each is evaluated by SciPy and by the command, twice with other threads, memory and block
sizes.  Integers must be SciPy's, floating point numbers agree within rounding, both runs in every byte, and what SciPy
refuses must be refused.  Needs numpy>=2, scipy>=1.17 and zarr>=3.
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
import scipy.ndimage
import zarr
from judging import arguments

DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f4", "f8", "f8"]
COMPLEX = ["c8", "c16"]
SHAPES = [(), (1,), (2,), (7,), (23,), (300,), (0,), (3, 4), (5, 1), (1, 6), (16, 25), (0, 3), (4, 3, 5), (1, 1, 3), (9, 1, 11),
          (2, 3, 2, 4), (40, 3), (6, 270), (3, 300, 2)]
MODES = ["reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-constant", "grid-wrap"]


class Case:
    """Draws one call, as text."""

    def __init__(self, draw):
        self.draw = draw
        self.name = draw.choice([n for n in dir(self) if n.startswith("call_")])
        self.shape = draw.choice(SHAPES)
        linear = self.name in LINEAR
        self.dtype = np.dtype(draw.choice(DTYPES + (COMPLEX if linear else [])))
        self.x = self.array()
        self.text = f"ndimage.{getattr(self, self.name)()}"
        if draw.random() < 0.1:
            self.text = f"({self.text})[{self.place()}]"

    def array(self):
        draw, dtype = self.draw, self.dtype
        generator = np.random.default_rng(draw.getrandbits(32))
        values = generator.normal(size=self.shape) * draw.choice([4, 30])
        if draw.random() < 0.2:
            values = np.round(values / 4) * 0 + draw.choice([0, 1, 7])
        if dtype.kind == "b":
            return np.asarray(values > 0)
        if dtype.kind in "iu":
            return np.asarray(np.round(np.abs(values) if dtype.kind == "u" else values)).astype(dtype)
        if dtype.kind == "c":
            values = values + 1j * generator.normal(size=self.shape)
        return np.asarray(values).astype(dtype)

    def place(self):
        return ", ".join(self.draw.choice([":", "::2", "1:", "::-1"]) for _ in self.shape) or "..."

    def rank(self):
        return len(self.shape)

    def axis(self):
        return self.draw.randint(-max(1, self.rank()), max(0, self.rank() - 1)) if self.draw.random() < 0.97 else self.rank()

    def each(self, draw_one, count=None):
        """One item, or one for each axis."""
        count = self.rank() if count is None else count
        if self.draw.random() < 0.5:
            return draw_one()
        return [draw_one() for _ in range(count)] if self.draw.random() < 0.95 else [draw_one()] * (count + 1)

    def axes(self):
        """Some axes, and how many."""
        if self.draw.random() < 0.7 or not self.rank():
            return None, self.rank()
        axes = self.draw.sample(range(self.rank()), self.draw.randint(1, self.rank()))
        if self.draw.random() < 0.2:
            axes[0] -= self.rank()
        return tuple(axes), len(axes)

    def rest(self, listed=True, origin=None, axes=None, count=None, output=True):
        draw = self.draw
        mode = lambda: draw.choice(MODES)
        out = [f"mode={self.each(mode, count) if listed else mode()!r}"] if draw.random() < 0.8 else []
        out = [o if o[5] in "['" else f"mode={o[5:]!r}" for o in out]
        if draw.random() < 0.4:
            out.append(f"cval={draw.choice([0, 1, 3.5, 100])}")
        if origin is not None and draw.random() < 0.4:
            out.append(f"origin={origin}")
        if output and draw.random() < 0.15:
            out.append(f"output={draw.choice(['float', 'float32', 'float64', 'int32'])}")
        if axes is not None:
            out.append(f"axes={axes}")
        return "".join(f", {o}" for o in out)

    def weights(self, n):
        draw = self.draw
        kind = draw.random()
        half = [draw.choice([0, 1, 2, -1, 0.5, 0.3, -2.25]) for _ in range((n + 1) // 2)]
        if kind < 0.35:
            return half + half[::-1][n % 2 :]
        if kind < 0.6 and n % 2:
            return half[:-1] + [0] + [-h for h in half[:-1][::-1]]
        return [draw.choice([0, 1, -1, 0.25, 3, 0.1]) for _ in range(n)]

    def size(self):
        return self.draw.choice([1, 2, 3, 3, 4, 5, 7, 8, 13, 20])

    def origin(self, n):
        return self.draw.randint(-(n // 2), (n - 1) // 2) if self.draw.random() < 0.97 else n

    def line(self, name):
        n = self.size()
        return f"{name}(x, {self.weights(n)}, axis={self.axis()}{self.rest(False, self.origin(n))})"

    def call_correlate1d(self):
        return self.line("correlate1d")

    def call_convolve1d(self):
        return self.line("convolve1d")

    def window(self, name):
        axes, count = self.axes()
        shape = [self.draw.randint(1, 4) for _ in range(count)]
        n = int(np.prod(shape, dtype=int))
        weights = np.array(self.weights(n), dtype=float).reshape(shape).tolist()
        origin = [self.origin(m) for m in shape] if self.draw.random() < 0.7 else 0
        return f"{name}(x, {weights}{self.rest(False, origin, axes)})"

    def call_correlate(self):
        return self.window("correlate")

    def call_convolve(self):
        return self.window("convolve")

    def sigma(self):
        return self.draw.choice([0, 0.3, 0.5, 1, 1.0, 1.5, 2.2, 3.7])

    def gaussian(self, count):
        draw, out = self.draw, ""
        if draw.random() < 0.4:
            out += f", truncate={draw.choice([1, 2.5, 3.0])}"
        if draw.random() < 0.2:
            out += f", radius={self.each(lambda: draw.randint(0, 6), count)}"
        return out

    def call_gaussian_filter(self):
        axes, count = self.axes()
        order = f", order={self.each(lambda: self.draw.choice([0, 0, 1, 2, 3]), count)}" if self.draw.random() < 0.4 else ""
        return f"gaussian_filter(x, {self.each(self.sigma, count)}{order}{self.rest(True, None, axes, count)}{self.gaussian(count)})"

    def call_gaussian_filter1d(self):
        return f"gaussian_filter1d(x, {self.draw.choice([0.3, 1, 1.5, 2.6])}, axis={self.axis()}{self.rest(False)}, order={self.draw.choice([0, 0, 1, 2])})"

    def call_gaussian_laplace(self):
        axes, count = self.axes()
        return f"gaussian_laplace(x, {self.each(self.sigma, count)}{self.rest(True, None, axes, count)})"

    def call_gaussian_gradient_magnitude(self):
        return f"gaussian_gradient_magnitude(x, {self.each(self.sigma)}{self.rest(True)})"

    def call_laplace(self):
        axes, count = self.axes()
        return f"laplace(x{self.rest(True, None, axes, count)})"

    def call_sobel(self):
        return f"sobel(x, axis={self.axis()}{self.rest(True)})"

    def call_prewitt(self):
        return f"prewitt(x, axis={self.axis()}{self.rest(True)})"

    def sized(self, name, extra=""):
        axes, count = self.axes()
        size = self.each(self.size, count)
        least = min(size) if isinstance(size, list) and size else size if isinstance(size, int) else 1
        return f"{name}(x{extra}, size={size}{self.rest(True, self.each(lambda: self.origin(least), count), axes, count)})"

    def call_uniform_filter(self):
        return self.sized("uniform_filter")

    def call_minimum_filter(self):
        return self.sized("minimum_filter")

    def call_maximum_filter(self):
        return self.sized("maximum_filter")

    def sized1d(self, name):
        n = self.size()
        return f"{name}(x, {n}, axis={self.axis()}{self.rest(False, self.origin(n))})"

    def call_uniform_filter1d(self):
        return self.sized1d("uniform_filter1d")

    def call_minimum_filter1d(self):
        return self.sized1d("minimum_filter1d")

    def call_maximum_filter1d(self):
        return self.sized1d("maximum_filter1d")

    def footprint(self, name, extra="", full=False):
        axes, count = self.axes()
        shape = [self.draw.randint(1, 4) for _ in range(count)]
        mask = np.array([full or self.draw.random() < 0.7 for _ in range(int(np.prod(shape, dtype=int)))], dtype=bool).reshape(shape)
        origin = [self.origin(m) for m in shape] if self.draw.random() < 0.7 else 0
        return f"{name}(x{extra}, footprint={mask.tolist()}{self.rest(False, origin, axes)})"

    def call_minimum_footprint(self):
        return self.footprint(self.draw.choice(["minimum_filter", "maximum_filter"]))

    def ranked(self, name, extra=""):
        # SciPy takes all of a window where the array has one axis.
        if self.rank() == 1 and self.shape[0] < 9:
            self.shape = (300,)  # SciPy answers 0, or ends, for lines as short as a window
            self.x = self.array()
        if self.draw.random() < 0.5:
            return self.footprint(name, extra, full=self.rank() == 1)
        axes, count = self.axes()
        size = self.each(lambda: self.draw.choice([1, 2, 3, 3, 4]), count)
        return f"{name}(x{extra}, size={size}{self.rest(False, None, axes, count)})"

    def call_median_filter(self):
        return self.ranked("median_filter")

    def call_rank_filter(self):
        return self.ranked("rank_filter", f", {self.draw.randint(-3, 3)}")

    def call_percentile_filter(self):
        return self.ranked("percentile_filter", f", {self.draw.choice([0, 10, 25.5, 50, 99, 100, -20])}")

    def structure(self, count, truth):
        shape = [self.draw.randint(1, 4) for _ in range(count)]
        n = int(np.prod(shape, dtype=int))
        one = (lambda: self.draw.random() < 0.7) if truth else (lambda: self.draw.choice([0, 1, 2, -1.5]))
        return np.array([one() for _ in range(n)], dtype=bool if truth else float).reshape(shape).tolist(), shape

    def call_binary(self):
        draw = self.draw
        name = draw.choice(["erosion", "dilation", "opening", "closing"])
        axes, count = self.axes()
        out = ""
        if draw.random() < 0.6:
            structure, shape = self.structure(count, True)
            out += f", structure={structure}"
            origin = [draw.randint(-((m - 1) // 2), (m - 1) // 2) for m in shape]
            out += f", origin={origin}" if draw.random() < 0.4 else ""
        elif draw.random() < 0.4:
            out += f", structure=ndimage.generate_binary_structure({count}, {draw.randint(1, 3)})"
        out += f", iterations={draw.randint(1, 4)}" if draw.random() < 0.4 else ""
        out += f", mask=x != {draw.choice([0, 1, 3])}" if draw.random() < 0.3 else ""
        out += f", border_value={draw.randint(0, 1)}" if draw.random() < 0.4 else ""
        out += f", axes={axes}" if axes is not None else ""
        return f"binary_{name}(x{draw.choice(['', ' > 0', ' > 2'])}{out})"

    def call_propagation(self):
        draw, rank = self.draw, self.rank()
        out = f", structure=ndimage.generate_binary_structure({rank}, {draw.randint(1, 3)})" if draw.random() < 0.5 else ""
        out += f", mask=x > {draw.choice([-9, 0, 1, 3])}" if draw.random() < 0.8 else ""
        out += f", border_value={draw.randint(0, 1)}" if draw.random() < 0.4 else ""
        if draw.random() < 0.4:
            return f"binary_{draw.choice(['erosion', 'dilation'])}(x > 5, iterations={draw.choice([0, -1])}{out})"
        return f"binary_propagation(x > {draw.choice([2, 5, 9])}{out})"

    def call_hit_or_miss(self):
        draw, out, (axes, count) = self.draw, "", self.axes()
        for number in (1, 2):
            if draw.random() < 0.6:
                structure, shape = self.structure(count, True)
                out += f", structure{number}={structure}"
                origin = [draw.randint(-((m - 1) // 2), (m - 1) // 2) for m in shape]
                # The second origin is the first unless it is given; SciPy ends where that lies outside its structure.
                given = number == 2 and "origin1" in out
                out += f", origin{number}={origin}" if given or draw.random() < 0.4 else ""
        out += f", axes={axes}" if axes is not None else ""
        return f"binary_hit_or_miss(x{draw.choice([' > 0', ' > 2', ''])}{out})"

    def call_iterate_structure(self):
        structure, _ = self.structure(self.draw.randint(1, 3), True)
        return f"iterate_structure({structure}, {self.draw.randint(1, 4)})"

    def call_label(self):
        draw, rank = self.draw, self.rank()
        structure = ""
        if draw.random() < 0.5:
            structure = f", ndimage.generate_binary_structure({rank}, {draw.randint(1, 3)})"
        elif draw.random() < 0.4:
            half = [draw.random() < 0.5 for _ in range(3**rank // 2)]
            structure = f", {np.array(half + [True] + half[::-1]).reshape((3,) * rank).tolist()}"
        return f"label(x{draw.choice(['', ' > 0', ' > 2', ' < 3'])}{structure})[{draw.choice([0, 0, 0, 1])}]"

    def spline(self):
        draw = self.draw
        out = f", order={draw.choice([0, 1, 2, 3, 4, 5])}" if draw.random() < 0.8 else ""
        out += f", mode={draw.choice(MODES)!r}" if draw.random() < 0.7 else ""
        out += f", cval={draw.choice([1, 3.5])}" if draw.random() < 0.3 else ""
        out += ", prefilter=False" if draw.random() < 0.1 else ""
        return out + (f", output={draw.choice(['float', 'float32'])}" if draw.random() < 0.3 else "")

    def call_shift(self):
        by = self.each(lambda: round(self.draw.uniform(-9, 9), self.draw.choice([0, 3])), self.rank())
        return f"shift(x, {by}{self.spline()})"

    def call_zoom(self):
        factors = self.each(lambda: self.draw.choice([0.3, 0.5, 1, 1.7, 2, 2.5]), self.rank())
        grid = ", grid_mode=True" if self.draw.random() < 0.3 else ""
        return f"zoom(x, {factors}{self.spline()}{grid})"

    def call_affine(self):
        draw, rank = self.draw, self.rank()
        number = lambda: draw.choice([0, 1, 1, 0.5, -1, round(draw.uniform(-2, 2), 3)])
        if draw.random() < 0.3:
            matrix = [number() or 0.25 for _ in range(rank)]
        else:
            matrix = [[number() for _ in range(rank + draw.choice([0, 0, 1]) * 0)] for _ in range(rank)]
        out = f", offset={self.each(lambda: draw.choice([0, 1.5, -2, 3.25]), rank)}" if draw.random() < 0.6 else ""
        out += f", output_shape={tuple(draw.randint(1, 9) for _ in range(rank))}" if draw.random() < 0.4 else ""
        return f"affine_transform(x, {matrix}{out}{self.spline()})"

    def call_rotate(self):
        rank = self.rank()
        axes = f", axes={tuple(self.draw.sample(range(rank), 2))}" if rank > 1 and self.draw.random() < 0.5 else ""
        reshape = ", reshape=False" if self.draw.random() < 0.4 else ""
        return f"rotate(x, {self.draw.choice([0, 90, 180, -90, 30, 45.5, 200])}{axes}{reshape}{self.spline()})"

    def call_map_coordinates(self):
        draw, rank = self.draw, self.rank()
        shape = draw.choice([(5,), (40,), (3, 4), (0,), (2, 1, 6)])
        far = draw.choice([0, 0, 3, 40])
        one = lambda n: draw.choice([round(draw.uniform(-far, n - 1 + far), draw.choice([0, 1, 4])), draw.randint(-far, n + far)])
        places = np.array([[one(n) for _ in range(int(np.prod(shape)))] for n in self.shape], dtype=float)
        if places.size and draw.random() < 0.05:
            places.flat[draw.randrange(places.size)] = np.nan
        text = f"array({places.reshape(rank, *shape).tolist()})".replace("nan", "inf-inf")
        if rank and shape[-1] == 6:
            text += f"[:, :, 0, ::{draw.choice([1, -2])}]"
        if rank and draw.random() < 0.3:
            text = f"stack([{', '.join(f'{text}[{axis}]' for axis in range(rank))}])"
        elif draw.random() < 0.3:
            text += ".astype('float32')"
        return f"map_coordinates(x, {text}{self.spline()})"

    def call_distance(self):
        draw, rank = self.draw, self.rank()
        kind = draw.choice(["edt", "edt", "bf", "cdt"])
        x = draw.choice(["x", "x > 0", "x > 20", "x < 20", "x > -99", "x != x[:1]" if rank and self.shape[0] else "x"])
        metrics = ["taxicab", "chessboard", "cityblock", "manhattan"] + (["euclidean"] if kind == "bf" else [])
        out = f", metric={draw.choice(metrics)!r}" if kind != "edt" and draw.random() < 0.8 else ""
        if kind != "cdt" and draw.random() < 0.6:
            out += f", sampling={self.each(lambda: draw.choice([1, 2, 0.3, 1.7, 0.1, 12.5]), max(1, rank))}"
        which = draw.choice(["", "", "", ", return_indices=True", ", return_indices=True, return_distances=False"])
        return f"distance_transform_{kind}({x}{out}{which}){'[0]' if which.endswith('s=True') else ''}"

    def call_fill_holes(self):
        structure = f", ndimage.generate_binary_structure({self.rank()}, 2)" if self.draw.random() < 0.4 else ""
        return f"binary_fill_holes(x{self.draw.choice(['', ' > 0', ' < 3'])}{structure})"

    def call_measure(self):
        draw = self.draw
        name = draw.choice(["sum_labels", "sum", "mean", "variance", "standard_deviation", "center_of_mass"] + EXTREMES)
        out = ""
        if name == "center_of_mass" and not self.shape:
            self.shape = (4,)
            self.x = self.array()
        if 0 in self.shape:
            self.shape = (2, 5)
            self.x = self.array()
        if draw.random() < 0.8:
            out += f", labels={draw.choice(['x > 0', '(x > 0) * 2 + (x > 2)', 'ndimage.label(x > 0)[0]', '(x > 1) * -1'])}"
            if draw.random() < 0.8:
                out += f", index={draw.choice([0, 1, [0, 1], [2, 1, 7, 1], [[3, -1], [0, 1]], [1], 'arange(1, 4)'])}"
        if name == "histogram":
            return f"{name}(x, {draw.choice([-5, 0, 0.5])}, {draw.choice([1, 7, 20])}, {draw.randint(1, 6)}{out})"
        if name == "extrema":
            return f"{name}(x{out})[{draw.randint(0, 3)}]"
        return f"{name}(x{out})"

    def call_find_objects(self):
        draw, rank = self.draw, self.rank()
        if 0 in self.shape:
            self.shape = (3, 5)
            self.x = self.array()
            rank = 2
        labels = draw.choice(["ndimage.label(x > 0)[0]", "(x > 0) * 2 + (x > 2) * 3", "(x > 9) * 4", "(x > 0) * 1"])
        most = draw.choice(["", "", ", max_label=1", ", max_label=7"])
        return f"find_objects({labels}{most})" if rank else "find_objects(ndimage.label([[1, 0, 1]])[0])"

    def call_grey(self):
        draw = self.draw
        name = draw.choice(["grey_erosion", "grey_dilation", "grey_opening", "grey_closing", "morphological_gradient",
                            "morphological_laplace", "white_tophat", "black_tophat"])
        axes, count = self.axes()
        kind = draw.random()
        if kind < 0.4:
            size = self.each(lambda: draw.choice([1, 2, 3, 4, 5]), count)
            what, shape, listed = f"size={size}", None, True
        elif kind < 0.7:
            footprint, shape = self.structure(count, True)
            what, listed = f"footprint={footprint}", False
        else:
            structure, shape = self.structure(count, False)
            what, listed = f"structure={structure}", False
        origin = [self.origin(m) for m in shape] if shape and draw.random() < 0.5 else None
        return f"{name}(x, {what}{self.rest(listed, origin, axes, count, output=False)})"


EXTREMES = ["minimum", "maximum", "median", "minimum_position", "maximum_position", "extrema", "histogram"]


class Ndimage:
    """SciPy's functions, with arrays where they answer lists of slices or arrays of arrays."""

    def __getattr__(self, name):
        return getattr(scipy.ndimage, name)

    def find_objects(self, labels, max_label=0):
        labels = np.asarray(labels)
        found = scipy.ndimage.find_objects(labels, max_label)
        boxes = [[(s.start, s.stop) for s in box] if box else [(0, 0)] * labels.ndim for box in found]
        return np.array(boxes, dtype=np.int64).reshape(len(found), labels.ndim, 2)

    def minimum_position(self, *args, **named):
        return np.asarray(scipy.ndimage.minimum_position(*args, **named))

    def maximum_position(self, *args, **named):
        return np.asarray(scipy.ndimage.maximum_position(*args, **named))

    def center_of_mass(self, *args, **named):
        made = np.asarray(scipy.ndimage.center_of_mass(*args, **named))
        # Of an index of two axes, SciPy has the second first.
        return made.swapaxes(0, 1) if np.ndim(named.get("index")) == 2 else made

    def histogram(self, *args, **named):
        # SciPy's own asks labels to be of the dtype of what is asked for, and has nothing for a label that is nowhere.
        named = {name: np.asarray(value, np.int64) for name, value in named.items()}
        shape, bins = named["index"].shape if "index" in named else None, args[3]
        if shape is not None:
            named["index"] = named["index"].ravel()  # which has to have one axis there
        made = scipy.ndimage.histogram(*args, **named)
        if made is None:
            return np.zeros(bins, np.int64)
        if made.dtype != object:
            return made
        each = [np.zeros(bins, np.int64) if counts is None else counts for counts in made.ravel()]
        return np.array(each).reshape((made.shape if shape is None else shape) + (bins,))


NAMES = {"ndimage": Ndimage(), "arange": np.arange, "stack": np.stack, "inf": np.inf, "array": np.array, "float32": np.float32,
         "float64": np.float64, "int32": np.int32}
NEAREST = {"call_shift", "call_zoom", "call_affine", "call_rotate", "call_map_coordinates"}
LINEAR = {"call_correlate1d", "call_convolve1d", "call_correlate", "call_convolve", "call_gaussian_filter", "call_uniform_filter",
          "call_gaussian_filter1d", "call_laplace", "call_sobel", "call_prewitt"}


def close(got, want, case):
    if "_position(" in case.text or "extrema(" in case.text and not case.shape:
        want = want.astype(got.dtype) if not want.size else want  # SciPy's tuples of nothing have no dtype
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{got.dtype}{got.shape} for {want.dtype}{want.shape}"
    if "_position(" in case.text or "extrema(" in case.text and case.text[-2] in "23":
        # SciPy's sort decides which of several extremes it names.
        places = lambda rows: case.x[tuple(rows.reshape(-1, case.x.ndim).T)] if case.x.ndim else case.x
        same = np.array_equal(places(got), places(want), equal_nan=case.dtype.kind == "f")
        return None if same else f"{got.tolist()} for {want.tolist()}"
    if case.name == "call_distance" and "return_distances=False" in case.text:
        # Of several that are as near, each may name another.
        if case.text.startswith("(") or not got.size:
            return None
        text = case.text.replace(", return_indices=True, return_distances=False", "")
        far = np.asarray(eval(text, NAMES | {"x": case.x}))
        own = np.indices(far.shape)
        steps = np.ones(far.ndim)
        if "sampling=" in text and not any(m in text for m in ("taxicab", "chessboard", "cityblock", "manhattan")):
            steps = np.ones(far.ndim) * eval(text[text.index("sampling=") + 9 : -1])
        apart = lambda at: np.abs(at - own) * steps.reshape(-1, *[1] * far.ndim)
        by = {True: lambda d: np.sqrt((d * d).sum(0))}
        norm = (lambda d: d.max(0)) if "chessboard" in text or "cdt" in text and "metric" not in text else (
            (lambda d: d.sum(0)) if any(m in text for m in ("taxicab", "cityblock", "manhattan")) else by[True])
        same = np.allclose(norm(apart(got)), norm(apart(want)), rtol=1e-12)
        return None if same else f"{got.tolist()} for {want.tolist()}"
    if case.name in NEAREST and 0 in case.shape and any(m in case.text for m in ("wrap", "mirror", "reflect", "nearest")):
        return None  # SciPy reads what lies behind an array of nothing
    if want.dtype == bool and case.name in NEAREST and not case.text.startswith("("):
        # What is below 1 is false, and rounding decides where that is.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = eval(f"{case.text[:-1]}, output=float)", NAMES | {"x": case.x})
        off = (got != want) & (np.abs(np.abs(value) - 1) > 1e-9)
        return None if not np.any(off) else f"{np.sum(off)} of {want.size} differ: {got[off][:4]} for {value[off][:4]}"
    if want.dtype.kind in "biu" and case.name in NEAREST:
        # Rounding decides where a spline or a place between two elements falls on a half.
        off = np.abs(got.astype(float) - want.astype(float)) > 1
        rare = np.sum(got != want) <= max(3, 0.05 * want.size)
        return None if not np.any(off) and rare else f"{np.sum(got != want)} of {want.size} differ: {got[got != want][:4]} for {want[got != want][:4]}"
    if want.dtype.kind in "biu":
        off = got.astype(object) != want.astype(object)
        return None if not np.any(off) else f"{np.sum(off)} of {want.size} differ: {got[off][:4]} for {want[off][:4]}"
    eps = 2e-5 if want.dtype.itemsize // (2 if want.dtype.kind == "c" else 1) == 4 else 1e-10
    scale = max(np.nanmax(np.abs(want), initial=0), np.max(np.abs(case.x.astype(complex)), initial=0))
    if case.name == "call_measure":
        eps, scale = (1e-6 if case.dtype == "f4" else 1e-12), scale**2
    off = ~np.isclose(got, want, rtol=eps, atol=eps * scale, equal_nan=True)
    return None if not np.any(off) else f"{np.sum(off)} of {want.size} differ: {got[off][:4]} for {want[off][:4]}"


def judged(number, case, folder, args):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            want = np.asarray(eval(case.text, NAMES | {"x": case.x}))
        except Exception as error:
            want = error
    outputs, draw, path = [], case.draw, folder / f"x{number}.zarr"
    chunks = tuple(draw.randint(1, max(1, n)) for n in case.shape)
    zarr.create_array(str(path), shape=case.shape, dtype=case.dtype, chunks=chunks)[...] = case.x
    for turn in range(2):
        out = folder / f"out{number}_{turn}.npy"
        env = {**os.environ, "HYPERSLAB_BLOCK_BYTES": str(draw.choice([64, 256, 1024, 8192, 1 << 20]))}
        how = ["--threads", str(draw.choice([1, 2, 4])), "--memory", draw.choice(["64MiB", "256MiB", "2GiB"])]
        command = [args.command, "eval", case.text, f"x={path}", "-o", str(out), "--quiet", *how]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
        if done.returncode:
            crashed = done.returncode < 0 or "panicked" in done.stderr
            if isinstance(want, Exception) and not crashed:
                return "refused", None
            return "FAIL", f"{done.stderr.strip()[:300]} (SciPy: {want if isinstance(want, Exception) else 'answers'})"
        if isinstance(want, Exception):
            return "FAIL", f"answers where SciPy refuses: {want}"
        outputs.append(out.read_bytes())
        got = np.load(out)
    if outputs[0] != outputs[1]:
        return "FAIL", "two runs differ in their bytes"
    why = close(got, want, case)
    return ("FAIL", why) if why else ("ok", None)


def main():
    args = arguments(__doc__, 200, only="", jobs=2)
    results = collections.Counter()
    by_name = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)

        def one(number):
            case = Case(random.Random(f"{args.seed}/{number}"))
            if args.only and args.only not in case.name:
                return number, case, ("skipped", None)
            try:
                return number, case, judged(number, case, folder, args)
            except subprocess.TimeoutExpired:
                return number, case, ("FAIL", "no answer in two minutes")

        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for number, case, (verdict, why) in pool.map(one, range(args.count)):
                results[verdict] += 1
                by_name[case.name, verdict] += 1
                if why:
                    print(f"{number}: {case.text}  x {case.dtype}{case.shape}\n    {why}")
    print(dict(results))
    failing = {name: n for (name, verdict), n in by_name.items() if verdict == "FAIL"}
    if failing:
        print(failing)
    return 1 if results["FAIL"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
