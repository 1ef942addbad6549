//! The kernel programs and their maps. Nothing outside this module names aya.
//!
//! Maps and links are pinned below a directory of the BPF file system, so that forwarding
//! outlives the process. A new process goes on with the maps it finds there, where they are as it
//! would make them; else it fills new ones. Then it swaps the programs of the links: packets see
//! the old tables or the new.

mod attach;
mod cache;
mod capabilities;
mod carry;
mod clsact;
mod contents;
mod counters;
mod detach;
mod grace;
mod index;
mod interfaces;
mod link;
mod load;
mod log;
mod mapping;
mod pins;
pub mod probe;
mod qdisc;
mod routes;
mod sets;
mod shape;
mod sockets;
mod test_run;
mod windows;

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use anyhow::{Context as _, Result};
use aya::{
    Ebpf,
    maps::{Array, HashMap, Map, MapData, MapError, xdp::DevMapHash},
};
use nix::time::{ClockId, clock_gettime};
use routemesh_common::{
    ENDPOINT_SLOTS, Endpoint, INTERFACE_SLOTS, Interface, NEXT_HOP_SLOTS, NetworkId, NetworkUse,
    NextHop, PEER_SLOTS, TunnelSettings, map_names,
};

use self::{
    counters::Counters, interfaces::Interfaces, load::MapSet, pins::Pins, routes::Routes,
    shape::Shapes,
};
use crate::{api::MapFill, model::mapped};

pub use attach::{Attached, Hook};
pub use contents::Contents;
pub use counters::{OutcomeReading, RouteReadings};
pub use detach::{Detached, detach_all};
pub use grace::grace_period;
pub use log::KernelLog;
pub use test_run::{Arrival, Decision, Run};

/// The object with the programs, as built for this binary.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/datapath.o"));

/// Programs and maps in the kernel, and the links that attach them.
pub struct Datapath {
    ebpf: Ebpf,
    pins: Pins,
    shapes: Shapes,
    set: MapSet,
    routes: Routes,
    next_hops: Array<MapData, NextHop>,
    peers: HashMap<MapData, [u8; 16], u8>,
    network_ids: HashMap<MapData, NetworkId, NetworkUse>,
    tunnel_settings: Array<MapData, TunnelSettings>,
    endpoints: HashMap<MapData, [u8; 16], Endpoint>,
    interfaces: Interfaces,
    tx_ports: DevMapHash<MapData>,
    counters: Counters,
}

impl Datapath {
    /// The programs' log. Wants a tokio runtime around it.
    ///
    /// # Errors
    /// When it cannot be opened, as the second time.
    pub fn kernel_log(&mut self) -> Result<KernelLog> {
        KernelLog::open(&mut self.ebpf)
    }

    /// Describes the next hop that routes with this slot as target use.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_next_hop(&mut self, slot: u32, hop: NextHop) -> Result<()> {
        self.next_hops
            .set(slot, hop, 0)
            .with_context(|| format!("set next hop {slot}"))
    }

    /// Has packets go by the MACs of next hops for that long: they are followed. Later, and where
    /// none is known, the kernel looks for each packet's neighbour.
    ///
    /// # Errors
    /// When there is no such clock.
    pub fn follow_neighbours_for(&self, time: Duration) -> Result<()> {
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE).context("read the clock")?;
        self.routes
            .follow_neighbours_until(Duration::from(now) + time);
        Ok(())
    }

    /// Accepts tunnel packets from an underlay address.
    ///
    /// # Errors
    /// When the kernel refuses; a full table says so.
    pub fn set_peer(&mut self, address: IpAddr) -> Result<()> {
        self.peers
            .insert(mapped(address), 1, 0)
            .with_context(|| format!("set peer {address}"))
    }

    /// Accepts none any more.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove_peer(&mut self, address: IpAddr) -> Result<()> {
        gone(self.peers.remove(&mapped(address))).with_context(|| format!("remove peer {address}"))
    }

    /// Says who may send packets of a network.
    ///
    /// # Errors
    /// When the kernel refuses; a full table says so.
    pub fn set_network(&mut self, id: NetworkId, of: NetworkUse) -> Result<()> {
        self.network_ids
            .insert(id, of, 0)
            .with_context(|| format!("accept tunnel packets of {id}"))
    }

    /// Takes no packets of that network any more.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove_network(&mut self, id: NetworkId) -> Result<()> {
        gone(self.network_ids.remove(&id))
            .with_context(|| format!("accept no more tunnel packets of {id}"))
    }

    /// Says which tunnel packets are ours.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_tunnel_settings(&mut self, settings: TunnelSettings) -> Result<()> {
        self.tunnel_settings
            .set(0, settings, 0)
            .context("set the tunnels' settings")
    }

    /// Tells where the container with that address is.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_endpoint(&mut self, address: IpAddr, endpoint: Endpoint) -> Result<()> {
        self.endpoints
            .insert(mapped(address), endpoint, 0)
            .with_context(|| format!("set endpoint {address}"))
    }

    /// Forgets the container with that address.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove_endpoint(&mut self, address: IpAddr) -> Result<()> {
        gone(self.endpoints.remove(&mapped(address)))
            .with_context(|| format!("remove endpoint {address}"))
    }

    /// Describes an interface the programs are, or will be, attached to.
    ///
    /// # Errors
    /// When the kernel refuses, or there are as many as there may be.
    pub fn set_interface(&mut self, interface: Interface) -> Result<()> {
        self.interfaces
            .set(interface)
            .with_context(|| format!("set interface {}", interface.ifindex))
    }

    /// Forgets an interface.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove_interface(&mut self, ifindex: u32) -> Result<()> {
        self.interfaces
            .remove(ifindex)
            .with_context(|| format!("remove interface {ifindex}"))
    }

    /// Lets XDP redirect packets out of an interface of the calling thread's network namespace.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_tx_port(&mut self, ifindex: u32) -> Result<()> {
        self.tx_ports
            .insert(ifindex, ifindex, None, 0)
            .with_context(|| format!("let XDP send out of interface {ifindex}"))
    }

    /// Takes that back.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove_tx_port(&mut self, ifindex: u32) -> Result<()> {
        gone(self.tx_ports.remove(ifindex))
            .with_context(|| format!("keep XDP from sending out of interface {ifindex}"))
    }

    /// The counters of all routes, by slot, summed over the CPUs.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn route_counters(&self) -> Result<RouteReadings> {
        self.counters.routes()
    }

    /// The outcome counters that are not zero, summed over the CPUs.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn outcomes(&self) -> Result<Vec<OutcomeReading>> {
        self.counters.outcomes()
    }

    /// Sets the counters of these slots to zero, for the next routes that get them.
    ///
    /// # Errors
    /// When the map cannot be written.
    pub fn clear_route_counters(&self, slots: &[u32]) -> Result<()> {
        self.counters.clear_routes(slots)
    }

    /// Sets the counters to zero that a daemon before left of what is no more: of all routes but
    /// those in the slots `routes`, and of all interfaces' rows but those that `rows` keeps.
    ///
    /// # Errors
    /// When a map cannot be read.
    pub fn clear_other_counters(
        &self,
        routes: &BTreeSet<u32>,
        rows: impl Fn(u32) -> bool,
    ) -> Result<()> {
        self.counters.clear_other_routes(routes)?;
        self.counters.clear_rows(rows)
    }

    /// Capacities of the maps whose entries come and go; the entries are the caller's to know.
    #[must_use]
    pub fn capacities(&self, route_limit: u32) -> Vec<MapFill> {
        [
            (map_names::ROUTES, route_limit),
            (map_names::NEXT_HOPS, NEXT_HOP_SLOTS),
            (map_names::ENDPOINTS, ENDPOINT_SLOTS),
            (map_names::INTERFACES, INTERFACE_SLOTS),
            (map_names::PEERS, PEER_SLOTS),
        ]
        .map(|(map, capacity)| MapFill {
            map,
            entries: 0,
            capacity: u64::from(capacity),
        })
        .into()
    }
}
fn take(ebpf: &mut Ebpf, name: &str) -> Result<Map> {
    ebpf.take_map(name)
        .with_context(|| format!("the object has no map {name}"))
}

fn typed<T>(ebpf: &mut Ebpf, name: &str) -> Result<T>
where
    T: TryFrom<Map, Error = MapError>,
{
    take(ebpf, name)?
        .try_into()
        .with_context(|| format!("map {name} has another type than this build expects"))
}

/// Removing what is not there is done already.
fn gone(result: Result<(), MapError>) -> Result<(), MapError> {
    match result {
        Err(MapError::KeyNotFound | MapError::ElementNotFound) => Ok(()),
        Err(MapError::SyscallError(error))
            if error.io_error.kind() == std::io::ErrorKind::NotFound =>
        {
            Ok(())
        }
        result => result,
    }
}
