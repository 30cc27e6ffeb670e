//! How a receiver knows that a message is ours: HMAC-SHA-256 of its id, its time and its body, under a secret that
//! both hold (Standard Webhooks, "Signature scheme").
//!
//! A secret is shown once, when it is made. After that it is sealed, and opens for its endpoint only.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::id::{DeliveryId, WebhookId};
use crate::keys::Keys;
use crate::random;
use crate::secret::Secret;

/// Bytes of a secret, of 24 to 64 that the standard allows: as many as HMAC-SHA-256 makes use of.
const SECRET_LENGTH: usize = 32;
/// How long a replaced secret signs along with the new one: receivers change over when it suits them.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);
/// How many replaced secrets sign along at once: each lengthens every message by a signature.
const MOST_RETIRED: usize = 4;

/// What an endpoint's messages are signed with. It cannot be printed, and dropping wipes it.
pub struct SigningSecret(Zeroizing<Vec<u8>>);

impl SigningSecret {
    /// A new one, of 256 random bits.
    pub fn random() -> Self {
        Self(Zeroizing::new(random::bytes::<SECRET_LENGTH>().to_vec()))
    }

    /// As its receiver configures it: `whsec_` and base64.
    pub fn text(&self) -> Secret {
        Secret::new(format!("whsec_{}", STANDARD.encode(self.0.as_slice())))
    }

    /// Seals it so that it opens for the endpoint `webhook` only.
    ///
    /// # Errors
    /// When the keys fail.
    pub async fn seal(&self, keys: &Keys, webhook: WebhookId) -> Result<SealedSecret, Fault> {
        Ok(SealedSecret(keys.seal(&place(webhook), self.0.to_vec()).await?))
    }

    /// The signature of what an attempt at `second`, counted from the epoch, sends.
    fn sign(&self, id: &str, second: i64, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let tag = hmac::sign(&key, format!("{id}.{second}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(tag.as_ref()))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret")
    }
}

/// What a secret is sealed for.
fn place(webhook: WebhookId) -> String {
    format!("{webhook} signing secret")
}

/// A secret as the table holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret(String);

/// The secrets of an endpoint: the one it has, and those that it had in the last day, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    current: SealedSecret,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    retired: Vec<Retired>,
}

/// A secret that was replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Retired {
    secret: SealedSecret,
    /// Until when it still signs.
    valid_until: Timestamp,
}

/// As many secrets sign along as can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManySecrets {
    /// When the oldest of them ends.
    pub until: Timestamp,
}

impl Secrets {
    /// The first secret.
    pub fn new(secret: SealedSecret) -> Self {
        Self { current: secret, retired: Vec::new() }
    }

    /// `secret` takes the place of the current one, which signs along for 24 hours; so do those that were promised it
    /// before.
    ///
    /// # Errors
    /// When four sign along already.
    pub fn rotated(self, secret: SealedSecret, now: Timestamp) -> Result<Self, TooManySecrets> {
        let mut retired: Vec<_> = self.retired.into_iter().filter(|it| now < it.valid_until).collect();
        if let Some(oldest) = retired.first().filter(|_| retired.len() == MOST_RETIRED) {
            return Err(TooManySecrets { until: oldest.valid_until });
        }
        retired.push(Retired { secret: self.current, valid_until: now + OVERLAP });
        Ok(Self { current: secret, retired })
    }

    /// Until when the secret that was replaced last signs along at `now`, if it does.
    pub fn overlap_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.retired.last().map(|retired| retired.valid_until).filter(|until| now < *until)
    }

    /// Those that are valid at `now`, the current one first.
    fn valid(&self, now: Timestamp) -> impl Iterator<Item = &SealedSecret> {
        let retired = self.retired.iter().rev().filter(move |it| now < it.valid_until);
        std::iter::once(&self.current).chain(retired.map(|it| &it.secret))
    }

    /// The secrets to sign with at `now`, the current one first.
    ///
    /// # Errors
    /// When they were not sealed for `webhook`, or the keys fail.
    pub async fn open(
        &self,
        keys: &Keys,
        webhook: WebhookId,
        now: Timestamp,
    ) -> Result<Vec<SigningSecret>, Fault> {
        let mut secrets = Vec::new();
        for sealed in self.valid(now) {
            let bytes = keys.open(&place(webhook), &sealed.0).await?;
            secrets.push(SigningSecret(Zeroizing::new(bytes)));
        }
        Ok(secrets)
    }
}

/// What one attempt sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The delivery, as `webhook-id`.
    pub id: DeliveryId,
    /// When it is sent; `webhook-timestamp` has its seconds.
    pub at: Timestamp,
    /// `webhook-signature`: one for each secret, separated by spaces.
    pub signatures: String,
    /// What is signed and sent, byte by byte.
    pub body: String,
}

impl Message {
    /// The message of an attempt at `at`, signed with each of `secrets`.
    pub fn signed(id: DeliveryId, at: Timestamp, body: String, secrets: &[SigningSecret]) -> Self {
        let signatures = secrets.iter().map(|secret| secret.sign(&id.to_string(), at.as_second(), &body));
        Self { id, at, signatures: signatures.collect::<Vec<_>>().join(" "), body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(text: &str) -> SealedSecret {
        SealedSecret(text.to_owned())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// The example of the standard's reference libraries.
    #[test]
    fn a_signature_is_that_of_the_standard() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let secret = SigningSecret(Zeroizing::new(secret));
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_make_two_signatures() {
        let secrets = [SigningSecret::random(), SigningSecret::random()];
        let message = Message::signed(DeliveryId::random(), at(1), "{}".to_owned(), &secrets);
        let signatures: Vec<_> = message.signatures.split(' ').collect();
        assert_eq!(signatures.len(), 2);
        for (secret, signature) in secrets.iter().zip(signatures) {
            assert_eq!(secret.sign(&message.id.to_string(), 1, "{}"), signature);
        }
    }

    #[test]
    fn a_secret_is_shown_where_that_is_asked_for_and_nowhere_else() {
        let secret = SigningSecret::random();
        let text = secret.text();
        let encoded = text.expose().strip_prefix("whsec_").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap().len(), 32);
        assert_eq!(format!("{secret:?} {text:?}"), "SigningSecret Secret");
    }

    #[test]
    fn a_replaced_secret_signs_along_for_a_day() {
        let secrets = Secrets::new(sealed("old"));
        assert_eq!(secrets.overlap_until(at(0)), None);
        let secrets = secrets.rotated(sealed("new"), at(0)).unwrap();
        assert_eq!(secrets.current, sealed("new"));
        assert_eq!(secrets.overlap_until(at(86_399)), Some(at(86_400)));
        assert_eq!(secrets.overlap_until(at(86_400)), None);
    }

    #[test]
    fn every_replaced_secret_has_its_day_and_what_would_take_it_from_one_has_to_wait() {
        let rotated =
            |secrets: Secrets, hour: i64| secrets.rotated(sealed(&hour.to_string()), at(hour * 3_600));
        let secrets = Secrets::new(sealed("first"));
        let secrets = (0..4).try_fold(secrets, rotated).unwrap();
        let valid = |hour: i64| secrets.valid(at(hour * 3_600)).collect::<Vec<_>>();
        assert_eq!(valid(23), ["3", "2", "1", "0", "first"].map(sealed).iter().collect::<Vec<_>>());
        assert_eq!(valid(24), ["3", "2", "1", "0"].map(sealed).iter().collect::<Vec<_>>());
        assert_eq!(valid(27), ["3"].map(sealed).iter().collect::<Vec<_>>());
        assert_eq!(rotated(secrets.clone(), 23), Err(TooManySecrets { until: at(24 * 3_600) }));
        assert_eq!(rotated(secrets, 24).unwrap().retired.len(), 4);
    }
}
