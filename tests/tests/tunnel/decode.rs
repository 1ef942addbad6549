//! What a dissector that nobody here wrote makes of what is pushed.

use std::{fs, process::Command};

use routemesh_tests::{
    packet::{CONTAINER_A_MAC, DOCKER_A_MAC, Packet, Tunnel},
    program::{
        FAMILIES, Place, Roles, in_rig,
        tunnels::{KEY, VNI, Way, fill, ways},
    },
};

/// `LINKTYPE_ETHERNET`.
const ETHERNET: u32 = 1;

#[test]
fn tshark_reads_what_is_pushed_as_what_it_is() {
    in_rig(|rig| {
        fill(rig);
        let mut frames = Vec::new();
        let mut wanted = Vec::new();
        for way in ways() {
            for inner in FAMILIES {
                let packet = Packet::new(inner.container(), way.far(inner))
                    .macs(CONTAINER_A_MAC, DOCKER_A_MAC)
                    .udp(40_000, 50_000)
                    .payload_of(32);
                let run = rig.run(Place::Docker, &packet.build(), 0).unwrap();
                frames.push(run.frame);
                wanted.push(reading(way, inner));
            }
        }
        assert_eq!(tshark(&frames), wanted);
    });
}

/// Protocols, VNI of VXLAN, VNI of Geneve, key of GRE, and what is complained about.
fn reading(way: Way, inner: Roles) -> String {
    let ip = |roles: Roles| if roles.is_v6() { "ipv6" } else { "ip" };
    let ethernet = "eth:ethertype";
    let (shim, [vxlan, geneve, gre]) = match way.tunnel {
        Tunnel::Ipip => (String::new(), [None; 3]),
        Tunnel::Gre(key) => ("gre:".to_owned(), [None, None, key]),
        Tunnel::GreEthernet(key) => (format!("gre:{ethernet}:"), [None, None, key]),
        Tunnel::Vxlan { .. } => (format!("udp:vxlan:{ethernet}:"), [Some(VNI), None, None]),
        Tunnel::Geneve { .. } => (format!("udp:geneve:{ethernet}:"), [None, Some(VNI), None]),
    };
    format!(
        "{ethernet}:{}:{shim}{}:udp:data\t{}\t{}\t{}\t",
        ip(way.outer),
        ip(inner),
        vxlan.map(|vni| vni.to_string()).unwrap_or_default(),
        geneve.map(|_| format!("{VNI:#08x}")).unwrap_or_default(),
        gre.map(|_| format!("{KEY:#010x}")).unwrap_or_default(),
    )
}

/// A line for each frame. Checksums are looked at too.
fn tshark(frames: &[Vec<u8>]) -> Vec<String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), pcap(frames)).unwrap();
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file.path());
    command.args([
        "-o",
        "ip.check_checksum:TRUE",
        "-o",
        "udp.check_checksum:TRUE",
        // RFC 6935 allows it to tunnels.
        "-o",
        "udp.ignore_ipv6_zero_checksum:TRUE",
    ]);
    command.args(["-T", "fields"]);
    for field in [
        "frame.protocols",
        "vxlan.vni",
        "geneve.vni",
        "gre.key",
        "_ws.expert",
    ] {
        command.args(["-e", field]);
    }
    let output = command.output().expect("run tshark: is it installed?");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The file format of libpcap, version 2.4.
fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let header = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 0x0004_0000, ETHERNET];
    let mut file: Vec<u8> = header.map(u32::to_le_bytes).concat();
    for frame in frames {
        let length = frame.len() as u32;
        file.extend([0, 0, length, length].map(u32::to_le_bytes).concat());
        file.extend(frame);
    }
    file
}
