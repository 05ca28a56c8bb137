//! Room for connections: each takes a file descriptor, and shells commonly allow few.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the process's own limit as far as the system allows without asking.
pub fn raise_limit() {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limits.maximum, maximum: limits.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => tracing::debug!(limit = ?limits.maximum, "raised the limit of open files"),
        Err(error) => {
            tracing::warn!(limit = ?limits.current, "the limit of open files stays: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_all_that_the_system_allows() {
        raise_limit();
        let limits = getrlimit(Resource::Nofile);
        assert_eq!(limits.current, limits.maximum);
    }
}
