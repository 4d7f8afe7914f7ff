//! `tenantize.toml`: what the operator decided.

mod context;
mod file;
mod rule;

pub use context::{ChosenFrom, Context, MembershipRls, UserFrom};
pub use file::{
    BackupConfig, BackupMethod, Config, DefaultTenant, ExpandConfig, FormWish, KeyPolicy, MembershipConfig, OnDelete, Orphans, RlsConfig,
    RoleSource, Scope, TableConfig, TenantsConfig, TriggerPolicy, Views,
};
pub use rule::Rule;

use std::path::{Path, PathBuf};

use crate::sql::QualifiedName;

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or not readable.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not the TOML that is expected.
    #[error("{path} is not a valid configuration\n{message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        message: String,
        /// The nearest valid key of a misspelt one.
        nearest: Option<String>,
    },
    /// The values contradict each other.
    #[error("{path}: {message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

impl ConfigError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } => Some("write it with: tenantize init".into()),
            Self::Parse { nearest: Some(key), .. } => Some(format!("did you mean `{key}`?")),
            Self::Parse { nearest: None, .. } => Some("correct that line; docs/configuration.md describes every key".into()),
            Self::Invalid { path, .. } => Some(format!("correct it in {}", path.display())),
        }
    }
}

impl Config {
    /// Reads and checks a configuration file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// The tables that every tenant reads.
    pub fn shared(&self) -> impl Iterator<Item = &QualifiedName> {
        self.tables.iter().filter(|(_, table)| table.scope == Some(Scope::Shared)).map(|(name, _)| name)
    }

    /// The tables that the operator wants left alone.
    pub fn ignored(&self) -> impl Iterator<Item = &QualifiedName> {
        self.tables.iter().filter(|(_, table)| table.scope == Some(Scope::Ignored)).map(|(name, _)| name)
    }

    /// Parses the text of the configuration file `path`; relative file names in it start at its folder.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|error| ConfigError::Parse {
            path: path.to_owned(),
            nearest: nearest_key(error.message()),
            message: error.to_string().trim_end().to_owned(),
        })?;
        config.dir = path.parent().map(Path::to_owned).unwrap_or_default();
        config.validate().map_err(|message| ConfigError::Invalid { path: path.to_owned(), message })?;
        Ok(config)
    }
}

/// Finds the valid key that is most like the unknown one in serde's "unknown field `x`, expected one of `a`, `b`".
fn nearest_key(message: &str) -> Option<String> {
    let mut quoted = message.strip_prefix("unknown ")?.split('`').skip(1).step_by(2);
    let wrong = quoted.next()?;
    quoted
        .map(|key| (strsim::damerau_levenshtein(wrong, key), key))
        .filter(|(distance, key)| *distance <= 3 && *distance < key.len())
        .min()
        .map(|(_, key)| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("conf/tenantize.toml"), text)
    }

    const HEAD: &str = "version = 1\n[tenants]\ntable = \"public.tenants\"\ndefault = { slug = \"default\", name = \"D\" }\n";

    #[test]
    fn the_example_of_the_reference_is_read() {
        let config = parse(&format!(
            "{HEAD}[tables.\"public.users\"]\ntenant = \"default\"\n\
             [tables.\"public.projects\"]\ntenant = {{ csv = \"p.csv\", key = \"id\", otherwise = \"default\" }}\n\
             unique = {{ projects_slug_key = \"per-tenant\" }}\n\
             [tables.\"public.files\"]\ntenant = [{{ parent = \"public.projects\" }}, \"default\"]\n\
             [tables.\"public.plans\"]\nscope = \"shared\"\n"
        ))
        .unwrap();
        let rules = |name: &str| config.tables[&name.parse().unwrap()].rules.clone();
        assert_eq!(rules("public.users"), [Rule::Tenant("default".into())]);
        assert_eq!(rules("public.projects").len(), 2, "otherwise becomes a rule of its own");
        assert!(matches!(rules("public.files")[0], Rule::Parent { .. }));
        assert_eq!(config.file("p.csv"), Path::new("conf/p.csv"));
    }

    #[test]
    fn an_unknown_key_names_the_nearest_valid_one() {
        let error = parse(&HEAD.replace("table =", "tabel =")).unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("did you mean `table`?"), "{error}");
        let error = parse(&format!("{HEAD}[tables.\"public.a\"]\ntenant = {{ parnet = \"public.b\" }}\n")).unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("did you mean `parent`?"), "{error}");
    }

    #[test]
    fn contradictions_are_refused() {
        for (tail, part) in [
            ("[tables.\"public.a\"]\nscope = \"shared\"\ntenant = \"default\"\n", "both"),
            ("[tables.\"public.a\"]\n", "neither"),
            ("[tables.\"public.a\"]\ntenant = { csv = \"a.csv\" }\n", "key"),
            ("[tables.\"public.a\"]\ntenant = [\"default\", { parent = \"public.b\" }]\n", "never reached"),
            ("[tables.\"a\"]\ntenant = \"default\"\n", "schema"),
        ] {
            let error = parse(&format!("{HEAD}{tail}")).unwrap_err().to_string();
            assert!(error.contains(part), "{tail}: {error}");
        }
    }

    #[test]
    fn a_version_from_the_future_is_refused() {
        assert!(parse(&HEAD.replace("version = 1", "version = 9")).unwrap_err().to_string().contains("version 9"));
    }
}
