//! Neighbours, and stations behind bridges' ports, that the kernel knows no more.
//!
//! Whether an operator had them forgotten, they aged or they are gone, it takes a moment to find out.
//! Until then packets go where they went: to look for a neighbour with a packet in hand is to lose it,
//! should the entry be deleted once more meanwhile, and a bridge sends what is for a station it does
//! not know out of all ports. It forgets a station that it sees no packet of, by default after five
//! minutes, and of a container whose packets are forwarded before it, it sees none.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    model::{Mac, World},
    reconcile::plan::Plan,
};

/// How long the kernel is asked for them. It asks the link for three seconds, and may be told to
/// forget the answer before it is heard of here, again and again. A neighbour that has moved
/// answers with its new MAC, a station is seen at its new port; packets to one that is dead are lost
/// either way.
const HOLD: Duration = Duration::from_secs(30);

/// What the kernel knew and is missed, with the value that it had and since when.
struct Missed<K, V>(BTreeMap<K, (V, Instant)>);

/// Not derived, which would want a default of the keys and values.
impl<K, V> Default for Missed<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Copy, V: Copy> Missed<K, V> {
    /// Those of `before` that are not among the `known` are missed from now on; those that are known
    /// again, cannot be back or are missed for long, no more.
    fn update(
        &mut self,
        before: impl Iterator<Item = (K, V)>,
        known: &BTreeMap<K, V>,
        can_be_back: impl Fn(K, V) -> bool,
        now: Instant,
    ) {
        for (key, value) in before.filter(|(key, _)| !known.contains_key(key)) {
            self.0.entry(key).or_insert((value, now));
        }
        self.0.retain(|key, (value, since)| {
            let missed = !known.contains_key(key);
            missed && can_be_back(*key, *value) && now.duration_since(*since) < HOLD
        });
    }

    fn held(&self) -> impl Iterator<Item = (K, V)> {
        self.0.iter().map(|(key, (value, _))| (*key, *value))
    }
}

/// All that is missed.
#[derive(Default)]
pub(super) struct Forgotten {
    /// MACs, by interface index and address.
    neighbours: Missed<(u32, IpAddr), Mac>,
    /// Ports, by bridge index and MAC, of stations that are neighbours.
    stations: Missed<(u32, Mac), u32>,
}

impl Forgotten {
    /// `world` with what was in the one before and is not missed for long, where the interface still
    /// has a carrier.
    pub(super) fn recall(&mut self, before: &World, world: Arc<World>, now: Instant) -> Arc<World> {
        let link = |index: u32| world.interfaces.get(&index).filter(|link| link.up);
        let neighbours = before.neighbours.iter().map(|(key, mac)| (*key, *mac));
        let has_carrier = |(index, _), _| link(index).is_some();
        self.neighbours
            .update(neighbours, &world.neighbours, has_carrier, now);
        let stations = before.neighbours.iter().filter_map(|((bridge, _), mac)| {
            let key = (*bridge, *mac);
            Some((key, *before.fdb.get(&key)?))
        });
        let is_port =
            |(bridge, _), port| link(port).is_some_and(|port| port.master == Some(bridge));
        self.stations.update(stations, &world.fdb, is_port, now);
        if self.is_empty() {
            return world;
        }
        let mut world = World::clone(&world);
        world.neighbours.extend(self.neighbours.held());
        world.fdb.extend(self.stations.held());
        Arc::new(world)
    }

    /// Neighbours that are missed.
    pub(super) fn neighbours(&self) -> impl Iterator<Item = (u32, IpAddr)> {
        self.neighbours.held().map(|(key, _)| key)
    }

    /// Containers of `plan` that the kernel, which told of `world`, does not know a port of, or knows
    /// none of any more. One that it believes to be gone is not among them: to ask it would be to
    /// bring it back.
    pub(super) fn strayed(&self, world: &World, plan: &Plan) -> Vec<(u32, IpAddr, Mac)> {
        let neighbours = world.neighbours.iter();
        let known = neighbours.map(|((bridge, address), mac)| (*bridge, *address, *mac));
        let strayed = known.filter(|neighbour| {
            let (bridge, address, mac) = *neighbour;
            let held = self.stations.0.contains_key(&(bridge, mac));
            held && plan.endpoints.contains_key(&address) || plan.strayed.contains(neighbour)
        });
        strayed.collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.neighbours.0.is_empty() && self.stations.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;
    use routemesh_common::Endpoint;

    use super::*;
    use crate::model::Interface;

    const KEY: (u32, IpAddr) = (2, IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 9)));
    const MAC: Mac = Mac([2, 0, 0, 0, 0, 9]);

    fn world(up: bool, neighbour: Option<Mac>) -> Arc<World> {
        let link = Interface {
            index: 2,
            up,
            ..Interface::default()
        };
        Arc::new(World {
            interfaces: [(2, link)].into(),
            neighbours: neighbour.map(|mac| (KEY, mac)).into_iter().collect(),
            ..World::default()
        })
    }

    #[test]
    fn a_neighbour_is_held_for_a_while_and_then_believed_to_be_gone() {
        let (mut forgotten, now) = (Forgotten::default(), Instant::now());
        let held = forgotten.recall(&world(true, Some(MAC)), world(true, None), now);
        assert_eq!(held.neighbours.get(&KEY), Some(&MAC));
        assert_eq!(forgotten.neighbours().collect::<Vec<_>>(), [KEY]);
        let held = forgotten.recall(&held, world(true, None), now + HOLD / 2);
        assert_eq!(held.neighbours.get(&KEY), Some(&MAC));
        let gone = forgotten.recall(&held, world(true, None), now + HOLD);
        assert!(gone.neighbours.is_empty() && forgotten.is_empty());
    }

    #[test]
    fn a_neighbour_that_answers_has_its_new_mac() {
        let (mut forgotten, now) = (Forgotten::default(), Instant::now());
        let held = forgotten.recall(&world(true, Some(MAC)), world(true, None), now);
        let other = Mac([2, 0, 0, 0, 0, 10]);
        let world = forgotten.recall(&held, world(true, Some(other)), now);
        assert_eq!(world.neighbours.get(&KEY), Some(&other));
        assert!(forgotten.is_empty());
    }

    #[test]
    fn neighbours_go_with_the_carrier() {
        let (mut forgotten, now) = (Forgotten::default(), Instant::now());
        let gone = forgotten.recall(&world(true, Some(MAC)), world(false, None), now);
        assert!(gone.neighbours.is_empty() && forgotten.is_empty());
    }

    /// A bridge's port, with a neighbour that is or is not known to be behind it.
    fn bridged(up: bool, known: bool) -> Arc<World> {
        let port = Interface {
            index: 7,
            up,
            master: Some(KEY.0),
            ..Interface::default()
        };
        let mut world = World::clone(&world(true, Some(MAC)));
        world.interfaces.insert(7, port);
        world.fdb = known.then_some(((KEY.0, MAC), 7)).into_iter().collect();
        Arc::new(world)
    }

    #[test]
    fn a_station_that_aged_is_held_and_asked_for_where_it_was() {
        let (mut forgotten, now) = (Forgotten::default(), Instant::now());
        let held = forgotten.recall(&bridged(true, true), bridged(true, false), now);
        assert_eq!(held.fdb, [((KEY.0, MAC), 7)].into());
        let mut plan = Plan::default();
        plan.endpoints.insert(KEY.1, Endpoint::zeroed());
        let strayed = forgotten.strayed(&bridged(true, false), &plan);
        assert_eq!(strayed, [(KEY.0, KEY.1, MAC)]);
        let gone = forgotten.recall(&held, bridged(true, false), now + HOLD);
        assert!(gone.fdb.is_empty() && forgotten.is_empty());
    }

    #[test]
    fn a_container_without_a_port_is_asked_for_until_the_kernel_believes_it_to_be_gone() {
        let mut plan = Plan::default();
        plan.strayed.insert((KEY.0, KEY.1, MAC));
        let forgotten = Forgotten::default();
        let strayed = forgotten.strayed(&bridged(true, false), &plan);
        assert_eq!(strayed, [(KEY.0, KEY.1, MAC)]);
        assert_eq!(forgotten.strayed(&world(true, None), &plan), []);
    }

    #[test]
    fn a_station_that_is_seen_elsewhere_is_there() {
        let (mut forgotten, now) = (Forgotten::default(), Instant::now());
        let held = forgotten.recall(&bridged(true, true), bridged(true, false), now);
        let mut elsewhere = World::clone(&bridged(true, false));
        elsewhere.fdb.insert((KEY.0, MAC), 8);
        let seen = forgotten.recall(&held, Arc::new(elsewhere), now);
        assert_eq!(seen.fdb, [((KEY.0, MAC), 8)].into());
        assert!(forgotten.is_empty());
    }

    #[test]
    fn stations_go_with_their_port_and_those_that_are_no_neighbours_at_once() {
        let (mut forgotten, now) = (Forgotten::default(), Instant::now());
        let gone = forgotten.recall(&bridged(true, true), bridged(false, false), now);
        assert!(gone.fdb.is_empty() && forgotten.is_empty());
        let mut stranger = World::clone(&bridged(true, true));
        stranger.neighbours.clear();
        let gone = forgotten.recall(&stranger, bridged(true, false), now);
        assert!(gone.fdb.is_empty() && forgotten.is_empty());
    }
}
