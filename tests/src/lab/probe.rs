//! Datagrams to many destinations, one each, and which nodes they come to.

use std::{
    collections::BTreeMap,
    net::{IpAddr, UdpSocket},
};

use anyhow::{Context, Result, ensure};

use super::{Node, numbered::receivers};
use crate::program::stay_on_one_cpu;

/// A node that sends, and nodes that may receive.
pub struct Probe {
    from: Node,
    sender: UdpSocket,
    receivers: Vec<Receiver>,
    port: u16,
    /// How often it was asked.
    round: u32,
}

struct Receiver {
    socket: UdpSocket,
    /// An address that leads to this node whatever else changes.
    sure: IpAddr,
}

impl Probe {
    /// Sends over IPv4 from one node to others, each with an address that leads there for certain.
    /// Each must take packets to all that is asked for as its own.
    ///
    /// # Errors
    /// When a socket fails.
    pub fn new(from: &Node, to: &[(&Node, IpAddr)]) -> Result<Self> {
        let nodes: Vec<&Node> = to.iter().map(|(node, _)| *node).collect();
        let (sockets, port) = receivers(&nodes)?;
        let sure = to.iter().map(|(_, sure)| *sure);
        let receivers = sockets.into_iter().zip(sure);
        Ok(Self {
            sender: from.enter(|| Ok(UdpSocket::bind("0.0.0.0:0")?))?,
            from: from.clone(),
            receivers: receivers
                .map(|(socket, sure)| Receiver { socket, sure })
                .collect(),
            port,
            round: 0,
        })
    }

    /// To which node, by its place among them, a datagram to each destination comes; those that
    /// come to none are left out. Nothing is waited for: what is sent first also arrives first, and
    /// the last datagrams go where they arrive for certain.
    ///
    /// # Errors
    /// When a socket fails, one comes to several nodes, or one of the last does not arrive.
    pub fn landed(&mut self, destinations: &[IpAddr]) -> Result<BTreeMap<IpAddr, usize>> {
        self.round += 1;
        let last = self.receivers.iter().map(|receiver| receiver.sure);
        let all: Vec<IpAddr> = destinations.iter().copied().chain(last).collect();
        self.from.enter(|| {
            // On another CPU a datagram would overtake those before it.
            stay_on_one_cpu()?;
            for (number, destination) in (0_u32..).zip(&all) {
                let words = [self.round.to_be_bytes(), number.to_be_bytes()];
                let sent = self
                    .sender
                    .send_to(words.as_flattened(), (*destination, self.port));
                sent.with_context(|| format!("send to {destination}"))?;
            }
            Ok(())
        })?;
        let mut landed = BTreeMap::new();
        for (place, receiver) in self.receivers.iter().enumerate() {
            for number in receiver.until(self.round, destinations.len() + place)? {
                let destination = all.get(number).context("a number that was not sent")?;
                let before = landed.insert(*destination, place);
                ensure!(before.is_none(), "{destination} came twice");
            }
        }
        Ok(landed)
    }
}

impl Receiver {
    /// The numbers of that round that came before the number `last`.
    fn until(&self, round: u32, last: usize) -> Result<Vec<usize>> {
        let (mut numbers, mut datagram) = (Vec::new(), [[0; 4]; 2]);
        loop {
            self.socket
                .recv(datagram.as_flattened_mut())
                .with_context(|| format!("{} does not answer for {numbers:?}", self.sure))?;
            let [of, number] = datagram.map(u32::from_be_bytes);
            if of != round {
                continue;
            }
            if number as usize == last {
                return Ok(numbers);
            }
            numbers.push(number as usize);
        }
    }
}
