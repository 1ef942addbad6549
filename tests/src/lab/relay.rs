//! A relay: what comes in by one interface goes out of another as it is, and nothing is looked up.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Node, process};

/// What every frame matches, in the classifier that most kernels have.
const ANY: &str = "u32 match u32 0 0";

/// Has `node` send all that comes in by either interface out of the other one, by filters of `tc`.
///
/// # Errors
/// What `tc` says, as where the kernel lacks `u32` or `mirred`, or an interface has a `clsact`.
pub fn relay(node: &Node, [one, other]: [&str; 2]) -> Result<()> {
    let lines: String = [(one, other), (other, one)]
        .map(|(from, to)| {
            format!(
                "qdisc add dev {from} clsact\n\
                 filter add dev {from} ingress protocol all {ANY} action mirred egress redirect dev {to}\n"
            )
        })
        .concat();
    process::finish(node.command("tc").args(["-batch", "-"]), &lines)
        .with_context(|| format!("relay between {one} and {other} on {}", node.name()))
        .map(drop)
}

/// Packets that came in by an interface and were relayed, as its filter counts them: of one that
/// is to be cut on its way out each segment.
///
/// # Errors
/// When the interface is no relay's.
pub fn relayed(node: &Node, interface: &str) -> Result<u64> {
    let json = node.run([
        "tc", "-s", "-json", "filter", "show", "dev", interface, "ingress",
    ])?;
    let filters: Value = serde_json::from_str(&json)?;
    let mut actions = filters.as_array().into_iter().flatten();
    let packets = actions.find_map(|filter| {
        let action = &filter["options"]["actions"][0];
        action["stats"]["packets"].as_u64()
    });
    packets.with_context(|| format!("no relay at {interface} on {}: {json}", node.name()))
}
