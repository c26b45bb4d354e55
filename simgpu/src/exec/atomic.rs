//! Atomic operations: lanes one after another.

use super::Fault;
use super::access::{get, put};
use super::block::Context;
use super::races::Kind;
use super::warp::{Warp, lanes_of};
use crate::ptx::inst::{Atomic, AtomicOp, NONE};
use crate::ptx::lanes::{Bf16, F16, Lane, Two};
use crate::ptx::types::Ty;

impl Warp {
    pub fn atomic(&mut self, cx: &mut Context<'_>, atomic: &Atomic, index: u32, mask: u32) -> Result<(), Fault> {
        let ty = atomic.access.ty;
        let wide = ty.bytes() == 8;
        for lane in lanes_of(mask) {
            let host = self.locate(cx, &atomic.access, index, lane, Kind::Atomic, None)?;
            let value = self.regs.get(atomic.value, wide, lane);
            let swap = if atomic.swap == NONE { 0 } else { self.regs.get(atomic.swap, wide, lane) };
            // SAFETY: `locate` checked the element.
            let old = unsafe { get(host, ty) };
            let new = combine(atomic.op, ty, old, value, swap);
            // SAFETY: as above.
            unsafe { put(host, ty, new) };
            if atomic.result != NONE {
                self.regs.set(atomic.result, wide, lane, old);
            }
        }
        Ok(())
    }
}

/// The new value.
fn combine(op: AtomicOp, ty: Ty, old: u64, value: u64, swap: u64) -> u64 {
    use AtomicOp::{Add, And, CompareSwap, Decrement, Exchange, Increment, Max, Min, Or, Xor};
    match (op, ty) {
        (Exchange, _) => value,
        (And, _) => old & value,
        (Or, _) => old | value,
        (Xor, _) => old ^ value,
        (CompareSwap, _) => {
            let bits = u64::MAX >> (64 - 8 * ty.bytes());
            if old & bits == value & bits { swap } else { old }
        }
        (Increment, _) => {
            if old >= value {
                0
            } else {
                old + 1
            }
        }
        (Decrement, _) => {
            if old == 0 || old > value {
                value
            } else {
                old - 1
            }
        }
        _ if ty.is_float() => float(op, ty, old, value),
        (Add, _) => old.wrapping_add(value),
        (Min | Max, Ty::S32 | Ty::S64) => {
            let signed = |x: u64| if ty == Ty::S32 { i64::from(narrow(x).cast_signed()) } else { x.cast_signed() };
            if (signed(value) < signed(old)) == (op == Min) { value } else { old }
        }
        (Min | Max, _) => {
            if (value < old) == (op == Min) {
                value
            } else {
                old
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half")]
fn narrow(x: u64) -> u32 {
    x as u32
}

fn float(op: AtomicOp, ty: Ty, old: u64, value: u64) -> u64 {
    let of = |a: f64, b: f64| match op {
        AtomicOp::Min => a.min(b),
        AtomicOp::Max => a.max(b),
        _ => a + b,
    };
    let (a, b) = (narrow(old), narrow(value));
    match ty {
        Ty::F64 => of(f64::from_bits(old), f64::from_bits(value)).to_bits(),
        Ty::F32 => {
            let (a, b) = (f32::from_bits(a), f32::from_bits(b));
            let sum = match op {
                AtomicOp::Min => a.min(b),
                AtomicOp::Max => a.max(b),
                _ => a + b,
            };
            u64::from(sum.to_bits())
        }
        Ty::F16 => u64::from(F16(of(F16::get(a).0, F16::get(b).0)).put()),
        Ty::Bf16 => u64::from(Bf16(of(Bf16::get(a).0, Bf16::get(b).0)).put()),
        Ty::F16x2 => {
            let (a, b) = (Two::<F16>::get(a), Two::<F16>::get(b));
            u64::from(Two(F16(of(a.0.0, b.0.0)), F16(of(a.1.0, b.1.0))).put())
        }
        _ => {
            let (a, b) = (Two::<Bf16>::get(a), Two::<Bf16>::get(b));
            u64::from(Two(Bf16(of(a.0.0, b.0.0)), Bf16(of(a.1.0, b.1.0))).put())
        }
    }
}
