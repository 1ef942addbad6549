//! What uplinks are plugged into.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::Result;

use super::{Host, Node};

/// An Ethernet segment: a bridge in a namespace of its own, which no host can see.
pub struct Wire {
    node: Node,
    number: u8,
}

impl Wire {
    pub(super) fn new(number: u8) -> Result<Self> {
        let node = Node::new(&format!("wire{number}"))?;
        // It says nothing itself: all that is on it is of hosts.
        node.sysctl("ipv6.conf.all.disable_ipv6", "1")?;
        node.ip("link add br0 type bridge mcast_snooping 0\nlink set br0 up")?;
        Ok(Self { node, number })
    }

    /// The namespace of the bridge `br0`; its ports are named `HOST-INTERFACE`.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The address of `host` on this wire: `192.168.100.n`, on the second wire `192.168.101.n`.
    #[must_use]
    pub fn v4(&self, host: &Host) -> Ipv4Addr {
        Ipv4Addr::new(192, 168, 100 + self.number, host.number())
    }

    /// The IPv6 address of `host` on this wire: `fd00:100::n`, on the second wire `fd00:101::n`.
    #[must_use]
    pub fn v6(&self, host: &Host) -> Ipv6Addr {
        let wire = 0x100 + u16::from(self.number);
        Ipv6Addr::new(0xfd00, wire, 0, 0, 0, 0, 0, u16::from(host.number()))
    }

    /// The address of `host` on this wire in the family of `like`.
    #[must_use]
    pub fn address(&self, host: &Host, like: IpAddr) -> IpAddr {
        match like {
            IpAddr::V4(_) => self.v4(host).into(),
            IpAddr::V6(_) => self.v6(host).into(),
        }
    }

    /// The wire's end of a host's uplink.
    #[must_use]
    pub fn port(host: &Host, interface: &str) -> String {
        format!("{}-{interface}", host.name())
    }

    /// Plugs a new interface of `host` in.
    pub(super) fn plug(&self, host: &Host, interface: &str) -> Result<()> {
        let port = Self::port(host, interface);
        self.node.ip(&format!(
            "link add {port} type veth peer name {interface} netns {}\n\
             link set {port} master br0 up",
            host.path()
        ))?;
        self.address_interface(host, interface)
    }

    /// Lays a cable from one host to another, with the addresses they would have on this wire,
    /// which they are not on. `interface` is at both ends.
    ///
    /// # Errors
    /// When one of them has an interface of that name.
    pub fn cable(&self, [a, b]: [&Host; 2], interface: &str) -> Result<()> {
        a.ip(&format!(
            "link add {interface} type veth peer name {interface} netns {}",
            b.path()
        ))?;
        self.address_interface(a, interface)?;
        self.address_interface(b, interface)
    }

    /// Gives an interface of `host` its addresses on this wire, and takes it up.
    pub(super) fn address_interface(&self, host: &Host, interface: &str) -> Result<()> {
        host.ip(&format!(
            "addr add {}/24 dev {interface}\n\
             addr add {}/64 dev {interface} nodad\n\
             link set {interface} up",
            self.v4(host),
            self.v6(host)
        ))
    }

    /// Makes the wire's end of a host's uplink take frames that XDP sends: a veth accepts them
    /// only while its receiving side polls, which GRO makes it do.
    ///
    /// # Errors
    /// What `ethtool` says.
    pub fn accept_xdp(&self, host: &Host, interface: &str) -> Result<()> {
        self.node.offload(&Self::port(host, interface), "gro", true)
    }
}
