//! Container networks and containers.

use std::{
    cell::{Cell, RefCell},
    fmt::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::Deref,
    rc::Rc,
};

use anyhow::{Context, Result};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Node;

/// A container network of a host: a bridge with ports, as Docker makes it.
#[derive(Clone)]
pub struct Network(Rc<Inner>);

struct Inner {
    host: Node,
    interface: String,
    bridge: bool,
    v4: Ipv4Net,
    v6: Option<Ipv6Net>,
    containers: Cell<u16>,
    ports: RefCell<Vec<String>>,
}

impl Network {
    pub(super) fn new(host: &Node, bridge: &str, v4: &str, v6: Option<&str>) -> Result<Self> {
        let network = Self::of(host, bridge, true, v4, v6)?;
        network.create()?;
        Ok(network)
    }

    pub(super) fn without_bridge(
        host: &Node,
        interface: &str,
        v4: &str,
        v6: Option<&str>,
    ) -> Result<Self> {
        Self::of(host, interface, false, v4, v6)
    }

    fn of(host: &Node, interface: &str, bridge: bool, v4: &str, v6: Option<&str>) -> Result<Self> {
        Ok(Self(Rc::new(Inner {
            host: host.clone(),
            interface: interface.to_owned(),
            bridge,
            v4: v4.parse().with_context(|| format!("parse {v4}"))?,
            v6: v6.map(str::parse).transpose()?,
            containers: Cell::new(0),
            ports: RefCell::default(),
        })))
    }

    /// The host's interface that leads to the containers.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.0.interface
    }

    /// The gateway's addresses, with their prefix lengths.
    pub fn gateways(&self) -> impl Iterator<Item = IpNet> {
        std::iter::once(IpNet::V4(self.0.v4)).chain(self.0.v6.map(IpNet::V6))
    }

    /// The containers' subnets.
    pub fn subnets(&self) -> impl Iterator<Item = IpNet> {
        self.gateways().map(|gateway| gateway.trunc())
    }

    /// Makes the bridge, which a new network has already, and gives it the containers' ports.
    ///
    /// # Errors
    /// When it exists.
    pub fn create(&self) -> Result<()> {
        let name = self.interface();
        let mut lines = format!(
            "link add {name} address {} type bridge mcast_snooping 0\n",
            mac_of(self.0.v4.addr())
        );
        lines += &self.set_up();
        for port in self.0.ports.borrow().iter() {
            let _ = writeln!(lines, "link set {port} master {name}");
        }
        self.0.host.ip(&lines)
    }

    /// Deletes the bridge; the containers' interfaces stay, without a master.
    ///
    /// # Errors
    /// When there is none.
    pub fn delete(&self) -> Result<()> {
        self.0.host.ip(&format!("link del {}", self.interface()))
    }

    /// The `ip` lines that address the host's interface and take it up.
    fn set_up(&self) -> String {
        let name = self.interface();
        let mut lines = String::new();
        for gateway in self.gateways() {
            let nodad = if gateway.addr().is_ipv6() {
                "nodad"
            } else {
                ""
            };
            let _ = writeln!(lines, "addr add {gateway} dev {name} {nodad}");
        }
        let _ = writeln!(lines, "link set {name} up");
        lines
    }

    /// Makes a container with the next free addresses.
    pub(super) fn container(&self, name: &str) -> Result<Container> {
        let number = self.0.containers.get() + 1;
        self.0.containers.set(number);
        let v4 = Ipv4Addr::from(u32::from(self.0.v4.addr()) + u32::from(number));
        let v6 = self
            .0
            .v6
            .map(|net| Ipv6Addr::from(u128::from(net.addr()) + u128::from(number)));
        let container = Container {
            node: Node::new(name)?,
            network: self.clone(),
            port: RefCell::default(),
            starts: Cell::new(0),
            v4,
            v6,
        };
        container.start()?;
        Ok(container)
    }
}

/// A container: a namespace with the interface `eth0` in a container network.
pub struct Container {
    node: Node,
    network: Network,
    port: RefCell<String>,
    starts: Cell<u32>,
    v4: Ipv4Addr,
    v6: Option<Ipv6Addr>,
}

impl Deref for Container {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl Container {
    /// Its IPv4 address.
    #[must_use]
    pub fn v4(&self) -> IpAddr {
        self.v4.into()
    }

    /// Its IPv6 address.
    ///
    /// # Panics
    /// When its network has none.
    #[must_use]
    pub fn v6(&self) -> IpAddr {
        self.v6.expect("the network has an IPv6 subnet").into()
    }

    /// Its network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The host's interface that leads to it.
    #[must_use]
    pub fn port(&self) -> String {
        self.port.borrow().clone()
    }

    /// Takes its interface away, as Docker does when a container stops.
    ///
    /// # Errors
    /// When it has none.
    pub fn stop(&self) -> Result<()> {
        let port = self.port();
        self.network
            .0
            .ports
            .borrow_mut()
            .retain(|name| *name != port);
        self.network.0.host.ip(&format!("link del {port}"))
    }

    /// Gives it an interface with the same addresses and MAC, and, on a bridge, a port of a
    /// name not used before, as Docker does when a container starts.
    ///
    /// # Errors
    /// When it has one.
    pub fn start(&self) -> Result<()> {
        let network = &self.network;
        let start = self.starts.replace(self.starts.get() + 1);
        let (port, attach) = if network.0.bridge {
            let port = format!("v{start}-{}", self.name());
            let attach = format!("link set {port} master {} up", network.interface());
            network.0.ports.borrow_mut().push(port.clone());
            (port, attach)
        } else {
            (network.interface().to_owned(), network.set_up())
        };
        network.0.host.ip(&format!(
            "link add {port} type veth peer name eth0 address {} netns {}\n{attach}",
            mac_of(self.v4),
            self.path()
        ))?;
        self.node.ip(&self.addressing())?;
        self.port.replace(port);
        Ok(())
    }

    /// The `ip` lines that give `eth0` its addresses and default routes.
    fn addressing(&self) -> String {
        let Inner { v4, v6, .. } = &*self.network.0;
        let mut lines = format!(
            "addr add {}/{} dev eth0\nlink set eth0 up\nroute add default via {}\n",
            self.v4,
            v4.prefix_len(),
            v4.addr()
        );
        if let (Some(net), Some(address)) = (v6, self.v6) {
            let _ = write!(
                lines,
                "addr add {address}/{} dev eth0 nodad\nroute add ::/0 via {}\n",
                net.prefix_len(),
                net.addr()
            );
        }
        lines
    }
}

/// The MAC Docker gives what has the address.
fn mac_of(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("02:42:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}
