//! The modules of a crate, parsed.

use anyhow::{Context, Result};
use std::path::Path;
use syn::{Attribute, Item, UseTree, Visibility};

/// One module: its items, the modules within it, and what names it imports.
pub(super) struct Module {
    /// Names of the modules from the root to this one; none for the root.
    pub(super) path: Vec<String>,
    pub(super) is_public: bool,
    pub(super) items: Vec<Item>,
    pub(super) modules: Vec<Module>,
    pub(super) imports: Vec<Import>,
}

/// A name that a module imports.
pub(super) struct Import {
    /// The name; `*` for all.
    pub(super) name: String,
    /// The path as it is written.
    pub(super) path: Vec<String>,
    pub(super) is_public: bool,
}

impl Module {
    /// The crate whose root is this file.
    ///
    /// # Errors
    /// When a file cannot be read or parsed.
    pub(super) fn read(library: &Path) -> Result<Self> {
        let folder = library.parent().unwrap_or(Path::new("."));
        Self::parse(library, folder, Vec::new(), true)
    }

    fn parse(file: &Path, folder: &Path, path: Vec<String>, is_public: bool) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
        let parsed = syn::parse_file(&text).with_context(|| format!("{}", file.display()))?;
        Self::of(parsed.items, folder, path, is_public)
    }

    fn of(items: Vec<Item>, folder: &Path, path: Vec<String>, is_public: bool) -> Result<Self> {
        let mut module = Self {
            path,
            is_public,
            items: Vec::new(),
            modules: Vec::new(),
            imports: Vec::new(),
        };
        for item in items {
            match item {
                Item::Mod(inner) if !is_for_tests(&inner.attrs) => {
                    let name = inner.ident.to_string();
                    let mut path = module.path.clone();
                    path.push(name.clone());
                    let is_public = matches!(inner.vis, Visibility::Public(_));
                    let within = folder.join(&name);
                    module.modules.push(match inner.content {
                        Some((_, items)) => Self::of(items, &within, path, is_public)?,
                        None => {
                            let beside = folder.join(format!("{name}.rs"));
                            let file = if beside.is_file() {
                                beside
                            } else {
                                within.join("mod.rs")
                            };
                            Self::parse(&file, &within, path, is_public)?
                        }
                    });
                }
                Item::Use(import) if !is_for_tests(&import.attrs) => {
                    let is_public = matches!(import.vis, Visibility::Public(_));
                    let mut found = Vec::new();
                    leaves(&import.tree, &mut Vec::new(), &mut found);
                    module
                        .imports
                        .extend(found.into_iter().map(|(name, path)| Import {
                            name,
                            path,
                            is_public,
                        }));
                }
                Item::Mod(_) | Item::Use(_) => {}
                item => module.items.push(item),
            }
        }
        Ok(module)
    }

    /// The module of this path from here.
    pub(super) fn at(&self, path: &[String]) -> Option<&Self> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self);
        };
        let inner = self
            .modules
            .iter()
            .find(|module| module.path.last() == Some(first))?;
        inner.at(rest)
    }

    /// All modules, this one first.
    pub(super) fn all(&self) -> Vec<&Self> {
        let mut found = vec![self];
        for module in &self.modules {
            found.extend(module.all());
        }
        found
    }

    /// The path from the root that a path written in this module means; none where it leads out of
    /// the crate. `root` is the crate.
    pub(super) fn resolved(&self, path: &[String], root: &Self) -> Option<Vec<String>> {
        let mut base = self.path.clone();
        let mut rest = path;
        match rest.first().map(String::as_str)? {
            "crate" => {
                base.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|first| first == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            first => {
                let own = root.at(&base)?;
                let is_module = own
                    .modules
                    .iter()
                    .any(|m| m.path.last().is_some_and(|n| n == first));
                if !is_module {
                    return None;
                }
            }
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }
}

fn leaves(tree: &UseTree, before: &mut Vec<String>, found: &mut Vec<(String, Vec<String>)>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            leaves(&path.tree, before, found);
            before.pop();
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            let mut path = before.clone();
            // `use a::b::{self}` imports b.
            if name == "self" {
                found.push((path.last().cloned().unwrap_or_default(), path));
            } else {
                path.push(name.clone());
                found.push((name, path));
            }
        }
        UseTree::Rename(rename) => {
            let mut path = before.clone();
            path.push(rename.ident.to_string());
            found.push((rename.rename.to_string(), path));
        }
        UseTree::Glob(_) => found.push(("*".to_owned(), before.clone())),
        UseTree::Group(group) => {
            for tree in &group.items {
                leaves(tree, before, found);
            }
        }
    }
}

/// Whether an item is compiled for tests only.
pub(super) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let Ok(list) = attribute.meta.require_list() else {
            return false;
        };
        let condition = list.tokens.to_string();
        list.path.is_ident("cfg") && (condition == "test" || condition == "doctest")
    })
}
