//! Packet tables of tunnels, byte for byte, through the real programs in the real kernel: what
//! is pushed, what is popped, and what is refused. What is expected is built from the RFCs.

mod decode;
mod inside;
mod mss;
mod network;
mod pop;
mod push;
mod refuse;
mod row;
mod udp_checksum;
