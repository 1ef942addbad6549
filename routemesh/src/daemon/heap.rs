//! The process's heap.
#![expect(unsafe_code, reason = "malloc_trim has no wrapper")]

/// Gives what was freed back to the kernel, page by page. Loading takes megabytes that are not
/// needed again (aya takes the kernel's own types apart, whether they are wanted or not), and glibc
/// keeps them for what may be allocated next.
pub(super) fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointer, and may be called at any time by any thread (malloc_trim(3)).
    unsafe {
        nix::libc::malloc_trim(0);
    }
}
