//! What a target begins with: inputs that lead far into it.

use routemesh::config::DEFAULT;
use routemesh_tests::packet::corpus;

use crate::push;

/// The seeds of a target: the named packets of `tests/packets` behind the bytes that choose its
/// settings, or texts.
///
/// # Panics
/// When there is no such target.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "parse" => packets(&[&[0; 2], &[5, 0xb4]]),
        "pop" => packets(&[&[0], &[1], &[2], &[4]]),
        "icmp" => packets(&[&[0; 3], &[1, 5, 0x78]]),
        "fragment" => packets(&[&[0, 28], &[0, 68], &[5, 0x78]]),
        "push" => packets(&tunnels().each_ref().map(<[u8; push::KNOBS]>::as_slice)),
        "config" => texts(&CONFIGS),
        "api" => texts(&REQUESTS),
        other => panic!("no target is named {other}"),
    }
}

/// Every named packet behind every choice.
fn packets(knobs: &[&[u8]]) -> Vec<Vec<u8>> {
    let frames = corpus().into_iter().map(|named| named.frame);
    frames
        .flat_map(|frame| {
            knobs
                .iter()
                .map(move |knobs| [knobs, frame.as_slice()].concat())
        })
        .collect()
}

/// Each kind of tunnel over each family.
fn tunnels() -> [[u8; push::KNOBS]; 10] {
    std::array::from_fn(|number| {
        let mut knobs = [64; push::KNOBS];
        let outer = if number < 5 { 0x40 } else { 0xc0 };
        knobs[0] = outer | (number % 5) as u8;
        knobs
    })
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

const CONFIGS: [&str; 4] = [
    DEFAULT,
    r#"node = "a"
[[uplink]]
interface = "eth0"
mode = "xdp"
[[network]]
interface = "docker0"
subnets = ["10.100.0.0/24", "fd00:10:100::/64"]
[[route]]
dst = "10.200.0.0/24"
via = "192.168.100.2"
dev = "eth0"
mode = "vxlan"
vtep-mac = "02:00:00:00:00:01"
mtu = 1400
[[route]]
dst = "fd00:10:200::/64"
via = "fd00:100::2"
[[route]]
dst = "10.0.0.0/8"
blackhole = true
[tunnel]
mode = "gre"
vni = 7
vxlan-port = 8472
geneve-port = 6081
gre-key = 9
ttl = 32
dscp = 46
[limits]
routes = 1000
[metrics]
listen = "[::1]:9477"
"#,
    "[[route]]\ndst = \"10.1.2.3/16\"\nvia = \"::1\"\ncolour = 1\n[[route]]\ndst = \"10.1.0.0/16\"\n",
    "[tunnel]\ndscp = \"copy\"\nvni = 0\n[[route]]\n\"dst\" = '''\n10.0.0.0/8'''\n",
];

const REQUESTS: [&str; 9] = [
    "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /v1/routes/get?address=10.1.2.3 HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST /v1/routes HTTP/1.1\r\nHost: x\r\nContent-Length: 72\r\n\r\n{\"edits\":[{\"op\":\"add\",\"dst\":\"10.1.0.0/16\",\"via\":\"192.168.100.2\"}]}     ",
    "POST /v1/routes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"edi\r\n6\r\nts\":[]\r\n1\r\n}\r\n0\r\n\r\n",
    "POST /v1/config/check HTTP/1.1\r\nHost: x\r\nContent-Length: 29\r\n\r\n{\"name\":\"x\",\"text\":\"node=1\"}\r\n",
    "POST /v1/routes HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n{",
    "HEAD /v1/routes HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "{\"edits\":[{\"op\":\"replace\",\"dst\":\"fd00::/8\",\"via\":\"fe80::1\",\"dev\":\"eth0\",\"mode\":\"geneve\",\"vtep_mac\":\"02:00:00:00:00:01\",\"mtu\":1400},{\"op\":\"del\",\"dst\":\"10.0.0.0/8\",\"blackhole\":true}]}",
    "{\"name\":\"x.toml\",\"text\":\"node = \\\"a\\\"\\n\"}",
];
