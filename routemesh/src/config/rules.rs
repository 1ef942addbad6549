//! What a single value must be, wherever it comes from: a file, or a client of the socket.

use std::{fmt, net::IpAddr, sync::LazyLock};

use serde_json::Value;

use crate::model::{Action, Dscp, Encapsulation, Mac, Mode, Prefix, PrefixError, Route};

/// Most routes a table can have.
pub const MOST_ROUTES: i64 = 16 << 20;
/// The kernel's IFNAMSIZ without the closing zero.
const INTERFACE_NAME_BYTES: usize = 15;
/// HOST_NAME_MAX would be 64; a fully qualified name is longer.
const NODE_NAME_BYTES: usize = 253;
/// RFC 7348: 24 bits; 0 is kept for no network.
const MOST_VNI: i64 = (1 << 24) - 1;
/// RFC 2474: 6 bits.
const MOST_DSCP: i64 = 63;
const MOST_MTU: i64 = 65_535;
/// RFC 791: every host takes datagrams of 576 bytes.
const LEAST_MTU: i64 = 576;
/// RFC 8200 §5: every link carries packets of 1280 bytes.
const LEAST_MTU_IPV6: i64 = 1280;

/// Why a value will not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong, with the value.
    pub title: String,
    /// The reason, short enough to stand beside the value.
    pub label: String,
    /// What would be right.
    pub help: String,
}

impl Wrong {
    fn new(title: impl Into<String>, label: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            label: label.into(),
            help: help.into(),
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.title, self.label, self.help)
    }
}

impl std::error::Error for Wrong {}

/// Whether a route, taken by itself, makes sense.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn route(route: &Route) -> Result<(), Wrong> {
    destination(route.dst)?;
    if let Action::Via {
        via,
        dev,
        mode,
        vtep_mac: vtep,
        network,
    } = &route.action
    {
        next_hop(*via)?;
        next_hop_family(route.dst, *via, *mode)?;
        dev.as_deref().map_or(Ok(()), interface)?;
        vtep.map_or(Ok(()), |mac| vtep_mac(mac, *mode))?;
        network.vni.map_or(Ok(()), |it| vni(it.into()).map(drop))?;
    }
    route
        .mtu
        .map_or(Ok(()), |size| mtu(size.into(), route.dst).map(drop))
}

/// The prefix that `text` writes.
pub(super) fn prefix(text: &str) -> Result<Prefix, Wrong> {
    let example = "write a prefix as 10.1.0.0/16 or fd00:1::/32, or one address";
    text.parse().map_err(|error| match error {
        PrefixError::Address(address) => Wrong::new(
            format!("{text:?} is not a prefix"),
            format!("{address:?} is not an IP address"),
            example,
        ),
        PrefixError::Length { length, most } => Wrong::new(
            format!("{text:?} is not a prefix"),
            format!("{length:?} is not a length from 0 to {most}"),
            example,
        ),
        PrefixError::HostBits { network, .. } => Wrong::new(
            format!("{text} has host bits set"),
            format!("bits are set after the first {}", network.length()),
            host_bits_help(text, network),
        ),
    })
}

fn host_bits_help(text: &str, network: Prefix) -> String {
    let address = text.split('/').next().unwrap_or_default();
    let bits = if network.is_ipv6() { 128 } else { 32 };
    format!("the network is {network}; the one address is {address}/{bits}")
}

/// Prefixes that no route and no subnet may lie in: their packets are never routed.
static UNROUTED: LazyLock<Vec<(Prefix, &str)>> = LazyLock::new(|| {
    let named = [
        ("0.0.0.0/8", "unspecified"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
    ];
    named
        .into_iter()
        .map(|(special, name)| (special.parse().expect("a prefix of this table"), name))
        .collect()
});

/// Which prefix that is never routed holds all of `prefix`, and what it is called.
fn unrouted(prefix: Prefix) -> Option<(Prefix, &'static str)> {
    UNROUTED
        .iter()
        .find(|(special, _)| special.net().contains(&prefix.net()))
        .copied()
}

/// Whether packets for `dst` can come by at all.
pub(super) fn destination(dst: Prefix) -> Result<(), Wrong> {
    match unrouted(dst) {
        Some((special, name)) => Err(Wrong::new(
            format!("no route can be for {dst}"),
            format!("{name} ({special})"),
            "packets for such addresses are never routed; remove the route",
        )),
        None => Ok(()),
    }
}

/// Whether containers can have addresses of `subnet`.
pub(super) fn subnet(subnet: Prefix) -> Result<(), Wrong> {
    let help = "name the subnet the containers have their addresses from";
    if subnet.length() == 0 {
        return Err(Wrong::new(
            format!("{subnet} is no container subnet"),
            "every address there is",
            help,
        ));
    }
    match unrouted(subnet) {
        Some((special, name)) => Err(Wrong::new(
            format!("{subnet} is no container subnet"),
            format!("{name} ({special})"),
            help,
        )),
        None => Ok(()),
    }
}

/// Whether `via` can be another host's address.
pub(super) fn next_hop(via: IpAddr) -> Result<(), Wrong> {
    let kind = match via {
        _ if via.is_unspecified() => "unspecified",
        _ if via.is_loopback() => "loopback",
        _ if via.is_multicast() => "multicast",
        IpAddr::V4(v4) if v4.octets()[0] >= 240 => "reserved",
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => "IPv4-mapped",
        IpAddr::V4(_) | IpAddr::V6(_) => return Ok(()),
    };
    Err(Wrong::new(
        format!("{via} is no next hop"),
        format!("{kind} address"),
        "a next hop is another host's own address on the link of an uplink",
    ))
}

/// Whether packets for `dst` can go by way of `via`. The kernel sends IPv6 packets to IPv6
/// neighbours only; IPv4 packets go to both, and what is in a tunnel is of the tunnel's family.
pub(super) fn next_hop_family(dst: Prefix, via: IpAddr, mode: Mode) -> Result<(), Wrong> {
    match mode {
        Mode::Direct | Mode::Auto if dst.is_ipv6() && via.is_ipv4() => Err(Wrong::new(
            format!("the IPv6 route {dst} cannot go through {via} without a tunnel"),
            "an IPv4 address",
            "name the next hop's IPv6 address; or set its mode to vxlan, geneve, gre or ipip",
        )),
        Mode::Direct | Mode::Auto | Mode::Tunnel(_) => Ok(()),
    }
}

/// Whether an address means something on its own link only.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// The address that `text` writes.
pub(super) fn address(text: &str) -> Result<IpAddr, Wrong> {
    text.parse().map_err(|_| {
        let help = if text.contains('/') {
            "a next hop is one address, without a prefix length"
        } else {
            "write an address as 192.168.100.2 or fd00::2"
        };
        Wrong::new(
            format!("{text:?} is not an IP address"),
            "not an IP address",
            help,
        )
    })
}

/// An MTU for routes to `dst`, in bytes.
pub(super) fn mtu(size: i64, dst: Prefix) -> Result<u32, Wrong> {
    let least = if dst.is_ipv6() {
        LEAST_MTU_IPV6
    } else {
        LEAST_MTU
    };
    let family = if dst.is_ipv6() { "IPv6" } else { "IPv4" };
    within(size, least, MOST_MTU).ok_or_else(|| {
        Wrong::new(
            format!("{size} is no MTU of an {family} route"),
            if size < least {
                "too small"
            } else {
                "too large"
            },
            format!("an MTU is {least} to {MOST_MTU} bytes"),
        )
    })
}

/// The way to a next hop that `text` names.
pub(super) fn mode(text: &str) -> Result<Mode, Wrong> {
    text.parse().map_err(|_| {
        Wrong::new(
            format!("{text:?} is not a mode"),
            "unknown mode",
            "modes of a route are direct, vxlan, geneve, gre, ipip and auto",
        )
    })
}

/// The tunnel that `text` names.
pub(super) fn encapsulation(text: &str) -> Result<Encapsulation, Wrong> {
    text.parse().map_err(|_| {
        Wrong::new(
            format!("{text:?} is not a tunnel"),
            "unknown tunnel",
            "tunnels are vxlan, geneve, gre and ipip",
        )
    })
}

/// The MAC that `text` writes.
pub(super) fn mac(text: &str) -> Result<Mac, Wrong> {
    text.parse().map_err(|_| {
        Wrong::new(
            format!("{text:?} is not a MAC address"),
            "not a MAC address",
            "write a MAC address as 02:42:c0:a8:64:02",
        )
    })
}

/// Whether the other end of a tunnel of that mode can have the MAC.
pub(super) fn vtep_mac(mac: Mac, mode: Mode) -> Result<(), Wrong> {
    if !mac.is_station() {
        return Err(Wrong::new(
            format!("{mac} is no station's MAC address"),
            "all zeros, or a group's",
            "take that of the tunnel's device on the other host; see `ip link`",
        ));
    }
    match mode {
        Mode::Direct | Mode::Tunnel(Encapsulation::Ipip) => Err(Wrong::new(
            format!("mode {mode} has no use for a VTEP's MAC"),
            "no Ethernet header to put it in",
            "set `mode` to vxlan, geneve or gre, or leave `vtep-mac` out",
        )),
        Mode::Auto
        | Mode::Tunnel(Encapsulation::Vxlan | Encapsulation::Geneve | Encapsulation::Gre) => Ok(()),
    }
}

/// A network identifier.
pub(super) fn vni(number: i64) -> Result<u32, Wrong> {
    bounded(number, 1, MOST_VNI, "VNI")
}

/// A UDP port.
pub(super) fn port(number: i64) -> Result<u32, Wrong> {
    bounded(number, 1, 65_535, "port")
}

/// A key of GRE.
pub(super) fn gre_key(number: i64) -> Result<u32, Wrong> {
    bounded(number, 0, u32::MAX.into(), "GRE key")
}

/// A key of GRE that is taken besides; none for packets without one.
pub(super) fn accepted_gre_key(value: &Value) -> Result<Option<u32>, Wrong> {
    match (value.as_str(), value.as_i64()) {
        (Some("none"), _) => Ok(None),
        (_, Some(number)) => gre_key(number).map(Some),
        _ => Err(Wrong::new(
            format!("{} is no GRE key", value),
            "neither \"none\" nor a number",
            format!("such a GRE key is \"none\", or 0 to {}", u32::MAX),
        )),
    }
}

/// A TTL of outer headers.
pub(super) fn ttl(number: i64) -> Result<u32, Wrong> {
    bounded(number, 1, 255, "TTL")
}

/// A DSCP of outer headers.
pub(super) fn dscp(value: &Value) -> Result<Dscp, Wrong> {
    let number = value
        .as_i64()
        .and_then(|number| within(number, 0, MOST_DSCP));
    match (value.as_str(), number.map(u8::try_from)) {
        (Some("copy"), _) => Ok(Dscp::Copy),
        (_, Some(Ok(number))) => Ok(Dscp::Fixed(number)),
        _ => Err(Wrong::new(
            format!("{:?} is no DSCP", value.to_string().trim_matches('"')),
            "neither \"copy\" nor such a number",
            format!("a DSCP is \"copy\", or 0 to {MOST_DSCP}"),
        )),
    }
}

fn bounded(number: i64, least: i64, most: i64, what: &str) -> Result<u32, Wrong> {
    within(number, least, most).ok_or_else(|| {
        let label = if number < least {
            "too small"
        } else {
            "too large"
        };
        Wrong::new(
            format!("{number} is no {what}"),
            label,
            format!("a {what} is {least} to {most}"),
        )
    })
}

/// A limit on the number of routes.
pub(super) fn route_limit(count: i64) -> Result<u32, Wrong> {
    within(count, 1, MOST_ROUTES).ok_or_else(|| {
        Wrong::new(
            format!("the table cannot be made for {count} routes"),
            if count < 1 { "too few" } else { "too many" },
            format!("a limit is 1 to {MOST_ROUTES} routes"),
        )
    })
}

fn within(value: i64, least: i64, most: i64) -> Option<u32> {
    if (least..=most).contains(&value) {
        u32::try_from(value).ok()
    } else {
        None
    }
}

/// Whether the kernel would take `name` for an interface.
pub(super) fn interface(name: &str) -> Result<(), Wrong> {
    let help = "interface names are 1 to 15 bytes without '/', ':' or spaces; see `ip link`";
    let label = match name {
        "" => "empty".to_owned(),
        "." | ".." => "reserved".to_owned(),
        _ if name.len() > INTERFACE_NAME_BYTES => format!("{} bytes long", name.len()),
        _ => match name
            .chars()
            .find(|c| matches!(c, '/' | ':') || c.is_whitespace() || c.is_control())
        {
            Some(character) => format!("contains {character:?}"),
            None => return Ok(()),
        },
    };
    Err(Wrong::new(
        format!("{name:?} is not an interface name"),
        label,
        help,
    ))
}

/// Whether `name` can stand for a host in a label.
pub(super) fn node(name: &str) -> Result<(), Wrong> {
    let label = match name {
        "" => "empty".to_owned(),
        _ if name.len() > NODE_NAME_BYTES => format!("{} bytes long", name.len()),
        _ => match name.chars().find(|c| c.is_whitespace() || c.is_control()) {
            Some(character) => format!("contains {character:?}"),
            None => return Ok(()),
        },
    };
    Err(Wrong::new(
        format!("{name:?} is not a node name"),
        label,
        "node names are 1 to 253 bytes without spaces; leave the key out to use the host name",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NetworkNumbers;

    #[test]
    fn a_route_of_a_client_is_held_to_the_rules_of_the_file() {
        let right = Route {
            dst: "fd00:2::/64".parse().unwrap(),
            action: Action::Via {
                via: "fd00:100::2".parse().unwrap(),
                dev: Some("eth0".to_owned()),
                mode: Mode::Direct,
                vtep_mac: None,
                network: NetworkNumbers::default(),
            },
            mtu: Some(1280),
        };
        assert_eq!(super::route(&right), Ok(()));
        let wrong = Route {
            mtu: Some(1279),
            ..right
        };
        assert_eq!(
            super::route(&wrong).unwrap_err().to_string(),
            "1279 is no MTU of an IPv6 route (too small): an MTU is 1280 to 65535 bytes"
        );
    }

    #[test]
    fn only_ipv6_packets_in_the_open_need_a_next_hop_of_their_family() {
        let fits = |dst: &str, via: &str, mode| {
            next_hop_family(dst.parse().unwrap(), via.parse().unwrap(), mode).is_ok()
        };
        let tunnels = Encapsulation::ALL.map(Mode::Tunnel);
        for mode in tunnels.into_iter().chain([Mode::Direct, Mode::Auto]) {
            assert!(fits("10.2.0.0/24", "192.168.100.2", mode));
            assert!(fits("10.2.0.0/24", "fd00:100::2", mode));
            assert!(fits("fd00:2::/64", "fd00:100::2", mode));
            let wrapped = matches!(mode, Mode::Tunnel(_));
            assert_eq!(fits("fd00:2::/64", "192.168.100.2", mode), wrapped);
        }
    }
}
