//! A shell inside the lab, on host A, with words to enter the other places by.

use std::{
    env,
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt as _, fs::symlink},
    path::Path,
    process::Child,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use routemesh_tests::{
    interrupt,
    lab::{Node, Routemesh, binary},
};
use tempfile::TempDir;

use crate::{
    scene::Scene,
    screen::{Ink, Screen},
};

/// Runs `$SHELL` on host A until it ends.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn run(scene: &Scene, screen: &Screen) -> Result<()> {
    let [daemon_a, daemon_b] = scene.daemons();
    let [a2, b2] = scene.second();
    let pair = scene.pair();
    let folder = TempDir::with_prefix("routemesh-demo-")?;
    let places: [(&str, &Node, &Routemesh); 6] = [
        ("a1", &pair.a.container, daemon_a),
        ("a2", a2, daemon_a),
        ("b1", &pair.b.container, daemon_b),
        ("b2", b2, daemon_b),
        ("host-a", &pair.a.host, daemon_a),
        ("host-b", &pair.b.host, daemon_b),
    ];
    for (word, node, daemon) in places {
        write_word(&folder.path().join(word), node, daemon)?;
    }
    symlink(binary()?, folder.path().join("routemesh"))?;
    banner(screen);
    wait(&mut shell(&pair.a.host, daemon_a, folder.path())?)
}

/// A program that runs its arguments in `node`, and a shell if there are none.
fn write_word(path: &Path, node: &Node, daemon: &Routemesh) -> Result<()> {
    let script = format!(
        "#!/bin/sh\n\
         export ROUTEMESH_SOCKET={}\n\
         [ $# -gt 0 ] || set -- \"${{SHELL:-/bin/sh}}\"\n\
         exec nsenter --net={} -- \"$@\"\n",
        daemon.socket().display(),
        node.path()
    );
    fs::write(path, script).with_context(|| format!("write {}", path.display()))?;
    fs::set_permissions(path, Permissions::from_mode(0o755))?;
    Ok(())
}

fn banner(screen: &Screen) {
    screen.heading("Inside the lab: a shell on host A");
    for (command, what) in [
        (
            "a1 ping 10.200.0.2",
            "a command in a container: a1, a2, b1, b2",
        ),
        (
            "host-b routemesh route",
            "one on host B; without a command, a shell there",
        ),
        (
            "routemesh route add blackhole 10.200.0.3/32",
            "b2 is gone; `route del` brings it back",
        ),
        ("routemesh stats --watch", "the counters, live"),
        (
            "b1 iperf3 -s -D -1; a1 iperf3 -c 10.200.0.2",
            "a stream from a1 to b1",
        ),
        (
            "a1 ping -c 1 -t 1 10.200.0.2",
            "the TTL runs out, and the host says so",
        ),
        (
            "routemesh outcomes --all; bpftool prog",
            "every way a packet can end; what is loaded",
        ),
        ("exit", "ends it all"),
    ] {
        let padding = " ".repeat(46_usize.saturating_sub(command.len()));
        screen.line(&format!(
            "  {}{padding}{}",
            screen.ink(Ink::Bold, command),
            screen.ink(Ink::Faint, what)
        ));
    }
    screen.line("");
}

fn shell(host: &Node, daemon: &Routemesh, words: &Path) -> Result<Child> {
    let program = env::var("SHELL").unwrap_or_else(|_| "/bin/sh".to_owned());
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(std::iter::once(words.to_owned()).chain(env::split_paths(&path)))?;
    let mut command = host.command(&program);
    if program.ends_with("/bash") {
        // As the user has it, but for the prompt.
        let rc = words.join(".bashrc");
        let prompt = "PS1='host-a \\w # '";
        fs::write(
            &rc,
            format!("[ ! -f ~/.bashrc ] || . ~/.bashrc\n{prompt}\n"),
        )?;
        command.arg("--rcfile").arg(rc);
    }
    command
        .env("PATH", path)
        .env("PS1", "host-a # ")
        .env("ROUTEMESH_SOCKET", daemon.socket())
        .spawn()
        .with_context(|| format!("start {program}"))
}

/// Waits for the end of the shell, which is ended when the demo is.
fn wait(shell: &mut Child) -> Result<()> {
    while shell.try_wait()?.is_none() {
        if interrupt::came() {
            // It may have ended in between.
            let _ = shell.kill();
        }
        thread::sleep(Duration::from_millis(50));
    }
    interrupt::check()
}
