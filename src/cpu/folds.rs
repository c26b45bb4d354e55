//! Loops that add several strips to accumulators: these stay in registers of the processor from one strip to the next.
//!
//! Lane `j` of an accumulator is given element `j` of each strip in turn, by the same operations in the same order as
//! when the step of a phase runs once for each strip: the bits are the same. There is a loop for the commonest
//! accumulators, sums and extremes, with the conversion before them, and for sums of squared distances. What they are
//! given is stored, or computed by the map a few strips at a time.

use super::casts::To;
use super::isa::{self, Isa};
use super::strip::{Machine, STRIP};
use crate::chunk::tiling::FAN_IN;
use crate::device::block::Buffer;
use crate::dtype::DType;
use crate::error::Result;
use crate::op::elementwise::{Apply, ElementOp, marker};
use crate::op::program::{Inst, Program, Value};
use std::marker::PhantomData;

/// Strips at a time where the map computes elements, which should stay in the nearest cache meanwhile.
const COMPUTED: usize = 4;

/// A loop over strips: accumulators, where each strip begins, what is fixed for each lane, where accumulators go, and
/// the number of lanes.
///
/// # Safety
/// The pointers are aligned for their element types and valid for `n` elements; the result overlaps nothing else.
pub(super) type FoldLoop = unsafe fn(from: *const u8, rows: &[*const u8], fixed: *const u8, to: *mut u8, n: usize);

/// What an accumulator does with an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `acc op A(x)`: the operation, the dtype of `x`, that of the accumulator.
    Op(ElementOp, DType, DType),
    /// `acc + (f64(x) - mean)²`, and the dtype of `x`.
    Distance(DType),
}

/// Where the elements of a strip are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    /// Those of an input of the map.
    Input(usize),
    /// An output of [`Folds::map`], so many bytes each.
    Computed(usize, usize),
}

/// One accumulator.
#[derive(Debug, Clone, Copy)]
struct Fold {
    kind: Kind,
    /// Which elements it is given, as an index into those of all.
    element: usize,
    /// The earlier result that is fixed for each lane.
    fixed: Option<usize>,
    run: FoldLoop,
    /// An accumulator before this one that is given the same and does the same.
    same: Option<usize>,
}

/// The step of a phase as loops over strips.
pub(super) struct Folds {
    accumulators: Vec<Fold>,
    elements: Vec<Element>,
    /// For each of them, where its strips are at the moment.
    rows: Vec<[*const u8; FAN_IN]>,
    /// `(inputs of the step) -> computed elements`, and room for some strips of each.
    map: Option<Machine>,
    room: Vec<Buffer>,
}

// SAFETY: `rows` is filled by the caller of `run` right before it, and not looked at otherwise.
unsafe impl Send for Folds {}

/// The inputs of a phase's step.
pub(super) struct Inputs {
    /// Those of the map.
    pub(super) map: usize,
    /// Accumulators.
    pub(super) kinds: usize,
    /// Results of earlier phases.
    pub(super) known: usize,
}

impl Folds {
    /// The loops of a step whose inputs are these, in their order, the position being last; `None` where one is
    /// missing. Accumulators begin as `init`.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) for a missing loop of the map.
    pub(super) fn new<I: PartialEq>(step: &Program, inputs: &Inputs, init: &[I]) -> Result<Option<Self>> {
        let isa = isa::best();
        let (mut values, mut folds) = (Vec::new(), Vec::<Fold>::new());
        for k in 0..inputs.kinds {
            let Some((kind, value, known)) = kind_of(step, inputs, k) else { return Ok(None) };
            let Some(run) = fold_loop(kind, isa).filter(|_| given_by_map(step, inputs, value)) else { return Ok(None) };
            let fixed = known.map(|v| v - inputs.map - inputs.kinds);
            let element = values.iter().position(|&v| v == value).unwrap_or_else(|| {
                values.push(value);
                values.len() - 1
            });
            let same = (0..k).find(|&j| {
                let other = &folds[j];
                init[j] == init[k] && (other.kind, other.element, other.fixed) == (kind, element, fixed)
            });
            folds.push(Fold { kind, element, fixed, run, same });
        }
        let (mut map, mut room) = (Program { outputs: Vec::new(), ..step.clone() }, Vec::new());
        let elements = values.iter().map(|&value| match step.insts[value] {
            Inst::Input(i) => Element::Input(i),
            _ => {
                let size = step.dtypes[value].size();
                map.outputs.push(value);
                room.push(Buffer::zeroed(COMPUTED * STRIP * size));
                Element::Computed(room.len() - 1, size)
            }
        });
        let elements: Vec<Element> = elements.collect();
        Ok(Some(Self {
            rows: vec![[std::ptr::null(); FAN_IN]; elements.len()],
            map: if room.is_empty() { None } else { Some(Machine::new(&map)?) },
            accumulators: folds,
            elements,
            room,
        }))
    }

    /// Strips at a time, at most.
    pub(super) fn at_once(&self) -> usize {
        if self.map.is_some() { COMPUTED } else { FAN_IN }
    }

    /// Finds `n` elements of strip `row`, where `load` says where those of an input of the map are.
    pub(super) fn set_row(&mut self, row: usize, n: usize, inputs: usize, mut load: impl FnMut(usize) -> *const u8) {
        if let Some(map) = &mut self.map {
            (0..inputs).for_each(|i| map.set_input(i, load(i)));
        }
        for (element, rows) in self.elements.iter().zip(&mut self.rows) {
            rows[row] = match *element {
                Element::Input(i) => load(i),
                Element::Computed(k, size) => {
                    let to = self.room[k].bytes_mut()[row * STRIP * size..].as_mut_ptr();
                    self.map.iter_mut().for_each(|map| map.set_output(k, to));
                    to.cast_const()
                }
            };
        }
        if let Some(map) = &self.map {
            // SAFETY: `load` gives `n` elements of each input, and no more than these are read; outputs have room for a
            // strip.
            unsafe { map.run(n) };
        }
    }

    /// Adds the first `count` rows of `n` elements to accumulator `k`, from one place to another.
    ///
    /// # Safety
    /// The rows were set, with `n` elements; both places hold as many of the accumulator, and are apart; `fixed` gives
    /// those of an earlier result.
    pub(super) unsafe fn run(
        &self,
        k: usize,
        (count, n): (usize, usize),
        from: *const u8,
        to: *mut u8,
        fixed: impl FnOnce(usize) -> *const u8,
    ) {
        let fold = &self.accumulators[k];
        let fixed = fold.fixed.map_or(from, fixed);
        // SAFETY: passed on unchanged; rows are aligned, being those of blocks or registers.
        unsafe { (fold.run)(from, &self.rows[fold.element][..count], fixed, to, n) };
    }

    /// An accumulator before `k` that holds the same.
    pub(super) fn same_as(&self, k: usize) -> Option<usize> {
        self.accumulators[k].same
    }
}

/// What accumulator `k` of a step does, with which value, and which earlier result; `None` where it is nothing that has
/// a loop.
fn kind_of(step: &Program, inputs: &Inputs, k: usize) -> Option<(Kind, Value, Option<Value>)> {
    let own = |v: Value| matches!(step.insts[v], Inst::Input(i) if i == inputs.map + k);
    let Inst::Op(op, dtype, [acc, x]) = step.insts[step.outputs[k]] else { return None };
    if !own(acc) || op.arity() != 2 {
        return None;
    }
    // The element itself, where there is a loop that converts it.
    let narrow = |v: Value, kind: &dyn Fn(DType) -> Kind| match step.insts[v] {
        Inst::Cast(from, to, inner) if to == dtype && fold_loop(kind(from), Isa::Baseline).is_some() => {
            (kind(from), inner)
        }
        _ => (kind(dtype), v),
    };
    if let (ElementOp::Add, DType::F64, Inst::Op(ElementOp::Multiply, _, [d, again])) = (op, dtype, step.insts[x])
        && let (Inst::Op(ElementOp::Subtract, DType::F64, [wide, mean]), true) = (step.insts[d], d == again)
        && let Inst::Input(i) = step.insts[mean]
        && (inputs.map + inputs.kinds..inputs.map + inputs.kinds + inputs.known).contains(&i)
    {
        let (kind, value) = narrow(wide, &Kind::Distance);
        return Some((kind, value, Some(i)));
    }
    let (kind, value) = narrow(x, &|from| Kind::Op(op, from, dtype));
    Some((kind, value, None))
}

/// Whether a value is made of the map's inputs alone.
fn given_by_map(step: &Program, inputs: &Inputs, value: Value) -> bool {
    match step.insts[value] {
        Inst::Input(i) => i < inputs.map,
        _ => step.operands(value).all(|v| given_by_map(step, inputs, v)),
    }
}

/// What an accumulator becomes.
trait Become {
    type Item: Copy;
    type Acc: Copy;
    /// Whether it looks at what is fixed.
    const FIXED: bool = false;
    fn next<const FMA: bool>(acc: Self::Acc, x: Self::Item, fixed: Self::Acc) -> Self::Acc;
}

/// `O(acc, A(x))`.
struct Apart<O, T, A>(PhantomData<(O, T, A)>);

impl<T: To<A> + Copy, A: Copy, O: Apply<A, 2, Out = A>> Become for Apart<O, T, A> {
    type Item = T;
    type Acc = A;
    #[inline(always)]
    fn next<const FMA: bool>(acc: A, x: T, _: A) -> A {
        O::apply::<FMA>([acc, x.to()])
    }
}

/// `acc + (x - mean)²`.
struct Squares<T>(PhantomData<T>);

impl<T: To<f64> + Copy> Become for Squares<T> {
    type Item = T;
    type Acc = f64;
    const FIXED: bool = true;
    #[inline(always)]
    fn next<const FMA: bool>(acc: f64, x: T, mean: f64) -> f64 {
        let d = x.to() - mean;
        acc + d * d
    }
}

/// Lanes whose accumulators stay in registers, and of these fewer for what is left.
const LANES: usize = 32;
const FEW: usize = 8;

#[inline(always)]
unsafe fn body<F: Become, const FMA: bool>(
    from: *const u8,
    rows: &[*const u8],
    fixed: *const u8,
    to: *mut u8,
    n: usize,
) {
    let (many, few) = (n - n % LANES, n - n % FEW);
    // SAFETY: so many lanes from each of these on are among the `n` that every pointer is valid for, as the caller of a
    // `FoldLoop` upholds.
    unsafe {
        for at in (0..many).step_by(LANES) {
            fold_lanes::<F, FMA, LANES>((from, fixed, to), rows, at);
        }
        for at in (many..few).step_by(FEW) {
            fold_lanes::<F, FMA, FEW>((from, fixed, to), rows, at);
        }
        for at in few..n {
            fold_lanes::<F, FMA, 1>((from, fixed, to), rows, at);
        }
    }
}

#[inline(always)]
unsafe fn fold_lanes<F: Become, const FMA: bool, const N: usize>(
    (from, fixed, to): (*const u8, *const u8, *mut u8),
    rows: &[*const u8],
    at: usize,
) {
    // SAFETY: the caller has `N` lanes from `at` on; the accumulator stands for what is fixed where that is not looked
    // at.
    unsafe {
        let mut acc = from.cast::<F::Acc>().add(at).cast::<[F::Acc; N]>().read();
        let mean = if F::FIXED { fixed.cast::<F::Acc>().add(at).cast::<[F::Acc; N]>().read() } else { acc };
        for row in rows {
            let x = row.cast::<F::Item>().add(at).cast::<[F::Item; N]>().read();
            for lane in 0..N {
                acc[lane] = F::next::<FMA>(acc[lane], x[lane], mean[lane]);
            }
        }
        to.cast::<F::Acc>().add(at).cast::<[F::Acc; N]>().write(acc);
    }
}

unsafe fn baseline<F: Become>(from: *const u8, rows: &[*const u8], fixed: *const u8, to: *mut u8, n: usize) {
    // SAFETY: passed on unchanged.
    unsafe { body::<F, false>(from, rows, fixed, to, n) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<F: Become>(from: *const u8, rows: &[*const u8], fixed: *const u8, to: *mut u8, n: usize) {
    // SAFETY: passed on unchanged.
    unsafe { body::<F, true>(from, rows, fixed, to, n) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn avx512<F: Become>(from: *const u8, rows: &[*const u8], fixed: *const u8, to: *mut u8, n: usize) {
    // SAFETY: passed on unchanged.
    unsafe { body::<F, true>(from, rows, fixed, to, n) }
}

fn pick<F: Become>(isa: Isa) -> FoldLoop {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::<F>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::<F>,
        _ => baseline::<F>,
    }
}

/// The loop of a kind, where there is one.
fn fold_loop(kind: Kind, isa: Isa) -> Option<FoldLoop> {
    match kind {
        Kind::Op(ElementOp::Add, from, to) => sum(from, to, isa),
        Kind::Op(op, from, to) if from == to => match op {
            ElementOp::Minimum => extreme::<marker::Minimum>(to, isa),
            ElementOp::Maximum => extreme::<marker::Maximum>(to, isa),
            ElementOp::Fmin => extreme::<marker::Fmin>(to, isa),
            ElementOp::Fmax => extreme::<marker::Fmax>(to, isa),
            _ => None,
        },
        Kind::Op(..) => None,
        Kind::Distance(from) => Some(match from {
            DType::F64 => pick::<Squares<f64>>(isa),
            DType::F32 => pick::<Squares<f32>>(isa),
            DType::U8 => pick::<Squares<u8>>(isa),
            DType::I16 => pick::<Squares<i16>>(isa),
            DType::U16 => pick::<Squares<u16>>(isa),
            DType::I32 => pick::<Squares<i32>>(isa),
            _ => return None,
        }),
    }
}

fn sum(from: DType, to: DType, isa: Isa) -> Option<FoldLoop> {
    macro_rules! sums {
        ($($From:ident, $T:ty => $To:ident, $A:ty;)*) => {
            match (from, to) {
                $((DType::$From, DType::$To) => Some(pick::<Apart<marker::Add, $T, $A>>(isa)),)*
                _ => None,
            }
        };
    }
    sums! {
        F32, f32 => F64, f64; F64, f64 => F64, f64;
        U8, u8 => F64, f64; I16, i16 => F64, f64; U16, u16 => F64, f64; I32, i32 => F64, f64;
        I8, i8 => I64, i64; I16, i16 => I64, i64; I32, i32 => I64, i64; I64, i64 => I64, i64;
        U8, u8 => U64, u64; U16, u16 => U64, u64; U32, u32 => U64, u64; U64, u64 => U64, u64;
    }
}

/// The operations of extremes, over every type that they have a loop for.
trait Extreme:
    Apply<f32, 2, Out = f32>
    + Apply<f64, 2, Out = f64>
    + Apply<i8, 2, Out = i8>
    + Apply<i16, 2, Out = i16>
    + Apply<i32, 2, Out = i32>
    + Apply<i64, 2, Out = i64>
    + Apply<u8, 2, Out = u8>
    + Apply<u16, 2, Out = u16>
    + Apply<u32, 2, Out = u32>
    + Apply<u64, 2, Out = u64>
{
}
impl Extreme for marker::Minimum {}
impl Extreme for marker::Maximum {}
impl Extreme for marker::Fmin {}
impl Extreme for marker::Fmax {}

fn extreme<O: Extreme>(dtype: DType, isa: Isa) -> Option<FoldLoop> {
    Some(match dtype {
        DType::F32 => pick::<Apart<O, f32, f32>>(isa),
        DType::F64 => pick::<Apart<O, f64, f64>>(isa),
        DType::I8 => pick::<Apart<O, i8, i8>>(isa),
        DType::I16 => pick::<Apart<O, i16, i16>>(isa),
        DType::I32 => pick::<Apart<O, i32, i32>>(isa),
        DType::I64 => pick::<Apart<O, i64, i64>>(isa),
        DType::U8 => pick::<Apart<O, u8, u8>>(isa),
        DType::U16 => pick::<Apart<O, u16, u16>>(isa),
        DType::U32 => pick::<Apart<O, u32, u32>>(isa),
        DType::U64 => pick::<Apart<O, u64, u64>>(isa),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
