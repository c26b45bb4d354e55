//! Arrays behind HTTP on loopback, whole and in pieces, from a server that has faults.

use hyperslab::store::Create;
use hyperslab::{Context, store};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A server of the files of a folder. The first answer to each request but every fourth is a fault, where there are faults.
struct Server {
    folder: PathBuf,
    latency: Duration,
    faults: bool,
    asked: Mutex<BTreeMap<String, usize>>,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Server {
    fn start(folder: PathBuf, latency: u64, faults: bool) -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Mutex::default();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let server = Arc::new(Self { folder, latency: Duration::from_millis(latency), faults, asked, now, most });
        let own = Arc::clone(&server);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = Arc::clone(&own);
                std::thread::spawn(move || while server.answer(&stream).is_some() {});
            }
        });
        (server, url)
    }

    fn requests(&self) -> usize {
        self.asked.lock().unwrap().values().sum()
    }

    /// Answers one request; nothing where the connection is to end.
    fn answer(&self, mut stream: &TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream).lines();
        let first = lines.next()?.ok()?;
        let mut range = None;
        for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("range")
            {
                range = Some(value.trim().trim_start_matches("bytes=").to_owned());
            }
        }
        let path = first.split(' ').nth(1)?.trim_start_matches('/').to_owned();
        let count = {
            let mut asked = self.asked.lock().unwrap();
            let count = asked.entry(format!("{path} {range:?}")).or_default();
            *count += 1;
            *count
        };
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(self.latency);
        self.now.fetch_sub(1, Ordering::SeqCst);
        let fault = if self.faults && count == 1 { path.bytes().map(usize::from).sum::<usize>() % 4 } else { 3 };
        let Ok(bytes) = fs::read(self.folder.join(&path)) else {
            return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").ok();
        };
        match fault {
            0 => return stream.write_all(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n").ok(),
            1 => return stream.shutdown(std::net::Shutdown::Both).ok().and(None),
            _ => {}
        }
        let total = bytes.len();
        let (from, to) = match range.as_deref().and_then(|r| r.split_once('-')) {
            None => (0, total),
            Some(("", last)) => (total - last.parse::<usize>().ok()?.min(total), total),
            Some((from, to)) => (from.parse().ok()?, to.parse::<usize>().map_or(total, |to| to + 1).min(total)),
        };
        let (status, body) = (if range.is_some() { "206 Partial Content" } else { "200 OK" }, &bytes[from..to]);
        let content =
            if range.is_some() { format!("Content-Range: bytes {from}-{}/{total}\r\n", to - 1) } else { String::new() };
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{content}\r\n", body.len());
        stream.write_all(head.as_bytes()).ok()?;
        let sent = if fault == 2 { body.len() / 2 } else { body.len() };
        stream.write_all(&body[..sent]).ok()?;
        if sent < body.len() { stream.shutdown(std::net::Shutdown::Both).ok().and(None) } else { Some(()) }
    }
}

fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data")
}

#[test]
fn bytes_are_those_of_files_in_spite_of_faults() {
    let cx = Context::builder().threads(2).memory("256 MiB").build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = cx.arange(60 * 50).unwrap().reshape(&[60, 50]);
    let how = Create::new().chunks([7, 10]).shards([21, 20]);
    cx.compute(source.store(folder.path().join("sharded.zarr/x"), how)).unwrap();
    for name in ["era5_surface_v3.zarr", "coads_climatology_v2.zarr"] {
        std::os::unix::fs::symlink(data().join(name), folder.path().join(name)).unwrap();
    }
    let (_, url) = Server::start(folder.path().to_owned(), 0, true);
    for array in ["era5_surface_v3.zarr/t2m", "coads_climatology_v2.zarr/sst", "sharded.zarr/x"] {
        let [there, here] = [format!("{url}/{array}"), folder.path().join(array).display().to_string()].map(|path| {
            let x = cx.open(path).unwrap();
            let (mean, part) =
                cx.compute((x.mean(0), x.try_slice(ndarray::s![.., 3..17, ..]).unwrap_or(x.clone()))).unwrap();
            [mean.block().bytes().to_vec(), part.block().bytes().to_vec()]
        });
        assert!(there == here, "{array}");
    }
}

#[test]
fn opening_takes_a_few_requests_and_reading_many_at_once() {
    let cx = Context::builder().threads(1).memory("256 MiB").build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = cx.arange(400 * 40_000).unwrap().reshape(&[400, 40_000]);
    cx.compute(source.store(folder.path().join("x.zarr/a/x"), Create::new().chunks([4, 40_000]).codec("none")))
        .unwrap();
    let (server, url) = Server::start(folder.path().to_owned(), 20, false);
    let x = cx.open(format!("{url}/x.zarr/a/x")).unwrap();
    assert!(server.requests() <= 6, "{} requests", server.requests());
    let before = server.requests();
    cx.compute(x.sum(..)).unwrap();
    assert_eq!(server.requests() - before, 100);
    let most = server.most.load(Ordering::SeqCst);
    assert!(most >= 20, "{most} at once");
}

#[test]
fn errors_name_the_url() {
    let (_, url) = Server::start(data(), 0, false);
    let open = |path: &str| store::open(format!("{url}/{path}")).unwrap_err().to_string();
    assert_eq!(open("era5_surface_v3.zarr/none"), format!("{url}/era5_surface_v3.zarr/none: no such array"));
    assert!(open("era5_surface_v3.zarr").contains("is a group, not an array"));
    assert!(open("nothing/here").starts_with(&format!("{url}/nothing/here: no such array")));
    assert!(open("etopo40.nc/rose").contains("hdf5 is read from files"));
    let dead = store::open("s3:///x.zarr").unwrap_err().to_string();
    assert_eq!(dead, "s3:///x.zarr: names no bucket");
}
