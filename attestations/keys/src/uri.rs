//! The names of keys on tokens: PKCS#11 URIs (RFC 7512), the part of them that picks one private key.

use crate::{KeyStoreError, MODULE_VARIABLE};
use std::{ffi::OsStr, path::PathBuf};

use unseen_texts::{Sentence, say, text};

/// Which key, on which token, behind which library. It holds no secret: a PIN is read when it is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KeyUri {
    /// The token's label.
    pub token: Option<String>,
    /// The token's serial number.
    pub serial: Option<String>,
    /// The slot that the token is in.
    pub slot: Option<u64>,
    /// The key's label (CKA_LABEL).
    pub object: Option<String>,
    /// The key's identifier (CKA_ID).
    pub id: Option<Vec<u8>>,
    /// The token maker's library.
    pub module: PathBuf,
    /// The file that holds the PIN.
    pub pin_source: Option<PathBuf>,
}

impl KeyUri {
    /// Reads a URI. `module` is the library for one that names none. Errors repeat no value: one may be
    /// a PIN in the wrong place.
    pub fn parse(text: &str, module: Option<&OsStr>) -> Result<KeyUri, KeyStoreError> {
        let refused = |why: Sentence| KeyStoreError::Uri(why);
        let text = text
            .strip_prefix("pkcs11:")
            .ok_or_else(|| refused(text!("it does not begin with pkcs11:", "没有以 pkcs11: 开头").into()))?;
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let parts = path.split(';').chain(query.split('&')).filter(|part| !part.is_empty());

        let mut uri = KeyUri::default();
        let mut seen = Vec::new();
        for part in parts {
            let (name, value) = part.split_once('=').ok_or_else(|| {
                refused(text!("a part of it is not NAME=VALUE", "其中一部分不是 NAME=VALUE 的形式").into())
            })?;
            if seen.contains(&name) {
                return Err(refused(say!("{name} stands in it twice", "{name} 在其中出现两次")));
            }
            seen.push(name);
            let bytes = decode(value).ok_or_else(|| {
                refused(say!(
                    "in {name}, % is not followed by two hexadecimal digits",
                    "{name} 中的 % 之后不是两位十六进制数字"
                ))
            })?;
            if name == "id" {
                uri.id = Some(bytes);
                continue;
            }
            let value =
                String::from_utf8(bytes).map_err(|_| refused(say!("{name} is not UTF-8", "{name} 不是 UTF-8")))?;
            match name {
                "token" => uri.token = Some(value),
                "serial" => uri.serial = Some(value),
                "slot-id" => {
                    uri.slot = Some(value.parse().map_err(|_| {
                        refused(text!("slot-id is not a decimal number", "slot-id 不是十进制数字").into())
                    })?);
                }
                "object" => uri.object = Some(value),
                "type" if value == "private" => {}
                "type" => {
                    return Err(refused(
                        text!(
                            "its type is not private, and only a private key signs",
                            "其 type 不是 private，而只有私钥可以签名"
                        )
                        .into(),
                    ));
                }
                "module-path" => uri.module = value.into(),
                "pin-source" if value.starts_with('|') => {
                    return Err(refused(
                        text!(
                            "pin-source is a command; write the PIN to a file that only you can read",
                            "pin-source 是命令；请把 PIN 写入只有您可读的文件"
                        )
                        .into(),
                    ));
                }
                "pin-source" => {
                    let path = value.strip_prefix("file://").or(value.strip_prefix("file:")).unwrap_or(&value);
                    uri.pin_source = Some(path.into());
                }
                "pin-value" => {
                    return Err(refused(text!(
                        "pin-value would leave the PIN in shell history and process lists; write it to a file that only you can read and say pin-source=FILE",
                        "pin-value 会把 PIN 留在 shell 历史和进程列表中；请写入只有您可读的文件，并用 pin-source=FILE 指明"
                    ).into()));
                }
                other => {
                    return Err(refused(say!(
                        "it holds {other:?}, and only token, serial, slot-id, object, id, type, module-path and pin-source are known",
                        "其中有 {other:?}，而只认识 token、serial、slot-id、object、id、type、module-path 和 pin-source"
                    )));
                }
            }
        }
        if uri.object.is_none() && uri.id.is_none() {
            return Err(refused(
                text!("it names no key; add object=LABEL or id=%01", "没有指明密钥；请加上 object=LABEL 或 id=%01")
                    .into(),
            ));
        }
        if uri.module.as_os_str().is_empty() {
            uri.module = module.unwrap_or_default().into();
        }
        // A name that the loader would search for could be found where others put it.
        if !uri.module.is_absolute() {
            return Err(refused(say!(
                "the token's library is not named by an absolute path; add module-path=/PATH.so or set {MODULE_VARIABLE}",
                "没有以绝对路径指明令牌的库；请加上 module-path=/PATH.so 或设置 {MODULE_VARIABLE}"
            )));
        }
        Ok(uri)
    }
}

/// Resolves `%` and two hexadecimal digits.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? << 4 | digit()?).ok()?
            }
            other => other,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

    fn parse(text: &str) -> Result<KeyUri, KeyStoreError> {
        KeyUri::parse(text, None)
    }

    #[test]
    fn uris_that_name_a_key() {
        let some = |text: &str| Some(text.to_owned());
        let log = KeyUri { token: some("lab"), object: some("log"), module: MODULE.into(), ..KeyUri::default() };
        let with_pin = KeyUri { pin_source: Some("/etc/pin".into()), ..log.clone() };
        let odd = KeyUri {
            token: some("a;b?c&d=é"),
            serial: some("51d1 84"),
            slot: Some(1_082_638_248),
            object: None,
            id: Some(vec![0x00, 0x01, 0xff, b'a', b'%']),
            ..with_pin.clone()
        };
        for (text, expected) in [
            ("pkcs11:token=lab;object=log?module-path=/usr/lib/softhsm/libsofthsm2.so", &log),
            ("pkcs11:object=log;token=lab;type=private?module-path=/usr/lib/softhsm/libsofthsm2.so", &log),
            ("pkcs11:token=l%61b;object=%6Co%67?module-path=%2Fusr%2flib/softhsm/libsofthsm2.so", &log),
            (
                "pkcs11:token=lab;object=log?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/pin",
                &with_pin,
            ),
            (
                "pkcs11:token=lab;object=log?pin-source=file:///etc/pin&module-path=/usr/lib/softhsm/libsofthsm2.so",
                &with_pin,
            ),
            ("pkcs11:token=lab;object=log?pin-source=/etc/pin&module-path=/usr/lib/softhsm/libsofthsm2.so", &with_pin),
            (
                "pkcs11:token=a%3Bb%3Fc%26d%3D%C3%A9;serial=51d1%2084;slot-id=1082638248;id=%00%01%FFa%25\
                 ?pin-source=%2Fetc%2Fpin&module-path=/usr/lib/softhsm/libsofthsm2.so",
                &odd,
            ),
        ] {
            assert_eq!(&parse(text).unwrap(), expected, "{text}");
        }
        let from_environment = KeyUri::parse("pkcs11:token=lab;object=log", Some(OsStr::new(MODULE))).unwrap();
        assert_eq!(from_environment, log);
        let own_first = "pkcs11:token=lab;object=log?module-path=/usr/lib/softhsm/libsofthsm2.so";
        assert_eq!(KeyUri::parse(own_first, Some(OsStr::new("/other.so"))).unwrap(), log);
    }

    #[test]
    fn uris_that_name_none() {
        for (text, why) in [
            ("pkcs12:object=log?module-path=/m.so", "begin with pkcs11:"),
            ("pkcs11:", "names no key"),
            ("pkcs11:token=lab?module-path=/m.so", "names no key"),
            ("pkcs11:object=log", "absolute path"),
            ("pkcs11:object=log?module-path=libsofthsm2.so", "absolute path"),
            ("pkcs11:object=log?module-path=", "absolute path"),
            ("pkcs11:object=log;color=red?module-path=/m.so", "\"color\""),
            ("pkcs11:object=log?module-path=/m.so&module-name=m", "\"module-name\""),
            ("pkcs11:Object=log?module-path=/m.so", "\"Object\""),
            ("pkcs11:object=log;object=log?module-path=/m.so", "object stands in it twice"),
            ("pkcs11:object?module-path=/m.so", "NAME=VALUE"),
            ("pkcs11:id=%0?module-path=/m.so", "in id, %"),
            ("pkcs11:id=%0g?module-path=/m.so", "in id, %"),
            ("pkcs11:object=%?module-path=/m.so", "in object, %"),
            ("pkcs11:object=%ff?module-path=/m.so", "object is not UTF-8"),
            ("pkcs11:object=log;slot-id=-1?module-path=/m.so", "slot-id"),
            ("pkcs11:object=log;type=public?module-path=/m.so", "only a private key signs"),
            ("pkcs11:object=log?module-path=/m.so&pin-source=|cat", "pin-source is a command"),
            ("pkcs11:object=log?module-path=/m.so&pin-value=s3cret", "shell history"),
            ("pkcs11:object=log;pin-value=s3cret?module-path=/m.so", "shell history"),
            ("pkcs11:object=log;pin=s3cret?module-path=/m.so", "\"pin\""),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
