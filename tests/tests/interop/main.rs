//! Tunnels with other ends that nobody here wrote: devices of the kernel's, and Open vSwitch.

mod bytes;
mod devices;
mod openvswitch;
mod tunnel;
mod vxlan;

use routemesh_tests::lab::{PATIENCE, Pair, Ping, Segments, eventually, tcp_stream};

use self::tunnel::Tunnel;

/// Bytes of each stream: many super-packets, and not minutes where processors are emulated.
const STREAM: u64 = 2 << 20;

/// Tests of tunnels, each in a module of its name: what goes through them, and what it looks like.
macro_rules! interoperates {
    ($($name:ident: $tunnel:expr;)+) => {
        crate::interoperates! { #[doc = "On every kernel."] $($name: $tunnel;)+ }
    };
    (#[$attribute:meta] $($name:ident: $tunnel:expr;)+) => {$(
        mod $name {
            use super::*;

            #[test]
            #[$attribute]
            fn carries_both_ways() {
                crate::carries_both_ways(&$tunnel);
            }

            #[test]
            #[$attribute]
            fn gets_from_us_byte_for_byte_what_it_sends_itself() {
                crate::bytes::pushes_alike(&$tunnel);
            }

            #[test]
            #[$attribute]
            fn is_taken_off_byte_for_byte_as_it_does_itself() {
                crate::bytes::pops_alike(&$tunnel);
            }
        }
    )+};
}
use interoperates;

/// Pings and streams, of either family and from either side, with whole super-packets where the
/// other end can take them, and with segments.
fn carries_both_ways(tunnel: &Tunnel) {
    for segments in [Segments::None, Segments::ByContainer] {
        println!("{segments:?}");
        let pair = Pair::new().unwrap();
        if tunnel.reads_memory() {
            pair.a.segment(Segments::ByUplink).unwrap();
        }
        for side in [&pair.a, &pair.b] {
            side.segment(segments).unwrap();
        }
        let a = tunnel.routemesh(&pair.a, &pair.b);
        let _b = tunnel.other_end(&pair, &pair.b, &pair.a);
        for (from, to) in [(&pair.a, &pair.b), (&pair.b, &pair.a)] {
            for address in [to.container.v4(), to.container.v6()] {
                eventually("a ping through the tunnel", PATIENCE, || {
                    Ping::default().run(&from.container, address)
                })
                .unwrap();
                let transfer = tcp_stream(&from.container, &to.container, address, STREAM).unwrap();
                println!("  {address}: {:.2} Gbit/s", transfer.gbit_per_second());
            }
        }
        assert!(a.ended("encapsulated").unwrap() > 100);
        assert_eq!(a.ended("routed").unwrap(), 0);
    }
}
