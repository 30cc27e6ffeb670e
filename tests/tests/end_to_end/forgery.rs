//! Access tokens: what is forged is refused without asking the table (RFC 8725), and what is ours others can
//! check.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use tests::{Client, PASSWORD, System};

const SECRET: &str = "a secret of at least thirty-two bytes";

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A good token, taken apart; a base for bad ones.
struct Token {
    header: Value,
    claims: Value,
    signature: String,
}

impl Token {
    fn of(client: &Client) -> Self {
        Self::parse(client.token())
    }

    fn parse(token: &str) -> Self {
        let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
        Self { header: decoded(header), claims: decoded(claims), signature: signature.to_owned() }
    }

    /// With this claim instead of its own.
    fn claim(&self, name: &str, value: impl Into<Value>) -> Self {
        let mut claims = self.claims.clone();
        claims[name] = value.into();
        Self { header: self.header.clone(), claims, signature: self.signature.clone() }
    }

    /// With this in its header.
    fn header(&self, name: &str, value: impl Into<Value>) -> Self {
        let mut header = self.header.clone();
        header[name] = value.into();
        Self { header, claims: self.claims.clone(), signature: self.signature.clone() }
    }

    fn unsigned(&self) -> String {
        format!("{}.{}", encoded(&self.header), encoded(&self.claims))
    }

    /// With the signature that it had.
    fn text(&self) -> String {
        format!("{}.{}", self.unsigned(), self.signature)
    }

    /// Signed with HMAC and `key`.
    fn hs256(&self, key: &[u8]) -> String {
        let message = self.header("alg", "HS256").unsigned();
        let key = EncodingKey::from_secret(key);
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{message}.{signature}")
    }

    /// Signed with a key pair that is not the system's.
    fn es256(&self) -> String {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let key = EncodingKey::from_ec_der(pkcs8.unwrap().as_ref());
        let message = self.unsigned();
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::ES256).unwrap();
        format!("{message}.{signature}")
    }
}

/// Asserts that each token is refused, and that the table was not asked.
async fn assert_forged(client: &Client, tokens: &[String]) {
    for token in tokens {
        let answer = client.with_token(Some(token)).get("/api/v1/profile/me").await;
        let shown = token.get(..200).unwrap_or(token);
        assert_eq!((answer.status, answer.calls()), (401, 0), "{shown}: {}", answer.text);
    }
}

/// An administrator whose token the system has just found good: the public keys are loaded.
async fn signed_in(system: &System) -> Client {
    let admin = system.admin().await;
    admin.get("/api/v1/profile/me").await.expect(200);
    admin
}

#[tokio::test]
async fn a_token_without_a_signature_is_forged() {
    let system = System::start().await;
    let admin = signed_in(&system).await;
    let token = Token::of(&admin);
    let mut forged = vec![token.unsigned(), format!("{}.", token.unsigned())];
    for algorithm in ["none", "None", "NONE", "nOnE", ""] {
        let none = token.header("alg", algorithm);
        forged.extend([none.text(), format!("{}.", none.unsigned()), none.unsigned()]);
    }
    forged.push(token.header("alg", Value::Null).text());
    assert_forged(&admin, &forged).await;
}

#[tokio::test]
async fn a_public_key_is_no_secret_to_sign_with() {
    let system = System::start().await;
    let admin = signed_in(&system).await;
    let keys = admin.get("/.well-known/jwks.json").await.expect(200);
    let key = &keys["keys"][0];
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    // SubjectPublicKeyInfo of a point on P-256 (RFC 5480).
    let algorithm = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
        \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
    let der = [algorithm.as_slice(), &point].concat();
    let body = STANDARD.encode(&der);
    let pem =
        format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n", &body[..64], &body[64..]);
    let secrets = [
        pem.clone().into_bytes(),
        pem.trim_end().to_owned().into_bytes(),
        der,
        point,
        coordinate("x"),
        key.to_string().into_bytes(),
        keys.to_string().into_bytes(),
        Vec::new(),
    ];
    let token = Token::of(&admin);
    assert_forged(&admin, &secrets.map(|secret| token.hs256(&secret))).await;
}

#[tokio::test]
async fn a_header_names_no_key_of_its_own() {
    let system = System::start().await;
    let admin = signed_in(&system).await;
    let token = Token::of(&admin);
    let kids = ["../../dev/null", "/dev/null", "' OR '1'='1", "key; rm", "", "unknown", &"k".repeat(5000)];
    let mut forged: Vec<_> = kids.iter().map(|kid| token.header("kid", *kid).hs256(b"")).collect();
    forged.extend(kids.iter().map(|kid| token.header("kid", *kid).es256()));
    let key = json!({ "kty": "oct", "k": "AAAA" });
    for header in ["jku", "x5u"] {
        forged.push(token.header(header, "http://127.0.0.1:1/jwks.json").es256());
    }
    forged.push(token.header("jwk", key.clone()).hs256(&[0, 0, 0]));
    forged.push(token.header("x5c", json!(["MIIB"])).es256());
    forged.push(token.header("crit", json!(["exp"])).es256());
    assert_forged(&admin, &forged).await;
}

#[tokio::test]
async fn a_token_signed_by_somebody_else_is_forged() {
    let system = System::start().await;
    let admin = signed_in(&system).await;
    let token = Token::of(&admin);
    let other = system.verified("ada@example.com").await.1;
    let forged =
        [token.es256(), token.claim("sub", other.as_str()).es256(), token.claim("sub", other).text()];
    assert_forged(&admin, &forged).await;
}

#[tokio::test]
async fn a_token_that_was_edited_is_forged() {
    let system = System::start().await;
    let admin = signed_in(&system).await;
    let (token, text) = (Token::of(&admin), admin.token().to_owned());
    let zeros = URL_SAFE_NO_PAD.encode([0; 64]);
    let mut forged = vec![
        token.claim("exp", 9_999_999_999_i64).text(),
        token.claim("role", "user").text(),
        token.header("typ", "at+jwt").text(),
        format!("{}.{zeros}", token.unsigned()),
        format!("{text}.{}", token.signature),
        format!("{text}."),
        format!(".{text}"),
        format!("{text}="),
        text.replace('.', ".."),
        text.replace('-', "+").replace('_', "/") + "==",
        format!("{text}{}", "A".repeat(8 * 1024)),
        token.claim("padding", "x".repeat(9000)).text(),
        "e30.e30.e30".to_owned(),
    ];
    forged.extend([1, 2, 10, text.len() / 2].map(|missing| text[..text.len() - missing].to_owned()));
    // The last character holds two bits of the signature; the other four may not be used to spell it anew.
    let (rest, last) = text.split_at(text.len() - 1);
    forged.extend(
        ["A", "B", "Q", "R", "g", "h", "w", "x"]
            .iter()
            .filter(|it| **it != last)
            .map(|it| format!("{rest}{it}")),
    );
    assert_forged(&admin, &forged).await;
}

/// A system that signs with a shared secret, and tokens signed with it: only their claims are wrong.
async fn assert_claims_refused(wrong: impl Fn(&Token, i64) -> Vec<Token>) {
    let system = System::start_with(&[("JWT_SECRET_KEY", SECRET)]).await;
    let admin = signed_in(&system).await;
    let token = Token::of(&admin);
    let issued_at = token.claims["iat"].as_i64().unwrap();
    let tokens = wrong(&token, issued_at);
    assert_forged(&admin, &tokens.iter().map(|it| it.hs256(SECRET.as_bytes())).collect::<Vec<_>>()).await;
    // With its own claims it would have been good.
    let good = admin.with_token(Some(&token.hs256(SECRET.as_bytes())));
    good.get("/api/v1/profile/me").await.expect(200);
}

#[tokio::test]
async fn a_token_is_good_in_its_time_only() {
    assert_claims_refused(|token, issued_at| {
        let late = [issued_at - 1, 0, -1].map(|at| token.claim("exp", at));
        let early = token.claim("iat", issued_at + 300);
        let no_number = [json!("9999999999"), json!(1e300), Value::Null, json!(9_999_999_999.5)];
        let no_number = no_number.map(|value| token.claim("exp", value));
        late.into_iter().chain([early]).chain(no_number).collect()
    })
    .await;
}

#[tokio::test]
async fn a_token_is_good_for_us_only() {
    assert_claims_refused(|token, _| {
        vec![
            token.claim("iss", "https://elsewhere.example"),
            token.claim("iss", Value::Null),
            token.claim("aud", "others"),
            token.claim("aud", json!(["usher", "others"])),
            token.claim("type", "refresh"),
            token.claim("type", "verification"),
            token.claim("type", Value::Null),
            token.claim("sub", "nobody"),
            token.claim("sid", Value::Null),
        ]
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_is_no_access_token_and_an_access_token_no_refresh_token() {
    let system = System::start().await;
    let admin = signed_in(&system).await;
    assert_forged(&admin, std::slice::from_ref(&admin.refresh_token)).await;
    let answer = admin.refresh(admin.token()).await;
    assert_eq!((answer.refused(401).as_str(), answer.calls()), ("INVALID_TOKEN", 0));
    // Nor where both are signed alike.
    let system = System::start_with(&[("JWT_SECRET_KEY", SECRET)]).await;
    let admin = signed_in(&system).await;
    assert_forged(&admin, std::slice::from_ref(&admin.refresh_token)).await;
    let as_refresh = Token::of(&admin).claim("type", "refresh").hs256(SECRET.as_bytes());
    for token in [admin.token(), &as_refresh] {
        assert_eq!(admin.refresh(token).await.refused(401), "INVALID_TOKEN");
    }
}

#[tokio::test]
async fn a_forged_refresh_token_is_refused_without_asking_the_table() {
    let system = System::start().await;
    let admin = system.admin().await;
    let token = Token::parse(&admin.refresh_token);
    let forged = [
        token.header("alg", "none").text(),
        token.hs256(b""),
        token.claim("exp", 9_999_999_999_i64).text(),
        token.es256(),
        "A".repeat(9000),
    ];
    for token in forged {
        let answer = admin.refresh(&token).await;
        assert_eq!((answer.refused(401).as_str(), answer.calls()), ("INVALID_TOKEN", 0));
    }
}

#[tokio::test]
async fn unknown_keys_are_looked_for_once_a_minute_at_most() {
    let system = System::start().await;
    let admin = signed_in(&system).await;
    let unknown = admin.with_token(Some(&Token::of(&admin).header("kid", "unknown").text()));
    system.advance(61).await;
    let mut calls = Vec::new();
    for _ in 0..5 {
        calls.push(unknown.get("/api/v1/profile/me").await.calls());
    }
    assert_eq!(calls, [1, 0, 0, 0, 0]);
}

#[tokio::test]
async fn others_can_check_our_tokens_with_the_published_keys() {
    let system = System::start().await;
    let admin = system.admin().await;
    let answer = admin.get("/.well-known/jwks.json").await;
    assert_eq!(answer.header("cache-control"), "public, max-age=900");
    let keys: JwkSet = serde_json::from_value(answer.expect(200)).unwrap();
    let kid = jsonwebtoken::decode_header(admin.token()).unwrap().kid.unwrap();
    let key = DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&["usher"]);
    let claims = jsonwebtoken::decode::<Value>(admin.token(), &key, &validation).unwrap().claims;
    let me = admin.get("/api/v1/auth/me").await.expect(200);
    assert_eq!(
        (&claims["sub"], &claims["email"], &claims["role"]),
        (&me["user_id"], &me["email"], &me["role"])
    );
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
}

#[tokio::test]
async fn with_a_shared_secret_tokens_are_signed_with_it_and_the_published_key_is_for_checkpoints_alone() {
    let system = System::start_with(&[("JWT_SECRET_KEY", SECRET)]).await;
    let admin = signed_in(&system).await;
    system.drain().await;
    let kid = &admin.get("/.well-known/jwks.json").await.expect(200)["keys"][0]["kid"];
    let verdict = admin.get("/api/v1/audit/verify").await.expect(200);
    assert_eq!(
        jsonwebtoken::decode_header(verdict["checkpoint"].as_str().unwrap()).unwrap().kid,
        kid.as_str().map(Into::into)
    );
    assert_eq!(Token::of(&admin).header["alg"], "HS256");
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&["usher"]);
    let key = DecodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::decode::<Value>(admin.token(), &key, &validation).unwrap();
    let forged =
        [Token::of(&admin).hs256(b"another secret of at least thirty-two bytes"), Token::of(&admin).es256()];
    assert_forged(&admin, &forged).await;
    system.anybody().signed_in(tests::ADMIN, PASSWORD).await.refresh(&admin.refresh_token).await.expect(200);
    let header = Header::new(Algorithm::HS256);
    assert!(header.kid.is_none());
}
