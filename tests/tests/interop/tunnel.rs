//! A tunnel, as both ends are told of it.

use std::{fmt::Write as _, net::IpAddr};

use routemesh::model::Mac;
use routemesh_tests::lab::{Host, OpenVswitch, Pair, Routemesh, Side};

/// MAC of the other end on host B; on host A it has the one that routemesh would have there.
const VTEP: &str = "02:00:00:00:00:99";
/// The device of the kernel's, or the first of two.
const DEVICE: &str = "t0";
const UNDERLAY_MTU: u32 = 1500;

/// A tunnel with routemesh at one end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tunnel {
    /// The mode of routemesh's routes.
    pub(crate) mode: &'static str,
    /// What it is told of tunnels besides.
    pub(crate) settings: &'static str,
    /// Whether the underlay's addresses are of IPv6.
    pub(crate) over_v6: bool,
    pub(crate) other: Other,
}

/// What nobody here wrote. In the texts, `LOCAL` and `REMOTE` stand for the ends' addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Other {
    /// A device that holds Ethernet, and what `ip link add` says of it.
    Ethernet(&'static str),
    /// A `vxlan` device, which knows its other ends by entries, as flannel makes them.
    Entries(&'static str),
    /// A device that is told by each route where to, and with what identifier.
    External(&'static str, u32),
    /// Devices that hold IP: for IPv4, and for IPv6 if that needs another one.
    Ip(&'static str, Option<&'static str>),
    /// A port of Open vSwitch's, by its type and key.
    OpenVswitch(&'static str, Option<u32>),
}

impl Tunnel {
    /// Whether it is sent to by who takes frames as they lie in memory.
    pub(crate) fn reads_memory(&self) -> bool {
        matches!(self.other, Other::OpenVswitch(..))
    }

    /// Whether it holds Ethernet.
    pub(crate) fn is_ethernet(&self) -> bool {
        !matches!(self.other, Other::Ip(..))
    }

    /// The underlay address of a host.
    pub(crate) fn address(&self, host: &Host) -> IpAddr {
        if self.over_v6 {
            host.v6().into()
        } else {
            host.v4().into()
        }
    }

    /// Whether its IPv4 headers have DF, as ours do: a route cannot ask for it.
    pub(crate) fn forbids_fragments(&self) -> bool {
        !matches!(self.other, Other::External(..))
    }

    /// Whether its UDP has a checksum over IPv6 whatever it is told.
    pub(crate) fn sums_over_v6(&self) -> bool {
        self.over_v6 && matches!(self.other, Other::OpenVswitch(..))
    }

    fn mac(&self, host: &Host) -> String {
        if host.name() == "a" {
            Mac::of_vtep(self.address(host)).to_string()
        } else {
            VTEP.to_owned()
        }
    }

    /// Starts routemesh with routes to the other side's containers.
    pub(crate) fn routemesh(&self, side: &Side, other: &Side) -> Routemesh {
        let mut route = format!("mode = \"{}\"", self.mode);
        if self.is_ethernet() {
            let _ = write!(route, "\nvtep-mac = \"{}\"", self.mac(&other.host));
        }
        let config = side.tunnel_config(other, self.address(&other.host), &route);
        let config = format!("{config}[tunnel]\n{}\n", self.settings);
        Routemesh::start(&side.host, &config).unwrap()
    }

    /// Sets the other end up on `side`, with the kernel forwarding to the containers of `other`;
    /// what is returned keeps it there.
    pub(crate) fn other_end(&self, pair: &Pair, side: &Side, other: &Side) -> Option<OpenVswitch> {
        side.host.forward().unwrap();
        // A label that the kernel made up would be one more thing that may differ.
        side.host.sysctl("ipv6.auto_flowlabels", "0").unwrap();
        match self.other {
            Other::Ethernet(device) | Other::Entries(device) | Other::External(device, _) => {
                let mac = self.mac(&side.host);
                self.link(side, other, DEVICE, &format!("address {mac} {device}"));
            }
            Other::Ip(v4, v6) => {
                self.link(side, other, DEVICE, v4);
                if let Some(v6) = v6 {
                    self.link(side, other, "t1", v6);
                }
            }
            Other::OpenVswitch(kind, key) => {
                let (mac, mtu) = (self.mac(&side.host), UNDERLAY_MTU - self.overhead());
                let wire = pair.lab.wire();
                let switch = OpenVswitch::start(&side.host, wire, &mac, mtu).unwrap();
                let remote = self.address(&other.host);
                switch.tunnel(kind, remote, key).unwrap();
                self.routes(side, other);
                return Some(switch);
            }
        }
        if matches!(self.other, Other::Entries(_)) {
            let (mac, remote) = (self.mac(&other.host), self.address(&other.host).to_string());
            let words = [
                "bridge", "fdb", "replace", &mac, "dev", DEVICE, "dst", &remote,
            ];
            side.host.run(words).unwrap();
        }
        self.routes(side, other);
        None
    }

    fn link(&self, side: &Side, other: &Side, name: &str, device: &str) {
        let device = device
            .replace("LOCAL", &self.address(&side.host).to_string())
            .replace("REMOTE", &self.address(&other.host).to_string());
        let lines = format!("link add {name} {device}\nlink set {name} up");
        side.host.ip(&lines).unwrap();
    }

    /// Routes to the containers of `other`.
    fn routes(&self, side: &Side, other: &Side) {
        for subnet in other.network.subnets() {
            let is_v6 = subnet.addr().is_ipv6();
            let device = match self.other {
                Other::OpenVswitch(..) => OpenVswitch::INTERFACE,
                Other::Ip(_, Some(_)) if is_v6 => "t1",
                Other::Ip(..) | Other::Ethernet(_) | Other::Entries(_) | Other::External(..) => {
                    DEVICE
                }
            };
            let lines = if self.is_ethernet() {
                let (gateway, mac) = (subnet.network(), self.mac(&other.host));
                let encapsulation = self.encapsulation(&other.host);
                format!(
                    "route add {subnet} {encapsulation} via {gateway} dev {device} onlink\n\
                     neigh replace {gateway} lladdr {mac} dev {device} nud permanent"
                )
            } else {
                format!("route add {subnet} dev {device}")
            };
            side.host.ip(&lines).unwrap();
        }
    }

    /// What a route to `remote` must say of the tunnel.
    fn encapsulation(&self, remote: &Host) -> String {
        let Other::External(_, id) = self.other else {
            return String::new();
        };
        let to = self.address(remote);
        if self.over_v6 {
            format!("encap ip6 id {id} dst {to} hoplimit 64 tc {TOS:#x}")
        } else {
            format!("encap ip id {id} dst {to} ttl 64 tos {TOS:#x}")
        }
    }

    /// What the protocol over IP is, and its bytes in front of the inner Ethernet header or, where
    /// there is none, the inner IP header.
    pub(crate) fn shim(&self) -> (Protocol, usize) {
        match self.mode {
            "vxlan" | "geneve" => (Protocol::Udp, 16),
            "gre" if self.settings.contains("gre-key") => (Protocol::Gre, 8),
            "gre" => (Protocol::Gre, 4),
            _ => (Protocol::Ip, 0),
        }
    }

    /// Bytes of the outer IP header.
    pub(crate) fn outer(&self) -> usize {
        if self.over_v6 { 40 } else { 20 }
    }

    /// Bytes in front of the inner IP header, from the outer IP header on.
    pub(crate) fn overhead(&self) -> u32 {
        let ethernet = if self.is_ethernet() { 14 } else { 0 };
        (self.outer() + self.shim().1 + ethernet) as u32
    }
}

/// TOS of the packets that are compared: AF11, which is copied to the outer header, and ECT(1).
pub(crate) const TOS: u8 = 0x29;

/// What follows an outer IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Udp,
    Gre,
    Ip,
}
