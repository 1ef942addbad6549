//! The model that the datapath and the daemon are compared with: the longest prefix decides.

use std::{collections::BTreeMap, net::IpAddr};

use routemesh::model::Prefix;

/// What the table has for `dst`.
#[must_use]
pub fn longest<T>(table: &BTreeMap<Prefix, T>, dst: IpAddr) -> Option<&T> {
    let matching = table.iter().filter(|(prefix, _)| prefix.contains(dst));
    matching
        .max_by_key(|(prefix, _)| prefix.length())
        .map(|(_, target)| target)
}
