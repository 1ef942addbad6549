//! The lab routemesh is tested, shown and measured in, the packets it is fed, and the programs alone.

pub mod chance;
pub mod interrupt;
pub mod lab;
pub mod longest;
pub mod packet;
pub mod program;
