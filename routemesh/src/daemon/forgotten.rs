//! Neighbours that the kernel knows no more.
//!
//! Whether an operator had them forgotten or they are gone, it takes a moment to find out. Until
//! then packets go where they went: to look for a neighbour with a packet in hand is to lose it,
//! should the entry be deleted once more meanwhile.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::model::{Mac, World};

/// How long the kernel is asked for them. It asks the link for three seconds, and may be told to
/// forget the answer before it is heard of here, again and again. A neighbour that has moved
/// answers with its new MAC; packets to one that is dead are lost either way.
const HOLD: Duration = Duration::from_secs(30);

/// Neighbours by interface index and address, and since when they are missed.
#[derive(Default)]
pub(super) struct Forgotten(BTreeMap<(u32, IpAddr), (Mac, Instant)>);

impl Forgotten {
    /// `world` with the neighbours that were in the one before and are not missed for long, where
    /// their interface still has a carrier.
    pub(super) fn recall(&mut self, before: &World, world: Arc<World>, now: Instant) -> Arc<World> {
        self.0.retain(|key, _| !world.neighbours.contains_key(key));
        for (key, mac) in &before.neighbours {
            if !world.neighbours.contains_key(key) {
                self.0.entry(*key).or_insert((*mac, now));
            }
        }
        let has_carrier = |index: &u32| world.interfaces.get(index).is_some_and(|link| link.up);
        self.0.retain(|(index, _), (_, since)| {
            has_carrier(index) && now.duration_since(*since) < HOLD
        });
        if self.0.is_empty() {
            return world;
        }
        let mut world = World::clone(&world);
        let held = self.0.iter().map(|(key, (mac, _))| (*key, *mac));
        world.neighbours.extend(held);
        Arc::new(world)
    }

    /// Those that are missed.
    pub(super) fn keys(&self) -> impl Iterator<Item = (u32, IpAddr)> {
        self.0.keys().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(forgotten.keys().collect::<Vec<_>>(), [KEY]);
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
}
