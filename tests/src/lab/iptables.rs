//! What Docker makes of a host: forwarding on, and its iptables rules; and what its operator adds.

use std::{fmt::Write as _, process::Command};

use anyhow::{Context as _, Result};
use ipnet::IpNet;

use super::{Node, Side, process};

/// What puts rules in, of either family.
const RESTORE: [&str; 2] = ["iptables-restore", "ip6tables-restore"];

/// The chains and rules that `dockerd` puts in for its bridge, with FORWARD refused by policy.
fn rules(subnet: IpNet) -> String {
    let loopback = match subnet {
        IpNet::V4(_) => "127.0.0.0/8",
        IpNet::V6(_) => "::1/128",
    };
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
-A OUTPUT ! -d {loopback} -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s {subnet} ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
COMMIT
"
    )
}

/// Makes the host one that Docker runs on, which since Docker 27 has rules for IPv6, too.
///
/// # Errors
/// When iptables is missing, or refuses.
pub fn docker_rules(side: &Side) -> Result<()> {
    side.host.forward()?;
    for subnet in side.network.subnets() {
        let [v4, v6] = RESTORE;
        let program = if subnet.addr().is_ipv4() { v4 } else { v6 };
        restore(side.host.node(), &[program], &rules(subnet))?;
    }
    Ok(())
}

/// The one rule that its operator adds for kernel routing: what comes in by `from`, which leads
/// to the other hosts, may leave by `to`.
///
/// # Errors
/// When iptables refuses, as without Docker's rules.
pub fn accept(node: &Node, from: &str, to: &str) -> Result<()> {
    let rule = format!("-I DOCKER-USER -i {from} -o {to} -j ACCEPT");
    RESTORE
        .iter()
        .try_for_each(|program| add(node, program, &rule))
}

/// As many rules of each family as `count`, up to 65536, that every forwarded packet is held against
/// and that none matches: a list of refused sources in Docker's own place for it.
///
/// # Errors
/// When iptables refuses, as without Docker's rules.
pub fn refuse_sources(node: &Node, count: u32) -> Result<()> {
    let (mut v4, mut v6) = (String::new(), String::new());
    for number in 0..count {
        let [_, _, high, low] = number.to_be_bytes();
        let _ = writeln!(v4, "-I DOCKER-USER -s 198.18.{high}.{low}/32 -j DROP");
        let _ = writeln!(v6, "-I DOCKER-USER -s 2001:db8::{number:x}/128 -j DROP");
    }
    let mut both = RESTORE.iter().zip([v4, v6]);
    both.try_for_each(|(program, rules)| add(node, program, rules.trim_end()))
}

/// Adds to the rules that are there.
fn add(node: &Node, program: &str, rules: &str) -> Result<()> {
    let rules = format!("*filter\n{rules}\nCOMMIT\n");
    restore(node, &[program, "--noflush"], &rules)
}

/// Runs the program `words[0]` with rules to read.
fn restore(node: &Node, words: &[&str], rules: &str) -> Result<()> {
    let mut command: Command = node.command(words[0]);
    process::finish(command.args(&words[1..]), rules)
        .with_context(|| format!("on {}", node.name()))
        .map(drop)
}
