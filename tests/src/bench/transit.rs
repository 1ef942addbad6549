//! A host between a source of frames and a sink, and who forwards on it.

use std::{
    mem,
    net::IpAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use aya::programs::XdpMode;
use routemesh_common::bench::Arrived;
use routemesh_tests::lab::{
    Host, Lab, PATIENCE, Routemesh, Side, Wire, accept, docker_rules, eventually, forwarded,
    received,
};

use crate::{
    background::Background,
    contest::Contender,
    generator::{Redirect, Sink, Source, interval},
    traffic::{Cable, TTL, Target, Traffic, VNI, VTEP},
};

/// Frames that are sent to see how fast it goes.
const TRIAL: u32 = 20_000;
/// Frames of a part of a measurement, of which the fastest counts: less than a time slice.
const PART: u32 = 16_384;
/// Frames of a part where processor time counts: the kernel's own time before and after is little
/// beside what they take.
const LONG_PART: u32 = 131_072;

/// The host in the middle, with what is on either side.
pub(crate) struct Transit {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) sink: Sink,
    pub(crate) forwarder: Forwarder,
    /// The host. On `eth0` are the frames; on `eth1` the sink, unless it is in the container.
    pub(crate) side: Side,
    traffic: Traffic,
    /// The first destination, and the bits in which others differ from it.
    destinations: (u32, u32),
    /// Frames sent in measurements, and those of them that did not arrive.
    sent: u64,
    lost: u64,
    far: Wire,
    ends: [Host; 2],
    lab: Lab,
}

/// Who forwards.
pub(crate) enum Forwarder {
    Nobody,
    Redirect(#[expect(dead_code, reason = "held for what it does")] Redirect),
    Kernel,
    /// The daemon, and each hook that frames come by, with the outcome that counts them there.
    Routemesh(Box<Routemesh>, &'static [(&'static str, &'static str)]),
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
        let cable = Cable {
            macs: [g.mac("eth0")?, r.mac("eth0")?],
            addresses: [g.v4(), r.v4()],
        };
        let side = Side::new(r, 100)?;
        let container = [side.container.v4(), side.container.v6()];
        let stream = traffic.stream(&cable, container);
        let destinations = (stream.0.base, stream.0.mask << stream.0.shift);
        let source = Source::new(g.node(), "eth0", stream)?;
        let sink = match traffic.target {
            Target::Wire(_) => Sink::new(s.node(), "eth1", XdpMode::Driver)?,
            // What is redirected to a container comes in behind its driver.
            Target::Container => Sink::new(&side.container, "eth0", XdpMode::Skb)?,
        };
        Ok(Self {
            name: name.to_owned(),
            source,
            sink,
            forwarder: Forwarder::Nobody,
            side,
            traffic,
            destinations,
            sent: 0,
            lost: 0,
            far,
            ends: [g, s],
            lab,
        })
    }

    /// With every frame counted and dropped where it comes in: what is not forwarding.
    pub(crate) fn dropping(name: &str, traffic: Traffic) -> Result<Self> {
        let mut transit = Self::new(name, traffic)?;
        transit.sink = Sink::new(transit.side.host.node(), "eth0", XdpMode::Driver)?;
        Ok(transit)
    }

    /// With every frame sent on as it is by a program of two instructions: the limit of XDP.
    pub(crate) fn redirecting(name: &str, traffic: Traffic) -> Result<Self> {
        let mut transit = Self::new(name, traffic)?;
        let Side {
            host, container, ..
        } = &transit.side;
        let out = match traffic.target {
            Target::Wire(_) => "eth1".to_owned(),
            Target::Container => {
                // As above.
                container.offload("eth0", "gro", true)?;
                container.port()
            }
        };
        let sending = Redirect::new(host.node(), "eth0", &out)?;
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
            let to = match traffic.target {
                Target::Wire(_) => "eth1",
                Target::Container => transit.side.network.interface(),
            };
            accept(host.node(), from, to)?;
        }
        host.forward()?;
        if traffic.wrapped {
            let [local, near] = [host, &transit.ends[0]].map(Host::v4);
            host.ip(&format!(
                "link add vx0 address {} type vxlan id {VNI} local {local} remote {near} dev eth0 dstport 4789 nolearning\n\
                 link set vx0 up",
                colons(VTEP)
            ))?;
        }
        let (behind, space) = (traffic.behind(), traffic.space());
        let (near, far) = (transit.near(), transit.gateway());
        host.ip(&format!(
            "route add {behind} via {near}\nroute add {space} via {far}"
        ))?;
        transit.opened()
    }

    /// By routemesh, with that mode of the uplinks, on a host as Docker leaves it.
    pub(crate) fn routemesh(name: &str, traffic: Traffic, hook: &'static str) -> Result<Self> {
        let transit = Self::new(name, traffic)?;
        docker_rules(&transit.side)?;
        let route = transit.route(traffic.space());
        let config = transit.config(hook, 1 << 10) + &route;
        let daemon = Routemesh::start(transit.side.host.node(), &config)?;
        transit.with(daemon, hook).opened()
    }

    /// With that daemon as who forwards, with that mode of the uplinks.
    pub(crate) fn with(mut self, daemon: Routemesh, hook: &'static str) -> Self {
        let counted: &[_] = match (self.traffic.target, hook) {
            (Target::Wire(_), "tc") => &[("tc", "routed")],
            (Target::Wire(_), _) => &[("xdp", "routed")],
            (Target::Container, "tc") => &[("tc", "delivered")],
            // XDP leaves to tc what a socket of this host reads.
            (Target::Container, _) => &[("xdp", "handed_up"), ("tc", "delivered")],
        };
        self.forwarder = Forwarder::Routemesh(Box::new(daemon), counted);
        self
    }

    /// The host's configuration without routes to the sink, and with room for that many.
    pub(crate) fn config(&self, mode: &str, routes: u32) -> String {
        // Tunnels are over IPv4.
        let near = self.ends[0].v4();
        format!(
            "node = \"r\"\n\
             [limits]\nroutes = {routes}\n\
             [[uplink]]\ninterface = \"eth0\"\nmode = \"{mode}\"\n\
             [[uplink]]\ninterface = \"eth1\"\nmode = \"{mode}\"\n\
             [[network]]\ninterface = \"docker0\"\n\
             [[route]]\ndst = \"{}\"\nvia = \"{near}\"\nmode = \"vxlan\"\n",
            self.traffic.behind()
        )
    }

    /// A route to the sink, as the configuration has it.
    pub(crate) fn route(&self, dst: &str) -> String {
        format!("[[route]]\ndst = \"{dst}\"\nvia = \"{}\"\n", self.gateway())
    }

    /// The address of the sink's host, of the traffic's family.
    pub(crate) fn gateway(&self) -> IpAddr {
        self.address(&self.far, &self.ends[1])
    }

    /// The address of the source's host.
    fn near(&self) -> IpAddr {
        self.address(self.lab.wire(), &self.ends[0])
    }

    fn address(&self, wire: &Wire, host: &Host) -> IpAddr {
        let both = [wire.v4(host).into(), wire.v6(host).into()];
        self.traffic.family.of(both)
    }

    /// Waits until frames come through, by who is meant to forward them.
    pub(crate) fn opened(mut self) -> Result<Self> {
        let name = self.name.clone();
        eventually("frames to come through", PATIENCE, || {
            let before = self.forwarded()?;
            let came = self.burst(TRIAL)?;
            let packets = came.packets;
            ensure!(packets == u64::from(TRIAL), "{packets} did");
            self.expect(before, packets)?;
            self.examine(&came)
        })
        .context(name)?;
        Ok(self)
    }

    /// Waits until frames come in, whatever becomes of them.
    pub(crate) fn receives(&self) -> Result<()> {
        let received = || received(&self.side.host, "eth0");
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
            Forwarder::Routemesh(daemon, counted) => {
                let counts = counted.iter();
                let counts = counts.map(|(hook, outcome)| daemon.packets(hook, outcome));
                let counts = counts.collect::<Result<Vec<_>>>()?;
                counts.into_iter().min().context("nothing is counted")
            }
        }
    }

    /// Sees that who forwards has counted at least as many frames as came since `before`.
    fn expect(&self, before: u64, came: u64) -> Result<()> {
        let counted = self.forwarded()? - before;
        ensure!(
            self.is_bare() || counted >= came,
            "{came} frames came, {counted} by the way that is measured"
        );
        Ok(())
    }

    /// Sees that all that came has the TTL that it has behind who forwards, and is for whom it was
    /// sent to.
    fn examine(&self, came: &Arrived) -> Result<()> {
        let ttl = u32::from(if self.is_bare() { TTL } else { TTL - 1 });
        ensure!(
            came.ttl == ttl && came.ttls == 0,
            "frames came with other TTLs than {ttl}: the first with {}, others with bits {:#x} of it changed",
            came.ttl,
            came.ttls
        );
        let (first, vary) = self.destinations;
        let strange = ((came.destination ^ first) | came.destinations) & !vary;
        ensure!(
            strange == 0,
            "frames came for others than they were sent to, by bits {strange:#x} of the destination"
        );
        Ok(())
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
        let mut arrived = 0;
        let begun = Instant::now();
        while begun.elapsed() < time {
            let came = self.burst(part)?;
            // A veth's ring may overflow; what that took is told beside the figures.
            let enough = u64::from(part - part / 100);
            ensure!(
                came.packets >= enough,
                "{} of {part} frames came",
                came.packets
            );
            self.examine(&came)?;
            self.sent += u64::from(part);
            self.lost += u64::from(part).saturating_sub(came.packets);
            look(&came);
            arrived += came.packets;
        }
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
            let before = self.forwarded()?;
            let arrived = self.flood((time, PART), |part| fastest = fastest.min(interval(part)))?;
            self.expect(before, arrived)?;
            Ok(vec![fastest])
        })
    }

    /// The contender whose figure is milliseconds of processor time for a million frames.
    pub(crate) fn charge<'a>(&'a mut self, background: &'a Background) -> Contender<'a> {
        let name = self.name.clone();
        Contender::new(&name, move |time| {
            let before = self.forwarded()?;
            let flood = || self.flood((time, LONG_PART), |_| ());
            let (arrived, seconds) = background.beyond(flood)?;
            self.expect(before, arrived)?;
            Ok(vec![1e9 * seconds / arrived as f64])
        })
    }
}

/// What became of the frames of measurements since it was last told.
pub(crate) fn losses(transits: &mut [Transit]) -> String {
    let lost = transits.iter_mut().filter_map(|transit| {
        let (sent, lost) = (mem::take(&mut transit.sent), mem::take(&mut transit.lost));
        let percent = 100.0 * lost as f64 / sent as f64;
        (lost > 0).then(|| format!("`{}` {percent:.4} %", transit.name))
    });
    let lost: Vec<_> = lost.collect();
    if lost.is_empty() {
        return "All frames arrived.".to_owned();
    }
    format!(
        "Frames that did not arrive: {}; of other columns all did.",
        lost.join(", ")
    )
}

fn colons(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}
