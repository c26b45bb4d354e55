//! Indexes of what is behind a network.

use super::Server;
use hyperslab::store::index::Index;
use hyperslab::store::{self, Create, Store};
use hyperslab::{Context, Result};
use std::path::Path;
use std::sync::atomic::Ordering;

/// Writes an index of one array, with as many threads as there are jobs.
fn index(path: &Path, store: &dyn Store) -> Result<()> {
    let jobs = |count: usize, _: bool, body: &(dyn Fn(usize) -> Result<()> + Sync)| {
        let one = |i: usize| move || body(i);
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..count).map(|i| scope.spawn(one(i))).collect();
            all.into_iter().try_for_each(|thread| thread.join().unwrap())
        })
    };
    let mut index = Index::new(path, &Create::new().overwrite(true))?;
    index.array("x", store, &store.info().names, &jobs)?;
    index.finish()
}

#[test]
fn chunks_of_hierarchies_are_referred_to_where_they_are() {
    let cx = Context::builder().threads(2).build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (server, url) = Server::start(folder.path().to_owned(), 20, false);
    let x = cx.arange(60 * 50).unwrap().reshape(&[60, 50]);
    let x = (&x - 20 * 50).clip(0, 1 << 20);
    let (two, three) = (Create { zarr_version: Some(2), ..Create::new() }, Create::new());
    for (name, how) in [
        ("two", two.chunks([10, 20]).codec("zlib")),
        ("three", three.clone().chunks([10, 20])),
        ("shards", three.chunks([5, 10]).shards([20, 30])),
    ] {
        // Chunks of zeros are not stored.
        let array = format!("{name}.zarr/x");
        cx.compute(x.store(folder.path().join(&array), how)).unwrap();
        for path in [folder.path().join(&array), format!("{url}/{array}").into()] {
            server.most.store(0, Ordering::SeqCst);
            let out = folder.path().join("index.json");
            let there = store::open(&path).unwrap();
            index(&out, there.as_ref()).unwrap();
            let most = server.most.load(Ordering::SeqCst);
            assert!(!there.is_remote() || most >= 4, "{array}: {most} at once");
            let read = cx.compute(cx.open(out.join("x")).unwrap()).unwrap().to_ndarray::<i64>().unwrap();
            assert_eq!(read, cx.compute(x.clone()).unwrap().into_dyn(), "{}", path.display());
        }
    }
}

#[test]
fn what_version_2_has_no_words_for_is_refused() {
    let cx = Context::builder().threads(1).build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.zarr/x");
    let x = cx.arange(6000).unwrap().reshape(&[60, 100]);
    cx.compute(x.store(&path, Create::new().chunks([10, 100]).codec("none"))).unwrap();
    let document = path.join("zarr.json");
    let text = std::fs::read_to_string(&document).unwrap();
    let endian = text.find("\"codecs\"").unwrap();
    let (before, after) = text.split_at(endian + text[endian..].find('[').unwrap() + 1);
    for (codec, why) in [
        (r#"{"name": "transpose", "configuration": {"order": [0, 1]}},"#, "codec `transpose`"),
        (r#"{"name": "zfp", "configuration": {"mode": "reversible"}},"#, "codec `zfp`"),
    ] {
        std::fs::write(&document, format!("{before}{codec}{after}")).unwrap();
        let Ok(store) = store::open(&path) else { continue };
        let error = index(&folder.path().join("index.json"), store.as_ref()).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("x.zarr/x: cannot be referred to: Zarr v2 has no"), "{error}");
    }
}
