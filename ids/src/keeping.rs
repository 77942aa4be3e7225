//! Where a person's key is kept.

use serde::{Deserialize, Serialize};
use unseen_texts::{Say, Text, text};

/// What an enrolment says of where its key is kept, where it says anything: a key file, an SSH key and a token say
/// nothing. Its text is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Say)]
#[serde(rename_all = "lowercase")]
pub enum Keeping {
    /// By a browser, which signs whatever a page of the lab gives it.
    #[en("browser")]
    #[zh("浏览器")]
    Browser,
    /// By a security key or another FIDO authenticator, which asks its owner each time.
    #[en("passkey")]
    #[zh("通行密钥")]
    Passkey,
}

impl Keeping {
    /// The name in signed bytes and in rules.
    pub fn name(self) -> &'static str {
        match self {
            Keeping::Browser => "browser",
            Keeping::Passkey => "passkey",
        }
    }

    /// What is so kept.
    pub fn key(self) -> Text {
        match self {
            Keeping::Browser => text!("a key in a browser", "浏览器中的密钥"),
            Keeping::Passkey => text!("a passkey", "通行密钥"),
        }
    }
}
