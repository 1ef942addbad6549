//! Packets as counted by the kernel and by routemesh.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{Node, PATIENCE, Routemesh, eventually};

/// Reads a number until it is the same twice, for counters that are still moving.
///
/// # Errors
/// When it does not come to rest, and those of `read`.
pub fn settled(read: impl Fn() -> Result<i64>) -> Result<i64> {
    let mut last = None;
    eventually("the counters to settle", PATIENCE, || {
        let now = read()?;
        ensure!(last.replace(now) == Some(now), "they move");
        Ok(now)
    })
}

/// Packets the kernel says the interface has received.
///
/// # Errors
/// When there is no such interface.
pub fn received(node: &Node, interface: &str) -> Result<i64> {
    statistic(node, interface, "/rx/packets")
}

/// Packets the kernel says the interface has sent.
///
/// # Errors
/// When there is no such interface.
pub fn sent(node: &Node, interface: &str) -> Result<i64> {
    statistic(node, interface, "/tx/packets")
}

/// Packets the kernel says it could not send by the interface; by a veth, those that the other end
/// had no room for.
///
/// # Errors
/// When there is no such interface.
pub fn refused(node: &Node, interface: &str) -> Result<i64> {
    statistic(node, interface, "/tx/dropped")
}

fn statistic(node: &Node, interface: &str, path: &str) -> Result<i64> {
    let json = node.run(["ip", "-json", "-stats", "link", "show", interface])?;
    let links: Value = serde_json::from_str(&json)?;
    let packets = links[0]["stats64"].pointer(path).and_then(Value::as_i64);
    packets.with_context(|| format!("no counter of {interface}: {json}"))
}

/// Packets that a node's kernel has forwarded, of both families.
///
/// # Errors
/// When it has no such counters.
pub fn forwarded(node: &Node) -> Result<u64> {
    node.enter(|| {
        let v4 = fs::read_to_string("/proc/thread-self/net/snmp")?;
        let mut lines = v4.lines().filter_map(|line| line.strip_prefix("Ip: "));
        let (names, values) = (lines.next(), lines.next());
        let (Some(names), Some(values)) = (names, values) else {
            bail!("no counters of IP in /proc/net/snmp");
        };
        let mut fields = names.split(' ').zip(values.split(' '));
        let (_, v4) = fields
            .find(|(name, _)| *name == "ForwDatagrams")
            .context("no ForwDatagrams")?;
        let v6 = fs::read_to_string("/proc/thread-self/net/snmp6")?;
        let v6 = v6
            .lines()
            .find_map(|line| line.strip_prefix("Ip6OutForwDatagrams"))
            .context("no Ip6OutForwDatagrams")?;
        Ok(v4.parse::<u64>()? + v6.trim().parse::<u64>()?)
    })
}

impl Routemesh {
    /// Packets by outcome and place, as the socket gives them.
    ///
    /// # Errors
    /// When the daemon does not answer.
    pub fn outcomes(&self) -> Result<Value> {
        self.http("GET", "/v1/outcomes", "")?.json()
    }

    /// The outcomes that there were, or why they are not known: where hosts along a way count
    /// differently, there a packet was lost.
    #[must_use]
    pub fn outcomes_told(&self) -> String {
        let counts = self.outcomes().map(|outcomes| lines(&outcomes));
        let told = counts.unwrap_or_else(|error| format!("not known: {error:#}"));
        format!("outcomes of routemesh on {}:\n{told}", self.node().name())
    }
}

/// Those of these [`Routemesh::outcomes`] that are not zero, a line each.
fn lines(outcomes: &Value) -> String {
    let counts = outcomes.as_array().into_iter().flatten();
    let lines = counts.filter_map(|count| {
        let packets = count["packets"].as_u64().filter(|packets| *packets > 0)?;
        let [interface, hook, outcome] =
            ["interface", "hook", "outcome"].map(|key| count[key].as_str().unwrap_or("?"));
        Some(format!("{interface} {hook} {outcome} {packets}"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Packets of these [`Routemesh::outcomes`] that ended in a wanted verdict at a hook of an
/// interface.
pub fn ended_at(
    outcomes: &Value,
    (interface, hook): (&str, &str),
    wanted: impl Fn(&str) -> bool,
) -> i64 {
    let counts = outcomes.as_array().into_iter().flatten();
    counts
        .filter(|count| count["interface"] == interface && count["hook"] == hook)
        .filter(|count| count["verdict"].as_str().is_some_and(&wanted))
        .filter_map(|count| count["packets"].as_i64())
        .sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_outcomes_that_there_were_are_told() {
        let count = |hook, packets| {
            let (interface, outcome) = ("eth0", "routed");
            json!({ "interface": interface, "hook": hook, "outcome": outcome, "packets": packets })
        };
        let outcomes = json!([count("xdp", 7), count("tc", 0_u64)]);
        assert_eq!(lines(&outcomes), "eth0 xdp routed 7");
    }
}
