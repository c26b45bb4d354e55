//! Runs of contexts whose device is `auto`: what pays goes to the GPU, the rest stays.

use super::child::{is_child, run};
use super::counters::Simulator;
use super::is_there;
use hyperslab::runtime::pipeline::Stage;
use hyperslab::{Array, Context};

/// The child, on a stand-in that leaves kernels out: only where things happen counts.
#[test]
fn one_choice() {
    if !is_child() || !is_there() {
        return;
    }
    let cx = Context::builder().threads(2).memory("2GiB").device("auto").build().unwrap();
    let Some(sim) = Simulator::find() else { return };
    let numbers = |n: usize| (cx.arange(n).unwrap() % 1000_i64).cast::<f32>();
    let much = |x: Array<f32>| (0..20).fold(x, |x, _| x.tanh().exp());
    let (_, did) = sim.during(|| cx.compute(much(numbers(50_000)).sum(..)).unwrap());
    assert_eq!(did.calls, 0, "to open a GPU takes longer: {did:?}");
    let square = numbers(16 << 20).reshape(&[4096, 4096]);
    let product = square.matmul(&square);
    let text = cx.explain(product.clone(), Stage::Tasks).unwrap();
    assert!(text.contains("on cuda:0, which is expected to take less than half of the time"), "{text}");
    let (x, did) = sim.during(|| cx.persist(&product).unwrap());
    assert!(did.gemms > 0 && did.d2h_bytes == 0, "{did:?}");
    let (_, did) = sim.during(|| cx.compute((&x + 1.0).sum(..)).unwrap());
    assert!(did.launches > 0 && did.h2d_bytes == 0 && did.d2h_bytes <= 4096, "it is there: {did:?}");
    let (_, did) = sim.during(|| cx.compute(much(numbers(50_000)).sum(..)).unwrap());
    assert_eq!(did.launches, 0, "it stays where it was: {did:?}");
    let text = cx.explain(product.cumsum(0), Stage::Tasks).unwrap();
    assert!(!text.contains("cuda"), "only the CPU runs all of it: {text}");
}

#[test]
fn what_pays_goes_to_the_gpu() {
    if is_there() {
        let said = run("auto::one_choice", &[("SIMGPU_DRY", "1"), ("SIMGPU_MEM", "4000000000")]);
        assert!(said.passed, "{}", said.text);
    }
}
