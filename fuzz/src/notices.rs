//! What a mail server answers.

use unseen_notices::read_reply;

/// A reply is the same whatever follows it, and is none before its last line has ended.
pub fn smtp_reply(bytes: &[u8]) -> bool {
    let Some((reply, length)) = read_reply(bytes) else { return false };
    let (whole, cut) = (&bytes[..length], &bytes[..length - 1]);
    assert_eq!(whole.last(), Some(&b'\n'));
    assert!(reply.code == 0 || (200..600).contains(&reply.code), "{reply:?}");
    assert_eq!((read_reply(whole), read_reply(cut)), (Some((reply, length)), None));
    true
}

pub fn smtp_replies() -> Vec<Vec<u8>> {
    let replies = ["220 mail.example ready\r\n", "250-mail.example\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n354 go on\r\n"];
    replies.map(|reply| reply.as_bytes().to_vec()).to_vec()
}
