//! How many visits a page gets, and how a table is cut into chunks.

/// Pages of a chunk at most: 64 MiB, so that its pages are still cached at the next visit.
const LONGEST_CHUNK: i64 = 8_192;
/// Pages of a chunk at least: batches of fewer than a quarter of them cost more in transactions than they share.
const SHORTEST_CHUNK: i64 = 1_024;
/// Stripes at most: more visits save no more WAL and cost a scan each (`cargo bench --bench fill -- stripes --sets k`).
const MOST_STRIPES: u16 = 16;
/// Segments per visit of a chunk at least: between two visits of a page other workers' transactions must end.
pub(super) const SEGMENTS: i64 = 4;

/// Stripes for a table: one for each row of a page, up to the most that is worth it.
///
/// The first visit leaves room behind, and the new versions of the later ones fit into it: they are heap-only tuples,
/// which no index needs to know about. A page of one row leaves no such room.
#[must_use]
pub(super) fn stripes(rows: i64, pages: i64) -> u16 {
    let per_page = rows / pages.max(1);
    u16::try_from(per_page.clamp(1, MOST_STRIPES.into())).unwrap_or(MOST_STRIPES)
}

/// The page ranges of a table's chunks, for so many workers.
#[must_use]
pub(super) fn chunks(pages: i64, workers: usize) -> Vec<(i64, i64)> {
    let workers = i64::try_from(workers).unwrap_or(1).max(1);
    let length = (pages / (workers * 4)).clamp(SHORTEST_CHUNK, LONGEST_CHUNK);
    let mut chunks = Vec::new();
    let mut first = 0;
    while first < pages {
        let end = (first + length).min(pages);
        chunks.push((first, end));
        first = end;
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_takes_one_row_of_a_page_while_that_is_worth_it() {
        assert_eq!(stripes(2_000_000, 69_000), 16);
        assert_eq!(stripes(3_000_000, 22_058), 16);
        assert_eq!(stripes(45, 10), 4);
        assert_eq!(stripes(10, 10), 1);
        assert_eq!(stripes(0, 0), 1);
        assert_eq!(stripes(-1, 10), 1);
    }

    #[test]
    fn chunks_cover_every_page_once() {
        for (pages, workers) in [(0, 2), (1, 2), (1_023, 1), (1_024, 1), (1_025, 4), (1_000_000, 3)] {
            let chunks = chunks(pages, workers);
            assert_eq!(chunks.iter().map(|(first, end)| end - first).sum::<i64>(), pages);
            assert!(chunks.windows(2).all(|pair| pair[0].1 == pair[1].0), "{chunks:?}");
        }
    }
}
