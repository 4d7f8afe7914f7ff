//! What the workers do next: chunks of any fill that is open, in the order of the plan.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::course::Course;
use super::crew::{Found, Work};
use super::worker::{Hand, Job};
use crate::db::HasFault as _;
use crate::exec::{ExecError, Executor, StepError};
use crate::journal::{chunks, steering};
use crate::plan::{Step, StepId};
use crate::progress::Event;
use crate::sql::change::SnapshotUse;

/// How long a worker without work waits before it looks again.
const LOOK: Duration = Duration::from_millis(200);
/// How often chunks that other programs hold are looked at.
const OTHERS: Duration = Duration::from_millis(500);
/// How often it is asked what other programs have settled.
const REFRESH: Duration = Duration::from_secs(2);

/// One thing that the schedule works off.
pub(super) enum Item<'e> {
    /// A step.
    Step(&'e Step),
    /// Passes that are no step of their own.
    Passes(Course),
}

impl Item<'_> {
    fn snapshot_use(&self) -> SnapshotUse {
        match self {
            Self::Step(step) => step.snapshot_use(),
            Self::Passes(_) => SnapshotUse::Brief,
        }
    }
}

/// The items and how far each has come.
pub(super) struct Schedule<'e, 'a> {
    exec: &'e Executor<'a>,
    /// For each item the places of those before it that it waits for.
    needs: Vec<Vec<usize>>,
    /// What of each item must not happen beside others.
    snapshots: Vec<SnapshotUse>,
    state: Mutex<State<'e>>,
    changed: Condvar,
    /// When others were asked last, in milliseconds since the start.
    refreshed: AtomicI64,
    started: Instant,
}

struct State<'e> {
    items: Vec<Progress<'e>>,
    /// How many steps may still begin.
    budget: usize,
    begun: usize,
}

enum Progress<'e> {
    Waiting(Item<'e>),
    /// One worker begins it, ends it, or looks for its next pass.
    Busy,
    Open(Open<'e>),
    Done,
}

/// An item with a pass that workers work on.
struct Open<'e> {
    running: Running<'e>,
    job: Arc<Job>,
    /// Workers on its chunks.
    active: usize,
    /// When to ask whether the pass is done: nothing was left to claim.
    ask_at: Option<Instant>,
}

struct Running<'e> {
    /// None for passes that are no step.
    step: Option<(&'e Step, Instant)>,
    course: Course,
    /// Whether the operator knows that others have chunks of it.
    told: bool,
}

enum Task<'e> {
    Begin(usize, Item<'e>),
    Chunk(usize, Arc<Job>),
    /// Its pass may be done.
    Turn(usize, Open<'e>),
    Idle,
    End,
}

impl<'e, 'a> Schedule<'e, 'a> {
    /// A schedule of items; `done` are those that need not be begun, and at most `budget` are.
    pub(super) fn new(exec: &'e Executor<'a>, items: Vec<(Option<Item<'e>>, Vec<usize>)>, budget: usize) -> Self {
        let (items, needs): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        let snapshots = items.iter().map(|item| item.as_ref().map_or(SnapshotUse::Brief, Item::snapshot_use)).collect();
        let items = items.into_iter().map(|item| item.map_or(Progress::Done, Progress::Waiting)).collect();
        let state = Mutex::new(State { items, budget, begun: 0 });
        Self { exec, needs, snapshots, state, changed: Condvar::new(), refreshed: AtomicI64::new(0), started: Instant::now() }
    }

    /// How many items were begun.
    pub(super) fn begun(&self) -> usize {
        self.state().begun
    }

    fn state(&self) -> MutexGuard<'_, State<'e>> {
        // A worker that panics ends the run.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, at: usize, progress: Progress<'e>) {
        if let Some(item) = self.state().items.get_mut(at) {
            *item = progress;
        }
        self.changed.notify_all();
    }

    /// The first item of the plan that has something to do.
    fn next(&self) -> Task<'e> {
        let mut state = self.state();
        let kept_apart = self.kept_apart(&state);
        let (mut later, mut at) = (false, 0);
        while at < state.items.len() {
            let may_begin = kept_apart != Some(self.snapshots[at]) && self.is_ready(at, &state);
            match &mut state.items[at] {
                Progress::Waiting(_) if may_begin => {
                    state.budget -= 1;
                    state.begun += 1;
                    if let Progress::Waiting(item) = std::mem::replace(&mut state.items[at], Progress::Busy) {
                        return Task::Begin(at, item);
                    }
                }
                Progress::Open(open) if open.ask_at.is_none() => {
                    open.active += 1;
                    return Task::Chunk(at, Arc::clone(&open.job));
                }
                Progress::Open(Open { active: 0, ask_at: Some(ask_at), .. }) if *ask_at <= Instant::now() => {
                    if let Progress::Open(open) = std::mem::replace(&mut state.items[at], Progress::Busy) {
                        return Task::Turn(at, open);
                    }
                }
                Progress::Busy | Progress::Open(_) => later = true,
                Progress::Waiting(_) | Progress::Done => {}
            }
            at += 1;
        }
        if later { Task::Idle } else { Task::End }
    }

    /// Whether the item waits and could begin: there is budget for it, and what it needs is done.
    fn is_ready(&self, at: usize, state: &State<'e>) -> bool {
        // The last one is the one that is most likely open.
        matches!(state.items[at], Progress::Waiting(_))
            && state.budget > 0
            && self.needs[at].iter().rev().all(|need| matches!(state.items[*need], Progress::Done))
    }

    /// Which items must not begin now, because they and one at work would hold each other up, though they lock different tables.
    ///
    /// The build of an index ends when every older snapshot is gone, on whichever table: beside a validation it would only stand and
    /// wait for its end, and after the operator's patience fail and begin again. There is no deadlock in it, but no gain either: so
    /// indexes are built beside indexes, which know each other, and validations run beside validations.
    fn kept_apart(&self, state: &State<'e>) -> Option<SnapshotUse> {
        let works = |progress: &Progress<'e>| matches!(progress, Progress::Busy | Progress::Open(_));
        let mut at_work = state.items.iter().zip(&self.snapshots).filter(|(progress, _)| works(progress)).map(|(_, used)| *used);
        at_work.find_map(|used| match used {
            SnapshotUse::Brief => None,
            SnapshotUse::Holds => Some(SnapshotUse::Awaits),
            SnapshotUse::Awaits => Some(SnapshotUse::Holds),
        })
    }

    fn begin(&self, at: usize, item: Item<'e>) -> Result<(), StepError> {
        let (step, course) = match item {
            Item::Passes(course) => (None, course),
            Item::Step(step) => {
                let Some((clock, course)) = self.begin_step(step)? else {
                    self.put(at, Progress::Done);
                    return Ok(());
                };
                (Some((step, clock)), course)
            }
        };
        self.go_on(at, Running { step, course, told: false })
    }

    /// Begins a step that consists of passes, or does one that does not.
    fn begin_step(&self, step: &'e Step) -> Result<Option<(Instant, Course)>, StepError> {
        if !step.action.is_fill() {
            return self.exec.do_step(step).map(|()| None).inspect_err(|error| self.tell_of(error));
        }
        let clock = self.exec.start_step(step)?;
        let course = Course::begin(self.exec, step).map_err(|source| StepError { step: step.id.clone(), source })?;
        Ok(course.map(|course| (clock, course)))
    }

    /// Says at once that a step has failed, while others at work may take their time to end.
    fn tell_of(&self, error: &StepError) {
        let at_work = self.state().items.iter().filter(|progress| matches!(progress, Progress::Busy | Progress::Open(_))).count();
        // The one that failed is among them.
        if at_work > 1 && !matches!(error.source, ExecError::Stopped) {
            let text = format!("{}; no other step begins, those at work come to their end", crate::error::chain(error));
            self.exec.tell(&Event::Warning { text });
        }
    }

    /// Opens the next pass, or ends the item.
    fn go_on(&self, at: usize, mut running: Running<'e>) -> Result<(), StepError> {
        let failed = |running: &Running<'e>, source| StepError { step: self.name(running), source };
        let next = running.course.next(self.exec).map_err(|source| failed(&running, source))?;
        if let Some(job) = next {
            self.put(at, Progress::Open(Open { running, job, active: 0, ask_at: None }));
            return Ok(());
        }
        if let Some((step, clock)) = running.step {
            let rows = self.exec.finish_fill(step).map_err(|source| failed(&running, source))?;
            self.exec.step_finished(step, clock, Some(rows));
        }
        self.put(at, Progress::Done);
        Ok(())
    }

    /// Asks whether the pass is done.
    fn turn(&self, at: usize, mut open: Open<'e>) -> Result<(), StepError> {
        let left = match self.left(&open.job) {
            // Somebody is about to write a checkpoint.
            Err(error) if error.fault().is_transient() => chunks::Open { pending: 0, claimed: 1 },
            left => left.map_err(|source| StepError { step: self.name(&open.running), source })?,
        };
        if left.pending > 0 {
            open.ask_at = None;
        } else if left.claimed > 0 {
            if !open.running.told {
                let reason = format!("other programs work on its last chunks: {}", left.claimed);
                self.exec.tell(&Event::Waiting { step: open.job.step.to_string(), reason });
            }
            open.running.told = true;
            open.ask_at = Some(Instant::now() + OTHERS);
        } else {
            let rows = self.exec.patiently(|conn| Ok(chunks::rows_of(conn, self.exec.run, &open.job.pass())?));
            let rows = rows.map_err(|source| StepError { step: self.name(&open.running), source })?;
            open.running.course.passed(rows);
            return self.go_on(at, open.running);
        }
        self.put(at, Progress::Open(open));
        Ok(())
    }

    /// Chunks that are not done, after those of the dead are back in the queue, and those that a crash took from our workers.
    fn left(&self, job: &Job) -> Result<chunks::Open, ExecError> {
        let (run, own) = (self.exec.run, self.exec.gate.number());
        self.exec.patiently(|conn| {
            let left = chunks::open(conn, run, &job.pass())?;
            if left.claimed == 0 || chunks::reclaim(conn, run, &job.pass(), Some(own))? == 0 {
                return Ok(left);
            }
            Ok(chunks::open(conn, run, &job.pass())?)
        })
    }

    /// Counts what other programs have settled, if there are any.
    fn refresh(&self) -> Result<(), ExecError> {
        let run = self.exec.run.id;
        if self.exec.patiently(|conn| Ok(steering::programs(conn, run)?))?.len() < 2 {
            return Ok(());
        }
        let open = |item: &Progress<'e>| match item {
            Progress::Open(open) => Some(Arc::clone(&open.job)),
            _ => None,
        };
        let jobs: Vec<Arc<Job>> = self.state().items.iter().filter_map(open).collect();
        for job in jobs {
            let rows = self.exec.patiently(|conn| Ok(chunks::rows_filled(conn, run, &job.step)?))?;
            job.settled.fetch_max(rows, Ordering::Relaxed);
        }
        Ok(())
    }

    fn name(&self, running: &Running<'e>) -> StepId {
        running.step.map_or_else(|| self.exec.journal_failed(ExecError::Worker).step, |(step, _)| step.id.clone())
    }

    fn chunk(&self, at: usize, job: &Job, hand: &mut Hand<'_>) -> Result<(), StepError> {
        let took = hand.take(job);
        let mut state = self.state();
        if let Some(Progress::Open(open)) = state.items.get_mut(at) {
            open.active -= 1;
            if matches!(took, Ok(false)) && open.ask_at.is_none() {
                open.ask_at = Some(Instant::now());
            }
        }
        drop(state);
        self.changed.notify_all();
        took.map(drop).map_err(|source| StepError { step: job.step.clone(), source })
    }
}

impl Work for Schedule<'_, '_> {
    fn work(&self, hand: &mut Hand<'_>) -> Result<Found, StepError> {
        match self.next() {
            Task::Begin(at, item) => self.begin(at, item)?,
            Task::Chunk(at, job) => self.chunk(at, &job, hand)?,
            Task::Turn(at, open) => self.turn(at, open)?,
            Task::Idle => {
                let state = self.state();
                // Whether it was woken or not, it looks.
                drop(self.changed.wait_timeout(state, LOOK));
            }
            Task::End => return Ok(Found::End),
        }
        Ok(Found::Work)
    }

    fn tick(&self) {
        let now = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        if now - self.refreshed.load(Ordering::Relaxed) < i64::try_from(REFRESH.as_millis()).unwrap_or(i64::MAX) {
            return;
        }
        self.refreshed.store(now, Ordering::Relaxed);
        if let Err(error) = self.refresh() {
            tracing::debug!(%error, "what others have settled is not known");
        }
    }
}
