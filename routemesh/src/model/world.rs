//! What the kernel said of this host: interfaces, addresses, neighbours, bridge ports.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;

use super::{Mac, Path};

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its index in this network namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its link-layer address; zero where it has none.
    pub mac: Mac,
    /// Largest IP packet it carries, in bytes.
    pub mtu: u32,
    /// Whether it is up and has a carrier (IFF_LOWER_UP).
    pub up: bool,
    /// The kind of a virtual device, as `veth` or `bridge`; none for one with a driver.
    pub kind: Option<String>,
    /// Whether its other end, of a veth pair, is in another network namespace.
    pub peer_elsewhere: bool,
    /// The bridge (or other device) it is a port of.
    pub master: Option<u32>,
    /// Its addresses with their prefix lengths, host bits kept.
    pub addresses: BTreeSet<IpNet>,
}

/// All that was learnt over netlink, as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// Interfaces by index.
    pub interfaces: BTreeMap<u32, Interface>,
    /// MACs of neighbours that are usable (reachable, stale, delay, probe, permanent), by
    /// interface index and address.
    pub neighbours: BTreeMap<(u32, IpAddr), Mac>,
    /// Ports that stations are behind, by bridge index and MAC.
    pub fdb: BTreeMap<(u32, Mac), u32>,
    /// The interface of the default route of lowest metric, IPv4 before IPv6.
    pub default_route: Option<u32>,
    /// The ways to those addresses that were asked about; none to what cannot be reached.
    pub paths: BTreeMap<IpAddr, Path>,
}

impl World {
    /// The interface of that name.
    #[must_use]
    pub fn interface(&self, name: &str) -> Option<&Interface> {
        self.interfaces
            .values()
            .find(|interface| interface.name == name)
    }

    /// The ports of the bridge with that index.
    pub fn ports(&self, bridge: u32) -> impl Iterator<Item = &Interface> {
        self.interfaces
            .values()
            .filter(move |interface| interface.master == Some(bridge))
    }
}
