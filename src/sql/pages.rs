//! Ranges of heap pages.

/// Heap pages of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    /// The first.
    pub first: i64,
    /// The first that is no more; `None` = up to the end, whatever it is by then.
    pub end: Option<i64>,
}

impl Pages {
    /// Every page.
    pub const ALL: Self = Self { first: 0, end: None };

    /// The condition on rows of the relation that is named `alias`, behind `keyword`; nothing for every page.
    pub(crate) fn of(self, alias: &str, keyword: &str) -> String {
        let first = (self.first > 0).then(|| format!("{alias}.ctid >= '({},0)'", self.first));
        let end = self.end.map(|end| format!("{alias}.ctid < '({end},0)'"));
        let conditions: Vec<String> = first.into_iter().chain(end).collect();
        if conditions.is_empty() { String::new() } else { format!("{keyword}{}", conditions.join(" AND ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_range_has_no_end() {
        let of = |first, end| Pages { first, end }.of("t", " WHERE ");
        assert_eq!(Pages::ALL.of("t", " WHERE "), "");
        assert_eq!(of(0, Some(9)), " WHERE t.ctid < '(9,0)'");
        assert_eq!(of(9, Some(18)), " WHERE t.ctid >= '(9,0)' AND t.ctid < '(18,0)'");
        assert_eq!(of(18, None), " WHERE t.ctid >= '(18,0)'");
    }
}
