//! The registers of a warp: rows of 32 lanes.

/// Lanes of a warp.
pub const LANES: usize = 32;

/// All lanes.
pub const FULL: u32 = u32::MAX;

/// 32 lanes of 32 bits; two rows in sequence are 32 lanes of 64 bits.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct Row(pub [u32; LANES]);

/// Registers and predicates of a warp.
#[derive(Debug, Clone)]
pub struct Regs {
    rows: Vec<Row>,
    pub preds: Vec<u32>,
    /// The carry flag of `add.cc` and its like.
    pub carry: u32,
}

/// What a lane of a register holds.
pub trait Cell: Copy + Default + 'static {
    /// The lanes of register `row`.
    ///
    /// # Safety
    /// `row` is a register of this width that the decoder allocated: it lies within `regs`. No other reference to the
    /// register is alive.
    unsafe fn row(regs: &mut Regs, row: u32) -> *mut [Self; LANES];
}

impl Cell for u32 {
    unsafe fn row(regs: &mut Regs, row: u32) -> *mut [u32; LANES] {
        debug_assert!((row as usize) < regs.rows.len());
        // SAFETY: in bounds by the caller's promise.
        unsafe { regs.rows.as_mut_ptr().add(row as usize).cast() }
    }
}

impl Cell for u64 {
    unsafe fn row(regs: &mut Regs, row: u32) -> *mut [u64; LANES] {
        debug_assert!(row as usize + 1 < regs.rows.len());
        // SAFETY: in bounds by the caller's promise; rows are aligned to 64 bytes and follow each other without a gap.
        unsafe { regs.rows.as_mut_ptr().add(row as usize).cast() }
    }
}

impl Regs {
    pub fn new(rows: u32, preds: u32) -> Self {
        // One row more, so that a wide access to the last row stays inside.
        Self { rows: vec![Row([0; LANES]); rows as usize + 1], preds: vec![0; preds as usize], carry: 0 }
    }

    /// One lane of a narrow register.
    pub fn narrow(&self, row: u32, lane: usize) -> u32 {
        self.rows[row as usize].0[lane]
    }

    /// One lane of a wide register.
    pub fn wide(&self, row: u32, lane: usize) -> u64 {
        let at = 2 * (lane % 16);
        let row = &self.rows[row as usize + lane / 16].0;
        u64::from(row[at]) | u64::from(row[at + 1]) << 32
    }

    pub fn get(&self, row: u32, wide: bool, lane: usize) -> u64 {
        if wide { self.wide(row, lane) } else { u64::from(self.narrow(row, lane)) }
    }

    #[expect(clippy::cast_possible_truncation, reason = "halves of a 64-bit value")]
    pub fn set(&mut self, row: u32, wide: bool, lane: usize, value: u64) {
        if wide {
            let at = 2 * (lane % 16);
            let row = &mut self.rows[row as usize + lane / 16].0;
            row[at] = value as u32;
            row[at + 1] = (value >> 32) as u32;
        } else {
            self.rows[row as usize].0[lane] = value as u32;
        }
    }

    /// The same value in all lanes.
    #[expect(clippy::cast_possible_truncation, reason = "halves of a 64-bit value")]
    pub fn fill(&mut self, row: u32, wide: bool, value: u64) {
        let at = row as usize;
        if wide {
            let pair = [value as u32, (value >> 32) as u32];
            for row in &mut self.rows[at..at + 2] {
                row.0.as_chunks_mut::<2>().0.fill(pair);
            }
        } else {
            self.rows[at].0 = [value as u32; LANES];
        }
    }
}
