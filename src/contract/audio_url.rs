//! Does an address name something that is surely no audio?
//!
//! Only the end of the path is looked at, and only what everybody takes for something else than
//! sound and pictures that move. What has another ending, or none, may be anything.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memchr2, memrchr};

/// Endings of documents, pictures, archives, programs and data, in lower case and in order.
///
/// Not here is what may be sound or lead to it: `ts`, `m3u8`, `mid`, `bin`, `php`.
const NO_AUDIO: &[&str] = &[
    "7z", "apk", "avif", "bmp", "bz2", "css", "csv", "deb", "dll", "dmg", "doc", "docx", "eml",
    "epub", "exe", "gif", "gz", "heic", "heif", "htm", "html", "ico", "ics", "iso", "jar", "jpeg",
    "jpg", "js", "json", "log", "md", "msi", "odp", "ods", "odt", "pdf", "png", "ppt", "pptx",
    "psd", "rar", "rpm", "rtf", "sql", "srt", "svg", "tar", "tgz", "tif", "tiff", "tsv", "ttf",
    "txt", "vcf", "vtt", "webp", "woff", "woff2", "xhtml", "xls", "xlsx", "xml", "xz", "yaml",
    "yml", "zip", "zst",
];

/// The longest of them.
const LONGEST: usize = 5;

/// The same, each as a number: so many are compared faster than texts.
const NUMBERS: [u64; NO_AUDIO.len()] = {
    let mut numbers = [0; NO_AUDIO.len()];
    let mut index = 0;
    while index < numbers.len() {
        numbers[index] = number(NO_AUDIO[index].as_bytes());
        index += 1;
    }
    numbers
};

/// A short ending as a number: its bytes in any case, then their count, in the order of the texts.
const fn number(ending: &[u8]) -> u64 {
    let mut number = ending.len() as u64;
    let mut index = 0;
    while index < ending.len() {
        number |= (ending[index].to_ascii_lowercase() as u64) << (56 - 8 * index);
        index += 1;
    }
    number
}

/// Whether the last segment of the path has such an ending, in any case and however it is escaped
/// (RFC 3986, section 2.1). Query and fragment say nothing about it.
pub(super) fn is_no_audio(url: &str) -> bool {
    let url = url.as_bytes();
    let mut colons = memchr_iter(b':', url);
    let Some(colon) = colons.find(|colon| url[colon + 1..].starts_with(b"//")) else {
        return false;
    };
    let rest = &url[colon + 3..];
    let rest = &rest[..memchr2(b'?', b'#', rest).unwrap_or(rest.len())];
    // Without a path there is a name of a host only, and `example.zip` is one.
    let Some(slash) = memchr(b'/', rest) else { return false };
    let path = &rest[slash + 1..];
    // An ending is short: nothing before it is worth decoding.
    let tail = decode(&path[path.len().saturating_sub(3 * (LONGEST + 1))..]);
    let Some(dot) = memrchr(b'.', &tail) else { return false };
    let ending = &tail[dot + 1..];
    ending.len() <= LONGEST && NUMBERS.binary_search(&number(ending)).is_ok()
}

/// Replaces `%2E` by `.` and so on; what is no escape stays as it is.
fn decode(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'%') {
        return Cow::Borrowed(bytes);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, others)) = rest.split_first() {
        let escaped = match rest {
            [b'%', high, low, ..] => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                rest = &rest[3..];
            }
            None => {
                decoded.push(*first);
                rest = others;
            }
        }
    }
    Cow::Owned(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_eleven_formats_and_their_other_names_pass() {
        for ending in [
            "aac", "adts", "aif", "aifc", "aiff", "amr", "awb", "asf", "wma", "wmv", "flac", "mp3",
            "mp2", "mpga", "mpeg", "ogg", "oga", "ogv", "ogx", "opus", "spx", "wav", "wave",
            "rf64", "webm", "weba", "mkv", "mka", "m4a", "m4b", "m4r", "mp4", "m4v", "mov", "qt",
            "3gp", "3g2", "3gpp",
        ] {
            assert!(!is_no_audio(&format!("https://a.example/calls/1.{ending}")), "{ending}");
            assert!(!is_no_audio(&format!("https://a.example/1.{}", ending.to_uppercase())));
        }
    }

    #[test]
    fn what_is_something_else_for_everybody_does_not() {
        for ending in NO_AUDIO {
            assert!(is_no_audio(&format!("https://a.example/calls/1.{ending}")), "{ending}");
            assert!(is_no_audio(&format!("HTTP://A/1.{}", ending.to_uppercase())), "{ending}");
        }
        assert!(NO_AUDIO.is_sorted() && NO_AUDIO.iter().all(|ending| ending.len() <= LONGEST));
    }

    #[test]
    fn only_the_end_of_the_path_counts() {
        let long = "a".repeat(100_000);
        for refused in [
            "https://a/b.PDF",
            "https://a/b.mp3.txt",
            "https://a/b.txt?x=.mp3",
            "https://a/b.txt#.mp3",
            "https://a/b.txt?",
            "https://a/.zip",
            "https://a/b%2Etxt",
            "https://a/b%2etxt",
            "https://a/b.%74%58t",
            "https://a/%E4%B8%AD%2E%74%78%74",
            "https://a/\u{4e2d}\u{6587}.docx",
            "https://user@a:8443/b c.html",
            "https://a//../x/b.jpeg",
            &format!("https://a/{long}.txt"),
        ] {
            assert!(is_no_audio(refused), "{}", &refused[..refused.len().min(60)]);
        }
        for passed in [
            "",
            "https:",
            "https://",
            "https://example.zip",
            "https://example.zip?a.txt",
            "https://a/",
            "https://a/b",
            "https://a/b.txt/",
            "https://a/b.txt/c",
            "https://a/b.txt.",
            "https://a/b.txt..",
            "https://a/b.mp3#.txt",
            "https://a/b.mp3?name=b.txt",
            "https://a/b.mp3?path=/b.txt",
            "https://a/txt",
            "https://a/b.txt%20",
            "https://a/b.txt%",
            "https://a/b%252Etxt",
            "https://a/b.txt;v=1",
            "https://a/b.xtxt",
            "https://a/b.\u{ff54}\u{ff58}\u{ff54}",
            "https://a/download.php",
            "https://a/b.txt%00.mp3",
            &format!("https://a/{long}"),
            &format!("https://a/b.{long}"),
            &format!("https://a/b.mp3?{long}.txt"),
        ] {
            assert!(!is_no_audio(passed), "{}", &passed[..passed.len().min(60)]);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*", path in "[%./a-z0-9\u{4e2d}]{0,40}") {
            is_no_audio(&text);
            is_no_audio(&format!("https://a/{path}"));
        }
    }
}
