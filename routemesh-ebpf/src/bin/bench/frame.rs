//! A frame at XDP.
#![expect(
    unsafe_code,
    reason = "the context is reached through the kernel's pointer"
)]

use aya_ebpf::{helpers::generated::bpf_redirect, programs::XdpContext};
use routemesh_ebpf::packet::Packet;

/// A frame at XDP.
pub(crate) struct Frame(XdpContext);

impl Frame {
    #[inline(always)]
    pub(crate) fn new(ctx: XdpContext) -> Self {
        Self(ctx)
    }

    /// Sends it out of the interface it came in by.
    #[inline(always)]
    pub(crate) fn send_back(&self) -> u32 {
        // SAFETY: the context is the kernel's and outlives the program.
        let ifindex = unsafe { (*self.0.ctx).ingress_ifindex };
        // SAFETY: notes the redirect, which the kernel carries out after the program.
        unsafe { bpf_redirect(ifindex, 0) as u32 }
    }
}

// SAFETY: the kernel vouches for data..data_end, and nothing here moves the packet.
unsafe impl Packet for Frame {
    #[inline(always)]
    fn start(&self) -> usize {
        self.0.data()
    }

    #[inline(always)]
    fn end(&self) -> usize {
        self.0.data_end()
    }
}
