//! How many visits a page gets, and how a table is cut into chunks.

/// Pages of a chunk at most: 64 MiB, so that its pages are still cached at the next visit.
const LONGEST_CHUNK: i64 = 8_192;
/// Pages of a chunk at least: below, claiming costs more than it shares.
const SHORTEST_CHUNK: i64 = 128;
/// Stripes at most; more visits cost more than the room they leave is worth.
const MOST_STRIPES: u16 = 32;
/// Segments per visit of a chunk at least: between two visits of a page other workers' transactions must end.
pub(super) const SEGMENTS: i64 = 4;

/// Stripes for a table: so many that one visit takes about two rows of a page.
///
/// The first visit leaves room behind, and the new versions of the later ones fit into it: they are heap-only tuples,
/// which no index needs to know about. Pages of one or two rows leave no such room.
#[must_use]
pub(super) fn stripes(rows: i64, pages: i64) -> u16 {
    let per_page = rows.max(0) / pages.max(1);
    let wanted = u64::try_from(per_page / 2).unwrap_or(0).max(1).next_power_of_two();
    u16::try_from(wanted).unwrap_or(MOST_STRIPES).min(MOST_STRIPES)
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
    fn a_visit_takes_about_two_rows_of_a_page() {
        assert_eq!(stripes(2_000_000, 69_000), 16);
        assert_eq!(stripes(3_000_000, 22_058), 32);
        assert_eq!(stripes(10, 10), 1);
        assert_eq!(stripes(0, 0), 1);
        assert_eq!(stripes(30, 10), 1);
        assert_eq!(stripes(-1, 10), 1);
    }

    #[test]
    fn chunks_cover_every_page_once() {
        for (pages, workers) in [(0, 2), (1, 2), (127, 1), (128, 1), (129, 4), (1_000_000, 3)] {
            let chunks = chunks(pages, workers);
            assert_eq!(chunks.iter().map(|(first, end)| end - first).sum::<i64>(), pages);
            assert!(chunks.windows(2).all(|pair| pair[0].1 == pair[1].0), "{chunks:?}");
        }
    }
}
