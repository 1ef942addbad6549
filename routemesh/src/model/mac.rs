//! MAC addresses.

use std::{fmt, net::IpAddr, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A MAC address, as `02:42:c0:a8:64:02`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The MAC of a host's end of Ethernet tunnels, unless another is set: locally administered,
    /// and the same function of the host's underlay address on both ends.
    ///
    /// Of IPv4 it holds the address itself, of IPv6 a hash of it (FNV-1a).
    #[must_use]
    pub fn of_vtep(underlay: IpAddr) -> Self {
        match underlay {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                Self([0x02, 0x72, a, b, c, d])
            }
            IpAddr::V6(address) => {
                let hash = address
                    .octets()
                    .iter()
                    .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
                    });
                let [_, _, _, a, b, c, d, e] = hash.to_be_bytes();
                Self([0x06, a, b, c, d, e])
            }
        }
    }

    /// Whether it is one station's: neither a group's nor all zeros.
    #[must_use]
    pub fn is_station(self) -> bool {
        self.0[0] & 1 == 0 && self != Self::default()
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for Mac {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parsed(text).ok_or_else(|| format!("'{text}' is not a MAC address, as 02:42:c0:a8:64:02"))
    }
}

fn parsed(text: &str) -> Option<Mac> {
    let mut bytes = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut bytes {
        let part = parts.next()?;
        let digits = (1..=2).contains(&part.len()) && !part.starts_with('+');
        *byte = u8::from_str_radix(part, 16).ok().filter(|_| digits)?;
    }
    parts.next().is_none().then_some(Mac(bytes))
}

impl TryFrom<String> for Mac {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> Self {
        mac.to_string()
    }
}

impl JsonSchema for Mac {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Mac".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A MAC address",
            "pattern": "^[0-9A-Fa-f]{1,2}(:[0-9A-Fa-f]{1,2}){5}$",
            "examples": ["02:42:c0:a8:64:02"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_comes_back_as_it_was_written() {
        let mac: Mac = "02:42:C0:a8:64:2".parse().unwrap();
        assert_eq!(mac.to_string(), "02:42:c0:a8:64:02");
        assert_eq!(mac.to_string().parse(), Ok(mac));
    }

    #[test]
    fn what_is_no_mac_is_refused() {
        for text in [
            "",
            "02:42",
            "02:42:c0:a8:64:02:01",
            "02:42:c0:a8:64:+2",
            "x",
        ] {
            text.parse::<Mac>().unwrap_err();
        }
    }

    #[test]
    fn the_vtep_of_an_address_is_one_station_and_its_own() {
        let vtep = |text: &str| Mac::of_vtep(text.parse().unwrap());
        assert_eq!(vtep("192.168.100.2").to_string(), "02:72:c0:a8:64:02");
        assert_ne!(vtep("fd00::1"), vtep("fd00::2"));
        assert!(vtep("fd00::1").is_station() && vtep("192.168.100.2").is_station());
    }
}
