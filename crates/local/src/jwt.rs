//! Tokens of this machine: the key, `token`'s signature and the gateway's check.

use aws_lc_rs::{
    digest::{SHA256, digest},
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use base64::{Engine, prelude::BASE64_STANDARD};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode, errors::ErrorKind,
};
use serde_json::{Map, Value as Json, json};

use crate::{clock, data::DataFolder};

/// Issuer of local tokens.
pub const ISSUER: &str = "https://local.tidings.invalid";
/// Audience of local tokens.
pub const AUDIENCE: &str = "tidings";

/// The key, in a data folder.
pub const KEY_FILE: &str = "jwt-key.pem";
const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// The RSA key of a data folder.
pub struct Keys {
    private: EncodingKey,
    public: DecodingKey,
    /// The key's name in the tokens that it signs.
    kid: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

/// Who a token is for and what it allows.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The organisation.
    pub org_id: String,
    /// The user.
    pub sub: String,
    /// Permissions, as in `messaging.send`.
    pub permissions: Vec<String>,
    /// How long it holds.
    pub ttl: Duration,
}

impl Keys {
    /// The key of a folder; made at the first start, readable by its owner alone.
    ///
    /// # Errors
    /// When it cannot be read or written, or is no key.
    pub fn load_or_create(data: &DataFolder) -> Result<Self> {
        if let Some(pem) = data.read(KEY_FILE)? {
            return Self::from_pem(&pem);
        }
        let pem = generate()?;
        data.write_private(KEY_FILE, &pem)?;
        Self::from_pem(&pem)
    }

    /// The key of a folder that a stack has used.
    ///
    /// # Errors
    /// When there is none.
    pub fn load(data: &DataFolder) -> Result<Self> {
        let pem = data.read(KEY_FILE)?;
        let missing = || format!("{} has no {KEY_FILE}; start the stack first", data.path().display());
        Self::from_pem(&pem.with_context(missing)?)
    }

    fn from_pem(pem: &str) -> Result<Self> {
        let der = from_pem(pem).with_context(|| format!("{KEY_FILE} is not a PKCS #8 key in PEM"))?;
        let pair =
            KeyPair::from_pkcs8(&der).map_err(|error| anyhow!("{KEY_FILE} holds no RSA key: {error}"))?;
        let public = pair.public_key().as_ref();
        let name = digest(&SHA256, public);
        Ok(Self {
            private: EncodingKey::from_rsa_pem(pem.as_bytes())?,
            public: DecodingKey::from_rsa_der(public),
            kid: hex::encode(name.as_ref().get(..8).unwrap_or_default()),
        })
    }

    /// Signs a token.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn sign(&self, grant: &Grant) -> Result<String> {
        let now = clock::now().timestamp();
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "iat": now, "nbf": now,
            "exp": now.saturating_add(i64::try_from(grant.ttl.as_secs())?),
            "sub": grant.sub, "org_id": grant.org_id, "permissions": grant.permissions.join(" "),
        });
        self.sign_claims(&claims)
    }

    fn sign_claims(&self, claims: &Json) -> Result<String> {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::RS256) };
        Ok(encode(&header, claims, &self.private)?)
    }

    /// The claims of a token that this key signed, for this issuer and audience, and that holds now.
    ///
    /// # Errors
    /// Why the token is not accepted.
    pub fn verify(&self, token: &str) -> Result<Map<String, Json>, jsonwebtoken::errors::Error> {
        let mut rules = Validation::new(Algorithm::RS256);
        rules.leeway = 0;
        rules.validate_nbf = true;
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&[AUDIENCE]);
        rules.set_required_spec_claims(&["exp", "iss", "aud"]);
        // API Gateway looks the key up by this name. A token without one is taken to be of the only key.
        if decode_header(token)?.kid.is_some_and(|kid| kid != self.kid) {
            return Err(ErrorKind::InvalidToken.into());
        }
        Ok(decode(token, &self.public, &rules)?.claims)
    }
}

fn generate() -> Result<String> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("cannot generate an RSA key"))?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| anyhow!("cannot write down an RSA key"))?;
    Ok(to_pem(der.as_ref()))
}

fn to_pem(der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<String> =
        text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", lines.join("\n"))
}

fn from_pem(pem: &str) -> Option<Vec<u8>> {
    let text = pem.trim().strip_prefix(PEM_BEGIN)?.strip_suffix(PEM_END)?;
    let text: String = text.split_whitespace().collect();
    BASE64_STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    use super::*;

    fn keys() -> Keys {
        Keys::from_pem(&generate().unwrap()).unwrap()
    }

    fn claims() -> Json {
        let now = clock::now().timestamp();
        json!({"iss": ISSUER, "aud": AUDIENCE, "exp": now + 60, "sub": "u", "org_id": "demo"})
    }

    fn with(field: &str, value: Json) -> Json {
        let mut claims = claims();
        claims[field] = value;
        claims
    }

    #[test]
    fn a_signed_grant_is_accepted_with_its_claims() {
        let keys = keys();
        let grant = Grant {
            org_id: "demo".into(),
            sub: "ana".into(),
            permissions: vec!["members.view".into(), "messaging.send".into()],
            ttl: Duration::from_mins(1),
        };
        let claims = keys.verify(&keys.sign(&grant).unwrap()).unwrap();
        assert_eq!(claims["org_id"], "demo");
        assert_eq!(claims["permissions"], "members.view messaging.send");
    }

    #[test]
    fn the_key_of_a_folder_stays_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::create(folder.path()).unwrap();
        let token = Keys::load_or_create(&data).unwrap().sign_claims(&claims()).unwrap();
        Keys::load_or_create(&data).unwrap().verify(&token).unwrap();
        Keys::load(&data).unwrap().verify(&token).unwrap();
    }

    #[test]
    fn tokens_that_do_not_hold_are_refused() {
        let keys = keys();
        let now = clock::now().timestamp();
        let refused = [
            with("exp", json!(now - 1)),
            with("exp", json!("soon")),
            with("exp", Json::Null),
            with("nbf", json!(now + 60)),
            with("iss", json!("https://elsewhere.example")),
            with("iss", Json::Null),
            with("aud", json!("another")),
            with("aud", Json::Null),
        ];
        for claims in refused {
            let token = keys.sign_claims(&claims).unwrap();
            assert!(keys.verify(&token).is_err(), "{claims}");
        }
    }

    #[test]
    fn a_token_of_another_key_is_refused() {
        let token = keys().sign_claims(&claims()).unwrap();
        assert!(keys().verify(&token).is_err());
    }

    #[test]
    fn a_token_without_signature_or_signed_with_the_public_key_as_a_secret_is_refused() {
        let keys = keys();
        let signed = keys.sign_claims(&claims()).unwrap();
        let payload = signed.split('.').nth(1).unwrap();
        let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        for token in
            [format!("{header}.{payload}."), format!("{header}.{payload}"), String::new(), "a.b.c".into()]
        {
            assert!(keys.verify(&token).is_err(), "{token}");
        }
        let secret = EncodingKey::from_secret(b"public key");
        let token = encode(&Header::new(Algorithm::HS256), &claims(), &secret).unwrap();
        assert!(keys.verify(&token).is_err());
    }

    #[test]
    fn a_changed_payload_is_refused() {
        let keys = keys();
        let signed = keys.sign_claims(&claims()).unwrap();
        let parts: Vec<&str> = signed.split('.').collect();
        let other = BASE64_URL_SAFE_NO_PAD.encode(with("org_id", json!("other")).to_string());
        assert!(keys.verify(&format!("{}.{other}.{}", parts[0], parts[2])).is_err());
    }
}
