//! The words of `ip route`, for the part of them that routemesh has.

use std::{fmt::Display, net::IpAddr, str::FromStr};

use crate::{
    api::{RouteEdit, RouteOp},
    model::{Mac, Mode, Prefix},
};

/// How a route is written, for those who wrote it otherwise.
const FORM: &str = "a route is written DST via ADDRESS [dev IF] [mode MODE] [vtep-mac MAC] \
                    [vni N] [gre-key N] [mtu BYTES], or blackhole DST";
const ADDRESS: &str = "an address, as 192.0.2.1 or fd00::1,";
const NUMBER: &str = "a number from 0 to 4294967295";

/// What `words` ask for: a prefix (or `default`), and in any order `via ADDRESS`, `dev IF`,
/// `mode MODE`, `vtep-mac MAC`, `vni N`, `gre-key N`, `mtu BYTES`, `blackhole`. `default` is IPv6's
/// with `ipv6`, or with an IPv6 next hop.
pub(super) fn parse(op: RouteOp, words: &[&str], ipv6: Option<bool>) -> Result<RouteEdit, String> {
    let mut words = words.iter().copied();
    let mut dst = None;
    let mut via: Option<IpAddr> = None;
    let mut dev = None;
    let mut mode: Option<Mode> = None;
    let mut vtep_mac: Option<Mac> = None;
    let mut vni = None;
    let mut gre_key = None;
    let mut mtu = None;
    let mut blackhole = false;
    while let Some(word) = words.next() {
        match word {
            "via" => once(word, &mut via, wanted(word, words.next(), ADDRESS)?)?,
            "dev" => once(word, &mut dev, argument(word, words.next())?)?,
            "mode" => once(word, &mut mode, argument(word, words.next())?)?,
            "vtep-mac" => once(word, &mut vtep_mac, argument(word, words.next())?)?,
            "vni" => once(word, &mut vni, wanted(word, words.next(), NUMBER)?)?,
            "gre-key" => once(word, &mut gre_key, wanted(word, words.next(), NUMBER)?)?,
            "mtu" => once(word, &mut mtu, wanted(word, words.next(), NUMBER)?)?,
            "blackhole" => blackhole = true,
            "to" => {
                let text: String = argument(word, words.next())?;
                once("a destination", &mut dst, text)?;
            }
            text if dst.is_some() => return Err(format!("'{text}' is a word too many; {FORM}")),
            text => dst = Some(text.to_owned()),
        }
    }
    let dst = destination(dst.as_deref(), ipv6, via)?;
    let edit = RouteEdit {
        op,
        dst,
        via,
        dev,
        mode,
        vtep_mac,
        vni,
        gre_key,
        blackhole,
        mtu,
    };
    check(&edit)?;
    if ipv6.is_some_and(|ipv6| ipv6 != dst.is_ipv6()) {
        return Err(format!(
            "{dst} is not of the family asked for with -4 or -6"
        ));
    }
    Ok(edit)
}

/// For what parses with errors that name the text and say what would be right.
fn argument<T: FromStr<Err: Display>>(word: &str, text: Option<&str>) -> Result<T, String> {
    let text = value(word, text)?;
    text.parse().map_err(|error| format!("{word}: {error}"))
}

/// For what parses with errors that do not say what would be right.
fn wanted<T: FromStr>(word: &str, text: Option<&str>, what: &str) -> Result<T, String> {
    let text = value(word, text)?;
    text.parse()
        .map_err(|_| format!("{word} '{text}': {what} is wanted"))
}

fn value<'a>(word: &str, text: Option<&'a str>) -> Result<&'a str, String> {
    text.ok_or_else(|| format!("'{word}' wants a value after it"))
}

fn once<T>(word: &str, slot: &mut Option<T>, value: T) -> Result<(), String> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{word} is given twice; {FORM}")),
    }
}

fn destination(
    text: Option<&str>,
    ipv6: Option<bool>,
    via: Option<IpAddr>,
) -> Result<Prefix, String> {
    let text = text.ok_or("a destination is missing, as 10.1.0.0/24")?;
    if text != "default" {
        return text.parse().map_err(|error| format!("{error}"));
    }
    let ipv6 = ipv6.unwrap_or(via.is_some_and(|via| via.is_ipv6()));
    let any = if ipv6 { "::/0" } else { "0.0.0.0/0" };
    any.parse().map_err(|error| format!("{error}"))
}

fn check(edit: &RouteEdit) -> Result<(), String> {
    let dst = edit.dst;
    let has_details = edit.via.is_some()
        || edit.dev.is_some()
        || edit.mode.is_some()
        || edit.vtep_mac.is_some()
        || edit.vni.is_some()
        || edit.gre_key.is_some()
        || edit.mtu.is_some();
    match (edit.op, edit.blackhole) {
        (RouteOp::Del, _) if has_details || edit.blackhole => {
            Err(format!("del takes the prefix alone: {dst}"))
        }
        (RouteOp::Del, _) => Ok(()),
        (RouteOp::Add | RouteOp::Replace, true) if has_details => Err(format!(
            "a blackhole has no next hop, interface, mode or MTU: blackhole {dst}"
        )),
        (RouteOp::Add | RouteOp::Replace, false) if edit.via.is_none() => Err(format!(
            "{dst} wants a next hop, as {dst} via 192.0.2.1; or blackhole {dst}"
        )),
        (RouteOp::Add | RouteOp::Replace, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Encapsulation;

    fn add(line: &str) -> Result<RouteEdit, String> {
        let words: Vec<_> = line.split(' ').collect();
        parse(RouteOp::Add, &words, None)
    }

    #[test]
    fn the_order_of_words_does_not_matter() {
        let edit = add("10.1.0.0/24 via 192.0.2.1 dev eth0 mtu 1400").unwrap();
        assert_eq!(edit.dst.to_string(), "10.1.0.0/24");
        assert_eq!(edit.via, Some("192.0.2.1".parse().unwrap()));
        assert_eq!(edit.dev.as_deref(), Some("eth0"));
        assert_eq!(edit.mtu, Some(1400));
        assert_eq!(
            add("mtu 1400 dev eth0 via 192.0.2.1 to 10.1.0.0/24"),
            Ok(edit)
        );
    }

    #[test]
    fn a_tunnel_is_a_mode_of_the_way_to_the_next_hop() {
        let edit = add("10.1.0.0/24 via 192.0.2.1 mode gre vtep-mac 02:42:c0:a8:64:02").unwrap();
        assert_eq!(edit.mode, Some(Mode::Tunnel(Encapsulation::Gre)));
        assert_eq!(edit.vtep_mac.unwrap().to_string(), "02:42:c0:a8:64:02");
        let edit = add("10.1.0.0/24 via 192.0.2.1 vni 200 gre-key 7").unwrap();
        assert_eq!((edit.vni, edit.gre_key), (Some(200), Some(7)));
        assert_eq!(
            add("10.1.0.0/24 via 192.0.2.1 mode l2tp"),
            Err("mode: 'l2tp' is not one of direct, auto, vxlan, geneve, gre, ipip".into())
        );
    }

    #[test]
    fn an_interface_may_be_called_via() {
        let edit = add("10.1.0.0/24 via 192.0.2.1 dev via").unwrap();
        assert_eq!(edit.dev.as_deref(), Some("via"));
    }

    #[test]
    fn default_takes_the_family_of_its_next_hop() {
        assert_eq!(add("default via fd00::1").unwrap().dst.to_string(), "::/0");
        assert_eq!(
            add("default via 192.0.2.1").unwrap().dst.to_string(),
            "0.0.0.0/0"
        );
    }

    #[test]
    fn nonsense_is_refused_with_what_would_be_right() {
        let refused = [
            ("via 192.0.2.1", "a destination is missing, as 10.1.0.0/24"),
            (
                "10.1.0.0/24",
                "10.1.0.0/24 wants a next hop, as 10.1.0.0/24 via 192.0.2.1; or blackhole 10.1.0.0/24",
            ),
            ("10.1.0.0/24 via", "'via' wants a value after it"),
            (
                "10.1.0.0/24 via x",
                "via 'x': an address, as 192.0.2.1 or fd00::1, is wanted",
            ),
            (
                "10.1.0.0/24 via 192.0.2.1 mtu 99999999999",
                "mtu '99999999999': a number from 0 to 4294967295 is wanted",
            ),
            (
                "10.1.0.0/24 via 192.0.2.1 vni 0x7",
                "vni '0x7': a number from 0 to 4294967295 is wanted",
            ),
            (
                "10.1.0.0/24 via 192.0.2.1 vtep-mac 02-42",
                "vtep-mac: '02-42' is not a MAC address, as 02:42:c0:a8:64:02",
            ),
            (
                "10.1.2.3/24 via 192.0.2.1",
                "10.1.2.3/24 has host bits set; the network is 10.1.2.0/24",
            ),
            (
                "blackhole 10.1.0.0/24 dev eth0",
                "a blackhole has no next hop, interface, mode or MTU: blackhole 10.1.0.0/24",
            ),
            (
                "10.1.0.0/24 via 192.0.2.1 metric 5",
                "'metric' is a word too many; a route is written DST via ADDRESS [dev IF] [mode MODE] [vtep-mac MAC] [vni N] [gre-key N] [mtu BYTES], or blackhole DST",
            ),
        ];
        for (line, error) in refused {
            assert_eq!(add(line), Err(error.into()), "{line}");
        }
    }

    #[test]
    fn del_takes_the_prefix_alone() {
        let del = |line: &str| parse(RouteOp::Del, &line.split(' ').collect::<Vec<_>>(), None);
        assert!(del("10.1.0.0/24").is_ok());
        assert_eq!(
            del("10.1.0.0/24 via 192.0.2.1"),
            Err("del takes the prefix alone: 10.1.0.0/24".into())
        );
    }
}
