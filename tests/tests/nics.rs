//! Network interfaces with drivers, which have XDP of their own.

use routemesh_tests::lab::{Host, Lab, Ping, Routemesh, Side, has_tcx, tcp_stream};

const MIB: u64 = 1 << 20;

#[test]
#[ignore = "needs network interfaces to itself, as `cargo xtask test --kernel` has them"]
fn auto_means_xdp_in_the_driver_and_it_forwards() {
    let nics = std::env::var("ROUTEMESH_TEST_NICS").expect("the names of three interfaces");
    let mut nics = nics.split(' ');
    let lab = Lab::new().unwrap();
    let mut plugged = |name| {
        let host = lab.unplugged_host(name).unwrap();
        host.adopt(nics.next().unwrap(), lab.wire()).unwrap();
        host
    };
    let (a, r, b) = (plugged("a"), plugged("r"), plugged("b"));
    let (a, b) = (Side::new(a, 100).unwrap(), Side::new(b, 200).unwrap());

    // A and B know of one another's containers by way of R only.
    let network = "[[network]]\ninterface = \"docker0\"\n";
    let of_r = UPLINK.to_owned() + &routes(&lab, &a.host, &a) + &routes(&lab, &b.host, &b);
    let daemons = [
        Routemesh::start(&r, &of_r).unwrap(),
        Routemesh::start(
            &a.host,
            &format!("{UPLINK}{network}{}", routes(&lab, &r, &b)),
        )
        .unwrap(),
        Routemesh::start(
            &b.host,
            &format!("{UPLINK}{network}{}", routes(&lab, &r, &a)),
        )
        .unwrap(),
    ];
    let mode = if has_tcx() { "xdp+tcx" } else { "xdp+clsact" };
    for daemon in &daemons {
        let links = daemon.cli_json(&["link", "list"]).unwrap();
        let mut found = links.as_array().into_iter().flatten();
        let uplink = found.find(|link| link["ifname"] == "eth0").unwrap();
        assert_eq!(uplink["mode"], mode, "{uplink}");
    }

    for address in [b.container.v4(), b.container.v6()] {
        let report = Ping::default().run(&a.container, address).unwrap();
        assert_eq!(report.matches("ttl=61").count(), 3, "{report}");
        Ping::of(3000).run(&a.container, address).unwrap();
        tcp_stream(&a.container, &b.container, address, 4 * MIB).unwrap();
    }
    assert!(daemons[0].packets("xdp", "routed").unwrap() > 1000);
    assert_eq!(daemons[0].packets("tc", "routed").unwrap(), 0);
}

const UPLINK: &str = "[[uplink]]\ninterface = \"eth0\"\n";

/// Routes to the containers of `to`, by way of `via`.
fn routes(lab: &Lab, via: &Host, to: &Side) -> String {
    to.network
        .subnets()
        .map(|subnet| {
            let via = lab.wire().address(via, subnet.addr());
            format!("[[route]]\ndst = \"{subnet}\"\nvia = \"{via}\"\n")
        })
        .collect()
}
