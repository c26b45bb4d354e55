//! What a thread of a reduction keeps of a part, and runs over its elements.
//!
//! Positions count within a tile, in 32 bits, where a part does no more with them than compare and choose: elements
//! come in the order of both.

use crate::dtype::DType;
use crate::dtype::scalar::Scalar;
use crate::op::elementwise::ElementOp;
use crate::op::kernel::TilePart;
use crate::op::program::{Inst, Program};

/// Whether a part loops over its elements more than once; such a part merges states.
pub(super) fn has_phases(part: &TilePart) -> bool {
    part.reducer.phases.len() > 1
}

/// What a thread keeps of a part: accumulators, or a state.
pub(super) fn kept(part: &TilePart) -> &[(DType, Scalar)] {
    match part.reducer.phases.as_slice() {
        [only] => &only.init,
        _ => &part.reducer.identity,
    }
}

/// Which fields of the state of a part that has phases are the same for outputs of as many elements, whatever these
/// are.
pub(super) fn counted(part: &TilePart) -> Vec<bool> {
    let reducer = &part.reducer;
    // What results of phases depend on but the number of elements: accumulators, and results before.
    let mut results = Vec::new();
    for phase in &reducer.phases {
        let inputs: Vec<bool> = phase.init.iter().map(|_| false).chain([true]).collect();
        results.extend(follows(&phase.result, &inputs));
    }
    results.push(true);
    let mut counted = follows(&reducer.leaf, &results);
    // A field stays so while those that it is merged with do.
    for _ in 0..counted.len() {
        let merged = follows(&reducer.combine, &[counted.clone(), counted.clone()].concat());
        counted = counted.iter().zip(merged).map(|(a, b)| *a && b).collect();
    }
    counted
}

/// Which outputs of `program` follow from those of its inputs that are `known`.
fn follows(program: &Program, known: &[bool]) -> Vec<bool> {
    let mut values: Vec<bool> = Vec::with_capacity(program.insts.len());
    for (value, inst) in program.insts.iter().enumerate() {
        values.push(match inst {
            Inst::Input(i) => known.get(*i) == Some(&true),
            _ => program.operands(value).all(|v| values[v]),
        });
    }
    program.outputs.iter().map(|&v| values[v]).collect()
}

/// The accumulators of a part, and the programs over them.
pub(super) struct Loop {
    pub(super) init: Vec<(DType, Scalar)>,
    pub(super) step: Program,
    pub(super) merge: Program,
    /// Whether positions are those in the tile, in 32 bits, rather than those in the array.
    pub(super) narrow: bool,
}

impl Loop {
    /// What threads run for `part`; where indices are `wide`, positions are, too.
    pub(super) fn new(part: &TilePart, wide: bool) -> Self {
        let phase = &part.reducer.phases[0];
        let plain = || Self {
            init: kept(part).to_vec(),
            step: phase.step.clone(),
            merge: if has_phases(part) { part.reducer.combine.clone() } else { phase.merge.clone() },
            narrow: false,
        };
        let apart = !has_phases(part) && part.reducer.uses_position() && part.reducer.input != DType::I64;
        let (Some(step), Some(merge)) = (narrowed(&phase.step), narrowed(&phase.merge)) else { return plain() };
        if wide || !apart {
            return plain();
        }
        let init = phase.init.iter().map(|&(d, v)| if d == DType::I64 { (DType::I32, NOWHERE) } else { (d, v) });
        Self { init: init.collect(), step, merge, narrow: true }
    }
}

/// The position of nothing, in 32 bits.
const NOWHERE: Scalar = Scalar::Int(i32::MAX as i128);

/// `program` over positions of 32 bits, where it does no more with them than compare and choose.
fn narrowed(program: &Program) -> Option<Program> {
    let mut narrow = program.clone();
    let shrink = |dtype: &mut DType| *dtype = if *dtype == DType::I64 { DType::I32 } else { *dtype };
    for inst in &mut narrow.insts {
        match inst {
            Inst::Input(_) => {}
            Inst::Const(value, dtype) if *dtype == DType::I64 => {
                if *value != Scalar::Int(i64::MAX.into()) {
                    return None;
                }
                (*value, *dtype) = (NOWHERE, DType::I32);
            }
            Inst::Op(op, dtype, _) if *dtype == DType::I64 => {
                if !matches!(op, ElementOp::Less | ElementOp::Greater | ElementOp::Equal) {
                    return None;
                }
                shrink(dtype);
            }
            Inst::Cast(from, to, _) if [*from, *to].contains(&DType::I64) => return None,
            Inst::Select(dtype, ..) => shrink(dtype),
            // Keys and positions of draws are numbers of 64 bits.
            Inst::Draw(..) => return None,
            Inst::Const(..) | Inst::Op(..) | Inst::Cast(..) => {}
        }
    }
    narrow.inputs.iter_mut().chain(&mut narrow.dtypes).for_each(shrink);
    Some(narrow)
}
