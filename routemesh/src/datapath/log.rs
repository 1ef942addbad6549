//! What the kernel programs have to say: rare, and off unless asked for.
#![expect(unsafe_code, reason = "tokio wants a promise about the descriptor")]

use std::io;

use anyhow::{Context as _, Result};
use aya::Ebpf;
use aya_log::EbpfLogger;
use tokio::io::{Interest, unix::AsyncFd};

/// The level the programs log at when asked to; `aya_log::Level::Warn`.
pub(super) const ON: u8 = aya_log::Level::Warn as u8;
/// The verifier then removes the logging from the programs.
pub(super) const OFF: u8 = 0;

/// The programs' messages, on their way to this process's own log.
pub struct KernelLog(AsyncFd<EbpfLogger<&'static dyn log::Log>>);

impl KernelLog {
    /// Wants a tokio runtime around it.
    pub(super) fn open(ebpf: &mut Ebpf) -> Result<Self> {
        let logger = EbpfLogger::init(ebpf).context("open the kernel programs' log")?;
        // SAFETY: the logger owns its ring buffer's descriptor, the same one for as long as it
        // lives, and lives in the AsyncFd.
        let registered = unsafe { AsyncFd::register_with_interest(logger, Interest::READABLE) };
        let registered = registered.map_err(io::Error::from);
        registered
            .map(Self)
            .context("follow the kernel programs' log")
    }

    /// Hands messages on until dropped.
    pub async fn run(mut self) {
        while let Ok(mut ready) = self.0.readable_mut().await {
            ready.get_inner_mut().flush();
            ready.clear_ready();
        }
    }
}
