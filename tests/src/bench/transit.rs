//! A host between a source of frames and a sink, and who forwards on it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use routemesh_common::bench::{Arrived, MARK, PLAIN, Stream, WRAPPED};
use routemesh_tests::lab::{
    Host, Lab, PATIENCE, Routemesh, Side, Wire, accept, docker_rules, eventually, forwarded,
};

use crate::{
    background::Background,
    contest::Contender,
    generator::{Redirect, Sink, Source, interval},
};

/// What is routed to the sink: 16.0.0.0/4, so 2²⁸ addresses.
pub(crate) const SPACE: (u32, u32) = (0x1000_0000, 28);
/// The source's own subnet, which lies behind it.
const BEHIND: &str = "10.50.0.0/16";
const FROM: [u8; 4] = [10, 50, 0, 2];
/// MAC of a kernel's vxlan device; routemesh takes any in its place.
const VTEP: [u8; 6] = [2, 0, 0, 0, 5, 2];
/// Bytes of a frame of 64, of which four are the wire's.
const FRAME: usize = 60;
/// Bytes of VXLAN over IPv4 in front of a frame.
const VXLAN: usize = (WRAPPED - PLAIN) as usize;
const VNI: u32 = 100;
/// Frames that are sent to see how fast it goes.
const TRIAL: u32 = 20_000;
/// Frames of a part of a measurement, of which the fastest counts: less than a time slice.
const PART: u32 = 16_384;
/// Frames of a part where processor time counts: the kernel's own time before and after is little
/// beside what they take.
const LONG_PART: u32 = 131_072;
/// Routers and tunnels count down from here.
const TTL: u8 = 64;

/// The host in the middle, with what is on either side.
pub(crate) struct Transit {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) sink: Sink,
    pub(crate) forwarder: Forwarder,
    /// The host. On `eth0` are the frames, on `eth1` the sink.
    pub(crate) side: Side,
    far: Wire,
    ends: [Host; 2],
    lab: Lab,
}

/// Who forwards.
pub(crate) enum Forwarder {
    Nobody,
    Redirect(#[expect(dead_code, reason = "held for what it does")] Redirect),
    Kernel,
    /// The daemon, and the hook and outcome that count the frames.
    Routemesh(Box<Routemesh>, &'static str, &'static str),
}

/// What the source sends.
#[derive(Clone, Copy)]
pub(crate) struct Traffic {
    /// Destinations, as a power of two, spread evenly over [`SPACE`].
    pub(crate) destinations: u32,
    /// Whether in VXLAN.
    pub(crate) wrapped: bool,
}

impl Traffic {
    /// In the open, to so many destinations, as a power of two.
    pub(crate) const fn to(destinations: u32) -> Self {
        Self {
            destinations,
            wrapped: false,
        }
    }
}

impl Transit {
    /// The host with nobody who forwards.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) fn new(name: &str, traffic: Traffic) -> Result<Self> {
        let lab = Lab::new()?;
        let far = lab.new_wire()?;
        let [g, r, s] = ["g", "r", "s"].map(|name| lab.unplugged_host(name));
        let (g, r, s) = (g?, r?, s?);
        lab.wire().cable([&g, &r], "eth0")?;
        far.cable([&r, &s], "eth1")?;
        // A veth's end takes frames from XDP only while it polls, which GRO makes it do.
        r.offload("eth0", "gro", true)?;
        let stream = stream(&lab, [&g, &r], traffic)?;
        let source = Source::new(g.node(), "eth0", stream)?;
        let sink = Sink::new(s.node(), "eth1")?;
        let side = Side::new(r, 100)?;
        Ok(Self {
            name: name.to_owned(),
            source,
            sink,
            forwarder: Forwarder::Nobody,
            side,
            far,
            ends: [g, s],
            lab,
        })
    }

    /// With every frame counted and dropped where it comes in: what is not forwarding.
    pub(crate) fn dropping(name: &str, traffic: Traffic) -> Result<Self> {
        let mut transit = Self::new(name, traffic)?;
        transit.sink = Sink::new(transit.side.host.node(), "eth0")?;
        Ok(transit)
    }

    /// With every frame sent on as it is by a program of two instructions: the limit of XDP.
    pub(crate) fn redirecting(name: &str, traffic: Traffic) -> Result<Self> {
        let mut transit = Self::new(name, traffic)?;
        let sending = Redirect::new(transit.side.host.node(), "eth0", "eth1")?;
        transit.forwarder = Forwarder::Redirect(sending);
        transit.opened()
    }

    /// By the kernel's routing; with Docker's rules where `docker`. Takes VXLAN off by a device.
    pub(crate) fn kernel(name: &str, traffic: Traffic, docker: bool) -> Result<Self> {
        let mut transit = Self::new(name, traffic)?;
        transit.forwarder = Forwarder::Kernel;
        let host = &transit.side.host;
        if docker {
            docker_rules(&transit.side)?;
            let from = if traffic.wrapped { "vx0" } else { "eth0" };
            accept(host.node(), from, "eth1")?;
        }
        host.forward()?;
        let [g, s] = &transit.ends;
        let (near, far) = (transit.lab.wire().v4(g), transit.far.v4(s));
        if traffic.wrapped {
            let local = transit.lab.wire().v4(host);
            host.ip(&format!(
                "link add vx0 address {} type vxlan id {VNI} local {local} remote {near} dev eth0 dstport 4789 nolearning\n\
                 link set vx0 up",
                colons(VTEP)
            ))?;
        }
        host.ip(&format!(
            "route add {BEHIND} via {near}\nroute add 16.0.0.0/4 via {far}"
        ))?;
        transit.opened()
    }

    /// By routemesh, with that mode of the uplinks.
    pub(crate) fn routemesh(name: &str, traffic: Traffic, hook: &'static str) -> Result<Self> {
        let transit = Self::new(name, traffic)?;
        let route = transit.route("16.0.0.0/4");
        let config = transit.config(hook, 1 << 10) + &route;
        let daemon = Routemesh::start(transit.side.host.node(), &config)?;
        transit.with(daemon, hook)?.opened()
    }

    /// With that daemon as who forwards.
    pub(crate) fn with(mut self, daemon: Routemesh, hook: &'static str) -> Result<Self> {
        self.forwarder = Forwarder::Routemesh(Box::new(daemon), hook, "routed");
        Ok(self)
    }

    /// The host's configuration without routes to the sink, and with room for that many.
    pub(crate) fn config(&self, mode: &str, routes: u32) -> String {
        let near = self.lab.wire().v4(&self.ends[0]);
        format!(
            "node = \"r\"\n\
             [limits]\nroutes = {routes}\n\
             [[uplink]]\ninterface = \"eth0\"\nmode = \"{mode}\"\n\
             [[uplink]]\ninterface = \"eth1\"\nmode = \"{mode}\"\n\
             [[network]]\ninterface = \"docker0\"\n\
             [[route]]\ndst = \"{BEHIND}\"\nvia = \"{near}\"\nmode = \"vxlan\"\n"
        )
    }

    /// A route to the sink, as the configuration has it.
    pub(crate) fn route(&self, dst: &str) -> String {
        format!("[[route]]\ndst = \"{dst}\"\nvia = \"{}\"\n", self.gateway())
    }

    /// The address of the sink's host.
    pub(crate) fn gateway(&self) -> std::net::Ipv4Addr {
        self.far.v4(&self.ends[1])
    }

    /// Waits until frames come through, and sees that they come by who is meant to forward them.
    pub(crate) fn opened(mut self) -> Result<Self> {
        let name = self.name.clone();
        eventually("frames to come through", PATIENCE, || {
            let arrived = self.burst(TRIAL)?;
            ensure!(
                arrived.packets == u64::from(TRIAL),
                "{} did",
                arrived.packets
            );
            Ok(())
        })
        .with_context(|| name.clone())?;
        let before = self.forwarded()?;
        let arrived = self.burst(TRIAL)?;
        let forwarded = self.forwarded()? - before;
        ensure!(
            self.is_bare() || forwarded >= arrived.packets,
            "{name}: {} frames came, {forwarded} by the way that is measured",
            arrived.packets
        );
        let ttl = if self.is_bare() { TTL } else { TTL - 1 };
        ensure!(
            arrived.ttl == u64::from(ttl),
            "{name}: they came with TTL {}",
            arrived.ttl
        );
        Ok(self)
    }

    /// Waits until frames come in, whatever becomes of them.
    pub(crate) fn receives(&self) -> Result<()> {
        let received = || -> Result<u64> {
            let words = ["ip", "-json", "-stats", "link", "show", "eth0"];
            let links: serde_json::Value = serde_json::from_str(&self.side.host.run(words)?)?;
            let packets = &links[0]["stats64"]["rx"]["packets"];
            packets.as_u64().context("no count of frames")
        };
        let before = received()?;
        eventually("frames to come in", PATIENCE, || {
            ensure!(received()? > before, "none did");
            Ok(())
        })
    }

    /// Frames that who forwards has counted.
    fn forwarded(&self) -> Result<u64> {
        match &self.forwarder {
            Forwarder::Nobody | Forwarder::Redirect(_) => Ok(0),
            Forwarder::Kernel => forwarded(&self.side.host),
            Forwarder::Routemesh(daemon, hook, outcome) => daemon.packets(hook, outcome),
        }
    }

    /// Sends so many frames, and returns what came.
    pub(crate) fn burst(&mut self, count: u32) -> Result<Arrived> {
        self.sink.clear()?;
        self.source.send(count)?;
        self.sink.wait(count.into())
    }

    /// Sends for about `time` so many frames at once, shows each part to `look`, and returns how
    /// many came in all.
    fn flood(
        &mut self,
        (time, part): (Duration, u32),
        mut look: impl FnMut(&Arrived),
    ) -> Result<u64> {
        let before = self.forwarded()?;
        let mut arrived = 0;
        let begun = Instant::now();
        while begun.elapsed() < time {
            let came = self.burst(part)?;
            // A veth's ring may overflow.
            let enough = u64::from(part - part / 100);
            ensure!(
                came.packets >= enough,
                "{} of {part} frames came",
                came.packets
            );
            look(&came);
            arrived += came.packets;
        }
        let counted = self.forwarded()? - before;
        ensure!(
            self.is_bare() || counted >= arrived,
            "{arrived} frames came, {counted} by the way that is measured"
        );
        Ok(arrived)
    }

    /// Whether there is nobody who counts.
    fn is_bare(&self) -> bool {
        matches!(self.forwarder, Forwarder::Nobody | Forwarder::Redirect(_))
    }

    /// The contender whose figure is nanoseconds a frame, in the fastest part: what else the
    /// machine does can but slow it down.
    pub(crate) fn cost(&mut self) -> Contender<'_> {
        let name = self.name.clone();
        Contender::new(&name, move |time| {
            let mut fastest = f64::INFINITY;
            self.flood((time, PART), |part| fastest = fastest.min(interval(part)))?;
            Ok(vec![fastest])
        })
    }

    /// The contender whose figure is milliseconds of processor time for a million frames.
    pub(crate) fn charge<'a>(&'a mut self, background: &'a Background) -> Contender<'a> {
        let name = self.name.clone();
        Contender::new(&name, move |time| {
            let flood = || self.flood((time, LONG_PART), |_| ());
            let (arrived, seconds) = background.beyond(flood)?;
            Ok(vec![1e9 * seconds / arrived as f64])
        })
    }
}

/// The frames from G to the sink by way of R, and their length.
fn stream(lab: &Lab, [g, r]: [&Host; 2], traffic: Traffic) -> Result<(Stream, usize)> {
    let (to, from) = (r.mac("eth0")?, g.mac("eth0")?);
    let inner = udp(FROM, [0; 4], [9, 9], FRAME - 14);
    let mut frame = Vec::new();
    if traffic.wrapped {
        let (near, here) = (lab.wire().v4(g).octets(), lab.wire().v4(r).octets());
        frame.extend(ethernet(to, from));
        let mut outer = udp(near, here, [51_111, 4789], FRAME + VXLAN - 14);
        let sum = !folded(words(&outer[..20]));
        outer[10..12].copy_from_slice(&sum.to_be_bytes());
        frame.extend(&outer[..28]);
        frame.extend([8, 0, 0, 0]);
        frame.extend((VNI << 8).to_be_bytes());
        frame.extend(ethernet(VTEP, from));
    } else {
        frame.extend(ethernet(to, from));
    }
    let at = frame.len() as u32;
    let sum = words(&inner[..20]);
    frame.extend(inner);
    let length = frame.len();
    frame.resize(128, 0);
    let mut head = [0; 16];
    for (word, bytes) in head.iter_mut().zip(frame.chunks_exact(8)) {
        let mut eight = [0; 8];
        eight.copy_from_slice(bytes);
        *word = u64::from_ne_bytes(eight);
    }
    let (base, bits) = SPACE;
    let stream = Stream {
        head,
        at,
        base,
        mask: (1 << traffic.destinations) - 1,
        shift: bits - traffic.destinations,
        sum,
        reserved: 0,
    };
    Ok((stream, length))
}

fn ethernet(to: [u8; 6], from: [u8; 6]) -> impl Iterator<Item = u8> {
    to.into_iter().chain(from).chain([8, 0])
}

/// A UDP datagram of that length in bytes, without checksums, with the mark in its payload.
fn udp(from: [u8; 4], to: [u8; 4], [source, destination]: [u16; 2], length: usize) -> Vec<u8> {
    let mut bytes = vec![0x45, 0];
    bytes.extend((length as u16).to_be_bytes());
    bytes.extend([0, 0, 0x40, 0, TTL, 17, 0, 0]);
    bytes.extend(from);
    bytes.extend(to);
    bytes.extend(source.to_be_bytes());
    bytes.extend(destination.to_be_bytes());
    bytes.extend((length as u16 - 20).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(MARK);
    bytes.resize(length, 0);
    bytes
}

fn words(bytes: &[u8]) -> u32 {
    let pairs = bytes.chunks_exact(2);
    pairs
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum()
}

fn folded(sum: u32) -> u16 {
    let sum = (sum >> 16) + (sum & 0xffff);
    ((sum >> 16) + (sum & 0xffff)) as u16
}

fn colons(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}
