//! What Docker makes of a host: forwarding on, and its iptables rules.

use std::{io::Write as _, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use routemesh_tests::lab::{Node, Side};

/// The chains and rules that `dockerd` puts in for its bridge, with FORWARD refused by policy.
fn rules(subnet: &str) -> String {
    format!(
        "*filter
:INPUT ACCEPT
:FORWARD DROP
:OUTPUT ACCEPT
:DOCKER -
:DOCKER-ISOLATION-STAGE-1 -
:DOCKER-ISOLATION-STAGE-2 -
:DOCKER-USER -
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
*nat
:PREROUTING ACCEPT
:INPUT ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
:DOCKER -
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s {subnet} ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
COMMIT
"
    )
}

/// Makes the host one that Docker runs on.
///
/// # Errors
/// When iptables is missing, or refuses.
pub(crate) fn install(side: &Side) -> Result<()> {
    side.host.forward()?;
    let subnet = side.network.subnets().next().context("no subnet")?;
    restore(side.host.node(), &rules(&subnet.to_string()))
}

/// The one rule that its operator adds for kernel routing: containers may be reached from the
/// uplink.
///
/// # Errors
/// When iptables refuses.
pub(crate) fn accept_from_uplink(node: &Node) -> Result<()> {
    node.run([
        "iptables",
        "-I",
        "DOCKER-USER",
        "-i",
        "eth0",
        "-o",
        "docker0",
        "-j",
        "ACCEPT",
    ])?;
    Ok(())
}

fn restore(node: &Node, rules: &str) -> Result<()> {
    let mut child = node
        .command("iptables-restore")
        .stdin(Stdio::piped())
        .spawn()
        .context("start iptables-restore")?;
    let mut stdin = child.stdin.take().context("stdin is a pipe")?;
    stdin.write_all(rules.as_bytes())?;
    drop(stdin);
    let status = child.wait()?;
    ensure!(
        status.success(),
        "iptables-restore on {}: {status}",
        node.name()
    );
    Ok(())
}
