//! The gateway under callers who forge tokens and write requests by hand.

use aws_lc_rs::{rsa::KeyPair, signature::KeyPair as _};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use local::jwt::{AUDIENCE, ISSUER, KEY_FILE};
use serde_json::{Value as Json, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::gateway::World;

/// Somebody who has the issuer's private key or does not.
struct Signer {
    pem: String,
    now: i64,
}

impl Signer {
    fn of(world: &World) -> Self {
        let pem = std::fs::read_to_string(world.data.path().join(KEY_FILE)).unwrap();
        // The present, from a token of this moment.
        let payload = BASE64_URL_SAFE_NO_PAD.decode(world.token().split('.').nth(1).unwrap()).unwrap();
        let now = serde_json::from_slice::<Json>(&payload).unwrap()["iat"].as_i64().unwrap();
        Self { pem, now }
    }

    fn claims(&self) -> Json {
        json!({ "iss": ISSUER, "aud": AUDIENCE, "exp": self.now + 600, "sub": "u", "org_id": "demo", "permissions": "messaging.view" })
    }

    fn with(&self, name: &str, value: Json) -> String {
        let mut claims = self.claims();
        claims[name] = value;
        self.sign(&Header::new(Algorithm::RS256), &claims)
    }

    fn without(&self, name: &str) -> String {
        let mut claims = self.claims();
        claims.as_object_mut().unwrap().remove(name);
        self.sign(&Header::new(Algorithm::RS256), &claims)
    }

    fn sign(&self, header: &Header, claims: &Json) -> String {
        encode(header, claims, &EncodingKey::from_rsa_pem(self.pem.as_bytes()).unwrap()).unwrap()
    }

    /// The public key in the forms in which a careless verifier may take it for a secret.
    fn public(&self) -> Vec<Vec<u8>> {
        let lines: String = self.pem.lines().filter(|line| !line.starts_with("--")).collect();
        let pair = KeyPair::from_pkcs8(&BASE64_STANDARD.decode(lines).unwrap()).unwrap();
        let der = pair.public_key().as_ref().to_vec();
        let text = BASE64_STANDARD.encode(&der);
        let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{text}\n-----END RSA PUBLIC KEY-----\n");
        vec![der, text.into_bytes(), pem.into_bytes(), Vec::new()]
    }
}

fn part(json: &Json) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(json.to_string())
}

/// Tokens that must open nothing, by what is wrong with them.
fn forged(signer: &Signer) -> Vec<(&'static str, String)> {
    let (now, claims) = (signer.now, signer.claims());
    let genuine = signer.sign(&Header::new(Algorithm::RS256), &claims);
    let pieces: Vec<&str> = genuine.split('.').collect();
    let mut all = vec![
        ("expired", signer.with("exp", json!(now - 1))),
        ("expired long ago", signer.with("exp", json!(0))),
        ("expiry as text", signer.with("exp", json!((now + 600).to_string()))),
        ("no expiry", signer.without("exp")),
        ("expiry null", signer.with("exp", Json::Null)),
        ("not yet valid", signer.with("nbf", json!(now + 600))),
        ("another audience", signer.with("aud", json!("another"))),
        ("no audience", signer.without("aud")),
        ("audiences without ours", signer.with("aud", json!(["a", "b"]))),
        ("a foreign issuer", signer.with("iss", json!("https://evil.example"))),
        ("an issuer with more", signer.with("iss", json!(format!("{ISSUER}/")))),
        ("no issuer", signer.without("iss")),
        (
            "an unknown key",
            signer.sign(&Header { kid: Some("other".into()), ..Header::new(Algorithm::RS256) }, &claims),
        ),
        (
            "a key of a path",
            signer.sign(
                &Header { kid: Some("../../dev/null".into()), ..Header::new(Algorithm::RS256) },
                &claims,
            ),
        ),
        ("another hash", signer.sign(&Header::new(Algorithm::RS512), &claims)),
        ("another padding", signer.sign(&Header::new(Algorithm::PS256), &claims)),
        ("other claims", format!("{}.{}.{}", pieces[0], part(&json!({ "org_id": "other" })), pieces[2])),
        ("no signature", format!("{}.{}.", pieces[0], pieces[1])),
        ("two parts", format!("{}.{}", pieces[0], pieces[1])),
        ("four parts", format!("{genuine}.x")),
        ("a signature with more", format!("{genuine}A")),
        ("quotes", format!("\"{genuine}\"")),
        ("two tokens", format!("{genuine},{genuine}")),
        ("a huge one", "A".repeat(6_000)),
    ];
    for algorithm in ["none", "None", "NONE", "nOnE", "", "HS256", "RS256 "] {
        let header = part(&json!({ "alg": algorithm, "typ": "JWT" }));
        all.push(("an algorithm of one's own", format!("{header}.{}.", pieces[1])));
        all.push(("an algorithm of one's own", format!("{header}.{}.{}", pieces[1], pieces[2])));
    }
    for secret in signer.public() {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let token = encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(&secret)).unwrap();
            all.push(("the public key as a secret", token));
        }
    }
    let embedded = part(
        &json!({ "alg": "RS256", "jwk": { "kty": "oct", "k": "" }, "jku": "https://evil.example/keys" }),
    );
    all.push(("a key of one's own", format!("{embedded}.{}.{}", pieces[1], pieces[2])));
    all
}

#[tokio::test]
async fn no_token_but_one_that_the_issuer_signed_for_us_and_for_now_opens_anything() {
    let world = World::start().await;
    let signer = Signer::of(&world);
    let genuine = signer.sign(&Header::new(Algorithm::RS256), &signer.claims());
    assert_eq!(
        world.get("/closed", Some(&format!("Bearer {genuine}"))).await.0,
        201,
        "the claims themselves are good"
    );
    assert_eq!(world.get("/closed", Some(&format!("Bearer {}", world.token()))).await.0, 201);
    for (what, token) in forged(&signer) {
        let (status, body) = world.get("/closed", Some(&format!("Bearer {token}"))).await;
        assert_eq!((status.as_u16(), body), (401, json!({ "message": "Unauthorized" })), "{what}: {token}");
    }
    for header in [
        genuine.clone() + " x",
        format!("Bearer {genuine} x"),
        format!("Basic {genuine}"),
        format!("Token {genuine}"),
    ] {
        assert_eq!(world.get("/closed", Some(&header)).await.0, 401, "{header}");
    }
    for path in
        [format!("/closed?access_token={genuine}"), format!("/closed?Authorization=Bearer%20{genuine}")]
    {
        assert_eq!(world.get(&path, None).await.0, 401);
    }
    world.pool.stop(Duration::from_secs(5)).await;
}

/// Writes bytes to the gateway and answers what comes back; empty if it hangs up, or waits for the rest of a request.
async fn raw(world: &World, request: &[u8]) -> String {
    let address = world.base.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    // A gateway that has seen enough may close before all is written.
    let _unsent = stream.write_all(request).await.is_err();
    let mut answer = Vec::new();
    let _reset_or_waits =
        tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.is_err();
    String::from_utf8_lossy(&answer).into_owned()
}

fn request(line: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

#[tokio::test]
async fn whatever_is_written_to_the_gateway_by_hand_reaches_the_function_or_is_refused() {
    let world = World::start().await;
    let long = "a".repeat(7_000);
    let mut requests: Vec<Vec<u8>> = Vec::new();
    for path in [
        "/open/%00",
        "/open/%ff%fe",
        "/open/%c0%af",
        "/open/%ed%a0%80",
        "/open/%",
        "/open/%zz",
        "/open/%2e%2e%2fclosed",
        "/open/../closed",
        "/open/a%2fb",
        "/open/%0d%0aSet-Cookie:%20a=b",
        "/open/é",
        "//open/x",
        "/open//x",
        "/open/x/",
        "/open/x;a=b",
        "/OPEN/x",
        "/open/x#y",
        "*",
        "http://evil.example/open/x",
        "/open/x?%00=%ff&&&=&",
        "/open/x?a=1&a=2&a[]=3",
    ] {
        requests.push(request(&format!("GET {path}"), "", ""));
    }
    requests.push(request(&format!("GET /open/{long}?{long}"), "", ""));
    requests.push(request(&format!("GET /open/x?{}", "a=b&".repeat(1_000)), "", ""));
    for method in ["OPTIONS", "HEAD", "TRACE", "PATCH", "FOO", "get", "CONNECT"] {
        requests.push(request(&format!("{method} /open/x"), "", ""));
    }
    for headers in [
        "X-A: \u{fffd}\r\n",
        "X-A: é\r\n",
        "X-A:\r\n",
        "X-A: 1\r\nX-A: 2\r\n",
        "Cookie: a=b; ;;; =\r\nCookie: \u{1}\r\n",
        "X-A: a\tb\r\n",
        "Content-Type: \r\n",
        "Content-Type: application/json; charset=\"\r\n",
        "Transfer-Encoding: chunked\r\n",
        "X A: 1\r\n",
        "X-A: a\0b\r\n",
        "Expect: 100-continue\r\n",
        "Authorization: Bearer \u{fffd}\r\n",
        "Origin: null\r\n",
        "X-Forwarded-For: evil\r\n",
    ] {
        requests.push(request("POST /open/x", headers, "{}"));
    }
    requests.push(request("POST /open/x", &"X-A: 1\r\n".repeat(90), "{}"));
    requests.push(
        b"POST /open/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n\xff\xfe"
            .to_vec(),
    );
    requests.push(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec());
    requests.push(b"GET /open/x HTTP/9.9\r\n\r\n".to_vec());
    requests.push(b"\r\n\r\n\r\n".to_vec());
    for request in requests {
        let shown = String::from_utf8_lossy(&request).chars().take(120).collect::<String>();
        let answer = raw(&world, &request).await;
        // Who asks whether to go on is told so first.
        let answer = answer.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&answer);
        let status = answer.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
        assert!(status.is_none_or(|status| (200..500).contains(&status)), "{shown:?}: {answer:.200}");
        let head = answer.split("\r\n\r\n").next().unwrap_or_default();
        assert!(!head.to_lowercase().contains("set-cookie"), "{shown:?}: {answer:.200}");
    }
    assert_eq!(world.get("/open/x", None).await.0, 201, "and it still serves");
    world.pool.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_function_never_sees_what_only_the_gateway_may_say() {
    let world = World::start().await;
    let claims = json!({ "requestContext": { "authorizer": { "jwt": { "claims": { "org_id": "demo" } } } } });
    let answer = world
        .http
        .post(format!("{}/open/x", world.base))
        .json(&claims)
        .header("x-forwarded-for", "1.2.3.4")
        .send()
        .await
        .unwrap();
    let event: Json = answer.json().await.unwrap();
    assert!(event["requestContext"].get("authorizer").is_none(), "{event}");
    assert_eq!(event["headers"]["x-forwarded-for"], "127.0.0.1");
    world.pool.stop(Duration::from_secs(5)).await;
}
