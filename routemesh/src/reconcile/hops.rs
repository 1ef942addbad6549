//! Where next hops lead.

use std::{collections::BTreeMap, fmt, net::IpAddr};

use routemesh_common::{Family, NextHop};

use crate::model::{Action, Interface, Route, Uplink, World, mapped};

/// What tells one next hop from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HopKey {
    /// The gateway.
    pub via: IpAddr,
    /// The uplink, where it is named.
    pub dev: Option<String>,
    /// A bound on the MTU, in bytes.
    pub mtu: Option<u32>,
}

impl HopKey {
    /// The next hop a route uses, if it uses one.
    #[must_use]
    pub fn of(route: &Route) -> Option<Self> {
        match &route.action {
            Action::Direct { via, dev } => Some(Self {
                via: *via,
                dev: dev.clone(),
                mtu: route.mtu,
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
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUplink(name) => write!(f, "{name} is no uplink of this host"),
            Self::Own => write!(f, "it is this host's own address"),
            Self::OffLink(links) if links.is_empty() => write!(f, "no uplink has an address"),
            Self::OffLink(links) => write!(f, "it is on no uplink's link: {}", links.join(", ")),
        }
    }
}

/// Resolves a next hop: which uplink it is on, and its MAC where the kernel knows it.
///
/// # Errors
/// Why it leads nowhere.
pub fn resolve(key: &HopKey, uplinks: &[Uplink], world: &World) -> Result<NextHop, Unreachable> {
    if owns(world, key.via) {
        return Err(Unreachable::Own);
    }
    let candidates: Vec<&Interface> = uplinks
        .iter()
        .filter(|uplink| key.dev.as_ref().is_none_or(|dev| *dev == uplink.interface))
        .filter_map(|uplink| world.interface(&uplink.interface))
        .collect();
    if let (Some(dev), true) = (&key.dev, candidates.is_empty()) {
        return Err(Unreachable::NoUplink(dev.clone()));
    }
    candidates
        .iter()
        .find(|uplink| on_link(uplink, key, candidates.len()))
        .map(|uplink| next_hop(key, uplink, world))
        .ok_or_else(|| Unreachable::OffLink(links(&candidates)))
}

/// Whether `address` is one of this host's.
#[must_use]
pub fn owns(world: &World, address: IpAddr) -> bool {
    world
        .interfaces
        .values()
        .any(|interface| interface.addresses.iter().any(|own| own.addr() == address))
}

/// Every link has the link-local gateway, so one must be named where there are several.
fn on_link(uplink: &Interface, key: &HopKey, candidates: usize) -> bool {
    let link_local = matches!(key.via, IpAddr::V6(v6) if v6.is_unicast_link_local());
    if link_local {
        return key.dev.is_some() || candidates == 1;
    }
    uplink.addresses.iter().any(|own| own.contains(&key.via))
}

fn next_hop(key: &HopKey, uplink: &Interface, world: &World) -> NextHop {
    let mac = world.neighbours.get(&(uplink.index, key.via));
    NextHop {
        dst_mac: mac.map_or([0; 6], |mac| mac.0),
        resolved: u8::from(mac.is_some()),
        family: match key.via {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        },
        src_mac: uplink.mac.0,
        reserved: [0; 2],
        ifindex: uplink.index,
        mtu: key.mtu.map_or(uplink.mtu, |mtu| mtu.min(uplink.mtu)),
        gateway: mapped(key.via),
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

/// Next-hop slots in use. A slot names one gateway for as long as any route uses it.
#[derive(Debug, Default)]
pub struct Slots {
    by_key: BTreeMap<HopKey, u32>,
    by_slot: BTreeMap<u32, (HopKey, usize)>,
    free: Vec<u32>,
    next: u32,
}

impl Slots {
    /// The slot of a next hop, for one more route.
    pub fn take(&mut self, key: &HopKey) -> u32 {
        if let Some(slot) = self.by_key.get(key).copied() {
            if let Some((_, users)) = self.by_slot.get_mut(&slot) {
                *users += 1;
            }
            return slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next
        });
        self.by_key.insert(key.clone(), slot);
        self.by_slot.insert(slot, (key.clone(), 1));
        slot
    }

    /// Takes back one route's use of a slot; the last one frees it.
    pub fn release(&mut self, slot: u32) {
        let Some((_, users)) = self.by_slot.get_mut(&slot) else {
            return;
        };
        *users -= 1;
        if *users == 0
            && let Some((key, _)) = self.by_slot.remove(&slot)
        {
            self.by_key.remove(&key);
            self.free.push(slot);
        }
    }

    /// The next hop in a slot.
    #[must_use]
    pub fn key(&self, slot: u32) -> Option<&HopKey> {
        self.by_slot.get(&slot).map(|(key, _)| key)
    }

    /// The next hops in use, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &HopKey)> {
        self.by_slot.iter().map(|(slot, (key, _))| (*slot, key))
    }

    /// How many are in use.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_slot.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_slot.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Mac, UplinkMode};

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
        }
    }

    #[test]
    fn the_uplink_is_the_one_whose_link_has_the_gateway() {
        let hop = resolve(&key("192.168.2.9", None), &uplinks(), &world()).unwrap();
        assert_eq!((hop.ifindex, hop.resolved, hop.mtu), (3, 1, 1500));
        assert_eq!(hop.dst_mac, [2, 9, 9, 9, 9, 9]);
    }

    #[test]
    fn a_gateway_whose_mac_is_unknown_is_not_resolved() {
        let hop = resolve(&key("192.168.1.9", None), &uplinks(), &world()).unwrap();
        assert_eq!((hop.ifindex, hop.resolved), (2, 0));
    }

    #[test]
    fn a_gateway_on_no_link_is_told_which_links_there_are() {
        let error = resolve(&key("10.0.0.1", None), &uplinks(), &world()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "it is on no uplink's link: eth0 has 192.168.1.0/24, eth1 has 192.168.2.0/24"
        );
    }

    #[test]
    fn a_named_uplink_is_the_only_one_tried() {
        let error = resolve(&key("192.168.2.9", Some("eth0")), &uplinks(), &world());
        assert!(matches!(error, Err(Unreachable::OffLink(_))), "{error:?}");
        let error = resolve(&key("192.168.2.9", Some("eth7")), &uplinks(), &world());
        assert_eq!(error, Err(Unreachable::NoUplink("eth7".into())));
    }

    #[test]
    fn the_hosts_own_address_is_no_gateway() {
        let error = resolve(&key("192.168.2.1", None), &uplinks(), &world());
        assert_eq!(error, Err(Unreachable::Own));
    }

    #[test]
    fn a_link_local_gateway_needs_a_device_where_there_are_two() {
        let error = resolve(&key("fe80::1", None), &uplinks(), &world());
        assert!(error.is_err());
        let hop = resolve(&key("fe80::1", Some("eth1")), &uplinks(), &world()).unwrap();
        assert_eq!(hop.ifindex, 3);
    }

    #[test]
    fn a_routes_own_mtu_bounds_the_uplinks() {
        let mut key = key("192.168.2.9", None);
        key.mtu = Some(1400);
        assert_eq!(resolve(&key, &uplinks(), &world()).unwrap().mtu, 1400);
        key.mtu = Some(9000);
        assert_eq!(resolve(&key, &uplinks(), &world()).unwrap().mtu, 1500);
    }

    #[test]
    fn a_slot_lives_as_long_as_its_last_route() {
        let mut slots = Slots::default();
        let (a, b) = (key("192.168.1.2", None), key("192.168.1.3", None));
        let slot = slots.take(&a);
        assert_ne!(slot, 0, "slot 0 is never given out");
        assert_eq!(slots.take(&a), slot);
        assert_ne!(slots.take(&b), slot);
        slots.release(slot);
        assert_eq!(slots.key(slot), Some(&a));
        slots.release(slot);
        assert_eq!(slots.key(slot), None);
        assert_eq!(slots.take(&key("192.168.1.4", None)), slot);
    }
}
