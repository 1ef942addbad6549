//! Frames for human eyes: one line, or hex.

use std::{
    fmt::Write,
    net::{Ipv4Addr, Ipv6Addr},
};

use super::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, TPID_SERVICE_VLAN, TPID_VLAN};

/// The frame in one line, as far as its bytes reach.
#[must_use]
pub fn describe(frame: &[u8]) -> String {
    let Some((head, mut rest)) = frame.split_at_checked(12) else {
        return format!("{} bytes, no Ethernet header", frame.len());
    };
    let mut line = format!("{} > {}", mac(&head[6..]), mac(&head[..6]));
    loop {
        let Some((ethertype, behind)) = word(rest) else {
            return line + " (cut)";
        };
        match ethertype {
            TPID_VLAN | TPID_SERVICE_VLAN => {
                let Some((tci, behind)) = word(behind) else {
                    return line + " vlan (cut)";
                };
                let _ = write!(line, " vlan {}", tci & 0xfff);
                rest = behind;
            }
            ETHERTYPE_IPV4 => return line + &ipv4(behind) + &length(frame),
            ETHERTYPE_IPV6 => return line + &ipv6(behind) + &length(frame),
            other => return format!("{line} ethertype {other:#06x}{}", length(frame)),
        }
    }
}

/// The frame in hex, sixteen bytes a line behind their offset.
#[must_use]
pub fn hexdump(frame: &[u8]) -> String {
    let mut text = String::new();
    for (number, line) in frame.chunks(16).enumerate() {
        let bytes: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let _ = writeln!(text, "{:04x}  {}", number * 16, bytes.join(" "));
    }
    text
}

/// How `got` differs from `wanted`: both in one line, the first offset, both in hex. None
/// when they are equal.
#[must_use]
pub fn difference(wanted: &[u8], got: &[u8]) -> Option<String> {
    if wanted == got {
        return None;
    }
    let offset = wanted.iter().zip(got).take_while(|(a, b)| a == b).count();
    Some(format!(
        "wanted {}\n   got {}\nfirst difference at byte {offset}\nwanted\n{}got\n{}",
        describe(wanted),
        describe(got),
        hexdump(wanted),
        hexdump(got),
    ))
}

fn ipv4(bytes: &[u8]) -> String {
    let Some(header) = bytes.first_chunk::<20>() else {
        return " ipv4 (cut)".to_owned();
    };
    let [src, dst] = [12, 16].map(|at| {
        let octets: [u8; 4] = std::array::from_fn(|index| header[at + index]);
        Ipv4Addr::from(octets)
    });
    let fragment = u16::from_be_bytes([header[6], header[7]]);
    let behind = bytes.get(usize::from(header[0] & 0xf) * 4..);
    format!(
        " ipv{} {src} > {dst} ihl {} tos {:#04x} length {} id {:#06x} fragment {fragment:#06x} ttl {} checksum {:#06x}{}",
        header[0] >> 4,
        header[0] & 0xf,
        header[1],
        u16::from_be_bytes([header[2], header[3]]),
        u16::from_be_bytes([header[4], header[5]]),
        header[8],
        u16::from_be_bytes([header[10], header[11]]),
        transport(header[9], behind.unwrap_or_default()),
    )
}

fn ipv6(bytes: &[u8]) -> String {
    let Some(header) = bytes.first_chunk::<40>() else {
        return " ipv6 (cut)".to_owned();
    };
    let [src, dst] = [8, 24].map(|at| {
        let octets: [u8; 16] = std::array::from_fn(|index| header[at + index]);
        Ipv6Addr::from(octets)
    });
    format!(
        " ipv{} {src} > {dst} length {} hop limit {}{}",
        header[0] >> 4,
        u16::from_be_bytes([header[4], header[5]]),
        header[7],
        transport(header[6], &bytes[40..]),
    )
}

fn transport(protocol: u8, bytes: &[u8]) -> String {
    let ports = || {
        let (src, behind) = word(bytes).unwrap_or_default();
        let (dst, _) = word(behind).unwrap_or_default();
        format!("{src} > {dst}")
    };
    match (protocol, bytes) {
        (6, _) => format!(" tcp {}", ports()),
        (17, _) => format!(" udp {}", ports()),
        (1 | 58, [kind, code, ..]) => format!(" icmp type {kind} code {code}"),
        (number, _) => format!(" protocol {number}"),
    }
}

fn word(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (word, rest) = bytes.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*word), rest))
}

fn mac(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

fn length(frame: &[u8]) -> String {
    format!(" ({} bytes)", frame.len())
}

#[cfg(test)]
mod tests {
    use super::{super::*, *};

    #[test]
    fn every_cut_of_a_frame_can_be_described() {
        for packet in [
            Packet::new(CONTAINER_A, CONTAINER_B).tag(TPID_VLAN, 7),
            Packet::new(CONTAINER_A_V6, CONTAINER_B_V6).ping(),
        ] {
            let frame = packet.build();
            for length in 0..=frame.len() {
                assert!(!describe(&frame[..length]).is_empty());
            }
        }
    }
}
