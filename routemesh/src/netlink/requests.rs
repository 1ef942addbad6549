//! What is asked of the kernel: its tables, its default route, a neighbour's address.
//!
//! The socket is not the one of [`super::events`]: an overrun there cannot lose an answer here.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kernel's messages and attributes are open sets; what is not followed is ignored"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use anyhow::{Context as _, Result, anyhow, bail};
use futures_util::{Stream, StreamExt as _};
use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::AddressMessage,
    link::{LinkAttribute, LinkExtentMask, LinkMessage},
    neighbour::{NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState},
    route::{
        RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteMetric, RouteType, RouteVia,
    },
};
use nix::errno::Errno;
use rtnetlink::Handle;

use super::apply::apply;
use crate::model::{Mac, Path, World};

/// Reads of all tables in a row that a change may spoil.
const ATTEMPTS: usize = 8;

/// Addresses that no route but a default one is for: one of the reserved class E, and one outside
/// of all that is or was ever given out (RFC 4291, section 2.4).
const NOWHERE: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(240, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0x4000, 0, 0, 0, 0, 0, 0, 1)),
];

/// A connection to the kernel of this network namespace.
#[derive(Clone)]
pub(super) struct Requests {
    handle: Handle,
}

impl Requests {
    /// Opens a connection, which a task of the current runtime serves as long as it is used.
    pub(super) fn open() -> Result<Self> {
        let (mut connection, handle, _) =
            rtnetlink::new_connection().context("open a netlink socket")?;
        // The end of a dump and the end of the connection would look the same.
        connection.set_forward_done(true);
        tokio::spawn(connection);
        Ok(Self { handle })
    }

    /// Reads all of the kernel's tables; none if they changed under every attempt.
    pub(super) async fn world(&self) -> Result<Option<World>> {
        for _ in 0..ATTEMPTS {
            if let Some(mut world) = self.tables().await? {
                world.default_route = self.default_route().await?;
                return Ok(Some(world));
            }
        }
        Ok(None)
    }

    /// Reads each table once, links before what is on them; none if one changed meanwhile.
    async fn tables(&self) -> Result<Option<World>> {
        let mut links = LinkMessage::default();
        links
            .attributes
            .push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
        let mut stations = NeighbourMessage::default();
        stations.header.family = AddressFamily::Bridge;
        let tables = [
            ("links", RouteNetlinkMessage::GetLink(links)),
            (
                "addresses",
                RouteNetlinkMessage::GetAddress(AddressMessage::default()),
            ),
            (
                "neighbours",
                RouteNetlinkMessage::GetNeighbour(NeighbourMessage::default()),
            ),
            (
                "forwarding databases",
                RouteNetlinkMessage::GetNeighbour(stations),
            ),
        ];
        let mut world = World::default();
        for (name, request) in tables {
            let whole = self
                .dump(request, &mut world)
                .await
                .with_context(|| format!("read the kernel's {name}"))?;
            if !whole {
                return Ok(None);
            }
        }
        Ok(Some(world))
    }

    /// Reads one table into `world`; false if it changed meanwhile.
    async fn dump(&self, request: RouteNetlinkMessage, world: &mut World) -> Result<bool> {
        let mut answers = self.send(request, NLM_F_REQUEST | NLM_F_DUMP)?;
        let mut whole = true;
        while let Some(answer) = answers.next().await {
            whole &= answer.header.flags & NLM_F_DUMP_INTR == 0;
            match answer.payload {
                NetlinkPayload::InnerMessage(message) => apply(world, &message),
                NetlinkPayload::Done(done) => return Ok(whole && completed(done.code)?),
                NetlinkPayload::Error(error) => return completed(error.raw_code()),
                _ => {}
            }
        }
        bail!("the netlink connection closed")
    }

    /// The interface of the default route this host itself would take, IPv4 before IPv6.
    ///
    /// It is looked up, not searched for: a lookup costs the same in a table of a million routes.
    pub(super) async fn default_route(&self) -> Result<Option<u32>> {
        for nowhere in NOWHERE {
            let interface = self
                .route_to(nowhere, RouteFlags::FibMatch)
                .await
                .context("look up the default route")?
                .as_ref()
                .and_then(default_interface);
            if interface.is_some() {
                return Ok(interface);
            }
        }
        Ok(None)
    }

    /// The way that this host's own packets take to each of the addresses that it has one to.
    pub(super) async fn paths(
        &self,
        addresses: &BTreeSet<IpAddr>,
    ) -> Result<BTreeMap<IpAddr, Path>> {
        let mut paths = BTreeMap::new();
        for address in addresses {
            // Not as in the table: of several next hops, the one taken is wanted.
            let route = self
                .route_to(*address, RouteFlags::empty())
                .await
                .with_context(|| format!("look up the route to {address}"))?;
            if let Some(path) = route.as_ref().and_then(path) {
                paths.insert(*address, path);
            }
        }
        Ok(paths)
    }

    /// The route that the kernel takes to an address.
    async fn route_to(&self, address: IpAddr, flags: RouteFlags) -> Result<Option<RouteMessage>> {
        let mut message = RouteMessage::default();
        message.header.address_family = family(address);
        message.header.destination_prefix_length = if address.is_ipv4() { 32 } else { 128 };
        message.header.flags = flags;
        message
            .attributes
            .push(RouteAttribute::Destination(address.into()));
        let answer = self.ask(RouteNetlinkMessage::GetRoute(message)).await?;
        Ok(match answer {
            Some(RouteNetlinkMessage::NewRoute(route)) => Some(route),
            _ => None,
        })
    }

    /// Has the kernel find out a neighbour's link-layer address, or make sure that it still holds.
    pub(super) async fn resolve(&self, index: u32, address: IpAddr) -> Result<()> {
        // What an operator has set by hand would become an entry like any other.
        if self.is_fixed(index, address).await? {
            return Ok(());
        }
        self.handle
            .neighbours()
            .add(index, address)
            .state(NeighbourState::None)
            .flags(NeighbourFlags::Use)
            .replace()
            .execute()
            .await
            .with_context(|| format!("resolve neighbour {address} on interface {index}"))
    }

    /// Has the kernel ask a neighbour whose link-layer address is known (`ip neigh replace … nud probe`).
    pub(super) async fn probe(&self, index: u32, address: IpAddr, mac: Mac) -> Result<()> {
        if self.is_fixed(index, address).await? {
            return Ok(());
        }
        self.handle
            .neighbours()
            .add(index, address)
            .link_layer_address(&mac.0)
            .state(NeighbourState::Probe)
            .replace()
            .execute()
            .await
            .with_context(|| format!("probe neighbour {address} on interface {index}"))
    }

    /// Whether the neighbour's entry is permanent or of a link that needs no resolution.
    async fn is_fixed(&self, index: u32, address: IpAddr) -> Result<bool> {
        let mut message = NeighbourMessage::default();
        message.header.family = family(address);
        message.header.ifindex = index;
        message
            .attributes
            .push(NeighbourAttribute::Destination(address.into()));
        let answer = self
            .ask(RouteNetlinkMessage::GetNeighbour(message))
            .await
            .with_context(|| format!("look up neighbour {address} on interface {index}"))?;
        Ok(matches!(
            answer,
            Some(RouteNetlinkMessage::NewNeighbour(neighbour)) if matches!(
                neighbour.header.state,
                NeighbourState::Permanent | NeighbourState::Noarp
            )
        ))
    }

    /// Asks for one thing; none if the kernel knows of no such thing.
    async fn ask(&self, request: RouteNetlinkMessage) -> Result<Option<RouteNetlinkMessage>> {
        let mut answers = self.send(request, NLM_F_REQUEST)?;
        let answer = answers
            .next()
            .await
            .ok_or_else(|| anyhow!("the netlink connection closed"))?;
        Ok(match answer.payload {
            NetlinkPayload::InnerMessage(message) => Some(message),
            _ => None,
        })
    }

    fn send(
        &self,
        request: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<impl Stream<Item = NetlinkMessage<RouteNetlinkMessage>> + use<>> {
        let mut message = NetlinkMessage::from(request);
        message.header.flags = flags;
        Ok(self.handle.clone().request(message)?)
    }
}

/// Whether a dump that ended with that code (an error's, negated) was whole; an error if it could
/// not be better another time.
fn completed(code: i32) -> Result<bool> {
    let error = Errno::from_raw(code.wrapping_neg());
    if code == 0 {
        Ok(true)
    } else if [Errno::EINTR, Errno::EAGAIN, Errno::EBUSY].contains(&error) {
        Ok(false)
    } else {
        Err(error.into())
    }
}

/// The interface of a route to everything; the first of several next hops.
fn default_interface(route: &RouteMessage) -> Option<u32> {
    let is_default =
        route.header.destination_prefix_length == 0 && route.header.kind == RouteType::Unicast;
    route
        .attributes
        .iter()
        .filter(|_| is_default)
        .find_map(|attribute| match attribute {
            RouteAttribute::Oif(index) => Some(*index),
            RouteAttribute::MultiPath(hops) => hops.first().map(|hop| hop.interface_index),
            _ => None,
        })
}

/// What the kernel answers of the way to one address; none of one that is refused, or is this
/// host's own.
fn path(route: &RouteMessage) -> Option<Path> {
    let mut path = Path {
        ifindex: 0,
        gateway: None,
        source: None,
        mtu: None,
    };
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Oif(index) => path.ifindex = *index,
            RouteAttribute::Gateway(gateway) => path.gateway = address(gateway),
            RouteAttribute::Via(RouteVia::Inet(gateway)) => path.gateway = Some((*gateway).into()),
            RouteAttribute::Via(RouteVia::Inet6(gateway)) => path.gateway = Some((*gateway).into()),
            RouteAttribute::PrefSource(source) => path.source = address(source),
            RouteAttribute::Metrics(metrics) => path.mtu = mtu(metrics),
            _ => {}
        }
    }
    (route.header.kind == RouteType::Unicast && path.ifindex != 0).then_some(path)
}

fn address(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some((*v4).into()),
        RouteAddress::Inet6(v6) => Some((*v6).into()),
        _ => None,
    }
}

/// The MTU that a route sets.
fn mtu(metrics: &[RouteMetric]) -> Option<u32> {
    metrics.iter().find_map(|metric| match metric {
        RouteMetric::Mtu(mtu) => Some(*mtu).filter(|mtu| *mtu > 0),
        _ => None,
    })
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}
