//! AWS KMS: one symmetric key that wraps small secrets (`Encrypt`, `Decrypt`, `GenerateDataKey`).
//!
//! The encryption is real, AES-256-GCM with the encryption context as associated data, so that a wrong context or an
//! altered ciphertext is refused here as on AWS.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::StartError;
use crate::aws::{self, ACCOUNT, AwsError, REGION};
use crate::directory::DataDirectory;

/// The file of the master key: 32 random bytes.
const KEY_FILE: &str = "master.key";
/// The most that `Encrypt` takes, in bytes (AWS KMS API reference, Encrypt).
const LONGEST_PLAINTEXT: usize = 4096;

/// The key and its names.
pub(crate) struct Kms {
    key: RandomizedNonceKey,
    /// The key's id, ARN or alias in the functions' settings.
    name: String,
    arn: String,
}

impl Kms {
    /// Takes the master key from the data directory, or makes one.
    pub(crate) fn open(directory: &DataDirectory, name: &str) -> Result<Arc<Self>, StartError> {
        let path = directory.path(KEY_FILE).unwrap_or_default();
        let bytes = if let Some(bytes) = directory.read(KEY_FILE)? {
            bytes
        } else {
            let bytes = random(32).map_err(|_| StartError::Randomness)?;
            directory.write(KEY_FILE, &bytes).map_err(StartError::unusable(&path))?;
            bytes
        };
        let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes);
        let key = key.map_err(|_| StartError::corrupt(&path, &"a key has 32 bytes"))?;
        let arn = format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{}", uuid::Uuid::nil());
        Ok(Arc::new(Self { key, name: name.to_owned(), arn }))
    }

    fn seal(&self, mut plaintext: Vec<u8>, context: &Context) -> Result<Vec<u8>, AwsError> {
        let nonce = self.key.seal_in_place_append_tag(context.associated_data(), &mut plaintext);
        let nonce = nonce.map_err(|_| internal())?;
        Ok([nonce.as_ref().as_slice(), &plaintext].concat())
    }

    fn open_sealed(&self, ciphertext: &[u8], context: &Context) -> Result<Vec<u8>, AwsError> {
        let refused = || AwsError::bad_request("InvalidCiphertextException", "");
        let (nonce, sealed) = ciphertext.split_at_checked(NONCE_LEN).ok_or_else(refused)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| refused())?;
        let mut sealed = sealed.to_vec();
        let plaintext = self.key.open_in_place(nonce, context.associated_data(), &mut sealed);
        plaintext.map(|it| it.to_vec()).map_err(|_| refused())
    }

    fn check_name(&self, name: &str) -> Result<(), AwsError> {
        if name == self.name || name == self.arn {
            return Ok(());
        }
        Err(AwsError::bad_request("NotFoundException", format!("Key '{name}' does not exist")))
    }
}

/// The encryption context: what must be the same at decryption.
#[derive(Default, Deserialize)]
struct Context(BTreeMap<String, String>);

impl Context {
    /// Sorted and delimited, so that two contexts are equal exactly when these bytes are.
    fn associated_data(&self) -> Aad<Vec<u8>> {
        Aad::from(json!(self.0).to_string().into_bytes())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypt {
    key_id: String,
    plaintext: String,
    #[serde(default)]
    encryption_context: Context,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypt {
    key_id: Option<String>,
    ciphertext_blob: String,
    #[serde(default)]
    encryption_context: Context,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GenerateDataKey {
    key_id: String,
    key_spec: Option<String>,
    number_of_bytes: Option<usize>,
    #[serde(default)]
    encryption_context: Context,
}

impl Kms {
    /// Answers a call of `operation`.
    pub(crate) fn call(&self, operation: &str, body: &[u8]) -> Result<Value, AwsError> {
        match operation {
            "Encrypt" => self.encrypt(&aws::parse(body)?),
            "Decrypt" => self.decrypt(&aws::parse(body)?),
            "GenerateDataKey" => self.generate_data_key(&aws::parse(body)?),
            _ => Err(AwsError::bad_request("UnknownOperationException", operation)),
        }
    }

    fn encrypt(&self, asked: &Encrypt) -> Result<Value, AwsError> {
        self.check_name(&asked.key_id)?;
        let plaintext = decode(&asked.plaintext)?;
        if plaintext.is_empty() || plaintext.len() > LONGEST_PLAINTEXT {
            return Err(AwsError::bad_request("ValidationException", "Plaintext must have 1 to 4096 bytes"));
        }
        let ciphertext = self.seal(plaintext, &asked.encryption_context)?;
        Ok(
            json!({ "CiphertextBlob": STANDARD.encode(ciphertext), "KeyId": self.arn, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT" }),
        )
    }

    fn decrypt(&self, asked: &Decrypt) -> Result<Value, AwsError> {
        asked.key_id.as_deref().map_or(Ok(()), |name| self.check_name(name))?;
        let plaintext = self.open_sealed(&decode(&asked.ciphertext_blob)?, &asked.encryption_context)?;
        Ok(
            json!({ "Plaintext": STANDARD.encode(plaintext), "KeyId": self.arn, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT" }),
        )
    }

    fn generate_data_key(&self, asked: &GenerateDataKey) -> Result<Value, AwsError> {
        self.check_name(&asked.key_id)?;
        let length = match (asked.key_spec.as_deref(), asked.number_of_bytes) {
            (Some("AES_256"), None) => 32,
            (Some("AES_128"), None) => 16,
            (None, Some(length @ 1..=1024)) => length,
            _ => {
                return Err(AwsError::bad_request(
                    "ValidationException",
                    "Give either KeySpec or NumberOfBytes",
                ));
            }
        };
        let plaintext = random(length)?;
        let ciphertext = self.seal(plaintext.clone(), &asked.encryption_context)?;
        Ok(
            json!({ "Plaintext": STANDARD.encode(plaintext), "CiphertextBlob": STANDARD.encode(ciphertext), "KeyId": self.arn }),
        )
    }
}

fn decode(base64: &str) -> Result<Vec<u8>, AwsError> {
    STANDARD
        .decode(base64)
        .map_err(|error| AwsError::bad_request("SerializationException", error.to_string()))
}

fn random(length: usize) -> Result<Vec<u8>, AwsError> {
    let mut bytes = vec![0; length];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| internal())?;
    Ok(bytes)
}

fn internal() -> AwsError {
    let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
    AwsError {
        status,
        code: "KMSInternalException",
        message: "the operating system gave no randomness".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Data;
    use crate::directory::Scratch;

    fn kms() -> Arc<Kms> {
        Kms::open(&DataDirectory::open(&Data::Memory).unwrap(), "alias/usher-local").unwrap()
    }

    fn context(user: &str) -> Context {
        Context([("user".to_owned(), user.to_owned())].into())
    }

    #[test]
    fn what_is_sealed_opens_with_its_context_only() {
        let kms = kms();
        let sealed = kms.seal(b"secret".to_vec(), &context("ada")).unwrap();
        assert_eq!(kms.open_sealed(&sealed, &context("ada")).unwrap(), b"secret");
        assert_eq!(kms.open_sealed(&sealed, &context("eve")).unwrap_err().code, "InvalidCiphertextException");
    }

    #[test]
    fn every_altered_byte_is_noticed() {
        let kms = kms();
        let sealed = kms.seal(b"secret".to_vec(), &context("ada")).unwrap();
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(kms.open_sealed(&altered, &context("ada")).is_err(), "byte {at}");
            assert!(kms.open_sealed(&sealed[..at], &context("ada")).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_master_key_outlives_the_process() {
        let scratch = Scratch::new();
        let open = || Kms::open(&DataDirectory::open(&scratch.data()).unwrap(), "alias/usher-local").unwrap();
        let sealed = open().seal(b"secret".to_vec(), &context("ada")).unwrap();
        assert_eq!(open().open_sealed(&sealed, &context("ada")).unwrap(), b"secret");
    }

    #[test]
    fn a_damaged_master_key_is_told_in_one_sentence() {
        let scratch = Scratch::new();
        let directory = DataDirectory::open(&scratch.data()).unwrap();
        directory.write(KEY_FILE, b"short").unwrap();
        let error = Kms::open(&directory, "alias/usher-local").err().unwrap().to_string();
        assert!(error.contains("master.key` is damaged (a key has 32 bytes)"), "{error}");
    }

    #[test]
    fn a_key_of_another_name_does_not_exist() {
        let asked = GenerateDataKey {
            key_id: "alias/other".into(),
            key_spec: Some("AES_256".into()),
            number_of_bytes: None,
            encryption_context: Context::default(),
        };
        assert_eq!(kms().generate_data_key(&asked).unwrap_err().code, "NotFoundException");
    }
}
