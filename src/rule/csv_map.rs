//! CSV maps: streamed, checked line by line and staged, each key once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::pg::{CopyFormat, PgConnection};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text};

use super::{MapSpec, TenantSet};
use crate::sql::copy::{self, Binary};
use crate::sql::{KeyType, map};

/// A line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The line, from 1.
    pub line: i64,
    /// Why.
    pub reason: String,
}

/// Why a CSV map cannot be staged.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        source: csv::Error,
    },
    /// The list of rejected lines cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The first line does not name the two columns.
    #[error("{path}: the first line must be `{expected}`, but it is `{found}`")]
    Header {
        /// The file.
        path: PathBuf,
        /// The header that is needed.
        expected: String,
        /// The header that is there.
        found: String,
    },
    /// A line cannot be used; all such lines are listed when the file is read once more.
    #[error("the CSV map has a line that cannot be used")]
    Fault,
    /// The database refused.
    #[error("cannot stage the CSV map")]
    Query(#[from] diesel::result::Error),
}

impl MapError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "correct the name in `csv`; relative names start at the folder of the configuration",
            Self::Write { .. } => "let the folder of the CSV file be written to: the list of rejected lines goes there",
            Self::Header { .. } => "the first column has the name that `key` says, the second is called tenant",
            Self::Fault | Self::Query(_) => "nothing was changed; try again with: tenantize check",
        }
    }
}

/// What staging a file found.
#[derive(Clone, Debug, Default)]
pub struct Staged {
    /// Keys in the map.
    pub keys: i64,
    /// Lines that are not.
    pub rejected: Vec<Rejected>,
}

/// Lines sent to the server at once.
const BATCH: usize = 10_000;
/// Bytes sent to the server at once.
const BLOCK: usize = 64 * 1024;

/// The tenants that a line can name.
struct Known<'a> {
    ty: KeyType,
    keys: BTreeMap<&'a str, &'a str>,
}

#[derive(Default)]
struct Batch {
    lines: Vec<i64>,
    keys: Vec<String>,
    tenants: Vec<String>,
}

#[derive(QueryableByName)]
struct RejectedRow {
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = Text)]
    reason: String,
}

/// Stages a file into a temporary table of this connection, named like the staged table of the run.
///
/// A file without a fault is copied straight into its table. One with a fault is read again, with its line numbers, to
/// find every line that cannot be used.
pub fn stage(conn: &mut PgConnection, spec: &MapSpec, tenants: &TenantSet) -> Result<Staged, MapError> {
    conn.batch_execute(map::IN_MEMORY)?;
    if let (Some(key), Some(ty)) = (Binary::of(&spec.key_ty), Binary::of(&tenants.ty.to_string())) {
        match conn.transaction(|conn| copy(conn, spec, tenants, (key, ty))) {
            Ok(keys) => {
                write_rejected(&spec.file, &[])?;
                return Ok(Staged { keys, rejected: Vec::new() });
            }
            Err(MapError::Fault) => {}
            Err(MapError::Query(diesel::result::Error::DatabaseError(kind, _)))
                if !matches!(kind, diesel::result::DatabaseErrorKind::ClosedConnection) => {}
            Err(error) => return Err(error),
        }
    }
    carefully(conn, spec, &Known { ty: tenants.ty, keys: tenants.keys_by_name() })
}

fn copy(conn: &mut PgConnection, spec: &MapSpec, tenants: &TenantSet, (key, ty): (Binary, Binary)) -> Result<i64, MapError> {
    map::create_copied(&spec.mapped(), tenants.ty).run_script(conn)?;
    let mut known = BTreeMap::new();
    for (name, tenant) in tenants.keys_by_name() {
        let mut field = Vec::new();
        ty.write(&mut field, tenant).ok_or(MapError::Fault)?;
        known.insert(name.as_bytes(), field);
    }
    let (keys, seen) = (Cell::new(0), RefCell::new(Seen::default()));
    let send = |out: &mut dyn std::io::Write| copied(out, spec, (key, &known), &mut seen.borrow_mut()).map(|sent| keys.set(sent));
    let query = diesel::copy_from(map::copied::table).from_raw_data(map::copied::table, send);
    query.with_format(CopyFormat::Binary).execute(conn)?;
    match seen.into_inner().verdict() {
        Verdict::Distinct => map::name_copied(&spec.staged.name).run_script(conn)?,
        Verdict::Unknown => map::name_copied_with_key(&spec.staged.name).run_script(conn)?,
    }
    Ok(keys.get())
}

/// Hashes of the keys so far: to sort them takes a tenth of the time that an index over the keys takes to build.
#[derive(Default)]
struct Seen {
    hashes: Vec<u64>,
    keys: usize,
}

/// Whether a key is there twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// None is.
    Distinct,
    /// One may be.
    Unknown,
}

impl Seen {
    /// Hashes that are kept at most: 32 MiB.
    const MOST: usize = 4 << 20;

    fn add(&mut self, key: &[u8]) {
        self.keys += 1;
        if self.keys <= Self::MOST {
            let mut hasher = DefaultHasher::new();
            hasher.write(key);
            self.hashes.push(hasher.finish());
        }
    }

    /// Equal keys have equal hashes; different ones hardly ever.
    fn verdict(mut self) -> Verdict {
        self.hashes.sort_unstable();
        let distinct = self.keys <= Self::MOST && self.hashes.windows(2).all(|pair| pair[0] != pair[1]);
        if distinct { Verdict::Distinct } else { Verdict::Unknown }
    }
}

/// Writes the lines as `COPY` reads them and returns how many there are.
fn copied(
    out: &mut dyn std::io::Write,
    spec: &MapSpec,
    (key, tenants): (Binary, &BTreeMap<&[u8], Vec<u8>>),
    seen: &mut Seen,
) -> Result<i64, MapError> {
    let lost = |error: std::io::Error| MapError::Query(diesel::result::Error::SerializationError(Box::new(error)));
    let mut reader = open(spec)?;
    let mut record = csv::ByteRecord::new();
    let mut block = Vec::with_capacity(BLOCK + BLOCK / 4);
    block.extend(copy::HEADER);
    let mut keys = 0;
    while reader.read_byte_record(&mut record).map_err(|source| MapError::Read { path: spec.file.clone(), source })? {
        if record.len() != 2 {
            return Err(MapError::Fault);
        }
        let text = std::str::from_utf8(&record[0]).ok().filter(|text| !text.is_empty() && !text.contains('\0'));
        copy::row(&mut block, 2);
        let start = block.len();
        key.write(&mut block, text.ok_or(MapError::Fault)?).ok_or(MapError::Fault)?;
        seen.add(&block[start..]);
        block.extend(tenants.get(&record[1]).ok_or(MapError::Fault)?);
        keys += 1;
        if block.len() >= BLOCK {
            out.write_all(&block).map_err(lost)?;
            block.clear();
        }
    }
    block.extend(copy::TRAILER);
    out.write_all(&block).map_err(lost)?;
    Ok(keys)
}

fn carefully(conn: &mut PgConnection, spec: &MapSpec, tenants: &Known<'_>) -> Result<Staged, MapError> {
    map::create_raw().run(conn)?;
    let mut staged = Staged::default();
    let last = load(conn, spec, tenants, &mut staged)?;
    map::create_map(&spec.staged.name, &spec.mapped(), tenants.ty).run_script(conn)?;
    convert(conn, spec, tenants.ty, 0..last + 1, &mut staged)?;
    let duplicates: Vec<RejectedRow> = map::duplicates(&spec.staged.name).rows(conn)?;
    staged.rejected.extend(duplicates.into_iter().map(|row| Rejected { line: row.line, reason: row.reason }));
    map::finish_map(&spec.staged.name).run_script(conn)?;
    map::drop_raw().run(conn)?;
    staged.rejected.sort_by_key(|rejected| rejected.line);
    staged.keys -= i64::try_from(staged.rejected.len()).unwrap_or(i64::MAX);
    write_rejected(&spec.file, &staged.rejected)?;
    Ok(staged)
}

/// Opens the file behind its header.
fn open(spec: &MapSpec) -> Result<csv::Reader<BufReader<File>>, MapError> {
    let fail = |source| MapError::Read { path: spec.file.clone(), source };
    let file = File::open(&spec.file).map_err(|error| fail(csv::Error::from(error)))?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(BufReader::new(file));
    let header: Vec<String> =
        reader.byte_headers().map_err(fail)?.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
    let found = header.join(",");
    let expected = format!("{},tenant", spec.key.plain());
    if found.trim_start_matches('\u{feff}') != expected {
        return Err(MapError::Header { path: spec.file.clone(), expected, found });
    }
    Ok(reader)
}

fn load(conn: &mut PgConnection, spec: &MapSpec, tenants: &Known<'_>, staged: &mut Staged) -> Result<i64, MapError> {
    let mut reader = open(spec)?;
    let mut batch = Batch::default();
    let mut last = 0;
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(|source| MapError::Read { path: spec.file.clone(), source })? {
        let line = record.position().map_or(0, csv::Position::line).cast_signed();
        last = last.max(line);
        staged.keys += 1;
        match tenants.check(&record) {
            Ok((key, tenant)) => {
                batch.lines.push(line);
                batch.keys.push(key.to_owned());
                batch.tenants.push(tenant.to_owned());
            }
            Err(reason) => staged.rejected.push(Rejected { line, reason }),
        }
        if batch.lines.len() == BATCH {
            send(conn, std::mem::take(&mut batch))?;
        }
    }
    send(conn, batch)?;
    Ok(last)
}

impl Known<'_> {
    /// The key and the tenant's key of a line.
    fn check<'r>(&'r self, record: &'r csv::ByteRecord) -> Result<(&'r str, &'r str), String> {
        if record.len() != 2 {
            return Err(format!("2 fields are expected, {} are there", record.len()));
        }
        let text = |at: usize| std::str::from_utf8(&record[at]).map_err(|_| "it is not UTF-8".to_owned());
        let (key, tenant) = (text(0)?, text(1)?);
        if key.is_empty() || key.contains('\0') {
            return Err("the key is empty".into());
        }
        let tenant = self.keys.get(tenant).ok_or_else(|| format!("there is no tenant `{tenant}`"))?;
        Ok((key, tenant))
    }
}

fn send(conn: &mut PgConnection, batch: Batch) -> QueryResult<()> {
    if batch.lines.is_empty() {
        return Ok(());
    }
    let insert = diesel::sql_query(map::INSERT_RAW);
    insert.bind::<Array<BigInt>, _>(batch.lines).bind::<Array<Text>, _>(batch.keys).bind::<Array<Text>, _>(batch.tenants).execute(conn)?;
    Ok(())
}

/// Converts keys to their type; a range that fails is halved until the bad line is alone.
fn convert(conn: &mut PgConnection, spec: &MapSpec, ty: KeyType, lines: std::ops::Range<i64>, staged: &mut Staged) -> QueryResult<()> {
    let statement = map::convert(&spec.staged.name, &spec.key_ty, ty, &lines);
    match conn.transaction(|conn| statement.run(conn)) {
        Ok(_) => Ok(()),
        Err(diesel::result::Error::DatabaseError(_, info)) if lines.end - lines.start <= 1 => {
            staged.rejected.push(Rejected { line: lines.start, reason: info.message().to_owned() });
            Ok(())
        }
        Err(diesel::result::Error::DatabaseError(kind, _)) if !matches!(kind, diesel::result::DatabaseErrorKind::ClosedConnection) => {
            let middle = lines.start.midpoint(lines.end);
            convert(conn, spec, ty, lines.start..middle, staged)?;
            convert(conn, spec, ty, middle..lines.end, staged)
        }
        Err(error) => Err(error),
    }
}

/// The file beside the map that lists its rejected lines.
#[must_use]
pub fn rejected_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".rejected.csv");
    name.into()
}

fn write_rejected(file: &Path, rejected: &[Rejected]) -> Result<(), MapError> {
    let path = rejected_path(file);
    let fail = |source| MapError::Write { path: path.clone(), source };
    if rejected.is_empty() {
        // A list of an earlier try would say what is not so any more.
        return match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(fail(error)),
            _ => Ok(()),
        };
    }
    let mut writer = csv::Writer::from_path(&path).map_err(|error| fail(error.into()))?;
    writer.write_record(["line", "reason"]).map_err(|error| fail(error.into()))?;
    for Rejected { line, reason } in rejected {
        writer.write_record([&line.to_string(), reason]).map_err(|error| fail(error.into()))?;
    }
    writer.into_inner().map_err(|error| fail(error.into_error()))?.flush().map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(keys: &[&[u8]]) -> Verdict {
        let mut seen = Seen::default();
        for key in keys {
            seen.add(key);
        }
        seen.verdict()
    }

    #[test]
    fn a_key_that_comes_again_is_never_missed() {
        assert_eq!(verdict(&[]), Verdict::Distinct);
        assert_eq!(verdict(&[b"a", b"b", b"ab"]), Verdict::Distinct);
        assert_eq!(verdict(&[b"a", b"b", b"a"]), Verdict::Unknown);
    }

    #[test]
    fn of_more_keys_than_memory_is_for_nothing_is_said() {
        let mut seen = Seen { hashes: Vec::new(), keys: Seen::MOST };
        seen.add(b"one more");
        assert_eq!((seen.hashes.len(), seen.verdict()), (0, Verdict::Unknown));
    }
}
