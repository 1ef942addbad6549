//! Running a loaded program on one frame, with no interface to attach it to.
//!
//! The kernel carries nothing out: a redirect is only named. What it lets a caller say of a
//! packet's arrival is checked in `net/bpf/test_run.c`, and everything else must be zero.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result};
use aya::{
    Ebpf,
    programs::{Program, ProgramError, SchedClassifier, TestRun as _, TestRunOptions, Xdp},
};
use routemesh_common::programs;

use super::{Datapath, Hook};

/// Room behind the frame for what a program puts in front of it.
const GROWTH: usize = 2048;
/// Bytes of `struct xdp_md`.
const XDP_MD: usize = 24;
/// Bytes of `struct __sk_buff`.
const SK_BUFF: usize = 192;

/// How a frame comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The interface, of the calling thread's network namespace.
    pub ifindex: u32,
    /// Payload bytes of each segment of a super-packet; 0 for other frames, and at XDP.
    pub segment: u32,
}

impl Arrival {
    /// An ordinary frame's.
    #[must_use]
    pub fn at(ifindex: u32) -> Self {
        Self {
            ifindex,
            segment: 0,
        }
    }
}

/// What a program told the kernel to do with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Leave it to what comes next, the stack at last: `TC_ACT_UNSPEC`, `XDP_PASS`.
    Pass,
    /// Drop it: `TC_ACT_SHOT`, `XDP_DROP`.
    Drop,
    /// Send it out of another interface: `TC_ACT_REDIRECT`, `XDP_REDIRECT`.
    Redirect,
    /// Send it back out of the interface it came in by: `XDP_TX`.
    Transmit,
    /// A number that routemesh's programs do not return.
    Other(u32),
}

/// What became of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// What is to be done with it.
    pub decision: Decision,
    /// Its bytes now.
    pub frame: Vec<u8>,
    /// How long the program ran.
    pub duration: Duration,
}

impl Datapath {
    /// Runs the program of `hook` on `frame`, from its Ethernet header on. It counts as any
    /// packet does.
    ///
    /// # Errors
    /// What the kernel refused to run: frames below 14 bytes or of almost a page, interfaces
    /// that do not exist.
    pub fn test_run(&self, hook: Hook, frame: &[u8], arrival: Arrival) -> Result<Run> {
        let mut out = vec![0; frame.len() + GROWTH];
        let options = |ctx_in, out| TestRunOptions {
            data_in: Some(frame),
            data_out: Some(out),
            ctx_in: Some(ctx_in),
            ..TestRunOptions::default()
        };
        let (result, decide): (_, fn(u32) -> Decision) = match hook {
            Hook::Tc => {
                let context = sk_buff(arrival);
                let program: &SchedClassifier = typed(&self.ebpf, programs::TC)?;
                (program.test_run(options(&context, &mut out)), tc_decision)
            }
            Hook::Xdp | Hook::XdpGeneric => {
                let context = xdp_md(arrival, frame.len());
                let program: &Xdp = typed(&self.ebpf, programs::XDP)?;
                (program.test_run(options(&context, &mut out)), xdp_decision)
            }
        };
        let result = result.with_context(|| {
            let length = frame.len();
            format!("run {} on a frame of {length} bytes", hook.name())
        })?;
        out.truncate(result.data_size_out as usize);
        Ok(Run {
            decision: decide(result.return_value),
            frame: out,
            duration: result.duration,
        })
    }

    /// Instructions the kernel followed to verify each program that there is, by its name; those
    /// that nothing has needed yet are loaded. None before 5.16.
    ///
    /// # Errors
    /// When the kernel refuses a program, or does not tell.
    pub fn verified_instructions(&mut self) -> Result<BTreeMap<String, Option<u32>>> {
        self.load_program(Hook::Tc)?;
        self.load_program(Hook::Xdp)?;
        for name in programs::SOCKETS {
            self.load_socket_program(name)?;
        }
        let ask = |(name, program): (&str, &Program)| {
            let info = program
                .info()
                .with_context(|| format!("ask about program {name}"))?;
            Ok((name.to_owned(), info.verified_instruction_count()))
        };
        self.ebpf.programs().map(ask).collect()
    }
}

fn typed<'a, P>(ebpf: &'a Ebpf, name: &str) -> Result<P>
where
    P: TryFrom<&'a Program, Error = ProgramError>,
{
    ebpf.program(name)
        .with_context(|| format!("the object has no program {name}"))?
        .try_into()
        .with_context(|| format!("program {name} has another type than this build expects"))
}

/// `struct __sk_buff`: `ifindex`, `gso_segs` and `gso_size` are what is said here.
fn sk_buff(arrival: Arrival) -> [u8; SK_BUFF] {
    let mut context = [0; SK_BUFF];
    write(&mut context, 40, arrival.ifindex);
    write(&mut context, 176, arrival.segment);
    context
}

/// `struct xdp_md`: `data` is 0, `data_end` the length, and `ingress_ifindex`.
fn xdp_md(arrival: Arrival, length: usize) -> [u8; XDP_MD] {
    let mut context = [0; XDP_MD];
    write(&mut context, 4, length as u32);
    write(&mut context, 12, arrival.ifindex);
    context
}

fn write(context: &mut [u8], at: usize, number: u32) {
    context[at..at + 4].copy_from_slice(&number.to_ne_bytes());
}

fn tc_decision(number: u32) -> Decision {
    match number {
        u32::MAX => Decision::Pass,
        2 => Decision::Drop,
        7 => Decision::Redirect,
        _ => Decision::Other(number),
    }
}

fn xdp_decision(number: u32) -> Decision {
    match number {
        1 => Decision::Drop,
        2 => Decision::Pass,
        3 => Decision::Transmit,
        4 => Decision::Redirect,
        _ => Decision::Other(number),
    }
}
