//! Modules import only what their parent lists above them.
//!
//! What counts is every `use`, every path that starts at `crate`, `super` or `self`, wherever it stands, macro bodies
//! included. An item of a module above (`super::Store` in a file of `store/`) is no import: a folder's `mod.rs` holds
//! what its files have in common. Re-exports are followed to where the item is defined.

use super::source::{Place, Source, is_test};
use proc_macro2::{Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A path from somewhere to somewhere.
struct Reference {
    to: Place,
    line: usize,
}

/// Every import that breaks the order, as `file:line: what`.
pub fn violations(source: &Source) -> Vec<String> {
    let mut out = Vec::new();
    for (place, module) in source.modules.iter().filter(|(_, m)| !m.test) {
        let mut found = References { place: place.clone(), list: Vec::new() };
        found.visit_file(&module.syntax);
        let mut lines: Vec<String> = Vec::new();
        for reference in &found.list {
            if let Some(why) = judge(source, place, reference) {
                lines.push(format!("{}:{}: {why}", module.file, reference.line));
            }
        }
        lines.dedup();
        out.extend(lines);
    }
    out
}

/// What is wrong with an import of the module at `home`, if anything.
fn judge(source: &Source, home: &Place, reference: &Reference) -> Option<String> {
    let (target, item) = resolve(source, &reference.to, 0);
    let common = home.iter().zip(&target).take_while(|(a, b)| a == b).count();
    if target.is_empty() && !home.is_empty() {
        let item = item?;
        return Some(format!("{} imports {item} from the root, not where it is defined", home.join("::")));
    }
    if common == home.len() || common == target.len() {
        return None;
    }
    let order = &source.modules.get(&home[..common])?.children;
    let rank = |name: &String| order.iter().position(|c| c == name);
    if rank(&target[common]) < rank(&home[common]) {
        return None;
    }
    let (from, to) = (home[..=common].join("::"), target[..=common].join("::"));
    Some(format!("{from} imports {to}, which is listed below it"))
}

/// The module that defines what a path names, and the first name that is no module.
fn resolve(source: &Source, path: &[String], depth: usize) -> (Place, Option<String>) {
    let known = (0..=path.len()).rev().find(|&n| source.modules.contains_key(&path[..n])).unwrap_or(0);
    let (place, rest) = path.split_at(known);
    let Some(name) = rest.first() else { return (place.to_vec(), None) };
    if !place.is_empty()
        && depth < 8
        && let Some(to) = source.modules.get(place).and_then(|m| reexport(place, &m.syntax, name))
    {
        return resolve(source, &to, depth + 1);
    }
    (place.to_vec(), Some(name.clone()))
}

/// Where `name` comes from, when the module at `place` only passes it on.
fn reexport(place: &[String], file: &syn::File, name: &str) -> Option<Place> {
    let uses = file.items.iter().filter_map(|i| if let syn::Item::Use(u) = i { Some(u) } else { None });
    uses.filter(|u| !matches!(u.vis, syn::Visibility::Inherited)).find_map(|u| {
        let mut leaves = Vec::new();
        flatten(&u.tree, &mut Vec::new(), &mut leaves);
        let (path, _) =
            leaves.into_iter().find(|(path, alias)| alias.as_ref().or(path.last()) == Some(&name.to_owned()))?;
        absolute(place, &path).filter(|to| to[..to.len() - 1] != *place)
    })
}

/// The places a `use` names, each with its alias.
fn flatten(tree: &syn::UseTree, prefix: &mut Vec<String>, out: &mut Vec<(Vec<String>, Option<String>)>) {
    match tree {
        syn::UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, out);
            prefix.pop();
        }
        syn::UseTree::Name(name) if name.ident == "self" => out.push((prefix.clone(), None)),
        syn::UseTree::Name(name) => out.push(([&prefix[..], &[name.ident.to_string()]].concat(), None)),
        syn::UseTree::Rename(name) => {
            let path =
                if name.ident == "self" { prefix.clone() } else { [&prefix[..], &[name.ident.to_string()]].concat() };
            out.push((path, Some(name.rename.to_string())));
        }
        syn::UseTree::Glob(_) => out.push((prefix.clone(), None)),
        syn::UseTree::Group(group) => group.items.iter().for_each(|t| flatten(t, prefix, out)),
    }
}

/// A path as written in the module at `place`, from the root; `None` for paths into other crates. Paths without a
/// keyword may begin at a child.
fn absolute(place: &[String], path: &[String]) -> Option<Place> {
    let mut at = place.to_vec();
    let mut rest = path.iter().peekable();
    match rest.peek()?.as_str() {
        "crate" => {
            at.clear();
            rest.next();
        }
        "self" => {
            rest.next();
        }
        "super" => {}
        _ => return Some([place, path].concat()),
    }
    while rest.peek().is_some_and(|s| *s == "super") {
        at.pop();
        rest.next();
    }
    at.extend(rest.cloned());
    Some(at)
}

/// Collects the references of one file, outside test code.
struct References {
    place: Place,
    list: Vec<Reference>,
}

impl References {
    fn add(&mut self, path: &[String], span: Span) {
        let keyword = path.first().is_some_and(|s| matches!(s.as_str(), "crate" | "super" | "self"));
        if let Some(to) = absolute(&self.place, path).filter(|_| keyword) {
            self.list.push(Reference { to, line: span.start().line });
        }
    }

    /// The paths in the tokens of a macro.
    fn tokens(&mut self, stream: TokenStream) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            if let TokenTree::Group(group) = &tokens[at] {
                self.tokens(group.stream());
            }
            let (path, end) = path_at(&tokens, at);
            if path.len() > 1 {
                self.add(&path, tokens[at].span());
            }
            at = end.max(at + 1);
        }
    }
}

/// The longest `a::b::c` that starts at `at`, and where it ends.
fn path_at(tokens: &[TokenTree], mut at: usize) -> (Vec<String>, usize) {
    let colon = |t: Option<&TokenTree>| matches!(t, Some(TokenTree::Punct(p)) if p.as_char() == ':');
    let mut path = Vec::new();
    while let Some(TokenTree::Ident(word)) = tokens.get(at) {
        path.push(word.to_string());
        at += 1;
        if !(colon(tokens.get(at)) && colon(tokens.get(at + 1))) {
            break;
        }
        at += 2;
    }
    (path, at)
}

impl<'ast> Visit<'ast> for References {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.place.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.place.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let mut leaves = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut leaves);
        for (path, _) in leaves {
            self.add(&path, item.use_token.span);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if let Some(first) = path.segments.first() {
            self.add(&names, first.ident.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(i) => &i.attrs,
        syn::Item::Enum(i) => &i.attrs,
        syn::Item::Fn(i) => &i.attrs,
        syn::Item::Impl(i) => &i.attrs,
        syn::Item::Macro(i) => &i.attrs,
        syn::Item::Mod(i) => &i.attrs,
        syn::Item::Static(i) => &i.attrs,
        syn::Item::Struct(i) => &i.attrs,
        syn::Item::Trait(i) => &i.attrs,
        syn::Item::Type(i) => &i.attrs,
        syn::Item::Use(i) => &i.attrs,
        _ => &[],
    }
}
