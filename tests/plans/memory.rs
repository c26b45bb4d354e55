//! Small budgets cut blocks; what cannot stay within the budget is refused before anything runs.

use super::{Files, machine};
use hyperslab::ErrorKind;
use hyperslab::runtime::pipeline::Stage;
use hyperslab::store::Create;
use insta::assert_snapshot;

#[test]
fn a_small_budget_makes_small_blocks() {
    let files = Files::new();
    let t = files.array("wide.zarr", &[4000, 4000], &[500, 500]);
    let stored = || (&t - t.mean(0)).store(files.path("o.zarr"), Create::new());
    assert_snapshot!(files.show_on(&machine("16MiB"), stored(), Stage::Tasks), @r"
    sweep of stage 0 over (4000, 4000): 64 tasks of blocks (500, 500), 1 MiB a task, 46.9 KiB held
    sweep of stage 1 over (4000, 4000): 64 tasks of blocks (500, 500), 2 MiB a task, 46.9 KiB held
    128 tasks, 122 MiB to read, 6 MiB of memory projected, budget 16 MiB
    wide.zarr is read 2 times, once a sweep: holding it would take 68.7 MiB
    ");
    assert_snapshot!(files.show_on(&machine("1GiB"), stored(), Stage::Tasks), @r"
    sweep of stage 0 over (4000, 4000): 64 tasks of blocks (500, 500), 1 MiB a task, 46.9 KiB held
    sweep of stage 1 over (4000, 4000): 64 tasks of blocks (500, 500), 2 MiB a task, 46.9 KiB held
    128 tasks, 61 MiB to read, 74.7 MiB of memory projected, budget 1 GiB
    wide.zarr is decoded once for 2 sweeps and held (68.7 MiB)
    ");
}

#[test]
fn refusals_name_operation_place_and_bytes() {
    let files = Files::new();
    let t = files.t();
    let small = machine("1MiB");
    let (answer, line) = (&t + 1.0, line!());
    let err = small.explain(answer.clone(), Stage::Tasks).unwrap_err();
    let site = format!("{}:{line}:27", file!());
    let needs = "needs 2.5 MiB of memory and the budget is 1 MiB; raise it to at least 2.5 MiB";
    assert_eq!(err.to_string(), format!("(a + 1) (built at {site}): {needs}"));
    assert!(matches!(err.kind(), ErrorKind::Memory { needed, budget: 1_048_576, .. } if *needed > 2_400_000));
    assert_eq!(small.compute(answer).unwrap_err().to_string(), err.to_string());

    let (sum, line) = (t.sum(0), line!());
    let err = machine("64KiB").compute(sum).unwrap_err();
    let site = format!("{}:{line}:26", file!());
    let needs = "needs 146 KiB of memory and the budget is 64 KiB; raise it to at least 146 KiB";
    assert_eq!(err.to_string(), format!("sum over axes (0,) (built at {site}): {needs}"));
}

#[test]
fn the_budget_that_a_refusal_names_is_the_smallest_that_suffices() {
    let files = Files::new();
    let t = files.t();
    let t = &t;
    let cases = [t + 1.0, t - t.mean(0), t.sum(0), t.t().rechunk(&[-1, 7]), (t - t.mean(0)).std(1)];
    for case in cases {
        let refusal = machine("20000").explain(case.clone(), Stage::Tasks).unwrap_err();
        let ErrorKind::Memory { needed, .. } = refusal.kind() else { panic!("{refusal}") };
        // The number in the text, as somebody would copy it, is enough; anything that is clearly less is not.
        let text = refusal.to_string();
        let named = text.rsplit("at least ").next().unwrap();
        machine(named).compute(case.clone()).unwrap();
        let less = (needed - needed / 20).to_string();
        assert!(machine(&less).explain(case, Stage::Tasks).is_err(), "{text}, but {less} is enough");
    }
}
