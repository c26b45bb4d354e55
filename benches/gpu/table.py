#!/usr/bin/env python3
"""The roofline table of some lines of gpubench and reference.py: table.py FILE...

Ceilings come from the same lines: the fastest copy, product of each dtype and transfer of anybody.
"""
import collections
import json
import sys

cases, errors = collections.defaultdict(lambda: collections.defaultdict(list)), []
for name in sys.argv[1:]:
    for line in open(name):
        if line.startswith("{"):
            entry = json.loads(line)
            if "error" in entry:
                errors.append(entry)
            else:
                cases[entry["name"]][entry["who"]].append(entry)


def best(name, what):
    rates = [entry[what] / entry["ms"] for runs in cases.get(name, {}).values() for entry in runs]
    return max(rates, default=None)


copy = best("copy_f32", "bytes") or 3.0e9
up, down = best("h2d_pinned", "bytes") or 5.5e7, best("d2h_pinned", "bytes") or 5.5e7
read = best("stream_read_f32", "bytes") or up
products = {name: best(name, "flops") for name in cases if name.startswith("gemm_")}
products["array_matmul_f32"] = products.get("gemm_f32")


def floor(name, entry):
    if name == "h2d_pinned":
        return entry["bytes"] / up
    if name.startswith("stream_"):
        return entry["bytes"] / (read if name == "stream_read_f32" else min(up, read))
    if name == "d2h_pinned":
        return entry["bytes"] / down
    if products.get(name):
        return max(entry["flops"] / products[name], entry["bytes"] / copy)
    return entry["bytes"] / copy


print(f"ceilings measured in this run: copy {copy / 1e9:.3f} TB/s read and written, "
      f"to the GPU {up / 1e6:.1f} GB/s, from it {down / 1e6:.1f} GB/s, from a file {read / 1e6:.1f} GB/s")
others = ["cupy", "torch", "torch_compile"]
print(f"| case | floor ms | ours ms | of the floor | " + " | ".join(others) + " | ours / best other |")
print("|---|---|---|---|" + "---|" * len(others) + "---|")
for name, runs in cases.items():
    least = floor(name, next(iter(runs.values()))[0])
    time = {who: min(entry["ms"] for entry in list_) for who, list_ in runs.items()}
    ours, rest = time.get("ours"), [time[who] for who in others if who in time]
    cell = lambda who: f"{time[who]:.3f}" if who in time else ""
    share = f"{100 * least / ours:.0f} %" if ours else ""
    ratio = f"{ours / min(rest):.2f}" if ours and rest else ""
    print(f"| {name} | {least:.3f} | {cell('ours')} | {share} | " + " | ".join(map(cell, others)) + f" | {ratio} |")
for entry in errors:
    print("error:", json.dumps(entry))
