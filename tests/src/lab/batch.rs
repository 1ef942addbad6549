//! Datagrams with numbers in them, of which the kernel takes and gives many in one call.

use std::{
    io::{IoSlice, IoSliceMut},
    net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket},
    ops::Range,
    os::fd::AsRawFd as _,
};

use anyhow::{Context as _, Result, bail};
use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, MultiHeaders, SockaddrIn6, recvmmsg, sendmmsg},
};

/// Datagrams of one call, at most.
pub(super) const BATCH: usize = 64;
/// Bytes of each datagram.
pub(super) const SIZE: usize = 64;

type Datagram = [u8; SIZE];

/// Where numbers are sent from.
pub(super) struct Sender {
    socket: UdpSocket,
    targets: Vec<SockaddrIn6>,
    headers: MultiHeaders<SockaddrIn6>,
}

impl Sender {
    /// To each of these in turn, by number.
    ///
    /// # Errors
    /// When the kernel has no socket for it.
    pub(super) fn to(targets: &[SocketAddr]) -> Result<Self> {
        Ok(Self {
            socket: UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?,
            targets: targets.iter().copied().map(mapped).collect(),
            headers: MultiHeaders::preallocate(BATCH, None),
        })
    }

    /// Sends these numbers, no more than [`BATCH`], in this order; tells how many of them the kernel
    /// took.
    ///
    /// # Errors
    /// When it takes none.
    pub(super) fn send(&mut self, numbers: Range<u64>) -> Result<u64> {
        let datagrams: Vec<Datagram> = numbers.clone().map(datagram).collect();
        let contents: Vec<_> = datagrams
            .iter()
            .map(|bytes| [IoSlice::new(bytes)])
            .collect();
        let first = (numbers.start % self.targets.len() as u64) as usize;
        let targets = self.targets.iter().copied().cycle().skip(first);
        let targets: Vec<_> = targets.take(contents.len()).map(Some).collect();
        let (socket, flags) = (self.socket.as_raw_fd(), MsgFlags::empty());
        let sent = sendmmsg(socket, &mut self.headers, &contents, targets, [], flags);
        Ok(sent.context("send")?.count() as u64)
    }
}

/// Where numbers are received.
pub(super) struct Receiver<'a> {
    socket: &'a UdpSocket,
    datagrams: Vec<Datagram>,
    headers: MultiHeaders<()>,
}

impl<'a> Receiver<'a> {
    pub(super) fn on(socket: &'a UdpSocket) -> Self {
        Self {
            socket,
            datagrams: vec![[0; SIZE]; BATCH],
            headers: MultiHeaders::preallocate(BATCH, None),
        }
    }

    /// The numbers that have arrived, in their order; waits for the first as long as the socket does,
    /// and returns none when that has been too long.
    ///
    /// # Errors
    /// When the socket breaks.
    pub(super) fn receive(&mut self) -> Result<Vec<u64>> {
        let mut buffers: Vec<_> = self
            .datagrams
            .iter_mut()
            .map(|bytes| [IoSliceMut::new(bytes)])
            .collect();
        let (socket, flags) = (self.socket.as_raw_fd(), MsgFlags::MSG_WAITFORONE);
        let received = match recvmmsg(socket, &mut self.headers, &mut buffers, flags, None) {
            Ok(received) => received.count(),
            Err(Errno::EAGAIN | Errno::EINTR) => 0,
            Err(error) => bail!("receive: {error}"),
        };
        Ok(self.datagrams[..received].iter().map(number).collect())
    }
}

fn datagram(number: u64) -> Datagram {
    let mut datagram = [0; SIZE];
    datagram[..8].copy_from_slice(&number.to_be_bytes());
    datagram
}

fn number(datagram: &Datagram) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *datagram;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// As a socket for both families has it.
fn mapped(target: SocketAddr) -> SockaddrIn6 {
    let address = match target.ip() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    SocketAddrV6::new(address, target.port(), 0, 0).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_to_each_target_in_turn_whatever_call_sends_them() {
        let sockets = ["127.0.0.1:0", "[::1]:0"].map(|address| UdpSocket::bind(address).unwrap());
        let targets = sockets
            .each_ref()
            .map(|socket| socket.local_addr().unwrap());
        let mut sender = Sender::to(&targets).unwrap();
        for numbers in [0..3, 3..4, 4..10] {
            let all = numbers.end - numbers.start;
            assert_eq!(sender.send(numbers).unwrap(), all);
        }
        let arrived = sockets.each_ref().map(|socket| {
            let mut receiver = Receiver::on(socket);
            let numbers = std::iter::repeat_with(|| receiver.receive().unwrap());
            numbers.flatten().take(5).collect::<Vec<_>>()
        });
        assert_eq!(arrived, [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]);
    }
}
