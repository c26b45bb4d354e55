//! Loads and stores, each checked.

use super::block::Context;
use super::races::Kind;
use super::warp::{Warp, lanes_of};
use super::{Fault, Span};
use crate::ptx::ast::Space;
use crate::ptx::inst::{Access, Inst, NONE};
use crate::ptx::regs::{Cell, FULL, LANES};
use crate::ptx::types::Ty;
use crate::ptx::{LOCAL_WINDOW, PARAM_WINDOW, SHARED_WINDOW};
use crate::status::Status;

/// Reads an element; integers with a sign are extended.
///
/// # Safety
/// `from` points to `ty.bytes()` readable bytes.
#[inline(always)]
pub unsafe fn get(from: *const u8, ty: Ty) -> u64 {
    // SAFETY: the caller's promise; reads need no alignment.
    unsafe {
        match ty {
            Ty::S8 => i64::from(from.cast::<i8>().read()).cast_unsigned(),
            Ty::S16 => i64::from(from.cast::<i16>().read_unaligned()).cast_unsigned(),
            Ty::S32 => i64::from(from.cast::<i32>().read_unaligned()).cast_unsigned(),
            _ => match ty.bytes() {
                1 => u64::from(from.read()),
                2 => u64::from(from.cast::<u16>().read_unaligned()),
                4 => u64::from(from.cast::<u32>().read_unaligned()),
                _ => from.cast::<u64>().read_unaligned(),
            },
        }
    }
}

/// Writes an element.
///
/// # Safety
/// `to` points to `ty.bytes()` writable bytes.
#[expect(clippy::cast_possible_truncation, reason = "the element's low bits")]
#[inline(always)]
pub unsafe fn put(to: *mut u8, ty: Ty, value: u64) {
    // SAFETY: the caller's promise; writes need no alignment.
    unsafe {
        match ty.bytes() {
            1 => to.write(value as u8),
            2 => to.cast::<u16>().write_unaligned(value as u16),
            4 => to.cast::<u32>().write_unaligned(value as u32),
            _ => to.cast::<u64>().write_unaligned(value),
        }
    }
}

/// An element of each lane.
///
/// # Safety
/// `from` points to 32 elements, `stride` bytes apart.
unsafe fn strided<T: Cell>(from: *const u8, stride: usize) -> [T; LANES] {
    // SAFETY: the caller's promise; reads need no alignment.
    unsafe {
        if stride == size_of::<T>() {
            return from.cast::<[T; LANES]>().read_unaligned();
        }
        std::array::from_fn(|lane| from.add(lane * stride).cast::<T>().read_unaligned())
    }
}

/// The reverse of [`strided`].
///
/// # Safety
/// As there, for writing.
unsafe fn spread<T: Cell>(lanes: &[T; LANES], to: *mut u8, stride: usize) {
    // SAFETY: the caller's promise; writes need no alignment.
    unsafe {
        if stride == size_of::<T>() {
            return to.cast::<[T; LANES]>().write_unaligned(*lanes);
        }
        for (lane, value) in lanes.iter().enumerate() {
            to.add(lane * stride).cast::<T>().write_unaligned(*value);
        }
    }
}

/// Which way data goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Load,
    Store,
}

impl Warp {
    pub fn load(&mut self, cx: &mut Context<'_>, access: &Access, index: u32, mask: u32) -> Result<(), Fault> {
        if mask == FULL
            && matches!(access.space, Space::Global | Space::Const)
            && self.whole(cx, access, index, Way::Load)
        {
            return Ok(());
        }
        self.each(cx, access, index, mask, Way::Load)
    }

    pub fn store(&mut self, cx: &mut Context<'_>, access: &Access, index: u32, mask: u32) -> Result<(), Fault> {
        if mask == FULL && access.space == Space::Global && self.whole(cx, access, index, Way::Store) {
            return Ok(());
        }
        self.each(cx, access, index, mask, Way::Store)
    }

    /// Kernel arguments: the same for every lane unless their address is computed.
    pub fn argument(&mut self, cx: &Context<'_>, access: &Access, mask: u32) -> Result<(), Fault> {
        if mask == FULL && access.base == NONE {
            let at = usize::try_from(access.offset).unwrap_or(usize::MAX);
            if let Some(bytes) = cx.args.get(at..).and_then(|b| b.get(..access.bytes())) {
                for (i, row) in access.regs.iter().enumerate() {
                    // SAFETY: the element lies within `bytes`.
                    let value = unsafe { get(bytes[i * access.ty.bytes()..].as_ptr(), access.ty) };
                    self.regs.fill(*row, access.regs_wide, value);
                }
                return Ok(());
            }
        }
        for lane in lanes_of(mask) {
            let at = self.address(access, lane);
            let Some(bytes) = usize::try_from(at).ok().and_then(|at| cx.args.get(at..)?.get(..access.bytes())) else {
                let why = format!("a load of {} bytes at {at} beyond the kernel's arguments", access.bytes());
                return Err(cx.fault(Status::IllegalAddress, self, 1 << lane, why));
            };
            for (i, row) in access.regs.iter().enumerate() {
                // SAFETY: the element lies within `bytes`.
                let value = unsafe { get(bytes[i * access.ty.bytes()..].as_ptr(), access.ty) };
                self.regs.set(*row, access.regs_wide, lane, value);
            }
        }
        Ok(())
    }

    fn address(&self, access: &Access, lane: usize) -> u64 {
        if access.base == NONE {
            access.offset.cast_unsigned()
        } else {
            self.regs.get(access.base, access.wide, lane).wrapping_add_signed(access.offset)
        }
    }

    /// The access of 32 lanes to consecutive elements of one allocation; false where it is none.
    fn whole(&mut self, cx: &mut Context<'_>, access: &Access, index: u32, way: Way) -> bool {
        if access.base == NONE
            || !access.wide
            || cx.global.is_some()
            || (access.regs.len() > 1 && access.ty.bytes() < 4)
        {
            return false;
        }
        let bytes = access.bytes();
        // SAFETY: the base is a wide register of this kernel.
        let lanes = unsafe { &*u64::row(&mut self.regs, access.base) };
        let first = lanes[0];
        let mut different = 0;
        for (lane, address) in lanes.iter().enumerate() {
            different |= address ^ first.wrapping_add((lane * bytes) as u64);
        }
        let first = first.wrapping_add_signed(access.offset);
        if different != 0 || !first.is_multiple_of(bytes as u64) {
            return false;
        }
        let span = &mut cx.spans[index as usize];
        if !span.holds(first, LANES * bytes) {
            let Ok(found) = cx.memory.span(first, LANES * bytes) else { return false };
            *span = found;
        }
        let host = span.at(first);
        match way {
            Way::Load => self.gather(access, host),
            Way::Store => self.scatter(access, host),
        }
        true
    }

    /// Loads consecutive elements into all lanes.
    fn gather(&mut self, access: &Access, host: *const u8) {
        let width = access.ty.bytes();
        let (stride, ty) = (access.bytes(), access.ty);
        for (i, row) in access.regs.iter().enumerate() {
            // SAFETY: the span holds all lanes' elements, and the row is of the width that the access says.
            unsafe {
                let from = host.add(i * width);
                match (width, access.regs_wide) {
                    (4, false) => *u32::row(&mut self.regs, *row) = strided(from, stride),
                    (8, true) => *u64::row(&mut self.regs, *row) = strided(from, stride),
                    _ => {
                        for lane in 0..LANES {
                            self.regs.set(*row, access.regs_wide, lane, get(from.add(lane * stride), ty));
                        }
                    }
                }
            }
        }
    }

    /// Stores all lanes into consecutive elements.
    fn scatter(&mut self, access: &Access, host: *mut u8) {
        let width = access.ty.bytes();
        let (stride, ty) = (access.bytes(), access.ty);
        for (i, row) in access.regs.iter().enumerate() {
            // SAFETY: as in `gather`.
            unsafe {
                let to = host.add(i * width);
                match (width, access.regs_wide) {
                    (4, false) => spread(&*u32::row(&mut self.regs, *row), to, stride),
                    (8, true) => spread(&*u64::row(&mut self.regs, *row), to, stride),
                    _ => {
                        for lane in 0..LANES {
                            put(to.add(lane * stride), ty, self.regs.get(*row, access.regs_wide, lane));
                        }
                    }
                }
            }
        }
    }

    /// The access lane by lane.
    fn each(&mut self, cx: &mut Context<'_>, access: &Access, index: u32, mask: u32, way: Way) -> Result<(), Fault> {
        let kind = if way == Way::Load { Kind::Read } else { Kind::Write };
        for lane in lanes_of(mask) {
            let width = access.ty.bytes();
            let value = (way == Way::Store && access.regs.len() == 1)
                .then(|| self.regs.get(access.regs[0], access.regs_wide, lane));
            let host = self.locate(cx, access, index, lane, kind, value)?;
            for (i, row) in access.regs.iter().enumerate() {
                let at = host.wrapping_add(i * width);
                // SAFETY: `locate` checked all bytes of the access.
                unsafe {
                    match way {
                        Way::Load => {
                            let value = get(at, access.ty);
                            self.regs.set(*row, access.regs_wide, lane, value);
                        }
                        Way::Store => put(at, access.ty, self.regs.get(*row, access.regs_wide, lane)),
                    }
                }
            }
        }
        Ok(())
    }

    /// Where a lane's access lies in the host's memory, checked; `value` is what would be written, if one element.
    pub fn locate(
        &mut self,
        cx: &mut Context<'_>,
        access: &Access,
        index: u32,
        lane: usize,
        kind: Kind,
        value: Option<u64>,
    ) -> Result<*mut u8, Fault> {
        let bytes = access.bytes();
        let mut address = self.address(access, lane);
        if !address.is_multiple_of(bytes as u64) {
            let why = format!("a {bytes}-byte access at {address:#x} is not aligned");
            return Err(cx.fault(Status::MisalignedAddress, self, 1 << lane, why));
        }
        let mut space = access.space;
        if space == Space::Generic {
            let window = address & !(SHARED_WINDOW - 1);
            space = match window {
                SHARED_WINDOW => Space::Shared,
                LOCAL_WINDOW => Space::Local,
                PARAM_WINDOW => Space::Param,
                _ => Space::Global,
            };
            if space != Space::Global {
                address -= window;
            }
        }
        match space {
            Space::Global | Space::Const | Space::Generic => {
                let span = cx.spans.get(index as usize).copied().unwrap_or(Span::EMPTY);
                let span = if span.holds(address, bytes) {
                    span
                } else {
                    let found = cx.memory.span(address, bytes).map_err(|why| {
                        let did = if kind == Kind::Read { "read" } else { "write" };
                        let why = format!("a {did} of {bytes} bytes at {address:#x}: {why}");
                        cx.fault(Status::IllegalAddress, self, 1 << lane, why)
                    })?;
                    if let Some(span) = cx.spans.get_mut(index as usize) {
                        *span = found;
                    }
                    found
                };
                if cx.global.is_some() && !access.volatile {
                    cx.touch_global(self, lane, address, bytes, kind)?;
                }
                Ok(span.at(address))
            }
            Space::Shared => {
                let size = cx.shared.len();
                let at = usize::try_from(address).unwrap_or(usize::MAX);
                if at.checked_add(bytes).is_none_or(|end| end > size) {
                    let why =
                        format!("an access of {bytes} bytes of shared memory at offset {address:#x}: there are {size}");
                    return Err(cx.fault(Status::IllegalAddress, self, 1 << lane, why));
                }
                let host = cx.shared[at..].as_mut_ptr();
                // Writing what is there already changes nothing for anyone.
                // SAFETY: the element lies within shared memory, as checked above.
                let idle = value.is_some_and(|v| unsafe { same(host, access.ty, v) });
                if !access.volatile && !idle {
                    cx.touch_shared(self, lane, at, bytes, kind)?;
                }
                Ok(host)
            }
            Space::Local => {
                let size = self.local.len() / LANES;
                let at = usize::try_from(address).unwrap_or(usize::MAX);
                if at.checked_add(bytes).is_none_or(|end| end > size) {
                    let why =
                        format!("an access of {bytes} bytes of local memory at offset {address:#x}: there are {size}");
                    return Err(cx.fault(Status::IllegalAddress, self, 1 << lane, why));
                }
                Ok(self.local[lane * size + at..].as_mut_ptr())
            }
            Space::Param => {
                let at = usize::try_from(address).unwrap_or(usize::MAX);
                let inside = kind == Kind::Read && at.checked_add(bytes).is_some_and(|end| end <= cx.args.len());
                if !inside {
                    let why = format!("an access of {bytes} bytes at {at} of the kernel's arguments");
                    return Err(cx.fault(Status::IllegalAddress, self, 1 << lane, why));
                }
                Ok(cx.args[at..].as_ptr().cast_mut())
            }
        }
    }

    /// What a failed `assert` says: its arguments are pointers to text in device memory.
    pub fn failed_assertion(&mut self, cx: &mut Context<'_>, inst: &Inst, mask: u32) -> Fault {
        let lane = lanes_of(mask).next().unwrap_or(0);
        let size = self.local.len() / LANES;
        let word = |at: u32| {
            let at = lane * size + at as usize;
            self.local.get(at..at + 8).map_or(0, |b| u64::from_le_bytes(b.try_into().unwrap_or_default()))
        };
        let (message, file) = (word(inst.a), word(inst.b));
        let line = word(inst.c) & 0xffff_ffff;
        let text = |cx: &mut Context<'_>, at: u64| {
            let mut out = String::new();
            while let Ok(span) = cx.memory.span(at + out.len() as u64, 1) {
                // SAFETY: the span holds this byte.
                match unsafe { span.at(at + out.len() as u64).read() } {
                    0 => break,
                    c => out.push(char::from(c)),
                }
            }
            out
        };
        let (message, file) = (text(cx, message), text(cx, file));
        cx.fault(Status::Assert, self, mask, format!("{file}:{line}: assertion `{message}` failed"))
    }
}

/// Whether memory holds `value` already.
///
/// # Safety
/// As [`get`].
#[inline(always)]
unsafe fn same(host: *const u8, ty: Ty, value: u64) -> bool {
    let bits = if ty.bytes() == 8 { u64::MAX } else { (1 << (8 * ty.bytes())) - 1 };
    // SAFETY: the caller's promise.
    unsafe { get(host, ty) & bits == value & bits }
}
