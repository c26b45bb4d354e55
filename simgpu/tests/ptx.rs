//! Semantics of PTX instructions, on kernels written by hand.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test binary: failures say what they were")]

use simgpu::exec::{Fault, Launch, Memory, Span, run};
use simgpu::ptx::{self, Module};
use simgpu::status::Status;

/// Device memory at address 0x1000.
struct Bytes(Vec<u8>);

const BASE: u64 = 0x1000;

impl Memory for Bytes {
    fn span(&mut self, address: u64, bytes: usize) -> Result<Span, String> {
        let span = Span { low: BASE, high: BASE + self.0.len() as u64, host: self.0.as_mut_ptr() };
        if span.holds(address, bytes) { Ok(span) } else { Err("outside".to_owned()) }
    }
}

fn load(text: &str) -> Result<Module, String> {
    ptx::load(&format!(".version 8.8\n.target sm_90\n.address_size 64\n{text}"), |_, _| Ok(BASE))
}

/// Runs the only kernel of `text` with the address of `memory` as its argument.
fn launch(text: &str, block: u32, memory: Vec<u8>) -> Result<Vec<u8>, Fault> {
    let module = load(text).unwrap_or_else(|why| panic!("{why}\n{text}"));
    let mut memory = Bytes(memory);
    let launch = Launch {
        kernel: &module.kernels[0],
        grid: [1; 3],
        block: [block, 1, 1],
        dynamic: 0,
        args: &BASE.to_le_bytes(),
        limit: 1_000_000,
        races: false,
        reverse: false,
    };
    run(&launch, &mut memory)?;
    Ok(memory.0)
}

/// The head of a kernel: `%rd1` is the address, `%r0` the thread, `%rd2` the thread's 32 bytes.
const HEAD: &str = ".visible .entry k(.param .u64 p) {
    .reg .pred %p<8>; .reg .b16 %h<8>; .reg .b32 %r<16>; .reg .b64 %rd<16>; .reg .f32 %f<8>; .reg .f64 %fd<8>;
    ld.param.u64 %rd1, [p];
    mov.u32 %r0, %tid.x;
    mul.wide.u32 %rd3, %r0, 32;
    add.s64 %rd2, %rd1, %rd3;
";

/// `code` of one thread over three 64-bit words; gives the fourth.
fn eval(code: &str, inputs: [u64; 3]) -> u64 {
    let text = format!("{HEAD} {code} \n ret; }}");
    let mut memory: Vec<u8> = inputs.iter().flat_map(|x| x.to_le_bytes()).collect();
    memory.extend([0; 8]);
    let out = launch(&text, 1, memory).unwrap_or_else(|fault| panic!("{}\n{code}", fault.why));
    u64::from_le_bytes(out[24..32].try_into().unwrap())
}

/// An instruction over 32-bit registers `%r1`, `%r2`, `%r3` into `%r4`.
fn word(code: &str, [a, b, c]: [u32; 3]) -> u32 {
    let code = format!(
        "ld.global.u32 %r1, [%rd2]; ld.global.u32 %r2, [%rd2+8]; ld.global.u32 %r3, [%rd2+16]; {code};
         st.global.u32 [%rd2+24], %r4;"
    );
    let out = eval(&code, [a, b, c].map(u64::from));
    u32::try_from(out).unwrap()
}

/// As [`word`], over `%rd4`, `%rd5`, `%rd6` into `%rd7`.
fn double_word(code: &str, inputs: [u64; 3]) -> u64 {
    let code = format!(
        "ld.global.u64 %rd4, [%rd2]; ld.global.u64 %rd5, [%rd2+8]; ld.global.u64 %rd6, [%rd2+16]; {code};
         st.global.u64 [%rd2+24], %rd7;"
    );
    eval(&code, inputs)
}

/// As [`word`], over floats `%f1`, `%f2`, `%f3` into `%f4`.
fn single(code: &str, inputs: [f32; 3]) -> f32 {
    let code = format!("mov.b32 %f1, %r1; mov.b32 %f2, %r2; mov.b32 %f3, %r3; {code}; mov.b32 %r4, %f4");
    f32::from_bits(word(&code, inputs.map(f32::to_bits)))
}

/// As [`double_word`], over floats `%fd1`, `%fd2`, `%fd3` into `%fd4`.
fn double(code: &str, inputs: [f64; 3]) -> f64 {
    let code = format!("mov.b64 %fd1, %rd4; mov.b64 %fd2, %rd5; mov.b64 %fd3, %rd6; {code}; mov.b64 %rd7, %fd4");
    f64::from_bits(double_word(&code, inputs.map(f64::to_bits)))
}

#[test]
fn integers() {
    let minus = |x: i32| x.cast_unsigned();
    let cases: &[(&str, [u32; 3], u32)] = &[
        ("add.s32 %r4, %r1, %r2", [u32::MAX, 2, 0], 1),
        ("sub.s32 %r4, %r1, -3", [1, 0, 0], 4),
        ("add.sat.s32 %r4, %r1, %r2", [0x7fff_ffff, 1, 0], 0x7fff_ffff),
        ("mul.lo.s32 %r4, %r1, %r2", [minus(-3), 5, 0], minus(-15)),
        ("mul.hi.s32 %r4, %r1, %r2", [minus(-3), 5, 0], u32::MAX),
        ("mul.hi.u32 %r4, %r1, %r2", [minus(-3), 5, 0], 4),
        ("mad.lo.s32 %r4, %r1, %r2, %r3", [3, 5, 7], 22),
        ("mad.hi.u32 %r4, %r1, %r2, %r3", [1 << 31, 6, 7], 10),
        ("mul24.lo.u32 %r4, %r1, %r2", [0x0100_0003, 5, 0], 15),
        ("div.s32 %r4, %r1, %r2", [minus(-7), 2, 0], minus(-3)),
        ("div.u32 %r4, %r1, %r2", [7, 0, 0], u32::MAX),
        ("rem.s32 %r4, %r1, %r2", [minus(-7), 2, 0], minus(-1)),
        ("min.s32 %r4, %r1, %r2", [minus(-7), 2, 0], minus(-7)),
        ("max.u32 %r4, %r1, %r2", [minus(-7), 2, 0], minus(-7)),
        ("abs.s32 %r4, %r1", [minus(-7), 0, 0], 7),
        ("neg.s32 %r4, %r1", [7, 0, 0], minus(-7)),
        ("shl.b32 %r4, %r1, %r2", [1, 40, 0], 0),
        ("shr.s32 %r4, %r1, %r2", [minus(-8), 40, 0], u32::MAX),
        ("shr.u32 %r4, %r1, %r2", [0x8000_0000, 31, 0], 1),
        ("not.b32 %r4, %r1", [5, 0, 0], !5),
        ("popc.b32 %r4, %r1", [0xff00, 0, 0], 8),
        ("clz.b32 %r4, %r1", [1, 0, 0], 31),
        ("brev.b32 %r4, %r1", [1, 0, 0], 1 << 31),
        ("bfind.u32 %r4, %r1", [0x100, 0, 0], 8),
        ("bfind.s32 %r4, %r1", [u32::MAX, 0, 0], u32::MAX),
        ("bfe.u32 %r4, %r1, 4, 8", [0xabcd, 0, 0], 0xbc),
        ("bfe.s32 %r4, %r1, 4, 8", [0xabcd, 0, 0], 0xffff_ffbc),
        ("bfi.b32 %r4, %r1, %r2, 8, 4", [0xff, 0, 0], 0xf00),
        ("prmt.b32 %r4, %r1, %r2, 0x7610", [0x3322_1100, 0x7766_5544, 0], 0x7766_1100),
        ("prmt.b32 %r4, %r1, %r2, 0x0008", [0x80, 0, 0], 0x8080_80ff),
        ("lop3.b32 %r4, %r1, %r2, %r3, 0x96", [0b1100, 0b1010, 0b1001], 0b1100 ^ 0b1010 ^ 0b1001),
        ("shf.l.wrap.b32 %r4, %r1, %r2, %r3", [0x8000_0000, 1, 1], 3),
        ("shf.r.clamp.b32 %r4, %r1, %r2, %r3", [0, 5, 40], 5),
        ("dp4a.s32.s32 %r4, %r1, %r2, %r3", [0x01ff_0203, 0x0102_0304, 10], 10 + 1 - 2 + 6 + 12),
        ("sad.u32 %r4, %r1, %r2, %r3", [3, 10, 1], 8),
        ("selp.b32 %r4, %r1, %r2, %p7", [3, 10, 1], 10),
        ("setp.lt.and.s32 %p1|%p2, %r1, %r2, !%p7; selp.b32 %r4, 1, 0, %p1", [minus(-1), 0, 0], 1),
        ("setp.lo.u32 %p1, %r1, %r2; selp.b32 %r4, 1, 0, %p1", [minus(-1), 0, 0], 0),
        ("set.gt.u32.s32 %r4, %r1, %r2", [3, 2, 0], u32::MAX),
        ("slct.s32.s32 %r4, %r1, %r2, %r3", [3, 2, minus(-1)], 2),
        ("cvt.u32.u8 %r4, %r1", [0x1ff, 0, 0], 0xff),
        ("cvt.s32.s8 %r4, %r1", [0x1ff, 0, 0], u32::MAX),
        ("cvt.sat.u8.s32 %r4, %r1", [300, 0, 0], 255),
        ("add.cc.u32 %r4, %r1, %r2; addc.u32 %r4, 0, 0", [u32::MAX, 1, 0], 1),
        ("sub.cc.u32 %r4, %r1, %r2; subc.u32 %r4, 0, 0", [0, 1, 0], u32::MAX),
        ("mad.lo.cc.u32 %r4, %r1, %r2, %r3; madc.hi.u32 %r4, %r1, %r2, 0", [1 << 31, 2, 5], 1),
        ("@!%p7 mov.u32 %r4, 1; @%p7 mov.u32 %r4, 2", [0, 0, 0], 1),
        ("mov.b32 {%h1, %h2}, %r1; mov.b32 %r4, {%h2, %h1}", [0x1234_5678, 0, 0], 0x5678_1234),
    ];
    for (code, inputs, expected) in cases {
        assert_eq!(word(code, *inputs), *expected, "{code} of {inputs:x?}");
    }
    let wide: &[(&str, [u64; 3], u64)] = &[
        ("mul.wide.s32 %rd7, %r4, %r4", [0, 0, 0], 0),
        ("mul.hi.u64 %rd7, %rd4, %rd5", [1 << 63, 6, 0], 3),
        ("mad.lo.s64 %rd7, %rd4, %rd5, %rd6", [3, 5, 7], 22),
        ("shl.b64 %rd7, %rd4, 63", [3, 0, 0], 1 << 63),
        ("bfi.b64 %rd7, %rd4, %rd5, 60, 8", [0xff, 1, 0], 0xf000_0000_0000_0001),
        ("cvt.s64.s32 %rd7, %r4", [0, 0, 0], 0),
        ("rem.u64 %rd7, %rd4, %rd5", [17, 5, 0], 2),
        ("mov.b64 {%r5, %r6}, %rd4; mov.b64 %rd7, {%r6, %r5}", [0x1_0000_0002, 0, 0], 0x2_0000_0001),
        ("cvt.u64.u16 %rd7, %rd4", [0x1_2345, 0, 0], 0x2345),
    ];
    for (code, inputs, expected) in wide {
        assert_eq!(double_word(&format!("mov.u32 %r4, 0; {code}"), *inputs), *expected, "{code} of {inputs:x?}");
    }
}

#[test]
fn floats() {
    let (inf, nan, tiny) = (f32::INFINITY, f32::NAN, f32::from_bits(1));
    let up = |x: f32| x.next_up();
    let cases: &[(&str, [f32; 3], f32)] = &[
        ("add.rn.f32 %f4, %f1, %f2", [1.0, f32::EPSILON / 2.0, 0.0], 1.0),
        ("add.rp.f32 %f4, %f1, %f2", [1.0, 1e-20, 0.0], up(1.0)),
        ("add.rm.f32 %f4, %f1, %f2", [1.0, -1e-20, 0.0], 1f32.next_down()),
        ("add.rz.f32 %f4, %f1, %f2", [-1.0, 1e-20, 0.0], -(1f32.next_down())),
        ("mul.rz.f32 %f4, %f1, %f1", [1.0 + f32::EPSILON, 0.0, 0.0], 1.0 + 2.0 * f32::EPSILON),
        (
            "fma.rn.f32 %f4, %f1, %f1, %f3",
            [1.0 + f32::EPSILON, 0.0, -1.0],
            2.0 * f32::EPSILON + f32::EPSILON * f32::EPSILON,
        ),
        ("fma.rm.f32 %f4, %f1, %f2, %f3", [1.0, 1.0, -1e-30], 1f32.next_down()),
        ("mul.ftz.f32 %f4, %f1, %f2", [tiny, 1.0, 0.0], 0.0),
        ("add.sat.f32 %f4, %f1, %f2", [3.0, 1.0, 0.0], 1.0),
        ("div.rn.f32 %f4, %f1, %f2", [1.0, 3.0, 0.0], 1.0 / 3.0),
        ("div.rp.f32 %f4, %f1, %f2", [1.0, -3.0, 0.0], (-1f32 / 3.0).next_up()),
        ("rcp.approx.ftz.f32 %f4, %f1", [4.0, 0.0, 0.0], 0.25),
        ("sqrt.rn.f32 %f4, %f1", [2.0, 0.0, 0.0], 2f32.sqrt()),
        ("ex2.approx.f32 %f4, %f1", [3.0, 0.0, 0.0], 8.0),
        ("lg2.approx.f32 %f4, %f1", [8.0, 0.0, 0.0], 3.0),
        ("min.f32 %f4, %f1, %f2", [nan, 2.0, 0.0], 2.0),
        ("min.f32 %f4, %f1, %f2", [0.0, -0.0, 0.0], -0.0),
        ("copysign.f32 %f4, %f1, %f2", [-1.0, 2.0, 0.0], -2.0),
        ("cvt.rni.f32.f32 %f4, %f1", [2.5, 0.0, 0.0], 2.0),
        ("cvt.rpi.f32.f32 %f4, %f1", [-2.5, 0.0, 0.0], -2.0),
        ("cvt.sat.f32.f32 %f4, %f1", [nan, 0.0, 0.0], 0.0),
        ("cvt.rn.f16.f32 %h1, %f1; cvt.f32.f16 %f4, %h1", [1.0 + 1e-3, 0.0, 0.0], 1.000_976_6),
        ("cvt.rz.f16.f32 %h1, %f1; cvt.f32.f16 %f4, %h1", [1e9, 0.0, 0.0], 65504.0),
        ("cvt.rn.bf16.f32 %h1, %f1; cvt.f32.bf16 %f4, %h1", [1.0 + 1.0 / 256.0, 0.0, 0.0], 1.0),
        ("cvt.rn.f32.s32 %f4, 16777217", [0.0; 3], 16_777_216.0),
        ("cvt.rp.f32.s32 %f4, 16777217", [0.0; 3], 16_777_218.0),
        ("cvt.rzi.s32.f32 %r4, %f1; cvt.rn.f32.s32 %f4, %r4", [inf, 0.0, 0.0], 2_147_483_648.0),
        ("cvt.rzi.u8.f32 %r5, %f1; cvt.rn.f32.u8 %f4, %r5", [300.5, 0.0, 0.0], 255.0),
        ("testp.infinite.f32 %p1, %f1; selp.f32 %f4, %f2, %f3, %p1", [inf, 1.0, 2.0], 1.0),
        ("setp.ltu.f32 %p1, %f1, %f2; selp.f32 %f4, 0f3F800000, 0f00000000, %p1", [nan, 1.0, 0.0], 1.0),
        ("setp.ne.f32 %p1, %f1, %f2; selp.f32 %f4, 0f3F800000, 0f00000000, %p1", [nan, 1.0, 0.0], 0.0),
    ];
    for (code, inputs, expected) in cases {
        let found = single(code, *inputs);
        assert_eq!(found.to_bits(), expected.to_bits(), "{code} of {inputs:?}: {found} is not {expected}");
    }
    assert_eq!(single("max.NaN.f32 %f4, %f1, %f2", [nan, 2.0, 0.0]).to_bits(), 0x7fff_ffff);
    assert_eq!(single("sub.f32 %f4, %f1, %f1", [inf, 0.0, 0.0]).to_bits(), 0x7fff_ffff, "NaN as NVIDIA writes it");
    let doubles: &[(&str, [f64; 3], f64)] = &[
        ("add.rp.f64 %fd4, %fd1, %fd2", [1.0, 1e-300, 0.0], 1f64.next_up()),
        ("mul.rm.f64 %fd4, %fd1, %fd1", [1.0 + f64::EPSILON, 0.0, 0.0], 1.0 + 2.0 * f64::EPSILON),
        ("fma.rp.f64 %fd4, %fd1, %fd1, %fd3", [1.0 + f64::EPSILON, 0.0, 0.0], 1.0 + 3.0 * f64::EPSILON),
        ("div.rn.f64 %fd4, %fd1, %fd2", [1.0, 3.0, 0.0], 1.0 / 3.0),
        ("cvt.rm.f32.f64 %f4, %fd1; cvt.f64.f32 %fd4, %f4", [0.1, 0.0, 0.0], f64::from(0.1f32.next_down())),
        ("cvt.rn.f64.s64 %fd4, %rd4", [f64::from_bits(5), 0.0, 0.0], 5.0),
        ("cvt.rzi.s64.f64 %rd8, %fd1; cvt.rn.f64.s64 %fd4, %rd8", [f64::NAN, 0.0, 0.0], -(2f64.powi(63))),
    ];
    for (code, inputs, expected) in doubles {
        let found = double(code, *inputs);
        assert_eq!(found.to_bits(), expected.to_bits(), "{code} of {inputs:?}: {found} is not {expected}");
    }
}

#[test]
fn functions_are_inlined_with_their_own_registers_and_memory() {
    let text = "
.func (.param .b32 out) twice(.param .b32 x) {
    .local .align 4 .b8 frame[8]; .reg .b64 %rd<4>; .reg .b32 %r<4>; .reg .pred %p<2>;
    mov.u64 %rd1, frame;
    ld.param.b32 %r1, [x];
    setp.eq.s32 %p1, %r1, 3;
    @%p1 bra $three;
    st.local.u32 [%rd1+4], %r1;
    ld.local.u32 %r2, [%rd1+4];
    add.s32 %r3, %r1, %r2;
    st.param.b32 [out], %r3;
    ret;
$three:
    mov.u32 %r3, 33;
    st.param.b32 [out], %r3;
    ret;
}
.visible .entry k(.param .u64 p) {
    .reg .b64 %rd<4>; .reg .b32 %r<4>;
    ld.param.u64 %rd1, [p];
    mov.u32 %r1, %tid.x;
    mul.wide.u32 %rd2, %r1, 4;
    add.s64 %rd2, %rd1, %rd2;
    {
        .param .b32 a; .param .b32 b;
        st.param.b32 [a], %r1;
        call.uni (b), twice, (a);
        ld.param.b32 %r2, [b];
    }
    {
        .param .b32 a; .param .b32 b;
        st.param.b32 [a], %r2;
        call.uni (b), twice, (a);
        ld.param.b32 %r2, [b];
    }
    st.global.u32 [%rd2], %r2;
    ret;
}";
    let out = launch(text, 5, vec![0; 20]).unwrap();
    let out: Vec<u32> = out.chunks(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect();
    assert_eq!(out, [0, 4, 8, 66, 16]);
}

#[test]
fn lanes_that_parted_meet_again() {
    // Each lane loops as often as its number says; then a ballot of all sees them together.
    let code = "mov.u32 %r1, 0;
    $loop: setp.ge.u32 %p1, %r1, %r0; @%p1 bra $done; add.u32 %r1, %r1, 1; bra $loop;
    $done: setp.eq.u32 %p2, %r1, %r0; vote.sync.ballot.b32 %r2, %p2, -1;
    shfl.sync.bfly.b32 %r3|%p3, %r1, 1, 31, -1;
    activemask.b32 %r4;
    st.global.v4.u32 [%rd2], {%r1, %r2, %r3, %r4};";
    let out = launch(&format!("{HEAD} {code} ret; }}"), 32, vec![0; 1024]).unwrap();
    for (lane, bytes) in out.chunks(32).enumerate() {
        let word = |i: usize| u32::from_le_bytes(bytes[4 * i..4 * i + 4].try_into().unwrap());
        let lane = u32::try_from(lane).unwrap();
        assert_eq!([word(0), word(1), word(2), word(3)], [lane, u32::MAX, lane ^ 1, u32::MAX]);
    }
}

#[test]
fn atomics_and_barriers_with_results() {
    let code = ".shared .align 4 .b8 s[4];
    setp.eq.u32 %p1, %r0, 0; @%p1 st.shared.u32 [s], 0; bar.sync 0;
    atom.shared.add.u32 %r1, [s], %r0; red.shared.max.u32 [s], 1;
    bar.red.popc.u32 %r2, 0, !%p1;
    ld.shared.u32 %r3, [s]; st.global.v2.u32 [%rd2], {%r2, %r3};";
    let out = launch(&format!("{HEAD} {code} ret; }}"), 64, vec![0; 2048]).unwrap();
    for bytes in out.chunks(32) {
        let word = |i: usize| u32::from_le_bytes(bytes[4 * i..4 * i + 4].try_into().unwrap());
        assert_eq!([word(0), word(1)], [63, 63 * 64 / 2]);
    }
}

fn fault(code: &str, block: u32) -> Fault {
    launch(&format!("{HEAD} {code} ret; }}"), block, vec![0; 2048]).unwrap_err()
}

#[test]
fn faults_are_found_and_described() {
    let cases: &[(&str, u32, Status, &str)] = &[
        ("ld.global.u32 %r1, [%rd1+2048];", 1, Status::IllegalAddress, "a read of 4 bytes at 0x1800: outside"),
        ("st.global.u32 [%rd1+2], %r1;", 1, Status::MisalignedAddress, "a 4-byte access at 0x1002 is not aligned"),
        (".shared .align 4 .b8 s[4]; st.shared.u32 [s+4], %r1;", 1, Status::IllegalAddress, "offset 0x4: there are 4"),
        (".local .align 4 .b8 s[4]; ld.local.u32 %r1, [s+4];", 1, Status::IllegalAddress, "local memory"),
        (
            ".shared .align 4 .b8 s[4]; st.shared.u32 [s], %r0;",
            40,
            Status::LaunchFailed,
            "race on shared memory at offset 0: thread 0",
        ),
        ("trap;", 1, Status::LaunchFailed, "trap"),
        ("$l: bra $l;", 1, Status::LaunchTimeout, "does not end"),
        ("setp.eq.u32 %p1, %r0, 1; @%p1 bar.sync 0; @!%p1 bar.sync 0;", 32, Status::LaunchFailed, "divergent barrier"),
        ("setp.lt.u32 %p1, %r0, 16; @%p1 bar.warp.sync -1; @!%p1 bar.sync 0;", 32, Status::LaunchFailed, "deadlock"),
        ("shfl.sync.bfly.b32 %r3, %r0, 1, 31, 1;", 32, Status::LaunchFailed, "not in its own mask"),
    ];
    for (code, block, status, why) in cases {
        let found = fault(code, *block);
        assert_eq!(found.status, *status, "{code}: {}", found.why);
        assert!(found.why.contains(why) && found.why.contains("kernel k, PTX line"), "{code}: {}", found.why);
    }
}

#[test]
fn what_is_not_known_is_said_when_a_module_is_loaded() {
    let refused = |body: &str| load(&format!("{HEAD} {body} ret; }}")).unwrap_err();
    assert_eq!(refused("frobnicate.b32 %r1, %r2;"), "kernel k: line 10: frobnicate.b32: instruction is not known");
    assert!(refused("mov.u32 %r1, %nothing;").ends_with("name `%nothing` is not known"));
    assert!(refused("bra $nowhere;").ends_with("no label $nowhere"));
    assert!(refused("ld.param.u64 %rd1, [p+8];").ends_with("beyond the kernel's parameters"));
    assert!(load(".visible .entry k(").unwrap_err().starts_with("line 4"));
}

#[test]
fn variables_have_their_initial_values() {
    let text = ".global .align 8 .b32 table[3] = {7, -1, 0x10};
.const .align 8 .u64 here[1] = {table+4};
.visible .entry k() { ret; }";
    let mut top = BASE;
    let module = ptx::load(text, |bytes, _| {
        top += 0x100;
        assert!(bytes == 12 || bytes == 8);
        Ok(top)
    });
    let images = module.unwrap().images;
    assert_eq!(images[0].1, [7, 0, 0, 0, 255, 255, 255, 255, 16, 0, 0, 0]);
    assert_eq!(images[1].1, (BASE + 0x104).to_le_bytes());
}
