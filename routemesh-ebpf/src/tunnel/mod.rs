//! Tunnels: outer IP header × shim, put around a packet and taken off again.
//!
//! A sum, not a product: two writers of outer headers and one for each shim. The packet keeps an
//! Ethernet header in front; between it and the inner IP header lies the [`Room`].

mod ecn;
mod entropy;
mod mss;
mod pop;
mod push;
mod sum;
#[cfg(test)]
mod tests;

use routemesh_common::{Family, Shim};

use crate::wire::{ETH_LEN, EtherType, IpProto, ip_length};

pub use entropy::source_port;
pub use mss::{clamp, opens};
pub use pop::{Arrival, arrival, resembles, strip};
pub use push::push;

/// Bytes between the Ethernet header and the inner IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Family of the outer IP header.
    pub outer: Family,
    /// What follows the outer IP header.
    pub proto: IpProto,
    /// Whether the last 14 bytes are the inner frame's Ethernet header.
    pub ethernet: bool,
    /// Bytes behind the outer IP header.
    pub shim: u32,
}

impl Room {
    /// The room that `shim` takes.
    #[must_use]
    #[inline(always)]
    pub fn of(shim: Shim, keyed: bool, outer: Family, inner: Family) -> Self {
        let (proto, ethernet) = match shim {
            Shim::VXLAN | Shim::GENEVE => (IpProto::UDP, true),
            Shim::GRE_ETHERNET => (IpProto::GRE, true),
            Shim::GRE => (IpProto::GRE, false),
            _ if inner == Family::V4 => (IpProto::IPV4, false),
            _ => (IpProto::IPV6, false),
        };
        Self {
            outer,
            proto,
            ethernet,
            shim: shim.length(keyed),
        }
    }

    /// Where the shim begins in the frame, in bytes.
    #[must_use]
    #[inline(always)]
    pub fn shim_at(self) -> usize {
        ETH_LEN + ip_length(self.outer)
    }

    /// Bytes in all.
    #[must_use]
    #[inline(always)]
    pub fn length(self) -> u32 {
        ip_length(self.outer) as u32 + self.shim
    }
}

/// What says on Ethernet that a packet is of that family.
#[inline(always)]
fn ether_type(family: Family) -> EtherType {
    if family == Family::V4 {
        EtherType::IPV4
    } else {
        EtherType::IPV6
    }
}
