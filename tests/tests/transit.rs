//! A host that forwards between others, and hosts with several uplinks.

use routemesh_tests::lab::{Host, Lab, Ping, Routemesh, Side, Wire, tcp_stream};

const MIB: u64 = 1 << 20;

#[test]
fn tc_forwards_between_two_wires() {
    let chain = Chain::between_two_wires("tc");
    chain.carries_everything();
    assert!(chain.forwarded("tc") > 100);
}

#[test]
fn xdp_forwards_between_two_wires() {
    let chain = Chain::between_two_wires("xdp");
    chain.carries_everything();
    assert!(chain.forwarded("xdp") > 100);
}

#[test]
fn tc_forwards_back_out_of_the_interface_it_came_by() {
    let chain = Chain::on_a_stick("tc");
    chain.carries_everything();
    assert!(chain.forwarded("tc") > 100);
}

#[test]
fn xdp_forwards_back_out_of_the_interface_it_came_by() {
    let chain = Chain::on_a_stick("xdp");
    chain.carries_everything();
    assert!(chain.forwarded("xdp") > 100);
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
    let mut daemons = vec![
        start(&b, &[(&a, lab.wire(), &a)]),
        start(&c, &[(&a, &wire, &a)]),
    ];
    let second = "[[uplink]]\ninterface = \"eth1\"\nmode = \"tc\"\n";
    let config = config(&a.host, "tc", true)
        + second
        + &routes(lab.wire(), &b.host, &b)
        + &routes(&wire, &c.host, &c);
    daemons.push(Routemesh::start(&a.host, &config).unwrap());
    for other in [&b, &c] {
        for address in [other.container.v4(), other.container.v6()] {
            Ping::default().run(&a.container, address).unwrap();
            tcp_stream(&a.container, &other.container, address, 2 * MIB).unwrap();
        }
    }
}

/// Starts routemesh on `side` with routes to each (containers of, wire, by way of).
fn start(side: &Side, others: &[(&Side, &Wire, &Side)]) -> Routemesh {
    let routes: String = others
        .iter()
        .map(|(to, wire, via)| routes(wire, &via.host, to))
        .collect();
    Routemesh::start(&side.host, &(config(&side.host, "tc", true) + &routes)).unwrap()
}

/// Hosts A and B, which know of one another's containers by way of R only.
struct Chain {
    a: Side,
    b: Side,
    /// R's daemon first.
    daemons: Vec<Routemesh>,
    /// What keeps the rest in place.
    _lab: (Lab, Host, Wire),
}

impl Chain {
    /// A on one wire, B on another, R on both.
    fn between_two_wires(mode: &str) -> Self {
        let lab = Lab::new().unwrap();
        let wire = lab.new_wire().unwrap();
        let (a, r) = (lab.host("a").unwrap(), lab.host("r").unwrap());
        let b = lab.unplugged_host("b").unwrap();
        r.plug("eth1", &wire).unwrap();
        b.plug("eth0", &wire).unwrap();
        wire.accept_xdp(&r, "eth1").unwrap();
        let second = format!("[[uplink]]\ninterface = \"eth1\"\nmode = \"{mode}\"\n");
        Self::of(lab, wire, [a, r, b], (mode, &second))
    }

    /// All three on one wire.
    fn on_a_stick(mode: &str) -> Self {
        let lab = Lab::new().unwrap();
        let wire = lab.new_wire().unwrap();
        let hosts = ["a", "r", "b"].map(|name| {
            let host = lab.unplugged_host(name).unwrap();
            host.plug("eth0", &wire).unwrap();
            host
        });
        Self::of(lab, wire, hosts, (mode, ""))
    }

    fn of(lab: Lab, far: Wire, [a, r, b]: [Host; 3], (mode, more): (&str, &str)) -> Self {
        // On a stick A has no address on the lab's own wire: there is one wire only.
        let near = if more.is_empty() { &far } else { lab.wire() };
        near.accept_xdp(&r, "eth0").unwrap();
        let (a, b) = (Side::new(a, 100).unwrap(), Side::new(b, 200).unwrap());
        for side in [&a, &b] {
            // What XDP redirects must have its checksums complete. Frames off a cable have;
            // those of a local veth have not, unless the sender computes them itself. Without
            // this pings pass and TCP fails.
            side.container.offload("eth0", "tx", false).unwrap();
        }
        let to_r = |side: &Side, wire: &Wire, other: &Side| {
            let config = config(&side.host, "tc", true) + &routes(wire, &r, other);
            Routemesh::start(&side.host, &config).unwrap()
        };
        let of_r = config(&r, mode, false)
            + more
            + &routes(near, &a.host, &a)
            + &routes(&far, &b.host, &b);
        let daemons = vec![
            Routemesh::start(&r, &of_r).unwrap(),
            to_r(&a, near, &b),
            to_r(&b, &far, &a),
        ];
        let _lab = (lab, r, far);
        Self {
            a,
            b,
            daemons,
            _lab,
        }
    }

    fn carries_everything(&self) {
        let (a, b) = (&self.a.container, &self.b.container);
        for address in [b.v4(), b.v6()] {
            let report = Ping::default().run(a, address).unwrap();
            assert_eq!(report.matches("ttl=61").count(), 3, "{report}");
            Ping::of(3000).run(a, address).unwrap();
            tcp_stream(a, b, address, 4 * MIB).unwrap();
        }
    }

    /// Packets that R sent on from the hook.
    fn forwarded(&self, hook: &str) -> u64 {
        self.daemons[0].packets(hook, "routed").unwrap()
    }
}

/// The head of a configuration: the node, the uplink `eth0`, and the network if there is one.
fn config(host: &Host, mode: &str, network: bool) -> String {
    let network = if network {
        "[[network]]\ninterface = \"docker0\"\n"
    } else {
        ""
    };
    format!(
        "node = \"{}\"\n{network}[[uplink]]\ninterface = \"eth0\"\nmode = \"{mode}\"\n",
        host.name()
    )
}

/// Routes to the containers of `to`, by way of `via` on `wire`.
fn routes(wire: &Wire, via: &Host, to: &Side) -> String {
    to.network
        .subnets()
        .map(|subnet| {
            let via = wire.address(via, subnet.addr());
            format!("[[route]]\ndst = \"{subnet}\"\nvia = \"{via}\"\n")
        })
        .collect()
}
