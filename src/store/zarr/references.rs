//! A virtual index: a JSON file, as `kerchunk` writes it, that says for each key of a Zarr hierarchy where in other
//! files its bytes are, or what they are.
//!
//! Version 1 of the references: a text (`base64:` before one that is coded so), `[file]`, or `[file, offset, length]`,
//! with templates for names of files. Names that are relative are looked for from the folder of the index.

use super::json;
use super::piece::{Bytes, Piece};
use crate::error::{Error, Result};
use crate::store::input::Input;
use crate::store::remote::{Place, is_url, locate};
use crate::store::{Place as At, raw};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What an index begins with is looked for in so many bytes.
const HEAD: usize = 64 << 10;
/// Longer indexes are taken for something else.
const LONGEST: u64 = 4 << 30;

/// An index, read.
#[derive(Debug)]
pub(super) struct References {
    file: Arc<Input>,
    entries: BTreeMap<String, Reference>,
}

#[derive(Debug)]
enum Reference {
    /// The bytes themselves.
    Inline(Vec<u8>),
    /// A file, or a part of one: its offset and length.
    File(Arc<Path>, Option<(u64, u64)>),
    /// Something else, and why it cannot be read.
    Other(String),
}

impl References {
    /// Whether a file looks like an index.
    pub(super) fn is_one(path: &Path) -> bool {
        let ending = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
        if !ending || path.file_name().is_some_and(|n| n == "zarr.json") {
            return false;
        }
        let Ok(Some(file)) = Input::find(path) else { return false };
        let mut head = vec![0; usize::try_from(file.length()).unwrap_or(HEAD).min(HEAD)];
        if file.describe(0, &mut head).is_err() {
            return false;
        }
        let text = String::from_utf8_lossy(&head);
        let marks = ["\"refs\"", ".zgroup\"", ".zarray\"", ".zattrs\"", "zarr.json\""];
        text.trim_start().starts_with('{') && marks.iter().any(|m| text.contains(m))
    }

    /// Reads an index.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = Input::open(path)?;
        let text = file.read_all(LONGEST)?;
        let Value::Object(mut document) = json::parse(path, &text)? else {
            return Err(Error::store(path, "is no index of references: it is no JSON object"));
        };
        let templates = templates(path, document.get("templates"))?;
        if document.get("gen").is_some_and(|g| g.as_array().is_none_or(|list| !list.is_empty())) {
            return Err(Error::unsupported(format!("{}: references that are generated (`gen`)", path.display())));
        }
        let refs = match (document.remove("version"), document.remove("refs")) {
            (_, Some(Value::Object(refs))) => refs,
            (None, None) => document,
            _ => return Err(Error::store(path, "has no object `refs`")),
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut files = Files { folder, templates, known: BTreeMap::new() };
        let mut entries = BTreeMap::new();
        for (key, value) in refs {
            let entry = files.reference(value).map_err(|why| Error::store(path, format!("reference `{key}` {why}")))?;
            entries.insert(key, entry);
        }
        Ok(Self { file, entries })
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Whether any of the bytes are behind a network.
    pub(super) fn is_remote(&self) -> bool {
        self.entries.values().any(|entry| matches!(entry, Reference::File(target, _) if is_url(target)))
    }

    /// The object behind a network, and the range of it, that a key refers to.
    pub(super) fn range(&self, key: &str) -> Option<(Arc<Place>, String, (u64, u64))> {
        let Some(Reference::File(target, Some((offset, len)))) = self.entries.get(key) else { return None };
        let (place, object) = is_url(target).then(|| locate(target).ok()).flatten()?;
        Some((place, object, (*offset, offset.checked_add(*len)?)))
    }

    /// The bytes of a key; `None` where there is none. What is referred to and not there is an error, never missing.
    pub(super) fn piece(&self, key: &str, path: PathBuf) -> Result<Option<Piece>> {
        let Some(entry) = self.entries.get(key) else { return Ok(None) };
        match entry {
            Reference::Inline(bytes) => {
                Ok(Some(Piece { bytes: Bytes::Memory(bytes.clone()), len: bytes.len() as u64, path }))
            }
            Reference::Other(why) => Err(Error::unsupported(format!("{}: {why}", path.display()))),
            Reference::File(target, part) => {
                let fail = |why: String| Error::store(&path, format!("refers to {}, which {why}", target.display()));
                if is_url(target) {
                    return distant(target, *part, path).map(Some);
                }
                let file = File::open(target).map_err(|e| fail(format!("cannot be opened: {e}")))?;
                let meta = file.metadata().map_err(|e| fail(format!("cannot be read: {e}")))?;
                if !meta.is_file() {
                    return Err(fail("is no file".to_owned()));
                }
                let (offset, len) = part.unwrap_or((0, meta.len()));
                if offset.checked_add(len).is_none_or(|end| end > meta.len()) {
                    let have = meta.len();
                    return Err(fail(format!("has {have} bytes, and {len} of them from {offset} on are meant")));
                }
                let file = Input::of(file, target)?;
                Ok(Some(Piece { bytes: Bytes::File { file, offset }, len, path }))
            }
        }
    }

    /// How many bytes a key holds.
    pub(super) fn length(&self, key: &str) -> Option<u64> {
        match self.entries.get(key)? {
            Reference::Inline(bytes) => Some(bytes.len() as u64),
            Reference::File(_, Some((_, len))) => Some(*len),
            Reference::File(path, None) if is_url(path) => None,
            Reference::File(path, None) => std::fs::metadata(path).ok().map(|m| m.len()),
            Reference::Other(_) => None,
        }
    }

    /// Where the bytes of a key are, or what they are; `None` where there is no such key.
    pub(super) fn place(&self, key: &str, path: &Path) -> Result<Option<At>> {
        match self.entries.get(key) {
            None => Ok(None),
            Some(Reference::Inline(bytes)) => Ok(Some(At::Held(bytes.clone()))),
            Some(Reference::Other(why)) => Err(Error::unsupported(format!("{}: {why}", path.display()))),
            Some(Reference::File(target, Some((offset, length)))) => {
                Ok(Some(At::File { path: target.to_path_buf(), offset: *offset, length: *length }))
            }
            Some(Reference::File(target, None)) => {
                let length = Input::open(target).map_err(|e| e.at(path.display()))?.length();
                Ok(Some(At::File { path: target.to_path_buf(), offset: 0, length }))
            }
        }
    }

    /// The names that keys below `prefix` go through.
    pub(super) fn folders(&self, prefix: &str) -> Vec<String> {
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let below = self.entries.range(prefix.clone()..).map_while(|(k, _)| k.strip_prefix(prefix.as_str()));
        let names: BTreeSet<&str> = below.filter_map(|k| k.split_once('/')).map(|(name, _)| name).collect();
        names.into_iter().filter(|n| !n.is_empty()).map(str::to_owned).collect()
    }

    /// What tells whether the index, or a file that keys below `prefix` refer to, has changed.
    pub(super) fn stamp(&self, prefix: &str) -> Option<String> {
        let below = self.entries.iter().filter(|(key, _)| key.starts_with(prefix));
        let files: BTreeSet<&Arc<Path>> =
            below.filter_map(|(_, e)| if let Reference::File(file, _) = e { Some(file) } else { None }).collect();
        let own = self.file.stamp()?;
        // Objects are known by their names: to ask for each would take as many requests.
        let stamp = |f: &Arc<Path>| if is_url(f) { Some(f.display().to_string()) } else { raw::stamp(f) };
        let others: Vec<String> = files.into_iter().map(stamp).collect::<Option<_>>()?;
        Some(format!(
            "{own}; {} files {:016x}",
            others.len(),
            crate::store::manifest::hash(others.join("\n").as_bytes())
        ))
    }
}

/// The bytes of an object behind a network that are referred to.
fn distant(target: &Path, part: Option<(u64, u64)>, path: PathBuf) -> Result<Piece> {
    let Some((offset, len)) = part else {
        let file = Input::open(target)?;
        let len = file.length();
        return Ok(Piece { bytes: Bytes::File { file, offset: 0 }, len, path });
    };
    if offset.checked_add(len).is_none() {
        return Err(Error::store(path, format!("refers to {len} bytes from {offset} on, which no object has")));
    }
    let (place, key) = locate(target)?;
    Ok(Piece { bytes: Bytes::Remote { place, key, offset }, len, path })
}

/// The names of files, each kept once.
struct Files<'a> {
    folder: &'a Path,
    templates: BTreeMap<String, String>,
    known: BTreeMap<String, std::result::Result<Arc<Path>, String>>,
}

impl Files<'_> {
    fn reference(&mut self, value: Value) -> std::result::Result<Reference, String> {
        let list = match value {
            Value::String(text) => {
                let Some(coded) = text.strip_prefix("base64:") else { return Ok(Reference::Inline(text.into_bytes())) };
                return base64(coded).map(Reference::Inline).ok_or_else(|| "is not in base 64".to_owned());
            }
            // Documents that are written out.
            Value::Object(document) => return Ok(Reference::Inline(Value::Object(document).to_string().into_bytes())),
            Value::Array(list) => list,
            other => return Err(format!("is {other}, neither a text nor a place in a file")),
        };
        let part = match list.as_slice() {
            [Value::String(_)] => None,
            [Value::String(_), offset, length] => {
                let number = |v: &Value| v.as_u64().ok_or_else(|| format!("has {v}, which is no number of bytes"));
                Some((number(offset)?, number(length)?))
            }
            _ => return Err("is neither [file] nor [file, offset, length]".to_owned()),
        };
        let name = list.first().and_then(Value::as_str).unwrap_or_default();
        if !self.known.contains_key(name) {
            self.known.insert(name.to_owned(), self.file(name)?);
        }
        match self.known.get(name) {
            Some(Ok(path)) => Ok(Reference::File(Arc::clone(path), part)),
            Some(Err(why)) => Ok(Reference::Other(why.clone())),
            None => Err("is of no file".to_owned()),
        }
    }

    /// The file of a name; or why it is none that can be read.
    fn file(&self, name: &str) -> std::result::Result<std::result::Result<Arc<Path>, String>, String> {
        let mut name = name.to_owned();
        while let Some((before, rest)) = name.split_once("{{") {
            let (key, after) = rest.split_once("}}").ok_or("opens a template that it does not close")?;
            let text = self
                .templates
                .get(key.trim())
                .ok_or_else(|| format!("uses the template `{key}`, which is not defined"))?;
            if text.contains("{{") {
                return Err(format!("uses the template `{key}`, which holds another"));
            }
            name = format!("{before}{text}{after}");
        }
        let path = match name.split_once("://") {
            Some(("file" | "local", path)) if !is_url(self.folder) => path,
            Some(_) if is_url(Path::new(&name)) => return Ok(Ok(Path::new(&name).into())),
            Some((scheme, _)) => return Ok(Err(format!("refers to {name}; nothing is read by {scheme}"))),
            None => name.as_str(),
        };
        let path = self.folder.join(path);
        if is_url(self.folder) && !is_url(&path) {
            return Ok(Err(format!("refers to {name}, a file of this machine, from an index behind a network")));
        }
        Ok(Ok(path.into()))
    }
}

fn templates(path: &Path, value: Option<&Value>) -> Result<BTreeMap<String, String>> {
    let none = Map::new();
    let map = match value {
        None | Some(Value::Null) => &none,
        Some(Value::Object(map)) => map,
        Some(_) => return Err(Error::store(path, "has `templates` that are no object")),
    };
    let one = |(key, value): (&String, &Value)| match value.as_str() {
        Some(text) => Ok((key.clone(), text.to_owned())),
        None => Err(Error::store(path, format!("has a template `{key}` that is no text"))),
    };
    map.iter().map(one).collect()
}

/// What is coded in base 64, padded or not.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    let digit = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let bits = group.iter().try_fold(0u32, |bits, &c| Some(bits << 6 | u32::from(digit(c)?)))?;
        let bytes = match group.len() {
            4 => 3,
            3 => 2,
            2 => 1,
            _ => return None,
        };
        let bits = bits << (6 * (4 - u32::try_from(group.len()).ok()?));
        out.extend_from_slice(&bits.to_be_bytes()[1..=bytes]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Region;
    use crate::store::Format;

    fn index(folder: &Path, refs: &str) -> PathBuf {
        let path = folder.join("index.json");
        std::fs::write(&path, refs).unwrap();
        path
    }

    fn array(chunks: &str) -> String {
        let meta = r#"{"zarr_format":2,"shape":[4],"chunks":[2],"dtype":"<i2","compressor":null,"filters":null,"order":"C","fill_value":7}"#;
        let meta = serde_json::to_string(meta).unwrap();
        format!(
            r#"{{"version":1,"templates":{{"u":"raw.bin"}},"refs":{{".zgroup":"{{\"zarr_format\":2}}","x/.zarray":{meta},{chunks}}}}}"#
        )
    }

    fn read(path: &Path) -> Result<Vec<u8>> {
        let store = super::super::Zarr.open(path, "x")?;
        let mut out = vec![0; 8];
        store.read(&Region::full(&[4]), &mut out).map(|()| out)
    }

    #[test]
    fn chunks_lie_in_other_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("raw.bin"), [9, 9, 1, 0, 2, 0, 9]).unwrap();
        let path = index(folder.path(), &array(r#""x/0":["{{u}}",2,4],"x/1":"base64:AwAEAA==""#));
        assert!(super::super::Zarr.recognises(&path));
        assert_eq!(read(&path).unwrap(), [1, 0, 2, 0, 3, 0, 4, 0]);
        let names: Vec<String> = super::super::Zarr.tree(&path, "").unwrap().into_iter().map(|n| n.path).collect();
        assert_eq!(names, ["", "x"]);
        let path = index(folder.path(), &array(r#""x/1":["raw.bin",2,4]"#));
        assert_eq!(read(&path).unwrap(), [7, 0, 7, 0, 1, 0, 2, 0]);
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("raw.bin"), [0; 5]).unwrap();
        for (chunk, why) in [
            (r#""x/0":["none.bin",0,4]"#, "none.bin, which cannot be opened"),
            (r#""x/0":["raw.bin",2,4]"#, "raw.bin, which has 5 bytes, and 4 of them from 2 on are meant"),
            (r#""x/0":["raw.bin",2,18446744073709551615]"#, "of them from 2 on are meant"),
            (r#""x/0":["ftp://host/a",0,4]"#, "refers to ftp://host/a; nothing is read by ftp"),
            (r#""x/0":["{{v}}",0,4]"#, "reference `x/0` uses the template `v`, which is not defined"),
            (r#""x/0":["raw.bin",-1,4]"#, "has -1, which is no number of bytes"),
            (r#""x/0":[]"#, "is neither [file] nor [file, offset, length]"),
            (r#""x/0":"base64:A""#, "is not in base 64"),
        ] {
            let error = read(&index(folder.path(), &array(chunk))).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("index.json"), "{error}");
        }
        let path = index(folder.path(), r#"{"version":1,"refs":[".zgroup"]}"#);
        assert!(super::super::Zarr.open(&path, "x").unwrap_err().to_string().contains("has no object `refs`"));
    }

    #[test]
    fn base_64() {
        for (text, bytes) in [("", &b""[..]), ("Zg==", b"f"), ("Zm8=", b"fo"), ("Zm9v", b"foo"), ("Zm9vYg", b"foob")] {
            assert_eq!(base64(text).as_deref(), Some(bytes));
        }
        assert_eq!((base64("A"), base64("A*==")), (None, None));
    }
}
