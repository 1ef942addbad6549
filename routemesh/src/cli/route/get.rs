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
    if let Some(mtu) = route.mtu {
        text.push_str(&format!(" mtu {mtu}"));
    }
    text.push_str(&format!(
        "\n    by {} from {}: the longest prefix that holds {address}\n",
        route.dst, route.source
    ));
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
    use crate::model::Source;

    #[test]
    fn the_winner_is_named_with_its_prefix_and_source() {
        let route = Route {
            dst: "10.1.0.0/16".parse().unwrap(),
            kind: RouteType::Direct,
            gateway: Some("192.0.2.1".parse().unwrap()),
            dev: Some("eth0".into()),
            mtu: None,
            source: Source::File,
            state: RouteState::Active,
            reason: None,
            packets: 0,
            bytes: 0,
        };
        assert_eq!(
            explain("10.1.2.3".parse().unwrap(), &route),
            "10.1.2.3 via 192.0.2.1 dev eth0\n    by 10.1.0.0/16 from file: the longest prefix that holds 10.1.2.3\n"
        );
    }
}
