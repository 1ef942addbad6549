//! `routemesh route get`: which route wins, and why.

use std::net::IpAddr;

use anyhow::Result;

use crate::{
    api::{Route, RouteState, RouteType},
    cli::Session,
};

pub(super) fn run(session: &Session, address: IpAddr) -> Result<()> {
    let route = session.client.route_for(address)?;
    session.output.value(&route, &explain(address, &route))
}

fn explain(address: IpAddr, route: &Route) -> String {
    let mut text = match route.kind {
        RouteType::Direct => address.to_string(),
        kind @ (RouteType::Vxlan
        | RouteType::Geneve
        | RouteType::Gre
        | RouteType::Ipip
        | RouteType::Auto) => format!("{address} mode {kind}"),
        kind @ (RouteType::Blackhole | RouteType::Local | RouteType::Host) => {
            format!("{kind} {address}")
        }
    };
    if let Some(gateway) = route.gateway {
        text.push_str(&format!(" via {gateway}"));
    }
    if let Some(dev) = &route.dev {
        text.push_str(&format!(" dev {dev}"));
    }
    if let Some(local) = route.local {
        text.push_str(&format!(" local {local}"));
    }
    if let Some(vni) = route.vni {
        text.push_str(&format!(" vni {vni}"));
    }
    if let Some(key) = route.gre_key {
        text.push_str(&format!(" gre-key {key}"));
    }
    if let Some(mtu) = route.mtu {
        text.push_str(&format!(" mtu {mtu}"));
    }
    text.push_str(&format!(
        "\n    by {} from {}: the longest prefix that holds {address}\n",
        route.dst, route.source
    ));
    if let Some(mtu) = route.path_mtu {
        text.push_str(&format!("    containers can send {mtu} bytes this way\n"));
    }
    if route.state != RouteState::Active {
        text.push_str(&format!("    {}, so not in force\n", route.state));
    }
    if let Some(reason) = &route.reason {
        text.push_str(&format!("    {reason}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Encapsulation, Mode, Source};

    #[test]
    fn the_winner_is_named_with_its_prefix_and_source() {
        let route = Route {
            dst: "10.1.0.0/16".parse().unwrap(),
            kind: RouteType::Direct,
            gateway: Some("192.0.2.1".parse().unwrap()),
            dev: Some("eth0".into()),
            mode: Some(Mode::Direct),
            vtep_mac: None,
            local: None,
            vni: None,
            gre_key: None,
            mtu: None,
            path_mtu: Some(1500),
            source: Source::File,
            state: RouteState::Active,
            reason: None,
            packets: 0,
            bytes: 0,
        };
        assert_eq!(
            explain("10.1.2.3".parse().unwrap(), &route),
            "10.1.2.3 via 192.0.2.1 dev eth0\n    by 10.1.0.0/16 from file: the longest prefix that holds 10.1.2.3\n    containers can send 1500 bytes this way\n"
        );
        let tunnel = Route {
            kind: RouteType::Vxlan,
            mode: Some(Mode::Tunnel(Encapsulation::Vxlan)),
            local: Some("192.0.2.9".parse().unwrap()),
            vni: Some(100),
            path_mtu: Some(1450),
            ..route
        };
        assert!(
            explain("10.1.2.3".parse().unwrap(), &tunnel).starts_with(
                "10.1.2.3 mode vxlan via 192.0.2.1 dev eth0 local 192.0.2.9 vni 100\n"
            )
        );
    }
}
