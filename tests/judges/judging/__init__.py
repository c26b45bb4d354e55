"""What judges of values have in common: running the command, and counting where it agrees."""
import pathlib
import subprocess

import numpy as np


class Judge:
    """Runs the command and keeps count."""

    def __init__(self, binary, folder):
        self.binary, self.folder, self.right, self.wrong = str(pathlib.Path(binary).resolve()), folder, 0, []

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
