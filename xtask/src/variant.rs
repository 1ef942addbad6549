//! Other builds of the daemon for the tests of upgrades: the same source but for a few words, so
//! with other kernel programs, and with maps of another layout.

use std::{fs, os::unix::fs::symlink, path::Path};

use anyhow::{Context as _, Result, ensure};
use bpf_build::{DATAPATH, OBJECT_VARIABLE, Object};

use crate::process::{cargo, root, succeed, target};

/// What differs: a file, words in it, and what is there in their place.
type Edit = (&'static str, &'static str, &'static str);

/// A build with the name that its binary has beside `routemesh`.
struct Variant {
    name: &'static str,
    edits: &'static [Edit],
}

/// Other instructions in each of the programs; the maps are the same.
const PROGRAMS: [Edit; 2] = [
    (
        "routemesh-ebpf/src/bin/datapath/count.rs",
        "const ERROR_BURST: u64 = 100;",
        "const ERROR_BURST: u64 = 101;",
    ),
    (
        "routemesh-ebpf/src/bin/datapath/pipeline.rs",
        "if hop.resolved == 0 || ",
        "if hop.resolved == 0 || hop.ifindex == 0 || ",
    ),
];

const VARIANTS: [Variant; 2] = [
    Variant {
        name: "routemesh-other-programs",
        edits: &PROGRAMS,
    },
    Variant {
        name: "routemesh-other-maps",
        edits: &[
            PROGRAMS[0],
            PROGRAMS[1],
            (
                "routemesh-common/src/maps.rs",
                "    pub gre_key: u32,\n}\n\nimpl NextHop {",
                "    pub gre_key: u32,\n    pub added: u64,\n}\n\nimpl NextHop {",
            ),
            (
                "routemesh-common/src/maps.rs",
                "    NextHop = 104;",
                "    NextHop = 112;",
            ),
        ],
    },
];

/// How a manifest and the lock begin to write the version of the workspace's members.
const VERSION: &str = concat!("version = \"", env!("CARGO_PKG_VERSION"));

/// What of the workspace the variants have copies of; the rest is linked.
const COPIED: [&str; 3] = ["routemesh", "routemesh-common", "routemesh-ebpf"];

/// What the names of the tests contain that need other builds.
const TESTS: &str = "other_builds_take_over";

/// Builds all of them, in the debug profile, beside `routemesh`, if one of `tests` needs them.
///
/// # Errors
///
/// If an edit does not fit the source any more, or one does not build.
pub(crate) fn build_for<'a>(
    tests: impl IntoIterator<Item = &'a String>,
    object: &Object,
) -> Result<()> {
    if !tests.into_iter().any(|test| test.contains(TESTS)) {
        return Ok(());
    }
    VARIANTS.iter().try_for_each(|variant| {
        variant
            .build(object)
            .with_context(|| format!("build {}", variant.name))
    })
}

impl Variant {
    fn build(&self, object: &Object) -> Result<()> {
        let source = target()?.join("variants").join(self.name);
        self.write(&source)?;
        // They share a build of what the programs depend on, so each takes its own away.
        let built = bpf_build::object(object, DATAPATH, &source, &target()?.join("variants"))?;
        let path = source.join("datapath.o");
        replace(&path, &fs::read(&built)?)?;
        // For the whole workspace the same features of its dependencies are asked for, so that
        // none of these is built once more.
        let mut build = cargo("build");
        build
            .args(["--workspace", "--bin", self.name])
            .arg("--target-dir")
            .arg(target()?)
            .current_dir(&source)
            .env(OBJECT_VARIABLE, path);
        succeed(&mut build)
    }

    /// Writes the workspace that it is built from.
    fn write(&self, source: &Path) -> Result<()> {
        fs::create_dir_all(source).with_context(|| format!("make {}", source.display()))?;
        for file in ["Cargo.toml", "Cargo.lock"] {
            self.copy(file.as_ref(), source)?;
        }
        for member in ["fuzz", "tests", "xtask"] {
            let (own, link) = (root().join(member), source.join(member));
            // A target directory may have come from another checkout.
            if fs::read_link(&link).is_ok_and(|linked| linked != own) {
                fs::remove_file(&link).with_context(|| format!("remove {}", link.display()))?;
            }
            if !link.is_symlink() {
                symlink(own, &link).with_context(|| format!("link {}", link.display()))?;
            }
        }
        for member in COPIED {
            self.copy(member.as_ref(), source)?;
        }
        Ok(())
    }

    /// Copies a file, or all below a directory, with the edits.
    fn copy(&self, path: &Path, source: &Path) -> Result<()> {
        let (from, to) = (root().join(path), source.join(path));
        if from.is_dir() {
            fs::create_dir_all(&to).with_context(|| format!("make {}", to.display()))?;
            let entries =
                fs::read_dir(&from).with_context(|| format!("list {}", from.display()))?;
            let mut names = entries.flatten().map(|entry| path.join(entry.file_name()));
            return names.try_for_each(|path| self.copy(&path, source));
        }
        let text = fs::read(&from).with_context(|| format!("read {}", from.display()))?;
        let text = self.edited(path, text)?;
        replace(&to, &text)
    }

    fn edited(&self, path: &Path, text: Vec<u8>) -> Result<Vec<u8>> {
        if path == Path::new("routemesh/Cargo.toml") {
            let binary = format!(
                "\n[[bin]]\nname = \"{}\"\npath = \"src/main.rs\"\n",
                self.name
            );
            return Ok([text, binary.into_bytes()].concat());
        }
        // Cargo takes packages for one that differ in nothing but their workspace's place.
        if path == Path::new("Cargo.toml") {
            return exchange(text, (VERSION, &self.version()));
        }
        if path == Path::new("Cargo.lock") {
            return self.relocked(text);
        }
        let mut edits = self.edits.iter().filter(|edit| Path::new(edit.0) == path);
        edits
            .try_fold(text, |text, (_, words, others)| {
                exchange(text, (words, others))
            })
            .with_context(|| path.display().to_string())
    }

    /// The lock with the members' other version; what is from elsewhere has a source.
    fn relocked(&self, lock: Vec<u8>) -> Result<Vec<u8>> {
        let lock = String::from_utf8(lock)?;
        let packages = lock.split("[[package]]").map(|package| {
            if package.contains("source = ") {
                package.to_owned()
            } else {
                package.replace(VERSION, &self.version())
            }
        });
        Ok(packages
            .collect::<Vec<_>>()
            .join("[[package]]")
            .into_bytes())
    }

    fn version(&self) -> String {
        format!("{VERSION}-{}", self.name)
    }
}

/// Puts other words in the place of those that are there once.
fn exchange(text: Vec<u8>, (words, others): (&str, &str)) -> Result<Vec<u8>> {
    let text = String::from_utf8(text)?;
    ensure!(
        text.matches(words).count() == 1,
        "`{words}` is not there once"
    );
    Ok(text.replace(words, others).into_bytes())
}

/// Writes a file; one that is so already keeps its time, so that cargo builds nothing for it.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::write(path, bytes).with_context(|| format!("write {}", path.display()))
}
