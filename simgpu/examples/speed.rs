//! How fast kernels are interpreted: `cargo run -p simgpu --release --example speed`

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a command")]

use simgpu::exec::{Launch, Memory, Span, run};
use simgpu::ptx;
use std::time::Instant;

/// Device memory at address 0x1000_0000.
struct Bytes(Vec<u64>);

const BASE: u64 = 0x1000_0000;

impl Memory for Bytes {
    fn span(&mut self, address: u64, bytes: usize) -> Result<Span, String> {
        let span = Span { low: BASE, high: BASE + 8 * self.0.len() as u64, host: self.0.as_mut_ptr().cast() };
        if span.holds(address, bytes) { Ok(span) } else { Err("outside".to_owned()) }
    }
}

/// `y[i] += a x[i]` in a grid-stride loop.
const SAXPY: &str = ".visible .entry k(.param .u64 px, .param .u64 py, .param .u32 pn) {
    .reg .pred %p<4>; .reg .b32 %r<16>; .reg .b64 %rd<16>; .reg .f32 %f<8>;
    ld.param.u64 %rd1, [px]; ld.param.u64 %rd2, [py]; ld.param.u32 %r1, [pn];
    mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x; mov.u32 %r4, %tid.x; mad.lo.s32 %r5, %r2, %r3, %r4;
    mov.u32 %r6, %nctaid.x; mul.lo.s32 %r7, %r6, %r3;
    setp.ge.u32 %p1, %r5, %r1; @%p1 bra $done;
$loop:
    mul.wide.u32 %rd3, %r5, 4; add.s64 %rd4, %rd1, %rd3; add.s64 %rd5, %rd2, %rd3;
    ld.global.nc.f32 %f1, [%rd4]; ld.global.f32 %f2, [%rd5];
    fma.rn.f32 %f3, %f1, 0f40000000, %f2; st.global.f32 [%rd5], %f3;
    add.s32 %r5, %r5, %r7; setp.lt.u32 %p1, %r5, %r1; @%p1 bra $loop;
$done: ret; }";

/// Sums of blocks: a loop over elements, then a tree in shared memory.
const SUM: &str = ".visible .entry k(.param .u64 px, .param .u64 py, .param .u32 pn) {
    .reg .pred %p<4>; .reg .b32 %r<16>; .reg .b64 %rd<16>; .reg .f32 %f<8>;
    .shared .align 4 .b8 s[1024];
    ld.param.u64 %rd1, [px]; ld.param.u64 %rd2, [py]; ld.param.u32 %r1, [pn];
    mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x; mov.u32 %r4, %tid.x; mad.lo.s32 %r5, %r2, %r3, %r4;
    mov.u32 %r6, %nctaid.x; mul.lo.s32 %r7, %r6, %r3; mov.f32 %f1, 0f00000000;
    setp.ge.u32 %p1, %r5, %r1; @%p1 bra $tree;
$loop:
    mul.wide.u32 %rd3, %r5, 4; add.s64 %rd4, %rd1, %rd3;
    ld.global.nc.f32 %f2, [%rd4]; add.f32 %f1, %f1, %f2;
    add.s32 %r5, %r5, %r7; setp.lt.u32 %p1, %r5, %r1; @%p1 bra $loop;
$tree:
    shl.b32 %r8, %r4, 2; mov.u32 %r9, s; add.s32 %r9, %r9, %r8; st.shared.f32 [%r9], %f1; bar.sync 0;
    mov.u32 %r10, 128;
$half:
    setp.ge.u32 %p2, %r4, %r10; @%p2 bra $skip;
    shl.b32 %r11, %r10, 2; add.s32 %r12, %r9, %r11; ld.shared.f32 %f3, [%r12]; ld.shared.f32 %f4, [%r9];
    add.f32 %f4, %f4, %f3; st.shared.f32 [%r9], %f4;
$skip: bar.sync 0; shr.u32 %r10, %r10, 1; setp.gt.u32 %p3, %r10, 0; @%p3 bra $half;
    setp.ne.u32 %p2, %r4, 0; @%p2 bra $done;
    ld.shared.f32 %f5, [%r9]; mul.wide.u32 %rd5, %r2, 4; add.s64 %rd6, %rd2, %rd5; st.global.f32 [%rd6], %f5;
$done: ret; }";

fn main() {
    let elements: u32 = 1 << 22;
    for (name, text) in [("saxpy", SAXPY), ("sum", SUM)] {
        let head = format!(".version 8.8\n.target sm_90\n.address_size 64\n{text}");
        let module = ptx::load(&head, |_, _| Ok(BASE)).unwrap();
        let mut memory = Bytes(vec![0; elements as usize]);
        let mut args = BASE.to_le_bytes().to_vec();
        args.extend((BASE + 4 * u64::from(elements)).to_le_bytes());
        args.extend(elements.to_le_bytes());
        let launch = Launch {
            kernel: &module.kernels[0],
            grid: [528, 1, 1],
            block: [256, 1, 1],
            dynamic: 0,
            args: &args,
            limit: u64::MAX,
            races: false,
            reverse: false,
        };
        let begin = Instant::now();
        let mut instructions = 0;
        for _ in 0..5 {
            instructions += run(&launch, &mut memory).unwrap();
        }
        let seconds = begin.elapsed().as_secs_f64();
        let rate = 1e-6 * instructions as f64 / seconds;
        println!("{name}: {:.1} ms a launch over {elements} elements, {rate:.0} M instructions/s", 200.0 * seconds);
    }
}
