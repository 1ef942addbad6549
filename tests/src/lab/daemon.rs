//! The real daemon on a host of the lab, and its CLI.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    mount::{MsFlags, mount},
    sys::{
        signal::Signal,
        statfs::{BPF_FS_MAGIC, statfs},
    },
};
use routemesh::{cli::DEFAULT_FILE, config::DEFAULT};
use tempfile::TempDir;

use super::{Answer, Call, Node, Of, PATIENCE, Process, eventually, process, request};

const BPFFS: &str = "/sys/fs/bpf";

/// The `routemesh` program: `$ROUTEMESH_BIN`, or the one built beside the running program.
///
/// # Errors
/// When there is none.
pub fn binary() -> Result<PathBuf> {
    match env::var_os("ROUTEMESH_BIN") {
        Some(path) => Ok(path.into()),
        None => built("routemesh"),
    }
}

/// The program of that name above the running one.
fn built(name: &str) -> Result<PathBuf> {
    let own = env::current_exe()?;
    own.ancestors()
        .skip(1)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .with_context(|| {
            format!(
                "find {name} above {}: `cargo xtask test` builds it",
                own.display()
            )
        })
}

/// A daemon with a configuration file, a socket and a folder of pins of its own. Dropping it
/// ends it and removes the folder; its log and outcomes are shown when that happens in a panic.
pub struct Routemesh {
    node: Node,
    folder: TempDir,
    bpffs: PathBuf,
    /// Whether it is told of the configuration file.
    configured: bool,
    /// The capabilities it has, where not all, as `setpriv` has them.
    capabilities: Option<String>,
    /// Variables of its environment.
    variables: Vec<(&'static str, String)>,
    /// Options beside those that say where things are.
    options: Vec<&'static str>,
    /// The build it is of, where not that under test.
    build: Option<&'static str>,
    /// The kernel call that it is killed at.
    deadly: Option<Call>,
    process: Option<Process>,
}

impl Routemesh {
    /// Starts the daemon on `node` with a configuration, and waits until it is ready.
    ///
    /// # Errors
    /// When it ends instead, or is not ready in time: with the end of its log.
    pub fn start(node: &Node, config: &str) -> Result<Self> {
        let mut daemon = Self::prepare(node, config)?;
        daemon.resume()?;
        Ok(daemon)
    }

    /// Starts the daemon on `node` with no configuration file, so with the one built in, and
    /// waits until it is ready. Where the machine has a file for routemesh in /etc, which such a
    /// daemon would read, it is given a copy of the one built in.
    ///
    /// # Errors
    /// When it ends instead, or is not ready in time: with the end of its log.
    pub fn start_unconfigured(node: &Node) -> Result<Self> {
        let mut daemon = Self::prepare(node, DEFAULT)?;
        daemon.configured = Path::new(DEFAULT_FILE).exists();
        daemon.resume()?;
        Ok(daemon)
    }

    /// A daemon that is not started yet.
    ///
    /// # Errors
    /// When its files cannot be made.
    pub fn prepare(node: &Node, config: &str) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        mount_bpffs()?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let daemon = Self {
            node: node.clone(),
            folder: TempDir::with_prefix("routemesh-lab-")?,
            bpffs: format!("{BPFFS}/routemesh-test-{}-{number}", std::process::id()).into(),
            configured: true,
            capabilities: None,
            variables: Vec::new(),
            options: vec!["--detach-on-exit"],
            build: None,
            deadly: None,
            process: None,
        };
        daemon.write_config(config)?;
        Ok(daemon)
    }

    /// Starts the daemon (again) and waits until it is ready.
    ///
    /// # Errors
    /// When it ends instead, or is not ready in time: with the end of its log.
    pub fn resume(&mut self) -> Result<()> {
        self.process = None;
        self.launch()?;
        self.wait_ready()
    }

    /// Starts the daemon (again) and does not wait.
    ///
    /// # Errors
    /// When the program is not built.
    pub fn launch(&mut self) -> Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())?;
        let mut command = self.program()?;
        command
            .arg("daemon")
            .args(&self.options)
            .arg("--socket")
            .arg(self.socket())
            .arg("--bpffs")
            .arg(&self.bpffs)
            .stdout(log.try_clone()?)
            .stderr(log)
            .envs(self.variables.iter().cloned())
            .env_remove("ROUTEMESH_CONFIG");
        if self.configured {
            command.arg("--config").arg(self.config_path());
        }
        self.process = Some(Process::spawn(&mut command)?);
        Ok(())
    }

    /// Has the daemon start with these capabilities and no others, as `net_admin`.
    pub fn restrict(&mut self, capabilities: &[&str]) {
        self.capabilities = Some(format!("-all,+{}", capabilities.join(",+")));
    }

    /// Has the daemon start with this variable in its environment.
    pub fn set_variable(&mut self, name: &'static str, value: String) {
        self.variables.push((name, value));
    }

    /// Has the daemon start with these options in place of `--detach-on-exit`: it leaves what is in
    /// the kernel then, however it ends.
    pub fn set_options(&mut self, options: &[&'static str]) {
        self.options = options.to_vec();
    }

    /// Has the daemon be of another build, when it is started next; none for that under test.
    pub(super) fn set_build(&mut self, name: Option<&'static str>) {
        self.build = name;
    }

    /// Has the daemon be killed in the place of that kernel call, when it is started next; none for
    /// no such call. Wants `strace`.
    pub fn kill_at(&mut self, call: Option<Call>) {
        self.deadly = call;
    }

    /// How the daemon ended, if it has by itself or was killed by others.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn end(&mut self) -> Result<Option<ExitStatus>> {
        let ended = self.process.as_mut().map(Process::ended).transpose()?;
        Ok(ended.flatten())
    }

    fn program(&self) -> Result<Command> {
        let binary = self.build.map_or_else(binary, built)?;
        if let Some(call) = &self.deadly {
            let paths = match call.of {
                Of::All => Vec::new(),
                Of::Files => self.kept_files(),
                Of::Sets => vec![self.bpffs.join("v1/maps")],
            };
            return Ok(call.deadly(&self.node, &binary, &paths));
        }
        let Some(capabilities) = &self.capabilities else {
            return Ok(self.node.command(binary));
        };
        let mut command = self.node.command("setpriv");
        command
            .args(["--bounding-set", capabilities, "--inh-caps", capabilities])
            .arg(binary);
        Ok(command)
    }

    fn wait_ready(&mut self) -> Result<()> {
        let socket = self.socket();
        let process = self.process.as_mut().context("the daemon is not started")?;
        let mut end = None;
        let ready = eventually("GET /readyz", PATIENCE, || {
            end = process.ended()?;
            if end.is_some() {
                return Ok(());
            }
            let answer = request(&socket, "GET", "/readyz", "")?;
            ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
            Ok(())
        });
        if let Some(end) = end {
            bail!("the daemon ended, {end}:\n{}", self.log_tail());
        }
        ready.with_context(|| format!("start the daemon:\n{}", self.log_tail()))
    }

    /// The host it is for.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The daemon's configuration file.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    /// Writes another configuration, of which the daemon is not told.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_config(&self, config: &str) -> Result<()> {
        fs::write(self.config_path(), config).context("write the configuration")
    }

    /// The control socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("routemesh.sock")
    }

    /// Where the daemon notes the routes of clients.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.socket().with_extension("routes")
    }

    /// Whatever files the daemon reads and writes in its life, and the folder they are in.
    fn kept_files(&self) -> Vec<PathBuf> {
        let endings = ["", ".new", ".previous", ".previous.new", ".replaced"];
        let trial = [".unconfirmed", ".unconfirmed.new"];
        let config = self.config_path().into_os_string();
        let beside = endings.iter().chain(&trial).map(|ending| {
            let mut path = config.clone();
            path.push(ending);
            path.into()
        });
        let fresh = self.journal().with_extension("routes-new");
        let others = [self.journal(), fresh, self.folder().to_owned()];
        beside.chain(others).collect()
    }

    /// The folder of pins.
    #[must_use]
    pub fn bpffs(&self) -> &Path {
        &self.bpffs
    }

    /// A folder for files of the test, which goes with the daemon.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The daemon's process id, while it is running.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Sends the daemon a signal.
    ///
    /// # Errors
    /// When it is not running.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        let process = self.process.as_mut().context("the daemon is not started")?;
        process.signal(signal)
    }

    /// Ends the daemon as systemd does, by SIGTERM.
    ///
    /// # Errors
    /// When it does not end in time, or not with exit code 0.
    pub fn stop(&mut self) -> Result<()> {
        let mut process = self.process.take().context("the daemon is not started")?;
        let end = process.terminate(PATIENCE)?;
        ensure!(
            end.success(),
            "the daemon ended, {end}:\n{}",
            self.log_tail()
        );
        Ok(())
    }

    /// Kills the daemon, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Runs the CLI against the daemon.
    ///
    /// # Errors
    /// When it cannot be started; a failure of its own is in the output.
    pub fn cli(&self, args: &[&str]) -> Result<Output> {
        self.cli_with_input(args, "")
    }

    /// Runs the CLI against the daemon, with `input` on its stdin.
    ///
    /// # Errors
    /// When it cannot be started; a failure of its own is in the output.
    pub fn cli_with_input(&self, args: &[&str], input: &str) -> Result<Output> {
        process::output(&mut self.cli_command(args)?, input)
    }

    /// Runs the CLI against the daemon and returns what it prints.
    ///
    /// # Errors
    /// When it ends with an exit code other than 0: with its stderr.
    pub fn cli_ok(&self, args: &[&str]) -> Result<String> {
        process::finish(&mut self.cli_command(args)?, "")
    }

    /// Runs the CLI against the daemon, with `-j`, and returns what it prints.
    ///
    /// # Errors
    /// When it ends with an exit code other than 0, or prints no JSON.
    pub fn cli_json(&self, args: &[&str]) -> Result<serde_json::Value> {
        let text = self.cli_ok(&[args, &["-j"]].concat())?;
        serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))
    }

    /// Runs the program to its end with the daemon's capabilities, as what needs no daemon.
    ///
    /// # Errors
    /// When it cannot be started; a failure of its own is in the output.
    pub fn program_output(&self, args: &[&str]) -> Result<Output> {
        process::output(self.program()?.args(args), "")
    }

    fn cli_command(&self, args: &[&str]) -> Result<Command> {
        // In the host's namespace, and with the pins' folder: `detach` needs both.
        let mut command = self.node.command(binary()?);
        command
            .args(args)
            .env("ROUTEMESH_SOCKET", self.socket())
            .env("NO_COLOR", "1");
        Ok(command)
    }

    /// Asks the socket by hand.
    ///
    /// # Errors
    /// When nobody listens, or the answer is no HTTP.
    pub fn http(&self, method: &str, path: &str, body: &str) -> Result<Answer> {
        request(&self.socket(), method, path, body)
    }

    /// Packets that ended in the outcome of that label at a hook (`xdp`, `tc`, or `port` of a
    /// bridge), over all interfaces.
    ///
    /// # Errors
    /// When the daemon does not answer.
    pub fn packets(&self, hook: &str, outcome: &str) -> Result<u64> {
        self.sum(|count| count["hook"] == hook && count["outcome"] == outcome)
    }

    /// Packets that ended in the outcome of that label, at all hooks of all interfaces.
    ///
    /// # Errors
    /// When the daemon does not answer.
    pub fn ended(&self, outcome: &str) -> Result<u64> {
        self.sum(|count| count["outcome"] == outcome)
    }

    fn sum(&self, wanted: impl Fn(&serde_json::Value) -> bool) -> Result<u64> {
        let json = self.outcomes()?;
        let counts = json
            .as_array()
            .with_context(|| format!("no list: {json}"))?;
        Ok(counts
            .iter()
            .filter(|count| wanted(count))
            .filter_map(|count| count["packets"].as_u64())
            .sum())
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// All that the daemon has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = &lines[lines.len().saturating_sub(40)..];
        format!(
            "log of routemesh on {}:\n{}",
            self.node.name(),
            tail.join("\n")
        )
    }
}

impl Drop for Routemesh {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}\n{}", self.log_tail(), self.outcomes_told());
        }
        if let Some(mut process) = self.process.take()
            && let Err(error) = process.terminate(Duration::from_secs(10))
        {
            eprintln!("{error:#}; killed");
        }
        // With its pin gone a link lets go of its interface.
        if self.bpffs.exists()
            && let Err(error) = fs::remove_dir_all(&self.bpffs)
        {
            eprintln!("remove {}: {error}", self.bpffs.display());
        }
    }
}

/// Mounts the BPF filesystem at its usual place, unless it is.
fn mount_bpffs() -> Result<()> {
    static MOUNTED: OnceLock<Result<(), String>> = OnceLock::new();
    let mounted = MOUNTED.get_or_init(|| {
        if statfs(BPFFS).is_ok_and(|found| found.filesystem_type() == BPF_FS_MAGIC) {
            return Ok(());
        }
        mount(
            Some("bpf"),
            BPFFS,
            Some("bpf"),
            MsFlags::empty(),
            None::<&str>,
        )
        .map_err(|error| format!("mount a BPF filesystem at {BPFFS}: {error}"))
    });
    mounted.clone().map_err(anyhow::Error::msg)
}
