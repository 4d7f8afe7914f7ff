//! The plan for people.

use super::{PlanDetail, ended, findings, statement};
use crate::phase::Phase;
use crate::plan::{Action, FillSpec, Plan, PlannedTable, Step, Strategy, Undo};
use crate::progress::style::{Palette, bytes, one_line, pad, plural, rows};
use crate::sql::Change;
use crate::sql::backup;
use crate::sql::change::{Duration, LockMode};
use crate::sql::fill::Stripe;

/// Tenants that are named in a table's line.
const NAMED: usize = 4;
/// What a fill holds.
const ROW_LOCKS: &str = "row locks, a batch at a time";
/// What a batch looks like, for the eye: the run chooses its own sizes.
const EXAMPLE: (i64, Stripe) = (64, Stripe { index: 0, of: 8 });

pub(super) fn render(plan: &Plan, detail: PlanDetail, palette: Palette) -> String {
    let mut page = Page { plan, detail, palette, lines: Vec::new() };
    page.header();
    page.tables();
    for phase in Phase::ALL {
        page.phase(phase);
    }
    let mut text = page.lines.join("\n");
    text.push_str("\n\n");
    text.push_str(&findings::render_findings(&plan.findings, palette));
    text.push_str(&closing(plan, palette));
    text
}

struct Page<'a> {
    plan: &'a Plan,
    detail: PlanDetail,
    palette: Palette,
    lines: Vec<String>,
}

impl Page<'_> {
    fn header(&mut self) {
        let plan = self.plan;
        let parts = [
            format!("plan {}", plan.short_id()),
            one_line(&plan.database),
            plural(plan.tables.len(), "table"),
            plural(plan.steps.len(), "step"),
        ];
        self.lines.push(self.palette.strong(parts.join(" · ")));
    }

    fn tables(&mut self) {
        let palette = self.palette;
        let mut table = vec![["tables", "strategy", "reason", "rows per tenant"].map(|title| palette.dim(title))];
        for planned in &self.plan.tables {
            let strategy = match planned.strategy {
                Strategy::Constant(_) => "constant",
                Strategy::Majority(_) => "majority",
                Strategy::Striped => "striped",
                Strategy::Present => "present",
            };
            table.push([planned.table.plain(), strategy.into(), planned.reason.clone(), self.expected(planned)]);
        }
        self.lines.push(String::new());
        self.lines.extend(aligned(table, 0));
        for map in &self.plan.maps {
            self.lines.push(format!("{} {}, {}", palette.dim("map"), one_line(&map.file), plural(map.keys, "key")));
        }
    }

    fn expected(&self, planned: &PlannedTable) -> String {
        if !self.plan.shapes.contains_key(&planned.table) {
            return "created by a migration".into();
        }
        let mut expected: Vec<(&String, i64)> = planned.expected.iter().map(|(slug, rows)| (slug, *rows)).filter(|(_, n)| *n > 0).collect();
        if expected.is_empty() {
            return "no rows".into();
        }
        expected.sort_by_key(|(slug, rows)| (-rows, *slug));
        let named = expected.iter().take(NAMED).map(|(slug, n)| format!("{} {}", one_line(slug), amount(*n)));
        let more = expected.len().checked_sub(NAMED).filter(|more| *more > 0).map(|more| format!("{more} more"));
        named.chain(more).collect::<Vec<_>>().join(" · ")
    }

    fn phase(&mut self, phase: Phase) {
        let steps: Vec<&Step> = self.plan.phase(phase).collect();
        let mut parts = vec![pad(phase.name(), 13), pad(&plural(steps.len(), "step"), 9)];
        parts.extend(cost(phase, &steps));
        self.lines.push(String::new());
        self.lines.push(self.palette.strong(parts.join("  ").trim_end()));
        match self.detail {
            PlanDetail::Summary => self.summary(phase, &steps),
            PlanDetail::Full => self.full(phase, &steps),
        }
    }

    fn summary(&mut self, phase: Phase, steps: &[&Step]) {
        let mut table = self.constants(phase);
        for step in steps {
            let mut why = one_line(&step.why);
            if let Some(size) = size(&step.action) {
                why = format!("{size} · {why}");
            }
            table.push([one_line(step.id.as_str()), self.lock(step), why]);
        }
        self.lines.extend(aligned(table, 2));
    }

    /// Tables whose rows get their tenant without a step of the backfill.
    fn constants(&self, phase: Phase) -> Vec<[String; 3]> {
        let constant = |table: &&PlannedTable| phase == Phase::Backfill && matches!(table.strategy, Strategy::Constant(_));
        let line =
            |table: &PlannedTable| [table.table.plain(), "no lock".into(), "0 rows to write: the default of the column answers".into()];
        self.plan.tables.iter().filter(constant).map(line).collect()
    }

    fn full(&mut self, phase: Phase, steps: &[&Step]) {
        let constants = self.constants(phase);
        self.lines.extend(aligned(constants, 2));
        for same in steps.chunk_by(|a, b| a.subject == b.subject) {
            if let Some(subject) = same.first().and_then(|step| step.subject.as_ref()) {
                self.lines.push(format!("  {}", self.palette.strong(one_line(&subject.plain()))));
            }
            for step in same {
                self.step(step);
            }
        }
    }

    fn step(&mut self, step: &Step) {
        let (id, why) = (self.palette.dim(one_line(step.id.as_str())), one_line(&step.why));
        self.lines.push(format!("    {id}  {}", self.lock(step)));
        self.lines.push(format!("      {why}"));
        self.lines.extend(size(&step.action).map(|size| format!("      {size}")));
        for statement in statements(&step.action) {
            self.lines.extend(indented(&statement, 6));
        }
        let undo = match &step.undo {
            Undo::Nothing { because } => format!("nothing: {}", one_line(because)),
            Undo::Impossible { because } => format!("impossible: {}", one_line(because)),
            Undo::Apply { changes } => all(changes),
            Undo::Concurrent { change, then } => [statement(change), all(then)].join("\n"),
        };
        let undo = indented(undo.trim_end(), 12).join("\n");
        let undo = if matches!(step.undo, Undo::Impossible { .. }) { self.palette.bad(undo.trim()) } else { undo.trim().to_owned() };
        self.lines.push(format!("      {} {undo}", self.palette.dim("undo:")));
    }

    fn lock(&self, step: &Step) -> String {
        let text = if is_fill(step) { ROW_LOCKS.into() } else { held(step.lock(), step.duration()) };
        let stops = step.lock().blocks_application() && step.duration() != Duration::Brief;
        if stops { self.palette.warn(text) } else { text }
    }
}

fn is_fill(step: &Step) -> bool {
    matches!(step.action, Action::Fill(_) | Action::Settle { .. })
}

fn amount(n: i64) -> String {
    rows(u64::try_from(n).unwrap_or(0))
}

fn held(lock: LockMode, duration: Duration) -> String {
    let time = match (lock, duration) {
        (LockMode::None, _) => return lock.to_string(),
        (_, Duration::Brief) => "brief",
        (_, Duration::Scan) => "while it reads",
        (_, Duration::Unknown) => "as long as its script takes",
    };
    format!("{lock}, {time}")
}

/// What a phase costs: how much, and the strongest lock with the longest time that it is held.
fn cost(phase: Phase, steps: &[&Step]) -> Vec<String> {
    let mut parts = Vec::new();
    let sizes = steps.iter().filter_map(|step| match &step.action {
        Action::Fill(fill) => Some(fill.rows),
        Action::Backup(spec) => Some(spec.copies.iter().map(|copy| copy.bytes).sum()),
        Action::Settle { .. } | Action::Apply { .. } | Action::Concurrent { .. } => None,
    });
    let size: i64 = sizes.sum();
    match phase {
        Phase::Backup if size > 0 => parts.push(format!("~{} to copy", bytes(size.unsigned_abs()))),
        Phase::Backfill => parts.push(format!("~{} rows to write", amount(size))),
        _ => {}
    }
    if let Some(lock) = steps.iter().map(|step| step.lock()).max() {
        let strongest = || steps.iter().filter(|step| step.lock() == lock);
        let duration = strongest().map(|step| step.duration()).max().unwrap_or(Duration::Brief);
        let mut text = if strongest().all(|step| is_fill(step)) { ROW_LOCKS.into() } else { held(lock, duration) };
        if !lock.blocks_application() && lock != LockMode::None {
            text.push_str(": blocks no reader and no writer");
        }
        parts.push(text);
    }
    vec![parts.join("; ")]
}

fn size(action: &Action) -> Option<String> {
    match action {
        Action::Fill(fill) => {
            let how = if fill.default.is_some() { "all others read the default" } else { "striped" };
            Some(format!("~{} rows, {}, {how}", amount(fill.rows), plural(fill.pages, "page")))
        }
        Action::Settle { fills } => Some(format!("passes over {}", plural(fills.len(), "table"))),
        Action::Backup(spec) => {
            let size: i64 = spec.copies.iter().map(|copy| copy.bytes).sum();
            Some(format!("{}, ~{}", plural(spec.copies.len(), "table"), bytes(size.unsigned_abs())))
        }
        Action::Apply { .. } | Action::Concurrent { .. } => None,
    }
}

fn statements(action: &Action) -> Vec<String> {
    match action {
        Action::Apply { changes } => changes.iter().map(statement).collect(),
        Action::Concurrent { change } => vec![statement(change)],
        Action::Fill(fill) => vec![format!("for example:\n{}", example(fill))],
        Action::Settle { fills } => fills.iter().map(example).collect(),
        Action::Backup(spec) => spec
            .copies
            .iter()
            .flat_map(|copy| backup::whole(&copy.table, &copy.copy, &copy.columns))
            .map(|statement| ended(&statement))
            .collect(),
    }
}

fn example(fill: &FillSpec) -> String {
    let (pages, stripe) = EXAMPLE;
    ended(&fill.batch(0..pages, stripe).statement())
}

fn all(changes: &[Change]) -> String {
    changes.iter().map(statement).collect::<Vec<_>>().join("\n")
}

/// Lines of a statement; control characters of a script must not steer the terminal.
fn indented(text: &str, by: usize) -> Vec<String> {
    let clean = |c: char| if c.is_control() && c != '\t' { ' ' } else { c };
    text.lines().map(|line| format!("{}{}", " ".repeat(by), line.trim_end().chars().map(clean).collect::<String>())).collect()
}

/// Rows with every column but the last as wide as its widest cell.
fn aligned<const N: usize>(table: Vec<[String; N]>, indent: usize) -> Vec<String> {
    let mut widths = [0; N];
    for row in &table {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(console::measure_text_width(cell));
        }
    }
    let line = |row: [String; N]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| pad(cell, width)).collect();
        format!("{}{}", " ".repeat(indent), cells.join("  ").trim_end())
    };
    table.into_iter().map(line).collect()
}

fn closing(plan: &Plan, palette: Palette) -> String {
    let next = if plan.blockers() > 0 { "Resolve the blockers, then ask again: tenantize plan" } else { "Start with: tenantize run" };
    palette.strong(format!("{}. Nothing was changed. {next}", findings::tally(&plan.findings))) + "\n"
}
