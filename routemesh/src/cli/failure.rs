//! Exit codes.

use anyhow::Error;

use crate::{
    api::{ClientError, ErrorKind},
    config::Report,
};

/// The words on the command line, or a file named there, make no sense. Exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(
    /// What is wrong, and what would be right.
    pub String,
);

/// The number the shell sees: 1 failed, 2 usage or bad configuration, 3 daemon not reachable,
/// 4 not found, 5 not permitted.
#[must_use]
pub fn exit_code(error: &Error) -> u8 {
    error.chain().find_map(code_of).unwrap_or(1)
}

fn code_of(error: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if error.is::<Usage>() || error.is::<Report>() {
        return Some(2);
    }
    error.downcast_ref().map(|error| match error {
        ClientError::Unreachable { .. } => 3,
        ClientError::NotPermitted { .. } => 5,
        ClientError::Garbled { .. } => 1,
        ClientError::Refused(error) => match error.kind {
            ErrorKind::Invalid => 2,
            ErrorKind::NotFound => 4,
            ErrorKind::NotPermitted => 5,
            ErrorKind::Exists | ErrorKind::Failed => 1,
        },
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;
    use crate::api;

    #[test]
    fn the_code_is_found_under_any_context() {
        let refused = |kind| {
            let error = ClientError::Refused(api::Error::new(kind, "no"));
            exit_code(&Err::<(), _>(error).context("line 3").unwrap_err())
        };
        assert_eq!(refused(ErrorKind::NotFound), 4);
        assert_eq!(refused(ErrorKind::NotPermitted), 5);
        assert_eq!(refused(ErrorKind::Exists), 1);
        assert_eq!(exit_code(&Usage("what?".into()).into()), 2);
        assert_eq!(exit_code(&anyhow::anyhow!("anything else")), 1);
    }
}
