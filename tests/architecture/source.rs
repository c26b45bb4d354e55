//! A crate's files and its tree of modules.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A module's place: the names from the root to it; the root is empty.
pub type Place = Vec<String>;

/// A module that has a file.
pub struct Module {
    /// Its file, relative to the source folder.
    pub file: String,
    /// The names of its children, in the order in which they are declared.
    pub children: Vec<String>,
    /// Whether it is compiled for tests alone.
    pub test: bool,
    /// What it holds.
    pub syntax: syn::File,
}

/// A parsed crate.
pub struct Source {
    /// Every `.rs` file, by path relative to the source folder.
    pub files: BTreeMap<String, String>,
    /// Every module with a file, from the root down.
    pub modules: BTreeMap<Place, Module>,
}

impl Source {
    /// Reads the crate whose `lib.rs` stands in `root`.
    pub fn read(root: &Path) -> Result<Self, String> {
        let mut files = BTreeMap::new();
        collect(root, root, &mut files)?;
        let mut source = Self { files, modules: BTreeMap::new() };
        source.add(Vec::new(), "lib.rs", "", false)?;
        Ok(source)
    }

    /// Adds the module in `file`, whose children stand in `folder`.
    fn add(&mut self, place: Place, file: &str, folder: &str, test: bool) -> Result<(), String> {
        let text = self.files.get(file).ok_or_else(|| format!("{file} is missing"))?;
        let syntax = syn::parse_file(text).map_err(|e| format!("{file}: {e}"))?;
        let declared: Vec<(String, bool, bool)> = syntax
            .items
            .iter()
            .filter_map(|item| if let syn::Item::Mod(m) = item { Some(m) } else { None })
            .map(|m| (m.ident.to_string(), m.content.is_some(), is_test(&m.attrs)))
            .collect();
        let children = declared.iter().map(|(name, ..)| name.clone()).collect();
        self.modules.insert(place.clone(), Module { file: file.to_owned(), children, test, syntax });
        for (name, _, only_test) in declared.into_iter().filter(|(_, inline, _)| !inline) {
            let mut child = place.clone();
            child.push(name.clone());
            let below = format!("{folder}{name}/");
            let (flat, nested) = (format!("{folder}{name}.rs"), format!("{below}mod.rs"));
            let found = if self.files.contains_key(&flat) { flat } else { nested };
            self.add(child, &found, &below, test || only_test)?;
        }
        Ok(())
    }

    /// The files that hold library code: those of modules, test modules left out.
    pub fn library_files(&self) -> impl Iterator<Item = (&String, &String)> {
        let files: Vec<&String> = self.modules.values().filter(|m| !m.test).map(|m| &m.file).collect();
        self.files.iter().filter(move |(name, _)| files.contains(name))
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) -> Result<(), String> {
    let list = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let paths: Vec<PathBuf> = list.filter_map(|entry| entry.ok().map(|e| e.path())).collect();
    for path in paths {
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path.strip_prefix(root).map_err(|e| e.to_string())?.display().to_string();
            let text = std::fs::read_to_string(&path).map_err(|e| format!("{name}: {e}"))?;
            files.insert(name, text);
        }
    }
    Ok(())
}

/// Whether these attributes leave an item to tests.
pub fn is_test(attrs: &[syn::Attribute]) -> bool {
    attrs.iter().any(|a| match &a.meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) if list.path.is_ident("cfg") => names_test(list.tokens.clone()),
        _ => false,
    })
}

/// Whether a `cfg` names `test`, other than inside `not(...)`.
pub fn names_test(tokens: proc_macro2::TokenStream) -> bool {
    let mut after_not = false;
    tokens.into_iter().any(|token| match token {
        proc_macro2::TokenTree::Ident(word) => {
            after_not = word == "not";
            word == "test"
        }
        proc_macro2::TokenTree::Group(group) => !after_not && names_test(group.stream()),
        _ => false,
    })
}
