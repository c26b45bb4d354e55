//! Requests that mean nothing are refused with their numbers, before anything runs.

use super::synthetic::Synthetic;
use hyperslab::dtype::DType;
use hyperslab::op::elementwise::ElementOp;
use hyperslab::op::reduction::Params;
use hyperslab::{Array, Context, Error};

fn cx() -> Context {
    super::context()
}

fn text<T>(outcome: Result<T, Error>) -> String {
    match outcome {
        Ok(_) => "accepted".to_owned(),
        Err(e) => e.to_string(),
    }
}

/// What a panicking operator says.
fn panic_text(body: impl FnOnce()) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_err();
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn constants_out_of_range() {
    let x = cx().zeros::<u8>(&[3]).unwrap();
    assert_eq!(text(x.try_binary(ElementOp::Add, 300)), "add: the integer 300 is out of bounds for uint8");
    assert_eq!(text(x.try_binary(ElementOp::Multiply, -1)), "multiply: the integer -1 is out of bounds for uint8");
    assert_eq!(
        panic_text(|| drop(cx().zeros::<i8>(&[3]).unwrap() - 128)),
        "subtract: the integer 128 is out of bounds for int8"
    );
    assert_eq!(text(x.try_binary(ElementOp::Add, 255)), "accepted");
}

#[test]
fn shapes_axes_and_slices() {
    let (x, y) = (cx().zeros::<f32>(&[4, 3]).unwrap(), cx().zeros::<f32>(&[4]).unwrap());
    assert_eq!(panic_text(move || drop(&x + &y)), "add: shapes (4, 3) and (4,) do not broadcast");
    let x = cx().zeros::<f32>(&[4, 3]).unwrap();
    assert_eq!(text(x.try_reduce("sum", 2, Params::default())), "sum: axis 2 is out of bounds for an array of rank 2");
    assert_eq!(text(x.try_reduce("sum", [0, 0], Params::default())), "sum: axis 0 is named twice");
    assert_eq!(text(x.try_reduce("argmin", [0, 1], Params::default())), "accepted");
    assert_eq!(text(x.try_reduce("median", 0, Params::default())), "there is no reduction `median`");
    assert_eq!(text(x.try_slice(4)), "index: 4 is out of bounds for axis 0 of length 4");
    assert_eq!(text(x.try_rechunk(&[0, 1])), "chunks: a chunk cannot be 0 long");
    assert_eq!(text(x.try_transpose(&[0, 0])), "transpose: (0, 0) is no permutation of 2 axes");
    assert_eq!(
        text(Array::concatenate(&[x.clone(), cx().zeros(&[4, 2]).unwrap()], 0)),
        "concatenate: shapes (4, 3) and (4, 2) differ outside axis 0"
    );
}

#[test]
fn dtypes() {
    let x = cx().zeros::<i32>(&[3]).unwrap().into_dyn();
    assert_eq!(text(x.try_typed::<f32>()), "try_typed: the array holds int32, not float32");
    let computed = cx().compute(x.clone()).unwrap();
    assert_eq!(text(computed.to_ndarray::<u8>()), "block: holds int32, not uint8");
    let x = x.astype(DType::C128);
    assert_eq!(text(x.try_reduce("nanargmin", .., Params::default())), "nanargmin: is not defined for complex128");
    let empty = cx().zeros::<f64>(&[0]).unwrap();
    assert_eq!(
        text(empty.try_reduce("max", .., Params::default())),
        "max: a zero-size array has no answer, and this reduction no identity"
    );
    assert_eq!(
        text(empty.try_reduce("argmax", .., Params::default())),
        "argmax: a zero-size array has no answer, and this reduction no identity"
    );
}

#[test]
fn settings() {
    let build = |f: fn(hyperslab::runtime::context::Builder) -> hyperslab::runtime::context::Builder| {
        text(f(Context::builder().device("cpu")).build())
    };
    assert_eq!(build(|b| b.threads(0)), "threads: at least one thread is needed");
    assert_eq!(build(|b| b.memory("much")), "memory: `much` is no size: write 512MiB, 4GiB, 50% or 0.5");
    assert_eq!(
        build(|b| b.device("tpu")),
        "device: `tpu` is no device: write cpu, cuda, cuda:1, cuda:0,1, cuda:all or auto"
    );
}

#[test]
fn a_full_budget_is_refused_before_anything_runs() {
    let (x, store) = Synthetic::new(4000, 4000, [500, 500]).into_array();
    let small = Context::builder().threads(2).memory("2MiB").device("cpu").build().unwrap();
    let (answer, line) = (&x * 2.0, line!());
    let err = small.compute(answer).unwrap_err();
    let site = format!("{}:{line}:27", file!());
    let want = "needs 62.2 MiB of memory and the budget is 2 MiB; raise it to at least 62.2 MiB";
    assert_eq!(err.to_string(), format!("(a * 2) (built at {site}): {want}"));
    assert_eq!(store.total_reads(), 0);
}

#[test]
fn shapes_that_cannot_be_counted() {
    let far = isize::MAX.cast_unsigned() / 32;
    let x = cx().zeros::<u8>(&[far, 1]).unwrap().into_dyn();
    let twice = Array::concatenate(&[x.clone(), x.clone(), x.clone()], 0);
    assert!(text(twice).starts_with("concatenate: shape ("), "it is too large");
    let y = cx().zeros::<u8>(&[1, far]).unwrap().into_dyn();
    let why = format!("add: shape ({far}, {far}) is too large");
    assert_eq!(text(x.try_binary(ElementOp::Add, &y)), why);
    // A step over the whole axis takes one element.
    let z = cx().arange(5).unwrap().slice((1.., isize::MAX));
    assert_eq!(cx().compute(z + 1).unwrap().as_slice(), Some(&[2][..]));
}
