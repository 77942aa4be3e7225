//! Signed tokens in their compact form (RFC 7515, section 7.1), and the keys of who signs them (RFC 7517).

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use ring::digest::{SHA256, SHA512, digest};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;
use unseen_texts::{Text, text};

use crate::error::{SignOnError, words};

/// The longest token that is read, in bytes.
const MAX_TOKEN: usize = 64 << 10;

/// The public keys that an identity provider publishes, as far as they are of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet(Vec<Key>);

/// What a token signed by one of these keys holds.
pub(crate) struct Opened {
    pub(crate) payload: Vec<u8>,
    pub(crate) algorithm: Algorithm,
}

impl KeySet {
    /// Reads a JWK set (RFC 7517, section 5). Keys for other ends or of other kinds are passed over, as it says.
    pub fn parse(bytes: &[u8]) -> Result<KeySet, SignOnError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(bytes)
            .map_err(|why| SignOnError::unreadable(text!("identity provider's key set", "身份提供方的密钥集"), &why))?;
        Ok(KeySet(set.keys.into_iter().filter_map(Key::read).collect()))
    }

    /// How many keys there are of which use can be made.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no such key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The payload of a token that one of these keys signed; the one that it names, if it names one.
    pub(crate) fn open(&self, token: &str) -> Result<Opened, SignOnError> {
        let parts: Vec<&str> = token.split('.').collect();
        let &[header, payload, signature] = &parts[..] else {
            return Err(malformed(text!("it does not have three parts", "它不是由三部分组成")));
        };
        if token.len() > MAX_TOKEN {
            return Err(malformed(text!("it is too long", "它过长")));
        }
        let signed = &token.as_bytes()[..header.len() + 1 + payload.len()];
        let [head, payload, signature] = [header, payload, signature].map(decode);
        let not_base64 = || malformed(text!("a part is not strict base64url", "有一部分不是严格的 base64url"));
        let head = head.ok_or_else(not_base64)?;
        let head: Header = serde_json::from_slice(&head).map_err(|why| SignOnError::unreadable(TOKEN, &why))?;
        let algorithm = Algorithm::read(&head.alg).ok_or_else(|| SignOnError::Algorithm(words(&head.alg)))?;
        if head.crit.is_some() {
            return Err(malformed(text!("it uses extensions that are not known here", "它用到此处不认识的扩展")));
        }
        if head.typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("jwt")) {
            return Err(malformed(text!("it is a token of another type", "它是别的类型的令牌")));
        }
        let (payload, signature) = (payload.ok_or_else(not_base64)?, signature.ok_or_else(not_base64)?);
        let named = |key: &&Key| head.kid.is_none() || head.kid == key.id;
        let mut keys = self.0.iter().filter(|key| key.public.algorithm() == algorithm).filter(named).peekable();
        let unknown = head.kid.is_none() || keys.peek().is_none();
        match keys.any(|key| key.public.verifies(signed, &signature)) {
            true => Ok(Opened { payload, algorithm }),
            false if unknown => {
                let kid = words(head.kid.as_deref().unwrap_or("-"));
                Err(SignOnError::NoKey { alg: algorithm.name(), kid })
            }
            false => Err(SignOnError::Signature),
        }
    }
}

/// What texts about a token call it.
pub(crate) const TOKEN: Text = text!("ID token", "ID 令牌");

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// How a token is signed. A key is for one of these; that `none` and the HMACs are not here is the defence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    /// By its name in a header or a key. RFC 9864 calls EdDSA by its curve.
    pub(crate) fn read(name: &str) -> Option<Algorithm> {
        match name {
            "RS256" => Some(Algorithm::Rs256),
            "ES256" => Some(Algorithm::Es256),
            "EdDSA" | "Ed25519" => Some(Algorithm::EdDsa),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Es256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
        }
    }

    /// What `at_hash` must be beside this access token (OpenID Connect Core 1.0, section 3.1.3.6): the left half
    /// of its digest by the function that the signature uses.
    pub(crate) fn left_half(self, access_token: &str) -> String {
        let function = if self == Algorithm::EdDsa { &SHA512 } else { &SHA256 };
        let digest = digest(function, access_token.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(&digest.as_ref()[..digest.as_ref().len() / 2])
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    id: Option<String>,
    public: Public,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Public {
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Key {
    /// A key of a set, if it is for verifying a signature of a kind that is known.
    fn read(value: Value) -> Option<Key> {
        #[derive(Deserialize)]
        struct Jwk {
            kty: String,
            kid: Option<String>,
            r#use: Option<String>,
            key_ops: Option<Vec<String>>,
            alg: Option<String>,
            crv: Option<String>,
            n: Option<String>,
            e: Option<String>,
            x: Option<String>,
            y: Option<String>,
        }
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let part = |part: &Option<String>| part.as_deref().and_then(decode);
        let coordinate = |text: &Option<String>| part(text).filter(|bytes| bytes.len() == 32);
        let public = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => Public::Rsa { n: part(&jwk.n)?, e: part(&jwk.e)? },
            ("EC", Some("P-256")) => Public::P256([vec![4], coordinate(&jwk.x)?, coordinate(&jwk.y)?].concat()),
            ("OKP", Some("Ed25519")) => Public::Ed25519(coordinate(&jwk.x)?),
            _ => return None,
        };
        let fits = jwk.r#use.is_none_or(|end| end == "sig")
            && jwk.key_ops.is_none_or(|ends| ends.iter().any(|end| end == "verify"))
            && jwk.alg.is_none_or(|alg| Algorithm::read(&alg) == Some(public.algorithm()));
        fits.then_some(Key { id: jwk.kid, public })
    }
}

impl Public {
    fn algorithm(&self) -> Algorithm {
        match self {
            Public::Rsa { .. } => Algorithm::Rs256,
            Public::P256(_) => Algorithm::Es256,
            Public::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verdict = match self {
            Public::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            Public::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature),
            Public::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
        };
        verdict.is_ok()
    }
}

fn malformed(why: Text) -> SignOnError {
    SignOnError::Unreadable { what: TOKEN, why: why.into() }
}

/// Without padding, and with no bit that counts for nothing, so that bytes have one text.
fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515, appendices A.2 and A.3; RFC 8037, appendix A.4, whose payload is no JSON.
    const GOLDEN: [(&str, &str, &str); 3] = [
        (
            r#"{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#,
            "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
            "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}",
        ),
        (
            r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}",
        ),
        (
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
            "Example of Ed25519 signing",
        ),
    ];

    fn keys(keys: &[&str]) -> KeySet {
        KeySet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes()).unwrap()
    }

    #[test]
    fn the_examples_of_the_standards_open_and_no_altered_one_does() {
        let all = keys(&GOLDEN.map(|(key, _, _)| key));
        for (key, token, payload) in GOLDEN {
            assert_eq!(all.open(token).unwrap().payload, payload.as_bytes());
            let own = keys(&[key]);
            for at in 0..token.len() {
                let old = token.as_bytes()[at];
                for new in [old ^ 1, b'A' + (old + 1) % 26, b'.'] {
                    let altered = [&token[..at], &char::from(new).to_string(), &token[at + 1..]].concat();
                    assert!(altered == token || own.open(&altered).is_err(), "{altered}");
                }
                assert!(own.open(&token[..at]).is_err());
            }
            assert!(own.open(&format!("{token}=")).is_err(), "padding");
        }
    }

    #[test]
    fn keys_for_other_ends_are_passed_over() {
        let (ec, okp) = (GOLDEN[1].0, GOLDEN[2].0);
        let with = |key: &str, more: &str| key.replacen('{', &format!("{{{more},"), 1);
        for more in [r#""use":"sig""#, r#""key_ops":["verify"]"#, r#""alg":"Ed25519""#, r#""new":1"#] {
            assert_eq!(keys(&[&with(okp, more)]).len(), 1, "{more}");
        }
        for more in [r#""use":"enc""#, r#""key_ops":["sign"]"#, r#""alg":"ES256""#, r#""alg":"HS256""#, r#""kid":1"#] {
            assert!(keys(&[&with(okp, more)]).is_empty(), "{more}");
        }
        let odd = [r#"{"kty":"oct","k":"AAAA"}"#, "1", &okp.replace("URo", "UR"), &ec.replace("P-256", "P-384")];
        assert!(keys(&odd).is_empty());
        assert!(KeySet::parse(b"{}").is_err());
    }
}
