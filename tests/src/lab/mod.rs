//! A lab of hosts and containers in network namespaces, on one machine.
//!
//! Every namespace is held by an open file and has no name, so nothing of a [`Lab`] outlives
//! the process, even a killed one, and any number of them run side by side. No interface
//! outside of these namespaces is ever touched.
//!
//! [`Lab::host`] makes a host with an uplink `eth0` on a wire, [`Host::network`] a container
//! network, [`Host::container`] a container. Hosts forward nothing by themselves and know no
//! route to one another's containers: whatever gets through, routemesh carried.

mod batch;
mod builds;
mod call;
mod capture;
mod chain;
mod daemon;
mod delay;
mod docker;
mod flowtable;
mod footprint;
mod host;
mod http;
mod injector;
mod iptables;
mod machine;
mod network;
mod node;
mod numbered;
mod openvswitch;
mod pair;
mod probe;
mod process;
mod relay;
mod tally;
mod traffic;
mod wire;

use std::{
    cell::Cell,
    env, thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

pub use call::{Call, Of};
pub use capture::Capture;
pub use chain::Chain;
pub use daemon::{Routemesh, binary};
pub use delay::{connections_for, round_trips};
pub use docker::{Docker, DockerContainer};
pub use flowtable::{flowtable, lack_of_flowtables, offloaded};
pub use footprint::{
    Footprint, Leftovers, attached, has_decapsulation_flags, has_tcx, interrupt, pinned_maps,
    pinned_under, pins, tells_xdp_features,
};
pub use host::Host;
pub use http::{Answer, request};
pub use injector::Injector;
pub use iptables::{accept, docker_rules, refuse_sources};
pub use machine::{Machine, SHARED, debian};
pub use network::{Container, Network};
pub use node::Node;
pub use numbered::{
    FULL_RATE, LEAST_RATE, Numbered, udp_numbered, udp_numbered_both_ways, udp_numbered_to_any,
};
pub use openvswitch::OpenVswitch;
pub use pair::{Pair, Segments, Side};
pub use probe::Probe;
pub use process::{Process, run};
pub use relay::{relay, relayed};
pub use tally::{ended_at, forwarded, received, refused, sent, settled};
pub use traffic::{
    Echo, Ping, Transfer, tcp_flows, tcp_for, tcp_stream, tcp_streams, tcp_watched, udp_echo,
    udp_for,
};
pub use wire::Wire;

/// How long anything in the lab may take that is waited for.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// The hosts' surroundings: a wire they are plugged into, and their numbers.
pub struct Lab {
    wire: Wire,
    wires: Cell<u8>,
    hosts: Cell<u8>,
}

impl Lab {
    /// A lab with one wire and no hosts.
    ///
    /// # Errors
    /// When the kernel refuses a namespace or an interface, which without root it does.
    pub fn new() -> Result<Self> {
        Ok(Self {
            wire: Wire::new(0)?,
            wires: Cell::new(1),
            hosts: Cell::new(0),
        })
    }

    /// The wire that [`Lab::host`] plugs hosts into.
    #[must_use]
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Another wire, with subnets of its own.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn new_wire(&self) -> Result<Wire> {
        Wire::new(self.wires.replace(self.wires.get() + 1))
    }

    /// A host with its uplink `eth0` on the lab's wire; the n-th host has the address
    /// `192.168.100.n/24` and `fd00:100::n/64`.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn host(&self, name: &str) -> Result<Host> {
        let host = self.unplugged_host(name)?;
        host.plug("eth0", &self.wire)?;
        Ok(host)
    }

    /// A host without an uplink; see [`Host::plug`].
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn unplugged_host(&self, name: &str) -> Result<Host> {
        self.hosts.set(self.hosts.get() + 1);
        Host::new(name, self.hosts.get())
    }
}

/// Whether `cargo xtask test --kernel` runs this, which emulates processors.
pub(crate) fn is_emulated() -> bool {
    env::var_os("ROUTEMESH_TEST_EMULATED").is_some()
}

/// As often as is worth its time here: a quarter of `count` in an emulated machine.
#[must_use]
pub fn as_often(count: usize) -> usize {
    if is_emulated() { count / 4 } else { count }
}

/// As long as a bound has to be here: four times as long in an emulated machine.
#[must_use]
pub fn patient(bound: Duration) -> Duration {
    if is_emulated() { 4 * bound } else { bound }
}

/// Tries until `attempt` succeeds, at most for a [`patient`] `bound`.
///
/// # Errors
/// The last attempt's error, under `what` was waited for.
pub fn eventually<T>(
    what: &str,
    bound: Duration,
    mut attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    let (start, bound) = (Instant::now(), patient(bound));
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if start.elapsed() > bound => {
                return Err(error).with_context(|| format!("wait {bound:?} for {what}"));
            }
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}
