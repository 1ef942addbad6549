//! What the daemon may do, and needs no more than.

use routemesh_tests::lab::{Footprint, Pair, Ping, Routemesh, tcp_stream};

const ENOUGH: [&str; 3] = ["bpf", "net_admin", "perfmon"];

#[test]
fn three_capabilities_are_enough() {
    for mode in ["tc", "xdp"] {
        let pair = Pair::new().unwrap();
        let mut a = Routemesh::prepare(&pair.a.host, &pair.a.config(mode, &pair.b)).unwrap();
        a.restrict(&ENOUGH);
        a.resume().unwrap();
        let _b = Routemesh::start(&pair.b.host, &pair.b.config(mode, &pair.a)).unwrap();
        let (from, to) = (&pair.a.container, &pair.b.container);
        Ping::default().run(from, to.v4()).unwrap();
        tcp_stream(to, from, from.v6(), 1 << 20).unwrap();
        let routes = a.cli_json(&["link"]).unwrap();
        assert_eq!(routes[0]["state"], "up", "{routes}");

        let footprint = Footprint::of(&pair.a.host, &a).unwrap();
        a.stop().unwrap();
        footprint.until_gone().unwrap();
    }
}

#[test]
fn with_less_the_daemon_names_what_it_needs() {
    let pair = Pair::new().unwrap();
    let mut a = Routemesh::prepare(&pair.a.host, &pair.a.config("tc", &pair.b)).unwrap();
    for (lacking, _) in ENOUGH.iter().enumerate() {
        let mut less = ENOUGH.to_vec();
        let name = less.remove(lacking);
        a.restrict(&less);
        let error = format!("{:#}", a.resume().unwrap_err());
        let expected = format!("CAP_{} missing", name.to_uppercase());
        assert!(error.contains(&expected), "{error}");
    }
}
