//! What a file may hold: unsafe code, lines, paths.

use super::{
    Offence, code,
    tree::{File, Tree},
};

/// The files that may say `unsafe`, and what for.
const UNSAFE: &[(&str, &str)] = &[
    (
        "fuzz/src/frame.rs",
        "puts a packet between pages that cannot be touched",
    ),
    (
        "routemesh-common/src/maps.rs",
        "vouches for the map types' layout",
    ),
    (
        "routemesh-ebpf/src/bin/bench/frame.rs",
        "calls the kernel's packet helpers",
    ),
    (
        "routemesh-ebpf/src/bin/bench/programs.rs",
        "reads the maps and clock, states the programs' licence",
    ),
    (
        "routemesh-ebpf/src/bin/datapath/count.rs",
        "adds to this CPU's counters",
    ),
    (
        "routemesh-ebpf/src/bin/datapath/ctx.rs",
        "calls the kernel's packet helpers",
    ),
    (
        "routemesh-ebpf/src/bin/datapath/maps.rs",
        "reads the maps and globals",
    ),
    (
        "routemesh-ebpf/src/bin/datapath/programs.rs",
        "states the programs' licence",
    ),
    (
        "routemesh-ebpf/src/bin/datapath/routes.rs",
        "writes this CPU's cache",
    ),
    (
        "routemesh-ebpf/src/bin/datapath/sockets.rs",
        "reads what a socket is told",
    ),
    (
        "routemesh-ebpf/src/frame.rs",
        "stands in for a packet in the core's tests",
    ),
    (
        "routemesh-ebpf/src/packet.rs",
        "turns a packet's address into a reference",
    ),
    (
        "routemesh-ebpf/src/wire.rs",
        "vouches for the headers' layout",
    ),
    (
        "routemesh/src/daemon/heap.rs",
        "has glibc give memory back to the kernel",
    ),
    (
        "routemesh/src/datapath/grace.rs",
        "waits for an RCU grace period",
    ),
    ("routemesh/src/datapath/link.rs", "detaches links"),
    (
        "routemesh/src/datapath/log.rs",
        "hands tokio the descriptor of the programs' log",
    ),
    (
        "routemesh/src/datapath/mapping.rs",
        "shares arrays with the kernel",
    ),
    (
        "routemesh/src/datapath/sockets.rs",
        "asks for the cookie of a network namespace",
    ),
];

/// Lines a file may have, its tests not counted: who reads it should see all of it.
const LENGTH: usize = 500;

/// Directories that only some machines have. Not spelled out, or this file would break its own rule.
const PLACES: &[&str] = &["home", "root", "work"];

pub(super) fn unsafe_code(tree: &Tree) -> Vec<Offence> {
    tree.rust("").flat_map(unsafe_lines).collect()
}

fn unsafe_lines(file: &File) -> Vec<Offence> {
    let code = code::code(&file.text);
    let lines = code::words(&code, "unsafe").map(|at| code::line(&code, at));
    let offence = |line, what: &str| Offence {
        file: file.path.clone(),
        line,
        what: what.to_owned(),
    };
    match UNSAFE.iter().find(|(path, _)| *path == file.path) {
        None => lines
            .map(|line| offence(line, "`unsafe` outside the files that may say it"))
            .collect(),
        Some(_) if lines.count() > 0 => Vec::new(),
        Some((_, why)) => vec![offence(0, &format!("has no need of its allowance: {why}"))],
    }
}

pub(super) fn length(tree: &Tree) -> Vec<Offence> {
    let too_long = |file: &File| {
        let product = file.text.split("\n#[cfg(test)]\nmod ").next()?;
        let lines = product.lines().count();
        (lines > LENGTH).then(|| Offence {
            file: file.path.clone(),
            line: 0,
            what: format!("{lines} lines, {LENGTH} are the limit: split it by nouns"),
        })
    };
    tree.rust("").filter_map(too_long).collect()
}

pub(super) fn paths(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in tree.files() {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(place) = PLACES.iter().find(|place| names(line, place)) {
                offences.push(Offence {
                    file: file.path.clone(),
                    line: index + 1,
                    what: format!("a path below /{place}, which is one machine's own"),
                });
            }
        }
    }
    offences
}

/// Whether the line has an absolute path to something in a directory of the root.
fn names(line: &str, place: &str) -> bool {
    let absolute = format!("/{place}/");
    line.match_indices(&absolute).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + absolute.len()..].chars().next();
        !before.is_some_and(code::is_word) && after.is_some_and(code::is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_is_found_where_it_may_not_be_and_missed_where_it_may() {
        let source = "// unsafe\n#![deny(unsafe_code)]\nfn f() { unsafe { g() } }\n";
        let tree = Tree::of(&[("a.rs", source), (UNSAFE[0].0, source), (UNSAFE[1].0, "")]);
        let offences = unsafe_code(&tree);
        let places: Vec<_> = offences.iter().map(|o| (o.file.as_str(), o.line)).collect();
        assert_eq!(places, [("a.rs", 3), (UNSAFE[1].0, 0)]);
    }

    #[test]
    fn the_tests_at_the_foot_do_not_count() {
        let full = "x\n".repeat(LENGTH);
        let tested = format!("{full}#[cfg(test)]\nmod tests {{\n{full}}}\n");
        let long = format!("{full}x\n");
        let tree = Tree::of(&[
            ("full.rs", &full),
            ("tested.rs", &tested),
            ("long.rs", &long),
        ]);
        let offences = length(&tree);
        assert_eq!(offences.len(), 1);
        assert_eq!(offences[0].file, "long.rs");
    }

    #[test]
    fn a_path_of_one_machine_is_found_and_others_are_not() {
        let own = format!("see\n/{}/me/notes\n", PLACES[0]);
        let tree = Tree::of(&[
            ("own.md", &own),
            ("other.md", "at/root/x, /root/ and /usr/bin, /homework\n"),
        ]);
        let offences = paths(&tree);
        assert_eq!(offences.len(), 1);
        assert_eq!((offences[0].file.as_str(), offences[0].line), ("own.md", 2));
    }
}
