//! Two container networks on each of two hosts, each pair with a VNI of its own.

use routemesh_tests::lab::{Pair, Ping, Routemesh, Side, tcp_stream};

const RED: u32 = 100;
const BLUE: u32 = 200;

/// The host's configuration: `docker0` is red, and routes to the other's are; `blue0` is blue.
fn config(side: &Side, other: &Side, blue: &str) -> String {
    let config = side.config("tc", other);
    let config = config.replace("via = ", &format!("mode = \"vxlan\"\nvni = {RED}\nvia = "));
    let via = other.host.v4();
    format!(
        "{config}[[network]]\ninterface = \"blue0\"\n\
         [[route]]\ndst = \"{blue}\"\nvia = \"{via}\"\nmode = \"vxlan\"\nvni = {BLUE}\n"
    )
}

#[test]
fn containers_reach_those_of_their_own_network_and_no_others_through_tunnels() {
    let pair = Pair::new().unwrap();
    let (blue_a, blue_b) = ("10.110.0.0/24", "10.210.0.0/24");
    let net_a = pair.a.host.network("blue0", "10.110.0.1/24", None).unwrap();
    let net_b = pair.b.host.network("blue0", "10.210.0.1/24", None).unwrap();
    let from = pair.a.host.container("bluea", &net_a).unwrap();
    let to = pair.b.host.container("blueb", &net_b).unwrap();
    let a = Routemesh::start(&pair.a.host, &config(&pair.a, &pair.b, blue_b)).unwrap();
    let b = Routemesh::start(&pair.b.host, &config(&pair.b, &pair.a, blue_a)).unwrap();
    let (red_a, red_b) = (&pair.a.container, &pair.b.container);
    tcp_stream(red_a, red_b, red_b.v4(), 1 << 20).unwrap();
    tcp_stream(&from, &to, to.v4(), 1 << 20).unwrap();
    let wrong = || b.packets("tc", "wrong_network").unwrap();
    assert_eq!(wrong(), 0);
    // The route to the blue network is blue's, and the way back to the red container is red's.
    assert!(Ping::of(56).run(red_a, to.v4()).is_err());
    let first = wrong();
    assert!(first > 0);
    assert!(Ping::of(56).run(&from, red_b.v4()).is_err());
    assert!(wrong() > first);
    let routes = a.cli_ok(&["route", "list", "-o", "wide"]).unwrap();
    let vni = |dst: &str| {
        let line = routes.lines().find(|line| line.starts_with(dst)).unwrap();
        line.split_whitespace().nth(7).unwrap().to_owned()
    };
    assert_eq!(
        (vni("10.200.0.0/24"), vni(blue_b)),
        ("100".into(), "200".into())
    );
}
