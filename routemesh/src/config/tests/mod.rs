//! The configuration from outside: what is accepted, what is refused, and how that is shown.

mod conflicts;
mod on_host;
mod reading;
mod round_trip;
mod tunnel;
mod values;

use std::{collections::BTreeSet, fmt::Write as _};

use super::{Config, DEFAULT, reference};
use crate::model::{Interface, Network, UplinkMode, World};

#[test]
fn the_built_in_default_has_one_network_and_nothing_else() {
    let config = Config::embedded();
    let docker = Network {
        interface: "docker0".to_owned(),
        subnets: Vec::new(),
    };
    assert_eq!(config.networks, [docker]);
    assert_eq!((config.uplinks.len(), config.routes.len()), (0, 0));
    assert_eq!((config.limits.routes, config.metrics), (131_072, None));
}

#[test]
fn the_built_in_default_shows_every_key_of_the_schema() {
    let schema = Config::schema();
    let mut tables = vec![&schema];
    tables.extend(schema["$defs"].as_object().unwrap().values());
    let keys: BTreeSet<&String> = tables
        .iter()
        .filter_map(|table| table["properties"].as_object())
        .flat_map(|properties| properties.keys())
        .collect();
    for key in keys {
        let shown = DEFAULT.lines().any(|line| {
            let line = line.trim_start_matches(['#', ' ']);
            line.starts_with(&format!("{key} ="))
                || line.starts_with(&format!("[{key}]"))
                || line.starts_with(&format!("[[{key}]]"))
        });
        assert!(shown, "default.toml does not show {key}");
    }
}

#[test]
fn the_built_in_default_is_valid_with_its_examples_too() {
    let examples: String = DEFAULT
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(example) if example.starts_with('[') || example.contains(" = ") => example,
            _ => line,
        })
        .fold(String::new(), |text, line| text + line + "\n");
    let config = Config::parse(&examples, "default.toml").unwrap();
    assert_eq!((config.uplinks.len(), config.routes.len()), (1, 2));
    assert_eq!(config.limits, Config::embedded().limits);
    assert!(config.metrics.is_some());
}

#[test]
fn every_key_of_the_schema_is_read() {
    let schema = Config::schema();
    let keys: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(keys, super::document::Document::KEYS);
    for key in keys {
        let report = Config::parse(&format!("{key} = true"), "config.toml").unwrap_err();
        assert!(!report.to_string().contains("unknown key"), "{key}");
    }
}

#[test]
fn the_schema_has_no_default_that_toml_could_not_write() {
    let text = Config::schema().to_string();
    assert!(!text.contains("null"), "{text}");
    assert!(text.contains("https://json-schema.org/draft/2020-12/schema"));
}

#[test]
fn the_reference_has_a_row_for_every_key() {
    let page = reference();
    let schema = Config::schema();
    let tables = schema["$defs"].as_object().unwrap().values();
    for key in tables
        .filter_map(|table| table["properties"].as_object())
        .flat_map(|properties| properties.keys())
    {
        assert!(page.contains(&format!("\n| `{key}` | ")), "{key}");
    }
    assert!(page.contains(
        "| `dst` | prefix | required | Destinations the route is for. |\n\
         | `via` | IP address | none | Address of the next hop: on the link of an uplink, or at the other end of a tunnel. For an IPv6 route without a tunnel it is an IPv6 address. |\n"
    ));
    assert!(page.contains("| `dscp` | `copy`, number, 0 to 63 | `\"copy\"` | "));
    assert!(page.contains("| `vtep-mac` | MAC address | "));
    assert!(page.contains("| `subnets` | list of prefix | those of the interface's addresses | "));
}

#[test]
fn far_places_are_shown_each_with_its_own_line() {
    let mut text = String::from("[[route]]\ndst = \"10.0.0.0/8\"\nblackhole = true\n");
    for third in 0..100 {
        write!(
            text,
            "\n[[route]]\ndst = \"11.0.{third}.0/24\"\nblackhole = true\n"
        )
        .unwrap();
    }
    text.push_str("\n[[route]]\ndst = \"10.0.0.0/8\"\nblackhole = true\n");
    shows(
        &text,
        r#"
error: two routes for 10.0.0.0/8
   --> config.toml:406:7
    |
406 | dst = "10.0.0.0/8"
    |       ^^^^^^^^^^^^ the second route
    |
   ::: config.toml:2:7
    |
  2 | dst = "10.0.0.0/8"
    |       ------------ the first route
    |
    = help: a prefix has one route; remove one of them
"#,
    );
}

#[test]
fn a_large_file_is_read_as_one() {
    let mut text = String::from("limits.routes = 200_000\n");
    for number in 0..100_000_u32 {
        let [_, first, second, third] = number.to_be_bytes();
        let dst = format!("{}.{second}.{third}.0/24", 11 + first);
        write!(text, "\n[[route]]\ndst = \"{dst}\"\nblackhole = true\n").unwrap();
    }
    let config = Config::parse(&text, "config.toml").unwrap();
    assert_eq!(config.routes.len(), 100_000);
    assert_eq!(config.routes[99_999].dst.to_string(), "12.134.159.0/24");
    text.push_str("mtu = 1\n\n[limits]\nroutes = 5\n");
    shows(
        &text,
        r#"
error: 1 is no MTU of an IPv4 route
      --> config.toml:400002:7
       |
400002 | mtu = 1
       |       ^ too small
       |
       = help: an MTU is 576 to 65535 bytes

error: duplicate key
      --> config.toml:400004:2
       |
400004 | [limits]
       |  ^^^^^^ written before; remove one of the two
       |
      ::: config.toml:1:1
       |
     1 | limits.routes = 200_000
       | ------ the first one
"#,
    );
}

#[test]
fn of_very_many_problems_the_rest_is_counted() {
    let text = "[[route]]\ndst = \"1.2.3.4/8\"\nblackhole = true\n".repeat(1000);
    let report = Config::parse(&text, "config.toml").unwrap_err();
    assert_eq!(report.count(), 1000);
    let shown = report.to_string();
    assert_eq!(shown.matches("host bits").count(), 50);
    assert!(shown.ends_with("\n\nerror: 950 more problems"), "{shown}");
}

#[test]
fn a_report_has_colour_only_when_asked() {
    let report = Config::parse("node = 1", "config.toml").unwrap_err();
    assert!(report.render(true).contains("\x1b["));
    assert!(!report.render(false).contains('\x1b'));
}

#[test]
fn escapes_of_a_hostile_file_do_not_reach_the_terminal() {
    for text in [
        "[[uplink]]\ninterface = \"\\u001b[2J\"\n",
        "\"\\u001b[2J\" = 1\n",
        "[[route]]\ndst = \"\\u001b[2J\"\nvia = \"\\u001b[2J\"\n",
        "\x1b[2J = 1\n",
    ] {
        let shown = Config::parse(text, "config.toml").unwrap_err().to_string();
        assert!(!shown.contains('\x1b'), "{shown:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let report = Config::load("/nonexistent/config.toml".as_ref()).unwrap_err();
    assert_eq!(
        report.to_string(),
        "error: cannot read /nonexistent/config.toml: No such file or directory (os error 2)\n \
         |\n = help: name a file that can be read"
    );
}

#[test]
fn a_file_that_is_not_utf8_is_shown_where_it_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    std::fs::write(&path, b"node = \"a\"\n# caf\xe9\n").unwrap();
    let shown = Config::load(&path).unwrap_err().to_string();
    let name = path.display();
    assert!(
        shown.starts_with(&format!("error: this is not UTF-8 text\n --> {name}:2:6\n")),
        "{shown}"
    );
}

#[test]
fn without_an_uplink_it_is_eth0_or_else_the_interface_of_the_default_route() {
    let config = Config::embedded();
    let mut world = host();
    let name = |world: &World| config.uplinks_in(world)[0].interface.clone();
    assert_eq!(name(&world), "eth0");
    world.interfaces.remove(&2);
    assert_eq!(name(&world), "eth1");
    world.default_route = Some(4);
    assert_eq!(config.uplinks_in(&world), [], "docker0 is a network");
    assert_eq!(
        config.problems(&world).unwrap().to_string(),
        "error: no uplink: there is neither an eth0 nor a default route\n |\n \
         = help: add [[uplink]] with `interface = \"NAME\"`"
    );
}

#[test]
fn uplinks_of_the_command_line_take_the_place_of_those_of_the_file() {
    let text = "[[uplink]]\ninterface = \"eth9\"\n";
    let mut config = Config::parse(text, "config.toml").unwrap();
    assert!(config.problems(&host()).is_some());
    let uplink = |interface: &str| crate::model::Uplink {
        interface: interface.to_owned(),
        mode: UplinkMode::Tc,
    };
    config.override_uplinks(vec![uplink("a/b")]).unwrap_err();
    config.override_uplinks(vec![uplink("eth1")]).unwrap();
    assert_eq!(config.uplinks_in(&host()), [uplink("eth1")]);
    assert!(config.problems(&host()).is_none());
}

#[test]
fn a_configuration_that_fits_the_host_has_no_problems() {
    let text = r#"
[[uplink]]
interface = "eth0"

[[uplink]]
interface = "eth1"

[[network]]
interface = "docker0"

[[route]]
dst = "10.200.0.0/24"
via = "192.168.100.2"

[[route]]
dst = "10.100.0.64/26"
via = "172.16.0.2"

[[route]]
dst = "fd00:2::/64"
via = "fe80::9"
dev = "eth0"

[[route]]
dst = "10.201.0.0/24"
via = "198.51.100.2"
mode = "auto"
"#;
    let problems = Config::parse(text, "config.toml")
        .unwrap()
        .problems(&host());
    assert!(problems.is_none(), "{}", problems.unwrap());
}

/// Asserts what is reported of `text`; `expected` has a newline before and after it.
fn shows(text: &str, expected: &str) {
    let report = Config::parse(text, "config.toml").unwrap_err();
    assert_eq!(format!("\n{report}\n"), expected);
}

/// Asserts what is reported of `text`, which is right by itself, on [`host`].
fn shows_on_host(text: &str, expected: &str) {
    let config = Config::parse(text, "config.toml").unwrap();
    let report = config.problems(&host()).expect("a problem");
    assert_eq!(format!("\n{report}\n"), expected);
}

/// A host with two uplinks, a bridge with addresses and one without.
fn host() -> World {
    let interface = |index, name: &str, addresses: &[&str]| Interface {
        index,
        name: name.to_owned(),
        addresses: addresses.iter().map(|net| net.parse().unwrap()).collect(),
        ..Interface::default()
    };
    let interfaces = [
        interface(1, "lo", &["127.0.0.1/8", "::1/128"]),
        interface(2, "eth0", &["192.168.100.1/24", "fe80::1/64"]),
        interface(3, "eth1", &["172.16.0.1/30"]),
        interface(4, "docker0", &["10.100.0.1/24", "fe80::2/64"]),
        interface(5, "br-bare", &["fe80::3/64"]),
    ];
    World {
        interfaces: interfaces.into_iter().map(|it| (it.index, it)).collect(),
        default_route: Some(3),
        ..World::default()
    }
}
