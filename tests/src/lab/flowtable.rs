//! nftables' flowtable: once a flow is known, its packets skip the kernel's routing and its rules.

use anyhow::{Context as _, Result};

use super::{Node, forwarded, process, received};

/// Flows of both protocols go into it when their first packets are forwarded.
const RULES: &str = "table inet fast {
    flowtable known { hook ingress priority 0; devices = { DEVICES }; }
    chain forward {
        type filter hook forward priority 0; policy accept;
        meta l4proto { tcp, udp } flow add @known
    }
}
";

/// Gives `node` a flowtable for what comes in by these interfaces.
///
/// # Errors
/// What `nft` says, as where the kernel has no flowtables ([`lack_of_flowtables`]).
pub fn flowtable(node: &Node, interfaces: &[&str]) -> Result<()> {
    let mut command = node.command("nft");
    let rules = RULES.replace("DEVICES", &interfaces.join(", "));
    process::finish(command.args(["-f", "-"]), &rules)
        .with_context(|| format!("make a flowtable on {}", node.name()))
        .map(drop)
}

/// Why this machine can make no flowtable, in the words of `nft`; none where it can.
///
/// # Errors
/// When the kernel refuses a namespace to try it in.
pub fn lack_of_flowtables() -> Result<Option<String>> {
    let node = Node::new("flowtable")?;
    let Err(error) = flowtable(&node, &["lo"]) else {
        return Ok(None);
    };
    let text = error.root_cause().to_string();
    let first = text.lines().find(|line| line.contains("Error"));
    Ok(Some(first.unwrap_or(&text).to_owned()))
}

/// Packets that came in by these interfaces, and that the kernel did not forward as others are:
/// those that a flowtable of theirs took, and few that were the node's own.
///
/// # Errors
/// When there is no such interface.
pub fn offloaded(node: &Node, interfaces: &[&str]) -> Result<u64> {
    let mut packets = 0;
    for interface in interfaces {
        packets += received(node, interface)?.unsigned_abs();
    }
    Ok(packets.saturating_sub(forwarded(node)?))
}
