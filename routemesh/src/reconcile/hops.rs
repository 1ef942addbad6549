//! Where next hops lead.

use std::{fmt, net::IpAddr};

use bytemuck::Zeroable as _;
use routemesh_common::{Family, NextHop};

use super::tunnel;
use crate::model::{
    Action, Encapsulation, Interface, Mac, Mode, NetworkNumbers, Path, Route, Tunnel, Uplink,
    World, mapped,
};

/// What tells one next hop from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HopKey {
    /// The gateway, or the other end of a tunnel.
    pub via: IpAddr,
    /// The uplink, where it is named.
    pub dev: Option<String>,
    /// A bound on the MTU, in bytes.
    pub mtu: Option<u32>,
    /// As they are, or wrapped.
    pub mode: Mode,
    /// MAC of the other end of an Ethernet tunnel, where it is set.
    pub vtep_mac: Option<Mac>,
    /// The network, where it is not the node's.
    pub network: NetworkNumbers,
}

impl HopKey {
    /// The next hop a route uses, if it uses one.
    #[must_use]
    pub fn of(route: &Route) -> Option<Self> {
        match &route.action {
            Action::Via {
                via,
                dev,
                mode,
                vtep_mac,
                network,
            } => Some(Self {
                via: *via,
                dev: dev.clone(),
                mtu: route.mtu,
                mode: *mode,
                vtep_mac: *vtep_mac,
                network: *network,
            }),
            Action::Blackhole => None,
        }
    }
}

/// Why a next hop leads nowhere at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// The uplink named does not exist, or is none.
    NoUplink(String),
    /// The address is this host's own.
    Own,
    /// No uplink's link has the address; the prefixes are those they have.
    OffLink(Vec<String>),
    /// It is on no link, and the kernel knows no way to it, or was not asked yet.
    NoPath,
    /// The kernel's way to it leaves by that interface, which is not the uplink wanted.
    OtherPath(String),
    /// The uplink has no address of the family that the tunnel's outer header needs.
    NoSource(String),
    /// What the uplink carries is no more than the tunnel's headers.
    NoRoom(String),
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUplink(name) => write!(f, "{name} is no uplink of this host"),
            Self::Own => write!(f, "it is this host's own address"),
            Self::OffLink(links) if links.is_empty() => write!(f, "no uplink has an address"),
            Self::OffLink(links) => write!(
                f,
                "it is on no uplink's link: {}; to go through a tunnel, set its mode",
                links.join(", ")
            ),
            Self::NoPath => write!(f, "this host has no route to it"),
            Self::OtherPath(name) => write!(
                f,
                "this host's route to it leaves by {name}, which is not the uplink to use"
            ),
            Self::NoSource(name) => write!(f, "{name} has no address of its family"),
            Self::NoRoom(name) => {
                write!(f, "the MTU of {name} leaves no room within the tunnel")
            }
        }
    }
}

/// What next hops are resolved against.
#[derive(Clone, Copy, Debug)]
pub struct Underlay<'a> {
    /// The interfaces they may leave by.
    pub uplinks: &'a [Uplink],
    /// What tunnels have in common.
    pub tunnel: &'a Tunnel,
    /// What the kernel knows.
    pub world: &'a World,
}

/// Where packets go first on their way to a next hop.
pub(super) struct Step<'a> {
    /// The interface they leave by.
    pub(super) uplink: &'a Interface,
    /// The station on its link that they go to.
    pub(super) station: IpAddr,
    /// The kernel's way to the next hop, where it is by the same uplink.
    pub(super) path: Option<&'a Path>,
}

/// Resolves a next hop: which uplink leads to it, and the MAC of the station it goes to where
/// the kernel knows it; for a tunnel, what it is wrapped in.
///
/// # Errors
/// Why it leads nowhere.
pub fn resolve(key: &HopKey, underlay: Underlay<'_>) -> Result<NextHop, Unreachable> {
    if owns(underlay.world, key.via) {
        return Err(Unreachable::Own);
    }
    let candidates = candidates(key, underlay)?;
    let on_link = candidates
        .iter()
        .find(|uplink| is_on_link(uplink, key, candidates.len()));
    let path = underlay.world.paths.get(&key.via);
    let step = match (on_link, key.mode) {
        (Some(uplink), _) => Step {
            uplink,
            station: key.via,
            path: path.filter(|path| path.ifindex == uplink.index),
        },
        (None, Mode::Direct) => return Err(Unreachable::OffLink(links(&candidates))),
        (None, Mode::Auto | Mode::Tunnel(_)) => {
            let path = path.ok_or(Unreachable::NoPath)?;
            by_path(path, key, &candidates, underlay.world)?
        }
    };
    let hop = next_hop(key, &step, underlay);
    match encapsulation(key, on_link.is_some(), underlay.tunnel) {
        None => Ok(hop),
        Some(encapsulation) => tunnel::wrap(hop, encapsulation, key, &step, underlay.tunnel),
    }
}

/// The uplinks a next hop may be reached by.
fn candidates<'a>(key: &HopKey, underlay: Underlay<'a>) -> Result<Vec<&'a Interface>, Unreachable> {
    let candidates: Vec<&Interface> = underlay
        .uplinks
        .iter()
        .filter(|uplink| key.dev.as_ref().is_none_or(|dev| *dev == uplink.interface))
        .filter_map(|uplink| underlay.world.interface(&uplink.interface))
        .collect();
    match &key.dev {
        Some(dev) if candidates.is_empty() => Err(Unreachable::NoUplink(dev.clone())),
        Some(_) | None => Ok(candidates),
    }
}

fn encapsulation(key: &HopKey, on_link: bool, tunnel: &Tunnel) -> Option<Encapsulation> {
    match key.mode {
        Mode::Direct => None,
        Mode::Auto => (!on_link).then_some(tunnel.mode),
        Mode::Tunnel(encapsulation) => Some(encapsulation),
    }
}

/// The step that the kernel's own packets to the next hop take.
fn by_path<'a>(
    path: &'a Path,
    key: &HopKey,
    candidates: &[&'a Interface],
    world: &World,
) -> Result<Step<'a>, Unreachable> {
    let uplink = candidates
        .iter()
        .find(|uplink| uplink.index == path.ifindex);
    let uplink = uplink.ok_or_else(|| {
        let other = world.interfaces.get(&path.ifindex);
        Unreachable::OtherPath(other.map_or_else(String::new, |other| other.name.clone()))
    })?;
    Ok(Step {
        uplink,
        station: path.gateway.unwrap_or(key.via),
        path: Some(path),
    })
}

/// Whether `address` is one of this host's.
#[must_use]
pub fn owns(world: &World, address: IpAddr) -> bool {
    world
        .interfaces
        .values()
        .any(|interface| interface.addresses.iter().any(|own| own.addr() == address))
}

/// Whether two descriptions of a next hop may take one another's place while packets use them.
#[must_use]
pub fn is_same(one: &NextHop, other: &NextHop) -> bool {
    identity(one) == identity(other)
}

/// A next hop without what the kernel's map replaces at once.
#[must_use]
pub fn identity(hop: &NextHop) -> Vec<u8> {
    let settled = NextHop {
        dst_mac: [0; 6],
        resolved: 0,
        src_mac: [0; 6],
        ifindex: 0,
        mtu: 0,
        ..*hop
    };
    bytemuck::bytes_of(&settled).to_vec()
}

/// Every link has the link-local gateway, so one must be named where there are several.
fn is_on_link(uplink: &Interface, key: &HopKey, candidates: usize) -> bool {
    let link_local = matches!(key.via, IpAddr::V6(v6) if v6.is_unicast_link_local());
    if link_local {
        return key.dev.is_some() || candidates == 1;
    }
    uplink.addresses.iter().any(|own| own.contains(&key.via))
}

fn next_hop(key: &HopKey, step: &Step<'_>, underlay: Underlay<'_>) -> NextHop {
    let uplink = step.uplink;
    let tunnel = underlay.tunnel;
    let gre_key = key.network.gre_key.or(tunnel.gre_key);
    let mac = underlay.world.neighbours.get(&(uplink.index, step.station));
    let bounds = [key.mtu, step.path.and_then(|path| path.mtu)];
    NextHop {
        dst_mac: mac.map_or([0; 6], |mac| mac.0),
        resolved: u8::from(mac.is_some()),
        family: family(step.station),
        src_mac: uplink.mac.0,
        ifindex: uplink.index,
        mtu: bounds.into_iter().flatten().fold(uplink.mtu, u32::min),
        gateway: mapped(step.station),
        vni: key.network.vni.unwrap_or(tunnel.vni),
        keyed: u8::from(gre_key.is_some()),
        gre_key: gre_key.unwrap_or(0),
        ..NextHop::zeroed()
    }
}

/// The family of an address, as the maps have it.
pub(super) fn family(address: IpAddr) -> Family {
    match address {
        IpAddr::V4(_) => Family::V4,
        IpAddr::V6(_) => Family::V6,
    }
}

fn links(uplinks: &[&Interface]) -> Vec<String> {
    uplinks
        .iter()
        .flat_map(|uplink| {
            uplink
                .addresses
                .iter()
                .map(|own| format!("{} has {}", uplink.name, own.trunc()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use routemesh_common::Shim;

    use crate::model::{UplinkMode, unmapped};

    fn world() -> World {
        let interface = |index, name: &str, address: &str| Interface {
            index,
            name: name.into(),
            mac: Mac([2, 0, 0, 0, 0, index as u8]),
            mtu: 1500,
            addresses: [address.parse().unwrap()].into(),
            ..Interface::default()
        };
        World {
            interfaces: BTreeMap::from([
                (2, interface(2, "eth0", "192.168.1.1/24")),
                (3, interface(3, "eth1", "192.168.2.1/24")),
            ]),
            neighbours: BTreeMap::from([((3, via("192.168.2.9")), Mac([2, 9, 9, 9, 9, 9]))]),
            ..World::default()
        }
    }

    fn via(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn uplinks() -> [Uplink; 2] {
        ["eth0", "eth1"].map(|name| Uplink {
            interface: name.into(),
            mode: UplinkMode::Auto,
        })
    }

    fn key(address: &str, dev: Option<&str>) -> HopKey {
        HopKey {
            via: via(address),
            dev: dev.map(str::to_owned),
            mtu: None,
            mode: Mode::Direct,
            vtep_mac: None,
            network: NetworkNumbers::default(),
        }
    }

    /// Resolved on [`uplinks`] in [`world`].
    fn resolve(key: &HopKey) -> Result<NextHop, Unreachable> {
        resolve_in(key, &world())
    }

    fn resolve_in(key: &HopKey, world: &World) -> Result<NextHop, Unreachable> {
        let underlay = Underlay {
            uplinks: &uplinks(),
            tunnel: &Tunnel::default(),
            world,
        };
        super::resolve(key, underlay)
    }

    #[test]
    fn the_uplink_is_the_one_whose_link_has_the_gateway() {
        let hop = resolve(&key("192.168.2.9", None)).unwrap();
        assert_eq!((hop.ifindex, hop.resolved, hop.mtu), (3, 1, 1500));
        assert_eq!(hop.dst_mac, [2, 9, 9, 9, 9, 9]);
    }

    #[test]
    fn a_gateway_whose_mac_is_unknown_is_not_resolved() {
        let hop = resolve(&key("192.168.1.9", None)).unwrap();
        assert_eq!((hop.ifindex, hop.resolved), (2, 0));
    }

    #[test]
    fn a_gateway_on_no_link_is_told_which_links_there_are() {
        let error = resolve(&key("10.0.0.1", None)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "it is on no uplink's link: eth0 has 192.168.1.0/24, eth1 has 192.168.2.0/24; to go through a tunnel, set its mode"
        );
    }

    #[test]
    fn a_named_uplink_is_the_only_one_tried() {
        let error = resolve(&key("192.168.2.9", Some("eth0")));
        assert!(matches!(error, Err(Unreachable::OffLink(_))), "{error:?}");
        let error = resolve(&key("192.168.2.9", Some("eth7")));
        assert_eq!(error, Err(Unreachable::NoUplink("eth7".into())));
    }

    #[test]
    fn the_hosts_own_address_is_no_gateway() {
        let error = resolve(&key("192.168.2.1", None));
        assert_eq!(error, Err(Unreachable::Own));
    }

    #[test]
    fn a_link_local_gateway_needs_a_device_where_there_are_two() {
        let error = resolve(&key("fe80::1", None));
        assert!(error.is_err());
        let hop = resolve(&key("fe80::1", Some("eth1"))).unwrap();
        assert_eq!(hop.ifindex, 3);
    }

    #[test]
    fn a_routes_own_mtu_bounds_the_uplinks() {
        let mut key = key("192.168.2.9", None);
        key.mtu = Some(1400);
        assert_eq!(resolve(&key).unwrap().mtu, 1400);
        key.mtu = Some(9000);
        assert_eq!(resolve(&key).unwrap().mtu, 1500);
    }

    /// The world, with a router on eth1 that leads to 10.9.9.9.
    fn routed() -> World {
        let path = Path {
            ifindex: 3,
            gateway: Some(via("192.168.2.9")),
            source: Some(via("192.168.2.1")),
            mtu: None,
        };
        World {
            paths: [(via("10.9.9.9"), path)].into(),
            ..world()
        }
    }

    fn tunnel(address: &str, encapsulation: Encapsulation) -> HopKey {
        HopKey {
            mode: Mode::Tunnel(encapsulation),
            ..key(address, None)
        }
    }

    #[test]
    fn a_tunnel_goes_by_the_router_that_leads_to_its_other_end() {
        let hop = resolve_in(&tunnel("10.9.9.9", Encapsulation::Gre), &routed()).unwrap();
        assert_eq!((hop.ifindex, hop.dst_mac), (3, [2, 9, 9, 9, 9, 9]));
        assert_eq!(unmapped(hop.gateway), via("192.168.2.9"));
        assert_eq!(unmapped(hop.remote), via("10.9.9.9"));
        assert_eq!(unmapped(hop.local), via("192.168.2.1"));
    }

    #[test]
    fn without_a_path_a_tunnel_to_elsewhere_waits_for_one() {
        let error = resolve(&tunnel("10.9.9.9", Encapsulation::Vxlan));
        assert_eq!(error, Err(Unreachable::NoPath));
    }

    #[test]
    fn a_path_by_another_interface_than_wanted_is_not_taken() {
        let mut key = tunnel("10.9.9.9", Encapsulation::Vxlan);
        key.dev = Some("eth0".to_owned());
        let error = resolve_in(&key, &routed()).unwrap_err();
        assert_eq!(error, Unreachable::OtherPath("eth1".to_owned()));
    }

    #[test]
    fn auto_wraps_what_is_not_on_link() {
        let auto = |address: &str| HopKey {
            mode: Mode::Auto,
            ..key(address, None)
        };
        let near = resolve_in(&auto("192.168.1.9"), &routed()).unwrap();
        assert_eq!((near.shim, near.mtu), (Shim::NONE, 1500));
        let far = resolve_in(&auto("10.9.9.9"), &routed()).unwrap();
        assert_eq!((far.shim, far.mtu), (Shim::VXLAN, 1450));
    }

    #[test]
    fn a_path_s_own_mtu_counts() {
        let mut world = routed();
        world.paths.get_mut(&via("10.9.9.9")).unwrap().mtu = Some(1400);
        let hop = resolve_in(&tunnel("10.9.9.9", Encapsulation::Ipip), &world).unwrap();
        assert_eq!(hop.mtu, 1380);
    }

    #[test]
    fn what_a_neighbour_or_a_link_changes_leaves_a_next_hop_the_same() {
        let hop = resolve(&key("192.168.2.9", None)).unwrap();
        let mut world = world();
        world.neighbours.clear();
        world.interfaces.get_mut(&3).unwrap().mtu = 1400;
        let later = resolve_in(&key("192.168.2.9", None), &world).unwrap();
        assert!(hop != later && is_same(&hop, &later));
        let other = resolve_in(&tunnel("192.168.2.9", Encapsulation::Gre), &world).unwrap();
        assert!(!is_same(&hop, &other));
    }
}
