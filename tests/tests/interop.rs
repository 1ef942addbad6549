//! Tunnels with other ends that nobody here wrote: the kernel's own `vxlan` device.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

use routemesh_tests::{
    lab::{Capture, Host, Node, PATIENCE, Pair, Ping, Routemesh, Side, eventually, tcp_stream},
    packet::{difference, internet_checksum},
};

const MIB: u64 = 1 << 20;
/// MAC of the kernel's device on either host.
const VTEP: &str = "02:00:00:00:00:99";
/// Outer and inner headers of VXLAN over IPv4.
const OUTER_IP: std::ops::Range<usize> = 14..34;
const INNER_MACS: std::ops::Range<usize> = 50..62;

#[test]
fn flannels_vxlan_device_understands_and_is_understood() {
    let pair = Pair::new().unwrap();
    let b_mac = VTEP;
    let tunnel = "[tunnel]\nvni = 1\nvxlan-port = 8472\n";
    let more = format!("vtep-mac = \"{b_mac}\"\n");
    let a = start(&pair.a, &pair.b, tunnel, &more);
    device(
        &pair.b,
        &pair.a,
        Device {
            vni: 1,
            port: 8472,
            more: "nolearning",
            mac: b_mac,
            peer: "02:00:00:00:00:77",
        },
    );
    both_ways(&pair);
    assert!(ended(&a, "encapsulated") > 100);
}

#[test]
fn a_vxlan_device_that_learns_understands_and_is_understood() {
    let pair = Pair::new().unwrap();
    let more = format!("vtep-mac = \"{VTEP}\"\n");
    let _a = start(&pair.a, &pair.b, "[tunnel]\nvni = 100\n", &more);
    device(
        &pair.b,
        &pair.a,
        Device {
            vni: 100,
            port: 4789,
            more: "learning",
            mac: VTEP,
            peer: "02:00:00:00:00:77",
        },
    );
    both_ways(&pair);
}

fn both_ways(pair: &Pair) {
    for (from, to) in [(&pair.a, &pair.b), (&pair.b, &pair.a)] {
        for address in [to.container.v4(), to.container.v6()] {
            eventually("a ping through the tunnel", PATIENCE, || {
                Ping::default().run(&from.container, address)
            })
            .unwrap();
            tcp_stream(&from.container, &to.container, address, 16 * MIB).unwrap();
        }
    }
}

#[test]
fn a_packet_of_ours_is_byte_for_byte_the_kernels() {
    let pair = Pair::new().unwrap();
    let wire = Capture::start(&pair.b.host).unwrap();
    let ours: Vec<_> = {
        let _a = start(&pair.a, &pair.b, "[tunnel]\nvni = 100\n", "");
        let both = [pair.b.container.v4(), pair.b.container.v6()];
        both.map(|to| said(&pair.a.container, to, &wire)).into()
    };
    let macs = &ours[0][INNER_MACS];
    let (peer, own) = (mac(&macs[..6]), mac(&macs[6..]));
    let kernels = Device {
        vni: 100,
        port: 4789,
        more: "nolearning noudpcsum",
        mac: &own,
        peer: &peer,
    };
    device(&pair.a, &pair.b, kernels);
    wire.drain().unwrap();
    for (ours, to) in ours
        .iter()
        .zip([pair.b.container.v4(), pair.b.container.v6()])
    {
        let kernels = said(&pair.a.container, to, &wire);
        let differs = difference(&leveled(&kernels), &leveled(ours));
        assert!(differs.is_none(), "{}", differs.unwrap_or_default());
    }
}

#[test]
fn a_packet_out_of_our_tunnel_is_byte_for_byte_as_out_of_the_kernels() {
    let pair = Pair::new().unwrap();
    let remote = Device {
        vni: 100,
        port: 4789,
        more: "nolearning noudpcsum",
        mac: VTEP,
        peer: "02:00:00:00:00:77",
    };
    device(&pair.b, &pair.a, remote);
    let inside = Capture::start(&pair.a.container).unwrap();
    let heard = |to: IpAddr| heard(&pair.b.container, to, &inside);
    let both = [pair.a.container.v4(), pair.a.container.v6()];
    let ours = {
        let more = format!("vtep-mac = \"{VTEP}\"\n");
        let _a = start(&pair.a, &pair.b, "[tunnel]\nvni = 100\n", &more);
        both.map(heard)
    };
    let own = Device {
        mac: "02:00:00:00:00:77",
        peer: VTEP,
        ..remote
    };
    device(&pair.a, &pair.b, own);
    inside.drain().unwrap();
    for (ours, to) in ours.iter().zip(both) {
        let differs = difference(&inner_leveled(&heard(to), 0), &inner_leveled(ours, 0));
        assert!(differs.is_none(), "{}", differs.unwrap_or_default());
    }
}

/// Starts routemesh with routes to the other side's containers, in VXLAN.
fn start(side: &Side, other: &Side, tunnel: &str, more: &str) -> Routemesh {
    let mut config = format!(
        "node = \"{}\"\n{tunnel}[[uplink]]\ninterface = \"eth0\"\nmode = \"tc\"\n\
         [[network]]\ninterface = \"docker0\"\n",
        side.host.name()
    );
    for subnet in other.network.subnets() {
        let via = other.host.v4();
        config +=
            &format!("[[route]]\ndst = \"{subnet}\"\nvia = \"{via}\"\nmode = \"vxlan\"\n{more}");
    }
    Routemesh::start(&side.host, &config).unwrap()
}

/// A `vxlan` device of the kernel's.
#[derive(Clone, Copy)]
struct Device<'a> {
    vni: u32,
    port: u16,
    more: &'a str,
    mac: &'a str,
    /// MAC of the other end.
    peer: &'a str,
}

/// Makes it, with permanent entries for the other side as flannel has them, and lets the kernel
/// forward.
fn device(side: &Side, other: &Side, device: Device<'_>) {
    let Device {
        vni,
        port,
        more,
        mac,
        peer,
    } = device;
    let (local, remote) = (side.host.v4(), other.host.v4());
    side.host.forward().unwrap();
    side.host
        .ip(&format!(
            "link add vx0 address {mac} type vxlan id {vni} dstport {port} local {local} dev eth0 \
             ttl 64 df set {more}\n\
             link set vx0 up"
        ))
        .unwrap();
    for subnet in other.network.subnets() {
        let gateway = subnet.network();
        side.host
            .ip(&format!(
                "route add {subnet} via {gateway} dev vx0 onlink\n\
                 neigh replace {gateway} lladdr {peer} dev vx0 nud permanent"
            ))
            .unwrap();
    }
    entry(&side.host, peer, &remote.to_string());
}

/// An entry of the device's forwarding table.
fn entry(host: &Host, mac: &str, to: &str) {
    host.run(["bridge", "fdb", "replace", mac, "dev", "vx0", "dst", to])
        .unwrap();
}

/// Sends a datagram that is the same each time, and returns the frame that carries it.
fn sent(from: &Node, to: IpAddr, seen: &Capture, wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let any: IpAddr = if to.is_ipv4() {
        [0, 0, 0, 0].into()
    } else {
        [0_u16; 8].into()
    };
    from.enter(|| {
        let socket = UdpSocket::bind(SocketAddr::new(any, 4007))?;
        socket.send_to(MARK, SocketAddr::new(to, 7004))?;
        Ok(())
    })
    .unwrap();
    seen.wait_for(Duration::from_secs(5), wanted).unwrap()
}

const MARK: &[u8] = b"the same datagram each time";

/// The frame on the wire.
fn said(from: &Node, to: IpAddr, wire: &Capture) -> Vec<u8> {
    sent(from, to, wire, |frame| {
        frame.get(36..38) == Some(&4789_u16.to_be_bytes()) && frame.ends_with(MARK)
    })
}

/// The frame in the container.
fn heard(from: &Node, to: IpAddr, inside: &Capture) -> Vec<u8> {
    // Not the ICMP error that says nobody listens.
    let is_udp = |frame: &[u8]| frame[14] == 0x45 && frame[23] == 17 || frame[20] == 17;
    sent(from, to, inside, |frame| {
        is_udp(frame) && frame.ends_with(MARK)
    })
}

fn mac(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

/// The frame without what may differ: identification of the outer header and UDP source port.
fn leveled(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    assert_eq!(
        internet_checksum(&frame[OUTER_IP]),
        0,
        "checksum of the outer header"
    );
    frame[18..20].fill(0);
    frame[24..26].fill(0);
    frame[34..36].fill(0);
    inner_leveled(&frame, INNER_MACS.start)
}

/// The frame without what differs by no doing of the tunnel's: the identification that the
/// sending kernel gives each IPv4 packet, and the UDP checksum, which may still be the network
/// card's to compute. `at` is where the Ethernet header stands.
fn inner_leveled(frame: &[u8], at: usize) -> Vec<u8> {
    let mut frame = frame.to_vec();
    let ip = at + 14;
    let udp = if frame[ip] >> 4 == 4 {
        assert_eq!(
            internet_checksum(&frame[ip..ip + 20]),
            0,
            "checksum of the inner header"
        );
        frame[ip + 4..ip + 6].fill(0);
        frame[ip + 10..ip + 12].fill(0);
        ip + 20
    } else {
        ip + 40
    };
    frame[udp + 6..udp + 8].fill(0);
    frame
}

/// Packets that ended so at tc of any interface.
fn ended(daemon: &Routemesh, outcome: &str) -> u64 {
    let counts = daemon.http("GET", "/v1/outcomes", "").unwrap();
    let counts = counts.json().unwrap();
    let counts = counts.as_array().into_iter().flatten();
    counts
        .filter(|count| count["outcome"] == outcome)
        .filter_map(|count| count["packets"].as_u64())
        .sum()
}
