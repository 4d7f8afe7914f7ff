//! The passes over the tables of one step, one after the other.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use super::walk::{self, Walk, Walked};
use super::worker::{Job, Suppress};
use super::{PageRows, group, stripe};
use crate::exec::{ExecError, Executor};
use crate::journal::{NewChunk, chunks, steering, store};
use crate::plan::{Action, FillSpec, Step, StepId};
use crate::progress::{Event, Precision, Unit};
use crate::sql::{TenantKey, TenantSource, fill as sql};

/// The passes of one step, or of none: those over late rows.
#[derive(Debug)]
pub(super) struct Course {
    kind: Kind,
    lanes: Vec<Lane>,
    stage: Stage,
    /// Rounds of sweeps that have begun.
    rounds: u32,
    settled: Arc<AtomicI64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One table. Its sweeps are its own unless a later step sweeps all tables of its cycle.
    Fill(Sweeps),
    /// Tables that depend on each other.
    Settle,
    /// Rows that the sweeps have not seen.
    Late,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sweeps {
    Now,
    Later,
}

/// One table.
#[derive(Debug)]
struct Lane {
    /// The step whose chunks are written.
    step: StepId,
    spec: FillSpec,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Every page.
    First,
    /// A sweep that an earlier program may not have ended.
    Interrupted {
        at: usize,
    },
    /// Rows that depend on each other, at once.
    Walk,
    /// Sweeps over one table after the other, until a whole round moves no row.
    Sweep {
        at: usize,
        moved: i64,
        left: Left,
    },
    /// What is left goes where orphans go.
    Resort {
        at: usize,
    },
    /// Nothing may be left.
    Check,
    End,
}

/// Whether a round of sweeps has seen rows without a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    None,
    Some,
}

impl Course {
    /// The course of a fill or settle step; none for other steps.
    pub(super) fn begin(exec: &Executor<'_>, step: &Step) -> Result<Option<Self>, ExecError> {
        let (kind, specs) = match &step.action {
            Action::Fill(spec) => (Kind::Fill(sweeps(exec, spec)), std::slice::from_ref(spec)),
            Action::Settle { fills } => (Kind::Settle, fills.as_slice()),
            _ => return Ok(None),
        };
        let run = exec.run;
        let rows = exec.patiently(|conn| {
            conn_begin(conn, run, step)?;
            Ok(chunks::rows_filled(conn, run.id, &step.id)?)
        })?;
        if let Action::Fill(spec) = &step.action {
            exec.tell(&Event::WorkSized {
                step: step.id.to_string(),
                subject: spec.table.plain(),
                unit: Unit::Rows,
                done: rows.cast_unsigned(),
                total: spec.rows.max(rows).cast_unsigned(),
                precision: Precision::Estimate,
            });
        }
        let stage = if kind == Kind::Settle { Stage::Interrupted { at: 0 } } else { Stage::First };
        let lanes = specs.iter().map(|spec| Lane { step: step.id.clone(), spec: spec.clone() }).collect();
        Ok(Some(Self { kind, lanes, stage, rounds: 0, settled: Arc::new(AtomicI64::new(rows)) }))
    }

    /// The course over rows that were committed after the sweeps of these fills.
    pub(super) fn late(fills: &[(&Step, &FillSpec)]) -> Self {
        // A default was dropped before anybody could be late: late rows have no tenant, and what has one is the application's.
        let spec = |spec: &FillSpec| FillSpec { default: None, ..spec.clone() };
        let lanes = fills.iter().map(|(step, fill)| Lane { step: step.id.clone(), spec: spec(fill) }).collect();
        Self { kind: Kind::Late, lanes, stage: Stage::Interrupted { at: 0 }, rounds: 0, settled: Arc::default() }
    }

    /// The next pass, with its chunks in the journal; none at the end.
    pub(super) fn next(&mut self, exec: &Executor<'_>) -> Result<Option<Arc<Job>>, ExecError> {
        loop {
            match self.stage {
                Stage::First => return self.first(exec).map(Some),
                Stage::Interrupted { at } => match self.lanes.get(at) {
                    None => self.stage = self.round(),
                    Some(lane) => match lane.last_pass(exec)? {
                        0 => self.stage = Stage::Interrupted { at: at + 1 },
                        number => return self.job(exec, at, None, number).map(Some),
                    },
                },
                Stage::Walk => {
                    self.stage = match self.walk(exec)? {
                        Walked::ToTheEnd => Stage::Sweep { at: 0, moved: 0, left: Left::None },
                        // What was given back is for whoever goes on.
                        Walked::Stopped => Stage::Interrupted { at: 0 },
                    };
                }
                Stage::Sweep { at, moved, left } if at == self.lanes.len() => {
                    self.stage = match (moved, left) {
                        (0, Left::None) => Stage::End,
                        (0, Left::Some) if self.is_worth_another_round() => self.round(),
                        (0, Left::Some) => Stage::Resort { at: 0 },
                        _ => self.round(),
                    };
                }
                Stage::Sweep { at, moved, left } => match self.sweep(exec, at, None)? {
                    Some(job) => {
                        self.stage = Stage::Sweep { at, moved, left: Left::Some };
                        return Ok(Some(job));
                    }
                    None => self.stage = Stage::Sweep { at: at + 1, moved, left },
                },
                Stage::Resort { at } if at == self.lanes.len() || matches!(self.kind, Kind::Fill(_)) => self.stage = Stage::Check,
                Stage::Resort { at } => {
                    // Orphans of a fill are among its sources; in a cycle a row without a tenant could still get one.
                    let orphans = self.lanes.get(at).and_then(|lane| lane.spec.orphans.clone());
                    let job = match orphans {
                        Some(orphans) => self.sweep(exec, at, Some(TenantSource::Literal(orphans)))?,
                        None => None,
                    };
                    match job {
                        Some(job) => return Ok(Some(job)),
                        None => self.stage = Stage::Resort { at: at + 1 },
                    }
                }
                Stage::Check => {
                    self.check(exec)?;
                    self.stage = Stage::End;
                }
                Stage::End => return Ok(None),
            }
        }
    }

    /// Takes note that a pass is done and has moved so many rows.
    pub(super) fn passed(&mut self, rows: i64) {
        self.stage = match self.stage {
            Stage::First if self.kind == Kind::Fill(Sweeps::Later) => Stage::End,
            Stage::First => Stage::Interrupted { at: 0 },
            Stage::Interrupted { at } => Stage::Interrupted { at: at + 1 },
            Stage::Sweep { at, moved, left } => Stage::Sweep { at: at + 1, moved: moved + rows, left },
            Stage::Resort { at } if rows == 0 => Stage::Resort { at: at + 1 },
            other => other,
        };
    }

    /// What a round of sweeps begins with.
    fn round(&mut self) -> Stage {
        self.rounds += 1;
        match self.kind {
            Kind::Settle if walk::is_possible(&self.fills()) => Stage::Walk,
            _ => Stage::Sweep { at: 0, moved: 0, left: Left::None },
        }
    }

    /// Whether rows that could not be written may be by now: the application was writing them.
    fn is_worth_another_round(&self) -> bool {
        const ROUNDS: u32 = 3;
        self.rounds < ROUNDS && self.lanes.iter().any(|lane| lane.spec.default.is_some())
    }

    fn fills(&self) -> Vec<&FillSpec> {
        self.lanes.iter().map(|lane| &lane.spec).collect()
    }

    fn walk(&self, exec: &Executor<'_>) -> Result<Walked, ExecError> {
        let Some(lane) = self.lanes.first() else { return Ok(Walked::ToTheEnd) };
        Walk { exec, step: &lane.step, fills: self.fills(), settled: &self.settled }.walk()
    }

    fn first(&self, exec: &Executor<'_>) -> Result<Arc<Job>, ExecError> {
        let job = self.job(exec, 0, None, 0)?;
        let (run, spec) = (exec.run, &job.spec);
        if exec.patiently(|conn| Ok(chunks::count(conn, run, &job.pass())?))? == 0 {
            let pages = exec.patiently(|conn| Ok(sql::count_pages(&spec.table).row::<super::Value>(conn)?.value))?;
            let stripes = stripe::stripes(spec.rows, spec.pages);
            let programs = exec.patiently(|conn| Ok(steering::programs(conn, run.id)?))?.len().max(1);
            add_chunks(exec, &job, &stripe::chunks(pages, exec.gate.jobs() * programs), stripes)?;
        }
        Ok(job)
    }

    /// A pass over the pages that hold rows without a tenant; none if there are no such pages.
    fn sweep(&self, exec: &Executor<'_>, at: usize, instead: Option<TenantSource>) -> Result<Option<Arc<Job>>, ExecError> {
        let Some(lane) = self.lanes.get(at) else { return Ok(None) };
        let spec = lane.spec_in(self.rounds);
        let unsettled = sql::unsettled_pages(&spec.table, &spec.column, &spec.sources, spec.default.as_ref());
        let pages: Vec<PageRows> = exec.patiently(|conn| Ok(unsettled.rows(conn)?))?;
        if pages.is_empty() {
            return Ok(None);
        }
        let job = self.job(exec, at, instead, lane.last_pass(exec)? + 1)?;
        add_chunks(exec, &job, &group(&pages), 1)?;
        Ok(Some(job))
    }

    fn job(&self, exec: &Executor<'_>, at: usize, instead: Option<TenantSource>, number: i32) -> Result<Arc<Job>, ExecError> {
        let lane = self.lanes.get(at).ok_or(ExecError::Worker)?;
        let mut spec = lane.spec_in(self.rounds);
        if let Some(source) = instead {
            spec.sources = vec![source];
        }
        let suppress = exec.patiently(|conn| Suppress::wanted(conn, &spec))?;
        Ok(Arc::new(Job::new(&lane.step, spec, number, suppress, Arc::clone(&self.settled))))
    }

    /// Whether every row has a tenant; the promise of the phase asks for late rows.
    fn check(&self, exec: &Executor<'_>) -> Result<(), ExecError> {
        for lane in self.lanes.iter().filter(|_| self.kind != Kind::Late) {
            let spec = lane.spec_in(self.rounds);
            let count = |default: Option<&TenantKey>| -> Result<i64, ExecError> {
                let statement = sql::count_unsettled(&spec.table, &spec.column, &spec.sources, default);
                exec.patiently(|conn| Ok(statement.row::<super::Value>(conn)?.value))
            };
            let table = || spec.table.clone();
            match count(None)? {
                0 => {}
                rows => return Err(ExecError::Orphans { table: table(), rows }),
            }
            if let Some(default) = &spec.default {
                match count(Some(default))? {
                    0 => {}
                    rows => return Err(ExecError::Misplaced { table: table(), rows }),
                }
            }
        }
        Ok(())
    }
}

impl Lane {
    /// What a round of sweeps over the table looks for.
    ///
    /// Where rows read a default, they are compared with their parents twice. What differs later was moved by the application, whose
    /// guard sees to it, or the alignment at the end of the phase; it could do so for ever.
    fn spec_in(&self, round: u32) -> FillSpec {
        let aligned = matches!(self.spec.sources.first(), Some(TenantSource::Parent(_)));
        let default = self.spec.default.clone().filter(|_| !aligned || round <= 2);
        FillSpec { default, ..self.spec.clone() }
    }

    fn last_pass(&self, exec: &Executor<'_>) -> Result<i32, ExecError> {
        let relation = self.spec.table.plain();
        exec.patiently(|conn| Ok(chunks::last_pass(conn, exec.run, &self.step, &relation)?))
    }
}

fn conn_begin(conn: &mut diesel::PgConnection, run: store::RunKey, step: &Step) -> Result<(), ExecError> {
    use diesel::Connection as _;
    Ok(conn.transaction(|conn| store::begin_step(conn, run, &step.id))?)
}

fn sweeps(exec: &Executor<'_>, spec: &FillSpec) -> Sweeps {
    let later = exec.plan.steps.iter().any(|step| match &step.action {
        Action::Settle { fills } => fills.iter().any(|fill| fill.table == spec.table),
        _ => false,
    });
    if later { Sweeps::Later } else { Sweeps::Now }
}

fn add_chunks(exec: &Executor<'_>, job: &Job, ranges: &[(i64, i64)], stripes: u16) -> Result<(), ExecError> {
    use diesel::Connection as _;
    let pass = job.pass();
    let chunk = |(first_page, end_page): &(i64, i64)| NewChunk {
        run_id: exec.run.id,
        step_id: pass.step.as_str(),
        relation: pass.relation,
        pass: pass.number,
        first_page: *first_page,
        end_page: *end_page,
        stripes: i32::from(stripes),
        next_page: *first_page,
        state: "pending",
    };
    let new: Vec<NewChunk<'_>> = ranges.iter().map(chunk).collect();
    exec.patiently(|conn| Ok(conn.transaction(|conn| chunks::add(conn, exec.run, &new))?))
}
