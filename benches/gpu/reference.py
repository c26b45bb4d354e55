#!/usr/bin/env python3
"""The cases of gpubench in CuPy or PyTorch: reference.py cupy|torch|torch_compile (BENCH_N, BENCH_GEMM as there).

A line of JSON per case. Kernels are timed by events on the device; `array_` cases from the host, up to the result there.
"""
import json
import os
import sys
import time

who = sys.argv[1]
n = int(os.environ.get("BENCH_N", 1 << 28))
g = int(os.environ.get("BENCH_GEMM", 8192))
side = 1 << ((n.bit_length() - 1) // 2)
REPETITIONS = 20


def emit(name, work, times):
    times = sorted(times)
    at = lambda part: times[len(times) * part // 10]
    print(json.dumps(dict(who=who, name=name, bytes=work[0], flops=work[1], ms=at(5), p10=at(1), p90=at(9))), flush=True)


def guarded(case):
    def run(name, work, call):
        try:
            case(name, work, call)
        except Exception as why:  # a case that fails leaves the others alone
            print(json.dumps(dict(who=who, name=name, error=str(why)[:200])), flush=True)

    return run


def from_host(synchronise):
    def case(name, work, call):
        for _ in range(3):
            call()
        synchronise()
        times = []
        for _ in range(REPETITIONS):
            begin = time.perf_counter()
            call()
            synchronise()
            times.append(1e3 * (time.perf_counter() - begin))
        emit(name, work, times)

    return guarded(case)


def with_cupy():
    import cupy as cp
    import numpy as np

    def case(name, work, call):
        for _ in range(3):
            call()
        cp.cuda.Device().synchronize()
        times = []
        for _ in range(REPETITIONS):
            a, b = cp.cuda.Event(), cp.cuda.Event()
            a.record()
            call()
            b.record()
            b.synchronize()
            times.append(cp.cuda.get_elapsed_time(a, b))
        emit(name, work, times)

    case = guarded(case)
    array = from_host(cp.cuda.Device().synchronize)
    x, y, z = (cp.random.random(n, dtype=cp.float32) - 0.5 for _ in range(3))
    o = cp.empty_like(x)
    sq, so, yr = x.reshape(-1, side), o.reshape(-1, side), y[:side]
    yc = y[: n // side].reshape(-1, 1)
    case("copy_f32", (8 * n, 0), lambda: cp.copyto(o, x))
    case("exp_f32", (8 * n, 0), lambda: cp.exp(x, out=o))
    axpy = cp.ElementwiseKernel("float32 a, float32 x, float32 y", "float32 o", "o = a * x + y", "axpy")
    case("saxpy_f32", (12 * n, 2 * n), lambda: axpy(0.5, x, y, o))
    fused = cp.ElementwiseKernel("T a, T b, T c", "T o", "o = tanh(a * b + c) * (T)2", "fused")
    case("fused_tanh_f32", (16 * n, 4 * n), lambda: fused(x, z, y, o))
    case("add_row_f32", (8 * n, n), lambda: cp.add(sq, yr, out=so))
    case("add_column_f32", (8 * n, n), lambda: cp.add(sq, yc, out=so))
    if n == side * side:
        case("transpose_f32", (8 * n, 0), lambda: cp.copyto(so, sq.T))
        case("add_transposed_f32", (12 * n, n), lambda: cp.add(sq, sq.T, out=so))
    case("flip_f32", (8 * n, 0), lambda: cp.copyto(o, x[::-1]))
    h = [a.astype(cp.float16) for a in (x, z, y)]
    ho = cp.empty_like(h[0])
    half = cp.ElementwiseKernel("float16 a, float16 b, float16 c", "float16 o", "o = tanhf((float)a * (float)b + (float)c) * 2.0f", "fused_half")
    case("fused_tanh_f16", (8 * n, 4 * n), lambda: half(*h, ho))
    del h, ho
    u = (x * 100).astype(cp.uint8)
    uo = cp.empty_like(u)
    case("invert_u8", (2 * n, 0), lambda: cp.invert(u, out=uo))
    case("cast_u8_f32", (5 * n, 0), lambda: cp.copyto(o, u))
    d = x[: n // 2].astype(cp.float64)
    do = cp.empty_like(d)
    case("exp_f64", (8 * n, 0), lambda: cp.exp(d, out=do))
    del d, do
    for name in ("sum", "max", "argmax", "any", "var"):
        case(f"{name}_all_f32", (4 * n, n), lambda: getattr(x, name)())
    for name in ("sum", "argmax", "var"):
        case(f"{name}_rows_f32", (4 * n, n), lambda: getattr(sq, name)(1))
        case(f"{name}_columns_f32", (4 * n, n), lambda: getattr(sq, name)(0))
    st = x.reshape(side // 64, 64 * max(1, n // side // 1024), min(1024, n // side))
    case("sum_middle_f32", (4 * n, n), lambda: st.sum(1))
    case("sum_outer_inner_f32", (4 * n, n), lambda: st.sum((0, 2)))
    case("sum_last_of_4_f32", (4 * n, n), lambda: x.reshape(-1, 4).sum(1))
    case("sum_first_of_4_f32", (4 * n, n), lambda: x.reshape(4, -1).sum(0))
    case("sum_4_columns_f32", (4 * n, n), lambda: x.reshape(-1, 4).sum(0))
    a, b = x[: g * g].reshape(g, g), z[: g * g].reshape(g, g)
    case("gemm_f32", (12 * g * g, 2 * g**3), lambda: a @ b)
    m = min(n // 4, 1 << 26)
    host = np.frombuffer(cp.cuda.alloc_pinned_memory(4 * m), np.float32, m)
    case("h2d_pinned", (4 * m, 0), lambda: o[:m].set(host))
    case("d2h_pinned", (4 * m, 0), lambda: x[:m].get(out=host))
    array("array_sum_all_f32", (4 * n, n), lambda: float(x.sum()))
    array("array_sum_columns_f32", (4 * n, n), lambda: sq.sum(0).get())
    array("array_std_rows_f32", (4 * n, n), lambda: sq.std(1).get())
    array("array_four_stats_f32", (4 * n, n), lambda: [float(v) for v in (x.mean(), x.std(), x.min(), x.max())])
    array("array_anomaly_square_f32", (8 * n, n), lambda: abs(sq - sq.mean(0)).mean(1).get())
    array("array_fused_tanh_f32", (16 * n, 0), lambda: fused(x, z, y))
    array("array_matmul_f32", (12 * g * g, 2 * g**3), lambda: a @ b)


def with_torch():
    import torch

    def case(name, work, call):
        for _ in range(3):
            call()
        torch.cuda.synchronize()
        times = []
        for _ in range(REPETITIONS):
            a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            a.record()
            call()
            b.record()
            b.synchronize()
            times.append(a.elapsed_time(b))
        emit(name, work, times)

    case = guarded(case)
    array = from_host(torch.cuda.synchronize)
    compiled = who == "torch_compile"
    made = torch.compile if compiled else lambda f: f
    x, y, z = (torch.rand(n, device="cuda") - 0.5 for _ in range(3))
    o = torch.empty_like(x)
    sq, so, yr, yc = x.view(-1, side), o.view(-1, side), y[:side], y[: n // side].view(-1, 1)
    fused = made(lambda a, b, c: torch.tanh(a * b + c) * 2)
    case("fused_tanh_f32", (16 * n, 4 * n), lambda: fused(x, z, y))
    halves = [a.bfloat16() for a in (x, z, y)]
    case("fused_tanh_bf16", (8 * n, 4 * n), lambda: fused(*halves))
    del halves
    anomaly = made(lambda t: (t - t.mean(0)).abs().mean(1))
    array("array_anomaly_square_f32", (8 * n, n), lambda: anomaly(sq).cpu())
    stats = made(lambda t: (t.mean(), t.std(), t.min(), t.max()))
    array("array_four_stats_f32", (4 * n, n), lambda: [float(v) for v in stats(x)])
    array("array_fused_tanh_f32", (16 * n, 0), lambda: fused(x, z, y))
    if compiled:
        return
    case("copy_f32", (8 * n, 0), lambda: o.copy_(x))
    case("exp_f32", (8 * n, 0), lambda: torch.exp(x, out=o))
    case("saxpy_f32", (12 * n, 2 * n), lambda: torch.add(y, x, alpha=0.5, out=o))
    case("add_row_f32", (8 * n, n), lambda: torch.add(sq, yr, out=so))
    case("add_column_f32", (8 * n, n), lambda: torch.add(sq, yc, out=so))
    if n == side * side:
        case("transpose_f32", (8 * n, 0), lambda: so.copy_(sq.t()))
        case("add_transposed_f32", (12 * n, n), lambda: torch.add(sq, sq.t(), out=so))
    case("flip_f32", (8 * n, 0), lambda: torch.flip(x, (0,)))
    u = (x * 100).to(torch.uint8)
    case("invert_u8", (2 * n, 0), lambda: torch.bitwise_not(u))
    case("cast_u8_f32", (5 * n, 0), lambda: o.copy_(u))
    d = x[: n // 2].double()
    case("exp_f64", (8 * n, 0), lambda: torch.exp(d))
    del d
    for name in ("sum", "max", "argmax", "any", "var"):
        case(f"{name}_all_f32", (4 * n, n), lambda: getattr(x, name)())
    for name in ("sum", "argmax", "var"):
        case(f"{name}_rows_f32", (4 * n, n), lambda: getattr(sq, name)(1))
        case(f"{name}_columns_f32", (4 * n, n), lambda: getattr(sq, name)(0))
    st = x.view(side // 64, 64 * max(1, n // side // 1024), min(1024, n // side))
    case("sum_middle_f32", (4 * n, n), lambda: st.sum(1))
    case("sum_outer_inner_f32", (4 * n, n), lambda: st.sum((0, 2)))
    case("sum_last_of_4_f32", (4 * n, n), lambda: x.view(-1, 4).sum(1))
    case("sum_first_of_4_f32", (4 * n, n), lambda: x.view(4, -1).sum(0))
    case("sum_4_columns_f32", (4 * n, n), lambda: x.view(-1, 4).sum(0))
    a, b = x[: g * g].view(g, g), z[: g * g].view(g, g)
    torch.backends.cuda.matmul.allow_tf32 = False
    case("gemm_f32", (12 * g * g, 2 * g**3), lambda: a @ b)
    array("array_matmul_f32", (12 * g * g, 2 * g**3), lambda: a @ b)
    torch.backends.cuda.matmul.allow_tf32 = True
    case("gemm_tf32", (12 * g * g, 2 * g**3), lambda: a @ b)
    for name, dtype in (("bf16", torch.bfloat16), ("f16", torch.float16), ("f64", torch.float64)):
        p, q = a.to(dtype), b.to(dtype)
        case(f"gemm_{name}", (3 * p.element_size() * g * g, 2 * g**3), lambda: p @ q)
    m = min(n // 4, 1 << 26)
    host = torch.ones(m, pin_memory=True)
    case("h2d_pinned", (4 * m, 0), lambda: o[:m].copy_(host, non_blocking=True))
    case("d2h_pinned", (4 * m, 0), lambda: host.copy_(x[:m], non_blocking=True))
    array("array_sum_all_f32", (4 * n, n), lambda: float(x.sum()))
    array("array_sum_columns_f32", (4 * n, n), lambda: sq.sum(0).cpu())
    array("array_std_rows_f32", (4 * n, n), lambda: sq.std(1).cpu())


with_cupy() if who == "cupy" else with_torch()
