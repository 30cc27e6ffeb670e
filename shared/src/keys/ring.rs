//! Where the keys come from: the key ring, a partition of the table, loaded when first needed.

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::{OnceCell, RwLock};
use zeroize::Zeroizing;

use super::cipher::{
    ANSWERS, AUDIT, CURSORS, FINGERPRINTS, MAIL_TOKENS, REFRESH_TOKENS, RootKey, SealingKey,
};
use crate::aws;
use crate::chain::AuditKey;
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::fault::Fault;
use crate::id::UserId;
use crate::random;
use crate::secret::Secret;
use crate::store::Store;
use crate::token::{MailToken, Nonce, Purpose, base64url, from_base64url};

/// How long loaded public keys are used before they are read again.
const PUBLIC_KEYS_LIVE_SECONDS: i64 = 3600;
/// How soon an unknown `kid` may make us read the keys again, so that forged ones cause no flood of reads.
const UNKNOWN_KEY_SECONDS: i64 = 60;
/// What is in the associated data of every call to KMS: a wrapped key of another system does not open here.
const ENCRYPTION_CONTEXT: (&str, &str) = ("system", "usher");

/// The system's keys. Cheap to clone; all clones share what was loaded.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    pub(super) store: Store,
    kms: OnceCell<aws_sdk_kms::Client>,
    aws: SdkConfig,
    kms_key_id: String,
    shared_secret: Option<Secret>,
    clock: Clock,
    public: RwLock<Option<Arc<PublicKeys>>>,
    private: OnceCell<PrivateKeys>,
}

/// A public signing key, as the key ring and the JSON Web Key Set show it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PublicKey {
    /// Its name in a token's header.
    pub kid: String,
    /// The point's coordinates, base64url, 32 bytes each.
    pub x: String,
    /// See `x`.
    pub y: String,
}

/// A signing key as the table holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredSigningKey {
    #[serde(flatten)]
    pub(crate) public: PublicKey,
    /// PKCS #8, sealed by the root key, base64url.
    pub(crate) sealed: String,
    /// From when on it signs; it verifies from its creation.
    pub(crate) signs_from: Timestamp,
}

/// The root key as the table holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredRootKey {
    /// Wrapped by KMS, base64url.
    pub(crate) wrapped: String,
}

/// All keys as the table holds them.
#[derive(Clone, Debug)]
pub(crate) struct StoredRing {
    pub(crate) root: StoredRootKey,
    pub(crate) signing: Vec<StoredSigningKey>,
}

pub(super) struct PublicKeys {
    loaded_at: Timestamp,
    keys: Vec<(PublicKey, DecodingKey)>,
}

impl PublicKeys {
    /// The key of this `kid`.
    pub(super) fn find(&self, kid: &str) -> Option<&DecodingKey> {
        self.keys.iter().find(|(public, _)| public.kid == kid).map(|(_, key)| key)
    }
}

pub(super) struct PrivateKeys {
    root: RootKey,
    pub(super) signing: Vec<SigningKey>,
    pub(super) refresh: Zeroizing<[u8; 32]>,
    mail: hmac::Key,
    cursor: hmac::Key,
    fingerprint: hmac::Key,
    answer: hmac::Key,
    audit: AuditKey,
}

pub(super) struct SigningKey {
    pub(super) kid: String,
    pub(super) key: EncodingKey,
    pub(super) signs_from: Timestamp,
}

impl Keys {
    /// The keys of the system that `store` holds. Nothing is read yet.
    pub fn new(store: Store, clock: Clock, config: &Config, aws: &SdkConfig) -> Self {
        Self(Arc::new(Inner {
            store,
            kms: OnceCell::new(),
            aws: aws.clone(),
            kms_key_id: config.kms_key_id.clone(),
            shared_secret: config.jwt_secret.clone(),
            clock,
            public: RwLock::new(None),
            private: OnceCell::new(),
        }))
    }

    pub(super) fn shared_secret(&self) -> Option<&Secret> {
        self.0.shared_secret.as_ref()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Has the private keys at hand, so that signing can neither wait nor fail any more.
    pub async fn prepare_to_sign(&self) -> Result<(), Fault> {
        self.private().await.map(drop)
    }

    /// The text of a mail token for `purpose`.
    pub async fn seal_mail_token(&self, purpose: Purpose, token: MailToken) -> Result<String, Fault> {
        let keys = self.private().await?;
        let body = [token.user_id.uuid().as_bytes(), token.nonce.as_bytes()].concat();
        let mac = hmac::sign(&keys.mail, &[purpose.prefix().as_bytes(), &body].concat());
        let text = [&body, &mac.as_ref()[..Nonce::LENGTH]].concat();
        Ok(format!("{}{}", purpose.prefix(), base64url(&text)))
    }

    /// What a mail token says; `None` if it was not made here, or not for `purpose`.
    pub async fn open_mail_token(&self, purpose: Purpose, text: &str) -> Result<Option<MailToken>, Fault> {
        let keys = self.private().await?;
        let bytes = text.strip_prefix(purpose.prefix()).and_then(from_base64url);
        let Some(bytes) = bytes.filter(|bytes| bytes.len() == 48) else { return Ok(None) };
        let (body, mac) = bytes.split_at(32);
        let expected = hmac::sign(&keys.mail, &[purpose.prefix().as_bytes(), body].concat());
        let genuine =
            aws_lc_rs::constant_time::verify_slices_are_equal(&expected.as_ref()[..16], mac).is_ok();
        let (user, nonce) = body.split_at(16);
        let user = uuid::Uuid::from_slice(user).ok().map(UserId::from);
        let token = user.zip(Nonce::from_bytes(nonce)).map(|(user_id, nonce)| MailToken { user_id, nonce });
        Ok(token.filter(|_| genuine))
    }

    /// `place` in the list that `scope` names, as a cursor that is good for no other list.
    pub async fn seal_cursor(&self, scope: &str, place: &impl Serialize) -> Result<String, Fault> {
        let keys = self.private().await?;
        let place = serde_json::to_vec(place).map_err(|error| Fault::broken("writing a cursor", error))?;
        let mac = hmac::sign(&keys.cursor, &[scope.as_bytes(), b"\n", &place].concat());
        Ok(base64url(&[mac.as_ref(), &place].concat()))
    }

    /// The place that a cursor of the list `scope` stands for; `None` if it is not one.
    pub async fn open_cursor<T: DeserializeOwned>(
        &self,
        scope: &str,
        cursor: &str,
    ) -> Result<Option<T>, Fault> {
        let keys = self.private().await?;
        let bytes = from_base64url(cursor).unwrap_or_default();
        let Some((mac, place)) = bytes.split_at_checked(32) else { return Ok(None) };
        let genuine = hmac::verify(&keys.cursor, &[scope.as_bytes(), b"\n", place].concat(), mac).is_ok();
        Ok(genuine.then(|| serde_json::from_slice(place).ok()).flatten())
    }

    /// `secret` as text that opens only at `place`: what the table keeps and nobody may read in it.
    pub async fn seal(&self, place: &str, secret: Vec<u8>) -> Result<String, Fault> {
        Ok(base64url(&self.private().await?.root.seal(secret, place)?))
    }

    /// What was sealed at `place`.
    ///
    /// # Errors
    /// When it was not, or the keys fail.
    pub async fn open(&self, place: &str, sealed: &str) -> Result<Vec<u8>, Fault> {
        self.private().await?.root.open(&from_base64url(sealed).unwrap_or_default(), place)
    }

    /// What tells `parts` from all others, as text. It is a MAC: of what can be guessed, such as a password
    /// in a body, whoever reads the table can not try out what gives it.
    pub async fn fingerprint(&self, parts: &[&[u8]]) -> Result<String, Fault> {
        Ok(base64url(mac(&self.private().await?.fingerprint, parts).as_ref()))
    }

    /// The key that seals an answer so that it opens only for whoever has these `parts`, which the table has not: all of
    /// them, and ours.
    pub(crate) async fn answer_key(&self, parts: &[&[u8]]) -> Result<SealingKey, Fault> {
        let mac = mac(&self.private().await?.answer, parts);
        let bytes = mac.as_ref().try_into().map_err(|error| Fault::broken("deriving a key", error))?;
        SealingKey::new(bytes)
    }

    /// The key of the MACs on audit records.
    pub async fn audit_key(&self) -> Result<&AuditKey, Fault> {
        Ok(&self.private().await?.audit)
    }

    /// The public signing keys, for whoever wants to check what we sign: statements about the audit trail and, unless
    /// those are signed with a shared secret, our tokens.
    pub async fn public_keys(&self) -> Result<Vec<PublicKey>, Fault> {
        let keys = self.public(PUBLIC_KEYS_LIVE_SECONDS).await?;
        Ok(keys.keys.iter().map(|(public, _)| public.clone()).collect())
    }

    /// The public keys, read anew when they are older than usual and, where `kid` is not among them, when
    /// they were not read a moment ago.
    pub(super) async fn public_with(&self, kid: &str) -> Result<Arc<PublicKeys>, Fault> {
        let keys = self.public(PUBLIC_KEYS_LIVE_SECONDS).await?;
        if keys.find(kid).is_some() { Ok(keys) } else { self.public(UNKNOWN_KEY_SECONDS).await }
    }

    async fn public(&self, oldest_seconds: i64) -> Result<Arc<PublicKeys>, Fault> {
        let now = self.now();
        // There may be none yet: that is asked again each time.
        let fresh = |keys: &Arc<PublicKeys>| {
            !keys.keys.is_empty() && now.as_second() - keys.loaded_at.as_second() < oldest_seconds
        };
        if let Some(keys) = self.0.public.read().await.clone().filter(fresh) {
            return Ok(keys);
        }
        let mut slot = self.0.public.write().await;
        if let Some(keys) = slot.clone().filter(fresh) {
            return Ok(keys);
        }
        let stored = self.0.store.key_ring().await?.map(|ring| ring.signing).unwrap_or_default();
        let decoding = |public: PublicKey| {
            let key = DecodingKey::from_ec_components(&public.x, &public.y);
            key.map(|key| (public, key)).map_err(|error| Fault::broken("reading a public key", error))
        };
        let keys = stored.into_iter().map(|key| decoding(key.public)).collect::<Result<_, _>>()?;
        let keys = Arc::new(PublicKeys { loaded_at: now, keys });
        *slot = Some(keys.clone());
        Ok(keys)
    }

    pub(super) async fn private(&self) -> Result<&PrivateKeys, Fault> {
        self.0.private.get_or_try_init(|| self.load_private()).await
    }

    async fn load_private(&self) -> Result<PrivateKeys, Fault> {
        let ring = match self.0.store.key_ring().await? {
            Some(ring) => ring,
            None => self.create_first().await?,
        };
        let root = RootKey::new(&self.unwrap_root(&ring.root).await?)?;
        let signing = ring.signing.iter().map(|stored| {
            let sealed = from_base64url(&stored.sealed).unwrap_or_default();
            let key = EncodingKey::from_ec_der(&root.open(&sealed, &stored.public.kid)?);
            Ok(SigningKey { kid: stored.public.kid.clone(), key, signs_from: stored.signs_from })
        });
        Ok(PrivateKeys {
            signing: signing.collect::<Result<_, Fault>>()?,
            refresh: Zeroizing::new(root.bytes(REFRESH_TOKENS)?),
            mail: root.mac(MAIL_TOKENS)?,
            cursor: root.mac(CURSORS)?,
            fingerprint: root.mac(FINGERPRINTS)?,
            answer: root.mac(ANSWERS)?,
            audit: AuditKey::new(root.mac(AUDIT)?),
            root,
        })
    }

    /// Makes the first keys. Of several that try at once, one wins and all use its keys.
    async fn create_first(&self) -> Result<StoredRing, Fault> {
        let request = self.kms().await.generate_data_key().key_id(&self.0.kms_key_id);
        let request = request
            .key_spec(DataKeySpec::Aes256)
            .encryption_context(ENCRYPTION_CONTEXT.0, ENCRYPTION_CONTEXT.1);
        let made = request.send().await.map_err(|error| aws::fault("making the root key", error))?;
        let plain = made.plaintext.map(Blob::into_inner).map(Zeroizing::new).unwrap_or_default();
        let wrapped = made.ciphertext_blob.map(Blob::into_inner).unwrap_or_default();
        let root = StoredRootKey { wrapped: base64url(&wrapped) };
        let signing = new_signing_key(&RootKey::new(&plain)?)?;
        self.0.store.create_key_ring(&root, &signing).await?;
        let ring = self.0.store.key_ring().await?;
        ring.ok_or_else(|| Fault::broken("making the first keys", "they are not where they were put"))
    }

    async fn unwrap_root(&self, root: &StoredRootKey) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let wrapped = from_base64url(&root.wrapped).unwrap_or_default();
        let request =
            self.kms().await.decrypt().key_id(&self.0.kms_key_id).ciphertext_blob(Blob::new(wrapped));
        let request = request.encryption_context(ENCRYPTION_CONTEXT.0, ENCRYPTION_CONTEXT.1);
        let output = request.send().await.map_err(|error| aws::fault("unwrapping the root key", error))?;
        Ok(output.plaintext.map(Blob::into_inner).map(Zeroizing::new).unwrap_or_default())
    }

    async fn kms(&self) -> &aws_sdk_kms::Client {
        self.0.kms.get_or_init(|| async { aws_sdk_kms::Client::new(&self.0.aws) }).await
    }
}

/// The MAC of `parts`, none of which can be taken for a part of another.
fn mac(key: &hmac::Key, parts: &[&[u8]]) -> hmac::Tag {
    let mut mac = hmac::Context::with_key(key);
    for part in parts {
        // Each part's length tells where it ends.
        mac.update(&part.len().to_be_bytes());
        mac.update(part);
    }
    mac.sign()
}

/// The system's ES256 key pair, made once and never replaced. It signs from the epoch on, for clocks differ.
fn new_signing_key(root: &RootKey) -> Result<StoredSigningKey, Fault> {
    let broken = |error| Fault::broken("making a signing key", error);
    let random = aws_lc_rs::rand::SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).map_err(broken)?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref())
        .map_err(|error| Fault::broken("making a signing key", error))?;
    // An uncompressed point: a byte 4, then both coordinates (SEC 1, 2.3.3).
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let kid = base64url(&random::bytes::<12>());
    let sealed = root.seal(pkcs8.as_ref().to_vec(), &kid)?;
    let public = PublicKey { kid, x: base64url(x), y: base64url(y) };
    Ok(StoredSigningKey { public, sealed: base64url(&sealed), signs_from: Timestamp::UNIX_EPOCH })
}
