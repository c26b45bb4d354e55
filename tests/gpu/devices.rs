//! Several GPUs in one context.

use super::child::{is_child, run};
use super::counters::Simulator;
use super::{bytes, gpu, is_there, numbers, turn};
use hyperslab::dtype::DType;
use hyperslab::{Array, Context, Error};

const N: usize = 1 << 20;

fn refused(name: &str) -> String {
    gpu().device(name).build().map(|cx| cx.device_name()).unwrap_err().to_string()
}

#[test]
fn numbers_that_mean_nothing_are_refused() {
    let Some(_turn) = turn() else { return };
    assert_eq!(refused("cuda:99"), "device cuda:99: no such GPU: the driver sees cuda:0");
    assert_eq!(refused("cuda:0,0"), "device: `cuda:0,0` names GPU 0 twice");
    let (asked, hint) = ("cuda:0,x", "is no device: GPUs have numbers, as in cuda:1 or cuda:0,1");
    assert_eq!(refused(asked), format!("device: `{asked}` {hint}"));
    assert_eq!(gpu().device("cuda:all").build().unwrap().device_name(), "cuda:0");
}

/// What is computed: blocks that stay, reductions over them in a tree, several at once, products.
fn programs(cx: &Context) -> Result<Vec<Array>, Error> {
    let x = cx.from_ndarray(numbers(N))?.rechunk(&[1 << 16]);
    let y = cx.persist(&(&x * 2.0f32 + 0.1f32))?;
    let z = y.reshape(&[-1, 1024]);
    let product = z.slice(..128);
    // Sums of these round differently in every order.
    let uneven = y.clone().into_dyn().astype(DType::F64).cast::<f64>().exp();
    Ok(vec![
        (&y - &x).sqrt().into_dyn(),
        uneven.sum(..).into_dyn(),
        uneven.std(..).into_dyn(),
        (&y - y.mean(..)).into_dyn(),
        z.var(0).into_dyn(),
        z.argmax(1).into_dyn(),
        product.matmul(&product.t()).into_dyn(),
    ])
}

/// The child: two GPUs.
#[test]
fn two_share() {
    if !is_child() {
        return;
    }
    let sim = is_there().then(Simulator::find).flatten();
    let build = |name: &str, threads: usize| gpu().device(name).threads(threads).block_bytes(1 << 18).build().unwrap();
    let one = build("cuda:1", 2);
    let wanted: Vec<Vec<u8>> = programs(&one).unwrap().iter().map(|a| bytes(&one, a)).collect();
    for (name, threads) in [("cuda:0,1", 4), ("cuda:all", 2), ("cuda:1,0", 3)] {
        let two = build(name, threads);
        assert_eq!(two.device_name().split(',').count(), 2);
        let (given, did) = sim.unwrap().during(|| {
            let list = programs(&two).unwrap();
            (0..2).flat_map(|_| list.iter().map(|a| bytes(&two, a)).collect::<Vec<_>>()).collect::<Vec<_>>()
        });
        let each = [0, 1].map(|device| sim.unwrap().launches_of(device));
        // Threads take blocks as they come, and work follows its data: how large the shares are is chance here.
        assert!(each.iter().all(|&n| n > 0), "{name}: {each:?} of {did:?}");
        for (i, given) in given.iter().enumerate() {
            assert!(*given == wanted[i % wanted.len()], "{name}, program {i}");
        }
    }
    let lonely = gpu().device("cuda:0,1,2").build().unwrap_err().to_string();
    assert_eq!(lonely, "device cuda:2: no such GPU: the driver sees cuda:0 to cuda:1");
    println!("shared");
}

#[test]
fn two_gpus_share_the_blocks_and_give_the_bytes_of_one() {
    if is_child() || !is_there() || Simulator::find().is_none() {
        return;
    }
    for schedule in ["eager", "lazy", "random:3"] {
        let said = run("devices::two_share", &[("SIMGPU_DEVICES", "2"), ("SIMGPU_SCHED", schedule)]);
        assert!(said.passed && said.text.contains("shared"), "{schedule}: {}", said.text);
    }
}
