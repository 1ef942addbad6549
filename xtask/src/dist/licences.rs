//! Other people's licences: a static binary has their code in it, and must carry their terms.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::Path,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::stage::read;
use crate::process::{cargo, output};

/// Packages of ours that end up in the binary: the program, and what it has the kernel run.
const ROOTS: [&str; 2] = ["routemesh", "routemesh-ebpf"];

/// How the names of files with terms begin.
const NAMES: [&str; 6] = [
    "LICENSE",
    "LICENCE",
    "COPYING",
    "COPYRIGHT",
    "NOTICE",
    "UNLICENSE",
];

const HEAD: &str = "\
The program contains the Rust standard library (MIT OR Apache-2.0, https://www.rust-lang.org), parts of
the GNU C Library (LGPL-2.1-or-later, https://www.gnu.org/software/libc; `cargo xtask build` links the
program to yours instead), and the packages below, from https://crates.io. After each text stand those
that came with it.
";

/// The names, versions and licences of all packages in the binary, and every text once.
pub(super) fn third_party() -> Result<String> {
    let platform = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let text = output(
        cargo("metadata")
            .args(["--format-version=1", "--locked", "--filter-platform"])
            .arg(platform),
    )?;
    let metadata: Value = serde_json::from_str(&text).context("read cargo's metadata")?;
    let mut page = HEAD.to_owned();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in linked(&metadata) {
        let field = |name: &str| package[name].as_str().unwrap_or_default();
        if package["source"].is_null() {
            continue;
        }
        let name = format!("{} {}", field("name"), field("version"));
        let _ = writeln!(page, "\n{name}: {}", field("license"));
        let folder = Path::new(field("manifest_path")).parent();
        let mut terms = terms(folder.context("a manifest lies in a directory")?)?;
        // The one licence whose text is the same for all who use it.
        if terms.is_empty() && field("license").contains("Apache-2.0") {
            terms.push(plain(&read(Path::new("LICENSE-APACHE"))?));
        }
        ensure!(!terms.is_empty(), "{name} brings no licence text");
        for text in terms {
            texts.entry(text).or_default().push(name.clone());
        }
    }
    for (text, names) in texts {
        let _ = write!(
            page,
            "\n{}\n\n{text}\n\n[{}]\n",
            "-".repeat(80),
            names.join(", ")
        );
    }
    Ok(page)
}

/// The packages that are linked into the binary, by name and version.
fn linked(metadata: &Value) -> Vec<&Value> {
    let list = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
    let nodes: BTreeMap<String, Value> = list(&metadata["resolve"]["nodes"])
        .into_iter()
        .map(|node| (node["id"].as_str().unwrap_or_default().to_owned(), node))
        .collect();
    let packages = metadata["packages"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let id = |package: &Value| package["id"].as_str().unwrap_or_default().to_owned();
    let mut open: Vec<String> = packages
        .iter()
        .filter(|package| ROOTS.iter().any(|root| package["name"] == *root))
        .map(id)
        .collect();
    let mut found = BTreeSet::new();
    while let Some(next) = open.pop() {
        if found.insert(next.clone()) {
            let of = nodes.get(&next).map_or(&Value::Null, |node| &node["deps"]);
            open.extend(
                list(of)
                    .iter()
                    .filter(|edge| is_linked(edge))
                    .filter_map(|edge| edge["pkg"].as_str().map(str::to_owned)),
            );
        }
    }
    packages
        .iter()
        .filter(|package| found.contains(&id(package)))
        .collect()
}

/// Whether it is a dependency of the program, not of its build or tests alone.
fn is_linked(edge: &Value) -> bool {
    let kinds = edge["dep_kinds"].as_array().map_or(&[][..], Vec::as_slice);
    kinds.iter().any(|kind| kind["kind"].is_null())
}

/// The texts of the terms in a package's folder.
fn terms(folder: &Path) -> Result<Vec<String>> {
    let step = || format!("read {}", folder.display());
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).with_context(step)? {
        let path = entry.with_context(step)?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_uppercase();
        if path.is_file() && NAMES.iter().any(|known| name.starts_with(known)) {
            let text = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            texts.push(plain(&text));
        }
    }
    texts.sort();
    Ok(texts)
}

fn plain(text: &[u8]) -> String {
    String::from_utf8_lossy(text).trim().replace("\r\n", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_builds_the_program_is_not_in_it() {
        let edge = |pkg: &str, kind: Value| serde_json::json!({ "pkg": pkg, "dep_kinds": [{ "kind": kind }] });
        let metadata = serde_json::json!({
            "packages": [
                { "id": "r", "name": "routemesh" }, { "id": "a", "name": "a" },
                { "id": "b", "name": "b" }, { "id": "c", "name": "c" },
            ],
            "resolve": { "nodes": [
                { "id": "r", "deps": [edge("a", Value::Null), edge("b", "build".into())] },
                { "id": "a", "deps": [edge("c", Value::Null)] },
                { "id": "b", "deps": [] }, { "id": "c", "deps": [] },
            ] },
        });
        let names: Vec<_> = linked(&metadata)
            .iter()
            .map(|package| &package["name"])
            .collect();
        assert_eq!(names, ["routemesh", "a", "c"]);
    }
}
