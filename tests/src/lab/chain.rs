//! Three hosts in a row, of which the one in the middle forwards.

use anyhow::{Result, ensure};

use super::{Host, Lab, Ping, Routemesh, Side, Wire, tcp_stream};

/// Bytes of a stream that shows that TCP passes.
const STREAM: u64 = 4 << 20;

/// Hosts A and B, which know of one another's containers by way of R only.
pub struct Chain {
    /// Host A, on the lab's wire: containers in `10.100.0.0/24` and `fd00:10:100::/64`.
    pub a: Side,
    /// Host B: containers in `10.200.0.0/24` and `fd00:10:200::/64`.
    pub b: Side,
    /// Host R, which has no containers.
    pub r: Host,
    /// The wire of R and B, where it is another.
    far: Option<Wire>,
    lab: Lab,
}

impl Chain {
    /// A on one wire, B on another, R on both: by `eth0` and by `eth1`.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn between_two_wires() -> Result<Self> {
        let lab = Lab::new()?;
        let far = lab.new_wire()?;
        let (a, r, b) = (lab.host("a")?, lab.host("r")?, lab.unplugged_host("b")?);
        r.plug("eth1", &far)?;
        b.plug("eth0", &far)?;
        far.accept_xdp(&r, "eth1")?;
        lab.wire().accept_xdp(&r, "eth0")?;
        Self::of_veths(lab, Some(far), [a, r, b])
    }

    /// All three on one wire.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn on_a_stick() -> Result<Self> {
        let lab = Lab::new()?;
        let hosts = [lab.host("a")?, lab.host("r")?, lab.host("b")?];
        lab.wire().accept_xdp(&hosts[1], "eth0")?;
        Self::of_veths(lab, None, hosts)
    }

    /// All three on one wire, by network interfaces of the machine in the place of veth pairs.
    ///
    /// # Errors
    /// When the machine has no such interfaces.
    pub fn of_machine(interfaces: [&str; 3]) -> Result<Self> {
        let lab = Lab::new()?;
        let host = |name: &str, interface: &str| {
            let host = lab.unplugged_host(name)?;
            host.adopt(interface, lab.wire())?;
            anyhow::Ok(host)
        };
        let [a, r, b] = interfaces;
        let hosts = [host("a", a)?, host("r", r)?, host("b", b)?];
        Self::of(lab, None, hosts)
    }

    /// The wire that A and R are on.
    #[must_use]
    pub fn wire(&self) -> &Wire {
        self.lab.wire()
    }

    /// What XDP redirects must have its checksums complete. Frames off a cable have; those of a
    /// local veth have not, unless the sender computes them itself: pings pass and TCP fails.
    fn of_veths(lab: Lab, far: Option<Wire>, hosts: [Host; 3]) -> Result<Self> {
        let chain = Self::of(lab, far, hosts)?;
        for side in [&chain.a, &chain.b] {
            side.container.offload("eth0", "tx", false)?;
        }
        Ok(chain)
    }

    fn of(lab: Lab, far: Option<Wire>, [a, r, b]: [Host; 3]) -> Result<Self> {
        let (a, b) = (Side::new(a, 100)?, Side::new(b, 200)?);
        Ok(Self { a, b, r, far, lab })
    }

    /// Starts routemesh on R, A and B, with `mode` for the uplinks of R and `of_ends` for those of
    /// the others.
    ///
    /// # Errors
    /// When a daemon does not come up.
    pub fn routemesh(&self, mode: &str, of_ends: &str) -> Result<[Routemesh; 3]> {
        let near = self.lab.wire();
        let far = self.far.as_ref().unwrap_or(near);
        let mut of_r = uplink("eth0", mode);
        if self.far.is_some() {
            of_r += &uplink("eth1", mode);
        }
        of_r += &self.a.routes(near, &self.a.host);
        of_r += &self.b.routes(far, &self.b.host);
        let start = |side: &Side, wire: &Wire, other: &Side| {
            let network = "[[network]]\ninterface = \"docker0\"\n";
            let config = uplink("eth0", of_ends) + network + &other.routes(wire, &self.r);
            Routemesh::start(&side.host, &config)
        };
        Ok([
            Routemesh::start(&self.r, &of_r)?,
            start(&self.a, near, &self.b)?,
            start(&self.b, far, &self.a)?,
        ])
    }

    /// Fails unless A's container reaches B's by way of R, in both families: with pings, also
    /// such as go in fragments, and with TCP.
    ///
    /// # Errors
    /// Just then: with what did not arrive, or came by another way.
    pub fn ensure_it_carries(&self) -> Result<()> {
        self.ensure_it_pings()?;
        let (a, b) = (&self.a.container, &self.b.container);
        for address in [b.v4(), b.v6()] {
            tcp_stream(a, b, address, STREAM)?;
        }
        Ok(())
    }

    /// The same, with pings alone.
    ///
    /// # Errors
    /// Just then: with what did not arrive, or came by another way.
    pub fn ensure_it_pings(&self) -> Result<()> {
        let (a, b) = (&self.a.container, &self.b.container);
        for address in [b.v4(), b.v6()] {
            let report = Ping::default().run(a, address)?;
            // Each host takes one from the answers' TTL.
            let answers = report.matches("ttl=61").count();
            ensure!(answers == 3, "{answers} answers came by way of R: {report}");
            Ping::of(3000).run(a, address)?;
        }
        Ok(())
    }
}

fn uplink(interface: &str, mode: &str) -> String {
    format!("[[uplink]]\ninterface = \"{interface}\"\nmode = \"{mode}\"\n")
}
