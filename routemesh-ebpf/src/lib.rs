//! The pure core: what happens to one packet, without maps and without helpers.
#![no_std]
