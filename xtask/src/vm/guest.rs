//! A virtual machine that runs a script and ends.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use super::{initrd::Initrd, kernel::Kernel};

const INIT: &str = include_str!("init.sh");

/// What the tests need that Debian builds as modules; the last ones only some tests.
const MODULES: &[&str] = &[
    "virtio_pci",
    "9pnet_virtio",
    "9p",
    "overlay",
    "veth",
    "bridge",
    "sch_ingress",
    "cls_bpf",
    "cls_u32",
    "act_mirred",
    "virtio_net",
    "nf_tables",
    "vxlan",
    "geneve",
    "ip_gre",
    "ip6_gre",
    "ipip",
    "sit",
    "ip6_tunnel",
    "nft_flow_offload",
    "nf_flow_table_inet",
    "nft_compat",
    "nft_chain_nat",
    "xt_addrtype",
    "xt_conntrack",
    "xt_MASQUERADE",
];

/// How long a guest may take, in seconds.
const PATIENCE: u32 = 10_800;

/// How many processors a guest has. They take turns on one of this machine's: side by side, one may
/// still meet the breakpoint that another has just taken back, where a kernel patches its own code
/// as at each change of XDP programs, and 6.12 ended with `Oops: int3` now and then.
pub(super) const PROCESSORS: u32 = 2;

/// How many network interfaces a guest has, `eth0` and so on, all on one wire and on no other.
pub(super) const NICS: u32 = 3;

/// Where a guest finds the folder whose files outlive it, as its `init` has it.
pub(super) const FILES: &str = "/run/files";

/// That folder on this machine.
pub(super) fn files(scratch: &Path) -> PathBuf {
    scratch.join("files")
}

/// What `timeout` ends with when it had to end the guest.
const TIMED_OUT: i32 = 124;

/// How a guest's script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Success,
    Failure,
}

/// Boots `kernel`, runs the shell script `tests` on this machine's own files, and hands every
/// line that it prints to `line`. What the kernel itself has to say goes to `scratch`, and
/// [`FILES`] of the guest is a folder there.
///
/// # Errors
///
/// If the guest did not come as far as the script's end: with the kernel's last words.
pub(super) fn run(
    kernel: &Kernel,
    tests: &str,
    scratch: &Path,
    mut line: impl FnMut(&str),
) -> Result<End> {
    let shared = files(scratch);
    fs::create_dir_all(&shared)?;
    let (initrd, console) = (scratch.join("initrd"), scratch.join("console"));
    let mut files = Initrd::new(INIT)?;
    files.modules(&kernel.modules(MODULES)?)?;
    files.program("tests", tests.as_bytes());
    files.write(&initrd)?;
    File::create(&console).with_context(|| format!("make {}", console.display()))?;

    let mut guest = emulator(kernel, &initrd, &console, &shared)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("run qemu")?;
    let output = guest.stdout.take().context("its output is a pipe")?;
    for bytes in BufReader::new(output).split(b'\n') {
        let text = bytes.context("read what the guest prints")?;
        line(String::from_utf8_lossy(&text).trim_end());
    }
    let status = guest.wait().context("wait for qemu")?;
    match status.code() {
        // The device adds a one below the script's own.
        Some(1) => Ok(End::Success),
        Some(TIMED_OUT) => bail!("the tests took longer than {PATIENCE} s"),
        Some(code) if code & 1 == 1 && code > 1 => Ok(End::Failure),
        _ => bail!("the guest ended early, {status}:\n{}", last_words(&console)),
    }
}

/// qemu without KVM, which need not be there, and is slower than none in nested machines.
fn emulator(kernel: &Kernel, initrd: &Path, console: &Path, shared: &Path) -> Command {
    let mut command = Command::new("timeout");
    command
        .args(["--foreground", "--kill-after=5", &PATIENCE.to_string()])
        .args(["qemu-system-x86_64", "-accel", "tcg,thread=single"])
        .args(["-M", "q35", "-cpu", "max", "-m", "2048"])
        .args(["-smp", &PROCESSORS.to_string()])
        .args(["-nodefaults", "-no-user-config", "-no-reboot"])
        .args(["-display", "none", "-serial"])
        .arg(format!("file:{}", console.display()))
        .args(["-serial", "stdio"])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"])
        .args([
            "-fsdev",
            "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap",
        ])
        .args(["-device", "virtio-9p-pci,fsdev=host,mount_tag=host"])
        .arg("-fsdev")
        .arg(format!(
            "local,id=files,path={},security_model=none",
            shared.display()
        ))
        .args(["-device", "virtio-9p-pci,fsdev=files,mount_tag=files"])
        .arg("-kernel")
        .arg(kernel.image())
        .arg("-initrd")
        .arg(initrd)
        .args(["-append", "console=ttyS0 panic=-1 quiet"]);
    for nic in 0..NICS {
        command
            .arg("-netdev")
            .arg(format!("hubport,id=wire{nic},hubid=0"))
            .arg("-device")
            .arg(format!(
                "virtio-net-pci,netdev=wire{nic},mac=52:54:00:00:00:{nic:02x}"
            ));
    }
    command
}

fn last_words(console: &Path) -> String {
    let text = fs::read(console).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
