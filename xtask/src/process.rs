//! Running other programs, and where things lie.

use std::{
    env,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(PathBuf::new, Path::to_path_buf)
}

/// The target directory, which is where this very program was built.
pub(crate) fn target() -> Result<PathBuf> {
    let own = env::current_exe().context("find this program's own file")?;
    own.ancestors()
        .find(|directory| directory.join("CACHEDIR.TAG").is_file())
        .map(Path::to_path_buf)
        .with_context(|| format!("{}: not in a target directory of cargo's", own.display()))
}

/// The cargo that runs this program, in the workspace's root.
pub(crate) fn cargo(verb: &str) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg(verb).current_dir(root());
    cargo
}

/// Runs `command` to its end, its output shown as it comes.
///
/// # Errors
///
/// If it cannot be run or does not succeed.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("run {}", command.get_program().display()))?;
    ensure!(status.success(), "`{}` ended with {status}", line(command));
    Ok(())
}

/// Runs `command` to its end and returns what it prints.
///
/// # Errors
///
/// If it cannot be run or does not succeed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("run {}", command.get_program().display()))?;
    let status = output.status;
    ensure!(status.success(), "`{}` ended with {status}", line(command));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as one would type it.
fn line(command: &Command) -> String {
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Whether this process is root's.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Refuses to go on for users that are not root, for whom `what`, as `the demo`, is not possible.
pub(crate) fn need_root(what: &str) -> Result<()> {
    ensure!(
        is_root(),
        "{what} makes network namespaces and loads BPF programs: run it as root"
    );
    Ok(())
}

/// Runs a program in place of this process, so that Ctrl-C and the exit status are its own.
/// Returns only when it cannot be started.
pub(crate) fn replaced_by(command: &mut Command) -> Result<()> {
    let error = command.exec();
    Err(error).with_context(|| format!("run {}", command.get_program().display()))
}
