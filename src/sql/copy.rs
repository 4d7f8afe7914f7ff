//! Rows as binary `COPY` reads them: the server need not parse what is a number here already.

use uuid::Uuid;

/// What stands before the first row.
pub const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What stands after the last.
pub const TRAILER: &[u8] = &[0xff, 0xff];

/// A type whose binary form is written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// `bigint`.
    Bigint,
    /// `integer`.
    Integer,
    /// `uuid`.
    Uuid,
    /// `text` and `character varying`.
    Text,
}

impl Binary {
    /// The form of a type as `format_type` names it; none where only the server knows.
    #[must_use]
    pub fn of(ty: &str) -> Option<Self> {
        match ty {
            "bigint" => Some(Self::Bigint),
            "integer" => Some(Self::Integer),
            "uuid" => Some(Self::Uuid),
            "text" | "character varying" => Some(Self::Text),
            _ => None,
        }
    }

    /// Adds a value behind its length; none where the text is not plainly one of this type.
    #[must_use]
    pub fn write(self, out: &mut Vec<u8>, text: &str) -> Option<()> {
        match self {
            Self::Bigint => field(out, &text.parse::<i64>().ok()?.to_be_bytes()),
            Self::Integer => field(out, &text.parse::<i32>().ok()?.to_be_bytes()),
            Self::Uuid => field(out, Uuid::try_parse(text).ok().filter(|_| text.len() == 36)?.as_bytes()),
            Self::Text => field(out, text.as_bytes()),
        }
    }
}

/// Begins a row of so many fields.
pub fn row(out: &mut Vec<u8>, fields: i16) {
    out.extend(fields.to_be_bytes());
}

fn field(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    out.extend(i32::try_from(bytes.len()).ok()?.to_be_bytes());
    out.extend(bytes);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(ty: &str, text: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        Binary::of(ty)?.write(&mut out, text).map(|()| out)
    }

    #[test]
    fn values_have_their_length_before_them() {
        assert_eq!(written("integer", "-2"), Some(vec![0, 0, 0, 4, 0xff, 0xff, 0xff, 0xfe]));
        assert_eq!(written("bigint", "1"), Some(vec![0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]));
        assert_eq!(written("text", "é"), Some(vec![0, 0, 0, 2, 0xc3, 0xa9]));
        assert_eq!(
            written("uuid", "00000000-0000-0000-0000-00000000002a").map(|bytes| (bytes.len(), bytes[3], bytes[19])),
            Some((20, 16, 42))
        );
    }

    #[test]
    fn what_only_the_server_can_judge_is_left_to_it() {
        assert_eq!(written("numeric", "1"), None);
        assert_eq!(written("bigint", " 1"), None);
        assert_eq!(written("integer", "2147483648"), None);
        assert_eq!(written("uuid", "urn:uuid:00000000-0000-0000-0000-00000000002a"), None);
    }
}
