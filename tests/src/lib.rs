//! The lab routemesh is tested, shown and measured in, and the packets it is fed.

pub mod lab;
pub mod packet;
