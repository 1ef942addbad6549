//! Puts the object with the benchmark's own programs where it embeds it from: `OUT_DIR/bench.o`.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use bpf_build::{OBJECT_VARIABLE, Object};

fn main() {
    if let Err(error) = embed() {
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
