//! Cancelled runs.

use super::names;
use super::synthetic::Synthetic;
use hyperslab::{Context, ErrorKind, store::Create};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn a_run_cancelled_from_another_thread_stops_and_leaves_nothing() {
    for name in ["o.npy", "o.zarr", "o.h5"] {
        let folder = tempfile::tempdir().unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let tell = std::sync::Mutex::new(tell);
        let done = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&done);
        let sink = move |now: hyperslab::runtime::context::Progress| {
            count.store(now.done, Ordering::Relaxed);
            if now.done >= 10 {
                let _ = tell.lock().unwrap().send(());
                // Gives the other thread the time to cancel.
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        };
        let cx = Context::builder().threads(2).memory("64MiB").block_bytes(4000).progress(sink).build().unwrap();
        let token = cx.cancel_token();
        let other = std::thread::spawn(move || {
            told.recv().unwrap();
            token.cancel();
        });
        let (x, store) = Synthetic::new(1000, 1000, [10, 10]).into_array();
        let stored = (&x + 1.0).store(folder.path().join(name), Create::new().chunks([10, 10]));
        let err = cx.compute(stored).unwrap_err();
        other.join().unwrap();
        assert_eq!((err.kind(), err.to_string().split(' ').next().unwrap()), (&ErrorKind::Cancelled, "cancelled"));
        assert!(store.total_reads() < 5000, "{} of 10000 chunks were read", store.total_reads());
        assert!(done.load(Ordering::Relaxed) >= 10);
        assert!(names(folder.path()).is_empty(), "{name}: {:?}", names(folder.path()));
    }
}
