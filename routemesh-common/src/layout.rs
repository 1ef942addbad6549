//! What the maps' entries mean, as a number: a running kernel may hold maps whose entries have the
//! same size and another meaning.

use crate::{ABI_VERSION, map_names};

/// The definitions, as they stand in the source.
const DEFINITIONS: &str = concat!(include_str!("maps.rs"), include_str!("cache.rs"));

/// The maps that outlive the programs, with the types their entries are made of.
const TYPES: &[(&str, &[&str])] = &[
    (map_names::ROUTES, &[]),
    (
        map_names::ROUTE_RECORDS,
        &["RouteRecord", "Route", "RouteKind", "Family"],
    ),
    (map_names::ROUTE_INDEX, &["IndexBucket"]),
    (
        map_names::ROUTE_CACHE,
        &["CachedRoute", "Route", "RouteKind", "Family"],
    ),
    (map_names::TABLE_STATE, &["TableState", "IndexedLength"]),
    (
        map_names::NEXT_HOPS,
        &["NextHop", "NetworkId", "Family", "Shim"],
    ),
    (map_names::PEERS, &[]),
    (map_names::NETWORK_IDS, &["NetworkId", "NetworkUse"]),
    (map_names::TUNNEL_SETTINGS, &["TunnelSettings"]),
    (map_names::ENDPOINTS, &["Endpoint"]),
    (map_names::INTERFACES, &["Interface"]),
    (map_names::DISPLACED, &[]),
    (map_names::TX_PORTS, &[]),
    (map_names::OUTCOMES, &["Counter"]),
    (map_names::ROUTE_COUNTERS, &["Counter"]),
    (map_names::COUNTER_CACHE, &["CachedCounter", "Counter"]),
    (map_names::ICMP_BUDGET, &["TokenBucket"]),
];

/// The number of a map's layout: another one where a type of its entries, or a constant of such a
/// type, is defined otherwise. None for a map that is of one program's life only.
#[must_use]
pub fn layout(map: &str) -> Option<u32> {
    let (_, types) = TYPES.iter().find(|(name, _)| *name == map)?;
    let lines = types.iter().flat_map(|name| definition(name));
    let text = lines.flat_map(|line| line.bytes().chain([b'\n']));
    Some(text.fold(ABI_VERSION, fnv))
}

/// Fowler, Noll and Vo's hash, 1a.
fn fnv(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(16_777_619)
}

/// The lines that define a type and its constants, without comments and indentation.
fn definition(name: &str) -> impl Iterator<Item = &'static str> {
    let mut inside = false;
    DEFINITIONS.lines().filter_map(move |line| {
        let begins = begins(line, name);
        let within = inside || begins;
        inside = within && line != "}" && !(begins && line.ends_with(';'));
        let code = line.trim_start();
        (within && !code.starts_with("//")).then_some(code)
    })
}

fn begins(line: &str, name: &str) -> bool {
    let defined = line
        .strip_prefix("pub struct ")
        .or_else(|| line.strip_prefix("impl "));
    let rest = defined.and_then(|rest| rest.strip_prefix(name));
    rest.is_some_and(|rest| rest.starts_with([' ', '(']))
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{collections::BTreeSet, vec::Vec};

    use super::*;

    #[test]
    fn a_definition_is_the_type_and_its_constants_without_comments() {
        let lines: Vec<&str> = definition("RouteKind").collect();
        assert_eq!(lines[0], "pub struct RouteKind(pub u8);");
        assert_eq!(lines[1], "impl RouteKind {");
        assert!(lines.contains(&"pub const BLACKHOLE: Self = Self(2);"));
        assert_eq!(lines.last(), Some(&"}"));
        let lines: Vec<&str> = definition("Counter").collect();
        assert_eq!(
            lines,
            [
                "pub struct Counter {",
                "pub packets: u64,",
                "pub bytes: u64,",
                "}"
            ]
        );
    }

    #[test]
    fn a_map_s_types_are_all_that_its_values_are_made_of() {
        for (map, types) in TYPES {
            let named: BTreeSet<&str> = types
                .iter()
                .flat_map(|name| definition(name))
                .flat_map(|line| line.split(|letter: char| !letter.is_alphanumeric()))
                .filter(|word| definition(word).next().is_some())
                .collect();
            assert_eq!(named, types.iter().copied().collect(), "{map}");
        }
    }

    #[test]
    fn layouts_differ_where_types_do() {
        assert_ne!(layout(map_names::NEXT_HOPS), layout(map_names::ENDPOINTS));
        assert_eq!(
            layout(map_names::OUTCOMES),
            layout(map_names::ROUTE_COUNTERS)
        );
        assert_eq!(layout(".rodata"), None);
    }
}
