//! Tunnels between hosts that reach one another through gateways only.

use anyhow::ensure;
use routemesh_tests::lab::{
    Host, Lab, PATIENCE, Ping, Routemesh, Side, Wire, eventually, tcp_stream,
};

const MIB: u64 = 1 << 20;

#[test]
fn streams_go_through_a_tunnel_over_a_gateway_and_follow_the_route_to_another() {
    let underlay = Underlay::new();
    let [r, s] = &underlay.gateways;
    underlay.route_by(r);
    let _daemons = [
        underlay.start(&underlay.a, &underlay.b, &underlay.far),
        underlay.start(&underlay.b, &underlay.a, underlay.lab.wire()),
    ];
    underlay.carries_streams();
    // The way there and the way back leave the first gateway, which then is no more.
    underlay.route_by(s);
    for port in ["eth0", "eth1"] {
        r.down(port).unwrap();
    }
    let (a, b) = (&underlay.a.container, &underlay.b.container);
    eventually("the tunnel to go by the other gateway", PATIENCE, || {
        Ping::default().run(a, b.v4())
    })
    .unwrap();
    underlay.carries_streams();
}

/// A on one wire, B on another, and two gateways that are on both and know nothing of containers.
struct Underlay {
    a: Side,
    b: Side,
    gateways: [Host; 2],
    far: Wire,
    lab: Lab,
}

impl Underlay {
    fn new() -> Self {
        let lab = Lab::new().unwrap();
        let far = lab.new_wire().unwrap();
        let a = Side::new(lab.host("a").unwrap(), 100).unwrap();
        let b = lab.unplugged_host("b").unwrap();
        b.plug("eth0", &far).unwrap();
        let b = Side::new(b, 200).unwrap();
        let gateways = ["r", "s"].map(|name| {
            let host = lab.host(name).unwrap();
            host.plug("eth1", &far).unwrap();
            host.forward().unwrap();
            host
        });
        Self {
            a,
            b,
            gateways,
            far,
            lab,
        }
    }

    /// Has both hosts reach the other one's wire by way of `gateway`.
    fn route_by(&self, gateway: &Host) {
        let (near, far) = (self.lab.wire(), &self.far);
        for (side, own, other) in [(&self.a, near, far), (&self.b, far, near)] {
            let (to, via) = (other.v4(gateway), own.v4(gateway));
            let [a, b, c, _] = to.octets();
            side.host
                .ip(&format!("route replace {a}.{b}.{c}.0/24 via {via}"))
                .unwrap();
        }
    }

    /// Starts routemesh on `side`, with VXLAN over IPv4 to `other`, which is on `wire`.
    fn start(&self, side: &Side, other: &Side, wire: &Wire) -> Routemesh {
        let via = wire.v4(&other.host);
        let routes: String = other
            .network
            .subnets()
            .map(|dst| format!("[[route]]\ndst = \"{dst}\"\nvia = \"{via}\"\nmode = \"vxlan\"\n"))
            .collect();
        let config = format!(
            "node = \"{}\"\n[[uplink]]\ninterface = \"eth0\"\nmode = \"tc\"\n\
             [[network]]\ninterface = \"docker0\"\n{routes}",
            side.host.name()
        );
        let daemon = Routemesh::start(&side.host, &config).unwrap();
        eventually("the tunnel's end to be found", PATIENCE, || {
            let routes = daemon.cli_json(&["route", "list"])?;
            let routes = routes.as_array().into_iter().flatten();
            let active = routes.filter(|route| {
                (&route["type"], &route["state"]) == (&"vxlan".into(), &"active".into())
            });
            ensure!(active.count() == 2, "not both routes are active");
            Ok(())
        })
        .unwrap();
        daemon
    }

    fn carries_streams(&self) {
        let (a, b) = (&self.a.container, &self.b.container);
        for (from, to) in [(a, b), (b, a)] {
            for address in [to.v4(), to.v6()] {
                tcp_stream(from, to, address, 8 * MIB).unwrap();
            }
        }
    }
}
