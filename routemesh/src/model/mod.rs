//! The things routemesh is about, valid by construction.

mod mac;
mod tunnel;
mod world;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};
use thiserror::Error;

pub use mac::Mac;
pub use tunnel::{Dscp, Encapsulation, Mode, NetworkNumbers, Path, Tunnel};
pub use world::{Interface, World};

/// An IP prefix with no host bits set, as `10.1.0.0/16` or `fd00:1::/32`.
///
/// A bare address stands for itself alone: `10.1.2.3` is `10.1.2.3/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(IpNet);

impl Prefix {
    /// The prefix of `length` bits around `address`, its host bits cleared.
    ///
    /// # Errors
    /// When `length` is more than the family has bits.
    pub fn around(address: IpAddr, length: u8) -> Result<Self, PrefixError> {
        IpNet::new(address, length)
            .map(|net| Self(net.trunc()))
            .map_err(|_| PrefixError::Length {
                length: length.to_string(),
                most: bits(address),
            })
    }

    /// The prefix that holds `address` alone.
    #[must_use]
    pub fn host(address: IpAddr) -> Self {
        Self(IpNet::from(address))
    }

    /// The network address.
    #[must_use]
    pub fn address(self) -> IpAddr {
        self.0.network()
    }

    /// The prefix length in bits.
    #[must_use]
    pub fn length(self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether the prefix is IPv6.
    #[must_use]
    pub fn is_ipv6(self) -> bool {
        matches!(self.0, IpNet::V6(_))
    }

    /// Whether `address` lies in the prefix.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// Whether the two prefixes have an address in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.0.contains(&other.0) || other.0.contains(&self.0)
    }

    /// The prefix as `ipnet` has it.
    #[must_use]
    pub fn net(self) -> IpNet {
        self.0
    }
}

fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// Why a text is not a [`Prefix`]; the message says what would be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PrefixError {
    /// The part before the slash is no address.
    #[error("'{0}' is not an IP address")]
    Address(String),
    /// The part after the slash is no length of that family.
    #[error("prefix length '{length}' is not a number from 0 to {most}")]
    Length {
        /// What was written.
        length: String,
        /// The family's bits.
        most: u8,
    },
    /// Bits are set beyond the prefix length.
    #[error("{written} has host bits set; the network is {network}")]
    HostBits {
        /// What was written.
        written: String,
        /// What was probably meant.
        network: Prefix,
    },
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| PrefixError::Address(address.to_owned()))?;
        let Some(length) = length else {
            return Ok(Self::host(address));
        };
        let network = length
            .parse()
            .ok()
            .and_then(|length| Self::around(address, length).ok())
            .ok_or_else(|| PrefixError::Length {
                length: length.to_owned(),
                most: bits(address),
            })?;
        if network.address() == address {
            Ok(network)
        } else {
            Err(PrefixError::HostBits {
                written: text.to_owned(),
                network,
            })
        }
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(PrefixText)
    }
}

/// Reads a prefix where it lies: a table of routes has a million.
struct PrefixText;

impl Visitor<'_> for PrefixText {
    type Value = Prefix;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Prefix, E> {
        text.parse().map_err(E::custom)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl JsonSchema for Prefix {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Prefix".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "An IP prefix with no host bits set, or one address",
            "examples": ["10.1.0.0/16", "fd00:1::/32", "10.1.2.3"],
        })
    }
}

/// What a route does with the packets it matches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// To the next hop `via` by an uplink: `dev`, or the one found.
    Via {
        /// The next hop's address. Its family need not be the route's; but for an IPv6 route
        /// without a tunnel it must be IPv6.
        via: IpAddr,
        /// The uplink, where it is named.
        dev: Option<String>,
        /// As they are, or wrapped.
        mode: Mode,
        /// MAC of the next hop's end of an Ethernet tunnel, where it is not
        /// [`Mac::of_vtep`]. GRE holds Ethernet if it is set.
        vtep_mac: Option<Mac>,
        /// VNI of VXLAN and Geneve, and key of GRE, where they are not [`Tunnel`]'s.
        network: NetworkNumbers,
    },
    /// Dropped without a word.
    Blackhole,
}

/// One route of the desired table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Destinations the route is for.
    pub dst: Prefix,
    /// What it does.
    pub action: Action,
    /// Largest IP packet, in bytes, where it is to be smaller than the uplink's.
    pub mtu: Option<u32>,
}

/// Who asked for a route. A later one overrides an earlier one for the same prefix.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The host itself: its own addresses and its container subnets.
    Kernel,
    /// The configuration file.
    File,
    /// The command line, or another client of the control socket.
    Cli,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kernel => "kernel",
            Self::File => "file",
            Self::Cli => "cli",
        })
    }
}

/// Which hook of an uplink carries packets.
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
pub enum UplinkMode {
    /// Native XDP beside tc where the device has a driver that gains by it, otherwise tc alone.
    #[default]
    Auto,
    /// Native XDP beside tc; tc alone, with the reason in `status`, where XDP cannot attach.
    Xdp,
    /// Generic XDP beside tc: for trying things out, it is slower than tc.
    XdpGeneric,
    /// tc alone.
    Tc,
}

impl fmt::Display for UplinkMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Xdp => "xdp",
            Self::XdpGeneric => "xdp-generic",
            Self::Tc => "tc",
        })
    }
}

impl FromStr for UplinkMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Auto, Self::Xdp, Self::XdpGeneric, Self::Tc]
            .into_iter()
            .find(|mode| mode.to_string() == text)
            .ok_or_else(|| format!("'{text}' is not one of auto, xdp, xdp-generic, tc"))
    }
}

/// An interface that leads to other hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uplink {
    /// Its name.
    pub interface: String,
    /// Which hook carries packets.
    pub mode: UplinkMode,
}

/// An interface that leads to containers of this host: a bridge, or the host's end of a veth pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub interface: String,
    /// The containers' subnets; empty: those of the interface's own addresses.
    pub subnets: Vec<Prefix>,
}

/// An address as the maps have it: 16 bytes, IPv4 mapped.
#[must_use]
pub fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => routemesh_common::mapped(v4.octets()),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// The inverse of [`mapped`].
#[must_use]
pub fn unmapped(bytes: [u8; 16]) -> IpAddr {
    let v6 = Ipv6Addr::from(bytes);
    v6.to_ipv4_mapped()
        .map_or(IpAddr::V6(v6), |v4: Ipv4Addr| IpAddr::V4(v4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_with_host_bits_is_refused_and_the_network_named() {
        let error = "10.1.2.3/16".parse::<Prefix>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "10.1.2.3/16 has host bits set; the network is 10.1.0.0/16"
        );
    }

    #[test]
    fn a_length_beyond_the_family_is_refused_by_its_bounds() {
        let error = "10.0.0.0/33".parse::<Prefix>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "prefix length '33' is not a number from 0 to 32"
        );
    }

    #[test]
    fn a_bare_address_is_a_host_prefix() {
        let prefix: Prefix = "fd00::1".parse().unwrap();
        assert_eq!((prefix.length(), prefix.is_ipv6()), (128, true));
    }

    #[test]
    fn mapped_addresses_come_back() {
        for text in ["10.1.2.3", "fd00::1", "0.0.0.0", "::"] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(unmapped(mapped(address)), address);
        }
    }
}
