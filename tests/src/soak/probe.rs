//! Packets that show what host A's kernel does with an address.

use std::{collections::BTreeSet, fmt, net::IpAddr, time::Duration};

use anyhow::{Result, ensure};
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use routemesh_tests::{
    lab::{Capture, Injector, Node, PATIENCE, Routemesh, Wire, eventually},
    packet::{Packet, STRANGER, STRANGER_MAC, STRANGER_V6, describe, expected_forward},
};

use crate::{
    model::{Target, gateway},
    scene::Scene,
};

/// After how long a packet that was not seen is sent again: it may have met a neighbour that was
/// being forgotten.
const AGAIN: Duration = Duration::from_millis(300);
/// UDP ports and protocol numbers of tunnels.
const VXLAN: u16 = 4789;
const GENEVE: u16 = 6081;
const GRE: u8 = 47;
const IPV4: u8 = 4;
const IPV6: u8 = 41;
/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;

/// How many ways packets come in at host A: from its container, and off both wires.
pub(crate) const ENTRANCES: usize = 3;

/// An address, which way a packet to it comes in, and what is to become of it.
#[derive(Clone, Copy)]
pub(crate) struct Probe {
    pub(crate) dst: IpAddr,
    pub(crate) entrance: usize,
    pub(crate) target: Option<Target>,
}

impl Probe {
    /// The mode of its route, or what else becomes of it.
    pub(crate) fn kind(&self) -> &'static str {
        match self.target {
            None => "no route",
            Some(Target::Blackhole) => "blackhole",
            Some(Target::Via { mode, .. }) => mode,
        }
    }

    /// How it leaves host A, as [`Exit::way`] says it; none where it does not.
    fn way(&self) -> Option<String> {
        let Some(Target::Via { mode, wire, v6 }) = self.target else {
            return None;
        };
        // Next hops of `auto` are on the link here.
        let mode = if mode == "auto" { "direct" } else { mode };
        Some(format!("{mode} via {}", gateway(wire, v6)))
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = self.way();
        let end = way.as_deref().unwrap_or(self.kind());
        write!(f, "{} by entrance {}: {end}", self.dst, self.entrance)
    }
}

/// Sends packets to host A, and looks at what it sends.
pub(crate) struct Prober<'a> {
    entrances: [Entrance; ENTRANCES],
    exits: [Exit<'a>; 2],
    sent: usize,
}

impl<'a> Prober<'a> {
    pub(crate) fn new(scene: &'a Scene) -> Result<Self> {
        Ok(Self {
            entrances: [
                Entrance::container(scene)?,
                Entrance::wire(scene, 0)?,
                Entrance::wire(scene, 1)?,
            ],
            exits: [Exit::new(scene, 0)?, Exit::new(scene, 1)?],
            sent: 0,
        })
    }

    /// Sends a packet for each of these, and fails when another thing becomes of one.
    pub(crate) fn run(&mut self, daemon: &Routemesh, probes: &[Probe]) -> Result<()> {
        let [first, second] = self.exits.each_ref().map(|exit| Capture::start(exit.node));
        let captures = [first?, second?];
        let before = dropped(daemon)?;
        let mut packets: Vec<_> = probes.iter().map(|probe| self.packet(*probe)).collect();
        for packet in packets.iter().filter(|packet| packet.way.is_none()) {
            self.entrances[packet.probe.entrance].send(packet)?;
        }
        let seen = eventually("the packets to be seen", PATIENCE, || {
            for packet in packets.iter().filter(|packet| packet.is_missing()) {
                self.entrances[packet.probe.entrance].send(packet)?;
            }
            eventually("them", AGAIN, || {
                self.watch(&captures, &mut packets)?;
                ensure!(!packets.iter().any(Sent::is_missing), "not all were seen");
                Ok(())
            })
        });
        let counted = eventually("the others to be dropped", PATIENCE, || {
            let wanted = ["blackhole", "no route"].map(|kind| of_kind(probes, kind));
            let now = dropped(daemon)?;
            let found = [now[0] - before[0], now[1] - before[1]];
            ensure!(found == wanted, "dropped {found:?}, and not {wanted:?}");
            Ok(())
        });
        self.watch(&captures, &mut packets)?;
        packets.iter().try_for_each(Sent::judge)?;
        seen.and(counted)
    }

    /// A packet that there was none like before.
    fn packet(&mut self, probe: Probe) -> Sent {
        self.sent += 1;
        let entrance = &self.entrances[probe.entrance];
        let from = entrance.addresses[usize::from(probe.dst.is_ipv6())];
        let [src, dst] = entrance.macs;
        let frame = Packet::new(from, probe.dst)
            .macs(src, dst)
            .payload(format!("the soak's packet {:12}", self.sent))
            .build();
        Sent {
            probe,
            way: probe.way(),
            frame,
            seen: BTreeSet::new(),
        }
    }

    /// Notes which way packets have left by now.
    fn watch(&self, captures: &[Capture; 2], packets: &mut [Sent]) -> Result<()> {
        for (exit, capture) in self.exits.iter().zip(captures) {
            // Host B may quote it in an error.
            let frames = capture.so_far()?.into_iter();
            for frame in frames.filter(|frame| exit.is_sender_of(frame)) {
                for packet in packets.iter_mut().filter(|packet| packet.is_in(&frame)) {
                    packet.seen.insert(exit.way(&frame));
                }
            }
        }
        Ok(())
    }
}

/// How many of these are of that kind.
fn of_kind(probes: &[Probe], kind: &str) -> u64 {
    probes.iter().filter(|probe| probe.kind() == kind).count() as u64
}

/// How many packets had a blackhole as their route, and how many none.
fn dropped(daemon: &Routemesh) -> Result<[u64; 2]> {
    Ok([daemon.ended("blackhole")?, daemon.ended("no_route")?])
}

/// A packet that was sent to host A.
struct Sent {
    probe: Probe,
    /// How it is to leave.
    way: Option<String>,
    frame: Vec<u8>,
    /// How it has left.
    seen: BTreeSet<String>,
}

impl Sent {
    fn is_missing(&self) -> bool {
        self.way.is_some() && self.seen.is_empty()
    }

    /// Whether the frame has it, as a router sends it on, at its end.
    fn is_in(&self, frame: &[u8]) -> bool {
        let forwarded = expected_forward(&self.frame, [0; 6], [0; 6]);
        frame.ends_with(&forwarded[ETHERNET..])
    }

    fn judge(&self) -> Result<()> {
        ensure!(
            self.seen.iter().eq(&self.way),
            "{} left {:?}, and not {:?}",
            describe(&self.frame),
            self.seen,
            self.way
        );
        Ok(())
    }
}

/// Where packets come in at host A.
struct Entrance {
    injector: Injector,
    /// Source and destination.
    macs: [[u8; 6]; 2],
    /// Of both families.
    addresses: [IpAddr; 2],
}

impl Entrance {
    fn container(scene: &Scene) -> Result<Self> {
        let a = &scene.pair.a;
        Ok(Self {
            injector: Injector::on(&a.container, "eth0")?,
            macs: [a.container.mac("eth0")?, a.host.mac(a.network.interface())?],
            addresses: [a.container.v4(), a.container.v6()],
        })
    }

    fn wire(scene: &Scene, number: usize) -> Result<Self> {
        let (wire, interface) = scene.wires()[number];
        let host = &scene.pair.a.host;
        Ok(Self {
            injector: Injector::on(wire.node(), &Wire::port(host, interface))?,
            macs: [STRANGER_MAC, host.mac(interface)?],
            addresses: [STRANGER.into(), STRANGER_V6.into()],
        })
    }

    fn send(&self, packet: &Sent) -> Result<()> {
        self.injector.send(&packet.frame).map(drop)
    }
}

/// A wire that host A sends by.
struct Exit<'a> {
    node: &'a Node,
    wire: u8,
    /// Host A's and host B's on it.
    macs: [[u8; 6]; 2],
}

impl<'a> Exit<'a> {
    fn new(scene: &'a Scene, number: usize) -> Result<Self> {
        let (wire, interface) = scene.wires()[number];
        let (a, b) = (&scene.pair.a.host, &scene.pair.b.host);
        Ok(Self {
            node: wire.node(),
            wire: number as u8,
            macs: [a.mac(interface)?, b.mac(interface)?],
        })
    }

    fn is_sender_of(&self, frame: &[u8]) -> bool {
        frame[6..].starts_with(&self.macs[0])
    }

    /// The mode and the gateway of a frame of host A's, or the frame where it is none to host B.
    fn way(&self, frame: &[u8]) -> String {
        let read = SlicedPacket::from_ethernet(frame).ok();
        read.filter(|_| frame.starts_with(&self.macs[1]))
            .and_then(|packet| self.known_way(&packet))
            .unwrap_or_else(|| format!("on wire {} as {}", self.wire, describe(frame)))
    }

    fn known_way(&self, packet: &SlicedPacket<'_>) -> Option<String> {
        let ip = packet.net.as_ref()?;
        let dst: IpAddr = match ip {
            NetSlice::Ipv4(v4) => v4.header().destination_addr().into(),
            NetSlice::Ipv6(v6) => v6.header().destination_addr().into(),
            NetSlice::Arp(_) => return None,
        };
        let port = match &packet.transport {
            Some(TransportSlice::Udp(udp)) => Some(udp.destination_port()),
            _ => None,
        };
        let mode = match (ip.ip_payload_ref()?.ip_number.0, port) {
            (_, Some(VXLAN)) => "vxlan",
            (_, Some(GENEVE)) => "geneve",
            (GRE, _) => "gre",
            (IPV4 | IPV6, _) => "ipip",
            _ => "direct",
        };
        let gateway = gateway(self.wire, dst.is_ipv6());
        let right = mode == "direct" || dst == gateway;
        right.then(|| format!("{mode} via {gateway}"))
    }
}
