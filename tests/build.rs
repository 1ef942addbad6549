//! Puts what the tests and the benchmark embed into `OUT_DIR`: the benchmark's own programs as
//! `bench.o`, and the list of named packets as `packets.rs`.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use bpf_build::{OBJECT_VARIABLE, Object};

fn main() {
    if let Err(error) = embed().and_then(|()| packets()) {
        println!("cargo::error={error:#}");
    }
}

fn embed() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the package lies in the workspace's root")?;
    println!("cargo::rerun-if-env-changed={OBJECT_VARIABLE}");
    for source in ["Cargo.lock", "routemesh-common", "routemesh-ebpf"] {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").context("cargo sets OUT_DIR")?);
    // TARGET/PROFILE/build/routemesh-tests-HASH/out: every profile shares one build of them.
    let target = out
        .ancestors()
        .nth(4)
        .context("OUT_DIR lies in a target directory")?;
    let object = bpf_build::object(&Object::find()?, bpf_build::BENCH, root, target)?;
    fs::copy(&object, out.join("bench.o")).with_context(|| format!("copy {}", object.display()))?;
    Ok(())
}

/// A table of the files in `packets`: names without `.txt`, and texts.
fn packets() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packets");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = fs::read_dir(&folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("list {}", folder.display()))?;
    files.sort_by_key(fs::DirEntry::file_name);
    let mut table = "const FILES: &[(&str, &str)] = &[\n".to_owned();
    for path in files.iter().map(fs::DirEntry::path) {
        let name = path.file_stem().unwrap_or_default().display();
        writeln!(table, "(\"{name}\", include_str!({path:?})),")?;
    }
    table.push_str("];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").context("cargo sets OUT_DIR")?);
    fs::write(out.join("packets.rs"), table).context("write the table of packets")
}
