//! A Debian of its own in a host of the lab, with systemd as its first process.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::{Node, PATIENCE, Process, eventually, process, run};

/// Where a [`Machine`] sees the directory that it was given.
pub const SHARED: &str = "/mnt";

/// Where control groups are: beside those of version 1, and by themselves.
const CGROUPS: [&str; 3] = [
    "/sys/fs/cgroup/systemd",
    "/sys/fs/cgroup/unified",
    "/sys/fs/cgroup",
];

/// Runs its arguments in a control group of the name `$0`, in each of the places in `$1`.
const IN_CGROUP: &str = "for place in $1; do
    if [ -f $place/cgroup.procs ]; then mkdir $place/$0 && echo $$ > $place/$0/cgroup.procs; fi
done
shift
exec \"$@\"";

/// How long a Debian takes to start or to end.
const BOOT: Duration = Duration::from_secs(60);

/// A booted Debian in the network namespace of a host, by `systemd-nspawn`. What it writes is
/// gone with it.
pub struct Machine {
    process: Process,
    /// Its first process, as this machine numbers it.
    init: u32,
    name: String,
    folder: TempDir,
}

impl Machine {
    /// Boots a copy of the root file system at `root`, with what is in `shared` at [`SHARED`].
    ///
    /// # Errors
    /// When it does not come up: with what it said.
    pub fn boot(node: &Node, root: &Path, shared: &Path) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let folder = TempDir::with_prefix("routemesh-machine-")?;
        let log = File::create(folder.path().join("console"))?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("routemesh-{}-{number}", std::process::id());
        let mut command = node.command("sh");
        command
            // The groups that it makes for itself are then below one of ours.
            .args(["-c", IN_CGROUP, &name, &CGROUPS.join(" ")])
            .args([
                "systemd-nspawn",
                "--quiet",
                "--boot",
                "--register=no",
                "--keep-unit",
            ])
            // Root is given all that it has on a machine; what a service lets go is its unit's.
            .args(["--capability=all", "--system-call-filter=bpf"])
            .env("SYSTEMD_NSPAWN_API_VFS_WRITABLE", "1")
            .args(["--volatile=overlay", "--link-journal=no"])
            .arg(format!("--machine={name}"))
            .arg(format!("--directory={}", root.display()))
            .arg(format!("--bind-ro={}:{SHARED}", shared.display()))
            .stdout(log.try_clone()?)
            .stderr(log);
        let process = Process::spawn(&mut command)?;
        let init = eventually("a first process", BOOT, || first_process(process.id()));
        let machine = init.and_then(|init| {
            let machine = Self {
                init,
                process,
                name,
                folder,
            };
            machine.wait_until_up()?;
            Ok(machine)
        })?;
        // As systemd does where it is no guest: root's alone.
        machine.run(["mount", "-t", "bpf", "-o", "mode=700", "bpf", "/sys/fs/bpf"])?;
        Ok(machine)
    }

    fn wait_until_up(&self) -> Result<()> {
        eventually("systemd", BOOT, || {
            let output = self.output(&["systemctl", "is-system-running"])?;
            let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            // Degraded it is where the machine around it lacks something.
            ensure!(["running", "degraded"].contains(&state.as_str()), "{state}");
            Ok(())
        })
        .with_context(|| self.console())
    }

    /// Runs the program `words[0]` in it, as root, and returns its stdout.
    ///
    /// # Errors
    /// When it ends with an exit code other than 0: with its stderr.
    pub fn run<const N: usize>(&self, words: [&str; N]) -> Result<String> {
        process::finish(&mut self.command(&words), "")
    }

    /// Runs the program `words[0]` in it, as root, however it ends.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn output(&self, words: &[&str]) -> Result<Output> {
        process::output(&mut self.command(words), "")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--mount", "--uts", "--ipc", "--net", "--pid"])
            .arg(format!("--target={}", self.init))
            .arg("--")
            .args(words)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C");
        command
    }

    /// Writes a file in it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &str, text: &str) -> Result<()> {
        let words = [
            "sh",
            "-c",
            "mkdir -p \"${1%/*}\" && cat > \"$1\"",
            "-",
            path,
        ];
        process::finish(&mut self.command(&words), text).map(drop)
    }

    /// Whether a file is there.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn has(&self, path: &str) -> Result<bool> {
        Ok(self.output(&["test", "-e", path])?.status.success())
    }

    /// A property of a unit, as `systemctl show` says.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn property(&self, unit: &str, name: &str) -> Result<String> {
        let text = self.run(["systemctl", "show", "--value", "--property", name, unit])?;
        Ok(text.trim().to_owned())
    }

    /// What it said while it started.
    fn console(&self) -> String {
        fs::read_to_string(self.folder.path().join("console")).unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if thread::panicking()
            && let Ok(log) = self.output(&["journalctl", "--no-pager", "--lines=40"])
        {
            eprintln!("{}", String::from_utf8_lossy(&log.stdout));
        }
        if let Err(error) = self.process.terminate(PATIENCE) {
            eprintln!("{error:#}; killed");
        }
        for place in CGROUPS {
            remove_cgroup(&Path::new(place).join(&self.name));
        }
    }
}

/// Removes a control group and those below it; of what is busy or not there the kernel says so.
fn remove_cgroup(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_cgroup(&entry.path());
        }
    }
    let _ = fs::remove_dir(folder);
}

/// The process below `emulator` that is the first of its namespace.
fn first_process(emulator: u32) -> Result<u32> {
    let mut open = vec![emulator];
    while let Some(process) = open.pop() {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        let numbers: Vec<_> = numbers.unwrap_or_default().split_whitespace().collect();
        if numbers.len() > 1 && numbers.last() == Some(&"1") {
            return Ok(process);
        }
        let path = format!("/proc/{process}/task/{process}/children");
        let children = fs::read_to_string(path)?;
        open.extend(
            children
                .split_whitespace()
                .filter_map(|child| child.parse::<u32>().ok()),
        );
    }
    anyhow::bail!("{emulator} has none yet")
}

/// A root file system of Debian's with what is essential and systemd, made in `folder` where it is
/// not there yet.
///
/// # Errors
/// When Debian's packages cannot be had.
pub fn debian(folder: &Path) -> Result<PathBuf> {
    let root = folder.join("debian-12");
    if root.exists() {
        return Ok(root);
    }
    let fresh = folder.join("debian-12-new");
    if fresh.exists() {
        fs::remove_dir_all(&fresh).with_context(|| format!("remove {}", fresh.display()))?;
    }
    let words = [
        "--quiet",
        "--variant=essential",
        "--include=systemd,init-system-helpers",
    ];
    let place = fresh.to_string_lossy().into_owned();
    run("mmdebstrap", [&words[..], &["bookworm", &place]].concat())?;
    // Only what is whole gets the name.
    fs::rename(&fresh, &root).with_context(|| format!("name {}", root.display()))?;
    Ok(root)
}
