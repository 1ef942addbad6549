//! The paths of a packet through the programs: row 6 measures each.

use std::{net::IpAddr, time::Duration};

use anyhow::{Result, bail, ensure};
use routemesh::datapath::Decision;
use routemesh_common::{Outcome, Verdict};
use routemesh_tests::{
    lab::{PATIENCE, eventually},
    packet::{HOST_A_MAC, Packet, STRANGER_MAC, Tunnel},
    program::{
        Place, Rig, Roles, V4, V6,
        tunnels::{GENEVE, VXLAN, Way},
    },
};

/// Payload of a frame of 60 bytes over IPv4, the smallest that there is, and of 80 over IPv6.
const SMALL: usize = 18;
/// That of a packet that the rig's narrow routes are too narrow for.
const LARGE: usize = 1400;

/// More packets at once than are answered with an ICMP error.
const MANY: u32 = 200;

/// A packet and what must become of it.
pub(super) struct Path {
    pub(super) name: String,
    place: Place,
    frame: Vec<u8>,
    outcome: Outcome,
}

impl Path {
    fn new(name: impl Into<String>, place: Place, packet: &Packet, outcome: Outcome) -> Self {
        Self {
            name: name.into(),
            place,
            frame: packet.build(),
            outcome,
        }
    }

    /// Sees that it is the path it is said to be.
    ///
    /// # Errors
    /// When the packet ends otherwise.
    pub(super) fn check(&self, rig: &Rig) -> Result<()> {
        let key = (self.place.row(), self.outcome as u8);
        let name = &self.name;
        let before = rig.counts();
        eventually(name, PATIENCE, || {
            for _ in 0..MANY {
                if self.run(rig)?.is_some() {
                    return Ok(());
                }
            }
            bail!("it is not taken")
        })?;
        let outcomes = rig.counts().since(&before).outcomes;
        ensure!(outcomes.contains_key(&key), "{name}: {outcomes:?}");
        Ok(())
    }

    /// How long a packet takes by it. None where it took another: so many a second are answered
    /// with an ICMP error, and no more.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(super) fn run(&self, rig: &Rig) -> Result<Option<Duration>> {
        let run = rig.run(self.place, &self.frame, 0)?;
        let wanted = match self.outcome.verdict() {
            Verdict::Forward | Verdict::Reply => Decision::Redirect,
            Verdict::Pass => Decision::Pass,
            Verdict::Drop => Decision::Drop,
        };
        Ok((run.decision == wanted).then_some(run.duration))
    }
}

/// What XDP does with what is in no tunnel and goes into none.
pub(super) fn xdp() -> Vec<Path> {
    let path =
        |name: &str, packet: Packet, outcome| Path::new(name, Place::UplinkXdp, &packet, outcome);
    vec![
        path("routed", passing(V4), Outcome::Routed),
        path("routed, IPv6", passing(V6), Outcome::Routed),
        path("dropped", arriving(V4, V4.hole()), Outcome::Blackhole),
        path("dropped, IPv6", arriving(V6, V6.hole()), Outcome::Blackhole),
        path(
            "left to tc",
            arriving(V4, V4.container()),
            Outcome::HandedUp,
        ),
        path(
            "left to tc, IPv6",
            arriving(V6, V6.container()),
            Outcome::HandedUp,
        ),
        path(
            "left to tc, no route",
            arriving(V4, V4.stranger()),
            Outcome::HandedUp,
        ),
    ]
}

/// What XDP does with tunnels.
pub(super) fn xdp_tunnels() -> Vec<Path> {
    let place = Place::UplinkXdp;
    let into = |way: Way, inner: Roles| arriving(inner, way.far(inner));
    let mut paths = vec![Path::new("routed", place, &passing(V4), Outcome::Routed)];
    paths.extend(tunnelled("into", (place, into, Outcome::Encapsulated)));
    let out = |way: Way, inner: Roles| way.arriving(&datagram(way.far(inner), inner.specific()));
    paths.extend(tunnelled("out of", (place, out, Outcome::Routed)));
    paths
}

/// What tc does with what is in no tunnel and goes into none: for who comes from a container at its
/// port, and at the uplink.
pub(super) fn tc() -> Vec<Path> {
    [forwarded(), left(), refused()]
        .into_iter()
        .flatten()
        .collect()
}

fn forwarded() -> Vec<Path> {
    let [from_container, from_wire] = at_tc();
    let local = |roles: Roles| leaving(roles, roles.narrow_container());
    let unknown = datagram(V4.remote(), V4.unlearnt()).macs(STRANGER_MAC, HOST_A_MAC);
    vec![
        from_container("routed", leaving(V4, V4.remote()), Outcome::Routed),
        from_container("routed, IPv6", leaving(V6, V6.remote()), Outcome::Routed),
        from_container(
            "routed, the kernel knows the MAC",
            leaving(V4, V4.unresolved()),
            Outcome::Routed,
        ),
        from_wire(
            "delivered",
            arriving(V4, V4.container()),
            Outcome::Delivered,
        ),
        from_wire(
            "delivered, IPv6",
            arriving(V6, V6.container()),
            Outcome::Delivered,
        ),
        from_wire(
            "delivered, the kernel knows the MAC",
            unknown,
            Outcome::DeliveredByNeighbour,
        ),
        from_container("from port to port", local(V4), Outcome::Delivered),
        from_container("from port to port, IPv6", local(V6), Outcome::Delivered),
    ]
}

fn left() -> Vec<Path> {
    let [from_container, from_wire] = at_tc();
    let outside = leaving(V4, V4.stranger());
    vec![
        from_wire("passed", arriving(V4, V4.host()), Outcome::ToHost),
        from_wire("passed, IPv6", arriving(V6, V6.host()), Outcome::ToHost),
        from_container(
            "no route: left to the bridge",
            outside.clone(),
            Outcome::HandedUp,
        ),
        Path::new(
            "no route: left by the bridge",
            Place::Docker,
            &outside,
            Outcome::NoRoute,
        ),
        from_wire("dropped", arriving(V4, V4.hole()), Outcome::Blackhole),
        from_wire("dropped, IPv6", arriving(V6, V6.hole()), Outcome::Blackhole),
    ]
}

fn refused() -> Vec<Path> {
    let [from_container, _] = at_tc();
    let ended = |roles: Roles| leaving(roles, roles.remote()).ttl(1);
    let large = |roles: Roles| leaving(roles, roles.narrow()).payload_of(LARGE);
    vec![
        from_container("TTL ended: answered", ended(V4), Outcome::TtlExceeded),
        from_container("TTL ended: answered, IPv6", ended(V6), Outcome::TtlExceeded),
        from_container(
            "TTL ended: too many answered",
            ended(V4),
            Outcome::ErrorRateLimited,
        ),
        from_container(
            "too big: answered",
            large(V4).dont_fragment(),
            Outcome::TooBig,
        ),
        from_container("too big: answered, IPv6", large(V6), Outcome::TooBig),
        from_container("too big: cut in two", large(V4), Outcome::Fragmented),
    ]
}

/// What tc does with tunnels.
pub(super) fn tc_tunnels() -> Vec<Path> {
    let (port, uplink) = (Place::Port, Place::Uplink);
    let into = |way: Way, inner: Roles| leaving(inner, way.far(inner));
    let routed = leaving(V4, V4.remote());
    let mut paths = vec![Path::new("routed", port, &routed, Outcome::Routed)];
    paths.extend(tunnelled("into", (port, into, Outcome::Encapsulated)));
    let delivered = arriving(V4, V4.container());
    paths.push(Path::new(
        "delivered",
        uplink,
        &delivered,
        Outcome::Delivered,
    ));
    let out = |way: Way, inner: Roles| way.arriving(&datagram(way.far(inner), inner.container()));
    paths.extend(tunnelled("out of", (uplink, out, Outcome::Delivered)));
    paths
}

/// A path for every tunnel, and what of it differs for IPv6, in it and around it.
fn tunnelled(
    verb: &str,
    (place, packet, outcome): (Place, impl Fn(Way, Roles) -> Packet, Outcome),
) -> Vec<Path> {
    let tunnels = [
        ("VXLAN", VXLAN),
        ("Geneve", GENEVE),
        ("GRE", Tunnel::Gre(None)),
        ("IPIP", Tunnel::Ipip),
    ];
    let families = [(V4, V4, ""), (V6, V4, ", IPv6"), (V4, V6, " over IPv6")];
    let mut paths = Vec::new();
    for (name, tunnel) in tunnels {
        for (inner, outer, family) in families {
            let packet = packet(Way::new(tunnel, outer), inner);
            paths.push(Path::new(
                format!("{verb} {name}{family}"),
                place,
                &packet,
                outcome,
            ));
        }
    }
    paths
}

/// Paths of what a container sends, and of what comes off the wire.
fn at_tc() -> [impl Fn(&str, Packet, Outcome) -> Path; 2] {
    [Place::Port, Place::Uplink].map(|place| {
        move |name: &str, packet: Packet, outcome| Path::new(name, place, &packet, outcome)
    })
}

/// Off the wire, from behind another router, through to another host.
fn passing(roles: Roles) -> Packet {
    arriving(roles, roles.specific())
}

/// Off the wire, from behind another router.
fn arriving(roles: Roles, dst: IpAddr) -> Packet {
    datagram(roles.unlearnt(), dst).macs(STRANGER_MAC, HOST_A_MAC)
}

/// From a container.
fn leaving(roles: Roles, dst: IpAddr) -> Packet {
    datagram(roles.container(), dst)
}

fn datagram(src: IpAddr, dst: IpAddr) -> Packet {
    Packet::new(src, dst).payload_of(SMALL)
}
