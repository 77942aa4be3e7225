//! What pages load: one style, two scripts, one picture, each at an address that names its digest.

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
pub const SCRIPT: Asset = Asset {
    name: "sign.js",
    kind: "text/javascript; charset=utf-8",
    text: concat!(include_str!("passkey.js"), include_str!("sign.js")),
};

/// What checks receipts.
pub const VERIFIER: Asset =
    Asset { name: "verify.js", kind: "text/javascript; charset=utf-8", text: include_str!("verify.js") };

/// What marks the page among others.
pub const ICON: Asset = Asset { name: "icon.svg", kind: "image/svg+xml", text: include_str!("icon.svg") };

/// All of them, in the order of their names.
pub const ALL: [&Asset; 4] = [&ICON, &SCRIPT, &STYLE, &VERIFIER];

impl Asset {
    /// Where it is: another text is at another address.
    pub fn address(&self) -> String {
        format!("/assets/{}/{}", &Digest::of(self.text.as_bytes()).to_hex()[..16], self.name)
    }
}

/// The digest of all that runs or shows in a reader's browser: of what `sha256sum` says of the files, in the order of
/// their names. The lab's log has it.
pub fn digest() -> Digest {
    let line = |asset: &Asset| format!("{}  {}\n", Digest::of(asset.text.as_bytes()).to_hex(), asset.name);
    let lines: String = ALL.map(line).concat();
    Digest::of(lines.as_bytes())
}
