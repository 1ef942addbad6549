//! The CLI and the control socket, against the real daemon.

use std::{
    fs,
    io::Read,
    net::{TcpStream, UdpSocket},
    process::{Command, Output},
};

use anyhow::ensure;
use nix::sys::signal::Signal;
use routemesh_tests::lab::{Lab, Node, PATIENCE, Pair, Ping, Routemesh, binary, eventually};
use serde_json::Value;

#[test]
fn who_reads_no_errors_gets_the_exit_code() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(binary().unwrap())
        .args(["--socket", "/nowhere/routemesh.sock", "status"])
        .stderr(writer)
        .status();
    assert_eq!(status.unwrap().code(), Some(3));
}

#[test]
fn a_route_works_as_soon_as_the_answer_is_there() {
    let pair = Pair::new().unwrap();
    let (a, b) = (lone(&pair.a.host), pair.b.config("tc", &pair.a));
    let _b = Routemesh::start(&pair.b.host, &b).unwrap();
    let ping = Ping {
        count: 1,
        ..Ping::default()
    };
    for _ in 0..5 {
        a.cli_ok(&["route", "add", "10.200.0.0/24", "via", "192.168.100.2"])
            .unwrap();
        ping.run(&pair.a.container, pair.b.container.v4()).unwrap();
        a.cli_ok(&["route", "del", "10.200.0.0/24"]).unwrap();
        let report = ping.report(&pair.a.container, pair.b.container.v4());
        assert!(report.unwrap().contains(" 0 received"));
    }
}

/// Datagrams are sent as soon as the answer is read, and not a second time.
#[test]
fn the_first_datagram_behind_an_answer_takes_the_new_route() {
    let pair = Pair::new().unwrap();
    let (a, b) = (lone(&pair.a.host), pair.b.config("tc", &pair.a));
    let _b = Routemesh::start(&pair.b.host, &b).unwrap();
    let (from, to) = (&pair.a.container, &pair.b.container);
    let bind = |node: &Node, address| node.enter(|| Ok(UdpSocket::bind((address, 0))?)).unwrap();
    let (sender, receiver) = (bind(from, from.v4()), bind(to, to.v4()));
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    let target = receiver.local_addr().unwrap();
    let edit = |op: &str, via: &str| {
        let edits = format!(r#"{{"edits":[{{"op":"{op}","dst":"10.200.0.0/24"{via}}}]}}"#);
        let answer = a.http("POST", "/v1/routes", &edits).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    // Neighbours are known before it begins, which takes longer than a route.
    edit("add", r#","via":"192.168.100.2""#);
    Ping::default().run(from, to.v4()).unwrap();
    edit("del", "");
    for round in 0..50_u8 {
        edit("add", r#","via":"192.168.100.2""#);
        sender.send_to(&[round, 1], target).unwrap();
        let mut arrived = [0; 2];
        receiver.recv(&mut arrived).unwrap();
        assert_eq!(arrived, [round, 1], "one sent after a removal arrived");
        edit("del", "");
        sender.send_to(&[round, 0], target).unwrap();
    }
}

#[test]
fn routes_are_added_replaced_found_and_deleted() {
    let (_lab, a) = lone_host();
    a.cli_ok(&["route", "add", "10.1.0.0/16", "via", "192.168.100.2"])
        .unwrap();
    a.cli_ok(&[
        "route",
        "add",
        "10.1.2.0/24",
        "via",
        "192.168.100.3",
        "dev",
        "eth0",
        "mtu",
        "1400",
    ])
    .unwrap();
    a.cli_ok(&["route", "add", "blackhole", "fd00:66::/48"])
        .unwrap();
    assert_eq!(
        cli_routes(&a),
        ["10.1.0.0/16", "10.1.2.0/24", "fd00:66::/48"]
    );

    let wins = one(&a.cli_json(&["route", "get", "10.1.2.3"]).unwrap());
    assert_eq!(
        (&wins["dst"], &wins["mtu"]),
        (&"10.1.2.0/24".into(), &1400.into())
    );

    a.cli_ok(&["route", "replace", "10.1.0.0/16", "via", "192.168.100.4"])
        .unwrap();
    let replaced = one(&a.cli_json(&["route", "get", "10.1.9.9"]).unwrap());
    assert_eq!(replaced["gateway"], "192.168.100.4");

    a.cli_ok(&["route", "del", "10.1.2.0/24"]).unwrap();
    assert_eq!(cli_routes(&a), ["10.1.0.0/16", "fd00:66::/48"]);
    a.cli_ok(&["route", "flush"]).unwrap();
    assert!(cli_routes(&a).is_empty());
}

#[test]
fn routes_of_the_file_and_of_the_cli_are_kept_apart() {
    let (_lab, a) = lone_host_with(&route("10.1.0.0/16", "192.168.100.2"));
    let words = ["10.1.0.0/16", "via", "192.168.100.3"];
    let refused = a
        .cli(&[&["route", "add"], words.as_slice()].concat())
        .unwrap();
    assert_eq!(refused.status.code(), Some(1), "the file has it");
    a.cli_ok(&[&["route", "replace"], words.as_slice()].concat())
        .unwrap();
    let states = || {
        let routes = a.cli_json(&["route", "list"]).unwrap();
        let routes = routes.as_array().unwrap().clone();
        let both = routes
            .into_iter()
            .filter(|route| route["dst"] == "10.1.0.0/16");
        let mut both: Vec<_> = both
            .map(|route| format!("{} {}", text(&route["source"]), text(&route["state"])))
            .collect();
        both.sort();
        both
    };
    assert_eq!(states(), ["cli active", "file overridden"]);
    a.cli_ok(&["reload"]).unwrap();
    assert_eq!(states(), ["cli active", "file overridden"]);
    a.cli_ok(&["route", "flush"]).unwrap();
    assert_eq!(states(), ["file active"]);
}

#[test]
fn exit_codes_tell_failures_apart() {
    let (_lab, a) = lone_host();
    let code = |args: &[&str]| {
        let output = a.cli(args).unwrap();
        let code = output.status.code().unwrap();
        assert_eq!(
            code == 0,
            output.stderr.is_empty(),
            "{args:?}: {}",
            stderr(&output)
        );
        code
    };
    let add = ["route", "add", "10.1.0.0/16", "via", "192.168.100.2"];
    assert_eq!(code(&add), 0);
    assert_eq!(code(&add), 1, "it exists");
    assert_eq!(
        code(&["route", "add", "10.1.2.3/16", "via", "192.168.100.2"]),
        2,
        "host bits"
    );
    assert_eq!(
        code(&["route", "add", "fd00:1::/64", "via", "192.168.100.2"]),
        2,
        "an IPv6 route needs an IPv6 next hop, or a tunnel"
    );
    assert_eq!(
        code(&["route", "add", "--batch", "/nowhere/routes"]),
        2,
        "no such file"
    );
    assert_eq!(code(&["route", "fly"]), 2, "no such verb");
    assert_eq!(
        code(&["--socket", "/nowhere/socket", "status"]),
        3,
        "no daemon"
    );
    assert_eq!(code(&["route", "del", "10.9.0.0/16"]), 4, "no such route");
    assert_eq!(code(&["route", "get", "203.0.113.1"]), 4, "no route");
}

#[test]
fn the_socket_is_for_root_and_the_group() {
    use std::os::unix::{fs::PermissionsExt, process::CommandExt};
    let (_lab, a) = lone_host();
    let mode = fs::metadata(a.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);

    // The daemon itself looks at who asks, too: open everything to a stranger.
    let open = |path| fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    open(a.folder());
    open(&a.socket());
    let program = a.folder().join("routemesh");
    fs::copy(binary().unwrap(), &program).unwrap();
    let asked = Command::new(&program)
        .arg("--socket")
        .arg(a.socket())
        .arg("status")
        .uid(65_534)
        .gid(65_534)
        .output()
        .unwrap();
    assert_eq!(asked.status.code(), Some(5), "{}", stderr(&asked));
}

#[test]
fn a_reload_applies_the_difference_and_nothing_else() {
    let pair = Pair::new().unwrap();
    let (mut a, _b) = pair.routemesh("tc").unwrap();
    Ping::default()
        .run(&pair.a.container, pair.b.container.v4())
        .unwrap();
    let counted = || {
        let kept = one(&a.cli_json(&["route", "get", "10.200.0.2"]).unwrap());
        kept["packets"].as_u64().unwrap()
    };
    assert_eq!(counted(), 3);

    let config = pair.a.config("tc", &pair.b);
    a.write_config(&(config.clone() + &route("10.1.0.0/16", "192.168.100.2")))
        .unwrap();
    let reloaded = a.cli_json(&["reload"]).unwrap();
    let applied = &reloaded["routes"];
    assert_eq!(
        (&applied["added"], &applied["removed"]),
        (&1.into(), &0.into()),
        "{reloaded}"
    );
    assert_eq!(counted(), 3, "a route that stays keeps its counters");

    a.write_config(&(config + &route("10.2.0.0/16", "192.168.100.2")))
        .unwrap();
    a.signal(Signal::SIGHUP).unwrap();
    eventually("SIGHUP to be heeded", PATIENCE, || {
        let routes = a.cli_ok(&["route", "list"])?;
        ensure!(
            routes.contains("10.2.0.0/16") && !routes.contains("10.1.0.0/16"),
            "{routes}"
        );
        Ok(())
    })
    .unwrap();
    Ping::default()
        .run(&pair.a.container, pair.b.container.v4())
        .unwrap();
}

#[test]
fn what_is_fixed_at_the_start_is_said_and_stays() {
    let (_lab, mut a) = lone_host_with("[limits]\nroutes = 16\n");
    let shown = a.cli_ok(&["config", "show"]).unwrap();
    let before = fs::read_to_string(a.config_path()).unwrap();
    let changed =
        before.replace("routes = 16", "routes = 17") + "[metrics]\nlisten = \"[::1]:9\"\n";
    a.write_config(&changed).unwrap();
    for _ in 0..2 {
        let said = a.cli_ok(&["reload"]).unwrap();
        for setting in ["limits.routes", "metrics.listen"] {
            let line = format!("{setting}: changed; takes effect at the next start");
            assert!(said.contains(&line), "{said}");
        }
    }
    assert_eq!(a.cli_ok(&["config", "show"]).unwrap(), shown, "in force");
    a.signal(Signal::SIGHUP).unwrap();
    eventually("SIGHUP to be heeded", PATIENCE, || {
        ensure!(a.log().contains("limits.routes: changed"), "{}", a.log());
        Ok(())
    })
    .unwrap();
    a.write_config(&before).unwrap();
    let said = a.cli_ok(&["reload"]).unwrap();
    assert!(!said.contains("changed;"), "{said}");
}

#[test]
fn a_bad_file_changes_nothing_and_is_shown_where_it_is_bad() {
    let pair = Pair::new().unwrap();
    let (mut a, _b) = pair.routemesh("tc").unwrap();
    let before = a.cli_json(&["route", "list"]).unwrap();
    a.write_config("[[uplink]]\ninterface = \"eth0\"\n\n[[route]]\ndst = \"10.1.2.3/16\"\n")
        .unwrap();
    let refused = a.cli(&["reload"]).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let message = stderr(&refused);
    assert!(message.contains("config.toml:5:"), "{message}");
    assert!(message.contains("10.1.0.0/16"), "{message}");

    a.signal(Signal::SIGHUP).unwrap();
    eventually("the refusal to be logged", PATIENCE, || {
        ensure!(a.log().contains("10.1.0.0/16"), "{}", a.log());
        Ok(())
    })
    .unwrap();
    assert_eq!(a.cli_json(&["route", "list"]).unwrap(), before);
    Ping::default()
        .run(&pair.a.container, pair.b.container.v4())
        .unwrap();
}

#[test]
fn a_configuration_is_compared_with_the_host() {
    let (_lab, a) = lone_host();
    a.write_config("[[uplink]]\ninterface = \"eth7\"\n")
        .unwrap();
    let path = a.config_path();
    for words in [&["check", path.to_str().unwrap()][..], &["check"]] {
        let checked = a.cli(&[&["config"], words].concat()).unwrap();
        assert_eq!(checked.status.code(), Some(2));
        assert!(stderr(&checked).contains("eth7"), "{}", stderr(&checked));
    }
    let shown = a.cli_ok(&["config", "show"]).unwrap();
    assert!(shown.contains("interface = \"eth0\""), "{shown}");
}

#[test]
fn a_hundred_thousand_routes_go_in_one_request() {
    let (_lab, a) = lone_host();
    let line = |n: u32| {
        format!(
            "10.{}.{}.{}/32 via 192.168.100.2\n",
            n >> 16,
            (n >> 8) & 255,
            n & 255
        )
    };
    let lines: String = (0..100_000).map(line).collect();
    let added = a
        .cli_with_input(&["route", "add", "-b", "-", "-j"], &lines)
        .unwrap();
    assert!(added.status.success(), "{}", stderr(&added));
    let added: Value = serde_json::from_slice(&added.stdout).unwrap();
    assert_eq!(added["added"], 100_000);
    let last = one(&a.cli_json(&["route", "get", "10.1.134.159"]).unwrap());
    assert_eq!(last["dst"], "10.1.134.159/32");
    assert_eq!(cli_routes(&a).len(), 100_000);
    a.cli_ok(&["route", "flush"]).unwrap();
    assert!(cli_routes(&a).is_empty());
}

#[test]
fn a_batch_with_one_bad_edit_changes_nothing() {
    let (_lab, a) = lone_host();
    let lines = "10.1.0.0/16 via 192.168.100.2\n10.1.0.0/16 via 192.168.100.3\n";
    let refused = a
        .cli_with_input(&["route", "add", "-b", "-"], lines)
        .unwrap();
    assert_eq!(refused.status.code(), Some(1), "{}", stderr(&refused));
    assert!(cli_routes(&a).is_empty());
}

#[test]
fn more_routes_than_the_limit_are_refused_whole() {
    let (_lab, a) = lone_host_with("[limits]\nroutes = 16\n");
    let lines: String = (0..40)
        .map(|n| format!("10.{n}.0.0/16 via 192.168.100.2\n"))
        .collect();
    let refused = a
        .cli_with_input(&["route", "add", "-b", "-"], &lines)
        .unwrap();
    assert!(!refused.status.success());
    assert!(stderr(&refused).contains("16"), "{}", stderr(&refused));
    assert!(cli_routes(&a).is_empty());
}

#[test]
fn promtool_has_nothing_to_say_to_the_metrics() {
    let pair = Pair::new().unwrap();
    let config = pair.a.config("tc", &pair.b) + "[metrics]\nlisten = \"127.0.0.1:9477\"\n";
    let a = Routemesh::start(&pair.a.host, &config).unwrap();
    let _b = Routemesh::start(&pair.b.host, &pair.b.config("tc", &pair.a)).unwrap();
    Ping::default()
        .run(&pair.a.container, pair.b.container.v4())
        .unwrap();

    let over_socket = a.http("GET", "/metrics", "").unwrap().body;
    let over_tcp = pair.a.host.enter(scrape).unwrap();
    for page in [&over_socket, &over_tcp] {
        assert!(page.contains("routemesh_"), "{page}");
        let file = a.folder().join("metrics");
        fs::write(&file, page).unwrap();
        let lint = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(fs::File::open(&file).unwrap())
            .output()
            .unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&lint.stdout), stderr(&lint));
        assert!(
            lint.status.success() && said.trim().is_empty(),
            "{said}\n{page}"
        );
    }
}

fn scrape() -> anyhow::Result<String> {
    use std::io::Write;
    let mut stream = TcpStream::connect("127.0.0.1:9477")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, page) = answer.split_once("\r\n\r\n").unwrap_or_default();
    Ok(page.to_owned())
}

/// A daemon on a host with a container network, without routes.
fn lone(host: &routemesh_tests::lab::Host) -> Routemesh {
    Routemesh::start(
        host,
        "node = \"a\"\n[[uplink]]\ninterface = \"eth0\"\nmode = \"tc\"\n\
         [[network]]\ninterface = \"docker0\"\n",
    )
    .unwrap()
}

fn lone_host() -> (Lab, Routemesh) {
    lone_host_with("")
}

/// A daemon on a host with an uplink only, and more in its configuration.
fn lone_host_with(more: &str) -> (Lab, Routemesh) {
    let lab = Lab::new().unwrap();
    let host = lab.host("a").unwrap();
    let config = "node = \"a\"\n[[uplink]]\ninterface = \"eth0\"\nmode = \"tc\"\n".to_owned();
    let daemon = Routemesh::start(&host, &(config + more)).unwrap();
    (lab, daemon)
}

fn route(dst: &str, via: &str) -> String {
    format!("[[route]]\ndst = \"{dst}\"\nvia = \"{via}\"\n")
}

/// Destinations of the routes that came by the CLI, in the order of the list.
fn cli_routes(daemon: &Routemesh) -> Vec<String> {
    let routes = daemon.cli_json(&["route", "list"]).unwrap();
    let routes = routes.as_array().unwrap().iter();
    let by_cli = routes.filter(|route| route["source"] == "cli");
    by_cli.map(|route| text(&route["dst"]).to_owned()).collect()
}

/// The one thing that is listed.
fn one(list: &Value) -> Value {
    match list.as_array() {
        Some(list) => list[0].clone(),
        None => list.clone(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("not a text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
