//! bcrypt, by the modular crypt format of OpenBSD: `$2b$<cost>$<22 characters of salt><31 of hash>`.
//!
//! `2a`, `2b` and `2y` are one function; they tell apart releases of libraries that had errors. It reads no more
//! than 72 octets of a password: so did whoever made the hash, and so it is verified.

use std::ops::RangeInclusive;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use zeroize::Zeroizing;

use super::{Function, Imported};

/// Its base64, whose last character may have bits that nobody reads.
const BASE64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, NO_PAD.with_decode_allow_trailing_bits(true));
/// The binary logarithm of its rounds: from the least that it has to about a second of work.
const COSTS: RangeInclusive<u32> = 4..=14;
/// How many octets of a key it reads.
const MOST_KEY: usize = 72;

/// What is hashed.
#[derive(Clone, Copy)]
pub(super) enum Input {
    /// The password.
    Password,
    /// Its SHA-256 in hexadecimal digits (Django's `bcrypt_sha256`).
    Sha256,
}

/// bcrypt of a cost.
pub(super) struct Bcrypt {
    cost: u32,
    input: Input,
}

/// Reads what follows the version: the cost, and salt and hash in one.
pub(super) fn read(input: Input, cost: &str, digest: &str) -> Option<Imported> {
    let cost = cost.parse().ok().filter(|cost| COSTS.contains(cost))?;
    let (salt, hash) = digest.split_at_checked(22)?;
    let (salt, hash) = (BASE64.decode(salt).ok()?, BASE64.decode(hash).ok()?);
    let is_whole = salt.len() == 16 && hash.len() == 23;
    is_whole.then_some(())?;
    Imported::new(Function::Bcrypt(Bcrypt { cost, input }), salt, hash)
}

impl Bcrypt {
    pub(super) fn derive(&self, password: &[u8], salt: &[u8], output: &mut [u8]) -> Option<()> {
        let mut key = Zeroizing::new(Vec::with_capacity(password.len().max(2 * SHA256.output_len()) + 1));
        match self.input {
            Input::Password => key.extend(password),
            Input::Sha256 => {
                for octet in digest(&SHA256, password).as_ref() {
                    key.extend(format!("{octet:02x}").as_bytes());
                }
            }
        }
        // The end of a C string belongs to the key, where there is room for it.
        key.push(0);
        key.truncate(MOST_KEY);
        let hash = bcrypt::bcrypt(self.cost, salt.try_into().ok()?, &key);
        // Its last octet is left out of the format.
        output.copy_from_slice(hash.get(..output.len())?);
        Some(())
    }
}
