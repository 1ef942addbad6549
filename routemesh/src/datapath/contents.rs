//! What the maps hold that were taken over: most of what a daemon knows it can learn from them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use anyhow::{Context as _, Result};
use aya::{
    Pod,
    maps::{IterableMap, MapError, MapIter},
};
use routemesh_common::{
    Endpoint, Interface, NetworkId, NetworkUse, NextHop, RouteKind, TunnelSettings, map_names,
};

use super::Datapath;
use crate::{
    model::unmapped,
    reconcile::{fib::Answer, indexed::Length},
};

/// The contents of the maps. New ones hold nothing.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Records of routes.
    pub routes: Vec<Answer>,
    /// Lengths of prefixes that are in the index.
    pub indexed: Vec<Length>,
    /// Next hops that routes lead to, by slot.
    pub next_hops: BTreeMap<u32, NextHop>,
    /// Underlay addresses that tunnel packets are accepted from.
    pub peers: BTreeSet<IpAddr>,
    /// Networks that tunnel packets are accepted of.
    pub networks: BTreeMap<NetworkId, NetworkUse>,
    /// What tunnel packets are ours.
    pub tunnel: TunnelSettings,
    /// Containers, by address.
    pub endpoints: BTreeMap<IpAddr, Endpoint>,
    /// Interfaces, by index.
    pub interfaces: BTreeMap<u32, Interface>,
    /// Interfaces that XDP may send out of.
    pub tx_ports: BTreeSet<u32>,
}

impl Contents {
    /// Slots of the records.
    #[must_use]
    pub fn records(&self) -> BTreeSet<u32> {
        let records = self.routes.iter();
        records.map(|record| record.place.slot).collect()
    }
}

impl Datapath {
    /// Reads the maps, after what an earlier daemon had half done is taken back: call this before
    /// any change.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn contents(&mut self) -> Result<Contents> {
        let routes = self.recover_routes()?;
        Ok(Contents {
            next_hops: self.next_hops_of(&routes)?,
            routes,
            indexed: self.indexed_lengths(),
            peers: keys(map_names::PEERS, self.peers.keys())?
                .into_iter()
                .map(unmapped)
                .collect(),
            networks: entries(map_names::NETWORK_IDS, self.network_ids.iter())?,
            tunnel: self
                .tunnel_settings
                .get(&0, 0)
                .with_context(|| format!("read {}", map_names::TUNNEL_SETTINGS))?,
            endpoints: entries(map_names::ENDPOINTS, self.endpoints.iter())?
                .into_iter()
                .map(|(address, endpoint)| (unmapped(address), endpoint))
                .collect(),
            interfaces: self
                .interfaces
                .read()
                .with_context(|| format!("read {}", map_names::INTERFACES))?,
            tx_ports: keys(map_names::TX_PORTS, self.tx_ports.keys())?,
        })
    }

    fn next_hops_of(&self, routes: &[Answer]) -> Result<BTreeMap<u32, NextHop>> {
        let direct = routes
            .iter()
            .filter(|record| record.route.kind == RouteKind::DIRECT);
        let slots: BTreeSet<u32> = direct.map(|record| record.route.target).collect();
        let hop = |slot| {
            let hop = self.next_hops.get(&slot, 0);
            let hop = hop.with_context(|| format!("read next hop {slot}"))?;
            Ok((slot, hop))
        };
        slots.into_iter().map(hop).collect()
    }
}

fn entries<K, V, M>(name: &str, entries: MapIter<'_, K, V, M>) -> Result<BTreeMap<K, V>>
where
    K: Pod + Ord,
    V: Pod,
    M: IterableMap<K, V>,
{
    let entries: Result<_, MapError> = entries.collect();
    entries.with_context(|| format!("read {name}"))
}

fn keys<K: Ord>(
    name: &str,
    keys: impl Iterator<Item = Result<K, MapError>>,
) -> Result<BTreeSet<K>> {
    let keys: Result<_, MapError> = keys.collect();
    keys.with_context(|| format!("read {name}"))
}
