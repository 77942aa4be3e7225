//! What pages load: one style, one script, one picture, each at an address that names its digest.

use unseen_ids::Digest;

/// A file that pages load.
pub struct Asset {
    /// What it is called.
    pub name: &'static str,
    /// Its media type.
    pub kind: &'static str,
    /// What is in it.
    pub text: &'static str,
}

/// How pages look.
pub const STYLE: Asset = Asset { name: "style.css", kind: "text/css; charset=utf-8", text: include_str!("style.css") };
/// What signs.
pub const SCRIPT: Asset =
    Asset { name: "sign.js", kind: "text/javascript; charset=utf-8", text: include_str!("sign.js") };

/// What marks the page among others.
pub const ICON: Asset = Asset { name: "icon.svg", kind: "image/svg+xml", text: include_str!("icon.svg") };

/// All of them.
pub const ALL: [&Asset; 3] = [&STYLE, &SCRIPT, &ICON];

impl Asset {
    /// Where it is: another text is at another address.
    pub fn address(&self) -> String {
        format!("/assets/{}/{}", &Digest::of(self.text.as_bytes()).to_hex()[..16], self.name)
    }
}

/// The digest of all that runs or shows in a reader's browser, for whoever compares it with the log.
pub fn digest() -> Digest {
    let all: Vec<u8> = ALL.iter().flat_map(|asset| *Digest::of(asset.text.as_bytes()).as_bytes()).collect();
    Digest::of(&all)
}
