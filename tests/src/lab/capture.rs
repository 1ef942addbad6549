//! Frames as a node sees them.

use std::{
    os::fd::{AsRawFd, OwnedFd},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{
    errno::Errno,
    sys::{
        socket::{
            AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, setsockopt, socket,
            sockopt::{RcvBufForce, ReceiveTimeout},
        },
        time::{TimeVal, TimeValLike},
    },
};

use super::Node;
use crate::packet::describe;

/// Bytes held until they are looked at: some ten thousand frames.
const RECEIVE_BUFFER: usize = 64 << 20;

/// An open eye on all interfaces of a node, for frames in both directions.
pub struct Capture(OwnedFd);

impl Capture {
    /// Starts to look.
    ///
    /// # Errors
    /// When the kernel refuses the socket.
    pub fn start(node: &Node) -> Result<Self> {
        let socket = node.enter(|| {
            let socket = socket(
                AddressFamily::Packet,
                SockType::Raw,
                SockFlag::SOCK_CLOEXEC,
                SockProtocol::EthAll,
            )
            .context("open a packet socket")?;
            setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER)?;
            setsockopt(&socket, ReceiveTimeout, &TimeVal::milliseconds(50))?;
            Ok(socket)
        })?;
        Ok(Self(socket))
    }

    /// Waits for a frame that `wanted` is true of, at most for `bound`.
    ///
    /// # Errors
    /// When there is none, with those seen instead.
    pub fn wait_for(&self, bound: Duration, wanted: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>> {
        let start = Instant::now();
        let mut seen = Vec::new();
        while start.elapsed() < bound {
            match self.next(MsgFlags::empty())? {
                Some(frame) if wanted(&frame) => return Ok(frame),
                Some(frame) => seen.push(describe(&frame)),
                None => {}
            }
        }
        bail!("no such frame within {bound:?}, only\n{}", seen.join("\n"))
    }

    /// All frames that were seen and not yet read.
    ///
    /// # Errors
    /// When the socket breaks.
    pub fn drain(&self) -> Result<Vec<Vec<u8>>> {
        std::iter::from_fn(|| self.next(MsgFlags::empty()).transpose()).collect()
    }

    /// The same without waiting for more: where there is traffic, there are always more.
    ///
    /// # Errors
    /// When the socket breaks.
    pub fn so_far(&self) -> Result<Vec<Vec<u8>>> {
        std::iter::from_fn(|| self.next(MsgFlags::MSG_DONTWAIT).transpose()).collect()
    }

    /// The next frame; none when there is none for a while, or none yet where `flags` say so.
    fn next(&self, flags: MsgFlags) -> Result<Option<Vec<u8>>> {
        let mut buffer = vec![0; 1 << 16];
        match recv(self.0.as_raw_fd(), &mut buffer, flags) {
            Ok(length) => {
                buffer.truncate(length);
                Ok(Some(buffer))
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(error) => Err(error).context("read a packet socket"),
        }
    }
}
