//! A host: a namespace with uplinks and container networks.

use std::{
    cell::OnceCell,
    net::{Ipv4Addr, Ipv6Addr},
    ops::Deref,
};

use anyhow::Result;

use super::{Container, Network, Node, Wire, process};

/// A host of the lab.
pub struct Host {
    node: Node,
    number: u8,
    /// What its `eth0` is called on the machine, where it is the machine's.
    adopted: OnceCell<String>,
}

impl Deref for Host {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

/// The kernel would give the machine its interface back too, later and by the name it has here.
impl Drop for Host {
    fn drop(&mut self) {
        if let Some(interface) = self.adopted.get() {
            let back = self.ip(&format!(
                "link set dev eth0 down\nlink set dev eth0 name {interface} netns 1"
            ));
            if let Err(error) = back {
                eprintln!("{interface} is not the machine's again: {error:#}");
            }
        }
    }
}

impl Host {
    pub(super) fn new(name: &str, number: u8) -> Result<Self> {
        Ok(Self {
            node: Node::new(name)?,
            number,
            adopted: OnceCell::new(),
        })
    }

    /// The host's number, the last part of its addresses.
    #[must_use]
    pub fn number(&self) -> u8 {
        self.number
    }

    /// The host's namespace.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Its address on the lab's first wire.
    #[must_use]
    pub fn v4(&self) -> Ipv4Addr {
        Ipv4Addr::new(192, 168, 100, self.number)
    }

    /// Its IPv6 address on the lab's first wire.
    #[must_use]
    pub fn v6(&self) -> Ipv6Addr {
        Ipv6Addr::new(0xfd00, 0x100, 0, 0, 0, 0, 0, u16::from(self.number))
    }

    /// Gives the host an uplink on `wire`.
    ///
    /// # Errors
    /// When the host has an interface of that name.
    pub fn plug(&self, interface: &str, wire: &Wire) -> Result<()> {
        wire.plug(self, interface)
    }

    /// Makes a network interface of the machine the host's uplink `eth0`, with its addresses on
    /// `wire`, although plugged in elsewhere. It goes back to the machine when the host goes.
    ///
    /// # Errors
    /// When the machine has no such interface.
    pub fn adopt(&self, interface: &str, wire: &Wire) -> Result<()> {
        let namespace = self.path();
        let words = ["link", "set", "dev", interface, "down"];
        process::run("ip", words)?;
        let words = [
            "link", "set", "dev", interface, "name", "eth0", "netns", &namespace,
        ];
        process::run("ip", words)?;
        let _ = self.adopted.set(interface.to_owned());
        wire.address_interface(self, "eth0")
    }

    /// Lays a cable between this host and another: `interface` at both ends, and the
    /// addresses `10.9.0.n/24` and `fd00:9::n/64`.
    ///
    /// # Errors
    /// When one of them has an interface of that name.
    pub fn cable(&self, other: &Self, interface: &str) -> Result<()> {
        self.ip(&format!(
            "link add {interface} type veth peer name {interface} netns {}",
            other.path()
        ))?;
        for host in [self, other] {
            let number = host.number;
            host.ip(&format!(
                "addr add 10.9.0.{number}/24 dev {interface}\n\
                 addr add fd00:9::{number}/64 dev {interface} nodad\n\
                 link set {interface} up"
            ))?;
        }
        Ok(())
    }

    /// Makes a container network: a bridge with the gateway's addresses, each with its prefix
    /// length.
    ///
    /// # Errors
    /// When an address is none, or the host has an interface of that name.
    pub fn network(&self, bridge: &str, v4: &str, v6: Option<&str>) -> Result<Network> {
        Network::new(&self.node, bridge, v4, v6)
    }

    /// Makes a container in `network`, with the next free addresses and a default route.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn container(&self, name: &str, network: &Network) -> Result<Container> {
        network.container(name)
    }

    /// Makes a container without a bridge, at the other end of a veth pair. `interface` is the
    /// host's end, and the addresses are the gateway's.
    ///
    /// # Errors
    /// When an address is none, or the host has an interface of that name.
    pub fn ptp(&self, interface: &str, v4: &str, v6: Option<&str>) -> Result<Container> {
        Network::without_bridge(&self.node, interface, v4, v6)?.container(interface)
    }
}
