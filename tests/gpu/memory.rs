//! Device memory stays under its budget, whatever the arrays.

use super::counters::Simulator;
use super::{assert_near, cpu, numbers, small_gpu, turn};
use hyperslab::store::Create;
use hyperslab::{Array, Context};

/// Bytes for blocks on the GPU; arrays have four times as many.
const BUDGET: u64 = 4 << 20;
const N: usize = 4 << 20;

fn compute(cx: &Context, x: &Array<f32>) -> (Vec<f32>, Vec<f32>) {
    let y = (x * 2.0f32 + 1.0f32).abs().sqrt();
    let (all, mean) = cx.compute((y.clone(), y.reshape(&[-1, 64]).mean(0))).unwrap();
    (all.into_raw_vec_and_offset().0, mean.into_raw_vec_and_offset().0)
}

fn same(given: &(Vec<f32>, Vec<f32>), wanted: &(Vec<f32>, Vec<f32>)) {
    assert_near(&given.0, &wanted.0, 4.0);
    assert_near(&given.1, &wanted.1, 16.0);
}

#[test]
fn arrays_on_disk_stream_through() {
    let Some(_turn) = turn() else { return };
    let (cx, device) = small_gpu(BUDGET);
    let Some(sim) = Simulator::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let x = cpu().from_ndarray(numbers(N)).unwrap();
    let wanted = compute(&cpu(), &x);
    for name in ["x.npy", "x.zarr"] {
        if name.ends_with("zarr") && !cfg!(feature = "zarr") {
            continue;
        }
        let path = folder.path().join(name);
        cpu().compute(x.rechunk(&[1 << 17]).store(&path, Create::new())).unwrap();
        let stored = cx.open(&path).unwrap().cast::<f32>();
        let (given, did) = sim.during(|| compute(&cx, &stored));
        assert!(did.peak_bytes <= BUDGET && device.peak_bytes() <= BUDGET, "{name}: {did:?}");
        assert!(
            did.h2d_bytes >= 4 * N as u64 && did.launches >= cx.report().tasks,
            "{name} was computed there: {did:?}"
        );
        same(&given, &wanted);
    }
}

#[test]
fn persisted_blocks_leave_for_others() {
    let Some(_turn) = turn() else { return };
    let (cx, device) = small_gpu(BUDGET);
    let Some(sim) = Simulator::find() else { return };
    let x = cpu().from_ndarray(numbers(N)).unwrap().rechunk(&[1 << 17]);
    let wanted = compute(&cpu(), &x);
    let ((), did) = sim.during(|| {
        let kept = cx.persist(&(&x - 0.5f32)).unwrap();
        for _ in 0..2 {
            same(&compute(&cx, &(&kept + 0.5f32)), &wanted);
        }
        let again = cx.persist(&(&kept * 2.0f32)).unwrap();
        same(&compute(&cx, &(&again * 0.5f32 + 0.5f32)), &wanted);
        // What has left and come back is what it was.
        same(&compute(&cx, &(&kept + 0.5f32)), &wanted);
    });
    assert!(did.peak_bytes <= BUDGET && device.peak_bytes() <= BUDGET, "{did:?}");
    assert!(did.launches > 5 * 32, "computed on the GPU: {did:?}");
}
