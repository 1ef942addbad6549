//! The object: built apart from the workspace's own artefacts, and replaced only when it changes.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{Host, TARGET, Tools, find_compiler, find_linker};

/// Names a prebuilt object to be used instead of one built here.
pub const OBJECT_VARIABLE: &str = "ROUTEMESH_EBPF_OBJECT";

const PACKAGE: &str = "routemesh-ebpf";
/// The object that the daemon embeds.
pub const DATAPATH: &str = "datapath";
/// The object of the benchmark's own programs.
pub const BENCH: &str = "bench";

/// Of its own, since the workspace's is locked while its build scripts run.
const DIRECTORY: &str = "bpf";
const FLAGS: &str = "CARGO_ENCODED_RUSTFLAGS";
/// Packet headers are read as words, not byte by byte: every 64-bit machine with a BPF JIT can.
const MISALIGNED: &str = "-Clink-arg=--cpu-features=+allows-misaligned-mem-access";

/// Where the object comes from.
#[derive(Debug)]
pub enum Object {
    /// The file that [`OBJECT_VARIABLE`] names.
    Prebuilt(PathBuf),
    /// Built by these tools.
    Built(Tools),
}

impl Object {
    /// What the environment asks for, with the tools this machine has.
    ///
    /// # Errors
    ///
    /// If the named object is not a file named by its absolute path, or a tool is missing.
    pub fn find() -> Result<Self> {
        if let Some(named) = env::var_os(OBJECT_VARIABLE) {
            let path = PathBuf::from(named);
            let name = path.display();
            // Build scripts and verbs run in different directories.
            ensure!(
                path.is_absolute(),
                "{OBJECT_VARIABLE}={name}: not an absolute path"
            );
            ensure!(path.is_file(), "{OBJECT_VARIABLE}={name}: no such file");
            return Ok(Self::Prebuilt(path));
        }
        let compiler = find_compiler(&Host);
        let Some(found) = compiler.found else {
            bail!("{}", missing("compiler", &compiler.notes));
        };
        let linker = find_linker(&Host, &found);
        let Some(path) = linker.found else {
            bail!("{}", missing("bpf-linker", &linker.notes));
        };
        Ok(Self::Built(Tools {
            compiler: found,
            linker: path,
        }))
    }
}

fn missing(what: &str, notes: &[String]) -> String {
    format!(
        "no {what} for the eBPF programs: run `cargo xtask setup`, or name a prebuilt object in {OBJECT_VARIABLE} ({})",
        notes.join("; ")
    )
}

/// The path of the object named [`DATAPATH`] or [`BENCH`]; built first, from the workspace at
/// `root` and below `target`, if it must be. With a prebuilt one, [`BENCH`] lies beside it.
///
/// # Errors
///
/// If cargo cannot be run or the programs do not build; cargo has said why on stderr.
pub fn object(object: &Object, name: &str, root: &Path, target: &Path) -> Result<PathBuf> {
    match object {
        Object::Prebuilt(path) if name == DATAPATH => Ok(path.clone()),
        Object::Prebuilt(path) => Ok(path.with_file_name(name).with_extension("o")),
        Object::Built(tools) => {
            let directory = target.join(DIRECTORY);
            let mut build = cargo("build", tools, root, &directory);
            build.args(["--bin", name]);
            run(build.env(FLAGS, flags(&tools.linker, root, &[])?))?;
            let built = directory.join(TARGET).join("release").join(name);
            let object = directory.join(name).with_extension("o");
            copy_if_changed(&built, &object)?;
            Ok(object)
        }
    }
}

/// For a build script: has `OUT_DIR/NAME.o` for its package to embed, and cargo run the script
/// again when the object is to be another. The package lies in the workspace's root.
///
/// # Errors
///
/// Those of [`Object::find`] and [`object`], and if it cannot be copied.
pub fn embed(name: &str) -> Result<()> {
    // Asked when it runs: compiled in, it would be where the script was built first, which with a
    // shared target directory may be another worktree.
    let package = variable("CARGO_MANIFEST_DIR")?;
    let root = package
        .parent()
        .context("the package lies in the workspace's root")?;
    println!("cargo::rerun-if-env-changed={OBJECT_VARIABLE}");
    for source in ["Cargo.lock", "Cargo.toml", "routemesh-common", PACKAGE] {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    let out = variable("OUT_DIR")?;
    // TARGET/PROFILE/build/PACKAGE-HASH/out: every profile shares one build of the programs.
    let target = out
        .ancestors()
        .nth(4)
        .context("OUT_DIR lies in a target directory")?;
    let found = Object::find()?;
    let made_of = match &found {
        Object::Prebuilt(path) => path,
        Object::Built(tools) => &tools.linker,
    };
    println!("cargo::rerun-if-changed={}", made_of.display());
    let object = object(&found, name, root, target)?;
    fs::copy(&object, out.join(name).with_extension("o"))
        .with_context(|| format!("copy {}", object.display()))?;
    Ok(())
}

/// A directory that cargo names to build scripts.
fn variable(name: &str) -> Result<PathBuf> {
    let directory = env::var_os(name).with_context(|| format!("cargo sets {name}"))?;
    Ok(directory.into())
}

/// Checks the programs for BPF; a warning is an error.
///
/// # Errors
///
/// If cargo cannot be run, or finds a warning or an error and has shown it on stderr.
pub fn check(tools: &Tools, root: &Path, target: &Path) -> Result<()> {
    let directory = target.join(DIRECTORY);
    let mut check = cargo("check", tools, root, &directory);
    check.arg("--bins");
    run(check.env(FLAGS, flags(&tools.linker, root, &["-Dwarnings"])?))
}

fn cargo(verb: &str, tools: &Tools, root: &Path, directory: &Path) -> Command {
    let mut command = tools.compiler.cargo(verb);
    command
        .args(["--release", "--locked", "--target", TARGET, "--target-dir"])
        .arg(directory)
        .args(["--package", PACKAGE])
        .current_dir(root);
    // The workspace's release profile is the daemon's: bpf-linker does its own link-time
    // optimisation, and the kernel wants the BTF that is made from full debug information.
    for (setting, value) in [
        ("CODEGEN_UNITS", "1"),
        ("DEBUG", "2"),
        ("LTO", "off"),
        ("STRIP", "none"),
    ] {
        command.env(format!("CARGO_PROFILE_RELEASE_{setting}"), value);
    }
    command
}

/// The compiler's flags, as [`FLAGS`] has them.
fn flags(linker: &Path, root: &Path, more: &[&str]) -> Result<String> {
    let linker = format!("-Clinker={}", linker.display());
    let arch = format!("--cfg=bpf_target_arch=\"{}\"", env::consts::ARCH);
    let paths = plain_paths(root)?;
    let paths: Vec<_> = paths.iter().map(String::as_str).collect();
    let flags: [&[&str]; 3] = [
        &[
            linker.as_str(),
            "-Clink-arg=--btf",
            MISALIGNED,
            "-Ctarget-cpu=v3",
            "-Cdebuginfo=2",
            &arch,
        ],
        paths.as_slice(),
        more,
    ];
    Ok(flags.concat().join("\u{1f}"))
}

/// Flags by which the compiler writes no names of this machine's directories into what it makes:
/// the same source then gives the same bytes wherever it lies.
///
/// # Errors
///
/// If there is no home directory.
pub fn plain_paths(root: &Path) -> Result<Vec<String>> {
    let home = match env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => env::home_dir()
            .context("find the home directory")?
            .join(".cargo"),
    };
    let named = |path: &Path, name| format!("--remap-path-prefix={}={name}", path.display());
    Ok(vec![
        named(&home.join("registry/src"), "/cargo"),
        named(root, "/routemesh"),
    ])
}

fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("run {}", command.get_program().display()))?;
    ensure!(
        status.success(),
        "build the eBPF programs: cargo ended with {status}"
    );
    Ok(())
}

/// Leaves an equal file untouched, so that what embeds it is not rebuilt.
fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let new = fs::read(from).with_context(|| format!("read {}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    // Two build scripts may run at once: a reader sees the old object or the new one, whole.
    let whole = to.with_extension(process::id().to_string());
    fs::write(&whole, new)
        .and_then(|()| fs::rename(&whole, to))
        .with_context(|| format!("write {}", to.display()))
}
