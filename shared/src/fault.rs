//! Failures that no caller can handle: logged in full, shown to clients only as a request id.

use std::error::Error;
use std::fmt::{self, Write as _};

/// A failure that is not an outcome: something beneath us did not do what it should.
#[derive(Debug)]
pub struct Fault {
    doing: &'static str,
    cause: Box<dyn Error + Send + Sync>,
    temporary: bool,
}

impl Fault {
    /// Something is broken; trying again will hardly help. `doing` says what was being done.
    pub fn broken(doing: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { doing, cause: cause.into(), temporary: false }
    }

    /// Something is overloaded or out of reach; trying again later may help.
    pub fn temporary(doing: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { doing, cause: cause.into(), temporary: true }
    }

    /// Whether trying again later may help.
    pub fn is_temporary(&self) -> bool {
        self.temporary
    }

    /// The whole chain of causes, for the log.
    pub fn chain(&self) -> String {
        let mut text = format!("{}: {}", self.doing, self.cause);
        let mut source = self.cause.source();
        while let Some(cause) = source {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {cause}");
            source = cause.source();
        }
        text
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed", self.doing)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.cause.as_ref())
    }
}
