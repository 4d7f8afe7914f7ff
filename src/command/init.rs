//! `tenantize init`: a first configuration, with reasons.

use super::Context;
use crate::catalog::Catalog;
use crate::cli::InitArgs;
use crate::error::Error;
use crate::rule::propose::{ProposeOptions, propose};
use crate::sql::{Ident, QualifiedName};

pub(super) fn run(cx: &Context<'_>, args: &InitArgs) -> Result<(), Error> {
    let path = &cx.connection.config;
    if !args.stdout && path.exists() {
        return Err(Error::Usage {
            message: format!("{} exists and is not overwritten", path.display()),
            hint: "look at a proposal with: tenantize init --stdout; or name another file with --config".into(),
        });
    }
    let usage = |error: crate::sql::IdentError| Error::Usage { message: error.to_string(), hint: "correct the name".into() };
    let schemas = args.schema.iter().map(|schema| Ident::new(schema.as_str())).collect::<Result<Vec<_>, _>>().map_err(usage)?;
    let registry: Option<QualifiedName> = args.registry.as_ref().map(|name| name.parse()).transpose().map_err(usage)?;
    let column = Ident::new(args.column.as_str()).map_err(usage)?;
    let db = cx.connect(None, 1)?;
    let catalog = Catalog::load(&mut *db.get()?, &schemas)?;
    if let Some(registry) = registry.as_ref().filter(|registry| catalog.table(registry).is_none()) {
        return Err(Error::Usage {
            message: format!("there is no table {}", registry.plain()),
            hint: "correct --registry, or leave it out".into(),
        });
    }
    let proposal = propose(&catalog, &ProposeOptions { registry, column });
    if args.stdout {
        cx.ui.out(&proposal.to_toml())?;
        cx.ui.say(&proposal.summary());
        return Ok(());
    }
    std::fs::write(path, proposal.to_toml()).map_err(Error::system(format!("cannot write {}", path.display())))?;
    cx.ui.say(&proposal.summary());
    cx.ui.say(&format!("Wrote {}. Read it, correct it, then look at: tenantize check", path.display()));
    Ok(())
}
