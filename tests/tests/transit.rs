//! A host that forwards between others, and hosts with several uplinks.

use routemesh_tests::lab::{Chain, Lab, Ping, Routemesh, Side, Wire, tcp_stream};

const MIB: u64 = 1 << 20;

#[test]
fn tc_forwards_between_two_wires() {
    forwards(&Chain::between_two_wires().unwrap(), "tc");
}

#[test]
fn xdp_forwards_between_two_wires() {
    forwards(&Chain::between_two_wires().unwrap(), "xdp");
}

#[test]
fn tc_forwards_back_out_of_the_interface_it_came_by() {
    forwards(&Chain::on_a_stick().unwrap(), "tc");
}

#[test]
fn xdp_forwards_back_out_of_the_interface_it_came_by() {
    forwards(&Chain::on_a_stick().unwrap(), "xdp");
}

#[test]
fn a_host_with_two_uplinks_uses_the_one_its_next_hop_is_on() {
    let lab = Lab::new().unwrap();
    let wire = lab.new_wire().unwrap();
    let a = Side::new(lab.host("a").unwrap(), 100).unwrap();
    let b = Side::new(lab.host("b").unwrap(), 200).unwrap();
    let c = Side::new(lab.unplugged_host("c").unwrap(), 210).unwrap();
    a.host.plug("eth1", &wire).unwrap();
    c.host.plug("eth0", &wire).unwrap();
    let start = |side: &Side, wire: &Wire| {
        let config = CONFIG.to_owned() + &a.routes(wire, &a.host);
        Routemesh::start(&side.host, &config).unwrap()
    };
    let mut daemons = vec![start(&b, lab.wire()), start(&c, &wire)];
    let second = "[[uplink]]\ninterface = \"eth1\"\nmode = \"tc\"\n";
    let config =
        CONFIG.to_owned() + second + &b.routes(lab.wire(), &b.host) + &c.routes(&wire, &c.host);
    daemons.push(Routemesh::start(&a.host, &config).unwrap());
    for other in [&b, &c] {
        for address in [other.container.v4(), other.container.v6()] {
            Ping::default().run(&a.container, address).unwrap();
            tcp_stream(&a.container, &other.container, address, 2 * MIB).unwrap();
        }
    }
}

/// An end's uplink and network.
const CONFIG: &str = "[[uplink]]\ninterface = \"eth0\"\nmode = \"tc\"\n\
    [[network]]\ninterface = \"docker0\"\n";

/// R carries everything, from the hook `hook`.
fn forwards(chain: &Chain, hook: &str) {
    let daemons = chain.routemesh(hook, "tc").unwrap();
    chain.ensure_it_carries().unwrap();
    assert!(daemons[0].packets(hook, "routed").unwrap() > 100);
}
