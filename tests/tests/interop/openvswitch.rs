//! Open vSwitch with its datapath in user space, and the ports that one adds to it.

use crate::{
    interoperates,
    tunnel::{Other, Tunnel},
};

const VXLAN: Tunnel = Tunnel {
    mode: "vxlan",
    settings: "vni = 100",
    over_v6: false,
    other: Other::OpenVswitch("vxlan", Some(100)),
};

const GENEVE: Tunnel = Tunnel {
    mode: "geneve",
    other: Other::OpenVswitch("geneve", Some(100)),
    ..VXLAN
};

const GRE: Tunnel = Tunnel {
    mode: "gre",
    settings: "",
    other: Other::OpenVswitch("gre", None),
    ..VXLAN
};

const GRE_WITH_KEY: Tunnel = Tunnel {
    settings: "gre-key = 200",
    other: Other::OpenVswitch("gre", Some(200)),
    ..GRE
};

const fn over_v6(tunnel: Tunnel) -> Tunnel {
    Tunnel {
        over_v6: true,
        ..tunnel
    }
}

interoperates! {
    vxlan: VXLAN;
    geneve: GENEVE;
    gre: GRE;
    gre_with_key: GRE_WITH_KEY;
    vxlan_over_ipv6: over_v6(VXLAN);
    geneve_over_ipv6: over_v6(GENEVE);
    gre_over_ipv6: over_v6(GRE);
}
