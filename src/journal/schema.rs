//! The journal's tables.

diesel::table! {
    /// Executions of a plan.
    tenantize.runs (id) {
        id -> BigInt,
        plan_id -> Text,
        plan -> Jsonb,
        config_hash -> Text,
        tool_version -> Text,
        state -> Text,
        epoch -> Integer,
        stops_after -> Nullable<Text>,
        started_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// The steps of a run and how far each has come.
    tenantize.steps (run_id, step_id) {
        run_id -> BigInt,
        step_id -> Text,
        position -> Integer,
        phase -> Text,
        state -> Text,
        attempts -> Integer,
        rows_done -> Nullable<BigInt>,
        error -> Nullable<Text>,
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// Ranges of heap pages that workers claim.
    tenantize.fill_chunks (run_id, step_id, relation, pass, first_page) {
        run_id -> BigInt,
        step_id -> Text,
        relation -> Text,
        pass -> Integer,
        first_page -> BigInt,
        end_page -> BigInt,
        stripes -> Integer,
        stripe -> Integer,
        next_page -> BigInt,
        rows_done -> BigInt,
        state -> Text,
        program -> Nullable<Integer>,
        worker -> Nullable<Integer>,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    /// Copies with the count and hash of the source at the snapshot.
    tenantize.backups (run_id, relation) {
        run_id -> BigInt,
        relation -> Text,
        copy -> Text,
        copied_columns -> Jsonb,
        rows_copied -> BigInt,
        hash -> Text,
        taken_at -> Timestamptz,
    }
}

diesel::table! {
    /// What the operator asks of a run while it works.
    tenantize.control (run_id) {
        run_id -> BigInt,
        paused -> Bool,
        settings -> Jsonb,
    }
}

diesel::table! {
    /// Programs that work on a run, and what each said last about itself.
    tenantize.programs (run_id, program) {
        run_id -> BigInt,
        program -> Integer,
        state -> Jsonb,
        seen_at -> Timestamptz,
    }
}

diesel::table! {
    /// What happened, for the report.
    tenantize.events (run_id, id) {
        run_id -> BigInt,
        id -> BigInt,
        at -> Timestamptz,
        event -> Jsonb,
    }
}

diesel::joinable!(steps -> runs (run_id));
diesel::joinable!(backups -> runs (run_id));
diesel::joinable!(control -> runs (run_id));
diesel::joinable!(events -> runs (run_id));
diesel::joinable!(programs -> runs (run_id));
diesel::allow_tables_to_appear_in_same_query!(backups, control, events, fill_chunks, programs, runs, steps);
