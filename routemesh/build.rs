//! Puts the object with the kernel programs where the daemon embeds it from: `OUT_DIR/datapath.o`.

fn main() {
    if let Err(error) = bpf_build::embed(bpf_build::DATAPATH) {
        println!("cargo::error={error:#}");
    }
}
