//! Route families: which of the two ways to write a refusal a path's clients know.

/// How a path's clients expect refusals to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// `/api/v1` and everything else: `error_code`, `message`, `details.data`, and `error` beside them.
    Standard,
    /// `/api/users`: `success`, `message`, `error`.
    Accounts,
}

impl Family {
    /// The family of a path.
    pub(super) fn of(path: &str) -> Self {
        let accounts =
            path.strip_prefix("/api/users").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if accounts { Self::Accounts } else { Self::Standard }
    }
}
