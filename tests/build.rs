//! Puts what the tests and the benchmark embed into `OUT_DIR`: the benchmark's own programs as
//! `bench.o`, and the list of named packets as `packets.rs`.

use std::{env, fmt::Write as _, fs, path::PathBuf};

use anyhow::{Context as _, Result};

fn main() {
    if let Err(error) = bpf_build::embed(bpf_build::BENCH).and_then(|()| packets()) {
        println!("cargo::error={error:#}");
    }
}

/// A table of the files in `packets`: names without `.txt`, and texts.
fn packets() -> Result<()> {
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").context("cargo sets it")?);
    let folder = package.join("packets");
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
