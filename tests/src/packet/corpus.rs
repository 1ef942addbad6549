//! The named packets of `tests/packets`.

use anyhow::{Context as _, Result, bail};

include!(concat!(env!("OUT_DIR"), "/packets.rs"));

/// A packet with a name, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The file's name without `.txt`.
    pub name: &'static str,
    /// Why it is here: the comment at the top of the file.
    pub why: String,
    /// Whether a container sends it; if not, it comes off the wire.
    pub from_container: bool,
    /// Label of the outcome at tc.
    pub tc: String,
    /// Label of the outcome at XDP, or at the bridge's port.
    pub first: String,
    /// Its bytes, from the Ethernet header on.
    pub frame: Vec<u8>,
}

/// All of them, by name.
///
/// # Panics
/// When a file is not written as it should be.
#[must_use]
pub fn corpus() -> Vec<Named> {
    let named = FILES.iter().map(|(name, text)| {
        Named::read(name, text)
            .unwrap_or_else(|error| panic!("tests/packets/{name}.txt: {error:#}"))
    });
    named.collect()
}

impl Named {
    /// Whether it is a tunnel packet for this host, of which an inner one may be what is left.
    #[must_use]
    pub fn in_tunnel(&self) -> bool {
        ["vxlan", "geneve", "gre", "ipip", "sit"]
            .iter()
            .any(|tunnel| self.name.starts_with(tunnel))
    }

    /// Whether the frame ends within its IP header.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        let header = match self.frame.get(12..14) {
            Some([0x08, 0]) => 20,
            Some([0x86, 0xdd]) => 40,
            _ => 0,
        };
        self.frame.len() < 14 + header
    }

    /// Reads a file: comment lines, `tc: LABEL`, then `xdp: LABEL` for a packet off the wire or
    /// `port: LABEL` for one of a container, and bytes in hex behind their offset.
    fn read(name: &'static str, text: &str) -> Result<Self> {
        let mut named = Self {
            name,
            why: String::new(),
            from_container: false,
            tc: String::new(),
            first: String::new(),
            frame: Vec::new(),
        };
        for line in text.lines() {
            named.line(line).with_context(|| format!("line {line:?}"))?;
        }
        if named.why.is_empty() || named.tc.is_empty() || named.first.is_empty() {
            bail!("it must have a comment, `tc:`, and `xdp:` or `port:`");
        }
        Ok(named)
    }

    fn line(&mut self, line: &str) -> Result<()> {
        if let Some(comment) = line.strip_prefix("# ") {
            self.why = format!("{} {comment}", self.why).trim().to_owned();
        } else if let Some((hook, label)) = line.split_once(": ") {
            match hook {
                "tc" => label.clone_into(&mut self.tc),
                "xdp" | "port" => {
                    self.from_container = hook == "port";
                    label.clone_into(&mut self.first);
                }
                other => bail!("no hook is named {other}"),
            }
        } else if let Some((offset, bytes)) = line.split_once("  ") {
            if usize::from_str_radix(offset, 16)? != self.frame.len() {
                bail!("{:04x} bytes stand before it", self.frame.len());
            }
            for byte in bytes.split(' ') {
                self.frame.push(u8::from_str_radix(byte, 16)?);
            }
        } else if !line.is_empty() {
            bail!("neither a comment, nor an outcome, nor bytes");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read() {
        let text = "# Two\n# lines.\ntc: routed\nport: handed_up\n\n0000  01 02\n0002  ff\n";
        let named = Named::read("x", text).unwrap();
        assert_eq!(
            (named.why.as_str(), named.from_container),
            ("Two lines.", true)
        );
        assert_eq!(
            (named.tc.as_str(), named.first.as_str()),
            ("routed", "handed_up")
        );
        assert_eq!(named.frame, [1, 2, 0xff]);
    }

    #[test]
    fn a_file_that_is_no_packet_is_refused() {
        let good = "# Why.\ntc: routed\nxdp: routed\n0000  01";
        for (from, to) in [
            ("# Why.", ""),
            ("tc: ", "tcx: "),
            ("xdp: routed", ""),
            ("0000  ", "0001  "),
            ("01", "0x"),
            ("01", "01 "),
            ("# Why.", "Why."),
        ] {
            assert!(
                Named::read("x", &good.replacen(from, to, 1)).is_err(),
                "{from} {to}"
            );
        }
        assert!(Named::read("x", good).is_ok());
    }
}
