//! The scene: hosts and containers, routemesh on both hosts, and the end of it.

use std::{
    io::{BufRead as _, BufReader},
    net::IpAddr,
    process::Stdio,
};

use anyhow::{Context as _, Result, ensure};
use ipnet::IpNet;
use routemesh::model::Mode;
use routemesh_tests::{
    interrupt,
    lab::{Container, Footprint, Pair, Routemesh, Side, docker_rules},
};

use crate::screen::{Ink, Screen};

/// Two hosts as Docker leaves them, with routemesh.
pub(crate) struct Scene {
    daemons: [Routemesh; 2],
    second: [Container; 2],
    pair: Pair,
}

const DRAWING: &str = "  host A                                  host B
 ┌────────────────────────────────┐      ┌────────────────────────────────┐
 │ a1 10.100.0.2 ┐                │      │                ┌ b1 10.200.0.2 │
 │               ├ docker0 · eth0 ┼──────┼ eth0 · docker0 ┤               │
 │ a2 10.100.0.3 ┘  192.168.100.1 │      │ 192.168.100.2  └ b2 10.200.0.3 │
 └────────────────────────────────┘      └────────────────────────────────┘
";

impl Scene {
    /// Makes the hosts and starts the daemons.
    ///
    /// # Errors
    /// When the kernel refuses a part of it, or a daemon does not start.
    pub(crate) fn set(screen: &Screen) -> Result<Self> {
        screen.heading("Two hosts, two containers on each");
        let pair = Pair::new()?;
        let second = [
            pair.a.host.container("a2", &pair.a.network)?,
            pair.b.host.container("b2", &pair.b.network)?,
        ];
        for side in [&pair.a, &pair.b] {
            docker_rules(side)?;
        }
        screen.line(DRAWING);
        screen.note("  Both have Docker's iptables rules; their FORWARD policy is DROP.");
        interrupt::check()?;

        screen.heading("routemesh on both, with the configuration built in");
        screen.command("host-a", "routemesh daemon --detach-on-exit &");
        let a = Routemesh::start_unconfigured(&pair.a.host)?;
        screen.command("host-b", "routemesh daemon --detach-on-exit &");
        let b = Routemesh::start_unconfigured(&pair.b.host)?;
        screen.command("host-a", "routemesh link");
        screen.output(&a.cli_ok(&["link"])?);
        let daemons = [a, b];
        Ok(Self {
            daemons,
            second,
            pair,
        })
    }

    /// The hosts and their first containers.
    pub(crate) fn pair(&self) -> &Pair {
        &self.pair
    }

    /// The daemon of host A.
    pub(crate) fn daemon(&self) -> &Routemesh {
        &self.daemons[0]
    }

    /// Host A's and host B's daemons.
    pub(crate) fn daemons(&self) -> &[Routemesh; 2] {
        &self.daemons
    }

    /// The second containers of A and B.
    pub(crate) fn second(&self) -> &[Container; 2] {
        &self.second
    }

    /// Adds the routes in that mode, and shows that the containers reach one another from then on.
    ///
    /// # Errors
    /// When they do not.
    pub(crate) fn connect(&self, screen: &Screen, mode: Mode) -> Result<()> {
        screen.heading("No route, no way; a route on each host, and there is one");
        let Pair { a, b, .. } = &self.pair;
        ping(screen, &a.container, b.container.v4(), Expected::Nothing)?;
        screen.line("");
        add_routes(screen, &self.daemons[0], [a, b], mode)?;
        add_routes(screen, &self.daemons[1], [b, a], mode)?;
        screen.line("");
        ping(screen, &a.container, b.container.v4(), Expected::Answers)?;
        screen.line("");
        ping(
            screen,
            &self.second[1],
            self.second[0].v6(),
            Expected::Answers,
        )
    }

    /// Shows the tables and the counters of both hosts.
    ///
    /// # Errors
    /// When a daemon does not answer.
    pub(crate) fn tables(&self, screen: &Screen) -> Result<()> {
        screen.heading("What both hosts know and counted");
        for (host, daemon) in ["host-a", "host-b"].into_iter().zip(&self.daemons) {
            for words in [["route", "list"].as_slice(), &["outcomes"]] {
                screen.command(host, &format!("routemesh {}", words.join(" ")));
                screen.output(&daemon.cli_ok(words)?);
            }
        }
        interrupt::check()
    }

    /// Ends the daemons, and shows that nothing of them is left.
    ///
    /// # Errors
    /// When a daemon does not end well, or something is left.
    pub(crate) fn strike(mut self, screen: &Screen) -> Result<()> {
        screen.heading("The end, which leaves nothing behind");
        let hosts = [&self.pair.a.host, &self.pair.b.host];
        for ((host, name), daemon) in hosts
            .into_iter()
            .zip(["host-a", "host-b"])
            .zip(&mut self.daemons)
        {
            let footprint = Footprint::of(host, daemon)?;
            screen.command(name, "kill %1");
            daemon.stop()?;
            footprint.until_gone()?;
            let (programs, maps) = footprint.loaded();
            screen.output(&format!(
                "{programs} programs, {maps} maps, their pins and links, the socket: {}",
                screen.ink(Ink::Green, "all gone")
            ));
        }
        drop(self);
        screen.output(&format!(
            "hosts, containers and cables: {}",
            screen.ink(Ink::Green, "gone with their namespaces")
        ));
        Ok(())
    }
}

/// Adds the first side's routes to the other one's containers.
fn add_routes(
    screen: &Screen,
    daemon: &Routemesh,
    [side, other]: [&Side; 2],
    mode: Mode,
) -> Result<()> {
    let prompt = format!("host-{}", side.host.name());
    for subnet in other.network.subnets() {
        let via = match subnet {
            IpNet::V4(_) => IpAddr::V4(other.host.v4()),
            IpNet::V6(_) => IpAddr::V6(other.host.v6()),
        };
        let (subnet, via) = (subnet.to_string(), via.to_string());
        let mode = mode.to_string();
        let mut words = vec!["route", "add", &subnet, "via", &via];
        if mode != Mode::default().to_string() {
            words.extend(["mode", &mode]);
        }
        screen.command(&prompt, &format!("routemesh {}", words.join(" ")));
        daemon.cli_ok(&words)?;
    }
    interrupt::check()
}

/// What is to come of a ping.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Answers,
    Nothing,
}

/// Pings, and shows the lines of it that matter as they come.
fn ping(screen: &Screen, from: &Container, to: IpAddr, expected: Expected) -> Result<()> {
    let to = to.to_string();
    screen.command(from.name(), &format!("ping -c 3 {to}"));
    let mut child = from
        .command("ping")
        .args(["-n", "-i", "0.3", "-W", "1", "-c", "3", &to])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("start ping")?;
    let stdout = child.stdout.take().context("stdout is a pipe")?;
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        if line.contains("icmp_seq") || line.contains(" transmitted") {
            screen.output(&line);
        }
    }
    let answered = child.wait()?.success();
    interrupt::check()?;
    ensure!(
        answered == (expected == Expected::Answers),
        "ping {to} from {} {}",
        from.name(),
        if answered {
            "was answered"
        } else {
            "was not answered"
        }
    );
    Ok(())
}
