//! Tunnels: whose packets are accepted, what they leave room for, which paths to follow.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use routemesh_common::{Family, NetworkId, NetworkUse, NextHop, Shim};

use super::{Daemon, Sockets, edit, sync::Failures};
use crate::{
    api::{Link, LinkRole, RouteEdit},
    model::{Mode, Route, unmapped},
    reconcile::{diff, hops::HopKey},
};

/// What it means that sockets are not guarded, and what to do.
const UNGUARDED: &str = "processes of this host can forge its tunnel packets: see 'Who is believed' \
                         in docs/tunnels.md";

impl Daemon {
    /// Tells the kernel which tunnel packets are ours.
    pub(super) fn sync_tunnel_settings(&mut self, failures: &mut Failures) {
        let settings = self.config.tunnel.settings();
        if self.actual.tunnel != Some(settings)
            && failures.note(self.datapath.set_tunnel_settings(settings))
        {
            self.actual.tunnel = Some(settings);
        }
    }

    /// Accepts what comes from next hops in use, however it is wrapped: a host that is about to
    /// change its tunnel need not ask its peers to.
    pub(super) fn add_peers(&mut self, failures: &mut Failures) {
        for address in self.peers().difference(&self.actual.peers.clone()) {
            if failures.note(self.datapath.set_peer(*address)) {
                self.actual.peers.insert(*address);
            }
        }
    }

    /// Accepts the networks that routes are of, and those that any peer may use. What any peer
    /// could use and a route now has stays so until that route is in the kernel.
    pub(super) fn add_networks(&mut self, failures: &mut Failures) {
        let mut wider = diff(&self.networks(), &self.actual.networks).set;
        wider.retain(|(id, of)| *of == NetworkUse::ANY || !self.actual.networks.contains_key(id));
        self.set_networks(wider, failures);
    }

    /// While there are peers, keeps processes without privileges from sending them tunnel packets.
    /// Where it cannot, all else goes on, with a warning.
    pub(super) fn sync_sockets(&mut self, failures: &mut Failures) {
        let wanted = !self.actual.peers.is_empty();
        match (&self.actual.sockets, wanted) {
            (Sockets::Unknown | Sockets::Free, true) => {
                self.actual.sockets = match self.datapath.guard_sockets() {
                    Ok(()) => Sockets::Guarded,
                    Err(error) => {
                        tracing::warn!("{error:#}; {UNGUARDED}");
                        Sockets::Refused(format!("{error:#}"))
                    }
                };
            }
            (Sockets::Unknown | Sockets::Guarded, false) => {
                if failures.note(self.datapath.release_sockets()) {
                    self.actual.sockets = Sockets::Free;
                }
            }
            (Sockets::Guarded | Sockets::Refused(_), true)
            | (Sockets::Free | Sockets::Refused(_), false) => {}
        }
    }

    /// That sockets are not guarded, and why.
    pub(super) fn unguarded(&self) -> Option<String> {
        match &self.actual.sockets {
            Sockets::Refused(why) => Some(format!("{why}; {UNGUARDED}")),
            Sockets::Unknown | Sockets::Guarded | Sockets::Free => None,
        }
    }

    /// Leaves to the kernel what is of no network of ours now.
    pub(super) fn narrow_networks(&mut self, failures: &mut Failures) {
        let narrower = diff(&self.networks(), &self.actual.networks);
        self.set_networks(narrower.set, failures);
        for id in narrower.remove {
            if failures.note(self.datapath.remove_network(id)) {
                self.actual.networks.remove(&id);
            }
        }
    }

    fn set_networks(&mut self, networks: Vec<(NetworkId, NetworkUse)>, failures: &mut Failures) {
        for (id, of) in networks {
            if failures.note(self.datapath.set_network(id, of)) {
                self.actual.networks.insert(id, of);
            }
        }
    }

    fn networks(&self) -> BTreeMap<NetworkId, NetworkUse> {
        let of_hop = |hop: &NextHop| {
            [
                NetworkId::vni(hop.vni),
                NetworkId::gre(hop.keyed, hop.gre_key),
            ]
        };
        let routed = self.reachable_hops().flat_map(of_hop);
        let mut networks: BTreeMap<_, _> = routed.map(|id| (id, NetworkUse::ROUTED)).collect();
        let any = self.config.tunnel.accepted();
        networks.extend(any.map(|id| (id, NetworkUse::ANY)));
        networks
    }

    /// Accepts no more from what is no next hop now.
    pub(super) fn forget_peers(&mut self, failures: &mut Failures) {
        for address in self.actual.peers.clone().difference(&self.peers()) {
            if failures.note(self.datapath.remove_peer(*address)) {
                self.actual.peers.remove(address);
            }
        }
    }

    fn peers(&self) -> BTreeSet<IpAddr> {
        self.reachable_hops().map(peer).collect()
    }

    fn reachable_hops(&self) -> impl Iterator<Item = &NextHop> {
        let slots = self.table.hops().iter();
        slots.filter_map(|(slot, _)| self.hops.get(&slot)?.as_ref().ok())
    }

    /// Addresses of other ends of tunnels, to which the kernel's paths are followed.
    pub(super) fn tunnel_ends(&self) -> BTreeSet<IpAddr> {
        let keys = self.table.hops().iter();
        keys.filter_map(|(_, key)| end(key)).collect()
    }

    /// Stations that packets go to, whose MACs the kernel should know.
    pub(super) fn stations(&self) -> BTreeSet<(u32, IpAddr)> {
        self.reachable_hops()
            .map(|hop| (hop.ifindex, unmapped(hop.gateway)))
            .collect()
    }

    /// Largest packet that every next hop takes from a container, in bytes.
    pub(super) fn path_mtu(&self) -> Option<u32> {
        self.reachable_hops().map(|hop| hop.mtu).min()
    }

    /// That there are no checksums where they may be needed most.
    pub(super) fn unsummed_super_packets(&self) -> Option<String> {
        let mut hops = self.reachable_hops();
        let over_ipv6 = hops.any(|hop| hop.udp_checksum == 1 && hop.outer == Family::V6);
        over_ipv6.then(|| {
            "udp-checksum: super-packets (TSO) of containers go without, and a peer that takes no \
             zero checksum over IPv6 drops them: in containers that talk to such a peer, \
             'ethtool -K eth0 tso off gso off tx-udp-segmentation off'"
                .to_owned()
        })
    }

    /// Networks whose interfaces let containers send more than fits into the tunnels in use.
    pub(super) fn too_large_networks(&self, links: &[Link]) -> Vec<String> {
        let tunnels = self.reachable_hops().filter(|hop| hop.shim != Shim::NONE);
        let Some(room) = tunnels.map(|hop| hop.mtu).min() else {
            return Vec::new();
        };
        let networks = links.iter().filter(|link| link.role == LinkRole::Network);
        networks
            .filter_map(|link| {
                let mtu = link.mtu.filter(|mtu| *mtu > room)?;
                Some(too_large(&link.ifname, mtu, room))
            })
            .collect()
    }
}

/// Addresses of other ends of tunnels, of the file's routes and of the clients'. The paths to them
/// are to be known before the first round, in which routes without one would be removed.
pub(super) fn ends_of(file: &[Route], edits: &[RouteEdit]) -> BTreeSet<IpAddr> {
    let clients = edits.iter().filter_map(|edit| edit::route(edit).ok());
    let keys = clients.filter_map(|route| HopKey::of(&route));
    let keys = file.iter().filter_map(HopKey::of).chain(keys);
    keys.filter_map(|key| end(&key)).collect()
}

/// The other end, where a next hop may be one of a tunnel.
fn end(key: &HopKey) -> Option<IpAddr> {
    (key.mode != Mode::Direct).then_some(key.via)
}

/// The underlay address of the host that a next hop is.
pub(super) fn peer(hop: &NextHop) -> IpAddr {
    unmapped(*hop.peer())
}

fn too_large(name: &str, mtu: u32, room: u32) -> String {
    format!(
        "{name}: its MTU of {mtu} is more than the {room} that fit into a tunnel in use: \
         'ip link set {name} mtu {room}', and for Docker \"mtu\": {room} in /etc/docker/daemon.json"
    )
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;

    use super::*;
    use crate::model::mapped;

    #[test]
    fn a_peer_is_the_router_s_tunnel_end_and_not_the_router() {
        let direct = NextHop {
            gateway: mapped("192.0.2.1".parse().unwrap()),
            ..NextHop::zeroed()
        };
        let tunnel = NextHop {
            shim: Shim::GRE,
            remote: mapped("198.51.100.1".parse().unwrap()),
            ..direct
        };
        assert_eq!(peer(&direct).to_string(), "192.0.2.1");
        assert_eq!(peer(&tunnel).to_string(), "198.51.100.1");
    }

    #[test]
    fn a_network_that_is_too_large_is_told_how_to_be_smaller() {
        assert_eq!(
            too_large("docker0", 1500, 1450),
            "docker0: its MTU of 1500 is more than the 1450 that fit into a tunnel in use: \
             'ip link set docker0 mtu 1450', and for Docker \"mtu\": 1450 in /etc/docker/daemon.json"
        );
    }
}
