//! Two hosts on two wires, with routemesh on both: what the soak is about.

use std::{thread, time::Duration};

use anyhow::Result;
use routemesh::model::Prefix;
use routemesh_tests::lab::{Container, PATIENCE, Pair, Ping, Side, Wire, eventually};

use crate::model::{Table, lines};

/// How long a path is away: longer than it takes a packet to meet it.
const AWAY: Duration = Duration::from_millis(20);

/// The hosts of the usual pair, with a second wire from `eth1` to `eth1`, by which no numbered
/// datagram goes.
pub(crate) struct Scene {
    pub(crate) pair: Pair,
    /// Containers of host A and of host B that come and go.
    pub(crate) others: [Container; 2],
    second: Wire,
}

impl Scene {
    pub(crate) fn new() -> Result<Self> {
        let pair = Pair::new()?;
        let second = pair.lab.new_wire()?;
        for side in [&pair.a, &pair.b] {
            side.host.plug("eth1", &second)?;
        }
        pair.lab.wire().accept_xdp(&pair.a.host, "eth0")?;
        second.accept_xdp(&pair.a.host, "eth1")?;
        let others = [
            pair.a.host.container("a2", &pair.a.network)?,
            pair.b.host.container("b2", &pair.b.network)?,
        ];
        Ok(Self {
            pair,
            others,
            second,
        })
    }

    /// Both wires, each with the hosts' interface on it.
    pub(crate) fn wires(&self) -> [(&Wire, &'static str); 2] {
        [(self.pair.lab.wire(), "eth0"), (&self.second, "eth1")]
    }

    /// The subnets of host B's containers.
    pub(crate) fn far(&self) -> [Prefix; 2] {
        let mut subnets = self.pair.b.network.subnets();
        [(); 2].map(|()| {
            let subnet = subnets.next().expect("there is one of each family");
            Prefix::around(subnet.addr(), subnet.prefix_len()).expect("it is a prefix")
        })
    }

    /// Host A's configuration, with the uplinks in `mode` and those routes.
    pub(crate) fn config_of_a(&self, mode: &str, file: &Table) -> String {
        let config = self.pair.a.config(mode, &self.pair.b);
        let head = config.split("[[route]]").next().unwrap_or_default();
        format!("{head}{}{}", second_uplink(mode), lines(file))
    }

    /// Host B's: it has nothing but the routes back.
    pub(crate) fn config_of_b(&self, mode: &str) -> String {
        self.pair.b.config(mode, &self.pair.a) + &second_uplink(mode)
    }

    /// Takes the first wire away from host A and gives it back.
    pub(crate) fn flap_first(&self) -> Result<()> {
        self.flap("eth0", 0)?;
        let (from, to) = (&self.pair.a.container, &self.pair.b.container);
        eventually("the way back", PATIENCE, || {
            Ping::default().run(from, to.v4())?;
            Ping::default().run(from, to.v6()).map(drop)
        })
    }

    /// Takes the second wire away from host A and gives it back.
    pub(crate) fn flap_second(&self) -> Result<()> {
        self.flap("eth1", 1)
    }

    fn flap(&self, interface: &str, wire: u16) -> Result<()> {
        let host = &self.pair.a.host;
        host.down(interface)?;
        thread::sleep(AWAY);
        // With the interface its IPv6 address goes.
        let number = host.number();
        host.ip(&format!(
            "link set {interface} up\n\
             addr replace fd00:{}::{number}/64 dev {interface} nodad",
            100 + wire
        ))
    }

    /// Has the kernels of both hosts forget their neighbours.
    pub(crate) fn flush_neighbours(&self) -> Result<()> {
        let mut sides = [&self.pair.a, &self.pair.b].into_iter();
        sides.try_for_each(Side::flush_neighbours)
    }

    /// What kernels see a lot of, and is no business of routemesh's: routes, addresses, neighbours
    /// and interfaces of others.
    pub(crate) fn churn(&self, number: usize) -> Result<()> {
        let host = &self.pair.a.host;
        let mut lines = format!("link add x{number} type bridge\nlink set x{number} up\n");
        for verb in ["add", "del"] {
            for third in 0..50 {
                lines += &format!(
                    "route {verb} 10.7.{third}.0/24 via 192.168.100.2\n\
                     addr {verb} 10.6.{third}.1/32 dev lo\n\
                     neigh {verb} 192.168.100.{} lladdr 02:00:00:00:00:{third:02x} dev eth0\n",
                    100 + third
                );
            }
        }
        host.ip(&(lines + &format!("link del x{number}")))
    }
}

fn second_uplink(mode: &str) -> String {
    format!("[[uplink]]\ninterface = \"eth1\"\nmode = \"{mode}\"\n")
}
