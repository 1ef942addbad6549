//! How packets travel to a next hop.

use std::{fmt, net::IpAddr, str::FromStr};

use routemesh_common::{NetworkId, Shim, TunnelSettings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A way to wrap packets.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Encapsulation {
    /// VXLAN: Ethernet over UDP (RFC 7348).
    #[default]
    Vxlan,
    /// Geneve around Ethernet, over UDP (RFC 8926).
    Geneve,
    /// GRE, around IP or around Ethernet (RFC 2784, RFC 2890).
    Gre,
    /// IP in IP (RFC 2003, RFC 2473).
    Ipip,
}

impl Encapsulation {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Vxlan, Self::Geneve, Self::Gre, Self::Ipip];

    /// The shim it has in the kernel; GRE holds Ethernet where the peer's VTEP has a MAC.
    #[must_use]
    pub fn shim(self, ethernet: bool) -> Shim {
        match self {
            Self::Vxlan => Shim::VXLAN,
            Self::Geneve => Shim::GENEVE,
            Self::Gre if ethernet => Shim::GRE_ETHERNET,
            Self::Gre => Shim::GRE,
            Self::Ipip => Shim::IPIP,
        }
    }

    /// The one a shim is of; none of no shim.
    #[must_use]
    pub fn of(shim: Shim) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|this| shim == this.shim(false) || shim == this.shim(true))
    }
}

impl fmt::Display for Encapsulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::Gre => "gre",
            Self::Ipip => "ipip",
        })
    }
}

impl FromStr for Encapsulation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|this| this.to_string() == text)
            .ok_or_else(|| format!("'{text}' is not one of vxlan, geneve, gre, ipip"))
    }
}

/// The way a route's packets take to the next hop.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub enum Mode {
    /// As they are, to a next hop on the link of an uplink.
    #[default]
    Direct,
    /// As they are where the next hop is on the link of an uplink, otherwise wrapped as the
    /// node does by default.
    Auto,
    /// Wrapped.
    Tunnel(Encapsulation),
}

impl Mode {
    fn all() -> impl Iterator<Item = Self> {
        let tunnels = Encapsulation::ALL.map(Self::Tunnel);
        [Self::Direct, Self::Auto].into_iter().chain(tunnels)
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Direct => "As they are, to a next hop on the link of an uplink",
            Self::Auto => "As they are where the next hop is on-link, otherwise `tunnel.mode`",
            Self::Tunnel(Encapsulation::Vxlan) => "VXLAN: Ethernet over UDP (RFC 7348)",
            Self::Tunnel(Encapsulation::Geneve) => "Geneve around Ethernet (RFC 8926)",
            Self::Tunnel(Encapsulation::Gre) => "GRE, of Ethernet with `vtep-mac` (RFC 2784)",
            Self::Tunnel(Encapsulation::Ipip) => "IP in IP (RFC 2003, RFC 2473)",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.pad("direct"),
            Self::Auto => f.pad("auto"),
            Self::Tunnel(encapsulation) => encapsulation.fmt(f),
        }
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::all()
            .find(|mode| mode.to_string() == text)
            .ok_or_else(|| format!("'{text}' is not one of direct, auto, vxlan, geneve, gre, ipip"))
    }
}

impl TryFrom<String> for Mode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        mode.to_string()
    }
}

impl JsonSchema for Mode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Mode".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let choices: Vec<serde_json::Value> = Self::all()
            .map(|mode| {
                serde_json::json!({
                    "type": "string",
                    "const": mode,
                    "description": mode.meaning(),
                })
            })
            .collect();
        schemars::json_schema!({
            "description": "The way packets take to the next hop",
            "oneOf": choices,
        })
    }
}

/// The DSCP of outer headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dscp {
    /// That of the inner header.
    #[default]
    Copy,
    /// Always this one, of 6 bits.
    Fixed(u8),
}

impl fmt::Display for Dscp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copy => f.pad("copy"),
            Self::Fixed(dscp) => dscp.fmt(f),
        }
    }
}

/// The network that a route's packets are of, where it is not the node's: whichever tunnel they
/// go through or come out of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkNumbers {
    /// Network identifier of VXLAN and Geneve, of 24 bits.
    pub vni: Option<u32>,
    /// Key of GRE.
    pub gre_key: Option<u32>,
}

/// What all tunnels of a node have in common. Both ends must agree on numbers, ports and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// What [`Mode::Auto`] takes for next hops that are on no link.
    pub mode: Encapsulation,
    /// Network identifier of VXLAN and Geneve, of 24 bits.
    pub vni: u32,
    /// Those that any peer may use besides, for any of its subnets.
    pub accept_vni: Vec<u32>,
    /// UDP port of VXLAN.
    pub vxlan_port: u16,
    /// UDP port of Geneve.
    pub geneve_port: u16,
    /// Key of GRE, if its packets have one.
    pub gre_key: Option<u32>,
    /// Those that any peer may use besides, for any of its subnets; `None` for packets without one.
    pub accept_gre_key: Vec<Option<u32>>,
    /// TTL or hop limit of outer headers.
    pub ttl: u8,
    /// DSCP of outer headers.
    pub dscp: Dscp,
    /// Whether outer UDP headers have a checksum, where they can.
    pub udp_checksum: bool,
    /// Whether TCP's ends are told of no larger segments than fit.
    pub clamp_mss: bool,
}

impl Default for Tunnel {
    fn default() -> Self {
        Self {
            mode: Encapsulation::default(),
            vni: 100,
            accept_vni: Vec::new(),
            vxlan_port: 4789,
            geneve_port: 6081,
            gre_key: None,
            accept_gre_key: Vec::new(),
            ttl: 64,
            dscp: Dscp::default(),
            udp_checksum: false,
            clamp_mss: false,
        }
    }
}

impl Tunnel {
    /// Networks whose packets are taken from any peer for any of its subnets.
    pub fn accepted(&self) -> impl Iterator<Item = NetworkId> {
        let vnis = self.accept_vni.iter().map(|vni| NetworkId::vni(*vni));
        let keys = self.accept_gre_key.iter();
        vnis.chain(keys.map(|key| NetworkId::gre(u8::from(key.is_some()), key.unwrap_or_default())))
    }

    /// What the kernel must know to tell our tunnel packets from others.
    #[must_use]
    pub fn settings(&self) -> TunnelSettings {
        TunnelSettings {
            vni: self.vni,
            gre_key: self.gre_key.unwrap_or_default(),
            vxlan_port: self.vxlan_port.to_be_bytes(),
            geneve_port: self.geneve_port.to_be_bytes(),
            gre_keyed: u8::from(self.gre_key.is_some()),
            reserved: [0; 3],
        }
    }
}

/// The way the kernel's own packets take to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// The interface they leave by.
    pub ifindex: u32,
    /// The router they go to; none where the address is on the link. Its family may be another.
    pub gateway: Option<IpAddr>,
    /// The address they have as source.
    pub source: Option<IpAddr>,
    /// Largest packet the route allows, in bytes, where it says so.
    pub mtu: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_is_read_as_it_is_shown() {
        for mode in Mode::all() {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        let error = "wireguard".parse::<Mode>().unwrap_err();
        assert_eq!(
            error,
            "'wireguard' is not one of direct, auto, vxlan, geneve, gre, ipip"
        );
    }

    #[test]
    fn a_shim_tells_its_encapsulation() {
        assert_eq!(Encapsulation::of(Shim::NONE), None);
        for encapsulation in Encapsulation::ALL {
            for ethernet in [false, true] {
                let shim = encapsulation.shim(ethernet);
                assert_eq!(Encapsulation::of(shim), Some(encapsulation));
            }
        }
    }

    #[test]
    fn ports_are_told_to_the_kernel_in_network_order() {
        let tunnel = Tunnel {
            gre_key: Some(7),
            ..Tunnel::default()
        };
        let settings = tunnel.settings();
        assert_eq!(settings.vxlan_port, [0x12, 0xb5]);
        assert_eq!((settings.gre_keyed, settings.gre_key), (1, 7));
        assert_eq!(Tunnel::default().settings().gre_keyed, 0);
    }
}
