//! Argon2 hashes: those that we make, and those of other systems.
//!
//! New ones are Argon2id with the parameters below. Another's are read as PHC strings of any variant and
//! version, as long as they ask for sensible work.

use std::fmt;

use argon2::password_hash::phc::{self, Output, ParamsString, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::{constant_time, rand};
use zeroize::Zeroizing;

use super::Password;

/// What new hashes cost: 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet); 32 octets come out.
pub(super) const CURRENT: Params = match Params::new(19_456, 2, 1, Some(32)) {
    Ok(params) => params,
    Err(_) => panic!("these parameters are within Argon2's limits"),
};

/// The most memory, in KiB, that verifying an imported hash may take.
const MOST_MEMORY: u32 = 256 * 1024;

/// The most memory, in KiB, that verifying an imported hash may fill, all passes together: about a second of work.
const MOST_WORK: u64 = 1024 * 1024;

/// How a hash was made, and what came out.
pub(super) struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Salt,
    expected: Output,
}

/// The memory, in KiB, that hashing fills, all passes together.
fn work(params: &Params) -> u64 {
    u64::from(params.m_cost()) * u64::from(params.t_cost())
}

impl Argon2Hash {
    /// Reads a PHC string, which Django begins with `argon2` and whose base64 others pad; `None` if it is none, not of
    /// Argon2, or asks for more than is sensible.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.strip_prefix("argon2").unwrap_or(text);
        let parts: Vec<_> = text.split('$').map(|part| part.trim_end_matches('=')).collect();
        let phc = phc::PasswordHash::new(&parts.join("$")).ok()?;
        let params = Params::try_from(&phc).ok()?;
        let is_sensible = params.m_cost() <= MOST_MEMORY && work(&params) <= MOST_WORK;
        is_sensible.then_some(())?;
        Some(Self {
            algorithm: Algorithm::new(phc.algorithm).ok()?,
            // A string without a version is of Argon2's first, 16.
            version: phc.version.map_or(Ok(Version::V0x10), Version::try_from).ok()?,
            params,
            salt: phc.salt.filter(|salt| salt.len() >= argon2::MIN_SALT_LEN)?,
            expected: phc.hash?,
        })
    }

    /// As hashes are made now.
    fn current(salt: [u8; 16], expected: [u8; 32]) -> Self {
        Self {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            params: CURRENT,
            salt: Salt::new(&salt).expect("16 octets are a salt"),
            expected: Output::new(&expected).expect("32 octets are an output"),
        }
    }

    /// What an absent hash is verified against.
    pub(super) fn decoy() -> Self {
        Self::current([0; 16], [0; 32])
    }

    pub(super) fn is_current(&self) -> bool {
        self.algorithm == Algorithm::Argon2id && self.version == Version::V0x13 && self.params == CURRENT
    }

    /// Whether verifying takes less than verifying a current hash does.
    pub(super) fn is_cheap(&self) -> bool {
        work(&self.params) < work(&CURRENT)
    }

    /// The current hash of a password, with a salt of its own.
    pub(super) fn make(password: &Password, memory: &mut Vec<Block>) -> Self {
        let mut salt = [0; 16];
        rand::fill(&mut salt).expect("the system gives randomness");
        let made = Self::current(salt, [0; 32]);
        let output = made
            .compute(password.normal_form(), memory)
            .expect("current parameters are within Argon2's limits");
        Self { expected: Output::new(&output).expect("32 octets are an output"), ..made }
    }

    /// Whether hashing `form` in this way gives this hash.
    pub(super) fn yields_expected(&self, form: &[u8], memory: &mut Vec<Block>) -> bool {
        self.compute(form, memory).is_ok_and(|output| {
            constant_time::verify_slices_are_equal(&output, self.expected.as_bytes()).is_ok()
        })
    }

    fn compute(&self, form: &[u8], memory: &mut Vec<Block>) -> argon2::Result<Zeroizing<Vec<u8>>> {
        let mut output = Zeroizing::new(vec![0; self.expected.len()]);
        let argon2 = Argon2::new(self.algorithm, self.version, self.params.clone());
        let blocks = self.params.block_count();
        // What a costly imported hash takes is given back, so that spare memory stays within its bound.
        let mut extra = Vec::new();
        let memory = if blocks > CURRENT.block_count() { &mut extra } else { memory };
        if memory.len() < blocks {
            memory.resize(blocks.max(CURRENT.block_count()), Block::new());
        }
        argon2.hash_password_into_with_memory(form, &self.salt, &mut output, memory)?;
        Ok(output)
    }
}

impl fmt::Display for Argon2Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phc = phc::PasswordHash {
            algorithm: self.algorithm.ident(),
            version: Some(self.version.into()),
            params: ParamsString::try_from(&self.params).map_err(|_| fmt::Error)?,
            salt: Some(self.salt),
            hash: Some(self.expected),
        };
        phc.fmt(f)
    }
}
