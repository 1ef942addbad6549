//! Ctrl-C: noted, so that what is going on ends early and everything is taken down.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
};

static CAME: AtomicBool = AtomicBool::new(false);

/// Notes SIGINT, SIGTERM and SIGHUP from now on, instead of ending by them.
///
/// # Errors
/// When the kernel refuses.
pub fn listen() -> Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("listen for signals")?;
    let entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    drop(entered);
    thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                CAME.store(true, Ordering::Relaxed);
            }
        });
    });
    Ok(())
}

/// Whether one of them came.
#[must_use]
pub fn came() -> bool {
    CAME.load(Ordering::Relaxed)
}

/// Fails when one of them came.
///
/// # Errors
/// Just then.
pub fn check() -> Result<()> {
    ensure!(!came(), "interrupted");
    Ok(())
}
