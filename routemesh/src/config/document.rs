//! The file as it is typed: keys and types, not yet meaning.
//!
//! Texts that have a grammar of their own stay texts here, with their place, so that what is
//! wrong with them is said in our words. The doc comments are the reference: they go into the
//! JSON schema, and from there into the documentation.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

use crate::model::{Encapsulation, Mac, Mode, Prefix, UplinkMode};

/// Keyword of the schema: a default that is no fixed value, in words.
pub(super) const IN_WORDS: &str = "x-default";

/// Configuration of routemesh.
#[derive(Debug, Default, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields, default)]
#[schemars(title = "routemesh configuration")]
pub(super) struct Document {
    /// Name of this host, as `status` and the metrics show it.
    #[schemars(with = "String", extend("x-default" = "the host name"))]
    pub(super) node: Option<Spanned<String>>,
    /// Interfaces that lead to other hosts. With none: `eth0`, or else the interface of the
    /// default route.
    pub(super) uplink: Vec<UplinkTable>,
    /// Interfaces that lead to containers of this host: bridges, or the host's ends of veth
    /// pairs.
    pub(super) network: Vec<NetworkTable>,
    /// Where packets for containers of other hosts go. The most specific route wins.
    pub(super) route: Vec<RouteTable>,
    /// What the tunnels of this node have in common. Both ends of a tunnel must agree on ports, and
    /// both ends of a route on its `vni` or `gre-key`.
    #[schemars(with = "TunnelTable")]
    pub(super) tunnel: Option<TunnelTable>,
    /// Sizes that are fixed when the daemon starts.
    #[schemars(with = "LimitsTable")]
    pub(super) limits: Option<LimitsTable>,
    /// Counters for Prometheus over TCP, beside those on the control socket.
    #[schemars(with = "MetricsTable")]
    pub(super) metrics: Option<MetricsTable>,
}

impl Document {
    /// The keys there are at the top level.
    pub(super) const KEYS: [&str; 7] = [
        "node", "uplink", "network", "route", "tunnel", "limits", "metrics",
    ];
}

/// An interface that leads to other hosts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Uplink")]
pub(super) struct UplinkTable {
    /// Name of the interface.
    #[schemars(with = "String", length(min = 1, max = 15))]
    pub(super) interface: Spanned<String>,
    /// Which hook carries packets: `auto` takes what suits the device; `xdp` falls back to tc
    /// where the driver has no native XDP; `xdp-generic` is for trying things out.
    #[serde(default)]
    #[schemars(with = "UplinkMode", extend("default" = "auto"))]
    pub(super) mode: Option<Spanned<String>>,
}

/// An interface that leads to containers of this host.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Network")]
pub(super) struct NetworkTable {
    /// Name of the interface.
    #[schemars(with = "String", length(min = 1, max = 15))]
    pub(super) interface: Spanned<String>,
    /// Subnets of the containers behind it.
    #[serde(default)]
    #[schemars(with = "Vec<Prefix>", extend("x-default" = "those of the interface's addresses"))]
    pub(super) subnets: Vec<Spanned<String>>,
}

/// Where packets for a prefix go: to a next hop, or nowhere.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(
    rename = "Route",
    extend("oneOf" = [
        { "required": ["via"] },
        { "required": ["blackhole"], "properties": { "blackhole": { "const": true } } },
    ])
)]
pub(super) struct RouteTable {
    /// Destinations the route is for.
    #[schemars(with = "Prefix")]
    pub(super) dst: Spanned<String>,
    /// Address of the next hop: on the link of an uplink, or at the other end of a tunnel. For an
    /// IPv6 route without a tunnel it is an IPv6 address.
    #[serde(default)]
    #[schemars(with = "std::net::IpAddr", extend("x-default" = "none"))]
    pub(super) via: Option<Spanned<String>>,
    /// The uplink to leave by.
    #[serde(default)]
    #[schemars(with = "String", extend("x-default" = "the uplink that leads to the next hop"))]
    pub(super) dev: Option<Spanned<String>>,
    /// As they are (`direct`), wrapped, or `auto`: `direct` where the next hop is on the link
    /// of an uplink, otherwise `tunnel.mode`.
    #[serde(default)]
    #[schemars(with = "Mode", extend("default" = "direct"))]
    pub(super) mode: Option<Spanned<String>>,
    /// MAC of the next hop's end of a tunnel that holds Ethernet. With it, `gre` holds Ethernet
    /// too, as that of Open vSwitch and `gretap` does.
    #[serde(default)]
    #[schemars(with = "Mac", extend("x-default" = "made from `via`, as routemesh does there"))]
    pub(super) vtep_mac: Option<Spanned<String>>,
    /// Network identifier of the route's packets in VXLAN and Geneve, in whichever mode: those to
    /// these destinations have it, and those from them must.
    #[serde(default)]
    #[schemars(with = "u32", range(min = 1, max = 16_777_215), extend("x-default" = "`tunnel.vni`"))]
    pub(super) vni: Option<Spanned<i64>>,
    /// Key of the route's packets in GRE, likewise.
    #[serde(default)]
    #[schemars(with = "u32", range(min = 0, max = 4_294_967_295_u32), extend("x-default" = "`tunnel.gre-key`"))]
    pub(super) gre_key: Option<Spanned<i64>>,
    /// Largest IP packet, in bytes, on the way to the next hop, a tunnel's headers included: at
    /// least 576, for IPv6 at least 1280.
    #[serde(default)]
    #[schemars(with = "u32", range(min = 576, max = 65535), extend("x-default" = "that of the uplink"))]
    pub(super) mtu: Option<Spanned<i64>>,
    /// Drops what the route matches; in place of `via`.
    #[serde(default)]
    pub(super) blackhole: bool,
}

/// What the tunnels of this node have in common.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Tunnel")]
pub(super) struct TunnelTable {
    /// What routes of mode `auto` take for next hops that are on no uplink's link.
    #[serde(default)]
    #[schemars(with = "Encapsulation", extend("default" = "vxlan"))]
    pub(super) mode: Option<Spanned<String>>,
    /// Network identifier of VXLAN and Geneve, of routes that have none of their own.
    #[serde(default)]
    #[schemars(with = "u32", range(min = 1, max = 16_777_215), extend("default" = 100))]
    pub(super) vni: Option<Spanned<i64>>,
    /// Network identifiers that any peer may use besides: while those of routes change.
    #[serde(default)]
    #[schemars(with = "Vec<u32>", inner(range(min = 1, max = 16_777_215)), extend("x-default" = "none"))]
    pub(super) accept_vni: Vec<Spanned<i64>>,
    /// UDP port of VXLAN; flannel's is 8472.
    #[serde(default)]
    #[schemars(with = "u16", range(min = 1, max = 65535), extend("default" = 4789))]
    pub(super) vxlan_port: Option<Spanned<i64>>,
    /// UDP port of Geneve.
    #[serde(default)]
    #[schemars(with = "u16", range(min = 1, max = 65535), extend("default" = 6081))]
    pub(super) geneve_port: Option<Spanned<i64>>,
    /// Key of GRE packets, of routes that have none of their own.
    #[serde(default)]
    #[schemars(with = "u32", range(min = 0, max = 4_294_967_295_u32), extend("x-default" = "none: they have no key"))]
    pub(super) gre_key: Option<Spanned<i64>>,
    /// Keys that any peer may use besides, or that there is none: while those of routes change.
    #[serde(default)]
    #[schemars(schema_with = "gre_key_choices", extend("x-default" = "none"))]
    pub(super) accept_gre_key: Vec<Spanned<Value>>,
    /// TTL or hop limit of outer headers.
    #[serde(default)]
    #[schemars(with = "u8", range(min = 1, max = 255), extend("default" = 64))]
    pub(super) ttl: Option<Spanned<i64>>,
    /// DSCP of outer headers: that of the inner one, or always the same.
    #[serde(default)]
    #[schemars(schema_with = "dscp_choice", extend("default" = "copy"))]
    pub(super) dscp: Option<Spanned<Value>>,
    /// Gives outer UDP headers a checksum. Those of super-packets, of fragments, and of what has
    /// none itself go without all the same.
    #[serde(default)]
    pub(super) udp_checksum: bool,
    /// Lowers the largest segment that the ends of a TCP connection through a tunnel tell one
    /// another to what fits into it.
    #[serde(default)]
    pub(super) clamp_mss: bool,
}

/// What `dscp` can be.
fn dscp_choice(_: &mut SchemaGenerator) -> Schema {
    word_or_integer("copy", 63)
}

/// What `accept-gre-key` can be.
fn gre_key_choices(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": word_or_integer("none", u32::MAX) })
}

/// That word, or an integer from 0 to `most`.
fn word_or_integer(word: &str, most: u32) -> Schema {
    json_schema!({
        "oneOf": [
            { "const": word },
            { "type": "integer", "minimum": 0, "maximum": most },
        ],
    })
}

/// Sizes that are fixed when the daemon starts.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Limits")]
pub(super) struct LimitsTable {
    /// Most routes the table takes. Each has 16 bytes of counters per CPU.
    #[serde(default)]
    #[schemars(with = "u32", range(min = 1, max = 16_777_216), extend("default" = 131_072))]
    pub(super) routes: Option<Spanned<i64>>,
}

/// Counters for Prometheus over TCP.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Metrics")]
pub(super) struct MetricsTable {
    /// Address and port to listen on, as `127.0.0.1:9477`.
    #[serde(default)]
    #[schemars(with = "String", extend("x-default" = "none: on the control socket only"))]
    pub(super) listen: Option<Spanned<String>>,
}

/// Makes a schema of Rust's what a writer of TOML, who has no null, wants to see.
pub(super) fn tidy(schema: &mut Value) {
    if let Some(object) = schema.as_object_mut() {
        if object.get("default") == Some(&Value::Null) || object.contains_key(IN_WORDS) {
            object.shift_remove("default");
        }
        object.values_mut().for_each(tidy);
    }
    if let Some(items) = schema.as_array_mut() {
        items.iter_mut().for_each(tidy);
    }
}
