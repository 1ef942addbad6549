//! routemesh's verbs: what cargo alone cannot do. One file a verb.

mod bench;
mod binaries;
mod build;
mod demo;
mod dist;
mod fuzz;
mod packages;
mod process;
mod release;
mod run;
mod setup;
mod soak;
mod tally;
mod test;
mod tidy;
mod variant;
mod vm;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// Builds, sets up and runs routemesh.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Verb {
    /// Find what the eBPF half needs to be built, and install what is missing
    Setup,
    /// Build the eBPF programs, then the workspace
    Build(build::Options),
    /// Build, then run the daemon in the foreground until Ctrl-C; it leaves nothing behind
    Run(run::Options),
    /// Build, then show it at work between two hosts made of network namespaces
    Demo(demo::Options),
    /// Build, then measure it beside the cable, the kernel's routing and its tunnels
    Bench(bench::Options),
    /// Make what users install: a Debian package and a tarball, with a static binary
    Dist(dist::Options),
    /// Feed hostile bytes to the datapath's core, the configuration and the socket
    Fuzz(fuzz::Options),
    /// Do random operations under traffic, and look for losses, leaks and wrong routes
    Soak(soak::Options),
    /// Run every test, or those whose name contains FILTER
    Test(test::Options),
    /// Check what the compiler does not: format, lints, layers, limits, generated docs
    Tidy(tidy::Options),
}

fn main() -> ExitCode {
    match verb(Verb::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn verb(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Setup => setup::run().map(drop)?,
        Verb::Build(options) => build::run(&options)?,
        Verb::Run(options) => run::run(&options)?,
        Verb::Demo(options) => demo::run(&options)?,
        Verb::Bench(options) => bench::run(&options)?,
        Verb::Dist(options) => dist::run(&options)?,
        Verb::Fuzz(options) => fuzz::run(&options)?,
        Verb::Soak(options) => soak::run(&options)?,
        Verb::Test(options) => return test::run(&options),
        Verb::Tidy(options) => tidy::run(&options)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Verb;

    #[test]
    fn the_command_line_is_well_formed() {
        Verb::command().debug_assert();
    }
}
