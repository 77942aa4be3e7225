//! Which encoding a text seems to be in that is not in the declared one.

use std::io::{self, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{GB18030, GBK, UTF_8};
use unseen_texts::{Sentence, say, text};

/// As much of a text is looked at.
const MOST: u64 = 16 << 20;
/// So many bytes that are not ASCII tell encodings apart.
const ENOUGH: usize = 16;

/// The name of the encoding that a text seems to be in; one that can be declared goes by the name under which it is.
pub(crate) fn seems(text: impl Read) -> io::Result<&'static str> {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    let mut start = Vec::new();
    text.take(MOST).read_to_end(&mut start)?;
    // What is cut off may end in the middle of a character.
    detector.feed(&start, (start.len() as u64) < MOST);
    // Where there is too little to tell, it is Chinese of the mainland, whose characters are mostly two such bytes
    // side by side; a letter of the West stands alone among ASCII.
    let enough = start.iter().filter(|byte| !byte.is_ascii()).count() >= ENOUGH;
    let telling = enough || !start.windows(2).any(|pair| pair.iter().all(|byte| !byte.is_ascii()));
    let found = detector.guess(if telling { None } else { Some(b"cn") }, Utf8Detection::Allow);
    Ok(match found {
        found if found == UTF_8 => "utf-8",
        found if found == GBK || found == GB18030 => "gb18030",
        found => found.name(),
    })
}

/// What to do about a text that is not in the declared encoding.
pub(crate) fn advice(declared: &str, seems: Option<&str>) -> Sentence {
    match seems {
        Some(seems @ ("utf-8" | "gb18030")) if seems != declared => say!(
            "it seems to be {seems}: say encoding = \"{seems}\" under [csv]",
            "看起来是 {seems}：请在 [csv] 下写 encoding = \"{seems}\""
        ),
        None | Some("utf-8" | "gb18030") => text!(
            "if the file is in another encoding than UTF-8 and GB 18030, save it as UTF-8",
            "如果文件是 UTF-8 和 GB 18030 以外的编码，请另存为 UTF-8"
        )
        .into(),
        Some(seems) => say!(
            "it seems to be {seems}, and only UTF-8 and GB 18030 are read: convert it, `iconv -f {seems} -t UTF-8`",
            "看起来是 {seems}，而这里只读 UTF-8 和 GB 18030：请先转换，`iconv -f {seems} -t UTF-8`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{BIG5, Encoding, SHIFT_JIS, WINDOWS_1252};

    #[test]
    fn encodings_are_told_apart_by_their_bytes() {
        let chinese = "企业,镇,产值\n常州第一机床厂,湖塘镇,12\n";
        let short = "甲乙,1\n";
        let traditional = "企業,鎮,產值\n臺北第一機床廠,淡水鎮,12\n";
        let german = "Firma,Ort,Umsatz\nMüller & Söhne,Köln,12\nGroßhandel Jäger,Düren,13\n".repeat(3);
        let japanese = "会社,町,売上\nトヨタの工場,豊田市,12\n";
        let few = "id,name,städte\n1,a,b\n2,c,d\n";
        let cases: [(&str, &'static Encoding, &str); 7] = [
            (chinese, UTF_8, "utf-8"),
            (chinese, GB18030, "gb18030"),
            (short, GB18030, "gb18030"),
            (traditional, BIG5, "Big5"),
            (&german, WINDOWS_1252, "windows-1252"),
            (few, WINDOWS_1252, "windows-1252"),
            (japanese, SHIFT_JIS, "Shift_JIS"),
        ];
        for (text, encoding, name) in cases {
            assert_eq!(seems(encoding.encode(text).0.as_ref()).unwrap(), name);
        }
    }
}
