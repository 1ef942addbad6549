//! The container subnets of this host, found by the address or prefix they hold.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    net::IpAddr,
};

use super::report::Span;
use crate::model::Prefix;

/// A container subnet: which network's, and where it is written, if it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local {
    pub(super) subnet: Prefix,
    pub(super) network: usize,
    pub(super) span: Option<Span>,
}

/// Container subnets by prefix. A look-up costs one hash for each prefix length in use.
#[derive(Debug, Default)]
pub(super) struct Locals {
    by_prefix: HashMap<Prefix, Local>,
    lengths: BTreeSet<(bool, u8)>,
}

impl Locals {
    /// The subnets, and each pair of which the first is in the way of the second: equal, or
    /// one within the other and of another network.
    pub(super) fn new(mut locals: Vec<Local>) -> (Self, Vec<(Local, Local)>) {
        // Wide ones first: what holds a subnet is there before it.
        locals.sort_by_key(|local| local.subnet.length());
        let mut these = Self::default();
        let mut clashes = Vec::new();
        for local in locals {
            let wider = these
                .around(local.subnet)
                .find(|wider| wider.network != local.network || wider.subnet == local.subnet);
            if let Some(wider) = wider {
                clashes.push((wider, local));
            }
            these.insert(local);
        }
        (these, clashes)
    }

    fn insert(&mut self, local: Local) {
        let Local { subnet, .. } = local;
        self.lengths.insert((subnet.is_ipv6(), subnet.length()));
        if let Entry::Vacant(entry) = self.by_prefix.entry(subnet) {
            entry.insert(local);
        }
    }

    /// The subnets that hold all of `prefix`, itself included, widest first.
    fn around(&self, prefix: Prefix) -> impl Iterator<Item = Local> {
        self.lengths
            .range((prefix.is_ipv6(), 0)..=(prefix.is_ipv6(), prefix.length()))
            .filter_map(move |(_, length)| Prefix::around(prefix.address(), *length).ok())
            .filter_map(|around| self.by_prefix.get(&around).copied())
    }

    /// The subnet that is exactly `prefix`.
    pub(super) fn exactly(&self, prefix: Prefix) -> Option<Local> {
        self.by_prefix.get(&prefix).copied()
    }

    /// A subnet that holds `address`.
    pub(super) fn holding(&self, address: IpAddr) -> Option<Local> {
        self.around(Prefix::host(address)).next()
    }
}
