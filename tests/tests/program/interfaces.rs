//! What the programs know of the interface a packet came in by.

use std::process::Command;

use routemesh::{
    datapath::{Arrival, Decision, Hook, probe::tcx_programs},
    netlink::devices::{ingress_filters, xdp_programs},
};
use routemesh_common::{INTERFACE_SLOTS, Interface};
use routemesh_tests::{
    packet::HOST_A_MAC,
    program::{Place, Rig, V4, in_rig},
};

use super::transit;

/// MAC of the other interface.
const OTHER_MAC: [u8; 6] = [0x02, 0, 0, 0xe0, 0xa, 9];

/// What becomes of a packet that is addressed to a station, at an interface.
fn decided(rig: &Rig, ifindex: u32, station: [u8; 6]) -> Decision {
    let packet = transit(V4, V4.specific()).macs([0x02, 0, 0, 0, 0, 1], station);
    let run = rig
        .datapath
        .test_run(Hook::Tc, &packet.build(), Arrival::at(ifindex));
    run.expect("run the program").decision
}

#[test]
fn interfaces_whose_indices_share_a_slot_are_told_apart() {
    in_rig(|rig| {
        let uplink = Place::Uplink.ifindex();
        let other = uplink + INTERFACE_SLOTS;
        for (number, index) in [other, other + INTERFACE_SLOTS].into_iter().enumerate() {
            let line = format!("ip link add other{number} index {index} up type bridge");
            let words: Vec<_> = line.split(' ').collect();
            let status = Command::new(words[0]).args(&words[1..]).status();
            assert!(status.expect("run ip").success(), "{line}");
        }
        assert_eq!(decided(rig, other, OTHER_MAC), Decision::Pass);
        let described = Interface {
            mac: OTHER_MAC,
            row: 10,
            ifindex: other,
            mtu: 1500,
            ..Interface::default()
        };
        rig.datapath.set_interface(described).unwrap();
        assert_eq!(decided(rig, other, OTHER_MAC), Decision::Redirect);
        assert_eq!(decided(rig, other, HOST_A_MAC), Decision::Pass);
        assert_eq!(decided(rig, uplink, HOST_A_MAC), Decision::Redirect);
        let third = other + INTERFACE_SLOTS;
        assert_eq!(decided(rig, third, OTHER_MAC), Decision::Pass);

        rig.datapath.remove_interface(uplink).unwrap();
        assert_eq!(decided(rig, uplink, HOST_A_MAC), Decision::Pass);
        assert_eq!(decided(rig, other, OTHER_MAC), Decision::Redirect);
        rig.datapath.remove_interface(other).unwrap();
        assert_eq!(decided(rig, other, OTHER_MAC), Decision::Pass);
    });
}

/// Programs, by links and filters, of an interface.
fn programs_of(ifindex: u32, name: &str) -> usize {
    let with_xdp = xdp_programs().expect("ask for XDP programs");
    let xdp = with_xdp.iter().filter(|(index, _)| *index == ifindex);
    tcx_programs(name).expect("ask for tc programs").len()
        + ingress_filters(ifindex).expect("ask for filters").len()
        + xdp.count()
}

#[test]
fn what_is_detached_is_off_the_interface_at_once() {
    in_rig(|rig| {
        let (ifindex, name) = (Place::Uplink.ifindex(), "eth0");
        for hook in Hook::ALL {
            rig.datapath.attach(hook, ifindex, name).unwrap();
            assert_eq!(programs_of(ifindex, name), 1, "{hook:?}");
            rig.datapath.detach(hook, ifindex).unwrap();
            assert_eq!(programs_of(ifindex, name), 0, "{hook:?}");
            rig.datapath.detach(hook, ifindex).unwrap();
        }
    });
}
