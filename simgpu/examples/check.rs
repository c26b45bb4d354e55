//! Loads PTX files, to see whether every instruction in them is known: `cargo run -p simgpu --example check FILE...`

#![allow(clippy::print_stdout, reason = "a command")]

fn main() {
    let (mut kernels, mut instructions, mut failed) = (0, 0, 0);
    for path in std::env::args().skip(1) {
        let mut top = 0x2000_0000_0000;
        let place = |bytes: usize, align: usize| {
            let at = u64::next_multiple_of(top, align.max(1) as u64);
            top = at + bytes as u64;
            Ok(at)
        };
        let loaded =
            std::fs::read_to_string(&path).map_err(|e| e.to_string()).and_then(|t| simgpu::ptx::load(&t, place));
        match loaded {
            Ok(module) => {
                kernels += module.kernels.len();
                instructions += module.kernels.iter().map(|k| k.code.insts.len()).sum::<usize>();
            }
            Err(why) => {
                failed += 1;
                println!("{path}: {why}");
            }
        }
    }
    println!("{kernels} kernels, {instructions} instructions, {failed} files refused");
}
