//! Inside `routemesh`, a module may use those of lower layers only, and itself.
//!
//! The layers are those of the list in `routemesh/src/lib.rs`'s own documentation, so the rule and
//! its explanation cannot differ. `main.rs` stands above them all.

use std::collections::BTreeMap;

use super::{
    Offence, code,
    tree::{File, Tree},
};

const SOURCES: &str = "routemesh/src/";

/// Modules and the number of their layer.
type Layers = BTreeMap<String, u32>;

pub(super) fn check(tree: &Tree) -> Vec<Offence> {
    let Some(root) = tree.file("routemesh/src/lib.rs") else {
        return Vec::new();
    };
    let layers = table(&root.text);
    let unknown = modules(&root.text)
        .filter(|(_, name)| !layers.contains_key(*name))
        .map(|(line, name)| Offence {
            file: root.path.clone(),
            line,
            what: format!("module `{name}` is in no layer of the list above"),
        });
    let upward = tree.rust(SOURCES).flat_map(|file| offences(file, &layers));
    unknown.chain(upward).collect()
}

/// Reads lines like ``//! * 2 [`datapath`], [`netlink`]: explanation``.
fn table(documentation: &str) -> Layers {
    let mut layers = Layers::new();
    for line in documentation.lines() {
        let Some((number, names)) = line
            .strip_prefix("//! * ")
            .and_then(|item| item.split_once(' '))
        else {
            continue;
        };
        let Ok(number) = number.parse() else { continue };
        let names = names
            .split("[`")
            .skip(1)
            .filter_map(|name| name.split_once("`]"));
        layers.extend(names.map(|(name, _)| (name.to_owned(), number)));
    }
    layers
}

/// The modules that the crate's root declares, with their lines.
fn modules(root: &str) -> impl Iterator<Item = (usize, &str)> {
    root.lines().enumerate().filter_map(|(index, line)| {
        let declared = line.trim_start_matches("pub ").strip_prefix("mod ")?;
        Some((index + 1, declared.strip_suffix(';')?))
    })
}

fn offences(file: &File, layers: &Layers) -> Vec<Offence> {
    let own = module(&file.path);
    let top = layers.values().max().map_or(0, |top| top + 1);
    let level = match own {
        "lib" => return Vec::new(),
        "main" => top,
        _ => layers.get(own).copied().unwrap_or(0),
    };
    let code = code::code(&file.text);
    let crate_name = if own == "main" { "routemesh" } else { "crate" };
    let mut offences = Vec::new();
    for (at, used) in uses(&code, crate_name) {
        let what = match layers.get(used) {
            _ if used == own => continue,
            Some(layer) if *layer < level => continue,
            Some(layer) => format!("`{own}` (layer {level}) may not use `{used}` (layer {layer})"),
            None => format!("`{used}` is in no layer"),
        };
        offences.push(Offence {
            file: file.path.clone(),
            line: code::line(&code, at),
            what,
        });
    }
    offences
}

/// The top-level module that a file belongs to.
fn module(path: &str) -> &str {
    let inside = path.strip_prefix(SOURCES).unwrap_or(path);
    let first = inside.split('/').next().unwrap_or(inside);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// What follows `crate::`, each name of a group `crate::{a, b::c}` by itself, with its offset.
fn uses<'a>(code: &'a str, crate_name: &'a str) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for at in code::words(code, crate_name) {
        let start = at + crate_name.len();
        let Some(path) = code[start..].strip_prefix("::") else {
            continue;
        };
        let start = start + 2;
        match path.strip_prefix('{') {
            Some(group) => {
                found.extend(group_names(group).map(|(at, name)| (start + 1 + at, name)))
            }
            None => found.push((start, name(path))),
        }
    }
    found.retain(|(_, name)| !name.is_empty());
    found
}

/// The first name of each item of a group, whose opening brace is already behind.
fn group_names(group: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut depth = 1_u32;
    let mut wanted = true;
    let characters = group.char_indices().map_while(move |(at, c)| {
        let begins = wanted && depth == 1 && code::is_word(c);
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        wanted = !begins && wanted || depth == 1 && c == ',';
        (depth > 0).then_some((at, begins))
    });
    characters
        .filter(|(_, begins)| *begins)
        .map(|(at, _)| (at, name(&group[at..])))
}

fn name(path: &str) -> &str {
    &path[..path.find(|c| !code::is_word(c)).unwrap_or(path.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "//! * 0 [`model`]\n//! * 1 [`config`], [`api`]\n//! * 2 [`netlink`]: one thing\n\npub mod model;\nmod api;\n";

    fn complaints(files: &[(&str, &str)]) -> Vec<String> {
        let files = [&[("routemesh/src/lib.rs", ROOT)], files].concat();
        let complaints = check(&Tree::of(&files));
        complaints.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lower_layers_and_the_module_itself_may_be_used() {
        let file = "use crate::{model::Route, netlink::{self, link}};\nuse crate::api::Request;\n";
        assert!(complaints(&[("routemesh/src/netlink/link.rs", file)]).is_empty());
    }

    #[test]
    fn a_higher_layer_and_a_neighbour_are_refused_where_they_are_named() {
        let file = "use crate::{\n    api::{Request, self},\n    netlink,\n};\nfn f() { crate::config::read() }\n";
        let path = "routemesh/src/config.rs";
        assert_eq!(
            complaints(&[(path, file)]),
            [
                "routemesh/src/config.rs:2: `config` (layer 1) may not use `api` (layer 1)",
                "routemesh/src/config.rs:3: `config` (layer 1) may not use `netlink` (layer 2)",
            ]
        );
    }

    #[test]
    fn tests_are_held_to_the_rule_and_comments_are_not() {
        let file = "//! See [`crate::netlink`].\n#[cfg(test)]\nmod tests {\n    use crate::netlink::Link;\n}\n";
        assert_eq!(
            complaints(&[("routemesh/src/model/mod.rs", file)]),
            ["routemesh/src/model/mod.rs:4: `model` (layer 0) may not use `netlink` (layer 2)"]
        );
    }

    #[test]
    fn main_may_use_every_layer() {
        let file = "use routemesh::{netlink, model::Route};\n";
        assert!(complaints(&[("routemesh/src/main.rs", file)]).is_empty());
    }

    #[test]
    fn a_module_without_a_layer_is_found() {
        let root = format!("{ROOT}mod odd;\n");
        let tree = Tree::of(&[("routemesh/src/lib.rs", &root)]);
        let complaints = check(&tree);
        assert_eq!(complaints.len(), 1);
        assert_eq!(complaints[0].line, 7);
    }
}
