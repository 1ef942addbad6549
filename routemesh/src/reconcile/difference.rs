//! How two configurations differ, for people to read before they apply one.
//!
//! Routes are compared as the table has them, all else as the values that are written out, so a
//! setting that is new needs no word here.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use crate::{
    api::Change,
    config::Config,
    model::{Action, Mode, NetworkNumbers, Route},
};

/// The differences: settings first, then routes by prefix.
#[must_use]
pub fn difference(before: &Config, after: &Config) -> Vec<Change> {
    let mut changes = between(&settings(before), &settings(after));
    changes.extend(routes(&before.routes, &after.routes));
    changes
}

fn between(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<Change> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| Change::of(name, before.get(name).cloned(), after.get(name).cloned()))
        .collect()
}

/// Every setting by its name: `tunnel.vni`, and `uplink eth0` for a table in a list.
fn settings(config: &Config) -> BTreeMap<String, String> {
    let written: Table = config
        .settings()
        .parse()
        .expect("what is written out is TOML");
    let mut found = BTreeMap::new();
    for (name, value) in written {
        match value {
            Value::Table(table) => {
                found.extend(table.into_iter().map(|(key, value)| {
                    let value = value.to_string();
                    (format!("{name}.{key}"), value)
                }));
            }
            Value::Array(list) => {
                found.extend(list.into_iter().filter_map(|item| one(&name, item)))
            }
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_) => {
                found.insert(name, value.to_string());
            }
        }
    }
    found
}

/// A table of a list, by the interface it is about: its other keys.
fn one(name: &str, item: Value) -> Option<(String, String)> {
    let Value::Table(mut table) = item else {
        return None;
    };
    let interface = table.remove("interface")?;
    let rest: Vec<String> = table
        .iter()
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    Some((format!("{name} {}", interface.as_str()?), rest.join(", ")))
}

fn routes(before: &[Route], after: &[Route]) -> Vec<Change> {
    let by_prefix = |routes: &'_ [Route]| -> BTreeMap<_, _> {
        routes
            .iter()
            .map(|route| (route.dst, words(route)))
            .collect()
    };
    let (before, after) = (by_prefix(before), by_prefix(after));
    let prefixes: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    prefixes
        .into_iter()
        .filter_map(|dst| {
            let what = format!("route {dst}");
            Change::of(&what, before.get(dst).cloned(), after.get(dst).cloned())
        })
        .collect()
}

/// A route without its destination, in the words of `route add`.
fn words(route: &Route) -> String {
    let Route {
        dst: _,
        action,
        mtu,
    } = route;
    let mut words = match action {
        Action::Blackhole => "blackhole".to_owned(),
        Action::Via {
            via,
            dev,
            mode,
            vtep_mac,
            network: NetworkNumbers { vni, gre_key },
        } => {
            let mut words = format!("via {via}");
            words.extend(dev.iter().map(|dev| format!(" dev {dev}")));
            words.extend((*mode != Mode::default()).then(|| format!(" mode {mode}")));
            words.extend(vtep_mac.iter().map(|mac| format!(" vtep-mac {mac}")));
            words.extend(vni.iter().map(|vni| format!(" vni {vni}")));
            words.extend(gre_key.iter().map(|key| format!(" gre-key {key}")));
            words
        }
    };
    words.extend(mtu.iter().map(|mtu| format!(" mtu {mtu}")));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(before: &str, after: &str) -> Vec<String> {
        let parse = |text| Config::parse(text, "x.toml").unwrap();
        let changes = difference(&parse(before), &parse(after));
        changes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_kind_of_difference_has_a_line() {
        let before = "node = \"a\"\n\
            [[uplink]]\ninterface = \"eth0\"\n\
            [[network]]\ninterface = \"docker0\"\n\
            [[route]]\ndst = \"10.1.0.0/16\"\nvia = \"192.0.2.1\"\n\
            [[route]]\ndst = \"10.2.0.0/16\"\nblackhole = true\n\
            [[route]]\ndst = \"10.4.0.0/16\"\nvia = \"192.0.2.1\"\n";
        let after = "node = \"b\"\n\
            [[uplink]]\ninterface = \"eth0\"\nmode = \"xdp\"\n\
            [[network]]\ninterface = \"br1\"\nsubnets = [\"10.9.0.0/24\"]\n\
            [[route]]\ndst = \"10.4.0.0/16\"\nvia = \"192.0.2.1\"\n\
            [[route]]\ndst = \"10.1.0.0/16\"\nvia = \"192.0.2.2\"\nmode = \"vxlan\"\nvni = 9\nmtu = 1400\n\
            [[route]]\ndst = \"10.3.0.0/16\"\nvia = \"192.0.2.1\"\ndev = \"eth0\"\n\
            [tunnel]\nvni = 7\n";
        assert_eq!(
            lines(before, after),
            [
                "+ network br1 subnets = [\"10.9.0.0/24\"]",
                "- network docker0",
                "~ node: \"a\" -> \"b\"",
                "~ tunnel.vni: 100 -> 7",
                "~ uplink eth0: mode = \"auto\" -> mode = \"xdp\"",
                "~ route 10.1.0.0/16: via 192.0.2.1 -> via 192.0.2.2 mode vxlan vni 9 mtu 1400",
                "- route 10.2.0.0/16 blackhole",
                "+ route 10.3.0.0/16 via 192.0.2.1 dev eth0",
            ]
        );
    }

    #[test]
    fn what_means_the_same_differs_in_nothing() {
        let before = "node = \"a\"\n[[route]]\ndst = \"10.1.0.0/16\"\nvia = \"192.0.2.1\"\n";
        let after = "# so\nnode = \"a\"\n[tunnel]\nvni = 100\n\
            [[route]]\nvia = \"192.0.2.1\"\nmode = \"direct\"\ndst = \"10.1.0.0/16\"\n";
        assert_eq!(lines(before, after), [""; 0]);
    }
}
