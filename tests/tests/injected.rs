//! Hostile frames in the middle of a stream: the stream does not notice, no container gets one that
//! a router would not send, and every frame is counted.
//!
//! The frames are the named packets of `tests/packets` and mutations of these, the same ones each
//! time; `ROUTEMESH_SEED` makes others.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use routemesh_tests::{
    chance::{Chance, given_seed},
    lab::{
        Capture, Container, Injector, Node, Pair, Ping, Routemesh, Segments, Side, Wire, ended_at,
        received, refused, sent, settled, tcp_stream,
    },
    packet::{
        CONTAINER_A_MAC, CONTAINER_A2_MAC, DOCKER_A_MAC, HOST_A_MAC, HOST_B_MAC, corpus, describe,
        hexdump, internet_checksum,
    },
};

const FRAMES: usize = 10_000;
/// So many are sent at once, then none for [`BREAK`]: a veth drops what finds its queue full.
const BURST: usize = 64;
const BREAK: Duration = Duration::from_millis(1);
/// The wire's MTU and an Ethernet header.
const LONGEST: usize = 1514;
const ETHERNET: usize = 14;
const MIB: u64 = 1 << 20;
/// Answers of the host that come in anew, so that no interface has received them: errors whose way
/// back is a tunnel, and those to a broadcast address, of which the kernel gets a copy.
const ANEW: i64 = 20;

#[test]
fn hostile_frames_on_the_uplink_harm_no_stream() {
    for mode in ["tc", "xdp"] {
        let scene = Scene::new(mode);
        let port = Wire::port(&scene.pair.a.host, "eth0");
        let injector = Injector::on(scene.pair.lab.wire().node(), &port).unwrap();
        scene.withstands(&injector, &frames(false), mode);
    }
}

#[test]
fn hostile_frames_of_a_container_harm_no_stream() {
    let scene = Scene::new("tc");
    let container = &scene.pair.a.container;
    let injector = Injector::on(container, "eth0").unwrap();
    scene.withstands(&injector, &frames(true), "port");
}

/// Two hosts with VXLAN between them. Each has a container that hostile frames are for, and one
/// for the stream.
struct Scene {
    streaming: [Container; 2],
    a: Routemesh,
    _b: Routemesh,
    pair: Pair,
}

impl Scene {
    /// With the MACs of the named packets. What B sends is cut there, so that it counts alike on the
    /// wire.
    fn new(mode: &str) -> Self {
        let pair = Pair::new().unwrap();
        let streaming = [(&pair.a, "a2"), (&pair.b, "b2")];
        let streaming =
            streaming.map(|(side, name)| side.host.container(name, &side.network).unwrap());
        for (node, interface, mac) in [
            (pair.a.host.node(), "eth0", HOST_A_MAC),
            (pair.a.host.node(), "docker0", DOCKER_A_MAC),
            (&*pair.a.container, "eth0", CONTAINER_A_MAC),
            (&*streaming[0], "eth0", CONTAINER_A2_MAC),
            (pair.b.host.node(), "eth0", HOST_B_MAC),
        ] {
            node.ip(&format!("link set {interface} address {}", text(mac)))
                .unwrap();
        }
        pair.b.segment(Segments::ByUplink).unwrap();
        settle_neighbours(&pair, &streaming[0]);
        let start = |side: &Side, other: &Side, mode: &str| {
            let config = side.config(mode, other);
            let config = config.replace("via = ", "mode = \"vxlan\"\nvia = ");
            Routemesh::start(&side.host, &config).unwrap()
        };
        let (a, _b) = (start(&pair.a, &pair.b, mode), start(&pair.b, &pair.a, "tc"));
        let (from, to) = (&pair.a.container, &pair.b.container);
        for address in [to.v4(), to.v6()] {
            Ping::default().run(from, address).unwrap();
        }
        Self {
            streaming,
            a,
            _b,
            pair,
        }
    }

    /// Injects the frames, which that hook of A sees first, while a stream goes through, and looks
    /// at what became of all.
    fn withstands(&self, injector: &Injector, frames: &[Vec<u8>], hook: &str) {
        let process = self.a.pid();
        let arriving = || self.arriving(hook);
        let arriving_before = settled(arriving).unwrap();
        let uncounted = || Ok(self.received(hook)? + self.parts(hook)? - self.counted(hook)?);
        let uncounted_before = settled(uncounted).unwrap();
        let sides = [&self.pair.a, &self.pair.b];
        let captures = sides.map(|side| Capture::start(&side.container).unwrap());

        let (streams, resent) = self.stream_while(|| inject(injector, frames)).unwrap();
        assert!(streams > 0, "no stream at {hook}");

        assert_eq!(self.a.pid(), process);
        let answer = self.a.http("GET", "/v1/status", "").unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        // A container may still ask for neighbours, once a second: what was captured is between both.
        let first = settled(arriving).unwrap() - arriving_before;
        let seen = captures.map(|capture| capture.drain().unwrap());
        let last = settled(arriving).unwrap() - arriving_before;
        // Each frame and no other packet came to the hook, but for those that were sent anew.
        let mut expected = frames.len() as i64 + resent;
        if hook == "port" {
            expected += self.answers(&seen[0], expected).unwrap();
        }
        assert!(
            (first..=last).contains(&expected),
            "{first} to {last} came and not {expected} at {hook}, {resent} of them anew"
        );
        // Each of them ended once, and so did each packet of the stream.
        let surplus = uncounted_before - settled(uncounted).unwrap();
        assert!((0..=ANEW).contains(&surplus), "{surplus} at {hook}");
        let delivered = seen.iter().zip(sides);
        let delivered = delivered.map(|(seen, side)| judge(seen, side).unwrap());
        let delivered: usize = delivered.sum();
        println!(
            "{} frames, {resent} of them anew, and {streams} streams at {hook}: \
             {delivered} delivered, {surplus} answers counted",
            frames.len()
        );
        assert!(delivered > FRAMES / 100, "only {delivered} were good");
    }

    /// Packets that came to where the frames come to that hook, or found no room there, without those
    /// of the stream: on the wire all that B sent, and a container with a stream has a port of its own.
    fn arriving(&self, hook: &str) -> Result<i64> {
        let Pair { a, b, lab } = &self.pair;
        if hook == "port" {
            let port = a.container.port();
            return Ok(received(&a.host, &port)? + refused(&a.container, "eth0")?);
        }
        let refused = refused(lab.wire().node(), &Wire::port(&a.host, "eth0"))?;
        Ok(received(&a.host, "eth0")? + refused - sent(&b.host, "eth0")?)
    }

    /// Frames that A's container has sent beside the `injected` ones.
    fn answers(&self, seen: &[Vec<u8>], injected: i64) -> Result<i64> {
        let own = self.pair.a.container.mac("eth0")?;
        let sent = seen.iter().filter(|frame| frame[6..12] == own).count();
        Ok(sent as i64 - injected)
    }

    /// Packets that A's interfaces with that hook have received. (One row counts for all ports.)
    fn received(&self, hook: &str) -> Result<i64> {
        let side = &self.pair.a;
        if hook != "port" {
            return received(&side.host, "eth0");
        }
        let ports = [side.container.port(), self.streaming[0].port()];
        ports.iter().map(|port| received(&side.host, port)).sum()
    }

    /// Parts of packets that were cut in two there, which came in anew.
    fn parts(&self, hook: &str) -> Result<i64> {
        Ok(2 * self.a.packets(hook, "fragmented")? as i64)
    }

    /// Packets that ended in any outcome there.
    fn counted(&self, hook: &str) -> Result<i64> {
        let interface = if hook == "port" { "docker0" } else { "eth0" };
        Ok(ended_at(&self.a.outcomes()?, (interface, hook), |_| true))
    }

    /// Runs streams for as long as `work` takes, and returns how many, and what it does; their hashes
    /// are compared.
    fn stream_while<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(usize, T)> {
        let [to, from] = &self.streaming;
        let (from, to, address): (&Node, &Node, _) = (from, to, to.v4());
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let streaming = scope.spawn(|| {
                let mut streams = 0;
                while !done.load(Ordering::Acquire) {
                    tcp_stream(from, to, address, 8 * MIB)?;
                    streams += 1;
                }
                anyhow::Ok(streams)
            });
            let result = work();
            done.store(true, Ordering::Release);
            let streams = streaming.join().map_err(|_| anyhow!("stream panicked"))?;
            Ok((streams?, result?))
        })
    }
}

/// Makes known to all for good who has which address: frames that lie about that are the kernel's
/// to believe or not.
fn settle_neighbours(pair: &Pair, streaming: &Container) {
    let (a, b) = (&pair.a.host, &pair.b.host);
    let known: [(&Node, &str, IpAddr, [u8; 6]); 6] = [
        (a, "eth0", b.v4().into(), HOST_B_MAC),
        (a, "eth0", b.v6().into(), HOST_B_MAC),
        (a, "docker0", streaming.v4(), CONTAINER_A2_MAC),
        (b, "eth0", a.v4().into(), HOST_A_MAC),
        (b, "eth0", a.v6().into(), HOST_A_MAC),
        (
            streaming,
            "eth0",
            Ipv4Addr::new(10, 100, 0, 1).into(),
            DOCKER_A_MAC,
        ),
    ];
    for (node, interface, address, mac) in known {
        let mac = text(mac);
        node.ip(&format!(
            "neigh replace {address} lladdr {mac} dev {interface} nud permanent"
        ))
        .unwrap();
    }
}

/// Returns how often a frame was to be sent anew.
fn inject(injector: &Injector, frames: &[Vec<u8>]) -> Result<i64> {
    let mut refused = 0;
    for burst in frames.chunks(BURST) {
        for frame in burst {
            refused += injector.send(frame)?;
        }
        thread::sleep(BREAK);
    }
    Ok(refused)
}

/// The named packets that a wire carries, off the wire or as a container would send them, and as
/// many mutations of them as it takes.
fn frames(of_container: bool) -> Vec<Vec<u8>> {
    let mut chance = Chance::new(given_seed().unwrap_or(0x5eed));
    let named = corpus().into_iter();
    let named: Vec<Vec<u8>> = named
        .filter(|named| of_container || !named.from_container)
        .map(|named| named.frame)
        .filter(|frame| is_carried(frame))
        .map(|frame| {
            if of_container {
                sent_inside(frame)
            } else {
                frame
            }
        })
        .collect();
    let mut frames = named.clone();
    while frames.len() < FRAMES {
        let frame = mutated(chance.pick(&named).clone(), &mut chance);
        if is_carried(&frame) {
            frames.push(frame);
        }
    }
    frames
}

/// Whether it comes as far as the programs: not what no wire carries, nor a VLAN tag that is cut,
/// which the kernel drops before it asks anyone.
fn is_carried(frame: &[u8]) -> bool {
    let tagged = matches!(frame.get(12..14), Some([0x81, 0] | [0x88, 0xa8]));
    let shortest = if tagged { ETHERNET + 6 } else { ETHERNET + 1 };
    (shortest..=LONGEST).contains(&frame.len())
}

/// The frame to the bridge in place of the uplink, from the container's own MAC: with that of
/// another it would have the bridge send it what is the other's.
fn sent_inside(mut frame: Vec<u8>) -> Vec<u8> {
    if frame[..6] == HOST_A_MAC {
        frame[..6].copy_from_slice(&DOCKER_A_MAC);
    }
    frame[6..12].copy_from_slice(&CONTAINER_A_MAC);
    frame
}

/// The frame with up to four bytes others, some cut or longer; half of the IPv4 headers' checksums
/// are right all the same.
fn mutated(mut frame: Vec<u8>, chance: &mut Chance) -> Vec<u8> {
    for _ in 0..=chance.below(4) {
        // The MACs stay: frames for others end early.
        let at = 12 + chance.below(frame.len().min(120) - 12);
        frame[at] = match chance.below(4) {
            0 => 0,
            1 => 0xff,
            2 => frame[at] ^ 1 << chance.below(8),
            _ => chance.below(256) as u8,
        };
    }
    match chance.below(6) {
        0 => frame.truncate(ETHERNET + 1 + chance.below(frame.len() - ETHERNET)),
        1 => frame.resize(frame.len() + chance.below(200), 0xa5),
        _ => {}
    }
    let header = ETHERNET..ETHERNET + 20;
    if frame[12..14] == [8, 0] && frame.len() >= header.end && chance.below(2) == 0 {
        frame[ETHERNET + 10..ETHERNET + 12].fill(0);
        let sum = internet_checksum(&frame[header]);
        frame[ETHERNET + 10..ETHERNET + 12].copy_from_slice(&sum.to_be_bytes());
    }
    frame
}

/// Looks at what a container got, and returns how many packets it was routed.
fn judge(frames: &[Vec<u8>], side: &Side) -> Result<usize> {
    let container = &side.container;
    let own = container.mac("eth0")?;
    let gateway = side.host.mac("docker0")?;
    let mut routed = 0;
    for frame in frames {
        let (to, from) = (&frame[..6], &frame[6..12]);
        let for_another = to != own && to[0] & 1 == 0;
        if from == own || for_another || is_neighbours_talk(frame) {
            continue;
        }
        let judged = ensure_routable(frame, container).and_then(|()| {
            ensure!(from == gateway && to == own, "not from the gateway to it");
            Ok(())
        });
        judged.with_context(|| format!("{}\n{}", describe(frame), hexdump(frame)))?;
        routed += 1;
    }
    Ok(routed)
}

/// ARP, neighbour discovery (which a router does not send on: the hop limit is 255), and reports of
/// groups.
fn is_neighbours_talk(frame: &[u8]) -> bool {
    let ip = &frame[ETHERNET..];
    match &frame[12..14] {
        [0x08, 0x06] => true,
        [0x86, 0xdd] => matches!(ip.get(6..8), Some([58, 255] | [0, 1])),
        _ => false,
    }
}

/// What RFC 1812 §5.2.2 and §5.3.7, and RFC 4291 §2.5 and §2.7, ask of a packet that is sent on.
fn ensure_routable(frame: &[u8], container: &Container) -> Result<()> {
    let ip = &frame[ETHERNET..];
    let (length, ttl, src, dst): (usize, u8, IpAddr, IpAddr) = match &frame[12..14] {
        [0x08, 0] => {
            let header: &[u8; 20] = ip.first_chunk().context("cut")?;
            ensure!(header[0] == 0x45, "version or header length");
            ensure!(internet_checksum(header) == 0, "checksum");
            let length = u16::from_be_bytes([header[2], header[3]]);
            let address = |at| IpAddr::from(std::array::from_fn::<u8, 4, _>(|i| header[at + i]));
            (length.into(), header[8], address(12), address(16))
        }
        [0x86, 0xdd] => {
            let header: &[u8; 40] = ip.first_chunk().context("cut")?;
            ensure!(header[0] >> 4 == 6, "version");
            let length = 40 + u16::from_be_bytes([header[4], header[5]]);
            let address = |at| IpAddr::from(std::array::from_fn::<u8, 16, _>(|i| header[at + i]));
            (length.into(), header[7], address(8), address(24))
        }
        _ => return Err(anyhow!("not IP")),
    };
    ensure!(20 <= length && length <= ip.len(), "length");
    ensure!(ttl > 0, "TTL");
    // An error goes back to the station that sent the packet, whatever source it gave.
    let mut gateways = container.network().gateways();
    let answered = gateways.any(|gateway| gateway.addr() == src);
    let own = [container.v4(), container.v6()].contains(&dst);
    ensure!(own || answered, "for another");
    ensure!(is_routable(src), "martian");
    Ok(())
}

fn is_routable(src: IpAddr) -> bool {
    match src {
        IpAddr::V4(v4) => (1..224).contains(&v4.octets()[0]) && !v4.is_loopback(),
        IpAddr::V6(v6) => {
            let odd = v6.is_loopback() || v6.is_unspecified() || v6.is_multicast();
            !odd && v6.to_ipv4_mapped().is_none()
        }
    }
}

fn text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}
