//! Explicit congestion notification across a tunnel (RFC 6040).

use routemesh_common::Outcome;

const NOT_ECT: u8 = 0b00;
const ECT_1: u8 = 0b01;
const CE: u8 = 0b11;
const BITS: u8 = 0b11;

/// The outer type of service: the inner one's DSCP or `dscp`, and the inner one's ECN ("normal
/// mode", RFC 6040 §4.1).
#[must_use]
#[inline(always)]
pub(super) fn outer(inner: u8, dscp: u8) -> u8 {
    if dscp == COPY {
        inner
    } else {
        dscp | inner & BITS
    }
}

/// The DSCP that stands for "as the inner one's".
const COPY: u8 = 0xff;

/// The inner type of service as it is to be forwarded, given the outer one (RFC 6040 §4.2).
///
/// # Errors
/// [`Outcome::EcnDropped`] where congestion was marked and cannot be told.
#[inline(always)]
pub(super) fn inner(outer: u8, inner: u8) -> Result<u8, Outcome> {
    match (outer & BITS, inner & BITS) {
        (CE, NOT_ECT) => Err(Outcome::EcnDropped),
        (CE, _) => Ok(inner | CE),
        // ECT(1) on the outside may be a milder signal, which ECT(0) inside can carry.
        (ECT_1, 0b10) => Ok(inner & !BITS | ECT_1),
        _ => Ok(inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_rfc_6040_section_4_2_holds() {
        const ECT_0: u8 = 0b10;
        let rows = [
            // inner, then the outcome for an outer of Not-ECT, ECT(0), ECT(1), CE
            (NOT_ECT, [Some(NOT_ECT), Some(NOT_ECT), Some(NOT_ECT), None]),
            (ECT_0, [Some(ECT_0), Some(ECT_0), Some(ECT_1), Some(CE)]),
            (ECT_1, [Some(ECT_1), Some(ECT_1), Some(ECT_1), Some(CE)]),
            (CE, [Some(CE), Some(CE), Some(CE), Some(CE)]),
        ];
        for (arrived, wanted) in rows {
            for (outside, wanted) in [NOT_ECT, ECT_0, ECT_1, CE].into_iter().zip(wanted) {
                let dscp = 0b1010_1000;
                let got = inner(outside, dscp | arrived).ok();
                assert_eq!(
                    got,
                    wanted.map(|ecn| dscp | ecn),
                    "{outside:02b} {arrived:02b}"
                );
            }
        }
    }

    #[test]
    fn the_outer_header_has_the_inner_ecn_whatever_its_dscp() {
        assert_eq!(outer(0b1010_1011, COPY), 0b1010_1011);
        assert_eq!(outer(0b1010_1011, 0b0001_1100), 0b0001_1111);
    }
}
