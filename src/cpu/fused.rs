//! One loop for the commonest groups of two to four instructions, whose inner results stay in registers of the
//! processor.
//!
//! The operations are those of the program in their order, each rounded by itself: the bits are the same as those of
//! one loop for each instruction. What is fused is arithmetic of `float32` and `float64`, the conversion before it, the
//! choice that follows a comparison, and the sum of squared distances that variances are made of.

use super::casts::To;
use super::isa::Isa;
use super::loops::{ARGS, StripLoop};
use crate::dtype::DType;
use crate::op::elementwise::{Apply, ElementOp, Truth, marker};
use crate::op::program::{Inst, Program, Value};
use std::marker::PhantomData;

/// A loop, and the values that it reads.
pub(crate) type Fused = (StripLoop, Vec<Value>);

/// The loop that gives `value` together with operands that nobody else reads, where there is one. `uses` has the number
/// of readers of each value.
pub(crate) fn fused_loop(program: &Program, value: Value, uses: &[usize], isa: Isa) -> Option<Fused> {
    match program.insts[value] {
        Inst::Op(op, dtype, [a, b]) if op.arity() == 2 => {
            let one = |(run, args): (StripLoop, [Value; 3])| (run, args.to_vec());
            squared_distance(program, (op, dtype, [a, b]), uses, isa)
                .or_else(|| pair(program, (op, dtype, [a, b]), uses, isa).map(one))
                .or_else(|| after_unary(program, (op, dtype, [a, b]), uses, isa))
                .or_else(|| after_cast(program, (op, dtype, [a, b]), isa))
        }
        Inst::Op(op, dtype, [a, _]) => match own(program, a, dtype, uses)? {
            (inner, [x, y]) if inner.arity() == 2 => Some((unary_of_binary(op, inner, dtype, isa)?, vec![x, y])),
            (inner, [x, _]) => Some((unary_of_unary(op, inner, dtype, isa)?, vec![x])),
        },
        Inst::Select(dtype, c, a, b) => match program.insts[c] {
            Inst::Op(op, of, [x, y]) if uses[c] == 1 && op.arity() == 2 => {
                Some((choice(op, of, dtype.size(), isa)?, vec![x, y, a, b]))
            }
            _ => None,
        },
        Inst::Input(_) | Inst::Const(..) | Inst::Cast(..) | Inst::Draw(..) => None,
    }
}

/// The operation on elements of `dtype` that gives `value`, if it has one reader.
fn own(program: &Program, value: Value, dtype: DType, uses: &[usize]) -> Option<(ElementOp, [Value; 2])> {
    match program.insts[value] {
        Inst::Op(op, of, args) if of == dtype && program.dtypes[value] == dtype && uses[value] == 1 => Some((op, args)),
        _ => None,
    }
}

type Binary = (ElementOp, DType, [Value; 2]);

/// `(a op b) op c` and `a op (b op c)`.
fn pair(program: &Program, (op, dtype, [a, b]): Binary, uses: &[usize], isa: Isa) -> Option<(StripLoop, [Value; 3])> {
    let inner = |value| own(program, value, dtype, uses).filter(|(inner, _)| inner.arity() == 2);
    if let Some((inner, [x, y])) = inner(a)
        && let Some(run) = binary_of_binary(op, inner, true, dtype, isa)
    {
        return Some((run, [x, y, b]));
    }
    let (inner, [x, y]) = inner(b)?;
    Some((binary_of_binary(op, inner, false, dtype, isa)?, [a, x, y]))
}

/// `f(a) op b` and `a op f(b)`.
fn after_unary(program: &Program, (op, dtype, [a, b]): Binary, uses: &[usize], isa: Isa) -> Option<Fused> {
    let inner = |value| own(program, value, dtype, uses).filter(|(inner, _)| inner.arity() == 1);
    if let Some((inner, [x, _])) = inner(a)
        && let Some(run) = binary_of_unary(op, inner, true, dtype, isa)
    {
        return Some((run, vec![x, b]));
    }
    let (inner, [x, _]) = inner(b)?;
    Some((binary_of_unary(op, inner, false, dtype, isa)?, vec![a, x]))
}

/// `T(a) op b` and `a op T(b)`. A conversion is repeated rather than kept.
fn after_cast(program: &Program, (op, dtype, [a, b]): Binary, isa: Isa) -> Option<Fused> {
    let cast = |value: Value| match program.insts[value] {
        Inst::Cast(from, _, v) => Some((from, v)),
        _ => None,
    };
    if let Some((from, x)) = cast(a)
        && let Some(run) = cast_loop(op, from, dtype, true, isa)
    {
        return Some((run, vec![x, b]));
    }
    let (from, x) = cast(b)?;
    Some((cast_loop(op, from, dtype, false, isa)?, vec![a, x]))
}

/// `m2 + (x - mean) (x - mean)` in `float64`, with the conversion of `x`.
fn squared_distance(program: &Program, (op, dtype, [m2, square]): Binary, uses: &[usize], isa: Isa) -> Option<Fused> {
    let (ElementOp::Add, DType::F64) = (op, dtype) else { return None };
    let Some((ElementOp::Multiply, [d, again])) = own(program, square, dtype, uses) else { return None };
    let Inst::Op(ElementOp::Subtract, _, [x, mean]) = program.insts[d] else { return None };
    if d != again || uses[d] != 2 {
        return None;
    }
    if let Inst::Cast(from, _, narrow) = program.insts[x]
        && let Some(run) = distance_loop(from, isa)
    {
        return Some((run, vec![m2, narrow, mean]));
    }
    Some((distance_loop(DType::F64, isa)?, vec![m2, x, mean]))
}

/// `O(I(x, y), z)`.
struct Left<O, I>(PhantomData<(O, I)>);
/// `O(x, I(y, z))`.
struct Right<O, I>(PhantomData<(O, I)>);
/// `O(I(x), y)`.
struct LeftOne<O, I>(PhantomData<(O, I)>);
/// `O(x, I(y))`.
struct RightOne<O, I>(PhantomData<(O, I)>);
/// `O(I(x, y))`, `O(I(x))`.
struct Around<O, I>(PhantomData<(O, I)>);

impl<A, O: Apply<A, 2>, I: Apply<A, 2, Out = A>> Apply<A, 3> for Left<O, I> {
    type Out = O::Out;
    #[inline(always)]
    fn apply<const FMA: bool>([x, y, z]: [A; 3]) -> Self::Out {
        O::apply::<FMA>([I::apply::<FMA>([x, y]), z])
    }
}

impl<A, O: Apply<A, 2>, I: Apply<A, 2, Out = A>> Apply<A, 3> for Right<O, I> {
    type Out = O::Out;
    #[inline(always)]
    fn apply<const FMA: bool>([x, y, z]: [A; 3]) -> Self::Out {
        O::apply::<FMA>([x, I::apply::<FMA>([y, z])])
    }
}

impl<A, O: Apply<A, 2>, I: Apply<A, 1, Out = A>> Apply<A, 2> for LeftOne<O, I> {
    type Out = O::Out;
    #[inline(always)]
    fn apply<const FMA: bool>([x, y]: [A; 2]) -> Self::Out {
        O::apply::<FMA>([I::apply::<FMA>([x]), y])
    }
}

impl<A, O: Apply<A, 2>, I: Apply<A, 1, Out = A>> Apply<A, 2> for RightOne<O, I> {
    type Out = O::Out;
    #[inline(always)]
    fn apply<const FMA: bool>([x, y]: [A; 2]) -> Self::Out {
        O::apply::<FMA>([x, I::apply::<FMA>([y])])
    }
}

impl<A, const N: usize, O: Apply<A, 1>, I: Apply<A, N, Out = A>> Apply<A, N> for Around<O, I> {
    type Out = O::Out;
    #[inline(always)]
    fn apply<const FMA: bool>(args: [A; N]) -> Self::Out {
        O::apply::<FMA>([I::apply::<FMA>(args)])
    }
}

/// A loop body with arguments of several types.
trait Body {
    /// # Safety
    /// As [`StripLoop`].
    unsafe fn run<const FMA: bool>(args: [*const u8; ARGS], out: *mut u8, n: usize);
}

/// The first `n` elements at `from`.
///
/// # Safety
/// As [`StripLoop`].
#[inline(always)]
unsafe fn strip<'a, A>(from: *const u8, n: usize) -> &'a [A] {
    // SAFETY: the caller upholds `StripLoop`: aligned, valid for `n`.
    unsafe { std::slice::from_raw_parts(from.cast::<A>(), n) }
}

/// As [`strip`], to be written.
///
/// # Safety
/// As [`StripLoop`].
#[inline(always)]
unsafe fn strip_mut<'a, A>(to: *mut u8, n: usize) -> &'a mut [A] {
    // SAFETY: the caller upholds `StripLoop`: aligned, valid for `n`, apart from the arguments.
    unsafe { std::slice::from_raw_parts_mut(to.cast::<A>(), n) }
}

/// One operation on `N` arguments of one type.
struct Same<F, A, const N: usize>(PhantomData<(F, A)>);

impl<A: Copy, F: Apply<A, N>, const N: usize> Body for Same<F, A, N> {
    #[inline(always)]
    unsafe fn run<const FMA: bool>(args: [*const u8; ARGS], out: *mut u8, n: usize) {
        // SAFETY: passed on unchanged.
        let (out, x) =
            unsafe { (strip_mut::<F::Out>(out, n), std::array::from_fn::<_, N, _>(|k| strip::<A>(args[k], n))) };
        for (i, o) in out.iter_mut().enumerate() {
            *o = F::apply::<FMA>(std::array::from_fn(|k| x[k][i]));
        }
    }
}

/// `T(x) op y`, or `x op T(y)` where `LEFT` is false.
struct Converted<O, T, A, const LEFT: bool>(PhantomData<(O, T, A)>);

impl<T: To<A> + Copy, A: Copy, O: Apply<A, 2>, const LEFT: bool> Body for Converted<O, T, A, LEFT> {
    #[inline(always)]
    unsafe fn run<const FMA: bool>([a, b, ..]: [*const u8; ARGS], out: *mut u8, n: usize) {
        let (narrow, wide) = if LEFT { (a, b) } else { (b, a) };
        // SAFETY: passed on unchanged.
        let (out, x, y) = unsafe { (strip_mut::<O::Out>(out, n), strip::<T>(narrow, n), strip::<A>(wide, n)) };
        for ((o, &x), &y) in out.iter_mut().zip(x).zip(y) {
            let x = x.to();
            *o = O::apply::<FMA>(if LEFT { [x, y] } else { [y, x] });
        }
    }
}

/// `m2 + (T(x) - mean)²`.
struct Distance<T>(PhantomData<T>);

impl<T: To<f64> + Copy> Body for Distance<T> {
    #[inline(always)]
    unsafe fn run<const FMA: bool>([m2, x, mean, ..]: [*const u8; ARGS], out: *mut u8, n: usize) {
        // SAFETY: passed on unchanged.
        let (out, m2, x, mean) =
            unsafe { (strip_mut::<f64>(out, n), strip::<f64>(m2, n), strip::<T>(x, n), strip::<f64>(mean, n)) };
        for (((o, &m2), &x), &mean) in out.iter_mut().zip(m2).zip(x).zip(mean) {
            let d = x.to() - mean;
            *o = m2 + d * d;
        }
    }
}

/// `c(x, y) ? a : b`, elements chosen being as wide as `U`.
struct Choice<C, A, U>(PhantomData<(C, A, U)>);

impl<A: Copy, U: Copy, C: Apply<A, 2, Out = Truth>> Body for Choice<C, A, U> {
    #[inline(always)]
    unsafe fn run<const FMA: bool>([x, y, a, b, _]: [*const u8; ARGS], out: *mut u8, n: usize) {
        // SAFETY: passed on unchanged.
        let (out, x, y, a, b) =
            unsafe { (strip_mut::<U>(out, n), strip::<A>(x, n), strip::<A>(y, n), strip::<U>(a, n), strip::<U>(b, n)) };
        for ((((o, &x), &y), &a), &b) in out.iter_mut().zip(x).zip(y).zip(a).zip(b) {
            *o = if C::apply::<FMA>([x, y]).get() { a } else { b };
        }
    }
}

unsafe fn baseline<B: Body>(args: [*const u8; ARGS], out: *mut u8, n: usize) {
    // SAFETY: passed on unchanged.
    unsafe { B::run::<false>(args, out, n) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<B: Body>(args: [*const u8; ARGS], out: *mut u8, n: usize) {
    // SAFETY: passed on unchanged.
    unsafe { B::run::<true>(args, out, n) }
}

fn pick<B: Body>(isa: Isa) -> StripLoop {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 | Isa::Avx2 => avx2::<B>,
        _ => baseline::<B>,
    }
}

/// `$body` with `$M` the operation `$op`, where it is in the list.
macro_rules! by_op {
    ($op:expr, [$($Op:ident),*], $M:ident => $body:expr) => {
        match $op {
            $(ElementOp::$Op => {
                type $M = marker::$Op;
                $body
            })*
            _ => None,
        }
    };
}

/// As [`by_op`], over arithmetic of two arguments, what stands inside of it, and arithmetic of one.
macro_rules! by_arithmetic {
    ($op:expr, $M:ident => $body:expr) => {
        by_op!($op, [Add, Subtract, Multiply, Divide], $M => $body)
    };
}

macro_rules! by_inner {
    ($op:expr, $M:ident => $body:expr) => {
        by_op!($op, [Add, Subtract, Multiply, Divide, Maximum, Minimum], $M => $body)
    };
}

macro_rules! by_unary {
    ($op:expr, $M:ident => $body:expr) => {
        by_op!($op, [Negative, Absolute, Square, Sqrt], $M => $body)
    };
}

/// `$body` with `$A` the float type of `$dtype`.
macro_rules! by_float {
    ($dtype:expr, $A:ident => $body:expr) => {
        match $dtype {
            DType::F32 => {
                type $A = f32;
                $body
            }
            DType::F64 => {
                type $A = f64;
                $body
            }
            _ => None,
        }
    };
}

fn binary_of_binary(outer: ElementOp, inner: ElementOp, left: bool, dtype: DType, isa: Isa) -> Option<StripLoop> {
    by_float!(dtype, A => by_arithmetic!(outer, O => by_inner!(inner, I => Some(if left {
        pick::<Same<Left<O, I>, A, 3>>(isa)
    } else {
        pick::<Same<Right<O, I>, A, 3>>(isa)
    }))))
}

fn binary_of_unary(outer: ElementOp, inner: ElementOp, left: bool, dtype: DType, isa: Isa) -> Option<StripLoop> {
    by_float!(dtype, A => by_arithmetic!(outer, O => by_unary!(inner, I => Some(if left {
        pick::<Same<LeftOne<O, I>, A, 2>>(isa)
    } else {
        pick::<Same<RightOne<O, I>, A, 2>>(isa)
    }))))
}

fn unary_of_binary(outer: ElementOp, inner: ElementOp, dtype: DType, isa: Isa) -> Option<StripLoop> {
    by_float!(dtype, A => by_unary!(outer, O => by_arithmetic!(inner, I => Some(pick::<Same<Around<O, I>, A, 2>>(isa)))))
}

fn unary_of_unary(outer: ElementOp, inner: ElementOp, dtype: DType, isa: Isa) -> Option<StripLoop> {
    by_float!(dtype, A => by_unary!(outer, O => by_unary!(inner, I => Some(pick::<Same<Around<O, I>, A, 1>>(isa)))))
}

fn cast_loop(op: ElementOp, from: DType, to: DType, left: bool, isa: Isa) -> Option<StripLoop> {
    macro_rules! between {
        ($T:ty, $A:ty) => {
            by_arithmetic!(op, O => Some(if left {
                pick::<Converted<O, $T, $A, true>>(isa)
            } else {
                pick::<Converted<O, $T, $A, false>>(isa)
            }))
        };
    }
    match (from, to) {
        (DType::F32, DType::F64) => between!(f32, f64),
        (DType::U8, DType::F32) => between!(u8, f32),
        (DType::U8, DType::F64) => between!(u8, f64),
        (DType::I16, DType::F32) => between!(i16, f32),
        (DType::I16, DType::F64) => between!(i16, f64),
        (DType::U16, DType::F32) => between!(u16, f32),
        (DType::U16, DType::F64) => between!(u16, f64),
        (DType::I32, DType::F64) => between!(i32, f64),
        _ => None,
    }
}

fn distance_loop(from: DType, isa: Isa) -> Option<StripLoop> {
    Some(match from {
        DType::F64 => pick::<Distance<f64>>(isa),
        DType::F32 => pick::<Distance<f32>>(isa),
        DType::U8 => pick::<Distance<u8>>(isa),
        DType::I16 => pick::<Distance<i16>>(isa),
        DType::U16 => pick::<Distance<u16>>(isa),
        DType::I32 => pick::<Distance<i32>>(isa),
        _ => return None,
    })
}

fn choice(op: ElementOp, of: DType, size: usize, isa: Isa) -> Option<StripLoop> {
    macro_rules! compared {
        ($A:ty, $U:ty) => {
            by_op!(op, [Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual], C => {
                Some(pick::<Choice<C, $A, $U>>(isa))
            })
        };
    }
    match (of, size) {
        (DType::F32, 4) => compared!(f32, u32),
        (DType::F64, 8) => compared!(f64, u64),
        (DType::I16, 4) => compared!(i16, u32),
        (DType::I16, 8) => compared!(i16, u64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::strip::{Machine, STRIP};
    use super::*;
    use crate::device::block::Buffer;
    use crate::dtype::scalar::Scalar;

    const FLOATS: [f64; 12] =
        [0.0, -0.0, 1.0, -2.5, 1e-300, -1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 3.7, 1e-40, 16_777_217.0];

    /// A strip of all kinds of elements of `dtype`, different for each `seed`.
    fn elements(dtype: DType, seed: usize) -> Buffer {
        let at = |i: usize| FLOATS[(i * (2 * seed + 1) + i / 12 * (seed + 1)) % 12] * (1.0 + (i / 144) as f64);
        let values: Vec<f64> = (0..STRIP).map(at).collect();
        let mut buffer = Buffer::zeroed(STRIP * dtype.size());
        for (slot, value) in buffer.bytes_mut().chunks_exact_mut(dtype.size()).zip(values) {
            let value = if dtype.is_inexact() { Scalar::Float(value) } else { Scalar::Int((value % 1e4) as i128) };
            slot.copy_from_slice(&value.to_bytes(dtype)[..dtype.size()]);
        }
        buffer
    }

    /// What `program` gives.
    fn run(mut machine: Machine, program: &Program) -> Vec<u8> {
        let inputs: Vec<Buffer> = program.inputs.iter().enumerate().map(|(i, &d)| elements(d, i)).collect();
        let sizes = program.outputs.iter().map(|&v| STRIP * program.dtypes[v].size());
        let mut outputs: Vec<_> = sizes.map(Buffer::zeroed).collect();
        inputs.iter().enumerate().for_each(|(i, block)| machine.set_input(i, block.bytes().as_ptr()));
        outputs.iter_mut().enumerate().for_each(|(i, out)| machine.set_output(i, out.bytes_mut().as_mut_ptr()));
        // SAFETY: inputs and outputs hold STRIP elements.
        unsafe { machine.run(STRIP) };
        outputs[0].bytes().to_vec()
    }

    /// So many loops give the bits that one for each instruction gives.
    fn check(program: &Program, loops: usize) {
        let fused = Machine::new(program).unwrap();
        assert_eq!(fused.len(), loops, "{program:?}");
        let one_by_one = run(Machine::unfused(program).unwrap(), program);
        let dtype = program.dtypes[program.outputs[0]];
        let numbers = |bytes: &[u8]| -> Vec<Option<Vec<u8>>> {
            let nan = |b: &[u8]| match dtype {
                DType::F32 => bytemuck::pod_read_unaligned::<f32>(b).is_nan(),
                _ => bytemuck::pod_read_unaligned::<f64>(b).is_nan(),
            };
            bytes.chunks_exact(dtype.size()).map(|b| (!nan(b)).then(|| b.to_vec())).collect()
        };
        assert_eq!(numbers(&run(fused, program)), numbers(&one_by_one), "{program:?}");
    }

    const ARITHMETIC: [ElementOp; 4] = [ElementOp::Add, ElementOp::Subtract, ElementOp::Multiply, ElementOp::Divide];

    #[test]
    fn pairs_of_operations_give_the_bits_of_one_after_the_other() {
        let unary = [ElementOp::Negative, ElementOp::Absolute, ElementOp::Square, ElementOp::Sqrt];
        for dtype in [DType::F32, DType::F64] {
            for outer in ARITHMETIC {
                for inner in ARITHMETIC.into_iter().chain([ElementOp::Maximum, ElementOp::Minimum]) {
                    for left in [true, false] {
                        let mut p = Program::default();
                        let (x, y, z) = (p.input(dtype), p.input(dtype), p.input(dtype));
                        let v = p.op(inner, &[x, y]).unwrap();
                        let out = p.op(outer, &if left { [v, z] } else { [z, v] }).unwrap();
                        p.outputs.push(out);
                        check(&p, 1);
                    }
                }
                for inner in unary {
                    for left in [true, false] {
                        let mut p = Program::default();
                        let (x, y) = (p.input(dtype), p.input(dtype));
                        let v = p.op(inner, &[x]).unwrap();
                        let out = p.op(outer, &if left { [v, y] } else { [y, v] }).unwrap();
                        p.outputs.push(out);
                        check(&p, 1);
                    }
                    let mut p = Program::default();
                    let (x, y) = (p.input(dtype), p.input(dtype));
                    let v = p.op(outer, &[x, y]).unwrap();
                    let out = p.op(inner, &[v]).unwrap();
                    p.outputs.push(out);
                    check(&p, 1);
                }
            }
        }
    }

    #[test]
    fn conversions_distances_and_choices_give_the_bits_of_one_after_the_other() {
        for from in [DType::F32, DType::U8, DType::I16, DType::U16, DType::I32] {
            for op in ARITHMETIC {
                for left in [true, false] {
                    let mut p = Program::default();
                    let (x, y) = (p.input(from), p.input(DType::F64));
                    let v = p.cast(x, DType::F64);
                    let out = p.op(op, &if left { [v, y] } else { [y, v] }).unwrap();
                    p.outputs.push(out);
                    check(&p, 1);
                }
            }
            let mut p = Program::default();
            let (m2, x, mean) = (p.input(DType::F64), p.input(from), p.input(DType::F64));
            let wide = p.cast(x, DType::F64);
            let d = p.op(ElementOp::Subtract, &[wide, mean]).unwrap();
            let square = p.op(ElementOp::Multiply, &[d, d]).unwrap();
            let out = p.op(ElementOp::Add, &[m2, square]).unwrap();
            p.outputs.push(out);
            check(&p, 1);
        }
        let compare = [ElementOp::Equal, ElementOp::NotEqual, ElementOp::Less, ElementOp::GreaterEqual];
        for (of, dtype) in [(DType::F32, DType::F32), (DType::F64, DType::F64), (DType::I16, DType::F64)] {
            for op in compare {
                let mut p = Program::default();
                let (x, y, a, b) = (p.input(of), p.input(of), p.input(dtype), p.input(dtype));
                let c = p.op(op, &[x, y]).unwrap();
                let out = p.select(c, a, b);
                p.outputs.push(out);
                check(&p, 1);
            }
        }
    }

    #[test]
    fn what_is_read_twice_is_computed_once() {
        let mut p = Program::default();
        let (x, y) = (p.input(DType::F64), p.input(DType::F64));
        let sum = p.op(ElementOp::Add, &[x, y]).unwrap();
        let product = p.op(ElementOp::Multiply, &[sum, sum]).unwrap();
        p.outputs.push(product);
        check(&p, 2);
    }
}
