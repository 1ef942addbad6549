//! The ways from container to container that are compared, each between two hosts of its own.

use std::{fmt::Write as _, fs};

use anyhow::{Context as _, Result, bail, ensure};
use routemesh_tests::lab::{
    Node, PATIENCE, Pair, Routemesh, Side, accept, docker_rules, eventually, refuse_sources,
    tcp_stream,
};

use crate::column;

/// Bytes of the largest packet a stack sends at once.
const SUPER_PACKET: u64 = 1 << 16;
/// What is sent to see that it arrives unchanged, in bytes.
const TRIAL: u64 = 8 << 20;
/// What containers may send so that every tunnel's headers fit into the cable's 1500 bytes.
const TUNNELLED_MTU: u32 = 1400;

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
    Kernel,
    /// Host A's daemon and host B's.
    Routemesh(Vec<Routemesh>),
}

/// How far a way's counters were when a measurement began.
#[derive(Clone, Copy)]
pub(crate) struct Passed(u64);

impl Way {
    /// From host to host, with no container, no bridge and nothing to decide.
    pub(crate) fn cable() -> Result<Self> {
        Self::of(column::CABLE, Pair::cabled()?, Carrier::Cable)
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

    /// By routemesh, with that mode of the uplinks, on hosts as Docker leaves them.
    pub(crate) fn routemesh(name: &'static str, mode: &str) -> Result<Self> {
        let pair = Pair::cabled()?;
        for side in [&pair.a, &pair.b] {
            docker_rules(side)?;
        }
        let (a, b) = pair.routemesh(mode)?;
        Self::of(name, pair, Carrier::Routemesh(vec![a, b]))
    }

    /// By routemesh through a tunnel of that mode.
    pub(crate) fn tunnel(name: &'static str, mode: &str) -> Result<Self> {
        let pair = Pair::cabled()?;
        narrow(&pair)?;
        let start = |side: &Side, other: &Side| {
            docker_rules(side)?;
            // Both families go through the one tunnel, over IPv4.
            let v6 = other.host.v6().to_string();
            let config = side
                .config("auto", other)
                .replace(&v6, &other.host.v4().to_string())
                .replace("\nvia =", &format!("\nmode = \"{mode}\"\nvia ="));
            Routemesh::start(&side.host, &config)
        };
        let daemons = vec![start(&pair.a, &pair.b)?, start(&pair.b, &pair.a)?];
        Self::of(name, pair, Carrier::Routemesh(daemons))
    }

    /// By the kernel's routing and its vxlan device, set up as flannel does; with Docker's rules
    /// where `docker`.
    pub(crate) fn kernel_vxlan(name: &'static str, docker: bool) -> Result<Self> {
        let pair = Pair::cabled()?;
        narrow(&pair)?;
        if docker {
            with_docker(&pair, "flannel.1")?;
        }
        for (side, other) in [(&pair.a, &pair.b), (&pair.b, &pair.a)] {
            side.host.forward()?;
            flannel(side, other)?;
        }
        Self::of(name, pair, Carrier::Kernel)
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
    pub(crate) fn ends(&self) -> (&Node, &Node, [std::net::IpAddr; 2]) {
        let Pair { a, b, .. } = &self.pair;
        match self.carrier {
            Carrier::Cable => {
                let addresses = [b.host.v4().into(), b.host.v6().into()];
                (a.host.node(), b.host.node(), addresses)
            }
            Carrier::Kernel | Carrier::Routemesh(_) => {
                let addresses = [b.container.v4(), b.container.v6()];
                (&a.container, &b.container, addresses)
            }
        }
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
    pub(crate) fn passed(&self) -> Result<Passed> {
        let Pair { a, b, .. } = &self.pair;
        let packets = match &self.carrier {
            Carrier::Cable => 0,
            Carrier::Kernel => forwarded(&a.host)?.min(forwarded(&b.host)?),
            Carrier::Routemesh(daemons) => {
                let (a, b) = (&daemons[0], &daemons[1]);
                let sent = counted(a, "routed")? + counted(a, "encapsulated")?;
                sent.min(counted(b, "delivered")?)
            }
        };
        Ok(Passed(packets))
    }

    /// Sees that at least so many packets took this way on both hosts since `before`.
    ///
    /// # Errors
    /// When fewer did.
    pub(crate) fn expect(&self, before: Passed, packets: u64) -> Result<()> {
        if matches!(self.carrier, Carrier::Cable) {
            return Ok(());
        }
        let passed = self.passed()?.0 - before.0;
        ensure!(
            passed >= packets,
            "{packets} packets arrived, but {passed} by the way that is measured"
        );
        Ok(())
    }

    /// Sees that as many bytes took this way, in packets as large as a stack can send them.
    ///
    /// # Errors
    /// When fewer did.
    pub(crate) fn expect_bytes(&self, before: Passed, bytes: u64) -> Result<()> {
        self.expect(before, bytes / SUPER_PACKET)
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
fn flannel(side: &Side, other: &Side) -> Result<()> {
    let (local, remote) = (side.host.v4(), other.host.v4());
    let mac = |side: &Side| format!("02:00:00:00:04:{:02x}", side.host.number());
    let mut lines = format!(
        "link add flannel.1 address {} type vxlan id 1 local {local} dev eth0 dstport 8472 nolearning\n\
         link set flannel.1 up\n",
        mac(side)
    );
    for subnet in other.network.subnets() {
        // The address of the other device is the first of the subnet, as flannel has it.
        let via = subnet.addr();
        let _ = write!(
            lines,
            "neigh replace {via} lladdr {} dev flannel.1 nud permanent\n\
             route add {subnet} via {via} dev flannel.1 onlink\n",
            mac(other)
        );
    }
    side.host.ip(&lines)?;
    let fdb = [
        "bridge",
        "fdb",
        "append",
        &mac(other),
        "dev",
        "flannel.1",
        "dst",
        &remote.to_string(),
    ]
    .map(str::to_owned);
    side.host.run(fdb.each_ref().map(String::as_str)).map(drop)
}

/// Packets that a host's kernel has forwarded, of both families.
pub(crate) fn forwarded(host: &Node) -> Result<u64> {
    host.enter(|| {
        let v4 = fs::read_to_string("/proc/thread-self/net/snmp")?;
        let mut lines = v4.lines().filter_map(|line| line.strip_prefix("Ip: "));
        let (names, values) = (lines.next(), lines.next());
        let (Some(names), Some(values)) = (names, values) else {
            bail!("no counters of IP in /proc/net/snmp");
        };
        let mut fields = names.split(' ').zip(values.split(' '));
        let (_, v4) = fields
            .find(|(name, _)| *name == "ForwDatagrams")
            .context("no ForwDatagrams")?;
        let v6 = fs::read_to_string("/proc/thread-self/net/snmp6")?;
        let v6 = v6
            .lines()
            .find_map(|line| line.strip_prefix("Ip6OutForwDatagrams"))
            .context("no Ip6OutForwDatagrams")?;
        Ok(v4.parse::<u64>()? + v6.trim().parse::<u64>()?)
    })
}

/// Packets that a daemon's programs saw end like that, over ports and interfaces.
fn counted(daemon: &Routemesh, outcome: &str) -> Result<u64> {
    Ok(daemon.packets("port", outcome)? + daemon.packets("tc", outcome)?)
}
