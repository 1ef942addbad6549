//! Who else listens on the UDP ports of our tunnels.

use std::fs;

use anyhow::{Context as _, Result};
use routemesh_common::Shim;

use super::{Finding, Host};
use crate::netlink::devices::{TunnelDevice, tunnel_devices};

pub(super) fn clashes(host: &Host) -> Result<Vec<Finding>> {
    let tunnel = &host.config.tunnel;
    let uses = |shim: Shim| host.reachable().any(|hop| hop.shim == shim);
    let ports = [
        ("vxlan", Shim::VXLAN, tunnel.vxlan_port),
        ("geneve", Shim::GENEVE, tunnel.geneve_port),
    ];
    let devices = tunnel_devices()?;
    let mut findings = Vec::new();
    for (kind, _, port) in ports.into_iter().filter(|(_, shim, _)| uses(*shim)) {
        let here: Vec<_> = devices
            .iter()
            .filter(|device| device.port == port)
            .collect();
        findings.extend(here.iter().map(|device| clash(host, kind, device)));
        if here.is_empty() {
            findings.extend(listeners(port)?.map(|owner| taken(kind, port, &owner)));
        }
    }
    Ok(findings)
}

/// A device of the kernel gets nothing of our peers' packets with our numbers.
fn clash(host: &Host, kind: &str, device: &TunnelDevice) -> Finding {
    let interface = host.world.interfaces.get(&device.ifindex);
    let name = interface.map_or("a device", |interface| interface.name.as_str());
    let what = format!(
        "the kernel's {} device {name} has UDP port {}, with VNI {}",
        device.kind, device.port, device.vni
    );
    let fix = format!("ip link del {name}, or set another 'tunnel.{kind}-port' on all hosts");
    let ours = host.reachable().any(|hop| hop.vni == device.vni);
    if ours {
        let why = "what comes from our peers with that VNI is taken by routemesh, and the device gets none of it; what it sends, peers take for ours";
        return Finding::error(what, why, fix);
    }
    let why = "the two share a port: the device gets what is not of our VNIs, and answers on a port that is ours";
    Finding::warning(what, why, fix)
}

fn taken(kind: &str, port: u16, owner: &str) -> Finding {
    Finding::warning(
        format!("{owner} listens on UDP port {port}"),
        "packets of our tunnels never get there, and peers may take what it sends for ours",
        format!("end it: {owner}; or set another 'tunnel.{kind}-port' on all hosts"),
    )
}

/// Who listens on a UDP port of this network namespace, if anybody does.
fn listeners(port: u16) -> Result<impl Iterator<Item = String>> {
    let mut owner = None;
    for table in ["/proc/self/net/udp", "/proc/self/net/udp6"] {
        let text = fs::read_to_string(table).with_context(|| format!("read {table}"))?;
        let inode = text.lines().skip(1).find_map(|line| inode_of(line, port));
        owner = owner.or(inode.map(process));
    }
    Ok(owner.into_iter())
}

/// The inode of a line's socket, if it has that port.
fn inode_of(line: &str, port: u16) -> Option<u64> {
    let mut fields = line.split_whitespace();
    let (_, local) = fields.nth(1)?.rsplit_once(':')?;
    (u16::from_str_radix(local, 16) == Ok(port)).then_some(())?;
    fields.nth(7)?.parse().ok()
}

/// The process that has a socket, as far as this one may see.
fn process(inode: u64) -> String {
    let wanted = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let holds = |pid: &str| {
        let open = fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten()
            .flatten();
        open.filter_map(|entry| fs::read_link(entry.path()).ok())
            .any(|target| target.as_os_str() == wanted.as_str())
    };
    processes
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .find(|pid| holds(pid))
        .map_or_else(
            || "another process, or the kernel,".to_owned(),
            |pid| {
                let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                format!("process {pid} ({})", name.trim())
            },
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_of_a_port_is_found() {
        let line = "  977: 0100007F:12B5 00000000:0000 07 00000000:00000000 00:00000000 00000000   102        0 28451 2 0000000000000000 0";
        assert_eq!(inode_of(line, 4789), Some(28_451));
        assert_eq!(inode_of(line, 4788), None);
        assert_eq!(inode_of("", 4789), None);
    }
}
