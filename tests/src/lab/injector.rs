//! Frames put onto an interface as they are.

use std::{
    os::fd::{AsRawFd, OwnedFd},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    ifaddrs::getifaddrs,
    sys::socket::{
        AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrLike as _, bind, send,
        socket,
    },
};

use super::{Node, PATIENCE};

/// How long an interface without room for a frame is left alone.
const PAUSE: Duration = Duration::from_millis(1);

/// A packet socket that sends by one interface.
pub struct Injector(OwnedFd);

impl Injector {
    /// Opens one on an interface of `node`.
    ///
    /// # Errors
    /// When there is no such interface, or the kernel refuses the socket.
    pub fn on(node: &Node, interface: &str) -> Result<Self> {
        let socket = node.enter(|| {
            let flags = SockFlag::SOCK_CLOEXEC;
            let socket = socket(AddressFamily::Packet, SockType::Raw, flags, None)
                .context("open a packet socket")?;
            bind(socket.as_raw_fd(), &link(interface)?)
                .with_context(|| format!("bind to {interface}"))?;
            Ok(socket)
        })?;
        Ok(Self(socket))
    }

    /// Sends a frame, from the Ethernet header on, as soon as the interface has room for it; tells
    /// how often it had none. (A veth tells so since Linux 6.6, and counts the frame as dropped.)
    ///
    /// # Errors
    /// When the kernel takes none of this length.
    pub fn send(&self, frame: &[u8]) -> Result<i64> {
        let step = || format!("send a frame of {} bytes", frame.len());
        let start = Instant::now();
        let mut refused = 0;
        loop {
            match send(self.0.as_raw_fd(), frame, MsgFlags::empty()) {
                Err(Errno::ENOBUFS) if start.elapsed() < PATIENCE => thread::sleep(PAUSE),
                sent => return sent.map(|_| refused).with_context(step),
            }
            refused += 1;
        }
    }
}

/// The interface as a packet socket's address.
fn link(interface: &str) -> Result<LinkAddr> {
    let addresses = getifaddrs().context("read the interfaces")?;
    addresses
        .filter(|address| address.interface_name == interface)
        .filter_map(|address| address.address)
        .find(|address| address.family() == Some(AddressFamily::Packet))
        .and_then(|address| address.as_link_addr().copied())
        .with_context(|| format!("no interface {interface}"))
}
