//! PTX: text to decoded kernels.
//!
//! A module is parsed once ([`parse`]); every kernel is then lowered ([`lower`]) to instructions over rows of 32 lanes.
//! Device functions are inlined, so that a kernel is one flat sequence; constants and special registers such as
//! `%tid.x` are registers that are filled before a warp starts, so that operands are of one kind only.

pub mod ast;
mod convert;
mod float;
pub mod inst;
mod int;
pub mod lanes;
mod lower;
mod parse;
pub mod regs;
mod round;
mod token;
pub mod types;

use ast::{Init, Space};
use inst::Code;
use std::collections::HashMap;
use std::sync::Arc;

/// Generic addresses of shared memory, of a thread's local memory and of kernel arguments start here: far above every
/// device address.
pub const SHARED_WINDOW: u64 = 1 << 56;
pub const LOCAL_WINDOW: u64 = 2 << 56;
pub const PARAM_WINDOW: u64 = 3 << 56;

/// A kernel, ready to run.
#[derive(Debug)]
pub struct Kernel {
    pub name: String,
    /// Per parameter its offset and size in the argument block.
    pub params: Vec<(usize, usize)>,
    pub param_bytes: usize,
    pub max_threads: u32,
    pub code: Code,
}

/// A loaded module.
#[derive(Debug, Default)]
pub struct Module {
    pub kernels: Vec<Arc<Kernel>>,
    /// Address and size of each variable.
    pub variables: HashMap<String, (u64, usize)>,
    /// What the variables hold at first.
    pub images: Vec<(u64, Vec<u8>)>,
}

/// Loads a module; `place` gives device memory for a variable of a size and an alignment.
///
/// # Errors
/// What is not understood, with its line.
pub fn load(text: &str, mut place: impl FnMut(usize, usize) -> Result<u64, String>) -> Result<Module, String> {
    let ast = parse::parse(text)?;
    let mut module = Module::default();
    let stored = |v: &&ast::Variable| matches!(v.space, Space::Global | Space::Const) && v.count > 0;
    for variable in ast.variables.iter().filter(stored) {
        let address = place(variable.bytes(), variable.align)?;
        module.variables.insert(variable.name.clone(), (address, variable.bytes()));
    }
    for variable in ast.variables.iter().filter(stored) {
        let width = variable.ty.bytes();
        let mut image = vec![0; variable.bytes()];
        for (to, init) in image.chunks_exact_mut(width).zip(&variable.init) {
            let value = match init {
                Init::Bits(bits) => *bits,
                Init::Address(name, offset) => {
                    let found = module.variables.get(name).ok_or_else(|| format!("no variable {name}"))?;
                    found.0.wrapping_add_signed(*offset)
                }
            };
            to.copy_from_slice(&value.to_le_bytes()[..width]);
        }
        module.images.push((module.variables[&variable.name].0, image));
    }
    for function in ast.functions.iter().filter(|f| f.entry && f.body.is_some()) {
        let kernel = lower::kernel(&ast, &module.variables, function)
            .map_err(|why| format!("kernel {}: {why}", function.name))?;
        module.kernels.push(Arc::new(kernel));
    }
    Ok(module)
}
