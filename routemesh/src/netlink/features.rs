//! What a device can do, and what of it is switched on.

use anyhow::{Context as _, Result};
use netlink_sys::protocols::NETLINK_GENERIC;
use nix::errno::Errno;

use super::raw::{NLA_F_NESTED, ask, attribute, attributes, find, text};

/// Bytes of `struct genlmsghdr`.
const GENLMSGHDR: usize = 4;
// include/uapi/linux/genetlink.h, netdev.h, ethtool_netlink_generated.h
const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const NETDEV_CMD_DEV_GET: u8 = 1;
const NETDEV_A_DEV_IFINDEX: u16 = 1;
const NETDEV_A_DEV_XDP_FEATURES: u16 = 3;
const ETHTOOL_MSG_FEATURES_GET: u8 = 11;
const ETHTOOL_A_FEATURES_HEADER: u16 = 1;
const ETHTOOL_A_FEATURES_ACTIVE: u16 = 4;
const ETHTOOL_A_HEADER_DEV_INDEX: u16 = 1;
const ETHTOOL_A_HEADER_DEV_NAME: u16 = 2;
const ETHTOOL_A_BITSET_BITS: u16 = 3;
const ETHTOOL_A_BITSET_BIT_NAME: u16 = 2;

/// What a driver says of XDP: `enum netdev_xdp_act` of include/uapi/linux/netdev.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XdpFeatures(pub u64);

impl XdpFeatures {
    /// Whether it runs programs at all.
    #[must_use]
    pub fn has_basic(self) -> bool {
        self.0 & 1 != 0
    }

    /// Whether programs may send packets elsewhere.
    #[must_use]
    pub fn has_redirect(self) -> bool {
        self.0 & 2 != 0
    }

    /// Whether it sends what programs of other devices give it: where not, the kernel drops that
    /// (`__xdp_enqueue`).
    #[must_use]
    pub fn has_xmit(self) -> bool {
        self.0 & 4 != 0
    }
}

/// A device's name, and the features that are switched on, as `ethtool` calls them in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Features {
    pub(super) device: String,
    pub(super) active: Vec<String>,
}

/// What the interface's driver says of XDP; none where the kernel (before 6.3) knows no such
/// question.
///
/// # Errors
/// When the kernel does not tell.
pub fn xdp_features(ifindex: u32) -> Result<Option<XdpFeatures>> {
    let device = attribute(NETDEV_A_DEV_IFINDEX, &ifindex.to_ne_bytes());
    let answer = generic("netdev", NETDEV_CMD_DEV_GET, &device).context("ask for XDP features")?;
    Ok(answer.and_then(|answer| {
        let features = find(&answer, NETDEV_A_DEV_XDP_FEATURES)?.first_chunk()?;
        Some(XdpFeatures(u64::from_ne_bytes(*features)))
    }))
}

/// The features of an interface of the calling thread's network namespace.
///
/// # Errors
/// When the kernel (before 5.7) does not tell.
pub(super) fn features(ifindex: u32) -> Result<Features> {
    let device = attribute(ETHTOOL_A_HEADER_DEV_INDEX, &ifindex.to_ne_bytes());
    let header = attribute(ETHTOOL_A_FEATURES_HEADER | NLA_F_NESTED, &device);
    let answer = generic("ethtool", ETHTOOL_MSG_FEATURES_GET, &header)
        .with_context(|| format!("ask for the features of interface {ifindex}"))?;
    let parsed = answer.as_deref().and_then(|answer| {
        let header = find(answer, ETHTOOL_A_FEATURES_HEADER)?;
        let active = find(answer, ETHTOOL_A_FEATURES_ACTIVE)?;
        let names = attributes(find(active, ETHTOOL_A_BITSET_BITS)?);
        let names = names.filter_map(|(_, bit)| Some(text(find(bit, ETHTOOL_A_BITSET_BIT_NAME)?)));
        Some(Features {
            device: text(find(header, ETHTOOL_A_HEADER_DEV_NAME)?),
            active: names.collect(),
        })
    });
    parsed.context("this kernel (before 5.7) does not tell what ethtool asks for")
}

/// The attributes that a family of generic netlink answers with; none if it is not there.
fn generic(family: &str, command: u8, attributes: &[u8]) -> Result<Option<Vec<u8>>> {
    let name = attribute(CTRL_ATTR_FAMILY_NAME, format!("{family}\0").as_bytes());
    let Some(found) = request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, &name)? else {
        return Ok(None);
    };
    match find(&found, CTRL_ATTR_FAMILY_ID).and_then(<[u8]>::first_chunk) {
        Some(family) => request(u16::from_ne_bytes(*family), command, attributes),
        None => Ok(None),
    }
}

fn request(family: u16, command: u8, attributes: &[u8]) -> Result<Option<Vec<u8>>> {
    let body = [&[command, 1, 0, 0], attributes].concat();
    match ask(NETLINK_GENERIC, family, &body, false) {
        Err(error) if error.downcast_ref() == Some(&Errno::ENOENT) => Ok(None),
        answers => Ok(answers?
            .first()
            .and_then(|answer| Some(answer.get(GENLMSGHDR..)?.to_vec()))),
    }
}
