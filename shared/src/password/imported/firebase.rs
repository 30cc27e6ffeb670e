//! Firebase's scrypt: `$firebase-scrypt$ln=<mem_cost>,r=<rounds>,ss=<salt separator>,sk=<signer key>$<salt>$<hash>`.
//!
//! scrypt makes a key of the password; the hash is the project's signer key, encrypted with it by AES-256 in
//! counter mode from zero. The signer key is of the project, not of the password: it makes the string whole.

use aws_lc_rs::cipher::{AES_256, AES_256_KEY_LEN, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use super::scrypt::Scrypt;
use super::{Function, Imported, octets, parameters};

/// Firebase's scrypt, of a cost, for a project.
pub(super) struct FirebaseScrypt {
    scrypt: Scrypt,
    signer_key: Zeroizing<Vec<u8>>,
}

/// Reads a hash.
pub(super) fn read(cost: &str, mut salt: Vec<u8>, hash: Vec<u8>) -> Option<Imported> {
    let [ln, r, separator, signer_key] = parameters(cost, ["ln", "r", "ss", "sk"])?;
    let function = FirebaseScrypt {
        scrypt: Scrypt::of_log_cost(ln, r, "1")?,
        signer_key: Zeroizing::new(octets(signer_key)?),
    };
    salt.extend(octets(separator)?);
    let is_whole = function.signer_key.len() == hash.len();
    is_whole.then_some(())?;
    Imported::new(Function::Firebase(function), salt, hash)
}

impl FirebaseScrypt {
    pub(super) fn derive(&self, password: &[u8], salt: &[u8], output: &mut [u8]) -> Option<()> {
        let mut key = Zeroizing::new([0; AES_256_KEY_LEN]);
        self.scrypt.derive(password, salt, &mut *key)?;
        let cipher = EncryptingKey::ctr(UnboundCipherKey::new(&AES_256, &*key).ok()?).ok()?;
        output.copy_from_slice(&self.signer_key);
        let from_zero = EncryptionContext::Iv128(FixedLength::from([0; 16]));
        cipher.less_safe_encrypt(output, from_zero).ok().map(|_| ())
    }
}
