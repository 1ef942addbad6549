//! Any frame is read without a fault, and what is read is what the bytes say.

use routemesh_common::{Family, Outcome, TunnelSettings};
use routemesh_ebpf::{
    forward,
    parse::{self, Datagram},
    tunnel,
    wire::{Address, ETH_LEN},
};
use routemesh_tests::packet::{expected_forward, internet_checksum};

use crate::frame::{Frame, LARGEST};

/// Reads the frame behind the first two bytes, which are the segments' size.
///
/// # Panics
/// When a promise is broken.
pub fn run(data: &[u8]) {
    let Some((segment, bytes)) = data.split_first_chunk::<2>() else {
        return;
    };
    let bytes = &bytes[..bytes.len().min(LARGEST)];
    let frame = Frame::whole(bytes);
    let read = read(&frame);
    assert_eq!(read, self::read(&Frame::at_tc(bytes)), "at tc");
    let Ok(datagram) = read else { return };
    says(bytes, &datagram);
    padding_is_no_part(bytes, &datagram);
    let segment = u32::from(u16::from_be_bytes(*segment));
    for segment in [0, segment] {
        let length = forward::wire_length(&frame, &datagram, segment);
        assert!(length.is_ok_and(|length| length >= segment) || segment > 0);
    }
    let port = tunnel::source_port(&frame, &datagram).expect("it was parsed");
    assert!(port[0] >= 0xc0, "a dynamic port");
    tunnel::resembles(&frame, &datagram, &TunnelSettings::default());
    sent_on(bytes, &datagram);
}

/// How a frame reads on the interface it is for, which must be as it reads anyway.
pub(crate) fn read(frame: &Frame) -> Result<Datagram, Outcome> {
    let any = parse::ip(frame, frame.length());
    let station = frame.bytes().first_chunk::<6>().copied();
    if let Some(station) = station {
        assert_eq!(parse::frame(frame, frame.length(), &station), any);
        let [first, rest @ ..] = station;
        let other = parse::frame(frame, frame.length(), &[!first, 1, 2, 3, 4, rest[4]]);
        let refused = [Outcome::Group, Outcome::OtherStation, Outcome::Truncated];
        assert!(other.is_err_and(|outcome| refused.contains(&outcome)));
    }
    any
}

/// What was read, byte by byte.
fn says(bytes: &[u8], datagram: &Datagram) {
    let ip = &bytes[ETH_LEN..];
    assert!(
        datagram.length() as usize <= ip.len(),
        "no longer than it is"
    );
    let (dst, ttl, proto, tos) = if datagram.family() == Family::V4 {
        assert_eq!((bytes[12], bytes[13], ip[0]), (8, 0, 0x45));
        assert_eq!(internet_checksum(&ip[..20]), 0);
        let dst = ip[16..20].try_into().expect("four bytes");
        (Address::v4(dst), ip[8], ip[9], ip[1])
    } else {
        assert_eq!((bytes[12], bytes[13], ip[0] >> 4), (0x86, 0xdd, 6));
        let dst = ip[24..40].try_into().expect("sixteen bytes");
        (Address::v6(&dst), ip[7], ip[6], ip[0] << 4 | ip[1] >> 4)
    };
    assert_eq!(datagram.dst(), dst);
    assert_eq!(
        (datagram.ttl(), datagram.proto().0),
        (u32::from(ttl), proto)
    );
    assert_eq!(datagram.tos(), tos);
    assert!(datagram.fragment() || !datagram.later_fragment());
}

fn padding_is_no_part(bytes: &[u8], datagram: &Datagram) {
    let padded = [bytes, &[0x5a; 7]].concat();
    if padded.len() <= LARGEST {
        assert_eq!(read(&Frame::whole(&padded)), Ok(*datagram));
    }
}

/// The packet as a router sends it on, by the RFCs' own words.
fn sent_on(bytes: &[u8], datagram: &Datagram) {
    if datagram.ttl() == 0 {
        return;
    }
    let (from, to) = ([2, 3, 5, 7, 11, 13], [4, 6, 8, 10, 12, 14]);
    let mut frame = Frame::whole(bytes);
    forward::decrement_ttl(&mut frame, datagram.family()).expect("it was parsed");
    forward::set_macs(&mut frame, &to, &from).expect("it was parsed");
    assert_eq!(frame.bytes(), expected_forward(bytes, from, to));
}
