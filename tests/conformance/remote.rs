//! Arrays behind HTTP on loopback, whole and in pieces, from a server that has faults.

use hyperslab::array::many::OpenMany;
use hyperslab::store::Create;
use hyperslab::{Context, store};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

mod hierarchies;
mod referred;

/// A server of the files of a folder. The first answer to each request but every fourth is a fault, where there are
/// faults.
struct Server {
    folder: PathBuf,
    latency: Duration,
    faults: bool,
    /// Whether it answers requests for a part of a file with that part.
    ranges: bool,
    asked: Mutex<BTreeMap<String, usize>>,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Server {
    fn start(folder: PathBuf, latency: u64, faults: bool) -> (Arc<Self>, String) {
        Self::start_as(folder, latency, faults, true)
    }

    fn start_as(folder: PathBuf, latency: u64, faults: bool, ranges: bool) -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Mutex::default();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let server =
            Arc::new(Self { folder, latency: Duration::from_millis(latency), faults, ranges, asked, now, most });
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
                && self.ranges
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
        let file = fs::File::open(self.folder.join(&path)).ok().filter(|f| f.metadata().is_ok_and(|m| m.is_file()));
        let Some(file) = file else {
            return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").ok();
        };
        match fault {
            0 => return stream.write_all(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n").ok(),
            1 => return stream.shutdown(std::net::Shutdown::Both).ok().and(None),
            _ => {}
        }
        let total = usize::try_from(file.metadata().ok()?.len()).ok()?;
        let (from, to) = match range.as_deref().and_then(|r| r.split_once('-')) {
            None => (0, total),
            Some(("", last)) => (total - last.parse::<usize>().ok()?.min(total), total),
            Some((from, to)) => (from.parse().ok()?, to.parse::<usize>().map_or(total, |to| to + 1).min(total)),
        };
        let status = if range.is_some() { "206 Partial Content" } else { "200 OK" };
        let mut body = vec![0; to - from];
        file.read_exact_at(&mut body, from as u64).ok()?;
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
    assert!(open("nothing/here").starts_with(&format!("{url}/nothing/here: no such file or array")));
    let none = open("etopo40.nc/none");
    assert!(none.starts_with(&format!("{url}/etopo40.nc/none: ")) && none.contains("'none' doesn't exist"), "{none}");
    assert!(open("nothing.nc/x").starts_with(&format!("{url}/nothing.nc/x: no such file or array")));
    assert!(open("README.md").contains("is in no format that can be read"));
    let dead = store::open("s3:///x.zarr").unwrap_err().to_string();
    assert_eq!(dead, "s3:///x.zarr: names no bucket");
}

/// Bytes of a mean and of a part of the array at `path`.
fn answers(cx: &Context, path: &str) -> [Vec<u8>; 2] {
    let x = cx.open(path).unwrap();
    let part = x.try_slice(ndarray::s![1.., ..;2]).unwrap_or(x.clone());
    let (mean, part) = cx.compute((x.mean(0), part)).unwrap();
    [mean.block().bytes().to_vec(), part.block().bytes().to_vec()]
}

#[test]
fn files_are_read_by_ranges_in_spite_of_faults() {
    let cx = Context::builder().threads(2).memory("256 MiB").build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let x = cx.arange(900 * 2001).unwrap().reshape(&[900, 2001]);
    let how = |chunks| Create::new().chunks(chunks);
    cx.compute(x.store(folder.path().join("x.npy"), Create::new())).unwrap();
    cx.compute(x.store(folder.path().join("many.h5/x"), how([13, 1000]))).unwrap();
    cx.compute(x.store(folder.path().join("plain.h5/x"), how([13, 1000]).codec("none"))).unwrap();
    for name in ["etopo40.nc", "a1b_air_temperature.h5", "indian_pines_tall.h5", "netcdf3", "tiff"] {
        std::os::unix::fs::symlink(data().join(name), folder.path().join(name)).unwrap();
    }
    let mut arrays: Vec<String> = ["x.npy", "x.npy?dtype=<i8&shape=900,2001&offset=128", "many.h5/x", "plain.h5/x"]
        .into_iter()
        .chain(["etopo40.nc/rose", "a1b_air_temperature.h5/air_temperature", "indian_pines_tall.h5/radiance"])
        .chain(["netcdf3/classic.nc/records_i1", "netcdf3/data64.nc/fixed_i1", "netcdf3/one_record_variable.nc"])
        .map(str::to_owned)
        .collect();
    arrays.extend(fs::read_dir(data().join("tiff")).unwrap().flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.ends_with(".tif").then(|| format!("tiff/{name}"))
    }));
    let (_, url) = Server::start(folder.path().to_owned(), 0, true);
    for array in &arrays {
        let (there, here) = (format!("{url}/{array}"), folder.path().join(array).display().to_string());
        assert!(answers(&cx, &there) == answers(&cx, &here), "{array}");
    }
}

#[test]
fn a_file_is_opened_and_read_by_few_requests() {
    let cx = Context::builder().threads(1).memory("256 MiB").build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let x = cx.arange(400 * 40_000).unwrap().reshape(&[400, 40_000]);
    let how = Create::new().chunks([4, 40_000]).codec("none");
    cx.compute(x.store(folder.path().join("x.h5/x"), how)).unwrap();
    let (server, url) = Server::start(folder.path().to_owned(), 20, false);
    let there = cx.open(format!("{url}/x.h5/x")).unwrap();
    // The first 256 KiB, and what describes the array behind its chunks.
    assert!(server.requests() <= 2, "{} requests", server.requests());
    let sum = cx.compute(there.sum(..)).unwrap();
    assert_eq!(sum.to_ndarray::<i64>().unwrap(), cx.compute(x.sum(..)).unwrap());
    let (asked, most) = (server.requests(), server.most.load(Ordering::SeqCst));
    assert!((100..106).contains(&asked) && most >= 20, "{asked} requests, {most} at once");
    // Small chunks that lie near each other come together.
    let x = cx.arange(200 * 4000).unwrap().reshape(&[200, 4000]);
    let how = Create::new().chunks([1, 400]).codec("none");
    cx.compute(x.store(folder.path().join("small.h5/x"), how)).unwrap();
    let there = cx.open(format!("{url}/small.h5/x")).unwrap();
    assert_eq!(cx.compute(there.sum(..)).unwrap().to_ndarray::<i64>().unwrap(), cx.compute(x.sum(..)).unwrap());
    let asked = server.requests() - asked;
    assert!(asked < 40, "{asked} requests");
}

#[test]
fn many_files_are_opened_at_once() {
    let cx = Context::builder().threads(1).memory("256 MiB").build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (server, url) = Server::start(folder.path().to_owned(), 50, false);
    let parts = 32;
    let x = cx.arange(parts * 8 * 50).unwrap().reshape(&[parts as isize * 8, 50]);
    for i in 0..parts {
        // What is asked for lies behind the first 256 KiB, which come when a file is opened.
        let (file, rows) = (folder.path().join(format!("f{i}.h5")), i as isize * 8..(i as isize + 1) * 8);
        let how = Create::new().chunks([4, 50]).codec("none");
        cx.compute(cx.arange(40_000).unwrap().store(file.join("before"), Create::new().codec("none"))).unwrap();
        cx.compute(x.slice(ndarray::s![rows, ..]).store(file.join("x"), how)).unwrap();
    }
    let paths: Vec<String> = (0..parts).map(|i| format!("{url}/f{i}.h5/x")).collect();
    let all = cx.open_many(paths, &OpenMany::along("0")).unwrap();
    let (asked, most) = (server.requests(), server.most.swap(0, Ordering::SeqCst));
    assert!(asked <= 3 * parts && most > parts / 2, "{asked} requests, {most} at once");
    let (sums, same) = (cx.compute(all.sum(1)).unwrap(), cx.compute(x.sum(1)).unwrap());
    assert_eq!(sums.to_ndarray::<i64>().unwrap(), same);
    // The index of each file, and its chunks; no file is opened again.
    let (asked, most) = (server.requests() - asked, server.most.load(Ordering::SeqCst));
    assert!(asked <= 2 * parts && most > parts / 2, "{asked} requests, {most} at once");
}

/// A TIFF file of pages of bytes, each with its directory behind it, and some bytes between them.
fn stack(pages: usize, shape: [usize; 2], between: impl Fn(usize) -> usize) -> Vec<u8> {
    let number = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
    let (mut file, mut link) = (b"II*\0\0\0\0\0".to_vec(), 4);
    for page in 0..pages {
        let data = file.len();
        file.extend((0..shape[0] * shape[1]).map(|i| (i + page * 7).to_le_bytes()[0]));
        let own = number(file.len());
        file[link..link + 4].copy_from_slice(&own);
        let tags =
            [(256, shape[1]), (257, shape[0]), (258, 8), (273, data), (278, shape[0]), (279, shape[0] * shape[1])];
        file.extend(u16::try_from(tags.len()).unwrap().to_le_bytes());
        for (tag, value) in tags {
            file.extend([&u16::to_le_bytes(tag)[..], &[4, 0], &number(1), &number(value)].concat());
        }
        link = file.len();
        file.resize(link + 4 + between(page), 0);
    }
    file
}

#[test]
fn directories_that_are_scattered_come_before_they_are_asked_for() {
    let cx = Context::builder().threads(1).memory("256 MiB").build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (server, url) = Server::start(folder.path().to_owned(), 10, false);
    fs::write(folder.path().join("even.tif"), stack(120, [300, 400], |_| 0)).unwrap();
    fs::write(folder.path().join("uneven.tif"), stack(120, [300, 400], |page| page * 7919 % 40_000)).unwrap();
    // One that is wrong about every step.
    fs::write(folder.path().join("odd.tif"), stack(40, [300, 400], |page| page % 2 * 400_000)).unwrap();
    for (name, most_asked, at_once) in [("even.tif", 125, 32), ("uneven.tif", 200, 4), ("odd.tif", 200, 1)] {
        let (before, there) = (server.requests(), format!("{url}/{name}"));
        server.most.store(0, Ordering::SeqCst);
        let x = cx.open(&there).unwrap();
        let (asked, most) = (server.requests() - before, server.most.load(Ordering::SeqCst));
        assert!(asked <= most_asked && most >= at_once, "{name}: {asked} requests, {most} at once");
        let here = cx.open(folder.path().join(name)).unwrap();
        let (there, here) = cx.compute((x.sum(0), here.sum(0))).unwrap();
        assert!(there.block().bytes() == here.block().bytes(), "{name}");
    }
}

#[test]
fn one_version_of_a_file_is_read() {
    let cx = Context::builder().threads(1).memory("256 MiB").build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    cx.compute(cx.arange(600_000).unwrap().store(&path, Create::new())).unwrap();
    let (_, url) = Server::start(folder.path().to_owned(), 0, false);
    let there = cx.open(format!("{url}/x.npy")).unwrap();
    cx.compute(cx.arange(700_000).unwrap().store(&path, Create::new().overwrite(true))).unwrap();
    let error = cx.compute(there.sum(..)).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("{url}/x.npy: ")) && error.contains("has changed since it was opened"),
        "{error}"
    );
}

#[test]
fn servers_without_ranges_are_refused() {
    let (_, url) = Server::start_as(data(), 0, false, false);
    let error = store::open(format!("{url}/etopo40.nc/rose")).unwrap_err().to_string();
    assert!(error.contains("etopo40.nc") && error.contains("the server sends only whole files"), "{error}");
}

#[test]
fn indexes_refer_to_objects() {
    let cx = Context::builder().threads(2).memory("256 MiB").build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (_, url) = Server::start(folder.path().to_owned(), 0, true);
    fs::write(folder.path().join("raw.bin"), (0..4000u16).flat_map(u16::to_le_bytes).collect::<Vec<_>>()).unwrap();
    let meta = r#"{"zarr_format":2,"shape":[4000],"chunks":[500],"dtype":"<u2","compressor":null,"filters":null,"order":"C","fill_value":7}"#;
    let places = |target: &str| -> Vec<String> {
        (0..8).map(|i| format!(r#""x/{i}":["{target}",{},1000]"#, i * 1000)).collect()
    };
    for (name, target) in [("here", format!("{url}/raw.bin")), ("there", "raw.bin".to_owned())] {
        let index = format!(
            r#"{{"version":1,"refs":{{".zgroup":"{{\"zarr_format\":2}}","x/.zarray":{meta},{}}}}}"#,
            places(&target).join(",")
        );
        fs::write(folder.path().join(format!("{name}.json")), index).unwrap();
    }
    let local = folder.path().join("here.json/x").display().to_string();
    for path in [local, format!("{url}/there.json/x")] {
        let x = cx.compute(cx.open(&path).unwrap()).unwrap().to_ndarray::<u16>().unwrap();
        assert!(x.iter().copied().eq(0..4000), "{path}");
    }
    fs::write(folder.path().join("bad.json"), format!(r#"{{"refs":{{"x/.zarray":{meta},"x/0":["/etc/hostname"]}}}}"#))
        .unwrap();
    let error = cx.compute(cx.open(format!("{url}/bad.json/x")).unwrap()).unwrap_err().to_string();
    assert!(error.contains("a file of this machine, from an index behind a network"), "{error}");
}
