//! Hashes that other systems made with bcrypt, scrypt or PBKDF2, in the spellings of `docs/importing.md`.
//!
//! They are verified and never made: a sign-in replaces them. What is malformed, hardly salted or takes absurd
//! work is refused when it is read, so that nothing which was stored can hold up a sign-in.

mod bcrypt;
mod firebase;
mod pbkdf2;
mod scrypt;

use std::ops::RangeInclusive;

use aws_lc_rs::constant_time;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use bcrypt::{Bcrypt, Input};
use firebase::FirebaseScrypt;
use pbkdf2::{Pbkdf2, Prf};
use scrypt::Scrypt;

/// The longest text that is read, in octets. Firebase's are the longest, of less than 300.
const LONGEST: usize = 1024;
/// How many octets a salt has. Fewer hardly are one.
const SALT: RangeInclusive<usize> = 8..=64;
/// How many octets a hash has. Fewer could be met by chance.
const OUTPUT: RangeInclusive<usize> = 16..=128;

/// How a hash was made, and what came out.
pub(super) struct Imported {
    function: Function,
    salt: Vec<u8>,
    expected: Vec<u8>,
}

/// What makes octets of a password and a salt, with its costs.
enum Function {
    Bcrypt(Bcrypt),
    Firebase(FirebaseScrypt),
    Pbkdf2(Pbkdf2),
    Scrypt(Scrypt),
}

impl Imported {
    /// Reads a hash in one of the spellings; `None` if it is in none of them, or takes absurd work.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let parts: Vec<&str> = text.split('$').collect();
        match parts[..] {
            // OpenBSD's modular crypt format, and Django's two names before it.
            ["", "2a" | "2b" | "2y", cost, digest] | ["bcrypt", "", "2a" | "2b" | "2y", cost, digest] => {
                bcrypt::read(Input::Password, cost, digest)
            }
            ["bcrypt_sha256", "", "2a" | "2b" | "2y", cost, digest] => {
                bcrypt::read(Input::Sha256, cost, digest)
            }
            // PHC strings, and passlib's, which are like them.
            ["", "scrypt", parameters, salt, hash] => scrypt::read(parameters, octets(salt)?, octets(hash)?),
            ["", "firebase-scrypt", parameters, salt, hash] => {
                firebase::read(parameters, octets(salt)?, octets(hash)?)
            }
            ["", name, cost, salt, hash] => {
                pbkdf2::read(Prf::named(name)?, cost, (octets(salt)?, octets(hash)?))
            }
            // Django's, where the salt is the text itself.
            ["scrypt", n, salt, r, p, hash] => {
                let function = Scrypt::of_cost(n.parse().ok()?, r, p)?;
                Self::new(Function::Scrypt(function), salt.into(), octets(hash)?)
            }
            [name, iterations, salt, hash] => {
                let prf = Prf::named(&name.replace('_', "-"))?;
                pbkdf2::read(prf, iterations, (salt.into(), octets(hash)?))
            }
            _ => None,
        }
    }

    fn new(function: Function, salt: Vec<u8>, expected: Vec<u8>) -> Option<Self> {
        let is_sound = SALT.contains(&salt.len()) && OUTPUT.contains(&expected.len());
        is_sound.then_some(Self { function, salt, expected })
    }

    /// Whether hashing `form` in this way gives this hash.
    pub(super) fn yields_expected(&self, form: &[u8]) -> bool {
        let mut output = Zeroizing::new(vec![0; self.expected.len()]);
        let done = match &self.function {
            Function::Bcrypt(function) => function.derive(form, &self.salt, &mut output),
            Function::Firebase(function) => function.derive(form, &self.salt, &mut output),
            Function::Pbkdf2(function) => function.derive(form, &self.salt, &mut output),
            Function::Scrypt(function) => function.derive(form, &self.salt, &mut output),
        };
        done.is_some() && constant_time::verify_slices_are_equal(&output, &self.expected).is_ok()
    }
}

/// Octets from base64 as it is about: padded or not, with `+/`, `-_` (RFC 4648, section 5) or passlib's `./`.
fn octets(text: &str) -> Option<Vec<u8>> {
    let standard = text.trim_end_matches('=').replace(['-', '.'], "+").replace('_', "/");
    STANDARD_NO_PAD.decode(standard).ok()
}

/// The values of `name=value,name=value`, if it has exactly these names, in this order.
fn parameters<'a, const N: usize>(list: &'a str, names: [&str; N]) -> Option<[&'a str; N]> {
    let mut found = [""; N];
    let mut entries = list.split(',');
    for (value, name) in found.iter_mut().zip(names) {
        *value = entries.next()?.strip_prefix(name)?.strip_prefix('=')?;
    }
    entries.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests;
