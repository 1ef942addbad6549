//! Every package says under which licence it is: the kernel's programs under their own.

use super::{
    Offence,
    tree::{File, Tree},
};

const WORKSPACE: (&str, &str) = ("Cargo.toml", r#"license = "MIT OR Apache-2.0""#);
/// The kernel lets only GPL-compatible programs call some of its helpers.
const PROGRAMS: (&str, &str) = (
    "routemesh-ebpf/Cargo.toml",
    r#"license = "GPL-2.0-only OR MIT""#,
);
const INHERITED: &str = "license.workspace = true";

pub(super) fn check(tree: &Tree) -> Vec<Offence> {
    tree.files().filter_map(offence).collect()
}

fn offence(manifest: &File) -> Option<Offence> {
    if manifest.path.rsplit('/').next() != Some("Cargo.toml") {
        return None;
    }
    let own = [WORKSPACE, PROGRAMS]
        .into_iter()
        .find(|(path, _)| *path == manifest.path);
    let expected = own.map_or(INHERITED, |(_, licence)| licence);
    let says = manifest.text.lines().any(|line| line == expected);
    (!says).then(|| Offence {
        file: manifest.path.clone(),
        line: 0,
        what: format!("lacks the line `{expected}`"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_without_its_licence_is_found() {
        let tree = Tree::of(&[
            (WORKSPACE.0, WORKSPACE.1),
            (PROGRAMS.0, INHERITED),
            ("tests/Cargo.toml", INHERITED),
            ("xtask/Cargo.toml", "[package]\n"),
        ]);
        let files: Vec<_> = check(&tree)
            .into_iter()
            .map(|offence| offence.file)
            .collect();
        assert_eq!(files, [PROGRAMS.0, "xtask/Cargo.toml"]);
    }
}
