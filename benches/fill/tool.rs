//! The program itself, as an operator runs it.

use std::path::PathBuf;
use std::process::Command;

use diesel::prelude::*;
use diesel::sql_types::Double;
use tempfile::TempDir;

use crate::args::Rule;
use crate::stage::{OTHER, Stage, TENANT};

/// A folder with a configuration, and the database it is for.
pub(crate) struct Tool {
    folder: TempDir,
    url: String,
}

#[derive(QueryableByName)]
struct Seconds {
    #[diesel(sql_type = Double)]
    seconds: f64,
}

pub(crate) fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_tenantize"))
}

impl Tool {
    /// For `items` and `owners` in the database `work`.
    pub(crate) fn new(stage: &Stage, rule: Rule) -> Self {
        let parent = "{ parent = \"public.owners\" }".to_owned();
        let one = || "\"default\"".to_owned();
        let (owners, items) = match rule {
            Rule::Literal => (one(), one()),
            Rule::Derived => (one(), parent),
            Rule::Most => ("{ csv = \"owners.csv\", key = \"id\", otherwise = \"default\" }".to_owned(), parent),
        };
        let tool = Self::with_tables(
            stage,
            if rule == Rule::Most { "csv = \"tenants.csv\"\n" } else { "" },
            &format!("[tables.\"public.owners\"]\ntenant = {owners}\n[tables.\"public.items\"]\ntenant = {items}\n"),
        );
        if rule == Rule::Most {
            std::fs::write(tool.folder().join("tenants.csv"), format!("slug,id\nother,{OTHER}\n")).unwrap();
            std::fs::write(tool.folder().join("owners.csv"), stage.elsewhere()).unwrap();
        }
        tool
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// With these tables, and more in the section `[tenants]`; without a backup.
    pub(crate) fn with_tables(stage: &Stage, tenants: &str, tables: &str) -> Self {
        Self::with(stage, tenants, &format!("[backup]\nmethod = \"off\"\n{tables}"))
    }

    /// With more in the section `[tenants]`, and other sections.
    pub(crate) fn with(stage: &Stage, tenants: &str, sections: &str) -> Self {
        let toml = format!(
            "version = 1\n[tenants]\ntable = \"public.tenants\"\ndefault = {{ slug = \"default\", id = \"{TENANT}\" }}\n{tenants}{sections}"
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tenantize.toml"), toml).unwrap();
        Self { folder, url: stage.url("work") }
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(args).arg("--progress=none").current_dir(self.folder.path()).env("DATABASE_URL", &self.url);
        command
    }

    pub(crate) fn call(&self, args: &[&str]) {
        let out = self.command(args).output().unwrap();
        assert!(out.status.success(), "tenantize {}: {}", args.join(" "), String::from_utf8_lossy(&out.stderr));
    }

    /// How long a finished step took, as the journal has it.
    pub(crate) fn step(stage: &Stage, step: &str) -> f64 {
        let query =
            format!("SELECT extract(epoch FROM finished_at - started_at)::float8 AS seconds FROM tenantize.steps WHERE step_id = '{step}'");
        diesel::sql_query(query).get_result::<Seconds>(&mut stage.connect("work")).unwrap().seconds
    }
}
