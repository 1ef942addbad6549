//! Containers that send more than fits into a tunnel: they are told at once, and so is the
//! operator.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{IpAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use routemesh_tests::lab::{
    Echo, Node, PATIENCE, Pair, Ping, Routemesh, Side, eventually, tcp_stream, udp_echo,
};

const MIB: u64 = 1 << 20;
/// What VXLAN over Ethernet's 1500 bytes leaves, over IPv4 and over IPv6.
const ROOM: [(Family, u32); 2] = [(Family::V4, 1450), (Family::V6, 1430)];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

#[test]
fn a_stream_of_packets_too_big_for_the_tunnel_goes_on_after_one_round_trip() {
    let tunnel = Tunnel::new();
    let (a, b) = (&tunnel.pair.a.container, &tunnel.pair.b.container);
    for (family, room) in ROOM {
        let before = tunnel.a.packets("port", "too_big").unwrap();
        tcp_stream(a, b, tunnel.far(family), 8 * MIB).unwrap();
        let told = tunnel.a.packets("port", "too_big").unwrap() - before;
        // At most what was on its way before the first answer came: the initial window.
        assert!((1..=10).contains(&told), "{told} were answered");
        assert_eq!(learnt_mtu(a, tunnel.far(family)), room);
    }
    // A sender that is not told waits for its retransmission timer.
    assert_eq!(tcp_timeouts(a), 0);
}

#[test]
fn a_datagram_that_may_not_be_fragmented_is_answered_with_what_fits() {
    let tunnel = Tunnel::new();
    for (family, room) in ROOM {
        let ping = Ping {
            dont_fragment: true,
            ..Ping::of(1452)
        };
        let report = ping
            .report(&tunnel.pair.a.container, tunnel.far(family))
            .unwrap();
        let told = [format!("mtu = {room}"), format!("mtu={room}")];
        assert!(told.iter().any(|told| report.contains(told)), "{report}");
        assert!(report.contains(" 0 received"), "{report}");
    }
}

#[test]
fn a_sender_of_datagrams_that_was_told_cuts_them_itself() {
    let tunnel = Tunnel::new();
    let (a, b) = (&tunnel.pair.a.container, &tunnel.pair.b.container);
    // The most that containers' interfaces take, and more.
    let sizes = &[1452, 1472, 4000, 20_000];
    for (family, room) in ROOM {
        udp_echo(a, b, tunnel.far(family), Echo { sizes }).unwrap();
        assert_eq!(learnt_mtu(a, tunnel.far(family)), room);
    }
}

#[test]
fn the_command_in_the_warning_does_what_is_needed() {
    let tunnel = Tunnel::new();
    let [warning] = &tunnel.warnings()[..] else {
        panic!("{:?}", tunnel.warnings());
    };
    let command = warning.split('\'').nth(1).unwrap();
    // The smallest of the tunnels in use, which is the one over IPv6.
    assert_eq!(command, "ip link set docker0 mtu 1430");
    let side = &tunnel.pair.a;
    side.host.ip(command.strip_prefix("ip ").unwrap()).unwrap();
    side.container.mtu("eth0", 1430).unwrap();
    eventually("the warning to go", PATIENCE, || {
        ensure!(tunnel.warnings().is_empty(), "{:?}", tunnel.warnings());
        Ok(())
    })
    .unwrap();
    for (family, _) in ROOM {
        tcp_stream(
            &side.container,
            &tunnel.pair.b.container,
            tunnel.far(family),
            MIB,
        )
        .unwrap();
    }
    assert_eq!(tunnel.a.packets("port", "too_big").unwrap(), 0);
}

/// A firewall that drops the answers is common, and then nothing but clamping helps.
#[test]
fn where_answers_are_blocked_a_connection_needs_its_segments_clamped() {
    for (tunnel, comes_through) in [
        (Tunnel::new(), false),
        (Tunnel::with("[tunnel]\nclamp-mss = true\n"), true),
    ] {
        let (a, b) = (&tunnel.pair.a.container, &tunnel.pair.b.container);
        for container in [a, b] {
            container.run(["nft", BLOCK]).unwrap();
        }
        for (family, _) in ROOM {
            let all = comes_all(a, b, tunnel.far(family)).unwrap();
            assert_eq!(all, comes_through);
        }
        let told = tunnel.a.packets("port", "too_big").unwrap();
        assert_eq!(told == 0, comes_through, "{told} were answered");
    }
}

const BLOCK: &str = "add table inet f; add chain inet f i { type filter hook input priority 0; }; \
                     add rule inet f i icmp type destination-unreachable drop; \
                     add rule inet f i icmpv6 type packet-too-big drop";

/// Whether more than a few full segments come from one container to the other in good time.
fn comes_all(from: &Node, to: &Node, address: IpAddr) -> Result<bool> {
    const AMOUNT: usize = 100_000;
    let listener = to.enter(|| Ok(TcpListener::bind((address, 0))?))?;
    let port = listener.local_addr()?.port();
    thread::scope(|scope| {
        let heard = scope.spawn(move || {
            let (mut stream, _) = listener.accept()?;
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            let mut all = vec![0; AMOUNT];
            anyhow::Ok(stream.read_exact(&mut all).is_ok())
        });
        let mut stream = from.enter(|| Ok(TcpStream::connect((address, port))?))?;
        stream.set_write_timeout(Some(Duration::from_secs(2)))?;
        // What does not come through fills the socket's buffer.
        let _ = stream.write_all(&[0; AMOUNT]);
        heard.join().expect("the listener does not panic")
    })
}

/// Two hosts, whose routes to one another's containers go through VXLAN.
struct Tunnel {
    pair: Pair,
    a: Routemesh,
    _b: Routemesh,
}

impl Tunnel {
    fn new() -> Self {
        Self::with("")
    }

    fn with(settings: &str) -> Self {
        let pair = Pair::new().unwrap();
        let start = |side: &Side, other: &Side| {
            let config = side
                .config("tc", other)
                .replace("via = ", "mode = \"vxlan\"\nvia = ")
                + settings;
            Routemesh::start(&side.host, &config).unwrap()
        };
        let (a, _b) = (start(&pair.a, &pair.b), start(&pair.b, &pair.a));
        Self { pair, a, _b }
    }

    /// The other host's container.
    fn far(&self, family: Family) -> IpAddr {
        match family {
            Family::V4 => self.pair.b.container.v4(),
            Family::V6 => self.pair.b.container.v6(),
        }
    }

    fn warnings(&self) -> Vec<String> {
        let status = self.a.cli_json(&["status"]).unwrap();
        serde_json::from_value(status["warnings"].clone()).unwrap()
    }
}

/// The path MTU that `node` has noted for an address.
fn learnt_mtu(node: &Node, to: IpAddr) -> u32 {
    let route = node
        .run(["ip", "-o", "route", "get", &to.to_string()])
        .unwrap();
    let mtu = route.split_once(" mtu ").map(|(_, rest)| rest);
    let mtu = mtu.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    mtu.unwrap_or_else(|| panic!("no MTU: {route}"))
}

/// Retransmission timers of TCP that went off on `node`.
fn tcp_timeouts(node: &Node) -> u64 {
    let counted = node.enter(|| -> Result<u64> {
        let text = fs::read_to_string("/proc/thread-self/net/netstat")?;
        let mut lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("TcpExt: "));
        let (names, values) = (
            lines.next().context("no names")?,
            lines.next().context("no values")?,
        );
        let mut pairs = names.split(' ').zip(values.split(' '));
        let (_, value) = pairs
            .find(|(name, _)| *name == "TCPTimeouts")
            .context("no counter")?;
        Ok(value.parse()?)
    });
    counted.unwrap()
}
