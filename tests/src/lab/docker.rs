//! A real `dockerd` on a host of the lab.

use std::{
    fs::{self, File},
    net::IpAddr,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::{Host, Node, PATIENCE, Process, eventually, process, run};

const IMAGE: &str = "busybox:lab";

/// A Docker daemon in a host's namespace, with all its files in a folder of its own; it and its
/// containers go when it is dropped.
pub struct Docker {
    process: Process,
    folder: TempDir,
}

/// A container of a [`Docker`], which lives no longer than that.
pub struct DockerContainer<'a> {
    docker: &'a Docker,
    name: String,
}

impl Docker {
    /// Starts a daemon with the bridge `docker0`, iptables and Docker's usual rules, and waits
    /// until it answers. `bridge` is the bridge's address with its prefix length.
    ///
    /// # Errors
    /// When Docker or busybox is not installed, or the daemon does not come up: with the end
    /// of its log.
    pub fn start(host: &Host, bridge: &str, v6: &str) -> Result<Self> {
        let folder = TempDir::with_prefix("routemesh-docker-")?;
        let log = File::create(folder.path().join("log"))?;
        let mut command = host.command("dockerd");
        let option =
            |name: &str, file: &str| format!("{name}={}", folder.path().join(file).display());
        command
            .arg(option("--data-root", "data"))
            .arg(option("--exec-root", "exec"))
            .arg(option("--pidfile", "pid"))
            .arg(format!("--host=unix://{}", socket(folder.path()).display()))
            .args(["--bip", bridge, "--ipv6", "--fixed-cidr-v6", v6])
            .args(["--iptables=true", "--userland-proxy=false"])
            .arg(format!("--cgroup-parent=/{}", cgroup(folder.path())))
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut docker = Self {
            process: Process::spawn(&mut command)?,
            folder,
        };
        docker.wait_ready()?;
        docker.import()?;
        Ok(docker)
    }

    fn wait_ready(&mut self) -> Result<()> {
        let ready = eventually("dockerd", 4 * PATIENCE, || {
            ensure!(self.process.ended()?.is_none(), "dockerd has ended");
            self.docker(["version"]).map(drop)
        });
        ready.with_context(|| {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            format!("start dockerd:\n{log}")
        })
    }

    /// Makes an image of busybox, without a registry.
    fn import(&self) -> Result<()> {
        let root = self.folder.path().join("root");
        for folder in ["bin", "etc", "proc", "sys", "dev", "tmp"] {
            fs::create_dir_all(root.join(folder))?;
        }
        fs::copy(busybox()?, root.join("bin/busybox"))?;
        for applet in ["sh", "ping", "sleep"] {
            symlink("busybox", root.join("bin").join(applet))?;
        }
        let tar = self.folder.path().join("root.tar");
        let paths = [root, tar].map(|path| path.display().to_string());
        let [root, tar] = &paths;
        run("tar", ["-C", root, "-cf", tar, "."])?;
        self.docker(["import", tar, IMAGE])?;
        Ok(())
    }

    /// Runs `docker` against the daemon.
    ///
    /// # Errors
    /// What `docker` says.
    pub fn docker<const N: usize>(&self, args: [&str; N]) -> Result<String> {
        let mut command = Command::new("docker");
        let socket = socket(self.folder.path());
        command
            .arg(format!("--host=unix://{}", socket.display()))
            .args(args);
        process::finish(&mut command, "")
    }

    /// Runs a container that sleeps.
    ///
    /// # Errors
    /// What `docker` says.
    pub fn container(&self, name: &str) -> Result<DockerContainer<'_>> {
        self.docker(["run", "-d", "--name", name, IMAGE, "/bin/sleep", "3600"])?;
        let name = name.to_owned();
        Ok(DockerContainer { docker: self, name })
    }
}

impl DockerContainer<'_> {
    /// Its IPv4 address.
    ///
    /// # Errors
    /// When it does not run.
    pub fn v4(&self) -> Result<IpAddr> {
        self.inspect("{{.NetworkSettings.IPAddress}}")?
            .parse()
            .context("parse its address")
    }

    /// Its IPv6 address.
    ///
    /// # Errors
    /// When it does not run.
    pub fn v6(&self) -> Result<IpAddr> {
        self.inspect("{{.NetworkSettings.GlobalIPv6Address}}")?
            .parse()
            .context("parse its address")
    }

    /// Its namespace, as of now: another start has another.
    ///
    /// # Errors
    /// When it does not run.
    pub fn node(&self) -> Result<Node> {
        let pid = self.inspect("{{.State.Pid}}")?;
        Node::existing(&self.name, &format!("/proc/{pid}/ns/net"))
    }

    /// Runs a program in it.
    ///
    /// # Errors
    /// What `docker` says.
    pub fn exec<const N: usize>(&self, words: [&str; N]) -> Result<String> {
        let mut command = Command::new("docker");
        let socket = socket(self.docker.folder.path());
        command
            .arg(format!("--host=unix://{}", socket.display()))
            .args(["exec", &self.name])
            .args(words);
        process::finish(&mut command, "")
    }

    /// Stops it and starts it again.
    ///
    /// # Errors
    /// What `docker` says.
    pub fn restart(&self) -> Result<()> {
        self.docker.docker(["stop", "-t", "0", &self.name])?;
        self.docker.docker(["start", &self.name])?;
        Ok(())
    }

    fn inspect(&self, format: &str) -> Result<String> {
        let text = self.docker.docker(["inspect", "-f", format, &self.name])?;
        Ok(text.trim().to_owned())
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // Containers outlive their daemon; mounts of theirs would keep the folder.
        if let Ok(ids) = self.docker(["ps", "-aq"]) {
            for id in ids.split_whitespace() {
                if let Err(error) = self.docker(["rm", "-f", id]) {
                    eprintln!("{error:#}");
                }
            }
        }
        if let Err(error) = self.process.terminate(Duration::from_secs(30)) {
            eprintln!("{error:#}; killed");
        }
        // Docker leaves the parents of its containers' control groups, in every hierarchy.
        let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten();
        for hierarchy in hierarchies.flatten() {
            // Not every hierarchy has one.
            let _ = fs::remove_dir(hierarchy.path().join(cgroup(self.folder.path())));
        }
        let _ = fs::remove_dir(Path::new("/sys/fs/cgroup").join(cgroup(self.folder.path())));
    }
}

/// The control group of the daemon's containers: named as its folder is.
fn cgroup(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("docker.sock")
}

fn busybox() -> Result<PathBuf> {
    ["/bin/busybox", "/usr/bin/busybox"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.is_file())
        .context("find busybox: apt-get install busybox-static")
}
