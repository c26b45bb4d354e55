//! A device: its memory and what is allocated in it.
//!
//! Memory is a file in memory that the library maps for itself. The device's addresses are reserved without access, so
//! that the host's use of a device pointer is a segmentation fault.

use crate::config::config;
use crate::exec::Span;
use crate::status::{Result, Status};
use std::collections::{BTreeMap, HashSet, VecDeque};

/// Where the first device's addresses begin, and the distance to the next device's.
const BASE: u64 = 0x2000_0000_0000;
const STEP: u64 = 0x100_0000_0000;

/// What alignment allocations have, and the bytes that nobody owns behind each.
const ALIGN: u64 = 256;
const RED_ZONE: u64 = 256;

/// Freed bytes that are not used again yet, so that late uses are found.
const QUARANTINE: u64 = 64 << 20;

/// Freed ranges of this size give their pages back.
const GIVE_BACK: u64 = 1 << 20;

/// What fresh memory holds: NaN as a float, -1 as an integer.
const FRESH: u8 = 0xff;

/// An allocation.
#[derive(Debug, Clone, Copy)]
pub struct Allocation {
    pub bytes: usize,
    /// Whether its stream has reached the allocation.
    pub live: bool,
    /// Whether a free is under way.
    pub freeing: bool,
    /// A module's variable.
    pub module: bool,
}

/// One simulated GPU.
#[derive(Debug)]
pub struct Device {
    pub id: usize,
    pub base: u64,
    /// Bytes of memory, and of address space.
    pub capacity: usize,
    reserved: u64,
    alias: *mut u8,
    file: i32,
    pub allocations: BTreeMap<u64, Allocation>,
    free: BTreeMap<u64, u64>,
    quarantine: VecDeque<(u64, u64)>,
    quarantined: u64,
    top: u64,
    pub used: usize,
    /// The error that every further call gives.
    pub failed: Option<Status>,
    /// Kernel launches since the counters were reset.
    pub launches: u64,
    /// Devices whose memory kernels of this one may use.
    pub peers: HashSet<usize>,
}

// SAFETY: the mapping belongs to the device, and every use of it is behind the library's one lock.
unsafe impl Send for Device {}

impl Device {
    pub fn new(id: usize, capacity: usize) -> std::result::Result<Self, String> {
        let base = BASE + id as u64 * STEP;
        let reserved = (capacity as u64).saturating_mul(4).clamp(1 << 30, STEP / 2).next_multiple_of(1 << 21);
        let length = usize::try_from(reserved).map_err(|e| e.to_string())?;
        let mode = libc::MAP_SHARED | libc::MAP_NORESERVE;
        let hidden = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
        // SAFETY: a new file and two new mappings, neither over an existing one.
        let (file, alias, at) = unsafe {
            let file = libc::memfd_create(c"simgpu".as_ptr(), 0);
            libc::ftruncate(file, reserved.cast_signed());
            let alias = libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, mode, file, 0);
            let at = libc::mmap(base as *mut libc::c_void, length, libc::PROT_NONE, hidden, -1, 0);
            (file, alias, at)
        };
        if file < 0 || alias == libc::MAP_FAILED || at as u64 != base {
            return Err(format!("no address space for device {id}: {}", std::io::Error::last_os_error()));
        }
        Ok(Self {
            id,
            base,
            capacity,
            reserved,
            alias: alias.cast(),
            file,
            allocations: BTreeMap::new(),
            free: BTreeMap::new(),
            quarantine: VecDeque::new(),
            quarantined: 0,
            top: base,
            used: 0,
            failed: None,
            launches: 0,
            peers: HashSet::new(),
        })
    }

    /// Whether an address is one of this device.
    pub fn owns(&self, address: u64) -> bool {
        (self.base..self.base + STEP).contains(&address)
    }

    fn host(&self, address: u64) -> *mut u8 {
        self.alias.wrapping_add((address - self.base) as usize)
    }

    /// The live allocation around a range.
    pub fn span(&self, address: u64, bytes: usize) -> Option<Span> {
        let (low, allocation) = self.allocations.range(..=address).next_back()?;
        let span = Span { low: *low, high: low + allocation.bytes as u64, host: self.host(*low) };
        (allocation.live && span.holds(address, bytes)).then_some(span)
    }

    /// What is at an address, in words.
    pub fn describe(&self, address: u64) -> String {
        if let Some((low, a)) = self.allocations.range(..=address).next_back()
            && address < low + (a.bytes as u64).next_multiple_of(ALIGN) + RED_ZONE
        {
            let (bytes, offset) = (a.bytes, address - low);
            let whose = if a.module { "module variable" } else { "allocation" };
            let order =
                if a.live { "" } else { ", which its stream has not reached or has freed: not live in stream order" };
            return format!("offset {offset} of a {whose} of {bytes} bytes at {low:#x} (device {}){order}", self.id);
        }
        if let Some((low, bytes)) = self.quarantine.iter().rev().find(|(l, b)| (*l..l + b).contains(&address)) {
            return format!(
                "offset {} of an allocation at {low:#x} (device {}, at most {bytes} bytes) that was freed",
                address - low,
                self.id
            );
        }
        match self.allocations.range(..=address).next_back() {
            Some((low, a)) => {
                format!("no allocation; the nearest below is {} bytes at {low:#x} (device {})", a.bytes, self.id)
            }
            None => format!("no allocation of device {}", self.id),
        }
    }

    /// Finds address space for `bytes` bytes; they can be used once [`Device::activate`] ran.
    pub fn reserve(&mut self, bytes: usize, module: bool) -> Result<u64> {
        if self.used.saturating_add(bytes) > self.capacity {
            return Err(Status::OutOfMemory);
        }
        let size = Self::size(bytes);
        let at = match self.free.iter().find(|(_, s)| **s >= size).map(|(a, s)| (*a, *s)) {
            Some((at, found)) => {
                self.free.remove(&at);
                if found > size {
                    self.free.insert(at + size, found - size);
                }
                at
            }
            None if self.top + size <= self.base + self.reserved => {
                self.top += size;
                self.top - size
            }
            None => return Err(Status::OutOfMemory),
        };
        // Variables of modules are not what callers count.
        self.used += if module { 0 } else { bytes };
        self.allocations.insert(at, Allocation { bytes, live: false, freeing: false, module });
        Ok(at)
    }

    fn size(bytes: usize) -> u64 {
        (bytes as u64).max(1).next_multiple_of(ALIGN) + RED_ZONE
    }

    /// Makes a reserved allocation usable.
    pub fn activate(&mut self, at: u64) {
        let host = self.host(at);
        if let Some(allocation) = self.allocations.get_mut(&at) {
            allocation.live = true;
            if config().dry {
                return;
            }
            // SAFETY: the range was reserved within the mapping and is no one else's.
            unsafe { host.write_bytes(FRESH, allocation.bytes) };
        }
    }

    /// Gives an allocation back; its bytes.
    pub fn release(&mut self, at: u64) -> Option<usize> {
        let allocation = self.allocations.remove(&at)?;
        self.used -= if allocation.module { 0 } else { allocation.bytes };
        let size = Self::size(allocation.bytes);
        if size >= GIVE_BACK {
            let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
            // SAFETY: a range of the library's own file that nothing uses; failing leaves the pages, which is harmless.
            unsafe { libc::fallocate(self.file, mode, (at - self.base).cast_signed(), size.cast_signed()) };
        }
        self.quarantine.push_back((at, size));
        self.quarantined += size;
        while self.quarantined > QUARANTINE
            && let Some((at, size)) = self.quarantine.pop_front()
        {
            self.quarantined -= size;
            self.merge(at, size);
        }
        Some(allocation.bytes)
    }

    /// Adds a range to the free ones, joined with its neighbours.
    fn merge(&mut self, mut at: u64, mut size: u64) {
        if let Some(next) = self.free.remove(&(at + size)) {
            size += next;
        }
        if let Some((before, length)) = self.free.range(..at).next_back().map(|(b, l)| (*b, *l))
            && before + length == at
        {
            self.free.remove(&before);
            (at, size) = (before, size + length);
        }
        self.free.insert(at, size);
    }
}
