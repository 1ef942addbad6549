//! What is sent from container to container, and what it costs the machine.

use std::time::Duration;

use anyhow::{Result, ensure};
use routemesh_tests::lab::{tcp_flows, tcp_streams, udp_for};

use crate::{
    background::Background,
    contest::Contender,
    way::{SUPER_PACKET, Way},
};

/// Bytes that are compared after each measurement of streams.
const COMPARED: u64 = 2 << 20;

/// An address family.
#[derive(Clone, Copy)]
pub(crate) enum Family {
    V4,
    V6,
}

/// What is sent.
#[derive(Clone, Copy)]
pub(crate) enum Load {
    /// So many TCP streams at once: Gbit/s, and milliseconds of processor time per Gbit.
    Streams(usize, Family),
    /// UDP datagrams of 64 bytes: thousands a second that the socket got, and milliseconds of
    /// processor time for a million of them.
    Datagrams(Family),
}

impl Load {
    /// The contender that sends it over a way.
    pub(crate) fn over<'a>(self, way: &'a Way, background: &'a Background) -> Contender<'a> {
        Contender::new(way.name, move |time| {
            let before = way.passed()?;
            // To read counters takes a program, in some ways: that is not to be charged.
            let (rate, seconds) = background.beyond(|| self.send(way, time))?;
            let compared = self.compare(way)?;
            way.expect(before, rate.packets + compared)?;
            Ok(vec![rate.figure, 1e3 * seconds / rate.amount])
        })
    }

    /// Sees that what goes by the way as the measurement just did arrives unchanged; returns how many
    /// packets that was at least. Datagrams are compared as they are counted; to hash a stream
    /// takes longer than to carry it.
    fn compare(self, way: &Way) -> Result<u64> {
        let Self::Streams(flows, family) = self else {
            return Ok(0);
        };
        let (from, to, addresses) = way.ends();
        let each = COMPARED / flows as u64;
        let done = tcp_streams(from, to, family.of(addresses), (flows, each))?;
        Ok(done.bytes / SUPER_PACKET)
    }

    fn send(self, way: &Way, time: Duration) -> Result<Rate> {
        let (from, to, addresses) = way.ends();
        match self {
            Self::Streams(flows, family) => {
                let done = tcp_flows(from, to, family.of(addresses), (flows, time))?;
                Ok(Rate {
                    figure: done.gbit_per_second(),
                    amount: done.bytes as f64 * 8.0 / 1e9,
                    packets: done.bytes / SUPER_PACKET,
                })
            }
            Self::Datagrams(family) => {
                let each_second = udp_for(from, to, family.of(addresses), time)?;
                let arrived = each_second * time.as_secs_f64();
                ensure!(arrived > 0.0, "no datagram arrived");
                Ok(Rate {
                    figure: each_second / 1e3,
                    amount: arrived / 1e6,
                    packets: arrived as u64,
                })
            }
        }
    }
}

impl Family {
    /// That of the two which is this one's.
    pub(crate) fn of<T>(self, [v4, v6]: [T; 2]) -> T {
        match self {
            Self::V4 => v4,
            Self::V6 => v6,
        }
    }
}

/// How fast it went.
struct Rate {
    figure: f64,
    /// What the cost is divided by: Gbit, or millions of packets.
    amount: f64,
    /// Packets that it was at least.
    packets: u64,
}
