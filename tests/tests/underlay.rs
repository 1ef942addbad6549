//! Next hops of tunnels, against the real daemon: what leads to them, and what fits in.

use anyhow::ensure;
use routemesh_tests::lab::{Host, Lab, PATIENCE, Routemesh, eventually};
use serde_json::Value;

const CONFIG: &str = "node = \"a\"\n[[uplink]]\ninterface = \"eth0\"\nmode = \"tc\"\n\
     [[network]]\ninterface = \"docker0\"\n";

#[test]
fn a_tunnel_follows_the_routes_to_its_other_end() {
    let (_lab, host, daemon) = host_with("");
    daemon
        .cli_ok(&words("route add 10.9.0.0/24 via 198.51.100.7 mode vxlan"))
        .unwrap();
    let shown = route(&daemon);
    assert_eq!(
        (&shown["state"], &shown["type"]),
        (&"unreachable".into(), &"vxlan".into())
    );
    host.ip("route add 198.51.100.0/24 via 192.168.100.2")
        .unwrap();
    until_route(&daemon, |route| route["state"] == "active");
    let shown = route(&daemon);
    assert_eq!(shown["local"], "192.168.100.1");
    assert_eq!(
        (&shown["vni"], &shown["path_mtu"]),
        (&100.into(), &1450.into())
    );
    host.ip("route replace 198.51.100.0/24 via 192.168.100.2 mtu 1400")
        .unwrap();
    until_route(&daemon, |route| route["path_mtu"] == 1350);
    host.ip("route del 198.51.100.0/24").unwrap();
    until_route(&daemon, |route| route["state"] == "unreachable");
}

#[test]
fn auto_is_direct_on_link_and_a_tunnel_beyond() {
    let (_lab, host, daemon) = host_with("[tunnel]\nmode = \"geneve\"\nvni = 7\n");
    host.ip("route add 198.51.100.0/24 via 192.168.100.2")
        .unwrap();
    for (via, kind) in [("192.168.100.2", "direct"), ("198.51.100.7", "geneve")] {
        let add = format!("route replace 10.9.0.0/24 via {via} mode auto");
        daemon.cli_ok(&words(&add)).unwrap();
        until_route(&daemon, |route| {
            (&route["state"], &route["type"]) == (&"active".into(), &kind.into())
        });
    }
    let listed = daemon.cli_ok(&words("route list -o wide")).unwrap();
    let line = listed.lines().find(|line| line.contains("geneve"));
    assert!(line.unwrap().contains(" 192.168.100.1    7 "), "{listed}");
}

#[test]
fn a_network_that_sends_more_than_fits_is_warned_of() {
    let (_lab, host, daemon) = host_with("");
    let warnings = || daemon.cli_json(&["status"]).unwrap()["warnings"].to_string();
    daemon
        .cli_ok(&words("route add 10.9.0.0/24 via 192.168.100.2 mode vxlan"))
        .unwrap();
    assert!(
        warnings().contains("ip link set docker0 mtu 1450"),
        "{}",
        warnings()
    );
    let links = daemon.cli_json(&words("link list")).unwrap();
    let network = links
        .as_array()
        .unwrap()
        .iter()
        .find(|link| link["role"] == "network");
    assert_eq!(network.unwrap()["path_mtu"], 1450);
    host.ip("link set docker0 mtu 1450").unwrap();
    eventually("the warning to go", PATIENCE, || {
        ensure!(!warnings().contains("docker0"), "{}", warnings());
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_reload_changes_what_tunnels_have_in_common() {
    let route_text =
        "[[route]]\ndst = \"10.9.0.0/24\"\nvia = \"192.168.100.2\"\nmode = \"vxlan\"\n";
    let (_lab, _host, daemon) = host_with(route_text);
    assert_eq!(route(&daemon)["vni"], 100);
    let changed = format!("{CONFIG}{route_text}[tunnel]\nvni = 4711\n");
    daemon.write_config(&changed).unwrap();
    daemon.cli_ok(&["reload"]).unwrap();
    let shown = route(&daemon);
    assert_eq!(
        (&shown["vni"], &shown["state"]),
        (&4711.into(), &"active".into())
    );
}

/// A host with a container network, and a daemon with more in its configuration.
fn host_with(more: &str) -> (Lab, Host, Routemesh) {
    let lab = Lab::new().unwrap();
    let host = lab.host("a").unwrap();
    host.network("docker0", "10.100.0.1/24", None).unwrap();
    let daemon = Routemesh::start(&host, &format!("{CONFIG}{more}")).unwrap();
    (lab, host, daemon)
}

fn route(daemon: &Routemesh) -> Value {
    let routes = daemon.cli_json(&words("route list 10.9.0.0/24")).unwrap();
    routes[0].clone()
}

fn until_route(daemon: &Routemesh, condition: impl Fn(&Value) -> bool) {
    eventually("the route to be as it should", PATIENCE, || {
        let route = route(daemon);
        ensure!(condition(&route), "{route}");
        Ok(())
    })
    .unwrap();
}

fn words(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}
