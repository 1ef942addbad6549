//! What Docker makes of a host: forwarding on, and its iptables rules; and what its operator adds.

use std::{fmt::Write as _, process::Command};

use anyhow::{Context as _, Result};

use super::{Node, Side, process};

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
pub fn docker_rules(side: &Side) -> Result<()> {
    side.host.forward()?;
    let subnet = side.network.subnets().next().context("no subnet")?;
    restore(side.host.node(), &[], &rules(&subnet.to_string()))
}

/// The one rule that its operator adds for kernel routing: what comes in by `from`, which leads
/// to the other hosts, may leave by `to`.
///
/// # Errors
/// When iptables refuses, as without Docker's rules.
pub fn accept(node: &Node, from: &str, to: &str) -> Result<()> {
    let rule = format!("-I DOCKER-USER -i {from} -o {to} -j ACCEPT");
    restore(node, &["--noflush"], &format!("*filter\n{rule}\nCOMMIT\n"))
}

/// As many rules as `count`, up to 65536, that every forwarded packet is held against and that
/// none matches: a list of refused sources in Docker's own place for it.
///
/// # Errors
/// When iptables refuses, as without Docker's rules.
pub fn refuse_sources(node: &Node, count: u32) -> Result<()> {
    let mut rules = String::from("*filter\n");
    for number in 0..count {
        let [_, _, high, low] = number.to_be_bytes();
        let _ = writeln!(rules, "-I DOCKER-USER -s 198.18.{high}.{low}/32 -j DROP");
    }
    rules += "COMMIT\n";
    restore(node, &["--noflush"], &rules)
}

fn restore(node: &Node, arguments: &[&str], rules: &str) -> Result<()> {
    let mut command: Command = node.command("iptables-restore");
    process::finish(command.args(arguments), rules)
        .with_context(|| format!("on {}", node.name()))
        .map(drop)
}
