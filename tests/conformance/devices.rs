//! A device that computes nothing: plans, schedules and counts are the same on it.

use hyperslab::Context;
use hyperslab::device::null::NullDevice;
use hyperslab::runtime::pipeline::Stage;
use std::sync::Arc;

fn machine(device: Option<Arc<NullDevice>>) -> Context {
    let builder = Context::builder().threads(2).memory("64MiB").block_bytes(8000);
    match device {
        Some(device) => builder.custom_device(device).build().unwrap(),
        None => builder.device("cpu").build().unwrap(),
    }
}

#[test]
fn kernels_are_launched_on_the_device_of_the_context() {
    let null = Arc::new(NullDevice::default());
    let cx = machine(Some(Arc::clone(&null)));
    assert_eq!(cx.device_name(), "null");
    let x = cx.arange(10_000).unwrap();
    let y = cx.compute(&x * 3 + 1).unwrap();
    assert!(y.iter().all(|&v| v == 0), "nothing is computed");
    assert_eq!(y.len(), 10_000);
    let tasks = cx.report().tasks;
    assert!(tasks > 1);
    assert_eq!(null.launches(), tasks, "one fused kernel a block");
}

#[test]
fn reductions_launch_the_tiles_of_a_block_at_once_and_fold_few_states_on_the_host() {
    let null = Arc::new(NullDevice::default());
    let cx = machine(Some(Arc::clone(&null)));
    let x = cx.arange(1_000_000).unwrap();
    let sum = cx.compute((&x * 2).sum(..)).unwrap();
    assert_eq!(sum[[]], 0);
    let tiles = 1_000_000u64.div_ceil(131_072);
    assert_eq!(cx.report().tasks, tiles, "blocks of one tile");
    assert_eq!(null.launches(), tiles);
}

#[test]
fn plans_do_not_depend_on_the_device() {
    let (null, cpu) = (machine(Some(Arc::default())), machine(None));
    let x = cpu.linspace(0.0, 1.0, 100_000).unwrap();
    let y = (&x - x.mean(..)).std(..);
    for stage in Stage::ALL {
        assert_eq!(null.explain(y.clone(), stage).unwrap(), cpu.explain(y.clone(), stage).unwrap());
    }
}
