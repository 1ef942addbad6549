//! Frames in a file that `tcpdump` and Wireshark read.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// `LINKTYPE_ETHERNET`.
const ETHERNET: u32 = 1;

/// Writes the frames to `target/frames/NAME.pcap` and returns the path. `name` may be a sentence.
pub(super) fn write(name: &str, frames: &[&[u8]]) -> Result<PathBuf> {
    let binary = env::current_exe().context("find the target directory")?;
    // TARGET/PROFILE/deps/BINARY
    let target = binary.ancestors().nth(3).unwrap_or(Path::new("."));
    let directory = target.join("frames");
    fs::create_dir_all(&directory).with_context(|| format!("make {}", directory.display()))?;
    let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let path = directory.join(name).with_extension("pcap");
    fs::write(&path, pcap(frames)).with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

/// The file format of libpcap, version 2.4; frames a second apart, so that they stay in order.
fn pcap(frames: &[&[u8]]) -> Vec<u8> {
    let header = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 0x0004_0000, ETHERNET];
    let mut file: Vec<u8> = header.map(u32::to_le_bytes).concat();
    for (second, frame) in (0..).zip(frames) {
        let length = frame.len() as u32;
        file.extend([second, 0, length, length].map(u32::to_le_bytes).concat());
        file.extend(*frame);
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_header_and_one_for_each_frame() {
        let file = pcap(&[&[1, 2, 3], &[4]]);
        assert_eq!(file.len(), 24 + 16 + 3 + 16 + 1);
        assert_eq!(file[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
        assert_eq!(file[24 + 16..24 + 16 + 3], [1, 2, 3]);
    }
}
