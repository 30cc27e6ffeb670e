//! The system's keys: one KMS key wraps one root key, and the root key seals or derives all others.
//!
//! A function that only checks tokens reads the public signing keys and never calls KMS; one that signs, or
//! makes mail tokens, unwraps the root key once per start, on first use. Keys never leave memory unwrapped.
//!
//! | key | made by | for |
//! |---|---|---|
//! | root | KMS `GenerateDataKey`, stored wrapped | sealing and deriving the others |
//! | signing (ES256, with a `kid`) | here, stored sealed by AES-256-GCM | access tokens, statements about the audit trail |
//! | sealing | HKDF-SHA-256 of the root | the signing key, webhook secrets and what else the table keeps for us alone |
//! | refresh, mail, cursor | the same | refresh tokens, mail tokens, cursors of lists |
//! | fingerprint, answer | the same | MACs on requests, and the keys that seal their answers |
//! | audit | the same | MACs on audit records, their heads and checkpoints |

mod cipher;
mod jwt;
mod ring;

pub(crate) use cipher::SealingKey;
pub use jwt::{Access, AccessClaims, AccessToken, InvalidToken, RefreshClaims, RefreshToken, Statement};
pub use ring::{Keys, PublicKey};
pub(crate) use ring::{StoredRing, StoredRootKey, StoredSigningKey};
