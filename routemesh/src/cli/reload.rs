//! `routemesh reload`.

use std::fmt::Write;

use anyhow::Result;

use super::Session;

pub(super) fn run(session: &Session) -> Result<()> {
    let reloaded = session.client.reload()?;
    let mut text = format!("{}\n", reloaded.routes);
    for setting in &reloaded.restart_needed {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{setting}: changed; takes effect at the next start");
    }
    session.output.done(&reloaded, &text)
}
