//! PBKDF2 (RFC 8018, section 5.2): `$pbkdf2-<hash>$i=<iterations>[,l=<octets>]$<salt>$<hash>`, passlib's
//! `$pbkdf2-<hash>$<iterations>$…`, where a `$pbkdf2$` is of SHA-1, and Django's, which `imported.rs` takes apart.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512};

use super::{Function, Imported, parameters};

/// The pseudorandom function inside: HMAC with this hash.
#[derive(Clone, Copy)]
pub(super) enum Prf {
    Sha1,
    Sha256,
    Sha512,
}

/// PBKDF2 with a hash, of a cost.
pub(super) struct Pbkdf2 {
    prf: Prf,
    iterations: NonZeroU32,
}

/// Reads a hash whose cost is spelt in either way.
pub(super) fn read(prf: Prf, cost: &str, (salt, hash): (Vec<u8>, Vec<u8>)) -> Option<Imported> {
    let iterations = if let Some([iterations, length]) = parameters(cost, ["i", "l"]) {
        (length.parse() == Ok(hash.len())).then_some(iterations)?
    } else {
        parameters(cost, ["i"]).map_or(cost, |[iterations]| iterations)
    };
    let iterations: NonZeroU32 = iterations.parse().ok()?;
    let blocks = u32::try_from(hash.len().div_ceil(prf.output_length())).ok()?;
    let is_sensible = iterations.get().checked_mul(blocks).is_some_and(|all| all <= prf.most_iterations());
    is_sensible.then_some(())?;
    Imported::new(Function::Pbkdf2(Pbkdf2 { prf, iterations }), salt, hash)
}

impl Prf {
    /// By the name that a PHC string has for PBKDF2 with it.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "pbkdf2" | "pbkdf2-sha1" => Some(Self::Sha1),
            "pbkdf2-sha256" => Some(Self::Sha256),
            "pbkdf2-sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// The most iterations, over all blocks of the output: about a second of work. One with SHA-512 takes as long as two
    /// and a half with SHA-1; SHA-256 is as costly where the processor has no instructions for it.
    fn most_iterations(self) -> u32 {
        match self {
            Self::Sha1 => 5_200_000,
            Self::Sha256 | Self::Sha512 => 2_000_000,
        }
    }

    fn output_length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl Pbkdf2 {
    #[expect(clippy::unnecessary_wraps, reason = "other functions can fail")]
    pub(super) fn derive(&self, password: &[u8], salt: &[u8], output: &mut [u8]) -> Option<()> {
        let algorithm = match self.prf {
            Prf::Sha1 => PBKDF2_HMAC_SHA1,
            Prf::Sha256 => PBKDF2_HMAC_SHA256,
            Prf::Sha512 => PBKDF2_HMAC_SHA512,
        };
        pbkdf2::derive(algorithm, self.iterations, salt, password, output);
        Some(())
    }
}
