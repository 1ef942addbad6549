//! Networks: each route may have a VNI and a key of its own, and what comes from there must have
//! them.

use routemesh_common::{NetworkId, NetworkUse, NextHop, Outcome};
use routemesh_tests::{
    packet::{HOST_A_MAC, HOST_B_MAC, Packet, Tunnel},
    program::{
        FAMILIES, Rig, Roles, V4, in_rig,
        tunnels::{GENEVE, KEY, VNI, VXLAN, Way, change, fill, settings, ways},
    },
};

use super::{
    pop::delivered,
    refuse::{inner, opened},
    row::{Row, run_all},
};

/// Of the routes of another network.
const OTHER_VNI: u32 = 0x00ff_0001;
const OTHER_KEY: u32 = 0x00ff_0002;
/// Of no route.
const NO_VNI: u32 = 0x00ff_0003;

/// Makes the way's network the other one, as the daemon does.
fn move_to_other_network(rig: &mut Rig, way: Way) {
    change(rig, way, |hop: &mut NextHop| {
        hop.vni = OTHER_VNI;
        hop.keyed = 1;
        hop.gre_key = OTHER_KEY;
    });
    for id in [NetworkId::vni(OTHER_VNI), NetworkId::gre(1, OTHER_KEY)] {
        rig.datapath.set_network(id, NetworkUse::ROUTED).unwrap();
    }
}

/// The kind of tunnel, in the networks with those numbers.
fn of_network(tunnel: Tunnel, vni: u32, key: u32) -> Tunnel {
    match tunnel {
        Tunnel::Ipip => tunnel,
        Tunnel::Gre(_) => Tunnel::Gre(Some(key)),
        Tunnel::GreEthernet(_) => Tunnel::GreEthernet(Some(key)),
        Tunnel::Vxlan { port, .. } => Tunnel::Vxlan { port, vni },
        Tunnel::Geneve { port, options, .. } => Tunnel::Geneve { port, vni, options },
    }
}

/// The peer's packet around `packet`.
fn arriving(outer: Roles, tunnel: Tunnel, packet: &Packet) -> Vec<u8> {
    let arriving = tunnel.around(&packet.build(), outer.neighbour(), outer.host());
    arriving.macs(HOST_B_MAC, HOST_A_MAC).build()
}

/// A packet from the containers behind `way`, in a tunnel.
fn row(what: &str, way: Way, tunnel: Tunnel, roles: Roles) -> Row {
    let what = format!("{what}: {roles:?} in {tunnel:?} from behind {way:?}");
    Row::new(what, arriving(way.outer, tunnel, &inner(way, roles)))
}

fn refused(what: &str, way: Way, tunnel: Tunnel, roles: Roles) -> Row {
    row(what, way, tunnel, roles).refused(Outcome::WrongNetwork)
}

/// To this host's container.
fn taken(what: &str, way: Way, tunnel: Tunnel, roles: Roles) -> Row {
    taken_packet(what, (way.outer, tunnel), roles, &inner(way, roles))
}

fn taken_packet(
    what: &str,
    (outer, tunnel): (Roles, Tunnel),
    roles: Roles,
    packet: &Packet,
) -> Row {
    let stripped = opened(packet);
    let what = format!("{what}: {roles:?} in {tunnel:?} over {outer:?}");
    let bytes = stripped.len() - 14;
    delivered(
        what,
        arriving(outer, tunnel, packet),
        roles,
        &stripped,
        bytes,
    )
}

#[test]
fn what_comes_from_a_route_s_subnet_must_be_of_the_route_s_network() {
    in_rig(|rig| {
        fill(rig);
        settings(rig, true);
        let mut rows = Vec::new();
        for outer in FAMILIES {
            let (near, far) = (Way::new(VXLAN, outer), Way::new(GENEVE, outer));
            move_to_other_network(rig, far);
            for way in ways().filter(|way| way.outer == outer && way.tunnel != Tunnel::Ipip) {
                for roles in FAMILIES {
                    let ours = of_network(way.tunnel, VNI, KEY);
                    let others = of_network(way.tunnel, OTHER_VNI, OTHER_KEY);
                    rows.push(refused("this network's", far, ours, roles));
                    rows.push(taken("its own", far, others, roles));
                    rows.push(refused("another's", near, others, roles));
                }
            }
            // It does not say which network it is of.
            rows.push(taken("no network", far, Tunnel::Ipip, V4));
        }
        run_all(rig, &rows);
    });
}

#[test]
fn a_network_of_no_route_is_left_to_the_stack_until_it_is_accepted() {
    in_rig(|rig| {
        fill(rig);
        for outer in FAMILIES {
            let way = Way::new(VXLAN, outer);
            let tunnel = of_network(way.tunnel, NO_VNI, KEY);
            run_all(
                rig,
                &[row("of no route", way, tunnel, V4).passed(Outcome::ForeignTunnel)],
            );
            let id = NetworkId::vni(NO_VNI);
            rig.datapath.set_network(id, NetworkUse::ANY).unwrap();
            run_all(rig, &[taken("accepted", way, tunnel, V4)]);
            rig.datapath.remove_network(id).unwrap();
            run_all(
                rig,
                &[row("no more", way, tunnel, V4).passed(Outcome::ForeignTunnel)],
            );
        }
    });
}

#[test]
fn a_network_that_any_peer_may_use_does_for_every_route() {
    in_rig(|rig| {
        fill(rig);
        let (near, far) = (Way::new(VXLAN, V4), Way::new(GENEVE, V4));
        move_to_other_network(rig, far);
        for id in [NetworkId::vni(VNI), NetworkId::vni(OTHER_VNI)] {
            rig.datapath.set_network(id, NetworkUse::ANY).unwrap();
        }
        let old = of_network(VXLAN, VNI, KEY);
        let new = of_network(VXLAN, OTHER_VNI, OTHER_KEY);
        run_all(
            rig,
            &[
                taken("the new one for the old", near, new, V4),
                taken("the old one for the new", far, old, V4),
            ],
        );
    });
}

#[test]
fn a_peer_itself_may_be_of_any_network_there_is() {
    in_rig(|rig| {
        fill(rig);
        let far = Way::new(GENEVE, V4);
        move_to_other_network(rig, far);
        let rows = [VNI, OTHER_VNI].map(|vni| {
            let packet = inner(far, V4).from(V4.neighbour());
            taken_packet("itself", (V4, of_network(VXLAN, vni, KEY)), V4, &packet)
        });
        run_all(rig, &rows);
    });
}
