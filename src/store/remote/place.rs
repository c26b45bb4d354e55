//! One bucket or host: getting bytes, through what was fetched ahead.

use super::ahead::{Ahead, How, Opened, Slot, Then};
use super::{Done, Got, Listing, Objects, Want};
use crate::error::Result;
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

/// A bucket or host.
#[derive(Debug)]
pub(crate) struct Place {
    url: String,
    objects: Box<dyn Objects>,
    /// Where bytes may be that were fetched ahead.
    aheads: Mutex<Vec<Weak<Ahead>>>,
}

impl Place {
    /// The place `url`, without a slash at its end.
    pub(crate) fn new(url: &str, objects: Box<dyn Objects>) -> Arc<Self> {
        Arc::new(Self { url: url.to_owned(), objects, aheads: Mutex::default() })
    }

    /// How errors name a key.
    pub(crate) fn name(&self, key: &str) -> PathBuf {
        if key.is_empty() { PathBuf::from(&self.url) } else { PathBuf::from(format!("{}/{key}", self.url)) }
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

    fn fetch_as(
        &self,
        ahead: &Arc<Ahead>,
        (key, want): (&str, Want),
        bytes: u64,
        how: How,
        then: Option<Then>,
    ) -> bool {
        let aheads = self.aheads();
        let elsewhere =
            aheads.iter().filter(|other| !Arc::ptr_eq(other, ahead)).find_map(|other| other.slot(key, want));
        if let Some(slot) = elsewhere {
            if let Some(then) = then {
                slot.then(then);
            }
            return true;
        }
        if !aheads.iter().any(|known| Arc::ptr_eq(known, ahead)) {
            self.aheads.lock().push(Arc::downgrade(ahead));
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
        self.objects.list(folder, all)
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
