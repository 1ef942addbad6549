//! A configuration written out as TOML.

use std::fmt::Write as _;

use super::Config;
use crate::model::{Action, Dscp, Route, Tunnel};

/// All values in force.
pub(super) fn to_toml(config: &Config) -> String {
    written(config, &config.routes)
}

/// All values in force but the routes.
pub(super) fn settings(config: &Config) -> String {
    written(config, &[])
}

fn written(config: &Config, routes: &[Route]) -> String {
    let mut text = String::new();
    line(&mut text, "node", &quoted(&config.node));
    for uplink in &config.uplinks {
        text.push_str("\n[[uplink]]\n");
        line(&mut text, "interface", &quoted(&uplink.interface));
        line(&mut text, "mode", &quoted(&uplink.mode.to_string()));
    }
    for network in &config.networks {
        text.push_str("\n[[network]]\n");
        line(&mut text, "interface", &quoted(&network.interface));
        if !network.subnets.is_empty() {
            let subnets: Vec<String> = network
                .subnets
                .iter()
                .map(|subnet| quoted(&subnet.to_string()))
                .collect();
            line(&mut text, "subnets", &format!("[{}]", subnets.join(", ")));
        }
    }
    for entry in routes {
        route(&mut text, entry);
    }
    tunnel(&mut text, &config.tunnel);
    text.push_str("\n[limits]\n");
    line(&mut text, "routes", &config.limits.routes.to_string());
    if let Some(listen) = config.metrics {
        text.push_str("\n[metrics]\n");
        line(&mut text, "listen", &quoted(&listen.to_string()));
    }
    text
}

fn route(text: &mut String, route: &Route) {
    text.push_str("\n[[route]]\n");
    line(text, "dst", &quoted(&route.dst.to_string()));
    match &route.action {
        Action::Via {
            via,
            dev,
            mode,
            vtep_mac,
            network,
        } => {
            line(text, "via", &quoted(&via.to_string()));
            if let Some(dev) = dev {
                line(text, "dev", &quoted(dev));
            }
            line(text, "mode", &quoted(&mode.to_string()));
            if let Some(mac) = vtep_mac {
                line(text, "vtep-mac", &quoted(&mac.to_string()));
            }
            optional(text, "vni", network.vni);
            optional(text, "gre-key", network.gre_key);
        }
        Action::Blackhole => line(text, "blackhole", "true"),
    }
    optional(text, "mtu", route.mtu);
}

fn tunnel(text: &mut String, tunnel: &Tunnel) {
    text.push_str("\n[tunnel]\n");
    line(text, "mode", &quoted(&tunnel.mode.to_string()));
    line(text, "vni", &tunnel.vni.to_string());
    list(text, "accept-vni", &tunnel.accept_vni);
    line(text, "vxlan-port", &tunnel.vxlan_port.to_string());
    line(text, "geneve-port", &tunnel.geneve_port.to_string());
    optional(text, "gre-key", tunnel.gre_key);
    let keys = tunnel.accept_gre_key.iter();
    let keys: Vec<_> = keys
        .map(|key| key.map_or_else(|| toml::Value::from("none"), toml::Value::from))
        .collect();
    list(text, "accept-gre-key", &keys);
    line(text, "ttl", &tunnel.ttl.to_string());
    let dscp = match tunnel.dscp {
        Dscp::Copy => quoted("copy"),
        Dscp::Fixed(dscp) => dscp.to_string(),
    };
    line(text, "dscp", &dscp);
    line(text, "udp-checksum", &tunnel.udp_checksum.to_string());
    line(text, "clamp-mss", &tunnel.clamp_mss.to_string());
}

fn optional(text: &mut String, key: &str, value: Option<u32>) {
    if let Some(value) = value {
        line(text, key, &value.to_string());
    }
}

fn list(text: &mut String, key: &str, values: &[impl ToString]) {
    if !values.is_empty() {
        let values: Vec<_> = values.iter().map(ToString::to_string).collect();
        line(text, key, &format!("[{}]", values.join(", ")));
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    writeln!(text, "{key} = {value}").expect("writing to a string does not fail");
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
