//! Signing on by OpenID Connect: who somebody is, by the word of their office's identity provider.
//!
//! Two ways lead to the same [`Claims`]: the authorisation code with PKCE (RFC 6749, RFC 7636) for whoever has a
//! browser at hand, and the device flow (RFC 8628) for a terminal elsewhere. [`ClaimRules`] make of them a
//! [`SignedOn`]: a name in the lab, and roles.
//!
//! **A session alone approves nothing.** What changes the lab is signed with a person's own enrolled key, which no
//! identity provider has. A session says who reads, and its roles can only narrow what that person's enrolled keys
//! have: see [`SignedOn::narrow`].
//!
//! | module | what it is | specification |
//! |---|---|---|
//! | `provider` | the provider, discovered; the authorisation code | OpenID Connect Discovery 1.0 and Core 1.0, section 3.1 |
//! | `device` | the device flow | RFC 8628 |
//! | `token` | what an ID token must say, and when | OpenID Connect Core 1.0, section 3.1.3.7 |
//! | `jws` | whose signature it has | RFC 7515, 7517, 7518, 8037 |
//! | `rules` | from claims to a person and roles | |
//! | `http` | the only part with effects: bounded in time and size, no redirects | |
//!
//! There is no clock in here: `now` is the time in seconds since 1970. Whatever asks the provider blocks the
//! thread, for [`TIMEOUT`] at most for each question.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod device;
mod error;
mod http;
mod jws;
mod provider;
mod rules;
mod token;

pub use device::{Device, Poll};
pub use error::SignOnError;
pub use http::TIMEOUT;
pub use jws::KeySet;
pub use provider::{Begun, Provider};
pub use rules::{ClaimRules, RoleRule, SignedOn};
pub use token::{Claims, Expected, LEEWAY, verify};
