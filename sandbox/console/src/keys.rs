//! One's own key in this browser, and logging in with it.

use maud::html;
use unseen_ids::{PublicKey, Role};
use unseen_texts::{Say, text};

use crate::parts::{mark, spoken};
use crate::shell::{Page, Place, Reader};

/// What somebody may ask to be.
const ROLES: [Role; 5] = [Role::Analyst, Role::Steward, Role::Operator, Role::Auditor, Role::Security];

/// The key that signs here. `enrolled` is the key that the lab knows the reader by.
pub fn page(reader: &Reader, enrolled: Option<&PublicKey>) -> Page {
    let lang = reader.lang;
    let body = html! {
        p { (text!(
            "Whatever changes anything is signed with your own key, in this browser. The key stays here: it cannot be read out again, and no server ever has it.",
            "任何变更都须用您自己的密钥在此浏览器中签名。密钥只留在这里：无法再被读出，任何服务器都得不到它。"
        ).to(lang)) }
        div #key .card data-enrolled=[enrolled.map(ToString::to_string)] {
            p #key-none hidden { (mark("note", text!("none", "没有").to(lang))) " " (text!("There is no key in this browser.", "此浏览器中没有密钥。").to(lang)) }
            p #key-good hidden { (mark("good", text!("yours", "有效").to(lang))) " " (text!("The key here is the one that you are enrolled with.", "此处的密钥就是登记在您名下的密钥。").to(lang)) }
            p #key-other hidden { (mark("bad", text!("not yours", "不符").to(lang))) " " (text!("The key here is not the one that you are enrolled with: what it signs is refused.", "此处的密钥不是登记在您名下的密钥：用它签名会被拒绝。").to(lang)) }
            p #key-passkey hidden { (text!("It is a passkey, which asks you each time that it signs.", "这是通行密钥，每次签名都会向您确认。").to(lang)) }
            p hidden #key-public { code {} }
        }
        noscript { p .verdict { (spoken(text!("A key in the browser needs a script; `unseen` at a terminal does without.", "浏览器中的密钥需要脚本；也可在终端使用 `unseen`。").to(lang))) } }
        h2 { (text!("Put your key file here", "载入密钥文件").to(lang)) }
        form #key-file {
            label for="pem" { (spoken(text!("A key as `unseen key new` makes it (PEM)", "由 `unseen key new` 生成的密钥（PEM）").to(lang))) }
            input #pem type="file" accept=".pem,application/x-pem-file" required;
            button disabled { (text!("Keep it in this browser", "保存在此浏览器中").to(lang)) }
            p .said role="status" aria-live="polite" {}
        }
        h2 { (text!("Or make a new key here", "或在此生成新密钥").to(lang)) }
        form #key-new {
            label for="name" { (text!("Your name in the lab", "您在实验室中的姓名").to(lang)) }
            input #name name="name" required maxlength="100" autocomplete="name" value=[reader.name.as_deref()];
            label for="role" { (text!("What you are to do", "角色").to(lang)) }
            select #role name="role" {
                @for role in ROLES { option value=(role.name()) { (role.told(lang)) } }
            }
            label for="kept" { (text!("Where it is kept", "保存在哪里").to(lang)) }
            select #kept name="kept" {
                option value="browser" { (text!("in this browser", "此浏览器中").to(lang)) }
                option value="passkey" disabled data-passkeys="can" { (text!("as a passkey, in a security key", "安全密钥中（通行密钥）").to(lang)) }
            }
            p .small { (text!(
                "A passkey signs only after you have touched the security key and given its PIN or finger; here it asks twice. It must know Ed25519. Those that Apple, Google and Windows keep use another algorithm, mostly ES256, and are not taken: all signatures of the log are of one.",
                "通行密钥只在您触碰安全密钥并输入 PIN 或按指纹后才签名；此处会确认两次。它须支持 Ed25519。苹果、谷歌和 Windows 保存的通行密钥使用其他算法（多为 ES256），本站不接受：日志中的签名只有一种算法。"
            ).to(lang)) }
            p .small data-passkeys="cannot" hidden { (text!(
                "No passkey can be made here: it takes a browser that knows them, and a lab with a DNS name.",
                "此处不能生成通行密钥：需要支持通行密钥的浏览器，且实验室有域名。"
            ).to(lang)) }
            button disabled { (text!("Make a key and a request", "生成密钥和登记申请").to(lang)) }
            p .said role="status" aria-live="polite" {}
            div #enrolment hidden {
                label for="request" { (text!("Give this to an operator, who enrols you with it", "请把以下内容交给运行管理员，由其为您登记").to(lang)) }
                textarea #request rows="8" readonly {}
            }
        }
        h2 { (text!("Or take the key away", "或移除密钥").to(lang)) }
        form #key-away { button disabled { (text!("Remove the key from this browser", "从此浏览器移除密钥").to(lang)) } p .said role="status" aria-live="polite" {} }
        p .small { (text!(
            "Whoever clears this site's data clears the key too. The way back: put the key file here again; log in with the passkey, which is found again; or have the key revoked and a new one enrolled under the same name.",
            "清除本站数据也会清除密钥。找回办法：重新载入密钥文件；用通行密钥登录，即可找回；或吊销原密钥，以同一姓名登记新密钥。"
        ).to(lang)) }
        p .small { (text!(
            "A browser shows what the lab sends it. For sensitive data one approval should come by a passkey, or from a terminal or a token. Do not put here the key file with which you approve such jobs at a terminal: it would be worth no more than this browser.",
            "浏览器显示的是实验室发来的内容。涉及敏感数据时，至少一次审批应使用通行密钥，或来自终端或令牌。请勿在此载入用于在终端审批这类作业的密钥文件：载入后，它就不比此浏览器更可信。"
        ).to(lang)) }
    };
    Page { title: text!("My key", "我的密钥").told(lang), place: Place::Keys, body }
}

/// How to log in. `office` is where the office's provider is asked, if there is one.
pub fn login(reader: &Reader, office: Option<&str>) -> Page {
    let lang = reader.lang;
    let body = html! {
        @if let Some(at) = office {
            h2 { (text!("With your office account", "使用单位账号").to(lang)) }
            p { a .button href=(at) { (text!("Sign on", "前往登录").to(lang)) } }
        }
        h2 { (text!("With the key in this browser", "使用此浏览器中的密钥").to(lang)) }
        form #log-in data-to="/v1/login/browser" data-then=(reader.to("/")) {
            button disabled { (text!("Log in", "登录").to(lang)) }
            p .said role="status" aria-live="polite" {}
        }
        p { a href=(reader.to("/keys")) { (text!("Put your key into this browser", "把密钥载入此浏览器").to(lang)) } }
        section data-passkeys="can" hidden {
            h2 { (text!("With a passkey", "使用通行密钥").to(lang)) }
            form #find-passkey data-to="/v1/login/browser" data-then=(reader.to("/")) {
                button disabled { (text!("Log in with a passkey", "用通行密钥登录").to(lang)) }
                p .said role="status" aria-live="polite" {}
            }
            p .small { (text!("If this browser has forgotten it, it is found again.", "即使此浏览器已忘记它，也可找回。").to(lang)) }
        }
        p .small { (text!(
            "Whoever shows a client certificate is logged in by it. A session reads; whatever changes anything is signed with your key.",
            "出示客户端证书者即已登录。会话只用于阅读；任何变更都须用您的密钥签名。"
        ).to(lang)) }
    };
    Page { title: text!("Log in", "登录").told(lang), place: Place::Keys, body }
}
