//! What maps this build's programs need, and whether those that are pinned can serve them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context as _, Result};
use aya::maps::{MapInfo, MapType};
use aya_obj::{Object, generated::bpf_map_type};
use routemesh_common::layout;

/// `BPF_F_RDONLY_PROG`, which the kernel adds to device maps (`kernel/bpf/devmap.c`).
const READ_ONLY_FOR_PROGRAMS: u32 = 1 << 7;

/// A map, apart from its contents.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    kind: MapType,
    /// Bytes.
    key: u32,
    /// Bytes.
    value: u32,
    /// Entries.
    capacity: u32,
    flags: u32,
    /// What its values mean: [`layout`].
    layout: u32,
}

/// The maps that outlive the programs, by name.
#[derive(Debug)]
pub(super) struct Shapes(BTreeMap<String, Shape>);

impl Shapes {
    /// Those that an object declares, with some capacities in place of its own.
    ///
    /// # Errors
    /// When it is no object with programs.
    pub(super) fn declared(object: &[u8], capacities: &[(&str, u32)]) -> Result<Self> {
        let object = Object::parse(object).context("read the kernel programs' object")?;
        let mut shapes = BTreeMap::new();
        for (name, map) in object.maps {
            let Some(layout) = layout(&name) else {
                continue;
            };
            let capacity = capacities.iter().find(|(known, _)| *known == name);
            let kind = kind(map.map_type())?;
            let added = if kind == MapType::DevMapHash {
                READ_ONLY_FOR_PROGRAMS
            } else {
                0
            };
            let shape = Shape {
                kind,
                key: map.key_size(),
                value: map.value_size(),
                capacity: capacity.map_or(map.max_entries(), |(_, capacity)| *capacity),
                flags: map.map_flags() | added,
                layout,
            };
            shapes.insert(name, shape);
        }
        Ok(Self(shapes))
    }

    /// Those that are pinned in a directory. What is there and cannot be read is left out.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(super) fn pinned(directory: &Path) -> Result<Self> {
        let entries = fs::read_dir(directory);
        let entries = entries.with_context(|| format!("read {}", directory.display()))?;
        let paths = entries.flatten().map(|entry| entry.path());
        Ok(Self(paths.filter_map(|path| pinned(&path)).collect()))
    }

    /// The maps, each with the name of its pin.
    pub(super) fn pin_names(&self) -> impl Iterator<Item = (&str, String)> {
        let maps = self.0.iter();
        maps.map(|(name, shape)| (name.as_str(), format!("{name}-{:08x}", shape.layout)))
    }

    /// All that keeps the maps of `pinned` from serving in the place of these, in words.
    pub(super) fn differences(&self, pinned: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.0.keys().chain(pinned.0.keys()).collect();
        names
            .into_iter()
            .flat_map(|name| match (self.0.get(name), pinned.0.get(name)) {
                (Some(own), Some(found)) => own.differences(name, found),
                (Some(_), None) => vec![format!("{name} is missing")],
                (None, _) => vec![format!("{name} is none of this build's")],
            })
            .collect()
    }

    /// Whether the entries of a pinned map can be read as those of this build's are, however
    /// many there may be.
    pub(super) fn reads(&self, name: &str, pinned: &Self) -> bool {
        let entry = |shapes: &Self| {
            let shape = shapes.0.get(name)?;
            Some((shape.kind, shape.key, shape.value, shape.layout))
        };
        entry(self).is_some() && entry(self) == entry(pinned)
    }

    /// How many entries a map has room for.
    pub(super) fn capacity(&self, name: &str) -> Option<u32> {
        self.0.get(name).map(|shape| shape.capacity)
    }
}

impl Shape {
    fn differences(&self, name: &str, found: &Self) -> Vec<String> {
        let number = |what: &str, own: u32, found: u32| {
            (own != found).then(|| format!("{name}: {what} {found} instead of {own}"))
        };
        let kind = (self.kind != found.kind)
            .then(|| format!("{name}: type {:?} instead of {:?}", found.kind, self.kind));
        let layout = (self.layout != found.layout).then(|| {
            format!(
                "{name}: layout {:08x} instead of {:08x}",
                found.layout, self.layout
            )
        });
        [
            kind,
            number("key size", self.key, found.key),
            number("value size", self.value, found.value),
            number("capacity", self.capacity, found.capacity),
            number("flags", self.flags, found.flags),
            layout,
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn kind(number: u32) -> Result<MapType> {
    let number = bpf_map_type::try_from(number).ok();
    let kind = number.and_then(|number| MapType::try_from(number).ok());
    kind.context("a map of the object is of no known type")
}

/// The map at a pin, by name.
fn pinned(path: &Path) -> Option<(String, Shape)> {
    let (name, layout) = path.file_name()?.to_str()?.rsplit_once('-')?;
    let info = MapInfo::from_pin(path).ok()?;
    let shape = Shape {
        kind: info.map_type().ok()?,
        key: info.key_size(),
        value: info.value_size(),
        capacity: info.max_entries(),
        flags: info.map_flags(),
        layout: u32::from_str_radix(layout, 16).ok()?,
    };
    Some((name.to_owned(), shape))
}

#[cfg(test)]
mod tests {
    use routemesh_common::map_names;

    use super::{super::OBJECT, *};

    fn declared(routes: u32) -> Shapes {
        Shapes::declared(OBJECT, &[(map_names::ROUTES, routes)]).unwrap()
    }

    #[test]
    fn a_build_s_maps_can_serve_itself() {
        assert_eq!(declared(7).differences(&declared(7)), [""; 0]);
    }

    #[test]
    fn all_maps_outlive_the_programs_but_their_globals_and_their_log() {
        let shapes = declared(7);
        let object = Object::parse(OBJECT).unwrap();
        let lost = |name: &&String| !shapes.0.contains_key(*name);
        let mut lost: Vec<&str> = object
            .maps
            .keys()
            .filter(lost)
            .map(String::as_str)
            .collect();
        lost.sort_unstable();
        assert_eq!(lost, [".rodata", "AYA_LOGS"]);
    }

    #[test]
    fn all_differences_are_told() {
        let mut found = declared(9);
        let peers = found.0.get_mut(map_names::PEERS).unwrap();
        (peers.value, peers.flags) = (4, 0);
        let tx = found.0.get_mut(map_names::TX_PORTS).unwrap();
        (tx.kind, tx.layout) = (MapType::Hash, 0xabc);
        found.0.get_mut(map_names::ENDPOINTS).unwrap().key = 4;
        let icmp = found.0.remove(map_names::ICMP_BUDGET).unwrap();
        found.0.insert("FORMER".to_owned(), icmp);
        let own = declared(7);
        let layout = own.0[map_names::TX_PORTS].layout;
        assert_eq!(
            own.differences(&found),
            [
                "ENDPOINTS: key size 4 instead of 16".to_owned(),
                "FORMER is none of this build's".to_owned(),
                "ICMP_BUDGET is missing".to_owned(),
                "PEERS: value size 4 instead of 1".to_owned(),
                "PEERS: flags 0 instead of 1".to_owned(),
                "ROUTES: capacity 9 instead of 7".to_owned(),
                "TX_PORTS: type Hash instead of DevMapHash".to_owned(),
                format!("TX_PORTS: layout 00000abc instead of {layout:08x}"),
            ]
        );
    }

    #[test]
    fn entries_are_readable_whatever_the_capacity() {
        let (own, mut found) = (declared(7), declared(9));
        assert!(own.reads(map_names::ROUTES, &found));
        found.0.get_mut(map_names::ROUTES).unwrap().layout = 1;
        assert!(!own.reads(map_names::ROUTES, &found));
        assert!(!own.reads("FORMER", &found));
    }
}
