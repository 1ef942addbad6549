//! Waiting until no packet is under way that was there before.
#![expect(unsafe_code, reason = "membarrier has no wrapper")]

use std::{thread, time::Duration};

use nix::libc;

/// Where the kernel does not wait: longer than it lets a program run, on any CPU.
const LONG: Duration = Duration::from_millis(100);

/// Waits for an RCU grace period: programs that run now have ended then. Takes some 20 ms.
///
/// `MEMBARRIER_CMD_GLOBAL` is `synchronize_rcu` (`kernel/sched/membarrier.c`); the kernel refuses
/// it where CPUs are free of its tick (`nohz_full`). An update of a map of maps waits as well
/// (`maybe_wait_bpf_programs`) and is never refused; but that takes a map in the object, and in each
/// set that is pinned, which no program uses, for hosts where routes that were changed settle 80 ms
/// later than elsewhere.
pub fn grace_period() {
    const GLOBAL: libc::c_int = 1;
    // SAFETY: the command takes no pointer.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, GLOBAL, 0, 0) };
    if result != 0 {
        thread::sleep(LONG);
    }
}
