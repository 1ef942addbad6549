//! What machine this is: figures of two are not compared.

use std::{fmt, fs, thread};

use anyhow::{Context as _, Result};
use nix::sys::utsname::uname;
use serde::{Deserialize, Serialize};

/// A machine, as far as its figures depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    /// Processors that can be used at once.
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// Memory, in GiB.
    pub(crate) memory: u64,
}

impl Machine {
    /// This one.
    ///
    /// # Errors
    /// When /proc does not tell.
    pub(crate) fn this() -> Result<Self> {
        let processors = fs::read_to_string("/proc/cpuinfo").context("read /proc/cpuinfo")?;
        let memory = fs::read_to_string("/proc/meminfo").context("read /proc/meminfo")?;
        let kilobytes = field(&memory, "MemTotal").and_then(|text| text.split(' ').next());
        Ok(Self {
            processor: describe(&processors),
            cores: thread::available_parallelism()?.get(),
            kernel: uname()?.release().to_string_lossy().into_owned(),
            memory: kilobytes
                .and_then(|number| number.parse::<u64>().ok())
                .map_or(0, |number| number.div_ceil(1 << 20)),
        })
    }
}

/// Hypervisors may name nothing but the maker's family and model.
fn describe(processors: &str) -> String {
    let name = field(processors, "model name").unwrap_or("a processor without a name");
    match (field(processors, "cpu family"), field(processors, "model")) {
        (Some(family), Some(model)) => format!("{name} (family {family}, model {model})"),
        _ => name.to_owned(),
    }
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(found, _)| found.trim() == name)?;
    Some(value.trim())
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self {
            processor,
            cores,
            kernel,
            memory,
        } = self;
        write!(
            f,
            "{processor}, {cores} cores, {memory} GiB, Linux {kernel}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_named_with_its_model() {
        let text = "processor\t: 0\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\n";
        assert_eq!(describe(text), "AMD EPYC (family 26, model 2)");
        assert_eq!(describe("cpu: POWER9\n"), "a processor without a name");
    }
}
