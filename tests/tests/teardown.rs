//! What routemesh leaves behind: nothing when it is asked to go, everything when it is killed.

use anyhow::ensure;
use routemesh_tests::lab::{
    Footprint, LEAST_RATE, Lab, Leftovers, PATIENCE, Pair, Ping, Process, Routemesh, attached,
    binary, eventually, tcp_stream, udp_numbered_both_ways,
};

/// Datagrams in a second and direction, where the machine can.
const RATE: u32 = 20_000;
const MIB: u64 = 1 << 20;

#[test]
fn an_ended_daemon_leaves_nothing_behind() {
    for mode in ["tc", "xdp", "xdp-generic"] {
        let pair = Pair::new().unwrap();
        let (mut a, _b) = pair.routemesh(mode).unwrap();
        let footprint = Footprint::of(&pair.a.host, &a).unwrap();
        assert!(footprint.is_real());
        a.stop().unwrap();
        footprint.until_gone().unwrap();
    }
}

#[test]
fn a_directory_made_for_the_socket_goes_too() {
    let lab = Lab::new().unwrap();
    let host = lab.host("a").unwrap();
    let prepared = Routemesh::prepare(&host, "[[uplink]]\ninterface = \"eth0\"\n").unwrap();
    let directory = prepared.folder().join("run");
    let mut command = host.command(binary().unwrap());
    command
        .args(["daemon", "--detach-on-exit", "--socket"])
        .arg(directory.join("routemesh.sock"))
        .arg("--config")
        .arg(prepared.config_path())
        .arg("--bpffs")
        .arg(prepared.bpffs());
    let mut daemon = Process::spawn(&mut command).unwrap();
    eventually("programs at the uplink", PATIENCE, || {
        ensure!(!attached(&host)?.is_empty());
        Ok(())
    })
    .unwrap();
    assert!(directory.exists());
    assert!(daemon.terminate(PATIENCE).unwrap().success());
    assert!(!directory.exists());
}

#[test]
fn an_ended_daemon_leaves_the_host_as_it_was() {
    let pair = Pair::new().unwrap();
    let state = || {
        let commands = ["ip -d -o link", "ip -o addr", "ip route", "ip -6 route"];
        let texts = commands.map(|words| pair.a.host.run(["sh", "-c", words]).unwrap());
        // A bridge's timers run.
        let lines = texts.iter().flat_map(|text| text.lines());
        let whole = lines.map(|line| line.split(" bridge").next().unwrap_or(line).to_owned());
        whole.collect::<Vec<_>>()
    };
    let before = state();
    let (mut a, _b) = pair.routemesh("xdp").unwrap();
    Ping::default()
        .run(&pair.a.container, pair.b.container.v4())
        .unwrap();
    a.stop().unwrap();
    // The kernel lets go of a link some time after its last pin is gone.
    eventually("the host to be as before", PATIENCE, || {
        let now = state();
        ensure!(now == before, "{now:#?}");
        Ok(())
    })
    .unwrap();
}

#[test]
fn forwarding_outlives_a_killed_daemon_and_the_next_one_takes_over() {
    let pair = Pair::new().unwrap();
    let (mut a, _b) = pair.routemesh("tc").unwrap();
    let footprint = Footprint::of(&pair.a.host, &a).unwrap();
    let (from, to) = (&pair.a.container, &pair.b.container);
    a.kill();
    Ping::default().run(from, to.v4()).unwrap();
    tcp_stream(from, to, to.v6(), MIB).unwrap();

    // Forwarding goes on while the next daemon starts: not one of these is lost.
    for numbered in udp_numbered_both_ways([from, to], RATE, || a.resume()).unwrap() {
        numbered.ensure_all_arrived_once(LEAST_RATE).unwrap();
    }
    Ping::default().run(to, from.v4()).unwrap();
    a.stop().unwrap();
    footprint.until_gone().unwrap();
}

#[test]
fn a_daemon_that_takes_over_leaves_one_program_at_each_hook() {
    let pair = Pair::new().unwrap();
    let (mut a, _b) = pair.routemesh("xdp").unwrap();
    let hooks = || attached(&pair.a.host).unwrap().len();
    // XDP on the uplink; tc there, on the bridge and on the container's port.
    assert_eq!(hooks(), 4);
    for _ in 0..2 {
        a.kill();
        assert_eq!(hooks(), 4);
        a.resume().unwrap();
        assert_eq!(hooks(), 4);
    }
}

#[test]
fn routes_that_left_the_file_while_no_daemon_ran_are_gone() {
    let pair = Pair::new().unwrap();
    let (mut a, _b) = pair.routemesh("tc").unwrap();
    a.kill();
    a.write_config("[[uplink]]\ninterface = \"eth0\"\n[[network]]\ninterface = \"docker0\"\n")
        .unwrap();
    a.resume().unwrap();
    let report = Ping::default()
        .report(&pair.a.container, pair.b.container.v4())
        .unwrap();
    assert!(report.contains(" 0 received"), "{report}");
}

#[test]
fn detach_needs_no_daemon_and_takes_only_what_is_ours() {
    let pair = Pair::new().unwrap();
    let (mut a, _b) = pair.routemesh("tc").unwrap();
    let footprint = Footprint::of(&pair.a.host, &a).unwrap();
    // Without tcx routemesh has added the qdisc.
    let foreign = "tc qdisc add dev eth0 clsact 2> /dev/null; \
        tc filter add dev eth0 ingress protocol ip prio 5 u32 match u32 0 0 flowid 1:1";
    pair.a.host.run(["sh", "-c", foreign]).unwrap();
    a.kill();
    let others = a.bpffs().join("others");
    std::fs::create_dir(&others).unwrap();
    let bpffs = a.bpffs().to_str().unwrap();
    a.cli_ok(&["detach", "--all", "--bpffs", bpffs]).unwrap();
    // Fails where it is gone, or where anything of ours is left beside it.
    std::fs::remove_dir(&others).unwrap();
    std::fs::remove_dir(a.bpffs()).unwrap();

    eventually("all but the foreign filter to be gone", PATIENCE, || {
        let left = without_socket(footprint.leftovers()?);
        anyhow::ensure!(left.len() == 1 && left[0].contains("clsact"), "{left:#?}");
        Ok(())
    })
    .unwrap();
    let filters = pair
        .a
        .host
        .run(["tc", "filter", "show", "dev", "eth0", "ingress"]);
    assert!(filters.unwrap().contains("u32"));
}

/// The socket of a killed daemon stays, and the next one takes it over.
fn without_socket(left: Leftovers) -> Leftovers {
    let ours = |thing: &String| !thing.ends_with(".sock");
    left.into_iter().filter(ours).collect()
}
