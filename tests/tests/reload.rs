//! 10,000 routes change at a reload while packets use them, and no packet sees some of them
//! changed and others not.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};

use anyhow::{Result, ensure};
use routemesh_tests::lab::{
    FULL_RATE, LEAST_RATE, Lab, Node, Numbered, PATIENCE, Ping, Routemesh, Side, eventually,
    udp_numbered, udp_numbered_to_any,
};

/// One at a time: a sender that has no processor sends less than it is to.
static LOAD: Mutex<()> = Mutex::new(());

/// Routes of each family that change at every reload.
const ROUTES: u16 = 5_000;
/// To and fro.
const RELOADS: usize = 6;
/// How packets of the container leave by either way.
const OUTCOMES: [&str; 2] = ["encapsulated", "routed"];

#[test]
fn ten_thousand_routes_change_their_next_hop_and_tunnel_between_two_packets() {
    let scene = Scene::new();
    // Half of all routes go each way, so all of them change, and both ways are always in use.
    scene.turns_whole([
        scene.specific([Way::B, Way::C]),
        scene.specific([Way::C, Way::B]),
    ]);
}

#[test]
fn ten_thousand_routes_come_and_go_between_two_packets() {
    let scene = Scene::new();
    let around = scene.around(Way::C);
    let both = scene.specific([Way::B, Way::B]) + &around;
    scene.turns_whole([both, around]);
}

/// Two ways out of host A.
#[derive(Clone, Copy)]
enum Way {
    /// By host B, without a tunnel.
    B,
    /// By host C, in VXLAN.
    C,
}

/// Host A, and the hosts B and C, each with a container of the same addresses: which of them gets
/// a packet shows the way it took.
struct Scene {
    a: Side,
    b: Side,
    c: Side,
    _lab: Lab,
}

impl Scene {
    fn new() -> Self {
        let lab = Lab::new().unwrap();
        Self {
            a: Side::new(lab.host("a").unwrap(), 100).unwrap(),
            b: Side::new(lab.host("b").unwrap(), 200).unwrap(),
            c: Side::new(lab.host("c").unwrap(), 200).unwrap(),
            _lab: lab,
        }
    }

    /// The pair of addresses that packets go to: one of each family.
    fn pair(&self) -> [IpAddr; 2] {
        [self.b.container.v4(), self.b.container.v6()]
    }

    /// Routes to one address each, those of the pair among them: every other one of a family goes
    /// the first way, with those of the pair, and the rest the second.
    fn specific(&self, ways: [Way; 2]) -> String {
        let [v4, v6] = self.pair().map(|address| self.route(address, 0, ways[0]));
        let rest = (1..ROUTES).flat_map(|number| {
            let [a, b] = number.to_be_bytes();
            let way = ways[usize::from(number % 2)];
            let addresses: [IpAddr; 2] = [
                Ipv4Addr::new(10, 201, a, b).into(),
                Ipv6Addr::new(0xfd00, 0x10, 0x201, 0, 0, 0, 0, number).into(),
            ];
            addresses.map(|address| self.route(address, 0, way))
        });
        // One at the beginning and one at the end: as far from one another as there is.
        v4 + &rest.collect::<String>() + &v6
    }

    /// Routes around all of the specific ones.
    fn around(&self, way: Way) -> String {
        let [v4, v6] = self.pair();
        self.route(v4, 24, way) + &self.route(v6, 96, way)
    }

    /// A route to all that differs from `address` in the last `free` bits only.
    fn route(&self, address: IpAddr, free: u8, way: Way) -> String {
        let (host, tunnel) = match way {
            Way::B => (&self.b.host, "direct"),
            Way::C => (&self.c.host, "vxlan"),
        };
        let (via, bits): (IpAddr, u8) = match address {
            IpAddr::V4(_) => (host.v4().into(), 32),
            IpAddr::V6(_) => (host.v6().into(), 128),
        };
        let net = ipnet::IpNet::new(address, bits - free).unwrap().trunc();
        format!("[[route]]\ndst = \"{net}\"\nvia = \"{via}\"\nmode = \"{tunnel}\"\n")
    }

    /// Reloads one table and the other while A's container sends to the pair, and B's to A's: at each
    /// reload all datagrams to the pair turn to the other way, at one and the same number.
    fn turns_whole(&self, tables: [String; 2]) {
        let _alone = LOAD.lock().unwrap_or_else(PoisonError::into_inner);
        let head = self.a.config("tc", &self.b);
        let head = head.split("[[route]]").next().unwrap();
        let tables = tables.map(|table| format!("{head}{table}"));
        let daemons = self.start(&tables);
        let reloads = tables.iter().rev().cycle().take(RELOADS);
        let [there, back] = self.udp_numbered_both_ways(|| {
            for table in reloads {
                reload(&daemons[0], table)?;
                // A sender without a processor would know nothing of this table.
                until_packets_went_by(&daemons[0])?;
            }
            Ok(())
        });
        for numbered in [&there, &back] {
            numbered.ensure_all_arrived_once(LEAST_RATE).unwrap();
        }
        let turns = &there.turns;
        assert_eq!(
            turns.len(),
            RELOADS,
            "the datagrams {:?} took another way than the one before",
            &turns[..turns.len().min(20)]
        );
        for outcome in OUTCOMES {
            assert!(
                daemons[0].packets("port", outcome).unwrap() > 100,
                "{outcome}"
            );
        }
    }

    /// Starts all daemons, and has A's with either table lead packets to where they go, so that
    /// all of them are known there.
    fn start(&self, tables: &[String; 2]) -> [Routemesh; 3] {
        let to_a = |side: &Side, tunnel: &str| {
            let config = side
                .config("tc", &self.a)
                .replace("via = ", &format!("mode = \"{tunnel}\"\nvia = "));
            Routemesh::start(&side.host, &config).unwrap()
        };
        let daemons = [
            Routemesh::start(&self.a.host, &tables[0]).unwrap(),
            to_a(&self.b, "direct"),
            to_a(&self.c, "vxlan"),
        ];
        for table in tables.iter().rev() {
            for address in self.pair() {
                Ping::default().run(&self.a.container, address).unwrap();
            }
            reload(&daemons[0], table).unwrap();
        }
        daemons
    }

    /// What becomes of datagrams from A's container to the pair, and of those from B's to A's.
    fn udp_numbered_both_ways(&self, meanwhile: impl FnOnce() -> Result<()>) -> [Numbered; 2] {
        let [a, b, c]: [&Node; 3] = [&self.a.container, &self.b.container, &self.c.container];
        let mut there = None;
        let back = udp_numbered(b, a, self.a.container.v4(), FULL_RATE, || {
            let way = udp_numbered_to_any(a, &[b, c], &self.pair(), FULL_RATE, meanwhile)?;
            there = Some(way);
            Ok(())
        });
        let back = back.unwrap();
        [there.unwrap(), back]
    }
}

fn reload(daemon: &Routemesh, config: &str) -> Result<()> {
    daemon.write_config(config)?;
    daemon.cli_ok(&["reload"])?;
    Ok(())
}

/// Waits until packets of the container were sent on that came in after this began.
fn until_packets_went_by(daemon: &Routemesh) -> Result<()> {
    let sent_on = || {
        let counts = OUTCOMES.map(|outcome| daemon.packets("port", outcome));
        counts.into_iter().sum::<Result<u64>>()
    };
    let before = sent_on()?;
    eventually("packets to go by the table", PATIENCE, || {
        ensure!(sent_on()? > before + 100);
        Ok(())
    })
}
