//! What lets a person be forgotten: events keep their device only sealed, by a key that lies with their account
//! and nowhere else.
//!
//! An event has many copies: in the outbox, the audit trail, dead letters, wherever it was told. Erasing the
//! account destroys the key, and with it what every copy says of the device (cryptographic erase, NIST SP 800-88).

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::email::Email;
use crate::fault::Fault;
use crate::id::{InvalidId, UserId};
use crate::keys::SealingKey;
use crate::random;
use crate::session::Device;
use crate::token::{base64url, from_base64url};
use crate::user::User;

/// The key that seals what events keep of a person. `Debug` hides it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PrivacyKey(Zeroizing<[u8; 32]>);

/// A device as events keep it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum KeptDevice {
    /// One that has to do with an account: nobody reads it without the account's key.
    Sealed {
        /// Whose key opens it.
        device_of: UserId,
        /// The device, sealed, base64url.
        sealed_device: String,
    },
    /// One of which nobody knows whose it is.
    Clear(Device),
}

/// An address that a letter still has to reach when no account has it any more, as events keep it: nobody reads it
/// without the key of the account that had it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealedEmail(String);

impl PrivacyKey {
    /// A new one, of 256 random bits.
    pub fn random() -> Self {
        Self(Zeroizing::new(random::bytes()))
    }

    /// Its bytes, to derive a key from that dies with it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &*self.0
    }

    /// `secret` of `owner`, whose key this is, sealed, base64url.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: nothing safe can be done then.
    #[expect(
        clippy::expect_used,
        reason = "a key of 32 bytes seals every text, as long as there is randomness"
    )]
    fn seal(&self, secret: &impl Serialize, owner: UserId) -> String {
        self.try_seal(secret, owner).expect("a secret can be sealed")
    }

    fn try_seal(&self, secret: &impl Serialize, owner: UserId) -> Result<String, Fault> {
        let text = serde_json::to_vec(secret).map_err(|error| Fault::broken("sealing a secret", error))?;
        Ok(base64url(&SealingKey::new(&self.0)?.seal(text, &owner.to_string())?))
    }

    fn open<T: DeserializeOwned>(&self, sealed: &str, owner: UserId) -> Option<T> {
        let text = SealingKey::new(&self.0).ok()?.open(&from_base64url(sealed)?, &owner.to_string()).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

impl KeptDevice {
    /// The same, readable with `key` only, which is that of `owner`; what is sealed stays as it is.
    #[must_use]
    pub fn sealed_for(self, owner: UserId, key: &PrivacyKey) -> Self {
        match self {
            Self::Sealed { .. } => self,
            Self::Clear(device) => Self::Sealed { device_of: owner, sealed_device: key.seal(&device, owner) },
        }
    }

    /// Whose key opens it, if it is sealed.
    pub fn owner(&self) -> Option<UserId> {
        match self {
            Self::Sealed { device_of, .. } => Some(*device_of),
            Self::Clear(_) => None,
        }
    }

    /// The device, if `owner`, whose key is `key`, may see it; one that is nobody's may be seen by everybody.
    pub fn open(&self, owner: UserId, key: &PrivacyKey) -> Option<Device> {
        match self {
            Self::Clear(device) => Some(device.clone()),
            Self::Sealed { device_of, sealed_device } if *device_of == owner => {
                key.open(sealed_device, owner)
            }
            Self::Sealed { .. } => None,
        }
    }
}

impl SealedEmail {
    /// The address that `user` has.
    pub fn of(user: &User) -> Self {
        Self(user.privacy_key.seal(&user.email, user.id))
    }

    /// The address, if `user` is who had it.
    pub fn open(&self, user: &User) -> Option<Email> {
        user.privacy_key.open(&self.0, user.id)
    }
}

impl From<PrivacyKey> for String {
    fn from(key: PrivacyKey) -> Self {
        base64url(&*key.0)
    }
}

impl TryFrom<String> for PrivacyKey {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        let bytes = from_base64url(&text).map(Zeroizing::new).ok_or(InvalidId)?;
        bytes.as_slice().try_into().map(|bytes| Self(Zeroizing::new(bytes))).map_err(|_| InvalidId)
    }
}

impl fmt::Debug for PrivacyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivacyKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> Device {
        Device { ip_address: "192.0.2.7".to_owned(), user_agent: "Marker/1.0".to_owned() }
    }

    #[test]
    fn a_sealed_device_opens_with_its_owners_key_only() {
        let (owner, key) = (UserId::random(), PrivacyKey::random());
        let kept = KeptDevice::Clear(device()).sealed_for(owner, &key);
        assert_eq!(kept.open(owner, &key), Some(device()));
        assert_eq!(kept.open(owner, &PrivacyKey::random()), None);
        assert_eq!(kept.open(UserId::random(), &key), None);
        let KeptDevice::Sealed { sealed_device, .. } = kept else { panic!("it is not sealed") };
        let other = UserId::random();
        let claimed = KeptDevice::Sealed { device_of: other, sealed_device };
        assert_eq!(claimed.open(other, &key), None, "bound to its owner");
    }

    #[test]
    fn nothing_of_a_sealed_device_shows() {
        let (owner, key) = (UserId::random(), PrivacyKey::random());
        let kept = KeptDevice::Clear(device()).sealed_for(owner, &key);
        let shown = format!("{kept:?} {key:?} {}", serde_json::to_string(&kept).unwrap());
        assert!(!shown.contains("192.0.2.7") && !shown.contains("Marker"), "{shown}");
        assert!(!shown.contains(&String::from(key)), "{shown}");
    }

    #[test]
    fn what_is_sealed_stays_its_owners() {
        let (owner, key) = (UserId::random(), PrivacyKey::random());
        let kept = KeptDevice::Clear(device()).sealed_for(owner, &key);
        assert_eq!(kept.clone().sealed_for(UserId::random(), &PrivacyKey::random()), kept);
    }

    #[test]
    fn a_sealed_address_opens_for_who_had_it_only() {
        let user = |address| {
            let email = Email::parse(address).unwrap();
            User::registered(email, "Ada".into(), String::new(), crate::clock::Timestamp::UNIX_EPOCH)
        };
        let (ada, eve) = (user("ada@example.com"), user("eve@example.com"));
        let sealed = SealedEmail::of(&ada);
        assert!(!format!("{sealed:?}").contains("ada"));
        assert_eq!((sealed.open(&ada), sealed.open(&eve)), (Some(ada.email), None));
    }

    #[test]
    fn a_key_survives_the_table() {
        let key = PrivacyKey::random();
        let read: PrivacyKey = serde_json::from_str(&serde_json::to_string(&key).unwrap()).unwrap();
        assert_eq!(String::from(read), String::from(key));
        assert!(serde_json::from_str::<PrivacyKey>("\"c2hvcnQ\"").is_err());
    }
}
