//! The kernel's other tunnel devices, where it has them.

use crate::{
    interoperates,
    tunnel::{Other, Tunnel},
};

const GRE: Tunnel = Tunnel {
    mode: "gre",
    settings: "",
    over_v6: false,
    other: Other::Ip(
        "type gre local LOCAL remote REMOTE ttl 64 tos inherit",
        None,
    ),
};

const GRE_WITH_KEY: Tunnel = Tunnel {
    settings: "gre-key = 200",
    other: Other::Ip(
        "type gre local LOCAL remote REMOTE ttl 64 tos inherit key 200",
        None,
    ),
    ..GRE
};

const GRETAP: Tunnel = Tunnel {
    other: Other::Ethernet("type gretap local LOCAL remote REMOTE ttl 64 tos inherit"),
    ..GRE
};

const IP6GRE: Tunnel = Tunnel {
    over_v6: true,
    other: Other::Ip(
        "type ip6gre local LOCAL remote REMOTE ttl 64 tclass inherit encaplimit none",
        None,
    ),
    ..GRE
};

const IP6GRETAP: Tunnel = Tunnel {
    over_v6: true,
    other: Other::Ethernet(
        "type ip6gretap local LOCAL remote REMOTE ttl 64 tclass inherit encaplimit none",
    ),
    ..GRE
};

const IPIP_AND_SIT: Tunnel = Tunnel {
    mode: "ipip",
    other: Other::Ip(
        "type ipip local LOCAL remote REMOTE ttl 64 tos inherit",
        Some("type sit local LOCAL remote REMOTE ttl 64 tos inherit"),
    ),
    ..GRE
};

const IP6TNL: Tunnel = Tunnel {
    mode: "ipip",
    over_v6: true,
    other: Other::Ip(
        "type ip6tnl mode any local LOCAL remote REMOTE ttl 64 tclass inherit encaplimit none",
        None,
    ),
    ..GRE
};

const GENEVE: Tunnel = Tunnel {
    mode: "geneve",
    settings: "vni = 100",
    other: Other::Ethernet("type geneve id 100 remote REMOTE ttl 64 tos inherit df set noudpcsum"),
    ..GRE
};

const GENEVE_OVER_V6: Tunnel = Tunnel {
    over_v6: true,
    other: Other::Ethernet(
        "type geneve id 100 remote REMOTE ttl 64 tos inherit udp6zerocsumtx udp6zerocsumrx",
    ),
    ..GENEVE
};

interoperates! {
    #[ignore = "needs tunnel devices, as the kernels of `cargo xtask test --kernel` have them"]
    gre: GRE;
    gre_with_key: GRE_WITH_KEY;
    gretap: GRETAP;
    ip6gre: IP6GRE;
    ip6gretap: IP6GRETAP;
    ipip_and_sit: IPIP_AND_SIT;
    ip6tnl: IP6TNL;
    geneve: GENEVE;
    geneve_over_ipv6: GENEVE_OVER_V6;
}
