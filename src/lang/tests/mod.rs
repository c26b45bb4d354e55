//! Tests of the evaluator, by topic.

mod correspondence;
mod groups;
mod items;

use super::evaluate;
use std::collections::BTreeMap;

#[test]
fn lengths_of_chunks_are_said_or_chosen() {
    let chunks = |source: &str| {
        let array = evaluate(source, &BTreeMap::new()).unwrap_or_else(|e| panic!("{source}: {e}")).remove(0);
        array.chunks().longest()
    };
    for (given, wanted) in [
        ("zeros((1024, 360, 720), dtype='f4', chunks=(-1, 'auto', 'auto'))", [1024, 30, 32]),
        ("rechunk(zeros((1024, 360, 720), dtype='f4'), (1, 'auto', None))", [1, 360, 720]),
        ("full((1024, 360, 720), 1.5, dtype='f4', chunks='auto')", [94, 90, 90]),
        ("rechunk(zeros((1024, 360, 720), dtype='f4'), 'auto')", [94, 90, 90]),
        ("random.default_rng(1).random((4, 3, 5), chunks=('auto', 2, 2))", [4, 2, 2]),
    ] {
        assert_eq!(chunks(given), wanted, "{given}");
    }
    let refused = evaluate("rechunk(zeros(3), 'best')", &BTreeMap::new()).err().map(|e| e.to_string());
    assert!(refused.is_some_and(|why| why.contains("an integer, 'auto' or a tuple of these, not the string `best`")));
}
