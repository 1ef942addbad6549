//! Who pretends to be this host's tunnel: containers are refused and processes without privileges,
//! and those with privileges by the rule that docs/tunnels.md gives.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    os::fd::AsRawFd as _,
    time::Duration,
};

use anyhow::{Context as _, Result};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, sendto, socket,
};
use routemesh_tests::{
    lab::{Node, Pair, Routemesh, Side, tcp_stream},
    packet::{Packet, Transport},
};

const PORT: u16 = 7777;
const ETHERNET: usize = 14;
const DOCS: &str = include_str!("../../docs/tunnels.md");

#[test]
fn a_container_cannot_speak_for_its_hosts_tunnel() {
    let scene = Scene::new();
    let container = &scene.pair.a.container;
    let mut refused = 0;
    for (outside, packet) in scene.forged(container.v4(), container.v6()) {
        send(container, outside, &packet).unwrap();
        refused += 1;
        assert_eq!(scene.a.packets("port", "forged_tunnel").unwrap(), refused);
    }
    assert_eq!(scene.arrived(), 0);
}

#[test]
fn a_process_of_the_host_is_refused_by_the_rule_in_the_docs() {
    let scene = Scene::new();
    let host = &scene.pair.a.host;
    let forged = scene.forged(host.v4().into(), host.v6().into());
    for (outside, packet) in &forged {
        send(host, *outside, packet).unwrap();
    }
    // What a peer gets from this host's address is this host's word. So these were good forgeries.
    assert_eq!(scene.arrived(), forged.len());
    host.run(["nft", rule()]).unwrap();
    for (outside, packet) in &forged {
        assert!(send(host, *outside, packet).is_err(), "{outside}");
    }
    assert_eq!(scene.arrived(), 0);
    // What the programs send does not pass there.
    let (from, to) = (&scene.pair.a.container, &scene.pair.b.container);
    for address in [to.v4(), to.v6()] {
        tcp_stream(from, to, address, 1 << 20).unwrap();
    }
}

#[test]
fn a_process_without_privileges_may_not_send_to_a_peers_tunnel_ports() {
    let scene = Scene::new();
    let (host, b) = (&scene.pair.a.host, &scene.pair.b.host);
    let outsides = [b.v4().into(), b.v6().into(), b.v4().to_ipv6_mapped().into()];
    for outside in outsides {
        for how in ["send", "connect"] {
            for port in [4789, 6081] {
                let told = say(host, NOBODY, how, (outside, port));
                assert_eq!(told, Said::Refused, "{how} to {outside} {port}");
            }
            assert_eq!(
                say(host, NOBODY, how, (outside, 4790)),
                Said::Sent,
                "{how} elsewhere"
            );
            assert_eq!(
                say(host, ROOT, how, (outside, 4789)),
                Said::Sent,
                "{how} as root"
            );
        }
    }
    // What is no peer, or no process of this host: a container's packets are seen on their way out.
    let own = (host.v4().into(), 4789);
    assert_eq!(say(host, NOBODY, "send", own), Said::Sent);
    let container = &scene.pair.a.container;
    assert_eq!(
        say(container, NOBODY, "send", (b.v4().into(), 4789)),
        Said::Sent
    );
}

#[test]
fn the_guard_outlives_the_daemon_and_goes_with_all_else() {
    let mut scene = Scene::new();
    let at = (IpAddr::from(scene.pair.b.host.v4()), 4789);
    let said = |scene: &Scene| say(&scene.pair.a.host, NOBODY, "send", at);
    scene.a.kill();
    assert_eq!(said(&scene), Said::Refused, "without a daemon");
    scene.a.resume().unwrap();
    assert_eq!(said(&scene), Said::Refused, "with the next one");
    scene.a.kill();
    let bpffs = scene.a.bpffs().to_str().unwrap().to_owned();
    scene
        .a
        .cli_ok(&["detach", "--all", "--bpffs", &bpffs])
        .unwrap();
    assert_eq!(said(&scene), Said::Sent, "after detach --all");
    scene.a.resume().unwrap();
    assert_eq!(said(&scene), Said::Refused, "with yet another one");
    scene.a.stop().unwrap();
    assert_eq!(said(&scene), Said::Sent, "after it detached on its exit");
}

#[test]
fn where_there_is_no_peer_nobody_is_asked() {
    let pair = Pair::new().unwrap();
    let at = (IpAddr::from(pair.b.host.v4()), 4789);
    let said = || say(&pair.a.host, NOBODY, "send", at);
    let config = pair.a.config("tc", &pair.b);
    let a = Routemesh::start(&pair.a.host, &config).unwrap();
    assert_eq!(said(), Said::Refused);
    let (alone, _) = config.split_once("[[route]]").unwrap();
    a.write_config(alone).unwrap();
    a.cli_ok(&["reload"]).unwrap();
    assert_eq!(said(), Said::Sent);
    let pins = a.bpffs().join("v1/links").read_dir().unwrap();
    let names = pins.map(|entry| entry.unwrap().file_name());
    let guards = names.filter(|name| name.to_string_lossy().starts_with("rm_"));
    assert_eq!(guards.count(), 0);
}

const ROOT: u32 = 0;
/// A user without privileges.
const NOBODY: u32 = 65_534;

/// What came of sending a datagram.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Sent,
    /// By `EPERM`.
    Refused,
}

/// Has a process of that user `send` or `connect` to an address over UDP.
fn say(from: &Node, user: u32, how: &str, (address, port): (IpAddr, u16)) -> Said {
    const SCRIPT: &str = r#"
        my ($how, $address, $port) = @ARGV;
        my $hints = {socktype => SOCK_DGRAM, flags => Socket::AI_NUMERICHOST};
        my ($error, $to) = Socket::getaddrinfo($address, $port, $hints);
        die $error if $error;
        socket(my $socket, $to->{family}, SOCK_DGRAM, 0) or die $!;
        my $done = $how eq "connect"
            ? connect($socket, $to->{addr}) : send($socket, "x", 0, $to->{addr});
        print $done ? 0 : $! + 0;
    "#;
    let user = user.to_string();
    let (address, port) = (address.to_string(), port.to_string());
    let told = from
        .run([
            "setpriv",
            "--reuid",
            &user,
            "--clear-groups",
            "perl",
            "-MSocket",
            "-e",
            SCRIPT,
            how,
            &address,
            &port,
        ])
        .unwrap();
    match told.trim() {
        "0" => Said::Sent,
        "1" => Said::Refused,
        other => panic!("errno {other}"),
    }
}

/// Two hosts with VXLAN between them, and a socket in the container of B.
struct Scene {
    pair: Pair,
    a: Routemesh,
    _b: Routemesh,
    socket: UdpSocket,
}

impl Scene {
    fn new() -> Self {
        let pair = Pair::new().unwrap();
        let start = |side: &Side, other: &Side| {
            let config = side.config("tc", other);
            let config = config.replace("via = ", "mode = \"vxlan\"\nvia = ");
            Routemesh::start(&side.host, &config).unwrap()
        };
        let (a, _b) = (start(&pair.a, &pair.b), start(&pair.b, &pair.a));
        let b = &pair.b.container;
        let socket = b.enter(|| Ok(UdpSocket::bind(("::", PORT))?)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        Self {
            pair,
            a,
            _b,
            socket,
        }
    }

    /// A packet of each tunnel over each family, from the addresses given to B, with a packet
    /// from A's container to B's in it; and B's address.
    fn forged(&self, v4: IpAddr, v6: IpAddr) -> Vec<(IpAddr, Vec<u8>)> {
        let (from, to) = (&self.pair.a.container, &self.pair.b.container);
        let host = &self.pair.b.host;
        let outsides: [(IpAddr, IpAddr, IpAddr, IpAddr); 2] = [
            (v4, host.v4().into(), from.v4(), to.v4()),
            (v6, host.v6().into(), from.v6(), to.v6()),
        ];
        let mut forged = Vec::new();
        for (src, dst, inner_src, inner_dst) in outsides {
            let inner = Packet::new(inner_src, inner_dst)
                .udp(5555, PORT)
                .payload(*b"forged");
            for packet in tunnels(Packet::new(src, dst), &inner.build()) {
                forged.push((dst, packet.build().split_off(ETHERNET)));
            }
        }
        forged
    }

    /// How many datagrams came since it was asked last.
    fn arrived(&self) -> usize {
        let mut buffer = [0; 64];
        std::iter::from_fn(|| self.socket.recv(&mut buffer).ok()).count()
    }
}

/// What the docs tell the operator to do against processes of the host.
fn rule() -> &'static str {
    let (_, behind) = DOCS.split_once("```nft\n").unwrap();
    behind.split_once("```").unwrap().0
}

/// `outer` with each tunnel's header and `frame` in it.
fn tunnels(outer: Packet, frame: &[u8]) -> [Packet; 4] {
    let (ether_type, ip) = (&frame[12..ETHERNET], &frame[ETHERNET..]);
    let ip_proto = if ether_type == [8, 0] { 4 } else { 41 };
    let vxlan: [u8; 8] = [8, 0, 0, 0, 0, 0, 100, 0];
    let geneve: [u8; 8] = [0, 0, 0x65, 0x58, 0, 0, 100, 0];
    let udp = |port, shim: [u8; 8]| {
        let outer = outer.clone().udp(50_000, port);
        outer.payload([&shim, frame].concat())
    };
    let bare = |number| outer.clone().transport(Transport::Bare(number));
    [
        udp(4789, vxlan),
        udp(6081, geneve),
        bare(47).payload([&[0, 0], ether_type, ip].concat()),
        bare(ip_proto).payload(ip),
    ]
}

/// Sends an IP packet as it is.
fn send(from: &Node, to: IpAddr, packet: &[u8]) -> Result<()> {
    let family = match to {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    from.enter(|| {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket =
            socket(family, SockType::Raw, flags, SockProtocol::Raw).context("open a raw socket")?;
        let to = SockaddrStorage::from(SocketAddr::new(to, 0));
        sendto(socket.as_raw_fd(), packet, &to, MsgFlags::empty()).context("send")?;
        Ok(())
    })
}
