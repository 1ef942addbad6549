//! `cargo xtask setup`: finds what the eBPF half needs, and installs what is missing.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use bpf_build::{
    BPF_LINKER_VERSION, Compiler, Host, Object, Search, System as _, find_compiler, find_linker,
    install_root,
};

use crate::{
    packages,
    process::{cargo, succeed},
};

/// Debian's compiler with `core` for BPF; rustup's stable has none, and none can be downloaded for it.
const COMPILER: &[&str] = &["rustc-web", "cargo-web", "libstd-rust-web-dev-bpf"];

/// The LLVMs that this version of bpf-linker can be built for.
const LINKER_LLVMS: std::ops::RangeInclusive<u32> = 21..=23;

/// Sees to it that the eBPF programs can be built, saying what it finds and does.
///
/// # Errors
///
/// If something is missing that cannot be installed here; the error says what to do about it.
pub(crate) fn run() -> Result<Object> {
    if env::var_os(bpf_build::OBJECT_VARIABLE).is_some() {
        let object = Object::find()?;
        say("prebuilt eBPF object, nothing else is needed");
        return Ok(object);
    }
    let compiler = match tell(find_compiler(&Host)) {
        Some(compiler) => compiler,
        None => install_compiler()?,
    };
    let linker = match tell(find_linker(&Host, &compiler)) {
        Some(linker) => linker,
        None => install_linker(&compiler)?,
    };
    Ok(Object::Built(bpf_build::Tools { compiler, linker }))
}

/// Prints a line on what was found or is being done.
pub(crate) fn say(what: &str) {
    println!("setup: {what}");
}

fn tell<T>(search: Search<T>) -> Option<T> {
    search.notes.iter().for_each(|note| say(note));
    search.found
}

fn install_compiler() -> Result<Compiler> {
    packages::install(COMPILER)
        .context("no compiler for BPF (rustup's nightly with its rust-src component is one)")?;
    tell(find_compiler(&Host)).context("the compiler just installed is not usable for BPF")
}

fn install_linker(compiler: &Compiler) -> Result<PathBuf> {
    let llvm = compiler.llvm();
    ensure!(
        LINKER_LLVMS.contains(&llvm),
        "bpf-linker {BPF_LINKER_VERSION} knows LLVM {LINKER_LLVMS:?}, the compiler has {llvm}"
    );
    let prefix = llvm_prefix(llvm)?;
    let root = install_root(&Host, llvm);
    say(&format!(
        "building bpf-linker {BPF_LINKER_VERSION} for LLVM {llvm} into {}",
        root.display()
    ));
    let mut install = cargo("install");
    install
        .args(["bpf-linker", "--version", BPF_LINKER_VERSION])
        .args(["--no-default-features", "--features"])
        .arg(format!("llvm-{llvm}"))
        // Forced, since one that is there but does not run counts as installed.
        .args(["--locked", "--quiet", "--force", "--root"])
        .arg(&root)
        .env_remove("CARGO_TARGET_DIR")
        .env("LLVM_PREFIX", &prefix);
    // llvm-sys names its variable after its own version, whose last digit is a release of its own.
    for release in 0..=1 {
        install.env(format!("LLVM_SYS_{llvm}{release}_PREFIX"), &prefix);
    }
    succeed(&mut install)?;
    tell(find_linker(&Host, compiler)).context("the bpf-linker just installed is not usable")
}

/// Where LLVM's libraries and headers lie, after Debian's packages of them were seen to.
fn llvm_prefix(llvm: u32) -> Result<PathBuf> {
    let names = ["llvm-LLVM", "llvm-LLVM-dev", "libpolly-LLVM-dev"]
        .map(|name| name.replace("LLVM", &llvm.to_string()));
    let config = format!("llvm-config-{llvm}");
    if packages::is_debian() {
        packages::install(&names.each_ref().map(String::as_str))
            .with_context(|| format!("bpf-linker needs LLVM {llvm} with its headers"))?;
    }
    let prefix = Host
        .output(Path::new(&config), &["--prefix"])
        .with_context(|| {
            format!("bpf-linker needs LLVM {llvm} with its headers: install it, with {config}")
        })?;
    Ok(PathBuf::from(prefix.trim()))
}
