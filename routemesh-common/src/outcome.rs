//! How a packet can end: one table for verdict, counter, metric label, CLI text and docs page.

/// What happens to a packet in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Sent on by routemesh.
    Forward,
    /// Left to the kernel's own stack, byte for byte as it came.
    Pass,
    /// Answered with an ICMP error instead of being sent on.
    Reply,
    /// Dropped.
    Drop,
}

impl Verdict {
    /// The verdict's name in metrics and JSON.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Pass => "pass",
            Self::Reply => "reply",
            Self::Drop => "drop",
        }
    }
}

macro_rules! outcomes {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal, $verdict:ident, $label:literal;)*) => {
        /// The one way in which a packet ended. Numbers index counters and are never reused.
        // As wide as a word: on a BPF stack, narrower variants are copied with their padding, and
        // the verifier wants such copies aligned.
        #[repr(u32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[must_use = "an outcome is the packet's verdict and must be counted"]
        pub enum Outcome {
            $($(#[doc = $doc])+ $name = $number,)*
        }

        impl Outcome {
            /// All outcomes, by number.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What the outcome means for the packet.
            #[must_use]
            pub const fn verdict(self) -> Verdict {
                match self {
                    $(Self::$name => Verdict::$verdict,)*
                }
            }

            /// The outcome's name in metrics, JSON and on the command line.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }

            /// One sentence on it.
            #[must_use]
            pub const fn doc(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc,)+).trim_ascii(),)*
                }
            }
        }
    };
}

/// Counters reserved for outcomes: a power of two, so that an index is a shift.
pub const OUTCOME_ROOM: u32 = 64;

outcomes! {
    /// Redirected straight into a container whose interface is known.
    Delivered = 0, Forward, "delivered";
    /// Given to a container network whose kernel neighbour table finds the container.
    DeliveredByNeighbour = 1, Forward, "delivered_by_neighbour";
    /// Sent to the next hop of a direct route.
    Routed = 2, Forward, "routed";
    /// Left to the next hook, which sees and counts it again: tc after XDP, the bridge after its port.
    HandedUp = 3, Pass, "handed_up";
    /// No route for the destination.
    NoRoute = 4, Pass, "no_route";
    /// Addressed to this host itself.
    ToHost = 5, Pass, "to_host";
    /// Neither IPv4 nor IPv6: ARP, LLDP and the like.
    NotIp = 6, Pass, "not_ip";
    /// Carries a VLAN tag.
    Vlan = 7, Pass, "vlan";
    /// The frame is for another station of the link: switched, not routed.
    OtherStation = 8, Pass, "other_station";
    /// Broadcast or multicast.
    Group = 9, Pass, "group";
    /// Source or destination is valid on its own link only (or, as the unspecified source, not at all).
    LinkLocal = 10, Pass, "link_local";
    /// IPv4 options, which every router on the way must read.
    IpOptions = 11, Pass, "ip_options";
    /// An IPv6 hop-by-hop options header, which every router on the way must read.
    HopByHop = 12, Pass, "hop_by_hop";
    /// Too big for the next hop, and the sender allows fragmentation, but it is none that can be cut here: a super-packet, for one.
    NeedsFragmentation = 13, Pass, "needs_fragmentation";
    /// The interface is not set up yet.
    UnknownInterface = 14, Pass, "unknown_interface";
    /// TTL or hop limit used up: answered with time exceeded.
    TtlExceeded = 15, Reply, "ttl_exceeded";
    /// Too big for the next hop: answered with fragmentation needed or packet too big.
    TooBig = 16, Reply, "too_big";
    /// The route is a blackhole.
    Blackhole = 17, Drop, "blackhole";
    /// The frame ends before the headers do.
    Truncated = 18, Drop, "truncated";
    /// The IP version does not agree with the EtherType.
    BadVersion = 19, Drop, "bad_version";
    /// An IPv4 header length below 20 bytes, or beyond the packet.
    BadHeaderLength = 20, Drop, "bad_header_length";
    /// The IP header claims more bytes than the frame has, or fewer than the header itself.
    BadTotalLength = 21, Drop, "bad_total_length";
    /// The IPv4 header checksum is wrong.
    BadChecksum = 22, Drop, "bad_checksum";
    /// A source address no packet may have: loopback, multicast, reserved, IPv4-mapped.
    MartianSource = 23, Drop, "martian_source";
    /// A destination address that must not be routed: loopback, reserved, unspecified, IPv4-mapped.
    MartianDestination = 24, Drop, "martian_destination";
    /// The next hop is the very station that sent the packet.
    Loop = 25, Drop, "loop";
    /// An ICMP error was due, but none may be sent about this packet (RFC 1812 §4.3.2.7, RFC 4443 §2.4e).
    ErrorSuppressed = 26, Drop, "error_suppressed";
    /// An ICMP error was due, but too many were sent already.
    ErrorRateLimited = 27, Drop, "error_rate_limited";
    /// A kernel helper refused the packet.
    HelperFailed = 28, Drop, "helper_failed";
    /// Sent to a peer inside a tunnel.
    Encapsulated = 29, Forward, "encapsulated";
    /// A tunnel packet of ours from a host that is no peer.
    UnknownPeer = 30, Drop, "unknown_peer";
    /// A tunnel packet whose inner source is not behind the peer that sent it.
    SpoofedSource = 31, Drop, "spoofed_source";
    /// A tunnel packet of a VNI or key that no route has: the stack may know it.
    ForeignTunnel = 32, Pass, "foreign_tunnel";
    /// A tunnel header that breaks its own rules: VXLAN without the I flag, another version.
    BadTunnelHeader = 33, Drop, "bad_tunnel_header";
    /// A tunnel packet that holds neither IPv4 nor IPv6.
    InnerNotIp = 34, Drop, "inner_not_ip";
    /// A Geneve option that must be understood and is not (RFC 8926 §3.5).
    GeneveCriticalOption = 35, Drop, "geneve_critical_option";
    /// A GRE packet with a checksum, a sequence number or routing.
    GreFlags = 36, Drop, "gre_flags";
    /// A packet that only looks like a tunnel's: from a container to a peer, or to this host out of another tunnel.
    ForgedTunnel = 37, Drop, "forged_tunnel";
    /// A tunnel packet whose inner destination this host has no route for.
    NoInnerRoute = 38, Drop, "no_inner_route";
    /// Congestion was marked on the outer header of a packet that cannot carry the mark (RFC 6040 §4.2).
    EcnDropped = 39, Drop, "ecn_dropped";
    /// A fragment of a tunnel packet: the stack may reassemble it, routemesh does not.
    TunnelFragment = 40, Pass, "tunnel_fragment";
    /// A tunnel packet whose VNI or key is not that of the route to its inner source.
    WrongNetwork = 41, Drop, "wrong_network";
    /// Too big for the next hop, and the sender allows fragmentation: cut in two, and each part comes in and is counted anew.
    Fragmented = 42, Forward, "fragmented";
}

const _: () = {
    let mut number = 0;
    while number < Outcome::ALL.len() {
        assert!(
            Outcome::ALL[number] as usize == number,
            "outcome numbers are dense and in order"
        );
        number += 1;
    }
    assert!(Outcome::ALL.len() <= OUTCOME_ROOM as usize);
};
