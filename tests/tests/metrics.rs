//! The metrics page, as Prometheus's own tool reads it.

use std::{
    io::{ErrorKind, Write},
    process::{Command, Stdio},
};

use routemesh::{
    api::{
        Link, LinkRole, MapFill, Metrics, OutcomeCount, RouteTotals, Status,
        metrics::{FAMILIES, Family},
    },
    server::metrics::{Format, render},
};
use routemesh_common::Outcome;

#[test]
fn promtool_has_nothing_to_say_about_the_page() {
    let page = render(reading(), Format::Prometheus);
    for family in FAMILIES {
        assert!(page.contains(&family.sample_name()), "{}", family.name);
    }
    let mut promtool = match Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("skipped: no promtool; apt-get install prometheus");
            return;
        }
        started => started.expect("start promtool"),
    };
    let mut input = promtool.stdin.take().expect("a pipe was asked for");
    input.write_all(page.as_bytes()).expect("promtool reads");
    drop(input);
    let said = promtool.wait_with_output().expect("promtool ends");
    let words = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && words.is_empty(), "{words}\n{page}");
}

#[test]
fn open_metrics_names_families_without_total_and_ends() {
    let page = render(reading(), Format::OpenMetrics);
    assert!(page.contains("# TYPE routemesh_dropped_packets counter\n"));
    assert!(page.contains(
        "routemesh_dropped_packets_total{interface=\"eth0\",hook=\"tc\",reason=\"blackhole\"} 3\n"
    ));
    assert!(page.ends_with("# EOF\n"));
}

#[test]
fn every_sample_has_a_value_for_each_label() {
    let reading = reading();
    for Family {
        name, labels, read, ..
    } in FAMILIES
    {
        for sample in read(&reading) {
            assert_eq!(sample.labels.len(), labels.len(), "{name}");
        }
    }
}

/// A reading in which every family has a sample, with an odd interface name.
fn reading() -> Metrics {
    let count = |interface: &str, outcome: &Outcome| OutcomeCount {
        interface: interface.into(),
        hook: "tc".into(),
        outcome: outcome.label().into(),
        verdict: outcome.verdict().label().into(),
        packets: 3,
        bytes: 252,
    };
    let interfaces = ["eth0", "odd\"na\\me"];
    Metrics {
        status: status(),
        outcomes: interfaces
            .iter()
            .flat_map(|interface| Outcome::ALL.iter().map(|outcome| count(interface, outcome)))
            .collect(),
        maps: vec![MapFill {
            map: "ROUTES",
            entries: 2,
            capacity: 1 << 20,
        }],
        start_time_seconds: 1_795_219_200.25,
        reconcile_rounds: 9,
        reconcile_errors: 1,
        reconcile_seconds: 0.000_25,
    }
}

fn status() -> Status {
    Status {
        node: "a".into(),
        version: "0.1.0".into(),
        pid: 1,
        uptime_seconds: 1,
        kernel: "6.18.0".into(),
        config: None,
        unconfirmed: None,
        generation: u64::MAX,
        routes: RouteTotals::default(),
        route_limit: 1 << 20,
        endpoints: 2,
        links: vec![Link {
            ifname: "eth0".into(),
            ifindex: Some(2),
            role: LinkRole::Uplink,
            state: "up".into(),
            mtu: Some(1500),
            path_mtu: None,
            configured_mode: None,
            mode: "tcx".into(),
            reason: None,
            master: None,
            subnets: Vec::new(),
        }],
        warnings: Vec::new(),
    }
}
