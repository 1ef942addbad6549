//! The columns' names, by which goals know them.

pub(crate) const CABLE: &str = "bare cable";
pub(crate) const RELAY: &str = "bare mirred relay";
pub(crate) const REDIRECT: &str = "bare devmap redirect";
pub(crate) const KERNEL: &str = "kernel";
pub(crate) const IPTABLES: &str = "kernel + Docker's iptables";
pub(crate) const RULES: &str = "kernel + 1,000 rules";
pub(crate) const FLOWTABLE: &str = "kernel + nftables' flowtable";
pub(crate) const TC: &str = "routemesh tc";
/// Beside tunnels: what one that took no time would be.
pub(crate) const OPEN: &str = "routemesh tc, in the open";
pub(crate) const AUTO: &str = "routemesh auto";
pub(crate) const XDP: &str = "routemesh XDP";
pub(crate) const KERNEL_VXLAN: &str = "kernel vxlan";
pub(crate) const KERNEL_VXLAN_IPTABLES: &str = "kernel vxlan + Docker's iptables";
pub(crate) const OPEN_VSWITCH: &str = "Open vSwitch vxlan, in user space";
pub(crate) const VXLAN: &str = "routemesh vxlan";
pub(crate) const VXLAN_TC: &str = "routemesh vxlan, tc";
pub(crate) const VXLAN_XDP: &str = "routemesh vxlan, XDP";
pub(crate) const GENEVE: &str = "routemesh geneve";
pub(crate) const GRE: &str = "routemesh gre";
pub(crate) const IPIP: &str = "routemesh ipip";
pub(crate) const DAEMON: &str = "routemesh";
/// What a source of frames costs alone; it is subtracted from the others.
pub(crate) const DROPPED: &str = "dropped at the door";
