//! One bucket or host: getting bytes, through what was fetched ahead.

use super::ahead::{Ahead, How, Opened, Slot, Then};
use super::blocks::{Blocks, Version};
use super::{Done, Got, Listing, Objects, Want};
use crate::error::{Error, Result};
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

/// Ranges that lie no further apart are asked for by one request,
const NEAR: u64 = 32 << 10;
/// which brings no more than this.
const TOGETHER: u64 = 4 << 20;

/// A bucket or host.
#[derive(Debug)]
pub(crate) struct Place {
    url: String,
    objects: Box<dyn Objects>,
    /// Where bytes may be that were fetched ahead.
    aheads: Mutex<Vec<Weak<Ahead>>>,
    /// Blocks of objects that are read by position.
    pub(super) blocks: Mutex<Blocks>,
}

impl Place {
    /// The place `url`, without a slash at its end.
    pub(crate) fn new(url: &str, objects: Box<dyn Objects>) -> Arc<Self> {
        Arc::new(Self { url: url.to_owned(), objects, aheads: Mutex::default(), blocks: Mutex::default() })
    }

    /// How errors name a key.
    pub(crate) fn name(&self, key: &str) -> PathBuf {
        if key.is_empty() { PathBuf::from(&self.url) } else { PathBuf::from(format!("{}/{key}", self.url)) }
    }

    /// Why an object may be there that is said not to be.
    pub(crate) fn caveat(&self) -> Option<String> {
        self.objects.caveat()
    }

    /// Bytes of an object, which may be more than those that are wanted; `None` where there is no such object.
    ///
    /// # Errors
    /// [`Store`](crate::ErrorKind::Store), naming the object, when the request failed for good.
    pub(crate) fn get(&self, key: &str, want: Want) -> Result<Option<Arc<Got>>> {
        let ahead = self.aheads().iter().find_map(|ahead| ahead.take(key, want));
        ahead.unwrap_or_else(|| self.begin(key, want)).wait()
    }

    /// The objects of these keys, of at most so many bytes each, asked for at once.
    pub(crate) fn get_all(&self, keys: &[String], most: u64) -> Vec<Result<Option<Arc<Got>>>> {
        let slots: Vec<Arc<Slot>> = keys.iter().map(|key| self.begin(key, Want::AtMost(most))).collect();
        slots.iter().map(|slot| slot.wait()).collect()
    }

    /// The end of a range that was fetched ahead, begins at a place and goes no further than `to`.
    pub(crate) fn begun(&self, key: &str, from: u64, to: u64) -> Option<u64> {
        self.aheads().iter().filter_map(|ahead| ahead.begun(key, from, to)).max()
    }

    /// These ranges of an object, asked for at once.
    pub(crate) fn get_ranges(&self, key: &str, ranges: &[(u64, u64)]) -> Vec<Result<Option<Arc<Got>>>> {
        let slots: Vec<Arc<Slot>> = ranges.iter().map(|&(from, to)| self.begin(key, Want::Range(from, to))).collect();
        slots.iter().map(|slot| slot.wait()).collect()
    }

    fn begin(&self, key: &str, want: Want) -> Arc<Slot> {
        let slot = Arc::new(Slot::default());
        self.objects.begin(key, want, slot.filler());
        slot
    }

    /// Begins to get at most `bytes` of an object for `ahead`, unless that was done before. Whether there was room.
    pub(crate) fn fetch(&self, ahead: &Arc<Ahead>, key: &str, want: Want, bytes: u64) -> bool {
        self.fetch_as(ahead, (key, want), bytes, How::Alone, None)
    }

    /// As [`Place::fetch`], with room for what `then` fetches when it has seen the bytes, by [`Place::fetch_led`].
    pub(crate) fn fetch_leading(&self, ahead: &Arc<Ahead>, key: &str, want: Want, bytes: u64, then: Then) -> bool {
        self.fetch_as(ahead, (key, want), bytes, How::Leads, Some(then))
    }

    /// Begins to get ranges of an object, for which room was set aside with `lead`; that takes `bytes` itself.
    pub(crate) fn fetch_led(&self, ahead: &Arc<Ahead>, key: &str, ranges: &[(u64, u64)], (lead, bytes): (Want, u64)) {
        for &(a, b) in ranges {
            self.fetch_as(ahead, (key, Want::Range(a, b)), b - a, How::Led, None);
        }
        ahead.lead(key, lead, bytes);
    }

    /// Begins to get these ranges of an object for `ahead`, in order, as far as there is room; says how many of them
    /// are under way or were before. Those that lie near each other come by one request.
    pub(crate) fn fetch_all(&self, ahead: &Arc<Ahead>, key: &str, ranges: &[(u64, u64)]) -> usize {
        self.fetch_known(ahead, key, ranges, None)
    }

    /// As [`Place::fetch_all`] of an object of this version, of which blocks may be kept: these come from there.
    pub(super) fn fetch_known(
        &self,
        ahead: &Arc<Ahead>,
        key: &str,
        ranges: &[(u64, u64)],
        version: Option<&Version>,
    ) -> usize {
        let kept = |from: u64, to: u64| {
            let version = version?;
            let bytes = self.blocks.lock().part(version.number, from, to)?;
            Some(Got { bytes, start: from, total: version.total, tag: version.tag.clone() })
        };
        let others = self.join(ahead);
        let (mut new, mut done) = (Vec::new(), 0);
        for &(from, to) in ranges {
            let elsewhere = || others.iter().any(|other| other.covers(key, from));
            if from < to && !elsewhere() {
                match ahead.open(key, Want::Range(from, to), to - from, How::Alone) {
                    Opened::New(slot) => new.push((from, to, slot)),
                    Opened::Full => break,
                    Opened::Here(_) | Opened::Known => {}
                }
            }
            done += 1;
        }
        new.sort_unstable_by_key(|&(from, to, _)| (from, to));
        let mut rest = new.as_slice();
        while let Some(&(from, mut end, _)) = rest.first() {
            let near = |&(a, b, _): &(u64, u64, _)| {
                let fits = a <= end.saturating_add(NEAR) && (b <= end || b - from <= TOGETHER);
                end = if fits { end.max(b) } else { end };
                fits
            };
            let count = 1 + rest[1..].iter().map(near).take_while(|&fits| fits).count();
            let filler = Slot::filler_of(rest[..count].iter().map(|(_, _, slot)| slot));
            match kept(from, end) {
                Some(got) => filler(Ok(Some(got))),
                None => self.objects.begin(key, Want::Range(from, end), filler),
            }
            rest = &rest[count..];
        }
        done
    }

    /// Where else bytes may be than in `ahead`, which is known from now on.
    fn join(&self, ahead: &Arc<Ahead>) -> Vec<Arc<Ahead>> {
        let mut aheads = self.aheads();
        match aheads.iter().position(|known| Arc::ptr_eq(known, ahead)) {
            Some(own) => drop(aheads.swap_remove(own)),
            None => self.aheads.lock().push(Arc::downgrade(ahead)),
        }
        aheads
    }

    fn fetch_as(
        &self,
        ahead: &Arc<Ahead>,
        (key, want): (&str, Want),
        bytes: u64,
        how: How,
        then: Option<Then>,
    ) -> bool {
        if let Some(slot) = self.join(ahead).iter().find_map(|other| other.slot(key, want)) {
            if let Some(then) = then {
                slot.then(then);
            }
            return true;
        }
        match ahead.open(key, want, bytes, how) {
            Opened::Known => {}
            Opened::Here(slot) => {
                if let Some(then) = then {
                    slot.then(then);
                }
            }
            Opened::New(slot) => {
                if let Some(then) = then {
                    slot.then(then);
                }
                self.objects.begin(key, want, slot.filler());
            }
            Opened::Full => return false,
        }
        true
    }

    /// Those that live.
    fn aheads(&self) -> Vec<Arc<Ahead>> {
        let mut list = self.aheads.lock();
        let alive: Vec<Arc<Ahead>> = list.iter().filter_map(Weak::upgrade).collect();
        if alive.len() < list.len() {
            *list = alive.iter().map(Arc::downgrade).collect();
        }
        alive
    }

    /// The names directly below a folder, or all keys in it.
    pub(crate) fn list(&self, folder: &str, all: bool) -> Result<Listing> {
        let listed = self.objects.list(&[folder.to_owned()], all).pop();
        listed.ok_or_else(|| Error::bug("a listing for each folder"))?
    }

    /// The names directly below each of these folders, asked for at once.
    pub(crate) fn list_each(&self, folders: &[String]) -> Vec<Result<Listing>> {
        self.objects.list(folders, false)
    }

    /// Begins to store an object.
    pub(crate) fn put(&self, key: &str, data: Vec<u8>, done: Done<Result<()>>) {
        self.objects.put(key, data, done);
    }

    /// Deletes objects; those that are not there are none to speak of.
    pub(crate) fn delete(&self, keys: &[String]) -> Result<()> {
        self.objects.delete(keys)
    }
}
