//! The usual scene: two hosts on a wire, a container network on each, routemesh on both.

use std::{fmt::Write, net::IpAddr};

use anyhow::Result;

use super::{Container, Host, Lab, Network, Node, Routemesh, Wire, relay};

/// Two hosts, A and B, and what is on them.
pub struct Pair {
    /// Host A: `192.168.100.1`, containers in `10.100.0.0/24` and `fd00:10:100::/64`.
    pub a: Side,
    /// Host B: `192.168.100.2`, containers in `10.200.0.0/24` and `fd00:10:200::/64`.
    pub b: Side,
    /// Where they are.
    pub lab: Lab,
}

/// A host with one container network and one container.
pub struct Side {
    /// The container.
    pub container: Container,
    /// Its network, `docker0`.
    pub network: Network,
    /// The host.
    pub host: Host,
}

/// Who cuts super-packets into segments, and sums them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segments {
    /// Nobody: the cable carries them whole.
    None,
    /// The container, before they come to us.
    ByContainer,
    /// The kernel, on their way out of an uplink that can do neither.
    ByUplink,
}

impl Pair {
    /// The scene without routemesh.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn new() -> Result<Self> {
        let lab = Lab::new()?;
        Ok(Self {
            a: Side::new(lab.host("a")?, 100)?,
            b: Side::new(lab.host("b")?, 200)?,
            lab,
        })
    }

    /// The scene without routemesh, with a cable between the hosts in the place of a switched
    /// wire: nothing is between them that a measurement would have to leave out.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn cabled() -> Result<Self> {
        let (lab, a, b) = cabled_hosts()?;
        Ok(Self {
            a: Side::new(a, 100)?,
            b: Side::new(b, 200)?,
            lab,
        })
    }

    /// The same with the containers of both hosts in one subnet and no bridge, where all frames
    /// between a container and the cable are relayed as they are.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn relayed() -> Result<Self> {
        let (lab, a, b) = cabled_hosts()?;
        Ok(Self {
            a: Side::relayed(a)?,
            b: Side::relayed(b)?,
            lab,
        })
    }

    /// Makes the kernels of both hosts forward, with routes to one another's containers.
    ///
    /// # Errors
    /// When they do already.
    pub fn kernel_routing(&self) -> Result<()> {
        for (side, other) in [(&self.a, &self.b), (&self.b, &self.a)] {
            side.host.forward()?;
            for subnet in other.network.subnets() {
                let via = self.lab.wire().address(&other.host, subnet.addr());
                side.host.ip(&format!("route add {subnet} via {via}"))?;
            }
        }
        Ok(())
    }

    /// Starts routemesh on both hosts, with `mode` for the uplink `eth0` and routes to the
    /// other host's containers.
    ///
    /// # Errors
    /// When a daemon does not come up.
    pub fn routemesh(&self, mode: &str) -> Result<(Routemesh, Routemesh)> {
        Ok((
            Routemesh::start(&self.a.host, &self.a.config(mode, &self.b))?,
            Routemesh::start(&self.b.host, &self.b.config(mode, &self.a))?,
        ))
    }
}

impl Side {
    /// A host with the network `10.N.0.0/24` and `fd00:10:N::/64` on `docker0`.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn new(host: Host, subnet: u8) -> Result<Self> {
        let v4 = format!("10.{subnet}.0.1/24");
        let v6 = format!("fd00:10:{subnet}::1/64");
        let network = host.network("docker0", &v4, Some(&v6))?;
        let container = host.container(&format!("{}1", host.name()), &network)?;
        Ok(Self {
            container,
            network,
            host,
        })
    }

    /// A host whose container is at the other end of a veth pair, and in `10.100.0.0/24` and
    /// `fd00:10:100::/64` like that of any other such host.
    fn relayed(host: Host) -> Result<Self> {
        // The host's end has the address before the container's.
        let number = 2 * host.number();
        let v4 = format!("10.100.0.{number}/24");
        let v6 = format!("fd00:10:100::{number}/64");
        let container = host.ptp("veth0", &v4, Some(&v6))?;
        relay(host.node(), ["veth0", "eth0"])?;
        Ok(Self {
            network: container.network().clone(),
            container,
            host,
        })
    }

    /// Has super-packets cut, and summed, there and nowhere later.
    ///
    /// # Errors
    /// What `ethtool` says.
    pub fn segment(&self, segments: Segments) -> Result<()> {
        let (node, offloads): (&Node, &[&str]) = match segments {
            Segments::None => return Ok(()),
            Segments::ByContainer => (&self.container, &["tso", "gso"]),
            Segments::ByUplink => (&self.host, &["tso", "gso", "tx"]),
        };
        offloads
            .iter()
            .try_for_each(|offload| node.offload("eth0", offload, false))
    }

    /// Has the kernel forget its neighbours, as an operator does; it gives up where packets make
    /// entries faster than it deletes them.
    ///
    /// # Errors
    /// When `ip` cannot be started.
    pub fn flush_neighbours(&self) -> Result<()> {
        for family in ["-4", "-6"] {
            self.host.output(&["ip", family, "neigh", "flush", "all"])?;
        }
        Ok(())
    }

    /// The host's configuration, with the uplink `eth0` in `mode` and routes to the containers
    /// of `other`, which is on the same wire.
    #[must_use]
    pub fn config(&self, mode: &str, other: &Self) -> String {
        let mut config = self.head(mode);
        for subnet in other.network.subnets() {
            let via = if subnet.addr().is_ipv4() {
                other.host.v4().to_string()
            } else {
                other.host.v6().to_string()
            };
            let _ = write!(config, "[[route]]\ndst = \"{subnet}\"\nvia = \"{via}\"\n");
        }
        config
    }

    /// Routes of another host to its containers, by way of `via` on `wire`.
    #[must_use]
    pub fn routes(&self, wire: &Wire, via: &Host) -> String {
        self.network
            .subnets()
            .map(|subnet| {
                let via = wire.address(via, subnet.addr());
                format!("[[route]]\ndst = \"{subnet}\"\nvia = \"{via}\"\n")
            })
            .collect()
    }

    /// The host's configuration, with the uplink `eth0` at tc and routes to the containers of
    /// `other` by its address `via`, each with the lines of `route`, as `mode = "vxlan"`.
    #[must_use]
    pub fn tunnel_config(&self, other: &Self, via: IpAddr, route: &str) -> String {
        let mut config = self.head("tc");
        for subnet in other.network.subnets() {
            let _ = write!(
                config,
                "[[route]]\ndst = \"{subnet}\"\nvia = \"{via}\"\n{route}\n"
            );
        }
        config
    }

    /// The name, the uplink and the network.
    fn head(&self, mode: &str) -> String {
        format!(
            "node = \"{}\"\n\
             [[uplink]]\ninterface = \"eth0\"\nmode = \"{mode}\"\n\
             [[network]]\ninterface = \"docker0\"\n",
            self.host.name()
        )
    }
}

/// Hosts A and B with a cable between them.
fn cabled_hosts() -> Result<(Lab, Host, Host)> {
    let lab = Lab::new()?;
    let (a, b) = (lab.unplugged_host("a")?, lab.unplugged_host("b")?);
    lab.wire().cable([&a, &b], "eth0")?;
    Ok((lab, a, b))
}
