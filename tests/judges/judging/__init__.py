"""What judges have in common: their arguments, running the command, and counting where it agrees."""
import argparse
import pathlib
import random
import subprocess
import tempfile

import numpy as np


class Judge:
    """Runs the command and keeps count."""

    def __init__(self, binary, folder):
        self.binary, self.folder, self.right, self.wrong = str(binary), folder, 0, []

    def run(self, *args):
        done = subprocess.run([self.binary, *map(str, args), "--quiet"], capture_output=True, text=True)
        return done.returncode, done.stderr.strip()

    def eval(self, text, *args):
        """The value of an expression, or None and why there is none."""
        out = self.folder / "out.npy"
        code, error = self.run("eval", text, *args, "-o", out)
        if code:
            return None, error
        value = np.load(out)
        out.unlink()
        return value, ""

    def check(self, name, got, want):
        """Compares what `eval` gave with an array, or with None for a refusal, which says why."""
        value, error = got
        if want is None:
            good = value is None and "panicked" not in error and error
        else:
            want = np.asarray(want)
            equal = value is not None and value.shape == want.shape and value.dtype == want.dtype
            good = equal and np.array_equal(value, want, equal_nan=want.dtype.kind in "fcmM")
        if good:
            self.right += 1
        else:
            self.wrong.append(name)
            shown = error or f"{value.dtype} {value.shape} {value.ravel()[:6]}"
            wanted = "a refusal" if want is None else f"{want.dtype} {want.shape} {want.ravel()[:6]}"
            print(f"WRONG {name}: {shown} for {wanted}")


def arguments(about, count, **more):
    """What a judge is called with: the command, how many cases, a seed, and options with these defaults."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", type=pathlib.Path)
    parser.add_argument("count", type=int, nargs="?", default=count)
    parser.add_argument("--seed", type=int, default=0)
    for name, default in more.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    args = parser.parse_args()
    args.command = args.command.resolve()
    return args


def judged(about, count, cases):
    """Runs `cases` with the arguments and a `Judge`, and ends with how often that was right."""
    args = arguments(about, count)
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(args.command, pathlib.Path(folder))
        cases(args, judge)
    print(f"{judge.right} right, {len(judge.wrong)} wrong")
    raise SystemExit(bool(judge.wrong))


def asserted(about, count, judge):
    """Runs `judge` with the arguments, every number and a folder, and ends with how often it asserted nothing wrong."""
    args, failures = arguments(about, count), 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(args.count):
            try:
                judge(args, number, pathlib.Path(folder))
            except AssertionError as why:
                failures += 1
                print(why)
    print({"ok": args.count - failures, "FAIL": failures})
    raise SystemExit(failures > 0)


def each(about, count, what, check):
    """Runs `check`, which gives what is wrong, if anything, for every number, and ends with how many of these agree."""
    args, wrong = arguments(about, count), 0
    for number in range(args.count):
        with tempfile.TemporaryDirectory() as folder:
            problem = check(args, pathlib.Path(folder), random.Random(args.seed * 100_003 + number), number)
        if problem:
            wrong += 1
            print(f"{what} {number}: {problem}")
    print(f"{args.count - wrong} of {args.count} {what}s agree")
    raise SystemExit(wrong > 0)
