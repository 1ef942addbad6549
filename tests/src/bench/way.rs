//! The ways from container to container that are compared, each between two hosts of its own.

use std::{fmt::Write as _, net::IpAddr};

use anyhow::{Context as _, Result, ensure};
use routemesh_tests::lab::{
    Host, Node, OpenVswitch, PATIENCE, Pair, Ping, Routemesh, Side, accept, docker_rules,
    eventually, flowtable, forwarded, offloaded, received, refuse_sources, relayed, tcp_stream,
};

use crate::{column, load::Family};

/// Bytes of the largest packet a stack sends at once.
pub(crate) const SUPER_PACKET: u64 = 1 << 16;
/// What is sent to see that it arrives unchanged, in bytes.
const TRIAL: u64 = 8 << 20;
/// What containers may send so that every tunnel's headers fit into the cable's 1500 bytes.
const TUNNELLED_MTU: u32 = 1400;

/// By which packets come in to a host.
const INTERFACES: [&str; 2] = ["eth0", "docker0"];

/// A way between two containers.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pair: Pair,
    carrier: Carrier,
}

/// Who carries the packets.
enum Carrier {
    /// A cable between the two that send and receive: they are the hosts themselves.
    Cable,
    /// Filters that send every frame on.
    Relay,
    Kernel,
    /// The kernel's, which comes first.
    Flowtable,
    /// Host A's, which what is sent comes to first, and host B's.
    OpenVswitch(#[expect(dead_code, reason = "held for what they do")] Vec<OpenVswitch>),
    /// Host A's daemon and host B's, and the outcome that counts what the former sends.
    Routemesh(Vec<Routemesh>, &'static str),
}

/// How far a way's counters were when a measurement began.
#[derive(Clone, Copy)]
pub(crate) struct Passed {
    packets: u64,
    flows: Flows,
}

/// Whose packets are counted.
#[derive(Clone, Copy)]
enum Flows {
    Known,
    /// Those that are opened, which know no short cut yet.
    New,
}

impl Way {
    /// From host to host, with no container, no bridge and nothing to decide.
    pub(crate) fn cable() -> Result<Self> {
        Self::of(column::CABLE, Pair::cabled()?, Carrier::Cable)
    }

    /// From container to container, by filters of `tc` that send every frame on as it is.
    pub(crate) fn relay() -> Result<Self> {
        Self::of(column::RELAY, Pair::relayed()?, Carrier::Relay)
    }

    /// By the kernel's routing, without a rule.
    pub(crate) fn kernel() -> Result<Self> {
        let pair = Pair::cabled()?;
        pair.kernel_routing()?;
        Self::of(column::KERNEL, pair, Carrier::Kernel)
    }

    /// By the kernel's routing, as Docker and its operator set it up.
    pub(crate) fn iptables() -> Result<Self> {
        let pair = Pair::cabled()?;
        with_docker(&pair, "eth0")?;
        pair.kernel_routing()?;
        Self::of(column::IPTABLES, pair, Carrier::Kernel)
    }

    /// The same with a thousand refused sources before the rule that accepts.
    pub(crate) fn rules() -> Result<Self> {
        let pair = Pair::cabled()?;
        with_docker(&pair, "eth0")?;
        for side in [&pair.a, &pair.b] {
            refuse_sources(side.host.node(), 1000)?;
        }
        pair.kernel_routing()?;
        Self::of(column::RULES, pair, Carrier::Kernel)
    }

    /// As Docker and its operator set it up, and a flowtable that known flows take.
    pub(crate) fn flowtable() -> Result<Self> {
        let pair = Pair::cabled()?;
        with_docker(&pair, "eth0")?;
        pair.kernel_routing()?;
        for side in [&pair.a, &pair.b] {
            flowtable(side.host.node(), &INTERFACES)?;
        }
        Self::of(column::FLOWTABLE, pair, Carrier::Flowtable)
    }

    /// By routemesh, with that mode of the uplinks, on hosts as Docker leaves them.
    pub(crate) fn routemesh(name: &'static str, mode: &str) -> Result<Self> {
        let pair = Pair::cabled()?;
        for side in [&pair.a, &pair.b] {
            docker_rules(side)?;
        }
        let (a, b) = pair.routemesh(mode)?;
        Self::of(name, pair, Carrier::Routemesh(vec![a, b], "routed"))
    }

    /// By routemesh through a tunnel of that mode, over that family.
    pub(crate) fn tunnel(name: &'static str, mode: &str, outer: Family) -> Result<Self> {
        let pair = Pair::cabled()?;
        narrow(&pair)?;
        let start = |side: &Side, other: &Side| {
            docker_rules(side)?;
            // Both families go through the one tunnel.
            let [from, to] = outer.of([
                [other.host.v6().to_string(), other.host.v4().to_string()],
                [other.host.v4().to_string(), other.host.v6().to_string()],
            ]);
            let config = side
                .config("auto", other)
                .replace(&from, &to)
                .replace("\nvia =", &format!("\nmode = \"{mode}\"\nvia ="));
            Routemesh::start(&side.host, &config)
        };
        let daemons = vec![start(&pair.a, &pair.b)?, start(&pair.b, &pair.a)?];
        Self::of(name, pair, Carrier::Routemesh(daemons, "encapsulated"))
    }

    /// By the kernel's routing and its vxlan device over that family, set up as flannel does; with
    /// Docker's rules where `docker`.
    pub(crate) fn kernel_vxlan(name: &'static str, docker: bool, outer: Family) -> Result<Self> {
        let pair = Pair::cabled()?;
        narrow(&pair)?;
        if docker {
            with_docker(&pair, "flannel.1")?;
        }
        for (side, other) in [(&pair.a, &pair.b), (&pair.b, &pair.a)] {
            side.host.forward()?;
            flannel(side, other, outer)?;
        }
        Self::of(name, pair, Carrier::Kernel)
    }

    /// By the kernel's routing into Open vSwitch's vxlan, whose datapath is in user space.
    pub(crate) fn open_vswitch(name: &'static str) -> Result<Self> {
        let pair = Pair::cabled()?;
        narrow(&pair)?;
        let mut switches = Vec::new();
        for (side, other) in [(&pair.a, &pair.b), (&pair.b, &pair.a)] {
            side.host.forward()?;
            let wire = pair.lab.wire();
            let switch = OpenVswitch::start(&side.host, wire, &vtep(side), TUNNELLED_MTU)?;
            switch.tunnel("vxlan", other.host.v4().into(), Some(1))?;
            side.host.ip(&routes(other, OpenVswitch::INTERFACE))?;
            switches.push(switch);
        }
        eventually("packets in the tunnel", PATIENCE, || {
            Ping::default().run(&pair.a.container, pair.b.container.v4())?;
            ensure!(switches[0].tunnelled("vxlan")? > 0, "it has counted none");
            Ok(())
        })?;
        Self::of(name, pair, Carrier::OpenVswitch(switches))
    }

    fn of(name: &'static str, pair: Pair, carrier: Carrier) -> Result<Self> {
        let way = Self {
            name,
            pair,
            carrier,
        };
        way.try_out().with_context(|| format!("try out {name}"))?;
        Ok(way)
    }

    /// Who sends, who receives, and by what addresses the latter is reached.
    pub(crate) fn ends(&self) -> (&Node, &Node, [IpAddr; 2]) {
        let Pair { a, b, .. } = &self.pair;
        if matches!(self.carrier, Carrier::Cable) {
            let addresses = [b.host.v4().into(), b.host.v6().into()];
            return (a.host.node(), b.host.node(), addresses);
        }
        let addresses = [b.container.v4(), b.container.v6()];
        (&a.container, &b.container, addresses)
    }

    /// Sees that what is sent arrives unchanged, and by this way.
    fn try_out(&self) -> Result<()> {
        let (from, to, addresses) = self.ends();
        for address in addresses {
            // The first packets may find neighbours unresolved and containers not learnt.
            eventually("the way to be open", PATIENCE, || {
                tcp_stream(from, to, address, TRIAL / 64).map(drop)
            })?;
            let before = self.passed()?;
            tcp_stream(from, to, address, TRIAL)?;
            self.expect(before, TRIAL / SUPER_PACKET)?;
        }
        Ok(())
    }

    /// Where the counters are now.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn passed(&self) -> Result<Passed> {
        self.passed_by(Flows::Known)
    }

    /// The same where each packet that counts opens a connection: what knows known flows alone
    /// leaves those to the kernel.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn opened(&self) -> Result<Passed> {
        self.passed_by(Flows::New)
    }

    fn passed_by(&self, flows: Flows) -> Result<Passed> {
        let Pair { a, b, .. } = &self.pair;
        let packets = match (&self.carrier, flows) {
            (Carrier::Cable, _) => 0,
            (Carrier::Relay, _) => {
                let sent = relayed(&a.host, a.network.interface())?;
                sent.min(relayed(&b.host, "eth0")?)
            }
            (Carrier::Flowtable, Flows::Known) => {
                let taken = |host| offloaded(host, &INTERFACES);
                taken(&a.host)?.min(taken(&b.host)?)
            }
            (Carrier::Kernel, _) | (Carrier::Flowtable, Flows::New) => {
                forwarded(&a.host)?.min(forwarded(&b.host)?)
            }
            // The switch has the uplink to itself.
            (Carrier::OpenVswitch(_), _) => {
                let came = received(&b.host, "eth0")?.unsigned_abs();
                came.min(forwarded(&b.host)?)
            }
            (Carrier::Routemesh(daemons, sent), _) => {
                let (a, b) = (&daemons[0], &daemons[1]);
                counted(a, sent)?.min(counted(b, "delivered")?)
            }
        };
        Ok(Passed { packets, flows })
    }

    /// Sees that at least so many packets took this way on both hosts since `before`.
    ///
    /// # Errors
    /// When fewer did.
    pub(crate) fn expect(&self, before: Passed, packets: u64) -> Result<()> {
        if matches!(self.carrier, Carrier::Cable) {
            return Ok(());
        }
        let passed = self.passed_by(before.flows)?.packets - before.packets;
        ensure!(
            passed >= packets,
            "{packets} packets arrived, but {passed} by the way that is measured{}",
            self.outcomes_told()
        );
        Ok(())
    }

    /// How packets ended up to now, on either host, where that is known.
    fn outcomes_told(&self) -> String {
        let Carrier::Routemesh(daemons, _) = &self.carrier else {
            return String::new();
        };
        let told = daemons
            .iter()
            .map(|daemon| format!("\n{}", daemon.outcomes_told()));
        told.collect()
    }
}

/// What Docker and the operator set up on both hosts, which `interface` leads to from the other.
fn with_docker(pair: &Pair, interface: &str) -> Result<()> {
    for side in [&pair.a, &pair.b] {
        docker_rules(side)?;
        accept(side.host.node(), interface, "docker0")?;
    }
    Ok(())
}

fn narrow(pair: &Pair) -> Result<()> {
    for side in [&pair.a, &pair.b] {
        side.container.mtu("eth0", TUNNELLED_MTU)?;
    }
    Ok(())
}

/// A vxlan device with fixed neighbours, and routes through it to the other host's containers.
fn flannel(side: &Side, other: &Side, outer: Family) -> Result<()> {
    let address = |host: &Host| outer.of([host.v4().into(), host.v6().into()]);
    let (local, remote): (IpAddr, IpAddr) = (address(&side.host), address(&other.host));
    let mut lines = format!(
        "link add flannel.1 address {} type vxlan id 1 local {local} dev eth0 dstport 8472 nolearning\n\
         link set flannel.1 up\n",
        vtep(side)
    );
    lines += &routes(other, "flannel.1");
    side.host.ip(&lines)?;
    let fdb = [
        "bridge",
        "fdb",
        "append",
        &vtep(other),
        "dev",
        "flannel.1",
        "dst",
        &remote.to_string(),
    ]
    .map(str::to_owned);
    side.host.run(fdb.each_ref().map(String::as_str)).map(drop)
}

/// The MAC of a host's end of a tunnel.
fn vtep(side: &Side) -> String {
    format!("02:00:00:00:04:{:02x}", side.host.number())
}

/// The `ip` lines that lead to the containers of `other` by a device that a tunnel is behind.
fn routes(other: &Side, device: &str) -> String {
    let mut lines = String::new();
    for subnet in other.network.subnets() {
        // The address of the other device is the first of the subnet, as flannel has it.
        let via = subnet.addr();
        let _ = write!(
            lines,
            "neigh replace {via} lladdr {} dev {device} nud permanent\n\
             route add {subnet} via {via} dev {device} onlink\n",
            vtep(other)
        );
    }
    lines
}

/// Packets that a daemon's programs saw end like that, over ports and interfaces.
fn counted(daemon: &Routemesh, outcome: &str) -> Result<u64> {
    Ok(daemon.packets("port", outcome)? + daemon.packets("tc", outcome)?)
}
