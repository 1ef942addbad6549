//! Two real Docker daemons, their iptables on and forwarding refused, and not one rule added.

use std::net::IpAddr;

use anyhow::{Context, ensure};
use routemesh_tests::lab::{
    Docker, DockerContainer, Host, Lab, PATIENCE, Ping, Routemesh, eventually, tcp_stream,
};

const MIB: u64 = 1 << 20;

#[test]
fn containers_of_two_dockers_reach_one_another_though_iptables_refuses() {
    let lab = Lab::new().unwrap();
    let (a, b) = (lab.host("a").unwrap(), lab.host("b").unwrap());
    let on_a = docker(&a, 100);
    let on_b = docker(&b, 200);
    let rules = [&a, &b].map(rules_of);
    let daemons = [daemon(&a, &b, 200), daemon(&b, &a, 100)];
    let (c, d) = (on_a.container("c1").unwrap(), on_b.container("d1").unwrap());

    reach_one_another(&c, &d);
    // By Docker's own means, too.
    let address = d.v4().unwrap().to_string();
    c.exec(["ping", "-c", "3", "-W", "2", &address]).unwrap();
    assert!(daemons[0].packets("port", "routed").unwrap() > 0);
    assert!(daemons[1].packets("tc", "delivered").unwrap() > 0);

    // A new veth, a new index, the same address.
    d.restart().unwrap();
    reach_one_another(&c, &d);

    assert_eq!([&a, &b].map(rules_of), rules, "nobody touched iptables");
    for host in [&a, &b] {
        assert!(rules_of(host).contains("-P FORWARD DROP"));
    }
}

/// Docker on the host with `10.N.0.1/24`, and no forwarding unless iptables is asked nothing.
fn docker(host: &Host, subnet: u8) -> Docker {
    let bridge = format!("10.{subnet}.0.1/24");
    let docker = Docker::start(host, &bridge, &format!("fd00:10:{subnet}::/64")).unwrap();
    for iptables in ["iptables", "ip6tables"] {
        host.run([iptables, "-P", "FORWARD", "DROP"]).unwrap();
    }
    docker
}

fn daemon(host: &Host, other: &Host, subnet: u8) -> Routemesh {
    let config = format!(
        "[[uplink]]\ninterface = \"eth0\"\n\
         [[network]]\ninterface = \"docker0\"\n\
         [[route]]\ndst = \"10.{subnet}.0.0/24\"\nvia = \"{}\"\n\
         [[route]]\ndst = \"fd00:10:{subnet}::/64\"\nvia = \"{}\"\n",
        other.v4(),
        other.v6()
    );
    Routemesh::start(host, &config).unwrap()
}

/// The policies and rules of the filter and NAT tables, but not what they counted. Docker's
/// own rules do not name single containers unless a port is published.
fn rules_of(host: &Host) -> String {
    let filter = host.run(["iptables", "-S"]).unwrap();
    filter + &host.run(["iptables", "-t", "nat", "-S"]).unwrap()
}

fn reach_one_another(c: &DockerContainer<'_>, d: &DockerContainer<'_>) {
    let (from, to) = (c.node().unwrap(), d.node().unwrap());
    for address in [d.v4().unwrap(), d.v6().unwrap()] {
        eventually("the first answer", PATIENCE, || {
            first_answer(&from, address)
        })
        .unwrap();
        Ping::of(3000).run(&from, address).unwrap();
        tcp_stream(&from, &to, address, 8 * MIB).unwrap();
    }
    tcp_stream(&to, &from, c.v4().unwrap(), 8 * MIB).unwrap();
}

/// Docker's containers do duplicate address detection, so an address may not answer at once.
fn first_answer(from: &routemesh_tests::lab::Node, address: IpAddr) -> anyhow::Result<()> {
    let ping = Ping {
        count: 1,
        ..Ping::default()
    };
    let report = ping.run(from, address).context("ping")?;
    ensure!(report.contains("ttl=62"), "{report}");
    Ok(())
}
