//! The public items of a crate as text, sorted, module by module.

use super::source::{Module, is_for_tests};
use std::collections::{BTreeMap, BTreeSet};
use syn::{Attribute, Fields, FieldsNamed, ImplItem, Item, ItemImpl, TraitItem, Type, Visibility};

/// An item by the path of its module and its name.
type Place = (Vec<String>, String);

/// All that can be named from outside of the crate `name`.
pub(super) fn of(name: &str, root: &Module) -> String {
    let listing = Listing {
        root,
        impls: impls(root),
    };
    let mut text = String::new();
    for module in root.all() {
        if !is_reachable(module, root) {
            continue;
        }
        let chunks = listing.chunks(module);
        if chunks.is_empty() {
            continue;
        }
        let path: String = module.path.iter().map(|part| format!("::{part}")).collect();
        text += &format!("// {name}{path}\n\n");
        for chunk in chunks {
            text += &chunk;
            text.push('\n');
        }
    }
    text
}

struct Listing<'a> {
    root: &'a Module,
    impls: BTreeMap<Place, Vec<&'a ItemImpl>>,
}

impl Listing<'_> {
    /// The public items of a module, those that it exports from private modules among them.
    fn chunks(&self, module: &Module) -> BTreeSet<String> {
        let mut chunks = BTreeSet::new();
        for item in &module.items {
            if is_public(item) {
                chunks.insert(self.shown(item, module));
            }
        }
        for import in module.imports.iter().filter(|import| import.is_public) {
            let written = format!("pub use {};\n", import.path.join("::"));
            let Some(path) = module.resolved(&import.path, self.root) else {
                chunks.insert(written);
                continue;
            };
            if import.name == "*" {
                match self.root.at(&path) {
                    Some(from) if !is_reachable(from, self.root) => {
                        chunks.extend(self.chunks(from));
                    }
                    _ => {
                        chunks.insert(written);
                    }
                }
                continue;
            }
            match self.found(&path, 0) {
                Some((from, item)) if !is_reachable(from, self.root) => {
                    chunks.insert(self.shown(item, from));
                }
                _ => {
                    chunks.insert(format!("pub use crate::{};\n", path.join("::")));
                }
            }
        }
        chunks
    }

    /// The item of this path and the module that defines it, through whatever exports lie between.
    fn found(&self, path: &[String], exports: usize) -> Option<(&Module, &Item)> {
        let (name, module) = path.split_last()?;
        let module = self.root.at(module)?;
        if let Some(item) = module
            .items
            .iter()
            .find(|item| named(item).as_ref() == Some(name))
        {
            return Some((module, item));
        }
        let import = module.imports.iter().find(|import| import.name == *name)?;
        // A circle of imports does not compile.
        (exports < 10).then_some(())?;
        self.found(&module.resolved(&import.path, self.root)?, exports + 1)
    }

    /// The item without what cannot be seen from outside, then its methods and traits.
    fn shown(&self, item: &Item, module: &Module) -> String {
        let mut text = printed(bare(item.clone()));
        let place = (module.path.clone(), named(item).unwrap_or_default());
        let mut traits = BTreeSet::new();
        for block in self.impls.get(&place).into_iter().flatten() {
            match &block.trait_ {
                Some(_) => {
                    let mut header = (*block).clone();
                    header.items.clear();
                    header.attrs.retain(is_kept);
                    traits.insert(printed(Item::Impl(header)));
                }
                None => {
                    let mut own = (*block).clone();
                    own.attrs.retain(is_kept);
                    own.items = own.items.into_iter().filter_map(public_part).collect();
                    if !own.items.is_empty() {
                        text += &printed(Item::Impl(own));
                    }
                }
            }
        }
        text.extend(traits);
        text
    }
}

/// Whether a module can be named from outside.
fn is_reachable(module: &Module, root: &Module) -> bool {
    (0..=module.path.len()).all(|length| {
        let above = root.at(&module.path[..length]);
        above.is_some_and(|module| module.is_public)
    })
}

/// The impl blocks of every type that the crate defines.
fn impls(root: &Module) -> BTreeMap<Place, Vec<&ItemImpl>> {
    let mut found: BTreeMap<Place, Vec<&ItemImpl>> = BTreeMap::new();
    for module in root.all() {
        for item in &module.items {
            let Item::Impl(block) = item else { continue };
            if is_for_tests(&block.attrs) {
                continue;
            }
            let Type::Path(path) = &*block.self_ty else {
                continue;
            };
            let path: Vec<String> = path
                .path
                .segments
                .iter()
                .map(|s| s.ident.to_string())
                .collect();
            if let Some(place) = place(&path, module, root, 0) {
                found.entry(place).or_default().push(block);
            }
        }
    }
    found
}

/// Where the type that a module calls by this path is defined; none if elsewhere.
fn place(path: &[String], module: &Module, root: &Module, imports: usize) -> Option<Place> {
    let (name, before) = path.split_last()?;
    if before.is_empty() {
        if module
            .items
            .iter()
            .any(|item| named(item).as_ref() == Some(name))
        {
            return Some((module.path.clone(), name.clone()));
        }
        let import = module.imports.iter().find(|import| import.name == *name)?;
        (imports < 10).then_some(())?;
        return place(&import.path, module, root, imports + 1);
    }
    let path = module.resolved(path, root)?;
    let (name, before) = path.split_last()?;
    let module = root.at(before)?;
    (imports < 10).then_some(())?;
    place(std::slice::from_ref(name), module, root, imports + 1)
}

fn named(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

fn is_public(item: &Item) -> bool {
    let (visibility, attributes) = match item {
        Item::Const(item) => (&item.vis, &item.attrs),
        Item::Enum(item) => (&item.vis, &item.attrs),
        Item::Fn(item) => (&item.vis, &item.attrs),
        Item::Static(item) => (&item.vis, &item.attrs),
        Item::Struct(item) => (&item.vis, &item.attrs),
        Item::Trait(item) => (&item.vis, &item.attrs),
        Item::Type(item) => (&item.vis, &item.attrs),
        Item::Macro(item) => {
            return item.attrs.iter().any(|a| a.path().is_ident("macro_export"));
        }
        _ => return false,
    };
    matches!(visibility, Visibility::Public(_)) && !is_for_tests(attributes)
}

/// Attributes that a user of the crate meets.
fn is_kept(attribute: &Attribute) -> bool {
    ["derive", "non_exhaustive", "cfg", "macro_export"]
        .iter()
        .any(|name| attribute.path().is_ident(name))
}

/// The item without documentation, bodies and private fields.
fn bare(mut item: Item) -> Item {
    match &mut item {
        Item::Const(item) => item.attrs.retain(is_kept),
        Item::Static(item) => item.attrs.retain(is_kept),
        Item::Type(item) => item.attrs.retain(is_kept),
        Item::Macro(item) => item.attrs.retain(is_kept),
        Item::Fn(item) => {
            item.attrs.retain(is_kept);
            item.block.stmts.clear();
        }
        Item::Enum(item) => {
            item.attrs.retain(is_kept);
            for variant in &mut item.variants {
                variant.attrs.retain(is_kept);
                for field in &mut variant.fields {
                    field.attrs.retain(is_kept);
                }
            }
        }
        Item::Struct(item) => {
            item.attrs.retain(is_kept);
            if has_private(&item.fields) {
                item.attrs
                    .push(syn::parse_quote!(#[doc = " Has private fields."]));
            }
            match &mut item.fields {
                Fields::Named(fields) => only_public(fields),
                Fields::Unnamed(fields) => {
                    for field in &mut fields.unnamed {
                        field.attrs.retain(is_kept);
                        if !matches!(field.vis, Visibility::Public(_)) {
                            field.ty = syn::parse_quote!(_);
                        }
                    }
                }
                Fields::Unit => {}
            }
        }
        Item::Trait(item) => {
            item.attrs.retain(is_kept);
            for item in &mut item.items {
                match item {
                    TraitItem::Fn(item) => {
                        item.attrs.retain(is_kept);
                        item.semi_token.get_or_insert_default();
                        item.default = None;
                    }
                    TraitItem::Const(item) => item.attrs.retain(is_kept),
                    TraitItem::Type(item) => item.attrs.retain(is_kept),
                    _ => {}
                }
            }
        }
        _ => {}
    }
    item
}

fn has_private(fields: &Fields) -> bool {
    fields
        .iter()
        .any(|field| !matches!(field.vis, Visibility::Public(_)))
}

fn only_public(fields: &mut FieldsNamed) {
    let kept = std::mem::take(&mut fields.named);
    fields.named = kept
        .into_iter()
        .filter(|field| matches!(field.vis, Visibility::Public(_)))
        .map(|mut field| {
            field.attrs.retain(is_kept);
            field
        })
        .collect();
}

/// A method or constant of an impl block, if it is public, without its body.
fn public_part(item: ImplItem) -> Option<ImplItem> {
    match item {
        ImplItem::Fn(mut item) if matches!(item.vis, Visibility::Public(_)) => {
            item.attrs.retain(is_kept);
            item.block.stmts.clear();
            Some(ImplItem::Fn(item))
        }
        ImplItem::Const(mut item) if matches!(item.vis, Visibility::Public(_)) => {
            item.attrs.retain(is_kept);
            Some(ImplItem::Const(item))
        }
        _ => None,
    }
}

fn printed(item: Item) -> String {
    let file = syn::File {
        shebang: None,
        attrs: Vec::new(),
        items: vec![item],
    };
    let text = prettyplease::unparse(&file);
    let lines = text.lines().map(|line| match line.strip_suffix(" {}") {
        Some(head) => format!("{head};\n"),
        None => format!("{line}\n"),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::fs;

    fn listed(files: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        of(
            "tried",
            &Module::read(&folder.path().join("lib.rs")).unwrap(),
        )
    }

    #[test]
    fn public_items_are_listed_without_bodies_documentation_and_private_fields() {
        let text = listed(&[(
            "lib.rs",
            "/// Doc.\npub struct A { pub x: u8, y: u8 }\n\
             impl A { pub fn f(&self) -> u8 { self.y } fn g() {} }\n\
             impl Clone for A { fn clone(&self) -> A { todo!() } }\n\
             fn hidden() {}\n#[cfg(test)] mod tests { pub fn t() {} }",
        )]);
        assert!(text.starts_with("// tried\n"));
        for line in [
            "    pub x: u8,",
            "    pub fn f(&self) -> u8;",
            "impl Clone for A;",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} in {text}");
        }
        for hidden in ["y: u8", "fn g", "hidden", "Doc", "fn t", "todo"] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
    }

    #[test]
    fn what_a_private_module_defines_is_listed_where_it_is_exported_with_its_methods() {
        let text = listed(&[
            ("lib.rs", "mod a; pub mod b; pub use a::{A, inner::C};"),
            ("a.rs", "pub mod inner; pub struct A; pub struct Unseen;"),
            ("a/inner.rs", "pub enum C { One }"),
            (
                "b.rs",
                "use crate::a::A; impl A { pub fn far(&self) {} } pub fn b() {}",
            ),
        ]);
        let (root, b) = text.split_once("// tried::b\n").unwrap();
        assert!(root.contains("pub struct A;") && root.contains("pub fn far(&self);"));
        assert!(root.contains("pub enum C"));
        assert!(b.contains("pub fn b();"));
        assert!(!text.contains("Unseen"));
    }
}
