//! The programs, and the one place where an outcome becomes a verdict.
#![expect(
    unsafe_code,
    reason = "the section and symbol names are the loader's contract"
)]

use aya_ebpf::{
    bindings::{TC_ACT_SHOT, TC_ACT_UNSPEC, xdp_action},
    macros::{classifier, xdp},
    programs::{TcContext, XdpContext},
};
use routemesh_common::{Interface, Outcome, Verdict};
use routemesh_ebpf::{packet::Packet, wire::ETH_LEN};

use crate::{
    count,
    ctx::{Tc, Xdp},
    maps, pipeline,
};

/// tc ingress of uplinks, container networks and their bridge ports.
#[classifier]
pub(crate) fn rm_tc(ctx: TcContext) -> i32 {
    let mut tc = Tc::new(ctx);
    let bytes = payload(tc.length() as usize);
    let Some(interface) = maps::interface(tc.ifindex()) else {
        count::outcome(0, Outcome::UnknownInterface, bytes);
        return TC_ACT_UNSPEC;
    };
    tc.pull_headers();
    let (outcome, action) = match pipeline::tc(&mut tc, interface) {
        Ok(sent) => (sent.outcome, sent.action as i32),
        Err(outcome) => (on_port(interface, outcome), tc_verdict(outcome)),
    };
    if outcome == Outcome::HelperFailed {
        tc.log_failure();
    }
    count::outcome(interface.row, outcome, bytes);
    action
}

/// XDP of uplinks.
#[xdp]
pub(crate) fn rm_xdp(ctx: XdpContext) -> u32 {
    let mut xdp = Xdp::new(ctx);
    let bytes = payload(xdp.end() - xdp.start());
    let Some(interface) = maps::interface(xdp.ifindex()) else {
        count::outcome(1, Outcome::UnknownInterface, bytes);
        return xdp_action::XDP_PASS;
    };
    let (outcome, action) = match pipeline::xdp(&mut xdp, interface) {
        Ok(sent) => (sent.outcome, sent.action),
        Err(outcome) => match outcome.verdict() {
            Verdict::Drop => (outcome, xdp_action::XDP_DROP),
            Verdict::Forward | Verdict::Pass | Verdict::Reply => {
                (Outcome::HandedUp, xdp_action::XDP_PASS)
            }
        },
    };
    count::outcome(interface.row + 1, outcome, bytes);
    action
}

/// What is counted of a frame: neither hook sees one without an Ethernet header.
#[inline(always)]
fn payload(frame_length: usize) -> u64 {
    frame_length.wrapping_sub(ETH_LEN) as u64
}

/// What is passed goes on to the programs and filters behind ours, which `TC_ACT_OK` would skip.
#[inline(always)]
fn tc_verdict(outcome: Outcome) -> i32 {
    match outcome.verdict() {
        Verdict::Drop => TC_ACT_SHOT,
        Verdict::Forward | Verdict::Pass | Verdict::Reply => TC_ACT_UNSPEC,
    }
}

/// What a bridge port passes on, the bridge's own hook sees again; unless it is switched.
#[inline(always)]
fn on_port(interface: &Interface, outcome: Outcome) -> Outcome {
    match outcome.verdict() {
        Verdict::Pass if interface.port == 1 && outcome != Outcome::OtherStation => {
            Outcome::HandedUp
        }
        Verdict::Forward | Verdict::Pass | Verdict::Reply | Verdict::Drop => outcome,
    }
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
