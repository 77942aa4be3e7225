//! Encryption for keeping and for carrying: AES-256-GCM under keys derived for one purpose.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::{hkdf, hmac};

/// Keys of one purpose under one secret.
pub(crate) struct Sealing {
    body: LessSafeKey,
    nonce: hmac::Key,
    purpose: &'static [u8],
}

impl Sealing {
    /// `purpose` stands before all that is sealed, and nothing of another purpose opens.
    pub fn new(purpose: &'static [u8], key: &[u8; 32]) -> Sealing {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, purpose).extract(key);
        let body = root.expand(&[b"body"], &AES_256_GCM).map(|material| LessSafeKey::new(UnboundKey::from(material)));
        let nonce = root.expand(&[b"nonce"], hmac::HMAC_SHA256).map(hmac::Key::from);
        let (body, nonce) =
            body.and_then(|body| nonce.map(|nonce| (body, nonce))).expect("invariant: HKDF yields two keys");
        Sealing { body, nonce, purpose }
    }

    /// Encrypts. The same content and `bound` give the same bytes: the nonce is a keyed hash of both.
    pub fn seal(&self, bound: &[u8], mut content: Vec<u8>) -> Vec<u8> {
        let tag = hmac::sign(&self.nonce, &[bound, &content].concat());
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&tag.as_ref()[..12]);
        self.body
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), self.aad(bound), &mut content)
            .expect("invariant: what is sealed is shorter than 64 GiB");
        [self.purpose, &nonce, &content].concat()
    }

    /// Back from [`Sealing::seal`] with the same `bound`; `None` for anything else.
    pub fn open(&self, bound: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = bytes.strip_prefix(self.purpose)?.split_first_chunk::<12>()?;
        let mut content = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.body.open_in_place(nonce, self.aad(bound), &mut content).ok()?.len();
        content.truncate(length);
        Some(content)
    }

    fn aad(&self, bound: &[u8]) -> Aad<Vec<u8>> {
        Aad::from([self.purpose, bound].concat())
    }
}
