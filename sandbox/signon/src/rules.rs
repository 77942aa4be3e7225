//! From what a provider says of somebody to a person of the lab.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use unseen_ids::Role;

use crate::error::{SignOnError, hides};
use crate::token::Claims;

/// How a lab reads claims, as its configuration has it:
///
/// ```
/// let rules: unseen_signon::ClaimRules = toml::from_str(r#"
///     name_claim = "preferred_username"
///     roles = [
///         { claim = "groups", has = "lab-operators", role = "operator" },
///         { claim = "/realm_access/roles", has = "researcher", role = "analyst" },
///     ]
/// "#)?;
/// # Ok::<(), toml::de::Error>(())
/// ```
///
/// A claim is named as it is, or by a JSON pointer (RFC 6901) where it begins with `/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimRules {
    /// The claim that holds the name under which the person is enrolled in the lab. It must be one that people
    /// cannot choose or change themselves at the provider: whoever can would be whom they like. `email` counts only
    /// beside `email_verified: true`.
    pub name_claim: String,
    /// Which values give which roles; all that fit count.
    #[serde(default)]
    pub roles: Vec<RoleRule>,
}

/// A value of a claim that gives a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleRule {
    /// The claim, a text or a list of texts.
    pub claim: String,
    /// What it is, or has among its texts, to the letter.
    pub has: String,
    /// The role.
    pub role: Role,
}

/// Somebody who signed on. This approves nothing: it says who reads, and bounds as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedOn {
    /// The provider's name for this person, which never goes to another person there.
    pub subject: String,
    /// The provider.
    pub issuer: String,
    /// The name in the lab.
    pub name: String,
    /// What the claims allow; nothing, if no rule fits.
    pub roles: BTreeSet<Role>,
}

impl ClaimRules {
    /// The person of whom these claims speak; [`SignOnError::NoName`] if they do not say who.
    pub fn read(&self, claims: &Claims) -> Result<SignedOn, SignOnError> {
        let all = claims.all();
        let name = claim(all, &self.name_claim).and_then(Value::as_str).filter(|name| is_name(name));
        let is_email = self.name_claim.trim_start_matches('/') == "email";
        let vouched = !is_email || all.get("email_verified") == Some(&Value::Bool(true));
        let name = name.filter(|_| vouched).ok_or_else(|| SignOnError::NoName(self.name_claim.clone()))?;
        Ok(SignedOn {
            subject: claims.subject().to_owned(),
            issuer: claims.issuer().to_owned(),
            name: name.to_owned(),
            roles: self.roles.iter().filter(|rule| rule.fits(all)).map(|rule| rule.role).collect(),
        })
    }
}

impl SignedOn {
    /// The roles in which this session may act for a person whose enrolled keys have these: those that both have.
    pub fn narrow(&self, enrolled: impl IntoIterator<Item = Role>) -> BTreeSet<Role> {
        enrolled.into_iter().filter(|role| self.roles.contains(role)).collect()
    }
}

impl RoleRule {
    fn fits(&self, all: &Map<String, Value>) -> bool {
        match claim(all, &self.claim) {
            Some(Value::String(text)) => *text == self.has,
            Some(Value::Array(list)) => list.iter().any(|text| text.as_str() == Some(&self.has)),
            _ => false,
        }
    }
}

fn claim<'a>(all: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let Some(path) = name.strip_prefix('/') else { return all.get(name) };
    let mut parts = path.split('/').map(|part| part.replace("~1", "/").replace("~0", "~"));
    let first = all.get(&parts.next()?)?;
    parts.try_fold(first, |value, part| value.as_object()?.get(&part))
}

/// As the lab's log has names.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.chars().count()) && name.trim() == name && !name.chars().any(hides)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(all: Value) -> Claims {
        let Value::Object(all) = all else { panic!() };
        Claims { issuer: "https://id.example".into(), subject: "248289".into(), expires: 0, all }
    }

    fn rules(name_claim: &str) -> ClaimRules {
        let rule = |claim: &str, has: &str, role| RoleRule { claim: claim.into(), has: has.into(), role };
        let roles = vec![
            rule("groups", "lab-operators", Role::Operator),
            rule("/realm_access/roles", "researcher", Role::Analyst),
            rule("/https:~1~1id.example~1unit", "audit", Role::Auditor),
        ];
        ClaimRules { name_claim: name_claim.into(), roles }
    }

    #[test]
    fn roles_are_what_the_rules_find_and_no_more() {
        let li = |more: Value| {
            let mut all = claims(json!({ "preferred_username": "li" }));
            all.all.extend(claims(more).all);
            rules("preferred_username").read(&all).unwrap()
        };
        let all = li(json!({
            "groups": ["staff", "lab-operators"],
            "realm_access": { "roles": ["researcher"] },
            "https://id.example/unit": "audit",
        }));
        assert_eq!(
            (all.name.as_str(), all.subject.as_str(), all.issuer.as_str()),
            ("li", "248289", "https://id.example")
        );
        assert_eq!(all.roles, BTreeSet::from([Role::Operator, Role::Analyst, Role::Auditor]));
        assert_eq!(all.narrow([Role::Analyst, Role::Steward]), BTreeSet::from([Role::Analyst]));
        for none in [
            json!({}),
            json!({ "groups": ["lab-operators2", "Lab-Operators", 1, ["lab-operators"]] }),
            json!({ "groups": "staff,lab-operators" }),
            json!({ "groups": { "lab-operators": true } }),
            json!({ "realm_access": ["researcher"], "/realm_access/roles": "researcher" }),
        ] {
            assert!(li(none).roles.is_empty());
        }
    }

    #[test]
    fn a_name_is_one_that_the_provider_vouches_for() {
        let long = "x".repeat(65);
        for bad in ["", " li", "li\n", "l\u{200b}i", "\u{202e}li", &long] {
            let refused = rules("name").read(&claims(json!({ "name": bad })));
            assert!(matches!(refused, Err(SignOnError::NoName(_))), "{bad:?}");
        }
        assert!(rules("name").read(&claims(json!({ "name": ["li"] }))).is_err());
        assert!(rules("name").read(&claims(json!({ "sub": "li" }))).is_err());
        assert_eq!(rules("name").read(&claims(json!({ "name": "李 明" }))).unwrap().name, "李 明");
        let mail = |verified: Value| claims(json!({ "email": "li@id.example", "email_verified": verified }));
        assert!(rules("email").read(&mail(json!(true))).is_ok());
        assert!(rules("email").read(&mail(json!("true"))).is_err());
        assert!(rules("email").read(&claims(json!({ "email": "li@id.example" }))).is_err());
        assert!(rules("/email").read(&claims(json!({ "email": "li@id.example" }))).is_err());
    }
}
