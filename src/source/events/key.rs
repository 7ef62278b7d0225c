//! Keys as S3 writes them into events: `application/x-www-form-urlencoded`. Hive folders come with
//! `%3D`, blanks as `+`, and a plus as `%2B`.

/// The key; `None` when it decodes to bytes that are no UTF-8, which S3 does not accept as a key.
pub(super) fn decode(encoded: &str) -> Option<String> {
    let bytes = encoded.as_bytes();
    let mut key = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (byte, hex(at + 1), hex(at + 2)) {
            (b'+', _, _) => key.push(b' '),
            (b'%', Some(high), Some(low)) => {
                key.push((high * 16 + low) as u8);
                at += 2;
            }
            // A percent sign that encodes nothing stands for itself.
            _ => key.push(byte),
        }
        at += 1;
    }
    String::from_utf8(key).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_once() {
        for (encoded, key) in [
            ("AWSLogs/aws-account-id%3D1/x", "AWSLogs/aws-account-id=1/x"),
            ("AWSLogs/aws-account-id=1/x", "AWSLogs/aws-account-id=1/x"),
            ("a%2Fb", "a/b"),
            ("a+b%2Bc", "a b+c"),
            ("%2541", "%41"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%C3%A9", "é"),
            ("", ""),
        ] {
            assert_eq!(decode(encoded).as_deref(), Some(key), "{encoded}");
        }
        assert_eq!(decode("%FF"), None);
    }
}
