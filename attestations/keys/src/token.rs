//! A private key on a PKCS#11 token.

use crate::{KeyStoreError, read_secret, uri::KeyUri};
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error, RvError},
    mechanism::{
        Mechanism,
        eddsa::{EddsaParams, EddsaSignatureScheme},
    },
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    slot::Slot,
    types::AuthPin,
};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};
use unseen_texts::{Sentence, say, text};
use unseen_tlog::{KeyError, Signer, VerifyingKey};

/// The SubjectPublicKeyInfo of an Ed25519 key (RFC 8410), up to its 32 bytes.
const SPKI: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
/// An OCTET STRING of 32 bytes, up to them.
const OCTETS: &[u8] = b"\x04\x20";

/// An Ed25519 key on a token. The session stays open; if the token goes away and comes back, it is opened
/// again, once for each signature.
pub(crate) struct TokenKey {
    uri: KeyUri,
    public: VerifyingKey,
    state: Mutex<LoginState>,
}

enum LoginState {
    Open(Opened),
    /// The token refused the PIN. Asking again and again would lock it.
    PinRefused(Sentence),
}

struct Opened {
    session: Session,
    private: ObjectHandle,
    public: VerifyingKey,
}

impl TokenKey {
    /// Finds the key, logs in, and reads the public half.
    pub fn open(uri: KeyUri) -> Result<TokenKey, KeyStoreError> {
        let opened = Opened::open(&uri)?;
        Ok(TokenKey { public: opened.public, state: Mutex::new(LoginState::Open(opened)), uri })
    }

    /// What the token answers, opening it again if it has gone away.
    fn ask(&self, message: &[u8]) -> Result<Vec<u8>, KeyStoreError> {
        let mut state = lock(&self.state);
        let opened = match &*state {
            LoginState::Open(opened) => opened,
            LoginState::PinRefused(why) => return Err(KeyStoreError::PinRefused(why.clone())),
        };
        match opened.sign(message) {
            Err(Error::Pkcs11(code, _)) if has_gone(code) => {}
            answer => return answer.map_err(failed),
        }
        let reopened = Opened::open(&self.uri).inspect_err(|error| {
            if let KeyStoreError::PinRefused(why) = error {
                *state = LoginState::PinRefused(why.clone());
            }
        })?;
        if reopened.public != self.public {
            return Err(KeyStoreError::OtherKey);
        }
        let answer = reopened.sign(message).map_err(failed);
        *state = LoginState::Open(reopened);
        answer
    }
}

impl Signer for TokenKey {
    fn verifying_key(&self) -> VerifyingKey {
        self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        let signature = self.ask(message).map_err(|error| KeyError::Signer(Sentence::of(&error)))?;
        let bad = |_| {
            KeyError::Signer(
                text!("the token's answer is not a signature of its public key", "令牌返回的不是其公钥的签名").into(),
            )
        };
        self.public.verify(message, &signature).map_err(bad)?;
        signature.try_into().map_err(|_| KeyError::Signature)
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey(of {})", self.public)
    }
}

impl Opened {
    fn open(uri: &KeyUri) -> Result<Opened, KeyStoreError> {
        let module = module(&uri.module)?;
        let slot = find_slot(&module, uri)?;
        let session = module.open_ro_session(slot).map_err(failed)?;
        log_in(&module, slot, &session, uri)?;
        let private = find_private(&session, uri)?;
        let public = find_public(&session, private)?;
        Ok(Opened { session, private, public })
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let ed25519 = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
        self.session.sign(&ed25519, self.private, message)
    }
}

/// The library at this path, ready. It is loaded once and stays: its state is the process's, and other keys
/// may be on its tokens.
fn module(path: &Path) -> Result<Pkcs11, KeyStoreError> {
    static LOADED: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());
    let refused = |error| KeyStoreError::Module { path: path.to_owned(), why: short(error) };
    let mut loaded = lock(&LOADED);
    let module = match loaded.get(path) {
        Some(module) => module.clone(),
        None => Pkcs11::new(path).map_err(refused)?,
    };
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(refused(error)),
    }
    loaded.insert(path.to_owned(), module.clone());
    Ok(module)
}

fn find_slot(module: &Pkcs11, uri: &KeyUri) -> Result<Slot, KeyStoreError> {
    let mut found = Vec::new();
    for slot in module.get_slots_with_initialized_token().map_err(failed)? {
        let token = module.get_token_info(slot).map_err(failed)?;
        let matches = uri.token.as_deref().is_none_or(|label| label == token.label())
            && uri.serial.as_deref().is_none_or(|serial| serial == token.serial_number())
            && uri.slot.is_none_or(|id| id == slot.id());
        found.extend(matches.then_some(slot));
    }
    match found[..] {
        [slot] => Ok(slot),
        [] => Err(KeyStoreError::NoToken),
        _ => Err(KeyStoreError::ManyTokens(found.len())),
    }
}

/// Logs in, unless another key on the same token has: a login is the whole process's.
fn log_in(module: &Pkcs11, slot: Slot, session: &Session, uri: &KeyUri) -> Result<(), KeyStoreError> {
    let token = module.get_token_info(slot).map_err(failed)?;
    let pin = match &uri.pin_source {
        Some(path) => {
            let bytes = read_secret(path)?;
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| KeyStoreError::PinRefused(say!("{path} is not text", "{path} 不是文本")))?;
            Some(AuthPin::new(text.trim_end_matches(['\r', '\n']).into()))
        }
        None if token.protected_authentication_path() => None,
        None if !token.login_required() => return Ok(()),
        None => return Err(KeyStoreError::NoPin),
    };
    match session.login(UserType::User, pin.as_ref()) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(Error::Pkcs11(
            code @ (RvError::PinIncorrect
            | RvError::PinInvalid
            | RvError::PinLenRange
            | RvError::PinExpired
            | RvError::PinLocked
            | RvError::UserPinNotInitialized),
            _,
        )) => Err(KeyStoreError::PinRefused(format!("{code:?}").into())),
        Err(error) => Err(failed(error)),
    }
}

fn find_private(session: &Session, uri: &KeyUri) -> Result<ObjectHandle, KeyStoreError> {
    let mut template = vec![Attribute::Class(ObjectClass::PRIVATE_KEY)];
    template.extend(uri.object.as_ref().map(|label| Attribute::Label(label.as_bytes().to_vec())));
    template.extend(uri.id.clone().map(Attribute::Id));
    let found = session.find_objects(&template).map_err(failed)?;
    let private = match found[..] {
        [private] => private,
        [] => return Err(KeyStoreError::NoKey),
        _ => return Err(KeyStoreError::ManyKeys(found.len())),
    };
    match session.get_attributes(private, &[AttributeType::KeyType]).map_err(failed)?[..] {
        [Attribute::KeyType(KeyType::EC_EDWARDS)] => Ok(private),
        [Attribute::KeyType(other)] => Err(KeyStoreError::OtherType(other.to_string().into())),
        _ => Err(KeyStoreError::OtherType(text!("that it does not tell", "令牌未说明的类型").into())),
    }
}

/// The public half, from the public key with the same identifier, else from the private key itself.
fn find_public(session: &Session, private: ObjectHandle) -> Result<VerifyingKey, KeyStoreError> {
    let mut template = vec![Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::KeyType(KeyType::EC_EDWARDS)];
    let own = session.get_attributes(private, &[AttributeType::Id, AttributeType::Label]).map_err(failed)?;
    // Where there is no identifier, the label must do.
    let named = |attribute: &&Attribute| !matches!(attribute, Attribute::Id(id) if id.is_empty());
    template.extend(own.iter().find(named).cloned());
    let found = session.find_objects(&template).map_err(failed)?;
    let (object, kind) = match found[..] {
        [public] => (public, AttributeType::EcPoint),
        [] => (private, AttributeType::PublicKeyInfo),
        _ => return Err(KeyStoreError::NoPublicKey),
    };
    match &session.get_attributes(object, &[kind]).map_err(failed)?[..] {
        [Attribute::EcPoint(bytes) | Attribute::PublicKeyInfo(bytes)] => point(bytes),
        _ => None,
    }
    .ok_or(KeyStoreError::NoPublicKey)
}

/// The key in an EC_POINT, which is an OCTET STRING by the standard and 32 bare bytes on some tokens, or in
/// a PUBLIC_KEY_INFO.
fn point(bytes: &[u8]) -> Option<VerifyingKey> {
    let key = match bytes.len() {
        32 => bytes,
        34 => bytes.strip_prefix(OCTETS)?,
        _ => bytes.strip_prefix(SPKI)?,
    };
    key.try_into().ok().map(VerifyingKey::from_bytes)
}

/// Whether a token that answers so may have been taken away and put back, or forgotten its sessions.
fn has_gone(code: RvError) -> bool {
    matches!(
        code,
        RvError::CryptokiNotInitialized
            | RvError::DeviceError
            | RvError::DeviceRemoved
            | RvError::KeyHandleInvalid
            | RvError::ObjectHandleInvalid
            | RvError::SessionClosed
            | RvError::SessionHandleInvalid
            | RvError::TokenNotPresent
            | RvError::UserNotLoggedIn
    )
}

fn failed(error: Error) -> KeyStoreError {
    KeyStoreError::Token(short(error))
}

/// The standard's names of call and answer: the library would print a paragraph.
fn short(error: Error) -> String {
    match error {
        Error::Pkcs11(code, function) => format!("{function:?}: {code:?}"),
        other => other.to_string(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_keys_as_tokens_write_them() {
        // Begins like an OCTET STRING, and is none.
        let key = [OCTETS, &[7; 30]].concat();
        let expected = Some(VerifyingKey::from_bytes(key.clone().try_into().unwrap()));
        for prefix in [b"".as_slice(), OCTETS, SPKI] {
            let whole = [prefix, &key].concat();
            assert_eq!(point(&whole), expected);
            assert_eq!(point(&whole[..whole.len() - 1]), None);
            assert_eq!(point(&[whole.as_slice(), b"\0"].concat()), None);
        }
        assert_eq!(point(&[b"\x03\x20".as_slice(), &key].concat()), None);
        assert_eq!(point(b""), None);
    }
}
