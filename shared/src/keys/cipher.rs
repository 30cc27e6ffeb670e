//! What the root key does: seals bytes, and derives keys for one purpose each.

use aws_lc_rs::aead::{AES_256_GCM, Aad, RandomizedNonceKey};
use aws_lc_rs::{hkdf, hmac};

use crate::fault::Fault;

/// A key that seals bytes (AES-256-GCM, with a random nonce before them).
pub(crate) struct SealingKey(RandomizedNonceKey);

/// The key that seals and derives all others.
pub(super) struct RootKey {
    sealing: SealingKey,
    deriving: hkdf::Prk,
}

/// Purposes of derived keys. Changing one changes the key: all tokens that are out would die.
const SEALING: &[u8] = b"usher sealing 1";
pub(super) const REFRESH_TOKENS: &[u8] = b"usher refresh tokens 1";
pub(super) const CURSORS: &[u8] = b"usher cursors 1";
pub(super) const MAIL_TOKENS: &[u8] = b"usher mail tokens 1";
pub(super) const AUDIT: &[u8] = b"usher audit 1";
pub(super) const FINGERPRINTS: &[u8] = b"usher fingerprints 1";
pub(super) const ANSWERS: &[u8] = b"usher answers 1";

/// Bytes of the nonce that stands before sealed bytes.
const NONCE_LENGTH: usize = 12;

struct Length;

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        32
    }
}

fn derive(deriving: &hkdf::Prk, purpose: &[u8]) -> Result<[u8; 32], Fault> {
    let mut key = [0; 32];
    deriving
        .expand(&[purpose], Length)
        .and_then(|okm| okm.fill(&mut key))
        .map_err(|error| Fault::broken("deriving a key", error))?;
    Ok(key)
}

impl SealingKey {
    /// The key of these bytes.
    pub(crate) fn new(bytes: &[u8; 32]) -> Result<Self, Fault> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes);
        key.map(Self).map_err(|error| Fault::broken("reading a sealing key", error))
    }

    /// Seals `secret` so that it opens only at `place`.
    pub(crate) fn seal(&self, mut secret: Vec<u8>, place: &str) -> Result<Vec<u8>, Fault> {
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(place.as_bytes()), &mut secret)
            .map_err(|error| Fault::broken("sealing a secret", error))?;
        Ok([nonce.as_ref().as_slice(), &secret].concat())
    }

    /// Opens what was sealed for `place`.
    pub(crate) fn open(&self, sealed: &[u8], place: &str) -> Result<Vec<u8>, Fault> {
        let broken =
            || Fault::broken("opening a sealed secret", "it was sealed by another key or for another place");
        let (nonce, text) = sealed.split_at_checked(NONCE_LENGTH).ok_or_else(broken)?;
        let nonce = aws_lc_rs::aead::Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let mut text = text.to_vec();
        let opened = self.0.open_in_place(nonce, Aad::from(place.as_bytes()), &mut text);
        Ok(opened.map_err(|_| broken())?.to_vec())
    }
}

impl RootKey {
    /// The root key of these 32 bytes.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, Fault> {
        if bytes.len() != 32 {
            return Err(Fault::broken("reading the root key", "it has not 32 bytes"));
        }
        // The bytes are uniformly random, so they need no extraction (RFC 5869, 3.3).
        let deriving = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, bytes);
        let sealing = SealingKey::new(&derive(&deriving, SEALING)?)?;
        Ok(Self { sealing, deriving })
    }

    /// The key for `purpose`, as an HMAC-SHA-256 key.
    pub(super) fn mac(&self, purpose: &[u8]) -> Result<hmac::Key, Fault> {
        Ok(hmac::Key::new(hmac::HMAC_SHA256, &derive(&self.deriving, purpose)?))
    }

    /// The key for `purpose`, as bytes.
    pub(super) fn bytes(&self, purpose: &[u8]) -> Result<[u8; 32], Fault> {
        derive(&self.deriving, purpose)
    }

    /// Seals `secret` so that it opens only at `place`.
    pub(super) fn seal(&self, secret: Vec<u8>, place: &str) -> Result<Vec<u8>, Fault> {
        self.sealing.seal(secret, place)
    }

    /// Opens what was sealed for `place`.
    pub(super) fn open(&self, sealed: &[u8], place: &str) -> Result<Vec<u8>, Fault> {
        self.sealing.open(sealed, place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_at_its_place_only() {
        let root = RootKey::new(&[7; 32]).unwrap();
        let sealed = root.seal(b"secret".to_vec(), "here").unwrap();
        assert_eq!(root.open(&sealed, "here").unwrap(), b"secret");
        assert!(root.open(&sealed, "there").is_err());
        assert!(RootKey::new(&[8; 32]).unwrap().open(&sealed, "here").is_err());
    }

    #[test]
    fn purposes_have_keys_of_their_own() {
        let root = RootKey::new(&[7; 32]).unwrap();
        assert_ne!(root.bytes(MAIL_TOKENS).unwrap(), root.bytes(REFRESH_TOKENS).unwrap());
    }
}
